//! Integer operators.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use wasmer_runtime_core::translate::ops::{IntBinary, IntCompare, IntUnary, WideOp};
use wasmer_runtime_core::types::Width;

use crate::codegen::Codegen;

/// The Cranelift type of an integer.
pub(crate) const fn int_type(width: Width) -> Type {
    match width {
        Width::W32 => types::I32,
        Width::W64 => types::I64,
    }
}

/// The condition of a comparison, scalar or per lane.
pub(crate) const fn condition(op: IntCompare) -> IntCC {
    match op {
        IntCompare::Eq => IntCC::Equal,
        IntCompare::Ne => IntCC::NotEqual,
        IntCompare::LtS => IntCC::SignedLessThan,
        IntCompare::LtU => IntCC::UnsignedLessThan,
        IntCompare::GtS => IntCC::SignedGreaterThan,
        IntCompare::GtU => IntCC::UnsignedGreaterThan,
        IntCompare::LeS => IntCC::SignedLessThanOrEqual,
        IntCompare::LeU => IntCC::UnsignedLessThanOrEqual,
        IntCompare::GeS => IntCC::SignedGreaterThanOrEqual,
        IntCompare::GeU => IntCC::UnsignedGreaterThanOrEqual,
    }
}

pub(crate) fn unary(cg: &mut Codegen<'_>, op: IntUnary, width: Width, value: Value) -> Value {
    match op {
        IntUnary::Clz => cg.ins().clz(value),
        IntUnary::Ctz => cg.ins().ctz(value),
        IntUnary::Popcnt => cg.ins().popcnt(value),
        IntUnary::Extend8 => extend(cg, types::I8, width, value),
        IntUnary::Extend16 => extend(cg, types::I16, width, value),
        IntUnary::Extend32 => extend(cg, types::I32, width, value),
    }
}

/// Cranelift has no extension within a register, but makes one instruction of these two.
fn extend(cg: &mut Codegen<'_>, from: Type, to: Width, value: Value) -> Value {
    let narrow = cg.ins().ireduce(from, value);
    cg.ins().sextend(int_type(to), narrow)
}

/// Shift counts need no mask and divisions no check: Cranelift's operators have the specification's semantics, traps included.
pub(crate) fn binary(cg: &mut Codegen<'_>, op: IntBinary, lhs: Value, rhs: Value) -> Value {
    let ins = cg.ins();
    match op {
        IntBinary::Add => ins.iadd(lhs, rhs),
        IntBinary::Sub => ins.isub(lhs, rhs),
        IntBinary::Mul => ins.imul(lhs, rhs),
        IntBinary::DivS => ins.sdiv(lhs, rhs),
        IntBinary::DivU => ins.udiv(lhs, rhs),
        IntBinary::RemS => ins.srem(lhs, rhs),
        IntBinary::RemU => ins.urem(lhs, rhs),
        IntBinary::And => ins.band(lhs, rhs),
        IntBinary::Or => ins.bor(lhs, rhs),
        IntBinary::Xor => ins.bxor(lhs, rhs),
        IntBinary::Shl => ins.ishl(lhs, rhs),
        IntBinary::ShrS => ins.sshr(lhs, rhs),
        IntBinary::ShrU => ins.ushr(lhs, rhs),
        IntBinary::Rotl => ins.rotl(lhs, rhs),
        IntBinary::Rotr => ins.rotr(lhs, rhs),
    }
}

pub(crate) fn compare(cg: &mut Codegen<'_>, op: IntCompare, lhs: Value, rhs: Value) -> Value {
    let holds = cg.ins().icmp(condition(op), lhs, rhs);
    cg.ins().uextend(types::I32, holds)
}

pub(crate) fn eqz(cg: &mut Codegen<'_>, value: Value) -> Value {
    let holds = cg.ins().icmp_imm_u(IntCC::Equal, value, 0);
    cg.ins().uextend(types::I32, holds)
}

pub(crate) fn wide(cg: &mut Codegen<'_>, op: WideOp, operands: &[Value]) -> (Value, Value) {
    let result = match (op, operands) {
        (WideOp::Add128 | WideOp::Sub128, &[lhs_low, lhs_high, rhs_low, rhs_high]) => {
            let lhs = cg.ins().iconcat(lhs_low, lhs_high);
            let rhs = cg.ins().iconcat(rhs_low, rhs_high);
            match op {
                WideOp::Add128 => cg.ins().iadd(lhs, rhs),
                _ => cg.ins().isub(lhs, rhs),
            }
        }
        // Cranelift knows a product of extended values, and makes the one multiplication of it that has both halves.
        (WideOp::MulWideS, &[lhs, rhs]) => {
            let lhs = cg.ins().sextend(types::I128, lhs);
            let rhs = cg.ins().sextend(types::I128, rhs);
            cg.ins().imul(lhs, rhs)
        }
        (WideOp::MulWideU, &[lhs, rhs]) => {
            let lhs = cg.ins().uextend(types::I128, lhs);
            let rhs = cg.ins().uextend(types::I128, rhs);
            cg.ins().imul(lhs, rhs)
        }
        (op, operands) => unreachable!("the translator gives {op:?} its operands, not {operands:?}"),
    };
    cg.ins().isplit(result)
}
