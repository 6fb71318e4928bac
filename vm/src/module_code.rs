//! A module at run time: its mapped image and what the process knows of its types.

use std::sync::{Arc, OnceLock};

use wasmer_runtime_core::compiler::{Abi, Compiler};
use wasmer_runtime_core::layout::VMCounts;
use wasmer_runtime_core::module::{Entity, ImportType};
use wasmer_runtime_core::object::{ObjectKind, ObjectLayout};
use wasmer_runtime_core::types::*;

use crate::code_registry::Registration;
use crate::image::{ExportRef, Image};
use crate::lazy::heat;
use crate::pool::MemoryPool;
use crate::tier::{Better, Switch};
use crate::types_registry::{self, KnownFunc, TypeIds};

/// A mapped image, ready for instances. Its code stays registered and mapped as long as anything holds it.
pub struct ModuleCode {
    /// Removed from the registry before the image is unmapped: fields drop in order.
    _registration: Registration,
    /// The image.
    pub image: Arc<Image>,
    /// Canonical ids by module type index.
    pub canonical: TypeIds,
    /// The same with the module's convention, or with the kind of objects: what compiled code compares.
    pub type_ids: Box<[u32]>,
    /// The layouts of the types' objects; none where there are no objects.
    pub objects: Box<[ObjectLayout]>,
    /// For each memory; unused for imported ones.
    pub memory_pools: Box<[MemoryPool]>,
    /// Code of the same module that takes over from this.
    better: OnceLock<Better>,
}

impl ModuleCode {
    /// Registers an image's code and types. None if the process knows too many types.
    pub fn new(image: Image) -> Option<Self> {
        let image = Arc::new(image);
        let types: Vec<_> = (0..image.types_len()).map(|index| image.type_def(TypeIdx::from_index(index))).collect();
        let canonical = TypeIds::of_module(&types, image.rec_groups())?;
        let type_ids = types.iter().zip(&*canonical).map(|(ty, id)| type_id(ty.kind(), image.abi(), *id)).collect();
        let objects: &[_] = if image.counts().heap { &types } else { &[] };
        let objects = objects.iter().map(|ty| ObjectLayout::of(&ty.composite)).collect();
        let registration = Registration::new(image.code_range(), Arc::clone(&image));
        let memory_pools = (0..image.counts().memories).map(|_| MemoryPool::default()).collect();
        Some(Self {
            _registration: registration,
            image,
            canonical,
            type_ids,
            objects,
            memory_pools,
            better: OnceLock::new(),
        })
    }

    /// Has better code of the same module take over from this, which is compiled lazily: every instance goes over to it at its next call of a
    /// function. `compiler` made it, and makes what loops that run go on in; without it they stay where they are until they return. False if there is some already, or this is not compiled lazily.
    ///
    /// # Safety
    /// Both are made of the same bytes, with the same features and settings.
    pub unsafe fn improve(&self, better: Arc<Self>, compiler: Option<Arc<dyn Compiler>>, switch: Switch) -> bool {
        let counts = |code: &Self| VMCounts { first_tier: false, ..code.image.counts() };
        let is_same = counts(self) == counts(&better) && self.image.functions_len() == better.image.functions_len();
        if !is_same || !self.image.can_be_improved() || better.image.can_be_improved() {
            return false;
        }
        if self.better.set(Better::new(Arc::clone(&better), compiler, switch)).is_ok() {
            self.image.lead_to_better_code(switch);
            return true;
        }
        self.complete(better)
    }

    /// Has all of the module's better code take over where some of it has. False if there is no such thing, or the conventions differ.
    fn complete(&self, whole: Arc<Self>) -> bool {
        let gradual = self.better.get().filter(|better| !better.is_certain() && better.code.abi() == whole.abi());
        let Some((better, lazy)) = gradual.and_then(|better| Some((better, better.code.image.lazy_part()?))) else {
            return false;
        };
        let is_first = better.whole.set(Arc::clone(&whole)).is_ok();
        if is_first {
            lazy.lead_to(|function| whole.image.function_entry(function).ok());
            self.image.lead_to_better_code(Switch::Worthwhile);
        }
        is_first
    }

    /// Has a thread find out what of this code runs most, which is compiled lazily, and better code take over from just that, by another compiler of this
    /// process. False if there is better code already, this is not compiled lazily, or no thread can be had.
    pub fn improve_gradually(self: &Arc<Self>, compiler: Arc<dyn Compiler>) -> bool {
        let lazy = self.image.lazy_module().filter(|lazy| lazy.is_first_tier() && lazy.threads() > 1);
        lazy.is_some() && self.better.get().is_none() && heat::spawn(self, compiler)
    }

    /// The same for tests: what random numbers choose is compiled when it is called, and takes over.
    pub fn improve_at_random(&self, compiler: Arc<dyn Compiler>, seed: u64) -> bool {
        let better = heat::begin(&self.image, &compiler).filter(|_| self.image.can_be_improved());
        let switch = Switch::Sometimes(seed);
        let is_first =
            better.is_some_and(|better| self.better.set(Better::new(better, Some(compiler), switch)).is_ok());
        if is_first {
            self.image.lead_to_better_code(switch);
        }
        is_first
    }

    /// Some better code is there and takes over, if it is the first or the same as before.
    pub(crate) fn improve_in_part(&self, better: &Arc<Self>, compiler: &Arc<dyn Compiler>) -> Option<&Better> {
        let first = || Better::new(Arc::clone(better), Some(Arc::clone(compiler)), Switch::Worthwhile);
        Some(self.better.get_or_init(first)).filter(|known| Arc::ptr_eq(&known.code, better))
    }

    /// Compiles a function of code that takes over one by one, unless it was before. Whether it is there.
    pub(crate) fn compile_better(&self, function: DefinedFuncIdx) -> bool {
        let Some(lazy) = self.image.lazy_part() else { return false };
        lazy.has(function) || !lazy.module().makes_tail_calls(function) && lazy.compile(&self.image, function).is_ok()
    }

    /// How many functions have better code, if it takes over one by one.
    pub fn functions_improved(&self) -> Option<usize> {
        self.better.get()?.code.image.functions_ready()
    }

    /// What has taken over.
    pub(crate) fn better(&self) -> Option<&Better> {
        self.better.get()
    }

    /// The best code that there is.
    pub fn best(&self) -> &Self {
        self.better.get().map_or(self, |better| &better.code)
    }

    /// The convention of the module's code.
    pub fn abi(&self) -> Abi {
        self.image.abi()
    }

    /// A function type whose concrete references are canonical ids.
    pub fn func_type(&self, index: TypeIdx) -> KnownFunc {
        types_registry::lookup_func(self.canonical[index.index()])
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

    /// What an import has to be, with canonical ids.
    pub fn import_type(&self, ty: ImportType) -> ExternType {
        match ty {
            ImportType::Func(index) => ExternType::Func(self.func_type(index).clone_type()),
            ImportType::Tag(index) => ExternType::Tag(self.func_type(index).clone_type()),
            ImportType::Table(ty) => ExternType::Table(self.canonical_table(ty)),
            ImportType::Memory(ty) => ExternType::Memory(ty),
            ImportType::Global(ty) => ExternType::Global(self.canonical_global(ty)),
        }
    }

    /// What an export is, with canonical ids.
    pub fn export_type(&self, export: &ExportRef<'_>) -> ExternType {
        match export.entity {
            Entity::Func(_) => ExternType::Func(self.func_type(export.func_type).clone_type()),
            Entity::Tag(index) => ExternType::Tag(self.func_type(self.image.tag_type(index)).clone_type()),
            Entity::Table(index) => ExternType::Table(self.table_type(index)),
            Entity::Memory(index) => ExternType::Memory(self.image.memory_type(index)),
            Entity::Global(index) => ExternType::Global(self.global_type(index)),
        }
    }
}

/// What a reference's type id is compared with: that of a function of the module, or an object's header.
fn type_id(kind: TypeKind, abi: Abi, id: CanonicalId) -> u32 {
    match kind {
        TypeKind::Func => abi.type_id(id),
        TypeKind::Struct => ObjectKind::Struct.type_id(id),
        TypeKind::Array => ObjectKind::Array.type_id(id),
    }
}
