//! LZ4, by the crate `lz4_flex`: bare blocks without a length before them.

use super::append;
use enet_rs_protocol::Compressor;
use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

#[derive(Debug)]
pub(super) struct Lz4;

impl Compressor for Lz4 {
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        let room = get_maximum_output_size(input.len());
        append(out, room, |out| compress_into(input, out).ok()).is_some_and(|written| written < input.len())
    }

    fn decompress(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        append(out, limit, |out| decompress_into(input, out).ok()).is_some_and(|written| written > 0)
    }
}
