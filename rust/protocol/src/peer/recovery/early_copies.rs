//! Early copies: which commands go out again before they are known to be lost, and when.

use super::Recovery;
use super::in_flight::Sent;
use super::redundancy::{LONE_COPIES, MINIMUM_LOSS};
use crate::Time;
use crate::peer::channel::Channels;

/// Milliseconds that may wait in the path's queue, beside a quarter of the round trip, where early copies are
/// made.
const TOLERATED_DELAY: u32 = 60;
/// Attempts after which no early copies of a command are made. A path hardly loses that many, so the remote
/// host refuses the command, and will until others have arrived.
const COPIED_ATTEMPTS: u8 = 4;
/// Early copies of one attempt that are made at most while its acknowledgement is late.
const LATE_COPIES: u8 = 8;

impl Recovery {
    /// Whether losses were measured recently.
    #[inline(always)]
    pub(crate) fn has_losses(&self) -> bool {
        self.datagrams.loss() >= MINIMUM_LOSS
    }

    /// How many early copies of each small command are to be made now; 0 on a path without losses, without
    /// answers, or with a queue that delays what is sent.
    pub(crate) fn wanted_copies(&self, now: Time) -> u8 {
        let wanted = self.redundancy.wanted_copies(self.datagrams.loss());
        let bearable = TOLERATED_DELAY + self.timer.shortest_round_trip() / 4;
        let is_congested = self.timer.queueing_delay() > bearable;
        let is_silent = self.unacknowledged > 0 && self.is_silent(now);
        if is_congested || is_silent { 0 } else { wanted }
    }

    /// When early copies are to go out in a datagram of their own, if nothing else is sent by then.
    pub(crate) fn lone_copies_at(&mut self, now: Time, channels: &mut Channels) -> Option<Time> {
        let wanted = self.wanted_copies(now).min(LONE_COPIES);
        if wanted == 0 {
            return None;
        }
        let newest = channels.all_outgoing().filter_map(|(_, outgoing)| {
            let sent = outgoing.in_flight.newest(1).next()?.1;
            (!sent.is_lost() && sent.copies() < wanted).then_some(sent.sent_at)
        });
        newest.max().map(|sent_at| sent_at.after(self.redundancy.lone_delay()))
    }

    /// Whether an early copy of a command is to be made, if there are to be `copies` of each, and whether
    /// that is urgent: it was lost before, or its acknowledgement is late.
    pub(crate) fn is_copy_urgent(&self, now: Time, sent: &Sent, copies: u8) -> Option<bool> {
        // Two transmissions in one millisecond could not be told apart.
        if sent.is_lost() || sent.sent_at == now || sent.attempts() > COPIED_ATTEMPTS {
            return None;
        }
        let round_trip = self.timer.round_trip();
        // Late ones have to leave something for the new ones, of which fewer would be late then.
        let is_late = now.since(sent.attempted_at()) > round_trip + round_trip / 8
            && now.since(sent.sent_at) >= round_trip / 4
            && sent.copies() < LATE_COPIES;
        let is_urgent = is_late || (sent.is_retransmission() && sent.copies() == 0);
        (is_urgent || sent.copies() < copies).then_some(is_urgent)
    }

    /// An early copy of a command goes out, which takes `bytes`.
    pub(crate) fn on_copied(&mut self, channel: u8, sequence: u16, sent: &mut Sent, now: Time, bytes: usize) {
        sent.on_copied(now, self.datagrams.next_number());
        if sent.is_retransmission() {
            self.retransmissions.add(channel, sequence, now);
        }
        self.redundancy.on_copied(bytes);
    }
}
