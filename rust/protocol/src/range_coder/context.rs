//! The contexts of one and two bytes: which symbols were seen in each, and how often.
//!
//! A context has room for a few symbols, in the order in which they were seen; the few with more go on in a
//! chain of further blocks. The start of each share is kept up to date, so that a share is looked up and not
//! added up. What that takes is the same simple work on 8 numbers at a time, which the compiler turns into a
//! few vector instructions.

use super::arithmetic::{Decoder, Encoder, Share};

/// Symbols in a block.
const LANES: usize = 8;
/// What a sighting adds to a symbol's count.
const DELTA: u8 = 2;
/// What a new symbol adds to the escape.
const ESCAPE_DELTA: u16 = 5;
/// Counts are halved when that of a symbol that is seen again, or the total, was above these.
const MAXIMUM_COUNT: u8 = 251;
const MAXIMUM_TOTAL: u16 = 0xff00;

/// A context with its first symbols, or a further block of such a one.
#[derive(Copy, Clone, Debug)]
#[repr(align(64))]
struct Context {
    /// Symbols in this block and those behind it. All else is void where there are none.
    symbols: u16,
    /// The number of the block behind this one, if there are more symbols than lanes.
    next: u16,
    escapes: u16,
    /// All counts and the escape.
    total: u16,
    /// Unused lanes repeat the value of the first, and are never found as they come after it.
    values: [u8; LANES],
    /// Unused lanes have zeros.
    counts: [u8; LANES],
    /// The sum of the counts of all lesser symbols in the context.
    starts: [u16; LANES],
    /// The context of two bytes that a symbol leads to.
    links: [u16; LANES],
}

/// The contexts and their further blocks.
#[derive(Debug)]
pub(super) struct Contexts {
    blocks: Box<[Context; BLOCKS]>,
    used: usize,
}

/// Blocks that there is room for. No more can be needed than symbols that the model has room for.
const BLOCKS: usize = 4096;

/// What was found in a context.
pub(super) enum Decoded {
    Symbol {
        value: u8,
        link: u16,
    },
    /// A symbol that is new in it.
    New,
    Corrupt,
}

/// Where a block is; the compiler sees that it is there.
#[inline]
fn index(block: u16) -> usize {
    usize::from(block) % BLOCKS
}

impl Contexts {
    /// Forgets all contexts but those up to `kept`.
    pub(super) fn truncate(&mut self, kept: u16) {
        self.used = kept.into();
    }

    /// One that has seen nothing.
    #[inline]
    pub(super) fn open(&mut self) -> u16 {
        let number = self.used as u16;
        self.used += 1;
        self.blocks[index(number)].symbols = 0;
        number
    }

    /// Forgets what was seen in a context if `is_new`.
    #[inline]
    pub(super) fn forget_if(&mut self, context: u16, is_new: bool) {
        self.blocks[index(context)].symbols &= u16::from(is_new).wrapping_sub(1);
    }

    /// Codes a symbol and counts it, if it was seen in the context; gives its link. Codes the escape if not.
    #[inline(always)]
    pub(super) fn encode(&mut self, context: u16, value: u8, encoder: &mut Encoder<'_>) -> Option<u16> {
        let block = &mut self.blocks[index(context)];
        if block.symbols == 0 {
            return None;
        }
        let (total, escapes) = (u32::from(block.total), block.escapes);
        let (share, link) = if usize::from(block.symbols) <= LANES {
            let Some(lane) = block.lane_of(value) else {
                encoder.put(Share { start: 0, size: escapes.into() }, total);
                return None;
            };
            let seen = block.count(lane);
            block.raise(value);
            seen
        } else {
            let Some((number, lane)) = self.find(context, value) else {
                encoder.put(Share { start: 0, size: escapes.into() }, total);
                return None;
            };
            let seen = self.blocks[index(number)].count(lane);
            self.raise(context, value);
            seen
        };
        encoder.put(share.after(escapes), total);
        self.counted(context, share.size);
        Some(link)
    }

    /// Decodes a symbol that was seen in the context, and counts it; or the escape.
    #[inline(always)]
    pub(super) fn decode(&mut self, context: u16, decoder: &mut Decoder<'_>) -> Decoded {
        let block = &mut self.blocks[index(context)];
        if block.symbols == 0 {
            return Decoded::New;
        }
        let (total, escapes) = (u32::from(block.total), block.escapes);
        decoder.scale(total);
        if decoder.is_below(escapes.into()) {
            decoder.take(Share { start: 0, size: escapes.into() });
            return Decoded::New;
        }
        let (value, (share, link)) = if block.symbols == 1 {
            if !decoder.is_below(total) {
                return Decoded::Corrupt;
            }
            (block.values[0], block.count(0))
        } else {
            let position = decoder.position();
            if position >= total {
                return Decoded::Corrupt;
            }
            let position = position as u16 - escapes;
            if usize::from(block.symbols) <= LANES {
                let Some(lane) = block.lane_at(position) else { return Decoded::Corrupt };
                let (value, seen) = (block.values[lane], block.count(lane));
                block.raise(value);
                (value, seen)
            } else {
                let Some((number, lane)) = self.find_at(context, position) else { return Decoded::Corrupt };
                let block = &mut self.blocks[index(number)];
                let (value, seen) = (block.values[lane], block.count(lane));
                self.raise(context, value);
                (value, seen)
            }
        };
        if share.size == 0 {
            // Corrupt data has added a symbol twice, and the shares overlap.
            return Decoded::Corrupt;
        }
        decoder.take(share.after(escapes));
        self.counted(context, share.size);
        Decoded::Symbol { value, link }
    }

    /// Adds a symbol that was not seen in the context before.
    #[inline(always)]
    pub(super) fn add(&mut self, context: u16, value: u8, link: u16) {
        let block = &mut self.blocks[index(context)];
        if block.symbols == 0 {
            block.begin(value, 0, link);
            block.escapes = ESCAPE_DELTA;
            block.total = ESCAPE_DELTA + u16::from(DELTA);
        } else {
            self.add_further(context, value, link);
        }
    }

    #[inline(never)]
    fn add_further(&mut self, context: u16, value: u8, link: u16) {
        if self.blocks[index(context)].symbols > 255 {
            // No encoder does so: corrupt data has added some symbols twice.
            return;
        }
        let fresh = self.used as u16;
        let mut number = context;
        let mut start = 0;
        loop {
            let block = &mut self.blocks[index(number)];
            start += block.start_of(value);
            block.raise(value);
            let symbols = usize::from(block.symbols);
            block.symbols += 1;
            if symbols < LANES {
                block.set(symbols, value, start, link);
                break;
            }
            if symbols == LANES {
                block.next = fresh;
                self.used += 1;
                self.blocks[index(fresh)].begin(value, start, link);
                break;
            }
            number = block.next;
        }
        let block = &mut self.blocks[index(context)];
        block.escapes += ESCAPE_DELTA;
        block.total += ESCAPE_DELTA;
        self.counted(context, 0);
    }

    /// Counts what had a share of that size in the context.
    #[inline]
    fn counted(&mut self, context: u16, size: u32) {
        let block = &mut self.blocks[index(context)];
        block.total += u16::from(DELTA);
        if size > MAXIMUM_COUNT.into() || block.total > MAXIMUM_TOTAL {
            self.halve(context);
        }
    }

    fn find(&self, context: u16, value: u8) -> Option<(u16, usize)> {
        let mut number = context;
        loop {
            let block = &self.blocks[index(number)];
            if let Some(lane) = block.lane_of(value) {
                return Some((number, lane));
            }
            if usize::from(block.symbols) <= LANES {
                return None;
            }
            number = block.next;
        }
    }

    fn find_at(&self, context: u16, position: u16) -> Option<(u16, usize)> {
        let mut number = context;
        loop {
            let block = &self.blocks[index(number)];
            if let Some(lane) = block.lane_at(position) {
                return Some((number, lane));
            }
            if usize::from(block.symbols) <= LANES {
                return None;
            }
            number = block.next;
        }
    }

    /// Moves the shares of all greater symbols up.
    fn raise(&mut self, context: u16, value: u8) {
        let mut number = context;
        loop {
            let block = &mut self.blocks[index(number)];
            block.raise(value);
            if usize::from(block.symbols) <= LANES {
                return;
            }
            number = block.next;
        }
    }

    /// Halves all counts, rounding up.
    #[cold]
    fn halve(&mut self, context: u16) {
        // By value: the count, and then the sum of all lesser ones.
        let mut sums = [0; 256];
        self.for_each(context, |block| {
            for (count, value) in block.counts.iter_mut().zip(block.values) {
                *count -= *count >> 1;
                sums[usize::from(value)] += u16::from(*count);
            }
        });
        let mut sum = 0;
        for count in &mut sums {
            sum += std::mem::replace(count, sum);
        }
        self.for_each(context, |block| {
            block.starts = block.values.map(|value| sums[usize::from(value)]);
        });
        let block = &mut self.blocks[index(context)];
        block.escapes -= block.escapes >> 1;
        block.total = sum + block.escapes;
    }

    fn for_each(&mut self, context: u16, mut action: impl FnMut(&mut Context)) {
        let mut number = context;
        loop {
            let block = &mut self.blocks[index(number)];
            action(block);
            if usize::from(block.symbols) <= LANES {
                return;
            }
            number = block.next;
        }
    }
}

impl Default for Contexts {
    fn default() -> Self {
        let blocks = vec![Context::VOID; BLOCKS].into_boxed_slice().try_into();
        Self { blocks: blocks.unwrap_or_else(|_| unreachable!("as many as the type says")), used: 0 }
    }
}

impl Context {
    const VOID: Self = Self {
        symbols: 0,
        next: 0,
        escapes: 0,
        total: 0,
        values: [0; LANES],
        counts: [0; LANES],
        starts: [0; LANES],
        links: [0; LANES],
    };

    /// Sets the first lane.
    #[inline]
    fn begin(&mut self, value: u8, start: u16, link: u16) {
        self.values = [value; LANES];
        self.counts = [0; LANES];
        self.set(0, value, start, link);
        self.symbols = 1;
    }

    /// Sets a lane for a symbol that was seen once.
    #[inline]
    fn set(&mut self, lane: usize, value: u8, start: u16, link: u16) {
        let lane = lane % LANES;
        self.values[lane] = value;
        self.counts[lane] = DELTA;
        self.starts[lane] = start;
        self.links[lane] = link;
    }

    /// Where a symbol is, if it is one of these.
    #[inline]
    fn lane_of(&self, value: u8) -> Option<usize> {
        const ONES: u64 = u64::from_le_bytes([1; LANES]);
        const TOPS: u64 = ONES << 7;
        // The lowest byte that is 0 here is the first with the value; only above it may others seem to be.
        let differences = u64::from_le_bytes(self.values) ^ (ONES * u64::from(value));
        let equal = differences.wrapping_sub(ONES) & !differences & TOPS;
        (equal != 0).then(|| equal.trailing_zeros() as usize / 8)
    }

    /// Where the symbol with a position is, if it is one of these.
    #[inline]
    fn lane_at(&self, position: u16) -> Option<usize> {
        let mut lanes = 0_u16;
        for lane in 0..LANES {
            // What is left of the lane's share behind the position: not 0, and then at most 255, in only one.
            let rest = u16::from(self.counts[lane]).saturating_sub(position.wrapping_sub(self.starts[lane]));
            let is_in = (0_i16.wrapping_sub(rest as i16) >> 15) as u16;
            lanes += is_in & (lane as u16 + 1);
        }
        usize::from(lanes).checked_sub(1).map(|lane| lane % LANES)
    }

    /// Counts the symbol in a lane. Gives its share before, without escapes, and its link.
    #[inline]
    fn count(&mut self, lane: usize) -> (Share, u16) {
        let lane = lane % LANES;
        let share = Share { start: self.starts[lane].into(), size: self.counts[lane].into() };
        self.counts[lane] = self.counts[lane].wrapping_add(DELTA);
        (share, self.links[lane])
    }

    /// Moves the shares of all greater symbols up.
    #[inline]
    fn raise(&mut self, value: u8) {
        for lane in 0..LANES {
            let is_above = u16::from(value).wrapping_sub(self.values[lane].into()) >> 15;
            self.starts[lane] = self.starts[lane].wrapping_add(is_above * u16::from(DELTA));
        }
    }

    /// The sum of the counts of lesser symbols.
    #[inline]
    fn start_of(&self, value: u8) -> u16 {
        let mut start = 0_u16;
        for lane in 0..LANES {
            let is_below = (i16::from(self.values[lane]) - i16::from(value)) >> 15;
            start = start.wrapping_add(is_below as u16 & u16::from(self.counts[lane]));
        }
        start
    }
}
