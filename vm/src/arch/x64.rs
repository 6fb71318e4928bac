//! x86-64: the stubs between the host's stack and wasm stacks.

use std::arch::naked_asm;
use std::ffi::c_void;
use std::mem::offset_of;

use wasmer_runtime_core::layout::*;
use wasmer_runtime_core::lazy::Entries;
use wasmer_runtime_core::libcall::Libcall;
use wasmer_runtime_core::vmcontext::*;

use crate::foreign::Foreign;
use crate::host::VMHostContext;
use crate::instance::Instance;
use crate::instance::tier::Tier;

use super::LibcallEntry;

pub(super) const STOP: usize = offset_of!(VMStoreContext, stop);
pub(super) const HOST_SP: usize = offset_of!(VMStoreContext, host_sp);
pub(super) const EXIT: usize = offset_of!(VMStoreContext, exit);
const LANDING: usize = offset_of!(VMStoreContext, landing);
const FOREIGN_ORIGINAL: usize = offset_of!(Foreign, original);
pub(super) const HOST_FUNC: usize = offset_of!(VMHostContext, func);

/// Puts on the host's stack what C wants preserved, and the stack pointer into the store in `rdi`: how a guest is entered.
macro_rules! save_host {
    () => {
        "push rbp\nmov rbp, rsp\npush rbx\npush r12\npush r13\npush r14\npush r15\nsub rsp, 8\nmov [rdi + {host_sp}], rsp"
    };
}

/// The way back from there, when the stack pointer is what the store has, with the result in `eax`.
macro_rules! restore_host {
    () => {
        "add rsp, 8\npop r15\npop r14\npop r13\npop r12\npop rbx\npop rbp\nret"
    };
}

/// Keeps the vector registers that locals and arguments of code by Singlepass are in on the stack.
macro_rules! push_vectors {
    () => {
        concat!(
            "sub rsp, 128\n",
            "movups [rsp + 0], xmm7\n",
            "movups [rsp + 16], xmm8\n",
            "movups [rsp + 32], xmm9\n",
            "movups [rsp + 48], xmm10\n",
            "movups [rsp + 64], xmm11\n",
            "movups [rsp + 80], xmm12\n",
            "movups [rsp + 96], xmm13\n",
            "movups [rsp + 112], xmm14",
        )
    };
}

/// What [`push_vectors`] kept.
macro_rules! pop_vectors {
    () => {
        concat!(
            "movups xmm7, [rsp + 0]\n",
            "movups xmm8, [rsp + 16]\n",
            "movups xmm9, [rsp + 32]\n",
            "movups xmm10, [rsp + 48]\n",
            "movups xmm11, [rsp + 64]\n",
            "movups xmm12, [rsp + 80]\n",
            "movups xmm13, [rsp + 96]\n",
            "movups xmm14, [rsp + 112]\n",
            "add rsp, 128",
        )
    };
}

pub(super) use {pop_vectors, push_vectors, restore_host, save_host};

/// What an exit stub leaves on the wasm stack.
#[repr(C)]
pub struct ExitFrame {
    pub(super) rbx: usize,
    /// Frame pointer of the code that called the stub.
    pub fp: usize,
    /// Return address into that code.
    pub pc: usize,
}

/// Bytes below an exit frame that the stub may use: the store, and the registers that C preserves and wasm may have references in.
const BELOW_EXIT_BYTES: usize = 5 * size_of::<usize>();

/// Where the free part of the stack ends below an exit frame. Everything that wasm has in use is above, registers included if [`exit_host_saving`]
/// was the stub.
pub fn top_below(exit: *const ExitFrame) -> usize {
    (exit as usize).wrapping_sub(BELOW_EXIT_BYTES) & !15
}

/// Calls `array_call(callee, values)` on the wasm stack that ends at `stack_top` (16-byte aligned). Says how it came back: [`super::LEFT`] and others.
///
/// The store's `stop` is tested once more on the wasm stack: whoever asks for an interrupt before that is seen here, and whoever asks
/// later finds the thread where its signal works (see [`is_stub`](super::is_stub)).
///
/// Saves what C wants preserved for [`unwind`]; array calls preserve it themselves. The caller of the first wasm frame is this stub's frame, on the
/// host's stack: there a walk of wasm frames ends, while a profiler's goes on.
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
        save_host!(),
        "mov rsp, rcx",
        "cmp dword ptr [rdi + {stop}], 0",
        "jne 2f",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "call r8",
        "leave",
        "ret",
        // Nothing of the guest runs yet: an interrupt here has no backtrace.
        "2:",
        "mov qword ptr [rdi + {exit}], 0",
        "jmp {unwind}",
        host_sp = const HOST_SP,
        stop = const STOP,
        exit = const EXIT,
        unwind = sym unwind,
    )
}

/// Leaves wasm: goes back to the innermost [`enter`] of the store in `rdi`, which returns [`super::LEFT`].
///
/// # Safety
/// Never called from Rust: jumped to by the stubs and by the signal handler, while an activation of the store is running.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn unwind(store: *mut VMStoreContext) {
    naked_asm!(
        "mov rsp, [rdi + {host_sp}]",
        "cld",
        "xor eax, eax",
        restore_host!(),
        host_sp = const HOST_SP,
    )
}

/// Where the exit stubs go instead of back when the host has a reason: leaves wasm, goes on at the landing of an exception, or parks the guest in a libcall, whose
/// stub has saved registers.
///
/// The registers that C preserves are as where wasm was left, but for `rbx`, which the exit frame has.
///
/// # Safety
/// Never called from Rust: jumped to by the exit stubs with the store in `rdi` and their frame in `rbx`.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub(super) unsafe extern "C" fn leave(store: *mut VMStoreContext) {
    naked_asm!(
        "test dword ptr [rdi + {stop}], {ends}",
        "jne {unwind}",
        "test dword ptr [rdi + {stop}], {park}",
        "jne 2f",
        "lock and dword ptr [rdi + {stop}], {not_land}",
        "mov rbx, [rbx]",
        "mov rax, [rdi + {saved}]",
        "test al, 1",
        "cmovne r15, [rdi + {registers}]",
        "test al, 2",
        "cmovne r14, [rdi + {registers} + 8]",
        "test al, 4",
        "cmovne r13, [rdi + {registers} + 16]",
        "test al, 8",
        "cmovne r12, [rdi + {registers} + 24]",
        "test al, 16",
        "cmovne rbx, [rdi + {registers} + 32]",
        "mov rsp, [rdi + {sp}]",
        "mov rbp, [rdi + {fp}]",
        "jmp [rdi + {pc}]",
        "2:",
        "lock and dword ptr [rdi + {stop}], {not_park}",
        "mov rsp, [rdi + {host_sp}]",
        "mov eax, {parked}",
        restore_host!(),
        stop = const STOP,
        host_sp = const HOST_SP,
        ends = const !(STOP_LAND | STOP_PARK) as i32,
        park = const STOP_PARK,
        not_land = const !STOP_LAND as i32,
        not_park = const !STOP_PARK as i32,
        parked = const super::PARKED,
        unwind = sym unwind,
        saved = const LANDING + offset_of!(Landing, saved),
        registers = const LANDING + offset_of!(Landing, registers),
        sp = const LANDING + offset_of!(Landing, sp),
        fp = const LANDING + offset_of!(Landing, fp),
        pc = const LANDING + offset_of!(Landing, pc),
    )
}

/// The body of a stub through which wasm calls the host: switches to the host's stack around `$call`, with the vmctx in `rdi` after `$before`.
///
/// It leaves an [`ExitFrame`], and below that the store. `rbx`, which C preserves, finds them again; the frame pointer stays the caller's, so
/// that what the caller does next depends on no load of this stub. `r10` is free in C's convention.
macro_rules! exit_stub {
    ($before:literal, [$($save:literal)*], $call:literal, $($operand:tt)*) => {
        naked_asm!(
            "push rbp",
            "push rbx",
            $before,
            "mov rbx, rsp",
            "mov r10, [rdi + {store}]",
            "push r10",
            $($save,)*
            "mov [r10 + {exit}], rbx",
            "mov rsp, [r10 + {host_sp}]",
            $call,
            "mov rsp, rbx",
            "mov rdi, [rbx - 8]",
            "cmp dword ptr [rdi + {stop}], 0",
            "jne {leave}",
            "pop rbx",
            "add rsp, 8",
            "ret",
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
        "mov rdi, [rdi + {vmctx}]",
        [],
        "call [rdi + {func}]",
        vmctx = const VMFUNCREF_VMCTX,
        func = const HOST_FUNC,
    )
}

/// The same in a store that has given host references to guests: what wasm has in registers that C preserves is on its stack during the call,
/// where a collection finds it. `rbx` is in the exit frame, and the frame pointer holds no value. Nothing is restored: C preserves it.
///
/// # Safety
/// As for [`exit_host`].
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn exit_host_saving(callee: *const VMFuncRef, values: *mut RawValue) -> bool {
    exit_stub!(
        "mov rdi, [rdi + {vmctx}]",
        ["push r12" "push r13" "push r14" "push r15"],
        "call [rdi + {func}]",
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
        "mov rdi, [rdi + {vmctx}]",
        "mov rdi, [rdi + {callee}]",
        "jmp [rdi + {array_call}]",
        vmctx = const VMFUNCREF_VMCTX,
        callee = const VMIMPORT_CALLEE,
        array_call = const VMFUNCREF_ARRAY_CALL,
    )
}

/// The array-call entry of functions of other conventions, see [`Foreign`]: calls the original. Its frame has what C preserves, so that an exception that
/// passes it need not know what the functions of the other convention save. Nothing is restored: C preserves it.
///
/// # Safety
/// As for every array call.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_cross")]
pub unsafe extern "C" fn cross(callee: *const VMFuncRef, values: *mut RawValue) -> bool {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push r15",
        "push r14",
        "push r13",
        "push r12",
        "push rbx",
        "sub rsp, 8",
        "mov rdi, [rdi + {vmctx}]",
        "mov rdi, [rdi + {original}]",
        "call [rdi + {array_call}]",
        "leave",
        "ret",
        vmctx = const VMFUNCREF_VMCTX,
        original = const FOREIGN_ORIGINAL,
        array_call = const VMFUNCREF_ARRAY_CALL,
    )
}

/// Bytes of an entry of a function that is compiled when it is first called.
const ENTRY_BYTES: usize = 16;

/// Where the vmctx's instance has the table of what functions with better code go on with.
const INSTANCE_CROSSINGS: usize = offset_of!(Instance, tier) + offset_of!(Tier, crossings);
pub(super) const FOREIGN_CALL: usize = offset_of!(Foreign, func_ref) + offset_of!(VMFuncRef, wasm_call);

/// Where an entry goes on, in it, before there is code.
pub const COMPILE_ENTRY_COLD: usize = 6;

/// The entries of so many functions, which stand right behind the slots: `slots_bytes` bytes with an address for each function and one more, for [`compile_entry`].
///
/// ```text
/// entry:  jmp [slot of the function]     what is in the slot at first: the next instruction
///         mov eax, number of the function
///         jmp common
/// common: jmp [the last slot]
/// ```
pub fn compile_entries(functions: usize, slots_bytes: usize) -> Entries {
    let mut text = Vec::with_capacity((functions + 1) * ENTRY_BYTES);
    let common = functions * ENTRY_BYTES;
    for function in 0..functions {
        let start = function * ENTRY_BYTES;
        text.extend_from_slice(&jump_by_slot(function, start, slots_bytes));
        text.push(0xb8);
        text.extend_from_slice(&(function as u32).to_le_bytes());
        text.push(0xe9);
        text.extend_from_slice(&((common - start - ENTRY_BYTES) as u32).to_le_bytes());
    }
    text.extend_from_slice(&jump_by_slot(functions, common, slots_bytes));
    text.resize(common + ENTRY_BYTES, 0xcc);
    Entries { text, stride: ENTRY_BYTES as u32 }
}

/// `jmp [rip + distance]`, at `place` of the code, to the address in the slot at a position.
fn jump_by_slot(position: usize, place: usize, slots_bytes: usize) -> [u8; 6] {
    let slot = position as i64 * size_of::<usize>() as i64 - slots_bytes as i64;
    let distance = (slot - (place as i64 + 6)) as i32;
    let [a, b, c, d] = distance.to_le_bytes();
    [0xff, 0x25, a, b, c, d]
}

/// Where entries of functions without code lead, and of those with better code, with the function's number in `eax`: has it compiled and goes on in it, or
/// goes over to the better code. The registers are those of
/// the entry of a function (see [`Compiler::lazy_worker`](wasmer_runtime_core::compiler::Compiler::lazy_worker)), and so is the frame: for
/// whoever looks at the stack meanwhile, the function's caller has left wasm.
///
/// Where compiling fails that was recorded, and the stub leaves wasm as others do.
///
/// # Safety
/// Never called from Rust.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn compile_entry() {
    naked_asm!(
        "mov rcx, [r14 + {instance}]",
        "mov rcx, [rcx + {crossings}]",
        "test rcx, rcx",
        "je 2f",
        "mov rcx, [rcx + rax * 8]",
        "test rcx, rcx",
        "je 2f",
        "mov r14, rcx",
        "jmp [rcx + {foreign_call}]",
        "2:",
        "push rbp",
        "push rbx",
        "mov rbx, rsp",
        "mov rcx, [r14 + {store}]",
        "push rcx",
        // What C does not preserve and arguments are in.
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        push_vectors!(),
        "mov [rcx + {exit}], rbx",
        "mov rsp, [rcx + {host_sp}]",
        "mov rdi, r14",
        "mov esi, eax",
        "call {compile}",
        "lea rsp, [rbx - 168]",
        "mov rdi, [rbx - 8]",
        "cmp dword ptr [rdi + {stop}], 0",
        "jne {leave}",
        pop_vectors!(),
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rcx",
        "pop rbx",
        "pop rbp",
        "mov r14, rdx",
        "jmp rax",
        instance = const VMCTX_INSTANCE,
        crossings = const INSTANCE_CROSSINGS,
        foreign_call = const FOREIGN_CALL,
        store = const VMCTX_STORE,
        exit = const EXIT,
        host_sp = const HOST_SP,
        stop = const STOP,
        compile = sym crate::libcalls::compile,
        leave = sym leave,
    )
}

/// A stub for a libcall, with the arguments where they are. One that `saves` leaves what C preserves where a collection finds it, as
/// [`exit_host_saving`].
macro_rules! libcall_stub {
    (saves $implementation:path) => { libcall_stub!(@ ["push r12" "push r13" "push r14" "push r15"] $implementation) };
    ($implementation:path) => { libcall_stub!(@ [] $implementation) };
    (@ [$($save:literal)*] $implementation:path) => {{
        /// # Safety
        /// Called by compiled code only, on a wasm stack.
        #[unsafe(naked)]
        #[unsafe(link_section = "wasmer_stubs")]
        unsafe extern "C" fn stub() {
            exit_stub!("", [$($save)*], "call {implementation}", implementation = sym $implementation,)
        }
        LibcallEntry(stub as *const c_void)
    }};
}

/// One entry per [`Libcall`].
pub(super) static LIBCALLS: [LibcallEntry; Libcall::ALL.len()] = libcall_table!(libcall_stub);

/// Has the processor fetch the memory at an address, which need not be accessible.
#[inline]
pub fn prefetch(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    if cfg!(miri) {
        return;
    }
    // SAFETY: a prefetch accesses nothing.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
}

/// Whether other threads may still execute what was at the addresses of new code before they have synchronised with the instruction cache.
pub const INSTRUCTIONS_ARE_FETCHED_AHEAD: bool = false;

/// Makes the processor's instruction caches see what was written to these addresses: they do by themselves (Intel SDM, volume 3, 14.6).
pub fn flush_code(_address: *const u8, _len: usize) {}

/// What the instruction at `pc`, which the processor refuses, says of an access that code has found outside: the first byte that was wanted and
/// where the memory's definition is. It is `ud1 definition, [index + offset]`, whose displacement is without sign.
///
/// # Safety
/// `pc` is at an instruction of compiled code.
pub(crate) unsafe fn refused_access(pc: *const u8, general: impl Fn(u8) -> usize) -> Option<(u128, usize)> {
    // SAFETY: no byte is read behind one with which an instruction of another kind may end.
    let byte = |position| unsafe { pc.add(position).read() };
    let (rex, start) = match byte(0) {
        rex @ 0x40..0x50 => (rex, 1),
        _ => (0, 0),
    };
    if byte(start) != 0x0f || byte(start + 1) != 0xb9 {
        return None;
    }
    let form = byte(start + 2);
    // `rsp` and `r12` take a byte more.
    let end = start + if form & 7 == 4 { 4 } else { 3 };
    let offset = match form >> 6 {
        0 => 0,
        1 => i32::from(byte(end).cast_signed()),
        2 => i32::from_le_bytes(std::array::from_fn(|position| byte(end + position))),
        _ => return None,
    };
    let index = general(form & 7 | (rex & 1) << 3);
    Some((index as u128 + u128::from(offset.cast_unsigned()), general(form >> 3 & 7 | (rex & 4) << 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: &[u8]) -> Option<(u128, usize)> {
        // SAFETY: each is a whole instruction, and a register is any number.
        unsafe { refused_access(code.as_ptr(), |number| (usize::from(number) + 1) << 60 | usize::from(number)) }
    }

    #[test]
    fn operands_of_refused_instructions_are_read() {
        let register = |number: u64| (number + 1) << 60 | number;
        let place = |index, offset: u128, definition| {
            Some((u128::from(register(index)) + offset, register(definition) as usize))
        };
        // ud1 esi, [rdi], then with an offset of one byte, and of four
        assert_eq!(said(&[0x0f, 0xb9, 0x37]), place(7, 0, 6));
        assert_eq!(said(&[0x0f, 0xb9, 0x77, 0x7f]), place(7, 0x7f, 6));
        assert_eq!(said(&[0x0f, 0xb9, 0xb7, 0xff, 0xff, 0xff, 0xff]), place(7, 0xffff_ffff, 6));
        assert_eq!(said(&[0x0f, 0xb9, 0x77, 0xff]), place(7, 0xffff_ffff, 6));
        // ud1 r9d, [r8 + 16]; ud1 eax, [r12 + 16]; ud1 r14d, [rax]
        assert_eq!(said(&[0x45, 0x0f, 0xb9, 0x48, 0x10]), place(8, 0x10, 9));
        assert_eq!(said(&[0x41, 0x0f, 0xb9, 0x44, 0x24, 0x10]), place(12, 0x10, 0));
        assert_eq!(said(&[0x44, 0x0f, 0xb9, 0x30]), place(0, 0, 14));
        // ud2; div esi; ud1 esi, edi
        assert_eq!([said(&[0x0f, 0x0b]), said(&[0xf7, 0xf6]), said(&[0x0f, 0xb9, 0xf7])], [None; 3]);
    }
}
