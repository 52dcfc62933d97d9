//! Startup: the rate grows until the path is full, in bursts that show the capacity before that.

use super::{Controller, MAXIMUM_WINDOW, Phase, STEADY_INTERVAL};
use crate::Time;
use crate::peer::congestion::budget::INITIAL_WINDOW;

/// Bytes per second at which startup begins at most.
const INITIAL_RATE: u64 = 500_000;
/// Milliseconds of the rate that leave together, between these numbers of bytes: bursts that show the
/// capacity of the path.
const TRAIN: u64 = 8;
const SHORTEST_TRAIN: u64 = 11_136;
const LONGEST_TRAIN: u64 = 32 << 10;
/// Milliseconds between such bursts when startup begins.
const TRAIN_INTERVAL: u32 = 24;
/// Bytes that may be under way before the path is known, if other messages wait behind them.
const GENTLE_INITIAL_WINDOW: u32 = 48 << 10;

impl Controller {
    /// Startup ends when the path is full.
    pub(super) fn check_full(&mut self) {
        if self.round.is_limited {
            return;
        }
        let delivered = self.delivered_in_round();
        let overflows = self.round.lost * 5 > delivered && self.round.lost > 16 << 10;
        let is_queueing = self.rounds > 2 && self.delay > 8.max(self.floor / 8);
        if overflows || is_queueing {
            self.enter(Phase::Drain);
        }
    }

    /// Whether as much arrives as bursts have shown that the bottleneck lets through.
    pub(super) fn is_at_capacity(&self) -> bool {
        self.trains.capacity().is_some_and(|capacity| self.bandwidth() * 10 >= capacity * 9)
    }

    /// Whether more arrives than a round trip ago. If not although more was sent, the path is full.
    pub(super) fn is_growing(&mut self, now: Time) -> bool {
        if self.round.is_limited || self.bandwidth() * 8 >= self.full_bandwidth * 9 {
            self.full_bandwidth = self.bandwidth();
            self.grown_at = now;
        }
        let round_trip = self.round_trip() + self.interval() + self.pacer.lateness();
        let patience = if self.is_gentle() { 0 } else { round_trip / 4 + TRAIN_INTERVAL };
        now.since(self.grown_at) <= round_trip + patience
    }

    /// Bytes that may be under way in startup: enough for the rate at which it goes on once bursts have shown
    /// the capacity.
    pub(super) fn startup_window(&self) -> u32 {
        let bdp = self.bdp();
        if self.is_gentle() {
            return (bdp + bdp / 4).max(GENTLE_INITIAL_WINDOW);
        }
        match self.trains.capacity() {
            None => (2 * bdp).max(INITIAL_WINDOW),
            Some(capacity) => {
                let product = capacity * u64::from(self.round_trip()) / 1000;
                (4 * bdp).max(product.min(MAXIMUM_WINDOW.into()) as u32).max(INITIAL_WINDOW)
            }
        }
    }

    /// Bytes that leave together in startup at `rate` bytes per second.
    pub(super) fn train(&self, rate: u64) -> u64 {
        (rate * TRAIN / 1000).clamp(SHORTEST_TRAIN, LONGEST_TRAIN)
    }

    /// Bytes of reliable payload per second that leave in startup.
    pub(super) fn startup_rate(&self) -> u64 {
        let bandwidth = self.bandwidth();
        let initial = u64::from(INITIAL_WINDOW) * 1000 / u64::from(self.round_trip().max(1));
        let grown = match self.trains.capacity() {
            Some(capacity) => (4 * bandwidth).max(capacity * 3 / 4).min(capacity.max(bandwidth)),
            None if self.is_gentle() => bandwidth * 5 / 4,
            None if self.interval() > STEADY_INTERVAL => 2 * bandwidth,
            None => bandwidth * 177 / 64,
        };
        grown.max(initial.min(INITIAL_RATE))
    }
}
