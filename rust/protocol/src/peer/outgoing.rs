//! The sending half of a connection: what is queued, what is under way, and how datagrams are filled from both.

use super::channel::Channels;
use super::datagram::Datagram;
use super::in_flight::{InFlight, Sent};
use super::message::{Message, Part, Pieces, Reliable, Unreliable};
use super::repetitions::{Attempt, Repetitions};
use super::throttle::Throttle;
use super::timeout::Timeout;
use crate::wire::command::{Body, Command};
use crate::wire::{ACKNOWLEDGE_SIZE, FRAGMENT_COMMAND_SIZE, HEADER_SIZE, SYSTEM_CHANNEL};
use crate::{PacketFlags, Time};
use bytes::Bytes;
use std::collections::VecDeque;

/// Fragments that a message may have: with more, its last ones could be too far ahead of its first to be told from old
/// ones, and the connection would end. 32 MiB are a few fragments more at the usual MTU.
const MAXIMUM_FRAGMENTS: usize = 6 * 4096;

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

/// What limits sending at the moment.
#[derive(Debug)]
pub(crate) struct Flow<'a> {
    pub(crate) now: Time,
    /// Bytes of reliable payload that may be under way.
    pub(crate) window: u32,
    /// Milliseconds that the first attempt of a reliable command may stay unacknowledged.
    pub(crate) timeout: u32,
    /// When it is overdue.
    pub(crate) overdue: Time,
    pub(crate) throttle: &'a mut Throttle,
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

/// The sending half of one connection.
#[derive(Debug)]
pub(crate) struct Outgoing {
    acknowledgements: VecDeque<Acknowledgement>,
    /// Commands of the connection itself, all reliable, with their numbers.
    system: VecDeque<(u16, Body<'static>)>,
    system_sequence: u16,
    system_in_flight: InFlight<Body<'static>>,
    reliable: VecDeque<Message<Reliable>>,
    unreliable: VecDeque<Message<Unreliable>>,
    /// Number of messages queued so far.
    order: u64,
    /// Bytes of messages queued since bandwidth was last shared out.
    queued_bytes: u64,
    unsequenced_group: u16,
    repetitions: Repetitions,
    /// Channel and number of commands to send again, before all others.
    lost: VecDeque<(u8, u16)>,
    /// Reliable commands that were sent and not acknowledged, lost ones included.
    unacknowledged: usize,
    /// Bytes of reliable payload under way.
    in_transit: u32,
}

impl Outgoing {
    /// `first_sequence` is the number before the first one.
    pub(crate) fn new(first_sequence: u16) -> Self {
        Self {
            acknowledgements: VecDeque::new(),
            system: VecDeque::new(),
            system_sequence: first_sequence,
            system_in_flight: InFlight::new(),
            reliable: VecDeque::new(),
            unreliable: VecDeque::new(),
            order: 0,
            queued_bytes: 0,
            unsequenced_group: first_sequence,
            repetitions: Repetitions::default(),
            lost: VecDeque::new(),
            unacknowledged: 0,
            in_transit: 0,
        }
    }

    /// Queues an ACKNOWLEDGE.
    pub(crate) fn acknowledge(&mut self, acknowledgement: Acknowledgement) {
        self.acknowledgements.push_back(acknowledgement);
    }

    /// Acknowledgements are waiting to be sent.
    pub(crate) fn owes_acknowledgements(&self) -> bool {
        !self.acknowledgements.is_empty()
    }

    /// Commands of the connection itself that are queued or not acknowledged.
    pub(crate) fn system_backlog(&self) -> usize {
        self.system.len() + self.system_in_flight.len()
    }

    /// Queues a command of the connection itself.
    pub(crate) fn queue_system(&mut self, body: Body<'static>) {
        self.system_sequence = self.system_sequence.wrapping_add(1);
        self.system.push_back((self.system_sequence, body));
    }

    /// Queues a message for a channel that exists; `mtu` is the largest datagram, bytes.
    pub(crate) fn queue_message(
        &mut self,
        channels: &mut Channels,
        index: u8,
        payload: Bytes,
        flags: PacketFlags,
        mtu: usize,
    ) {
        let Some(channel) = channels.get(index) else {
            return;
        };
        let piece = mtu - HEADER_SIZE - FRAGMENT_COMMAND_SIZE;
        let is_cut = payload.len() > piece;
        let length = payload.len();
        let pieces = Pieces::new(payload, piece);
        let order = self.order;
        self.order += 1;
        self.queued_bytes += length as u64;
        let reliable = flags.contains(PacketFlags::RELIABLE);
        if !reliable && !is_cut && flags.contains(PacketFlags::UNSEQUENCED) {
            self.unsequenced_group = self.unsequenced_group.wrapping_add(1);
            let kind = Unreliable::Unsequenced { group: self.unsequenced_group };
            self.unreliable.push_back(Message::new(order, index, kind, pieces));
        } else if !reliable
            && (!is_cut || flags.contains(PacketFlags::UNRELIABLE_FRAGMENT))
            && channel.outgoing_unreliable < u16::MAX
        {
            channel.outgoing_unreliable += 1;
            let kind = Unreliable::Sequenced {
                follows: channel.outgoing_reliable,
                number: channel.outgoing_unreliable,
            };
            self.unreliable.push_back(Message::new(order, index, kind, pieces));
        } else {
            // Also where an unreliable message would find no number left: ENet makes it reliable, which begins anew.
            let kind = Reliable { first: (channel.outgoing_reliable + 1) as u16 };
            let message = Message::new(order, index, kind, pieces);
            channel.outgoing_reliable += u64::from(message.count());
            channel.outgoing_unreliable = 0;
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

    /// Forgets everything queued and under way, as the connection ends. Acknowledgements are still owed.
    pub(crate) fn clear(&mut self) {
        let acknowledgements = std::mem::take(&mut self.acknowledgements);
        *self = Self { acknowledgements, ..Self::new(self.system_sequence) };
    }

    /// Nobody waits for acknowledgements any more.
    pub(crate) fn forget_acknowledgements(&mut self) {
        self.acknowledgements.clear();
    }

    /// Something is queued; the reliable window may hold it back.
    pub(crate) fn has_queued(&self) -> bool {
        !self.acknowledgements.is_empty() || !self.unreliable.is_empty() || self.has_reliable_queued()
    }

    /// A reliable command is queued; the reliable window may hold it back.
    pub(crate) fn has_reliable_queued(&self) -> bool {
        !(self.lost.is_empty() && self.system.is_empty() && self.reliable.is_empty())
    }

    /// Nothing is queued and nothing awaits an acknowledgement.
    pub(crate) fn is_idle(&self) -> bool {
        self.expects_no_acknowledgement() && self.unreliable.is_empty()
    }

    /// Nothing is queued or under way that the remote host would acknowledge.
    pub(crate) fn expects_no_acknowledgement(&self) -> bool {
        self.unacknowledged == 0 && self.system.is_empty() && self.reliable.is_empty()
    }

    /// Takes in the acknowledgement of a message's command; `false` if nothing waited for it.
    pub(crate) fn message_acknowledged(
        &mut self,
        channels: &mut Channels,
        channel: u8,
        sequence: u16,
    ) -> bool {
        let Some(sent) = channels.used(channel).and_then(|channel| channel.in_flight.take(sequence)) else {
            return false;
        };
        self.unacknowledged -= 1;
        if !sent.lost {
            self.in_transit -= sent.content.length();
        }
        true
    }

    /// Takes in the acknowledgement of a command of the connection itself: the command, if one waited for it.
    pub(crate) fn system_acknowledged(&mut self, sequence: u16) -> Option<Sent<Body<'static>>> {
        let sent = self.system_in_flight.take(sequence)?;
        self.unacknowledged -= 1;
        Some(sent)
    }

    /// When the next reliable command is overdue if it stays unacknowledged.
    pub(crate) fn deadline(&mut self, channels: &mut Channels) -> Option<Time> {
        if self.unacknowledged == 0 {
            self.repetitions.clear();
            return None;
        }
        let of_channels = channels.all_used().filter_map(|(_, channel)| channel.in_flight.first_deadline());
        let others = [self.system_in_flight.first_deadline(), self.repetitions.deadline()];
        of_channels.chain(others.into_iter().flatten()).min()
    }

    /// Marks overdue commands as lost, to be sent again, and calls `on_loss` for each. `true` if the peer has been
    /// silent for so long that it has to be given up.
    pub(crate) fn expire(
        &mut self,
        now: Time,
        channels: &mut Channels,
        timeout: &mut Timeout,
        mut on_loss: impl FnMut(),
    ) -> bool {
        let mut dead = false;
        let mut lose = |channel, sequence, is_enough| {
            self.lost.push_back((channel, sequence));
            dead |= is_enough;
            on_loss();
        };
        self.repetitions.expire(|attempt| {
            let &Attempt { channel, sequence, sent_at } = attempt;
            if channel == SYSTEM_CHANNEL {
                let sent = self.system_in_flight.get_mut(sequence)?;
                let deadline = sent.deadline(sent_at)?;
                if deadline > now {
                    return Some(deadline);
                }
                lose(channel, sequence, sent.lose(now, timeout));
            } else {
                let sent = channels.used(channel)?.in_flight.get_mut(sequence)?;
                let deadline = sent.deadline(sent_at)?;
                if deadline > now {
                    return Some(deadline);
                }
                self.in_transit -= sent.content.length();
                lose(channel, sequence, sent.lose(now, timeout));
            }
            None
        });
        while let Some((sequence, sent)) = self.system_in_flight.first_overdue(now) {
            lose(SYSTEM_CHANNEL, sequence, sent.lose(now, timeout));
        }
        for (number, channel) in channels.all_used() {
            while let Some((sequence, sent)) = channel.in_flight.first_overdue(now) {
                self.in_transit -= sent.content.length();
                lose(number, sequence, sent.lose(now, timeout));
            }
        }
        dead
    }

    /// Sends the oldest unacknowledged command of the connection itself again at once, without waiting longer for the
    /// answer than before.
    pub(crate) fn repeat_oldest_system(&mut self) {
        let Some(sequence) = self.system_in_flight.oldest() else { return };
        if let Some(sent) = self.system_in_flight.get_mut(sequence).filter(|sent| !sent.lost) {
            sent.lost = true;
            self.lost.push_back((SYSTEM_CHANNEL, sequence));
        }
    }

    /// Fills a datagram: acknowledgements, then what was lost, then commands of the connection, then messages in
    /// the order in which they were queued. Reliable ones that the window holds back let unreliable ones pass.
    pub(crate) fn fill(&mut self, channels: &mut Channels, flow: &mut Flow<'_>, datagram: &mut Datagram<'_>) {
        if self.put_acknowledgements(datagram) == Put::Full {
            return;
        }
        let lost = self.put_lost(channels, flow, datagram);
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
                    reliable = self.put_reliable(channels, flow, datagram);
                    reliable
                }
                _ => self.put_unreliable(channels, flow, datagram),
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
        let fitting = all.min(datagram.room() / ACKNOWLEDGE_SIZE);
        for Acknowledgement { channel, sequence, sent_time } in self.acknowledgements.drain(..fitting) {
            let body = Body::Acknowledge { sequence, sent_time };
            datagram.put(&Command { wants_acknowledgement: false, channel, sequence, body });
        }
        if fitting < all { Put::Full } else { Put::Done }
    }

    fn put_lost(&mut self, channels: &mut Channels, flow: &Flow<'_>, datagram: &mut Datagram<'_>) -> Put {
        while let Some(&(channel, sequence)) = self.lost.front() {
            let attempt = Attempt { channel, sequence, sent_at: flow.now };
            let room = flow.window.saturating_sub(self.in_transit);
            let resent = if channel == SYSTEM_CHANNEL {
                resend(Some(&mut self.system_in_flight), &attempt, room, datagram)
            } else {
                resend(channels.used(channel).map(|channel| &mut channel.in_flight), &attempt, room, datagram)
            };
            match resent {
                Resend::NotPut(put) => return put,
                Resend::Acknowledged => {}
                Resend::Sent { length, deadline } => {
                    self.in_transit += length;
                    self.repetitions.add(attempt, deadline);
                }
            }
            self.lost.pop_front();
        }
        Put::Done
    }

    fn put_system(&mut self, flow: &Flow<'_>, datagram: &mut Datagram<'_>) -> Put {
        while let Some(&(sequence, body)) = self.system.front() {
            let command = reliable_command(SYSTEM_CHANNEL, sequence, body);
            if !datagram.fits(&command) {
                return Put::Full;
            }
            datagram.put_reliable(&command, flow.overdue);
            self.system.pop_front();
            self.system_in_flight.push(sequence, Sent::first_attempt(body, flow.now, flow.timeout));
            self.unacknowledged += 1;
        }
        Put::Done
    }

    fn put_reliable(&mut self, channels: &mut Channels, flow: &Flow<'_>, datagram: &mut Datagram<'_>) -> Put {
        let Some(message) = self.reliable.front_mut() else {
            return Put::Done;
        };
        let index = message.channel();
        let Some(channel) = channels.get(index) else {
            // Queued before the remote host agreed to fewer channels.
            self.reliable.pop_front();
            return Put::Done;
        };
        let (sequence, length) = (message.next_sequence(), message.next_length());
        if self.in_transit + length > flow.window || !channel.window_is_open(sequence) {
            return Put::HeldBack;
        }
        let command = reliable_command(index, sequence, message.next_body());
        if !datagram.fits(&command) {
            return Put::Full;
        }
        datagram.put_reliable(&command, flow.overdue);
        let part = if message.is_at_last() {
            self.reliable.pop_front().map(Message::into_part)
        } else {
            Some(message.split_part())
        };
        if let Some(part) = part {
            channel.in_flight.push(sequence, Sent::first_attempt(part, flow.now, flow.timeout));
        }
        channel.sent_reliable += 1;
        self.in_transit += length;
        self.unacknowledged += 1;
        Put::Done
    }

    fn put_unreliable(
        &mut self,
        channels: &mut Channels,
        flow: &mut Flow<'_>,
        datagram: &mut Datagram<'_>,
    ) -> Put {
        let Some(message) = self.unreliable.front_mut() else { return Put::Done };
        if let Unreliable::Sequenced { follows, .. } = *message.kind()
            && !channels.used(message.channel()).is_some_and(|channel| channel.can_follow(follows))
        {
            self.unreliable.pop_front();
            return Put::Done;
        }
        let (sequence, body) = message.next_command();
        let command = Command { wants_acknowledgement: false, channel: message.channel(), sequence, body };
        if !datagram.fits(&command) {
            return Put::Full;
        }
        // The throttle drops whole messages, never the rest of one.
        if message.is_new() && !flow.throttle.admits() {
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

/// What became of a lost command.
enum Resend {
    /// It was acknowledged after all.
    Acknowledged,
    Sent {
        /// Bytes of its payload.
        length: u32,
        /// When it is overdue again.
        deadline: Time,
    },
    NotPut(Put),
}

fn resend<C: Carried>(
    in_flight: Option<&mut InFlight<C>>,
    attempt: &Attempt,
    room: u32,
    datagram: &mut Datagram<'_>,
) -> Resend {
    let sent = in_flight.and_then(|in_flight| in_flight.get_mut(attempt.sequence)).filter(|sent| sent.lost);
    let Some(sent) = sent else {
        return Resend::Acknowledged;
    };
    let length = sent.content.length();
    if length > room {
        return Resend::NotPut(Put::HeldBack);
    }
    let command = reliable_command(attempt.channel, attempt.sequence, sent.content.body(attempt.sequence));
    if !datagram.fits(&command) {
        return Resend::NotPut(Put::Full);
    }
    let deadline = attempt.sent_at.after(sent.timeout);
    datagram.put_reliable(&command, deadline);
    sent.next_attempt(attempt.sent_at);
    Resend::Sent { length, deadline }
}

fn reliable_command(channel: u8, sequence: u16, body: Body<'_>) -> Command<'_> {
    Command { wants_acknowledgement: true, channel, sequence, body }
}

/// What a reliable command under way can be sent again from.
trait Carried {
    fn body(&self, sequence: u16) -> Body<'_>;
    /// Bytes that it takes of the reliable window.
    fn length(&self) -> u32;
}

impl Carried for Part {
    fn body(&self, sequence: u16) -> Body<'_> {
        self.body(sequence)
    }

    fn length(&self) -> u32 {
        self.length()
    }
}

impl Carried for Body<'static> {
    fn body(&self, _: u16) -> Body<'_> {
        *self
    }

    fn length(&self) -> u32 {
        0
    }
}
