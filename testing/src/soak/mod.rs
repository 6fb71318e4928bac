//! Long runs of the attacks: each in a process of its own, so that a crash or a hang is a finding and not the end.
//!
//! The state of a run is one file: which input comes next and what became of those before. A run that is ended goes on from there.

mod corpus;
mod state;
mod worker;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result};

pub use corpus::write_corpus;
pub use state::{Finding, State};
use worker::{Ended, Worker};
pub use worker::{judge_file, work};

use crate::minimize::minimize;
use crate::targets::Target;

/// How long an input may take, before it counts as a hang.
const HANG: Duration = Duration::from_secs(60);
/// How long an input is made shorter.
const MINIMIZING: Duration = Duration::from_secs(120);
/// How often the state is saved.
const SAVING: Duration = Duration::from_secs(10);
/// An attack with more findings is stopped: they are likely to be one fault.
const FINDINGS_MAX: usize = 20;

/// What to run, and where the state and the findings go.
pub struct Plan {
    /// The program that takes [`worker`]'s orders: the one that this is called from.
    pub program: PathBuf,
    /// Holds `<attack>.json` and the inputs that showed faults.
    pub folder: PathBuf,
    /// The attacks, in turn.
    pub targets: Vec<&'static Target>,
    /// Time for all of them together, for each of the processes.
    pub time: Duration,
    /// How many attacks run at a time.
    pub jobs: usize,
}

impl Plan {
    /// Runs the attacks. Returns their states, in order.
    ///
    /// # Errors
    /// If files cannot be written or processes not be started. Faults that were found are not errors: the states tell.
    pub fn run(&self) -> Result<Vec<State>> {
        fs::create_dir_all(&self.folder).with_context(|| format!("cannot make `{}`", self.folder.display()))?;
        let jobs = self.jobs.clamp(1, self.targets.len().max(1));
        let share = self.time.mul_f64(jobs as f64 / self.targets.len().max(1) as f64);
        let next = std::sync::atomic::AtomicUsize::new(0);
        let results: Vec<_> = thread::scope(|scope| {
            let run = || {
                let mut results = Vec::new();
                while let Some(target) = self.targets.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    results.push(Attack { plan: self, target }.run(share));
                }
                results
            };
            let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(run)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("attacks do not panic")).collect()
        });
        let mut states = results.into_iter().collect::<Result<Vec<_>>>()?;
        states.sort_by_key(|state| self.targets.iter().position(|target| target.name == state.target));
        Ok(states)
    }
}

/// One attack of a plan.
struct Attack<'a> {
    plan: &'a Plan,
    target: &'static Target,
}

impl Attack<'_> {
    fn run(&self, time: Duration) -> Result<State> {
        let path = self.plan.folder.join(format!("{}.json", self.target.name));
        let mut state = State::load(&path, self.target.name)?;
        let begun = Instant::now();
        while begun.elapsed() < time && state.findings.len() < FINDINGS_MAX {
            let ended = self.run_worker(&mut state, &path, begun + time)?;
            if let Some((seed, message)) = ended {
                let finding = self.examine(seed, message)?;
                eprintln!("{}: {} ({})", self.target.name, finding.message, finding.input.display());
                state.findings.push(finding);
            }
        }
        state.seconds += begun.elapsed().as_secs();
        state.save(&path)?;
        Ok(state)
    }

    /// Lets one worker run until the time is over or something is found: the number of the input, and what happened.
    fn run_worker(&self, state: &mut State, path: &Path, end: Instant) -> Result<Option<(u64, String)>> {
        let mut worker = Worker::start(&self.plan.program, self.target.name, state.next)?;
        let mut saved = Instant::now();
        loop {
            let ended = worker.next(HANG);
            let fault = match ended {
                Ended::Verdict { seed, word } => {
                    state.count(seed, &word);
                    None
                }
                Ended::Fault { seed, message } => Some((seed, message)),
                Ended::Hang => Some((state.next, format!("took longer than {} s", HANG.as_secs()))),
                Ended::Died(how) => Some((state.next, how)),
            };
            if let Some((seed, _)) = &fault {
                state.count(*seed, "fault");
            }
            if saved.elapsed() > SAVING || fault.is_some() {
                state.save(path)?;
                saved = Instant::now();
            }
            if fault.is_some() || Instant::now() >= end {
                return Ok(fault);
            }
        }
    }

    /// Saves an input that showed a fault, as it was and as short as it can be made.
    fn examine(&self, seed: u64, message: String) -> Result<Finding> {
        let input = (self.target.input)(seed);
        let path = self.plan.folder.join(format!("{}-{seed}.input", self.target.name));
        let judged = path.with_extension("part");
        let fails = |bytes: &[u8]| {
            fs::write(&judged, bytes).is_ok() && worker::fails(&self.plan.program, self.target.name, &judged, HANG)
        };
        fs::write(&path, &input)?;
        let shortest = minimize(&input, MINIMIZING, fails);
        fs::write(path.with_extension("min"), shortest)?;
        fs::remove_file(&judged).ok();
        Ok(Finding { seed, message, input: path })
    }
}
