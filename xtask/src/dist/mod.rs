//! `cargo xtask dist`: the archives of a release, and `SHA256SUMS` with their checksums.
//!
//! An archive holds the stripped programs, licences, manual pages and completions as they go below a prefix, so that unpacking it there
//! installs it; another one the library for programs in C. The Python package is a wheel, made by maturin. The same programs give the same bytes: entries are sorted, belong to nobody, and have the
//! time of the commit.

mod archive;
mod library;
mod notices;
mod stranger;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::{llvm, python, shell};
use archive::Entry;

pub(crate) use stranger::test as stranger;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Folder that gets the archives (default: `target/dist`).
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Make an archive with LLVM's compile worker too; it needs LLVM 22 here, and its library where it runs.
    #[arg(long)]
    llvm: bool,
    /// Pack the programs of this folder instead of building them, and leave out the libraries for programs in C and Python.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

/// The package that the programs are in.
const COMMAND: &str = "wasmer-cli";
/// The programs of every archive.
const PROGRAMS: [&str; 3] = ["wasmer", "wasmer-update", "wasmer-serve"];
/// The one that only some have.
const WORKER: &str = "wasmer-llvm";
/// The list of checksums, as `sha256sum --check` reads it.
const LIST: &str = "SHA256SUMS";
/// Completions: shell, and where its scripts lie.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/wasmer"),
    ("fish", "share/fish/vendor_completions.d/wasmer.fish"),
    ("zsh", "share/zsh/site-functions/_wasmer"),
];

/// How the programs are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    Release,
    /// As fast as possible, for a look at whether all is there and works.
    Trial,
}

impl Profile {
    /// What changes it, as cargo reads it.
    fn variables(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Release => &[],
            Self::Trial => &[
                ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
                ("CARGO_PROFILE_RELEASE_LTO", "off"),
                ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
            ],
        }
    }
}

/// Builds, packs, and lists.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    for line in make(root, options, Profile::Release)? {
        println!("{line}");
    }
    Ok(())
}

/// The same, silently: returns what there is to say of each file.
fn make(root: &Path, options: &Options, profile: Profile) -> Result<Vec<String>> {
    let mut made = Vec::new();
    let output = options.output.clone().unwrap_or_else(|| root.join("target/dist"));
    fs::create_dir_all(&output).with_context(|| format!("cannot make `{}`", output.display()))?;
    let time = commit_time(root);
    let variants: &[bool] = if options.llvm { &[false, true] } else { &[false] };
    for with_llvm in variants {
        let programs = match &options.programs {
            Some(folder) => folder.clone(),
            None => build(root, COMMAND, *with_llvm, profile)?,
        };
        let version = version(&programs)?;
        let variant = if *with_llvm { "-llvm" } else { "" };
        let end = format!("{version}-{}-{}{variant}", std::env::consts::ARCH, std::env::consts::OS);
        made.push(write(&output, &format!("wasmer-{end}"), &entries(root, &programs, *with_llvm)?, time)?);
        if options.programs.is_none() {
            let built = build(root, library::PACKAGE, *with_llvm, profile)?;
            let entries = library::entries(root, &built, &version, *with_llvm)?;
            made.push(write(&output, &format!("libwasmer-{end}"), &entries, time)?);
            if !with_llvm {
                python::release(root, &output, profile.variables())?;
            }
        }
    }
    fs::copy(root.join("install.sh"), output.join("install.sh"))?;
    fs::write(output.join(LIST), list(&output)?)?;
    made.push(output.join(LIST).display().to_string());
    Ok(made)
}

/// Packs an archive and writes it; says where, and how large it is.
fn write(output: &Path, name: &str, entries: &[Entry], time: u64) -> Result<String> {
    let bytes = archive::pack(name, entries, time)?;
    let path = output.join(format!("{name}.tar.gz"));
    fs::write(&path, &bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(format!("{} {:.1} MB", path.display(), bytes.len() as f64 / 1e6))
}

/// Builds a package for others: without symbols, and without the paths of this machine. Each for itself, so that none changes what another is made of.
fn build(root: &Path, package: &str, with_llvm: bool, profile: Profile) -> Result<PathBuf> {
    let target = root.join("target/dist-build");
    let mut cargo = shell::cargo();
    cargo.current_dir(root).args(["build", "--release", "--locked", "--package", package, "--target-dir"]).arg(&target);
    if with_llvm {
        cargo.arg("--features=llvm").env(llvm::PREFIX_VARIABLE, llvm::find_or_install()?);
    }
    let remapped = [(root.to_owned(), "wasmer"), (shell::cargo_home()?, "cargo"), (sysroot()?, "rust")];
    let flags = remapped.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")).env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    cargo.envs(profile.variables().iter().copied());
    shell::run(&mut cargo)?;
    Ok(target.join("release"))
}

/// The compiler's own folder.
fn sysroot() -> Result<PathBuf> {
    Ok(shell::read(Command::new("rustc").args(["--print", "sysroot"]))?.trim().into())
}

/// What the programs call themselves.
fn version(programs: &Path) -> Result<String> {
    let text = shell::read(Command::new(programs.join("wasmer")).arg("--version"))?;
    let version = text.trim().strip_prefix("wasmer ").context("`wasmer --version` says something else")?;
    Ok(version.to_owned())
}

/// Seconds since 1970: SOURCE_DATE_EPOCH, or the time of the commit, or zero outside of a repository.
fn commit_time(root: &Path) -> u64 {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    let commit = || {
        shell::read(Command::new("git").current_dir(root).args(["log", "-1", "--format=%ct"])).ok()?.trim().parse().ok()
    };
    given.or_else(commit).unwrap_or(0)
}

/// What goes into an archive.
fn entries(root: &Path, programs: &Path, with_llvm: bool) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for program in PROGRAMS.iter().chain(with_llvm.then_some(&WORKER)) {
        let path = programs.join(program);
        let bytes = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        entries.push(Entry::program(format!("bin/{program}"), bytes));
    }
    let wasmer = || Command::new(programs.join("wasmer"));
    for (shell, path) in SHELLS {
        let script = shell::read(wasmer().args(["completions", shell]))?;
        entries.push(Entry::file(path, script));
    }
    let pages = tempfile::tempdir()?;
    shell::read(wasmer().args(["man", "--folder"]).arg(pages.path()))?;
    for page in fs::read_dir(pages.path())? {
        let page = page?;
        let name = page.file_name().to_string_lossy().into_owned();
        entries.push(Entry::file(format!("share/man/man1/{name}"), fs::read(page.path())?));
    }
    for name in ["README.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        entries.push(Entry::file(format!("share/doc/wasmer/{name}"), fs::read(root.join(name))?));
    }
    let notices = notices::text(root, COMMAND, "cli", with_llvm)?;
    entries.push(Entry::file("share/doc/wasmer/THIRD-PARTY-LICENSES", notices));
    Ok(entries)
}

/// The checksums of all archives and wheels in the folder and of `install.sh`.
fn list(folder: &Path) -> Result<String> {
    let mut names: Vec<_> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.retain(|name| name.ends_with(".tar.gz") || name.ends_with(".whl") || name == "install.sh");
    names.sort();
    if names.is_empty() {
        bail!("there is nothing to list in `{}`", folder.display());
    }
    let line = |name: String| {
        let sum: String =
            Sha256::digest(fs::read(folder.join(&name))?).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{sum}  {name}\n"))
    };
    names.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_archives_and_their_sums() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("b.tar.gz", "abc"), ("a.tar.gz", ""), ("other", "x"), (LIST, "old")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let expected = "\
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a.tar.gz
ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b.tar.gz
";
        assert_eq!(list(folder.path()).unwrap(), expected);
    }
}
