//! Reliable commands that are under way again, in the order in which they were sent. Those that are under way
//! for the first time are found by [`InFlight`](super::in_flight::InFlight).

use super::in_flight::Sent;
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

/// The retransmissions of one connection that may be up to date.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Retransmissions(VecDeque<Retransmission>);

impl Retransmissions {
    /// A command goes out again.
    pub(crate) fn add(&mut self, channel: u8, sequence: u16, sent_at: Time) {
        self.0.push_back(Retransmission { channel, sequence, sent_at });
    }

    /// The one that was sent first: its channel, its number and itself.
    #[inline]
    pub(crate) fn first<'a>(&mut self, channels: &'a mut Channels) -> Option<(u8, u16, &'a mut Sent)> {
        while let Some(&Retransmission { channel, sequence, sent_at }) = self.0.front() {
            let in_flight = channels.outgoing(channel).map(|outgoing| &mut outgoing.in_flight);
            let sent = in_flight.and_then(|in_flight| in_flight.get_mut(sequence));
            if sent.is_some_and(|sent| sent.sent_at == sent_at && sent.is_retransmission()) {
                break;
            }
            self.0.pop_front();
        }
        let &Retransmission { channel, sequence, .. } = self.0.front()?;
        Some((channel, sequence, channels.outgoing(channel)?.in_flight.get_mut(sequence)?))
    }

    /// Nothing is under way.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
