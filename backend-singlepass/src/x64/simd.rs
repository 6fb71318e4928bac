//! Vectors.

use wasmer_runtime_core::translate::codegen::{Access, Result};
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::types::Width;

use crate::codegen::Codegen;

macro_rules! later {
    ($($name:ident($($arg:ident: $ty:ty),*);)*) => {
        impl Codegen {
            $(pub(crate) fn $name(&mut self $(, $arg: $ty)*) -> Result<()> {
                $(let _ = $arg;)*
                self.unsupported("vector operator")
            })*
        }
    };
}

later! {
    v_unary(op: SimdUnary);
    v_binary(op: SimdBinary);
    v_ternary(op: SimdTernary);
    v_shift(op: SimdShift, shape: IntShape);
    v_int_compare(op: IntCompare, shape: IntShape);
    v_float_unary(op: FloatUnary, width: Width);
    v_float_binary(op: SimdFloatBinary, width: Width);
    v_float_compare(op: FloatCompare, width: Width);
    v_test(op: SimdTest);
    v_convert(op: SimdConvert);
    v_splat(shape: Shape);
    v_extract_lane(shape: Shape, lane: u8, signed: bool);
    v_replace_lane(shape: Shape, lane: u8);
    v_shuffle(lanes: [u8; 16]);
    v_load(access: &Access, op: SimdLoad);
    v_load_lane(access: &Access, bytes: u8, lane: u8);
    v_store_lane(access: &Access, bytes: u8, lane: u8);
}
