//! `wasmer wast`.

use crate::exit::ExitCode;
use std::path::{Path, PathBuf};

use anyhow::Context;
use wasmer_runtime::wast::{Report, run};
use wasmer_runtime::{Cpu, Engine};

use crate::args::WastArgs;
use crate::load::{config, read_text};
use crate::{exit, output};

/// Runs scripts, prints a line per directive that fails, and last the number of assertions.
pub(crate) fn wast(args: &WastArgs) -> anyhow::Result<ExitCode> {
    let engine = Engine::new(config(&args.backend, &args.features, Cpu::Native, None)?)?;
    let mut files = Vec::new();
    for path in &args.paths {
        collect(path, &mut files)?;
    }
    let mut total = Report::default();
    let mut broken = 0;
    for file in &files {
        let text = match read_text(file) {
            Ok(text) => text,
            // Of several scripts the others are still worth running.
            Err(error) if files.len() > 1 => {
                broken += 1;
                say(format_args!("{}: {error:#}", file.display()))?;
                continue;
            }
            Err(error) => return Err(error),
        };
        match run(&engine, &text) {
            Ok(report) => {
                for failure in &report.failures {
                    let (line, kind) = (failure.line, failure.kind.name());
                    say(format_args!("{}:{line}: {kind}: {}", file.display(), failure.message))?;
                }
                total.merge(report);
            }
            Err(error) => {
                broken += 1;
                say(format_args!("{}: the script cannot be parsed: {error}", file.display()))?;
            }
        }
    }
    output::data(format!("{total}\n"))?;
    let failed = broken > 0 || !total.failures.is_empty();
    Ok(ExitCode::from(if failed { exit::FAILURE } else { exit::SUCCESS }))
}

/// A line, which may quote names of files and of modules.
fn say(line: std::fmt::Arguments<'_>) -> anyhow::Result<()> {
    output::data(format!("{}\n", output::harmless(&line.to_string())))
}

/// A script, or every script below a folder, in the order of their names.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let unreadable = || format!("could not read `{}`", path.display());
    if !std::fs::metadata(path).with_context(unreadable)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>())
        .with_context(unreadable)?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() || entry.extension().is_some_and(|ending| ending == "wast") {
            collect(&entry, files)?;
        }
    }
    Ok(())
}
