//! Which peers need attention: those with something to send now, and those with a deadline later. So the work
//! of a call follows what is going on, not how many slots the host has.

use crate::Time;
use crate::peer::Peer;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Peers to look at. Each has at most one timer that counts.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Schedule {
    active: VecDeque<u16>,
    /// Deadlines, earliest first. One that is not its peer's `timer` any more is out of date and passed over.
    /// One that is early does no harm.
    timers: BinaryHeap<Reverse<(Time, u16)>>,
}

impl Schedule {
    /// The peer may have something to send.
    pub(crate) fn activate(&mut self, slot: u16, peer: &mut Peer) {
        if !peer.is_active {
            peer.is_active = true;
            self.active.push_back(slot);
        }
    }

    /// Whether any peer may have something to send.
    #[inline]
    pub(crate) fn has_active(&self) -> bool {
        !self.active.is_empty()
    }

    /// The slot whose turn it is to send.
    #[inline]
    pub(crate) fn first_active(&self) -> Option<u16> {
        self.active.front().copied()
    }

    /// The first active slot has nothing more to send for now.
    #[inline(always)]
    pub(crate) fn deactivate_first(&mut self, now: Time, slot: u16, peer: Option<&mut Peer>) {
        self.active.pop_front();
        if let Some(peer) = peer {
            peer.is_active = false;
            if peer.is_paced() {
                self.set_pacing_timer(slot, peer);
            }
            if peer.timer.is_none() {
                self.set_timer(now, slot, peer);
            }
        }
    }

    /// Sets the peer's timer to when what it has to wait with may leave.
    #[inline(never)]
    fn set_pacing_timer(&mut self, slot: u16, peer: &mut Peer) {
        if let Some(wake_at) = peer.paced_until() {
            self.set_timer_to(slot, peer, wake_at);
        }
    }

    /// Sets the peer's timer to its deadline, unless it has an earlier one, which will ask again.
    #[inline(never)]
    pub(crate) fn set_timer(&mut self, now: Time, slot: u16, peer: &mut Peer) {
        if let Some(deadline) = peer.deadline(now) {
            self.set_timer_to(slot, peer, deadline);
        }
    }

    /// Sets the peer's timer to this deadline, unless it has an earlier one.
    pub(crate) fn set_timer_to(&mut self, slot: u16, peer: &mut Peer, deadline: Time) {
        if peer.timer.is_none_or(|timer| deadline < timer) {
            peer.timer = Some(deadline);
            self.timers.push(Reverse((deadline, slot)));
        }
    }

    /// Takes a timer that is due, and returns its time and slot.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<(Time, u16)> {
        let &Reverse((time, slot)) = self.timers.peek()?;
        if time > now {
            return None;
        }
        self.timers.pop();
        Some((time, slot))
    }

    /// When the first timer is due, at the earliest.
    #[inline]
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.timers.peek().map(|Reverse((time, _))| *time)
    }
}
