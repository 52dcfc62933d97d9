//! The interface to an ENet host on a real socket, of any implementation.

use crate::message::{Event, Kind};
use std::net::SocketAddr;
use std::time::Duration;

/// A host on the loopback interface. Workloads use channel 0 only.
pub(crate) trait End: Sized {
    /// Identifies a connection.
    type Peer: Copy;

    fn server(max_peers: u16) -> Self;

    fn client() -> Self;

    fn address(&self) -> SocketAddr;

    fn connect(&mut self, to: SocketAddr);

    /// Sends a copy of `payload`, like an application that builds its message in its own buffer.
    fn send(&mut self, peer: Self::Peer, payload: &[u8], kind: Kind);

    /// Sends a copy of `payload` to every peer.
    fn broadcast(&mut self, payload: &[u8], kind: Kind);

    /// One step of a game's service loop: returns an event that waits already, else sends and receives. Waits
    /// for up to `wait` if the implementation can.
    fn service(&mut self, wait: Duration) -> Option<Event<Self::Peer>>;

    /// Sends what is queued.
    fn flush(&mut self);
}
