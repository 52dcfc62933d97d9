//! Where each of sixteen shares ends, searched without a branch: the same simple work on all of them, which
//! the compiler turns into a few vector instructions.

/// Shares in one of these.
pub(super) const LANES: usize = 16;

/// The ends of shares that follow each other, below 2^15.
#[derive(Copy, Clone, Debug)]
#[repr(align(16))]
pub(super) struct Ends([u16; LANES]);

/// A window of it that starts n before its middle has all bits in the lanes from n on.
static MASK: [u16; 2 * LANES] = {
    let mut mask = [0; 2 * LANES];
    let mut lane = LANES;
    while lane < mask.len() {
        mask[lane] = u16::MAX;
        lane += 1;
    }
    mask
};

impl Ends {
    /// Of shares of the same size, of which the first starts at `start`.
    pub(super) const fn new(start: u16, size: u16) -> Self {
        let mut ends = [0; LANES];
        let mut n = 0;
        while n < LANES {
            ends[n] = start + (n as u16 + 1) * size;
            n += 1;
        }
        Self(ends)
    }

    /// Where share n ends.
    #[inline]
    pub(super) fn get(&self, n: usize) -> u32 {
        self.0[n % LANES].into()
    }

    /// Share n grows, and those behind it move up.
    #[inline]
    pub(super) fn grow(&mut self, n: usize, by: u8) {
        for (end, mask) in self.0.iter_mut().zip(&MASK[LANES - n % LANES..]) {
            *end = end.wrapping_add(mask & u16::from(by));
        }
    }

    /// The share that a position is in; it has to be in one, or before the first.
    #[inline]
    pub(super) fn share_at(&self, position: u32) -> usize {
        // As many as end at it or before: the top bit of the difference tells.
        let next = (position as u16).wrapping_add(1);
        let before: u16 = self.0.iter().map(|end| end.wrapping_sub(next) >> 15).sum();
        usize::from(before) % LANES
    }
}
