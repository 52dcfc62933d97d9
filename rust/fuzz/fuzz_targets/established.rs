#![no_main]

use enet_rs_test_support::counting_allocator::CountingAllocator;
use enet_rs_test_support::fuzzing::established;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

libfuzzer_sys::fuzz_target!(|data: &[u8]| established(data));
