//! x86-64: the stub by which better code calls a function of its module that has no better code yet.

use std::arch::naked_asm;
use std::mem::offset_of;

use wasmer_runtime_core::layout::*;

use super::x64::{EXIT, FOREIGN_CALL, HOST_SP, STOP, leave};
use crate::instance::Instance;
use crate::instance::tier::Tier;

/// Where the vmctx's instance has the table of what functions without better code go on with.
const INSTANCE_RETURNS: usize = offset_of!(Instance, tier) + offset_of!(Tier, returns);

/// Where entries of better code lead of functions that have none yet, with the function's number in `eax`: goes on in the first tier's code, or in what is
/// compiled now. The registers are those of the entry of a function of a convention that passes the vmctx in `rdi` and other arguments in `rsi`, `rdx`, `rcx`, `r8`,
/// `r9` and `xmm0` to `xmm7`, which those of C and of Cranelift are, and so is the frame: for whoever looks at the stack meanwhile, the function's caller has left wasm.
///
/// # Safety
/// Never called from Rust.
#[unsafe(naked)]
#[unsafe(link_section = "wasmer_stubs")]
pub unsafe extern "C" fn return_entry() {
    naked_asm!(
        "mov r11, [rdi + {instance}]",
        "mov r11, [r11 + {returns}]",
        "test r11, r11",
        "je 2f",
        "mov r11, [r11 + rax * 8]",
        "test r11, r11",
        "je 2f",
        "mov rdi, r11",
        "jmp [r11 + {foreign_call}]",
        "2:",
        "push rbp",
        "push rbx",
        "mov rbx, rsp",
        "mov r10, [rdi + {store}]",
        "push r10",
        "push rsi",
        "push rdx",
        "push rcx",
        "push r8",
        "push r9",
        "sub rsp, 128",
        "movups [rsp + 0], xmm0",
        "movups [rsp + 16], xmm1",
        "movups [rsp + 32], xmm2",
        "movups [rsp + 48], xmm3",
        "movups [rsp + 64], xmm4",
        "movups [rsp + 80], xmm5",
        "movups [rsp + 96], xmm6",
        "movups [rsp + 112], xmm7",
        "mov [r10 + {exit}], rbx",
        "mov rsp, [r10 + {host_sp}]",
        "mov esi, eax",
        "call {go_back}",
        "lea rsp, [rbx - 176]",
        "mov rdi, [rbx - 8]",
        "cmp dword ptr [rdi + {stop}], 0",
        "jne {leave}",
        "mov r11, rdx",
        "movups xmm0, [rsp + 0]",
        "movups xmm1, [rsp + 16]",
        "movups xmm2, [rsp + 32]",
        "movups xmm3, [rsp + 48]",
        "movups xmm4, [rsp + 64]",
        "movups xmm5, [rsp + 80]",
        "movups xmm6, [rsp + 96]",
        "movups xmm7, [rsp + 112]",
        "add rsp, 128",
        "pop r9",
        "pop r8",
        "pop rcx",
        "pop rdx",
        "pop rsi",
        "pop r10",
        "pop rbx",
        "pop rbp",
        "mov rdi, r11",
        "jmp rax",
        instance = const VMCTX_INSTANCE,
        returns = const INSTANCE_RETURNS,
        foreign_call = const FOREIGN_CALL,
        store = const VMCTX_STORE,
        exit = const EXIT,
        host_sp = const HOST_SP,
        stop = const STOP,
        go_back = sym crate::libcalls::go_back,
        leave = sym leave,
    )
}
