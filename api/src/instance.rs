//! Instances: a module with its imports resolved, in a store.

use std::ptr::NonNull;
use std::sync::Arc;

use wasmer_runtime_core::compiler::Abi;
use wasmer_runtime_core::image::ImageError;
use wasmer_runtime_core::module::{Entity, ImportType};
use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::{RawValue, VMFuncRef, canonical_of};
use wasmer_vm::image::ImportRef;
use wasmer_vm::instance::{Imports, Instance as VmInstance, InstanceError};
use wasmer_vm::module_code::ModuleCode;
use wasmer_vm::types_registry;

use crate::async_call;
use crate::async_limits::{of_instance, once_allowed};
use crate::describe;
use crate::error::{Error, FuelError, LinkError, ResourceError, Result, Trap, TypeError};
use crate::exception::Tag;
use crate::externs::{Extern, Global, Memory, Table};
use crate::func::{Func, HostFunc, TypedFunc};
use crate::module::Module;
use crate::store::{AsStore, AsStoreMut, StoreAccess, StoreId, StoreInner, StoreOpaque, StoreView};
use crate::value::WasmTyList;

/// An instance of a store: a small copyable handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    store: StoreId,
    /// Position in the store's list of instances.
    position: usize,
}

/// What an import is resolved to.
pub(crate) enum ResolvedImport<'a, T> {
    /// An entity of the store.
    Extern(Extern),
    /// A host function that no store has yet.
    Host(&'a Arc<HostFunc<T>>),
    /// One whose type was compared with the import's before.
    Checked(&'a Arc<HostFunc<T>>),
}

/// An instance whose start function is still to be called.
pub(crate) struct UnstartedInstance {
    instance: Instance,
    start: Option<Func>,
}

impl UnstartedInstance {
    /// The buffer of a start function, which has neither parameters nor results. It may be a host function, which makes a slice of the buffer: no null pointer.
    fn values() -> *mut RawValue {
        NonNull::dangling().as_ptr()
    }

    /// Calls the start function.
    pub(crate) async fn start_async<S: AsStoreMut>(self, store: &mut S) -> Result<Instance> {
        if let Some(start) = self.start {
            let mut waiting = None;
            {
                let store = store.store_inner_mut();
                let start = start.func_ref(store)?;
                // SAFETY: the function belongs to this store; see `values`.
                unsafe { async_call::begin(store, start, Self::values(), &mut waiting)? };
            }
            if let Some(waiting) = &mut waiting {
                waiting.await?;
            }
        }
        Ok(self.instance)
    }
}

/// What a store keeps of an instance.
pub(crate) struct InstanceRecord {
    /// Boxed and never moved: compiled code points to it. Dropped before the module, whose code it uses.
    pub(crate) vm: Box<VmInstance>,
    module: Module,
    /// The memory exported as `memory`, once it was asked for: host functions ask at every call.
    default_memory: Option<Option<Memory>>,
}

impl Instance {
    /// Instantiates a module (specification, section 4.5.4): checks that `imports`, in the order of the module's imports, fit; makes memories, tables and
    /// globals; applies active segments; runs the start function.
    ///
    /// If a segment or the start function traps, what they wrote before to imported memories and tables stays.
    pub fn new<T: 'static>(store: &mut impl AsStoreMut<Data = T>, module: &Module, imports: &[Extern]) -> Result<Self> {
        let given = Self::in_order(module, imports)?;
        Self::with_imports(store.store_inner_mut(), module, given)
    }

    /// The same, and waits where the start function calls host functions that are futures, and for a limiter that takes time to decide.
    pub async fn new_async<S: AsStoreMut>(store: &mut S, module: &Module, imports: &[Extern]) -> Result<Self> {
        let given = Self::in_order(module, imports)?;
        Self::begin_async(store, module, given).await?.start_async(store).await
    }

    /// What is given for each import in turn.
    fn in_order<'a, T>(
        module: &Module,
        imports: &'a [Extern],
    ) -> Result<impl FnMut(&ImportRef<'_>) -> Result<ResolvedImport<'a, T>>> {
        let expected = module.import_count();
        if imports.len() != expected {
            return Err(LinkError::ImportCount { expected, given: imports.len() }.into());
        }
        let mut given = imports.iter();
        Ok(move |_: &ImportRef<'_>| {
            Ok(ResolvedImport::Extern(*given.next().expect("there are as many as the module imports")))
        })
    }

    /// As [`Instance::new`], with what `find` gives for each import.
    pub(crate) fn with_imports<'a, T: 'static>(
        store: &mut StoreInner<T>,
        module: &Module,
        find: impl FnMut(&ImportRef<'_>) -> Result<ResolvedImport<'a, T>>,
    ) -> Result<Self> {
        let UnstartedInstance { instance, start } = Self::begin(store, module, find)?;
        if let Some(start) = start {
            let start = start.func_ref(store)?;
            // SAFETY: the function belongs to this store; see `UnstartedInstance::values`.
            unsafe { store.call(start, UnstartedInstance::values())? };
        }
        Ok(instance)
    }

    /// As far as the start function, which is still to be called.
    pub(crate) fn begin<'a, T: 'static>(
        store: &mut StoreInner<T>,
        module: &Module,
        find: impl FnMut(&ImportRef<'_>) -> Result<ResolvedImport<'a, T>>,
    ) -> Result<UnstartedInstance> {
        let uses_fuel = module.code().image.uses_fuel();
        if uses_fuel != store.engine().uses_fuel() {
            return Err(FuelError::Store { uses_fuel }.into());
        }
        let instance = Self { store: store.id(), position: store.instances.len() };
        let records = store.host_records_len();
        let vm = instance.make(store, module.code(), find).inspect_err(|_| {
            // SAFETY: nobody but the instance that could not be made knows the records that were made for it.
            unsafe { store.truncate_host_records(records) }
        })?;
        store.instances.push(InstanceRecord { vm, module: module.counted_here(), default_memory: None });
        // A segment that traps may have put functions of the instance into tables before, so it stays in the store.
        let vm = &mut store.instances[instance.position].vm;
        if let Err(code) = vm.initialise() {
            let memory_fault = store.vm().take_memory_fault();
            return Err(Error::Trap(Box::new(Trap { memory_fault, ..Trap::new(code) })));
        }
        let start = module.code().image.start().map(|start| store.instances[instance.position].vm.func_ref(start));
        let start = start.transpose().map_err(ImageError::from)?;
        Ok(UnstartedInstance { instance, start: start.map(|start| Func::from_parts(store.id(), start)) })
    }

    /// The same, and waits for a limiter that takes time to decide.
    pub(crate) async fn begin_async<'a, S: AsStoreMut>(
        store: &mut S,
        module: &Module,
        find: impl FnMut(&ImportRef<'_>) -> Result<ResolvedImport<'a, S::Data>>,
    ) -> Result<UnstartedInstance> {
        let begin = |store: &mut S| Self::begin(store.store_inner_mut(), module, find);
        once_allowed(store, |_| Ok(of_instance(module)), begin).await
    }

    fn make<'a, T: 'static>(
        self,
        store: &mut StoreInner<T>,
        code: &ModuleCode,
        find: impl FnMut(&ImportRef<'_>) -> Result<ResolvedImport<'a, T>>,
    ) -> Result<Box<VmInstance>> {
        let imports = self.resolve(store, code, find)?;
        let vm_store = NonNull::from(store.vm());
        // SAFETY: the imports were checked, and belong to the store, which keeps the instance and then the module.
        unsafe { VmInstance::new(code, vm_store, imports) }.map_err(|error| match error {
            InstanceError::Resource { what, message } => ResourceError::room(what, message).into(),
            InstanceError::Limit(error) => error.into(),
            InstanceError::Trap(code) => code.into(),
            InstanceError::Damage(damage) => ImageError::from(damage).into(),
        })
    }

    fn resolve<'a, T: 'static>(
        self,
        store: &mut StoreInner<T>,
        code: &ModuleCode,
        mut find: impl FnMut(&ImportRef<'_>) -> Result<ResolvedImport<'a, T>>,
    ) -> Result<Imports> {
        let mut resolved = Imports::default();
        for import in code.image.imports() {
            let given = match find(&import)? {
                ResolvedImport::Extern(given) => given,
                ResolvedImport::Host(func) => {
                    check_host_func(code, &import, func)?;
                    resolved.functions.push(store.add_host_record(func, Some(self)));
                    continue;
                }
                ResolvedImport::Checked(func) => {
                    resolved.functions.push(store.add_host_record(func, Some(self)));
                    continue;
                }
            };
            check_import(store, code, &import, &given)?;
            match given {
                Extern::Func(func) => resolved.functions.push(self.bind(store, func.func_ref(store)?)),
                Extern::Table(table) => resolved.tables.push(table.raw(store)?),
                Extern::Memory(memory) => resolved.memories.push(Arc::clone(memory.vm(store)?)),
                Extern::Global(global) => resolved.globals.push(global.raw(store)?),
                Extern::Tag(tag) => resolved.tags.push(tag.pointer(store)?),
            }
        }
        Ok(resolved)
    }

    /// Host functions learn which instance calls them.
    fn bind<T: 'static>(self, store: &mut StoreInner<T>, func_ref: NonNull<VMFuncRef>) -> NonNull<VMFuncRef> {
        // SAFETY: function references of a store live as long as the store; `Abi::HOST` marks its host functions.
        unsafe {
            let type_id = func_ref.as_ref().type_id;
            let is_host = type_id == Abi::HOST.type_id(canonical_of(type_id));
            if is_host { store.bind_host_func(func_ref, self) } else { func_ref }
        }
    }

    /// The module it was made from.
    pub fn module<'a>(&self, store: &'a impl AsStore) -> Result<&'a Module> {
        Ok(&self.record(store.store_inner())?.module)
    }

    /// The export of a name; none if the instance has none, is not of this store, or its artifact is damaged. [`Instance::typed_func`] says which.
    pub fn export(&self, store: &mut impl AsStoreMut, name: &str) -> Option<Extern> {
        self.find(store.store_inner_mut(), name).ok()?
    }

    /// The export at a position in the module's order, without a look at its name.
    ///
    /// # Errors
    /// [`Error::Link`] if there are not so many.
    pub fn export_at(&self, store: &mut impl AsStoreMut, position: usize) -> Result<Extern> {
        let store = store.store_inner_mut();
        let export = self.record(store)?.module.code().image.export_at(position);
        let export = export.ok_or(LinkError::NoExportAt { position })?;
        let entity = export.entity;
        self.entity(store, entity)
    }

    /// All exports, in the module's order.
    pub fn exports(&self, store: &mut impl AsStoreMut) -> Result<Vec<(String, Extern)>> {
        let store = store.store_inner_mut();
        let code = Arc::clone(self.record(store)?.module.code());
        let mut exports = Vec::new();
        for export in code.image.exports() {
            exports.push((export.name.to_owned(), self.entity(store, export.entity)?));
        }
        Ok(exports)
    }

    fn find(&self, store: &mut StoreOpaque, name: &str) -> Result<Option<Extern>> {
        match self.record(store)?.module.code().image.export(name) {
            Some(export) => {
                let entity = export.entity;
                self.entity(store, entity).map(Some)
            }
            None => Ok(None),
        }
    }

    /// The exported function of a name, as [`Instance::export`] finds it.
    pub fn func(&self, store: &mut impl AsStoreMut, name: &str) -> Option<Func> {
        self.export(store, name)?.func()
    }

    /// The exported function of a name, with types that Rust knows.
    pub fn typed_func<P: WasmTyList, R: WasmTyList>(
        &self,
        store: &mut impl AsStoreMut,
        name: &str,
    ) -> Result<TypedFunc<P, R>> {
        let store = store.store_inner_mut();
        let func = self.find(store, name)?.and_then(Extern::func);
        let func = func.ok_or_else(|| LinkError::NoFunction { name: name.to_owned() })?;
        func.typed(store).map_err(|error| of_export(name, error))
    }

    /// The exported memory of a name, as [`Instance::export`] finds it.
    pub fn memory(&self, store: &mut impl AsStoreMut, name: &str) -> Option<Memory> {
        self.export(store, name)?.memory()
    }

    /// The memory that is exported as `memory`, as most tools do.
    pub(crate) fn default_memory(&self, store: &mut StoreOpaque) -> Option<Memory> {
        if let Some(known) = self.record(store).ok()?.default_memory {
            return known;
        }
        let found = self.find(store, "memory").ok()?.and_then(Extern::memory);
        store.instances[self.position].default_memory = Some(found);
        found
    }

    fn entity(&self, store: &mut StoreOpaque, entity: Entity) -> Result<Extern> {
        let id = store.id();
        let record = self.record(store)?;
        Ok(match entity {
            Entity::Func(index) => {
                Func::from_parts(id, record.vm.exported_func(index).map_err(ImageError::from)?).into()
            }
            Entity::Table(index) => Table::from_parts(id, record.vm.table(index)).into(),
            Entity::Global(index) => {
                let ty = record.module.code().global_type(index);
                Global::from_parts(id, ty, record.vm.global(index)).into()
            }
            Entity::Memory(index) => {
                let memory = Arc::clone(record.vm.memory(index));
                Memory::add(store, memory).into()
            }
            Entity::Tag(index) => Tag::from_parts(id, record.vm.tag(index)).into(),
        })
    }

    /// A global by its number in the module, whether it is exported or not: for tools that show a guest's state.
    pub fn global(&self, store: &impl AsStore, index: u32) -> Option<Global> {
        let store = store.store_inner();
        let record = self.record(store).ok()?;
        let code = record.module.code();
        let index = (index < code.image.counts().globals).then_some(GlobalIdx(index))?;
        Some(Global::from_parts(store.id(), code.global_type(index), record.vm.global(index)))
    }

    /// The memories, in the module's order, whether they are exported or not.
    pub(crate) fn memories(&self, store: &mut impl AsStoreMut) -> Result<Vec<Memory>> {
        let store = store.store_inner_mut();
        let memories = self.record(store)?.vm.all_memories().to_vec();
        Ok(memories.into_iter().map(|memory| Memory::add(store, memory)).collect())
    }

    fn record<'a>(&self, store: &'a StoreOpaque) -> Result<&'a InstanceRecord> {
        store.check(self.store, "instance")?;
        Ok(&store.instances[self.position])
    }
}

/// Whether a host function fits an import.
pub(crate) fn check_host_func<T: 'static>(code: &ModuleCode, import: &ImportRef<'_>, func: &HostFunc<T>) -> Result<()> {
    check_function(code, import, canonical_of(func.type_id()))
}

fn check_function(code: &ModuleCode, import: &ImportRef<'_>, found: CanonicalId) -> Result<()> {
    match import.ty {
        ImportType::Func(expected) => check_func_type(code, import, expected, found, types_registry::is_subtype),
        other => Err(incompatible(import, code.import_type(other).kind(), "a function")),
    }
}

fn check_tag(code: &ModuleCode, import: &ImportRef<'_>, found: CanonicalId) -> Result<()> {
    match import.ty {
        ImportType::Tag(expected) => {
            check_func_type(code, import, expected, found, |found, expected| found == expected)
        }
        other => Err(incompatible(import, code.import_type(other).kind(), "a tag")),
    }
}

/// Whether the function type of a function or tag fits the expected one.
fn check_func_type(
    code: &ModuleCode,
    import: &ImportRef<'_>,
    expected: TypeIdx,
    found: CanonicalId,
    fits: impl Fn(CanonicalId, CanonicalId) -> bool,
) -> Result<()> {
    if fits(found, code.canonical[expected.index()]) {
        return Ok(());
    }
    let what = if let ImportType::Tag(_) = import.ty { "tag" } else { "function" };
    let [expected, found] =
        [code.func_type(expected), types_registry::lookup_func(found)].map(|ty| describe::func(&ty));
    Err(incompatible(import, format!("{what} {expected}"), format!("{what} {found}")))
}

/// That what is given for an import is of another type.
fn incompatible(import: &ImportRef<'_>, expected: impl Into<String>, found: impl Into<String>) -> Error {
    let (module, name) = (import.module.to_owned(), import.name.to_owned());
    LinkError::Incompatible { module, name, expected: expected.into(), found: found.into() }.into()
}

/// Which export it is that does not fit.
fn of_export(name: &str, error: Error) -> Error {
    match error {
        Error::Type(error) => TypeError::Export { name: name.to_owned(), error }.into(),
        other => other,
    }
}

/// Whether an import fits (specification, section 3.5).
fn check_import(store: &StoreOpaque, code: &ModuleCode, import: &ImportRef<'_>, given: &Extern) -> Result<()> {
    match given {
        Extern::Func(func) => return check_function(code, import, func.canonical_id(store)?),
        Extern::Tag(tag) => return check_tag(code, import, tag.raw(store)?.type_id()),
        Extern::Table(_) | Extern::Memory(_) | Extern::Global(_) => {}
    }
    let mismatch = |expected: String, found: String| Err(incompatible(import, expected, found));
    match (&code.import_type(import.ty), given) {
        (ExternType::Table(expected), Extern::Table(table)) => {
            // SAFETY: the table belongs to the store.
            let table = unsafe { table.raw(store)?.as_ref() };
            let found = table.ty();
            let fits = expected.element == found.element && expected.index == found.index;
            let limits = Limits { min: table.len(), max: found.limits.max };
            if !fits || !limits_fit(&expected.limits, &limits) {
                return mismatch(describe::table(expected), describe::table(&TableType { limits, ..*found }));
            }
        }
        (ExternType::Memory(expected), Extern::Memory(memory)) => {
            let memory = memory.vm(store)?;
            let found = memory.ty();
            let key = |ty: &MemoryType| (ty.index, ty.shared, ty.page_size_log2);
            let limits = Limits { min: memory.pages(), max: found.limits.max };
            if key(expected) != key(found) || !limits_fit(&expected.limits, &limits) {
                let found = MemoryType { limits, ..*found };
                let with_page = expected.page_size_log2 != found.page_size_log2;
                return mismatch(describe::memory(expected, with_page), describe::memory(&found, with_page));
            }
        }
        (ExternType::Global(expected), Extern::Global(global)) => {
            let found = global.ty_in(store)?;
            let fits = match expected.mutable {
                true => found.content == expected.content,
                false => types_registry::is_val_subtype(found.content, expected.content),
            };
            if found.mutable != expected.mutable || !fits {
                return mismatch(describe::global(expected), describe::global(&found));
            }
        }
        (expected, given) => return mismatch(expected.kind().to_owned(), given.kind().to_owned()),
    }
    Ok(())
}

fn limits_fit(expected: &Limits, found: &Limits) -> bool {
    let max_fits = match (expected.max, found.max) {
        (None, _) => true,
        (Some(expected), Some(found)) => found <= expected,
        (Some(_), None) => false,
    };
    found.min >= expected.min && max_fits
}
