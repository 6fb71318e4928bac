//! aarch64: the stubs between the host's stack and wasm stacks.
//!
//! What each is for, and why it is as it is, stands in `x64.rs`; here stands what is different. `x18` belongs to some systems and is never used.

use std::arch::{asm, naked_asm};
use std::ffi::c_void;
use std::mem::offset_of;

use wasmer_runtime_core::layout::*;
use wasmer_runtime_core::libcall::Libcall;
use wasmer_runtime_core::vmcontext::*;

use crate::foreign::Foreign;
use crate::host::VMHostContext;

use super::LibcallEntry;

const STOP: usize = offset_of!(VMStoreContext, stop);
const HOST_SP: usize = offset_of!(VMStoreContext, host_sp);
const EXIT: usize = offset_of!(VMStoreContext, exit);
const LANDING: usize = offset_of!(VMStoreContext, landing);
const FOREIGN_ORIGINAL: usize = offset_of!(Foreign, original);
const HOST_FUNC: usize = offset_of!(VMHostContext, func);

/// What an exit stub leaves on the wasm stack.
#[repr(C)]
pub struct ExitFrame {
    /// Frame pointer of the code that called the stub.
    pub fp: usize,
    /// Return address into that code.
    pub pc: usize,
    x19: usize,
    store: usize,
}

/// Bytes below an exit frame that the stub may use: the registers that C preserves and wasm may have references in, `x20` to `x28`.
const BELOW_EXIT_BYTES: usize = 80;

/// Where the free part of the stack ends below an exit frame. Everything that wasm has in use is above, registers included if [`exit_host_saving`]
/// was the stub.
pub fn top_below(exit: *const ExitFrame) -> usize {
    (exit as usize).wrapping_sub(BELOW_EXIT_BYTES) & !15
}

/// Calls `array_call(callee, values)` on the wasm stack that ends at `stack_top` (16-byte aligned).
///
/// # Safety
/// The arguments belong together; `stack_top` is the top of free space on a wasm stack of this thread.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn enter(
    store: *mut VMStoreContext,
    callee: *const VMFuncRef,
    values: *mut RawValue,
    stack_top: *mut u8,
    array_call: ArrayCall,
) -> u8 {
    naked_asm!(
        "stp x29, x30, [sp, #-160]!",
        "mov x29, sp",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        "str x29, [x0, #{host_sp}]",
        "mov sp, x3",
        "ldr w9, [x0, #{stop}]",
        "cbnz w9, 2f",
        "mov x0, x1",
        "mov x1, x2",
        "blr x4",
        "mov sp, x29",
        "ldp x29, x30, [sp], #160",
        "ret",
        // Nothing of the guest runs yet: an interrupt here has no backtrace.
        "2:",
        "str xzr, [x0, #{exit}]",
        "b {unwind}",
        host_sp = const HOST_SP,
        stop = const STOP,
        exit = const EXIT,
        unwind = sym unwind,
    )
}

/// Leaves wasm: goes back to the innermost [`enter`] of the store in `x0`, which returns [`LEFT`](super::LEFT).
///
/// # Safety
/// Never called from Rust: jumped to by the stubs and by the signal handler, while an activation of the store is running.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn unwind(store: *mut VMStoreContext) {
    naked_asm!(
        "ldr x9, [x0, #{host_sp}]",
        "mov sp, x9",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "mov w0, #0",
        "ldp x29, x30, [sp], #160",
        "ret",
        host_sp = const HOST_SP,
    )
}

/// Where the exit stubs go instead of back when the host has a reason: leaves wasm, or goes on at the landing of an exception.
///
/// The registers that C preserves are as where wasm was left, but for `x19`, which the exit frame has. A landing of code that keeps values in the
/// vector registers that C preserves is none: no backend for this processor relies on them there.
///
/// # Safety
/// Never called from Rust: jumped to by the exit stubs with the store in `x0` and their frame in `x19`.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
unsafe extern "C" fn leave(store: *mut VMStoreContext) {
    naked_asm!(
        "ldr w9, [x0, #{stop}]",
        "tst w9, #{not_land}",
        "b.eq 2f",
        "b {unwind}",
        "2:",
        "add x11, x0, #{stop}",
        "3:",
        "ldaxr w9, [x11]",
        "and w9, w9, #{not_land}",
        "stlxr w10, w9, [x11]",
        "cbnz w10, 3b",
        "ldr x19, [x19, #{x19}]",
        "ldr x9, [x0, #{saved}]",
        "mov x10, #{registers}",
        "add x10, x0, x10",
        "tbz w9, #0, 3f",
        "ldr x19, [x10]",
        "3:",
        "tbz w9, #1, 3f",
        "ldr x20, [x10, #8]",
        "3:",
        "tbz w9, #2, 3f",
        "ldr x21, [x10, #16]",
        "3:",
        "tbz w9, #3, 3f",
        "ldr x22, [x10, #24]",
        "3:",
        "tbz w9, #4, 3f",
        "ldr x23, [x10, #32]",
        "3:",
        "ldr x9, [x0, #{sp}]",
        "mov sp, x9",
        "ldr x29, [x0, #{fp}]",
        "ldr x9, [x0, #{pc}]",
        "br x9",
        stop = const STOP,
        not_land = const !STOP_LAND,
        unwind = sym unwind,
        x19 = const offset_of!(ExitFrame, x19),
        saved = const LANDING + offset_of!(Landing, saved),
        registers = const LANDING + offset_of!(Landing, registers),
        sp = const LANDING + offset_of!(Landing, sp),
        fp = const LANDING + offset_of!(Landing, fp),
        pc = const LANDING + offset_of!(Landing, pc),
    )
}

/// The body of a stub through which wasm calls the host: switches to the host's stack around `$call`, with the vmctx in `x0` after `$before`.
///
/// It leaves an [`ExitFrame`], which `x19` finds again: C preserves it. The frame pointer stays the caller's. `x9` and `x10` are free in C's convention.
macro_rules! exit_stub {
    ([$($before:literal)?], [$($save:literal)*], [$($call:literal)*], $($operand:tt)*) => {
        naked_asm!(
            "stp x29, x30, [sp, #-32]!",
            "str x19, [sp, #{frame_x19}]",
            $($before,)?
            "mov x19, sp",
            "ldr x9, [x0, #{store}]",
            "str x9, [x19, #{frame_store}]",
            $($save,)*
            "str x19, [x9, #{exit}]",
            "ldr x10, [x9, #{host_sp}]",
            "mov sp, x10",
            $($call,)*
            "mov sp, x19",
            "ldr x9, [x19, #{frame_store}]",
            "ldr w10, [x9, #{stop}]",
            "cbnz w10, 2f",
            "ldr x19, [sp, #{frame_x19}]",
            "ldp x29, x30, [sp], #32",
            "ret",
            "2:",
            "mov x0, x9",
            "b {leave}",
            frame_x19 = const offset_of!(ExitFrame, x19),
            frame_store = const offset_of!(ExitFrame, store),
            store = const VMCTX_STORE,
            exit = const EXIT,
            host_sp = const HOST_SP,
            stop = const STOP,
            leave = sym leave,
            $($operand)*
        )
    };
}

/// The array-call entry of every host function: calls the function in the callee's [`VMHostContext`].
///
/// # Safety
/// Called on a wasm stack, with the reference of a host function.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn exit_host(callee: *const VMFuncRef, values: *mut RawValue) -> bool {
    exit_stub!(
        ["ldr x0, [x0, #{vmctx}]"],
        [],
        ["ldr x10, [x0, #{func}]" "blr x10"],
        vmctx = const VMFUNCREF_VMCTX,
        func = const HOST_FUNC,
    )
}

/// The same in a store that has given host references to guests: what wasm has in registers that C preserves is on its stack during the call,
/// where a collection finds it. `x19` is in the exit frame, and the frame pointer holds no value. Nothing is restored: C preserves it.
///
/// # Safety
/// As for [`exit_host`].
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn exit_host_saving(callee: *const VMFuncRef, values: *mut RawValue) -> bool {
    exit_stub!(
        ["ldr x0, [x0, #{vmctx}]"],
        ["stp x20, x21, [sp, #-80]!" "stp x22, x23, [sp, #16]" "stp x24, x25, [sp, #32]" "stp x26, x27, [sp, #48]" "stp x28, xzr, [sp, #64]"],
        ["ldr x10, [x0, #{func}]" "blr x10"],
        vmctx = const VMFUNCREF_VMCTX,
        func = const HOST_FUNC,
    )
}

/// The array-call entry of adapters: calls the function that the callee's [`VMImportContext`] names.
///
/// # Safety
/// As for every array call.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn forward(callee: *const VMFuncRef, values: *mut RawValue) -> bool {
    naked_asm!(
        "ldr x0, [x0, #{vmctx}]",
        "ldr x0, [x0, #{callee}]",
        "ldr x9, [x0, #{array_call}]",
        "br x9",
        vmctx = const VMFUNCREF_VMCTX,
        callee = const VMIMPORT_CALLEE,
        array_call = const VMFUNCREF_ARRAY_CALL,
    )
}

/// The array-call entry of functions of other conventions, see [`Foreign`]: calls the original. Its frame has, below the frame pointer, the registers that
/// [`Landing`] counts, so that an exception that passes it need not know what the functions of the other convention save. Nothing is restored: C preserves it.
///
/// # Safety
/// As for every array call.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_cross")]
pub unsafe extern "C" fn cross(callee: *const VMFuncRef, values: *mut RawValue) -> bool {
    naked_asm!(
        "stp x29, x30, [sp, #-16]!",
        "mov x29, sp",
        "stp x20, x19, [sp, #-16]!",
        "stp x22, x21, [sp, #-16]!",
        "stp xzr, x23, [sp, #-16]!",
        "ldr x0, [x0, #{vmctx}]",
        "ldr x0, [x0, #{original}]",
        "ldr x9, [x0, #{array_call}]",
        "blr x9",
        "mov sp, x29",
        "ldp x29, x30, [sp], #16",
        "ret",
        vmctx = const VMFUNCREF_VMCTX,
        original = const FOREIGN_ORIGINAL,
        array_call = const VMFUNCREF_ARRAY_CALL,
    )
}

/// A stub for a libcall, with the arguments where they are. One that `saves` leaves what C preserves where a collection finds it, as
/// [`exit_host_saving`].
macro_rules! libcall_stub {
    (saves $implementation:path) => {
        libcall_stub!(
            @ ["stp x20, x21, [sp, #-80]!" "stp x22, x23, [sp, #16]" "stp x24, x25, [sp, #32]" "stp x26, x27, [sp, #48]" "stp x28, xzr, [sp, #64]"]
            $implementation
        )
    };
    ($implementation:path) => { libcall_stub!(@ [] $implementation) };
    (@ [$($save:literal)*] $implementation:path) => {{
        /// # Safety
        /// Called by compiled code only, on a wasm stack.
        #[unsafe(naked)]
        #[unsafe(link_section = "wasmer_stubs")]
        unsafe extern "C" fn stub() {
            exit_stub!([], [$($save)*], ["bl {implementation}"], implementation = sym $implementation,)
        }
        LibcallEntry(stub as *const c_void)
    }};
}

/// One entry per [`Libcall`].
pub(super) static LIBCALLS: [LibcallEntry; Libcall::ALL.len()] = libcall_table!(libcall_stub);

/// Has the processor fetch the memory at an address, which need not be accessible.
#[inline]
pub fn prefetch(address: *const u8) {
    // SAFETY: a prefetch accesses nothing.
    unsafe { asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly)) };
}

/// Whether other threads may still execute what was at the addresses of new code before they have synchronised with the instruction cache.
pub const INSTRUCTIONS_ARE_FETCHED_AHEAD: bool = true;

/// Makes the processor's instruction caches see what was written to these addresses, which are readable. Other threads have to be synchronised, too.
///
/// Clean to the point of unification, then invalidate, line by line (Arm ARM, B2.4.4 "Concurrent modification and execution of instructions").
pub fn flush_code(address: *const u8, len: usize) {
    let cache_type: usize;
    // SAFETY: reads a register that says how long lines are; the kernel lets programs read it.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) cache_type, options(nomem, nostack, preserves_flags)) };
    // Logarithms of numbers of words of four bytes.
    let (data_line, code_line) = (4 << (cache_type >> 16 & 15), 4 << (cache_type & 15));
    let (start, end) = (address.addr(), address.addr() + len);
    for line in (start / data_line * data_line..end).step_by(data_line) {
        // SAFETY: the line has a byte of the code, which is readable; it is written back, not changed.
        unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags)) };
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    for line in (start / code_line * code_line..end).step_by(code_line) {
        // SAFETY: the line has a byte of the code; whoever executes it fetches it again.
        unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags)) };
    }
    // SAFETY: barriers.
    unsafe { asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
}

/// What the instruction at `pc`, which the processor refuses, says of an access that code has found outside: the first byte that was wanted and
/// where the memory's definition is. It is `udf`, whose number has the registers of the index and of that address in bits 0 to 4 and 5 to 9, and bit 11 to
/// tell it from others; the static offset stands in the four bytes behind it.
///
/// # Safety
/// `pc` is at an instruction of compiled code.
pub(crate) unsafe fn refused_access(pc: *const u8, general: impl Fn(u8) -> usize) -> Option<(u128, usize)> {
    let words = pc.cast::<u32>();
    // SAFETY: instructions have four bytes.
    let instruction = unsafe { words.read() };
    if instruction >> 11 != 1 {
        return None;
    }
    let [index, definition] = [instruction, instruction >> 5].map(|number| general((number & 31) as u8));
    // SAFETY: the caller's promise: this is that instruction.
    let offset = unsafe { words.add(1).read() };
    Some((index as u128 + u128::from(offset), definition))
}
