//! What a fork must not find halfway, and what the child must not take from its parent.
//!
//! `fork` copies a process with one of its threads. A lock that another thread holds is locked for ever in the copy, a cell that another thread
//! fills is never full, and numbers that the kernel gave to the parent mean nothing or somebody else. So the thread that forks waits until it has
//! every lock of the process; parent and child give them back, and the child corrects what it knows. The C library calls that: a process that
//! is copied without it (a bare `clone`) is not prepared.
//!
//! Locks of one object, which cannot be listed, are only ever tried for, never waited for; or the object is one thread's.

use std::any::Any;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};

use wasmer_runtime_core::once;

use crate::profile;
use crate::{activation, code_registry, lazy, memory, memory_space, sys, types_registry, wait};

/// Prepares the process for forks. Whoever takes a lock that others wait for has called this before.
#[inline]
pub fn register() {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if REGISTERED.load(Ordering::Acquire) {
        return;
    }
    // Two threads at once may register twice, which changes nothing: see `before`. Only memory can lack; then the next caller tries again.
    // SAFETY: the functions may be called around a fork: what they do to this thread's locks, they do in pairs.
    if unsafe { sys::thread::at_fork(before, after, in_child) } {
        REGISTERED.store(true, Ordering::Release);
    }
}

/// Guards of locks.
type Guards = Vec<Box<dyn Any>>;

thread_local! {
    /// What this thread holds while it forks. Has no destructor, so that it can be used as long as the thread runs.
    static HELD: Cell<Option<ManuallyDrop<Guards>>> = const { Cell::new(None) };
}

/// Takes every lock, in the order in which some code takes one while it has another.
fn lock_everything() -> Guards {
    let mut guards: Guards = Vec::new();
    guards.extend(profile::lock());
    guards.push(Box::new(once::none_is_half_filled()));
    guards.push(types_registry::lock());
    guards.push(code_registry::lock());
    guards.push(lazy::lock());
    guards.push(memory_space::lock());
    guards.push(memory::lock());
    guards.push(wait::lock());
    guards
}

extern "C" fn before() {
    let held = HELD.take();
    HELD.set(Some(held.unwrap_or_else(|| ManuallyDrop::new(lock_everything()))));
}

extern "C" fn after() {
    drop(HELD.take().map(ManuallyDrop::into_inner));
}

extern "C" fn in_child() {
    let Some(held) = HELD.take() else { return };
    drop(ManuallyDrop::into_inner(held));
    // This is the only thread: it waits for nobody.
    activation::renew_thread();
    lazy::renew();
    wait::forget_waiters();
    sys::forget();
    profile::forget();
}
