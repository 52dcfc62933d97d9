//! The packet throttle: which share of unreliable packets is sent, by how round trips develop.

use super::recovery::round_trip::RoundTrip;
use crate::Time;

/// The throttle at which everything is sent (`ENET_PEER_PACKET_THROTTLE_SCALE`).
pub(crate) const THROTTLE_SCALE: u32 = 32;
/// What the running counter grows by with each packet; prime to the scale, so that the dropped ones are
/// spread.
const COUNTER_STEP: u32 = 7;

/// The throttle of one peer.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    /// Share of unreliable packets to send, in 32nds.
    pub(crate) value: u32,
    /// What `value` cannot exceed; bandwidth limits lower it.
    pub(crate) limit: u32,
    pub(crate) counter: u32,
    /// When the current interval began; `None` before the first measurement.
    pub(crate) epoch: Option<Time>,
    /// Milliseconds.
    pub(crate) interval: u32,
    pub(crate) acceleration: u32,
    pub(crate) deceleration: u32,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self {
            value: THROTTLE_SCALE,
            limit: THROTTLE_SCALE,
            counter: 0,
            epoch: None,
            interval: 5000,
            acceleration: 2,
            deceleration: 2,
        }
    }

    /// Takes the three figures that both ends of a connection share.
    pub(crate) fn configure(&mut self, interval: u32, acceleration: u32, deceleration: u32) {
        self.interval = interval;
        self.acceleration = acceleration;
        self.deceleration = deceleration;
    }

    /// Takes in one measured round trip, and updates `round_trip` in ENet's order: compare, measure, end of
    /// interval.
    pub(crate) fn measure(&mut self, now: Time, sample: u32, round_trip: &mut RoundTrip) {
        if round_trip.is_measured() {
            self.compare(sample, round_trip);
        }
        round_trip.measure(sample);
        if self.epoch.is_none_or(|epoch| now.since(epoch) >= self.interval) {
            round_trip.begin_interval();
            self.epoch = Some(now);
        }
    }

    fn compare(&mut self, sample: u32, round_trip: &RoundTrip) {
        let (mean, variance) = (round_trip.last_mean, round_trip.last_variance);
        if mean <= variance {
            self.value = self.limit;
        } else if sample <= mean {
            self.value = self.value.saturating_add(self.acceleration).min(self.limit);
        } else if sample > mean.saturating_add(variance.saturating_mul(2)) {
            self.value = self.value.saturating_sub(self.deceleration);
        }
    }

    /// Whether the next unreliable packet is sent.
    pub(crate) fn admits(&mut self) -> bool {
        self.counter = (self.counter + COUNTER_STEP) % THROTTLE_SCALE;
        self.counter <= self.value
    }

    /// Sets what the throttle cannot exceed, `0..=32`.
    pub(crate) fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
        self.value = self.value.min(limit);
    }

    /// What the throttle leaves of a reliable window of `size` bytes.
    pub(crate) fn window(&self, size: u32) -> u32 {
        (u64::from(size) * u64::from(self.value) / u64::from(THROTTLE_SCALE)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_throttle_sends_everything_and_an_empty_one_a_32nd() {
        let mut throttle = Throttle::new();
        assert_eq!((0..320).filter(|_| throttle.admits()).count(), 320);
        throttle.value = 0;
        assert_eq!((0..320).filter(|_| throttle.admits()).count(), 10);
    }

    #[test]
    fn long_round_trips_lower_it_and_short_ones_raise_it() {
        let mut throttle = Throttle::new();
        let mut round_trip = RoundTrip::new();
        let mut now = Time::from_millis(1);
        for _ in 0..100 {
            throttle.measure(now, 100, &mut round_trip);
            now = now.after(500);
        }
        for _ in 0..3 {
            throttle.measure(now, 400, &mut round_trip);
        }
        assert_eq!(throttle.value, THROTTLE_SCALE - 6);
        throttle.measure(now, 90, &mut round_trip);
        assert_eq!(throttle.value, THROTTLE_SCALE - 4);
    }
}
