//! Reservations of address space: memories, stacks, code.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap};

use super::{coarse, pagemap};

/// Bytes of a page: what the kernel says, and remembered.
#[inline]
pub(crate) fn page_bytes() -> usize {
    static BYTES: AtomicUsize = AtomicUsize::new(0);
    match BYTES.load(Ordering::Relaxed) {
        0 => {
            let bytes = coarse::page_bytes().unwrap_or_else(rustix::param::page_size);
            BYTES.store(bytes, Ordering::Relaxed);
            bytes
        }
        bytes => bytes,
    }
}

/// Rounds up to whole pages; none on overflow.
pub(crate) fn round_up(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(page_bytes())
}

/// Whether pages start at all of these addresses, offsets or lengths.
pub(crate) fn are_pages<const N: usize>(numbers: [u64; N]) -> bool {
    numbers.iter().all(|number| number.is_multiple_of(page_bytes() as u64))
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
        let reserve = |address: usize, bytes: usize| {
            let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
            // SAFETY: a new mapping that is not fixed touches no existing one.
            unsafe { mmap_anonymous(address as *mut _, bytes, ProtFlags::empty(), flags) }
        };
        let base = coarse::reserve(address, bytes, reserve)?;
        Ok(Self { base: NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?, bytes })
    }

    /// A view of a file's code, readable and executable: at `address` if whole pages are free there, else anywhere. A page starts at `offset`.
    pub fn of_code(address: usize, bytes: usize, file: &File, offset: u64) -> io::Result<Self> {
        Self::of_file(address, bytes, file, offset, ProtFlags::READ | ProtFlags::EXEC)
    }

    /// A view of a part of a file for reading. A page starts at `offset`.
    pub(super) fn of_data(bytes: usize, file: &File, offset: u64) -> io::Result<Self> {
        Self::of_file(0, bytes, file, offset, ProtFlags::READ)
    }

    fn of_file(address: usize, bytes: usize, file: &File, offset: u64, protection: ProtFlags) -> io::Result<Self> {
        debug_assert!(are_pages([offset]), "no page starts at {offset:#x}");
        let bytes = whole_pages(bytes)?;
        // SAFETY: a new mapping that is not fixed touches no existing one; one that is replaces pages that were reserved for it.
        let map = |address: usize, bytes: usize, flags: MapFlags| unsafe {
            mmap(address as *mut _, bytes, protection, MapFlags::PRIVATE | flags, file, offset)
        };
        if coarse::page_bytes().is_some() {
            let reservation = Self::at(address, bytes)?;
            map(reservation.base() as usize, bytes, MapFlags::FIXED)?;
            return Ok(reservation);
        }
        let base = map(address, bytes, MapFlags::empty())?;
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

    /// Makes the pages that have a part of the range readable and writable. Pages not touched before are zero.
    pub fn commit(&self, range: Range<usize>) -> io::Result<()> {
        self.permit(range, MprotectFlags::READ | MprotectFlags::WRITE)
    }

    /// Makes the pages that have a part of the range readable. They are zero if they were not touched before, and take no memory.
    pub fn commit_zeros(&self, range: Range<usize>) -> io::Result<()> {
        self.permit(range, MprotectFlags::READ)
    }

    fn permit(&self, range: Range<usize>, protection: MprotectFlags) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let end = round_up(range.end).ok_or(io::ErrorKind::InvalidInput)?;
        let pages = range.start / page_bytes() * page_bytes()..end;
        let address = self.check(&pages)?;
        // SAFETY: the pages are inside this reservation.
        unsafe { mprotect(address.cast(), pages.len(), protection)? };
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
        let all = self.addresses(&range)?;
        match pagemap::written(all.clone()) {
            Ok(runs) => runs.iter().try_for_each(|run| self.forget(run)),
            Err(_) => self.forget(all),
        }
    }

    /// The same for pages that are readable and writable, but if few were written, at most so many bytes, they stay, and `restore` is to write what they were at
    /// first: bytes, and where they start. How many bytes stay.
    pub fn restore_pages(
        &self,
        range: Range<usize>,
        bytes_max: usize,
        restore: impl Fn(&mut [u8], usize),
    ) -> io::Result<usize> {
        if range.is_empty() {
            return Ok(0);
        }
        let all = self.addresses(&range)?;
        let Ok(runs) = pagemap::written(all.clone()) else { return self.forget(all).map(|()| 0) };
        let bytes = runs.iter().map(|run| run.len()).sum();
        if bytes > bytes_max {
            return runs.iter().try_for_each(|run| self.forget(run)).map(|()| 0);
        }
        for run in runs.iter() {
            let at = run.start - self.base() as usize;
            // SAFETY: the pages are inside this reservation, whose owner has no more use for their contents, and may be written.
            restore(unsafe { std::slice::from_raw_parts_mut(self.base().add(at), run.len()) }, at);
        }
        Ok(bytes)
    }

    fn addresses(&self, range: &Range<usize>) -> io::Result<Range<usize>> {
        let start = self.check(range)? as usize;
        Ok(start..start + range.len())
    }

    /// Drops pages, by their addresses in this reservation.
    fn forget(&self, pages: Range<usize>) -> io::Result<()> {
        debug_assert!(are_pages([pages.start as u64, pages.len() as u64]), "no whole pages: {pages:x?}");
        // SAFETY: the pages are inside this reservation, whose owner has no more use for their contents.
        unsafe { madvise(pages.start as *mut _, pages.len(), Advice::LinuxDontNeed) }.map_err(io::Error::from)
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

    /// The same for some of the pages.
    pub fn seal_code_of(&self, range: Range<usize>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let address = self.check(&range)?;
        // SAFETY: the pages are inside this reservation.
        unsafe { mprotect(address.cast(), range.len(), MprotectFlags::READ | MprotectFlags::EXEC)? };
        Ok(())
    }

    fn protect(&self, protection: MprotectFlags) -> io::Result<()> {
        if self.bytes == 0 {
            return Ok(());
        }
        // SAFETY: the pages are this reservation.
        unsafe { mprotect(self.base().cast(), self.bytes, protection)? };
        Ok(())
    }

    /// Has the system give the memory of writable pages now, all at once, if it can: it takes longer page by page.
    pub fn populate(&self, range: Range<usize>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let address = self.check(&range)?;
        // SAFETY: the pages are inside this reservation; their contents stay.
        let _ = unsafe { madvise(address.cast(), range.len(), Advice::LinuxPopulateWrite) };
        Ok(())
    }

    /// The same for pages that are only readable.
    pub fn populate_code(&self, range: Range<usize>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let address = self.check(&range)?;
        // SAFETY: the pages are inside this reservation; their contents stay.
        let _ = unsafe { madvise(address.cast(), range.len(), Advice::LinuxPopulateRead) };
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

    /// Replaces pages by a private copy-on-write view of a file, readable and writable. A page starts at `offset`.
    pub fn map_file(&self, range: Range<usize>, file: &File, offset: u64) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        debug_assert!(are_pages([offset]), "no page starts at {offset:#x}");
        let address = self.check(&range)?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the pages are inside this reservation, which nobody else maps into.
        unsafe { mmap(address.cast(), range.len(), protection, MapFlags::PRIVATE | MapFlags::FIXED, file, offset)? };
        Ok(())
    }

    /// Replaces pages by those of a file, readable and executable: what is written to the file afterwards stands there.
    pub fn map_code(&self, range: Range<usize>, file: &File) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let address = self.check(&range)?;
        let protection = ProtFlags::READ | ProtFlags::EXEC;
        // SAFETY: the pages are inside this reservation, which nobody else maps into.
        unsafe { mmap(address.cast(), range.len(), protection, MapFlags::SHARED | MapFlags::FIXED, file, 0)? };
        Ok(())
    }

    /// The address of whole pages.
    fn check(&self, range: &Range<usize>) -> io::Result<*mut u8> {
        let are_pages = are_pages([range.start as u64, range.end as u64]);
        debug_assert!(are_pages, "no whole pages: {range:x?}");
        if range.end > self.bytes || range.start > range.end || !are_pages {
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
