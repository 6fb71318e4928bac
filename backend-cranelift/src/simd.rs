//! Vectors (specification, sections 4.3.5 and 4.4.3). A value has the lane type of the operator that made it; an operator casts its
//! operands to its own, and boundaries cast to one type ([`crate::codegen::V128`]).
//!
//! Relaxed operators take the fastest of the permitted results on x86-64, and the strict operator's elsewhere. The choice depends
//! on the target only, so equal operands give equal results throughout a program.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use wasmer_runtime_core::translate::codegen::Access;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::types::{Ty, Width};

use crate::codegen::{Codegen, V128};
use crate::memory::{Place, bytes_type, place};
use crate::{float, int};

/// The vector type of integer lanes.
const fn int_lanes(shape: IntShape) -> Type {
    match shape {
        IntShape::I8x16 => types::I8X16,
        IntShape::I16x8 => types::I16X8,
        IntShape::I32x4 => types::I32X4,
        IntShape::I64x2 => types::I64X2,
    }
}

/// The vector type of float lanes.
const fn float_lanes(width: Width) -> Type {
    match width {
        Width::W32 => types::F32X4,
        Width::W64 => types::F64X2,
    }
}

/// The vector type of any lanes.
const fn lanes(shape: Shape) -> Type {
    match shape {
        Shape::Int(shape) => int_lanes(shape),
        Shape::Float(width) => float_lanes(width),
    }
}

/// The lanes half as wide.
fn narrower(shape: IntShape) -> IntShape {
    match shape {
        IntShape::I16x8 => IntShape::I8x16,
        IntShape::I32x4 => IntShape::I16x8,
        IntShape::I64x2 => IntShape::I32x4,
        IntShape::I8x16 => unreachable!("no operator widens to 8 bits"),
    }
}

/// The lanes twice as wide.
fn wider(shape: IntShape) -> IntShape {
    match shape {
        IntShape::I8x16 => IntShape::I16x8,
        IntShape::I16x8 => IntShape::I32x4,
        IntShape::I32x4 => IntShape::I64x2,
        IntShape::I64x2 => unreachable!("no operator narrows from 128 bits"),
    }
}

/// Half of a vector's lanes, each extended to twice its width.
fn extend(cg: &mut Codegen<'_>, to: IntShape, high: bool, signed: bool, value: Value) -> Value {
    let value = cg.cast(int_lanes(narrower(to)), value);
    let ins = cg.ins();
    match (high, signed) {
        (false, true) => ins.swiden_low(value),
        (false, false) => ins.uwiden_low(value),
        (true, true) => ins.swiden_high(value),
        (true, false) => ins.uwiden_high(value),
    }
}

/// Sums of neighbouring lanes, each extended to twice its width.
fn extadd_pairwise(cg: &mut Codegen<'_>, to: IntShape, signed: bool, value: Value) -> Value {
    let low = extend(cg, to, false, signed, value);
    let high = extend(cg, to, true, signed, value);
    cg.ins().iadd_pairwise(low, high)
}

pub(crate) fn unary(cg: &mut Codegen<'_>, op: SimdUnary, value: Value) -> Value {
    match op {
        SimdUnary::Not => cg.ins().bnot(value),
        SimdUnary::Abs(shape) => {
            let value = cg.cast(int_lanes(shape), value);
            cg.ins().iabs(value)
        }
        SimdUnary::Neg(shape) => {
            let value = cg.cast(int_lanes(shape), value);
            cg.ins().ineg(value)
        }
        SimdUnary::Popcnt => {
            let value = cg.cast(types::I8X16, value);
            cg.ins().popcnt(value)
        }
        SimdUnary::Extend { to, high, signed } => extend(cg, to, high, signed, value),
        SimdUnary::ExtaddPairwise { to, signed } => extadd_pairwise(cg, to, signed, value),
    }
}

/// The type in which an operator takes its operands.
fn operand_lanes(op: SimdBinary) -> Type {
    match op {
        SimdBinary::And | SimdBinary::AndNot | SimdBinary::Or | SimdBinary::Xor => V128,
        SimdBinary::Add(shape)
        | SimdBinary::AddSat { shape, .. }
        | SimdBinary::Sub(shape)
        | SimdBinary::SubSat { shape, .. }
        | SimdBinary::Mul(shape)
        | SimdBinary::Min { shape, .. }
        | SimdBinary::Max { shape, .. }
        | SimdBinary::AvgrU(shape) => int_lanes(shape),
        SimdBinary::Q15mulrSat | SimdBinary::RelaxedQ15mulr | SimdBinary::Dot => types::I16X8,
        SimdBinary::RelaxedDot | SimdBinary::Swizzle | SimdBinary::RelaxedSwizzle => types::I8X16,
        SimdBinary::Narrow { to, .. } => int_lanes(wider(to)),
        SimdBinary::Extmul { to, .. } => int_lanes(narrower(to)),
    }
}

pub(crate) fn binary(cg: &mut Codegen<'_>, op: SimdBinary, lhs: Value, rhs: Value) -> Value {
    let ty = operand_lanes(op);
    let lhs = cg.cast(ty, lhs);
    let rhs = cg.cast(ty, rhs);
    let x86 = cg.target.x86;
    let ins = cg.ins();
    match op {
        SimdBinary::And => ins.band(lhs, rhs),
        SimdBinary::AndNot => {
            let not = ins.bnot(rhs);
            cg.ins().band(lhs, not)
        }
        SimdBinary::Or => ins.bor(lhs, rhs),
        SimdBinary::Xor => ins.bxor(lhs, rhs),
        SimdBinary::Add(_) => ins.iadd(lhs, rhs),
        SimdBinary::AddSat { signed: true, .. } => ins.sadd_sat(lhs, rhs),
        SimdBinary::AddSat { signed: false, .. } => ins.uadd_sat(lhs, rhs),
        SimdBinary::Sub(_) => ins.isub(lhs, rhs),
        SimdBinary::SubSat { signed: true, .. } => ins.ssub_sat(lhs, rhs),
        SimdBinary::SubSat { signed: false, .. } => ins.usub_sat(lhs, rhs),
        SimdBinary::Mul(_) => ins.imul(lhs, rhs),
        SimdBinary::Min { signed: true, .. } => ins.smin(lhs, rhs),
        SimdBinary::Min { signed: false, .. } => ins.umin(lhs, rhs),
        SimdBinary::Max { signed: true, .. } => ins.smax(lhs, rhs),
        SimdBinary::Max { signed: false, .. } => ins.umax(lhs, rhs),
        SimdBinary::AvgrU(_) => ins.avg_round(lhs, rhs),
        SimdBinary::RelaxedQ15mulr if x86 => ins.x86_pmulhrsw(lhs, rhs),
        SimdBinary::Q15mulrSat | SimdBinary::RelaxedQ15mulr => ins.sqmul_round_sat(lhs, rhs),
        SimdBinary::Dot => dot(cg, IntShape::I32x4, lhs, rhs),
        SimdBinary::RelaxedDot => relaxed_dot(cg, lhs, rhs),
        SimdBinary::Narrow { signed: true, .. } => ins.snarrow(lhs, rhs),
        SimdBinary::Narrow { signed: false, .. } => ins.unarrow(lhs, rhs),
        SimdBinary::Extmul { to, high, signed } => {
            let lhs = extend(cg, to, high, signed, lhs);
            let rhs = extend(cg, to, high, signed, rhs);
            cg.ins().imul(lhs, rhs)
        }
        SimdBinary::RelaxedSwizzle if x86 => ins.x86_pshufb(lhs, rhs),
        SimdBinary::Swizzle | SimdBinary::RelaxedSwizzle => ins.swizzle(lhs, rhs),
    }
}

/// Products of signed lanes, extended, neighbours added.
fn dot(cg: &mut Codegen<'_>, to: IntShape, lhs: Value, rhs: Value) -> Value {
    let [low, high] = [false, true].map(|high| {
        let lhs = extend(cg, to, high, true, lhs);
        let rhs = extend(cg, to, high, true, rhs);
        cg.ins().imul(lhs, rhs)
    });
    cg.ins().iadd_pairwise(low, high)
}

/// `i16x8.relaxed_dot_i8x16_i7x16_s`: `rhs` is treated as unsigned by x86's instruction, whose sums saturate.
fn relaxed_dot(cg: &mut Codegen<'_>, lhs: Value, rhs: Value) -> Value {
    let lhs = cg.cast(types::I8X16, lhs);
    let rhs = cg.cast(types::I8X16, rhs);
    if cg.target.x86 { cg.ins().x86_pmaddubsw(lhs, rhs) } else { dot(cg, IntShape::I16x8, lhs, rhs) }
}

pub(crate) fn ternary(cg: &mut Codegen<'_>, op: SimdTernary, a: Value, b: Value, c: Value) -> Value {
    match op {
        SimdTernary::Bitselect => bitselect(cg, V128, a, b, c),
        // x86 has no blend of 16-bit lanes.
        SimdTernary::RelaxedLaneselect(shape) if cg.target.x86 && shape != IntShape::I16x8 => {
            let ty = int_lanes(shape);
            let [a, b, c] = [a, b, c].map(|value| cg.cast(ty, value));
            cg.ins().blendv(c, a, b)
        }
        SimdTernary::RelaxedLaneselect(shape) => bitselect(cg, int_lanes(shape), a, b, c),
        SimdTernary::RelaxedMadd(width) => multiply_add(cg, width, a, b, c),
        SimdTernary::RelaxedNmadd(width) => {
            let a = cg.cast(float_lanes(width), a);
            let a = cg.ins().fneg(a);
            multiply_add(cg, width, a, b, c)
        }
        SimdTernary::RelaxedDotAdd => {
            let products = relaxed_dot(cg, a, b);
            let sums = extadd_pairwise(cg, IntShape::I32x4, true, products);
            let c = cg.cast(types::I32X4, c);
            cg.ins().iadd(sums, c)
        }
    }
}

/// The bits of `a` where `mask` has ones, of `b` where it has zeros.
fn bitselect(cg: &mut Codegen<'_>, ty: Type, a: Value, b: Value, mask: Value) -> Value {
    let [a, b, mask] = [a, b, mask].map(|value| cg.cast(ty, value));
    cg.ins().bitselect(mask, a, b)
}

/// `a * b + c`, with one rounding where the target can, with two otherwise.
fn multiply_add(cg: &mut Codegen<'_>, width: Width, a: Value, b: Value, c: Value) -> Value {
    let ty = float_lanes(width);
    let [a, b, c] = [a, b, c].map(|value| cg.cast(ty, value));
    if cg.target.fma {
        return cg.ins().fma(a, b, c);
    }
    let product = cg.ins().fmul(a, b);
    cg.ins().fadd(product, c)
}

/// Cranelift takes the count modulo the width of a lane, as the specification does.
pub(crate) fn shift(cg: &mut Codegen<'_>, op: SimdShift, shape: IntShape, value: Value, count: Value) -> Value {
    let value = cg.cast(int_lanes(shape), value);
    match op {
        SimdShift::Shl => cg.ins().ishl(value, count),
        SimdShift::ShrS => cg.ins().sshr(value, count),
        SimdShift::ShrU => cg.ins().ushr(value, count),
    }
}

pub(crate) fn int_compare(cg: &mut Codegen<'_>, op: IntCompare, shape: IntShape, lhs: Value, rhs: Value) -> Value {
    let lhs = cg.cast(int_lanes(shape), lhs);
    let rhs = cg.cast(int_lanes(shape), rhs);
    cg.ins().icmp(int::condition(op), lhs, rhs)
}

pub(crate) fn float_unary(cg: &mut Codegen<'_>, op: FloatUnary, width: Width, value: Value) -> Value {
    let value = cg.cast(float_lanes(width), value);
    float::unary(cg, op, value)
}

pub(crate) fn float_binary(cg: &mut Codegen<'_>, op: SimdFloatBinary, width: Width, lhs: Value, rhs: Value) -> Value {
    let ty = float_lanes(width);
    let lhs = cg.cast(ty, lhs);
    let rhs = cg.cast(ty, rhs);
    let ins = cg.ins();
    match op {
        SimdFloatBinary::Add => ins.fadd(lhs, rhs),
        SimdFloatBinary::Sub => ins.fsub(lhs, rhs),
        SimdFloatBinary::Mul => ins.fmul(lhs, rhs),
        SimdFloatBinary::Div => ins.fdiv(lhs, rhs),
        SimdFloatBinary::Min => ins.fmin(lhs, rhs),
        SimdFloatBinary::Max => ins.fmax(lhs, rhs),
        // `pmin` is `rhs < lhs ? rhs : lhs` (specification, section 4.3.3), which Cranelift knows to be x86's `minps` and `minpd`.
        //
        // The relaxed ones may be wrong about NaN and signed zeros, as x86's instructions are.
        SimdFloatBinary::Pmin | SimdFloatBinary::RelaxedMin => {
            let less = ins.fcmp(FloatCC::LessThan, rhs, lhs);
            let less = cg.cast(ty, less);
            cg.ins().bitselect(less, rhs, lhs)
        }
        SimdFloatBinary::Pmax | SimdFloatBinary::RelaxedMax => {
            let less = ins.fcmp(FloatCC::LessThan, lhs, rhs);
            let less = cg.cast(ty, less);
            cg.ins().bitselect(less, rhs, lhs)
        }
    }
}

pub(crate) fn float_compare(cg: &mut Codegen<'_>, op: FloatCompare, width: Width, lhs: Value, rhs: Value) -> Value {
    let lhs = cg.cast(float_lanes(width), lhs);
    let rhs = cg.cast(float_lanes(width), rhs);
    cg.ins().fcmp(float::condition(op), lhs, rhs)
}

pub(crate) fn test(cg: &mut Codegen<'_>, op: SimdTest, value: Value) -> Value {
    let holds = match op {
        SimdTest::AnyTrue => {
            let value = cg.canonical(value);
            cg.ins().vany_true(value)
        }
        SimdTest::AllTrue(shape) => {
            let value = cg.cast(int_lanes(shape), value);
            cg.ins().vall_true(value)
        }
        SimdTest::Bitmask(shape) => {
            let value = cg.cast(int_lanes(shape), value);
            return cg.ins().vhigh_bits(types::I32, value);
        }
    };
    cg.ins().uextend(types::I32, holds)
}

pub(crate) fn convert(cg: &mut Codegen<'_>, op: SimdConvert, value: Value) -> Value {
    let from = match op {
        SimdConvert::TruncSatF32x4 { .. } | SimdConvert::RelaxedTruncF32x4 { .. } | SimdConvert::PromoteLowF32x4 => {
            types::F32X4
        }
        SimdConvert::TruncSatF64x2Zero { .. }
        | SimdConvert::RelaxedTruncF64x2Zero { .. }
        | SimdConvert::DemoteF64x2Zero => types::F64X2,
        SimdConvert::ConvertI32x4 { .. } | SimdConvert::ConvertLowI32x4 { .. } => types::I32X4,
    };
    let value = cg.cast(from, value);
    let x86 = cg.target.x86;
    let ins = cg.ins();
    match op {
        SimdConvert::RelaxedTruncF32x4 { signed: true } if x86 => ins.x86_cvtt2dq(types::I32X4, value),
        SimdConvert::TruncSatF32x4 { signed: true } | SimdConvert::RelaxedTruncF32x4 { signed: true } => {
            ins.fcvt_to_sint_sat(types::I32X4, value)
        }
        SimdConvert::TruncSatF32x4 { signed: false } | SimdConvert::RelaxedTruncF32x4 { signed: false } => {
            ins.fcvt_to_uint_sat(types::I32X4, value)
        }
        SimdConvert::RelaxedTruncF64x2Zero { signed: true } if x86 => {
            // Cranelift makes `cvttpd2dq` of the pair, which zeroes the upper half.
            let wide = ins.x86_cvtt2dq(types::I64X2, value);
            let zero = zero(cg, types::I64X2);
            cg.ins().snarrow(wide, zero)
        }
        SimdConvert::TruncSatF64x2Zero { signed: true } | SimdConvert::RelaxedTruncF64x2Zero { signed: true } => {
            let wide = ins.fcvt_to_sint_sat(types::I64X2, value);
            let zero = zero(cg, types::I64X2);
            cg.ins().snarrow(wide, zero)
        }
        SimdConvert::TruncSatF64x2Zero { signed: false } | SimdConvert::RelaxedTruncF64x2Zero { signed: false } => {
            let wide = ins.fcvt_to_uint_sat(types::I64X2, value);
            let zero = zero(cg, types::I64X2);
            cg.ins().uunarrow(wide, zero)
        }
        SimdConvert::ConvertI32x4 { signed: true } => ins.fcvt_from_sint(types::F32X4, value),
        SimdConvert::ConvertI32x4 { signed: false } => ins.fcvt_from_uint(types::F32X4, value),
        SimdConvert::ConvertLowI32x4 { signed: true } => {
            let wide = ins.swiden_low(value);
            cg.ins().fcvt_from_sint(types::F64X2, wide)
        }
        SimdConvert::ConvertLowI32x4 { signed: false } => {
            let wide = ins.uwiden_low(value);
            cg.ins().fcvt_from_uint(types::F64X2, wide)
        }
        SimdConvert::DemoteF64x2Zero => ins.fvdemote(value),
        SimdConvert::PromoteLowF32x4 => ins.fvpromote_low(value),
    }
}

/// A vector of zeros.
fn zero(cg: &mut Codegen<'_>, ty: Type) -> Value {
    let constant = cg.builder.func.dfg.constants.insert([0; 16].as_slice().into());
    cg.ins().vconst(ty, constant)
}

/// A scalar as a lane's value: narrow lanes take the low bits.
fn lane_value(cg: &mut Codegen<'_>, shape: Shape, value: Value) -> Value {
    let lane = lanes(shape).lane_type();
    if cg.value_type(value) == lane { value } else { cg.ins().ireduce(lane, value) }
}

pub(crate) fn splat(cg: &mut Codegen<'_>, shape: Shape, value: Value) -> Value {
    let value = lane_value(cg, shape, value);
    cg.ins().splat(lanes(shape), value)
}

pub(crate) fn extract_lane(cg: &mut Codegen<'_>, shape: Shape, lane: u8, signed: bool, value: Value) -> Value {
    let value = cg.cast(lanes(shape), value);
    let value = cg.ins().extractlane(value, lane);
    let is_narrow = shape.scalar() == Ty::I32 && cg.value_type(value) != types::I32;
    match (is_narrow, signed) {
        (false, _) => value,
        (true, true) => cg.ins().sextend(types::I32, value),
        (true, false) => cg.ins().uextend(types::I32, value),
    }
}

pub(crate) fn replace_lane(cg: &mut Codegen<'_>, shape: Shape, lane: u8, vector: Value, value: Value) -> Value {
    let vector = cg.cast(lanes(shape), vector);
    let value = lane_value(cg, shape, value);
    cg.ins().insertlane(vector, value, lane)
}

pub(crate) fn shuffle(cg: &mut Codegen<'_>, lanes: [u8; 16], lhs: Value, rhs: Value) -> Value {
    let lhs = cg.cast(types::I8X16, lhs);
    let rhs = cg.cast(types::I8X16, rhs);
    let mask = cg.builder.func.dfg.immediates.push(lanes.as_slice().into());
    cg.ins().shuffle(lhs, rhs, mask)
}

/// The vector type whose lanes are integers of a number of bytes.
fn bytes_lanes(bytes: u8) -> Type {
    bytes_type(bytes).by(16 / u32::from(bytes)).expect("16 bytes are a multiple of every lane")
}

pub(crate) fn load(cg: &mut Codegen<'_>, access: &Access, op: SimdLoad, index: Value) -> Value {
    let Place { address, offset, flags } = place(cg, access, index);
    let ins = cg.ins();
    match op {
        SimdLoad::Extend { to, signed } => match (to, signed) {
            (IntShape::I16x8, true) => ins.sload8x8(flags, address, offset),
            (IntShape::I16x8, false) => ins.uload8x8(flags, address, offset),
            (IntShape::I32x4, true) => ins.sload16x4(flags, address, offset),
            (IntShape::I32x4, false) => ins.uload16x4(flags, address, offset),
            (IntShape::I64x2, true) => ins.sload32x2(flags, address, offset),
            (IntShape::I64x2, false) => ins.uload32x2(flags, address, offset),
            (IntShape::I8x16, _) => unreachable!("no operator widens to 8 bits"),
        },
        SimdLoad::Splat { bytes } => {
            let value = ins.load(bytes_type(bytes), flags, address, offset);
            cg.ins().splat(bytes_lanes(bytes), value)
        }
        // `scalar_to_vector` zeroes the other lanes.
        SimdLoad::Zero { bytes } => {
            let value = ins.load(bytes_type(bytes), flags, address, offset);
            cg.ins().scalar_to_vector(bytes_lanes(bytes), value)
        }
    }
}

pub(crate) fn load_lane(
    cg: &mut Codegen<'_>,
    access: &Access,
    bytes: u8,
    lane: u8,
    index: Value,
    vector: Value,
) -> Value {
    let Place { address, offset, flags } = place(cg, access, index);
    let vector = cg.cast(bytes_lanes(bytes), vector);
    let value = cg.ins().load(bytes_type(bytes), flags, address, offset);
    cg.ins().insertlane(vector, value, lane)
}

pub(crate) fn store_lane(cg: &mut Codegen<'_>, access: &Access, bytes: u8, lane: u8, index: Value, vector: Value) {
    let Place { address, offset, flags } = place(cg, access, index);
    let vector = cg.cast(bytes_lanes(bytes), vector);
    let value = cg.ins().extractlane(vector, lane);
    cg.ins().store(flags, value, address, offset);
}
