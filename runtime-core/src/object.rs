//! How objects of the collected heap are laid out: the same in every image, backend and collector, because it follows from the type alone.
//!
//! An object starts with the word that its module's array of type ids holds for its type: canonical id in the low [`TYPE_ID_ABI_SHIFT`] bits,
//! [`ObjectKind`] above. References between objects are the low 32 bits of internal references. A subtype has its supertype's fields first, so
//! that they are where the supertype has them.

use crate::layout::TYPE_ID_ABI_SHIFT;
use crate::types::*;

/// Objects start at multiples of this, and their sizes are multiples.
pub const OBJECT_ALIGN: u32 = 16;
/// Object: the 32-bit type id.
pub const OBJECT_HEADER: u32 = 0;
/// Struct: where fields can start.
pub const STRUCT_FIELDS: u32 = 4;
/// Array: its length in elements (32 bits).
pub const ARRAY_LENGTH: u32 = 4;
/// Array: the first element.
pub const ARRAY_ELEMENTS: u32 = 8;
/// Host cell: the handle of the host's value (64 bits).
pub const HOST_CELL_HANDLE: u32 = 8;
/// Size of a host cell in bytes.
pub const HOST_CELL_BYTES: u32 = 16;
/// The header of every host cell.
pub const HOST_CELL_TYPE_ID: u32 = ObjectKind::Host.type_id(CanonicalId(0));

/// Fields that a struct can have (a limit of the validator).
pub const STRUCT_FIELDS_MAX: u32 = 10_000;
/// The largest size of a struct in bytes.
pub const STRUCT_BYTES_MAX: u32 = STRUCT_FIELDS_MAX * 16 + OBJECT_ALIGN;
/// The largest size of an array in bytes: what the heap's addresses have room for at most.
pub const ARRAY_BYTES_MAX: u64 = (1 << 32) - OBJECT_ALIGN as u64;

/// What an object is, in the upper bits of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ObjectKind {
    /// A struct.
    Struct = 0,
    /// An array.
    Array = 1,
    /// A value of the host that became an internal reference. Of no defined type: its canonical id is 0.
    Host = 2,
}

impl ObjectKind {
    /// The header of an object of this kind.
    pub const fn type_id(self, canonical: CanonicalId) -> u32 {
        canonical.0 | (self as u32) << TYPE_ID_ABI_SHIFT
    }

    /// What a header says.
    pub const fn of(header: u32) -> Option<Self> {
        match header >> TYPE_ID_ABI_SHIFT {
            0 => Some(Self::Struct),
            1 => Some(Self::Array),
            2 => Some(Self::Host),
            _ => None,
        }
    }
}

/// The internal reference to an integer of 31 bits.
pub const fn i31(value: u32) -> u32 {
    value << 1 | 1
}

impl StorageType {
    /// Logarithm of the bytes that it takes in an object.
    pub const fn bytes_log2(self) -> u8 {
        match self {
            Self::I8 => 0,
            Self::I16 => 1,
            Self::Val(ValType::I32 | ValType::F32) => 2,
            Self::Val(ValType::I64 | ValType::F64) => 3,
            Self::Val(ValType::V128) => 4,
            Self::Val(ValType::Ref(reference)) => match reference.heap.ref_kind() {
                RefKind::Internal => 2,
                RefKind::Func | RefKind::Extern | RefKind::Exn => 3,
            },
        }
    }

    /// The bytes that it takes in an object.
    pub const fn bytes(self) -> u32 {
        1 << self.bytes_log2()
    }

    /// What a collector finds there.
    pub const fn traced(self) -> Option<TracedRef> {
        match self {
            Self::Val(ValType::Ref(reference)) => match reference.heap.ref_kind() {
                RefKind::Internal => Some(TracedRef::Internal),
                RefKind::Extern | RefKind::Exn => Some(TracedRef::Handle),
                RefKind::Func => None,
            },
            _ => None,
        }
    }
}

/// A reference in an object that keeps something alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TracedRef {
    /// An internal reference of 4 bytes.
    Internal,
    /// The 8 bytes of a host value or an exception: a handle, or an internal reference that went outside.
    Handle,
}

/// Where a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldLayout {
    /// From the object's start, in bytes.
    pub offset: u32,
    /// What it holds.
    pub storage: StorageType,
}

/// Where a struct has what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructLayout {
    /// Size of an object in bytes.
    pub size: u32,
    /// In the order of the type.
    pub fields: Box<[FieldLayout]>,
}

impl StructLayout {
    /// The layout of a struct type.
    pub fn of(ty: &StructType) -> Self {
        let mut end = STRUCT_FIELDS;
        let place = |field: &FieldType| {
            let bytes = field.storage.bytes();
            let offset = end.next_multiple_of(bytes.min(8));
            end = offset + bytes;
            FieldLayout { offset, storage: field.storage }
        };
        let fields = ty.fields.iter().map(place).collect();
        Self { size: end.next_multiple_of(OBJECT_ALIGN), fields }
    }
}

/// Where an array has its elements: from [`ARRAY_ELEMENTS`] on, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrayLayout {
    /// Logarithm of an element's bytes.
    pub element_log2: u8,
    /// What an element is.
    pub storage: StorageType,
}

impl ArrayLayout {
    /// The layout of an array type.
    pub const fn of(ty: &ArrayType) -> Self {
        Self { element_log2: ty.element.storage.bytes_log2(), storage: ty.element.storage }
    }

    /// Size in bytes of an array of `len` elements: more than [`ARRAY_BYTES_MAX`] if there can be none.
    pub const fn size(&self, len: u32) -> u64 {
        array_bytes(self.element_log2, len)
    }
}

/// Size in bytes of an array of `len` elements of 2^`element_log2` bytes.
pub const fn array_bytes(element_log2: u8, len: u32) -> u64 {
    (ARRAY_ELEMENTS as u64 + ((len as u64) << element_log2)).next_multiple_of(OBJECT_ALIGN as u64)
}

/// The layout of a defined type's objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectLayout {
    /// Functions are no objects of the heap.
    Func,
    /// Of a struct type.
    Struct(StructLayout),
    /// Of an array type.
    Array(ArrayLayout),
}

impl ObjectLayout {
    /// The layout of a defined type.
    pub fn of(ty: &CompositeType) -> Self {
        match ty {
            CompositeType::Func(_) => Self::Func,
            CompositeType::Struct(ty) => Self::Struct(StructLayout::of(ty)),
            CompositeType::Array(ty) => Self::Array(ArrayLayout::of(ty)),
        }
    }
}

/// What a collector has to know of a defined type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeTrace {
    /// Functions are no objects of the heap.
    Func,
    /// Of a struct type.
    Struct {
        /// Size of an object in bytes.
        size: u32,
        /// Where references are, and what they are.
        refs: Box<[(u32, TracedRef)]>,
    },
    /// Of an array type.
    Array {
        /// Logarithm of an element's bytes.
        element_log2: u8,
        /// What the elements are, if they are references.
        element: Option<TracedRef>,
    },
}

impl TypeTrace {
    /// What a collector has to know of a type.
    pub fn of(ty: &CompositeType) -> Self {
        match ObjectLayout::of(ty) {
            ObjectLayout::Func => Self::Func,
            ObjectLayout::Struct(StructLayout { size, fields }) => {
                let refs = fields.iter().filter_map(|field| Some((field.offset, field.storage.traced()?))).collect();
                Self::Struct { size, refs }
            }
            ObjectLayout::Array(ArrayLayout { element_log2, storage }) => {
                Self::Array { element_log2, element: storage.traced() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(storage: StorageType) -> FieldType {
        FieldType { storage, mutable: false }
    }

    fn reference(heap: HeapType) -> StorageType {
        StorageType::Val(ValType::Ref(RefType { nullable: true, heap }))
    }

    #[test]
    fn fields_follow_each_other_at_their_alignment() {
        let storages = [
            StorageType::I8,
            StorageType::I16,
            StorageType::Val(ValType::I32),
            StorageType::Val(ValType::V128),
            reference(HeapType::Any),
            reference(HeapType::Func),
            reference(HeapType::Extern),
            StorageType::I8,
        ];
        let whole = StructType { fields: storages.map(field).into() };
        let layout = StructLayout::of(&whole);
        let offsets: Vec<_> = layout.fields.iter().map(|field| field.offset).collect();
        assert_eq!((offsets, layout.size), (vec![4, 6, 8, 16, 32, 40, 48, 56], 64));
        for len in 0..storages.len() {
            let supertype = StructLayout::of(&StructType { fields: whole.fields[..len].into() });
            assert_eq!(
                supertype.fields[..],
                layout.fields[..len],
                "a subtype's fields are where its supertype has them"
            );
        }
        let TypeTrace::Struct { size, refs } = TypeTrace::of(&CompositeType::Struct(whole)) else { panic!() };
        assert_eq!((size, &refs[..]), (64, &[(32, TracedRef::Internal), (48, TracedRef::Handle)][..]));
    }

    #[test]
    fn sizes_have_room_for_everything() {
        assert_eq!(StructLayout::of(&StructType { fields: Box::default() }).size, 16);
        let widest = vec![field(StorageType::Val(ValType::V128)); STRUCT_FIELDS_MAX as usize];
        assert!(StructLayout::of(&StructType { fields: widest.into() }).size <= STRUCT_BYTES_MAX);
        assert_eq!(
            [(0, 0), (0, 8), (0, 9), (3, 1), (4, 3)].map(|(log2, len)| array_bytes(log2, len)),
            [16, 16, 32, 16, 64]
        );
        assert!(array_bytes(0, u32::MAX) > ARRAY_BYTES_MAX);
    }

    #[test]
    fn headers_say_what_they_are() {
        for kind in [ObjectKind::Struct, ObjectKind::Array, ObjectKind::Host] {
            let header = kind.type_id(CanonicalId(77));
            assert_eq!((ObjectKind::of(header), crate::vmcontext::canonical_of(header)), (Some(kind), CanonicalId(77)));
        }
        assert_eq!(ObjectKind::of(u32::MAX), None);
    }
}
