//! The table of libcalls: rare operators that compiled code leaves to the host.
//!
//! Compiled code loads the entry from the table that the vmctx points to
//! ([`crate::layout::VMCTX_LIBCALLS`]) and calls it by the system's C convention: the vmctx first, then the
//! immediates, then the operands, at most six integer arguments in all, so that the stub that switches to the host's
//! stack never has to move stack arguments. A libcall that traps does not return.

use std::ops::Deref;

use crate::trap::TrapCode;
use crate::types::*;

/// Calls the macro `$then` with all libcalls, in the order of their numbers, after what else it is given. A row is
///
/// ```text
/// Name function(immediate: kind, …; operand: type, …) -> type, metered or not, saves;
/// ```
///
/// The immediates are known when code is compiled ([`Immediate`]), the operands are values of the guest's: an `i32` given for an `I64` is
/// zero-extended. The host meters what it does for a *metered* one, or may be long about it, so code pays for everything before. One that
/// *saves* may collect or park its caller: its stub leaves what C preserves where a collection and `resume` find it.
#[macro_export]
macro_rules! for_each_libcall {
    ($then:ident! $($given:tt)*) => {
        $then! {
            $($given)*
            /// `memory.grow` by pages: the old size in pages, or -1 (as 64 bits).
            MemoryGrow memory_grow(memory: MemoryIdx; delta: I64) -> I64, metered, saves;
            /// `memory.copy`.
            MemoryCopy memory_copy(to: MemoryIdx, from: MemoryIdx; destination: I64, source: I64, len: I64), metered;
            /// `memory.fill`.
            MemoryFill memory_fill(memory: MemoryIdx; destination: I64, byte: I32, len: I64), metered;
            /// `memory.init`.
            MemoryInit memory_init(segment: DataIdx, memory: MemoryIdx; destination: I64, source: I32, len: I32), metered;
            /// `data.drop`.
            DataDrop data_drop(segment: DataIdx;), unmetered;
            /// `table.get`.
            TableGet table_get(table: TableIdx; index: I64) -> Ref, unmetered;
            /// `table.set`.
            TableSet table_set(table: TableIdx; index: I64, value: Ref), unmetered;
            /// `table.size` in elements.
            TableSize table_size(table: TableIdx;) -> I64, unmetered;
            /// `table.grow`: the old size, or -1 (as 64 bits).
            TableGrow table_grow(table: TableIdx; value: Ref, delta: I64) -> I64, metered, saves;
            /// `table.fill`.
            TableFill table_fill(table: TableIdx; start: I64, value: Ref, len: I64), metered;
            /// `table.copy`.
            TableCopy table_copy(to: TableIdx, from: TableIdx; destination: I64, source: I64, len: I64), metered;
            /// `table.init`.
            TableInit table_init(segment: ElemIdx, table: TableIdx; destination: I64, source: I32, len: I32), metered;
            /// `elem.drop`.
            ElemDrop elem_drop(segment: ElemIdx;), unmetered;
            /// `ref.func`: a pointer to its `VMFuncRef`.
            RefFunc ref_func(function: FuncIdx;) -> Ref, unmetered;
            /// The slow path of `call_indirect`, taken when the element, which is within bounds, is null, not filled in yet, or of another
            /// canonical type id. Returns a function reference callable by the calling backend's convention, or traps.
            CallIndirectSlow call_indirect_slow(table: TableIdx, ty: TypeIdx; index: I64) -> Ref, unmetered;
            /// The slow path of `call_ref`, taken when the ABI of the reference, which is not null, is not the calling backend's. Returns one
            /// that is.
            CallRefSlow call_ref_slow(ty: TypeIdx; reference: Ref) -> Ref, unmetered;
            /// `memory.atomic.notify`: waiters woken.
            AtomicNotify atomic_notify(place: AtomicPlace; index: I64, count: I32) -> I32, unmetered;
            /// `memory.atomic.wait32`; the timeout is in ns.
            AtomicWait32 atomic_wait32(place: AtomicPlace; index: I64, expected: I32, timeout: I64) -> I32, metered;
            /// `memory.atomic.wait64`; the timeout is in ns.
            AtomicWait64 atomic_wait64(place: AtomicPlace; index: I64, expected: I64, timeout: I64) -> I32, metered;
            /// Find the handler of the exception on its way (`VMSTORE_CAUGHT_TAG`) among the callers of the code that calls this: never
            /// returns.
            Throw throw(;), unmetered;
            /// Make an exception the one that is on its way, trapping on null.
            ThrowRef throw_ref(; reference: Ref), unmetered;
            /// A reference to the exception that is on its way.
            CaughtRef caught_ref(;) -> Ref, unmetered, saves;
            /// Raise a trap. For backends without an inline trap instruction at hand.
            RaiseTrap raise_trap(code: TrapCode;), unmetered;
            /// An object of so many bytes where code found no room in the run that it allocates from. All zeros but for its header and, if it
            /// is an array, its length: as many elements as there is room for, until code writes how many it has.
            HeapAlloc heap_alloc(ty: TypeIdx, bytes: u32;) -> Ref, unmetered, saves;
            /// An array. All zeros but for its header and length.
            ArrayAlloc array_alloc(ty: TypeIdx; len: I32) -> Ref, metered, saves;
            /// `array.fill` of one that is not null with the element's bits. How large elements are the array's header says.
            ArrayFill array_fill(; array: Ref, start: I32, bits: I64, len: I32), metered;
            /// `array.copy` of those that are not null. How large elements are the headers say.
            ArrayCopy array_copy(; to: Ref, to_start: I32, from: Ref, from_start: I32, len: I32), metered;
            /// `array.new_data`: the start is in bytes, the length in elements.
            ArrayNewData array_new_data(ty: TypeIdx, segment: DataIdx; start: I32, len: I32) -> Ref, metered, saves;
            /// `array.new_elem`.
            ArrayNewElem array_new_elem(ty: TypeIdx, segment: ElemIdx; start: I32, len: I32) -> Ref, metered, saves;
            /// `array.init_data` of one that is not null: the start in the segment is in bytes, the length in elements.
            ArrayInitData array_init_data(segment: DataIdx; array: Ref, to: I32, from: I32, len: I32), metered;
            /// `array.init_elem` of one that is not null.
            ArrayInitElem array_init_elem(segment: ElemIdx; array: Ref, to: I32, from: I32, len: I32), metered;
            /// Whether something with this type id (the header of an object, or that of a function) is of a type. For types that the table of
            /// displays has no room for.
            IsSubtype is_subtype(ty: TypeIdx; type_id: I32) -> I32, unmetered;
            /// `any.convert_extern` of a handle, which is not null: a host cell with it.
            AnyConvertExtern any_convert_extern(; reference: Ref) -> Ref, unmetered, saves;
        }
    };
}

macro_rules! define {
    ($(
        $(#[$doc:meta])*
        $name:ident $function:ident($($immediate:ident: $kind:ident),*; $($operand:ident: $ty:ident),*) $(-> $result:ident)?,
        $metering:ident $(, $saves:ident)?;
    )*) => {
        /// A libcall. The number is its position in the table of entries.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Libcall {
            $($(#[$doc])* $name,)*
        }

        /// A libcall as one place in code asks for it: with its immediates.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "immediates are named like the specification's")]
        pub enum HostCall {
            $($(#[$doc])* $name { $($immediate: $kind),* },)*
        }

        impl Libcall {
            /// Every libcall, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in disassembly and backtraces.
            pub const fn symbol(self) -> &'static str {
                match self { $(Self::$name => stringify!($function),)* }
            }

            /// 64-bit immediates between the vmctx and the operands.
            pub const fn immediates(self) -> usize {
                match self { $(Self::$name => <[&str]>::len(&[$(stringify!($immediate)),*]),)* }
            }

            /// Operand types.
            pub const fn params(self) -> &'static [Ty] {
                match self { $(Self::$name => &[$(Ty::$ty),*],)* }
            }

            /// The result type.
            pub const fn result(self) -> Option<Ty> {
                match self { $(Self::$name => define!(@result $($result)?),)* }
            }

            /// Whether the host meters what it does or may be long about it, so that code pays for everything before.
            pub const fn is_metered(self) -> bool {
                match self { $(Self::$name => define!(@ $metering),)* }
            }
        }

        impl HostCall {
            /// Which one it is.
            pub const fn libcall(self) -> Libcall {
                match self { $(Self::$name { .. } => Libcall::$name,)* }
            }

            /// The arguments between the vmctx and the operands.
            pub fn immediates(self) -> Immediates {
                match self { $(Self::$name { $($immediate),* } => Immediates::of([$($immediate.word()),*]),)* }
            }
        }
    };
    (@result) => { None };
    (@result $result:ident) => { Some(Ty::$result) };
    (@ metered) => { true };
    (@ unmetered) => { false };
}

for_each_libcall!(define!);

impl Libcall {
    /// The byte offset of the entry in the table.
    pub const fn table_offset(self) -> i32 {
        self as i32 * 8
    }
}

/// The immediates of a [`HostCall`] as arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Immediates {
    words: [u64; Self::MAX],
    len: usize,
}

impl Immediates {
    const MAX: usize = 2;

    fn of<const LEN: usize>(given: [u64; LEN]) -> Self {
        let mut words = [0; Self::MAX];
        words[..LEN].copy_from_slice(&given);
        Self { words, len: LEN }
    }
}

impl Deref for Immediates {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        &self.words[..self.len]
    }
}

/// What can be an immediate of a libcall: it goes through code as a word of 64 bits.
pub trait Immediate: Copy {
    /// The word.
    fn word(self) -> u64;

    /// What the word stands for. Only called with words that were made by [`word`](Self::word), but code is not trusted: another one gives any value.
    fn of_word(word: u64) -> Self;
}

macro_rules! immediate_indices {
    ($($index:ident)*) => {
        $(impl Immediate for $index {
            fn word(self) -> u64 {
                self.0.into()
            }

            fn of_word(word: u64) -> Self {
                Self(word as u32)
            }
        })*
    };
}

immediate_indices!(MemoryIdx DataIdx TableIdx ElemIdx FuncIdx TypeIdx);

impl Immediate for u32 {
    fn word(self) -> u64 {
        self.into()
    }

    fn of_word(word: u64) -> Self {
        word as Self
    }
}

impl Immediate for TrapCode {
    fn word(self) -> u64 {
        self as u64
    }

    fn of_word(word: u64) -> Self {
        u8::try_from(word).ok().and_then(Self::from_number).unwrap_or(Self::Unreachable)
    }
}

/// Memory and static offset of an atomic wait or notify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtomicPlace {
    /// The memory, one of the first 65,536.
    pub memory: MemoryIdx,
    /// The offset in bytes, less than 2⁴⁸.
    pub offset: u64,
}

impl AtomicPlace {
    /// An offset beyond the largest possible memory is replaced by one that is beyond it and aligned, so it traps alike.
    pub fn new(memory: MemoryIdx, offset: u64) -> Self {
        const OFFSET_MAX: u64 = (1 << 48) - 16;
        Self { memory, offset: if offset > OFFSET_MAX { OFFSET_MAX + (offset & 7) } else { offset } }
    }
}

impl Immediate for AtomicPlace {
    fn word(self) -> u64 {
        u64::from(self.memory.0 & 0xffff) | self.offset << 16
    }

    fn of_word(word: u64) -> Self {
        Self { memory: MemoryIdx(word as u32 & 0xffff), offset: word >> 16 }
    }
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

    #[test]
    fn immediates_arrive_as_they_were() {
        fn check<I: Immediate + PartialEq + std::fmt::Debug>(immediate: I) {
            assert_eq!(I::of_word(immediate.word()), immediate);
        }
        check(MemoryIdx(u32::MAX));
        check(u32::MAX);
        TrapCode::ALL.iter().copied().for_each(check);
        check(AtomicPlace::new(MemoryIdx(3), 0));
        check(AtomicPlace::new(MemoryIdx(0xffff), u64::MAX));
        let call = HostCall::MemoryCopy { to: MemoryIdx(1), from: MemoryIdx(2) };
        assert_eq!((call.libcall(), &*call.immediates()), (Libcall::MemoryCopy, &[1, 2][..]));
    }
}
