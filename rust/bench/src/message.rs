//! Messages and events, independent of the implementation.

use enet_rs_protocol::{self as ours, PacketFlags, PeerId};
use rusty_enet as stock;

/// How a message is sent.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Reliable,
    Unreliable,
}

impl Kind {
    /// The flags in this project's engine.
    pub(crate) fn flags(self) -> PacketFlags {
        match self {
            Self::Reliable => PacketFlags::RELIABLE,
            Self::Unreliable => PacketFlags::empty(),
        }
    }

    /// A packet of `rusty_enet`.
    pub(crate) fn packet(self, payload: &[u8]) -> stock::Packet {
        match self {
            Self::Reliable => stock::Packet::reliable(payload),
            Self::Unreliable => stock::Packet::unreliable(payload),
        }
    }
}

/// An event of a host. Received messages are dropped at once; their size shows that they arrived.
pub(crate) enum Event<P> {
    Connect(P),
    Disconnect,
    Receive { bytes: usize },
}

impl From<ours::Event> for Event<PeerId> {
    fn from(event: ours::Event) -> Self {
        match event {
            ours::Event::Connect { peer, .. } => Self::Connect(peer),
            ours::Event::Disconnect { .. } => Self::Disconnect,
            ours::Event::Receive { packet, .. } => Self::Receive { bytes: packet.payload.len() },
        }
    }
}

impl From<stock::EventNoRef> for Event<stock::PeerID> {
    fn from(event: stock::EventNoRef) -> Self {
        match event {
            stock::EventNoRef::Connect { peer, .. } => Self::Connect(peer),
            stock::EventNoRef::Disconnect { .. } => Self::Disconnect,
            stock::EventNoRef::Receive { packet, .. } => Self::Receive { bytes: packet.data().len() },
        }
    }
}
