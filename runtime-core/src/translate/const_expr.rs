//! Constant expressions (specification, section 3.4.13).

use wasmparser::Operator;

use crate::error::CompileError;
use crate::module::{ConstExpr, ConstOp, ModuleInfo};
use crate::translate::convert::{self, At};
use crate::translate::error::{gc, invalid, unsupported};
use crate::types::*;

/// Reads a constant expression that was validated. Functions that it refers to are added to `info.escaping`.
///
/// What is known is computed here: of an expression without imported globals one constant or function stays, which the image can fold in.
pub(super) fn const_expr(
    expr: &wasmparser::ConstExpr<'_>,
    at: At<'_>,
    info: &mut ModuleInfo,
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
            Operator::RefNull { hty } => {
                convert::heap_type(hty, At { offset, ..at })?;
                ConstOp::Const(Const::Null)
            }
            Operator::RefFunc { function_index } => {
                info.escaping.push(FuncIdx(function_index));
                ConstOp::RefFunc(FuncIdx(function_index))
            }
            Operator::GlobalGet { global_index } => global_get(info, GlobalIdx(global_index)),
            Operator::I32Add => ConstOp::Add(Width::W32),
            Operator::I32Sub => ConstOp::Sub(Width::W32),
            Operator::I32Mul => ConstOp::Mul(Width::W32),
            Operator::I64Add => ConstOp::Add(Width::W64),
            Operator::I64Sub => ConstOp::Sub(Width::W64),
            Operator::I64Mul => ConstOp::Mul(Width::W64),
            // The validator lets nothing else through but operators of proposals that are not implemented.
            other => match gc_op(&other) {
                Some(op) if at.gc => op,
                Some(_) => return Err(gc(&format!("constant operator `{other:?}`"), offset)),
                None => return Err(unsupported(format!("constant operator `{other:?}`"), offset)),
            },
        };
        push(&mut ops, op);
    }
    Ok(ConstExpr(ops.into_boxed_slice()))
}

/// An operator of garbage collection.
fn gc_op(operator: &Operator<'_>) -> Option<ConstOp> {
    Some(match *operator {
        Operator::StructNew { struct_type_index } => ConstOp::StructNew(TypeIdx(struct_type_index)),
        Operator::StructNewDefault { struct_type_index } => ConstOp::StructNewDefault(TypeIdx(struct_type_index)),
        Operator::ArrayNew { array_type_index } => ConstOp::ArrayNew(TypeIdx(array_type_index)),
        Operator::ArrayNewDefault { array_type_index } => ConstOp::ArrayNewDefault(TypeIdx(array_type_index)),
        Operator::ArrayNewFixed { array_type_index, array_size } => {
            ConstOp::ArrayNewFixed(TypeIdx(array_type_index), array_size)
        }
        Operator::RefI31 => ConstOp::RefI31,
        Operator::AnyConvertExtern => ConstOp::AnyConvertExtern,
        Operator::ExternConvertAny => ConstOp::ExternConvertAny,
        _ => return None,
    })
}

/// A global of the module has been read already; where its value is known, that stands for it.
fn global_get(info: &ModuleInfo, index: GlobalIdx) -> ConstOp {
    let own = index.0.checked_sub(info.imported_globals).and_then(|own| info.global_inits.get(own as usize));
    match own.map(|init| &*init.0) {
        Some([known @ (ConstOp::Const(_) | ConstOp::RefFunc(_))]) => *known,
        _ => ConstOp::GlobalGet(index),
    }
}

/// Appends an operator, or in its place the result if its operands are known.
fn push(ops: &mut Vec<ConstOp>, op: ConstOp) {
    let result = match (&ops[..], op) {
        ([.., ConstOp::Const(Const::I32(lhs)), ConstOp::Const(Const::I32(rhs))], op) => {
            arithmetic(op, [lhs, rhs], [i32::wrapping_add, i32::wrapping_sub, i32::wrapping_mul]).map(Const::I32)
        }
        ([.., ConstOp::Const(Const::I64(lhs)), ConstOp::Const(Const::I64(rhs))], op) => {
            arithmetic(op, [lhs, rhs], [i64::wrapping_add, i64::wrapping_sub, i64::wrapping_mul]).map(Const::I64)
        }
        _ => None,
    };
    match result {
        Some(result) => {
            ops.truncate(ops.len() - 2);
            ops.push(ConstOp::Const(result));
        }
        None => ops.push(op),
    }
}

fn arithmetic<T: Copy>(op: ConstOp, [lhs, rhs]: [&T; 2], [add, sub, mul]: [fn(T, T) -> T; 3]) -> Option<T> {
    let of = match op {
        ConstOp::Add(_) => add,
        ConstOp::Sub(_) => sub,
        ConstOp::Mul(_) => mul,
        _ => return None,
    };
    Some(of(*lhs, *rhs))
}
