//! When reliable commands were sent, so that those which stay unacknowledged are found without looking at all of them.

use crate::Time;
use std::collections::VecDeque;

/// One attempt to send a reliable command; it is out of date once the command was acknowledged or sent again.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) channel: u8,
    pub(crate) sequence: u16,
    pub(crate) sent_at: Time,
}

/// First attempts that were made together, with consecutive numbers: `first` is the earliest one's.
#[derive(Debug)]
struct Run {
    first: Attempt,
    count: u16,
}

/// The attempts of one connection that may be up to date.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// First attempts, oldest first.
    first: VecDeque<Run>,
    /// Later attempts, in no order: usually few.
    later: Vec<Attempt>,
    /// No later attempt is overdue before.
    later_deadline: Option<Time>,
}

impl Attempts {
    /// A command has been sent for the first time.
    pub(crate) fn add_first(&mut self, attempt: Attempt) {
        if let Some(Run { first, count }) = self.first.back_mut()
            && first.sequence.wrapping_add(*count) == attempt.sequence
            && (first.channel, first.sent_at) == (attempt.channel, attempt.sent_at)
            && *count < u16::MAX
        {
            *count += 1;
        } else {
            self.first.push_back(Run { first: attempt, count: 1 });
        }
    }

    /// A command has been sent again, and is overdue at `deadline`.
    pub(crate) fn add_later(&mut self, attempt: Attempt, deadline: Time) {
        self.later.push(attempt);
        self.later_deadline = Some(earliest(self.later_deadline, deadline));
    }

    /// When the next attempt is overdue, at the earliest; `deadline_of` tells it of one that is up to date.
    pub(crate) fn deadline(&mut self, deadline_of: impl FnMut(Attempt) -> Option<Time>) -> Option<Time> {
        match self.first_deadline(deadline_of) {
            Some(deadline) => Some(earliest(self.later_deadline, deadline)),
            None => self.later_deadline,
        }
    }

    /// Goes through the attempts that may be overdue. `stays_until` gives the deadline of one that is not; it deals with
    /// the others, which are forgotten.
    pub(crate) fn expire(&mut self, mut stays_until: impl FnMut(Attempt) -> Option<Time>) {
        self.later_deadline = None;
        self.later.retain(|attempt| {
            let deadline = stays_until(*attempt);
            self.later_deadline =
                deadline.map(|deadline| earliest(self.later_deadline, deadline)).or(self.later_deadline);
            deadline.is_some()
        });
        self.first_deadline(stays_until);
    }

    /// Nothing is under way.
    pub(crate) fn clear(&mut self) {
        self.first.clear();
        self.later.clear();
        self.later_deadline = None;
    }

    /// The deadline of the oldest first attempt that has one; forgets those before it.
    fn first_deadline(&mut self, mut deadline_of: impl FnMut(Attempt) -> Option<Time>) -> Option<Time> {
        while let Some(Run { first, count }) = self.first.front_mut() {
            if let Some(deadline) = deadline_of(*first) {
                return Some(deadline);
            }
            first.sequence = first.sequence.wrapping_add(1);
            *count -= 1;
            if *count == 0 {
                self.first.pop_front();
            }
        }
        None
    }
}

/// The earlier one of two times, of which one may be missing.
pub(crate) fn earliest(known: Option<Time>, other: Time) -> Time {
    known.map_or(other, |known| known.min(other))
}
