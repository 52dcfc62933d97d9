//! The bodies of the fuzz targets. Each target of `rust/fuzz` calls one of these functions, and so do the
//! tests `fuzz_bodies` of the engine and the driver, with the seed corpus and random bytes: they hold in
//! every test run.
//!
//! Each function drives engines as the bytes say and panics where a promise is broken: the engine panics
//! itself, sends for ever, wants to be woken again and again at the same time, or exceeds its limits of
//! memory. Limits of memory are checked only in a binary that installs
//! [`CountingAllocator`](crate::counting_allocator::CountingAllocator).

mod arena;
#[cfg(feature = "driver")]
mod decompression;
#[cfg(feature = "dtls")]
mod dtls;
mod established;
mod input;
mod operations;
mod unvalidated;

#[cfg(feature = "driver")]
pub use decompression::decompression;
#[cfg(feature = "dtls")]
pub use dtls::dtls;
pub use established::established;
pub use operations::operations;
pub use unvalidated::unvalidated;
