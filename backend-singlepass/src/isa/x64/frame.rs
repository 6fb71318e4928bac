//! Prologue and epilogue.
//!
//! ```text
//! rbp+8  return address
//! rbp    caller's rbp
//! rbp-8  vmctx
//!        locals, 8 or 16 bytes each
//! rsp    operands, aligned to 16 bytes
//! ```

use wasmer_runtime_core::layout::{RAW_VALUE_BYTES, VMCTX_STORE, VMSTORE_VALUES};
use wasmer_runtime_core::translate::survey::Survey;
use wasmer_runtime_core::types::{Signature, Ty, Width};

use crate::alloc::Local;
use crate::isa::x64::Codegen;
use crate::isa::x64::asm::{Alu, Cc, FRAME_SIZE_BYTES, FRAME_START_BYTES, Mem, Rm, X64};
use crate::isa::x64::regs::*;
use crate::masm::*;
use crate::moves::{Move, Source, resolve};
use crate::regs::{Machine, Reg, RegSet};

/// Larger frames touch every page.
const PAGE_BYTES: u32 = 4096;

/// Locals up to this many bytes are zeroed by single stores.
const ZERO_UNROLLED_BYTES: i32 = 256;

/// The place of a value that does not fit registers, from the store context.
pub(crate) const fn overflow_place(base: Reg, position: usize) -> Mem {
    Mem::new(base, VMSTORE_VALUES + position as i32 * RAW_VALUE_BYTES)
}

/// The locals of a class that get registers.
struct PinnedLocals {
    /// Weight and position, heaviest first.
    locals: [(u64, u32); 8],
    len: usize,
}

impl PinnedLocals {
    /// The `room` locals that are used most. Without knowledge, the first.
    fn choose(survey: &Survey, locals: &[Ty], ints: bool, room: usize) -> Self {
        let mut chosen = Self { locals: [(0, 0); 8], len: 0 };
        let known = survey.locals();
        for (position, _) in locals.iter().enumerate().filter(|(_, ty)| ty.is_int_class() == ints) {
            let weight = known.get(position).map_or(1, |usage| usage.weight);
            if weight == 0 || chosen.len == room && chosen.locals[room - 1].0 >= weight {
                continue;
            }
            let mut at = if chosen.len == room { room - 1 } else { chosen.len };
            chosen.len = room.min(chosen.len + 1);
            while at > 0 && chosen.locals[at - 1].0 < weight {
                chosen.locals[at] = chosen.locals[at - 1];
                at -= 1;
            }
            chosen.locals[at] = (weight, position as u32);
        }
        chosen
    }

    fn has(&self, position: usize) -> bool {
        self.locals[..self.len].iter().any(|(_, chosen)| *chosen as usize == position)
    }
}

impl X64 {
    /// Copies a value that does not fit registers; clobbers the temporary.
    pub(crate) fn copy_value(&mut self, ty: Ty, to: &Mem, from: &Mem) {
        // Through a vector register, because one of these is always free.
        let ty = match ty {
            Ty::I32 => Ty::F32,
            Ty::I64 | Ty::Ref => Ty::F64,
            other => other,
        };
        self.load_float(ty, XMM_TEMP, &Rm::Mem(*from));
        self.store_float(ty, to, XMM_TEMP);
    }
}

impl FrameOps for X64 {
    fn label_register(ty: Ty) -> Reg {
        if ty.is_int_class() { INT_RESULTS[0] } else { FLOAT_RESULTS[0] }
    }

    /// The start of a function. The size of the frame is filled in by `finish_frame`.
    fn prologue(c: &mut Codegen, signature: &Signature, locals: &[Ty]) {
        c.al.clear::<X64>(8);
        c.pin_locals(signature, locals);
        c.a.start_frame();
        c.a.size_frame(0);
        debug_assert_eq!(c.a.position(), c.start + FRAME_START_BYTES + FRAME_SIZE_BYTES);
        c.a.store(Ty::I64, VMCTX_PLACE, VMCTX);
        c.al.state.regs = c.al.state.regs.with(VMCTX);
        c.receive(&signature.params);
        c.zero_locals(signature.params.len());
    }

    /// Fills in the size of the frame, now that it is known.
    fn finish_frame(c: &mut Codegen) {
        let bytes = c.al.frame_bytes().next_multiple_of(16);
        let sub = c.start + FRAME_START_BYTES;
        if bytes <= PAGE_BYTES {
            c.a.set_frame_size(sub, bytes);
            return;
        }
        // The prologue jumps here and back.
        c.a.jump_for_frame_size(sub);
        c.a.int_constant(RAX, u64::from(bytes / PAGE_BYTES));
        let again = c.a.position();
        c.a.alu_imm(Alu::Sub, Width::W64, &Rm::Reg(RSP), PAGE_BYTES as i32);
        // Page by page from above, so that an overflow faults in the guard region.
        c.a.test_mem(Width::W32, &Mem::new(RSP, 0), RAX);
        c.a.alu_imm(Alu::Sub, Width::W32, &Rm::Reg(RAX), 1);
        c.a.jcc_back(Cc::NE, again);
        c.a.alu_imm(Alu::Sub, Width::W64, &Rm::Reg(RSP), (bytes % PAGE_BYTES) as i32);
        c.a.jmp_back(sub + FRAME_SIZE_BYTES);
    }
}

impl Codegen {
    /// The locals of each class that are used most get registers of their own, parameters those that they come in.
    fn pin_locals(&mut self, signature: &Signature, locals: &[Ty]) {
        let int_pins = int_pins(self.metered);
        let ints = PinnedLocals::choose(&self.survey, locals, true, int_pins.len());
        self.keeps_store = self.metered && ints.len < int_pins.len();
        let floats = PinnedLocals::choose(&self.survey, locals, false, FLOAT_ARGS.len());
        let mut free = RegSet::of(int_pins).or(RegSet::of(FLOAT_ARGS));
        let mut args = RegisterAssigner::args(self.metered);
        let mut homes = [None; INT_ARGS.len() + FLOAT_ARGS.len()];
        let mut homes_len = 0;
        for (position, &ty) in signature.params.iter().enumerate() {
            if let Some(reg) = args.next(ty) {
                let chosen = if ty.is_int_class() { &ints } else { &floats };
                if chosen.has(position) {
                    homes[homes_len] = Some((position, reg));
                    homes_len += 1;
                    free = free.without(reg);
                }
            }
        }
        let mut homes = homes.into_iter().flatten().peekable();
        for (position, &ty) in locals.iter().enumerate() {
            let class = if ty.is_int_class() { INT_ARGS } else { FLOAT_ARGS };
            let chosen = if ty.is_int_class() { &ints } else { &floats };
            let pin = match homes.next_if(|(home, _)| *home == position) {
                Some((_, reg)) => Some(reg),
                None if chosen.has(position) => {
                    let reg = free.and(RegSet::of(class)).first();
                    free = reg.map_or(free, |reg| free.without(reg));
                    reg
                }
                None => None,
            };
            self.al.add_local(ty, pin);
        }
    }

    /// Puts the arguments where their locals are.
    fn receive(&mut self, params: &[Ty]) {
        let mut args = RegisterAssigner::args(self.metered);
        self.moves.clear();
        let mut has_store = false;
        for (position, &ty) in params.iter().enumerate() {
            let local = self.al.locals[position];
            match (args.next(ty), local.pin) {
                (Some(reg), Some(pin)) => {
                    self.moves.push(Move { ty, dst: pin, src: Source::Reg(reg) });
                    self.al.written(pin);
                }
                (Some(reg), None) => self.a.store(ty, local.at, reg),
                (None, _) => {
                    // A pinned one is loaded when it is used.
                    if !has_store {
                        self.a.load_int(Width::W64, MEMORY, &Mem::new(VMCTX, VMCTX_STORE));
                        has_store = true;
                    }
                    self.a.copy_value(ty, &Mem::frame(local.at), &overflow_place(MEMORY, position));
                }
            }
        }
        resolve(&mut self.a, &self.moves);
    }

    /// Zeroes the locals that are not parameters and may be read before they are written: pinned ones in their registers only.
    fn zero_locals(&mut self, params: usize) {
        // The places to zero, from the lowest to the end of the highest.
        let (mut low, mut high) = (0, i32::MIN);
        for number in params..self.al.locals.len() {
            let Local { ty, pin, at } = self.al.locals[number];
            match (pin, self.survey.is_read_first(number as u32)) {
                (Some(pin), true) => {
                    self.a.constant(ty, pin, 0);
                    self.al.written(pin);
                }
                // Whatever the register holds will do.
                (Some(pin), false) => self.al.state.regs = self.al.state.regs.with(pin),
                (None, true) => (low, high) = (low.min(at), high.max(at + ty.bytes().max(8) as i32)),
                (None, false) => {}
            }
        }
        if high - low.min(high) > ZERO_UNROLLED_BYTES {
            // No argument is in `rdi`, `rcx` or `rax`.
            self.a.lea(Width::W64, RDI, &Mem::frame(low));
            self.a.int_constant(RCX, ((high - low) / 8) as u64);
            self.a.int_constant(RAX, 0);
            self.a.rep_stosq();
        } else if low < high {
            self.zero_places(params, low);
        }
    }

    /// Zeroes places of locals that have no register, from `at` on upwards.
    fn zero_places(&mut self, params: usize, mut at: i32) {
        let end = params.checked_sub(1).map_or(VMCTX_PLACE, |last| self.al.locals[last].at);
        let mut has_zero = false;
        for number in (params..self.al.locals.len()).rev() {
            let local = self.al.locals[number];
            let is_done = local.at + local.ty.bytes().max(8) as i32 <= at;
            if is_done || local.pin.is_some() || !self.survey.is_read_first(number as u32) {
                continue;
            }
            at = local.at;
            if at + 16 > end {
                self.a.store_imm(Width::W64, &Mem::frame(at), 0);
                continue;
            }
            if !has_zero {
                self.a.zero_float(XMM_TEMP);
                has_zero = true;
            }
            // The next place may be written, too: so far all of them are nobody's, or zero.
            self.a.store_float(Ty::V128, &Mem::frame(at), XMM_TEMP);
            at += 16;
        }
    }
}
