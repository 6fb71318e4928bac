//! Pages of 64 KiB on a kernel that has smaller ones, for tests: with `WASMER_COARSE_PAGES` set, a program that is built with debug assertions
//! keeps the contract of pages as it would have to there.
//!
//! Whatever is asked of the kernel then is checked to be whole coarse pages, and reservations start where one would. So an image with pages of 4 KiB is
//! copied where it could be mapped, and memories are committed in larger pieces.

use std::ffi::c_void;

use rustix::io::Errno;

/// Bytes of a coarse page: the largest that systems have.
#[cfg(debug_assertions)]
const COARSE_BYTES: usize = 64 << 10;

/// Bytes of a page, if they are coarse.
#[cfg(debug_assertions)]
pub(super) fn page_bytes() -> Option<usize> {
    use std::sync::atomic::{AtomicU8, Ordering};
    /// Once it is known: 1, or 2 if they are.
    static KNOWN: AtomicU8 = AtomicU8::new(0);
    if KNOWN.load(Ordering::Relaxed) == 0 {
        let is_on = std::env::var_os("WASMER_COARSE_PAGES").is_some();
        KNOWN.store(1 + u8::from(is_on), Ordering::Relaxed);
    }
    (KNOWN.load(Ordering::Relaxed) == 2).then_some(COARSE_BYTES)
}

/// Bytes of a page, if they are coarse.
#[cfg(not(debug_assertions))]
pub(super) fn page_bytes() -> Option<usize> {
    None
}

/// Reserves `bytes` with `reserve`, which takes an address and a length, where a page may start.
pub(super) fn reserve(
    address: usize,
    bytes: usize,
    reserve: impl Fn(usize, usize) -> Result<*mut c_void, Errno>,
) -> Result<*mut c_void, Errno> {
    let Some(align) = page_bytes() else { return reserve(address, bytes) };
    let base = reserve(address, bytes.checked_add(align).ok_or(Errno::NOMEM)?)?;
    let head = base.align_offset(align);
    let start = base.wrapping_byte_add(head);
    // SAFETY: both are parts of what was reserved just now, and nobody else knows of.
    unsafe {
        if head > 0 {
            rustix::mm::munmap(base, head)?;
        }
        rustix::mm::munmap(start.wrapping_byte_add(bytes), align - head)?;
    }
    Ok(start)
}
