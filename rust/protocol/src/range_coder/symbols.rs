//! The symbols of one context with their counts. Most contexts have seen one symbol, some a few; only the root has many.
//! Each has a form of its own.
//!
//! The start of each share is kept up to date, so that a share is looked up and not added up. What that takes is the same
//! simple work on 8 or 16 numbers at a time, which the compiler turns into a few vector instructions without a branch.

use super::Share;

/// Symbols in a block.
const LANES: usize = 8;
/// Symbols in a group of the root's.
const GROUP: usize = 16;

/// The symbols of a context.
#[derive(Copy, Clone, Debug)]
pub(super) enum Symbols {
    None,
    One {
        value: u8,
        count: u8,
        node: u16,
    },
    /// In a chain of blocks.
    More {
        /// The number of the first block in the pool. All others of the chain are full.
        block: u16,
        /// Symbols in the chain, less one.
        last: u8,
    },
}

/// A symbol that was in a context already.
pub(super) struct Seen {
    pub(super) node: u16,
    /// Its share before it was counted, without escapes.
    pub(super) share: Share,
}

/// The blocks of all contexts.
#[derive(Debug)]
pub(super) struct Pool {
    /// Each with the number of the one behind it in its chain, or [`NO_BLOCK`].
    blocks: Box<[(Block, u16); BLOCKS]>,
    used: usize,
}

/// Blocks that there is room for: at least two symbols to a block.
const BLOCKS: usize = 2048;
const NO_BLOCK: u16 = u16::MAX;

/// Where a block is; the compiler sees that it is there.
#[inline]
fn index(block: u16) -> usize {
    usize::from(block) % BLOCKS
}

/// Up to 8 symbols, in the order in which they were seen.
#[derive(Copy, Clone, Debug)]
struct Block {
    /// Unused lanes repeat the value of the first, and are never found as they come after it.
    values: [u8; LANES],
    /// Unused lanes have zeros.
    counts: [u8; LANES],
    /// The sum of the counts of all lesser symbols in the context.
    starts: [u16; LANES],
    nodes: [u16; LANES],
}

impl Symbols {
    /// Counts a symbol, if it was seen before.
    #[inline(always)]
    pub(super) fn count(&mut self, value: u8, delta: u8, pool: &mut Pool) -> Option<Seen> {
        match self {
            Self::None => None,
            Self::One { value: known, count, node } => {
                let share = Share { start: 0, size: (*count).into() };
                (*known == value).then(|| {
                    *count += delta;
                    Seen { node: *node, share }
                })
            }
            Self::More { block, last } => pool.count(*block, *last, value, delta),
        }
    }

    /// Counts the symbol that has a position below the sum of all counts, and gives it. There may be none in a context that
    /// corrupt data has led to.
    #[inline(always)]
    pub(super) fn count_at(
        &mut self,
        position: impl FnOnce() -> u32,
        delta: u8,
        pool: &mut Pool,
    ) -> Option<(u8, Seen)> {
        match self {
            Self::None => None,
            Self::One { value, count, node } => {
                let share = Share { start: 0, size: (*count).into() };
                *count += delta;
                Some((*value, Seen { node: *node, share }))
            }
            Self::More { block, .. } => pool.count_at(*block, position() as u16, delta),
        }
    }

    /// Adds a symbol that was not seen before, with its first count.
    #[inline(always)]
    pub(super) fn add(&mut self, value: u8, node: u16, count: u8, pool: &mut Pool) {
        match self {
            Self::None => *self = Self::One { value, count, node },
            Self::One { value: known, count: before, node: other } => {
                let block = Block::of_two((*known, *before, *other), (value, count, node));
                *self = Self::More { block: pool.push(block, NO_BLOCK), last: 1 };
            }
            Self::More { block, last } => {
                *last = last.wrapping_add(1);
                *block = pool.add(*block, usize::from(*last) % LANES, value, count, node);
            }
        }
    }

    /// Halves all counts, rounding up. Gives their sum.
    pub(super) fn halve(&mut self, pool: &mut Pool) -> u16 {
        match self {
            Self::None => 0,
            Self::One { count, .. } => {
                *count -= *count >> 1;
                (*count).into()
            }
            Self::More { block, .. } => pool.halve(*block),
        }
    }
}

impl Default for Pool {
    fn default() -> Self {
        let blocks = vec![(Block::of_one(0, 0, 0, 0), NO_BLOCK); BLOCKS].into_boxed_slice().try_into();
        Self { blocks: blocks.unwrap_or_else(|_| unreachable!("as many as the type says")), used: 0 }
    }
}

impl Pool {
    pub(super) fn clear(&mut self) {
        self.used = 0;
    }

    #[inline]
    fn push(&mut self, block: Block, next: u16) -> u16 {
        let number = self.used as u16;
        self.blocks[index(number)] = (block, next);
        self.used += 1;
        number
    }

    #[inline]
    fn count(&mut self, chain: u16, last: u8, value: u8, delta: u8) -> Option<Seen> {
        let (first, next) = &mut self.blocks[index(chain)];
        if usize::from(last) < LANES {
            let seen = first.count(value, delta)?;
            first.raise(value, delta);
            return Some(seen);
        }
        let next = *next;
        let seen = first.count(value, delta).or_else(|| self.count_in_rest(next, value, delta))?;
        self.raise(chain, value, delta);
        Some(seen)
    }

    fn count_in_rest(&mut self, mut chain: u16, value: u8, delta: u8) -> Option<Seen> {
        while chain != NO_BLOCK {
            let (block, next) = &mut self.blocks[index(chain)];
            let seen = block.count(value, delta);
            if seen.is_some() {
                return seen;
            }
            chain = *next;
        }
        None
    }

    /// Moves the shares of all greater symbols of a chain up.
    #[inline]
    fn raise(&mut self, mut chain: u16, value: u8, delta: u8) {
        while chain != NO_BLOCK {
            let (block, next) = &mut self.blocks[index(chain)];
            block.raise(value, delta);
            chain = *next;
        }
    }

    #[inline]
    fn count_at(&mut self, chain: u16, position: u16, delta: u8) -> Option<(u8, Seen)> {
        let mut rest = chain;
        while rest != NO_BLOCK {
            let (block, next) = &mut self.blocks[index(rest)];
            if let Some((value, seen)) = block.count_at(position, delta) {
                self.raise(chain, value, delta);
                return Some((value, seen));
            }
            rest = *next;
        }
        None
    }

    /// Adds a symbol to a chain, in that lane; a block before it where that is the first lane. Gives the first block of the chain.
    #[inline]
    fn add(&mut self, chain: u16, lane: usize, value: u8, count: u8, node: u16) -> u16 {
        let mut start = 0;
        let mut rest = chain;
        while rest != NO_BLOCK {
            let (block, next) = &mut self.blocks[index(rest)];
            start += block.start_of(value);
            block.raise(value, count);
            rest = *next;
        }
        if lane == 0 {
            return self.push(Block::of_one(value, count, start, node), chain);
        }
        self.blocks[index(chain)].0.set(lane, value, count, start, node);
        chain
    }

    fn halve(&mut self, chain: u16) -> u16 {
        // By value: the count, and then the sum of all lesser ones.
        let mut sums = [0; 256];
        let mut rest = chain;
        while rest != NO_BLOCK {
            let (block, next) = &mut self.blocks[index(rest)];
            for (count, value) in block.counts.iter_mut().zip(block.values) {
                *count -= *count >> 1;
                sums[usize::from(value)] += u16::from(*count);
            }
            rest = *next;
        }
        let mut sum = 0;
        for count in &mut sums {
            sum += std::mem::replace(count, sum);
        }
        let mut rest = chain;
        while rest != NO_BLOCK {
            let (block, next) = &mut self.blocks[index(rest)];
            block.starts = block.values.map(|value| sums[usize::from(value)]);
            rest = *next;
        }
        sum
    }
}

impl Block {
    #[inline]
    fn of_one(value: u8, count: u8, start: u16, node: u16) -> Self {
        let mut block =
            Self { values: [value; LANES], counts: [0; LANES], starts: [0; LANES], nodes: [0; LANES] };
        block.set(0, value, count, start, node);
        block
    }

    /// The symbols of a context that has seen a second one; each is its value, count and node.
    #[inline]
    fn of_two(first: (u8, u8, u16), second: (u8, u8, u16)) -> Self {
        let (above_second, above_first) = if first.0 < second.0 { (0, first.1) } else { (second.1, 0) };
        let mut block = Self::of_one(first.0, first.1, above_second.into(), first.2);
        block.set(1, second.0, second.1, above_first.into(), second.2);
        block
    }

    #[inline]
    fn set(&mut self, lane: usize, value: u8, count: u8, start: u16, node: u16) {
        let lane = lane % LANES;
        (self.values[lane], self.counts[lane]) = (value, count);
        (self.starts[lane], self.nodes[lane]) = (start, node);
    }

    /// Counts a symbol, if it is one of these.
    #[inline]
    fn count(&mut self, value: u8, delta: u8) -> Option<Seen> {
        const ONES: u64 = u64::from_le_bytes([1; LANES]);
        const TOPS: u64 = ONES << 7;
        // The lowest byte that is 0 here is the first with the value; only above it may others seem to be.
        let differences = u64::from_le_bytes(self.values) ^ (ONES * u64::from(value));
        let equal = differences.wrapping_sub(ONES) & !differences & TOPS;
        (equal != 0).then(|| self.count_lane(equal.trailing_zeros() as usize / 8, delta))
    }

    /// Moves the shares of all greater symbols up.
    #[inline]
    fn raise(&mut self, value: u8, delta: u8) {
        for lane in 0..LANES {
            let is_above = if self.values[lane] > value { u16::MAX } else { 0 };
            self.starts[lane] = self.starts[lane].wrapping_add(is_above & u16::from(delta));
        }
    }

    /// The sum of the counts of lesser symbols.
    #[inline]
    fn start_of(&self, value: u8) -> u16 {
        let mut start = 0_u16;
        for lane in 0..LANES {
            let is_below = if self.values[lane] < value { u16::MAX } else { 0 };
            start = start.wrapping_add(is_below & u16::from(self.counts[lane]));
        }
        start
    }

    /// Counts the symbol that has a position, if it is one of these.
    #[inline]
    fn count_at(&mut self, position: u16, delta: u8) -> Option<(u8, Seen)> {
        let mut lanes = 0;
        for lane in 0..LANES {
            // Unused lanes have shares of no size.
            let is_in = position.wrapping_sub(self.starts[lane]) < u16::from(self.counts[lane]);
            lanes += if is_in { lane as u16 + 1 } else { 0 };
        }
        let lane = usize::from(lanes).checked_sub(1)? % LANES;
        Some((self.values[lane], self.count_lane(lane, delta)))
    }

    #[inline]
    fn count_lane(&mut self, lane: usize, delta: u8) -> Seen {
        let lane = lane % LANES;
        let share = Share { start: self.starts[lane].into(), size: self.counts[lane].into() };
        self.counts[lane] += delta;
        Seen { node: self.nodes[lane], share }
    }
}

/// The symbols of the root, which has all there can be.
#[derive(Clone, Debug)]
pub(super) struct Root {
    counts: [u8; 256],
    /// The sum of the counts of all lesser symbols of the same group.
    starts: [[u16; GROUP]; GROUP],
    /// The sum of the counts in all groups before each.
    groups: [u16; GROUP],
    nodes: [u16; 256],
}

/// The count of a symbol of the root that was not seen yet.
const MINIMUM: u8 = 1;

/// `ABOVE[n]` has all bits set in the lanes above lane n.
const ABOVE: [[u16; GROUP]; GROUP] = {
    let mut masks = [[0; GROUP]; GROUP];
    let mut lane = 0;
    while lane < GROUP * GROUP {
        if lane % GROUP > lane / GROUP {
            masks[lane / GROUP][lane % GROUP] = u16::MAX;
        }
        lane += 1;
    }
    masks
};

impl Root {
    /// Before anything was seen.
    pub(super) const EMPTY: Self = {
        let mut root =
            Self { counts: [MINIMUM; 256], starts: [[0; GROUP]; GROUP], groups: [0; GROUP], nodes: [0; 256] };
        let mut value = 0;
        while value < 256 {
            root.starts[value / GROUP][value % GROUP] = (value % GROUP) as u16 * MINIMUM as u16;
            root.groups[value / GROUP] = (value / GROUP * GROUP) as u16 * MINIMUM as u16;
            value += 1;
        }
        root
    };
    /// The sum of its counts.
    pub(super) const EMPTY_SUM: u16 = 256 * MINIMUM as u16;

    /// Forgets all that was seen.
    pub(super) fn clear(&mut self) {
        // The nodes of symbols that were not seen are not looked at.
        self.counts = Self::EMPTY.counts;
        self.starts = Self::EMPTY.starts;
        self.groups = Self::EMPTY.groups;
    }

    /// Counts a symbol. Gives its share before that, and its node; if it is new, that is `fresh` from now on.
    #[inline(always)]
    pub(super) fn count(&mut self, value: u8, fresh: u16, delta: u8) -> (Share, u16) {
        let value = usize::from(value);
        let (group, lane) = (value / GROUP, value % GROUP);
        let start = u32::from(self.groups[group]) + u32::from(self.starts[group][lane]);
        let count = self.counts[value];
        self.counts[value] = count + delta;
        raise_above(&mut self.groups, group, delta);
        raise_above(&mut self.starts[group], lane, delta);
        if count == MINIMUM {
            self.nodes[value] = fresh;
        }
        (Share { start, size: count.into() }, self.nodes[value])
    }

    /// The symbol at a position below the sum of all counts.
    #[inline]
    pub(super) fn at(&self, position: u32) -> u8 {
        // As in `lane_of`, with more bits.
        let above: u32 = self.groups.iter().map(|start| position.wrapping_sub(u32::from(*start)) >> 31).sum();
        let group = (GROUP - 1).wrapping_sub(above as usize) % GROUP;
        let lane = lane_of(&self.starts[group], position as u16 - self.groups[group]);
        (group * GROUP + lane) as u8
    }

    /// Halves all counts as far as they are above the minimum, rounding up. Gives the sum of all.
    pub(super) fn halve(&mut self) -> u16 {
        let groups = self.counts.chunks_exact_mut(GROUP).zip(&mut self.starts).zip(&mut self.groups);
        let mut sum = 0;
        for ((counts, starts), group) in groups {
            *group = sum;
            for (count, start) in counts.iter_mut().zip(starts) {
                *count -= (*count - MINIMUM) >> 1;
                *start = sum - *group;
                sum += u16::from(*count);
            }
        }
        sum
    }
}

/// Moves all starts above a lane up.
#[inline]
fn raise_above(starts: &mut [u16; GROUP], lane: usize, delta: u8) {
    for (start, mask) in starts.iter_mut().zip(&ABOVE[lane]) {
        *start = start.wrapping_add(mask & u16::from(delta));
    }
}

/// The last lane that starts at `position` or before it; all of them are below 2^15.
#[inline]
fn lane_of(starts: &[u16; GROUP], position: u16) -> usize {
    // The sign of the difference instead of a comparison: compilers count those one by one.
    let above: u16 = starts.iter().map(|start| position.wrapping_sub(*start) >> 15).sum();
    (GROUP - 1).wrapping_sub(above.into()) % GROUP
}
