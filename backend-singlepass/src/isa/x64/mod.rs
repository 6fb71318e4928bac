//! x86-64: everything that knows an instruction or a register.

mod asm;
mod atomic;
mod call;
mod cold;
mod compare;
mod control;
mod convert;
mod float;
mod frame;
pub(crate) mod int;
mod lanes;
mod machine;
pub(crate) mod memory;
mod regs;
mod simd;
mod simd_float;
mod simd_int;
pub(crate) mod trampoline;

pub(crate) use asm::Asm;
pub(crate) use atomic::plain_load;
pub(crate) use cold::Cold;
pub(crate) use control::Condition;
pub(crate) use memory::Place;
pub(crate) use regs::MEMORY;

use crate::regs::Reg;
use wasmer_runtime_core::types::Ty;

/// Where a label with one operand has it.
pub(crate) const fn label_register(ty: Ty) -> Reg {
    if ty.is_int_class() { regs::INT_RESULTS[0] } else { regs::FLOAT_RESULTS[0] }
}
