//! What the figures mean, in sentences: first which backend to take, then why.
//!
//! Everything said compares by [`Spread::is_above`] alone, so that no sentence says what another one denies.

use serde::Serialize;

use super::table::number;
use super::{Report, Row, Spread};

/// Which backend takes the least time in all, by how often the program is started.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    /// In a sentence.
    choice: String,
    /// The figures that carry it.
    evidence: String,
    /// How far the runs can be trusted to say so.
    confidence: String,
    /// From which start on which backend is ahead.
    stages: Vec<Stage>,
}

/// A backend, and from which start on it has taken the least time in all.
#[derive(Debug, Serialize)]
pub(super) struct Stage {
    pub(super) from_start: u64,
    pub(super) backend: &'static str,
    #[serde(skip)]
    position: usize,
}

impl Verdict {
    /// Of at least one row.
    pub(super) fn of(rows: &[Row]) -> Self {
        let stages = stages(rows);
        let Some(first) = stages.first().filter(|_| rows.len() > 1) else {
            let only = rows.iter().map(proper).collect::<Vec<_>>().join(" and ");
            let [evidence, confidence] = [evidence(rows), String::new()];
            return Self { choice: format!("Only {only} was measured."), evidence, confidence, stages };
        };
        let name = |stage: &Stage| proper(&rows[stage.position]);
        let choice = match stages.get(1) {
            None => format!("{} is the best choice, however often the program is started", name(first)),
            Some(next) => {
                let until = match next.from_start - 1 {
                    1 => "one start".to_owned(),
                    starts => format!("up to {starts} starts"),
                };
                let later =
                    stages[1..].iter().map(|stage| format!("{} from start {} on", name(stage), stage.from_start));
                let later = later.collect::<Vec<_>>().join(", ");
                format!("{} is the best choice for {until}, {later}", name(first))
            }
        };
        let equal = equals(rows, &stages);
        let choice = choice + if equal.is_empty() { "" } else { "; " } + &equal + ".";
        Self { choice, evidence: evidence(rows), confidence: confidence(rows, &stages), stages }
    }

    /// All of it.
    pub(super) fn sentences(&self) -> impl Iterator<Item = &str> {
        [&*self.choice, &*self.evidence, &*self.confidence].into_iter().filter(|sentence| !sentence.is_empty())
    }

    /// From which start on which backend is ahead.
    pub(super) fn stages(&self) -> &[Stage] {
        &self.stages
    }
}

/// Who is ahead first, and who takes over: each time the one that does so the soonest.
fn stages(rows: &[Row]) -> Vec<Stage> {
    let positions = || 0..rows.len();
    let Some(best) = positions().min_by(|one, other| rows[*one].cold.median.total_cmp(&rows[*other].cold.median))
    else {
        return Vec::new();
    };
    // Of those that start as quickly, the one that goes on best.
    let is_first = |position: &usize| rows.iter().all(|row| !rows[*position].cold.is_above(row.cold));
    let by_warm = |one: &usize, other: &usize| rows[*one].warm.median.total_cmp(&rows[*other].warm.median);
    let mut position = positions().filter(is_first).min_by(by_warm).unwrap_or(best);
    let stage = |from_start, position: usize| Stage { from_start, backend: rows[position].backend, position };
    let mut stages = vec![stage(1, position)];
    loop {
        let after = stages.last().map_or(1, |stage| stage.from_start) + 1;
        let takes_over = |other: usize| Some((break_even(&rows[position], &rows[other])?.max(after), other));
        let sooner =
            |one: &(u64, usize), other: &(u64, usize)| one.0.cmp(&other.0).then_with(|| by_warm(&one.1, &other.1));
        let Some((from_start, next)) = positions().filter_map(takes_over).min_by(sooner) else { return stages };
        stages.push(stage(from_start, next));
        position = next;
    }
}

/// From which start on the slower compiler has saved more than it cost, if it saves something.
fn break_even(quick: &Row, slow: &Row) -> Option<u64> {
    if !quick.warm.is_above(slow.warm) {
        return None;
    }
    let (cost, gain) = (slow.cold.median - quick.cold.median, quick.warm.median - slow.warm.median);
    Some((cost.max(0.0) / gain).floor() as u64 + 2)
}

/// Those that are as good as the only choice there is.
fn equals(rows: &[Row], stages: &[Stage]) -> String {
    let [only] = stages else { return String::new() };
    let chosen = &rows[only.position];
    let is_equal = |row: &&Row| !row.cold.is_above(chosen.cold) && !row.warm.is_above(chosen.warm);
    let names: Vec<_> = rows.iter().filter(|row| row.backend != only.backend).filter(is_equal).map(proper).collect();
    match &names[..] {
        [] => String::new(),
        [name] => format!("{name} is as good, as far as these runs tell"),
        names => format!("{} are as good, as far as these runs tell", names.join(" and ")),
    }
}

fn evidence(rows: &[Row]) -> String {
    let figures = |row: &Row| {
        let [cold, warm] = [row.cold, row.warm].map(|spread| number(spread.median));
        format!("{} {cold} and {warm} ms", proper(row))
    };
    let figures = rows.iter().map(figures).collect::<Vec<_>>().join(", ");
    format!("The first start and every later one take: {figures}.")
}

/// Whether single runs say the same as the medians, in the comparisons on which the choice rests.
fn confidence(rows: &[Row], stages: &[Stage]) -> String {
    let runs = rows.iter().map(|row| row.cold.runs.min(row.warm.runs)).min().unwrap_or(0);
    if runs < 3 {
        let runs = if runs == 1 { "One run of each tells" } else { "Two runs of each tell" };
        return format!("{runs} little: `--runs` makes more.");
    }
    let chosen: Vec<_> = stages.iter().map(|stage| &rows[stage.position]).collect();
    let pairs = chosen.iter().flat_map(|one| rows.iter().map(move |other| (*one, other)));
    let compared = pairs.flat_map(|(one, other)| [(one.cold, other.cold), (one.warm, other.warm)]);
    let told = compared.filter(|(one, other)| one.is_above(*other) || other.is_above(*one));
    let overlapping = told.filter(|(one, other)| one.min <= other.max && other.min <= one.max).count();
    match overlapping {
        0 => format!("Of at least {runs} runs each, none says otherwise."),
        _ => format!("Of at least {runs} runs each, the medians are clearly apart, while single runs overlap."),
    }
}

/// The most important comparisons, for someone who has to choose; the verdict stands before them.
pub(super) fn sentences(report: &Report) -> Vec<String> {
    let rows = &report.backends;
    let mut sentences = Vec::new();
    if rows.len() > 1 {
        sentences.extend(extremes(rows, |row| row.compile_all, "compiles the module in the shortest time"));
        sentences.extend(extremes(rows, |row| row.run, "makes the fastest code for this program"));
    }
    for row in rows.iter().filter(|row| row.status != 0) {
        sentences.push(format!("With {} the program ended with status {}.", proper(row), row.status));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A backend whose starts take so long: five equal runs.
    fn row(backend: &'static str, compile: f64, run: f64) -> Row {
        let exactly = |value: f64| Spread { median: value, min: value, max: value, runs: 5 };
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

    fn spread(median: f64, min: f64, max: f64) -> Spread {
        Spread { median, min, max, runs: 5 }
    }

    #[test]
    fn a_slow_compile_pays_when_its_cost_is_saved() {
        let quick = row("singlepass", 10.0, 100.0);
        // 110 + 100 (n - 1) against 160 + 60 (n - 1): equal at n = 2.25.
        assert_eq!(break_even(&quick, &row("llvm", 100.0, 60.0)), Some(3));
        assert_eq!(break_even(&quick, &row("llvm", 100.0, 99.0)), None);
        assert_eq!(break_even(&quick, &row("llvm", 100.0, 200.0)), None);
    }

    #[test]
    fn the_choice_depends_on_the_number_of_starts() {
        let rows = [row("singlepass", 10.0, 100.0), row("cranelift", 50.0, 70.0), row("llvm", 500.0, 60.0)];
        let verdict = Verdict::of(&rows);
        assert_eq!(
            verdict.choice,
            "Singlepass is the best choice for one start, Cranelift from start 2 on, LLVM from start 46 on."
        );
        assert_eq!(verdict.stages.iter().map(|stage| stage.from_start).collect::<Vec<_>>(), [1, 2, 46]);
        assert!(verdict.evidence.contains("LLVM 560 and 60.0 ms"), "{}", verdict.evidence);
        assert_eq!(verdict.confidence, "Of at least 5 runs each, none says otherwise.");
    }

    #[test]
    fn what_the_runs_do_not_tell_is_not_said() {
        let like =
            Row { warm: spread(51.0, 49.0, 90.0), cold: spread(155.0, 140.0, 200.0), ..row("cranelift", 100.0, 50.0) };
        let verdict = Verdict::of(&[row("llvm", 100.0, 50.0), like]);
        assert_eq!(
            verdict.choice,
            "LLVM is the best choice, however often the program is started; Cranelift is as good, as far as these runs tell."
        );
        let overlapping = Row { warm: spread(90.0, 55.0, 99.0), ..row("singlepass", 1.0, 90.0) };
        let steady = Row { warm: spread(50.0, 45.0, 60.0), ..row("llvm", 100.0, 50.0) };
        let verdict = Verdict::of(&[overlapping, steady]);
        assert_eq!(verdict.choice, "Singlepass is the best choice for up to 2 starts, LLVM from start 3 on.");
        assert!(verdict.confidence.ends_with("single runs overlap."), "{}", verdict.confidence);
        let once = |row: Row| Row { cold: Spread { runs: 1, ..row.cold }, ..row };
        let verdict = Verdict::of(&[once(row("llvm", 1.0, 2.0)), row("singlepass", 1.0, 5.0)]);
        assert_eq!(verdict.confidence, "One run of each tells little: `--runs` makes more.");
        assert_eq!(Verdict::of(&[row("llvm", 1.0, 2.0)]).choice, "Only LLVM was measured.");
    }

    /// Whatever the figures are: who is ahead later saves something, and nobody who is not chosen is clearly better at both kinds of starts.
    #[test]
    fn no_verdict_contradicts_the_figures() {
        let mut state = 1_u64;
        let mut next = |limit: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % limit + 1
        };
        for _ in 0..2000 {
            let rows = ["singlepass", "cranelift", "llvm"].map(|name| {
                let (compile, run) = (next(500) as f64, next(200) as f64);
                let mut around = |value: f64| {
                    let (less, more) = (next(30) as f64 / 100.0, next(30) as f64 / 100.0);
                    spread(value, value * (1.0 - less), value * (1.0 + more))
                };
                Row { cold: around(compile + run), warm: around(run), ..row(name, compile, run) }
            });
            let verdict = Verdict::of(&rows);
            assert!(verdict.stages.windows(2).all(|pair| pair[0].from_start < pair[1].from_start), "{verdict:?}");
            let [first, .., last] = &verdict.stages[..] else {
                let [only] = &verdict.stages[..] else { panic!("{verdict:?}") };
                let chosen = &rows[only.position];
                assert!(rows.iter().all(|row| !chosen.cold.is_above(row.cold) && !chosen.warm.is_above(row.warm)));
                continue;
            };
            assert!(rows.iter().all(|row| !rows[first.position].cold.is_above(row.cold)), "{verdict:?} {rows:?}");
            assert!(rows.iter().all(|row| !rows[last.position].warm.is_above(row.warm)), "{verdict:?} {rows:?}");
        }
    }
}
