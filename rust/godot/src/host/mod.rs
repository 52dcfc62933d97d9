//! The host that a connection and its peers share, without anything that belongs to scripts: no object of
//! Godot's is used here.
//!
//! [`HostCore`] owns the driver and offers its commands by name. A [`PeerLink`] is a peer of it, with the
//! received packets that no script has read. Both are used by the thread that owns the lock of their
//! connection ([`Guarded`](crate::takeover::Guarded)).

mod core;
mod driving;
mod link;
mod packet_queue;
mod send_credit;

pub(crate) use core::{ActiveHost, Core, HostCore, drain_at_exit};
pub(crate) use link::{Ended, Link, PeerLink, packet_flags};

/// Highest number of channels a connection can have.
pub(crate) const MAX_CHANNELS: u8 = 255;
