//! Reliable commands that are under way again. [`InFlight`](super::in_flight::InFlight) finds those that are
//! under way for the first time by their order; retransmissions have none, but usually there are few.

use super::earliest;
use crate::Time;

/// A reliable command that was sent again at a certain time. It is out of date once the command was
/// acknowledged, or sent once more.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Retransmission {
    pub(crate) channel: u8,
    pub(crate) sequence: u16,
    pub(crate) sent_at: Time,
}

/// The retransmissions of one connection that may be up to date.
#[derive(Debug, Default)]
pub(crate) struct Retransmissions {
    under_way: Vec<Retransmission>,
    /// None is overdue before.
    deadline: Option<Time>,
}

impl Retransmissions {
    /// A command has been sent again, and is overdue at `deadline`.
    pub(crate) fn add(&mut self, retransmission: Retransmission, deadline: Time) {
        self.under_way.push(retransmission);
        self.deadline = Some(earliest(self.deadline, deadline));
    }

    /// When the next one is overdue, at the earliest.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// Goes through all of them. `stays_until` returns the deadline of one that is not overdue; it deals with
    /// the others, which are forgotten.
    pub(crate) fn expire(&mut self, mut stays_until: impl FnMut(&Retransmission) -> Option<Time>) {
        let mut next = None;
        self.under_way.retain(|retransmission| {
            let deadline = stays_until(retransmission);
            next = deadline.map(|deadline| earliest(next, deadline)).or(next);
            deadline.is_some()
        });
        self.deadline = next;
    }

    /// Nothing is under way.
    pub(crate) fn clear(&mut self) {
        self.under_way.clear();
        self.deadline = None;
    }
}
