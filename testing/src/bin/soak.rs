//! Attacks every entrance of the runtime for as long as one likes. `cargo xtask soak` builds and starts it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Parser;
use wasmer_testing::soak::{Plan, State, judge_file, work, write_corpus};
use wasmer_testing::targets::{TARGETS, Target, find};

/// Attacks every entrance of the runtime for as long as one likes. A run that is ended goes on where it was.
#[derive(Debug, Parser)]
#[command(name = "soak")]
struct Options {
    /// Minutes in all, shared by the attacks.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// How many attacks run at a time.
    #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
    jobs: usize,
    /// Where the state of the run and the inputs that show faults are kept.
    #[arg(long, default_value = "target/soak")]
    folder: PathBuf,
    /// The attacks; all unless some are named.
    #[arg(value_name = "ATTACK")]
    targets: Vec<String>,
    /// List the attacks.
    #[arg(long)]
    list: bool,
    /// Run the input in this file, once: to look at a finding.
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    judge: Option<PathBuf>,
    /// Write inputs for a fuzzer to begin with into this folder.
    #[arg(long, value_name = "FOLDER", conflicts_with = "list")]
    corpus: Option<PathBuf>,
    /// Run inputs from this number on, for ever, and report on standard output.
    #[arg(long, value_name = "NUMBER", hide = true)]
    work_from: Option<u64>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<ExitCode> {
    let targets = chosen(&options.targets)?;
    if options.list {
        targets.iter().for_each(|target| println!("{:13} {}", target.name, target.about));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(folder) = &options.corpus {
        write_corpus(&targets, folder)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = &options.judge {
        let [target] = targets[..] else { bail!("name the one attack that the input belongs to") };
        return Ok(match judge_file(target, path)? {
            Ok(word) => {
                println!("{word}");
                ExitCode::SUCCESS
            }
            Err(message) => {
                println!("fault: {message}");
                ExitCode::FAILURE
            }
        });
    }
    if let Some(first) = options.work_from {
        let [target] = targets[..] else { bail!("a worker has one attack") };
        work(target, first)?;
    }
    let time = Duration::try_from_secs_f64(options.minutes * 60.0)?;
    let plan =
        Plan { program: std::env::current_exe()?, folder: options.folder.clone(), targets, time, jobs: options.jobs };
    let states = plan.run()?;
    states.iter().for_each(report);
    let sound = states.iter().all(|state| state.findings.is_empty());
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(names: &[String]) -> Result<Vec<&'static Target>> {
    if names.is_empty() {
        return Ok(TARGETS.iter().collect());
    }
    let known = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    let find = |name: &String| {
        find(name).ok_or_else(|| anyhow::anyhow!("there is no attack `{name}`\nhint: there are {}", known()))
    };
    names.iter().map(find).collect()
}

fn report(state: &State) {
    let verdicts: Vec<_> = state.verdicts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    println!("{:13} {} inputs in {} s: {}", state.target, state.next, state.seconds, verdicts.join(", "));
    for finding in &state.findings {
        println!("{:13} fault at {}: {} ({})", "", finding.seed, finding.message, finding.input.display());
    }
}
