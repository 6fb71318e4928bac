//! LLVM 22, which only one backend needs: where it is, and how to get it.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::shell;

/// The variable by which the bindings find LLVM.
pub(crate) const PREFIX_VARIABLE: &str = "LLVM_SYS_221_PREFIX";

const DEBIAN_PREFIX: &str = "/usr/lib/llvm-22";
const DEBIAN_PACKAGES: &[&str] = &["g++", "llvm-22-dev", "libpolly-22-dev", "libzstd-dev"];

/// The folder of an installed LLVM 22: what the variable names, or where Debian's packages put it.
pub(crate) fn find() -> Option<PathBuf> {
    let candidates = [std::env::var_os(PREFIX_VARIABLE).map(PathBuf::from), Some(DEBIAN_PREFIX.into())];
    candidates.into_iter().flatten().find(|prefix| prefix.join("bin/llvm-config").exists())
}

/// The folder of LLVM 22, which is installed when it is missing and this system allows it.
pub(crate) fn find_or_install() -> Result<PathBuf> {
    if let Some(prefix) = find() {
        return Ok(prefix);
    }
    shell::install_debian_packages(DEBIAN_PACKAGES).with_context(|| {
        format!("LLVM 22 is missing and its packages ({}) were not installed", DEBIAN_PACKAGES.join(", "))
    })?;
    find().with_context(|| format!("the packages of LLVM 22 are installed, but there is nothing in {DEBIAN_PREFIX}"))
}
