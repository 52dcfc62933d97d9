//! The interface to an ENet host without a socket, of any implementation.

use super::network::Network;
use crate::message::{Event, Kind};
use std::net::SocketAddr;

/// One host on a [`Network`].
pub(crate) trait Endpoint {
    /// Identifies a connection.
    type Peer: Copy;

    fn new(network: &Network, max_peers: u16) -> Self;

    fn address(&self) -> SocketAddr;

    fn connect(&mut self, to: SocketAddr);

    fn disconnect(&mut self, peer: Self::Peer);

    fn set_ping_interval(&mut self, peer: Self::Peer, milliseconds: u32);

    /// Sends a copy of `payload` on channel 0, like an application that builds its message in its own buffer.
    fn send(&mut self, peer: Self::Peer, payload: &[u8], kind: Kind);

    /// Sends a copy of `payload` to every peer on channel 0.
    fn broadcast(&mut self, payload: &[u8], kind: Kind);

    /// One step of a game's service loop: returns an event that waits already, else sends and receives.
    fn service(&mut self) -> Option<Event<Self::Peer>>;
}
