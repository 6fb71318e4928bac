//! Rust types for records, variants, enums and flags, each with the names that WIT has for its parts.

/// What the macros name.
#[doc(hidden)]
pub mod names {
    pub use wasmer_api::{AsStoreMut, Result};
    pub use wasmer_component_macros::bindgen;
    pub use wasmer_component_translate::info::{DefKind, Type};

    pub use crate::cx::{Cx, Flat, FlatOut};
    pub use crate::error::AbiTrap;
    pub use crate::typed::{ComponentType, Lift, Lower, TypeContext, larger, part, payload_at, with_cases};

    /// The place of a field, and where the next may be.
    pub const fn place<T: ComponentType>(next: u32) -> (u32, u32) {
        let at = next.next_multiple_of(T::ALIGN);
        (at, at.wrapping_add(T::SIZE))
    }

    /// Flags from memory: up to 32 of them.
    pub fn load_flags(cx: &mut Cx<'_>, at: u32, size: u32) -> Result<u32> {
        let mut bytes = [0; 4];
        bytes[..size as usize].copy_from_slice(cx.bytes(at, size as usize)?);
        Ok(u32::from_le_bytes(bytes))
    }

    /// Flags, or the number of a case, to memory.
    pub fn store_bits(cx: &mut Cx<'_>, at: u32, size: u32, bits: u32) -> Result<()> {
        cx.bytes_mut(at, size as usize)?.copy_from_slice(&bits.to_le_bytes()[..size as usize]);
        Ok(())
    }

    /// The number of a case, from memory.
    pub fn load_case(cx: &mut Cx<'_>, at: u32) -> Result<u32> {
        Ok(u32::from(cx.bytes(at, 1)?[0]))
    }
}

/// A Rust struct that stands for a `record`.
///
/// ```
/// wasmer_component::record! {
///     /// A point in time.
///     #[derive(Clone, Copy, Debug, PartialEq)]
///     pub struct Datetime {
///         pub seconds: u64 = "seconds",
///         pub nanoseconds: u32 = "nanoseconds",
///     }
/// }
/// ```
#[macro_export]
macro_rules! record {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $ty:ty = $wit:literal),* $(,)?
    }) => {
        $(#[$meta])* $vis struct $name { $($(#[$field_meta])* $field_vis $field: $ty,)* }

        $crate::record!(@impl $name { $($field: $ty = $wit,)* });
    };
    (@impl $name:ident { $($field:ident: $ty:ty = $wit:literal,)* }) => {
        const _: () = {
            use $crate::macros::names as __names;

            impl __names::ComponentType for $name {
                const HANDLES: bool = false $(|| <$ty as __names::ComponentType>::HANDLES)*;
                const FLAT: usize = 0 $(+ <$ty as __names::ComponentType>::FLAT)*;
                const SIZE: u32 = {
                    let next = 0;
                    $(let (_, next) = __names::place::<$ty>(next);)*
                    u32::next_multiple_of(next, <Self as __names::ComponentType>::ALIGN)
                };
                const ALIGN: u32 = {
                    let align = 1;
                    $(let align = __names::larger(align, <$ty as __names::ComponentType>::ALIGN);)*
                    align
                };

                fn matches(ty: __names::Type, cx: &__names::TypeContext<'_>) -> bool {
                    let Some(__names::DefKind::Record(fields)) = cx.def(ty).map(|def| &def.kind) else { return false };
                    let mut fields = fields.iter();
                    $(if !fields.next().is_some_and(|field| field.name == $wit && <$ty as __names::ComponentType>::matches(field.ty, cx)) {
                        return false;
                    })*
                    fields.next().is_none()
                }
            }

            impl __names::Lift for $name
            where
                $($ty: __names::Lift,)*
            {
                fn lift(cx: &mut __names::Cx<'_>, ty: __names::Type, src: &mut __names::Flat<'_>) -> __names::Result<Self> {
                    let mut positions = 0_usize..;
                    Ok(Self { $($field: {
                        let inner = __names::part::<$ty>(cx, ty, positions.next().unwrap_or_default());
                        <$ty as __names::Lift>::lift(cx, inner, src)?
                    },)* })
                }

                fn load(cx: &mut __names::Cx<'_>, ty: __names::Type, at: u32) -> __names::Result<Self> {
                    let mut positions = 0_usize..;
                    let next = at;
                    $(
                        let (at, next) = __names::place::<$ty>(next);
                        let inner = __names::part::<$ty>(cx, ty, positions.next().unwrap_or_default());
                        let $field = <$ty as __names::Lift>::load(cx, inner, at)?;
                    )*
                    let _ = next;
                    Ok(Self { $($field,)* })
                }
            }

            impl __names::Lower for $name
            where
                $($ty: __names::Lower,)*
            {
                fn lower(&self, cx: &mut __names::Cx<'_>, ty: __names::Type, dst: &mut __names::FlatOut<'_>) -> __names::Result<()> {
                    let mut positions = 0_usize..;
                    $(
                        let inner = __names::part::<$ty>(cx, ty, positions.next().unwrap_or_default());
                        <$ty as __names::Lower>::lower(&self.$field, cx, inner, dst)?;
                    )*
                    Ok(())
                }

                fn store(&self, cx: &mut __names::Cx<'_>, ty: __names::Type, at: u32) -> __names::Result<()> {
                    let mut positions = 0_usize..;
                    let next = at;
                    $(
                        let (at, next) = __names::place::<$ty>(next);
                        let inner = __names::part::<$ty>(cx, ty, positions.next().unwrap_or_default());
                        <$ty as __names::Lower>::store(&self.$field, cx, inner, at)?;
                    )*
                    let _ = next;
                    Ok(())
                }
            }
        };
    };
}

/// A Rust enum that stands for a `variant` of at most 256 cases, each with one value or none.
///
/// ```
/// wasmer_component::variant! {
///     /// Where to begin.
///     #[derive(Clone, Debug, PartialEq)]
///     pub enum Start {
///         Beginning = "beginning",
///         At(u64) = "at",
///     }
/// }
/// ```
#[macro_export]
macro_rules! variant {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$case_meta:meta])* $case:ident $(($payload:ty))? = $wit:literal),* $(,)?
    }) => {
        $(#[$meta])* $vis enum $name { $($(#[$case_meta])* $case $(($payload))?,)* }

        $crate::variant!(@impl $name { $($case $(($payload))? = $wit,)* });
    };
    (@impl $name:ident { $($case:ident $(($payload:ty))? = $wit:literal,)* }) => {
        const _: () = {
            use $crate::macros::names as __names;

            impl __names::ComponentType for $name {
                const HANDLES: bool = false $($(|| <$payload as __names::ComponentType>::HANDLES)?)*;
                const FLAT: usize = 1 + {
                    let flat = 0;
                    $($(let flat = __names::larger(flat, <$payload as __names::ComponentType>::FLAT as u32);)?)*
                    flat as usize
                };
                const SIZE: u32 = {
                    let size = 0;
                    $($(let size = __names::larger(size, <$payload as __names::ComponentType>::SIZE);)?)*
                    __names::with_cases(size, <Self as __names::ComponentType>::ALIGN).0
                };
                const ALIGN: u32 = {
                    let align = 1;
                    $($(let align = __names::larger(align, <$payload as __names::ComponentType>::ALIGN);)?)*
                    align
                };

                fn matches(ty: __names::Type, cx: &__names::TypeContext<'_>) -> bool {
                    let Some(__names::DefKind::Variant(cases)) = cx.def(ty).map(|def| &def.kind) else { return false };
                    let mut cases = cases.iter();
                    $(
                        let Some(case) = cases.next() else { return false };
                        if case.name != $wit || !<$crate::variant!(@payload $($payload)?) as __names::ComponentType>::matches_optional(case.ty, cx) {
                            return false;
                        }
                    )*
                    cases.next().is_none()
                }
            }

            impl __names::Lift for $name {
                fn lift(cx: &mut __names::Cx<'_>, ty: __names::Type, src: &mut __names::Flat<'_>) -> __names::Result<Self> {
                    let end = src.position() + <Self as __names::ComponentType>::FLAT;
                    let case = src.u32()?;
                    let mut numbers = 0_u32..;
                    $(
                        if numbers.next() == Some(case) {
                            let value = Self::$case $(({
                                let inner = __names::part::<$payload>(cx, ty, case as usize);
                                <$payload as __names::Lift>::lift(cx, inner, src)?
                            }))?;
                            src.go_to(end);
                            return Ok(value);
                        }
                    )*
                    Err(__names::AbiTrap::InvalidDiscriminant.into())
                }

                #[allow(unused_variables, reason = "a variant may have no payloads")]
                fn load(cx: &mut __names::Cx<'_>, ty: __names::Type, at: u32) -> __names::Result<Self> {
                    let case = __names::load_case(cx, at)?;
                    let mut numbers = 0_u32..;
                    $(
                        if numbers.next() == Some(case) {
                            return Ok(Self::$case $(({
                                let inner = __names::part::<$payload>(cx, ty, case as usize);
                                <$payload as __names::Lift>::load(cx, inner, __names::payload_at::<Self>(at))?
                            }))?);
                        }
                    )*
                    Err(__names::AbiTrap::InvalidDiscriminant.into())
                }
            }

            impl __names::Lower for $name {
                #[allow(unused_variables, reason = "a variant may have no payloads")]
                fn lower(&self, cx: &mut __names::Cx<'_>, ty: __names::Type, dst: &mut __names::FlatOut<'_>) -> __names::Result<()> {
                    let end = dst.len() + <Self as __names::ComponentType>::FLAT;
                    let mut numbers = 0_u32..;
                    $(
                        let number = numbers.next().unwrap_or_default();
                        if let Self::$case $(($crate::variant!(@bind value $payload)))? = self {
                            dst.push(u64::from(number));
                            $(
                                let inner = __names::part::<$payload>(cx, ty, number as usize);
                                <$payload as __names::Lower>::lower(value, cx, inner, dst)?;
                            )?
                        }
                    )*
                    dst.pad_to(end);
                    Ok(())
                }

                #[allow(unused_variables, reason = "a variant may have no payloads")]
                fn store(&self, cx: &mut __names::Cx<'_>, ty: __names::Type, at: u32) -> __names::Result<()> {
                    let mut numbers = 0_u32..;
                    $(
                        let number = numbers.next().unwrap_or_default();
                        if let Self::$case $(($crate::variant!(@bind value $payload)))? = self {
                            __names::store_bits(cx, at, 1, number)?;
                            $(
                                let inner = __names::part::<$payload>(cx, ty, number as usize);
                                <$payload as __names::Lower>::store(value, cx, inner, __names::payload_at::<Self>(at))?;
                            )?
                        }
                    )*
                    Ok(())
                }
            }
        };
    };
    (@payload) => { () };
    (@payload $payload:ty) => { $payload };
    (@bind $value:ident $payload:ty) => { $value };
}

/// A Rust enum that stands for an `enum` of at most 256 cases.
///
/// ```
/// wasmer_component::enumeration! {
///     /// A colour.
///     pub enum Colour {
///         Red = "red",
///         DarkBlue = "dark-blue",
///     }
/// }
/// ```
#[macro_export]
macro_rules! enumeration {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$case_meta:meta])* $case:ident = $wit:literal),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name { $($(#[$case_meta])* $case,)* }

        $crate::enumeration!(@impl $name { $($case = $wit,)* });
    };
    (@impl $name:ident { $($case:ident = $wit:literal,)* }) => {
        const _: () = {
            use $crate::macros::names as __names;

            const ALL: &[$name] = &[$($name::$case),*];

            fn from_case(case: u32) -> __names::Result<$name> {
                Ok(*ALL.get(case as usize).ok_or(__names::AbiTrap::InvalidDiscriminant)?)
            }

            impl __names::ComponentType for $name {
                const HANDLES: bool = false;
                const FLAT: usize = 1;
                const SIZE: u32 = 1;
                const ALIGN: u32 = 1;

                fn matches(ty: __names::Type, cx: &__names::TypeContext<'_>) -> bool {
                    cx.def(ty).is_some_and(|def| matches!(&def.kind, __names::DefKind::Enum(names) if *names == [$($wit),*]))
                }
            }

            impl __names::Lift for $name {
                fn lift(_: &mut __names::Cx<'_>, _: __names::Type, src: &mut __names::Flat<'_>) -> __names::Result<Self> {
                    from_case(src.u32()?)
                }

                fn load(cx: &mut __names::Cx<'_>, _: __names::Type, at: u32) -> __names::Result<Self> {
                    from_case(__names::load_case(cx, at)?)
                }
            }

            impl __names::Lower for $name {
                fn lower(&self, _: &mut __names::Cx<'_>, _: __names::Type, dst: &mut __names::FlatOut<'_>) -> __names::Result<()> {
                    dst.push(*self as u64);
                    Ok(())
                }

                fn store(&self, cx: &mut __names::Cx<'_>, _: __names::Type, at: u32) -> __names::Result<()> {
                    __names::store_bits(cx, at, 1, *self as u32)
                }
            }
        };
    };
}

/// A Rust struct that stands for `flags` of at most 32 names.
///
/// ```
/// wasmer_component::flags! {
///     /// What may be done.
///     pub struct Rights {
///         READ = "read",
///         WRITE = "write",
///     }
/// }
/// let both = Rights::READ | Rights::WRITE;
/// assert!(both.contains(Rights::READ) && both.bits() == 3);
/// ```
#[macro_export]
macro_rules! flags {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$flag_meta:meta])* $flag:ident = $wit:literal),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        $vis struct $name {
            bits: u32,
        }

        $crate::flags!(@consts $name 0; $($(#[$flag_meta])* $flag)*);

        #[allow(dead_code, reason = "not every type of flags needs everything")]
        impl $name {
            /// None of them.
            pub const fn empty() -> Self {
                Self { bits: 0 }
            }

            /// The first one is the lowest bit.
            pub const fn bits(self) -> u32 {
                self.bits
            }

            /// Whether all of `other` are set.
            pub const fn contains(self, other: Self) -> bool {
                self.bits & other.bits == other.bits
            }
        }

        impl ::std::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self { bits: self.bits | other.bits }
            }
        }

        $crate::flags!(@impl $name { $($wit,)* } |bits| $name { bits }, |value| value.bits);
    };
    (@impl $name:ident { $($wit:literal,)* } |$bits:ident| $from_bits:expr, |$value:ident| $to_bits:expr) => {
        const _: () = {
            use $crate::macros::names as __names;

            const NAMES: &[&str] = &[$($wit),*];
            const MASK: u32 = u32::MAX >> (32 - NAMES.len());

            fn from_bits($bits: u32) -> $name {
                $from_bits
            }

            fn to_bits($value: &$name) -> u32 {
                $to_bits
            }

            impl __names::ComponentType for $name {
                const HANDLES: bool = false;
                const FLAT: usize = 1;
                const SIZE: u32 = match NAMES.len() {
                    0..=8 => 1,
                    9..=16 => 2,
                    _ => 4,
                };
                const ALIGN: u32 = <Self as __names::ComponentType>::SIZE;

                fn matches(ty: __names::Type, cx: &__names::TypeContext<'_>) -> bool {
                    cx.def(ty).is_some_and(|def| matches!(&def.kind, __names::DefKind::Flags(names) if names == NAMES))
                }
            }

            impl __names::Lift for $name {
                fn lift(_: &mut __names::Cx<'_>, _: __names::Type, src: &mut __names::Flat<'_>) -> __names::Result<Self> {
                    Ok(from_bits(src.u32()? & MASK))
                }

                fn load(cx: &mut __names::Cx<'_>, _: __names::Type, at: u32) -> __names::Result<Self> {
                    Ok(from_bits(__names::load_flags(cx, at, <Self as __names::ComponentType>::SIZE)? & MASK))
                }
            }

            impl __names::Lower for $name {
                fn lower(&self, _: &mut __names::Cx<'_>, _: __names::Type, dst: &mut __names::FlatOut<'_>) -> __names::Result<()> {
                    dst.push(u64::from(to_bits(self)));
                    Ok(())
                }

                fn store(&self, cx: &mut __names::Cx<'_>, _: __names::Type, at: u32) -> __names::Result<()> {
                    __names::store_bits(cx, at, <Self as __names::ComponentType>::SIZE, to_bits(self))
                }
            }
        };
    };
    (@consts $name:ident $bit:expr;) => {};
    (@consts $name:ident $bit:expr; $(#[$flag_meta:meta])* $flag:ident $($rest:tt)*) => {
        #[allow(missing_docs, dead_code, reason = "the names are those of WIT")]
        impl $name {
            $(#[$flag_meta])* pub const $flag: Self = Self { bits: 1 << ($bit) };
        }
        $crate::flags!(@consts $name $bit + 1; $($rest)*);
    };
}

/// Rust for a world of WIT: types, traits for what it imports, structs of functions for what it exports.
///
/// ```
/// mod plugin {
///     wasmer_component::bindgen!({
///         inline: "
///             package example:plugin;
///
///             interface log {
///                 enum level { info, warning }
///                 write: func(level: level, text: string);
///             }
///
///             world plugin {
///                 import log;
///                 export greet: func(name: string) -> result<string, string>;
///             }
///         ",
///     });
/// }
///
/// use plugin::Plugin;
/// use plugin::example::plugin::log;
/// use wasmer_component::ComponentLinker;
/// # use wasmer_api::{Result, Store};
///
/// #[derive(Default)]
/// struct Host {
///     lines: Vec<String>,
/// }
///
/// impl log::Host for Host {
///     fn write(&mut self, level: log::Level, text: String) -> Result<()> {
///         self.lines.push(format!("{level:?}: {text}"));
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let mut linker = ComponentLinker::<Host>::new();
/// Plugin::add_to_linker(&mut linker, |host| host)?;
/// # Ok(())
/// # }
/// # fn greet(store: &mut Store<Host>, linker: &ComponentLinker<Host>, component: &wasmer_component::Component) -> Result<Result<String, String>> {
/// let plugin = Plugin::instantiate(store, component, linker)?;
/// plugin.call_greet(store, "Ada")
/// # }
/// ```
///
/// # Options
/// | option | says |
/// |---|---|
/// | `inline: "..."` | the WIT, as text |
/// | `path: "..."` | a file with the WIT, or a folder with it and with a folder `deps`, from the folder of the `Cargo.toml`; with `inline`, what that may refer to |
/// | `world: "..."` | which world, if the package has several |
/// | `features: ["..."]` | which items are there that the WIT marks as `@unstable(feature = ...)` |
/// | `additional_derives: [Eq, Hash, serde::Serialize]` | what records, variants, enums and flags derive besides `Debug`, `PartialEq` and, as far as their parts allow it, `Clone` and `Copy` |
/// | `additional_derives_ignore: ["type"]` | which of them do not, by their names in WIT |
/// | `with: { "ns:package/interface": path }` | where the types of an imported interface are; a linker is told of it elsewhere, for instance by `wasi_p2::add_to_linker` |
/// | `async: true` | all functions of the world are async in Rust: the host's may wait, and calls wait for them |
/// | `imports: { default: async, "ns:package/interface": sync, "ns:package/interface#function": async, "function": async }` | which functions of the host are: of all, of an interface, one of them, one of the world itself. What says more wins. Versions may be left out, and `trappable` may be added, for all functions are. `"ns:package/interface#[drop]resource": async` is for the end of a resource, and for that alone |
/// | `exports: { … }` | which exported functions are, in the same way |
///
/// Instead of the options `"world" in "path"` can stand, of which each part may be left out. Without `path` and `inline` the folder `wit` is read.
///
/// # What comes of it
/// * A module for each interface, `ns::package::interface`, below `exports` for what is exported. In it are the interface's types.
/// * For an imported interface, a trait `Host` with its functions, and `add_to_linker` for it alone. Functions return a [`Result`](wasmer_api::Result) whose
///   error ends the guest; a `result` of WIT is one within. The world's own functions are in a trait that is called after it, here `PluginImports`.
/// * For a resource type of the host, a type of no values, and a trait `HostThing` with its constructor as `new`, its methods, and `drop`. The host has a
///   number for each resource: [`Own`](crate::Own) and [`Borrow`](crate::Borrow).
/// * For the world, a struct with `add_to_linker` for all that it imports, `instantiate`, `new` for an instance that there is, and its functions as `call_name`.
///   Exported interfaces are fields of it, and their resource types are fields of those: `plugin.ns_package_interface.thing.call_new(store)`. The resources
///   themselves are [`GuestOwn`](crate::GuestOwn).
///
/// * For an import that is async, a function of the trait that returns `impl Future<Output = Result<R>> + Send`, which `async fn` implements; the data of stores
///   are `Send` then. For an export that is, an `async fn call_name`. For the world, there is an `instantiate_async`.
///
/// Parameters of exported functions are borrowed: `&str`, `&[T]`, `&Record`. Names are the WIT's in the case that Rust has for them; where one is a keyword or is
/// taken, it gets `_`. Documentation is the WIT's.
///
/// WIT's `async func`, streams, futures, accessors, and functions of more than 15 parameters are compile errors, as is what is wrong with the WIT.
#[macro_export]
macro_rules! bindgen {
    ($($options:tt)*) => {
        $crate::macros::names::bindgen! { $crate; $($options)* }
    };
}
