//! Buffers that datagrams are received into. Much data is not copied: messages are slices of the buffer,
//! which is lent out until its last message is dropped, and then used again. Little data is copied, which
//! costs less than another buffer, whose memory is far from the processor, and keeps 64 KiB from being
//! occupied by a few bytes.

use bytes::{Bytes, BytesMut};
use quinn_udp::RecvMeta;
use std::cell::RefCell;
use std::collections::VecDeque;

/// Bytes of one buffer: at least the most that the kernel joins into one (`UDP_GRO`), which is more than any
/// single datagram. What is beyond 64 KiB keeps the beginnings of the buffers from falling on the same lines
/// of the processor's cache.
const BUFFER_SIZE: usize = (1 << 16) + 1536;
/// Bytes of which copies are cut.
const CHUNK_SIZE: usize = 1 << 14;
/// Up to so many bytes are copied: the largest datagram of ENet.
const MAXIMUM_COPY: usize = 4096;
/// Buffers on loan that are remembered; beyond it they are freed when their last message is dropped.
const MAXIMUM_ON_LOAN: usize = 64;

thread_local! {
    static OF_THIS_THREAD: RefCell<ReceiveBuffers> = RefCell::default();
}

/// A set of buffers of one size, made when they are first asked for. All sockets of a thread share one: a
/// process with many sockets needs no more memory, and it is warm.
#[derive(Debug, Default)]
pub(crate) struct ReceiveBuffers {
    /// Free, each `BUFFER_SIZE` long.
    free: Vec<BytesMut>,
    /// What was received into each of them.
    metas: Vec<RecvMeta>,
    /// Oldest loan first.
    on_loan: VecDeque<Bytes>,
    /// The rest of the chunk of which copies are cut. A chunk comes back when all its copies are dropped.
    copies: BytesMut,
}

impl ReceiveBuffers {
    /// Gives `receive` the set of this thread.
    pub(crate) fn with<R>(receive: impl FnOnce(&mut Self) -> R) -> R {
        // A thread that is ending may have none any more.
        let mut buffers = OF_THIS_THREAD.try_with(RefCell::take).unwrap_or_default();
        let result = receive(&mut buffers);
        let _ = OF_THIS_THREAD.try_with(|set| set.replace(buffers));
        result
    }

    /// The first `count` free buffers, and as many places for metadata of what is received into them.
    pub(crate) fn free(&mut self, count: usize) -> (&mut [BytesMut], &mut [RecvMeta]) {
        while self.free.len() < count {
            self.free.push(BytesMut::zeroed(BUFFER_SIZE));
            self.metas.push(RecvMeta::default());
        }
        (&mut self.free[..count], &mut self.metas[..count])
    }

    /// The metadata of what was received into the free buffer `index`.
    pub(crate) fn meta(&self, index: usize) -> RecvMeta {
        self.metas[index]
    }

    /// Gives the first `length` bytes of the free buffer `index`.
    pub(crate) fn take(&mut self, index: usize, length: usize) -> Bytes {
        if length > MAXIMUM_COPY {
            return self.lend(index).slice(..length);
        }
        if self.copies.capacity() < length {
            self.copies.reserve(CHUNK_SIZE);
        }
        self.copies.extend_from_slice(&self.free[index][..length]);
        self.copies.split().freeze()
    }

    /// Lends out the free buffer `index`; another one takes its place.
    fn lend(&mut self, index: usize) -> Bytes {
        let replacement = self.reclaim().unwrap_or_else(|| BytesMut::zeroed(BUFFER_SIZE));
        let lent = std::mem::replace(&mut self.free[index], replacement).freeze();
        if self.on_loan.len() < MAXIMUM_ON_LOAN {
            self.on_loan.push_back(lent.clone());
        }
        lent
    }

    /// Takes back a buffer of which no message is left: one of the two oldest loans.
    fn reclaim(&mut self) -> Option<BytesMut> {
        for _ in 0..self.on_loan.len().min(2) {
            match self.on_loan.pop_front()?.try_into_mut() {
                Ok(buffer) => return Some(buffer),
                Err(in_use) => self.on_loan.push_back(in_use),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Receives `length` bytes into the first buffer.
    fn receive(buffers: &mut ReceiveBuffers, length: usize) -> Bytes {
        buffers.free(1);
        buffers.take(0, length)
    }

    fn first(buffers: &mut ReceiveBuffers) -> *const u8 {
        buffers.free(1).0[0].as_ptr()
    }

    #[test]
    fn a_buffer_comes_back_when_its_last_slice_is_dropped() {
        let mut buffers = ReceiveBuffers::default();
        let lent = first(&mut buffers);
        let message = receive(&mut buffers, MAXIMUM_COPY + 1).slice(10..20);
        assert_ne!(first(&mut buffers), lent);
        receive(&mut buffers, MAXIMUM_COPY + 1);
        drop(message);
        let came_back = (0..4).any(|_| {
            let found = first(&mut buffers) == lent;
            receive(&mut buffers, MAXIMUM_COPY + 1);
            found
        });
        assert!(came_back);
        assert!(buffers.free(1).0.iter().all(|buffer| buffer.len() == BUFFER_SIZE));
    }

    #[test]
    fn little_data_leaves_its_buffer_free() {
        let mut buffers = ReceiveBuffers::default();
        let before = first(&mut buffers);
        let mut kept = Vec::new();
        // More than a chunk holds.
        for turn in 0..100_u8 {
            buffers.free(1).0[0][..MAXIMUM_COPY].fill(turn);
            kept.push(receive(&mut buffers, MAXIMUM_COPY));
        }
        assert_eq!(first(&mut buffers), before);
        assert!((0..100).zip(&kept).all(|(turn, copy)| copy[..] == [turn; MAXIMUM_COPY]));
    }

    #[test]
    fn a_chunk_comes_back_when_its_copies_are_dropped() {
        let mut buffers = ReceiveBuffers::default();
        let chunk = receive(&mut buffers, MAXIMUM_COPY).as_ptr();
        let came_back =
            (0..CHUNK_SIZE / MAXIMUM_COPY).any(|_| receive(&mut buffers, MAXIMUM_COPY).as_ptr() == chunk);
        assert!(came_back);
    }
}
