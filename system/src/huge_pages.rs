//! Buffers of many megabytes that are filled once.
//!
//! The system gives a process memory by the page, when it is first touched. For a buffer of some ten megabytes that takes longer than filling it.

use std::collections::TryReserveError;

/// What the system can give at once, on every supported machine with pages of 4 KiB.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// The smallest page of any system.
const PAGE_BYTES: usize = 4096;

/// A vector with room for so many bytes and more, of which the system is asked to give large ones in huge pages.
///
/// # Errors
///
/// If there is not so much memory.
pub fn buffer(bytes: usize) -> Result<Vec<u8>, TryReserveError> {
    let mut buffer = Vec::new();
    if bytes < 2 * HUGE_PAGE_BYTES {
        buffer.try_reserve_exact(bytes)?;
        return Ok(buffer);
    }
    // The last huge page, too, has to be inside; what is not touched of it costs nothing but that.
    buffer.try_reserve_exact(bytes.next_multiple_of(HUGE_PAGE_BYTES))?;
    advise(&mut buffer);
    Ok(buffer)
}

/// Where allocators put a buffer of this size, it has its pages for itself; should another be in the first or last page, advice does it no harm.
fn advise(buffer: &mut Vec<u8>) {
    let start = buffer.as_mut_ptr() as usize & !(PAGE_BYTES - 1);
    let end = (buffer.as_mut_ptr() as usize + buffer.capacity()).next_multiple_of(PAGE_BYTES);
    // SAFETY: advice that changes no contents. A system that does not take it, or has larger pages, refuses or ignores it.
    let _ = unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_have_room_and_hold_what_they_are_given() {
        for bytes in [0, 1, HUGE_PAGE_BYTES, 2 * HUGE_PAGE_BYTES, 5 * HUGE_PAGE_BYTES + 1] {
            let mut buffer = buffer(bytes).unwrap();
            assert!(buffer.is_empty() && buffer.capacity() >= bytes);
            let place = buffer.as_ptr();
            buffer.resize(bytes, 7);
            assert!(buffer.as_ptr() == place && buffer.iter().all(|byte| *byte == 7));
        }
        assert!(buffer(usize::MAX / 2).is_err());
    }
}
