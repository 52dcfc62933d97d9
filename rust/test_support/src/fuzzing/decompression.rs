//! Compressors that get any bytes as input, and as compressed data.

use enet_rs_driver::Compression;

/// Bytes of the largest datagram after expansion in ENet.
const LIMIT: usize = 4092;

/// Takes the bytes once as compressed data and once as a datagram to compress. Whatever they are, limits
/// hold, and what was compressed is restored, also by a decompressor that has just been given junk.
pub fn decompression(compression: Compression, data: &[u8]) {
    let mut compressor = compression.compressor();
    let before = b"before".to_vec();
    for limit in [LIMIT, 16, 0] {
        let mut out = before.clone();
        let is_good = compressor.decompress(data, limit, &mut out);
        assert!(out.len() <= before.len() + limit, "{} bytes where {limit} are allowed", out.len());
        assert!(out.starts_with(&before));
        assert!(!is_good || out.len() > before.len(), "an empty datagram is not valid");
    }
    let mut compressed = before.clone();
    if compressor.compress(data, &mut compressed) {
        let compressed = &compressed[before.len()..];
        assert!(compressed.len() < data.len());
        let mut out = before.clone();
        assert!(compressor.decompress(compressed, data.len(), &mut out));
        assert!(out[before.len()..] == *data);
        let mut out = Vec::new();
        assert!(!compressor.decompress(compressed, data.len() - 1, &mut out), "beyond the limit");
    }
}
