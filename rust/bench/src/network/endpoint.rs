//! What the laboratory needs of a protocol, whichever it is. Times are microseconds of virtual time.

use crate::message::Kind;
use bytes::Bytes;

/// Channels of a connection, where it has channels.
pub(super) const CHANNELS: u8 = 4;

/// What an endpoint reports.
pub(super) enum Event {
    /// The connection is up.
    Connected,
    /// The connection, or the attempt to make one, is over.
    Disconnected,
    /// A message has arrived.
    Message(Bytes),
}

/// One end of a connection, over a [`Socket`](super::socket::Socket).
pub(super) trait Endpoint {
    /// Begins the connection; the other end does not.
    fn connect(&mut self, now: u64);

    /// Queues a message; one that is sent while there is no connection is dropped.
    fn send(&mut self, now: u64, channel: u8, message: Bytes, kind: Kind);

    /// What a program does once per frame, or when something has arrived or is due: timers, receiving,
    /// sending, taking the events.
    fn service(&mut self, now: u64, events: &mut Vec<Event>);

    /// Sends what the program has queued since.
    fn flush(&mut self, now: u64);

    /// When the next [`service`](Self::service) has something to do although nothing arrives.
    fn next_timeout(&mut self, now: u64) -> u64;
}
