//! The licences of what is linked into the programs, from the packages' own files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::shell;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

impl Package {
    /// Whether the compiler runs it, so that none of it is in the programs.
    fn is_macro(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "proc-macro"))
    }
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    /// `null` for an ordinary dependency, else `dev` or `build`.
    kind: Option<String>,
}

/// Every package that is linked in with its licence, then the texts, each once, with the packages that it stands for.
/// `shipped` is the package that is shipped, which lies in `folder`.
pub(super) fn text(root: &Path, shipped: &str, folder: &str, with_llvm: bool) -> Result<String> {
    let mut cargo = shell::cargo();
    cargo.current_dir(root).args(["metadata", "--format-version=1", "--locked"]);
    cargo.arg(format!("--manifest-path={folder}/Cargo.toml"));
    cargo.arg(format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH));
    if with_llvm {
        cargo.arg("--features=llvm");
    }
    let metadata: Metadata = serde_json::from_str(&shell::read(&mut cargo)?).context("cannot read cargo's metadata")?;
    let mut packages = linked(&metadata, shipped);
    packages.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    let mut text = "Packages that are linked into the programs, and their licences.\n\n".to_owned();
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages {
        let Package { name, version, license, .. } = package;
        writeln!(text, "{name} {version}: {}", license.as_deref().unwrap_or("see its text"))?;
        for licence in licence_texts(package)? {
            texts.entry(licence).or_default().insert(format!("{name} {version}"));
        }
    }
    for (licence, packages) in texts {
        let packages: Vec<_> = packages.into_iter().collect();
        write!(text, "\n{}\n{}\n\n{licence}\n", "=".repeat(80), packages.join(", "))?;
    }
    Ok(text)
}

/// The packages of others that the shipped one needs when it runs.
fn linked<'a>(metadata: &'a Metadata, shipped: &str) -> Vec<&'a Package> {
    let packages: HashMap<_, _> = metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
    let nodes: HashMap<_, _> = metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut open: Vec<&str> =
        metadata.packages.iter().filter(|package| package.name == shipped).map(|package| package.id.as_str()).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if packages.get(id).is_some_and(|package| package.is_macro()) || !seen.insert(id) {
            continue;
        }
        let edges = nodes.get(id).map(|node| &node.deps[..]).unwrap_or_default();
        let is_linked = |edge: &&Edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none());
        open.extend(edges.iter().filter(is_linked).map(|edge| edge.pkg.as_str()));
    }
    seen.into_iter().filter_map(|id| packages.get(id).copied()).filter(|package| package.source.is_some()).collect()
}

/// The licence files of a package.
fn licence_texts(package: &Package) -> Result<Vec<String>> {
    const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"];
    let folder = package.manifest_path.parent().context("a manifest is in a folder")?;
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if path.is_file() && NAMES.iter().any(|start| name.starts_with(start)) {
            let text = String::from_utf8_lossy(&fs::read(&path)?).replace("\r\n", "\n");
            texts.push(text.trim().to_owned());
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_linked_is_named_and_nothing_else() {
        for (shipped, folder, has_clap) in [("wasmer-cli", "cli", true), ("wasmer-c-api", "c-api", false)] {
            let text = text(&crate::workspace_root(), shipped, folder, false).unwrap();
            let has =
                |name: &str| text.lines().any(|line| line.starts_with(&format!("{name} ")) && line.contains(": "));
            for name in ["cranelift-codegen", "wasmparser", "rkyv"] {
                assert!(has(name), "{name}");
            }
            for name in ["criterion", "wasmer-runtime", "syn", "wasmi"] {
                assert!(!has(name), "{name}");
            }
            assert_eq!(has("clap"), has_clap);
            assert!(text.contains("Permission is hereby granted"));
        }
    }
}
