//! Running other programs: to the end, with what they print kept for the case that they fail.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::progress;

/// The cargo that started this program, so that nested calls use the same toolchain.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The folder in which cargo keeps what it fetches.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    let own = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    own.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).context("there is neither CARGO_HOME nor a home folder")
}

/// Runs to the end. What the program printed comes back in the order in which it was printed; when it fails, as the error.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let name = display(command);
    let mut output = tempfile::tempfile().context("cannot make a temporary file")?;
    let handle = |file: &File| file.try_clone().map(Stdio::from);
    let child = command.stdin(Stdio::null()).stdout(handle(&output)?).stderr(handle(&output)?).spawn();
    let mut child = child.with_context(|| format!("cannot start `{name}`"))?;
    let status = progress::wait(&mut child, &output).with_context(|| format!("cannot wait for `{name}`"))?;
    let mut bytes = Vec::new();
    output.rewind()?;
    output.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if !status.success() {
        bail!("`{name}` failed ({status})\n{}", text.trim_end());
    }
    Ok(text)
}

/// Runs to the end and returns only what went to standard output; the rest is part of the error when it fails.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let name = display(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{name}`"))?;
    if !output.status.success() {
        bail!("`{name}` failed ({})\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{name}` printed something that is not text"))
}

/// Whether the program can be started and succeeds.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Installs packages of Debian. Fails where this is not Debian, or not as root.
pub(crate) fn install_debian_packages(packages: &[&str]) -> Result<()> {
    check_debian()?;
    let install = || run(apt().args(["install", "--no-install-recommends"]).args(packages));
    // The lists are only brought up to date when they are needed: on most machines they are good enough.
    if install().is_err() {
        run(apt().arg("update"))?;
        install()?;
    }
    Ok(())
}

/// There is no standard library of Rust for a target. A registry that has everything else may not have it.
#[derive(Debug)]
pub(crate) struct NoRustLibrary(String);

impl fmt::Display for NoRustLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no standard library for {}", self.0)
    }
}

impl std::error::Error for NoRustLibrary {}

/// Makes sure that Rust's standard library for a target is there; if it cannot be had, the error is a [`NoRustLibrary`].
pub(crate) fn rust_library(target: &str) -> Result<()> {
    let folder = read(Command::new("rustc").args(["--print", "target-libdir", "--target", target]))?;
    if Path::new(folder.trim()).exists() {
        return Ok(());
    }
    let added = run(Command::new("rustup").args(["target", "add", target]));
    added.map(drop).context(NoRustLibrary(target.to_owned()))
}

/// Who signs what Debian publishes, its backports too.
const DEBIAN_KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Installs packages of Debian's backports, which has newer versions of some. They come from where the others come from; the system's own list of sources
/// stays as it is.
pub(crate) fn install_debian_backports(packages: &[&str]) -> Result<()> {
    check_debian()?;
    let system = std::fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let name = system.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).context("it names no release")?;
    let mirrors = ["indextargets", "--format", "$(REPO_URI)", &format!("Release: {name}")];
    let mirrors = read(Command::new("apt-get").args(mirrors))?;
    let mirror = mirrors.lines().next().with_context(|| format!("no source of packages has the release `{name}`"))?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let list = folder.path().join("sources.list");
    let source = format!("deb [signed-by={DEBIAN_KEYS}] {mirror} {name}-backports main\n");
    std::fs::write(&list, source).context("cannot write a list of sources")?;
    let apt = || {
        let mut command = apt();
        command.arg("-o").arg(format!("Dir::Etc::SourceList={}", list.display()));
        command
    };
    // Nothing but this list is read, and what is known of the others is not thrown away.
    run(apt().args(["-o", "Dir::Etc::SourceParts=-", "-o", "APT::Get::List-Cleanup=0", "update"]))?;
    let suite = format!("--target-release={name}-backports");
    run(apt().args(["install", "--no-install-recommends", &suite]).args(packages)).map(drop)
}

fn check_debian() -> Result<()> {
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("there is no apt-get on this system");
    }
    if read(Command::new("id").arg("-u"))?.trim() != "0" {
        bail!("only root may install packages");
    }
    Ok(())
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    // Another apt run is waited for instead of failing beside it.
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-o", "DPkg::Lock::Timeout=600", "-qq", "-y"]);
    command
}

fn display(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_comes_in_order_and_with_the_failure() {
        let script = "echo one; echo two >&2; echo three; exit 3";
        let error = run(Command::new("sh").args(["-c", script])).unwrap_err().to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.ends_with("one\ntwo\nthree"), "{error}");
        assert_eq!(run(Command::new("sh").args(["-c", "echo a; echo b >&2"])).unwrap(), "a\nb\n");
    }

    #[test]
    fn read_keeps_the_streams_apart() {
        assert_eq!(read(Command::new("sh").args(["-c", "echo a; echo b >&2"])).unwrap(), "a\n");
        assert!(read(&mut Command::new("no-such-program-anywhere")).is_err());
        assert!(!succeeds(&mut Command::new("false")));
    }

    #[test]
    fn a_target_without_a_library_is_told_apart_from_other_failures() {
        // Nobody publishes one for it.
        let target = "m68k-unknown-linux-gnu";
        let error = rust_library(target).context("cannot obtain a program").unwrap_err();
        assert!(error.is::<NoRustLibrary>(), "{error:#}");
        assert!(format!("{error:#}").contains(&format!("there is no standard library for {target}")), "{error:#}");
        assert!(!run(&mut Command::new("false")).unwrap_err().is::<NoRustLibrary>());
    }
}
