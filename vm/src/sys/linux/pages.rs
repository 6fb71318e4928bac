//! Reservations of address space: memories, stacks, code.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap};

use super::pagemap;

/// Bytes of a page of the host. Larger pages of other systems are multiples of what the image format aligns to.
pub(crate) const PAGE_BYTES: usize = 4096;

/// Rounds up to whole pages; none on overflow.
pub(crate) fn round_up(bytes: usize) -> Option<usize> {
    Some(bytes.checked_add(PAGE_BYTES - 1)? & !(PAGE_BYTES - 1))
}

/// The same for a mapping: none is empty.
fn whole_pages(bytes: usize) -> io::Result<usize> {
    round_up(bytes).filter(|bytes| *bytes > 0).ok_or(io::ErrorKind::InvalidInput.into())
}

/// Reserved address space: nothing in it can be accessed until committed. Unmapped on drop.
#[derive(Debug)]
pub struct Reservation {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the reservation owns its pages; what may be done with them concurrently is for its users to order.
unsafe impl Send for Reservation {}
// SAFETY: as above.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// Reserves whole pages.
    pub fn new(bytes: usize) -> io::Result<Self> {
        Self::at(0, bytes)
    }

    /// Reserves whole pages: at `address` if they are free there, else anywhere.
    pub fn at(address: usize, bytes: usize) -> io::Result<Self> {
        let bytes = whole_pages(bytes)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping that is not fixed touches no existing one.
        let base = unsafe { mmap_anonymous(address as *mut _, bytes, ProtFlags::empty(), flags)? };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, bytes })
    }

    /// A view of a file's code, readable and executable: at `address` if whole pages are free there, else anywhere. `offset` is page-aligned.
    pub fn of_code(address: usize, bytes: usize, file: &File, offset: u64) -> io::Result<Self> {
        let bytes = whole_pages(bytes)?;
        let protection = ProtFlags::READ | ProtFlags::EXEC;
        // SAFETY: a new mapping that is not fixed touches no existing one.
        let base = unsafe { mmap(address as *mut _, bytes, protection, MapFlags::PRIVATE, file, offset)? };
        Ok(Self { base: NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?, bytes })
    }

    /// No pages at all.
    pub const fn empty() -> Self {
        Self { base: NonNull::dangling(), bytes: 0 }
    }

    /// First byte.
    pub fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Length in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes pages readable and writable. Pages not touched before are zero.
    pub fn commit(&self, range: Range<usize>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let address = self.check(&range)?;
        // SAFETY: the pages are inside this reservation.
        unsafe { mprotect(address.cast(), range.len(), MprotectFlags::READ | MprotectFlags::WRITE)? };
        Ok(())
    }

    /// Makes pages inaccessible again.
    pub fn decommit(&self, range: Range<usize>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let address = self.check(&range)?;
        // SAFETY: the pages are inside this reservation.
        unsafe { mprotect(address.cast(), range.len(), MprotectFlags::empty())? };
        Ok(())
    }

    /// Forgets what was written: pages read as zero, or as the file that they were mapped from, again.
    pub fn drop_pages(&self, range: Range<usize>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let address = self.check(&range)?;
        let drop = |pages: Range<usize>| {
            // SAFETY: the pages are inside this reservation, whose owner has no more use for their contents.
            unsafe { madvise(pages.start as *mut _, pages.len(), Advice::LinuxDontNeed) }.map_err(io::Error::from)
        };
        let all = address as usize..address as usize + range.len();
        pagemap::written(all.clone(), drop).or_else(|_| drop(all))
    }

    /// Keeps the system from making large pages of small ones. One that has none does not know the request.
    pub fn keep_pages_small(&self) {
        // SAFETY: the pages are this reservation; their contents stay.
        let _ = unsafe { madvise(self.base().cast(), self.bytes, Advice::LinuxNoHugepage) };
    }

    /// Makes all pages read as zero in a process that a fork makes.
    pub fn wipe_on_fork(&self) -> io::Result<()> {
        // SAFETY: the pages are this reservation; this process sees no change.
        unsafe { madvise(self.base().cast(), self.bytes, Advice::LinuxWipeOnFork)? };
        Ok(())
    }

    /// Makes all pages readable, and no longer writable.
    pub fn seal(&self) -> io::Result<()> {
        self.protect(MprotectFlags::READ)
    }

    /// Makes all pages executable, and no longer writable.
    pub fn seal_code(&self) -> io::Result<()> {
        self.protect(MprotectFlags::READ | MprotectFlags::EXEC)
    }

    fn protect(&self, protection: MprotectFlags) -> io::Result<()> {
        if self.bytes == 0 {
            return Ok(());
        }
        // SAFETY: the pages are this reservation.
        unsafe { mprotect(self.base().cast(), self.bytes, protection)? };
        Ok(())
    }

    /// Lets the system use huge pages, where it has some: none needs them.
    pub fn advise_huge_pages(&self, range: Range<usize>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let address = self.check(&range)?;
        // SAFETY: the pages are inside this reservation; their contents stay.
        let _ = unsafe { madvise(address.cast(), range.len(), Advice::LinuxHugepage) };
        Ok(())
    }

    /// Replaces pages by a private copy-on-write view of a file, readable and writable. `offset` is page-aligned.
    pub fn map_file(&self, range: Range<usize>, file: &File, offset: u64) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let address = self.check(&range)?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the pages are inside this reservation, which nobody else maps into.
        unsafe { mmap(address.cast(), range.len(), protection, MapFlags::PRIVATE | MapFlags::FIXED, file, offset)? };
        Ok(())
    }

    fn check(&self, range: &Range<usize>) -> io::Result<*mut u8> {
        if range.end > self.bytes || range.start > range.end || !range.start.is_multiple_of(PAGE_BYTES) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: the offset is inside the reservation.
        Ok(unsafe { self.base.as_ptr().add(range.start) })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        // SAFETY: the reservation is exactly this mapping, and its owner has no more use for it. It cannot fail for a whole mapping.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}
