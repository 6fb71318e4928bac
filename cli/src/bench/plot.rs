//! The time of all starts together, by how many there are: a line for each backend.

use std::fmt::Write;

use super::html::{ALL, mark_label, step, unit};
use super::table::number;
use super::{Report, Row};

pub(super) const LEFT: f64 = 52.0;
pub(super) const RIGHT: f64 = ALL - 12.0;
pub(super) const TOP: f64 = 8.0;
pub(super) const BOTTOM: f64 = 208.0;
/// Where the names begin, and how far they are apart.
pub(super) const NAMES: f64 = BOTTOM + 58.0;
pub(super) const NAME: f64 = 20.0;

/// So many starts are shown at least.
const STARTS_MIN: u64 = 10;

/// The first start compiles, all others find the artifact.
fn total(row: &Row, starts: u64) -> f64 {
    row.cold.median + row.warm.median * (starts - 1) as f64
}

/// How many starts are shown: as many again as there are until the last change.
fn starts(report: &Report) -> u64 {
    let last = report.verdict.stages().last().map_or(1, |stage| stage.from_start);
    last.saturating_mul(2).max(STARTS_MIN)
}

/// Writes the chart. Writing to a string cannot fail, so results of `write!` are passed over here.
pub(super) fn write(out: &mut String, report: &Report) {
    let starts = starts(report);
    let largest = report.backends.iter().map(|row| total(row, starts)).fold(f64::MIN_POSITIVE, f64::max);
    let (unit, divisor) = unit("ms", largest);
    let x = |start: u64| LEFT + (RIGHT - LEFT) * (start - 1) as f64 / (starts - 1) as f64;
    let y = |time: f64| BOTTOM - (BOTTOM - TOP) * time / largest;
    let height = NAMES + NAME * report.backends.len() as f64;
    let _ = write!(
        out,
        "<figure>\n<h3>Time of all starts together ({unit})</h3>\n\
         <figcaption>The first start compiles, all later ones find the artifact in the cache: medians. Dashed: from here on another backend is ahead.</figcaption>\n\
         <svg viewBox=\"0 0 {ALL} {height:.0}\" role=\"img\" aria-label=\"{}\">\n",
        report.verdict.sentences().next().unwrap_or_default()
    );
    axes(out, largest, divisor, "number of starts");
    for start in marks(starts) {
        below(out, x(start), &start.to_string());
    }
    for stage in report.verdict.stages().iter().skip(1) {
        let x = x(stage.from_start);
        let _ = writeln!(out, "<line class=\"change\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>");
    }
    for (position, row) in report.backends.iter().enumerate() {
        let (name, at) = (row.backend, NAMES + NAME * position as f64);
        let [first, last] = [total(row, 1), total(row, starts)];
        let _ = writeln!(
            out,
            "<path class=\"path {name}\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>\
             <rect class=\"{name}\" x=\"{LEFT}\" y=\"{:.1}\" width=\"12\" height=\"12\" rx=\"2\"/>\
             <text x=\"{:.1}\" y=\"{at:.1}\">{name}: {} {unit} for {starts} starts</text>",
            x(1),
            y(first),
            x(starts),
            y(last),
            at - 11.0,
            LEFT + 18.0,
            number(last / divisor),
        );
    }
    out.push_str("</svg>\n</figure>\n");
}

/// Lines at round times up to the largest, which is at the top, and what is counted from left to right.
pub(super) fn axes(out: &mut String, largest: f64, divisor: f64, counted: &str) {
    let distance = step(largest / divisor);
    for mark in 0..=(largest / divisor / distance) as u32 {
        let value = f64::from(mark) * distance;
        let y = BOTTOM - (BOTTOM - TOP) * value * divisor / largest;
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            y + 4.0,
            mark_label(value, distance)
        );
    }
    tick(out, (LEFT + RIGHT) / 2.0, BOTTOM + 34.0, counted);
}

/// A number below the axis.
pub(super) fn below(out: &mut String, x: f64, number: &str) {
    tick(out, x, BOTTOM + 16.0, number);
}

fn tick(out: &mut String, x: f64, y: f64, text: &str) {
    let _ = writeln!(out, "<text class=\"tick\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{text}</text>");
}

/// The starts that are marked: the first, and round numbers.
fn marks(starts: u64) -> Vec<u64> {
    let distance = (step(starts as f64) as u64).max(1);
    let round = (1..).map(|count| count * distance).take_while(|mark| *mark <= starts);
    std::iter::once(1).chain(round.filter(|mark| *mark > distance.div_ceil(2).max(1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_marked_at_round_numbers() {
        assert_eq!(marks(10), [1, 2, 4, 6, 8, 10]);
        assert_eq!(marks(92), [1, 20, 40, 60, 80]);
        assert_eq!(marks(u64::MAX / 2).len(), 5);
    }
}
