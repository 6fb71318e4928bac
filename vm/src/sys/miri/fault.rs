//! No faults, and no interrupts.

use super::context::Context;

/// Why a thread was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "nothing is ever stopped here")]
pub(crate) enum Cause {
    Memory(usize),
    Instruction,
    Interrupt,
    Tick,
}

/// What is done about it.
#[allow(dead_code, reason = "nothing is ever stopped here")]
pub(crate) struct Handler {
    pub(crate) stopped: fn(Cause, &mut Context<'_>) -> bool,
    pub(crate) thread_ends: fn(),
}

pub(crate) fn prepare_thread(_handler: &'static Handler) {}
