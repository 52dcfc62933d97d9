//! Where a channel's received messages go: to the application, or into what waits within the limits.

use crate::event_queue::{EventQueue, MessageCost, ReceiveBudget};
use crate::report::Volume;
use crate::{HostConfig, Packet, PacketFlags, PeerId, Time};
use bytes::Bytes;
use std::collections::VecDeque;

/// What the commands of one datagram need beside the connection itself.
#[derive(Debug)]
pub(crate) struct ReceiveContext<'a> {
    pub(crate) now: Time,
    pub(crate) peer: PeerId,
    /// The datagram's commands, of which messages are slices.
    pub(crate) datagram: &'a Bytes,
    /// When the remote host sent the datagram, by its clock.
    pub(crate) sent_time: Option<u16>,
    pub(crate) config: &'a HostConfig,
    pub(crate) events: &'a mut EventQueue,
}

/// Key of a waiting unreliable message: the reliable number that it follows, unwrapped, and its own.
pub(crate) type UnreliableKey = (u64, u16);

/// The messages of one peer that wait.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Backlog {
    pub(crate) budget: ReceiveBudget,
    /// Incomplete unreliable messages, oldest first; some are complete by now.
    pub(crate) partials: VecDeque<Partial>,
}

/// An unreliable message of which not all fragments may ever arrive.
#[derive(Copy, Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Partial {
    /// When its first fragment came.
    pub(crate) since: Time,
    pub(crate) channel: u8,
    pub(crate) key: UnreliableKey,
}

/// Where a channel delivers its messages, and what bounds those that wait.
#[derive(Debug)]
pub(crate) struct ChannelSink<'a, 'b> {
    pub(crate) context: &'a mut ReceiveContext<'b>,
    pub(crate) backlog: &'a mut Backlog,
    /// The messages delivered so far.
    pub(crate) delivered: &'a mut Volume,
    pub(crate) channel: u8,
    /// The application has given the connection up: received messages are acknowledged and forgotten.
    pub(crate) discards: bool,
}

impl ChannelSink<'_, '_> {
    /// Hands a message that has just arrived to the application. Its bytes count as waiting until the event
    /// is taken.
    #[inline]
    pub(crate) fn deliver(&mut self, payload: &[u8], flags: PacketFlags) {
        self.hold(payload.len());
        let payload = if self.context.events.is_piling_up(&self.backlog.budget) {
            copied(payload)
        } else {
            // The message shares the datagram's memory.
            slice_of(self.context.datagram, payload)
        };
        self.deliver_held(payload, flags);
    }

    /// Hands a message that waits already to the application.
    #[inline]
    pub(super) fn deliver_held(&mut self, payload: Bytes, flags: PacketFlags) {
        self.delivered.add(payload.len());
        let ReceiveContext { events, peer, .. } = &mut *self.context;
        events.deliver(&mut self.backlog.budget, *peer, self.channel, Packet { payload, flags });
    }

    /// Whether the limits let a message in that is next in order, or one that will have to wait.
    pub(crate) fn admits(&self, is_next: bool) -> bool {
        let ReceiveContext { events, config, .. } = &*self.context;
        if is_next {
            events.admits_next(&self.backlog.budget, &config.limits)
        } else {
            events.admits(&self.backlog.budget, &config.limits)
        }
    }

    /// An unreliable message is complete. Usually it is the one that began last or first; else its record
    /// stays until its time is over.
    pub(super) fn on_completed(&mut self, key: UnreliableKey) {
        let is_it = |partial: &Partial| partial.channel == self.channel && partial.key == key;
        let partials = &mut self.backlog.partials;
        if partials.back().is_some_and(is_it) {
            partials.pop_back();
        } else if partials.front().is_some_and(is_it) {
            partials.pop_front();
        }
    }

    /// A whole message waits.
    pub(super) fn hold(&mut self, bytes: usize) {
        self.reserve(bytes);
        self.store(bytes);
    }

    /// A message of `bytes` begins to arrive.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.context.events.reserve(&mut self.backlog.budget, bytes);
    }

    /// Some `bytes` of a message have arrived.
    pub(super) fn store(&mut self, bytes: usize) {
        self.context.events.store(&mut self.backlog.budget, bytes);
    }

    /// A message waits no more.
    pub(super) fn release(&mut self, cost: MessageCost) {
        self.context.events.release(&mut self.backlog.budget, cost);
    }
}

/// The slice of a datagram that this part of it is. As `Bytes::slice_ref`, but for a range, which is inlined:
/// what a call has written into memory just now could not be moved from there as quickly.
#[inline(always)]
fn slice_of(datagram: &Bytes, part: &[u8]) -> Bytes {
    let start = part.as_ptr().addr().wrapping_sub(datagram.as_ptr().addr());
    datagram.slice(start..start + part.len())
}

/// Copies a payload that has to wait, so that a few bytes do not keep a whole receive buffer alive.
pub(super) fn copied(payload: &[u8]) -> Bytes {
    Bytes::copy_from_slice(payload)
}
