//! The clock of the engine's time.

use enet_rs_protocol::Time;
use std::time::{Duration, Instant};

/// Milliseconds since the driver was made.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(&self) -> Time {
        self.time(Instant::now())
    }

    /// The time at `instant`, not before this clock was made.
    pub(crate) fn time(&self, instant: Instant) -> Time {
        Time::from_millis(instant.saturating_duration_since(self.start).as_millis() as u64)
    }

    /// How long it is from `instant` until `time`; nothing if it has passed.
    pub(crate) fn until(&self, time: Time, instant: Instant) -> Duration {
        let elapsed = instant.saturating_duration_since(self.start);
        Duration::from_millis(time.as_millis()).saturating_sub(elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations_are_those_of_the_system_in_milliseconds() {
        let clock = Clock::new();
        let later = clock.start + Duration::from_micros(1_999);
        assert_eq!(clock.time(later), Time::from_millis(1));
        let before = clock.now();
        let hour = Duration::from_secs(3_600);
        let left = clock.until(before.after(3_600_000), Instant::now());
        assert!(left <= hour && left > hour / 2, "{left:?}");
    }

    #[test]
    fn what_has_passed_is_due_now_and_nothing_is_earlier_than_the_clock() {
        let clock = Clock::new();
        assert_eq!(clock.until(Time::default(), Instant::now()), Duration::ZERO);
        if let Some(earlier) = clock.start.checked_sub(Duration::from_secs(1)) {
            assert_eq!(clock.time(earlier), Time::default());
        }
    }
}
