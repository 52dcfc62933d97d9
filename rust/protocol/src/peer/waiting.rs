//! Counts what messages that wait cost, against the limits.

use crate::Limits;

/// Bytes that each peer may have waiting even when the limit of all peers together is reached: a reliable window's
/// worth, so that others who use up the limit cannot stop a peer that reads its messages.
const GUARANTEED_BYTES: usize = 64 << 10;

/// What a message that waits is charged beside its bytes, so that empty ones are not free.
const MESSAGE_OVERHEAD: usize = 128;

/// Bytes of one peer's messages that wait: in the event queue, out of order, or incomplete.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct WaitingBytes {
    /// What they will have when they are complete.
    pub(crate) claimed: usize,
    /// What has arrived of them.
    pub(crate) stored: usize,
    /// The part of it that is in the event queue: only the application can make it smaller.
    pub(crate) queued: usize,
}

impl WaitingBytes {
    /// A message of `bytes` that has arrived and is not in the event queue.
    pub(crate) fn whole(bytes: usize) -> Self {
        Self { claimed: bytes, stored: bytes, queued: 0 }
    }
}

/// The account of one peer, and the stored bytes of all peers.
#[derive(Debug)]
pub(crate) struct Account<'a> {
    pub(crate) peer: &'a mut WaitingBytes,
    pub(crate) total_stored: &'a mut usize,
}

impl Account<'_> {
    /// Whether another message may wait.
    pub(crate) fn has_room(&self, limits: &Limits) -> bool {
        self.is_within(self.peer.claimed, self.peer.stored, limits)
    }

    /// Whether the message that is next in order may be taken in. What waits behind it must not keep it out: it would
    /// wait for ever.
    pub(crate) fn has_room_for_next(&self, limits: &Limits) -> bool {
        self.is_within(self.peer.queued, self.peer.queued, limits)
    }

    fn is_within(&self, bytes: usize, stored: usize, limits: &Limits) -> bool {
        bytes < limits.max_waiting_bytes
            && (*self.total_stored < limits.max_total_waiting_bytes || stored < GUARANTEED_BYTES)
    }

    /// Whether so much waits that the application seems not to read: time matters less than memory then.
    pub(crate) fn is_piling_up(&self) -> bool {
        self.peer.stored > GUARANTEED_BYTES
    }

    /// A message of `bytes` begins to arrive.
    pub(crate) fn claim(&mut self, bytes: usize) {
        self.peer.claimed += bytes + MESSAGE_OVERHEAD;
        self.store(MESSAGE_OVERHEAD);
    }

    /// `bytes` of a message that was claimed have arrived.
    pub(crate) fn store(&mut self, bytes: usize) {
        self.peer.stored += bytes;
        *self.total_stored += bytes;
    }

    /// A message of `bytes` that waits goes into the event queue.
    pub(crate) fn enqueue(&mut self, bytes: usize) {
        self.peer.queued += bytes + MESSAGE_OVERHEAD;
    }

    /// A message of `bytes` was taken from the event queue.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.peer.queued -= bytes + MESSAGE_OVERHEAD;
        self.release(WaitingBytes::whole(bytes));
    }

    /// A message waits no more.
    pub(crate) fn release(&mut self, message: WaitingBytes) {
        let stored = message.stored + MESSAGE_OVERHEAD;
        self.peer.claimed -= message.claimed + MESSAGE_OVERHEAD;
        self.peer.stored -= stored;
        *self.total_stored -= stored;
    }
}
