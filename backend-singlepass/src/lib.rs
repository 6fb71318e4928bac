//! The single-pass compiler: WebAssembly to machine code in one linear pass over the operators.
//!
//! [`Singlepass`] implements [`wasmer_runtime_core::compiler::Compiler`]. Its workers drive the one operator translator with a code
//! generator (`codegen`) that keeps an abstract operand stack (`alloc`), merges control flow by reconciling states
//! (`control`, `moves`), and writes instructions at once (`labels` for what is not known yet). What knows x86-64 is in `isa/x64`.

mod alloc;
mod codegen;
mod compiler;
mod control;
mod dispatch;
mod isa;
mod labels;
mod moves;
mod regs;
mod scan;

/// The machine that code is made for: another one is another folder with the same files.
use isa::x64 as arch;

pub use compiler::Singlepass;
