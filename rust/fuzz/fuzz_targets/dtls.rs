#![no_main]

use enet_rs_test_support::fuzzing::dtls;

libfuzzer_sys::fuzz_target!(|data: &[u8]| dtls(data));
