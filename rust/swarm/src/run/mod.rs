//! A world from its first moment to its last: lets hosts work when it is their turn, and checks what they promise.

use crate::arrivals;
use crate::content::LARGEST;
use crate::deeds::Deeds;
use crate::endpoint::{Endpoint, Event, Key, Output};
use crate::ledger::{End, Life, Link, Side, Stage, is_haunted};
use crate::ours::Ours;
use crate::plan::{HostPlan, Plan, Population};
use crate::stock::{Stock, StockConfig};
use crate::trace::Trace;
use bytes::Bytes;
use enet_rs_protocol::{HostConfig, Limits};
use enet_rs_sim::{Conditions, Damage, Happening, MILLISECOND, Random, SECOND, World};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::net::SocketAddr;

/// The wake-up that means "it is time for a deed"; all others name a host.
const DEED: u64 = u64::MAX;
/// Turns of one host at one moment that mean "it never comes to rest".
const TOO_MANY_TURNS: u32 = 10_000;
/// How long after the faults everything has to be settled: twice the longest time-out, with the longest repetition.
const SETTLE: u64 = 200 * SECOND;
/// The same for worlds with much to carry.
const SETTLE_LARGE: u64 = 1_200 * SECOND;
/// How long silence is watched.
const WATCH: u64 = 5 * SECOND;
/// What a datagram of pings and their acknowledgements can have at most, bytes.
const IDLE_DATAGRAM: usize = 40;

/// What a peer may have waiting although the host's cap is reached, bytes.
const RESERVED_FOR_A_PEER: usize = 64 << 10;

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
            Box::new(Ours::new(config.clone(), seed))
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
        let node = &mut self.nodes[host];
        let may_refuse = node.plan.config.limits != Limits::default();
        if !node.plan.is_stock && !may_refuse && self.plan.damage == Damage::default() {
            note_arrivals(node, &mut self.links);
        }
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

    fn event(&mut self, host: usize, event: Event) -> Result<(), String> {
        let now = self.world.now();
        if self.trace.is_logged() {
            let text = match &event {
                Event::Receive { key, channel, payload, flags } => {
                    format!(
                        "receive {key} channel {channel} {flags:?} {} bytes: {}",
                        payload.len(),
                        hex(payload)
                    )
                }
                other => format!("{other:?}"),
            };
            self.trace.line(now, format_args!("host {host}: {text}"));
        }
        match event {
            Event::Connect { key, data } => self.connected(host, key, data),
            Event::Disconnect { key, data, reason } => {
                let Some((token, side)) = self.nodes[host].links.remove(&key) else {
                    return Err(format!("Disconnect event for connection {key}, which is over or never was"));
                };
                self.trace.number(u64::from(token) << 32 | u64::from(data));
                self.links[token as usize]
                    .disconnected(side, data, reason)
                    .map_err(|error| format!("connection {token}, end {side}, {reason:?}: {error}"))?;
                holds_nothing_back(&self.links, token, side)?;
                self.over(token, side);
                Ok(())
            }
            Event::Receive { key, channel, payload, flags } => {
                let Some(&(token, side)) = self.nodes[host].links.get(&key) else {
                    return Err(format!("message from connection {key}, which is over or never was"));
                };
                self.messages += 1;
                self.trace.number(u64::from(token) << 16 | u64::from(channel));
                let link = &mut self.links[token as usize];
                let stage = link.end(side).map(|end| end.stage);
                if stage != Some(Stage::Up) {
                    return Err(format!("message from connection {key}, which is {stage:?}"));
                }
                link.received(side, channel, &payload, flags)
                    .map_err(|error| format!("connection {token}, end {side}: {error}"))
            }
        }
    }

    fn connected(&mut self, host: usize, key: Key, data: u32) -> Result<(), String> {
        let node = &self.nodes[host];
        let life = Life { host, number: node.life };
        let channels = node.endpoint.as_ref().map_or(0, |endpoint| endpoint.open_channels(key));
        let is_stock = node.plan.is_stock;
        let slot = node.endpoint.as_ref().map_or(u16::MAX, |endpoint| endpoint.slot(key));
        self.trace.number(u64::from(data));
        if let Some(&(token, side)) = node.links.get(&key) {
            let link = &mut self.links[token as usize];
            let end = link.end_mut(side).filter(|end| end.stage == Stage::Connecting);
            let Some(end) = end else {
                return Err(format!("a second Connect event for connection {key}"));
            };
            end.up();
            if data != 0 {
                return Err(format!("the Connect event of an outgoing connection carries {data}"));
            }
            if channels > link.channels {
                return Err(format!("{channels} channels, but {} were asked for", link.channels));
            }
            self.mark_if_haunted(token, side);
            return Ok(());
        }
        let limit = self.plan.is_intact().then_some(());
        let Some(link) = self.links.get_mut(data as usize) else {
            // Damage can change the number, and then nobody knows whose connection it is.
            return match limit {
                Some(()) => Err(format!("an incoming connection with the unknown number {data}")),
                None => self.stranger(life, key, slot, is_stock),
            };
        };
        if channels > link.channels && !link.is_doubtful {
            return Err(format!("{channels} channels, but {} were asked for", link.channels));
        }
        let end = End::new(life, slot, Stage::Up, is_stock);
        match &link.acceptor {
            None => link.acceptor = Some(end),
            Some(before) if !link.is_doubtful && before.life.host != host => {
                return Err(format!("connection {data} is accepted by host {} as well", before.life.host));
            }
            // A late copy of a CONNECT can make a connection after the end of the first one.
            Some(before) => {
                let was_over = before.stage == Stage::Over;
                link.is_doubtful = true;
                if !was_over && self.plan.is_intact() {
                    return Err(format!("connection {data} is accepted twice"));
                }
                return self.stranger(life, key, slot, is_stock);
            }
        }
        self.nodes[host].links.insert(key, (data, 1));
        self.mark_if_haunted(data, 1);
        Ok(())
    }

    fn mark_if_haunted(&mut self, token: u32, side: Side) {
        if is_haunted(&self.links, token, side, self.world.now(), self.plan.keeps_address) {
            self.links[token as usize].is_doubtful = true;
        }
    }

    /// An incoming connection of which nobody knows who made it.
    fn stranger(&mut self, life: Life, key: Key, slot: u16, is_stock: bool) -> Result<(), String> {
        let end = |stage| End::new(life, slot, stage, is_stock);
        let mut link = Link::new(end(Stage::Over), life.host, u8::MAX, 1, 0, true);
        link.acceptor = Some(end(Stage::Up));
        let token = self.links.len() as u32;
        self.links.push(link);
        self.nodes[life.host].links.insert(key, (token, 1));
        Ok(())
    }

    /// Waits until every connection is either over at both ends, or up at both and everything reliable delivered.
    fn settle(&mut self) -> Result<(), String> {
        let bound = self.bound();
        let deadline = self.world.now() + bound;
        loop {
            self.go_on(self.world.now() + SECOND / 4)?;
            let unsettled = self.unsettled();
            if unsettled.is_none() {
                return Ok(());
            }
            if self.world.now() > deadline {
                return Err(format!(
                    "{} s after the faults: {}",
                    bound / SECOND,
                    unsettled.unwrap_or_default()
                ));
            }
        }
    }

    /// Microseconds in which everything has to come to an end.
    fn bound(&self) -> u64 {
        if self.plan.is_large { SETTLE_LARGE } else { SETTLE }
    }

    fn unsettled(&self) -> Option<String> {
        self.links.iter().enumerate().find_map(|(token, link)| {
            if link.is_over() {
                return None;
            }
            let stages = (link.initiator.stage, link.acceptor.as_ref().map(|end| end.stage));
            let is_well = |side| link.end(side).is_none_or(|end| end.stage == Stage::Over || end.is_live());
            if !self.plan.is_intact() && is_well(0) && is_well(1) {
                // Damage can change who belongs to whom.
                return None;
            }
            if stages != (Stage::Up, Some(Stage::Up)) {
                let asked = (&link.initiator.asked, link.acceptor.as_ref().map(|end| &end.asked));
                return Some(format!("connection {token} has ends of {stages:?}, asked {asked:?}"));
            }
            if !link.is_live() {
                return Some(format!("connection {token} was to end and is up"));
            }
            let missing = link.undelivered(0) + link.undelivered(1);
            (missing > 0 && !link.is_doubtful)
                .then(|| format!("connection {token} has {missing} reliable messages undelivered"))
        })
    }

    /// Where nobody says anything, only pings are sent, once the last repetition of what had arrived already is out.
    fn watch_silence(&mut self) -> Result<(), String> {
        let deadline = self.world.now() + self.bound();
        loop {
            self.watched = Some((0, 0));
            self.go_on(self.world.now() + WATCH)?;
            let ends: u64 = self.nodes.iter().map(|node| node.links.len() as u64).sum();
            let Some((largest, count)) = self.watched.take() else { return Ok(()) };
            // Pings come at least 50 ms apart; each may be repeated once, and is acknowledged.
            let most = ends * 4 * (WATCH / (50 * MILLISECOND) + 2);
            if largest <= IDLE_DATAGRAM && count <= most {
                return Ok(());
            }
            if self.world.now() > deadline {
                return Err(format!(
                    "in silence {count} datagrams of up to {largest} bytes were sent, not {most} of {IDLE_DATAGRAM}"
                ));
            }
        }
    }

    fn final_checks(&mut self) -> Result<(), String> {
        for (host, node) in self.nodes.iter().enumerate() {
            let waiting = node.endpoint.as_ref().and_then(|endpoint| endpoint.waiting_bytes());
            if node.links.is_empty() && waiting.is_some_and(|bytes| bytes > 0) {
                return Err(format!("host {host} has no connection, but {waiting:?} bytes wait"));
            }
        }
        Ok(())
    }
}

/// Notes which reliable messages the datagrams bring that a host is about to take in.
fn note_arrivals(node: &Node, links: &mut [Link]) {
    let mut ended = Vec::new();
    for (_, datagram) in &node.inbox {
        let Some(arrivals) = arrivals::read(datagram, node.plan.config.checksum) else { continue };
        if ended.contains(&arrivals.slot) {
            continue;
        }
        let is_addressed = |(token, side): &&(u32, Side)| {
            let end = links[*token as usize].end(*side);
            end.is_some_and(|end| end.slot == arrivals.slot && end.is_live())
        };
        let Some(&(token, side)) = node.links.values().find(is_addressed) else { continue };
        let link = &mut links[token as usize];
        arrivals.pieces.iter().for_each(|piece| link.arrived(side, piece));
        if arrivals.has_disconnect {
            ended.push(arrivals.slot);
        }
    }
}

fn holds_nothing_back(links: &[Link], token: u32, side: Side) -> Result<(), String> {
    let link = &links[token as usize];
    if link.is_doubtful || !link.end(side).is_some_and(End::is_live) {
        return Ok(());
    }
    link.holds_nothing_back(side).map_err(|error| format!("connection {token}, end {side}: {error}"))
}

/// Bytes that may wait at a host: its cap, and what each peer may have beyond it. What crosses a limit is still taken.
fn waiting_cap(config: &HostConfig) -> usize {
    let limits = &config.limits;
    let peers = usize::from(config.max_peers);
    let of_peers = peers * (limits.max_waiting_bytes + LARGEST);
    of_peers.min(limits.max_total_waiting_bytes + peers * RESERVED_FOR_A_PEER + LARGEST)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(48).map(|byte| format!("{byte:02x}")).collect()
}
