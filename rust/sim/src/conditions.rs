//! How bad a path is.

use crate::Bursts;

/// The faults of one direction between two addresses. The default is a perfect path.
/// Probabilities are `0.0..=1.0` and hold for each datagram by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    /// Microseconds that every datagram takes.
    pub latency: u64,
    /// Up to so many microseconds more, evenly spread.
    pub jitter: u64,
    /// Datagrams stay in order although their times differ, as in a queue; without it, jitter reorders.
    pub in_order: bool,
    /// Probability of loss.
    pub loss: f64,
    /// Loss in bursts, beside `loss`.
    pub bursts: Option<Bursts>,
    /// Probability that a datagram comes twice; the copy has its own delay.
    pub duplicates: f64,
    /// Probability that a datagram is held up, by up to `reorder_delay` microseconds beyond its time.
    pub reorder: f64,
    /// Microseconds, see `reorder`.
    pub reorder_delay: u64,
    /// Damage to contents.
    pub damage: Damage,
    /// How much the path can carry.
    pub rate: Option<RateLimit>,
}

/// Damage to the contents of datagrams: what UDP's checksum would usually turn into loss, or what a hostile middle
/// does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Damage {
    /// Probability that one to eight bits are flipped.
    pub flips: f64,
    /// Probability that the end is cut off.
    pub truncation: f64,
}

/// A bottleneck with a bounded queue before it: what does not fit into the queue is lost.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct RateLimit {
    /// Bytes per second, above 0, with 28 bytes of IP and UDP headers counted for each datagram.
    pub bytes_per_second: u64,
    /// Bytes that can wait.
    pub queue_bytes: u64,
}

impl Conditions {
    /// Everything arrives at once.
    pub const PERFECT: Self = Self {
        latency: 0,
        jitter: 0,
        in_order: false,
        loss: 0.0,
        bursts: None,
        duplicates: 0.0,
        reorder: 0.0,
        reorder_delay: 0,
        damage: Damage { flips: 0.0, truncation: 0.0 },
        rate: None,
    };

    /// A path with this latency (microseconds) and no fault.
    pub const fn with_latency(latency: u64) -> Self {
        Self { latency, ..Self::PERFECT }
    }
}

impl Default for Conditions {
    fn default() -> Self {
        Self::PERFECT
    }
}
