//! `wasmer bench`: compares backends on the user's own module.
//!
//! Compilation is measured in this process. Starts and runs are measured as whole processes, because that is what a user waits for: a *cold* start
//! compiles without a cache, a *warm* one finds the artifact in a cache that was filled before. The runs of different backends alternate, so that
//! what disturbs the machine disturbs all of them. What takes long is measured less often than asked for, which the figures say.

mod html;
mod machine;
mod measure;
mod plot;
mod starts;
mod table;
mod verdict;

use crate::exit::ExitCode;

use anyhow::{Context, bail};
use serde::Serialize;
use wasmer_runtime::{Backend, Cpu};

use crate::args::BenchArgs;
use crate::load::{named_backend, read_module};
use crate::progress::Status;
use crate::{output, package, worker};
use machine::Machine;
use measure::Process;
use starts::Start;
use verdict::Verdict;

/// What was measured, as `--json` prints it. Times are in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    module: String,
    module_bytes: usize,
    arguments: Vec<String>,
    /// How often everything was measured, unless it took long.
    runs: usize,
    verdict: Verdict,
    machine: Machine,
    version: &'static str,
    validate: Spread,
    hash: Spread,
    backends: Vec<Row>,
    /// Starts in a row, if they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    starts: Vec<Start>,
}

/// The figures of one backend.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    backend: &'static str,
    /// Compiling with one thread.
    compile_one: Spread,
    /// Compiling with all processors.
    compile_all: Spread,
    image_bytes: usize,
    /// Mapping the image.
    load: Spread,
    /// A whole process that compiles, without a cache.
    cold: Spread,
    /// A whole process that finds the artifact.
    warm: Spread,
    /// The part of the warm process that was spent in the program.
    run: Spread,
    /// Largest resident memory of the cold and of the warm process.
    cold_memory_bytes: u64,
    warm_memory_bytes: u64,
    status: i32,
}

/// Differences below this factor are not worth a word.
const NOTICEABLE: f64 = 1.05;

/// The median of several values, and the smallest and largest.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    median: f64,
    min: f64,
    max: f64,
    /// How many values there are.
    runs: usize,
}

impl Spread {
    /// Whether these values tell that one is larger than the other: neither's median is among the other's values.
    fn is_above(self, other: Self) -> bool {
        self.median > NOTICEABLE * other.median && self.median > other.max && self.min > other.median
    }

    /// Of at least one value.
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Self { median, min: values[0], max: values[values.len() - 1], runs: values.len() }
    }
}

/// Measures, and prints a table, JSON or an HTML page.
pub(crate) fn bench(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    if args.module().as_os_str() == "-" {
        bail!("a module from standard input cannot be run several times; give a file");
    }
    let file = package::file(args.module())?;
    let wasm = read_module(&file)?;
    let runs = args.runs as usize;
    let backends = backends(args)?;
    let scratch = tempfile::tempdir().context("could not make a folder for the cache")?;
    let status = Status;
    let validate = measure::validate(&wasm, crate::features::features(&args.features)?, runs)?;
    let hash = measure::hash(&wasm, runs);
    let process = |cache| Process { args, file: &file, cache };
    let (in_a_row, named) = (scratch.path().join("starts"), scratch.path().join("named"));
    for folder in [&in_a_row, &named] {
        std::fs::create_dir(folder).context("could not make a folder for the cache")?;
    }
    let starts = starts::measure(&process(&in_a_row), &status)?;
    let rows = measure::backends(&backends, &wasm, &process(&named), runs, &status)?;
    let report = Report {
        module: args.module().display().to_string(),
        module_bytes: wasm.len(),
        arguments: args.args().iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        runs,
        verdict: Verdict::of(&rows),
        machine: Machine::here(),
        version: env!("CARGO_PKG_VERSION"),
        validate,
        hash,
        backends: rows,
        starts,
    };
    drop(status);
    if let Some(path) = &args.html {
        std::fs::write(path, html::page(&report)).with_context(|| format!("could not write `{}`", path.display()))?;
    }
    if args.json {
        output::data(serde_json::to_string_pretty(&report)? + "\n")?;
    } else {
        output::data(&*output::harmless(&table::text(&report)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn backends(args: &BenchArgs) -> anyhow::Result<Vec<Backend>> {
    if args.backend.is_empty() {
        return Ok(Backend::ALL.into_iter().filter(|backend| worker::is_available(*backend)).collect());
    }
    args.backend
        .iter()
        .map(|name| {
            let backend = named_backend(name)?;
            worker::config(backend, Cpu::Native, None)?;
            Ok(backend)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_in_the_middle() {
        let odd = Spread::of(vec![3.0, 1.0, 2.0]);
        assert_eq!((odd.median, odd.min, odd.max), (2.0, 1.0, 3.0));
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]).median, 2.5);
    }
}
