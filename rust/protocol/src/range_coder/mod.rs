//! ENet's own compression (`enet_host_compress_with_range_coder`): a range coder over adaptive contexts of up
//! to two bytes. It writes what ENet writes, byte for byte, and reads the same.
//!
//! A byte is coded in the context of the two bytes before it. Where it is new there, an escape is coded, and
//! the byte in the context of the one before it; where it is new there as well, in the root, which has all
//! 256. Each datagram starts afresh.
//!
//! `model` holds what was seen in which context: `context` is those of one and two bytes, `root` the one of
//! none, which looks its shares up in `ends`. `arithmetic` turns shares into bytes and back.

mod arithmetic;
mod context;
mod ends;
mod model;
mod root;

use crate::compressor::Compressor;
use arithmetic::{Decoder, Encoder};
use model::{Decoded, Model};

/// ENet's range coder. It takes about 260 KiB of memory.
#[derive(Debug, Default)]
pub struct RangeCoder {
    model: Model,
}

impl RangeCoder {
    /// A range coder that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Compressor for RangeCoder {
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        let mut encoder = Encoder::new(out, input.len());
        self.model.clear();
        for &value in input {
            self.model.encode(value, &mut encoder);
            if encoder.is_full() {
                return false;
            }
        }
        encoder.finish()
    }

    fn decompress(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        let mut decoder = Decoder::new(input);
        let limit = out.len() + limit;
        let start = out.len();
        self.model.clear();
        loop {
            match self.model.decode(&mut decoder) {
                Decoded::Symbol(value) if out.len() < limit => out.push(value),
                // Nothing at all stands for a failure, as in ENet.
                Decoded::End => return out.len() > start,
                Decoded::Symbol(_) | Decoded::Corrupt => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn compressed(coder: &mut RangeCoder, input: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        coder.compress(input, &mut out).then_some(out)
    }

    fn expanded(coder: &mut RangeCoder, input: &[u8], limit: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        coder.decompress(input, limit, &mut out).then_some(out)
    }

    #[test]
    fn what_was_compressed_expands_to_itself() {
        let mut coder = RangeCoder::new();
        let text = b"the quick brown fox jumps over the lazy dog, and the lazy dog sleeps. ".repeat(20);
        let small = compressed(&mut coder, &text).unwrap();
        assert!(small.len() < text.len() / 2);
        assert_eq!(expanded(&mut coder, &small, text.len()).as_deref(), Some(&text[..]));
        assert_eq!(expanded(&mut coder, &small, text.len() - 1), None, "beyond the limit");
    }

    #[test]
    fn what_does_not_shrink_is_refused() {
        let mut random = Random::new(&[7; 16]);
        let noise: Vec<u8> = (0..1000).map(|_| random.next_u32() as u8).collect();
        let mut coder = RangeCoder::new();
        assert_eq!(compressed(&mut coder, &noise), None);
        assert_eq!(compressed(&mut coder, &[]), None);
    }

    #[test]
    fn junk_neither_panics_nor_exceeds_the_limit() {
        let mut random = Random::new(&[9; 16]);
        let mut coder = RangeCoder::new();
        for length in 0..600 {
            let junk: Vec<u8> = (0..length).map(|_| random.next_u32() as u8).collect();
            let mut out = Vec::new();
            coder.decompress(&junk, 4096, &mut out);
            assert!(out.len() <= 4096);
        }
    }

    /// The model forgets everything when it is full, and counts are halved before they exceed a byte.
    #[test]
    fn long_and_repetitive_inputs_pass_every_limit_of_the_model() {
        let mut random = Random::new(&[3; 16]);
        let mut coder = RangeCoder::new();
        for alphabet in [1, 2, 3, 17, 40, 200] {
            // The less of several is the more often small, so that there is something to compress.
            let mut symbol = || (0..4).map(|_| random.next_u32() % alphabet).min().unwrap_or(0) as u8;
            let input: Vec<u8> = (0..60_000).map(|_| symbol()).collect();
            let small = compressed(&mut coder, &input).unwrap();
            assert!(expanded(&mut coder, &small, input.len()) == Some(input), "alphabet of {alphabet}");
        }
    }
}
