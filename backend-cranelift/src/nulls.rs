//! What is known to be no null, so that it need not be checked again.
//!
//! What became known in a frame holds to the frame's end: control flow is structured, so whatever follows there comes by the place where it became known.
//! Programs read several fields of an object one after the other, and often ask whether it is null before.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstructionData, Opcode, Value, types};

use crate::codegen::Codegen;

/// How many of the values that became known last are looked at, so that a look takes constant time.
const LOOKED_AT: usize = 8;

/// How many operators a condition may be made of.
const DEPTH_MAX: usize = 4;

impl Codegen<'_> {
    /// How much is known now.
    pub(crate) fn known(&self) -> usize {
        self.scratch.not_null.len()
    }

    /// A frame ends, or its first part does: what became known since then does not hold any more.
    pub(crate) fn forget(&mut self, known: usize) {
        self.scratch.not_null.truncate(known);
    }

    /// From here on, the value is no null.
    pub(crate) fn note_not_null(&mut self, value: Value) {
        if self.module.uses_heap {
            self.scratch.not_null.push(value);
        }
    }

    /// Whether the value is known to be no null.
    pub(crate) fn is_not_null(&self, value: Value) -> bool {
        let dfg = &self.builder.func.dfg;
        let value = dfg.resolve_aliases(value);
        self.scratch.not_null.iter().rev().take(LOOKED_AT).any(|known| dfg.resolve_aliases(*known) == value)
    }

    /// The value that a condition compares with null, and whether the condition holds if it is null.
    pub(crate) fn compared_with_null(&self, mut condition: Value) -> Option<(Value, bool)> {
        if !self.module.uses_heap {
            return None;
        }
        let dfg = &self.builder.func.dfg;
        let mut is_null = true;
        for _ in 0..DEPTH_MAX {
            let inst = dfg.value_def(dfg.resolve_aliases(condition)).inst()?;
            match dfg.insts[inst] {
                InstructionData::Unary { opcode: Opcode::Uextend, arg } => condition = arg,
                InstructionData::IntCompare { opcode: Opcode::Icmp, args: [lhs, rhs], cond } => {
                    let zero = dfg.value_def(dfg.resolve_aliases(rhs)).inst().map(|inst| dfg.insts[inst]);
                    if !matches!(zero, Some(InstructionData::UnaryImm { opcode: Opcode::Iconst, imm }) if imm.bits() == 0)
                    {
                        return None;
                    }
                    match cond {
                        IntCC::Equal => {}
                        IntCC::NotEqual => is_null = !is_null,
                        _ => return None,
                    }
                    if dfg.value_type(lhs) == types::I64 {
                        return Some((lhs, is_null));
                    }
                    // Of another condition: that holds if this does not.
                    is_null = !is_null;
                    condition = lhs;
                }
                _ => return None,
            }
        }
        None
    }

    /// Code goes on where the condition does not hold, or does.
    pub(crate) fn note_condition(&mut self, condition: Value, holds: bool) {
        if let Some((value, is_null)) = self.compared_with_null(condition)
            && is_null != holds
        {
            self.note_not_null(value);
        }
    }
}
