//! Reliable commands that were sent and are not acknowledged yet, found by their sequence number in one step.

use super::silence::Scheduled;
use crate::Time;
use crate::peer::control::Content;

/// A command under way.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Sent {
    pub(crate) content: Content,
    /// When it was sent first, and ENet's time-out at that time, in milliseconds.
    first_sent_at: Time,
    first_timeout: u32,
    /// Milliseconds from then to the last attempt, up to 65,535.
    attempted_after: u16,
    /// When it was sent last, early copies included.
    pub(crate) sent_at: Time,
    /// Number of the datagram in which it was sent last.
    pub(crate) datagram: u32,
    /// Bytes that it takes of the reliable window; a datagram has at most 4,096.
    length: u16,
    /// How often it was sent because it was new or lost, up to 255.
    attempts: u8,
    /// Early copies of it that were sent since the last attempt.
    copies: u8,
    /// It waits to be sent again.
    is_lost: bool,
    /// It was declared lost because of what was sent later and acknowledged, at least once.
    was_overtaken: bool,
}

impl Sent {
    /// A command that goes out for the first time, with `length` bytes of payload.
    #[inline(always)]
    pub(crate) fn new(content: Content, length: u16, scheduled: Scheduled, datagram: u32) -> Self {
        let Scheduled { sent_at, timeout } = scheduled;
        Self {
            content,
            first_sent_at: sent_at,
            first_timeout: timeout,
            attempted_after: 0,
            sent_at,
            datagram,
            length,
            attempts: 1,
            copies: 0,
            is_lost: false,
            was_overtaken: false,
        }
    }

    /// When ENet would have sent it first, and with which time-out.
    pub(crate) fn scheduled(&self) -> Scheduled {
        Scheduled { sent_at: self.first_sent_at, timeout: self.first_timeout }
    }

    /// Bytes that it takes of the reliable window.
    pub(crate) fn length(&self) -> u32 {
        self.length.into()
    }

    /// When ENet's first time-out passes.
    pub(crate) fn first_expiry(&self) -> Time {
        self.first_sent_at.after(self.first_timeout)
    }

    /// How often it was sent because it was new or lost, up to 255.
    pub(crate) fn attempts(&self) -> u8 {
        self.attempts
    }

    /// When the last attempt was sent, up to a minute after the first one.
    pub(crate) fn attempted_at(&self) -> Time {
        self.first_sent_at.after(self.attempted_after.into())
    }

    /// Early copies of it that were sent since the last attempt.
    pub(crate) fn copies(&self) -> u8 {
        self.copies
    }

    /// Whether there was only one transmission.
    pub(crate) fn was_sent_once(&self) -> bool {
        self.attempts == 1 && self.copies == 0
    }

    /// An early copy of it goes out.
    pub(crate) fn on_copied(&mut self, now: Time, datagram: u32) {
        self.sent_at = now;
        self.datagram = datagram;
        self.copies = self.copies.saturating_add(1);
    }

    /// Whether it waits to be sent again.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Whether it is under way for the first time.
    fn is_first_attempt(&self) -> bool {
        self.attempts == 1 && !self.is_lost
    }

    /// Whether it is under way, but not for the first time.
    pub(crate) fn is_retransmission(&self) -> bool {
        self.attempts > 1 && !self.is_lost
    }

    /// It has to be sent again, because of what was sent later and acknowledged or because its time is up.
    pub(crate) fn mark_lost(&mut self, is_overtaken: bool) {
        self.is_lost = true;
        self.was_overtaken |= is_overtaken;
    }

    /// Whether it was declared lost because of what was sent later and acknowledged, at least once.
    pub(crate) fn was_overtaken(&self) -> bool {
        self.was_overtaken
    }

    /// It goes out again.
    pub(crate) fn on_retransmitted(&mut self, now: Time, datagram: u32) {
        self.sent_at = now;
        self.datagram = datagram;
        self.attempted_after = now.since(self.first_sent_at).try_into().unwrap_or(u16::MAX);
        self.attempts = self.attempts.saturating_add(1);
        self.copies = 0;
        self.is_lost = false;
    }
}

/// The commands of one channel that are under way, by their consecutive sequence numbers. Acknowledged ones
/// leave a hole until they are the oldest.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct InFlight {
    /// Each command at its number, modulo the length, which is a power of two.
    ring: Vec<Option<Sent>>,
    /// Number of the oldest command.
    first: u16,
    /// The number of commands from there on, with holes between them.
    len: usize,
    /// The number of commands at the front that are not under way for the first time: acknowledged or lost.
    settled: usize,
}

impl InFlight {
    const INITIAL_CAPACITY: usize = 2;

    pub(crate) fn new() -> Self {
        Self { ring: Vec::new(), first: 0, len: 0, settled: 0 }
    }

    /// The number of commands under way, with acknowledged ones between them.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of payload that were sent and not acknowledged, of lost commands as well.
    pub(crate) fn bytes(&self) -> u64 {
        self.ring.iter().flatten().map(|sent| u64::from(sent.length)).sum()
    }

    /// Sequence number of the oldest command under way.
    pub(crate) fn oldest(&self) -> Option<u16> {
        (self.len > 0).then_some(self.first)
    }

    /// Where the command with this number lies in the ring, if it is under way.
    #[inline(always)]
    fn place(&self, sequence: u16) -> usize {
        usize::from(sequence) & self.ring.len().wrapping_sub(1)
    }

    /// How many commands are older than the one with this number.
    #[inline(always)]
    fn distance(&self, sequence: u16) -> usize {
        sequence.wrapping_sub(self.first).into()
    }

    /// Adds the command with the next sequence number.
    #[inline(always)]
    pub(crate) fn push(&mut self, sequence: u16, sent: Sent) {
        if self.len == self.ring.len() {
            self.grow();
        }
        if self.len == 0 {
            self.first = sequence;
        }
        debug_assert_eq!(self.distance(sequence), self.len);
        let place = self.place(sequence);
        // That the place is free is known already, and said again so that the command is written right there.
        if let Some(command @ None) = self.ring.get_mut(place) {
            *command = Some(sent);
            self.len += 1;
        }
    }

    #[inline(never)]
    fn grow(&mut self) {
        let length = (self.ring.len() * 2).max(Self::INITIAL_CAPACITY);
        let mut ring = Vec::new();
        ring.resize_with(length, || None);
        for distance in 0..self.len {
            let sequence = self.first.wrapping_add(distance as u16);
            let place = self.place(sequence);
            ring[usize::from(sequence) & (length - 1)] = self.ring[place].take();
        }
        self.ring = ring;
    }

    pub(crate) fn get_mut(&mut self, sequence: u16) -> Option<&mut Sent> {
        if self.distance(sequence) >= self.len {
            return None;
        }
        let place = self.place(sequence);
        self.ring.get_mut(place)?.as_mut()
    }

    /// Removes the command that was acknowledged, after `read` has seen it; `None` if it was removed before,
    /// or never sent.
    #[inline(always)]
    pub(crate) fn remove<R>(&mut self, sequence: u16, read: impl FnOnce(&Sent) -> R) -> Option<R> {
        let distance = self.distance(sequence);
        if distance >= self.len {
            return None;
        }
        let place = self.place(sequence);
        let command = self.ring.get_mut(place)?;
        let seen = read(command.as_ref()?);
        // In its place: moving it out would cost more.
        *command = None;
        if distance == 0 {
            self.remove_gaps();
        }
        Some(seen)
    }

    /// Moves on to the oldest command that is not removed.
    #[inline(always)]
    fn remove_gaps(&mut self) {
        while self.len > 0 && matches!(self.ring.get(self.place(self.first)), Some(None)) {
            self.first = self.first.wrapping_add(1);
            self.len -= 1;
            self.settled = self.settled.saturating_sub(1);
        }
    }

    /// The oldest command that is under way for the first time, with its number.
    #[inline]
    pub(crate) fn first_attempt(&mut self) -> Option<(u16, &mut Sent)> {
        while self.settled < self.len {
            let sequence = self.first.wrapping_add(self.settled as u16);
            let place = self.place(sequence);
            if self.ring.get(place)?.as_ref().is_some_and(Sent::is_first_attempt) {
                return Some((sequence, self.ring.get_mut(place)?.as_mut()?));
            }
            self.settled += 1;
        }
        None
    }

    /// The last commands that were sent, the newest first, each with its number; those that are acknowledged
    /// are left out.
    pub(crate) fn newest(&mut self, count: usize) -> impl DoubleEndedIterator<Item = (u16, &mut Sent)> {
        let count = count.min(self.len);
        let first = self.first.wrapping_add((self.len - count) as u16);
        let begin = self.place(first).min(self.ring.len());
        let (wrapped, until_end) = self.ring.split_at_mut(begin);
        let before_wrap = count.min(until_end.len());
        let numbered = |first: u16| move |(index, sent): (usize, _)| (first.wrapping_add(index as u16), sent);
        let until_end = until_end[..before_wrap].iter_mut().enumerate().map(numbered(first));
        let wrapped = wrapped[..count - before_wrap].iter_mut().enumerate();
        let wrapped = wrapped.map(numbered(first.wrapping_add(before_wrap as u16)));
        let newest = until_end.chain(wrapped).rev();
        newest.filter_map(|(sequence, sent): (u16, &mut Option<Sent>)| Some((sequence, sent.as_mut()?)))
    }

    /// The oldest command under way.
    pub(crate) fn first(&self) -> Option<&Sent> {
        // Nothing is left in the ring of what is not under way.
        self.ring.get(self.place(self.first))?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::control::Control;
    use crate::random::Random;
    use std::collections::BTreeMap;

    /// A command that carries `number`.
    fn sent(number: u16, sent_at: Time) -> Sent {
        let interval = u32::from(number);
        let content = Control::ThrottleConfigure { interval, acceleration: 0, deceleration: 0 };
        Sent::new(Content::Control(content), 0, Scheduled { sent_at, timeout: 0 }, 0)
    }

    fn number(sent: &Sent) -> u16 {
        match sent.content {
            Content::Control(Control::ThrottleConfigure { interval, .. }) => interval as u16,
            _ => unreachable!("made by sent()"),
        }
    }

    #[test]
    fn commands_are_taken_once_in_any_order_across_the_wrap() {
        let mut in_flight = InFlight::new();
        let sequences: Vec<u16> = (0..100).map(|n| 65_500u16.wrapping_add(n)).collect();
        for &sequence in &sequences {
            in_flight.push(sequence, sent(sequence, Time::default()));
        }
        assert_eq!(in_flight.oldest(), Some(65_500));
        for &sequence in sequences.iter().rev() {
            assert_eq!(in_flight.remove(sequence, number), Some(sequence));
            assert!(in_flight.remove(sequence, |_| ()).is_none());
        }
        assert!(in_flight.oldest().is_none());
        assert!(in_flight.remove(3, |_| ()).is_none());
    }

    #[test]
    fn the_newest_commands_are_found_without_holes_wherever_the_ring_wraps() {
        let mut in_flight = InFlight::new();
        assert_eq!(in_flight.newest(5).count(), 0);
        let mut expected: Vec<u16> = Vec::new();
        for sequence in (0..40).map(|n| 65_520u16.wrapping_add(n)) {
            in_flight.push(sequence, sent(sequence, Time::default()));
            expected.insert(0, sequence);
            if expected.len() > 6 {
                // The oldest, and one in the middle, which leaves a hole.
                for taken in [expected.pop(), (sequence % 2 == 0).then(|| expected.remove(2))] {
                    assert!(taken.is_none_or(|taken| in_flight.remove(taken, number) == Some(taken)));
                }
            }
            let newest: Vec<_> =
                in_flight.newest(usize::MAX).map(|(number, sent)| (number, self::number(sent))).collect();
            assert_eq!(newest, expected.iter().map(|&number| (number, number)).collect::<Vec<_>>());
            let newest = in_flight.newest(2).map(|(number, _)| number);
            let last_two = expected.iter().copied().filter(|&n| sequence.wrapping_sub(n) < 2);
            assert!(newest.eq(last_two));
        }
    }

    /// When the oldest command that is under way for the first time was sent, and its number.
    fn first_attempt(in_flight: &mut InFlight) -> Option<(Time, u16)> {
        in_flight.first_attempt().map(|(sequence, sent)| (sent.sent_at, sequence))
    }

    #[test]
    fn the_oldest_first_attempt_is_found_after_any_losses_and_holes() {
        for seed in 0..50_u8 {
            let mut random = Random::new(&[seed; 16]);
            let (mut in_flight, mut next) = (InFlight::new(), 65_000_u16);
            // The reference: when each first attempt was sent, and its number.
            let mut first_attempts: BTreeMap<Time, u16> = BTreeMap::new();
            let mut lost = Vec::new();
            for now in (0..3000).map(Time::from_millis) {
                match random.next_u32() % 8 {
                    0..3 => {
                        in_flight.push(next, sent(next, now));
                        first_attempts.insert(now, next);
                        next = next.wrapping_add(1);
                    }
                    3..6 => {
                        let Some(oldest) = in_flight.oldest() else { continue };
                        let distance = random.next_u32() % in_flight.len().min(20) as u32;
                        let sequence = oldest.wrapping_add(distance as u16);
                        let is_there = in_flight.get_mut(sequence).is_some();
                        let taken = in_flight.remove(sequence, number);
                        assert_eq!(taken, is_there.then_some(sequence), "seed {seed}");
                        first_attempts.retain(|_, other| *other != sequence);
                    }
                    6 => {
                        if let Some((sequence, sent)) = in_flight.first_attempt() {
                            let oldest = first_attempts.pop_first();
                            assert_eq!(oldest, Some((sent.sent_at, sequence)), "seed {seed}");
                            sent.mark_lost(false);
                            lost.push(sequence);
                        }
                    }
                    _ => {
                        for sequence in lost.drain(..) {
                            if let Some(sent) = in_flight.get_mut(sequence) {
                                sent.on_retransmitted(now, 0);
                            }
                        }
                    }
                }
                let expected = first_attempts.first_key_value().map(|(sent_at, number)| (*sent_at, *number));
                assert_eq!(first_attempt(&mut in_flight), expected, "seed {seed} at {now:?}");
            }
        }
    }
}
