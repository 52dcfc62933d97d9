//! The controller: how much the path carries, after BBR (Cardwell et al., "BBR: Congestion-Based Congestion
//! Control", 2016, and draft-ietf-ccwg-bbr).
//!
//! It measures the delivery rate and the floor of the round trip, and keeps about as much under way as their
//! product. Losses alone do not slow it down. What differs from BBR: startup goes on at three quarters of the
//! capacity that bursts have shown and ends near it, probes for more send a few datagrams too much and not a
//! quarter, and the time between acknowledgements, such as a frame, belongs to the round trip. While messages
//! of other channels share the connection, which a queue would delay, it leaves the path a little free.

mod pace;

use super::budget::{BURST, Budget, INITIAL_WINDOW};
use super::delivery_rate::{DeliveryRate, Sample, Snapshot};
use super::pacer::{MAXIMUM_CREDIT, Pacer};
use super::trains::Trains;
use crate::Time;

/// Bytes that may be under way at most: memory at both ends.
const MAXIMUM_WINDOW: u32 = 4 << 20;
/// Bytes that may be under way at least: four datagrams.
const MINIMUM_WINDOW: u32 = 5568;
/// Bytes per second at which startup begins at most.
const INITIAL_RATE: u64 = 500_000;
/// Bytes per second that the path is believed to deliver at most, whatever the other end claims.
const MAXIMUM_RATE: u64 = 125_000_000;
/// Milliseconds of round trip up to which the other end is next door, and the clock too coarse to measure the
/// path: nothing is paced.
const LOCAL_ROUND_TRIP: u32 = 1;
/// Milliseconds of the rate that leave together: several datagrams with each wake-up, and bursts that show
/// the capacity of the path while startup looks for it, between these numbers of bytes.
const QUANTUM: u64 = 2;
const TRAIN: u64 = 8;
/// Milliseconds between such bursts when startup begins.
const TRAIN_INTERVAL: u32 = 24;
const SHORTEST_TRAIN: u64 = 11_136;
const LONGEST_TRAIN: u64 = 32 << 10;
/// Milliseconds for which the floor of the round trip is believed, and for which little is under way to
/// measure it anew.
const FLOOR_LIFETIME: u32 = 10_000;
const FLOOR_PROBE: u32 = 200;
/// Milliseconds after which the first floor that is much higher than before is measured once more.
const SECOND_PROBE: u32 = 1_000;
/// Milliseconds between acknowledgements at most while something is under way: frames at 10 Hz.
const LONGEST_INTERVAL: u32 = 100;
/// Milliseconds between acknowledgements up to which bursts show the capacity.
const STEADY_INTERVAL: u32 = 4;
/// Measurements of the floor after which it is believed that no others fill the queues.
const HIDDEN_PROBES: u32 = 6;
/// Rounds between two probes for more bandwidth.
const CRUISE_ROUNDS: u32 = 6;
/// Bytes that a probe for more bandwidth sends too much at first, and while other messages would wait behind
/// it.
const PROBE_BYTES: u64 = 16 << 10;
const GENTLE_PROBE_BYTES: u64 = 4 << 10;
/// Bytes that may be under way before the path is known, if other messages wait behind them.
const GENTLE_INITIAL_WINDOW: u32 = 48 << 10;

/// What the controller is doing.
#[derive(Copy, Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
enum Phase {
    /// The rate grows by much with each round trip until the path is full.
    Startup,
    /// What startup has sent too much leaves the queue.
    Drain,
    /// As much is sent as arrives.
    Cruise,
    /// More is sent, to see whether more arrives.
    Up,
    /// What comes of that is seen.
    Feel,
    /// What that has sent too much leaves the queue.
    Down,
    /// Little is under way, so that the floor of the round trip shows.
    FloorProbe { until: Time, window: u32 },
}

/// What is measured in a round trip.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Round {
    /// It ends when so much is delivered.
    until: u64,
    /// What was delivered when it began.
    began: u64,
    /// The lowest round trip, milliseconds; `u32::MAX` before the first one.
    floor: u32,
    /// Bytes that were lost.
    lost: u64,
    /// The highest delivery rate, bytes per second.
    rate: u64,
    is_limited: bool,
    /// A transfer shared the connection with other messages.
    is_shared: bool,
}

/// The controller of one connection.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Controller {
    delivery: DeliveryRate,
    pacer: Pacer,
    trains: Trains,
    phase: Phase,
    /// Bytes that had been delivered when acknowledgements were looked at last.
    seen_delivered: u64,
    /// The highest delivery rates of this cycle and of the one before, bytes per second.
    bandwidth: [u64; 2],
    round: Round,
    /// Rounds since the phase began.
    rounds: u32,
    /// When the delivery rate has grown last in startup, and the bandwidth that growth is compared with.
    grown_at: Time,
    full_bandwidth: u64,
    /// Lowest round trip, and when it was seen last.
    floor: u32,
    floor_at: Time,
    /// The round trip with empty queues, and how often the floor was measured while others filled them.
    empty: u32,
    hidden_probes: u32,
    /// What gets lost of that which is sent while the queue is short, in 1,024ths.
    path_loss: u32,
    /// The last round trip, and the lowest one since the probe for the floor began.
    latest: u32,
    probed_floor: u32,
    /// Milliseconds that waited in queues in the last round at least.
    delay: u32,
    /// Mean milliseconds between acknowledgements, in sixteenths, and when the last ones came.
    interval_sixteenths: u32,
    acknowledged_at: Time,
    /// Bytes that the next probe sends too much.
    probe: u64,
    /// Bytes per second that leave while there is no probe.
    pace: u64,
    /// Rounds in which the queue on the path was long.
    queued_rounds: u32,
    /// A transfer was seen beside messages of other channels; and whether there were such messages in the
    /// last round.
    has_seen_transfer: bool,
    is_shared: bool,
}

impl Controller {
    /// A controller for a path whose shortest recent round trip took `floor` milliseconds; 0 = not known.
    pub(super) fn new(now: Time, floor: u32) -> Self {
        Self {
            delivery: DeliveryRate::new(now),
            pacer: Pacer::default(),
            trains: Trains::default(),
            phase: Phase::Startup,
            seen_delivered: 0,
            bandwidth: [0; 2],
            round: Round { floor: u32::MAX, ..Round::default() },
            rounds: 0,
            grown_at: now,
            full_bandwidth: 0,
            floor: if floor == 0 { u32::MAX } else { floor },
            floor_at: now,
            empty: if floor == 0 { u32::MAX } else { floor },
            hidden_probes: 0,
            path_loss: 0,
            latest: floor,
            probed_floor: u32::MAX,
            delay: 0,
            interval_sixteenths: 0,
            acknowledged_at: Time::default(),
            probe: PROBE_BYTES,
            pace: 0,
            queued_rounds: 0,
            has_seen_transfer: false,
            is_shared: false,
        }
    }

    /// Messages of several channels wait to be sent. Returns whether no transfer was seen among them so far.
    pub(super) fn share(&mut self) -> bool {
        self.is_shared = self.has_seen_transfer;
        self.round.is_shared = self.has_seen_transfer;
        !self.has_seen_transfer
    }

    /// A transfer begins beside other messages.
    pub(super) fn begin_transfer(&mut self) {
        self.has_seen_transfer = true;
        if self.phase == Phase::Startup && !self.is_unpaced() {
            // A second burst after the one that has made this controller would be in their way.
            self.pacer.on_sent(BURST);
        }
    }

    /// A datagram with reliable commands leaves; nothing was under way before it if `was_idle`.
    #[inline(always)]
    pub(super) fn on_sent(&mut self, now: Time, was_idle: bool) -> Snapshot {
        self.delivery.on_sent(now, was_idle)
    }

    /// Everything that there is to send has been sent, and `in_flight` bytes are under way.
    #[inline(always)]
    pub(super) fn on_application_limited(&mut self, in_flight: u32) {
        self.delivery.on_application_limited(in_flight);
    }

    /// A command of so many bytes was acknowledged for the first time.
    #[inline(always)]
    pub(super) fn on_delivered(&mut self, bytes: u32) {
        self.delivery.on_delivered(bytes);
    }

    /// A command of so many bytes is lost.
    #[inline]
    pub(super) fn on_lost(&mut self, bytes: u32) {
        self.round.lost += u64::from(bytes);
        // What is lost will not be delivered.
        self.round.until = self.round.until.saturating_sub(bytes.into()).max(self.round.began);
        self.delivery.on_lost(bytes);
    }

    /// A round trip took `sample` milliseconds.
    #[inline]
    pub(super) fn on_round_trip(&mut self, now: Time, sample: u32) {
        self.latest = sample;
        self.round.floor = self.round.floor.min(sample);
        if sample <= self.floor.saturating_add(1) {
            self.floor = self.floor.min(sample);
            self.floor_at = now;
        }
        self.probed_floor = self.probed_floor.min(sample);
        self.empty = self.empty.min(sample);
    }

    /// The acknowledgements of a datagram are taken in; the newest is for what was sent at `sent_at` with
    /// this snapshot.
    pub(super) fn on_acknowledged(&mut self, now: Time, sent_at: u32, snapshot: Snapshot, in_flight: u32) {
        let delivered = self.delivery.delivered();
        let bytes = (delivered - std::mem::replace(&mut self.seen_delivered, delivered)) as u32;
        if bytes == 0 {
            return;
        }
        self.measure_interval(now, bytes);
        if self.is_unpaced() {
            return;
        }
        let sample = self.delivery.sample(now, sent_at, snapshot);
        if self.phase == Phase::Startup {
            self.trains.on_acknowledged(now, sent_at, bytes);
        }
        self.take_sample(sample);
        if sample.prior_delivered >= self.round.until {
            self.end_round(now, in_flight);
        }
        self.advance(now, in_flight);
    }

    /// Takes in how long these acknowledgements came after the ones before.
    fn measure_interval(&mut self, now: Time, bytes: u32) {
        let gap = now.since(self.acknowledged_at);
        self.acknowledged_at = now;
        // After a longer one there was nothing to acknowledge.
        if !(1..=LONGEST_INTERVAL).contains(&gap) {
            return;
        }
        let weight = bytes.min(8 << 10);
        let difference = i64::from(gap * 16) - i64::from(self.interval_sixteenths);
        let change = difference * i64::from(weight) / (32 << 10);
        self.interval_sixteenths = (i64::from(self.interval_sixteenths) + change) as u32;
    }

    /// Milliseconds between acknowledgements: a frame, if either end is serviced once in each.
    fn interval(&self) -> u32 {
        self.interval_sixteenths.div_ceil(16)
    }

    fn take_sample(&mut self, sample: Sample) {
        if sample.elapsed < self.floor {
            return;
        }
        let rate = sample.rate.min(MAXIMUM_RATE);
        self.round.rate = self.round.rate.max(rate);
        if sample.is_limited && rate < self.bandwidth() {
            self.round.is_limited = true;
        } else {
            self.bandwidth[0] = self.bandwidth[0].max(rate);
        }
    }

    /// Bytes per second that the path delivers, as far as is known; 0 before the first measurement.
    pub(super) fn bandwidth(&self) -> u64 {
        self.bandwidth[0].max(self.bandwidth[1])
    }

    /// Bytes that were delivered in this round.
    fn delivered_in_round(&self) -> u64 {
        self.delivery.delivered() - self.round.began
    }

    /// Milliseconds that something waits in queues on the path at least.
    pub(super) fn queueing_delay(&self) -> u32 {
        self.delay
    }

    fn end_round(&mut self, now: Time, in_flight: u32) {
        if self.round.floor != u32::MAX {
            // Where this host is serviced once a frame, all round trips may take one more.
            let frame = self.pacer.lateness().min(self.interval());
            self.delay = self.round.floor.saturating_sub(self.empty).saturating_sub(frame);
        }
        self.rounds += 1;
        let was_competing = self.is_competing();
        self.measure_path_loss();
        self.adapt_pace();
        let has_slowed = self.has_slowed();
        if has_slowed {
            self.bandwidth = [self.round.rate; 2];
            self.pace = self.pace.min(self.highest_pace());
        }
        match self.phase {
            Phase::Drain | Phase::Cruise | Phase::Up | Phase::Feel | Phase::Down
                if has_slowed || (self.is_competing() && !was_competing) =>
            {
                // The path may have become longer, too.
                self.probe_floor(now, in_flight);
            }
            Phase::Startup => self.check_full(),
            Phase::Cruise if self.rounds >= CRUISE_ROUNDS => self.enter(Phase::Up),
            Phase::Up => self.enter(Phase::Feel),
            Phase::Feel => {
                let grew = self.round.rate * 32 >= self.full_bandwidth * 33;
                if grew && self.delay <= 4 {
                    self.probe *= 2;
                    self.pace = self.bandwidth();
                    self.enter(Phase::Up);
                } else {
                    self.probe = PROBE_BYTES;
                    self.enter(Phase::Down);
                }
            }
            _ => {}
        }
        self.is_shared = self.round.is_shared;
        let delivered = self.delivery.delivered();
        self.round = Round {
            until: delivered + u64::from(in_flight),
            began: delivered,
            floor: u32::MAX,
            ..Round::default()
        };
    }

    /// Whether the path delivers much less than before, as a long queue or many losses show, and not just too
    /// little to send.
    fn has_slowed(&self) -> bool {
        let delivered = self.delivered_in_round();
        let is_overloaded = self.delay > self.long_delay() || self.round.lost * 4 > delivered;
        self.phase != Phase::Startup
            && is_overloaded
            && self.round.rate < self.bandwidth() / 2
            && delivered + self.round.lost > 16 << 10
    }

    /// Startup ends when the path is full.
    fn check_full(&mut self) {
        if self.round.is_limited {
            return;
        }
        let delivered = self.delivered_in_round();
        let overflows = self.round.lost * 5 > delivered && self.round.lost > 16 << 10;
        let is_queueing = self.rounds > 2 && self.delay > 8.max(self.floor / 8);
        if overflows || is_queueing {
            self.enter(Phase::Drain);
        }
    }

    fn enter(&mut self, phase: Phase) {
        let before = std::mem::replace(&mut self.phase, phase);
        self.rounds = 0;
        match phase {
            Phase::Cruise if before == Phase::Drain => self.pace = self.bandwidth().min(self.highest_pace()),
            Phase::Up => self.full_bandwidth = self.bandwidth(),
            // Nothing was measured if there was too little to send.
            Phase::Down if self.bandwidth[0] > 0 => self.bandwidth = [0, self.bandwidth[0]],
            _ => {}
        }
    }

    /// Whether as much arrives as bursts have shown that the bottleneck lets through.
    fn is_at_capacity(&self) -> bool {
        self.trains.capacity().is_some_and(|capacity| self.bandwidth() * 10 >= capacity * 9)
    }

    /// Whether more arrives than a round trip ago. If not although more was sent, the path is full.
    fn is_growing(&mut self, now: Time) -> bool {
        if self.round.is_limited || self.bandwidth() * 8 >= self.full_bandwidth * 9 {
            self.full_bandwidth = self.bandwidth();
            self.grown_at = now;
        }
        let round_trip = self.round_trip() + self.interval() + self.pacer.lateness();
        let patience = if self.is_gentle() { 0 } else { round_trip / 4 + TRAIN_INTERVAL };
        now.since(self.grown_at) <= round_trip + patience
    }

    fn advance(&mut self, now: Time, in_flight: u32) {
        let is_growing = self.is_growing(now);
        match self.phase {
            Phase::Startup if self.is_at_capacity() || !is_growing => self.enter(Phase::Drain),
            Phase::Drain | Phase::Down if in_flight <= self.bdp() || self.rounds >= 3 => {
                self.enter(Phase::Cruise);
            }
            Phase::FloorProbe { until, .. } if now >= until => {
                self.floor_at = now;
                self.take_floor();
                self.enter(Phase::Cruise);
            }
            _ => {}
        }
        if !matches!(self.phase, Phase::Startup | Phase::FloorProbe { .. })
            && now.since(self.floor_at) > FLOOR_LIFETIME
        {
            self.probe_floor(now, in_flight);
        }
    }

    /// Little is under way for a while, so that the floor of the round trip shows.
    fn probe_floor(&mut self, now: Time, in_flight: u32) {
        let window = self.bdp() / 2;
        // What is under way has to arrive first.
        let wait = if in_flight > window { FLOOR_PROBE + self.latest.min(1000) } else { 0 };
        self.probed_floor = self.latest;
        self.enter(Phase::FloorProbe { until: now.after(wait), window });
    }

    /// A probe for the floor of the round trip is over. Where others keep the queue long, or what was sent
    /// too fast is still in it, the path without it does not show. But a queue changes, and the length of a
    /// path does not: a floor that is seen twice is the path's.
    fn take_floor(&mut self) {
        let last = std::mem::replace(&mut self.floor, self.probed_floor);
        let is_hidden = self.is_competing() || self.floor > self.empty.saturating_add(self.long_delay());
        self.hidden_probes = if is_hidden { self.hidden_probes + 1 } else { 0 };
        if !is_hidden || self.floor.abs_diff(last) <= 1 || self.hidden_probes == HIDDEN_PROBES {
            self.hidden_probes = 0;
            self.empty = self.floor;
        } else if self.hidden_probes == 1 {
            self.floor_at = self.floor_at.before(FLOOR_LIFETIME - SECOND_PROBE);
        }
    }

    /// Bytes under way that keep the path busy without a queue.
    fn bdp(&self) -> u32 {
        (self.bandwidth() * u64::from(self.round_trip()) / 1000).min(MAXIMUM_WINDOW.into()) as u32
    }

    /// Milliseconds until an acknowledgement comes if nothing waits in queues.
    fn round_trip(&self) -> u32 {
        self.floor.saturating_add(self.interval()).min(10_000)
    }

    /// Whether nothing is known of the path, or it is too short to be measured.
    fn is_unpaced(&self) -> bool {
        self.floor == u32::MAX || (self.floor <= LOCAL_ROUND_TRIP && self.interval() <= 2)
    }

    /// Bytes of reliable payload that may be under way.
    pub(super) fn window(&self) -> u32 {
        if self.is_unpaced() {
            return INITIAL_WINDOW;
        }
        let bdp = self.bdp();
        let window =
            match self.phase {
                Phase::Startup if self.is_gentle() => (bdp + bdp / 4).max(GENTLE_INITIAL_WINDOW),
                Phase::Startup if self.trains.capacity().is_none() => (2 * bdp).max(INITIAL_WINDOW),
                Phase::Startup => (4 * bdp).max(self.startup_window()),
                Phase::FloorProbe { window, .. } => window,
                Phase::Drain | Phase::Cruise | Phase::Up | Phase::Feel | Phase::Down => {
                    if self.is_competing() { 2 * bdp } else { bdp + bdp / 4 + self.queue_target() as u32 }
                }
            };
        window.clamp(MINIMUM_WINDOW, MAXIMUM_WINDOW)
    }

    /// Bytes that may be under way in startup at least: enough for the rate at which it goes on once bursts
    /// have shown the capacity.
    fn startup_window(&self) -> u32 {
        let product = self.trains.capacity().unwrap_or(0) * u64::from(self.round_trip()) / 1000;
        (product.min(MAXIMUM_WINDOW.into()) as u32).max(INITIAL_WINDOW)
    }

    /// Bytes of reliable payload per second that may leave; `None` = no limit.
    pub(super) fn pacing_rate(&self) -> Option<u64> {
        if self.is_unpaced() {
            return None;
        }
        let bandwidth = self.bandwidth();
        let rate = match self.phase {
            Phase::Startup => {
                let initial = u64::from(INITIAL_WINDOW) * 1000 / u64::from(self.round_trip().max(1));
                let grown = match self.trains.capacity() {
                    Some(capacity) => (4 * bandwidth).max(capacity * 3 / 4).min(capacity.max(bandwidth)),
                    None if self.is_gentle() => bandwidth * 5 / 4,
                    None if self.interval() > STEADY_INTERVAL => 2 * bandwidth,
                    None => bandwidth * 177 / 64,
                };
                grown.max(initial.min(INITIAL_RATE))
            }
            Phase::Drain => bandwidth / 2,
            Phase::Cruise | Phase::Feel => self.pace,
            Phase::Up => self.pace + self.probe_gain(),
            Phase::Down => self.pace * 3 / 4,
            Phase::FloorProbe { .. } => bandwidth,
        };
        let lump = u64::from(MAXIMUM_CREDIT) * 1000 / u64::from(self.interval().max(1));
        // As if nothing was paced but for the smallest window.
        let least = u64::from(MINIMUM_WINDOW) * 1000 / u64::from(self.latest.max(1));
        Some(rate.max(least).min(lump))
    }

    /// Bytes per second that a probe sends too much.
    fn probe_gain(&self) -> u64 {
        let probe = if self.is_gentle() { GENTLE_PROBE_BYTES } else { self.probe };
        (probe * 1000 / u64::from(self.round_trip().max(1))).min(self.bandwidth() / 4)
    }

    /// What may be sent now, while `in_flight` bytes are under way.
    #[inline]
    pub(super) fn budget(&mut self, now: Time, in_flight: u32) -> Budget {
        match self.pacing_rate() {
            None => Budget { in_flight, window: INITIAL_WINDOW, credit: Budget::UNPACED },
            Some(rate) => {
                Budget { in_flight, window: self.window(), credit: self.pacer.credit(now, rate, BURST) }
            }
        }
    }

    /// The bytes that may be under way if they are urgent, while `in_flight` are: a burst more than others.
    pub(super) fn urgent_allowance(&self, in_flight: u32) -> u32 {
        let window = self.window() + BURST;
        if self.is_unpaced() { window } else { window.min(in_flight + self.pacer.urgent_credit(BURST)) }
    }

    /// So many bytes of reliable payload leave.
    #[inline]
    pub(super) fn on_paced(&mut self, bytes: u32) {
        self.pacer.on_sent(bytes);
    }

    /// Something has to wait for credit: returns when to look again.
    pub(super) fn wait(&mut self, now: Time) -> Option<Time> {
        let rate = self.pacing_rate()?;
        let quantum = match self.phase {
            Phase::Startup if !self.is_shared => (rate * TRAIN / 1000).clamp(SHORTEST_TRAIN, LONGEST_TRAIN),
            _ => (rate * QUANTUM / 1000).clamp(1, LONGEST_TRAIN),
        };
        Some(self.pacer.wait(now, rate, quantum))
    }

    /// The time of [`Self::wake_at`] has come.
    pub(super) fn on_wake(&mut self) {
        self.pacer.on_wake();
    }

    /// When something that waits for credit wants to be looked at again.
    #[inline(always)]
    pub(super) fn wake_at(&self) -> Option<Time> {
        self.pacer.wake_at()
    }
}

#[cfg(test)]
mod tests;
