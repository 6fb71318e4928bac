//! Signal handlers: faults in compiled code, and interrupts that reach running code. What is none of the virtual machine's goes to the handler
//! that was there before.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use wasmer_runtime_core::once;

use super::context::Context;
use super::thread::INTERRUPT_SIGNAL;
use super::timer;

/// Why a thread was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It accessed this address, and may not.
    Memory(usize),
    /// The processor refused the instruction itself.
    Instruction,
    /// Another thread asked for it, or somebody who uses the same signal.
    Interrupt,
    /// The thread's timer has ticked, see [`timer`].
    Tick,
}

/// What is done about it.
pub(crate) struct Handler {
    /// Says whether the cause is ours. Runs on the thread that was stopped, inside a signal handler: it takes no lock that the thread may have, and
    /// allocates nothing.
    pub(crate) stopped: fn(Cause, &mut Context<'_>) -> bool,
    /// Called when a thread ends that was prepared: it has to be prepared again, should it run wasm once more.
    pub(crate) thread_ends: fn(),
}

/// What compiled code raises.
const FAULTS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// Size in bytes of the signal stack that a thread gets. The kernel's frame alone can take more than 10 KiB of it.
const SIGNAL_STACK_BYTES: usize = 64 << 10;

/// Size in bytes from which on a thread's own signal stack is used. What Rust provides is smaller: enough to report an overflow.
const SIGNAL_STACK_BYTES_MIN: usize = SIGNAL_STACK_BYTES / 2;

static HANDLER: OnceLock<&Handler> = OnceLock::new();

thread_local! {
    /// Whether there is a signal stack.
    static SIGNAL_STACK: Cell<bool> = const { Cell::new(false) };
}

/// Prepares the process and this thread to run wasm; the process has one handler. Signals are unblocked each time: the mask is inherited from whoever
/// made the thread or started the program, and may have changed. The kernel ends a process whose fault finds its signal blocked.
pub(crate) fn prepare_thread(handler: &'static Handler) {
    once::get_or_init(&HANDLER, || {
        install_handlers();
        handler
    });
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
        if let Some(handler) = HANDLER.get() {
            (handler.thread_ends)();
        }
    }
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let cause = match signal {
        // SAFETY: the kernel passes a valid pointer.
        libc::SIGSEGV | libc::SIGBUS => Cause::Memory(unsafe { (*info).si_addr() } as usize),
        _ => Cause::Instruction,
    };
    // SAFETY: this is a signal handler, and these are its arguments.
    unsafe { handle(cause, signal, info, context) };
}

extern "C" fn on_interrupt(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a valid pointer.
    let cause = if unsafe { timer::is_tick(info) } { Cause::Tick } else { Cause::Interrupt };
    // SAFETY: this is a signal handler, and these are its arguments.
    unsafe { handle(cause, signal, info, context) };
}

/// # Safety
/// All but the cause are the arguments of a signal handler that runs now.
unsafe fn handle(cause: Cause, signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a valid context.
    let mut frame = unsafe { Context::new(context) };
    // Between the first handler's installation and the last, nothing of ours runs yet.
    let is_ours = HANDLER.get().is_some_and(|handler| (handler.stopped)(cause, &mut frame));
    if !is_ours {
        // SAFETY: the caller's promise.
        unsafe { pass_on(signal, info, context) };
    }
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
