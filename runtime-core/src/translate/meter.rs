//! Metering: what operators cost, and where code pays for them.
//!
//! A cost is known when an operator is translated. Costs add up along a run of operators, and [`FuncCodegen::meter`] is called where the run
//! ends: before a branch, an `if`, a loop, the end of a block that branches go to, a call, an operator whose length only the host knows, and a return. So at
//! every label, in every callee and in the host, all that ran before is paid, whatever way led there. [`Meter::Check`] stands where code can
//! come again and again, or leaves the function: on the way back to a loop, before calls, before the returns of all but small functions. What runs between
//! two checks is at most one way through a function without its loops, and the rest of the small functions that it returns to.
//!
//! Nothing here depends on a backend, so the count is the same on all of them, as long as each has done what is paid when it traps.

use crate::translate::codegen::{FuncCodegen, Meter, Result};
use crate::translate::func::Visitor;

/// Operators that only give structure, or that nothing remains of.
pub(super) const STRUCTURE: u32 = 0;
/// Every operator without a price of its own.
pub(super) const PLAIN: u32 = 1;
/// Divisions, remainders and square roots.
pub(super) const DIVISION: u32 = 8;
/// Calls, direct or not.
pub(super) const CALL: u32 = 4;
/// Objects whose size is known, beside that.
pub(super) const ALLOCATION: u32 = 4;
/// Atomic accesses and fences.
pub(super) const ATOMIC: u32 = 8;
/// Operators that the host does. Those with a length pay for it beside that, see [`of_bytes`].
pub(super) const HOST: u32 = 32;
/// So many operands that a branch or call moves, and so many locals that a function begins with, cost one.
const MOVED_FOR_ONE: usize = 4;

/// Bytes of the largest body that is small: its caller checks soon, and if that is the host, it is told. So what runs on credit is at most this for each
/// frame that fits a stack.
const SMALL_BODY_BYTES: usize = 256;

/// What the returns of a function are to the meter, by the length of its body.
pub(super) const fn at_returns(body_bytes: usize) -> Meter {
    if body_bytes <= SMALL_BODY_BYTES { Meter::Count } else { Meter::Check }
}

/// Logarithm of the bytes that a block operation moves or a memory grows by for one unit. An element of a table has as many.
pub const BYTES_FOR_ONE_LOG2: u32 = 3;

/// What a block of bytes costs.
pub const fn of_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << BYTES_FOR_ONE_LOG2)
}

/// What an operator costs, by the table that it is in.
#[rustfmt::skip]
macro_rules! cost {
    ($table:ident Nop) => { meter::STRUCTURE };
    ($table:ident Unreachable) => { meter::STRUCTURE };
    ($table:ident Block) => { meter::STRUCTURE };
    ($table:ident Loop) => { meter::STRUCTURE };
    ($table:ident Else) => { meter::STRUCTURE };
    ($table:ident End) => { meter::STRUCTURE };
    ($table:ident Drop) => { meter::STRUCTURE };
    ($table:ident Call) => { meter::CALL };
    ($table:ident CallIndirect) => { meter::CALL };
    ($table:ident CallRef) => { meter::CALL };
    ($table:ident ReturnCall) => { meter::CALL };
    ($table:ident ReturnCallIndirect) => { meter::CALL };
    ($table:ident ReturnCallRef) => { meter::CALL };
    ($table:ident I32DivS) => { meter::DIVISION };
    ($table:ident I32DivU) => { meter::DIVISION };
    ($table:ident I32RemS) => { meter::DIVISION };
    ($table:ident I32RemU) => { meter::DIVISION };
    ($table:ident I64DivS) => { meter::DIVISION };
    ($table:ident I64DivU) => { meter::DIVISION };
    ($table:ident I64RemS) => { meter::DIVISION };
    ($table:ident I64RemU) => { meter::DIVISION };
    ($table:ident F32Div) => { meter::DIVISION };
    ($table:ident F64Div) => { meter::DIVISION };
    ($table:ident F32Sqrt) => { meter::DIVISION };
    ($table:ident F64Sqrt) => { meter::DIVISION };
    ($table:ident F32x4Div) => { meter::DIVISION };
    ($table:ident F64x2Div) => { meter::DIVISION };
    ($table:ident F32x4Sqrt) => { meter::DIVISION };
    ($table:ident F64x2Sqrt) => { meter::DIVISION };
    ($table:ident MemoryGrow) => { meter::HOST };
    ($table:ident MemoryCopy) => { meter::HOST };
    ($table:ident MemoryFill) => { meter::HOST };
    ($table:ident MemoryInit) => { meter::HOST };
    ($table:ident DataDrop) => { meter::HOST };
    ($table:ident TableGet) => { meter::HOST };
    ($table:ident TableSet) => { meter::HOST };
    ($table:ident TableSize) => { meter::HOST };
    ($table:ident TableGrow) => { meter::HOST };
    ($table:ident TableFill) => { meter::HOST };
    ($table:ident TableCopy) => { meter::HOST };
    ($table:ident TableInit) => { meter::HOST };
    ($table:ident ElemDrop) => { meter::HOST };
    ($table:ident RefFunc) => { meter::HOST };
    ($table:ident StructNew) => { meter::ALLOCATION };
    ($table:ident StructNewDefault) => { meter::ALLOCATION };
    ($table:ident ArrayNewFixed) => { meter::ALLOCATION };
    ($table:ident ArrayNew) => { meter::HOST };
    ($table:ident ArrayNewDefault) => { meter::HOST };
    ($table:ident ArrayNewData) => { meter::HOST };
    ($table:ident ArrayNewElem) => { meter::HOST };
    ($table:ident ArrayFill) => { meter::HOST };
    ($table:ident ArrayCopy) => { meter::HOST };
    ($table:ident ArrayInitData) => { meter::HOST };
    ($table:ident ArrayInitElem) => { meter::HOST };
    ($table:ident AnyConvertExtern) => { meter::HOST };
    (atomic_operator MemoryAtomicNotify) => { meter::HOST };
    (atomic_operator MemoryAtomicWait32) => { meter::HOST };
    (atomic_operator MemoryAtomicWait64) => { meter::HOST };
    (atomic_operator $op:ident) => { meter::ATOMIC };
    ($table:ident $op:ident) => { meter::PLAIN };
}

pub(super) use cost;

impl<C: FuncCodegen> Visitor<'_, C> {
    /// Adds the cost of moving operands, or of making locals.
    #[inline]
    pub(super) fn cost_of_moving(&mut self, operands: usize) {
        self.cost += (operands / MOVED_FOR_ONE) as u32;
    }

    /// Pays for what was translated since it was last paid. Afterwards code can come here, or go elsewhere, from or to any place where this was done.
    #[inline]
    pub(super) fn pay(&mut self, point: Meter) -> Result<()> {
        let cost = std::mem::take(&mut self.cost);
        if self.module.metered && cost != 0 { self.codegen.meter(cost, point) } else { Ok(()) }
    }

    /// Code is translated to which no flow of control leads from the operator before: that one's costs are its own.
    #[inline]
    pub(super) fn owe_nothing(&mut self) {
        self.cost = 0;
    }
}
