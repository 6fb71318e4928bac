//! `fd_readdir`: listing a directory.
//!
//! The cookies that the guest gets are the kernel's own directory positions. So they stay valid however long the guest
//! keeps them, nothing has to be remembered for them, and a made-up one is the file system's business: it fails, or leads
//! to some other place in the same directory. What the kernel returned and the guest had no room for is kept, because
//! going back to a position costs much more than going on.

use std::ops::Range;

use rustix::fs::{AtFlags, RawDir, SeekFrom};

use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::memory::GuestMemory;
use crate::rights::Rights;
use crate::table::{Directory, Object};
use crate::types::{FileType, file_type_of};

/// Size of the witx record `dirent`, which the name follows.
const DIRENT_BYTES: usize = 24;

/// How much to ask of the kernel at a time.
const KERNEL_BUFFER_BYTES: usize = 8192;

/// The entries that the kernel returned last.
#[derive(Default)]
pub(crate) struct DirCursor {
    /// Position of the first of `entries`.
    start: u64,
    entries: Vec<Entry>,
    /// The names of all entries, one after the other.
    names: Vec<u8>,
}

struct Entry {
    inode: u64,
    /// Position of the entry after this one.
    next: u64,
    file_type: FileType,
    name: Range<usize>,
}

impl WasiCtx {
    /// Writes entries from `cookie` on until the buffer is full; the last one may be cut off. Less than a full buffer
    /// means that there are no more.
    pub fn fd_readdir(
        &mut self,
        mem: &GuestMemory<'_>,
        fd: u32,
        buf: u32,
        buf_len: u32,
        cookie: u64,
        bufused: u32,
    ) -> WasiResult {
        let descriptor = self.table.get_mut(fd)?;
        descriptor.require(Rights::FD_READDIR)?;
        mem.check(buf, buf_len)?;
        mem.check(bufused, 4)?;
        let Object::Dir(dir) = &mut descriptor.object else {
            return Err(Errno::Notdir.into());
        };
        let mut cursor = dir.cursor.take().unwrap_or_default();
        let mut listing = Listing { mem, at: buf, room: buf_len as usize };
        let result = list(dir, &mut cursor, cookie, &mut listing);
        dir.cursor = Some(cursor);
        result?;
        Ok(mem.write_u32(bufused, buf_len - listing.room as u32)?)
    }
}

/// The part of the guest's buffer that is still free.
struct Listing<'m> {
    mem: &'m GuestMemory<'m>,
    at: u32,
    room: usize,
}

impl Listing<'_> {
    /// Writes as much as there is room for.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let len = bytes.len().min(self.room);
        self.mem.write_bytes(self.at, &bytes[..len])?;
        // The end of the buffer was checked to lie inside the memory, so this wraps to 0 at most at its very end.
        self.at = self.at.wrapping_add(len as u32);
        self.room -= len;
        Ok(())
    }
}

fn list(dir: &Directory, cursor: &mut DirCursor, cookie: u64, listing: &mut Listing<'_>) -> WasiResult {
    let mut index = cursor.locate(dir, cookie)?;
    while listing.room > 0 {
        if index == cursor.entries.len() {
            cursor.refill(dir)?;
            index = 0;
            if cursor.entries.is_empty() {
                break;
            }
        }
        let entry = &cursor.entries[index];
        let name = &cursor.names[entry.name.clone()];
        listing.put(&entry.header(name.len()))?;
        listing.put(name)?;
        index += 1;
    }
    Ok(())
}

impl Entry {
    fn header(&self, name_len: usize) -> [u8; DIRENT_BYTES] {
        let mut header = [0; DIRENT_BYTES];
        header[0..8].copy_from_slice(&self.next.to_le_bytes());
        header[8..16].copy_from_slice(&self.inode.to_le_bytes());
        header[16..20].copy_from_slice(&(name_len as u32).to_le_bytes());
        header[20] = self.file_type as u8;
        header
    }
}

impl DirCursor {
    /// The index of the entry at `cookie`, which may be one past the last. Moves in the directory if it has to, and
    /// always for cookie 0, the start: that asks for the directory as it is now.
    fn locate(&mut self, dir: &Directory, cookie: u64) -> WasiResult<usize> {
        if cookie != 0 {
            if cookie == self.start {
                return Ok(0);
            }
            if let Some(before) = self.entries.iter().position(|entry| entry.next == cookie) {
                return Ok(before + 1);
            }
        }
        rustix::fs::seek(&dir.file, SeekFrom::Start(cookie)).map_err(|_| Errno::Inval)?;
        self.entries.clear();
        self.names.clear();
        self.start = cookie;
        Ok(0)
    }

    /// Replaces the entries by the next ones from the kernel; by none at the end of the directory.
    fn refill(&mut self, dir: &Directory) -> WasiResult {
        if let Some(last) = self.entries.last() {
            self.start = last.next;
        }
        self.entries.clear();
        self.names.clear();
        let mut buffer = Vec::with_capacity(KERNEL_BUFFER_BYTES);
        let mut raw = RawDir::new(&dir.file, buffer.spare_capacity_mut());
        while let Some(entry) = raw.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            let start = self.names.len();
            self.names.extend_from_slice(name);
            let (file_type, inode) = match name {
                // The directory above may lie outside of what the guest was granted: its number is not told.
                b".." => (FileType::Directory, 0),
                _ => match entry.file_type().into() {
                    FileType::Unknown => (type_by_name(dir, name), entry.ino()),
                    known => (known, entry.ino()),
                },
            };
            self.entries.push(Entry {
                inode,
                next: entry.next_entry_cookie(),
                file_type,
                name: start..self.names.len(),
            });
            if raw.is_buffer_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// Some file systems do not tell the types of entries.
fn type_by_name(dir: &Directory, name: &[u8]) -> FileType {
    rustix::fs::statat(&dir.file, name, AtFlags::SYMLINK_NOFOLLOW).map_or(FileType::Unknown, |stat| file_type_of(&stat))
}
