//! What compiled code and the virtual machine share of contexts: one table has the structs and the offsets of their fields.

use std::ffi::c_void;
use std::mem::{MaybeUninit, offset_of};
use std::sync::atomic::{AtomicU32, AtomicUsize};

use crate::types::{CanonicalId, Const};

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

// SAFETY: a value is bits; who follows a reference in them has to have the store that it belongs to, which goes from thread to thread with its owner.
unsafe impl Send for RawValue {}
// SAFETY: as above.
unsafe impl Sync for RawValue {}

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

/// Structs that compiled code reads, a row for each field: the struct, the constants that compilers have for the offsets, and the assertion that they agree come
/// from the rows. A field without a constant is for the host and its stubs.
macro_rules! shared_with_code {
    ($(
        $(#[$attribute:meta])*
        struct $name:ident {
            $($(#[$doc:meta])* $field:ident: $ty:ty $(= $constant:ident, $offset:literal)?;)*
        }
    )*) => {
        $(
            $(#[$attribute])*
            #[repr(C)]
            pub struct $name {
                $($(#[$doc])* pub $field: $ty,)*
            }

            $($(
                #[doc = concat!("Offset of [`", stringify!($name), "::", stringify!($field), "`].")]
                pub const $constant: i32 = $offset;
                const _: () = assert!(offset_of!($name, $field) == $offset, stringify!($constant));
            )?)*
        )*
    };
}

shared_with_code! {
    /// A function reference: what a non-null `funcref` points to. Lives as long as its store.
    #[derive(Clone, Copy)]
    struct VMFuncRef {
        /// Entry by array call: an array-to-wasm trampoline, or the exit stub of host functions.
        array_call: ArrayCall = VMFUNCREF_ARRAY_CALL, 0;
        /// Entry by wasm call, in the convention named by the type id; null for [`crate::compiler::Abi::HOST`].
        wasm_call: *const c_void = VMFUNCREF_WASM_CALL, 8;
        /// The vmctx to pass: a [`VMContext`] or a [`VMImportContext`].
        vmctx: *mut VMContextHeader = VMFUNCREF_VMCTX, 16;
        /// Type id: canonical id in the low [`TYPE_ID_ABI_SHIFT`] bits, the ABI above, see [`crate::compiler::Abi::type_id`].
        type_id: u32 = VMFUNCREF_TYPE_ID, 24;
        /// The same with the convention of `first_call`.
        first_type_id: u32 = VMFUNCREF_FIRST_TYPE_ID, 28;
        /// Entry by wasm call for code of a first tier ([`VMCounts::first_tier`](crate::layout::VMCounts::first_tier)). As `wasm_call`, unless the function has
        /// better code, whose convention may be another one.
        first_call: *const c_void = VMFUNCREF_FIRST_CALL, 32;
    }

    /// The two words that everything starts with that can be a callee's vmctx.
    struct VMContextHeader {
        /// The table of libcall entries.
        libcalls: *const *const c_void = VMCTX_LIBCALLS, 0;
        /// The store.
        store: *mut VMStoreContext = VMCTX_STORE, 8;
    }

    /// The fixed part of an instance's context; the module-dependent part ([`VMOffsets`](crate::layout::VMOffsets)) follows in memory.
    #[repr(align(16))]
    struct VMContext {
        /// Common to all contexts.
        header: VMContextHeader = VMCTX_HEADER, 0;
        /// 32-bit type ids by module type index, with the module's own ABI.
        type_ids: *const u32 = VMCTX_TYPE_IDS, 16;
        /// The host's side of the instance.
        instance: *mut c_void = VMCTX_INSTANCE, 24;
    }

    /// The vmctx of a function that is reached by array call: a host function, or another backend's.
    struct VMImportContext {
        /// Common to all contexts.
        header: VMContextHeader = VMIMPORT_HEADER, 0;
        /// The function to call by array call.
        callee: *const VMFuncRef = VMIMPORT_CALLEE, 16;
    }

    /// A linear memory as compiled code sees it. Owned by the host; never moves.
    #[derive(Debug)]
    struct VMMemory {
        /// Current length in bytes; atomic for memories that threads share.
        len: AtomicUsize = VMMEMORY_LEN, 0;
        /// Base address: constant.
        base: *mut u8;
    }

    /// A table as compiled code sees it: 8 bytes an element, null (or not yet filled in) is zero.
    #[derive(Clone, Copy, Debug)]
    struct VMTable {
        /// First element.
        base: *mut u64 = VMTABLE_BASE, 0;
        /// Current length in elements.
        len: u64 = VMTABLE_LEN, 8;
    }

    /// Per-store state that code, the stubs and the signal handler use. Never moves while the store lives.
    struct VMStoreContext {
        /// Not zero when wasm code must stop at the next return from the host: tested by the stubs after every host function and libcall.
        /// See [`STOP_TRAP`] and [`STOP_INTERRUPT`].
        stop: AtomicU32;
        /// Host stack pointer to switch to on the way from wasm to the host: set by the entry stub.
        host_sp: *mut c_void;
        /// Where wasm last left for the host, on the wasm stack: a backtrace starts there, and a nested entry continues below. Null when wasm
        /// was left before it started. What is there is the exit stub's.
        exit: *const c_void;
        /// What metered code may still use up; below zero when it wanted more. Compiled code counts here.
        fuel: i64 = VMSTORE_FUEL, 24;
        /// The exception that is on its way to a handler: what code looks at when it lands, before anything else.
        caught: Caught = VMSTORE_CAUGHT, 32;
        /// Where in the heap code puts its next object, see [`Region::Cursor`](crate::layout::Region::Cursor).
        heap_cursor: u32 = VMSTORE_HEAP_CURSOR, 56;
        /// The end of the room there. All bytes between are zero; without room both are equal.
        heap_limit: u32 = VMSTORE_HEAP_LIMIT, 60;
        /// Room for values on their way: arguments of a tail call that do not fit registers, for backends whose convention has no room for them elsewhere
        /// (the caller's frame is gone when the callee reads them, which it does before anything else); values of an exception that code throws.
        values: MaybeUninit<[RawValue; VALUES_MAX]> = VMSTORE_VALUES, 64;
        /// Where the stubs go on when the host returns, see [`STOP_LAND`].
        landing: MaybeUninit<Landing>;
    }

    /// An exception on its way. It stays until another one is thrown or its object is gone, so that whoever throws it again finds it there.
    #[derive(Clone, Copy, Debug)]
    struct Caught {
        /// Its tag's identity, as in a vmctx (see [`VMOffsets::tag`](crate::layout::VMOffsets::tag)).
        tag: *const c_void = CAUGHT_TAG, 0;
        /// Its values, 16 bytes each: [`VMStoreContext::values`] if code has thrown it, its object's if there is a reference.
        values: *const RawValue = CAUGHT_VALUES, 8;
        /// A reference to it, null if nobody has asked for one yet.
        reference: u64 = CAUGHT_REF, 16;
    }
}

/// `VMStoreContext`: the tag of the exception that is on its way.
pub const VMSTORE_CAUGHT_TAG: i32 = VMSTORE_CAUGHT + CAUGHT_TAG;
/// `VMStoreContext`: where its values are.
pub const VMSTORE_CAUGHT_VALUES: i32 = VMSTORE_CAUGHT + CAUGHT_VALUES;
/// `VMStoreContext`: the reference to it.
pub const VMSTORE_CAUGHT_REF: i32 = VMSTORE_CAUGHT + CAUGHT_REF;

/// Size of the fixed part of a vmctx.
pub const VMCTX_FIXED_BYTES: i32 = size_of::<VMContext>() as i32;
/// Size of a `VMTable` in a vmctx.
pub const VMTABLE_BYTES: i32 = size_of::<VMTable>() as i32;
/// Size of a `RawValue` in an array call's buffer.
pub const RAW_VALUE_BYTES: i32 = size_of::<RawValue>() as i32;

/// Size of a type id.
pub const TYPE_ID_BYTES: i32 = 4;
/// Where the ABI number starts in a type id.
pub const TYPE_ID_ABI_SHIFT: u32 = 28;
/// Parameters that a function or tag can have (a limit of the validator).
pub const VALUES_MAX: usize = 1000;

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
/// The guest is parked in a libcall. Traps and interrupts come first.
pub const STOP_PARK: u32 = 8;
