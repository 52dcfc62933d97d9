//! The channels of one connection: each has its own sequence numbers in both directions.

use super::incoming::{self, Incoming};
use super::recovery::in_flight::{InFlight, Sent};
use crate::wire::SYSTEM_CHANNEL;

/// One channel.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Channel {
    pub(crate) outgoing: Outgoing,
    pub(crate) incoming: Incoming,
}

/// The sending half of a channel.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Outgoing {
    /// Number of the last reliable command that was queued, unwrapped: the wire has its low 16 bits.
    pub(crate) queued_reliable: u64,
    /// Number of the last reliable command that was sent, unwrapped.
    pub(crate) sent_reliable: u64,
    /// Number of the last unreliable message that was queued since the last reliable one.
    pub(crate) queued_unreliable: u16,
    /// Bytes of all messages that were queued.
    pub(crate) queued_bytes: u64,
    pub(crate) in_flight: InFlight,
}

impl Outgoing {
    fn new(first_sequence: u64) -> Self {
        Self {
            queued_reliable: first_sequence,
            sent_reliable: first_sequence,
            queued_unreliable: 0,
            queued_bytes: 0,
            in_flight: InFlight::new(),
        }
    }

    /// Whether the remote host surely keeps a command with the reliable number `sequence`: it has delivered
    /// everything before the oldest command that is still under way.
    pub(crate) fn sequence_window_is_open(&self, sequence: u16) -> bool {
        self.in_flight.oldest().is_none_or(|oldest| incoming::is_open(oldest.wrapping_sub(1), sequence))
    }

    /// Whether the remote host keeps an unreliable message that follows the reliable number `follows` until
    /// its turn: too far ahead it would be taken for an old one, or for one that follows an earlier number.
    pub(crate) fn can_follow(&self, follows: u64) -> bool {
        let delivered = self.sent_reliable - self.in_flight.len() as u64;
        let distance = follows.saturating_sub(delivered);
        u16::try_from(distance).is_ok_and(|distance| {
            incoming::windows_ahead(delivered as u16, distance) < incoming::OPEN_WINDOWS
        })
    }
}

/// The channels of one connection. Most games use a few of the 255 that they get by default, so a channel
/// takes memory only from its first use on.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Channels {
    count: u8,
    /// The number before the first one of every channel.
    first_sequence: u16,
    used: Vec<Channel>,
    /// The sending half of the channel that carries the commands of the connection itself.
    system: Outgoing,
}

impl Channels {
    pub(crate) fn new(count: u8, first_sequence: u16) -> Self {
        Self { count, first_sequence, used: Vec::new(), system: Outgoing::new(first_sequence.into()) }
    }

    /// The number of channels that the connection has.
    pub(crate) fn count(&self) -> u8 {
        self.count
    }

    /// The remote host agreed to fewer channels.
    pub(crate) fn limit(&mut self, count: u8) {
        self.count = self.count.min(count);
        self.used.truncate(self.count.into());
    }

    /// Forgets all channels, and the commands of the connection itself that are under way. Their numbers go
    /// on.
    pub(crate) fn close(&mut self) {
        self.limit(0);
        self.system = Outgoing::new(self.system.queued_reliable);
    }

    /// The channel, if the connection has it and it was used before.
    pub(crate) fn used(&mut self, channel: u8) -> Option<&mut Channel> {
        self.used.get_mut(usize::from(channel))
    }

    /// The channel, if the connection has it.
    pub(crate) fn get(&mut self, channel: u8) -> Option<&mut Channel> {
        if channel >= self.count {
            return None;
        }
        let index = usize::from(channel);
        if index >= self.used.len() {
            let first_sequence = self.first_sequence;
            self.used.resize_with(index + 1, || Channel {
                outgoing: Outgoing::new(first_sequence.into()),
                incoming: Incoming::new(first_sequence),
            });
        }
        self.used.get_mut(index)
    }

    /// The sending half of the channel that carries the commands of the connection itself.
    pub(crate) fn system(&mut self) -> &mut Outgoing {
        &mut self.system
    }

    /// The sending half of a channel that was used before, or of the connection itself.
    #[inline]
    pub(crate) fn outgoing(&mut self, channel: u8) -> Option<&mut Outgoing> {
        if channel == SYSTEM_CHANNEL {
            return Some(&mut self.system);
        }
        self.used(channel).map(|channel| &mut channel.outgoing)
    }

    /// Bytes of all messages that were queued on each channel, up to the last one that was used.
    pub(crate) fn queued_bytes(&self) -> Vec<u64> {
        self.used.iter().map(|channel| channel.outgoing.queued_bytes).collect()
    }

    /// Bytes of reliable messages that were sent and not acknowledged, on one channel or on all.
    pub(crate) fn bytes_in_flight(&self, channel: Option<u8>) -> u64 {
        let bytes = |channel: &Channel| channel.outgoing.in_flight.bytes();
        match channel {
            Some(channel) => self.used.get(usize::from(channel)).map_or(0, bytes),
            None => self.used.iter().map(bytes).sum(),
        }
    }

    /// Whether messages are under way, on any channel.
    pub(crate) fn has_messages_in_flight(&self) -> bool {
        self.used.iter().any(|channel| channel.outgoing.in_flight.len() > 0)
    }

    /// The sending halves of the connection itself and of all channels that were used before, with their
    /// numbers.
    #[inline]
    pub(crate) fn all_outgoing(&mut self) -> impl Iterator<Item = (u8, &mut Outgoing)> {
        let system = std::iter::once((SYSTEM_CHANNEL, &mut self.system));
        let used = self.used.iter_mut().enumerate();
        system.chain(used.map(|(number, channel)| (number as u8, &mut channel.outgoing)))
    }
}

impl Channels {
    /// The oldest command under way of the connection itself, and of each channel.
    pub(crate) fn oldest_in_flight(&self) -> impl Iterator<Item = &Sent> {
        let used = self.used.iter().map(|channel| &channel.outgoing);
        std::iter::once(&self.system).chain(used).filter_map(|outgoing| outgoing.in_flight.first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_channels_of_the_largest_connection_have_their_numbers() {
        let mut channels = Channels::new(u8::MAX, 0);
        assert!(channels.get(u8::MAX).is_none());
        assert!(channels.get(u8::MAX - 1).is_some());
        let numbers = channels.all_outgoing().map(|(number, _)| number);
        assert!(numbers.eq(std::iter::once(SYSTEM_CHANNEL).chain(0..u8::MAX)));
    }

    #[test]
    fn the_numbers_of_the_connection_itself_go_on_when_its_channels_are_closed() {
        let mut channels = Channels::new(2, 9);
        assert!(channels.get(1).is_some());
        channels.system().queued_reliable += 3;
        channels.close();
        assert_eq!((channels.count(), channels.system().queued_reliable), (0, 12));
        assert!(channels.used(1).is_none() && channels.outgoing(SYSTEM_CHANNEL).is_some());
    }
}
