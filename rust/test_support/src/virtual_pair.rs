//! Two engines, client and server, on a simulated network in virtual time: what tests of single connections
//! are written with.

use bytes::Bytes;
use enet_rs_protocol::{Event, Host, HostConfig, PacketFlags, PeerId, Time};
use enet_rs_sim::{Conditions, Happening, MILLISECOND, World};
use std::net::SocketAddr;

/// 10 ms each way, and no faults.
pub const CLEAN: Conditions = Conditions::with_latency(10 * MILLISECOND);
/// Faults of all kinds, but seldom so many that ENet's time-out rule ends the connection.
pub const BAD: Conditions = Conditions {
    latency: 20 * MILLISECOND,
    jitter: 30 * MILLISECOND,
    loss: 0.1,
    duplicates: 0.1,
    ..Conditions::PERFECT
};

/// The hosts' clock at the beginning of virtual time, milliseconds.
const BEGIN: u64 = 1000;
/// Datagrams of one host at one moment from which on it is assumed to send for ever.
const TOO_MANY: usize = 100_000;

/// One engine of a pair.
#[derive(Debug)]
pub struct End {
    /// The engine.
    pub host: Host,
    /// Its address in the simulated network.
    pub address: SocketAddr,
    /// All events so far, oldest first. Tests may clear it.
    pub events: Vec<Event>,
}

impl End {
    /// An engine at `port`; with the same seed it makes the same random choices.
    pub fn new(config: HostConfig, port: u16, seed: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..10].copy_from_slice(&port.to_le_bytes());
        let host = Host::new(config, &bytes).unwrap();
        Self { host, address: ([127, 0, 0, 1], port).into(), events: Vec::new() }
    }

    /// The payloads received on a channel, oldest first.
    pub fn received(&self, wanted: u8) -> Vec<Bytes> {
        let payload = |event: &Event| match event {
            Event::Receive { channel, packet, .. } if *channel == wanted => Some(packet.payload.clone()),
            _ => None,
        };
        self.events.iter().filter_map(payload).collect()
    }

    /// The peer of the first [`Event::Connect`].
    pub fn connected(&self) -> Option<PeerId> {
        self.events.iter().find_map(|event| match event {
            Event::Connect { peer, .. } => Some(*peer),
            _ => None,
        })
    }

    /// Whether there was an [`Event::Disconnect`].
    pub fn has_disconnected(&self) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Disconnect { .. }))
    }
}

/// Called with each datagram that is sent, and whether it is for the server; drops it by returning `true`.
pub type Filter = Box<dyn FnMut(bool, &[u8]) -> bool>;

/// A client and a server.
pub struct Pair {
    /// At port 1.
    pub client: End,
    /// At port 2.
    pub server: End,
    /// The network between them, and its clock.
    pub world: World,
    /// Drops chosen datagrams.
    pub filter: Option<Filter>,
    /// Whether datagrams for other addresses are lost; otherwise they fail the test.
    pub may_go_astray: bool,
}

impl Pair {
    /// Two engines with default configurations.
    pub fn new(conditions: Conditions, seed: u64) -> Self {
        Self::with_configs(HostConfig::default(), HostConfig::default(), conditions, seed)
    }

    /// Two engines that know nothing of each other yet. Prints the seed.
    pub fn with_configs(client: HostConfig, server: HostConfig, conditions: Conditions, seed: u64) -> Self {
        println!("seed {seed}");
        let (client, server) = (End::new(client, 1, seed), End::new(server, 2, seed));
        let mut world = World::new(seed);
        world.attach(client.address);
        world.attach(server.address);
        world.set_all_conditions(conditions);
        Self { client, server, world, filter: None, may_go_astray: false }
    }

    /// A pair that is connected with `channels` channels, the peer at the client, and the peer at the server.
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

    /// Sends a message from one end to the other; `peer` is the receiver at the sender.
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

    /// The time on the hosts' clock.
    pub fn now(&self) -> Time {
        Time::from_millis(BEGIN + self.world.now() / MILLISECOND)
    }

    /// Lets up to `milliseconds` pass, or less if `done` holds earlier, and returns how many passed. Panics
    /// if an engine sends for ever.
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

    /// Lets `milliseconds` pass.
    pub fn run(&mut self, milliseconds: u64) {
        self.run_until(milliseconds, |_| false);
    }

    /// Lets `milliseconds` pass in which each host is serviced once in a frame of so many milliseconds, the
    /// server in the middle of the client's: what has arrived since, then its timers and what it sends.
    pub fn run_in_frames(&mut self, milliseconds: u64, frame: u64) {
        let mut arrived: [Vec<_>; 2] = Default::default();
        for _ in 0..milliseconds {
            let next = self.world.now() + MILLISECOND;
            while let Some(happening) = self.world.next(next) {
                let Happening::Arrival { from, to, datagram, .. } = happening else { continue };
                arrived[usize::from(to == self.server.address)].push((from, datagram));
            }
            for (is_client, phase) in [(true, 0), (false, frame / 2)] {
                if self.world.now() / MILLISECOND % frame == phase {
                    self.take_in(is_client, std::mem::take(&mut arrived[usize::from(!is_client)]));
                    self.work(is_client);
                }
            }
        }
        // What has arrived since the last frame.
        let [at_client, at_server] = arrived;
        self.take_in(true, at_client);
        self.take_in(false, at_server);
    }

    /// Hands datagrams to one host.
    fn take_in(&mut self, is_client: bool, datagrams: Vec<(SocketAddr, Bytes)>) {
        let now = self.now();
        let host = if is_client { &mut self.client.host } else { &mut self.server.host };
        datagrams.into_iter().for_each(|(from, datagram)| host.handle_datagram(now, from, datagram));
    }

    /// Lets time pass in which neither host is serviced.
    pub fn skip(&mut self, milliseconds: u64) {
        assert_eq!(self.world.next(self.world.now() + milliseconds * MILLISECOND), None);
    }

    /// Microsecond at which a host is due.
    fn next_timeout(&self) -> Option<u64> {
        let hosts = [&self.client.host, &self.server.host];
        let time = hosts.into_iter().filter_map(Host::next_timeout).min()?;
        Some(time.as_millis().saturating_sub(BEGIN) * MILLISECOND)
    }

    /// Services one host: its timers, its datagrams, its events.
    fn work(&mut self, is_client: bool) {
        let now = self.now();
        let (end, other) =
            if is_client { (&mut self.client, &self.server) } else { (&mut self.server, &self.client) };
        if end.host.next_timeout().is_some_and(|time| time <= now) {
            end.host.handle_timeout(now);
        }
        for count in 0.. {
            assert!(count < TOO_MANY, "a host sends for ever");
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

/// A message of `length` bytes whose first four are its number.
pub fn message(number: u32, length: usize) -> Bytes {
    let mut bytes: Vec<u8> =
        (0..length).map(|index| (index as u32 ^ number.wrapping_mul(31)) as u8).collect();
    let head = number.to_le_bytes();
    let shown = length.min(4);
    bytes[..shown].copy_from_slice(&head[..shown]);
    bytes.into()
}

/// The number of a [`message`] of at least four bytes.
pub fn number_of(message: &[u8]) -> u32 {
    u32::from_le_bytes(message[..4].try_into().unwrap())
}
