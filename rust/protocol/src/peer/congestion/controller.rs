//! The controller: how much the path carries, after BBR (Cardwell et al., "BBR: Congestion-Based Congestion
//! Control", 2016, and draft-ietf-ccwg-bbr).
//!
//! It measures the delivery rate and the floor of the round trip, and keeps about as much under way as their
//! product. Losses alone do not slow it down. What differs from BBR: startup goes on at three quarters of the
//! capacity that bursts have shown and ends near it, probes for more send a few datagrams too much and not a
//! quarter, and the time between acknowledgements, such as a frame, belongs to the round trip. While messages
//! of other channels share the connection, which a queue would delay, it leaves the path a little free.
//!
//! The parts have the draft's names: `startup`, `probe_bw` and `probe_rtt` are phases, `round` updates the
//! model of the path, and `control` has the parameters that follow from it.

mod control;
mod probe_bw;
mod probe_rtt;
mod round;
mod startup;

use super::budget::{BURST, Budget, INITIAL_WINDOW};
use super::delivery_rate::{DeliveryRate, Snapshot};
use super::pacer::Pacer;
use super::trains::Trains;
use crate::Time;
use probe_bw::{PROBE_BYTES, TOLERATED_DELAY};
use round::Round;

/// Bytes that may be under way at most: memory at both ends.
const MAXIMUM_WINDOW: u32 = 4 << 20;
/// Bytes per second that the path is believed to deliver at most, whatever the other end claims.
const MAXIMUM_RATE: u64 = 125_000_000;
/// Milliseconds of round trip up to which the other end is next door, and the clock too coarse to measure the
/// path: nothing is paced.
const LOCAL_ROUND_TRIP: u32 = 1;
/// Milliseconds without such a round trip after which the other end is not next door any more.
const LOCAL_LIFETIME: u32 = 1_000;
/// Milliseconds between acknowledgements up to which bursts show the capacity.
const STEADY_INTERVAL: u32 = 4;

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
    ProbeRtt { until: Time, window: u32 },
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
        self.probed_floor = self.probed_floor.min(sample);
        // A floor that others may have hidden is looked at once more, unless it turns out to be a queue's.
        let is_shorter = sample <= LOCAL_ROUND_TRIP || sample.saturating_add(TOLERATED_DELAY) < self.floor;
        let is_seen = sample <= self.floor.saturating_add(1);
        self.floor = self.floor.min(sample);
        if is_shorter || (is_seen && self.hidden_probes != 1) {
            self.floor_at = now;
            if self.floor <= LOCAL_ROUND_TRIP {
                // What comes from here on shows whether it still is next door.
                self.probed_floor = u32::MAX;
            }
        }
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
            if self.probed_floor != u32::MAX && now.since(self.floor_at) > LOCAL_LIFETIME {
                self.leave_next_door(now, in_flight);
            }
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

    /// Bytes per second that the path delivers, as far as is known; 0 before the first measurement.
    pub(super) fn bandwidth(&self) -> u64 {
        self.bandwidth[0].max(self.bandwidth[1])
    }

    /// Milliseconds that something waits in queues on the path at least.
    pub(super) fn queueing_delay(&self) -> u32 {
        self.delay
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
        Some(self.pacer.wait(now, rate, self.quantum(rate)))
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

    /// The path has become longer than it was next door: nothing is known of it but its round trip.
    fn leave_next_door(&mut self, now: Time, in_flight: u32) {
        *self = Self {
            delivery: self.delivery.clone(),
            seen_delivered: self.seen_delivered,
            interval_sixteenths: self.interval_sixteenths,
            acknowledged_at: self.acknowledged_at,
            has_seen_transfer: self.has_seen_transfer,
            is_shared: self.is_shared,
            ..Self::new(now, self.probed_floor)
        };
        self.begin_round(in_flight);
    }

    /// A round trip is over: the model of the path is updated, and phases that last for rounds may end.
    fn end_round(&mut self, now: Time, in_flight: u32) {
        self.rounds += 1;
        let was_competing = self.is_competing();
        self.measure_delay();
        self.measure_path_loss();
        self.adapt_pace();
        let has_slowed = self.has_slowed();
        if has_slowed {
            self.bandwidth = [self.round.rate; 2];
            self.pace = self.pace.min(self.highest_pace());
        }
        match self.phase {
            Phase::Startup => self.check_full(),
            Phase::ProbeRtt { .. } => {}
            // The path may have become longer, too.
            _ if has_slowed || (self.is_competing() && !was_competing) => {
                self.enter_probe_rtt(now, in_flight)
            }
            Phase::Cruise | Phase::Up | Phase::Feel => self.probe_bandwidth(),
            Phase::Drain | Phase::Down => {}
        }
        self.is_shared = self.round.is_shared;
        self.begin_round(in_flight);
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

    /// Phases that do not last for rounds may end.
    fn advance(&mut self, now: Time, in_flight: u32) {
        let is_growing = self.is_growing(now);
        match self.phase {
            Phase::Startup if self.is_at_capacity() || !is_growing => self.enter(Phase::Drain),
            Phase::Drain | Phase::Down if in_flight <= self.bdp() || self.rounds >= 3 => {
                self.enter(Phase::Cruise);
            }
            Phase::ProbeRtt { until, .. } if now >= until => {
                self.floor_at = now;
                self.take_floor();
                self.enter(Phase::Cruise);
            }
            _ => {}
        }
        if !matches!(self.phase, Phase::Startup | Phase::ProbeRtt { .. }) && self.is_floor_old(now) {
            self.enter_probe_rtt(now, in_flight);
        }
    }
}

#[cfg(test)]
mod tests;
