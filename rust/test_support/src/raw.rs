//! Datagrams and commands put together byte by byte, malformed ones included. This code is independent of the
//! engine's own wire code, so that a mistake there cannot hide here.

use bytes::Bytes;

/// The peer id in a CONNECT, before the receiver has assigned a slot.
pub const NO_PEER: u16 = 0xfff;
/// The channel of all commands that belong to no channel of the application.
pub const SYSTEM_CHANNEL: u8 = 0xff;
/// The flag in a command's first byte that asks for an acknowledgement.
pub const ACKNOWLEDGED: u8 = 0x80;

/// The numbers of the commands.
#[expect(missing_docs, reason = "the names are the protocol's")]
pub mod number {
    pub const ACKNOWLEDGE: u8 = 1;
    pub const CONNECT: u8 = 2;
    pub const VERIFY_CONNECT: u8 = 3;
    pub const DISCONNECT: u8 = 4;
    pub const PING: u8 = 5;
    pub const SEND_RELIABLE: u8 = 6;
    pub const SEND_UNRELIABLE: u8 = 7;
    pub const SEND_FRAGMENT: u8 = 8;
    pub const SEND_UNSEQUENCED: u8 = 9;
    pub const BANDWIDTH_LIMIT: u8 = 10;
    pub const THROTTLE_CONFIGURE: u8 = 11;
    pub const SEND_UNRELIABLE_FRAGMENT: u8 = 12;
}

/// The layout of a kind of command.
#[derive(Debug)]
pub struct Layout {
    /// The command's number, see [`number`].
    pub number: u8,
    /// Bytes of each field after channel and sequence number.
    pub fields: &'static [usize],
    /// The index of the field that holds the payload's length, if there is a payload.
    pub length: Option<usize>,
}

const CONNECT_FIELDS: [usize; 13] = [2, 1, 1, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4];
const VERIFY_CONNECT_FIELDS: [usize; 12] = [2, 1, 1, 4, 4, 4, 4, 4, 4, 4, 4, 4];
const FRAGMENT_FIELDS: [usize; 6] = [2, 2, 4, 4, 4, 4];

/// Every command of ENet 1.3.18.
pub const LAYOUTS: [Layout; 12] = [
    Layout { number: number::ACKNOWLEDGE, fields: &[2, 2], length: None },
    Layout { number: number::CONNECT, fields: &CONNECT_FIELDS, length: None },
    Layout { number: number::VERIFY_CONNECT, fields: &VERIFY_CONNECT_FIELDS, length: None },
    Layout { number: number::DISCONNECT, fields: &[4], length: None },
    Layout { number: number::PING, fields: &[], length: None },
    Layout { number: number::SEND_RELIABLE, fields: &[2], length: Some(0) },
    Layout { number: number::SEND_UNRELIABLE, fields: &[2, 2], length: Some(1) },
    Layout { number: number::SEND_FRAGMENT, fields: &FRAGMENT_FIELDS, length: Some(1) },
    Layout { number: number::SEND_UNSEQUENCED, fields: &[2, 2], length: Some(1) },
    Layout { number: number::BANDWIDTH_LIMIT, fields: &[4, 4], length: None },
    Layout { number: number::THROTTLE_CONFIGURE, fields: &[4, 4, 4], length: None },
    Layout { number: number::SEND_UNRELIABLE_FRAGMENT, fields: &FRAGMENT_FIELDS, length: Some(1) },
];

/// The values of a field of `width` bytes (1, 2 or 4) at which a parser is likeliest to fail.
pub fn extremes(width: usize) -> Vec<u32> {
    let max = u32::MAX >> (32 - 8 * width);
    let mut values = vec![0, 1, 2, max, max - 1, max / 2, max / 2 + 1];
    if width == 4 {
        values.extend([0xffff, 0x1_0000, 32 << 20, (32 << 20) + 1, 1 << 20, (1 << 20) + 1, 1364]);
    }
    values
}

/// One command. `head` is its first byte, and `fields` holds the value and width of each of its fields.
pub fn command(head: u8, channel: u8, sequence: u16, fields: &[(u32, usize)], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![head, channel];
    bytes.extend(sequence.to_be_bytes());
    for (value, width) in fields {
        bytes.extend(&value.to_be_bytes()[4 - width..]);
    }
    bytes.extend(payload);
    bytes
}

/// A command of the given layout, with a value for each of its fields.
pub fn command_of(
    layout: &Layout,
    flags: u8,
    channel: u8,
    sequence: u16,
    fields: &[u32],
    payload: &[u8],
) -> Vec<u8> {
    let fields: Vec<(u32, usize)> = fields.iter().copied().zip(layout.fields.iter().copied()).collect();
    command(layout.number | flags, channel, sequence, &fields, payload)
}

/// A datagram for the peer id `slot`, with `session` and, if given, the sent time in its header.
pub fn datagram(slot: u16, session: u8, sent_time: Option<u16>, commands: &[u8]) -> Bytes {
    let flag = if sent_time.is_some() { 0x8000 } else { 0 };
    let mut bytes = (flag | u16::from(session & 3) << 12 | slot & 0xfff).to_be_bytes().to_vec();
    if let Some(time) = sent_time {
        bytes.extend(time.to_be_bytes());
    }
    bytes.extend(commands);
    bytes.into()
}

/// A datagram without checksum and compression, split into its parts.
#[derive(Debug)]
pub struct Parsed<'a> {
    /// The receiver's slot.
    pub slot: u16,
    /// The session bits.
    pub session: u8,
    /// The low 16 bits of the sender's clock, milliseconds.
    pub sent_time: Option<u16>,
    /// Everything behind the header.
    pub commands: &'a [u8],
}

/// Parses a datagram that the engine has sent; panics if it is shorter than its header.
pub fn parse(datagram: &[u8]) -> Parsed<'_> {
    let word = u16::from_be_bytes([datagram[0], datagram[1]]);
    let timed = word & 0x8000 != 0;
    Parsed {
        slot: word & 0xfff,
        session: (word >> 12) as u8 & 3,
        sent_time: timed.then(|| u16::from_be_bytes([datagram[2], datagram[3]])),
        commands: &datagram[if timed { 4 } else { 2 }..],
    }
}

/// Splits the commands of a datagram that the engine has sent, each from its first byte to the end of its
/// payload. Panics if one is malformed.
pub fn split(mut commands: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some(&head) = commands.first() {
        let layout =
            LAYOUTS.iter().find(|layout| layout.number == head & 0xf).expect("the engine sends commands");
        let mut length = 4;
        let mut payload = 0;
        for (index, width) in layout.fields.iter().enumerate() {
            if layout.length == Some(index) {
                payload = u16::from_be_bytes([commands[length], commands[length + 1]]).into();
            }
            length += width;
        }
        let (part, rest) = commands.split_at(length + payload);
        parts.push(part);
        commands = rest;
    }
    parts
}
