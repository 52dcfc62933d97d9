//! One run: endpoints on a simulated network.

use super::endpoint::{Endpoint, Event};
use super::implementation::Implementation;
use super::marks::{self, Observer};
use super::plan::{BEGIN, FLOWS_BEGIN, Plan, Service};
use super::progress::{FlowOutcome, Progress};
use super::socket::Socket;
use crate::message::Kind;
use bytes::Bytes;
use enet_rs_sim::{Happening, MILLISECOND, Random, SECOND, World};
use std::net::SocketAddr;
use std::ops::Range;

/// Bytes of IPv4 and UDP headers, which count as sent.
const HEADERS: u64 = 28;
/// How long an attempt to connect may take.
const CONNECT_LIMIT: u64 = 60 * SECOND;
/// How long a run waits for reliable messages since the last one was sent or has arrived.
const RELIABLE_LIMIT: u64 = 60 * SECOND;
/// How long a run waits for unreliable messages: longer than any queue.
const UNRELIABLE_LIMIT: u64 = 5 * SECOND;

/// What came of a run.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Microseconds from the attempt to connect until the connecting end knew that the connection is up.
    pub(super) connected_after: Option<u64>,
    /// A connection came to an end, which neither side asked for.
    pub(super) is_lost: bool,
    /// The flows of the first connection, then those of the second one, if there is one.
    pub(super) flows: Vec<FlowOutcome>,
    /// Bytes and datagrams that all ends have sent since the flows began, headers of IP and UDP included.
    pub(super) bytes: u64,
    pub(super) datagrams: u64,
    /// Microseconds that the datagrams of the ends that connect waited before a bottleneck.
    pub(super) queueing: Vec<u32>,
    /// Datagrams that found a full receive buffer.
    pub(super) overflowed: u64,
}

/// One run of a plan with these ends, two for each connection.
pub(super) fn run(plan: &Plan, connections: &[[Implementation; 2]], seed: u64) -> Outcome {
    let mut run = Run::new(plan, connections, seed);
    run.begin();
    while !run.is_over() {
        let Some(happening) = run.world.next(u64::MAX) else { break };
        run.handle(happening);
    }
    run.into_outcome()
}

struct End {
    address: SocketAddr,
    remote: SocketAddr,
    endpoint: Box<dyn Endpoint>,
    socket: Socket,
    service: Service,
    /// When its next turn is, as far as is known now.
    turn: u64,
    is_connected: bool,
}

struct Run<'a> {
    plan: &'a Plan,
    world: World,
    /// The ends of the first connection, then those of the second one.
    ends: Vec<End>,
    observer: Observer,
    /// The flows of the first connection, then those of the second one.
    flows: Vec<Progress<'a>>,
    /// When all connections were up, and the flows of the first one began.
    began: Option<u64>,
    /// When a message was sent or has arrived.
    last_progress: u64,
    outcome: Outcome,
    /// To use again.
    datagrams: Vec<(SocketAddr, Bytes)>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, connections: &[[Implementation; 2]], seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut world = World::new(random.next_u64());
        let mut ends = Vec::new();
        for (number, implementations) in connections.iter().enumerate() {
            let addresses = [1, 2].map(|end| SocketAddr::from(([10, 0, number as u8, end], 1000)));
            add_paths(
                &mut world,
                plan,
                addresses,
                ends.first().map(|first: &End| [first.address, first.remote]),
            );
            let common_phase = plan.is_one_process.then(|| random.unit());
            for index in [0, 1] {
                let phase = common_phase.unwrap_or_else(|| random.unit());
                let [address, remote] = [addresses[index], addresses[1 - index]];
                let service = plan.service[index].clone();
                let turn = match &service {
                    Service::AtOnce => BEGIN,
                    Service::Frames(frames) => {
                        let behind = if plan.is_one_process { index as u64 * MILLISECOND } else { 0 };
                        BEGIN + ((frames.next(BEGIN) - BEGIN) as f64 * phase) as u64 + behind
                    }
                };
                let socket = implementations[index].socket();
                let endpoint = implementations[index].end(socket.clone(), remote, BEGIN, random.next_u64());
                ends.push(End { address, remote, endpoint, socket, service, turn, is_connected: false });
            }
        }
        let flows = || connections.iter().flat_map(|_| &plan.flows);
        Self {
            plan,
            world,
            ends,
            observer: Observer::new(flows().map(|flow| flow.size)),
            flows: flows().map(Progress::new).collect(),
            began: None,
            last_progress: 0,
            outcome: Outcome::default(),
            datagrams: Vec::new(),
        }
    }

    fn begin(&mut self) {
        for (name, end) in self.ends.iter_mut().enumerate() {
            self.world.wake_at(end.turn, name as u64);
            if connects(name) {
                end.endpoint.connect(BEGIN);
            }
        }
    }

    fn handle(&mut self, happening: Happening) {
        match happening {
            Happening::Arrival { from, to, datagram, .. } => {
                let Some(index) = self.ends.iter().position(|end| end.address == to) else { return };
                let end = &self.ends[index];
                end.socket.arrive(from, datagram);
                if matches!(end.service, Service::AtOnce) {
                    self.take_turn(index);
                }
            }
            Happening::Wake(name) => {
                let index = name as usize;
                // Another time may have been set since.
                if self.ends[index].turn == self.world.now() {
                    self.take_turn(index);
                }
            }
        }
    }

    /// An end's program does its work: what a game does in a frame.
    fn take_turn(&mut self, index: usize) {
        let now = self.world.now();
        let mut events = Vec::new();
        self.ends[index].endpoint.service(now, &mut events);
        events.into_iter().for_each(|event| self.on_event(index, event));
        self.send_messages(index);
        self.ends[index].endpoint.flush(now);
        self.transmit(index);
        self.set_turn(index);
    }

    fn on_event(&mut self, index: usize, event: Event) {
        let now = self.world.now();
        match event {
            Event::Connected => {
                self.ends[index].is_connected = true;
                if index == 0 {
                    self.outcome.connected_after = Some(now - BEGIN);
                }
                if self.began.is_none() && self.ends.iter().all(|end| end.is_connected) {
                    self.began = Some(now.max(FLOWS_BEGIN));
                }
            }
            Event::Disconnected => self.outcome.is_lost = true,
            Event::Message(message) => self.on_message(&message),
        }
    }

    fn on_message(&mut self, message: &[u8]) {
        let Some((flow, number)) = marks::identify(message) else { return };
        let Some(began) = self.flow_began(flow) else { return };
        let (now, window) = (self.world.now(), self.window());
        if self.flows[flow].on_arrived(number, now, began, &window) {
            self.last_progress = now;
        }
    }

    /// Sends the messages that are due.
    fn send_messages(&mut self, index: usize) {
        let now = self.world.now();
        for number in self.flows_of(index) {
            let Some(began) = self.flow_began(number).filter(|_| self.sends(index, number)) else { continue };
            let progress = &mut self.flows[number];
            while progress.is_due(now, began) {
                let message = marks::message(number, progress.on_sent(now), progress.flow.size);
                self.ends[index].endpoint.send(now, progress.flow.channel, message, progress.flow.kind);
                self.last_progress = now;
            }
        }
    }

    fn transmit(&mut self, index: usize) {
        let counts = self.began.is_some_and(|began| began <= self.world.now());
        let end = &self.ends[index];
        end.socket.take_sent(&mut self.datagrams);
        for (to, datagram) in self.datagrams.drain(..) {
            if counts {
                self.outcome.bytes += datagram.len() as u64 + HEADERS;
                self.outcome.datagrams += 1;
            }
            if counts && connects(index) {
                self.outcome.queueing.push(self.world.queueing_delay(end.address, to) as u32);
            }
            let copies = self.world.send(end.address, to, &datagram);
            self.observer.on_send(&datagram, copies > 0);
        }
    }

    fn set_turn(&mut self, index: usize) {
        let now = self.world.now();
        let turn = match &self.ends[index].service {
            Service::Frames(frames) => frames.next(now),
            Service::AtOnce => {
                let due = |flow: usize| self.flows[flow].next_due(self.flow_began(flow)?);
                let mine = self.flows_of(index).filter(|flow| self.sends(index, *flow));
                let due = mine.filter_map(due).min();
                let timer = self.ends[index].endpoint.next_timeout(now);
                timer.min(due.unwrap_or(u64::MAX)).max(now + 1)
            }
        };
        let end = &mut self.ends[index];
        if turn != end.turn && turn < u64::MAX {
            self.world.wake_at(turn, index as u64);
        }
        end.turn = turn;
    }

    /// The numbers of the flows of an end's connection.
    fn flows_of(&self, end: usize) -> Range<usize> {
        let count = self.plan.flows.len();
        end / 2 * count..(end / 2 + 1) * count
    }

    /// Whether this end sends this flow, which is one of its connection.
    fn sends(&self, end: usize, flow: usize) -> bool {
        self.flows[flow].flow.from == end % 2
    }

    fn flow_began(&self, flow: usize) -> Option<u64> {
        let head_start = match &self.plan.contest {
            Some(contest) if flow >= self.plan.flows.len() => contest.head_start,
            _ => 0,
        };
        Some(self.began? + head_start)
    }

    /// When what arrives counts.
    fn window(&self) -> Range<u64> {
        match (&self.plan.contest, self.began) {
            (Some(contest), Some(began)) => began + contest.window.start..began + contest.window.end,
            _ => 0..u64::MAX,
        }
    }

    fn is_over(&self) -> bool {
        let now = self.world.now();
        if self.began.is_none() {
            return self.outcome.is_lost || now > BEGIN + CONNECT_LIMIT;
        }
        if self.outcome.is_lost || now >= self.window().end {
            return true;
        }
        let waits = |kind| self.flows.iter().any(|it| it.flow.kind == kind && !it.has_arrived());
        let limit = match () {
            () if waits(Kind::Reliable) => RELIABLE_LIMIT,
            () if waits(Kind::Unreliable) => UNRELIABLE_LIMIT,
            () => 0,
        };
        let is_sent = self.flows.iter().all(|it| it.is_sent() || it.flow.kind == Kind::Reliable);
        is_sent && now >= self.last_progress + limit
    }

    fn into_outcome(self) -> Outcome {
        let overflowed = self.ends.iter().map(|end| end.socket.overflowed()).sum();
        let transmissions = self.observer.into_transmissions();
        let flows = self.flows.into_iter().zip(transmissions).map(|(flow, seen)| flow.into_outcome(seen));
        Outcome { flows: flows.collect(), overflowed, ..self.outcome }
    }
}

/// Whether this end makes the connection.
fn connects(end: usize) -> bool {
    end.is_multiple_of(2)
}

/// The paths between two ends: those of the plan, or those that another connection has.
fn add_paths(world: &mut World, plan: &Plan, ends: [SocketAddr; 2], others: Option<[SocketAddr; 2]>) {
    for (index, path) in plan.paths.iter().enumerate() {
        let [from, to] = [ends[index], ends[1 - index]];
        world.attach(from);
        match others {
            None => world.set_conditions(from, to, path.clone()),
            Some(others) => world.share_path(from, to, others[index], others[1 - index]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::plan::{Contest, Flow, path};
    use enet_rs_sim::{Conditions, RateLimit};

    fn pairs() -> impl Iterator<Item = [Implementation; 2]> {
        let same = Implementation::ALL.iter().map(|one| [*one, *one]);
        same.chain([
            [Implementation::EnetRs, Implementation::Stock],
            [Implementation::Stock, Implementation::EnetRs],
        ])
    }

    #[test]
    fn every_message_arrives_between_all_ends_however_they_are_serviced() {
        for service in [Service::at_once(), Service::once_per_frame()] {
            let flows = [Flow::ticks_each_way(64, SECOND), vec![Flow::transfer(1 << 20)]].concat();
            let plan = Plan { service, ..Plan::new(path(40, 4, 2), flows) };
            for ends in pairs() {
                let outcome = run(&plan, &[ends], 1);
                assert!(!outcome.is_lost && outcome.connected_after.is_some(), "{ends:?}");
                let arrived: Vec<usize> = outcome.flows.iter().map(|flow| flow.latencies.len()).collect();
                assert_eq!(arrived, [59, 59, 32], "{ends:?}");
                assert!(
                    outcome.flows.iter().flat_map(|flow| &flow.latencies).all(|time| *time >= 20_000),
                    "{ends:?}"
                );
            }
        }
    }

    #[test]
    fn two_connections_share_their_path_and_what_arrives_in_the_window_counts() {
        let rate = Some(RateLimit { bytes_per_second: 250_000, queue_bytes: 64 << 10 });
        let narrow = Conditions { rate, ..Conditions::with_latency(10_000) };
        let contest = Some(Contest { rival: None, head_start: SECOND, window: 2 * SECOND..4 * SECOND });
        let plan = Plan { contest, ..Plan::new(narrow, vec![Flow::transfer(64 << 20)]) };
        let outcome = run(&plan, &[[Implementation::EnetRs; 2]; 2], 1);
        let arrived = outcome.flows.iter().map(|flow| flow.arrived_bytes).collect::<Vec<_>>();
        assert!(arrived.iter().all(|bytes| *bytes > 50_000), "{arrived:?}");
        assert!((300_000..500_000).contains(&arrived.iter().sum::<u64>()), "{arrived:?}");
    }
}
