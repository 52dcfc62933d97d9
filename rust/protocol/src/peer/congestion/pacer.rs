//! When bytes may leave: a token bucket that spreads them over time, for hosts that are woken when they ask
//! for it and for those that are serviced once a frame.
//!
//! Credit grows with the rate. Idle time gives no more of it than a burst, but what has to wait in vain since
//! nobody serviced the host is made up for at once.

use crate::Time;

/// The most credit, bytes: what the receive buffer of a stock host holds in full datagrams between two of its
/// frames, with a reserve (Linux gives it 208 KiB and counts 2,304 bytes for a datagram).
pub(crate) const MAXIMUM_CREDIT: u32 = 110_000;
/// Milliseconds for which it is at most asked to wait: the rate may rise meanwhile.
const LONGEST_WAIT: u64 = 50;

/// A token bucket.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Pacer {
    /// Bytes that may leave now; negative after a datagram that was larger than what was left.
    credit: i64,
    /// So many bytes have to be allowed before anything leaves: what leaves together.
    quantum: i64,
    updated_at: Time,
    /// When something that waits for credit wants to be looked at again, and whether that time has come.
    wake_at: Option<Time>,
    is_awake: bool,
    /// By how many milliseconds the host is serviced later than it asks for: a frame, if it is serviced once
    /// in each.
    lateness: u32,
}

impl Pacer {
    /// The bytes that may leave now at `rate` bytes per second, of which `burst` may leave at once after a
    /// pause.
    pub(crate) fn credit(&mut self, now: Time, rate: u64, burst: u32) -> u32 {
        let elapsed = now.since(self.updated_at);
        if elapsed > 0 {
            let late = self.wake_at.filter(|wake_at| *wake_at <= now).map(|wake_at| now.since(wake_at));
            if let Some(late) = late {
                self.lateness = late.max(self.lateness - self.lateness.div_ceil(16)).min(100);
            }
            let spare = rate * u64::from(self.lateness) / 1000;
            let most = if self.wake_at.is_some() { MAXIMUM_CREDIT.into() } else { spare + u64::from(burst) };
            let most = most.min(u64::from(MAXIMUM_CREDIT.max(burst))) as i64;
            let earned = (rate * u64::from(elapsed) / 1000) as i64;
            self.credit = (self.credit + earned).min(most.max(self.credit));
            self.updated_at = now;
            self.wake_at = None;
            self.is_awake = false;
        }
        if self.credit < self.quantum {
            return 0;
        }
        self.quantum = 0;
        self.credit.max(0) as u32
    }

    /// The bytes that may leave now if they are urgent, of which `burst` are owed.
    pub(crate) fn urgent_credit(&self, burst: u32) -> u32 {
        (self.credit + i64::from(burst)).max(0) as u32
    }

    /// Whether anything may leave at the time that was asked for last.
    pub(crate) fn has_credit(&self) -> bool {
        self.credit > 0
    }

    /// So many bytes leave.
    #[inline]
    pub(crate) fn on_sent(&mut self, bytes: u32) {
        self.credit -= i64::from(bytes);
    }

    /// Something has to wait until there is credit for `quantum` bytes: returns when to look again.
    pub(crate) fn wait(&mut self, now: Time, rate: u64, quantum: u64) -> Time {
        self.quantum = quantum as i64;
        let missing = (self.quantum - self.credit).max(1) as u64;
        let wait = (missing * 1000).div_ceil(rate.max(1)).clamp(1, LONGEST_WAIT);
        *self.wake_at.insert(now.after(wait as u32))
    }

    /// By how many milliseconds the host is serviced later than it asks for.
    pub(crate) fn lateness(&self) -> u32 {
        self.lateness
    }

    /// When something that waits for credit wants to be looked at again.
    #[inline(always)]
    pub(crate) fn wake_at(&self) -> Option<Time> {
        self.wake_at.filter(|_| !self.is_awake)
    }

    /// The time of [`Self::wake_at`] has come.
    pub(crate) fn on_wake(&mut self) {
        self.is_awake = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 1_000_000;
    const BURST: u32 = 14_000;

    /// Bytes that leave in a second in which datagrams always wait, if the host is serviced so often, and
    /// when it asks for it.
    fn sent_in_a_second(every: u64, is_punctual: bool) -> u64 {
        let (mut pacer, mut sent) = (Pacer::default(), 0);
        for now in 10_000..11_000 {
            let now = Time::from_millis(now);
            let is_due = pacer.wake_at().is_none_or(|wake_at| wake_at <= now);
            if !now.as_millis().is_multiple_of(every) || (is_punctual && !is_due) {
                continue;
            }
            pacer.on_wake();
            while pacer.credit(now, RATE, BURST) > 0 {
                pacer.on_sent(1400);
                sent += 1400;
            }
            pacer.wait(now, RATE, 2000);
        }
        sent
    }

    #[test]
    fn the_rate_holds_whether_the_host_is_serviced_in_time_or_once_a_frame() {
        for (every, is_punctual) in [(1, true), (1, false), (17, false), (50, false)] {
            let sent = sent_in_a_second(every, is_punctual);
            let most = RATE + u64::from(BURST) + 1400;
            assert!((RATE * 94 / 100..=most).contains(&sent), "{every}: {sent}");
        }
    }

    #[test]
    fn a_pause_gives_no_more_than_a_burst() {
        let mut pacer = Pacer::default();
        assert_eq!(pacer.credit(Time::from_millis(60_000), RATE, BURST), BURST);
        pacer.on_sent(BURST);
        assert_eq!(pacer.credit(Time::from_millis(60_000), RATE, BURST), 0);
        assert_eq!(pacer.credit(Time::from_millis(60_005), RATE, BURST), 5000);
        assert_eq!(pacer.credit(Time::from_millis(90_000), RATE, BURST), BURST);
    }

    #[test]
    fn several_datagrams_are_waited_for() {
        let mut pacer = Pacer::default();
        let now = Time::from_millis(60_000);
        pacer.credit(now, RATE, BURST);
        pacer.on_sent(BURST + 1000);
        assert_eq!(pacer.wait(now, RATE, 4000), now.after(5));
        assert_eq!(pacer.wake_at(), Some(now.after(5)));
        pacer.on_wake();
        assert_eq!(pacer.wake_at(), None);
    }
}
