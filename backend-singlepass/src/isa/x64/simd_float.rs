//! Vectors of floating point numbers, and conversions from and to them.

use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::Entry;
use crate::isa::x64::Codegen;
use crate::isa::x64::asm::*;
use crate::isa::x64::float::{rounding, signs};
use crate::isa::x64::regs::*;
use crate::isa::x64::simd::*;
use crate::masm::*;
use crate::regs::Reg;

impl VectorFloatOps for X64 {
    fn simd_float_unary(c: &mut Codegen, op: FloatUnary, width: Width) {
        let mut value = c.pop();
        let src = c.al.in_reg(&mut c.a, &mut value);
        c.al.drop_entry(value);
        let dst = c.v_temp();
        match op {
            FloatUnary::Abs => {
                let mask = c.v_pool(!signs(width));
                c.a.v3(PAND, dst, src, &mask);
            }
            FloatUnary::Neg => {
                let mask = c.v_pool(signs(width));
                c.a.v3(PXOR, dst, src, &mask);
            }
            FloatUnary::Sqrt => c.a.v2(Fp::Sqrt.packed(width), dst, &Rm::Reg(src)),
            FloatUnary::Ceil | FloatUnary::Floor | FloatUnary::Trunc | FloatUnary::Nearest => {
                let round = round_packed(width);
                c.a.v2_imm8(round, dst, &Rm::Reg(src), rounding(op));
            }
        }
        c.v_push(dst)
    }

    fn simd_float_binary(c: &mut Codegen, op: SimdFloatBinary, width: Width) {
        let rhs = c.pop();
        let lhs = c.al.pop();
        let dst = match op {
            SimdFloatBinary::Add => c.v_apply(Fp::Add.packed(width), lhs, rhs),
            SimdFloatBinary::Sub => c.v_apply(Fp::Sub.packed(width), lhs, rhs),
            SimdFloatBinary::Mul => c.v_apply(Fp::Mul.packed(width), lhs, rhs),
            SimdFloatBinary::Div => c.v_apply(Fp::Div.packed(width), lhs, rhs),
            // The instructions return their second operand unless the first is less or greater.
            SimdFloatBinary::Pmin | SimdFloatBinary::RelaxedMin => c.v_apply(Fp::Min.packed(width), rhs, lhs),
            SimdFloatBinary::Pmax | SimdFloatBinary::RelaxedMax => c.v_apply(Fp::Max.packed(width), rhs, lhs),
            SimdFloatBinary::Min => c.v_extremum(width, true, lhs, rhs),
            SimdFloatBinary::Max => c.v_extremum(width, false, lhs, rhs),
        };
        c.v_push(dst)
    }

    fn simd_float_compare(c: &mut Codegen, op: FloatCompare, width: Width) {
        let mut rhs = c.pop();
        let mut lhs = c.al.pop();
        let predicate = match op {
            FloatCompare::Eq => 0,
            FloatCompare::Lt | FloatCompare::Gt => 1,
            FloatCompare::Le | FloatCompare::Ge => 2,
            FloatCompare::Ne => 4,
        };
        if matches!(op, FloatCompare::Gt | FloatCompare::Ge) {
            std::mem::swap(&mut lhs, &mut rhs);
        }
        let left = c.al.in_reg(&mut c.a, &mut lhs);
        let right = c.al.in_reg(&mut c.a, &mut rhs);
        let dst = c.v_temp();
        c.a.v3_imm8(Fp::Cmp.packed(width), dst, left, &Rm::Reg(right), predicate);
        c.al.drop_entry(lhs);
        c.al.drop_entry(rhs);
        c.v_push(dst)
    }
    fn simd_convert(c: &mut Codegen, op: SimdConvert) {
        let mut value = c.pop();
        let src = c.al.in_reg(&mut c.a, &mut value);
        let dst = c.v_temp();
        let from = Rm::Reg(src);
        match op {
            SimdConvert::ConvertI32x4 { signed: true } => c.a.v2(CVTDQ2PS, dst, &from),
            SimdConvert::ConvertI32x4 { signed: false } => c.v_convert_u32(dst, src),
            SimdConvert::ConvertLowI32x4 { signed: true } => c.a.v2(CVTDQ2PD, dst, &from),
            SimdConvert::ConvertLowI32x4 { signed: false } => {
                // The low half of a fraction of numbers from 2^52.
                let exponent = c.v_pool(dwords(0x4330_0000));
                let offset = c.v_pool(qwords(0x4330_0000_0000_0000));
                // `0x43300000_nnnnnnnn` is 2^52 + n, exactly.
                c.a.v3(PUNPCKLDQ, dst, src, &exponent);
                c.a.v3(Fp::Sub.packed(Width::W64), dst, dst, &offset);
            }
            SimdConvert::DemoteF64x2Zero => c.a.v2(Fp::Cvt.packed(Width::W64), dst, &from),
            SimdConvert::PromoteLowF32x4 => c.a.v2(Fp::Cvt.packed(Width::W32), dst, &from),
            SimdConvert::RelaxedTruncF32x4 { signed: true } => c.a.v2(CVTTPS2DQ, dst, &from),
            SimdConvert::RelaxedTruncF64x2Zero { signed: true } => c.a.v2(CVTTPD2DQ, dst, &from),
            SimdConvert::TruncSatF32x4 { signed: true } => c.v_trunc_f32_s(dst, src),
            SimdConvert::TruncSatF32x4 { signed: false } | SimdConvert::RelaxedTruncF32x4 { signed: false } => {
                c.v_trunc_f32_u(dst, src);
            }
            SimdConvert::TruncSatF64x2Zero { signed: true } => {
                // Not a number: the limit becomes zero, and the minimum the limit.
                let limit = c.v_pool(qwords(2_147_483_647.0f64.to_bits()));
                c.a.v3_imm8(Fp::Cmp.packed(Width::W64), XMM_TEMP, src, &from, 0);
                c.a.v3(PAND, XMM_TEMP, XMM_TEMP, &limit);
                c.a.v3(Fp::Min.packed(Width::W64), dst, src, &Rm::Reg(XMM_TEMP));
                c.a.v2(CVTTPD2DQ, dst, &Rm::Reg(dst));
            }
            SimdConvert::TruncSatF64x2Zero { signed: false } | SimdConvert::RelaxedTruncF64x2Zero { signed: false } => {
                c.v_trunc_f64_u(dst, src)
            }
        }
        c.al.drop_entry(value);
        c.v_push(dst)
    }
}

impl Codegen {
    /// The instruction in both orders: they differ in zeros of different signs, and where something is not a number.
    fn v_extremum(&mut self, width: Width, is_min: bool, mut lhs: Entry, mut rhs: Entry) -> Reg {
        let left = self.al.in_reg(&mut self.a, &mut lhs);
        let right = self.al.in_reg(&mut self.a, &mut rhs);
        let dst = self.v_temp();
        let t = XMM_TEMP;
        let op = if is_min { Fp::Min } else { Fp::Max }.packed(width);
        self.a.v3(op, t, left, &Rm::Reg(right));
        self.a.v3(op, dst, right, &Rm::Reg(left));
        if is_min {
            // Either sign, and all ones of what is not a number.
            self.a.v3(POR, t, t, &Rm::Reg(dst));
            self.a.v3_imm8(Fp::Cmp.packed(width), dst, dst, &Rm::Reg(t), 3);
            self.a.v3(POR, t, t, &Rm::Reg(dst));
        } else {
            // Where they differ, subtracting keeps the positive zero and what is not a number, quieted.
            self.a.v3(PXOR, dst, dst, &Rm::Reg(t));
            self.a.v3(POR, t, t, &Rm::Reg(dst));
            self.a.v3(Fp::Sub.packed(width), t, t, &Rm::Reg(dst));
            self.a.v3_imm8(Fp::Cmp.packed(width), dst, dst, &Rm::Reg(t), 3);
        }
        // Of what is not a number, only the sign, exponent and top of the fraction stay.
        match width {
            Width::W32 => self.a.shift_lanes(LaneShift::PSRLD, dst, dst, 10),
            Width::W64 => self.a.shift_lanes(LaneShift::PSRLQ, dst, dst, 13),
        }
        // Where there is a NaN, `dst` has ones below the top of the fraction: clearing these bits leaves a canonical NaN.
        self.a.v3(PANDN, dst, dst, &Rm::Reg(t));
        self.al.drop_entry(lhs);
        self.al.drop_entry(rhs);
        dst
    }

    /// Both 16-bit halves are exact, and so is everything but the last addition.
    fn v_convert_u32(&mut self, dst: Reg, src: Reg) {
        let low = XMM_TEMP;
        let half = self.v_pool(dwords(0xffff));
        self.a.v3(PAND, low, src, &half);
        self.a.v3(PSUBD, dst, src, &Rm::Reg(low));
        self.a.shift_lanes(LaneShift::PSRLD, dst, dst, 1);
        self.a.v2(CVTDQ2PS, low, &Rm::Reg(low));
        self.a.v2(CVTDQ2PS, dst, &Rm::Reg(dst));
        self.a.v3(Fp::Add.packed(Width::W32), dst, dst, &Rm::Reg(dst));
        self.a.v3(Fp::Add.packed(Width::W32), dst, dst, &Rm::Reg(low));
    }

    /// Zero for what is not a number; the lowest number for what was positive becomes the highest.
    fn v_trunc_f32_s(&mut self, dst: Reg, src: Reg) {
        let t = XMM_TEMP;
        self.a.v3_imm8(Fp::Cmp.packed(Width::W32), t, src, &Rm::Reg(src), 0);
        self.a.v3(PAND, dst, src, &Rm::Reg(t));
        self.a.v3(PXOR, t, t, &Rm::Reg(dst));
        self.a.v2(CVTTPS2DQ, dst, &Rm::Reg(dst));
        self.a.v3(PAND, t, t, &Rm::Reg(dst));
        self.a.shift_lanes(LaneShift::PSRAD, t, t, 31);
        self.a.v3(PXOR, dst, dst, &Rm::Reg(t));
    }

    /// What is below 2^31, plus what is beyond, each as signed numbers.
    fn v_trunc_f32_u(&mut self, dst: Reg, src: Reg) {
        let t = XMM_TEMP;
        let beyond = self.v_temp();
        self.a.zero_float(t);
        self.a.v3(Fp::Max.packed(Width::W32), dst, src, &Rm::Reg(t));
        let limit = self.v_pool(dwords(0x4f00_0000));
        self.a.load_float(Ty::V128, t, &limit);
        self.a.v3(Fp::Sub.packed(Width::W32), beyond, dst, &Rm::Reg(t));
        self.a.v2(CVTTPS2DQ, dst, &Rm::Reg(dst));
        self.a.v3_imm8(Fp::Cmp.packed(Width::W32), t, t, &Rm::Reg(beyond), 2);
        self.a.v2(CVTTPS2DQ, beyond, &Rm::Reg(beyond));
        self.a.v3(PXOR, beyond, beyond, &Rm::Reg(t));
        self.a.zero_float(t);
        self.a.v3(PMAXSD, beyond, beyond, &Rm::Reg(t));
        self.a.v3(PADDD, dst, dst, &Rm::Reg(beyond));
        self.al.release(beyond);
    }

    /// Within the range, the low halves of the fractions after adding 2^52.
    fn v_trunc_f64_u(&mut self, dst: Reg, src: Reg) {
        self.a.zero_float(XMM_TEMP);
        self.a.v3(Fp::Max.packed(Width::W64), dst, src, &Rm::Reg(XMM_TEMP));
        let limit = self.v_pool(qwords(4_294_967_295.0f64.to_bits()));
        let offset = self.v_pool(qwords(0x4330_0000_0000_0000));
        self.a.v3(Fp::Min.packed(Width::W64), dst, dst, &limit);
        self.a.v2_imm8(round_packed(Width::W64), dst, &Rm::Reg(dst), 11);
        self.a.v3(Fp::Add.packed(Width::W64), dst, dst, &offset);
        self.a.v3_imm8(SHUFPS, dst, dst, &Rm::Reg(XMM_TEMP), 0x88);
    }
}
