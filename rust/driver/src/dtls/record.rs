//! The outside of DTLS records (RFC 6347, section 4.1): as much as is needed to bring each to the right
//! session.

use bytes::Bytes;

const HEADER_SIZE: usize = 13;
const HANDSHAKE_HEADER_SIZE: usize = 12;
const HANDSHAKE: u8 = 22;
const CONTENT_TYPES: std::ops::RangeInclusive<u8> = 20..=23;
const MAJOR_VERSION: u8 = 0xfe;
const CLIENT_HELLO: u8 = 1;
const CLIENT_KEY_EXCHANGE: u8 = 16;
/// The largest message that a client sends before it encrypts, bytes, and the highest number of one.
const LARGEST_CLIENT_MESSAGE: usize = 4096;
const LAST_CLIENT_MESSAGE: u16 = 3;
/// Bytes that AES-GCM adds: the explicit part of the nonce, and the tag.
const ENCRYPTION_OVERHEAD: usize = 8 + 16;
const RANDOM_SIZE: usize = 32;

/// The random number of a ClientHello, which tells one attempt of a client from the next.
pub(super) type HelloRandom = [u8; RANDOM_SIZE];

/// A record with its header.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) bytes: Bytes,
    /// 0 until the first handshake has agreed on keys.
    pub(super) epoch: u16,
}

/// Takes the first record off a datagram; `None` if what is left is no record.
pub(super) fn take(datagram: &mut Bytes) -> Option<Record> {
    let header = datagram.first_chunk::<HEADER_SIZE>()?;
    let length = HEADER_SIZE + usize::from(u16::from_be_bytes([header[11], header[12]]));
    if !CONTENT_TYPES.contains(&header[0]) || header[1] != MAJOR_VERSION || length > datagram.len() {
        return None;
    }
    let epoch = u16::from_be_bytes([header[3], header[4]]);
    // OpenSSL (as of 3.6) ends a session when it gets an encrypted record that is too short to be one.
    if epoch > 0 && length < HEADER_SIZE + ENCRYPTION_OVERHEAD {
        return None;
    }
    Some(Record { bytes: datagram.split_to(length), epoch })
}

impl Record {
    /// Whether this can be part of a client's handshake. OpenSSL makes room for a whole message when it gets
    /// a fragment of it, as long as the fragment claims, and for several messages in advance.
    pub(super) fn is_fit_for_server(&self) -> bool {
        if self.epoch > 0 || self.bytes[0] != HANDSHAKE {
            return true;
        }
        let message = &self.bytes[HEADER_SIZE..];
        let Some(header) = message.first_chunk::<HANDSHAKE_HEADER_SIZE>() else { return false };
        let number =
            |bytes: [u8; 3]| usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
        let length = number([header[1], header[2], header[3]]);
        let fragment = number([header[9], header[10], header[11]]);
        let sequence = u16::from_be_bytes([header[4], header[5]]);
        matches!(header[0], CLIENT_HELLO | CLIENT_KEY_EXCHANGE)
            && length <= LARGEST_CLIENT_MESSAGE
            && sequence <= LAST_CLIENT_MESSAGE
            && message.len() == HANDSHAKE_HEADER_SIZE + fragment
    }

    /// The random number, if this is the beginning of an unencrypted ClientHello.
    pub(super) fn hello_random(&self) -> Option<HelloRandom> {
        let message = self.bytes.get(HEADER_SIZE..)?;
        let is_beginning = message.get(6..9)? == [0; 3];
        let is_hello = self.epoch == 0 && self.bytes[0] == HANDSHAKE && message[0] == CLIENT_HELLO;
        if !is_hello || !is_beginning {
            return None;
        }
        // After the version, which has two bytes.
        message.get(HANDSHAKE_HEADER_SIZE + 2..)?.first_chunk().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(content: u8, epoch: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![content, MAJOR_VERSION, 0xfd];
        bytes.extend(epoch.to_be_bytes());
        bytes.extend([0; 6]);
        bytes.extend((payload.len() as u16).to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn a_datagram_is_taken_apart_into_its_records() {
        let mut datagram = record(22, 0, b"one");
        datagram.extend(record(23, 1, &[0; ENCRYPTION_OVERHEAD]));
        datagram.extend(b"junk");
        let mut datagram = Bytes::from(datagram);
        let first = take(&mut datagram).unwrap();
        assert_eq!((first.epoch, &first.bytes[HEADER_SIZE..]), (0, &b"one"[..]));
        let second = take(&mut datagram).unwrap();
        assert_eq!((second.epoch, second.bytes.len()), (1, HEADER_SIZE + ENCRYPTION_OVERHEAD));
        assert!(take(&mut datagram).is_none());
    }

    #[test]
    fn a_record_that_is_longer_than_its_datagram_is_none() {
        let whole = record(22, 0, b"payload");
        for length in 0..whole.len() {
            assert!(take(&mut Bytes::copy_from_slice(&whole[..length])).is_none(), "{length}");
        }
        assert!(take(&mut Bytes::from(whole)).is_some());
    }

    #[test]
    fn what_is_too_short_to_be_encrypted_is_no_record() {
        assert!(take(&mut record(23, 1, &[0; ENCRYPTION_OVERHEAD - 1]).into()).is_none());
        assert!(take(&mut record(23, 1, &[0; ENCRYPTION_OVERHEAD]).into()).is_some());
    }

    #[test]
    fn a_server_reads_only_what_a_client_has_to_say() {
        let fits = |message: &[u8]| take(&mut record(22, 0, message).into()).unwrap().is_fit_for_server();
        let header = [CLIENT_KEY_EXCHANGE, 0, 0x10, 0, 0, 2, 0, 0, 0, 0, 0, 2];
        assert!(fits(&[&header[..], &[1, 2]].concat()));
        assert!(!fits(&[&header[..], &[1]].concat()), "shorter than it says");
        assert!(!fits(&[&header[..], &[1, 2, 3]].concat()), "something follows");
        assert!(!fits(&header[..11]));
        for (index, value) in [(0, 11), (1, 1), (3, 1), (5, 4)] {
            let mut other = [&header[..], &[1, 2]].concat();
            other[index] = value;
            assert!(!fits(&other), "{index}: {value}");
        }
    }

    #[test]
    fn only_the_beginning_of_a_client_hello_has_its_random_number() {
        let mut message = vec![0; HANDSHAKE_HEADER_SIZE + 2];
        message[0] = CLIENT_HELLO;
        message.extend([7; RANDOM_SIZE]);
        let random = |content, epoch, message: &[u8]| {
            take(&mut record(content, epoch, message).into())?.hello_random()
        };
        assert_eq!(random(22, 0, &message), Some([7; RANDOM_SIZE]));
        assert_eq!(random(22, 1, &message), None);
        assert_eq!(random(21, 0, &message), None);
        assert_eq!(random(22, 0, &message[..message.len() - 1]), None);
        message[8] = 1;
        assert_eq!(random(22, 0, &message), None);
    }
}
