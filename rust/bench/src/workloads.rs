//! What is measured: the same calls for any [`Endpoint`].

use crate::endpoint::{Endpoint, Event, Kind};
use crate::network::Network;
use std::time::Duration;

/// A workload: its name, what one unit of it is, and by how much the engine has to beat `rusty_enet`.
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
    Idle { max_peers: u16, clients: usize },
    Pair { kind: Kind, bytes: usize, at_once: u64 },
    Tick { clients: usize, bytes: usize },
}

pub(crate) const WORKLOADS: [Workload; 6] = [
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
        about: "a server's tick: 64 bytes unreliable from each of 200 clients, and to all of them",
        unit: "tick",
        target: None,
        counted_units: 100,
        timed_units: 5_000,
        shape: Shape::Tick { clients: 200, bytes: 64 },
    },
];

/// Milliseconds after which a connection should be up.
const MAXIMUM_HANDSHAKE: usize = 1000;

impl Workload {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        WORKLOADS.iter().find(|workload| workload.name == name)
    }

    /// Runs `units` for warming up and `units` measured ones; the time of the latter.
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
            Shape::Tick { clients, bytes } => {
                let mut group = Group::<E>::connected(256, clients);
                let payload = vec![7; bytes];
                for unit in 0..2 * units {
                    group.clients_speak(&payload);
                    if unit < units {
                        group.tick(&payload);
                    } else {
                        group.network.clone().measure(&mut elapsed, || group.tick(&payload));
                    }
                }
                assert!(group.received > units, "messages arrive at the clients");
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
    /// Messages that have arrived at the clients.
    received: u64,
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
        Self { network, server, at_server, clients, received: 0 }
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

    fn clients_speak(&mut self, payload: &[u8]) {
        for (client, peer) in &mut self.clients {
            client.send(*peer, payload, Kind::Unreliable);
            while let Some(event) = client.service() {
                self.received += u64::from(matches!(event, Event::Receive { .. }));
            }
        }
    }

    fn tick(&mut self, payload: &[u8]) {
        while self.server.service().is_some() {}
        self.server.broadcast(payload, Kind::Unreliable);
        while self.server.service().is_some() {}
        self.network.advance(16);
    }
}

fn connections<E: Endpoint>(host: &mut E, mut found: impl FnMut(E::Peer)) {
    while let Some(event) = host.service() {
        if let Event::Connect(peer) = event {
            found(peer);
        }
    }
}
