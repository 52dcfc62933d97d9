//! Writes datagrams as a capture file that Wireshark opens: pcapng, link type RAW, each datagram with an IP
//! and a UDP header, and with a comment where there is something to say.
//!
//! The format's blocks are a few numbers each, so no crate is taken for it: `pcap-file`, the one there is,
//! also reads, and its current version is a release candidate.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

/// `LINKTYPE_RAW`: packets begin with an IPv4 or IPv6 header.
const LINKTYPE_RAW: u16 = 101;
const UDP_HEADER: usize = 8;
const UDP: u8 = 17;
/// The longest payload of a UDP datagram. A longer one would be a bug of the caller, and is cut.
const MAXIMUM_PAYLOAD: usize = 65_507;
/// The longest comment, bytes.
const MAXIMUM_COMMENT: usize = 1_024;

/// Types of blocks.
mod block {
    pub(super) const SECTION: u32 = 0x0a0d_0d0a;
    pub(super) const INTERFACE: u32 = 1;
    pub(super) const ENHANCED_PACKET: u32 = 6;
}

/// Codes of options; those of the interface's name and the packet's flags have the same number.
mod option {
    pub(super) const END: u16 = 0;
    pub(super) const COMMENT: u16 = 1;
    pub(super) const INTERFACE_NAME: u16 = 2;
    pub(super) const PACKET_FLAGS: u16 = 2;
    pub(super) const APPLICATION: u16 = 4;
}

/// In which direction a datagram passed the host that captures.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Direction {
    /// It was received.
    In,
    /// It was sent.
    Out,
}

/// A datagram for a capture file. Addresses of different families are written as IPv6.
#[derive(Copy, Clone, Debug)]
pub struct Captured<'a> {
    /// Microseconds since the beginning of 1970, or of virtual time.
    pub at: u64,
    /// The sender.
    pub from: SocketAddr,
    /// The receiver.
    pub to: SocketAddr,
    /// The direction, if there is a host that captures.
    pub direction: Option<Direction>,
    /// The payload, or as much of it as is to be kept.
    pub payload: &'a [u8],
    /// Bytes of the whole payload.
    pub length: usize,
    /// What is to be said of it; empty for nothing.
    pub comment: &'a str,
}

impl Captured<'_> {
    /// Bytes that it takes in the file, at most.
    pub fn size(&self) -> u64 {
        // Headers of the block, of IPv6 and UDP, the flags and what fills up to four bytes.
        (self.payload.len() + self.comment.len() + 112) as u64
    }
}

/// A capture file that is being written.
#[derive(Debug)]
pub struct Pcapng<W> {
    writer: W,
    block: Vec<u8>,
    written: u64,
}

impl<W: Write> Pcapng<W> {
    /// Writes the beginning of the file: which application has captured, and on which interface.
    ///
    /// # Errors
    /// An error of the writer.
    pub fn new(writer: W, application: &str, interface: &str) -> io::Result<Self> {
        let mut file = Self { writer, block: Vec::new(), written: 0 };
        // Little endian, version 1.0, a section of unknown length.
        file.begin(block::SECTION);
        file.block.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        file.block.extend_from_slice(&[1, 0, 0, 0]);
        file.block.extend_from_slice(&u64::MAX.to_le_bytes());
        file.option(option::APPLICATION, application.as_bytes());
        file.finish()?;
        // Nothing is cut by the interface; times are microseconds, as if nothing is said of them.
        file.begin(block::INTERFACE);
        file.block.extend_from_slice(&u32::from(LINKTYPE_RAW).to_le_bytes());
        file.block.extend_from_slice(&0u32.to_le_bytes());
        file.option(option::INTERFACE_NAME, interface.as_bytes());
        file.finish()?;
        Ok(file)
    }

    /// Adds a datagram.
    ///
    /// # Errors
    /// An error of the writer.
    pub fn write(&mut self, captured: &Captured<'_>) -> io::Result<()> {
        self.begin(block::ENHANCED_PACKET);
        let time = [(captured.at >> 32) as u32, captured.at as u32];
        for word in [0, time[0], time[1], 0, 0] {
            self.block.extend_from_slice(&word.to_le_bytes());
        }
        let start = self.block.len();
        let kept = &captured.payload[..captured.payload.len().min(MAXIMUM_PAYLOAD)];
        let length = captured.length.clamp(kept.len(), MAXIMUM_PAYLOAD);
        let headers = put_headers(captured.from, captured.to, kept, length, &mut self.block);
        self.block.extend_from_slice(kept);
        let sizes = [headers + kept.len(), headers + length];
        for (place, size) in self.block[start - 8..start].chunks_exact_mut(4).zip(sizes) {
            place.copy_from_slice(&(size as u32).to_le_bytes());
        }
        self.pad();
        if let Some(direction) = captured.direction {
            let flags = if direction == Direction::In { 1_u32 } else { 2 };
            self.option(option::PACKET_FLAGS, &flags.to_le_bytes());
        }
        if !captured.comment.is_empty() {
            let comment = captured.comment.as_bytes();
            self.option(option::COMMENT, &comment[..comment.len().min(MAXIMUM_COMMENT)]);
        }
        self.finish()
    }

    /// Bytes that were written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Flushes the writer.
    ///
    /// # Errors
    /// An error of the writer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    /// Ends the capture and returns the writer, for flushing.
    pub fn into_inner(self) -> W {
        self.writer
    }

    /// Begins a block of this type; its length follows with its end.
    fn begin(&mut self, block_type: u32) {
        self.block.clear();
        self.block.extend_from_slice(&block_type.to_le_bytes());
        self.block.extend_from_slice(&[0; 4]);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        self.block.extend_from_slice(&code.to_le_bytes());
        self.block.extend_from_slice(&(value.len() as u16).to_le_bytes());
        self.block.extend_from_slice(value);
        self.pad();
    }

    /// Everything begins at a multiple of four bytes.
    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    /// Ends the options and the block, and writes it.
    fn finish(&mut self) -> io::Result<()> {
        self.option(option::END, &[]);
        let length = (self.block.len() + 4) as u32;
        self.block[4..8].copy_from_slice(&length.to_le_bytes());
        self.block.extend_from_slice(&length.to_le_bytes());
        self.written += u64::from(length);
        self.writer.write_all(&self.block)
    }
}

/// Appends the headers of a datagram with a payload of `length` bytes, of which `kept` is known; returns how
/// many bytes they are. The checksum of UDP is that of what is kept.
fn put_headers(from: SocketAddr, to: SocketAddr, kept: &[u8], length: usize, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    let udp_length = (UDP_HEADER + length) as u16;
    let addresses = match (from.ip(), to.ip()) {
        (IpAddr::V4(source), IpAddr::V4(target)) => {
            let mut header = [0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, UDP, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            // The longest payload there is just fits.
            header[2..4].copy_from_slice(&(20 + udp_length).to_be_bytes());
            header[12..16].copy_from_slice(&source.octets());
            header[16..20].copy_from_slice(&target.octets());
            let checksum = !fold(sum(&header));
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
            out.extend_from_slice(&header);
            start + 12..start + 20
        }
        (source, target) => {
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&udp_length.to_be_bytes());
            out.extend_from_slice(&[UDP, 64]);
            out.extend_from_slice(&octets(source));
            out.extend_from_slice(&octets(target));
            start + 8..start + 40
        }
    };
    let udp = out.len();
    for word in [from.port(), to.port(), udp_length, 0] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    // The pseudo header: both addresses, protocol and length.
    let pseudo = sum(&out[addresses]) + u32::from(UDP) + u32::from(udp_length);
    let checksum = match !fold(pseudo + sum(&out[udp..]) + sum(kept)) {
        0 => 0xffff,
        checksum => checksum,
    };
    out[udp + 6..udp + 8].copy_from_slice(&checksum.to_be_bytes());
    out.len() - start
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

    /// The blocks of a file: their types, and what is between their lengths.
    fn blocks(file: &[u8]) -> Vec<(u32, &[u8])> {
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let (mut blocks, mut at) = (Vec::new(), 0);
        while at < file.len() {
            let length = word(at + 4) as usize;
            assert_eq!((length % 4, word(at + length - 4) as usize), (0, length));
            blocks.push((word(at), &file[at + 8..at + length - 4]));
            at += length;
        }
        blocks
    }

    fn captured<'a>(from: &str, to: &str, payload: &'a [u8], comment: &'a str) -> Captured<'a> {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let at = (7 << 32) + 9;
        let direction = Some(Direction::Out);
        Captured { at, from, to, direction, payload, length: payload.len(), comment }
    }

    fn written(captured: &Captured<'_>) -> Vec<u8> {
        let mut file = Pcapng::new(Vec::new(), "test", "host").unwrap();
        let begin = file.written();
        file.write(captured).unwrap();
        assert!(file.written() <= begin + captured.size());
        let written = file.written();
        let file = file.into_inner();
        assert_eq!(written, file.len() as u64);
        file
    }

    #[test]
    fn an_ipv4_datagram_has_right_lengths_and_checksums() {
        let file = written(&captured("10.0.0.1:1000", "10.0.0.2:2000", b"abc", "lost"));
        let [(section, head), (interface, link), (packet, body)] = blocks(&file)[..] else { panic!() };
        assert_eq!([section, interface, packet], [block::SECTION, block::INTERFACE, block::ENHANCED_PACKET]);
        assert_eq!((&head[..4], &link[..2]), (&[0x4d, 0x3c, 0x2b, 0x1a][..], &[101, 0][..]));
        let words: Vec<u32> =
            body[..20].chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        assert_eq!(words, [0, 7, 9, 31, 31]);
        let ip = &body[20..51];
        assert_eq!(fold(sum(&ip[..20])), 0xffff);
        assert_eq!((&ip[2..4], &ip[24..26], &ip[28..]), (&[0, 31][..], &[0, 11][..], &b"abc"[..]));
        assert_eq!(fold(sum(&ip[12..20]) + 17 + 11 + sum(&ip[20..])), 0xffff);
        let options = [&[0][..], &[2, 0, 4, 0, 2, 0, 0, 0], &[1, 0, 4, 0], b"lost", &[0; 4]].concat();
        assert_eq!(body[51..], options);
    }

    #[test]
    fn an_ipv6_datagram_has_right_lengths_and_checksums() {
        let file = written(&captured("[::1]:1", "[::2]:2", &[9; 100], ""));
        let ip = &blocks(&file)[2].1[20..168];
        assert_eq!(ip[4..6], 108u16.to_be_bytes());
        assert_eq!(fold(sum(&ip[8..40]) + 17 + 108 + sum(&ip[40..])), 0xffff);
    }

    #[test]
    fn a_datagram_of_which_a_part_is_kept_tells_its_length() {
        let whole = captured("10.0.0.1:1000", "10.0.0.2:2000", &[1; 4], "");
        let file = written(&Captured { length: 500, ..whole });
        let body = blocks(&file)[2].1;
        assert_eq!(body[12..20], [32, 0, 0, 0, 16, 2, 0, 0]);
        assert_eq!((&body[22..24], &body[44..46]), (&528u16.to_be_bytes()[..], &508u16.to_be_bytes()[..]));
        let longest = written(&Captured { payload: &[0; 70_000], length: 70_000, ..whole });
        assert_eq!(blocks(&longest)[2].1[16..20], 65_535_u32.to_le_bytes());
    }
}
