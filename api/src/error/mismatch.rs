//! Why values, types and handles do not fit together.

use std::error::Error as StdError;
use std::fmt;

use wasmer_runtime_core::types::{FuncType, RefType, ValType};

use crate::describe::Described;
use crate::value::Val;

/// Values, types or handles that do not fit together.
///
/// ```
/// use wasmer_api::{Engine, EngineConfig, Func, Store, TypeError};
/// use wasmer_runtime_core::types::{FuncType, ValType};
///
/// let mut store = Store::new(&Engine::new(EngineConfig::headless())?, ());
/// let double = Func::wrap(&mut store, |value: i32| value * 2)?;
/// let error = double.typed::<i64, i64>(&store).err().unwrap();
/// match error.as_type() {
///     Some(TypeError::Func { found, asked, .. }) => {
///         assert_eq!(found.ty, FuncType::new([ValType::I32], [ValType::I32]));
///         assert_eq!(*asked, FuncType::new([ValType::I64], [ValType::I64]));
///     }
///     other => panic!("{other:?}"),
/// }
/// # Ok::<_, wasmer_api::Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TypeError {
    /// A handle is of another store than the one it is used with.
    #[error("the {what} belongs to another store")]
    #[non_exhaustive]
    Store {
        /// What the handle is of.
        what: &'static str,
    },
    /// A function's type is another one than was asked for.
    #[error("the function has type {found}, not {asked}")]
    #[non_exhaustive]
    Func {
        /// The function's type.
        found: Described<FuncType>,
        /// What it was taken for.
        asked: FuncType,
    },
    /// An export does not fit.
    #[error("export `{name}`: {error}")]
    #[non_exhaustive]
    Export {
        /// Its name.
        name: String,
        /// Why.
        error: Box<TypeError>,
    },
    /// A function was called with more or fewer values than its type has.
    #[error("a function of type {ty} was called with {arguments} arguments for {results} results")]
    #[non_exhaustive]
    Arity {
        /// The function's type.
        ty: Described<FuncType>,
        /// How many arguments there were.
        arguments: usize,
        /// How many results there was room for.
        results: usize,
    },
    /// A value is of another type than its place.
    #[error("{}", place.refuses(value, expected))]
    #[non_exhaustive]
    Value {
        /// Where it was to go.
        place: Place,
        /// The value.
        value: Val,
        /// The place's type.
        expected: Described<ValType>,
    },
    /// More or fewer values were given than something consists of.
    #[error("the {of} has {expected} {parts}, not {given}")]
    #[non_exhaustive]
    Count {
        /// What has parts.
        of: &'static str,
        /// What they are.
        parts: &'static str,
        /// How many there are.
        expected: usize,
        /// How many were given.
        given: usize,
    },
    /// A table, struct or array has no part of this number.
    #[error("{}", place.absent())]
    #[non_exhaustive]
    OutOfBounds {
        /// The part that is not there.
        place: Place,
    },
    /// Bytes are not, or not all, inside a memory.
    #[error("{len} bytes at {address:#x} are not inside the memory")]
    #[non_exhaustive]
    OutOfMemory {
        /// Where they start.
        address: usize,
        /// How many they are.
        len: usize,
    },
    /// What was to be written cannot change.
    #[error("{}", place.fixed())]
    #[non_exhaustive]
    Immutable {
        /// What it is.
        place: Place,
    },
    /// A reference or a type is not one of what it is used as.
    #[error("the reference or type is not one of a {expected}")]
    #[non_exhaustive]
    Kind {
        /// `struct`, `array` or the like.
        expected: &'static str,
    },
    /// Other threads may be using a shared memory.
    #[error("a shared memory cannot be borrowed; use its address and length")]
    SharedMemory,
    /// Pages of memories cannot have this size.
    #[error("a page has 1 or 65536 bytes, not 2^{page_size_log2}")]
    #[non_exhaustive]
    PageSize {
        /// The logarithm of the size in bytes.
        page_size_log2: u8,
    },
    /// Functions on raw values cannot take or return host references.
    #[error("a function on raw values cannot have type {ty}")]
    #[non_exhaustive]
    RawFunc {
        /// The function's type.
        ty: Described<FuncType>,
    },
    /// The type of a tag has no results.
    #[error("a tag has no results, unlike {ty}")]
    #[non_exhaustive]
    TagResults {
        /// The type.
        ty: Described<FuncType>,
    },
    /// A struct type has more fields than there can be.
    #[error("a struct cannot have {fields} fields")]
    #[non_exhaustive]
    StructFields {
        /// How many.
        fields: usize,
    },
    /// More values than an array has elements.
    #[error("an array has fewer elements")]
    #[non_exhaustive]
    ArrayElements {
        /// How many.
        elements: usize,
    },
    /// A type names another one by a number that nobody has.
    #[error("the function type in {ty} is of no module or function that there is")]
    #[non_exhaustive]
    Unknown {
        /// The type that names it.
        ty: RefType,
    },
    /// What a layer above this crate says: [`Error::downcast_ref`](crate::Error::downcast_ref) finds its error.
    #[error(transparent)]
    Other(Box<dyn StdError + Send + Sync>),
}

/// Where a value stands, or was to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// An argument of a call, by its position.
    Argument(usize),
    /// A result of a host function.
    HostResult,
    /// A value of an exception, by its position.
    ExceptionValue(usize),
    /// A field of a struct.
    Field(usize),
    /// An element of an array; every element without a number.
    Element(Option<u32>),
    /// An element of a table; any element without a number.
    TableElement(Option<u64>),
    /// A global.
    Global,
}

impl Place {
    /// That it does not take a value.
    fn refuses(self, value: &Val, ty: &Described<ValType>) -> String {
        match self {
            Self::HostResult => format!("a host function returned {value:?} for a result of type {ty}"),
            Self::TableElement(_) => format!("{value:?} is not an element of a table of {ty}"),
            Self::Global => format!("{value:?} is not a value of type {ty}"),
            place => format!("{place} is {value:?}, not a value of type {ty}"),
        }
    }

    /// That it is not there.
    fn absent(self) -> String {
        match self {
            Self::Field(_) => format!("the struct has no {self}"),
            Self::Element(_) => format!("the array has no {self}"),
            Self::TableElement(Some(index)) => format!("index {index} is not inside the table"),
            place => format!("there is no {place}"),
        }
    }

    /// That it cannot be written.
    fn fixed(self) -> String {
        match self {
            Self::Element(_) => "the elements are not mutable".to_owned(),
            Self::Global => "the global is immutable".to_owned(),
            place => format!("{place} is not mutable"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(position) => write!(f, "argument {position}"),
            Self::HostResult => f.write_str("a result of a host function"),
            Self::ExceptionValue(position) => write!(f, "value {position}"),
            Self::Field(position) => write!(f, "field {position}"),
            Self::Element(Some(index)) => write!(f, "element {index}"),
            Self::Element(None) => f.write_str("an element"),
            Self::TableElement(Some(index)) => write!(f, "element {index} of the table"),
            Self::TableElement(None) => f.write_str("an element of the table"),
            Self::Global => f.write_str("the global"),
        }
    }
}

impl TypeError {
    /// What a layer above says.
    pub fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }

    /// That a value is not of its place's type.
    pub(crate) fn value(place: Place, value: &Val, expected: ValType) -> Self {
        Self::Value { place, value: value.clone(), expected: Described::val(expected) }
    }

    pub(crate) fn within(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Other(error) => Some(&**error),
            Self::Export { error, .. } => Some(&**error),
            _ => None,
        }
    }
}
