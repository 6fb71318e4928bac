//! The table of libcalls: rare operators that compiled code leaves to the host.
//!
//! Compiled code loads the entry from the table that the vmctx points to
//! ([`crate::layout::VMCTX_LIBCALLS`]) and calls it by the system's C convention: the vmctx first, then the
//! immediates, then the operands, at most six integer arguments in all, so that the stub that switches to the host's
//! stack never has to move stack arguments. A libcall that traps does not return.

use crate::types::Ty;

macro_rules! libcalls {
    ($($(#[$doc:meta])* $name:ident, $symbol:literal, $immediates:literal, [$($param:ident)*], [$($result:ident)?];)*) => {
        /// A libcall. The number is its position in the table of entries.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Libcall {
            $($(#[$doc])* $name,)*
        }

        impl Libcall {
            /// Every libcall, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in disassembly and backtraces.
            pub const fn symbol(self) -> &'static str {
                match self { $(Self::$name => $symbol,)* }
            }

            /// 64-bit immediates between the vmctx and the operands.
            pub const fn immediates(self) -> usize {
                match self { $(Self::$name => $immediates,)* }
            }

            /// Operand types. An `i32` operand given for an `I64` parameter is zero-extended.
            pub const fn params(self) -> &'static [Ty] {
                match self { $(Self::$name => &[$(Ty::$param),*],)* }
            }

            /// The result type.
            pub const fn result(self) -> Option<Ty> {
                match self { $(Self::$name => libcalls!(@result $($result)?),)* }
            }
        }
    };
    (@result) => { None };
    (@result $result:ident) => { Some(Ty::$result) };
}

libcalls! {
    /// `memory.grow`: immediate memory; delta in pages; the old size in pages, or -1 (as 64 bits).
    MemoryGrow, "memory_grow", 1, [I64], [I64];
    /// `memory.copy`: immediates destination memory, source memory; destination, source, length.
    MemoryCopy, "memory_copy", 2, [I64 I64 I64], [];
    /// `memory.fill`: immediate memory; destination, byte, length.
    MemoryFill, "memory_fill", 1, [I64 I32 I64], [];
    /// `memory.init`: immediates data segment, memory; destination, source, length.
    MemoryInit, "memory_init", 2, [I64 I32 I32], [];
    /// `data.drop`: immediate data segment.
    DataDrop, "data_drop", 1, [], [];
    /// `table.get`: immediate table; index.
    TableGet, "table_get", 1, [I64], [Ref];
    /// `table.set`: immediate table; index, value.
    TableSet, "table_set", 1, [I64 Ref], [];
    /// `table.size`: immediate table; the size in elements.
    TableSize, "table_size", 1, [], [I64];
    /// `table.grow`: immediate table; initial value, delta; the old size, or -1 (as 64 bits).
    TableGrow, "table_grow", 1, [Ref I64], [I64];
    /// `table.fill`: immediate table; start, value, length.
    TableFill, "table_fill", 1, [I64 Ref I64], [];
    /// `table.copy`: immediates destination table, source table; destination, source, length.
    TableCopy, "table_copy", 2, [I64 I64 I64], [];
    /// `table.init`: immediates element segment, table; destination, source, length.
    TableInit, "table_init", 2, [I64 I32 I32], [];
    /// `elem.drop`: immediate element segment.
    ElemDrop, "elem_drop", 1, [], [];
    /// `ref.func`: immediate function; a pointer to its `VMFuncRef`.
    RefFunc, "ref_func", 1, [], [Ref];
    /// The slow path of `call_indirect`, taken when the element is null, not filled in yet, or of another canonical
    /// type id: immediates table, module type index; index (already within bounds). Returns a function reference
    /// callable by the calling backend's convention, or traps.
    CallIndirectSlow, "call_indirect_slow", 2, [I64], [Ref];
    /// The slow path of `call_ref`, taken when the reference's ABI is not the calling backend's: immediate module type
    /// index; the reference, not null. Returns one that is.
    CallRefSlow, "call_ref_slow", 1, [Ref], [Ref];
    /// `memory.atomic.notify`: immediate [`atomic_place`]; index, count; waiters woken.
    AtomicNotify, "atomic_notify", 1, [I64 I32], [I32];
    /// `memory.atomic.wait32`: immediate [`atomic_place`]; index, expected value, timeout in ns.
    AtomicWait32, "atomic_wait32", 1, [I64 I32 I64], [I32];
    /// `memory.atomic.wait64`: immediate [`atomic_place`]; index, expected value, timeout in ns.
    AtomicWait64, "atomic_wait64", 1, [I64 I64 I64], [I32];
    /// Find the handler of the exception on its way ([`crate::layout::VMSTORE_CAUGHT_TAG`]) among the callers of the code that calls this: never
    /// returns.
    Throw, "throw", 0, [], [];
    /// Make an exception the one that is on its way: the reference, trapping on null.
    ThrowRef, "throw_ref", 0, [Ref], [];
    /// A reference to the exception that is on its way.
    CaughtRef, "caught_ref", 0, [], [Ref];
    /// Raise the trap whose number is the immediate. For backends without an inline trap instruction at hand.
    RaiseTrap, "raise_trap", 1, [], [];
    /// An object where code found no room in the run that it allocates from: immediates module type index, size in bytes. All zeros but for its header and,
    /// if it is an array, its length: as many elements as there is room for, until code writes how many it has.
    HeapAlloc, "heap_alloc", 2, [], [Ref];
    /// An array: immediate module type index; its length. All zeros but for its header and length.
    ArrayAlloc, "array_alloc", 1, [I32], [Ref];
    /// `array.fill`: an array that is not null, start, the element's bits, length. How large elements are the array's header says.
    ArrayFill, "array_fill", 0, [Ref I32 I64 I32], [];
    /// `array.copy`: destination and source, not null, with the start behind each, length. How large elements are the headers say.
    ArrayCopy, "array_copy", 0, [Ref I32 Ref I32 I32], [];
    /// `array.new_data`: immediates module type index, data segment; start in the segment in bytes, length in elements.
    ArrayNewData, "array_new_data", 2, [I32 I32], [Ref];
    /// `array.new_elem`: immediates module type index, element segment; start in the segment, length.
    ArrayNewElem, "array_new_elem", 2, [I32 I32], [Ref];
    /// `array.init_data`: immediate data segment; an array that is not null, start in it, start in the segment in bytes, length in elements.
    ArrayInitData, "array_init_data", 1, [Ref I32 I32 I32], [];
    /// `array.init_elem`: immediate element segment; an array that is not null, start in it, start in the segment, length.
    ArrayInitElem, "array_init_elem", 1, [Ref I32 I32 I32], [];
    /// Whether something with this type id (the header of an object, or that of a function) is of a type: immediate module type index. For those that
    /// the table of displays has no room for.
    IsSubtype, "is_subtype", 1, [I32], [I32];
    /// `any.convert_extern` of a handle, which is not null: a host cell with it.
    AnyConvertExtern, "any_convert_extern", 0, [Ref], [Ref];
}

impl Libcall {
    /// Whether the host meters what it does or may be long about it, so that code pays for everything before.
    pub const fn is_metered(self) -> bool {
        match self {
            Self::MemoryGrow | Self::MemoryCopy | Self::MemoryFill | Self::MemoryInit => true,
            Self::TableGrow | Self::TableFill | Self::TableCopy | Self::TableInit => true,
            Self::AtomicWait32 | Self::AtomicWait64 => true,
            Self::DataDrop | Self::ElemDrop | Self::RefFunc | Self::TableGet | Self::TableSet | Self::TableSize => {
                false
            }
            Self::CallIndirectSlow | Self::CallRefSlow | Self::AtomicNotify | Self::RaiseTrap => false,
            Self::Throw | Self::ThrowRef | Self::CaughtRef => false,
            Self::ArrayAlloc | Self::ArrayFill | Self::ArrayCopy => true,
            Self::ArrayNewData | Self::ArrayNewElem | Self::ArrayInitData | Self::ArrayInitElem => true,
            Self::HeapAlloc | Self::IsSubtype | Self::AnyConvertExtern => false,
        }
    }

    /// The byte offset of the entry in the table.
    pub const fn table_offset(self) -> i32 {
        self as i32 * 8
    }
}

/// Memory and static offset of an atomic wait or notify in one immediate: the memory's index in the low 16 bits. Offsets
/// beyond the largest possible memory are replaced by one that is beyond it and aligned, so they trap alike.
pub const fn atomic_place(memory: u32, offset: u64) -> u64 {
    const OFFSET_MAX: u64 = (1 << 48) - 16;
    let offset = if offset > OFFSET_MAX { OFFSET_MAX + (offset & 7) } else { offset };
    (memory & 0xffff) as u64 | offset << 16
}

/// The memory's index and the static offset of an [`atomic_place`].
pub const fn split_atomic_place(place: u64) -> (u32, u64) {
    ((place & 0xffff) as u32, place >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_fit_the_integer_registers() {
        for call in Libcall::ALL {
            assert!(1 + call.immediates() + call.params().len() <= 6, "{}", call.symbol());
            assert!(call.params().iter().all(|ty| ty.is_int_class()), "{}", call.symbol());
        }
    }
}
