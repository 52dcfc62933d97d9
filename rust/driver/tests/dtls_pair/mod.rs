//! A server and clients with DTLS, each an engine over the layer, in a virtual world.
#![allow(missing_docs, dead_code, unreachable_pub)]

use bytes::Bytes;
use enet_rs_driver::dtls::{ClientConfig, Dtls, SelfSigned, ServerConfig, Trust};
use enet_rs_driver::protocol::{Event, Host, HostConfig, PacketFlags, PeerId, Time};
use enet_rs_driver::{Encryption, ServiceError};
use enet_rs_sim::{Conditions, Happening, MILLISECOND, World};
use std::net::SocketAddr;
use std::sync::OnceLock;

pub const CLEAN: Conditions = Conditions::with_latency(5 * MILLISECOND);
pub const LOSSY: Conditions = Conditions { latency: 5 * MILLISECOND, loss: 0.1, ..Conditions::PERFECT };
/// What the hosts' clock shows when the world begins, milliseconds.
const BEGIN: u64 = 1000;
/// Datagrams of one host at one moment that mean "it sends without end".
const TOO_MANY: usize = 100_000;

/// The name that [`credentials`] are for.
pub const NAME: &str = "game.example";

/// One certificate for all tests of a binary.
pub fn credentials() -> &'static SelfSigned {
    static CREDENTIALS: OnceLock<SelfSigned> = OnceLock::new();
    CREDENTIALS.get_or_init(|| SelfSigned::new(NAME).unwrap())
}

pub fn server_config() -> ServerConfig {
    ServerConfig::new(&credentials().certificate, &credentials().key).unwrap()
}

pub fn client_config() -> ClientConfig {
    ClientConfig::new(NAME, &Trust::Named(credentials().certificate.clone())).unwrap()
}

pub fn server_address() -> SocketAddr {
    ([10, 0, 0, 1], 1).into()
}

pub struct End {
    pub host: Host,
    pub encryption: Encryption,
    pub address: SocketAddr,
    pub events: Vec<Event>,
    pub failures: Vec<String>,
}

impl End {
    pub fn server(config: HostConfig) -> Self {
        let dtls = Dtls::server(server_config(), config.max_peers);
        Self::new(dtls, config, server_address())
    }

    pub fn client(number: u16) -> Self {
        Self::client_with(client_config(), number)
    }

    pub fn client_with(config: ClientConfig, number: u16) -> Self {
        let address = ([10, 0, 1, 1], 1000 + number).into();
        Self::new(Dtls::client(config), HostConfig { max_peers: 2, ..HostConfig::default() }, address)
    }

    pub fn new(dtls: Dtls, config: HostConfig, address: SocketAddr) -> Self {
        let mut seed = [0; 16];
        seed[..2].copy_from_slice(&address.port().to_le_bytes());
        let host = Host::new(config, &seed).unwrap();
        Self { host, encryption: Encryption::new(dtls), address, events: Vec::new(), failures: Vec::new() }
    }

    pub fn connect(&mut self) -> PeerId {
        self.host.connect(server_address(), 2, 7).unwrap()
    }

    /// The peers that have connected here, oldest first.
    pub fn connected(&self) -> Vec<PeerId> {
        let peer = |event: &Event| match event {
            Event::Connect { peer, .. } => Some(*peer),
            _ => None,
        };
        self.events.iter().filter_map(peer).collect()
    }

    pub fn disconnected(&self) -> Vec<PeerId> {
        let peer = |event: &Event| match event {
            Event::Disconnect { peer, .. } => Some(*peer),
            _ => None,
        };
        self.events.iter().filter_map(peer).collect()
    }

    pub fn received(&self) -> impl Iterator<Item = &Bytes> {
        self.events.iter().filter_map(|event| match event {
            Event::Receive { packet, .. } => Some(&packet.payload),
            _ => None,
        })
    }

    pub fn send(&mut self, peer: PeerId, payload: impl Into<Bytes>) {
        self.host.send(peer, 0, payload.into(), PacketFlags::RELIABLE).unwrap();
    }

    pub fn sessions(&mut self) -> usize {
        self.encryption.dtls_mut().session_count()
    }
}

/// Sees each datagram as it is sent, from whom and for whom it is, and may change it; `true` = it is lost.
pub type Filter = Box<dyn FnMut(SocketAddr, SocketAddr, &mut Vec<u8>) -> bool>;

/// All hosts of a test, and the network between them.
pub struct Net {
    pub world: World,
    pub ends: Vec<End>,
    /// Datagrams that were sent so far.
    pub sent: usize,
    /// For tests that lose or change certain datagrams.
    pub filter: Option<Filter>,
}

impl Net {
    pub fn new(conditions: Conditions, seed: u64, ends: Vec<End>) -> Self {
        if conditions != CLEAN {
            println!("seed {seed}");
        }
        let mut world = World::new(seed);
        world.set_all_conditions(conditions);
        for end in &ends {
            world.attach(end.address);
        }
        Self { world, ends, sent: 0, filter: None }
    }

    pub fn add(&mut self, end: End) -> usize {
        self.world.attach(end.address);
        self.ends.push(end);
        self.ends.len() - 1
    }

    /// A server and one client that are connected; gives the peer on the client's and on the server's side.
    pub fn connected(conditions: Conditions, seed: u64) -> (Self, PeerId, PeerId) {
        let mut net = Self::new(conditions, seed, vec![End::server(HostConfig::default()), End::client(1)]);
        let at_client = net.ends[1].connect();
        net.run_until(60_000, |net| {
            !net.ends[0].connected().is_empty() && !net.ends[1].connected().is_empty()
        });
        let at_server = net.ends[0].connected()[0];
        assert_eq!(net.ends[1].connected(), [at_client]);
        (net, at_client, at_server)
    }

    pub fn now(&self) -> Time {
        Time::from_millis(BEGIN + self.world.now() / MILLISECOND)
    }

    pub fn run(&mut self, milliseconds: u64) {
        self.run_until(milliseconds, |_| false);
    }

    /// Lets up to `milliseconds` pass, until `done`; gives the number that passed.
    pub fn run_until(&mut self, milliseconds: u64, mut done: impl FnMut(&Self) -> bool) -> u64 {
        let start = self.world.now();
        let end = start + milliseconds * MILLISECOND;
        while self.world.now() < end {
            (0..self.ends.len()).for_each(|index| self.work(index));
            if done(self) {
                break;
            }
            let due = self.next_timeout().unwrap_or(end).max(self.world.now() + MILLISECOND);
            let mut next = self.world.next(due.min(end));
            while let Some(Happening::Arrival { from, to, datagram, .. }) = next {
                self.arrive(from, to, datagram);
                // What arrives at the same time is worked on together, as with a real socket.
                next = match self.world.next_at() {
                    Some(at) if at <= self.world.now() => self.world.next(at + 1),
                    _ => None,
                };
            }
        }
        (self.world.now() - start) / MILLISECOND
    }

    fn arrive(&mut self, from: SocketAddr, to: SocketAddr, datagram: Bytes) {
        let now = self.now();
        if let Some(end) = self.ends.iter_mut().find(|end| end.address == to) {
            end.encryption.handle_datagram(&mut end.host, now, from, datagram);
        }
    }

    fn next_timeout(&self) -> Option<u64> {
        let times = |end: &End| [end.host.next_timeout(), end.encryption.next_timeout()];
        let time = self.ends.iter().flat_map(times).flatten().min()?;
        Some(time.as_millis().saturating_sub(BEGIN) * MILLISECOND)
    }

    fn work(&mut self, index: usize) {
        let now = self.now();
        let end = &mut self.ends[index];
        end.host.handle_timeout(now);
        end.encryption.handle_timeout(&mut end.host, now);
        for count in 0.. {
            assert!(count < TOO_MANY, "a host that sends without end");
            let mut datagram = Vec::new();
            let Some(to) = end.encryption.poll_transmit(&mut end.host, now, &mut datagram) else { break };
            assert!(!datagram.is_empty(), "a host that sends nothing");
            self.sent += 1;
            if !self.filter.as_mut().is_some_and(|filter| filter(end.address, to, &mut datagram)) {
                self.world.send(end.address, to, &datagram.into());
            }
        }
        end.events.extend(std::iter::from_fn(|| end.host.poll_event()));
        while let Err(error) = end.encryption.check() {
            let ServiceError::Handshake { reason, .. } = error else { panic!("{error}") };
            end.failures.push(reason);
        }
    }
}
