//! The range coder proper: an interval of numbers that is narrowed down to one share after the other, in 32
//! bits and without carries.

/// The range must not fall below it, or shares of a total of 16 bits would vanish.
const BOTTOM: u32 = 1 << 16;
/// Bytes that one symbol can take at most, all its escapes included, and some more.
const SLACK: usize = 32;

/// A part of a context's total frequency: what a symbol, or the escape, has of the coder's range.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Share {
    /// What comes before it.
    pub(super) start: u32,
    /// What it has itself, at least 1.
    pub(super) size: u32,
}

impl Share {
    /// This share, behind that of the escapes.
    pub(super) fn after(self, escapes: u16) -> Self {
        Self { start: self.start + u32::from(escapes), ..self }
    }
}

/// The interval that is left.
#[derive(Debug)]
struct Interval {
    low: u32,
    range: u32,
}

impl Interval {
    const WHOLE: Self = Self { low: 0, range: u32::MAX };

    /// Narrows it down to `share`; the range must have been divided by the total. Then `shift` is called with
    /// the number of bytes at the top of `low` that are settled, 0..=2, and must drop them, until the range
    /// is large enough again.
    ///
    /// How many bytes that are follows no pattern that a processor could predict, so there is no branch on
    /// it.
    #[inline]
    fn narrow(&mut self, share: Share, mut shift: impl FnMut(u32, u32)) {
        self.low = self.low.wrapping_add(share.start.wrapping_mul(self.range));
        self.range = self.range.wrapping_mul(share.size);
        loop {
            let differing = self.low ^ self.low.wrapping_add(self.range);
            // Two at most: where a third is settled too, which is rare, the loop goes on.
            let settled = u32::from(differing < 1 << 24) + u32::from(differing < 1 << 16);
            self.drop_bytes(settled, &mut shift);
            if self.range >= BOTTOM && differing >= 1 << 8 {
                return;
            }
            if settled == 0 {
                // The range is nearly used up, and the bounds still differ in the top byte: the range is cut
                // so that they do not. (Corrupt data could leave nothing of it, and then this would never
                // end.)
                self.range = (self.low.wrapping_neg() & (BOTTOM - 1)).max(1);
                self.drop_bytes(1, &mut shift);
            }
        }
    }

    #[inline]
    fn drop_bytes(&mut self, count: u32, shift: &mut impl FnMut(u32, u32)) {
        shift(self.low, count);
        self.low <<= 8 * count;
        self.range <<= 8 * count;
    }
}

/// 2^64 divided by the index, rounded up: a product of 64 bits takes a third of a division's time, and the
/// factor can be looked up while the range is not known yet. Most totals are so small.
static INVERSES: [u64; 1024] = {
    let mut inverses = [0; 1024];
    let mut total = 2;
    while total < inverses.len() {
        inverses[total] = u64::MAX / total as u64 + 1;
        total += 1;
    }
    inverses
};

/// `range / total`.
#[inline]
fn divided(range: u32, total: u32) -> u32 {
    match INVERSES.get(total as usize) {
        // Exact: the inverse is too large by less than 1, the quotient thus by less than 2^-32.
        Some(inverse) => ((u128::from(range) * u128::from(*inverse)) >> 64) as u32,
        None => range / total,
    }
}

/// Turns shares into bytes.
#[derive(Debug)]
pub(super) struct Encoder<'a> {
    /// Longer than what was written.
    out: &'a mut Vec<u8>,
    written: usize,
    /// The length that must not be reached.
    limit: usize,
    interval: Interval,
}

impl<'a> Encoder<'a> {
    /// Appends to `out`, less than `limit` bytes.
    pub(super) fn new(out: &'a mut Vec<u8>, limit: usize) -> Self {
        let written = out.len();
        let limit = written + limit;
        out.resize(limit + SLACK, 0);
        Self { out, written, limit, interval: Interval::WHOLE }
    }

    /// Codes a share of `total`. There must be room.
    #[inline]
    pub(super) fn put(&mut self, share: Share, total: u32) {
        self.interval.range /= total;
        self.interval.narrow(share, |low, count| {
            // Always four bytes, of which the next overwrites what does not count.
            if let Some(next) = self.out.get_mut(self.written..).and_then(<[u8]>::first_chunk_mut) {
                *next = low.to_be_bytes();
            }
            self.written += count as usize;
        });
    }

    /// Whether there is no more room.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.written >= self.limit
    }

    /// Writes what is left; trailing zeros need not be, since a decoder reads on in zeros. `false` if there
    /// was not room enough.
    pub(super) fn finish(mut self) -> bool {
        self.out.truncate(self.written);
        while self.interval.low != 0 {
            self.out.push((self.interval.low >> 24) as u8);
            self.interval.low <<= 8;
            self.written += 1;
        }
        !self.is_full()
    }
}

/// Turns bytes into positions among shares.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    /// What was not read yet.
    input: &'a [u8],
    /// Where the input is in the interval: what was read of it, less the interval's low end.
    offset: u32,
    interval: Interval,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(mut input: &'a [u8]) -> Self {
        let offset = peek(input);
        input = &input[input.len().min(4)..];
        Self { input, offset, interval: Interval::WHOLE }
    }

    /// Divides the range by `total`, which is 16 bits at most. One [`Self::take`] has to follow.
    #[inline]
    pub(super) fn scale(&mut self, total: u32) {
        // Never 0: the range is not below BOTTOM here, whatever the input was.
        self.interval.range = divided(self.interval.range, total);
    }

    /// Whether the position is below `bound`: quicker than to ask for the position.
    #[inline]
    pub(super) fn is_below(&self, bound: u32) -> bool {
        u64::from(self.offset) < u64::from(bound) * u64::from(self.interval.range)
    }

    /// The position among the shares of the total. Not below it in what no encoder has written.
    #[inline]
    pub(super) fn position(&self) -> u32 {
        self.offset / self.interval.range
    }

    /// Goes on behind the share that was found at the position.
    #[inline]
    pub(super) fn take(&mut self, share: Share) {
        self.offset = self.offset.wrapping_sub(share.start.wrapping_mul(self.interval.range));
        self.interval.narrow(share, |_, count| {
            let bytes = u64::from(self.offset) << 32 | u64::from(peek(self.input));
            self.offset = (bytes << (8 * count) >> 32) as u32;
            self.input = self.input.get(count as usize..).unwrap_or_default();
        });
    }
}

/// The next four bytes, zeros where the input ends.
#[inline]
fn peek(input: &[u8]) -> u32 {
    match input.first_chunk() {
        Some(next) => u32::from_be_bytes(*next),
        None => peek_at_end(input),
    }
}

#[cold]
fn peek_at_end(input: &[u8]) -> u32 {
    let byte = |at| input.get(at).copied().unwrap_or_default();
    u32::from_be_bytes([byte(0), byte(1), byte(2), 0])
}
