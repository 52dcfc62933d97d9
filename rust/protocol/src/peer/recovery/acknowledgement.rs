//! What an acknowledgement does: a command is not waited for any more, the round trip is measured, and the
//! datagram that it echoes has arrived.

use super::Recovery;
use super::in_flight::Sent;
use super::sent_datagrams::{SentAt, is_before};
use crate::Time;
use crate::peer::channel::Channels;
use crate::peer::control::{Content, Control};

/// A command that was under way and is acknowledged.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Acknowledged {
    /// It was a DISCONNECT.
    pub(crate) is_disconnect: bool,
    /// This is the first acknowledgement of this moment for what was sent then: it measures the path.
    pub(crate) is_first: bool,
}

impl Recovery {
    /// A command was acknowledged; the acknowledgement echoes `sent_at`, which measures the round trip but
    /// names no transmission if it `is_repeat`. Returns what has to be known of the command, if it was under
    /// way: else the acknowledgement is a duplicate, or made up.
    #[inline]
    pub(crate) fn on_acknowledged(
        &mut self,
        now: Time,
        channels: &mut Channels,
        channel: u8,
        sequence: u16,
        sent_at: Time,
        is_repeat: bool,
    ) -> Option<Acknowledged> {
        // Usually many commands of one datagram are acknowledged together.
        let is_first = self.heard != (now, sent_at);
        if is_first {
            self.on_heard(now, sent_at);
        }
        let in_flight = channels.outgoing(channel).map(|outgoing| &mut outgoing.in_flight);
        let acknowledged = in_flight.and_then(|in_flight| {
            in_flight.remove(sequence, |sent| {
                self.on_removed(sent);
                self.congestion.on_delivered(sent.length());
                let is_last = (sent.sent_at == sent_at && !is_repeat) || sent.was_sent_once();
                let datagram = if is_last && !sent.is_lost() {
                    Some(sent.datagram)
                } else {
                    if !is_repeat {
                        self.notice_spurious(now, sent, sent_at);
                    }
                    None
                };
                let is_disconnect = matches!(sent.content, Content::Control(Control::Disconnect { .. }));
                (datagram, Acknowledged { is_disconnect, is_first })
            })
        });
        match acknowledged {
            Some((Some(number), _)) => {
                self.has_news |= self.datagrams.on_arrived(number);
                self.note_arrived(number);
            }
            _ if is_repeat => {}
            _ => self.on_earlier_arrived(sent_at),
        }
        acknowledged.map(|(_, acknowledged)| acknowledged)
    }

    /// Our CONNECT was answered, which has this number. Returns how long the answer took in milliseconds,
    /// unless the CONNECT was sent repeatedly: the answer may be to any of them then.
    pub(crate) fn on_connect_answered(
        &mut self,
        now: Time,
        channels: &mut Channels,
        sequence: u16,
    ) -> Option<u32> {
        channels.system().in_flight.remove(sequence, |sent| {
            self.on_removed(sent);
            self.silence.on_acknowledged(now, sent.sent_at);
            self.datagrams.on_arrived(sent.datagram);
            (sent.attempts() == 1).then(|| now.since(sent.sent_at).max(1))
        })?
    }

    /// A command is not waited for any more.
    #[inline(always)]
    fn on_removed(&mut self, sent: &Sent) {
        self.unacknowledged -= 1;
        if !sent.is_lost() {
            self.bytes_in_flight -= sent.length();
        }
    }

    /// The handshake has measured a round trip, in milliseconds.
    pub(crate) fn on_handshake_measured(&mut self, now: Time, sample: u32) {
        self.silence.on_acknowledged(now, now.before(sample));
        self.timer.on_acknowledged(now, sample);
        self.congestion.on_round_trip(now, sample);
    }

    /// The first acknowledgement of this moment for a datagram that was sent at `sent_at`.
    fn on_heard(&mut self, now: Time, sent_at: Time) {
        if self.is_silent(now) {
            // What is under way has waited for a remote host, or a path, that stood still.
            self.timeouts_since = now;
        }
        self.heard = (now, sent_at);
        self.silence.on_acknowledged(now, sent_at);
        let sample = now.since(sent_at).max(1);
        self.timer.on_acknowledged(now, sample);
        self.congestion.on_round_trip(now, sample);
    }

    /// An earlier transmission of a command than the last one has arrived, which was sent at `sent_at`.
    /// Widens the margin for reordering if the command had been declared lost without reason.
    #[inline(never)]
    fn notice_spurious(&mut self, now: Time, sent: &Sent, sent_at: Time) {
        if (sent.is_lost() || sent_at < sent.attempted_at())
            && sent.was_overtaken()
            && let Some(SentAt { missing, .. }) = self.datagrams.find(sent_at)
        {
            let newest = self.datagrams.newest_arrived().unwrap_or(missing);
            self.timer.on_spurious(now.since(sent_at), newest.wrapping_sub(missing));
        }
    }

    /// Something has arrived that was sent at `sent_at`, of which no more is known.
    #[inline(never)]
    fn on_earlier_arrived(&mut self, sent_at: Time) {
        let Some(datagrams) = self.datagrams.find(sent_at) else { return };
        self.has_news |= self.datagrams.on_one_arrived(datagrams);
        self.note_arrived(datagrams.missing);
    }

    /// The datagram with this number has arrived: the congestion controller will hear of the newest one.
    #[inline(always)]
    fn note_arrived(&mut self, number: u32) {
        if let Some(newest) = self.congestion.newest_acknowledged()
            && newest.is_none_or(|newest| is_before(newest, number))
        {
            *newest = Some(number);
        }
    }

    /// A datagram was taken in: the congestion controller hears what it has acknowledged.
    #[inline]
    pub(crate) fn control_congestion(&mut self, now: Time) {
        if let Some(number) = self.congestion.newest_acknowledged().and_then(Option::take)
            && let Some((sent_at, snapshot)) = self.datagrams.snapshot(number)
        {
            self.congestion.on_acknowledged(now, sent_at, snapshot, self.bytes_in_flight);
        }
    }

    /// Whether acknowledgements have come since the last call that make a call of [`Self::detect_losses`]
    /// necessary.
    #[inline]
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }
}
