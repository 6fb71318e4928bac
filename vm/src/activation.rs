//! Calls from the host into wasm, and what stops them: faults in compiled code become traps, and interrupts reach running code.
//!
//! A stopped thread is ours if it was on a wasm stack with an activation, and either its program counter is in registered code or the
//! stack's guard region was accessed.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use wasmer_runtime_core::trap::{MemoryFault, TrapCode};
use wasmer_runtime_core::vmcontext::{STOP_INTERRUPT, VMStoreContext};

use crate::arch;
use crate::code_registry;
use crate::here;
use crate::slices;
use crate::stack::{self, ready};
use crate::store;
use crate::sys::context::Context;
use crate::sys::fault::{self, Cause, Handler};

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
    pub place: Option<Place>,
}

/// Where a memory was left.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// At an address of the host.
    Address(usize),
    /// At one of the guest, as compiled code says.
    Outside {
        /// The first byte that was wanted.
        address: u128,
        /// Where the definition of the memory is.
        definition: usize,
    },
    /// At one of the guest.
    Known(MemoryFault),
}

/// A call from the host into wasm that has not returned yet. The innermost one of each thread is known to the handler.
#[derive(Debug)]
pub struct Activation {
    /// The store that it runs in.
    pub store: *mut VMStoreContext,
    /// The next one of the thread outwards, or null.
    pub outer: Cell<*const Activation>,
    /// Whether a host function that the guest calls may park it.
    pub is_parkable: bool,
    /// Set by the handler.
    pub fault: Cell<Option<Fault>>,
}

impl Activation {
    /// One inside of `outer`, or of none.
    #[inline(always)]
    pub fn new(store: *mut VMStoreContext, outer: *const Self, is_parkable: bool) -> Self {
        Self { store, outer: Cell::new(outer), is_parkable, fault: Cell::new(None) }
    }
}

thread_local! {
    /// The innermost activation. Has no destructor and is initialised statically, so a handler may read it.
    static CURRENT: Cell<*const Activation> = const { Cell::new(std::ptr::null()) };
}

/// The innermost activation of this thread, or null.
#[inline]
pub fn current() -> *const Activation {
    here::get(&CURRENT)
}

/// Replaces the innermost activation of this thread.
#[inline]
pub fn set_current(activation: *const Activation) {
    here::set(&CURRENT, activation);
}

/// Ends an activation.
///
/// If it is not the innermost one, coroutines were resumed in another order than they were suspended in: it is taken out of the chain, and the
/// others stay where they are on the wasm stack. If it began on another thread, what that one knows of it cannot be mended.
#[inline]
pub fn end(activation: &Activation) {
    if std::ptr::eq(here::get(&CURRENT), activation) {
        here::set(&CURRENT, activation.outer.get());
    } else {
        take_out(activation);
    }
}

#[cold]
fn take_out(activation: &Activation) {
    let mut inner = here::get(&CURRENT);
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
    slices::forget();
    let thread = stack::renew_thread();
    let mut activation = here::get(&CURRENT);
    // SAFETY: see `take_out`; the stores of activations are alive.
    unsafe {
        while let Some(each) = activation.as_ref() {
            store::set_thread(each.store, thread);
            activation = each.outer.get();
        }
    }
}

/// Prepares the process and this thread to run wasm.
pub(crate) fn prepare_thread() {
    fault::prepare_thread(&Handler { stopped, thread_ends: stack::forget });
}

/// Whether what stopped this thread concerns wasm. If so, the thread goes on as it has to.
fn stopped(cause: Cause, context: &mut Context<'_>) -> bool {
    // SAFETY: the innermost activation is on this thread's host stack, which is suspended below the handler.
    let activation = unsafe { here::get(&CURRENT).as_ref() };
    match (cause, activation) {
        (Cause::Tick, _) => {
            // A tick that comes in place of an interrupt is one.
            if !activation.is_some_and(|activation| interrupted(activation, context)) {
                slices::tick(context);
            }
            true
        }
        (_, None) => false,
        (Cause::Memory(address), Some(activation)) => faulted(activation, Some(address), context),
        (Cause::Instruction, Some(activation)) => faulted(activation, None, context),
        (Cause::Interrupt, Some(activation)) => interrupted(activation, context),
    }
}

fn faulted(activation: &Activation, address: Option<usize>, context: &mut Context<'_>) -> bool {
    let stack = ready().stack;
    if !stack.contains(context.sp()) {
        return false;
    }
    let overflow = address.filter(|address| stack.guards(*address)).map(|_| TrapCode::StackOverflow);
    let Some(code) = overflow.or_else(|| code_registry::trap_at(context.pc(), address)) else { return false };
    // SAFETY: the program counter is at an instruction of compiled code that has just been executed.
    let said = || unsafe { arch::refused_access(context.pc() as *const u8, |number| context.general(number)) };
    let outside = || said().map(|(address, definition)| Place::Outside { address, definition });
    leave(activation, code, address.map(Place::Address).or_else(outside), context);
    true
}

/// False if nobody asked for an interrupt: what came means something else to the process.
fn interrupted(activation: &Activation, context: &mut Context<'_>) -> bool {
    // SAFETY: the store of an activation is alive; `stop` is atomic.
    let is_asked = unsafe { &(*activation.store).stop }.load(Ordering::Acquire) & STOP_INTERRUPT != 0;
    // Elsewhere the thread is in the host, or about to switch to the wasm stack: it tests `stop` itself, later.
    let in_wasm = |pc| arch::is_stub(pc) || code_registry::is_code(pc);
    if is_asked && ready().stack.contains(context.sp()) && in_wasm(context.pc()) {
        leave(activation, TrapCode::Interrupted, None, context);
    }
    is_asked
}

fn leave(activation: &Activation, code: TrapCode, place: Option<Place>, context: &mut Context<'_>) {
    activation.fault.set(Some(Fault { code, pc: context.pc(), fp: context.fp(), place }));
    context.resume(arch::unwind as *const () as usize, activation.store as usize);
}
