//! Compiling Rust programs to WASI. The project's toolchain need not have a standard library for preview 1, so this is done with Debian's
//! compiler and its sources of the library, unpacked beside the programs: nothing is installed, and nothing is left.
//! Components are made with the project's toolchain, to which the target for 0.2 is added.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::build::Workshop;
use super::components::LIBRARY_WIT;
use super::table::RustProgram;
use crate::shell;

/// Packages of Debian: the compiler, the library for the host (for build scripts) and as sources, linker, C library, run time.
const DEBIAN_PACKAGES: &[&str] =
    &["rustc-web", "libstd-rust-web-dev", "rust-web-src", "lld-22", "wasi-libc", "libclang-rt-22-dev-wasm32"];
/// A package on which this one depends holds the compiler proper; its name has the version in it.
const LIBRARY_OWNER: &str = "libstd-rust-web-dev";
const LIBRARY_PREFIX: &str = "libstd-rust-web-1";

const TARGET: &str = "wasm32-wasip1";
const COMPONENT_TARGET: &str = "wasm32-wasip2";

/// The package that is made of a source of ours.
const OWN_PACKAGE: &str = "own";

impl Workshop {
    /// Compiles a program of a package of the registry, by its own lock file.
    pub(super) fn compile_rust(&self, program: &RustProgram, path: &Path) -> Result<()> {
        let RustProgram { package, version, features } = program;
        let folder = self.rust_folder();
        let mut cargo = self.cargo_for_wasi("install")?;
        cargo.args([package, "--version", version, "--locked", "--no-track"]);
        cargo.args(["--no-default-features", "--features", features, "--root"]).arg(&folder);
        shell::run(&mut cargo)?;
        copy(&folder.join("bin").join(format!("{package}.wasm")), path)
    }

    /// Compiles a source of ours that needs nothing but the standard library.
    pub(super) fn compile_own_rust(&self, source: &Path, path: &Path) -> Result<()> {
        let folder = self.own_package(source, &[])?;
        self.build_own_package(&folder, self.cargo_for_wasi("build")?, TARGET, path)
    }

    /// Compiles a source of ours to a component, with the project's own toolchain: a program, or a library if it needs packages of the registry.
    pub(super) fn compile_rust_component(&self, source: &Path, packages: &[(&str, &str)], path: &Path) -> Result<()> {
        shell::rust_library(COMPONENT_TARGET)?;
        let folder = self.own_package(source, packages)?;
        let mut cargo = shell::cargo();
        // For the parts of the library that are WASI's own.
        cargo.env("RUSTC_BOOTSTRAP", "1");
        self.set_build(&mut cargo, Vec::new())?;
        cargo.args(["build", "--target", COMPONENT_TARGET]);
        self.build_own_package(&folder, cargo, COMPONENT_TARGET, path)
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

    fn build_own_package(&self, folder: &Path, mut cargo: Command, target: &str, path: &Path) -> Result<()> {
        shell::run(cargo.current_dir(folder).arg("--release"))?;
        let made = self.rust_target().join(target).join("release").join(format!("{OWN_PACKAGE}.wasm"));
        copy(&made, path)
    }

    /// Where the compiler and what it makes lie: more than a gigabyte, which [`Workshop::tidy_up`] removes.
    fn rust_folder(&self) -> PathBuf {
        self.folder.join("rust")
    }

    fn rust_target(&self) -> PathBuf {
        self.rust_folder().join("target")
    }

    /// Cargo with Debian's compiler, for a command that compiles a program and the standard library.
    fn cargo_for_wasi(&self, command: &str) -> Result<Command> {
        let folder = self.rust_folder();
        let (system, threads) = (folder.join("system"), folder.join("threads.o"));
        if !system.exists() {
            fs::create_dir_all(&folder)?;
            self.compile_object("threads.c", &threads)?;
            unpack_compiler(&folder.join("packages"), &system)?;
        }
        let library = system.join("usr/lib/wasm32-wasi");
        let run_time = system.join("usr/lib/llvm-22/lib/clang/22/lib/wasi/libclang_rt.builtins-wasm32.a");
        let mut flags = vec!["-Clink-self-contained=no".to_owned(), format!("-L{}", library.display())];
        for object in [&library.join("crt1-command.o"), &threads, &run_time] {
            flags.push(format!("-Clink-arg={}", object.display()));
        }
        flags.push(format!("--remap-path-prefix={}=system", system.display()));
        let mut cargo = shell::cargo();
        cargo.env("RUSTC", system.join("usr/bin/rustc")).env("RUSTDOC", system.join("usr/bin/rustdoc"));
        cargo.env("LD_LIBRARY_PATH", system.join("usr/lib/x86_64-linux-gnu")).env("RUSTC_BOOTSTRAP", "1");
        cargo.env("CARGO_TARGET_WASM32_WASIP1_LINKER", system.join("usr/lib/llvm-22/bin/wasm-ld"));
        self.set_build(&mut cargo, flags)?;
        // What is tested is that the programs run; how fast does not matter, and the optimiser takes most of the time.
        cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
        cargo.args([command, "--target", TARGET, "-Zbuild-std=std,panic_abort"]);
        Ok(cargo)
    }

    /// Says how and where cargo builds, with flags for the compiler.
    fn set_build(&self, cargo: &mut Command, mut flags: Vec<String>) -> Result<()> {
        // No path of this machine gets into the program. The last that fits counts.
        let home = shell::cargo_home()?;
        let places = [(self.root(), "root"), (&*self.folder, "programs"), (&*home, "cargo")];
        flags.splice(0..0, places.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())));
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        cargo.env("CARGO_PROFILE_RELEASE_STRIP", "true").env("CARGO_PROFILE_RELEASE_PANIC", "abort");
        cargo.env("CARGO_TARGET_DIR", self.rust_target());
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).with_context(|| format!("cannot copy `{}`", from.display()))
}

/// Puts Debian's compiler into a folder, as if that were the root of a system.
fn unpack_compiler(packages: &Path, system: &Path) -> Result<()> {
    // Under another name until it is complete.
    let unfinished = system.with_extension("part");
    for folder in [packages, &unfinished] {
        fs::create_dir_all(folder)?;
    }
    let depends = shell::read(Command::new("apt-cache").args(["depends", LIBRARY_OWNER]))?;
    let library = depends.split_whitespace().find(|word| word.starts_with(LIBRARY_PREFIX));
    let library = library.with_context(|| format!("this system's packages do not include `{LIBRARY_OWNER}`"))?;
    let mut download = Command::new("apt-get");
    download.current_dir(packages).args(["download", "-qq", library]).args(DEBIAN_PACKAGES);
    shell::run(&mut download)?;
    let archives: Vec<PathBuf> = fs::read_dir(packages)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some())
        .collect();
    for archive in archives {
        shell::run(Command::new("dpkg").arg("-x").arg(&archive).arg(&unfinished))?;
    }
    fs::rename(&unfinished, system).context("cannot rename the folder of the compiler")
}
