//! Time as the engine sees it: a monotonic millisecond count that the caller passes in.
//!
//! Only the wire has 16-bit times; [`Time::wire`] and [`Time::from_wire`] are the two places that convert.

/// A point on the caller's monotonic clock, in milliseconds since an epoch of the caller's choice.
///
/// ENet measures round trips with a millisecond clock, so nothing finer reaches the wire.
#[derive(
    Copy, Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Time(u64);

impl Time {
    /// The time `milliseconds` after the caller's epoch.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since the caller's epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time `milliseconds` later.
    pub const fn after(self, milliseconds: u32) -> Self {
        Self(self.0.saturating_add(milliseconds as u64))
    }

    /// The time `milliseconds` earlier, but not before the caller's epoch.
    pub(crate) const fn before(self, milliseconds: u32) -> Self {
        Self(self.0.saturating_sub(milliseconds as u64))
    }

    /// The last multiple of 2^`bits` milliseconds up to this time.
    pub(crate) const fn rounded_down(self, bits: u8) -> Self {
        Self(self.0 >> bits << bits)
    }

    /// Milliseconds from `earlier` to this time; 0 if `earlier` is not earlier.
    pub const fn since(self, earlier: Self) -> u32 {
        let difference = self.0.saturating_sub(earlier.0);
        if difference > u32::MAX as u64 { u32::MAX } else { difference as u32 }
    }

    /// The low 16 bits, as a datagram's header carries them.
    pub(crate) const fn wire(self) -> u16 {
        self.0 as u16
    }

    /// The latest time, not after `now`, whose low 16 bits are `wire`; an echo that is more than half the
    /// 16-bit circle old cannot be told from one of the future and gives `None`, as in ENet.
    pub(crate) const fn from_wire(wire: u16, now: Self) -> Option<Self> {
        let age = now.wire().wrapping_sub(wire);
        if age >= 0x8000 || (age as u64) > now.0 { None } else { Some(Self(now.0 - age as u64)) }
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn an_echo_from_before_the_16_bit_wrap_is_understood() {
        let sent = Time::from_millis(0x2_fff0);
        let now = Time::from_millis(0x3_0010);
        assert_eq!(Time::from_wire(sent.wire(), now), Some(sent));
        assert_eq!(now.since(sent), 0x20);
    }

    #[test]
    fn an_echo_from_the_future_is_refused() {
        let now = Time::from_millis(0x3_0010);
        assert_eq!(Time::from_wire(0x0011, now), None);
        assert_eq!(Time::from_wire(10, Time::from_millis(5)), None);
    }
}
