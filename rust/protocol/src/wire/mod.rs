//! The wire format of ENet 1.3.18: datagram header and commands, parsed and emitted.
//!
//! Everything is big endian, except the connect id, which ENet copies in memory order and nobody interprets.
//! Parsing never panics and never trusts a length: what does not fit is [`Malformed`].

pub(crate) mod checksum;
pub(crate) mod command;
mod display;
pub(crate) mod header;

/// Bytes of the largest header that this engine emits: peer id word and sent time.
pub(crate) const HEADER_SIZE: usize = 4;
/// Bytes of an ACKNOWLEDGE.
pub(crate) const ACKNOWLEDGE_SIZE: usize = 8;
/// Bytes of a SEND_FRAGMENT or SEND_UNRELIABLE_FRAGMENT command without its payload.
pub(crate) const FRAGMENT_COMMAND_SIZE: usize = 24;
/// The peer id of a datagram whose sender does not know its slot at the receiver yet
/// (`ENET_PROTOCOL_MAXIMUM_PEER_ID`).
pub(crate) const NO_PEER: u16 = 0xfff;
/// The channel number of commands that belong to the connection and to none of its channels.
pub(crate) const SYSTEM_CHANNEL: u8 = 0xff;
/// Session ids have two bits.
pub(crate) const SESSION_MASK: u8 = 3;
/// In CONNECT: "I have no session with you yet".
pub(crate) const NO_SESSION: u8 = 0xff;
/// Smallest and largest datagram that the two ends may agree on, in bytes.
pub(crate) const MTU_RANGE: std::ops::RangeInclusive<u32> = 576..=4096;
/// Smallest and largest reliable window, in bytes.
pub(crate) const WINDOW_RANGE: std::ops::RangeInclusive<u32> = 4096..=65536;
/// Bytes per second of bandwidth that buy one smallest window (`ENET_PEER_WINDOW_SIZE_SCALE`).
pub(crate) const WINDOW_SIZE_SCALE: u32 = 65536;
/// Channels that a connection can have.
pub(crate) const CHANNEL_COUNT_RANGE: std::ops::RangeInclusive<u32> = 1..=255;
/// Fragments that a message can have.
pub(crate) const MAXIMUM_FRAGMENT_COUNT: u32 = 1024 * 1024;

/// The bytes are no ENet datagram or command.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

/// Takes the first `N` bytes off `rest`.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(Malformed)?;
    *rest = tail;
    Ok(*head)
}

pub(crate) fn take_u8(rest: &mut &[u8]) -> Result<u8, Malformed> {
    take::<1>(rest).map(|[byte]| byte)
}

pub(crate) fn take_u16(rest: &mut &[u8]) -> Result<u16, Malformed> {
    take(rest).map(u16::from_be_bytes)
}

/// Takes two numbers at once, of which commands have many.
pub(crate) fn take_pair(rest: &mut &[u8]) -> Result<(u16, u16), Malformed> {
    take(rest).map(|[a, b, c, d]| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

pub(crate) fn take_u32(rest: &mut &[u8]) -> Result<u32, Malformed> {
    take(rest).map(u32::from_be_bytes)
}

/// Takes the first `length` bytes off `rest` without copying them.
pub(crate) fn take_slice<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (head, tail) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = tail;
    Ok(head)
}
