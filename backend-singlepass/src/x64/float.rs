//! Floating point operators.

use wasmer_runtime_core::translate::ops::{FloatBinary, FloatCompare, FloatUnary};
use wasmer_runtime_core::types::Width;

use crate::alloc::{Entry, Loc};
use crate::codegen::Codegen;
use crate::regs::Reg;
use crate::x64::asm::{Asm, Cc, Op, Rm};
use crate::x64::control::Condition;
use crate::x64::regs::*;

/// A scalar instruction: the width is in the prefix.
pub(crate) const fn scalar(width: Width, opcode: u8) -> Op {
    match width {
        Width::W32 => Op::new(0xf3, 1, opcode),
        Width::W64 => Op::new(0xf2, 1, opcode),
    }
}

/// A packed instruction: the width is in the prefix.
pub(crate) const fn packed(width: Width, opcode: u8) -> Op {
    match width {
        Width::W32 => Op::new(0, 1, opcode),
        Width::W64 => Op::new(0x66, 1, opcode),
    }
}

pub(crate) const ADD: u8 = 0x58;
pub(crate) const MUL: u8 = 0x59;
pub(crate) const SUB: u8 = 0x5c;
pub(crate) const MIN: u8 = 0x5d;
pub(crate) const DIV: u8 = 0x5e;
pub(crate) const MAX: u8 = 0x5f;
pub(crate) const SQRT: u8 = 0x51;

pub(crate) const AND: Op = Op::new(0, 1, 0x54);
pub(crate) const OR: Op = Op::new(0, 1, 0x56);
pub(crate) const XOR: Op = Op::new(0, 1, 0x57);

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

impl Asm {
    /// `dst = op(lhs, rhs)`, with two or three operands, as the processor has them.
    pub(crate) fn v3(&mut self, op: Op, dst: Reg, lhs: Reg, rhs: &Rm) {
        if self.avx {
            self.vex(op, dst, lhs, rhs);
        } else {
            let rhs = self.two_operands(dst, lhs, rhs);
            self.op(op, dst.code(), &rhs);
        }
    }

    /// The same with an immediate.
    pub(crate) fn v3_imm8(&mut self, op: Op, dst: Reg, lhs: Reg, rhs: &Rm, imm: u8) {
        if self.avx {
            self.vex_imm8(op, dst, lhs, rhs, imm);
        } else {
            let rhs = self.two_operands(dst, lhs, rhs);
            self.op_imm8(op, dst.code(), &rhs, imm);
        }
    }

    /// `dst = op(src, imm)`
    pub(crate) fn v2_imm8(&mut self, op: Op, dst: Reg, src: &Rm, imm: u8) {
        if self.avx {
            self.vex_imm8(op, dst, xmm(0), src, imm);
        } else {
            self.op_imm8(op, dst.code(), src, imm);
        }
    }

    /// Gets `lhs` into `dst`; returns where `rhs` is afterwards.
    fn two_operands(&mut self, dst: Reg, lhs: Reg, rhs: &Rm) -> Rm {
        if dst == lhs {
            return *rhs;
        }
        if *rhs == Rm::Reg(dst) {
            self.mov_float(XMM_TEMP, dst);
            self.mov_float(dst, lhs);
            return Rm::Reg(XMM_TEMP);
        }
        self.mov_float(dst, lhs);
        *rhs
    }

    pub(crate) fn ucomis(&mut self, width: Width, a: Reg, b: &Rm) {
        self.v2(packed(width, 0x2e), a, b);
    }
}

impl Codegen {
    /// A scalar where an instruction can read it: constants in the pool, others in memory if they are there.
    pub(crate) fn float_rm(&mut self, entry: &mut Entry) -> Rm {
        match entry.loc {
            Loc::Const(bits) if bits != 0 => Rm::Pool(self.a.pool(bits.into())),
            _ => self.in_rm(entry),
        }
    }

    pub(crate) fn float_unary_now(&mut self, op: FloatUnary, width: Width, mut value: Entry) -> Reg {
        let src = match op {
            FloatUnary::Abs | FloatUnary::Neg => Rm::Reg(self.al.in_reg(&mut self.a, &mut value)),
            _ => self.float_rm(&mut value),
        };
        self.al.drop_entry(value);
        let dst = self.al.alloc(&mut self.a, width.float());
        match (op, src) {
            (FloatUnary::Abs, Rm::Reg(src)) => {
                let mask = self.a.pool(!signs(width));
                self.a.v3(AND, dst, src, &Rm::Pool(mask));
            }
            (FloatUnary::Neg, Rm::Reg(src)) => {
                let mask = self.a.pool(signs(width));
                self.a.v3(XOR, dst, src, &Rm::Pool(mask));
            }
            (FloatUnary::Sqrt, _) => self.scalar_unary(scalar(width, SQRT), None, dst, &src),
            _ => {
                let op_round = Op::new(0x66, 3, if width == Width::W32 { 0x0a } else { 0x0b });
                self.scalar_unary(op_round, Some(rounding(op)), dst, &src);
            }
        }
        dst
    }

    /// An instruction that takes the upper part of its result from another register: with AVX any that is at hand.
    fn scalar_unary(&mut self, op: Op, imm: Option<u8>, dst: Reg, src: &Rm) {
        let upper = match *src {
            Rm::Reg(src) => src,
            _ => dst,
        };
        match (self.a.avx, imm) {
            (true, None) => self.a.vex(op, dst, upper, src),
            (true, Some(imm)) => self.a.vex_imm8(op, dst, upper, src, imm),
            (false, None) => self.a.op(op, dst.code(), src),
            (false, Some(imm)) => self.a.op_imm8(op, dst.code(), src, imm),
        }
    }

    pub(crate) fn float_binary_now(
        &mut self,
        op: FloatBinary,
        width: Width,
        lhs: Entry,
        rhs: Entry,
        hint: Option<Reg>,
    ) -> Reg {
        match op {
            FloatBinary::Add => self.float_arithmetic(scalar(width, ADD), lhs, rhs, hint),
            FloatBinary::Sub => self.float_arithmetic(scalar(width, SUB), lhs, rhs, hint),
            FloatBinary::Mul => self.float_arithmetic(scalar(width, MUL), lhs, rhs, hint),
            FloatBinary::Div => self.float_arithmetic(scalar(width, DIV), lhs, rhs, hint),
            FloatBinary::Min => self.float_extremum(width, MIN, OR, lhs, rhs, hint),
            FloatBinary::Max => self.float_extremum(width, MAX, AND, lhs, rhs, hint),
            FloatBinary::Copysign => self.copysign(width, lhs, rhs),
        }
    }

    fn float_arithmetic(&mut self, op: Op, mut lhs: Entry, mut rhs: Entry, hint: Option<Reg>) -> Reg {
        let right = self.float_rm(&mut rhs);
        if self.a.avx {
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
        opcode: u8,
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
        self.a.v3(zeros, dst, dst, &right);
        let end = self.a.jmp_short();
        self.a.land(unordered);
        self.a.v3(scalar(width, ADD), dst, dst, &right);
        let end_of_nan = self.a.jmp_short();
        self.a.land(different);
        self.a.v3(scalar(width, opcode), dst, dst, &right);
        self.a.land(end);
        self.a.land(end_of_nan);
        self.al.drop_entry(rhs);
        dst
    }

    fn copysign(&mut self, width: Width, mut lhs: Entry, mut rhs: Entry) -> Reg {
        let sign = self.al.in_reg(&mut self.a, &mut rhs);
        let mask = self.a.pool(signs(width));
        self.a.v3(AND, XMM_TEMP, sign, &Rm::Pool(mask));
        self.al.drop_entry(rhs);
        let dst = self.al.own(&mut self.a, &mut lhs);
        let mask = self.a.pool(!signs(width));
        self.a.v3(AND, dst, dst, &Rm::Pool(mask));
        self.a.v3(OR, dst, dst, &Rm::Reg(XMM_TEMP));
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
