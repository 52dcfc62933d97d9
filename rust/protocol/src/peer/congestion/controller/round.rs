//! What is measured in each round trip: the model of the path.

use super::{Controller, MAXIMUM_RATE, Phase};
use crate::Time;
use crate::peer::congestion::delivery_rate::Sample;

/// Milliseconds between acknowledgements at most while something is under way: frames at 10 Hz.
const LONGEST_INTERVAL: u32 = 100;

/// What is measured in a round trip.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Round {
    /// It ends when so much is delivered.
    pub(super) until: u64,
    /// What was delivered when it began.
    pub(super) began: u64,
    /// The lowest round trip, milliseconds; `u32::MAX` before the first one.
    pub(super) floor: u32,
    /// Bytes that were lost.
    pub(super) lost: u64,
    /// The highest delivery rate, bytes per second.
    pub(super) rate: u64,
    pub(super) is_limited: bool,
    /// Little was under way in it, to measure the floor.
    pub(super) is_emptied: bool,
    /// A transfer shared the connection with other messages.
    pub(super) is_shared: bool,
}

impl Controller {
    /// The next round begins, with `in_flight` bytes under way.
    pub(super) fn begin_round(&mut self, in_flight: u32) {
        let delivered = self.delivery.delivered();
        self.round = Round {
            until: delivered + u64::from(in_flight),
            began: delivered,
            floor: u32::MAX,
            is_emptied: matches!(self.phase, Phase::ProbeRtt { .. }),
            ..Round::default()
        };
    }

    /// Takes in how long something has waited in queues in this round.
    pub(super) fn measure_delay(&mut self) {
        if self.round.floor != u32::MAX {
            // Where this host is serviced once a frame, all round trips may take one more.
            let frame = self.pacer.lateness().min(self.interval());
            self.delay = self.round.floor.saturating_sub(self.empty).saturating_sub(frame);
        }
    }

    /// Whether the path delivers much less than before, as a long queue or many losses show, and not just too
    /// little to send, or little under way to measure the floor.
    pub(super) fn has_slowed(&self) -> bool {
        let delivered = self.delivered_in_round();
        let is_overloaded = self.delay > self.long_delay() || self.round.lost * 4 > delivered;
        self.phase != Phase::Startup
            && !self.round.is_emptied
            && is_overloaded
            && self.round.rate < self.bandwidth() / 2
            && delivered + self.round.lost > 16 << 10
    }

    /// Takes in how long these acknowledgements came after the ones before.
    pub(super) fn measure_interval(&mut self, now: Time, bytes: u32) {
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
    pub(super) fn interval(&self) -> u32 {
        self.interval_sixteenths.div_ceil(16)
    }

    /// Bytes that were delivered in this round.
    pub(super) fn delivered_in_round(&self) -> u64 {
        self.delivery.delivered() - self.round.began
    }

    pub(super) fn take_sample(&mut self, sample: Sample) {
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
}
