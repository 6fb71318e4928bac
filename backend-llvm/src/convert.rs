//! Scalar conversions (specification, section 4.3.4).

use inkwell::FloatPredicate;
use inkwell::values::InstructionOpcode as Op;
use wasmer_runtime_core::translate::codegen::Result;
use wasmer_runtime_core::translate::ops::Convert;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::Width;

use crate::codegen::{Codegen, V};

impl<'ctx> Codegen<'ctx, '_> {
    pub(crate) fn emit_convert(&mut self, op: Convert, value: V<'ctx>) -> Result<V<'ctx>> {
        let to = self.t.of(op.types().1);
        match op {
            Convert::Wrap => self.cast(Op::Trunc, value, to),
            Convert::ExtendS => self.cast(Op::SExt, value, to),
            Convert::ExtendU => self.cast(Op::ZExt, value, to),
            Convert::Trunc { from, to: width, signed } => {
                // Out of range, LLVM's conversion is poison.
                self.check_range(from, width, signed, value)?;
                self.cast(if signed { Op::FPToSI } else { Op::FPToUI }, value, to)
            }
            Convert::TruncSat { signed, .. } => {
                let name = if signed { "llvm.fptosi.sat" } else { "llvm.fptoui.sat" };
                self.intrinsic(name, &[to, value.get_type()], &[value.into()])
            }
            Convert::IntToFloat { signed, .. } => self.cast(if signed { Op::SIToFP } else { Op::UIToFP }, value, to),
            Convert::Promote => self.cast(Op::FPExt, value, to),
            Convert::Demote => self.cast(Op::FPTrunc, value, to),
            Convert::ReinterpretFloat(_) | Convert::ReinterpretInt(_) => self.bitcast(value, to),
        }
    }

    /// Traps unless the truncated value is one of the integer type.
    fn check_range(&mut self, from: Width, to: Width, signed: bool, value: V<'ctx>) -> Result<()> {
        let nan = self.fcmp(FloatPredicate::UNO, value, value)?;
        self.trap_if(nan.into_int_value(), TrapCode::InvalidConversionToInteger)?;
        let bits = to.bits() as i32;
        let (low, high) = match signed {
            true => (-(2f64.powi(bits - 1)), 2f64.powi(bits - 1)),
            false => (0.0, 2f64.powi(bits)),
        };
        // The smallest value that truncates to `low` lies above `low - 1`, where the format can tell them apart;
        // where it cannot, `low` itself is the smallest.
        let exact = from == Width::W64 && to == Width::W32 || !signed;
        let below = match exact {
            true => self.fcmp(FloatPredicate::OLE, value, self.const_float_like(value, low - 1.0))?,
            false => self.fcmp(FloatPredicate::OLT, value, self.const_float_like(value, low))?,
        };
        let above = self.fcmp(FloatPredicate::OGE, value, self.const_float_like(value, high))?;
        let outside = self.bin(Op::Or, below, above)?;
        self.trap_if(outside.into_int_value(), TrapCode::IntegerOverflow)
    }
}
