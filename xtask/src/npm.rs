//! Packages of npm that carry what we need, fetched by name, version and hash and unpacked under `target/npm/`. Nothing of them is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::shell;

/// A package, pinned.
struct Package {
    name: &'static str,
    version: &'static str,
    /// SHA-256 of the archive.
    sha256: &'static str,
}

/// All packages.
const PACKAGES: &[Package] = &[
    Package {
        name: "@moonbit/moonc-worker",
        version: "0.1.202605123",
        sha256: "bace674a8636318e8e0ddb8888ea8c38f083e529776b3b58109ef430cb2a4f7e",
    },
    Package {
        name: "@moonbit/moonpad-monaco",
        version: "0.1.202602255",
        sha256: "d32579642863260f2fcf4fb24586d1ea59a6bfac0626f4761db45bb7fbe2d035",
    },
];

/// The folder into which a package is unpacked, which it is when it is not there.
pub(crate) fn obtain(root: &Path, name: &str) -> Result<PathBuf> {
    let package = PACKAGES.iter().find(|package| package.name == name);
    let Package { version, sha256, .. } = package.with_context(|| format!("`{name}` has no version"))?;
    let folder = root.join("target/npm").join(format!("{}-{version}", name.replace(['@', '/'], "_")));
    if folder.exists() {
        return Ok(folder.join("package"));
    }
    // Into a folder of another name first, so that an interrupted run leaves nothing that looks complete.
    let unfinished = tempfile::tempdir_in(target(root)?)?;
    let mut npm = npm()?;
    npm.current_dir(unfinished.path()).args(["pack", "--silent", &format!("{name}@{version}")]);
    let archive = shell::read(&mut npm).with_context(|| format!("cannot fetch the npm package `{name}` {version}"))?;
    let archive = fs::read(unfinished.path().join(archive.trim()))?;
    let actual: String = Sha256::digest(&archive).iter().map(|byte| format!("{byte:02x}")).collect();
    if actual != *sha256 {
        bail!("the npm package `{name}` {version} has the SHA-256 {actual} instead of {sha256}");
    }
    tar::Archive::new(GzDecoder::new(&archive[..])).unpack(unfinished.path())?;
    fs::rename(unfinished.keep(), &folder)?;
    Ok(folder.join("package"))
}

/// The folder in which what a lock file of ours lists is installed, which it is when it is not there. Scripts of packages do not run.
pub(crate) fn install(root: &Path, lists: &Path) -> Result<PathBuf> {
    let files = ["package.json", "package-lock.json"];
    let digest = Sha256::digest(fs::read(lists.join(files[1])).context("the lock file is missing")?);
    let folder = target(root)?.join(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>());
    if folder.exists() {
        return Ok(folder);
    }
    let unfinished = tempfile::tempdir_in(target(root)?)?;
    for file in files {
        fs::copy(lists.join(file), unfinished.path().join(file))?;
    }
    let mut npm = npm()?;
    npm.current_dir(unfinished.path()).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
    shell::run(&mut npm).with_context(|| format!("cannot fetch the npm packages of `{}`", lists.display()))?;
    fs::rename(unfinished.keep(), &folder)?;
    Ok(folder)
}

/// Removes what was fetched.
pub(crate) fn remove(root: &Path) -> Result<()> {
    let folder = target(root)?;
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove `{}`", folder.display()))
}

fn npm() -> Result<Command> {
    if !shell::succeeds(Command::new("npm").arg("--version")) {
        shell::install_debian_packages(&["nodejs", "npm"]).context("npm is needed")?;
    }
    Ok(Command::new("npm"))
}

fn target(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/npm");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_pinned_once_each() {
        assert!(PACKAGES.windows(2).all(|pair| pair[0].name < pair[1].name), "sorted by name, no name twice");
        for Package { name, version, sha256 } in PACKAGES {
            assert!(version.contains('.') && sha256.len() == 64, "{name}");
        }
    }
}
