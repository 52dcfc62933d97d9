//! What a connection and its peers share, without anything that belongs to scripts: nothing here knows an object of Godot's.
//!
//! [`HostCore`] owns the driver and offers its commands by name. A [`PeerLink`] is a peer of it, with the packets that it
//! has sent and nobody has read. Both are used by the thread that has the lock of their connection ([`Guarded`]).

mod core;
mod link;
mod packet_queue;

pub(crate) use core::{ActiveHost, HostCore, drain_at_exit};
pub(crate) use link::{Ended, PeerLink};

use crate::takeover::Guarded;
use enet_rs_driver::protocol::PacketFlags;
use std::sync::Arc;

/// Highest number of channels a connection can have.
pub(crate) const MAX_CHANNELS: u8 = 255;

/// A host that objects share.
pub(crate) type Core = Arc<Guarded<HostCore>>;
/// A peer that objects share.
pub(crate) type Link = Arc<Guarded<PeerLink>>;

/// The flags that scripts may pass with a packet, or `None` if others are among them.
pub(crate) fn packet_flags(flags: i32) -> Option<PacketFlags> {
    PacketFlags::from_bits(flags.cast_unsigned())
}
