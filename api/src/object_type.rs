//! Types of objects that the host makes or looks into.

use std::sync::Arc;

use wasmer_runtime_core::object::ObjectLayout;
use wasmer_runtime_core::types::*;
use wasmer_vm::types_registry::{self, TypeIds};

use crate::error::{ResourceError, Result, TypeError};

/// A struct or array type (specification, section 2.3.8). Concrete types in it are those of other `ObjectType`s, of modules, or of functions.
///
/// Equal types are the same type, wherever they come from: those of the host are final and have no supertype.
///
/// ```
/// use wasmer_api::ObjectType;
/// use wasmer_runtime_core::types::*;
///
/// let number = FieldType { storage: StorageType::Val(ValType::I64), mutable: true };
/// let numbers = ObjectType::array(ArrayType { element: number })?;
/// let field = FieldType { storage: StorageType::Val(numbers.reference()), mutable: false };
/// let record = ObjectType::structure(StructType { fields: [field].into() })?;
/// assert_eq!(ObjectType::of(record.reference()), Some(record));
/// # Ok::<_, wasmer_api::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ObjectType(Arc<Known>);

#[derive(Debug)]
struct Known {
    /// Of one type: keeps its id, and those of the types in it.
    ids: TypeIds,
    def: Arc<TypeDef>,
    layout: ObjectLayout,
}

impl ObjectType {
    /// A struct type.
    ///
    /// # Errors
    /// [`Error::Resource`](crate::Error::Resource) if the process knows too many types; [`Error::Type`](crate::Error::Type) if there are more than 10,000 fields.
    pub fn structure(ty: StructType) -> Result<Self> {
        if ty.fields.len() > wasmer_runtime_core::object::STRUCT_FIELDS_MAX as usize {
            return Err(TypeError::StructFields { fields: ty.fields.len() }.into());
        }
        Self::new(CompositeType::Struct(ty))
    }

    /// An array type.
    ///
    /// # Errors
    /// [`Error::Resource`](crate::Error::Resource) if the process knows too many types.
    pub fn array(ty: ArrayType) -> Result<Self> {
        Self::new(CompositeType::Array(ty))
    }

    fn new(composite: CompositeType) -> Result<Self> {
        let ids = TypeIds::of(&TypeDef { composite, supertype: None, is_final: true });
        Ok(Self::known(ids.ok_or(ResourceError::Types)?))
    }

    /// The struct or array type that a reference type names; none for all others.
    pub fn of(ty: ValType) -> Option<Self> {
        match ty {
            ValType::Ref(reference) if reference.heap.is_internal() => {
                TypeIds::in_ref(reference).filter(|ids| !ids.is_empty()).map(Self::known)
            }
            _ => None,
        }
    }

    fn known(ids: TypeIds) -> Self {
        let def = types_registry::lookup(ids[0]);
        let layout = ObjectLayout::of(&def.composite);
        Self(Arc::new(Known { ids, def, layout }))
    }

    /// The type, with canonical ids of those that it refers to.
    pub fn def(&self) -> &TypeDef {
        &self.0.def
    }

    /// The type of references to such objects that are not null.
    pub fn reference(&self) -> ValType {
        let heap = HeapType::Concrete(self.def().kind(), self.id().0);
        ValType::Ref(RefType { nullable: false, heap })
    }

    pub(crate) fn id(&self) -> CanonicalId {
        self.0.ids[0]
    }

    pub(crate) fn layout(&self) -> &ObjectLayout {
        &self.0.layout
    }
}

impl PartialEq for ObjectType {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for ObjectType {}
