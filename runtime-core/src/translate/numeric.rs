//! Scalar numeric operators, as tables.

use wasmparser::{Ieee32, Ieee64};

use crate::translate::codegen::{FuncCodegen, Result};
use crate::translate::func::State;
use crate::translate::ops::*;
use crate::types::Width::{self, W32, W64};

impl<C: FuncCodegen> State<'_, C> {
    pub(super) fn visit_i32_const(&mut self, value: i32) -> Result<()> {
        self.constant(Const::I32(value))
    }

    pub(super) fn visit_i64_const(&mut self, value: i64) -> Result<()> {
        self.constant(Const::I64(value))
    }

    pub(super) fn visit_f32_const(&mut self, value: Ieee32) -> Result<()> {
        self.constant(Const::F32(value.bits()))
    }

    pub(super) fn visit_f64_const(&mut self, value: Ieee64) -> Result<()> {
        self.constant(Const::F64(value.bits()))
    }

    /// Wide arithmetic: `operands` operands, two results.
    fn wide(&mut self, op: WideOp, operands: usize) -> Result<()> {
        let height = self.height_below(operands);
        let (low, high) = self.codegen.wide(op, &self.buffers.values[height..])?;
        self.buffers.values.truncate(height);
        self.push(low);
        self.push(high);
        Ok(())
    }

    pub(super) fn visit_i64_add128(&mut self) -> Result<()> {
        self.wide(WideOp::Add128, 4)
    }

    pub(super) fn visit_i64_sub128(&mut self) -> Result<()> {
        self.wide(WideOp::Sub128, 4)
    }

    pub(super) fn visit_i64_mul_wide_s(&mut self) -> Result<()> {
        self.wide(WideOp::MulWideS, 2)
    }

    pub(super) fn visit_i64_mul_wide_u(&mut self) -> Result<()> {
        self.wide(WideOp::MulWideU, 2)
    }

    fn convert(&mut self, op: Convert) -> Result<()> {
        let value = self.pop();
        let value = self.codegen.convert(op, value)?;
        self.push(value);
        Ok(())
    }

    fn int_eqz(&mut self, width: Width) -> Result<()> {
        let value = self.pop();
        let value = self.codegen.int_eqz(width, value)?;
        self.push(value);
        Ok(())
    }

    pub(super) fn visit_i32_eqz(&mut self) -> Result<()> {
        self.int_eqz(W32)
    }

    pub(super) fn visit_i64_eqz(&mut self) -> Result<()> {
        self.int_eqz(W64)
    }
}

macro_rules! unary {
    ($($method:ident $family:ident { $($visit:ident = $op:ident $width:ident;)* })*) => {
        impl<C: FuncCodegen> State<'_, C> {
            $($(
                pub(super) fn $visit(&mut self) -> Result<()> {
                    let value = self.pop();
                    let value = self.codegen.$method($family::$op, $width, value)?;
                    self.push(value);
                    Ok(())
                }
            )*)*
        }
    };
}

unary! {
    int_unary IntUnary {
        visit_i32_clz = Clz W32;
        visit_i32_ctz = Ctz W32;
        visit_i32_popcnt = Popcnt W32;
        visit_i32_extend8_s = Extend8 W32;
        visit_i32_extend16_s = Extend16 W32;
        visit_i64_clz = Clz W64;
        visit_i64_ctz = Ctz W64;
        visit_i64_popcnt = Popcnt W64;
        visit_i64_extend8_s = Extend8 W64;
        visit_i64_extend16_s = Extend16 W64;
        visit_i64_extend32_s = Extend32 W64;
    }
    float_unary FloatUnary {
        visit_f32_abs = Abs W32;
        visit_f32_neg = Neg W32;
        visit_f32_ceil = Ceil W32;
        visit_f32_floor = Floor W32;
        visit_f32_trunc = Trunc W32;
        visit_f32_nearest = Nearest W32;
        visit_f32_sqrt = Sqrt W32;
        visit_f64_abs = Abs W64;
        visit_f64_neg = Neg W64;
        visit_f64_ceil = Ceil W64;
        visit_f64_floor = Floor W64;
        visit_f64_trunc = Trunc W64;
        visit_f64_nearest = Nearest W64;
        visit_f64_sqrt = Sqrt W64;
    }
}

macro_rules! binary {
    ($($method:ident $family:ident { $($visit:ident = $op:ident $width:ident;)* })*) => {
        impl<C: FuncCodegen> State<'_, C> {
            $($(
                pub(super) fn $visit(&mut self) -> Result<()> {
                    let rhs = self.pop();
                    let lhs = self.pop();
                    let value = self.codegen.$method($family::$op, $width, lhs, rhs)?;
                    self.push(value);
                    Ok(())
                }
            )*)*
        }
    };
}

binary! {
    int_binary IntBinary {
        visit_i32_add = Add W32;
        visit_i32_sub = Sub W32;
        visit_i32_mul = Mul W32;
        visit_i32_div_s = DivS W32;
        visit_i32_div_u = DivU W32;
        visit_i32_rem_s = RemS W32;
        visit_i32_rem_u = RemU W32;
        visit_i32_and = And W32;
        visit_i32_or = Or W32;
        visit_i32_xor = Xor W32;
        visit_i32_shl = Shl W32;
        visit_i32_shr_s = ShrS W32;
        visit_i32_shr_u = ShrU W32;
        visit_i32_rotl = Rotl W32;
        visit_i32_rotr = Rotr W32;
        visit_i64_add = Add W64;
        visit_i64_sub = Sub W64;
        visit_i64_mul = Mul W64;
        visit_i64_div_s = DivS W64;
        visit_i64_div_u = DivU W64;
        visit_i64_rem_s = RemS W64;
        visit_i64_rem_u = RemU W64;
        visit_i64_and = And W64;
        visit_i64_or = Or W64;
        visit_i64_xor = Xor W64;
        visit_i64_shl = Shl W64;
        visit_i64_shr_s = ShrS W64;
        visit_i64_shr_u = ShrU W64;
        visit_i64_rotl = Rotl W64;
        visit_i64_rotr = Rotr W64;
    }
    int_compare IntCompare {
        visit_i32_eq = Eq W32;
        visit_i32_ne = Ne W32;
        visit_i32_lt_s = LtS W32;
        visit_i32_lt_u = LtU W32;
        visit_i32_gt_s = GtS W32;
        visit_i32_gt_u = GtU W32;
        visit_i32_le_s = LeS W32;
        visit_i32_le_u = LeU W32;
        visit_i32_ge_s = GeS W32;
        visit_i32_ge_u = GeU W32;
        visit_i64_eq = Eq W64;
        visit_i64_ne = Ne W64;
        visit_i64_lt_s = LtS W64;
        visit_i64_lt_u = LtU W64;
        visit_i64_gt_s = GtS W64;
        visit_i64_gt_u = GtU W64;
        visit_i64_le_s = LeS W64;
        visit_i64_le_u = LeU W64;
        visit_i64_ge_s = GeS W64;
        visit_i64_ge_u = GeU W64;
    }
    float_binary FloatBinary {
        visit_f32_add = Add W32;
        visit_f32_sub = Sub W32;
        visit_f32_mul = Mul W32;
        visit_f32_div = Div W32;
        visit_f32_min = Min W32;
        visit_f32_max = Max W32;
        visit_f32_copysign = Copysign W32;
        visit_f64_add = Add W64;
        visit_f64_sub = Sub W64;
        visit_f64_mul = Mul W64;
        visit_f64_div = Div W64;
        visit_f64_min = Min W64;
        visit_f64_max = Max W64;
        visit_f64_copysign = Copysign W64;
    }
    float_compare FloatCompare {
        visit_f32_eq = Eq W32;
        visit_f32_ne = Ne W32;
        visit_f32_lt = Lt W32;
        visit_f32_gt = Gt W32;
        visit_f32_le = Le W32;
        visit_f32_ge = Ge W32;
        visit_f64_eq = Eq W64;
        visit_f64_ne = Ne W64;
        visit_f64_lt = Lt W64;
        visit_f64_gt = Gt W64;
        visit_f64_le = Le W64;
        visit_f64_ge = Ge W64;
    }
}

macro_rules! conversions {
    ($($visit:ident = $op:expr;)*) => {
        impl<C: FuncCodegen> State<'_, C> {
            $(
                pub(super) fn $visit(&mut self) -> Result<()> {
                    self.convert($op)
                }
            )*
        }
    };
}

conversions! {
    visit_i32_wrap_i64 = Convert::Wrap;
    visit_i64_extend_i32_s = Convert::ExtendS;
    visit_i64_extend_i32_u = Convert::ExtendU;
    visit_i32_trunc_f32_s = Convert::Trunc { from: W32, to: W32, signed: true };
    visit_i32_trunc_f32_u = Convert::Trunc { from: W32, to: W32, signed: false };
    visit_i32_trunc_f64_s = Convert::Trunc { from: W64, to: W32, signed: true };
    visit_i32_trunc_f64_u = Convert::Trunc { from: W64, to: W32, signed: false };
    visit_i64_trunc_f32_s = Convert::Trunc { from: W32, to: W64, signed: true };
    visit_i64_trunc_f32_u = Convert::Trunc { from: W32, to: W64, signed: false };
    visit_i64_trunc_f64_s = Convert::Trunc { from: W64, to: W64, signed: true };
    visit_i64_trunc_f64_u = Convert::Trunc { from: W64, to: W64, signed: false };
    visit_i32_trunc_sat_f32_s = Convert::TruncSat { from: W32, to: W32, signed: true };
    visit_i32_trunc_sat_f32_u = Convert::TruncSat { from: W32, to: W32, signed: false };
    visit_i32_trunc_sat_f64_s = Convert::TruncSat { from: W64, to: W32, signed: true };
    visit_i32_trunc_sat_f64_u = Convert::TruncSat { from: W64, to: W32, signed: false };
    visit_i64_trunc_sat_f32_s = Convert::TruncSat { from: W32, to: W64, signed: true };
    visit_i64_trunc_sat_f32_u = Convert::TruncSat { from: W32, to: W64, signed: false };
    visit_i64_trunc_sat_f64_s = Convert::TruncSat { from: W64, to: W64, signed: true };
    visit_i64_trunc_sat_f64_u = Convert::TruncSat { from: W64, to: W64, signed: false };
    visit_f32_convert_i32_s = Convert::IntToFloat { from: W32, to: W32, signed: true };
    visit_f32_convert_i32_u = Convert::IntToFloat { from: W32, to: W32, signed: false };
    visit_f32_convert_i64_s = Convert::IntToFloat { from: W64, to: W32, signed: true };
    visit_f32_convert_i64_u = Convert::IntToFloat { from: W64, to: W32, signed: false };
    visit_f64_convert_i32_s = Convert::IntToFloat { from: W32, to: W64, signed: true };
    visit_f64_convert_i32_u = Convert::IntToFloat { from: W32, to: W64, signed: false };
    visit_f64_convert_i64_s = Convert::IntToFloat { from: W64, to: W64, signed: true };
    visit_f64_convert_i64_u = Convert::IntToFloat { from: W64, to: W64, signed: false };
    visit_f32_demote_f64 = Convert::Demote;
    visit_f64_promote_f32 = Convert::Promote;
    visit_i32_reinterpret_f32 = Convert::ReinterpretFloat(W32);
    visit_i64_reinterpret_f64 = Convert::ReinterpretFloat(W64);
    visit_f32_reinterpret_i32 = Convert::ReinterpretInt(W32);
    visit_f64_reinterpret_i64 = Convert::ReinterpretInt(W64);
}
