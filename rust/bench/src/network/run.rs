//! One run: two endpoints on a simulated network.

use super::endpoint::{Endpoint, Event};
use super::implementation::Implementation;
use super::marks::{self, Observer, Transmissions};
use super::plan::{BEGIN, FLOWS_BEGIN, Flow, Plan, Service};
use super::socket::Socket;
use crate::message::Kind;
use bytes::Bytes;
use enet_rs_sim::{Happening, Random, SECOND, World};
use std::net::SocketAddr;

/// Bytes of IPv4 and UDP headers, which count as sent.
const HEADERS: u64 = 28;
/// How long an attempt to connect may take.
const CONNECT_PATIENCE: u64 = 60 * SECOND;
/// How long after the last message was sent a run waits for reliable ones that have not arrived.
const RELIABLE_PATIENCE: u64 = 60 * SECOND;
/// The same for unreliable ones: longer than any queue.
const UNRELIABLE_PATIENCE: u64 = 5 * SECOND;

/// What came of a run.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Microseconds from the attempt to connect until the connecting end knew that the connection is up.
    pub(super) connected_after: Option<u64>,
    /// The connection came to an end, which nobody wanted.
    pub(super) is_lost: bool,
    pub(super) flows: Vec<FlowOutcome>,
    /// Bytes and datagrams that both ends have sent since the flows began, headers of IP and UDP included.
    pub(super) bytes: u64,
    pub(super) datagrams: u64,
    /// Datagrams that found a full receive buffer.
    pub(super) overflowed: u64,
}

/// What came of a flow.
#[derive(Debug, Default)]
pub(super) struct FlowOutcome {
    /// Messages that the program has sent.
    pub(super) sent: u64,
    /// Parts of these: what the observer counts.
    pub(super) parts: u64,
    /// Microseconds from sending to the receiving program, for each message that has arrived.
    pub(super) latencies: Vec<u32>,
    /// Microseconds from sending the first message to the arrival of the last one so far.
    pub(super) lasted: u64,
    pub(super) transmissions: Transmissions,
}

/// One run of a plan with these ends.
pub(super) fn run(plan: &Plan, ends: [Implementation; 2], seed: u64) -> Outcome {
    let mut run = Run::new(plan, ends, seed);
    run.begin();
    while !run.is_over() {
        let Some(happening) = run.world.next(u64::MAX) else { break };
        run.handle(happening);
    }
    run.into_outcome()
}

struct End {
    address: SocketAddr,
    endpoint: Box<dyn Endpoint>,
    socket: Socket,
    service: Service,
    /// When its next turn is, as far as is known now.
    turn: u64,
    is_connected: bool,
}

/// How far a flow has got.
struct Progress<'a> {
    flow: &'a Flow,
    /// When each message was sent; `None` once it has arrived.
    sent_at: Vec<Option<u64>>,
    arrived: usize,
    outcome: FlowOutcome,
}

impl Progress<'_> {
    fn due_at(&self, flows_began: u64) -> Option<u64> {
        let sent = self.sent_at.len();
        (sent < self.flow.count).then(|| flows_began + sent as u64 * self.flow.interval)
    }
}

struct Run<'a> {
    world: World,
    ends: [End; 2],
    observer: Observer,
    flows: Vec<Progress<'a>>,
    /// When the connection was up, and the flows could begin.
    flows_begin: Option<u64>,
    /// When the last message was sent.
    last_sent: u64,
    outcome: Outcome,
    /// To use again.
    datagrams: Vec<(SocketAddr, Bytes)>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, implementations: [Implementation; 2], seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut world = World::new(random.next_u64());
        let addresses: [SocketAddr; 2] = [1, 2].map(|number| ([10, 0, 0, number], 1000).into());
        for (end, path) in plan.paths.iter().enumerate() {
            world.attach(addresses[end]);
            world.set_conditions(addresses[end], addresses[1 - end], path.clone());
        }
        let common_phase = plan.is_one_process.then(|| random.unit());
        let ends = [0, 1].map(|end| {
            let socket = implementations[end].socket();
            let (remote, seed) = (addresses[1 - end], random.next_u64());
            let service = plan.service[end].clone();
            let turn = match &service {
                Service::AtOnce => BEGIN,
                Service::Frames(frames) => {
                    let phase = common_phase.unwrap_or_else(|| random.unit());
                    BEGIN + ((frames.next(BEGIN) - BEGIN) as f64 * phase) as u64
                }
            };
            End {
                address: addresses[end],
                endpoint: implementations[end].end(socket.clone(), remote, BEGIN, seed),
                socket,
                service,
                turn,
                is_connected: false,
            }
        });
        let flows = plan.flows.iter().map(|flow| Progress {
            flow,
            sent_at: Vec::new(),
            arrived: 0,
            outcome: FlowOutcome::default(),
        });
        Self {
            world,
            ends,
            observer: Observer::new(plan.flows.iter().map(|flow| flow.size)),
            flows: flows.collect(),
            flows_begin: None,
            last_sent: 0,
            outcome: Outcome::default(),
            datagrams: Vec::new(),
        }
    }

    fn begin(&mut self) {
        for (name, end) in self.ends.iter().enumerate() {
            self.world.wake_at(end.turn, name as u64);
        }
        self.ends[0].endpoint.connect(BEGIN);
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
                if self.ends.iter().all(|end| end.is_connected) {
                    self.flows_begin = Some(now.max(FLOWS_BEGIN));
                }
            }
            Event::Disconnected => self.outcome.is_lost = true,
            Event::Message(message) => self.on_message(&message),
        }
    }

    fn on_message(&mut self, message: &[u8]) {
        let Some((flow, number)) = marks::identify(message) else { return };
        let progress = &mut self.flows[flow];
        // A message that has come before does not count again.
        let Some(sent_at) = progress.sent_at.get_mut(number).and_then(Option::take) else { return };
        let now = self.world.now();
        progress.arrived += 1;
        progress.outcome.latencies.push((now - sent_at) as u32);
        progress.outcome.lasted = now - self.flows_begin.unwrap_or(now);
    }

    /// Sends the messages that are due.
    fn send_messages(&mut self, index: usize) {
        let now = self.world.now();
        let Some(began) = self.flows_begin else { return };
        for (number, progress) in self.flows.iter_mut().enumerate().filter(|(_, it)| it.flow.from == index) {
            while progress.due_at(began).is_some_and(|due| due <= now) {
                let &Flow { channel, kind, size, .. } = progress.flow;
                let message = marks::message(number, progress.sent_at.len(), size);
                self.ends[index].endpoint.send(now, channel, message, kind);
                progress.sent_at.push(Some(now));
                self.last_sent = now;
            }
        }
    }

    fn transmit(&mut self, index: usize) {
        let counts = self.flows_begin.is_some_and(|begin| begin <= self.world.now());
        let end = &self.ends[index];
        end.socket.take_sent(&mut self.datagrams);
        for (to, datagram) in self.datagrams.drain(..) {
            let copies = self.world.send(end.address, to, &datagram);
            self.observer.on_send(&datagram, copies > 0);
            if counts {
                self.outcome.bytes += datagram.len() as u64 + HEADERS;
                self.outcome.datagrams += 1;
            }
        }
    }

    fn set_turn(&mut self, index: usize) {
        let now = self.world.now();
        let turn = match &self.ends[index].service {
            Service::Frames(frames) => frames.next(now),
            Service::AtOnce => {
                let mine = self.flows.iter().filter(|progress| progress.flow.from == index);
                let due = mine.filter_map(|progress| progress.due_at(self.flows_begin?)).min();
                let timer = self.ends[index].endpoint.next_timeout(now).max(now + 1);
                timer.min(due.unwrap_or(u64::MAX))
            }
        };
        let end = &mut self.ends[index];
        if turn != end.turn && turn < u64::MAX {
            self.world.wake_at(turn, index as u64);
        }
        end.turn = turn;
    }

    fn is_over(&self) -> bool {
        let now = self.world.now();
        let Some(began) = self.flows_begin else {
            return self.outcome.is_lost || now > BEGIN + CONNECT_PATIENCE;
        };
        if self.outcome.is_lost || self.flows.is_empty() {
            return true;
        }
        let waits = |progress: &Progress<'_>, kind| {
            progress.flow.kind == kind && progress.arrived < progress.flow.count
        };
        let is_sent = self.flows.iter().all(|progress| progress.due_at(began).is_none());
        let limit = match () {
            () if self.flows.iter().any(|progress| waits(progress, Kind::Reliable)) => RELIABLE_PATIENCE,
            () if self.flows.iter().any(|progress| waits(progress, Kind::Unreliable)) => UNRELIABLE_PATIENCE,
            () => 0,
        };
        is_sent && now >= self.last_sent + limit
    }

    fn into_outcome(self) -> Outcome {
        let overflowed = self.ends.iter().map(|end| end.socket.overflowed()).sum();
        let transmissions = self.observer.into_transmissions();
        let flows = self.flows.into_iter().zip(transmissions).map(|(progress, transmissions)| {
            let sent = progress.sent_at.len() as u64;
            let parts = sent * marks::marks_of(progress.flow.size) as u64;
            FlowOutcome { sent, parts, transmissions, ..progress.outcome }
        });
        Outcome { flows: flows.collect(), overflowed, ..self.outcome }
    }
}
