//! What Cranelift is told about aliases.

use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::translate::codegen;
use wasmer_runtime_core::types::{GlobalIdx, MemoryIdx, TableIdx};

/// Disjoint parts of memory, for Cranelift's alias analysis. Imported entities of a kind share one region, because two imports can
/// be the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// Fields of contexts and function references that never change.
    Constant,
    /// The contents of a memory.
    Memory(MemoryIdx),
    /// The current length of a memory.
    MemoryLength(MemoryIdx),
    /// A global.
    Global(GlobalIdx),
    /// Base and length of a table.
    Table(TableIdx),
    /// The elements of a table.
    TableElements(TableIdx),
    /// The store's fuel.
    Fuel,
    /// Locals that are in the frame.
    Locals,
    /// The exception on its way, and its values.
    Caught,
    /// Fields and elements of objects in the heap.
    Objects,
    /// Type ids of objects, and lengths of arrays.
    Headers,
    /// Where code allocates.
    Cursor,
    /// The process's table of displays.
    Displays,
    /// Type ids of functions.
    FuncRefs,
    /// The addresses of references to functions.
    References,
}

impl From<codegen::Region> for Region {
    fn from(region: codegen::Region) -> Self {
        match region {
            codegen::Region::Memory(index) => Self::Memory(index),
            codegen::Region::Objects => Self::Objects,
            codegen::Region::Headers => Self::Headers,
            codegen::Region::Cursor => Self::Cursor,
            codegen::Region::TypeIds => Self::Constant,
            codegen::Region::Displays => Self::Displays,
            codegen::Region::FuncRefs => Self::FuncRefs,
            codegen::Region::References => Self::References,
            codegen::Region::Caught => Self::Caught,
        }
    }
}

/// Regions of one kind. Beyond, entities share regions, which is merely less precise: at each store Cranelift looks at all regions of the function, so
/// with a region for each of a thousand globals their accesses took four times as long to compile.
const REGIONS_PER_KIND: u32 = 16;

impl Region {
    /// The number that identifies it within a function.
    pub(crate) fn number(self, module: &ModuleInfo) -> u32 {
        let (kind, index, imported) = match self {
            Self::Constant => return 0,
            Self::Fuel => return 6 << 16,
            Self::Locals => return 7 << 16,
            Self::Caught => return 8 << 16,
            Self::Objects => return 9 << 16,
            Self::Headers => return 10 << 16,
            Self::Cursor => return 11 << 16,
            Self::Displays => return 12 << 16,
            Self::FuncRefs => return 13 << 16,
            Self::References => return 14 << 16,
            Self::Memory(index) => (1, index.0, module.imported_memories),
            Self::MemoryLength(index) => (2, index.0, module.imported_memories),
            Self::Global(index) => (3, index.0, module.imported_globals),
            Self::Table(index) => (4, index.0, module.imported_tables),
            Self::TableElements(index) => (5, index.0, module.imported_tables),
        };
        let place = match index.checked_sub(imported) {
            None => 0,
            Some(defined) => 1 + defined % REGIONS_PER_KIND,
        };
        kind << 16 | place
    }

    /// For printed IR.
    pub(crate) const fn description(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Memory(_) => "memory",
            Self::MemoryLength(_) => "memory length",
            Self::Global(_) => "global",
            Self::Table(_) => "table",
            Self::TableElements(_) => "table elements",
            Self::Fuel => "fuel",
            Self::Locals => "locals",
            Self::Caught => "exception",
            Self::Objects => "objects",
            Self::Headers => "object headers",
            Self::Cursor => "heap cursor",
            Self::Displays => "displays",
            Self::FuncRefs => "function references",
            Self::References => "addresses of function references",
        }
    }
}
