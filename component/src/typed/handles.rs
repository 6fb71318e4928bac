//! Resources: of the host, by its own numbers; of guests, by the places that the host has for them.

use wasmer_api::Result;
use wasmer_component_translate::info::Type;

use super::{ComponentType, Lift, Lower, TypeContext};
use crate::cx::{Cx, Flat, FlatOut};
use crate::error::AbiTrap;
use crate::guest_resource::{GuestOwn, Resource};
use crate::resource::{Borrow, Own};

/// A type that is the index of a handle: which types of a component it stands for, how it comes from an index, and how it becomes one.
macro_rules! handles {
    ($($name:ident, |$ty:ident, $types:ident| $matches:expr, |$cx:ident, $handle:ident, $index:ident| $lift:expr, |$value:ident| $lower:expr;)*) => {
        $(
            impl<R: 'static> ComponentType for $name<R> {
                const HANDLES: bool = true;
                const FLAT: usize = 1;
                const SIZE: u32 = 4;
                const ALIGN: u32 = 4;

                fn matches($ty: Type, $types: &TypeContext<'_>) -> bool {
                    $matches
                }
            }

            impl<R: 'static> $name<R> {
                fn lift_index($cx: &mut Cx<'_>, $handle: Type, $index: u32) -> Result<Self> {
                    $lift
                }

                fn lower_index(&self, $cx: &mut Cx<'_>, $handle: Type) -> Result<u32> {
                    let $value = self;
                    $lower
                }
            }

            impl<R: 'static> Lift for $name<R> {
                fn lift(cx: &mut Cx<'_>, ty: Type, src: &mut Flat<'_>) -> Result<Self> {
                    let index = src.u32()?;
                    Self::lift_index(cx, ty, index)
                }

                fn load(cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<Self> {
                    let index = u32::from_le_bytes(cx.load(at)?);
                    Self::lift_index(cx, ty, index)
                }
            }

            impl<R: 'static> Lower for $name<R> {
                fn lower(&self, cx: &mut Cx<'_>, ty: Type, dst: &mut FlatOut<'_>) -> Result<()> {
                    dst.push(u64::from(self.lower_index(cx, ty)?));
                    Ok(())
                }

                fn store(&self, cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<()> {
                    let index = self.lower_index(cx, ty)?;
                    cx.store(at, index.to_le_bytes())
                }
            }
        )*
    };
}

handles! {
    Own,
        |ty, cx| matches!(ty, Type::Own(handle) if cx.is_resource::<R>(handle)),
        |cx, ty, index| match ty {
            Type::Own(handle) => cx.lift_own(handle, index).map(Self::new),
            _ => Err(AbiTrap::UnknownHandle(index).into()),
        },
        |value| match ty {
            Type::Own(handle) => cx.lower_own(handle, value.rep),
            _ => Err(AbiTrap::UnknownHandle(value.rep).into()),
        };
    Borrow,
        |ty, cx| matches!(ty, Type::Borrow(handle) if cx.is_resource::<R>(handle)),
        |cx, ty, index| match ty {
            Type::Borrow(handle) => cx.lift_borrow(handle, index).map(Self::new),
            _ => Err(AbiTrap::UnknownHandle(index).into()),
        },
        |value| match ty {
            Type::Borrow(handle) => cx.lower_borrow(handle, value.rep),
            _ => Err(AbiTrap::UnknownHandle(value.rep).into()),
        };
    // Which of a guest's types `R` names is compared when a resource is used: the host's places know it.
    GuestOwn,
        |ty, cx| match ty {
            Type::Own(handle) | Type::Borrow(handle) => cx.resource(handle).is_some_and(|resource| resource.host.is_none()),
            _ => false,
        },
        |cx, ty, index| match cx.lift_handle(ty, index)? {
            Resource::Guest(resource) => Ok(Self::new(resource)),
            Resource::Host { .. } => Err(AbiTrap::UnknownHandle(index).into()),
        },
        |value| cx.lower_handle(ty, &Resource::Guest(value.resource().clone()));
}
