//! x86-64: the stub by which a function goes on in better code where one of its loops begins.

use std::arch::naked_asm;

use wasmer_runtime_core::layout::*;
use wasmer_runtime_core::vmcontext::*;

use super::ExitFrame;
use super::x64::{EXIT, HOST_SP, STOP, leave, pop_vectors, push_vectors};

/// What [`ask_at_loop`] leaves on the wasm stack: where wasm was left, and below that the registers that locals are in.
#[repr(C)]
pub struct AskFrame {
    vectors: [u128; 8],
    /// `r13` to `r8`.
    general: [u64; 6],
    store: usize,
    exit: ExitFrame,
}

impl AskFrame {
    /// What a register held, as the processor numbers them: general ones from 0, those of vectors from 16 on. Those that no local is in held nothing.
    pub fn register(&self, number: u8) -> u128 {
        match number {
            3 => self.exit.rbx as u128,
            8..14 => self.general[usize::from(13 - number)].into(),
            23..31 => self.vectors[usize::from(number - 23)],
            _ => 0,
        }
    }

    /// The frame pointer of the function.
    pub fn fp(&self) -> usize {
        self.exit.fp
    }

    /// The return address into the function.
    pub fn pc(&self) -> usize {
        self.exit.pc
    }
}

const VALUES: usize = std::mem::offset_of!(VMStoreContext, values);
const BELOW_EXIT_BYTES: usize = std::mem::offset_of!(AskFrame, exit);
const STORE_BELOW_EXIT: usize = BELOW_EXIT_BYTES - std::mem::offset_of!(AskFrame, store);

/// What loops of a first tier call, with the number of the loop in `eax`, the vmctx in `r14`, and locals in the registers of arguments: asks for something to go
/// on in. If there is something, that runs in place of the rest of the function, called by array call from the function's frame with its values in the store's
/// context, and this returns true with the results there. If not, it returns false, and the registers are as they were.
///
/// # Safety
/// Never called from Rust.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn ask_at_loop() {
    naked_asm!(
        "push rbp",
        "push rbx",
        "mov rbx, rsp",
        "mov rcx, [r14 + {store}]",
        "push rcx",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        push_vectors!(),
        "mov rdx, rsp",
        "mov [rcx + {exit}], rbx",
        "mov rsp, [rcx + {host_sp}]",
        "mov rdi, r14",
        "mov esi, eax",
        "call {go_on}",
        "mov rdi, [rbx - {store_below_exit}]",
        "lea rsp, [rbx - {below_exit}]",
        "cmp dword ptr [rdi + {stop}], 0",
        "jne {leave}",
        "test rax, rax",
        "jne 2f",
        pop_vectors!(),
        "pop r13",
        "pop r12",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rcx",
        "pop rbx",
        "pop rbp",
        "ret",
        "2:",
        "mov rsp, rbx",
        "pop rbx",
        "pop rbp",
        "lea rsi, [rdi + {values}]",
        "mov rdi, rax",
        "jmp [rdi + {array_call}]",
        store = const VMCTX_STORE,
        exit = const EXIT,
        host_sp = const HOST_SP,
        stop = const STOP,
        values = const VALUES,
        below_exit = const BELOW_EXIT_BYTES,
        store_below_exit = const STORE_BELOW_EXIT,
        array_call = const VMFUNCREF_ARRAY_CALL,
        go_on = sym crate::libcalls::go_on_at_loop,
        leave = sym leave,
    )
}
