//! Messages on their way out: whole, or cut into fragments only when each is sent, without copying.

use crate::wire::command::{Body, Fragment};
use bytes::Bytes;
use std::ops::Range;

/// A message that is not wholly sent yet. `K` is what its kind needs to know.
#[derive(Debug)]
pub(crate) struct Message<K> {
    /// Position among all messages of the connection.
    pub(crate) order: u64,
    pub(crate) channel: u8,
    pub(crate) kind: K,
    pub(crate) payload: Bytes,
    /// Bytes a fragment, above 0; a message that is not longer travels whole.
    pub(crate) piece: usize,
    /// Fragments that were sent.
    pub(crate) sent: u32,
}

/// A reliable message, with the number of its first command.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Reliable {
    pub(crate) first: u16,
}

/// A message that is sent once.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Unreliable {
    /// It keeps its place among the unreliable ones that follow the same reliable number, which is unwrapped.
    Sequenced { follows: u64, number: u16 },
    /// It keeps no order.
    Unsequenced { group: u16 },
}

impl<K> Message<K> {
    /// Commands that it takes.
    pub(crate) fn count(&self) -> u32 {
        self.payload.len().div_ceil(self.piece).max(1) as u32
    }

    /// Which bytes travel next.
    pub(crate) fn next_range(&self) -> Range<usize> {
        let start = self.sent as usize * self.piece;
        start..self.payload.len().min(start + self.piece)
    }

    /// Where those bytes belong, if the message is cut; `start_sequence` is the number of its first fragment.
    pub(crate) fn next_fragment(&self, start_sequence: u16) -> Option<Fragment> {
        (self.payload.len() > self.piece).then(|| Fragment {
            start_sequence,
            count: self.count(),
            number: self.sent,
            total_length: self.payload.len() as u32,
            offset: (self.sent as usize * self.piece) as u32,
        })
    }
}

impl Message<Reliable> {
    /// Number of the command that is sent next.
    pub(crate) fn next_sequence(&self) -> u16 {
        self.kind.first.wrapping_add(self.sent as u16)
    }
}

impl Message<Unreliable> {
    /// The command that is sent next, with the reliable number that it follows.
    pub(crate) fn next_command(&self) -> (u16, Body<'_>) {
        let payload = &self.payload[self.next_range()];
        match self.kind {
            Unreliable::Unsequenced { group } => (0, Body::SendUnsequenced { group, payload }),
            Unreliable::Sequenced { follows, number } => match self.next_fragment(number) {
                Some(fragment) => (follows as u16, Body::SendUnreliableFragment { fragment, payload }),
                None => (follows as u16, Body::SendUnreliable { unreliable_sequence: number, payload }),
            },
        }
    }
}

/// The command that carries a reliable message or a fragment of it.
pub(crate) fn reliable_body(payload: &[u8], fragment: Option<Fragment>) -> Body<'_> {
    match fragment {
        Some(fragment) => Body::SendFragment { fragment, payload },
        None => Body::SendReliable { payload },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_without_gaps() {
        let payload = Bytes::from(vec![7; 2500]);
        let mut message = Message {
            order: 0,
            channel: 0,
            kind: Reliable { first: u16::MAX },
            payload,
            piece: 1000,
            sent: 0,
        };
        let mut end = 0;
        for number in 0..message.count() {
            let range = message.next_range();
            assert_eq!(range.start, end);
            assert_eq!(message.next_sequence(), u16::MAX.wrapping_add(number as u16));
            let fragment = message.next_fragment(u16::MAX).unwrap();
            assert_eq!((fragment.number, fragment.count, fragment.offset), (number, 3, range.start as u32));
            end = range.end;
            message.sent += 1;
        }
        assert_eq!(end, 2500);
    }

    #[test]
    fn a_message_that_just_fits_and_an_empty_one_travel_whole() {
        for length in [0, 1000] {
            let payload = Bytes::from(vec![7; length]);
            let message =
                Message { order: 0, channel: 0, kind: Reliable { first: 1 }, payload, piece: 1000, sent: 0 };
            assert_eq!(
                (message.count(), message.next_range(), message.next_fragment(1)),
                (1, 0..length, None)
            );
        }
    }
}
