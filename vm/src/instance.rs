//! Instances: a module's memories, tables, globals and functions at run time, behind the vmctx that compiled code uses.

mod constants;
mod error;
mod imports;
mod segments;
pub(crate) mod tier;

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ops::{Deref, Range};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use wasmer_runtime_core::layout::{VMCTX_MEMORY_DEFINITION, VMOffsets};
use wasmer_runtime_core::translate::codegen::Location;
use wasmer_runtime_core::trap::{MemoryFault, TrapCode};
use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::*;

use crate::arch;
use crate::budget::Usage;
use crate::exceptions::Tag;
use crate::func_refs::FuncRefs;
use crate::image::Damage;
use crate::lazy::Lazy;
use crate::limiter::Request;
use crate::memory::Memory;
use crate::module_code::ModuleCode;
use crate::pieces::{self, InterruptCheck};
use crate::store::{StoreVm, go_on};
use crate::table::Table;
use crate::types_registry;

use imports::Imported;

pub use error::InstanceError;

/// What a module imports, resolved, in the order of each index space.
#[derive(Default)]
pub struct Imports {
    /// Functions.
    pub functions: Vec<NonNull<VMFuncRef>>,
    /// Tables.
    pub tables: Vec<NonNull<Table>>,
    /// Memories.
    pub memories: Vec<Arc<Memory>>,
    /// Places of globals' values.
    pub globals: Vec<NonNull<RawValue>>,
    /// Tags.
    pub tags: Vec<NonNull<Tag>>,
}

/// A module's code, kept by whoever keeps the instance. Not counted again: threads that instantiate one module would wait for the count.
struct Code(NonNull<ModuleCode>);

impl Deref for Code {
    type Target = ModuleCode;

    fn deref(&self) -> &ModuleCode {
        // SAFETY: the code outlives the instance, as was promised to `Instance::new`.
        unsafe { self.0.as_ref() }
    }
}

/// The host's side of an instance. Boxed and never moved; lives as long as its store.
pub struct Instance {
    code: Code,
    offsets: VMOffsets,
    store: NonNull<StoreVm>,
    vmctx: NonNull<VMContext>,
    memories: Vec<Arc<Memory>>,
    tables: Vec<NonNull<Table>>,
    own_tables: Vec<Box<Table>>,
    imported: Imported,
    tags: Vec<NonNull<Tag>>,
    own_tags: Box<[Tag]>,
    /// References to escaping functions, by position; filled in on first use. Zeroed pages until then.
    func_refs: FuncRefs,
    /// By rank in the image.
    dropped_elements: Vec<Cell<bool>>,
    /// By rank in the image: what has objects, or nothing.
    made_elements: Box<[Box<[u64]>]>,
    /// By rank in the image.
    dropped_data: Vec<Cell<bool>>,
    /// Code that is better than what it was made with.
    pub(crate) tier: tier::Tier,
}

impl Instance {
    /// Makes an instance at the cost of its store's budget: memories, tables, globals. Segments that could trap are applied afterwards, by [`Instance::initialise`].
    ///
    /// # Safety
    /// The imports fit the module's types and live as long as the store. Store and code outlive the instance.
    pub unsafe fn new(
        code: &ModuleCode,
        store: NonNull<StoreVm>,
        imports: Imports,
    ) -> Result<Box<Self>, InstanceError> {
        // SAFETY: the store outlives the instance by the caller's promise, and nobody else uses it meanwhile.
        let budget = unsafe { &mut (*store.as_ptr()).budget };
        let usage = Usage::of_instance(code, imports.memories.len(), budget.limits())?;
        let requests =
            if budget.limiter.is_set() { Request::of_instance(code, imports.memories.len()) } else { Vec::new() };
        budget.take(usage)?;
        if let Err(refused) = budget.limiter.ask(&requests) {
            budget.give_back(usage);
            return Err(refused.into());
        }
        // SAFETY: the caller's promise.
        let made = unsafe { Self::within_budget(code, store, imports) };
        made.inspect_err(|_| {
            // SAFETY: as above; nothing of an instance refers to the budget.
            let budget = unsafe { &mut (*store.as_ptr()).budget };
            budget.give_back(usage);
            budget.limiter.undo(&requests);
        })
    }

    /// # Safety
    /// As for `new`.
    unsafe fn within_budget(
        code: &ModuleCode,
        store: NonNull<StoreVm>,
        imports: Imports,
    ) -> Result<Box<Self>, InstanceError> {
        let image = &code.image;
        let offsets = VMOffsets::new(image.counts());
        // SAFETY: the store outlives the instance by the caller's promise.
        let vm = unsafe { store.as_ref() };
        let memories = Self::memories(code, imports.memories, vm)?;
        let own_tables = Self::tables(code, vm)?;
        let vmctx = allocate_vmctx(&offsets);
        let mut instance = Box::new(Self {
            offsets,
            store,
            vmctx,
            memories,
            tables: imports.tables,
            own_tables,
            imported: Imported { originals: imports.functions.into(), foreign: Box::default() },
            tags: imports.tags,
            own_tags: Box::default(),
            func_refs: FuncRefs::new(image.escaping_len()),
            made_elements: Box::default(),
            dropped_elements: vec![Cell::new(false); image.elements_len()],
            dropped_data: vec![Cell::new(false); image.data_len()],
            code: Code(NonNull::from(code)),
            tier: tier::Tier::default(),
        });
        // SAFETY: the vmctx is as large as the offsets say, and nobody else uses it yet.
        unsafe {
            instance.write_header();
            instance.write_memories();
            instance.imported.foreign = instance.import(code, &instance.offsets, &instance.imported.originals)?;
            instance.write_imported_globals(&imports.globals);
            instance.write_tables();
            instance.write_tags();
            instance.write_heap()?;
            instance.write_globals()?;
            instance.make_elements()?;
        }
        Ok(instance)
    }

    fn memories(
        code: &ModuleCode,
        imported: Vec<Arc<Memory>>,
        store: &StoreVm,
    ) -> Result<Vec<Arc<Memory>>, InstanceError> {
        let image = &code.image;
        let mut memories = imported;
        let limit = store.budget.limits().memory_bytes_max;
        for index in memories.len()..image.counts().memories as usize {
            store.check_interrupt()?;
            let pool = &code.memory_pools[index];
            let index = MemoryIdx::from_index(index);
            let (ty, contents) = (image.memory_type(index), image.memory_image(index));
            let memory = Memory::with_contents(&ty, Some(limit), || image.memory_file(), contents, pool)
                .map_err(|error| InstanceError::resource("memory", format!("could not make a memory: {error}")))?;
            memories.push(Arc::new(memory));
        }
        Ok(memories)
    }

    fn tables(code: &ModuleCode, store: &StoreVm) -> Result<Vec<Box<Table>>, InstanceError> {
        let counts = code.image.counts();
        (counts.imported_tables..counts.tables)
            .map(|index| {
                store.check_interrupt()?;
                let ty = code.table_type(TableIdx(index));
                let failed = || format!("could not make a table of {} elements", ty.limits.min);
                let table = Table::new(&ty).map_err(|_| InstanceError::resource("table", failed()))?;
                Ok(Box::new(table))
            })
            .collect()
    }

    /// The pointer to a field of the vmctx.
    ///
    /// # Safety
    /// The offset is one of this module's layout.
    unsafe fn field<T>(&self, offset: i32) -> *mut T {
        // SAFETY: the caller's promise.
        unsafe { self.vmctx.as_ptr().cast::<u8>().add(offset as usize).cast() }
    }

    /// What every context begins with, and what the host looks up.
    ///
    /// # Safety
    /// As for [`Instance::within_budget`], whose part it is: nobody else has the vmctx, and the store lives.
    unsafe fn write_header(&mut self) {
        let instance: *mut Self = self;
        // SAFETY: the vmctx has at least its fixed part.
        unsafe {
            let context = &mut *self.vmctx.as_ptr();
            context.header.libcalls = arch::libcall_table();
            context.header.store = self.store.as_ref().context();
            context.type_ids = self.code.type_ids.as_ptr();
            context.instance = instance.cast();
            self.field::<*const u32>(self.offsets.type_ids()).write(self.code.type_ids.as_ptr());
            if let Some(loops) = self.code.image.lazy_part().map(Lazy::loop_words) {
                self.field::<*const AtomicU64>(self.offsets.loops()).write(loops);
            }
        }
    }

    /// Where memories are, imported ones included.
    ///
    /// # Safety
    /// As for [`Instance::write_header`]; every memory of the module is there.
    unsafe fn write_memories(&mut self) {
        for (index, memory) in self.memories.iter().enumerate() {
            let offset = self.offsets.memory(MemoryIdx::from_index(index));
            // SAFETY: the offsets are the layout's.
            unsafe {
                self.field::<*mut u8>(offset).write(memory.base());
                self.field::<*const VMMemory>(offset + VMCTX_MEMORY_DEFINITION).write(memory.vm());
            }
        }
    }

    /// Where imported globals are.
    ///
    /// # Safety
    /// As for [`Instance::write_header`]; the globals fit the imports and live as long as the store.
    unsafe fn write_imported_globals(&mut self, globals: &[NonNull<RawValue>]) {
        for (index, global) in globals.iter().enumerate() {
            if let Location::Indirect(offset) = self.offsets.global(GlobalIdx::from_index(index)) {
                // SAFETY: the offset is the layout's.
                unsafe { self.field::<*mut RawValue>(offset).write(global.as_ptr()) };
            }
        }
    }

    /// Where imported tables are, and the instance's own, which follow them.
    ///
    /// # Safety
    /// As for [`Instance::write_header`]; the imported tables fit and live as long as the store.
    unsafe fn write_tables(&mut self) {
        for index in 0..self.tables.len() {
            if let Location::Indirect(offset) = self.offsets.table(TableIdx::from_index(index)) {
                // SAFETY: imported tables live as long as the store; the offset is the layout's.
                unsafe { self.field::<*mut VMTable>(offset).write(self.tables[index].as_ref().vm().as_ptr()) };
            }
        }
        let this = NonNull::from(&mut *self);
        for position in 0..self.own_tables.len() {
            let index = TableIdx::from_index(self.tables.len());
            if let Location::Inline(offset) = self.offsets.table(index) {
                // SAFETY: the offset is the layout's.
                let place = unsafe { self.field::<VMTable>(offset) };
                self.own_tables[position].link(NonNull::new(place));
            }
            if self.code.image.has_table_image(index) {
                self.own_tables[position].set_lazy(this, index);
            }
            self.tables.push(NonNull::from(&mut *self.own_tables[position]));
        }
    }

    /// Own tags follow the imported ones.
    ///
    /// # Safety
    /// As for [`Instance::write_header`]; the imported tags fit and live as long as the store.
    unsafe fn write_tags(&mut self) {
        let image = &self.code.image;
        let own = (self.tags.len()..self.offsets.counts().tags as usize).map(TagIdx::from_index);
        // SAFETY: the module's code, which outlives the instance, owns the types.
        self.own_tags =
            own.map(|index| unsafe { Tag::of_module(self.code.canonical[image.tag_type(index).index()]) }).collect();
        self.tags.extend(self.own_tags.iter().map(NonNull::from));
        for (index, tag) in self.tags.iter().enumerate() {
            // SAFETY: the offsets are the layout's.
            unsafe { self.field::<*const Tag>(self.offsets.tag(TagIdx::from_index(index))).write(tag.as_ptr()) };
        }
    }

    /// What code with objects looks up: in modules that have such code.
    ///
    /// # Safety
    /// As for [`Instance::write_header`].
    unsafe fn write_heap(&mut self) -> Result<(), InstanceError> {
        if !self.offsets.counts().heap {
            return Ok(());
        }
        // SAFETY: the store outlives the instance, and nobody else uses it meanwhile.
        let heap = unsafe { &mut *self.store.as_ptr() }.make_heap();
        let failed = |error| format!("could not make a heap for objects: {error}");
        let heap = heap.map_err(|error| InstanceError::resource("heap for objects", failed(error)))?;
        // SAFETY: the offsets are the layout's. The heap lives as long as the store, and the displays for ever.
        unsafe {
            self.field::<*mut u8>(self.offsets.heap()).write(heap.base());
            self.field::<*const VMMemory>(self.offsets.heap() + VMCTX_MEMORY_DEFINITION).write(heap.memory());
            self.field::<*const u32>(self.offsets.displays()).write(types_registry::displays());
            self.field::<usize>(self.offsets.absolute()).write(0);
            self.field::<*const ()>(self.offsets.references()).write(self.func_refs.list());
        }
        Ok(())
    }

    /// The values of the instance's own globals, which may use functions, and globals before them.
    ///
    /// # Safety
    /// As for [`Instance::write_header`]; everything else of the vmctx has been written.
    unsafe fn write_globals(&mut self) -> Result<(), TrapCode> {
        let counts = self.offsets.counts();
        for index in counts.imported_globals..counts.globals {
            let position = (index - counts.imported_globals) as usize;
            let value = self.evaluate(self.code.image.global_init(position))?;
            // SAFETY: the place is inside the vmctx, 16-byte aligned.
            unsafe { self.global(GlobalIdx(index)).write(value) };
        }
        Ok(())
    }

    /// Applies the initial values of tables and the active segments that the image could not fold in, in the order of the specification (section
    /// 4.5.4). A trap leaves what was done before it.
    pub fn initialise(&mut self) -> Result<(), TrapCode> {
        let image = &self.code.image;
        for position in 0..self.own_tables.len() {
            if let Some(init) = image.table_init(position) {
                // SAFETY: the initial value of a table is a reference, whose bits are these.
                let value = unsafe { self.evaluate(init)?.reference };
                self.own_tables[position].set_initial(value);
            }
        }
        let check_interrupt = self.go_on();
        for (rank, table, offset) in image.elements_to_apply() {
            check_interrupt()?;
            let start = self.index(image.table_type(table).index, self.evaluate(offset)?);
            let len = image.element_items_len(rank) as u64;
            if !(image.elements_are_functions(rank) && self.apply_lazily(table, rank, start, len)?) {
                self.write_elements(table, rank, start, 0..len)?;
            }
            self.dropped_elements[rank].set(true);
        }
        for (rank, memory, offset) in image.data_to_apply() {
            check_interrupt()?;
            let start = self.index(image.memory_type(memory).index, self.evaluate(offset)?);
            let bytes = image.data_bytes(rank);
            self.write_memory(memory, start, bytes)?;
            self.dropped_data[rank].set(true);
        }
        Ok(())
    }

    /// The trap for what is not inside a memory. The store remembers what was wanted.
    #[cold]
    pub fn left_memory(&self, memory: MemoryIdx, address: u64, len: Option<u64>) -> TrapCode {
        let memory_bytes = self.memory(memory).len_bytes() as u64;
        let fault = MemoryFault { address: address.into(), len, memory: Some(memory.0), memory_bytes };
        // SAFETY: the store outlives the instance, and nobody holds a reference to it here: see `vm::libcalls`.
        unsafe { (*self.store.as_ptr()).note_memory_fault(fault) };
        TrapCode::MemoryOutOfBounds
    }

    /// What long operations ask between their pieces.
    fn go_on(&self) -> impl InterruptCheck + Copy + use<> {
        // SAFETY: the store outlives the instance.
        unsafe { go_on(self.store.as_ref().context()) }
    }

    /// The unsigned value of an index.
    fn index(&self, width: Width, value: RawValue) -> u64 {
        // SAFETY: any bits are valid integers.
        unsafe {
            match width {
                Width::W32 => u64::from(value.i32 as u32),
                Width::W64 => value.i64 as u64,
            }
        }
    }

    /// The module.
    pub fn code(&self) -> &ModuleCode {
        &self.code
    }

    /// What compiled code knows of the store.
    pub(crate) fn context(&self) -> *mut VMStoreContext {
        // SAFETY: the store outlives the instance.
        unsafe { self.store.as_ref() }.context()
    }

    /// The store.
    pub fn store(&self) -> NonNull<StoreVm> {
        self.store
    }

    /// All memories, by number.
    pub fn all_memories(&self) -> &[Arc<Memory>] {
        &self.memories
    }

    /// A memory.
    pub fn memory(&self, index: MemoryIdx) -> &Arc<Memory> {
        &self.memories[index.index()]
    }

    /// A table.
    pub fn table(&self, index: TableIdx) -> NonNull<Table> {
        self.tables[index.index()]
    }

    /// A tag.
    pub fn tag(&self, index: TagIdx) -> NonNull<Tag> {
        self.tags[index.index()]
    }

    /// The place of a global's value.
    pub fn global(&self, index: GlobalIdx) -> NonNull<RawValue> {
        // SAFETY: the offsets are the layout's; imported places are valid as long as the store.
        unsafe {
            let place = match self.offsets.global(index) {
                Location::Inline(offset) => self.field::<RawValue>(offset),
                Location::Indirect(offset) => *self.field::<*mut RawValue>(offset),
            };
            NonNull::new_unchecked(place)
        }
    }

    /// What its own globals and tables hold of host references; null for each other thing that has to be looked at.
    pub fn host_roots(&self, root: &mut impl FnMut(u64)) {
        let counts = self.offsets.counts();
        for index in (counts.imported_globals..counts.globals).map(GlobalIdx) {
            let is_host_ref = self.code.image.global_type(index).content.is_host_ref();
            // SAFETY: the place holds a reference then, whose bits are these.
            root(if is_host_ref { unsafe { self.global(index).as_ref().reference } } else { 0 });
        }
        self.own_tables.iter().for_each(|table| table.host_roots(root));
        self.element_roots(root);
    }

    /// The original function behind an import, or the reference to an own one: what an export gives away.
    pub fn exported_func(&self, index: FuncIdx) -> Result<NonNull<VMFuncRef>, Damage> {
        match self.imported.original(index) {
            Some(original) => Ok(original),
            None => self.func_ref(index),
        }
    }

    /// A reference to an escaping function, callable by this module's convention.
    pub fn func_ref(&self, index: FuncIdx) -> Result<NonNull<VMFuncRef>, Damage> {
        if let Some(imported) = self.imported.reference(index) {
            return Ok(imported);
        }
        let image = &self.code.image;
        // The translation lists every function that can be referred to.
        let position = image.escaping_position(index).ok_or(Damage)?;
        if let Some(made) = self.func_refs.get(position) {
            return Ok(made);
        }
        let ty = image.function_type_index(index)?;
        let defined = DefinedFuncIdx(index.0 - self.offsets.counts().imported_functions);
        let mut reference = self.reference(&self.code, defined, ty)?;
        if let Some(better) = self.better() {
            let VMFuncRef { first_type_id, first_call, .. } = reference;
            reference = VMFuncRef { first_type_id, first_call, ..self.reference(better, defined, ty)? };
        }
        self.func_refs.set(position, reference).ok_or(Damage)
    }

    /// What the table image holds for an element: a reference, or zero.
    pub fn lazy_element(&self, table: TableIdx, index: u64) -> Result<u64, Damage> {
        match self.code.image.table_image_get(table, index) {
            Some(function) => Ok(self.func_ref(function)?.as_ptr() as u64),
            None => Ok(0),
        }
    }

    /// `table.init`.
    pub fn table_init(
        &self,
        table: TableIdx,
        segment: ElemIdx,
        destination: u64,
        source: u64,
        len: u64,
    ) -> Result<(), TrapCode> {
        let rank = self.code.image.element_rank(segment).filter(|rank| !self.dropped_elements[*rank].get());
        let available = rank.map_or(0, |rank| self.code.image.element_items_len(rank) as u64);
        let end = source.checked_add(len).filter(|end| *end <= available).ok_or(TrapCode::TableOutOfBounds)?;
        self.write_elements(table, rank.unwrap_or_default(), destination, source..end)
    }

    /// Has elements of a table come from a segment of functions once they are used, if that is possible.
    fn apply_lazily(&self, table: TableIdx, rank: usize, start: u64, len: u64) -> Result<bool, TrapCode> {
        // SAFETY: the table lives as long as the store, and no reference to it is held.
        let table = unsafe { &mut *self.table(table).as_ptr() };
        table.set_segment(start, len, NonNull::from(self), rank)
    }

    /// A function of a segment that was applied; null where that has none.
    pub(crate) fn segment_function(&self, rank: usize, position: u64) -> Result<u64, Damage> {
        match self.code.image.element_function(rank, position as usize) {
            Some(function) => Ok(self.func_ref(function)?.as_ptr() as u64),
            None => Ok(0),
        }
    }

    /// Writes elements of the segment of a rank to a table.
    fn write_elements(
        &self,
        table: TableIdx,
        rank: usize,
        destination: u64,
        elements: Range<u64>,
    ) -> Result<(), TrapCode> {
        let value = |position| self.element_of(rank, elements.start as usize + position);
        // SAFETY: the table lives as long as the store, and no reference to it is held: an element's value comes from globals and functions.
        let table = unsafe { &mut *self.table(table).as_ptr() };
        table.init(destination, elements.end - elements.start, value, self.go_on())
    }

    /// `memory.init`.
    pub fn memory_init(
        &self,
        memory: MemoryIdx,
        segment: DataIdx,
        destination: u64,
        source: u64,
        len: u64,
    ) -> Result<(), TrapCode> {
        let rank = self.code.image.data_rank(segment).filter(|rank| !self.dropped_data[*rank].get());
        let bytes = rank.map_or(&[][..], |rank| self.code.image.data_bytes(rank));
        let end = source.checked_add(len).filter(|end| *end <= bytes.len() as u64);
        let end = end.ok_or(TrapCode::MemoryOutOfBounds)?;
        self.write_memory(memory, destination, &bytes[source as usize..end as usize])
    }

    fn write_memory(&self, memory: MemoryIdx, destination: u64, bytes: &[u8]) -> Result<(), TrapCode> {
        let len = bytes.len() as u64;
        let target = self.memory(memory).range(destination, len);
        let target = target.ok_or_else(|| self.left_memory(memory, destination, Some(len)))?;
        // SAFETY: the target is inside the memory; an image never overlaps it.
        unsafe { pieces::copy(target, bytes.as_ptr(), bytes.len(), self.go_on()) }
    }

    /// `elem.drop`.
    pub fn drop_element(&self, segment: ElemIdx) {
        if let Some(rank) = self.code.image.element_rank(segment) {
            self.dropped_elements[rank].set(true);
        }
    }

    /// `data.drop`.
    pub fn drop_data(&self, segment: DataIdx) {
        if let Some(rank) = self.code.image.data_rank(segment) {
            self.dropped_data[rank].set(true);
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `allocate_vmctx`; a store drops its instances when nothing runs in it.
        unsafe { dealloc(self.vmctx.as_ptr().cast(), vmctx_layout(&self.offsets)) };
    }
}

fn vmctx_layout(offsets: &VMOffsets) -> Layout {
    Layout::from_size_align(offsets.size() as usize, 16).expect("module limits keep a vmctx small")
}

fn allocate_vmctx(offsets: &VMOffsets) -> NonNull<VMContext> {
    let layout = vmctx_layout(offsets);
    // SAFETY: a vmctx is never empty.
    NonNull::new(unsafe { alloc_zeroed(layout) }.cast()).unwrap_or_else(|| handle_alloc_error(layout))
}
