//! Conversions between scalar types.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use wasmer_runtime_core::translate::ops::Convert;

use crate::codegen::Codegen;
use crate::float::float_type;
use crate::int::int_type;

pub(crate) fn convert(cg: &mut Codegen<'_>, op: Convert, value: Value) -> Value {
    let ins = cg.ins();
    match op {
        Convert::Wrap => ins.ireduce(types::I32, value),
        Convert::ExtendS => ins.sextend(types::I64, value),
        Convert::ExtendU => ins.uextend(types::I64, value),
        Convert::Trunc { from: _, to, signed: true } => ins.fcvt_to_sint(int_type(to), value),
        Convert::Trunc { from: _, to, signed: false } => ins.fcvt_to_uint(int_type(to), value),
        Convert::TruncSat { from: _, to, signed: true } => ins.fcvt_to_sint_sat(int_type(to), value),
        Convert::TruncSat { from: _, to, signed: false } => ins.fcvt_to_uint_sat(int_type(to), value),
        Convert::IntToFloat { from: _, to, signed: true } => ins.fcvt_from_sint(float_type(to), value),
        Convert::IntToFloat { from: _, to, signed: false } => ins.fcvt_from_uint(float_type(to), value),
        Convert::Promote => ins.fpromote(types::F64, value),
        Convert::Demote => ins.fdemote(types::F32, value),
        Convert::ReinterpretFloat(width) => ins.bitcast(int_type(width), MemFlagsData::new(), value),
        Convert::ReinterpretInt(width) => ins.bitcast(float_type(width), MemFlagsData::new(), value),
    }
}
