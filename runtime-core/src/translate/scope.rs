//! Blocks and little programs that operators are lowered to, in terms of the operand stack.
//!
//! A code generator may keep its own operand stack, so a lowering is written for a stack machine: it pushes, picks and consumes.

use crate::translate::codegen::{Access, BlockSig, Bounds, FuncCodegen, Meter, Region, Result};
use crate::translate::func::Visitor;
use crate::translate::ops::*;
use crate::trap::TrapCode;
use crate::types::*;

/// A block of the translation's own, which no label means. Opened and closed by one operator.
pub(super) struct Scope<F> {
    frame: F,
    /// Operands below its parameters.
    base: usize,
    results: usize,
    branched: bool,
}

impl<C: FuncCodegen> Visitor<'_, C> {
    /// Opens a block. What is on the operand stack when it is left, but for the results, goes with it, the parameters included.
    pub(super) fn open_scope(&mut self, params: &[Ty], results: &[Ty]) -> Result<Scope<C::Frame>> {
        let base = self.top(params.len());
        let frame = self.codegen.scope(BlockSig { params, results }, &self.stacks.values[base..])?;
        Ok(Scope { frame, base, results: results.len(), branched: false })
    }

    /// Goes to the end of a block.
    pub(super) fn leave(&mut self, scope: &mut Scope<C::Frame>) -> Result<()> {
        self.pay(Meter::Count)?;
        let args = self.top(scope.results);
        self.codegen.br(&mut scope.frame, &self.stacks.values[args..])?;
        scope.branched = true;
        self.reachable = false;
        Ok(())
    }

    /// Goes to the end of a block if the topmost operand is not zero.
    pub(super) fn leave_if(&mut self, scope: &mut Scope<C::Frame>) -> Result<()> {
        self.pay(Meter::Count)?;
        let condition = self.pop();
        let args = self.top(scope.results);
        self.codegen.br_if(&mut scope.frame, &self.stacks.values[args..], condition)?;
        scope.branched = true;
        Ok(())
    }

    /// The end of a block. If code falls through to it, there is nothing on the operand stack but the results.
    pub(super) fn close_scope(&mut self, scope: Scope<C::Frame>) -> Result<()> {
        if self.reachable {
            self.pay(Meter::Count)?;
        }
        let Scope { frame, base, results, branched } = scope;
        let stacks = &mut self.stacks;
        let fallthrough = stacks.values.len().saturating_sub(results);
        let fallthrough = self.reachable.then(|| &stacks.values[fallthrough..]);
        self.codegen.end(frame, fallthrough, branched, &mut stacks.results)?;
        stacks.values.truncate(base);
        self.reachable |= branched;
        stacks.values.append(&mut stacks.results);
        Ok(())
    }

    /// Pushes a copy of the operand that `above` others stand on.
    pub(super) fn pick(&mut self, above: usize) -> Result<()> {
        let value = self.stacks.values[self.stacks.values.len() - 1 - above];
        let copy = self.codegen.pick(above, value)?;
        self.push(copy);
        Ok(())
    }

    pub(super) fn drop_operands(&mut self, count: usize) -> Result<()> {
        (0..count).try_for_each(|_| self.consume(C::drop_value))
    }

    pub(super) fn push_i32(&mut self, value: u32) -> Result<()> {
        self.nullary(|c| c.constant(Const::I32(value as i32)))
    }

    pub(super) fn push_i64(&mut self, value: i64) -> Result<()> {
        self.nullary(|c| c.constant(Const::I64(value)))
    }

    /// `[t t] -> [t]`
    pub(super) fn int(&mut self, op: IntBinary, width: Width) -> Result<()> {
        self.binary(|c, lhs, rhs| c.int_binary(op, width, lhs, rhs))
    }

    /// `[i32] -> [i32]`, with a constant on the right.
    pub(super) fn int_with(&mut self, op: IntBinary, rhs: u32) -> Result<()> {
        self.push_i32(rhs)?;
        self.int(op, Width::W32)
    }

    /// `[t t] -> [i32]`
    pub(super) fn compare(&mut self, op: IntCompare, width: Width) -> Result<()> {
        self.binary(|c, lhs, rhs| c.int_compare(op, width, lhs, rhs))
    }

    /// `[i32] -> [i32]`, with a constant on the right.
    pub(super) fn compare_with(&mut self, op: IntCompare, rhs: u32) -> Result<()> {
        self.push_i32(rhs)?;
        self.compare(op, Width::W32)
    }

    pub(super) fn convert(&mut self, op: Convert) -> Result<()> {
        self.unary(|c, value| c.convert(op, value))
    }

    /// `[i32] -> []`
    pub(super) fn trap_if(&mut self, code: TrapCode) -> Result<()> {
        if self.call_if()? {
            return Ok(());
        }
        self.consume(|c, condition| c.trap_if(code, condition))
    }

    fn proven(&self, region: Region, offset: u32) -> Access {
        let memory = self.module.resolved.offsets.region(region);
        Access { memory, offset: offset.into(), bounds: Bounds::Proven, aligned_to: None }
    }

    /// `[address] -> [t]`, where nothing can fault.
    pub(super) fn load_from(&mut self, region: Region, op: Load, offset: u32) -> Result<()> {
        let access = self.proven(region, offset);
        self.unary(|c, index| c.load(&access, op, index))
    }

    /// `[address t] -> []`, where nothing can fault.
    pub(super) fn store_to(&mut self, region: Region, op: Store, offset: u32) -> Result<()> {
        let access = self.proven(region, offset);
        let value = self.pop();
        let index = self.pop();
        self.codegen.store(&access, op, index, value)
    }

    /// Pushes 32 bits that stand at an offset of a region.
    pub(super) fn push_word(&mut self, region: Region, offset: u32) -> Result<()> {
        self.push_i64(0)?;
        self.load_from(region, Load::I32, offset)
    }
}
