//! Scalar integer operators (specification, section 4.3.2) and wide arithmetic.

use inkwell::IntPredicate;
use inkwell::values::InstructionOpcode as Op;
use wasmer_runtime_core::translate::codegen::Result;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::Width;

use crate::codegen::{Codegen, V};

/// LLVM's name of a comparison.
pub(crate) fn int_predicate(op: IntCompare) -> IntPredicate {
    match op {
        IntCompare::Eq => IntPredicate::EQ,
        IntCompare::Ne => IntPredicate::NE,
        IntCompare::LtS => IntPredicate::SLT,
        IntCompare::LtU => IntPredicate::ULT,
        IntCompare::GtS => IntPredicate::SGT,
        IntCompare::GtU => IntPredicate::UGT,
        IntCompare::LeS => IntPredicate::SLE,
        IntCompare::LeU => IntPredicate::ULE,
        IntCompare::GeS => IntPredicate::SGE,
        IntCompare::GeU => IntPredicate::UGE,
    }
}

impl<'ctx> Codegen<'ctx, '_> {
    pub(crate) fn emit_int_unary(&mut self, op: IntUnary, width: Width, value: V<'ctx>) -> Result<V<'ctx>> {
        let ty = value.get_type();
        // `false`: zero is not poison, its count is the width.
        let zero_is_poison = self.t.i1.const_zero();
        match op {
            IntUnary::Clz => self.intrinsic("llvm.ctlz", &[ty], &[value.into(), zero_is_poison.into()]),
            IntUnary::Ctz => self.intrinsic("llvm.cttz", &[ty], &[value.into(), zero_is_poison.into()]),
            IntUnary::Popcnt => self.intrinsic_like("llvm.ctpop", &[value]),
            IntUnary::Extend8 => self.extend_low(value, 8, width),
            IntUnary::Extend16 => self.extend_low(value, 16, width),
            IntUnary::Extend32 => self.extend_low(value, 32, width),
        }
    }

    fn extend_low(&mut self, value: V<'ctx>, bits: u32, width: Width) -> Result<V<'ctx>> {
        if bits == width.bits() {
            return Ok(value);
        }
        let low = self.cast(Op::Trunc, value, self.t.int_bits(bits))?;
        self.cast(Op::SExt, low, self.t.int(width))
    }

    pub(crate) fn emit_int_binary(
        &mut self,
        op: IntBinary,
        width: Width,
        lhs: V<'ctx>,
        rhs: V<'ctx>,
    ) -> Result<V<'ctx>> {
        match op {
            IntBinary::Add => self.bin(Op::Add, lhs, rhs),
            IntBinary::Sub => self.bin(Op::Sub, lhs, rhs),
            IntBinary::Mul => self.bin(Op::Mul, lhs, rhs),
            IntBinary::DivS => {
                self.trap_if_zero(rhs)?;
                self.trap_if_overflow(width, lhs, rhs)?;
                self.bin(Op::SDiv, lhs, rhs)
            }
            IntBinary::DivU => {
                self.trap_if_zero(rhs)?;
                self.bin(Op::UDiv, lhs, rhs)
            }
            IntBinary::RemS => self.rem_s(lhs, rhs),
            IntBinary::RemU => {
                self.trap_if_zero(rhs)?;
                self.bin(Op::URem, lhs, rhs)
            }
            IntBinary::And => self.bin(Op::And, lhs, rhs),
            IntBinary::Or => self.bin(Op::Or, lhs, rhs),
            IntBinary::Xor => self.bin(Op::Xor, lhs, rhs),
            IntBinary::Shl => self.shift(Op::Shl, width, lhs, rhs),
            IntBinary::ShrS => self.shift(Op::AShr, width, lhs, rhs),
            IntBinary::ShrU => self.shift(Op::LShr, width, lhs, rhs),
            // Funnel shifts take their count modulo the width, as wasm does.
            IntBinary::Rotl => self.intrinsic_like("llvm.fshl", &[lhs, lhs, rhs]),
            IntBinary::Rotr => self.intrinsic_like("llvm.fshr", &[lhs, lhs, rhs]),
        }
    }

    /// For LLVM a division by zero, or one that overflows, is undefined, and can be assumed never to happen: the trap is a branch of its own.
    fn trap_if_zero(&mut self, divisor: V<'ctx>) -> Result<()> {
        let zero = self.icmp(IntPredicate::EQ, divisor, self.const_like(divisor, 0))?;
        self.trap_if(zero.into_int_value(), TrapCode::IntegerDivideByZero)
    }

    fn trap_if_overflow(&mut self, width: Width, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<()> {
        let min = self.icmp(IntPredicate::EQ, lhs, self.const_like(lhs, 1 << (width.bits() - 1)))?;
        let minus_one = self.icmp(IntPredicate::EQ, rhs, self.const_like(rhs, u64::MAX))?;
        let overflow = self.bin(Op::And, min, minus_one)?;
        self.trap_if(overflow.into_int_value(), TrapCode::IntegerOverflow)
    }

    /// `MIN % -1` is 0, but undefined in LLVM: a divisor of -1 becomes 1, whose remainder is 0 as well.
    fn rem_s(&mut self, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>> {
        self.trap_if_zero(rhs)?;
        let minus_one = self.icmp(IntPredicate::EQ, rhs, self.const_like(rhs, u64::MAX))?;
        let divisor = self.select_value(minus_one, self.const_like(rhs, 1), rhs)?;
        self.bin(Op::SRem, lhs, divisor)
    }

    fn shift(&mut self, op: Op, width: Width, value: V<'ctx>, count: V<'ctx>) -> Result<V<'ctx>> {
        // LLVM's shifts by the width or more are poison; x86's take the count modulo the width, so nothing is left of the mask.
        let count = self.bin(Op::And, count, self.const_like(count, width.bits() as u64 - 1))?;
        self.bin(op, value, count)
    }

    pub(crate) fn emit_int_compare(
        &mut self,
        op: IntCompare,
        _width: Width,
        lhs: V<'ctx>,
        rhs: V<'ctx>,
    ) -> Result<V<'ctx>> {
        let holds = self.icmp(int_predicate(op), lhs, rhs)?;
        self.flag(holds)
    }

    pub(crate) fn emit_int_eqz(&mut self, _width: Width, value: V<'ctx>) -> Result<V<'ctx>> {
        let zero = self.icmp(IntPredicate::EQ, value, self.const_like(value, 0))?;
        self.flag(zero)
    }

    pub(crate) fn emit_wide(&mut self, op: WideOp, operands: &[V<'ctx>]) -> Result<(V<'ctx>, V<'ctx>)> {
        let wide = match op {
            WideOp::Add128 | WideOp::Sub128 => {
                let lhs = self.join(operands[0], operands[1])?;
                let rhs = self.join(operands[2], operands[3])?;
                self.bin(if op == WideOp::Add128 { Op::Add } else { Op::Sub }, lhs, rhs)?
            }
            WideOp::MulWideS | WideOp::MulWideU => {
                let extend = if op == WideOp::MulWideS { Op::SExt } else { Op::ZExt };
                let lhs = self.cast(extend, operands[0], self.t.i128)?;
                let rhs = self.cast(extend, operands[1], self.t.i128)?;
                self.bin(Op::Mul, lhs, rhs)?
            }
        };
        // LLVM makes one multiplication, or an addition with carry, of all this.
        let high = self.bin(Op::LShr, wide, self.const_like(wide, 64))?;
        Ok((self.cast(Op::Trunc, wide, self.t.i64)?, self.cast(Op::Trunc, high, self.t.i64)?))
    }

    fn join(&mut self, low: V<'ctx>, high: V<'ctx>) -> Result<V<'ctx>> {
        let low = self.cast(Op::ZExt, low, self.t.i128)?;
        let high = self.cast(Op::ZExt, high, self.t.i128)?;
        let high = self.bin(Op::Shl, high, self.const_like(high, 64))?;
        self.bin(Op::Or, low, high)
    }
}
