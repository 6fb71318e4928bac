//! The libcalls: what compiled code leaves to the host. Called by the stubs of [`crate::arch`], on the host's stack.
//!
//! A libcall that traps records it and returns anything: the stub sees the record and leaves wasm.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use wasmer_runtime_core::for_each_libcall;
use wasmer_runtime_core::libcall::{AtomicPlace, Immediate};
use wasmer_runtime_core::translate::meter;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::*;

use crate::arch::{AskFrame, ExitFrame};
use crate::growing::{Growing, NOT_GROWN};
use crate::image::Damage;
use crate::instance::Instance;
use crate::instance::tier::WayBack;
use crate::memory::Memory;
use crate::module_code::ModuleCode;
use crate::pieces::{self, InterruptCheck};
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

    /// The code that called, of several that the instance has; and whether that is a first tier.
    fn code(&self) -> (&ModuleCode, bool) {
        let first = self.instance().code();
        let Some(better) = self.instance().better() else { return (first, first.image.can_be_improved()) };
        // SAFETY: the stub has left the frame where it left wasm.
        let pc = unsafe { (*(*self.0.as_ref().header.store).exit.cast::<ExitFrame>()).pc };
        if first.image.has_first_tier_at(pc) { (first, true) } else { (better, false) }
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
    fn go_on(&self) -> impl InterruptCheck + Copy + use<> {
        // SAFETY: the header's store is the caller's, which lives as long as the call.
        unsafe { go_on(self.0.as_ref().header.store) }
    }

    fn memory(&self, index: MemoryIdx) -> &Memory {
        self.instance().memory(index)
    }

    /// The address of a block of a memory, or a trap that knows what was wanted.
    fn block(&mut self, memory: MemoryIdx, start: u64, len: u64) -> Result<*mut u8, TrapCode> {
        match self.memory(memory).range(start, len) {
            Some(address) => Ok(address),
            None => Err(self.instance().left_memory(memory, start, Some(len))),
        }
    }

    fn table(&mut self, index: TableIdx) -> &mut Table {
        // SAFETY: a table lives as long as the store, and no libcall holds two references to one table.
        unsafe { &mut *self.instance().table(index).as_ptr() }
    }

    /// Pays for the length of an operator if it does anything: if `fits` says that it stays inside.
    fn spend(&mut self, fits: bool, cost: u64) -> Result<(), TrapCode> {
        if fits { self.store().spend(cost) } else { Ok(()) }
    }

    /// Whether this part of a table is inside.
    fn has_elements(&mut self, table: TableIdx, start: u64, len: u64) -> bool {
        start.checked_add(len).is_some_and(|end| end <= self.table(table).len())
    }

    /// The old size of what has grown, unless the guest is parked until that is decided. The embedder may be asked, and panic.
    fn grow(&mut self, growing: Growing) -> u64 {
        if self.store().park_to_grow(growing) {
            return 0;
        }
        // SAFETY: memories and tables of instances live as long as the store, and nobody borrows them.
        let grown = catch_unwind(AssertUnwindSafe(|| unsafe { self.store().grow(growing) }));
        grown.unwrap_or_else(|payload| Err(Unwind::Panic(payload))).unwrap_or_else(|unwind| {
            self.store().record_unwind(unwind);
            NOT_GROWN
        })
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

/// Where a call of a function goes on, and the vmctx to pass.
#[repr(C)]
pub(crate) struct CallTarget {
    code: *const c_void,
    vmctx: *mut c_void,
}

/// Where a call of a function goes on that is called for the first time or has better code, for
/// [`arch::compile_entry`](crate::arch::compile_entry); nowhere if that failed, which is recorded.
///
/// # Safety
/// As for libcalls; the vmctx is that of the function.
pub(crate) unsafe extern "C" fn compile(vmctx: *mut VMContext, function: u32) -> CallTarget {
    // SAFETY: the caller's promise.
    let mut caller = unsafe { Caller::new(vmctx) };
    let function = DefinedFuncIdx(function);
    // SAFETY: the stub has left wasm for the host.
    let found = match unsafe { caller.instance().crossing(function) } {
        Ok(Some(crossing)) => {
            // SAFETY: it lives as long as the instance.
            let code = unsafe { crossing.as_ref() }.func_ref.wasm_call;
            return CallTarget { code, vmctx: crossing.as_ptr().cast() };
        }
        Ok(None) => caller.instance().code().image.compile(function),
        Err(damage) => {
            caller.store().record_unwind(Unwind::Trap(damage.into()));
            return CallTarget { code: std::ptr::null(), vmctx: std::ptr::null_mut() };
        }
    };
    let code = found.unwrap_or_else(|error| {
        caller.store().record_unwind(Unwind::Error(Box::new(error)));
        std::ptr::null()
    });
    CallTarget { code: code.cast(), vmctx: vmctx.cast() }
}

/// Where a call by better code goes on of a function that has none yet, for [`arch::return_entry`](crate::arch::return_entry).
///
/// # Safety
/// As for libcalls.
pub(crate) unsafe extern "C" fn go_back(vmctx: *mut VMContext, function: u32) -> CallTarget {
    // SAFETY: the caller's promise.
    let mut caller = unsafe { Caller::new(vmctx) };
    match caller.instance().way_back(DefinedFuncIdx(function)) {
        Ok(WayBack::Code(code)) => CallTarget { code: code.cast(), vmctx: vmctx.cast() },
        Ok(WayBack::Foreign(foreign)) => {
            // SAFETY: it lives as long as the instance.
            let code = unsafe { foreign.as_ref() }.func_ref.wasm_call;
            CallTarget { code, vmctx: foreign.as_ptr().cast() }
        }
        Err(damage) => {
            caller.store().record_unwind(Unwind::Trap(damage.into()));
            CallTarget { code: std::ptr::null(), vmctx: std::ptr::null_mut() }
        }
    }
}

/// What a function goes on in whose loop asks, for [`arch::ask_at_loop`](crate::arch::ask_at_loop): a reference to be called in its place, with its values in the
/// store's context; null if it stays where it is.
///
/// # Safety
/// As for libcalls; the frame is what the stub has left.
pub(crate) unsafe extern "C" fn go_on_at_loop(
    vmctx: *mut VMContext,
    number: u32,
    frame: *const AskFrame,
) -> *const VMFuncRef {
    // SAFETY: the caller's promise.
    let mut caller = unsafe { Caller::new(vmctx) };
    // SAFETY: as above; the stub has left wasm for the host.
    match unsafe { caller.instance().continuation(number, &*frame) } {
        Ok(found) => found.map_or(std::ptr::null(), |reference| reference.as_ptr()),
        Err(damage) => {
            caller.store().record_unwind(Unwind::Trap(damage.into()));
            std::ptr::null()
        }
    }
}

/// What code has in a register for an operand or a result.
macro_rules! word {
    (I32) => {
        u32
    };
    (I64) => {
        u64
    };
    (Ref) => {
        u64
    };
}

/// The functions that the stubs call, by the names of the table: each is a method of the caller, which gets the immediates as what they are.
macro_rules! entries {
    ($(
        $(#[$doc:meta])*
        $name:ident $function:ident($($immediate:ident: $kind:ident),*; $($operand:ident: $ty:ident),*) $(-> $result:ident)?,
        $metering:ident $(, $saves:ident)?;
    )*) => {
        $(
            $(#[$doc])*
            ///
            /// # Safety
            /// Called by a libcall stub, with the vmctx of the calling instance and operands of validated code.
            pub unsafe extern "C" fn $function(
                vmctx: *mut VMContext $(, $immediate: u64)* $(, $operand: word!($ty))*
            ) $(-> word!($result))? {
                // SAFETY: the caller's promise.
                let mut caller = unsafe { Caller::new(vmctx) };
                caller.$function($($kind::of_word($immediate),)* $($operand),*)
            }
        )*
    };
}

for_each_libcall!(entries!);

mod objects;

impl Caller {
    fn memory_grow(&mut self, memory: MemoryIdx, delta: u64) -> u64 {
        let memory = Growing::Memory(self.memory(memory), delta);
        self.grow(memory)
    }

    fn memory_copy(&mut self, to: MemoryIdx, from: MemoryIdx, destination: u64, source: u64, len: u64) {
        let mut copy = || {
            let source = self.block(from, source, len)?;
            let destination = self.block(to, destination, len)?;
            self.spend(true, meter::of_bytes(len))?;
            // SAFETY: both ranges are inside their memories; they may overlap.
            unsafe { pieces::copy(destination, source, len as usize, self.go_on()) }
        };
        let result = copy();
        self.finish(result);
    }

    fn memory_fill(&mut self, memory: MemoryIdx, destination: u64, byte: u32, len: u64) {
        let mut fill = || {
            let destination = self.block(memory, destination, len)?;
            self.spend(true, meter::of_bytes(len))?;
            // SAFETY: the range is inside the memory.
            unsafe { pieces::fill(destination, byte as u8, len as usize, self.go_on()) }
        };
        let result = fill();
        self.finish(result);
    }

    fn memory_init(&mut self, segment: DataIdx, memory: MemoryIdx, destination: u64, source: u32, len: u32) {
        let fits = self.memory(memory).range(destination, len.into()).is_some();
        let result = self
            .spend(fits, meter::of_bytes(len.into()))
            .and_then(|()| self.instance().memory_init(memory, segment, destination, source.into(), len.into()));
        self.finish(result);
    }

    fn data_drop(&mut self, segment: DataIdx) {
        self.instance().drop_data(segment);
    }

    fn table_get(&mut self, table: TableIdx, index: u64) -> u64 {
        let result = self.table(table).get(index);
        self.finish(result)
    }

    fn table_set(&mut self, table: TableIdx, index: u64, value: u64) {
        let go_on = self.go_on();
        let result = self.table(table).set(index, value, go_on);
        self.finish(result);
    }

    fn table_size(&mut self, table: TableIdx) -> u64 {
        self.table(table).len()
    }

    fn table_grow(&mut self, table: TableIdx, value: u64, delta: u64) -> u64 {
        let table = Growing::Table(self.table(table), delta, value);
        self.grow(table)
    }

    fn table_fill(&mut self, table: TableIdx, start: u64, value: u64, len: u64) {
        let fits = self.has_elements(table, start, len);
        let go_on = self.go_on();
        let result = self.spend(fits, len).and_then(|()| self.table(table).fill(start, value, len, go_on));
        self.finish(result);
    }

    fn table_copy(&mut self, to: TableIdx, from: TableIdx, destination: u64, source: u64, len: u64) {
        let fits = self.has_elements(to, destination, len) && self.has_elements(from, source, len);
        let go_on = self.go_on();
        let [to, from] = [to, from].map(|index| self.instance().table(index));
        // SAFETY: tables live as long as the store, and the two are different ones where both are borrowed.
        let result = self.spend(fits, len).and_then(|()| unsafe {
            if to == from {
                (*to.as_ptr()).copy_within(destination, source, len, go_on)
            } else {
                (*to.as_ptr()).copy_from(destination, &mut *from.as_ptr(), source, len, go_on)
            }
        });
        self.finish(result);
    }

    fn table_init(&mut self, segment: ElemIdx, table: TableIdx, destination: u64, source: u32, len: u32) {
        let fits = self.has_elements(table, destination, len.into());
        let result = self
            .spend(fits, len.into())
            .and_then(|()| self.instance().table_init(table, segment, destination, source.into(), len.into()));
        self.finish(result);
    }

    fn elem_drop(&mut self, segment: ElemIdx) {
        self.instance().drop_element(segment);
    }

    fn ref_func(&mut self, function: FuncIdx) -> u64 {
        let result = self.instance().func_ref(function).map(|func| func.as_ptr() as u64);
        self.finish(result.map_err(TrapCode::from))
    }

    fn call_indirect_slow(&mut self, table: TableIdx, ty: TypeIdx, index: u64) -> u64 {
        let result = call_indirect(self, table, ty, index);
        self.finish(result)
    }

    fn call_ref_slow(&mut self, ty: TypeIdx, reference: u64) -> u64 {
        let result = match NonNull::new(reference as *mut VMFuncRef) {
            Some(callee) => adapt(self, callee, ty).map_err(TrapCode::from),
            None => Err(TrapCode::NullFunctionReference),
        };
        self.finish(result)
    }

    fn atomic_notify(&mut self, place: AtomicPlace, index: u64, count: u32) -> u32 {
        let mut notify = || {
            let address = atomic_address(self, place, index, 4)?;
            Ok(wait::notify(address as usize, count))
        };
        let result = notify();
        self.finish(result)
    }

    fn atomic_wait32(&mut self, place: AtomicPlace, index: u64, expected: u32, timeout: u64) -> u32 {
        let interrupt = self.store().interrupt_handle();
        let mut wait = || {
            let address = waitable_address(self, place, index, 4)?;
            // SAFETY: the address is inside the memory and aligned.
            let is_expected =
                || unsafe { std::sync::atomic::AtomicU32::from_ptr(address.cast()) }.load(wait::ORDER) == expected;
            Ok(wait::wait(address as usize, is_expected, timeout as i64, || interrupt.is_interrupted()))
        };
        let result = wait();
        self.finish(result)
    }

    fn atomic_wait64(&mut self, place: AtomicPlace, index: u64, expected: u64, timeout: u64) -> u32 {
        let interrupt = self.store().interrupt_handle();
        let mut wait = || {
            let address = waitable_address(self, place, index, 8)?;
            // SAFETY: the address is inside the memory and aligned.
            let is_expected =
                || unsafe { std::sync::atomic::AtomicU64::from_ptr(address.cast()) }.load(wait::ORDER) == expected;
            Ok(wait::wait(address as usize, is_expected, timeout as i64, || interrupt.is_interrupted()))
        };
        let result = wait();
        self.finish(result)
    }

    fn throw(&mut self) {
        self.store().throw();
    }

    fn throw_ref(&mut self, reference: u64) {
        let result = self.store().set_caught(reference);
        self.finish(result);
    }

    /// Collects, as those that make objects do.
    fn caught_ref(&mut self) -> u64 {
        if self.store().refs.held.is_due() {
            self.collect_but_caught();
        }
        let mut result = self.store().caught_ref();
        if result.is_err() {
            self.collect_but_caught();
            result = self.store().caught_ref();
        }
        self.finish(result)
    }

    fn raise_trap(&mut self, code: TrapCode) {
        self.finish::<()>(Err(code));
    }
}

fn call_indirect(caller: &mut Caller, table: TableIdx, ty: TypeIdx, index: u64) -> Result<u64, TrapCode> {
    let element = caller.table(table).get(index)?;
    let callee = NonNull::new(element as *mut VMFuncRef).ok_or(TrapCode::UninitializedElement)?;
    let (code, is_first) = caller.code();
    // SAFETY: elements of a function table are references that live as long as the store.
    let type_id = type_id_of(unsafe { callee.as_ref() }, is_first);
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

/// What code compares of a reference.
fn type_id_of(reference: &VMFuncRef, is_first_tier: bool) -> u32 {
    if is_first_tier { reference.first_type_id } else { reference.type_id }
}

/// The same function, callable by the calling code's convention.
fn adapt(caller: &mut Caller, callee: NonNull<VMFuncRef>, ty: TypeIdx) -> Result<u64, Damage> {
    let (code, _) = caller.code();
    let abi = code.abi();
    let wasm_call = code.image.wasm_to_array(ty)?.cast();
    // SAFETY: code and tables of a store have references of the store.
    Ok(unsafe { caller.store().adapt(callee, abi, wasm_call) }.as_ptr() as u64)
}

/// The address of an atomic operand of `bytes` bytes: aligned and inside the memory.
fn atomic_address(caller: &mut Caller, place: AtomicPlace, index: u64, bytes: u64) -> Result<*mut u8, TrapCode> {
    let address = index.checked_add(place.offset).ok_or(OUT_OF_BOUNDS)?;
    if !address.is_multiple_of(bytes) {
        return Err(TrapCode::UnalignedAtomic);
    }
    caller.block(place.memory, address, bytes)
}

fn waitable_address(caller: &mut Caller, place: AtomicPlace, index: u64, bytes: u64) -> Result<*mut u8, TrapCode> {
    let address = atomic_address(caller, place, index, bytes)?;
    if caller.memory(place.memory).ty().shared { Ok(address) } else { Err(TrapCode::ExpectedSharedMemory) }
}
