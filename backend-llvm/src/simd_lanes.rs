//! Vector operators that move, test and convert lanes: splat, extract, replace, shuffle, reductions, conversions.

use inkwell::IntPredicate;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{InstructionOpcode as Op, VectorValue};
use wasmer_runtime_core::translate::codegen::Result;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::types::Width;

use crate::codegen::{Codegen, V};
use crate::intrinsics::Built;

impl<'ctx> Codegen<'ctx, '_> {
    /// A `v128` of which every lane is `lane`.
    pub(crate) fn splat(&mut self, lane: V<'ctx>) -> Result<V<'ctx>> {
        let ty = match lane.get_type() {
            BasicTypeEnum::FloatType(ty) => ty.vec_type(if ty == self.t.f32 { 4 } else { 2 }),
            ty => {
                let ty = ty.into_int_type();
                ty.vec_type(128 / ty.get_bit_width())
            }
        };
        // The form that LLVM writes a splat in itself, and makes a broadcast of.
        let first = self.b.build_insert_element(ty.get_poison(), lane, self.t.i32.const_zero(), "").built()?.into();
        let lanes = self.shuffle(first, ty.get_poison().into(), std::iter::repeat_n(0, ty.get_size() as usize))?;
        self.vector(lanes)
    }

    /// A `v128` as lanes of `shape`.
    fn shaped(&self, shape: Shape, value: V<'ctx>) -> Result<VectorValue<'ctx>> {
        Ok(match shape {
            Shape::Int(shape) => self.lanes(shape, value)?,
            Shape::Float(width) => self.float_lanes(width, value)?,
        }
        .into_vector_value())
    }

    /// The scalar that wasm exchanges with a lane, as that lane.
    fn as_lane(&self, shape: Shape, value: V<'ctx>) -> Result<V<'ctx>> {
        match shape {
            Shape::Int(shape @ (IntShape::I8x16 | IntShape::I16x8)) => {
                self.cast(Op::Trunc, value, self.t.int_bits(shape.lane_bits()))
            }
            Shape::Int(IntShape::I32x4 | IntShape::I64x2) | Shape::Float(_) => Ok(value),
        }
    }

    pub(crate) fn emit_simd_splat(&mut self, shape: Shape, value: V<'ctx>) -> Result<V<'ctx>> {
        let lane = self.as_lane(shape, value)?;
        self.splat(lane)
    }

    pub(crate) fn emit_simd_extract_lane(
        &mut self,
        shape: Shape,
        lane: u8,
        signed: bool,
        value: V<'ctx>,
    ) -> Result<V<'ctx>> {
        let lanes = self.shaped(shape, value)?;
        let value = self.b.build_extract_element(lanes, self.const_i32(lane as i32), "").built()?;
        match shape {
            Shape::Int(IntShape::I8x16 | IntShape::I16x8) => {
                self.cast(if signed { Op::SExt } else { Op::ZExt }, value, self.t.i32)
            }
            Shape::Int(IntShape::I32x4 | IntShape::I64x2) | Shape::Float(_) => Ok(value),
        }
    }

    pub(crate) fn emit_simd_replace_lane(
        &mut self,
        shape: Shape,
        lane: u8,
        vector: V<'ctx>,
        value: V<'ctx>,
    ) -> Result<V<'ctx>> {
        let lanes = self.shaped(shape, vector)?;
        let value = self.as_lane(shape, value)?;
        let lanes = self.b.build_insert_element(lanes, value, self.const_i32(lane as i32), "").built()?;
        self.vector(lanes.into())
    }

    pub(crate) fn emit_simd_shuffle(&mut self, lanes: [u8; 16], lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>> {
        let lhs = self.lanes(IntShape::I8x16, lhs)?;
        let rhs = self.lanes(IntShape::I8x16, rhs)?;
        let mixed = self.shuffle(lhs, rhs, lanes.into_iter().map(u32::from))?;
        self.vector(mixed)
    }

    pub(crate) fn emit_simd_test(&mut self, op: SimdTest, value: V<'ctx>) -> Result<V<'ctx>> {
        match op {
            SimdTest::AnyTrue => {
                let bits = self.bitcast(value, self.t.i128)?;
                let any = self.is_true(bits)?;
                self.flag(any.into())
            }
            SimdTest::AllTrue(shape) => {
                let lanes = self.lanes(shape, value)?;
                let zero = self.icmp(IntPredicate::EQ, lanes, self.const_like(lanes, 0))?;
                let zero = self.lane_bits(zero)?;
                let all = self.icmp(IntPredicate::EQ, zero, self.const_like(zero, 0))?;
                self.flag(all)
            }
            SimdTest::Bitmask(shape) => {
                let lanes = self.lanes(shape, value)?;
                let negative = self.icmp(IntPredicate::SLT, lanes, self.const_like(lanes, 0))?;
                let bits = self.lane_bits(negative)?;
                self.cast(Op::ZExt, bits, self.t.i32)
            }
        }
    }

    /// A vector of booleans as an integer, the first lane lowest: `movmsk` in machine code.
    fn lane_bits(&self, lanes: V<'ctx>) -> Result<V<'ctx>> {
        let count = lanes.into_vector_value().get_type().get_size();
        let ty = self.ctx.custom_width_int_type(std::num::NonZeroU32::new(count).unwrap_or(std::num::NonZeroU32::MIN));
        self.bitcast(lanes, ty.map_err(crate::intrinsics::internal)?)
    }

    pub(crate) fn emit_simd_convert(&mut self, op: SimdConvert, value: V<'ctx>) -> Result<V<'ctx>> {
        let i32x4 = self.t.lanes(IntShape::I32x4);
        let f32x4 = self.t.float_lanes(Width::W32);
        let f64x2 = self.t.float_lanes(Width::W64);
        let lanes = match op {
            SimdConvert::TruncSatF32x4 { signed } | SimdConvert::RelaxedTruncF32x4 { signed } => {
                let lanes = self.float_lanes(Width::W32, value)?;
                self.intrinsic(saturate(signed), &[i32x4.into(), f32x4.into()], &[lanes.into()])?
            }
            SimdConvert::TruncSatF64x2Zero { signed } | SimdConvert::RelaxedTruncF64x2Zero { signed } => {
                let lanes = self.float_lanes(Width::W64, value)?;
                let i32x2 = self.t.i32.vec_type(2);
                let low = self.intrinsic(saturate(signed), &[i32x2.into(), f64x2.into()], &[lanes.into()])?;
                self.shuffle(low, i32x2.const_zero().into(), 0..4)?
            }
            SimdConvert::ConvertI32x4 { signed } => {
                let lanes = self.lanes(IntShape::I32x4, value)?;
                self.cast(if signed { Op::SIToFP } else { Op::UIToFP }, lanes, f32x4)?
            }
            SimdConvert::ConvertLowI32x4 { signed } => {
                let lanes = self.lanes(IntShape::I32x4, value)?;
                let low = self.shuffle(lanes, lanes, 0..2)?;
                self.cast(if signed { Op::SIToFP } else { Op::UIToFP }, low, f64x2)?
            }
            SimdConvert::DemoteF64x2Zero => {
                let lanes = self.float_lanes(Width::W64, value)?;
                let f32x2 = self.t.f32.vec_type(2);
                let low = self.cast(Op::FPTrunc, lanes, f32x2)?;
                self.shuffle(low, f32x2.const_zero().into(), 0..4)?
            }
            SimdConvert::PromoteLowF32x4 => {
                let lanes = self.float_lanes(Width::W32, value)?;
                let low = self.shuffle(lanes, lanes, 0..2)?;
                self.cast(Op::FPExt, low, f64x2)?
            }
        };
        self.vector(lanes)
    }
}

/// The saturating conversion, which is also what the deterministic profile makes of the relaxed one.
fn saturate(signed: bool) -> &'static str {
    if signed { "llvm.fptosi.sat" } else { "llvm.fptoui.sat" }
}
