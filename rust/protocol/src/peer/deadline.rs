//! The timers of one connection.

use super::Peer;
use super::control::Control;
use crate::event_queue::EventQueue;
use crate::{DropReason, Time, trace};

/// A timer of a connection. None of them is set or stopped: each follows from what is under way, or waits.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Deadline {
    /// An unreliable message has stayed incomplete for too long: it is dropped.
    Reassembly,
    /// A reliable command has stayed unacknowledged for too long, or longer than what was sent after it: it
    /// is lost.
    Retransmission,
    /// Early copies of what was sent last have found nothing to ride along with: they go out alone.
    Copies,
    /// Nothing was acknowledged for so long that ENet would give the peer up.
    Silence,
    /// What has to wait until it may leave, as it is paced, may leave.
    Pacing,
    /// Nothing is under way whose acknowledgement would show that the peer is still there: it is pinged.
    Ping,
}

impl Deadline {
    /// All timers, in the order in which those that are due at the same time are dealt with.
    const ALL: [Self; 6] =
        [Self::Reassembly, Self::Retransmission, Self::Copies, Self::Silence, Self::Pacing, Self::Ping];
}

impl Peer {
    /// When a timer is due, if it runs.
    #[inline(always)]
    fn due(&mut self, now: Time, deadline: Deadline) -> Option<Time> {
        match deadline {
            Deadline::Reassembly => {
                self.backlog.partials.front().map(|partial| partial.since.after(self.reassembly_timeout))
            }
            Deadline::Retransmission => self.recovery.deadline(&mut self.channels),
            Deadline::Copies => {
                let is_wanted = !self.sends_lone_copies && self.wanted_copies(now) > 0;
                is_wanted.then(|| self.recovery.lone_copies_at(now, &mut self.channels))?
            }
            Deadline::Silence => self.recovery.silence.deadline().filter(|_| !self.recovery.is_idle()),
            Deadline::Pacing => self.paced_until(),
            Deadline::Ping => {
                let due = self.ping.due(self.recovery.silence.heard_at());
                self.expects_no_acknowledgement().then_some(due)
            }
        }
    }

    /// Whether nothing is under way, or about to be, whose acknowledgement shows that the peer is there.
    #[inline]
    fn expects_no_acknowledgement(&self) -> bool {
        self.recovery.is_idle() && !self.queue.has_reliable() && self.lifecycle.lasts()
    }

    /// The remote host has sent a PING: one of this end that is nearly due goes along with the
    /// acknowledgement.
    pub(super) fn on_ping(&mut self, now: Time) {
        let is_nearly_due = self.ping.is_nearly_due(now, self.recovery.silence.heard_at());
        if is_nearly_due && self.expects_no_acknowledgement() {
            self.queue_control(Control::Ping);
        }
    }

    /// When this peer has to be looked at again although nothing arrives.
    pub(crate) fn deadline(&mut self, now: Time) -> Option<Time> {
        Deadline::ALL.into_iter().filter_map(|deadline| self.due(now, deadline)).min()
    }

    /// Does what is due by `now`. `true` if the peer has been silent for so long that it has to be given up.
    pub(crate) fn on_timeout(&mut self, now: Time, events: &mut EventQueue) -> bool {
        for deadline in Deadline::ALL {
            if self.due(now, deadline).is_none_or(|due| due > now) {
                continue;
            }
            match deadline {
                Deadline::Reassembly => self.drop_partials(now, events),
                Deadline::Retransmission => {
                    self.recovery.on_timeout(now, &mut self.channels);
                    self.repeat_handshake_acknowledgement();
                }
                Deadline::Copies => self.sends_lone_copies = true,
                Deadline::Silence => {
                    trace::timed_out(self.id());
                    return true;
                }
                // The peer's turn to send comes after this.
                Deadline::Pacing => {
                    self.recovery.congestion.on_wake();
                    self.window.on_wake();
                }
                Deadline::Ping => self.queue.queue_control(&mut self.channels, Control::Ping),
            }
        }
        false
    }

    /// Drops the unreliable messages that have stayed incomplete for too long.
    fn drop_partials(&mut self, now: Time, events: &mut EventQueue) {
        while self.due(now, Deadline::Reassembly).is_some_and(|due| due <= now) {
            let Some(partial) = self.backlog.partials.pop_front() else { break };
            let channel = self.channels.used(partial.channel);
            if let Some(cost) = channel.and_then(|channel| channel.incoming.drop_partial(partial.key)) {
                events.release(&mut self.backlog.budget, cost);
                self.drops.add(DropReason::ReassemblyTimeout);
                trace::dropped(Some(self.id()), DropReason::ReassemblyTimeout);
            }
        }
    }
}
