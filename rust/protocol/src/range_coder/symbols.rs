//! The symbols of one context with their counts. Most contexts have seen one symbol, some a few, hardly any many; each
//! has a form of its own. The forms for more than one symbol are searched without a branch per symbol.

use super::Share;

/// Symbols that [`Few`] has room for.
const FEW: usize = 16;
/// Symbols of [`Many`] whose counts have a common sum.
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
    /// The number of a [`Few`] in the pool.
    Few(u16),
    /// The number of a [`Many`] in the pool.
    Many(u16),
}

/// A symbol that was in a context already.
pub(super) struct Seen {
    pub(super) node: u16,
    /// Its share before it was counted, without escapes.
    pub(super) share: Share,
}

/// Room for the symbols of all contexts that have more than one.
#[derive(Debug, Default)]
pub(super) struct Pool {
    few: Vec<Few>,
    many: Vec<Many>,
    /// How many of `many` are in use; the others wait to be used again.
    many_used: usize,
}

/// Up to 16 symbols in ascending order. Unused places have a count of 0 and a value that is not less than any.
#[derive(Copy, Clone, Debug)]
struct Few {
    values: [u8; FEW],
    counts: [u8; FEW],
    nodes: [u16; FEW],
}

/// A count for every symbol there can be.
#[derive(Clone, Debug)]
pub(super) struct Many {
    counts: [u8; 256],
    /// Sums of 16 counts each.
    sums: [u16; 256 / GROUP],
    nodes: [u16; 256],
}

impl Symbols {
    /// Counts a symbol. If it is new it gets the node `fresh` and its first count, and the answer is `None`.
    #[inline]
    pub(super) fn count(&mut self, value: u8, fresh: u16, delta: u8, pool: &mut Pool) -> Option<Seen> {
        match self {
            Self::None => {
                *self = Self::One { value, count: delta, node: fresh };
                None
            }
            Self::One { value: known, count, node } if *known == value => {
                let share = Share { start: 0, size: (*count).into() };
                *count += delta;
                Some(Seen { node: *node, share })
            }
            Self::One { value: known, count, node } => {
                let mut few = Few::EMPTY;
                few.insert(0, *known, *count, *node);
                few.insert(usize::from(*known < value), value, delta, fresh);
                *self = Self::Few(pool.few.len() as u16);
                pool.few.push(few);
                None
            }
            Self::Few(index) => {
                let few = &mut pool.few[usize::from(*index)];
                let (place, start) = few.find(value);
                if place < FEW && few.values[place] == value && few.counts[place] > 0 {
                    let share = Share { start, size: few.counts[place].into() };
                    few.counts[place] += delta;
                    return Some(Seen { node: few.nodes[place], share });
                }
                if few.counts[FEW - 1] == 0 {
                    few.insert(place, value, delta, fresh);
                } else {
                    let few = *few;
                    let (number, many) = pool.take_many();
                    for place in 0..FEW {
                        many.insert(few.values[place], few.counts[place], few.nodes[place]);
                    }
                    many.insert(value, delta, fresh);
                    *self = Self::Many(number);
                }
                None
            }
            Self::Many(index) => {
                let (node, share) = pool.many[usize::from(*index)].count(value, fresh, delta);
                node.map(|node| Seen { node, share })
            }
        }
    }

    /// The symbol at a position below the sum of all counts, and its share.
    #[inline]
    pub(super) fn at(&self, position: u32, pool: &Pool) -> (u8, Share) {
        match self {
            Self::None => (0, Share { start: 0, size: 1 }),
            Self::One { value, count, .. } => (*value, Share { start: 0, size: (*count).into() }),
            Self::Few(index) => pool.few[usize::from(*index)].at(position),
            Self::Many(index) => pool.many[usize::from(*index)].at(position, 0),
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
            Self::Few(index) => {
                let few = &mut pool.few[usize::from(*index)];
                few.counts.iter_mut().for_each(|count| *count -= *count >> 1);
                few.counts.iter().map(|&count| u16::from(count)).sum()
            }
            Self::Many(index) => pool.many[usize::from(*index)].halve(),
        }
    }
}

impl Pool {
    pub(super) fn clear(&mut self) {
        self.few.clear();
        self.many_used = 0;
    }

    fn take_many(&mut self) -> (u16, &mut Many) {
        let number = self.many_used;
        if number == self.many.len() {
            self.many.push(Many::default());
        }
        self.many_used += 1;
        let many = &mut self.many[number];
        many.clear();
        (number as u16, many)
    }
}

impl Few {
    const EMPTY: Self = Self { values: [u8::MAX; FEW], counts: [0; FEW], nodes: [0; FEW] };

    /// How many symbols are less than `value`, and the sum of their counts.
    #[inline]
    fn find(&self, value: u8) -> (usize, u32) {
        let (mut place, mut start) = (0, 0);
        for (known, count) in self.values.iter().zip(&self.counts) {
            let is_less = *known < value;
            place += u32::from(u8::from(is_less));
            start += u32::from(if is_less { *count } else { 0 });
        }
        (place as usize, start)
    }

    /// Puts a symbol at its place; the last place must be unused.
    fn insert(&mut self, place: usize, value: u8, count: u8, node: u16) {
        self.values.copy_within(place..FEW - 1, place + 1);
        self.counts.copy_within(place..FEW - 1, place + 1);
        self.nodes.copy_within(place..FEW - 1, place + 1);
        (self.values[place], self.counts[place], self.nodes[place]) = (value, count, node);
    }

    #[inline]
    fn at(&self, position: u32) -> (u8, Share) {
        let (place, start) = place_of(position, self.counts.iter().map(|&count| u32::from(count)));
        (self.values[place], Share { start, size: self.counts[place].into() })
    }
}

impl Default for Many {
    fn default() -> Self {
        Self { counts: [0; 256], sums: [0; 256 / GROUP], nodes: [0; 256] }
    }
}

impl Many {
    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
        self.sums.fill(0);
    }

    fn insert(&mut self, value: u8, count: u8, node: u16) {
        let value = usize::from(value);
        self.counts[value] = count;
        self.sums[value / GROUP] += u16::from(count);
        self.nodes[value] = node;
    }

    /// Counts a symbol and gives its share before that. The node is `None` if the symbol is new and has got `fresh`.
    #[inline]
    pub(super) fn count(&mut self, value: u8, fresh: u16, delta: u8) -> (Option<u16>, Share) {
        let value = usize::from(value);
        let (group, place) = (value / GROUP, value % GROUP);
        let mut start = 0;
        for (index, sum) in self.sums.iter().enumerate() {
            start += u32::from(if index < group { *sum } else { 0 });
        }
        let counts = &self.counts[group * GROUP..][..GROUP];
        for (index, count) in counts.iter().enumerate() {
            start += u32::from(if index < place { *count } else { 0 });
        }
        let share = Share { start, size: self.counts[value].into() };
        self.counts[value] += delta;
        self.sums[group] += u16::from(delta);
        if share.size > 0 {
            (Some(self.nodes[value]), share)
        } else {
            self.nodes[value] = fresh;
            (None, share)
        }
    }

    /// The symbol at a position below the sum of all counts, where every symbol has `minimum` beside its count.
    #[inline]
    pub(super) fn at(&self, position: u32, minimum: u32) -> (u8, Share) {
        let sums = self.sums.iter().map(|&sum| u32::from(sum) + GROUP as u32 * minimum);
        let (group, before) = place_of(position, sums);
        let counts = &self.counts[group * GROUP..][..GROUP];
        let (place, start) =
            place_of(position - before, counts.iter().map(|&count| u32::from(count) + minimum));
        let share = Share { start: before + start, size: u32::from(counts[place]) + minimum };
        ((group * GROUP + place) as u8, share)
    }

    /// Halves all counts, rounding up. Gives their sum.
    pub(super) fn halve(&mut self) -> u16 {
        self.counts.iter_mut().for_each(|count| *count -= *count >> 1);
        for (sum, counts) in self.sums.iter_mut().zip(self.counts.chunks_exact(GROUP)) {
            *sum = counts.iter().map(|&count| u16::from(count)).sum();
        }
        self.sums.iter().sum()
    }
}

/// Which of 16 shares has the position, and what the ones before it have. The position is below the sum of all.
#[inline]
fn place_of(position: u32, shares: impl Iterator<Item = u32>) -> (usize, u32) {
    let (mut place, mut start, mut end) = (0, 0, 0);
    for share in shares {
        end += share;
        let is_before = end <= position;
        place += usize::from(is_before);
        start = if is_before { end } else { start };
    }
    (place.min(15), start)
}
