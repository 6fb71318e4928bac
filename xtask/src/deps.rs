//! Who may import whom, from what cargo says about the workspace. Whatever is not allowed here is an error.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};
use serde::Deserialize;

use crate::licences::Allowed;
use crate::shell;

/// The packages of the workspace, each with those of the workspace that it may import.
const IMPORTS: &[(&str, &[&str])] = &[
    ("wasmer-source-digest", &[]),
    ("wasmer-runtime-core", &["wasmer-source-digest"]),
    ("wasmer-system", &[]),
    ("wasmer-vm", &["wasmer-runtime-core", "wasmer-system"]),
    ("wasmer-api", &["wasmer-runtime-core", "wasmer-vm"]),
    ("wasmer-backend-cranelift", &["wasmer-runtime-core", "wasmer-source-digest"]),
    ("wasmer-backend-llvm", &["wasmer-runtime-core", "wasmer-source-digest"]),
    ("wasmer-backend-singlepass", &["wasmer-runtime-core", "wasmer-source-digest"]),
    ("wasmer-backend-tests", &["wasmer-runtime-core"]),
    ("wasmer-cache", &["wasmer-runtime-core", "wasmer-system"]),
    ("wasmer-component-translate", &["wasmer-source-digest"]),
    ("wasmer-component-macros", &[]),
    (
        "wasmer-component",
        &["wasmer-api", "wasmer-component-macros", "wasmer-component-translate", "wasmer-runtime-core"],
    ),
    ("wasmer-wasi", &["wasmer-api", "wasmer-runtime-core", "wasmer-system"]),
    ("wasmer-wasi-p2", &["wasmer-api", "wasmer-component", "wasmer-wasi"]),
    ("wasmer-wasi-http", &["wasmer-api", "wasmer-component", "wasmer-wasi", "wasmer-wasi-p2"]),
    (
        "wasmer-runtime",
        &[
            "wasmer-api",
            "wasmer-runtime-core",
            "wasmer-system",
            "wasmer-vm",
            "wasmer-backend-cranelift",
            "wasmer-backend-llvm",
            "wasmer-backend-singlepass",
            "wasmer-cache",
            "wasmer-component",
            "wasmer-wasi",
            "wasmer-wasi-http",
            "wasmer-wasi-p2",
        ],
    ),
    ("wasmer-cli", &["wasmer-runtime"]),
    ("wasmer-c-api", &["wasmer-runtime"]),
    ("wasmer-python", &["wasmer-runtime"]),
    ("wasmer-spectests", &["wasmer-runtime"]),
    ("wasmer-benches", &["wasmer-runtime"]),
    ("wasmer-testing", &["wasmer-runtime", "wasmer-backend-cranelift", "wasmer-backend-singlepass"]),
    ("wasmer-fuzz", &["wasmer-testing"]),
    ("xtask", &[]),
];

/// What tests may import besides: the backends share checks, the WASI suite is run by the whole runtime on both of its faces, and the command is one of what is
/// attacked.
const TEST_IMPORTS: &[(&str, &str)] = &[
    ("wasmer-backend-cranelift", "wasmer-backend-tests"),
    ("wasmer-backend-llvm", "wasmer-backend-tests"),
    ("wasmer-backend-singlepass", "wasmer-backend-tests"),
    ("wasmer-wasi", "wasmer-runtime"),
    ("wasmer-wasi", "wasmer-testing"),
    ("wasmer-component", "wasmer-runtime"),
    ("wasmer-wasi-p2", "wasmer-runtime"),
    ("wasmer-wasi-p2", "wasmer-testing"),
    ("wasmer-wasi-http", "wasmer-runtime"),
    ("wasmer-cli", "wasmer-testing"),
];

/// Code generators, what takes components apart, and what speaks HTTP: packages whose name begins like this may be imported by this one only.
const OWNED: &[(&str, &str)] = &[
    ("cranelift", "wasmer-backend-cranelift"),
    ("inkwell", "wasmer-backend-llvm"),
    ("llvm-sys", "wasmer-backend-llvm"),
    ("wasmtime-environ", "wasmer-component-translate"),
    ("hyper", "wasmer-wasi-http"),
];

/// Those that build on every machine, so that modules can be compiled there, for it or for another one.
const COMPILE_SIDE: &[&str] =
    &["wasmer-runtime-core", "wasmer-backend-cranelift", "wasmer-backend-llvm", "wasmer-backend-singlepass"];

/// Packages that ask a system for something, and which those may use in tests only.
const SYSTEM_CALLS: &[&str] = &["libc", "rustix", "memmap2"];

/// The executor of the server, which guests are tested under, too: who has it, and in tests alone who else.
const EXECUTOR: &str = "tokio";
const EXECUTOR_OWNER: &str = "wasmer-wasi-http";
const EXECUTOR_TESTERS: &[&str] = &["wasmer-component", "wasmer-runtime"];

/// Packages that must not be anywhere below ours, not even indirectly, and why.
const ABSENT: &[(&str, &str)] = &[
    ("cranelift-wasm", "it is discontinued and has open advisories; the translator in runtime-core takes its place"),
    ("async-std", "calls that wait run under any executor, and the one of the tests is tokio"),
    ("reqwest", "`wasmer-update` speaks to a network by a blocking client, `wasmer-serve` by hyper"),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    source: Option<String>,
    license: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `null` for an ordinary one, else `dev` or `build`.
    kind: Option<String>,
}

/// Figures for the reader; errors are the `Err` of [`run`].
#[derive(Debug)]
pub(crate) struct Report {
    members: usize,
    foreign: usize,
    /// How many stand in the graph in more than one version.
    twice: usize,
}

/// Checks the imports, sources and licences of the workspace.
pub(crate) fn run(root: &Path) -> Result<Report> {
    let mut cargo = shell::cargo();
    cargo.current_dir(root).args(["metadata", "--format-version=1", "--locked", "--all-features"]);
    let metadata: Metadata = serde_json::from_str(&shell::read(&mut cargo)?)?;
    let allowed = Allowed::parse(&std::fs::read_to_string(root.join("deny.toml"))?)?;
    let errors = errors(&metadata, &allowed);
    if !errors.is_empty() {
        bail!("{}", errors.join("\n"));
    }
    let mut names: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    names.sort_unstable();
    let twice: BTreeSet<&str> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    let members = metadata.workspace_members.len();
    Ok(Report { members, foreign: metadata.packages.len() - members, twice: twice.len() })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { members, foreign, twice } = self;
        write!(
            f,
            "{members} packages of ours import as the design allows; {foreign} others, {twice} of them in several versions"
        )
    }
}

fn errors(metadata: &Metadata, allowed: &Allowed) -> Vec<String> {
    let (ours, others): (Vec<_>, Vec<_>) =
        metadata.packages.iter().partition(|package| metadata.workspace_members.contains(&package.id));
    let names: BTreeSet<&str> = ours.iter().map(|package| package.name.as_str()).collect();
    let mut errors = Vec::new();
    for package in ours {
        import_errors(package, &names, &mut errors);
    }
    let sources: BTreeSet<&str> = others.iter().filter_map(|package| package.source.as_deref()).collect();
    if sources.len() > 1 || sources.iter().any(|source| !source.starts_with("registry+")) {
        errors.push(format!("packages come from more places than one registry: {sources:?}"));
    }
    for package in others {
        let Package { name, version, .. } = package;
        if let Some((_, reason)) = ABSENT.iter().find(|(absent, _)| absent == name) {
            errors.push(format!("`{name}` must not be a dependency: {reason}"));
        }
        let license = package.license.as_deref().unwrap_or("none");
        if !allowed.allows(name, license) {
            errors.push(format!("`{name}` {version} has the licence `{license}`, which deny.toml does not allow"));
        }
    }
    errors
}

/// Dependencies of every kind count, because what a test may import, the library soon does; [`TEST_IMPORTS`] are the exceptions.
fn import_errors(package: &Package, ours: &BTreeSet<&str>, errors: &mut Vec<String>) {
    let importer = package.name.as_str();
    let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == importer) else {
        return errors.push(format!("`{importer}` has no row in the table of imports of `cargo xtask deps`"));
    };
    for Dependency { name, kind } in &package.dependencies {
        let kind = kind.as_deref().unwrap_or("normal");
        let is_test_import = kind == "dev" && TEST_IMPORTS.contains(&(importer, name.as_str()));
        if ours.contains(name.as_str()) && !allowed.contains(&name.as_str()) && !is_test_import {
            errors.push(format!("`{importer}` must not import `{name}` ({kind} dependency)"));
        }
        let has_executor = importer == EXECUTOR_OWNER || EXECUTOR_TESTERS.contains(&importer) && kind == "dev";
        if name == EXECUTOR && !has_executor {
            errors.push(format!(
                "`{importer}` must not import `{name}`: only `{EXECUTOR_OWNER}` may, and tests of {EXECUTOR_TESTERS:?}"
            ));
        }
        if kind != "dev" && COMPILE_SIDE.contains(&importer) && SYSTEM_CALLS.contains(&name.as_str()) {
            errors.push(format!("`{importer}` must not import `{name}`: it has to build on every machine"));
        }
        let owned = OWNED.iter().find(|(prefix, owner)| name.starts_with(prefix) && *owner != importer);
        if let Some((_, owner)) = owned {
            errors.push(format!("`{importer}` must not import `{name}`: only `{owner}` may ({kind} dependency)"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metadata with one member that has these dependencies, and all the other members without any.
    fn workspace(member: &str, dependencies: &[(&str, Option<&str>)], others: &[(&str, &str, &str)]) -> Metadata {
        let package = |name: &str, source: Option<&str>, license: &str, dependencies: Vec<Dependency>| Package {
            id: name.to_owned(),
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            source: source.map(str::to_owned),
            license: Some(license.to_owned()),
            dependencies,
        };
        let dependency = |(name, kind): &(&str, Option<&str>)| Dependency {
            name: (*name).to_owned(),
            kind: kind.map(str::to_owned),
        };
        let names: BTreeSet<String> =
            IMPORTS.iter().map(|(name, _)| *name).chain([member]).map(str::to_owned).collect();
        let own = names.iter().map(|name| {
            let list = if name == member { dependencies.iter().map(dependency).collect() } else { Vec::new() };
            package(name, None, "MIT", list)
        });
        let foreign = others.iter().map(|(name, source, license)| package(name, Some(source), license, Vec::new()));
        Metadata { packages: own.chain(foreign).collect(), workspace_members: names.clone() }
    }

    fn check(metadata: &Metadata) -> Vec<String> {
        errors(metadata, &Allowed::parse("[licenses]\nallow = ['MIT']").unwrap())
    }

    #[test]
    fn the_design_is_allowed() {
        let metadata =
            workspace("wasmer-backend-cranelift", &[("wasmer-runtime-core", None), ("cranelift-codegen", None)], &[]);
        assert_eq!(check(&metadata), Vec::<String>::new());
        assert_eq!(
            check(&workspace("wasmer-cli", &[("wasmer-runtime", None), ("clap", None)], &[])),
            Vec::<String>::new()
        );
    }

    #[test]
    fn backends_do_not_know_each_other_nor_the_cache() {
        for wrong in ["wasmer-backend-singlepass", "wasmer-cache", "wasmer-wasi", "wasmer-runtime"] {
            let found = check(&workspace("wasmer-backend-llvm", &[(wrong, Some("dev"))], &[]));
            assert_eq!(found, [format!("`wasmer-backend-llvm` must not import `{wrong}` (dev dependency)")]);
        }
        assert_eq!(check(&workspace("wasmer-wasi", &[("wasmer-runtime", Some("dev"))], &[])), [""; 0]);
        assert_eq!(check(&workspace("wasmer-wasi", &[("wasmer-runtime", None)], &[])).len(), 1);
        assert_eq!(check(&workspace("wasmer-cache", &[("wasmer-backend-cranelift", None)], &[])).len(), 1);
        assert_eq!(check(&workspace("wasmer-cli", &[("wasmer-runtime-core", None)], &[])).len(), 1);
        assert_eq!(check(&workspace("wasmer-runtime-core", &[("wasmer-wasi", Some("build"))], &[])).len(), 1);
    }

    /// So that every compiler builds on every machine, also where nobody can run its code.
    #[test]
    fn compilers_do_not_know_the_virtual_machine() {
        for compile_side in ["wasmer-runtime-core", "wasmer-backend-cranelift", "wasmer-backend-llvm"] {
            for wrong in ["wasmer-vm", "wasmer-api", "wasmer-system", "libc", "rustix", "memmap2"] {
                assert_eq!(check(&workspace(compile_side, &[(wrong, None)], &[])).len(), 1, "{compile_side} {wrong}");
            }
        }
        assert_eq!(check(&workspace("wasmer-vm", &[("wasmer-api", None)], &[])).len(), 1);
        assert_eq!(check(&workspace("wasmer-vm", &[("libc", None)], &[])), [""; 0]);
    }

    #[test]
    fn each_code_generator_has_one_owner() {
        for wrong in ["cranelift-codegen", "cranelift", "inkwell", "llvm-sys"] {
            assert_eq!(check(&workspace("wasmer-runtime-core", &[(wrong, None)], &[])).len(), 1, "{wrong}");
        }
    }

    #[test]
    fn an_executor_is_for_the_server_and_for_tests() {
        let found = |member, kind| check(&workspace(member, &[("tokio", kind)], &[])).len();
        assert_eq!([found("wasmer-runtime", Some("dev")), found("wasmer-runtime", None)], [0, 1]);
        assert_eq!([found("wasmer-api", Some("dev")), found("wasmer-wasi-http", None)], [1, 0]);
        let http = |member| check(&workspace(member, &[("hyper", None), ("hyper-util", None)], &[])).len();
        assert_eq!([http("wasmer-cli"), http("wasmer-wasi-http")], [2, 0]);
    }

    #[test]
    fn a_new_member_needs_a_row() {
        let found = check(&workspace("wasmer-extra", &[], &[]));
        assert!(found.len() == 1 && found[0].contains("wasmer-extra"), "{found:?}");
    }

    #[test]
    fn others_come_from_one_registry_under_allowed_licences() {
        let of = |name, source, license| check(&workspace("xtask", &[], &[(name, source, license)]));
        assert_eq!(of("x", "registry+one", "MIT"), Vec::<String>::new());
        assert_eq!(of("x", "registry+one", "GPL-3.0").len(), 1);
        assert_eq!(of("x", "git+somewhere", "MIT").len(), 1);
        assert_eq!(of("async-std", "registry+one", "MIT").len(), 1);
        let two = [("x", "registry+one", "MIT"), ("y", "registry+two", "MIT")];
        assert_eq!(check(&workspace("xtask", &[], &two)).len(), 1);
    }
}
