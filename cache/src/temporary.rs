//! Files being written: named so that nobody takes them for artifacts, locked so that others see whether their writer still lives.

use std::fmt::Display;
use std::fs::{File, TryLockError};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::fs::{AtFlags, BorrowedFd, Errno, Mode, OFlags, fstat, openat, renameat, unlinkat};

/// First byte of the names of files being written.
pub(crate) const MARK: u8 = b'.';

/// A file being written. Without [`Temporary::rename`] it is gone on drop.
#[derive(Debug)]
pub(crate) struct Temporary<'a> {
    folder: BorrowedFd<'a>,
    name: String,
    file: File,
    is_renamed: bool,
}

impl<'a> Temporary<'a> {
    /// A new file for what is called `name` once it is there.
    pub(crate) fn create(folder: BorrowedFd<'a>, name: &dyn Display) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let stem = format!("{}{name}.{}", char::from(MARK), std::process::id());
        loop {
            let name = format!("{stem}.{}", NEXT.fetch_add(1, Ordering::Relaxed));
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let file = match openat(folder, &name, flags, Mode::RUSR | Mode::WUSR) {
                Ok(file) => File::from(file),
                // A process of the same number was killed, or runs in another namespace.
                Err(Errno::EXIST) => continue,
                Err(error) => return Err(error.into()),
            };
            match file.try_lock() {
                // Somebody who cleans up has just taken it for abandoned, and removes it.
                Err(TryLockError::WouldBlock) => continue,
                // Where files cannot be locked, nobody can prove that the writer is gone, so that the file stays.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            // If he was quicker still, the file has no name any more.
            if fstat(&file)?.st_nlink > 0 {
                return Ok(Self { folder, name, file, is_renamed: false });
            }
        }
    }

    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives the file its name, replacing another one.
    pub(crate) fn rename(mut self, name: &str) -> io::Result<()> {
        renameat(self.folder, &self.name, self.folder, name)?;
        self.is_renamed = true;
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.is_renamed {
            // If this fails, the next writer does it.
            let _ = unlinkat(self.folder, &self.name, AtFlags::empty());
        }
    }
}

/// Removes a file whose writer, who holds its lock as long as it lives, is gone.
pub(crate) fn remove_if_abandoned(folder: BorrowedFd<'_>, name: &[u8]) {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    if let Ok(file) = openat(folder, name, flags, Mode::empty()).map(File::from)
        && file.try_lock().is_ok()
        && fstat(&file).is_ok_and(|stat| stat.st_nlink > 0)
    {
        // Still locked, so that nobody takes the file for his before it is gone. Another process may have removed it.
        let _ = unlinkat(folder, name, AtFlags::empty());
    }
}
