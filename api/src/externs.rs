//! Memories, tables and globals: handles of a store.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::{RawValue, VMMemory};
use wasmer_vm::budget::{Refused, Usage};
use wasmer_vm::limiter::Request;
use wasmer_vm::limits::Limit;
use wasmer_vm::memory::Memory as VmMemory;
use wasmer_vm::table::Table as VmTable;
use wasmer_vm::types_registry::TypeIds;

use crate::error::{Error, GrowthRefusal, Place, ResourceError, Result, TypeError};
use crate::exception::Tag;
use crate::func::Func;
use crate::store::{AsStore, AsStoreMut, StoreAccess, StoreId, StoreOpaque, StoreView};
use crate::value::Val;

/// Anything that a module can import or export.
#[derive(Clone, Copy, Debug)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A memory.
    Memory(Memory),
    /// A global.
    Global(Global),
    /// A tag.
    Tag(Tag),
}

impl Extern {
    /// The function, if it is one.
    pub fn func(self) -> Option<Func> {
        match self {
            Self::Func(func) => Some(func),
            _ => None,
        }
    }

    /// The memory, if it is one.
    pub fn memory(self) -> Option<Memory> {
        match self {
            Self::Memory(memory) => Some(memory),
            _ => None,
        }
    }

    /// The table, if it is one.
    pub fn table(self) -> Option<Table> {
        match self {
            Self::Table(table) => Some(table),
            _ => None,
        }
    }

    /// What it is, in words.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Func(_) => "a function",
            Self::Table(_) => "a table",
            Self::Memory(_) => "a memory",
            Self::Global(_) => "a global",
            Self::Tag(_) => "a tag",
        }
    }

    /// The tag, if it is one.
    pub fn tag(self) -> Option<Tag> {
        match self {
            Self::Tag(tag) => Some(tag),
            _ => None,
        }
    }

    /// The global, if it is one.
    pub fn global(self) -> Option<Global> {
        match self {
            Self::Global(global) => Some(global),
            _ => None,
        }
    }
}

macro_rules! extern_from {
    ($($name:ident)*) => {
        $(impl From<$name> for Extern {
            fn from(entity: $name) -> Self {
                Self::$name(entity)
            }
        })*
    };
}

extern_from!(Func Table Memory Global Tag);

/// A linear memory of a store: a small copyable handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    store: StoreId,
    /// Position in the store's list of memories.
    position: usize,
}

/// A linear memory that several stores, and so several threads, can use (threads proposal).
#[derive(Clone)]
pub struct SharedMemory(Arc<VmMemory>);

impl Memory {
    /// A memory that the host makes.
    pub fn new(store: &mut impl AsStoreMut, ty: MemoryType) -> Result<Self> {
        let store = store.store_inner_mut();
        if !matches!(ty.page_size_log2, 0 | 16) {
            return Err(TypeError::PageSize { page_size_log2: ty.page_size_log2 }.into());
        }
        let budget = store.budget();
        let limit = budget.limits().memory_bytes_max;
        let (memory_bytes, record_bytes) = (budget.limits().memory_bytes(&ty)?, size_of::<VmMemory>() as u64);
        let usage = Usage { memory_bytes, record_bytes, memories: 1, ..Usage::default() };
        budget.take(usage)?;
        let max = ty.limits.max.map(|pages| pages.saturating_mul(1 << ty.page_size_log2));
        let request = [Request::memory(0, memory_bytes, max)];
        budget.limiter.ask(&request).inspect_err(|_| budget.give_back(usage))?;
        let memory = VmMemory::new(&ty, Some(limit)).inspect_err(|_| {
            budget.give_back(usage);
            budget.limiter.undo(&request);
        });
        let memory = memory.map_err(|error| ResourceError::room("memory", error))?;
        Ok(Self::add(store, Arc::new(memory)))
    }

    /// A shared memory, as a memory of this store.
    pub fn from_shared(store: &mut impl AsStoreMut, memory: &SharedMemory) -> Self {
        Self::add(store.store_inner_mut(), Arc::clone(&memory.0))
    }

    /// The memory for use in other stores, if its type is shared.
    pub fn to_shared(&self, store: &impl AsStore) -> Result<Option<SharedMemory>> {
        let memory = self.vm(store.store_inner())?;
        Ok(memory.ty().shared.then(|| SharedMemory(Arc::clone(memory))))
    }

    /// The memory's type, with its current size as the minimum.
    pub fn ty(&self, store: &impl AsStore) -> Result<MemoryType> {
        let memory = self.vm(store.store_inner())?;
        let mut ty = *memory.ty();
        ty.limits.min = memory.pages();
        Ok(ty)
    }

    /// Current size in bytes.
    pub fn len_bytes(&self, store: &impl AsStore) -> Result<usize> {
        Ok(self.vm(store.store_inner())?.len_bytes())
    }

    /// Grows by `delta` pages and returns the old size in pages.
    pub fn grow(&self, store: &mut impl AsStoreMut, delta: u64) -> Result<u64> {
        let store = store.store_inner_mut();
        let memory = Arc::clone(self.vm(store)?);
        memory.grow(delta, store.budget()).map_err(|why| refused(why, "memory", delta, "pages"))
    }

    /// The memory's bytes. Refused for shared memories, which other threads may be writing.
    pub fn data<'a>(&self, store: &'a impl AsStore) -> Result<&'a [u8]> {
        let memory = self.unshared(store.store_inner())?;
        // SAFETY: the bytes are mapped, belong to this store alone, and nothing writes or unmaps them while the store is borrowed.
        Ok(unsafe { std::slice::from_raw_parts(memory.base(), memory.len_bytes()) })
    }

    /// The memory's bytes. Refused for shared memories, which other threads may be using.
    pub fn data_mut<'a>(&self, store: &'a mut impl AsStoreMut) -> Result<&'a mut [u8]> {
        let memory = self.unshared(store.store_inner_mut())?;
        // SAFETY: as for `data`, and the store is borrowed exclusively.
        Ok(unsafe { std::slice::from_raw_parts_mut(memory.base(), memory.len_bytes()) })
    }

    /// The memory's bytes and the store's data, for host functions that copy between both. Refused for shared memories.
    ///
    /// ```
    /// use wasmer_api::{Caller, Error, Linker};
    ///
    /// # fn define(linker: &mut Linker<Vec<u8>>) -> wasmer_api::Result<()> {
    /// linker.func_wrap("host", "print", |mut caller: Caller<'_, Vec<u8>>, start: u32, len: u32| {
    ///     let memory = caller.memory().ok_or("the guest exports no memory")?;
    ///     let (bytes, output) = memory.data_and_store_mut(&mut caller)?;
    ///     let text = bytes.get(start as usize..).and_then(|rest| rest.get(..len as usize));
    ///     output.extend_from_slice(text.ok_or("the text is not inside the memory")?);
    ///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn data_and_store_mut<'a, S: AsStoreMut>(&self, store: &'a mut S) -> Result<(&'a mut [u8], &'a mut S::Data)> {
        let store = store.store_inner_mut();
        let memory = self.unshared(store)?;
        let (base, len) = (memory.base(), memory.len_bytes());
        // SAFETY: as for `data_mut`. The store's data is no part of a guest's memory.
        Ok((unsafe { std::slice::from_raw_parts_mut(base, len) }, store.data_mut()))
    }

    /// Copies bytes out of the memory.
    pub fn read(&self, store: &impl AsStore, address: usize, bytes: &mut [u8]) -> Result<()> {
        let source = self.data(store)?.get(address..).and_then(|rest| rest.get(..bytes.len()));
        bytes.copy_from_slice(source.ok_or_else(|| outside(address, bytes.len()))?);
        Ok(())
    }

    /// Copies bytes into the memory.
    pub fn write(&self, store: &mut impl AsStoreMut, address: usize, bytes: &[u8]) -> Result<()> {
        let target = self.data_mut(store)?.get_mut(address..).and_then(|rest| rest.get_mut(..bytes.len()));
        target.ok_or_else(|| outside(address, bytes.len()))?.copy_from_slice(bytes);
        Ok(())
    }

    /// Address and current length of the bytes, for code that copies with raw pointers. The address never changes, the
    /// length never shrinks, and the bytes stay mapped as long as the store.
    pub fn raw_parts(&self, store: &impl AsStore) -> Result<(*mut u8, usize)> {
        let memory = self.vm(store.store_inner())?;
        Ok((memory.base(), memory.len_bytes()))
    }

    /// Where address and length are, for what is done at every call: [`Memory::data_mut`] takes many times as long.
    ///
    /// # Errors
    /// [`Error::Type`] if the memory is shared, or is of another store.
    pub fn place(&self, store: &impl AsStore) -> Result<MemoryPlace> {
        Ok(MemoryPlace(self.unshared(store.store_inner())?.vm()))
    }

    pub(crate) fn add(store: &mut StoreOpaque, memory: Arc<VmMemory>) -> Self {
        let known = store.memories.iter().position(|other| Arc::ptr_eq(other, &memory));
        let position = known.unwrap_or_else(|| {
            store.memories.push(memory);
            store.memories.len() - 1
        });
        Self { store: store.id(), position }
    }

    pub(crate) fn vm<'a>(&self, store: &'a StoreOpaque) -> Result<&'a Arc<VmMemory>> {
        store.check(self.store, "memory")?;
        Ok(&store.memories[self.position])
    }

    fn unshared<'a>(&self, store: &'a StoreOpaque) -> Result<&'a Arc<VmMemory>> {
        let memory = self.vm(store)?;
        if memory.ty().shared {
            return Err(TypeError::SharedMemory.into());
        }
        Ok(memory)
    }
}

/// Where address and length of a memory are that is not shared; they stay there as long as its store.
#[derive(Clone, Copy, Debug)]
pub struct MemoryPlace(*const VMMemory);

// SAFETY: the pointer is only followed together with a borrow of the memory's store.
unsafe impl Send for MemoryPlace {}
// SAFETY: as above.
unsafe impl Sync for MemoryPlace {}

impl MemoryPlace {
    /// As [`Memory::raw_parts`].
    ///
    /// # Safety
    /// The memory's store is there.
    #[inline]
    pub unsafe fn raw_parts(self) -> (*mut u8, usize) {
        // SAFETY: a store keeps its memories until its end, and they do not move.
        let memory = unsafe { &*self.0 };
        (memory.base, memory.len.load(Ordering::Relaxed))
    }
}

fn refused(why: Refused, what: &'static str, delta: u64, unit: &'static str) -> Error {
    let reason = match why {
        Refused::Limit(error) => return error.into(),
        Refused::Type => GrowthRefusal::Type,
        Refused::Host => GrowthRefusal::Host,
        Refused::Interrupted => GrowthRefusal::Interrupted,
    };
    ResourceError::Growth { what, delta, unit, reason }.into()
}

fn outside(address: usize, len: usize) -> Error {
    TypeError::OutOfMemory { address, len }.into()
}

impl SharedMemory {
    /// Current size in bytes.
    pub fn len_bytes(&self) -> usize {
        self.0.len_bytes()
    }

    /// The memory's type.
    pub fn ty(&self) -> MemoryType {
        *self.0.ty()
    }
}

/// A table that the host made, and what its type refers to.
pub(crate) struct HostTable {
    table: VmTable,
    _types: TypeIds,
}

impl HostTable {
    /// What it holds of host references.
    pub(crate) fn host_roots(&self, root: &mut impl FnMut(u64)) {
        self.table.host_roots(root);
    }
}

/// A table of a store: a small copyable handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    store: StoreId,
    /// Owned by an instance or the store; both keep it, at this address, until the end of the store.
    table: NonNull<VmTable>,
}

// SAFETY: the pointer is only followed together with a borrow of its store.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl Table {
    /// A table that the host makes, all of whose elements are `init`.
    pub fn new(store: &mut impl AsStoreMut, ty: TableType, init: Val) -> Result<Self> {
        let store = store.store_inner_mut();
        let raw = to_element(&init, &ty, store)?;
        let types = types_in(ty.element)?;
        let budget = store.budget();
        let (table_elements, record_bytes) = (ty.limits.min, size_of::<HostTable>() as u64);
        budget.limits().check(Limit::TableElements, table_elements)?;
        let usage = Usage { table_elements, record_bytes, tables: 1, ..Usage::default() };
        budget.take(usage)?;
        let request = [Request::table(0, table_elements, ty.limits.max)];
        budget.limiter.ask(&request).inspect_err(|_| budget.give_back(usage))?;
        let table = VmTable::new(&ty).inspect_err(|_| {
            budget.give_back(usage);
            budget.limiter.undo(&request);
        });
        let table = table.map_err(|error| ResourceError::room("table", error))?;
        let mut table = Box::new(HostTable { table, _types: types });
        table.table.set_initial(raw);
        table.table.link(None);
        let place = NonNull::from(&mut table.table);
        store.tables.push(table);
        Ok(Self { store: store.id(), table: place })
    }

    /// The table's type, with its current size as the minimum.
    pub fn ty(&self, store: &impl AsStore) -> Result<TableType> {
        let table = self.vm(store.store_inner())?;
        let mut ty = *table.ty();
        ty.limits.min = table.len();
        Ok(ty)
    }

    /// Current size in elements.
    pub fn len(&self, store: &impl AsStore) -> Result<u64> {
        Ok(self.vm(store.store_inner())?.len())
    }

    /// An element; none beyond the end.
    pub fn get(&self, store: &mut impl AsStoreMut, index: u64) -> Result<Option<Val>> {
        let store = store.store_inner_mut();
        store.check(self.store, "table")?;
        // SAFETY: the table lives as long as the store, which is borrowed exclusively.
        let table = unsafe { &mut *self.table.as_ptr() };
        let Ok(raw) = table.get(index) else { return Ok(None) };
        let mut value = RawValue::ZERO;
        value.reference = raw;
        // SAFETY: elements of the table are of its element type.
        Ok(Some(unsafe { Val::from_raw(&value, ValType::Ref(table.ty().element), store) }))
    }

    /// Writes an element.
    pub fn set(&self, store: &mut impl AsStoreMut, index: u64, value: Val) -> Result<()> {
        let store = store.store_inner_mut();
        let ty = *self.vm(store)?.ty();
        let raw = to_element(&value, &ty, store)?;
        // SAFETY: the table lives as long as the store, which is borrowed exclusively.
        let table = unsafe { &mut *self.table.as_ptr() };
        let place = Place::TableElement(Some(index));
        table.set(index, raw, || Ok(())).map_err(|_| TypeError::OutOfBounds { place }.into())
    }

    /// Grows by `delta` elements `init` and returns the old size.
    pub fn grow(&self, store: &mut impl AsStoreMut, delta: u64, init: Val) -> Result<u64> {
        let store = store.store_inner_mut();
        let ty = *self.vm(store)?.ty();
        let raw = to_element(&init, &ty, store)?;
        // SAFETY: the table lives as long as the store, which is borrowed exclusively.
        let table = unsafe { &mut *self.table.as_ptr() };
        table.grow(delta, raw, store.budget(), || Ok(())).map_err(|why| refused(why, "table", delta, "elements"))
    }

    pub(crate) fn from_parts(store: StoreId, table: NonNull<VmTable>) -> Self {
        Self { store, table }
    }

    pub(crate) fn raw(&self, store: &StoreOpaque) -> Result<NonNull<VmTable>> {
        store.check(self.store, "table")?;
        Ok(self.table)
    }

    pub(crate) fn vm<'a>(&self, store: &'a StoreOpaque) -> Result<&'a VmTable> {
        store.check(self.store, "table")?;
        // SAFETY: the table lives as long as the store, which is borrowed.
        Ok(unsafe { self.table.as_ref() })
    }
}

/// What a table of a type holds for a value.
fn to_element(value: &Val, ty: &TableType, store: &mut StoreOpaque) -> Result<u64> {
    let element = ValType::Ref(ty.element);
    if !value.matches(element, store) {
        return Err(TypeError::value(Place::TableElement(None), value, element).into());
    }
    // SAFETY: the value was just converted; every field of the union covers its low 8 bytes.
    Ok(unsafe { store.give(value)?.reference })
}

/// A global that the host made, and what its type refers to.
pub(crate) struct HostGlobal {
    value: RawValue,
    ty: GlobalType,
    _types: TypeIds,
}

impl HostGlobal {
    /// The host reference that it holds.
    pub(crate) fn host_roots(&self, root: &mut impl FnMut(u64)) {
        // SAFETY: the value is a reference then, whose bits are these.
        root(if self.ty.content.is_host_ref() { unsafe { self.value.reference } } else { 0 });
    }
}

/// What the type of a host's table or global refers to.
fn types_in(ty: RefType) -> Result<TypeIds> {
    TypeIds::in_ref(ty).ok_or_else(|| TypeError::Unknown { ty }.into())
}

/// A global of a store: a small copyable handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Global {
    store: StoreId,
    ty: GlobalType,
    /// In an instance's vmctx or the store; both keep it, at this address, until the end of the store.
    value: NonNull<RawValue>,
}

// SAFETY: the pointer is only followed together with a borrow of its store.
unsafe impl Send for Global {}
// SAFETY: as above.
unsafe impl Sync for Global {}

impl Global {
    /// A global that the host makes.
    pub fn new(store: &mut impl AsStoreMut, ty: GlobalType, value: Val) -> Result<Self> {
        let store = store.store_inner_mut();
        if !value.matches(ty.content, store) {
            return Err(TypeError::value(Place::Global, &value, ty.content).into());
        }
        let raw = store.give(&value)?;
        let types = match ty.content {
            ValType::Ref(reference) => types_in(reference)?,
            _ => TypeIds::default(),
        };
        store.budget().take(Usage { record_bytes: size_of::<HostGlobal>() as u64, ..Usage::default() })?;
        let mut global = Box::new(HostGlobal { value: raw, ty, _types: types });
        let value = NonNull::from(&mut global.value);
        store.globals.push(global);
        Ok(Self { store: store.id(), ty, value })
    }

    /// The global's type; concrete references in it are canonical ids.
    pub fn ty(&self, store: &impl AsStore) -> Result<GlobalType> {
        self.ty_in(store.store_inner())
    }

    pub(crate) fn ty_in(&self, store: &StoreOpaque) -> Result<GlobalType> {
        store.check(self.store, "global")?;
        Ok(self.ty)
    }

    /// The value.
    pub fn get(&self, store: &impl AsStore) -> Result<Val> {
        let store = store.store_inner();
        store.check(self.store, "global")?;
        // SAFETY: the global lives as long as the store, which is borrowed, and holds a value of its type.
        Ok(unsafe { Val::from_raw(self.value.as_ref(), self.ty.content, store) })
    }

    /// Writes the value.
    pub fn set(&self, store: &mut impl AsStoreMut, value: Val) -> Result<()> {
        let store = store.store_inner_mut();
        store.check(self.store, "global")?;
        if !self.ty.mutable {
            return Err(TypeError::Immutable { place: Place::Global }.into());
        }
        if !value.matches(self.ty.content, store) {
            return Err(TypeError::value(Place::Global, &value, self.ty.content).into());
        }
        let raw = store.give(&value)?;
        // SAFETY: the global lives as long as the store, which is borrowed exclusively.
        unsafe { self.value.write(raw) };
        Ok(())
    }

    /// Where the value of a mutable global of type `i32` is, for what is done at every call: [`Global::get`] and [`Global::set`] take many times as long.
    ///
    /// It stays there as long as the store. Who reads or writes it has the store exclusively, as [`Global::set`] would, so that no code runs meanwhile.
    ///
    /// ```
    /// # fn count(calls: wasmer_api::Global, store: &mut wasmer_api::Store<()>) -> wasmer_api::Result<()> {
    /// let place = calls.i32_place(store)?;
    /// // SAFETY: the store is borrowed exclusively.
    /// unsafe { *place.as_ptr() += 1 };
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Type`] if it is of another type or another store.
    pub fn i32_place(&self, store: &mut impl AsStoreMut) -> Result<NonNull<i32>> {
        store.store_inner_mut().check(self.store, "global")?;
        if !self.ty.mutable {
            return Err(TypeError::Immutable { place: Place::Global }.into());
        }
        if self.ty.content != ValType::I32 {
            return Err(TypeError::value(Place::Global, &Val::I32(0), self.ty.content).into());
        }
        Ok(self.value.cast())
    }

    pub(crate) fn from_parts(store: StoreId, ty: GlobalType, value: NonNull<RawValue>) -> Self {
        Self { store, ty, value }
    }

    pub(crate) fn raw(&self, store: &StoreOpaque) -> Result<NonNull<RawValue>> {
        store.check(self.store, "global")?;
        Ok(self.value)
    }
}
