//! Vectors of integers: shifts, comparisons and tests.

use wasmer_runtime_core::translate::codegen::Result;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::Loc;
use crate::codegen::Codegen;
use crate::isa::x64::asm::*;
use crate::isa::x64::regs::*;
use crate::isa::x64::simd::*;
use crate::regs::Reg;

impl Codegen {
    // Shifts.

    pub(crate) fn v_shift(&mut self, op: SimdShift, shape: IntShape) -> Result<()> {
        let mut count = self.pop();
        let mut value = self.al.pop();
        let mask = shape.lane_bits() - 1;
        if let Loc::Const(bits) = count.loc {
            let dst = self.al.own(&mut self.a, &mut value);
            self.v_shift_constant(op, shape, dst, bits as u8 & mask as u8);
            return self.v_push(dst);
        }
        let count_reg = self.al.own(&mut self.a, &mut count);
        self.a.alu_imm(Alu::And, Width::W32, &Rm::Reg(count_reg), mask as i32);
        if shape == IntShape::I8x16 && op != SimdShift::Shl {
            self.a.alu_imm(Alu::Add, Width::W32, &Rm::Reg(count_reg), 8);
        }
        let dst = self.al.own(&mut self.a, &mut value);
        self.a.v2(MOVD, XMM_TEMP, &Rm::Reg(count_reg));
        self.al.release(count_reg);
        match (shape, op) {
            (IntShape::I8x16, _) => self.v_shift_bytes(op, dst),
            (IntShape::I64x2, SimdShift::ShrS) => {
                let sign = self.v_temp();
                let pool = self.v_pool(qwords(1 << 63));
                self.a.load_float(Ty::V128, sign, &pool);
                self.a.v3(PSRLQ, sign, sign, &Rm::Reg(XMM_TEMP));
                self.a.v3(PSRLQ, dst, dst, &Rm::Reg(XMM_TEMP));
                self.a.v3(PXOR, dst, dst, &Rm::Reg(sign));
                self.a.v3(PSUBQ, dst, dst, &Rm::Reg(sign));
                self.al.release(sign);
            }
            _ => {
                let ops = match op {
                    SimdShift::Shl => [PXOR, PSLLW, PSLLD, PSLLQ],
                    SimdShift::ShrS => [PXOR, PSRAW, PSRAD, PXOR],
                    SimdShift::ShrU => [PXOR, PSRLW, PSRLD, PSRLQ],
                };
                let op = by_shape(shape, ops);
                self.a.v3(op, dst, dst, &Rm::Reg(XMM_TEMP));
            }
        }
        self.v_push(dst)
    }

    /// Bytes as words, by the count in the temporary register (plus 8 to the right, where they are the words' upper halves).
    fn v_shift_bytes(&mut self, op: SimdShift, dst: Reg) {
        let high = self.v_temp();
        if op == SimdShift::Shl {
            self.v_extend(IntShape::I16x8, true, false, high, dst);
            self.v_extend(IntShape::I16x8, false, false, dst, dst);
            self.a.v3(PSLLW, high, high, &Rm::Reg(XMM_TEMP));
            self.a.v3(PSLLW, dst, dst, &Rm::Reg(XMM_TEMP));
            let low_bytes = self.v_pool(words(0xff));
            self.a.v3(PAND, high, high, &low_bytes);
            self.a.v3(PAND, dst, dst, &low_bytes);
            self.a.v3(PACKUSWB, dst, dst, &Rm::Reg(high));
        } else {
            let signed = op == SimdShift::ShrS;
            let shift = if signed { PSRAW } else { PSRLW };
            self.a.v3(PUNPCKHBW, high, dst, &Rm::Reg(dst));
            self.a.v3(PUNPCKLBW, dst, dst, &Rm::Reg(dst));
            self.a.v3(shift, high, high, &Rm::Reg(XMM_TEMP));
            self.a.v3(shift, dst, dst, &Rm::Reg(XMM_TEMP));
            self.a.v3(if signed { PACKSSWB } else { PACKUSWB }, dst, dst, &Rm::Reg(high));
        }
        self.al.release(high);
    }

    fn v_shift_constant(&mut self, op: SimdShift, shape: IntShape, dst: Reg, count: u8) {
        if count == 0 {
            return;
        }
        match (shape, op) {
            (IntShape::I8x16, SimdShift::ShrS) => {
                let high = self.v_temp();
                self.a.v3(PUNPCKHBW, high, dst, &Rm::Reg(dst));
                self.a.v3(PUNPCKLBW, dst, dst, &Rm::Reg(dst));
                self.a.shift_lanes(LaneShift::PSRAW, high, high, count + 8);
                self.a.shift_lanes(LaneShift::PSRAW, dst, dst, count + 8);
                self.a.v3(PACKSSWB, dst, dst, &Rm::Reg(high));
                self.al.release(high);
            }
            (IntShape::I8x16, _) => {
                self.a.shift_lanes(
                    if op == SimdShift::Shl { LaneShift::PSLLW } else { LaneShift::PSRLW },
                    dst,
                    dst,
                    count,
                );
                let kept = if op == SimdShift::Shl { 0xff << count } else { 0xff >> count };
                let kept = self.v_pool(bytes(kept));
                self.a.v3(PAND, dst, dst, &kept);
            }
            (IntShape::I64x2, SimdShift::ShrS) => {
                self.a.shift_lanes(LaneShift::PSRLQ, dst, dst, count);
                let sign = self.v_pool(qwords(1 << (63 - count)));
                self.a.v3(PXOR, dst, dst, &sign);
                self.a.v3(PSUBQ, dst, dst, &sign);
            }
            _ => {
                let shift = match (op, shape) {
                    (SimdShift::Shl, IntShape::I32x4) => LaneShift::PSLLD,
                    (SimdShift::ShrU, IntShape::I32x4) => LaneShift::PSRLD,
                    (SimdShift::ShrS, IntShape::I32x4) => LaneShift::PSRAD,
                    (SimdShift::Shl, IntShape::I64x2) => LaneShift::PSLLQ,
                    (SimdShift::ShrU, IntShape::I64x2) => LaneShift::PSRLQ,
                    (SimdShift::Shl, _) => LaneShift::PSLLW,
                    (SimdShift::ShrU, _) => LaneShift::PSRLW,
                    (SimdShift::ShrS, _) => LaneShift::PSRAW,
                };
                self.a.shift_lanes(shift, dst, dst, count);
            }
        }
    }

    // Comparisons and tests.

    pub(crate) fn v_int_compare(&mut self, op: IntCompare, shape: IntShape) -> Result<()> {
        let mut rhs = self.pop();
        let mut lhs = self.al.pop();
        if matches!(op, IntCompare::LtS | IntCompare::LtU | IntCompare::LeS | IntCompare::LeU) {
            std::mem::swap(&mut lhs, &mut rhs);
        }
        let left = self.al.in_reg(&mut self.a, &mut lhs);
        let right = self.al.in_reg(&mut self.a, &mut rhs);
        let dst = self.v_temp();
        match op {
            IntCompare::Eq => self.a.v3(equal(shape), dst, left, &Rm::Reg(right)),
            IntCompare::Ne => {
                self.a.v3(equal(shape), dst, left, &Rm::Reg(right));
                self.v_not(dst);
            }
            IntCompare::GtS | IntCompare::LtS => self.v_greater(shape, dst, left, right),
            IntCompare::GeS | IntCompare::LeS if shape == IntShape::I64x2 => {
                self.v_greater(shape, dst, right, left);
                self.v_not(dst);
            }
            // At least as large: the smaller one is the other.
            IntCompare::GeS | IntCompare::LeS | IntCompare::GeU | IntCompare::LeU => {
                let signed = matches!(op, IntCompare::GeS | IntCompare::LeS);
                self.a.v3(minimum(shape, signed), dst, left, &Rm::Reg(right));
                self.a.v3(equal(shape), dst, dst, &Rm::Reg(right));
            }
            // Greater: the larger one is not the other.
            IntCompare::GtU | IntCompare::LtU => {
                self.a.v3(maximum(shape, false), dst, left, &Rm::Reg(right));
                self.a.v3(equal(shape), dst, dst, &Rm::Reg(right));
                self.v_not(dst);
            }
        }
        self.al.drop_entry(lhs);
        self.al.drop_entry(rhs);
        self.v_push(dst)
    }

    /// `left > right`, signed; `dst` is another register.
    fn v_greater(&mut self, shape: IntShape, dst: Reg, left: Reg, right: Reg) {
        if shape != IntShape::I64x2 || self.a.avx {
            let op = by_shape(shape, [PCMPGTB, PCMPGTW, PCMPGTD, PCMPGTQ]);
            self.a.v3(op, dst, left, &Rm::Reg(right));
            return;
        }
        // SSE4.1 compares 32 bits: the upper halves, or, if they are equal, the borrow of the lower ones.
        self.a.v3(PSUBQ, dst, right, &Rm::Reg(left));
        self.a.v3(PCMPEQD, XMM_TEMP, right, &Rm::Reg(left));
        self.a.v3(PAND, dst, dst, &Rm::Reg(XMM_TEMP));
        self.a.v3(PCMPGTD, XMM_TEMP, left, &Rm::Reg(right));
        self.a.v3(POR, dst, dst, &Rm::Reg(XMM_TEMP));
        self.a.v2_imm8(PSHUFD, dst, &Rm::Reg(dst), 0xf5);
    }

    pub(crate) fn v_test(&mut self, op: SimdTest) -> Result<()> {
        let mut value = self.pop();
        let src = self.al.in_reg(&mut self.a, &mut value);
        let dst = self.al.alloc(&mut self.a, Ty::I32);
        match op {
            SimdTest::AnyTrue => {
                self.a.v2(PTEST, src, &Rm::Reg(src));
                self.a.setcc(Cc::NE, dst);
                self.a.movzx8(dst, dst);
            }
            SimdTest::AllTrue(shape) => {
                self.a.zero_float(XMM_TEMP);
                self.a.v3(equal(shape), XMM_TEMP, XMM_TEMP, &Rm::Reg(src));
                self.a.v2(PTEST, XMM_TEMP, &Rm::Reg(XMM_TEMP));
                self.a.setcc(Cc::E, dst);
                self.a.movzx8(dst, dst);
            }
            SimdTest::Bitmask(shape) => {
                let op = by_shape(
                    shape,
                    [PMOVMSKB, PMOVMSKB, Fp::MovMask.packed(Width::W32), Fp::MovMask.packed(Width::W64)],
                );
                let mut from = src;
                if shape == IntShape::I16x8 {
                    self.a.zero_float(XMM_TEMP);
                    self.a.v3(PACKSSWB, XMM_TEMP, XMM_TEMP, &Rm::Reg(src));
                    from = XMM_TEMP;
                }
                self.a.v2(op, dst, &Rm::Reg(from));
                if shape == IntShape::I16x8 {
                    self.a.shift_imm(Shift::Shr, Width::W32, dst, 8);
                }
            }
        }
        self.al.drop_entry(value);
        self.push_reg(Ty::I32, dst);
        Ok(())
    }
}
