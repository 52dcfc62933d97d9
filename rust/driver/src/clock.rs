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

    /// How long it is until `time`; nothing if it has passed.
    pub(crate) fn until(&self, time: Time) -> Duration {
        Duration::from_millis(time.as_millis()).saturating_sub(self.start.elapsed())
    }
}
