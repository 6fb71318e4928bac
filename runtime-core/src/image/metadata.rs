//! What an image says of its module, beside the code: accessed in place.
//!
//! Everything in here is checked when an image is mapped, so it is kept small: long lists are in the section of indices.

use rkyv::{Archive, Serialize};

use crate::image::indices::List;
use crate::module::{ConstOp, Export, Import};
use crate::types::*;

/// Everything but the long lists.
#[derive(Archive, Serialize)]
pub(super) struct Metadata {
    /// Name and version of the backend.
    pub(super) backend: String,
    pub(super) backend_version: String,
    /// The name section's module name.
    pub(super) name: Option<String>,
    pub(super) types: Vec<FuncType>,
    /// By type: offsets of the trampolines in the code, array-to-wasm first; [`crate::image::indices::NONE`] where there is none.
    pub(super) trampolines: Vec<[u32; 2]>,
    pub(super) imports: Vec<Import>,
    pub(super) exports: Vec<Export>,
    /// Positions of the exports, by name.
    pub(super) exports_by_name: Vec<u32>,
    pub(super) imported_functions: u32,
    pub(super) imported_tables: u32,
    pub(super) imported_memories: u32,
    pub(super) imported_globals: u32,
    pub(super) tables: Vec<TableType>,
    pub(super) memories: Vec<MemoryType>,
    pub(super) globals: Vec<GlobalType>,
    pub(super) tags: Vec<TypeIdx>,
    pub(super) global_inits: Vec<Box<[ConstOp]>>,
    /// By defined table.
    pub(super) table_inits: Vec<Option<Box<[ConstOp]>>>,
    pub(super) start: Option<FuncIdx>,
    /// Ascending. Segments that are not listed are dropped from the start: the image holds what they do, or they only declare references.
    pub(super) elements: Vec<Elements>,
    /// Ascending, as for elements.
    pub(super) data: Vec<Data>,
    /// By defined memory: what its initial contents are.
    pub(super) memory_images: Vec<Vec<Extent>>,
    /// By defined table: what the folded segments put there; empty if none was. Functions; NONE is null.
    pub(super) table_images: Vec<List>,
    /// Length of the name section's list.
    pub(super) names: u32,
    pub(super) lists: Lists,
}

/// Lists that every module has.
#[derive(Clone, Copy, Archive, Serialize)]
pub(super) struct Lists {
    /// Type of every function.
    pub(super) function_types: List,
    /// Offset in the code of every defined function.
    pub(super) function_starts: List,
    /// Functions that can become references, ascending.
    pub(super) escaping: List,
}

/// An element segment that is needed at run time or still to be applied.
#[derive(Archive, Serialize)]
pub(super) struct Elements {
    pub(super) index: ElemIdx,
    pub(super) items: Items,
    /// For an active one: where it goes.
    pub(super) apply: Option<(TableIdx, Box<[ConstOp]>)>,
}

/// The elements of a segment.
#[derive(Archive, Serialize)]
pub(super) enum Items {
    Functions(List),
    Expressions(Vec<Box<[ConstOp]>>),
}

/// A data segment that is needed at run time or still to be applied.
#[derive(Archive, Serialize)]
pub(super) struct Data {
    pub(super) index: DataIdx,
    /// In the section of data.
    pub(super) offset: u32,
    pub(super) len: u32,
    /// For an active one: where it goes.
    pub(super) apply: Option<(MemoryIdx, Box<[ConstOp]>)>,
}

/// Pages of a memory's initial contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize)]
pub(super) struct Extent {
    /// Where they start in the memory, in pages of [`crate::image::header::PAGE_ALIGN`].
    pub(super) guest_page: u64,
    /// Where they start in the section of memories, in pages.
    pub(super) image_page: u32,
    pub(super) pages: u32,
}
