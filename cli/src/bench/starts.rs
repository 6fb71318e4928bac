//! Starts in a row as a user makes them, from an empty cache: without `--backend`, on the best code that there is by then, while better code is made behind them.

use std::fmt::Write;
use std::thread;

use serde::Serialize;
use wasmer_runtime::cache::{Cache, CacheConfig};

use super::html::{ALL, unit};
use super::measure::Process;
use super::plot::{BOTTOM, LEFT, NAME, NAMES, RIGHT, TOP, axes, below};
use super::table::number;
use crate::page::escaped;
use crate::progress::Status;
use crate::timings::Code;

/// One of them. Times are in milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Start {
    /// The whole process.
    total: f64,
    /// The part of it that was spent in the program.
    run: f64,
    code: Code,
}

/// Starts the program so often, with nothing in the cache before the first. What is still made for it in the background is then stopped.
pub(super) fn measure(process: &Process<'_>, status: &Status) -> anyhow::Result<Vec<Start>> {
    let count = process.args.starts.unwrap_or(0);
    let mut starts = Vec::new();
    for number in 1..=count {
        if number > 1 {
            thread::sleep(process.args.pause.unwrap_or_default());
        }
        status.say(&format!("start {number} of {count} from an empty cache"));
        let ran = process.run(None, &[])?;
        starts.push(Start { total: ran.total, run: ran.run, code: ran.code });
    }
    if count > 0 {
        Cache::open(CacheConfig::new(process.cache_dir()))?.stop_finisher()?;
    }
    Ok(starts)
}

/// As lines of text.
pub(super) fn text(starts: &[Start]) -> String {
    let mut out = String::new();
    if !starts.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\nstarts in a row from an empty cache");
        let _ = writeln!(out, "{:>9}{:>14}{:>14}    code", "start", "time (ms)", "run (ms)");
    }
    for (position, start) in starts.iter().enumerate() {
        let [total, run] = [start.total, start.run].map(number);
        let _ = writeln!(out, "{:>9}{total:>14}{run:>14}    {}", position + 1, start.code.words());
    }
    out
}

/// A chart and a table in the page. Writing to a string cannot fail, so results of `write!` are passed over here.
pub(super) fn write(out: &mut String, starts: &[Start]) {
    if starts.is_empty() {
        return;
    }
    let largest = starts.iter().map(|start| start.total).fold(f64::MIN_POSITIVE, f64::max);
    let (unit, divisor) = unit("ms", largest);
    let mut kinds: Vec<&Code> = Vec::new();
    for start in starts {
        if !kinds.contains(&&start.code) {
            kinds.push(&start.code);
        }
    }
    let _ = write!(
        out,
        "<h2>Starts in a row</h2>\n<figure>\n<h3>Time of each start ({unit})</h3>\n\
         <figcaption>From an empty cache, without a backend named: each runs on the best code that there is by then, and better code is made behind it.</figcaption>\n\
         <svg viewBox=\"0 0 {ALL} {:.0}\" role=\"img\" aria-label=\"Time of each of {} starts in a row\">\n",
        NAMES + NAME * kinds.len() as f64,
        starts.len()
    );
    axes(out, largest, divisor, "start");
    let width = (RIGHT - LEFT) / starts.len() as f64;
    let ends = [(LEFT + width / 2.0, 1), (RIGHT - width / 2.0, starts.len())];
    ends.into_iter().take(starts.len()).for_each(|(x, number)| below(out, x, &number.to_string()));
    for (position, start) in starts.iter().enumerate() {
        let height = ((BOTTOM - TOP) * start.total / largest).max(1.0);
        let _ = writeln!(
            out,
            "<rect class=\"{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
            class(&start.code),
            LEFT + width * (position as f64 + 0.1),
            BOTTOM - height,
            width * 0.8
        );
    }
    for (position, code) in kinds.into_iter().enumerate() {
        let at = NAMES + NAME * position as f64;
        let _ = writeln!(
            out,
            "<rect class=\"{}\" x=\"{LEFT}\" y=\"{:.1}\" width=\"12\" height=\"12\" rx=\"2\"/><text x=\"{:.1}\" y=\"{at:.1}\">{}</text>",
            class(code),
            at - 11.0,
            LEFT + 18.0,
            escaped(&code.words())
        );
    }
    out.push_str("</svg>\n</figure>\n<div class=\"scroll\"><table>\n<tr><th>Start</th><th>time (ms)</th><th>run (ms)</th><th>code</th></tr>\n");
    for (position, start) in starts.iter().enumerate() {
        let ([total, run], code) = ([start.total, start.run].map(number), escaped(&start.code.words()));
        let _ = writeln!(out, "<tr><td>{}</td><td>{total}</td><td>{run}</td><td>{code}</td></tr>", position + 1);
    }
    out.push_str("</table></div>\n");
}

/// The colour is that of the compiler with the best code; what was compiled when it was called is paler.
fn class(code: &Code) -> String {
    let pale = if code.lazy { " lazy" } else { "" };
    format!("{}{pale}", escaped(code.best()))
}
