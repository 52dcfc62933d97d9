//! What a connection and its peers share, without anything that belongs to scripts: nothing here knows an
//! object of Godot's.
//!
//! [`HostCore`] owns the driver and offers its commands by name. A [`PeerLink`] is a peer of it, with the
//! packets that it has sent and nobody has read. Both are used by the thread that has the lock of their
//! connection ([`Guarded`](crate::takeover::Guarded)).

mod core;
mod link;
mod packet_queue;

pub(crate) use core::{ActiveHost, Core, HostCore, drain_at_exit};
pub(crate) use link::{Ended, Link, PeerLink, packet_flags};

/// Highest number of channels a connection can have.
pub(crate) const MAX_CHANNELS: u8 = 255;
