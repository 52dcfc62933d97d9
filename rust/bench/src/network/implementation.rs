//! The protocols that are compared, and how an end of each is made.

use super::endpoint::Endpoint;
use super::socket::Socket;
use super::{enet_rs, kcp, stock};
use enet_rs_sim::ReceiveBuffer;
use std::net::SocketAddr;

/// A protocol.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Implementation {
    /// The engine of this project.
    EnetRs,
    /// ENet 1.3.18, as the crate `rusty_enet` has translated it.
    Stock,
    /// KCP in its fast mode.
    Kcp,
}

impl Implementation {
    pub(super) const ALL: [Self; 3] = [Self::EnetRs, Self::Stock, Self::Kcp];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::EnetRs => "enet_rs",
            Self::Stock => "stock",
            Self::Kcp => "kcp",
        }
    }

    /// Whether it has messages that may be lost.
    pub(super) const fn has_unreliable(self) -> bool {
        !matches!(self, Self::Kcp)
    }

    /// Whether it makes connections, which can come to an end.
    pub(super) const fn has_handshake(self) -> bool {
        !matches!(self, Self::Kcp)
    }

    /// The socket that it has: the receive buffer that Linux grants. Ours asks for 256 KiB, of which Linux grants what it
    /// gives anyway, and counts it twice; Godot's build of ENet does not ask.
    pub(super) fn socket(self) -> Socket {
        Socket::new(match self {
            Self::Stock => ReceiveBuffer::LINUX_DEFAULT,
            _ => 2 * ReceiveBuffer::LINUX_DEFAULT,
        })
    }

    /// One end, whose other end is at `remote`.
    pub(super) fn end(self, socket: Socket, remote: SocketAddr, now: u64, seed: u64) -> Box<dyn Endpoint> {
        match self {
            Self::EnetRs => Box::new(enet_rs::EnetRs::new(socket, remote, seed)),
            Self::Stock => Box::new(stock::Stock::new(socket, remote, now, seed)),
            Self::Kcp => Box::new(kcp::FastKcp::new(socket, remote)),
        }
    }
}
