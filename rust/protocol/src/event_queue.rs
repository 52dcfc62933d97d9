//! The events that the application has not taken yet, and what messages that wait cost: those in the queue,
//! and those that are out of order or incomplete.

use crate::{Event, Limits, Packet, PeerId};
use std::collections::VecDeque;

/// Bytes that each peer may have waiting even when the limit of all peers together is reached: a reliable
/// window's worth, so that others who use up the limit cannot stop a peer that reads its messages.
const GUARANTEED_BYTES: usize = 64 << 10;

/// What a message that waits is charged beside its bytes, so that empty ones are not free.
const MESSAGE_OVERHEAD: usize = 128;

/// What the waiting messages of one peer cost, in bytes.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ReceiveBudget {
    /// The bytes that they will have when they are complete.
    reserved: usize,
    /// The bytes that have arrived of them.
    pub(crate) stored: usize,
    /// The part of those that is in the event queue: only the application can make it smaller.
    queued: usize,
}

/// What one message that waits outside of the event queue costs, in bytes.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct MessageCost {
    /// The bytes that it will have when it is complete.
    pub(crate) reserved: usize,
    /// The bytes that have arrived of it.
    pub(crate) stored: usize,
}

impl MessageCost {
    /// The cost of a message of `bytes` that has arrived.
    pub(crate) fn complete(bytes: usize) -> Self {
        Self { reserved: bytes, stored: bytes }
    }
}

/// The events of a host in the order in which they happened, and the bytes of all messages that wait.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct EventQueue {
    events: VecDeque<Event>,
    /// Bytes that have arrived of all messages that wait, whoever sent them.
    stored: usize,
}

impl EventQueue {
    /// Appends an event that is no message.
    pub(crate) fn push(&mut self, event: Event) {
        self.events.push_back(event);
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The event whose turn it is.
    pub(crate) fn front(&self) -> Option<&Event> {
        self.events.front()
    }

    /// Takes the event whose turn it is. What a message costs has to be released by [`Self::on_polled`].
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Drops the event whose turn it is. Apart from [`Self::pop`], so that what is taken there moves straight
    /// to the caller.
    #[cold]
    pub(crate) fn discard(&mut self) {
        self.events.pop_front();
    }

    /// Bytes of all messages that wait, with 128 bytes for each.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.stored
    }

    /// Whether the limits let another message of this peer wait.
    pub(crate) fn admits(&self, budget: &ReceiveBudget, limits: &Limits) -> bool {
        self.is_within(budget.reserved, budget.stored, limits)
    }

    /// Whether the limits let in the message that is next in order. What waits behind it must not keep it
    /// out: it would wait for ever.
    pub(crate) fn admits_next(&self, budget: &ReceiveBudget, limits: &Limits) -> bool {
        self.is_within(budget.queued, budget.queued, limits)
    }

    fn is_within(&self, bytes: usize, stored: usize, limits: &Limits) -> bool {
        bytes < limits.max_waiting_bytes
            && (self.stored < limits.max_total_waiting_bytes || stored < GUARANTEED_BYTES)
    }

    /// Whether so much of this peer waits that the application seems not to read: time matters less than
    /// memory then.
    pub(crate) fn is_piling_up(&self, budget: &ReceiveBudget) -> bool {
        budget.stored > GUARANTEED_BYTES
    }

    /// A message of `bytes` begins to arrive.
    pub(crate) fn reserve(&mut self, budget: &mut ReceiveBudget, bytes: usize) {
        budget.reserved += bytes + MESSAGE_OVERHEAD;
        self.store(budget, MESSAGE_OVERHEAD);
    }

    /// Some `bytes` of a message have arrived that [`Self::reserve`] was called for.
    pub(crate) fn store(&mut self, budget: &mut ReceiveBudget, bytes: usize) {
        budget.stored += bytes;
        self.stored += bytes;
    }

    /// Appends the event of a message whose bytes are stored.
    #[inline]
    pub(crate) fn deliver(&mut self, budget: &mut ReceiveBudget, peer: PeerId, channel: u8, packet: Packet) {
        budget.queued += packet.payload.len() + MESSAGE_OVERHEAD;
        self.events.push_back(Event::Receive { peer, channel, packet });
    }

    /// The application takes the event of a message of `bytes`.
    pub(crate) fn on_polled(&mut self, budget: &mut ReceiveBudget, bytes: usize) {
        budget.queued -= bytes + MESSAGE_OVERHEAD;
        self.release(budget, MessageCost::complete(bytes));
    }

    /// A message waits no more.
    pub(crate) fn release(&mut self, budget: &mut ReceiveBudget, message: MessageCost) {
        let stored = message.stored + MESSAGE_OVERHEAD;
        budget.reserved -= message.reserved + MESSAGE_OVERHEAD;
        budget.stored -= stored;
        self.stored -= stored;
    }

    /// A peer is gone, with everything that waited of it. Its events are passed over when their turn comes.
    pub(crate) fn forget(&mut self, budget: &ReceiveBudget) {
        self.stored -= budget.stored;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PacketFlags;

    const ID: PeerId = PeerId { slot: 0, generation: 1 };

    fn limits(max_waiting_bytes: usize, max_total_waiting_bytes: usize) -> Limits {
        Limits { max_waiting_bytes, max_total_waiting_bytes, ..Limits::default() }
    }

    #[test]
    fn what_waits_is_charged_until_it_is_taken() {
        let (mut queue, mut budget) = (EventQueue::default(), ReceiveBudget::default());
        queue.reserve(&mut budget, 100);
        queue.store(&mut budget, 100);
        assert_eq!(queue.waiting_bytes(), 228);
        let packet = Packet { payload: vec![0; 100].into(), flags: PacketFlags::RELIABLE };
        queue.deliver(&mut budget, ID, 0, packet);
        assert_eq!((queue.waiting_bytes(), budget.queued), (228, 228));
        assert!(queue.pop().is_some());
        queue.on_polled(&mut budget, 100);
        assert_eq!((queue.waiting_bytes(), budget), (0, ReceiveBudget::default()));
    }

    #[test]
    fn what_waits_out_of_order_does_not_keep_the_next_message_out() {
        let (mut queue, mut budget) = (EventQueue::default(), ReceiveBudget::default());
        queue.reserve(&mut budget, 1000);
        assert!(!queue.admits(&budget, &limits(500, usize::MAX)));
        assert!(queue.admits_next(&budget, &limits(500, usize::MAX)));
    }

    #[test]
    fn others_who_use_up_the_limit_leave_each_peer_a_window() {
        let (mut queue, mut greedy) = (EventQueue::default(), ReceiveBudget::default());
        queue.reserve(&mut greedy, 1 << 20);
        queue.store(&mut greedy, 1 << 20);
        let limits = limits(usize::MAX, 1 << 20);
        assert!(!queue.admits(&greedy, &limits));
        let mut modest = ReceiveBudget::default();
        assert!(queue.admits(&modest, &limits));
        queue.store(&mut modest, GUARANTEED_BYTES);
        assert!(!queue.admits(&modest, &limits));
        queue.forget(&greedy);
        assert!(queue.admits(&modest, &limits));
    }
}
