//! Rust types that stand for types of components: what is lifted and lowered without going through [`Val`](crate::Val).

use std::any;

use wasmer_api::{AsStoreMut, Caller, Memory, Result};
use wasmer_component_translate::info::{Def, DefKind, Type, Types};

use crate::cx::{Cx, Flat, FlatOut};
use crate::error::AbiTrap;
use crate::resource::{Borrow, Own, ResourceType};
use crate::state::ResourceInfo;
use crate::val::Places;

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

    fn is_resource<R: 'static>(&self, handle: wasmer_component_translate::info::HandleIdx) -> bool {
        let resource = self.types.handles[handle.index()].resource;
        let host = resource.and_then(|resource| self.resources[resource.index()].host);
        host == Some(ResourceType::host::<R>())
    }
}

/// A Rust type that stands for a component's.
///
/// The constants are the layout of the canonical ABI in a 32-bit memory; [`ComponentType::matches`] makes sure that they are the component's.
pub trait ComponentType: Sized {
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
    fn lift<S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, src: &mut Flat<'_>) -> Result<Self>;

    /// From memory, at an aligned address that was checked to be inside.
    fn load<S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, at: u32) -> Result<Self>;

    /// A list, which was checked to be inside the memory.
    fn load_list<S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, at: u32, len: u32) -> Result<Vec<Self>> {
        cx.lifting(len as usize, size_of::<Self>().max(1))?;
        (0..len).map(|position| Self::load(cx, ty, at + position * Self::SIZE)).collect()
    }
}

/// A value that goes to a guest.
pub trait Lower: ComponentType {
    /// To core values.
    fn lower<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, ty: Type, dst: &mut FlatOut) -> Result<()>;

    /// To memory, at an aligned address that has room for it.
    fn store<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, ty: Type, at: u32) -> Result<()>;

    /// A list, to memory that has room for it.
    fn store_list<S: AsStoreMut>(list: &[Self], cx: &mut Cx<'_, S>, ty: Type, at: u32) -> Result<()> {
        let mut places = (0..).map(|position: u32| at + position * Self::SIZE);
        list.iter().try_for_each(|item| item.store(cx, ty, places.next().unwrap_or(at)))
    }
}

macro_rules! scalars {
    ($($rust:ty, $variant:ident, $read:ident, |$bits:ident| $lift:expr, |$value:ident| $lower:expr;)*) => {
        $(
            impl ComponentType for $rust {
                const FLAT: usize = 1;
                const SIZE: u32 = size_of::<Self>() as u32;
                const ALIGN: u32 = Self::SIZE;

                fn matches(ty: Type, _: &TypeContext<'_>) -> bool {
                    ty == Type::$variant
                }
            }

            impl Lift for $rust {
                #[inline]
                fn lift<S: AsStoreMut>(_: &mut Cx<'_, S>, _: Type, src: &mut Flat<'_>) -> Result<Self> {
                    let $bits = src.$read()?;
                    $lift
                }

                fn load<S: AsStoreMut>(cx: &mut Cx<'_, S>, _: Type, at: u32) -> Result<Self> {
                    let mut bytes = [0; 8];
                    bytes[..Self::SIZE as usize].copy_from_slice(cx.bytes(at, Self::SIZE as usize)?);
                    let $bits = u64::from_le_bytes(bytes) as $read;
                    $lift
                }
            }

            impl Lower for $rust {
                #[inline]
                fn lower<S: AsStoreMut>(&self, _: &mut Cx<'_, S>, _: Type, dst: &mut FlatOut) -> Result<()> {
                    let $value = *self;
                    dst.push($lower);
                    Ok(())
                }

                fn store<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, _: Type, at: u32) -> Result<()> {
                    let $value = *self;
                    let bits: u64 = $lower;
                    let bytes = &bits.to_le_bytes()[..Self::SIZE as usize];
                    cx.bytes_mut(at, Self::SIZE as usize)?.copy_from_slice(bytes);
                    Ok(())
                }
            }
        )*
    };
}

scalars! {
    bool, Bool, u32, |bits| Ok(bits != 0), |value| u64::from(value);
    i8, S8, u32, |bits| Ok(bits as i8), |value| u64::from(i32::from(value).cast_unsigned());
    i16, S16, u32, |bits| Ok(bits as i16), |value| u64::from(i32::from(value).cast_unsigned());
    u16, U16, u32, |bits| Ok(bits as u16), |value| u64::from(value);
    i32, S32, u32, |bits| Ok(bits as i32), |value| u64::from(value.cast_unsigned());
    u32, U32, u32, |bits| Ok(bits), |value| u64::from(value);
    i64, S64, u64, |bits| Ok(bits as i64), |value| value.cast_unsigned();
    u64, U64, u64, |bits| Ok(bits), |value| value;
    f32, F32, u32, |bits| Ok(f32::from_bits(bits)), |value| u64::from(value.to_bits());
    f64, F64, u64, |bits| Ok(f64::from_bits(bits)), |value| value.to_bits();
    char, Char, u32, |bits| Ok(char::from_u32(bits).ok_or(AbiTrap::InvalidChar)?), |value| u64::from(u32::from(value));
}

// Bytes are copied as they are.
impl ComponentType for u8 {
    const FLAT: usize = 1;
    const SIZE: u32 = 1;
    const ALIGN: u32 = 1;

    fn matches(ty: Type, _: &TypeContext<'_>) -> bool {
        ty == Type::U8
    }
}

impl Lift for u8 {
    fn lift<S: AsStoreMut>(_: &mut Cx<'_, S>, _: Type, src: &mut Flat<'_>) -> Result<Self> {
        Ok(src.u32()? as u8)
    }

    fn load<S: AsStoreMut>(cx: &mut Cx<'_, S>, _: Type, at: u32) -> Result<Self> {
        Ok(cx.bytes(at, 1)?[0])
    }

    fn load_list<S: AsStoreMut>(cx: &mut Cx<'_, S>, _: Type, at: u32, len: u32) -> Result<Vec<Self>> {
        cx.lifting(len as usize, 1)?;
        Ok(cx.bytes(at, len as usize)?.to_vec())
    }
}

impl Lower for u8 {
    fn lower<S: AsStoreMut>(&self, _: &mut Cx<'_, S>, _: Type, dst: &mut FlatOut) -> Result<()> {
        dst.push(u64::from(*self));
        Ok(())
    }

    fn store<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, _: Type, at: u32) -> Result<()> {
        cx.store(at, [*self])
    }

    fn store_list<S: AsStoreMut>(list: &[Self], cx: &mut Cx<'_, S>, _: Type, at: u32) -> Result<()> {
        cx.bytes_mut(at, list.len())?.copy_from_slice(list);
        Ok(())
    }
}

/// A type that is an address and a length.
macro_rules! pairs {
    ($([$($generics:tt)*] $rust:ty, |$ty:ident, $cx:ident| $matches:expr;)*) => {
        $(
            impl<$($generics)*> ComponentType for $rust {
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
    [] String, |ty, _cx| ty == Type::String;
    [] &str, |ty, _cx| ty == Type::String;
    [] Bytes, |ty, cx| list_element(ty, cx.types) == Some(Type::U8);
    [T: ComponentType] Vec<T>, |ty, cx| list_element(ty, cx.types).is_some_and(|ty| T::matches(ty, cx));
    [T: ComponentType] &[T], |ty, cx| list_element(ty, cx.types).is_some_and(|ty| T::matches(ty, cx));
}

fn list_element(ty: Type, types: &Types) -> Option<Type> {
    let Type::Def(index) = ty else { return None };
    match types.def(index).kind {
        DefKind::List(element) => Some(element),
        _ => None,
    }
}

/// The types in a compound type, by position: elements, fields, payloads of cases. What `matches` accepted has them.
pub fn part<S>(cx: &Cx<'_, S>, ty: Type, position: usize) -> Type {
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

fn load_pair<S: AsStoreMut>(cx: &Cx<'_, S>, at: u32) -> Result<(u32, u32)> {
    Ok((u32::from_le_bytes(cx.load(at)?), u32::from_le_bytes(cx.load(at + 4)?)))
}

fn store_pair<S: AsStoreMut>(cx: &mut Cx<'_, S>, at: u32, (address, len): (u32, u32)) -> Result<()> {
    cx.store(at, address.to_le_bytes())?;
    cx.store(at + 4, len.to_le_bytes())
}

fn push_pair(dst: &mut FlatOut, (address, len): (u32, u32)) -> Result<()> {
    dst.push(u64::from(address));
    dst.push(u64::from(len));
    Ok(())
}

impl Lift for String {
    fn lift<S: AsStoreMut>(cx: &mut Cx<'_, S>, _: Type, src: &mut Flat<'_>) -> Result<Self> {
        let (at, len) = (src.u32()?, src.u32()?);
        cx.lift_string(at, len)
    }

    fn load<S: AsStoreMut>(cx: &mut Cx<'_, S>, _: Type, at: u32) -> Result<Self> {
        let (at, len) = load_pair(cx, at)?;
        cx.lift_string(at, len)
    }
}

macro_rules! lower_strings {
    ($($rust:ty)*) => {
        $(impl Lower for $rust {
            fn lower<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, _: Type, dst: &mut FlatOut) -> Result<()> {
                push_pair(dst, cx.lower_string(self)?)
            }

            fn store<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, _: Type, at: u32) -> Result<()> {
                let pair = cx.lower_string(self)?;
                store_pair(cx, at, pair)
            }
        })*
    };
}

lower_strings!(String & str);

fn lift_list<T: Lift, S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, (at, len): (u32, u32)) -> Result<Vec<T>> {
    cx.check_list(at, len, T::SIZE, T::ALIGN)?;
    let element = part(cx, ty, 0);
    T::load_list(cx, element, at, len)
}

fn lower_list<T: Lower, S: AsStoreMut>(list: &[T], cx: &mut Cx<'_, S>, ty: Type) -> Result<(u32, u32)> {
    let at = cx.allocate_list(list.len(), T::SIZE, T::ALIGN)?;
    let element = part(cx, ty, 0);
    T::store_list(list, cx, element, at)?;
    Ok((at, list.len() as u32))
}

impl<T: Lift> Lift for Vec<T> {
    fn lift<S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, src: &mut Flat<'_>) -> Result<Self> {
        let pair = (src.u32()?, src.u32()?);
        lift_list(cx, ty, pair)
    }

    fn load<S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, at: u32) -> Result<Self> {
        let pair = load_pair(cx, at)?;
        lift_list(cx, ty, pair)
    }
}

macro_rules! lower_lists {
    ($($rust:ty)*) => {
        $(impl<T: Lower> Lower for $rust {
            fn lower<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, ty: Type, dst: &mut FlatOut) -> Result<()> {
                push_pair(dst, lower_list(self, cx, ty)?)
            }

            fn store<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, ty: Type, at: u32) -> Result<()> {
                let pair = lower_list(self, cx, ty)?;
                store_pair(cx, at, pair)
            }
        })*
    };
}

lower_lists!(Vec<T> &[T]);

/// A `list<u8>` that stays where it is in the guest's memory: an address and a length, which were inside the memory when it came. A host function that
/// takes it copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    memory: Memory,
    at: u32,
    len: u32,
}

impl Bytes {
    fn new<S: AsStoreMut>(cx: &Cx<'_, S>, at: u32, len: u32) -> Result<Self> {
        cx.check_list(at, len, 1, 1)?;
        // An empty list has a memory, too: validation asks for it.
        let memory = cx.abi.memory.ok_or(AbiTrap::OutOfBounds)?;
        Ok(Self { memory, at, len })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes, together with the store's data, for a host function that writes them somewhere.
    ///
    /// # Errors
    /// None in the call that it is an argument of.
    pub fn with_data<'a, T: 'static>(&self, caller: &'a mut Caller<'_, T>) -> Result<(&'a mut T, &'a [u8])> {
        let (base, memory_bytes) = self.memory.raw_parts(&*caller)?;
        if self.at as usize + self.len as usize > memory_bytes {
            return Err(AbiTrap::ListOutOfBounds.into());
        }
        // SAFETY: the bytes are inside the memory, which belongs to no other store, is no part of the store's data, and does not change as long as the
        // store is borrowed: no guest runs, and whoever wants to write to it needs the store.
        let bytes = unsafe { std::slice::from_raw_parts(base.add(self.at as usize), self.len as usize) };
        Ok((caller.data_mut(), bytes))
    }

    /// The bytes, copied.
    pub fn to_vec<T: 'static>(&self, caller: &mut Caller<'_, T>) -> Result<Vec<u8>> {
        self.with_data(caller).map(|(_, bytes)| bytes.to_vec())
    }
}

impl Lift for Bytes {
    fn lift<S: AsStoreMut>(cx: &mut Cx<'_, S>, _: Type, src: &mut Flat<'_>) -> Result<Self> {
        let (at, len) = (src.u32()?, src.u32()?);
        Self::new(cx, at, len)
    }

    fn load<S: AsStoreMut>(cx: &mut Cx<'_, S>, _: Type, at: u32) -> Result<Self> {
        let (at, len) = load_pair(cx, at)?;
        Self::new(cx, at, len)
    }
}

/// No parameters, no result, no payload.
impl ComponentType for () {
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
    fn lift<S: AsStoreMut>(_: &mut Cx<'_, S>, _: Type, _: &mut Flat<'_>) -> Result<Self> {
        Ok(())
    }

    fn load<S: AsStoreMut>(_: &mut Cx<'_, S>, _: Type, _: u32) -> Result<Self> {
        Ok(())
    }
}

impl Lower for () {
    fn lower<S: AsStoreMut>(&self, _: &mut Cx<'_, S>, _: Type, _: &mut FlatOut) -> Result<()> {
        Ok(())
    }

    fn store<S: AsStoreMut>(&self, _: &mut Cx<'_, S>, _: Type, _: u32) -> Result<()> {
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

macro_rules! cased {
    ([$($generics:ident),*] $rust:ty, $($payload:ty)*) => {
        impl<$($generics: ComponentType),*> ComponentType for $rust {
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
const fn payload_at<T: ComponentType>(at: u32) -> u32 {
    at + 1_u32.next_multiple_of(T::ALIGN)
}

impl<T: Lift> Lift for Option<T> {
    fn lift<S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, src: &mut Flat<'_>) -> Result<Self> {
        let end = src.position() + Self::FLAT;
        let value = match src.u32()? {
            0 => None,
            1 => {
                let inner = part(cx, ty, 0);
                Some(T::lift(cx, inner, src)?)
            }
            _ => return Err(AbiTrap::InvalidDiscriminant.into()),
        };
        src.go_to(end);
        Ok(value)
    }

    fn load<S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, at: u32) -> Result<Self> {
        match cx.load(at)? {
            [0] => Ok(None),
            [1] => {
                let inner = part(cx, ty, 0);
                T::load(cx, inner, payload_at::<Self>(at)).map(Some)
            }
            _ => Err(AbiTrap::InvalidDiscriminant.into()),
        }
    }
}

impl<T: Lower> Lower for Option<T> {
    fn lower<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, ty: Type, dst: &mut FlatOut) -> Result<()> {
        let end = dst.len() + Self::FLAT;
        dst.push(u64::from(self.is_some()));
        if let Some(value) = self {
            let inner = part(cx, ty, 0);
            value.lower(cx, inner, dst)?;
        }
        dst.pad_to(end);
        Ok(())
    }

    fn store<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, ty: Type, at: u32) -> Result<()> {
        cx.store(at, [u8::from(self.is_some())])?;
        let Some(value) = self else { return Ok(()) };
        let inner = part(cx, ty, 0);
        value.store(cx, inner, payload_at::<Self>(at))
    }
}

impl<T: Lift, E: Lift> Lift for std::result::Result<T, E> {
    fn lift<S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, src: &mut Flat<'_>) -> Result<Self> {
        let end = src.position() + Self::FLAT;
        let value = match src.u32()? {
            0 => Ok(T::lift(cx, part(cx, ty, 0), src)?),
            1 => Err(E::lift(cx, part(cx, ty, 1), src)?),
            _ => return Err(AbiTrap::InvalidDiscriminant.into()),
        };
        src.go_to(end);
        Ok(value)
    }

    fn load<S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, at: u32) -> Result<Self> {
        match cx.load(at)? {
            [0] => T::load(cx, part(cx, ty, 0), payload_at::<Self>(at)).map(Ok),
            [1] => E::load(cx, part(cx, ty, 1), payload_at::<Self>(at)).map(Err),
            _ => Err(AbiTrap::InvalidDiscriminant.into()),
        }
    }
}

impl<T: Lower, E: Lower> Lower for std::result::Result<T, E> {
    fn lower<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, ty: Type, dst: &mut FlatOut) -> Result<()> {
        let end = dst.len() + Self::FLAT;
        dst.push(u64::from(self.is_err()));
        match self {
            Ok(value) => value.lower(cx, part(cx, ty, 0), dst)?,
            Err(error) => error.lower(cx, part(cx, ty, 1), dst)?,
        }
        dst.pad_to(end);
        Ok(())
    }

    fn store<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, ty: Type, at: u32) -> Result<()> {
        cx.store(at, [u8::from(self.is_err())])?;
        match self {
            Ok(value) => value.store(cx, part(cx, ty, 0), payload_at::<Self>(at)),
            Err(error) => error.store(cx, part(cx, ty, 1), payload_at::<Self>(at)),
        }
    }
}

macro_rules! handles {
    ($($name:ident $lift:ident $lower:ident;)*) => {
        $(
            impl<R: 'static> ComponentType for $name<R> {
                const FLAT: usize = 1;
                const SIZE: u32 = 4;
                const ALIGN: u32 = 4;

                fn matches(ty: Type, cx: &TypeContext<'_>) -> bool {
                    matches!(ty, Type::$name(handle) if cx.is_resource::<R>(handle))
                }
            }

            impl<R: 'static> $name<R> {
                fn lift_index<S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, index: u32) -> Result<Self> {
                    let Type::$name(handle) = ty else { return Err(AbiTrap::UnknownHandle(index).into()) };
                    cx.$lift(handle, index).map(Self::new)
                }

                fn lower_index<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, ty: Type) -> Result<u32> {
                    let Type::$name(handle) = ty else { return Err(AbiTrap::UnknownHandle(self.rep).into()) };
                    cx.$lower(handle, self.rep)
                }
            }

            impl<R: 'static> Lift for $name<R> {
                fn lift<S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, src: &mut Flat<'_>) -> Result<Self> {
                    let index = src.u32()?;
                    Self::lift_index(cx, ty, index)
                }

                fn load<S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, at: u32) -> Result<Self> {
                    let index = u32::from_le_bytes(cx.load(at)?);
                    Self::lift_index(cx, ty, index)
                }
            }

            impl<R: 'static> Lower for $name<R> {
                fn lower<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, ty: Type, dst: &mut FlatOut) -> Result<()> {
                    dst.push(u64::from(self.lower_index(cx, ty)?));
                    Ok(())
                }

                fn store<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, ty: Type, at: u32) -> Result<()> {
                    let index = self.lower_index(cx, ty)?;
                    cx.store(at, index.to_le_bytes())
                }
            }
        )*
    };
}

handles! {
    Own lift_own lower_own;
    Borrow lift_borrow lower_borrow;
}

macro_rules! tuples {
    ($(($($name:ident $position:tt)*))*) => {
        $(
            impl<$($name: ComponentType),*> ComponentType for ($($name,)*) {
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
                fn lift<S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, src: &mut Flat<'_>) -> Result<Self> {
                    Ok(($($name::lift(cx, part(cx, ty, $position), src)?,)*))
                }

                fn load<S: AsStoreMut>(cx: &mut Cx<'_, S>, ty: Type, at: u32) -> Result<Self> {
                    let mut places = Places::new(at);
                    Ok(($({
                        let at = places.next(($name::SIZE, $name::ALIGN));
                        $name::load(cx, part(cx, ty, $position), at)?
                    },)*))
                }
            }

            impl<$($name: Lower),*> Lower for ($($name,)*) {
                #[inline]
                fn lower<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, ty: Type, dst: &mut FlatOut) -> Result<()> {
                    $(self.$position.lower(cx, part(cx, ty, $position), dst)?;)*
                    Ok(())
                }

                fn store<S: AsStoreMut>(&self, cx: &mut Cx<'_, S>, ty: Type, at: u32) -> Result<()> {
                    let mut places = Places::new(at);
                    $({
                        let at = places.next(($name::SIZE, $name::ALIGN));
                        self.$position.store(cx, part(cx, ty, $position), at)?;
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
