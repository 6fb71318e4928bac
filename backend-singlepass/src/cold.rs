//! Code that is rarely reached: it stands behind the function's other code.

use wasmer_runtime_core::libcall::HostCall;
use wasmer_runtime_core::translate::codegen::Display;
use wasmer_runtime_core::trap::TrapCode;

use crate::codegen::Codegen;
use crate::labels::Label;
use crate::loops::Ask;
use crate::masm::Masm;
use crate::regs::{Reg, RegSet};

/// A piece of cold code.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cold {
    /// Raises a trap.
    Trap { label: Label, code: TrapCode, offset: u32 },
    /// Raises the trap of an access outside of a memory.
    Outside { label: Label, said: Outside, offset: u32 },
    /// Makes a function reference callable, by a libcall, and goes back. `saves` is where in [`Codegen::cold_saves`] the operands
    /// stand that must survive.
    Resolve {
        label: Label,
        /// Where it is asked before whether the reference is of a subtype, and so callable as it is.
        other: Option<(Label, Subtype)>,
        back: Label,
        call: Resolve,
        result: Reg,
        saves: (u32, u32),
        pins: RegSet,
        offset: u32,
    },
    /// Asks whether a loop goes on in better code.
    Ask(Ask),
}

/// What is said of an access outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outside {
    /// The index.
    pub(crate) index: Reg,
    /// The static offset, see [`Access::short_offset`](wasmer_runtime_core::translate::codegen::Access::short_offset).
    pub(crate) offset: Option<u32>,
    /// Where the memory's definition is.
    pub(crate) definition: Reg,
}

/// What makes a function reference callable: a libcall with one operand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolve {
    pub(crate) call: HostCall,
    pub(crate) operand: Reg,
}

/// A function reference whose type is not the expected one, but may be a subtype.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subtype {
    pub(crate) reference: Reg,
    /// Where it has its type id.
    pub(crate) type_id: i32,
    /// The expected id.
    pub(crate) wanted: Reg,
    pub(crate) display: Display,
    pub(crate) scratch: Reg,
}

impl<M: Masm> Codegen<M> {
    /// Traps.
    pub(crate) fn trap_now(&mut self, code: TrapCode) {
        self.traps(code);
        self.a.trap();
    }

    /// Traps when the condition, which is in the flags, holds.
    pub(crate) fn trap_on(&mut self, condition: M::Condition, code: TrapCode) {
        let label = self.a.create_label();
        M::jump_if(self, condition, label);
        self.cold.push(Cold::Trap { label, code, offset: self.offset });
    }

    /// Writes all cold code.
    pub(crate) fn finish_cold(&mut self) {
        let mut cold = std::mem::take(&mut self.cold);
        let mut returns = None;
        for piece in cold.drain(..) {
            match piece {
                Cold::Trap { label, code, offset } => {
                    self.a.bind(label);
                    self.traps_at(code, offset);
                    self.a.trap();
                }
                Cold::Outside { label, said, offset } => {
                    self.a.bind(label);
                    self.traps_at(TrapCode::MemoryOutOfBounds, offset);
                    self.a.trap_outside(said);
                }
                Cold::Resolve { label, other, back, call, result, saves, pins, offset } => {
                    if let Some((other, subtype)) = other {
                        self.a.bind(other);
                        M::go_on_with_subtype(self, subtype, back, label);
                    }
                    self.a.bind(label);
                    M::resolve(self, call, result, saves, pins, offset);
                    self.a.jmp(back);
                }
                Cold::Ask(ask) => self.finish_ask(ask, &mut returns),
            }
        }
        self.cold = cold;
    }
}
