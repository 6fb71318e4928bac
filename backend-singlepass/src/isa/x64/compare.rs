//! Comparisons of integers, and what becomes of flags.

use wasmer_runtime_core::translate::ops::IntCompare;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::Entry;
use crate::isa::x64::asm::{Alu, Cc, Rm, X64};
use crate::isa::x64::control::Condition;
use crate::isa::x64::int::{constant, immediate};
use crate::isa::x64::{Codegen, Pending};
use crate::masm::*;
use crate::regs::Reg;

/// The condition of a comparison.
const fn condition(op: IntCompare) -> Cc {
    match op {
        IntCompare::Eq => Cc::E,
        IntCompare::Ne => Cc::NE,
        IntCompare::LtS => Cc::L,
        IntCompare::LtU => Cc::B,
        IntCompare::GtS => Cc::G,
        IntCompare::GtU => Cc::A,
        IntCompare::LeS => Cc::LE,
        IntCompare::LeU => Cc::BE,
        IntCompare::GeS => Cc::GE,
        IntCompare::GeU => Cc::AE,
    }
}

impl CompareOps for X64 {
    /// The result of a comparison as an `i32`.
    fn compare(c: &mut Codegen, pending: Pending, hint: Option<Reg>) -> Reg {
        let condition = c.compare_flags(pending);
        let dst = c.result(Ty::I32, hint);
        match condition {
            Condition::Cc(cc) => {
                // Extended afterwards: zeroing the register before would change the flags.
                c.a.setcc(cc, dst);
                c.a.movzx8(dst, dst);
            }
            Condition::Equal | Condition::Unequal => {
                let (cc, value, unordered) = if condition == Condition::Equal { (Cc::E, 1, 0) } else { (Cc::NE, 0, 1) };
                debug_assert_ne!(value, unordered);
                c.a.setcc(cc, dst);
                c.a.movzx8(dst, dst);
                let ordered = c.a.jcc_short(Cc::NP);
                c.a.int_constant(dst, unordered);
                c.a.land(ordered);
            }
        }
        dst
    }
}

impl Codegen {
    /// Compares, and gives the operands back.
    pub(crate) fn compare_flags(&mut self, pending: Pending) -> Condition {
        match pending {
            Pending::Compare { op, width, lhs, rhs, test: false } => self.compare_ints(condition(op), width, lhs, rhs),
            Pending::Compare { op, width, lhs, rhs, test: true } => self.test_ints(condition(op), width, lhs, rhs),
            Pending::FloatCompare { op, width, lhs, rhs, negated } => {
                let condition = self.compare_floats(op, width, lhs, rhs);
                if negated { !condition } else { condition }
            }
            _ => unreachable!("only comparisons make flags"),
        }
    }

    fn compare_ints(&mut self, mut cc: Cc, width: Width, mut lhs: Entry, mut rhs: Entry) -> Condition {
        if constant(&lhs).is_some() && constant(&rhs).is_none() {
            std::mem::swap(&mut lhs, &mut rhs);
            cc = cc.swap();
        }
        if constant(&lhs).is_some() {
            self.al.own(&mut self.a, &mut lhs);
        }
        match immediate(&rhs) {
            Some(imm) => {
                let left = self.in_rm(&mut lhs);
                self.mark_folded();
                match left {
                    Rm::Reg(reg) if imm == 0 && matches!(cc, Cc::E | Cc::NE) => self.test_zero(width, reg),
                    Rm::Reg(reg) if imm == 0 => self.a.test(width, reg, reg),
                    _ => self.a.alu_imm(Alu::Cmp, width, &left, imm),
                }
            }
            None => {
                let right = self.in_rm(&mut rhs);
                match (self.in_rm(&mut lhs), right) {
                    (Rm::Reg(left), _) => {
                        self.mark_folded();
                        self.a.alu(Alu::Cmp, width, left, &right);
                    }
                    (Rm::Mem(left), Rm::Reg(right)) => {
                        self.mark_folded();
                        self.a.alu_to_mem(Alu::Cmp, width, &left, right);
                    }
                    _ => {
                        let left = self.al.own(&mut self.a, &mut lhs);
                        self.mark_folded();
                        self.a.alu(Alu::Cmp, width, left, &right);
                    }
                }
            }
        }
        self.release_folded();
        self.al.drop_entry(lhs);
        self.al.drop_entry(rhs);
        Condition::Cc(cc)
    }

    /// Sets the zero flag for a register, unless it is set already.
    pub(crate) fn test_zero(&mut self, width: Width, reg: Reg) {
        if !self.a.has_zero_flag(reg, width) {
            self.a.test(width, reg, reg);
        }
    }

    fn test_ints(&mut self, cc: Cc, width: Width, mut lhs: Entry, mut rhs: Entry) -> Condition {
        if constant(&lhs).is_some() {
            std::mem::swap(&mut lhs, &mut rhs);
        }
        let left = self.al.in_reg(&mut self.a, &mut lhs);
        match immediate(&rhs) {
            Some(imm) => self.a.test_imm(width, &Rm::Reg(left), imm),
            None => {
                let right = self.al.in_reg(&mut self.a, &mut rhs);
                self.a.test(width, left, right);
            }
        }
        self.al.drop_entry(lhs);
        self.al.drop_entry(rhs);
        Condition::Cc(cc)
    }
}
