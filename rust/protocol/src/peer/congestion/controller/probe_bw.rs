//! ProbeBW: as much is sent as arrives, so that a few datagrams are in the queue on the path, whether this
//! connection has the path for itself or others fill the queue; and now and then more, to see whether that
//! arrives, too.

use super::{Controller, Phase, STEADY_INTERVAL};

/// Milliseconds in queues from which on a little less is sent than arrives.
const TOLERATED_DELAY: u32 = 6;
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
/// Milliseconds of the rate that may be in the queue, between these numbers of bytes: two datagrams at least.
const QUEUED_DELAY: u64 = 25;
const LEAST_QUEUED: u64 = 2784;
const MOST_QUEUED: u64 = 12 << 10;

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

    /// Keeps a few datagrams of this connection in the queue, as TCP Vegas does (Brakmo and Peterson, 1995):
    /// so those who share a path get equal shares of it.
    pub(super) fn adapt_pace(&mut self) {
        let bandwidth = self.bandwidth();
        let queued = self.pace * u64::from(self.delay) / 1000;
        let target = self.queue_target();
        let is_queueing = queued > target && self.delay > TOLERATED_DELAY;
        self.queued_rounds = match is_queueing {
            true if self.delay > self.long_delay() => self.queued_rounds.saturating_add(2),
            true => self.queued_rounds.saturating_add(1),
            false if self.delay < SHORT_DELAY => 0,
            false => self.queued_rounds,
        };
        if self.is_competing() {
            let delivered = self.delivered_in_round();
            let expected = delivered * u64::from(self.path_loss) / 1024;
            if self.round.lost.saturating_sub(expected) * 100 > delivered {
                self.bandwidth = self.bandwidth.map(|rate| rate * 7 / 8);
            }
            self.pace = self.bandwidth();
            return;
        }
        if is_queueing {
            self.pace = self.pace * 15 / 16;
        } else if queued < target / 2 || self.delay < TOLERATED_DELAY / 2 {
            self.pace += 3 * 1400 * 1000 / u64::from(self.round_trip().max(1));
        }
        let slowest = if self.delay <= TOLERATED_DELAY { bandwidth * 31 / 32 } else { bandwidth * 3 / 4 };
        self.pace = self.pace.clamp(slowest, self.highest_pace());
    }

    /// Bytes of this connection that may be in the queue.
    pub(super) fn queue_target(&self) -> u64 {
        (self.bandwidth() * QUEUED_DELAY / 1000).clamp(LEAST_QUEUED, MOST_QUEUED)
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
