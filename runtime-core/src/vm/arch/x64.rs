//! x86-64: the stubs between the host's stack and wasm stacks, and the signal context.
//!
//! The host calls wasm through [`enter`]. Wasm calls the host through [`exit_host`] (host functions, by array call) and the
//! libcall stubs of [`libcall_table`]. All stubs keep the frame pointer chain whole. [`unwind`] leaves wasm from anywhere: it goes back to
//! the innermost `enter`, which then returns false.

use std::arch::naked_asm;
use std::ffi::c_void;
use std::mem::offset_of;

use crate::libcall::Libcall;
use crate::vm::host::VMHostContext;
use crate::vm::layout::*;
use crate::vm::libcalls;
use crate::vm::vmcontext::*;

const STOP: usize = offset_of!(VMStoreContext, stop);
const HOST_SP: usize = offset_of!(VMStoreContext, host_sp);
const WASM_SP: usize = offset_of!(VMStoreContext, wasm_sp);
const EXIT_FP: usize = offset_of!(VMStoreContext, exit_fp);
const EXIT_PC: usize = offset_of!(VMStoreContext, exit_pc);
const HOST_FUNC: usize = offset_of!(VMHostContext, func);

/// Calls `array_call(callee, values)` on the wasm stack that ends at `stack_top` (16-byte aligned).
///
/// The store's `stop` is tested once more on the wasm stack: whoever asks for an interrupt before that is seen here, and whoever asks
/// later finds the thread where its signal works (see [`is_stub`]).
///
/// Saves what C wants preserved on the host's stack, because wasm code preserves nothing. The frame pointer of the first wasm frame is zero: the end
/// of the chain.
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
) -> bool {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov [rdi + {host_sp}], rsp",
        "mov rax, rsp",
        "mov rsp, rcx",
        "push rax",
        "push rax",
        "cmp dword ptr [rdi + {stop}], 0",
        "jne 2f",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "xor ebp, ebp",
        "call r8",
        "pop rsp",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        // Nothing of the guest runs yet: an interrupt here has no backtrace.
        "2:",
        "mov qword ptr [rdi + {exit_fp}], 0",
        "mov qword ptr [rdi + {exit_pc}], 0",
        "jmp {unwind}",
        host_sp = const HOST_SP,
        stop = const STOP,
        exit_fp = const EXIT_FP,
        exit_pc = const EXIT_PC,
        unwind = sym unwind,
    )
}

/// Leaves wasm: goes back to the innermost [`enter`] of the store in `rdi`, which returns false.
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
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        host_sp = const HOST_SP,
    )
}

/// The array-call entry of every host function: switches to the host's stack and calls the function in the callee's
/// [`VMHostContext`].
///
/// # Safety
/// Called by compiled code only, on a wasm stack.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn exit_host(callee: *const VMFuncRef, values: *mut RawValue) -> bool {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "mov rdi, [rdi + {vmctx}]",
        "mov r10, [rdi + {store}]",
        "mov r11, [rbp]",
        "mov [r10 + {exit_fp}], r11",
        "mov r11, [rbp + 8]",
        "mov [r10 + {exit_pc}], r11",
        "mov [r10 + {wasm_sp}], rsp",
        "mov r11, rsp",
        "mov rsp, [r10 + {host_sp}]",
        "push r11",
        "push r10",
        "call [rdi + {func}]",
        "pop rdi",
        "pop rsp",
        "cmp dword ptr [rdi + {stop}], 0",
        "jne {unwind}",
        "pop rbp",
        "ret",
        vmctx = const VMFUNCREF_VMCTX,
        store = const VMCTX_STORE,
        exit_fp = const EXIT_FP,
        exit_pc = const EXIT_PC,
        wasm_sp = const WASM_SP,
        host_sp = const HOST_SP,
        stop = const STOP,
        func = const HOST_FUNC,
        unwind = sym unwind,
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

/// A stub for a libcall: switches to the host's stack around it, with the arguments where they are. `r10` and `r11` are
/// free in C's convention.
macro_rules! libcall_stub {
    ($implementation:path) => {{
        /// # Safety
        /// Called by compiled code only, on a wasm stack.
        #[unsafe(naked)]
        #[unsafe(link_section = "wasmer_stubs")]
        unsafe extern "C" fn stub() {
            naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                "mov r10, [rdi + {store}]",
                "mov r11, [rbp]",
                "mov [r10 + {exit_fp}], r11",
                "mov r11, [rbp + 8]",
                "mov [r10 + {exit_pc}], r11",
                "mov [r10 + {wasm_sp}], rsp",
                "mov r11, rsp",
                "mov rsp, [r10 + {host_sp}]",
                "push r11",
                "push r10",
                "call {implementation}",
                "pop rdi",
                "pop rsp",
                "cmp dword ptr [rdi + {stop}], 0",
                "jne {unwind}",
                "pop rbp",
                "ret",
                store = const VMCTX_STORE,
                exit_fp = const EXIT_FP,
                exit_pc = const EXIT_PC,
                wasm_sp = const WASM_SP,
                host_sp = const HOST_SP,
                stop = const STOP,
                implementation = sym $implementation,
                unwind = sym unwind,
            )
        }
        LibcallEntry(stub as *const c_void)
    }};
}

/// An entry of the table of libcalls.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct LibcallEntry(*const c_void);

// SAFETY: the pointer is the address of a function.
unsafe impl Sync for LibcallEntry {}

/// One entry per [`Libcall`], in order.
static LIBCALLS: [LibcallEntry; Libcall::ALL.len()] = [
    libcall_stub!(libcalls::memory_grow),
    libcall_stub!(libcalls::memory_copy),
    libcall_stub!(libcalls::memory_fill),
    libcall_stub!(libcalls::memory_init),
    libcall_stub!(libcalls::data_drop),
    libcall_stub!(libcalls::table_get),
    libcall_stub!(libcalls::table_set),
    libcall_stub!(libcalls::table_size),
    libcall_stub!(libcalls::table_grow),
    libcall_stub!(libcalls::table_fill),
    libcall_stub!(libcalls::table_copy),
    libcall_stub!(libcalls::table_init),
    libcall_stub!(libcalls::elem_drop),
    libcall_stub!(libcalls::ref_func),
    libcall_stub!(libcalls::call_indirect_slow),
    libcall_stub!(libcalls::call_ref_slow),
    libcall_stub!(libcalls::atomic_notify),
    libcall_stub!(libcalls::atomic_wait32),
    libcall_stub!(libcalls::atomic_wait64),
    libcall_stub!(libcalls::raise_trap),
];

/// The table that every context points to.
pub fn libcall_table() -> *const *const c_void {
    LIBCALLS.as_ptr().cast()
}

unsafe extern "C" {
    /// The linker gives these names to the bounds of the section that all stubs are in.
    #[link_name = "__start_wasmer_stubs"]
    static STUBS_START: u8;
    #[link_name = "__stop_wasmer_stubs"]
    static STUBS_END: u8;
}

/// Whether an address is in a stub. A thread with its stack pointer on a wasm stack can leave wasm from there as from compiled code:
/// [`unwind`] needs nothing but the store, and what the stubs change besides registers is only looked at between them.
pub fn is_stub(pc: usize) -> bool {
    (&raw const STUBS_START as usize..&raw const STUBS_END as usize).contains(&pc)
}

/// What the signal handler reads and changes of an interrupted thread.
pub struct SignalContext<'a>(&'a mut libc::ucontext_t);

impl<'a> SignalContext<'a> {
    /// The context that a signal handler was given.
    ///
    /// # Safety
    /// `context` is the third argument of a handler that runs now.
    pub unsafe fn new(context: *mut c_void) -> Self {
        // SAFETY: by the caller's promise it is a `ucontext_t` that nobody else uses.
        Self(unsafe { &mut *context.cast() })
    }

    /// Program counter.
    pub fn pc(&self) -> usize {
        self.0.uc_mcontext.gregs[libc::REG_RIP as usize] as usize
    }

    /// Stack pointer.
    pub fn sp(&self) -> usize {
        self.0.uc_mcontext.gregs[libc::REG_RSP as usize] as usize
    }

    /// Frame pointer.
    pub fn fp(&self) -> usize {
        self.0.uc_mcontext.gregs[libc::REG_RBP as usize] as usize
    }

    /// Makes the thread go on in [`unwind`] for a store.
    pub fn resume_at_unwind(&mut self, store: *mut VMStoreContext) {
        self.0.uc_mcontext.gregs[libc::REG_RIP as usize] = unwind as *const () as i64;
        self.0.uc_mcontext.gregs[libc::REG_RDI as usize] = store as i64;
    }
}
