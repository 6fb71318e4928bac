//! Calls that can be parked: a guest whose host function waits leaves its stack as it is, and the host's thread is free for others.
//!
//! Nothing of the host's is on the guest's stack, and nothing of the guest's on the host's. So parking a guest is keeping its stack: the thread's, which
//! gets another one when it needs one. A call that began while the thread was in a guest already has a stack of its own from the start.
//!
//! While a guest is parked, nothing in the store's context or in the thread is about it; everything is in [`Parked`], and made true again when it goes on.

use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::vmcontext::*;

use crate::activation::{self, Activation, Fault, current, set_current};
use crate::arch::{self, ABOVE_PARKED_BYTES, ExitFrame, PARKED, PREEMPTED, RETURNED};
use crate::slices;
use crate::stack::{self, OwnStack, host_has_room, ready};
use crate::store::{Failure, StoreVm, Unwind};
use crate::sys::thread::ThreadId;

/// Whether guests can be parked on this processor.
pub const SUPPORTED: bool = arch::PARKS;

/// A guest that waits for its host function, or has given way.
#[derive(Debug)]
pub struct Parked {
    exit: *const ExitFrame,
    /// Where a tick found it, not where it called the host.
    is_preempted: bool,
    stack: OwnStack,
}

// SAFETY: the frames are the guest's alone, and hold nothing of the thread that they were made on.
unsafe impl Send for Parked {}

impl Parked {
    /// Whether it has given way, and waits for nothing.
    pub fn is_preempted(&self) -> bool {
        self.is_preempted
    }

    /// Where its frames are.
    fn words(&self) -> Range<usize> {
        arch::top_below(self.exit)..self.stack.bounds.high
    }
}

/// What a call outside of another one needs as it was, in the same store or on the same thread.
#[derive(Debug)]
pub struct Outer {
    host_sp: *mut std::ffi::c_void,
    exit: *const std::ffi::c_void,
    thread: ThreadId,
    /// How many ranges were suspended before, and with what this thread has suspended.
    suspended: usize,
    with_thread: usize,
}

impl StoreVm {
    /// Whether the guest that has just called the host can be parked: its call is one of [`StoreVm::begin`], and nothing else runs in between.
    #[inline]
    pub fn can_park(&self) -> bool {
        // SAFETY: activations are on this thread's host stack.
        let innermost = unsafe { current().as_ref() };
        innermost.is_some_and(|activation| activation.is_parkable && std::ptr::eq(activation.store, self.context()))
    }

    /// Calls a function, which may be parked.
    ///
    /// # Safety
    /// As for [`StoreVm::call`]; until what is parked has ended or is dropped, `values` stay where they are.
    #[inline(always)]
    pub unsafe fn begin(
        &mut self,
        callee: NonNull<VMFuncRef>,
        values: *mut RawValue,
    ) -> Result<Option<Parked>, Box<Failure>> {
        if !SUPPORTED {
            return Err(unsupported());
        }
        let outer = current();
        // SAFETY: the caller's promise.
        unsafe {
            if !outer.is_null() {
                return self.begin_nested(callee, values);
            }
            if ready().token != self.start.token {
                self.arrive()?;
            }
            let top = self.start.top - ABOVE_PARKED_BYTES;
            let activation = Activation::new(self.context(), outer, true);
            self.open(&activation);
            let array_call = callee.as_ref().array_call;
            let left = arch::enter(self.context(), callee.as_ptr(), values, top as *mut u8, array_call);
            self.close(&activation);
            if left == RETURNED { Ok(None) } else { self.left_thread(left, top, activation.fault.get()) }
        }
    }

    /// See `StoreVm::activate`.
    #[inline(always)]
    fn open(&mut self, activation: &Activation) {
        self.shared.thread.store(ready().thread, Ordering::Release);
        set_current(activation);
        if let Some(slice) = self.slice {
            slices::begin(activation, slice);
        }
    }

    #[inline(always)]
    fn close(&mut self, activation: &Activation) {
        if self.slice.is_some() {
            slices::end();
        }
        activation::end(activation);
        self.shared.thread.store(ThreadId::NONE, Ordering::Release);
    }

    /// The thread's stack goes with the guest that was parked on it.
    ///
    /// # Safety
    /// The call was made on this thread's stack, from `top` downwards.
    #[cold]
    unsafe fn left_thread(
        &mut self,
        left: u8,
        top: usize,
        fault: Option<Fault>,
    ) -> Result<Option<Parked>, Box<Failure>> {
        if !matches!(left, PARKED | PREEMPTED) {
            return Err(self.failure(fault));
        }
        // SAFETY: the caller's promise; the stub has left the frames as they are.
        unsafe { arch::prepare_return(self.context(), top) };
        let (exit, stack) = (self.exit(), OwnStack::take_from_thread());
        Ok(Some(Parked { exit, is_preempted: left == PREEMPTED, stack }))
    }

    fn exit(&self) -> *const ExitFrame {
        // SAFETY: the context is this thread's.
        unsafe { (*self.context()).exit.cast() }
    }

    /// The same on a thread that has left wasm for the host, which may be suspended for longer than what it waits for.
    ///
    /// # Safety
    /// As for `begin`.
    #[cold]
    unsafe fn begin_nested(
        &mut self,
        callee: NonNull<VMFuncRef>,
        values: *mut RawValue,
    ) -> Result<Option<Parked>, Box<Failure>> {
        if !host_has_room() {
            return Err(Failure::without_frames(Unwind::Trap(TrapCode::StackOverflow)));
        }
        let stack = OwnStack::new(self.stack_bytes);
        let mut stack = stack.map_err(|error| Failure::without_frames(Unwind::Error(Box::new(error))))?;
        let outer = self.set_aside();
        let top = stack.bounds.high - ABOVE_PARKED_BYTES;
        let before = stack.enter();
        // SAFETY: the stack is new; the rest is the caller's promise.
        let left = unsafe {
            let array_call = callee.as_ref().array_call;
            let enter = |context| arch::enter(context, callee.as_ptr(), values, top as *mut u8, array_call);
            self.run(&mut stack, before, enter)
        };
        let parked = left.map(|left| {
            matches!(left, PARKED | PREEMPTED).then(|| {
                // SAFETY: the stub has left the frames as they are, and where it was entered from.
                unsafe { arch::prepare_return(self.context(), top) };
                Parked { exit: self.exit(), is_preempted: left == PREEMPTED, stack }
            })
        });
        self.put_back(outer);
        parked
    }

    /// Lets a guest go on, until it is parked again (true) or its call has ended, after `prepare` has said how: what it called returns `value`, a host function's results are where they have to be; or why it must not go on
    /// is recorded.
    ///
    /// # Safety
    /// It was parked in this store, and belongs to the innermost call of the store that has not ended.
    #[inline]
    pub unsafe fn resume(
        &mut self,
        parked: &mut Parked,
        value: u64,
        prepare: impl FnOnce(&mut Self),
    ) -> Result<bool, Box<Failure>> {
        self.start.owner = stack::prepare(self.start.owner);
        let Parked { exit, is_preempted, ref mut stack } = *parked;
        let before = stack.enter();
        // SAFETY: the context is this thread's; the rest is the caller's promise.
        let left = unsafe {
            (*self.context()).exit = exit.cast();
            prepare(self);
            self.run(stack, before, |context| match is_preempted {
                true => arch::resume_preempted(context, exit),
                false => arch::resume(context, exit, value),
            })?
        };
        (parked.exit, parked.is_preempted) = (self.exit(), left == PREEMPTED);
        Ok(left != RETURNED)
    }

    /// Runs a guest on a stack of its own, which is this thread's now. Says how it came back: the stack is no longer its own unless it is parked.
    ///
    /// # Safety
    /// `go` enters wasm of this store on that stack.
    #[inline]
    unsafe fn run(
        &mut self,
        stack: &mut OwnStack,
        before: stack::CurrentStack,
        go: impl FnOnce(*mut VMStoreContext) -> u8,
    ) -> Result<u8, Box<Failure>> {
        let activation = Activation::new(self.context(), current(), true);
        self.open(&activation);
        let left = go(self.context());
        let is_innermost = std::ptr::eq(current(), &activation);
        self.close(&activation);
        let is_left = !matches!(left, RETURNED | PARKED | PREEMPTED);
        let result = if is_left { Err(self.failure(activation.fault.get())) } else { Ok(left) };
        if !is_innermost {
            // A coroutine that began later is suspended on this stack: it stays the thread's.
            stack.leak();
            return result.map(|_| RETURNED);
        }
        stack::leave(before);
        if is_left || left == RETURNED {
            stack.give_to_thread();
        }
        result
    }

    /// Begins something of this store aside from what is suspended: on this thread, and in the store. What collections look at includes it.
    #[inline]
    pub fn set_aside(&mut self) -> Outer {
        let suspended = self.suspended.len();
        if let Some(words) = suspended_here() {
            self.suspended.push(words);
        }
        // SAFETY: the context is this thread's.
        let VMStoreContext { host_sp, exit, .. } = unsafe { &*self.context() };
        let thread = self.shared.thread.load(Ordering::Relaxed);
        let with_thread = self.suspended.len();
        Outer { host_sp: *host_sp, exit: *exit, thread, suspended, with_thread }
    }

    /// Has collections look at a guest that is parked, until the outer call's state is restored.
    #[inline]
    pub fn suspend(&mut self, parked: &Parked) {
        self.suspended.push(parked.words());
    }

    /// Makes everything as it was when the outer call was set aside.
    #[inline]
    pub fn restore(&mut self, outer: &Outer) {
        // SAFETY: the context is this thread's.
        unsafe { ((*self.context()).host_sp, (*self.context()).exit) = (outer.host_sp, outer.exit) };
        self.shared.thread.store(outer.thread, Ordering::Release);
        self.suspended.truncate(outer.with_thread);
    }

    /// The same, and ends what was begun aside.
    #[inline]
    pub fn put_back(&mut self, outer: Outer) {
        self.restore(&outer);
        self.suspended.truncate(outer.suspended);
    }

    /// Whether the host's stack has room to go on with something in turn.
    pub fn has_room(&self) -> bool {
        host_has_room()
    }
}

#[cold]
fn unsupported() -> Box<Failure> {
    let message = "calls that can wait (`call_async`) are not supported on this processor yet";
    Failure::without_frames(Unwind::Error(Box::new(std::io::Error::new(std::io::ErrorKind::Unsupported, message))))
}

/// The frames of guests that this thread has left for the host, on the stack that it has now.
fn suspended_here() -> Option<Range<usize>> {
    // SAFETY: activations are on this thread's host stack, and their stores are alive; the innermost has left wasm, and recorded where.
    let exit = unsafe { (*current().as_ref()?.store).exit };
    let low = arch::top_below(exit.cast());
    let usable = ready().stack.usable();
    usable.contains(&low).then_some(low..usable.end)
}
