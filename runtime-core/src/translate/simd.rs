//! Vector operators, as tables.

use wasmparser::V128;

use crate::translate::codegen::{FuncCodegen, Result};
use crate::translate::func::State;
use crate::translate::ops::IntShape::{I8x16, I16x8, I32x4, I64x2};
use crate::translate::ops::*;
use crate::types::Width::{W32, W64};

impl<C: FuncCodegen> State<'_, C> {
    pub(super) fn visit_v128_const(&mut self, value: V128) -> Result<()> {
        self.constant(Const::V128(u128::from_le_bytes(*value.bytes())))
    }

    pub(super) fn visit_i8x16_shuffle(&mut self, lanes: [u8; 16]) -> Result<()> {
        let rhs = self.pop();
        let lhs = self.pop();
        let value = self.codegen.simd_shuffle(lanes, lhs, rhs)?;
        self.push(value);
        Ok(())
    }

    fn extract_lane(&mut self, shape: Shape, signed: bool, lane: u8) -> Result<()> {
        let vector = self.pop();
        let value = self.codegen.simd_extract_lane(shape, lane, signed, vector)?;
        self.push(value);
        Ok(())
    }

    fn replace_lane(&mut self, shape: Shape, lane: u8) -> Result<()> {
        let value = self.pop();
        let vector = self.pop();
        let value = self.codegen.simd_replace_lane(shape, lane, vector, value)?;
        self.push(value);
        Ok(())
    }
}

macro_rules! lanes {
    ($($method:ident { $($visit:ident = ($($arg:expr),*);)* })*) => {
        impl<C: FuncCodegen> State<'_, C> {
            $($(
                pub(super) fn $visit(&mut self, lane: u8) -> Result<()> {
                    self.$method($($arg,)* lane)
                }
            )*)*
        }
    };
}

lanes! {
    extract_lane {
        visit_i8x16_extract_lane_s = (Shape::Int(I8x16), true);
        visit_i8x16_extract_lane_u = (Shape::Int(I8x16), false);
        visit_i16x8_extract_lane_s = (Shape::Int(I16x8), true);
        visit_i16x8_extract_lane_u = (Shape::Int(I16x8), false);
        visit_i32x4_extract_lane = (Shape::Int(I32x4), false);
        visit_i64x2_extract_lane = (Shape::Int(I64x2), false);
        visit_f32x4_extract_lane = (Shape::Float(W32), false);
        visit_f64x2_extract_lane = (Shape::Float(W64), false);
    }
    replace_lane {
        visit_i8x16_replace_lane = (Shape::Int(I8x16));
        visit_i16x8_replace_lane = (Shape::Int(I16x8));
        visit_i32x4_replace_lane = (Shape::Int(I32x4));
        visit_i64x2_replace_lane = (Shape::Int(I64x2));
        visit_f32x4_replace_lane = (Shape::Float(W32));
        visit_f64x2_replace_lane = (Shape::Float(W64));
    }
}

macro_rules! one_operand {
    ($($method:ident { $($visit:ident = ($($arg:expr),*);)* })*) => {
        impl<C: FuncCodegen> State<'_, C> {
            $($(
                pub(super) fn $visit(&mut self) -> Result<()> {
                    let value = self.pop();
                    let value = self.codegen.$method($($arg,)* value)?;
                    self.push(value);
                    Ok(())
                }
            )*)*
        }
    };
}

one_operand! {
    simd_unary {
        visit_v128_not = (SimdUnary::Not);
        visit_i8x16_abs = (SimdUnary::Abs(I8x16));
        visit_i8x16_neg = (SimdUnary::Neg(I8x16));
        visit_i16x8_abs = (SimdUnary::Abs(I16x8));
        visit_i16x8_neg = (SimdUnary::Neg(I16x8));
        visit_i32x4_abs = (SimdUnary::Abs(I32x4));
        visit_i32x4_neg = (SimdUnary::Neg(I32x4));
        visit_i64x2_abs = (SimdUnary::Abs(I64x2));
        visit_i64x2_neg = (SimdUnary::Neg(I64x2));
        visit_i8x16_popcnt = (SimdUnary::Popcnt);
        visit_i16x8_extend_low_i8x16_s = (SimdUnary::Extend { to: I16x8, high: false, signed: true });
        visit_i16x8_extend_low_i8x16_u = (SimdUnary::Extend { to: I16x8, high: false, signed: false });
        visit_i16x8_extend_high_i8x16_s = (SimdUnary::Extend { to: I16x8, high: true, signed: true });
        visit_i16x8_extend_high_i8x16_u = (SimdUnary::Extend { to: I16x8, high: true, signed: false });
        visit_i32x4_extend_low_i16x8_s = (SimdUnary::Extend { to: I32x4, high: false, signed: true });
        visit_i32x4_extend_low_i16x8_u = (SimdUnary::Extend { to: I32x4, high: false, signed: false });
        visit_i32x4_extend_high_i16x8_s = (SimdUnary::Extend { to: I32x4, high: true, signed: true });
        visit_i32x4_extend_high_i16x8_u = (SimdUnary::Extend { to: I32x4, high: true, signed: false });
        visit_i64x2_extend_low_i32x4_s = (SimdUnary::Extend { to: I64x2, high: false, signed: true });
        visit_i64x2_extend_low_i32x4_u = (SimdUnary::Extend { to: I64x2, high: false, signed: false });
        visit_i64x2_extend_high_i32x4_s = (SimdUnary::Extend { to: I64x2, high: true, signed: true });
        visit_i64x2_extend_high_i32x4_u = (SimdUnary::Extend { to: I64x2, high: true, signed: false });
        visit_i16x8_extadd_pairwise_i8x16_s = (SimdUnary::ExtaddPairwise { to: I16x8, signed: true });
        visit_i16x8_extadd_pairwise_i8x16_u = (SimdUnary::ExtaddPairwise { to: I16x8, signed: false });
        visit_i32x4_extadd_pairwise_i16x8_s = (SimdUnary::ExtaddPairwise { to: I32x4, signed: true });
        visit_i32x4_extadd_pairwise_i16x8_u = (SimdUnary::ExtaddPairwise { to: I32x4, signed: false });
    }
    simd_convert {
        visit_i32x4_trunc_sat_f32x4_s = (SimdConvert::TruncSatF32x4 { signed: true });
        visit_i32x4_trunc_sat_f32x4_u = (SimdConvert::TruncSatF32x4 { signed: false });
        visit_i32x4_trunc_sat_f64x2_s_zero = (SimdConvert::TruncSatF64x2Zero { signed: true });
        visit_i32x4_trunc_sat_f64x2_u_zero = (SimdConvert::TruncSatF64x2Zero { signed: false });
        visit_i32x4_relaxed_trunc_f32x4_s = (SimdConvert::RelaxedTruncF32x4 { signed: true });
        visit_i32x4_relaxed_trunc_f32x4_u = (SimdConvert::RelaxedTruncF32x4 { signed: false });
        visit_i32x4_relaxed_trunc_f64x2_s_zero = (SimdConvert::RelaxedTruncF64x2Zero { signed: true });
        visit_i32x4_relaxed_trunc_f64x2_u_zero = (SimdConvert::RelaxedTruncF64x2Zero { signed: false });
        visit_f32x4_convert_i32x4_s = (SimdConvert::ConvertI32x4 { signed: true });
        visit_f32x4_convert_i32x4_u = (SimdConvert::ConvertI32x4 { signed: false });
        visit_f64x2_convert_low_i32x4_s = (SimdConvert::ConvertLowI32x4 { signed: true });
        visit_f64x2_convert_low_i32x4_u = (SimdConvert::ConvertLowI32x4 { signed: false });
        visit_f32x4_demote_f64x2_zero = (SimdConvert::DemoteF64x2Zero);
        visit_f64x2_promote_low_f32x4 = (SimdConvert::PromoteLowF32x4);
    }
    simd_test {
        visit_v128_any_true = (SimdTest::AnyTrue);
        visit_i8x16_all_true = (SimdTest::AllTrue(I8x16));
        visit_i8x16_bitmask = (SimdTest::Bitmask(I8x16));
        visit_i16x8_all_true = (SimdTest::AllTrue(I16x8));
        visit_i16x8_bitmask = (SimdTest::Bitmask(I16x8));
        visit_i32x4_all_true = (SimdTest::AllTrue(I32x4));
        visit_i32x4_bitmask = (SimdTest::Bitmask(I32x4));
        visit_i64x2_all_true = (SimdTest::AllTrue(I64x2));
        visit_i64x2_bitmask = (SimdTest::Bitmask(I64x2));
    }
    simd_float_unary {
        visit_f32x4_abs = (FloatUnary::Abs, W32);
        visit_f32x4_neg = (FloatUnary::Neg, W32);
        visit_f32x4_ceil = (FloatUnary::Ceil, W32);
        visit_f32x4_floor = (FloatUnary::Floor, W32);
        visit_f32x4_trunc = (FloatUnary::Trunc, W32);
        visit_f32x4_nearest = (FloatUnary::Nearest, W32);
        visit_f32x4_sqrt = (FloatUnary::Sqrt, W32);
        visit_f64x2_abs = (FloatUnary::Abs, W64);
        visit_f64x2_neg = (FloatUnary::Neg, W64);
        visit_f64x2_ceil = (FloatUnary::Ceil, W64);
        visit_f64x2_floor = (FloatUnary::Floor, W64);
        visit_f64x2_trunc = (FloatUnary::Trunc, W64);
        visit_f64x2_nearest = (FloatUnary::Nearest, W64);
        visit_f64x2_sqrt = (FloatUnary::Sqrt, W64);
    }
    simd_splat {
        visit_i8x16_splat = (Shape::Int(I8x16));
        visit_i16x8_splat = (Shape::Int(I16x8));
        visit_i32x4_splat = (Shape::Int(I32x4));
        visit_i64x2_splat = (Shape::Int(I64x2));
        visit_f32x4_splat = (Shape::Float(W32));
        visit_f64x2_splat = (Shape::Float(W64));
    }
}

macro_rules! two_operands {
    ($($method:ident { $($visit:ident = ($($arg:expr),*);)* })*) => {
        impl<C: FuncCodegen> State<'_, C> {
            $($(
                pub(super) fn $visit(&mut self) -> Result<()> {
                    let rhs = self.pop();
                    let lhs = self.pop();
                    let value = self.codegen.$method($($arg,)* lhs, rhs)?;
                    self.push(value);
                    Ok(())
                }
            )*)*
        }
    };
}

two_operands! {
    simd_binary {
        visit_v128_and = (SimdBinary::And);
        visit_v128_andnot = (SimdBinary::AndNot);
        visit_v128_or = (SimdBinary::Or);
        visit_v128_xor = (SimdBinary::Xor);
        visit_i8x16_add = (SimdBinary::Add(I8x16));
        visit_i8x16_sub = (SimdBinary::Sub(I8x16));
        visit_i16x8_add = (SimdBinary::Add(I16x8));
        visit_i16x8_sub = (SimdBinary::Sub(I16x8));
        visit_i32x4_add = (SimdBinary::Add(I32x4));
        visit_i32x4_sub = (SimdBinary::Sub(I32x4));
        visit_i64x2_add = (SimdBinary::Add(I64x2));
        visit_i64x2_sub = (SimdBinary::Sub(I64x2));
        visit_i16x8_mul = (SimdBinary::Mul(I16x8));
        visit_i32x4_mul = (SimdBinary::Mul(I32x4));
        visit_i64x2_mul = (SimdBinary::Mul(I64x2));
        visit_i8x16_add_sat_s = (SimdBinary::AddSat { shape: I8x16, signed: true });
        visit_i8x16_add_sat_u = (SimdBinary::AddSat { shape: I8x16, signed: false });
        visit_i8x16_sub_sat_s = (SimdBinary::SubSat { shape: I8x16, signed: true });
        visit_i8x16_sub_sat_u = (SimdBinary::SubSat { shape: I8x16, signed: false });
        visit_i16x8_add_sat_s = (SimdBinary::AddSat { shape: I16x8, signed: true });
        visit_i16x8_add_sat_u = (SimdBinary::AddSat { shape: I16x8, signed: false });
        visit_i16x8_sub_sat_s = (SimdBinary::SubSat { shape: I16x8, signed: true });
        visit_i16x8_sub_sat_u = (SimdBinary::SubSat { shape: I16x8, signed: false });
        visit_i8x16_min_s = (SimdBinary::Min { shape: I8x16, signed: true });
        visit_i8x16_min_u = (SimdBinary::Min { shape: I8x16, signed: false });
        visit_i8x16_max_s = (SimdBinary::Max { shape: I8x16, signed: true });
        visit_i8x16_max_u = (SimdBinary::Max { shape: I8x16, signed: false });
        visit_i16x8_min_s = (SimdBinary::Min { shape: I16x8, signed: true });
        visit_i16x8_min_u = (SimdBinary::Min { shape: I16x8, signed: false });
        visit_i16x8_max_s = (SimdBinary::Max { shape: I16x8, signed: true });
        visit_i16x8_max_u = (SimdBinary::Max { shape: I16x8, signed: false });
        visit_i32x4_min_s = (SimdBinary::Min { shape: I32x4, signed: true });
        visit_i32x4_min_u = (SimdBinary::Min { shape: I32x4, signed: false });
        visit_i32x4_max_s = (SimdBinary::Max { shape: I32x4, signed: true });
        visit_i32x4_max_u = (SimdBinary::Max { shape: I32x4, signed: false });
        visit_i8x16_avgr_u = (SimdBinary::AvgrU(I8x16));
        visit_i16x8_avgr_u = (SimdBinary::AvgrU(I16x8));
        visit_i16x8_q15mulr_sat_s = (SimdBinary::Q15mulrSat);
        visit_i16x8_relaxed_q15mulr_s = (SimdBinary::RelaxedQ15mulr);
        visit_i32x4_dot_i16x8_s = (SimdBinary::Dot);
        visit_i16x8_relaxed_dot_i8x16_i7x16_s = (SimdBinary::RelaxedDot);
        visit_i8x16_narrow_i16x8_s = (SimdBinary::Narrow { to: I8x16, signed: true });
        visit_i8x16_narrow_i16x8_u = (SimdBinary::Narrow { to: I8x16, signed: false });
        visit_i16x8_narrow_i32x4_s = (SimdBinary::Narrow { to: I16x8, signed: true });
        visit_i16x8_narrow_i32x4_u = (SimdBinary::Narrow { to: I16x8, signed: false });
        visit_i16x8_extmul_low_i8x16_s = (SimdBinary::Extmul { to: I16x8, high: false, signed: true });
        visit_i16x8_extmul_low_i8x16_u = (SimdBinary::Extmul { to: I16x8, high: false, signed: false });
        visit_i16x8_extmul_high_i8x16_s = (SimdBinary::Extmul { to: I16x8, high: true, signed: true });
        visit_i16x8_extmul_high_i8x16_u = (SimdBinary::Extmul { to: I16x8, high: true, signed: false });
        visit_i32x4_extmul_low_i16x8_s = (SimdBinary::Extmul { to: I32x4, high: false, signed: true });
        visit_i32x4_extmul_low_i16x8_u = (SimdBinary::Extmul { to: I32x4, high: false, signed: false });
        visit_i32x4_extmul_high_i16x8_s = (SimdBinary::Extmul { to: I32x4, high: true, signed: true });
        visit_i32x4_extmul_high_i16x8_u = (SimdBinary::Extmul { to: I32x4, high: true, signed: false });
        visit_i64x2_extmul_low_i32x4_s = (SimdBinary::Extmul { to: I64x2, high: false, signed: true });
        visit_i64x2_extmul_low_i32x4_u = (SimdBinary::Extmul { to: I64x2, high: false, signed: false });
        visit_i64x2_extmul_high_i32x4_s = (SimdBinary::Extmul { to: I64x2, high: true, signed: true });
        visit_i64x2_extmul_high_i32x4_u = (SimdBinary::Extmul { to: I64x2, high: true, signed: false });
        visit_i8x16_swizzle = (SimdBinary::Swizzle);
        visit_i8x16_relaxed_swizzle = (SimdBinary::RelaxedSwizzle);
    }
    simd_shift {
        visit_i8x16_shl = (SimdShift::Shl, I8x16);
        visit_i8x16_shr_s = (SimdShift::ShrS, I8x16);
        visit_i8x16_shr_u = (SimdShift::ShrU, I8x16);
        visit_i16x8_shl = (SimdShift::Shl, I16x8);
        visit_i16x8_shr_s = (SimdShift::ShrS, I16x8);
        visit_i16x8_shr_u = (SimdShift::ShrU, I16x8);
        visit_i32x4_shl = (SimdShift::Shl, I32x4);
        visit_i32x4_shr_s = (SimdShift::ShrS, I32x4);
        visit_i32x4_shr_u = (SimdShift::ShrU, I32x4);
        visit_i64x2_shl = (SimdShift::Shl, I64x2);
        visit_i64x2_shr_s = (SimdShift::ShrS, I64x2);
        visit_i64x2_shr_u = (SimdShift::ShrU, I64x2);
    }
    simd_int_compare {
        visit_i8x16_eq = (IntCompare::Eq, I8x16);
        visit_i8x16_ne = (IntCompare::Ne, I8x16);
        visit_i8x16_lt_s = (IntCompare::LtS, I8x16);
        visit_i8x16_lt_u = (IntCompare::LtU, I8x16);
        visit_i8x16_gt_s = (IntCompare::GtS, I8x16);
        visit_i8x16_gt_u = (IntCompare::GtU, I8x16);
        visit_i8x16_le_s = (IntCompare::LeS, I8x16);
        visit_i8x16_le_u = (IntCompare::LeU, I8x16);
        visit_i8x16_ge_s = (IntCompare::GeS, I8x16);
        visit_i8x16_ge_u = (IntCompare::GeU, I8x16);
        visit_i16x8_eq = (IntCompare::Eq, I16x8);
        visit_i16x8_ne = (IntCompare::Ne, I16x8);
        visit_i16x8_lt_s = (IntCompare::LtS, I16x8);
        visit_i16x8_lt_u = (IntCompare::LtU, I16x8);
        visit_i16x8_gt_s = (IntCompare::GtS, I16x8);
        visit_i16x8_gt_u = (IntCompare::GtU, I16x8);
        visit_i16x8_le_s = (IntCompare::LeS, I16x8);
        visit_i16x8_le_u = (IntCompare::LeU, I16x8);
        visit_i16x8_ge_s = (IntCompare::GeS, I16x8);
        visit_i16x8_ge_u = (IntCompare::GeU, I16x8);
        visit_i32x4_eq = (IntCompare::Eq, I32x4);
        visit_i32x4_ne = (IntCompare::Ne, I32x4);
        visit_i32x4_lt_s = (IntCompare::LtS, I32x4);
        visit_i32x4_lt_u = (IntCompare::LtU, I32x4);
        visit_i32x4_gt_s = (IntCompare::GtS, I32x4);
        visit_i32x4_gt_u = (IntCompare::GtU, I32x4);
        visit_i32x4_le_s = (IntCompare::LeS, I32x4);
        visit_i32x4_le_u = (IntCompare::LeU, I32x4);
        visit_i32x4_ge_s = (IntCompare::GeS, I32x4);
        visit_i32x4_ge_u = (IntCompare::GeU, I32x4);
        visit_i64x2_eq = (IntCompare::Eq, I64x2);
        visit_i64x2_ne = (IntCompare::Ne, I64x2);
        visit_i64x2_lt_s = (IntCompare::LtS, I64x2);
        visit_i64x2_gt_s = (IntCompare::GtS, I64x2);
        visit_i64x2_le_s = (IntCompare::LeS, I64x2);
        visit_i64x2_ge_s = (IntCompare::GeS, I64x2);
    }
    simd_float_binary {
        visit_f32x4_add = (SimdFloatBinary::Add, W32);
        visit_f32x4_sub = (SimdFloatBinary::Sub, W32);
        visit_f32x4_mul = (SimdFloatBinary::Mul, W32);
        visit_f32x4_div = (SimdFloatBinary::Div, W32);
        visit_f32x4_min = (SimdFloatBinary::Min, W32);
        visit_f32x4_max = (SimdFloatBinary::Max, W32);
        visit_f32x4_pmin = (SimdFloatBinary::Pmin, W32);
        visit_f32x4_pmax = (SimdFloatBinary::Pmax, W32);
        visit_f32x4_relaxed_min = (SimdFloatBinary::RelaxedMin, W32);
        visit_f32x4_relaxed_max = (SimdFloatBinary::RelaxedMax, W32);
        visit_f64x2_add = (SimdFloatBinary::Add, W64);
        visit_f64x2_sub = (SimdFloatBinary::Sub, W64);
        visit_f64x2_mul = (SimdFloatBinary::Mul, W64);
        visit_f64x2_div = (SimdFloatBinary::Div, W64);
        visit_f64x2_min = (SimdFloatBinary::Min, W64);
        visit_f64x2_max = (SimdFloatBinary::Max, W64);
        visit_f64x2_pmin = (SimdFloatBinary::Pmin, W64);
        visit_f64x2_pmax = (SimdFloatBinary::Pmax, W64);
        visit_f64x2_relaxed_min = (SimdFloatBinary::RelaxedMin, W64);
        visit_f64x2_relaxed_max = (SimdFloatBinary::RelaxedMax, W64);
    }
    simd_float_compare {
        visit_f32x4_eq = (FloatCompare::Eq, W32);
        visit_f32x4_ne = (FloatCompare::Ne, W32);
        visit_f32x4_lt = (FloatCompare::Lt, W32);
        visit_f32x4_gt = (FloatCompare::Gt, W32);
        visit_f32x4_le = (FloatCompare::Le, W32);
        visit_f32x4_ge = (FloatCompare::Ge, W32);
        visit_f64x2_eq = (FloatCompare::Eq, W64);
        visit_f64x2_ne = (FloatCompare::Ne, W64);
        visit_f64x2_lt = (FloatCompare::Lt, W64);
        visit_f64x2_gt = (FloatCompare::Gt, W64);
        visit_f64x2_le = (FloatCompare::Le, W64);
        visit_f64x2_ge = (FloatCompare::Ge, W64);
    }
}

macro_rules! three_operands {
    ($($method:ident { $($visit:ident = ($($arg:expr),*);)* })*) => {
        impl<C: FuncCodegen> State<'_, C> {
            $($(
                pub(super) fn $visit(&mut self) -> Result<()> {
                    let c = self.pop();
                    let b = self.pop();
                    let a = self.pop();
                    let value = self.codegen.$method($($arg,)* a, b, c)?;
                    self.push(value);
                    Ok(())
                }
            )*)*
        }
    };
}

three_operands! {
    simd_ternary {
        visit_v128_bitselect = (SimdTernary::Bitselect);
        visit_i8x16_relaxed_laneselect = (SimdTernary::RelaxedLaneselect(I8x16));
        visit_i16x8_relaxed_laneselect = (SimdTernary::RelaxedLaneselect(I16x8));
        visit_i32x4_relaxed_laneselect = (SimdTernary::RelaxedLaneselect(I32x4));
        visit_i64x2_relaxed_laneselect = (SimdTernary::RelaxedLaneselect(I64x2));
        visit_f32x4_relaxed_madd = (SimdTernary::RelaxedMadd(W32));
        visit_f32x4_relaxed_nmadd = (SimdTernary::RelaxedNmadd(W32));
        visit_f64x2_relaxed_madd = (SimdTernary::RelaxedMadd(W64));
        visit_f64x2_relaxed_nmadd = (SimdTernary::RelaxedNmadd(W64));
        visit_i32x4_relaxed_dot_i8x16_i7x16_add_s = (SimdTernary::RelaxedDotAdd);
    }
}
