//! The conditions of a path.

use crate::Bursts;

/// The faults of one direction between two addresses. The default is a perfect path.
/// Probabilities are `0.0..=1.0` and hold for each datagram by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    /// The least delay of every datagram, microseconds.
    pub latency: u64,
    /// Most additional delay, microseconds; uniformly distributed.
    pub jitter: u64,
    /// Whether datagrams keep their order in spite of jitter, as in a queue; otherwise jitter reorders them.
    pub in_order: bool,
    /// Probability of loss.
    pub loss: f64,
    /// Loss in bursts, in addition to `loss`.
    pub bursts: Option<Bursts>,
    /// Probability that a datagram is duplicated; the copy has its own delay.
    pub duplicates: f64,
    /// Probability that a datagram is held back, by up to `reorder_delay` microseconds beyond its delay.
    pub reorder: f64,
    /// See `reorder`; microseconds.
    pub reorder_delay: u64,
    /// Damage to contents.
    pub damage: Damage,
    /// The bottleneck, if there is one.
    pub rate: Option<RateLimit>,
}

/// Damage to the contents of datagrams: what UDP's checksum would usually turn into loss, or what an attacker
/// on the path does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Damage {
    /// Probability that one to eight bits are flipped.
    pub flips: f64,
    /// Probability that the end is cut off.
    pub truncation: f64,
}

/// A bottleneck with a bounded queue before it; a datagram that does not fit into the queue is lost.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct RateLimit {
    /// Bytes per second, above 0, with 28 bytes of IP and UDP headers counted for each datagram.
    pub bytes_per_second: u64,
    /// Bytes that can wait.
    pub queue_bytes: u64,
}

impl Conditions {
    /// No delay and no fault.
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
