//! Files: views for reading, reads at a place, and files in memory.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use memmap2::{Mmap, MmapOptions};
use rustix::buffer::spare_capacity;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::pread;
use wasmer_system::file_size::limit_as_error;

/// A part of a file, mapped for reading.
#[derive(Debug)]
pub(crate) struct FileView(Mmap);

impl FileView {
    /// Maps `len` bytes at `offset`, which need not be the start of a page.
    ///
    /// # Safety
    /// Nobody writes to the file or shortens it as long as the view lives.
    pub(crate) unsafe fn new(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        // SAFETY: the caller's promise.
        Ok(Self(unsafe { MmapOptions::new().offset(offset).len(len).map(file)? }))
    }
}

impl Deref for FileView {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Appends bytes of a file to `bytes`, at most as many as there is capacity for, and returns how many: none at its end.
pub(crate) fn read_at(file: &File, bytes: &mut Vec<u8>, offset: u64) -> io::Result<usize> {
    Ok(pread(file, spare_capacity(bytes), offset)?)
}

/// A file in memory with these bytes.
pub(crate) fn memory_file(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("wasmer-memory", MemfdFlags::CLOEXEC)?);
    limit_as_error(|| io::Write::write_all(&mut file, bytes)).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => {
            let message =
                format!("{} bytes in memory are more than the limit of file sizes (`ulimit -f`)", bytes.len());
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
