//! The results as Markdown and charts.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use super::chart::{self, Bar};
use super::peers::{PEERS, Peer};
use super::results::Results;
use super::stats::{geometric_mean, spread};
use super::workloads::Section;
use super::{COMPILE_VARIANTS, START_VARIANTS};

/// The peers over which the run times of all are given, where they took part.
const BASES: &[&str] = &["native", "wasm2c", "wasmtime", "wasmer7-llvm", "cranelift"];

/// Writes the report and its charts into a folder.
pub(crate) fn write(results: &Results, folder: &Path) -> Result<()> {
    let save = |name: &str, text: String| {
        std::fs::write(folder.join(name), text).with_context(|| format!("cannot write `{name}`"))
    };
    save("README.md", markdown(results))?;
    save("run.svg", run_chart(results))?;
    let median =
        |section, program: &str, peer: &str, variant: &str| results.find(section, program, peer, variant)?.median();
    let compile = |peer: &str| median(Section::Compile, "python", peer, COMPILE_VARIANTS[0]);
    let title = "Compiling CPython, 26 MB, with all threads: seconds";
    if !programs(results, Section::Compile).is_empty() {
        save("compile.svg", chart::bars(title, &bars(results, compile, |seconds| format!("{seconds:.2} s"))))?;
    }
    let start = |peer: &str| {
        let hit = median(Section::Start, "python", peer, START_VARIANTS[1]);
        hit.or_else(|| median(Section::Start, "python", peer, START_VARIANTS[0]))
    };
    let title = "Starting CPython to print(1), from the own cache if there is one: milliseconds";
    if !programs(results, Section::Start).is_empty() {
        save("start.svg", chart::bars(title, &bars(results, start, |seconds| format!("{:.0} ms", seconds * 1e3))))?;
    }
    Ok(())
}

/// Bars for the peers that have a value, the shortest first.
fn bars(results: &Results, value: impl Fn(&str) -> Option<f64>, text: impl Fn(f64) -> String) -> Vec<Bar> {
    let bar = |peer: &Peer| {
        let value = value(peer.name)?;
        Some(Bar { label: peer.name.to_owned(), value, text: text(value), is_ours: is_ours(peer) })
    };
    let mut bars: Vec<Bar> = participants(results).filter_map(bar).collect();
    bars.sort_by(|a, b| a.value.total_cmp(&b.value));
    bars
}

fn is_ours(peer: &Peer) -> bool {
    super::tool(peer) == super::peers::OURS
}

/// The peers that took part, in the order of the table.
fn participants(results: &Results) -> impl Iterator<Item = &'static Peer> {
    PEERS.iter().filter(|peer| results.rows.iter().any(|row| row.peer == peer.name))
}

fn run_chart(results: &Results) -> String {
    let over = BASES.iter().find(|base| !results.ratios(Section::Run, "", base, base).is_empty()).unwrap_or(&"native");
    let title = format!("Run time of compiled programs over `{over}`, geometric mean");
    let mean = |peer: &str| geometric_mean(&results.ratios(Section::Run, "", peer, over));
    chart::bars(&title, &bars(results, mean, |ratio| format!("{ratio:.2}")))
}

/// The whole report.
pub(crate) fn markdown(results: &Results) -> String {
    let mut text = String::from("# Results\n\n");
    text.push_str(
        "Written by `cargo xtask compare`; see `benches/README.md` for what is measured and how. \
         All times are medians of whole processes, in turns on one machine, start included. Raw figures: \
         [`results.json`](results.json).\n\n",
    );
    for (name, value) in &results.machine {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "* {name}: {value}");
    }
    text.push_str("\n| name | what it is | version |\n|---|---|---|\n");
    for peer in participants(results) {
        let participant = results.peers.iter().find(|participant| participant.name == peer.name);
        let version = participant.map_or("", |participant| &participant.version);
        let _ = writeln!(text, "| `{}` | {} | {version} |", peer.name, peer.about);
    }
    if !results.missing.is_empty() {
        let _ = writeln!(text, "\nNot installed: {}.", results.missing.join(", "));
    }
    run_section(results, &mut text);
    compile_section(results, &mut text);
    start_section(results, &mut text);
    text
}

/// The programs of a section that were measured, in the order of the table.
fn programs(results: &Results, section: Section) -> Vec<&'static str> {
    let measured = |program: &&str| results.rows.iter().any(|row| row.section == section && row.program == *program);
    section.workloads().into_iter().map(|workload| workload.program).filter(measured).collect()
}

fn run_section(results: &Results, text: &mut String) {
    let programs = programs(results, Section::Run);
    if programs.is_empty() {
        return;
    }
    text.push_str("\n## Run time of compiled code\n\nProcessor time. Compiled before, except by `v8…`, which compiles in every run.\n\n![](run.svg)\n");
    text.push_str("\nGeometric means of the ratios, over the programs that both sides ran (how many):\n\n");
    let bases: Vec<_> = BASES.iter().filter(|base| !results.ratios(Section::Run, "", base, base).is_empty()).collect();
    header(text, "", bases.iter().map(|base| format!("over `{base}`")));
    for peer in participants(results) {
        let cells = bases.iter().map(|base| {
            let ratios = results.ratios(Section::Run, "", peer.name, base);
            geometric_mean(&ratios).map_or("–".to_owned(), |mean| format!("{mean:.2} ({})", ratios.len()))
        });
        line(text, &format!("`{}`", peer.name), cells);
    }
    text.push_str("\nMilliseconds:\n\n");
    let peers: Vec<_> = participants(results).collect();
    header(text, "program", peers.iter().map(|peer| format!("`{}`", peer.name)));
    for program in programs {
        let cells = peers.iter().map(|peer| milliseconds(results, Section::Run, program, peer.name, ""));
        line(text, program, cells);
    }
    let spreads = results.rows.iter().filter(|row| row.section == Section::Run && row.failure.is_none());
    let mut spreads: Vec<f64> = spreads.filter_map(|row| spread(row.times())).collect();
    spreads.sort_by(f64::total_cmp);
    if let Some(most) = spreads.get(spreads.len().saturating_sub(1) * 9 / 10) {
        let _ = writeln!(text, "\nIn nine of ten cells no run is farther than {:.0} % from the median.", most * 100.0);
    }
    failures(results, Section::Run, text);
}

fn compile_section(results: &Results, text: &mut String) {
    let programs = programs(results, Section::Compile);
    if programs.is_empty() {
        return;
    }
    text.push_str("\n## Compiling\n\n![](compile.svg)\n");
    for program in programs {
        let _ = writeln!(text, "\n`{program}`:\n");
        let names = ["all threads", "one thread", "peak memory", "artifact"];
        header(text, "", names.into_iter().map(str::to_owned));
        for peer in participants(results) {
            let rows = COMPILE_VARIANTS.map(|variant| results.find(Section::Compile, program, peer.name, variant));
            if rows.iter().all(Option::is_none) {
                continue;
            }
            let time = |row: Option<&super::results::Row>| {
                row.and_then(|row| row.median()).map_or("–".to_owned(), |seconds| format!("{seconds:.2} s"))
            };
            let megabytes =
                |bytes: Option<u64>| bytes.map_or("–".to_owned(), |bytes| format!("{:.1} MB", bytes as f64 / 1e6));
            let all = rows[0].filter(|row| row.failure.is_none());
            let memory = megabytes(all.map(|row| row.memory_bytes));
            let size = megabytes(all.and_then(|row| row.artifact_bytes));
            line(text, &format!("`{}`", peer.name), [time(rows[0]), time(rows[1]), memory, size].into_iter());
        }
    }
    failures(results, Section::Compile, text);
}

fn start_section(results: &Results, text: &mut String) {
    let programs = programs(results, Section::Start);
    if programs.is_empty() {
        return;
    }
    text.push_str("\n## Starting\n\n![](start.svg)\n");
    for program in programs {
        let _ = writeln!(text, "\n`{program}`, milliseconds (peak memory):\n");
        header(text, "", ["no cache", "own cache", "precompiled file"].into_iter().map(str::to_owned));
        for peer in participants(results) {
            let cells = START_VARIANTS.map(|variant| {
                let time = milliseconds(results, Section::Start, program, peer.name, variant);
                match results.find(Section::Start, program, peer.name, variant).filter(|row| row.failure.is_none()) {
                    Some(row) => format!("{time} ({:.0} MB)", row.memory_bytes as f64 / 1e6),
                    None => time,
                }
            });
            if cells.iter().any(|cell| cell != "–") {
                line(text, &format!("`{}`", peer.name), cells.into_iter());
            }
        }
    }
    failures(results, Section::Start, text);
}

/// What went wrong in a section.
fn failures(results: &Results, section: Section, text: &mut String) {
    let failed = results.rows.iter().filter(|row| row.section == section);
    let failed: Vec<_> = failed.filter_map(|row| Some((row, row.failure.as_ref()?))).collect();
    if !failed.is_empty() {
        text.push_str("\nLeft out:\n\n");
    }
    for (row, failure) in failed {
        let _ = writeln!(text, "* `{}` with `{}`: {failure}", row.program, row.peer);
    }
}

fn milliseconds(results: &Results, section: Section, program: &str, peer: &str, variant: &str) -> String {
    let median = results.find(section, program, peer, variant).and_then(|row| row.median());
    median.map_or("–".to_owned(), |seconds| {
        let digits = if seconds < 0.02 { 1 } else { 0 };
        format!("{:.digits$}", seconds * 1e3)
    })
}

fn header(text: &mut String, first: &str, cells: impl Iterator<Item = String>) {
    let cells: Vec<_> = cells.collect();
    line(text, first, cells.iter().cloned());
    let _ = writeln!(text, "|---{}|", "|--:".repeat(cells.len()));
}

fn line(text: &mut String, first: &str, cells: impl Iterator<Item = String>) {
    let _ = writeln!(text, "| {first} | {} |", cells.collect::<Vec<_>>().join(" | "));
}

#[cfg(test)]
mod tests {
    use super::super::results::Participant;
    use super::super::results::tests::row;
    use super::*;

    fn sample() -> Results {
        let participant = |name: &str| Participant { name: name.into(), about: String::new(), version: "1.0".into() };
        let mut results = Results {
            machine: vec![("processor".into(), "fast".into())],
            peers: ["native", "cranelift", "wasmtime"].map(participant).to_vec(),
            missing: vec!["winch".into()],
            rows: Vec::new(),
        };
        let failed = super::super::results::Row { failure: Some("it crashed".into()), ..row("sieve", "wasmtime", &[]) };
        results.add(vec![
            row("fib", "native", &[0.2, 0.1, 0.4]),
            row("fib", "cranelift", &[0.3]),
            row("fib", "wasmtime", &[0.4]),
            row("sieve", "native", &[0.01]),
            row("sieve", "cranelift", &[0.06]),
            failed,
        ]);
        results
    }

    #[test]
    fn the_report_has_medians_means_and_failures() {
        let text = markdown(&sample());
        assert!(text.contains("* processor: fast") && text.contains("Not installed: winch."), "{text}");
        assert!(text.contains("| fib | 300 | 400 | 200 |"), "{text}");
        assert!(text.contains("| sieve | 60 | – | 10.0 |"), "{text}");
        // The root of 1.5 times 6; and 2, since the other one failed.
        assert!(text.contains("| `cranelift` | 3.00 (2) |") && text.contains("| `wasmtime` | 2.00 (1) |"), "{text}");
        assert!(text.contains("* `sieve` with `wasmtime`: it crashed"), "{text}");
        assert!(!text.contains("## Compiling") && !text.contains("## Starting"), "{text}");
    }

    #[test]
    fn the_files_of_a_report_are_written() {
        let folder = tempfile::tempdir().unwrap();
        write(&sample(), folder.path()).unwrap();
        let chart = std::fs::read_to_string(folder.path().join("run.svg")).unwrap();
        assert!(chart.find("native").unwrap() < chart.find("wasmtime").unwrap(), "the fastest first: {chart}");
        assert!(chart.find(">wasmtime<").unwrap() < chart.find(">cranelift<").unwrap(), "{chart}");
        assert!(folder.path().join("README.md").exists());
        assert!(!folder.path().join("start.svg").exists(), "there is nothing to show in it");
    }
}
