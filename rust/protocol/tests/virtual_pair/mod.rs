//! Two engines, client and server, in a virtual world: what the tests of single connections are written with.
#![allow(missing_docs, dead_code, unreachable_pub)]

use bytes::Bytes;
use enet_rs_protocol::{Event, Host, HostConfig, PacketFlags, PeerId, Time};
use enet_rs_sim::{Conditions, Happening, MILLISECOND, World};
use std::net::SocketAddr;

pub const CLEAN: Conditions = Conditions::with_latency(10 * MILLISECOND);
/// Bad, but not so bad that ENet's time-out rule would often end the connection.
pub const BAD: Conditions = Conditions {
    latency: 20 * MILLISECOND,
    jitter: 30 * MILLISECOND,
    loss: 0.1,
    duplicates: 0.1,
    ..Conditions::PERFECT
};

/// What the hosts' clock shows when the world begins, milliseconds.
const BEGIN: u64 = 1000;
/// Datagrams at one moment that mean "it sends without end".
const TOO_MANY: usize = 100_000;

pub struct End {
    pub host: Host,
    pub address: SocketAddr,
    pub events: Vec<Event>,
}

impl End {
    pub fn new(config: HostConfig, port: u16, seed: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..10].copy_from_slice(&port.to_le_bytes());
        let host = Host::new(config, &bytes).unwrap();
        Self { host, address: ([127, 0, 0, 1], port).into(), events: Vec::new() }
    }

    /// Messages received on a channel, in order.
    pub fn received(&self, wanted: u8) -> Vec<Bytes> {
        let payload = |event: &Event| match event {
            Event::Receive { channel, packet, .. } if *channel == wanted => Some(packet.payload.clone()),
            _ => None,
        };
        self.events.iter().filter_map(payload).collect()
    }

    pub fn connected(&self) -> Option<PeerId> {
        self.events.iter().find_map(|event| match event {
            Event::Connect { peer, .. } => Some(*peer),
            _ => None,
        })
    }

    pub fn has_disconnected(&self) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Disconnect { .. }))
    }
}

/// Sees each datagram as it is sent, and whether it is for the server: `true` = it is lost.
pub type Filter = Box<dyn FnMut(bool, &[u8]) -> bool>;

/// A client and a server.
pub struct Pair {
    pub client: End,
    pub server: End,
    pub world: World,
    /// For tests that lose one certain datagram.
    pub filter: Option<Filter>,
    /// Datagrams may be sent to addresses at which nobody is.
    pub may_go_astray: bool,
}

impl Pair {
    pub fn new(conditions: Conditions, seed: u64) -> Self {
        Self::with_configs(HostConfig::default(), HostConfig::default(), conditions, seed)
    }

    pub fn with_configs(client: HostConfig, server: HostConfig, conditions: Conditions, seed: u64) -> Self {
        println!("seed {seed}");
        let (client, server) = (End::new(client, 1, seed), End::new(server, 2, seed));
        let mut world = World::new(seed);
        world.attach(client.address);
        world.attach(server.address);
        world.set_all_conditions(conditions);
        Self { client, server, world, filter: None, may_go_astray: false }
    }

    /// A pair that is connected with `channels` channels; gives the peer on the client's and on the server's side.
    pub fn connected(conditions: Conditions, seed: u64, channels: u8) -> (Self, PeerId, PeerId) {
        let mut pair = Self::new(conditions, seed);
        let peer = pair.client.host.connect(pair.server.address, channels, 7).unwrap();
        pair.run_until(60_000, |pair| pair.client.connected().is_some() && pair.server.connected().is_some());
        let at_server = pair.server.connected().expect("the server sees the connection");
        assert_eq!(pair.client.connected(), Some(peer));
        pair.client.events.clear();
        pair.server.events.clear();
        (pair, peer, at_server)
    }

    pub fn send(
        &mut self,
        to_server: bool,
        peer: PeerId,
        channel: u8,
        payload: impl Into<Bytes>,
        flags: PacketFlags,
    ) {
        let end = if to_server { &mut self.client } else { &mut self.server };
        end.host.send(peer, channel, payload.into(), flags).unwrap();
    }

    /// What the hosts' clock shows.
    pub fn now(&self) -> Time {
        Time::from_millis(BEGIN + self.world.now() / MILLISECOND)
    }

    /// Lets up to `milliseconds` pass, until `done`; the number that passed. A pair that sends without end panics.
    pub fn run_until(&mut self, milliseconds: u64, mut done: impl FnMut(&Self) -> bool) -> u64 {
        let start = self.world.now();
        let end = start + milliseconds * MILLISECOND;
        while self.world.now() < end {
            self.work(true);
            self.work(false);
            if done(self) {
                break;
            }
            let due = self.next_timeout().unwrap_or(end).max(self.world.now() + MILLISECOND);
            if let Some(Happening::Arrival { from, to, datagram, .. }) = self.world.next(due.min(end)) {
                let now = self.now();
                let host =
                    if to == self.server.address { &mut self.server.host } else { &mut self.client.host };
                host.handle_datagram(now, from, datagram);
            }
        }
        (self.world.now() - start) / MILLISECOND
    }

    pub fn run(&mut self, milliseconds: u64) {
        self.run_until(milliseconds, |_| false);
    }

    /// Time passes while nobody looks after the hosts.
    pub fn skip(&mut self, milliseconds: u64) {
        assert_eq!(self.world.next(self.world.now() + milliseconds * MILLISECOND), None);
    }

    /// Microsecond at which a host is due.
    fn next_timeout(&self) -> Option<u64> {
        let hosts = [&self.client.host, &self.server.host];
        let time = hosts.into_iter().filter_map(Host::next_timeout).min()?;
        Some(time.as_millis().saturating_sub(BEGIN) * MILLISECOND)
    }

    /// Lets one host do what is due.
    fn work(&mut self, is_client: bool) {
        let now = self.now();
        let (end, other) =
            if is_client { (&mut self.client, &self.server) } else { (&mut self.server, &self.client) };
        if end.host.next_timeout().is_some_and(|time| time <= now) {
            end.host.handle_timeout(now);
        }
        for count in 0.. {
            assert!(count < TOO_MANY, "a host that sends without end");
            let mut datagram = Vec::new();
            let Some(to) = end.host.poll_transmit(now, &mut datagram) else { break };
            if to != other.address {
                assert!(self.may_go_astray, "a datagram for {to}");
                continue;
            }
            if !self.filter.as_mut().is_some_and(|filter| filter(is_client, &datagram)) {
                self.world.send(end.address, to, &datagram.into());
            }
        }
        end.events.extend(std::iter::from_fn(|| end.host.poll_event()));
    }
}

/// A message of `length` bytes that tells its number.
pub fn message(number: u32, length: usize) -> Bytes {
    let mut bytes: Vec<u8> =
        (0..length).map(|index| (index as u32 ^ number.wrapping_mul(31)) as u8).collect();
    let head = number.to_le_bytes();
    let shown = length.min(4);
    bytes[..shown].copy_from_slice(&head[..shown]);
    bytes.into()
}

pub fn number_of(message: &[u8]) -> u32 {
    u32::from_le_bytes(message[..4].try_into().unwrap())
}
