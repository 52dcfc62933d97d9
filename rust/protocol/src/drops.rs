//! Why received bytes and queued messages are dropped, and how often each reason has occurred.

use crate::wire::Malformed;

/// Why something was dropped. Reasons are found in this order: first the datagram as a whole, then each
/// command, then what this host itself could not keep or send.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
#[repr(u8)]
pub enum DropReason {
    /// A datagram came from port 0, where nothing can be answered.
    SourcePort,
    /// A datagram is shorter than the header that it begins with.
    Header,
    /// A datagram is for a slot that no connection has.
    UnknownPeer,
    /// A datagram is for a connection with another address.
    Address,
    /// A datagram is for an earlier connection of its slot.
    Session,
    /// A datagram's checksum is wrong, or missing.
    Checksum,
    /// A datagram is compressed, and this host has no compressor or cannot expand it.
    Compression,
    /// A datagram that is addressed to no slot does not ask for a connection in the protocol's terms.
    Connect,
    /// A request for a connection came while all slots were taken, or to a host that accepts no more.
    HostFull,
    /// A command is cut off, or ENet has none with its number. The rest of its datagram is dropped with it.
    Malformed,
    /// A command has no place in the connection's state. The rest of its datagram is dropped with it.
    UnexpectedCommand,
    /// A command asks for an acknowledgement in a datagram that does not tell when it was sent.
    SentTime,
    /// A command is for a channel that the connection does not have.
    Channel,
    /// A message, or what a fragment claims of one, is larger than
    /// [`Limits::max_message_size`](crate::Limits::max_message_size).
    MessageSize,
    /// A fragment contradicts itself, or the fragments before it.
    Fragment,
    /// A command's sequence number is too far ahead to be told from an old one.
    Sequence,
    /// A message would exceed what may wait; an honest sender repeats a reliable one.
    ReceiveLimit,
    /// An unreliable message was still incomplete after
    /// [`Limits::reassembly_timeout`](crate::Limits::reassembly_timeout).
    ReassemblyTimeout,
    /// The throttle has dropped an unreliable message instead of sending it.
    Throttle,
}

impl From<Malformed> for DropReason {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

impl DropReason {
    /// All reasons, in the order in which they are found.
    pub const ALL: [Self; 19] = [
        Self::SourcePort,
        Self::Header,
        Self::UnknownPeer,
        Self::Address,
        Self::Session,
        Self::Checksum,
        Self::Compression,
        Self::Connect,
        Self::HostFull,
        Self::Malformed,
        Self::UnexpectedCommand,
        Self::SentTime,
        Self::Channel,
        Self::MessageSize,
        Self::Fragment,
        Self::Sequence,
        Self::ReceiveLimit,
        Self::ReassemblyTimeout,
        Self::Throttle,
    ];

    /// A short name in lower case, for logs and scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SourcePort => "source_port",
            Self::Header => "header",
            Self::UnknownPeer => "unknown_peer",
            Self::Address => "address",
            Self::Session => "session",
            Self::Checksum => "checksum",
            Self::Compression => "compression",
            Self::Connect => "connect",
            Self::HostFull => "host_full",
            Self::Malformed => "malformed",
            Self::UnexpectedCommand => "unexpected_command",
            Self::SentTime => "sent_time",
            Self::Channel => "channel",
            Self::MessageSize => "message_size",
            Self::Fragment => "fragment",
            Self::Sequence => "sequence",
            Self::ReceiveLimit => "receive_limit",
            Self::ReassemblyTimeout => "reassembly_timeout",
            Self::Throttle => "throttle",
        }
    }
}

/// How often each reason has occurred. The counters only grow, and reading does not change them.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DropCounters([u64; DropReason::ALL.len()]);

impl DropCounters {
    /// How often something was dropped for this reason.
    pub fn count(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// How often something was dropped for any reason.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The reasons that have occurred, each with how often.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    #[inline(never)]
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, other)| *count += other);
    }

    pub(crate) fn add(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }
}

/// The counters of one connection, of which most never drop anything: they take memory only then.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct PeerDropCounters(Option<Box<DropCounters>>);

impl PeerDropCounters {
    pub(crate) fn add(&mut self, reason: DropReason) {
        self.0.get_or_insert_default().add(reason);
    }

    /// The counters, if anything was dropped.
    pub(crate) fn get(&self) -> Option<&DropCounters> {
        self.0.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter_and_name() {
        let mut counters = DropCounters::default();
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            counters.add(reason);
            assert_eq!(counters.count(reason), 1, "{reason:?}");
            assert_eq!(DropReason::ALL.iter().filter(|other| other.name() == reason.name()).count(), 1);
        }
        assert_eq!(counters.total(), DropReason::ALL.len() as u64);
        assert_eq!(counters.iter().count(), DropReason::ALL.len());
    }
}
