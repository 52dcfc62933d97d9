//! Counters of the host, and the names of the figures that can be asked of a peer.

/// Counters of a host, as Godot's `ENetConnection.HostStatistic` numbers them. They wrap like ENet's.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
#[repr(u8)]
pub enum HostStatistic {
    /// Bytes of UDP payload sent.
    TotalSentData = 0,
    /// Datagrams sent.
    TotalSentPackets = 1,
    /// Bytes of UDP payload received, garbage included.
    TotalReceivedData = 2,
    /// Datagrams received, garbage included.
    TotalReceivedPackets = 3,
}

/// Figures of a peer, as Godot's `ENetPacketPeer.PeerStatistic` numbers them. Times are milliseconds.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
#[repr(u8)]
pub enum PeerStatistic {
    /// Mean loss of commands that were sent, as a ratio to 65,536.
    PacketLoss = 0,
    /// Variance of the loss.
    PacketLossVariance = 1,
    /// When the loss was last worked out, low 32 bits of the caller's clock.
    PacketLossEpoch = 2,
    /// Mean round trip time of reliable commands; 500 before the first measurement.
    RoundTripTime = 3,
    /// Variance of the round trip time.
    RoundTripTimeVariance = 4,
    /// Lowest mean round trip time of the last throttle interval.
    LastRoundTripTime = 5,
    /// Highest variance of the last throttle interval.
    LastRoundTripTimeVariance = 6,
    /// Share of unreliable packets that is sent, 0..=32.
    PacketThrottle = 7,
    /// Upper limit of the throttle, which bandwidth limits lower, 0..=32.
    PacketThrottleLimit = 8,
    /// Running value that decides which packets the throttle drops, 0..=31.
    PacketThrottleCounter = 9,
    /// When the throttle interval began, low 32 bits of the caller's clock.
    PacketThrottleEpoch = 10,
    /// Rise of the throttle when round trips are short.
    PacketThrottleAcceleration = 11,
    /// Fall of the throttle when round trips are long.
    PacketThrottleDeceleration = 12,
    /// Length of the throttle interval.
    PacketThrottleInterval = 13,
}

/// A number that names no statistic.
#[derive(Copy, Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0} names no statistic")]
pub struct UnknownStatistic(pub i64);

impl TryFrom<i64> for HostStatistic {
    type Error = UnknownStatistic;

    fn try_from(number: i64) -> Result<Self, UnknownStatistic> {
        use HostStatistic::*;
        let all = [TotalSentData, TotalSentPackets, TotalReceivedData, TotalReceivedPackets];
        usize::try_from(number).ok().and_then(|index| all.get(index).copied()).ok_or(UnknownStatistic(number))
    }
}

impl TryFrom<i64> for PeerStatistic {
    type Error = UnknownStatistic;

    fn try_from(number: i64) -> Result<Self, UnknownStatistic> {
        use PeerStatistic::*;
        let all = [
            PacketLoss,
            PacketLossVariance,
            PacketLossEpoch,
            RoundTripTime,
            RoundTripTimeVariance,
            LastRoundTripTime,
            LastRoundTripTimeVariance,
            PacketThrottle,
            PacketThrottleLimit,
            PacketThrottleCounter,
            PacketThrottleEpoch,
            PacketThrottleAcceleration,
            PacketThrottleDeceleration,
            PacketThrottleInterval,
        ];
        usize::try_from(number).ok().and_then(|index| all.get(index).copied()).ok_or(UnknownStatistic(number))
    }
}

/// The counters of a host that [`HostStatistic`] names. Each starts anew when it is taken, and wraps; what
/// has passed in all is kept beside that.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct TrafficCounters {
    total: [u64; 4],
    /// The totals when each counter was taken.
    taken: [u64; 4],
}

impl TrafficCounters {
    pub(crate) fn on_received(&mut self, bytes: usize) {
        self.add(HostStatistic::TotalReceivedData, bytes);
        self.add(HostStatistic::TotalReceivedPackets, 1);
    }

    pub(crate) fn on_sent(&mut self, bytes: usize) {
        self.add(HostStatistic::TotalSentData, bytes);
        self.add(HostStatistic::TotalSentPackets, 1);
    }

    pub(crate) fn pop(&mut self, statistic: HostStatistic) -> u32 {
        let total = self.total(statistic);
        let before = std::mem::replace(&mut self.taken[statistic as usize], total);
        (total - before) as u32
    }

    /// The counter as if it was never taken.
    pub(crate) fn total(&self, statistic: HostStatistic) -> u64 {
        self.total[statistic as usize]
    }

    fn add(&mut self, statistic: HostStatistic, amount: usize) {
        self.total[statistic as usize] += amount as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_a_counter_leaves_its_total() {
        let mut counters = TrafficCounters::default();
        counters.on_sent(100);
        assert_eq!(counters.pop(HostStatistic::TotalSentData), 100);
        counters.on_sent(1 << 32);
        counters.on_sent(5);
        assert_eq!(counters.pop(HostStatistic::TotalSentData), 5);
        assert_eq!(counters.pop(HostStatistic::TotalSentPackets), 3);
        assert_eq!(counters.total(HostStatistic::TotalSentData), 105 + (1 << 32));
    }

    #[test]
    fn numbers_name_the_statistic_with_that_number() {
        for number in 0..=3 {
            assert_eq!(HostStatistic::try_from(number).map(|s| s as i64), Ok(number));
        }
        for number in 0..=13 {
            assert_eq!(PeerStatistic::try_from(number).map(|s| s as i64), Ok(number));
        }
        assert_eq!(HostStatistic::try_from(4), Err(UnknownStatistic(4)));
        assert_eq!(PeerStatistic::try_from(-1), Err(UnknownStatistic(-1)));
    }
}
