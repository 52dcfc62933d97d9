//! Looking into datagrams from outside of the engine, for captures and replays.

use super::Host;
use super::receive::EXPANDED_SIZE;
use crate::wire::command::{Body, Command};
use crate::wire::header::Header;
use std::fmt::Write;

impl Host {
    /// A datagram as text, as this host or one with its settings reads it: the header, then each command,
    /// with the names of ENet's headers.
    pub fn describe_datagram(&mut self, datagram: &[u8]) -> String {
        let mut rest = datagram;
        let Ok(header) = Header::parse(&mut rest) else { return "no header".to_owned() };
        let mut text = header.to_string();
        let mut expanded = Vec::new();
        if !self.expand_datagram(datagram, &mut expanded) {
            text.push_str(": cannot be expanded");
            return text;
        }
        let commands = header.size() + self.config.checksum_size();
        let mut rest = expanded.get(commands..).unwrap_or_default();
        let mut separator = ": ";
        while !rest.is_empty() {
            let left = rest.len();
            // Writing to a string does not fail.
            let Ok(command) = Command::parse(&mut rest) else {
                let _ = write!(text, "{separator}malformed, {left} bytes");
                break;
            };
            let _ = write!(text, "{separator}{command}");
            separator = " | ";
        }
        text
    }

    /// Appends a datagram to `out` as it was before this host or one with its settings compressed it: the
    /// header does not say that it is compressed any more. `false` if it cannot be expanded; `out` is as it
    /// was then.
    pub fn expand_datagram(&mut self, datagram: &[u8], out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let mut rest = datagram;
        let Ok(header) = Header::parse(&mut rest) else { return false };
        if !header.compressed {
            out.extend_from_slice(datagram);
            return true;
        }
        let Some((checksum, commands)) = rest.split_at_checked(self.config.checksum_size()) else {
            return false;
        };
        let (bytes, length) = Header { compressed: false, ..header }.emit();
        out.extend_from_slice(&bytes[..length]);
        out.extend_from_slice(checksum);
        let limit = EXPANDED_SIZE - (out.len() - start);
        let expanded =
            self.compressor.as_mut().is_some_and(|compressor| compressor.decompress(commands, limit, out));
        if !expanded {
            out.truncate(start);
        }
        expanded
    }

    /// Overwrites the payloads of all messages in a datagram that is not compressed by zeros, as far as its
    /// commands can be read; what cannot be read is overwritten as a whole.
    pub fn blank_payloads(&self, datagram: &mut [u8]) {
        let mut rest = &*datagram;
        let begins = Header::parse(&mut rest).map_or(0, |_| datagram.len() - rest.len());
        let mut at = (begins + self.config.checksum_size()).min(datagram.len());
        while at < datagram.len() {
            let mut rest = &datagram[at..];
            let Ok(command) = Command::parse(&mut rest) else { return datagram[at..].fill(0) };
            let end = datagram.len() - rest.len();
            let payload = match command.body {
                Body::SendReliable { payload }
                | Body::SendUnreliable { payload, .. }
                | Body::SendFragment { payload, .. }
                | Body::SendUnsequenced { payload, .. }
                | Body::SendUnreliableFragment { payload, .. } => payload.len(),
                Body::Acknowledge { .. }
                | Body::Connect { .. }
                | Body::VerifyConnect { .. }
                | Body::Disconnect { .. }
                | Body::Ping
                | Body::BandwidthLimit { .. }
                | Body::ThrottleConfigure { .. } => 0,
            };
            datagram[end - payload..end].fill(0);
            at = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::command::Fragment;
    use crate::{HostConfig, RangeCoder};

    fn host() -> Host {
        let mut host = Host::new(HostConfig::default(), &[1; 16]).unwrap();
        host.set_compressor(Some(Box::<RangeCoder>::default()));
        host
    }

    fn datagram(host: &mut Host) -> Vec<u8> {
        host.connect(([127, 0, 0, 1], 1).into(), 1, 0x0102_0304).unwrap();
        let mut datagram = Vec::new();
        host.poll_transmit(crate::Time::from_millis(7), &mut datagram).unwrap();
        datagram
    }

    #[test]
    fn an_expanded_datagram_is_what_would_be_sent_without_compression() {
        let mut plain = host();
        plain.set_compressor(None);
        let expected = datagram(&mut plain);
        let mut host = host();
        let compressed = datagram(&mut host);
        assert!(compressed.len() < expected.len());
        let mut expanded = vec![9];
        assert!(host.expand_datagram(&compressed, &mut expanded));
        assert_eq!(expanded[1..], expected);
        expanded.truncate(1);
        assert!(host.expand_datagram(&expected, &mut expanded));
        assert_eq!(expanded[1..], expected);
        assert!(!plain.expand_datagram(&compressed, &mut expanded), "it cannot expand");
        assert!(!host.expand_datagram(&[0x40], &mut expanded), "it has no header");
        assert_eq!(expanded[1..], expected);
    }

    #[test]
    fn a_datagram_is_described_whatever_it_has() {
        let mut host = host();
        let asked = datagram(&mut host);
        let asked = host.describe_datagram(&asked);
        assert!(
            asked.starts_with(
                "peer 4095, session 0, compressed, sent time 7: CONNECT, channel 255, number 1, "
            )
        );
        assert!(asked.ends_with(", data 16909060"), "{asked}");
        let command = |channel, body| Command { wants_acknowledgement: true, channel, sequence: 2, body };
        let fragment = Fragment { start_sequence: 1, count: 3, number: 1, total_length: 9, offset: 4 };
        let mut datagram = vec![0x01, 0x23];
        for body in [
            Body::Acknowledge { sequence: 9, sent_time: 5, is_repeat: false },
            Body::SendUnreliable { unreliable_sequence: 3, payload: b"abc" },
            Body::SendFragment { fragment, payload: b"abcd" },
        ] {
            command(1, body).emit(&mut datagram);
        }
        datagram.extend_from_slice(&[13, 0, 0, 0]);
        let expected = "peer 291, session 0: ACKNOWLEDGE, channel 1, number 9, sent time 5 \
                        | SEND_UNRELIABLE, channel 1, number 2, unreliable number 3, 3 bytes \
                        | SEND_FRAGMENT, channel 1, number 2, fragment 1 (start 1, count 3, offset 4 of 9), \
                        4 bytes | malformed, 4 bytes";
        assert_eq!(host.describe_datagram(&datagram), expected);
        assert_eq!(
            host.describe_datagram(&[0x41, 0x23, 9]),
            "peer 291, session 0, compressed: cannot be expanded"
        );
        assert_eq!(host.describe_datagram(&[0x01]), "no header");
        assert_eq!(host.describe_datagram(&[0x01, 0x23]), "peer 291, session 0");
        for length in 0..datagram.len() {
            assert!(!host.describe_datagram(&datagram[..length]).is_empty());
        }
    }

    #[test]
    fn payloads_are_blanked_and_nothing_else() {
        let host = host();
        let command = |body| Command { wants_acknowledgement: false, channel: 1, sequence: 2, body };
        let mut datagram = vec![0x01, 0x23];
        for body in [
            Body::SendReliable { payload: b"secret" },
            Body::Disconnect { data: 5 },
            Body::SendUnreliable { unreliable_sequence: 3, payload: b"secret" },
        ] {
            command(body).emit(&mut datagram);
        }
        let mut expected = datagram.clone();
        for at in (0..datagram.len() - 5).filter(|at| &datagram[*at..*at + 6] == b"secret") {
            expected[at..at + 6].fill(0);
        }
        assert_ne!(datagram, expected);
        let mut blanked = datagram.clone();
        host.blank_payloads(&mut blanked);
        assert_eq!(blanked, expected);
        let readable = datagram.len();
        datagram.extend_from_slice(b"\x06secret that is cut off");
        host.blank_payloads(&mut datagram);
        assert!(datagram[..readable] == expected && datagram[readable..].iter().all(|byte| *byte == 0));
        for length in 0..4 {
            host.blank_payloads(&mut vec![0xff; length]);
        }
    }
}
