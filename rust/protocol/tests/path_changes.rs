//! Paths that change abruptly under a connection: no message waits for longer than a few round trips of the
//! new path, with its queue, and no peer is given up.
#![allow(missing_docs)]

use enet_rs_protocol::{Event, PacketFlags, PeerId};
use enet_rs_sim::{Conditions, MILLISECOND, RateLimit};
use enet_rs_test_support::virtual_pair::{Pair, message, number_of};

/// Milliseconds of a frame, and those after which the path changes.
const FRAME: u64 = 16;
const PERIOD: u64 = 4_000;

/// A path with this round trip (ms), loss (per cent) and bottleneck (kbit/s, and KiB of queue before it), if
/// it has one.
#[derive(Copy, Clone, Debug, PartialEq)]
struct Path {
    name: &'static str,
    round_trip: u64,
    loss: u64,
    bottleneck: Option<(u64, u64)>,
}

impl Path {
    const fn new(name: &'static str, round_trip: u64, loss: u64, bottleneck: Option<(u64, u64)>) -> Self {
        Self { name, round_trip, loss, bottleneck }
    }

    fn conditions(&self) -> Conditions {
        let rate = self.bottleneck.map(|(kilobits, queue)| RateLimit {
            bytes_per_second: kilobits * 125,
            queue_bytes: queue << 10,
        });
        let loss = self.loss as f64 / 100.0;
        Conditions { rate, loss, ..Conditions::with_latency(self.round_trip * MILLISECOND / 2) }
    }

    /// Milliseconds of a round trip with a full queue.
    fn longest_round_trip(&self) -> u64 {
        let queue = self.bottleneck.map_or(0, |(kilobits, queue)| (queue << 10) * 8 / kilobits);
        self.round_trip + queue
    }
}

const PATHS: [Path; 8] = [
    Path::new("next door", 0, 0, None),
    Path::new("local", 1, 0, None),
    Path::new("far", 100, 0, None),
    Path::new("lossy", 40, 5, None),
    Path::new("far and lossy", 100, 5, None),
    Path::new("fast", 40, 0, Some((50_000, 256))),
    Path::new("medium", 40, 0, Some((5_000, 64))),
    Path::new("slow", 40, 0, Some((200, 16))),
];

/// What a client sends on other channels than that of its ticks.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Load {
    Nothing,
    /// A few messages on each of six channels, once a second.
    Bursts,
    /// As much as goes.
    Transfer,
}

/// A client that sends ticks of 64 bytes in each frame, and a load.
struct Talk {
    pair: Pair,
    peer: PeerId,
    load: Load,
    is_in_frames: bool,
    /// When each tick was sent, and which is expected next.
    sent_at: Vec<u64>,
    expected: usize,
    /// Messages of the transfer that were sent, and that have arrived.
    sent: u32,
    arrived: u32,
    /// Milliseconds that a tick has taken at most, or waits.
    longest: u64,
}

impl Talk {
    fn new(path: &Path, load: Load, is_in_frames: bool, seed: u64) -> Self {
        let (pair, peer, _) = Pair::connected(path.conditions(), seed, 8);
        let (sent_at, expected) = (Vec::new(), 0);
        Self { pair, peer, load, is_in_frames, sent_at, expected, sent: 0, arrived: 0, longest: 0 }
    }

    fn send(&mut self, channel: u8, number: u32, length: usize) {
        self.pair.send(true, self.peer, channel, message(number, length), PacketFlags::RELIABLE);
    }

    fn frame(&mut self, frame: u64) {
        self.send(1, self.sent_at.len() as u32, 64);
        self.sent_at.push(self.pair.now().as_millis());
        match self.load {
            Load::Nothing => {}
            Load::Bursts if frame % 60 == 30 => {
                (0..12).for_each(|number| self.send(2 + number as u8 % 6, number, number as usize * 150 + 4));
            }
            Load::Bursts => {}
            Load::Transfer => {
                for number in self.sent..self.arrived + 32 {
                    self.send(0, number, 32 << 10);
                    self.sent += 1;
                }
            }
        }
        if self.is_in_frames {
            self.pair.run_in_frames(FRAME, FRAME);
        } else {
            self.pair.run(FRAME);
        }
        self.take_events();
    }

    fn take_events(&mut self) {
        let now = self.pair.now().as_millis();
        for event in self.pair.server.events.drain(..) {
            let Event::Receive { channel, packet, .. } = event else { panic!("{event:?}") };
            match channel {
                0 => self.arrived += 1,
                1 => {
                    assert_eq!(number_of(&packet.payload) as usize, self.expected);
                    self.longest = self.longest.max(now - self.sent_at[self.expected]);
                    self.expected += 1;
                }
                _ => {}
            }
        }
        assert!(!self.pair.client.has_disconnected());
        if let Some(sent_at) = self.sent_at.get(self.expected) {
            self.longest = self.longest.max(now - sent_at);
        }
    }

    /// Lets the path be like this for a while; returns the milliseconds that a tick has taken at most.
    fn run(&mut self, path: &Path, milliseconds: u64) -> u64 {
        self.longest = 0;
        self.pair.world.set_all_conditions(path.conditions());
        (0..milliseconds / FRAME).for_each(|frame| self.frame(frame));
        std::mem::take(&mut self.longest)
    }
}

/// Changes the path from each to each and back, with ends that are serviced once a frame, or at once. No tick
/// may wait for longer than so many round trips.
fn change(load: Load, round_trips: u64, seed: u64) {
    let pairs = PATHS.iter().flat_map(|from| PATHS.iter().map(move |to| (from, to)));
    for (index, (from, to)) in pairs.enumerate().filter(|(_, (from, to))| from != to) {
        // Each path is left in both ways, and arrived at.
        let is_in_frames = (index + index / PATHS.len()).is_multiple_of(2);
        let mut talk = Talk::new(from, load, is_in_frames, seed);
        talk.run(from, PERIOD);
        let most = round_trips * (from.longest_round_trip().max(to.longest_round_trip()) + 50);
        for path in [to, from] {
            let longest = talk.run(path, PERIOD);
            let names = (from.name, to.name, path.name);
            assert!(longest <= most, "{names:?}, in frames: {is_in_frames}: {longest} of {most} ms");
        }
    }
}

#[test]
fn ticks_alone_wait_for_one_retransmission_at_most() {
    change(Load::Nothing, 2, 31);
}

#[test]
fn ticks_beside_bursts_wait_for_few_round_trips() {
    change(Load::Bursts, 3, 32);
}

#[test]
fn ticks_beside_a_transfer_wait_for_some_round_trips_and_not_for_all_that_is_lost() {
    change(Load::Transfer, 9, 33);
}

#[test]
fn a_transfer_fills_a_path_that_has_become_longer_and_lossy() {
    let path = |round_trip, loss| Path::new("", round_trip, loss, Some((5_000, 64)));
    for is_in_frames in [false, true] {
        let mut talk = Talk::new(&path(40, 0), Load::Transfer, is_in_frames, 34);
        talk.run(&path(40, 0), 5_000);
        talk.run(&path(100, 5), 5_000);
        let before = talk.arrived;
        talk.run(&path(100, 5), 5_000);
        let kilobits = (talk.arrived - before) * 32 * 8 / 5;
        assert!(kilobits > 2_500, "{kilobits}");
    }
}

#[test]
fn a_rate_is_not_forgotten_while_there_is_little_to_send() {
    let path = Path::new("", 60, 0, Some((20_000, 128)));
    let mut talk = Talk::new(&path, Load::Transfer, true, 35);
    talk.run(&path, 5_000);
    let before = talk.pair.client.host.estimated_rate(talk.peer).unwrap();
    talk.load = Load::Bursts;
    talk.run(&path, 60_000);
    let after = talk.pair.client.host.estimated_rate(talk.peer).unwrap();
    assert!(after > before / 2, "{before} {after}");
}
