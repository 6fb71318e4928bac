//! One compile per key, however many processes start at once.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, fstat, openat, unlinkat};

use crate::store::is_ours;

/// Holds the lock file of a key; released, and the file removed, on drop. The kernel releases the lock of a killed process.
#[derive(Debug)]
pub struct KeyLock<'a> {
    folder: BorrowedFd<'a>,
    name: String,
    _file: File,
}

impl<'a> KeyLock<'a> {
    /// Waits for the lock called `name` in `folder`.
    pub fn acquire(folder: BorrowedFd<'a>, name: String) -> io::Result<Self> {
        loop {
            let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let file: OwnedFd = openat(folder, &name, flags, Mode::RUSR | Mode::WUSR)?;
            let file = File::from(file);
            if !is_ours(&fstat(&file)?) {
                // Left from a time when others could enter the folder: they could keep us waiting.
                unlinkat(folder, &name, AtFlags::empty())?;
                continue;
            }
            file.lock()?;
            // The last holder removes the file, so a waiter can wake up with the lock of a file that has no name any more,
            // while somebody else locks a new one.
            if fstat(&file)?.st_nlink > 0 {
                return Ok(Self { folder, name, _file: file });
            }
        }
    }
}

impl Drop for KeyLock<'_> {
    fn drop(&mut self) {
        // A lock file that stays behind does no harm.
        let _ = unlinkat(self.folder, &self.name, AtFlags::empty());
    }
}
