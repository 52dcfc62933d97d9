//! The memory in use by the whole process, OpenSSL's included: everything comes from the C library's
//! allocator.

/// Bytes in use, or `None` where the C library does not report them (all but glibc). A test that gets `None`
/// cannot check anything, which this function prints.
pub fn used() -> Option<usize> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: the function takes nothing and returns a structure by value, declared below as in
        // `malloc.h`.
        let info = unsafe { mallinfo2() };
        Some(info.uordblks + info.hblkhd)
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    {
        println!("This C library does not report the memory in use: not checked.");
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
