//! Reliable commands that were sent again. Those that are under way for the first time are found by
//! [`InFlight`](super::in_flight::InFlight) in their order; repetitions have none, but usually there are few.

use crate::Time;

/// One attempt to send a reliable command; it is out of date once the command was acknowledged or sent again.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) channel: u8,
    pub(crate) sequence: u16,
    pub(crate) sent_at: Time,
}

/// The repetitions of one connection that may be up to date.
#[derive(Debug, Default)]
pub(crate) struct Repetitions {
    attempts: Vec<Attempt>,
    /// None is overdue before.
    deadline: Option<Time>,
}

impl Repetitions {
    /// A command has been sent again, and is overdue at `deadline`.
    pub(crate) fn add(&mut self, attempt: Attempt, deadline: Time) {
        self.attempts.push(attempt);
        self.deadline = Some(earliest(self.deadline, deadline));
    }

    /// When the next one is overdue, at the earliest.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// Goes through them. `stays_until` gives the deadline of one that is not overdue; it deals with the others, which are
    /// forgotten.
    pub(crate) fn expire(&mut self, mut stays_until: impl FnMut(&Attempt) -> Option<Time>) {
        let mut next = None;
        self.attempts.retain(|attempt| {
            let deadline = stays_until(attempt);
            next = deadline.map(|deadline| earliest(next, deadline)).or(next);
            deadline.is_some()
        });
        self.deadline = next;
    }

    /// Nothing is under way.
    pub(crate) fn clear(&mut self) {
        self.attempts.clear();
        self.deadline = None;
    }
}

/// The earlier one of two times, of which one may be missing.
pub(crate) fn earliest(known: Option<Time>, other: Time) -> Time {
    known.map_or(other, |known| known.min(other))
}
