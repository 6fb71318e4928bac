//! References to objects of garbage collection (specification, sections 2.3.4 and 4.2.14): structs, arrays, integers of 31 bits, and values of the host.

use wasmer_runtime_core::object::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::{RawValue, canonical_of};
use wasmer_vm::budget::Usage;
use wasmer_vm::heap::AllocLimit;
use wasmer_vm::objects::array_size;
use wasmer_vm::references::Root;
use wasmer_vm::types_registry;

use crate::error::{Error, Place, ResourceError, Result, Trap, TypeError};
use crate::object_type::ObjectType;
use crate::store::{AsStore, AsStoreMut, StoreAccess, StoreId, StoreOpaque, StoreView};
use crate::value::{ExternRef, Val};

/// An integer of 31 bits, which is a reference without an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct I31(u32);

impl I31 {
    /// The lower 31 bits of a number.
    pub const fn wrapping(value: u32) -> Self {
        Self(value << 1 >> 1)
    }

    /// As a number that is not negative.
    pub const fn unsigned(self) -> u32 {
        self.0
    }

    /// As a number of which the upper bit of the 31 is the sign.
    pub const fn signed(self) -> i32 {
        (self.0 << 1) as i32 >> 1
    }
}

/// A reference that is not null, of any type that `anyref` includes. The store keeps the object as long as a clone of this lives.
///
/// ```
/// use wasmer_api::{AnyRef, Engine, EngineConfig, ExternRef, I31, Store};
///
/// let engine = Engine::new(EngineConfig::headless())?;
/// let mut store = Store::new(&engine, ());
/// let number = AnyRef::from(I31::wrapping(7));
/// assert_eq!(number.as_i31().map(I31::signed), Some(7));
///
/// // Values of the host are among them, too.
/// let inside = AnyRef::internal(&mut store, &ExternRef::new("mine"))?;
/// let outside = inside.external(&mut store)?;
/// assert_eq!(outside.data().downcast_ref(), Some(&"mine"));
/// # Ok::<_, wasmer_api::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct AnyRef(Kind);

#[derive(Clone, Debug)]
enum Kind {
    I31(I31),
    Object { store: StoreId, root: Root },
}

impl From<I31> for AnyRef {
    fn from(number: I31) -> Self {
        Self(Kind::I31(number))
    }
}

impl AnyRef {
    /// What a reference from outside is inside (`any.convert_extern`): an [`ExternRef`] of an `AnyRef` is that one again.
    pub fn internal(store: &mut impl AsStoreMut, value: &ExternRef) -> Result<Self> {
        let store = store.store_inner_mut();
        if let Some(inside) = value.data().downcast_ref::<Self>() {
            inside.word(store)?;
            return Ok(inside.clone());
        }
        let cell = store.new_object(HOST_CELL_TYPE_ID, HOST_CELL_BYTES)?;
        // What is held by nobody yet is not collected before it is held by the cell.
        let handle = store.intern_extern_ref(value)?;
        // SAFETY: eight bytes of the new object.
        unsafe { store.vm.object(cell, HOST_CELL_HANDLE, 8).cast::<u64>().write(handle) };
        Ok(Self::object(cell, store))
    }

    /// What the reference is outside (`extern.convert_any`): the value of the host that it is, or an [`ExternRef`] of this `AnyRef`.
    pub fn external(&self, store: &mut impl AsStoreMut) -> Result<ExternRef> {
        let store = store.store_inner_mut();
        let word = self.external_word(store)?;
        Ok(store.extern_ref(word).expect("the reference is not null"))
    }

    /// The integer, if it is one.
    pub fn as_i31(&self) -> Option<I31> {
        match self.0 {
            Kind::I31(number) => Some(number),
            Kind::Object { .. } => None,
        }
    }

    /// The struct, if it is one.
    pub fn as_struct(&self, store: &impl AsStore) -> Result<Option<StructRef>> {
        Ok(self.is_of(HeapType::Struct, store.store_inner())?.then(|| StructRef(self.clone())))
    }

    /// The array, if it is one.
    pub fn as_array(&self, store: &impl AsStore) -> Result<Option<ArrayRef>> {
        Ok(self.is_of(HeapType::Array, store.store_inner())?.then(|| ArrayRef(self.clone())))
    }

    /// Whether it is a value of a type (`ref.test`).
    pub fn matches(&self, store: &impl AsStore, ty: RefType) -> Result<bool> {
        self.is_of(ty.heap, store.store_inner())
    }

    /// Whether both are the same reference (`ref.eq`).
    pub fn ref_eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::I31(this), Kind::I31(other)) => this == other,
            (Kind::Object { store, root }, Kind::Object { store: other_store, root: other }) => {
                store == other_store && root.handle() == other.handle()
            }
            _ => false,
        }
    }

    fn object(object: u32, store: &StoreOpaque) -> Self {
        Self(Kind::Object { store: store.id(), root: store.vm.refs.root(object.into()) })
    }

    /// The reference that guests have; none for null.
    pub(crate) fn from_raw(word: u64, store: &StoreOpaque) -> Option<Self> {
        match word as u32 {
            0 => None,
            number if number & 1 != 0 => Some(I31(number >> 1).into()),
            object => Some(Self::object(object, store)),
        }
    }

    /// What guests have for it outside.
    pub(crate) fn external_word(&self, store: &StoreOpaque) -> Result<u64> {
        let handle = self.address(store)?.and_then(|object| store.vm.host_cell(object));
        handle.map_or_else(|| self.word(store), Ok)
    }

    /// What guests have for it, if it belongs to this store.
    pub(crate) fn word(&self, store: &StoreOpaque) -> Result<u64> {
        match &self.0 {
            Kind::I31(number) => Ok(i31(number.0).into()),
            Kind::Object { store: owner, root } => {
                store.check(*owner, "object")?;
                Ok(root.handle())
            }
        }
    }

    /// Where the object is; none for integers.
    fn address(&self, store: &StoreOpaque) -> Result<Option<u32>> {
        let word = self.word(store)? as u32;
        Ok((word & 1 == 0).then_some(word))
    }

    /// Whether it is a value of a type.
    pub(crate) fn is_of(&self, ty: HeapType, store: &StoreOpaque) -> Result<bool> {
        let Some(object) = self.address(store)? else {
            return Ok(matches!(ty, HeapType::Any | HeapType::Eq | HeapType::I31));
        };
        let header = store.vm.object_header(object);
        Ok(match (ty, ObjectKind::of(header)) {
            (HeapType::Any, _) => true,
            (HeapType::Eq, kind) => kind != Some(ObjectKind::Host),
            (HeapType::Struct, kind) => kind == Some(ObjectKind::Struct),
            (HeapType::Array, kind) => kind == Some(ObjectKind::Array),
            (HeapType::Concrete(_, id), Some(ObjectKind::Struct | ObjectKind::Array)) => {
                types_registry::is_subtype(canonical_of(header), CanonicalId(id))
            }
            _ => false,
        })
    }
}

/// A reference to a struct.
///
/// ```
/// use wasmer_api::{Engine, EngineConfig, ObjectType, Store, StructRef, Val};
/// use wasmer_runtime_core::types::*;
///
/// let engine = Engine::new(EngineConfig::headless())?;
/// let mut store = Store::new(&engine, ());
/// let number = FieldType { storage: StorageType::Val(ValType::I32), mutable: true };
/// let point = ObjectType::structure(StructType { fields: [number, number].into() })?;
///
/// let object = StructRef::new(&mut store, &point, &[Val::I32(3), Val::I32(4)])?;
/// object.set(&mut store, 1, Val::I32(5))?;
/// assert_eq!(object.get(&mut store, 1)?.i32(), Some(5));
/// # Ok::<_, wasmer_api::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StructRef(AnyRef);

impl StructRef {
    /// A new struct with these fields.
    ///
    /// # Errors
    /// [`Error::Type`] if the fields are not those of the type, or it is not a struct type; [`Error::Trap`] if the store's heap is full.
    pub fn new(store: &mut impl AsStoreMut, ty: &ObjectType, fields: &[Val]) -> Result<Self> {
        let store = store.store_inner_mut();
        let ObjectLayout::Struct(layout) = ty.layout() else { return Err(not_a("struct")) };
        if layout.fields.len() != fields.len() {
            return Err(TypeError::Count {
                of: "struct",
                parts: "fields",
                expected: layout.fields.len(),
                given: fields.len(),
            }
            .into());
        }
        for (position, (field, value)) in layout.fields.iter().zip(fields).enumerate() {
            check(value, field.storage, store, Place::Field(position))?;
        }
        let object = store.new_object_of(ty, layout.size)?;
        for (field, value) in layout.fields.iter().zip(fields) {
            store.write_part(object, *field, value)?;
        }
        Ok(Self(AnyRef::object(object, store)))
    }

    /// Its type.
    pub fn ty(&self, store: &mut impl AsStoreMut) -> Result<ObjectType> {
        self.0.object_type(store.store_inner_mut()).map(|(_, ty)| ty)
    }

    /// A field. One of 8 or 16 bits is an `i32` that is not negative.
    ///
    /// # Errors
    /// [`Error::Type`] if there is none of this number.
    pub fn get(&self, store: &mut impl AsStoreMut, field: usize) -> Result<Val> {
        let store = store.store_inner_mut();
        let (object, _, place) = self.field(store, field)?;
        Ok(store.read_part(object, place))
    }

    /// Writes a field. One of 8 or 16 bits keeps so many of an `i32`.
    ///
    /// # Errors
    /// [`Error::Type`] if there is none of this number, it may not be written, or the value is not of its type.
    pub fn set(&self, store: &mut impl AsStoreMut, field: usize, value: Val) -> Result<()> {
        let store = store.store_inner_mut();
        let (object, ty, place) = self.field(store, field)?;
        if let CompositeType::Struct(ty) = &ty.def().composite
            && !ty.fields[field].mutable
        {
            return Err(TypeError::Immutable { place: Place::Field(field) }.into());
        }
        check(&value, place.storage, store, Place::Field(field))?;
        store.write_part(object, place, &value)
    }

    fn field(&self, store: &mut StoreOpaque, field: usize) -> Result<(u32, ObjectType, FieldLayout)> {
        let (object, ty) = self.0.object_type(store)?;
        let ObjectLayout::Struct(layout) = ty.layout() else { return Err(not_a("struct")) };
        let place = *layout.fields.get(field).ok_or(TypeError::OutOfBounds { place: Place::Field(field) })?;
        Ok((object, ty, place))
    }
}

/// A reference to an array.
///
/// ```
/// use wasmer_api::{ArrayRef, Engine, EngineConfig, ObjectType, Store, Val};
/// use wasmer_runtime_core::types::*;
///
/// let engine = Engine::new(EngineConfig::headless())?;
/// let mut store = Store::new(&engine, ());
/// let bytes = ObjectType::array(ArrayType { element: FieldType { storage: StorageType::I8, mutable: true } })?;
///
/// let array = ArrayRef::new(&mut store, &bytes, 3, Val::I32(7))?;
/// array.set(&mut store, 2, Val::I32(0x1ff))?;
/// assert_eq!((array.len(&store)?, array.get(&mut store, 2)?.i32()), (3, Some(0xff)));
/// # Ok::<_, wasmer_api::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ArrayRef(AnyRef);

impl ArrayRef {
    /// A new array of `len` times the same.
    ///
    /// # Errors
    /// [`Error::Type`] if the value is not of the elements' type, or the type is not an array type; [`Error::Trap`] if the store's heap is full.
    pub fn new(store: &mut impl AsStoreMut, ty: &ObjectType, len: u32, value: Val) -> Result<Self> {
        Self::with(store.store_inner_mut(), ty, len, std::iter::repeat_n(&value, len as usize))
    }

    /// A new array of these elements.
    ///
    /// # Errors
    /// As for [`ArrayRef::new`].
    pub fn from_values(store: &mut impl AsStoreMut, ty: &ObjectType, values: &[Val]) -> Result<Self> {
        let len = u32::try_from(values.len()).map_err(|_| TypeError::ArrayElements { elements: values.len() })?;
        Self::with(store.store_inner_mut(), ty, len, values.iter())
    }

    fn with<'a>(
        store: &mut StoreOpaque,
        ty: &ObjectType,
        len: u32,
        values: impl Iterator<Item = &'a Val> + Clone,
    ) -> Result<Self> {
        let ObjectLayout::Array(layout) = *ty.layout() else { return Err(not_a("array")) };
        // One that is there again and again is checked once.
        let mut last: Option<&Val> = None;
        for value in values.clone() {
            if !last.is_some_and(|last| std::ptr::eq(last, value)) {
                check(value, layout.storage, store, Place::Element(None))?;
            }
            last = Some(value);
        }
        let bytes = array_size(layout.element_log2, len).map_err(trap)?;
        let object = store.new_object_of(ty, bytes)?;
        // SAFETY: four bytes of the new object, which is as long as its length says.
        unsafe { store.vm.object(object, ARRAY_LENGTH, 4).cast::<u32>().write(len) };
        for (position, value) in (0..).zip(values) {
            store.write_part(object, element(layout, position), value)?;
        }
        Ok(Self(AnyRef::object(object, store)))
    }

    /// Its type.
    pub fn ty(&self, store: &mut impl AsStoreMut) -> Result<ObjectType> {
        self.0.object_type(store.store_inner_mut()).map(|(_, ty)| ty)
    }

    /// How many elements it has.
    #[allow(clippy::len_without_is_empty, reason = "needs the store")]
    pub fn len(&self, store: &impl AsStore) -> Result<u32> {
        let store = store.store_inner();
        Ok(self.0.address(store)?.map_or(0, |array| store.vm.array_len(array)))
    }

    /// An element. One of 8 or 16 bits is an `i32` that is not negative.
    ///
    /// # Errors
    /// [`Error::Type`] if there is none of this number.
    pub fn get(&self, store: &mut impl AsStoreMut, index: u32) -> Result<Val> {
        let store = store.store_inner_mut();
        let (object, _, place) = self.element(store, index)?;
        Ok(store.read_part(object, place))
    }

    /// Writes an element. One of 8 or 16 bits keeps so many of an `i32`.
    ///
    /// # Errors
    /// [`Error::Type`] if there is none of this number, elements may not be written, or the value is not of their type.
    pub fn set(&self, store: &mut impl AsStoreMut, index: u32, value: Val) -> Result<()> {
        let store = store.store_inner_mut();
        let (object, ty, place) = self.element(store, index)?;
        if let CompositeType::Array(ty) = &ty.def().composite
            && !ty.element.mutable
        {
            return Err(TypeError::Immutable { place: Place::Element(None) }.into());
        }
        check(&value, place.storage, store, Place::Element(Some(index)))?;
        store.write_part(object, place, &value)
    }

    fn element(&self, store: &mut StoreOpaque, index: u32) -> Result<(u32, ObjectType, FieldLayout)> {
        let (object, ty) = self.0.object_type(store)?;
        let ObjectLayout::Array(layout) = *ty.layout() else { return Err(not_a("array")) };
        if index >= store.vm.array_len(object) {
            return Err(TypeError::OutOfBounds { place: Place::Element(Some(index)) }.into());
        }
        Ok((object, ty, element(layout, index)))
    }
}

macro_rules! any_ref_from {
    ($($ty:ident)*) => {
        $(impl From<$ty> for AnyRef {
            fn from(reference: $ty) -> Self {
                reference.0
            }
        }

        impl $ty {
            /// One that is known to be such an object.
            pub(crate) fn from_any(reference: AnyRef) -> Self {
                Self(reference)
            }

            /// The reference as one of any type.
            pub fn as_any(&self) -> &AnyRef {
                &self.0
            }
        })*
    };
}

any_ref_from! { StructRef ArrayRef }

impl AnyRef {
    /// Where the object is, and its type.
    fn object_type(&self, store: &mut StoreOpaque) -> Result<(u32, ObjectType)> {
        let object = self.address(store)?.ok_or_else(|| not_a("object"))?;
        let header = store.vm.object_header(object);
        let kind = match ObjectKind::of(header) {
            Some(ObjectKind::Struct) => TypeKind::Struct,
            Some(ObjectKind::Array) => TypeKind::Array,
            Some(ObjectKind::Host) | None => return Err(not_a("struct or array")),
        };
        let id = canonical_of(header);
        if let Some(known) = store.object_types.get(&id) {
            return Ok((object, known.clone()));
        }
        let heap = HeapType::Concrete(kind, id.0);
        let ty = ObjectType::of(ValType::Ref(RefType { nullable: false, heap }));
        let ty = ty.expect("the types of objects are owned as long as their store lives");
        store.object_types.insert(id, ty.clone());
        Ok((object, ty))
    }
}

impl StoreOpaque {
    /// A new object: all zero but for its header. Not collected as long as nothing is.
    fn new_object(&mut self, header: u32, bytes: u32) -> Result<u32> {
        let heap = self.vm.make_heap();
        heap.map_err(|error| {
            ResourceError::room("heap for objects", format!("could not make a heap for objects: {error}"))
        })?;
        self.safe_point();
        if self.vm.is_heap_due() {
            self.collect();
        }
        if let Some(object) = self.vm.try_object(header, bytes, AllocLimit::UntilLimit).map_err(trap)? {
            return Ok(object);
        }
        self.collect();
        let object = self.vm.try_object(header, bytes, AllocLimit::UntilLimit).map_err(trap)?;
        object.ok_or_else(|| trap(TrapCode::GcHeapExhausted))
    }

    /// The same of a type, which the store owns from now on.
    fn new_object_of(&mut self, ty: &ObjectType, bytes: u32) -> Result<u32> {
        if !self.object_types.contains_key(&ty.id()) {
            self.budget().take(Usage { record_bytes: size_of::<ObjectType>() as u64, ..Usage::default() })?;
            self.object_types.insert(ty.id(), ty.clone());
        }
        let kind = match ty.layout() {
            ObjectLayout::Struct(_) => ObjectKind::Struct,
            ObjectLayout::Array(_) => ObjectKind::Array,
            ObjectLayout::Func => return Err(not_a("struct or array")),
        };
        self.new_object(kind.type_id(ty.id()), bytes)
    }

    fn read_part(&self, object: u32, place: FieldLayout) -> Val {
        let mut raw = RawValue::ZERO;
        let bytes = place.storage.bytes();
        let source = self.vm.object(object, place.offset, bytes);
        // SAFETY: the part is in the object, and holds a value of its type; values are little-endian.
        unsafe {
            source.copy_to((&raw mut raw).cast(), bytes as usize);
            Val::from_raw(&raw, place.storage.unpacked(), self)
        }
    }

    fn write_part(&mut self, object: u32, place: FieldLayout, value: &Val) -> Result<()> {
        let raw = value.to_raw(self)?;
        let bytes = place.storage.bytes();
        let target = self.vm.object(object, place.offset, bytes);
        // SAFETY: the part is in the object, and the value of its type; values are little-endian.
        unsafe { (&raw const raw).cast::<u8>().copy_to(target, bytes as usize) };
        Ok(())
    }
}

/// Where an element is.
fn element(layout: ArrayLayout, index: u32) -> FieldLayout {
    FieldLayout { offset: ARRAY_ELEMENTS + (index << layout.element_log2), storage: layout.storage }
}

/// Whether a value fits a field or an element.
fn check(value: &Val, storage: StorageType, store: &StoreOpaque, place: Place) -> Result<()> {
    let ty = storage.unpacked();
    if value.matches(ty, store) {
        return Ok(());
    }
    Err(TypeError::value(place, value, ty).into())
}

fn not_a(expected: &'static str) -> Error {
    TypeError::Kind { expected }.into()
}

fn trap(code: TrapCode) -> Error {
    Error::Trap(Box::new(Trap::new(code)))
}
