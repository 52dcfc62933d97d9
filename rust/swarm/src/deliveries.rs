//! Parses datagrams just far enough to know which reliable messages have been delivered to a host. The oracle
//! can then check that the host passes on at once what is complete and in order, also if a DISCONNECT follows
//! directly.

use crate::wire::{Command, DISCONNECT, Datagram, SEND_FRAGMENT, SEND_RELIABLE};

/// A reliable message or a fragment of one, as a datagram carries it.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Fragment<'a> {
    pub(crate) channel: u8,
    /// The reliable sequence number of the message's first command.
    pub(crate) first: u16,
    /// The fragment's index in the message.
    pub(crate) number: u32,
    /// Bytes of the message before this fragment.
    pub(crate) offset: usize,
    pub(crate) payload: &'a [u8],
}

/// The part of a datagram that matters to the oracle.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Deliveries<'a> {
    /// The receiver's slot.
    pub(crate) slot: u16,
    /// The reliable fragments before the DISCONNECT, if there is one, else all.
    pub(crate) fragments: Vec<Fragment<'a>>,
    pub(crate) has_disconnect: bool,
}

/// Parses a datagram; `None` if it is malformed or compressed.
pub(crate) fn read(datagram: &[u8], has_checksum: bool) -> Option<Deliveries<'_>> {
    let datagram = Datagram::parse(datagram, has_checksum)?;
    let mut deliveries = Deliveries { slot: datagram.slot, ..Deliveries::default() };
    for command in datagram.commands() {
        let command = command?;
        let Command { channel, number: first, payload, .. } = command;
        match command.kind {
            SEND_RELIABLE => {
                deliveries.fragments.push(Fragment { channel, first, number: 0, offset: 0, payload });
            }
            SEND_FRAGMENT => {
                let (first, number, offset) = (command.word(4), command.long(12), command.long(20) as usize);
                deliveries.fragments.push(Fragment { channel, first, number, offset, payload });
            }
            DISCONNECT => {
                deliveries.has_disconnect = true;
                break;
            }
            _ => {}
        }
    }
    Some(deliveries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_read_up_to_the_disconnect() {
        let ping = [0x85, 0xff, 0, 1];
        let reliable = [0x86, 2, 0, 9, 0, 3, b'a', b'b', b'c'];
        let disconnect = [0x84, 0xff, 0, 2, 0, 0, 0, 0];
        let datagram = [&[0x80, 5, 0, 0][..], &ping, &reliable, &disconnect, &reliable].concat();
        let deliveries = read(&datagram, false).unwrap();
        let fragment = Fragment { channel: 2, first: 9, number: 0, offset: 0, payload: b"abc" };
        assert_eq!(deliveries, Deliveries { slot: 5, fragments: vec![fragment], has_disconnect: true });
        assert!(read(&datagram[..12], false).is_none());
    }
}
