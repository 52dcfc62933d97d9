//! Acknowledgements that go out again, in what is left of the next datagram, while some of them get lost:
//! each one that is lost makes the remote host send a whole command again.
//!
//! That they get lost is seen by commands that come again. The bytes of these are what repeats may take, so
//! they never cost more than the losses did, and nothing on a path without losses. A remote host that makes
//! early copies of its commands has their acknowledgements more often anyway; there none are repeated.

use super::Acknowledgement;
use crate::Time;
use crate::peer::datagram::Datagram;
use crate::wire::ACKNOWLEDGE_SIZE;
use std::collections::VecDeque;

/// Acknowledgements that wait to be repeated, at most: more than a datagram has.
const CAPACITY: usize = 256;
/// Milliseconds after which an acknowledgement is not repeated any more.
const LONGEST_WAIT: u32 = 1000;
/// Bytes that may be saved up for repeats.
const MAXIMUM_CREDIT: usize = 4096;
/// Commands that count for the share of those that came again, about.
const COUNTED_COMMANDS: u32 = 256;
/// From one in so many commands on that come again, they are early copies.
const COPIED_SHARE: u32 = 3;

/// The acknowledgements of one connection that may be repeated.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct AcknowledgementRepeats {
    /// Those that were sent once, the oldest first, each with the time at which it was sent.
    sent: VecDeque<(Acknowledgement, Time)>,
    /// How many of them are in the datagram that is being filled.
    fresh: usize,
    /// Bytes that repeats may take.
    credit: usize,
    /// Acknowledgements that were sent, and commands that came again, of the last ones.
    acknowledged: u32,
    duplicates: u32,
}

impl Default for AcknowledgementRepeats {
    fn default() -> Self {
        Self { sent: VecDeque::new(), fresh: 0, credit: 0, acknowledged: COUNTED_COMMANDS, duplicates: 0 }
    }
}

impl AcknowledgementRepeats {
    /// A reliable command of so many bytes has come again.
    pub(super) fn on_duplicate(&mut self, bytes: usize) {
        self.duplicates += 1;
        self.credit = (self.credit + bytes).min(MAXIMUM_CREDIT);
    }

    /// Acknowledgements are put into a datagram, for the first time.
    #[cold]
    pub(super) fn on_sent(&mut self, now: Time, acknowledgements: &[Acknowledgement]) {
        self.acknowledged += acknowledgements.len() as u32;
        if self.acknowledged >= 2 * COUNTED_COMMANDS {
            self.acknowledged /= 2;
            self.duplicates /= 2;
        }
        if self.credit < ACKNOWLEDGE_SIZE || self.duplicates * COPIED_SHARE >= self.acknowledged {
            self.sent.clear();
            return;
        }
        self.fresh = acknowledgements.len().min(CAPACITY);
        let newest = &acknowledgements[acknowledgements.len() - self.fresh..];
        let too_many = (self.sent.len() + self.fresh).saturating_sub(CAPACITY);
        self.sent.drain(..too_many);
        self.sent.extend(newest.iter().map(|acknowledgement| (*acknowledgement, now)));
    }

    /// Puts those of earlier datagrams into what is left of a datagram that has something in it. Their sent
    /// times are moved on by the time that they have waited, so that the round trip that a remote host
    /// measures by them is that of the path.
    #[cold]
    pub(super) fn put(&mut self, now: Time, datagram: &mut Datagram<'_>) {
        let repeatable = self.sent.len() - std::mem::take(&mut self.fresh).min(self.sent.len());
        if datagram.is_empty() {
            return;
        }
        let affordable = self.credit.min(datagram.free_bytes()) / ACKNOWLEDGE_SIZE;
        for (acknowledgement, sent_at) in self.sent.drain(..repeatable.min(affordable)) {
            let waited = now.since(sent_at);
            if waited > LONGEST_WAIT {
                continue;
            }
            let sent_time = acknowledgement.sent_time.wrapping_add(waited as u16);
            datagram.put(&Acknowledgement { sent_time, ..acknowledgement }.command(true));
            self.credit -= ACKNOWLEDGE_SIZE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::command::{Body, Command};

    fn at(milliseconds: u64) -> Time {
        Time::from_millis(milliseconds)
    }

    fn acknowledgement(sequence: u16, sent_time: u16) -> Acknowledgement {
        Acknowledgement { channel: 0, sequence, sent_time }
    }

    /// The numbers and sent times of what is repeated in a datagram with a PING that has `room` left.
    fn repeated(repeats: &mut AcknowledgementRepeats, now: u64, room: usize) -> Vec<(u16, u16)> {
        let mut out = Vec::new();
        let mut datagram = Datagram::new(&mut out, 4 + room);
        datagram.put(&Command { wants_acknowledgement: true, channel: 0, sequence: 1, body: Body::Ping });
        repeats.put(at(now), &mut datagram);
        let mut rest = &out[4..];
        let parse = || (!rest.is_empty()).then(|| Command::parse(&mut rest).unwrap().body);
        let numbers = std::iter::from_fn(parse).map(|body| match body {
            Body::Acknowledge { sequence, sent_time, is_repeat: true } => (sequence, sent_time),
            other => panic!("{other:?}"),
        });
        numbers.collect()
    }

    #[test]
    fn an_acknowledgement_goes_again_in_the_next_datagram_with_its_sent_time_moved_on() {
        let mut repeats = AcknowledgementRepeats::default();
        repeats.on_duplicate(100);
        repeats.on_sent(at(1000), &[acknowledgement(1, 65_530), acknowledgement(2, 20)]);
        assert_eq!(repeated(&mut repeats, 1000, 100), []);
        repeats.on_sent(at(1016), &[acknowledgement(3, 30)]);
        assert_eq!(repeated(&mut repeats, 1016, 100), [(1, 10), (2, 36)]);
        assert_eq!(repeated(&mut repeats, 1020, 100), [(3, 34)]);
        assert_eq!(repeated(&mut repeats, 1030, 100), []);
        repeats.on_sent(at(1040), &[acknowledgement(4, 40)]);
        assert_eq!(repeated(&mut repeats, 1040, 100), []);
        assert_eq!(repeated(&mut repeats, 2041, 100), []);
    }

    #[test]
    fn repeats_take_what_is_left_of_a_datagram_and_as_many_bytes_as_came_again() {
        let mut repeats = AcknowledgementRepeats::default();
        let all: Vec<_> = (0..20).map(|number| acknowledgement(number, 0)).collect();
        repeats.on_sent(at(1), &all);
        assert_eq!(repeated(&mut repeats, 2, 100), []);
        repeats.on_duplicate(70);
        repeats.on_sent(at(3), &all);
        assert_eq!(repeated(&mut repeats, 3, 100), []);
        assert_eq!(repeated(&mut repeats, 4, 20).len(), 2);
        assert_eq!(repeated(&mut repeats, 5, 100).len(), 6);
        assert_eq!(repeated(&mut repeats, 6, 100), []);
    }

    #[test]
    fn where_commands_are_copied_early_nothing_is_repeated() {
        let mut repeats = AcknowledgementRepeats::default();
        let mut late = 0;
        for number in 0..2000 {
            repeats.on_duplicate(80);
            repeats.on_sent(at(number), &[acknowledgement(number as u16, 0); 2]);
            let count = repeated(&mut repeats, number, 1000).len();
            late += if number > 1000 { count } else { 0 };
        }
        assert_eq!(late, 0);
    }

    #[test]
    fn what_waits_to_be_repeated_is_bounded() {
        let mut repeats = AcknowledgementRepeats::default();
        (0..80).for_each(|_| repeats.on_duplicate(1400));
        (0..100).for_each(|time| repeats.on_sent(at(time), &[acknowledgement(7, 0); 170]));
        assert_eq!(repeats.sent.len(), CAPACITY);
        // Those of the last datagram have to wait for the next one.
        assert_eq!(repeated(&mut repeats, 100, 65_000).len(), CAPACITY - 170);
        assert_eq!(repeated(&mut repeats, 101, 65_000).len(), 170);
    }
}
