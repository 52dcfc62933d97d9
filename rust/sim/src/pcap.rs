//! Writes datagrams as a capture file that Wireshark opens: link type RAW, each with an IP and a UDP header.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

/// `LINKTYPE_RAW`: packets begin with an IPv4 or IPv6 header.
const LINKTYPE_RAW: u32 = 101;
/// Largest packet in the file.
const SNAPSHOT_LENGTH: u32 = 65_575;
const UDP_HEADER: usize = 8;
const UDP: u8 = 17;

/// A capture file (libpcap format, microseconds) that is being written.
#[derive(Debug)]
pub struct Pcap<W> {
    writer: W,
    packet: Vec<u8>,
}

impl<W: Write> Pcap<W> {
    /// Writes the file's header.
    ///
    /// # Errors
    /// An error of the writer.
    pub fn new(mut writer: W) -> io::Result<Self> {
        let mut header = Vec::with_capacity(24);
        header.extend_from_slice(&0xa1b2_c3d4u32.to_le_bytes());
        header.extend_from_slice(&2u16.to_le_bytes());
        header.extend_from_slice(&4u16.to_le_bytes());
        header.extend_from_slice(&[0; 8]);
        header.extend_from_slice(&SNAPSHOT_LENGTH.to_le_bytes());
        header.extend_from_slice(&LINKTYPE_RAW.to_le_bytes());
        writer.write_all(&header)?;
        Ok(Self { writer, packet: Vec::new() })
    }

    /// Adds a datagram that was sent at `now`, microseconds. Addresses of different families are written as
    /// IPv6.
    ///
    /// # Errors
    /// An error of the writer.
    pub fn write(&mut self, now: u64, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> io::Result<()> {
        // No UDP datagram is longer. A longer one would be a bug of the test, and is truncated.
        let payload = &payload[..payload.len().min(65_507)];
        self.packet.clear();
        self.packet.extend_from_slice(&[0; 16]);
        let udp_length = (UDP_HEADER + payload.len()) as u16;
        match (from.ip(), to.ip()) {
            (IpAddr::V4(source), IpAddr::V4(target)) => {
                let total = 20 + udp_length;
                let mut header = [0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, UDP, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                header[2..4].copy_from_slice(&total.to_be_bytes());
                header[12..16].copy_from_slice(&source.octets());
                header[16..20].copy_from_slice(&target.octets());
                let checksum = !fold(sum(&header));
                header[10..12].copy_from_slice(&checksum.to_be_bytes());
                self.packet.extend_from_slice(&header);
            }
            (source, target) => {
                self.packet.extend_from_slice(&[0x60, 0, 0, 0]);
                self.packet.extend_from_slice(&udp_length.to_be_bytes());
                self.packet.extend_from_slice(&[UDP, 64]);
                self.packet.extend_from_slice(&octets(source));
                self.packet.extend_from_slice(&octets(target));
            }
        }
        let udp = self.packet.len();
        self.packet.extend_from_slice(&from.port().to_be_bytes());
        self.packet.extend_from_slice(&to.port().to_be_bytes());
        self.packet.extend_from_slice(&udp_length.to_be_bytes());
        self.packet.extend_from_slice(&[0; 2]);
        self.packet.extend_from_slice(payload);
        // The pseudo header: both addresses (at their offsets in either header), protocol and length.
        let addresses = if self.packet[16] >> 4 == 4 { 16 + 12..16 + 20 } else { 16 + 8..16 + 40 };
        let pseudo = sum(&self.packet[addresses]) + u32::from(UDP) + u32::from(udp_length);
        let checksum = match !fold(pseudo + sum(&self.packet[udp..])) {
            0 => 0xffff,
            checksum => checksum,
        };
        self.packet[udp + 6..udp + 8].copy_from_slice(&checksum.to_be_bytes());
        let length = (self.packet.len() - 16) as u32;
        let words = [(now / crate::SECOND) as u32, (now % crate::SECOND) as u32, length, length];
        for (place, word) in self.packet.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        self.writer.write_all(&self.packet)
    }

    /// Ends the capture and returns the writer, for flushing.
    pub fn into_inner(self) -> W {
        self.writer
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum()
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_record_has_right_lengths_and_checksums() {
        let mut pcap = Pcap::new(Vec::new()).unwrap();
        let (from, to) = ("10.0.0.1:1000".parse().unwrap(), "10.0.0.2:2000".parse().unwrap());
        pcap.write(1_500_000, from, to, b"abc").unwrap();
        let file = pcap.into_inner();
        assert_eq!(file.len(), 24 + 16 + 20 + 8 + 3);
        assert_eq!(file[20..24], [101, 0, 0, 0]);
        let record: Vec<u32> =
            file[24..40].chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        assert_eq!(record, [1, 500_000, 31, 31]);
        assert_eq!(fold(sum(&file[40..60])), 0xffff);
        assert_eq!(file[42..44], 31u16.to_be_bytes());
        assert_eq!(file[64..66], 11u16.to_be_bytes());
        assert_eq!(file[68..], *b"abc");
        assert_eq!(fold(sum(&file[52..60]) + 17 + 11 + sum(&file[60..])), 0xffff);
    }

    #[test]
    fn an_ipv6_record_has_right_lengths_and_checksums() {
        let mut pcap = Pcap::new(Vec::new()).unwrap();
        let (from, to) = ("[::1]:1".parse().unwrap(), "[::2]:2".parse().unwrap());
        pcap.write(0, from, to, &[9; 100]).unwrap();
        let file = pcap.into_inner();
        assert_eq!(file.len(), 24 + 16 + 40 + 108);
        assert_eq!(file[44..46], 108u16.to_be_bytes());
        assert_eq!(fold(sum(&file[48..80]) + 17 + 108 + sum(&file[80..])), 0xffff);
    }
}
