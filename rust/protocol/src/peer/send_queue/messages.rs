//! Messages that wait to be sent, in the order in which they were queued: those of a connection, or of one of
//! its channels.

use crate::peer::message::{Message, Reliable, SentFragment, Unreliable};
use std::collections::VecDeque;

/// Bytes of a command that carries an empty message.
const SMALLEST_COMMAND: usize = 6;

/// Which message is next.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Next {
    Reliable,
    Unreliable,
}

/// A queue of messages. The unreliable ones may pass the reliable ones that have to wait.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct MessageQueue {
    reliable: VecDeque<Message<Reliable>>,
    unreliable: VecDeque<Message<Unreliable>>,
    /// Bytes of payload that were not sent yet.
    waiting_bytes: u64,
}

impl MessageQueue {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        // One comparison: this is asked several times for each datagram.
        self.reliable.len() | self.unreliable.len() == 0
    }

    #[inline]
    pub(super) fn has_reliable(&self) -> bool {
        !self.reliable.is_empty()
    }

    /// Bytes of payload that were not sent yet, for one channel or for all.
    pub(super) fn bytes_waiting(&self, channel: Option<u8>) -> u64 {
        let Some(channel) = channel else { return self.waiting_bytes };
        let reliable = self.reliable.iter().filter(|message| message.channel() == channel);
        let unreliable = self.unreliable.iter().filter(|message| message.channel() == channel);
        reliable.map(Message::unsent_bytes).sum::<u64>() + unreliable.map(Message::unsent_bytes).sum::<u64>()
    }

    /// Whether the messages surely take more than so many bytes of a datagram.
    pub(super) fn takes_more_than(&self, bytes: u64) -> bool {
        let commands = self.reliable.len() + self.unreliable.len();
        self.waiting_bytes + (commands * SMALLEST_COMMAND) as u64 > bytes
    }

    #[inline]
    pub(super) fn push_reliable(&mut self, message: Message<Reliable>) {
        self.waiting_bytes += message.unsent_bytes();
        self.reliable.push_back(message);
    }

    #[inline]
    pub(super) fn push_unreliable(&mut self, message: Message<Unreliable>) {
        self.waiting_bytes += message.unsent_bytes();
        self.unreliable.push_back(message);
    }

    /// The next message; reliable ones do not count if they have to wait.
    #[inline]
    pub(super) fn next(&self, holds_reliable: bool) -> Option<Next> {
        let reliable = if holds_reliable { None } else { self.reliable.front() };
        match (reliable, self.unreliable.front()) {
            (Some(reliable), Some(unreliable)) if unreliable.order() < reliable.order() => {
                Some(Next::Unreliable)
            }
            (Some(_), _) => Some(Next::Reliable),
            (None, Some(_)) => Some(Next::Unreliable),
            (None, None) => None,
        }
    }

    /// The next message, if it was queued before the one at the position `until`.
    pub(super) fn next_before(&self, until: u64, holds_reliable: bool) -> Option<Next> {
        let order = self.next_order(holds_reliable)?;
        if order < until { self.next(holds_reliable) } else { None }
    }

    /// The position of the next message among all of the connection, if there is one.
    pub(super) fn next_order(&self, holds_reliable: bool) -> Option<u64> {
        let order = self.reliable_order(holds_reliable).min(self.unreliable_order());
        (order != u64::MAX).then_some(order)
    }

    #[inline]
    fn reliable_order(&self, is_held: bool) -> u64 {
        self.reliable.front().filter(|_| !is_held).map_or(u64::MAX, Message::order)
    }

    #[inline]
    fn unreliable_order(&self) -> u64 {
        self.unreliable.front().map_or(u64::MAX, Message::order)
    }

    #[inline]
    pub(super) fn first_reliable(&self) -> Option<&Message<Reliable>> {
        self.reliable.front()
    }

    #[inline]
    pub(super) fn first_unreliable(&self) -> Option<&Message<Unreliable>> {
        self.unreliable.front()
    }

    /// The next command of the first reliable message goes out, which is its last one if `is_at_last`.
    /// Returns what has to be kept of it.
    #[inline(always)]
    pub(super) fn on_reliable_sent(&mut self, is_at_last: bool) -> Option<SentFragment> {
        if is_at_last {
            return self.pop_reliable().map(Message::into_last_fragment);
        }
        let message = self.reliable.front_mut()?;
        self.waiting_bytes -= u64::from(message.next_length());
        Some(message.split_fragment())
    }

    /// The next command of the first unreliable message goes out, which is its last one if `is_at_last`.
    #[inline(always)]
    pub(super) fn on_unreliable_sent(&mut self, is_at_last: bool) {
        if is_at_last {
            self.pop_unreliable();
            return;
        }
        let Some(message) = self.unreliable.front_mut() else { return };
        self.waiting_bytes -= u64::from(message.next_length());
        message.advance();
    }

    #[inline]
    pub(super) fn pop_reliable(&mut self) -> Option<Message<Reliable>> {
        let message = self.reliable.pop_front()?;
        self.waiting_bytes -= message.unsent_bytes();
        Some(message)
    }

    #[inline]
    pub(super) fn pop_unreliable(&mut self) -> Option<Message<Unreliable>> {
        let message = self.unreliable.pop_front()?;
        self.waiting_bytes -= message.unsent_bytes();
        Some(message)
    }

    pub(super) fn clear(&mut self) {
        self.reliable.clear();
        self.unreliable.clear();
        self.waiting_bytes = 0;
    }
}
