//! Floating point operators, scalar and per lane: Cranelift's have the specification's treatment of NaN and of signed zeros.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use wasmer_runtime_core::translate::ops::{FloatBinary, FloatCompare, FloatUnary};
use wasmer_runtime_core::types::Width;

use crate::codegen::Codegen;

/// The Cranelift type of a floating point number.
pub(crate) const fn float_type(width: Width) -> Type {
    match width {
        Width::W32 => types::F32,
        Width::W64 => types::F64,
    }
}

/// The condition of a comparison, scalar or per lane.
pub(crate) const fn condition(op: FloatCompare) -> FloatCC {
    match op {
        FloatCompare::Eq => FloatCC::Equal,
        FloatCompare::Ne => FloatCC::NotEqual,
        FloatCompare::Lt => FloatCC::LessThan,
        FloatCompare::Gt => FloatCC::GreaterThan,
        FloatCompare::Le => FloatCC::LessThanOrEqual,
        FloatCompare::Ge => FloatCC::GreaterThanOrEqual,
    }
}

/// Of a scalar, or of a vector with float lanes.
pub(crate) fn unary(cg: &mut Codegen<'_>, op: FloatUnary, value: Value) -> Value {
    let ins = cg.ins();
    match op {
        FloatUnary::Abs => ins.fabs(value),
        FloatUnary::Neg => ins.fneg(value),
        FloatUnary::Ceil => ins.ceil(value),
        FloatUnary::Floor => ins.floor(value),
        FloatUnary::Trunc => ins.trunc(value),
        FloatUnary::Nearest => ins.nearest(value),
        FloatUnary::Sqrt => ins.sqrt(value),
    }
}

pub(crate) fn binary(cg: &mut Codegen<'_>, op: FloatBinary, lhs: Value, rhs: Value) -> Value {
    let ins = cg.ins();
    match op {
        FloatBinary::Add => ins.fadd(lhs, rhs),
        FloatBinary::Sub => ins.fsub(lhs, rhs),
        FloatBinary::Mul => ins.fmul(lhs, rhs),
        FloatBinary::Div => ins.fdiv(lhs, rhs),
        FloatBinary::Min => ins.fmin(lhs, rhs),
        FloatBinary::Max => ins.fmax(lhs, rhs),
        FloatBinary::Copysign => ins.fcopysign(lhs, rhs),
    }
}

pub(crate) fn compare(cg: &mut Codegen<'_>, op: FloatCompare, lhs: Value, rhs: Value) -> Value {
    let holds = cg.ins().fcmp(condition(op), lhs, rhs);
    cg.ins().uextend(types::I32, holds)
}
