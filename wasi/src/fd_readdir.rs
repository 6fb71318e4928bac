//! `fd_readdir`: listing a directory.

use crate::ctx::{Interrupt, WasiCtx};
use crate::directory::{DirCursor, Directory, Entry};
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::memory::GuestMemory;
use crate::table::Object;

/// Size of the witx record `dirent`, which the name follows.
const DIRENT_BYTES: usize = 24;

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
        mem.check(buf, buf_len)?;
        mem.check(bufused, 4)?;
        let Object::Dir(dir) = &mut descriptor.object else {
            return Err(Errno::Notdir.into());
        };
        let mut cursor = dir.cursor.take().unwrap_or_default();
        let mut listing = Listing { mem, at: buf, room: buf_len as usize };
        let result = list(&self.interrupt, dir, &mut cursor, cookie, &mut listing);
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

fn list(
    interrupt: &Interrupt,
    dir: &Directory,
    cursor: &mut DirCursor,
    cookie: u64,
    listing: &mut Listing<'_>,
) -> WasiResult {
    let mut index = cursor.locate(dir, cookie)?;
    while listing.room > 0 {
        if index == cursor.entries.len() {
            interrupt.check()?;
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
        header[0..8].copy_from_slice(&self.cookie.to_le_bytes());
        header[8..16].copy_from_slice(&self.inode.to_le_bytes());
        header[16..20].copy_from_slice(&(name_len as u32).to_le_bytes());
        header[20] = self.file_type.code();
        header
    }
}
