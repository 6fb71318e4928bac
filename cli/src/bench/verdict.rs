//! What the figures mean, in sentences.

use super::table::number;
use super::{Report, Row, Spread};

/// The most important comparisons, for someone who has to choose.
pub(super) fn sentences(report: &Report) -> Vec<String> {
    let rows = &report.backends;
    let mut sentences = Vec::new();
    if rows.len() > 1 {
        sentences.extend(extremes(rows, |row| row.compile_all, "compiles the module in the shortest time"));
        sentences.extend(extremes(rows, |row| row.run, "makes the fastest code for this program"));
        sentences.extend(pairs(rows).filter_map(|(quick, slow)| break_even(quick, slow)));
    }
    for row in rows {
        sentences.push(format!(
            "With {} the first start takes {} ms and every later one {} ms, of which the program itself runs for {} ms.",
            proper(row),
            number(row.cold.median),
            number(row.warm.median),
            number(row.run.median)
        ));
    }
    for row in rows.iter().filter(|row| row.status != 0) {
        sentences.push(format!("With {} the program ended with status {}.", proper(row), row.status));
    }
    if rows.len() > 1 {
        sentences
            .push("Why one compiler suits a program better than another stands in docs/guide/backends.md.".to_owned());
    }
    sentences
}

/// Who is best at something, and by how much.
fn extremes(rows: &[Row], of: fn(&Row) -> Spread, what: &str) -> Option<String> {
    let best = rows.iter().min_by(|one, other| of(one).median.total_cmp(&of(other).median))?;
    let compared = |row: &Row| {
        if of(row).is_above(of(best)) {
            format!("{} takes {} times as long", proper(row), number(of(row).median / of(best).median))
        } else {
            format!("{} is as good, as far as these runs tell", proper(row))
        }
    };
    let others: Vec<_> = rows.iter().filter(|row| row.backend != best.backend).map(compared).collect();
    Some(format!("{} {what} ({} ms); {}.", proper(best), number(of(best).median), others.join(", ")))
}

/// A backend's name as it is written in a sentence.
fn proper(row: &Row) -> &'static str {
    match row.backend {
        "singlepass" => "Singlepass",
        "cranelift" => "Cranelift",
        "llvm" => "LLVM",
        other => other,
    }
}

/// Backends in the order of their compile times, each with every slower one.
fn pairs(rows: &[Row]) -> impl Iterator<Item = (&Row, &Row)> {
    let mut sorted: Vec<_> = rows.iter().collect();
    sorted.sort_by(|one, other| one.cold.median.total_cmp(&other.cold.median));
    let pairs: Vec<_> =
        sorted.iter().enumerate().flat_map(|(at, quick)| sorted[at + 1..].iter().map(|slow| (*quick, *slow))).collect();
    pairs.into_iter()
}

/// From which start on the slower compiler has saved more than it cost.
fn break_even(quick: &Row, slow: &Row) -> Option<String> {
    let (cost, gain) = (slow.cold.median - quick.cold.median, quick.warm.median - slow.warm.median);
    if cost <= 0.0 || !quick.warm.is_above(slow.warm) {
        return None;
    }
    let starts = (cost / gain).floor() as u64 + 2;
    Some(format!("From start number {starts} on, {} has taken less time in all than {}.", proper(slow), proper(quick)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(backend: &'static str, compile: f64, run: f64) -> Row {
        let exactly = |value: f64| Spread { median: value, min: value, max: value, runs: 1 };
        Row {
            backend,
            compile_one: exactly(compile),
            compile_all: exactly(compile),
            image_bytes: 1,
            load: exactly(0.1),
            cold: exactly(compile + run),
            warm: exactly(run),
            run: exactly(run),
            cold_memory_bytes: 1,
            warm_memory_bytes: 1,
            status: 0,
        }
    }

    #[test]
    fn a_slow_compile_pays_when_its_cost_is_saved() {
        let (quick, slow) = (row("singlepass", 10.0, 100.0), row("llvm", 100.0, 60.0));
        // 110 + 100 (n - 1) against 160 + 60 (n - 1): equal at n = 2.25.
        assert!(break_even(&quick, &slow).unwrap().starts_with("From start number 3 on, LLVM"));
        assert_eq!(break_even(&quick, &row("llvm", 100.0, 99.0)), None);
        assert_eq!(break_even(&quick, &row("llvm", 100.0, 200.0)), None);
    }

    #[test]
    fn the_best_is_named_and_the_others_compared() {
        let rows = [row("singlepass", 10.0, 100.0), row("llvm", 100.0, 50.0)];
        let run = extremes(&rows, |row| row.run, "is fastest").unwrap();
        assert_eq!(run, "LLVM is fastest (50.0 ms); Singlepass takes 2.00 times as long.");
        let spread = |median, min, max| Spread { median, min, max, runs: 5 };
        let overlapping = Row { run: spread(60.0, 49.0, 90.0), ..row("cranelift", 20.0, 60.0) };
        let rows = [row("llvm", 100.0, 50.0), overlapping];
        let run = extremes(&rows, |row| row.run, "is fastest").unwrap();
        assert_eq!(run, "LLVM is fastest (50.0 ms); Cranelift is as good, as far as these runs tell.");
    }
}
