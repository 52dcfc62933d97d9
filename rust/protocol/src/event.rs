//! What the engine reports: connections that came up or ended, and messages.

use crate::PeerId;
use bitflags::bitflags;
use bytes::Bytes;

bitflags! {
    /// How a message is to be sent, or how it was sent (`ENetPacketFlag`; the numbers are Godot's
    /// `ENetPacketPeer.FLAG_*`). None: unreliable, but never out of order.
    #[derive(Copy, Clone, Debug, Default, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
    pub struct PacketFlags: u32 {
        /// Arrives exactly once and in order, or the connection ends.
        const RELIABLE = 1;
        /// May arrive in any order; ignored together with `RELIABLE`.
        const UNSEQUENCED = 2;
        /// A message above the MTU is cut into unreliable fragments; without this flag it becomes reliable.
        const UNRELIABLE_FRAGMENT = 8;
    }
}

/// A received message.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Packet {
    /// The message's bytes.
    pub payload: Bytes,
    /// How it travelled, read off the received command: the sender's flags may have said more.
    pub flags: PacketFlags,
}

/// Why a connection ended.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, serde::Serialize, serde::Deserialize)]
pub enum DisconnectReason {
    /// The remote host asked for it.
    Remote,
    /// This host asked for it, and the remote host has confirmed, or there was nothing to confirm.
    Local,
    /// The remote host did not answer, neither to the connection attempt nor to later messages.
    TimedOut,
    /// The remote host refuses the attempt to connect, since all its slots are taken, or its answer
    /// contradicts the request.
    Rejected,
    /// The name of the remote host has no address.
    Unresolved,
    /// The layer below has reported that datagrams get there no more, see
    /// [`Host::handle_unreachable`](crate::Host::handle_unreachable).
    Unreachable,
}

/// Something that happened, from [`Host::poll_event`](crate::Host::poll_event).
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Event {
    /// A connection is up, from either side.
    Connect {
        /// The new connection.
        peer: PeerId,
        /// The number that the connecting host sent along; 0 on the connecting host itself.
        data: u32,
    },
    /// A connection, or the attempt to make one, is over. `peer` is stale from here on.
    Disconnect {
        /// The connection that ended.
        peer: PeerId,
        /// The number that the remote host passed when it disconnected; else 0.
        data: u32,
        /// What ended it.
        reason: DisconnectReason,
    },
    /// A message has arrived.
    Receive {
        /// The connection it came over.
        peer: PeerId,
        /// The channel it came over.
        channel: u8,
        /// The message.
        packet: Packet,
    },
}
