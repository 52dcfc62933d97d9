//! Reliable commands that were sent and are not acknowledged yet, found by their sequence number in one step.

use super::timeout::Timeout;
use crate::Time;
use std::collections::VecDeque;

/// A command under way.
#[derive(Debug)]
pub(crate) struct Sent<C> {
    pub(crate) content: C,
    /// When the last attempt went out.
    pub(crate) sent_at: Time,
    /// Milliseconds that the last attempt may stay unacknowledged; doubles with each.
    pub(crate) timeout: u32,
    /// How often it was sent.
    attempts: u16,
    /// Its time was up: it waits to be sent again.
    pub(crate) lost: bool,
}

impl<C> Sent<C> {
    /// A command that goes out for the first time.
    pub(crate) fn first_attempt(content: C, now: Time, timeout: u32) -> Self {
        Self { content, sent_at: now, timeout, attempts: 1, lost: false }
    }

    /// A lost command goes out again.
    pub(crate) fn next_attempt(&mut self, now: Time) {
        self.sent_at = now;
        self.attempts = self.attempts.saturating_add(1);
        self.lost = false;
    }

    /// Milliseconds, at least 1, that the answer to it took which has come at `now`; `None` if it was sent repeatedly, since
    /// the answer may be to any attempt.
    pub(crate) fn round_trip(&self, now: Time) -> Option<u32> {
        (self.attempts == 1).then(|| now.since(self.sent_at).max(1))
    }

    /// When its only attempt is overdue; `None` if it was not the only one, or is lost already.
    fn first_deadline(&self) -> Option<Time> {
        (self.attempts == 1 && !self.lost).then(|| self.sent_at.after(self.timeout))
    }

    /// When the attempt of `sent_at` is overdue; `None` if it was not the last one, or is lost already.
    pub(crate) fn deadline(&self, sent_at: Time) -> Option<Time> {
        (self.sent_at == sent_at && !self.lost).then(|| sent_at.after(self.timeout))
    }

    /// The last attempt is overdue: its successor waits twice as long. `true` if the peer has to be given up.
    pub(crate) fn lose(&mut self, now: Time, timeout: &mut Timeout) -> bool {
        self.lost = true;
        self.timeout = self.timeout.saturating_mul(2);
        timeout.overdue(now, self.sent_at, self.attempts.into())
    }
}

/// The commands of one channel that are under way. Sequence numbers are consecutive, so the queue is an array
/// whose index is the distance to the oldest one; acknowledged ones leave a hole until they are the oldest.
#[derive(Debug)]
pub(crate) struct InFlight<C> {
    first: u16,
    commands: VecDeque<Option<Sent<C>>>,
    /// So many of them, the oldest, are not under way for the first time: acknowledged or lost.
    settled: usize,
}

impl<C> InFlight<C> {
    pub(crate) fn new() -> Self {
        Self { first: 0, commands: VecDeque::new(), settled: 0 }
    }

    /// Commands under way, and acknowledged ones between them.
    pub(crate) fn len(&self) -> usize {
        self.commands.len()
    }

    /// Sequence number of the oldest command under way.
    pub(crate) fn oldest(&self) -> Option<u16> {
        (!self.commands.is_empty()).then_some(self.first)
    }

    /// Adds the command with the next sequence number.
    pub(crate) fn push(&mut self, sequence: u16, sent: Sent<C>) {
        if self.commands.is_empty() {
            self.first = sequence;
        }
        debug_assert_eq!(usize::from(sequence.wrapping_sub(self.first)), self.commands.len());
        self.commands.push_back(Some(sent));
    }

    pub(crate) fn get_mut(&mut self, sequence: u16) -> Option<&mut Sent<C>> {
        self.commands.get_mut(usize::from(sequence.wrapping_sub(self.first)))?.as_mut()
    }

    /// Takes out the command that was acknowledged; `None` if it was before, or never sent.
    pub(crate) fn take(&mut self, sequence: u16) -> Option<Sent<C>> {
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

    /// When the oldest command that is under way for the first time is overdue.
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

    /// That command with its number, if it is overdue. Has to be lost then.
    pub(crate) fn first_overdue(&mut self, now: Time) -> Option<(u16, &mut Sent<C>)> {
        self.first_deadline().filter(|deadline| *deadline <= now)?;
        let sequence = self.first.wrapping_add(self.settled as u16);
        Some((sequence, self.commands.get_mut(self.settled)?.as_mut()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use std::collections::BTreeMap;

    fn sent(content: u16) -> Sent<u16> {
        Sent { content, sent_at: Time::default(), timeout: 0, attempts: 1, lost: false }
    }

    #[test]
    fn commands_are_taken_once_in_any_order_across_the_wrap() {
        let mut in_flight = InFlight::new();
        let sequences: Vec<u16> = (0..100).map(|n| 65_500u16.wrapping_add(n)).collect();
        for &sequence in &sequences {
            in_flight.push(sequence, sent(sequence));
        }
        assert_eq!(in_flight.oldest(), Some(65_500));
        for &sequence in sequences.iter().rev() {
            assert_eq!(in_flight.take(sequence).map(|s| s.content), Some(sequence));
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
            in_flight.push(sequence, Sent::first_attempt((), at(100 * u64::from(sequence)), 1000));
        }
        assert_eq!(in_flight.first_deadline(), Some(at(1000)));
        assert!(in_flight.first_overdue(at(999)).is_none());
        let (sequence, sent) = in_flight.first_overdue(at(1000)).unwrap();
        assert_eq!(sequence, 0);
        sent.lose(at(1000), &mut Timeout::new());
        sent.next_attempt(at(1001));
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
            // The same by looking at all of them: when each was sent, and its number.
            let mut first_attempts: BTreeMap<Time, u16> = BTreeMap::new();
            let mut lost = Vec::new();
            for now in (0..3000).map(Time::from_millis) {
                match random.next_u32() % 8 {
                    0..3 => {
                        in_flight.push(next, Sent::first_attempt(next, now, TIMEOUT));
                        first_attempts.insert(now, next);
                        next = next.wrapping_add(1);
                    }
                    3..6 => {
                        let Some(oldest) = in_flight.oldest() else { continue };
                        let distance = random.next_u32() % in_flight.len().min(20) as u32;
                        let sequence = oldest.wrapping_add(distance as u16);
                        let is_there = in_flight.get_mut(sequence).is_some();
                        let taken = in_flight.take(sequence).map(|sent| sent.content);
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
                            sent.lose(now, &mut Timeout::new());
                            lost.push(sequence);
                        }
                    }
                    _ => {
                        for sequence in lost.drain(..) {
                            if let Some(sent) = in_flight.get_mut(sequence) {
                                sent.next_attempt(now);
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
