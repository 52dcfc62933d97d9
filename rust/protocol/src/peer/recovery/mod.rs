//! Loss recovery: what is under way, what was lost, and what each acknowledgement says about the path.
//!
//! Everything that happens to a reliable command after it was queued passes through here:
//! [`Recovery::on_sent`], then `acknowledgement` ([`Recovery::on_acknowledged`]), `loss_detection`
//! ([`Recovery::detect_losses`], [`Recovery::on_timeout`], [`Recovery::on_retransmitted`]) and `early_copies`
//! ([`Recovery::on_copied`]). The commands themselves lie in their channels'
//! [`InFlight`](in_flight::InFlight); the connection's own commands are a channel like any other.
//!
//! A command is lost when something that was sent sufficiently later has been acknowledged (after RFC 9002
//! section 6.1 and RFC 8985), or when its time is up. How long that takes follows every acknowledgement,
//! since each says which transmission it is for; a margin for reordering grows when something arrives that
//! had been declared lost. While nothing at all is acknowledged, only one datagram's worth goes out each time
//! as a probe. When a silent peer is given up does not depend on any of this, see [`Silence`].

mod acknowledgement;
mod early_copies;
pub(crate) mod in_flight;
pub(crate) mod loss;
mod loss_detection;
pub(crate) mod redundancy;
pub(crate) mod retransmissions;
pub(crate) mod round_trip;
pub(crate) mod sent_datagrams;
pub(crate) mod silence;
pub(crate) mod timer;

use super::channel::Outgoing;
use super::congestion::Congestion;
use super::control::Content;
use crate::{PeerId, Time};
use in_flight::Sent;
use loss::LossStatistic;
use redundancy::Redundancy;
use retransmissions::Retransmissions;
use round_trip::RoundTrip;
use sent_datagrams::SentDatagrams;
use silence::{Scheduled, Silence};
use timer::RetransmissionTimer;

/// The share of datagrams that is expected to get lost while a transfer begins beside other messages, as a
/// ratio to 65,536: one in a hundred, which is forgotten after some 400 that arrive.
const TRANSFER_LOSS: u32 = 655;

/// The recovery of one connection.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Recovery {
    id: PeerId,
    /// ENet's figures, which scripts and the throttle see.
    pub(crate) round_trip: RoundTrip,
    pub(crate) loss: LossStatistic,
    pub(crate) silence: Silence,
    pub(crate) redundancy: Redundancy,
    timer: RetransmissionTimer,
    datagrams: SentDatagrams,
    pub(crate) congestion: Congestion,
    /// Commands that are lost, or under way again.
    retransmissions: Retransmissions,
    /// Reliable commands that were sent and not acknowledged, lost ones included, and since when there are
    /// any.
    unacknowledged: u32,
    outstanding_since: Time,
    /// Bytes of reliable payload under way.
    bytes_in_flight: u32,
    /// Bytes of all early copies.
    redundant_bytes: u64,
    /// When the last acknowledgement came, and the sent time that it echoed.
    heard: (Time, Time),
    /// When a silent peer was probed, or heard again: time-outs count from then on.
    timeouts_since: Time,
    /// Something has arrived, but not all that was sent before it: some of that may have to be declared lost.
    has_news: bool,
}

impl Recovery {
    /// `copies` is the most early copies of one command.
    pub(crate) fn new(id: PeerId, copies: u8) -> Self {
        Self {
            id,
            redundancy: Redundancy::new(copies),
            round_trip: RoundTrip::new(),
            loss: LossStatistic::default(),
            silence: Silence::new(),
            timer: RetransmissionTimer::new(),
            datagrams: SentDatagrams::new(),
            congestion: Congestion::default(),
            retransmissions: Retransmissions::default(),
            unacknowledged: 0,
            outstanding_since: Time::default(),
            bytes_in_flight: 0,
            redundant_bytes: 0,
            heard: Default::default(),
            timeouts_since: Time::default(),
            has_news: false,
        }
    }

    /// Whether nothing awaits an acknowledgement.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.unacknowledged == 0
    }

    /// Whether a command waits to be sent again.
    #[inline(always)]
    pub(crate) fn has_lost(&self) -> bool {
        self.retransmissions.has_lost()
    }

    /// Bytes of reliable payload under way.
    #[inline]
    pub(crate) fn bytes_in_flight(&self) -> u32 {
        self.bytes_in_flight
    }

    /// Bytes of all commands that were sent again because they counted as lost.
    pub(crate) fn retransmitted_bytes(&self) -> u64 {
        self.retransmissions.bytes()
    }

    /// Bytes of all early copies.
    pub(crate) fn redundant_bytes(&self) -> u64 {
        self.redundant_bytes
    }

    /// The shortest recent round trip in milliseconds; 0 before the first measurement.
    pub(crate) fn shortest_round_trip(&self) -> u32 {
        self.timer.shortest_round_trip()
    }

    /// Milliseconds that what is sent waits in queues on the path: what the last round trip took at least, if
    /// the congestion controller sees it, else what they take on average.
    pub(crate) fn queueing_delay(&self) -> u32 {
        self.congestion.queueing_delay().unwrap_or_else(|| self.timer.queueing_delay())
    }

    /// Bytes of reliable payload that may be under way now, for a datagram of up to `mtu` bytes.
    #[inline(always)]
    pub(crate) fn allowance(&mut self, now: Time, mtu: u32) -> u32 {
        match self.congestion.uncontrolled_allowance(self.bytes_in_flight) {
            Some(allowance) => allowance,
            None => self.controlled_allowance(now, mtu),
        }
    }

    #[inline(never)]
    fn controlled_allowance(&mut self, now: Time, mtu: u32) -> u32 {
        let (has_lost, floor) = (self.has_lost(), self.shortest_round_trip());
        self.congestion.allowance(now, self.bytes_in_flight, mtu, has_lost, floor)
    }

    /// A datagram was filled by the allowance. It has no reliable command if `is_unreliable`; more of them
    /// wait if `has_more`.
    pub(crate) fn on_filled(&mut self, now: Time, is_unreliable: bool, has_more: bool) {
        self.congestion.on_filled(now, self.bytes_in_flight, is_unreliable, has_more);
    }

    /// Whether acknowledgements are waited for, and none has come for as long as one may take.
    fn is_silent(&self, now: Time) -> bool {
        now.since(self.heard.0.max(self.outstanding_since)) > self.timer.timeout()
    }

    /// Share of datagrams that was lost recently, as a ratio to 65,536.
    pub(crate) fn measured_loss(&self) -> u32 {
        self.datagrams.loss()
    }

    /// A transfer begins beside other messages: some of them may get lost in the queue that it fills.
    pub(crate) fn begin_transfer(&mut self) {
        self.congestion.begin_transfer();
        self.datagrams.expect_loss(TRANSFER_LOSS);
    }

    /// Forgets everything under way, as the connection ends. The channels have to be closed with it.
    pub(crate) fn clear(&mut self) {
        self.retransmissions.clear();
        self.datagrams.clear();
        self.congestion = Congestion::default();
        self.unacknowledged = 0;
        self.bytes_in_flight = 0;
    }

    /// A command goes out for the first time, with `length` bytes of payload; `timeout` is what ENet's would
    /// be.
    #[inline(always)]
    pub(crate) fn on_sent(
        &mut self,
        outgoing: &mut Outgoing,
        sequence: u16,
        content: Content,
        length: u16,
        now: Time,
        timeout: u32,
    ) {
        let scheduled = Scheduled { sent_at: now, timeout };
        let datagram = self.datagrams.next_number();
        outgoing.in_flight.push(sequence, Sent::new(content, length, scheduled, datagram));
        outgoing.sent_reliable += 1;
        self.bytes_in_flight += u32::from(length);
        if self.unacknowledged == 0 {
            self.outstanding_since = now;
        }
        self.unacknowledged += 1;
    }

    /// A datagram goes out with this many reliable commands, at least one. Returns when the first of them
    /// will be overdue.
    #[inline]
    pub(crate) fn on_datagram_sent(&mut self, now: Time, commands: u32) -> Time {
        if self.datagrams.may_settle() {
            self.settle(now);
        }
        let snapshot = self.congestion.on_sent(now, self.outstanding_since == now);
        self.datagrams.on_sent(now, commands, snapshot);
        let timeout = self.timer.timeout_with_backoff();
        if self.silence.is_impatient() {
            return now.after(timeout.min(self.round_trip.retransmission_timeout()));
        }
        now.after(timeout)
    }

    /// Counts what was lost for certain.
    #[inline(never)]
    fn settle(&mut self, now: Time) {
        let lost = self.datagrams.settle(now.before(2 * self.timer.timeout()));
        self.loss.on_lost(lost);
    }
}

#[cfg(test)]
mod tests;
