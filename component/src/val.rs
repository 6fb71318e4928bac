//! Untyped values, lifted and lowered by the type that the component has.

use std::sync::Arc;

use wasmer_api::{Error, Result};
use wasmer_component_translate::info::{Case, Def, DefKind, Type};
use wasmer_component_translate::wit::Printer;

use crate::cx::{Cx, Flat, FlatOut};
use crate::error::AbiTrap;
use crate::fits::shown;
use crate::guest_resource::{GuestResource, Resource};
use crate::mismatch::ComponentTypeError;

/// A value of a component.
#[derive(Clone, Debug, PartialEq)]
pub enum Val {
    /// `bool`.
    Bool(bool),
    /// `s8`.
    S8(i8),
    /// `u8`.
    U8(u8),
    /// `s16`.
    S16(i16),
    /// `u16`.
    U16(u16),
    /// `s32`.
    S32(i32),
    /// `u32`.
    U32(u32),
    /// `s64`.
    S64(i64),
    /// `u64`.
    U64(u64),
    /// `f32`.
    F32(f32),
    /// `f64`.
    F64(f64),
    /// `char`.
    Char(char),
    /// `string`.
    String(String),
    /// `list`.
    List(Vec<Val>),
    /// `record`: every field in the type's order.
    Record(Vec<(String, Val)>),
    /// `tuple`.
    Tuple(Vec<Val>),
    /// `variant`.
    Variant(String, Option<Box<Val>>),
    /// `enum`.
    Enum(String),
    /// `option`.
    Option(Option<Box<Val>>),
    /// `result`.
    Result(std::result::Result<Option<Box<Val>>, Option<Box<Val>>>),
    /// `flags`: those that are set.
    Flags(Vec<String>),
    /// A resource, owned or lent.
    Resource(Resource),
}

/// The scalar that a type's bits are; none for other types.
fn scalar(ty: Type, bits: u64) -> Result<Option<Val>> {
    Ok(Some(match ty {
        Type::Bool => Val::Bool(bits as u32 != 0),
        Type::S8 => Val::S8(bits as i8),
        Type::U8 => Val::U8(bits as u8),
        Type::S16 => Val::S16(bits as i16),
        Type::U16 => Val::U16(bits as u16),
        Type::S32 => Val::S32(bits as i32),
        Type::U32 => Val::U32(bits as u32),
        Type::S64 => Val::S64(bits as i64),
        Type::U64 => Val::U64(bits),
        Type::F32 => Val::F32(f32::from_bits(bits as u32)),
        Type::F64 => Val::F64(f64::from_bits(bits)),
        Type::Char => Val::Char(char::from_u32(bits as u32).ok_or(AbiTrap::InvalidChar)?),
        Type::String | Type::Def(_) | Type::Own(_) | Type::Borrow(_) => return Ok(None),
    }))
}

/// The bits of a scalar, if it is one of the type. What is narrower than 32 bits is extended by its sign.
pub(crate) fn bits(ty: Type, val: &Val) -> Option<u64> {
    let narrow = |value: i32| u64::from(value.cast_unsigned());
    Some(match (ty, val) {
        (Type::Bool, Val::Bool(value)) => u64::from(*value),
        (Type::S8, Val::S8(value)) => narrow(i32::from(*value)),
        (Type::U8, Val::U8(value)) => u64::from(*value),
        (Type::S16, Val::S16(value)) => narrow(i32::from(*value)),
        (Type::U16, Val::U16(value)) => u64::from(*value),
        (Type::S32, Val::S32(value)) => narrow(*value),
        (Type::U32, Val::U32(value)) => u64::from(*value),
        (Type::S64, Val::S64(value)) => value.cast_unsigned(),
        (Type::U64, Val::U64(value)) => *value,
        (Type::F32, Val::F32(value)) => u64::from(value.to_bits()),
        (Type::F64, Val::F64(value)) => value.to_bits(),
        (Type::Char, Val::Char(value)) => u64::from(u32::from(*value)),
        _ => return None,
    })
}

/// The payload of each case, in the order of their numbers.
fn payload(def: &Def, case: u32) -> Option<Option<Type>> {
    let case = case as usize;
    match &def.kind {
        DefKind::Variant(cases) => cases.get(case).map(|case| case.ty),
        DefKind::Enum(names) => names.get(case).map(|_| None),
        DefKind::Option(ty) => [None, Some(*ty)].get(case).copied(),
        DefKind::Result(ok, err) => [*ok, *err].get(case).copied(),
        DefKind::List(_) | DefKind::Record(_) | DefKind::Tuple(_) | DefKind::Flags(_) => None,
    }
}

/// A value of a type with cases.
fn with_case(def: &Def, case: u32, payload: Option<Val>) -> Val {
    let payload = payload.map(Box::new);
    match &def.kind {
        DefKind::Variant(cases) => Val::Variant(cases[case as usize].name.clone(), payload),
        DefKind::Enum(names) => Val::Enum(names[case as usize].clone()),
        DefKind::Option(_) => Val::Option(payload),
        _ if case == 0 => Val::Result(Ok(payload)),
        _ => Val::Result(Err(payload)),
    }
}

/// The number of a value's case, and its payload.
fn case_of<'v>(def: &Def, val: &'v Val) -> Option<(u32, Option<&'v Val>)> {
    let (case, payload) = match (&def.kind, val) {
        (DefKind::Variant(cases), Val::Variant(name, payload)) => {
            (cases.iter().position(|Case { name: other, .. }| other == name)?, payload.as_deref())
        }
        (DefKind::Enum(names), Val::Enum(name)) => (names.iter().position(|other| other == name)?, None),
        (DefKind::Option(_), Val::Option(payload)) => (usize::from(payload.is_some()), payload.as_deref()),
        (DefKind::Result(..), Val::Result(Ok(payload))) => (0, payload.as_deref()),
        (DefKind::Result(..), Val::Result(Err(payload))) => (1, payload.as_deref()),
        _ => return None,
    };
    Some((case as u32, payload))
}

fn flags_of(names: &[String], bits: u32) -> Val {
    let set = names.iter().enumerate().filter(|(position, _)| *position < 32 && bits >> position & 1 == 1);
    Val::Flags(set.map(|(_, name)| name.clone()).collect())
}

fn bits_of(names: &[String], set: &[String]) -> Option<u32> {
    let bit = |name: &String| names.iter().position(|other| other == name).map(|position| 1_u32 << position);
    set.iter().try_fold(0, |bits, name| Some(bits | bit(name)?))
}

/// What an element of a lifted list takes of the host's memory.
const VAL_BYTES: usize = size_of::<Val>();

impl Cx<'_> {
    #[cold]
    fn mismatch(&self, ty: Type, val: &Val) -> Error {
        // Who began with a whole value says where in it this is: see `fits`.
        let (place, why) = (String::new(), String::new());
        let expected = Printer::new(&self.shared.info).ty(ty);
        ComponentTypeError::Value { place, value: shown(val), expected, why }.into()
    }

    /// A value from core values.
    pub(crate) fn lift_val(&mut self, ty: Type, src: &mut Flat<'_>) -> Result<Val> {
        let index = match ty {
            Type::S64 | Type::U64 | Type::F64 => return Ok(scalar(ty, src.u64()?)?.expect("it is one")),
            Type::String => {
                let (at, len) = (src.u32()?, src.u32()?);
                return self.lift_string(at, len).map(Val::String);
            }
            Type::Own(_) | Type::Borrow(_) => {
                let index = src.u32()?;
                return self.lift_handle(ty, index).map(Val::Resource);
            }
            Type::Def(index) => index,
            _ => return Ok(scalar(ty, u64::from(src.u32()?))?.expect("it is one")),
        };
        let def = self.types().def(index);
        match &def.kind {
            DefKind::List(element) => {
                let (at, len) = (src.u32()?, src.u32()?);
                self.load_list(*element, at, len)
            }
            DefKind::Record(fields) => {
                let fields = fields.iter().map(|field| Ok((field.name.clone(), self.lift_val(field.ty, src)?)));
                Ok(Val::Record(fields.collect::<Result<_>>()?))
            }
            DefKind::Tuple(types) => {
                Ok(Val::Tuple(types.iter().map(|ty| self.lift_val(*ty, src)).collect::<Result<_>>()?))
            }
            DefKind::Flags(names) => Ok(flags_of(names, if names.is_empty() { 0 } else { src.u32()? })),
            DefKind::Variant(_) | DefKind::Enum(_) | DefKind::Option(_) | DefKind::Result(..) => {
                let end = src.position() + usize::from(def.flat.unwrap_or(0));
                let case = src.u32()?;
                let payload = payload(def, case).ok_or(AbiTrap::InvalidDiscriminant)?;
                let payload = payload.map(|ty| self.lift_val(ty, src)).transpose()?;
                src.go_to(end);
                Ok(with_case(def, case, payload))
            }
        }
    }

    /// A resource that the guest gives or lends.
    pub(crate) fn lift_handle(&mut self, ty: Type, index: u32) -> Result<Resource> {
        let (handle, rep) = match ty {
            Type::Own(handle) => (handle, self.lift_own(handle, index)?),
            Type::Borrow(handle) => (handle, self.lift_borrow(handle, index)?),
            _ => return Err(AbiTrap::UnknownHandle(index).into()),
        };
        let info = *self.shared.resource(handle)?.1;
        match (info.host, ty) {
            (Some(ty), _) => Ok(Resource::Host { ty, rep }),
            (None, Type::Own(_)) => {
                let (place, serial) = self.state().hold(info.id, rep)?;
                let shared = Arc::clone(self.shared);
                Ok(Resource::Guest(GuestResource { shared, place, serial }))
            }
            // Only results come to the host from who defines a resource, and nothing is lent in results.
            (None, _) => Err(ComponentTypeError::GuestResource.into()),
        }
    }

    fn load_list(&mut self, element: Type, at: u32, len: u32) -> Result<Val> {
        let (size, align) = self.types().layout(element);
        self.check_list(at, len, size, align)?;
        self.lifting(len as usize, VAL_BYTES)?;
        let mut list = Vec::with_capacity(len as usize);
        for position in 0..len {
            list.push(self.load_val(element, at + position * size)?);
        }
        Ok(Val::List(list))
    }

    /// A number of some bytes.
    fn load_bits(&mut self, at: u32, bytes: u32) -> Result<u64> {
        Ok(match bytes {
            0 => 0,
            1 => u64::from(u8::from_le_bytes(self.load(at)?)),
            2 => u64::from(u16::from_le_bytes(self.load(at)?)),
            4 => u64::from(u32::from_le_bytes(self.load(at)?)),
            _ => u64::from_le_bytes(self.load(at)?),
        })
    }

    fn store_bits(&mut self, at: u32, bytes: u32, bits: u64) -> Result<()> {
        match bytes {
            0 => Ok(()),
            1 => self.store(at, (bits as u8).to_le_bytes()),
            2 => self.store(at, (bits as u16).to_le_bytes()),
            4 => self.store(at, (bits as u32).to_le_bytes()),
            _ => self.store(at, bits.to_le_bytes()),
        }
    }

    /// A value from memory, at an aligned address.
    pub(crate) fn load_val(&mut self, ty: Type, at: u32) -> Result<Val> {
        let index = match ty {
            Type::String => {
                let (at, len) = (self.load_bits(at, 4)? as u32, self.load_bits(at + 4, 4)? as u32);
                return self.lift_string(at, len).map(Val::String);
            }
            Type::Own(_) | Type::Borrow(_) => {
                let index = self.load_bits(at, 4)? as u32;
                return self.lift_handle(ty, index).map(Val::Resource);
            }
            Type::Def(index) => index,
            _ => {
                let bits = self.load_bits(at, self.types().layout(ty).0)?;
                return Ok(scalar(ty, bits)?.expect("it is one"));
            }
        };
        let def = self.types().def(index);
        match &def.kind {
            DefKind::List(element) => {
                let (at, len) = (self.load_bits(at, 4)? as u32, self.load_bits(at + 4, 4)? as u32);
                self.load_list(*element, at, len)
            }
            DefKind::Record(fields) => {
                let mut places = Places::new(at);
                let fields = fields.iter().map(|field| {
                    let at = places.next(self.types().layout(field.ty));
                    Ok((field.name.clone(), self.load_val(field.ty, at)?))
                });
                Ok(Val::Record(fields.collect::<Result<_>>()?))
            }
            DefKind::Tuple(types) => {
                let mut places = Places::new(at);
                let vals = types.iter().map(|ty| {
                    let at = places.next(self.types().layout(*ty));
                    self.load_val(*ty, at)
                });
                Ok(Val::Tuple(vals.collect::<Result<_>>()?))
            }
            DefKind::Flags(names) => Ok(flags_of(names, self.load_bits(at, def.size)? as u32)),
            DefKind::Variant(_) | DefKind::Enum(_) | DefKind::Option(_) | DefKind::Result(..) => {
                let case = self.load_bits(at, def.discriminant_bytes().unwrap_or(1))? as u32;
                let payload = payload(def, case).ok_or(AbiTrap::InvalidDiscriminant)?;
                let payload = payload.map(|ty| self.load_val(ty, at + def.payload_offset())).transpose()?;
                Ok(with_case(def, case, payload))
            }
        }
    }

    /// A value to core values.
    pub(crate) fn lower_val(&mut self, ty: Type, val: &Val, dst: &mut FlatOut<'_>) -> Result<()> {
        if let Some(bits) = bits(ty, val) {
            dst.push(bits);
            return Ok(());
        }
        let index = match (ty, val) {
            (Type::String, Val::String(string)) => {
                let (at, len) = self.lower_string(string)?;
                dst.push(u64::from(at));
                dst.push(u64::from(len));
                return Ok(());
            }
            (Type::Own(_) | Type::Borrow(_), Val::Resource(resource)) => {
                let index = self.lower_handle(ty, resource)?;
                dst.push(u64::from(index));
                return Ok(());
            }
            (Type::Def(index), _) => index,
            _ => return Err(self.mismatch(ty, val)),
        };
        let def = self.types().def(index);
        match (&def.kind, val) {
            (DefKind::List(element), Val::List(vals)) => {
                let at = self.store_list(*element, vals)?;
                dst.push(u64::from(at));
                dst.push(vals.len() as u64);
                Ok(())
            }
            (DefKind::Record(fields), Val::Record(vals)) if fields.len() == vals.len() => {
                for (field, (name, val)) in fields.iter().zip(vals) {
                    if field.name != *name {
                        return Err(self.mismatch(ty, &Val::Record(vals.clone())));
                    }
                    self.lower_val(field.ty, val, dst)?;
                }
                Ok(())
            }
            (DefKind::Tuple(types), Val::Tuple(vals)) if types.len() == vals.len() => {
                types.iter().zip(vals).try_for_each(|(ty, val)| self.lower_val(*ty, val, dst))
            }
            (DefKind::Flags(names), Val::Flags(set)) => {
                let bits = bits_of(names, set).ok_or_else(|| self.mismatch(ty, val))?;
                dst.push(u64::from(bits));
                Ok(())
            }
            _ => {
                let (case, payload, inner) = self.case(ty, def, val)?;
                let end = dst.len() + usize::from(def.flat.unwrap_or(0));
                dst.push(u64::from(case));
                if let (Some(ty), Some(val)) = (payload, inner) {
                    self.lower_val(ty, val, dst)?;
                }
                dst.pad_to(end);
                Ok(())
            }
        }
    }

    /// The case of a value: its number, the type of its payload, the payload.
    fn case<'v>(&self, ty: Type, def: &Def, val: &'v Val) -> Result<(u32, Option<Type>, Option<&'v Val>)> {
        let found = case_of(def, val);
        let found = found.and_then(|(case, inner)| Some((case, payload(def, case)?, inner)));
        let found = found.filter(|(_, payload, inner)| payload.is_some() == inner.is_some());
        found.ok_or_else(|| self.mismatch(ty, val))
    }

    /// A handle for a resource that the guest is given or lent.
    pub(crate) fn lower_handle(&mut self, ty: Type, resource: &Resource) -> Result<u32> {
        let (handle, is_owned) = match ty {
            Type::Own(handle) => (handle, true),
            Type::Borrow(handle) => (handle, false),
            _ => return Err(self.mismatch(ty, &Val::Resource(resource.clone()))),
        };
        let info = *self.shared.resource(handle)?.1;
        let rep = match resource {
            Resource::Host { ty: found, rep } if info.host == Some(*found) => *rep,
            Resource::Guest(guest) if Arc::ptr_eq(&guest.shared, self.shared) => {
                let state = self.state();
                match is_owned {
                    true => {
                        let rep = state.release(guest.place, guest.serial, info.id)?;
                        self.is_done = true;
                        rep
                    }
                    false => state.lend_held(guest.place, guest.serial, info.id)?,
                }
            }
            _ => return Err(self.mismatch(ty, &Val::Resource(resource.clone()))),
        };
        if is_owned { self.lower_own(handle, rep) } else { self.lower_borrow(handle, rep) }
    }

    fn store_list(&mut self, element: Type, vals: &[Val]) -> Result<u32> {
        let (size, align) = self.types().layout(element);
        let at = self.allocate_list(vals.len(), size, align)?;
        for (position, val) in vals.iter().enumerate() {
            self.store_val(element, val, at + position as u32 * size)?;
        }
        Ok(at)
    }

    /// A value to memory, at an aligned address that has room for it.
    pub(crate) fn store_val(&mut self, ty: Type, val: &Val, at: u32) -> Result<()> {
        if let Some(bits) = bits(ty, val) {
            return self.store_bits(at, self.types().layout(ty).0, bits);
        }
        let index = match (ty, val) {
            (Type::String, Val::String(string)) => {
                let (address, len) = self.lower_string(string)?;
                self.store_bits(at, 4, u64::from(address))?;
                return self.store_bits(at + 4, 4, u64::from(len));
            }
            (Type::Own(_) | Type::Borrow(_), Val::Resource(resource)) => {
                let index = self.lower_handle(ty, resource)?;
                return self.store_bits(at, 4, u64::from(index));
            }
            (Type::Def(index), _) => index,
            _ => return Err(self.mismatch(ty, val)),
        };
        let def = self.types().def(index);
        match (&def.kind, val) {
            (DefKind::List(element), Val::List(vals)) => {
                let address = self.store_list(*element, vals)?;
                self.store_bits(at, 4, u64::from(address))?;
                self.store_bits(at + 4, 4, vals.len() as u64)
            }
            (DefKind::Record(fields), Val::Record(vals)) if fields.len() == vals.len() => {
                let mut places = Places::new(at);
                for (field, (name, val)) in fields.iter().zip(vals) {
                    if field.name != *name {
                        return Err(self.mismatch(ty, &Val::Record(vals.clone())));
                    }
                    let at = places.next(self.types().layout(field.ty));
                    self.store_val(field.ty, val, at)?;
                }
                Ok(())
            }
            (DefKind::Tuple(types), Val::Tuple(vals)) if types.len() == vals.len() => {
                let mut places = Places::new(at);
                types.iter().zip(vals).try_for_each(|(ty, val)| {
                    let at = places.next(self.types().layout(*ty));
                    self.store_val(*ty, val, at)
                })
            }
            (DefKind::Flags(names), Val::Flags(set)) => {
                let bits = bits_of(names, set).ok_or_else(|| self.mismatch(ty, val))?;
                self.store_bits(at, def.size, u64::from(bits))
            }
            _ => {
                let (case, payload, inner) = self.case(ty, def, val)?;
                self.store_bits(at, def.discriminant_bytes().unwrap_or(1), u64::from(case))?;
                match (payload, inner) {
                    (Some(ty), Some(val)) => self.store_val(ty, val, at + def.payload_offset()),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// Where the fields of a record are.
pub(crate) struct Places(u32);

impl Places {
    pub(crate) fn new(at: u32) -> Self {
        Self(at)
    }

    /// The place of a field of this size and alignment. A record is inside a memory, so that places do not overflow.
    pub(crate) fn next(&mut self, (size, align): (u32, u32)) -> u32 {
        let at = self.0.next_multiple_of(align);
        // Behind the last one there may be the end of a memory of 4 GiB.
        self.0 = at.wrapping_add(size);
        at
    }
}
