//! How much memory is in use, Rust's and OpenSSL's together: both come from the C library.

/// Bytes in use. Known only where the C library tells it (glibc); elsewhere the tests that ask say that they check nothing.
pub fn used() -> Option<usize> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: the function takes nothing and returns a structure by value, declared below as in `malloc.h`.
        let info = unsafe { mallinfo2() };
        Some(info.uordblks + info.hblkhd)
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    {
        println!("This C library does not tell how much memory is in use: not checked.");
        None
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[repr(C)]
struct Mallinfo2 {
    arena: usize,
    ordblks: usize,
    smblks: usize,
    hblks: usize,
    /// Bytes of large blocks, which the kernel gives one by one.
    hblkhd: usize,
    usmblks: usize,
    fsmblks: usize,
    /// Bytes of all other blocks.
    uordblks: usize,
    fordblks: usize,
    keepcost: usize,
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
unsafe extern "C" {
    fn mallinfo2() -> Mallinfo2;
}
