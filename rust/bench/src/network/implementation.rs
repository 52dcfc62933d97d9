//! The protocols that are compared, and how an end of each is made.

use super::endpoint::Endpoint;
#[cfg(feature = "quic")]
use super::quic::{self, Congestion};
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
    /// QUIC, for transfers.
    #[cfg(feature = "quic")]
    Quic(Congestion),
}

impl Implementation {
    pub(super) const ALL: &[Self] = &[
        Self::EnetRs,
        Self::Stock,
        Self::Kcp,
        #[cfg(feature = "quic")]
        Self::Quic(Congestion::Cubic),
        #[cfg(feature = "quic")]
        Self::Quic(Congestion::Bbr),
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::EnetRs => "enet_rs",
            Self::Stock => "stock",
            Self::Kcp => "kcp",
            #[cfg(feature = "quic")]
            Self::Quic(Congestion::Cubic) => "cubic",
            #[cfg(feature = "quic")]
            Self::Quic(Congestion::Bbr) => "bbr",
        }
    }

    /// Whether it is ENet, so that it has all that ENet has.
    pub(super) const fn is_enet(self) -> bool {
        matches!(self, Self::EnetRs | Self::Stock)
    }

    /// Whether it is there for transfers alone.
    pub(super) fn is_for_transfers(self) -> bool {
        !matches!(self, Self::EnetRs | Self::Stock | Self::Kcp)
    }

    /// The socket that it has: the receive buffer that Linux grants. Ours asks for 256 KiB, of which Linux
    /// grants what it gives anyway, and counts it twice; Godot's build of ENet does not ask.
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
            #[cfg(feature = "quic")]
            Self::Quic(congestion) => Box::new(quic::Quic::new(socket, remote, seed, congestion)),
        }
    }
}
