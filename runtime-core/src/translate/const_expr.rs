//! Constant expressions (specification, section 3.4.13).

use wasmparser::Operator;

use crate::compiler::CompileError;
use crate::module::{ConstExpr, ConstOp};
use crate::translate::error::{invalid, unsupported};
use crate::translate::ops::Const;
use crate::types::*;

/// Reads a constant expression that was validated. Functions that it refers to are added to `escaping`.
pub(super) fn const_expr(
    expr: &wasmparser::ConstExpr<'_>,
    escaping: &mut Vec<FuncIdx>,
) -> Result<ConstExpr, CompileError> {
    let mut ops = Vec::with_capacity(1);
    let mut reader = expr.get_operators_reader();
    loop {
        let (operator, offset) = reader.read_with_offset().map_err(invalid)?;
        let op = match operator {
            Operator::End => break,
            Operator::I32Const { value } => ConstOp::Const(Const::I32(value)),
            Operator::I64Const { value } => ConstOp::Const(Const::I64(value)),
            Operator::F32Const { value } => ConstOp::Const(Const::F32(value.bits())),
            Operator::F64Const { value } => ConstOp::Const(Const::F64(value.bits())),
            Operator::V128Const { value } => ConstOp::Const(Const::V128(value.into())),
            Operator::RefNull { .. } => ConstOp::Const(Const::Null),
            Operator::RefFunc { function_index } => {
                escaping.push(FuncIdx(function_index));
                ConstOp::RefFunc(FuncIdx(function_index))
            }
            Operator::GlobalGet { global_index } => ConstOp::GlobalGet(GlobalIdx(global_index)),
            Operator::I32Add => ConstOp::Add(Width::W32),
            Operator::I32Sub => ConstOp::Sub(Width::W32),
            Operator::I32Mul => ConstOp::Mul(Width::W32),
            Operator::I64Add => ConstOp::Add(Width::W64),
            Operator::I64Sub => ConstOp::Sub(Width::W64),
            Operator::I64Mul => ConstOp::Mul(Width::W64),
            // The validator lets nothing else through but operators of proposals that are not implemented.
            other => return Err(unsupported(format!("constant operator `{other:?}`"), offset)),
        };
        ops.push(op);
    }
    Ok(ConstExpr(ops.into_boxed_slice()))
}
