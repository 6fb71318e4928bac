//! Exceptions: where calls in regions land, and what is known there.
//!
//! Before each call all locals are stored, and the operands below a block are where nothing changes them from its start on. So a landing finds all it
//! needs in the frame, wherever in the region the call was, and the frame is found by its pointer alone. Throws of the function itself are branches to
//! the landing, which may keep locals in their registers; the landing of calls stands in front of that and loads what those have agreed on.

use wasmer_runtime_core::compiler::Handler;
use wasmer_runtime_core::translate::codegen::BlockSig;

use crate::alloc::{Loc, State};
use crate::codegen::Codegen;
use crate::control::Frame;
use crate::labels::Label;
use crate::masm::Masm;

/// A region of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RegionIdx(u32);

/// A region.
struct Region {
    /// Where the function's own throws go on.
    label: Label,
    /// What those have agreed on.
    thrown: Option<State>,
    /// Whether calls may land.
    has_calls: bool,
    /// Where those land, once that is known.
    landing: u32,
}

/// A call in a region.
struct Call {
    return_address: u32,
    region: RegionIdx,
}

/// The regions of a function. Vectors are kept from function to function.
#[derive(Default)]
pub(crate) struct Regions {
    all: Vec<Region>,
    /// Those that are open, innermost last.
    open: Vec<RegionIdx>,
    /// In the order of the text.
    calls: Vec<Call>,
}

impl Regions {
    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.open.clear();
        self.calls.clear();
    }

    fn of(&mut self, frame: &Frame) -> &mut Region {
        let RegionIdx(index) = frame.region.expect("the frame is a region");
        &mut self.all[index as usize]
    }
}

impl<M: Masm> Codegen<M> {
    pub(crate) fn open_region(&mut self, sig: BlockSig<'_>) -> Frame {
        let mut frame = self.open_block(sig);
        let region = RegionIdx(self.regions.all.len() as u32);
        let label = self.a.create_label();
        self.regions.all.push(Region { label, thrown: None, has_calls: false, landing: 0 });
        self.regions.open.push(region);
        frame.region = Some(region);
        frame
    }

    /// The last instruction is a call that may throw.
    #[inline]
    pub(crate) fn called_in_region(&mut self) {
        let Some(&region) = self.regions.open.last() else { return };
        self.regions.calls.push(Call { return_address: self.a.position() as u32, region });
        self.regions.all[region.0 as usize].has_calls = true;
    }

    /// The function throws to itself.
    pub(crate) fn jump_to_landing(&mut self, frame: &Frame) {
        let region = self.regions.of(frame);
        let repair = State::agree(&mut region.thrown, self.al.state, self.al.pins);
        let label = region.label;
        self.al.repair(&mut self.a, repair);
        self.a.jmp(label);
    }

    /// Ends a region. Returns whether anything comes to its landing, which follows.
    pub(crate) fn land(&mut self, frame: &mut Frame, fallthrough: bool) -> bool {
        self.regions.open.pop();
        let &mut Region { label, thrown, has_calls, .. } = self.regions.of(frame);
        let is_used = has_calls || thrown.is_some();
        if fallthrough {
            self.settle();
            self.branch_here(frame);
            // Without a landing, the frame's end is what follows.
            if is_used {
                self.a.jmp(frame.label());
            }
        }
        self.al.truncate::<M>(frame.height());
        if is_used {
            self.start_landing(frame, label, thrown, has_calls);
        }
        is_used
    }

    fn start_landing(&mut self, frame: &Frame, label: Label, thrown: Option<State>, has_calls: bool) {
        let mut state = thrown.unwrap_or(State::CALLED);
        if has_calls {
            self.regions.of(frame).landing = self.a.position() as u32;
            self.al.state = State::CALLED;
            let repair = state.merge(State::CALLED, self.al.pins);
            self.al.repair(&mut self.a, repair);
        }
        self.a.bind(label);
        self.al.state = state;
        M::landing(self);
    }

    /// The function has ended: all landings are known.
    pub(crate) fn finish_regions(&mut self) {
        let mut calls = std::mem::take(&mut self.regions.calls);
        for Call { return_address, region } in calls.drain(..) {
            let landing = self.regions.all[region.0 as usize].landing;
            // Nothing is passed on the stack, so calls leave the stack pointer as it was.
            self.handler(Handler { return_address, landing, frame_bytes: 0 });
        }
        self.regions.calls = calls;
    }

    /// Pushes a copy of the operand that `above` others stand on.
    pub(crate) fn copy_operand(&mut self, above: usize) {
        let at = self.al.len() - 1 - above;
        let ty = self.al.stack[at].ty;
        let loc = match self.al.stack[at].loc {
            loc @ (Loc::Const(_) | Loc::Vector(_) | Loc::Local(_)) => loc,
            Loc::Reg(_) | Loc::Slot => {
                // That may be what makes room.
                let reg = self.al.alloc(&mut self.a, ty);
                self.al.load_into(&mut self.a, self.al.stack[at], reg);
                Loc::Reg(reg)
            }
            Loc::Pending => unreachable!("pending operands are settled first"),
        };
        self.push(ty, loc);
    }
}
