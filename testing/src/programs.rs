//! Real programs, which `cargo xtask programs` obtains, and where they run.

use std::path::{Path, PathBuf};

use wasmer_runtime::{Backend, Engine};

use crate::engines::engines;

/// One of the programs. If it is missing, and nobody says that it must not be, that is said.
///
/// # Panics
/// If it is missing, `WASMER_PROGRAMS_REQUIRED` is set, and `WASMER_PROGRAMS_LEFT_OUT` does not name it.
pub fn program(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("WASMER_PROGRAMS_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/programs"), PathBuf::from);
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

/// Whether programs run on every backend: if `WASMER_PROGRAMS_EVERY_BACKEND` is set.
pub fn on_every_backend() -> bool {
    std::env::var_os("WASMER_PROGRAMS_EVERY_BACKEND").is_some()
}

/// Engines for programs: of the backend that compiles fastest, or of every one.
pub fn engines_for_programs() -> Vec<(Backend, Engine)> {
    let mut engines = engines();
    engines.sort_by_key(|(backend, _)| *backend != Backend::Singlepass);
    if !on_every_backend() {
        engines.truncate(1);
    }
    engines
}
