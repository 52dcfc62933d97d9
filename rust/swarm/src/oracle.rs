//! The oracle: a reference model of every connection with its two ends and every message under way. It
//! decides whether what an end receives or reports was possible.
//!
//! Sequence numbers have 16 bits, so a datagram that is overtaken by more than half of them on its channel
//! looks new, to ENet as to this project. No world has a path that lets this happen.

use crate::content::{BROADCAST_TAGS, Content, HEAD, tag_of};
use crate::deliveries::Fragment;
use crate::endpoint::Ending;
use crate::transmissions::Transmissions;
use enet_rs_protocol::{DisconnectReason, PacketFlags};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One incarnation of a host: each restart begins a new one.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Incarnation {
    pub(crate) host: usize,
    pub(crate) number: u32,
}

/// The state of one end of a connection, as far as its owner knows.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// The owner has asked to connect.
    Connecting,
    /// The Connect event was reported.
    Up,
    /// The Disconnect event was reported, or will not be since the owner ended it without one, or the host
    /// was stopped.
    Over,
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) incarnation: Incarnation,
    /// The slot that datagrams to this end carry.
    pub(crate) slot: u16,
    /// Whether the Connect event was reported.
    pub(crate) was_up: bool,
    pub(crate) stage: Stage,
    /// How the owner has asked to end it, and with which data.
    pub(crate) asked: Vec<(Ending, u32)>,
    /// It has given the other end up: what that sends later is answered with a DISCONNECT.
    has_timed_out: bool,
    pub(crate) is_stock: bool,
}

impl End {
    pub(crate) fn new(incarnation: Incarnation, slot: u16, stage: Stage, is_stock: bool) -> Self {
        let was_up = stage == Stage::Up;
        Self { incarnation, slot, was_up, stage, asked: Vec::new(), has_timed_out: false, is_stock }
    }

    /// The Connect event was reported.
    pub(crate) fn up(&mut self) {
        self.stage = Stage::Up;
        self.was_up = true;
    }

    /// Whether messages must be delivered.
    pub(crate) fn is_live(&self) -> bool {
        self.stage == Stage::Up && self.asked.is_empty()
    }
}

/// How a message is sent, of those that keep an order.
#[derive(Debug)]
enum Kind {
    Reliable {
        /// Number of commands that carry it.
        fragments: u32,
        /// Indices of those that were delivered to the other host.
        delivered: BTreeSet<u32>,
    },
    Sequenced,
}

/// A message that keeps an order and is under way.
#[derive(Debug)]
struct Ordered {
    content: Content,
    kind: Kind,
    /// Number of reliable commands of the channel before it.
    position: u64,
}

/// One direction of a channel: what was sent and may still be received.
#[derive(Debug, Default)]
struct Direction {
    next_tag: u32,
    /// Number of reliable commands so far.
    reliable_commands: u64,
    /// Number of unreliable messages since the last reliable one; sequence numbers suffice for 65,535.
    unreliable_run: u16,
    /// Messages that keep an order and were neither received nor overtaken.
    ordered: VecDeque<Ordered>,
    /// Unsequenced messages that were not received, by tag.
    loose: BTreeMap<u32, Content>,
}

/// One connection, from the call of `connect` on.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) initiator: End,
    /// The host to which the initiator connects.
    pub(crate) target: usize,
    pub(crate) acceptor: Option<End>,
    /// The number of channels asked for; once an end is up, the number that it has.
    channels: u8,
    is_agreed: bool,
    /// Bytes of the longest message that is not fragmented.
    pub(crate) longest_whole: usize,
    /// Contents and order are not checked: datagrams may be damaged, or of another connection that ENet
    /// itself cannot distinguish from this one.
    pub(crate) is_unchecked: bool,
    /// Microsecond at which the last end was over.
    pub(crate) over_at: Option<u64>,
    /// The sequence number before that of the first reliable command.
    first_sequence: u16,
    directions: [BTreeMap<u8, Direction>; 2],
    /// The reliable commands that each end has sent, of ends whose datagrams can be read.
    pub(crate) transmissions: [Transmissions; 2],
    /// Since when reliable messages of each end wait to be received, microseconds.
    pub(crate) waits_since: [Option<u64>; 2],
}

/// An end of a connection: 0 is the initiator, 1 the acceptor. The directions of an end are those in which it
/// sends.
pub(crate) type Side = usize;

impl Connection {
    pub(crate) fn new(
        initiator: End,
        target: usize,
        channels: u8,
        longest_whole: usize,
        first_sequence: u16,
        is_unchecked: bool,
    ) -> Self {
        let directions = [BTreeMap::new(), BTreeMap::new()];
        Self {
            initiator,
            target,
            acceptor: None,
            channels,
            is_agreed: false,
            longest_whole,
            first_sequence,
            is_unchecked,
            over_at: None,
            directions,
            transmissions: Default::default(),
            waits_since: [None; 2],
        }
    }

    pub(crate) fn end(&self, side: Side) -> Option<&End> {
        if side == 0 { Some(&self.initiator) } else { self.acceptor.as_ref() }
    }

    pub(crate) fn end_mut(&mut self, side: Side) -> Option<&mut End> {
        if side == 0 { Some(&mut self.initiator) } else { self.acceptor.as_mut() }
    }

    /// The target's end is up. The connection may have counted as over, since an initiator that stops right
    /// after it has come up is the only end until then; but from now on an end sends to the initiator's slot.
    pub(crate) fn accept(&mut self, end: End) {
        self.acceptor = Some(end);
        self.over_at = None;
    }

    /// The end `side` is over.
    pub(crate) fn end_over(&mut self, side: Side, now: u64) {
        if let Some(end) = self.end_mut(side) {
            end.stage = Stage::Over;
        }
        if self.is_over() {
            self.over_at = Some(now);
        }
    }

    /// Records the number of channels of an end that has come up, 0 if it is ending already; an error if the
    /// ends differ.
    pub(crate) fn agree(&mut self, channels: u8) -> Result<(), String> {
        if self.is_unchecked || channels == 0 {
            return Ok(());
        }
        if channels > self.channels || (self.is_agreed && channels != self.channels) {
            return Err(format!(
                "one end has {channels} channels, but the other has or wanted {}",
                self.channels
            ));
        }
        self.channels = channels;
        self.is_agreed = true;
        Ok(())
    }

    /// Whether both ends are up and nobody has asked to end it.
    pub(crate) fn is_live(&self) -> bool {
        self.initiator.is_live() && self.acceptor.as_ref().is_some_and(End::is_live)
    }

    /// Whether an end is over.
    pub(crate) fn has_ended(&self) -> bool {
        [0, 1].iter().filter_map(|side| self.end(*side)).any(|end| end.stage == Stage::Over)
    }

    /// Whether both ends are over.
    pub(crate) fn is_over(&self) -> bool {
        self.initiator.stage == Stage::Over
            && self.acceptor.as_ref().is_none_or(|end| end.stage == Stage::Over)
    }

    /// The content of the next message of a channel, with a tag of its own.
    pub(crate) fn next_content(&mut self, token: u32, side: Side, channel: u8, length: usize) -> Content {
        let direction = self.directions[side].entry(channel).or_default();
        direction.next_tag += 1;
        Content { tag: direction.next_tag, salt: token * 2 + side as u32, length }
    }

    /// Records a message that `side` has sent.
    pub(crate) fn sent(&mut self, side: Side, channel: u8, content: Content, flags: PacketFlags) {
        let is_cut = content.length > self.longest_whole;
        let direction = self.directions[side].entry(channel).or_default();
        if flags.contains(PacketFlags::RELIABLE) {
            return direction.queue_reliable(content, self.longest_whole);
        }
        if flags.contains(PacketFlags::UNSEQUENCED) && !is_cut {
            direction.loose.insert(content.tag, content);
        } else if is_cut && !flags.contains(PacketFlags::UNRELIABLE_FRAGMENT)
            || direction.unreliable_run == u16::MAX
        {
            direction.queue_reliable(content, self.longest_whole);
        } else {
            direction.unreliable_run += 1;
            let position = direction.reliable_commands;
            direction.ordered.push_back(Ordered { content, kind: Kind::Sequenced, position });
        }
    }

    /// Checks and records a message that `side` has received.
    pub(crate) fn received(
        &mut self,
        side: Side,
        channel: u8,
        bytes: &[u8],
        flags: Option<PacketFlags>,
    ) -> Result<(), String> {
        if self.is_unchecked {
            return Ok(());
        }
        let direction = self.directions[1 - side]
            .get_mut(&channel)
            .ok_or_else(|| format!("a message on channel {channel}, on which nothing was sent"))?;
        let tag = tag_of(bytes);
        let is_loose = match flags {
            Some(flags) => flags.contains(PacketFlags::UNSEQUENCED),
            None => tag.is_some_and(|tag| direction.loose.contains_key(&tag)),
        };
        if is_loose { direction.take_loose(tag, bytes) } else { direction.take_ordered(bytes, flags) }
            .map_err(|error| format!("channel {channel}, {} bytes, tag {tag:?}: {error}", bytes.len()))
    }

    /// Number of reliable messages that `side` has sent and the other end has not received.
    pub(crate) fn undelivered(&self, side: Side) -> usize {
        self.undelivered_messages(side).count()
    }

    /// Whether there are any.
    pub(crate) fn has_undelivered(&self, side: Side) -> bool {
        self.undelivered_messages(side).next().is_some()
    }

    fn undelivered_messages(&self, side: Side) -> impl Iterator<Item = &Ordered> {
        let messages = self.directions[side].values().flat_map(|direction| &direction.ordered);
        messages.filter(|message| matches!(message.kind, Kind::Reliable { .. }))
    }

    /// Records a fragment in a datagram that was delivered to `side`. Short messages and broadcasts do not
    /// count, since they cannot be distinguished from those of an earlier connection.
    pub(crate) fn delivered(&mut self, side: Side, fragment: &Fragment<'_>) {
        let Some(direction) = self.directions[1 - side].get_mut(&fragment.channel) else { return };
        if let Some((content, delivered)) = direction.find_reliable(fragment.first, self.first_sequence)
            && content.length >= HEAD
            && content.tag < BROADCAST_TAGS
            && fragment.payload.len()
                == self.longest_whole.min(content.length.saturating_sub(fragment.offset))
            && content.has(fragment.offset, fragment.payload)
        {
            delivered.insert(fragment.number);
        }
    }

    /// Checks that `side` has passed on every message that is complete and next in its channel.
    pub(crate) fn holds_nothing_back(&self, side: Side) -> Result<(), String> {
        for (channel, direction) in &self.directions[1 - side] {
            let next = direction.ordered.iter().find_map(|message| match &message.kind {
                Kind::Reliable { fragments, delivered } => Some((&message.content, *fragments, delivered)),
                Kind::Sequenced => None,
            });
            if let Some((content, fragments, delivered)) = next
                && delivered.len() as u32 == fragments
            {
                return Err(format!(
                    "the reliable message {} of {} bytes on channel {channel} is next, but held back",
                    content.tag, content.length
                ));
            }
        }
        Ok(())
    }

    /// Checks the Disconnect event of `side`.
    pub(crate) fn disconnected(
        &mut self,
        side: Side,
        data: u32,
        reason: Option<DisconnectReason>,
    ) -> Result<(), String> {
        if reason == Some(DisconnectReason::TimedOut)
            && let Some(end) = self.end_mut(side)
        {
            end.has_timed_out = true;
        }
        if self.is_unchecked {
            return Ok(());
        }
        let asked = |side| self.end(side).map_or(&[][..], |end| &end.asked);
        let (own, other) = (asked(side), asked(1 - side));
        // An attempt of stock ENet does not know its session yet, so a stray DISCONNECT for its slot ends it.
        let is_attempt = self.end(side).is_some_and(|end| end.is_stock && end.stage == Stage::Connecting);
        if data != 0 && !is_attempt && !other.iter().any(|(_, sent)| *sent == data) {
            return Err(format!("DISCONNECT carries {data}, but the other end asked {other:?}"));
        }
        match reason {
            Some(DisconnectReason::Local) if own.is_empty() => {
                Err("it ended with the reason Local, but its owner did not ask for it".to_owned())
            }
            Some(DisconnectReason::Remote) if own.is_empty() => {
                // Stock ENet drops what it has not dispatched when it receives a DISCONNECT.
                let is_stock = self.end(side).is_some_and(|end| end.is_stock);
                let was_given_up = self.end(1 - side).is_some_and(|end| end.has_timed_out);
                let missing = if is_stock || was_given_up { 0 } else { self.undelivered(1 - side) };
                if missing > 0 && !other.is_empty() && other.iter().all(|(how, _)| *how == Ending::Later) {
                    return Err(format!(
                        "{missing} reliable messages sent before disconnect_later are missing"
                    ));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Direction {
    fn queue_reliable(&mut self, content: Content, fragment: usize) {
        self.unreliable_run = 0;
        let fragments = content.length.div_ceil(fragment).max(1) as u32;
        let (kind, position) =
            (Kind::Reliable { fragments, delivered: BTreeSet::new() }, self.reliable_commands);
        self.ordered.push_back(Ordered { content, kind, position });
        self.reliable_commands += u64::from(fragments);
    }

    /// The reliable message under way whose first command has the sequence number `first`.
    fn find_reliable(&mut self, first: u16, first_sequence: u16) -> Option<(&Content, &mut BTreeSet<u32>)> {
        let oldest = self.ordered.front()?.position;
        let number = first_sequence.wrapping_add(oldest as u16).wrapping_add(1);
        let position = oldest + u64::from(first.wrapping_sub(number));
        let index = self.ordered.partition_point(|message| message.position < position);
        self.ordered.range_mut(index..).take_while(|message| message.position == position).find_map(
            |message| match &mut message.kind {
                Kind::Reliable { delivered, .. } => Some((&message.content, delivered)),
                Kind::Sequenced => None,
            },
        )
    }

    fn take_loose(&mut self, tag: Option<u32>, bytes: &[u8]) -> Result<(), String> {
        let tag = match tag {
            Some(tag) => tag,
            // Too short for a tag: any equal message.
            None => {
                *self
                    .loose
                    .iter()
                    .find(|(_, content)| content.is(bytes))
                    .ok_or("an unsequenced message that nobody sent, or that came before")?
                    .0
            }
        };
        let content =
            self.loose.remove(&tag).ok_or("an unsequenced message came twice, or nobody sent it")?;
        if content.is(bytes) { Ok(()) } else { Err("an unsequenced message has wrong contents".to_owned()) }
    }

    fn take_ordered(&mut self, bytes: &[u8], flags: Option<PacketFlags>) -> Result<(), String> {
        while let Some(Ordered { content, kind, .. }) = self.ordered.pop_front() {
            let is_reliable = matches!(kind, Kind::Reliable { .. });
            let expected = flags.is_none_or(|flags| flags.contains(PacketFlags::RELIABLE) == is_reliable);
            if expected && content.is(bytes) {
                return Ok(());
            }
            if is_reliable {
                return Err(format!(
                    "came (as {flags:?}) before the reliable message {} of {} bytes, or is not what was sent",
                    content.tag, content.length
                ));
            }
            // An unreliable message that is overtaken is lost.
        }
        Err(format!("came (as {flags:?}) twice, too late, or was never sent like this"))
    }
}
