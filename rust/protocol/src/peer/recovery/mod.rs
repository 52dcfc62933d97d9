//! Loss recovery: what is under way, what was lost, and what each acknowledgement says about the path.
//!
//! Everything that happens to a reliable command after it was queued passes through here:
//! [`Recovery::on_sent`], [`Recovery::on_acknowledged`], [`Recovery::detect_losses`],
//! [`Recovery::on_timeout`], [`Recovery::on_retransmitted`]. The commands themselves lie in their channels'
//! [`InFlight`](in_flight::InFlight); the connection's own commands are a channel like any other.
//!
//! A command is lost when something that was sent sufficiently later has been acknowledged (after RFC 9002
//! section 6.1 and RFC 8985), or when its time is up. How long that takes follows every acknowledgement,
//! since each says which transmission it is for; a margin for reordering grows when something arrives that
//! had been declared lost. While nothing at all is acknowledged, only one datagram's worth goes out each time
//! as a probe. When a silent peer is given up does not depend on any of this, see [`Silence`].

pub(crate) mod in_flight;
pub(crate) mod loss;
pub(crate) mod redundancy;
pub(crate) mod retransmissions;
pub(crate) mod round_trip;
pub(crate) mod sent_datagrams;
pub(crate) mod silence;
pub(crate) mod timer;

use super::channel::{Channels, Outgoing};
use super::control::{Content, Control};
use crate::wire::SYSTEM_CHANNEL;
use crate::{PeerId, Time, trace};
use in_flight::Sent;
use loss::LossStatistic;
use redundancy::{LONE_COPIES, MINIMUM_LOSS, Redundancy};
use retransmissions::Retransmissions;
use round_trip::RoundTrip;
use sent_datagrams::{SentDatagrams, is_before};
use silence::{Scheduled, Silence};
use std::collections::VecDeque;
use timer::RetransmissionTimer;

/// Bytes of commands that probe a silent peer.
const PROBE_BYTES: u32 = 1200;
/// Milliseconds that may wait in the path's queue, beside a quarter of the round trip, where early copies are
/// made.
const TOLERATED_DELAY: u32 = 60;
/// Bytes that a command takes beside its payload, at least.
const COMMAND_OVERHEAD: u32 = 6;

/// The recovery of one connection.
#[derive(Debug)]
pub(crate) struct Recovery {
    id: PeerId,
    /// ENet's figures, which scripts and the throttle see.
    pub(crate) round_trip: RoundTrip,
    pub(crate) loss: LossStatistic,
    pub(crate) silence: Silence,
    pub(crate) redundancy: Redundancy,
    timer: RetransmissionTimer,
    datagrams: SentDatagrams,
    /// Commands that are under way again.
    retransmissions: Retransmissions,
    /// Channel and number of the commands to send again, before all others. Some are acknowledged by now.
    lost: VecDeque<(u8, u16)>,
    /// Reliable commands that were sent and not acknowledged, lost ones included, and since when there are
    /// any.
    unacknowledged: usize,
    outstanding_since: Time,
    /// Bytes of reliable payload under way.
    bytes_in_flight: u32,
    /// When the last acknowledgement came, and the sent time that it echoed.
    heard: (Time, Time),
    /// When a silent peer was probed, or heard again: time-outs count from then on.
    timeouts_since: Time,
    /// Something has arrived, but not all that was sent before it: some of that may have to be declared lost.
    has_news: bool,
}

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
        let delay = if distance >= self.timer.loss_datagrams() { 0 } else { self.timer.loss_delay() };
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
            retransmissions: Retransmissions::default(),
            lost: VecDeque::new(),
            unacknowledged: 0,
            outstanding_since: Time::default(),
            bytes_in_flight: 0,
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
    #[inline]
    pub(crate) fn has_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    /// Bytes of reliable payload under way.
    #[inline]
    pub(crate) fn bytes_in_flight(&self) -> u32 {
        self.bytes_in_flight
    }

    /// The shortest recent round trip in milliseconds; 0 before the first measurement.
    pub(crate) fn shortest_round_trip(&self) -> u32 {
        self.timer.shortest_round_trip()
    }

    /// Forgets everything under way, as the connection ends. The channels have to be closed with it.
    pub(crate) fn clear(&mut self) {
        self.retransmissions.clear();
        self.datagrams.clear();
        self.lost.clear();
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
        self.datagrams.on_sent(now, commands);
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

    /// A command was acknowledged; the acknowledgement echoes `sent_at`. Returns what has to be known of it,
    /// if it was under way: else the acknowledgement is a duplicate, or made up.
    #[inline]
    pub(crate) fn on_acknowledged(
        &mut self,
        now: Time,
        channels: &mut Channels,
        channel: u8,
        sequence: u16,
        sent_at: Time,
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
                let number = if (sent.sent_at == sent_at || sent.was_sent_once()) && !sent.is_lost() {
                    Some(sent.datagram)
                } else {
                    self.notice_spurious(now, sent, sent_at)
                };
                let is_disconnect = matches!(sent.content, Content::Control(Control::Disconnect { .. }));
                (number, Acknowledged { is_disconnect, is_first })
            })
        });
        let number = match acknowledged {
            Some((number, _)) => number,
            None => self.datagrams.find(sent_at),
        };
        if let Some(number) = number {
            self.has_news |= self.datagrams.on_arrived(number);
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
        self.timer.on_acknowledged(now, sample);
    }

    /// The first acknowledgement of this moment for a datagram that was sent at `sent_at`.
    fn on_heard(&mut self, now: Time, sent_at: Time) {
        if self.is_silent(now) {
            // What is under way has waited for a remote host, or a path, that stood still.
            self.timeouts_since = now;
        }
        self.heard = (now, sent_at);
        self.silence.on_acknowledged(now, sent_at);
        self.timer.on_acknowledged(now, now.since(sent_at).max(1));
    }

    /// Whether acknowledgements are waited for, and none has come for as long as one may take.
    fn is_silent(&self, now: Time) -> bool {
        now.since(self.heard.0.max(self.outstanding_since)) > self.timer.timeout()
    }

    /// An earlier transmission of a command than the last one has arrived: the datagram of it that was sent
    /// then. Widens the margin for reordering if the command had been declared lost without reason.
    fn notice_spurious(&mut self, now: Time, sent: &Sent, sent_at: Time) -> Option<u32> {
        let number = self.datagrams.find(sent_at)?;
        if (sent.is_lost() || sent_at < sent.attempted_at()) && sent.was_overtaken() {
            let newest = self.datagrams.newest_arrived().unwrap_or(number);
            self.timer.on_spurious(now.since(sent_at), newest.wrapping_sub(number));
        }
        Some(number)
    }

    /// Whether acknowledgements have come since the last call that make a call of [`Self::detect_losses`]
    /// necessary.
    #[inline]
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

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
            self.retransmissions.clear();
            return None;
        }
        let mut deadline = None;
        let again = self.retransmissions.first(channels).map(|(_, _, sent)| &*sent);
        let criteria = self.criteria();
        if let Some(sent) = again {
            deadline = Some(criteria.deadline(sent));
        }
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
        while probe > 0
            && let Some((channel, sequence, sent)) = self.retransmissions.first(channels)
            && let Some(is_overtaken) = self.is_overdue(now, sent)
        {
            has_expired |= !is_overtaken;
            probe = probe.saturating_sub(sent.length() + COMMAND_OVERHEAD);
            self.mark_lost(channel, sequence, sent, is_overtaken);
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
        self.bytes_in_flight -= sent.length();
        sent.mark_lost(is_overtaken);
        self.lost.push_back((channel, sequence));
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
            self.lost.push_back((SYSTEM_CHANNEL, sequence));
        }
    }

    /// The lost command that is to be sent again next: its channel, its number and itself.
    pub(crate) fn first_lost<'a>(&mut self, channels: &'a mut Channels) -> Option<(u8, u16, &'a mut Sent)> {
        while let Some(&(channel, sequence)) = self.lost.front() {
            let in_flight = channels.outgoing(channel).map(|outgoing| &mut outgoing.in_flight);
            if in_flight.and_then(|in_flight| in_flight.get_mut(sequence)).is_some_and(|sent| sent.is_lost())
            {
                break;
            }
            // Acknowledged after all.
            self.lost.pop_front();
        }
        let &(channel, sequence) = self.lost.front()?;
        Some((channel, sequence, channels.outgoing(channel)?.in_flight.get_mut(sequence)?))
    }

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
        if sent.is_lost() || sent.sent_at == now {
            return None;
        }
        let round_trip = self.timer.round_trip();
        // Late ones have to leave something for the new ones, of which fewer would be late then.
        let is_late = now.since(sent.attempted_at()) > round_trip + round_trip / 8
            && now.since(sent.sent_at) >= round_trip / 4;
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

    /// The command of [`Self::first_lost`] goes out again.
    pub(crate) fn on_retransmitted(&mut self, channel: u8, sequence: u16, sent: &mut Sent, now: Time) {
        self.lost.pop_front();
        sent.on_retransmitted(now, self.datagrams.next_number());
        trace::retransmitted(self.id, channel, sequence, sent.attempts());
        self.bytes_in_flight += sent.length();
        self.retransmissions.add(channel, sequence, now);
    }
}

/// A command that was under way and is acknowledged.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Acknowledged {
    /// It was a DISCONNECT.
    pub(crate) is_disconnect: bool,
    /// This is the first acknowledgement of this moment for what was sent then: it measures the path.
    pub(crate) is_first: bool,
}

/// The earlier one of two times, of which one may be missing.
pub(crate) fn earliest(known: Option<Time>, other: Time) -> Time {
    known.map_or(other, |known| known.min(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::message::tests::fragment;

    const ID: PeerId = PeerId { slot: 0, generation: 1 };
    /// What ENet's time-out would be.
    const TIMEOUT: u32 = 300;

    fn at(milliseconds: u64) -> Time {
        Time::from_millis(milliseconds)
    }

    /// The sender of a connection with two channels.
    struct Sender {
        recovery: Recovery,
        channels: Channels,
    }

    impl Sender {
        fn new() -> Self {
            Self { recovery: Recovery::new(ID, 0), channels: Channels::new(2, 0) }
        }

        /// A sender on a path whose round trip always takes 100 ms.
        fn measured() -> Self {
            let mut sender = Self::new();
            for time in (0..2000).step_by(20) {
                sender.recovery.on_handshake_measured(at(time), 100);
            }
            sender.recovery.heard.0 = at(2000);
            sender
        }

        /// Sends a message of 10 bytes in a datagram of its own.
        fn send(&mut self, now: u64, channel: u8, sequence: u16) {
            let outgoing = &mut self.channels.get(channel).unwrap().outgoing;
            let content = Content::Message(fragment(10));
            self.recovery.on_sent(outgoing, sequence, content, 10, at(now), TIMEOUT);
            self.recovery.on_datagram_sent(at(now), 1);
        }

        fn acknowledge(&mut self, now: u64, channel: u8, sequence: u16, sent_at: u64) -> bool {
            let recovery = &mut self.recovery;
            let known = recovery
                .on_acknowledged(at(now), &mut self.channels, channel, sequence, at(sent_at))
                .is_some();
            if recovery.take_news() {
                recovery.detect_losses(at(now), &mut self.channels);
            }
            known
        }

        /// Sends again what is lost, in a datagram; the numbers.
        fn retransmit(&mut self, now: u64) -> Vec<u16> {
            let mut numbers = Vec::new();
            while let Some((channel, sequence, sent)) = self.recovery.first_lost(&mut self.channels) {
                self.recovery.on_retransmitted(channel, sequence, sent, at(now));
                numbers.push(sequence);
            }
            if !numbers.is_empty() {
                self.recovery.on_datagram_sent(at(now), numbers.len() as u32);
            }
            numbers
        }

        fn deadline(&mut self) -> Option<Time> {
            self.recovery.deadline(&mut self.channels)
        }
    }

    #[test]
    fn each_acknowledgement_counts_once_on_every_channel() {
        let mut sender = Sender::new();
        sender.send(1000, 0, 1);
        let ping = Content::Control(Control::Ping);
        sender.recovery.on_sent(sender.channels.system(), 1, ping, 0, at(1000), TIMEOUT);
        assert!(!sender.acknowledge(1100, 1, 1, 1000));
        for channel in [0, SYSTEM_CHANNEL] {
            assert!(!sender.recovery.is_idle());
            assert!(sender.acknowledge(1100, channel, 1, 1000));
            assert!(!sender.acknowledge(1100, channel, 1, 1000));
        }
        assert!(sender.recovery.is_idle() && sender.recovery.bytes_in_flight() == 0);
        assert_eq!(sender.deadline(), None);
    }

    #[test]
    fn the_arrival_of_the_third_later_datagram_shows_a_loss() {
        let mut sender = Sender::measured();
        (0..5).for_each(|number| sender.send(2000 + 2 * u64::from(number), 0, number + 1));
        for sequence in [2, 3] {
            assert!(sender.acknowledge(2103, 0, sequence, 1998 + 2 * u64::from(sequence)));
            assert_eq!(sender.retransmit(2103), []);
        }
        assert!(sender.acknowledge(2106, 0, 4, 2006));
        assert_eq!(sender.retransmit(2106), [1]);
        assert_eq!(sender.recovery.bytes_in_flight(), 20);
    }

    #[test]
    fn what_was_sent_before_something_acknowledged_is_lost_after_a_round_trip_and_an_eighth() {
        let mut sender = Sender::measured();
        sender.send(2000, 0, 1);
        sender.send(2010, 1, 1);
        assert!(sender.acknowledge(2110, 1, 1, 2010));
        assert_eq!((sender.retransmit(2110), sender.deadline()), (vec![], Some(at(2113))));
        sender.recovery.on_timeout(at(2113), &mut sender.channels);
        assert_eq!(sender.retransmit(2113), [1]);
    }

    #[test]
    fn a_lost_retransmission_is_found_as_well() {
        let mut sender = Sender::measured();
        (0..5).for_each(|number| sender.send(2000 + 10 * u64::from(number), 0, number + 1));
        (2..=5)
            .for_each(|number| assert!(sender.acknowledge(2140, 0, number, 1990 + 10 * u64::from(number))));
        assert_eq!(sender.retransmit(2140), [1]);
        (0..4).for_each(|number| sender.send(2150 + 10 * u64::from(number), 0, number + 6));
        (6..=9)
            .for_each(|number| assert!(sender.acknowledge(2290, 0, number, 2090 + 10 * u64::from(number))));
        assert_eq!(sender.retransmit(2290), [1]);
        // The answer to the first retransmission comes late.
        assert!(sender.acknowledge(2300, 0, 1, 2140));
        assert!(sender.recovery.is_idle());
    }

    #[test]
    fn what_arrives_after_it_was_declared_lost_makes_the_sender_more_patient() {
        let mut sender = Sender::measured();
        (0..4).for_each(|number| sender.send(2000 + 10 * u64::from(number), 0, number + 1));
        (2..=4)
            .for_each(|number| assert!(sender.acknowledge(2130, 0, number, 1990 + 10 * u64::from(number))));
        assert_eq!(sender.retransmit(2130), [1]);
        let (delay, datagrams) = (sender.recovery.timer.loss_delay(), sender.recovery.timer.loss_datagrams());
        assert!(sender.acknowledge(2140, 0, 1, 2000));
        assert!(sender.recovery.timer.loss_delay() > delay);
        assert_eq!(sender.recovery.timer.loss_datagrams(), datagrams + 3);
    }

    #[test]
    fn the_last_of_a_burst_is_sent_again_when_its_time_is_up() {
        let mut sender = Sender::measured();
        sender.send(2000, 0, 1);
        sender.send(2000, 0, 2);
        assert!(sender.acknowledge(2100, 0, 1, 2000));
        let deadline = sender.deadline().unwrap();
        assert!(deadline <= at(2000 + 100 + 34), "{deadline:?}");
        sender.recovery.on_timeout(deadline, &mut sender.channels);
        assert_eq!(sender.retransmit(2134), [2]);
    }

    #[test]
    fn a_silent_peer_is_probed_with_one_datagram_at_a_time_and_growing_pauses() {
        let mut sender = Sender::measured();
        (0..600).for_each(|number| sender.send(2000 + u64::from(number) / 10, 0, number + 1));
        let (mut now, mut pauses) = (at(2060), Vec::new());
        for _ in 0..6 {
            let deadline = sender.deadline().unwrap();
            pauses.push(deadline.since(now));
            now = deadline;
            sender.recovery.on_timeout(now, &mut sender.channels);
            let sent = sender.retransmit(now.as_millis()).len();
            assert!((1..=1200 / 16 + 1).contains(&sent) || now.since(at(2000)) <= 134, "{sent}");
        }
        assert!(pauses.windows(2).skip(2).all(|pair| pair[1] > pair[0]), "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause < 117 * 12), "{pauses:?}");
    }

    #[test]
    fn invented_acknowledgements_do_not_make_the_sender_repeat_itself_without_end() {
        let mut sender = Sender::measured();
        sender.send(2000, 0, 1);
        let mut retransmissions = 0;
        for time in 2000..12_000 {
            // One datagram each millisecond, acknowledged at once; the first message never is.
            let sequence = (time - 1998) as u16;
            sender.send(time, 0, sequence);
            sender.acknowledge(time, 0, sequence, time);
            if sender.deadline().is_some_and(|deadline| deadline <= at(time)) {
                sender.recovery.on_timeout(at(time), &mut sender.channels);
            }
            retransmissions += sender.retransmit(time).len();
        }
        assert!(retransmissions < 25, "{retransmissions}");
    }
}
