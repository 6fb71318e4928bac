//! Vector operators (specification, sections 4.3.5 and 4.4.3).

use wasmparser::MemArg;

use crate::translate::codegen::{FuncCodegen, Result};
use crate::translate::func::Visitor;
use crate::translate::ops::SimdLoad;

/// What a vector operator does in live code. See [`crate::translate::operators`].
#[rustfmt::skip]
macro_rules! simd_operator {
    // Memory.
    ($t:ident V128Load $m:ident) => { $t.load(Load::V128, &$m) };
    ($t:ident V128Store $m:ident) => { $t.store(Store::V128, &$m) };
    ($t:ident V128Load8x8S $m:ident) => { $t.simd_load(SimdLoad::Extend { to: I16x8, signed: true }, &$m) };
    ($t:ident V128Load8x8U $m:ident) => { $t.simd_load(SimdLoad::Extend { to: I16x8, signed: false }, &$m) };
    ($t:ident V128Load16x4S $m:ident) => { $t.simd_load(SimdLoad::Extend { to: I32x4, signed: true }, &$m) };
    ($t:ident V128Load16x4U $m:ident) => { $t.simd_load(SimdLoad::Extend { to: I32x4, signed: false }, &$m) };
    ($t:ident V128Load32x2S $m:ident) => { $t.simd_load(SimdLoad::Extend { to: I64x2, signed: true }, &$m) };
    ($t:ident V128Load32x2U $m:ident) => { $t.simd_load(SimdLoad::Extend { to: I64x2, signed: false }, &$m) };
    ($t:ident V128Load8Splat $m:ident) => { $t.simd_load(SimdLoad::Splat { bytes: 1 }, &$m) };
    ($t:ident V128Load16Splat $m:ident) => { $t.simd_load(SimdLoad::Splat { bytes: 2 }, &$m) };
    ($t:ident V128Load32Splat $m:ident) => { $t.simd_load(SimdLoad::Splat { bytes: 4 }, &$m) };
    ($t:ident V128Load64Splat $m:ident) => { $t.simd_load(SimdLoad::Splat { bytes: 8 }, &$m) };
    ($t:ident V128Load32Zero $m:ident) => { $t.simd_load(SimdLoad::Zero { bytes: 4 }, &$m) };
    ($t:ident V128Load64Zero $m:ident) => { $t.simd_load(SimdLoad::Zero { bytes: 8 }, &$m) };
    ($t:ident V128Load8Lane $m:ident $lane:ident) => { $t.simd_load_lane(1, $lane, &$m) };
    ($t:ident V128Load16Lane $m:ident $lane:ident) => { $t.simd_load_lane(2, $lane, &$m) };
    ($t:ident V128Load32Lane $m:ident $lane:ident) => { $t.simd_load_lane(4, $lane, &$m) };
    ($t:ident V128Load64Lane $m:ident $lane:ident) => { $t.simd_load_lane(8, $lane, &$m) };
    ($t:ident V128Store8Lane $m:ident $lane:ident) => { $t.simd_store_lane(1, $lane, &$m) };
    ($t:ident V128Store16Lane $m:ident $lane:ident) => { $t.simd_store_lane(2, $lane, &$m) };
    ($t:ident V128Store32Lane $m:ident $lane:ident) => { $t.simd_store_lane(4, $lane, &$m) };
    ($t:ident V128Store64Lane $m:ident $lane:ident) => { $t.simd_store_lane(8, $lane, &$m) };
    // Lanes.
    ($t:ident V128Const $value:ident) => { $t.nullary(|c| c.constant(Const::V128($value.into()))) };
    ($t:ident I8x16Shuffle $lanes:ident) => { $t.binary(|c, l, r| c.simd_shuffle($lanes, l, r)) };
    ($t:ident I8x16Splat) => { $t.unary(|c, v| c.simd_splat(Shape::Int(I8x16), v)) };
    ($t:ident I8x16ExtractLaneS $lane:ident) => { $t.unary(|c, v| c.simd_extract_lane(Shape::Int(I8x16), $lane, true, v)) };
    ($t:ident I8x16ExtractLaneU $lane:ident) => { $t.unary(|c, v| c.simd_extract_lane(Shape::Int(I8x16), $lane, false, v)) };
    ($t:ident I8x16ReplaceLane $lane:ident) => { $t.binary(|c, l, r| c.simd_replace_lane(Shape::Int(I8x16), $lane, l, r)) };
    ($t:ident I16x8Splat) => { $t.unary(|c, v| c.simd_splat(Shape::Int(I16x8), v)) };
    ($t:ident I16x8ExtractLaneS $lane:ident) => { $t.unary(|c, v| c.simd_extract_lane(Shape::Int(I16x8), $lane, true, v)) };
    ($t:ident I16x8ExtractLaneU $lane:ident) => { $t.unary(|c, v| c.simd_extract_lane(Shape::Int(I16x8), $lane, false, v)) };
    ($t:ident I16x8ReplaceLane $lane:ident) => { $t.binary(|c, l, r| c.simd_replace_lane(Shape::Int(I16x8), $lane, l, r)) };
    ($t:ident I32x4Splat) => { $t.unary(|c, v| c.simd_splat(Shape::Int(I32x4), v)) };
    ($t:ident I32x4ExtractLane $lane:ident) => { $t.unary(|c, v| c.simd_extract_lane(Shape::Int(I32x4), $lane, false, v)) };
    ($t:ident I32x4ReplaceLane $lane:ident) => { $t.binary(|c, l, r| c.simd_replace_lane(Shape::Int(I32x4), $lane, l, r)) };
    ($t:ident I64x2Splat) => { $t.unary(|c, v| c.simd_splat(Shape::Int(I64x2), v)) };
    ($t:ident I64x2ExtractLane $lane:ident) => { $t.unary(|c, v| c.simd_extract_lane(Shape::Int(I64x2), $lane, false, v)) };
    ($t:ident I64x2ReplaceLane $lane:ident) => { $t.binary(|c, l, r| c.simd_replace_lane(Shape::Int(I64x2), $lane, l, r)) };
    ($t:ident F32x4Splat) => { $t.unary(|c, v| c.simd_splat(Shape::Float(W32), v)) };
    ($t:ident F32x4ExtractLane $lane:ident) => { $t.unary(|c, v| c.simd_extract_lane(Shape::Float(W32), $lane, false, v)) };
    ($t:ident F32x4ReplaceLane $lane:ident) => { $t.binary(|c, l, r| c.simd_replace_lane(Shape::Float(W32), $lane, l, r)) };
    ($t:ident F64x2Splat) => { $t.unary(|c, v| c.simd_splat(Shape::Float(W64), v)) };
    ($t:ident F64x2ExtractLane $lane:ident) => { $t.unary(|c, v| c.simd_extract_lane(Shape::Float(W64), $lane, false, v)) };
    ($t:ident F64x2ReplaceLane $lane:ident) => { $t.binary(|c, l, r| c.simd_replace_lane(Shape::Float(W64), $lane, l, r)) };
    ($t:ident I8x16Swizzle) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Swizzle, l, r)) };
    ($t:ident I8x16RelaxedSwizzle) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::RelaxedSwizzle, l, r)) };
    // Bits.
    ($t:ident V128Not) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Not, v)) };
    ($t:ident V128And) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::And, l, r)) };
    ($t:ident V128AndNot) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::AndNot, l, r)) };
    ($t:ident V128Or) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Or, l, r)) };
    ($t:ident V128Xor) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Xor, l, r)) };
    ($t:ident V128Bitselect) => { $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::Bitselect, x, y, z)) };
    ($t:ident V128AnyTrue) => { $t.unary(|c, v| c.simd_test(SimdTest::AnyTrue, v)) };
    // Integer lanes.
    ($t:ident I8x16Eq) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::Eq, I8x16, l, r)) };
    ($t:ident I8x16Ne) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::Ne, I8x16, l, r)) };
    ($t:ident I8x16LtS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::LtS, I8x16, l, r)) };
    ($t:ident I8x16LtU) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::LtU, I8x16, l, r)) };
    ($t:ident I8x16GtS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::GtS, I8x16, l, r)) };
    ($t:ident I8x16GtU) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::GtU, I8x16, l, r)) };
    ($t:ident I8x16LeS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::LeS, I8x16, l, r)) };
    ($t:ident I8x16LeU) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::LeU, I8x16, l, r)) };
    ($t:ident I8x16GeS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::GeS, I8x16, l, r)) };
    ($t:ident I8x16GeU) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::GeU, I8x16, l, r)) };
    ($t:ident I8x16Abs) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Abs(I8x16), v)) };
    ($t:ident I8x16Neg) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Neg(I8x16), v)) };
    ($t:ident I8x16Popcnt) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Popcnt, v)) };
    ($t:ident I8x16AllTrue) => { $t.unary(|c, v| c.simd_test(SimdTest::AllTrue(I8x16), v)) };
    ($t:ident I8x16Bitmask) => { $t.unary(|c, v| c.simd_test(SimdTest::Bitmask(I8x16), v)) };
    ($t:ident I8x16Shl) => { $t.binary(|c, l, r| c.simd_shift(SimdShift::Shl, I8x16, l, r)) };
    ($t:ident I8x16ShrS) => { $t.binary(|c, l, r| c.simd_shift(SimdShift::ShrS, I8x16, l, r)) };
    ($t:ident I8x16ShrU) => { $t.binary(|c, l, r| c.simd_shift(SimdShift::ShrU, I8x16, l, r)) };
    ($t:ident I8x16Add) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Add(I8x16), l, r)) };
    ($t:ident I8x16Sub) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Sub(I8x16), l, r)) };
    ($t:ident I8x16AddSatS) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::AddSat { shape: I8x16, signed: true }, l, r)) };
    ($t:ident I8x16AddSatU) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::AddSat { shape: I8x16, signed: false }, l, r)) };
    ($t:ident I8x16SubSatS) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::SubSat { shape: I8x16, signed: true }, l, r)) };
    ($t:ident I8x16SubSatU) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::SubSat { shape: I8x16, signed: false }, l, r)) };
    ($t:ident I8x16AvgrU) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::AvgrU(I8x16), l, r)) };
    ($t:ident I8x16MinS) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Min { shape: I8x16, signed: true }, l, r)) };
    ($t:ident I8x16MinU) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Min { shape: I8x16, signed: false }, l, r)) };
    ($t:ident I8x16MaxS) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Max { shape: I8x16, signed: true }, l, r)) };
    ($t:ident I8x16MaxU) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Max { shape: I8x16, signed: false }, l, r)) };
    ($t:ident I8x16RelaxedLaneselect) => { $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedLaneselect(I8x16), x, y, z)) };
    ($t:ident I16x8Eq) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::Eq, I16x8, l, r)) };
    ($t:ident I16x8Ne) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::Ne, I16x8, l, r)) };
    ($t:ident I16x8LtS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::LtS, I16x8, l, r)) };
    ($t:ident I16x8LtU) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::LtU, I16x8, l, r)) };
    ($t:ident I16x8GtS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::GtS, I16x8, l, r)) };
    ($t:ident I16x8GtU) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::GtU, I16x8, l, r)) };
    ($t:ident I16x8LeS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::LeS, I16x8, l, r)) };
    ($t:ident I16x8LeU) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::LeU, I16x8, l, r)) };
    ($t:ident I16x8GeS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::GeS, I16x8, l, r)) };
    ($t:ident I16x8GeU) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::GeU, I16x8, l, r)) };
    ($t:ident I16x8Abs) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Abs(I16x8), v)) };
    ($t:ident I16x8Neg) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Neg(I16x8), v)) };
    ($t:ident I16x8AllTrue) => { $t.unary(|c, v| c.simd_test(SimdTest::AllTrue(I16x8), v)) };
    ($t:ident I16x8Bitmask) => { $t.unary(|c, v| c.simd_test(SimdTest::Bitmask(I16x8), v)) };
    ($t:ident I16x8Shl) => { $t.binary(|c, l, r| c.simd_shift(SimdShift::Shl, I16x8, l, r)) };
    ($t:ident I16x8ShrS) => { $t.binary(|c, l, r| c.simd_shift(SimdShift::ShrS, I16x8, l, r)) };
    ($t:ident I16x8ShrU) => { $t.binary(|c, l, r| c.simd_shift(SimdShift::ShrU, I16x8, l, r)) };
    ($t:ident I16x8Add) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Add(I16x8), l, r)) };
    ($t:ident I16x8Sub) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Sub(I16x8), l, r)) };
    ($t:ident I16x8Mul) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Mul(I16x8), l, r)) };
    ($t:ident I16x8AddSatS) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::AddSat { shape: I16x8, signed: true }, l, r)) };
    ($t:ident I16x8AddSatU) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::AddSat { shape: I16x8, signed: false }, l, r)) };
    ($t:ident I16x8SubSatS) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::SubSat { shape: I16x8, signed: true }, l, r)) };
    ($t:ident I16x8SubSatU) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::SubSat { shape: I16x8, signed: false }, l, r)) };
    ($t:ident I16x8AvgrU) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::AvgrU(I16x8), l, r)) };
    ($t:ident I16x8MinS) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Min { shape: I16x8, signed: true }, l, r)) };
    ($t:ident I16x8MinU) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Min { shape: I16x8, signed: false }, l, r)) };
    ($t:ident I16x8MaxS) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Max { shape: I16x8, signed: true }, l, r)) };
    ($t:ident I16x8MaxU) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Max { shape: I16x8, signed: false }, l, r)) };
    ($t:ident I16x8RelaxedLaneselect) => { $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedLaneselect(I16x8), x, y, z)) };
    ($t:ident I32x4Eq) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::Eq, I32x4, l, r)) };
    ($t:ident I32x4Ne) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::Ne, I32x4, l, r)) };
    ($t:ident I32x4LtS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::LtS, I32x4, l, r)) };
    ($t:ident I32x4LtU) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::LtU, I32x4, l, r)) };
    ($t:ident I32x4GtS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::GtS, I32x4, l, r)) };
    ($t:ident I32x4GtU) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::GtU, I32x4, l, r)) };
    ($t:ident I32x4LeS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::LeS, I32x4, l, r)) };
    ($t:ident I32x4LeU) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::LeU, I32x4, l, r)) };
    ($t:ident I32x4GeS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::GeS, I32x4, l, r)) };
    ($t:ident I32x4GeU) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::GeU, I32x4, l, r)) };
    ($t:ident I32x4Abs) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Abs(I32x4), v)) };
    ($t:ident I32x4Neg) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Neg(I32x4), v)) };
    ($t:ident I32x4AllTrue) => { $t.unary(|c, v| c.simd_test(SimdTest::AllTrue(I32x4), v)) };
    ($t:ident I32x4Bitmask) => { $t.unary(|c, v| c.simd_test(SimdTest::Bitmask(I32x4), v)) };
    ($t:ident I32x4Shl) => { $t.binary(|c, l, r| c.simd_shift(SimdShift::Shl, I32x4, l, r)) };
    ($t:ident I32x4ShrS) => { $t.binary(|c, l, r| c.simd_shift(SimdShift::ShrS, I32x4, l, r)) };
    ($t:ident I32x4ShrU) => { $t.binary(|c, l, r| c.simd_shift(SimdShift::ShrU, I32x4, l, r)) };
    ($t:ident I32x4Add) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Add(I32x4), l, r)) };
    ($t:ident I32x4Sub) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Sub(I32x4), l, r)) };
    ($t:ident I32x4Mul) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Mul(I32x4), l, r)) };
    ($t:ident I32x4MinS) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Min { shape: I32x4, signed: true }, l, r)) };
    ($t:ident I32x4MinU) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Min { shape: I32x4, signed: false }, l, r)) };
    ($t:ident I32x4MaxS) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Max { shape: I32x4, signed: true }, l, r)) };
    ($t:ident I32x4MaxU) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Max { shape: I32x4, signed: false }, l, r)) };
    ($t:ident I32x4RelaxedLaneselect) => { $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedLaneselect(I32x4), x, y, z)) };
    ($t:ident I64x2Eq) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::Eq, I64x2, l, r)) };
    ($t:ident I64x2Ne) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::Ne, I64x2, l, r)) };
    ($t:ident I64x2LtS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::LtS, I64x2, l, r)) };
    ($t:ident I64x2GtS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::GtS, I64x2, l, r)) };
    ($t:ident I64x2LeS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::LeS, I64x2, l, r)) };
    ($t:ident I64x2GeS) => { $t.binary(|c, l, r| c.simd_int_compare(IntCompare::GeS, I64x2, l, r)) };
    ($t:ident I64x2Abs) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Abs(I64x2), v)) };
    ($t:ident I64x2Neg) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Neg(I64x2), v)) };
    ($t:ident I64x2AllTrue) => { $t.unary(|c, v| c.simd_test(SimdTest::AllTrue(I64x2), v)) };
    ($t:ident I64x2Bitmask) => { $t.unary(|c, v| c.simd_test(SimdTest::Bitmask(I64x2), v)) };
    ($t:ident I64x2Shl) => { $t.binary(|c, l, r| c.simd_shift(SimdShift::Shl, I64x2, l, r)) };
    ($t:ident I64x2ShrS) => { $t.binary(|c, l, r| c.simd_shift(SimdShift::ShrS, I64x2, l, r)) };
    ($t:ident I64x2ShrU) => { $t.binary(|c, l, r| c.simd_shift(SimdShift::ShrU, I64x2, l, r)) };
    ($t:ident I64x2Add) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Add(I64x2), l, r)) };
    ($t:ident I64x2Sub) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Sub(I64x2), l, r)) };
    ($t:ident I64x2Mul) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Mul(I64x2), l, r)) };
    ($t:ident I64x2RelaxedLaneselect) => { $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedLaneselect(I64x2), x, y, z)) };
    ($t:ident I8x16NarrowI16x8S) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Narrow { to: I8x16, signed: true }, l, r)) };
    ($t:ident I8x16NarrowI16x8U) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Narrow { to: I8x16, signed: false }, l, r)) };
    ($t:ident I16x8NarrowI32x4S) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Narrow { to: I16x8, signed: true }, l, r)) };
    ($t:ident I16x8NarrowI32x4U) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Narrow { to: I16x8, signed: false }, l, r)) };
    ($t:ident I16x8ExtAddPairwiseI8x16S) => { $t.unary(|c, v| c.simd_unary(SimdUnary::ExtaddPairwise { to: I16x8, signed: true }, v)) };
    ($t:ident I16x8ExtendLowI8x16S) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Extend { to: I16x8, high: false, signed: true }, v)) };
    ($t:ident I16x8ExtMulLowI8x16S) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Extmul { to: I16x8, high: false, signed: true }, l, r)) };
    ($t:ident I16x8ExtendHighI8x16S) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Extend { to: I16x8, high: true, signed: true }, v)) };
    ($t:ident I16x8ExtMulHighI8x16S) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Extmul { to: I16x8, high: true, signed: true }, l, r)) };
    ($t:ident I16x8ExtAddPairwiseI8x16U) => { $t.unary(|c, v| c.simd_unary(SimdUnary::ExtaddPairwise { to: I16x8, signed: false }, v)) };
    ($t:ident I16x8ExtendLowI8x16U) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Extend { to: I16x8, high: false, signed: false }, v)) };
    ($t:ident I16x8ExtMulLowI8x16U) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Extmul { to: I16x8, high: false, signed: false }, l, r)) };
    ($t:ident I16x8ExtendHighI8x16U) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Extend { to: I16x8, high: true, signed: false }, v)) };
    ($t:ident I16x8ExtMulHighI8x16U) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Extmul { to: I16x8, high: true, signed: false }, l, r)) };
    ($t:ident I32x4ExtAddPairwiseI16x8S) => { $t.unary(|c, v| c.simd_unary(SimdUnary::ExtaddPairwise { to: I32x4, signed: true }, v)) };
    ($t:ident I32x4ExtendLowI16x8S) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Extend { to: I32x4, high: false, signed: true }, v)) };
    ($t:ident I32x4ExtMulLowI16x8S) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Extmul { to: I32x4, high: false, signed: true }, l, r)) };
    ($t:ident I32x4ExtendHighI16x8S) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Extend { to: I32x4, high: true, signed: true }, v)) };
    ($t:ident I32x4ExtMulHighI16x8S) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Extmul { to: I32x4, high: true, signed: true }, l, r)) };
    ($t:ident I32x4ExtAddPairwiseI16x8U) => { $t.unary(|c, v| c.simd_unary(SimdUnary::ExtaddPairwise { to: I32x4, signed: false }, v)) };
    ($t:ident I32x4ExtendLowI16x8U) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Extend { to: I32x4, high: false, signed: false }, v)) };
    ($t:ident I32x4ExtMulLowI16x8U) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Extmul { to: I32x4, high: false, signed: false }, l, r)) };
    ($t:ident I32x4ExtendHighI16x8U) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Extend { to: I32x4, high: true, signed: false }, v)) };
    ($t:ident I32x4ExtMulHighI16x8U) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Extmul { to: I32x4, high: true, signed: false }, l, r)) };
    ($t:ident I64x2ExtendLowI32x4S) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Extend { to: I64x2, high: false, signed: true }, v)) };
    ($t:ident I64x2ExtMulLowI32x4S) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Extmul { to: I64x2, high: false, signed: true }, l, r)) };
    ($t:ident I64x2ExtendHighI32x4S) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Extend { to: I64x2, high: true, signed: true }, v)) };
    ($t:ident I64x2ExtMulHighI32x4S) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Extmul { to: I64x2, high: true, signed: true }, l, r)) };
    ($t:ident I64x2ExtendLowI32x4U) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Extend { to: I64x2, high: false, signed: false }, v)) };
    ($t:ident I64x2ExtMulLowI32x4U) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Extmul { to: I64x2, high: false, signed: false }, l, r)) };
    ($t:ident I64x2ExtendHighI32x4U) => { $t.unary(|c, v| c.simd_unary(SimdUnary::Extend { to: I64x2, high: true, signed: false }, v)) };
    ($t:ident I64x2ExtMulHighI32x4U) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Extmul { to: I64x2, high: true, signed: false }, l, r)) };
    ($t:ident I16x8Q15MulrSatS) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Q15mulrSat, l, r)) };
    ($t:ident I16x8RelaxedQ15mulrS) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::RelaxedQ15mulr, l, r)) };
    ($t:ident I32x4DotI16x8S) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::Dot, l, r)) };
    ($t:ident I16x8RelaxedDotI8x16I7x16S) => { $t.binary(|c, l, r| c.simd_binary(SimdBinary::RelaxedDot, l, r)) };
    ($t:ident I32x4RelaxedDotI8x16I7x16AddS) => { $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedDotAdd, x, y, z)) };
    // Floating point lanes.
    ($t:ident F32x4Eq) => { $t.binary(|c, l, r| c.simd_float_compare(FloatCompare::Eq, W32, l, r)) };
    ($t:ident F32x4Ne) => { $t.binary(|c, l, r| c.simd_float_compare(FloatCompare::Ne, W32, l, r)) };
    ($t:ident F32x4Lt) => { $t.binary(|c, l, r| c.simd_float_compare(FloatCompare::Lt, W32, l, r)) };
    ($t:ident F32x4Gt) => { $t.binary(|c, l, r| c.simd_float_compare(FloatCompare::Gt, W32, l, r)) };
    ($t:ident F32x4Le) => { $t.binary(|c, l, r| c.simd_float_compare(FloatCompare::Le, W32, l, r)) };
    ($t:ident F32x4Ge) => { $t.binary(|c, l, r| c.simd_float_compare(FloatCompare::Ge, W32, l, r)) };
    ($t:ident F32x4Abs) => { $t.unary(|c, v| c.simd_float_unary(FloatUnary::Abs, W32, v)) };
    ($t:ident F32x4Neg) => { $t.unary(|c, v| c.simd_float_unary(FloatUnary::Neg, W32, v)) };
    ($t:ident F32x4Ceil) => { $t.unary(|c, v| c.simd_float_unary(FloatUnary::Ceil, W32, v)) };
    ($t:ident F32x4Floor) => { $t.unary(|c, v| c.simd_float_unary(FloatUnary::Floor, W32, v)) };
    ($t:ident F32x4Trunc) => { $t.unary(|c, v| c.simd_float_unary(FloatUnary::Trunc, W32, v)) };
    ($t:ident F32x4Nearest) => { $t.unary(|c, v| c.simd_float_unary(FloatUnary::Nearest, W32, v)) };
    ($t:ident F32x4Sqrt) => { $t.unary(|c, v| c.simd_float_unary(FloatUnary::Sqrt, W32, v)) };
    ($t:ident F32x4Add) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Add, W32, l, r)) };
    ($t:ident F32x4Sub) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Sub, W32, l, r)) };
    ($t:ident F32x4Mul) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Mul, W32, l, r)) };
    ($t:ident F32x4Div) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Div, W32, l, r)) };
    ($t:ident F32x4Min) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Min, W32, l, r)) };
    ($t:ident F32x4Max) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Max, W32, l, r)) };
    ($t:ident F32x4PMin) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Pmin, W32, l, r)) };
    ($t:ident F32x4PMax) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Pmax, W32, l, r)) };
    ($t:ident F32x4RelaxedMin) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::RelaxedMin, W32, l, r)) };
    ($t:ident F32x4RelaxedMax) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::RelaxedMax, W32, l, r)) };
    ($t:ident F32x4RelaxedMadd) => { $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedMadd(W32), x, y, z)) };
    ($t:ident F32x4RelaxedNmadd) => { $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedNmadd(W32), x, y, z)) };
    ($t:ident F64x2Eq) => { $t.binary(|c, l, r| c.simd_float_compare(FloatCompare::Eq, W64, l, r)) };
    ($t:ident F64x2Ne) => { $t.binary(|c, l, r| c.simd_float_compare(FloatCompare::Ne, W64, l, r)) };
    ($t:ident F64x2Lt) => { $t.binary(|c, l, r| c.simd_float_compare(FloatCompare::Lt, W64, l, r)) };
    ($t:ident F64x2Gt) => { $t.binary(|c, l, r| c.simd_float_compare(FloatCompare::Gt, W64, l, r)) };
    ($t:ident F64x2Le) => { $t.binary(|c, l, r| c.simd_float_compare(FloatCompare::Le, W64, l, r)) };
    ($t:ident F64x2Ge) => { $t.binary(|c, l, r| c.simd_float_compare(FloatCompare::Ge, W64, l, r)) };
    ($t:ident F64x2Abs) => { $t.unary(|c, v| c.simd_float_unary(FloatUnary::Abs, W64, v)) };
    ($t:ident F64x2Neg) => { $t.unary(|c, v| c.simd_float_unary(FloatUnary::Neg, W64, v)) };
    ($t:ident F64x2Ceil) => { $t.unary(|c, v| c.simd_float_unary(FloatUnary::Ceil, W64, v)) };
    ($t:ident F64x2Floor) => { $t.unary(|c, v| c.simd_float_unary(FloatUnary::Floor, W64, v)) };
    ($t:ident F64x2Trunc) => { $t.unary(|c, v| c.simd_float_unary(FloatUnary::Trunc, W64, v)) };
    ($t:ident F64x2Nearest) => { $t.unary(|c, v| c.simd_float_unary(FloatUnary::Nearest, W64, v)) };
    ($t:ident F64x2Sqrt) => { $t.unary(|c, v| c.simd_float_unary(FloatUnary::Sqrt, W64, v)) };
    ($t:ident F64x2Add) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Add, W64, l, r)) };
    ($t:ident F64x2Sub) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Sub, W64, l, r)) };
    ($t:ident F64x2Mul) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Mul, W64, l, r)) };
    ($t:ident F64x2Div) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Div, W64, l, r)) };
    ($t:ident F64x2Min) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Min, W64, l, r)) };
    ($t:ident F64x2Max) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Max, W64, l, r)) };
    ($t:ident F64x2PMin) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Pmin, W64, l, r)) };
    ($t:ident F64x2PMax) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::Pmax, W64, l, r)) };
    ($t:ident F64x2RelaxedMin) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::RelaxedMin, W64, l, r)) };
    ($t:ident F64x2RelaxedMax) => { $t.binary(|c, l, r| c.simd_float_binary(SimdFloatBinary::RelaxedMax, W64, l, r)) };
    ($t:ident F64x2RelaxedMadd) => { $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedMadd(W64), x, y, z)) };
    ($t:ident F64x2RelaxedNmadd) => { $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedNmadd(W64), x, y, z)) };
    // Conversions.
    ($t:ident I32x4TruncSatF32x4S) => { $t.unary(|c, v| c.simd_convert(SimdConvert::TruncSatF32x4 { signed: true }, v)) };
    ($t:ident I32x4TruncSatF64x2SZero) => { $t.unary(|c, v| c.simd_convert(SimdConvert::TruncSatF64x2Zero { signed: true }, v)) };
    ($t:ident I32x4RelaxedTruncF32x4S) => { $t.unary(|c, v| c.simd_convert(SimdConvert::RelaxedTruncF32x4 { signed: true }, v)) };
    ($t:ident I32x4RelaxedTruncF64x2SZero) => { $t.unary(|c, v| c.simd_convert(SimdConvert::RelaxedTruncF64x2Zero { signed: true }, v)) };
    ($t:ident F32x4ConvertI32x4S) => { $t.unary(|c, v| c.simd_convert(SimdConvert::ConvertI32x4 { signed: true }, v)) };
    ($t:ident F64x2ConvertLowI32x4S) => { $t.unary(|c, v| c.simd_convert(SimdConvert::ConvertLowI32x4 { signed: true }, v)) };
    ($t:ident I32x4TruncSatF32x4U) => { $t.unary(|c, v| c.simd_convert(SimdConvert::TruncSatF32x4 { signed: false }, v)) };
    ($t:ident I32x4TruncSatF64x2UZero) => { $t.unary(|c, v| c.simd_convert(SimdConvert::TruncSatF64x2Zero { signed: false }, v)) };
    ($t:ident I32x4RelaxedTruncF32x4U) => { $t.unary(|c, v| c.simd_convert(SimdConvert::RelaxedTruncF32x4 { signed: false }, v)) };
    ($t:ident I32x4RelaxedTruncF64x2UZero) => { $t.unary(|c, v| c.simd_convert(SimdConvert::RelaxedTruncF64x2Zero { signed: false }, v)) };
    ($t:ident F32x4ConvertI32x4U) => { $t.unary(|c, v| c.simd_convert(SimdConvert::ConvertI32x4 { signed: false }, v)) };
    ($t:ident F64x2ConvertLowI32x4U) => { $t.unary(|c, v| c.simd_convert(SimdConvert::ConvertLowI32x4 { signed: false }, v)) };
    ($t:ident F32x4DemoteF64x2Zero) => { $t.unary(|c, v| c.simd_convert(SimdConvert::DemoteF64x2Zero, v)) };
    ($t:ident F64x2PromoteLowF32x4) => { $t.unary(|c, v| c.simd_convert(SimdConvert::PromoteLowF32x4, v)) };
}

pub(super) use simd_operator;

impl<C: FuncCodegen> Visitor<'_, C> {
    pub(super) fn simd_load(&mut self, op: SimdLoad, memarg: &MemArg) -> Result<()> {
        let access = self.access(memarg, op.bytes())?;
        self.unary(|c, index| c.simd_load(&access, op, index))
    }

    pub(super) fn simd_load_lane(&mut self, bytes: u8, lane: u8, memarg: &MemArg) -> Result<()> {
        let access = self.access(memarg, bytes.into())?;
        self.binary(|c, index, vector| c.simd_load_lane(&access, bytes, lane, index, vector))
    }

    pub(super) fn simd_store_lane(&mut self, bytes: u8, lane: u8, memarg: &MemArg) -> Result<()> {
        let access = self.access(memarg, bytes.into())?;
        let vector = self.pop();
        let index = self.pop();
        self.codegen.simd_store_lane(&access, bytes, lane, index, vector)
    }
}
