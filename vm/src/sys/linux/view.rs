//! Files: views for reading, reads at a place, and files in memory.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::ops::Deref;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{pread, pwritev};
use wasmer_system::file_size::{self, limit_as_error};
use wasmer_system::huge_pages;

use super::pages::{Reservation, page_bytes};

/// A part of a file, mapped for reading.
#[derive(Debug)]
pub(crate) struct FileView {
    pages: Reservation,
    /// Where the view begins in them.
    start: usize,
    len: usize,
}

impl FileView {
    /// Maps `len` bytes at `offset`, which need not be the start of a page.
    ///
    /// # Safety
    /// Nobody writes to the file or shortens it as long as the view lives.
    pub(crate) unsafe fn new(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        if len == 0 {
            return Ok(Self { pages: Reservation::empty(), start: 0, len: 0 });
        }
        let start = offset % page_bytes() as u64;
        let bytes = len.checked_add(start as usize).ok_or(io::ErrorKind::InvalidInput)?;
        let pages = Reservation::of_data(bytes, file, offset - start)?;
        Ok(Self { pages, start: start as usize, len })
    }
}

impl Deref for FileView {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: so many bytes were mapped, and nobody writes to them, as was promised to `new`.
        unsafe { std::slice::from_raw_parts(self.pages.base().add(self.start), self.len) }
    }
}

/// A vector with room for so many bytes, which all will be read.
pub(crate) fn buffer(bytes: usize) -> io::Result<Vec<u8>> {
    huge_pages::buffer(bytes).map_err(io::Error::other)
}

/// Appends bytes of a file to `bytes`, at most as many as there is capacity for, and returns how many: none at its end.
pub(crate) fn read_at(file: &File, bytes: &mut Vec<u8>, offset: u64) -> io::Result<usize> {
    Ok(pread(file, spare_capacity(bytes), offset)?)
}

/// Fills `bytes` with what the file has at `offset`, which has to be as much.
pub(crate) fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(bytes, offset)
}

/// Writes bytes to a place of a file. The limit of file sizes is an error.
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    limit_as_error(|| file.write_all_at(bytes, offset))
}

/// This thread, which runs nothing of others, writes often: the limit of file sizes takes no system calls here.
pub(crate) fn will_write() {
    file_size::block_in_this_thread();
}

/// So many parts are written at once (`UIO_MAXIOV`).
const PARTS_MAX: usize = 1024;

/// Writes parts that start where it is said: what stands together, together.
fn write_parts<'a>(file: &File, parts: impl Iterator<Item = (usize, &'a [u8])>) -> io::Result<()> {
    let (mut parts, mut run) = (parts.peekable(), Vec::new());
    while let Some((start, first)) = parts.next() {
        run.push(IoSlice::new(first));
        let mut end = start + first.len();
        while run.len() < PARTS_MAX
            && let Some((_, part)) = parts.next_if(|(start, _)| *start == end)
        {
            run.push(IoSlice::new(part));
            end += part.len();
        }
        write_all_at(file, &mut run[..], start)?;
        run.clear();
    }
    Ok(())
}

fn write_all_at(file: &File, mut parts: &mut [IoSlice<'_>], mut offset: usize) -> io::Result<()> {
    // Parts without bytes are over at once.
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match pwritev(file, parts, offset as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                IoSlice::advance_slices(&mut parts, written);
                offset += written;
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A file in memory with these bytes.
pub(crate) fn memory_file_of(bytes: &[u8]) -> io::Result<File> {
    memory_file(bytes.len(), std::iter::once((0, bytes)))
}

/// A file in memory of so many bytes, zeros but for parts that start where it is said.
pub(crate) fn memory_file<'a>(bytes: usize, parts: impl Iterator<Item = (usize, &'a [u8])>) -> io::Result<File> {
    let file = File::from(memfd_create("wasmer-memory", MemfdFlags::CLOEXEC)?);
    let write = || {
        file.set_len(bytes as u64)?;
        write_parts(&file, parts)
    };
    limit_as_error(write).map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::FileTooLarge => {
            let message = format!("{bytes} bytes in memory are more than the limit of file sizes (`ulimit -f`)");
            io::Error::new(io::ErrorKind::FileTooLarge, message)
        }
        _ => error,
    })?;
    Ok(file)
}

/// A new file that only its user can open, to be read and written; it must not be there, not even as a link.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_where_they_belong() {
        let contents: Vec<u8> = (0..60_000_u32).map(|at| (at.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
        // Thousands that stand together, empty ones, and holes.
        let lens = (0..2 * PARTS_MAX).map(|at| at % 19).chain([0, 5000, 1]);
        for hole in [0, 7] {
            let (mut parts, mut expected, mut from) = (Vec::new(), Vec::new(), 0);
            for (position, len) in lens.clone().enumerate() {
                expected.resize(expected.len() + if position % 900 == 899 { hole } else { 0 }, 0);
                parts.push((expected.len(), &contents[from..from + len]));
                expected.extend_from_slice(&contents[from..from + len]);
                from += len;
            }
            let file = memory_file(expected.len(), parts.into_iter()).unwrap();
            let mut found = vec![0; expected.len()];
            read_exact_at(&file, &mut found, 0).unwrap();
            assert!(found == expected, "holes of {hole}");
        }
    }
}
