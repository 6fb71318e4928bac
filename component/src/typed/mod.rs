//! Rust types that stand for types of components: what is lifted and lowered without going through [`Val`](crate::Val).

mod cases;
mod handles;
mod lists;

use std::any;

use wasmer_api::Result;
use wasmer_component_translate::info::{Def, DefKind, HandleIdx, Type, Types};

use crate::cx::{Cx, Flat, FlatOut};
use crate::error::AbiTrap;
use crate::resource::ResourceType;
use crate::state::ResourceInfo;
use crate::val::Places;

pub use cases::payload_at;

/// What a component says of its types, to be compared with Rust's.
#[derive(Clone, Copy)]
pub struct TypeContext<'a> {
    pub(crate) types: &'a Types,
    pub(crate) resources: &'a [ResourceInfo],
}

impl<'a> TypeContext<'a> {
    /// A compound type.
    pub fn def(&self, ty: Type) -> Option<&'a Def> {
        match ty {
            Type::Def(index) => Some(self.types.def(index)),
            _ => None,
        }
    }

    /// What is known of the resource that handles of a type are of.
    fn resource(&self, handle: HandleIdx) -> Option<ResourceInfo> {
        self.types.handles[handle.index()].resource.map(|resource| self.resources[resource.index()])
    }

    /// Whether a handle of a resource that the component defines is in a type.
    pub(crate) fn has_guest_handle(&self, ty: Type) -> bool {
        let in_optional = |ty: Option<Type>| ty.is_some_and(|ty| self.has_guest_handle(ty));
        match ty {
            Type::Own(handle) | Type::Borrow(handle) => {
                self.resource(handle).is_some_and(|resource| resource.host.is_none())
            }
            Type::Def(index) => match &self.types.def(index).kind {
                DefKind::List(ty) | DefKind::Option(ty) => self.has_guest_handle(*ty),
                DefKind::Record(fields) => fields.iter().any(|field| self.has_guest_handle(field.ty)),
                DefKind::Tuple(types) => types.iter().any(|ty| self.has_guest_handle(*ty)),
                DefKind::Variant(cases) => cases.iter().any(|case| in_optional(case.ty)),
                DefKind::Result(ok, err) => in_optional(*ok) || in_optional(*err),
                DefKind::Enum(_) | DefKind::Flags(_) => false,
            },
            _ => false,
        }
    }

    fn is_resource<R: 'static>(&self, handle: HandleIdx) -> bool {
        self.resource(handle).and_then(|resource| resource.host) == Some(ResourceType::host::<R>())
    }
}

/// A Rust type that stands for a component's.
///
/// The constants are the layout of the canonical ABI in a 32-bit memory; [`ComponentType::matches`] makes sure that they are the component's.
pub trait ComponentType: Sized {
    /// Whether there may be a handle in it: lifting and lowering look at the component's type for nothing else.
    const HANDLES: bool = true;
    /// How many core values it takes.
    const FLAT: usize;
    /// Its size in bytes.
    const SIZE: u32;
    /// Its alignment in bytes.
    const ALIGN: u32;

    /// Whether it stands for a component's type.
    fn matches(ty: Type, cx: &TypeContext<'_>) -> bool;

    /// Whether it stands for what a case or a function may have.
    fn matches_optional(ty: Option<Type>, cx: &TypeContext<'_>) -> bool {
        ty.is_some_and(|ty| Self::matches(ty, cx))
    }
}

/// A value that comes from a guest. `ty` is the component's type, which [`ComponentType::matches`] accepted.
pub trait Lift: ComponentType {
    /// From core values.
    fn lift(cx: &mut Cx<'_>, ty: Type, src: &mut Flat<'_>) -> Result<Self>;

    /// From memory, at an aligned address that was checked to be inside.
    fn load(cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<Self>;

    /// A list, which was checked to be inside the memory.
    fn load_list(cx: &mut Cx<'_>, ty: Type, at: u32, len: u32) -> Result<Vec<Self>> {
        cx.lifting(len as usize, size_of::<Self>().max(1))?;
        (0..len).map(|position| Self::load(cx, ty, at + position * Self::SIZE)).collect()
    }
}

/// A value that goes to a guest.
pub trait Lower: ComponentType {
    /// To core values.
    fn lower(&self, cx: &mut Cx<'_>, ty: Type, dst: &mut FlatOut<'_>) -> Result<()>;

    /// To memory, at an aligned address that has room for it.
    fn store(&self, cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<()>;

    /// A list, to memory that has room for it.
    fn store_list(list: &[Self], cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<()> {
        let mut places = (0..).map(|position: u32| at + position * Self::SIZE);
        list.iter().try_for_each(|item| item.store(cx, ty, places.next().unwrap_or(at)))
    }
}

macro_rules! scalars {
    ($($rust:ty, $variant:ident, $read:ident, |$bits:ident| $lift:expr, |$value:ident| $lower:expr, $lists:ident;)*) => {
        $(
            impl ComponentType for $rust {
                const HANDLES: bool = false;
                const FLAT: usize = 1;
                const SIZE: u32 = size_of::<Self>() as u32;
                const ALIGN: u32 = Self::SIZE;

                fn matches(ty: Type, _: &TypeContext<'_>) -> bool {
                    ty == Type::$variant
                }
            }

            impl Lift for $rust {
                #[inline]
                fn lift(_: &mut Cx<'_>, _: Type, src: &mut Flat<'_>) -> Result<Self> {
                    let $bits = src.$read()?;
                    $lift
                }

                #[inline]
                fn load(cx: &mut Cx<'_>, _: Type, at: u32) -> Result<Self> {
                    let mut bytes = [0; 8];
                    bytes[..Self::SIZE as usize].copy_from_slice(cx.bytes(at, Self::SIZE as usize)?);
                    let $bits = u64::from_le_bytes(bytes) as $read;
                    $lift
                }

                scalars!(@load $lists);
            }

            impl Lower for $rust {
                #[inline]
                fn lower(&self, _: &mut Cx<'_>, _: Type, dst: &mut FlatOut<'_>) -> Result<()> {
                    let $value = *self;
                    dst.push($lower);
                    Ok(())
                }

                #[inline]
                fn store(&self, cx: &mut Cx<'_>, _: Type, at: u32) -> Result<()> {
                    let $value = *self;
                    let bits: u64 = $lower;
                    let bytes = &bits.to_le_bytes()[..Self::SIZE as usize];
                    cx.bytes_mut(at, Self::SIZE as usize)?.copy_from_slice(bytes);
                    Ok(())
                }

                scalars!(@store $lists);
            }
        )*
    };
    // Every pattern of bits is a number: a list is copied as it is.
    (@load numbers) => {
        fn load_list(cx: &mut Cx<'_>, _: Type, at: u32, len: u32) -> Result<Vec<Self>> {
            cx.lifting(len as usize, size_of::<Self>())?;
            let (chunks, _) = cx.bytes(at, len as usize * size_of::<Self>())?.as_chunks();
            Ok(chunks.iter().map(|chunk| Self::from_le_bytes(*chunk)).collect())
        }
    };
    (@store numbers) => {
        fn store_list(list: &[Self], cx: &mut Cx<'_>, _: Type, at: u32) -> Result<()> {
            let (chunks, _) = cx.bytes_mut(at, size_of_val(list))?.as_chunks_mut();
            chunks.iter_mut().zip(list).for_each(|(chunk, number)| *chunk = number.to_le_bytes());
            Ok(())
        }
    };
    (@load others) => {};
    (@store others) => {};
}

scalars! {
    bool, Bool, u32, |bits| Ok(bits != 0), |value| u64::from(value), others;
    i8, S8, u32, |bits| Ok(bits as i8), |value| u64::from(i32::from(value).cast_unsigned()), numbers;
    u8, U8, u32, |bits| Ok(bits as u8), |value| u64::from(value), numbers;
    i16, S16, u32, |bits| Ok(bits as i16), |value| u64::from(i32::from(value).cast_unsigned()), numbers;
    u16, U16, u32, |bits| Ok(bits as u16), |value| u64::from(value), numbers;
    i32, S32, u32, |bits| Ok(bits as i32), |value| u64::from(value.cast_unsigned()), numbers;
    u32, U32, u32, |bits| Ok(bits), |value| u64::from(value), numbers;
    i64, S64, u64, |bits| Ok(bits as i64), |value| value.cast_unsigned(), numbers;
    u64, U64, u64, |bits| Ok(bits), |value| value, numbers;
    f32, F32, u32, |bits| Ok(f32::from_bits(bits)), |value| u64::from(value.to_bits()), numbers;
    f64, F64, u64, |bits| Ok(f64::from_bits(bits)), |value| value.to_bits(), numbers;
    char, Char, u32, |bits| Ok(char::from_u32(bits).ok_or(AbiTrap::InvalidChar)?), |value| u64::from(u32::from(value)), others;
}

/// The types in a compound type, by position: elements, fields, payloads of cases. What `matches` accepted has them.
/// Of those without handles nobody looks at the type, so that it is not looked up.
#[inline]
pub fn part<T: ComponentType>(cx: &Cx<'_>, ty: Type, position: usize) -> Type {
    if T::HANDLES { part_at(cx, ty, position) } else { Type::Bool }
}

fn part_at(cx: &Cx<'_>, ty: Type, position: usize) -> Type {
    let Type::Def(index) = ty else { return ty };
    let part = match &cx.shared.info.types.def(index).kind {
        DefKind::List(element) | DefKind::Option(element) => Some(*element),
        DefKind::Record(fields) => fields.get(position).map(|field| field.ty),
        DefKind::Tuple(types) => types.get(position).copied(),
        DefKind::Variant(cases) => cases.get(position).and_then(|case| case.ty),
        DefKind::Result(ok, err) => [*ok, *err].get(position).copied().flatten(),
        DefKind::Enum(_) | DefKind::Flags(_) => None,
    };
    // What has no payload does not ask for its type.
    part.unwrap_or(Type::Bool)
}

/// No parameters, no result, no payload.
impl ComponentType for () {
    const HANDLES: bool = false;
    const FLAT: usize = 0;
    const SIZE: u32 = 0;
    const ALIGN: u32 = 1;

    fn matches(ty: Type, cx: &TypeContext<'_>) -> bool {
        cx.def(ty).is_some_and(|def| matches!(&def.kind, DefKind::Tuple(types) if types.is_empty()))
    }

    fn matches_optional(ty: Option<Type>, _: &TypeContext<'_>) -> bool {
        ty.is_none()
    }
}

impl Lift for () {
    fn lift(_: &mut Cx<'_>, _: Type, _: &mut Flat<'_>) -> Result<Self> {
        Ok(())
    }

    fn load(_: &mut Cx<'_>, _: Type, _: u32) -> Result<Self> {
        Ok(())
    }
}

impl Lower for () {
    fn lower(&self, _: &mut Cx<'_>, _: Type, _: &mut FlatOut<'_>) -> Result<()> {
        Ok(())
    }

    fn store(&self, _: &mut Cx<'_>, _: Type, _: u32) -> Result<()> {
        Ok(())
    }
}

/// The larger of two.
pub const fn larger(a: u32, b: u32) -> u32 {
    if a > b { a } else { b }
}

/// Size and alignment of a type with one byte for its case, whose payloads have these.
pub const fn with_cases(payload_size: u32, payload_align: u32) -> (u32, u32) {
    let offset = 1_u32.next_multiple_of(payload_align);
    ((offset + payload_size).next_multiple_of(payload_align), payload_align)
}

/// What is lent goes to a guest as what it is.
impl<T: ComponentType> ComponentType for &T {
    const HANDLES: bool = T::HANDLES;
    const FLAT: usize = T::FLAT;
    const SIZE: u32 = T::SIZE;
    const ALIGN: u32 = T::ALIGN;

    fn matches(ty: Type, cx: &TypeContext<'_>) -> bool {
        T::matches(ty, cx)
    }

    fn matches_optional(ty: Option<Type>, cx: &TypeContext<'_>) -> bool {
        T::matches_optional(ty, cx)
    }
}

impl<T: Lower> Lower for &T {
    fn lower(&self, cx: &mut Cx<'_>, ty: Type, dst: &mut FlatOut<'_>) -> Result<()> {
        T::lower(self, cx, ty, dst)
    }

    fn store(&self, cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<()> {
        T::store(self, cx, ty, at)
    }
}

macro_rules! tuples {
    ($(($($name:ident $position:tt)*))*) => {
        $(
            impl<$($name: ComponentType),*> ComponentType for ($($name,)*) {
                const HANDLES: bool = false $(|| $name::HANDLES)*;
                const FLAT: usize = 0 $(+ $name::FLAT)*;
                const SIZE: u32 = {
                    let size = 0_u32;
                    $(let size = size.next_multiple_of($name::ALIGN) + $name::SIZE;)*
                    size.next_multiple_of(Self::ALIGN)
                };
                const ALIGN: u32 = {
                    let align = 1;
                    $(let align = larger(align, $name::ALIGN);)*
                    align
                };

                fn matches(ty: Type, cx: &TypeContext<'_>) -> bool {
                    let Some(DefKind::Tuple(types)) = cx.def(ty).map(|def| &def.kind) else { return false };
                    types.len() == [$($position),*].len() $(&& $name::matches(types[$position], cx))*
                }
            }

            impl<$($name: Lift),*> Lift for ($($name,)*) {
                #[inline]
                fn lift(cx: &mut Cx<'_>, ty: Type, src: &mut Flat<'_>) -> Result<Self> {
                    Ok(($($name::lift(cx, part::<$name>(cx, ty, $position), src)?,)*))
                }

                fn load(cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<Self> {
                    let mut places = Places::new(at);
                    Ok(($({
                        let at = places.next(($name::SIZE, $name::ALIGN));
                        $name::load(cx, part::<$name>(cx, ty, $position), at)?
                    },)*))
                }
            }

            impl<$($name: Lower),*> Lower for ($($name,)*) {
                #[inline]
                fn lower(&self, cx: &mut Cx<'_>, ty: Type, dst: &mut FlatOut<'_>) -> Result<()> {
                    $(self.$position.lower(cx, part::<$name>(cx, ty, $position), dst)?;)*
                    Ok(())
                }

                fn store(&self, cx: &mut Cx<'_>, ty: Type, at: u32) -> Result<()> {
                    let mut places = Places::new(at);
                    $({
                        let at = places.next(($name::SIZE, $name::ALIGN));
                        self.$position.store(cx, part::<$name>(cx, ty, $position), at)?;
                    })*
                    Ok(())
                }
            }
        )*
    };
}

tuples! {
    (A 0)
    (A 0 B 1)
    (A 0 B 1 C 2)
    (A 0 B 1 C 2 D 3)
    (A 0 B 1 C 2 D 3 E 4)
    (A 0 B 1 C 2 D 3 E 4 F 5)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14)
}

/// What a Rust type is called in messages, without the path to it.
pub(crate) fn rust_name<T>() -> String {
    let name = any::type_name::<T>();
    let mut short = String::new();
    let mut word = String::new();
    for char in name.chars() {
        match char {
            ':' => word.clear(),
            _ if char.is_alphanumeric() || char == '_' => word.push(char),
            _ => {
                short.push_str(&word);
                word.clear();
                short.push(char);
            }
        }
    }
    short + &word
}
