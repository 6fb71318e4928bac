//! Vector operators (specification, sections 4.3.5 and 4.4.3).

use wasmparser::MemArg;

use crate::translate::codegen::{FuncCodegen, Result};
use crate::translate::func::Visitor;
use crate::translate::ops::SimdLoad;

/// What a vector operator does in live code. See [`crate::translate::operators`].
macro_rules! simd_operator {
    // Memory.
    ($t:ident V128Load $memarg:ident) => {
        $t.load(Load::V128, &$memarg)
    };
    ($t:ident V128Store $memarg:ident) => {
        $t.store(Store::V128, &$memarg)
    };
    ($t:ident V128Load8x8S $memarg:ident) => {
        $t.simd_load(SimdLoad::Extend { to: IntShape::I16x8, signed: true }, &$memarg)
    };
    ($t:ident V128Load8x8U $memarg:ident) => {
        $t.simd_load(SimdLoad::Extend { to: IntShape::I16x8, signed: false }, &$memarg)
    };
    ($t:ident V128Load16x4S $memarg:ident) => {
        $t.simd_load(SimdLoad::Extend { to: IntShape::I32x4, signed: true }, &$memarg)
    };
    ($t:ident V128Load16x4U $memarg:ident) => {
        $t.simd_load(SimdLoad::Extend { to: IntShape::I32x4, signed: false }, &$memarg)
    };
    ($t:ident V128Load32x2S $memarg:ident) => {
        $t.simd_load(SimdLoad::Extend { to: IntShape::I64x2, signed: true }, &$memarg)
    };
    ($t:ident V128Load32x2U $memarg:ident) => {
        $t.simd_load(SimdLoad::Extend { to: IntShape::I64x2, signed: false }, &$memarg)
    };
    ($t:ident V128Load8Splat $memarg:ident) => {
        $t.simd_load(SimdLoad::Splat { bytes: 1 }, &$memarg)
    };
    ($t:ident V128Load16Splat $memarg:ident) => {
        $t.simd_load(SimdLoad::Splat { bytes: 2 }, &$memarg)
    };
    ($t:ident V128Load32Splat $memarg:ident) => {
        $t.simd_load(SimdLoad::Splat { bytes: 4 }, &$memarg)
    };
    ($t:ident V128Load64Splat $memarg:ident) => {
        $t.simd_load(SimdLoad::Splat { bytes: 8 }, &$memarg)
    };
    ($t:ident V128Load32Zero $memarg:ident) => {
        $t.simd_load(SimdLoad::Zero { bytes: 4 }, &$memarg)
    };
    ($t:ident V128Load64Zero $memarg:ident) => {
        $t.simd_load(SimdLoad::Zero { bytes: 8 }, &$memarg)
    };
    ($t:ident V128Load8Lane $memarg:ident $lane:ident) => {
        $t.simd_load_lane(1, $lane, &$memarg)
    };
    ($t:ident V128Load16Lane $memarg:ident $lane:ident) => {
        $t.simd_load_lane(2, $lane, &$memarg)
    };
    ($t:ident V128Load32Lane $memarg:ident $lane:ident) => {
        $t.simd_load_lane(4, $lane, &$memarg)
    };
    ($t:ident V128Load64Lane $memarg:ident $lane:ident) => {
        $t.simd_load_lane(8, $lane, &$memarg)
    };
    ($t:ident V128Store8Lane $memarg:ident $lane:ident) => {
        $t.simd_store_lane(1, $lane, &$memarg)
    };
    ($t:ident V128Store16Lane $memarg:ident $lane:ident) => {
        $t.simd_store_lane(2, $lane, &$memarg)
    };
    ($t:ident V128Store32Lane $memarg:ident $lane:ident) => {
        $t.simd_store_lane(4, $lane, &$memarg)
    };
    ($t:ident V128Store64Lane $memarg:ident $lane:ident) => {
        $t.simd_store_lane(8, $lane, &$memarg)
    };
    // Lanes.
    ($t:ident V128Const $value:ident) => {
        $t.nullary(|c| c.constant(Const::V128($value.into())))
    };
    ($t:ident I8x16Shuffle $lanes:ident) => {
        $t.binary(|c, lhs, rhs| c.simd_shuffle($lanes, lhs, rhs))
    };
    ($t:ident I8x16Splat) => {
        $t.unary(|c, value| c.simd_splat(Shape::Int(IntShape::I8x16), value))
    };
    ($t:ident I8x16ExtractLaneS $lane:ident) => {
        $t.unary(|c, value| c.simd_extract_lane(Shape::Int(IntShape::I8x16), $lane, true, value))
    };
    ($t:ident I8x16ExtractLaneU $lane:ident) => {
        $t.unary(|c, value| c.simd_extract_lane(Shape::Int(IntShape::I8x16), $lane, false, value))
    };
    ($t:ident I8x16ReplaceLane $lane:ident) => {
        $t.binary(|c, vector, value| c.simd_replace_lane(Shape::Int(IntShape::I8x16), $lane, vector, value))
    };
    ($t:ident I16x8Splat) => {
        $t.unary(|c, value| c.simd_splat(Shape::Int(IntShape::I16x8), value))
    };
    ($t:ident I16x8ExtractLaneS $lane:ident) => {
        $t.unary(|c, value| c.simd_extract_lane(Shape::Int(IntShape::I16x8), $lane, true, value))
    };
    ($t:ident I16x8ExtractLaneU $lane:ident) => {
        $t.unary(|c, value| c.simd_extract_lane(Shape::Int(IntShape::I16x8), $lane, false, value))
    };
    ($t:ident I16x8ReplaceLane $lane:ident) => {
        $t.binary(|c, vector, value| c.simd_replace_lane(Shape::Int(IntShape::I16x8), $lane, vector, value))
    };
    ($t:ident I32x4Splat) => {
        $t.unary(|c, value| c.simd_splat(Shape::Int(IntShape::I32x4), value))
    };
    ($t:ident I32x4ExtractLane $lane:ident) => {
        $t.unary(|c, value| c.simd_extract_lane(Shape::Int(IntShape::I32x4), $lane, false, value))
    };
    ($t:ident I32x4ReplaceLane $lane:ident) => {
        $t.binary(|c, vector, value| c.simd_replace_lane(Shape::Int(IntShape::I32x4), $lane, vector, value))
    };
    ($t:ident I64x2Splat) => {
        $t.unary(|c, value| c.simd_splat(Shape::Int(IntShape::I64x2), value))
    };
    ($t:ident I64x2ExtractLane $lane:ident) => {
        $t.unary(|c, value| c.simd_extract_lane(Shape::Int(IntShape::I64x2), $lane, false, value))
    };
    ($t:ident I64x2ReplaceLane $lane:ident) => {
        $t.binary(|c, vector, value| c.simd_replace_lane(Shape::Int(IntShape::I64x2), $lane, vector, value))
    };
    ($t:ident F32x4Splat) => {
        $t.unary(|c, value| c.simd_splat(Shape::Float(Width::W32), value))
    };
    ($t:ident F32x4ExtractLane $lane:ident) => {
        $t.unary(|c, value| c.simd_extract_lane(Shape::Float(Width::W32), $lane, false, value))
    };
    ($t:ident F32x4ReplaceLane $lane:ident) => {
        $t.binary(|c, vector, value| c.simd_replace_lane(Shape::Float(Width::W32), $lane, vector, value))
    };
    ($t:ident F64x2Splat) => {
        $t.unary(|c, value| c.simd_splat(Shape::Float(Width::W64), value))
    };
    ($t:ident F64x2ExtractLane $lane:ident) => {
        $t.unary(|c, value| c.simd_extract_lane(Shape::Float(Width::W64), $lane, false, value))
    };
    ($t:ident F64x2ReplaceLane $lane:ident) => {
        $t.binary(|c, vector, value| c.simd_replace_lane(Shape::Float(Width::W64), $lane, vector, value))
    };
    ($t:ident I8x16Swizzle) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Swizzle, lhs, rhs))
    };
    ($t:ident I8x16RelaxedSwizzle) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::RelaxedSwizzle, lhs, rhs))
    };
    // Bits.
    ($t:ident V128Not) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Not, value))
    };
    ($t:ident V128And) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::And, lhs, rhs))
    };
    ($t:ident V128AndNot) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::AndNot, lhs, rhs))
    };
    ($t:ident V128Or) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Or, lhs, rhs))
    };
    ($t:ident V128Xor) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Xor, lhs, rhs))
    };
    ($t:ident V128Bitselect) => {
        $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::Bitselect, x, y, z))
    };
    ($t:ident V128AnyTrue) => {
        $t.unary(|c, value| c.simd_test(SimdTest::AnyTrue, value))
    };
    // Integer lanes.
    ($t:ident I8x16Eq) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::Eq, IntShape::I8x16, lhs, rhs))
    };
    ($t:ident I8x16Ne) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::Ne, IntShape::I8x16, lhs, rhs))
    };
    ($t:ident I8x16LtS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::LtS, IntShape::I8x16, lhs, rhs))
    };
    ($t:ident I8x16LtU) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::LtU, IntShape::I8x16, lhs, rhs))
    };
    ($t:ident I8x16GtS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::GtS, IntShape::I8x16, lhs, rhs))
    };
    ($t:ident I8x16GtU) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::GtU, IntShape::I8x16, lhs, rhs))
    };
    ($t:ident I8x16LeS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::LeS, IntShape::I8x16, lhs, rhs))
    };
    ($t:ident I8x16LeU) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::LeU, IntShape::I8x16, lhs, rhs))
    };
    ($t:ident I8x16GeS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::GeS, IntShape::I8x16, lhs, rhs))
    };
    ($t:ident I8x16GeU) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::GeU, IntShape::I8x16, lhs, rhs))
    };
    ($t:ident I8x16Abs) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Abs(IntShape::I8x16), value))
    };
    ($t:ident I8x16Neg) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Neg(IntShape::I8x16), value))
    };
    ($t:ident I8x16Popcnt) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Popcnt, value))
    };
    ($t:ident I8x16AllTrue) => {
        $t.unary(|c, value| c.simd_test(SimdTest::AllTrue(IntShape::I8x16), value))
    };
    ($t:ident I8x16Bitmask) => {
        $t.unary(|c, value| c.simd_test(SimdTest::Bitmask(IntShape::I8x16), value))
    };
    ($t:ident I8x16Shl) => {
        $t.binary(|c, value, count| c.simd_shift(SimdShift::Shl, IntShape::I8x16, value, count))
    };
    ($t:ident I8x16ShrS) => {
        $t.binary(|c, value, count| c.simd_shift(SimdShift::ShrS, IntShape::I8x16, value, count))
    };
    ($t:ident I8x16ShrU) => {
        $t.binary(|c, value, count| c.simd_shift(SimdShift::ShrU, IntShape::I8x16, value, count))
    };
    ($t:ident I8x16Add) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Add(IntShape::I8x16), lhs, rhs))
    };
    ($t:ident I8x16Sub) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Sub(IntShape::I8x16), lhs, rhs))
    };
    ($t:ident I8x16AddSatS) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::AddSat { shape: IntShape::I8x16, signed: true }, lhs, rhs))
    };
    ($t:ident I8x16AddSatU) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::AddSat { shape: IntShape::I8x16, signed: false }, lhs, rhs))
    };
    ($t:ident I8x16SubSatS) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::SubSat { shape: IntShape::I8x16, signed: true }, lhs, rhs))
    };
    ($t:ident I8x16SubSatU) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::SubSat { shape: IntShape::I8x16, signed: false }, lhs, rhs))
    };
    ($t:ident I8x16AvgrU) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::AvgrU(IntShape::I8x16), lhs, rhs))
    };
    ($t:ident I8x16MinS) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Min { shape: IntShape::I8x16, signed: true }, lhs, rhs))
    };
    ($t:ident I8x16MinU) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Min { shape: IntShape::I8x16, signed: false }, lhs, rhs))
    };
    ($t:ident I8x16MaxS) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Max { shape: IntShape::I8x16, signed: true }, lhs, rhs))
    };
    ($t:ident I8x16MaxU) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Max { shape: IntShape::I8x16, signed: false }, lhs, rhs))
    };
    ($t:ident I8x16RelaxedLaneselect) => {
        $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedLaneselect(IntShape::I8x16), x, y, z))
    };
    ($t:ident I16x8Eq) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::Eq, IntShape::I16x8, lhs, rhs))
    };
    ($t:ident I16x8Ne) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::Ne, IntShape::I16x8, lhs, rhs))
    };
    ($t:ident I16x8LtS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::LtS, IntShape::I16x8, lhs, rhs))
    };
    ($t:ident I16x8LtU) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::LtU, IntShape::I16x8, lhs, rhs))
    };
    ($t:ident I16x8GtS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::GtS, IntShape::I16x8, lhs, rhs))
    };
    ($t:ident I16x8GtU) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::GtU, IntShape::I16x8, lhs, rhs))
    };
    ($t:ident I16x8LeS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::LeS, IntShape::I16x8, lhs, rhs))
    };
    ($t:ident I16x8LeU) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::LeU, IntShape::I16x8, lhs, rhs))
    };
    ($t:ident I16x8GeS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::GeS, IntShape::I16x8, lhs, rhs))
    };
    ($t:ident I16x8GeU) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::GeU, IntShape::I16x8, lhs, rhs))
    };
    ($t:ident I16x8Abs) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Abs(IntShape::I16x8), value))
    };
    ($t:ident I16x8Neg) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Neg(IntShape::I16x8), value))
    };
    ($t:ident I16x8AllTrue) => {
        $t.unary(|c, value| c.simd_test(SimdTest::AllTrue(IntShape::I16x8), value))
    };
    ($t:ident I16x8Bitmask) => {
        $t.unary(|c, value| c.simd_test(SimdTest::Bitmask(IntShape::I16x8), value))
    };
    ($t:ident I16x8Shl) => {
        $t.binary(|c, value, count| c.simd_shift(SimdShift::Shl, IntShape::I16x8, value, count))
    };
    ($t:ident I16x8ShrS) => {
        $t.binary(|c, value, count| c.simd_shift(SimdShift::ShrS, IntShape::I16x8, value, count))
    };
    ($t:ident I16x8ShrU) => {
        $t.binary(|c, value, count| c.simd_shift(SimdShift::ShrU, IntShape::I16x8, value, count))
    };
    ($t:ident I16x8Add) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Add(IntShape::I16x8), lhs, rhs))
    };
    ($t:ident I16x8Sub) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Sub(IntShape::I16x8), lhs, rhs))
    };
    ($t:ident I16x8Mul) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Mul(IntShape::I16x8), lhs, rhs))
    };
    ($t:ident I16x8AddSatS) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::AddSat { shape: IntShape::I16x8, signed: true }, lhs, rhs))
    };
    ($t:ident I16x8AddSatU) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::AddSat { shape: IntShape::I16x8, signed: false }, lhs, rhs))
    };
    ($t:ident I16x8SubSatS) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::SubSat { shape: IntShape::I16x8, signed: true }, lhs, rhs))
    };
    ($t:ident I16x8SubSatU) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::SubSat { shape: IntShape::I16x8, signed: false }, lhs, rhs))
    };
    ($t:ident I16x8AvgrU) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::AvgrU(IntShape::I16x8), lhs, rhs))
    };
    ($t:ident I16x8MinS) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Min { shape: IntShape::I16x8, signed: true }, lhs, rhs))
    };
    ($t:ident I16x8MinU) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Min { shape: IntShape::I16x8, signed: false }, lhs, rhs))
    };
    ($t:ident I16x8MaxS) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Max { shape: IntShape::I16x8, signed: true }, lhs, rhs))
    };
    ($t:ident I16x8MaxU) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Max { shape: IntShape::I16x8, signed: false }, lhs, rhs))
    };
    ($t:ident I16x8RelaxedLaneselect) => {
        $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedLaneselect(IntShape::I16x8), x, y, z))
    };
    ($t:ident I32x4Eq) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::Eq, IntShape::I32x4, lhs, rhs))
    };
    ($t:ident I32x4Ne) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::Ne, IntShape::I32x4, lhs, rhs))
    };
    ($t:ident I32x4LtS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::LtS, IntShape::I32x4, lhs, rhs))
    };
    ($t:ident I32x4LtU) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::LtU, IntShape::I32x4, lhs, rhs))
    };
    ($t:ident I32x4GtS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::GtS, IntShape::I32x4, lhs, rhs))
    };
    ($t:ident I32x4GtU) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::GtU, IntShape::I32x4, lhs, rhs))
    };
    ($t:ident I32x4LeS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::LeS, IntShape::I32x4, lhs, rhs))
    };
    ($t:ident I32x4LeU) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::LeU, IntShape::I32x4, lhs, rhs))
    };
    ($t:ident I32x4GeS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::GeS, IntShape::I32x4, lhs, rhs))
    };
    ($t:ident I32x4GeU) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::GeU, IntShape::I32x4, lhs, rhs))
    };
    ($t:ident I32x4Abs) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Abs(IntShape::I32x4), value))
    };
    ($t:ident I32x4Neg) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Neg(IntShape::I32x4), value))
    };
    ($t:ident I32x4AllTrue) => {
        $t.unary(|c, value| c.simd_test(SimdTest::AllTrue(IntShape::I32x4), value))
    };
    ($t:ident I32x4Bitmask) => {
        $t.unary(|c, value| c.simd_test(SimdTest::Bitmask(IntShape::I32x4), value))
    };
    ($t:ident I32x4Shl) => {
        $t.binary(|c, value, count| c.simd_shift(SimdShift::Shl, IntShape::I32x4, value, count))
    };
    ($t:ident I32x4ShrS) => {
        $t.binary(|c, value, count| c.simd_shift(SimdShift::ShrS, IntShape::I32x4, value, count))
    };
    ($t:ident I32x4ShrU) => {
        $t.binary(|c, value, count| c.simd_shift(SimdShift::ShrU, IntShape::I32x4, value, count))
    };
    ($t:ident I32x4Add) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Add(IntShape::I32x4), lhs, rhs))
    };
    ($t:ident I32x4Sub) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Sub(IntShape::I32x4), lhs, rhs))
    };
    ($t:ident I32x4Mul) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Mul(IntShape::I32x4), lhs, rhs))
    };
    ($t:ident I32x4MinS) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Min { shape: IntShape::I32x4, signed: true }, lhs, rhs))
    };
    ($t:ident I32x4MinU) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Min { shape: IntShape::I32x4, signed: false }, lhs, rhs))
    };
    ($t:ident I32x4MaxS) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Max { shape: IntShape::I32x4, signed: true }, lhs, rhs))
    };
    ($t:ident I32x4MaxU) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Max { shape: IntShape::I32x4, signed: false }, lhs, rhs))
    };
    ($t:ident I32x4RelaxedLaneselect) => {
        $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedLaneselect(IntShape::I32x4), x, y, z))
    };
    ($t:ident I64x2Eq) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::Eq, IntShape::I64x2, lhs, rhs))
    };
    ($t:ident I64x2Ne) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::Ne, IntShape::I64x2, lhs, rhs))
    };
    ($t:ident I64x2LtS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::LtS, IntShape::I64x2, lhs, rhs))
    };
    ($t:ident I64x2GtS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::GtS, IntShape::I64x2, lhs, rhs))
    };
    ($t:ident I64x2LeS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::LeS, IntShape::I64x2, lhs, rhs))
    };
    ($t:ident I64x2GeS) => {
        $t.binary(|c, lhs, rhs| c.simd_int_compare(IntCompare::GeS, IntShape::I64x2, lhs, rhs))
    };
    ($t:ident I64x2Abs) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Abs(IntShape::I64x2), value))
    };
    ($t:ident I64x2Neg) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Neg(IntShape::I64x2), value))
    };
    ($t:ident I64x2AllTrue) => {
        $t.unary(|c, value| c.simd_test(SimdTest::AllTrue(IntShape::I64x2), value))
    };
    ($t:ident I64x2Bitmask) => {
        $t.unary(|c, value| c.simd_test(SimdTest::Bitmask(IntShape::I64x2), value))
    };
    ($t:ident I64x2Shl) => {
        $t.binary(|c, value, count| c.simd_shift(SimdShift::Shl, IntShape::I64x2, value, count))
    };
    ($t:ident I64x2ShrS) => {
        $t.binary(|c, value, count| c.simd_shift(SimdShift::ShrS, IntShape::I64x2, value, count))
    };
    ($t:ident I64x2ShrU) => {
        $t.binary(|c, value, count| c.simd_shift(SimdShift::ShrU, IntShape::I64x2, value, count))
    };
    ($t:ident I64x2Add) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Add(IntShape::I64x2), lhs, rhs))
    };
    ($t:ident I64x2Sub) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Sub(IntShape::I64x2), lhs, rhs))
    };
    ($t:ident I64x2Mul) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Mul(IntShape::I64x2), lhs, rhs))
    };
    ($t:ident I64x2RelaxedLaneselect) => {
        $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedLaneselect(IntShape::I64x2), x, y, z))
    };
    ($t:ident I8x16NarrowI16x8S) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Narrow { to: IntShape::I8x16, signed: true }, lhs, rhs))
    };
    ($t:ident I8x16NarrowI16x8U) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Narrow { to: IntShape::I8x16, signed: false }, lhs, rhs))
    };
    ($t:ident I16x8NarrowI32x4S) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Narrow { to: IntShape::I16x8, signed: true }, lhs, rhs))
    };
    ($t:ident I16x8NarrowI32x4U) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Narrow { to: IntShape::I16x8, signed: false }, lhs, rhs))
    };
    ($t:ident I16x8ExtAddPairwiseI8x16S) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::ExtaddPairwise { to: IntShape::I16x8, signed: true }, value))
    };
    ($t:ident I16x8ExtendLowI8x16S) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Extend { to: IntShape::I16x8, high: false, signed: true }, value))
    };
    ($t:ident I16x8ExtMulLowI8x16S) => {
        $t.binary(|c, lhs, rhs| {
            c.simd_binary(SimdBinary::Extmul { to: IntShape::I16x8, high: false, signed: true }, lhs, rhs)
        })
    };
    ($t:ident I16x8ExtendHighI8x16S) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Extend { to: IntShape::I16x8, high: true, signed: true }, value))
    };
    ($t:ident I16x8ExtMulHighI8x16S) => {
        $t.binary(|c, lhs, rhs| {
            c.simd_binary(SimdBinary::Extmul { to: IntShape::I16x8, high: true, signed: true }, lhs, rhs)
        })
    };
    ($t:ident I16x8ExtAddPairwiseI8x16U) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::ExtaddPairwise { to: IntShape::I16x8, signed: false }, value))
    };
    ($t:ident I16x8ExtendLowI8x16U) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Extend { to: IntShape::I16x8, high: false, signed: false }, value))
    };
    ($t:ident I16x8ExtMulLowI8x16U) => {
        $t.binary(|c, lhs, rhs| {
            c.simd_binary(SimdBinary::Extmul { to: IntShape::I16x8, high: false, signed: false }, lhs, rhs)
        })
    };
    ($t:ident I16x8ExtendHighI8x16U) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Extend { to: IntShape::I16x8, high: true, signed: false }, value))
    };
    ($t:ident I16x8ExtMulHighI8x16U) => {
        $t.binary(|c, lhs, rhs| {
            c.simd_binary(SimdBinary::Extmul { to: IntShape::I16x8, high: true, signed: false }, lhs, rhs)
        })
    };
    ($t:ident I32x4ExtAddPairwiseI16x8S) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::ExtaddPairwise { to: IntShape::I32x4, signed: true }, value))
    };
    ($t:ident I32x4ExtendLowI16x8S) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Extend { to: IntShape::I32x4, high: false, signed: true }, value))
    };
    ($t:ident I32x4ExtMulLowI16x8S) => {
        $t.binary(|c, lhs, rhs| {
            c.simd_binary(SimdBinary::Extmul { to: IntShape::I32x4, high: false, signed: true }, lhs, rhs)
        })
    };
    ($t:ident I32x4ExtendHighI16x8S) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Extend { to: IntShape::I32x4, high: true, signed: true }, value))
    };
    ($t:ident I32x4ExtMulHighI16x8S) => {
        $t.binary(|c, lhs, rhs| {
            c.simd_binary(SimdBinary::Extmul { to: IntShape::I32x4, high: true, signed: true }, lhs, rhs)
        })
    };
    ($t:ident I32x4ExtAddPairwiseI16x8U) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::ExtaddPairwise { to: IntShape::I32x4, signed: false }, value))
    };
    ($t:ident I32x4ExtendLowI16x8U) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Extend { to: IntShape::I32x4, high: false, signed: false }, value))
    };
    ($t:ident I32x4ExtMulLowI16x8U) => {
        $t.binary(|c, lhs, rhs| {
            c.simd_binary(SimdBinary::Extmul { to: IntShape::I32x4, high: false, signed: false }, lhs, rhs)
        })
    };
    ($t:ident I32x4ExtendHighI16x8U) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Extend { to: IntShape::I32x4, high: true, signed: false }, value))
    };
    ($t:ident I32x4ExtMulHighI16x8U) => {
        $t.binary(|c, lhs, rhs| {
            c.simd_binary(SimdBinary::Extmul { to: IntShape::I32x4, high: true, signed: false }, lhs, rhs)
        })
    };
    ($t:ident I64x2ExtendLowI32x4S) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Extend { to: IntShape::I64x2, high: false, signed: true }, value))
    };
    ($t:ident I64x2ExtMulLowI32x4S) => {
        $t.binary(|c, lhs, rhs| {
            c.simd_binary(SimdBinary::Extmul { to: IntShape::I64x2, high: false, signed: true }, lhs, rhs)
        })
    };
    ($t:ident I64x2ExtendHighI32x4S) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Extend { to: IntShape::I64x2, high: true, signed: true }, value))
    };
    ($t:ident I64x2ExtMulHighI32x4S) => {
        $t.binary(|c, lhs, rhs| {
            c.simd_binary(SimdBinary::Extmul { to: IntShape::I64x2, high: true, signed: true }, lhs, rhs)
        })
    };
    ($t:ident I64x2ExtendLowI32x4U) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Extend { to: IntShape::I64x2, high: false, signed: false }, value))
    };
    ($t:ident I64x2ExtMulLowI32x4U) => {
        $t.binary(|c, lhs, rhs| {
            c.simd_binary(SimdBinary::Extmul { to: IntShape::I64x2, high: false, signed: false }, lhs, rhs)
        })
    };
    ($t:ident I64x2ExtendHighI32x4U) => {
        $t.unary(|c, value| c.simd_unary(SimdUnary::Extend { to: IntShape::I64x2, high: true, signed: false }, value))
    };
    ($t:ident I64x2ExtMulHighI32x4U) => {
        $t.binary(|c, lhs, rhs| {
            c.simd_binary(SimdBinary::Extmul { to: IntShape::I64x2, high: true, signed: false }, lhs, rhs)
        })
    };
    ($t:ident I16x8Q15MulrSatS) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Q15mulrSat, lhs, rhs))
    };
    ($t:ident I16x8RelaxedQ15mulrS) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::RelaxedQ15mulr, lhs, rhs))
    };
    ($t:ident I32x4DotI16x8S) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::Dot, lhs, rhs))
    };
    ($t:ident I16x8RelaxedDotI8x16I7x16S) => {
        $t.binary(|c, lhs, rhs| c.simd_binary(SimdBinary::RelaxedDot, lhs, rhs))
    };
    ($t:ident I32x4RelaxedDotI8x16I7x16AddS) => {
        $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedDotAdd, x, y, z))
    };
    // Floating point lanes.
    ($t:ident F32x4Eq) => {
        $t.binary(|c, lhs, rhs| c.simd_float_compare(FloatCompare::Eq, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4Ne) => {
        $t.binary(|c, lhs, rhs| c.simd_float_compare(FloatCompare::Ne, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4Lt) => {
        $t.binary(|c, lhs, rhs| c.simd_float_compare(FloatCompare::Lt, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4Gt) => {
        $t.binary(|c, lhs, rhs| c.simd_float_compare(FloatCompare::Gt, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4Le) => {
        $t.binary(|c, lhs, rhs| c.simd_float_compare(FloatCompare::Le, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4Ge) => {
        $t.binary(|c, lhs, rhs| c.simd_float_compare(FloatCompare::Ge, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4Abs) => {
        $t.unary(|c, value| c.simd_float_unary(FloatUnary::Abs, Width::W32, value))
    };
    ($t:ident F32x4Neg) => {
        $t.unary(|c, value| c.simd_float_unary(FloatUnary::Neg, Width::W32, value))
    };
    ($t:ident F32x4Ceil) => {
        $t.unary(|c, value| c.simd_float_unary(FloatUnary::Ceil, Width::W32, value))
    };
    ($t:ident F32x4Floor) => {
        $t.unary(|c, value| c.simd_float_unary(FloatUnary::Floor, Width::W32, value))
    };
    ($t:ident F32x4Trunc) => {
        $t.unary(|c, value| c.simd_float_unary(FloatUnary::Trunc, Width::W32, value))
    };
    ($t:ident F32x4Nearest) => {
        $t.unary(|c, value| c.simd_float_unary(FloatUnary::Nearest, Width::W32, value))
    };
    ($t:ident F32x4Sqrt) => {
        $t.unary(|c, value| c.simd_float_unary(FloatUnary::Sqrt, Width::W32, value))
    };
    ($t:ident F32x4Add) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Add, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4Sub) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Sub, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4Mul) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Mul, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4Div) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Div, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4Min) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Min, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4Max) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Max, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4PMin) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Pmin, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4PMax) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Pmax, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4RelaxedMin) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::RelaxedMin, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4RelaxedMax) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::RelaxedMax, Width::W32, lhs, rhs))
    };
    ($t:ident F32x4RelaxedMadd) => {
        $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedMadd(Width::W32), x, y, z))
    };
    ($t:ident F32x4RelaxedNmadd) => {
        $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedNmadd(Width::W32), x, y, z))
    };
    ($t:ident F64x2Eq) => {
        $t.binary(|c, lhs, rhs| c.simd_float_compare(FloatCompare::Eq, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2Ne) => {
        $t.binary(|c, lhs, rhs| c.simd_float_compare(FloatCompare::Ne, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2Lt) => {
        $t.binary(|c, lhs, rhs| c.simd_float_compare(FloatCompare::Lt, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2Gt) => {
        $t.binary(|c, lhs, rhs| c.simd_float_compare(FloatCompare::Gt, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2Le) => {
        $t.binary(|c, lhs, rhs| c.simd_float_compare(FloatCompare::Le, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2Ge) => {
        $t.binary(|c, lhs, rhs| c.simd_float_compare(FloatCompare::Ge, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2Abs) => {
        $t.unary(|c, value| c.simd_float_unary(FloatUnary::Abs, Width::W64, value))
    };
    ($t:ident F64x2Neg) => {
        $t.unary(|c, value| c.simd_float_unary(FloatUnary::Neg, Width::W64, value))
    };
    ($t:ident F64x2Ceil) => {
        $t.unary(|c, value| c.simd_float_unary(FloatUnary::Ceil, Width::W64, value))
    };
    ($t:ident F64x2Floor) => {
        $t.unary(|c, value| c.simd_float_unary(FloatUnary::Floor, Width::W64, value))
    };
    ($t:ident F64x2Trunc) => {
        $t.unary(|c, value| c.simd_float_unary(FloatUnary::Trunc, Width::W64, value))
    };
    ($t:ident F64x2Nearest) => {
        $t.unary(|c, value| c.simd_float_unary(FloatUnary::Nearest, Width::W64, value))
    };
    ($t:ident F64x2Sqrt) => {
        $t.unary(|c, value| c.simd_float_unary(FloatUnary::Sqrt, Width::W64, value))
    };
    ($t:ident F64x2Add) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Add, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2Sub) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Sub, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2Mul) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Mul, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2Div) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Div, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2Min) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Min, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2Max) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Max, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2PMin) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Pmin, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2PMax) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::Pmax, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2RelaxedMin) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::RelaxedMin, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2RelaxedMax) => {
        $t.binary(|c, lhs, rhs| c.simd_float_binary(SimdFloatBinary::RelaxedMax, Width::W64, lhs, rhs))
    };
    ($t:ident F64x2RelaxedMadd) => {
        $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedMadd(Width::W64), x, y, z))
    };
    ($t:ident F64x2RelaxedNmadd) => {
        $t.ternary(|c, x, y, z| c.simd_ternary(SimdTernary::RelaxedNmadd(Width::W64), x, y, z))
    };
    // Conversions.
    ($t:ident I32x4TruncSatF32x4S) => {
        $t.unary(|c, value| c.simd_convert(SimdConvert::TruncSatF32x4 { signed: true }, value))
    };
    ($t:ident I32x4TruncSatF64x2SZero) => {
        $t.unary(|c, value| c.simd_convert(SimdConvert::TruncSatF64x2Zero { signed: true }, value))
    };
    ($t:ident I32x4RelaxedTruncF32x4S) => {
        $t.unary(|c, value| c.simd_convert(SimdConvert::RelaxedTruncF32x4 { signed: true }, value))
    };
    ($t:ident I32x4RelaxedTruncF64x2SZero) => {
        $t.unary(|c, value| c.simd_convert(SimdConvert::RelaxedTruncF64x2Zero { signed: true }, value))
    };
    ($t:ident F32x4ConvertI32x4S) => {
        $t.unary(|c, value| c.simd_convert(SimdConvert::ConvertI32x4 { signed: true }, value))
    };
    ($t:ident F64x2ConvertLowI32x4S) => {
        $t.unary(|c, value| c.simd_convert(SimdConvert::ConvertLowI32x4 { signed: true }, value))
    };
    ($t:ident I32x4TruncSatF32x4U) => {
        $t.unary(|c, value| c.simd_convert(SimdConvert::TruncSatF32x4 { signed: false }, value))
    };
    ($t:ident I32x4TruncSatF64x2UZero) => {
        $t.unary(|c, value| c.simd_convert(SimdConvert::TruncSatF64x2Zero { signed: false }, value))
    };
    ($t:ident I32x4RelaxedTruncF32x4U) => {
        $t.unary(|c, value| c.simd_convert(SimdConvert::RelaxedTruncF32x4 { signed: false }, value))
    };
    ($t:ident I32x4RelaxedTruncF64x2UZero) => {
        $t.unary(|c, value| c.simd_convert(SimdConvert::RelaxedTruncF64x2Zero { signed: false }, value))
    };
    ($t:ident F32x4ConvertI32x4U) => {
        $t.unary(|c, value| c.simd_convert(SimdConvert::ConvertI32x4 { signed: false }, value))
    };
    ($t:ident F64x2ConvertLowI32x4U) => {
        $t.unary(|c, value| c.simd_convert(SimdConvert::ConvertLowI32x4 { signed: false }, value))
    };
    ($t:ident F32x4DemoteF64x2Zero) => {
        $t.unary(|c, value| c.simd_convert(SimdConvert::DemoteF64x2Zero, value))
    };
    ($t:ident F64x2PromoteLowF32x4) => {
        $t.unary(|c, value| c.simd_convert(SimdConvert::PromoteLowF32x4, value))
    };
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
