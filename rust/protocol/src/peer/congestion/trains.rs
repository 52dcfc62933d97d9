//! The capacity of the bottleneck, from how far apart the datagrams of a burst arrive (Jain and Dovrolis,
//! "Packet dispersion techniques", 2001): slow start need not find out by filling a queue.
//!
//! Only receivers that acknowledge at once show it. Where acknowledgements come in lumps, once a frame, they
//! are taken for nothing.

use crate::Time;

/// Milliseconds of bursts that an estimate needs.
const MINIMUM_SPAN: u32 = 6;
/// Milliseconds between acknowledgements of a burst up to which they are no lumps, whatever they bring.
const STEADY_GAP: u32 = 3;
/// Bytes that an acknowledgement may bring after a longer gap: a datagram and a bit.
const STEADY_BYTES: u32 = 4096;

/// The bursts of one connection.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Trains {
    /// When the current burst was sent; low 32 bits of milliseconds.
    sent_at: u32,
    /// When its first acknowledgements came, and the last ones.
    first_at: Time,
    last_at: Time,
    /// Bytes that were acknowledged between these two moments, and at the last one.
    between: u32,
    at_last: u32,
    /// Acknowledgements came in lumps.
    is_lumped: bool,
    /// Bytes of all bursts, and the milliseconds in which they arrived.
    bytes: u64,
    span: u32,
}

impl Trains {
    /// So many bytes of what was sent at `sent_at` were acknowledged.
    pub(crate) fn on_acknowledged(&mut self, now: Time, sent_at: u32, bytes: u32) {
        if sent_at != self.sent_at || self.last_at == Time::default() {
            self.finish();
            *self = Self {
                sent_at,
                first_at: now,
                last_at: now,
                bytes: self.bytes,
                span: self.span,
                ..Self::default()
            };
        }
        if now > self.last_at {
            if self.last_at > self.first_at {
                self.between += self.at_last;
            }
            self.is_lumped |= self.at_last > STEADY_BYTES && now.since(self.last_at) > STEADY_GAP;
            self.last_at = now;
            self.at_last = 0;
        }
        self.at_last += bytes;
    }

    /// The current burst is over.
    fn finish(&mut self) {
        // The first and the last millisecond are not full.
        let span = self.last_at.since(self.first_at).saturating_sub(1);
        if !self.is_lumped && self.between > 0 && span > 0 {
            self.bytes += u64::from(self.between);
            self.span += span;
        }
    }

    /// The capacity in bytes per second, if bursts have shown it.
    pub(crate) fn capacity(&self) -> Option<u64> {
        (self.span >= MINIMUM_SPAN).then(|| self.bytes * 1000 / u64::from(self.span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bursts of 16 datagrams of 1,364 bytes whose acknowledgements come `spacing` microseconds apart, each
    /// at the end of a receiver's frame of `frame` ms.
    fn bursts(spacing: u64, frame: u64) -> Trains {
        let mut trains = Trains::default();
        for burst in 0..10 {
            for datagram in 0..16 {
                let arrival = burst * 100_000 + burst * 313 + datagram * spacing;
                let acknowledged = (1000 + arrival / 1000).div_ceil(frame) * frame;
                trains.on_acknowledged(Time::from_millis(acknowledged), 1000 + 100 * burst as u32, 1364);
            }
        }
        trains
    }

    #[test]
    fn the_distance_of_arrivals_shows_the_capacity() {
        for spacing in [220, 500, 1100, 2200, 11_000] {
            let capacity = bursts(spacing, 1).capacity().unwrap();
            let expected = 1364 * 1_000_000 / spacing;
            assert!((expected * 8 / 10..=expected * 12 / 10).contains(&capacity), "{capacity}, {expected}");
        }
    }

    #[test]
    fn without_a_bottleneck_or_with_lumps_nothing_is_seen() {
        assert_eq!(bursts(1, 1).capacity(), None);
        assert_eq!(bursts(220, 17).capacity(), None);
        assert_eq!(bursts(2200, 17).capacity(), None);
    }
}
