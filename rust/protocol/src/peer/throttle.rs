//! The packet throttle: which share of unreliable packets is sent.
//!
//! ENet lowers it whenever a round trip takes longer than those of the last interval, and so punishes whoever
//! plays at a lower frame rate than before. Here it follows the queue on the path: it falls when round trips
//! keep growing while datagrams are sent, by as much as they grow, or when they have become very long; and it
//! rises again within a second. The waits of frames change round trips as well, but not faster than the
//! frames come.

use super::recovery::round_trip::RoundTrip;
use crate::Time;

/// The throttle at which everything is sent (`ENET_PEER_PACKET_THROTTLE_SCALE`).
pub(crate) const THROTTLE_SCALE: u32 = 32;
/// What the running counter grows by with each packet; prime to the scale, so that the dropped ones are
/// spread.
const COUNTER_STEP: u32 = 7;
/// Round trips that are compared with each other.
const COMPARED: usize = 3;
/// Milliseconds between the beginnings of two of them, at least.
const APART: u32 = 15;
/// Milliseconds above the shortest round trip from which on growth counts.
const NOTICED_DELAY: u32 = 60;
/// Milliseconds above the shortest round trip from which on the throttle falls although they do not grow:
/// more than two frames at 20 Hz.
const LONG_DELAY: u32 = 150;
/// Milliseconds within which the compared round trips must have begun, at least and at most: frames and pings
/// are not seen as growth.
const COMPARED_WITHIN: std::ops::RangeInclusive<u32> = 32..=400;
/// Milliseconds of growth in each 1,024 ms from which on it counts: three eighths.
const NOTICED_GROWTH: u32 = 384;
/// ENet's acceleration and deceleration, to which others are compared.
const USUAL_STEP: u32 = 2;
/// Milliseconds in which the usual acceleration raises the throttle from the bottom to the top.
const RECOVERY: u32 = 1000;

/// A round trip.
#[derive(Copy, Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Sample {
    /// Low 32 bits of the time.
    sent_at: u32,
    /// Milliseconds.
    round_trip: u32,
}

/// The throttle of one peer.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
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
    /// The last round trips since the throttle fell, the newest first.
    samples: [Sample; COMPARED],
    /// How many of them there are.
    compared: u8,
    /// When it rose last, or could have.
    raised_at: Time,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self {
            value: THROTTLE_SCALE,
            limit: THROTTLE_SCALE,
            counter: 0,
            epoch: None,
            interval: 5000,
            acceleration: USUAL_STEP,
            deceleration: USUAL_STEP,
            samples: [Sample::default(); COMPARED],
            compared: 0,
            raised_at: Time::default(),
        }
    }

    /// Takes the three figures that both ends of a connection share.
    pub(crate) fn configure(&mut self, interval: u32, acceleration: u32, deceleration: u32) {
        self.interval = interval;
        self.acceleration = acceleration;
        self.deceleration = deceleration;
    }

    /// Takes in one measured round trip of `sample` milliseconds, beside the `shortest` recent one, and
    /// updates `round_trip` as ENet does.
    pub(crate) fn measure(&mut self, now: Time, sample: u32, shortest: u32, round_trip: &mut RoundTrip) {
        let sample = Sample { sent_at: now.before(sample).as_millis() as u32, round_trip: sample };
        let since_last = sample.sent_at.wrapping_sub(self.samples[0].sent_at);
        // What was sent before the throttle fell says nothing about that.
        if (APART..u32::MAX / 2).contains(&since_last) {
            self.compare(now, sample, shortest);
        }
        round_trip.measure(sample.round_trip);
        if self.epoch.is_none_or(|epoch| now.since(epoch) >= self.interval) {
            round_trip.begin_interval();
            self.epoch = Some(now);
        }
    }

    fn compare(&mut self, now: Time, sample: Sample, shortest: u32) {
        self.samples.rotate_right(1);
        self.samples[0] = sample;
        self.compared = (self.compared + 1).min(COMPARED as u8);
        let delay = sample.round_trip.saturating_sub(shortest);
        if delay <= NOTICED_DELAY {
            self.rise(now);
            return;
        }
        self.raised_at = now;
        if self.deceleration == 0 {
            return;
        }
        let growth = self.growth();
        let is_long = |sample: &Sample| sample.round_trip > shortest.saturating_add(LONG_DELAY);
        if growth >= NOTICED_GROWTH {
            // What arrives is less than what is sent by that share; and the queue has to empty.
            self.value = (self.value * 1024 / (1024 + growth.min(1024)) * 5 / 8).max(1);
            self.on_fallen(now);
        } else if self.compared > 1 && self.samples[..2].iter().all(is_long) {
            self.value = self.value.saturating_sub(self.deceleration);
        }
    }

    /// Compares anew, from what is sent from now on.
    fn on_fallen(&mut self, now: Time) {
        self.samples[0].sent_at = now.as_millis() as u32;
        self.compared = 0;
    }

    /// Milliseconds by which the compared round trips have grown in each 1,024 ms, if they have grown all the
    /// time.
    fn growth(&self) -> u32 {
        let [newest, middle, oldest] = self.samples;
        let within = newest.sent_at.wrapping_sub(oldest.sent_at);
        let has_grown = newest.round_trip >= middle.round_trip && middle.round_trip >= oldest.round_trip;
        if usize::from(self.compared) < COMPARED || !has_grown || !COMPARED_WITHIN.contains(&within) {
            return 0;
        }
        (newest.round_trip - oldest.round_trip).saturating_mul(1024) / within
    }

    /// Round trips are short: the throttle rises by the time that has passed.
    fn rise(&mut self, now: Time) {
        let elapsed = now.since(self.raised_at).min(RECOVERY);
        let step = elapsed * THROTTLE_SCALE * self.acceleration.min(1000) / (RECOVERY * USUAL_STEP);
        if step > 0 || self.value >= self.limit {
            self.value = self.value.saturating_add(step).min(self.limit);
            self.raised_at = now;
        }
    }

    /// Whether it waits for the path to get better.
    pub(crate) fn is_lowered(&self) -> bool {
        self.value < self.limit
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

    /// Takes in round trips that begin every `every` milliseconds; returns when the last one ended.
    fn measure(throttle: &mut Throttle, from: u64, every: u64, round_trips: &[u32]) -> u64 {
        let mut end = from;
        for (index, round_trip) in round_trips.iter().enumerate() {
            end = from + every * index as u64 + u64::from(*round_trip);
            throttle.measure(Time::from_millis(end), *round_trip, 20, &mut RoundTrip::new());
        }
        end
    }

    #[test]
    fn round_trips_that_keep_growing_lower_it_by_their_growth() {
        let mut throttle = Throttle::new();
        // Twice as much is sent as arrives.
        measure(&mut throttle, 1000, 32, &[20, 52, 84]);
        assert_eq!(throttle.value, 16 * 5 / 8);
    }

    #[test]
    fn a_lower_frame_rate_lowers_nothing() {
        let mut throttle = Throttle::new();
        let end = measure(&mut throttle, 1000, 500, &[20; 10]);
        let end = measure(&mut throttle, end, 500, &[120, 118, 120, 119, 120]);
        measure(&mut throttle, end, 33, &[70, 54, 38, 72, 56, 40, 71, 55]);
        assert_eq!(throttle.value, THROTTLE_SCALE);
    }

    #[test]
    fn very_long_round_trips_lower_it_and_short_ones_raise_it_within_a_second() {
        let mut throttle = Throttle::new();
        let end = measure(&mut throttle, 1000, 50, &[400; 6]);
        assert_eq!(throttle.value, THROTTLE_SCALE - 5 * USUAL_STEP);
        throttle.value = 0;
        measure(&mut throttle, end, 50, &[20; 24]);
        assert!(throttle.value >= THROTTLE_SCALE * 3 / 4, "{}", throttle.value);
    }

    #[test]
    fn without_a_deceleration_it_never_falls() {
        let mut throttle = Throttle::new();
        throttle.configure(5000, 2, 0);
        measure(&mut throttle, 1000, 32, &[20, 100, 200, 300, 400, 400, 400]);
        assert_eq!(throttle.value, THROTTLE_SCALE);
    }
}
