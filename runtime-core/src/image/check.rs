//! Whether the metadata of an image names only what is there.
//!
//! Asked once, when an image is mapped. Who reads the metadata afterwards need not ask again; lists in the section of indices are too long for that, and
//! each of their numbers is checked when it is read.

use rkyv::rend::u32_le;

use crate::image::header::{Header, Section};
use crate::image::indices::{ArchivedList, NONE, Numbers};
use crate::image::metadata::*;
use crate::module::*;
use crate::types::*;

/// The largest page size of a memory, as a power of two.
const PAGE_SIZE_LOG2_MAX: u8 = 16;

/// How much there is of everything that metadata can name.
struct Known<'a> {
    indices: &'a [u8],
    code_bytes: u64,
    data_bytes: u64,
    types: usize,
    functions: usize,
    tables: usize,
    memories: usize,
    globals: usize,
    tags: usize,
}

impl Known<'_> {
    fn list(&self, list: &ArchivedList) -> bool {
        let end = u64::from(list.start.to_native()) + u64::from(list.len.to_native());
        end * 4 <= self.indices.len() as u64
    }

    fn ty(&self, index: &ArchivedTypeIdx) -> bool {
        has(self.types, &index.0)
    }

    fn reference(&self, ty: &ArchivedRefType) -> bool {
        match &ty.heap {
            ArchivedHeapType::Concrete(_, index) => has(self.types, index),
            _ => true,
        }
    }

    fn table(&self, ty: &ArchivedTableType) -> bool {
        self.reference(&ty.element)
    }

    fn memory(&self, ty: &ArchivedMemoryType) -> bool {
        ty.page_size_log2 <= PAGE_SIZE_LOG2_MAX
    }

    fn global(&self, ty: &ArchivedGlobalType) -> bool {
        match &ty.content {
            ArchivedValType::Ref(reference) => self.reference(reference),
            _ => true,
        }
    }

    fn import(&self, ty: &ArchivedImportType) -> bool {
        match ty {
            ArchivedImportType::Func(ty) | ArchivedImportType::Tag(ty) => self.ty(ty),
            ArchivedImportType::Table(ty) => self.table(ty),
            ArchivedImportType::Memory(ty) => self.memory(ty),
            ArchivedImportType::Global(ty) => self.global(ty),
        }
    }

    fn entity(&self, entity: &ArchivedEntity, ty: u32_le) -> bool {
        match entity {
            ArchivedEntity::Func(index) => has(self.functions, &index.0) && has(self.types, &ty),
            ArchivedEntity::Table(index) => has(self.tables, &index.0),
            ArchivedEntity::Memory(index) => has(self.memories, &index.0),
            ArchivedEntity::Global(index) => has(self.globals, &index.0),
            ArchivedEntity::Tag(index) => has(self.tags, &index.0),
        }
    }

    fn ops(&self, ops: &[ArchivedConstOp]) -> bool {
        ops.iter().all(|op| match op {
            ArchivedConstOp::GlobalGet(index) => has(self.globals, &index.0),
            ArchivedConstOp::RefFunc(index) => has(self.functions, &index.0),
            ArchivedConstOp::Const(_) | ArchivedConstOp::Add(_) | ArchivedConstOp::Sub(_) | ArchivedConstOp::Mul(_) => {
                true
            }
        })
    }

    fn items(&self, items: &ArchivedItems) -> bool {
        match items {
            ArchivedItems::Functions(list) => self.list(list),
            ArchivedItems::Expressions(items) => items.iter().all(|ops| self.ops(ops)),
        }
    }

    fn elements(&self, segment: &ArchivedElements) -> bool {
        let applies = segment.apply.as_ref().is_none_or(|to| has(self.tables, &to.0.0) && self.ops(&to.1));
        applies && self.items(&segment.items)
    }

    fn data(&self, segment: &ArchivedData) -> bool {
        let end = u64::from(segment.offset.to_native()) + u64::from(segment.len.to_native());
        let applies = segment.apply.as_ref().is_none_or(|to| has(self.memories, &to.0.0) && self.ops(&to.1));
        applies && end <= self.data_bytes
    }
}

fn has(count: usize, index: &u32_le) -> bool {
    (index.to_native() as usize) < count
}

impl ArchivedMetadata {
    /// Whether all that it names is in the image, and its lists are as long as each other where they have to be. `indices` is the section of that
    /// name.
    pub(super) fn is_consistent(&self, header: &Header, indices: &[u8]) -> bool {
        let known = Known {
            indices,
            code_bytes: header.section(Section::Code).len,
            data_bytes: header.section(Section::Data).len,
            types: self.types.len(),
            functions: Numbers::new(indices, &self.lists.function_types).len(),
            tables: self.tables.len(),
            memories: self.memories.len(),
            globals: self.globals.len(),
            tags: self.tags.len(),
        };
        self.counts_fit(&known) && self.index_spaces_fit(&known) && self.contents_fit(&known)
    }

    fn counts_fit(&self, known: &Known<'_>) -> bool {
        let starts = Numbers::new(known.indices, &self.lists.function_starts).len();
        self.trampolines.len() == self.types.len()
            && self.imported_tables.to_native() as usize + self.table_images.len() == self.tables.len()
            && self.table_inits.len() == self.table_images.len()
            && self.imported_memories.to_native() as usize + self.memory_images.len() == self.memories.len()
            && self.imported_globals.to_native() as usize + self.global_inits.len() == self.globals.len()
            && self.imported_functions.to_native() as usize + starts == known.functions
            && self.export_types.len() == self.exports.len()
            && self.exports_by_name.len() == self.exports.len()
            && self.exports_by_name.iter().all(|position| has(self.exports.len(), position))
    }

    fn index_spaces_fit(&self, known: &Known<'_>) -> bool {
        let is_code = |offset: &u32_le| *offset == NONE || u64::from(offset.to_native()) < known.code_bytes;
        let (mut functions, mut tables, mut memories, mut globals, mut tags) = (0, 0, 0, 0, 0);
        for import in self.imports.iter() {
            let rank = match &import.ty {
                ArchivedImportType::Func(_) => &mut functions,
                ArchivedImportType::Table(_) => &mut tables,
                ArchivedImportType::Memory(_) => &mut memories,
                ArchivedImportType::Global(_) => &mut globals,
                ArchivedImportType::Tag(_) => &mut tags,
            };
            *rank += 1;
        }
        [functions, tables, memories, globals]
            == [self.imported_functions, self.imported_tables, self.imported_memories, self.imported_globals]
            && tags as usize <= self.tags.len()
            && self.trampolines.as_flattened().iter().all(is_code)
            && self.imports.iter().all(|import| known.import(&import.ty))
            && self.exports.iter().zip(self.export_types.iter()).all(|(export, ty)| known.entity(&export.entity, *ty))
            && self.tables.iter().all(|ty| known.table(ty))
            && self.memories.iter().all(|ty| known.memory(ty))
            && self.globals.iter().all(|ty| known.global(ty))
            && self.tags.iter().all(|ty| known.ty(ty))
    }

    fn contents_fit(&self, known: &Known<'_>) -> bool {
        self.start.as_ref().is_none_or(|index| has(known.functions, &index.0))
            && self.global_inits.iter().all(|ops| known.ops(ops))
            && self.table_inits.iter().all(|ops| ops.as_ref().is_none_or(|ops| known.ops(ops)))
            && self.table_images.iter().all(|list| known.list(list))
            && self.elements.iter().all(|segment| known.elements(segment))
            && self.data.iter().all(|segment| known.data(segment))
    }
}
