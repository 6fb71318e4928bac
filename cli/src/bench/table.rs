//! The report as text.

use std::fmt::Write;

use super::{Report, Row, Spread};

/// A line of the table: what it says, and how to get its figure from a row.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) explanation: &'static str,
    pub(super) unit: &'static str,
    pub(super) value: fn(&Row) -> Spread,
}

const fn exactly(value: f64) -> Spread {
    Spread { median: value, min: value, max: value }
}

const MIB: f64 = 1048576.0;

/// What is compared. Less is better everywhere.
pub(super) const METRICS: &[Metric] = &[
    Metric { name: "compile, 1 thread", explanation: "wasm to artifact", unit: "ms", value: |row| row.compile_one },
    Metric {
        name: "compile, all threads",
        explanation: "the same on all processors",
        unit: "ms",
        value: |row| row.compile_all,
    },
    Metric {
        name: "image",
        explanation: "size of the artifact",
        unit: "MiB",
        value: |row| exactly(row.image_bytes as f64 / MIB),
    },
    Metric { name: "load", explanation: "mapping the artifact", unit: "ms", value: |row| row.load },
    Metric { name: "cold start", explanation: "whole process, compiling", unit: "ms", value: |row| row.cold },
    Metric {
        name: "warm start",
        explanation: "whole process, artifact in the cache",
        unit: "ms",
        value: |row| row.warm,
    },
    Metric { name: "run", explanation: "the program itself, in the warm process", unit: "ms", value: |row| row.run },
    Metric {
        name: "memory, cold",
        explanation: "peak resident memory",
        unit: "MiB",
        value: |row| exactly(row.cold_memory_bytes as f64 / MIB),
    },
    Metric {
        name: "memory, warm",
        explanation: "peak resident memory",
        unit: "MiB",
        value: |row| exactly(row.warm_memory_bytes as f64 / MIB),
    },
];

/// A number with about three digits that mean something.
pub(super) fn number(value: f64) -> String {
    let decimals = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

/// The report as a table.
pub(super) fn text(report: &Report) -> String {
    let mut out = String::new();
    let Report { module, module_bytes, runs, processors, validate, hash, .. } = report;
    // Writing to a string cannot fail.
    let _ =
        writeln!(out, "{module}: {module_bytes} bytes, {runs} runs each, {processors} processors; medians (spread)");
    let _ = writeln!(out, "validate {} ms, hash {} ms\n", number(validate.median), number(hash.median));
    let _ = write!(out, "{:<26}", "");
    for row in &report.backends {
        let _ = write!(out, "{:>26}", row.backend);
    }
    out.push('\n');
    for metric in METRICS {
        let _ = write!(out, "{:<26}", format!("{} ({})", metric.name, metric.unit));
        for row in &report.backends {
            let _ = write!(out, "{:>26}", cell((metric.value)(row)));
        }
        out.push('\n');
    }
    for row in report.backends.iter().filter(|row| row.status != 0) {
        let _ = writeln!(out, "\nwith {} the program ended with status {}", row.backend, row.status);
    }
    out
}

fn cell(spread: Spread) -> String {
    if spread.min == spread.max {
        return number(spread.median);
    }
    format!("{} ({}–{})", number(spread.median), number(spread.min), number(spread.max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([1234.5, 12.34, 1.234, 0.1234].map(number), ["1234", "12.3", "1.23", "0.123"]);
    }
}
