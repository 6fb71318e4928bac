//! The step `packages`: what would be on a registry, as somebody who depends on it meets it.
//!
//! Cargo packs what it is told of and says nothing of a file that was forgotten. So all packages are unpacked beside each other, each from its own archive
//! alone, together with a program that asks for them by the names and versions that it would ask a registry for; and all of it has to compile.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use tar::Archive;

use crate::packages;
use crate::plan::Plan;
use crate::shell;

/// The program, with the names that `docs/guide/versions.md` promises.
const PROGRAM: &str = r#"//! A stranger's program.

use wasmer_runtime::cache::{Cache, CacheConfig};
use wasmer_runtime::wasi::{WasiCtx, WasiCtxBuilder, add_imports_to_linker};
use wasmer_runtime::{Engine, Linker, Module, Store};

/// Runs a program of WASI.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine: Engine = wasmer_runtime::default_engine()?;
    let module = Module::new(&engine, &std::fs::read("program.wasm")?)?;
    let mut linker = Linker::new();
    add_imports_to_linker(&mut linker, &module, |context: &mut WasiCtx| context)?;
    let mut store = Store::new(&engine, WasiCtxBuilder::new().inherit_stdio().build()?);
    let instance = linker.instantiate(&mut store, &module)?;
    instance.typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())?;
    println!("{}", Cache::open(CacheConfig::new("cache"))?.dir().display());
    Ok(())
}
"#;

/// Packs, unpacks and compiles.
pub(crate) fn test(plan: &mut Plan) -> Result<String> {
    let report = packages::pack(&plan.root)?;
    let copy = packages::folder(&plan.root);
    let folder = copy.join("stranger");
    let names = unpack(&packages::archives(&copy)?, &folder)?;
    let version = packages::workspace_version(&plan.root)?;
    write_program(&folder.join("program"), &version)?;
    fs::write(folder.join("Cargo.toml"), workspace(&names))?;
    fs::copy(copy.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    // What the packages need of others was compiled for the lints, with which it is shared where the features are the same.
    let mut cargo = plan.bare_cargo();
    cargo
        .current_dir(&folder)
        .args(["check", "--workspace", "--offline", "--target-dir"])
        .arg(plan.root.join("target"));
    shell::run(&mut cargo).context("what is packed does not compile by itself")?;
    Ok(format!("{report}; they compile"))
}

/// Unpacks archives beside each other, and returns their folders, which have the names and versions of the packages.
fn unpack(archives: &[PathBuf], folder: &Path) -> Result<Vec<String>> {
    fs::create_dir_all(folder)?;
    let mut names = Vec::new();
    for archive in archives {
        let file = File::open(archive).with_context(|| format!("cannot open `{}`", archive.display()))?;
        Archive::new(GzDecoder::new(file)).unpack(folder)?;
        let name = archive.file_stem().and_then(|name| name.to_str()).context("a package whose name is not text")?;
        ensure!(folder.join(name).join("Cargo.toml").is_file(), "`{name}` has no manifest of its own");
        names.push(name.to_owned());
    }
    Ok(names)
}

/// A manifest that has cargo take these packages for those of the registry.
fn workspace(folders: &[String]) -> String {
    let members: String = folders.iter().map(|folder| format!("\"{folder}\", ")).collect();
    let patches: String = folders
        .iter()
        .filter_map(|folder| Some((folder.rsplit_once('-')?.0, folder)))
        .map(|(name, folder)| format!("{name} = {{ path = \"{folder}\" }}\n"))
        .collect();
    format!("[workspace]\nresolver = \"3\"\nmembers = [{members}\"program\"]\n\n[patch.crates-io]\n{patches}")
}

fn write_program(folder: &Path, version: &str) -> Result<()> {
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/main.rs"), PROGRAM)?;
    let manifest = format!(
        "[package]\nname = \"program\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{} = \"{version}\"\n",
        packages::NAME
    );
    Ok(fs::write(folder.join("Cargo.toml"), manifest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_stands_for_one_of_the_registry() {
        let manifest: toml::Table =
            workspace(&["wasmer-wart-0.1.0".to_owned(), "wasmer-wart-vm-0.1.0".to_owned()]).parse().unwrap();
        assert_eq!(manifest["workspace"]["members"].as_array().unwrap().len(), 3);
        let patches = manifest["patch"]["crates-io"].as_table().unwrap();
        assert_eq!(patches["wasmer-wart"]["path"].as_str(), Some("wasmer-wart-0.1.0"));
        assert_eq!(patches["wasmer-wart-vm"]["path"].as_str(), Some("wasmer-wart-vm-0.1.0"));
    }
}
