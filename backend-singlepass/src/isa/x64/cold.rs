//! Code that is rarely reached: it stands behind the function's other code.

use wasmer_runtime_core::layout::VMCTX_LIBCALLS;
use wasmer_runtime_core::libcall::Libcall;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::Loc;
use crate::codegen::Codegen;
use crate::isa::x64::asm::{Cc, Group5, Mem, Rm};
use crate::isa::x64::regs::*;
use crate::labels::Label;
use crate::regs::{Machine, Reg, RegSet};

/// A piece of cold code.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cold {
    /// Raises a trap.
    Trap { label: Label, code: TrapCode, offset: u32 },
    /// Makes a function reference callable, by a libcall, and goes back. `saves` is where in [`Codegen::cold_saves`] the operands
    /// stand that must survive.
    Resolve { label: Label, back: Label, call: Resolve, result: Reg, saves: (u32, u32), pins: RegSet, offset: u32 },
}

/// What makes a function reference callable.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Resolve {
    Indirect { table: u32, ty: u32, index: Reg },
    Reference { ty: u32 },
}

impl Codegen {
    /// Traps when the flags say so.
    pub(crate) fn trap_if(&mut self, cc: Cc, code: TrapCode) {
        let label = self.a.labels.create();
        self.a.jcc(cc, label);
        self.cold.push(Cold::Trap { label, code, offset: self.offset });
    }

    /// Writes all cold code.
    pub(crate) fn finish_cold(&mut self) {
        let mut cold = std::mem::take(&mut self.cold);
        for piece in cold.drain(..) {
            match piece {
                Cold::Trap { label, code, offset } => {
                    self.a.bind(label);
                    self.traps_at(code, offset);
                    self.a.ud2();
                }
                Cold::Resolve { label, back, call, result, saves, pins, offset } => {
                    self.a.bind(label);
                    self.resolve(call, result, saves, pins, offset);
                    self.a.jmp(back);
                }
            }
        }
        self.cold = cold;
    }

    fn resolve(&mut self, call: Resolve, result: Reg, saves: (u32, u32), pins: RegSet, offset: u32) {
        for at in saves.0..saves.1 {
            let entry = self.cold_saves[at as usize];
            if let Loc::Reg(reg) = entry.loc {
                let place = self.al.place(entry.end);
                self.a.store(entry.ty, place, reg);
            }
        }
        let call = match call {
            Resolve::Indirect { table, ty, index } => {
                self.a.mov_int(Width::W64, RCX, index);
                self.a.int_constant(RSI, table.into());
                self.a.int_constant(RDX, ty.into());
                Libcall::CallIndirectSlow
            }
            Resolve::Reference { ty } => {
                self.a.mov_int(Width::W64, RDX, result);
                self.a.int_constant(RSI, ty.into());
                Libcall::CallRefSlow
            }
        };
        self.a.mov_int(Width::W64, RDI, VMCTX);
        self.a.load_int(Width::W64, RAX, &Mem::new(VMCTX, VMCTX_LIBCALLS));
        self.mark_at(offset);
        self.a.group_5(Group5::Call, &Rm::Mem(Mem::new(RAX, call.table_offset())));
        if result != RAX {
            self.a.mov_int(Width::W64, result, RAX);
        }
        self.a.load(Ty::I64, VMCTX, VMCTX_PLACE);
        for at in saves.0..saves.1 {
            let entry = self.cold_saves[at as usize];
            match entry.loc {
                Loc::Reg(reg) => {
                    let place = self.al.place(entry.end);
                    self.a.load(entry.ty, reg, place);
                }
                Loc::Local(local) => {
                    let local = self.al.locals[local as usize];
                    if let Some(pin) = local.pin.filter(|pin| pins.has(*pin)) {
                        self.a.load(local.ty, pin, local.at);
                    }
                }
                _ => {}
            }
        }
    }
}
