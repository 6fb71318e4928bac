//! A module at run time: its mapped image and what the process knows of its types.

use std::sync::Arc;

use crate::compiler::Abi;
use crate::image::Image;
use crate::types::*;
use crate::vm::code_registry::Registration;
use crate::vm::pool::MemoryPool;
use crate::vm::types_registry::{self, TypeIds};

/// A mapped image, ready for instances. Its code stays registered and mapped as long as anything holds it.
pub struct ModuleCode {
    /// Removed from the registry before the image is unmapped: fields drop in order.
    _registration: Registration,
    /// The image.
    pub image: Arc<Image>,
    /// Canonical ids by module type index.
    pub canonical: TypeIds,
    /// The same with the module's convention: what compiled code compares.
    pub type_ids: Box<[u32]>,
    /// For each memory; unused for imported ones.
    pub memory_pools: Box<[MemoryPool]>,
}

impl ModuleCode {
    /// Registers an image's code and types. None if the process knows too many types.
    pub fn new(image: Image) -> Option<Self> {
        let image = Arc::new(image);
        let types = (0..image.types_len()).map(|index| image.func_type(TypeIdx::from_index(index)));
        let canonical = TypeIds::of_module(types)?;
        let type_ids = canonical.iter().map(|id| image.abi().type_id(*id)).collect();
        let registration = Registration::new(image.code_range(), Arc::clone(&image));
        let memory_pools = (0..image.counts().memories).map(|_| MemoryPool::default()).collect();
        Some(Self { _registration: registration, image, canonical, type_ids, memory_pools })
    }

    /// The convention of the module's code.
    pub fn abi(&self) -> Abi {
        self.image.abi()
    }

    /// A function type whose concrete references are canonical ids.
    pub fn func_type(&self, index: TypeIdx) -> Arc<FuncType> {
        types_registry::lookup(self.canonical[index.index()])
    }

    /// A table's type, with canonical ids.
    pub fn table_type(&self, index: TableIdx) -> TableType {
        self.canonical_table(self.image.table_type(index))
    }

    /// A global's type, with canonical ids.
    pub fn global_type(&self, index: GlobalIdx) -> GlobalType {
        self.canonical_global(self.image.global_type(index))
    }

    /// A table type of the module, with canonical ids.
    pub fn canonical_table(&self, ty: TableType) -> TableType {
        TableType { element: types_registry::canonical_ref(ty.element, &self.canonical), ..ty }
    }

    /// A global type of the module, with canonical ids.
    pub fn canonical_global(&self, ty: GlobalType) -> GlobalType {
        GlobalType { content: types_registry::canonical_val(ty.content, &self.canonical), ..ty }
    }
}
