//! The receiving half of a channel: what arrives is put in order, joined, and delivered once.

use super::reassembly::{Layout, Progress, Reassembly};
use super::waiting::{Account, WaitingBytes};
use crate::wire::command::Fragment;
use crate::{Event, Limits, Packet, PacketFlags, PeerId, Time};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque, btree_map::Entry};

/// Sequence numbers in a window, and how many windows ahead of the last delivered number are open. ENet opens
/// `ENET_PEER_FREE_RELIABLE_WINDOWS` - 1 of its 16 windows; both ends have to agree, else numbers are ambiguous.
const WINDOW_SIZE: u16 = 4096;
pub(super) const OPEN_WINDOWS: u32 = 7;
/// Further windows that could be the future as well as the past: what falls there is not acknowledged.
const GUARD_WINDOWS: u32 = 2;

/// In which window, counted from the one of `base`, the number `distance` after `base` lies.
pub(super) fn windows_ahead(base: u16, distance: u16) -> u32 {
    (u32::from(base % WINDOW_SIZE) + u32::from(distance)) / u32::from(WINDOW_SIZE)
}

/// Whether a receiver whose last delivered number is `delivered` has room for the number `sequence`.
pub(super) fn is_open(delivered: u16, sequence: u16) -> bool {
    windows_ahead(delivered, sequence.wrapping_sub(delivered)) < OPEN_WINDOWS
}

/// What to do about a received command.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// It was used, or was before: acknowledge it if the sender wants that.
    Done,
    /// No room for it: stay silent, an honest sender repeats it.
    Refused,
    /// It contradicts the protocol.
    Malformed,
}

/// A payload where it lies in its datagram.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Payload<'a> {
    pub(crate) datagram: &'a Bytes,
    pub(crate) bytes: &'a [u8],
}

impl Payload<'_> {
    /// Shares the datagram's memory.
    fn shared(&self) -> Bytes {
        self.datagram.slice_ref(self.bytes)
    }

    /// A copy, so that a few bytes do not keep a whole receive buffer alive.
    fn copied(&self) -> Bytes {
        Bytes::copy_from_slice(self.bytes)
    }
}

/// Where a channel delivers to, and what bounds its waiting messages.
#[derive(Debug)]
pub(crate) struct Inbox<'a> {
    pub(crate) events: &'a mut VecDeque<Event>,
    pub(crate) peer: PeerId,
    pub(crate) channel: u8,
    pub(crate) account: Account<'a>,
    pub(crate) limits: &'a Limits,
    /// The application has given the connection up: received messages are acknowledged and forgotten.
    pub(crate) discard: bool,
    pub(crate) now: Time,
    /// Incomplete unreliable messages of this peer, oldest first; some are complete by now.
    pub(crate) partials: &'a mut VecDeque<Partial>,
}

/// An unreliable message of which not all fragments may ever arrive.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Partial {
    /// When its first fragment came.
    pub(crate) since: Time,
    pub(crate) channel: u8,
    pub(crate) key: UnreliableKey,
}

impl Inbox<'_> {
    /// Hands a message that has just arrived to the application. Its bytes count as waiting until the event is taken.
    #[inline]
    pub(crate) fn deliver(&mut self, payload: Payload<'_>, flags: PacketFlags) {
        self.hold(payload.bytes.len());
        let bytes = if self.account.is_piling_up() { payload.copied() } else { payload.shared() };
        self.deliver_held(bytes, flags);
    }

    /// The same for a message that waits already.
    #[inline]
    fn deliver_held(&mut self, payload: Bytes, flags: PacketFlags) {
        self.account.enqueue(payload.len());
        let packet = Packet { payload, flags };
        self.events.push_back(Event::Receive { peer: self.peer, channel: self.channel, packet });
    }

    /// Whether the limits let a message in that is next in order, or one that will have to wait.
    pub(crate) fn admits(&self, is_next: bool) -> bool {
        if is_next { self.account.has_room_for_next(self.limits) } else { self.account.has_room(self.limits) }
    }

    /// An unreliable message is complete. Usually it is the one that began last or first; else its record stays until
    /// its time is over.
    fn completed(&mut self, key: UnreliableKey) {
        let is_it = |partial: &mut Partial| partial.channel == self.channel && partial.key == key;
        if self.partials.pop_back_if(is_it).is_none() {
            self.partials.pop_front_if(is_it);
        }
    }

    /// A whole message waits.
    fn hold(&mut self, bytes: usize) {
        self.account.claim(bytes);
        self.account.store(bytes);
    }
}

/// A message that cannot be delivered yet.
#[derive(Debug)]
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
    fn bytes(&self) -> WaitingBytes {
        match self {
            Self::Whole { payload, .. } => WaitingBytes::whole(payload.len()),
            Self::Partial(reassembly) => {
                WaitingBytes { claimed: reassembly.total_length(), stored: reassembly.stored(), queued: 0 }
            }
        }
    }
}

/// Key of a waiting unreliable message: the reliable number that it follows, unwrapped, and its own.
pub(crate) type UnreliableKey = (u64, u16);

/// The receiving half of one channel.
#[derive(Debug)]
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
        payload: Payload<'_>,
        inbox: &mut Inbox<'_>,
    ) -> Verdict {
        let distance = match self.place(sequence) {
            Place::Past | Place::Ahead(0) => return Verdict::Done,
            Place::Unclear => return Verdict::Refused,
            Place::Ahead(distance) => distance,
        };
        if inbox.discard {
            return Verdict::Done;
        }
        if !inbox.admits(distance == 1) {
            return Verdict::Refused;
        }
        if distance == 1 {
            inbox.deliver(payload, PacketFlags::RELIABLE);
            self.advance(1, inbox);
            return Verdict::Done;
        }
        let full = self.is_full(inbox);
        match self.reliable_waiting.entry(self.reliable + u64::from(distance)) {
            Entry::Occupied(_) => Verdict::Done,
            Entry::Vacant(_) if full => Verdict::Refused,
            Entry::Vacant(place) => {
                inbox.hold(payload.bytes.len());
                place.insert(Waiting::Whole {
                    payload: payload.copied(),
                    flags: PacketFlags::RELIABLE,
                    count: 1,
                });
                Verdict::Done
            }
        }
    }

    /// Takes in a SEND_FRAGMENT.
    pub(crate) fn receive_fragment(
        &mut self,
        fragment: &Fragment,
        payload: Payload<'_>,
        inbox: &mut Inbox<'_>,
    ) -> Verdict {
        let Some(layout) = Layout::of(fragment, payload.bytes, inbox.limits.max_message_size) else {
            return Verdict::Malformed;
        };
        let distance = match self.place(fragment.start_sequence) {
            Place::Past | Place::Ahead(0) => return Verdict::Done,
            Place::Unclear => return Verdict::Refused,
            Place::Ahead(distance) => distance,
        };
        if inbox.discard {
            return Verdict::Done;
        }
        let has_room = inbox.admits(distance == 1) && (distance == 1 || !self.is_full(inbox));
        let key = self.reliable + u64::from(distance);
        let waiting = match self.reliable_waiting.entry(key) {
            Entry::Occupied(place) => place.into_mut(),
            Entry::Vacant(_) if !has_room => return Verdict::Refused,
            Entry::Vacant(place) => {
                inbox.account.claim(layout.total_length());
                place.insert(Waiting::Partial(Reassembly::new(layout)))
            }
        };
        // Complete, but a message before it is missing: this is a duplicate.
        let Waiting::Partial(reassembly) = waiting else {
            return Verdict::Done;
        };
        let count = layout.count();
        match reassembly.insert(fragment.number, layout, payload.bytes) {
            Progress::Duplicate => Verdict::Done,
            Progress::Stored => {
                inbox.account.store(payload.bytes.len());
                Verdict::Done
            }
            Progress::Contradiction => Verdict::Malformed,
            Progress::Complete(message) if distance == 1 => {
                self.reliable_waiting.remove(&key);
                inbox.account.store(payload.bytes.len());
                inbox.deliver_held(message, PacketFlags::RELIABLE);
                self.advance(count, inbox);
                Verdict::Done
            }
            Progress::Complete(message) => {
                inbox.account.store(payload.bytes.len());
                *waiting = Waiting::Whole { payload: message, flags: PacketFlags::RELIABLE, count };
                Verdict::Done
            }
        }
    }

    /// Takes in a SEND_UNRELIABLE that follows the reliable number `sequence`.
    pub(crate) fn receive_unreliable(
        &mut self,
        sequence: u16,
        unreliable_sequence: u16,
        payload: Payload<'_>,
        inbox: &mut Inbox<'_>,
    ) -> Verdict {
        let Some(key) = self.unreliable_key(sequence, unreliable_sequence) else {
            return Verdict::Done;
        };
        if inbox.discard {
            return Verdict::Done;
        }
        let is_next = key.0 == self.reliable;
        if !inbox.admits(is_next) {
            return Verdict::Refused;
        }
        if is_next {
            inbox.deliver(payload, PacketFlags::empty());
            self.passed_unreliable(key, inbox);
            return Verdict::Done;
        }
        let full = self.is_full(inbox);
        match self.unreliable_waiting.entry(key) {
            Entry::Occupied(_) => Verdict::Done,
            Entry::Vacant(_) if full => Verdict::Refused,
            Entry::Vacant(place) => {
                inbox.hold(payload.bytes.len());
                place.insert(Waiting::Whole {
                    payload: payload.copied(),
                    flags: PacketFlags::empty(),
                    count: 0,
                });
                Verdict::Done
            }
        }
    }

    /// Takes in a SEND_UNRELIABLE_FRAGMENT that follows the reliable number `sequence`.
    pub(crate) fn receive_unreliable_fragment(
        &mut self,
        sequence: u16,
        fragment: &Fragment,
        payload: Payload<'_>,
        inbox: &mut Inbox<'_>,
    ) -> Verdict {
        let Some(layout) = Layout::of(fragment, payload.bytes, inbox.limits.max_message_size) else {
            return Verdict::Malformed;
        };
        let Some(key) = self.unreliable_key(sequence, fragment.start_sequence) else {
            return Verdict::Done;
        };
        if inbox.discard {
            return Verdict::Done;
        }
        let full = self.is_full(inbox);
        let waiting = match self.unreliable_waiting.entry(key) {
            Entry::Occupied(place) => place.into_mut(),
            Entry::Vacant(_) if full || !inbox.admits(false) => return Verdict::Refused,
            Entry::Vacant(place) => {
                inbox.account.claim(layout.total_length());
                inbox.partials.push_back(Partial { since: inbox.now, channel: inbox.channel, key });
                place.insert(Waiting::Partial(Reassembly::new(layout)))
            }
        };
        // Complete but still waiting for its reliable message: this is a duplicate.
        let Waiting::Partial(reassembly) = waiting else {
            return Verdict::Done;
        };
        match reassembly.insert(fragment.number, layout, payload.bytes) {
            Progress::Duplicate => Verdict::Done,
            Progress::Stored => {
                inbox.account.store(payload.bytes.len());
                Verdict::Done
            }
            Progress::Contradiction => Verdict::Malformed,
            Progress::Complete(message) if key.0 == self.reliable => {
                self.unreliable_waiting.remove(&key);
                inbox.completed(key);
                inbox.account.store(payload.bytes.len());
                inbox.deliver_held(message, PacketFlags::UNRELIABLE_FRAGMENT);
                self.passed_unreliable(key, inbox);
                Verdict::Done
            }
            Progress::Complete(message) => {
                inbox.account.store(payload.bytes.len());
                *waiting =
                    Waiting::Whole { payload: message, flags: PacketFlags::UNRELIABLE_FRAGMENT, count: 0 };
                Verdict::Done
            }
        }
    }

    /// Drops an unreliable message if it is still incomplete; gives what it counted for.
    pub(crate) fn drop_partial(&mut self, key: UnreliableKey) -> Option<WaitingBytes> {
        match self.unreliable_waiting.entry(key) {
            Entry::Occupied(place) if matches!(place.get(), Waiting::Partial(_)) => {
                Some(place.remove().bytes())
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

    fn is_full(&self, inbox: &Inbox<'_>) -> bool {
        self.reliable_waiting.len() + self.unreliable_waiting.len() >= inbox.limits.max_waiting_messages
    }

    /// `count` more reliable numbers are delivered: delivers everything whose turn it is now.
    #[inline]
    fn advance(&mut self, count: u32, inbox: &mut Inbox<'_>) {
        self.step(count, inbox);
        if !self.reliable_waiting.is_empty() {
            self.deliver_reliable_waiting(inbox);
        }
    }

    fn deliver_reliable_waiting(&mut self, inbox: &mut Inbox<'_>) {
        while let Some(entry) = self.reliable_waiting.first_entry() {
            if *entry.key() <= self.reliable {
                // Only a malformed sender numbers a message inside of another one.
                inbox.account.release(entry.remove().bytes());
                continue;
            }
            if *entry.key() != self.reliable + 1 || matches!(entry.get(), Waiting::Partial(_)) {
                break;
            }
            if let Waiting::Whole { payload, flags, count } = entry.remove() {
                inbox.deliver_held(payload, flags);
                self.step(count, inbox);
            }
        }
    }

    /// Moves on by one reliable message and delivers the unreliable ones that waited for it.
    #[inline]
    fn step(&mut self, count: u32, inbox: &mut Inbox<'_>) {
        self.reliable += u64::from(count);
        self.unreliable = 0;
        if !self.unreliable_waiting.is_empty() {
            self.deliver_unreliable_waiting(inbox);
        }
    }

    fn deliver_unreliable_waiting(&mut self, inbox: &mut Inbox<'_>) {
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
                    inbox.deliver_held(payload, flags);
                }
                late => inbox.account.release(late.bytes()),
            }
        }
    }

    /// An unreliable message was delivered: what waits before it has lost its chance.
    fn passed_unreliable(&mut self, key: UnreliableKey, inbox: &mut Inbox<'_>) {
        self.unreliable = key.1;
        while let Some(entry) = self.unreliable_waiting.first_entry() {
            if *entry.key() >= key {
                break;
            }
            inbox.account.release(entry.remove().bytes());
        }
    }
}
