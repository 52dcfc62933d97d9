//! The context of nothing: all 256 symbols, each with a count of at least 1.

use super::arithmetic::Share;
use super::ends::{self, Ends};

/// Symbols in a group, and groups.
const GROUP: usize = ends::LANES;
/// What a sighting adds to a symbol's count.
const DELTA: u8 = 3;
/// The count of a symbol that was not seen yet.
const MINIMUM: u8 = 1;
/// The escape, which marks the end.
const ESCAPES: u16 = 1;
/// Counts are halved when that of a symbol that is seen again was above this. (The total would have a limit
/// too, but long before that the model is full.)
const MAXIMUM_COUNT: u8 = 250;

#[derive(Clone, Debug)]
pub(super) struct Root {
    counts: [u8; 256],
    /// The shares of groups, behind the escape.
    groups: Ends,
    /// The shares of each group's symbols, counted from the group's end down, so that where the group starts
    /// need not be known.
    symbols: [Ends; GROUP],
    /// All counts and the escape.
    total: u16,
}

/// Where a symbol is.
#[derive(Copy, Clone)]
pub(super) struct Place {
    group: usize,
    /// From the group's end down.
    lane: usize,
}

impl Place {
    #[inline]
    pub(super) fn of(value: u8) -> Self {
        let value = usize::from(value);
        Self { group: value / GROUP, lane: GROUP - 1 - value % GROUP }
    }

    /// The symbol.
    #[inline]
    pub(super) fn value(self) -> u8 {
        (self.group * GROUP + (GROUP - 1 - self.lane)) as u8
    }
}

impl Root {
    /// Before anything was seen.
    pub(super) const EMPTY: Self = Self {
        counts: [MINIMUM; 256],
        groups: Ends::new(ESCAPES, GROUP as u16 * MINIMUM as u16),
        symbols: [Ends::new(0, MINIMUM as u16); GROUP],
        total: ESCAPES + 256 * MINIMUM as u16,
    };
    /// The end of the escape's share.
    pub(super) const ESCAPES: u32 = ESCAPES as u32;

    /// Forgets all that was seen.
    pub(super) fn clear(&mut self) {
        self.clone_from(&Self::EMPTY);
    }

    /// All shares.
    #[inline]
    pub(super) fn total(&self) -> u32 {
        self.total.into()
    }

    /// The symbol at a position behind the escape and below the total.
    #[inline]
    pub(super) fn at(&self, position: u32) -> Place {
        let group = self.groups.share_at(position);
        let below_end = self.groups.get(group).wrapping_sub(1).wrapping_sub(position);
        Place { group, lane: self.symbols[group].share_at(below_end) }
    }

    /// Counts a symbol. Gives its share before that, and whether it is new.
    #[inline(always)]
    pub(super) fn count(&mut self, place: Place) -> (Share, bool) {
        let Place { group, lane } = place;
        let start = self.groups.get(group).wrapping_sub(self.symbols[group].get(lane));
        let count = &mut self.counts[usize::from(place.value())];
        let size = *count;
        *count = size.wrapping_add(DELTA);
        self.groups.grow(group, DELTA);
        self.symbols[group].grow(lane, DELTA);
        self.total += u16::from(DELTA);
        if size > MAXIMUM_COUNT {
            self.halve();
        }
        (Share { start, size: size.into() }, size == MINIMUM)
    }

    /// Halves all counts as far as they are above the minimum, rounding up. One of them may just have become
    /// 256, for which there is a 0 here; ENet makes 129 of it, too.
    #[cold]
    fn halve(&mut self) {
        let halved = self.counts.map(|count| count.wrapping_sub(count.wrapping_sub(MINIMUM) >> 1));
        *self = Self {
            counts: halved,
            groups: Ends::new(ESCAPES, 0),
            symbols: [Ends::new(0, 0); GROUP],
            total: ESCAPES,
        };
        for (value, count) in (0..=u8::MAX).zip(halved) {
            let Place { group, lane } = Place::of(value);
            self.groups.grow(group, count);
            self.symbols[group].grow(lane, count);
            self.total += u16::from(count);
        }
    }
}
