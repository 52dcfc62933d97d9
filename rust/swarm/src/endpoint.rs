//! What a world needs of an ENet host, so that the engine and other implementations can stand in for each other.

use bytes::Bytes;
use enet_rs_protocol::{DisconnectReason, PacketFlags};
use std::net::SocketAddr;

/// Names a connection of one endpoint; never used twice.
pub(crate) type Key = usize;

/// How a connection is to be ended.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    Disconnect,
    Later,
    Now,
    Reset,
}

/// Something to change about a connection.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Setting {
    Ping,
    PingInterval(u32),
    Timeout { limit: u32, minimum: u32, maximum: u32 },
    Throttle { interval: u32, acceleration: u32, deceleration: u32 },
}

/// What an endpoint tells its owner.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Connect {
        key: Key,
        data: u32,
    },
    Disconnect {
        key: Key,
        data: u32,
        /// `None` where the endpoint does not say.
        reason: Option<DisconnectReason>,
    },
    Receive {
        key: Key,
        channel: u8,
        payload: Bytes,
        /// `None` where the endpoint does not say.
        flags: Option<PacketFlags>,
    },
}

/// What came out of an endpoint's work, in order.
#[derive(Default)]
pub(crate) struct Output {
    pub(crate) datagrams: Vec<(SocketAddr, Bytes)>,
    pub(crate) events: Vec<Event>,
}

/// Bytes sent, datagrams sent, bytes received, datagrams received.
pub(crate) type Counters = [u32; 4];

/// One ENet host without a socket. Times are milliseconds of the host's own clock.
pub(crate) trait Endpoint {
    /// `None` if all slots are taken.
    fn connect(&mut self, to: SocketAddr, channels: u8, data: u32) -> Option<Key>;
    /// `false` if it was refused.
    fn send(&mut self, key: Key, channel: u8, payload: Bytes, flags: PacketFlags) -> bool;
    fn broadcast(&mut self, channel: u8, payload: Bytes, flags: PacketFlags);
    /// Gives whether a Disconnect event will follow.
    fn end(&mut self, key: Key, how: Ending, data: u32) -> bool;
    fn set(&mut self, key: Key, setting: Setting);
    fn set_bandwidth_limit(&mut self, incoming: u32, outgoing: u32);
    fn set_channel_limit(&mut self, limit: u8);
    /// The number by which datagrams name the connection.
    fn slot(&self, key: Key) -> u16;
    /// How many channels messages can be sent on now; 0 if none.
    fn open_channels(&self, key: Key) -> u8;
    fn receive(&mut self, now: u64, from: SocketAddr, datagram: Bytes);
    /// Does what is due: repeats, sends, tells.
    fn work(&mut self, now: u64, output: &mut Output);
    fn next_timeout(&self, now: u64) -> Option<u64>;
    /// Counts since the last call, where the endpoint has counters.
    fn take_counters(&mut self) -> Option<Counters>;
    /// Bytes of messages that wait, where the endpoint tells.
    fn waiting_bytes(&self) -> Option<usize>;
}
