//! Exceptions: calls in a region are `invoke`s, whose other end is the region's landing. What is known there stands in the store's context.
//!
//! The virtual machine finds landings by the tables of [`crate::unwind`], and enters them with the preserved registers as they were at the call;
//! the results of a landing pad, by which other unwinders say what was thrown, are not used.
//!
//! **What LLVM is told.** In an LLVM module with a landing pad, whatever an exception may leave is not `nounwind`: functions of the guest, calls of them and
//! of [`Throw`](wasmer_runtime_core::libcall::Libcall::Throw). Otherwise LLVM would take the landing pad away. In an LLVM module without one, all of them are `nounwind`,
//! although an exception may leave them, too. Nothing there runs after that, so that it looks like a call that never returns, which `nounwind` allows
//! and traps need anyway; and what is known of a function goes nowhere else.
//!
//! All functions have `uwtable`, for the tables of the registers that they save. It also means that a `nounwind` function that never returns, as one that always
//! throws, saves registers at all; LLVM leaves that out on some architectures.

use inkwell::IntPredicate;
use inkwell::attributes::AttributeLoc;
use inkwell::basic_block::BasicBlock;
use inkwell::types::FunctionType;
use inkwell::values::{
    BasicMetadataValueEnum, BasicValue, CallSiteValue, FunctionValue, LLVMTailCallKind, PointerValue,
};
use wasmer_runtime_core::layout::{
    RAW_VALUE_BYTES, VMCTX_STORE, VMSTORE_CAUGHT_REF, VMSTORE_CAUGHT_TAG, VMSTORE_CAUGHT_VALUES, VMSTORE_VALUES,
};
use wasmer_runtime_core::libcall::HostCall;
use wasmer_runtime_core::translate::codegen::{BlockSig, Result, TagRef};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::Ty;

use crate::codegen::{Codegen, Current, V};
use crate::control::Frame;
use crate::intrinsics::{AliasClass, Built, internal};

/// The symbol of the personality function. It is nowhere defined: that there is one makes LLVM write tables.
const PERSONALITY: &str = "wasm_personality";

/// Where an open region goes on.
#[derive(Clone, Copy)]
pub(crate) struct Landing<'ctx> {
    block: BasicBlock<'ctx>,
    /// The landing pad that leads there, once a call needs it.
    pad: Option<BasicBlock<'ctx>>,
    /// How many calls and throws lead there.
    ways: u64,
}

/// What a call calls.
pub(crate) enum Entry<'ctx> {
    Direct(FunctionValue<'ctx>),
    Pointer(FunctionType<'ctx>, PointerValue<'ctx>),
}

impl<'ctx> Codegen<'ctx, '_> {
    fn landings(&mut self) -> Result<&mut Vec<Landing<'ctx>>> {
        match &mut self.current {
            Some(Current { landings, .. }) => Ok(landings),
            None => Err(internal("no function is open")),
        }
    }

    pub(crate) fn open_region(&mut self, sig: BlockSig<'_>) -> Result<Frame<'ctx>> {
        let block = self.new_block();
        let landings = self.landings()?;
        landings.push(Landing { block, pad: None, ways: 0 });
        let landing = landings.len() - 1;
        self.region_frame(sig, landing)
    }

    pub(crate) fn land(&mut self, frame: &mut Frame<'ctx>, fallthrough: Option<&[V<'ctx>]>) -> Result<bool> {
        self.close_region(frame, fallthrough)?;
        let landing = self.landings()?.pop().ok_or_else(|| internal("a landing without a region"))?;
        self.b.position_at_end(landing.block);
        if landing.ways == 0 {
            self.b.build_unreachable().built()?;
            return Ok(false);
        }
        self.merges()?.land(landing.ways);
        let vmctx = self.f().vmctx;
        self.load_fuel(vmctx)?;
        Ok(true)
    }

    pub(crate) fn emit_throw_on(&mut self, frame: Option<&mut Frame<'ctx>>) -> Result<()> {
        let Some(frame) = frame else {
            self.call_host(HostCall::Throw {}, &[], &[])?;
            // The libcall does not return.
            return self.trap_here(TrapCode::Unreachable);
        };
        let region = frame.region()?;
        let landing = self.landings()?.get_mut(region).ok_or_else(|| internal("a region that is not open"))?;
        landing.ways += 1;
        let block = landing.block;
        self.b.build_unconditional_branch(block).built().map(drop)
    }

    /// A call by our convention, in a region or outside of all.
    pub(crate) fn call_or_invoke(&mut self, entry: Entry<'ctx>, args: &[V<'ctx>]) -> Result<CallSiteValue<'ctx>> {
        let call = match self.landing_pad()? {
            None => {
                let args: Vec<BasicMetadataValueEnum<'ctx>> = args.iter().map(|&arg| arg.into()).collect();
                let call = match entry {
                    Entry::Direct(function) => self.b.build_direct_call(function, &args, "").built()?,
                    Entry::Pointer(ty, code) => self.b.build_indirect_call(ty, code, &args, "").built()?,
                };
                // A recursion without end must exhaust the stack.
                call.set_tail_call_kind(LLVMTailCallKind::LLVMTailCallKindNoTail);
                call
            }
            Some(pad) => {
                let next = self.new_block();
                let call = match entry {
                    Entry::Direct(function) => self.b.build_direct_invoke(function, args, next, pad, "").built()?,
                    Entry::Pointer(ty, code) => self.b.build_indirect_invoke(ty, code, args, next, pad, "").built()?,
                };
                self.b.position_at_end(next);
                call
            }
        };
        self.may_throw(call);
        Ok(call)
    }

    /// Notes a call that an exception may leave.
    pub(crate) fn may_throw(&mut self, call: CallSiteValue<'ctx>) {
        self.throwing.push(call);
    }

    /// Tells LLVM that nothing unwinds, if nothing here could tell the difference. Everything is translated.
    pub(crate) fn conclude_unwinding(&mut self) {
        let throwing = std::mem::take(&mut self.throwing);
        if self.personality.is_some() {
            return;
        }
        for function in &self.ours {
            function.add_attribute(AttributeLoc::Function, self.nounwind);
        }
        for call in throwing {
            call.add_attribute(AttributeLoc::Function, self.nounwind);
        }
    }

    /// The landing pad of the innermost open region. Something will come there.
    fn landing_pad(&mut self) -> Result<Option<BasicBlock<'ctx>>> {
        let Some(&Landing { block, pad, ways }) = self.f().landings.last() else { return Ok(None) };
        let pad = match pad {
            Some(pad) => pad,
            None => self.build_landing_pad(block)?,
        };
        if let Some(landing) = self.landings()?.last_mut() {
            *landing = Landing { block, pad: Some(pad), ways: ways + 1 };
        }
        Ok(Some(pad))
    }

    fn build_landing_pad(&mut self, landing: BasicBlock<'ctx>) -> Result<BasicBlock<'ctx>> {
        let here = self.block_here()?;
        let pad = self.new_block();
        let personality = self.personality();
        let results = self.ctx.struct_type(&[self.t.ptr.into(), self.t.i32.into()], false);
        let anything = self.t.ptr.const_null().as_basic_value_enum();
        self.b.position_at_end(pad);
        self.b.build_landing_pad(results, personality, &[anything], false, "").built()?;
        self.b.build_unconditional_branch(landing).built()?;
        self.b.position_at_end(here);
        Ok(pad)
    }

    fn personality(&mut self) -> FunctionValue<'ctx> {
        let (module, i32) = (&self.module, self.t.i32);
        *self.personality.get_or_insert_with(|| module.add_function(PERSONALITY, i32.fn_type(&[], true), None))
    }
}

// The exception on its way.
impl<'ctx> Codegen<'ctx, '_> {
    fn caught_place(&mut self, offset: i32) -> Result<PointerValue<'ctx>> {
        let vmctx = self.f().vmctx;
        let store = self.load_constant_ptr(vmctx, VMCTX_STORE)?;
        self.at(store, i64::from(offset))
    }

    /// The identity of a tag.
    fn tag_identity(&mut self, tag: &TagRef) -> Result<V<'ctx>> {
        let vmctx = self.f().vmctx;
        self.load_constant(self.t.i64, vmctx, tag.offset, 8)
    }

    pub(crate) fn emit_set_caught_tag(&mut self, tag: &TagRef) -> Result<()> {
        let identity = self.tag_identity(tag)?;
        let values = self.caught_place(VMSTORE_VALUES)?;
        let no_reference = self.const_i64(0);
        for (offset, word) in [
            (VMSTORE_CAUGHT_TAG, identity),
            (VMSTORE_CAUGHT_VALUES, values.into()),
            (VMSTORE_CAUGHT_REF, no_reference.into()),
        ] {
            let place = self.caught_place(offset)?;
            self.store_to(place, word, AliasClass::Caught, 8)?;
        }
        Ok(())
    }

    pub(crate) fn emit_set_caught_value(&mut self, index: u32, value: V<'ctx>) -> Result<()> {
        self.carry_one(index);
        let place = self.caught_place(VMSTORE_VALUES + index as i32 * RAW_VALUE_BYTES)?;
        // Arguments of tail calls use the same room.
        self.store_to(place, value, AliasClass::Buffer, 8).map(drop)
    }

    pub(crate) fn emit_caught_tag_is(&mut self, tag: &TagRef) -> Result<V<'ctx>> {
        let identity = self.tag_identity(tag)?;
        let place = self.caught_place(VMSTORE_CAUGHT_TAG)?;
        let found = self.load_from(self.t.i64, place, AliasClass::Caught, 8)?;
        let same = self.icmp(IntPredicate::EQ, found, identity)?;
        self.flag(same)
    }

    pub(crate) fn emit_caught_value(&mut self, index: u32, ty: Ty) -> Result<V<'ctx>> {
        self.carry_one(index);
        let place = self.caught_place(VMSTORE_CAUGHT_VALUES)?;
        let values = self.load_from(self.t.ptr, place, AliasClass::Caught, 8)?.into_pointer_value();
        let place = self.at(values, i64::from(index) * i64::from(RAW_VALUE_BYTES))?;
        self.load_from(self.t.of(ty), place, AliasClass::Buffer, 8)
    }
}
