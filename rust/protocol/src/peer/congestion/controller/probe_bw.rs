//! ProbeBW: as much is sent as arrives, so that a few datagrams are in the queue on the path, whether this
//! connection has the path for itself or others fill the queue; and now and then more, to see whether that
//! arrives, too.

use super::{Controller, MAXIMUM_WINDOW, Phase, STEADY_INTERVAL};

/// Milliseconds in queues up to which nobody is taken to fill them.
pub(super) const TOLERATED_DELAY: u32 = 6;
/// Milliseconds in queues from which on others may fill them, and below which they do not.
const LONG_DELAY: u32 = 30;
const SHORT_DELAY: u32 = 8;
/// Rounds with long queues after which others are taken to fill them.
const COMPETING_ROUNDS: u32 = 16;
/// Rounds between two probes for more bandwidth.
const CRUISE_ROUNDS: u32 = 6;
/// Bytes that a probe for more bandwidth sends too much at first, and while other messages would wait behind
/// it.
pub(super) const PROBE_BYTES: u64 = 16 << 10;
const GENTLE_PROBE_BYTES: u64 = 4 << 10;
/// Bytes of this connection that may be in the queue: two datagrams and these milliseconds of the rate, up to
/// so many bytes; and two ticks of the clock, as less cannot be measured.
const LEAST_QUEUED: u64 = 2784;
const QUEUED_DELAY: u64 = 20;
const MOST_QUEUED: u64 = 12 << 10;
const CLOCK_TICKS: u64 = 2;

impl Controller {
    /// A round without a probe for more bandwidth, or of one, is over.
    pub(super) fn probe_bandwidth(&mut self) {
        match self.phase {
            Phase::Cruise if self.rounds >= CRUISE_ROUNDS => self.enter(Phase::Up),
            Phase::Up => self.enter(Phase::Feel),
            Phase::Feel if self.has_grown() => {
                self.probe *= 2;
                self.pace = self.bandwidth();
                self.enter(Phase::Up);
            }
            Phase::Feel => {
                self.probe = PROBE_BYTES;
                self.enter(Phase::Down);
            }
            _ => {}
        }
    }

    /// Whether more has arrived since more is sent, and does not wait in the queue.
    fn has_grown(&self) -> bool {
        self.round.rate * 32 >= self.full_bandwidth * 33 && self.delay <= 4
    }

    /// Takes in how much gets lost while the queue on the path is short, or hardly this connection's.
    pub(super) fn measure_path_loss(&mut self) {
        let delivered = self.delivered_in_round();
        let is_probing = matches!(self.phase, Phase::ProbeRtt { .. });
        if delivered > 0 && (is_probing || self.delay < SHORT_DELAY) {
            let loss = (self.round.lost * 1024 / delivered).min(1024) as u32;
            self.path_loss =
                if is_probing { loss.max(self.path_loss) } else { (self.path_loss * 7 + loss) / 8 };
        }
    }

    /// Keeps [`Self::queue_target`] bytes of this connection in the queue, by the rule of FAST TCP (Wei, Jin,
    /// Low and Hegde, 2006): the window goes half of the way to the bytes that would be under way without a
    /// queue, and these more. All see the same queue, so equal bytes in it are equal shares of the path, and
    /// who has more gives way by more in each round.
    pub(super) fn adapt_pace(&mut self) {
        let bandwidth = self.bandwidth();
        let (round_trip, delay) = (u64::from(self.round_trip().max(1)), u64::from(self.delay));
        let window = self.pace * round_trip / 1000;
        let unqueued = window * round_trip / (round_trip + delay);
        let target = self.queue_target();
        self.count_queued_round((window - unqueued) * 3 > target * 4);
        if self.is_competing() {
            let delivered = self.delivered_in_round();
            let expected = delivered * u64::from(self.path_loss) / 1024;
            if self.round.lost.saturating_sub(expected) * 100 > delivered {
                self.bandwidth = self.bandwidth.map(|rate| rate * 7 / 8);
            }
            self.pace = self.bandwidth();
            return;
        }
        let pace = (window + unqueued + target) / 2 * 1000 / round_trip;
        let queued = if self.is_gentle() { 0 } else { target * 1000 / round_trip };
        let highest = self.highest_pace() + queued;
        // What has arrived lately fits the path as long as no queue says otherwise.
        let lowest = if delay == 0 { bandwidth } else { bandwidth * 3 / 4 };
        self.pace = pace.clamp(lowest.min(highest), highest);
    }

    /// Takes in how long the queue was, and whether more of this connection was in it than it wants there:
    /// that others fill it, or that the path has become longer.
    fn count_queued_round(&mut self, is_queueing: bool) {
        self.queued_rounds = match self.delay {
            delay if delay > self.long_delay() => self.queued_rounds.saturating_add(2),
            delay if is_queueing && delay > TOLERATED_DELAY => self.queued_rounds.saturating_add(1),
            ..SHORT_DELAY => 0,
            _ => self.queued_rounds,
        };
    }

    /// Bytes of this connection that may be in the queue. It grows less than the rate does, so whoever is
    /// faster finds its part of the queue too long first. What leaves together once a frame is there anyway,
    /// half of it at a time.
    pub(super) fn queue_target(&self) -> u64 {
        let bandwidth = self.bandwidth();
        let target = (LEAST_QUEUED + bandwidth * QUEUED_DELAY / 1000).min(MOST_QUEUED)
            + bandwidth * CLOCK_TICKS / 1000;
        let frame = bandwidth * u64::from(self.pacer.lateness()) / 1000;
        target.saturating_sub(frame / 2).max(LEAST_QUEUED)
    }

    /// Milliseconds in queues that show that others fill them, or that the path has become slower: on a slow
    /// path, more than the datagrams that have to be there.
    pub(super) fn long_delay(&self) -> u32 {
        (2 * LEAST_QUEUED * 1000 / self.bandwidth().max(1)).clamp(LONG_DELAY.into(), 10_000) as u32
    }

    /// Bytes per second that leave at most while there is no probe: what arrives, and a little less to leave
    /// the path free.
    pub(super) fn highest_pace(&self) -> u64 {
        let bandwidth = self.bandwidth();
        if self.is_gentle() { bandwidth * 31 / 32 } else { bandwidth * 17 / 16 }
    }

    /// Whether other messages would wait in the queue of this connection, and frames between acknowledgements
    /// hide how long it is.
    pub(super) fn is_gentle(&self) -> bool {
        self.is_shared && self.interval() > STEADY_INTERVAL
    }

    /// Bytes of reliable payload that may be under way: the pace's, and those of a probe.
    pub(super) fn probe_bw_window(&self) -> u32 {
        let bdp = self.bdp();
        if self.is_competing() {
            return 2 * bdp;
        }
        if self.is_gentle() || self.phase == Phase::Drain {
            return bdp + bdp / 4 + self.queue_target() as u32;
        }
        let rate = if self.phase == Phase::Up { self.pace + self.probe_gain() } else { self.pace };
        (rate * u64::from(self.round_trip()) / 1000).min(MAXIMUM_WINDOW.into()) as u32
    }

    /// Whether others keep the queue on the path long.
    pub(super) fn is_competing(&self) -> bool {
        self.queued_rounds >= COMPETING_ROUNDS
    }

    /// Bytes per second that a probe sends too much.
    pub(super) fn probe_gain(&self) -> u64 {
        let probe = if self.is_gentle() { GENTLE_PROBE_BYTES } else { self.probe };
        (probe * 1000 / u64::from(self.round_trip().max(1))).min(self.bandwidth() / 4)
    }
}
