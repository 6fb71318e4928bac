//! Read-only and executable views of artifact files, and files in memory.

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::{Mmap, MmapMut, MmapOptions};
use rustix::fs::{MemfdFlags, memfd_create};

/// A read-only view of a part of a file.
#[derive(Debug)]
pub struct View(Mmap);

impl View {
    /// Maps `len` bytes at `offset` for reading.
    pub fn new(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        // SAFETY: artifact files are replaced by renaming, never written in place; whoever shortens one that is in use breaks his own runs, as
        // with any executable file.
        Ok(Self(unsafe { MmapOptions::new().offset(offset).len(len).map(file)? }))
    }
}

impl Deref for View {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Executable pages: never writable at the same time.
#[derive(Debug)]
pub struct Code {
    map: Mmap,
    copied: bool,
}

impl Code {
    /// Maps `len` bytes at `offset` for reading and executing: directly from the file, or, where files may not be executed
    /// (a `noexec` mount), from a copy in anonymous memory.
    pub fn new(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        // SAFETY: see `View::new`.
        match unsafe { MmapOptions::new().offset(offset).len(len).map_exec(file) } {
            Ok(map) => Ok(Self { map, copied: false }),
            Err(error) if error.raw_os_error() == Some(libc::EPERM) || error.raw_os_error() == Some(libc::EACCES) => {
                Self::copy(&View::new(file, offset, len)?)
            }
            Err(error) => Err(error),
        }
    }

    /// A copy of code in anonymous memory.
    pub fn copy(code: &[u8]) -> io::Result<Self> {
        let mut copy = MmapMut::map_anon(code.len())?;
        copy.copy_from_slice(code);
        Ok(Self { map: copy.make_exec()?, copied: true })
    }

    /// Whether the code had to be copied.
    pub fn is_copied(&self) -> bool {
        self.copied
    }
}

impl Deref for Code {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

/// A file in memory with these bytes, for images that are not kept.
pub fn memory_file(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("wasmer-image", MemfdFlags::CLOEXEC)?);
    io::Write::write_all(&mut file, bytes)?;
    Ok(file)
}
