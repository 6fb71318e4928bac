//! Constant expressions (specification, section 3.4.13) at run time.

use wasmer_runtime_core::module::ConstOp;
use wasmer_runtime_core::object::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::RawValue;

use super::Instance;
use crate::image::Damage;

/// Operands. Validation guarantees their number and types; an artifact that lies about that gets values that mean nothing, or damage.
#[derive(Default)]
struct Stack(Vec<RawValue>);

impl Stack {
    fn pop(&mut self) -> RawValue {
        self.0.pop().unwrap_or(RawValue::ZERO)
    }

    fn pop_i32(&mut self) -> i32 {
        // SAFETY: any bits are a valid integer.
        unsafe { self.pop().i32 }
    }

    /// The last `len` operands, in order.
    fn pop_list(&mut self, len: usize) -> Result<Vec<RawValue>, Damage> {
        let start = self.0.len().checked_sub(len).ok_or(Damage)?;
        Ok(self.0.split_off(start))
    }

    fn arithmetic(&mut self, width: Width, op32: fn(i32, i32) -> i32, op64: fn(i64, i64) -> i64) -> RawValue {
        let (rhs, lhs) = (self.pop(), self.pop());
        let mut value = RawValue::ZERO;
        // SAFETY: any bits are valid integers.
        unsafe {
            match width {
                Width::W32 => value.i32 = op32(lhs.i32, rhs.i32),
                Width::W64 => value.i64 = op64(lhs.i64, rhs.i64),
            }
        }
        value
    }
}

impl Instance {
    /// The value of a constant expression. Globals before it are set.
    pub(super) fn evaluate(&self, expr: impl Iterator<Item = ConstOp>) -> Result<RawValue, TrapCode> {
        let mut stack = Stack::default();
        for op in expr {
            let value = match op {
                ConstOp::Const(constant) => RawValue::from(constant),
                // SAFETY: the global's place holds a value.
                ConstOp::GlobalGet(index) => unsafe { self.global(index).read() },
                ConstOp::RefFunc(index) => {
                    let mut value = RawValue::ZERO;
                    value.funcref = self.func_ref(index)?.as_ptr();
                    value
                }
                ConstOp::Add(width) => stack.arithmetic(width, i32::wrapping_add, i64::wrapping_add),
                ConstOp::Sub(width) => stack.arithmetic(width, i32::wrapping_sub, i64::wrapping_sub),
                ConstOp::Mul(width) => stack.arithmetic(width, i32::wrapping_mul, i64::wrapping_mul),
                ConstOp::RefI31 => internal(i31(stack.pop_i32() as u32)),
                ConstOp::StructNew(_)
                | ConstOp::StructNewDefault(_)
                | ConstOp::ArrayNew(_)
                | ConstOp::ArrayNewDefault(_)
                | ConstOp::ArrayNewFixed(..)
                | ConstOp::AnyConvertExtern
                | ConstOp::ExternConvertAny => return Err(TrapCode::AllocationTooLarge),
            };
            stack.0.push(value);
        }
        Ok(stack.pop())
    }
}

/// An internal reference as a value.
fn internal(reference: u32) -> RawValue {
    let mut value = RawValue::ZERO;
    value.reference = reference.into();
    value
}
