//! How fast the path delivers: samples of the delivery rate, after Cheng et al.,
//! draft-cheng-iccrg-delivery-rate-estimation.
//!
//! Each datagram remembers what was delivered when it left. Its acknowledgement then tells how much was
//! delivered meanwhile, and in which time. Bytes are payload of reliable commands.

use crate::Time;

/// What is remembered of the moment at which a datagram leaves. Times are the low 32 bits of milliseconds.
#[derive(Copy, Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Snapshot {
    /// Low 32 bits of the bytes that were delivered before.
    delivered: u32,
    /// When the last of them was acknowledged.
    delivered_at: u32,
    /// When the newest of them was sent.
    first_sent_at: u32,
    /// The application had too little to send: the sample says nothing about what the path could carry.
    is_limited: bool,
}

/// A sample of the delivery rate.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Sample {
    /// Bytes per second.
    pub(crate) rate: u64,
    /// Milliseconds that it covers.
    pub(crate) elapsed: u32,
    /// Bytes that had been delivered when the datagram left.
    pub(crate) prior_delivered: u64,
    /// The application had too little to send.
    pub(crate) is_limited: bool,
}

/// What was delivered so far.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct DeliveryRate {
    /// When it began to count. What was under way by then has an empty snapshot, and counts from here.
    began: Time,
    delivered: u64,
    delivered_at: Time,
    first_sent_at: Time,
    /// Once so much is delivered, samples are not limited by the application any more.
    limited_until: u64,
}

impl DeliveryRate {
    pub(crate) fn new(now: Time) -> Self {
        Self { began: now, delivered: 0, delivered_at: now, first_sent_at: now, limited_until: 0 }
    }

    /// Bytes delivered so far.
    #[inline(always)]
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// A command of so many bytes was acknowledged for the first time.
    #[inline(always)]
    pub(crate) fn on_delivered(&mut self, bytes: u32) {
        self.delivered += u64::from(bytes);
    }

    /// A command of so many bytes is lost: it is not waited for.
    #[inline]
    pub(crate) fn on_lost(&mut self, bytes: u32) {
        self.limited_until = self.limited_until.saturating_sub(bytes.into());
    }

    /// A datagram leaves; nothing was under way before it if `was_idle`.
    #[inline(always)]
    pub(crate) fn on_sent(&mut self, now: Time, was_idle: bool) -> Snapshot {
        if was_idle {
            self.first_sent_at = now;
            self.delivered_at = now;
        }
        Snapshot {
            delivered: self.delivered as u32,
            delivered_at: self.delivered_at.as_millis() as u32,
            first_sent_at: self.first_sent_at.as_millis() as u32,
            is_limited: self.limited_until > self.delivered,
        }
    }

    /// Everything that there is to send has been sent, and `in_flight` bytes are under way.
    #[inline(always)]
    pub(crate) fn on_application_limited(&mut self, in_flight: u32) {
        self.limited_until = self.delivered + u64::from(in_flight.max(1));
    }

    /// Acknowledgements have come, the newest of them for the datagram that was sent at `sent_at` with this
    /// snapshot.
    pub(crate) fn sample(&mut self, now: Time, sent_at: u32, snapshot: Snapshot) -> Sample {
        let delivered = (self.delivered as u32).wrapping_sub(snapshot.delivered);
        let since_began = now.since(self.began);
        let received_in = (now.as_millis() as u32).wrapping_sub(snapshot.delivered_at).min(since_began);
        let sent_in = sent_at.wrapping_sub(snapshot.first_sent_at).min(since_began);
        self.delivered_at = now;
        self.first_sent_at = now.before((now.as_millis() as u32).wrapping_sub(sent_at));
        let elapsed = received_in.max(sent_in).max(1);
        Sample {
            rate: u64::from(delivered) * 1000 / u64::from(elapsed),
            elapsed,
            prior_delivered: self.delivered - u64::from(delivered),
            is_limited: snapshot.is_limited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Time {
        Time::from_millis(milliseconds)
    }

    #[test]
    fn a_sample_is_what_was_delivered_since_its_datagram_left() {
        let mut rate = DeliveryRate::new(at(1000));
        let first = rate.on_sent(at(1000), true);
        let second = rate.on_sent(at(1010), false);
        rate.on_delivered(1000);
        assert_eq!(rate.sample(at(1100), 1000, first).rate, 10_000);
        let third = rate.on_sent(at(1110), false);
        rate.on_delivered(2000);
        assert_eq!(rate.sample(at(1200), 1010, second).rate, 3000 * 1000 / 200);
        rate.on_delivered(500);
        let sample = rate.sample(at(1210), 1110, third);
        assert_eq!(
            (sample.rate, sample.prior_delivered, sample.is_limited),
            (2500 * 1000 / 110, 1000, false)
        );
    }

    #[test]
    fn what_was_sent_slowly_was_not_delivered_faster() {
        // Acknowledgements that were held up come together.
        let mut rate = DeliveryRate::new(at(1000));
        let first = rate.on_sent(at(1000), true);
        rate.on_delivered(1000);
        rate.sample(at(1050), 1000, first);
        let _ = rate.on_sent(at(1050), false);
        let late = rate.on_sent(at(1250), false);
        rate.on_delivered(2000);
        assert_eq!(rate.sample(at(1260), 1250, late).elapsed, 250);
    }

    #[test]
    fn until_what_was_under_way_is_delivered_samples_are_limited_by_the_application() {
        let mut rate = DeliveryRate::new(at(1000));
        let _ = rate.on_sent(at(1000), true);
        rate.on_application_limited(1000);
        assert!(rate.on_sent(at(1001), false).is_limited);
        rate.on_delivered(1000);
        assert!(!rate.on_sent(at(1002), false).is_limited);
    }
}
