//! Reads datagrams just far enough to know which reliable messages have reached a host, so that it can be checked that
//! the host hands on at once what is there and in order, also when a DISCONNECT is right behind it.

/// A reliable message or a fragment of one, as it stands in a datagram.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Piece<'a> {
    pub(crate) channel: u8,
    /// Reliable number of the message's first command.
    pub(crate) first: u16,
    /// Which fragment it is.
    pub(crate) number: u32,
    /// Where in the message it belongs.
    pub(crate) offset: usize,
    pub(crate) payload: &'a [u8],
}

/// What matters of a datagram.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Arrivals<'a> {
    /// The receiver's number for the connection.
    pub(crate) slot: u16,
    /// Up to the DISCONNECT, if there is one.
    pub(crate) pieces: Vec<Piece<'a>>,
    pub(crate) has_disconnect: bool,
}

const HAS_SENT_TIME: u16 = 0x8000;
const IS_COMPRESSED: u16 = 0x4000;
const SLOT: u16 = 0x0fff;
const NUMBER: u8 = 0x0f;
const DISCONNECT: u8 = 4;
const SEND_RELIABLE: u8 = 6;
const SEND_FRAGMENT: u8 = 8;
/// Bytes of each command, before its payload if it has one.
const SIZES: [usize; 13] = [0, 8, 48, 44, 8, 4, 6, 8, 24, 8, 12, 16, 24];
/// Where the payload's length stands in those that have one.
const LENGTHS: [usize; 13] = [0, 0, 0, 0, 0, 0, 4, 6, 6, 6, 0, 0, 6];

/// Reads a datagram; `None` if it is none that can be read.
pub(crate) fn read(datagram: &[u8], has_checksum: bool) -> Option<Arrivals<'_>> {
    let head = word(datagram, 0)?;
    let header = if head & HAS_SENT_TIME != 0 { 4 } else { 2 } + if has_checksum { 4 } else { 0 };
    let mut rest = datagram.get(header..).filter(|_| head & IS_COMPRESSED == 0)?;
    let mut arrivals = Arrivals { slot: head & SLOT, ..Arrivals::default() };
    while let Some(command) = rest.first().map(|byte| byte & NUMBER) {
        let size = SIZES.get(usize::from(command)).copied().filter(|size| *size > 0)?;
        let at = LENGTHS[usize::from(command)];
        let length = if at > 0 { usize::from(word(rest, at)?) } else { 0 };
        let payload = rest.get(size..size + length)?;
        let channel = *rest.get(1)?;
        match command {
            SEND_RELIABLE => {
                let first = word(rest, 2)?;
                arrivals.pieces.push(Piece { channel, first, number: 0, offset: 0, payload });
            }
            SEND_FRAGMENT => {
                let (first, number, offset) = (word(rest, 4)?, long(rest, 12)?, long(rest, 20)? as usize);
                arrivals.pieces.push(Piece { channel, first, number, offset, payload });
            }
            DISCONNECT => {
                arrivals.has_disconnect = true;
                break;
            }
            _ => {}
        }
        rest = &rest[size + length..];
    }
    Some(arrivals)
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
    fn pieces_are_read_up_to_the_disconnect() {
        let ping = [0x85, 0xff, 0, 1];
        let reliable = [0x86, 2, 0, 9, 0, 3, b'a', b'b', b'c'];
        let disconnect = [0x84, 0xff, 0, 2, 0, 0, 0, 0];
        let datagram = [&[0x80, 5, 0, 0][..], &ping, &reliable, &disconnect, &reliable].concat();
        let arrivals = read(&datagram, false).unwrap();
        let piece = Piece { channel: 2, first: 9, number: 0, offset: 0, payload: b"abc" };
        assert_eq!(arrivals, Arrivals { slot: 5, pieces: vec![piece], has_disconnect: true });
        assert!(read(&datagram[..12], false).is_none());
    }
}
