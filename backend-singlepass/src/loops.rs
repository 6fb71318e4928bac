//! Loops of a first tier, which ask whether there is better code to go on in.
//!
//! The question is behind a loop's label: a look at a word that is zero nearly always. Operands are flushed there and all pins are loaded, so one record says for
//! each loop where everything is, and the code that asks further is cold. If it comes back with the function's results, the
//! function has ended somewhere else, and returns them.

use wasmer_runtime_core::loops::*;
use wasmer_runtime_core::types::Ty;

use crate::alloc::Loc;
use crate::codegen::Codegen;
use crate::cold::Cold;
use crate::labels::Label;
use crate::masm::Masm;
use crate::regs::Reg;

/// What code of a function needs to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking {
    /// Where in the vmctx the pointer to what loops look at is, see [`VMOffsets::loops`](wasmer_runtime_core::layout::VMOffsets::loops).
    pub(crate) field: i32,
    /// Where from there the function's word is.
    pub(crate) word: i32,
}

/// A loop that asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// Of the cold code.
    pub(crate) label: Label,
    /// Where the loop goes on.
    pub(crate) back: Label,
    pub(crate) number: u32,
    pub(crate) asking: Asking,
    pub(crate) offset: u32,
}

impl<M: Masm> Codegen<M> {
    /// Has a loop ask whose label was just bound.
    pub(crate) fn ask(&mut self) {
        let Some(asking) = self.asking else { return };
        let number = self.loops_asking().heads.len();
        if number == LOOPS_MAX || self.al.locals.len() + self.al.len() > LOOP_VALUES_MAX {
            return;
        }
        if number == 0 {
            self.note_locals();
        }
        self.note_head();
        let (label, back) = (self.a.create_label(), self.a.create_label());
        M::look(self, asking, label);
        self.a.bind(back);
        self.cold.push(Cold::Ask(Ask { label, back, number: number as u32, asking, offset: self.offset }));
    }

    fn note_locals(&mut self) {
        for position in 0..self.al.locals.len() {
            let local = self.al.locals[position];
            let place = local.pin.map_or(LoopPlace::Frame(local.at), register);
            self.loops_asking().locals.push(LoopValue { ty: local.ty, place });
        }
    }

    fn note_head(&mut self) {
        let mut operands = Vec::new();
        for position in 0..self.al.len() {
            let entry = self.al.stack[position];
            let place = match entry.loc {
                Loc::Const(bits) => self.note_constant(bits.into()),
                Loc::Vector(number) => self.note_constant(self.a.pooled(number)),
                Loc::Slot => LoopPlace::Frame(self.al.place(entry.end)),
                Loc::Local(_) | Loc::Reg(_) | Loc::Pending => unreachable!("operands are flushed where a loop begins"),
            };
            operands.push(LoopValue { ty: entry.ty, place });
        }
        let wasm_offset = self.offset;
        self.loops_asking().heads.push(LoopHead { wasm_offset, operands, return_address: 0 });
    }

    fn note_constant(&mut self, bits: u128) -> LoopPlace {
        let constants = &mut self.loops_asking().constants;
        constants.push(bits);
        LoopPlace::Constant(constants.len() as u32 - 1)
    }

    /// Writes the cold code of a loop that asks. `returns` is where a function's results are loaded that has ended elsewhere, once that is anywhere.
    pub(crate) fn finish_ask(&mut self, ask: Ask, returns: &mut Option<Label>) {
        self.a.bind(ask.label);
        self.mark_at(ask.offset);
        M::ask(self, ask);
        match returns {
            Some(label) => self.a.jmp(*label),
            None => {
                let label = self.a.create_label();
                self.a.bind(label);
                *returns = Some(label);
                M::return_from_elsewhere(self);
            }
        }
    }

    /// The call was written by which a loop asks.
    pub(crate) fn note_asked(&mut self, ask: Ask) {
        let return_address = self.a.position() as u32;
        self.loops_asking().heads[ask.number as usize].return_address = return_address;
    }
}

/// The bytes of types whose values fit a word are in its low part.
fn register(reg: Reg) -> LoopPlace {
    const FIRST_OF_VECTORS: u8 = 16;
    LoopPlace::Register(if reg.is_float() { FIRST_OF_VECTORS + reg.code() } else { reg.code() })
}

/// So many words stand in front of the functions' words.
const WORDS_BEFORE: usize = 1;

/// Where a function's word is from what loops look at.
pub(crate) fn word_of(function: usize) -> Option<i32> {
    i32::try_from((WORDS_BEFORE + function) * Ty::I64.bytes() as usize).ok()
}
