//! The floor of the round trip, and how it is measured anew.

use super::{Controller, Phase};
use crate::Time;

/// Milliseconds for which the floor of the round trip is believed, and for which little is under way to
/// measure it anew.
const FLOOR_LIFETIME: u32 = 10_000;
const FLOOR_PROBE: u32 = 200;
/// Milliseconds after which the first floor that is much higher than before is measured once more.
const SECOND_PROBE: u32 = 1_000;
/// Measurements of the floor after which it is believed that no others fill the queues.
const HIDDEN_PROBES: u32 = 6;

impl Controller {
    /// Whether the floor of the round trip was not seen for so long that it may have changed.
    pub(super) fn is_floor_old(&self, now: Time) -> bool {
        now.since(self.floor_at) > FLOOR_LIFETIME
    }

    /// Little is under way for a while, so that the floor of the round trip shows.
    pub(super) fn enter_probe_rtt(&mut self, now: Time, in_flight: u32) {
        let window = self.bdp() / 2;
        // What is under way has to arrive first.
        let wait = if in_flight > window { FLOOR_PROBE + self.latest.min(1000) } else { 0 };
        self.probed_floor = self.latest;
        self.enter(Phase::ProbeRtt { until: now.after(wait), window });
    }

    /// A probe for the floor of the round trip is over. Where others keep the queue long, or what was sent
    /// too fast is still in it, the path without it does not show. But a queue changes, and the length of a
    /// path does not: a floor that is seen twice is the path's.
    pub(super) fn take_floor(&mut self) {
        let last = std::mem::replace(&mut self.floor, self.probed_floor);
        let is_hidden = self.is_competing() || self.floor > self.empty.saturating_add(self.long_delay());
        self.hidden_probes = if is_hidden { self.hidden_probes + 1 } else { 0 };
        if !is_hidden || self.floor.abs_diff(last) <= 1 || self.hidden_probes == HIDDEN_PROBES {
            self.hidden_probes = 0;
            self.empty = self.floor;
        } else if self.hidden_probes == 1 {
            self.floor_at = self.floor_at.before(FLOOR_LIFETIME - SECOND_PROBE);
        }
    }

    /// Milliseconds until an acknowledgement comes if nothing waits in queues.
    pub(super) fn round_trip(&self) -> u32 {
        self.floor.saturating_add(self.interval()).min(10_000)
    }
}
