//! The exception that is on its way.

use wasmer_runtime_core::layout::*;
use wasmer_runtime_core::libcall::Libcall;
use wasmer_runtime_core::translate::codegen::TagRef;
use wasmer_runtime_core::translate::ops::Load;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{Ty, Width};

use crate::alloc::Entry;
use crate::isa::x64::asm::{Mem, X64};
use crate::isa::x64::call::C_ARGS;
use crate::isa::x64::frame::overflow_place;
use crate::isa::x64::regs::*;
use crate::isa::x64::{Codegen, Pending, Place};
use crate::masm::*;
use crate::memory::whole_load;
use crate::regs::{Reg, RegSet};

impl ExceptionOps for X64 {
    fn landing(c: &mut Codegen) {
        c.load_fuel();
    }

    fn throw(c: &mut Codegen) {
        c.need_vmctx();
        c.a.mov_int(Width::W64, C_ARGS[0], VMCTX);
        c.call_through_table(Libcall::Throw, c.offset);
        // It does not return.
        c.trap_now(TrapCode::Unreachable);
    }

    fn set_caught_tag(c: &mut Codegen, tag: &TagRef) {
        let store = c.store_context();
        let word = c.al.alloc(&mut c.a, Ty::I64);
        c.a.load_int(Width::W64, word, &Mem::new(VMCTX, tag.offset));
        c.a.store_value(Ty::I64, &Mem::new(store, VMSTORE_CAUGHT_TAG), word);
        c.a.lea(Width::W64, word, &Mem::new(store, VMSTORE_VALUES));
        c.a.store_value(Ty::I64, &Mem::new(store, VMSTORE_CAUGHT_VALUES), word);
        c.a.store_imm(Width::W64, &Mem::new(store, VMSTORE_CAUGHT_REF), 0);
        c.al.release(word);
        c.al.release(store);
    }

    fn set_caught_value(c: &mut Codegen, position: usize, value: Entry) {
        let store = c.store_context();
        c.pass_in_memory(value, &overflow_place(store, position));
        c.al.release(store);
        c.al.drop_entry(value);
    }

    fn push_tags(c: &mut Codegen, tag: &TagRef) {
        let found = c.store_context();
        c.a.load_int(Width::W64, found, &Mem::new(found, VMSTORE_CAUGHT_TAG));
        c.push_reg(Ty::I64, found);
        let place = Place { mem: Mem::new(VMCTX, tag.offset), held: RegSet::EMPTY };
        c.push_pending(Ty::I64, Pending::Load { op: Load::I64, place, offset: None });
    }

    fn caught_value(c: &mut Codegen, position: usize, ty: Ty) {
        let values = c.store_context();
        c.a.load_int(Width::W64, values, &Mem::new(values, VMSTORE_CAUGHT_VALUES));
        let mem = Mem::new(values, position as i32 * RAW_VALUE_BYTES);
        let place = Place { mem, held: RegSet::of(&[values]) };
        c.push_pending(ty, Pending::Load { op: whole_load(ty), place, offset: None });
    }
}

impl Codegen {
    /// The address of the store's context, in an operand register.
    pub(crate) fn store_context(&mut self) -> Reg {
        self.need_vmctx();
        let store = self.al.alloc(&mut self.a, Ty::I64);
        self.a.load_int(Width::W64, store, &Mem::new(VMCTX, VMCTX_STORE));
        store
    }
}
