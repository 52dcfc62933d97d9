//! FastLZ: a byte-wise Lempel-Ziv format in two levels. No well-kept crate has it, so it is here: a writer of
//! level 1, which is what Godot writes for datagrams, and a reader of both.
//!
//! A block is a row of instructions. The first byte of each begins with three bits that say what it is; in
//! the very first, which has to be a literal run, they say the level less one instead.
//!
//! | first byte | instruction |
//! |---|---|
//! | `000LLLLL` | a run of L + 1 literal bytes, which follow |
//! | `MMMDDDDD` | a copy of M + 2 bytes; the next byte is the rest of the distance D |
//! | `111DDDDD` | a longer copy: 9 and more bytes; more length bytes stand before the rest of the distance |
//!
//! A longer copy has one length byte in level 1; in level 2 each length byte of 255 is followed by another. A
//! distance of 0 means the byte before. In level 2 the greatest distance is followed by two bytes with what
//! it lacks.

use enet_rs_protocol::Compressor;

/// Bytes of the longest literal run.
const LONGEST_RUN: usize = 32;
/// Bytes of the shortest copy, and of the longest in level 1.
const SHORTEST_COPY: usize = 3;
const LONGEST_COPY: usize = 264;
/// Bytes of the longest copy that needs no further byte.
const LONGEST_SHORT_COPY: usize = 8;
/// How far back a copy can reach in level 1: a distance of 13 bits, where 0 is the byte before.
const LARGEST_DISTANCE: usize = 1 << 13;
/// Longer inputs than this cannot be written; datagrams are shorter by far.
const LONGEST_INPUT: usize = u16::MAX as usize;
/// Places in the writer's table.
const TABLE_BITS: u32 = 11;

/// Reads and writes FastLZ.
#[derive(Debug)]
pub(super) struct FastLz {
    /// By a hash of three bytes, where they were seen last, plus 1.
    table: Box<[u16; 1 << TABLE_BITS]>,
}

impl Default for FastLz {
    fn default() -> Self {
        Self { table: Box::new([0; 1 << TABLE_BITS]) }
    }
}

impl Compressor for FastLz {
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        if input.len() > LONGEST_INPUT {
            return false;
        }
        self.table.fill(0);
        let limit = out.len() + input.len();
        let (mut position, mut literals) = (0, 0);
        while position + SHORTEST_COPY <= input.len() {
            let Some((distance, length)) = self.find_copy(input, position) else {
                position += 1;
                continue;
            };
            write_literals(&input[literals..position], out);
            write_copy(distance, length, out);
            if out.len() >= limit {
                return false;
            }
            // What is copied can be copied from as well; its end matters most.
            for inside in [position + 1, position + length - 2] {
                self.remember(input, inside);
            }
            position += length;
            literals = position;
        }
        write_literals(&input[literals..], out);
        out.len() < limit
    }

    fn decompress(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        expand(input, limit, out).is_some() && out.len() > start
    }
}

impl FastLz {
    /// A copy of what comes at `position`: its distance, at least 1, and its length. Remembers the position.
    fn find_copy(&mut self, input: &[u8], position: usize) -> Option<(usize, usize)> {
        let candidate = usize::from(self.remember(input, position)?).checked_sub(1)?;
        let distance = position - candidate;
        let length = input[position..]
            .iter()
            .zip(&input[candidate..])
            .take(LONGEST_COPY)
            .take_while(|(a, b)| a == b)
            .count();
        (distance <= LARGEST_DISTANCE && length >= SHORTEST_COPY).then_some((distance, length))
    }

    /// Notes the three bytes at `position`, if there are three; gives what was noted for them, or others like
    /// them.
    fn remember(&mut self, input: &[u8], position: usize) -> Option<u16> {
        let &[a, b, c] = input.get(position..)?.first_chunk()?;
        let hash = u32::from_le_bytes([a, b, c, 0]).wrapping_mul(0x9e37_79b1) >> (u32::BITS - TABLE_BITS);
        let place = &mut self.table[hash as usize % (1 << TABLE_BITS)];
        Some(std::mem::replace(place, position as u16 + 1))
    }
}

fn write_literals(literals: &[u8], out: &mut Vec<u8>) {
    for run in literals.chunks(LONGEST_RUN) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

fn write_copy(distance: usize, length: usize, out: &mut Vec<u8>) {
    let [low, high] = (distance as u16 - 1).to_le_bytes();
    if length <= LONGEST_SHORT_COPY {
        out.extend([(length as u8 - 2) << 5 | high, low]);
    } else {
        out.extend([7 << 5 | high, (length - LONGEST_SHORT_COPY - 1) as u8, low]);
    }
}

/// Appends the original of `input` to `out`, at most `limit` bytes; `None` where it is no FastLZ block, or
/// longer.
fn expand(mut input: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    let end = start + limit;
    let first = *input.first()?;
    let is_level_2 = match first >> 5 {
        0 => false,
        1 => true,
        _ => return None,
    };
    let mut next = || {
        let (byte, rest) = input.split_first()?;
        input = rest;
        Some(*byte)
    };
    let mut instruction = next()? & 31;
    loop {
        let (kind, bits) = (instruction >> 5, usize::from(instruction & 31));
        if kind == 0 {
            if out.len() + bits + 1 > end {
                return None;
            }
            for _ in 0..=bits {
                out.push(next()?);
            }
        } else {
            let mut length = usize::from(kind) + 2;
            if kind == 7 {
                loop {
                    let more = next()?;
                    length += usize::from(more);
                    if !is_level_2 || more < u8::MAX || length > limit {
                        break;
                    }
                }
            }
            let low = next()?;
            let mut distance = bits << 8 | usize::from(low);
            if is_level_2 && distance == LARGEST_DISTANCE - 1 {
                distance += usize::from(u16::from_be_bytes([next()?, next()?]));
            }
            let from = out.len().checked_sub(distance + 1).filter(|from| *from >= start)?;
            if out.len() + length > end {
                return None;
            }
            // Byte by byte, as a copy may repeat what it has just written.
            for index in from..from + length {
                out.push(out[index]);
            }
        }
        match next() {
            Some(following) => instruction = following,
            None => return Some(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(input: &[u8], limit: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        FastLz::default().decompress(input, limit, &mut out).then_some(out)
    }

    #[test]
    fn a_run_and_a_short_copy() {
        assert_eq!(expanded(&[2, b'a', b'b', b'c', 1 << 5, 2], 100).as_deref(), Some(&b"abcabc"[..]));
    }

    #[test]
    fn a_copy_may_overlap_itself() {
        assert_eq!(expanded(&[0, b'x', 7 << 5, 1, 0], 100), Some(vec![b'x'; 1 + 10]));
    }

    #[test]
    fn level_2_has_longer_copies_and_distances() {
        let copy = [1 << 5, b'x', 7 << 5, 255, 255, 3, 0];
        assert_eq!(expanded(&copy, 1000), Some(vec![b'x'; 1 + 9 + 255 + 255 + 3]));
        let mut far = vec![1 << 5, b'a', 0, b'b', 7 << 5];
        // 8192 times "b", so that "a" is 8193 bytes back.
        far.extend([255; 32]);
        far.extend([(8191 - 9 - 32 * 255) as u8, 0]);
        far.extend([1 << 5 | 31, 255, 0, 1]);
        let out = expanded(&far, 9000).unwrap();
        assert_eq!((out.len(), &out[8193..]), (8196, &b"abb"[..]));
    }

    #[test]
    fn what_is_cut_short_or_reaches_too_far_is_refused() {
        for bad in [&[][..], &[3, b'a'], &[0, b'a', 1 << 5], &[0, b'a', 1 << 5, 1], &[2 << 5, b'a']] {
            assert_eq!(expanded(bad, 100), None, "{bad:?}");
        }
        assert_eq!(expanded(&[0, b'x', 7 << 5, 1, 0], 10), None, "beyond the limit");
    }
}
