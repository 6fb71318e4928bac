//! The roles of the registers, which are also the wasm call convention.
//!
//! | registers | role |
//! |---|---|
//! | `rsp`, `rbp` | stack, frame chain |
//! | `r14` | vmctx; on entry the callee's |
//! | `r15` | base address of memory 0, or of the heap |
//! | `rax rcx rdx rsi rdi`, `xmm0`–`xmm6` | operands; the first three and four of them: results |
//! | `rbx r8`–`r13`, `xmm7`–`xmm14` | pinned locals; in this order: arguments. Where code is metered, `r13` is the fuel and nothing else, and `r12` at calls and returns the store context |
//! | `xmm15` | temporary |
//!
//! A call preserves only `rbp` and `rsp`. Arguments and results that do not fit registers go through the store context's room
//! ([`VMSTORE_VALUES`](wasmer_runtime_core::layout::VMSTORE_VALUES)), at their positions: so nothing is ever passed on the stack, and a tail call needs no more than a jump.
//! 32-bit integers in registers have zeros in their upper half, always.

use wasmer_runtime_core::types::Ty;

use crate::regs::Reg;

pub(crate) const RAX: Reg = Reg(0);
pub(crate) const RCX: Reg = Reg(1);
pub(crate) const RDX: Reg = Reg(2);
pub(crate) const RBX: Reg = Reg(3);
pub(crate) const RSP: Reg = Reg(4);
pub(crate) const RBP: Reg = Reg(5);
pub(crate) const RSI: Reg = Reg(6);
pub(crate) const RDI: Reg = Reg(7);
pub(crate) const R8: Reg = Reg(8);
pub(crate) const R9: Reg = Reg(9);
pub(crate) const R10: Reg = Reg(10);
pub(crate) const R11: Reg = Reg(11);
pub(crate) const R12: Reg = Reg(12);
pub(crate) const R13: Reg = Reg(13);
/// The vmctx of the running function.
pub(crate) const VMCTX: Reg = Reg(14);
/// The base address that the function keeps: of memory 0, or of the heap.
pub(crate) const MEMORY: Reg = Reg(15);
/// Where code is metered: what is left of the store's fuel, from function to function.
pub(crate) const FUEL: Reg = R13;
/// Where code is metered: the store context, which all of its instances share; in a function that has locals enough, one of these.
pub(crate) const STORE: Reg = R12;

pub(crate) const fn xmm(number: u8) -> Reg {
    Reg::float(number)
}

/// No operand is ever in it.
pub(crate) const XMM_TEMP: Reg = xmm(15);

/// Where the frame keeps the vmctx.
pub(crate) const VMCTX_PLACE: i32 = -8;

pub(crate) const INT_ARGS: &[Reg] = &[RBX, R8, R9, R10, R11, R12, R13];
pub(crate) const FLOAT_ARGS: &[Reg] = &[xmm(7), xmm(8), xmm(9), xmm(10), xmm(11), xmm(12), xmm(13), xmm(14)];
pub(crate) const INT_RESULTS: &[Reg] = &[RAX, RCX, RDX];
pub(crate) const FLOAT_RESULTS: &[Reg] = &[xmm(0), xmm(1), xmm(2), xmm(3)];

/// The registers that locals of integers can have: all but the fuel's.
pub(crate) const fn int_pins(metered: bool) -> &'static [Reg] {
    let (ints, _) = INT_ARGS.split_at(INT_ARGS.len() - metered as usize);
    ints
}

/// Assigns registers to a list of arguments or results, in order.
pub(crate) struct RegisterAssigner {
    ints: &'static [Reg],
    floats: &'static [Reg],
}

impl RegisterAssigner {
    /// Where code is metered, the last two registers are the store context and the fuel.
    pub(crate) const fn args(metered: bool) -> Self {
        let (ints, _) = INT_ARGS.split_at(INT_ARGS.len() - 2 * metered as usize);
        Self { ints, floats: FLOAT_ARGS }
    }

    pub(crate) const fn results() -> Self {
        Self { ints: INT_RESULTS, floats: FLOAT_RESULTS }
    }

    /// The register of the next value, unless it goes through memory.
    pub(crate) fn next(&mut self, ty: Ty) -> Option<Reg> {
        let regs = if ty.is_int_class() { &mut self.ints } else { &mut self.floats };
        let (first, rest) = regs.split_first()?;
        *regs = rest;
        Some(*first)
    }
}
