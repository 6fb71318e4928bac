//! Structured control (specification, section 4.4.8): which code is live, and what branches carry. What handles exceptions is in
//! [`crate::translate::exceptions`].

use wasmparser::{BlockType, BrTable};

use crate::module::ModuleInfo;
use crate::translate::codegen::{BlockSig, FuncCodegen, Meter, Result};
use crate::translate::convert;
use crate::translate::error::{internal, invalid};
use crate::translate::func::Visitor;
use crate::translate::meter;
use crate::types::*;

/// The translator's half of a control frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Control {
    pub(super) kind: Kind,
    sig: Sig,
    /// Height of the operand stack below the parameters.
    pub(super) base: usize,
    /// Whether a branch targets the end.
    pub(super) branched: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Body,
    Block,
    Loop,
    /// An `if` before its `else`.
    If,
    Else,
    /// A `try_table`, which so many of the catch clauses belong to.
    TryTable {
        clauses: usize,
    },
    /// A `try` before its first `catch`.
    Try,
    /// A `try` behind a `catch`.
    Catch(Arm),
}

/// What of a `catch` is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arm {
    /// Nothing: no exception comes there.
    Dead,
    /// Its body, which is reached only with its tag: another frame is open, which no label means.
    Tag,
    /// Its body, which every exception reaches.
    All,
}

/// Where the types of a block are found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sig {
    Empty,
    Result(Ty),
    Type(TypeIdx),
    /// The function's body: its parameters are locals.
    Body(TypeIdx),
}

impl Sig {
    pub(super) fn new(ty: BlockType) -> Self {
        match ty {
            BlockType::Empty => Self::Empty,
            BlockType::Type(ty) => Self::Result(convert::ty(ty)),
            BlockType::FuncType(index) => Self::Type(TypeIdx(index)),
        }
    }

    pub(super) fn types(self, module: &ModuleInfo) -> BlockSig<'_> {
        match self {
            Self::Empty => BlockSig { params: &[], results: &[] },
            Self::Result(ty) => BlockSig { params: &[], results: single(ty) },
            Self::Type(index) => {
                let signature = &module.resolved.signatures[index.index()];
                BlockSig { params: &signature.params, results: &signature.results }
            }
            Self::Body(index) => BlockSig { params: &[], results: &module.resolved.signatures[index.index()].results },
        }
    }
}

/// A list of one type.
const fn single(ty: Ty) -> &'static [Ty] {
    match ty {
        Ty::I32 => &[Ty::I32],
        Ty::I64 => &[Ty::I64],
        Ty::F32 => &[Ty::F32],
        Ty::F64 => &[Ty::F64],
        Ty::V128 => &[Ty::V128],
        Ty::Ref => &[Ty::Ref],
    }
}

impl Control {
    /// The frame of a function's body.
    pub(super) const fn body(ty: TypeIdx) -> Self {
        Self { kind: Kind::Body, sig: Sig::Body(ty), base: 0, branched: false }
    }

    /// The types of the block.
    pub(super) fn types(self, module: &ModuleInfo) -> BlockSig<'_> {
        self.sig.types(module)
    }
}

impl<C: FuncCodegen> Visitor<'_, C> {
    /// Opens a frame whose parameters are on top of the operand stack.
    pub(super) fn open(&mut self, kind: Kind, sig: Sig, base: usize, frame: C::Frame) {
        self.stacks.control.push(Control { kind, sig, base, branched: false });
        self.stacks.frames.push(frame);
    }

    /// The types of a block that is about to open, and the position of its parameters.
    pub(super) fn block_operands(&mut self, sig: Sig) -> Result<usize> {
        let types = sig.types(self.module);
        self.charge(types.params.len() + types.results.len())?;
        Ok(self.top(types.params.len()))
    }

    pub(super) fn block(&mut self, ty: BlockType) -> Result<()> {
        let sig = Sig::new(ty);
        let base = self.block_operands(sig)?;
        let frame = self.codegen.block(sig.types(self.module), &self.stacks.values[base..])?;
        self.open(Kind::Block, sig, base, frame);
        Ok(())
    }

    pub(super) fn loop_(&mut self, ty: BlockType) -> Result<()> {
        let sig = Sig::new(ty);
        let base = self.block_operands(sig)?;
        self.pay(Meter::Count)?;
        let frame = self.codegen.loop_(sig.types(self.module), &mut self.stacks.values[base..])?;
        self.open(Kind::Loop, sig, base, frame);
        Ok(())
    }

    pub(super) fn if_(&mut self, ty: BlockType) -> Result<()> {
        let sig = Sig::new(ty);
        let condition = self.pop();
        let base = self.block_operands(sig)?;
        self.pay(Meter::Count)?;
        let params = &self.stacks.values[base..];
        let frame = self.codegen.if_(sig.types(self.module), params, condition)?;
        self.stacks.if_params.extend_from_slice(params);
        self.open(Kind::If, sig, base, frame);
        Ok(())
    }

    /// A frame was opened in dead code: nothing in it is live.
    pub(super) fn open_dead(&mut self) -> Result<()> {
        self.dead_depth += 1;
        Ok(())
    }

    /// `else` where the first arm's end is dead.
    pub(super) fn else_dead(&mut self) -> Result<()> {
        if self.dead_depth > 0 {
            return Ok(());
        }
        self.codegen.set_offset(self.offset as u32);
        self.else_()
    }

    /// `else` of a frame that was opened in live code.
    pub(super) fn else_(&mut self) -> Result<()> {
        if self.reachable {
            self.pay(Meter::Count)?;
        }
        self.owe_nothing();
        let stacks = &mut self.stacks;
        let control = stacks.control.last_mut().ok_or_else(no_frame)?;
        control.kind = Kind::Else;
        // The first arm's end jumps to the frame's end.
        control.branched |= self.reachable;
        let Control { sig, base, .. } = *control;
        let types = sig.types(self.module);
        let results = stacks.values.len().saturating_sub(types.results.len());
        let fallthrough = self.reachable.then(|| &stacks.values[results..]);
        let params = stacks.if_params.len() - types.params.len();
        let frame = stacks.frames.last_mut().ok_or_else(no_frame)?;
        self.codegen.else_(frame, fallthrough, &mut stacks.if_params[params..])?;
        stacks.values.truncate(base);
        stacks.values.extend(stacks.if_params.drain(params..));
        self.reachable = true;
        Ok(())
    }

    /// `end` where the code before it is dead.
    pub(super) fn end_dead(&mut self) -> Result<()> {
        if self.dead_depth > 0 {
            self.dead_depth -= 1;
            return Ok(());
        }
        self.codegen.set_offset(self.offset as u32);
        self.end()
    }

    /// `end` of a frame that was opened in live code.
    pub(super) fn end(&mut self) -> Result<()> {
        match self.stacks.control.last().ok_or_else(no_frame)?.kind {
            _ if self.is_unlabelled(self.stacks.control.len() - 1) => self.end_of_catches()?,
            Kind::If => self.else_()?,
            Kind::TryTable { clauses } => self.catch_clauses(clauses)?,
            Kind::Try | Kind::Catch(_) => self.end_of_catches()?,
            Kind::Body | Kind::Block | Kind::Loop | Kind::Else => {}
        }
        self.pay_at_end()?;
        let stacks = &mut self.stacks;
        let Control { kind, sig, base, branched } = stacks.control.pop().ok_or_else(no_frame)?;
        let frame = stacks.frames.pop().ok_or_else(no_frame)?;
        let count = sig.types(self.module).results.len();
        let results = stacks.values.len().saturating_sub(count);
        let fallthrough = self.reachable.then(|| &stacks.values[results..]);
        self.codegen.end(frame, fallthrough, branched, &mut stacks.results)?;
        stacks.values.truncate(base);
        self.reachable |= branched;
        if self.reachable {
            stacks.values.append(&mut stacks.results);
            debug_assert_eq!(stacks.values.len(), base + count, "`end` owes the frame's results");
        }
        stacks.results.clear();
        if kind == Kind::Body && self.reachable {
            self.codegen.return_(&stacks.values)?;
            self.reachable = false;
        }
        Ok(())
    }

    /// Pays where an `end` needs it: before the end of the function, and where branches meet the code before.
    fn pay_at_end(&mut self) -> Result<()> {
        let control = self.stacks.control.last().ok_or_else(no_frame)?;
        match (self.reachable, control.kind) {
            (true, Kind::Body) => {
                self.cost += meter::PLAIN;
                self.pay(self.at_returns)
            }
            (true, _) if control.branched => self.pay(Meter::Count),
            (true, _) => Ok(()),
            (false, _) => {
                self.owe_nothing();
                Ok(())
            }
        }
    }

    /// The index of the frame that a branch of depth `depth` targets; marks it as targeted.
    pub(super) fn target(&mut self, depth: u32) -> usize {
        let index = self.frame_of(depth);
        self.mark_target(index);
        index
    }

    /// Marks a frame as targeted by a branch that is certain to be emitted.
    pub(super) fn mark_target(&mut self, index: usize) {
        let control = &mut self.stacks.control[index];
        control.branched |= control.kind != Kind::Loop;
    }

    /// The index of the frame that a label means.
    pub(super) fn frame_of(&self, depth: u32) -> usize {
        let unlabelled = &self.stacks.unlabelled;
        let labels_below = self.stacks.control.len() - unlabelled.len() - 1 - depth as usize;
        labels_below + unlabelled.partition_point(|below| *below <= labels_below)
    }

    /// How many operands a branch to the frame at `index` carries.
    pub(super) fn label_arity(&mut self, index: usize) -> Result<usize> {
        let control = &self.stacks.control[index];
        let types = control.sig.types(self.module);
        let arity = if control.kind == Kind::Loop { types.params.len() } else { types.results.len() };
        self.charge(arity)?;
        self.cost_of_moving(arity);
        Ok(arity)
    }

    /// What a branch to the frame at `index` is to the meter: those to loops come again, those to the body return.
    pub(super) fn branch_meter(&self, index: usize) -> Meter {
        match self.stacks.control[index].kind {
            Kind::Loop => Meter::Check,
            Kind::Body => self.at_returns,
            Kind::Block | Kind::If | Kind::Else | Kind::TryTable { .. } | Kind::Try | Kind::Catch(_) => Meter::Count,
        }
    }

    pub(super) fn br(&mut self, depth: u32) -> Result<()> {
        let target = self.target(depth);
        self.br_to(target)
    }

    /// Branches to the frame at an index, which is marked as targeted already.
    pub(super) fn br_to(&mut self, target: usize) -> Result<()> {
        let args = self.label_arity(target)?;
        let args = self.top(args);
        self.pay(self.branch_meter(target))?;
        self.codegen.br(&mut self.stacks.frames[target], &self.stacks.values[args..])?;
        self.reachable = false;
        Ok(())
    }

    pub(super) fn br_if(&mut self, depth: u32) -> Result<()> {
        let condition = self.pop();
        let target = self.target(depth);
        let args = self.label_arity(target)?;
        let args = self.top(args);
        self.pay(self.branch_meter(target))?;
        self.codegen.br_if(&mut self.stacks.frames[target], &self.stacks.values[args..], condition)
    }

    pub(super) fn br_on_null(&mut self, depth: u32) -> Result<()> {
        let reference = self.pop();
        let target = self.target(depth);
        let args = self.label_arity(target)?;
        let args = self.top(args);
        self.pay(self.branch_meter(target))?;
        let frame = &mut self.stacks.frames[target];
        let reference = self.codegen.br_on_null(frame, &self.stacks.values[args..], reference)?;
        self.push(reference);
        Ok(())
    }

    pub(super) fn br_on_non_null(&mut self, depth: u32) -> Result<()> {
        let target = self.target(depth);
        let args = self.label_arity(target)?;
        let args = self.top(args);
        self.pay(self.branch_meter(target))?;
        self.codegen.br_on_non_null(&mut self.stacks.frames[target], &self.stacks.values[args..])?;
        self.pop();
        Ok(())
    }

    pub(super) fn br_table(&mut self, table: &BrTable<'_>) -> Result<()> {
        let index = self.pop();
        self.stacks.targets.clear();
        for depth in table.targets() {
            let target = self.target(depth.map_err(invalid)?);
            self.stacks.targets.push(target as u32);
        }
        let default = self.target(table.default());
        let args = self.label_arity(default)?;
        self.charge(args * self.stacks.targets.len())?;
        let args = self.top(args);
        let targets = self.stacks.targets.iter().map(|target| *target as usize);
        let checks = targets.chain([default]).any(|target| self.branch_meter(target) == Meter::Check);
        self.pay(if checks { Meter::Check } else { Meter::Count })?;
        let stacks = &mut self.stacks;
        self.codegen.br_table(&mut stacks.frames, &stacks.targets, default as u32, &stacks.values[args..], index)?;
        self.reachable = false;
        Ok(())
    }

    pub(super) fn return_(&mut self) -> Result<()> {
        let results = self.label_arity(0)?;
        let results = self.top(results);
        self.pay(self.at_returns)?;
        self.codegen.return_(&self.stacks.values[results..])?;
        self.reachable = false;
        Ok(())
    }

    pub(super) fn trap(&mut self, code: crate::trap::TrapCode) -> Result<()> {
        self.codegen.trap(code)?;
        self.reachable = false;
        Ok(())
    }
}

#[cold]
pub(super) fn no_frame() -> crate::error::CompileError {
    internal("`end`, `else` or `catch` without a frame")
}
