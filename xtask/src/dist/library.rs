//! The archive for programs in C: headers, static and shared library, and what `pkg-config` and CMake read to find them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::archive::Entry;
use super::notices;

/// The package that is built.
pub(super) const PACKAGE: &str = "wasmer-c-api";

/// Where it is, from the root.
const FOLDER: &str = "c-api";

/// The name by which programs find the shared library: see the package's build script.
const SHARED: &str = "libwasmer.so.0";

/// What is built, and where it goes.
const LIBRARIES: [(&str, &str); 2] =
    [("libwasmer_c_api.a", "lib/libwasmer.a"), ("libwasmer_c_api.so", "lib/libwasmer.so.0")];

/// What is in the repository, and where it goes. `@VERSION@` in it is the version.
const FILES: [(&str, &str); 5] = [
    ("include/wasm.h", "include/wasm.h"),
    ("include/wasmer.h", "include/wasmer.h"),
    ("install/wasmer.pc", "lib/pkgconfig/wasmer.pc"),
    ("install/wasmer-config.cmake", "lib/cmake/wasmer/wasmer-config.cmake"),
    ("install/wasmer-config-version.cmake", "lib/cmake/wasmer/wasmer-config-version.cmake"),
];

/// What goes into the archive.
pub(super) fn entries(root: &Path, built: &Path, version: &str, with_llvm: bool) -> Result<Vec<Entry>> {
    let mut entries = files(root, version)?;
    for (name, path) in LIBRARIES {
        let from = built.join(name);
        let bytes = fs::read(&from).with_context(|| format!("cannot read `{}`", from.display()))?;
        entries.push(Entry::file(path, bytes));
    }
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        entries.push(Entry::file(format!("share/doc/libwasmer/{name}"), fs::read(root.join(name))?));
    }
    let notices = notices::text(root, PACKAGE, FOLDER, with_llvm)?;
    entries.push(Entry::file("share/doc/libwasmer/THIRD-PARTY-LICENSES", notices));
    Ok(entries)
}

/// What needs no building.
fn files(root: &Path, version: &str) -> Result<Vec<Entry>> {
    let mut entries = vec![Entry::link("lib/libwasmer.so", SHARED)];
    for (name, path) in FILES {
        let from = root.join(FOLDER).join(name);
        let text = fs::read_to_string(&from).with_context(|| format!("cannot read `{}`", from.display()))?;
        entries.push(Entry::file(path, text.replace("@VERSION@", version)));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_there_and_agree_on_the_name() {
        let root = crate::workspace_root();
        assert_eq!(files(&root, "1.2.3").unwrap().len(), FILES.len() + 1);
        for name in ["build.rs", "install/wasmer-config.cmake"] {
            assert!(fs::read_to_string(root.join(FOLDER).join(name)).unwrap().contains(SHARED), "{name}");
        }
        assert!(LIBRARIES.iter().any(|(_, path)| path.ends_with(SHARED)));
    }
}
