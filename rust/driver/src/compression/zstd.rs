//! Zstandard, by the crate `zstd`.

use super::append;
use enet_rs_protocol::Compressor;
use std::fmt;
use zstd::bulk;
use zstd::zstd_safe::compress_bound;

pub(super) struct Zstd {
    /// `None` where memory is short: then nothing is compressed, and nothing can be read.
    contexts: Option<(bulk::Compressor<'static>, bulk::Decompressor<'static>)>,
}

impl Zstd {
    pub(super) fn new(level: i32) -> Self {
        let range = zstd::compression_level_range();
        let level = level.clamp(*range.start(), *range.end());
        let contexts =
            bulk::Compressor::new(level).and_then(|compressor| Ok((compressor, bulk::Decompressor::new()?)));
        Self { contexts: contexts.ok() }
    }
}

impl fmt::Debug for Zstd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Zstd").finish_non_exhaustive()
    }
}

impl Compressor for Zstd {
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        let Some((compressor, _)) = &mut self.contexts else { return false };
        let written =
            append(out, compress_bound(input.len()), |out| compressor.compress_to_buffer(input, out).ok());
        written.is_some_and(|written| written < input.len())
    }

    fn decompress(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        let Some((_, decompressor)) = &mut self.contexts else { return false };
        let written = append(out, limit, |out| decompressor.decompress_to_buffer(input, out).ok());
        written.is_some_and(|written| written > 0)
    }
}
