//! How much may be under way: the one place that decides whether a message may be sent now.
//!
//! The congestion controller says how many reliable bytes may be under way, a [`Pacer`] holds what is sent
//! within the bandwidth of both ends, and the packet throttle says which share of the unreliable messages is
//! sent. ENet's window of 64 KiB is a rule of its sender, which no receiver checks. A smaller one holds
//! beside the controller, unless it only stands for a bandwidth that is obeyed anyway.

use super::congestion::pacer::Pacer;
use super::recovery::round_trip::RoundTrip;
use super::throttle::Throttle;
use crate::Time;
use crate::wire::{WINDOW_RANGE, WINDOW_SIZE_SCALE};

/// Where the bandwidth is limited, as much as 50 ms allow may leave at once after a pause, or a datagram.
const BURSTS_PER_SECOND: u32 = 20;
const SMALLEST_BURST: u32 = 1420;
/// Bytes per second below which a remote host's bandwidth is not meant: Godot's `ENetMultiplayerPeer`
/// advertises a number of channels. The window, which it makes small, holds then.
const SMALLEST_BANDWIDTH: u32 = 1024;

/// The send window of one connection.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Window {
    /// Bytes of reliable payload that both ends agreed on.
    size: u32,
    pub(super) throttle: Throttle,
    /// Bytes per second that may be sent, with headers; 0 = no limit.
    bandwidth: u32,
    /// Holds that; `None` without a limit.
    limiter: Option<Box<Pacer>>,
}

impl Window {
    pub(crate) fn new() -> Self {
        Self { size: *WINDOW_RANGE.end(), throttle: Throttle::new(), bandwidth: 0, limiter: None }
    }

    /// The bytes of reliable payload that both ends agreed on.
    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    /// Sets the bytes of reliable payload that both ends agreed on.
    pub(crate) fn set_size(&mut self, size: u32) {
        self.size = size;
    }

    /// Sets how many bytes per second may be sent, with headers; 0 = no limit.
    pub(crate) fn set_bandwidth(&mut self, bandwidth: u32) {
        self.bandwidth = bandwidth;
        match &self.limiter {
            Some(_) if bandwidth == 0 => self.limiter = None,
            None if bandwidth != 0 => self.limiter = Some(Box::default()),
            _ => {}
        }
    }

    /// The bytes of reliable payload that may be under way now, if the congestion controller allows so many
    /// and `in_flight` are already.
    #[inline(always)]
    pub(crate) fn allowance(&mut self, now: Time, in_flight: u32, allowed: u32) -> u32 {
        if self.limiter.is_none() {
            return if self.size == *WINDOW_RANGE.end() { allowed } else { allowed.min(self.size) };
        }
        self.limited_allowance(now, in_flight, allowed)
    }

    #[inline(never)]
    fn limited_allowance(&mut self, now: Time, in_flight: u32, allowed: u32) -> u32 {
        let Some(limiter) = &mut self.limiter else { return allowed };
        let burst = (self.bandwidth / BURSTS_PER_SECOND).max(SMALLEST_BURST);
        // As much as the datagram takes: the rest is owed.
        if limiter.credit(now, self.bandwidth.into(), burst) > 0 { allowed } else { in_flight }
    }

    /// Whether the bandwidth or the window that both ends agreed on lets nothing more out.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.size < *WINDOW_RANGE.end() || self.limiter.as_ref().is_some_and(|limiter| !limiter.has_credit())
    }

    /// Whether the bandwidth is limited.
    #[inline(always)]
    pub(crate) fn is_limited(&self) -> bool {
        self.limiter.is_some()
    }

    /// A datagram of so many bytes, with headers, leaves, or none if that is 0. Asks to be looked at again if
    /// a limit holds back what waits.
    #[inline(always)]
    pub(crate) fn on_filled(&mut self, now: Time, bytes: u32, is_held_back: bool) {
        let Some(limiter) = &mut self.limiter else { return };
        limiter.on_sent(bytes);
        if is_held_back && !limiter.has_credit() {
            limiter.wait(now, self.bandwidth.into(), 1);
        }
    }

    /// When something that a limit holds back wants to be looked at again.
    #[inline(always)]
    pub(crate) fn wake_at(&self) -> Option<Time> {
        self.limiter.as_ref()?.wake_at()
    }

    /// The time of [`Self::wake_at`] has come.
    pub(crate) fn on_wake(&mut self) {
        if let Some(limiter) = &mut self.limiter {
            limiter.on_wake();
        }
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

/// The bytes per second that may be sent to a remote host that can receive `remote`, where this end's share
/// is
/// `local`; 0 = no limit.
pub(crate) fn bandwidth_for(local: u32, remote: u32) -> u32 {
    match (local, if remote < SMALLEST_BANDWIDTH { 0 } else { remote }) {
        (0, remote) => remote,
        (local, 0) => local,
        (local, remote) => local.min(remote),
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
    fn a_small_window_holds_and_the_usual_one_leaves_all_to_the_congestion_controller() {
        let mut window = Window::new();
        let now = Time::from_millis(1);
        assert_eq!(window.allowance(now, 0, 1 << 20), 1 << 20);
        window.set_size(32_000);
        assert_eq!([1000, 1 << 20].map(|allowed| window.allowance(now, 0, allowed)), [1000, 32_000]);
        window.throttle.set_limit(0);
        assert_eq!(window.allowance(now, 0, 1 << 20), 32_000);
    }

    #[test]
    fn a_bandwidth_holds_back_what_exceeds_it() {
        let mut window = Window::new();
        window.set_bandwidth(10_000);
        let mut sent = 0;
        for now in (10_000..20_000).map(Time::from_millis) {
            if window.allowance(now, 500, 60_000) > 500 {
                window.on_filled(now, 1400, true);
                sent += 1400;
            } else {
                window.on_filled(now, 0, true);
                assert!(window.wake_at().is_some_and(|wake_at| wake_at > now));
            }
        }
        assert!((98_000..=103_000).contains(&sent), "{sent}");
    }

    #[test]
    fn the_smaller_bandwidth_is_obeyed_and_a_number_of_channels_is_none() {
        let bandwidths = [(0, 0), (5000, 0), (0, 5000), (5000, 9000), (9000, 5000), (0, 3), (9000, 255)];
        let obeyed = bandwidths.map(|(local, remote)| bandwidth_for(local, remote));
        assert_eq!(obeyed, [0, 5000, 5000, 5000, 5000, 0, 9000]);
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
