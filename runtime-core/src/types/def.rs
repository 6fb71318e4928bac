//! Defined types (specification, section 2.3.9): the entries of a type section.

use std::fmt;

use crate::types::{FuncType, HeapType, ValType};

/// What a defined type is, in a word.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub enum TypeKind {
    /// A function type.
    Func,
    /// A struct type.
    Struct,
    /// An array type.
    Array,
}

impl TypeKind {
    /// What every type of this kind is a subtype of.
    pub const fn top(self) -> HeapType {
        match self {
            Self::Func => HeapType::Func,
            Self::Struct => HeapType::Struct,
            Self::Array => HeapType::Array,
        }
    }
}

/// What a field holds (specification, section 2.3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum StorageType {
    /// An integer of 8 bits, an `i32` outside of the field.
    I8,
    /// An integer of 16 bits, an `i32` outside of the field.
    I16,
    /// A value.
    Val(ValType),
}

impl StorageType {
    /// The type of the value outside of the field.
    pub const fn unpacked(self) -> ValType {
        match self {
            Self::I8 | Self::I16 => ValType::I32,
            Self::Val(ty) => ty,
        }
    }

    /// Whether fewer bits are kept than the value has.
    pub const fn is_packed(self) -> bool {
        matches!(self, Self::I8 | Self::I16)
    }
}

/// The type of a struct's field or an array's elements (specification, section 2.3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct FieldType {
    /// What it holds.
    pub storage: StorageType,
    /// Whether it may be written after the object was made.
    pub mutable: bool,
}

/// A struct type (specification, section 2.3.8).
#[derive(Clone, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct StructType {
    /// All fields, those of supertypes first.
    pub fields: Box<[FieldType]>,
}

/// An array type (specification, section 2.3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct ArrayType {
    /// What the elements are.
    pub element: FieldType,
}

/// A composite type (specification, section 2.3.8).
#[derive(Clone, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum CompositeType {
    /// A function type.
    Func(FuncType),
    /// A struct type.
    Struct(StructType),
    /// An array type.
    Array(ArrayType),
}

impl CompositeType {
    /// What it is.
    pub const fn kind(&self) -> TypeKind {
        match self {
            Self::Func(_) => TypeKind::Func,
            Self::Struct(_) => TypeKind::Struct,
            Self::Array(_) => TypeKind::Array,
        }
    }
}

/// A defined type: a composite type and its place among its supertypes and subtypes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct TypeDef {
    /// What its values are made of.
    pub composite: CompositeType,
    /// The type that it is declared to be a subtype of, by number as in [`HeapType::Concrete`].
    pub supertype: Option<u32>,
    /// Whether no type can be declared to be its subtype.
    pub is_final: bool,
}

impl TypeDef {
    /// What it is.
    pub const fn kind(&self) -> TypeKind {
        self.composite.kind()
    }

    /// The function type, if it is one.
    pub const fn func(&self) -> Option<&FuncType> {
        match &self.composite {
            CompositeType::Func(ty) => Some(ty),
            CompositeType::Struct(_) | CompositeType::Array(_) => None,
        }
    }

    /// Every value type in it, packed fields as what they are outside.
    pub fn values(&self) -> impl Iterator<Item = ValType> + '_ {
        let (params, results, fields): (&[ValType], &[ValType], &[FieldType]) = match &self.composite {
            CompositeType::Func(ty) => (&ty.params, &ty.results, &[]),
            CompositeType::Struct(ty) => (&[], &[], &ty.fields),
            CompositeType::Array(ty) => (&[], &[], std::slice::from_ref(&ty.element)),
        };
        params.iter().chain(results).copied().chain(fields.iter().map(|field| field.storage.unpacked()))
    }

    /// The same type with every number of a type replaced.
    pub fn map(&self, map: impl Fn(u32) -> u32) -> Self {
        let val = |ty: &ValType| ty.map(&map);
        let field = |field: &FieldType| match &field.storage {
            StorageType::Val(ty) => FieldType { storage: StorageType::Val(val(ty)), ..*field },
            StorageType::I8 | StorageType::I16 => *field,
        };
        let composite = match &self.composite {
            CompositeType::Func(ty) => {
                CompositeType::Func(FuncType::new(ty.params.iter().map(val), ty.results.iter().map(val)))
            }
            CompositeType::Struct(ty) => {
                CompositeType::Struct(StructType { fields: ty.fields.iter().map(field).collect() })
            }
            CompositeType::Array(ty) => CompositeType::Array(ArrayType { element: field(&ty.element) }),
        };
        Self { composite, supertype: self.supertype.map(map), is_final: self.is_final }
    }
}

impl From<FuncType> for TypeDef {
    /// As function types are written without garbage collection: final, without a supertype.
    fn from(ty: FuncType) -> Self {
        Self { composite: CompositeType::Func(ty), supertype: None, is_final: true }
    }
}

impl fmt::Display for TypeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Func => "func",
            Self::Struct => "struct",
            Self::Array => "array",
        })
    }
}

impl fmt::Display for StorageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I8 => f.write_str("i8"),
            Self::I16 => f.write_str("i16"),
            Self::Val(ty) => ty.fmt(f),
        }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mutable {
            true => write!(f, "(mut {})", self.storage),
            false => self.storage.fmt(f),
        }
    }
}

impl fmt::Display for StructType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(struct")?;
        self.fields.iter().try_for_each(|field| write!(f, " (field {field})"))?;
        f.write_str(")")
    }
}

impl fmt::Display for ArrayType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(array {})", self.element)
    }
}

impl fmt::Display for CompositeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Func(ty) => write!(f, "(func {ty})"),
            Self::Struct(ty) => ty.fmt(f),
            Self::Array(ty) => ty.fmt(f),
        }
    }
}

impl fmt::Display for TypeDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_final, self.supertype) {
            (true, None) => self.composite.fmt(f),
            (true, Some(supertype)) => write!(f, "(sub final {supertype} {})", self.composite),
            (false, Some(supertype)) => write!(f, "(sub {supertype} {})", self.composite),
            (false, None) => write!(f, "(sub {})", self.composite),
        }
    }
}
