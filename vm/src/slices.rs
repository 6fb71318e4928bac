//! Time slices: guests that give way after they have run for so long.
//!
//! A timer of the thread's own processor time sends the signal of interrupts. If that finds a guest in its code, in a call that may be parked, the guest goes to
//! [`arch::preempt`], which puts all its registers on its stack and parks it. Compiled code polls nothing. Elsewhere (stubs, the host) the guest goes on until the
//! next tick. Nobody uses the store while a guest is parked so: no collection sees what its registers hold, and no host function runs.

use std::cell::Cell;
use std::ptr::null;
use std::time::Duration;

use crate::activation::{Activation, current};
use crate::arch;
use crate::code_registry;
use crate::stack::ready;
use crate::sys::context::Context;
use crate::sys::timer;

/// The shortest slice: about what the system's own clock of processor time can tell.
pub const SLICE_MIN: Duration = Duration::from_millis(1);

/// Ticks without such a guest after which the timer stops.
const IDLE_TICKS: u32 = 8;

/// Bytes below a stack pointer that a guest needs to give way.
const ROOM_BYTES: usize = arch::PREEMPT_BYTES + 1024;

thread_local! {
    /// The innermost call that gives way, if it is also the thread's innermost one. Statically initialised and without a destructor, as what follows: a handler reads
    /// it.
    static SLICED: Cell<*const Activation> = const { Cell::new(null()) };
    /// Ticks until it does.
    static LEFT: Cell<u32> = const { Cell::new(0) };
    static IDLE: Cell<u32> = const { Cell::new(0) };
    /// How long the thread's timer ticks: zero if it is stopped.
    static TICK: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// From now on the call gives way, unless another one is made inside. Without a timer it does not.
#[cold]
pub(crate) fn begin(activation: &Activation, slice: Duration) {
    let tick = TICK.get();
    if tick.is_zero() || tick > slice {
        start(slice);
    }
    let tick = TICK.get().as_nanos().max(1);
    LEFT.set(u32::try_from(slice.as_nanos() / tick).unwrap_or(u32::MAX).max(1));
    SLICED.set(activation);
}

/// It no longer does.
#[cold]
pub(crate) fn end() {
    SLICED.set(null());
}

fn start(tick: Duration) {
    arch::prepare_preemption();
    IDLE.set(0);
    if timer::start(tick) {
        TICK.set(tick);
    }
}

/// Forgets the timer, which is the parent's, in a process that was forked.
pub(crate) fn forget() {
    timer::forget();
    TICK.set(Duration::ZERO);
}

/// What the handler does at a tick.
pub(crate) fn tick(context: &mut Context<'_>) {
    let sliced = SLICED.get();
    if sliced.is_null() {
        IDLE.set(IDLE.get() + 1);
        if IDLE.get() >= IDLE_TICKS && timer::stop() {
            TICK.set(Duration::ZERO);
        }
        return;
    }
    IDLE.set(0);
    LEFT.set(LEFT.get().saturating_sub(1));
    let stack = ready().stack;
    let has_room = stack.contains(context.sp()) && context.sp() - stack.guard >= crate::stack::GUARD_BYTES + ROOM_BYTES;
    if LEFT.get() == 0 && std::ptr::eq(sliced, current()) && has_room && code_registry::is_code(context.pc()) {
        // SAFETY: the activation is on this thread's host stack, which is suspended below the handler; the guest is in its code, with room below.
        unsafe { context.divert(arch::preempt as *const () as usize, (*sliced).store as usize, arch::RED_ZONE_BYTES) };
    }
}
