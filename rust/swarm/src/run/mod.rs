//! Runs a world from its first moment to its last: services each host when it is due, and checks what it
//! does.

mod events;
mod quiescence;
mod recovery;

use crate::endpoint::{Endpoint, Key, Output};
use crate::operations::Operations;
use crate::oracle::{Connection, Side, Stage};
use crate::ours::{Ours, Security};
use crate::plan::{HostPlan, ImplementationMix, Kind, Plan};
use crate::stock::{Stock, StockConfig};
use crate::trace::Trace;
use crate::transmissions::Counts;
use bytes::Bytes;
use enet_rs_protocol::Limits;
use enet_rs_sim::{Conditions, Damage, Happening, MILLISECOND, Random, World};
use quiescence::{holds_nothing_back, record_deliveries, waiting_limit};
use recovery::{check_transmissions, record_acknowledgements};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

/// The name of the wake-up for the next operation; all others are indices of hosts.
const NEXT_OPERATION: u64 = u64::MAX;
/// Services of one host at one moment from which on it is assumed never to come to rest.
const TOO_MANY_SERVICES: u32 = 10_000;

/// A host of the world, with all its incarnations.
pub(crate) struct Node {
    pub(crate) plan: HostPlan,
    pub(crate) address: SocketAddr,
    /// `None` while it is stopped.
    pub(crate) endpoint: Option<Box<dyn Endpoint>>,
    pub(crate) incarnation: u32,
    /// The connection in the oracle that each key stands for, and which end of it.
    pub(crate) connections: BTreeMap<Key, (u32, Side)>,
    /// Datagrams in its socket's buffer.
    inbox: Vec<(SocketAddr, Bytes)>,
    inbox_bytes: usize,
    /// It must be serviced although no timer is due.
    pub(crate) dirty: bool,
    /// Microsecond of its next service.
    wake: Option<u64>,
    pub(crate) paused_until: u64,
    last_service: u64,
    services_at_once: u32,
}

/// The result of a world.
pub(crate) struct Report {
    pub(crate) hash: u64,
    pub(crate) datagrams: u64,
    pub(crate) messages: u64,
    pub(crate) connections: usize,
    /// Connections whose contents were not checked.
    pub(crate) unchecked: usize,
    /// Microseconds of virtual time.
    pub(crate) virtual_time: u64,
    /// What hosts of this project have sent again.
    pub(crate) counts: Counts,
    /// Connections of a steady world that have ended.
    pub(crate) lost_connections: usize,
}

/// Where a run is recorded, if anywhere.
#[derive(Default)]
pub(crate) struct Sinks {
    pub(crate) log: Option<Box<dyn Write>>,
    pub(crate) pcap: Option<Box<dyn Write>>,
}

/// A world that is running.
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) plan: Plan,
    pub(crate) nodes: Vec<Node>,
    pub(crate) by_address: HashMap<SocketAddr, usize>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) random: Random,
    pub(crate) trace: Trace,
    /// The last port in use; each restart at a new address takes the next one.
    last_port: u16,
    output: Output,
    datagrams: u64,
    messages: u64,
    lost_connections: usize,
    /// Microseconds of the shortest round trip that any path has had.
    round_trip: u64,
    /// Size of the largest datagram and number of datagrams, while idle traffic is checked.
    watched: Option<(usize, u64)>,
}

/// Runs the world of a seed. The error says which promise was broken.
pub(crate) fn run(seed: u64, kind: Kind, sinks: Sinks) -> Result<Report, String> {
    let mut random =
        Random::new(seed ^ if kind.mix == ImplementationMix::Mixed { 0x6d69_7865_6400_0000 } else { 0 });
    let plan = Plan::draw(&mut random, kind);
    let mut world = World::new(random.next_u64());
    if let Some(pcap) = sinks.pcap {
        world.capture(pcap).map_err(|error| format!("the capture file cannot be written: {error}"))?;
    }
    let mut run = Run {
        world,
        nodes: Vec::new(),
        by_address: HashMap::new(),
        connections: Vec::new(),
        random,
        trace: Trace::new(sinks.log),
        last_port: 1000,
        output: Output::default(),
        datagrams: 0,
        messages: 0,
        lost_connections: 0,
        round_trip: 2 * plan.conditions.latency,
        watched: None,
        plan,
    };
    run.begin();
    let result = run.live();
    if let Err(error) = &result {
        let now = run.world.now();
        run.trace.line(now, format_args!("FAILED: {error}"));
    }
    result.map(|()| Report {
        hash: run.trace.hash(),
        datagrams: run.datagrams,
        messages: run.messages,
        connections: run.connections.len(),
        unchecked: run.connections.iter().filter(|connection| connection.is_unchecked).count(),
        virtual_time: run.world.now(),
        counts: run.counts(),
        lost_connections: run.lost_connections,
    })
}

impl Run {
    fn begin(&mut self) {
        if self.trace.is_logged() {
            let text = format!("{:#?}", self.plan);
            self.trace.line(0, format_args!("{text}"));
        }
        let conditions = Conditions { damage: self.plan.damage.clone(), ..self.plan.conditions.clone() };
        self.world.set_all_conditions(conditions);
        for plan in self.plan.hosts.clone() {
            let host = self.nodes.len();
            let address = ([10, 0, 0, host as u8 + 1], 0).into();
            self.nodes.push(Node {
                plan,
                address,
                endpoint: None,
                incarnation: 0,
                connections: BTreeMap::new(),
                inbox: Vec::new(),
                inbox_bytes: 0,
                dirty: false,
                wake: None,
                paused_until: 0,
                last_service: 0,
                services_at_once: 0,
            });
            self.start(host, false);
        }
    }

    fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        self.connections
            .iter()
            .flat_map(|connection| &connection.transmissions)
            .for_each(|one| sum.add(&one.counts));
        sum
    }

    /// Records conditions that some path has from now on.
    pub(crate) fn note_conditions(&mut self, conditions: &Conditions) {
        self.round_trip = self.round_trip.min(2 * conditions.latency);
    }

    /// Starts a host's next incarnation, at a new port unless it keeps its address.
    pub(crate) fn start(&mut self, host: usize, keeps_address: bool) {
        let now = self.world.now();
        let seed = self.random.next_u64();
        let node = &mut self.nodes[host];
        if !keeps_address {
            self.last_port += 1;
            node.address.set_port(self.last_port);
        }
        let clock = node.plan.clock + now / MILLISECOND;
        let config = &node.plan.config;
        node.endpoint = Some(if node.plan.is_stock {
            let frame = node.plan.frame.unwrap_or(MILLISECOND) / MILLISECOND;
            let stock = StockConfig {
                max_peers: config.max_peers,
                channel_limit: config.channel_limit,
                bandwidth: (config.incoming_bandwidth, config.outgoing_bandwidth),
                mtu: config.mtu,
                checksum: config.checksum,
                frame,
            };
            Box::new(Stock::new(&stock, clock, seed))
        } else {
            let security = match (self.plan.mix, host) {
                (ImplementationMix::Dtls, 0) => Security::Server,
                (ImplementationMix::Dtls, _) => Security::Client,
                _ => Security::Plain,
            };
            Box::new(Ours::new(config.clone(), seed, security))
        });
        node.incarnation += 1;
        node.dirty = true;
        self.world.attach(node.address);
        self.by_address.insert(node.address, host);
        self.trace.line(now, format_args!("host {host} starts at {}", node.address));
        self.schedule(host);
    }

    /// Stops a host without notice to its peers.
    pub(crate) fn stop(&mut self, host: usize) {
        let now = self.world.now();
        let node = &mut self.nodes[host];
        node.endpoint = None;
        node.inbox.clear();
        node.inbox_bytes = 0;
        self.world.detach(node.address);
        self.trace.line(now, format_args!("host {host} stops"));
        for (_, (token, side)) in std::mem::take(&mut node.connections) {
            self.over(token, side);
        }
    }

    fn over(&mut self, token: u32, side: Side) {
        self.connections[token as usize].end_over(side, self.world.now());
    }

    /// Marks an end as over that its owner has ended without an event.
    pub(crate) fn forget(&mut self, host: usize, key: Key) {
        if let Some((token, side)) = self.nodes[host].connections.remove(&key) {
            self.over(token, side);
        }
    }

    fn live(&mut self) -> Result<(), String> {
        let mut operations = Operations::new(&self.plan);
        self.world.wake_at(0, NEXT_OPERATION);
        while let Some(happening) = self.world.next(self.plan.active) {
            if happening == Happening::Wake(NEXT_OPERATION) {
                operations.act(self);
                let pause = operations.pause(self);
                self.world.wake_at(self.world.now() + pause, NEXT_OPERATION);
            } else {
                self.happen(happening)?;
            }
        }
        operations.repair(self);
        self.run_until_quiescent()?;
        self.check_idle_traffic()?;
        operations.send_probes(self);
        self.run_until_quiescent()?;
        self.final_checks()
    }

    /// Runs the world until `until`, without operations.
    fn run_until(&mut self, until: u64) -> Result<(), String> {
        while let Some(happening) = self.world.next(until) {
            self.happen(happening)?;
        }
        Ok(())
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Wake(NEXT_OPERATION) => Ok(()),
            Happening::Wake(host) => {
                let host = host as usize;
                if self.nodes[host].wake == Some(self.world.now()) {
                    self.nodes[host].wake = None;
                    if self.nodes[host].paused_until <= self.world.now() {
                        self.service(host)?;
                    }
                    self.schedule(host);
                }
                Ok(())
            }
            Happening::Arrival { from, to, datagram, .. } => {
                if let Some(&host) = self.by_address.get(&to) {
                    let node = &mut self.nodes[host];
                    let bytes = datagram.len() + 28;
                    if node.address == to && node.inbox_bytes + bytes <= node.plan.socket_buffer {
                        node.inbox_bytes += bytes;
                        node.inbox.push((from, datagram));
                    }
                    self.schedule(host);
                }
                Ok(())
            }
        }
    }

    /// Schedules a host's next service.
    pub(crate) fn schedule(&mut self, host: usize) {
        let now = self.world.now();
        let node = &mut self.nodes[host];
        let Some(endpoint) = &node.endpoint else { return };
        let mut due = if node.dirty || !node.inbox.is_empty() {
            now
        } else {
            let clock = node.plan.clock + now / MILLISECOND;
            let Some(timeout) = endpoint.next_timeout(clock) else { return };
            (timeout.saturating_sub(node.plan.clock)).saturating_mul(MILLISECOND).max(now)
        };
        due = due.max(node.paused_until);
        if let Some(frame) = node.plan.frame {
            due = due.div_ceil(frame) * frame;
            if due == node.last_service {
                due += frame;
            }
        }
        if node.wake.is_none_or(|wake| due < wake || wake < now) {
            node.wake = Some(due);
            self.world.wake_at(due, host as u64);
        }
    }

    /// Services a host: it receives what its socket holds and does what is due, and its output is checked.
    fn service(&mut self, host: usize) -> Result<(), String> {
        self.record_inbox(host);
        let mut output = std::mem::take(&mut self.output);
        self.work(host, &mut output)?;
        if self.plan.mix == ImplementationMix::Dtls {
            self.wait_for_openssl(host);
        }
        self.check_output(host, &output).map_err(|error| format!("host {host}: {error}"))?;
        let from = self.nodes[host].address;
        for (to, datagram) in output.datagrams.drain(..) {
            self.send(from, to, &datagram);
        }
        for event in output.events.drain(..) {
            self.event(host, event).map_err(|error| format!("host {host}: {error}"))?;
        }
        self.output = output;
        for (token, side) in self.nodes[host].connections.values() {
            holds_nothing_back(&self.connections, *token, *side)?;
        }
        Ok(())
    }

    /// Records what the datagrams mean that a host is about to receive, if the oracle can read them.
    fn record_inbox(&mut self, host: usize) {
        if !self.is_readable(host) {
            return;
        }
        record_acknowledgements(&self.nodes, host, &mut self.connections);
        // Chatty worlds reach the default limits, too.
        let is_roomy = self.nodes[host].plan.config.limits == Limits::default() && !self.plan.is_chatty;
        if is_roomy {
            record_deliveries(&self.nodes, host, &mut self.connections);
        }
    }

    /// Whether a host runs this project's engine, with datagrams that are neither encrypted nor damaged.
    fn is_readable(&self, host: usize) -> bool {
        let is_plain = self.plan.mix != ImplementationMix::Dtls && self.plan.damage == Damage::default();
        is_plain && !self.nodes[host].plan.is_stock
    }

    /// Lets a host receive and work, and checks its counters.
    fn work(&mut self, host: usize, output: &mut Output) -> Result<(), String> {
        let now = self.world.now();
        let node = &mut self.nodes[host];
        let Some(endpoint) = &mut node.endpoint else { return Ok(()) };
        node.services_at_once = if node.last_service == now { node.services_at_once + 1 } else { 0 };
        if node.services_at_once > TOO_MANY_SERVICES {
            return Err(format!("host {host} wants to be serviced again and again at the same time"));
        }
        node.last_service = now;
        node.dirty = false;
        let clock = node.plan.clock + now / MILLISECOND;
        let mut counted = [0u32; 4];
        for (from, datagram) in node.inbox.drain(..) {
            counted[2] += datagram.len() as u32;
            counted[3] += 1;
            endpoint.receive(clock, from, datagram);
        }
        node.inbox_bytes = 0;
        endpoint.work(clock, output);
        for (_, datagram) in &output.datagrams {
            counted[0] += datagram.len() as u32;
            counted[1] += 1;
        }
        match endpoint.take_counters() {
            Some(counters) if counters != counted => {
                Err(format!("host {host} reports the counters {counters:?} instead of {counted:?}"))
            }
            _ => Ok(()),
        }
    }

    /// Lets a little time pass on the system's clock if a handshake of a host waits for OpenSSL's own timer.
    /// That clock hardly moves in virtual time, and such a handshake asks for the next millisecond again and
    /// again.
    fn wait_for_openssl(&self, host: usize) {
        let node = &self.nodes[host];
        let clock = node.plan.clock + self.world.now() / MILLISECOND;
        let timeout = node.endpoint.as_ref().and_then(|endpoint| endpoint.next_timeout(clock));
        let is_connecting = |(token, side): &(u32, Side)| {
            self.connections[*token as usize].end(*side).is_some_and(|end| end.stage == Stage::Connecting)
        };
        if timeout.is_some_and(|time| time <= clock + 1) && node.connections.values().all(is_connecting) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Checks what a host sends, and what it keeps.
    fn check_output(&mut self, host: usize, output: &Output) -> Result<(), String> {
        if self.is_readable(host) {
            let (connections, datagrams) = (&mut self.connections, &output.datagrams);
            check_transmissions(
                &self.nodes,
                host,
                connections,
                datagrams,
                self.world.now(),
                self.round_trip,
            )?;
        }
        let node = &self.nodes[host];
        let most = waiting_limit(&node.plan.config);
        match node.endpoint.as_ref().and_then(|endpoint| endpoint.waiting_bytes()) {
            Some(waiting) if waiting > most => Err(format!("{waiting} bytes wait, more than {most}")),
            _ => Ok(()),
        }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, datagram: &Bytes) {
        let now = self.world.now();
        self.datagrams += 1;
        self.trace.number(now);
        self.trace.number(u64::from(from.port()) << 16 | u64::from(to.port()));
        self.trace.bytes(datagram);
        let copies = self.world.send(from, to, datagram);
        if self.trace.is_logged() {
            let text = format!("{from} -> {to}: {copies} x {} bytes: {}", datagram.len(), hex(datagram));
            self.trace.line(now, format_args!("{text}"));
        }
        if let Some((largest, count)) = &mut self.watched {
            *largest = datagram.len().max(*largest);
            *count += 1;
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(48).map(|byte| format!("{byte:02x}")).collect()
}
