//! Conditions and jumps.

use wasmer_runtime_core::layout::{VMCTX_STORE, VMSTORE_FUEL};
use wasmer_runtime_core::translate::codegen::Meter;
use wasmer_runtime_core::translate::ops::{FloatCompare, IntBinary, IntCompare, Load};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::{Entry, Loc};
use crate::codegen::{Codegen, Pending};
use crate::isa::x64::asm::{Alu, Cc, Group5, MOVSXD, Mem, Rm};
use crate::isa::x64::regs::*;
use crate::labels::Label;
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

impl Condition {
    pub(crate) fn negate(self) -> Self {
        match self {
            Self::Cc(cc) => Self::Cc(cc.negate()),
            Self::Equal => Self::Unequal,
            Self::Unequal => Self::Equal,
        }
    }
}

impl Codegen {
    /// Pays for what has run. Operands stay pending unless they trap: none is in the flags.
    pub(crate) fn meter_now(&mut self, cost: u32, point: Meter) {
        let cost = i32::try_from(cost).expect("costs of a function are below 2^31");
        match point {
            Meter::Count => self.a.alu_imm(Alu::Sub, Width::W64, &Rm::Reg(FUEL), cost),
            Meter::Check => {
                self.load_pending();
                self.need_vmctx();
                let store = self.al.alloc(&mut self.a, Ty::I64);
                self.a.load_int(Width::W64, store, &Mem::new(VMCTX, VMCTX_STORE));
                self.a.alu_imm(Alu::Sub, Width::W64, &Rm::Reg(FUEL), cost);
                self.a.store_value(Ty::I64, &Mem::new(store, VMSTORE_FUEL), FUEL);
                self.al.release(store);
                self.trap_if(Cc::S, TrapCode::OutOfFuel);
            }
        }
    }

    /// Takes the fuel over from whoever had it before, in a module that is metered.
    pub(crate) fn load_fuel(&mut self) {
        if self.metered {
            self.need_vmctx();
            self.a.load_int(Width::W64, FUEL, &Mem::new(VMCTX, VMCTX_STORE));
            self.a.load_int(Width::W64, FUEL, &Mem::new(FUEL, VMSTORE_FUEL));
        }
    }

    /// Pops an `i32` whose being other than zero is a condition, and gets it into the flags.
    pub(crate) fn pop_condition(&mut self) -> Condition {
        let pending = std::mem::replace(&mut self.pending, Pending::None);
        match pending {
            Pending::Compare { .. } | Pending::FloatCompare { .. } => {
                self.al.pop();
                self.compare_flags(pending)
            }
            Pending::Int { op: IntBinary::And, width: Width::W32, lhs, rhs } => {
                self.al.pop();
                self.compare_flags(Pending::Compare { op: IntCompare::Ne, width: Width::W32, lhs, rhs, test: true })
            }
            _ => {
                self.pending = pending;
                match self.pop_load(Load::I32) {
                    Some(lhs) => {
                        let rhs = Entry { loc: Loc::Const(0), ..lhs };
                        let (op, width) = (IntCompare::Ne, Width::W32);
                        self.compare_flags(Pending::Compare { op, width, lhs, rhs, test: false })
                    }
                    None => {
                        let value = self.pop();
                        self.value_flags(value)
                    }
                }
            }
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

    /// The condition that a reference is null.
    pub(crate) fn test_null(&mut self, reference: &mut Entry) -> Condition {
        let reg = self.al.in_reg(&mut self.a, reference);
        self.a.test(Width::W64, reg, reg);
        Condition::Cc(Cc::E)
    }

    /// Traps if a reference is null.
    pub(crate) fn trap_if_null(&mut self, reference: &mut Entry, code: TrapCode) {
        self.test_null(reference);
        self.trap_if(Cc::E, code);
    }

    pub(crate) fn jump_if(&mut self, condition: Condition, label: Label) {
        match condition {
            Condition::Cc(cc) => self.a.jcc(cc, label),
            Condition::Equal => {
                let unordered = self.a.jcc_short(Cc::P);
                self.a.jcc(Cc::E, label);
                self.a.land(unordered);
            }
            Condition::Unequal => {
                self.a.jcc(Cc::P, label);
                self.a.jcc(Cc::NE, label);
            }
        }
    }

    /// Jumps through a table that follows, whose first entry is at the returned position, unless `index` is beyond its end.
    pub(crate) fn jump_through_table(&mut self, index: Reg, entries: u32, beyond: Label) -> usize {
        self.a.alu_imm(Alu::Cmp, Width::W32, &Rm::Reg(index), entries as i32);
        self.a.jcc(Cc::AE, beyond);
        let base = self.al.alloc(&mut self.a, Ty::I64);
        let start = self.a.lea_ahead(base);
        self.a.op(MOVSXD, index.0, &Rm::Mem(Mem::indexed(base, index, 2, 0)));
        self.a.alu(Alu::Add, Width::W64, index, &Rm::Reg(base));
        self.a.group_5(Group5::Jmp, &Rm::Reg(index));
        self.a.land_near(start);
        self.al.release(base);
        self.al.release(index);
        self.a.position()
    }

    pub(crate) fn trap_now(&mut self, code: TrapCode) {
        self.traps(code);
        self.a.ud2();
    }

    /// `select`.
    pub(crate) fn select_now(&mut self, ty: Ty) {
        let pending = std::mem::replace(&mut self.pending, Pending::None);
        let (condition, pending) = match pending {
            Pending::Compare { .. } => (self.al.pop(), pending),
            Pending::FloatCompare { op, .. } if !matches!(op, FloatCompare::Eq | FloatCompare::Ne) => {
                (self.al.pop(), pending)
            }
            _ => {
                self.pending = pending;
                (self.pop(), Pending::None)
            }
        };
        let mut if_false = self.al.pop();
        let mut if_true = self.al.pop();
        // Loading constants changes the flags, so the operands come before the comparison.
        let result = self.al.own(&mut self.a, &mut if_true);
        let other = match if_false.loc {
            _ if ty.is_int_class() && !matches!(if_false.loc, Loc::Const(_)) => self.in_rm(&mut if_false),
            _ => Rm::Reg(self.al.in_reg(&mut self.a, &mut if_false)),
        };
        let condition = match pending {
            Pending::None => self.value_flags(condition),
            pending => self.compare_flags(pending),
        };
        let Condition::Cc(cc) = condition else { unreachable!("equality of numbers was computed") };
        if ty.is_int_class() {
            let width = if ty == Ty::I32 { Width::W32 } else { Width::W64 };
            self.a.cmov(cc.negate(), width, result, &other);
        } else if let Rm::Reg(other) = other {
            let chosen = self.a.jcc_short(cc);
            self.a.mov_float(result, other);
            self.a.land(chosen);
        }
        self.al.drop_entry(if_false);
        self.push_reg(ty, result);
    }
}
