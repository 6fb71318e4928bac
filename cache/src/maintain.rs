//! Looking after the store: listing, eviction, verification, cleaning.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat, unlinkat};

use crate::error::CacheError;
use crate::key::ArtifactKey;
use crate::record::{self, UseRecord};
use crate::store::{Cache, artifact_name, today};

/// An artifact in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: ArtifactKey,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Days since 1970 of its last use; 0 if unknown.
    pub day: u64,
}

/// Figures of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Artifacts.
    pub artifacts: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Module files known by identity.
    pub memos: u64,
    /// Size in bytes above which artifacts are evicted.
    pub budget_bytes: u64,
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Artifacts that passed.
    pub sound: u64,
    /// Keys of artifacts that did not, and why.
    pub damaged: Vec<(ArtifactKey, String)>,
}

impl Cache {
    /// All artifacts, least recently used first.
    pub fn entries(&self) -> Result<Vec<Entry>, CacheError> {
        let mut entries = Vec::new();
        for name in self.names(self.artifacts.as_fd())? {
            let Some(key) = name.strip_suffix(b".wart").and_then(ArtifactKey::from_hex) else { continue };
            // An artifact that another process removed in between is no entry.
            let Ok(stat) = statat(&self.artifacts, artifact_name(&key), AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let used = record::read(self.used.as_fd(), &key.to_string()).and_then(|text| UseRecord::decode(&text));
            entries.push(Entry { key, bytes: stat.st_size as u64, day: used.map_or(0, |used| used.day) });
        }
        entries.sort_by_key(|entry| (entry.day, entry.key));
        Ok(entries)
    }

    /// Figures of the store.
    pub fn stats(&self) -> Result<Stats, CacheError> {
        let entries = self.entries()?;
        Ok(Stats {
            artifacts: entries.len() as u64,
            bytes: entries.iter().map(|entry| entry.bytes).sum(),
            memos: self.names(self.memo.as_fd())?.len() as u64,
            budget_bytes: self.config.budget_bytes,
        })
    }

    /// Removes the least recently used artifacts until the rest fits the budget; `keep` stays. Returns bytes freed.
    pub(crate) fn evict(&self, keep: Option<&ArtifactKey>) -> Result<u64, CacheError> {
        let entries = self.entries()?;
        let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
        let before = total;
        for entry in entries.iter().filter(|entry| Some(&entry.key) != keep) {
            if total <= self.config.budget_bytes {
                break;
            }
            self.remove(&entry.key)?;
            total -= entry.bytes;
        }
        Ok(before - total)
    }

    /// Removes what no run needs: artifacts over the budget, left-overs of killed writers, records without an artifact, and
    /// artifacts not used for `days`, if given. Returns bytes freed.
    pub fn prune(&self, days: Option<u64>) -> Result<u64, CacheError> {
        let mut freed = self.evict(None)?;
        for entry in self.entries()? {
            if days.is_some_and(|days| entry.day + days < today()) {
                self.remove(&entry.key)?;
                freed += entry.bytes;
            }
        }
        let kept: HashSet<ArtifactKey> = self.entries()?.into_iter().map(|entry| entry.key).collect();
        self.remove_where(self.artifacts.as_fd(), |name| self.is_abandoned(name))?;
        self.remove_where(self.used.as_fd(), |name| {
            ArtifactKey::from_hex(name).is_none_or(|key| !kept.contains(&key))
        })?;
        self.remove_where(self.memo.as_fd(), |name| name.starts_with(b"."))?;
        Ok(freed)
    }

    /// Removes everything. Running programs keep what they have mapped. Returns bytes freed.
    pub fn clean(&self) -> Result<u64, CacheError> {
        let freed = self.entries()?.iter().map(|entry| entry.bytes).sum();
        for folder in [&self.used, &self.artifacts, &self.memo] {
            self.remove_where(folder.as_fd(), |_| true)?;
        }
        Ok(freed)
    }

    /// Checks every artifact with `check`, removing those that fail.
    pub fn verify(
        &self,
        mut check: impl FnMut(&ArtifactKey, File) -> Result<(), String>,
    ) -> Result<VerifyReport, CacheError> {
        let mut report = VerifyReport::default();
        for entry in self.entries()? {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let Ok(file) = openat(&self.artifacts, artifact_name(&entry.key), flags, Mode::empty()) else { continue };
            match check(&entry.key, File::from(file)) {
                Ok(()) => report.sound += 1,
                Err(reason) => {
                    self.remove(&entry.key)?;
                    report.damaged.push((entry.key, reason));
                }
            }
        }
        Ok(report)
    }

    /// Whether a file is the left-over of a writer that is gone: it has the name of a temporary file, and nobody holds the key's lock.
    fn is_abandoned(&self, name: &[u8]) -> bool {
        let Some(rest) = name.strip_prefix(b".") else { return !name.ends_with(b".wart") };
        let Some(key) = rest.get(..64).and_then(ArtifactKey::from_hex) else { return true };
        match openat(&self.locks, key.to_string(), OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(lock) => File::from(lock).try_lock().is_ok(),
            Err(_) => true,
        }
    }

    fn names(&self, folder: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>, CacheError> {
        let read = || -> io::Result<Vec<Vec<u8>>> {
            let mut names = Vec::new();
            for entry in Dir::read_from(folder)? {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                if name != b"." && name != b".." && entry.file_type() != FileType::Directory {
                    names.push(name.to_vec());
                }
            }
            Ok(names)
        };
        read().map_err(|source| self.io("could not list the folder", source))
    }

    fn remove_where(&self, folder: BorrowedFd<'_>, condition: impl Fn(&[u8]) -> bool) -> Result<(), CacheError> {
        for name in self.names(folder)? {
            if condition(&name) {
                // Another process may have been quicker.
                let _ = unlinkat(folder, name.as_slice(), AtFlags::empty());
            }
        }
        Ok(())
    }
}
