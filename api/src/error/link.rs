//! Why imports and exports do not come together.

use std::error::Error as StdError;

/// Why a module cannot be linked, or what was asked of an instance is not there.
///
/// ```
/// use wasmer_api::{Linker, LinkError};
///
/// let mut linker = Linker::<()>::new();
/// linker.func_wrap("host", "log", |code: i32| println!("{code}"))?;
/// let error = linker.func_wrap("host", "log", |_: i64| ()).err().unwrap();
/// match error.as_link() {
///     Some(LinkError::DefinedTwice { module, name, .. }) => assert_eq!((&**module, &**name), ("host", "log")),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<_, wasmer_api::Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Nothing has the name of an import.
    #[error("unknown import: `{module}.{name}` has not been defined")]
    #[non_exhaustive]
    Undefined {
        /// The import's module name.
        module: String,
        /// Its name.
        name: String,
    },
    /// What is given for an import is of another type, in the words of the specification's tests.
    #[error(
        "incompatible import type for `{module}.{name}`: expected {expected}, found {found}{}",
        same(expected, found)
    )]
    #[non_exhaustive]
    Incompatible {
        /// The import's module name.
        module: String,
        /// Its name.
        name: String,
        /// The import's type, in the text format.
        expected: String,
        /// The type of what is given.
        found: String,
    },
    /// A linker has something of this name already, and was not told that names may be defined again.
    #[error("`{module}.{name}` is defined twice")]
    #[non_exhaustive]
    DefinedTwice {
        /// The import's module name.
        module: String,
        /// Its name.
        name: String,
    },
    /// As many entities as a module has imports have to be given.
    #[error("the module has {expected} imports, not {given}")]
    #[non_exhaustive]
    ImportCount {
        /// How many imports there are.
        expected: usize,
        /// How many entities were given.
        given: usize,
    },
    /// No exported function has the name.
    #[error("the module exports no function `{name}`")]
    #[non_exhaustive]
    NoFunction {
        /// The name.
        name: String,
    },
    /// There are not so many exports.
    #[error("the module has no export number {position}")]
    #[non_exhaustive]
    NoExportAt {
        /// The position that was asked for, from zero on.
        position: usize,
    },
    /// What a layer above this crate says: [`Error::downcast_ref`](crate::Error::downcast_ref) finds its error.
    #[error(transparent)]
    Other(Box<dyn StdError + Send + Sync>),
}

/// What is written alike can be of other recursion groups, or have other supertypes or subtypes.
fn same(expected: &str, found: &str) -> &'static str {
    if expected == found { " of another type definition" } else { "" }
}

impl LinkError {
    /// What a layer above says.
    pub fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }

    pub(crate) fn within(&self) -> Option<&(dyn StdError + 'static)> {
        if let Self::Other(error) = self { Some(&**error) } else { None }
    }
}
