//! Listing a directory, entry by entry.

use crate::ctx::WasiCtx;
use crate::directory::{DirCursor, Directory};
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::host::files::{self, Mode, OFlags};
use crate::rights::Rights;
use crate::table::{Descriptor, Object};
use crate::types::FileType;

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// What has the name.
    pub file_type: FileType,
    /// Bytes, as on the host.
    pub name: Vec<u8>,
}

/// Where a listing has come to.
#[derive(Default)]
pub struct DirEntries {
    cursor: DirCursor,
    /// The next one of the entries in the cursor.
    index: usize,
    is_at_end: bool,
}

impl WasiCtx {
    /// Opens a directory once more, to list it from the start: listings that share a descriptor would share the place, too.
    pub fn open_listing(&mut self, fd: u32) -> WasiResult<u32> {
        self.table.check_room()?;
        let parent = self.table.get(fd)?;
        let dir = parent.dir()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let file = files::openat(&dir.file, ".", flags, Mode::empty())?.into();
        let again = Directory { file, is_root: dir.is_root, identity: dir.identity, cursor: None };
        Ok(self.table.insert(Descriptor {
            object: Object::Dir(again),
            rights: Rights::DIRECTORY,
            inheriting: Rights::NONE,
            preopen: None,
            read_only: parent.read_only,
        })?)
    }

    /// The next entry of a directory that only this listing reads; none at the end. The directory itself and the one above are no entries.
    pub fn next_entry(&self, fd: u32, entries: &mut DirEntries) -> WasiResult<Option<DirEntry>> {
        let Object::Dir(dir) = &self.table.get(fd)?.object else {
            return Err(Errno::Notdir.into());
        };
        loop {
            if let Some((file_type, name)) = entries.cursor.entry(entries.index) {
                entries.index += 1;
                if name != b"." && name != b".." {
                    return Ok(Some(DirEntry { file_type, name: name.to_owned() }));
                }
            } else if entries.is_at_end {
                return Ok(None);
            } else {
                self.interrupt.check()?;
                entries.cursor.refill(dir)?;
                entries.index = 0;
                entries.is_at_end = entries.cursor.entry(0).is_none();
            }
        }
    }
}
