//! Two engines on a simulated link with virtual time: latency, loss, duplicates and reordering from a printed seed.
#![allow(missing_docs, dead_code, unreachable_pub)]

use bytes::Bytes;
use enet_rs_protocol::{Event, Host, HostConfig, PacketFlags, PeerId, Time};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// xorshift64*: enough for drawing faults, and the same on every machine.
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }
}

#[derive(Clone, Copy)]
pub struct Faults {
    /// Milliseconds one way, and what is added to it at random; jitter reorders.
    pub latency: u64,
    pub jitter: u64,
    /// Percent.
    pub loss: u64,
    pub duplicates: u64,
}

pub const CLEAN: Faults = Faults { latency: 10, jitter: 0, loss: 0, duplicates: 0 };
/// Bad, but not so bad that ENet's time-out rule would often end the connection.
pub const BAD: Faults = Faults { latency: 20, jitter: 30, loss: 10, duplicates: 10 };

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

/// A client and a server.
pub struct Pair {
    pub client: End,
    pub server: End,
    pub faults: Faults,
    pub now: u64,
    pub dice: Dice,
    /// By arrival time and order of sending: whether it is for the server, and its bytes.
    under_way: BTreeMap<(u64, u64), (bool, Bytes)>,
    sent: u64,
    /// Datagrams that the next call of this sees: `true` = drop. For tests that lose one certain datagram.
    pub filter: Option<Box<dyn FnMut(bool, &[u8]) -> bool>>,
}

impl Pair {
    pub fn new(faults: Faults, seed: u64) -> Self {
        Self::with_configs(HostConfig::default(), HostConfig::default(), faults, seed)
    }

    pub fn with_configs(client: HostConfig, server: HostConfig, faults: Faults, seed: u64) -> Self {
        println!("seed {seed}");
        Self {
            client: End::new(client, 1, seed),
            server: End::new(server, 2, seed),
            faults,
            now: 1000,
            dice: Dice::new(seed),
            under_way: BTreeMap::new(),
            sent: 0,
            filter: None,
        }
    }

    /// A pair that is connected with `channels` channels; gives the peer on the client's and on the server's side.
    pub fn connected(faults: Faults, seed: u64, channels: u8) -> (Self, PeerId, PeerId) {
        let mut pair = Self::new(faults, seed);
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

    /// Lets up to `milliseconds` pass, until `done`; the number that passed. A pair that sends without end panics.
    pub fn run_until(&mut self, milliseconds: u64, mut done: impl FnMut(&Self) -> bool) -> u64 {
        let start = self.now;
        while self.now < start + milliseconds && !done(self) {
            self.step();
            self.now += 1;
        }
        self.now - start
    }

    pub fn run(&mut self, milliseconds: u64) {
        self.run_until(milliseconds, |_| false);
    }

    fn step(&mut self) {
        let now = Time::from_millis(self.now);
        while let Some(entry) = self.under_way.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let (to_server, datagram) = entry.remove();
            let (to, from) = self.ends(to_server);
            let from = from.address;
            to.host.handle_datagram(now, from, datagram);
        }
        for to_server in [true, false] {
            let (to, from) = self.ends(to_server);
            let to = to.address;
            if from.host.next_timeout().is_some_and(|time| time <= now) {
                from.host.handle_timeout(now);
            }
            let mut datagrams = Vec::new();
            loop {
                let mut out = Vec::new();
                let Some(address) = from.host.poll_transmit(now, &mut out) else { break };
                assert_eq!(address, to);
                datagrams.push(Bytes::from(out));
                assert!(datagrams.len() < 100_000, "a host that sends without end");
            }
            while let Some(event) = from.host.poll_event() {
                from.events.push(event);
            }
            for datagram in datagrams {
                self.put_on_the_wire(to_server, datagram);
            }
        }
    }

    fn put_on_the_wire(&mut self, to_server: bool, datagram: Bytes) {
        if self.filter.as_mut().is_some_and(|filter| filter(to_server, &datagram)) {
            return;
        }
        let copies = if self.dice.chance(self.faults.duplicates) { 2 } else { 1 };
        for _ in 0..copies {
            if self.dice.chance(self.faults.loss) {
                continue;
            }
            let arrival = self.now + self.faults.latency + self.dice.roll(self.faults.jitter + 1);
            self.sent += 1;
            self.under_way.insert((arrival, self.sent), (to_server, datagram.clone()));
        }
    }

    fn ends(&mut self, to_server: bool) -> (&mut End, &mut End) {
        if to_server { (&mut self.server, &mut self.client) } else { (&mut self.client, &mut self.server) }
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
