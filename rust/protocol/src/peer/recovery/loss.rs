//! The share of what a peer is sent that gets lost, as `PeerStatistic` shows it.

use crate::Time;

/// The loss that means "everything is lost" (`ENET_PEER_PACKET_LOSS_SCALE`).
const LOSS_SCALE: u64 = 1 << 16;
/// Milliseconds between two figures.
const INTERVAL: u32 = 10_000;

/// The loss statistic of one peer.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct LossStatistic {
    /// Mean, as a ratio to 65,536.
    pub(crate) mean: u32,
    pub(crate) variance: u32,
    /// When the figures were last worked out; `None` before the first datagram.
    pub(crate) epoch: Option<Time>,
    sent: u32,
    lost: u32,
}

impl LossStatistic {
    /// Counts commands that went out.
    pub(crate) fn on_sent(&mut self, commands: u32) {
        self.sent = self.sent.saturating_add(commands);
    }

    /// Counts reliable commands that were lost.
    pub(crate) fn on_lost(&mut self, commands: u32) {
        self.lost = self.lost.saturating_add(commands);
    }

    /// Works out the figures when ten seconds are over; to be called with each datagram sent.
    pub(crate) fn update(&mut self, now: Time) {
        let Some(epoch) = self.epoch else {
            self.epoch = Some(now);
            return;
        };
        if now.since(epoch) < INTERVAL || self.sent == 0 {
            return;
        }
        let loss =
            (u64::from(self.lost) * LOSS_SCALE / u64::from(self.sent)).min(u64::from(u32::MAX / 8)) as u32;
        self.variance = (self.variance.saturating_mul(3).saturating_add(loss.abs_diff(self.mean))) / 4;
        self.mean = (self.mean * 7 + loss) / 8;
        *self = Self { mean: self.mean, variance: self.variance, epoch: Some(now), sent: 0, lost: 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_lost_shows_after_ten_seconds_and_is_smoothed() {
        let mut loss = LossStatistic::default();
        loss.update(Time::from_millis(5));
        loss.on_sent(100);
        loss.on_lost(50);
        loss.update(Time::from_millis(10_004));
        assert_eq!(loss.mean, 0);
        loss.update(Time::from_millis(10_005));
        assert_eq!((loss.mean, loss.variance), (32768 / 8, 32768 / 4));
    }
}
