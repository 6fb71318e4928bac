//! Compiling Rust programs to WASI with the project's own toolchain, to which the targets are added: preview 1 for modules, 0.2 for components.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::build::Workshop;
use super::components::LIBRARY_WIT;
use super::table::RustProgram;
use crate::shell;

const MODULE_TARGET: &str = "wasm32-wasip1";
const COMPONENT_TARGET: &str = "wasm32-wasip2";

/// The package that is made of a source of ours.
const OWN_PACKAGE: &str = "own";

impl Workshop {
    /// Compiles a program of a package of the registry, by its own lock file.
    pub(super) fn compile_rust(&self, program: &RustProgram, path: &Path) -> Result<()> {
        let RustProgram { package, version, features } = program;
        let folder = self.rust_folder();
        let mut cargo = self.cargo_for(MODULE_TARGET, "install")?;
        cargo.args([package, "--version", version, "--locked", "--no-track"]);
        cargo.args(["--no-default-features", "--features", features, "--root"]).arg(&folder);
        shell::run(&mut cargo)?;
        copy(&folder.join("bin").join(format!("{package}.wasm")), path)
    }

    /// Compiles a source of ours that needs nothing but the standard library.
    pub(super) fn compile_own_rust(&self, source: &Path, path: &Path) -> Result<()> {
        self.build_own_package(MODULE_TARGET, source, &[], path)
    }

    /// Compiles a source of ours to a component: a program, or a library if it needs packages of the registry.
    pub(super) fn compile_rust_component(&self, source: &Path, packages: &[(&str, &str)], path: &Path) -> Result<()> {
        self.build_own_package(COMPONENT_TARGET, source, packages, path)
    }

    /// Makes a package of a source of ours.
    fn own_package(&self, source: &Path, packages: &[(&str, &str)]) -> Result<PathBuf> {
        let folder = self.rust_folder().join(OWN_PACKAGE);
        // `wit-bindgen` looks for WIT in this folder of the package.
        let wit = folder.join("wit");
        fs::create_dir_all(&wit)?;
        fs::copy(self.own_source(LIBRARY_WIT), wit.join("library.wit"))?;
        let kind = if packages.is_empty() { "[[bin]]" } else { "[lib]\ncrate-type = [\"cdylib\"]" };
        let mut manifest = format!("[package]\nname = \"{OWN_PACKAGE}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n");
        manifest
            .push_str(&format!("[workspace]\n{kind}\nname = \"{OWN_PACKAGE}\"\npath = {source:?}\n[dependencies]\n"));
        manifest.extend(packages.iter().map(|(name, version)| format!("{name} = \"={version}\"\n")));
        fs::write(folder.join("Cargo.toml"), manifest)?;
        Ok(folder)
    }

    fn build_own_package(&self, target: &str, source: &Path, packages: &[(&str, &str)], path: &Path) -> Result<()> {
        let folder = self.own_package(source, packages)?;
        shell::run(self.cargo_for(target, "build")?.current_dir(folder).arg("--release"))?;
        let made = self.rust_target().join(target).join("release").join(format!("{OWN_PACKAGE}.wasm"));
        copy(&made, path)
    }

    /// Where what is compiled lies, which [`Workshop::tidy_up`] removes.
    fn rust_folder(&self) -> PathBuf {
        self.folder.join("rust")
    }

    fn rust_target(&self) -> PathBuf {
        self.rust_folder().join("target")
    }

    /// Cargo, for a command that compiles for a target.
    fn cargo_for(&self, target: &str, command: &str) -> Result<Command> {
        shell::rust_library(target)?;
        let mut cargo = shell::cargo();
        // For the parts of the library that are WASI's own.
        cargo.env("RUSTC_BOOTSTRAP", "1");
        // No path of this machine gets into the program. The last that fits counts.
        let home = shell::cargo_home()?;
        let places = [(self.root(), "root"), (&*self.folder, "programs"), (&*home, "cargo")];
        let flags = places.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        cargo.env("CARGO_PROFILE_RELEASE_STRIP", "true").env("CARGO_PROFILE_RELEASE_PANIC", "abort");
        cargo.env("CARGO_TARGET_DIR", self.rust_target());
        cargo.args([command, "--target", target]);
        Ok(cargo)
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).with_context(|| format!("cannot copy `{}`", from.display()))
}
