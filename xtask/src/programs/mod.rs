//! The real programs that tests and benchmarks run. They are not in the repository: each is fetched, or built from sources that
//! are fetched, into `target/programs/`, by the package's name and version, and checked against a hash.

mod build;
mod rust;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use build::Workshop;
use table::{PROGRAMS, Program};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fetch and build nothing; fail when a program is missing or not what it should be.
    #[arg(long)]
    check: bool,
    /// Only these programs.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// The command: obtains the programs and lists them.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let unknown = options.names.iter().find(|name| PROGRAMS.iter().all(|program| program.name != **name));
    if let Some(name) = unknown {
        let known: Vec<_> = PROGRAMS.iter().map(|program| program.name).collect();
        bail!("there is no program `{name}`\nhint: there are {}", known.join(", "));
    }
    let chosen = PROGRAMS
        .iter()
        .filter(|program| options.names.is_empty() || options.names.iter().any(|name| name == program.name));
    let mut failures = 0;
    for program in chosen {
        let path = folder(root).join(format!("{}.wasm", program.name));
        let result = if options.check { check(program, &path) } else { obtain(root, program) };
        match result.and_then(|()| Ok(fs::metadata(&path)?.len())) {
            Ok(bytes) => println!("{:10} {:9} KiB  {}  {}", program.name, bytes / 1024, program.about, path.display()),
            Err(error) => {
                failures += 1;
                println!("{:10}       missing  {}", program.name, program.about);
                eprintln!("error: {error:#}");
            }
        }
    }
    if failures == 0 { Ok(()) } else { bail!("{failures} of the programs are missing") }
}

/// Obtains all programs. What could not be had is returned by name, each with the reason.
pub(crate) fn obtain_all(root: &Path) -> Vec<(&'static str, anyhow::Error)> {
    let try_one = |program: &Program| obtain(root, program).err().map(|error| (program.name, error));
    PROGRAMS.iter().filter_map(try_one).collect()
}

fn folder(root: &Path) -> PathBuf {
    root.join("target/programs")
}

/// Makes sure that a program is there and is what it should be.
fn obtain(root: &Path, program: &Program) -> Result<()> {
    let folder = folder(root);
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}.wasm", program.name));
    if check(program, &path).is_ok() {
        return Ok(());
    }
    // Under another name until it is known to be right.
    let unfinished = path.with_extension("part");
    let made = Workshop::new(root, &folder).make(program, &unfinished);
    made.and_then(|()| check(program, &unfinished)).with_context(|| format!("cannot obtain `{}`", program.name))?;
    fs::rename(&unfinished, &path)?;
    Ok(())
}

fn check(program: &Program, path: &Path) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    if !bytes.starts_with(b"\0asm") {
        bail!("`{}` is not a WebAssembly module", path.display());
    }
    let Some(expected) = program.sha256 else { return Ok(()) };
    let actual = hex(&Sha256::digest(&bytes));
    if actual != expected {
        bail!("`{}` has the SHA-256 {actual} instead of {expected}", path.display());
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wheels::WHEELS;
    use table::{CRATES, Origin};

    #[test]
    fn every_program_has_a_name_of_its_own_and_a_pinned_origin() {
        for (at, program) in PROGRAMS.iter().enumerate() {
            assert!(PROGRAMS[..at].iter().all(|other| other.name != program.name), "{}", program.name);
            match &program.origin {
                Origin::Wheel { package, .. } => {
                    assert!(WHEELS.iter().any(|wheel| wheel.name == *package), "{package}")
                }
                Origin::C(source) => {
                    assert!(CRATES.iter().any(|(name, _)| *name == source.package), "{}", source.package)
                }
                Origin::Rust(source) => assert!(source.version.split('.').count() == 3, "{}", source.package),
            }
            // What is not fetched or compiled by a pinned compiler cannot have a hash.
            assert_eq!(program.sha256.is_none(), matches!(program.origin, Origin::Rust(_)), "{}", program.name);
            assert!(program.sha256.is_none_or(|hash| hash.len() == 64));
        }
    }

    #[test]
    fn a_damaged_program_is_not_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wasm");
        let pinned = |sha256| Program { sha256, ..sample() };
        assert!(check(&pinned(None), &path).is_err(), "missing");
        fs::write(&path, b"MZ").unwrap();
        assert!(check(&pinned(None), &path).is_err(), "not a module");
        fs::write(&path, b"\0asm\x01\0\0\0").unwrap();
        assert!(check(&pinned(None), &path).is_ok());
        let right = "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476";
        check(&pinned(Some(right)), &path).unwrap();
        assert!(check(&pinned(Some(&right.replace('9', "0").leak()[..])), &path).is_err(), "another hash");
    }

    fn sample() -> Program {
        Program { name: "x", about: "", origin: Origin::Wheel { package: "", file: "" }, sha256: None }
    }
}
