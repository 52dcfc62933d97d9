//! Round trip time of one peer: its mean and variance, and the extremes of the throttle interval.
//!
//! The arithmetic is ENet's own, in whole milliseconds, because `PeerStatistic` shows it and time-outs follow
//! from it.

/// What is known of a peer's round trip time. Everything is milliseconds.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct RoundTrip {
    pub(crate) mean: u32,
    pub(crate) variance: u32,
    /// Lowest mean and highest variance so far in this throttle interval.
    lowest_mean: u32,
    highest_variance: u32,
    /// Lowest mean and highest variance of the interval before, which the throttle compares with.
    pub(crate) last_mean: u32,
    pub(crate) last_variance: u32,
    measured: bool,
}

impl RoundTrip {
    /// The guess that holds until the first measurement (`ENET_PEER_DEFAULT_ROUND_TRIP_TIME`).
    const DEFAULT: u32 = 500;

    pub(crate) fn new() -> Self {
        Self {
            mean: Self::DEFAULT,
            variance: 0,
            lowest_mean: Self::DEFAULT,
            highest_variance: 0,
            last_mean: Self::DEFAULT,
            last_variance: 0,
            measured: false,
        }
    }

    /// A measurement has been taken before.
    pub(crate) fn is_measured(&self) -> bool {
        self.measured
    }

    /// Takes in one measurement: the first as it is, later ones by 1/8 (mean) and 1/4 (variance).
    pub(crate) fn measure(&mut self, sample: u32) {
        if self.measured {
            let difference = sample.abs_diff(self.mean);
            self.variance = self.variance - self.variance / 4 + difference / 4;
            if sample >= self.mean {
                self.mean += difference / 8;
            } else {
                self.mean -= difference / 8;
            }
        } else {
            self.measured = true;
            self.mean = sample;
            self.variance = sample.div_ceil(2);
        }
        self.lowest_mean = self.lowest_mean.min(self.mean);
        self.highest_variance = self.highest_variance.max(self.variance);
    }

    /// A throttle interval is over: its extremes become what the next one is compared with.
    pub(crate) fn begin_interval(&mut self) {
        self.last_mean = self.lowest_mean;
        self.last_variance = self.highest_variance.max(1);
        self.lowest_mean = self.mean;
        self.highest_variance = self.variance;
    }

    /// How long the first attempt of a reliable command may stay unacknowledged.
    pub(crate) fn retransmission_timeout(&self) -> u32 {
        (u64::from(self.mean) + 4 * u64::from(self.variance)).min(u32::MAX.into()) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::RoundTrip;

    #[test]
    fn the_first_measurement_replaces_the_guess() {
        let mut round_trip = RoundTrip::new();
        assert_eq!(round_trip.retransmission_timeout(), 500);
        round_trip.measure(21);
        assert_eq!((round_trip.mean, round_trip.variance), (21, 11));
        round_trip.measure(37);
        assert_eq!((round_trip.mean, round_trip.variance), (23, 13));
        round_trip.measure(7);
        assert_eq!((round_trip.mean, round_trip.variance), (21, 14));
    }

    #[test]
    fn an_interval_ends_with_its_lowest_mean_and_highest_variance() {
        let mut round_trip = RoundTrip::new();
        round_trip.measure(100);
        round_trip.measure(20);
        let highest = round_trip.variance;
        round_trip.begin_interval();
        assert_eq!((round_trip.last_mean, round_trip.last_variance), (round_trip.mean, highest.max(50)));
    }
}
