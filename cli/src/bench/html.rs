//! The report as one self-contained page.

use std::fmt::Write;

use super::Report;
use super::table::{METRICS, Metric, number};

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}\
h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.6rem 0 .2rem}p{margin:.2rem 0 .6rem;color:#57606a}\
svg{width:100%;height:auto}text{font:13px system-ui,sans-serif;fill:#1b1f24}.bar{fill:#5b7fb5}.best{fill:#2f8f5b}\
.spread{stroke:#1b1f24;stroke-width:1.5}table{border-collapse:collapse;width:100%;font-size:.9rem}\
td,th{padding:.25rem .5rem;border-bottom:1px solid #d0d7de;text-align:right}td:first-child,th:first-child{text-align:left}\
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}p{color:#9198a1}text{fill:#e6edf3}.spread{stroke:#e6edf3}\
td,th{border-color:#30363d}}";

/// The page.
pub(super) fn page(report: &Report) -> String {
    let mut out = String::new();
    let module = escaped(&report.module);
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{module}: backends compared</title><style>{STYLE}</style><h1>{module}</h1>\
         <p>{} bytes of WebAssembly{}. wasmer {}, {} processors, {} runs of each, medians; lines show the smallest and largest value. \
         Less is better in every chart. Validating takes {} ms, hashing {} ms.</p>",
        report.module_bytes,
        arguments(report),
        report.version,
        report.processors,
        report.runs,
        number(report.validate.median),
        number(report.hash.median),
    );
    for metric in METRICS {
        chart(&mut out, report, metric);
    }
    table(&mut out, report);
    out.push_str("</html>\n");
    out
}

fn arguments(report: &Report) -> String {
    if report.arguments.is_empty() {
        return String::new();
    }
    format!(", run with <code>{}</code>", escaped(&report.arguments.join(" ")))
}

/// Bars from zero, one for each backend.
fn chart(out: &mut String, report: &Report, metric: &Metric) {
    const LEFT: f64 = 100.0;
    const WIDTH: f64 = 520.0;
    const LINE: f64 = 26.0;
    let largest = report.backends.iter().map(|row| (metric.value)(row).max).fold(f64::MIN_POSITIVE, f64::max);
    let best = report.backends.iter().map(|row| (metric.value)(row).median).fold(f64::INFINITY, f64::min);
    let height = LINE * report.backends.len() as f64;
    let _ = write!(
        out,
        "<h2>{} ({})</h2><p>{}</p><svg viewBox=\"0 0 760 {height}\" role=\"img\" aria-label=\"{}\">",
        metric.name, metric.unit, metric.explanation, metric.name
    );
    for (position, row) in report.backends.iter().enumerate() {
        let spread = (metric.value)(row);
        let (top, middle) = (position as f64 * LINE + 4.0, position as f64 * LINE + LINE / 2.0);
        let [median, min, max] = [spread.median, spread.min, spread.max].map(|value| LEFT + value / largest * WIDTH);
        let class = if spread.median == best { "best" } else { "bar" };
        let _ = write!(
            out,
            "<text x=\"0\" y=\"{y}\">{name}</text><rect class=\"{class}\" x=\"{LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"{bar}\"/>\
             <line class=\"spread\" x1=\"{min:.1}\" x2=\"{max:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\
             <text x=\"{label:.1}\" y=\"{y}\">{value}</text>",
            y = middle + 4.5,
            name = row.backend,
            width = median - LEFT,
            bar = LINE - 8.0,
            label = max + 8.0,
            value = number(spread.median),
        );
    }
    out.push_str("</svg>");
}

fn table(out: &mut String, report: &Report) {
    out.push_str("<h2>All figures</h2><table><tr><th></th>");
    for row in &report.backends {
        let _ = write!(out, "<th>{}</th>", row.backend);
    }
    out.push_str("</tr>");
    for metric in METRICS {
        let _ = write!(out, "<tr><td>{} ({})</td>", metric.name, metric.unit);
        for row in &report.backends {
            let _ = write!(out, "<td>{}</td>", number((metric.value)(row).median));
        }
        out.push_str("</tr>");
    }
    out.push_str("</table>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
