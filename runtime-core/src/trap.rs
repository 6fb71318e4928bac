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
    /// The store's fuel is used up, see [`crate::compile::CompileOptions`].
    OutOfFuel = 19, "ran out of fuel";
}

impl fmt::Display for TrapCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for &code in TrapCode::ALL {
            assert_eq!(TrapCode::from_number(code as u8), Some(code));
        }
        assert_eq!(TrapCode::from_number(0), None);
    }
}
