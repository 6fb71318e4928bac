//! The operand stack, and the shapes that most operators have.

use crate::translate::budget;
use crate::translate::codegen::{FuncCodegen, Result};
use crate::translate::error::internal;
use crate::translate::func::Visitor;
use crate::translate::ops::WideOp;
use crate::types::*;

impl<C: FuncCodegen> Visitor<'_, C> {
    #[inline]
    pub(super) fn push(&mut self, value: C::Value) {
        self.stacks.values.push(value);
    }

    /// The operand that validation has found on top.
    #[inline]
    pub(super) fn pop(&mut self) -> C::Value {
        self.stacks.values.pop().expect("the operator was validated")
    }

    /// The position of the lowest of the topmost `count` operands.
    #[inline]
    pub(super) fn top(&self, count: usize) -> usize {
        self.stacks.values.len() - count
    }

    /// Counts operands that are about to be moved, and what else short code asks for many of.
    #[inline]
    pub(super) fn charge(&mut self, operands: usize) -> Result<()> {
        self.traffic += operands;
        if self.traffic <= self.traffic_max { Ok(()) } else { Err(budget::exceeded(self.module, self.function)) }
    }

    /// `[] -> [t]`
    #[inline]
    pub(super) fn nullary(&mut self, emit: impl FnOnce(&mut C) -> Result<C::Value>) -> Result<()> {
        let value = emit(self.codegen)?;
        self.push(value);
        Ok(())
    }

    /// `[t] -> [u]`
    #[inline]
    pub(super) fn unary(&mut self, emit: impl FnOnce(&mut C, C::Value) -> Result<C::Value>) -> Result<()> {
        let value = self.pop();
        let value = emit(self.codegen, value)?;
        self.push(value);
        Ok(())
    }

    /// `[t u] -> [v]`
    #[inline]
    pub(super) fn binary(&mut self, emit: impl FnOnce(&mut C, C::Value, C::Value) -> Result<C::Value>) -> Result<()> {
        let rhs = self.pop();
        let lhs = self.pop();
        let value = emit(self.codegen, lhs, rhs)?;
        self.push(value);
        Ok(())
    }

    /// `[t u v] -> [w]`
    #[inline]
    pub(super) fn ternary(
        &mut self,
        emit: impl FnOnce(&mut C, C::Value, C::Value, C::Value) -> Result<C::Value>,
    ) -> Result<()> {
        let c = self.pop();
        let b = self.pop();
        let a = self.pop();
        let value = emit(self.codegen, a, b, c)?;
        self.push(value);
        Ok(())
    }

    /// `[t] -> []`
    #[inline]
    pub(super) fn consume(&mut self, emit: impl FnOnce(&mut C, C::Value) -> Result<()>) -> Result<()> {
        let value = self.pop();
        emit(self.codegen, value)
    }

    pub(super) fn global_get(&mut self, global: u32) -> Result<()> {
        let global = &self.module.resolved.globals[global as usize];
        self.nullary(|c| c.global_get(global))
    }

    pub(super) fn global_set(&mut self, global: u32) -> Result<()> {
        let global = &self.module.resolved.globals[global as usize];
        self.consume(|c, value| c.global_set(global, value))
    }

    /// `select`, whose type the validator knows when the operator has none.
    pub(super) fn select(&mut self, ty: Option<Ty>) -> Result<()> {
        let ty = match ty {
            Some(ty) => ty,
            None => self.top_type()?,
        };
        self.ternary(|c, if_true, if_false, condition| c.select(ty, if_true, if_false, condition))
    }

    /// The representation of the topmost result of the operator that was just validated.
    fn top_type(&self) -> Result<Ty> {
        match self.validator.get_operand_type(0) {
            Some(Some(ty)) => Ok(crate::translate::convert::ty(ty)),
            _ => Err(internal("an operand of unknown type in live code")),
        }
    }

    /// Wide arithmetic.
    pub(super) fn wide(&mut self, op: WideOp) -> Result<()> {
        let operands = match op {
            WideOp::Add128 | WideOp::Sub128 => 4,
            WideOp::MulWideS | WideOp::MulWideU => 2,
        };
        let base = self.top(operands);
        let (low, high) = self.codegen.wide(op, &self.stacks.values[base..])?;
        self.stacks.values.truncate(base);
        self.push(low);
        self.push(high);
        Ok(())
    }
}
