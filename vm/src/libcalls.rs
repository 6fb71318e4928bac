//! The libcalls: what compiled code leaves to the host. Called by the stubs of [`crate::arch`], on the host's stack.
//!
//! A libcall that traps records it and returns anything: the stub sees the record and leaves wasm.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use wasmer_runtime_core::libcall::split_atomic_place;
use wasmer_runtime_core::translate::meter;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::*;

use crate::budget::Refused;
use crate::image::Damage;
use crate::instance::Instance;
use crate::memory::Memory;
use crate::pieces::{self, GoOn};
use crate::store::{StoreVm, Unwind, go_on};
use crate::table::Table;
use crate::types_registry;
use crate::wait;

/// The caller of a libcall.
struct Caller(NonNull<VMContext>);

impl Caller {
    /// # Safety
    /// `vmctx` is the vmctx of an instance whose code called the libcall.
    unsafe fn new(vmctx: *mut VMContext) -> Self {
        // SAFETY: a vmctx is not null.
        Self(unsafe { NonNull::new_unchecked(vmctx) })
    }

    fn instance(&self) -> &Instance {
        // SAFETY: the vmctx points to its instance, which lives as long as the store.
        unsafe { &*self.0.as_ref().instance.cast() }
    }

    fn store(&mut self) -> &mut StoreVm {
        // SAFETY: the store is suspended in the call that entered wasm; nothing else uses it until the libcall returns, and no libcall holds
        // two of these references.
        unsafe { &mut *self.instance().store().as_ptr() }
    }

    /// Collects what is not held, from a libcall whose stub saves registers. Nothing of the store is borrowed.
    fn collect(&mut self) {
        if let Some(collector) = self.store().refs.collector {
            // SAFETY: the store is suspended in the libcall, and the borrow above has ended.
            unsafe { (collector.collect)(collector.owner) };
        }
    }

    /// The same while an exception is on its way, which is held.
    fn collect_but_caught(&mut self) {
        // Last: what was marked before a collection counts in it.
        // SAFETY: one is on its way.
        unsafe { self.store().mark_caught() };
        self.collect();
    }

    /// What long operations ask between their pieces.
    fn go_on(&self) -> impl GoOn + Copy + use<> {
        // SAFETY: the header's store is the caller's, which lives as long as the call.
        unsafe { go_on(self.0.as_ref().header.store) }
    }

    fn memory(&self, index: u64) -> &Memory {
        self.instance().memory(MemoryIdx(index as u32))
    }

    /// The address of a block of a memory, or a trap that knows what was wanted.
    fn block(&mut self, memory: u64, start: u64, len: u64) -> Result<*mut u8, TrapCode> {
        let index = MemoryIdx(memory as u32);
        match self.memory(memory).range(start, len) {
            Some(address) => Ok(address),
            None => Err(self.instance().left_memory(index, start, Some(len))),
        }
    }

    fn table(&mut self, index: u64) -> &mut Table {
        // SAFETY: a table lives as long as the store, and no libcall holds two references to one table.
        unsafe { &mut *self.instance().table(TableIdx(index as u32)).as_ptr() }
    }

    /// Pays for the length of an operator if it does anything: if `fits` says that it stays inside.
    fn spend(&mut self, fits: bool, cost: u64) -> Result<(), TrapCode> {
        if fits { self.store().spend(cost) } else { Ok(()) }
    }

    /// Whether this part of a table is inside.
    fn has_elements(&mut self, table: u64, start: u64, len: u64) -> bool {
        start.checked_add(len).is_some_and(|end| end <= self.table(table).len())
    }

    /// The old size of what has grown. The embedder may be asked, and panic.
    fn grown(&mut self, grow: impl FnOnce(&mut StoreVm) -> Result<u64, Refused>) -> Option<u64> {
        match catch_unwind(AssertUnwindSafe(|| grow(self.store()))) {
            Ok(grown) => grown.ok(),
            Err(payload) => {
                self.store().record_unwind(Unwind::Panic(payload));
                None
            }
        }
    }

    /// The value of a result, or a recorded trap.
    fn finish<T: Default>(&mut self, result: Result<T, TrapCode>) -> T {
        result.unwrap_or_else(|code| {
            self.store().record_unwind(Unwind::Trap(code));
            T::default()
        })
    }
}

const OUT_OF_BOUNDS: TrapCode = TrapCode::MemoryOutOfBounds;

/// The code of a function that was called for the first time, for [`arch::compile_entry`](crate::arch::compile_entry); null if there is none, which is recorded.
///
/// # Safety
/// As for libcalls; the vmctx is that of the function.
pub(crate) unsafe extern "C" fn compile(vmctx: *mut VMContext, function: u32) -> *const u8 {
    // SAFETY: the caller's promise.
    let mut caller = unsafe { Caller::new(vmctx) };
    let compiled = caller.instance().code().image.compile(DefinedFuncIdx(function));
    compiled.unwrap_or_else(|error| {
        caller.store().record_unwind(Unwind::Error(Box::new(error)));
        std::ptr::null()
    })
}

macro_rules! libcalls {
    ($($(#[$doc:meta])* fn $name:ident($caller:ident $(, $arg:ident: $ty:ty)*) $(-> $result:ty)? $body:block)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Safety
            /// Called by a libcall stub, with the vmctx of the calling instance and operands of validated code.
            pub unsafe extern "C" fn $name(vmctx: *mut VMContext $(, $arg: $ty)*) $(-> $result)? {
                // SAFETY: the caller's promise.
                let $caller = &mut unsafe { Caller::new(vmctx) };
                $body
            }
        )*
    };
}

mod objects;

pub use objects::*;

libcalls! {
    /// `memory.grow`.
    fn memory_grow(caller, memory: u64, delta: u64) -> u64 {
        let memory: *const Memory = caller.memory(memory);
        // SAFETY: memories live as long as the instance, and are not part of the store's budget.
        let memory = unsafe { &*memory };
        let Some(pages) = caller.grown(|store| memory.grow(delta, &mut store.budget)) else { return u64::MAX };
        let result = caller.spend(true, meter::of_bytes(delta << memory.ty().page_size_log2)).map(|()| pages);
        caller.finish(result)
    }

    /// `memory.copy`.
    fn memory_copy(caller, to: u64, from: u64, destination: u64, source: u64, len: u64) {
        let mut copy = || {
            let source = caller.block(from, source, len)?;
            let destination = caller.block(to, destination, len)?;
            caller.spend(true, meter::of_bytes(len))?;
            // SAFETY: both ranges are inside their memories; they may overlap.
            unsafe { pieces::copy(destination, source, len as usize, caller.go_on()) }
        };
        let result = copy();
        caller.finish(result);
    }

    /// `memory.fill`.
    fn memory_fill(caller, memory: u64, destination: u64, byte: u32, len: u64) {
        let mut fill = || {
            let destination = caller.block(memory, destination, len)?;
            caller.spend(true, meter::of_bytes(len))?;
            // SAFETY: the range is inside the memory.
            unsafe { pieces::fill(destination, byte as u8, len as usize, caller.go_on()) }
        };
        let result = fill();
        caller.finish(result);
    }

    /// `memory.init`.
    fn memory_init(caller, segment: u64, memory: u64, destination: u64, source: u32, len: u32) {
        let fits = caller.memory(memory).range(destination, len.into()).is_some();
        let (memory, segment) = (MemoryIdx(memory as u32), DataIdx(segment as u32));
        let result = caller
            .spend(fits, meter::of_bytes(len.into()))
            .and_then(|()| caller.instance().memory_init(memory, segment, destination, source.into(), len.into()));
        caller.finish(result);
    }

    /// `data.drop`.
    fn data_drop(caller, segment: u64) {
        caller.instance().drop_data(DataIdx(segment as u32));
    }

    /// `table.get`.
    fn table_get(caller, table: u64, index: u64) -> u64 {
        let result = caller.table(table).get(index);
        caller.finish(result)
    }

    /// `table.set`.
    fn table_set(caller, table: u64, index: u64, value: u64) {
        let go_on = caller.go_on();
        let result = caller.table(table).set(index, value, go_on);
        caller.finish(result);
    }

    /// `table.size`.
    fn table_size(caller, table: u64) -> u64 {
        caller.table(table).len()
    }

    /// `table.grow`.
    fn table_grow(caller, table: u64, value: u64, delta: u64) -> u64 {
        let go_on = caller.go_on();
        let table: *mut Table = caller.table(table);
        // SAFETY: tables live as long as the store, and are not part of its budget.
        let grow = |store: &mut StoreVm| unsafe { &mut *table }.grow(delta, value, &mut store.budget, go_on);
        let Some(len) = caller.grown(grow) else { return u64::MAX };
        let result = caller.spend(true, delta).map(|()| len);
        caller.finish(result)
    }

    /// `table.fill`.
    fn table_fill(caller, table: u64, start: u64, value: u64, len: u64) {
        let fits = caller.has_elements(table, start, len);
        let go_on = caller.go_on();
        let result = caller.spend(fits, len).and_then(|()| caller.table(table).fill(start, value, len, go_on));
        caller.finish(result);
    }

    /// `table.copy`.
    fn table_copy(caller, to: u64, from: u64, destination: u64, source: u64, len: u64) {
        let fits = caller.has_elements(to, destination, len) && caller.has_elements(from, source, len);
        let go_on = caller.go_on();
        let [to, from] = [to, from].map(|index| caller.instance().table(TableIdx(index as u32)));
        // SAFETY: tables live as long as the store, and the two are different ones where both are borrowed.
        let result = caller.spend(fits, len).and_then(|()| unsafe {
            if to == from {
                (*to.as_ptr()).copy_within(destination, source, len, go_on)
            } else {
                (*to.as_ptr()).copy_from(destination, &mut *from.as_ptr(), source, len, go_on)
            }
        });
        caller.finish(result);
    }

    /// `table.init`.
    fn table_init(caller, segment: u64, table: u64, destination: u64, source: u32, len: u32) {
        let fits = caller.has_elements(table, destination, len.into());
        let (table, segment) = (TableIdx(table as u32), ElemIdx(segment as u32));
        let result = caller
            .spend(fits, len.into())
            .and_then(|()| caller.instance().table_init(table, segment, destination, source.into(), len.into()));
        caller.finish(result);
    }

    /// `elem.drop`.
    fn elem_drop(caller, segment: u64) {
        caller.instance().drop_element(ElemIdx(segment as u32));
    }

    /// `ref.func`.
    fn ref_func(caller, function: u64) -> u64 {
        let result = caller.instance().func_ref(FuncIdx(function as u32)).map(|func| func.as_ptr() as u64);
        caller.finish(result.map_err(TrapCode::from))
    }

    /// The slow path of `call_indirect`.
    fn call_indirect_slow(caller, table: u64, type_index: u64, index: u64) -> u64 {
        let result = call_indirect(caller, table, TypeIdx(type_index as u32), index);
        caller.finish(result)
    }

    /// The slow path of `call_ref`.
    fn call_ref_slow(caller, type_index: u64, reference: u64) -> u64 {
        let result = match NonNull::new(reference as *mut VMFuncRef) {
            Some(callee) => adapt(caller, callee, TypeIdx(type_index as u32)).map_err(TrapCode::from),
            None => Err(TrapCode::NullFunctionReference),
        };
        caller.finish(result)
    }

    /// `memory.atomic.notify`.
    fn atomic_notify(caller, place: u64, index: u64, count: u32) -> u32 {
        let mut notify = || {
            let address = atomic_address(caller, place, index, 4)?;
            Ok(wait::notify(address as usize, count))
        };
        let result = notify();
        caller.finish(result)
    }

    /// `memory.atomic.wait32`.
    fn atomic_wait32(caller, place: u64, index: u64, expected: u32, timeout: i64) -> u32 {
        let interrupt = caller.store().interrupt_handle();
        let mut wait = || {
            let address = waitable_address(caller, place, index, 4)?;
            // SAFETY: the address is inside the memory and aligned.
            let is_expected = || unsafe { std::sync::atomic::AtomicU32::from_ptr(address.cast()) }.load(wait::ORDER) == expected;
            Ok(wait::wait(address as usize, is_expected, timeout, || interrupt.is_interrupted()))
        };
        let result = wait();
        caller.finish(result)
    }

    /// `memory.atomic.wait64`.
    fn atomic_wait64(caller, place: u64, index: u64, expected: u64, timeout: i64) -> u32 {
        let interrupt = caller.store().interrupt_handle();
        let mut wait = || {
            let address = waitable_address(caller, place, index, 8)?;
            // SAFETY: the address is inside the memory and aligned.
            let is_expected = || unsafe { std::sync::atomic::AtomicU64::from_ptr(address.cast()) }.load(wait::ORDER) == expected;
            Ok(wait::wait(address as usize, is_expected, timeout, || interrupt.is_interrupted()))
        };
        let result = wait();
        caller.finish(result)
    }

    /// Finds the handler of the exception on its way.
    fn throw(caller) {
        caller.store().throw();
    }

    /// `throw_ref`, first part.
    fn throw_ref(caller, reference: u64) {
        let result = caller.store().set_caught(reference);
        caller.finish(result);
    }

    /// A reference to the exception that is on its way. Collects, as those that make objects do.
    fn caught_ref(caller) -> u64 {
        if caller.store().refs.held.is_due() {
            caller.collect_but_caught();
        }
        let mut result = caller.store().caught_ref();
        if result.is_err() {
            caller.collect_but_caught();
            result = caller.store().caught_ref();
        }
        caller.finish(result)
    }

    /// Raises a trap by number.
    fn raise_trap(caller, number: u64) {
        let code = u8::try_from(number).ok().and_then(TrapCode::from_number).unwrap_or(TrapCode::Unreachable);
        caller.finish::<()>(Err(code));
    }
}

fn call_indirect(caller: &mut Caller, table: u64, ty: TypeIdx, index: u64) -> Result<u64, TrapCode> {
    let element = caller.table(table).get(index)?;
    let callee = NonNull::new(element as *mut VMFuncRef).ok_or(TrapCode::UninitializedElement)?;
    let code = caller.instance().code();
    // SAFETY: elements of a function table are references that live as long as the store.
    let type_id = unsafe { callee.as_ref() }.type_id;
    if type_id == code.type_ids[ty.index()] {
        return Ok(element);
    }
    let found = canonical_of(type_id);
    if !types_registry::is_subtype(found, code.canonical[ty.index()]) {
        return Err(TrapCode::IndirectCallTypeMismatch);
    }
    // A subtype has the same representation.
    if type_id == code.abi().type_id(found) { Ok(element) } else { Ok(adapt(caller, callee, ty)?) }
}

/// The same function, callable by the calling module's convention.
fn adapt(caller: &mut Caller, callee: NonNull<VMFuncRef>, ty: TypeIdx) -> Result<u64, Damage> {
    let code = caller.instance().code();
    let abi = code.abi();
    let wasm_call = code.image.wasm_to_array(ty)?.cast();
    // SAFETY: code and tables of a store have references of the store.
    Ok(unsafe { caller.store().adapt(callee, abi, wasm_call) }.as_ptr() as u64)
}

/// The address of an atomic operand of `bytes` bytes: aligned and inside the memory.
fn atomic_address(caller: &mut Caller, place: u64, index: u64, bytes: u64) -> Result<*mut u8, TrapCode> {
    let (memory, offset) = split_atomic_place(place);
    let address = index.checked_add(offset).ok_or(OUT_OF_BOUNDS)?;
    if !address.is_multiple_of(bytes) {
        return Err(TrapCode::UnalignedAtomic);
    }
    caller.block(memory.into(), address, bytes)
}

fn waitable_address(caller: &mut Caller, place: u64, index: u64, bytes: u64) -> Result<*mut u8, TrapCode> {
    let address = atomic_address(caller, place, index, bytes)?;
    let (memory, _) = split_atomic_place(place);
    if caller.memory(memory.into()).ty().shared { Ok(address) } else { Err(TrapCode::ExpectedSharedMemory) }
}
