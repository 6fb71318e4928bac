//! Looking after the store: listing, eviction, verification, cleaning.

use std::collections::HashSet;
use std::fs::File;
use std::io;

use crate::error::CacheError;
use crate::fs::{self, AsFd, AtFlags, BorrowedFd, statat, unlinkat};
use crate::identity::FileIdentity;
use crate::key::{ArtifactKey, ContentHash};
use crate::packages::Packages;
use crate::record::{self, MemoRecord, UseRecord};
use crate::store::{Cache, artifact_name, today};
use crate::temporary::{MARK, remove_if_abandoned};

/// An artifact in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: ArtifactKey,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Days since 1970 of its last use; 0 if unknown.
    pub day: u64,
    /// When it was written, in nanoseconds since 1970.
    pub written_ns: i128,
}

/// What [`Cache::prune`] removes besides what no run needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prune {
    /// Artifacts that were not used for so many days.
    pub unused_days: Option<u64>,
    /// The least recently used artifacts until the rest takes at most so many bytes; the budget of the store unless given.
    pub budget_bytes: Option<u64>,
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
    /// Programs that were fetched.
    pub packages: u64,
    /// Their size in bytes.
    pub package_bytes: u64,
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
            let Some(key) = artifact_key(&name) else { continue };
            // An artifact that another process removed in between is no entry.
            let Ok(stat) = statat(&self.artifacts, artifact_name(&key), AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let used = record::read(self.used.as_fd(), &key.to_string()).and_then(|text| UseRecord::decode(&text));
            let written_ns = FileIdentity::from_stat(&stat).modified_ns;
            entries.push(Entry { key, bytes: stat.st_size as u64, day: used.map_or(0, |used| used.day), written_ns });
        }
        entries.sort_by_key(|entry| (entry.day, entry.written_ns, entry.key));
        Ok(entries)
    }

    /// Figures of the store.
    pub fn stats(&self) -> Result<Stats, CacheError> {
        let entries = self.entries()?;
        let (packages, package_bytes) = self.packages()?.total()?;
        Ok(Stats {
            packages,
            package_bytes,
            artifacts: entries.len() as u64,
            bytes: entries.iter().map(|entry| entry.bytes).sum(),
            memos: self.names(self.memo.as_fd())?.len() as u64,
            budget_bytes: self.config.budget_bytes,
        })
    }

    /// Removes the least recently used artifacts until the rest fits the budget; `keep` stays. Returns bytes freed.
    pub(crate) fn evict(&self, budget_bytes: u64, keep: Option<&ArtifactKey>) -> Result<u64, CacheError> {
        let entries = self.entries()?;
        let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
        let before = total;
        for entry in entries.iter().filter(|entry| Some(&entry.key) != keep) {
            if total <= budget_bytes {
                break;
            }
            self.remove(&entry.key)?;
            total -= entry.bytes;
        }
        Ok(before - total)
    }

    /// Removes what killed writers left behind.
    pub(crate) fn sweep(&self) -> Result<(), CacheError> {
        for name in self.names(self.artifacts.as_fd())?.iter().filter(|name| name.first() == Some(&MARK)) {
            remove_if_abandoned(self.artifacts.as_fd(), name);
        }
        for name in self.names(self.locks.as_fd())? {
            remove_if_abandoned(self.locks.as_fd(), &name);
        }
        Ok(())
    }

    /// Removes what no run needs: artifacts over the budget, left-overs of killed writers, records without an artifact, memos that were last of
    /// use before any artifact that remains, files that are not the store's, and what `prune` says. Returns bytes freed.
    pub fn prune(&self, prune: Prune) -> Result<u64, CacheError> {
        let mut freed = self.evict(prune.budget_bytes.unwrap_or(self.config.budget_bytes), None)?;
        let is_unused = |day: u64| prune.unused_days.is_some_and(|days| day.saturating_add(days) < today());
        for entry in self.entries()?.iter().filter(|entry| is_unused(entry.day)) {
            self.remove(&entry.key)?;
            freed += entry.bytes;
        }
        let entries = self.entries()?;
        // Whoever uses a memo uses an artifact after it. Should another file have kept that in use, this one is hashed once more.
        let oldest_day = entries.iter().map(|entry| entry.day).min().unwrap_or(u64::MAX);
        let modules: HashSet<ContentHash> =
            entries.iter().filter_map(|entry| Some(self.origin(&entry.key)?.content)).collect();
        let kept: HashSet<ArtifactKey> = entries.into_iter().map(|entry| entry.key).collect();
        self.sweep()?;
        self.packages()?.sweep()?;
        self.remove_where(self.artifacts.as_fd(), |name| name.first() != Some(&MARK) && artifact_key(name).is_none())?;
        for folder in [self.used.as_fd(), self.made()?] {
            self.remove_where(folder, |name| ArtifactKey::from_hex(name).is_none_or(|key| !kept.contains(&key)))?;
        }
        self.remove_where(self.runs()?, |name| {
            ContentHash::from_hex(name).is_none_or(|content| !modules.contains(&content))
        })?;
        self.remove_where(self.memo.as_fd(), |name| {
            let memo = record::read(self.memo.as_fd(), name).and_then(|text| MemoRecord::decode(&text));
            memo.is_none_or(|memo| memo.day < oldest_day || is_unused(memo.day))
        })?;
        Ok(freed)
    }

    /// Removes everything. Running programs keep what they have mapped. Returns bytes freed.
    pub fn clean(&self) -> Result<u64, CacheError> {
        let freed: u64 = self.entries()?.iter().map(|entry| entry.bytes).sum();
        self.sweep()?;
        for folder in [self.used.as_fd(), self.memo.as_fd(), self.made()?, self.runs()?] {
            self.remove_where(folder, |_| true)?;
        }
        // What is being written belongs to a process that needs it.
        self.remove_where(self.artifacts.as_fd(), |name| name.first() != Some(&MARK))?;
        Ok(freed + self.packages()?.clean()?)
    }

    /// The store of fetched programs, which stands in the same folder.
    fn packages(&self) -> Result<Packages, CacheError> {
        Packages::open(self.dir())
    }

    /// Checks every artifact with `check`, removing those that fail.
    pub fn verify(
        &self,
        mut check: impl FnMut(&ArtifactKey, File) -> Result<(), String>,
    ) -> Result<VerifyReport, CacheError> {
        let mut report = VerifyReport::default();
        for entry in self.entries()? {
            // An artifact that another process removed in between is neither.
            let checked = match self.open_artifact(&entry.key) {
                Ok((file, _)) => check(&entry.key, file),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(error.to_string()),
                Err(_) => continue,
            };
            match checked {
                Ok(()) => report.sound += 1,
                Err(reason) => {
                    self.remove(&entry.key)?;
                    report.damaged.push((entry.key, reason));
                }
            }
        }
        Ok(report)
    }

    fn names(&self, folder: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>, CacheError> {
        fs::names(folder).map_err(|source| self.io("could not list the folder", source))
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

/// The key of an artifact, from the name of its file.
fn artifact_key(name: &[u8]) -> Option<ArtifactKey> {
    ArtifactKey::from_hex(name.strip_suffix(b".wart")?)
}
