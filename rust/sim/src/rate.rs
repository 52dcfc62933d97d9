//! A bottleneck: the time at which a datagram has passed it, if its queue was not full.

use crate::{RateLimit, SECOND};

/// Bytes of IPv4 and UDP headers.
const HEADERS: u64 = 28;

/// A bottleneck, busy with earlier datagrams until some time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bottleneck {
    busy_until: u64,
}

impl Bottleneck {
    /// The microsecond at which a datagram of `length` bytes, sent at `now`, has passed; `None` if the queue
    /// is full.
    pub(crate) fn pass(&mut self, now: u64, length: usize, limit: &RateLimit) -> Option<u64> {
        let rate = limit.bytes_per_second.max(1);
        let start = self.busy_until.max(now);
        let queued = (start - now) * rate / SECOND;
        if queued > limit.queue_bytes {
            return None;
        }
        self.busy_until = start + (length as u64 + HEADERS) * SECOND / rate;
        Some(self.busy_until)
    }

    /// Microseconds that a datagram would wait that is sent at `now`.
    pub(crate) fn delay(&self, now: u64) -> u64 {
        self.busy_until.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_holds_and_the_queue_overflows() {
        let limit = RateLimit { bytes_per_second: 100_000, queue_bytes: 5_000 };
        let mut bottleneck = Bottleneck::default();
        let passed: Vec<Option<u64>> = (0..10).map(|_| bottleneck.pass(50, 972, &limit)).collect();
        assert_eq!(passed[..3], [Some(10_050), Some(20_050), Some(30_050)]);
        assert_eq!(passed.iter().filter(|time| time.is_some()).count(), 6);
        assert_eq!([50, 60_000, 70_000].map(|now| bottleneck.delay(now)), [60_000, 50, 0]);
        assert_eq!(bottleneck.pass(1_000_000, 972, &limit), Some(1_010_000));
    }
}
