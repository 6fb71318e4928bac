//! One test for each script and backend. Besides: the totals of every suite, and a ledger without dead entries.
//!
//! `LEDGER=print` prints what fails, in the form of the ledger but for the reasons, instead of comparing.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};
use wasmer_runtime::wast::{Kind, Report, count, run};
use wasmer_runtime::{Backend, Engine, Validation};
use wasmer_spectests::{Ledger, SUITES, Script, Suite, scripts};

/// Reports by suite and backend, for the summary of a run that is one process.
type Reports = Arc<Mutex<BTreeMap<(&'static str, &'static str), Report>>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let ledger = Arc::new(Ledger::parse(include_str!("../expectations.toml")).expect("the ledger is in order"));
    let reports = Reports::default();
    let (mut trials, mut known, mut left_out) = (Vec::new(), BTreeSet::new(), Vec::new());
    for suite in SUITES {
        match scripts(suite).expect("the scripts can be read") {
            Some(mut scripts) => {
                known.extend(scripts.iter().map(|script| script.name.clone()));
                let later = scripts.extract_if(.., |script| ledger.later(&script.name).is_some());
                trials.extend(later.map(|script| unsupported(suite, script)));
                trials.push(totals(suite, scripts.clone()));
                trials.extend(Seat::all().flat_map(|seat| on(seat, suite, &scripts, &ledger, &reports)));
            }
            None => left_out.push(suite.name),
        }
    }
    if left_out.is_empty() {
        trials.push(Trial::test("the_ledger_has_no_dead_entries", move || {
            match ledger.scripts().find(|name| !known.contains(*name)) {
                Some(name) => Err(format!("there is no script `{name}`").into()),
                None => Ok(()),
            }
        }));
    } else {
        let variables = "WASM_SPEC_DIR or WASM_COMPONENT_DIR";
        eprintln!("left out, because {variables} does not name a folder with them: {}", left_out.join(", "));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    for ((suite, backend), report) in &*reports.lock().unwrap_or_else(PoisonError::into_inner) {
        let kinds: Vec<_> =
            report.counts.iter().map(|(kind, counts)| format!("{} {}", kind.name(), counts.passed)).collect();
        eprintln!("{suite} on {backend}: {report} ({})", kinds.join(", "));
    }
    conclusion.exit_code()
}

/// A script that is left for later must fail, whatever runs it: by what its directives need, or because its text is not understood.
fn unsupported(suite: &'static Suite, script: Script) -> Trial {
    Trial::test(format!("later::{}", script.name), move || {
        let Some(backend) = Backend::built().next() else { return Ok(()) };
        let engine = Engine::new(backend.config()?.features((suite.features)()).threads(1))?;
        match run(&engine, &script.text()?) {
            Ok(report) if report.failures.is_empty() => Err("it passes, though the ledger leaves it for later".into()),
            _ => Ok(()),
        }
    })
}

/// That the suite is as large as it should be: a runner that loses assertions is noticed.
fn totals(suite: &'static Suite, scripts: Vec<Script>) -> Trial {
    Trial::test(format!("{}::totals", suite.name), move || {
        let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
        for script in &scripts {
            for (kind, number) in count(&script.text()?).map_err(|error| error.to_string())? {
                *kinds.entry(kind).or_default() += number;
            }
        }
        let assertions: usize = kinds.iter().filter(|(kind, _)| kind.is_assertion()).map(|(_, number)| number).sum();
        assert_eq!((scripts.len(), assertions), suite.totals, "{kinds:?}");
        for (kind, number) in suite.kinds {
            assert_eq!(kinds.get(kind), Some(number), "{}", kind.name());
        }
        Ok(())
    })
}

/// Of the calls at which better code takes over.
const SEED: u64 = 29;

/// Who runs a script: a backend, at once, or function by function with another one's code taking over at calls that are chosen at random.
#[derive(Clone, Copy)]
struct Seat {
    name: &'static str,
    backend: Backend,
    is_lazy: bool,
}

impl Seat {
    fn all() -> impl Iterator<Item = Self> {
        let eager = Backend::built().map(|backend| Self { name: backend.name(), backend, is_lazy: false });
        let lazy = Backend::built().filter(|backend| *backend == Backend::Singlepass);
        eager.chain(lazy.map(|backend| Self { name: "tiered", backend, is_lazy: true }))
    }

    fn engine(self, suite: &Suite) -> Engine {
        let config = self.backend.config().expect("a built backend works here");
        let config = config.features((suite.features)()).threads(1);
        let engine = |config| Engine::new(config).expect("default settings");
        if !self.is_lazy {
            return engine(config);
        }
        let better = Backend::built().find(|backend| *backend == Backend::Cranelift);
        let better = better.map(|backend| {
            let config = backend.config().expect("a built backend works here");
            engine(config.features((suite.features)()).threads(1))
        });
        let config = config.lazy(Validation::Before);
        engine(match better {
            Some(better) => config.switching(better, SEED),
            None => config,
        })
    }
}

/// The tests of a suite on a seat.
fn on(seat: Seat, suite: &'static Suite, scripts: &[Script], ledger: &Arc<Ledger>, reports: &Reports) -> Vec<Trial> {
    // Made by the first test that needs it. The tests themselves run side by side.
    let engine = Arc::new(LazyLock::new(move || seat.engine(suite)));
    let trial = |script: &Script| {
        let (script, engine) = (script.clone(), Arc::clone(&engine));
        let (ledger, reports) = (Arc::clone(ledger), Arc::clone(reports));
        Trial::test(format!("{}::{}", seat.name, script.name), move || {
            if let Some(twin) = script.twin(suite)? {
                // The twin's own test judges it, by the ledger's entries for it.
                assert_eq!(
                    ledger.expected(&script.name),
                    ledger.expected(&twin.name),
                    "{}, {}",
                    script.name,
                    twin.name
                );
                return Ok(());
            }
            let report = run(&engine, &script.text()?).map_err(|error| error.to_string())?;
            let verdict = judge(&ledger, &script, &report);
            let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
            reports.entry((suite.name, seat.name)).or_default().merge(report);
            verdict
        })
    };
    scripts.iter().map(trial).collect()
}

fn judge(ledger: &Ledger, script: &Script, report: &Report) -> Result<(), Failed> {
    if std::env::var("LEDGER").is_ok_and(|value| value == "print") {
        for failure in &report.failures {
            println!(
                "{}\t{}\t{}\t{}",
                script.name,
                failure.line,
                failure.kind.name(),
                failure.message.replace('\n', " ")
            );
        }
        return Ok(());
    }
    match ledger.differences(&script.name, &report.failures) {
        Some(differences) => Err(differences.into()),
        None => Ok(()),
    }
}
