//! The queue of a peer's received packets that no script has read yet.
//!
//! Packets are kept as the arrays that scripts get: each is copied once, when the engine delivers it. Before,
//! it may be a slice of a receive buffer of 64 KiB, which an unread packet must not keep in memory.

use enet_rs_driver::protocol::{Packet, PacketFlags};
use godot::builtin::PackedByteArray;
use std::cell::RefCell;
use std::collections::VecDeque;

/// The packets, oldest first.
#[derive(Default)]
pub(crate) struct PacketQueue(RefCell<VecDeque<Queued>>);

struct Queued {
    channel: u8,
    flags: PacketFlags,
    payload: PackedByteArray,
}

impl PacketQueue {
    /// Appends a packet.
    pub(crate) fn push(&self, channel: u8, packet: &Packet) {
        let payload = PackedByteArray::from(&packet.payload[..]);
        self.0.borrow_mut().push_back(Queued { channel, flags: packet.flags, payload });
    }

    /// Takes the next packet.
    pub(crate) fn pop(&self) -> Option<PackedByteArray> {
        self.0.borrow_mut().pop_front().map(|queued| queued.payload)
    }

    /// Takes all packets, or those of one channel.
    pub(crate) fn take(&self, channel: Option<u8>) -> Vec<PackedByteArray> {
        let mut queue = self.0.borrow_mut();
        let is_wanted = |queued: &Queued| channel.is_none_or(|channel| channel == queued.channel);
        if queue.iter().all(is_wanted) {
            return queue.drain(..).map(|queued| queued.payload).collect();
        }
        let (taken, left) = queue.drain(..).partition::<VecDeque<_>, _>(is_wanted);
        *queue = left;
        taken.into_iter().map(|queued| queued.payload).collect()
    }

    /// Number of packets.
    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Channel of the next packet.
    pub(crate) fn next_channel(&self) -> Option<u8> {
        self.0.borrow().front().map(|queued| queued.channel)
    }

    /// Flags of the next packet.
    pub(crate) fn next_flags(&self) -> Option<PacketFlags> {
        self.0.borrow().front().map(|queued| queued.flags)
    }
}
