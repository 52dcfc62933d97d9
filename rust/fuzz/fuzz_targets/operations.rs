#![no_main]

#[path = "../../protocol/tests/fuzzing/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub)]
mod fuzzing;

#[global_allocator]
static ALLOCATOR: fuzzing::CountingAllocator = fuzzing::CountingAllocator;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::operations(data));
