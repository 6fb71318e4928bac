//! The virtual machine's side of a store: entering wasm, and everything that can end a call.

use std::any::Any;
use std::cell::UnsafeCell;
use std::collections::HashMap;
use std::error::Error;
use std::ffi::c_void;
use std::mem::{MaybeUninit, offset_of};
use std::ops::Range;
use std::ptr::{NonNull, null, null_mut};
use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use wasmer_runtime_core::compiler::Abi;
use wasmer_runtime_core::trap::{MemoryFault, TrapCode};
use wasmer_runtime_core::vmcontext::*;

use crate::activation::{self, Activation, Fault, Place, current, set_current};
use crate::arch::{self, ExitFrame};
use crate::backtrace::walk;
use crate::budget::Budget;
use crate::exceptions::Calls;
use crate::foreign::Foreign;
use crate::growing::Growing;
use crate::heap::Heap;
use crate::limits::StoreLimits;
use crate::pieces::InterruptCheck;
use crate::references::References;
use crate::stack::{NESTED_ROOM_BYTES, Start, host_has_room, make_ready, ready};
use crate::sys::thread::{AtomicThreadId, ThreadId, barrier};

/// Why a call did not return normally.
#[derive(Debug)]
pub enum Unwind {
    /// The guest trapped.
    Trap(TrapCode),
    /// A host function failed.
    Error(Box<dyn Error + Send + Sync>),
    /// A host function panicked.
    Panic(Box<dyn Any + Send>),
    /// The exception on its way has no handler.
    Exception,
}

/// A failed call: why, and the guest's program counters, innermost first. The first is the instruction itself if `at_instruction`,
/// otherwise a return address like the others.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub unwind: Unwind,
    /// Program counters.
    pub pcs: Vec<usize>,
    /// Whether the first program counter is the faulting instruction.
    pub at_instruction: bool,
    /// Where a memory was left, if that is why.
    pub place: Option<Place>,
}

impl Failure {
    /// Of a call that did not reach the guest.
    #[cold]
    pub(crate) fn without_frames(unwind: Unwind) -> Box<Self> {
        Box::new(Self { unwind, pcs: Vec::new(), at_instruction: false, place: None })
    }
}

/// What long operations of the host on behalf of a store's guest ask: whether it was interrupted. Borrows nothing of the store.
///
/// # Safety
/// The answer is used while the store is alive.
pub unsafe fn go_on(context: *const VMStoreContext) -> impl InterruptCheck + Copy + use<> {
    move || {
        // SAFETY: the caller's promise; `stop` is atomic.
        let is_interrupted = unsafe { &(*context).stop }.load(Ordering::Acquire) & STOP_INTERRUPT != 0;
        if is_interrupted { Err(TrapCode::Interrupted) } else { Ok(()) }
    }
}

/// What other threads may use of a store: kept alive by interrupt handles.
#[repr(C)]
pub(crate) struct Shared {
    /// The thread that runs wasm of this store, if one does.
    pub(crate) thread: AtomicThreadId,
    /// Who is to look again when a guest that is parked was interrupted. The lock is only tried for, see `InterruptHandle::wake`.
    waker: Mutex<Option<Waker>>,
    /// Last: most of its four pages are never touched.
    context: UnsafeCell<VMStoreContext>,
}

// SAFETY: other threads only use `context.stop` and `thread`, which are atomic, and `waker`, which is locked.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// Says which thread runs wasm of a store.
///
/// # Safety
/// `context` is from [`StoreVm::context`] of a store that is alive.
pub(crate) unsafe fn set_thread(context: *mut VMStoreContext, thread: ThreadId) {
    // SAFETY: the caller's promise: the context is a field of `Shared`, and the pointer is from one to the whole.
    unsafe {
        (*context.byte_sub(offset_of!(Shared, context)).cast::<Shared>()).thread.store(thread, Ordering::Release)
    };
}

/// A store's virtual machine. Boxed: compiled code points into it.
pub struct StoreVm {
    pub(crate) shared: Arc<Shared>,
    pub(crate) stack_bytes: usize,
    /// Where outermost calls start on the thread that made the last one.
    pub(crate) start: Start,
    /// Where guests are suspended, besides those of the thread's activations on its stack.
    pub(crate) suspended: Vec<Range<usize>>,
    pending: Option<Unwind>,
    /// What the guest that has just been parked wants to grow.
    pub(crate) growing: Option<Growing>,
    /// What a libcall wanted of a memory that the trap it then recorded is about.
    memory_fault: Option<Box<MemoryFault>>,
    /// Function references of other conventions, by the reference and the convention that they were made callable by.
    adapters: HashMap<(usize, Abi), NonNull<VMFuncRef>>,
    adapter_storage: Vec<Box<Foreign>>,
    /// What guests hold.
    pub refs: References,
    /// Objects of guests, if some can have any.
    pub heap: Option<Box<Heap>>,
    /// What is known of calls that exceptions have passed.
    pub(crate) calls: Calls,
    /// What the guests may use, and have used.
    pub budget: Budget,
    /// Whether its code is metered.
    pub metered: bool,
    /// How long a guest runs in a call that may be parked before it gives way.
    pub slice: Option<Duration>,
}

impl StoreVm {
    /// A store whose wasm runs on stacks of this size.
    pub fn new(stack_bytes: usize, limits: StoreLimits) -> Box<Self> {
        let context = VMStoreContext {
            stop: AtomicU32::new(0),
            host_sp: null_mut(),
            exit: null(),
            // None. Zero would make zeros of the whole context, which the compiler then writes to its end.
            fuel: -1,
            caught: Caught { tag: null(), values: null(), reference: 0 },
            // Written before it is read: a store need not touch its pages.
            heap_cursor: 0,
            heap_limit: 0,
            values: MaybeUninit::uninit(),
            landing: MaybeUninit::uninit(),
        };
        let shared = Arc::new(Shared {
            thread: AtomicThreadId::new(ThreadId::NONE),
            waker: Mutex::new(None),
            context: UnsafeCell::new(context),
        });
        Box::new(Self {
            shared,
            stack_bytes,
            start: Start::NOWHERE,
            suspended: Vec::new(),
            pending: None,
            growing: None,
            memory_fault: None,
            adapters: HashMap::new(),
            adapter_storage: Vec::new(),
            refs: References::default(),
            heap: None,
            calls: Calls::default(),
            budget: Budget::new(limits),
            metered: false,
            slice: None,
        })
    }

    /// What compiled code points to.
    #[inline]
    pub fn context(&self) -> *mut VMStoreContext {
        // SAFETY: the field is inside of what the pointer points to.
        unsafe { (&raw const (*Arc::as_ptr(&self.shared)).context).cast_mut().cast() }
    }

    /// A handle for other threads.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        InterruptHandle(Arc::clone(&self.shared))
    }

    /// Forgets an interrupt.
    pub fn clear_interrupt(&mut self) {
        self.stop().fetch_and(!STOP_INTERRUPT, Ordering::AcqRel);
    }

    /// That the guest must go no further, if it was interrupted: for what takes long before the guest runs.
    pub fn check_interrupt(&self) -> Result<(), TrapCode> {
        // SAFETY: the context lives as long as `shared`.
        let go_on = unsafe { go_on(self.context()) };
        go_on()
    }

    /// Has an interrupt wake somebody, until another one or nobody is named. False if nobody can interrupt: only who has the store makes handles.
    pub fn wake_on_interrupt(&self, waker: Option<&Waker>) -> bool {
        if waker.is_some() && Arc::strong_count(&self.shared) == 1 {
            return false;
        }
        if let Ok(mut known) = self.shared.waker.try_lock() {
            match waker {
                Some(waker) if known.as_ref().is_some_and(|known| known.will_wake(waker)) => {}
                waker => *known = waker.cloned(),
            }
        }
        let Some(waker) = waker else { return true };
        // Who interrupts sets `stop` first: either they find the waker, or this finds what they have set.
        fence(Ordering::SeqCst);
        if self.check_interrupt().is_err() {
            waker.wake_by_ref();
        }
        true
    }

    pub(crate) fn stop(&self) -> &AtomicU32 {
        // SAFETY: the context lives as long as `shared`, and `stop` is atomic.
        unsafe { &(*self.shared.context.get()).stop }
    }

    /// Records why the guest must stop: tested by the stubs when the host returns.
    pub fn record_unwind(&mut self, unwind: Unwind) {
        self.pending = Some(unwind);
        self.stop().fetch_or(STOP_TRAP, Ordering::AcqRel);
    }

    /// Notes what was wanted of a memory, before [`TrapCode::MemoryOutOfBounds`] is recorded or returned for it.
    #[cold]
    pub fn note_memory_fault(&mut self, fault: MemoryFault) {
        self.memory_fault = Some(Box::new(fault));
    }

    /// What was noted, once.
    pub fn take_memory_fault(&mut self) -> Option<MemoryFault> {
        self.memory_fault.take().map(|fault| *fault)
    }

    fn take_pending(&mut self) -> Option<Unwind> {
        self.stop().fetch_and(!(STOP_TRAP | STOP_LAND | STOP_PARK), Ordering::AcqRel);
        self.growing = None;
        self.pending.take()
    }

    /// Every word of wasm stacks that guests, of this store or of others on the thread, have in use. False if that is not known.
    pub fn stack_words(&self, word: &mut impl FnMut(u64)) -> bool {
        let mut look = |words: Range<usize>| {
            for address in words.step_by(size_of::<u64>()) {
                // SAFETY: the stack is mapped, and its frames are suspended; a frame may have left words as it found them, whatever they are.
                word(unsafe { (address as *const u64).read_volatile() });
            }
        };
        self.suspended.iter().cloned().for_each(&mut look);
        let activation = current();
        if activation.is_null() {
            return true;
        }
        // SAFETY: activations are on this thread's host stack; the innermost has left wasm, and recorded where.
        let low = arch::top_below(unsafe { (*(*activation).store).exit }.cast());
        let stack = ready().stack;
        if !stack.usable().contains(&low) {
            return false;
        }
        look(low..stack.high);
        true
    }

    /// Calls a function by array call.
    ///
    /// # Safety
    /// `callee` belongs to this store, whose instances are alive; `values` holds its arguments and has room for its results.
    #[inline]
    pub unsafe fn call(&mut self, callee: NonNull<VMFuncRef>, values: *mut RawValue) -> Result<(), Box<Failure>> {
        let outer = current();
        // SAFETY: the caller's promise. The whole stack is free if the thread is not in wasm yet.
        unsafe {
            if !outer.is_null() {
                return self.call_nested(outer, callee, values);
            }
            if ready().token != self.start.token {
                self.arrive()?;
            }
            self.activate(outer, self.start.top, callee, values)
        }
    }

    /// Prepares a thread on which this store was not called before, or not since it was on another.
    #[cold]
    pub(crate) fn arrive(&mut self) -> Result<(), Box<Failure>> {
        let start = make_ready(self.stack_bytes, self.start.owner);
        self.start = start.map_err(|error| Failure::without_frames(Unwind::Error(Box::new(error))))?;
        Ok(())
    }

    /// The same on a thread that has left wasm for the host: on what its guest has not used of the stack.
    ///
    /// # Safety
    /// As for `call`; `outer` is this thread's innermost activation.
    #[inline(never)]
    unsafe fn call_nested(
        &mut self,
        outer: *const Activation,
        callee: NonNull<VMFuncRef>,
        values: *mut RawValue,
    ) -> Result<(), Box<Failure>> {
        // SAFETY: outer activations are on this thread's host stack, and their stores are alive as long as they run. An activation that has
        // left wasm has recorded where.
        let top = arch::top_below(unsafe { (*(*outer).store).exit }.cast());
        let stack = ready().stack;
        let fits = stack.usable().contains(&top) && top - stack.low >= NESTED_ROOM_BYTES;
        if !fits || !host_has_room() {
            return Err(Failure::without_frames(Unwind::Trap(TrapCode::StackOverflow)));
        }
        let thread = self.shared.thread.load(Ordering::Relaxed);
        // SAFETY: this thread is the only one that uses the store, so nothing changes the context but the stubs. The stack is free below `top`;
        // the rest is the caller's promise.
        unsafe {
            let context = self.context();
            let (host_sp, exit) = ((*context).host_sp, (*context).exit);
            let result = self.activate(outer, top, callee, values);
            ((*context).host_sp, (*context).exit) = (host_sp, exit);
            self.shared.thread.store(thread, Ordering::Release);
            result
        }
    }

    /// Runs a function on this thread's wasm stack from `top` downwards.
    ///
    /// # Safety
    /// As for `call`; `outer` is this thread's innermost activation, and the thread's stack is free below `top`.
    #[inline]
    unsafe fn activate(
        &mut self,
        outer: *const Activation,
        top: usize,
        callee: NonNull<VMFuncRef>,
        values: *mut RawValue,
    ) -> Result<(), Box<Failure>> {
        let activation = Activation::new(self.context(), outer, false);
        // From now on, interrupts come by signal; `enter` looks for those that came before. See `InterruptHandle::interrupt`.
        self.shared.thread.store(ready().thread, Ordering::Release);
        set_current(&activation);
        // SAFETY: the caller's promise.
        let left =
            unsafe { arch::enter(self.context(), callee.as_ptr(), values, top as *mut u8, callee.as_ref().array_call) };
        activation::end(&activation);
        self.shared.thread.store(ThreadId::NONE, Ordering::Release);
        if left == arch::RETURNED { Ok(()) } else { Err(self.failure(activation.fault.get())) }
    }

    /// Why an activation ended, with the guest's frames: its stack is still as it was.
    #[cold]
    pub(crate) fn failure(&mut self, fault: Option<Fault>) -> Box<Failure> {
        let pending = self.take_pending();
        // SAFETY: the context is this thread's, and an exit frame is where the context says.
        let exit = || unsafe { (*self.context()).exit.cast::<ExitFrame>().as_ref() }.map(|exit| (exit.pc, exit.fp));
        let (unwind, frame) = match (fault, pending) {
            (Some(fault), _) => {
                self.close_window();
                (Unwind::Trap(fault.code), Some((fault.pc, fault.fp)))
            }
            (None, Some(unwind)) => (unwind, exit()),
            (None, None) => match self.check_interrupt() {
                Err(code) => (Unwind::Trap(code), exit()),
                // It has returned, with less fuel than it used.
                Ok(()) => (Unwind::Trap(TrapCode::OutOfFuel), None),
            },
        };
        let pcs = frame.map_or(Vec::new(), |(pc, fp)| walk(pc, fp, &ready().stack));
        let noted = self.take_memory_fault().map(Place::Known);
        let place = fault.map_or(noted, |fault| fault.place);
        let place = place.filter(|_| matches!(unwind, Unwind::Trap(TrapCode::MemoryOutOfBounds)));
        Box::new(Failure { unwind, pcs, at_instruction: fault.is_some(), place })
    }

    /// A reference to the same function that is callable by convention `abi` with the wasm-to-array trampoline `wasm_call`.
    ///
    /// # Safety
    /// `callee` is a function reference of the store.
    pub unsafe fn adapt(
        &mut self,
        callee: NonNull<VMFuncRef>,
        abi: Abi,
        wasm_call: *const c_void,
    ) -> NonNull<VMFuncRef> {
        let key = (callee.as_ptr() as usize, abi);
        if let Some(adapter) = self.adapters.get(&key) {
            return *adapter;
        }
        // SAFETY: function references of a store live as long as the store.
        let mut adapter = Box::new(unsafe { Foreign::new(callee, abi, wasm_call, self.context()) });
        adapter.link();
        let reference = NonNull::from(&adapter.func_ref);
        self.adapter_storage.push(adapter);
        self.adapters.insert(key, reference);
        reference
    }
}

/// Stops a store's guest from another thread.
#[derive(Clone)]
pub struct InterruptHandle(Arc<Shared>);

impl InterruptHandle {
    /// Whether an interrupt was asked for.
    pub fn is_interrupted(&self) -> bool {
        // SAFETY: the context lives as long as the handle; `stop` is atomic.
        unsafe { (*self.0.context.get()).stop.load(Ordering::Acquire) & STOP_INTERRUPT != 0 }
    }

    /// Makes the guest trap as soon as it runs compiled code. Does not wait for it.
    ///
    /// One signal is enough. A thread that enters wasm says so in `thread`, then tests `stop`; this function sets `stop`, then looks at `thread`.
    /// With a barrier in between, one of the two sees the other, wherever the thread is; and where it is
    /// when the signal comes, it either can be stopped or tests `stop` on its way back to the guest.
    pub fn interrupt(&self) {
        // SAFETY: as above.
        unsafe { (*self.0.context.get()).stop.fetch_or(STOP_INTERRUPT, Ordering::SeqCst) };
        self.wake();
        if barrier() {
            self.signal();
            return;
        }
        for _ in 0..SIGNALS {
            self.signal();
            std::thread::sleep(SIGNAL_INTERVAL);
        }
    }

    /// A guest that is parked runs on no thread. If the lock is taken, it is by who names a waker, or by who else interrupts; or by nobody, in a process that
    /// was forked then.
    fn wake(&self) {
        let waker = self.0.waker.try_lock().ok().and_then(|mut waker| waker.take());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn signal(&self) {
        let thread = self.0.thread.load(Ordering::Acquire);
        if thread != ThreadId::NONE && self.is_interrupted() {
            thread.interrupt();
        }
    }
}

/// Where the system has no barrier for all threads: how often, and how long, interrupts are repeated instead.
const SIGNALS: u32 = 50;
const SIGNAL_INTERVAL: Duration = Duration::from_millis(1);
