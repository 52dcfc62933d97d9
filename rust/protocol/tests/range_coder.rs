//! The range coder compared with ENet's own, from the crate `rusty_enet`: equal output, and each expands the
//! other's.
#![allow(missing_docs)]

use enet_rs_protocol::{Compressor, RangeCoder};
use enet_rs_sim::Random;
use rusty_enet as stock;
use rusty_enet::Compressor as _;

/// Inputs of every length up to a datagram's, of very different entropy.
fn inputs(seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut random = Random::new(seed);
    let text =
        b"player 17 moved to (102.5, 3.25), player 18 moved to (99.75, 3.5); \x00\x00\x00\x01 score 40 ";
    (0..3000).map(move |round| {
        let length = 1 + random.below(if round % 10 == 0 { 4096 } else { 1400 }) as usize;
        let alphabet = [1, 2, 4, 16, 17, 60, 256][random.below(7) as usize];
        let skew = 1 + random.below(6);
        let copies = random.below(3);
        let mut input: Vec<u8> = Vec::with_capacity(length);
        while input.len() < length {
            match copies {
                // A copy of earlier bytes, as in the deltas of a game's state.
                1 if input.len() > 8 && random.below(4) > 0 => {
                    let start = random.below(input.len() as u64 - 4) as usize;
                    let end = (start + 1 + random.below(40) as usize).min(input.len());
                    input.extend_from_within(start..end);
                }
                2 => {
                    let start = random.below(text.len() as u64 - 8) as usize;
                    input.extend_from_slice(&text[start..start + 8]);
                }
                _ => input.push((0..skew).map(|_| random.below(alphabet)).min().unwrap_or(0) as u8),
            }
        }
        input.truncate(length);
        input
    })
}

#[test]
fn output_is_byte_for_byte_that_of_enet_and_each_reads_the_other() {
    let (mut ours, mut theirs) = (RangeCoder::new(), stock::RangeCoder::new());
    let (mut compressed, mut refused) = (0, 0);
    for input in inputs(20_261_124) {
        let mut out = Vec::new();
        let did_shrink = ours.compress(&input, &mut out);
        let mut expected = vec![0; input.len()];
        let length = theirs.compress(&[&input], input.len(), &mut expected);
        // ENet takes a result of the same length too, and then does not use it.
        let is_usable = length > 0 && length < input.len();
        assert_eq!(did_shrink, is_usable, "input {input:?}");
        if !did_shrink {
            refused += 1;
            continue;
        }
        compressed += 1;
        assert!(out == expected[..length], "input {input:?}");
        let mut back = Vec::new();
        assert!(ours.decompress(&expected[..length], 4092, &mut back) == (input.len() <= 4092));
        assert!(input.len() > 4092 || back == input);
        let mut back = vec![0; 4096];
        assert_eq!(theirs.decompress(&out, &mut back), input.len());
        assert!(back[..input.len()] == input[..]);
    }
    assert!(compressed > 1500 && refused > 100, "{compressed} compressed, {refused} refused");
}

/// Each high byte is coded in the root, as its low byte is new: its count there becomes as large as it can.
#[test]
fn a_row_of_numbers_fills_a_count_of_the_root() {
    let (mut ours, mut theirs) = (RangeCoder::new(), stock::RangeCoder::new());
    let input: Vec<u8> = (1..=255).flat_map(|low| [low, 0]).collect();
    let (mut out, mut expected) = (Vec::new(), vec![0; input.len()]);
    assert!(ours.compress(&input, &mut out));
    let length = theirs.compress(&[&input], input.len(), &mut expected);
    assert!(out == expected[..length]);
    let mut back = Vec::new();
    assert!(ours.decompress(&out, 4092, &mut back) && back == input);
}

#[test]
fn damaged_data_is_no_harm() {
    let mut random = Random::new(5);
    let mut ours = RangeCoder::new();
    for input in inputs(77).take(1000) {
        let mut out = Vec::new();
        if ours.compress(&input, &mut out) {
            for _ in 0..4 {
                let at = random.below(out.len() as u64) as usize;
                out[at] ^= 1 << random.below(8);
                let mut back = Vec::new();
                ours.decompress(&out, 4092, &mut back);
                assert!(back.len() <= 4092);
            }
        }
    }
}
