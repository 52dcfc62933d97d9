//! A server and clients that encrypt, each an engine with its DTLS layer, on a simulated network in virtual
//! time.

use bytes::Bytes;
use enet_rs_driver::Endpoint;
use enet_rs_driver::dtls::{ClientConfig, Dtls, SelfSigned, ServerConfig, Trust};
use enet_rs_driver::protocol::{Event, Host, HostConfig, PacketFlags, PeerId, Time};
use enet_rs_driver::recording::Commands;
use enet_rs_sim::{Conditions, Happening, MILLISECOND, World};
use std::net::SocketAddr;
use std::sync::OnceLock;

/// 5 ms each way, and no faults.
pub const CLEAN: Conditions = Conditions::with_latency(5 * MILLISECOND);
/// 5 ms each way, and a tenth is lost.
pub const LOSSY: Conditions = Conditions { latency: 5 * MILLISECOND, loss: 0.1, ..Conditions::PERFECT };
/// The hosts' clock at the beginning of virtual time, milliseconds.
const BEGIN: u64 = 1000;
/// Datagrams of one host at one moment from which on it is assumed to send for ever.
const TOO_MANY: usize = 100_000;

/// The name in the certificate of [`credentials`].
pub const NAME: &str = "game.example";

/// One certificate for all tests of a process, since making one takes long.
pub fn credentials() -> &'static SelfSigned {
    static CREDENTIALS: OnceLock<SelfSigned> = OnceLock::new();
    CREDENTIALS.get_or_init(|| SelfSigned::new(NAME).unwrap())
}

/// A server with [`credentials`].
pub fn server_config() -> ServerConfig {
    ServerConfig::new(&credentials().certificate, &credentials().key).unwrap()
}

/// A client that trusts the certificate of [`credentials`].
pub fn client_config() -> ClientConfig {
    ClientConfig::new(NAME, &Trust::Named(credentials().certificate.clone())).unwrap()
}

/// The address of [`End::server`].
pub fn server_address() -> SocketAddr {
    ([10, 0, 0, 1], 1).into()
}

/// An engine with its DTLS layer.
#[derive(Debug)]
pub struct End {
    /// The engine with its DTLS layer.
    pub endpoint: Endpoint,
    /// Its address in the simulated network.
    pub address: SocketAddr,
    /// All events so far, oldest first. Tests may clear it.
    pub events: Vec<Event>,
    /// The reasons of all failed handshakes so far.
    pub failures: Vec<String>,
}

impl End {
    /// A server with [`server_config`].
    pub fn server(config: HostConfig) -> Self {
        let dtls = Dtls::server(server_config(), config.max_peers);
        Self::new(dtls, config, server_address())
    }

    /// A client with [`client_config`]; the number makes its address.
    pub fn client(number: u16) -> Self {
        Self::client_with(client_config(), number)
    }

    /// A client with a configuration of its own.
    pub fn client_with(config: ClientConfig, number: u16) -> Self {
        let address = ([10, 0, 1, 1], 1000 + number).into();
        Self::new(Dtls::client(config), HostConfig { max_peers: 2, ..HostConfig::default() }, address)
    }

    /// An engine over `dtls`.
    pub fn new(dtls: Dtls, config: HostConfig, address: SocketAddr) -> Self {
        let mut seed = [0; 16];
        seed[..2].copy_from_slice(&address.port().to_le_bytes());
        let mut endpoint = Endpoint::new(Host::new(config, &seed).unwrap());
        endpoint.set_dtls(dtls);
        Self { endpoint, address, events: Vec::new(), failures: Vec::new() }
    }

    /// The engine.
    pub fn host(&mut self) -> Commands<'_> {
        self.endpoint.host_mut()
    }

    /// The layer between engine and network.
    pub fn dtls(&mut self) -> &mut Dtls {
        self.endpoint.dtls_mut().unwrap()
    }

    /// The next datagram that this end sends at `now`.
    pub fn next_datagram(&mut self, now: Time) -> Option<(SocketAddr, Vec<u8>)> {
        let mut datagram = Vec::new();
        let to = self.endpoint.poll_transmit(now, &mut datagram)?;
        Some((to, datagram))
    }

    /// Begins to connect to [`server_address`].
    pub fn connect(&mut self) -> PeerId {
        self.host().connect(server_address(), 2, 7).unwrap()
    }

    /// The peers that have connected here, oldest first.
    pub fn connected(&self) -> Vec<PeerId> {
        let peer = |event: &Event| match event {
            Event::Connect { peer, .. } => Some(*peer),
            _ => None,
        };
        self.events.iter().filter_map(peer).collect()
    }

    /// The peers whose connection has ended, oldest first.
    pub fn disconnected(&self) -> Vec<PeerId> {
        let peer = |event: &Event| match event {
            Event::Disconnect { peer, .. } => Some(*peer),
            _ => None,
        };
        self.events.iter().filter_map(peer).collect()
    }

    /// The payloads received, oldest first.
    pub fn received(&self) -> impl Iterator<Item = &Bytes> {
        self.events.iter().filter_map(|event| match event {
            Event::Receive { packet, .. } => Some(&packet.payload),
            _ => None,
        })
    }

    /// Sends a reliable message on channel 0.
    pub fn send(&mut self, peer: PeerId, payload: impl Into<Bytes>) {
        self.host().send(peer, 0, payload.into(), PacketFlags::RELIABLE).unwrap();
    }

    /// The number of DTLS sessions, those in their handshake included.
    pub fn sessions(&mut self) -> usize {
        self.dtls().session_count()
    }
}

/// Called with sender, receiver and bytes of each datagram that is sent, and may change it; drops it by
/// returning `true`.
pub type Filter = Box<dyn FnMut(SocketAddr, SocketAddr, &mut Vec<u8>) -> bool>;

/// All engines of a test, and the network between them.
pub struct Net {
    /// The network, and its clock.
    pub world: World,
    /// The engines, in the order in which they were added.
    pub ends: Vec<End>,
    /// Number of datagrams sent so far.
    pub sent: usize,
    /// Drops or changes chosen datagrams.
    pub filter: Option<Filter>,
}

impl Net {
    /// A network with these engines. Prints the seed if there are faults.
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

    /// Adds an engine and returns its index.
    pub fn add(&mut self, end: End) -> usize {
        self.world.attach(end.address);
        self.ends.push(end);
        self.ends.len() - 1
    }

    /// A server and one client that are connected, the peer at the client, and the peer at the server.
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

    /// The time on the hosts' clock.
    pub fn now(&self) -> Time {
        Time::from_millis(BEGIN + self.world.now() / MILLISECOND)
    }

    /// Lets `milliseconds` pass.
    pub fn run(&mut self, milliseconds: u64) {
        self.run_until(milliseconds, |_| false);
    }

    /// Lets up to `milliseconds` pass, or less if `done` holds earlier, and returns how many passed.
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
                // Datagrams that arrive at the same time are handled together, as a driver does.
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
            end.endpoint.handle_datagram(now, from, datagram);
        }
    }

    fn next_timeout(&self) -> Option<u64> {
        let time = self.ends.iter().filter_map(|end| end.endpoint.next_timeout()).min()?;
        Some(time.as_millis().saturating_sub(BEGIN) * MILLISECOND)
    }

    fn work(&mut self, index: usize) {
        let now = self.now();
        let end = &mut self.ends[index];
        end.endpoint.handle_timeout(now);
        for count in 0.. {
            assert!(count < TOO_MANY, "a host sends for ever");
            let Some((to, mut datagram)) = end.next_datagram(now) else { break };
            assert!(!datagram.is_empty(), "a host sends an empty datagram");
            self.sent += 1;
            if !self.filter.as_mut().is_some_and(|filter| filter(end.address, to, &mut datagram)) {
                self.world.send(end.address, to, &datagram.into());
            }
        }
        loop {
            match end.endpoint.poll_event() {
                Ok(Some(event)) => end.events.push(event),
                Ok(None) => break,
                Err(failure) => end.failures.push(failure.reason),
            }
        }
    }
}
