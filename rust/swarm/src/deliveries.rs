//! Parses datagrams just far enough to know which reliable messages have been delivered to a host. The oracle
//! can then check that the host passes on at once what is complete and in order, also if a DISCONNECT follows
//! directly.

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

const HAS_SENT_TIME: u16 = 0x8000;
const IS_COMPRESSED: u16 = 0x4000;
const SLOT: u16 = 0x0fff;
const NUMBER: u8 = 0x0f;
const DISCONNECT: u8 = 4;
const SEND_RELIABLE: u8 = 6;
const SEND_FRAGMENT: u8 = 8;
/// Bytes of each command without its payload, by command number; 0 for numbers that no command has.
const SIZES: [usize; 13] = [0, 8, 48, 44, 8, 4, 6, 8, 24, 8, 12, 16, 24];
/// The offset of the payload's length in each command, by command number; 0 for those without a payload.
const LENGTHS: [usize; 13] = [0, 0, 0, 0, 0, 0, 4, 6, 6, 6, 0, 0, 6];

/// Parses a datagram; `None` if it is malformed or compressed.
pub(crate) fn read(datagram: &[u8], has_checksum: bool) -> Option<Deliveries<'_>> {
    let head = word(datagram, 0)?;
    let header = if head & HAS_SENT_TIME != 0 { 4 } else { 2 } + if has_checksum { 4 } else { 0 };
    let mut rest = datagram.get(header..).filter(|_| head & IS_COMPRESSED == 0)?;
    let mut deliveries = Deliveries { slot: head & SLOT, ..Deliveries::default() };
    while let Some(command) = rest.first().map(|byte| byte & NUMBER) {
        let size = SIZES.get(usize::from(command)).copied().filter(|size| *size > 0)?;
        let at = LENGTHS[usize::from(command)];
        let length = if at > 0 { usize::from(word(rest, at)?) } else { 0 };
        let payload = rest.get(size..size + length)?;
        let channel = *rest.get(1)?;
        match command {
            SEND_RELIABLE => {
                let first = word(rest, 2)?;
                deliveries.fragments.push(Fragment { channel, first, number: 0, offset: 0, payload });
            }
            SEND_FRAGMENT => {
                let (first, number, offset) = (word(rest, 4)?, long(rest, 12)?, long(rest, 20)? as usize);
                deliveries.fragments.push(Fragment { channel, first, number, offset, payload });
            }
            DISCONNECT => {
                deliveries.has_disconnect = true;
                break;
            }
            _ => {}
        }
        rest = &rest[size + length..];
    }
    Some(deliveries)
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
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
