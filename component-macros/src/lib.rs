//! Macros of the crate `wasmer-component`, which exports them: derives for types of components, and `bindgen!`, which writes Rust for a world of WIT.
//!
//! What is written here are names and types; how values are laid out stands in the declarative macros of `wasmer-component` alone, which the output invokes.

mod bindgen;
mod derive;

use proc_macro::TokenStream;

/// The output, or compile errors.
fn finish(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result.unwrap_or_else(|error| error.to_compile_error()).into()
}

/// What `bindgen!` of `wasmer-component` invokes, with the name of that crate before the options.
#[doc(hidden)]
#[proc_macro]
pub fn bindgen(input: TokenStream) -> TokenStream {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    finish(bindgen::expand(input.into(), root.as_ref()))
}

/// `wasmer-component` documents it.
#[proc_macro_derive(Record, attributes(component))]
pub fn record(input: TokenStream) -> TokenStream {
    finish(derive::record(input.into()))
}

/// `wasmer-component` documents it.
#[proc_macro_derive(Variant, attributes(component))]
pub fn variant(input: TokenStream) -> TokenStream {
    finish(derive::variant(input.into()))
}

/// `wasmer-component` documents it.
#[proc_macro_derive(Enumeration, attributes(component))]
pub fn enumeration(input: TokenStream) -> TokenStream {
    finish(derive::enumeration(input.into()))
}

/// `wasmer-component` documents it.
#[proc_macro_derive(Flags, attributes(component))]
pub fn flags(input: TokenStream) -> TokenStream {
    finish(derive::flags(input.into()))
}
