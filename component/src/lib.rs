//! Components: WebAssembly's component model on top of engines, stores and modules.
//!
//! A [`Component`] is compiled once. A [`ComponentLinker`] has what the host offers: interfaces by name, in each functions and resource types. It makes
//! [`ComponentInstance`]s, whose functions are called with untyped [`Val`]s ([`ComponentFunc`]) or with types that Rust knows ([`TypedComponentFunc`]).
//!
//! ```
//! use wasmer_component::{Borrow, Bytes, ComponentLinker, Own, ResourceType};
//! # use wasmer_api::Error;
//!
//! /// The store's data.
//! #[derive(Default)]
//! struct Host { files: Vec<Vec<u8>> }
//!
//! /// Names a resource type; there are no values of it. The host has a number for each resource.
//! enum File {}
//!
//! wasmer_component::enumeration! {
//!     pub enum ErrorCode { Access = "access", NoEntry = "no-entry" }
//! }
//!
//! let mut linker = ComponentLinker::<Host>::new();
//! linker
//!     .instance("example:files/types@0.2.3")
//!     // `resource file`, and what happens when a guest drops one that it owns.
//!     .resource("file", ResourceType::host::<File>(), |caller, rep| {
//!         caller.data_mut().files[rep as usize].clear();
//!         Ok(())
//!     })?
//!     // `open: func(name: string) -> result<file, error-code>`: an inner `Result` is WIT's, the outer one's error stops the guest.
//!     .func_wrap("open", |caller, (name,): (String,)| {
//!         if name != "new" {
//!             return Ok(Err(ErrorCode::NoEntry));
//!         }
//!         caller.data_mut().files.push(Vec::new());
//!         Ok(Ok(Own::<File>::new(caller.data().files.len() as u32 - 1)))
//!     })?
//!     // `resource file { write: func(data: list<u8>) }`: the bytes stay where they are in the guest.
//!     .func_wrap("[method]file.write", |caller, (file, data): (Borrow<File>, Bytes)| {
//!         let (host, bytes) = data.with_data(caller)?;
//!         host.files[file.rep as usize].extend_from_slice(bytes);
//!         Ok(())
//!     })?
//!     // `resource file { read: func(len: u64) -> list<u8> }`
//!     .func_wrap("[method]file.read", |caller, (file, len): (Borrow<File>, u64)| {
//!         let file = &caller.data().files[file.rep as usize];
//!         Ok(file[..file.len().min(len as usize)].to_vec())
//!     })?;
//! # Ok::<_, Error>(())
//! ```
//!
//! # Types
//! | WIT | Rust |
//! |---|---|
//! | `bool`, `u8` … `s64`, `f32`, `f64`, `char` | `bool`, `u8` … `i64`, `f32`, `f64`, `char` |
//! | `string` | `String`; `&str` to the guest |
//! | `list<T>` | `Vec<T>`; `&[T]` to the guest; [`Bytes`] for `list<u8>` from the guest, without a copy |
//! | `option<T>`, `result<T, E>`, `tuple<…>` | `Option<T>`, `Result<T, E>`, tuples; `()` for what is not there |
//! | `record`, `variant`, `enum`, `flags` | what derives [`Record`], [`Variant`], [`Enumeration`], [`Flags`]; what [`record!`], [`variant!`], [`enumeration!`] and [`flags!`] declare |
//! | `R`, `borrow<R>` of the host | [`Own<R>`](Own), [`Borrow<R>`](Borrow) with the host's number |
//! | `R`, `borrow<R>` of the component | [`GuestOwn<R>`](GuestOwn), and a reference to one |
//! | what is lowered | a reference to it, too |
//!
//! [`bindgen!`] writes all of this from WIT. Types are compared when an instance is made, so that a call need not look at them. What a guest does wrong at its borders is an [`AbiTrap`].

mod async_host;
mod bytes;
mod cell;
mod component;
mod cx;
mod declared;
mod error;
mod fits;
mod guest;
mod guest_resource;
mod handles;
mod host;
mod instance;
mod instantiate;
mod library;
mod limits;
mod linker;
#[doc(hidden)]
pub mod macros;
mod mismatch;
mod resource;
mod state;
mod strings;
mod trampolines;
mod transcode;
mod typed;
mod val;
mod wave;

pub use async_host::HostFuture;
pub use bytes::Bytes;
pub use component::{Component, refused};
pub use cx::{Cx, Flat, FlatOut};
pub use declared::{DeclaredFunc, Signature};
pub use error::{AbiTrap, abi_trap};
pub use guest::Part;
pub use guest_resource::{GuestOwn, GuestResource, Resource};
pub use instance::{ComponentFunc, ComponentInstance, TypedComponentFunc};
pub use instantiate::ComponentInstancePre;
pub use library::{Define, Library, Method};
pub use linker::{ComponentLinker, LinkerInstance};
pub use mismatch::{ComponentLinkError, ComponentTypeError, Hint};
pub use resource::{Borrow, Own, ResourceType};
pub use typed::{ComponentType, Lift, Lower, TypeContext};
pub use val::Val;
pub use wasmer_component_translate::info::{self, Import};
pub use wasmer_component_translate::wit::world as wit;
pub use wasmer_component_translate::{
    ComponentInfo, SOURCE_DIGEST, TranslateError, Translation, is_component, translate, validate,
};

/// An enum that is `Copy` stands for an `enum` of at most 256 cases.
///
/// Cases are called as in WIT in camel case, or what `#[component(name = "...")]` says; `crate` is as of [`Record`](macro@Record).
///
/// ```
/// use wasmer_runtime::component::Enumeration;
///
/// /// `enum colour { red, dark-blue }`
/// #[derive(Clone, Copy, Enumeration)]
/// enum Colour {
///     Red,
///     DarkBlue,
/// }
/// ```
#[doc(inline)]
pub use wasmer_component_macros::Enumeration;
/// A struct of `bool`s stands for `flags` of at most 32 names.
///
/// Fields are called as in WIT with `_` for `-`, or what `#[component(name = "...")]` says; `crate` is as of [`Record`](macro@Record).
///
/// ```
/// use wasmer_runtime::component::Flags;
///
/// /// `flags rights { read, write }`
/// #[derive(Flags)]
/// struct Rights {
///     read: bool,
///     write: bool,
/// }
/// ```
#[doc(inline)]
pub use wasmer_component_macros::Flags;
/// A struct stands for a `record`: its fields are the record's, in order.
///
/// A field is called as in WIT with `_` for `-`, or what `#[component(name = "...")]` says. A program that depends on another crate than `wasmer-runtime`
/// says so on the type: `#[component(crate = my_crate::component)]`.
///
/// ```
/// use wasmer_runtime::component::Record;
///
/// /// `record point { x: s32, y: s32, drawn-by: string }`
/// #[derive(Record)]
/// struct Point {
///     x: i32,
///     y: i32,
///     #[component(name = "drawn-by")]
///     author: String,
/// }
/// ```
#[doc(inline)]
pub use wasmer_component_macros::Record;
/// An enum stands for a `variant` of at most 256 cases, each with one value or none.
///
/// Cases are called as in WIT in camel case, or what `#[component(name = "...")]` says; `crate` is as of [`Record`](macro@Record).
///
/// ```
/// use wasmer_runtime::component::Variant;
///
/// /// `variant start { beginning, at-byte(u64) }`
/// #[derive(Variant)]
/// enum Start {
///     Beginning,
///     AtByte(u64),
/// }
/// ```
#[doc(inline)]
pub use wasmer_component_macros::Variant;
