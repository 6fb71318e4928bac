//! A program that started before all of its functions were compiled: its artifact is made behind it, so that the next start has it; and what of it runs most is
//! compiled by a better compiler while it runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use wasmer_runtime::{Backend, Engine, Module};

use super::watch::{Job, LOOK_MIN, STACK_BYTES, Start};

/// A program whose module has no artifact of the compiler that it runs with.
pub(crate) struct UnfinishedProgram {
    job: Job,
    module: Module,
    /// Whether a finisher was started for it; held while one is.
    is_started: Mutex<bool>,
}

impl UnfinishedProgram {
    pub(super) fn new(job: Job, module: Module) -> Arc<Self> {
        Arc::new(Self { job, module, is_started: Mutex::new(false) })
    }

    /// Improves the program, and starts the finisher, when it has run so long that it will not end at once. Most have ended before.
    pub(super) fn look_after(self: &Arc<Self>) {
        let keep = Arc::clone(self);
        let look = move || {
            thread::sleep(LOOK_MIN);
            // What there is to say is said at the end, if it comes.
            let _ = keep.improve();
            if let Some(Ok(Start::Started(mut child))) = keep.start() {
                // No zombie is left of it.
                let _ = child.wait();
            }
        };
        // Without a thread it is started in the end.
        let _ = thread::Builder::new().stack_size(STACK_BYTES).spawn(look);
    }

    /// Has what runs most go over to code that is compiled in this process, as far as there is a compiler for that.
    fn improve(&self) -> anyhow::Result<()> {
        if Backend::Cranelift.is_built() {
            self.module.improve_gradually(&Engine::new(self.job.config(Backend::Cranelift)?)?)?;
        }
        Ok(())
    }

    /// What of the program has gone over.
    pub(super) fn improved(&self) -> Option<String> {
        let functions = self.module.functions_improved()?;
        let tier = self.module.tier();
        Some(format!("{functions} functions went over to the code of {tier} while the program ran"))
    }

    /// Starts the finisher, unless it was started. Says what was done.
    pub(super) fn ended(&self) -> anyhow::Result<String> {
        Ok(match self.start().transpose()? {
            None => "its artifact is made in the background, since the program ran".to_owned(),
            Some(Start::Started(child)) => format!("its artifact is made in the background (process {})", child.id()),
            Some(Start::Busy) => "its artifact will be made later: the background process is busy".to_owned(),
        })
    }

    /// None if it was started before.
    fn start(&self) -> Option<anyhow::Result<Start>> {
        let mut is_started = self.is_started.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_started {
            return None;
        }
        let start = self.job.start();
        *is_started = matches!(start, Ok(Start::Started(_)));
        Some(start)
    }
}
