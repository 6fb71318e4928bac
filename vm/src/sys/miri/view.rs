//! Files are read.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A part of a file, read.
#[derive(Debug)]
pub(crate) struct FileView(Vec<u8>);

impl FileView {
    /// Reads `len` bytes at `offset`.
    ///
    /// # Safety
    /// As everywhere: nobody writes to the file or shortens it as long as the view lives.
    pub(crate) unsafe fn new(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(Self(bytes))
    }
}

impl Deref for FileView {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// A vector with room for so many bytes.
pub(crate) fn buffer(bytes: usize) -> io::Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(bytes).map_err(io::Error::other)?;
    Ok(buffer)
}

/// Appends bytes of a file to `bytes`, at most as many as there is capacity for, and returns how many: none at its end.
pub(crate) fn read_at(file: &File, bytes: &mut Vec<u8>, offset: u64) -> io::Result<usize> {
    let (len, capacity) = (bytes.len(), bytes.capacity());
    bytes.resize(capacity, 0);
    let read = file.read_at(&mut bytes[len..], offset);
    bytes.truncate(len + *read.as_ref().unwrap_or(&0));
    read
}

/// Fills `bytes` with what the file has at `offset`, which has to be as much.
pub(crate) fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(bytes, offset)
}

/// Nothing is to be done.
pub(crate) fn will_write() {}

/// Writes bytes to a place of a file.
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// A file with these bytes that has no name.
pub(crate) fn memory_file_of(bytes: &[u8]) -> io::Result<File> {
    memory_file(bytes.len(), std::iter::once((0, bytes)))
}

/// A file of so many bytes that has no name, zeros but for parts that start where it is said.
pub(crate) fn memory_file<'a>(bytes: usize, parts: impl Iterator<Item = (usize, &'a [u8])>) -> io::Result<File> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("wasmer-memory-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    let file = create_private(&path)?;
    std::fs::remove_file(&path)?;
    file.set_len(bytes as u64)?;
    for (start, part) in parts {
        file.write_all_at(part, start as u64)?;
    }
    Ok(file)
}

/// A new file, to be read and written; it must not be there.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(path)
}
