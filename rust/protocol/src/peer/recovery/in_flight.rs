//! Reliable commands that were sent and are not acknowledged yet, found by their sequence number in one step.

use crate::Time;
use crate::peer::control::Content;
use std::collections::VecDeque;

/// A command under way.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) content: Content,
    /// When the last attempt went out.
    pub(crate) sent_at: Time,
    /// Milliseconds that the last attempt may stay unacknowledged; doubles with each.
    pub(crate) timeout: u32,
    /// Bytes that it takes of the reliable window; a datagram has at most 4,096.
    length: u16,
    /// How often it was sent, up to 255.
    attempts: u8,
    /// It waits to be sent again.
    is_lost: bool,
}

impl Sent {
    /// A command that goes out for the first time, with `length` bytes of payload.
    #[inline(always)]
    pub(crate) fn new(content: Content, length: u16, now: Time, timeout: u32) -> Self {
        Self { content, sent_at: now, timeout, length, attempts: 1, is_lost: false }
    }

    /// Bytes that it takes of the reliable window.
    pub(crate) fn length(&self) -> u32 {
        self.length.into()
    }

    /// How often it was sent.
    pub(crate) fn attempts(&self) -> u8 {
        self.attempts
    }

    /// Whether it waits to be sent again.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// The last attempt is overdue: its successor waits twice as long.
    pub(crate) fn mark_lost(&mut self) {
        self.is_lost = true;
        self.timeout = self.timeout.saturating_mul(2);
    }

    /// The last attempt took a way that leads nowhere: its successor waits as long.
    pub(crate) fn mark_rerouted(&mut self) {
        self.is_lost = true;
    }

    /// It goes out again.
    pub(crate) fn on_retransmitted(&mut self, now: Time) {
        self.sent_at = now;
        self.attempts = self.attempts.saturating_add(1);
        self.is_lost = false;
    }

    /// The deadline of its only attempt; `None` if it was sent again, or is lost.
    fn first_deadline(&self) -> Option<Time> {
        (self.attempts == 1 && !self.is_lost).then(|| self.sent_at.after(self.timeout))
    }

    /// The deadline of the attempt of `sent_at`; `None` if that is not the last one, or is lost.
    pub(crate) fn deadline(&self, sent_at: Time) -> Option<Time> {
        (self.sent_at == sent_at && !self.is_lost).then(|| sent_at.after(self.timeout))
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

    /// Takes out the command that was acknowledged; `None` if it was before, or never sent.
    #[inline(always)]
    pub(crate) fn take(&mut self, sequence: u16) -> Option<Sent> {
        let distance = usize::from(sequence.wrapping_sub(self.first));
        if distance > 0 {
            return self.commands.get_mut(distance)?.take();
        }
        let sent = self.commands.pop_front()?;
        let mut gone = 1;
        while matches!(self.commands.front(), Some(None)) {
            self.commands.pop_front();
            gone += 1;
        }
        self.first = self.first.wrapping_add(gone);
        self.settled = self.settled.saturating_sub(gone.into());
        sent
    }

    /// The deadline of the oldest command that is under way for the first time.
    pub(crate) fn first_deadline(&mut self) -> Option<Time> {
        while let Some(command) = self.commands.get(self.settled) {
            let deadline = command.as_ref().and_then(Sent::first_deadline);
            if deadline.is_some() {
                return deadline;
            }
            self.settled += 1;
        }
        None
    }

    /// The oldest command that is under way for the first time and its number, if it is overdue. The caller
    /// has to mark it as lost.
    pub(crate) fn first_overdue(&mut self, now: Time) -> Option<(u16, &mut Sent)> {
        self.first_deadline().filter(|deadline| *deadline <= now)?;
        let sequence = self.first.wrapping_add(self.settled as u16);
        Some((sequence, self.commands.get_mut(self.settled)?.as_mut()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::control::Control;
    use crate::random::Random;
    use std::collections::BTreeMap;

    /// A command that carries `number`.
    fn sent(number: u16, now: Time, timeout: u32) -> Sent {
        let interval = u32::from(number);
        let content = Control::ThrottleConfigure { interval, acceleration: 0, deceleration: 0 };
        Sent::new(Content::Control(content), 0, now, timeout)
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
            in_flight.push(sequence, sent(sequence, Time::default(), 0));
        }
        assert_eq!(in_flight.oldest(), Some(65_500));
        for &sequence in sequences.iter().rev() {
            assert_eq!(in_flight.take(sequence).as_ref().map(number), Some(sequence));
            assert!(in_flight.take(sequence).is_none());
        }
        assert!(in_flight.oldest().is_none());
        assert!(in_flight.take(3).is_none());
    }

    #[test]
    fn the_oldest_first_attempt_tells_the_deadline() {
        let at = Time::from_millis;
        let mut in_flight = InFlight::new();
        for sequence in 0..5 {
            in_flight.push(sequence, sent(sequence, at(100 * u64::from(sequence)), 1000));
        }
        assert_eq!(in_flight.first_deadline(), Some(at(1000)));
        assert!(in_flight.first_overdue(at(999)).is_none());
        let (sequence, sent) = in_flight.first_overdue(at(1000)).unwrap();
        assert_eq!(sequence, 0);
        sent.mark_lost();
        sent.on_retransmitted(at(1001));
        assert!(in_flight.take(1).is_some());
        assert_eq!(in_flight.first_deadline(), Some(at(1200)));
        assert!(in_flight.take(0).is_some());
        assert_eq!(in_flight.first_deadline(), Some(at(1200)));
        assert_eq!(in_flight.first_overdue(at(1200)).map(|(sequence, _)| sequence), Some(2));
    }

    #[test]
    fn the_oldest_first_attempt_is_found_after_any_losses_and_holes() {
        const TIMEOUT: u32 = 20;
        for seed in 0..50_u8 {
            let mut random = Random::new(&[seed; 16]);
            let (mut in_flight, mut next) = (InFlight::new(), 65_000_u16);
            // The reference: when each first attempt was sent, and its number.
            let mut first_attempts: BTreeMap<Time, u16> = BTreeMap::new();
            let mut lost = Vec::new();
            for now in (0..3000).map(Time::from_millis) {
                match random.next_u32() % 8 {
                    0..3 => {
                        in_flight.push(next, sent(next, now, TIMEOUT));
                        first_attempts.insert(now, next);
                        next = next.wrapping_add(1);
                    }
                    3..6 => {
                        let Some(oldest) = in_flight.oldest() else { continue };
                        let distance = random.next_u32() % in_flight.len().min(20) as u32;
                        let sequence = oldest.wrapping_add(distance as u16);
                        let is_there = in_flight.get_mut(sequence).is_some();
                        let taken = in_flight.take(sequence).as_ref().map(number);
                        assert_eq!(taken, is_there.then_some(sequence), "seed {seed}");
                        first_attempts.retain(|_, other| *other != sequence);
                    }
                    6 => {
                        while let Some((sequence, sent)) = in_flight.first_overdue(now) {
                            assert_eq!(
                                first_attempts.pop_first(),
                                Some((sent.sent_at, sequence)),
                                "seed {seed}"
                            );
                            sent.mark_lost();
                            lost.push(sequence);
                        }
                    }
                    _ => {
                        for sequence in lost.drain(..) {
                            if let Some(sent) = in_flight.get_mut(sequence) {
                                sent.on_retransmitted(now);
                            }
                        }
                    }
                }
                let expected = first_attempts.first_key_value().map(|(sent_at, _)| sent_at.after(TIMEOUT));
                assert_eq!(in_flight.first_deadline(), expected, "seed {seed} at {now:?}");
            }
        }
    }
}
