//! When a quiet connection is pinged.
//!
//! Two quiet ends would ping at nearly the same time, in two datagrams each. So the end that has accepted the
//! connection is first, and the other one waits for that PING a little longer, to send its own along with the
//! acknowledgement. The first end pings at multiples of a step, so that a server wakes up for many peers at a
//! time.

use crate::Time;

/// Milliseconds without an acknowledgement after which ENet pings.
const DEFAULT_INTERVAL: u32 = 500;

/// The rule of one connection.
#[derive(Copy, Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct PingSchedule {
    /// Milliseconds after the last acknowledgement by which a PING is due.
    latest: u32,
    /// It leaves at a multiple of 2^step milliseconds.
    step: u8,
    is_first: bool,
}

impl PingSchedule {
    /// ENet's interval; `is_first` says which end is first.
    pub(crate) fn new(is_first: bool) -> Self {
        let mut schedule = Self { latest: 0, step: 0, is_first };
        schedule.set_interval(DEFAULT_INTERVAL);
        schedule
    }

    /// Pings come about `milliseconds` after the last acknowledgement, up to an eighth sooner or later; 0
    /// stands for ENet's default.
    pub(crate) fn set_interval(&mut self, milliseconds: u32) {
        let interval = if milliseconds == 0 { DEFAULT_INTERVAL } else { milliseconds };
        // Multiples of 64 ms for ENet's default.
        self.step = if self.is_first { (interval / 7).checked_ilog2().unwrap_or(0) as u8 } else { 0 };
        let later = if self.is_first { (1 << self.step) / 4 } else { interval / 8 };
        self.latest = interval.saturating_add(later);
    }

    /// When a PING is due, if the last acknowledgement came at `heard_at`.
    #[inline]
    pub(crate) fn due(&self, heard_at: Time) -> Time {
        heard_at.after(self.latest).rounded_down(self.step)
    }

    /// Whether a PING goes along with the acknowledgement of the other end's, as it is nearly due.
    pub(crate) fn is_nearly_due(&self, now: Time, heard_at: Time) -> bool {
        now >= heard_at.after(self.latest - self.latest / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_end_pings_at_common_moments_within_an_eighth_of_the_interval() {
        for interval in [1, 7, 14, 100, 500, 5_000, 3_600_000] {
            let mut schedule = PingSchedule::new(true);
            schedule.set_interval(interval);
            let moments: Vec<u64> = (0..2 * u64::from(interval))
                .step_by(1 + interval as usize / 1000)
                .map(|heard_at| {
                    let due = schedule.due(Time::from_millis(heard_at)).as_millis();
                    let after = due - heard_at;
                    assert!(
                        after.abs_diff(interval.into()) <= u64::from(interval) / 8,
                        "{interval}: {after}"
                    );
                    due
                })
                .collect();
            let distinct = moments.windows(2).filter(|pair| pair[0] != pair[1]).count();
            assert!(interval < 14 || distinct <= 2 * 14, "{interval}: {distinct}");
        }
    }

    #[test]
    fn the_other_end_waits_longer_than_the_first_one() {
        for interval in [8, 100, 500, 5_000, u32::MAX] {
            let [mut first, mut second] = [true, false].map(PingSchedule::new);
            first.set_interval(interval);
            second.set_interval(interval);
            let heard_at = Time::from_millis(12_345);
            let (at_most, due) = (heard_at.after(first.latest), second.due(heard_at));
            assert!(at_most < due || interval == u32::MAX, "{interval}");
            assert!(second.is_nearly_due(first.due(heard_at), heard_at), "{interval}");
        }
    }
}
