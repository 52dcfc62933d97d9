//! The memory in use by the whole process, OpenSSL's included: everything comes from the C library's
//! allocator.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use std::ffi::c_int;

/// Bytes in use, right up to 4 GiB, or `None` where the C library does not report them (all but glibc). A
/// test that gets `None` cannot check anything, which this function prints.
pub fn used() -> Option<usize> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: the function takes nothing and returns a structure by value, declared below as in
        // `malloc.h`.
        let info = unsafe { mallinfo() };
        Some(info.uordblks as u32 as usize + info.hblkhd as u32 as usize)
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    {
        println!("This C library does not report the memory in use: not checked.");
        None
    }
}

/// That of old versions too, which the tests for other platforms are linked with; `mallinfo2`, with fields of
/// 64 bits, is of 2021.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[repr(C)]
struct Mallinfo {
    arena: c_int,
    ordblks: c_int,
    smblks: c_int,
    hblks: c_int,
    /// Bytes of large blocks, which the kernel gives one by one.
    hblkhd: c_int,
    usmblks: c_int,
    fsmblks: c_int,
    /// Bytes of all other blocks.
    uordblks: c_int,
    fordblks: c_int,
    keepcost: c_int,
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
unsafe extern "C" {
    fn mallinfo() -> Mallinfo;
}
