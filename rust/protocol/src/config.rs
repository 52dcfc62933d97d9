//! What a host is made from: its size, its wire parameters and its memory limits.

use crate::wire::MTU_RANGE;
use crate::wire::checksum::CHECKSUM_SIZE;
use thiserror::Error;

/// Largest number of peers that a host can have: peer ids have 12 bits and the last one means "none".
pub const MAXIMUM_PEERS: u16 = 4095;

/// Everything that a [`Host`](crate::Host) is made from. The defaults are ENet's own.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct HostConfig {
    /// Connections that can exist at a time, in both directions together: `1..=4095`. Default 32.
    pub max_peers: u16,
    /// Channels that a remote host may ask for: `1..=255`. Default 255.
    pub channel_limit: u8,
    /// Bytes per second that this host can receive; 0 = no limit. Advertised to the other side, which obeys.
    /// Default 0.
    pub incoming_bandwidth: u32,
    /// Bytes per second that this host can send; 0 = no limit. Default 0.
    pub outgoing_bandwidth: u32,
    /// Largest datagram that this host sends or wants to receive, bytes of UDP payload: `576..=4096`. The
    /// smaller of both ends' wishes holds. Default 1392.
    pub mtu: u16,
    /// Every datagram carries a CRC-32 (`enet_crc32`), and one whose checksum is wrong is dropped. Both ends
    /// have to agree on it without a word. Default `false`, as in Godot.
    pub checksum: bool,
    /// How many early copies of a small reliable command ride along in later datagrams while losses are
    /// measured, at most; 0 = none. See [`Host::set_redundancy`](crate::Host::set_redundancy). Default 4.
    pub redundancy: u8,
    /// What unvalidated addresses and peers may make this host remember.
    pub limits: Limits,
    /// For tests of the wrap of sequence numbers: the number before the first one of every new connection.
    /// The two ends have to agree on it without a word, so it is 0 everywhere else, as in ENet.
    pub first_sequence: u16,
}

/// Bounds on what bytes from the network can cost. A message beyond a limit is not acknowledged, so an honest
/// sender repeats it later; nothing that was accepted is lost.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Largest message to send or to accept, bytes. Default 32 MiB, as in ENet: a larger one is refused by
    /// the sender already. Answers the fragment that claims a gigantic message.
    pub max_message_size: usize,
    /// Bytes that may wait for one peer: messages not yet taken from the event queue, messages out of order,
    /// and the claimed sizes of incomplete ones, and 128 bytes for each. The one that crosses the limit is
    /// still accepted. Default 32 MiB, as in ENet. Answers the peer that floods an application which does not
    /// read.
    pub max_waiting_bytes: usize,
    /// Bytes that may wait for all peers together, as far as they have arrived. Default 256 MiB. Beyond it
    /// each peer may still have 64 KiB. Answers many peers that each stay below their own limit.
    pub max_total_waiting_bytes: usize,
    /// Milliseconds after which an unreliable message that is still incomplete is dropped. Default 10,000.
    /// (The fragments of a reliable one have been acknowledged: it ends with its connection.)
    pub reassembly_timeout: u32,
    /// Addresses whose CONNECT was answered and that are not validated yet, `1..=65535`; 100 bytes each.
    /// Default 4096: with a flood of 50,000 forged CONNECTs a second, a real client has 80 ms to confirm
    /// before its entry is pushed out, and tries again if that is too short.
    pub max_pending_validations: u16,
    /// Messages that may wait out of order or incomplete on one channel of one peer. Default 32,768: every
    /// sequence number that the reliable window lets through fits. Answers floods of tiny messages whose
    /// bookkeeping costs more than their bytes.
    pub max_waiting_messages: usize,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            max_peers: 32,
            channel_limit: 255,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            mtu: 1392,
            checksum: false,
            redundancy: 4,
            limits: Limits::default(),
            first_sequence: 0,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_size: 32 << 20,
            max_waiting_bytes: 32 << 20,
            max_total_waiting_bytes: 256 << 20,
            max_pending_validations: 4096,
            reassembly_timeout: 10_000,
            max_waiting_messages: 32_768,
        }
    }
}

/// Why a [`HostConfig`] cannot be used.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Error)]
pub enum ConfigError {
    /// `max_peers` is outside its range.
    #[error("max_peers is {0}, but must be between 1 and {MAXIMUM_PEERS}")]
    MaxPeers(u16),
    /// `channel_limit` is outside its range.
    #[error("channel_limit is 0, but must be between 1 and 255")]
    ChannelLimit,
    /// `mtu` is outside its range.
    #[error("mtu is {0}, but must be between 576 and 4096")]
    Mtu(u16),
}

impl HostConfig {
    /// Bytes that a checksum takes of each datagram.
    pub(crate) fn checksum_size(&self) -> usize {
        if self.checksum { CHECKSUM_SIZE } else { 0 }
    }

    /// Checks the ranges that the fields document.
    ///
    /// # Errors
    /// The first field that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=MAXIMUM_PEERS).contains(&self.max_peers) {
            return Err(ConfigError::MaxPeers(self.max_peers));
        }
        if self.channel_limit == 0 {
            return Err(ConfigError::ChannelLimit);
        }
        if !MTU_RANGE.contains(&self.mtu.into()) {
            return Err(ConfigError::Mtu(self.mtu));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        assert_eq!(HostConfig::default().validate(), Ok(()));
        let with = |change: fn(&mut HostConfig)| {
            let mut config = HostConfig::default();
            change(&mut config);
            config.validate()
        };
        assert_eq!(with(|c| c.max_peers = 0), Err(ConfigError::MaxPeers(0)));
        assert_eq!(with(|c| c.max_peers = 4096), Err(ConfigError::MaxPeers(4096)));
        assert_eq!(with(|c| c.channel_limit = 0), Err(ConfigError::ChannelLimit));
        assert_eq!(with(|c| c.mtu = 575), Err(ConfigError::Mtu(575)));
        assert_eq!(with(|c| c.mtu = 4097), Err(ConfigError::Mtu(4097)));
    }
}
