#![no_main]

use enet_rs_driver::Compression;
use enet_rs_test_support::fuzzing::decompression;

libfuzzer_sys::fuzz_target!(|data: &[u8]| decompression(Compression::FastLz, data));
