//! Read-only and executable views of artifacts.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::BuildHasher;
use std::io;
use std::ops::{Deref, Range};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmer_runtime_core::once;

use crate::arch;
use crate::sys::pages::{Reservation, are_pages, page_bytes, round_up};
use crate::sys::thread::sync_instructions;
use crate::sys::view::FileView;

/// A read-only view: of a part of a file, or of a copy in anonymous memory.
#[derive(Debug)]
pub(crate) enum View {
    /// Of a part of a file.
    File(FileView),
    /// Of a copy, which is so long.
    Copy(Reservation, usize),
}

impl View {
    /// Maps `len` bytes at `offset` for reading.
    ///
    /// # Safety
    /// Nobody writes to the file or shortens it as long as the view lives.
    pub(crate) unsafe fn new(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        // SAFETY: the caller's promise.
        Ok(Self::File(unsafe { FileView::new(file, offset, len)? }))
    }

    /// A copy of bytes in anonymous memory.
    pub(crate) fn copy(bytes: &[u8]) -> io::Result<Self> {
        let pages = anonymous(bytes, |_, _| 0)?;
        pages.seal()?;
        Ok(Self::Copy(pages, bytes.len()))
    }
}

impl Deref for View {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::File(map) => map,
            // SAFETY: so many bytes were copied, and nothing writes to them.
            Self::Copy(pages, len) => unsafe { std::slice::from_raw_parts(pages.base(), *len) },
        }
    }
}

/// Executable pages: never writable at the same time.
#[derive(Debug)]
pub(crate) struct Code {
    pages: Reservation,
    /// Where it starts in them.
    start: usize,
    len: usize,
    /// Where what belongs to it ends in them: the code itself, or the room behind it.
    end: usize,
    copied: bool,
    refused: bool,
}

impl Code {
    /// Maps `len` bytes at `offset` for reading and executing: directly from the file, or, where files may not be executed (a `noexec` mount) or no
    /// page of this system starts there, from a copy in anonymous memory.
    ///
    /// # Safety
    /// As for [`View::new`].
    pub(crate) unsafe fn new(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        if len == 0 {
            return Self::copy(&[]);
        }
        // SAFETY: the caller's promise.
        let copy = || Self::copy(&unsafe { View::new(file, offset, len)? });
        if !are_pages([offset]) {
            return copy();
        }
        match Reservation::of_code(near_stubs(len, page_bytes()), len, file, offset) {
            Ok(pages) => Ok(Self { pages, start: 0, len, end: len, copied: false, refused: false }),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(Self { refused: true, ..copy()? }),
            Err(error) => Err(error),
        }
    }

    /// A copy of code in anonymous memory.
    pub(crate) fn copy(code: &[u8]) -> io::Result<Self> {
        let pages = anonymous(code, near_stubs)?;
        pages.seal_code()?;
        publish(pages.base(), code.len())?;
        Ok(Self { pages, start: 0, len: code.len(), end: code.len(), copied: true, refused: false })
    }

    /// A copy of code in anonymous memory, with zeros before it that are for the host's use, and with room for more code behind it: whole pages,
    /// so many bytes.
    pub(crate) fn with_room(code: &[u8], data_bytes: usize, room_bytes: usize) -> io::Result<Self> {
        let code_bytes = round_up(code.len()).ok_or(io::ErrorKind::OutOfMemory)?;
        let bytes = data_bytes.checked_add(code_bytes).and_then(|bytes| bytes.checked_add(room_bytes));
        let bytes = bytes.ok_or(io::ErrorKind::OutOfMemory)?;
        let pages = Reservation::at(near_stubs(bytes, page_bytes()), bytes)?;
        pages.commit(0..data_bytes)?;
        let made = Self { pages, start: data_bytes, len: code.len(), end: bytes, copied: true, refused: false };
        made.commit(0..code_bytes)?;
        // SAFETY: nobody has these pages yet.
        unsafe { made.write(0, code)? };
        Ok(made)
    }

    /// Makes pages of the room behind code writable.
    pub(crate) fn commit(&self, offsets: Range<usize>) -> io::Result<()> {
        let pages = self.pages_at(&offsets);
        self.pages.commit(pages.clone())?;
        self.pages.populate(pages)
    }

    /// Has pages of the room behind code be those of a file, readable and executable.
    pub(crate) fn map(&self, offsets: Range<usize>, file: &File) -> io::Result<()> {
        self.pages.map_code(self.pages_at(&offsets), file)
    }

    /// Has the system give the memory of such pages now, all at once, if it can.
    pub(crate) fn populate(&self, offsets: Range<usize>) -> io::Result<()> {
        self.pages.populate_code(self.pages_at(&offsets))
    }

    /// Has every thread execute what was written to the file that these are pages of.
    pub(crate) fn publish(&self, offset: usize, len: usize) -> io::Result<()> {
        // SAFETY: whoever wrote it has reserved that part of the room.
        publish(unsafe { self.pages.base().add(self.start + offset) }, len)
    }

    fn pages_at(&self, offsets: &Range<usize>) -> Range<usize> {
        self.start + offsets.start..self.start + offsets.end
    }

    /// Writes code to the room behind other code, and makes it executable.
    ///
    /// # Safety
    /// `offset` is a multiple of pages, the pages are writable, nothing has been written to them, and nobody else writes to this room now.
    pub(crate) unsafe fn write(&self, offset: usize, code: &[u8]) -> io::Result<()> {
        let start = self.start + offset;
        let end = round_up(code.len()).and_then(|bytes| start.checked_add(bytes)).ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: these pages are inside of the reservation and writable, and nobody else uses them by the caller's promise.
        let place = unsafe { self.pages.base().add(start) };
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), place, code.len()) };
        self.pages.seal_code_of(start..end)?;
        publish(place, code.len())
    }

    /// Where the host's data before the code are.
    pub(crate) fn data(&self) -> *mut u8 {
        self.pages.base()
    }

    /// Addresses of the code and of the room behind it.
    pub(crate) fn addresses(&self) -> Range<usize> {
        let base = self.pages.base() as usize;
        base + self.start..base + self.end
    }

    /// Whether it is in anonymous memory.
    pub(crate) fn is_copied(&self) -> bool {
        self.copied
    }

    /// Whether it is there because its file may not be executed.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused
    }
}

impl Deref for Code {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: so many bytes were mapped or copied, and nothing writes to them.
        unsafe { std::slice::from_raw_parts(self.pages.base().add(self.start), self.len) }
    }
}

/// Has every thread execute what was written to these pages, and not what was there before. Pages of files are the kernel's business.
fn publish(code: *mut u8, len: usize) -> io::Result<()> {
    if len == 0 {
        return Ok(());
    }
    arch::flush_code(code, len);
    if arch::INSTRUCTIONS_ARE_FETCHED_AHEAD {
        sync_instructions()?;
    }
    Ok(())
}

/// Bytes of the region in which code is put. Processors predict jumps less well that go farther than they have bits for.
const NEAR_BYTES: usize = 1 << 30;

/// Where code of this length has a chance to be near the stubs, which it calls and is called by. Whether that place is free the system
/// knows: if not, it takes another. See ADR 15.
fn near_stubs(len: usize, align: usize) -> usize {
    static START: OnceLock<usize> = OnceLock::new();
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    // Nobody should be able to tell the address of a guest's code from the address of the program's.
    let start = *once::get_or_init(&START, || RandomState::new().hash_one(0u8) as usize);
    let taken = TAKEN.fetch_add(len.next_multiple_of(page_bytes()) + align, Ordering::Relaxed);
    let offset = start.wrapping_add(taken) % NEAR_BYTES;
    (near_region(arch::enter as *const () as usize) + offset).next_multiple_of(align)
}

/// The start of the region for stubs at this address: below the program, where nothing grows to; or, for a program at a low address, above it,
/// with room for its heap in between.
fn near_region(stubs: usize) -> usize {
    if stubs > 2 * NEAR_BYTES { stubs - 2 * NEAR_BYTES } else { stubs + 2 * NEAR_BYTES }
}

/// What the system can give and take back at once, on every supported machine with pages of 4 KiB.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// A copy of bytes, at the place that is wished for its length and alignment if possible. Large ones are in huge pages where the system has
/// some, because giving back thousands of small ones takes milliseconds.
fn anonymous(bytes: &[u8], place: fn(usize, usize) -> usize) -> io::Result<Reservation> {
    if bytes.is_empty() {
        return Ok(Reservation::empty());
    }
    // A last one of which less than half were needed stays in small pages.
    let huge_bytes = (bytes.len() + HUGE_PAGE_BYTES / 2) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    let align = if huge_bytes == 0 { page_bytes() } else { HUGE_PAGE_BYTES };
    let map_bytes = bytes.len().next_multiple_of(align);
    let copy = Reservation::at(place(map_bytes, align), map_bytes)?;
    copy.commit(0..map_bytes)?;
    copy.advise_huge_pages(0..huge_bytes)?;
    // SAFETY: these pages are writable, and nobody else has them.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), copy.base(), bytes.len()) };
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::view::memory_file_of;

    #[test]
    fn code_is_near_the_stubs() {
        let codes: Vec<Code> = (0..100).map(|index| Code::copy(&vec![index; 4096 << (index % 11)]).unwrap()).collect();
        let stubs = arch::enter as *const () as usize;
        for code in &codes {
            assert!(code.as_ptr().addr().abs_diff(stubs) <= 3 * NEAR_BYTES, "{:p}", code.as_ptr());
        }
    }

    #[test]
    fn code_is_mapped_where_a_page_starts_and_copied_elsewhere() {
        let bytes: Vec<u8> = (0..3 * page_bytes()).map(|at| (at / 5) as u8).collect();
        let file = memory_file_of(&bytes).unwrap();
        for (offset, is_copied) in [(page_bytes(), false), (page_bytes() + 512, true)] {
            // SAFETY: nobody writes to the file.
            let code = unsafe { Code::new(&file, offset as u64, 4000).unwrap() };
            assert_eq!((code.is_copied(), code.is_refused()), (is_copied, false));
            assert!(*code == bytes[offset..][..4000]);
        }
    }

    #[test]
    fn copies_are_as_long_as_what_was_copied() {
        for len in [0, 1, 4096, HUGE_PAGE_BYTES / 2, HUGE_PAGE_BYTES - 1, HUGE_PAGE_BYTES, 2 * HUGE_PAGE_BYTES + 1] {
            let bytes: Vec<u8> = (0..len).map(|index| (index / 4096) as u8).collect();
            assert!(*View::copy(&bytes).unwrap() == bytes, "{len} bytes");
            assert!(*Code::copy(&bytes).unwrap() == bytes, "{len} bytes of code");
        }
    }
}
