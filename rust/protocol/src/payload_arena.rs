//! Copies of small payloads, many in one allocation.

use bytes::{Bytes, BytesMut};

/// Bytes that are allocated at once.
const CHUNK_SIZE: usize = 4096;
/// The largest payload, bytes, that shares a chunk with others.
const SMALL_SIZE: usize = 512;

/// Copies payloads for [`Host::send`](crate::Host::send) where the caller's bytes cannot be shared.
///
/// Payloads of up to 512 bytes lie together in chunks of 4 KiB. A chunk is used again once all messages in it
/// are gone, so most messages cost no allocation. A message that waits keeps its whole chunk alive.
#[derive(Debug, Default)]
pub struct PayloadArena {
    chunk: BytesMut,
}

impl PayloadArena {
    /// An arena that has allocated nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of `payload`.
    pub fn copy(&mut self, payload: &[u8]) -> Bytes {
        if payload.len() > SMALL_SIZE {
            return Bytes::copy_from_slice(payload);
        }
        if self.chunk.capacity() < payload.len() {
            self.chunk.reserve(CHUNK_SIZE);
        }
        self.chunk.extend_from_slice(payload);
        self.chunk.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_right_whatever_their_size_and_order() {
        let mut arena = PayloadArena::new();
        let payloads: Vec<Vec<u8>> = (0..200).map(|n| vec![n as u8; n * 7]).collect();
        let copies: Vec<Bytes> = payloads.iter().map(|payload| arena.copy(payload)).collect();
        assert_eq!(copies, payloads);
    }

    #[test]
    fn a_chunk_is_used_again_once_its_messages_are_gone() {
        let mut arena = PayloadArena::new();
        let first = arena.copy(&[1; 512]).as_ptr();
        let chunk: Vec<Bytes> = (0..7).map(|_| arena.copy(&[1; 512])).collect();
        drop(chunk);
        assert_eq!(arena.copy(&[2; 512]).as_ptr(), first);
    }
}
