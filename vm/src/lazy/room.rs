//! Where the code of functions goes that are compiled one by one: one behind the other, behind the code of the image.
//!
//! The room is a file in memory, mapped readable and executable and written by system calls. So no page of it is ever writable, and no protection changes, of which every
//! other processor that runs the process would have to hear. Where there can be no such file (no descriptor is left, files may not be so long), pages are written,
//! then made executable and never written again, and each function has pages of its own.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use wasmer_runtime_core::compiler::{CompileLimit, Output};

use super::{CompileFailure, forks};
use crate::mapping::Code;
use crate::sys::pages::{page_bytes, round_up};
use crate::sys::view::{memory_file, write_at};

/// So much of the room gets memory at once, beyond what a function needs: a multiple of every system's pages.
const AHEAD_BYTES: usize = 64 << 10;

/// All that follows the code of an image.
pub(super) struct Room {
    /// Offsets in the code.
    offsets: Range<usize>,
    /// Locked by who has the lock of all changes.
    free: Mutex<Free>,
}

/// What of it is free.
struct Free {
    /// Where it starts.
    start: usize,
    pages: Pages,
}

enum Pages {
    Shared(Shared),
    /// Writable up to an offset.
    Private(usize),
}

/// A file that the rest of the room is mapped from.
struct Shared {
    file: Arc<File>,
    /// Where it starts in the code.
    start: usize,
    /// Where the pages end that have memory.
    populated_end: usize,
    /// The process that writes to it, of those that forks made.
    process: u32,
}

/// A part of the room that somebody has for code.
pub(super) struct Place {
    offsets: Range<usize>,
    /// The file that it is mapped from, and where that starts in the code.
    shared: Option<(Arc<File>, usize)>,
    /// What is to get memory first.
    populate: Range<usize>,
}

impl Room {
    pub(super) fn new(code: &Code, offsets: Range<usize>) -> Self {
        let pages = match Shared::new(code, &offsets) {
            Ok(shared) => Pages::Shared(shared),
            Err(_) => Pages::Private(offsets.start),
        };
        let free = Mutex::new(Free { start: offsets.start, pages });
        Self { offsets, free }
    }

    /// The place of the next code. For who has the lock of all changes, so that places ascend, and a fork finds all of this whole.
    pub(super) fn reserve(&self, code: &Code, bytes: usize) -> Result<Place, CompileFailure> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let Free { start, pages } = &mut *free;
        let align = match pages {
            Pages::Shared(shared) if shared.process != forks() => {
                // The file is the parent's, who goes on writing to it.
                let rest = round_up(*start).unwrap_or(self.offsets.end)..self.offsets.end;
                *shared = Shared::new(code, &rest).map_err(CompileFailure::Room)?;
                *start = rest.start;
                Output::ALIGN
            }
            Pages::Shared(_) => Output::ALIGN,
            Pages::Private(_) => page_bytes(),
        };
        let end = start.checked_add(bytes.max(1)).and_then(|end| end.checked_next_multiple_of(align));
        let end = end.filter(|end| *end <= self.offsets.end).ok_or_else(|| {
            let bytes_max = self.offsets.len() as u64;
            CompileFailure::Compile(CompileLimit::CodeBytes { bytes_max }.into())
        })?;
        let ahead = end.saturating_add(AHEAD_BYTES).next_multiple_of(page_bytes()).min(self.offsets.end);
        let mut place = Place { offsets: *start..end, shared: None, populate: 0..0 };
        match pages {
            Pages::Shared(shared) => {
                place.shared = Some((Arc::clone(&shared.file), shared.start));
                if end > shared.populated_end {
                    place.populate = shared.populated_end..ahead;
                    shared.populated_end = ahead;
                }
            }
            Pages::Private(writable_end) if end > *writable_end => {
                code.commit(*writable_end..ahead).map_err(CompileFailure::Room)?;
                *writable_end = ahead;
            }
            Pages::Private(_) => {}
        }
        *start = end;
        Ok(place)
    }
}

impl Shared {
    fn new(code: &Code, offsets: &Range<usize>) -> io::Result<Self> {
        let file = memory_file(offsets.len(), std::iter::empty())?;
        code.map(offsets.clone(), &file)?;
        let (start, populated_end) = (offsets.start, offsets.start);
        Ok(Self { file: Arc::new(file), start, populated_end, process: forks() })
    }
}

impl Place {
    /// Offsets in the code.
    pub(super) fn offsets(&self) -> Range<usize> {
        self.offsets.clone()
    }

    /// Puts code there, to be executed.
    pub(super) fn write(&self, code: &Code, text: &[u8]) -> Result<(), CompileFailure> {
        let start = self.offsets.start;
        debug_assert!(text.len() <= self.offsets.len());
        let written = match &self.shared {
            Some((file, file_start)) => code
                .populate(self.populate.clone())
                .and_then(|()| write_at(file, text, (start - file_start) as u64))
                .and_then(|()| code.publish(start, text.len())),
            // SAFETY: the place is pages of the room that nobody else has, writable and not written to.
            None => unsafe { code.write(start, text) },
        };
        written.map_err(CompileFailure::Room)
    }
}
