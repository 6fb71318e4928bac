//! Traps of the canonical ABI: what a guest does wrong at its borders.

use std::str::Utf8Error;

use wasmer_api::Error;

/// Why a call across a component's border was refused. Comes as [`Error::Host`]; [`abi_trap`] finds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AbiTrap {
    /// An export is called while the component is in a call, or after it trapped.
    #[error("cannot enter component instance")]
    CannotEnter,
    /// An import is called where that is not allowed, for instance in `post-return`.
    #[error("cannot leave component instance")]
    CannotLeave,
    /// There is no such handle.
    #[error("unknown handle index {0}")]
    UnknownHandle(u32),
    /// The handle is of another resource type.
    #[error("handle index {index} used with the wrong type, expected {expected} but found {found}")]
    WrongHandleType {
        /// The handle.
        index: u32,
        /// What was expected.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A borrowed handle stands where one that owns must.
    #[error("handle index {0} is borrowed, where one that owns is needed")]
    NotOwned(u32),
    /// A resource is given away or dropped while it is lent.
    #[error("cannot remove owned resource while borrowed")]
    Lent,
    /// A call ends, and handles that were lent to it are still there.
    #[error("borrow handles still remain at the end of the call")]
    BorrowsRemain,
    /// A component has too many handles.
    #[error("the component has more than {} handles", crate::limits::HANDLES_MAX)]
    TooManyHandles,
    /// A pointer is not a multiple of the alignment.
    #[error("unaligned pointer")]
    Unaligned,
    /// A value is not inside the memory.
    #[error("pointer out of bounds of memory")]
    OutOfBounds,
    /// A string is not inside the memory.
    #[error("string pointer/length out of bounds of memory")]
    StringOutOfBounds,
    /// A list is not inside the memory.
    #[error("list pointer/length out of bounds of memory")]
    ListOutOfBounds,
    /// A string is not valid.
    #[error("{0}")]
    Utf8(#[from] Utf8Error),
    /// A string is not valid.
    #[error("invalid utf-16: unpaired surrogate")]
    Utf16,
    /// What the guest allocated is not inside its memory.
    #[error("realloc return: beyond end of memory")]
    ReallocOutOfBounds,
    /// What the guest allocated is not aligned.
    #[error("realloc return: result not aligned")]
    ReallocUnaligned,
    /// A number is no character.
    #[error("invalid `char` bit pattern")]
    InvalidChar,
    /// A number is no case.
    #[error("invalid variant discriminant")]
    InvalidDiscriminant,
    /// A string is longer than the other side's encoding allows.
    #[error("string content out-of-bounds")]
    StringTooLong,
    /// What would be lifted takes more memory of the host than a call may take.
    #[error("the values of one call take more than {} bytes of the host's memory", crate::limits::LIFTED_BYTES_MAX)]
    TooMuch,
    /// An adapter between two components traps.
    #[error("{0}")]
    Adapter(&'static str),
}

impl From<AbiTrap> for Error {
    #[cold]
    fn from(trap: AbiTrap) -> Self {
        Self::host(trap)
    }
}

/// The trap of the canonical ABI that an error is, if it is one.
pub fn abi_trap(error: &Error) -> Option<&AbiTrap> {
    error.downcast_host()
}
