//! How much may be under way: the one place that decides whether a message may be sent now.
//!
//! The rule is ENet's: the window that both ends agreed on, narrowed by the packet throttle. A congestion
//! controller would take the throttle's place here.

use super::recovery::round_trip::RoundTrip;
use super::throttle::Throttle;
use crate::Time;
use crate::wire::{WINDOW_RANGE, WINDOW_SIZE_SCALE};

/// The send window of one connection.
#[derive(Debug)]
pub(crate) struct Window {
    /// Bytes of reliable payload that both ends agreed on.
    size: u32,
    pub(super) throttle: Throttle,
}

impl Window {
    pub(crate) fn new() -> Self {
        Self { size: *WINDOW_RANGE.end(), throttle: Throttle::new() }
    }

    /// The bytes of reliable payload that both ends agreed on.
    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    /// Sets the bytes of reliable payload that both ends agreed on.
    pub(crate) fn set_size(&mut self, size: u32) {
        self.size = size;
    }

    /// The bytes of reliable payload that may be under way now, at least one datagram of `mtu` bytes.
    pub(crate) fn allowance(&self, mtu: u32) -> u32 {
        self.throttle.window(self.size).max(mtu)
    }

    /// Whether the next unreliable message may be sent; if not, it has to be dropped.
    #[inline]
    pub(crate) fn admits_unreliable(&mut self) -> bool {
        self.throttle.admits()
    }

    /// Something was acknowledged after `sample` milliseconds, which `round_trip` takes in; the shortest
    /// recent round trip was `shortest`.
    pub(crate) fn on_acknowledged(
        &mut self,
        now: Time,
        sample: u32,
        shortest: u32,
        round_trip: &mut RoundTrip,
    ) {
        self.throttle.measure(now, sample, shortest, round_trip);
    }
}

/// The reliable window, in bytes, that a bandwidth in bytes per second buys; 0 = no limit.
pub(crate) fn window_for_bandwidth(bandwidth: u32) -> u32 {
    if bandwidth == 0 {
        return *WINDOW_RANGE.end();
    }
    clamp_window((bandwidth / WINDOW_SIZE_SCALE).saturating_mul(*WINDOW_RANGE.start()))
}

/// The reliable window, in bytes, of a connection between ends with these bandwidths in bytes per second: the
/// smaller one counts, and 0, no limit, does not.
pub(crate) fn window_for_bandwidths(local: u32, remote: u32) -> u32 {
    window_for_bandwidth(if local == 0 || remote == 0 { local.max(remote) } else { local.min(remote) })
}

/// Keeps a window that the remote host asked for within what the protocol allows.
pub(crate) fn clamp_window(size: u32) -> u32 {
    size.clamp(*WINDOW_RANGE.start(), *WINDOW_RANGE.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_throttle_narrows_the_window_but_one_datagram_may_always_go() {
        let mut window = Window::new();
        window.set_size(32_000);
        assert_eq!(window.allowance(1392), 32_000);
        window.throttle.set_limit(8);
        assert_eq!(window.allowance(1392), 8_000);
        window.throttle.set_limit(0);
        assert_eq!(window.allowance(1392), 1392);
    }

    #[test]
    fn the_smaller_bandwidth_decides_and_none_does_not() {
        assert_eq!(window_for_bandwidths(0, 0), 65_536);
        assert_eq!(window_for_bandwidths(0, 131_072), 8192);
        assert_eq!(window_for_bandwidths(131_072, 1 << 30), 8192);
        assert_eq!(window_for_bandwidths(1, 1), 4096);
        assert_eq!(clamp_window(u32::MAX), 65_536);
    }
}
