//! Floating point operators, scalar and per lane (specification, section 4.3.3).
//!
//! LLVM may treat a signalling NaN as a quiet one, so an identity like `x * 1` folds to `x` and a signalling NaN comes
//! out as it went in, which the specification forbids. The constants of such identities are hidden from it.

use inkwell::FloatPredicate;
use inkwell::values::InstructionOpcode as Op;
use wasmer_runtime_core::translate::codegen::Result;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::types::Width;

use crate::codegen::{Codegen, V};

/// LLVM's name of a comparison: everything but "not equal" is false of NaN.
pub(crate) fn float_predicate(op: FloatCompare) -> FloatPredicate {
    match op {
        FloatCompare::Eq => FloatPredicate::OEQ,
        FloatCompare::Ne => FloatPredicate::UNE,
        FloatCompare::Lt => FloatPredicate::OLT,
        FloatCompare::Gt => FloatPredicate::OGT,
        FloatCompare::Le => FloatPredicate::OLE,
        FloatCompare::Ge => FloatPredicate::OGE,
    }
}

impl<'ctx> Codegen<'ctx, '_> {
    pub(crate) fn emit_float_unary(&mut self, op: FloatUnary, _width: Width, value: V<'ctx>) -> Result<V<'ctx>> {
        self.float_unary_any(op, value)
    }

    /// For scalars and vectors.
    pub(crate) fn float_unary_any(&mut self, op: FloatUnary, value: V<'ctx>) -> Result<V<'ctx>> {
        let name = match op {
            FloatUnary::Abs => "llvm.fabs",
            FloatUnary::Neg => return self.negate(value),
            FloatUnary::Ceil => "llvm.ceil",
            FloatUnary::Floor => "llvm.floor",
            FloatUnary::Trunc => "llvm.trunc",
            FloatUnary::Nearest => "llvm.roundeven",
            FloatUnary::Sqrt => "llvm.sqrt",
        };
        self.intrinsic_like(name, &[value])
    }

    /// `fneg` changes the sign bit and nothing else.
    pub(crate) fn negate(&mut self, value: V<'ctx>) -> Result<V<'ctx>> {
        use crate::intrinsics::Built;
        Ok(match value {
            V::VectorValue(value) => self.b.build_float_neg(value, "").built()?.into(),
            _ => self.b.build_float_neg(value.into_float_value(), "").built()?.into(),
        })
    }

    pub(crate) fn emit_float_binary(
        &mut self,
        op: FloatBinary,
        _width: Width,
        lhs: V<'ctx>,
        rhs: V<'ctx>,
    ) -> Result<V<'ctx>> {
        match op {
            FloatBinary::Add => self.bin(Op::FAdd, lhs, rhs),
            FloatBinary::Sub => self.bin(Op::FSub, lhs, rhs),
            FloatBinary::Mul => self.bin(Op::FMul, lhs, rhs),
            FloatBinary::Div => self.bin(Op::FDiv, lhs, rhs),
            FloatBinary::Min => self.float_min_max("llvm.minimum", lhs, rhs),
            FloatBinary::Max => self.float_min_max("llvm.maximum", lhs, rhs),
            FloatBinary::Copysign => self.intrinsic_like("llvm.copysign", &[lhs, rhs]),
        }
    }

    /// x86's lowering returns a signalling NaN as it is; the addition quiets it.
    pub(crate) fn float_min_max(&mut self, name: &'static str, lhs: V<'ctx>, rhs: V<'ctx>) -> Result<V<'ctx>> {
        let unordered = self.fcmp(FloatPredicate::UNO, lhs, rhs)?;
        let nan = self.bin(Op::FAdd, lhs, rhs)?;
        let number = self.intrinsic_like(name, &[lhs, rhs])?;
        self.select_value(unordered, nan, number)
    }

    pub(crate) fn emit_float_compare(
        &mut self,
        op: FloatCompare,
        _width: Width,
        lhs: V<'ctx>,
        rhs: V<'ctx>,
    ) -> Result<V<'ctx>> {
        let holds = self.fcmp(float_predicate(op), lhs, rhs)?;
        self.flag(holds)
    }
}
