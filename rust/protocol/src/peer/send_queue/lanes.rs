//! Lanes: the messages of each channel in a queue of their own, and which queue is next.
//!
//! The lanes of one level share by deficit round robin (Shreedhar and Varghese, 1996): each has a credit of
//! bytes, and one that has used it up waits until the others have, too. So a backlog on one channel delays
//! the others by about a datagram. Among the lanes with credit, messages leave in the order in which they
//! were queued, so that none overtakes another without need. Lanes of a level wait for all of lower ones.
//! While the connection's window is full, lanes in which no more than a datagram waits go on for a burst: the
//! transfer that fills the window owes them that.

use super::messages::MessageQueue;
use crate::peer::message::{Message, Reliable, Unreliable};

/// The number of levels that channels can have; those of level 0 go first.
pub const CHANNEL_LEVELS: u8 = 8;

/// Bytes that a lane of weight 1 may send in a round: about a datagram.
pub(super) const QUANTUM: i32 = 1200;

/// The messages of one channel.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Lane {
    pub(super) messages: MessageQueue,
    /// Bytes that it may send before it is the turn of others; the last command may exceed it.
    credit: i32,
    /// The datagram in which it has run out of sequence numbers.
    held_in: u32,
    /// The round of its level in which it got credit last.
    round: u8,
    level: u8,
    weight: u8,
    /// The list of lanes with messages has this one.
    is_active: bool,
}

impl Lane {
    fn new() -> Self {
        Self {
            messages: MessageQueue::default(),
            credit: QUANTUM,
            held_in: 0,
            round: 0,
            level: 0,
            weight: 1,
            is_active: false,
        }
    }

    /// Bytes that it may send in a round.
    fn quantum(&self) -> i32 {
        QUANTUM * i32::from(self.weight)
    }

    /// Whether no more than a datagram waits.
    fn is_short(&self) -> bool {
        self.messages.bytes_waiting(None) <= QUANTUM as u64
    }
}

/// A lane's turn.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Turn {
    pub(super) channel: u8,
    /// It ends before the message at this position, as another lane with credit has an older one.
    pub(super) until: u64,
    /// It ends when it has taken so many bytes of a datagram, or more.
    pub(super) credit: usize,
    /// Its reliable messages have to wait.
    pub(super) holds_reliable: bool,
    /// No more than a datagram of it waits, so it may use what is kept in reserve.
    pub(super) is_short: bool,
}

/// Which lane could be next.
#[derive(Copy, Clone, Debug)]
enum Candidate {
    /// No lane has anything that can be sent.
    None,
    /// The lanes of this level have something, but no credit.
    NoCredit {
        level: u8,
    },
    Turn(Turn),
}

/// The lanes of one connection.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Lanes {
    /// By channel; each is made when its channel needs it first.
    lanes: Vec<Option<Box<Lane>>>,
    /// The channels whose lanes have messages, by level.
    active: Vec<u8>,
    /// The number of the datagram that is filled, above 0; wraps.
    datagram: u32,
    /// How often the lanes of each level got new credit; wraps.
    rounds: [u8; CHANNEL_LEVELS as usize],
    /// Short lanes of levels below this one go on while the connection's window is full.
    reserved_levels: u8,
}

impl Lanes {
    /// Whether no messages wait.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Whether reliable messages wait.
    pub(super) fn has_reliable(&self) -> bool {
        self.active_lanes().any(|(_, lane)| lane.messages.has_reliable())
    }

    /// Bytes of payload that were not sent yet, on one channel or on all.
    pub(super) fn bytes_waiting(&self, channel: Option<u8>) -> u64 {
        let bytes = |lane: &Lane| lane.messages.bytes_waiting(None);
        match channel {
            Some(channel) => self.get(channel).map_or(0, bytes),
            None => self.active_lanes().map(|(_, lane)| bytes(lane)).sum(),
        }
    }

    /// Sets the level of a channel, 0 to 7, and its share among those of the same level, at least 1.
    pub(super) fn set_priority(&mut self, channel: u8, level: u8, weight: u8) {
        let lane = self.get_or_make(channel);
        lane.level = level.min(CHANNEL_LEVELS - 1);
        lane.weight = weight.max(1);
        lane.credit = lane.credit.min(lane.quantum());
        if lane.is_active {
            self.deactivate(channel);
            self.activate(channel);
        }
    }

    pub(super) fn push_reliable(&mut self, message: Message<Reliable>) {
        let channel = message.channel();
        self.get_or_make(channel).messages.push_reliable(message);
        self.activate(channel);
    }

    pub(super) fn push_unreliable(&mut self, message: Message<Unreliable>) {
        let channel = message.channel();
        self.get_or_make(channel).messages.push_unreliable(message);
        self.activate(channel);
    }

    /// A datagram is about to be filled; something is kept in reserve for short lanes if `has_reserve`.
    pub(super) fn begin_datagram(&mut self, has_reserve: bool) {
        self.datagram = self.datagram.wrapping_add(1).max(1);
        self.reserved_levels = if has_reserve { CHANNEL_LEVELS } else { 0 };
    }

    /// Whose turn it is, if a lane has something that can be sent, reliable messages only unless
    /// `holds_reliable`: the connection's window is full.
    pub(super) fn next_turn(&mut self, holds_reliable: bool) -> Option<Turn> {
        // A few rounds give enough credit, as no command exceeds a datagram of 4,096 bytes.
        loop {
            match self.candidate(holds_reliable) {
                Candidate::None => return None,
                Candidate::Turn(turn) => return Some(turn),
                Candidate::NoCredit { level } => self.begin_round(level, holds_reliable),
            }
        }
    }

    /// The messages of a channel.
    pub(super) fn messages(&mut self, channel: u8) -> Option<&mut MessageQueue> {
        self.get_mut(channel).map(|lane| &mut lane.messages)
    }

    /// The reliable messages of a channel have to wait for another datagram than the one that is filled.
    pub(super) fn hold_reliable(&mut self, channel: u8) {
        let datagram = self.datagram;
        if let Some(lane) = self.get_mut(channel) {
            lane.held_in = datagram;
        }
    }

    /// The connection's window is full for a lane that had its turn: short ones go on, but none of a level
    /// behind it; unless it was one itself.
    pub(super) fn hold_back(&mut self, turn: Turn) {
        let level = self.get(turn.channel).filter(|_| !turn.is_short).map_or(0, |lane| lane.level + 1);
        self.reserved_levels = self.reserved_levels.min(level);
    }

    /// The turn of a lane is over, in which it has used so many bytes of a datagram.
    pub(super) fn end_turn(&mut self, channel: u8, bytes: usize) {
        let Some(lane) = self.get_mut(channel) else { return };
        lane.credit -= bytes as i32;
        if lane.messages.is_empty() {
            self.deactivate(channel);
        }
    }

    fn get(&self, channel: u8) -> Option<&Lane> {
        self.lanes.get(usize::from(channel))?.as_deref()
    }

    fn get_mut(&mut self, channel: u8) -> Option<&mut Lane> {
        self.lanes.get_mut(usize::from(channel))?.as_deref_mut()
    }

    fn get_or_make(&mut self, channel: u8) -> &mut Lane {
        let index = usize::from(channel);
        if index >= self.lanes.len() {
            self.lanes.resize_with(index + 1, || None);
        }
        self.lanes[index].get_or_insert_with(|| Box::new(Lane::new()))
    }

    fn active_lanes(&self) -> impl Iterator<Item = (u8, &Lane)> {
        self.active.iter().filter_map(|&channel| Some((channel, self.get(channel)?)))
    }

    /// Puts the lane of a channel behind the others of its level, if it is not there.
    fn activate(&mut self, channel: u8) {
        let rounds = self.rounds;
        let Some(lane) = self.get_mut(channel).filter(|lane| !lane.is_active) else { return };
        lane.is_active = true;
        let level = lane.level;
        let round = rounds[usize::from(level % CHANNEL_LEVELS)];
        // Who comes back in the same round goes on with the credit that was left.
        if lane.round != round {
            lane.round = round;
            lane.credit = lane.quantum();
        }
        let is_before = |&other: &u8| self.get(other).is_some_and(|other| other.level <= level);
        let position = self.active.iter().rposition(is_before).map_or(0, |last| last + 1);
        self.active.insert(position, channel);
    }

    fn deactivate(&mut self, channel: u8) {
        if let Some(lane) = self.get_mut(channel) {
            lane.is_active = false;
        }
        self.active.retain(|other| *other != channel);
    }

    /// The lane with credit that has the oldest message, in the first level with something to send.
    fn candidate(&self, holds_reliable: bool) -> Candidate {
        let mut level = None;
        let mut oldest: Option<(u64, u8, &Lane)> = None;
        let mut until = u64::MAX;
        for (channel, lane) in self.active_lanes() {
            if level.is_some_and(|level| level != lane.level) {
                break;
            }
            let Some(order) = self.next_order(lane, holds_reliable) else { continue };
            level = Some(lane.level);
            if lane.credit <= 0 {
                continue;
            }
            match oldest {
                Some((oldest, _, _)) if oldest < order => until = until.min(order),
                _ => until = oldest.replace((order, channel, lane)).map_or(u64::MAX, |(order, _, _)| order),
            }
        }
        let Some(level) = level else { return Candidate::None };
        let Some((_, channel, lane)) = oldest else { return Candidate::NoCredit { level } };
        let holds_reliable = self.holds_reliable(lane, holds_reliable);
        let (credit, is_short) = (lane.credit as usize, lane.is_short());
        Candidate::Turn(Turn { channel, until, credit, holds_reliable, is_short })
    }

    /// The position of a lane's next message among all of the connection; reliable ones do not count if they
    /// have to wait.
    fn next_order(&self, lane: &Lane, holds_reliable: bool) -> Option<u64> {
        lane.messages.next_order(self.holds_reliable(lane, holds_reliable))
    }

    /// Whether the reliable messages of a lane have to wait, as those of the connection do, or by itself.
    fn holds_reliable(&self, lane: &Lane, connection: bool) -> bool {
        let is_spared = lane.level < self.reserved_levels && lane.is_short();
        (connection && !is_spared) || lane.held_in == self.datagram
    }

    /// Gives credit to the lanes of a level that have something to send, as none of them has any.
    fn begin_round(&mut self, level: u8, holds_reliable: bool) {
        let round = &mut self.rounds[usize::from(level % CHANNEL_LEVELS)];
        *round = round.wrapping_add(1);
        let round = *round;
        for index in 0..self.active.len() {
            let channel = self.active[index];
            let can_send =
                |lane: &&Lane| lane.level == level && self.next_order(lane, holds_reliable).is_some();
            if self.get(channel).filter(can_send).is_some()
                && let Some(lane) = self.get_mut(channel)
            {
                lane.credit += lane.quantum();
                lane.round = round;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::messages::Next;
    use super::*;
    use crate::peer::message::FragmentedPayload;
    use crate::random::Random;

    /// Bytes of a command beside its payload.
    const HEAD: usize = 6;
    const DATAGRAM: usize = 1392;

    /// Lanes that are filled and emptied without a connection.
    #[derive(Default)]
    struct Sender {
        lanes: Lanes,
        queued: u64,
        holds_reliable: bool,
    }

    impl Sender {
        /// Queues a message of `length` bytes.
        fn queue(&mut self, channel: u8, length: usize, is_reliable: bool) {
            let payload = FragmentedPayload::new(vec![0; length].into(), DATAGRAM);
            if is_reliable {
                let kind = Reliable { first: 1 };
                self.lanes.push_reliable(Message::new(self.queued, channel, kind, payload));
            } else {
                let kind = Unreliable::Unsequenced { group: 1 };
                self.lanes.push_unreliable(Message::new(self.queued, channel, kind, payload));
            }
            self.queued += 1;
        }

        fn queue_reliable(&mut self, channel: u8, length: usize, count: usize) {
            (0..count).for_each(|_| self.queue(channel, length, true));
        }

        /// The channels whose messages the next datagram carries, and their bytes in it.
        fn datagram(&mut self) -> Vec<(u8, usize)> {
            let (mut sent, mut free) = (Vec::new(), DATAGRAM);
            self.lanes.begin_datagram(false);
            while let Some(Turn { channel, until, credit, holds_reliable, .. }) =
                self.lanes.next_turn(self.holds_reliable)
            {
                let messages = self.lanes.messages(channel).unwrap();
                let (mut used, mut is_full) = (0, false);
                while used < credit
                    && let Some(next) = messages.next_before(until, holds_reliable)
                {
                    let length = match next {
                        Next::Reliable => messages.first_reliable().unwrap().next_length(),
                        Next::Unreliable => messages.first_unreliable().unwrap().next_length(),
                    };
                    let size = length as usize + HEAD;
                    is_full = size > free;
                    if is_full {
                        break;
                    }
                    match next {
                        Next::Reliable => assert!(messages.on_reliable_sent(true).is_some()),
                        Next::Unreliable => messages.on_unreliable_sent(true),
                    }
                    (used, free) = (used + size, free - size);
                    sent.push((channel, size));
                }
                self.lanes.end_turn(channel, used);
                if is_full {
                    break;
                }
            }
            sent
        }

        /// Bytes of each channel in so many datagrams, before each of which `before` is done.
        fn shares(&mut self, datagrams: usize, mut before: impl FnMut(&mut Self)) -> [usize; 8] {
            let mut shares = [0; 8];
            for _ in 0..datagrams {
                before(self);
                self.datagram().iter().for_each(|&(channel, size)| shares[usize::from(channel)] += size);
            }
            shares
        }
    }

    #[test]
    fn without_a_backlog_messages_leave_as_they_were_queued() {
        let mut sender = Sender::default();
        let channels = [3, 0, 3, 7, 0, 0, 3];
        for (index, channel) in channels.into_iter().enumerate() {
            sender.queue(channel, 100, index % 2 == 0);
        }
        assert_eq!(sender.lanes.bytes_waiting(None), 700);
        assert_eq!(sender.lanes.bytes_waiting(Some(3)), 300);
        assert!(sender.datagram().into_iter().eq(channels.map(|channel| (channel, 106))));
        assert!(sender.lanes.is_empty() && sender.lanes.bytes_waiting(None) == 0);
    }

    #[test]
    fn a_backlog_delays_others_by_a_datagram() {
        let mut sender = Sender::default();
        sender.queue_reliable(0, 1300, 100);
        sender.queue_reliable(5, 60, 3);
        // The first one finds room beside the other channel's turn.
        assert_eq!(sender.datagram(), [(0, 1306), (5, 66)]);
        assert_eq!(sender.datagram(), [(5, 66); 2]);
        assert_eq!(sender.datagram(), [(0, 1306)]);
    }

    #[test]
    fn channels_share_by_their_weights_whatever_the_size_of_their_messages() {
        for seed in 0..20 {
            let mut random = Random::new(&[seed; 16]);
            let mut sender = Sender::default();
            let weights: [u8; 4] = std::array::from_fn(|_| 1 + (random.next_u32() % 9) as u8);
            for (channel, weight) in (0..).zip(weights) {
                sender.lanes.set_priority(channel, 0, weight);
                let length = (1 + random.next_u32() % 1380) as usize;
                sender.queue_reliable(channel, length, 2_000_000 / (length + HEAD));
            }
            let shares = sender.shares(500, |_| ());
            let rounds = (0..).zip(weights).map(|(channel, weight): (usize, _)| {
                shares[channel] as f64 / (f64::from(weight) * f64::from(QUANTUM))
            });
            let (fewest, most) = rounds.fold((f64::MAX, 0.0), |(a, b), x| (x.min(a), x.max(b)));
            // A round, and a command by which each of two can exceed its credit.
            assert!(
                most - fewest < 1.0 + 2.0 * 1386.0 / 1200.0 && fewest > 5.0,
                "seed {seed}: {weights:?} {shares:?}"
            );
        }
    }

    #[test]
    fn a_lower_level_goes_first() {
        let mut sender = Sender::default();
        sender.lanes.set_priority(1, 2, 200);
        sender.queue_reliable(1, 1300, 3);
        sender.queue_reliable(2, 1300, 3);
        sender.queue_reliable(4, 1300, 3);
        // While it has messages, too.
        sender.lanes.set_priority(4, 1, 1);
        let order: Vec<u8> = (0..9).flat_map(|_| sender.datagram()).map(|(channel, _)| channel).collect();
        assert_eq!(order, [2, 2, 2, 4, 4, 4, 1, 1, 1]);
    }

    #[test]
    fn channels_that_come_back_again_and_again_take_no_more_than_their_share() {
        let mut sender = Sender::default();
        sender.queue_reliable(0, 1300, 1000);
        let shares = sender.shares(300, |sender| {
            for channel in [1, 2] {
                if sender.lanes.bytes_waiting(Some(channel)) < 700 {
                    sender.queue(channel, 690, false);
                }
            }
        });
        assert!(shares[0] > shares[1] && shares[0] > shares[2], "{shares:?}");
    }

    #[test]
    fn a_channel_that_was_held_back_has_its_turn_when_the_window_opens() {
        let mut sender = Sender::default();
        sender.queue_reliable(0, 1300, 100);
        sender.queue_reliable(1, 1300, 100);
        let mut order = Vec::new();
        for _ in 0..20 {
            // Meanwhile unreliable messages use up one credit after the other.
            sender.holds_reliable = true;
            sender.queue(2, 1380, false);
            sender.queue(2, 1380, false);
            assert_eq!((sender.datagram(), sender.datagram()), (vec![(2, 1386)], vec![(2, 1386)]));
            sender.holds_reliable = false;
            order.extend(sender.datagram());
        }
        let first = order.iter().filter(|(channel, _)| *channel == 0).count();
        assert!((9..=11).contains(&first), "{order:?}");
    }

    #[test]
    fn a_channel_without_sequence_numbers_lets_its_unreliable_messages_and_others_pass() {
        let mut sender = Sender::default();
        sender.queue_reliable(0, 10, 1);
        sender.queue(0, 20, false);
        sender.queue_reliable(1, 30, 1);
        sender.lanes.begin_datagram(false);
        sender.lanes.hold_reliable(0);
        let turn = sender.lanes.next_turn(false).unwrap();
        assert_eq!((turn.channel, turn.holds_reliable), (0, true));
        let messages = sender.lanes.messages(0).unwrap();
        assert_eq!(messages.next_before(turn.until, turn.holds_reliable), Some(Next::Unreliable));
        messages.on_unreliable_sent(true);
        sender.lanes.end_turn(0, 26);
        assert_eq!(sender.lanes.next_turn(false).map(|turn| turn.channel), Some(1));
        // In the next datagram it is asked again.
        assert_eq!(sender.datagram(), [(0, 16), (1, 36)]);
    }

    #[test]
    fn while_the_window_is_full_short_lanes_go_on_but_none_behind_a_level_that_waits() {
        let mut sender = Sender::default();
        sender.lanes.set_priority(2, 1, 1);
        sender.queue_reliable(0, 1300, 10);
        for channel in [1, 2] {
            sender.queue_reliable(channel, 64, 1);
        }
        sender.lanes.begin_datagram(true);
        let backlog = sender.lanes.next_turn(false).unwrap();
        assert_eq!((backlog.channel, backlog.is_short), (0, false));
        sender.lanes.hold_back(backlog);
        let short = sender.lanes.next_turn(true).unwrap();
        assert_eq!((short.channel, short.is_short, short.holds_reliable), (1, true, false));
        sender.lanes.messages(1).unwrap().on_reliable_sent(true);
        sender.lanes.end_turn(1, 70);
        assert_eq!(sender.lanes.next_turn(true), None);
        // Without a reserve, or once it is used up, none goes on.
        sender.queue_reliable(1, 64, 1);
        sender.lanes.begin_datagram(false);
        assert_eq!(sender.lanes.next_turn(true), None);
        sender.lanes.begin_datagram(true);
        sender.lanes.hold_back(short);
        assert_eq!(sender.lanes.next_turn(true), None);
    }

    #[test]
    fn any_messages_on_any_channels_are_sent_once_and_in_order() {
        for seed in 0..30 {
            let mut random = Random::new(&[seed; 16]);
            let (mut sender, mut sent, mut bytes) = (Sender::default(), 0, 0);
            for _ in 0..200 {
                for _ in 0..random.next_u32() % 6 {
                    let length = (random.next_u32() % 1300) as usize;
                    sender.queue((random.next_u32() % 7) as u8, length, random.next_u32().is_multiple_of(2));
                    bytes += length + HEAD;
                }
                if random.next_u32().is_multiple_of(20) {
                    let [channel, level, weight] = [7, 9, 4].map(|below| (random.next_u32() % below) as u8);
                    sender.lanes.set_priority(channel, level, weight);
                }
                sent += sender.datagram().iter().map(|(_, size)| size).sum::<usize>();
            }
            sent += sender.shares(2000, |_| ()).iter().sum::<usize>();
            assert_eq!((sent, sender.lanes.is_empty()), (bytes, true), "seed {seed}");
            assert_eq!(sender.lanes.bytes_waiting(None), 0);
        }
    }
}
