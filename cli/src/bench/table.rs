//! The report as text.

use std::fmt::Write;

use super::{Report, Row, Spread, starts, verdict};

/// A line of the table: what it says, and how to get its figure from a row.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) explanation: &'static str,
    pub(super) unit: &'static str,
    pub(super) value: fn(&Row) -> Spread,
}

const fn exactly(value: f64) -> Spread {
    Spread { median: value, min: value, max: value, runs: 1 }
}

const MIB: f64 = 1048576.0;

/// What is compared. Less is better everywhere.
pub(super) const METRICS: &[Metric] = &[
    Metric {
        name: "compile, 1 thread",
        explanation: "From the module's bytes to the artifact, with one thread.",
        unit: "ms",
        value: |row| row.compile_one,
    },
    Metric {
        name: "compile, all threads",
        explanation: "The same with a thread on every processor.",
        unit: "ms",
        value: |row| row.compile_all,
    },
    Metric {
        name: "image",
        explanation: "Size of the artifact, which the cache keeps.",
        unit: "MiB",
        value: |row| exactly(row.image_bytes as f64 / MIB),
    },
    Metric {
        name: "load",
        explanation: "Mapping the artifact: what a start needs instead of compiling.",
        unit: "ms",
        value: |row| row.load,
    },
    Metric {
        name: "cold start",
        explanation: "The whole process from start to end, compiling without a cache.",
        unit: "ms",
        value: |row| row.cold,
    },
    Metric {
        name: "warm start",
        explanation: "The whole process from start to end, with the artifact in the cache.",
        unit: "ms",
        value: |row| row.warm,
    },
    Metric { name: "run", explanation: "The program itself, in the warm process.", unit: "ms", value: |row| row.run },
    Metric {
        name: "memory, cold",
        explanation: "Largest resident memory of the process that compiles.",
        unit: "MiB",
        value: |row| exactly(row.cold_memory_bytes as f64 / MIB),
    },
    Metric {
        name: "memory, warm",
        explanation: "Largest resident memory of the process that finds the artifact.",
        unit: "MiB",
        value: |row| exactly(row.warm_memory_bytes as f64 / MIB),
    },
];

/// A number of bytes with a unit.
pub(super) fn bytes(value: f64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)].map(|(unit, shift)| (unit, f64::from(1 << shift)));
    let unit = units.into_iter().find(|(_, size)| value >= *size);
    unit.map_or_else(|| format!("{value:.0} bytes"), |(unit, size)| format!("{} {unit}", number(value / size)))
}

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
    let Report { module, module_bytes, runs, machine, validate, hash, .. } = report;
    let processors = machine.processors;
    // Writing to a string cannot fail.
    for sentence in report.verdict.sentences() {
        let _ = writeln!(out, "{sentence}");
    }
    let _ =
        writeln!(out, "\n{module}: {module_bytes} bytes, {runs} runs each, fewer of what takes long; medians (spread)");
    let _ = writeln!(out, "{}, {processors} processors", machine.processor.as_deref().unwrap_or(machine.architecture));
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
    out.push('\n');
    for sentence in verdict::sentences(report) {
        let _ = writeln!(out, "{sentence}");
    }
    out + &starts::text(&report.starts)
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
        assert_eq!([512.0, 2048.0, 27e6, 3e9].map(bytes), ["512 bytes", "2.00 KiB", "25.7 MiB", "2.79 GiB"]);
    }
}
