//! The hook through which datagrams are compressed.

use std::fmt;

/// Compresses and expands what follows a datagram's header. Both ends have to use the same.
pub trait Compressor: fmt::Debug + Send {
    /// Appends the compressed form of `input` to `out` and returns `true`; or returns `false` if the result
    /// would not be shorter than `input`. What was appended in that case is ignored.
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool;

    /// Appends the original of `input` to `out`, at most `limit` bytes, and returns `true`; or returns
    /// `false` if `input` is no such data or its original is longer than `limit`.
    fn decompress(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool;
}
