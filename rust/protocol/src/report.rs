//! What a host or a connection has done so far, and how its path is at the moment: for tools that show it.
//! Reading changes nothing, and other readers see the same.

use crate::PeerState;

/// What has passed so far. All counters only grow. Bytes of datagrams are those of the UDP payload as the
/// engine makes or gets it, without what a layer such as DTLS adds.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Traffic {
    /// Datagrams sent.
    pub sent_datagrams: u64,
    /// Bytes of datagrams sent.
    pub sent_bytes: u64,
    /// Datagrams received; for a host, garbage included.
    pub received_datagrams: u64,
    /// Bytes of datagrams received; for a host, garbage included.
    pub received_bytes: u64,
    /// Messages that the application has queued.
    pub sent_messages: u64,
    /// Bytes of messages that the application has queued.
    pub sent_message_bytes: u64,
    /// Messages that have arrived for the application.
    pub received_messages: u64,
    /// Bytes of messages that have arrived for the application.
    pub received_message_bytes: u64,
    /// Bytes of commands that were sent again because they counted as lost, before compression.
    pub retransmitted_bytes: u64,
    /// Bytes of early copies of commands, before compression.
    pub redundant_bytes: u64,
    /// Bytes that compression has kept off the network, both directions together. Only hosts count them.
    pub saved_bytes: u64,
}

impl Traffic {
    /// Adds what has passed elsewhere.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            sent_datagrams,
            sent_bytes,
            received_datagrams,
            received_bytes,
            sent_messages,
            sent_message_bytes,
            received_messages,
            received_message_bytes,
            retransmitted_bytes,
            redundant_bytes,
            saved_bytes,
        } = self;
        for (counter, more) in [
            (sent_datagrams, other.sent_datagrams),
            (sent_bytes, other.sent_bytes),
            (received_datagrams, other.received_datagrams),
            (received_bytes, other.received_bytes),
            (sent_messages, other.sent_messages),
            (sent_message_bytes, other.sent_message_bytes),
            (received_messages, other.received_messages),
            (received_message_bytes, other.received_message_bytes),
            (retransmitted_bytes, other.retransmitted_bytes),
            (redundant_bytes, other.redundant_bytes),
            (saved_bytes, other.saved_bytes),
        ] {
            *counter += more;
        }
    }
}

/// Datagrams or messages that have passed so far.
#[derive(Copy, Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Volume {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

impl Volume {
    /// Counts one more, of so many bytes.
    #[inline(always)]
    pub(crate) fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes as u64;
    }
}

/// A connection as it is at the moment. Times are milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerReport {
    /// The state.
    pub state: PeerState,
    /// What has passed so far.
    pub traffic: Traffic,
    /// Mean round trip time; 500 before the first measurement.
    pub round_trip: u32,
    /// By how much round trips deviate from that, in the mean.
    pub jitter: u32,
    /// By how much the last round trips were longer than the shortest one of late: what the path's queues
    /// hold up.
    pub queueing_delay: u32,
    /// Share of sent datagrams that was lost recently, or whose acknowledgements were, 0..=1.
    pub loss: f32,
    /// Bytes of messages that were not sent yet.
    pub waiting_bytes: u64,
    /// Bytes of reliable messages that are sent and not acknowledged.
    pub in_flight_bytes: u32,
    /// Bytes of received messages that wait: in events that were not taken, out of order, or incomplete; and
    /// 128 bytes for each message.
    pub waiting_received_bytes: usize,
    /// Share of unreliable messages that the throttle lets out, 0..=1.
    pub throttle: f32,
    /// The number of channels that the connection has.
    pub channel_count: u8,
    /// Bytes of the messages that were queued on each channel, from the first to the last one that was used.
    pub channel_bytes: Vec<u64>,
}
