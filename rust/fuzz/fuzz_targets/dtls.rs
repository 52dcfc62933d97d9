#![no_main]

#[path = "../../driver/tests/fuzzing/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub)]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::dtls(data));
