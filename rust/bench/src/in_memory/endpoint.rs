//! What a workload needs of an ENet host, whichever implementation it is.

use super::network::Network;
use crate::message::{Event, Kind};
use std::net::SocketAddr;

/// One host on a [`Network`].
pub(crate) trait Endpoint {
    /// Names a connection.
    type Peer: Copy;

    fn new(network: &Network, max_peers: u16) -> Self;

    fn address(&self) -> SocketAddr;

    fn connect(&mut self, to: SocketAddr);

    fn disconnect(&mut self, peer: Self::Peer);

    fn set_ping_interval(&mut self, peer: Self::Peer, milliseconds: u32);

    /// Sends a copy of `payload` on channel 0, as an application does that builds its message in a buffer of its own.
    fn send(&mut self, peer: Self::Peer, payload: &[u8], kind: Kind);

    /// Sends a copy of `payload` to every peer on channel 0.
    fn broadcast(&mut self, payload: &[u8], kind: Kind);

    /// One call of what a game calls until it gives nothing more: an event that waits already, else sends and receives
    /// what there is to send and to receive.
    fn service(&mut self) -> Option<Event<Self::Peer>>;
}
