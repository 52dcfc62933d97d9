//! Puts commands into a datagram: of messages, lost ones, and early copies.

use super::messages::MessageQueue;
use crate::drops::PeerDropCounters;
use crate::peer::channel::Channels;
use crate::peer::control::Content;
use crate::peer::datagram::Datagram;
use crate::peer::message::Unreliable;
use crate::peer::recovery::Recovery;
use crate::peer::recovery::in_flight::Sent;
use crate::peer::recovery::redundancy::LARGEST_COPY;
use crate::peer::window::Window;
use crate::wire::command::{Body, Command};
use crate::{DropReason, Time};

/// The number of commands, the last ones sent on each channel, of which early copies may be made.
const COPIED_COMMANDS: usize = 32;

/// The rest of the connection, as far as filling a datagram needs it.
#[derive(Debug)]
pub(crate) struct Flow<'a> {
    pub(crate) now: Time,
    /// Bytes of reliable payload that may be under way.
    pub(crate) allowance: u32,
    /// Milliseconds that a reliable command may stay unacknowledged in ENet.
    pub(crate) timeout: u32,
    pub(crate) channels: &'a mut Channels,
    pub(crate) recovery: &'a mut Recovery,
    pub(crate) window: &'a mut Window,
    pub(crate) drops: &'a mut PeerDropCounters,
}

impl Flow<'_> {
    /// A borrow for a function that is rarely called, so that the usual path keeps all this in registers.
    #[inline(always)]
    pub(super) fn reborrow(&mut self) -> Flow<'_> {
        Flow {
            now: self.now,
            allowance: self.allowance,
            timeout: self.timeout,
            channels: self.channels,
            recovery: self.recovery,
            window: self.window,
            drops: self.drops,
        }
    }

    /// Whether a reliable command with `length` bytes of payload may be under way as well.
    #[inline]
    fn may_send(&self, length: u32) -> bool {
        length <= self.allowance.saturating_sub(self.recovery.bytes_in_flight())
    }

    /// Bytes beyond the allowance that may be under way for small messages, which wait for no transfer.
    pub(super) fn reserve(&self) -> u32 {
        if self.window.is_exhausted() {
            return 0;
        }
        self.recovery
            .congestion
            .urgent_allowance(self.recovery.bytes_in_flight())
            .saturating_sub(self.allowance)
    }
}

/// What became of an attempt to put something into a datagram.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Put {
    /// It is in, or there was nothing to put; go on.
    Done,
    /// The datagram is full.
    Full,
    /// The reliable window is full; unreliable messages may go on.
    HeldBack,
    /// The sequence numbers of the channel are used up; its unreliable messages, and other channels may go
    /// on.
    ChannelHeldBack,
}

/// Puts the next reliable command.
#[inline(always)]
pub(super) fn put_reliable(
    messages: &mut MessageQueue,
    flow: &mut Flow<'_>,
    datagram: &mut Datagram<'_>,
) -> Put {
    let Some(message) = messages.first_reliable() else { return Put::Done };
    let is_at_last = message.is_at_last();
    let number = message.channel();
    let (sequence, length) = (message.next_sequence(), message.next_length());
    let is_allowed = flow.may_send(length);
    let Some(outgoing) = flow.channels.used(number).map(|channel| &mut channel.outgoing) else {
        // Queued before the remote host agreed to fewer channels.
        messages.pop_reliable();
        return Put::Done;
    };
    if !is_allowed {
        return Put::HeldBack;
    }
    if !outgoing.sequence_window_is_open(sequence) {
        return Put::ChannelHeldBack;
    }
    let command = reliable_command(number, sequence, message.next_body());
    if !datagram.fits(&command) {
        return Put::Full;
    }
    datagram.put_reliable(&command);
    if let Some(fragment) = messages.on_reliable_sent(is_at_last) {
        let content = Content::Message(fragment);
        flow.recovery.on_sent(outgoing, sequence, content, length as u16, flow.now, flow.timeout);
    }
    Put::Done
}

/// Puts the next unreliable command, or drops a message that cannot be sent any more.
#[inline(always)]
pub(super) fn put_unreliable(
    messages: &mut MessageQueue,
    flow: &mut Flow<'_>,
    datagram: &mut Datagram<'_>,
) -> Put {
    let Some(message) = messages.first_unreliable() else { return Put::Done };
    let is_at_last = message.is_at_last();
    let channel = message.channel();
    if let Unreliable::Sequenced { follows, .. } = *message.kind()
        && !flow.channels.used(channel).is_some_and(|channel| channel.outgoing.can_follow(follows))
    {
        messages.pop_unreliable();
        return Put::Done;
    }
    let (sequence, body) = message.next_command();
    let command = Command { wants_acknowledgement: false, channel, sequence, body };
    if !datagram.fits(&command) {
        return Put::Full;
    }
    // The throttle drops whole messages, never the rest of one.
    if message.is_new() && !flow.window.admits_unreliable() {
        flow.drops.add(DropReason::Throttle);
        messages.pop_unreliable();
        return Put::Done;
    }
    datagram.put(&command);
    messages.on_unreliable_sent(is_at_last);
    Put::Done
}

/// Puts what is to be sent again.
#[cold]
pub(super) fn put_some_lost(flow: Flow<'_>, datagram: &mut Datagram<'_>) -> Put {
    while flow.recovery.has_lost() {
        let reserve = flow.reserve();
        let Some((channel, sequence, sent)) = flow.recovery.first_lost(flow.channels) else { break };
        let reserve = if sent.length() as usize <= LARGEST_COPY { reserve } else { 0 };
        let allowance = flow.allowance.saturating_add(reserve);
        if sent.length() > allowance.saturating_sub(flow.recovery.bytes_in_flight()) {
            return Put::HeldBack;
        }
        let command = reliable_command(channel, sequence, sent.content.body(sequence));
        if !datagram.fits(&command) {
            return Put::Full;
        }
        let size = command.size();
        datagram.put_reliable(&command);
        flow.recovery.on_retransmitted(channel, sequence, sent, flow.now, size);
    }
    Put::Done
}

/// Puts early copies, up to so many of each, of small commands that are not acknowledged yet into what is
/// left of a datagram: first the urgent ones, of which the oldest hold up the most, then those of the newest
/// commands.
pub(super) fn put_copies(copies: u8, flow: Flow<'_>, datagram: &mut Datagram<'_>) {
    let Flow { now, channels, recovery, .. } = flow;
    let mut put = |channel: u8, sequence: u16, sent: &mut Sent, is_urgent: bool| {
        if recovery.is_copy_urgent(now, sent, copies) != Some(is_urgent) {
            return;
        }
        let command = reliable_command(channel, sequence, sent.content.body(sequence));
        let size = command.size();
        let is_paid = recovery.is_copy_paid(now, sent, size, is_urgent);
        if is_paid && size <= LARGEST_COPY && datagram.fits(&command) {
            datagram.put_copy(&command);
            recovery.on_copied(channel, sequence, sent, now, size);
        }
    };
    for (channel, outgoing) in channels.all_outgoing() {
        let oldest = outgoing.in_flight.newest(COPIED_COMMANDS).rev();
        oldest.for_each(|(sequence, sent)| put(channel, sequence, sent, true));
    }
    for (channel, outgoing) in channels.all_outgoing() {
        let newest = outgoing.in_flight.newest(COPIED_COMMANDS);
        newest.for_each(|(sequence, sent)| put(channel, sequence, sent, false));
    }
}

pub(super) fn reliable_command(channel: u8, sequence: u16, body: Body<'_>) -> Command<'_> {
    Command { wants_acknowledgement: true, channel, sequence, body }
}
