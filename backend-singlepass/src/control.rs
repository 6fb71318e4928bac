//! Structured control: frames, branches and merges.
//!
//! A label's operands have fixed places: a single one is in the first result register of its class, several (and those of
//! loops) are in their places in the frame. The pinned locals are in the state of the label: the first branch sets it, later ones
//! weaken it or repair theirs ([`State::merge`]); loop headers are bound, so their state is fixed, with all pins loaded.

use wasmer_runtime_core::translate::codegen::BlockSig;
use wasmer_runtime_core::types::Ty;

use crate::alloc::{Loc, Repair, State};
use crate::codegen::Codegen;
use crate::exceptions::RegionIdx;
use crate::labels::Label;
use crate::masm::Masm;
use crate::regs::RegSet;

/// A control frame that was opened in live code.
pub(crate) struct Frame {
    label: Label,
    is_loop: bool,
    /// It was opened by [`Codegen::open_scope`].
    is_scope: bool,
    /// Operands below its parameters.
    height: usize,
    /// Where its parameters and results start in the list of types.
    types: usize,
    params: usize,
    results: usize,
    /// What branches have agreed on.
    target: Option<State>,
    /// The other arm of an `if`.
    other: Option<(Label, State)>,
    /// Where the other arm starts, if a jump of the first arm's end stands before it.
    jump_before: Option<usize>,
    /// The branch table that has last asked for a target, and the one it got.
    table: (u32, Label),
    /// The region that its body is, until the landing.
    pub(crate) region: Option<RegionIdx>,
}

impl Frame {
    pub(crate) fn result_count(&self) -> usize {
        self.results
    }

    pub(crate) fn label(&self) -> Label {
        self.label
    }

    /// Operands below its parameters.
    pub(crate) fn height(&self) -> usize {
        self.height
    }
}

/// What branch tables need, kept from table to table.
#[derive(Default)]
pub(crate) struct Tables {
    /// How many tables there were.
    count: u32,
    /// Code between the table and the targets that need any.
    stubs: Vec<(u32, Label, Repair)>,
}

impl Tables {
    pub(crate) fn clear(&mut self) {
        self.count = 0;
        self.stubs.clear();
    }
}

impl<M: Masm> Codegen<M> {
    fn frame(&mut self, is_loop: bool, sig: BlockSig<'_>) -> Frame {
        let label = self.a.create_label();
        let types = self.types.len();
        self.types.extend_from_slice(sig.params);
        self.types.extend_from_slice(sig.results);
        Frame {
            label,
            is_loop,
            is_scope: false,
            height: self.al.len() - sig.params.len(),
            types,
            params: sig.params.len(),
            results: sig.results.len(),
            target: None,
            other: None,
            jump_before: None,
            table: (0, label),
            region: None,
        }
    }

    /// The frame of the function's body.
    pub(crate) fn body_frame(&mut self) -> Frame {
        let results = std::mem::take(&mut self.results);
        let frame = self.frame(false, BlockSig { params: &[], results: &results });
        self.results = results;
        frame
    }

    /// Flushes the operands; the topmost `count` go to their places even if they are constants.
    fn flush(&mut self, count: usize) {
        let height = self.al.len();
        self.al.flush_to(&mut self.a, height);
        for at in height - count..height {
            let entry = self.al.stack[at];
            if entry.loc != Loc::Slot {
                let place = self.al.place(entry.end);
                self.al.store_operand(&mut self.a, entry, place);
                self.al.stack[at].loc = Loc::Slot;
            }
        }
    }

    pub(crate) fn open_block(&mut self, sig: BlockSig<'_>) -> Frame {
        self.flush(0);
        self.frame(false, sig)
    }

    /// Opens a block in which no local is written: operands that stand for locals may wait below it, as no way through it changes that.
    ///
    /// What comes to its end first is the usual way. Those that come later load the registers that all functions use, so that loops around it need not.
    pub(crate) fn open_scope(&mut self, sig: BlockSig<'_>) -> Frame {
        let height = self.al.len();
        self.al.spill_registers(&mut self.a, height);
        self.al.scopes += 1;
        let mut frame = self.frame(false, sig);
        frame.is_scope = true;
        frame
    }

    pub(crate) fn open_loop(&mut self, sig: BlockSig<'_>) -> Frame {
        // Branches back bring the parameters in their places, so the way in does as well.
        self.flush(sig.params.len());
        // The state at a bound label cannot be weakened later, so it is one that every branch back can bring: all pins that are still used are loaded.
        let wanted = self.fixed_registers().or(self.al.pins.minus(self.dead_pins(0)));
        self.al.fetch_all(&mut self.a, wanted);
        self.forget_places();
        self.loops += 1;
        let mut frame = self.frame(true, sig);
        frame.target = Some(self.al.state);
        self.a.bind(frame.label);
        self.ask();
        frame
    }

    pub(crate) fn open_if(&mut self, sig: BlockSig<'_>) -> Frame {
        // The condition may be pending; what is below it is stored before it is computed.
        let height = self.al.len() - 1;
        self.al.flush_to(&mut self.a, height);
        let condition = M::pop_condition(self);
        let other = self.a.create_label();
        // Stores leave the flags alone.
        self.flush(sig.params.len());
        M::jump_if(self, !condition, other);
        let mut frame = self.frame(false, sig);
        frame.other = Some((other, self.al.state));
        frame
    }

    pub(crate) fn open_else(&mut self, frame: &mut Frame, fallthrough: bool) {
        if fallthrough {
            self.settle();
            self.branch(frame);
            frame.jump_before = Some(self.a.position());
        }
        self.al.truncate::<M>(frame.height);
        let (other, state) = frame.other.expect("`else` belongs to an `if`");
        self.a.bind(other);
        self.al.state = state;
        for at in frame.types..frame.types + frame.params {
            self.push(self.types[at], Loc::Slot);
        }
    }

    /// Returns whether the code behind the block can be reached; then the results are on the operand stack.
    pub(crate) fn close_block(&mut self, frame: Frame, fallthrough: bool, branched: bool) -> bool {
        if fallthrough {
            self.settle();
        }
        self.loops -= u32::from(frame.is_loop);
        self.al.scopes -= u32::from(frame.is_scope);
        if branched {
            self.merge_results(&frame, fallthrough);
        } else if !fallthrough {
            self.al.truncate::<M>(frame.height);
        }
        self.types.truncate(frame.types);
        branched || fallthrough
    }

    fn merge_results(&mut self, frame: &Frame, fallthrough: bool) {
        let mut target = frame.target.expect("a branch to the block has set the state");
        if fallthrough {
            self.move_label_operands(frame);
            let kept = if frame.is_scope { M::FIXED } else { RegSet::EMPTY };
            let repair = target.merge_keeping(kept, self.al.state, self.al.pins);
            self.al.repair(&mut self.a, repair);
            if frame.jump_before == Some(self.a.position())
                && let Some((other, _)) = frame.other
            {
                // An empty second arm: the first falls through to the end.
                self.a.remove_jump(frame.label, other);
            }
        }
        self.a.bind(frame.label);
        self.al.truncate::<M>(frame.height);
        self.al.state = target;
        let results = frame.types + frame.params..frame.types + frame.params + frame.results;
        if let [ty] = self.types[results.clone()] {
            let reg = M::label_register(ty);
            self.al.occupy(reg);
            self.push_reg(ty, reg);
        } else {
            for at in results {
                self.push(self.types[at], Loc::Slot);
            }
        }
    }

    /// The types of a label's operands, in the list of types.
    fn label_types(&self, frame: &Frame) -> std::ops::Range<usize> {
        let params = frame.types + frame.params;
        if frame.is_loop { frame.types..params } else { params..params + frame.results }
    }

    /// Whether the topmost operands are where the label wants them.
    fn operands_in_place(&self, frame: &Frame) -> bool {
        let types = self.label_types(frame);
        let stack = &self.al.stack;
        if types.len() == 1 && !frame.is_loop {
            let top = &stack[stack.len() - 1];
            return top.loc == Loc::Reg(M::label_register(top.ty));
        }
        let mut end = self.al.end_at(frame.height);
        stack[stack.len() - types.len()..].iter().all(|entry| {
            end += entry.ty.bytes().max(8);
            entry.loc == Loc::Slot && entry.end == end
        })
    }

    /// Moves the topmost operands to where the label wants them. The operand stack does not change: the code is on the branch only.
    fn move_label_operands(&mut self, frame: &Frame) {
        let types = self.label_types(frame);
        let first = self.al.len() - types.len();
        if types.len() == 1 && !frame.is_loop {
            let entry = self.al.stack[first];
            self.al.load_into(&mut self.a, entry, M::label_register(entry.ty));
            return;
        }
        // Places are at or below those of the operands that move there, so the order is that of the stack.
        let mut end = self.al.end_at(frame.height);
        for at in first..self.al.len() {
            let entry = self.al.stack[at];
            end += entry.ty.bytes().max(8);
            let place = self.al.place(end);
            self.al.store_operand(&mut self.a, entry, place);
        }
    }

    /// Agrees with the other branches to a label about the pinned locals.
    fn agree(&mut self, frame: &mut Frame) -> Repair {
        match &mut frame.target {
            Some(target) if frame.is_loop => target.require(self.al.state),
            Some(target) if frame.is_scope => target.merge_keeping(M::FIXED, self.al.state, self.al.pins),
            target => State::agree(target, self.al.state, self.al.pins),
        }
    }

    /// The branch's code but for the jump.
    fn prepare(&mut self, frame: &Frame, repair: Repair) {
        self.move_label_operands(frame);
        self.al.repair(&mut self.a, repair);
    }

    pub(crate) fn branch(&mut self, frame: &mut Frame) {
        self.branch_here(frame);
        self.a.jmp(frame.label);
    }

    /// A branch to a label that will be at the end of its code.
    pub(crate) fn branch_here(&mut self, frame: &mut Frame) {
        let repair = self.agree(frame);
        self.prepare(frame, repair);
    }

    pub(crate) fn branch_if(&mut self, frame: &mut Frame) {
        let condition = M::pop_condition(self);
        self.branch_on(frame, condition);
    }

    /// Branches when the condition, which is in the flags, holds.
    pub(crate) fn branch_on(&mut self, frame: &mut Frame, condition: M::Condition) {
        let repair = self.agree(frame);
        if repair.is_empty() && self.operands_in_place(frame) {
            M::jump_if(self, condition, frame.label);
            return;
        }
        let next = self.a.create_label();
        M::jump_if(self, !condition, next);
        self.prepare(frame, repair);
        self.a.jmp(frame.label);
        self.a.bind(next);
    }

    pub(crate) fn branch_on_null(&mut self, frame: &mut Frame) {
        let mut reference = self.pop();
        let null = M::test_null(self, &mut reference);
        self.branch_on(frame, null);
        self.push(reference.ty, reference.loc);
    }

    pub(crate) fn branch_on_non_null(&mut self, frame: &mut Frame) {
        self.settle();
        let mut reference = self.al.pop();
        let null = M::test_null(self, &mut reference);
        // The branch carries the reference.
        self.push(reference.ty, reference.loc);
        self.branch_on(frame, !null);
        let reference = self.al.pop();
        self.al.drop_entry(reference);
    }

    pub(crate) fn branch_table(&mut self, frames: &mut [Frame], targets: &[u32], default: u32) {
        let mut index = self.pop();
        let beyond = self.table_start(frames, default);
        if targets.is_empty() {
            self.al.drop_entry(index);
            self.a.jmp(beyond);
        } else {
            let index = self.al.own(&mut self.a, &mut index);
            let base = M::jump_through_table(self, index, targets.len() as u32);
            for &target in targets {
                let label = self.table_target(frames, target);
                self.a.table_entry(label, base);
            }
            self.a.table_entry(beyond, base);
        }
        let mut stubs = std::mem::take(&mut self.tables.stubs);
        for (position, stub, repair) in stubs.drain(..) {
            self.a.bind(stub);
            let frame = &frames[position as usize];
            self.prepare(frame, repair);
            self.a.jmp(frame.label);
        }
        self.tables.stubs = stubs;
    }

    fn table_start(&mut self, frames: &mut [Frame], default: u32) -> Label {
        self.tables.count += 1;
        self.table_target(frames, default)
    }

    /// Where a table's entry for a frame goes: to its label, or to a stub that prepares the branch.
    fn table_target(&mut self, frames: &mut [Frame], position: u32) -> Label {
        let frame = &mut frames[position as usize];
        // A table may name a label a thousand times: the code of its branch is written once.
        if frame.table.0 == self.tables.count {
            return frame.table.1;
        }
        let repair = self.agree(frame);
        let label = if repair.is_empty() && self.operands_in_place(frame) {
            frame.label
        } else {
            let stub = self.a.create_label();
            self.tables.stubs.push((position, stub, repair));
            stub
        };
        frame.table = (self.tables.count, label);
        label
    }

    /// Branches back to a loop need not store what loops write, as the places would have to be written every time around.
    fn forget_places(&mut self) {
        let mut forgotten = RegSet::EMPTY;
        for pin in self.al.pins.and(self.al.state.regs) {
            if self.survey.is_written_in_loop(self.al.owner(pin)) {
                forgotten = forgotten.with(pin);
            }
        }
        self.al.state.places = self.al.state.places.minus(forgotten);
    }

    /// Pins whose locals are not used any more: outside of loops, those that the rest of the text does not mention, nor
    /// any of the topmost operands from `height` on.
    pub(crate) fn dead_pins(&self, operands: usize) -> RegSet {
        // The survey knows the last use in the text; in a loop, code before it may run again.
        if self.loops > 0 {
            return RegSet::EMPTY;
        }
        let mut dead = RegSet::EMPTY;
        for pin in self.al.pins {
            if !self.survey.is_used_from(self.al.owner(pin), self.offset) {
                dead = dead.with(pin);
            }
        }
        if !dead.is_empty() {
            dead = dead.minus(self.al.unread_pins(operands));
        }
        dead
    }

    /// The registers of [`Machine::FIXED`](crate::regs::Machine::FIXED) that this function uses.
    fn fixed_registers(&self) -> RegSet {
        if self.kept_base.is_some() { M::FIXED } else { M::FIXED.without(M::MEMORY) }
    }

    /// A result of an operator that always traps.
    pub(crate) fn push_anything(&mut self, ty: Ty) {
        let loc = if ty == Ty::V128 { Loc::Vector(self.a.pool(0)) } else { Loc::Const(0) };
        self.push(ty, loc);
    }
}
