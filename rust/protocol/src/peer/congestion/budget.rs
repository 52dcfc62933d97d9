//! What the controller allows at a moment.

/// Bytes that may be under way before the path is known, as in ENet.
pub(super) const INITIAL_WINDOW: u32 = 64 << 10;
/// Bytes that may leave at once after a pause: ten datagrams (RFC 6928).
pub(super) const BURST: u32 = 13_920;

/// What may be sent at a moment. Bytes are payload of reliable commands.
#[derive(Copy, Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Budget {
    /// What was under way at that moment.
    pub(super) in_flight: u32,
    pub(super) window: u32,
    /// What may leave at once; [`Self::UNPACED`] without a pace.
    pub(super) credit: u32,
}

impl Budget {
    /// The credit while nothing is paced. What leaves then is not owed later.
    pub(super) const UNPACED: u32 = u32::MAX;

    /// Whether what leaves uses up credit.
    pub(super) fn is_paced(&self) -> bool {
        self.credit != Self::UNPACED
    }

    /// The bytes that may be under way: one datagram of `mtu` bytes more, if any credit is left. What is lost
    /// goes out again even if the window has become smaller than what is under way, since the remote host may
    /// take in nothing else (RFC 9002, section 7.5).
    pub(super) fn allowance(&self, mtu: u32, has_lost: bool) -> u32 {
        let credit = if self.credit == 0 { 0 } else { self.credit.max(mtu) };
        let window = if has_lost { self.window.max(self.in_flight.saturating_add(mtu)) } else { self.window };
        window.min(self.in_flight.saturating_add(credit))
    }
}
