//! Floating point operators.

use wasmer_runtime_core::translate::ops::{FloatBinary, FloatCompare, FloatUnary};
use wasmer_runtime_core::types::Width;

use crate::alloc::{Entry, Loc};
use crate::isa::x64::Codegen;
use crate::isa::x64::asm::*;
use crate::isa::x64::control::Condition;
use crate::isa::x64::regs::*;
use crate::masm::*;
use crate::regs::Reg;

/// The sign bits of two or four numbers.
pub(crate) const fn signs(width: Width) -> u128 {
    match width {
        Width::W32 => 0x8000_0000_8000_0000_8000_0000_8000_0000,
        Width::W64 => 0x8000_0000_0000_0000_8000_0000_0000_0000,
    }
}

/// The rounding mode of `round`, which is not to report that it rounded.
pub(crate) const fn rounding(op: FloatUnary) -> u8 {
    match op {
        FloatUnary::Floor => 9,
        FloatUnary::Ceil => 10,
        FloatUnary::Trunc => 11,
        _ => 8,
    }
}

impl FloatOps for X64 {
    fn float_unary(c: &mut Codegen, op: FloatUnary, width: Width, mut value: Entry) -> Reg {
        // The first two are done by masks of the signs, which are in memory: an instruction has room for one operand there.
        let src = match op {
            FloatUnary::Abs | FloatUnary::Neg => Rm::Reg(c.al.in_reg(&mut c.a, &mut value)),
            _ => c.float_rm(&mut value),
        };
        c.al.drop_entry(value);
        let dst = c.al.alloc(&mut c.a, width.float());
        match (op, src) {
            (FloatUnary::Abs, Rm::Reg(src)) => {
                let mask = c.a.pool(!signs(width));
                c.a.v3(ANDPS, dst, src, &Rm::Pool(mask));
            }
            (FloatUnary::Neg, Rm::Reg(src)) => {
                let mask = c.a.pool(signs(width));
                c.a.v3(XORPS, dst, src, &Rm::Pool(mask));
            }
            (FloatUnary::Sqrt, _) => c.a.scalar_unary(Fp::Sqrt.scalar(width), None, dst, &src),
            _ => {
                let op_round = round_scalar(width);
                c.a.scalar_unary(op_round, Some(rounding(op)), dst, &src);
            }
        }
        dst
    }

    fn float_binary(c: &mut Codegen, op: FloatBinary, width: Width, lhs: Entry, rhs: Entry, hint: Option<Reg>) -> Reg {
        match op {
            FloatBinary::Add => c.float_arithmetic(Fp::Add.scalar(width), lhs, rhs, hint),
            FloatBinary::Sub => c.float_arithmetic(Fp::Sub.scalar(width), lhs, rhs, hint),
            FloatBinary::Mul => c.float_arithmetic(Fp::Mul.scalar(width), lhs, rhs, hint),
            FloatBinary::Div => c.float_arithmetic(Fp::Div.scalar(width), lhs, rhs, hint),
            FloatBinary::Min => c.float_extremum(width, Fp::Min, ORPS, lhs, rhs, hint),
            FloatBinary::Max => c.float_extremum(width, Fp::Max, ANDPS, lhs, rhs, hint),
            FloatBinary::Copysign => c.copysign(width, lhs, rhs),
        }
    }
}

impl Codegen {
    /// A scalar where an instruction can read it: constants in the pool, others in memory if they are there.
    pub(crate) fn float_rm(&mut self, entry: &mut Entry) -> Rm {
        match entry.loc {
            // Zero is made in a register without a look at memory.
            Loc::Const(bits) if bits != 0 => Rm::Pool(self.a.pool(bits.into())),
            _ => self.in_rm(entry),
        }
    }

    fn float_arithmetic(&mut self, op: Op, mut lhs: Entry, mut rhs: Entry, hint: Option<Reg>) -> Reg {
        let right = self.float_rm(&mut rhs);
        // With three operands, neither of the two is overwritten that may be needed again.
        if self.a.cpu.avx {
            let left = self.al.in_reg(&mut self.a, &mut lhs);
            self.al.drop_entry(lhs);
            self.al.drop_entry(rhs);
            let dst = self.result(lhs.ty, hint);
            self.mark_folded();
            self.a.vex(op, dst, left, &right);
            self.release_folded();
            return dst;
        }
        let dst = self.destination(&mut lhs, Some(&right), hint);
        self.mark_folded();
        self.a.op(op, dst.code(), &right);
        self.release_folded();
        self.al.drop_entry(rhs);
        dst
    }

    /// The instruction is right unless the operands are equal, when the signs of zeros matter, or unordered.
    fn float_extremum(
        &mut self,
        width: Width,
        op: Fp,
        zeros: Op,
        mut lhs: Entry,
        mut rhs: Entry,
        hint: Option<Reg>,
    ) -> Reg {
        let right = Rm::Reg(self.al.in_reg(&mut self.a, &mut rhs));
        let dst = self.destination(&mut lhs, Some(&right), hint);
        self.a.ucomis(width, dst, &right);
        let different = self.a.jcc_short(Cc::NE);
        let unordered = self.a.jcc_short(Cc::P);
        // Equal numbers differ at most in the sign of zero: the minimum has it if one has, the maximum if both have.
        self.a.v3(zeros, dst, dst, &right);
        let end = self.a.jmp_short();
        self.a.land(unordered);
        // The sum with a NaN is a quiet NaN, which the specification demands (section 4.3.3).
        self.a.v3(Fp::Add.scalar(width), dst, dst, &right);
        let end_of_nan = self.a.jmp_short();
        self.a.land(different);
        self.a.v3(op.scalar(width), dst, dst, &right);
        self.a.land(end);
        self.a.land(end_of_nan);
        self.al.drop_entry(rhs);
        dst
    }

    /// The sign of one operand and everything else of the other, NaNs included: no arithmetic touches their payload.
    fn copysign(&mut self, width: Width, mut lhs: Entry, mut rhs: Entry) -> Reg {
        let sign = self.al.in_reg(&mut self.a, &mut rhs);
        let mask = self.a.pool(signs(width));
        self.a.v3(ANDPS, XMM_TEMP, sign, &Rm::Pool(mask));
        self.al.drop_entry(rhs);
        let dst = self.al.own(&mut self.a, &mut lhs);
        let mask = self.a.pool(!signs(width));
        self.a.v3(ANDPS, dst, dst, &Rm::Pool(mask));
        self.a.v3(ORPS, dst, dst, &Rm::Reg(XMM_TEMP));
        dst
    }

    /// Compares, and gives the operands back. Of the flags, only `a`, `ae` and their opposites tell unordered operands from
    /// others, so less is computed as greater.
    pub(crate) fn compare_floats(
        &mut self,
        op: FloatCompare,
        width: Width,
        mut lhs: Entry,
        mut rhs: Entry,
    ) -> Condition {
        let condition = match op {
            FloatCompare::Eq => Condition::Equal,
            FloatCompare::Ne => Condition::Unequal,
            FloatCompare::Lt | FloatCompare::Gt => Condition::Cc(Cc::A),
            FloatCompare::Le | FloatCompare::Ge => Condition::Cc(Cc::AE),
        };
        if matches!(op, FloatCompare::Lt | FloatCompare::Le) {
            std::mem::swap(&mut lhs, &mut rhs);
        }
        let right = self.float_rm(&mut rhs);
        let left = self.al.in_reg(&mut self.a, &mut lhs);
        self.a.ucomis(width, left, &right);
        self.al.drop_entry(lhs);
        self.al.drop_entry(rhs);
        condition
    }
}
