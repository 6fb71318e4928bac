//! The finisher: a process that makes better artifacts when nobody waits for them, at most one for each store.
//!
//! Its lock file is `locks/finisher`. Whoever decides that something has to be made takes the lock and hands the open file on to the process that it
//! starts: a lock of this kind belongs to the open file, so there is no moment in between, and it is gone when the process is, however that ends.
//! The file says which process that is, since when, and what it makes.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::error::CacheError;
use crate::fs::{AsFd, AtFlags, Errno, FileExt, Mode, OFlags, Process, fstat, openat, statat, unlinkat};
use crate::lock::try_lock;
use crate::store::Cache;

/// Name of the lock file.
const NAME: &str = "finisher";
/// What is read of it.
const NOTE_BYTES_MAX: usize = 4096;
/// How long a finisher may take to be gone after it was asked to; it has the lowest priority.
const PATIENCE: Duration = Duration::from_secs(10);

/// The right to be the store's finisher, for as long as the file, or a copy of it in another process, is open.
#[derive(Debug)]
pub struct FinisherLock(File);

/// A finisher at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finisher {
    /// Its process; none as long as it has not said so.
    pub pid: Option<u32>,
    /// When it began, in seconds since 1970.
    pub since_s: u64,
    /// The compiler.
    pub backend: String,
    /// The name of the module's file.
    pub name: String,
}

impl FinisherLock {
    /// The file, for the process that goes on with it.
    pub fn into_file(self) -> File {
        self.0
    }

    /// Says what this process makes.
    pub fn announce(&self, backend: &str, name: &str) -> io::Result<()> {
        let pid = std::process::id();
        let since_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let name: String = name.chars().filter(|letter| !letter.is_control()).take(NOTE_BYTES_MAX / 8).collect();
        self.0.write_all_at(format!("{pid} {since_s} {backend} {name}\n").as_bytes(), 0)
    }
}

impl Finisher {
    fn decode(text: &[u8]) -> Option<Self> {
        // A line without its end has not been written whole.
        let line = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
        let mut parts = line.splitn(4, ' ');
        Some(Self {
            pid: Some(parts.next()?.parse().ok()?),
            since_s: parts.next()?.parse().ok()?,
            backend: parts.next()?.to_owned(),
            name: parts.next()?.to_owned(),
        })
    }

    fn read(file: &File) -> io::Result<Self> {
        let mut text = vec![0; NOTE_BYTES_MAX];
        let len = file.read_at(&mut text, 0)?;
        let starting = Self { pid: None, since_s: 0, backend: String::new(), name: String::new() };
        Ok(Self::decode(&text[..len]).unwrap_or(starting))
    }
}

impl Cache {
    /// Takes the lock of the finisher; none if there is one at work.
    pub fn become_finisher(&self) -> Result<Option<FinisherLock>, CacheError> {
        let file = self.lock_finisher()?;
        if let Some(file) = &file {
            // What the last one said, if it was killed.
            file.set_len(0).map_err(|source| self.io("could not take a lock", source))?;
        }
        Ok(file.map(FinisherLock))
    }

    /// Goes on with the lock of whoever started this process; none if the file is not that of the lock.
    pub fn adopt_finisher(&self, file: File) -> Result<Option<FinisherLock>, CacheError> {
        let io = |source: Errno| self.io("could not examine the lock of the finisher", source.into());
        let ours = match statat(&self.locks, NAME, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            result => result.map_err(io)?,
        };
        let given = fstat(&file).map_err(io)?;
        let is_it = (ours.st_dev, ours.st_ino) == (given.st_dev, given.st_ino);
        Ok(is_it.then_some(FinisherLock(file)))
    }

    fn lock_finisher(&self) -> Result<Option<File>, CacheError> {
        try_lock(self.locks.as_fd(), NAME).map_err(|source| self.io("could not take a lock", source))
    }

    /// Ends being the finisher, and leaves nothing of it.
    pub fn retire_finisher(&self, lock: FinisherLock) {
        // Still locked, so that it is not another one's. A lock file that stays behind does no harm.
        let _ = unlinkat(&self.locks, NAME, AtFlags::empty());
        drop(lock);
    }

    /// The finisher that is at work.
    pub fn finisher(&self) -> Result<Option<Finisher>, CacheError> {
        Ok(self.working_finisher()?.map(|(finisher, _)| finisher))
    }

    /// The finisher that is at work, and its lock file.
    fn working_finisher(&self) -> Result<Option<(Finisher, File)>, CacheError> {
        if let Some(file) = self.lock_finisher()? {
            self.retire_finisher(FinisherLock(file));
            return Ok(None);
        }
        let io = |source| self.io("could not read the lock of the finisher", source);
        match openat(&self.locks, NAME, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(file) => {
                let file = File::from(file);
                Ok(Some((Finisher::read(&file).map_err(io)?, file)))
            }
            // It has just ended.
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(io(error.into())),
        }
    }

    /// Ends the finisher that is at work, waits until it is gone, removes what it leaves, and says what it was.
    pub fn stop_finisher(&self) -> Result<Option<Finisher>, CacheError> {
        let failed = |source| self.io("could not stop the finisher", source);
        let started = Instant::now();
        while let Some((finisher, lock)) = self.working_finisher()? {
            let is_elsewhere = match finisher.pid.and_then(Process::hold) {
                Some(process) if process.has_open(&lock) => {
                    process.end(PATIENCE).map_err(failed)?;
                    // Now that the lock is free, this removes it.
                    self.finisher()?;
                    self.sweep()?;
                    return Ok(Some(finisher));
                }
                Some(_) => true,
                // It has not said yet who it is, or has just ended.
                None => started.elapsed() > PATIENCE,
            };
            if is_elsewhere {
                return Err(failed(io::Error::other("it runs in another container, or on another machine")));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(None)
    }
}
