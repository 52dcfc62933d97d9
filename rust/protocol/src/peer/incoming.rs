//! The receiving half of a channel: what arrives is put in order, joined, and delivered once.

use super::channel_sink::{ChannelSink, Partial, UnreliableKey, copied};
use super::reassembly::{FragmentLayout, Progress, Reassembly};
use crate::event_queue::MessageCost;
use crate::wire::command::Fragment;
use crate::{DropReason, PacketFlags};
use bytes::Bytes;
use std::collections::{BTreeMap, btree_map::Entry};

/// Sequence numbers in a window, and how many windows ahead of the last delivered number are open. ENet opens
/// `ENET_PEER_FREE_RELIABLE_WINDOWS` - 1 of its 16 windows; both ends have to agree, else numbers are
/// ambiguous.
const WINDOW_SIZE: u16 = 4096;
pub(super) const OPEN_WINDOWS: u32 = 7;
/// Further windows that could be the future as well as the past: what falls there is not acknowledged.
const GUARD_WINDOWS: u32 = 2;

/// How many windows ahead of the one of `base` the number `distance` after `base` lies.
pub(super) fn windows_ahead(base: u16, distance: u16) -> u32 {
    (u32::from(base % WINDOW_SIZE) + u32::from(distance)) / u32::from(WINDOW_SIZE)
}

/// Whether a receiver whose last delivered number is `delivered` keeps a command with the number `sequence`.
pub(super) fn is_open(delivered: u16, sequence: u16) -> bool {
    windows_ahead(delivered, sequence.wrapping_sub(delivered)) < OPEN_WINDOWS
}

/// What became of a received message.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Disposition {
    /// It was used, or is not needed: acknowledge it if the sender wants that.
    Done,
    /// It has arrived before: acknowledge it once more if the sender wants that.
    Duplicate,
    /// It cannot be kept: stay silent, an honest sender repeats it.
    Refused(DropReason),
    /// It contradicts the protocol.
    Invalid(DropReason),
}

/// A message that cannot be delivered yet.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
enum Waiting {
    /// Complete; it stands for `count` reliable numbers, one a fragment.
    Whole {
        payload: Bytes,
        flags: PacketFlags,
        count: u32,
    },
    Partial(Reassembly),
}

impl Waiting {
    /// What it counts for against the limits.
    fn cost(&self) -> MessageCost {
        match self {
            Self::Whole { payload, .. } => MessageCost::complete(payload.len()),
            Self::Partial(reassembly) => {
                MessageCost { reserved: reassembly.total_length(), stored: reassembly.stored() }
            }
        }
    }
}

/// The receiving half of one channel.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Incoming {
    /// Number of the last reliable command that was delivered, unwrapped: the wire has its low 16 bits.
    reliable: u64,
    /// Number of the last unreliable message delivered since then.
    unreliable: u16,
    /// Reliable messages after a gap, and incomplete ones, by unwrapped number.
    reliable_waiting: BTreeMap<u64, Waiting>,
    /// Unreliable messages that follow a reliable one which is missing, and incomplete ones.
    unreliable_waiting: BTreeMap<UnreliableKey, Waiting>,
}

/// Where a reliable sequence number stands.
enum Place {
    /// Delivered before.
    Past,
    /// `0` = the last delivered number itself.
    Ahead(u16),
    Unclear,
}

impl Incoming {
    /// `first_sequence` is the number before the first one.
    pub(crate) fn new(first_sequence: u16) -> Self {
        Self {
            reliable: first_sequence.into(),
            unreliable: 0,
            reliable_waiting: BTreeMap::new(),
            unreliable_waiting: BTreeMap::new(),
        }
    }

    /// Takes in a SEND_RELIABLE.
    pub(crate) fn receive_reliable(
        &mut self,
        sequence: u16,
        payload: &[u8],
        sink: &mut ChannelSink<'_, '_>,
    ) -> Disposition {
        let distance = match self.place(sequence) {
            Place::Past | Place::Ahead(0) => return Disposition::Duplicate,
            Place::Unclear => return Disposition::Refused(DropReason::Sequence),
            Place::Ahead(distance) => distance,
        };
        if sink.discards {
            return Disposition::Done;
        }
        if !sink.admits(distance == 1) {
            return Disposition::Refused(DropReason::ReceiveLimit);
        }
        if distance == 1 {
            sink.deliver(payload, PacketFlags::RELIABLE);
            self.advance(1, sink);
            return Disposition::Done;
        }
        let full = self.is_full(sink);
        let entry = self.reliable_waiting.entry(self.reliable + u64::from(distance));
        hold_whole(entry, full, payload, PacketFlags::RELIABLE, sink)
    }

    /// Takes in a SEND_FRAGMENT.
    pub(crate) fn receive_fragment(
        &mut self,
        fragment: &Fragment,
        payload: &[u8],
        sink: &mut ChannelSink<'_, '_>,
    ) -> Disposition {
        let layout = match FragmentLayout::of(fragment, payload, sink.context.config.limits.max_message_size)
        {
            Ok(layout) => layout,
            Err(reason) => return Disposition::Invalid(reason),
        };
        let distance = match self.place(fragment.start_sequence) {
            Place::Past | Place::Ahead(0) => return Disposition::Duplicate,
            Place::Unclear => return Disposition::Refused(DropReason::Sequence),
            Place::Ahead(distance) => distance,
        };
        if sink.discards {
            return Disposition::Done;
        }
        let has_room = sink.admits(distance == 1) && (distance == 1 || !self.is_full(sink));
        let key = self.reliable + u64::from(distance);
        let waiting = match self.reliable_waiting.entry(key) {
            Entry::Occupied(place) => place.into_mut(),
            Entry::Vacant(_) if !has_room => return Disposition::Refused(DropReason::ReceiveLimit),
            Entry::Vacant(place) => {
                sink.reserve(layout.total_length());
                place.insert(Waiting::Partial(Reassembly::new(layout)))
            }
        };
        // Complete, but a message before it is missing.
        let Waiting::Partial(reassembly) = waiting else {
            return Disposition::Duplicate;
        };
        let count = layout.count();
        match reassembly.insert(fragment.number, layout, payload) {
            Progress::Duplicate => Disposition::Duplicate,
            Progress::Stored => {
                sink.store(payload.len());
                Disposition::Done
            }
            Progress::Contradiction => Disposition::Invalid(DropReason::Fragment),
            Progress::Complete(message) if distance == 1 => {
                self.reliable_waiting.remove(&key);
                sink.store(payload.len());
                sink.deliver_held(message, PacketFlags::RELIABLE);
                self.advance(count, sink);
                Disposition::Done
            }
            Progress::Complete(message) => {
                sink.store(payload.len());
                *waiting = Waiting::Whole { payload: message, flags: PacketFlags::RELIABLE, count };
                Disposition::Done
            }
        }
    }

    /// Takes in a SEND_UNRELIABLE that follows the reliable number `sequence`.
    pub(crate) fn receive_unreliable(
        &mut self,
        sequence: u16,
        unreliable_sequence: u16,
        payload: &[u8],
        sink: &mut ChannelSink<'_, '_>,
    ) -> Disposition {
        let Some(key) = self.unreliable_key(sequence, unreliable_sequence) else {
            return Disposition::Done;
        };
        if sink.discards {
            return Disposition::Done;
        }
        let is_next = key.0 == self.reliable;
        if !sink.admits(is_next) {
            return Disposition::Refused(DropReason::ReceiveLimit);
        }
        if is_next {
            sink.deliver(payload, PacketFlags::empty());
            self.passed_unreliable(key, sink);
            return Disposition::Done;
        }
        let full = self.is_full(sink);
        let entry = self.unreliable_waiting.entry(key);
        hold_whole(entry, full, payload, PacketFlags::empty(), sink)
    }

    /// Takes in a SEND_UNRELIABLE_FRAGMENT that follows the reliable number `sequence`.
    pub(crate) fn receive_unreliable_fragment(
        &mut self,
        sequence: u16,
        fragment: &Fragment,
        payload: &[u8],
        sink: &mut ChannelSink<'_, '_>,
    ) -> Disposition {
        let layout = match FragmentLayout::of(fragment, payload, sink.context.config.limits.max_message_size)
        {
            Ok(layout) => layout,
            Err(reason) => return Disposition::Invalid(reason),
        };
        let Some(key) = self.unreliable_key(sequence, fragment.start_sequence) else {
            return Disposition::Done;
        };
        if sink.discards {
            return Disposition::Done;
        }
        let full = self.is_full(sink);
        let waiting = match self.unreliable_waiting.entry(key) {
            Entry::Occupied(place) => place.into_mut(),
            Entry::Vacant(_) if full || !sink.admits(false) => {
                return Disposition::Refused(DropReason::ReceiveLimit);
            }
            Entry::Vacant(place) => {
                sink.reserve(layout.total_length());
                sink.backlog.partials.push_back(Partial {
                    since: sink.context.now,
                    channel: sink.channel,
                    key,
                });
                place.insert(Waiting::Partial(Reassembly::new(layout)))
            }
        };
        // Complete but still waiting for its reliable message.
        let Waiting::Partial(reassembly) = waiting else {
            return Disposition::Duplicate;
        };
        match reassembly.insert(fragment.number, layout, payload) {
            Progress::Duplicate => Disposition::Duplicate,
            Progress::Stored => {
                sink.store(payload.len());
                Disposition::Done
            }
            Progress::Contradiction => Disposition::Invalid(DropReason::Fragment),
            Progress::Complete(message) if key.0 == self.reliable => {
                self.unreliable_waiting.remove(&key);
                sink.on_completed(key);
                sink.store(payload.len());
                sink.deliver_held(message, PacketFlags::UNRELIABLE_FRAGMENT);
                self.passed_unreliable(key, sink);
                Disposition::Done
            }
            Progress::Complete(message) => {
                sink.store(payload.len());
                *waiting =
                    Waiting::Whole { payload: message, flags: PacketFlags::UNRELIABLE_FRAGMENT, count: 0 };
                Disposition::Done
            }
        }
    }

    /// Drops an unreliable message if it is still incomplete, and returns what it counted for.
    pub(crate) fn drop_partial(&mut self, key: UnreliableKey) -> Option<MessageCost> {
        match self.unreliable_waiting.entry(key) {
            Entry::Occupied(place) if matches!(place.get(), Waiting::Partial(_)) => {
                Some(place.remove().cost())
            }
            _ => None,
        }
    }

    /// Whether a command with this number may be acknowledged at all.
    pub(crate) fn acknowledges(&self, sequence: u16) -> bool {
        !matches!(self.place(sequence), Place::Unclear)
    }

    fn place(&self, sequence: u16) -> Place {
        let base = self.reliable as u16;
        let distance = sequence.wrapping_sub(base);
        match windows_ahead(base, distance) {
            ahead if ahead < OPEN_WINDOWS => Place::Ahead(distance),
            ahead if ahead < OPEN_WINDOWS + GUARD_WINDOWS => Place::Unclear,
            _ => Place::Past,
        }
    }

    /// The key of an unreliable message, unless it is too old or too far ahead to matter.
    fn unreliable_key(&self, sequence: u16, unreliable_sequence: u16) -> Option<UnreliableKey> {
        match self.place(sequence) {
            Place::Ahead(0) if unreliable_sequence <= self.unreliable => None,
            Place::Ahead(distance) => Some((self.reliable + u64::from(distance), unreliable_sequence)),
            Place::Past | Place::Unclear => None,
        }
    }

    fn is_full(&self, sink: &ChannelSink<'_, '_>) -> bool {
        self.reliable_waiting.len() + self.unreliable_waiting.len()
            >= sink.context.config.limits.max_waiting_messages
    }

    /// `count` more reliable numbers are delivered: delivers everything whose turn it is now.
    #[inline]
    fn advance(&mut self, count: u32, sink: &mut ChannelSink<'_, '_>) {
        self.step(count, sink);
        if !self.reliable_waiting.is_empty() {
            self.deliver_reliable_waiting(sink);
        }
    }

    fn deliver_reliable_waiting(&mut self, sink: &mut ChannelSink<'_, '_>) {
        while let Some(entry) = self.reliable_waiting.first_entry() {
            if *entry.key() <= self.reliable {
                // Only a malformed sender numbers a message inside of another one.
                sink.release(entry.remove().cost());
                continue;
            }
            if *entry.key() != self.reliable + 1 || matches!(entry.get(), Waiting::Partial(_)) {
                break;
            }
            if let Waiting::Whole { payload, flags, count } = entry.remove() {
                sink.deliver_held(payload, flags);
                self.step(count, sink);
            }
        }
    }

    /// Moves on by one reliable message and delivers the unreliable ones that waited for it.
    #[inline]
    fn step(&mut self, count: u32, sink: &mut ChannelSink<'_, '_>) {
        self.reliable += u64::from(count);
        self.unreliable = 0;
        if !self.unreliable_waiting.is_empty() {
            self.deliver_unreliable_waiting(sink);
        }
    }

    fn deliver_unreliable_waiting(&mut self, sink: &mut ChannelSink<'_, '_>) {
        let mut current = self.unreliable_waiting.range((self.reliable, 0)..=(self.reliable, u16::MAX));
        let last_whole =
            current.rfind(|(_, waiting)| matches!(waiting, Waiting::Whole { .. })).map(|(key, _)| *key);
        let end = last_whole.unwrap_or((self.reliable - 1, u16::MAX));
        while let Some(entry) = self.unreliable_waiting.first_entry() {
            let key = *entry.key();
            if key > end {
                break;
            }
            match entry.remove() {
                Waiting::Whole { payload, flags, .. } if key.0 == self.reliable => {
                    self.unreliable = key.1;
                    sink.deliver_held(payload, flags);
                }
                late => sink.release(late.cost()),
            }
        }
    }

    /// An unreliable message was delivered: what waits before it is too late.
    fn passed_unreliable(&mut self, key: UnreliableKey, sink: &mut ChannelSink<'_, '_>) {
        self.unreliable = key.1;
        while let Some(entry) = self.unreliable_waiting.first_entry() {
            if *entry.key() >= key {
                break;
            }
            sink.release(entry.remove().cost());
        }
    }
}

/// Keeps a message of one command until those before it have come.
fn hold_whole<K: Ord>(
    entry: Entry<'_, K, Waiting>,
    is_full: bool,
    payload: &[u8],
    flags: PacketFlags,
    sink: &mut ChannelSink<'_, '_>,
) -> Disposition {
    match entry {
        Entry::Occupied(_) => Disposition::Duplicate,
        Entry::Vacant(_) if is_full => Disposition::Refused(DropReason::ReceiveLimit),
        Entry::Vacant(place) => {
            sink.hold(payload.len());
            let count = flags.contains(PacketFlags::RELIABLE).into();
            place.insert(Waiting::Whole { payload: copied(payload), flags, count });
            Disposition::Done
        }
    }
}
