//! The commands that a datagram is made of (ENet `protocol.h`), as values that parse and emit themselves.
//!
//! Parsing and emitting are inlined into the few places that do it: a command then mostly lives in registers.

use super::{Malformed, take, take_pair, take_slice, take_u8, take_u16, take_u32};

const ACKNOWLEDGE_FLAG: u8 = 0x80;
const UNSEQUENCED_FLAG: u8 = 0x40;
/// Of an ACKNOWLEDGE: it is sent once more. ENet looks neither at this bit nor at the next lower one.
const REPEAT_FLAG: u8 = 0x20;
const NUMBER_MASK: u8 = 0x0f;

mod number {
    pub(super) const ACKNOWLEDGE: u8 = 1;
    pub(super) const CONNECT: u8 = 2;
    pub(super) const VERIFY_CONNECT: u8 = 3;
    pub(super) const DISCONNECT: u8 = 4;
    pub(super) const PING: u8 = 5;
    pub(super) const SEND_RELIABLE: u8 = 6;
    pub(super) const SEND_UNRELIABLE: u8 = 7;
    pub(super) const SEND_FRAGMENT: u8 = 8;
    pub(super) const SEND_UNSEQUENCED: u8 = 9;
    pub(super) const BANDWIDTH_LIMIT: u8 = 10;
    pub(super) const THROTTLE_CONFIGURE: u8 = 11;
    pub(super) const SEND_UNRELIABLE_FRAGMENT: u8 = 12;
}

/// One command: what every command has, and its body.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Command<'a> {
    /// The sender wants an ACKNOWLEDGE for this command.
    pub(crate) wants_acknowledgement: bool,
    /// The channel, or [`super::SYSTEM_CHANNEL`].
    pub(crate) channel: u8,
    /// The channel's reliable sequence number when this command was queued.
    pub(crate) sequence: u16,
    pub(crate) body: Body<'a>,
}

/// What a command says. Payloads are borrowed from the datagram.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Body<'a> {
    Acknowledge { sequence: u16, sent_time: u16, is_repeat: bool },
    Connect { parameters: ConnectParameters, data: u32 },
    VerifyConnect { parameters: ConnectParameters },
    Disconnect { data: u32 },
    Ping,
    SendReliable { payload: &'a [u8] },
    SendUnreliable { unreliable_sequence: u16, payload: &'a [u8] },
    SendFragment { fragment: Fragment, payload: &'a [u8] },
    SendUnsequenced { group: u16, payload: &'a [u8] },
    BandwidthLimit { incoming: u32, outgoing: u32 },
    ThrottleConfigure { interval: u32, acceleration: u32, deceleration: u32 },
    SendUnreliableFragment { fragment: Fragment, payload: &'a [u8] },
}

/// The fields that CONNECT and VERIFY_CONNECT share, in wire order.
#[derive(Copy, Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ConnectParameters {
    /// The sender's own slot for this connection: what the receiver has to put into its headers.
    pub(crate) peer: u16,
    pub(crate) incoming_session: u8,
    pub(crate) outgoing_session: u8,
    /// Largest datagram, bytes.
    pub(crate) mtu: u32,
    /// Largest amount of unacknowledged reliable data, bytes.
    pub(crate) window_size: u32,
    pub(crate) channel_count: u32,
    /// Bytes per second, 0 = no limit.
    pub(crate) incoming_bandwidth: u32,
    /// Bytes per second, 0 = no limit.
    pub(crate) outgoing_bandwidth: u32,
    /// Milliseconds.
    pub(crate) throttle_interval: u32,
    pub(crate) throttle_acceleration: u32,
    pub(crate) throttle_deceleration: u32,
    /// The connecting side's name for the connection; never interpreted, so in memory order.
    pub(crate) connect_id: [u8; 4],
}

/// Where a fragment belongs in its message.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fragment {
    /// Sequence number of the message's first fragment: reliable or unreliable, by the command.
    pub(crate) start_sequence: u16,
    pub(crate) count: u32,
    pub(crate) number: u32,
    /// Bytes of the whole message.
    pub(crate) total_length: u32,
    /// Where in the message the payload starts, bytes.
    pub(crate) offset: u32,
}

impl<'a> Command<'a> {
    /// Takes one command off the front of a datagram's commands.
    #[inline(always)]
    pub(crate) fn parse(rest: &mut &'a [u8]) -> Result<Self, Malformed> {
        let [head, channel, high, low] = take(rest)?;
        let body = match head & NUMBER_MASK {
            number::ACKNOWLEDGE => {
                let (sequence, sent_time) = take_pair(rest)?;
                Body::Acknowledge { sequence, sent_time, is_repeat: head & REPEAT_FLAG != 0 }
            }
            number::CONNECT => {
                Body::Connect { parameters: ConnectParameters::parse(rest)?, data: take_u32(rest)? }
            }
            number::VERIFY_CONNECT => Body::VerifyConnect { parameters: ConnectParameters::parse(rest)? },
            number::DISCONNECT => Body::Disconnect { data: take_u32(rest)? },
            number::PING => Body::Ping,
            number::SEND_RELIABLE => {
                let length = take_u16(rest)?;
                Body::SendReliable { payload: take_slice(rest, length.into())? }
            }
            number::SEND_UNRELIABLE => {
                let (unreliable_sequence, length) = take_pair(rest)?;
                Body::SendUnreliable { unreliable_sequence, payload: take_slice(rest, length.into())? }
            }
            number::SEND_FRAGMENT => {
                let (fragment, payload) = Fragment::parse(rest)?;
                Body::SendFragment { fragment, payload }
            }
            number::SEND_UNSEQUENCED => {
                let (group, length) = take_pair(rest)?;
                Body::SendUnsequenced { group, payload: take_slice(rest, length.into())? }
            }
            number::BANDWIDTH_LIMIT => {
                Body::BandwidthLimit { incoming: take_u32(rest)?, outgoing: take_u32(rest)? }
            }
            number::THROTTLE_CONFIGURE => Body::ThrottleConfigure {
                interval: take_u32(rest)?,
                acceleration: take_u32(rest)?,
                deceleration: take_u32(rest)?,
            },
            number::SEND_UNRELIABLE_FRAGMENT => {
                let (fragment, payload) = Fragment::parse(rest)?;
                Body::SendUnreliableFragment { fragment, payload }
            }
            _ => return Err(Malformed),
        };
        let sequence = u16::from_be_bytes([high, low]);
        Ok(Self { wants_acknowledgement: head & ACKNOWLEDGE_FLAG != 0, channel, sequence, body })
    }

    /// Bytes that [`Self::emit`] appends.
    #[inline(always)]
    pub(crate) fn size(&self) -> usize {
        4 + match &self.body {
            Body::Acknowledge { .. } | Body::Disconnect { .. } => 4,
            Body::Connect { .. } => ConnectParameters::SIZE + 4,
            Body::VerifyConnect { .. } => ConnectParameters::SIZE,
            Body::Ping => 0,
            Body::SendReliable { payload } => 2 + payload.len(),
            Body::SendUnreliable { payload, .. } | Body::SendUnsequenced { payload, .. } => 4 + payload.len(),
            Body::SendFragment { payload, .. } | Body::SendUnreliableFragment { payload, .. } => {
                super::FRAGMENT_COMMAND_SIZE - 4 + payload.len()
            }
            Body::BandwidthLimit { .. } => 8,
            Body::ThrottleConfigure { .. } => 12,
        }
    }

    /// Appends the command to a datagram under construction. A payload longer than 65,535 bytes is a bug of
    /// the caller: messages are cut to fit the MTU before.
    #[inline(always)]
    pub(crate) fn emit(&self, out: &mut Vec<u8>) {
        let number = match self.body {
            Body::Acknowledge { is_repeat, .. } => number::ACKNOWLEDGE | (u8::from(is_repeat) * REPEAT_FLAG),
            Body::Connect { .. } => number::CONNECT,
            Body::VerifyConnect { .. } => number::VERIFY_CONNECT,
            Body::Disconnect { .. } => number::DISCONNECT,
            Body::Ping => number::PING,
            Body::SendReliable { .. } => number::SEND_RELIABLE,
            Body::SendUnreliable { .. } => number::SEND_UNRELIABLE,
            Body::SendFragment { .. } => number::SEND_FRAGMENT,
            Body::SendUnsequenced { .. } => number::SEND_UNSEQUENCED | UNSEQUENCED_FLAG,
            Body::BandwidthLimit { .. } => number::BANDWIDTH_LIMIT,
            Body::ThrottleConfigure { .. } => number::THROTTLE_CONFIGURE,
            Body::SendUnreliableFragment { .. } => number::SEND_UNRELIABLE_FRAGMENT,
        };
        // A DISCONNECT that nobody acknowledges says so by the unsequenced flag, as ENet's does.
        let unsequenced = matches!(self.body, Body::Disconnect { .. }) && !self.wants_acknowledgement;
        let flags = (u8::from(self.wants_acknowledgement) * ACKNOWLEDGE_FLAG)
            | (u8::from(unsequenced) * UNSEQUENCED_FLAG);
        let [high, low] = self.sequence.to_be_bytes();
        let head = [number | flags, self.channel, high, low];
        // The small and frequent commands are put together first, so that the buffer grows once.
        match self.body {
            Body::Acknowledge { sequence, sent_time, .. } => {
                return put_head(out, head, pair(sequence, sent_time));
            }
            Body::SendReliable { payload } => {
                put_head(out, head, payload_length(payload).to_be_bytes());
                return out.extend_from_slice(payload);
            }
            Body::SendUnreliable { unreliable_sequence: number, payload }
            | Body::SendUnsequenced { group: number, payload } => {
                put_head(out, head, pair(number, payload_length(payload)));
                return out.extend_from_slice(payload);
            }
            _ => out.extend_from_slice(&head),
        }
        match self.body {
            Body::Acknowledge { .. }
            | Body::SendReliable { .. }
            | Body::SendUnreliable { .. }
            | Body::SendUnsequenced { .. }
            | Body::Ping => {}
            Body::Connect { parameters, data } => {
                parameters.emit(out);
                put_u32(out, data);
            }
            Body::VerifyConnect { parameters } => parameters.emit(out),
            Body::Disconnect { data } => put_u32(out, data),
            Body::SendFragment { fragment, payload } | Body::SendUnreliableFragment { fragment, payload } => {
                fragment.emit(payload, out);
            }
            Body::BandwidthLimit { incoming, outgoing } => {
                put_u32(out, incoming);
                put_u32(out, outgoing);
            }
            Body::ThrottleConfigure { interval, acceleration, deceleration } => {
                put_u32(out, interval);
                put_u32(out, acceleration);
                put_u32(out, deceleration);
            }
        }
    }
}

impl ConnectParameters {
    const SIZE: usize = 40;

    fn parse(rest: &mut &[u8]) -> Result<Self, Malformed> {
        Ok(Self {
            peer: take_u16(rest)?,
            incoming_session: take_u8(rest)?,
            outgoing_session: take_u8(rest)?,
            mtu: take_u32(rest)?,
            window_size: take_u32(rest)?,
            channel_count: take_u32(rest)?,
            incoming_bandwidth: take_u32(rest)?,
            outgoing_bandwidth: take_u32(rest)?,
            throttle_interval: take_u32(rest)?,
            throttle_acceleration: take_u32(rest)?,
            throttle_deceleration: take_u32(rest)?,
            connect_id: take(rest)?,
        })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        let [high, low] = self.peer.to_be_bytes();
        out.extend_from_slice(&[high, low, self.incoming_session, self.outgoing_session]);
        for word in [
            self.mtu,
            self.window_size,
            self.channel_count,
            self.incoming_bandwidth,
            self.outgoing_bandwidth,
            self.throttle_interval,
            self.throttle_acceleration,
            self.throttle_deceleration,
        ] {
            put_u32(out, word);
        }
        out.extend_from_slice(&self.connect_id);
    }
}

impl Fragment {
    fn parse<'a>(rest: &mut &'a [u8]) -> Result<(Self, &'a [u8]), Malformed> {
        let (start_sequence, length) = take_pair(rest)?;
        let fragment = Self {
            start_sequence,
            count: take_u32(rest)?,
            number: take_u32(rest)?,
            total_length: take_u32(rest)?,
            offset: take_u32(rest)?,
        };
        Ok((fragment, take_slice(rest, length.into())?))
    }

    fn emit(&self, payload: &[u8], out: &mut Vec<u8>) {
        let mut bytes = [0; super::FRAGMENT_COMMAND_SIZE - 4];
        bytes[..4].copy_from_slice(&pair(self.start_sequence, payload_length(payload)));
        let words = [self.count, self.number, self.total_length, self.offset];
        for (place, word) in bytes[4..].chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(&bytes);
        out.extend_from_slice(payload);
    }
}

fn payload_length(payload: &[u8]) -> u16 {
    debug_assert!(payload.len() <= usize::from(u16::MAX), "a command's payload must fit its datagram");
    payload.len() as u16
}

/// Appends the four bytes that every command begins with, and the `N` that follow.
fn put_head<const N: usize>(out: &mut Vec<u8>, head: [u8; 4], rest: [u8; N]) {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&head);
    bytes[4..4 + N].copy_from_slice(&rest);
    out.extend_from_slice(&bytes[..4 + N]);
}

fn pair(first: u16, second: u16) -> [u8; 4] {
    let [a, b] = first.to_be_bytes();
    let [c, d] = second.to_be_bytes();
    [a, b, c, d]
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: ConnectParameters = ConnectParameters {
        peer: 7,
        incoming_session: 0xff,
        outgoing_session: 0xff,
        mtu: 1392,
        window_size: 65536,
        channel_count: 255,
        incoming_bandwidth: 1,
        outgoing_bandwidth: 2,
        throttle_interval: 5000,
        throttle_acceleration: 2,
        throttle_deceleration: 2,
        connect_id: [1, 2, 3, 4],
    };
    const FRAGMENT: Fragment =
        Fragment { start_sequence: 9, count: 3, number: 1, total_length: 12, offset: 4 };

    fn one_of_each() -> [Body<'static>; 13] {
        [
            Body::Acknowledge { sequence: 1, sent_time: 2, is_repeat: false },
            Body::Acknowledge { sequence: 1, sent_time: 2, is_repeat: true },
            Body::Connect { parameters: PARAMETERS, data: 77 },
            Body::VerifyConnect { parameters: PARAMETERS },
            Body::Disconnect { data: 5 },
            Body::Ping,
            Body::SendReliable { payload: b"reliable" },
            Body::SendUnreliable { unreliable_sequence: 3, payload: b"" },
            Body::SendFragment { fragment: FRAGMENT, payload: b"frag" },
            Body::SendUnsequenced { group: 1024, payload: b"group" },
            Body::BandwidthLimit { incoming: 8, outgoing: 9 },
            Body::ThrottleConfigure { interval: 1, acceleration: 2, deceleration: 3 },
            Body::SendUnreliableFragment { fragment: FRAGMENT, payload: b"frag" },
        ]
    }

    #[test]
    fn emitted_commands_parse_to_themselves_and_every_truncation_is_malformed() {
        for body in one_of_each() {
            let command = Command { wants_acknowledgement: true, channel: 4, sequence: 0x1234, body };
            let mut bytes = Vec::new();
            command.emit(&mut bytes);
            assert_eq!(bytes.len(), command.size(), "{body:?}");
            let mut rest = &bytes[..];
            assert_eq!(Command::parse(&mut rest), Ok(command));
            assert!(rest.is_empty());
            for length in 0..bytes.len() {
                assert_eq!(Command::parse(&mut &bytes[..length]), Err(Malformed), "{body:?} cut to {length}");
            }
        }
    }

    #[test]
    fn command_numbers_that_enet_does_not_have_are_malformed() {
        for number in [0, 13, 14, 15] {
            assert_eq!(Command::parse(&mut &[number; 64][..]), Err(Malformed));
        }
    }

    #[test]
    fn sizes_are_those_of_enet() {
        let sizes = one_of_each().map(|body| {
            let payload = match body {
                Body::SendReliable { payload }
                | Body::SendUnreliable { payload, .. }
                | Body::SendFragment { payload, .. }
                | Body::SendUnsequenced { payload, .. }
                | Body::SendUnreliableFragment { payload, .. } => payload.len(),
                _ => 0,
            };
            Command { wants_acknowledgement: false, channel: 0, sequence: 0, body }.size() - payload
        });
        assert_eq!(sizes, [8, 8, 48, 44, 8, 4, 6, 8, 24, 8, 12, 16, 24]);
    }
}
