//! The workloads: equal calls for any [`Endpoint`].

use super::endpoint::Endpoint;
use super::network::Network;
use crate::message::{Event, Kind};
use std::time::Duration;

/// A workload, its unit, and the target for the engine.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) unit: &'static str,
    /// The engine's instructions per unit may be at most this share of `rusty_enet`'s.
    pub(crate) target: Option<f64>,
    /// Units that a run under callgrind does, after a warm-up of as many.
    pub(crate) counted_units: u64,
    /// Units that a timed run does.
    pub(crate) timed_units: u64,
    shape: Shape,
}

enum Shape {
    Idle {
        max_peers: u16,
        clients: usize,
    },
    Pair {
        kind: Kind,
        bytes: usize,
        at_once: u64,
    },
    /// `up` bytes from each client, `down` bytes to all.
    Tick {
        clients: usize,
        up: usize,
        down: usize,
    },
    Connect {
        clients: usize,
    },
}

pub(crate) const WORKLOADS: [Workload; 7] = [
    Workload {
        name: "idle",
        about: "one service of a host with 4095 slots and 10 quiet peers",
        unit: "service",
        target: Some(1.0 / 50.0),
        counted_units: 1_000,
        timed_units: 20_000,
        shape: Shape::Idle { max_peers: 4095, clients: 10 },
    },
    Workload {
        name: "reliable",
        about: "64 bytes reliable, one a service, both ends",
        unit: "message",
        target: Some(0.5),
        counted_units: 2_000,
        timed_units: 300_000,
        shape: Shape::Pair { kind: Kind::Reliable, bytes: 64, at_once: 1 },
    },
    Workload {
        name: "reliable-burst",
        about: "64 bytes reliable, 64 a service, both ends",
        unit: "message",
        target: Some(0.5),
        counted_units: 6_400,
        timed_units: 640_000,
        shape: Shape::Pair { kind: Kind::Reliable, bytes: 64, at_once: 64 },
    },
    Workload {
        name: "unreliable",
        about: "64 bytes unreliable, one a service, both ends",
        unit: "message",
        target: None,
        counted_units: 2_000,
        timed_units: 300_000,
        shape: Shape::Pair { kind: Kind::Unreliable, bytes: 64, at_once: 1 },
    },
    Workload {
        name: "bulk",
        about: "32 KiB reliable, one a service, both ends",
        unit: "message",
        target: None,
        counted_units: 100,
        timed_units: 20_000,
        shape: Shape::Pair { kind: Kind::Reliable, bytes: 32 << 10, at_once: 1 },
    },
    Workload {
        name: "tick",
        about: "a server's tick: 40 bytes unreliable from each of 200 clients, and 200 bytes to all of them",
        unit: "tick",
        target: None,
        counted_units: 100,
        timed_units: 5_000,
        shape: Shape::Tick { clients: 200, up: 40, down: 200 },
    },
    Workload {
        name: "connect",
        about: "500 clients connect to a server and disconnect, both ends",
        unit: "connection",
        target: Some(0.5),
        counted_units: 500,
        timed_units: 5_000,
        shape: Shape::Connect { clients: 500 },
    },
];

/// Milliseconds within which a connection must be up.
const MAXIMUM_HANDSHAKE: usize = 1000;

impl Workload {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        WORKLOADS.iter().find(|workload| workload.name == name)
    }

    /// Runs `units` for warming up and `units` measured ones, and returns the time of the latter.
    pub(crate) fn run<E: Endpoint>(&self, units: u64) -> Duration {
        let mut elapsed = Duration::ZERO;
        match self.shape {
            Shape::Idle { max_peers, clients } => {
                let mut group = Group::<E>::connected(max_peers, clients);
                for peer in group.at_server.clone() {
                    group.server.set_ping_interval(peer, 3_600_000);
                }
                // The last pings are answered.
                (0..1000).for_each(|_| group.settle());
                group.idle(units);
                group.network.clone().measure(&mut elapsed, || group.idle(units));
            }
            Shape::Pair { kind, bytes, at_once } => {
                let mut group = Group::<E>::connected(32, 1);
                group.converse(kind, bytes, at_once, units);
                let network = group.network.clone();
                network.measure(&mut elapsed, || group.converse(kind, bytes, at_once, units));
            }
            Shape::Tick { clients, up, down } => {
                let mut group = Group::<E>::connected(256, clients);
                let (up, down) = (vec![7; up], vec![7; down]);
                for unit in 0..2 * units {
                    group.clients_send(&up);
                    if unit < units {
                        group.tick(&down);
                    } else {
                        group.network.clone().measure(&mut elapsed, || group.tick(&down));
                    }
                }
                // The clients do not receive the last tick, and ENet's throttle drops a few messages.
                let most = (2 * units - 1) * clients as u64 / 20 * 19;
                assert!(
                    group.server_received.min(group.clients_received) >= most,
                    "what was sent has arrived"
                );
            }
            Shape::Connect { clients } => {
                let mut many = ManyClients::<E>::new(clients);
                let rounds = units.div_ceil(clients as u64);
                (0..rounds).for_each(|_| many.connect_and_disconnect());
                let network = many.network.clone();
                network.measure(&mut elapsed, || (0..rounds).for_each(|_| many.connect_and_disconnect()));
            }
        }
        elapsed
    }
}

/// A server and its clients.
struct Group<E: Endpoint> {
    network: Network,
    server: E,
    at_server: Vec<E::Peer>,
    /// Each with its connection to the server.
    clients: Vec<(E, E::Peer)>,
    /// Number of messages that the server has received.
    server_received: u64,
    /// Number of messages that the clients have received.
    clients_received: u64,
}

impl<E: Endpoint> Group<E> {
    fn connected(max_peers: u16, count: usize) -> Self {
        let network = Network::new();
        let mut server = E::new(&network, max_peers);
        let (mut clients, mut at_server) = (Vec::new(), Vec::new());
        for number in 1..=count {
            let mut client = E::new(&network, 1);
            client.connect(server.address());
            let mut at_client = None;
            for _ in 0..MAXIMUM_HANDSHAKE {
                connections(&mut client, |id| at_client = Some(id));
                connections(&mut server, |id| at_server.push(id));
                network.advance(1);
                if at_client.is_some() && at_server.len() == number {
                    break;
                }
            }
            assert_eq!(at_server.len(), number, "the server has accepted the client");
            clients.push((client, at_client.expect("the client is connected")));
        }
        Self { network, server, at_server, clients, server_received: 0, clients_received: 0 }
    }

    fn settle(&mut self) {
        for (client, _) in &mut self.clients {
            while client.service().is_some() {}
        }
        while self.server.service().is_some() {}
        self.network.advance(1);
    }

    fn idle(&mut self, services: u64) {
        for _ in 0..services {
            assert!(self.server.service().is_none());
            self.network.advance(1);
        }
    }

    fn converse(&mut self, kind: Kind, bytes: usize, at_once: u64, messages: u64) {
        let payload = vec![7; bytes];
        let (client, peer) = &mut self.clients[0];
        let mut arrived = 0;
        for _ in 0..messages / at_once {
            (0..at_once).for_each(|_| client.send(*peer, &payload, kind));
            while client.service().is_some() {}
            while let Some(event) = self.server.service() {
                match event {
                    Event::Receive { bytes: length } => arrived += u64::from(length == bytes),
                    Event::Connect(_) | Event::Disconnect => unreachable!("the connection lasts"),
                }
            }
            self.network.advance(1);
        }
        assert_eq!(arrived, messages, "what was sent has arrived");
    }

    fn clients_send(&mut self, payload: &[u8]) {
        for (client, peer) in &mut self.clients {
            client.send(*peer, payload, Kind::Unreliable);
            while let Some(event) = client.service() {
                self.clients_received += u64::from(matches!(event, Event::Receive { .. }));
            }
        }
    }

    fn tick(&mut self, payload: &[u8]) {
        while let Some(event) = self.server.service() {
            self.server_received += u64::from(matches!(event, Event::Receive { .. }));
        }
        self.server.broadcast(payload, Kind::Unreliable);
        while self.server.service().is_some() {}
        self.network.advance(16);
    }
}

/// A server, and many clients that connect and disconnect together.
struct ManyClients<E: Endpoint> {
    network: Network,
    server: E,
    clients: Vec<E>,
}

impl<E: Endpoint> ManyClients<E> {
    fn new(count: usize) -> Self {
        let network = Network::new();
        let server = E::new(&network, count as u16);
        let clients = (0..count).map(|_| E::new(&network, 1)).collect();
        Self { network, server, clients }
    }

    fn connect_and_disconnect(&mut self) {
        let address = self.server.address();
        self.clients.iter_mut().for_each(|client| client.connect(address));
        let mut peers = Vec::with_capacity(self.clients.len());
        self.service_until_all(|client, event| {
            if let (Some(client), Event::Connect(peer)) = (client, event) {
                peers.push((client, *peer));
            }
            matches!(event, Event::Connect(_))
        });
        peers.into_iter().for_each(|(client, peer)| self.clients[client].disconnect(peer));
        self.service_until_all(|_, event| matches!(event, Event::Disconnect));
    }

    /// Services everybody until `is_it` was true of an event of each client, and of as many events of the
    /// server.
    fn service_until_all(&mut self, mut is_it: impl FnMut(Option<usize>, &Event<E::Peer>) -> bool) {
        let mut missing = 2 * self.clients.len();
        for _ in 0..MAXIMUM_HANDSHAKE {
            for (number, client) in self.clients.iter_mut().enumerate() {
                while let Some(event) = client.service() {
                    missing -= usize::from(is_it(Some(number), &event));
                }
            }
            while let Some(event) = self.server.service() {
                missing -= usize::from(is_it(None, &event));
            }
            self.network.advance(1);
            if missing == 0 {
                return;
            }
        }
        panic!("{missing} connections did not begin or end");
    }
}

fn connections<E: Endpoint>(host: &mut E, mut found: impl FnMut(E::Peer)) {
    while let Some(event) = host.service() {
        if let Event::Connect(peer) = event {
            found(peer);
        }
    }
}
