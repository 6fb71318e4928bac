//! Components taken apart: from the bytes of a component to its core modules, the adapters between its parts as core modules, and flat instructions
//! for putting an instance together ([`ComponentInfo`]).
//!
//! The way is: our own validator accepts the component; `wasmtime-environ`, a crate that nothing else here may import, resolves nesting and makes
//! adapters; what it says is converted at once, so that nothing of it is seen outside. Bodies of core functions are not looked at: whoever compiles
//! the modules validates them.
//!
//! What needs the asynchronous part of the component model is refused by name ([`TranslateError::Unsupported`]).

mod check;
mod convert;
mod error;
#[allow(missing_docs, reason = "what is derived for tuple variants has fields without")]
pub mod info;
pub mod names;
mod translate;
mod types;
pub mod wit;

pub use error::TranslateError;
pub use info::ComponentInfo;
pub use translate::{Translation, adapter_trap, is_component, translate, validate};

/// A digest of this crate's sources: part of the key of what is cached of a component.
pub const SOURCE_DIGEST: &str = env!("SOURCE_DIGEST");
