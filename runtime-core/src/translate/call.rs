//! Calls of functions and of the host (specification, section 4.4.10).

use crate::layout::VMCTX_IMPORT_VMCTX;
use crate::libcall::HostCall;
use crate::module::LikelyCallee;
use crate::translate::codegen::{Callee, Checks, FuncCodegen, Meter, Result};
use crate::translate::func::Visitor;
use crate::translate::ops::IntCompare;
use crate::translate::scope::Scope;
use crate::trap::TrapCode;
use crate::types::*;

impl<C: FuncCodegen> Visitor<'_, C> {
    /// A function that is known by its index. Imports are called by what stands in the vmctx, because another instance may bring another function.
    fn direct(&self, index: u32) -> (Callee<C::Value>, TypeIdx) {
        let index = FuncIdx(index);
        let callee = match self.module.defined_func(index) {
            Some(defined) => Callee::Direct(defined),
            None => {
                let entry = self.module.resolved.offsets.imported_function(index);
                Callee::Import { index, entry, vmctx: entry + VMCTX_IMPORT_VMCTX }
            }
        };
        (callee, self.module.functions[index.index()])
    }

    /// An element of a table. The type of a callee that may be a subtype is looked for at its depth in the display of supertypes; a final one is compared alone.
    fn indirect(&mut self, type_index: u32, table: u32) -> (Callee<C::Value>, TypeIdx) {
        let index = self.pop();
        let table = self.module.resolved.tables[table as usize];
        let type_index = TypeIdx(type_index);
        let is_final = self.module.types[type_index.index()].is_final;
        let depth = (!is_final).then(|| self.depth_of(type_index));
        let checks = Checks::indirect(&self.module.resolved.offsets, table.index, type_index, depth);
        (Callee::Indirect { table, index, checks }, type_index)
    }

    /// A reference, whose type the validator has checked: what is left to check is that it is not null.
    fn reference(&mut self, type_index: u32) -> (Callee<C::Value>, TypeIdx) {
        let reference = self.pop();
        let type_index = TypeIdx(type_index);
        let checks = Checks::reference(&self.module.resolved.offsets, type_index);
        (Callee::Ref { reference, checks }, type_index)
    }

    /// A call and its results. It counts for as many operands as it moves, so that a module cannot have more made than it has bytes for; and what was
    /// counted of fuel is paid before, because the callee looks at what is left.
    fn emit_call(&mut self, (callee, ty): (Callee<C::Value>, TypeIdx)) -> Result<()> {
        let signature = &self.module.resolved.signatures[ty.index()];
        self.charge(signature.params.len() + signature.results.len())?;
        self.cost_of_moving(signature.params.len() + signature.results.len());
        self.pay(Meter::Check)?;
        let args = self.top(signature.params.len());
        let stacks = &mut self.stacks;
        self.codegen.call(callee, signature, &stacks.values[args..], &mut stacks.results)?;
        debug_assert_eq!(stacks.results.len(), signature.results.len(), "`call` owes the results");
        stacks.values.truncate(args);
        stacks.values.append(&mut stacks.results);
        Ok(())
    }

    /// A call in place of the function that makes it, after which nothing of that function is reached.
    fn emit_return_call(&mut self, (callee, ty): (Callee<C::Value>, TypeIdx)) -> Result<()> {
        let signature = &self.module.resolved.signatures[ty.index()];
        self.charge(signature.params.len())?;
        self.cost_of_moving(signature.params.len());
        self.pay(Meter::Check)?;
        let args = self.top(signature.params.len());
        self.codegen.return_call(callee, signature, &self.stacks.values[args..])?;
        self.reachable = false;
        Ok(())
    }

    pub(super) fn call(&mut self, function: u32) -> Result<()> {
        let callee = self.direct(function);
        self.emit_call(callee)
    }

    pub(super) fn call_indirect(&mut self, ty: u32, table: u32) -> Result<()> {
        let callee = self.indirect(ty, table);
        self.emit_call(callee)
    }

    /// A call by reference. Where few functions have references of the type, they are tried first, and a short one is put in the place of its call; what is none of
    /// them is called as any reference is.
    pub(super) fn call_ref(&mut self, ty: u32) -> Result<()> {
        let module = self.module;
        let likely = module.likely_callees(TypeIdx(ty));
        if likely.is_empty() {
            let callee = self.reference(ty);
            return self.emit_call(callee);
        }
        // Before the guesses: null must trap, and not be taken for a function that is none of them.
        self.check_not_null(0, TrapCode::NullFunctionReference)?;
        let signature = &module.resolved.signatures[ty as usize];
        let mut done = self.open_call(signature)?;
        for callee in likely {
            let other = self.guess(callee)?;
            if let Some(short) = self.take_short_callee(callee.function) {
                self.put_in_place(short, signature, &mut done)?;
            }
            if self.reachable {
                self.copy_arguments(signature)?;
                self.emit_call((Callee::Direct(callee.function), TypeIdx(ty)))?;
                self.leave(&mut done)?;
            }
            self.close_scope(other)?;
        }
        let callee = self.reference(ty);
        self.emit_call(callee)?;
        self.close_scope(done)
    }

    /// Opens a scope that takes the operands of a call by reference and leaves its results.
    fn open_call(&mut self, signature: &Signature) -> Result<Scope<C::Frame>> {
        let mut types = std::mem::take(&mut self.stacks.types);
        types.clear();
        types.extend(&signature.params);
        types.push(Ty::Ref);
        let scope = self.open_scope(&types, &signature.results);
        self.stacks.types = types;
        scope
    }

    /// Goes on if the topmost operand, a reference that is not null, is the one to this function, and behind the returned scope otherwise.
    ///
    /// A processor often foresees where a branch goes, and less often where a call does that goes by an address; and what is called directly, compilers
    /// put in the call's place (ADR 48).
    fn guess(&mut self, callee: &LikelyCallee) -> Result<Scope<C::Frame>> {
        let mut other = self.open_scope(&[], &[])?;
        self.pick(0)?;
        self.push_reference(callee.offset)?;
        self.compare(IntCompare::Ne, Width::W64)?;
        self.leave_if(&mut other)?;
        Ok(other)
    }

    /// Pushes copies of the arguments below the topmost operand.
    fn copy_arguments(&mut self, signature: &Signature) -> Result<()> {
        let params = signature.params.len();
        (0..params).try_for_each(|_| self.pick(params))
    }

    pub(super) fn return_call(&mut self, function: u32) -> Result<()> {
        let callee = self.direct(function);
        self.emit_return_call(callee)
    }

    pub(super) fn return_call_indirect(&mut self, ty: u32, table: u32) -> Result<()> {
        let callee = self.indirect(ty, table);
        self.emit_return_call(callee)
    }

    /// As `call_ref`; nothing comes after the call, so no results are brought together.
    pub(super) fn return_call_ref(&mut self, ty: u32) -> Result<()> {
        let module = self.module;
        let likely = module.likely_callees(TypeIdx(ty));
        if !likely.is_empty() {
            self.check_not_null(0, TrapCode::NullFunctionReference)?;
        }
        for callee in likely {
            let other = self.guess(callee)?;
            self.copy_arguments(&module.resolved.signatures[ty as usize])?;
            self.emit_return_call((Callee::Direct(callee.function), TypeIdx(ty)))?;
            self.close_scope(other)?;
        }
        let callee = self.reference(ty);
        self.emit_return_call(callee)
    }

    /// A libcall with operands of these types. `narrow`: a 64-bit result is wrapped, because the operator's is 32 bits wide.
    pub(super) fn libcall(&mut self, call: HostCall, types: &[Ty], narrow: bool) -> Result<()> {
        let libcall = call.libcall();
        debug_assert_eq!(libcall.params().len(), types.len(), "{}", libcall.symbol());
        if libcall.is_metered() {
            self.pay(Meter::Check)?;
        }
        let operands = self.top(types.len());
        let stacks = &mut self.stacks;
        let result = self.codegen.libcall(call, types, &stacks.values[operands..], narrow)?;
        debug_assert_eq!(libcall.result().is_some(), result.is_some(), "{}", libcall.symbol());
        stacks.values.truncate(operands);
        stacks.values.extend(result);
        Ok(())
    }
}
