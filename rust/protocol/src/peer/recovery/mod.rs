//! Loss recovery: what is under way, what was lost, and what each acknowledgement says about the path.
//!
//! Everything that happens to a reliable command after it was queued passes through here:
//! [`Recovery::on_sent`], [`Recovery::on_acknowledged`], [`Recovery::on_timeout`],
//! [`Recovery::on_retransmitted`]. The commands themselves lie in their channels'
//! [`InFlight`](in_flight::InFlight); the connection's own commands are a channel like any other.

pub(crate) mod in_flight;
pub(crate) mod loss;
pub(crate) mod retransmissions;
pub(crate) mod round_trip;
pub(crate) mod silence;

use super::channel::{Channels, Outgoing};
use super::control::{Content, Control};
use crate::wire::SYSTEM_CHANNEL;
use crate::{PeerId, Time, trace};
use in_flight::Sent;
use loss::LossStatistic;
use retransmissions::{Retransmission, Retransmissions};
use round_trip::RoundTrip;
use silence::Silence;
use std::collections::VecDeque;

/// The recovery of one connection.
#[derive(Debug)]
pub(crate) struct Recovery {
    id: PeerId,
    pub(crate) round_trip: RoundTrip,
    pub(crate) silence: Silence,
    pub(crate) loss: LossStatistic,
    /// Commands that are under way again.
    retransmissions: Retransmissions,
    /// Channel and number of the commands to send again, before all others. Some are acknowledged by now.
    lost: VecDeque<(u8, u16)>,
    /// Reliable commands that were sent and not acknowledged, lost ones included.
    unacknowledged: usize,
    /// Bytes of reliable payload under way.
    bytes_in_flight: u32,
}

impl Recovery {
    pub(crate) fn new(id: PeerId) -> Self {
        Self {
            id,
            round_trip: RoundTrip::new(),
            silence: Silence::new(),
            loss: LossStatistic::default(),
            retransmissions: Retransmissions::default(),
            lost: VecDeque::new(),
            unacknowledged: 0,
            bytes_in_flight: 0,
        }
    }

    /// Whether nothing awaits an acknowledgement.
    pub(crate) fn is_idle(&self) -> bool {
        self.unacknowledged == 0
    }

    /// Whether a command waits to be sent again.
    pub(crate) fn has_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    /// Bytes of reliable payload under way.
    #[inline]
    pub(crate) fn bytes_in_flight(&self) -> u32 {
        self.bytes_in_flight
    }

    /// Forgets everything under way, as the connection ends. The channels have to be closed with it.
    pub(crate) fn clear(&mut self) {
        self.retransmissions.clear();
        self.lost.clear();
        self.unacknowledged = 0;
        self.bytes_in_flight = 0;
    }

    /// A command goes out for the first time, with `length` bytes of payload.
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
        outgoing.in_flight.push(sequence, Sent::new(content, length, now, timeout));
        outgoing.sent_reliable += 1;
        self.bytes_in_flight += u32::from(length);
        self.unacknowledged += 1;
    }

    /// A command was acknowledged. Returns what has to be known of it, if it was under way: else the
    /// acknowledgement is a duplicate, or made up.
    #[inline]
    pub(crate) fn on_acknowledged(
        &mut self,
        channels: &mut Channels,
        channel: u8,
        sequence: u16,
    ) -> Option<Acknowledged> {
        let sent = channels.outgoing(channel)?.in_flight.take(sequence)?;
        self.unacknowledged -= 1;
        if !sent.is_lost() {
            self.bytes_in_flight -= sent.length();
        }
        Some(Acknowledged {
            is_disconnect: matches!(sent.content, Content::Control(Control::Disconnect { .. })),
            sent_once_at: (sent.attempts() == 1).then_some(sent.sent_at),
        })
    }

    /// The deadline of the command that is overdue next.
    pub(crate) fn deadline(&mut self, channels: &mut Channels) -> Option<Time> {
        if self.unacknowledged == 0 {
            self.retransmissions.clear();
            return None;
        }
        let first = channels.all_outgoing().filter_map(|(_, outgoing)| outgoing.in_flight.first_deadline());
        first.chain(self.retransmissions.deadline()).min()
    }

    /// Marks overdue commands as lost. `true` if the peer has been silent for so long that it has to be given
    /// up.
    pub(crate) fn on_timeout(&mut self, now: Time, channels: &mut Channels) -> bool {
        let Self { id, silence, loss, lost, bytes_in_flight, .. } = self;
        let mut is_over = false;
        let mut on_lost = |channel: u8, sequence: u16, sent: &mut Sent| {
            trace::lost(*id, channel, sequence);
            is_over |= silence.on_overdue(now, sent.sent_at, sent.attempts().into());
            *bytes_in_flight -= sent.length();
            sent.mark_lost();
            lost.push_back((channel, sequence));
            loss.on_lost();
        };
        self.retransmissions.expire(|&Retransmission { channel, sequence, sent_at }| {
            let sent = channels.outgoing(channel)?.in_flight.get_mut(sequence)?;
            let deadline = sent.deadline(sent_at)?;
            if deadline > now {
                return Some(deadline);
            }
            on_lost(channel, sequence, sent);
            None
        });
        for (channel, outgoing) in channels.all_outgoing() {
            while let Some((sequence, sent)) = outgoing.in_flight.first_overdue(now) {
                on_lost(channel, sequence, sent);
            }
        }
        is_over
    }

    /// The oldest unacknowledged command of the connection itself is to be sent again at once, by another
    /// way, without more patience than before.
    pub(crate) fn retransmit_oldest_system(&mut self, channels: &mut Channels) {
        let in_flight = &mut channels.system().in_flight;
        let Some(sequence) = in_flight.oldest() else { return };
        if let Some(sent) = in_flight.get_mut(sequence).filter(|sent| !sent.is_lost()) {
            sent.mark_rerouted();
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

    /// The command of [`Self::first_lost`] goes out again.
    pub(crate) fn on_retransmitted(&mut self, channel: u8, sequence: u16, sent: &mut Sent, now: Time) {
        self.lost.pop_front();
        sent.on_retransmitted(now);
        trace::retransmitted(self.id, channel, sequence, sent.attempts());
        self.bytes_in_flight += sent.length();
        self.retransmissions.add(Retransmission { channel, sequence, sent_at: now }, now.after(sent.timeout));
    }
}

/// A command that was under way and is acknowledged.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Acknowledged {
    /// It was a DISCONNECT.
    pub(crate) is_disconnect: bool,
    /// When it was sent, unless it was sent repeatedly: the acknowledgement may be for any attempt then.
    pub(crate) sent_once_at: Option<Time>,
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
    const TIMEOUT: u32 = 100;

    fn at(milliseconds: u64) -> Time {
        Time::from_millis(milliseconds)
    }

    /// A recovery with a message of 10 bytes on channel 0 and a ping under way, both sent at 0.
    fn two_under_way() -> (Recovery, Channels) {
        let (mut recovery, mut channels) = (Recovery::new(ID), Channels::new(1, 0));
        let outgoing = &mut channels.get(0).unwrap().outgoing;
        recovery.on_sent(outgoing, 1, Content::Message(fragment(10)), 10, at(0), TIMEOUT);
        recovery.on_sent(channels.system(), 1, Content::Control(Control::Ping), 0, at(0), TIMEOUT);
        (recovery, channels)
    }

    #[test]
    fn each_acknowledgement_counts_once_on_every_channel() {
        let (mut recovery, mut channels) = two_under_way();
        assert!(recovery.on_acknowledged(&mut channels, 3, 1).is_none());
        for channel in [0, SYSTEM_CHANNEL] {
            assert!(!recovery.is_idle());
            assert!(recovery.on_acknowledged(&mut channels, channel, 1).is_some());
            assert!(recovery.on_acknowledged(&mut channels, channel, 1).is_none());
        }
        assert!(recovery.is_idle() && recovery.bytes_in_flight() == 0);
        assert_eq!(recovery.deadline(&mut channels), None);
    }

    #[test]
    fn what_is_overdue_is_lost_and_goes_out_again_unless_it_was_acknowledged_meanwhile() {
        let (mut recovery, mut channels) = two_under_way();
        assert_eq!(recovery.deadline(&mut channels), Some(at(100)));
        assert!(!recovery.on_timeout(at(99), &mut channels) && !recovery.has_lost());
        assert!(!recovery.on_timeout(at(100), &mut channels));
        assert_eq!(recovery.bytes_in_flight(), 0);
        assert!(recovery.on_acknowledged(&mut channels, SYSTEM_CHANNEL, 1).is_some());
        let (channel, sequence, sent) = recovery.first_lost(&mut channels).unwrap();
        assert_eq!((channel, sequence), (0, 1));
        recovery.on_retransmitted(channel, sequence, sent, at(110));
        assert!(recovery.first_lost(&mut channels).is_none() && !recovery.has_lost());
        assert_eq!(recovery.bytes_in_flight(), 10);
        // The second attempt waits twice as long.
        assert_eq!(recovery.deadline(&mut channels), Some(at(310)));
    }

    #[test]
    fn a_rerouted_command_waits_no_longer_than_before() {
        let (mut recovery, mut channels) = two_under_way();
        recovery.retransmit_oldest_system(&mut channels);
        let (channel, sequence, sent) = recovery.first_lost(&mut channels).unwrap();
        assert_eq!((channel, sequence), (SYSTEM_CHANNEL, 1));
        recovery.on_retransmitted(channel, sequence, sent, at(10));
        assert!(recovery.on_acknowledged(&mut channels, 0, 1).is_some());
        assert_eq!(recovery.deadline(&mut channels), Some(at(110)));
    }
}
