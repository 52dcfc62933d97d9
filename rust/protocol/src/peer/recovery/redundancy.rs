//! Early copies: while losses are measured, small reliable commands that are not acknowledged yet ride along
//! again in the next datagrams, so that a single loss costs a frame and not a round trip (after Petlund et
//! al. on thin streams).
//!
//! The copies have a budget of their own, and none are made on a path that is congested, or whose bandwidth
//! is limited by either end.

use crate::Time;

/// Bytes per second that copies may take.
const BYTES_PER_SECOND: u32 = 8192;
/// Share of the other traffic that copies may take on top of that, in 256ths: 30 %.
const TRAFFIC_SHARE: u32 = 77;
/// The largest budget that can be saved up, bytes: for some losses in a row of large messages.
const MAXIMUM_BUDGET: u32 = 8192;
/// The loss below which no copies are made, as a ratio to 65,536: it is what a single loss is remembered as
/// after some 350 datagrams.
pub(crate) const MINIMUM_LOSS: u32 = 32;
/// The share of commands that may get lost with all their copies, as a ratio to 65,536: one in a thousand.
const RESIDUAL_LOSS: u64 = 65;
/// Milliseconds between new commands up to which the next ones are waited for, so that copies ride along.
const STEADY_INTERVAL: u32 = 40;
/// Milliseconds after which copies go out in a datagram of their own, if nothing else is expected soon.
const LONE_DELAY: u32 = 12;

/// The largest command that is copied, bytes.
pub(crate) const LARGEST_COPY: usize = 600;
/// Copies that go out in datagrams of their own.
pub(crate) const LONE_COPIES: u8 = 2;

/// The early copies of one connection.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Redundancy {
    /// The most copies of one command; 0 = none.
    limit: u8,
    /// Bytes that may be spent now.
    budget: u32,
    /// When the budget was last worked out.
    budget_at: Time,
    /// When new commands were sent last, and the mean number of milliseconds between such times, in eighths.
    new_at: Time,
    interval_eighths: u32,
}

impl Redundancy {
    pub(crate) fn new(limit: u8) -> Self {
        Self { limit, budget: 0, budget_at: Time::default(), new_at: Time::default(), interval_eighths: 0 }
    }

    /// Sets the most copies of one command; 0 = none.
    pub(crate) fn set_limit(&mut self, limit: u8) {
        self.limit = limit;
    }

    /// How many copies of each command are to be made at this loss, a ratio to 65,536: so many that hardly
    /// any gets lost with all its copies.
    pub(crate) fn wanted_copies(&self, loss: u32) -> u8 {
        if loss < MINIMUM_LOSS {
            return 0;
        }
        let loss = u64::from(loss).min(1 << 16);
        let (mut copies, mut residual) = (0, loss);
        while residual > RESIDUAL_LOSS && copies < self.limit {
            residual = (residual * loss) >> 16;
            copies += 1;
        }
        copies.max(1).min(self.limit)
    }

    /// A datagram of `bytes` goes out, copies not counted; it has new commands if `is_new`.
    pub(crate) fn on_sent(&mut self, now: Time, bytes: u32, is_new: bool) {
        self.refill(now);
        self.budget = (self.budget + bytes * TRAFFIC_SHARE / 256).min(MAXIMUM_BUDGET);
        if is_new {
            let interval = now.since(self.new_at).min(10 * STEADY_INTERVAL);
            self.interval_eighths = self.interval_eighths - self.interval_eighths / 8 + interval;
            self.new_at = now;
        }
    }

    fn refill(&mut self, now: Time) {
        let milliseconds = now.since(self.budget_at).min(1000);
        let bytes = milliseconds * BYTES_PER_SECOND / 1000;
        if bytes > 0 {
            self.budget = (self.budget + bytes).min(MAXIMUM_BUDGET);
            self.budget_at = now;
        }
    }

    /// Bytes that copies may take now.
    pub(crate) fn budget(&mut self, now: Time) -> usize {
        self.refill(now);
        self.budget as usize
    }

    /// A copy of `bytes` goes out.
    pub(crate) fn on_copied(&mut self, bytes: usize) {
        self.budget = self.budget.saturating_sub(bytes as u32);
    }

    /// How long after the last transmission copies go out in a datagram of their own, in milliseconds. Where
    /// new commands come at a steady rate, the next ones are waited for.
    pub(crate) fn lone_delay(&self) -> u32 {
        self.steady_interval().map_or(LONE_DELAY, |interval| interval + interval / 2)
    }

    /// Milliseconds between new commands, if they come at a steady rate.
    pub(crate) fn steady_interval(&self) -> Option<u32> {
        let interval = self.interval_eighths / 8;
        (1..=STEADY_INTERVAL).contains(&interval).then_some(interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Time {
        Time::from_millis(milliseconds)
    }

    #[test]
    fn the_more_is_lost_the_more_copies_are_wanted() {
        let percent = |percent: u32| 65_536 * percent / 100;
        let redundancy = Redundancy::new(4);
        let wanted = [0, 1, 5, 10, 20, 90].map(|loss| redundancy.wanted_copies(percent(loss)));
        assert_eq!(wanted, [0, 1, 2, 2, 4, 4]);
        assert_eq!(Redundancy::new(0).wanted_copies(percent(90)), 0);
        assert_eq!(Redundancy::new(1).wanted_copies(percent(90)), 1);
    }

    #[test]
    fn copies_take_8_kib_a_second_and_a_share_of_the_traffic() {
        let mut redundancy = Redundancy::new(4);
        let mut spent = 0;
        for time in 0..60_000 {
            let bytes = if time % 10 == 0 { 100 } else { 0 };
            redundancy.on_sent(at(time), bytes, bytes > 0);
            while redundancy.budget(at(time)) >= 50 {
                redundancy.on_copied(50);
                spent += 50;
            }
        }
        let allowed = 60 * BYTES_PER_SECOND + 600_000 * 30 / 100 + MAXIMUM_BUDGET;
        assert!((allowed * 9 / 10..=allowed).contains(&spent), "{spent} of {allowed}");
    }

    #[test]
    fn copies_wait_for_what_comes_at_a_steady_rate() {
        let mut redundancy = Redundancy::new(4);
        (0..100).for_each(|tick| redundancy.on_sent(at(16 * tick), 100, true));
        assert!((17..40).contains(&redundancy.lone_delay()), "{}", redundancy.lone_delay());
        (10..100).for_each(|tick| redundancy.on_sent(at(500 * tick), 100, true));
        assert_eq!(redundancy.lone_delay(), LONE_DELAY);
    }
}
