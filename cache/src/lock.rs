//! One compile per key, however many processes start at once.

use std::fs::{File, TryLockError};
use std::io;

use crate::fs::{AtFlags, BorrowedFd, Mode, OFlags, OwnedFd, fstat, is_ours, openat, unlinkat};

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
            let file = open(folder, &name)?;
            file.lock()?;
            if has_name(&file)? {
                return Ok(Self { folder, name, _file: file });
            }
        }
    }
}

/// The locked file called `name` in `folder`; none if somebody else holds its lock.
pub(crate) fn try_lock(folder: BorrowedFd<'_>, name: &str) -> io::Result<Option<File>> {
    loop {
        let file = open(folder, name)?;
        match file.try_lock() {
            Ok(()) if has_name(&file)? => return Ok(Some(file)),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Opens a lock file, making it if it is missing.
fn open(folder: BorrowedFd<'_>, name: &str) -> io::Result<File> {
    loop {
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file: OwnedFd = openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?;
        if is_ours(&fstat(&file)?) {
            return Ok(File::from(file));
        }
        // Left from a time when others could enter the folder: they could keep us waiting.
        unlinkat(folder, name, AtFlags::empty())?;
    }
}

/// The last holder removes the file, so a waiter can wake up with the lock of a file that has no name any more, while somebody else locks a new
/// one.
fn has_name(file: &File) -> io::Result<bool> {
    Ok(fstat(file)?.st_nlink > 0)
}

impl Drop for KeyLock<'_> {
    fn drop(&mut self) {
        // A lock file that stays behind does no harm.
        let _ = unlinkat(self.folder, &self.name, AtFlags::empty());
    }
}
