//! What an instance has of better code, see [`crate::tier`].

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::ptr::{NonNull, null};
use std::sync::Arc;

use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::*;

use super::Instance;
use super::imports::ForeignImports;
use crate::arch::AskFrame;
use crate::foreign::Foreign;
use crate::image::{Damage, Image};
use crate::lazy::Entrance;
use crate::module_code::ModuleCode;
use crate::tier::Better;

/// A function of one tier, as code of the other calls it.
struct TierAdapter {
    /// What is called: refers to `callee`.
    foreign: Box<Foreign>,
    _callee: Box<VMFuncRef>,
}

/// What an instance has of better code.
#[derive(Default)]
pub(crate) struct Tier {
    /// By function: what code of the first tier goes on with, or null. [`arch::compile_entry`](crate::arch::compile_entry) looks here; null before
    /// there is better code.
    pub(crate) crossings: Cell<*const Cell<*const Foreign>>,
    /// By function: what better code goes on with that calls a function without any, or null. [`arch::return_entry`](crate::arch::return_entry) looks here; null before
    /// there is better code.
    pub(crate) returns: Cell<*const Cell<*const Foreign>>,
    adopted: OnceCell<AdoptedCode>,
}

/// Where a call by better code goes on of a function that had none.
pub(crate) enum WayBack {
    /// In better code that is there now.
    Code(*const u8),
    /// In the first tier.
    Foreign(NonNull<Foreign>),
}

struct AdoptedCode {
    code: Arc<ModuleCode>,
    /// What better code imports; its vmctx refers to them.
    _imports: ForeignImports,
    table: Box<[Cell<*const Foreign>]>,
    /// What [`Tier::returns`] points to.
    returns: Box<[Cell<*const Foreign>]>,
    made: RefCell<Vec<TierAdapter>>,
    /// References to what loops go on in, by the address of the code.
    continuations: RefCell<HashMap<*const u8, Box<VMFuncRef>>>,
}

impl Instance {
    /// Whether an image is one that it runs.
    pub fn has_code_of(&self, image: &Arc<Image>) -> bool {
        let is_better = |better: &Better| better.codes().any(|code| Arc::ptr_eq(image, &code.image));
        Arc::ptr_eq(image, &self.code.image) || self.code.better().is_some_and(is_better)
    }

    /// The better code that it has begun to use.
    pub(crate) fn better(&self) -> Option<&ModuleCode> {
        self.tier.adopted.get().map(|adopted| &*adopted.code)
    }

    /// What a function called by the first tier goes on as; none if that is code of the first tier. An instance that comes here first since there is better code
    /// adopts it.
    ///
    /// # Safety
    /// The instance's store is suspended in a call of its own thread.
    pub(crate) unsafe fn crossing(&self, function: DefinedFuncIdx) -> Result<Option<NonNull<Foreign>>, Damage> {
        let code = &self.code;
        let goes_over = |better: &&Better| !code.image.stays(function) && better.is_up() && better.has(function);
        let Some(better) = code.better().filter(goes_over) else { return Ok(None) };
        // SAFETY: the caller's promise.
        let Some(adopted) = (unsafe { self.adopted(better)? }) else { return Ok(None) };
        let place = adopted.table.get(function.index()).ok_or(Damage)?;
        if place.get().is_null() {
            let crossing = self.make_crossing(&adopted.code, code, function)?;
            place.set(&raw const *crossing.foreign);
            adopted.made.borrow_mut().push(crossing);
        }
        Ok(NonNull::new(place.get().cast_mut()))
    }

    /// Where a call by better code goes on of a function that has none yet.
    pub(crate) fn way_back(&self, function: DefinedFuncIdx) -> Result<WayBack, Damage> {
        let (better, adopted) = self.code.better().zip(self.tier.adopted.get()).ok_or(Damage)?;
        if better.is_certain() && better.is_up() && better.has(function) {
            return better.code.image.compile(function).map(WayBack::Code).map_err(|_| Damage);
        }
        let crossing = self.make_crossing(&self.code, &better.code, function)?;
        let foreign = NonNull::from(&*crossing.foreign);
        adopted.made.borrow_mut().push(crossing);
        adopted.returns.get(function.index()).ok_or(Damage)?.set(foreign.as_ptr());
        Ok(WayBack::Foreign(foreign))
    }

    /// What it has of better code, which it adopts if it has not; none while it cannot.
    ///
    /// # Safety
    /// As for `crossing`.
    unsafe fn adopted(&self, better: &Better) -> Result<Option<&AdoptedCode>, Damage> {
        if let Some(adopted) = self.tier.adopted.get() {
            return Ok(Some(adopted));
        }
        // Guests that were made to give way may be anywhere in their code, also between two looks at a reference.
        // SAFETY: the caller's promise; the store outlives the instance.
        if !unsafe { self.store().as_ref() }.suspended.is_empty() {
            return Ok(None);
        }
        // SAFETY: the caller's promise.
        let adopted = unsafe { self.adopt(&better.code)? };
        let adopted = self.tier.adopted.get_or_init(|| adopted);
        self.tier.crossings.set(adopted.table.as_ptr());
        self.tier.returns.set(adopted.returns.as_ptr());
        Ok(Some(adopted))
    }

    /// What the rest of a function is called as from one of its loops on, which asks; then the function's values there are in the store's context. None if it
    /// stays in the first tier.
    ///
    /// # Safety
    /// As for `crossing`; the frame is what the function has left in the store's call.
    pub(crate) unsafe fn continuation(
        &self,
        number: u32,
        frame: &AskFrame,
    ) -> Result<Option<NonNull<VMFuncRef>>, Damage> {
        let image = &self.code.image;
        let Some(lazy) = image.lazy_part() else { return Ok(None) };
        let at = (frame.pc() - image.code_range().start) as u32;
        let Some(better) = self.code.better() else {
            lazy.note_loop(at, number);
            return Ok(None);
        };
        if !better.is_up() {
            return Ok(None);
        }
        let Some(Entrance { array_call, wasm_call }) = lazy.continuation(image, better, at, number) else {
            return Ok(None);
        };
        // SAFETY: the caller's promise.
        let Some(adopted) = (unsafe { self.adopted(better)? }) else {
            lazy.stop_asking(at);
            return Ok(None);
        };
        // SAFETY: as above; there are at most as many values as there is room for, which nothing is in between two operators.
        unsafe {
            let place = (&raw mut (*self.context()).values).cast::<RawValue>();
            let values = lazy.values_at(at, number, frame).ok_or(Damage)?;
            values.enumerate().for_each(|(position, value)| place.add(position).write(value));
        }
        let vmctx = self.vmctx.as_ptr().cast();
        let mut continuations = adopted.continuations.borrow_mut();
        // Nobody compares its type: it is called from one place.
        let reference = || Box::new(VMFuncRef::new(array_call, wasm_call.cast(), vmctx, 0));
        Ok(Some(NonNull::from(&**continuations.entry(wasm_call).or_insert_with(reference))))
    }

    /// Has what is known of this instance's functions lead to better code, and gives that code what it looks for in the vmctx, where the first
    /// tier has its own.
    ///
    /// # Safety
    /// As for `crossing`.
    unsafe fn adopt(&self, better: &Arc<ModuleCode>) -> Result<AdoptedCode, Damage> {
        // SAFETY: the functions were imported; code of the first tier has its imports elsewhere.
        let imports = unsafe { self.import_again(better)? };
        // SAFETY: the better code runs in this instance only from now on.
        unsafe { self.refer_to(better)? };
        let functions = self.code.image.functions_len() - self.imported.originals.len();
        let returns = if better.image.lazy_part().is_some() { functions } else { 0 };
        Ok(AdoptedCode {
            code: Arc::clone(better),
            _imports: imports,
            table: vec![Cell::new(null()); functions].into_boxed_slice(),
            returns: vec![Cell::new(null()); returns].into_boxed_slice(),
            made: RefCell::new(Vec::new()),
            continuations: RefCell::default(),
        })
    }

    /// Imports the same functions for better code of the module, in its convention.
    ///
    /// # Safety
    /// None of this code runs in the instance yet.
    unsafe fn import_again(&self, better: &ModuleCode) -> Result<ForeignImports, Damage> {
        // SAFETY: they were imported, and nobody looks at what is written.
        unsafe { self.import(better, &self.offsets.of_better_code(), &self.imported.originals) }
    }

    /// Has type ids and all references that were made lead to better code of the module.
    ///
    /// # Safety
    /// As for `import_again`; and the store is suspended in a call, so that none of its code is between two looks at a reference.
    unsafe fn refer_to(&self, better: &ModuleCode) -> Result<(), Damage> {
        // SAFETY: the vmctx has at least its fixed part, and no reference to it is held.
        unsafe { (*self.vmctx.as_ptr()).type_ids = better.type_ids.as_ptr() };
        for position in 0..self.code.image.escaping_len() {
            let Some(made) = self.func_refs.get(position) else { continue };
            let function = self.code.image.escaping_at(position)?;
            // References to imports are others'.
            let Some(defined) = function.0.checked_sub(self.offsets.counts().imported_functions) else { continue };
            let ty = self.code.image.function_type_index(function)?;
            let reference = self.reference(better, DefinedFuncIdx(defined), ty)?;
            // SAFETY: as `get` promises; nobody writes to it meanwhile.
            let VMFuncRef { first_type_id, first_call, .. } = unsafe { made.read() };
            // The entries of both conventions are the same function's.
            self.func_refs.set(position, VMFuncRef { first_type_id, first_call, ..reference });
        }
        Ok(())
    }

    /// A reference to a defined function by its code.
    pub(super) fn reference(
        &self,
        code: &ModuleCode,
        function: DefinedFuncIdx,
        ty: TypeIdx,
    ) -> Result<VMFuncRef, Damage> {
        let (array_call, wasm_call) = (code.image.array_to_wasm(ty)?, code.image.function_entry(function)?);
        // SAFETY: the trampoline has the convention of array call.
        let array_call = unsafe { std::mem::transmute::<*const u8, ArrayCall>(array_call) };
        Ok(VMFuncRef::new(array_call, wasm_call.cast(), self.vmctx.as_ptr().cast(), code.type_ids[ty.index()]))
    }

    /// A function of `to`, as code of `from` calls it.
    fn make_crossing(
        &self,
        to: &ModuleCode,
        from: &ModuleCode,
        function: DefinedFuncIdx,
    ) -> Result<TierAdapter, Damage> {
        let ty = to.image.function_type_index(to.image.func_index(function))?;
        let callee = Box::new(self.reference(to, function, ty)?);
        let wasm_call = from.image.wasm_to_array(ty)?.cast();
        // SAFETY: the crossing keeps the callee as long as the instance lives, and so does the store.
        let foreign = unsafe { Foreign::new(NonNull::from(&*callee), from.abi(), wasm_call, self.context()) };
        let mut foreign = Box::new(foreign);
        foreign.link();
        Ok(TierAdapter { foreign, _callee: callee })
    }
}
