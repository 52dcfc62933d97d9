//! Messages that can be recognized on the wire, whatever protocol carries them, and the observer who does so.

use bytes::Bytes;

/// The first bytes of a mark.
const SIGN: [u8; 8] = [0xe5, 0x9b, 0x1d, 0xc7, 0x63, 0xf8, 0x2a, 0x94];
/// Bytes of a mark: the sign, the number of the flow, of the message, and of the mark in it.
const MARK: usize = SIGN.len() + 2 + 4 + 2;
/// Bytes from mark to mark. Every fragment of a large message has a whole one.
const SPACING: usize = 512;

/// What a mark says.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
struct Mark {
    flow: usize,
    message: usize,
    place: usize,
}

/// Marks of a message of `size` bytes.
pub(super) fn marks_of(size: usize) -> usize {
    (size.saturating_sub(MARK) / SPACING) + 1
}

/// Message `number` of a flow, of at least 16 bytes.
pub(super) fn message(flow: usize, number: usize, size: usize) -> Bytes {
    let mut bytes = vec![0; size];
    for place in 0..marks_of(size) {
        let mark = &mut bytes[place * SPACING..][..MARK];
        mark[..8].copy_from_slice(&SIGN);
        mark[8..10].copy_from_slice(&(flow as u16).to_le_bytes());
        mark[10..14].copy_from_slice(&(number as u32).to_le_bytes());
        mark[14..].copy_from_slice(&(place as u16).to_le_bytes());
    }
    bytes.into()
}

/// Flow and number of a message that has arrived; `None` if it is none of [`message`].
pub(super) fn identify(message: &[u8]) -> Option<(usize, usize)> {
    let mark = read(message)?;
    Some((mark.flow, mark.message))
}

/// The mark with which these bytes begin.
fn read(bytes: &[u8]) -> Option<Mark> {
    let rest = bytes.strip_prefix(&SIGN)?;
    let number = |range: std::ops::Range<usize>| {
        let bytes = rest.get(range)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    Some(Mark { flow: number(0..2)?, message: number(2..6)?, place: number(6..8)? })
}

fn marks_in(datagram: &[u8]) -> impl Iterator<Item = Mark> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        loop {
            let start = rest.iter().position(|byte| *byte == SIGN[0])?;
            let mark = read(&rest[start..]);
            rest = &rest[start + if mark.is_some() { MARK } else { 1 }..];
            if mark.is_some() {
                return mark;
            }
        }
    })
}

/// How often the parts of a flow's messages were seen on the wire.
#[derive(Clone, Debug, Default)]
pub(super) struct Transmissions {
    /// Parts that were sent for the first time.
    pub(super) first: u64,
    /// Parts that were sent again.
    pub(super) retransmitted: u64,
    /// Those of them of which an earlier transmission has arrived, or was under way and did arrive.
    pub(super) spurious: u64,
}

#[derive(Copy, Clone, Debug, Default)]
struct Seen {
    is_sent: bool,
    arrives: bool,
}

/// Sees every datagram that is sent, and knows which of them arrive.
#[derive(Debug, Default)]
pub(super) struct Observer {
    flows: Vec<(usize, Vec<Seen>, Transmissions)>,
}

impl Observer {
    /// Knows flows whose messages have these sizes.
    pub(super) fn new(sizes: impl Iterator<Item = usize>) -> Self {
        let flow = |size| (marks_of(size), Vec::new(), Transmissions::default());
        Self { flows: sizes.map(flow).collect() }
    }

    /// A datagram is sent, and will or will not arrive.
    pub(super) fn on_send(&mut self, datagram: &[u8], arrives: bool) {
        for mark in marks_in(datagram) {
            let Some((marks, parts, transmissions)) = self.flows.get_mut(mark.flow) else { continue };
            let index = mark.message * *marks + mark.place;
            if index >= parts.len() {
                parts.resize(index + 1, Seen::default());
            }
            let part = &mut parts[index];
            let Transmissions { first, retransmitted, spurious } = transmissions;
            *(if part.is_sent { retransmitted } else { first }) += 1;
            *spurious += u64::from(part.arrives);
            part.is_sent = true;
            part.arrives |= arrives;
        }
    }

    /// What was seen of each flow.
    pub(super) fn into_transmissions(self) -> Vec<Transmissions> {
        self.flows.into_iter().map(|(_, _, transmissions)| transmissions).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_recognized_whole_and_on_the_wire() {
        let small = message(1, 70_000, 64);
        assert_eq!(identify(&small), Some((1, 70_000)));
        assert_eq!(identify(&small[1..]), None);
        let datagram = [&[SIGN[0]; 5][..], &small, b"tail", &message(2, 3, 600)].concat();
        let marks: Vec<_> = marks_in(&datagram).map(|mark| (mark.flow, mark.message, mark.place)).collect();
        assert_eq!(marks, [(1, 70_000, 0), (2, 3, 0), (2, 3, 1)]);
        assert_eq!([16, 400, 527, 528, 32 << 10].map(marks_of), [1, 1, 1, 2, 64]);
    }

    #[test]
    fn a_retransmission_is_spurious_if_an_earlier_transmission_arrives() {
        let mut observer = Observer::new([64].into_iter());
        let datagram = message(0, 5, 64);
        for arrives in [false, false, true, false, true] {
            observer.on_send(&datagram, arrives);
        }
        let seen = observer.into_transmissions().remove(0);
        assert_eq!((seen.first, seen.retransmitted, seen.spurious), (1, 4, 2));
    }
}
