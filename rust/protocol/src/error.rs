//! Why a command to the engine was refused. A refused command has changed nothing.

use thiserror::Error;

/// [`Host::connect`](crate::Host::connect) was refused.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Error)]
pub enum ConnectError {
    /// Every peer slot is in use.
    #[error("all {0} peer slots are in use")]
    NoFreeSlot(u16),
}

/// [`Host::send`](crate::Host::send) was refused.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Error)]
pub enum SendError {
    /// The peer is gone, or its connection is not (or no longer) established.
    #[error("the peer is not connected")]
    NotConnected,
    /// The connection has fewer channels.
    #[error("channel {channel} does not exist, the connection has {count}")]
    NoSuchChannel {
        /// The channel asked for.
        channel: u8,
        /// Channels that the connection has.
        count: u8,
    },
    /// The message is larger than [`Limits::max_message_size`](crate::Limits::max_message_size), or has more
    /// than 24,576 fragments: at the usual MTU of 1392 that is more than 33,521,664 bytes.
    #[error("a message of {size} bytes exceeds the largest allowed, {limit} bytes")]
    TooLarge {
        /// Bytes of the message.
        size: usize,
        /// The limit that it exceeds, bytes.
        limit: usize,
    },
}
