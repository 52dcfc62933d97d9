//! How long an acknowledgement may take: from the round trips of all acknowledgements, those of
//! retransmissions included, since each says which transmission it is for (after RFC 6298, RFC 9002 section
//! 6.2 and RFC 3522).
//!
//! The figures that scripts see, and the throttle, have ENet's own arithmetic:
//! [`RoundTrip`](super::round_trip::RoundTrip).

use crate::Time;

/// Milliseconds that an acknowledgement may take before any round trip was measured, as in ENet.
const INITIAL: u32 = 500;
/// Milliseconds that are left for the frame in which the remote host sends its acknowledgements: at 30 Hz.
const FRAME: u32 = 34;
/// Milliseconds below which nothing is declared lost a second time.
const GRANULARITY: u32 = 10;
/// Milliseconds in which the lowest round trip is remembered, at least; at most twice as many.
const FLOOR_INTERVAL: u32 = 5_000;
/// How often the time may grow without an acknowledgement.
const MAXIMUM_BACKOFF: u8 = 16;
/// Attempts at a command from which on it is not waited for longer with each.
pub(super) const MAXIMUM_ATTEMPTS: u8 = 32;
/// Milliseconds, or round trips if these are longer, for which a further transmission of a command is waited
/// for at most while others are acknowledged: what a path loses again and again must not hold up its channel.
const LONGEST_PATIENCE: u32 = 2000;
const PATIENT_ROUND_TRIPS: u32 = 4;

/// The retransmission timer of one connection. All times are milliseconds.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct RetransmissionTimer {
    /// Mean round trip, in eighths; 0 before the first measurement.
    mean_eighths: u32,
    /// Mean deviation from it, in quarters.
    deviation_quarters: u32,
    latest: u32,
    /// What follows from these: how long an acknowledgement may take, without and with the backoff.
    timeout: u32,
    grown_timeout: u32,
    /// How often it ran off since the last acknowledgement.
    backoff: u8,
    /// The lowest round trip of this interval, and of the one before; `u32::MAX` if there is none.
    floor: u32,
    last_floor: u32,
    floor_since: Time,
    /// How much later than a round trip acknowledgements came for what had been declared lost.
    reordering: u32,
    /// How many datagrams later.
    reordering_datagrams: u32,
}

impl RetransmissionTimer {
    pub(crate) fn new() -> Self {
        Self {
            mean_eighths: 0,
            deviation_quarters: 0,
            latest: 0,
            timeout: INITIAL,
            grown_timeout: INITIAL,
            backoff: 0,
            floor: u32::MAX,
            last_floor: u32::MAX,
            floor_since: Time::default(),
            reordering: 0,
            reordering_datagrams: 0,
        }
    }

    /// An acknowledgement has come that took `sample`.
    pub(crate) fn on_acknowledged(&mut self, now: Time, sample: u32) {
        self.backoff = 0;
        self.latest = sample;
        if self.mean_eighths == 0 {
            self.mean_eighths = (sample * 8).max(1);
            self.deviation_quarters = sample * 2;
        } else {
            let difference = sample.abs_diff(self.mean_eighths / 8);
            self.deviation_quarters = self.deviation_quarters - self.deviation_quarters / 4 + difference;
            self.mean_eighths = (self.mean_eighths - self.mean_eighths / 8 + sample).max(1);
        }
        self.timeout = self.round_trip().max(1) + self.deviation_quarters.max(FRAME);
        self.grown_timeout = self.timeout;
        if now.since(self.floor_since) >= FLOOR_INTERVAL {
            self.floor_since = now;
            self.last_floor = std::mem::replace(&mut self.floor, u32::MAX);
            // What reordering there was is forgotten slowly.
            self.reordering -= self.reordering / 4;
            self.reordering_datagrams -= self.reordering_datagrams.div_ceil(8);
        }
        self.floor = self.floor.min(sample);
    }

    /// Something that had been declared lost has arrived after all: `age` after it was sent, and when a
    /// datagram had arrived that was sent `distance` datagrams later.
    pub(crate) fn on_spurious(&mut self, age: u32, distance: u32) {
        let late = age.saturating_sub(self.round_trip());
        self.reordering = self.reordering.max(late.min(self.round_trip().max(FRAME)));
        self.reordering_datagrams = self.reordering_datagrams.max(distance.min(64));
    }

    /// The timer has run off and nothing was acknowledged: the next time is half as long again.
    pub(crate) fn on_expired(&mut self) {
        self.backoff = (self.backoff + 1).min(MAXIMUM_BACKOFF);
        self.grown_timeout = grown(self.timeout, self.backoff);
    }

    /// The mean round trip.
    pub(crate) fn round_trip(&self) -> u32 {
        self.mean_eighths / 8
    }

    /// The shortest recent round trip; 0 before the first measurement.
    pub(crate) fn shortest_round_trip(&self) -> u32 {
        let shortest = self.floor.min(self.last_floor);
        if shortest == u32::MAX { 0 } else { shortest }
    }

    /// How much longer than the shortest recent round trip the mean one is: what waits in queues on the path.
    pub(crate) fn queueing_delay(&self) -> u32 {
        self.round_trip().saturating_sub(self.shortest_round_trip())
    }

    /// How long an acknowledgement may take, regardless of what ran off before.
    #[inline]
    pub(crate) fn timeout(&self) -> u32 {
        self.timeout
    }

    /// How long an acknowledgement may take before the timer runs off: half as long again each time.
    #[inline]
    pub(crate) fn timeout_with_backoff(&self) -> u32 {
        self.grown_timeout
    }

    /// How long after its sending something is lost, if what was sent after it has been acknowledged.
    #[inline]
    pub(crate) fn loss_delay(&self) -> u32 {
        let round_trip = self.round_trip().max(self.latest);
        round_trip + round_trip / 8 + self.reordering + 1
    }

    /// How many datagrams later one must have been sent whose arrival shows at once that something is lost.
    #[inline]
    pub(crate) fn loss_datagrams(&self) -> u32 {
        3 + self.reordering_datagrams
    }

    /// How long the `attempts`-th transmission is waited for at least, a quarter longer each time: a bound on
    /// what invented acknowledgements can do, and a receiver that refuses a command for long.
    #[inline]
    pub(crate) fn patience(&self, attempts: u8) -> u32 {
        if attempts < 2 {
            return 0;
        }
        let round_trip = self.round_trip().max(GRANULARITY);
        let longest = (PATIENT_ROUND_TRIPS * round_trip).max(LONGEST_PATIENCE);
        let attempts = 2..attempts.min(MAXIMUM_ATTEMPTS);
        attempts.fold(round_trip, |time, _| time.saturating_add(time / 4 + 1)).min(longest)
    }
}

/// The time after it has grown by half, `times` times.
fn grown(base: u32, times: u8) -> u32 {
    (0..times).fold(base, |time, _| time.saturating_add(time / 2 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(samples: &[u32]) -> RetransmissionTimer {
        let mut timer = RetransmissionTimer::new();
        for (index, sample) in samples.iter().enumerate() {
            timer.on_acknowledged(Time::from_millis(20 * index as u64), *sample);
        }
        timer
    }

    #[test]
    fn before_the_first_measurement_the_time_is_enets() {
        assert_eq!(RetransmissionTimer::new().timeout(), 500);
        assert_eq!(measured(&[100]).timeout(), 300);
    }

    #[test]
    fn on_a_steady_path_a_frame_is_left_for_the_remote_host() {
        assert_eq!(measured(&[100; 100]).timeout(), 100 + FRAME);
    }

    #[test]
    fn the_time_grows_by_half_until_something_is_acknowledged() {
        let mut timer = measured(&[100; 100]);
        let first = timer.timeout_with_backoff();
        timer.on_expired();
        assert_eq!(timer.timeout_with_backoff(), first + first / 2 + 1);
        (0..100).for_each(|_| timer.on_expired());
        assert!(timer.timeout_with_backoff() < u32::MAX);
        timer.on_acknowledged(Time::from_millis(10_000), 100);
        assert_eq!(timer.timeout_with_backoff(), first);
    }

    #[test]
    fn what_arrives_after_it_was_declared_lost_widens_the_margin_for_a_while() {
        let mut timer = measured(&[100; 100]);
        let (delay, datagrams) = (timer.loss_delay(), timer.loss_datagrams());
        timer.on_spurious(140, 5);
        assert_eq!((timer.loss_delay(), timer.loss_datagrams()), (delay + 40, datagrams + 5));
        for second in 10..100 {
            timer.on_acknowledged(Time::from_millis(1000 * second), 100);
        }
        assert!(timer.loss_delay() <= delay + 3 && timer.loss_datagrams() == datagrams);
    }

    #[test]
    fn a_queue_on_the_path_shows_as_delay_above_the_floor() {
        assert_eq!(measured(&[20; 50]).queueing_delay(), 0);
        let mut timer = measured(&[20; 50]);
        for step in 0..100 {
            timer.on_acknowledged(Time::from_millis(1000 + 20 * step), 220);
        }
        assert!((190..=200).contains(&timer.queueing_delay()), "{}", timer.queueing_delay());
    }
}
