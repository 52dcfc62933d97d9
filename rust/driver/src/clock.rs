//! The clock of the engine's time.

use enet_rs_protocol::Time;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Milliseconds since the first driver of the process was made. All drivers share the beginning, so what is
/// due at multiples of some time, as PINGs are, is due at the same moments for all of them.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        static START: OnceLock<Instant> = OnceLock::new();
        Self { start: *START.get_or_init(Instant::now) }
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
    fn all_clocks_of_a_process_agree() {
        let (clock, now) = (Clock::new(), Instant::now());
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(Clock::new().time(now), clock.time(now));
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
