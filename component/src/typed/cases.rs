//! `option` and `result`: one byte for the case, and a payload.

use wasmer_api::Result;
use wasmer_component_translate::info::{DefKind, Type};

use super::{ComponentType, Lift, Lower, TypeContext, larger, part, with_cases};
use crate::cx::{Cx, Flat, FlatOut};
use crate::error::AbiTrap;

macro_rules! cased {
    ([$($generics:ident),*] $rust:ty, $($payload:ty)*) => {
        impl<$($generics: ComponentType),*> ComponentType for $rust {
            const HANDLES: bool = false $(|| <$payload>::HANDLES)*;
            const FLAT: usize = 1 + {
                let flat = 0;
                $(let flat = larger(flat, <$payload>::FLAT as u32);)*
                flat as usize
            };
            const SIZE: u32 = {
                let (size, align) = (0, 1);
                $(let (size, align) = (larger(size, <$payload>::SIZE), larger(align, <$payload>::ALIGN));)*
                with_cases(size, align).0
            };
            const ALIGN: u32 = {
                let align = 1;
                $(let align = larger(align, <$payload>::ALIGN);)*
                align
            };

            fn matches(ty: Type, cx: &TypeContext<'_>) -> bool {
                <Self as Cased>::fits(ty, cx)
            }
        }
    };
}

/// How a type with two cases is compared.
trait Cased {
    fn fits(ty: Type, cx: &TypeContext<'_>) -> bool;
}

cased!([T] Option<T>, T);
cased!([T, E] std::result::Result<T, E>, T E);

impl<T: ComponentType> Cased for Option<T> {
    fn fits(ty: Type, cx: &TypeContext<'_>) -> bool {
        cx.def(ty).is_some_and(|def| matches!(def.kind, DefKind::Option(inner) if T::matches(inner, cx)))
    }
}

impl<T: ComponentType, E: ComponentType> Cased for std::result::Result<T, E> {
    fn fits(ty: Type, cx: &TypeContext<'_>) -> bool {
        let fits = |ok, err| T::matches_optional(ok, cx) && E::matches_optional(err, cx);
        cx.def(ty).is_some_and(|def| matches!(def.kind, DefKind::Result(ok, err) if fits(ok, err)))
    }
}

/// Where the payload of a type with one byte for its case is.
pub const fn payload_at<T: ComponentType>(at: u32) -> u32 {
    at + 1_u32.next_multiple_of(T::ALIGN)
}

impl<T: Lift> Lift for Option<T> {
    fn lift(cx: &mut Cx<'_>, ty: Type, src: &mut Flat<'_>) -> Result<Self> {
        let end = src.position() + Self::FLAT;
        let value = match src.u32()? {
            0 => None,
            1 => {
                let inner = part::<T>(cx, ty, 0);
                Some(T::lift(cx, inner, src)?)
            }
            _ => return Err(AbiTrap::InvalidDiscriminant.into()),
        };
        src.go_to(end);
        Ok(value)
    }

    fn load(cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<Self> {
        match cx.load(at)? {
            [0] => Ok(None),
            [1] => {
                let inner = part::<T>(cx, ty, 0);
                T::load(cx, inner, payload_at::<Self>(at)).map(Some)
            }
            _ => Err(AbiTrap::InvalidDiscriminant.into()),
        }
    }
}

impl<T: Lower> Lower for Option<T> {
    fn lower(&self, cx: &mut Cx<'_>, ty: Type, dst: &mut FlatOut<'_>) -> Result<()> {
        let end = dst.len() + Self::FLAT;
        dst.push(u64::from(self.is_some()));
        if let Some(value) = self {
            let inner = part::<T>(cx, ty, 0);
            value.lower(cx, inner, dst)?;
        }
        dst.pad_to(end);
        Ok(())
    }

    fn store(&self, cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<()> {
        cx.store(at, [u8::from(self.is_some())])?;
        let Some(value) = self else { return Ok(()) };
        let inner = part::<T>(cx, ty, 0);
        value.store(cx, inner, payload_at::<Self>(at))
    }
}

impl<T: Lift, E: Lift> Lift for std::result::Result<T, E> {
    fn lift(cx: &mut Cx<'_>, ty: Type, src: &mut Flat<'_>) -> Result<Self> {
        let end = src.position() + Self::FLAT;
        let value = match src.u32()? {
            0 => Ok(T::lift(cx, part::<T>(cx, ty, 0), src)?),
            1 => Err(E::lift(cx, part::<E>(cx, ty, 1), src)?),
            _ => return Err(AbiTrap::InvalidDiscriminant.into()),
        };
        src.go_to(end);
        Ok(value)
    }

    fn load(cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<Self> {
        match cx.load(at)? {
            [0] => T::load(cx, part::<T>(cx, ty, 0), payload_at::<Self>(at)).map(Ok),
            [1] => E::load(cx, part::<E>(cx, ty, 1), payload_at::<Self>(at)).map(Err),
            _ => Err(AbiTrap::InvalidDiscriminant.into()),
        }
    }
}

impl<T: Lower, E: Lower> Lower for std::result::Result<T, E> {
    fn lower(&self, cx: &mut Cx<'_>, ty: Type, dst: &mut FlatOut<'_>) -> Result<()> {
        let end = dst.len() + Self::FLAT;
        dst.push(u64::from(self.is_err()));
        match self {
            Ok(value) => value.lower(cx, part::<T>(cx, ty, 0), dst)?,
            Err(error) => error.lower(cx, part::<E>(cx, ty, 1), dst)?,
        }
        dst.pad_to(end);
        Ok(())
    }

    fn store(&self, cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<()> {
        cx.store(at, [u8::from(self.is_err())])?;
        match self {
            Ok(value) => value.store(cx, part::<T>(cx, ty, 0), payload_at::<Self>(at)),
            Err(error) => error.store(cx, part::<E>(cx, ty, 1), payload_at::<Self>(at)),
        }
    }
}
