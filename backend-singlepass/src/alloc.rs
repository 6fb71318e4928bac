//! The abstract operand stack and the register file. Nothing in here knows an instruction.
//!
//! **Locals.** Every local has a place in the frame. Some are *pinned*: they have a register of their own for the whole
//! function, so no merge of control flow ever has to move them. What changes is only whether register and place hold the
//! value ([`State`]), two bits a pin. Calls clobber all registers; a pinned local is stored before one if its
//! place is out of date, and loaded when it is next used.
//!
//! **Operands** are entries of an abstract stack: constants, locals not read yet, registers, or the operand's own place in
//! the frame. Only the topmost [`LAZY_MAX`] entries can be anything but constants and places (`flushed` counts the others), so that every
//! search of the stack takes constant time. At the start of a block all of them are flushed: below a block's base nothing ever
//! changes, and merges concern the block's results only. A scope, in which no local is written, leaves unread locals as they are.

use wasmer_runtime_core::types::Ty;

use crate::moves::Source;
use crate::regs::{Machine, REG_COUNT, Reg, RegSet, scratch};

/// Where an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loc {
    /// A constant: the bits, zero-extended. Not for vectors.
    Const(u64),
    /// A vector in the pool of constants.
    Vector(u32),
    /// The value that the local has.
    Local(u32),
    /// In this operand register, which nothing else uses.
    Reg(Reg),
    /// In the operand's place in the frame.
    Slot,
    /// Not computed yet: the code generator knows how. Only the topmost operand.
    Pending,
}

/// An operand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) loc: Loc,
    pub(crate) ty: Ty,
    /// Bytes of the operands' part of the frame up to the end of this operand's place.
    pub(crate) end: u32,
}

/// How many operands may wait in registers or as unread locals.
const LAZY_MAX: usize = 24;

/// Which pinned locals' values are where. For every pin that belongs to a local at least one of the bits is set; for other registers
/// neither means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// The register holds the value.
    pub(crate) regs: RegSet,
    /// The place in the frame holds the value.
    pub(crate) places: RegSet,
}

/// What a branch must do so that the state at its target holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repair {
    pub(crate) loads: RegSet,
    pub(crate) stores: RegSet,
}

impl Repair {
    pub(crate) fn is_empty(self) -> bool {
        self.loads.is_empty() && self.stores.is_empty()
    }
}

impl State {
    /// What every call leaves: no register holds anything, all places do.
    pub(crate) const CALLED: Self = Self { regs: RegSet::EMPTY, places: RegSet::ALL };

    /// [`State::merge`], or the first branch to a label.
    pub(crate) fn agree(target: &mut Option<Self>, from: State, pins: RegSet) -> Repair {
        match target {
            None => {
                *target = Some(from);
                Repair::default()
            }
            Some(target) => target.merge(from, pins),
        }
    }

    /// Makes `self`, the state that earlier branches to a label agreed on, one that a branch from `from` can agree to with
    /// the least work. While nothing was emitted behind the label, it can always promise less than before.
    pub(crate) fn merge(&mut self, from: State, pins: RegSet) -> Repair {
        let regs = self.regs.and(from.regs);
        let places = self.places.and(from.places);
        let lost = pins.minus(regs.or(places));
        // Lost pins were promised in the register only and come in the place only, or the reverse.
        let repair = Repair { loads: lost.and(self.regs), stores: lost.and(self.places).minus(self.regs) };
        self.regs = regs.or(repair.loads);
        self.places = places.or(repair.stores);
        repair
    }

    /// The same where what the first branch has promised of some registers is kept.
    pub(crate) fn merge_keeping(&mut self, kept: RegSet, from: State, pins: RegSet) -> Repair {
        let kept = self.regs.and(kept);
        let mut repair = self.merge(from, pins);
        self.regs = self.regs.or(kept);
        repair.loads = repair.loads.or(kept.minus(from.regs));
        repair
    }

    /// What a branch from `from` to a label with this very state must do.
    pub(crate) fn require(self, from: State) -> Repair {
        Repair { loads: self.regs.minus(from.regs), stores: self.places.minus(from.places) }
    }
}

/// A local.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local {
    pub(crate) ty: Ty,
    /// The register that it is pinned to.
    pub(crate) pin: Option<Reg>,
    /// Its place, as an offset from the frame pointer.
    pub(crate) at: i32,
}

/// Operand stack, registers and locals of a function.
#[derive(Default)]
pub(crate) struct Alloc {
    pub(crate) stack: Vec<Entry>,
    /// Operands below this are constants or in their places.
    flushed: usize,
    /// How many scopes are open: in these, operands that wait stay where they are, because ways that meet at their ends must agree on that.
    pub(crate) scopes: u32,
    /// Operand registers that nothing uses.
    free: RegSet,
    pub(crate) state: State,
    pub(crate) locals: Vec<Local>,
    /// Registers that locals are pinned to.
    pub(crate) pins: RegSet,
    /// The locals of the pins.
    owners: Owners,
    /// Bytes of the frame below the frame pointer and above the operands.
    fixed_bytes: u32,
    /// The most bytes that operands took.
    operand_bytes_max: u32,
}

/// A local for each register.
struct Owners([u32; REG_COUNT]);

impl Default for Owners {
    fn default() -> Self {
        Self([0; REG_COUNT])
    }
}

impl Default for State {
    fn default() -> Self {
        Self { regs: RegSet::EMPTY, places: RegSet::EMPTY }
    }
}

impl Alloc {
    /// Starts a function: no operands, no locals.
    pub(crate) fn clear<M: Machine>(&mut self, reserved_bytes: u32) {
        self.stack.clear();
        self.flushed = 0;
        self.scopes = 0;
        self.free = M::INT_SCRATCH.or(M::FLOAT_SCRATCH);
        self.state = State { regs: RegSet::EMPTY, places: RegSet::ALL };
        self.locals.clear();
        self.pins = RegSet::EMPTY;
        self.fixed_bytes = reserved_bytes;
        self.operand_bytes_max = 0;
    }

    /// Adds a local. Its value is in its place until told otherwise.
    pub(crate) fn add_local(&mut self, ty: Ty, pin: Option<Reg>) {
        self.fixed_bytes += ty.bytes().max(8);
        if let Some(pin) = pin {
            debug_assert!(!self.pins.has(pin));
            self.pins = self.pins.with(pin);
            self.owners.0[pin.index()] = self.locals.len() as u32;
        }
        self.locals.push(Local { ty, pin, at: -(self.fixed_bytes as i32) });
    }

    /// Bytes that the frame needs below the frame pointer.
    pub(crate) fn frame_bytes(&self) -> u32 {
        self.fixed_bytes + self.operand_bytes_max
    }

    // Operands.

    pub(crate) fn len(&self) -> usize {
        self.stack.len()
    }

    /// The place of an operand.
    pub(crate) fn place(&self, end: u32) -> i32 {
        -((self.fixed_bytes + end) as i32)
    }

    /// Bytes that the lowest `height` operands take.
    pub(crate) fn end_at(&self, height: usize) -> u32 {
        if height == 0 { 0 } else { self.stack[height - 1].end }
    }

    #[inline(always)]
    pub(crate) fn push<M: Machine>(&mut self, m: &mut M, ty: Ty, loc: Loc) {
        let end = self.stack.last().map_or(0, |top| top.end) + if ty as u8 == Ty::V128 as u8 { 16 } else { 8 };
        self.operand_bytes_max = self.operand_bytes_max.max(end);
        self.stack.push(Entry { loc, ty, end });
        if self.stack.len() - self.flushed > LAZY_MAX && self.scopes == 0 {
            self.flush_oldest(m);
        }
    }

    #[cold]
    #[inline(never)]
    fn flush_oldest<M: Machine>(&mut self, m: &mut M) {
        self.flush_to(m, self.flushed + 1);
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Entry {
        let entry = self.stack.pop().expect("the operator was validated");
        self.flushed = self.flushed.min(self.stack.len());
        entry
    }

    /// Puts every operand below `height` where nothing changes it.
    pub(crate) fn flush_to<M: Machine>(&mut self, m: &mut M, height: usize) {
        while self.flushed < height {
            let at = self.flushed;
            self.spill(m, at);
            self.flushed = at + 1;
        }
    }

    /// Stores an operand to its place, unless it is a constant.
    fn spill<M: Machine>(&mut self, m: &mut M, at: usize) {
        let Entry { loc, ty, end } = self.stack[at];
        match loc {
            Loc::Const(_) | Loc::Vector(_) | Loc::Slot => return,
            Loc::Pending => unreachable!("pending operands are settled first"),
            Loc::Local(_) | Loc::Reg(_) => self.store_operand(m, self.stack[at], self.place(end)),
        }
        if let Loc::Reg(reg) = loc {
            self.release(reg);
        }
        self.stack[at] = Entry { loc: Loc::Slot, ty, end };
    }

    /// Spills the operands of the topmost `count` and below that are in registers; unread locals may stay.
    pub(crate) fn spill_registers<M: Machine>(&mut self, m: &mut M, height: usize) {
        for at in self.flushed..height {
            if let Loc::Reg(_) = self.stack[at].loc {
                self.spill(m, at);
            }
        }
    }

    /// Puts an operand in memory: places of merges, or its own.
    pub(crate) fn store_operand<M: Machine>(&mut self, m: &mut M, entry: Entry, at: i32) {
        match self.source(entry) {
            Source::Reg(reg) => m.store(entry.ty, at, reg),
            Source::Frame(from) if from == at => {}
            Source::Frame(from) => m.copy(entry.ty, at, from),
            Source::Const(bits) => m.store_constant(entry.ty, at, bits),
            Source::Vector(number) => m.store_vector(at, number),
        }
    }

    /// Where an operand's value can be read now.
    pub(crate) fn source(&self, entry: Entry) -> Source {
        match entry.loc {
            Loc::Const(bits) => Source::Const(bits),
            Loc::Vector(number) => Source::Vector(number),
            Loc::Reg(reg) => Source::Reg(reg),
            Loc::Slot => Source::Frame(self.place(entry.end)),
            Loc::Local(local) => {
                let local = &self.locals[local as usize];
                match local.pin {
                    Some(pin) if self.state.regs.has(pin) => Source::Reg(pin),
                    _ => Source::Frame(local.at),
                }
            }
            Loc::Pending => unreachable!("pending operands are settled first"),
        }
    }

    /// Drops the operands above `height`, which nothing can reach any more; those below are flushed.
    pub(crate) fn truncate<M: Machine>(&mut self, height: usize) {
        debug_assert!(self.stack.len() >= height);
        self.stack.truncate(height);
        self.flushed = self.flushed.min(height);
        self.free = M::INT_SCRATCH.or(M::FLOAT_SCRATCH);
        for at in self.flushed..height {
            if let Loc::Reg(reg) = self.stack[at].loc {
                self.free = self.free.without(reg);
            }
        }
    }

    // Registers.

    /// Gives an operand register back; others are left alone.
    #[inline]
    pub(crate) fn release(&mut self, reg: Reg) {
        debug_assert!(!self.free.has(reg), "{reg:?} was free already");
        self.free = self.free.with(reg);
    }

    /// Gives back what a popped operand used.
    #[inline]
    pub(crate) fn drop_entry(&mut self, entry: Entry) {
        if let Loc::Reg(reg) = entry.loc {
            self.release(reg);
        }
    }

    /// A register for a value of type `ty`; the oldest operand makes room if all are used.
    #[inline]
    pub(crate) fn alloc<M: Machine>(&mut self, m: &mut M, ty: Ty) -> Reg {
        self.alloc_in(m, scratch::<M>(ty))
    }

    /// A register of a set of operand registers.
    #[inline]
    pub(crate) fn alloc_in<M: Machine>(&mut self, m: &mut M, set: RegSet) -> Reg {
        if let Some(reg) = self.free.and(set).first() {
            self.free = self.free.without(reg);
            return reg;
        }
        self.evict(m, set)
    }

    #[cold]
    fn evict<M: Machine>(&mut self, m: &mut M, set: RegSet) -> Reg {
        for at in self.flushed..self.stack.len() {
            if let Loc::Reg(reg) = self.stack[at].loc
                && set.has(reg)
            {
                self.spill(m, at);
                self.free = self.free.without(reg);
                return reg;
            }
        }
        unreachable!("an operator uses fewer registers than there are")
    }

    /// Takes a certain register; the operand in it goes elsewhere.
    pub(crate) fn take<M: Machine>(&mut self, m: &mut M, reg: Reg) {
        if !self.free.has(reg) {
            let at = (self.flushed..self.stack.len()).find(|at| self.stack[*at].loc == Loc::Reg(reg));
            let at = at.expect("a register that is taken is an operand's");
            let entry = self.stack[at];
            if let Some(other) = self.free.and(scratch::<M>(entry.ty)).first() {
                m.mov(entry.ty, other, reg);
                self.free = self.free.without(other);
                self.stack[at].loc = Loc::Reg(other);
            } else {
                self.spill(m, at);
                self.free = self.free.without(reg);
            }
            return;
        }
        self.free = self.free.without(reg);
    }

    /// Marks a free register as used, without code: something has just been put there.
    pub(crate) fn occupy(&mut self, reg: Reg) {
        debug_assert!(self.free.has(reg));
        self.free = self.free.without(reg);
    }

    pub(crate) fn is_free(&self, reg: Reg) -> bool {
        self.free.has(reg)
    }

    /// Puts a value where it can be read into a register that may be written.
    pub(crate) fn load_into<M: Machine>(&mut self, m: &mut M, entry: Entry, dst: Reg) {
        match self.source(entry) {
            Source::Reg(reg) if reg == dst => {}
            Source::Reg(reg) => m.mov(entry.ty, dst, reg),
            Source::Frame(at) => m.load(entry.ty, dst, at),
            Source::Const(bits) => m.constant(entry.ty, dst, bits),
            Source::Vector(number) => m.vector(dst, number),
        }
    }

    /// The operand in a register that must not be written: its own, or a pin.
    #[inline]
    pub(crate) fn in_reg<M: Machine>(&mut self, m: &mut M, entry: &mut Entry) -> Reg {
        match entry.loc {
            Loc::Reg(reg) => reg,
            Loc::Local(local) if self.locals[local as usize].pin.is_some() => self.fetch(m, local),
            _ => self.own(m, entry),
        }
    }

    /// The operand in an operand register of its own, which may be written.
    #[inline]
    pub(crate) fn own<M: Machine>(&mut self, m: &mut M, entry: &mut Entry) -> Reg {
        if let Loc::Reg(reg) = entry.loc {
            return reg;
        }
        let reg = self.alloc(m, entry.ty);
        self.load_into(m, *entry, reg);
        entry.loc = Loc::Reg(reg);
        reg
    }

    // Locals.

    /// The pin of a pinned local, with its value in it.
    #[inline]
    pub(crate) fn fetch<M: Machine>(&mut self, m: &mut M, local: u32) -> Reg {
        let Local { ty, pin, at } = self.locals[local as usize];
        let pin = pin.expect("a pinned local");
        if !self.state.regs.has(pin) {
            m.load(ty, pin, at);
            self.state.regs = self.state.regs.with(pin);
        }
        pin
    }

    /// Copies the value of a local that is about to change to the operands that stand for it.
    #[inline]
    pub(crate) fn detach<M: Machine>(&mut self, m: &mut M, local: u32) {
        for at in self.flushed..self.stack.len() {
            if self.stack[at].loc == Loc::Local(local) {
                let mut entry = self.stack[at];
                self.own(m, &mut entry);
                self.stack[at] = entry;
            }
        }
    }

    /// A pinned local has a new value, in its pin.
    #[inline]
    pub(crate) fn written(&mut self, pin: Reg) {
        self.state.regs = self.state.regs.with(pin);
        self.state.places = self.state.places.without(pin);
    }

    /// Stores the pinned locals whose places are out of date, and forgets nothing.
    pub(crate) fn save_pins<M: Machine>(&mut self, m: &mut M) {
        self.store_pins(m, self.pins.minus(self.state.places));
        self.state.places = self.state.places.or(self.pins);
    }

    fn store_pins<M: Machine>(&self, m: &mut M, pins: RegSet) {
        for pin in pins {
            let local = self.locals[self.owners.0[pin.index()] as usize];
            m.store(local.ty, local.at, pin);
        }
    }

    /// A call has happened: no register holds anything.
    pub(crate) fn clobber(&mut self) {
        debug_assert!(self.pins.minus(self.state.places).is_empty(), "locals were saved before the call");
        self.state.regs = RegSet::EMPTY;
    }

    /// Emits what a branch must do. The state here does not change: the code is on the branch only.
    pub(crate) fn repair<M: Machine>(&self, m: &mut M, repair: Repair) {
        self.store_pins(m, repair.stores);
        let mut valid = self.state.regs;
        for reg in repair.loads {
            if M::FIXED.has(reg) {
                m.reload(reg, &mut valid);
            } else {
                let local = self.locals[self.owners.0[reg.index()] as usize];
                m.load(local.ty, reg, local.at);
            }
        }
    }

    /// The local of a pin.
    pub(crate) fn owner(&self, pin: Reg) -> u32 {
        self.owners.0[pin.index()]
    }

    /// The pins whose locals the operands stand for, but for the topmost `but`.
    pub(crate) fn unread_pins(&self, but: usize) -> RegSet {
        let mut pins = RegSet::EMPTY;
        for entry in &self.stack[self.flushed.min(self.stack.len() - but)..self.stack.len() - but] {
            if let Loc::Local(local) = entry.loc
                && let Some(pin) = self.locals[local as usize].pin
            {
                pins = pins.with(pin);
            }
        }
        pins
    }

    /// Nothing reads these pins any more, so neither register nor place need hold anything.
    pub(crate) fn mark_dead(&mut self, dead: RegSet) {
        self.state.places = self.state.places.or(dead);
    }

    /// Loads registers: the state of loop headers.
    pub(crate) fn fetch_all<M: Machine>(&mut self, m: &mut M, wanted: RegSet) {
        for reg in wanted.minus(self.state.regs) {
            if M::FIXED.has(reg) {
                m.reload(reg, &mut self.state.regs);
            } else {
                self.fetch(m, self.owners.0[reg.index()]);
            }
        }
    }

    // Invariants.

    /// Panics if registers leak or are shared. `pending` are the registers of a pending operand.
    pub(crate) fn check<M: Machine>(&self, pending: RegSet) {
        let mut used = pending;
        for (at, entry) in self.stack.iter().enumerate().skip(self.flushed) {
            match entry.loc {
                Loc::Reg(reg) => {
                    assert!(!used.has(reg), "{reg:?} is used twice");
                    assert_eq!(reg.is_float(), !entry.ty.is_int_class());
                    used = used.with(reg);
                }
                Loc::Pending => assert_eq!(at + 1, self.stack.len(), "only the topmost operand is pending"),
                _ => {}
            }
        }
        let all = M::INT_SCRATCH.or(M::FLOAT_SCRATCH);
        assert_eq!(all.minus(used), self.free, "registers leak or are in use and free");
        assert!(self.pins.minus(self.state.regs.or(self.state.places)).is_empty(), "a local is nowhere");
        if self.flushed > 0 {
            let below = self.stack[self.flushed - 1].loc;
            assert!(matches!(below, Loc::Const(_) | Loc::Vector(_) | Loc::Slot), "{below:?} below the flushed height");
        }
    }
}

#[cfg(test)]
#[path = "alloc_tests.rs"]
mod tests;
