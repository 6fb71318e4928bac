//! Putting new programs in the place of old ones: all of them, or none.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::release::Version;

/// The programs of a release, in the order in which they are replaced. The command is the last one: what it starts is then there already.
const PROGRAMS: [&str; 4] = ["wasmer-update", "wasmer-serve", "wasmer-llvm", "wasmer"];

/// The programs that are installed in a folder, which are those that are replaced.
pub(super) fn programs(folder: &Path) -> Vec<&'static str> {
    PROGRAMS.into_iter().filter(|program| *program == "wasmer" || folder.join(program).exists()).collect()
}

/// Keeps another update out of the folder as long as the file is open.
pub(super) fn lock(folder: &Path) -> anyhow::Result<File> {
    let place = || format!("could not lock `{}`", folder.display());
    let file = File::open(folder).with_context(place)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => bail!("`{}` is being updated by another process", folder.display()),
        Err(fs::TryLockError::Error(error)) => Err(error).with_context(place),
    }
}

/// Gives the new programs the permissions and owners of the old ones.
pub(super) fn prepare(folder: &Path, staging: &Path, programs: &[&str]) -> anyhow::Result<()> {
    for program in programs {
        let (old, new) = (folder.join(program), staging.join(program));
        let copied = fs::metadata(&old).and_then(|old| {
            let metadata = fs::metadata(&new)?;
            if (metadata.uid(), metadata.gid()) != (old.uid(), old.gid()) {
                chown(&new, Some(old.uid()), Some(old.gid()))?;
            }
            fs::set_permissions(&new, fs::Permissions::from_mode(old.mode() & 0o7777))
        });
        copied.with_context(|| format!("could not make `{program}` like `{}`", old.display()))?;
    }
    Ok(())
}

/// Runs the new command, which must say that it is what the archive promised.
pub(super) fn try_out(staging: &Path, version: &Version) -> anyhow::Result<()> {
    let mut command = Command::new(staging.join("wasmer"));
    let output = command.arg("--version").stdin(Stdio::null()).output().context("the new `wasmer` does not start")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || said.trim() != format!("wasmer {version}") {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!(
            "the new `wasmer` does not work here ({}): {}{}; nothing was changed",
            output.status,
            said.trim(),
            error.trim()
        );
    }
    Ok(())
}

/// Renames the new programs over the old ones. When one cannot be, those before it are put back.
pub(super) fn rename_all(folder: &Path, staging: &Path, programs: &[&str]) -> anyhow::Result<()> {
    let old = |program: &str| staging.join(format!("{program}.old"));
    for program in programs {
        let (from, to) = (folder.join(program), old(program));
        let kept = fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop));
        kept.with_context(|| format!("could not keep `{}` for the case of a failure", from.display()))?;
    }
    for (position, program) in programs.iter().enumerate() {
        let Err(error) = fs::rename(staging.join(program), folder.join(program)) else { continue };
        for done in &programs[..position] {
            fs::rename(old(done), folder.join(done)).with_context(|| {
                format!("could not put the old `{done}` back after: could not replace `{program}`: {error}")
            })?;
        }
        return Err(error).with_context(|| format!("could not replace `{program}`; nothing was changed"));
    }
    // After a power failure, too, the new names are there. Some file systems cannot promise that.
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(programs: &[&str]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let staging = folder.path().join("staging");
        fs::create_dir(&staging).unwrap();
        for program in programs {
            fs::write(folder.path().join(program), format!("old {program}")).unwrap();
            fs::write(staging.join(program), format!("new {program}")).unwrap();
        }
        (folder, staging)
    }

    fn read(folder: &Path, program: &str) -> String {
        fs::read_to_string(folder.join(program)).unwrap()
    }

    #[test]
    fn all_are_replaced_and_keep_their_permissions() {
        let (folder, staging) = place(&["wasmer", "wasmer-llvm"]);
        fs::set_permissions(folder.path().join("wasmer"), fs::Permissions::from_mode(0o751)).unwrap();
        let programs = programs(folder.path());
        assert_eq!(programs, ["wasmer-llvm", "wasmer"]);
        prepare(folder.path(), &staging, &programs).unwrap();
        rename_all(folder.path(), &staging, &programs).unwrap();
        assert_eq!(read(folder.path(), "wasmer"), "new wasmer");
        assert_eq!(read(folder.path(), "wasmer-llvm"), "new wasmer-llvm");
        assert_eq!(fs::metadata(folder.path().join("wasmer")).unwrap().mode() & 0o7777, 0o751);
    }

    #[test]
    fn when_one_cannot_be_replaced_all_stay() {
        let (folder, staging) = place(&["wasmer", "wasmer-llvm"]);
        fs::remove_file(staging.join("wasmer")).unwrap();
        let error = rename_all(folder.path(), &staging, &["wasmer-llvm", "wasmer"]).unwrap_err();
        assert!(error.to_string().contains("nothing was changed"), "{error}");
        assert_eq!(read(folder.path(), "wasmer"), "old wasmer");
        assert_eq!(read(folder.path(), "wasmer-llvm"), "old wasmer-llvm");
    }

    #[test]
    fn two_updates_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).unwrap();
        assert!(lock(folder.path()).unwrap_err().to_string().contains("another process"));
        drop(first);
        assert!(lock(folder.path()).is_ok());
    }
}
