//! What a workload needs of an ENet host on a real socket, whichever implementation it is.

use crate::message::{Event, Kind};
use std::net::SocketAddr;
use std::time::Duration;

/// A host on the loopback interface. Channel 0 is the one that is used.
pub(crate) trait End: Sized {
    /// Names a connection.
    type Peer: Copy;

    fn server(max_peers: u16) -> Self;

    fn client() -> Self;

    fn address(&self) -> SocketAddr;

    fn connect(&mut self, to: SocketAddr);

    /// Sends a copy of `payload`, as an application does that builds its message in a buffer of its own.
    fn send(&mut self, peer: Self::Peer, payload: &[u8], kind: Kind);

    /// Sends a copy of `payload` to every peer.
    fn broadcast(&mut self, payload: &[u8], kind: Kind);

    /// One call of what a game calls until it gives nothing more: an event that waits already, else sends and receives
    /// what there is to send and to receive. Waits for it for up to `wait`; not every implementation can.
    fn service(&mut self, wait: Duration) -> Option<Event<Self::Peer>>;

    /// Sends what is queued.
    fn flush(&mut self);
}
