//! What the compiler is called, and the convention of its code.

use wasmer_runtime_core::compiler::Abi;

/// The name in identities and messages.
pub(crate) const NAME: &str = "cranelift";

/// Cranelift's `tail` convention.
pub(crate) const ABI: Abi = Abi::new(0);
