//! zlib, by the crate `flate2`.

use super::append;
use enet_rs_protocol::Compressor;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::fmt;

pub(super) struct Zlib {
    compress: Compress,
    decompress: Decompress,
}

impl Zlib {
    /// `level` as Godot's project setting has it: 0..=9, and -1 for the default.
    pub(super) fn new(level: i32) -> Self {
        let level = u32::try_from(level).ok().filter(|level| *level <= 9);
        let level = level.map_or(Compression::default(), Compression::new);
        Self { compress: Compress::new(level, true), decompress: Decompress::new(true) }
    }
}

impl fmt::Debug for Zlib {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Zlib").finish_non_exhaustive()
    }
}

impl Compressor for Zlib {
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        self.compress.reset();
        let compress = &mut self.compress;
        let written = append(out, input.len(), |out| {
            let ended = compress.compress(input, out, FlushCompress::Finish).ok()? == Status::StreamEnd;
            ended.then(|| compress.total_out() as usize)
        });
        written.is_some_and(|written| written < input.len())
    }

    fn decompress(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        self.decompress.reset(true);
        let decompress = &mut self.decompress;
        let written = append(out, limit, |out| {
            let ended = decompress.decompress(input, out, FlushDecompress::Finish).ok()? == Status::StreamEnd;
            ended.then(|| decompress.total_out() as usize)
        });
        written.is_some_and(|written| written > 0)
    }
}
