//! A world from its first moment to its last: lets hosts work when it is their turn, and checks what they promise.

mod events;
mod settling;

use crate::deeds::Deeds;
use crate::endpoint::{Endpoint, Key, Output};
use crate::ledger::{Link, Side, Stage};
use crate::ours::{Ours, Security};
use crate::plan::{HostPlan, Plan, Population};
use crate::stock::{Stock, StockConfig};
use crate::trace::Trace;
use bytes::Bytes;
use enet_rs_protocol::Limits;
use enet_rs_sim::{Conditions, Damage, Happening, MILLISECOND, Random, World};
use settling::{holds_nothing_back, note_arrivals, waiting_cap};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::net::SocketAddr;

/// The wake-up that means "it is time for a deed"; all others name a host.
const DEED: u64 = u64::MAX;
/// Turns of one host at one moment that mean "it never comes to rest".
const TOO_MANY_TURNS: u32 = 10_000;

/// A host of the world, over all its lives.
pub(crate) struct Node {
    pub(crate) plan: HostPlan,
    pub(crate) address: SocketAddr,
    /// `None` while it is stopped.
    pub(crate) endpoint: Option<Box<dyn Endpoint>>,
    pub(crate) life: u32,
    /// Which connection each key is.
    pub(crate) links: BTreeMap<Key, (u32, Side)>,
    /// Datagrams that its socket holds.
    inbox: Vec<(SocketAddr, Bytes)>,
    inbox_bytes: usize,
    /// It has something to do although nothing is due.
    pub(crate) dirty: bool,
    /// Microsecond of its next turn.
    wake: Option<u64>,
    pub(crate) paused_until: u64,
    last_turn: u64,
    turns: u32,
}

/// How a world went.
pub(crate) struct Report {
    pub(crate) hash: u64,
    pub(crate) datagrams: u64,
    pub(crate) messages: u64,
    pub(crate) connections: usize,
    /// Connections whose contents were not checked.
    pub(crate) doubtful: usize,
    /// Microseconds of virtual time.
    pub(crate) virtual_time: u64,
}

/// What somebody wants to see of a run.
#[derive(Default)]
pub(crate) struct Outlets {
    pub(crate) log: Option<Box<dyn Write>>,
    pub(crate) pcap: Option<Box<dyn Write>>,
}

/// A world that is going on.
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) plan: Plan,
    pub(crate) nodes: Vec<Node>,
    pub(crate) by_address: HashMap<SocketAddr, usize>,
    pub(crate) links: Vec<Link>,
    pub(crate) random: Random,
    pub(crate) trace: Trace,
    /// Addresses that were ever used, for new ones.
    next_port: u16,
    output: Output,
    datagrams: u64,
    messages: u64,
    /// Largest datagram and number of datagrams since silence is watched.
    watched: Option<(usize, u64)>,
}

/// Runs the world of a seed.
pub(crate) fn run(seed: u64, population: Population, outlets: Outlets) -> Result<Report, String> {
    let mut random =
        Random::new(seed ^ if population == Population::Mixed { 0x6d69_7865_6400_0000 } else { 0 });
    let plan = Plan::draw(&mut random, population);
    let mut world = World::new(random.next_u64());
    if let Some(pcap) = outlets.pcap {
        world.capture(pcap).map_err(|error| format!("the capture file cannot be written: {error}"))?;
    }
    let mut run = Run {
        world,
        nodes: Vec::new(),
        by_address: HashMap::new(),
        links: Vec::new(),
        random,
        trace: Trace::new(outlets.log),
        next_port: 1000,
        output: Output::default(),
        datagrams: 0,
        messages: 0,
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
        connections: run.links.len(),
        doubtful: run.links.iter().filter(|link| link.is_doubtful).count(),
        virtual_time: run.world.now(),
    })
}

impl Run {
    fn begin(&mut self) {
        if self.trace.is_logged() {
            let text = format!("{:#?}", self.plan);
            self.trace.line(0, format_args!("{text}"));
        }
        let conditions = Conditions { damage: self.plan.damage.clone(), ..self.plan.weather.clone() };
        self.world.set_all_conditions(conditions);
        for plan in self.plan.hosts.clone() {
            let host = self.nodes.len();
            let address = ([10, 0, 0, host as u8 + 1], 0).into();
            self.nodes.push(Node {
                plan,
                address,
                endpoint: None,
                life: 0,
                links: BTreeMap::new(),
                inbox: Vec::new(),
                inbox_bytes: 0,
                dirty: false,
                wake: None,
                paused_until: 0,
                last_turn: 0,
                turns: 0,
            });
            self.start(host, false);
        }
    }

    /// A host comes to life, at a new port unless it keeps its address.
    pub(crate) fn start(&mut self, host: usize, keeps_address: bool) {
        let now = self.world.now();
        let seed = self.random.next_u64();
        let node = &mut self.nodes[host];
        if !keeps_address {
            self.next_port += 1;
            node.address.set_port(self.next_port);
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
            let security = match (self.plan.population, host) {
                (Population::Dtls, 0) => Security::Server,
                (Population::Dtls, _) => Security::Client,
                _ => Security::Plain,
            };
            Box::new(Ours::new(config.clone(), seed, security))
        });
        node.life += 1;
        node.dirty = true;
        self.world.attach(node.address);
        self.by_address.insert(node.address, host);
        self.trace.line(now, format_args!("host {host} starts at {}", node.address));
        self.schedule(host);
    }

    /// A host stops without a word.
    pub(crate) fn stop(&mut self, host: usize) {
        let now = self.world.now();
        let node = &mut self.nodes[host];
        node.endpoint = None;
        node.inbox.clear();
        node.inbox_bytes = 0;
        self.world.detach(node.address);
        self.trace.line(now, format_args!("host {host} stops"));
        for (_, (token, side)) in std::mem::take(&mut node.links) {
            self.over(token, side);
        }
    }

    fn over(&mut self, token: u32, side: Side) {
        let now = self.world.now();
        let link = &mut self.links[token as usize];
        if let Some(end) = link.end_mut(side) {
            end.stage = Stage::Over;
        }
        if link.is_over() {
            link.over_at = Some(now);
        }
    }

    /// An end is over by its owner's wish, without an event.
    pub(crate) fn forget(&mut self, host: usize, key: Key) {
        if let Some((token, side)) = self.nodes[host].links.remove(&key) {
            self.over(token, side);
        }
    }

    fn live(&mut self) -> Result<(), String> {
        let mut deeds = Deeds::new(&self.plan);
        self.world.wake_at(0, DEED);
        while let Some(happening) = self.world.next(self.plan.active) {
            if happening == Happening::Wake(DEED) {
                deeds.act(self);
                let pause = deeds.pause(self);
                self.world.wake_at(self.world.now() + pause, DEED);
            } else {
                self.happen(happening)?;
            }
        }
        deeds.repair(self);
        self.settle()?;
        self.watch_silence()?;
        deeds.prove(self);
        self.settle()?;
        self.final_checks()
    }

    /// Lets the world go on until `until`.
    fn go_on(&mut self, until: u64) -> Result<(), String> {
        while let Some(happening) = self.world.next(until) {
            self.happen(happening)?;
        }
        Ok(())
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Wake(DEED) => Ok(()),
            Happening::Wake(host) => {
                let host = host as usize;
                if self.nodes[host].wake == Some(self.world.now()) {
                    self.nodes[host].wake = None;
                    if self.nodes[host].paused_until <= self.world.now() {
                        self.turn(host)?;
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

    /// Sees to it that a host gets its turn when it needs one.
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
            if due == node.last_turn {
                due += frame;
            }
        }
        if node.wake.is_none_or(|wake| due < wake || wake < now) {
            node.wake = Some(due);
            self.world.wake_at(due, host as u64);
        }
    }

    /// A host takes in what its socket holds, does its work, and its owner looks at what came of it.
    fn turn(&mut self, host: usize) -> Result<(), String> {
        let now = self.world.now();
        let plan = &self.nodes[host].plan;
        // Crowds reach the default limits too.
        let is_roomy = plan.config.limits == Limits::default() && !self.plan.is_chatty;
        let is_readable = self.plan.population != Population::Dtls;
        let takes_everything = !plan.is_stock && is_roomy && is_readable;
        if takes_everything && self.plan.damage == Damage::default() {
            note_arrivals(&self.nodes, host, &mut self.links);
        }
        let node = &mut self.nodes[host];
        let Some(endpoint) = &mut node.endpoint else { return Ok(()) };
        node.turns = if node.last_turn == now { node.turns + 1 } else { 0 };
        if node.turns > TOO_MANY_TURNS {
            return Err(format!("host {host} wants its turn again and again without time passing"));
        }
        node.last_turn = now;
        node.dirty = false;
        let clock = node.plan.clock + now / MILLISECOND;
        let mut counted = [0u32; 4];
        for (from, datagram) in node.inbox.drain(..) {
            counted[2] += datagram.len() as u32;
            counted[3] += 1;
            endpoint.receive(clock, from, datagram);
        }
        node.inbox_bytes = 0;
        let mut output = std::mem::take(&mut self.output);
        endpoint.work(clock, &mut output);
        for (_, datagram) in &output.datagrams {
            counted[0] += datagram.len() as u32;
            counted[1] += 1;
        }
        if let Some(counters) = endpoint.take_counters()
            && counters != counted
        {
            return Err(format!("host {host} counts {counters:?}, but it was {counted:?}"));
        }
        let most = waiting_cap(&node.plan.config);
        if let Some(waiting) = endpoint.waiting_bytes()
            && waiting > most
        {
            return Err(format!("host {host} lets {waiting} bytes wait, more than {most}"));
        }
        let from = node.address;
        for (to, datagram) in output.datagrams.drain(..) {
            self.send(from, to, &datagram);
        }
        for event in output.events.drain(..) {
            self.event(host, event).map_err(|error| format!("host {host}: {error}"))?;
        }
        self.output = output;
        let node = &self.nodes[host];
        for (token, side) in node.links.values() {
            holds_nothing_back(&self.links, *token, *side)?;
        }
        Ok(())
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
