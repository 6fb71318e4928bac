//! Calls of functions and of libcalls, globals.

use wasmer_runtime_core::compiler::{Reloc, RelocKind, Symbol};
use wasmer_runtime_core::layout::*;
use wasmer_runtime_core::libcall::{HostCall, Libcall};
use wasmer_runtime_core::translate::codegen::{Callee, Checks, Expected, GlobalRef, Location, TableRef};
use wasmer_runtime_core::types::{DefinedFuncIdx, Signature, Ty, Width};

use crate::ABI;
use crate::alloc::{Entry, Loc};
use crate::cold::{Cold, Resolve, Subtype};
use crate::isa::x64::Place;
use crate::isa::x64::asm::{Alu, Cc, Group5, Mem, Rm, Shift, X64};
use crate::isa::x64::frame::overflow_place;
use crate::isa::x64::regs::*;
use crate::isa::x64::{Codegen, Pending};
use crate::labels::Label;
use crate::masm::*;
use crate::memory::whole_load;
use crate::moves::{Move, Source, resolve};
use crate::regs::{Machine, Reg, RegSet};

/// The integer arguments of the system's C convention.
pub(crate) const C_ARGS: [Reg; 6] = [RDI, RSI, RDX, RCX, R8, R9];

/// How a callee is reached once the arguments are in place.
enum CallTarget {
    Direct(DefinedFuncIdx),
    /// Entry and vmctx stand in the vmctx, at these offsets.
    Import {
        entry: i32,
        vmctx: i32,
    },
    /// A function reference, in an operand register, with entry and vmctx at these offsets.
    Reference {
        reg: Reg,
        entry: i32,
        vmctx: i32,
    },
}

impl CallOps for X64 {
    fn call(c: &mut Codegen, callee: Callee<()>, signature: &Signature) {
        let entrance = c.entrance(callee, signature.params.len());
        c.pass(&signature.params, RegisterAssigner::args(c.metered));
        c.give_back_store();
        match entrance {
            CallTarget::Direct(index) => {
                c.mark();
                let place = c.a.call_symbol();
                c.refer_to_function(index, place);
            }
            CallTarget::Import { entry, vmctx } => {
                // The entry is read first, because the callee's vmctx takes the place of ours. Operand registers are free: the arguments are in
                // those of pins.
                c.a.load_int(Width::W64, RAX, &Mem::new(VMCTX, entry));
                c.a.load_int(Width::W64, VMCTX, &Mem::new(VMCTX, vmctx));
                c.mark();
                c.a.group_5(Group5::Call, &Rm::Reg(RAX));
            }
            CallTarget::Reference { reg, entry, vmctx } => {
                c.a.load_int(Width::W64, VMCTX, &Mem::new(reg, vmctx));
                c.mark();
                c.a.group_5(Group5::Call, &Rm::Mem(Mem::new(reg, entry)));
                c.al.release(reg);
            }
        }
        c.called_in_region();
        c.drop_operands(signature.params.len());
        c.al.clobber();
        c.take_results(&signature.results);
    }

    fn return_call(c: &mut Codegen, callee: Callee<()>, signature: &Signature) {
        let entrance = c.entrance(callee, signature.params.len());
        c.pass(&signature.params, RegisterAssigner::args(c.metered));
        c.give_back_store();
        // Everything that was in the frame is in registers or in the store's room by now.
        c.a.leave();
        match entrance {
            CallTarget::Direct(index) => {
                let place = c.a.jmp_symbol();
                c.refer_to_function(index, place);
            }
            CallTarget::Import { entry, vmctx } => {
                c.a.load_int(Width::W64, RAX, &Mem::new(VMCTX, entry));
                c.a.load_int(Width::W64, VMCTX, &Mem::new(VMCTX, vmctx));
                c.a.group_5(Group5::Jmp, &Rm::Reg(RAX));
            }
            CallTarget::Reference { reg, entry, vmctx } => {
                c.a.load_int(Width::W64, VMCTX, &Mem::new(reg, vmctx));
                c.a.group_5(Group5::Jmp, &Rm::Mem(Mem::new(reg, entry)));
                c.al.release(reg);
            }
        }
        c.drop_operands(signature.params.len());
    }

    fn return_(c: &mut Codegen) {
        let results = std::mem::take(&mut c.results);
        c.pass(&results, RegisterAssigner::results());
        c.results = results;
        c.give_back_store();
        c.a.leave();
        c.a.ret();
    }

    /// A call through the libcall table, of the topmost operands. Returns whether it has a result, which is pushed.
    fn libcall(c: &mut Codegen, call: HostCall, operands: usize, narrow: bool) -> bool {
        let (libcall, immediates) = (call.libcall(), call.immediates());
        let below = c.al.len() - operands;
        c.al.spill_registers(&mut c.a, below);
        c.save_locals(operands);
        c.need_vmctx();
        c.moves.clear();
        c.moves.push(Move { ty: Ty::I64, dst: C_ARGS[0], src: Source::Reg(VMCTX) });
        for (&dst, &immediate) in C_ARGS[1..].iter().zip(&*immediates) {
            c.moves.push(Move { ty: Ty::I64, dst, src: Source::Const(immediate) });
        }
        for (position, &dst) in C_ARGS[1 + immediates.len()..].iter().take(operands).enumerate() {
            let entry = c.al.stack[below + position];
            let src = c.al.source(entry);
            c.moves.push(Move { ty: entry.ty, dst, src });
        }
        resolve(&mut c.a, &c.moves);
        c.call_through_table(libcall, c.offset);
        c.drop_operands(operands);
        c.al.clobber();
        if libcall.is_metered() {
            c.load_fuel();
        }
        let Some(result) = libcall.result() else { return false };
        let ty = if narrow { Ty::I32 } else { result };
        if ty == Ty::I32 {
            // C leaves the upper half open.
            c.a.mov_int(Width::W32, RAX, RAX);
        }
        c.al.occupy(RAX);
        c.push_reg(ty, RAX);
        true
    }

    fn global_get(c: &mut Codegen, global: &GlobalRef) {
        let place = c.locate(global.location);
        c.push_pending(global.ty, Pending::Load { op: whole_load(global.ty), place, offset: None });
    }

    fn global_set(c: &mut Codegen, global: &GlobalRef, mut value: Entry) {
        let place = c.locate(global.location);
        match value.loc {
            Loc::Const(bits) => {
                let width = if value.ty.bytes() == 4 { Width::W32 } else { Width::W64 };
                c.a.store_imm(width, &place.mem, bits);
            }
            _ => {
                let reg = c.al.in_reg(&mut c.a, &mut value);
                c.a.store_value(value.ty, &place.mem, reg);
            }
        }
        c.al.drop_entry(value);
        c.release_place(place);
    }
}

impl Codegen {
    /// Calls a libcall, whose arguments are in their registers; the vmctx is in its own as well.
    pub(crate) fn call_through_table(&mut self, call: Libcall, wasm_offset: u32) {
        self.a.load_int(Width::W64, RAX, &Mem::new(VMCTX, VMCTX_LIBCALLS));
        self.mark_at(wasm_offset);
        self.a.group_5(Group5::Call, &Rm::Mem(Mem::new(RAX, call.table_offset())));
    }

    /// Four bytes refer to a function.
    fn refer_to_function(&mut self, index: DefinedFuncIdx, place: usize) {
        let offset = place as u32;
        let target = Symbol::Function(index);
        self.reloc(Reloc { offset, kind: RelocKind::X64Pc32, target, addend: -4 });
    }

    fn drop_operands(&mut self, count: usize) {
        for _ in 0..count {
            let entry = self.al.pop();
            self.al.drop_entry(entry);
        }
    }

    /// Stores the locals that are used after a call that takes the topmost `operands`.
    fn save_locals(&mut self, operands: usize) {
        let dead = self.dead_pins(operands);
        self.al.mark_dead(dead);
        self.al.save_pins(&mut self.a);
    }

    /// Finds the callee, and puts everything into memory that must survive the call, but the arguments.
    fn entrance(&mut self, callee: Callee<()>, params: usize) -> CallTarget {
        let operand = match callee {
            Callee::Indirect { .. } | Callee::Ref { .. } => Some(self.al.pop()),
            _ => None,
        };
        let below = self.al.len() - params;
        self.al.spill_registers(&mut self.a, below);
        // Arguments are read before the call, unless cold code has to read them again.
        let read_before = if operand.is_some() { 0 } else { params };
        self.save_locals(read_before);
        self.need_vmctx();
        match (callee, operand) {
            (Callee::Import { entry, vmctx, .. }, _) => CallTarget::Import { entry, vmctx },
            (Callee::Indirect { table, checks, .. }, Some(index)) => {
                let reg = self.table_element(&table, &checks, index, below);
                CallTarget::Reference { reg, entry: checks.entry, vmctx: checks.vmctx }
            }
            (Callee::Ref { checks, .. }, Some(reference)) => {
                let reg = self.typed_reference(&checks, reference, below);
                CallTarget::Reference { reg, entry: checks.entry, vmctx: checks.vmctx }
            }
            (Callee::Direct(index), _) => CallTarget::Direct(index),
            (Callee::Indirect { .. } | Callee::Ref { .. }, None) => unreachable!("popped above"),
        }
    }

    /// What cold code must preserve: the arguments, which start at operand `below`.
    fn cold_saves(&mut self, below: usize) -> (u32, u32) {
        let start = self.cold_saves.len() as u32;
        for at in below..self.al.len() {
            if let Loc::Reg(_) | Loc::Local(_) = self.al.stack[at].loc {
                self.cold_saves.push(self.al.stack[at]);
            }
        }
        (start, self.cold_saves.len() as u32)
    }

    /// The function reference that a `call_indirect` calls. An index beyond the end makes the address null, also when the
    /// processor only guesses; the load faults and so traps.
    fn table_element(&mut self, table: &TableRef, checks: &Checks, mut index: Entry, below: usize) -> Reg {
        let index = self.al.own(&mut self.a, &mut index);
        let element = self.al.alloc(&mut self.a, Ty::I64);
        let other = self.al.alloc(&mut self.a, Ty::I32);
        let subtype = match checks.expected {
            Expected::Id { display: Some(display), .. } => {
                let scratch = self.al.alloc(&mut self.a, Ty::I64);
                Some(Subtype { reference: element, type_id: checks.type_id, wanted: other, display, scratch })
            }
            _ => None,
        };
        let (base, offset) = match table.location {
            Location::Inline(offset) => (VMCTX, offset),
            Location::Indirect(offset) => {
                self.a.load_int(Width::W64, element, &Mem::new(VMCTX, offset));
                (element, 0)
            }
        };
        match i32::try_from(table.min) {
            Ok(len) if table.fixed => self.a.alu_imm(Alu::Cmp, Width::W64, &Rm::Reg(index), len),
            _ => self.a.alu(Alu::Cmp, Width::W64, index, &Rm::Mem(Mem::new(base, offset + VMTABLE_LEN))),
        }
        // The flags of this comparison are read by the conditional move below: everything in between leaves them alone.
        self.a.int_constant_keeping_flags(other, 0);
        self.a.load_int(Width::W64, element, &Mem::new(base, offset + VMTABLE_BASE));
        self.a.lea(Width::W64, element, &Mem::indexed(element, index, 3, 0));
        self.a.cmov(Cc::AE, Width::W64, element, &Rm::Reg(other));
        self.traps(checks.nowhere);
        self.a.load_int(Width::W64, element, &Mem::new(element, 0));
        self.a.test(Width::W64, element, element);
        let slow = self.a.create_label();
        let back = self.a.create_label();
        self.a.jcc(Cc::E, slow);
        self.check_id(checks, element, other);
        let subtype = subtype.map(|subtype| (self.a.create_label(), subtype));
        self.a.jcc(Cc::NE, subtype.map_or(slow, |(label, _)| label));
        self.a.bind(back);
        self.al.release(index);
        self.al.release(other);
        if let Some((_, Subtype { scratch, .. })) = subtype {
            self.al.release(scratch);
        }
        self.push_resolve((slow, subtype), back, Resolve { call: checks.slow, operand: index }, element, below);
        element
    }

    /// Compares a reference's type id with what it has to be, which then is in `scratch` if it is an id.
    fn check_id(&mut self, checks: &Checks, reference: Reg, scratch: Reg) {
        let id = Mem::new(reference, checks.type_id);
        match checks.expected {
            Expected::Id { ids, offset, display: _ } => {
                self.a.load_int(Width::W64, scratch, &Mem::new(VMCTX, ids));
                self.a.load_int(Width::W32, scratch, &Mem::new(scratch, offset));
                self.a.alu(Alu::Cmp, Width::W32, scratch, &Rm::Mem(id));
            }
            Expected::Convention => {
                self.a.load_int(Width::W32, scratch, &id);
                self.a.shift_imm(Shift::Shr, Width::W32, scratch, TYPE_ID_ABI_SHIFT as u8);
                self.a.alu_imm(Alu::Cmp, Width::W32, &Rm::Reg(scratch), ABI.number() as i32);
            }
        }
    }

    fn push_resolve(
        &mut self,
        (label, other): (Label, Option<(Label, Subtype)>),
        back: Label,
        call: Resolve,
        result: Reg,
        below: usize,
    ) {
        let saves = self.cold_saves(below);
        let pins = self.al.state.regs;
        self.cold.push(Cold::Resolve { label, other, back, call, result, saves, pins, offset: self.offset });
    }

    /// The function reference that a `call_ref` calls.
    fn typed_reference(&mut self, checks: &Checks, mut reference: Entry, below: usize) -> Reg {
        let reg = self.al.own(&mut self.a, &mut reference);
        let id = self.al.alloc(&mut self.a, Ty::I32);
        // Null faults here, within the first page.
        self.traps(checks.nowhere);
        self.check_id(checks, reg, id);
        let slow = self.a.create_label();
        let back = self.a.create_label();
        self.a.jcc(Cc::NE, slow);
        self.a.bind(back);
        self.al.release(id);
        self.push_resolve((slow, None), back, Resolve { call: checks.slow, operand: reg }, reg, below);
        reg
    }

    /// Moves the topmost operands to where a convention wants them; they stay on the operand stack.
    fn pass(&mut self, types: &[Ty], mut assigner: RegisterAssigner) {
        let first = self.al.len() - types.len();
        let mut has_store = false;
        self.moves.clear();
        for (position, &ty) in types.iter().enumerate() {
            let entry = self.al.stack[first + position];
            if let Some(dst) = assigner.next(ty) {
                let src = self.al.source(entry);
                self.moves.push(Move { ty, dst, src });
                continue;
            }
            if !has_store {
                self.need_vmctx();
                // The base of memory 0 makes room for the address of the store: no argument goes to its register, and the callee would
                // not keep it.
                self.a.load_int(Width::W64, MEMORY, &Mem::new(VMCTX, VMCTX_STORE));
                self.al.state.regs = self.al.state.regs.without(MEMORY);
                has_store = true;
            }
            self.pass_in_memory(entry, &overflow_place(MEMORY, position));
        }
        resolve(&mut self.a, &self.moves);
    }

    /// Stores an operand, which stays one.
    pub(crate) fn pass_in_memory(&mut self, entry: Entry, place: &Mem) {
        match self.al.source(entry) {
            Source::Reg(reg) => self.a.store_value(entry.ty, place, reg),
            Source::Frame(at) => self.a.copy_value(entry.ty, place, &Mem::frame(at)),
            Source::Const(bits) => {
                let width = if entry.ty.bytes() == 4 { Width::W32 } else { Width::W64 };
                self.a.store_imm(width, place, bits);
            }
            Source::Vector(number) => {
                self.a.vector(XMM_TEMP, number);
                self.a.store_value(entry.ty, place, XMM_TEMP);
            }
        }
    }

    /// Pushes the results of a call.
    fn take_results(&mut self, types: &[Ty]) {
        // First all registers are marked, so that none is taken while the rest is copied.
        let mut assigner = RegisterAssigner::results();
        for &ty in types {
            if let Some(reg) = assigner.next(ty) {
                self.al.occupy(reg);
            }
        }
        let mut assigner = RegisterAssigner::results();
        let mut has_store = false;
        for (position, &ty) in types.iter().enumerate() {
            if let Some(reg) = assigner.next(ty) {
                self.push_reg(ty, reg);
                continue;
            }
            if !has_store {
                self.need_vmctx();
                // Nothing is in this register after a call, and results come in others.
                self.a.load_int(Width::W64, MEMORY, &Mem::new(VMCTX, VMCTX_STORE));
                has_store = true;
            }
            self.push(ty, Loc::Slot);
            let place = self.al.place(self.al.end_at(self.al.len()));
            self.a.copy_value(ty, &Mem::frame(place), &overflow_place(MEMORY, position));
        }
    }

    // Globals.

    /// Where a global is, and the register that must be given back, if any.
    fn locate(&mut self, location: Location) -> Place {
        self.need_vmctx();
        match location {
            Location::Inline(offset) => Place { mem: Mem::new(VMCTX, offset), held: RegSet::EMPTY },
            Location::Indirect(offset) => {
                let reg = self.al.alloc(&mut self.a, Ty::I64);
                self.a.load_int(Width::W64, reg, &Mem::new(VMCTX, offset));
                Place { mem: Mem::new(reg, 0), held: RegSet::of(&[reg]) }
            }
        }
    }
}

/// Makes sure that this file's constants agree with the register file.
const _: () = {
    assert!(X64::INT_SCRATCH.has(INT_RESULTS[0]) && X64::FLOAT_SCRATCH.has(FLOAT_RESULTS[3]));
};
