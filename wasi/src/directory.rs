//! Directories that are open, and what the kernel says is in them.
//!
//! The cookies that the guest gets stand for the kernel's own directory positions, so they stay valid however long the guest keeps them,
//! whatever is created or removed meanwhile. C programs keep them in 31 bits (`telldir` returns a `long`), and many file systems'
//! positions are hashes of 63: those are remembered by number, up to a limit, behind which the position itself is the cookie. A made-up
//! one fails, or leads to some other place in the same directory. What the kernel returned and the guest had no room for is kept,
//! because going back to a position costs much more than going on.
//!
//! No entry has the inode 0: C libraries take that for "unknown", and ask for the attributes of the name. `..` is that of a granted
//! directory itself, as at the root of a file system: what is above it does not exist for the guest.

use std::fs::File;
use std::ops::Range;

use crate::errno::Errno;
use crate::error::WasiResult;
use crate::host::files::{self, AtFlags, FileType as HostFileType, RawDir, SeekFrom};
use crate::types::{FileType, file_type_of};

/// A directory of the host. `File`, because that is what cap-primitives resolves paths from.
pub(crate) struct Directory {
    pub(crate) file: File,
    /// Whether it is one that was granted: for the guest, nothing is above it.
    pub(crate) is_root: bool,
    /// Device and inode.
    pub(crate) identity: (u64, u64),
    pub(crate) cursor: Option<Box<DirCursor>>,
}

/// How much to ask of the kernel at a time.
const KERNEL_BUFFER_BYTES: usize = 8192;

/// The entries that the kernel returned last.
#[derive(Default)]
pub(crate) struct DirCursor {
    /// Position of the first of `entries`.
    start: u64,
    pub(crate) entries: Vec<Entry>,
    /// The names of all entries, one after the other.
    pub(crate) names: Vec<u8>,
    cookies: Cookies,
}

/// The cookies of positions.
#[derive(Default)]
struct Cookies {
    /// What the cookies from [`NUMBERED`] on stand for.
    positions: Vec<u64>,
    /// Which of them the next position is probably: listing a directory again finds the same ones.
    next: usize,
}

/// Positions below are their own cookies; from here on they are numbered.
const NUMBERED: u64 = 1 << 30;

/// How many positions of a descriptor are remembered.
const POSITIONS_MAX: usize = 1 << 14;

/// Marks a cookie that is a position which was not remembered. Positions are signed on the host.
const UNNUMBERED: u64 = 1 << 63;

impl Cookies {
    fn cookie(&mut self, position: u64) -> u64 {
        if position < NUMBERED {
            return position;
        }
        if self.positions.get(self.next) != Some(&position) {
            if self.positions.len() == POSITIONS_MAX {
                return position | UNNUMBERED;
            }
            self.next = self.positions.len();
            self.positions.push(position);
        }
        self.next += 1;
        NUMBERED + (self.next as u64 - 1)
    }

    fn position(&self, cookie: u64) -> Result<u64, Errno> {
        if cookie < NUMBERED {
            return Ok(cookie);
        }
        if cookie & UNNUMBERED != 0 {
            return Ok(cookie & !UNNUMBERED);
        }
        let number = usize::try_from(cookie - NUMBERED).map_err(|_| Errno::Inval)?;
        self.positions.get(number).copied().ok_or(Errno::Inval)
    }

    /// Listing goes on at this cookie.
    fn go_on_at(&mut self, cookie: u64) {
        let behind =
            cookie.checked_sub(NUMBERED).map_or(0, |number| usize::try_from(number).unwrap_or(usize::MAX - 1) + 1);
        self.next = behind.min(self.positions.len());
    }
}

/// One of them.
pub(crate) struct Entry {
    pub(crate) inode: u64,
    /// Position of the entry after this one.
    next: u64,
    /// Its cookie.
    pub(crate) cookie: u64,
    pub(crate) file_type: FileType,
    pub(crate) name: Range<usize>,
}

impl DirCursor {
    /// The index of the entry at `cookie`, which may be one past the last. Moves in the directory if it has to, and
    /// always for cookie 0, the start: that asks for the directory as it is now.
    pub(crate) fn locate(&mut self, dir: &Directory, cookie: u64) -> WasiResult<usize> {
        let position = self.cookies.position(cookie)?;
        if position != 0 {
            if position == self.start {
                return Ok(0);
            }
            if let Some(before) = self.entries.iter().position(|entry| entry.next == position) {
                return Ok(before + 1);
            }
        }
        files::seek(&dir.file, SeekFrom::Start(position)).map_err(|_| Errno::Inval)?;
        self.cookies.go_on_at(cookie);
        self.entries.clear();
        self.names.clear();
        self.start = position;
        Ok(0)
    }

    /// Type and name of an entry that the kernel returned last.
    pub(crate) fn entry(&self, index: usize) -> Option<(FileType, &[u8])> {
        let entry = self.entries.get(index)?;
        Some((entry.file_type, &self.names[entry.name.clone()]))
    }

    /// Replaces the entries by the next ones from the kernel; by none at the end of the directory.
    pub(crate) fn refill(&mut self, dir: &Directory) -> WasiResult {
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
                b".." if dir.is_root => (FileType::Directory, dir.identity.1),
                b".." => (FileType::Directory, entry.ino()),
                _ => match (entry.file_type(), entry.ino()) {
                    // Some file systems do not tell them.
                    (HostFileType::Unknown, inode) | (_, inode @ 0) => by_name(dir, name, inode),
                    (known, inode) => (known.into(), inode),
                },
            };
            let next = entry.next_entry_cookie();
            let cookie = self.cookies.cookie(next);
            self.entries.push(Entry { inode, next, cookie, file_type, name: start..self.names.len() });
            if raw.is_buffer_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// Type and inode of what has the name now; the `inode` that was listed if that is nothing.
fn by_name(dir: &Directory, name: &[u8], inode: u64) -> (FileType, u64) {
    match files::statat(&dir.file, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => (file_type_of(&stat), stat.st_ino),
        Err(_) => (FileType::Unknown, inode),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: u64 = 0x7123_4567_89ab_cdef;

    #[test]
    fn cookies_fit_31_bits_and_lead_back() {
        let mut cookies = Cookies::default();
        for position in [0, 1, NUMBERED - 1, NUMBERED, FAR, 1 << 62] {
            let cookie = cookies.cookie(position);
            assert!(cookie < 1 << 31, "{position}");
            assert_eq!(cookies.position(cookie), Ok(position));
        }
        assert_eq!(cookies.position(NUMBERED + 3), Err(Errno::Inval), "never given");
        assert_eq!(cookies.position(1 << 40), Err(Errno::Inval));
    }

    #[test]
    fn listing_again_gives_the_same_cookies() {
        let mut cookies = Cookies::default();
        let list = |cookies: &mut Cookies| -> Vec<u64> { (0..100).map(|at| cookies.cookie(FAR + at)).collect() };
        let first = list(&mut cookies);
        cookies.go_on_at(0);
        assert_eq!(list(&mut cookies), first);
        cookies.go_on_at(first[40]);
        assert_eq!(cookies.cookie(FAR + 41), first[41]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut cookies = Cookies::default();
        for at in 0..POSITIONS_MAX as u64 + 10 {
            let cookie = cookies.cookie(FAR + at);
            assert_eq!(cookies.position(cookie), Ok(FAR + at));
        }
        assert_eq!(cookies.positions.len(), POSITIONS_MAX);
    }
}
