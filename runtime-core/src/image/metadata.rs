//! What an image says of its module, beside the code: accessed in place.
//!
//! Everything in here is checked when an image is mapped, so it is kept small: long lists are in the section of indices.

use rkyv::rancor::{Panic, Strategy};
use rkyv::{Archive, Deserialize, Serialize};

use crate::image::indices::List;
use crate::module::{ConstOp, Export, Import};
use crate::types::*;

/// The value of something archived that is small.
pub fn native<T>(archived: &T::Archived) -> T
where
    T: Archive<Archived: Deserialize<T, Strategy<(), Panic>>>,
{
    let Ok(value) = rkyv::api::deserialize_using::<T, _, Panic>(archived, &mut ());
    value
}

/// Everything but the long lists.
#[derive(Archive, Serialize)]
pub struct Metadata {
    /// Name of the backend.
    pub backend: String,
    /// Its version.
    pub backend_version: String,
    /// The name section's module name.
    pub name: Option<String>,
    /// The type section.
    pub types: Vec<TypeDef>,
    /// Start and end of the recursion groups of several types, in order.
    pub rec_groups: Vec<[u32; 2]>,
    /// Whether its code can have to do with objects.
    pub uses_heap: bool,
    /// By type: offsets of the trampolines in the code, array-to-wasm first; [`crate::image::indices::NONE`] where there is none.
    pub trampolines: Vec<[u32; 2]>,
    /// In the order of the module.
    pub imports: Vec<Import>,
    /// In the order of the module.
    pub exports: Vec<Export>,
    /// By export: the type of a function; [`crate::image::indices::NONE`] for everything else.
    pub export_types: Vec<u32>,
    /// Positions of the exports, by name.
    pub exports_by_name: Vec<u32>,
    /// How many functions are imported.
    pub imported_functions: u32,
    /// How many tables are imported.
    pub imported_tables: u32,
    /// How many memories are imported.
    pub imported_memories: u32,
    /// How many globals are imported.
    pub imported_globals: u32,
    /// All tables, imported ones first.
    pub tables: Vec<TableType>,
    /// All memories, imported ones first.
    pub memories: Vec<MemoryType>,
    /// All globals, imported ones first.
    pub globals: Vec<GlobalType>,
    /// Types of all tags, imported ones first.
    pub tags: Vec<TypeIdx>,
    /// By defined global: its initial value.
    pub global_inits: Vec<Box<[ConstOp]>>,
    /// By defined table.
    pub table_inits: Vec<Option<Box<[ConstOp]>>>,
    /// The start function.
    pub start: Option<FuncIdx>,
    /// Ascending. Segments that are not listed are dropped from the start: the image holds what they do, or they only declare references.
    pub elements: Vec<Elements>,
    /// Ascending, as for elements.
    pub data: Vec<Data>,
    /// By defined memory: what its initial contents are.
    pub memory_images: Vec<Vec<Extent>>,
    /// By defined table: what the folded segments put there; empty if none was. Functions; NONE is null.
    pub table_images: Vec<List>,
    /// Length of the name section's list.
    pub names: u32,
    /// What every module has.
    pub lists: Lists,
}

/// Lists that every module has.
#[derive(Clone, Copy, Archive, Serialize)]
pub struct Lists {
    /// Type of every function.
    pub function_types: List,
    /// Offset in the code of every defined function.
    pub function_starts: List,
    /// Functions that can become references, ascending.
    pub escaping: List,
}

/// An element segment that is needed at run time or still to be applied.
#[derive(Archive, Serialize)]
pub struct Elements {
    /// Its place in the index space.
    pub index: ElemIdx,
    /// The elements.
    pub items: Items,
    /// For an active one: where it goes.
    pub apply: Option<(TableIdx, Box<[ConstOp]>)>,
}

/// The elements of a segment.
#[derive(Archive, Serialize)]
pub enum Items {
    /// Functions; [`crate::image::indices::NONE`] is null.
    Functions(List),
    /// Constant expressions.
    Expressions(Vec<Box<[ConstOp]>>),
}

/// A data segment that is needed at run time or still to be applied.
#[derive(Archive, Serialize)]
pub struct Data {
    /// Its place in the index space.
    pub index: DataIdx,
    /// In the section of data.
    pub offset: u32,
    /// Its length in bytes.
    pub len: u32,
    /// For an active one: where it goes.
    pub apply: Option<(MemoryIdx, Box<[ConstOp]>)>,
}

/// Pages of a memory's initial contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize)]
pub struct Extent {
    /// Where they start in the memory, in pages of the image ([`Header::page_bytes`](crate::image::header::Header::page_bytes)).
    pub guest_page: u64,
    /// Where they start in the section of memories, in pages.
    pub image_page: u32,
    /// How many there are.
    pub pages: u32,
}
