//! A parser of ENet datagrams for the checks: independent of the engine's own, and without any state.

/// The header of a datagram, and its commands.
#[derive(Clone, Debug)]
pub(crate) struct Datagram<'a> {
    /// The receiver's slot.
    pub(crate) slot: u16,
    commands: &'a [u8],
}

/// One command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Command<'a> {
    /// The command's number in the protocol, see the constants.
    pub(crate) kind: u8,
    /// Whether the receiver must acknowledge it.
    pub(crate) is_acknowledged: bool,
    pub(crate) channel: u8,
    /// The reliable sequence number.
    pub(crate) number: u16,
    /// All bytes before the payload.
    fields: &'a [u8],
    pub(crate) payload: &'a [u8],
}

pub(crate) const ACKNOWLEDGE: u8 = 1;
pub(crate) const DISCONNECT: u8 = 4;
pub(crate) const SEND_RELIABLE: u8 = 6;
pub(crate) const SEND_FRAGMENT: u8 = 8;

const HAS_SENT_TIME: u16 = 0x8000;
const IS_COMPRESSED: u16 = 0x4000;
const SLOT: u16 = 0x0fff;
const KIND: u8 = 0x0f;
const IS_ACKNOWLEDGED: u8 = 0x80;
/// Bytes of each command without its payload, by command number; 0 for numbers that no command has.
const SIZES: [usize; 13] = [0, 8, 48, 44, 8, 4, 6, 8, 24, 8, 12, 16, 24];
/// The offset of the payload's length in each command, by command number; 0 for those without a payload.
const LENGTHS: [usize; 13] = [0, 0, 0, 0, 0, 0, 4, 6, 6, 6, 0, 0, 6];

impl<'a> Datagram<'a> {
    /// Parses the header; `None` if it is truncated, or the rest is compressed.
    pub(crate) fn parse(datagram: &'a [u8], has_checksum: bool) -> Option<Self> {
        let head = word(datagram, 0)?;
        let header = if head & HAS_SENT_TIME != 0 { 4 } else { 2 } + if has_checksum { 4 } else { 0 };
        let commands = datagram.get(header..).filter(|_| head & IS_COMPRESSED == 0)?;
        Some(Self { slot: head & SLOT, commands })
    }

    /// The commands in order; ends with `None` in place of a malformed one.
    pub(crate) fn commands(&self) -> impl Iterator<Item = Option<Command<'a>>> + use<'a> {
        let mut rest = self.commands;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let command = Command::parse(rest);
            rest = command.and_then(|command| rest.get(command.size()..)).unwrap_or(&[]);
            Some(command)
        })
    }
}

impl<'a> Command<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let head = *bytes.first()?;
        let kind = head & KIND;
        let size = SIZES.get(usize::from(kind)).copied().filter(|size| *size > 0)?;
        let length = match LENGTHS[usize::from(kind)] {
            0 => 0,
            at => usize::from(word(bytes, at)?),
        };
        Some(Self {
            kind,
            is_acknowledged: head & IS_ACKNOWLEDGED != 0,
            channel: *bytes.get(1)?,
            number: word(bytes, 2)?,
            fields: bytes.get(..size)?,
            payload: bytes.get(size..size + length)?,
        })
    }

    /// Bytes of the whole command.
    pub(crate) fn size(&self) -> usize {
        self.fields.len() + self.payload.len()
    }

    /// The 16-bit field at this offset from the command's beginning, or 0 behind its end.
    pub(crate) fn word(&self, at: usize) -> u16 {
        word(self.fields, at).unwrap_or(0)
    }

    /// The 32-bit field at this offset from the command's beginning, or 0 behind its end.
    pub(crate) fn long(&self, at: usize) -> u32 {
        u32::from(self.word(at)) << 16 | u32::from(self.word(at + 2))
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}
