//! Read-only and executable views of artifacts, and files in memory.

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::{Advice, Mmap, MmapMut, MmapOptions};
use rustix::fs::{MemfdFlags, memfd_create};

/// A read-only view: of a part of a file, or of a copy in anonymous memory.
#[derive(Debug)]
pub struct View {
    map: Mmap,
    len: usize,
    copied: bool,
}

impl View {
    /// Maps `len` bytes at `offset` for reading.
    pub fn new(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        // SAFETY: artifact files are replaced by renaming, never written in place; whoever shortens one that is in use breaks his own runs, as
        // with any executable file.
        let map = unsafe { MmapOptions::new().offset(offset).len(len).map(file)? };
        Ok(Self { map, len, copied: false })
    }

    /// A copy of bytes in anonymous memory.
    pub fn copy(bytes: &[u8]) -> io::Result<Self> {
        Ok(Self { map: anonymous(bytes)?.make_read_only()?, len: bytes.len(), copied: true })
    }
}

impl Deref for View {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map[..self.len]
    }
}

/// Executable pages: never writable at the same time.
#[derive(Debug)]
pub struct Code {
    view: View,
    refused: bool,
}

impl Code {
    /// Maps `len` bytes at `offset` for reading and executing: directly from the file, or, where files may not be executed
    /// (a `noexec` mount), from a copy in anonymous memory.
    pub fn new(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        // SAFETY: see `View::new`.
        match unsafe { MmapOptions::new().offset(offset).len(len).map_exec(file) } {
            Ok(map) => Ok(Self { view: View { map, len, copied: false }, refused: false }),
            Err(error) if error.raw_os_error() == Some(libc::EPERM) || error.raw_os_error() == Some(libc::EACCES) => {
                Ok(Self { refused: true, ..Self::copy(&View::new(file, offset, len)?)? })
            }
            Err(error) => Err(error),
        }
    }

    /// A copy of code in anonymous memory.
    pub fn copy(code: &[u8]) -> io::Result<Self> {
        let view = View { map: anonymous(code)?.make_exec()?, len: code.len(), copied: true };
        Ok(Self { view, refused: false })
    }

    /// Whether it is in anonymous memory.
    pub fn is_copied(&self) -> bool {
        self.view.copied
    }

    /// Whether it is there because its file may not be executed.
    pub fn is_refused(&self) -> bool {
        self.refused
    }
}

impl Deref for Code {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.view
    }
}

/// What the system can give and take back at once, on every supported machine with pages of 4 KiB.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// A copy of bytes. Large ones are in huge pages where the system has some, because giving back thousands of small ones takes milliseconds.
fn anonymous(bytes: &[u8]) -> io::Result<MmapMut> {
    // A last one of which less than half were needed stays in small pages.
    let huge_bytes = (bytes.len() + HUGE_PAGE_BYTES / 2) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    // The system aligns mappings of whole huge pages to them.
    let map_bytes = if huge_bytes == 0 { bytes.len() } else { bytes.len().next_multiple_of(HUGE_PAGE_BYTES) };
    let mut copy = MmapMut::map_anon(map_bytes)?;
    if huge_bytes > 0 {
        // Not every system has them, and none needs them.
        let _ = copy.advise_range(Advice::HugePage, 0, huge_bytes);
    }
    copy[..bytes.len()].copy_from_slice(bytes);
    Ok(copy)
}

/// A file in memory with these bytes: memories can be mapped from it, copy-on-write.
pub fn memory_file(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("wasmer-memory", MemfdFlags::CLOEXEC)?);
    io::Write::write_all(&mut file, bytes)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_as_long_as_what_was_copied() {
        for len in [0, 1, 4096, HUGE_PAGE_BYTES / 2, HUGE_PAGE_BYTES - 1, HUGE_PAGE_BYTES, 2 * HUGE_PAGE_BYTES + 1] {
            let bytes: Vec<u8> = (0..len).map(|index| (index / 4096) as u8).collect();
            assert!(*View::copy(&bytes).unwrap() == bytes, "{len} bytes");
            assert!(*Code::copy(&bytes).unwrap() == bytes, "{len} bytes of code");
        }
    }
}
