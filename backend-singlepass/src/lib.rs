//! The single-pass compiler: WebAssembly to machine code in one linear pass over the operators.
//!
//! [`Singlepass`] implements [`wasmer_runtime_core::compiler::Compiler`]. Its workers drive the one operator translator with a code
//! generator (`codegen`) that keeps an abstract operand stack (`alloc`, `pending`), merges control flow by reconciling states
//! (`control`, `exceptions`, `moves`), and writes instructions at once (`labels` for what is not known yet). It is generic over the machine: `masm` is
//! the port, `isa` has the machines.

mod alloc;
mod codegen;
mod cold;
mod compiler;
mod control;
mod dispatch;
mod exceptions;
mod isa;
mod labels;
mod loops;
mod masm;
mod memory;
mod moves;
mod pending;
mod regs;

pub use compiler::Singlepass;

use wasmer_runtime_core::compiler::Abi;

/// The convention of this compiler's code.
const ABI: Abi = Abi::new(1);
