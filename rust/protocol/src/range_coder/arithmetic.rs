//! The range coder proper: a number that is narrowed down by one share after the other, in 32 bits and without carries.

use super::Share;

/// The top byte of the bounds is settled when they differ by less.
const TOP: u32 = 1 << 24;
/// The range must not fall below it, or shares of a total of 16 bits would vanish.
const BOTTOM: u32 = 1 << 16;

/// The interval that is left.
#[derive(Debug)]
struct Interval {
    low: u32,
    range: u32,
}

impl Interval {
    const WHOLE: Self = Self { low: 0, range: u32::MAX };

    /// Narrows it down to `share`; `range` must have been divided by the total.
    #[inline]
    fn narrow(&mut self, share: Share) {
        self.low = self.low.wrapping_add(share.start.wrapping_mul(self.range));
        self.range = self.range.wrapping_mul(share.size);
    }

    /// Whether its first byte is settled. Where it would not be although the range is nearly used up, the range is cut so
    /// that it is.
    #[inline]
    fn is_settled(&mut self) -> bool {
        if self.low ^ self.low.wrapping_add(self.range) < TOP {
            return true;
        }
        if self.range >= BOTTOM {
            return false;
        }
        self.range = self.low.wrapping_neg() & (BOTTOM - 1);
        true
    }

    #[inline]
    fn shift(&mut self) {
        self.low <<= 8;
        self.range <<= 8;
    }
}

/// Turns shares into bytes.
#[derive(Debug)]
pub(super) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    /// The length that `out` must stay below.
    limit: usize,
    interval: Interval,
}

impl<'a> Encoder<'a> {
    /// Appends to `out`, less than `limit` bytes.
    pub(super) fn new(out: &'a mut Vec<u8>, limit: usize) -> Self {
        let limit = out.len() + limit;
        Self { out, limit, interval: Interval::WHOLE }
    }

    /// Codes a share of `total`.
    #[inline]
    pub(super) fn put(&mut self, share: Share, total: u32) {
        self.interval.range /= total;
        self.interval.narrow(share);
        while self.interval.is_settled() {
            self.out.push((self.interval.low >> 24) as u8);
            self.interval.shift();
        }
    }

    /// Whether there is no more room.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.out.len() >= self.limit
    }

    /// Writes what is left; trailing zeros need not be, since a decoder reads on in zeros. `false` if there was not room
    /// enough.
    pub(super) fn finish(mut self) -> bool {
        while self.interval.low != 0 {
            self.out.push((self.interval.low >> 24) as u8);
            self.interval.low <<= 8;
        }
        !self.is_full()
    }
}

/// Turns bytes into positions among shares.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    input: std::slice::Iter<'a, u8>,
    code: u32,
    interval: Interval,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        let mut decoder = Self { input: input.iter(), code: 0, interval: Interval::WHOLE };
        for _ in 0..4 {
            decoder.next_byte();
        }
        decoder
    }

    fn next_byte(&mut self) {
        self.code = self.code << 8 | u32::from(self.input.next().copied().unwrap_or(0));
    }

    /// Divides the range by `total`, which is 16 bits at most. One [`Self::take`] has to follow.
    #[inline]
    pub(super) fn scale(&mut self, total: u32) {
        // Never 0: the range is not below BOTTOM here, whatever the input was.
        self.interval.range /= total;
    }

    /// Whether the position is below `bound`: quicker than to ask for the position.
    #[inline]
    pub(super) fn is_below(&self, bound: u32) -> bool {
        u64::from(self.offset()) < u64::from(bound) * u64::from(self.interval.range)
    }

    /// The position among the shares of the total. At or above it in what no encoder has written.
    #[inline]
    pub(super) fn position(&self) -> u32 {
        self.offset() / self.interval.range
    }

    /// Goes on behind the share that was found at the position.
    #[inline]
    pub(super) fn take(&mut self, share: Share) {
        self.interval.narrow(share);
        while self.interval.is_settled() {
            self.next_byte();
            self.interval.shift();
        }
    }

    fn offset(&self) -> u32 {
        self.code.wrapping_sub(self.interval.low)
    }
}
