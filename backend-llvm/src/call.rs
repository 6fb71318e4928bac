//! Calls: our convention (vmctx first, results in registers as far as LLVM returns them there, else through a pointer),
//! callees of all kinds, tail calls, libcalls.

use inkwell::IntPredicate;
use inkwell::attributes::AttributeLoc;
use inkwell::types::{BasicType, BasicTypeEnum, FunctionType};
use inkwell::values::{
    AggregateValueEnum, BasicMetadataValueEnum, CallSiteValue, InstructionOpcode as Op, LLVMTailCallKind, PointerValue,
    StructValue,
};
use wasmer_runtime_core::compiler::Abi;
use wasmer_runtime_core::libcall::Libcall;
use wasmer_runtime_core::translate::codegen::{Callee, Location, Result, TableRef};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{Signature, Ty, TypeIdx, Width};
use wasmer_runtime_core::vm::layout::*;

use crate::codegen::{Codegen, TAILCC, V};
use crate::intrinsics::{AliasClass, Built, internal, params, value_of};

/// Integer results that x86-64 returns in registers.
const INT_RESULTS_MAX: usize = 3;
/// Floating point and vector results that x86-64 returns in registers, in any mixture.
const VECTOR_RESULTS_MAX: usize = 2;
/// Integer arguments that x86-64 takes in registers, pointers of ours included.
const INT_ARGS_MAX: usize = 6;
/// Floating point and vector arguments that x86-64 takes in registers.
const VECTOR_ARGS_MAX: usize = 8;
/// Bytes between values in a buffer.
const VALUE_BYTES: i64 = 16;

/// A wasm function type as an LLVM function type: vmctx, pointer to a buffer for the results if they do not fit
/// registers, pointer to a buffer with the arguments that do not, and the arguments that do.
///
/// Nothing is ever passed on the stack: LLVM 22 drops stack arguments of `musttail` calls
/// (llvm/llvm-project#199224), has trouble with several of different sizes in one function (#109279), and moves the return
/// address away from the frame pointer, where a backtrace looks for it.
#[derive(Clone)]
pub(crate) struct FuncAbi<'ctx> {
    pub(crate) ty: FunctionType<'ctx>,
    /// Whether all results go through a buffer.
    pub(crate) results_in_memory: bool,
    /// How many arguments go through a buffer.
    pub(crate) args_in_memory: u32,
    /// Where each argument goes.
    args: Vec<ArgPlace>,
}

/// Where an argument goes.
#[derive(Clone, Copy)]
enum ArgPlace {
    /// To this parameter of the LLVM function.
    Register(u32),
    /// To this place of the buffer of arguments.
    Memory(u32),
}

impl<'ctx> FuncAbi<'ctx> {
    /// Of a function that is not called by our convention.
    pub(crate) fn foreign(ty: FunctionType<'ctx>) -> Self {
        Self { ty, results_in_memory: false, args_in_memory: 0, args: Vec::new() }
    }
}

/// Where a call goes.
enum Target<'ctx> {
    /// A function of the module.
    Function(inkwell::values::FunctionValue<'ctx>),
    /// A wasm entry.
    Entry(PointerValue<'ctx>),
}

impl<'ctx> Codegen<'ctx, '_> {
    /// Our convention for a function type.
    pub(crate) fn abi(&self, signature: &Signature) -> FuncAbi<'ctx> {
        let ints = |types: &[Ty]| types.iter().filter(|ty| ty.is_int_class()).count();
        let (int_results, int_args) = (ints(&signature.results), ints(&signature.params));
        let results_in_memory =
            int_results > INT_RESULTS_MAX || signature.results.len() - int_results > VECTOR_RESULTS_MAX;
        let mut ints_left = INT_ARGS_MAX - 1 - results_in_memory as usize;
        let mut vectors_left = VECTOR_ARGS_MAX;
        let some_in_memory = int_args > ints_left || signature.params.len() - int_args > vectors_left;
        ints_left -= some_in_memory as usize;
        let mut types: Vec<BasicTypeEnum<'ctx>> =
            vec![self.t.ptr.into(); 1 + results_in_memory as usize + some_in_memory as usize];
        let mut args_in_memory = 0;
        let mut args = Vec::with_capacity(signature.params.len());
        for &ty in &signature.params {
            let left = if ty.is_int_class() { &mut ints_left } else { &mut vectors_left };
            if *left > 0 {
                *left -= 1;
                args.push(ArgPlace::Register(types.len() as u32));
                types.push(self.t.of(ty));
            } else {
                args.push(ArgPlace::Memory(args_in_memory));
                args_in_memory += 1;
            }
        }
        let types = params(types);
        let ty = match &*signature.results {
            _ if results_in_memory => self.ctx.void_type().fn_type(&types, false),
            [] => self.ctx.void_type().fn_type(&types, false),
            &[result] => self.t.of(result).fn_type(&types, false),
            results => {
                let fields: Vec<_> = results.iter().map(|&ty| self.t.of(ty)).collect();
                self.ctx.struct_type(&fields, false).fn_type(&types, false)
            }
        };
        FuncAbi { ty, results_in_memory, args_in_memory, args }
    }

    /// The arguments that the function at hand was called with.
    pub(crate) fn incoming(&mut self, signature: &Signature) -> Result<Vec<V<'ctx>>> {
        let function = self.f().function;
        let abi = self.f().abi.clone();
        let param = |position| function.get_nth_param(position).ok_or_else(|| internal("a parameter is missing"));
        let mut args = Vec::with_capacity(abi.args.len());
        for (&place, &ty) in abi.args.iter().zip(&signature.params) {
            args.push(match place {
                ArgPlace::Register(position) => param(position)?,
                ArgPlace::Memory(slot) => {
                    let buffer = param(1 + abi.results_in_memory as u32)?.into_pointer_value();
                    let place = self.at(buffer, slot as i64 * VALUE_BYTES)?;
                    self.load_from(self.t.of(ty), place, AliasClass::Buffer, 8)?
                }
            });
        }
        Ok(args)
    }

    /// The buffer that the caller wants results in, if they do not fit registers.
    pub(crate) fn incoming_results(&self) -> Option<PointerValue<'ctx>> {
        let current = self.f();
        current.abi.results_in_memory.then(|| current.function.get_nth_param(1)).flatten().map(V::into_pointer_value)
    }

    pub(crate) fn emit_return(&mut self, values: &[V<'ctx>]) -> Result<()> {
        if let Some(results) = self.incoming_results() {
            self.store_values(results, values)?;
            return self.b.build_return(None).built().map(drop);
        }
        match values {
            [] => self.b.build_return(None).built()?,
            [value] => self.b.build_return(Some(value)).built()?,
            values => self.b.build_aggregate_return(values).built()?,
        };
        Ok(())
    }

    /// Stores values to a buffer, 16 bytes each.
    pub(crate) fn store_values(&mut self, buffer: PointerValue<'ctx>, values: &[V<'ctx>]) -> Result<()> {
        for (position, &value) in values.iter().enumerate() {
            let place = self.at(buffer, position as i64 * VALUE_BYTES)?;
            self.store_to(place, value, AliasClass::Buffer, 8)?;
        }
        Ok(())
    }

    /// Loads values from a buffer, 16 bytes each.
    pub(crate) fn load_values(
        &mut self,
        buffer: PointerValue<'ctx>,
        types: &[Ty],
        values: &mut Vec<V<'ctx>>,
    ) -> Result<()> {
        for (position, &ty) in types.iter().enumerate() {
            let place = self.at(buffer, position as i64 * VALUE_BYTES)?;
            values.push(self.load_from(self.t.of(ty), place, AliasClass::Buffer, 8)?);
        }
        Ok(())
    }

    pub(crate) fn emit_call(
        &mut self,
        callee: Callee<V<'ctx>>,
        signature: &Signature,
        args: &[V<'ctx>],
        results: &mut Vec<V<'ctx>>,
    ) -> Result<()> {
        let (target, vmctx) = self.resolve(callee)?;
        self.call_target(target, vmctx, signature, args, results)
    }

    /// A call of a wasm entry that a pointer leads to, for trampolines.
    pub(crate) fn call_entry(
        &mut self,
        entry: PointerValue<'ctx>,
        vmctx: PointerValue<'ctx>,
        signature: &Signature,
        args: &[V<'ctx>],
        results: &mut Vec<V<'ctx>>,
    ) -> Result<()> {
        self.call_target(Target::Entry(entry), vmctx, signature, args, results)
    }

    fn call_target(
        &mut self,
        target: Target<'ctx>,
        vmctx: PointerValue<'ctx>,
        signature: &Signature,
        args: &[V<'ctx>],
        results: &mut Vec<V<'ctx>>,
    ) -> Result<()> {
        let abi = self.abi(signature);
        let results_place = match abi.results_in_memory {
            true => Some(self.buffer(signature.results.len() as u32)?),
            false => None,
        };
        let args_place = match abi.args_in_memory {
            0 => None,
            count => Some(self.buffer(count)?),
        };
        let call = self.invoke(target, &abi, vmctx, results_place, args_place, args)?;
        // A recursion without end must exhaust the stack.
        call.set_tail_call_kind(LLVMTailCallKind::LLVMTailCallKindNoTail);
        self.call_results(call, signature, results_place, results)
    }

    /// A call in our convention.
    fn invoke(
        &mut self,
        target: Target<'ctx>,
        abi: &FuncAbi<'ctx>,
        vmctx: PointerValue<'ctx>,
        results_place: Option<PointerValue<'ctx>>,
        args_place: Option<PointerValue<'ctx>>,
        args: &[V<'ctx>],
    ) -> Result<CallSiteValue<'ctx>> {
        let mut all: Vec<BasicMetadataValueEnum<'ctx>> = vec![vmctx.into()];
        all.extend(results_place.map(BasicMetadataValueEnum::from));
        all.extend(args_place.map(BasicMetadataValueEnum::from));
        for (&place, &arg) in abi.args.iter().zip(args) {
            match place {
                ArgPlace::Register(_) => all.push(arg.into()),
                ArgPlace::Memory(slot) => {
                    let buffer = args_place.ok_or_else(|| internal("arguments without a buffer"))?;
                    let place = self.at(buffer, slot as i64 * VALUE_BYTES)?;
                    self.store_to(place, arg, AliasClass::Buffer, 8)?;
                }
            }
        }
        let call = match target {
            Target::Function(function) => self.b.build_direct_call(function, &all, "").built()?,
            Target::Entry(entry) => self.b.build_indirect_call(abi.ty, entry, &all, "").built()?,
        };
        call.set_call_convention(TAILCC);
        call.add_attribute(AttributeLoc::Function, self.nounwind);
        Ok(call)
    }

    fn call_results(
        &mut self,
        call: CallSiteValue<'ctx>,
        signature: &Signature,
        buffer: Option<PointerValue<'ctx>>,
        results: &mut Vec<V<'ctx>>,
    ) -> Result<()> {
        if let Some(buffer) = buffer {
            return self.load_values(buffer, &signature.results, results);
        }
        match signature.results.len() {
            0 => {}
            1 => results.push(value_of(call)?),
            count => {
                let all: StructValue<'ctx> = value_of(call)?.into_struct_value();
                for position in 0..count as u32 {
                    let all = AggregateValueEnum::StructValue(all);
                    results.push(self.b.build_extract_value(all, position, "").built()?);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn emit_return_call(
        &mut self,
        callee: Callee<V<'ctx>>,
        signature: &Signature,
        args: &[V<'ctx>],
    ) -> Result<()> {
        let (target, vmctx) = self.resolve(callee)?;
        let abi = self.abi(signature);
        // The callee has our result types, so it needs a buffer if we were given one.
        let results_place = self.incoming_results();
        // Our frame is gone when the callee reads its arguments, which it does before anything else: the store has room
        // for those of one call.
        let args_place = match abi.args_in_memory {
            0 => None,
            _ => {
                let own = self.f().vmctx;
                let store = self.load_constant_ptr(own, VMCTX_STORE)?;
                Some(self.at(store, VMSTORE_TAIL_ARGS as i64)?)
            }
        };
        let call = self.invoke(target, &abi, vmctx, results_place, args_place, args)?;
        call.set_tail_call_kind(LLVMTailCallKind::LLVMTailCallKindMustTail);
        match call.try_as_basic_value().basic() {
            Some(value) => self.b.build_return(Some(&value)).built()?,
            None => self.b.build_return(None).built()?,
        };
        Ok(())
    }

    /// The target of a call and the vmctx to pass.
    fn resolve(&mut self, callee: Callee<V<'ctx>>) -> Result<(Target<'ctx>, PointerValue<'ctx>)> {
        let vmctx = self.f().vmctx;
        match callee {
            Callee::Direct(index) => Ok((Target::Function(self.function(index)), vmctx)),
            Callee::Import { index: _, offset } => {
                let entry = self.load_constant_ptr(vmctx, offset)?;
                let callee_vmctx = self.load_constant_ptr(vmctx, offset + 8)?;
                Ok((Target::Entry(entry), callee_vmctx))
            }
            Callee::Indirect { table, type_index, index } => {
                let reference = self.indirect(&table, type_index, index)?;
                self.entry_of(reference)
            }
            Callee::Ref { type_index, reference } => {
                let reference = self.callable(type_index, reference)?;
                self.entry_of(reference)
            }
        }
    }

    /// Wasm entry and vmctx of a function reference of our convention.
    fn entry_of(&mut self, reference: V<'ctx>) -> Result<(Target<'ctx>, PointerValue<'ctx>)> {
        let place = self.pointer(reference)?;
        let entry = self.load_constant_ptr(place, VMFUNCREF_WASM_CALL)?;
        let vmctx = self.load_constant_ptr(place, VMFUNCREF_VMCTX)?;
        Ok((Target::Entry(entry), vmctx))
    }

    fn pointer(&self, reference: V<'ctx>) -> Result<PointerValue<'ctx>> {
        self.b.build_int_to_ptr(reference.into_int_value(), self.t.ptr, "").built()
    }

    fn type_id(&mut self, reference: V<'ctx>) -> Result<V<'ctx>> {
        let place = self.pointer(reference)?;
        self.load_constant(self.t.i32, place, VMFUNCREF_TYPE_ID, 4)
    }

    /// The function reference that `call_indirect` calls.
    fn indirect(&mut self, table: &TableRef, type_index: TypeIdx, index: V<'ctx>) -> Result<V<'ctx>> {
        let index = match table.width {
            Width::W32 => self.cast(Op::ZExt, index, self.t.i64)?,
            Width::W64 => index,
        };
        let element = self.element(table, index)?;
        let null = self.icmp(IntPredicate::EQ, element, self.const_like(element, 0))?.into_int_value();
        let slow = self.new_block();
        let check = self.new_block();
        let branch = self.b.build_conditional_branch(null, slow, check).built()?;
        self.expect(branch, false)?;
        self.b.position_at_end(check);
        let actual = self.type_id(element)?;
        let vmctx = self.f().vmctx;
        let ids = self.load_constant_ptr(vmctx, VMCTX_TYPE_IDS)?;
        let expected = self.load_constant(self.t.i32, ids, type_index.0 as i32 * 4, 4)?;
        let same = self.icmp(IntPredicate::EQ, actual, expected)?.into_int_value();
        let immediates = [table.index.0 as u64, type_index.0 as u64];
        self.or_slow(same, slow, element, Libcall::CallIndirectSlow, &immediates, (Ty::I64, index))
    }

    /// Bounds check and load of a table's element.
    fn element(&mut self, table: &TableRef, index: V<'ctx>) -> Result<V<'ctx>> {
        let vmctx = self.f().vmctx;
        let definition = match table.location {
            Location::Inline(offset) => self.at(vmctx, offset as i64)?,
            Location::Indirect(offset) => self.load_constant_ptr(vmctx, offset)?,
        };
        let len = if table.fixed {
            self.const_i64(table.min).into()
        } else {
            let place = self.at(definition, VMTABLE_LEN as i64)?;
            self.load_from(self.t.i64, place, AliasClass::Tables, 8)?
        };
        let outside = self.icmp(IntPredicate::UGE, index, len)?.into_int_value();
        self.trap_if(outside, TrapCode::UndefinedElement)?;
        let place = self.at(definition, VMTABLE_BASE as i64)?;
        let base = self.load_from(self.t.ptr, place, AliasClass::Tables, 8)?;
        if table.fixed {
            self.invariant(base)?;
        }
        let offset = self.bin(Op::Shl, index, self.const_like(index, 3))?.into_int_value();
        let place = self.at(base.into_pointer_value(), offset)?;
        self.load_from(self.t.i64, place, AliasClass::Elements, 8)
    }

    /// A reference of our own convention for `call_ref`.
    fn callable(&mut self, type_index: TypeIdx, reference: V<'ctx>) -> Result<V<'ctx>> {
        let null = self.icmp(IntPredicate::EQ, reference, self.const_like(reference, 0))?.into_int_value();
        self.trap_if(null, TrapCode::NullFunctionReference)?;
        let id = self.type_id(reference)?;
        let abi = self.bin(Op::LShr, id, self.const_like(id, TYPE_ID_ABI_SHIFT as u64))?;
        let same = self.icmp(IntPredicate::EQ, abi, self.const_like(abi, Abi::Llvm as u64))?.into_int_value();
        let slow = self.new_block();
        let immediates = [type_index.0 as u64];
        self.or_slow(same, slow, reference, Libcall::CallRefSlow, &immediates, (Ty::Ref, reference))
    }

    /// `fast` if `condition` holds, else (at `slow`) the result of a libcall.
    fn or_slow(
        &mut self,
        condition: inkwell::values::IntValue<'ctx>,
        slow: inkwell::basic_block::BasicBlock<'ctx>,
        fast: V<'ctx>,
        call: Libcall,
        immediates: &[u64],
        operand: (Ty, V<'ctx>),
    ) -> Result<V<'ctx>> {
        let from_fast = self.block_here()?;
        let merge = self.new_block();
        let branch = self.b.build_conditional_branch(condition, merge, slow).built()?;
        self.expect(branch, true)?;
        self.b.position_at_end(slow);
        let found = self
            .emit_libcall(call, immediates, &[operand.0], &[operand.1], false)?
            .ok_or_else(|| internal("a slow path without a result"))?;
        let from_slow = self.block_here()?;
        self.b.build_unconditional_branch(merge).built()?;
        self.b.position_at_end(merge);
        let phi = self.b.build_phi(self.t.i64, "").built()?;
        phi.add_incoming(&[(&fast, from_fast), (&found, from_slow)]);
        Ok(phi.as_basic_value())
    }

    pub(crate) fn emit_libcall(
        &mut self,
        call: Libcall,
        immediates: &[u64],
        operand_types: &[Ty],
        operands: &[V<'ctx>],
        narrow: bool,
    ) -> Result<Option<V<'ctx>>> {
        let vmctx = self.f().vmctx;
        let table = self.load_constant_ptr(vmctx, VMCTX_LIBCALLS)?;
        let entry = self.load_constant_ptr(table, call.table_offset())?;
        let mut args: Vec<BasicMetadataValueEnum<'ctx>> = vec![vmctx.into()];
        let mut types: Vec<BasicTypeEnum<'ctx>> = vec![self.t.ptr.into()];
        for &immediate in immediates {
            args.push(self.const_i64(immediate).into());
            types.push(self.t.i64.into());
        }
        for ((&param, &given), &operand) in call.params().iter().zip(operand_types).zip(operands) {
            let operand = match (param, given) {
                (Ty::I64, Ty::I32) => self.cast(Op::ZExt, operand, self.t.i64)?,
                _ => operand,
            };
            args.push(operand.into());
            types.push(self.t.of(param));
        }
        let types = params(types);
        let ty = match call.result() {
            Some(result) => self.t.of(result).fn_type(&types, false),
            None => self.ctx.void_type().fn_type(&types, false),
        };
        let site = self.b.build_indirect_call(ty, entry, &args, "").built()?;
        site.set_tail_call_kind(LLVMTailCallKind::LLVMTailCallKindNoTail);
        site.add_attribute(AttributeLoc::Function, self.nounwind);
        if call.result().is_none() {
            return Ok(None);
        }
        let result = value_of(site)?;
        Ok(Some(if narrow { self.cast(Op::Trunc, result, self.t.i32)? } else { result }))
    }
}
