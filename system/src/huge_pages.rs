//! Large buffers that are filled once.
//!
//! The system gives a process memory by the page, when it is first touched. That takes longer than filling the page, so it is asked for many at once.

use std::alloc::{Layout, alloc_zeroed};
use std::collections::TryReserveError;
use std::io;

/// What the system can give at once, on every supported machine with pages of 4 KiB.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// The smallest page of any system.
const PAGE_BYTES: usize = 4096;

/// From here on, a system call costs less than the pages one by one.
const POPULATED_BYTES_MIN: usize = 16 * PAGE_BYTES;

/// A vector with room for so many bytes and more, which all will be filled. The system is asked to give its pages at once, of very large ones in huge
/// pages.
///
/// # Errors
///
/// If there is not so much memory.
pub fn buffer(bytes: usize) -> Result<Vec<u8>, TryReserveError> {
    let mut buffer = Vec::new();
    if bytes < 2 * HUGE_PAGE_BYTES {
        buffer.try_reserve_exact(bytes)?;
        if bytes >= POPULATED_BYTES_MIN {
            populate(&mut buffer);
        }
        return Ok(buffer);
    }
    // The last huge page, too, has to be inside; what is not touched of it costs nothing but that.
    buffer.try_reserve_exact(bytes.next_multiple_of(HUGE_PAGE_BYTES))?;
    advise(&mut buffer);
    Ok(buffer)
}

/// Only pages that are the buffer's alone: others may be in use, or the allocator's.
fn populate(buffer: &mut Vec<u8>) {
    let start = (buffer.as_mut_ptr() as usize).next_multiple_of(PAGE_BYTES);
    let end = (buffer.as_mut_ptr() as usize + buffer.capacity()) & !(PAGE_BYTES - 1);
    // SAFETY: contents stay. A system that does not know this, or has larger pages, refuses it.
    let _ = unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_POPULATE_WRITE) };
}

/// So many zeros, as [`buffer`]: what is never touched takes no memory, as far as the system gives pages of zeros.
///
/// # Errors
///
/// If there is not so much memory.
pub fn zeros(bytes: usize) -> io::Result<Vec<u8>> {
    let room = if bytes < 2 * HUGE_PAGE_BYTES {
        bytes
    } else {
        bytes.checked_next_multiple_of(HUGE_PAGE_BYTES).ok_or(io::ErrorKind::OutOfMemory)?
    };
    let layout = Layout::array::<u8>(room).map_err(|_| io::ErrorKind::OutOfMemory)?;
    if room == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: there is something to allocate.
    let start = unsafe { alloc_zeroed(layout) };
    if start.is_null() {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    // SAFETY: it was allocated as a vector of this capacity allocates, and is initialised.
    let mut zeros = unsafe { Vec::from_raw_parts(start, bytes, room) };
    if room >= 2 * HUGE_PAGE_BYTES {
        advise(&mut zeros);
    }
    Ok(zeros)
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
        for bytes in [
            0,
            1,
            POPULATED_BYTES_MIN - 1,
            POPULATED_BYTES_MIN + 1,
            HUGE_PAGE_BYTES,
            2 * HUGE_PAGE_BYTES,
            5 * HUGE_PAGE_BYTES + 1,
        ] {
            let mut buffer = buffer(bytes).unwrap();
            assert!(buffer.is_empty() && buffer.capacity() >= bytes);
            let place = buffer.as_ptr();
            buffer.resize(bytes, 7);
            assert!(buffer.as_ptr() == place && buffer.iter().all(|byte| *byte == 7));
        }
        assert!(buffer(usize::MAX / 2).is_err() && zeros(usize::MAX / 2).is_err());
        for bytes in [0, 1, 2 * HUGE_PAGE_BYTES - 1, 5 * HUGE_PAGE_BYTES + 1] {
            assert_eq!(zeros(bytes).unwrap(), vec![0; bytes]);
        }
    }
}
