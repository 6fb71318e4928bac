//! Byte offsets that compiled code and the virtual machine share.
//!
//! Those of fixed structs come from the table in [`crate::vmcontext`]; [`VMOffsets`] lays out the part of a vmctx whose size
//! depends on the module. Hot fields come first, so that they are reached with 8-bit displacements.

use crate::types::*;

pub use crate::vmcontext::{
    RAW_VALUE_BYTES, TYPE_ID_ABI_SHIFT, TYPE_ID_BYTES, VALUES_MAX, VMCTX_FIXED_BYTES, VMCTX_INSTANCE, VMCTX_LIBCALLS,
    VMCTX_STORE, VMCTX_TYPE_IDS, VMFUNCREF_ARRAY_CALL, VMFUNCREF_FIRST_CALL, VMFUNCREF_FIRST_TYPE_ID,
    VMFUNCREF_TYPE_ID, VMFUNCREF_VMCTX, VMFUNCREF_WASM_CALL, VMIMPORT_CALLEE, VMMEMORY_LEN, VMSTORE_CAUGHT_REF,
    VMSTORE_CAUGHT_TAG, VMSTORE_CAUGHT_VALUES, VMSTORE_FUEL, VMSTORE_HEAP_CURSOR, VMSTORE_HEAP_LIMIT, VMSTORE_VALUES,
    VMTABLE_BASE, VMTABLE_BYTES, VMTABLE_LEN,
};

/// Size of a type's record in the table of displays, by canonical id: the canonical ids of its supertypes by depth, itself included, 32 bits each, zero where
/// there is none. No type has the id zero, and the table has a record for each possible id. Those of final function types without supertypes are empty:
/// such a type is compared by its id.
pub const DISPLAY_BYTES: i32 = 64;
/// Canonical ids are multiples of this.
pub const CANONICAL_ID_STEP: u32 = 8;
/// Logarithm of what takes a canonical id to the place of its record: a factor that an address can have, so that code needs no shift.
pub const DISPLAY_SCALE: u32 = (DISPLAY_BYTES as u32 / CANONICAL_ID_STEP).trailing_zeros();
/// How many depths a record has room for, from 0 on: whether types are subtypes of deeper ones the host is asked.
pub const DISPLAY_DEPTHS: u32 = 16;

/// Size of an address in [`Region::References`].
pub const REFERENCE_BYTES: u32 = 8;

/// Size of a global's value in a vmctx.
pub const VMGLOBAL_BYTES: i32 = 16;
/// Size of a memory's entry in a vmctx: base, pointer to the `VMMemory`.
pub const VMCTX_MEMORY_BYTES: i32 = 16;
/// Where in the entry the pointer to the `VMMemory` is.
pub const VMCTX_MEMORY_DEFINITION: i32 = 8;
/// Size of what a vmctx has for code with objects: heap, displays, zero, references; and a word, so that it is a multiple of 16.
pub const VMCTX_HEAP_BYTES: i32 = VMCTX_MEMORY_BYTES + 32;
/// Size of what a first tier has for itself in front of its imported functions.
pub const VMCTX_FIRST_TIER_BYTES: i32 = 16;
/// Size of an imported function's entry in a vmctx: wasm entry, vmctx.
pub const VMCTX_IMPORT_BYTES: i32 = 16;
/// Where in the entry the vmctx is.
pub const VMCTX_IMPORT_VMCTX: i32 = 8;

/// Bytes of address space reserved for a 32-bit memory with 64 KiB pages.
pub const MEMORY32_RESERVATION_BYTES: u64 = 1 << 32;
/// Bytes behind the reservation that are never accessible. Static offsets (plus access size) up to this need no check.
pub const MEMORY_GUARD_BYTES: u64 = 32 << 20;
/// Bytes of address space reserved for a 64-bit memory, unless it declares less; it cannot grow beyond.
pub const MEMORY64_RESERVATION_BYTES: u64 = 64 << 30;

/// Where an instance keeps something that can be its own or imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// In the vmctx itself, at this byte offset.
    Inline(i32),
    /// Behind the pointer at this byte offset of the vmctx.
    Indirect(i32),
}

/// What an access touches. Accesses of different regions never touch the same bytes, but for memories that are imported, of which two can be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Region {
    /// A linear memory.
    Memory(MemoryIdx),
    /// Fields of structs and elements of arrays, in the collected heap.
    Objects,
    /// Type ids of objects and lengths of arrays, in the collected heap: written once, before anything else knows of the object.
    Headers,
    /// Where code allocates: [`VMSTORE_HEAP_CURSOR`] and [`VMSTORE_HEAP_LIMIT`]. An object's header is written before the cursor moves behind the object,
    /// also for whoever stops the code in between.
    Cursor,
    /// The array of type ids: constant for the life of the instance.
    TypeIds,
    /// The process's table of displays, see [`DISPLAY_BYTES`]: a record is constant as long as anything has its type.
    Displays,
    /// Function references: only their type ids are read.
    FuncRefs,
    /// The addresses of an instance's references to its own functions, by the functions' positions in
    /// [`ModuleInfo::escaping`](crate::module::ModuleInfo::escaping): null until the host has made the reference, and the same from then on.
    References,
    /// The exception that is on its way: what stands at [`VMSTORE_CAUGHT_TAG`] and behind.
    Caught,
}

/// A linear memory, as an access needs it, or something else that accesses have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryRef {
    /// What is accessed.
    pub region: Region,
    /// Offset in the vmctx of the memory's base address: constant for the life of the instance.
    pub base_offset: i32,
    /// Offset in the vmctx of the pointer to the memory's `VMMemory`, whose first word (at
    /// [`VMMEMORY_LEN`]) is the current length in bytes. Of linear memories only.
    pub definition_offset: i32,
    /// The width of an address operand.
    pub width: Width,
    /// Logarithm of the page size in bytes.
    pub page_size_log2: u8,
}

/// A global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalRef {
    /// Which global (alias regions are per global).
    pub index: GlobalIdx,
    /// Where its value (16 bytes) is.
    pub location: Location,
    /// The representation of its value.
    pub ty: Ty,
    /// Whether it may be written.
    pub mutable: bool,
}

/// A table, as `call_indirect` needs it. Other accesses are libcalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableRef {
    /// Which table.
    pub index: TableIdx,
    /// Where its `VMTable` is: base address at `VMTABLE_BASE`, current length in elements at `VMTABLE_LEN`
    /// (both 64 bits), 8 bytes an element.
    pub location: Location,
    /// The width of an index operand.
    pub width: Width,
    /// Whether length and base never change (minimum equals maximum).
    pub fixed: bool,
    /// Initial length in elements; the length for ever if `fixed`.
    pub min: u64,
}

/// A tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TagRef {
    /// Which tag.
    pub index: TagIdx,
    /// Offset in the vmctx of its identity, see [`VMOffsets::tag`]: constant for the life of the instance.
    pub offset: i32,
}

/// Numbers that determine the layout of a module's vmctx.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VMCounts {
    /// Memories, imported ones included.
    pub memories: u32,
    /// Imported globals.
    pub imported_globals: u32,
    /// All globals.
    pub globals: u32,
    /// Imported tables.
    pub imported_tables: u32,
    /// All tables.
    pub tables: u32,
    /// Imported functions.
    pub imported_functions: u32,
    /// All tags.
    pub tags: u32,
    /// Whether the collected heap is used.
    pub heap: bool,
    /// Whether the code is a first tier: there may be better code later, of another convention, which runs with the same vmctx and finds there
    /// what it would find if it were alone. So what depends on the convention this code has for itself: type ids and imported functions, and its
    /// own words in function references.
    pub first_tier: bool,
}

/// Where a module's vmctx keeps what. In this order behind the fixed part: memories, defined globals, defined tables, pointers
/// to imported globals, pointers to imported tables, imported functions, pointers to tags, what code with objects needs: the heap (base and pointer to its `VMMemory`), the table of displays, zero, the references to functions;
/// and what a first tier has for itself: the pointer to its type ids, the one to what its loops look at, imported functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VMOffsets {
    counts: VMCounts,
    defined_globals: i32,
    defined_tables: i32,
    imported_globals: i32,
    imported_tables: i32,
    imported_functions: i32,
    tags: i32,
    heap: i32,
    first_tier: i32,
    size: i32,
}

impl VMOffsets {
    /// Lays out a vmctx. The module limits that the translation enforces keep every offset far below 2^31.
    pub fn new(counts: VMCounts) -> Self {
        let memories = VMCTX_FIXED_BYTES;
        let defined_globals = memories + counts.memories as i32 * VMCTX_MEMORY_BYTES;
        let defined_tables = defined_globals + (counts.globals - counts.imported_globals) as i32 * VMGLOBAL_BYTES;
        let imported_globals = defined_tables + (counts.tables - counts.imported_tables) as i32 * VMTABLE_BYTES;
        let imported_tables = imported_globals + counts.imported_globals as i32 * 8;
        let imported_functions = (imported_tables + counts.imported_tables as i32 * 8 + 15) & !15;
        let tags = imported_functions + counts.imported_functions as i32 * VMCTX_IMPORT_BYTES;
        let heap = (tags + counts.tags as i32 * 8 + 15) & !15;
        let first_tier = heap + if counts.heap { VMCTX_HEAP_BYTES } else { 0 };
        let own = VMCTX_FIRST_TIER_BYTES + counts.imported_functions as i32 * VMCTX_IMPORT_BYTES;
        let size = first_tier + if counts.first_tier { own } else { 0 };
        Self {
            counts,
            defined_globals,
            defined_tables,
            imported_globals,
            imported_tables,
            imported_functions,
            tags,
            heap,
            first_tier,
            size,
        }
    }

    /// The counts it was made from.
    pub fn counts(&self) -> VMCounts {
        self.counts
    }

    /// Size of the whole vmctx in bytes; its alignment is 16.
    pub fn size(&self) -> u32 {
        self.size as u32
    }

    /// The base address of a memory; the pointer to its `VMMemory` follows in the next word.
    pub fn memory(&self, index: MemoryIdx) -> i32 {
        VMCTX_FIXED_BYTES + index.0 as i32 * VMCTX_MEMORY_BYTES
    }

    /// A global: its value inline if defined here, otherwise behind a pointer.
    pub fn global(&self, index: GlobalIdx) -> Location {
        match index.0.checked_sub(self.counts.imported_globals) {
            Some(defined) => Location::Inline(self.defined_globals + defined as i32 * VMGLOBAL_BYTES),
            None => Location::Indirect(self.imported_globals + index.0 as i32 * 8),
        }
    }

    /// A table: its `VMTable` inline if defined here, otherwise behind a pointer.
    pub fn table(&self, index: TableIdx) -> Location {
        match index.0.checked_sub(self.counts.imported_tables) {
            Some(defined) => Location::Inline(self.defined_tables + defined as i32 * VMTABLE_BYTES),
            None => Location::Indirect(self.imported_tables + index.0 as i32 * 8),
        }
    }

    /// An imported function's wasm entry, for this code; its vmctx follows in the next word.
    pub fn imported_function(&self, index: FuncIdx) -> i32 {
        let own = self.first_tier + VMCTX_FIRST_TIER_BYTES;
        let start = if self.counts.first_tier { own } else { self.imported_functions };
        start + index.0 as i32 * VMCTX_IMPORT_BYTES
    }

    /// The pointer to the array of type ids, for this code.
    pub fn type_ids(&self) -> i32 {
        if self.counts.first_tier { self.first_tier } else { VMCTX_TYPE_IDS }
    }

    /// The pointer to what loops of a first tier look at: the address of what they call to ask for better code, a word, and then a word for each defined
    /// function, which is not zero if its loops are to ask.
    pub fn loops(&self) -> i32 {
        debug_assert!(self.counts.first_tier);
        self.first_tier + 8
    }

    /// The type id of a function reference that this code compares, in the reference.
    pub fn func_ref_type_id(&self) -> i32 {
        if self.counts.first_tier { VMFUNCREF_FIRST_TYPE_ID } else { VMFUNCREF_TYPE_ID }
    }

    /// The entry that this code calls, in a function reference.
    pub fn func_ref_call(&self) -> i32 {
        if self.counts.first_tier { VMFUNCREF_FIRST_CALL } else { VMFUNCREF_WASM_CALL }
    }

    /// The same vmctx as better code sees it.
    pub fn of_better_code(&self) -> Self {
        Self { counts: VMCounts { first_tier: false, ..self.counts }, ..*self }
    }

    /// A tag's identity: a pointer that is equal for equal tags.
    pub fn tag(&self, index: TagIdx) -> i32 {
        self.tags + index.0 as i32 * 8
    }

    /// The heap's base address: constant for the life of the instance. The pointer to its `VMMemory` follows in the next word.
    /// As the following ones, there only if [`VMCounts::heap`] says so.
    pub fn heap(&self) -> i32 {
        debug_assert!(self.counts.heap);
        self.heap
    }

    /// The base address of the process's table of displays: see [`DISPLAY_BYTES`].
    pub fn displays(&self) -> i32 {
        self.heap() + VMCTX_MEMORY_BYTES
    }

    /// Something that code with objects accesses, as accesses need it.
    pub fn region(&self, region: Region) -> MemoryRef {
        let base_offset = match region {
            Region::Memory(index) => self.memory(index),
            Region::Objects | Region::Headers => self.heap(),
            Region::Cursor | Region::Caught => VMCTX_STORE,
            Region::TypeIds => self.type_ids(),
            Region::Displays => self.displays(),
            Region::FuncRefs => self.absolute(),
            Region::References => self.references(),
        };
        let definition_offset = base_offset + VMCTX_MEMORY_DEFINITION;
        MemoryRef { region, base_offset, definition_offset, width: Width::W64, page_size_log2: 0 }
    }

    /// A word that is zero: the base address of everything, for reads of what a reference points to.
    pub fn absolute(&self) -> i32 {
        self.displays() + 8
    }

    /// The address of the list of references to the instance's functions: see [`Region::References`].
    pub fn references(&self) -> i32 {
        self.absolute() + 8
    }
}
