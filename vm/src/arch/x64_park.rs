//! x86-64: the stubs by which a guest is parked where it calls the host, and goes on later: on another thread, from another place of the host's stack.
//!
//! What must survive is on the guest's stack: its frames, and below the exit frame the registers that C preserves, where [`exit_host_saving`] has them, too.
//! What the entry stub relies on is not: those registers as they were when the guest was entered, and the frame pointer to the host's stack. So the
//! guest's outermost frame, once it was parked, returns to [`returned`], which takes everything from where the host is now.
//!
//! [`exit_host_saving`]: super::exit_host_saving

use std::arch::naked_asm;
use std::sync::atomic::{AtomicU32, Ordering};

use wasmer_runtime_core::layout::*;
use wasmer_runtime_core::vmcontext::*;

use super::x64::{EXIT, HOST_FUNC, HOST_SP, STOP, leave, restore_host, save_host, unwind};

/// Whether guests can be parked.
pub const PARKS: bool = true;

/// Bytes between where a call's stack pointer is at first and the frame pointer of the entry stub, on the host's stack.
const ENTRY_FRAME_BYTES: usize = 6 * size_of::<usize>();

/// Bytes above a stack pointer that is given to [`enter`](super::enter) that a call which may be parked needs.
pub const ABOVE_PARKED_BYTES: usize = 2 * size_of::<usize>();

/// The array-call entry of host functions that park their caller. Where the function returns false, it has recorded why the guest must stop.
///
/// # Safety
/// As for [`exit_host`](super::exit_host).
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn exit_parking(callee: *const VMFuncRef, values: *mut RawValue) -> bool {
    naked_asm!(
        "push rbp",
        "push rbx",
        "mov rdi, [rdi + {vmctx}]",
        "mov rbx, rsp",
        "mov r10, [rdi + {store}]",
        "push r10",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [r10 + {exit}], rbx",
        "mov rsp, [r10 + {host_sp}]",
        "call [rdi + {func}]",
        "mov rdi, [rbx - 8]",
        "test al, al",
        "je 2f",
        "mov eax, {parked}",
        restore_host!(),
        "2:",
        "mov rsp, rbx",
        "jmp {leave}",
        vmctx = const VMFUNCREF_VMCTX,
        store = const VMCTX_STORE,
        exit = const EXIT,
        host_sp = const HOST_SP,
        func = const HOST_FUNC,
        parked = const super::PARKED,
        leave = sym leave,
    )
}

/// Lets a guest go on that is parked at the exit frame `exit`: what it called has returned `value`. Comes back as [`enter`](super::enter) does.
///
/// # Safety
/// The guest was parked there by this store, whose stack is this thread's for wasm; its outermost frame was given to [`prepare_return`].
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn resume(store: *mut VMStoreContext, exit: *const super::ExitFrame, value: u64) -> u8 {
    naked_asm!(
        save_host!(),
        "mov rbx, rsi",
        "mov rsp, rsi",
        "mov r12, [rbx - 16]",
        "mov r13, [rbx - 24]",
        "mov r14, [rbx - 32]",
        "mov r15, [rbx - 40]",
        "mov rbp, [rbx + 8]",
        "cmp dword ptr [rdi + {stop}], 0",
        "jne {leave}",
        "mov rax, rdx",
        "pop rbx",
        "add rsp, 8",
        "ret",
        host_sp = const HOST_SP,
        stop = const STOP,
        leave = sym leave,
    )
}

/// Where the outermost frame of a guest returns to that has been parked. The store is where the stack pointer is then.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
unsafe extern "C" fn returned() {
    naked_asm!(
        "mov rdi, [rsp]",
        "mov rsp, [rdi + {host_sp}]",
        restore_host!(),
        host_sp = const HOST_SP,
    )
}

/// Has a guest that was entered at `stack_top`, and is parked for the first time, return to wherever it is resumed from.
///
/// # Safety
/// The call was the last one that entered wasm of the store, and all its frames are below `stack_top`, above which [`ABOVE_PARKED_BYTES`] are free.
pub unsafe fn prepare_return(store: *mut VMStoreContext, stack_top: usize) {
    let words = stack_top as *mut usize;
    // SAFETY: `enter` has called from there, so that its return address is the first word, and what the guest has pushed next is its frame pointer, if it
    // keeps one. That one would lead profilers to where the host's frames no longer are.
    unsafe {
        let entry_fp = (*store).host_sp as usize + ENTRY_FRAME_BYTES;
        words.write(store as usize);
        words.sub(1).write(returned as *const () as usize);
        if words.sub(2).read() == entry_fp {
            words.sub(2).write(0);
        }
    }
}

/// Bytes below the stack pointer that compiled code may use.
pub const RED_ZONE_BYTES: usize = 128;

/// Bytes of the processor's extended state, as far as [`EXTENDED`] says: AVX-512 ends there in every layout.
const EXTENDED_BYTES: usize = 2752;

/// Bytes that [`preempt`] puts below a guest's stack pointer, at most.
pub const PREEMPT_BYTES: usize = RED_ZONE_BYTES + 24 * size_of::<usize>() + EXTENDED_BYTES + 64;

/// Which parts of the processor's extended state are kept: x87, SSE, AVX, AVX-512 and more general registers, as far as the system has turned them on. Not what no
/// guest changes and what belongs to the thread: protection keys, tiles. Zero where only `fxsave` is known.
static EXTENDED: AtomicU32 = AtomicU32::new(0);

/// Finds out what [`preempt`] has to keep. Before the first tick.
pub fn prepare_preemption() {
    /// # Safety
    /// The processor and the system know `xgetbv`.
    #[target_feature(enable = "xsave")]
    unsafe fn enabled() -> u64 {
        // SAFETY: the caller's promise.
        unsafe { std::arch::x86_64::_xgetbv(0) }
    }
    const KEPT: u64 = 0b1110_0111 | 1 << 19;
    if std::is_x86_feature_detected!("xsave") {
        // SAFETY: just asked for.
        EXTENDED.store((unsafe { enabled() } & KEPT) as u32, Ordering::Relaxed);
    }
}

/// Where a tick sends a guest that gives way: keeps all registers on its stack, and parks it. On the stack are what `rdi` was and the program counter, above them
/// [`RED_ZONE_BYTES`] that stay as they are.
///
/// # Safety
/// Never called: the signal handler goes there, with the store in `rdi`, [`PREEMPT_BYTES`] below what was the stack pointer.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn preempt(store: *mut VMStoreContext) {
    naked_asm!(
        "pushfq",
        "push rax",
        "push rcx",
        "push rdx",
        "push rbx",
        "push rbp",
        "push rsi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "cld",
        "mov rbx, rsp",
        "sub rsp, {bytes}",
        "and rsp, -64",
        // The header says what is kept; of the rest of it the processor wants zeros.
        "xor eax, eax",
        "mov [rsp + 512], rax",
        "mov [rsp + 520], rax",
        "mov [rsp + 528], rax",
        "mov [rsp + 536], rax",
        "mov [rsp + 544], rax",
        "mov [rsp + 552], rax",
        "mov [rsp + 560], rax",
        "mov [rsp + 568], rax",
        "xor edx, edx",
        "mov eax, dword ptr [rip + {extended}]",
        "test eax, eax",
        "je 2f",
        "xsave64 [rsp]",
        "jmp 3f",
        "2:",
        "fxsave64 [rsp]",
        "3:",
        // What a backtrace reads: the program counter as a return address, the frame pointer; and for `resume_preempted` where the registers are.
        "mov rax, [rbx + 128]",
        "inc rax",
        "push rax",
        "push rbp",
        "push rbx",
        "mov [rdi + {exit}], rsp",
        "mov rsp, [rdi + {host_sp}]",
        "mov eax, {preempted}",
        restore_host!(),
        bytes = const EXTENDED_BYTES,
        extended = sym EXTENDED,
        exit = const EXIT,
        host_sp = const HOST_SP,
        preempted = const super::PREEMPTED,
    )
}

/// Lets a guest go on that [`preempt`] has parked at `exit`. Comes back as [`enter`](super::enter) does.
///
/// # Safety
/// As for [`resume`].
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn resume_preempted(store: *mut VMStoreContext, exit: *const super::ExitFrame) -> u8 {
    naked_asm!(
        save_host!(),
        "cmp dword ptr [rdi + {stop}], 0",
        "jne {unwind}",
        "mov rsp, rsi",
        "mov rbx, [rsi]",
        "lea rcx, [rbx - {bytes}]",
        "and rcx, -64",
        "xor edx, edx",
        "mov eax, dword ptr [rip + {extended}]",
        "test eax, eax",
        "je 2f",
        "xrstor64 [rcx]",
        "jmp 3f",
        "2:",
        "fxrstor64 [rcx]",
        "3:",
        "mov rsp, rbx",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rsi",
        "pop rbp",
        "pop rbx",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "popfq",
        "pop rdi",
        "ret {red_zone}",
        host_sp = const HOST_SP,
        stop = const STOP,
        bytes = const EXTENDED_BYTES,
        extended = sym EXTENDED,
        red_zone = const RED_ZONE_BYTES,
        unwind = sym unwind,
    )
}
