//! Better code for modules that are compiled lazily: how instances come to run in it while they run.
//!
//! A lazy module's code is a *first tier* ([`VMCounts::first_tier`](wasmer_runtime_core::layout::VMCounts::first_tier)).
//! The code of another compiler, of all of the module, can take over from it: [`ModuleCode::improve`] has every entry lead to
//! [`arch::compile_entry`](crate::arch::compile_entry) again, and an instance whose code comes there for the first time *adopts* the better
//! code: on its own thread, between two functions. From then on its references, and what is behind its exports, lead to better code, and so does
//! every call of the first tier that goes through an entry. What runs in the first tier stays there until it returns, or comes to the beginning of a loop
//! from which on it can go on in better code ([`crate::lazy`]).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use wasmer_runtime_core::compiler::Compiler;
use wasmer_runtime_core::lazy::LazyModule;
use wasmer_runtime_core::types::DefinedFuncIdx;

use crate::module_code::ModuleCode;

/// Which calls of first-tier code go on in better code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// But those of short functions that neither call nor loop.
    Worthwhile,
    /// Some of them, by a sequence of random numbers that this is the start of: for tests.
    Sometimes(u64),
}

/// Shorter bodies, of functions that neither call nor loop, stay in the first tier when it calls them: crossing over takes as long as some
/// dozens of instructions.
const LEAF_BYTES: usize = 64;

impl Switch {
    /// Leaves with less bytes stay.
    pub(crate) fn leaf_bytes_min(self) -> usize {
        match self {
            Self::Worthwhile => LEAF_BYTES,
            Self::Sometimes(_) => 0,
        }
    }
}

/// The better code of a module.
pub(crate) struct Better {
    /// All of it; or, with a room, what was compiled one by one ([`crate::lazy::heat`]).
    pub(crate) code: Arc<ModuleCode>,
    /// All of it, which came after some of it.
    pub(crate) whole: OnceLock<Arc<ModuleCode>>,
    /// What compiles what loops go on in, if there is such a thing in this process: the compiler of the better code.
    pub(crate) compiler: Option<Arc<dyn Compiler>>,
    /// Of [`Switch::Sometimes`]: the number that comes next.
    random: Option<AtomicU64>,
}

impl Better {
    pub(crate) fn new(code: Arc<ModuleCode>, compiler: Option<Arc<dyn Compiler>>, switch: Switch) -> Self {
        let random = match switch {
            Switch::Worthwhile => None,
            Switch::Sometimes(seed) => Some(AtomicU64::new(seed)),
        };
        Self { code, whole: OnceLock::new(), compiler, random }
    }

    /// All images that functions are in.
    pub(crate) fn codes(&self) -> impl Iterator<Item = &Arc<ModuleCode>> {
        std::iter::once(&self.code).chain(self.whole.get())
    }

    /// Whether functions are compiled one by one.
    pub(crate) fn is_gradual(&self) -> bool {
        self.code.image.lazy_part().is_some()
    }

    /// Whether a function may go over that others have not gone over with: one that makes tail calls would leave a frame of an adapter on the stack at each of them.
    pub(crate) fn can_have(&self, module: &LazyModule, function: DefinedFuncIdx) -> bool {
        !self.is_gradual() || self.whole.get().is_some() || !module.makes_tail_calls(function)
    }

    /// Whether a function is here, by now.
    pub(crate) fn has(&self, function: DefinedFuncIdx) -> bool {
        !self.is_gradual() || self.whole.get().is_some() || self.code.compile_better(function)
    }

    /// Whether the same things happen each time.
    pub(crate) fn is_certain(&self) -> bool {
        self.random.is_some()
    }

    /// Whether a call that could go either way goes on here.
    pub(crate) fn is_up(&self) -> bool {
        let Some(random) = &self.random else { return true };
        // The output of SplitMix64 (G. Steele, D. Lea, C. Flood: *Fast splittable pseudorandom number generators*, OOPSLA 2014).
        let state = random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) >> 62 == 0
    }
}
