//! Reliable commands that are lost and wait to be sent again, and those that are under way again. Those that
//! are under way for the first time are found by [`InFlight`](super::in_flight::InFlight).

use super::in_flight::Sent;
use super::timer::MAXIMUM_ATTEMPTS;
use crate::Time;
use crate::peer::channel::Channels;
use std::collections::VecDeque;

/// A reliable command that was sent again at a certain time. It is out of date once the command was
/// acknowledged, or sent once more.
#[derive(Copy, Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Retransmission {
    channel: u8,
    sequence: u16,
    sent_at: Time,
}

#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Queues {
    /// Channel and number of the commands to send again, before all others: first the small ones, which wait
    /// for no transfer. Some are acknowledged by now.
    lost_small: VecDeque<(u8, u16)>,
    lost: VecDeque<(u8, u16)>,
    /// Commands that are under way again, those of the second attempt, of the third and so on: later attempts
    /// are waited for longer, and each list is in the order in which its commands count as lost. Some are out
    /// of date by now.
    under_way: Vec<VecDeque<Retransmission>>,
    /// Bytes of all commands that were sent again.
    bytes: u64,
}

impl Queues {
    /// Channel and number of what is to be sent again next.
    fn first_lost(&self) -> Option<(u8, u16)> {
        self.lost_small.front().or_else(|| self.lost.front()).copied()
    }

    fn pop_lost(&mut self) -> Option<(u8, u16)> {
        self.lost_small.pop_front().or_else(|| self.lost.pop_front())
    }

    /// The commands that are under way for the `attempts`-th time.
    fn under_way_for(&mut self, attempts: u8) -> &mut VecDeque<Retransmission> {
        let list = usize::from(attempts.clamp(2, MAXIMUM_ATTEMPTS) - 2);
        if self.under_way.len() <= list {
            self.under_way.resize_with(list + 1, VecDeque::new);
        }
        &mut self.under_way[list]
    }
}

/// The retransmissions of one connection. Most connections never have any: they take memory only then.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Retransmissions(Option<Box<Queues>>);

impl Retransmissions {
    /// Whether a command waits to be sent again.
    #[inline(always)]
    pub(crate) fn has_lost(&self) -> bool {
        self.0.as_ref().is_some_and(|queues| !(queues.lost.is_empty() && queues.lost_small.is_empty()))
    }

    /// A command is lost, and has to be sent again.
    pub(crate) fn add_lost(&mut self, channel: u8, sequence: u16, is_small: bool) {
        let queues = self.0.get_or_insert_default();
        let lost = if is_small { &mut queues.lost_small } else { &mut queues.lost };
        lost.push_back((channel, sequence));
    }

    /// The lost command that is to be sent again next: its channel, its number and itself.
    pub(crate) fn first_lost<'a>(&mut self, channels: &'a mut Channels) -> Option<(u8, u16, &'a mut Sent)> {
        let queues = self.0.as_deref_mut()?;
        while let Some((channel, sequence)) = queues.first_lost() {
            let in_flight = channels.outgoing(channel).map(|outgoing| &mut outgoing.in_flight);
            if in_flight.and_then(|in_flight| in_flight.get_mut(sequence)).is_some_and(|sent| sent.is_lost())
            {
                break;
            }
            // Acknowledged after all.
            queues.pop_lost();
        }
        let (channel, sequence) = queues.first_lost()?;
        Some((channel, sequence, channels.outgoing(channel)?.in_flight.get_mut(sequence)?))
    }

    /// The command of [`Self::first_lost`] goes out again for the `attempts`-th time, and takes `bytes`.
    pub(crate) fn on_retransmitted(&mut self, now: Time, attempts: u8, bytes: usize) {
        let Some(queues) = &mut self.0 else { return };
        if let Some((channel, sequence)) = queues.pop_lost() {
            queues.under_way_for(attempts).push_back(Retransmission { channel, sequence, sent_at: now });
            queues.bytes += bytes as u64;
        }
    }

    /// An early copy of a command that is under way for the `attempts`-th time, and not the first, goes out.
    pub(crate) fn on_copied(&mut self, channel: u8, sequence: u16, attempts: u8, now: Time) {
        let under_way = self.0.get_or_insert_default().under_way_for(attempts);
        under_way.push_back(Retransmission { channel, sequence, sent_at: now });
    }

    /// The number of lists for [`Self::first`].
    #[inline]
    pub(crate) fn lists(&self) -> usize {
        self.0.as_ref().map_or(0, |queues| queues.under_way.len())
    }

    /// The command in a list that was sent first, and is waited for the shortest: its channel, its number and
    /// itself.
    #[inline]
    pub(crate) fn first<'a>(
        &mut self,
        list: usize,
        channels: &'a mut Channels,
    ) -> Option<(u8, u16, &'a mut Sent)> {
        let under_way = self.0.as_deref_mut()?.under_way.get_mut(list)?;
        while let Some(&Retransmission { channel, sequence, sent_at }) = under_way.front() {
            let in_flight = channels.outgoing(channel).map(|outgoing| &mut outgoing.in_flight);
            let sent = in_flight.and_then(|in_flight| in_flight.get_mut(sequence));
            if sent.is_some_and(|sent| sent.sent_at == sent_at && sent.is_retransmission()) {
                break;
            }
            under_way.pop_front();
        }
        let &Retransmission { channel, sequence, .. } = under_way.front()?;
        Some((channel, sequence, channels.outgoing(channel)?.in_flight.get_mut(sequence)?))
    }

    /// Nothing is under way.
    pub(crate) fn on_idle(&mut self) {
        if let Some(queues) = &mut self.0 {
            queues.under_way.iter_mut().for_each(VecDeque::clear);
        }
    }

    /// Nothing is under way, and nothing waits.
    pub(crate) fn clear(&mut self) {
        if let Some(queues) = &mut self.0 {
            queues.lost_small.clear();
            queues.lost.clear();
        }
        self.on_idle();
    }

    /// Bytes of all commands that were sent again because they counted as lost.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, |queues| queues.bytes)
    }
}
