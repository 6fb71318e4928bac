//! Reservations are allocations: their first bytes can be accessed from the start, the others never. To reserve more costs nothing, and to ask for it is to run
//! out of memory.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use super::view::read_exact_at;

/// Pages as large as any system's.
const PAGE_BYTES: usize = 64 << 10;

/// How much of a reservation there is. An interpreter has no address space that it does not have as memory.
const ACCESSIBLE_BYTES_MAX: usize = 16 << 20;

/// Bytes of a page.
pub(crate) fn page_bytes() -> usize {
    PAGE_BYTES
}

/// Rounds up to whole pages; none on overflow.
pub(crate) fn round_up(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(PAGE_BYTES)
}

/// Whether pages start at all of these addresses, offsets or lengths.
pub(crate) fn are_pages<const N: usize>(numbers: [u64; N]) -> bool {
    numbers.iter().all(|number| number.is_multiple_of(PAGE_BYTES as u64))
}

/// Address space. Freed on drop.
#[derive(Debug)]
pub struct Reservation {
    base: NonNull<u8>,
    bytes: usize,
    /// Bytes that there are.
    accessible: usize,
    /// What was mapped from files, and where: it is there again when pages are dropped.
    files: Mutex<Vec<(usize, Vec<u8>)>>,
}

// SAFETY: the reservation owns its pages; what may be done with them concurrently is for its users to order.
unsafe impl Send for Reservation {}
// SAFETY: as above.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// Reserves whole pages.
    pub fn new(bytes: usize) -> io::Result<Self> {
        let bytes = round_up(bytes).ok_or(io::ErrorKind::InvalidInput)?;
        let layout = layout(bytes.min(ACCESSIBLE_BYTES_MAX))?;
        // SAFETY: the layout is not empty.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, bytes, accessible: layout.size(), files: Mutex::default() })
    }

    /// Reserves whole pages, anywhere.
    pub fn at(_address: usize, bytes: usize) -> io::Result<Self> {
        Self::new(bytes)
    }

    /// A file's code, which never runs.
    pub fn of_code(_address: usize, bytes: usize, file: &File, offset: u64) -> io::Result<Self> {
        let pages = Self::new(bytes)?;
        let start = pages.part(&(0..bytes))?;
        // SAFETY: so many bytes were allocated.
        read_exact_at(file, unsafe { std::slice::from_raw_parts_mut(start, bytes) }, offset)?;
        Ok(pages)
    }

    /// No pages at all.
    pub const fn empty() -> Self {
        Self { base: NonNull::dangling(), bytes: 0, accessible: 0, files: Mutex::new(Vec::new()) }
    }

    /// First byte.
    pub fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Length in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The address of a part that is accessed.
    fn part(&self, range: &Range<usize>) -> io::Result<*mut u8> {
        if range.end > self.bytes || range.start > range.end {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if range.end > self.accessible {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        // SAFETY: the offset is inside the allocation.
        Ok(unsafe { self.base().add(range.start) })
    }

    /// As much of a part as there is.
    fn accessible(&self, range: &Range<usize>) -> Range<usize> {
        range.start.min(self.accessible)..range.end.min(self.accessible)
    }

    /// All can be accessed already.
    pub fn commit(&self, range: Range<usize>) -> io::Result<()> {
        self.part(&range).map(drop)
    }

    /// All can be read already.
    pub fn commit_zeros(&self, range: Range<usize>) -> io::Result<()> {
        self.part(&range).map(drop)
    }

    /// What is asked for is forgotten, as everywhere, but can still be accessed.
    pub fn decommit(&self, range: Range<usize>) -> io::Result<()> {
        self.part(&self.accessible(&range)).map(drop)
    }

    /// All are there already.
    pub fn populate(&self, range: Range<usize>) -> io::Result<()> {
        self.part(&range).map(drop)
    }

    /// Nobody says which pages were written.
    pub fn restore_pages(&self, range: Range<usize>, _: usize, _: impl Fn(&mut [u8], usize)) -> io::Result<usize> {
        self.drop_pages(range).map(|()| 0)
    }

    /// Forgets what was written: pages read as zero, or as the file that they were mapped from, again.
    pub fn drop_pages(&self, range: Range<usize>) -> io::Result<()> {
        let range = self.accessible(&range);
        let start = self.part(&range)?;
        // SAFETY: inside the reservation, whose owner has no more use for the contents.
        unsafe { start.write_bytes(0, range.len()) };
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, bytes) in files.iter().filter(|(at, bytes)| range.start <= *at && at + bytes.len() <= range.end) {
            // SAFETY: as above.
            unsafe { self.base().add(*at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
        Ok(())
    }

    /// There are none to keep small.
    pub fn keep_pages_small(&self) {}

    /// There are no forks.
    pub fn wipe_on_fork(&self) -> io::Result<()> {
        Ok(())
    }

    /// Nobody protects pages here.
    pub fn seal(&self) -> io::Result<()> {
        Ok(())
    }

    /// Nobody protects pages here.
    pub fn seal_code(&self) -> io::Result<()> {
        Ok(())
    }

    /// Nobody protects pages here.
    pub fn seal_code_of(&self, range: Range<usize>) -> io::Result<()> {
        self.part(&range).map(drop)
    }

    /// All are there already.
    pub fn populate_code(&self, range: Range<usize>) -> io::Result<()> {
        self.part(&range).map(drop)
    }

    /// Nothing that is written to a file stands anywhere else.
    pub fn map_code(&self, _range: Range<usize>, _file: &File) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There are none.
    pub fn advise_huge_pages(&self, _range: Range<usize>) -> io::Result<()> {
        Ok(())
    }

    /// Replaces pages by what a file has at `offset`.
    pub fn map_file(&self, range: Range<usize>, file: &File, offset: u64) -> io::Result<()> {
        let start = self.part(&range)?;
        let mut bytes = vec![0; range.len()];
        read_exact_at(file, &mut bytes, offset)?;
        // SAFETY: inside the reservation, and nobody else uses these pages now.
        unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        self.files.lock().unwrap_or_else(PoisonError::into_inner).push((range.start, bytes));
        Ok(())
    }
}

fn layout(bytes: usize) -> io::Result<Layout> {
    let bytes = round_up(bytes).filter(|bytes| *bytes > 0).ok_or(io::ErrorKind::InvalidInput)?;
    Layout::from_size_align(bytes, PAGE_BYTES).map_err(io::Error::other)
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(layout) = (self.accessible > 0).then(|| layout(self.accessible).ok()).flatten() {
            // SAFETY: allocated with this layout.
            unsafe { dealloc(self.base(), layout) };
        }
    }
}
