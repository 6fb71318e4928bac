//! Recognising a file without reading it.
//!
//! A user cannot set a file's change time, so the same device, inode, size, modification time and change time mean the
//! same bytes — unless the file was changed again within the clock's granularity after it was hashed. Hence git's
//! *racily clean* rule: a record is only made when the file's change time is clearly older than the moment of hashing.
//!
//! Writing through a shared mapping changes the times too, but only when a clean page is first written: what follows, until the page is
//! written back, leaves no trace. So the file is written back before it is hashed ([`crate::Cache::before_reading`]).

use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

use crate::fs::{self, AsFd, Stat};

/// Coarsest clock tick of the file systems that are trusted ([`fs::keeps_exact_times`]), with a margin.
const CLOCK_GRANULARITY: Duration = Duration::from_millis(20);

/// Whether files may be recognised by identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// By device, inode, size and times.
    #[default]
    Stat,
    /// Never: always hash the bytes.
    Hash,
}

/// Why a file was not recognised by its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrecognised {
    /// Identities are not trusted: [`Trust::Hash`].
    Distrusted,
    /// No file of this device and inode was remembered.
    New,
    /// It changed since it was remembered.
    Changed,
}

impl fmt::Display for Unrecognised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Distrusted => "identities are not trusted",
            Self::New => "not seen before",
            Self::Changed => "changed since it was seen",
        })
    }
}

/// Why a file will not be recognised by its identity the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRemembered {
    /// Identities are not trusted: [`Trust::Hash`].
    Distrusted,
    /// It changed while it was read.
    Changing,
    /// It changed so recently that another change would not show.
    Fresh,
    /// Its file system is not known to keep exact times.
    Inexact,
}

impl fmt::Display for NotRemembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Distrusted => "identities are not trusted",
            Self::Changing => "it changed while it was read",
            Self::Fresh => "it changed a moment ago",
            Self::Inexact => "its file system is not known to keep exact times",
        })
    }
}

/// What recognises a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Length in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970.
    pub modified_ns: i128,
    /// Change time in nanoseconds since 1970.
    pub changed_ns: i128,
}

impl FileIdentity {
    /// The identity of an open file.
    pub fn of(file: impl AsFd) -> io::Result<Self> {
        Ok(Self::from_stat(&fs::fstat(file)?))
    }

    /// The identity in the result of `stat`.
    #[allow(clippy::unnecessary_cast, reason = "the field types differ between architectures")]
    pub fn from_stat(stat: &Stat) -> Self {
        let nanoseconds = |seconds: i64, rest: u64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified_ns: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
            changed_ns: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
        }
    }

    /// Whether the change time is so much older than `now` that any later change would show.
    pub fn is_settled(&self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_nanos() as i128);
        self.changed_ns + (CLOCK_GRANULARITY.as_nanos() as i128) < now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn fresh_files_are_not_settled() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"x").unwrap();
        let identity = FileIdentity::of(&file).unwrap();
        let changed = SystemTime::UNIX_EPOCH + Duration::from_nanos(identity.changed_ns as u64);
        assert!(!identity.is_settled(changed));
        assert!(!identity.is_settled(changed + CLOCK_GRANULARITY));
        assert!(identity.is_settled(changed + 2 * CLOCK_GRANULARITY));
    }

    #[test]
    fn a_change_changes_the_identity() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let before = FileIdentity::of(file.as_file()).unwrap();
        file.write_all(b"x").unwrap();
        assert_ne!(before, FileIdentity::of(file.as_file()).unwrap());
    }
}
