#![no_main]

#[path = "../../driver/tests/decompression/mod.rs"]
mod decompression;

use enet_rs_driver::Compression;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decompression::run(Compression::FastLz, data));
