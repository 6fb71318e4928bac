//! Compiling Rust programs to WASI. The project's toolchain has no standard library for that target, so this is done with Debian's
//! compiler and its sources of the library, unpacked beside the programs: nothing is installed, and nothing is left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::build::Workshop;
use super::table::RustProgram;
use crate::shell;

/// Packages of Debian: the compiler, the library for the host (for build scripts) and as sources, linker, C library, run time.
const DEBIAN_PACKAGES: &[&str] =
    &["rustc-web", "libstd-rust-web-dev", "rust-web-src", "lld-22", "wasi-libc", "libclang-rt-22-dev-wasm32"];
/// A package on which this one depends holds the compiler proper; its name has the version in it.
const LIBRARY_OWNER: &str = "libstd-rust-web-dev";
const LIBRARY_PREFIX: &str = "libstd-rust-web-1";

const TARGET: &str = "wasm32-wasip1";

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
        let folder = self.rust_folder().join(OWN_PACKAGE);
        fs::create_dir_all(&folder)?;
        let mut manifest = format!("[package]\nname = \"{OWN_PACKAGE}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n");
        manifest.push_str(&format!("[workspace]\n[[bin]]\nname = \"{OWN_PACKAGE}\"\npath = {source:?}\n"));
        fs::write(folder.join("Cargo.toml"), manifest)?;
        let mut cargo = self.cargo_for_wasi("build")?;
        shell::run(cargo.current_dir(&folder).arg("--release"))?;
        let made = self.rust_target().join(TARGET).join("release").join(format!("{OWN_PACKAGE}.wasm"));
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
        // No path of this machine gets into the program.
        let home = shell::cargo_home()?;
        for (from, to) in [(self.root(), "root"), (&*self.folder, "programs"), (&*system, "system"), (&*home, "cargo")]
        {
            flags.push(format!("--remap-path-prefix={}={to}", from.display()));
        }
        let mut cargo = shell::cargo();
        cargo.env("RUSTC", system.join("usr/bin/rustc")).env("RUSTDOC", system.join("usr/bin/rustdoc"));
        cargo.env("LD_LIBRARY_PATH", system.join("usr/lib/x86_64-linux-gnu")).env("RUSTC_BOOTSTRAP", "1");
        cargo.env("CARGO_TARGET_WASM32_WASIP1_LINKER", system.join("usr/lib/llvm-22/bin/wasm-ld"));
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        cargo.env("CARGO_PROFILE_RELEASE_STRIP", "true").env("CARGO_PROFILE_RELEASE_PANIC", "abort");
        cargo.env("CARGO_TARGET_DIR", self.rust_target());
        cargo.args([command, "--target", TARGET, "-Zbuild-std=std,panic_abort"]);
        Ok(cargo)
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
