//! The receive buffer of a socket: what arrives waits there until its program looks, and is lost if there is
//! no room.

use bytes::Bytes;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// What the kernel counts for a datagram beside its bytes and headers: room for its links and the
/// description of it (`skb_shared_info`, `sk_buff`).
const SHARED_INFO: usize = 320;
const DESCRIPTION: usize = 256;
/// Room for the headers of Ethernet, IP and UDP, and what a driver leaves free before them.
const HEADROOM: usize = 106;

/// A socket's receive buffer that is filled as Linux fills it: a datagram takes the memory that it lies in,
/// which is 2,304 bytes for a full one and 768 for a small one, and one is let in as long as the limit is
/// not reached.
#[derive(Clone, Debug)]
pub struct ReceiveBuffer {
    limit: usize,
    used: usize,
    waiting: VecDeque<(SocketAddr, Bytes)>,
    overflowed: u64,
}

impl ReceiveBuffer {
    /// What Linux gives a socket that has not asked for more: `net.core.rmem_default`.
    pub const LINUX_DEFAULT: usize = 212_992;

    /// An empty buffer of `limit` bytes of the kernel's memory.
    pub fn new(limit: usize) -> Self {
        Self { limit, used: 0, waiting: VecDeque::new(), overflowed: 0 }
    }

    /// A datagram arrives.
    pub fn push(&mut self, from: SocketAddr, datagram: Bytes) {
        if self.used >= self.limit {
            self.overflowed += 1;
        } else {
            self.used += memory_of(datagram.len());
            self.waiting.push_back((from, datagram));
        }
    }

    /// Takes the datagram that has waited longest, with its sender.
    pub fn pop(&mut self) -> Option<(SocketAddr, Bytes)> {
        let (from, datagram) = self.waiting.pop_front()?;
        self.used -= memory_of(datagram.len());
        Some((from, datagram))
    }

    /// Datagrams that were lost since there was no room.
    pub fn overflowed(&self) -> u64 {
        self.overflowed
    }
}

/// The kernel's memory for a datagram of so many bytes.
fn memory_of(length: usize) -> usize {
    (length + HEADROOM + SHARED_INFO).next_power_of_two() + DESCRIPTION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_lost_and_taking_makes_room() {
        let from = ([10, 0, 0, 1], 1000).into();
        let datagram = Bytes::from(vec![0; 1392]);
        let mut buffer = ReceiveBuffer::new(ReceiveBuffer::LINUX_DEFAULT);
        (0..100).for_each(|_| buffer.push(from, datagram.clone()));
        assert_eq!(buffer.overflowed(), 7);
        assert_eq!(buffer.pop(), Some((from, datagram.clone())));
        buffer.push(from, datagram.clone());
        assert_eq!(buffer.overflowed(), 7);
        assert_eq!(std::iter::from_fn(|| buffer.pop()).count(), 93);
        assert_eq!((buffer.used, buffer.pop()), (0, None));
    }

    #[test]
    fn small_datagrams_take_more_than_their_bytes() {
        assert_eq!([64, 1392].map(memory_of), [768, 2304]);
    }
}
