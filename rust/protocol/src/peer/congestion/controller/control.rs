//! The control parameters, which follow from the model of the path: window, pacing rate and quantum.

use super::{Controller, LOCAL_ROUND_TRIP, MAXIMUM_WINDOW, Phase};
use crate::peer::congestion::budget::INITIAL_WINDOW;
use crate::peer::congestion::pacer::MAXIMUM_CREDIT;

/// Bytes that may be under way at least: four datagrams.
const MINIMUM_WINDOW: u32 = 5568;
/// Milliseconds of the rate that leave together, up to so many bytes: several datagrams with each wake-up.
const QUANTUM: u64 = 2;
const LONGEST_QUANTUM: u64 = 32 << 10;

impl Controller {
    /// Bytes under way that keep the path busy without a queue.
    pub(super) fn bdp(&self) -> u32 {
        (self.bandwidth() * u64::from(self.round_trip()) / 1000).min(MAXIMUM_WINDOW.into()) as u32
    }

    /// Whether nothing is known of the path, or it is too short to be measured.
    pub(super) fn is_unpaced(&self) -> bool {
        self.floor == u32::MAX || self.floor <= LOCAL_ROUND_TRIP
    }

    /// Bytes of reliable payload that may be under way.
    pub(super) fn window(&self) -> u32 {
        if self.is_unpaced() {
            return INITIAL_WINDOW;
        }
        let window = match self.phase {
            Phase::Startup => self.startup_window(),
            Phase::ProbeRtt { window, .. } => window,
            Phase::Drain | Phase::Cruise | Phase::Up | Phase::Feel | Phase::Down => self.probe_bw_window(),
        };
        window.clamp(MINIMUM_WINDOW, MAXIMUM_WINDOW)
    }

    /// Bytes of reliable payload per second that may leave; `None` = no limit.
    pub(super) fn pacing_rate(&self) -> Option<u64> {
        if self.is_unpaced() {
            return None;
        }
        let bandwidth = self.bandwidth();
        let rate = match self.phase {
            Phase::Startup => self.startup_rate(),
            Phase::Drain => bandwidth / 2,
            Phase::Cruise | Phase::Feel => self.pace,
            Phase::Up => self.pace + self.probe_gain(),
            Phase::Down => self.pace * 3 / 4,
            Phase::ProbeRtt { .. } => bandwidth,
        };
        let lump = u64::from(MAXIMUM_CREDIT) * 1000 / u64::from(self.interval().max(1));
        // As if nothing was paced but for the smallest window.
        let least = u64::from(MINIMUM_WINDOW) * 1000 / u64::from(self.latest.max(1));
        Some(rate.max(least).min(lump))
    }

    /// Bytes that leave together at `rate` bytes per second.
    pub(super) fn quantum(&self, rate: u64) -> u64 {
        match self.phase {
            Phase::Startup if !self.is_shared => self.train(rate),
            _ => (rate * QUANTUM / 1000).clamp(1, LONGEST_QUANTUM),
        }
    }
}
