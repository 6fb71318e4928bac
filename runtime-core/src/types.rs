//! The types of WebAssembly (core specification, section 2.3) and the index newtypes of a module.
//!
//! Raw integers stop at the parser: everything behind it names what an index points at.

mod def;

use std::fmt;

pub use def::*;

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
        #[repr(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The index as the position in a slice.
            pub fn index(self) -> usize {
                self.0 as usize
            }

            /// The index of position `position`, which module limits keep below 2³².
            pub fn from_index(position: usize) -> Self {
                Self(u32::try_from(position).expect("module limits keep index spaces below 2^32"))
            }
        }
    };
}

index!(
    /// A type of the module's type section.
    TypeIdx
);
index!(
    /// A function of the module's function index space: imports first.
    FuncIdx
);
index!(
    /// A function defined in the module, counted from zero without the imports.
    DefinedFuncIdx
);
index!(
    /// A table of the module's table index space: imports first.
    TableIdx
);
index!(
    /// A memory of the module's memory index space: imports first.
    MemoryIdx
);
index!(
    /// A global of the module's global index space: imports first.
    GlobalIdx
);
index!(
    /// A tag (exception type) of the module's tag index space: imports first.
    TagIdx
);
index!(
    /// An element segment.
    ElemIdx
);
index!(
    /// A data segment.
    DataIdx
);
index!(
    /// A local of a function: parameters first.
    LocalIdx
);

/// The width of an integer or a floating point number, and of an index into a memory or table.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub enum Width {
    /// 32 bits.
    W32,
    /// 64 bits.
    W64,
}

impl Width {
    /// The width in bits.
    pub const fn bits(self) -> u32 {
        match self {
            Self::W32 => 32,
            Self::W64 => 64,
        }
    }

    /// The integer type of this width.
    pub const fn int(self) -> Ty {
        match self {
            Self::W32 => Ty::I32,
            Self::W64 => Ty::I64,
        }
    }

    /// The floating point type of this width.
    pub const fn float(self) -> Ty {
        match self {
            Self::W32 => Ty::F32,
            Self::W64 => Ty::F64,
        }
    }
}

/// What a code generator knows of a value's type: its representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Ty {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// An IEEE 754 single.
    F32,
    /// An IEEE 754 double.
    F64,
    /// A 128-bit vector.
    V128,
    /// A reference of any kind: 64 bits, null is zero.
    Ref,
}

impl Ty {
    /// Bytes that a value of this type takes in memory.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 | Self::Ref => 8,
            Self::V128 => 16,
        }
    }

    /// Whether the value lives in an integer register.
    pub const fn is_int_class(self) -> bool {
        matches!(self, Self::I32 | Self::I64 | Self::Ref)
    }
}

/// A constant, as an operand or as a global's initial value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum Const {
    /// The value of an `i32`.
    I32(i32),
    /// The value of an `i64`.
    I64(i64),
    /// The bits of an `f32`.
    F32(u32),
    /// The bits of an `f64`.
    F64(u64),
    /// Little-endian lanes.
    V128(u128),
    /// The null reference of any type.
    Null,
}

impl Const {
    /// The representation of the constant's type.
    pub const fn ty(self) -> Ty {
        match self {
            Self::I32(_) => Ty::I32,
            Self::I64(_) => Ty::I64,
            Self::F32(_) => Ty::F32,
            Self::F64(_) => Ty::F64,
            Self::V128(_) => Ty::V128,
            Self::Null => Ty::Ref,
        }
    }
}

/// What the values of a reference type are at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefKind {
    /// Pointers to `VMFuncRef`.
    Func,
    /// What belongs to the host or was made for it: handles of its values, or internal references that went outside.
    Extern,
    /// Handles of exceptions.
    Exn,
    /// Internal references: objects of the heap, and integers of 31 bits.
    Internal,
}

/// A heap type (specification, section 2.3.4). `Concrete` types are module type indices inside a module
/// and canonical ids (see [`crate::types::CanonicalId`]) outside of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum HeapType {
    /// Any function.
    Func,
    /// No function: the bottom of the function hierarchy.
    NoFunc,
    /// Any host value.
    Extern,
    /// No host value.
    NoExtern,
    /// Any internal reference.
    Any,
    /// The bottom of the internal hierarchy.
    None,
    /// Comparable internal references.
    Eq,
    /// Unboxed 31-bit integers.
    I31,
    /// Any struct.
    Struct,
    /// Any array.
    Array,
    /// Any exception.
    Exn,
    /// No exception.
    NoExn,
    /// A defined type, of this kind.
    Concrete(TypeKind, u32),
}

impl HeapType {
    /// Whether everything of this type is of type `other` (specification, section 3.3.3); `declared` says it of two defined types.
    pub fn is_subtype_of(self, other: Self, declared: impl Fn(CanonicalId, CanonicalId) -> bool) -> bool {
        match (self, other) {
            (this, other) if this == other => true,
            (Self::NoFunc | Self::NoExtern | Self::NoExn | Self::None, other) => self.ref_kind() == other.ref_kind(),
            (this, Self::Any) => this.is_internal(),
            (this, Self::Eq) => this.is_internal() && this != Self::Any,
            (Self::Concrete(kind, this), Self::Concrete(other_kind, other)) => {
                kind == other_kind && declared(CanonicalId(this), CanonicalId(other))
            }
            (Self::Concrete(kind, _), other) => kind.top() == other,
            _ => false,
        }
    }

    /// What values of this type are at run time. Types of different kinds have no value but null in common.
    pub const fn ref_kind(self) -> RefKind {
        match self {
            Self::Func | Self::NoFunc | Self::Concrete(TypeKind::Func, _) => RefKind::Func,
            Self::Extern | Self::NoExtern => RefKind::Extern,
            Self::Exn | Self::NoExn => RefKind::Exn,
            Self::Any | Self::None | Self::Eq | Self::I31 | Self::Struct | Self::Array => RefKind::Internal,
            Self::Concrete(TypeKind::Struct | TypeKind::Array, _) => RefKind::Internal,
        }
    }

    /// Whether values of this type are references to exceptions.
    pub const fn is_exn(self) -> bool {
        matches!(self.ref_kind(), RefKind::Exn)
    }

    /// Whether values of this type are function references (pointers to `VMFuncRef`), rather than host or heap values.
    pub const fn is_func(self) -> bool {
        matches!(self.ref_kind(), RefKind::Func)
    }

    /// Whether values of this type are internal references: 32 bits, zero-extended.
    pub const fn is_internal(self) -> bool {
        matches!(self.ref_kind(), RefKind::Internal)
    }
}

/// A reference type (specification, section 2.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct RefType {
    /// Whether null is a value of the type.
    pub nullable: bool,
    /// What it refers to.
    pub heap: HeapType,
}

impl RefType {
    /// `(ref null func)`.
    pub const FUNCREF: Self = Self { nullable: true, heap: HeapType::Func };
    /// `(ref null extern)`.
    pub const EXTERNREF: Self = Self { nullable: true, heap: HeapType::Extern };
    /// `(ref null exn)`.
    pub const EXNREF: Self = Self { nullable: true, heap: HeapType::Exn };

    /// Whether every value of this type is one of `other`; `declared` says it of two defined types.
    pub fn is_subtype_of(self, other: Self, declared: impl Fn(CanonicalId, CanonicalId) -> bool) -> bool {
        (other.nullable || !self.nullable) && self.heap.is_subtype_of(other.heap, declared)
    }

    /// The same type with the number of the type in it replaced.
    pub fn map(self, map: impl Fn(u32) -> u32) -> Self {
        match self.heap {
            HeapType::Concrete(kind, index) => Self { heap: HeapType::Concrete(kind, map(index)), ..self },
            _ => self,
        }
    }
}

/// A value type (specification, section 2.3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum ValType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// An IEEE 754 single.
    F32,
    /// An IEEE 754 double.
    F64,
    /// A 128-bit vector.
    V128,
    /// A reference.
    Ref(RefType),
}

impl ValType {
    /// `funcref`.
    pub const FUNCREF: Self = Self::Ref(RefType::FUNCREF);
    /// `externref`.
    pub const EXTERNREF: Self = Self::Ref(RefType::EXTERNREF);
    /// `exnref`.
    pub const EXNREF: Self = Self::Ref(RefType::EXNREF);

    /// Whether its values are references to the host's: those that are not functions.
    pub const fn is_host_ref(self) -> bool {
        matches!(self, Self::Ref(reference) if !reference.heap.is_func())
    }

    /// Whether every value of this type is one of `other` (specification, section 3.3); `declared` says it of two defined types.
    pub fn is_subtype_of(self, other: Self, declared: impl Fn(CanonicalId, CanonicalId) -> bool) -> bool {
        match (self, other) {
            (Self::Ref(this), Self::Ref(other)) => this.is_subtype_of(other, declared),
            _ => self == other,
        }
    }

    /// The same type with the number of the type in it replaced.
    pub fn map(self, map: impl Fn(u32) -> u32) -> Self {
        match self {
            Self::Ref(reference) => Self::Ref(reference.map(map)),
            number => number,
        }
    }

    /// The representation of values of this type.
    pub const fn ty(self) -> Ty {
        match self {
            Self::I32 => Ty::I32,
            Self::I64 => Ty::I64,
            Self::F32 => Ty::F32,
            Self::F64 => Ty::F64,
            Self::V128 => Ty::V128,
            Self::Ref(_) => Ty::Ref,
        }
    }
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Func => "func",
            Self::NoFunc => "nofunc",
            Self::Extern => "extern",
            Self::NoExtern => "noextern",
            Self::Any => "any",
            Self::None => "none",
            Self::Eq => "eq",
            Self::I31 => "i31",
            Self::Struct => "struct",
            Self::Array => "array",
            Self::Exn => "exn",
            Self::NoExn => "noexn",
            Self::Concrete(_, index) => return write!(f, "{index}"),
        };
        f.write_str(name)
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.nullable, self.heap) {
            (true, HeapType::Func) => f.write_str("funcref"),
            (true, HeapType::Extern) => f.write_str("externref"),
            (true, HeapType::Exn) => f.write_str("exnref"),
            (true, heap) => write!(f, "(ref null {heap})"),
            (false, heap) => write!(f, "(ref {heap})"),
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I32 => f.write_str("i32"),
            Self::I64 => f.write_str("i64"),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::V128 => f.write_str("v128"),
            Self::Ref(reference) => reference.fmt(f),
        }
    }
}

/// A function type (specification, section 2.3.8).
#[derive(Clone, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct FuncType {
    /// Parameter types.
    pub params: Box<[ValType]>,
    /// Result types.
    pub results: Box<[ValType]>,
}

impl FuncType {
    /// The function type from `params` to `results`.
    pub fn new(params: impl IntoIterator<Item = ValType>, results: impl IntoIterator<Item = ValType>) -> Self {
        Self { params: params.into_iter().collect(), results: results.into_iter().collect() }
    }

    /// The representation that code generators see.
    pub fn signature(&self) -> Signature {
        Signature {
            params: self.params.iter().map(|ty| ty.ty()).collect(),
            results: self.results.iter().map(|ty| ty.ty()).collect(),
        }
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(f: &mut fmt::Formatter<'_>, types: &[ValType]) -> fmt::Result {
            f.write_str("[")?;
            for (position, ty) in types.iter().enumerate() {
                if position > 0 {
                    f.write_str(" ")?;
                }
                ty.fmt(f)?;
            }
            f.write_str("]")
        }
        list(f, &self.params)?;
        f.write_str(" -> ")?;
        list(f, &self.results)
    }
}

/// A function type as code generators see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Signature {
    /// Parameter representations, without the vmctx.
    pub params: Box<[Ty]>,
    /// Result representations.
    pub results: Box<[Ty]>,
}

/// Limits of a memory or table. The unit is pages for memories and elements for tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Limits {
    /// Initial size.
    pub min: u64,
    /// Size it may not grow beyond, when declared.
    pub max: Option<u64>,
}

/// A table type (specification, section 2.3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct TableType {
    /// What the elements are.
    pub element: RefType,
    /// Limits in elements.
    pub limits: Limits,
    /// The width of an index.
    pub index: Width,
}

/// A memory type (specification, section 2.3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct MemoryType {
    /// Limits in pages.
    pub limits: Limits,
    /// The width of an address.
    pub index: Width,
    /// Whether several threads may use it (threads proposal).
    pub shared: bool,
    /// Logarithm of the page size in bytes: 16, or 0 with custom page sizes.
    pub page_size_log2: u8,
}

/// A global type (specification, section 2.3.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct GlobalType {
    /// The type of its value.
    pub content: ValType,
    /// Whether it may be written.
    pub mutable: bool,
}

/// The type of an import or export.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag.
    Tag(FuncType),
}

impl ExternType {
    /// What it is, in a word: `a function`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Func(_) => "a function",
            Self::Table(_) => "a table",
            Self::Memory(_) => "a memory",
            Self::Global(_) => "a global",
            Self::Tag(_) => "a tag",
        }
    }
}

/// The process-wide number of a defined type: equal types have equal ids, so that a `call_indirect` compares one
/// 32-bit number. The upper bits of the id in a function reference carry the ABI (see `vm::vmcontext::VMFuncRef`),
/// those in an object's header its kind (see [`crate::object`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalId(pub u32);
