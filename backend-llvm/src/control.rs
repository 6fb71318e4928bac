//! Structured control (specification, section 4.4.8): blocks with phis for what branches carry.

use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::values::{InstructionOpcode as Op, IntValue, PhiValue, PointerValue};
use wasmer_runtime_core::layout::{VMCTX_STORE, VMSTORE_FUEL};
use wasmer_runtime_core::translate::codegen::{BlockSig, Meter, Result};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{Signature, Ty};

use crate::codegen::{Codegen, V};
use crate::intrinsics::{AliasClass, Built, internal};

/// The backend half of a control frame.
pub(crate) struct Frame<'ctx> {
    /// Where branches go: the header of a loop, the end of everything else.
    target: BasicBlock<'ctx>,
    /// What branches carry.
    phis: Vec<PhiValue<'ctx>>,
    /// How many jumps there are to `target`.
    ways: u64,
    kind: Kind<'ctx>,
}

enum Kind<'ctx> {
    Block,
    Loop,
    /// An `if` whose second arm, at this block, has not begun.
    If(BasicBlock<'ctx>),
    /// A region whose landing, of this number, has not begun.
    Region(usize),
}

impl Frame<'_> {
    /// The number of the landing of an open region.
    pub(crate) fn region(&self) -> Result<usize> {
        match self.kind {
            Kind::Region(landing) => Ok(landing),
            Kind::Block | Kind::Loop | Kind::If(_) => Err(internal("only a region has a landing")),
        }
    }
}

impl<'ctx> Codegen<'ctx, '_> {
    /// A frame within the body.
    fn inner_frame(&mut self, types: &[Ty], kind: Kind<'ctx>) -> Result<Frame<'ctx>> {
        self.merges()?.open_frame(matches!(kind, Kind::Loop));
        self.frame(types, kind)
    }

    /// A frame whose branches go to a new block with phis.
    fn frame(&mut self, types: &[Ty], kind: Kind<'ctx>) -> Result<Frame<'ctx>> {
        let here = self.block_here()?;
        let target = self.new_block();
        self.b.position_at_end(target);
        let mut phis = Vec::with_capacity(types.len());
        for &ty in types {
            phis.push(self.b.build_phi(self.t.of(ty), "").built()?);
        }
        self.b.position_at_end(here);
        Ok(Frame { target, phis, ways: 0, kind })
    }

    pub(crate) fn body_frame(&mut self, signature: &Signature) -> Result<Frame<'ctx>> {
        self.frame(&signature.results, Kind::Block)
    }

    pub(crate) fn open_block(&mut self, sig: BlockSig<'_>) -> Result<Frame<'ctx>> {
        self.inner_frame(sig.results, Kind::Block)
    }

    pub(crate) fn open_loop(&mut self, sig: BlockSig<'_>, params: &mut [V<'ctx>]) -> Result<Frame<'ctx>> {
        let mut frame = self.inner_frame(sig.params, Kind::Loop)?;
        self.jump(&mut frame, params)?;
        self.b.position_at_end(frame.target);
        for (param, phi) in params.iter_mut().zip(&frame.phis) {
            *param = phi.as_basic_value();
        }
        Ok(frame)
    }

    pub(crate) fn open_if(&mut self, sig: BlockSig<'_>, condition: V<'ctx>) -> Result<Frame<'ctx>> {
        let condition = self.is_true(condition)?;
        let first = self.new_block();
        let second = self.new_block();
        self.b.build_conditional_branch(condition, first, second).built()?;
        self.b.position_at_end(first);
        self.inner_frame(sig.results, Kind::If(second))
    }

    pub(crate) fn switch_arm(&mut self, frame: &mut Frame<'ctx>, fallthrough: Option<&[V<'ctx>]>) -> Result<()> {
        if let Some(values) = fallthrough {
            self.jump(frame, values)?;
        }
        let Kind::If(second) = std::mem::replace(&mut frame.kind, Kind::Block) else {
            return Err(internal("`else` without `if`"));
        };
        self.b.position_at_end(second);
        Ok(())
    }

    /// A region whose landing has this number.
    pub(crate) fn region_frame(&mut self, sig: BlockSig<'_>, landing: usize) -> Result<Frame<'ctx>> {
        self.inner_frame(sig.results, Kind::Region(landing))
    }

    /// Ends a region, not its frame.
    pub(crate) fn close_region(&mut self, frame: &mut Frame<'ctx>, fallthrough: Option<&[V<'ctx>]>) -> Result<()> {
        if let Some(values) = fallthrough {
            self.jump(frame, values)?;
        }
        frame.region()?;
        frame.kind = Kind::Block;
        Ok(())
    }

    pub(crate) fn close_frame(
        &mut self,
        mut frame: Frame<'ctx>,
        fallthrough: Option<&[V<'ctx>]>,
        results: &mut Vec<V<'ctx>>,
    ) -> Result<()> {
        match frame.kind {
            Kind::Loop => {
                self.merges()?.close_frame(frame.ways);
                results.extend_from_slice(fallthrough.unwrap_or_default());
            }
            Kind::Block if frame.ways == 0 => {
                self.merges()?.close_frame(0);
                remove(frame.target)?;
                results.extend_from_slice(fallthrough.unwrap_or_default());
            }
            Kind::Block => {
                if let Some(values) = fallthrough {
                    self.jump(&mut frame, values)?;
                }
                self.merges()?.close_frame(frame.ways);
                self.b.position_at_end(frame.target);
                results.extend(frame.phis.iter().map(|phi| phi.as_basic_value()));
            }
            Kind::If(_) => return Err(internal("`if` without `else`")),
            Kind::Region(_) => return Err(internal("a region without a landing")),
        }
        Ok(())
    }

    /// Ends the block with a jump to the frame's target.
    fn jump(&mut self, frame: &mut Frame<'ctx>, values: &[V<'ctx>]) -> Result<()> {
        self.edge(frame, values)?;
        self.b.build_unconditional_branch(frame.target).built().map(drop)
    }

    /// Records one edge from this block to the frame's target.
    fn edge(&mut self, frame: &mut Frame<'ctx>, values: &[V<'ctx>]) -> Result<()> {
        let here = self.block_here()?;
        frame.ways += 1;
        for (phi, value) in frame.phis.iter().zip(values) {
            phi.add_incoming(&[(value, here)]);
        }
        Ok(())
    }

    /// Branches to the frame if `condition` holds; code goes on where it does not.
    fn jump_if(&mut self, frame: &mut Frame<'ctx>, values: &[V<'ctx>], condition: IntValue<'ctx>) -> Result<()> {
        let next = self.new_block();
        self.edge(frame, values)?;
        self.b.build_conditional_branch(condition, frame.target, next).built()?;
        self.b.position_at_end(next);
        Ok(())
    }

    pub(crate) fn emit_br(&mut self, frame: &mut Frame<'ctx>, args: &[V<'ctx>]) -> Result<()> {
        self.jump(frame, args)
    }

    pub(crate) fn emit_br_if(&mut self, frame: &mut Frame<'ctx>, args: &[V<'ctx>], condition: V<'ctx>) -> Result<()> {
        let condition = self.is_true(condition)?;
        self.jump_if(frame, args, condition)
    }

    pub(crate) fn emit_br_on_null(
        &mut self,
        frame: &mut Frame<'ctx>,
        args: &[V<'ctx>],
        reference: V<'ctx>,
    ) -> Result<V<'ctx>> {
        let null = self.icmp(IntPredicate::EQ, reference, self.const_like(reference, 0))?;
        self.jump_if(frame, args, null.into_int_value())?;
        Ok(reference)
    }

    pub(crate) fn emit_br_on_non_null(&mut self, frame: &mut Frame<'ctx>, args: &[V<'ctx>]) -> Result<()> {
        let &reference = args.last().ok_or_else(|| internal("`br_on_non_null` without a reference"))?;
        let present = self.is_true(reference)?;
        self.jump_if(frame, args, present)
    }

    pub(crate) fn emit_br_table(
        &mut self,
        frames: &mut [Frame<'ctx>],
        targets: &[u32],
        default: u32,
        args: &[V<'ctx>],
        index: V<'ctx>,
    ) -> Result<()> {
        // A phi wants an entry for every edge; with one block between per frame there is one edge.
        let here = self.block_here()?;
        let mut between = vec![None; frames.len()];
        for &target in targets.iter().chain([&default]) {
            if between[target as usize].is_some() {
                continue;
            }
            let frame = &mut frames[target as usize];
            if frame.phis.is_empty() {
                frame.ways += 1;
                between[target as usize] = Some(frame.target);
            } else {
                let block = self.new_block();
                self.b.position_at_end(block);
                self.jump(frame, args)?;
                between[target as usize] = Some(block);
            }
        }
        self.b.position_at_end(here);
        let block_of = |target: u32| between[target as usize].ok_or_else(|| internal("a target without a block"));
        let mut cases = Vec::with_capacity(targets.len());
        for (position, &target) in targets.iter().enumerate() {
            if target == default {
                continue;
            }
            let block = block_of(target)?;
            let frame = &mut frames[target as usize];
            // Each case is a way of its own.
            frame.ways += u64::from(block == frame.target);
            cases.push((self.const_i32(position as i32), block));
        }
        self.b.build_switch(index.into_int_value(), block_of(default)?, &cases).built().map(drop)
    }
}

// Metering.
impl<'ctx> Codegen<'ctx, '_> {
    pub(crate) fn emit_meter(&mut self, cost: u32, point: Meter) -> Result<()> {
        self.pay(self.const_i64(cost.into()).into(), point)
    }

    /// Takes a cost from the store's fuel.
    pub(crate) fn pay(&mut self, cost: V<'ctx>, point: Meter) -> Result<()> {
        let Some(fuel) = self.fuel()? else { return Ok(()) };
        let left = self.bin(Op::Sub, fuel, cost)?;
        self.set_fuel(left)?;
        if point == Meter::Count {
            return Ok(());
        }
        let vmctx = self.f().vmctx;
        self.keep_fuel(vmctx, left)?;
        let is_out = self.icmp(IntPredicate::SLT, left, self.const_like(left, 0))?;
        self.trap_if(is_out.into_int_value(), TrapCode::OutOfFuel)
    }

    /// Has the store of this context know what is left.
    fn keep_fuel(&mut self, context: PointerValue<'ctx>, left: V<'ctx>) -> Result<()> {
        let place = self.fuel_place(context)?;
        let store = self.b.build_store(place, left).built()?;
        store.set_alignment(8).map_err(internal)?;
        // What the last check has stored is what the host finds after any trap, so LLVM may neither leave it out nor move it (ADR 16).
        store.set_volatile(true).map_err(internal)?;
        self.tag(store, AliasClass::Fuel)
    }

    /// Hands the fuel over to the host, in a module that is metered, and says whether what has run is paid.
    pub(crate) fn store_fuel(&mut self, context: PointerValue<'ctx>) -> Result<Option<IntValue<'ctx>>> {
        let Some(left) = self.fuel()? else { return Ok(None) };
        self.keep_fuel(context, left)?;
        let is_paid = self.icmp(IntPredicate::SGE, left, self.const_like(left, 0))?;
        Ok(Some(self.b.build_int_z_extend(is_paid.into_int_value(), self.t.i8, "").built()?))
    }

    /// What is left as the function at hand knows it, if the module is metered.
    pub(crate) fn fuel(&self) -> Result<Option<V<'ctx>>> {
        self.f().fuel.map(|slot| self.b.build_load(self.t.i64, slot, "").built()).transpose()
    }

    /// What is left from now on, in a module that is metered.
    pub(crate) fn set_fuel(&mut self, fuel: V<'ctx>) -> Result<()> {
        match self.f().fuel {
            Some(slot) => self.b.build_store(slot, fuel).built().map(drop),
            None => Ok(()),
        }
    }

    /// Takes the fuel over from the host, in a module that is metered: it is in the store of this context.
    pub(crate) fn load_fuel(&mut self, context: PointerValue<'ctx>) -> Result<()> {
        if !self.info.metered {
            return Ok(());
        }
        let place = self.fuel_place(context)?;
        let fuel = self.load_from(self.t.i64, place, AliasClass::Fuel, 8)?;
        if self.f().fuel.is_none() {
            let slot = self.b.build_alloca(self.t.i64, "").built()?;
            if let Some(current) = &mut self.current {
                current.fuel = Some(slot);
            }
        }
        self.set_fuel(fuel)
    }

    fn fuel_place(&mut self, vmctx: PointerValue<'ctx>) -> Result<PointerValue<'ctx>> {
        let store = self.load_constant_ptr(vmctx, VMCTX_STORE)?;
        self.at(store, VMSTORE_FUEL as i64)
    }
}

/// Deletes a block that nothing jumps to.
fn remove(block: BasicBlock<'_>) -> Result<()> {
    // SAFETY: the block has no predecessor, and the only instructions that it can hold are phis, which nothing uses
    // as long as no code stands behind them.
    unsafe { block.delete() }.map_err(|()| internal("a block without a function"))
}
