#![no_main]

#[path = "../../host/tests/decompression/mod.rs"]
mod decompression;

use enet_rs_host::Compression;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decompression::run(Compression::RangeCoder, data));
