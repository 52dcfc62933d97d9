//! The socket of an end: what has arrived for it, and what it has sent since the run last looked.

use bytes::Bytes;
use enet_rs_sim::ReceiveBuffer;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

struct Buffers {
    received: ReceiveBuffer,
    sent: Vec<(SocketAddr, Bytes)>,
}

/// A socket; clones are the same one.
#[derive(Clone)]
pub(super) struct Socket(Rc<RefCell<Buffers>>);

impl Socket {
    /// A socket whose receive buffer takes this much of the kernel's memory.
    pub(super) fn new(limit: usize) -> Self {
        Self(Rc::new(RefCell::new(Buffers { received: ReceiveBuffer::new(limit), sent: Vec::new() })))
    }

    /// A datagram arrives from the network.
    pub(super) fn arrive(&self, from: SocketAddr, datagram: Bytes) {
        self.0.borrow_mut().received.push(from, datagram);
    }

    /// What the endpoint receives next.
    pub(super) fn receive(&self) -> Option<(SocketAddr, Bytes)> {
        self.0.borrow_mut().received.pop()
    }

    /// The endpoint sends a datagram.
    pub(super) fn send(&self, to: SocketAddr, datagram: Bytes) {
        self.0.borrow_mut().sent.push((to, datagram));
    }

    /// Moves what was sent to `datagrams`.
    pub(super) fn take_sent(&self, datagrams: &mut Vec<(SocketAddr, Bytes)>) {
        datagrams.append(&mut self.0.borrow_mut().sent);
    }

    /// Datagrams that were lost since the receive buffer was full.
    pub(super) fn overflowed(&self) -> u64 {
        self.0.borrow().received.overflowed()
    }
}
