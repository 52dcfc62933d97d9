//! What a connection has to send, and how datagrams are filled with it: acknowledgements, lost commands,
//! commands of the connection itself, and messages.

use super::channel::Channels;
use super::control::{Content, Control};
use super::datagram::Datagram;
use super::message::{FragmentedPayload, Message, Reliable, Unreliable};
use super::recovery::Recovery;
use super::recovery::in_flight::Sent;
use super::recovery::redundancy::LARGEST_COPY;
use super::window::Window;
use crate::drops::PeerDropCounters;
use crate::wire::command::{Body, Command};
use crate::wire::{ACKNOWLEDGE_SIZE, FRAGMENT_COMMAND_SIZE, HEADER_SIZE, SYSTEM_CHANNEL};
use crate::{DropReason, PacketFlags, Time, Traffic};
use bytes::Bytes;
use std::collections::VecDeque;

/// The largest number of fragments of a message: with more, its last ones could be too far ahead of its first
/// to be told from old ones, and the connection would end. 32 MiB are a few fragments more at the usual MTU.
const MAXIMUM_FRAGMENTS: usize = 6 * 4096;

/// The number of commands, the last ones sent on each channel, of which early copies may be made.
const COPIED_COMMANDS: usize = 32;

/// The largest message, bytes, that datagrams of `mtu` bytes can carry.
pub(crate) fn largest_message(mtu: usize) -> usize {
    (mtu - HEADER_SIZE - FRAGMENT_COMMAND_SIZE) * MAXIMUM_FRAGMENTS
}

/// An ACKNOWLEDGE to be sent.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Acknowledgement {
    pub(crate) channel: u8,
    pub(crate) sequence: u16,
    /// The sender's clock, echoed so that it can measure the round trip.
    pub(crate) sent_time: u16,
}

/// The rest of the connection, as far as filling a datagram needs it.
#[derive(Debug)]
pub(crate) struct Flow<'a> {
    pub(crate) now: Time,
    /// Bytes of reliable payload that may be under way.
    pub(crate) allowance: u32,
    /// Milliseconds that a reliable command may stay unacknowledged in ENet.
    pub(crate) timeout: u32,
    /// Early copies that are to be made of each small reliable command.
    pub(crate) copies: u8,
    /// They may go out although nothing else does.
    pub(crate) sends_lone_copies: bool,
    pub(crate) channels: &'a mut Channels,
    pub(crate) recovery: &'a mut Recovery,
    pub(crate) window: &'a mut Window,
    /// Counts what is sent again.
    pub(crate) traffic: &'a mut Traffic,
    pub(crate) drops: &'a mut PeerDropCounters,
}

impl Flow<'_> {
    /// Whether a reliable command with `length` bytes of payload may be under way as well.
    #[inline]
    fn may_send(&self, length: u32) -> bool {
        length <= self.allowance.saturating_sub(self.recovery.bytes_in_flight())
    }
}

/// What became of an attempt to put something into a datagram.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Put {
    /// It is in, or there was nothing to put; go on.
    Done,
    /// The datagram is full.
    Full,
    /// The reliable window is full; unreliable messages may go on.
    HeldBack,
}

/// The queues of one connection.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    acknowledgements: VecDeque<Acknowledgement>,
    /// Commands of the connection itself, with their numbers.
    system: VecDeque<(u16, Control)>,
    reliable: VecDeque<Message<Reliable>>,
    unreliable: VecDeque<Message<Unreliable>>,
    /// The number of messages queued so far.
    order: u64,
    /// Bytes of messages queued since bandwidth was last shared out.
    queued_bytes: u64,
    unsequenced_group: u16,
}

impl SendQueue {
    /// `first_group` is the unsequenced group before the first one.
    pub(crate) fn new(first_group: u16) -> Self {
        Self { unsequenced_group: first_group, ..Self::default() }
    }

    /// Queues an ACKNOWLEDGE.
    pub(crate) fn acknowledge(&mut self, acknowledgement: Acknowledgement) {
        self.acknowledgements.push_back(acknowledgement);
    }

    /// Whether acknowledgements wait to be sent.
    pub(crate) fn owes_acknowledgements(&self) -> bool {
        !self.acknowledgements.is_empty()
    }

    /// The number of commands of the connection itself that wait to be sent.
    pub(crate) fn system_len(&self) -> usize {
        self.system.len()
    }

    /// Queues a command of the connection itself.
    pub(crate) fn queue_control(&mut self, channels: &mut Channels, control: Control) {
        let system = channels.system();
        system.queued_reliable += 1;
        self.system.push_back((system.queued_reliable as u16, control));
    }

    /// Queues a message for a channel that exists; `mtu` is the largest datagram, bytes.
    pub(crate) fn queue_message(
        &mut self,
        channels: &mut Channels,
        number: u8,
        payload: Bytes,
        flags: PacketFlags,
        mtu: usize,
    ) {
        let Some(channel) = channels.get(number).map(|channel| &mut channel.outgoing) else {
            return;
        };
        let fragment_size = mtu - HEADER_SIZE - FRAGMENT_COMMAND_SIZE;
        let length = payload.len();
        let is_fragmented = length > fragment_size;
        let payload = FragmentedPayload::new(payload, fragment_size);
        let order = self.order;
        self.order += 1;
        self.queued_bytes += length as u64;
        channel.queued_bytes += length as u64;
        let reliable = flags.contains(PacketFlags::RELIABLE);
        if !reliable && !is_fragmented && flags.contains(PacketFlags::UNSEQUENCED) {
            self.unsequenced_group = self.unsequenced_group.wrapping_add(1);
            let kind = Unreliable::Unsequenced { group: self.unsequenced_group };
            self.unreliable.push_back(Message::new(order, number, kind, payload));
        } else if !reliable
            && (!is_fragmented || flags.contains(PacketFlags::UNRELIABLE_FRAGMENT))
            && channel.queued_unreliable < u16::MAX
        {
            channel.queued_unreliable += 1;
            let kind =
                Unreliable::Sequenced { follows: channel.queued_reliable, number: channel.queued_unreliable };
            self.unreliable.push_back(Message::new(order, number, kind, payload));
        } else {
            // Also if an unreliable message would find no number left: ENet makes it reliable, and the
            // numbers of the unreliable ones begin anew.
            let kind = Reliable { first: (channel.queued_reliable + 1) as u16 };
            let message = Message::new(order, number, kind, payload);
            channel.queued_reliable += u64::from(message.count());
            channel.queued_unreliable = 0;
            self.reliable.push_back(message);
        }
    }

    /// Bytes of messages queued since the last [`Self::forget_queued_bytes`].
    pub(crate) fn queued_bytes(&self) -> u64 {
        self.queued_bytes
    }

    pub(crate) fn forget_queued_bytes(&mut self) {
        self.queued_bytes = 0;
    }

    /// Forgets everything but the acknowledgements, as the connection ends.
    pub(crate) fn clear(&mut self) {
        self.system.clear();
        self.reliable.clear();
        self.unreliable.clear();
        self.queued_bytes = 0;
    }

    /// Forgets the acknowledgements, as nobody waits for them any more.
    pub(crate) fn forget_acknowledgements(&mut self) {
        self.acknowledgements.clear();
    }

    /// Whether nothing is queued but acknowledgements.
    pub(crate) fn is_empty(&self) -> bool {
        !self.has_reliable() && self.unreliable.is_empty()
    }

    /// Whether messages wait to be sent.
    pub(crate) fn has_messages(&self) -> bool {
        !(self.reliable.is_empty() && self.unreliable.is_empty())
    }

    /// Whether a command is queued that the remote host will acknowledge.
    pub(crate) fn has_reliable(&self) -> bool {
        !(self.system.is_empty() && self.reliable.is_empty())
    }

    /// Fills a datagram: acknowledgements, then lost commands, then commands of the connection, then messages
    /// in the order in which they were queued. Reliable ones that the window holds back let unreliable ones
    /// pass.
    pub(crate) fn fill(&mut self, flow: &mut Flow<'_>, datagram: &mut Datagram<'_>) {
        self.put_queued(flow, datagram);
        // Not with acknowledgements alone: more often follows in the same millisecond, and what an
        // acknowledgement echoes could not say in which of the two datagrams a copy has arrived.
        if flow.copies > 0 && (flow.sends_lone_copies || datagram.commands > 0) {
            put_copies(flow, datagram);
        }
    }

    fn put_queued(&mut self, flow: &mut Flow<'_>, datagram: &mut Datagram<'_>) {
        if self.put_acknowledgements(datagram) == Put::Full {
            return;
        }
        let lost = put_lost(flow, datagram);
        if lost == Put::Full || self.put_system(flow, datagram) == Put::Full {
            return;
        }
        let mut reliable = lost;
        loop {
            let next_reliable =
                self.reliable.front().filter(|_| reliable == Put::Done).map(|message| message.order());
            let next_unreliable = self.unreliable.front().map(|message| message.order());
            let put = match (next_reliable, next_unreliable) {
                (None, None) => return,
                (Some(order), other) if other.is_none_or(|other| order < other) => {
                    reliable = self.put_reliable(flow, datagram);
                    reliable
                }
                (Some(_) | None, _) => self.put_unreliable(flow, datagram),
            };
            if put == Put::Full {
                return;
            }
        }
    }

    fn put_acknowledgements(&mut self, datagram: &mut Datagram<'_>) -> Put {
        if self.acknowledgements.is_empty() {
            return Put::Done;
        }
        let all = self.acknowledgements.len();
        let fitting = all.min(datagram.free_bytes() / ACKNOWLEDGE_SIZE);
        for Acknowledgement { channel, sequence, sent_time } in self.acknowledgements.drain(..fitting) {
            let body = Body::Acknowledge { sequence, sent_time };
            datagram.put(&Command { wants_acknowledgement: false, channel, sequence, body });
        }
        if fitting < all { Put::Full } else { Put::Done }
    }

    fn put_system(&mut self, flow: &mut Flow<'_>, datagram: &mut Datagram<'_>) -> Put {
        while let Some((sequence, control)) = self.system.front() {
            let command = reliable_command(SYSTEM_CHANNEL, *sequence, control.body());
            if !datagram.fits(&command) {
                return Put::Full;
            }
            datagram.put_reliable(&command);
            let Some((sequence, control)) = self.system.pop_front() else { break };
            let content = Content::Control(control);
            flow.recovery.on_sent(flow.channels.system(), sequence, content, 0, flow.now, flow.timeout);
        }
        Put::Done
    }

    fn put_reliable(&mut self, flow: &mut Flow<'_>, datagram: &mut Datagram<'_>) -> Put {
        let Some(message) = self.reliable.front_mut() else {
            return Put::Done;
        };
        let number = message.channel();
        let (sequence, length) = (message.next_sequence(), message.next_length());
        let is_allowed = flow.may_send(length);
        let Some(channel) = flow.channels.get(number).map(|channel| &mut channel.outgoing) else {
            // Queued before the remote host agreed to fewer channels.
            self.reliable.pop_front();
            return Put::Done;
        };
        if !is_allowed || !channel.sequence_window_is_open(sequence) {
            return Put::HeldBack;
        }
        let command = reliable_command(number, sequence, message.next_body());
        if !datagram.fits(&command) {
            return Put::Full;
        }
        datagram.put_reliable(&command);
        let fragment = if message.is_at_last() {
            self.reliable.pop_front().map(Message::into_last_fragment)
        } else {
            Some(message.split_fragment())
        };
        if let Some(fragment) = fragment {
            let content = Content::Message(fragment);
            flow.recovery.on_sent(channel, sequence, content, length as u16, flow.now, flow.timeout);
        }
        Put::Done
    }

    fn put_unreliable(&mut self, flow: &mut Flow<'_>, datagram: &mut Datagram<'_>) -> Put {
        let Some(message) = self.unreliable.front_mut() else { return Put::Done };
        let channel = message.channel();
        if let Unreliable::Sequenced { follows, .. } = *message.kind()
            && !flow.channels.used(channel).is_some_and(|channel| channel.outgoing.can_follow(follows))
        {
            self.unreliable.pop_front();
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
            self.unreliable.pop_front();
            return Put::Done;
        }
        datagram.put(&command);
        if message.is_at_last() {
            self.unreliable.pop_front();
        } else {
            message.advance();
        }
        Put::Done
    }
}

fn put_lost(flow: &mut Flow<'_>, datagram: &mut Datagram<'_>) -> Put {
    while flow.recovery.has_lost() {
        let Some((channel, sequence, sent)) = flow.recovery.first_lost(flow.channels) else { break };
        if sent.length() > flow.allowance.saturating_sub(flow.recovery.bytes_in_flight()) {
            return Put::HeldBack;
        }
        let command = reliable_command(channel, sequence, sent.content.body(sequence));
        if !datagram.fits(&command) {
            return Put::Full;
        }
        flow.traffic.retransmitted_bytes += command.size() as u64;
        datagram.put_reliable(&command);
        flow.recovery.on_retransmitted(channel, sequence, sent, flow.now);
    }
    Put::Done
}

/// Puts early copies of small commands that are not acknowledged yet into what is left of a datagram: first
/// the urgent ones, of which the oldest hold up the most, then those of the newest commands.
fn put_copies(flow: &mut Flow<'_>, datagram: &mut Datagram<'_>) {
    let Flow { now, copies, channels, recovery, traffic, .. } = flow;
    let mut put = |channel: u8, sequence: u16, sent: &mut Sent, is_urgent: bool| {
        if recovery.is_copy_urgent(*now, sent, *copies) != Some(is_urgent) {
            return;
        }
        let command = reliable_command(channel, sequence, sent.content.body(sequence));
        let size = command.size();
        // The more copies there are already, the more is left for those that will be urgent or newer.
        let reserve = if is_urgent { 0 } else { size * (1 + usize::from(sent.copies())) };
        let is_paid = size + reserve <= recovery.redundancy.budget(*now);
        if is_paid && size <= LARGEST_COPY && datagram.fits(&command) {
            datagram.put_copy(&command);
            recovery.on_copied(channel, sequence, sent, *now, size);
            traffic.redundant_bytes += size as u64;
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

fn reliable_command(channel: u8, sequence: u16, body: Body<'_>) -> Command<'_> {
    Command { wants_acknowledgement: true, channel, sequence, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PeerId;

    /// What is needed to fill datagrams of a connection with one channel.
    struct Sender {
        queue: SendQueue,
        channels: Channels,
        recovery: Recovery,
        window: Window,
        traffic: Traffic,
        drops: PeerDropCounters,
    }

    impl Sender {
        fn new() -> Self {
            Self {
                queue: SendQueue::new(0),
                channels: Channels::new(1, 0),
                recovery: Recovery::new(PeerId { slot: 0, generation: 1 }, 0),
                window: Window::new(),
                traffic: Traffic::default(),
                drops: PeerDropCounters::default(),
            }
        }

        fn queue(&mut self, length: usize, flags: PacketFlags) {
            self.queue.queue_message(&mut self.channels, 0, vec![0; length].into(), flags, 1392);
        }

        /// Bytes of the next datagram, if `allowance` bytes of reliable payload may be under way.
        fn fill(&mut self, allowance: u32) -> usize {
            let mut out = Vec::new();
            let mut flow = Flow {
                now: Time::from_millis(1),
                allowance,
                timeout: 100,
                copies: 0,
                sends_lone_copies: false,
                channels: &mut self.channels,
                recovery: &mut self.recovery,
                window: &mut self.window,
                traffic: &mut self.traffic,
                drops: &mut self.drops,
            };
            self.queue.fill(&mut flow, &mut Datagram::new(&mut out, 1392));
            out.len()
        }
    }

    #[test]
    fn unreliable_messages_pass_reliable_ones_that_the_window_holds_back() {
        let mut sender = Sender::new();
        sender.queue(1000, PacketFlags::RELIABLE);
        sender.queue(1000, PacketFlags::RELIABLE);
        sender.queue(100, PacketFlags::UNSEQUENCED);
        assert_eq!(sender.fill(1500), 6 + 1000 + 8 + 100);
        assert_eq!(sender.fill(1500), 0);
        assert!(sender.queue.has_reliable());
        assert_eq!(sender.fill(2000), 6 + 1000);
        assert!(sender.queue.is_empty() && !sender.recovery.is_idle());
    }

    #[test]
    fn what_the_throttle_drops_is_counted() {
        let mut sender = Sender::new();
        sender.window.throttle.set_limit(0);
        (0..32).for_each(|_| sender.queue(10, PacketFlags::empty()));
        assert_eq!(sender.fill(65_536), 8 + 10);
        assert_eq!(sender.drops.get().unwrap().count(DropReason::Throttle), 31);
    }

    #[test]
    fn acknowledgements_survive_the_end_of_the_connection() {
        let mut sender = Sender::new();
        sender.queue(1000, PacketFlags::RELIABLE);
        sender.queue.queue_control(&mut sender.channels, Control::Ping);
        sender.queue.acknowledge(Acknowledgement { channel: 0, sequence: 1, sent_time: 2 });
        sender.queue.clear();
        assert!(sender.queue.is_empty() && sender.queue.owes_acknowledgements());
        assert_eq!(sender.fill(65_536), ACKNOWLEDGE_SIZE);
    }
}
