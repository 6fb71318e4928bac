//! Exceptions (specification, section 4.4.8, and the legacy encoding of the exception handling proposal): both encodings become regions with
//! a landing, where code compares tags.

use wasmparser::{BlockType, Catch, TryTable};

use crate::layout::VMSTORE_CAUGHT_REF;
use crate::libcall::HostCall;
use crate::translate::codegen::{FuncCodegen, Meter, Region, Result};
use crate::translate::control::{Arm, Kind, Sig, no_frame};
use crate::translate::func::Visitor;
use crate::translate::ops::{IntCompare, Load};
use crate::trap::TrapCode;
use crate::types::*;

impl<C: FuncCodegen> Visitor<'_, C> {
    /// Opens a frame with a region.
    fn open_region(&mut self, kind: Kind, ty: BlockType) -> Result<()> {
        let sig = Sig::new(ty);
        let base = self.block_operands(sig)?;
        let frame = self.codegen.try_(sig.types(self.module), &self.stacks.values[base..])?;
        self.stacks.regions.push(self.stacks.control.len());
        self.open(kind, sig, base, frame);
        Ok(())
    }

    /// Ends the region of the innermost frame. What follows is its landing, if anything comes there.
    fn land(&mut self) -> Result<()> {
        if self.reachable {
            self.pay(Meter::Count)?;
        }
        self.owe_nothing();
        let stacks = &mut self.stacks;
        stacks.regions.pop();
        let control = stacks.control.last_mut().ok_or_else(no_frame)?;
        // The region's end goes on at the frame's.
        control.branched |= self.reachable;
        let results = stacks.values.len().saturating_sub(control.types(self.module).results.len());
        let fallthrough = self.reachable.then(|| &stacks.values[results..]);
        let frame = stacks.frames.last_mut().ok_or_else(no_frame)?;
        self.reachable = self.codegen.landing(frame, fallthrough)?;
        stacks.values.truncate(control.base);
        Ok(())
    }

    /// The exception on its way goes on to the landing of the innermost region that is open at the frame `within`, or to the caller.
    fn throw_on(&mut self, within: usize) -> Result<()> {
        let outside = self.stacks.regions.partition_point(|region| *region <= within);
        let region = outside.checked_sub(1).map(|innermost| self.stacks.regions[innermost]);
        self.codegen.throw_on(region.map(|region| &mut self.stacks.frames[region]))?;
        self.reachable = false;
        Ok(())
    }

    /// The same from where the operator stands.
    fn throw_on_from_here(&mut self) -> Result<()> {
        self.throw_on(self.stacks.control.len())
    }

    fn tag_params(&self, tag: TagIdx) -> &[Ty] {
        &self.module.resolved.signatures[self.module.tags[tag.index()].index()].params
    }

    pub(super) fn throw(&mut self, tag: u32) -> Result<()> {
        let tag = TagIdx(tag);
        let values = self.tag_params(tag).len();
        self.charge(values)?;
        self.cost_of_moving(values);
        self.pay(Meter::Check)?;
        for index in (0..values).rev() {
            let value = self.pop();
            let ty = self.tag_params(tag)[index];
            self.codegen.set_caught_value(index as u32, ty, value)?;
        }
        self.codegen.set_caught_tag(&self.module.tag_ref(tag))?;
        self.throw_on_from_here()
    }

    pub(super) fn throw_ref(&mut self) -> Result<()> {
        self.pay(Meter::Check)?;
        self.throw_again()
    }

    /// `[exnref] -> []`: puts it on its way. That is done already if nothing else was thrown since it was caught, as in code that cleans up.
    fn throw_again(&mut self) -> Result<()> {
        self.unary(|c, reference| c.ref_as_non_null(reference, TrapCode::NullException))?;
        let mut on_its_way = self.open_scope(&[Ty::Ref], &[])?;
        self.pick(0)?;
        self.push_known_ref()?;
        self.compare(IntCompare::Eq, Width::W64)?;
        self.leave_if(&mut on_its_way)?;
        self.libcall(HostCall::ThrowRef {}, &[Ty::Ref], false)?;
        self.close_scope(on_its_way)?;
        self.throw_on_from_here()
    }

    /// Pushes whether the exception on its way has a tag.
    fn push_is_caught(&mut self, tag: TagIdx) -> Result<()> {
        let tag = self.module.tag_ref(tag);
        self.nullary(|c| c.caught_tag_is(&tag))
    }

    /// Pushes the values of the exception on its way.
    fn push_caught_values(&mut self, tag: TagIdx) -> Result<()> {
        let values = self.tag_params(tag).len();
        self.charge(values)?;
        self.cost_of_moving(values);
        for index in 0..values {
            let ty = self.tag_params(tag)[index];
            self.nullary(|c| c.caught_value(index as u32, ty))?;
        }
        Ok(())
    }

    /// Pushes the reference to the exception on its way, or zero if there is none yet.
    fn push_known_ref(&mut self) -> Result<()> {
        self.push_i64(0)?;
        self.load_from(Region::Caught, Load::I64, VMSTORE_CAUGHT_REF as u32)
    }

    /// Pushes a reference to the exception on its way: the one that there is, or a new one.
    fn push_caught_ref(&mut self) -> Result<()> {
        let mut is_known = self.open_scope(&[], &[Ty::Ref])?;
        self.push_known_ref()?;
        self.pick(0)?;
        self.unary(C::ref_is_null)?;
        self.unary(|c, is_null| c.int_eqz(Width::W32, is_null))?;
        self.leave_if(&mut is_known)?;
        self.drop_operands(1)?;
        self.libcall(HostCall::CaughtRef {}, &[], false)?;
        self.close_scope(is_known)
    }

    pub(super) fn try_table(&mut self, table: &TryTable) -> Result<()> {
        self.open_region(Kind::TryTable { clauses: table.catches.len() }, table.ty)?;
        self.stacks.catches.extend_from_slice(&table.catches);
        Ok(())
    }

    /// The landing of the innermost frame, a `try_table`: tries its clauses, in order.
    pub(super) fn catch_clauses(&mut self, clauses: usize) -> Result<()> {
        self.land()?;
        let first = self.stacks.catches.len() - clauses;
        for position in first..self.stacks.catches.len() {
            if self.reachable {
                self.catch_clause(self.stacks.catches[position])?;
            }
        }
        self.stacks.catches.truncate(first);
        if self.reachable { self.throw_on_from_here() } else { Ok(()) }
    }

    fn catch_clause(&mut self, clause: Catch) -> Result<()> {
        let (tag, label, with_ref) = match clause {
            Catch::One { tag, label } => (Some(TagIdx(tag)), label, false),
            Catch::OneRef { tag, label } => (Some(TagIdx(tag)), label, true),
            Catch::All { label } => (None, label, false),
            Catch::AllRef { label } => (None, label, true),
        };
        // Labels count from outside of the `try_table`.
        let mut depth = label + 1;
        if let Some(tag) = tag {
            self.push_is_caught(tag)?;
            self.if_(BlockType::Empty)?;
            depth += 1;
            self.push_caught_values(tag)?;
        }
        if with_ref {
            self.push_caught_ref()?;
        }
        self.br(depth)?;
        // Other exceptions go on behind the `if`.
        if tag.is_some() { self.end() } else { Ok(()) }
    }

    pub(super) fn try_(&mut self, ty: BlockType) -> Result<()> {
        self.open_region(Kind::Try, ty)
    }

    /// `catch`, or `catch_all` without a tag. Its body stands on a reference to the exception, for `rethrow`.
    pub(super) fn catch(&mut self, tag: Option<u32>) -> Result<()> {
        self.end_of_arm()?;
        let arm = match tag {
            _ if !self.reachable => Arm::Dead,
            Some(tag) => {
                self.push_is_caught(TagIdx(tag))?;
                self.if_(BlockType::Empty)?;
                let stacks = &mut self.stacks;
                stacks.unlabelled.push(stacks.control.len() - 1 - stacks.unlabelled.len());
                self.push_caught_ref()?;
                self.push_caught_values(TagIdx(tag))?;
                Arm::Tag
            }
            None => {
                self.push_caught_ref()?;
                Arm::All
            }
        };
        let frame = self.try_frame(arm);
        self.stacks.control[frame].kind = Kind::Catch(arm);
        Ok(())
    }

    /// The index of the frame of the innermost `try`, one of whose arms is innermost.
    fn try_frame(&self, arm: Arm) -> usize {
        self.stacks.control.len() - 1 - usize::from(arm == Arm::Tag)
    }

    /// Ends the region or the body of a `catch`, which is innermost. What follows is where exceptions come that nothing has caught so far.
    fn end_of_arm(&mut self) -> Result<()> {
        let innermost = self.stacks.control.len() - 1;
        // The body of a `catch` with a tag is in a frame that is no `try`.
        let frame = if self.is_unlabelled(innermost) { innermost - 1 } else { innermost };
        let Kind::Catch(arm) = self.stacks.control[frame].kind else { return self.land() };
        if self.reachable {
            self.stacks.control[frame].branched = true;
            self.br_to(frame)?;
        }
        if arm == Arm::Tag {
            self.stacks.unlabelled.pop();
            self.end()?;
        }
        Ok(())
    }

    /// Whether the frame at an index, the innermost, is one that no label means: the body of a `catch`.
    pub(super) fn is_unlabelled(&self, index: usize) -> bool {
        let unlabelled = &self.stacks.unlabelled;
        unlabelled.last().is_some_and(|below| below + unlabelled.len() - 1 == index)
    }

    /// The landing of the innermost frame, a `try`, comes to its end.
    pub(super) fn end_of_catches(&mut self) -> Result<()> {
        self.end_of_arm()?;
        if self.reachable { self.throw_on_from_here() } else { Ok(()) }
    }

    pub(super) fn rethrow(&mut self, depth: u32) -> Result<()> {
        self.pay(Meter::Check)?;
        let position = self.stacks.control[self.frame_of(depth)].base;
        let above = self.stacks.values.len() - 1 - position;
        let reference = self.codegen.pick(above, self.stacks.values[position])?;
        self.push(reference);
        self.throw_again()
    }

    /// Labels count from outside of the `try`.
    pub(super) fn delegate(&mut self, depth: u32) -> Result<()> {
        self.land()?;
        if self.reachable {
            self.throw_on(self.frame_of(depth + 1))?;
        }
        let control = self.stacks.control.last_mut().ok_or_else(no_frame)?;
        control.kind = Kind::Block;
        self.end()
    }

    /// `catch` or `catch_all` where the code before it is dead.
    pub(super) fn catch_dead(&mut self, tag: Option<u32>) -> Result<()> {
        if self.dead_depth > 0 {
            return Ok(());
        }
        self.codegen.set_offset(self.offset as u32);
        self.catch(tag)
    }

    /// `delegate` where the code before it is dead.
    pub(super) fn delegate_dead(&mut self, depth: u32) -> Result<()> {
        if self.dead_depth > 0 {
            self.dead_depth -= 1;
            return Ok(());
        }
        self.codegen.set_offset(self.offset as u32);
        self.delegate(depth)
    }
}
