//! Messages on their way out: whole, or cut into fragments only when each is sent, without copying.

use crate::wire::command::{Body, Fragment};
use bytes::Bytes;

/// A message's bytes, and how they are cut.
#[derive(Debug)]
pub(crate) struct Pieces {
    payload: Bytes,
    /// Bytes a piece, above 0; a message that is not longer travels whole.
    size: u32,
}

impl Pieces {
    pub(crate) fn new(payload: Bytes, size: usize) -> Self {
        Self { payload, size: size as u32 }
    }

    /// The message travels in fragments.
    fn is_cut(&self) -> bool {
        self.payload.len() > self.size as usize
    }

    /// How many there are: at least one, which may be empty.
    fn count(&self) -> u32 {
        if self.is_cut() { (self.payload.len() as u32).div_ceil(self.size) } else { 1 }
    }

    /// The bytes of one.
    fn bytes(&self, number: u32) -> &[u8] {
        let rest = &self.payload[self.offset(number)..];
        &rest[..rest.len().min(self.size as usize)]
    }

    fn offset(&self, number: u32) -> usize {
        number as usize * self.size as usize
    }

    /// Where those bytes belong, if the message is cut; `start_sequence` is the number of its first fragment.
    fn fragment(&self, number: u32, start_sequence: u16) -> Option<Fragment> {
        self.is_cut().then(|| Fragment {
            start_sequence,
            count: self.count(),
            number,
            total_length: self.payload.len() as u32,
            offset: self.offset(number) as u32,
        })
    }
}

/// What one reliable command carries: a whole message, or one fragment of it.
#[derive(Debug)]
pub(crate) struct Part {
    pieces: Pieces,
    number: u32,
}

impl Part {
    /// What the command with this number says.
    pub(crate) fn body(&self, sequence: u16) -> Body<'_> {
        reliable_body(&self.pieces, self.number, sequence)
    }

    /// Bytes.
    pub(crate) fn length(&self) -> u32 {
        self.pieces.bytes(self.number).len() as u32
    }
}

fn reliable_body(pieces: &Pieces, number: u32, sequence: u16) -> Body<'_> {
    let payload = pieces.bytes(number);
    match pieces.fragment(number, sequence.wrapping_sub(number as u16)) {
        Some(fragment) => Body::SendFragment { fragment, payload },
        None => Body::SendReliable { payload },
    }
}

/// A message that is not wholly sent yet. `K` is what its kind needs to know.
#[derive(Debug)]
pub(crate) struct Message<K> {
    /// Position among all messages of the connection.
    order: u64,
    kind: K,
    pieces: Pieces,
    /// Pieces that were sent.
    sent: u32,
    channel: u8,
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
    pub(crate) fn new(order: u64, channel: u8, kind: K, pieces: Pieces) -> Self {
        Self { order, kind, pieces, sent: 0, channel }
    }

    pub(crate) fn order(&self) -> u64 {
        self.order
    }

    pub(crate) fn channel(&self) -> u8 {
        self.channel
    }

    pub(crate) fn kind(&self) -> &K {
        &self.kind
    }

    /// Commands that it takes.
    pub(crate) fn count(&self) -> u32 {
        self.pieces.count()
    }

    /// Nothing of it was sent yet.
    pub(crate) fn is_new(&self) -> bool {
        self.sent == 0
    }

    /// What is sent next is all that is left of it.
    pub(crate) fn is_at_last(&self) -> bool {
        self.pieces.offset(self.sent + 1) >= self.pieces.payload.len()
    }
}

impl Message<Reliable> {
    /// Number of the command that is sent next.
    pub(crate) fn next_sequence(&self) -> u16 {
        self.kind.first.wrapping_add(self.sent as u16)
    }

    /// The command that is sent next.
    pub(crate) fn next_body(&self) -> Body<'_> {
        reliable_body(&self.pieces, self.sent, self.next_sequence())
    }

    /// Bytes of it.
    pub(crate) fn next_length(&self) -> u32 {
        self.pieces.bytes(self.sent).len() as u32
    }

    /// It is sent: gives what is kept of it until it is acknowledged.
    pub(crate) fn split_part(&mut self) -> Part {
        let Pieces { ref payload, size } = self.pieces;
        let part = Part { pieces: Pieces { payload: payload.clone(), size }, number: self.sent };
        self.sent += 1;
        part
    }

    /// The same of the last one, which takes over what the message holds: a second reference would cost an allocation.
    pub(crate) fn into_part(self) -> Part {
        Part { number: self.sent, pieces: self.pieces }
    }
}

impl Message<Unreliable> {
    /// The next command was sent.
    pub(crate) fn advance(&mut self) {
        self.sent += 1;
    }

    /// The command that is sent next, with the reliable number that it follows.
    pub(crate) fn next_command(&self) -> (u16, Body<'_>) {
        let payload = self.pieces.bytes(self.sent);
        match self.kind {
            Unreliable::Unsequenced { group } => (0, Body::SendUnsequenced { group, payload }),
            Unreliable::Sequenced { follows, number } => match self.pieces.fragment(self.sent, number) {
                Some(fragment) => (follows as u16, Body::SendUnreliableFragment { fragment, payload }),
                None => (follows as u16, Body::SendUnreliable { unreliable_sequence: number, payload }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize, first: u16) -> Message<Reliable> {
        Message::new(0, 0, Reliable { first }, Pieces::new(Bytes::from(vec![7; length]), 1000))
    }

    #[test]
    fn a_message_is_cut_without_gaps() {
        let mut message = message(2500, u16::MAX);
        for (number, offset, length) in [(0, 0, 1000), (1, 1000, 1000), (2, 2000, 500)] {
            let sequence = u16::MAX.wrapping_add(number as u16);
            assert_eq!((message.next_sequence(), message.next_length()), (sequence, length));
            let fragment =
                Fragment { start_sequence: u16::MAX, count: 3, number, total_length: 2500, offset };
            let payload = vec![7; length as usize];
            let body = Body::SendFragment { fragment, payload: &payload };
            assert_eq!(message.next_body(), body);
            assert_eq!(message.is_at_last(), number == 2);
            assert_eq!(message.split_part().body(sequence), body);
        }
    }

    #[test]
    fn a_message_that_just_fits_and_an_empty_one_travel_whole() {
        for length in [0, 1000] {
            let message = message(length, 1);
            assert_eq!((message.count(), message.next_length()), (1, length as u32));
            assert_eq!(message.next_body(), Body::SendReliable { payload: &vec![7; length] });
            assert!(message.is_at_last());
        }
    }
}
