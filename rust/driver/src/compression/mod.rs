//! The compressions that a Godot host knows, as [`Compressor`]s of the engine. The formats are Godot's: a
//! stock peer reads what these write, and the other way round. Only LZ4 is an addition, between two ends of
//! enet_rs.

mod fastlz;
mod lz4;
mod zlib;
mod zstd;

use enet_rs_protocol::{Compressor, RangeCoder};

/// How the datagrams of a host are compressed (Godot's `ENetConnection.CompressionMode`).
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Compression {
    /// ENet's own range coder: good for small datagrams.
    RangeCoder,
    /// FastLZ: quick, for datagrams that repeat themselves.
    FastLz,
    /// zlib, with header and checksum.
    Zlib {
        /// 0 = stored up to 9 = smallest; others stand for zlib's default, 6.
        level: i32,
    },
    /// Zstandard: a complete frame for each datagram.
    Zstd {
        /// 1 = quickest up to 22 = smallest; what is outside of zstd's own range is moved into it.
        level: i32,
    },
    /// LZ4 blocks: quicker than all others. Stock Godot cannot read them.
    Lz4,
}

impl Compression {
    /// What does it, for [`Host::set_compressor`](enet_rs_protocol::Host::set_compressor). It keeps its
    /// working memory from datagram to datagram.
    pub fn compressor(self) -> Box<dyn Compressor> {
        match self {
            Self::RangeCoder => Box::<RangeCoder>::default(),
            Self::FastLz => Box::<fastlz::FastLz>::default(),
            Self::Zlib { level } => Box::new(zlib::Zlib::new(level)),
            Self::Zstd { level } => Box::new(zstd::Zstd::new(level)),
            Self::Lz4 => Box::new(lz4::Lz4),
        }
    }
}

/// Lets `write` fill `room` bytes behind `out`. It returns how many it wrote; where it fails nothing is
/// added.
fn append(out: &mut Vec<u8>, room: usize, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<usize> {
    let start = out.len();
    out.resize(start + room, 0);
    let written = write(&mut out[start..]);
    out.truncate(start + written.unwrap_or(0));
    written
}
