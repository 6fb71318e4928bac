//! What the steps of `cargo xtask test` share: which backends, features and suites are tested here, and what is left out.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, anyhow, bail};
use clap::ValueEnum;

use crate::{llvm, shell, suites};

/// A step prints a remark when it succeeds, and the whole output of what it ran when it fails.
pub(crate) type Step = fn(&mut Plan) -> Result<String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    Cranelift,
    Singlepass,
    Llvm,
}

impl Backend {
    pub(crate) const ALL: [Self; 3] = [Self::Cranelift, Self::Singlepass, Self::Llvm];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cranelift => "cranelift",
            Self::Singlepass => "singlepass",
            Self::Llvm => "llvm",
        }
    }
}

/// Set where no program may be missing, as in CI: tests that would be left out elsewhere are a failure.
const REQUIRED_VARIABLE: &str = "WASMER_PROGRAMS_REQUIRED";

/// Names the programs that may be missing all the same, with commas between them.
const LEFT_OUT_VARIABLE: &str = "WASMER_PROGRAMS_LEFT_OUT";

/// What is built and tested here.
pub(crate) struct Plan {
    pub(crate) root: PathBuf,
    pub(crate) backends: Vec<Backend>,
    llvm: Option<PathBuf>,
    pub(crate) left_out: Vec<String>,
    /// Programs that this machine cannot be given.
    pub(crate) programs_left_out: Vec<&'static str>,
}

impl Plan {
    pub(crate) fn new(root: &Path, chosen: &[Backend]) -> Result<Self> {
        let left_out = suites::left_out().collect();
        let backends = if chosen.is_empty() { built_backends(root)? } else { chosen.to_vec() };
        Ok(Self { root: root.to_owned(), backends, llvm: None, left_out, programs_left_out: Vec::new() })
    }

    /// A cargo command on all packages, with the chosen features.
    pub(crate) fn cargo(&self, command: &[&str]) -> Command {
        let mut cargo = self.bare_cargo();
        cargo.args(command).arg("--locked").args(selection(&self.backends, &[]));
        cargo
    }

    /// The same on packages that have tests.
    pub(crate) fn cargo_for_tests(&self, command: &[&str]) -> Command {
        let mut cargo = self.bare_cargo();
        cargo.args(command).arg("--locked").args(selection(&self.backends, UNTESTED));
        cargo
    }

    pub(crate) fn bare_cargo(&self) -> Command {
        let mut cargo = shell::cargo();
        cargo.current_dir(&self.root).env("CARGO_TERM_COLOR", "never");
        if let Some(prefix) = &self.llvm {
            cargo.env(llvm::PREFIX_VARIABLE, prefix);
        }
        if !self.programs_left_out.is_empty() {
            cargo.env(LEFT_OUT_VARIABLE, self.programs_left_out.join(","));
        }
        cargo
    }

    /// Records what is left out and why; the remark of a step that was.
    pub(crate) fn without(&mut self, what: &str, reason: &anyhow::Error) -> String {
        self.left_out.push(format!("{what}, because {reason:#}"));
        "left out".to_owned()
    }

    /// Leaves out what needs something of a registry, unless nothing of that may be missing.
    pub(crate) fn left_out_or_failed(&mut self, what: &str, reason: &anyhow::Error) -> Result<String> {
        self.leave_out(vec![format!("{what}, because {reason:#}")])?;
        Ok("left out".to_owned())
    }

    /// Records which programs are missing; where none may be, that is a failure.
    pub(crate) fn leave_out(&mut self, what: Vec<String>) -> Result<()> {
        if std::env::var_os(REQUIRED_VARIABLE).is_some() {
            bail!("no program may be missing, for {REQUIRED_VARIABLE} is set\n{}", what.join("\n"));
        }
        self.left_out.extend(what);
        Ok(())
    }

    /// Without LLVM the rest is tested.
    pub(crate) fn find_llvm(&mut self) -> Result<String> {
        match llvm::find_or_install() {
            Ok(prefix) => {
                let remark = prefix.display().to_string();
                self.llvm = Some(prefix);
                Ok(remark)
            }
            Err(error) => {
                self.backends.retain(|backend| *backend != Backend::Llvm);
                self.left_out.push(format!("the LLVM backend, because {error:#}"));
                Ok("not found".to_owned())
            }
        }
    }
}

/// The backends that the command has by default, and LLVM, which it has on demand.
fn built_backends(root: &Path) -> Result<Vec<Backend>> {
    let manifest: toml::Table = std::fs::read_to_string(root.join("cli/Cargo.toml"))?.parse()?;
    let defaults = manifest.get("features").and_then(|features| features.get("default")?.as_array());
    let defaults = defaults.ok_or_else(|| anyhow!("cli/Cargo.toml has no default features"))?;
    let is_built = |backend: &Backend| {
        *backend == Backend::Llvm || defaults.iter().any(|feature| feature.as_str() == Some(backend.name()))
    };
    Ok(Backend::ALL.into_iter().filter(is_built).collect())
}

/// The packages that have a feature for each backend.
const SELECTABLE: &[&str] =
    &["wasmer-runtime", "wasmer-cli", C_API, PYTHON, "wasmer-spectests", "wasmer-testing", "wasmer-benches"];

/// Tested without LLVM: its tests are linked by the C compiler, which does not know where LLVM's libraries are.
const C_API: &str = "wasmer-c-api";
/// Likewise: who loads its library does not know either.
const PYTHON: &str = "wasmer-python";

/// Packages without a test: what only they need is not built for tests, as for benchmarks two dozen packages.
const UNTESTED: &[&str] = &["wasmer-backend-tests", "wasmer-benches"];

/// The arguments of cargo by which the workspace is built with these backends, without some packages.
fn selection(backends: &[Backend], without: &[&str]) -> Vec<String> {
    let always = [
        "wasmer-runtime/cache",
        "wasmer-runtime/wasi",
        "wasmer-cli/self-update",
        "wasmer-cli/serve",
        "wasmer-spectests/component",
    ];
    let mut features: Vec<String> = always.map(str::to_owned).into();
    let mut arguments = vec!["--workspace".to_owned(), "--no-default-features".to_owned()];
    arguments.extend(without.iter().map(|package| format!("--exclude={package}")));
    let selectable = || SELECTABLE.iter().filter(|package| !without.contains(package));
    for backend in Backend::ALL {
        let name = backend.name();
        if backends.contains(&backend) {
            let packages =
                selectable().filter(|package| backend != Backend::Llvm || ![C_API, PYTHON].contains(package));
            features.extend(packages.map(|package| format!("{package}/{name}")));
        } else if backend == Backend::Llvm {
            // Only this one cannot be compiled everywhere; the others may be tested on their own.
            arguments.push(format!("--exclude=wasmer-backend-{name}"));
        }
    }
    arguments.push(format!("--features={}", features.join(",")));
    arguments
}

/// The programs that run the specification's and WASI's suites: a small test for each script and backend.
pub(crate) const SUITES: [&str; 2] = ["suite", "testsuite"];

pub(crate) fn passed_some(output: &str) -> Result<String> {
    match passed(output) {
        0 => bail!("no test ran\n{output}"),
        count => Ok(format!("{count} tests passed")),
    }
}

/// The tests that passed, by the summaries of all test programs.
fn passed(output: &str) -> usize {
    let summaries = output.lines().filter_map(|line| line.trim().strip_prefix("test result: ok. "));
    summaries.filter_map(|rest| rest.split(' ').next()?.parse::<usize>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_backends_are_not_built() {
        let arguments = selection(&[Backend::Cranelift], &[]);
        assert!(arguments.contains(&"--exclude=wasmer-backend-llvm".to_owned()));
        let features = arguments.last().unwrap();
        assert!(features.contains("wasmer-cli/cranelift") && !features.contains("llvm"), "{features}");
        assert!(!features.contains("wasmer-cli/singlepass"), "{features}");
        let all = selection(&Backend::ALL, &[]).join(" ");
        assert!(all.contains("wasmer-c-api/cranelift") && !all.contains("wasmer-c-api/llvm"), "{all}");
        assert!(!all.contains("--exclude"), "{all}");
        let tested = selection(&Backend::ALL, UNTESTED).join(" ");
        assert!(tested.contains("--exclude=wasmer-benches") && !tested.contains("wasmer-benches/"), "{tested}");
    }

    #[test]
    fn what_is_not_tested_has_no_tests() {
        let files = crate::source::files(&crate::workspace_root()).unwrap();
        let folders = UNTESTED.iter().map(|name| name.trim_start_matches("wasmer-").into());
        let mut places: Vec<PathBuf> = folders.collect();
        for manifest in files.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
            let table: toml::Table = manifest.text.parse().unwrap();
            let programs = table.get("bin").and_then(toml::Value::as_array).into_iter().flatten();
            let is_untested =
                |program: &&toml::Value| program.get("test").and_then(toml::Value::as_bool) == Some(false);
            for program in programs.filter(is_untested) {
                let usual = || format!("src/bin/{}.rs", program["name"].as_str().unwrap());
                let path = program.get("path").and_then(toml::Value::as_str).map_or_else(usual, str::to_owned);
                places.push(manifest.path.parent().unwrap().join(path));
            }
        }
        for place in &places {
            let mut sources = files.iter().filter(|file| file.is_rust() && file.path.starts_with(place)).peekable();
            assert!(sources.peek().is_some(), "{}: there is no such source", place.display());
            for source in sources {
                let is_test = |line: &str| line.trim() == concat!("#[te", "st]");
                assert!(!source.text.lines().any(is_test), "{}: nobody runs its tests", source.path.display());
            }
        }
        assert!(places.len() > 8, "{places:?}");
    }

    #[test]
    fn the_backends_of_the_command_are_found() {
        let found = built_backends(&crate::workspace_root()).unwrap();
        assert!(found.contains(&Backend::Cranelift) && found.contains(&Backend::Llvm), "{found:?}");
    }

    #[test]
    fn passed_tests_are_counted_over_all_programs() {
        let output = "test result: ok. 3 passed; 0 failed\nx\ntest result: ok. 4 passed; 0 failed\n";
        assert_eq!(passed(output), 7);
        assert_eq!(passed(""), 0);
    }
}
