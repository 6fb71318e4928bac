//! Looking at function bodies before a module runs that is compiled lazily, without translating them, on as many threads as help.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use wasmparser::FuncValidatorAllocations;

use crate::error::CompileError;
use crate::module::ModuleInfo;
use crate::translate::error::invalid;
use crate::translate::func::FuncInput;
use crate::translate::heap_use;
use crate::translate::module::asks_for_heap;
use crate::translate::quick::{Quick, Stacks};

/// When the bodies of a lazily compiled module are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// All of them before anything of the module runs.
    Before,
    /// Each when it is compiled, as the specification allows (appendix, "Implementation Limitations": "an implementation may defer validation of individual
    /// functions until they are first invoked").
    AtFirstCall,
}

/// Functions that a thread takes at once.
const RUN: usize = 32;

/// The bodies of a module that are looked at, none by default. Any number of threads may call [`Bodies::look`] at the same time.
#[derive(Default)]
pub(crate) struct Bodies<'a> {
    functions: Vec<FuncInput<'a>>,
    is_validated: bool,
    /// What nearly all bodies are found to be valid by.
    quick: Option<Quick>,
    /// Whether it is asked if there is an operator of garbage collection.
    asks_for_heap: bool,
    /// Whether there is one.
    uses_heap: AtomicBool,
    /// The first function that nobody has taken.
    next: AtomicUsize,
    /// The first run that failed, and why.
    failed: Mutex<Option<(usize, CompileError)>>,
}

/// What a thread keeps from body to body.
#[derive(Default)]
struct Kept {
    stacks: Stacks,
    allocations: FuncValidatorAllocations,
}

impl<'a> Bodies<'a> {
    pub(crate) fn new(info: &ModuleInfo, functions: Vec<FuncInput<'a>>, validation: Validation) -> Self {
        let features = functions.first().map(|function| function.validate.features);
        Self {
            is_validated: validation == Validation::Before,
            quick: features.and_then(|features| Quick::new(info, features)),
            asks_for_heap: features.is_some_and(|features| asks_for_heap(info, features)),
            functions,
            ..Self::default()
        }
    }

    /// How many threads can have something to do.
    pub(crate) fn runs(&self) -> usize {
        if self.is_validated || self.asks_for_heap { self.functions.len().div_ceil(RUN) } else { 0 }
    }

    /// Nobody shall begin another body.
    pub(crate) fn stop(&self) {
        self.next.fetch_max(self.functions.len(), Ordering::Relaxed);
    }

    /// Looks at bodies until nobody has to begin another, or one is invalid.
    pub(crate) fn look(&self) {
        if self.runs() == 0 {
            return;
        }
        let mut kept = Kept::default();
        loop {
            let start = self.next.fetch_add(RUN, Ordering::Relaxed);
            let Some(run) = self.functions.get(start..).filter(|run| !run.is_empty()) else { return };
            for function in &run[..run.len().min(RUN)] {
                if let Err(error) = self.look_at(function, &mut kept) {
                    return self.fail(start, error);
                }
            }
        }
    }

    fn look_at(&self, function: &FuncInput<'_>, kept: &mut Kept) -> Result<(), CompileError> {
        let bytes = function.body.as_bytes();
        if !self.is_validated && !heap_use::has_pair(bytes) {
            return Ok(());
        }
        // What is accepted has no operator of garbage collection.
        if self.quick.as_ref().is_some_and(|quick| quick.accepts(&mut kept.stacks, function.index, bytes)) {
            return Ok(());
        }
        if self.asks_for_heap && heap_use::in_body(&function.body) {
            self.uses_heap.store(true, Ordering::Relaxed);
        }
        if self.is_validated {
            let mut validator = function.again().validate.into_validator(std::mem::take(&mut kept.allocations));
            validator.validate(&function.body).map_err(invalid)?;
            kept.allocations = validator.into_allocations();
        }
        Ok(())
    }

    /// Runs are taken in order, so all before a run that failed are looked at by somebody: of several failures the first one counts.
    fn fail(&self, start: usize, error: CompileError) {
        self.stop();
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.as_ref().is_none_or(|(first, _)| start < *first) {
            *failed = Some((start, error));
        }
    }

    /// The functions, and whether there is an operator of garbage collection that was asked for; or what the first invalid body is refused for. To be asked when all threads
    /// are done.
    pub(crate) fn finish(self) -> Result<(Vec<FuncInput<'a>>, bool), CompileError> {
        let failed = self.failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.map_or(Ok((self.functions, self.uses_heap.into_inner())), |(_, error)| Err(error))
    }
}
