//! What the fuzz targets do with their bytes. The targets of `rust/fuzz` are one call of these functions each, and the
//! test `fuzz_bodies` calls them with the seed corpus and with random bytes, so that they compile and hold with every
//! ordinary test run.
//!
//! Each function drives engines with what the bytes say and panics where the engine breaks a promise: it panics itself,
//! sends without end, wants to be woken again and again at the same time, or exceeds its limits of memory.

mod established;
mod input;
mod network;
mod operations;
#[path = "../support/raw.rs"]
#[allow(dead_code)]
mod raw;
mod strangers;

#[path = "../support/counting_allocator.rs"]
#[allow(dead_code)]
mod counting_allocator;

pub use counting_allocator::CountingAllocator;
pub use established::established;
pub use operations::operations;
pub use strangers::strangers;
