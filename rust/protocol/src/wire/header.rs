//! The header of a datagram: which peer slot it is for, its session, and when it was sent.

use super::{HEADER_SIZE, Malformed, NO_PEER, SESSION_MASK, take_u16};

const PEER_MASK: u16 = 0x0fff;
const SESSION_SHIFT: u32 = 12;
const COMPRESSED: u16 = 1 << 14;
const SENT_TIME: u16 = 1 << 15;

/// What the first two or four bytes of a datagram say.
#[derive(Copy, Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Header {
    /// The slot of the addressed peer at the receiver, 0..=4094, or [`NO_PEER`].
    pub(crate) peer: u16,
    /// The session of that slot, 0..=3, so that stragglers of an earlier connection are recognised.
    pub(crate) session: u8,
    /// Everything after the header is compressed.
    pub(crate) compressed: bool,
    /// Low 16 bits of the sender's clock, present when a command asks for an acknowledgement.
    pub(crate) sent_time: Option<u16>,
}

/// Whether a datagram of this engine asks for a connection: it is addressed to no slot.
pub fn is_connection_attempt(mut datagram: &[u8]) -> bool {
    Header::parse(&mut datagram).is_ok_and(|header| header.peer == NO_PEER)
}

impl Header {
    /// Takes the header off the front of a datagram.
    pub(crate) fn parse(rest: &mut &[u8]) -> Result<Self, Malformed> {
        let word = take_u16(rest)?;
        let sent_time = if word & SENT_TIME != 0 { Some(take_u16(rest)?) } else { None };
        Ok(Self {
            peer: word & PEER_MASK,
            session: (word >> SESSION_SHIFT) as u8 & SESSION_MASK,
            compressed: word & COMPRESSED != 0,
            sent_time,
        })
    }

    /// Bytes that this header takes.
    pub(crate) fn size(&self) -> usize {
        Self::size_for(self.sent_time.is_some())
    }

    /// Bytes that a header takes, with or without the time.
    pub(crate) fn size_for(has_sent_time: bool) -> usize {
        if has_sent_time { HEADER_SIZE } else { 2 }
    }

    /// The bytes of this header: the first `len` of the array.
    pub(crate) fn emit(&self) -> ([u8; HEADER_SIZE], usize) {
        let mut word = self.peer & PEER_MASK;
        if word != NO_PEER {
            word |= u16::from(self.session & SESSION_MASK) << SESSION_SHIFT;
        }
        if self.compressed {
            word |= COMPRESSED;
        }
        if self.sent_time.is_some() {
            word |= SENT_TIME;
        }
        let [a, b] = word.to_be_bytes();
        let [c, d] = self.sent_time.unwrap_or(0).to_be_bytes();
        ([a, b, c, d], self.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emitted_headers_parse_to_themselves() {
        for peer in [0, 1, 4094] {
            for session in 0..=SESSION_MASK {
                for sent_time in [None, Some(0), Some(0xffff)] {
                    for compressed in [false, true] {
                        let header = Header { peer, session, compressed, sent_time };
                        let (bytes, length) = header.emit();
                        let mut rest = &bytes[..length];
                        assert_eq!(Header::parse(&mut rest), Ok(header));
                        assert!(rest.is_empty());
                    }
                }
            }
        }
    }

    #[test]
    fn a_datagram_shorter_than_its_header_is_malformed() {
        assert_eq!(Header::parse(&mut &[0x80][..]), Err(Malformed));
        assert_eq!(Header::parse(&mut &[0x80, 0x00, 0x01][..]), Err(Malformed));
    }
}
