//! The store of fetched programs: whoever asks for the same one again needs no network.
//!
//! Beside the artifacts, in the same private folder:
//!
//! | path | what |
//! |---|---|
//! | `packages/SUM.wasm` | a module or component, named by the SHA-256 sum of its bytes |
//! | `packages/.new.PID.N` | one being written; locked by its writer |
//! | `pins/HASH` | [`Pin`]: what a reference meant when it was last looked up; HASH is the reference's |
//! | `locks/HASH` | locked while a reference is being looked up and fetched |
//!
//! The store compares no sums: a file gets its name from who has compared them, whole or not at all, and after it has reached the disk. Nothing is ever
//! removed but on demand, because what was fetched may not be there to be fetched again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::CacheError;
use crate::fs::{AsFd, AtFlags, BorrowedFd, OwnedFd, names, statat, unlinkat};
use crate::key::{ContentHash, PackageSum};
use crate::lock::KeyLock;
use crate::record::{self, Pin};
use crate::store::{open_folder, open_ours, open_root};
use crate::temporary::{MARK, Temporary, remove_if_abandoned};

/// The store.
#[derive(Debug)]
pub struct Packages {
    dir: PathBuf,
    root: OwnedFd,
    packages: OwnedFd,
    pins: OwnedFd,
}

impl Packages {
    /// Opens the store in the folder of a cache, making its folders if they are missing. Refuses what [`crate::Cache::open`] refuses.
    pub fn open(dir: &Path) -> Result<Self, CacheError> {
        let root = open_root(dir)?;
        let packages = open_folder(dir, root.as_fd(), "packages")?;
        let pins = open_folder(dir, root.as_fd(), "pins")?;
        Ok(Self { dir: dir.to_owned(), root, packages, pins })
    }

    /// The file of these bytes, if it is there. Nobody else can have written it, or exchange it.
    pub fn find(&self, content: &PackageSum) -> Option<PathBuf> {
        let name = file_name(content);
        open_ours(self.packages.as_fd(), &name).ok()?;
        Some(self.dir.join("packages").join(name))
    }

    /// What a reference was found to mean, whether the bytes are there or not.
    pub fn pinned(&self, reference: &str) -> Option<Pin> {
        Pin::decode(&record::read(self.pins.as_fd(), &pin_name(reference))?)
    }

    /// Notes what a reference means. Whoever looks meanwhile finds what was noted before.
    pub fn pin(&self, reference: &str, pin: &Pin) -> Result<(), CacheError> {
        if self.pinned(reference) == Some(*pin) {
            return Ok(());
        }
        record::replace(self.pins.as_fd(), &pin_name(reference), &pin.encode(reference))
            .map_err(|cause| self.io("could not write a record", cause))
    }

    /// Waits until no other process fetches what this reference means, and keeps others waiting while `fetch` is done.
    pub fn alone<R>(&self, reference: &str, fetch: impl FnOnce() -> R) -> Result<R, CacheError> {
        let locks = open_folder(&self.dir, self.root.as_fd(), "locks")?;
        let lock = KeyLock::acquire(locks.as_fd(), pin_name(reference));
        let _lock = lock.map_err(|cause| self.io("could not take a lock", cause))?;
        Ok(fetch())
    }

    /// A file for bytes whose sum is not known yet. What killed writers have left is removed.
    pub fn begin(&self) -> Result<NewPackage<'_>, CacheError> {
        self.sweep()?;
        let created = Temporary::create(self.packages.as_fd(), &"new");
        created.map(NewPackage).map_err(|cause| self.io("could not make a file", cause))
    }

    /// Puts bytes under their name; `content` is their sum, which the caller has compared.
    pub fn add(&self, package: NewPackage<'_>, content: &PackageSum) -> Result<(), CacheError> {
        let NewPackage(mut temporary) = package;
        let named = temporary.file().sync_all().and_then(|()| temporary.rename(&file_name(content)));
        named.map_err(|cause| self.io("could not store a package", cause))
    }

    /// How many packages there are, and their size in bytes.
    pub(crate) fn total(&self) -> Result<(u64, u64), CacheError> {
        let names = self.names(self.packages.as_fd())?;
        let stored = names.iter().filter(|name| name.first() != Some(&MARK));
        // One that another process removed in between is not there.
        let sizes: Vec<u64> = stored.filter_map(|name| self.bytes(name)).collect();
        Ok((sizes.len() as u64, sizes.iter().sum()))
    }

    fn bytes(&self, name: &[u8]) -> Option<u64> {
        Some(statat(&self.packages, name, AtFlags::SYMLINK_NOFOLLOW).ok()?.st_size as u64)
    }

    /// Removes what killed writers left behind.
    pub(crate) fn sweep(&self) -> Result<(), CacheError> {
        for name in self.names(self.packages.as_fd())?.iter().filter(|name| name.first() == Some(&MARK)) {
            remove_if_abandoned(self.packages.as_fd(), name);
        }
        Ok(())
    }

    /// Removes everything. Running programs keep what they have open. Returns bytes freed.
    pub(crate) fn clean(&self) -> Result<u64, CacheError> {
        let (_, freed) = self.total()?;
        self.sweep()?;
        let pins = self.names(self.pins.as_fd())?;
        // What is being written belongs to a process that needs it.
        let mut packages = self.names(self.packages.as_fd())?;
        packages.retain(|name| name.first() != Some(&MARK));
        for (folder, names) in [(self.pins.as_fd(), pins), (self.packages.as_fd(), packages)] {
            for name in names {
                // Another process may have been quicker.
                let _ = unlinkat(folder, name.as_slice(), AtFlags::empty());
            }
        }
        Ok(freed)
    }

    fn names(&self, folder: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>, CacheError> {
        names(folder).map_err(|cause| self.io("could not list the folder", cause))
    }

    fn io(&self, what: &'static str, cause: io::Error) -> CacheError {
        CacheError::Io { what, path: self.dir.clone(), cause }
    }
}

/// A package being written, which is gone if it is dropped.
#[derive(Debug)]
pub struct NewPackage<'a>(Temporary<'a>);

impl NewPackage<'_> {
    /// The file, open for writing.
    pub fn file(&mut self) -> &mut File {
        self.0.file()
    }
}

fn file_name(content: &PackageSum) -> String {
    format!("{content}.wasm")
}

/// References are strangers' words, of any length.
fn pin_name(reference: &str) -> String {
    ContentHash::of(reference.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    const SUM: PackageSum = PackageSum([7; 32]);

    fn store() -> (tempfile::TempDir, Packages) {
        let folder = tempfile::tempdir().unwrap();
        let packages = Packages::open(&folder.path().join("cache")).unwrap();
        (folder, packages)
    }

    fn add(packages: &Packages, bytes: &[u8]) {
        let mut package = packages.begin().unwrap();
        package.file().write_all(bytes).unwrap();
        packages.add(package, &SUM).unwrap();
    }

    #[test]
    fn bytes_are_there_once_they_are_whole() {
        let (_folder, packages) = store();
        assert_eq!(packages.find(&SUM), None);
        let mut dropped = packages.begin().unwrap();
        dropped.file().write_all(b"half").unwrap();
        assert_eq!(packages.find(&SUM), None);
        add(&packages, b"whole");
        drop(dropped);
        let path = packages.find(&SUM).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_eq!(packages.total().unwrap(), (1, 5));
    }

    #[test]
    fn references_are_pinned_and_pinned_again() {
        let (_folder, packages) = store();
        let hostile = "../../\0\u{1b}[2J".repeat(10_000);
        for reference in ["oci://host/name:tag", &hostile] {
            assert_eq!(packages.pinned(reference), None);
            for byte in [1, 2] {
                let pin = Pin { digest: PackageSum([byte; 32]), content: SUM };
                packages.pin(reference, &pin).unwrap();
                assert_eq!(packages.pinned(reference), Some(pin));
            }
        }
    }

    #[test]
    fn what_others_could_have_written_is_not_used() {
        let (folder, packages) = store();
        add(&packages, b"x");
        let path = packages.find(&SUM).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
        assert_eq!(packages.find(&SUM), None);
        fs::remove_file(&path).unwrap();
        symlink("/etc/passwd", &path).unwrap();
        assert_eq!(packages.find(&SUM), None);
        let pins = folder.path().join("cache/pins");
        fs::set_permissions(&pins, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Packages::open(&folder.path().join("cache")).unwrap_err().to_string().contains("others may enter it"));
    }

    #[test]
    fn left_overs_go_and_everything_goes_on_demand() {
        let (folder, packages) = store();
        add(&packages, b"12345");
        packages.pin("x", &Pin { digest: SUM, content: SUM }).unwrap();
        let left = folder.path().join("cache/packages/.new.1.0");
        fs::write(&left, "half").unwrap();
        let writing = packages.begin().unwrap();
        assert!(!left.exists());
        assert_eq!(packages.clean().unwrap(), 5);
        assert_eq!((packages.find(&SUM), packages.pinned("x")), (None, None));
        packages.add(writing, &SUM).unwrap();
        assert!(packages.find(&SUM).is_some(), "what is being written stays");
    }

    #[test]
    fn one_fetches_at_a_time() {
        let (folder, packages) = store();
        let dir = folder.path().join("cache");
        let (sender, came) = mpsc::channel();
        let waiter = packages.alone("x", || {
            let other = Packages::open(&dir).unwrap();
            // Whoever wants something else does not wait.
            other.alone("y", || ()).unwrap();
            let waiter = thread::spawn(move || other.alone("x", || sender.send(()).unwrap()).unwrap());
            assert!(came.recv_timeout(Duration::from_millis(20)).is_err());
            waiter
        });
        waiter.unwrap().join().unwrap();
        assert!(came.try_recv().is_ok());
    }
}
