//! Puts a message together from its fragments, in memory that grows with what has arrived and not with what a
//! fragment claims.

use crate::DropReason;
use crate::wire::{self, HEADER_SIZE, MAXIMUM_FRAGMENT_COUNT, MTU_RANGE, command::Fragment};
use bytes::{Bytes, BytesMut};
use std::collections::{BTreeMap, btree_map::Entry};

/// No sender makes a fragment smaller than this, except the last of a message: the smallest MTU, less header,
/// checksum and command. So bookkeeping stays a small part of the bytes it is for.
const SMALLEST_FRAGMENT: u64 =
    *MTU_RANGE.start() as u64 - HEADER_SIZE as u64 - 4 - wire::FRAGMENT_COMMAND_SIZE as u64;
/// Bytes that are allocated at once for a message; beyond them the buffer doubles as it fills.
const EAGER_BYTES: usize = 64 << 10;

/// The fragment layout of a message: all fragments have one size, but the last may be shorter. Every fragment
/// says it.
#[derive(Copy, Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct FragmentLayout {
    count: u32,
    /// Bytes of every fragment but the last.
    fragment_size: u32,
    total_length: u32,
}

impl FragmentLayout {
    /// The layout that a fragment says.
    ///
    /// # Errors
    /// Its figures contradict each other, or exceed the largest message allowed, in bytes.
    pub(crate) fn of(
        fragment: &Fragment,
        payload: &[u8],
        max_message_size: usize,
    ) -> Result<Self, DropReason> {
        Self::plausible(fragment, payload).filter(|layout| layout.total_length() <= max_message_size).ok_or(
            if fragment.total_length as usize > max_message_size {
                DropReason::MessageSize
            } else {
                DropReason::Fragment
            },
        )
    }

    fn plausible(fragment: &Fragment, payload: &[u8]) -> Option<Self> {
        let Fragment { count, number, total_length, offset, .. } = *fragment;
        let length = payload.len() as u64;
        let last = number.checked_add(1)? == count;
        let size = if number == 0 || !last { length } else { u64::from(offset) / u64::from(number) };
        let before_last = u64::from(count.checked_sub(1)?) * size;
        let end = u64::from(offset) + length;
        let plausible = count <= MAXIMUM_FRAGMENT_COUNT
            && number < count
            && (1..=size).contains(&length)
            && (count == 1 || size >= SMALLEST_FRAGMENT)
            && u64::from(offset) == u64::from(number) * size
            && (before_last + 1..=before_last + size).contains(&u64::from(total_length))
            && (!last || end == u64::from(total_length));
        plausible.then_some(Self { count, fragment_size: size as u32, total_length })
    }

    /// Fragments of the message.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of the message.
    pub(crate) fn total_length(&self) -> usize {
        self.total_length as usize
    }
}

/// A message of which some fragments have arrived.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Reassembly {
    layout: FragmentLayout,
    /// The fragments `0..next`, joined.
    joined: BytesMut,
    next: u32,
    /// Fragments after a gap, by number.
    ahead: BTreeMap<u32, Bytes>,
    /// Bytes of all fragments that have arrived.
    stored: usize,
}

/// What became of a fragment.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// It is stored; others are missing.
    Stored,
    /// It was stored before.
    Duplicate,
    /// It was the last one missing.
    Complete(Bytes),
    /// It says another layout than the fragments before it.
    Contradiction,
}

impl Reassembly {
    /// Begins a message; takes no memory yet.
    pub(crate) fn new(layout: FragmentLayout) -> Self {
        Self { layout, joined: BytesMut::new(), next: 0, ahead: BTreeMap::new(), stored: 0 }
    }

    /// Bytes that the whole message will have.
    pub(crate) fn total_length(&self) -> usize {
        self.layout.total_length()
    }

    /// Bytes of it that have arrived.
    pub(crate) fn stored(&self) -> usize {
        self.stored
    }

    /// Adds fragment `number`, from which `layout` was read.
    pub(crate) fn insert(&mut self, number: u32, layout: FragmentLayout, payload: &[u8]) -> Progress {
        if layout != self.layout {
            return Progress::Contradiction;
        }
        if number > self.next {
            return match self.ahead.entry(number) {
                Entry::Occupied(_) => Progress::Duplicate,
                Entry::Vacant(place) => {
                    place.insert(Bytes::copy_from_slice(payload));
                    self.stored += payload.len();
                    Progress::Stored
                }
            };
        }
        if number < self.next {
            return Progress::Duplicate;
        }
        self.stored += payload.len();
        self.join(payload);
        while let Some(payload) = self.ahead.remove(&self.next) {
            self.join(&payload);
        }
        if self.next < self.layout.count {
            return Progress::Stored;
        }
        Progress::Complete(std::mem::take(&mut self.joined).freeze())
    }

    fn join(&mut self, payload: &[u8]) {
        let needed = self.joined.len() + payload.len();
        if needed > self.joined.capacity() {
            let wanted = needed.max(EAGER_BYTES).max(self.joined.len() * 2).min(self.total_length());
            self.joined.reserve(wanted.saturating_sub(self.joined.len()));
        }
        self.joined.extend_from_slice(payload);
        self.next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAGMENT_SIZE: usize = 1364;

    fn cut(message: &[u8]) -> Vec<(Fragment, &[u8])> {
        let count = message.len().div_ceil(FRAGMENT_SIZE) as u32;
        let total_length = message.len() as u32;
        let fragment = |(number, payload)| {
            let number = number as u32;
            let offset = number * FRAGMENT_SIZE as u32;
            (Fragment { start_sequence: 0, count, number, total_length, offset }, payload)
        };
        message.chunks(FRAGMENT_SIZE).enumerate().map(fragment).collect()
    }

    #[test]
    fn any_order_and_duplicates_give_the_message_once() {
        let message: Vec<u8> = (0..20_000u32).map(|n| (n * 7) as u8).collect();
        let fragments = cut(&message);
        for stride in [1, 2, 7, 11] {
            let layout = FragmentLayout::of(&fragments[0].0, fragments[0].1, 1 << 20).unwrap();
            let mut reassembly = Reassembly::new(layout);
            let mut complete = Vec::new();
            for step in 0..fragments.len() {
                let (fragment, payload) = &fragments[step * stride % fragments.len()];
                assert_eq!(FragmentLayout::of(fragment, payload, 1 << 20), Ok(layout));
                for _ in 0..2 {
                    if let Progress::Complete(bytes) = reassembly.insert(fragment.number, layout, payload) {
                        complete.push(bytes);
                        break;
                    }
                }
            }
            assert_eq!(complete, [Bytes::from(message.clone())], "stride {stride}");
        }
    }

    #[test]
    fn a_claim_of_32_mebibytes_takes_no_memory() {
        let count = (32u32 << 20).div_ceil(FRAGMENT_SIZE as u32);
        let fragment = Fragment {
            start_sequence: 0,
            count,
            number: 24_000,
            total_length: 32 << 20,
            offset: 24_000 * FRAGMENT_SIZE as u32,
        };
        let layout = FragmentLayout::of(&fragment, &[0; FRAGMENT_SIZE], 32 << 20).unwrap();
        let mut reassembly = Reassembly::new(layout);
        assert_eq!(reassembly.insert(24_000, layout, &[0; FRAGMENT_SIZE]), Progress::Stored);
        assert_eq!(reassembly.joined.capacity(), 0);
    }

    #[test]
    fn figures_that_contradict_each_other_are_recognised() {
        let good = Fragment { start_sequence: 0, count: 3, number: 1, total_length: 3000, offset: 1364 };
        let payload = [0; FRAGMENT_SIZE];
        assert!(FragmentLayout::of(&good, &payload, 3000).is_ok());
        assert!(FragmentLayout::of(&good, &payload, 2999).is_err());
        for bad in [
            Fragment { count: 0, ..good },
            Fragment { count: 1, ..good },
            Fragment { count: u32::MAX, ..good },
            Fragment { number: 3, ..good },
            Fragment { number: 2, ..good },
            Fragment { number: u32::MAX, ..good },
            Fragment { total_length: 2728, ..good },
            Fragment { total_length: u32::MAX, ..good },
            Fragment { offset: u32::MAX, ..good },
            Fragment { offset: 1363, ..good },
        ] {
            assert!(FragmentLayout::of(&bad, &payload, usize::MAX).is_err(), "{bad:?}");
        }
        assert!(FragmentLayout::of(&good, &[], 3000).is_err());
    }

    #[test]
    fn fragments_smaller_than_any_sender_makes_are_refused() {
        let fragment = Fragment { start_sequence: 0, count: 2, number: 0, total_length: 600, offset: 0 };
        assert!(FragmentLayout::of(&fragment, &[0; 543], 1000).is_err());
        assert!(FragmentLayout::of(&fragment, &[0; 544], 1000).is_ok());
    }

    #[test]
    fn a_fragment_of_another_layout_is_recognised() {
        let message = vec![1; 3000];
        let longer = vec![1; 4000];
        let layout =
            |message: &[u8]| FragmentLayout::of(&cut(message)[0].0, cut(message)[0].1, 1 << 20).unwrap();
        let mut reassembly = Reassembly::new(layout(&message));
        assert_eq!(reassembly.insert(0, layout(&message), &message[..FRAGMENT_SIZE]), Progress::Stored);
        assert_eq!(reassembly.insert(1, layout(&longer), &longer[..FRAGMENT_SIZE]), Progress::Contradiction);
    }
}
