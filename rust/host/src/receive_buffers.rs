//! Buffers that datagrams are received into. Messages are slices of them, so a buffer is lent out until its last
//! message is dropped, and then used again.

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// Bytes of one buffer: the most that the kernel joins into one (`UDP_GRO`), and more than any single datagram.
pub(crate) const BUFFER_SIZE: usize = 1 << 16;
/// Buffers on loan that are remembered; beyond it they are freed when their last message is dropped.
const MAXIMUM_ON_LOAN: usize = 64;

/// A set of buffers of one size.
#[derive(Debug)]
pub(crate) struct ReceiveBuffers {
    /// Free, each `BUFFER_SIZE` long.
    free: Vec<BytesMut>,
    /// Longest on loan first.
    on_loan: VecDeque<Bytes>,
}

impl ReceiveBuffers {
    /// `count` buffers; their memory is touched, and so paid for, only when datagrams arrive.
    pub(crate) fn new(count: usize) -> Self {
        Self { free: (0..count).map(|_| BytesMut::zeroed(BUFFER_SIZE)).collect(), on_loan: VecDeque::new() }
    }

    /// The free buffers, as many as [`Self::new`] was told.
    pub(crate) fn free(&mut self) -> &mut [BytesMut] {
        &mut self.free
    }

    /// Lends out the free buffer `index`; another one takes its place.
    pub(crate) fn lend(&mut self, index: usize) -> Bytes {
        let replacement = self.reclaim().unwrap_or_else(|| BytesMut::zeroed(BUFFER_SIZE));
        let lent = std::mem::replace(&mut self.free[index], replacement).freeze();
        if self.on_loan.len() < MAXIMUM_ON_LOAN {
            self.on_loan.push_back(lent.clone());
        }
        lent
    }

    /// Takes back a buffer of which no message is left: one of the two that are on loan for longest.
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

    #[test]
    fn a_buffer_comes_back_when_its_last_slice_is_dropped() {
        let mut buffers = ReceiveBuffers::new(1);
        let first = buffers.free()[0].as_ptr();
        let message = buffers.lend(0).slice(10..20);
        assert_ne!(buffers.free()[0].as_ptr(), first);
        buffers.lend(0);
        drop(message);
        let came_back = (0..4).any(|_| {
            let found = buffers.free()[0].as_ptr() == first;
            buffers.lend(0);
            found
        });
        assert!(came_back);
        assert!(buffers.free().iter().all(|buffer| buffer.len() == BUFFER_SIZE));
    }
}
