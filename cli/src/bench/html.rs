//! The report as one self-contained page, for a reader who was not there: what was measured, on which machine, what it means, charts, all
//! figures. It loads nothing, runs nothing, and follows the reader's choice of light or dark.

use std::fmt::Write;

use super::table::{METRICS, Metric, bytes, number};
use super::{Report, Row, Spread, plot, starts, verdict};
use crate::page::{self, escaped};

const STYLE: &str = include_str!("page.css");

/// The page. Writing to a string cannot fail, so results of `write!` are passed over here.
pub(super) fn page(report: &Report) -> String {
    let title = format!("{}: backends compared", report.module);
    let mut out = page::start(&title, STYLE);
    let _ = write!(
        out,
        "<h1>{}</h1>\n\
         <p class=\"soft\">Made by <code>wasmer bench</code>, which compiles and runs one WebAssembly program with each compiler.</p>\n",
        escaped(&title)
    );
    let mut said = report.verdict.sentences();
    let _ = writeln!(out, "<p class=\"verdict\">{}</p>", escaped(said.next().unwrap_or_default()));
    let rest = verdict::sentences(report);
    let rest = said.chain(rest.iter().map(String::as_str));
    out.push_str("<ul class=\"summary\">\n");
    for sentence in rest {
        let _ = writeln!(out, "<li>{}</li>", escaped(sentence));
    }
    out.push_str("</ul>\n");
    plot::write(&mut out, report);
    starts::write(&mut out, &report.starts);
    out.push_str("<h2>What was measured</h2>\n");
    facts(&mut out, report);
    out.push_str("<h2>Charts</h2>\n<p class=\"soft\">Bars are medians and start at zero; less is better everywhere. Thin lines reach from the smallest to the largest of all runs. In brackets: how many times the best, where the runs tell; bold is what they do not tell from the best.</p>\n");
    for metric in METRICS {
        chart(&mut out, report, metric);
    }
    table(&mut out, report);
    out.push_str("</html>\n");
    out
}

/// What was measured, where and how.
fn facts(out: &mut String, report: &Report) {
    let Report { machine, validate, hash, .. } = report;
    let per_second = |spread: &Spread| bytes(report.module_bytes as f64 * 1e3 / spread.median.max(1e-6)) + "/s";
    let command = match report.arguments.is_empty() {
        true => "without arguments".to_owned(),
        false => format!("<code>{}</code>", escaped(&report.arguments.join(" "))),
    };
    let memory = machine.memory_bytes.map(|memory| format!(", {} of memory", bytes(memory as f64)));
    let facts = [
        ("Module", format!("{} of WebAssembly", bytes(report.module_bytes as f64))),
        ("Arguments", command),
        ("Validate", format!("{} ms ({})", number(validate.median), per_second(validate))),
        ("Hash", format!("{} ms ({})", number(hash.median), per_second(hash))),
        (
            "Machine",
            format!(
                "{}, {} {}{}",
                escaped(machine.processor.as_deref().unwrap_or(machine.architecture)),
                machine.processors,
                if machine.processors == 1 { "processor" } else { "processors" },
                memory.unwrap_or_default()
            ),
        ),
        ("System", escaped(&machine.system)),
        ("Version", format!("wasmer {}, measured on {}", report.version, machine.date)),
        (
            "Runs",
            format!(
                "{} of everything, in turn, so that what disturbs the machine disturbs all backends; fewer of what takes long",
                report.runs
            ),
        ),
    ];
    out.push_str("<dl>\n");
    for (name, value) in facts {
        let _ = writeln!(out, "<dt>{name}</dt><dd>{value}</dd>");
    }
    out.push_str("</dl>\n");
}

/// A distance between marks of an axis so that about five of them reach `largest`: 1, 2 or 5 times a power of ten.
pub(super) fn step(largest: f64) -> f64 {
    let rough = largest / 5.0;
    let power = format!("1e{}", exponent(rough)).parse().unwrap_or(1.0);
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= rough).unwrap_or(10.0);
    step * power
}

/// The power of ten of a number's first digit. By its text, because a logarithm would make the command need `libm`, which every start then loads.
fn exponent(number: f64) -> i32 {
    format!("{number:e}").split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

/// The unit in which a chart is best read, and what its figures are divided by.
pub(super) fn unit(unit: &'static str, largest: f64) -> (&'static str, f64) {
    match unit {
        "ms" if largest >= 2000.0 => ("s", 1000.0),
        "ms" if largest < 0.5 => ("µs", 0.001),
        "MiB" if largest < 0.5 => ("KiB", 1.0 / 1024.0),
        unit => (unit, 1.0),
    }
}

/// A chart is as wide as a phone's page, where its letters are as large as the text: what is wider shows it no larger.
pub(super) const ALL: f64 = 400.0;
const LEFT: f64 = 84.0;
const WIDTH: f64 = 190.0;
const BAR: f64 = 20.0;
const LINE: f64 = 30.0;

/// Bars from zero, one for each backend, above an axis.
fn chart(out: &mut String, report: &Report, metric: &Metric) {
    let spreads: Vec<Spread> = report.backends.iter().map(metric.value).collect();
    let largest = spreads.iter().map(|spread| spread.max).fold(f64::MIN_POSITIVE, f64::max);
    let (unit, divisor) = unit(metric.unit, largest);
    let step = step(largest / divisor);
    let marks = (largest / divisor / step).ceil().max(1.0);
    let scale = WIDTH / (marks * step * divisor);
    let bottom = LINE * spreads.len() as f64 + 4.0;
    let Some(best) = best(&spreads) else { return };
    let label: Vec<_> = report
        .backends
        .iter()
        .zip(&spreads)
        .map(|(row, spread)| format!("{} {} {unit}", row.backend, number(spread.median / divisor)))
        .collect();
    let _ = write!(
        out,
        "<figure>\n<h3>{} ({unit})</h3>\n<figcaption>{}</figcaption>\n\
         <svg viewBox=\"0 0 {ALL} {:.0}\" role=\"img\" aria-label=\"{}: {}\">\n",
        capitalised(metric.name),
        metric.explanation,
        bottom + 22.0,
        metric.name,
        label.join(", ")
    );
    for mark in 0..=marks as u32 {
        let value = f64::from(mark) * step;
        let x = LEFT + value * divisor * scale;
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{bottom:.1}\"/>\
             <text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 16.0,
            mark_label(value, step)
        );
    }
    for (position, (row, spread)) in report.backends.iter().zip(&spreads).enumerate() {
        let shown = Bar { row, spread: *spread, top: LINE * position as f64 + 5.0, scale };
        shown.write(out, &format!("{} {unit}", number(spread.median / divisor)), best);
    }
    out.push_str("</svg>\n</figure>\n");
}

/// One bar.
struct Bar<'a> {
    row: &'a Row,
    spread: Spread,
    top: f64,
    /// Width of one of the metric's units.
    scale: f64,
}

impl Bar<'_> {
    fn write(&self, out: &mut String, value: &str, best: &Spread) {
        let Self { row, spread, top, scale } = self;
        let [median, min, max] = [spread.median, spread.min, spread.max].map(|value| LEFT + value * scale);
        let (middle, text) = (top + BAR / 2.0, top + BAR / 2.0 + 5.0);
        let class = if spread.is_above(*best) { "" } else { "best" };
        let times = spread.is_above(*best).then(|| format!(" ({}×)", number(spread.median / best.median)));
        let times = times.unwrap_or_default();
        let _ = write!(
            out,
            "<text x=\"{:.0}\" y=\"{text:.1}\" text-anchor=\"end\">{name}</text>\
             <rect class=\"{name}\" x=\"{LEFT}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\"/>",
            LEFT - 8.0,
            (median - LEFT).max(1.0),
            name = row.backend,
        );
        if spread.max > spread.min {
            let _ = write!(
                out,
                "<path class=\"spread\" d=\"M{min:.1} {0:.1}V{1:.1}M{min:.1} {middle:.1}H{max:.1}M{max:.1} {0:.1}V{1:.1}\"/>",
                middle - 4.0,
                middle + 4.0
            );
        }
        let _ = writeln!(out, "<text class=\"{class}\" x=\"{:.1}\" y=\"{text:.1}\">{value}{times}</text>", max + 8.0);
    }
}

/// The smallest median.
fn best(spreads: &[Spread]) -> Option<&Spread> {
    spreads.iter().min_by(|one, other| one.median.total_cmp(&other.median))
}

/// A number of an axis, with as many decimals as its steps have.
pub(super) fn mark_label(value: f64, step: f64) -> String {
    let decimals = usize::try_from(-exponent(step)).unwrap_or(0);
    format!("{value:.decimals$}")
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn table(out: &mut String, report: &Report) {
    out.push_str("<h2>All figures</h2>\n<p class=\"soft\">Medians, and below them the smallest and the largest value.</p>\n<div class=\"scroll\"><table>\n<tr><th></th>");
    for row in &report.backends {
        let _ = write!(out, "<th>{}</th>", row.backend);
    }
    out.push_str("</tr>\n");
    for metric in METRICS {
        let spreads: Vec<Spread> = report.backends.iter().map(metric.value).collect();
        let Some(best) = best(&spreads) else { continue };
        let _ = write!(out, "<tr><td>{} ({})</td>", capitalised(metric.name), metric.unit);
        for spread in &spreads {
            let class = if spread.is_above(*best) { "" } else { " class=\"best\"" };
            let _ = write!(out, "<td{class}>{}", number(spread.median));
            if spread.max > spread.min {
                let _ = write!(out, "<small>{} to {}</small>", number(spread.min), number(spread.max));
            }
            out.push_str("</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_marks() {
        for (largest, expected) in
            [(1.0, 0.2), (5.0, 1.0), (5.1, 2.0), (12.0, 5.0), (99.0, 20.0), (1234.0, 500.0), (0.003, 0.001)]
        {
            assert!((step(largest) / expected - 1.0).abs() < 1e-9, "{largest}: {}", step(largest));
        }
        assert_eq!([mark_label(0.4, 0.2), mark_label(40.0, 20.0), mark_label(0.003, 0.001)], ["0.4", "40", "0.003"]);
    }
}
