//! Signal handlers: faults in compiled code become traps, and interrupts reach running code.
//!
//! A signal is ours if the thread was on a wasm stack with an activation, and either its program counter is in registered code or the
//! stack's guard region was accessed. Every other one goes to the handler that was there before.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use wasmer_runtime_core::once;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::vmcontext::{STOP_INTERRUPT, VMStoreContext};

use crate::arch::{self, SignalContext};
use crate::code_registry;
use crate::stack::{self, ready};
use crate::store;

/// The signal that interrupts running code. Its default action is to do nothing.
pub const INTERRUPT_SIGNAL: c_int = libc::SIGURG;

/// What compiled code raises.
const FAULTS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// Size in bytes of the signal stack that a thread gets. The kernel's frame alone can take more than 10 KiB of it.
const SIGNAL_STACK_BYTES: usize = 64 << 10;

/// Size in bytes from which on a thread's own signal stack is used. What Rust provides is smaller: enough to report an overflow.
const SIGNAL_STACK_BYTES_MIN: usize = SIGNAL_STACK_BYTES / 2;

/// A fault or interrupt in compiled code.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Why.
    pub code: TrapCode,
    /// Program counter.
    pub pc: usize,
    /// Frame pointer.
    pub fp: usize,
    /// Where memory was accessed, if that is what failed.
    pub address: Option<usize>,
}

/// A call from the host into wasm that has not returned yet. The innermost one of each thread is known to the handler.
#[derive(Debug)]
pub struct Activation {
    /// The store that it runs in.
    pub store: *mut VMStoreContext,
    /// The next one of the thread outwards, or null.
    pub outer: Cell<*const Activation>,
    /// Set by the handler.
    pub fault: Cell<Option<Fault>>,
}

thread_local! {
    /// The innermost activation. Has no destructor and is initialised statically, so a handler may read it.
    static CURRENT: Cell<*const Activation> = const { Cell::new(std::ptr::null()) };
    /// Whether there is a signal stack.
    static SIGNAL_STACK: Cell<bool> = const { Cell::new(false) };
}

/// The innermost activation of this thread, or null.
pub fn current() -> *const Activation {
    CURRENT.get()
}

/// Replaces the innermost activation of this thread.
pub fn set_current(activation: *const Activation) {
    CURRENT.set(activation);
}

/// Ends an activation.
///
/// If it is not the innermost one, coroutines were resumed in another order than they were suspended in: it is taken out of the chain, and the
/// others stay where they are on the wasm stack. If it began on another thread, what that one knows of it cannot be mended.
#[inline]
pub fn end(activation: &Activation) {
    if std::ptr::eq(CURRENT.get(), activation) {
        CURRENT.set(activation.outer.get());
    } else {
        take_out(activation);
    }
}

#[cold]
fn take_out(activation: &Activation) {
    let mut inner = CURRENT.get();
    // SAFETY: activations are on stacks that are suspended, and leave the chain before they end.
    while let Some(other) = unsafe { inner.as_ref() } {
        if std::ptr::eq(other.outer.get(), activation) {
            return other.outer.set(activation.outer.get());
        }
        inner = other.outer.get();
    }
    eprintln!("a call into WebAssembly was suspended on one thread and resumed on another");
    std::process::abort();
}

/// Corrects, in a process that was forked, what this thread and its stores know of its number.
pub fn renew_thread() {
    let thread = stack::renew_thread();
    let mut activation = CURRENT.get();
    // SAFETY: see `take_out`; the stores of activations are alive.
    unsafe {
        while let Some(each) = activation.as_ref() {
            store::set_thread(each.store, thread);
            activation = each.outer.get();
        }
    }
}

/// Prepares the process and this thread to run wasm. Signals are unblocked each time: the mask is inherited from whoever made the thread or started the
/// program, and may have changed. The kernel ends a process whose fault finds its signal blocked.
pub fn prepare_thread() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    once::get_or_init(&INSTALLED, install_handlers);
    if !SIGNAL_STACK.get() {
        provide_signal_stack();
        SIGNAL_STACK.set(true);
    }
    unblock_signals();
}

fn unblock_signals() {
    let mut signals = MaybeUninit::uninit();
    // SAFETY: the set is initialised before it is used, and the signals are valid.
    unsafe {
        libc::sigemptyset(signals.as_mut_ptr());
        for signal in FAULTS.into_iter().chain([INTERRUPT_SIGNAL]) {
            libc::sigaddset(signals.as_mut_ptr(), signal);
        }
        let result = libc::pthread_sigmask(libc::SIG_UNBLOCK, signals.as_ptr(), std::ptr::null_mut());
        assert_eq!(result, 0, "a valid set is refused nowhere");
    }
}

struct Previous([MaybeUninit<libc::sigaction>; FAULTS.len() + 1]);

static mut PREVIOUS: Previous = Previous([const { MaybeUninit::uninit() }; FAULTS.len() + 1]);

fn install_handlers() {
    for (slot, signal) in FAULTS.into_iter().chain([INTERRUPT_SIGNAL]).enumerate() {
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
            if signal == INTERRUPT_SIGNAL { on_interrupt } else { on_fault };
        // SAFETY: zero is valid for every field; the handlers have the signature that SA_SIGINFO asks for; `PREVIOUS` is written
        // once, before a handler of ours can read it (sigaction stores the old action before the new one takes effect).
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            if signal != INTERRUPT_SIGNAL {
                // A fault inside the handler is a bug, and must not find the handler's signal blocked.
                action.sa_flags |= libc::SA_NODEFER;
            }
            libc::sigemptyset(&mut action.sa_mask);
            let previous = (&raw mut PREVIOUS.0[slot]).cast::<libc::sigaction>();
            let result = libc::sigaction(signal, &action, previous);
            assert_eq!(result, 0, "sigaction refuses no valid signal");
        }
    }
}

/// Wasm stacks can be exhausted when a signal arrives, so handlers need a stack of their own.
fn provide_signal_stack() {
    // SAFETY: both calls get valid pointers; the memory outlives the use of the stack, see its `drop`.
    unsafe {
        let mut old: libc::stack_t = std::mem::zeroed();
        libc::sigaltstack(std::ptr::null(), &mut old);
        if old.ss_flags & libc::SS_DISABLE == 0 && old.ss_size >= SIGNAL_STACK_BYTES_MIN {
            return;
        }
        let stack = SignalStack::new();
        let new =
            libc::stack_t { ss_sp: stack.memory.as_ptr().cast_mut().cast(), ss_flags: 0, ss_size: stack.memory.len() };
        libc::sigaltstack(&new, std::ptr::null_mut());
        let mut stack = Some(stack);
        if OWN_SIGNAL_STACK.try_with(|own| own.set(stack.take())).is_err() {
            // The thread is ending and runs wasm once more: nobody is left to free the memory.
            std::mem::forget(stack);
        }
    }
}

thread_local! {
    static OWN_SIGNAL_STACK: Cell<Option<SignalStack>> = const { Cell::new(None) };
}

/// A signal stack of a thread that had none, or a small one; taken out of use when the thread ends. The small one is not put back: by then
/// its owner may have unmapped it.
struct SignalStack {
    /// Never initialised: a page that no handler uses takes no memory.
    memory: Box<[MaybeUninit<u8>]>,
}

impl SignalStack {
    fn new() -> Self {
        Self { memory: Box::new_uninit_slice(SIGNAL_STACK_BYTES) }
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        // SAFETY: disables the stack before its memory goes; no wasm runs any more on a thread whose locals are dropped.
        unsafe {
            let off = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
            libc::sigaltstack(&off, std::ptr::null_mut());
        }
        SIGNAL_STACK.set(false);
        stack::forget();
    }
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes valid pointers.
    let handled = unsafe { handle_fault((*info).si_addr() as usize, signal, &mut SignalContext::new(context)) };
    if !handled {
        // SAFETY: as above.
        unsafe { pass_on(signal, info, context) };
    }
}

/// # Safety
/// Called by a signal handler on the thread that was interrupted.
unsafe fn handle_fault(address: usize, signal: c_int, context: &mut SignalContext<'_>) -> bool {
    // SAFETY: the innermost activation is on this thread's host stack, which is suspended below the handler.
    let Some(activation) = (unsafe { CURRENT.get().as_ref() }) else { return false };
    let stack = ready().stack;
    if !stack.contains(context.sp()) {
        return false;
    }
    let is_memory_fault = matches!(signal, libc::SIGSEGV | libc::SIGBUS);
    let address = Some(address).filter(|_| is_memory_fault);
    let code = if address.is_some_and(|address| stack.guards(address)) {
        TrapCode::StackOverflow
    } else {
        match code_registry::trap_at(context.pc(), address) {
            Some(code) => code,
            None => return false,
        }
    };
    leave(activation, code, address, context);
    true
}

extern "C" fn on_interrupt(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a valid context; see `handle_fault` for the activation.
    unsafe {
        let mut frame = SignalContext::new(context);
        let activation = CURRENT.get().as_ref();
        let asked = activation.filter(|it| (*it.store).stop.load(Ordering::Acquire) & STOP_INTERRUPT != 0);
        // Nobody asked for an interrupt: the signal means something else to the process.
        let Some(activation) = asked else { return pass_on(signal, info, context) };
        // Elsewhere the thread is in the host, or about to switch to the wasm stack: it tests `stop` itself, later.
        let in_wasm = || arch::is_stub(frame.pc()) || code_registry::is_code(frame.pc());
        if ready().stack.contains(frame.sp()) && in_wasm() {
            leave(activation, TrapCode::Interrupted, None, &mut frame);
        }
    }
}

fn leave(activation: &Activation, code: TrapCode, address: Option<usize>, context: &mut SignalContext<'_>) {
    activation.fault.set(Some(Fault { code, pc: context.pc(), fp: context.fp(), address }));
    context.resume_at_unwind(activation.store);
}

/// Hands a signal to whoever handled it before.
///
/// # Safety
/// The arguments are those of a signal handler that runs now.
unsafe fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let slot = FAULTS.iter().position(|fault| *fault == signal).unwrap_or(FAULTS.len());
    // SAFETY: the slot was written when the handler was installed; a handler with SA_SIGINFO takes three arguments, another one.
    unsafe {
        let previous = &*(&raw const PREVIOUS.0[slot]).cast::<libc::sigaction>();
        if previous.sa_flags & libc::SA_SIGINFO != 0 {
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                std::mem::transmute(previous.sa_sigaction);
            handler(signal, info, context);
        } else if previous.sa_sigaction == libc::SIG_DFL || previous.sa_sigaction == libc::SIG_IGN {
            if signal != INTERRUPT_SIGNAL {
                by_default(signal, (*info).si_code > 0, previous.sa_sigaction == libc::SIG_IGN);
            }
        } else {
            let handler: extern "C" fn(c_int) = std::mem::transmute(previous.sa_sigaction);
            handler(signal);
        }
    }
}

/// Does with a fault's signal what the kernel does without a handler: one that is sent may be ignored, a real fault ends the process.
fn by_default(signal: c_int, is_fault: bool, is_ignored: bool) {
    if is_ignored && !is_fault {
        return;
    }
    // SAFETY: both calls may be made in a handler. A faulting instruction faults again when this handler returns; a signal that was
    // sent has to be sent again.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        if !is_fault {
            libc::raise(signal);
        }
    }
}
