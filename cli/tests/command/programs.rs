//! What tests of the command share: the real programs, a cache for them, and the backends that are built in.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

const WASMER: &str = env!("CARGO_BIN_EXE_wasmer");

/// A cache that these tests share, so that each program is compiled once; another build of the command gets another one, since a
/// compiler that was changed a minute ago makes other code under the same version.
pub(crate) fn cache() -> PathBuf {
    let binary = fs::metadata(WASMER).expect("the command is built");
    let built = binary.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let name = format!("programs-{}-{}", binary.len(), built.as_nanos());
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for other in fs::read_dir(parent).into_iter().flatten().flatten() {
        let stale = other.file_name().to_string_lossy().starts_with("programs-") && other.file_name() != *name;
        if stale {
            fs::remove_dir_all(other.path()).ok();
        }
    }
    parent.join(name)
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// One of the programs that are not in the repository.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("WASMER_PROGRAMS_DIR").map_or_else(|| repository("target/programs"), PathBuf::from);
    let path = folder.join(format!("{name}.wasm"));
    if path.exists() {
        return Some(path);
    }
    let missing = format!("`{name}` is missing; `cargo xtask programs {name}` obtains it");
    let left_out = std::env::var("WASMER_PROGRAMS_LEFT_OUT").unwrap_or_default();
    let may_be_missing = left_out.split(',').any(|other| other == name);
    assert!(may_be_missing || std::env::var_os("WASMER_PROGRAMS_REQUIRED").is_none(), "{missing}");
    eprintln!("skipped: {missing}");
    None
}

/// The backends that compile in the command itself and not in another process.
pub(crate) fn own_backends() -> Vec<&'static str> {
    let built = [("singlepass", cfg!(feature = "singlepass")), ("cranelift", cfg!(feature = "cranelift"))];
    built.into_iter().filter_map(|(name, built)| built.then_some(name)).collect()
}

/// The backends that can compile here.
pub(crate) fn backends() -> Vec<&'static str> {
    let mut backends = own_backends();
    if cfg!(feature = "llvm") && Path::new(WASMER).with_file_name("wasmer-llvm").is_file() {
        backends.push("llvm");
    }
    backends
}

/// Where the largest programs run: on the backend that compiles fastest, and on every one that is built in if `WASMER_PROGRAMS_EVERY_BACKEND` is set.
pub(crate) fn backends_for_large_programs() -> Vec<&'static str> {
    let built = backends();
    let fastest = built.first().copied().into_iter().collect();
    if std::env::var_os("WASMER_PROGRAMS_EVERY_BACKEND").is_some() { built } else { fastest }
}
