//! The folder of artifacts: opening it safely, finding, adding.
//!
//! Layout of the folder (0700, owned by the user, never reached through a link at its end):
//!
//! | path | what |
//! |---|---|
//! | `artifacts/KEY.wart` | artifact images, named by their keys |
//! | `used/KEY` | [`UseRecord`]: that the file was verified, and when it was last used |
//! | `memo/DEVICE-INODE` | [`MemoRecord`]: what a module file's hash is, and when that was last of use |
//! | `locks/KEY` | locked while the artifact is being made |
//! | `locks/finisher` | locked by the one process that makes better artifacts in the background; says who it is ([`crate::finisher`]) |
//! | `made/KEY` | [`crate::record::OriginRecord`]: which module the artifact was made of |
//! | `runs/HASH` | [`crate::record::RunRecord`]: how much a module ran on code that could be better |
//! | `artifacts/.KEY.PID.N` | an artifact being written; locked by its writer |
//! | `packages/`, `pins/` | programs that were fetched, and what they were asked for as ([`crate::packages`]) |

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use wasmer_system::file_size::limit_as_error;

use crate::error::CacheError;
use crate::fs::{
    self, AsFd, AtFlags, BorrowedFd, Errno, FileType, Mode, OFlags, OwnedFd, fstat, is_ours, mkdirat, open, openat,
    unlinkat,
};
use crate::identity::{FileIdentity, NotRemembered, Trust, Unrecognised};
use crate::key::{ArtifactKey, ContentHash};
use crate::lock::KeyLock;
use crate::record::{self, MemoRecord, UseRecord};
use crate::temporary::Temporary;

/// Default size budget in bytes.
pub const BUDGET_BYTES_DEFAULT: u64 = 4 << 30;

const PRIVATE: Mode = Mode::RWXU;
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW).union(OFlags::RDONLY);

/// When written artifacts reach the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When the system likes: a power failure can cost artifacts, which are then noticed and compiled again.
    #[default]
    Lazy,
    /// Before they get their name.
    Sync,
}

/// Settings of a [`Cache`].
#[derive(Clone, Debug)]
pub struct CacheConfig {
    /// The folder; made if missing.
    pub dir: PathBuf,
    /// Size of all artifacts in bytes above which the least recently used ones go.
    pub budget_bytes: u64,
    /// Whether module files are recognised by identity.
    pub trust: Trust,
    /// When artifacts reach the disk.
    pub durability: Durability,
}

impl CacheConfig {
    /// The defaults, for a folder.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            budget_bytes: BUDGET_BYTES_DEFAULT,
            trust: Trust::default(),
            durability: Durability::default(),
        }
    }

    /// `WASMER_CACHE_DIR`, or `wasmer` in the user's cache folder.
    pub fn default_dir() -> Result<PathBuf, CacheError> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        variable("WASMER_CACHE_DIR")
            .or_else(|| variable("XDG_CACHE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("wasmer")))
            .or_else(|| variable("HOME").map(|path| path.join(".cache/wasmer")))
            .ok_or(CacheError::NoPlace)
    }
}

/// An artifact in the store.
#[derive(Debug)]
pub struct Found {
    /// The file, open for reading.
    pub file: File,
    /// Whether this very file passed its checksums before. If not, they have to be verified ([`Cache::mark_verified`]).
    pub verified: bool,
}

/// The store.
#[derive(Debug)]
pub struct Cache {
    pub(crate) config: CacheConfig,
    pub(crate) artifacts: OwnedFd,
    pub(crate) used: OwnedFd,
    pub(crate) memo: OwnedFd,
    pub(crate) locks: OwnedFd,
    root: OwnedFd,
    /// What no hit has a use for is opened when it is needed.
    made: OnceLock<OwnedFd>,
    runs: OnceLock<OwnedFd>,
}

impl Cache {
    /// Opens the store, making its folders if they are missing. Refuses a folder that others own, can write to, or that is a link.
    pub fn open(config: CacheConfig) -> Result<Self, CacheError> {
        let root = open_root(&config.dir)?;
        let folder = |name| open_folder(&config.dir, root.as_fd(), name);
        let (artifacts, used, memo, locks) = (folder("artifacts")?, folder("used")?, folder("memo")?, folder("locks")?);
        Ok(Self { artifacts, used, memo, locks, config, root, made: OnceLock::new(), runs: OnceLock::new() })
    }

    /// The folder of records of origins.
    pub(crate) fn made(&self) -> Result<BorrowedFd<'_>, CacheError> {
        self.folder(&self.made, "made")
    }

    /// The folder of records of runs.
    pub(crate) fn runs(&self) -> Result<BorrowedFd<'_>, CacheError> {
        self.folder(&self.runs, "runs")
    }

    fn folder<'c>(&self, cell: &'c OnceLock<OwnedFd>, name: &'static str) -> Result<BorrowedFd<'c>, CacheError> {
        if cell.get().is_none() {
            let folder = open_folder(&self.config.dir, self.root.as_fd(), name)?;
            // Should another thread have been quicker, its folder is the same.
            let _ = cell.set(folder);
        }
        Ok(cell.get().expect("it was set just now").as_fd())
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.config.dir
    }

    /// The path of an artifact, for messages.
    pub fn artifact_path(&self, key: &ArtifactKey) -> PathBuf {
        self.config.dir.join("artifacts").join(artifact_name(key))
    }

    /// The hash of a module file, if its identity is known. Reads nothing of the file, and writes nothing, except that the day of use is renewed
    /// once a day.
    pub fn recall(&self, identity: &FileIdentity) -> Result<ContentHash, Unrecognised> {
        if self.config.trust == Trust::Hash {
            return Err(Unrecognised::Distrusted);
        }
        let text = record::read(self.memo.as_fd(), &MemoRecord::name(identity)).ok_or(Unrecognised::New)?;
        let memo = MemoRecord::decode(&text).ok_or(Unrecognised::New)?;
        if memo.identity != *identity {
            return Err(Unrecognised::Changed);
        }
        if memo.day != today() {
            // A store that cannot be written still knows files.
            let _ = self.write_memo(&MemoRecord { day: today(), ..memo });
        }
        Ok(memo.content)
    }

    fn write_memo(&self, memo: &MemoRecord) -> Result<(), CacheError> {
        record::write(self.memo.as_fd(), &MemoRecord::name(&memo.identity), &memo.encode())
            .map_err(|source| self.io("could not write a record", source))
    }

    /// To be called before a module file is read that shall be remembered: sees to it that later changes show, and returns its identity.
    pub fn before_reading(&self, file: &File) -> Result<FileIdentity, NotRemembered> {
        if self.config.trust == Trust::Hash {
            return Err(NotRemembered::Distrusted);
        }
        if !fs::keeps_exact_times(file) {
            return Err(NotRemembered::Inexact);
        }
        let identity = || FileIdentity::of(file).map_err(|_| NotRemembered::Inexact);
        if !identity()?.is_settled(SystemTime::now()) {
            return Err(NotRemembered::Fresh);
        }
        // From here on the first write through any mapping changes the times again.
        fs::fdatasync(file).map_err(|_| NotRemembered::Inexact)?;
        identity()
    }

    /// Remembers the hash of a module file; `before` is what [`Cache::before_reading`] returned, and `read_from` the time, before it was read.
    /// Keeps nothing if the file could have changed, or could change, unseen, and says why.
    pub fn remember(
        &self,
        file: &File,
        before: &FileIdentity,
        read_from: SystemTime,
        content: &ContentHash,
    ) -> Result<Option<NotRemembered>, CacheError> {
        let reason = if FileIdentity::of(file).ok() != Some(*before) {
            NotRemembered::Changing
        } else if !before.is_settled(read_from) {
            NotRemembered::Fresh
        } else {
            let memo = MemoRecord { identity: *before, content: *content, day: today() };
            return self.write_memo(&memo).map(|()| None);
        };
        Ok(Some(reason))
    }

    /// The artifact of a key, if the store has it. Writes nothing, except that the day of use is renewed once a day.
    pub fn get(&self, key: &ArtifactKey) -> Option<Found> {
        let (file, identity) = self.open_artifact(key).ok()?;
        let used = record::read(self.used.as_fd(), &key.to_string()).and_then(|text| UseRecord::decode(&text));
        let verified = used.is_some_and(|used| used.identity == identity);
        if verified && used.is_some_and(|used| used.day != today()) {
            // A store that cannot be written still serves hits.
            let _ = self.mark_verified(key, &file);
        }
        Some(Found { file, verified })
    }

    /// Whether the store has an artifact for a key.
    pub fn contains(&self, key: &ArtifactKey) -> bool {
        fs::statat(&self.artifacts, artifact_name(key), AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Records that an artifact file passed its checksums, and that it was used today.
    pub fn mark_verified(&self, key: &ArtifactKey, file: &File) -> Result<(), CacheError> {
        FileIdentity::of(file)
            .and_then(|identity| {
                let used = UseRecord { identity, day: today() };
                record::write(self.used.as_fd(), &key.to_string(), &used.encode())
            })
            .map_err(|source| self.io("could not write a record", source))
    }

    /// Waits until no other process makes the artifact of this key, and keeps others waiting until dropped.
    pub fn lock(&self, key: &ArtifactKey) -> Result<KeyLock<'_>, CacheError> {
        KeyLock::acquire(self.locks.as_fd(), key.to_string()).map_err(|source| self.io("could not take a lock", source))
    }

    /// Adds an artifact and returns its file, open for reading. The file appears under its name whole or not at all.
    pub fn put(&self, key: &ArtifactKey, image: &[u8]) -> Result<File, CacheError> {
        let written = self.write_artifact(key, image);
        let file = written.map_err(|source| self.io("could not store an artifact", source))?;
        self.mark_verified(key, &file)?;
        self.evict(self.config.budget_bytes, Some(key))?;
        self.sweep()?;
        Ok(file)
    }

    fn write_artifact(&self, key: &ArtifactKey, image: &[u8]) -> io::Result<File> {
        let mut temporary = Temporary::create(self.artifacts.as_fd(), key)?;
        limit_as_error(|| temporary.file().write_all(image))?;
        if self.config.durability == Durability::Sync {
            temporary.file().sync_all()?;
        }
        temporary.rename(&artifact_name(key))?;
        self.open_artifact(key).map(|(file, _)| file)
    }

    /// Opens the file of an artifact, as [`open_ours`] does. Says nothing of checksums, and is no use: see [`Cache::get`].
    pub fn open_artifact(&self, key: &ArtifactKey) -> io::Result<(File, FileIdentity)> {
        open_ours(self.artifacts.as_fd(), &artifact_name(key))
    }

    /// Removes an artifact, for instance a damaged one. Processes that have it mapped keep it.
    pub fn remove(&self, key: &ArtifactKey) -> Result<(), CacheError> {
        // The records go first: an artifact without them is verified before use and listed without a name, a record without an artifact is
        // nothing.
        // Where the folder of origins cannot be made, there is no record in it.
        let made = self.made().ok().map(|folder| (folder, key.to_string()));
        let rest = [(self.used.as_fd(), key.to_string()), (self.artifacts.as_fd(), artifact_name(key))];
        for (folder, name) in made.into_iter().chain(rest) {
            match unlinkat(folder, &name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(self.io("could not remove an artifact", error.into())),
            }
        }
        Ok(())
    }

    pub(crate) fn io(&self, what: &'static str, cause: io::Error) -> CacheError {
        CacheError::Io { what, path: self.config.dir.clone(), cause }
    }
}

/// Opens a file of the store. Whatever else may stand under the name does not keep the caller waiting, and what others wrote, or could write
/// to, is invalid: the folder may have been open to them once.
pub(crate) fn open_ours(folder: BorrowedFd<'_>, name: &str) -> io::Result<(File, FileIdentity)> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(openat(folder, name, flags, Mode::empty())?);
    let stat = fstat(&file)?;
    let invalid = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        invalid("it is no file")
    } else if !is_ours(&stat) {
        invalid("it belongs to another user")
    } else if stat.st_mode & 0o022 != 0 {
        invalid("others may write to it")
    } else {
        Ok((file, FileIdentity::from_stat(&stat)))
    }
}

/// Days since 1970.
pub(crate) fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() / 86_400)
}

/// The file name of an artifact.
pub(crate) fn artifact_name(key: &ArtifactKey) -> String {
    format!("{key}.wart")
}

pub(crate) fn open_root(dir: &Path) -> Result<OwnedFd, CacheError> {
    let io = |what| move |error: Errno| CacheError::Io { what, path: dir.to_owned(), cause: error.into() };
    let root = match open(dir, FOLDER, Mode::empty()) {
        Err(Errno::NOENT) => {
            make_root(dir)?;
            open(dir, FOLDER, Mode::empty())
        }
        result => result,
    };
    let root = match root {
        Err(Errno::LOOP | Errno::NOTDIR) => {
            return Err(CacheError::Untrusted { path: dir.to_owned(), reason: "it is a link or not a folder" });
        }
        result => result.map_err(io("could not open it"))?,
    };
    check_private(dir, root.as_fd())?;
    Ok(root)
}

/// That a folder is ours and nobody else may enter it, by its descriptor, so that it cannot be exchanged afterwards.
fn check_private(dir: &Path, folder: BorrowedFd<'_>) -> Result<(), CacheError> {
    let what = "could not examine it";
    let stat = fstat(folder).map_err(|error| CacheError::Io { what, path: dir.to_owned(), cause: error.into() })?;
    let reason = if !is_ours(&stat) {
        "it belongs to another user"
    } else if stat.st_mode & 0o077 != 0 {
        "others may enter it and could have left code in it: remove it, to have it made again with mode 0700"
    } else {
        return Ok(());
    };
    Err(CacheError::Untrusted { path: dir.to_owned(), reason })
}

/// Makes the folder private from the start; its parents get the user's default mode.
fn make_root(dir: &Path) -> Result<(), CacheError> {
    let io = |cause: io::Error| CacheError::Io { what: "could not make it", path: dir.to_owned(), cause };
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent).map_err(io)?;
    }
    match fs::mkdir(dir, PRIVATE) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(io(error.into())),
    }
}

pub(crate) fn open_folder(dir: &Path, root: BorrowedFd<'_>, name: &'static str) -> Result<OwnedFd, CacheError> {
    let path = dir.join(name);
    let result = match openat(root, name, FOLDER, Mode::empty()) {
        Err(Errno::NOENT) => match mkdirat(root, name, PRIVATE) {
            Ok(()) | Err(Errno::EXIST) => openat(root, name, FOLDER, Mode::empty()),
            Err(error) => Err(error),
        },
        result => result,
    };
    match result {
        Ok(folder) => check_private(&path, folder.as_fd()).map(|()| folder),
        Err(Errno::LOOP | Errno::NOTDIR) => Err(CacheError::Untrusted { path, reason: "it is a link or not a folder" }),
        Err(error) => Err(CacheError::Io { what: "could not open it", path, cause: error.into() }),
    }
}
