//! Messages on their way out: whole, or cut into fragments only when each is sent, without copying.

use crate::wire::command::{Body, Fragment};
use bytes::Bytes;

/// The bytes of a message, and into which fragments they are cut.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct FragmentedPayload {
    payload: Bytes,
    /// Bytes of every fragment but the last, above 0. A message that is not longer travels whole.
    fragment_size: u32,
}

impl FragmentedPayload {
    pub(crate) fn new(payload: Bytes, fragment_size: usize) -> Self {
        Self { payload, fragment_size: fragment_size as u32 }
    }

    /// Whether the message travels in fragments.
    pub(crate) fn is_fragmented(&self) -> bool {
        self.payload.len() > self.fragment_size as usize
    }

    /// The number of fragments: at least one, which may be empty.
    pub(crate) fn count(&self) -> u32 {
        if self.is_fragmented() { (self.payload.len() as u32).div_ceil(self.fragment_size) } else { 1 }
    }

    /// The bytes of one fragment.
    fn bytes(&self, number: u32) -> &[u8] {
        let rest = &self.payload[self.offset(number)..];
        &rest[..rest.len().min(self.fragment_size as usize)]
    }

    fn offset(&self, number: u32) -> usize {
        number as usize * self.fragment_size as usize
    }

    /// Where a fragment belongs, if the message has several; `start_sequence` is the number of the first one.
    fn fragment(&self, number: u32, start_sequence: u16) -> Option<Fragment> {
        fragment(self.payload.len() as u32, self.fragment_size, number, start_sequence)
    }
}

/// Where a fragment belongs in a message of `total_length` bytes, if that is cut into several.
#[inline]
fn fragment(total_length: u32, fragment_size: u32, number: u32, start_sequence: u16) -> Option<Fragment> {
    (total_length > fragment_size).then(|| Fragment {
        start_sequence,
        count: total_length.div_ceil(fragment_size),
        number,
        total_length,
        offset: number * fragment_size,
    })
}

/// What one reliable command carries of a message: all of it, or one fragment.
#[derive(Debug, serde::Deserialize)]
#[serde(from = "SavedFragment")]
pub(crate) struct SentFragment {
    /// The message's bytes, of which the fragment's begin here.
    payload: Bytes,
    start: u32,
    /// Bytes of the message, and of every fragment of it but the last.
    total_length: u32,
    fragment_size: u32,
    number: u32,
}

impl SentFragment {
    /// The fragment with that number of a message.
    fn new(payload: Bytes, fragment_size: u32, number: u32) -> Self {
        let total_length = payload.len() as u32;
        Self { payload, start: number * fragment_size, total_length, fragment_size, number }
    }

    /// The body of the command, which has this number.
    pub(crate) fn body(&self, sequence: u16) -> Body<'_> {
        let start_sequence = sequence.wrapping_sub(self.number as u16);
        match fragment(self.total_length, self.fragment_size, self.number, start_sequence) {
            Some(fragment) => Body::SendFragment { fragment, payload: self.bytes() },
            None => Body::SendReliable { payload: self.bytes() },
        }
    }

    fn bytes(&self) -> &[u8] {
        let rest = &self.payload[self.start as usize..];
        &rest[..rest.len().min(self.fragment_size as usize)]
    }
}

/// A sent fragment as it is saved: with its own bytes alone. Those of its message, once for each fragment
/// that is in flight, would be many times as large.
#[derive(serde::Serialize, serde::Deserialize)]
struct SavedFragment {
    payload: Bytes,
    total_length: u32,
    fragment_size: u32,
    number: u32,
}

impl serde::Serialize for SentFragment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let &Self { ref payload, total_length, fragment_size, number, .. } = self;
        let payload = payload.slice_ref(self.bytes());
        SavedFragment { payload, total_length, fragment_size, number }.serialize(serializer)
    }
}

impl From<SavedFragment> for SentFragment {
    fn from(saved: SavedFragment) -> Self {
        let SavedFragment { payload, total_length, fragment_size, number } = saved;
        Self { payload, start: 0, total_length, fragment_size, number }
    }
}

/// A message of which at least one fragment was not sent yet. `K` is what belongs to its kind.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Message<K> {
    /// Position among all messages of the connection.
    order: u64,
    kind: K,
    payload: FragmentedPayload,
    /// Fragments that were sent.
    sent: u32,
    channel: u8,
}

/// A reliable message, with the number of its first command.
#[derive(Copy, Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Reliable {
    pub(crate) first: u16,
}

/// A message that is sent once.
#[derive(Copy, Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Unreliable {
    /// It keeps its place among the unreliable ones that follow the same reliable number, which is unwrapped.
    Sequenced { follows: u64, number: u16 },
    /// It keeps no order.
    Unsequenced { group: u16 },
}

impl<K> Message<K> {
    pub(crate) fn new(order: u64, channel: u8, kind: K, payload: FragmentedPayload) -> Self {
        Self { order, kind, payload, sent: 0, channel }
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

    /// Bytes that the command carries that is sent next.
    pub(crate) fn next_length(&self) -> u32 {
        self.payload.bytes(self.sent).len() as u32
    }

    /// Whether nothing of it was sent yet.
    pub(crate) fn is_new(&self) -> bool {
        self.sent == 0
    }

    /// Bytes that were not sent yet.
    pub(crate) fn unsent_bytes(&self) -> u64 {
        (self.payload.payload.len() - self.payload.offset(self.sent)) as u64
    }

    /// Whether the fragment that is sent next is its last one.
    pub(crate) fn is_at_last(&self) -> bool {
        self.payload.offset(self.sent + 1) >= self.payload.payload.len()
    }
}

impl Message<Reliable> {
    /// Number of the command that is sent next.
    pub(crate) fn next_sequence(&self) -> u16 {
        self.kind.first.wrapping_add(self.sent as u16)
    }

    /// The command that is sent next.
    pub(crate) fn next_body(&self) -> Body<'_> {
        let payload = self.payload.bytes(self.sent);
        match self.payload.fragment(self.sent, self.kind.first) {
            Some(fragment) => Body::SendFragment { fragment, payload },
            None => Body::SendReliable { payload },
        }
    }

    /// Moves on to the next fragment, and returns the one that was sent, to be kept until it is acknowledged.
    pub(crate) fn split_fragment(&mut self) -> SentFragment {
        let FragmentedPayload { ref payload, fragment_size } = self.payload;
        let fragment = SentFragment::new(payload.clone(), fragment_size, self.sent);
        self.sent += 1;
        fragment
    }

    /// Turns the message into its last fragment. That takes over the message's bytes, since a second
    /// reference to them would cost an allocation.
    pub(crate) fn into_last_fragment(self) -> SentFragment {
        let FragmentedPayload { payload, fragment_size } = self.payload;
        SentFragment::new(payload, fragment_size, self.sent)
    }
}

impl Message<Unreliable> {
    /// The next command was sent.
    pub(crate) fn advance(&mut self) {
        self.sent += 1;
    }

    /// The command that is sent next, with the reliable number that it follows.
    pub(crate) fn next_command(&self) -> (u16, Body<'_>) {
        let payload = self.payload.bytes(self.sent);
        match self.kind {
            Unreliable::Unsequenced { group } => (0, Body::SendUnsequenced { group, payload }),
            Unreliable::Sequenced { follows, number } => match self.payload.fragment(self.sent, number) {
                Some(fragment) => (follows as u16, Body::SendUnreliableFragment { fragment, payload }),
                None => (follows as u16, Body::SendUnreliable { unreliable_sequence: number, payload }),
            },
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What a reliable command carries of a message of `length` bytes that travels whole.
    pub(crate) fn fragment(length: usize) -> SentFragment {
        message(length, 1).into_last_fragment()
    }

    fn message(length: usize, first: u16) -> Message<Reliable> {
        Message::new(0, 0, Reliable { first }, FragmentedPayload::new(Bytes::from(vec![7; length]), 1000))
    }

    #[test]
    fn a_message_is_fragmented_without_gaps() {
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
            assert_eq!(message.split_fragment().body(sequence), body);
        }
    }

    #[test]
    fn a_message_that_just_fits_and_an_empty_one_travel_whole() {
        for length in [0, 1000] {
            let message = message(length, 1);
            assert_eq!((message.payload.count(), message.next_length()), (1, length as u32));
            assert_eq!(message.next_body(), Body::SendReliable { payload: &vec![7; length] });
            assert!(message.is_at_last());
        }
    }
}
