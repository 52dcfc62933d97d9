//! The interface to an ENet host without a socket, so that a world can mix implementations.

use bytes::Bytes;
use enet_rs_protocol::{DisconnectReason, PacketFlags};
use std::net::SocketAddr;

/// Identifies a connection of one endpoint; never used twice.
pub(crate) type Key = usize;

/// The ways in which an owner can end a connection.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    Disconnect,
    Later,
    Now,
    Reset,
}

/// A setting of a connection, with its new value. Times are milliseconds.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Setting {
    Ping,
    PingInterval(u32),
    Timeout {
        limit: u32,
        minimum: u32,
        maximum: u32,
    },
    Throttle {
        interval: u32,
        acceleration: u32,
        deceleration: u32,
    },
    /// Nothing, for stock ENet.
    ChannelPriority {
        channel: u8,
        level: u8,
        weight: u8,
    },
}

/// An event of an endpoint.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Connect {
        key: Key,
        data: u32,
    },
    Disconnect {
        key: Key,
        data: u32,
        /// `None` if the endpoint does not report it.
        reason: Option<DisconnectReason>,
    },
    Receive {
        key: Key,
        channel: u8,
        payload: Bytes,
        /// `None` if the endpoint does not report it.
        flags: Option<PacketFlags>,
    },
}

/// What an endpoint has produced, oldest first.
#[derive(Default)]
pub(crate) struct Output {
    pub(crate) datagrams: Vec<(SocketAddr, Bytes)>,
    pub(crate) events: Vec<Event>,
}

/// Bytes sent, datagrams sent, bytes received, datagrams received.
pub(crate) type Counters = [u32; 4];

/// One ENet host without a socket. Times are milliseconds of the host's own clock.
pub(crate) trait Endpoint {
    /// Begins to connect; `None` if all slots are in use.
    fn connect(&mut self, to: SocketAddr, channels: u8, data: u32) -> Option<Key>;
    /// Queues a message; `false` if the endpoint refuses it.
    fn send(&mut self, key: Key, channel: u8, payload: Bytes, flags: PacketFlags) -> bool;
    fn broadcast(&mut self, channel: u8, payload: Bytes, flags: PacketFlags);
    /// Ends a connection, and returns whether a Disconnect event will follow.
    fn end(&mut self, key: Key, how: Ending, data: u32) -> bool;
    fn set(&mut self, key: Key, setting: Setting);
    fn set_bandwidth_limit(&mut self, incoming: u32, outgoing: u32);
    fn set_channel_limit(&mut self, limit: u8);
    /// The slot that datagrams to this end carry.
    fn slot(&self, key: Key) -> u16;
    /// The number of channels on which messages can be sent now.
    fn open_channels(&self, key: Key) -> u8;
    fn receive(&mut self, now: u64, from: SocketAddr, datagram: Bytes);
    /// Services the endpoint: timers, datagrams to send, events.
    fn work(&mut self, now: u64, output: &mut Output);
    fn next_timeout(&self, now: u64) -> Option<u64>;
    /// Takes the counts since the last call; `None` if the endpoint has no counters.
    fn take_counters(&mut self) -> Option<Counters>;
    /// Bytes of messages that wait; `None` if the endpoint does not report them.
    fn waiting_bytes(&self) -> Option<usize>;
}
