//! Reliable commands that were sent and are not acknowledged yet, found by their sequence number in one step.

use super::silence::Scheduled;
use crate::Time;
use crate::peer::control::Content;
use std::collections::VecDeque;

/// A command under way.
#[derive(Debug)]
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

/// The commands of one channel that are under way. Sequence numbers are consecutive, so the queue is an array
/// whose index is the distance to the oldest one; acknowledged ones leave a hole until they are the oldest.
#[derive(Debug)]
pub(crate) struct InFlight {
    first: u16,
    commands: VecDeque<Option<Sent>>,
    /// The number of commands at the front that are not under way for the first time: acknowledged or lost.
    settled: usize,
}

impl InFlight {
    pub(crate) fn new() -> Self {
        Self { first: 0, commands: VecDeque::new(), settled: 0 }
    }

    /// The number of commands under way, with acknowledged ones between them.
    pub(crate) fn len(&self) -> usize {
        self.commands.len()
    }

    /// Sequence number of the oldest command under way.
    pub(crate) fn oldest(&self) -> Option<u16> {
        (!self.commands.is_empty()).then_some(self.first)
    }

    /// Adds the command with the next sequence number.
    #[inline(always)]
    pub(crate) fn push(&mut self, sequence: u16, sent: Sent) {
        if self.commands.is_empty() {
            self.first = sequence;
        }
        debug_assert_eq!(usize::from(sequence.wrapping_sub(self.first)), self.commands.len());
        self.commands.push_back(Some(sent));
    }

    pub(crate) fn get_mut(&mut self, sequence: u16) -> Option<&mut Sent> {
        self.commands.get_mut(usize::from(sequence.wrapping_sub(self.first)))?.as_mut()
    }

    /// Removes the command that was acknowledged, after `read` has seen it; `None` if it was removed before,
    /// or never sent.
    #[inline(always)]
    pub(crate) fn remove<R>(&mut self, sequence: u16, read: impl FnOnce(&Sent) -> R) -> Option<R> {
        let distance = usize::from(sequence.wrapping_sub(self.first));
        let command = self.commands.get_mut(distance)?;
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
        let mut gone = 0;
        while matches!(self.commands.front(), Some(None)) {
            self.commands.pop_front();
            gone += 1;
        }
        self.first = self.first.wrapping_add(gone);
        self.settled = self.settled.saturating_sub(gone.into());
    }

    /// The oldest command that is under way for the first time, with its number.
    #[inline]
    pub(crate) fn first_attempt(&mut self) -> Option<(u16, &mut Sent)> {
        while let Some(command) = self.commands.get(self.settled) {
            if command.as_ref().is_some_and(Sent::is_first_attempt) {
                let sequence = self.first.wrapping_add(self.settled as u16);
                return Some((sequence, self.commands.get_mut(self.settled)?.as_mut()?));
            }
            self.settled += 1;
        }
        None
    }

    /// The last commands that were sent, the newest first, each with its number; those that are acknowledged
    /// are left out.
    pub(crate) fn newest(&mut self, count: usize) -> impl DoubleEndedIterator<Item = (u16, &mut Sent)> {
        let (first, length) = (self.first, self.commands.len());
        let newest = self.commands.iter_mut().enumerate().skip(length.saturating_sub(count)).rev();
        newest.filter_map(move |(index, sent)| Some((first.wrapping_add(index as u16), sent.as_mut()?)))
    }

    /// The oldest command under way.
    pub(crate) fn first(&self) -> Option<&Sent> {
        self.commands.front()?.as_ref()
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
