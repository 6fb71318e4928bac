//! Vector operators on integer lanes and bits, and floating point lanes (specification, sections 4.3.5 and 4.4.3).
//!
//! A `v128` travels as two 64-bit lanes and is cast to the lanes of each operator, which costs nothing. What LLVM has
//! no operation for is done with the SSE instruction; x86-64-v2 is the floor.

use inkwell::FloatPredicate;
use inkwell::IntPredicate;
use inkwell::types::VectorType;
use inkwell::values::InstructionOpcode as Op;
use wasmer_runtime_core::translate::codegen::Result;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::types::Width;

use crate::codegen::{Codegen, V};
use crate::float::float_predicate;
use crate::int::int_predicate;

/// The shape with lanes of half the width.
pub(crate) fn narrower(shape: IntShape) -> IntShape {
    match shape {
        IntShape::I8x16 | IntShape::I16x8 => IntShape::I8x16,
        IntShape::I32x4 => IntShape::I16x8,
        IntShape::I64x2 => IntShape::I32x4,
    }
}

impl<'ctx> Codegen<'ctx, '_> {
    /// A `v128` as lanes of `shape`.
    pub(crate) fn lanes(&self, shape: IntShape, value: V<'ctx>) -> Result<V<'ctx>> {
        self.lanes_of(self.t.lanes(shape), value)
    }

    pub(crate) fn float_lanes(&self, width: Width, value: V<'ctx>) -> Result<V<'ctx>> {
        self.lanes_of(self.t.float_lanes(width), value)
    }

    /// Constants are written with the lanes that are asked for, so that LLVM folds what is computed of them without looking through casts.
    fn lanes_of(&self, ty: VectorType<'ctx>, value: V<'ctx>) -> Result<V<'ctx>> {
        match self.constant_lanes(value, ty)? {
            Some(lanes) => Ok(lanes),
            None => self.bitcast(value, ty),
        }
    }

    /// Lanes of any kind as a `v128`.
    pub(crate) fn vector(&self, lanes: V<'ctx>) -> Result<V<'ctx>> {
        self.bitcast(lanes, self.t.v128)
    }

    pub(crate) fn emit_simd_unary(&mut self, op: SimdUnary, value: V<'ctx>) -> Result<V<'ctx>> {
        let lanes = match op {
            SimdUnary::Not => self.bin(Op::Xor, value, self.const_like(value, u64::MAX))?,
            SimdUnary::Abs(shape) => {
                let lanes = self.lanes(shape, value)?;
                // `false`: the absolute value of the minimum is the minimum, not poison.
                let poison = self.t.i1.const_zero();
                self.intrinsic("llvm.abs", &[lanes.get_type()], &[lanes.into(), poison.into()])?
            }
            SimdUnary::Neg(shape) => {
                let lanes = self.lanes(shape, value)?;
                self.bin(Op::Sub, self.const_like(lanes, 0), lanes)?
            }
            SimdUnary::Popcnt => {
                let lanes = self.lanes(IntShape::I8x16, value)?;
                self.intrinsic_like("llvm.ctpop", &[lanes])?
            }
            SimdUnary::Extend { to, high, signed } => self.extend_half(to, high, signed, value)?,
            SimdUnary::ExtaddPairwise { to, signed } => {
                let lanes = self.lanes(narrower(to), value)?;
                let count = self.t.lanes(to).get_size();
                // LLVM has no addition of neighbours: it finds the processor's instruction for it in this pattern.
                let even = self.shuffle(lanes, lanes, (0..count).map(|lane| 2 * lane))?;
                let odd = self.shuffle(lanes, lanes, (0..count).map(|lane| 2 * lane + 1))?;
                let extend = if signed { Op::SExt } else { Op::ZExt };
                let even = self.cast(extend, even, self.t.lanes(to))?;
                let odd = self.cast(extend, odd, self.t.lanes(to))?;
                self.bin(Op::Add, even, odd)?
            }
        };
        self.vector(lanes)
    }

    /// One half of the lanes, extended to lanes of `to`.
    fn extend_half(&mut self, to: IntShape, high: bool, signed: bool, value: V<'ctx>) -> Result<V<'ctx>> {
        let lanes = self.lanes(narrower(to), value)?;
        let count = self.t.lanes(to).get_size();
        let first = if high { count } else { 0 };
        let half = self.shuffle(lanes, lanes, first..first + count)?;
        self.cast(if signed { Op::SExt } else { Op::ZExt }, half, self.t.lanes(to))
    }

    pub(crate) fn emit_simd_binary(&mut self, op: SimdBinary, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>> {
        let lanes = match op {
            SimdBinary::And => self.bin(Op::And, lhs, rhs)?,
            SimdBinary::AndNot => {
                let not = self.bin(Op::Xor, rhs, self.const_like(rhs, u64::MAX))?;
                self.bin(Op::And, lhs, not)?
            }
            SimdBinary::Or => self.bin(Op::Or, lhs, rhs)?,
            SimdBinary::Xor => self.bin(Op::Xor, lhs, rhs)?,
            SimdBinary::Add(shape) => self.lanewise(Op::Add, shape, lhs, rhs)?,
            SimdBinary::Sub(shape) => self.lanewise(Op::Sub, shape, lhs, rhs)?,
            SimdBinary::Mul(shape) => self.lanewise(Op::Mul, shape, lhs, rhs)?,
            SimdBinary::AddSat { shape, signed } => {
                self.lanewise_intrinsic(if signed { "llvm.sadd.sat" } else { "llvm.uadd.sat" }, shape, lhs, rhs)?
            }
            SimdBinary::SubSat { shape, signed } => {
                self.lanewise_intrinsic(if signed { "llvm.ssub.sat" } else { "llvm.usub.sat" }, shape, lhs, rhs)?
            }
            SimdBinary::Min { shape, signed } => {
                self.lanewise_intrinsic(if signed { "llvm.smin" } else { "llvm.umin" }, shape, lhs, rhs)?
            }
            SimdBinary::Max { shape, signed } => {
                self.lanewise_intrinsic(if signed { "llvm.smax" } else { "llvm.umax" }, shape, lhs, rhs)?
            }
            SimdBinary::AvgrU(shape) => self.average(shape, lhs, rhs)?,
            SimdBinary::Q15mulrSat | SimdBinary::RelaxedQ15mulr => self.q15_multiply(lhs, rhs)?,
            // The one sum that overflows, -2¹⁵ · -2¹⁵ twice, wraps in both.
            SimdBinary::Dot => {
                let lhs = self.lanes(IntShape::I16x8, lhs)?;
                let rhs = self.lanes(IntShape::I16x8, rhs)?;
                self.intrinsic("llvm.x86.sse2.pmadd.wd", &[], &[lhs.into(), rhs.into()])?
            }
            SimdBinary::RelaxedDot => self.relaxed_dot(lhs, rhs)?,
            SimdBinary::Narrow { to, signed } => self.narrow_lanes(to, signed, lhs, rhs)?,
            SimdBinary::Extmul { to, high, signed } => {
                let lhs = self.extend_half(to, high, signed, lhs)?;
                let rhs = self.extend_half(to, high, signed, rhs)?;
                self.bin(Op::Mul, lhs, rhs)?
            }
            SimdBinary::Swizzle | SimdBinary::RelaxedSwizzle => self.swizzle(lhs, rhs)?,
        };
        self.vector(lanes)
    }

    /// What LLVM has an instruction for that takes vectors as it takes numbers.
    fn lanewise(&mut self, op: Op, shape: IntShape, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>> {
        let lhs = self.lanes(shape, lhs)?;
        let rhs = self.lanes(shape, rhs)?;
        self.bin(op, lhs, rhs)
    }

    /// What LLVM has an intrinsic for that takes vectors as it takes numbers.
    fn lanewise_intrinsic(
        &mut self,
        name: &'static str,
        shape: IntShape,
        lhs: V<'ctx>,
        rhs: V<'ctx>,
    ) -> Result<V<'ctx>> {
        let lhs = self.lanes(shape, lhs)?;
        let rhs = self.lanes(shape, rhs)?;
        self.intrinsic_like(name, &[lhs, rhs])
    }

    /// `(lhs + rhs + 1) / 2` in lanes of twice the width: LLVM knows the pattern as `pavg`.
    fn average(&mut self, shape: IntShape, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>> {
        let narrow = self.t.lanes(shape);
        let wide = self.t.int_bits(shape.lane_bits() * 2).vec_type(narrow.get_size());
        let lhs = self.lanes(shape, lhs)?;
        let rhs = self.lanes(shape, rhs)?;
        let lhs = self.cast(Op::ZExt, lhs, wide)?;
        let rhs = self.cast(Op::ZExt, rhs, wide)?;
        let sum = self.bin(Op::Add, lhs, rhs)?;
        let sum = self.bin(Op::Add, sum, self.const_like(sum, 1))?;
        let half = self.bin(Op::LShr, sum, self.const_like(sum, 1))?;
        self.cast(Op::Trunc, half, narrow)
    }

    /// `pmulhrsw` is right but for -1 · -1, which it leaves at the minimum.
    fn q15_multiply(&mut self, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>> {
        let lhs = self.lanes(IntShape::I16x8, lhs)?;
        let rhs = self.lanes(IntShape::I16x8, rhs)?;
        let product = self.intrinsic("llvm.x86.ssse3.pmul.hr.sw.128", &[], &[lhs.into(), rhs.into()])?;
        let overflow = self.icmp(IntPredicate::EQ, product, self.const_like(product, 0x8000))?;
        let mask = self.cast(Op::SExt, overflow, self.t.lanes(IntShape::I16x8))?;
        self.bin(Op::Xor, product, mask)
    }

    /// Products of signed bytes, added in pairs. The second operand is in 0..128 where the result is defined.
    fn relaxed_dot(&mut self, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>> {
        let to = IntShape::I16x8;
        let mut products = [lhs; 2];
        for (parity, product) in products.iter_mut().enumerate() {
            let mut wide = [lhs; 2];
            for (wide, operand) in wide.iter_mut().zip([lhs, rhs]) {
                let lanes = self.lanes(IntShape::I8x16, operand)?;
                let half = self.shuffle(lanes, lanes, (0..8).map(|lane| 2 * lane + parity as u32))?;
                *wide = self.cast(Op::SExt, half, self.t.lanes(to))?;
            }
            *product = self.bin(Op::Mul, wide[0], wide[1])?;
        }
        // The sum of two products saturates only for -128 · -128 twice.
        self.intrinsic_like("llvm.sadd.sat", &products)
    }

    /// Both kinds read their operands as signed lanes, as the specification wants it also for unsigned results. The unsigned one from 32 bits is of SSE4.1.
    fn narrow_lanes(&mut self, to: IntShape, signed: bool, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>> {
        let (from, name) = match (to, signed) {
            (IntShape::I8x16, true) => (IntShape::I16x8, "llvm.x86.sse2.packsswb.128"),
            (IntShape::I8x16, false) => (IntShape::I16x8, "llvm.x86.sse2.packuswb.128"),
            (_, true) => (IntShape::I32x4, "llvm.x86.sse2.packssdw.128"),
            (_, false) => (IntShape::I32x4, "llvm.x86.sse41.packusdw"),
        };
        let lhs = self.lanes(from, lhs)?;
        let rhs = self.lanes(from, rhs)?;
        self.intrinsic(name, &[], &[lhs.into(), rhs.into()])
    }

    /// `pshufb` looks at the top bit and the low four: a saturating addition of 0x70 sets the top bit of all beyond 15.
    fn swizzle(&mut self, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>> {
        let bytes = self.lanes(IntShape::I8x16, lhs)?;
        let places = self.lanes(IntShape::I8x16, rhs)?;
        let places = self.intrinsic_like("llvm.uadd.sat", &[places, self.const_like(places, 0x70)])?;
        self.intrinsic("llvm.x86.ssse3.pshuf.b.128", &[], &[bytes.into(), places.into()])
    }

    pub(crate) fn emit_simd_ternary(&mut self, op: SimdTernary, a: V<'ctx>, b: V<'ctx>, c: V<'ctx>) -> Result<V<'ctx>> {
        match op {
            // `((a ^ b) & c) ^ b` needs no complement of the mask. The relaxed one may look at one bit of each lane only, and is the same here.
            SimdTernary::Bitselect | SimdTernary::RelaxedLaneselect(_) => {
                let difference = self.bin(Op::Xor, a, b)?;
                let chosen = self.bin(Op::And, difference, c)?;
                self.bin(Op::Xor, chosen, b)
            }
            SimdTernary::RelaxedMadd(width) => self.multiply_add(width, false, a, b, c),
            SimdTernary::RelaxedNmadd(width) => self.multiply_add(width, true, a, b, c),
            SimdTernary::RelaxedDotAdd => {
                let pairs = self.relaxed_dot(a, b)?;
                let pairs = self.vector(pairs)?;
                let sums =
                    self.emit_simd_unary(SimdUnary::ExtaddPairwise { to: IntShape::I32x4, signed: true }, pairs)?;
                self.emit_simd_binary(SimdBinary::Add(IntShape::I32x4), sums, c)
            }
        }
    }

    /// Fused where the CPU does that: `fmuladd` leaves the choice to the code generator.
    fn multiply_add(&mut self, width: Width, negate: bool, a: V<'ctx>, b: V<'ctx>, c: V<'ctx>) -> Result<V<'ctx>> {
        let mut a = self.float_lanes(width, a)?;
        let b = self.float_lanes(width, b)?;
        let c = self.float_lanes(width, c)?;
        if negate {
            a = self.negate(a)?;
        }
        let sum = self.intrinsic_like("llvm.fmuladd", &[a, b, c])?;
        self.vector(sum)
    }

    pub(crate) fn emit_simd_shift(
        &mut self,
        op: SimdShift,
        shape: IntShape,
        value: V<'ctx>,
        count: V<'ctx>,
    ) -> Result<V<'ctx>> {
        let lanes = self.lanes(shape, value)?;
        // WebAssembly takes the count modulo the lane's width; LLVM's shift by as much is poison.
        let count = self.bin(Op::And, count, self.const_like(count, shape.lane_bits() as u64 - 1))?;
        let lane = match shape {
            IntShape::I32x4 => count,
            IntShape::I64x2 => self.cast(Op::ZExt, count, self.t.i64)?,
            IntShape::I8x16 | IntShape::I16x8 => self.cast(Op::Trunc, count, self.t.int_bits(shape.lane_bits()))?,
        };
        let counts = self.splat(lane)?;
        let counts = self.lanes(shape, counts)?;
        let op = match op {
            SimdShift::Shl => Op::Shl,
            SimdShift::ShrS => Op::AShr,
            SimdShift::ShrU => Op::LShr,
        };
        let shifted = self.bin(op, lanes, counts)?;
        self.vector(shifted)
    }

    pub(crate) fn emit_simd_int_compare(
        &mut self,
        op: IntCompare,
        shape: IntShape,
        lhs: V<'ctx>,
        rhs: V<'ctx>,
    ) -> Result<V<'ctx>> {
        let lhs = self.lanes(shape, lhs)?;
        let rhs = self.lanes(shape, rhs)?;
        // A lane is all ones where the comparison holds: the sign of one bit, spread.
        let holds = self.icmp(int_predicate(op), lhs, rhs)?;
        let mask = self.cast(Op::SExt, holds, self.t.lanes(shape))?;
        self.vector(mask)
    }

    pub(crate) fn emit_simd_float_unary(&mut self, op: FloatUnary, width: Width, value: V<'ctx>) -> Result<V<'ctx>> {
        let lanes = self.float_lanes(width, value)?;
        let lanes = self.float_unary_any(op, lanes)?;
        self.vector(lanes)
    }

    pub(crate) fn emit_simd_float_binary(
        &mut self,
        op: SimdFloatBinary,
        width: Width,
        lhs: V<'ctx>,
        rhs: V<'ctx>,
    ) -> Result<V<'ctx>> {
        let lhs = self.float_lanes(width, lhs)?;
        let rhs = self.float_lanes(width, rhs)?;
        let lanes = match op {
            SimdFloatBinary::Add => self.bin(Op::FAdd, lhs, rhs)?,
            SimdFloatBinary::Sub => self.bin(Op::FSub, lhs, rhs)?,
            SimdFloatBinary::Mul => self.bin(Op::FMul, lhs, rhs)?,
            SimdFloatBinary::Div => self.bin(Op::FDiv, lhs, rhs)?,
            // The relaxed ones may differ for NaNs and zeros of both signs; here they are the same.
            SimdFloatBinary::Min | SimdFloatBinary::RelaxedMin => self.float_min_max("llvm.minimum", lhs, rhs)?,
            SimdFloatBinary::Max | SimdFloatBinary::RelaxedMax => self.float_min_max("llvm.maximum", lhs, rhs)?,
            // The first operand unless the comparison holds, so also with NaN and with zeros of both signs: what `minps` and `maxps` do with operands exchanged.
            SimdFloatBinary::Pmin => {
                let less = self.fcmp(FloatPredicate::OLT, rhs, lhs)?;
                self.select_value(less, rhs, lhs)?
            }
            SimdFloatBinary::Pmax => {
                let less = self.fcmp(FloatPredicate::OLT, lhs, rhs)?;
                self.select_value(less, rhs, lhs)?
            }
        };
        self.vector(lanes)
    }

    pub(crate) fn emit_simd_float_compare(
        &mut self,
        op: FloatCompare,
        width: Width,
        lhs: V<'ctx>,
        rhs: V<'ctx>,
    ) -> Result<V<'ctx>> {
        let lhs = self.float_lanes(width, lhs)?;
        let rhs = self.float_lanes(width, rhs)?;
        let holds = self.fcmp(float_predicate(op), lhs, rhs)?;
        let shape = match width {
            Width::W32 => IntShape::I32x4,
            Width::W64 => IntShape::I64x2,
        };
        let mask = self.cast(Op::SExt, holds, self.t.lanes(shape))?;
        self.vector(mask)
    }
}
