//! Rust types for records, variants, enums and flags, each with the names that WIT has for its parts.

/// What the macros name.
#[doc(hidden)]
pub mod names {
    pub use wasmer_api::Result;
    pub use wasmer_component_translate::info::{DefKind, Type};

    pub use crate::cx::{Cx, Flat, FlatOut};
    pub use crate::error::AbiTrap;
    pub use crate::typed::{ComponentType, Lift, Lower, TypeContext, larger, part, with_cases};

    /// The place of a field, and where the next may be.
    pub const fn place(next: u32, size: u32, align: u32) -> (u32, u32) {
        let at = next.next_multiple_of(align);
        (at, at.wrapping_add(size))
    }

    /// Flags from memory: up to 32 of them.
    pub fn load_flags(cx: &Cx<'_>, at: u32, size: u32) -> Result<u32> {
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
    pub fn load_case(cx: &Cx<'_>, at: u32) -> Result<u32> {
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

        const _: () = {
            use $crate::macros::names::*;

            impl ComponentType for $name {
                const FLAT: usize = 0 $(+ <$ty>::FLAT)*;
                const SIZE: u32 = {
                    let next = 0;
                    $(let (_, next) = place(next, <$ty>::SIZE, <$ty>::ALIGN);)*
                    place(next, 0, Self::ALIGN).0
                };
                const ALIGN: u32 = {
                    let align = 1;
                    $(let align = larger(align, <$ty>::ALIGN);)*
                    align
                };

                fn matches(ty: Type, cx: &TypeContext<'_>) -> bool {
                    let Some(DefKind::Record(fields)) = cx.def(ty).map(|def| &def.kind) else { return false };
                    let mut fields = fields.iter();
                    $(if !fields.next().is_some_and(|field| field.name == $wit && <$ty>::matches(field.ty, cx)) {
                        return false;
                    })*
                    fields.next().is_none()
                }
            }

            impl Lift for $name
            where
                $($ty: Lift,)*
            {
                fn lift(cx: &mut Cx<'_>, ty: Type, src: &mut Flat<'_>) -> Result<Self> {
                    let mut positions = 0_usize..;
                    Ok(Self { $($field: {
                        let inner = part(cx, ty, positions.next().unwrap_or_default());
                        <$ty>::lift(cx, inner, src)?
                    },)* })
                }

                fn load(cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<Self> {
                    let mut positions = 0_usize..;
                    let next = at;
                    $(
                        let (at, next) = place(next, <$ty>::SIZE, <$ty>::ALIGN);
                        let inner = part(cx, ty, positions.next().unwrap_or_default());
                        let $field = <$ty>::load(cx, inner, at)?;
                    )*
                    let _ = next;
                    Ok(Self { $($field,)* })
                }
            }

            impl Lower for $name
            where
                $($ty: Lower,)*
            {
                fn lower(&self, cx: &mut Cx<'_>, ty: Type, dst: &mut FlatOut) -> Result<()> {
                    let mut positions = 0_usize..;
                    $(
                        let inner = part(cx, ty, positions.next().unwrap_or_default());
                        self.$field.lower(cx, inner, dst)?;
                    )*
                    Ok(())
                }

                fn store(&self, cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<()> {
                    let mut positions = 0_usize..;
                    let next = at;
                    $(
                        let (at, next) = place(next, <$ty>::SIZE, <$ty>::ALIGN);
                        let inner = part(cx, ty, positions.next().unwrap_or_default());
                        self.$field.store(cx, inner, at)?;
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

        const _: () = {
            use $crate::macros::names::*;

            impl $name {
                const OFFSET: u32 = 1_u32.next_multiple_of(<Self as ComponentType>::ALIGN);
            }

            impl ComponentType for $name {
                const FLAT: usize = 1 + {
                    let flat = 0;
                    $($(let flat = larger(flat, <$payload>::FLAT as u32);)?)*
                    flat as usize
                };
                const SIZE: u32 = {
                    let size = 0;
                    $($(let size = larger(size, <$payload>::SIZE);)?)*
                    with_cases(size, Self::ALIGN).0
                };
                const ALIGN: u32 = {
                    let align = 1;
                    $($(let align = larger(align, <$payload>::ALIGN);)?)*
                    align
                };

                fn matches(ty: Type, cx: &TypeContext<'_>) -> bool {
                    let Some(DefKind::Variant(cases)) = cx.def(ty).map(|def| &def.kind) else { return false };
                    let mut cases = cases.iter();
                    $(
                        let Some(case) = cases.next() else { return false };
                        let payload: fn(Option<Type>, &TypeContext<'_>) -> bool = $crate::variant!(@payload $($payload)?);
                        if case.name != $wit || !payload(case.ty, cx) {
                            return false;
                        }
                    )*
                    cases.next().is_none()
                }
            }

            impl Lift for $name {
                fn lift(cx: &mut Cx<'_>, ty: Type, src: &mut Flat<'_>) -> Result<Self> {
                    let end = src.position() + Self::FLAT;
                    let case = src.u32()?;
                    let mut numbers = 0_u32..;
                    $(
                        if numbers.next() == Some(case) {
                            let value = Self::$case $(({
                                let inner = part(cx, ty, case as usize);
                                <$payload>::lift(cx, inner, src)?
                            }))?;
                            src.go_to(end);
                            return Ok(value);
                        }
                    )*
                    Err(AbiTrap::InvalidDiscriminant.into())
                }

                #[allow(unused_variables, reason = "a variant may have no payloads")]
                fn load(cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<Self> {
                    let case = load_case(cx, at)?;
                    let mut numbers = 0_u32..;
                    $(
                        if numbers.next() == Some(case) {
                            return Ok(Self::$case $(({
                                let inner = part(cx, ty, case as usize);
                                <$payload>::load(cx, inner, at + Self::OFFSET)?
                            }))?);
                        }
                    )*
                    Err(AbiTrap::InvalidDiscriminant.into())
                }
            }

            impl Lower for $name {
                #[allow(unused_variables, reason = "a variant may have no payloads")]
                fn lower(&self, cx: &mut Cx<'_>, ty: Type, dst: &mut FlatOut) -> Result<()> {
                    let end = dst.len() + Self::FLAT;
                    let mut numbers = 0_u32..;
                    $(
                        let number = numbers.next().unwrap_or_default();
                        if let Self::$case $(($crate::variant!(@bind value $payload)))? = self {
                            dst.push(u64::from(number));
                            $(
                                let inner = part(cx, ty, number as usize);
                                <$payload>::lower(value, cx, inner, dst)?;
                            )?
                        }
                    )*
                    dst.pad_to(end);
                    Ok(())
                }

                #[allow(unused_variables, reason = "a variant may have no payloads")]
                fn store(&self, cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<()> {
                    let mut numbers = 0_u32..;
                    $(
                        let number = numbers.next().unwrap_or_default();
                        if let Self::$case $(($crate::variant!(@bind value $payload)))? = self {
                            store_bits(cx, at, 1, number)?;
                            $(
                                let inner = part(cx, ty, number as usize);
                                <$payload>::store(value, cx, inner, at + Self::OFFSET)?;
                            )?
                        }
                    )*
                    Ok(())
                }
            }
        };
    };
    (@payload) => { <()>::matches_optional };
    (@payload $payload:ty) => { <$payload>::matches_optional };
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

        const _: () = {
            use $crate::macros::names::*;

            impl $name {
                const ALL: &[Self] = &[$(Self::$case),*];

                fn from_case(case: u32) -> Result<Self> {
                    Ok(*Self::ALL.get(case as usize).ok_or(AbiTrap::InvalidDiscriminant)?)
                }
            }

            impl ComponentType for $name {
                const FLAT: usize = 1;
                const SIZE: u32 = 1;
                const ALIGN: u32 = 1;

                fn matches(ty: Type, cx: &TypeContext<'_>) -> bool {
                    cx.def(ty).is_some_and(|def| matches!(&def.kind, DefKind::Enum(names) if *names == [$($wit),*]))
                }
            }

            impl Lift for $name {
                fn lift(_: &mut Cx<'_>, _: Type, src: &mut Flat<'_>) -> Result<Self> {
                    Self::from_case(src.u32()?)
                }

                fn load(cx: &mut Cx<'_>, _: Type, at: u32) -> Result<Self> {
                    Self::from_case(load_case(cx, at)?)
                }
            }

            impl Lower for $name {
                fn lower(&self, _: &mut Cx<'_>, _: Type, dst: &mut FlatOut) -> Result<()> {
                    dst.push(*self as u64);
                    Ok(())
                }

                fn store(&self, cx: &mut Cx<'_>, _: Type, at: u32) -> Result<()> {
                    store_bits(cx, at, 1, *self as u32)
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
        $vis struct $name(u32);

        $crate::flags!(@consts $name 0; $($(#[$flag_meta])* $flag)*);

        #[allow(dead_code, reason = "not every type of flags needs everything")]
        impl $name {
            /// None of them.
            pub const fn empty() -> Self {
                Self(0)
            }

            /// The first one is the lowest bit.
            pub const fn bits(self) -> u32 {
                self.0
            }

            /// Whether all of `other` are set.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        const _: () = {
            use $crate::macros::names::*;

            impl $name {
                const NAMES: &[&str] = &[$($wit),*];
                const MASK: u32 = u32::MAX >> (32 - Self::NAMES.len());
            }

            impl ComponentType for $name {
                const FLAT: usize = 1;
                const SIZE: u32 = match Self::NAMES.len() {
                    0..=8 => 1,
                    9..=16 => 2,
                    _ => 4,
                };
                const ALIGN: u32 = Self::SIZE;

                fn matches(ty: Type, cx: &TypeContext<'_>) -> bool {
                    cx.def(ty).is_some_and(|def| matches!(&def.kind, DefKind::Flags(names) if names == Self::NAMES))
                }
            }

            impl Lift for $name {
                fn lift(_: &mut Cx<'_>, _: Type, src: &mut Flat<'_>) -> Result<Self> {
                    Ok(Self(src.u32()? & Self::MASK))
                }

                fn load(cx: &mut Cx<'_>, _: Type, at: u32) -> Result<Self> {
                    Ok(Self(load_flags(cx, at, Self::SIZE)? & Self::MASK))
                }
            }

            impl Lower for $name {
                fn lower(&self, _: &mut Cx<'_>, _: Type, dst: &mut FlatOut) -> Result<()> {
                    dst.push(u64::from(self.0));
                    Ok(())
                }

                fn store(&self, cx: &mut Cx<'_>, _: Type, at: u32) -> Result<()> {
                    store_bits(cx, at, Self::SIZE, self.0)
                }
            }
        };
    };
    (@consts $name:ident $bit:expr;) => {};
    (@consts $name:ident $bit:expr; $(#[$flag_meta:meta])* $flag:ident $($rest:tt)*) => {
        #[allow(missing_docs, dead_code, reason = "the names are those of WIT")]
        impl $name {
            $(#[$flag_meta])* pub const $flag: Self = Self(1 << ($bit));
        }
        $crate::flags!(@consts $name $bit + 1; $($rest)*);
    };
}
