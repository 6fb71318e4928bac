//! Strings and lists: an address and a length.

use wasmer_api::Result;
use wasmer_component_translate::info::{DefKind, Type, Types};

use super::{ComponentType, Lift, Lower, TypeContext, part};
use crate::bytes::Bytes;
use crate::cx::{Cx, Flat, FlatOut};

/// A type that is an address and a length.
macro_rules! pairs {
    ($([$($generics:tt)*] $rust:ty, $handles:expr, |$ty:ident, $cx:ident| $matches:expr;)*) => {
        $(
            impl<$($generics)*> ComponentType for $rust {
                const HANDLES: bool = $handles;
                const FLAT: usize = 2;
                const SIZE: u32 = 8;
                const ALIGN: u32 = 4;

                fn matches($ty: Type, $cx: &TypeContext<'_>) -> bool {
                    $matches
                }
            }
        )*
    };
}

pairs! {
    [] String, false, |ty, _cx| ty == Type::String;
    [] &str, false, |ty, _cx| ty == Type::String;
    [] Bytes, false, |ty, cx| list_element(ty, cx.types) == Some(Type::U8);
    [T: ComponentType] Vec<T>, T::HANDLES, |ty, cx| list_element(ty, cx.types).is_some_and(|ty| T::matches(ty, cx));
    [T: ComponentType] &[T], T::HANDLES, |ty, cx| list_element(ty, cx.types).is_some_and(|ty| T::matches(ty, cx));
}

fn list_element(ty: Type, types: &Types) -> Option<Type> {
    let Type::Def(index) = ty else { return None };
    match types.def(index).kind {
        DefKind::List(element) => Some(element),
        _ => None,
    }
}

fn load_pair(cx: &mut Cx<'_>, at: u32) -> Result<(u32, u32)> {
    Ok((u32::from_le_bytes(cx.load(at)?), u32::from_le_bytes(cx.load(at + 4)?)))
}

fn store_pair(cx: &mut Cx<'_>, at: u32, (address, len): (u32, u32)) -> Result<()> {
    cx.store(at, address.to_le_bytes())?;
    cx.store(at + 4, len.to_le_bytes())
}

fn push_pair(dst: &mut FlatOut<'_>, (address, len): (u32, u32)) -> Result<()> {
    dst.push(u64::from(address));
    dst.push(u64::from(len));
    Ok(())
}

impl Lift for String {
    fn lift(cx: &mut Cx<'_>, _: Type, src: &mut Flat<'_>) -> Result<Self> {
        let (at, len) = (src.u32()?, src.u32()?);
        cx.lift_string(at, len)
    }

    fn load(cx: &mut Cx<'_>, _: Type, at: u32) -> Result<Self> {
        let (at, len) = load_pair(cx, at)?;
        cx.lift_string(at, len)
    }
}

macro_rules! lower_strings {
    ($($rust:ty)*) => {
        $(impl Lower for $rust {
            fn lower(&self, cx: &mut Cx<'_>, _: Type, dst: &mut FlatOut<'_>) -> Result<()> {
                push_pair(dst, cx.lower_string(self)?)
            }

            fn store(&self, cx: &mut Cx<'_>, _: Type, at: u32) -> Result<()> {
                let pair = cx.lower_string(self)?;
                store_pair(cx, at, pair)
            }
        })*
    };
}

lower_strings!(String & str);

fn lift_list<T: Lift>(cx: &mut Cx<'_>, ty: Type, (at, len): (u32, u32)) -> Result<Vec<T>> {
    cx.check_list(at, len, T::SIZE, T::ALIGN)?;
    let element = part::<T>(cx, ty, 0);
    T::load_list(cx, element, at, len)
}

fn lower_list<T: Lower>(list: &[T], cx: &mut Cx<'_>, ty: Type) -> Result<(u32, u32)> {
    let at = cx.allocate_list(list.len(), T::SIZE, T::ALIGN)?;
    let element = part::<T>(cx, ty, 0);
    T::store_list(list, cx, element, at)?;
    Ok((at, list.len() as u32))
}

impl<T: Lift> Lift for Vec<T> {
    fn lift(cx: &mut Cx<'_>, ty: Type, src: &mut Flat<'_>) -> Result<Self> {
        let pair = (src.u32()?, src.u32()?);
        lift_list(cx, ty, pair)
    }

    fn load(cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<Self> {
        let pair = load_pair(cx, at)?;
        lift_list(cx, ty, pair)
    }
}

macro_rules! lower_lists {
    ($($rust:ty)*) => {
        $(impl<T: Lower> Lower for $rust {
            fn lower(&self, cx: &mut Cx<'_>, ty: Type, dst: &mut FlatOut<'_>) -> Result<()> {
                push_pair(dst, lower_list(self, cx, ty)?)
            }

            fn store(&self, cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<()> {
                let pair = lower_list(self, cx, ty)?;
                store_pair(cx, at, pair)
            }
        })*
    };
}

lower_lists!(Vec<T> &[T]);

impl Lift for Bytes {
    fn lift(cx: &mut Cx<'_>, _: Type, src: &mut Flat<'_>) -> Result<Self> {
        let (at, len) = (src.u32()?, src.u32()?);
        bytes(cx, at, len)
    }

    fn load(cx: &mut Cx<'_>, _: Type, at: u32) -> Result<Self> {
        let (at, len) = load_pair(cx, at)?;
        bytes(cx, at, len)
    }
}

fn bytes(cx: &mut Cx<'_>, at: u32, len: u32) -> Result<Bytes> {
    cx.check_list(at, len, 1, 1)?;
    // An empty list has a memory, too: validation asks for it.
    let memory = cx.memory()?;
    Ok(Bytes::new(memory, at, len))
}
