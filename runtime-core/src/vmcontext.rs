//! The structs that compiled code reads, in the layout of [`crate::layout`].

use std::ffi::c_void;
use std::mem::{MaybeUninit, offset_of};
use std::sync::atomic::{AtomicU32, AtomicUsize};

use crate::layout::*;
use crate::translate::ops::Const;
use crate::types::CanonicalId;

/// A value in an array call's buffer: 16 bytes, little-endian, the unused upper part unspecified.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub union RawValue {
    /// An `i32`.
    pub i32: i32,
    /// An `i64`.
    pub i64: i64,
    /// The bits of an `f32`.
    pub f32: u32,
    /// The bits of an `f64`.
    pub f64: u64,
    /// A `v128`, little-endian lanes.
    pub v128: u128,
    /// A function reference, or null.
    pub funcref: *const VMFuncRef,
    /// Any other reference: a handle that its store understands, or zero for null.
    pub reference: u64,
}

impl RawValue {
    /// All bits zero: the zero of every number type, and null.
    pub const ZERO: Self = Self { v128: 0 };
}

impl From<Const> for RawValue {
    fn from(constant: Const) -> Self {
        let mut value = Self::ZERO;
        match constant {
            Const::I32(number) => value.i32 = number,
            Const::I64(number) => value.i64 = number,
            Const::F32(bits) => value.f32 = bits,
            Const::F64(bits) => value.f64 = bits,
            Const::V128(bits) => value.v128 = bits,
            Const::Null => {}
        }
        value
    }
}

/// Array call: how the host enters wasm, and how wasm calls the host and other backends' functions. `values` holds the arguments on entry and
/// the results on return. False means that the callee left with a trap or an error that is recorded in the store context.
pub type ArrayCall = unsafe extern "C" fn(callee: *const VMFuncRef, values: *mut RawValue) -> bool;

/// A function reference: what a non-null `funcref` points to. Lives as long as its store.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct VMFuncRef {
    /// Entry by array call: an array-to-wasm trampoline, or the exit stub of host functions.
    pub array_call: ArrayCall,
    /// Entry by wasm call, in the convention named by the type id; null for [`crate::compiler::Abi::HOST`].
    pub wasm_call: *const c_void,
    /// The vmctx to pass: a [`VMContext`] or a [`VMImportContext`].
    pub vmctx: *mut VMContextHeader,
    /// Canonical type id with the ABI in the upper bits, see [`crate::compiler::Abi::type_id`].
    pub type_id: u32,
    /// The same with the convention of `first_call`.
    pub first_type_id: u32,
    /// Entry by wasm call for code of a first tier, see [`VMFUNCREF_FIRST_CALL`].
    pub first_call: *const c_void,
}

impl VMFuncRef {
    /// A reference to a function that has code of one convention.
    pub const fn new(
        array_call: ArrayCall,
        wasm_call: *const c_void,
        vmctx: *mut VMContextHeader,
        type_id: u32,
    ) -> Self {
        Self { array_call, wasm_call, vmctx, type_id, first_type_id: type_id, first_call: wasm_call }
    }

    /// The entry by wasm call in the convention of a type id, if the function has one of it.
    pub fn entry(&self, type_id: u32) -> Option<*const c_void> {
        if self.type_id == type_id {
            return Some(self.wasm_call);
        }
        (self.first_type_id == type_id).then_some(self.first_call)
    }
}

/// The two words that everything starts with that can be a callee's vmctx.
#[repr(C)]
pub struct VMContextHeader {
    /// The table of libcall entries.
    pub libcalls: *const *const c_void,
    /// The store.
    pub store: *mut VMStoreContext,
}

/// The fixed part of an instance's context; the module-dependent part ([`VMOffsets`]) follows in memory.
#[repr(C, align(16))]
pub struct VMContext {
    /// Common to all contexts.
    pub header: VMContextHeader,
    /// Type ids by module type index, with the module's own ABI.
    pub type_ids: *const u32,
    /// The host's side of the instance.
    pub instance: *mut c_void,
}

/// The vmctx of a function that is reached by array call: a host function, or another backend's.
#[repr(C)]
pub struct VMImportContext {
    /// Common to all contexts.
    pub header: VMContextHeader,
    /// The function to call by array call.
    pub callee: *const VMFuncRef,
}

/// A linear memory as compiled code sees it. Owned by the host; never moves.
#[derive(Debug)]
#[repr(C)]
pub struct VMMemory {
    /// Current length in bytes.
    pub len: AtomicUsize,
    /// Base address: constant.
    pub base: *mut u8,
}

/// A table as compiled code sees it: 8 bytes an element, null (or not yet filled in) is zero.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct VMTable {
    /// First element.
    pub base: *mut u64,
    /// Current length in elements.
    pub len: u64,
}

/// Per-store state that the stubs and the signal handler use. Never moves while the store lives.
#[repr(C)]
pub struct VMStoreContext {
    /// Not zero when wasm code must stop at the next return from the host: tested by the stubs after every host function and libcall.
    /// See [`STOP_TRAP`] and [`STOP_INTERRUPT`].
    pub stop: AtomicU32,
    /// Host stack pointer to switch to on the way from wasm to the host: set by the entry stub.
    pub host_sp: *mut c_void,
    /// Where wasm last left for the host, on the wasm stack: a backtrace starts there, and a nested entry continues below. Null when wasm
    /// was left before it started. What is there is the exit stub's.
    pub exit: *const c_void,
    /// What metered code may still use up; below zero when it wanted more. Compiled code counts here.
    pub fuel: i64,
    /// The exception that is on its way to a handler: what code looks at when it lands, before anything else.
    pub caught: Caught,
    /// Where in the heap code puts its next object.
    pub heap_cursor: u32,
    /// The end of the room there. All bytes between are zero; without room both are equal.
    pub heap_limit: u32,
    /// Values on their way: arguments of a tail call that do not fit registers, for backends whose convention has no room for them elsewhere
    /// (the caller's frame is gone when the callee reads them); values of an exception that code throws.
    pub values: MaybeUninit<[RawValue; VALUES_MAX]>,
    /// Where the stubs go on when the host returns, see [`STOP_LAND`].
    pub landing: MaybeUninit<Landing>,
}

/// An exception on its way.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Caught {
    /// Its tag's identity.
    pub tag: *const c_void,
    /// Its values.
    pub values: *const RawValue,
    /// A reference to it, if there is one already.
    pub reference: u64,
}

/// Registers that the C convention preserves, without the frame pointer: those that code at a landing may rely on.
pub const PRESERVED_REGISTERS: usize = 5;

/// A place in wasm code and the state that it expects.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Landing {
    /// Where to go on.
    pub pc: usize,
    /// Stack pointer there.
    pub sp: usize,
    /// Frame pointer there.
    pub fp: usize,
    /// Which of `registers` hold something, by bit; the others are as they are.
    pub saved: usize,
    /// Preserved registers: `r15`, `r14`, `r13`, `r12`, `rbx` on x86-64, `x19` to `x23` on aarch64.
    pub registers: [usize; PRESERVED_REGISTERS],
}

/// The canonical type in a type id.
pub const fn canonical_of(type_id: u32) -> CanonicalId {
    CanonicalId(type_id & ((1 << TYPE_ID_ABI_SHIFT) - 1))
}

/// A trap or host error is recorded: unwind to the entry.
pub const STOP_TRAP: u32 = 1;
/// Another thread asked the store to stop ([`crate::trap::TrapCode::Interrupted`]).
pub const STOP_INTERRUPT: u32 = 2;
/// An exception was thrown and its handler found: go on at [`VMStoreContext::landing`]. The other reasons come first.
pub const STOP_LAND: u32 = 4;

const _: () = {
    assert!(offset_of!(VMContext, header) + offset_of!(VMContextHeader, libcalls) == VMCTX_LIBCALLS as usize);
    assert!(offset_of!(VMContext, header) + offset_of!(VMContextHeader, store) == VMCTX_STORE as usize);
    assert!(offset_of!(VMContext, type_ids) == VMCTX_TYPE_IDS as usize);
    assert!(offset_of!(VMContext, instance) == VMCTX_INSTANCE as usize);
    assert!(size_of::<VMContext>() == VMCTX_FIXED_BYTES as usize);
    assert!(offset_of!(VMImportContext, callee) == VMIMPORT_CALLEE as usize);
    assert!(offset_of!(VMFuncRef, array_call) == VMFUNCREF_ARRAY_CALL as usize);
    assert!(offset_of!(VMFuncRef, wasm_call) == VMFUNCREF_WASM_CALL as usize);
    assert!(offset_of!(VMFuncRef, vmctx) == VMFUNCREF_VMCTX as usize);
    assert!(offset_of!(VMFuncRef, type_id) == VMFUNCREF_TYPE_ID as usize);
    assert!(offset_of!(VMFuncRef, first_type_id) == VMFUNCREF_FIRST_TYPE_ID as usize);
    assert!(offset_of!(VMFuncRef, first_call) == VMFUNCREF_FIRST_CALL as usize);
    assert!(offset_of!(VMMemory, len) == VMMEMORY_LEN as usize);
    assert!(offset_of!(VMTable, base) == VMTABLE_BASE as usize);
    assert!(offset_of!(VMTable, len) == VMTABLE_LEN as usize);
    assert!(offset_of!(VMStoreContext, heap_cursor) == VMSTORE_HEAP_CURSOR as usize);
    assert!(offset_of!(VMStoreContext, heap_limit) == VMSTORE_HEAP_LIMIT as usize);
    assert!(offset_of!(VMStoreContext, fuel) == VMSTORE_FUEL as usize);
    assert!(offset_of!(VMStoreContext, caught) + offset_of!(Caught, tag) == VMSTORE_CAUGHT_TAG as usize);
    assert!(offset_of!(VMStoreContext, caught) + offset_of!(Caught, values) == VMSTORE_CAUGHT_VALUES as usize);
    assert!(offset_of!(VMStoreContext, caught) + offset_of!(Caught, reference) == VMSTORE_CAUGHT_REF as usize);
    assert!(offset_of!(VMStoreContext, values) == VMSTORE_VALUES as usize);
    assert!(size_of::<VMTable>() == VMTABLE_BYTES as usize);
    assert!(size_of::<RawValue>() == RAW_VALUE_BYTES as usize);
};
