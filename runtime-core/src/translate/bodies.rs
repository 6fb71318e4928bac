//! Validating function bodies without translating them, on as many threads as help.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use wasmparser::FuncValidatorAllocations;

use crate::compiler::CompileError;
use crate::translate::error::invalid;
use crate::translate::func::FuncInput;

/// Functions that a thread takes at once.
const RUN: usize = 32;

/// The bodies of a module on their way through the validator. Any number of threads may call [`Bodies::validate`] at the same time.
pub(crate) struct Bodies<'a> {
    functions: &'a [FuncInput<'a>],
    /// The first function that nobody has taken.
    next: AtomicUsize,
    /// The first run that failed, and why.
    failed: Mutex<Option<(usize, CompileError)>>,
}

impl<'a> Bodies<'a> {
    pub(crate) fn new(functions: &'a [FuncInput<'a>]) -> Self {
        Self { functions, next: AtomicUsize::new(0), failed: Mutex::new(None) }
    }

    /// Validates bodies until nobody has to begin another, or one is invalid.
    pub(crate) fn validate(&self) {
        let mut allocations = FuncValidatorAllocations::default();
        loop {
            let start = self.next.fetch_add(RUN, Ordering::Relaxed);
            let Some(run) = self.functions.get(start..).filter(|run| !run.is_empty()) else { return };
            for function in &run[..run.len().min(RUN)] {
                let mut validator = function.again().validate.into_validator(std::mem::take(&mut allocations));
                if let Err(error) = validator.validate(&function.body) {
                    return self.fail(start, invalid(error));
                }
                allocations = validator.into_allocations();
            }
        }
    }

    /// Runs are taken in order, so all before a run that failed are validated by somebody: of several failures the first one counts.
    fn fail(&self, start: usize, error: CompileError) {
        self.next.fetch_max(self.functions.len(), Ordering::Relaxed);
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.as_ref().is_none_or(|(first, _)| start < *first) {
            *failed = Some((start, error));
        }
    }

    /// What the first invalid body is refused for. To be asked when all threads are done.
    pub(crate) fn finish(self) -> Result<(), CompileError> {
        let failed = self.failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.map_or(Ok(()), |(_, error)| Err(error))
    }
}
