//! The book of a world: every connection with its two ends, every message that is under way, and the rules that
//! what arrives has to keep.

use crate::arrivals::Piece;
use crate::content::{BROADCAST_TAGS, Content, HEAD, tag_of};
use crate::endpoint::Ending;
use enet_rs_protocol::{DisconnectReason, PacketFlags};
use enet_rs_sim::SECOND;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Names a host over its restarts: which host, and which of its lives.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Life {
    pub(crate) host: usize,
    pub(crate) number: u32,
}

/// How far one end of a connection is.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// CONNECT was asked for.
    Connecting,
    /// The Connect event has come.
    Up,
    /// The Disconnect event has come, or will not come because the owner wanted it so, or the host was stopped.
    Over,
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) life: Life,
    /// The number by which datagrams to this end name the connection.
    pub(crate) slot: u16,
    /// The Connect event has come.
    was_up: bool,
    pub(crate) stage: Stage,
    /// How its owner has asked to end it, and with which numbers.
    pub(crate) asked: Vec<(Ending, u32)>,
    pub(crate) is_stock: bool,
}

impl End {
    pub(crate) fn new(life: Life, slot: u16, stage: Stage, is_stock: bool) -> Self {
        let was_up = stage == Stage::Up;
        Self { life, slot, was_up, stage, asked: Vec::new(), is_stock }
    }

    /// The Connect event has come.
    pub(crate) fn up(&mut self) {
        self.stage = Stage::Up;
        self.was_up = true;
    }

    /// Messages can be expected to flow.
    pub(crate) fn is_live(&self) -> bool {
        self.stage == Stage::Up && self.asked.is_empty()
    }
}

/// How a message travels.
#[derive(Debug)]
enum Kind {
    Reliable {
        /// Commands that it takes.
        pieces: u32,
        /// Those that have reached the other host.
        arrived: BTreeSet<u32>,
    },
    Sequenced,
}

/// A message under way that keeps an order.
#[derive(Debug)]
struct Ordered {
    content: Content,
    kind: Kind,
    /// Reliable commands of the channel before it.
    position: u64,
}

/// One direction of a channel.
#[derive(Debug, Default)]
struct Lane {
    next_tag: u32,
    /// Reliable commands so far.
    reliable_commands: u64,
    /// Unreliable messages since the last reliable one: there are numbers for 65,535.
    unreliable_run: u16,
    /// Messages that keep an order and have neither arrived nor been passed.
    ordered: VecDeque<Ordered>,
    /// Unsequenced messages that have not arrived.
    loose: BTreeMap<u32, Content>,
}

/// One connection, from the call that asked for it on.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) initiator: End,
    /// The host that the initiator asked.
    target: usize,
    pub(crate) acceptor: Option<End>,
    /// Channels that were asked for, and later those that the first end to come up has.
    channels: u8,
    is_agreed: bool,
    /// A message that is longer is cut, bytes.
    pub(crate) longest_whole: usize,
    /// ENet itself cannot tell its datagrams from those of another connection, or they may be damaged: contents and
    /// order are not checked.
    pub(crate) is_doubtful: bool,
    /// When the last end was over.
    pub(crate) over_at: Option<u64>,
    /// The number before that of the first reliable command.
    first_sequence: u16,
    lanes: [BTreeMap<u8, Lane>; 2],
}

/// How long after the end of a connection its stragglers can still reach another one.
const STRAGGLERS: u64 = 20 * SECOND;

/// Whether the end `side` of connection `token`, which has just come up, could take datagrams of an earlier connection
/// between the same hosts for its own, because the other host has not given that one up yet, or they are still under
/// way. ENet's datagrams name a connection by addresses, slot and a session number of two bits, of which is certain
/// only that it differs from that of the slot's last connection.
pub(crate) fn is_haunted(links: &[Link], token: u32, side: Side, now: u64, keeps_address: bool) -> bool {
    let link = &links[token as usize];
    let Some(end) = link.end(side) else { return false };
    let hosts = [link.initiator.life.host, link.target];
    let other = hosts[1 - side];
    // Connections of this end's slot that began later than the one that is looked at, this one included.
    let mut uses = 0;
    links.iter().enumerate().rev().filter(|(index, _)| *index != token as usize).any(|(index, old)| {
        let own_side = usize::from(old.initiator.life.host != end.life.host);
        let mut is_own_slot = false;
        let could_be_taken = match old.end(own_side) {
            // Nothing is known of it at this host, but the other one may believe in it.
            None => old.target == end.life.host && old.initiator.was_up,
            Some(ghost) if ghost.life.host != end.life.host || ghost.slot != end.slot => false,
            Some(ghost) if ghost.life != end.life => keeps_address,
            Some(_) => {
                is_own_slot = true;
                uses > 0
            }
        };
        uses += u32::from(is_own_slot && index != token as usize);
        let is_between = [old.initiator.life.host, old.target].contains(&other);
        let is_recent = old.over_at.is_none_or(|over| now - over < STRAGGLERS);
        could_be_taken && is_between && is_recent
    })
}

/// Which end: `0` the initiator, `1` the acceptor. The lanes of an end are those that it sends on.
pub(crate) type Side = usize;

impl Link {
    pub(crate) fn new(
        initiator: End,
        target: usize,
        channels: u8,
        longest_whole: usize,
        first_sequence: u16,
        is_doubtful: bool,
    ) -> Self {
        let lanes = [BTreeMap::new(), BTreeMap::new()];
        Self {
            initiator,
            target,
            acceptor: None,
            channels,
            is_agreed: false,
            longest_whole,
            first_sequence,
            is_doubtful,
            over_at: None,
            lanes,
        }
    }

    pub(crate) fn end(&self, side: Side) -> Option<&End> {
        if side == 0 { Some(&self.initiator) } else { self.acceptor.as_ref() }
    }

    pub(crate) fn end_mut(&mut self, side: Side) -> Option<&mut End> {
        if side == 0 { Some(&mut self.initiator) } else { self.acceptor.as_mut() }
    }

    /// An end that has come up has so many channels; 0 if it is ending already.
    pub(crate) fn agree(&mut self, channels: u8) -> Result<(), String> {
        if self.is_doubtful || channels == 0 {
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

    /// Both ends are up and nobody has asked to end it.
    pub(crate) fn is_live(&self) -> bool {
        self.initiator.is_live() && self.acceptor.as_ref().is_some_and(End::is_live)
    }

    /// Neither end knows it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.initiator.stage == Stage::Over
            && self.acceptor.as_ref().is_none_or(|end| end.stage == Stage::Over)
    }

    /// The next message of a channel: its content, named so that it can be recognised.
    pub(crate) fn next_content(&mut self, token: u32, side: Side, channel: u8, length: usize) -> Content {
        let lane = self.lanes[side].entry(channel).or_default();
        lane.next_tag += 1;
        Content { tag: lane.next_tag, salt: token * 2 + side as u32, length }
    }

    /// A message was accepted for sending.
    pub(crate) fn sent(&mut self, side: Side, channel: u8, content: Content, flags: PacketFlags) {
        let is_cut = content.length > self.longest_whole;
        let lane = self.lanes[side].entry(channel).or_default();
        if flags.contains(PacketFlags::RELIABLE) {
            return lane.queue_reliable(content, self.longest_whole);
        }
        if flags.contains(PacketFlags::UNSEQUENCED) && !is_cut {
            lane.loose.insert(content.tag, content);
        } else if is_cut && !flags.contains(PacketFlags::UNRELIABLE_FRAGMENT)
            || lane.unreliable_run == u16::MAX
        {
            lane.queue_reliable(content, self.longest_whole);
        } else {
            lane.unreliable_run += 1;
            let position = lane.reliable_commands;
            lane.ordered.push_back(Ordered { content, kind: Kind::Sequenced, position });
        }
    }

    /// A message came to the end `side`.
    pub(crate) fn received(
        &mut self,
        side: Side,
        channel: u8,
        bytes: &[u8],
        flags: Option<PacketFlags>,
    ) -> Result<(), String> {
        if self.is_doubtful {
            return Ok(());
        }
        let lane = self.lanes[1 - side]
            .get_mut(&channel)
            .ok_or_else(|| format!("a message on channel {channel}, on which nothing was sent"))?;
        let tag = tag_of(bytes);
        let is_loose = match flags {
            Some(flags) => flags.contains(PacketFlags::UNSEQUENCED),
            None => tag.is_some_and(|tag| lane.loose.contains_key(&tag)),
        };
        if is_loose { lane.take_loose(tag, bytes) } else { lane.take_ordered(bytes, flags) }
            .map_err(|error| format!("channel {channel}, {} bytes, tag {tag:?}: {error}", bytes.len()))
    }

    /// Reliable messages that the end `side` has sent and the other one has not got.
    pub(crate) fn undelivered(&self, side: Side) -> usize {
        let reliable = |lane: &Lane| {
            lane.ordered.iter().filter(|message| matches!(message.kind, Kind::Reliable { .. })).count()
        };
        self.lanes[side].values().map(reliable).sum()
    }

    /// A datagram that reaches the end `side` brings a piece of a message. Messages that cannot be told from those of
    /// an earlier connection, because they are too short or went to everybody, do not count.
    pub(crate) fn arrived(&mut self, side: Side, piece: &Piece<'_>) {
        let Some(lane) = self.lanes[1 - side].get_mut(&piece.channel) else { return };
        if let Some((content, arrived)) = lane.find_reliable(piece.first, self.first_sequence)
            && content.length >= HEAD
            && content.tag < BROADCAST_TAGS
            && piece.payload.len() == self.longest_whole.min(content.length.saturating_sub(piece.offset))
            && content.has(piece.offset, piece.payload)
        {
            arrived.insert(piece.number);
        }
    }

    /// Whatever has reached the end `side` and is next in its channel has been handed on.
    pub(crate) fn holds_nothing_back(&self, side: Side) -> Result<(), String> {
        for (channel, lane) in &self.lanes[1 - side] {
            let next = lane.ordered.iter().find_map(|message| match &message.kind {
                Kind::Reliable { pieces, arrived } => Some((&message.content, *pieces, arrived)),
                Kind::Sequenced => None,
            });
            if let Some((content, pieces, arrived)) = next
                && arrived.len() as u32 == pieces
            {
                return Err(format!(
                    "the reliable message {} of {} bytes on channel {channel} has arrived and is next, but was kept",
                    content.tag, content.length
                ));
            }
        }
        Ok(())
    }

    /// The connection of `side` ended with the number `data`: was that right?
    pub(crate) fn disconnected(
        &self,
        side: Side,
        data: u32,
        reason: Option<DisconnectReason>,
    ) -> Result<(), String> {
        if self.is_doubtful {
            return Ok(());
        }
        let asked = |side| self.end(side).map_or(&[][..], |end| &end.asked);
        let (own, other) = (asked(side), asked(1 - side));
        // An attempt of stock ENet knows no session yet, so a late DISCONNECT of its slot's last connection ends it.
        let is_attempt = self.end(side).is_some_and(|end| end.is_stock && end.stage == Stage::Connecting);
        if data != 0 && !is_attempt && !other.iter().any(|(_, told)| *told == data) {
            return Err(format!("DISCONNECT carries {data}, but the other end said {other:?}"));
        }
        match reason {
            Some(DisconnectReason::Local) if own.is_empty() => {
                Err("it ended by its owner's wish, who had none".to_owned())
            }
            Some(DisconnectReason::Remote) if own.is_empty() => {
                // Stock ENet drops what it has not dispatched when a DISCONNECT comes.
                let is_stock = self.end(side).is_some_and(|end| end.is_stock);
                let missing = if is_stock { 0 } else { self.undelivered(1 - side) };
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

impl Lane {
    fn queue_reliable(&mut self, content: Content, piece: usize) {
        self.unreliable_run = 0;
        let pieces = content.length.div_ceil(piece).max(1) as u32;
        let (kind, position) = (Kind::Reliable { pieces, arrived: BTreeSet::new() }, self.reliable_commands);
        self.ordered.push_back(Ordered { content, kind, position });
        self.reliable_commands += u64::from(pieces);
    }

    /// The reliable message under way whose first command has the reliable number `first`.
    fn find_reliable(&mut self, first: u16, first_sequence: u16) -> Option<(&Content, &mut BTreeSet<u32>)> {
        let oldest = self.ordered.front()?.position;
        let number = first_sequence.wrapping_add(oldest as u16).wrapping_add(1);
        let position = oldest + u64::from(first.wrapping_sub(number));
        let index = self.ordered.partition_point(|message| message.position < position);
        self.ordered.range_mut(index..).take_while(|message| message.position == position).find_map(
            |message| match &mut message.kind {
                Kind::Reliable { arrived, .. } => Some((&message.content, arrived)),
                Kind::Sequenced => None,
            },
        )
    }

    fn take_loose(&mut self, tag: Option<u32>, bytes: &[u8]) -> Result<(), String> {
        let tag = match tag {
            Some(tag) => tag,
            // Too short to tell its name: any that looks like it.
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
            // An unreliable one that is passed over is lost.
        }
        Err(format!("came (as {flags:?}) twice, too late, or was never sent like this"))
    }
}
