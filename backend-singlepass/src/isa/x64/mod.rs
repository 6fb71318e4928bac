//! x86-64: everything that knows an instruction or a register.

mod asm;
mod atomic;
mod call;
mod cold;
mod compare;
mod control;
mod convert;
mod cpu;
mod exceptions;
mod float;
mod frame;
mod int;
mod lanes;
mod loops;
mod machine;
mod memory;
mod regs;
mod simd;
mod simd_float;
mod simd_int;
mod trampoline;

pub(crate) use asm::X64;

/// The neutral types, for this machine.
type Codegen = crate::codegen::Codegen<X64>;
type Pending = crate::pending::PendingOf<X64>;
type Place = crate::memory::PlaceOf<X64>;
