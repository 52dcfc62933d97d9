//! What a connection has to send, and how datagrams are filled with it: acknowledgements, lost commands,
//! commands of the connection itself, and messages.
//!
//! Messages wait in the order in which they were queued, of all channels together, until those of several
//! channels take more than a datagram. Then each channel gets a [lane](lanes), until nothing waits any more.

mod filling;
mod lanes;
mod messages;
mod repeats;

pub(crate) use filling::Flow;
pub use lanes::CHANNEL_LEVELS;

use super::channel::Channels;
use super::control::{Content, Control};
use super::datagram::Datagram;
use super::message::{FragmentedPayload, Message, Reliable, Unreliable};
use crate::report::Volume;
use crate::wire::command::{Body, Command};
use crate::wire::{ACKNOWLEDGE_SIZE, FRAGMENT_COMMAND_SIZE, HEADER_SIZE, SYSTEM_CHANNEL};
use crate::{PacketFlags, Time};
use bytes::Bytes;
use filling::{Put, put_copies, put_reliable, put_some_lost, put_unreliable, reliable_command};
use lanes::{Lanes, QUANTUM};
use messages::{MessageQueue, Next};
use repeats::AcknowledgementRepeats;
use std::collections::VecDeque;

/// The largest number of fragments of a message: with more, its last ones could be too far ahead of its first
/// to be told from old ones, and the connection would end. 32 MiB are a few fragments more at the usual MTU.
const MAXIMUM_FRAGMENTS: usize = 6 * 4096;

/// Bytes that wait at least where one of several channels has a transfer: more than games send in a moment.
const TRANSFER_BYTES: u64 = 32 << 10;

/// The largest message, bytes, that datagrams of `mtu` bytes can carry.
pub(crate) fn largest_message(mtu: usize) -> usize {
    (mtu - HEADER_SIZE - FRAGMENT_COMMAND_SIZE) * MAXIMUM_FRAGMENTS
}

/// An ACKNOWLEDGE to be sent.
#[derive(Copy, Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Acknowledgement {
    pub(crate) channel: u8,
    pub(crate) sequence: u16,
    /// The sender's clock, echoed so that it can measure the round trip.
    pub(crate) sent_time: u16,
}

impl Acknowledgement {
    /// The command, which goes out once more if it `is_repeat`.
    #[inline(always)]
    fn command(self, is_repeat: bool) -> Command<'static> {
        let Self { channel, sequence, sent_time } = self;
        let body = Body::Acknowledge { sequence, sent_time, is_repeat };
        Command { wants_acknowledgement: false, channel, sequence, body }
    }
}

/// The queues of one connection.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct SendQueue {
    acknowledgements: Vec<Acknowledgement>,
    /// Those that may go out again. Made when a loss of one is seen first.
    repeats: Option<Box<AcknowledgementRepeats>>,
    /// Commands of the connection itself, with their numbers.
    system: VecDeque<(u16, Control)>,
    /// The messages of all channels, if they do not wait in lanes.
    messages: MessageQueue,
    /// The channel of the last message there, and whether there may be some of others.
    last_channel: u8,
    is_mixed: bool,
    /// Made when they are needed first.
    lanes: Option<Box<Lanes>>,
    /// What was lost was put first into the last datagram for which something lost has waited.
    lost_goes_first: bool,
    /// The messages queued so far.
    queued: Volume,
    /// Bytes of them when bandwidth was last shared out.
    shared_bytes: u64,
    unsequenced_group: u16,
}

impl SendQueue {
    /// `first_group` is the unsequenced group before the first one.
    pub(crate) fn new(first_group: u16) -> Self {
        Self { unsequenced_group: first_group, ..Self::default() }
    }

    /// Queues an ACKNOWLEDGE.
    pub(crate) fn acknowledge(&mut self, acknowledgement: Acknowledgement) {
        self.acknowledgements.push(acknowledgement);
    }

    /// A reliable command of so many bytes has arrived that had arrived before.
    #[cold]
    pub(crate) fn on_duplicate(&mut self, bytes: usize) {
        self.repeats.get_or_insert_default().on_duplicate(bytes);
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
        let payload = FragmentedPayload::new(payload, fragment_size);
        let is_fragmented = payload.is_fragmented();
        let order = self.queued.count;
        self.queued.add(length);
        channel.queued_bytes += length as u64;
        let reliable = flags.contains(PacketFlags::RELIABLE);
        if !reliable && !is_fragmented && flags.contains(PacketFlags::UNSEQUENCED) {
            self.unsequenced_group = self.unsequenced_group.wrapping_add(1);
            let kind = Unreliable::Unsequenced { group: self.unsequenced_group };
            self.queue_unreliable(Message::new(order, number, kind, payload));
        } else if !reliable
            && (!is_fragmented || flags.contains(PacketFlags::UNRELIABLE_FRAGMENT))
            && channel.queued_unreliable < u16::MAX
        {
            channel.queued_unreliable += 1;
            let kind =
                Unreliable::Sequenced { follows: channel.queued_reliable, number: channel.queued_unreliable };
            self.queue_unreliable(Message::new(order, number, kind, payload));
        } else {
            // Also if an unreliable message would find no number left: ENet makes it reliable, and the
            // numbers of the unreliable ones begin anew.
            let kind = Reliable { first: (channel.queued_reliable + 1) as u16 };
            channel.queued_reliable += u64::from(payload.count());
            channel.queued_unreliable = 0;
            self.queue_reliable(Message::new(order, number, kind, payload));
        }
    }

    #[inline(always)]
    fn queue_reliable(&mut self, message: Message<Reliable>) {
        if self.uses_lane(message.channel()) {
            self.lanes.get_or_insert_default().push_reliable(message);
        } else {
            self.messages.push_reliable(message);
        }
    }

    #[inline(always)]
    fn queue_unreliable(&mut self, message: Message<Unreliable>) {
        if self.uses_lane(message.channel()) {
            self.lanes.get_or_insert_default().push_unreliable(message);
        } else {
            self.messages.push_unreliable(message);
        }
    }

    /// Whether a message for `channel` has to wait in a lane.
    #[inline(always)]
    fn uses_lane(&mut self, channel: u8) -> bool {
        (self.is_mixed || channel != self.last_channel) && self.mixes(channel)
    }

    /// A message for `channel` is queued, after others or for another channel than the last one. Returns
    /// whether it has to wait in a lane.
    #[inline(never)]
    fn mixes(&mut self, channel: u8) -> bool {
        self.is_mixed = self.has_messages();
        self.last_channel = channel;
        self.has_lanes()
    }

    /// Whether messages wait in lanes.
    #[inline]
    fn has_lanes(&self) -> bool {
        self.lanes.as_ref().is_some_and(|lanes| !lanes.is_empty())
    }

    /// Moves all messages to the lanes of their channels.
    #[inline(never)]
    fn use_lanes(&mut self) {
        let lanes = self.lanes.get_or_insert_default();
        while let Some(message) = self.messages.pop_reliable() {
            lanes.push_reliable(message);
        }
        while let Some(message) = self.messages.pop_unreliable() {
            lanes.push_unreliable(message);
        }
    }

    /// The messages queued so far.
    pub(crate) fn queued(&self) -> Volume {
        self.queued
    }

    /// Bytes of messages queued since the last [`Self::forget_queued_bytes`].
    pub(crate) fn queued_bytes(&self) -> u64 {
        self.queued.bytes - self.shared_bytes
    }

    pub(crate) fn forget_queued_bytes(&mut self) {
        self.shared_bytes = self.queued.bytes;
    }

    /// Forgets everything but the acknowledgements, as the connection ends.
    pub(crate) fn clear(&mut self) {
        self.system.clear();
        self.messages.clear();
        self.lanes = None;
        self.repeats = None;
        self.forget_queued_bytes();
    }

    /// Forgets the acknowledgements, as nobody waits for them any more.
    pub(crate) fn forget_acknowledgements(&mut self) {
        self.acknowledgements.clear();
        self.repeats = None;
    }

    /// Whether nothing is queued but acknowledgements.
    pub(crate) fn is_empty(&self) -> bool {
        self.system.is_empty() && !self.has_messages()
    }

    /// Whether messages wait to be sent.
    pub(crate) fn has_messages(&self) -> bool {
        !self.messages.is_empty() || self.has_lanes()
    }

    /// Whether a command is queued that the remote host will acknowledge.
    pub(crate) fn has_reliable(&self) -> bool {
        !self.system.is_empty()
            || self.messages.has_reliable()
            || self.lanes.as_ref().is_some_and(|lanes| lanes.has_reliable())
    }

    /// Bytes of messages that were not sent yet, on one channel or on all.
    pub(crate) fn bytes_waiting(&self, channel: Option<u8>) -> u64 {
        let in_lanes = self.lanes.as_ref().map_or(0, |lanes| lanes.bytes_waiting(channel));
        self.messages.bytes_waiting(channel) + in_lanes
    }

    /// Sets the level of a channel, 0 to 7, of which lower ones go first, and its share among those of the
    /// same level, at least 1.
    pub(crate) fn set_priority(&mut self, channel: u8, level: u8, weight: u8) {
        self.lanes.get_or_insert_default().set_priority(channel, level, weight);
    }

    /// Fills a datagram: acknowledgements, then lost commands, then commands of the connection, then messages
    /// in the order in which they were queued, or as their lanes take turns. Reliable ones that the window
    /// holds back let unreliable ones pass. Returns whether everything that waited is in.
    #[inline(always)]
    pub(crate) fn fill(&mut self, flow: &mut Flow<'_>, datagram: &mut Datagram<'_>) -> bool {
        if self.put_acknowledgements(flow.now, datagram) == Put::Full {
            return false;
        }
        let lost = if flow.recovery.has_lost() {
            self.put_lost_in_turn(flow.reborrow(), datagram)
        } else {
            Put::Done
        };
        if lost == Put::Full || self.put_system(flow, datagram) == Put::Full {
            return false;
        }
        let mut holds_reliable = lost == Put::HeldBack;
        if self.is_mixed && self.needs_lanes() {
            self.put_from_lanes(holds_reliable, flow.reborrow(), datagram);
            return false;
        }
        while let Some(next) = self.messages.next(holds_reliable) {
            let put = match next {
                Next::Reliable => put_reliable(&mut self.messages, flow, datagram),
                Next::Unreliable => put_unreliable(&mut self.messages, flow, datagram),
            };
            match put {
                Put::Done => {}
                Put::Full => return false,
                Put::ChannelHeldBack if self.is_mixed => {
                    self.use_lanes();
                    self.put_from_lanes(holds_reliable, flow.reborrow(), datagram);
                    return false;
                }
                Put::HeldBack | Put::ChannelHeldBack => holds_reliable = true,
            }
        }
        !holds_reliable
    }

    /// Adds early copies, up to so many of each command, to a datagram that was filled: not to
    /// acknowledgements alone, since more often follows in the same millisecond, and what an acknowledgement
    /// echoes could not say in which of the two datagrams a copy has arrived. To an empty one if `alone`.
    #[inline(always)]
    pub(crate) fn add_copies(copies: u8, alone: bool, flow: &mut Flow<'_>, datagram: &mut Datagram<'_>) {
        if copies > 0 && (alone || datagram.commands > 0) {
            put_copies(copies, flow.reborrow(), datagram);
        }
    }

    /// Repeats acknowledgements in what is left of a datagram that has something in it, if some get lost.
    #[inline(always)]
    pub(crate) fn repeat_acknowledgements(&mut self, now: Time, datagram: &mut Datagram<'_>) {
        if let Some(repeats) = &mut self.repeats {
            repeats.put(now, datagram);
        }
    }

    /// Whether the messages of several channels have to take turns; they are in their lanes then.
    #[inline(never)]
    fn needs_lanes(&mut self) -> bool {
        if self.messages.takes_more_than(QUANTUM as u64) {
            self.use_lanes();
        }
        self.has_lanes()
    }

    /// Puts what is lost. Messages of other channels than that of the first lost command go before it in each
    /// second datagram, so that the losses of a transfer do not hold them up.
    #[cold]
    fn put_lost_in_turn(&mut self, mut flow: Flow<'_>, datagram: &mut Datagram<'_>) -> Put {
        self.lost_goes_first = !self.lost_goes_first;
        if !self.lost_goes_first
            && let Some((channel, _, _)) = flow.recovery.first_lost(flow.channels)
        {
            self.put_others(channel, flow.reborrow(), datagram);
        }
        put_some_lost(flow, datagram)
    }

    /// Puts messages of other channels than this one.
    fn put_others(&mut self, channel: u8, mut flow: Flow<'_>, datagram: &mut Datagram<'_>) {
        if self.is_mixed && self.needs_lanes() {
            let Some(lanes) = &mut self.lanes else { return };
            lanes.begin_datagram(flow.reserve() > 0);
            lanes.hold_reliable(channel);
            self.take_turns(false, flow, datagram);
        } else if self.is_mixed || self.last_channel != channel {
            while let Some(Next::Reliable) = self.messages.next(false)
                && put_reliable(&mut self.messages, &mut flow, datagram) == Put::Done
            {}
        }
    }

    #[inline(never)]
    fn put_from_lanes(&mut self, holds_reliable: bool, flow: Flow<'_>, datagram: &mut Datagram<'_>) {
        let Some(lanes) = &mut self.lanes else { return };
        if flow.recovery.congestion.share() && lanes.bytes_waiting(None) > TRANSFER_BYTES {
            flow.recovery.begin_transfer();
        }
        lanes.begin_datagram(flow.reserve() > 0);
        self.take_turns(holds_reliable, flow, datagram);
    }

    /// Fills a datagram from the lanes.
    fn take_turns(&mut self, mut holds_reliable: bool, mut flow: Flow<'_>, datagram: &mut Datagram<'_>) {
        let Some(lanes) = &mut self.lanes else { return };
        let (allowance, reserve) = (flow.allowance, flow.reserve());
        while let Some(turn) = lanes.next_turn(holds_reliable) {
            flow.allowance = if turn.is_short { allowance.saturating_add(reserve) } else { allowance };
            let Some(messages) = lanes.messages(turn.channel) else { return };
            let free_bytes = datagram.free_bytes();
            let mut put = Put::Done;
            while put == Put::Done
                && free_bytes - datagram.free_bytes() < turn.credit
                && let Some(next) = messages.next_before(turn.until, turn.holds_reliable)
            {
                put = match next {
                    Next::Reliable => put_reliable(messages, &mut flow, datagram),
                    Next::Unreliable => put_unreliable(messages, &mut flow, datagram),
                };
            }
            lanes.end_turn(turn.channel, free_bytes - datagram.free_bytes());
            match put {
                Put::Done => {}
                Put::Full => return,
                Put::HeldBack => {
                    holds_reliable = true;
                    lanes.hold_back(turn);
                }
                Put::ChannelHeldBack => lanes.hold_reliable(turn.channel),
            }
        }
    }

    fn put_acknowledgements(&mut self, now: Time, datagram: &mut Datagram<'_>) -> Put {
        if self.acknowledgements.is_empty() {
            return Put::Done;
        }
        let all = self.acknowledgements.len();
        let fitting = all.min(datagram.free_bytes() / ACKNOWLEDGE_SIZE);
        for acknowledgement in self.acknowledgements.iter().take(fitting) {
            datagram.put(&acknowledgement.command(false));
        }
        if let Some(repeats) = &mut self.repeats {
            repeats.on_sent(now, &self.acknowledgements[..fitting]);
        }
        if fitting < all {
            self.acknowledgements.drain(..fitting);
            return Put::Full;
        }
        self.acknowledgements.clear();
        Put::Done
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drops::PeerDropCounters;
    use crate::peer::recovery::Recovery;
    use crate::peer::window::Window;
    use crate::{DropReason, PeerId};

    /// What is needed to fill datagrams of a connection with one channel.
    struct Sender {
        queue: SendQueue,
        channels: Channels,
        recovery: Recovery,
        window: Window,
        drops: PeerDropCounters,
    }

    impl Sender {
        fn new() -> Self {
            Self {
                queue: SendQueue::new(0),
                channels: Channels::new(1, 0),
                recovery: Recovery::new(PeerId { slot: 0, generation: 1 }, 0),
                window: Window::new(),
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
                channels: &mut self.channels,
                recovery: &mut self.recovery,
                window: &mut self.window,
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
