//! The channels of one connection: each has its own sequence numbers in both directions.

use super::in_flight::InFlight;
use super::incoming::{self, Incoming};
use super::message::Part;

/// One channel.
#[derive(Debug)]
pub(crate) struct Channel {
    /// Number of the last reliable command that was queued, unwrapped: the wire has its low 16 bits.
    pub(crate) outgoing_reliable: u64,
    /// Number of the last one that was sent, unwrapped.
    pub(crate) sent_reliable: u64,
    /// Number of the last unreliable message that was queued since then.
    pub(crate) outgoing_unreliable: u16,
    pub(crate) in_flight: InFlight<Part>,
    pub(crate) incoming: Incoming,
}

impl Channel {
    fn new(first_sequence: u16) -> Self {
        Self {
            outgoing_reliable: first_sequence.into(),
            sent_reliable: first_sequence.into(),
            outgoing_unreliable: 0,
            in_flight: InFlight::new(),
            incoming: Incoming::new(first_sequence),
        }
    }

    /// Whether the remote host surely has room for the reliable number `sequence`: it has delivered everything before
    /// the oldest command that is still under way.
    pub(crate) fn window_is_open(&self, sequence: u16) -> bool {
        self.in_flight.oldest().is_none_or(|oldest| incoming::is_open(oldest.wrapping_sub(1), sequence))
    }

    /// Whether an unreliable message that follows the reliable number `follows` could be kept by the remote host until its
    /// turn: too far ahead it would be taken for an old one, or for one that follows an earlier number.
    pub(crate) fn can_follow(&self, follows: u64) -> bool {
        let delivered = self.sent_reliable - self.in_flight.len() as u64;
        let distance = follows.saturating_sub(delivered);
        u16::try_from(distance).is_ok_and(|distance| {
            incoming::windows_ahead(delivered as u16, distance) < incoming::OPEN_WINDOWS
        })
    }
}

/// The channels of one connection. Most games use a few of the 255 that they get by default, so a channel takes
/// memory only from its first use on.
#[derive(Debug)]
pub(crate) struct Channels {
    count: u8,
    /// The number before the first one of every channel.
    first_sequence: u16,
    used: Vec<Channel>,
}

impl Channels {
    pub(crate) fn new(count: u8, first_sequence: u16) -> Self {
        Self { count, first_sequence, used: Vec::new() }
    }

    /// How many channels the connection has.
    pub(crate) fn count(&self) -> u8 {
        self.count
    }

    /// The remote host agreed to fewer channels.
    pub(crate) fn limit(&mut self, count: u8) {
        self.count = self.count.min(count);
        self.used.truncate(self.count.into());
    }

    /// The channel, if the connection has it and it was used before.
    pub(crate) fn used(&mut self, channel: u8) -> Option<&mut Channel> {
        self.used.get_mut(usize::from(channel))
    }

    /// All channels that were used before, with their numbers.
    pub(crate) fn all_used(&mut self) -> impl Iterator<Item = (u8, &mut Channel)> {
        self.used.iter_mut().enumerate().map(|(number, channel)| (number as u8, channel))
    }

    /// The channel, if the connection has it.
    pub(crate) fn get(&mut self, channel: u8) -> Option<&mut Channel> {
        if channel >= self.count {
            return None;
        }
        let index = usize::from(channel);
        if index >= self.used.len() {
            self.used.resize_with(index + 1, || Channel::new(self.first_sequence));
        }
        self.used.get_mut(index)
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
        assert!(channels.all_used().map(|(number, _)| number).eq(0..u8::MAX));
    }
}
