//! The optional checksum between header and commands (`enet_crc32`): CRC-32 over the uncompressed datagram,
//! with the connect id in the place of the checksum, so that it also tells connections apart.

use crate::wire::NO_PEER;
use crc32fast::Hasher;

/// Bytes that a checksum takes.
pub(crate) const CHECKSUM_SIZE: usize = 4;

/// What stands in the place of the checksum while it is worked out: the connection's id, or zeros where the
/// datagram goes to a host that has not given the connection a slot yet.
pub(crate) fn key(slot: u16, connect_id: [u8; 4]) -> [u8; 4] {
    if slot == NO_PEER { [0; 4] } else { connect_id }
}

/// The checksum of a datagram with these header bytes and commands.
pub(crate) fn checksum(header: &[u8], key: [u8; 4], commands: &[u8]) -> [u8; CHECKSUM_SIZE] {
    let mut hasher = Hasher::new();
    hasher.update(header);
    hasher.update(&key);
    hasher.update(commands);
    hasher.finalize().to_be_bytes()
}
