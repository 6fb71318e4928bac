//! What a processor has no stubs for yet: guests that are parked, functions that are compiled when they are called.
//!
//! [`PARKS`] refuses calls that could be parked before anything is, and no compiler for such a processor compiles lazily
//! ([`Compiler::lazy_worker`](wasmer_runtime_core::compiler::Compiler::lazy_worker)), so nobody gets to the functions here.

use wasmer_runtime_core::lazy::Entries;
use wasmer_runtime_core::vmcontext::VMStoreContext;

use super::ExitFrame;

/// An async host function that a call cannot wait for says so, and leaves as others do.
pub use super::exit_host as exit_parking;

/// Whether guests can be parked.
pub const PARKS: bool = false;

/// See `x64_park.rs`.
pub const ABOVE_PARKED_BYTES: usize = 0;
/// As above.
pub const RED_ZONE_BYTES: usize = 0;
/// As above.
pub const PREEMPT_BYTES: usize = 0;
/// See `x64.rs`.
pub const COMPILE_ENTRY_COLD: usize = 0;

fn absent() -> ! {
    unreachable!("this processor has no stubs to park guests or to compile functions when they are called")
}

/// # Safety
/// Never called.
pub unsafe extern "C" fn resume(_store: *mut VMStoreContext, _exit: *const ExitFrame, _value: u64) -> u8 {
    absent()
}

/// # Safety
/// Never called.
pub unsafe extern "C" fn resume_preempted(_store: *mut VMStoreContext, _exit: *const ExitFrame) -> u8 {
    absent()
}

/// # Safety
/// Never called.
pub unsafe fn prepare_return(_store: *mut VMStoreContext, _stack_top: usize) {
    absent()
}

/// Nothing: no call gives way.
pub fn prepare_preemption() {}

/// # Safety
/// Never called.
pub unsafe extern "C" fn preempt(_store: *mut VMStoreContext) {
    absent()
}

/// Nobody asks for them.
pub fn compile_entries(_functions: usize, _slots_bytes: usize) -> Entries {
    absent()
}

/// # Safety
/// Never called.
pub unsafe extern "C" fn compile_entry() {
    absent()
}

/// # Safety
/// Never called.
pub unsafe extern "C" fn return_entry() {
    absent()
}

/// # Safety
/// Never called.
pub unsafe extern "C" fn ask_at_loop() {
    absent()
}

/// See `x64_loops.rs`.
pub struct AskFrame(());

impl AskFrame {
    /// As above.
    pub fn register(&self, _number: u8) -> u128 {
        absent()
    }

    /// As above.
    pub fn fp(&self) -> usize {
        absent()
    }

    /// As above.
    pub fn pc(&self) -> usize {
        absent()
    }
}
