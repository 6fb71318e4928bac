//! A digest of a crate's sources, known to the crate itself.
//!
//! An artifact is stale as soon as anything that made it has changed. Nobody has to remember that: each crate whose code ends in artifacts
//! calls [`emit`] in its build script, and puts `env!("SOURCE_DIGEST")` into the cache key.
//!
//! ```no_run
//! // build.rs
//! fn main() -> std::io::Result<()> {
//!     wasmer_source_digest::emit()
//! }
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Length of a digest in bytes; it is written as twice as many hex digits.
const DIGEST_BYTES: usize = 16;

/// Called by a build script: sets the environment variable `SOURCE_DIGEST` for the crate that is built, and has it built again when its
/// manifest or anything in its `src` changes.
///
/// # Errors
///
/// Those of reading the sources.
pub fn emit() -> io::Result<()> {
    let crate_folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let crate_folder = crate_folder.ok_or_else(|| io::Error::other("not called by a build script"))?;
    for part in PARTS {
        println!("cargo::rerun-if-changed={part}");
    }
    println!("cargo::rustc-env=SOURCE_DIGEST={}", digest(&crate_folder)?);
    Ok(())
}

/// What of a crate's folder decides what it does. The manifest, because features and versions of dependencies are chosen there.
const PARTS: [&str; 2] = ["Cargo.toml", "src"];

/// The digest of a crate, the same wherever its folder is.
fn digest(crate_folder: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    for part in PARTS {
        collect(&crate_folder.join(part), part.to_owned(), &mut files)?;
    }
    files.sort_unstable();
    let mut state = blake2b_simd::Params::new().hash_length(DIGEST_BYTES).to_state();
    for (name, path) in files {
        let bytes = fs::read(path)?;
        // With its length, so that what ends one part cannot begin the next.
        for part in [name.as_bytes(), &bytes] {
            state.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
    }
    Ok(state.finalize().to_hex().to_string())
}

/// Adds a file, or all files of a folder, by their names below the crate's folder.
fn collect(path: &Path, name: String, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    if !path.is_dir() {
        files.push((name, path.to_owned()));
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let file_name = entry.file_name();
        let file_name = file_name.to_str().ok_or_else(|| io::Error::other("a source file's name is not UTF-8"))?;
        collect(&entry.path(), format!("{name}/{file_name}"), files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate with these files besides its manifest.
    fn krate(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("Cargo.toml", "[package]")].iter().chain(files) {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn digest_of(files: &[(&str, &str)]) -> String {
        digest(krate(files).path()).unwrap()
    }

    #[test]
    fn every_change_of_the_sources_changes_it() {
        let mut digests = [
            digest_of(&[("src/lib.rs", "mod a;"), ("src/a/b.rs", "one")]),
            digest_of(&[("src/lib.rs", "mod a;"), ("src/a/b.rs", "two")]),
            digest_of(&[("src/lib.rs", "mod a;"), ("src/a/c.rs", "one")]),
            digest_of(&[("src/lib.rs", "mod a;"), ("src/b.rs", "one")]),
            digest_of(&[("src/lib.rs", "mod a;")]),
            digest_of(&[("src/lib.rs", "mod a;"), ("src/a/b.rs", "one"), ("src/a/c.rs", "")]),
            digest_of(&[("Cargo.toml", "[package] # other"), ("src/lib.rs", "mod a;"), ("src/a/b.rs", "one")]),
        ];
        assert!(digests.iter().all(|digest| digest.len() == 2 * DIGEST_BYTES));
        digests.sort_unstable();
        assert!(digests.windows(2).all(|pair| pair[0] != pair[1]), "{digests:?}");
    }

    #[test]
    fn nothing_else_changes_it() {
        let files = [("src/lib.rs", "mod a;"), ("src/a/b.rs", "one")];
        let first = digest_of(&files);
        assert_eq!(digest_of(&[files[1], files[0]]), first);
        assert_eq!(digest_of(&[files[0], files[1], ("tests/a.rs", ""), ("README.md", "")]), first);
    }

    #[test]
    fn a_crate_without_sources_is_an_error() {
        assert!(digest(tempfile::tempdir().unwrap().path()).is_err());
    }
}
