//! Where each of sixteen shares ends, searched without a branch.

/// Shares in one of these.
pub(super) const LANES: usize = 16;
/// A lane of 16 bits, of 4 in a word.
const BITS: usize = 16;
/// Times 16 bits: the same in all lanes of a word.
const ONES: u64 = 0x0001_0001_0001_0001;
const TOPS: u64 = ONES << 15;
/// What is added to each end, so that the top bit of its lane tells whether it is above a position once that is subtracted.
const BIAS: u64 = TOPS - ONES;

/// The ends of shares that follow each other, below 2^15, in words of four: that of share n is in lane n / 4 of word n % 4,
/// so that the answers of all lanes can be shifted together into bits which are in order.
#[derive(Copy, Clone, Debug)]
pub(super) struct Ends([u64; 4]);

/// `RAISES[n]` has a 1 for share n and all behind it.
const RAISES: [[u64; 4]; LANES] = {
    let mut raises = [[0; 4]; LANES];
    let mut at = 0;
    while at < LANES * LANES {
        let (n, behind) = (at / LANES, at % LANES);
        if behind >= n {
            raises[n][behind % 4] |= 1 << (behind / 4 * BITS);
        }
        at += 1;
    }
    raises
};

impl Ends {
    /// Of shares of the same size, of which the first starts at `start`.
    pub(super) const fn new(start: u16, size: u16) -> Self {
        let mut ends = [BIAS; 4];
        let mut n = 0;
        while n < LANES {
            ends[n % 4] += (start as u64 + (n as u64 + 1) * size as u64) << (n / 4 * BITS);
            n += 1;
        }
        Self(ends)
    }

    /// Where share n ends.
    #[inline]
    pub(super) fn get(&self, n: usize) -> u32 {
        u32::from((self.0[n % 4] >> (n / 4 % 4 * BITS)) as u16) - BIAS as u16 as u32
    }

    /// Share n grows.
    #[inline]
    pub(super) fn grow(&mut self, n: usize, by: u8) {
        for (word, raise) in self.0.iter_mut().zip(RAISES[n % LANES]) {
            *word = word.wrapping_add(raise * u64::from(by));
        }
    }

    /// The share that a position is in; it has to be in one, or before the first.
    #[inline]
    pub(super) fn share_at(&self, position: u32) -> usize {
        let positions = u64::from(position) * ONES;
        let [a, b, c, d] = self.0.map(|word| word.wrapping_sub(positions) & TOPS);
        // Bits 12 to 15 of each lane. The last is set at least.
        let above = a >> 3 | b >> 2 | c >> 1 | d | 1 << 63;
        let first = above.trailing_zeros() as usize;
        (first / BITS * 4) | (first % 4)
    }
}
