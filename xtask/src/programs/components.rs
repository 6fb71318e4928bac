//! Components, made of sources of ours by the toolchains of their languages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::build::Workshop;
use super::table::Toolchain;
use crate::{npm, shell, wheels};

/// The world that is ours.
pub(super) const LIBRARY_WIT: &str = "components/library.wit";
/// What the worlds of the standard come from: a package, and the version of WASI in it.
const STANDARD: (&str, &str) = ("wasip2", "0.2.12");
/// The lists of the packages of npm.
const NPM: &str = "components/npm";
/// Which files belong together, for Python.
const PYTHON: &str = "components/python";

impl Workshop {
    /// Makes a component of a source of ours.
    pub(super) fn componentize(&self, toolchain: &Toolchain, source: &str, world: &str, path: &Path) -> Result<()> {
        let source = self.own_source(source);
        match toolchain {
            Toolchain::Rust(packages) => self.compile_rust_component(&source, packages, path),
            Toolchain::Python => self.componentize_py(&source, world, path),
            Toolchain::JavaScript => {
                let mut node = self.node(&self.own_source("components/componentize.mjs"))?;
                node.arg(&source).arg(self.definition(world)?).arg(world).arg(path);
                shell::run(&mut node).map(drop)
            }
            Toolchain::QuickJs => {
                let mut node = self.node(Path::new("componentize-qjs/cli.mjs"))?;
                node.arg("--sync").arg("--wit").arg(self.definition(world)?).args(["--world", world]);
                shell::run(node.arg("--js").arg(&source).arg("--output").arg(path)).map(drop)
            }
        }
    }

    /// What a component is made of.
    pub(super) fn component_sources(&self, source: &str, world: &str) -> Result<Vec<PathBuf>> {
        let source = self.own_source(source);
        let mut sources = vec![source.clone()];
        if !is_standard(world) {
            sources.push(self.own_source(LIBRARY_WIT));
        }
        if source.starts_with(self.own_source(PYTHON)) {
            sources.extend(self.python_sources()?);
        }
        Ok(sources)
    }

    fn python_sources(&self) -> Result<Vec<PathBuf>> {
        fs::read_dir(self.own_source(PYTHON))?.map(|entry| Ok(entry?.path())).collect()
    }

    fn componentize_py(&self, source: &Path, world: &str, path: &Path) -> Result<()> {
        let package = wheels::obtain(self.root(), "componentize-py")?;
        let mut python = Command::new(wheels::python(self.root())?);
        python.env("PYTHONPATH", &package).arg(package.join("bin/componentize-py"));
        python.arg("--wit-path").arg(self.definition(world)?).args(["--world", world, "componentize"]);
        // Python writes what it compiled beside its sources.
        let copies = self.folder.join("python");
        fs::create_dir_all(&copies)?;
        for source in self.python_sources()? {
            fs::copy(&source, copies.join(source.file_name().context("a file has a name")?))?;
        }
        let module = source.file_stem().context("a source has a name")?;
        python.arg("--python-path").arg(copies).arg("--output").arg(path).arg(module);
        shell::run(&mut python).map(drop)
    }

    /// Node with a script of ours, or of a package.
    fn node(&self, script: &Path) -> Result<Command> {
        let modules = npm::install(self.root(), &self.own_source(NPM))?.join("node_modules");
        let mut node = Command::new("node");
        // A script of ours finds packages by this variable alone.
        node.env("TOOLCHAIN_MODULES", &modules).arg(modules.join(script));
        Ok(node)
    }

    /// Where a world is defined.
    fn definition(&self, world: &str) -> Result<PathBuf> {
        if !is_standard(world) {
            return Ok(self.own_source(LIBRARY_WIT));
        }
        let (package, version) = STANDARD;
        let definition = self.crate_folder(package)?.join("wit");
        let wanted = world.rsplit('@').next().unwrap_or(version);
        if wanted == version {
            return Ok(definition);
        }
        // Engines are built for a version of the interfaces that they import.
        let folder = self.folder.join("wit").join(wanted);
        fs::create_dir_all(folder.join("deps"))?;
        fs::copy(definition.join("wasi-crate.wit"), folder.join("wasi-crate.wit"))?;
        for entry in fs::read_dir(definition.join("deps"))? {
            let entry = entry?;
            let text = fs::read_to_string(entry.path())?.replace(version, wanted);
            fs::write(folder.join("deps").join(entry.file_name()), text)?;
        }
        Ok(folder)
    }
}

fn is_standard(world: &str) -> bool {
    world.starts_with("wasi:")
}
