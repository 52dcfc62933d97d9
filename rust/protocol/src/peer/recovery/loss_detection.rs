//! Which commands are lost, when the next one will be, and that they go out again.

use super::Recovery;
use super::in_flight::Sent;
use super::redundancy::LARGEST_COPY;
use super::sent_datagrams::is_before;
use super::timer::RetransmissionTimer;
use crate::peer::channel::Channels;
use crate::wire::SYSTEM_CHANNEL;
use crate::{Time, trace};

/// Bytes of commands that probe a silent peer.
const PROBE_BYTES: u32 = 1200;
/// Bytes that a command takes beside its payload, at least.
const COMMAND_OVERHEAD: u32 = 6;

/// What decides at a moment whether something is lost.
struct Criteria<'a> {
    timer: &'a RetransmissionTimer,
    newest: Option<u32>,
    timeout: u32,
    timeouts_since: Time,
}

impl Criteria<'_> {
    /// When a command is lost because of what was sent later and is acknowledged, if there is such.
    #[inline]
    fn overtaken_at(&self, sent: &Sent) -> Option<Time> {
        let newest = self.newest.filter(|newest| is_before(sent.datagram, *newest))?;
        let distance = newest.wrapping_sub(sent.datagram);
        let patience = self.timer.patience(sent.attempts());
        // Two transmissions in one millisecond could not be told apart.
        let delay = if distance >= self.timer.loss_datagrams() { 1 } else { self.timer.loss_delay() };
        Some(sent.sent_at.after(delay.max(patience)))
    }

    /// When a command is lost if nothing more is acknowledged.
    #[inline]
    fn deadline(&self, sent: &Sent) -> Time {
        let timeout = self.timeout.max(self.timer.patience(sent.attempts()));
        let expires_at = sent.sent_at.max(self.timeouts_since).after(timeout);
        self.overtaken_at(sent).map_or(expires_at, |overtaken_at| overtaken_at.min(expires_at))
    }
}

impl Recovery {
    fn criteria(&self) -> Criteria<'_> {
        Criteria {
            timer: &self.timer,
            newest: self.datagrams.newest_arrived(),
            timeout: self.timer.timeout_with_backoff(),
            timeouts_since: self.timeouts_since,
        }
    }

    /// When the next command is lost if nothing more is acknowledged.
    pub(crate) fn deadline(&mut self, channels: &mut Channels) -> Option<Time> {
        if self.unacknowledged == 0 {
            self.retransmissions.on_idle();
            return None;
        }
        let mut deadline = None;
        for list in 0..self.retransmissions.lists() {
            let Some((_, _, sent)) = self.retransmissions.first(list, channels) else { continue };
            deadline = Some(earliest(deadline, self.criteria().deadline(sent)));
        }
        let criteria = self.criteria();
        for (_, outgoing) in channels.all_outgoing() {
            let Some((_, sent)) = outgoing.in_flight.first_attempt() else { continue };
            deadline = Some(earliest(deadline, criteria.deadline(sent)));
            if self.silence.is_impatient() && !self.silence.is_examined() {
                deadline = Some(earliest(deadline, sent.first_expiry()));
            }
        }
        deadline
    }

    /// Declares lost what is overdue at this moment.
    pub(crate) fn detect_losses(&mut self, now: Time, channels: &mut Channels) {
        let is_silent = self.is_silent(now);
        let mut probe = if is_silent { PROBE_BYTES } else { u32::MAX };
        let mut has_expired = false;
        for list in 0..self.retransmissions.lists() {
            while probe > 0
                && let Some((channel, sequence, sent)) = self.retransmissions.first(list, channels)
                && let Some(is_overtaken) = self.is_overdue(now, sent)
            {
                has_expired |= !is_overtaken;
                probe = probe.saturating_sub(sent.length() + COMMAND_OVERHEAD);
                self.mark_lost(channel, sequence, sent, is_overtaken);
            }
        }
        for (channel, outgoing) in channels.all_outgoing() {
            while probe > 0
                && let Some((sequence, sent)) = outgoing.in_flight.first_attempt()
                && let Some(is_overtaken) = self.is_overdue(now, sent)
            {
                has_expired |= !is_overtaken;
                probe = probe.saturating_sub(sent.length() + COMMAND_OVERHEAD);
                self.mark_lost(channel, sequence, sent, is_overtaken);
            }
        }
        if has_expired {
            self.timer.on_expired();
            if is_silent {
                self.timeouts_since = now;
            }
        }
    }

    /// Whether a command is overdue, and then whether that is because of what was sent later and is
    /// acknowledged.
    #[inline]
    fn is_overdue(&self, now: Time, sent: &Sent) -> Option<bool> {
        let criteria = self.criteria();
        let is_overtaken = criteria.overtaken_at(sent).is_some_and(|at| at <= now);
        (is_overtaken || criteria.deadline(sent) <= now).then_some(is_overtaken)
    }

    fn mark_lost(&mut self, channel: u8, sequence: u16, sent: &mut Sent, is_overtaken: bool) {
        trace::lost(self.id, channel, sequence);
        self.congestion.on_lost(sent.length());
        self.bytes_in_flight -= sent.length();
        sent.mark_lost(is_overtaken);
        let is_small = sent.length() as usize <= LARGEST_COPY;
        self.retransmissions.add_lost(channel, sequence, is_small);
    }

    /// A time-out has passed: declares lost what is overdue, and works out when the peer will be given up.
    pub(crate) fn on_timeout(&mut self, now: Time, channels: &mut Channels) {
        self.detect_losses(now, channels);
        if !self.silence.is_examined() {
            let oldest = channels.oldest_in_flight().map(Sent::scheduled);
            self.silence.examine(oldest.min_by_key(|scheduled| scheduled.sent_at));
        }
    }

    /// The oldest unacknowledged command of the connection itself is to be sent again at once, by another
    /// way.
    pub(crate) fn retransmit_oldest_system(&mut self, channels: &mut Channels) {
        let in_flight = &mut channels.system().in_flight;
        let Some(sequence) = in_flight.oldest() else { return };
        if let Some(sent) = in_flight.get_mut(sequence).filter(|sent| !sent.is_lost()) {
            sent.mark_lost(false);
            self.retransmissions.add_lost(SYSTEM_CHANNEL, sequence, true);
        }
    }

    /// The lost command that is to be sent again next: its channel, its number and itself.
    pub(crate) fn first_lost<'a>(&mut self, channels: &'a mut Channels) -> Option<(u8, u16, &'a mut Sent)> {
        self.retransmissions.first_lost(channels)
    }

    /// The command of [`Self::first_lost`] goes out again, which takes `bytes`.
    pub(crate) fn on_retransmitted(
        &mut self,
        channel: u8,
        sequence: u16,
        sent: &mut Sent,
        now: Time,
        bytes: usize,
    ) {
        sent.on_retransmitted(now, self.datagrams.next_number());
        trace::retransmitted(self.id, channel, sequence, sent.attempts());
        self.bytes_in_flight += sent.length();
        self.retransmissions.on_retransmitted(now, sent.attempts(), bytes);
    }
}

/// The earlier one of two times, of which one may be missing.
fn earliest(known: Option<Time>, other: Time) -> Time {
    known.map_or(other, |known| known.min(other))
}
