//! The reasons a guest can trap, in one table: number, name and message derive from it.

use std::fmt;

macro_rules! trap_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $message:literal;)*) => {
        /// Why WebAssembly code stopped. The number is what compiled code and trap tables carry; it is never zero.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum TrapCode {
            $($(#[$doc])* $name = $number,)*
        }

        impl TrapCode {
            /// Every code, in the order of its number.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code with this number.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The reference interpreter's words for it, or a sentence that ends with them.
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$name => $message,)*
                }
            }
        }
    };
}

trap_codes! {
    /// `unreachable` was executed.
    Unreachable = 1, "unreachable";
    /// A load, store or bulk operation left its memory.
    MemoryOutOfBounds = 2, "out of bounds memory access";
    /// A table access left its table.
    TableOutOfBounds = 3, "out of bounds table access";
    /// `call_indirect` beyond the end of the table.
    UndefinedElement = 4, "undefined element";
    /// `call_indirect` through a null element.
    UninitializedElement = 5, "uninitialized element";
    /// `call_indirect` to a function of another type.
    IndirectCallTypeMismatch = 6, "indirect call type mismatch";
    /// `MIN / -1`, or a conversion outside the range of the result.
    IntegerOverflow = 7, "integer overflow";
    /// Division or remainder by zero.
    IntegerDivideByZero = 8, "integer divide by zero";
    /// A conversion of NaN to an integer.
    InvalidConversionToInteger = 9, "invalid conversion to integer";
    /// The wasm stack is exhausted.
    StackOverflow = 10, "stack overflow: call stack exhausted";
    /// The embedder ended the run (timeout or interrupt handle).
    Interrupted = 11, "interrupted";
    /// A null reference where a value was needed (`ref.as_non_null`, `call_ref`).
    NullReference = 12, "null reference";
    /// `call_ref` of null.
    NullFunctionReference = 13, "null function reference";
    /// An atomic access whose address is not a multiple of its size.
    UnalignedAtomic = 14, "unaligned atomic";
    /// `memory.atomic.wait` on a memory that is not shared.
    ExpectedSharedMemory = 15, "expected shared memory";
    /// A cast to a type that the reference does not have.
    CastFailure = 16, "cast failure";
    /// An exception that nothing caught.
    UncaughtException = 17, "unhandled exception";
    /// The host ran out of memory for a value that the guest asked for.
    AllocationTooLarge = 18, "allocation size too large";
    /// The store's fuel is used up, see [`CompileOptions::fuel`](crate::compile::CompileOptions::fuel).
    OutOfFuel = 19, "ran out of fuel";
    /// `throw_ref` of null.
    NullException = 20, "null exception reference";
    /// What the artifact says of the module is not what the compiler wrote.
    DamagedArtifact = 21, "the compiled artifact is damaged: remove it from the cache, or compile it again";
    /// An access to a struct through null.
    NullStructure = 22, "null structure reference";
    /// An access to an array through null.
    NullArray = 23, "null array reference";
    /// `i31.get_s` or `i31.get_u` of null.
    NullI31 = 24, "null i31 reference";
    /// An access left its array.
    ArrayOutOfBounds = 25, "out of bounds array access";
    /// The collected heap has no room for an object.
    GcHeapExhausted = 26, "GC heap exhausted";
}

/// Where an access left its memory.
///
/// Known of accesses that end in pages which cannot be accessed, of those that compiled code compares with the length itself, and of block operations,
/// atomic waits and data segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryFault {
    /// The first byte that was wanted; of an access that begins inside the memory the first one behind it. It can be beyond what the
    /// memory's addresses have room for where a static offset was added.
    pub address: u128,
    /// How many bytes were wanted from there, if that is known.
    pub len: Option<u64>,
    /// Which memory of the module it was, if that is certain.
    pub memory: Option<u32>,
    /// Bytes that the memory had.
    pub memory_bytes: u64,
}

impl fmt::Display for MemoryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at address {}", Hexadecimal(self.address))?;
        if let Some(len) = self.len {
            write!(f, " of {len} bytes")?;
        }
        match self.memory {
            Some(memory) => write!(f, " (memory {memory} has {} bytes)", self.memory_bytes),
            None => write!(f, " (the memory has {} bytes)", self.memory_bytes),
        }
    }
}

/// A number of which people see how long it is: `0x1_0000_0010`.
struct Hexadecimal(u128);

impl fmt::Display for Hexadecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = [112, 96, 80, 64, 48, 32, 16, 0].map(|shift| self.0 >> shift & 0xffff);
        let first = groups.iter().position(|group| *group != 0).unwrap_or(groups.len() - 1);
        write!(f, "{:#x}", groups[first])?;
        groups[first + 1..].iter().try_for_each(|group| write!(f, "_{group:04x}"))
    }
}

impl std::error::Error for TrapCode {}

impl fmt::Display for TrapCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_grouped() {
        let cases = [
            (0, "0x0"),
            (0xfff0, "0xfff0"),
            (0x1_0000, "0x1_0000"),
            (0x1_0000_0010, "0x1_0000_0010"),
            (u64::MAX.into(), "0xffff_ffff_ffff_ffff"),
            ((1 << 64) + 8, "0x1_0000_0000_0000_0008"),
            (u128::MAX, "0xffff_ffff_ffff_ffff_ffff_ffff_ffff_ffff"),
        ];
        for (address, text) in cases {
            assert_eq!(Hexadecimal(address).to_string(), text);
        }
        let fault = MemoryFault { address: 0x1_0000, len: None, memory: Some(0), memory_bytes: 65536 };
        assert_eq!(fault.to_string(), "at address 0x1_0000 (memory 0 has 65536 bytes)");
        let block = MemoryFault { len: Some(5), memory: None, ..fault };
        assert_eq!(block.to_string(), "at address 0x1_0000 of 5 bytes (the memory has 65536 bytes)");
    }

    #[test]
    fn numbers_round_trip() {
        for &code in TrapCode::ALL {
            assert_eq!(TrapCode::from_number(code as u8), Some(code));
        }
        assert_eq!(TrapCode::from_number(0), None);
    }
}
