//! `cargo xtask compare`: whole processes against the runtimes that are installed, interleaved, as medians and ratios.

mod artifacts;
mod chart;
mod machine;
mod measure;
mod peers;
mod report;
mod results;
mod stats;
mod tools;
mod workloads;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use artifacts::Artifacts;
use measure::Measurer;
use peers::{Build, OURS, PEERS, Peer};
use results::{Participant, Results};
use tools::{C_COMPILER, Tools};
use workloads::{Section, Workload};

use crate::{programs, shell};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SECTION")]
    sections: Vec<Section>,
    /// Only these programs.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    programs: Vec<String>,
    /// Only these peers.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    peers: Vec<String>,
    /// How often each thing is measured.
    #[arg(long, value_name = "N", default_value_t = 5)]
    runs: usize,
    /// One run, and of the programs only a few: to see that it works.
    #[arg(long)]
    quick: bool,
    /// Only make what is to be measured.
    #[arg(long)]
    prepare: bool,
    /// Forget the results of earlier runs instead of adding to them.
    #[arg(long)]
    fresh: bool,
    /// The `wasmer` to measure, instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Where the results go.
    #[arg(long, value_name = "DIR", default_value = "docs/results")]
    output: PathBuf,
}

/// The programs of `--quick`.
const QUICK: &[&str] = &["hello", "fib", "sha256", "gemm", "quickjs", "lua"];
/// Compiling with all threads, and with one.
const COMPILE_VARIANTS: [&str; 2] = ["all threads", "one thread"];
/// Ways of starting a program.
const START_VARIANTS: [&str; 3] = ["cold", "hit", "precompiled"];

/// The command.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    check_names(options)?;
    let folder = root.join("target/compare");
    fs::create_dir_all(folder.join("caches"))?;
    let mut tools = Tools::new(folder.join("caches"));
    tools.insert(OURS, options.binary.clone().map_or_else(|| build(root), Ok)?);
    let chosen = PEERS.iter().filter(|peer| options.peers.is_empty() || options.peers.iter().any(|n| n == peer.name));
    let (installed, missing): (Vec<_>, Vec<_>) = chosen.partition(|peer| find_tools(peer, &mut tools));
    let artifacts = Artifacts { root, folder, tools: &tools };
    let (present, unable): (Vec<_>, Vec<_>) = installed.into_iter().partition(|peer| works(peer, &artifacts));
    let missing: Vec<String> = missing.iter().chain(&unable).map(|peer| peer.name.to_owned()).collect();
    if !missing.is_empty() {
        println!("not installed: {}", missing.join(", "));
    }
    let output = root.join(&options.output);
    fs::create_dir_all(&output)?;
    let file = output.join("results.json");
    let mut results = if options.fresh { Results::default() } else { Results::read(&file)? };
    results.machine = machine::describe(root);
    results.lack(missing);
    results.join(present.iter().map(|peer| participant(peer, &tools)).collect());
    let measurer = Measurer { artifacts: &artifacts, peers: &present, options };
    for section in Section::ALL.into_iter().filter(|it| options.sections.is_empty() || options.sections.contains(it)) {
        for workload in section.workloads().iter().filter(|workload| is_chosen(workload, options)) {
            results.add(measurer.measure(section, workload)?);
            if !options.prepare {
                // After each program, so that an interrupted run leaves what it has.
                results.write(&file)?;
            }
        }
    }
    if options.prepare { Ok(()) } else { report::write(&results, &output) }
}

fn check_names(options: &Options) -> Result<()> {
    if let Some(name) = options.peers.iter().find(|name| PEERS.iter().all(|peer| peer.name != **name)) {
        let known: Vec<_> = PEERS.iter().map(|peer| peer.name).collect();
        bail!("there is no peer `{name}`\nhint: there are {}", known.join(", "));
    }
    options.programs.iter().try_for_each(|name| programs::find(name).map(drop))
}

fn is_chosen(workload: &Workload, options: &Options) -> bool {
    let quick = !options.quick || !options.programs.is_empty() || QUICK.contains(&workload.program);
    quick && (options.programs.is_empty() || options.programs.iter().any(|name| name == workload.program))
}

/// Builds the command with every backend that this machine allows.
fn build(root: &Path) -> Result<PathBuf> {
    println!("building the command");
    let mut cargo = shell::cargo();
    cargo.current_dir(root).args(["build", "--release", "--locked", "--package=wasmer-cli"]);
    if let Some(prefix) = crate::llvm::find() {
        cargo.arg("--features=llvm").env(crate::llvm::PREFIX_VARIABLE, prefix);
    }
    shell::run(&mut cargo)?;
    Ok(root.join("target/release/wasmer"))
}

/// The tool that a peer is.
fn tool(peer: &Peer) -> &'static str {
    match peer.build {
        Build::Command(words) | Build::Nothing(words) => words.split(' ').next().unwrap_or_default(),
        Build::Native(_) => C_COMPILER,
        Build::Wasm2c(_) => "wasm2c",
    }
}

/// Whether all tools are there that a peer needs.
fn find_tools(peer: &Peer, tools: &mut Tools) -> bool {
    let compiler = matches!(peer.build, Build::Wasm2c(_)).then_some(C_COMPILER);
    let runner = peer.run.split(' ').next().filter(|word| !word.starts_with('{'));
    [Some(tool(peer)), compiler, runner].into_iter().flatten().all(|name| tools.find(name).is_some())
}

/// Whether a peer can do anything here: not every build of a runtime has every compiler.
fn works(peer: &Peer, artifacts: &Artifacts<'_>) -> bool {
    let attempt = || {
        let program = programs::find("hello")?;
        let wasm = programs::obtain(artifacts.root, program)?;
        artifacts.make(peer, program, &wasm)
    };
    attempt().inspect_err(|error| eprintln!("left out: `{}`, because {error:#}", peer.name)).is_ok()
}

fn participant(peer: &Peer, tools: &Tools) -> Participant {
    let mut version = tools.version(tool(peer));
    if let Build::Wasm2c(_) = peer.build {
        version = format!("{version}, {}", tools.version(C_COMPILER));
    }
    Participant { name: peer.name.to_owned(), about: peer.about.to_owned(), version }
}
