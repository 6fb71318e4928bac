//! Vectors of integers: shifts, comparisons and tests.

use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::Loc;
use crate::isa::x64::Codegen;
use crate::isa::x64::asm::*;
use crate::isa::x64::regs::*;
use crate::isa::x64::simd::*;
use crate::masm::*;
use crate::regs::Reg;

impl VectorIntOps for X64 {
    fn simd_shift(c: &mut Codegen, op: SimdShift, shape: IntShape) {
        let mut count = c.pop();
        let mut value = c.al.pop();
        let mask = shape.lane_bits() - 1;
        // Compilers of languages shift by constants nearly always: then no register is needed for the count.
        if let Loc::Const(bits) = count.loc {
            let dst = c.al.own(&mut c.a, &mut value);
            c.v_shift_constant(op, shape, dst, bits as u8 & mask as u8);
            return c.v_push(dst);
        }
        let count_reg = c.al.own(&mut c.a, &mut count);
        // WebAssembly takes the count modulo the lane's width; the instructions shift everything out if it is larger.
        c.a.alu_imm(Alu::And, Width::W32, &Rm::Reg(count_reg), mask as i32);
        // To the right, bytes are shifted as the upper halves of words (see `v_shift_bytes`).
        if shape == IntShape::I8x16 && op != SimdShift::Shl {
            c.a.alu_imm(Alu::Add, Width::W32, &Rm::Reg(count_reg), 8);
        }
        let dst = c.al.own(&mut c.a, &mut value);
        c.a.v2(MOVD, XMM_TEMP, &Rm::Reg(count_reg));
        c.al.release(count_reg);
        match (shape, op) {
            (IntShape::I8x16, _) => c.v_shift_bytes(op, dst),
            (IntShape::I64x2, SimdShift::ShrS) => {
                // No arithmetic shift of 64 bits: a logical one, then the sign bit, which has moved, is spread by `(x ^ s) - s`.
                let sign = c.v_temp();
                let pool = c.v_pool(qwords(1 << 63));
                c.a.load_float(Ty::V128, sign, &pool);
                c.a.v3(PSRLQ, sign, sign, &Rm::Reg(XMM_TEMP));
                c.a.v3(PSRLQ, dst, dst, &Rm::Reg(XMM_TEMP));
                c.a.v3(PXOR, dst, dst, &Rm::Reg(sign));
                c.a.v3(PSUBQ, dst, dst, &Rm::Reg(sign));
                c.al.release(sign);
            }
            _ => {
                // `PXOR` stands for what the arms above have taken.
                let ops = match op {
                    SimdShift::Shl => [PXOR, PSLLW, PSLLD, PSLLQ],
                    SimdShift::ShrS => [PXOR, PSRAW, PSRAD, PXOR],
                    SimdShift::ShrU => [PXOR, PSRLW, PSRLD, PSRLQ],
                };
                let op = by_shape(shape, ops);
                c.a.v3(op, dst, dst, &Rm::Reg(XMM_TEMP));
            }
        }
        c.v_push(dst)
    }
    fn simd_int_compare(c: &mut Codegen, op: IntCompare, shape: IntShape) {
        let mut rhs = c.pop();
        let mut lhs = c.al.pop();
        // The processor only has "greater".
        if matches!(op, IntCompare::LtS | IntCompare::LtU | IntCompare::LeS | IntCompare::LeU) {
            std::mem::swap(&mut lhs, &mut rhs);
        }
        let left = c.al.in_reg(&mut c.a, &mut lhs);
        let right = c.al.in_reg(&mut c.a, &mut rhs);
        let dst = c.v_temp();
        match op {
            IntCompare::Eq => c.a.v3(equal(shape), dst, left, &Rm::Reg(right)),
            IntCompare::Ne => {
                c.a.v3(equal(shape), dst, left, &Rm::Reg(right));
                c.v_not(dst);
            }
            IntCompare::GtS | IntCompare::LtS => c.v_greater(shape, dst, left, right),
            IntCompare::GeS | IntCompare::LeS if shape == IntShape::I64x2 => {
                // There is no minimum of 64-bit lanes: not less.
                c.v_greater(shape, dst, right, left);
                c.v_not(dst);
            }
            // At least as large: the smaller one is the other.
            IntCompare::GeS | IntCompare::LeS | IntCompare::GeU | IntCompare::LeU => {
                let signed = matches!(op, IntCompare::GeS | IntCompare::LeS);
                c.a.v3(minimum(shape, signed), dst, left, &Rm::Reg(right));
                c.a.v3(equal(shape), dst, dst, &Rm::Reg(right));
            }
            // There is no unsigned "greater". Greater: the larger one is not the other.
            IntCompare::GtU | IntCompare::LtU => {
                c.a.v3(maximum(shape, false), dst, left, &Rm::Reg(right));
                c.a.v3(equal(shape), dst, dst, &Rm::Reg(right));
                c.v_not(dst);
            }
        }
        c.al.drop_entry(lhs);
        c.al.drop_entry(rhs);
        c.v_push(dst)
    }

    fn simd_test(c: &mut Codegen, op: SimdTest) {
        let mut value = c.pop();
        let src = c.al.in_reg(&mut c.a, &mut value);
        let dst = c.al.alloc(&mut c.a, Ty::I32);
        match op {
            SimdTest::AnyTrue => {
                c.a.v2(PTEST, src, &Rm::Reg(src));
                c.a.setcc(Cc::NE, dst);
                c.a.movzx8(dst, dst);
            }
            SimdTest::AllTrue(shape) => {
                // No lane equals zero.
                c.a.zero_float(XMM_TEMP);
                c.a.v3(equal(shape), XMM_TEMP, XMM_TEMP, &Rm::Reg(src));
                c.a.v2(PTEST, XMM_TEMP, &Rm::Reg(XMM_TEMP));
                c.a.setcc(Cc::E, dst);
                c.a.movzx8(dst, dst);
            }
            SimdTest::Bitmask(shape) => {
                let op = by_shape(
                    shape,
                    [PMOVMSKB, PMOVMSKB, Fp::MovMask.packed(Width::W32), Fp::MovMask.packed(Width::W64)],
                );
                let mut from = src;
                if shape == IntShape::I16x8 {
                    c.a.zero_float(XMM_TEMP);
                    // There is no mask of 16-bit lanes. Packed with saturation, bytes have the same signs, in the upper half.
                    c.a.v3(PACKSSWB, XMM_TEMP, XMM_TEMP, &Rm::Reg(src));
                    from = XMM_TEMP;
                }
                c.a.v2(op, dst, &Rm::Reg(from));
                if shape == IntShape::I16x8 {
                    c.a.shift_imm(Shift::Shr, Width::W32, dst, 8);
                }
            }
        }
        c.al.drop_entry(value);
        c.push_reg(Ty::I32, dst);
    }
}

impl Codegen {
    /// Bytes as words, by the count in the temporary register (plus 8 to the right, where they are the words' upper halves).
    fn v_shift_bytes(&mut self, op: SimdShift, dst: Reg) {
        let high = self.v_temp();
        // To the left, what a byte pushes into the upper half of its word is cut off before the words are packed, which would saturate.
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
            // Each byte is both halves of its word: the upper one is shifted and ends in the lower one, what was there falls out, and no word saturates.
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
                // Words are shifted, then the bits are masked that came from the neighbouring byte.
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
                // As for a count in a register, with the place of the sign known.
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

    /// `left > right`, signed; `dst` is another register.
    fn v_greater(&mut self, shape: IntShape, dst: Reg, left: Reg, right: Reg) {
        if shape != IntShape::I64x2 || self.a.cpu.avx {
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
}
