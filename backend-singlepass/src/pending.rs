//! The topmost operand while it is not computed yet, and loads that instructions do themselves.

use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::{Entry, Loc};
use crate::codegen::Codegen;
use crate::masm::{Assembler, Masm};
use crate::memory::{Place, PlaceOf};
use crate::regs::{Reg, RegSet};

/// The topmost operand, when it is not computed yet: its consumer may have a better place for it, or need its flags only.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pending<F, A> {
    None,
    /// An operator without traps.
    Int {
        op: IntBinary,
        width: Width,
        lhs: Entry,
        rhs: Entry,
    },
    /// An operator that only this machine has.
    Fused {
        op: F,
        width: Width,
        lhs: Entry,
        rhs: Entry,
    },
    /// A comparison; with `test` of the bitwise conjunction and zero.
    Compare {
        op: IntCompare,
        width: Width,
        lhs: Entry,
        rhs: Entry,
        test: bool,
    },
    FloatCompare {
        op: FloatCompare,
        width: Width,
        lhs: Entry,
        rhs: Entry,
        negated: bool,
    },
    FloatBinary {
        op: FloatBinary,
        width: Width,
        lhs: Entry,
        rhs: Entry,
    },
    /// A load; `offset` is where in the module, if it can trap.
    Load {
        op: Load,
        place: Place<A>,
        offset: Option<u32>,
    },
}

/// A load that an instruction does itself: the operand of the pending operator whose place is [`Loc::Pending`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folded<A> {
    pub(crate) place: Place<A>,
    /// Where in the module, if it can trap.
    offset: Option<u32>,
}

impl<F, A> Pending<F, A> {
    /// The operand registers in use, but for those of a folded load.
    pub(crate) fn regs(&self) -> RegSet {
        let of = |entry: &Entry| match entry.loc {
            Loc::Reg(reg) => RegSet::of(&[reg]),
            _ => RegSet::EMPTY,
        };
        match self {
            Self::None => RegSet::EMPTY,
            Self::Int { lhs, rhs, .. }
            | Self::Fused { lhs, rhs, .. }
            | Self::Compare { lhs, rhs, .. }
            | Self::FloatCompare { lhs, rhs, .. }
            | Self::FloatBinary { lhs, rhs, .. } => of(lhs).or(of(rhs)),
            Self::Load { place, .. } => place.held,
        }
    }

    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// What can be pending on a machine.
pub(crate) type PendingOf<M> = Pending<<M as Assembler>::Fused, <M as Assembler>::Address>;

/// The load of a whole integer.
pub(crate) const fn plain_int_load(width: Width) -> Load {
    match width {
        Width::W32 => Load::I32,
        Width::W64 => Load::I64,
    }
}

/// The comparison that holds when another does not.
const fn opposite(op: IntCompare) -> IntCompare {
    match op {
        IntCompare::Eq => IntCompare::Ne,
        IntCompare::Ne => IntCompare::Eq,
        IntCompare::LtS => IntCompare::GeS,
        IntCompare::LtU => IntCompare::GeU,
        IntCompare::GtS => IntCompare::LeS,
        IntCompare::GtU => IntCompare::LeU,
        IntCompare::LeS => IntCompare::GtS,
        IntCompare::LeU => IntCompare::GtU,
        IntCompare::GeS => IntCompare::LtS,
        IntCompare::GeU => IntCompare::LtU,
    }
}

impl<M: Masm> Codegen<M> {
    /// Computes the topmost operand if it is pending.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if !self.pending.is_none() {
            self.settle_pending();
        }
    }

    fn settle_pending(&mut self) {
        let pending = std::mem::replace(&mut self.pending, Pending::None);
        let reg = self.compute(pending, None);
        let top = self.al.stack.last_mut().expect("the pending operand");
        top.loc = Loc::Reg(reg);
    }

    /// Computes a pending operand, into `hint` if that is no trouble, otherwise into an operand register.
    pub(crate) fn compute(&mut self, pending: PendingOf<M>, hint: Option<Reg>) -> Reg {
        match pending {
            Pending::None => unreachable!("something is pending"),
            Pending::Int { op, width, lhs, rhs } => M::int_binary(self, op, width, lhs, rhs, hint),
            Pending::Fused { op, width, lhs, rhs } => M::fused(self, op, width, lhs, rhs, hint),
            Pending::Compare { .. } | Pending::FloatCompare { .. } => M::compare(self, pending, hint),
            Pending::FloatBinary { op, width, lhs, rhs } => M::float_binary(self, op, width, lhs, rhs, hint),
            Pending::Load { op, place, offset } => M::memory_load(self, op, place, offset, hint),
        }
    }

    /// `eqz`: the opposite of a pending comparison, or a comparison with zero.
    pub(crate) fn eqz(&mut self, width: Width) {
        match (&mut self.pending, width) {
            (Pending::Compare { op, .. }, Width::W32) => {
                *op = opposite(*op);
                return;
            }
            (Pending::FloatCompare { negated, .. }, Width::W32) => {
                *negated = !*negated;
                return;
            }
            (&mut Pending::Int { op: IntBinary::And, width: inner, lhs, rhs }, _) if inner == width => {
                self.pending = Pending::None;
                self.al.pop();
                self.push_pending(Ty::I32, Pending::Compare { op: IntCompare::Eq, width, lhs, rhs, test: true });
                return;
            }
            _ => {}
        }
        let lhs = self.pop_load(plain_int_load(width)).unwrap_or_else(|| self.pop());
        let rhs = Entry { loc: Loc::Const(0), ..lhs };
        self.push_pending(Ty::I32, Pending::Compare { op: IntCompare::Eq, width, lhs, rhs, test: false });
    }

    /// Makes a pending `i32` an `i64`: the upper half of what it will be computed to is zero. Returns whether that is so.
    pub(crate) fn extend_pending(&mut self) -> bool {
        let is_int = match self.pending {
            Pending::None | Pending::FloatBinary { .. } => false,
            Pending::Int { .. } | Pending::Fused { .. } | Pending::Compare { .. } | Pending::FloatCompare { .. } => {
                true
            }
            Pending::Load { op, .. } => op.ty() == Ty::I32,
        };
        if is_int {
            self.al.stack.last_mut().expect("the pending operand").ty = Ty::I64;
        }
        is_int
    }

    // Loads that instructions do themselves.

    /// Pops the topmost operand as one that is still to be loaded, if it is a pending load of `op`.
    pub(crate) fn pop_load(&mut self, op: Load) -> Option<Entry> {
        match self.pending {
            Pending::Load { op: pending, place, offset } if pending == op => {
                self.pending = Pending::None;
                self.folded = Some(Folded { place, offset });
                Some(self.al.pop())
            }
            _ => None,
        }
    }

    /// Pops the topmost operand as one to be shifted, and how far, if that is a pending shift which an address can have.
    pub(crate) fn pop_scaled(&mut self) -> Option<(Entry, u8)> {
        match self.pending {
            Pending::Int {
                op: IntBinary::Shl,
                width: Width::W64,
                lhs,
                rhs: Entry { loc: Loc::Const(by @ 0..=3), .. },
            } => {
                self.pending = Pending::None;
                self.al.pop();
                Some((lhs, by as u8))
            }
            _ => None,
        }
    }

    /// Pops the right operand of an integer operator, whose left one stands below it: still to be loaded, if that is a place
    /// for an instruction's operand.
    #[inline]
    pub(crate) fn pop_right(&mut self, width: Width) -> Entry {
        if let Pending::Load { .. } = self.pending
                        // With a constant on the left the operands are exchanged, and the load would be the operand that is written.
            && !matches!(self.al.stack[self.al.len() - 2].loc, Loc::Const(_))
            && let Some(entry) = self.pop_load(plain_int_load(width))
        {
            return entry;
        }
        self.pop()
    }

    /// Does the load that is pending, alone or as an operand, if it can trap: what comes next must find that it has happened.
    pub(crate) fn load_pending(&mut self) {
        if let Pending::Load { offset: Some(_), .. } = self.pending {
            self.settle_pending();
        }
        let Some(Folded { place, offset }) = self.folded.take() else { return };
        let op = match self.pending {
            Pending::Int { width, .. } | Pending::Compare { width, .. } => plain_int_load(width),
            Pending::FloatBinary { width: Width::W32, .. } => Load::F32,
            Pending::FloatBinary { width: Width::W64, .. } => Load::F64,
            _ => unreachable!("no other operator folds a load"),
        };
        let reg = M::memory_load(self, op, place, offset, None);
        match &mut self.pending {
            Pending::Int { lhs, rhs, .. }
            | Pending::Compare { lhs, rhs, .. }
            | Pending::FloatBinary { lhs, rhs, .. } => {
                let operand = if lhs.loc == Loc::Pending { lhs } else { rhs };
                operand.loc = Loc::Reg(reg);
            }
            _ => unreachable!("as above"),
        }
    }

    /// The place of the folded load.
    pub(crate) fn folded_place(&self) -> PlaceOf<M> {
        self.folded.expect("an operand is still to be loaded").place
    }

    /// The instruction that follows does the folded load, if there is one.
    #[inline]
    pub(crate) fn mark_folded(&mut self) {
        if let Some(Folded { offset: Some(offset), .. }) = self.folded {
            self.mark_at(offset);
        }
    }

    /// The folded load has happened.
    #[inline]
    pub(crate) fn release_folded(&mut self) {
        if let Some(folded) = self.folded.take() {
            self.release_place(folded.place);
        }
    }
}
