//! Early copies: which commands go out again before they are known to be lost, and when.

use super::Recovery;
use super::in_flight::Sent;
use super::redundancy::{LARGEST_COPY, LONE_COPIES, MINIMUM_LOSS};
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
/// Newest commands of each channel whose late acknowledgements make copies go out in a datagram of their own.
const WATCHED_COMMANDS: usize = 8;
/// Copies of its own size for which a command that is not late leaves a budget, where late ones are soon
/// known.
const LATE_RESERVE: usize = 17;
/// Milliseconds after which such a copy goes out: in another datagram than the command, but not so late that
/// a loss would be known soon anyway.
const PROMPT_DELAY: u32 = 4;

impl Recovery {
    /// Whether losses were measured recently.
    #[inline(always)]
    pub(crate) fn has_losses(&self) -> bool {
        self.datagrams.expected_loss() >= MINIMUM_LOSS
    }

    /// How many early copies of each small command are to be made now; 0 on a path without losses, without
    /// answers, or with a queue that delays what is sent.
    pub(crate) fn wanted_copies(&self, now: Time) -> u8 {
        let wanted = self.redundancy.wanted_copies(self.datagrams.expected_loss());
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
            (!sent.is_lost() && sent.copies() < wanted).then_some((sent.sent_at, sent.length()))
        });
        let newest = newest.max().map(|(sent_at, length)| sent_at.after(self.lone_delay(now, length)));
        if !self.is_round_trip_short() {
            return newest;
        }
        let watched = channels.all_outgoing().flat_map(|(_, outgoing)| {
            outgoing.in_flight.newest(WATCHED_COMMANDS).filter(|(_, sent)| !sent.is_lost())
        });
        watched.filter_map(|(_, sent)| self.late_at(sent)).chain(newest).min()
    }

    /// Whether a message is acknowledged before the second one after it is sent: it is soon known which ones
    /// to copy. So the budget is kept for those, and they wait for no other message to ride along with.
    fn is_round_trip_short(&self) -> bool {
        self.redundancy.steady_interval().is_some_and(|interval| self.timer.round_trip() <= 2 * interval)
    }

    /// How long after a command of so many bytes its early copies go out in a datagram of their own, in
    /// milliseconds: soon where late commands are soon known, if the budget has more than these need.
    fn lone_delay(&mut self, now: Time, bytes: u32) -> u32 {
        let is_affordable = bytes as usize * (1 + LATE_RESERVE) <= self.redundancy.budget(now);
        if is_affordable && self.is_round_trip_short() { PROMPT_DELAY } else { self.redundancy.lone_delay() }
    }

    /// When the acknowledgement of a command that is under way is late, and an early copy of it is urgent;
    /// `None` if there were enough, or it is too large.
    fn late_at(&self, sent: &Sent) -> Option<Time> {
        let is_small = sent.length() as usize <= LARGEST_COPY;
        if !is_small || sent.attempts() > COPIED_ATTEMPTS || sent.copies() >= LATE_COPIES {
            return None;
        }
        let round_trip = self.timer.round_trip();
        let patience = round_trip + round_trip / 8 + 1;
        // Where copies go out at once, each second one is waited for like a first one.
        let is_awaited = sent.copies() > 0 && sent.copies().is_multiple_of(2) && self.is_round_trip_short();
        let pause = if is_awaited { patience } else { self.late_interval() };
        Some(sent.attempted_at().after(patience).max(sent.sent_at.after(pause)))
    }

    /// Milliseconds between two early copies of a command whose acknowledgement is late, at least 1.
    fn late_interval(&self) -> u32 {
        (self.timer.round_trip() / 4).max(1)
    }

    /// When to look for early copies to send, after a datagram of so many bytes and with so many of them,
    /// which do not count as its bytes.
    pub(crate) fn next_copies_at(&mut self, now: Time, bytes: u32, copies: u32) -> Time {
        let delay = self.lone_delay(now, bytes);
        now.after(if copies > 0 && self.is_round_trip_short() {
            self.late_interval().min(delay)
        } else {
            delay
        })
    }

    /// Whether the budget allows an early copy of a command that takes `size` bytes.
    pub(crate) fn is_copy_paid(&mut self, now: Time, sent: &Sent, size: usize, is_urgent: bool) -> bool {
        let reserve = match () {
            () if is_urgent => 0,
            () if self.is_round_trip_short() => LATE_RESERVE,
            // The more copies there are already, the more is left for those that will be urgent or newer.
            () => 1 + usize::from(sent.copies()),
        };
        size * (1 + reserve) <= self.redundancy.budget(now)
    }

    /// Whether an early copy of a command is to be made, if there are to be `copies` of each, and whether
    /// that is urgent: it was lost before, or its acknowledgement is late.
    pub(crate) fn is_copy_urgent(&self, now: Time, sent: &Sent, copies: u8) -> Option<bool> {
        // Two transmissions in one millisecond could not be told apart.
        if sent.is_lost() || sent.sent_at == now || sent.attempts() > COPIED_ATTEMPTS {
            return None;
        }
        // Late ones have to leave something for the new ones, of which fewer would be late then.
        let is_late = self.late_at(sent).is_some_and(|late_at| late_at <= now);
        let is_urgent = is_late || (sent.is_retransmission() && sent.copies() == 0);
        (is_urgent || sent.copies() < copies).then_some(is_urgent)
    }

    /// An early copy of a command goes out, which takes `bytes`.
    pub(crate) fn on_copied(&mut self, channel: u8, sequence: u16, sent: &mut Sent, now: Time, bytes: usize) {
        sent.on_copied(now, self.datagrams.next_number());
        if sent.is_retransmission() {
            self.retransmissions.on_copied(channel, sequence, sent.attempts(), now);
        }
        self.redundancy.on_copied(bytes);
        self.redundant_bytes += bytes as u64;
    }
}
