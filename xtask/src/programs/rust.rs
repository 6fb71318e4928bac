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

impl Workshop {
    /// Compiles a program of a package of the registry, by its own lock file.
    pub(super) fn compile_rust(&self, program: &RustProgram, path: &Path) -> Result<()> {
        let folder = self.folder.join("rust");
        let system = folder.join("system");
        unpack_compiler(&folder.join("packages"), &system)?;
        let threads = folder.join("threads.o");
        self.compile_object("threads.c", &threads)?;

        let RustProgram { package, version, features } = program;
        let mut cargo = self.cargo_for_wasi(&system, &threads)?;
        cargo.env("CARGO_TARGET_DIR", folder.join("target"));
        cargo.args(["install", package, "--version", version, "--locked", "--no-track", "--target", TARGET]);
        cargo
            .args(["-Zbuild-std=std,panic_abort", "--no-default-features", "--features", features, "--root"])
            .arg(&folder);
        shell::run(&mut cargo)?;
        fs::copy(folder.join("bin").join(format!("{package}.wasm")), path)?;
        // More than a gigabyte, which nobody needs again.
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove `{}`", folder.display()))
    }

    /// Cargo with the compiler of that system.
    fn cargo_for_wasi(&self, system: &Path, threads: &Path) -> Result<Command> {
        let library = system.join("usr/lib/wasm32-wasi");
        let run_time = system.join("usr/lib/llvm-22/lib/clang/22/lib/wasi/libclang_rt.builtins-wasm32.a");
        let mut flags = vec!["-Clink-self-contained=no".to_owned(), format!("-L{}", library.display())];
        for object in [&library.join("crt1-command.o"), threads, &run_time] {
            flags.push(format!("-Clink-arg={}", object.display()));
        }
        // No path of this machine gets into the program.
        let home = shell::cargo_home()?;
        for (from, to) in [(system, "system"), (&*self.folder, "programs"), (&*home, "cargo")] {
            flags.push(format!("--remap-path-prefix={}={to}", from.display()));
        }
        let mut cargo = shell::cargo();
        cargo.env("RUSTC", system.join("usr/bin/rustc")).env("RUSTDOC", system.join("usr/bin/rustdoc"));
        cargo.env("LD_LIBRARY_PATH", system.join("usr/lib/x86_64-linux-gnu")).env("RUSTC_BOOTSTRAP", "1");
        cargo.env("CARGO_TARGET_WASM32_WASIP1_LINKER", system.join("usr/lib/llvm-22/bin/wasm-ld"));
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        cargo.env("CARGO_PROFILE_RELEASE_STRIP", "true").env("CARGO_PROFILE_RELEASE_PANIC", "abort");
        Ok(cargo)
    }
}

/// Puts Debian's compiler into a folder, as if that were the root of a system.
fn unpack_compiler(packages: &Path, system: &Path) -> Result<()> {
    for folder in [packages, system] {
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
        shell::run(Command::new("dpkg").arg("-x").arg(&archive).arg(system))?;
    }
    Ok(())
}
