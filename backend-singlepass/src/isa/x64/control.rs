//! Conditions and jumps.

use std::ops::Not;

use wasmer_runtime_core::layout::{VMCTX_STORE, VMSTORE_FUEL};
use wasmer_runtime_core::translate::codegen::Meter;
use wasmer_runtime_core::translate::ops::{FloatCompare, IntBinary, IntCompare, Load};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::{Entry, Loc};
use crate::isa::x64::asm::{Alu, Cc, Group5, MOVSXD, Mem, Rm, X64};
use crate::isa::x64::regs::*;
use crate::isa::x64::{Codegen, Pending};
use crate::labels::Label;
use crate::masm::*;
use crate::regs::Reg;

/// A condition that the flags hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Cc(Cc),
    /// Floating point numbers are equal: neither unequal nor unordered.
    Equal,
    /// The opposite.
    Unequal,
}

impl Not for Condition {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Cc(cc) => Self::Cc(cc.negate()),
            Self::Equal => Self::Unequal,
            Self::Unequal => Self::Equal,
        }
    }
}

impl ControlOps for X64 {
    /// Pays for what has run. Operands stay pending unless they trap: none is in the flags.
    fn meter(c: &mut Codegen, cost: u32, point: Meter) {
        let cost = i32::try_from(cost).expect("costs of a function are below 2^31");
        match point {
            Meter::Count => c.a.alu_imm(Alu::Sub, Width::W64, &Rm::Reg(FUEL), cost),
            Meter::Check => {
                c.load_pending();
                let loaded = if c.keeps_store { None } else { Some(c.store_context()) };
                c.a.alu_imm(Alu::Sub, Width::W64, &Rm::Reg(FUEL), cost);
                c.a.store_value(Ty::I64, &Mem::new(loaded.unwrap_or(STORE), VMSTORE_FUEL), FUEL);
                if let Some(store) = loaded {
                    c.al.release(store);
                }
                c.trap_if(Cc::S, TrapCode::OutOfFuel);
            }
        }
    }

    /// Pops an `i32` whose being other than zero is a condition, and gets it into the flags.
    fn pop_condition(c: &mut Codegen) -> Condition {
        let pending = std::mem::replace(&mut c.pending, Pending::None);
        match pending {
            Pending::Compare { .. } | Pending::FloatCompare { .. } => {
                c.al.pop();
                c.compare_flags(pending)
            }
            Pending::Int { op: IntBinary::And, width: Width::W32, lhs, rhs } => {
                c.al.pop();
                c.compare_flags(Pending::Compare { op: IntCompare::Ne, width: Width::W32, lhs, rhs, test: true })
            }
            _ => {
                c.pending = pending;
                match c.pop_load(Load::I32) {
                    Some(lhs) => {
                        let rhs = Entry { loc: Loc::Const(0), ..lhs };
                        let (op, width) = (IntCompare::Ne, Width::W32);
                        c.compare_flags(Pending::Compare { op, width, lhs, rhs, test: false })
                    }
                    None => {
                        let value = c.pop();
                        c.value_flags(value)
                    }
                }
            }
        }
    }

    /// The condition that a reference is null.
    fn test_null(c: &mut Codegen, reference: &mut Entry) -> Condition {
        let reg = c.al.in_reg(&mut c.a, reference);
        c.a.test(Width::W64, reg, reg);
        Condition::Cc(Cc::E)
    }

    /// Traps if a reference is null.
    fn trap_if_null(c: &mut Codegen, reference: &mut Entry, code: TrapCode) {
        Self::test_null(c, reference);
        c.trap_if(Cc::E, code);
    }

    /// `ucomis` sets the zero flag for equal and for unordered operands, and the parity flag for unordered ones only.
    fn jump_if(c: &mut Codegen, condition: Condition, label: Label) {
        match condition {
            Condition::Cc(cc) => c.a.jcc(cc, label),
            Condition::Equal => {
                let unordered = c.a.jcc_short(Cc::P);
                c.a.jcc(Cc::E, label);
                c.a.land(unordered);
            }
            Condition::Unequal => {
                c.a.jcc(Cc::P, label);
                c.a.jcc(Cc::NE, label);
            }
        }
    }

    /// Jumps through a table that follows, whose first entry is at the returned position. Every index beyond the last of `targets` becomes `targets`,
    /// by a conditional move: a processor that speculates past a branch would read beyond the table, and jump there.
    fn jump_through_table(c: &mut Codegen, index: Reg, targets: u32) -> usize {
        let base = c.al.alloc(&mut c.a, Ty::I64);
        c.a.int_constant(base, targets.into());
        c.a.alu(Alu::Cmp, Width::W32, index, &Rm::Reg(base));
        c.a.cmov(Cc::AE, Width::W32, index, &Rm::Reg(base));
        // Entries are distances from the table, so that code needs no relocation when it is loaded.
        let start = c.a.lea_ahead(base);
        c.a.op(MOVSXD, index.0, &Rm::Mem(Mem::indexed(base, index, 2, 0)));
        c.a.alu(Alu::Add, Width::W64, index, &Rm::Reg(base));
        c.a.group_5(Group5::Jmp, &Rm::Reg(index));
        c.a.land_near(start);
        c.al.release(base);
        c.al.release(index);
        c.a.position()
    }

    /// `select`.
    fn select(c: &mut Codegen, ty: Ty) {
        let pending = std::mem::replace(&mut c.pending, Pending::None);
        let (condition, pending) = match pending {
            Pending::Compare { .. } => (c.al.pop(), pending),
            Pending::FloatCompare { op, .. } if !matches!(op, FloatCompare::Eq | FloatCompare::Ne) => {
                (c.al.pop(), pending)
            }
            _ => {
                c.pending = pending;
                (c.pop(), Pending::None)
            }
        };
        let mut if_false = c.al.pop();
        let mut if_true = c.al.pop();
        // Loading constants changes the flags, so the operands come before the comparison.
        let result = c.al.own(&mut c.a, &mut if_true);
        let other = match if_false.loc {
            _ if ty.is_int_class() && !matches!(if_false.loc, Loc::Const(_)) => c.in_rm(&mut if_false),
            _ => Rm::Reg(c.al.in_reg(&mut c.a, &mut if_false)),
        };
        let condition = match pending {
            Pending::None => c.value_flags(condition),
            pending => c.compare_flags(pending),
        };
        let Condition::Cc(cc) = condition else { unreachable!("equality of numbers was computed") };
        if ty.is_int_class() {
            let width = if ty == Ty::I32 { Width::W32 } else { Width::W64 };
            c.a.cmov(cc.negate(), width, result, &other);
        } else if let Rm::Reg(other) = other {
            // There is no conditional move of vector registers.
            let chosen = c.a.jcc_short(cc);
            c.a.mov_float(result, other);
            c.a.land(chosen);
        }
        c.al.drop_entry(if_false);
        c.push_reg(ty, result);
    }
}

impl Codegen {
    /// Takes the fuel over from whoever had it before, and at a landing, where registers may be those of code of another convention, the
    /// store context, in a module that is metered.
    pub(crate) fn load_fuel(&mut self) {
        if self.metered {
            self.need_vmctx();
            let store = if self.keeps_store { STORE } else { FUEL };
            self.a.load_int(Width::W64, store, &Mem::new(VMCTX, VMCTX_STORE));
            self.a.load_int(Width::W64, FUEL, &Mem::new(store, VMSTORE_FUEL));
        }
    }

    /// Where the function is left, in a module that is metered: the next one finds the store context where it expects it.
    pub(crate) fn give_back_store(&mut self) {
        if self.metered && !self.keeps_store {
            self.need_vmctx();
            self.a.load_int(Width::W64, STORE, &Mem::new(VMCTX, VMCTX_STORE));
        }
    }

    /// The flags of an `i32` being other than zero.
    pub(crate) fn value_flags(&mut self, mut value: Entry) -> Condition {
        match self.in_rm(&mut value) {
            Rm::Reg(reg) => self.test_zero(Width::W32, reg),
            rm => self.a.alu_imm(Alu::Cmp, Width::W32, &rm, 0),
        }
        self.al.drop_entry(value);
        Condition::Cc(Cc::NE)
    }
}
