//! The contents of messages: enough to identify each one, and to notice any wrong byte.

use bytes::{BufMut, Bytes, BytesMut};
use enet_rs_sim::Random;
use std::sync::OnceLock;

/// Bytes of a message that identify it.
pub(crate) const HEAD: usize = 8;
/// The largest message.
pub(crate) const LARGEST: usize = 1 << 20;
/// The first tag of broadcasts, which have one tag on all connections of a host.
pub(crate) const BROADCAST_TAGS: u32 = 0x8000_0000;
const OFFSETS: usize = 4096;

/// Identity and length of a message, from which its bytes follow.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Content {
    /// Identifies the message in its channel.
    pub(crate) tag: u32,
    /// Identifies the connection and the sender.
    pub(crate) salt: u32,
    /// Bytes.
    pub(crate) length: usize,
}

fn pool() -> &'static [u8] {
    static POOL: OnceLock<Vec<u8>> = OnceLock::new();
    POOL.get_or_init(|| {
        let mut random = Random::new(0);
        (0..(LARGEST + OFFSETS) / 8).flat_map(|_| random.next_u64().to_le_bytes()).collect()
    })
}

impl Content {
    fn head(&self) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[..4].copy_from_slice(&self.tag.to_le_bytes());
        head[4..].copy_from_slice(&self.salt.to_le_bytes());
        head
    }

    fn body(&self) -> &'static [u8] {
        let offset = (self.tag.wrapping_mul(0x9e37_79b1) ^ self.salt.wrapping_mul(0x85eb_ca77)) >> 20;
        &pool()[offset as usize..offset as usize + self.length.saturating_sub(HEAD)]
    }

    /// The bytes of the message.
    pub(crate) fn bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.length);
        bytes.put_slice(&self.head()[..self.length.min(HEAD)]);
        bytes.put_slice(self.body());
        bytes.freeze()
    }

    /// Whether the message has these bytes at `offset`.
    pub(crate) fn has(&self, offset: usize, bytes: &[u8]) -> bool {
        if offset + bytes.len() > self.length {
            return false;
        }
        let (head, body) = bytes.split_at(bytes.len().min(HEAD.saturating_sub(offset)));
        let place = &self.body()[(offset + head.len()).max(HEAD).min(self.length.max(HEAD)) - HEAD..];
        self.head()[offset.min(HEAD)..].starts_with(head) && place.starts_with(body)
    }

    /// Whether these are exactly the bytes of the message.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        let (head, body) = bytes.split_at(bytes.len().min(HEAD));
        bytes.len() == self.length && self.head().starts_with(head) && body == self.body()
    }
}

/// The tag of a message; `None` if the message is too short for one.
pub(crate) fn tag_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_itself_and_no_other() {
        for length in [0, 1, 3, 4, 8, 9, 5000, LARGEST] {
            let content = Content { tag: 77, salt: 5, length };
            let bytes = content.bytes();
            assert!(content.is(&bytes) && bytes.len() == length);
            if length > 0 {
                assert!(!Content { tag: 78, ..content }.is(&bytes));
                assert!(!content.is(&bytes[1..]));
            }
            assert_eq!(tag_of(&bytes), (length >= 4).then_some(77));
            for offset in [0, 5, 100, length / 2] {
                let part = &bytes[offset.min(length)..];
                assert!(content.has(offset.min(length), part), "{length} {offset}");
                // The head may have equal bytes at several offsets; the body is random.
                let is_body = offset >= HEAD && part.len() > 1;
                assert!(!is_body || !content.has(offset + 1, &part[..part.len() - 1]));
            }
        }
    }
}
