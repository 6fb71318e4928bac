//! Calls: callees of all kinds, tail calls, libcalls. The convention is in [`crate::abi`].

use inkwell::IntPredicate;
use inkwell::attributes::AttributeLoc;
use inkwell::types::{BasicType, BasicTypeEnum};
use inkwell::values::{
    AggregateValueEnum, BasicMetadataValueEnum, CallSiteValue, InstructionOpcode as Op, IntValue, LLVMTailCallKind,
    PointerValue, StructValue,
};
use wasmer_runtime_core::layout::*;
use wasmer_runtime_core::libcall::{HostCall, Libcall};
use wasmer_runtime_core::translate::codegen::{Callee, Checks, Display, Expected, Location, Result, TableRef};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{DefinedFuncIdx, Signature, Ty, Width};

use crate::abi::{Fixed, VALUE_BYTES};
use crate::codegen::{Codegen, V};
use crate::description::ABI;
use crate::exceptions::Entry;
use crate::intrinsics::{AliasClass, Built, internal, params, value_of};
use crate::memory::Outside;

/// Where a call goes.
enum Target<'ctx> {
    /// A function of the module.
    Function(DefinedFuncIdx),
    /// A wasm entry.
    Entry(PointerValue<'ctx>),
}

impl<'ctx> Codegen<'ctx, '_> {
    pub(crate) fn emit_return(&mut self, values: &[V<'ctx>]) -> Result<()> {
        let mut fields: Vec<_> = self.fuel()?.into_iter().collect();
        match self.incoming_results()? {
            Some(results) => self.store_values(results, values)?,
            None => fields.extend_from_slice(values),
        }
        match &*fields {
            [] => self.b.build_return(None).built()?,
            [value] => self.b.build_return(Some(value)).built()?,
            values => self.b.build_aggregate_return(values).built()?,
        };
        Ok(())
    }

    /// Stores values to a buffer, 16 bytes each.
    pub(crate) fn store_values(&mut self, buffer: PointerValue<'ctx>, values: &[V<'ctx>]) -> Result<()> {
        self.carry(values.len());
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
        self.carry(types.len());
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
        let fixed = Fixed { vmctx, fuel: self.fuel()?, results: results_place, args: args_place };
        self.locate();
        let args = self.outgoing(&abi, fixed, args)?;
        let entry = match target {
            Target::Function(index) => Entry::Direct(self.function(index)),
            Target::Entry(entry) => Entry::Pointer(abi.ty, entry),
        };
        let call = self.call_or_invoke(entry, &args)?;
        self.call_results(call, signature, results_place, results)
    }

    fn call_results(
        &mut self,
        call: CallSiteValue<'ctx>,
        signature: &Signature,
        buffer: Option<PointerValue<'ctx>>,
        results: &mut Vec<V<'ctx>>,
    ) -> Result<()> {
        let in_registers = if buffer.is_some() { 0 } else { signature.results.len() };
        match in_registers + self.info.metered as usize {
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
        if self.info.metered {
            // The callee has handed it on: first among the results, whether or not those are in a buffer.
            let fuel = results.remove(0);
            self.set_fuel(fuel)?;
        }
        match buffer {
            Some(buffer) => self.load_values(buffer, &signature.results, results),
            None => Ok(()),
        }
    }

    pub(crate) fn emit_return_call(
        &mut self,
        callee: Callee<V<'ctx>>,
        signature: &Signature,
        args: &[V<'ctx>],
    ) -> Result<()> {
        self.locate();
        let (target, vmctx) = self.resolve(callee)?;
        let abi = self.abi(signature);
        // The callee has our result types, so it needs a buffer if we were given one.
        let results_place = self.incoming_results()?;
        // Our frame is gone when the callee reads its arguments, which it does before anything else: the store has room
        // for those of one call.
        let args_place = match abi.args_in_memory {
            0 => None,
            _ => {
                let own = self.f().vmctx;
                let store = self.load_constant_ptr(own, VMCTX_STORE)?;
                Some(self.at(store, VMSTORE_VALUES as i64)?)
            }
        };
        let fixed = Fixed { vmctx, fuel: self.fuel()?, results: results_place, args: args_place };
        let all = self.outgoing_uniform(&abi, fixed, args)?;
        let ty = self.uniform(&abi);
        let entry = match target {
            Target::Function(index) => self.uniform_function(index, ty).as_global_value().as_pointer_value(),
            Target::Entry(entry) => entry,
        };
        let call = self.b.build_indirect_call(ty, entry, &all, "").built()?;
        self.may_throw(call);
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
            Callee::Direct(index) => Ok((Target::Function(index), vmctx)),
            Callee::Import { index: _, entry, vmctx: callee } => {
                let entry = self.load_constant_ptr(vmctx, entry)?;
                let callee = self.load_constant_ptr(vmctx, callee)?;
                Ok((Target::Entry(entry), callee))
            }
            Callee::Indirect { table, index, checks } => {
                let reference = self.indirect(&table, index, &checks)?;
                self.entry_of(reference, &checks)
            }
            Callee::Ref { reference, checks } => {
                let reference = self.typed_reference(reference, &checks)?;
                self.entry_of(reference, &checks)
            }
        }
    }

    /// Wasm entry and vmctx of a function reference of our convention.
    fn entry_of(&mut self, reference: V<'ctx>, checks: &Checks) -> Result<(Target<'ctx>, PointerValue<'ctx>)> {
        let place = self.pointer(reference)?;
        let entry = self.load_constant_ptr(place, checks.entry)?;
        let vmctx = self.load_constant_ptr(place, checks.vmctx)?;
        Ok((Target::Entry(entry), vmctx))
    }

    fn pointer(&self, reference: V<'ctx>) -> Result<PointerValue<'ctx>> {
        self.b.build_int_to_ptr(reference.into_int_value(), self.t.ptr, "").built()
    }

    /// The type id of a reference, and whether it is one that this code can call.
    fn is_callable(&mut self, reference: V<'ctx>, checks: &Checks) -> Result<(V<'ctx>, IntValue<'ctx>)> {
        let place = self.pointer(reference)?;
        let id = self.load_constant(self.t.i32, place, checks.type_id, TYPE_ID_BYTES as u32)?;
        let (found, wanted) = match checks.expected {
            Expected::Id { ids, offset, display: _ } => (id, self.wanted_id(ids, offset)?),
            Expected::Convention => {
                let abi = self.bin(Op::LShr, id, self.const_like(id, TYPE_ID_ABI_SHIFT as u64))?;
                (abi, self.const_like(abi, ABI.number().into()))
            }
        };
        Ok((id, self.icmp(IntPredicate::EQ, found, wanted)?.into_int_value()))
    }

    /// One of the module's type ids.
    fn wanted_id(&mut self, ids: i32, offset: i32) -> Result<V<'ctx>> {
        let vmctx = self.f().vmctx;
        let ids = self.load_constant_ptr(vmctx, ids)?;
        self.load_constant(self.t.i32, ids, offset, TYPE_ID_BYTES as u32)
    }

    /// Whether an id has another one among its supertypes, and the same convention.
    fn has_supertype(&mut self, id: V<'ctx>, wanted: V<'ctx>, display: Display) -> Result<IntValue<'ctx>> {
        const CANONICAL: u32 = (1 << TYPE_ID_ABI_SHIFT) - 1;
        let canonical = self.bin(Op::And, id, self.const_like(id, CANONICAL.into()))?;
        let position = self.cast(Op::ZExt, canonical, self.t.i64)?;
        let shift = self.const_like(position, DISPLAY_SCALE.into());
        let position = self.bin(Op::Shl, position, shift)?.into_int_value();
        let vmctx = self.f().vmctx;
        let table = self.load_constant_ptr(vmctx, display.table)?;
        let record = self.at(table, position)?;
        let place = self.at(record, i64::from(display.place))?;
        let supertype = self.load_from(self.t.i32, place, AliasClass::Displays, TYPE_ID_BYTES as u32)?;
        let convention = self.bin(Op::And, id, self.const_like(id, (!CANONICAL).into()))?;
        let found = self.bin(Op::Or, supertype, convention)?;
        Ok(self.icmp(IntPredicate::EQ, found, wanted)?.into_int_value())
    }

    /// The function reference that `call_indirect` calls.
    fn indirect(&mut self, table: &TableRef, index: V<'ctx>, checks: &Checks) -> Result<V<'ctx>> {
        let index = match table.width {
            Width::W32 => self.cast(Op::ZExt, index, self.t.i64)?,
            Width::W64 => index,
        };
        let element = self.element(table, index, checks.nowhere)?;
        let null = self.icmp(IntPredicate::EQ, element, self.const_like(element, 0))?.into_int_value();
        let slow = self.new_block();
        let check = self.new_block();
        let branch = self.b.build_conditional_branch(null, slow, check).built()?;
        self.expect(branch, false)?;
        self.b.position_at_end(check);
        self.callable(slow, element, checks, (Ty::I64, index))
    }

    /// Bounds check and load of a table's element.
    fn element(&mut self, table: &TableRef, index: V<'ctx>, nowhere: TrapCode) -> Result<V<'ctx>> {
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
        self.trap_if(outside, nowhere)?;
        let place = self.at(definition, VMTABLE_BASE as i64)?;
        let base = self.load_from(self.t.ptr, place, AliasClass::Tables, 8)?;
        if table.fixed {
            self.invariant(base)?;
        }
        // After the check, and by assembly, or LLVM would know that it changes nothing.
        let index = self.guard(Outside { condition: "ae", lhs: index, rhs: len }, index)?;
        let offset = self.bin(Op::Shl, index, self.const_like(index, 3))?.into_int_value();
        let place = self.at(base.into_pointer_value(), offset)?;
        self.load_from(self.t.i64, place, AliasClass::Elements, 8)
    }

    /// The function reference that `call_ref` calls.
    fn typed_reference(&mut self, reference: V<'ctx>, checks: &Checks) -> Result<V<'ctx>> {
        let null = self.icmp(IntPredicate::EQ, reference, self.const_like(reference, 0))?.into_int_value();
        self.trap_if(null, checks.nowhere)?;
        let slow = self.new_block();
        self.callable(slow, reference, checks, (Ty::Ref, reference))
    }

    /// A reference that this code can call: itself, or (at `slow`) what the host makes of the operand.
    fn callable(
        &mut self,
        slow: inkwell::basic_block::BasicBlock<'ctx>,
        reference: V<'ctx>,
        checks: &Checks,
        operand: (Ty, V<'ctx>),
    ) -> Result<V<'ctx>> {
        let merge = self.new_block();
        // The reference itself is the result wherever a comparison holds, so `merge` has an edge from each of these blocks.
        let (id, mut fits) = self.is_callable(reference, checks)?;
        let mut fast = vec![self.block_here()?];
        if let Expected::Id { ids, offset, display: Some(display) } = checks.expected {
            let other = self.new_block();
            let branch = self.b.build_conditional_branch(fits, merge, other).built()?;
            self.expect(branch, true)?;
            self.b.position_at_end(other);
            let wanted = self.wanted_id(ids, offset)?;
            fits = self.has_supertype(id, wanted, display)?;
            fast.push(other);
        }
        let branch = self.b.build_conditional_branch(fits, merge, slow).built()?;
        self.expect(branch, true)?;
        self.b.position_at_end(slow);
        let found = self
            .emit_libcall(checks.slow, &[operand.0], &[operand.1], false)?
            .ok_or_else(|| internal("a slow path without a result"))?;
        let from_slow = self.block_here()?;
        self.b.build_unconditional_branch(merge).built()?;
        self.b.position_at_end(merge);
        let phi = self.b.build_phi(self.t.i64, "").built()?;
        for from in fast {
            phi.add_incoming(&[(&reference, from)]);
        }
        phi.add_incoming(&[(&found, from_slow)]);
        Ok(phi.as_basic_value())
    }

    pub(crate) fn emit_libcall(
        &mut self,
        call: HostCall,
        operand_types: &[Ty],
        operands: &[V<'ctx>],
        narrow: bool,
    ) -> Result<Option<V<'ctx>>> {
        if self.emit_bulk(call, operand_types, operands)? {
            return Ok(None);
        }
        let result = self.call_host(call, operand_types, operands)?;
        Ok(match result {
            Some(result) if narrow => Some(self.cast(Op::Trunc, result, self.t.i32)?),
            result => result,
        })
    }

    /// Calls the host's entry of a libcall.
    pub(crate) fn call_host(
        &mut self,
        call: HostCall,
        operand_types: &[Ty],
        operands: &[V<'ctx>],
    ) -> Result<Option<V<'ctx>>> {
        self.locate();
        let libcall = call.libcall();
        let vmctx = self.f().vmctx;
        let table = self.load_constant_ptr(vmctx, VMCTX_LIBCALLS)?;
        let entry = self.load_constant_ptr(table, libcall.table_offset())?;
        let mut args: Vec<BasicMetadataValueEnum<'ctx>> = vec![vmctx.into()];
        let mut types: Vec<BasicTypeEnum<'ctx>> = vec![self.t.ptr.into()];
        for &immediate in &*call.immediates() {
            args.push(self.const_i64(immediate).into());
            types.push(self.t.i64.into());
        }
        for ((&param, &given), &operand) in libcall.params().iter().zip(operand_types).zip(operands) {
            let operand = match (param, given) {
                (Ty::I64, Ty::I32) => self.cast(Op::ZExt, operand, self.t.i64)?,
                _ => operand,
            };
            args.push(operand.into());
            types.push(self.t.of(param));
        }
        let types = params(types);
        let ty = match libcall.result() {
            Some(result) => self.t.of(result).fn_type(&types, false),
            None => self.ctx.void_type().fn_type(&types, false),
        };
        let site = self.b.build_indirect_call(ty, entry, &args, "").built()?;
        // A jump would leave no return address in this function, by which the host finds the operator for traps and backtraces.
        site.set_tail_call_kind(LLVMTailCallKind::LLVMTailCallKindNoTail);
        // A trap does not come back, which is no exception for LLVM.
        if libcall == Libcall::Throw {
            self.may_throw(site);
            site.add_attribute(AttributeLoc::Function, self.cold);
        } else {
            site.add_attribute(AttributeLoc::Function, self.nounwind);
        }
        if self.info.is_rare(call) {
            site.add_attribute(AttributeLoc::Function, self.cold);
        }
        if libcall.is_metered() {
            self.load_fuel(vmctx)?;
        }
        if libcall.result().is_none() {
            return Ok(None);
        }
        value_of(site).map(Some)
    }
}
