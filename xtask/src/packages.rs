//! `cargo xtask packages`: the packages as they would be on a registry, under names that are free there. Nothing is sent to anybody.
//!
//! In this repository packages have the names of their folders, which belong to another project on the public registry. So a copy is made in which they have
//! their published names, while programs still write `use wasmer_runtime::…`, and without what nobody needs who depends on them: tests, and what tests
//! depend on. Cargo packs that copy, and says what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::shell;

/// What is published for others to use; the packages that these depend on come along.
const ROOTS: &[&str] = &["wasmer-runtime", "wasmer-cli"];
/// The package that programs depend on has this name, and the others this name and that of their folder.
pub(crate) const NAME: &str = "wasmer-wart";
const NAMED_ALONE: &str = "runtime";
/// Files that every package gets a copy of.
const COPIED: &[&str] = &["README.md", "LICENSE-APACHE", "LICENSE-MIT"];
/// What of a package's folder belongs to its tests.
const FOLDERS_LEFT_OUT: &[&str] = &["tests", "examples", "benches"];
const SECTIONS_LEFT_OUT: &[&str] = &["[dev-dependencies]", "[[test]]", "[[example]]", "[[bench]]"];
/// What every package says of itself.
const REQUIRED: &[&str] = &["description", "version", "edition", "rust-version", "license", "keywords", "categories"];

/// Makes the copy, has it packed, and says how large it is.
pub(crate) fn pack(root: &Path) -> Result<String> {
    let folder = folder(root);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove `{}`", folder.display()))?;
    }
    let workspace = Workspace::read(root)?;
    workspace.write(root, &folder)?;
    // Everything that is needed to know the versions of others was fetched when this was built.
    let mut cargo = shell::cargo();
    cargo.current_dir(&folder).args(["package", "--workspace", "--no-verify", "--allow-dirty", "--offline"]);
    shell::run(cargo.args(["--target-dir", "target"]))?;
    let sizes: Vec<u64> = archives(&folder)?.iter().map(|path| Ok(path.metadata()?.len())).collect::<Result<_>>()?;
    let published = workspace.published.len();
    ensure!(sizes.len() == published, "{} of {published} packages were packed", sizes.len());
    Ok(format!("{published} packages of {} KiB in all, in `{}`", sizes.iter().sum::<u64>() >> 10, folder.display()))
}

/// Where the copy is.
pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join("target/publish")
}

/// What was packed in it.
pub(crate) fn archives(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder.join("target/package"))?.collect::<std::io::Result<Vec<_>>>()?;
    let paths = entries.iter().map(fs::DirEntry::path);
    Ok(paths.filter(|path| path.extension().is_some_and(|end| end == "crate")).collect())
}

/// The version of all packages.
pub(crate) fn workspace_version(root: &Path) -> Result<String> {
    version(&fs::read_to_string(root.join("Cargo.toml"))?).map(str::to_owned)
}

/// The packages of the repository.
struct Workspace {
    manifest: String,
    dependencies: toml::Table,
    /// Manifests of those that are published, by name.
    published: BTreeMap<String, Package>,
}

struct Package {
    folder: String,
    manifest: String,
}

impl Workspace {
    fn read(root: &Path) -> Result<Self> {
        let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()));
        let manifest = read(&root.join("Cargo.toml"))?;
        let table: toml::Table = manifest.parse()?;
        let dependencies = table.get("workspace").and_then(|workspace| workspace.get("dependencies"));
        let dependencies = dependencies.and_then(toml::Value::as_table).context("the workspace has no dependencies")?;
        let mut published = BTreeMap::new();
        let mut names: Vec<String> = ROOTS.iter().copied().map(str::to_owned).collect();
        while let Some(name) = names.pop() {
            if published.contains_key(&name) {
                continue;
            }
            let folder = folder_of(dependencies, &name).with_context(|| format!("`{name}` is no package of ours"))?;
            let manifest = read(&root.join(folder).join("Cargo.toml"))?;
            names.extend(own_dependencies(&manifest.parse()?, dependencies));
            published.insert(name, Package { folder: folder.to_owned(), manifest });
        }
        Ok(Self { dependencies: dependencies.clone(), manifest, published })
    }

    /// Writes the copy.
    fn write(&self, root: &Path, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("Cargo.toml"), self.root_manifest()?)?;
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        for (name, package) in &self.published {
            let to = folder.join(&package.folder);
            copy(&root.join(&package.folder), &to)?;
            for file in COPIED {
                fs::copy(root.join(file), to.join(file))?;
            }
            fs::write(to.join("Cargo.toml"), package.published_manifest(name)?)?;
        }
        Ok(())
    }

    /// The workspace's manifest, with the published names of what it has.
    fn root_manifest(&self) -> Result<String> {
        let folders: Vec<_> = self.published.values().map(|package| format!("\"{}\"", package.folder)).collect();
        let mut text = format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n", folders.join(", "));
        let sections = self.manifest.split_once("\n[workspace.package]").context("it has no `[workspace.package]`")?.1;
        let sections = format!("[workspace.package]{sections}");
        let version = version(&self.manifest)?;
        for line in sections.lines().filter(|line| *line != "publish = false") {
            let key = line.split_once(" = ").map_or("", |(key, _)| key);
            let Some(folder) = folder_of(&self.dependencies, key) else {
                text.push_str(&format!("{line}\n"));
                continue;
            };
            if !self.published.contains_key(key) {
                continue;
            }
            let default = self.dependencies[key].get("default-features").and_then(toml::Value::as_bool);
            let features = if default == Some(false) { ", default-features = false" } else { "" };
            // Parts of one release belong together: nothing else of them is promised.
            text.push_str(&format!(
                "{key} = {{ package = \"{}\", path = \"{folder}\", version = \"={version}\"{features} }}\n",
                published_name(folder)
            ));
        }
        Ok(text)
    }
}

impl Package {
    /// The manifest under the published name. The library keeps the name that programs write.
    fn published_manifest(&self, name: &str) -> Result<String> {
        let table: toml::Table = self.manifest.parse()?;
        let about = table.get("package").and_then(toml::Value::as_table).context("a manifest without a package")?;
        if let Some(missing) = REQUIRED.iter().find(|key| !about.contains_key(**key)) {
            bail!("`{}/Cargo.toml` has no `{missing}`", self.folder);
        }
        let library = table.get("lib");
        let is_named = library.is_some_and(|library| library.get("name").is_some());
        ensure!(!is_named, "`{}/Cargo.toml` names its library", self.folder);
        let library_name = format!("name = \"{}\"\n", name.replace('-', "_"));
        let mut is_kept = true;
        let mut text = String::new();
        for line in self.manifest.lines() {
            if line.starts_with('[') {
                is_kept = !SECTIONS_LEFT_OUT.contains(&line);
            }
            if !is_kept || line == "publish.workspace = true" {
                continue;
            }
            let is_name = line == format!("name = \"{name}\"");
            let line = if is_name { format!("name = \"{}\"", published_name(&self.folder)) } else { line.to_owned() };
            text.push_str(&format!("{line}\n"));
            if line == "[lib]" {
                text.push_str(&library_name);
            }
        }
        if library.is_none() {
            text.push_str(&format!("\n[lib]\n{library_name}"));
        }
        Ok(text)
    }
}

/// The name on a registry of the package in a folder.
fn published_name(folder: &str) -> String {
    if folder == NAMED_ALONE { NAME.to_owned() } else { format!("{NAME}-{folder}") }
}

fn version(manifest: &str) -> Result<&str> {
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    line.context("the workspace has no version")
}

/// The folder of one of our packages.
fn folder_of<'a>(dependencies: &'a toml::Table, name: &str) -> Option<&'a str> {
    dependencies.get(name)?.get("path")?.as_str()
}

/// Those of our packages that one needs where it is used.
fn own_dependencies(manifest: &toml::Table, ours: &toml::Table) -> BTreeSet<String> {
    let sections =
        ["dependencies", "build-dependencies"].map(|name| manifest.get(name).and_then(toml::Value::as_table));
    let names = sections.into_iter().flatten().flat_map(toml::Table::keys);
    names.filter(|name| folder_of(ours, name).is_some()).cloned().collect()
}

/// Copies a folder without what belongs to tests.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            if !FOLDERS_LEFT_OUT.iter().any(|left_out| name == *left_out) {
                copy(&entry.path(), &to.join(name))?;
            }
        } else {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_its_name_and_no_other() {
        let workspace = Workspace::read(&crate::workspace_root()).unwrap();
        let root = workspace.root_manifest().unwrap();
        assert!(!root.contains("publish") && !root.contains("backend-tests"), "{root}");
        assert!(
            root.contains("\nwasmer-runtime = { package = \"wasmer-wart\", path = \"runtime\", version = \"="),
            "{root}"
        );
        for (name, package) in &workspace.published {
            let manifest = package.published_manifest(name).unwrap();
            let table: toml::Table = manifest.parse().unwrap();
            let published = table["package"]["name"].as_str().unwrap();
            assert!(published.starts_with(NAME) && published != name, "{manifest}");
            assert_eq!(table["lib"]["name"].as_str(), Some(&*name.replace('-', "_")));
            assert!(!manifest.contains("publish") && !manifest.contains("dev-dependencies"), "{manifest}");
        }
        assert!(workspace.published.contains_key("wasmer-vm") && !workspace.published.contains_key("wasmer-testing"));
    }

    #[test]
    fn the_pages_name_what_would_be_published() {
        let page = fs::read_to_string(crate::workspace_root().join("docs/guide/versions.md")).unwrap();
        for folder in ["runtime", "cli"] {
            let row = format!("`{}` is `{folder}/`", published_name(folder));
            assert!(page.contains(&row), "versions.md does not say that {row}");
        }
    }
}
