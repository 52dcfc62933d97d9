//! C ENet, linked from the system (Debian: `libenet-dev`). The only file of this crate with `unsafe`.

use std::ffi::c_void;

/// `ENetBuffer`, as it is on Unix.
#[repr(C)]
struct Buffer {
    data: *const u8,
    length: usize,
}

#[link(name = "enet")]
unsafe extern "C" {
    fn enet_range_coder_create() -> *mut c_void;
    fn enet_range_coder_destroy(context: *mut c_void);
    fn enet_range_coder_compress(
        context: *mut c_void,
        buffers: *const Buffer,
        count: usize,
        in_limit: usize,
        out: *mut u8,
        out_limit: usize,
    ) -> usize;
    fn enet_range_coder_decompress(
        context: *mut c_void,
        data: *const u8,
        in_limit: usize,
        out: *mut u8,
        out_limit: usize,
    ) -> usize;
}

/// Its range coder.
pub(crate) struct RangeCoder(*mut c_void);

impl RangeCoder {
    pub(crate) fn new() -> Self {
        // SAFETY: has no requirements.
        let context = unsafe { enet_range_coder_create() };
        assert!(!context.is_null(), "C ENet has no memory for a range coder");
        Self(context)
    }

    pub(crate) fn compress(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        let buffer = Buffer { data: input.as_ptr(), length: input.len() };
        // SAFETY: one buffer that is alive, and as much room as is said.
        unsafe {
            enet_range_coder_compress(self.0, &raw const buffer, 1, input.len(), out.as_mut_ptr(), out.len())
        }
    }

    pub(crate) fn decompress(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        // SAFETY: both slices are alive and as long as is said.
        unsafe {
            enet_range_coder_decompress(self.0, input.as_ptr(), input.len(), out.as_mut_ptr(), out.len())
        }
    }
}

impl Drop for RangeCoder {
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed once.
        unsafe { enet_range_coder_destroy(self.0) };
    }
}
