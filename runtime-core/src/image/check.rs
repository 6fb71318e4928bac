//! Whether the metadata of an image names only what is there.
//!
//! Asked once, when an image is mapped. Who reads the metadata afterwards need not ask again; lists in the section of indices are too long for that, and
//! each of their numbers is checked when it is read.

use rkyv::rend::u32_le;

use crate::image::header::{Header, Section};
use crate::image::indices::{ArchivedList, NONE, Numbers};
use crate::image::metadata::*;
use crate::module::*;
use crate::object::STRUCT_FIELDS_MAX;
use crate::types::*;

/// The largest page size of a memory, as a power of two.
const PAGE_SIZE_LOG2_MAX: u8 = 16;

/// How much there is of everything that metadata can name.
struct Known<'a> {
    indices: &'a [u8],
    code_bytes: u64,
    data_bytes: u64,
    uses_heap: bool,
    types: &'a [ArchivedTypeDef],
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

    /// Whether the type at an index is of a kind.
    fn is(&self, kind: TypeKind, index: u32_le) -> bool {
        self.types.get(index.to_native() as usize).is_some_and(|ty| ty.kind() == kind)
    }

    /// A type of functions or a tag.
    fn func_type(&self, index: &ArchivedTypeIdx) -> bool {
        self.is(TypeKind::Func, index.0)
    }

    fn reference(&self, ty: &ArchivedRefType) -> bool {
        match &ty.heap {
            ArchivedHeapType::Concrete(kind, index) => self.is(kind.to_native(), *index),
            _ => true,
        }
    }

    fn val(&self, ty: &ArchivedValType) -> bool {
        match ty {
            ArchivedValType::Ref(reference) => self.reference(reference),
            _ => true,
        }
    }

    fn field(&self, ty: &ArchivedFieldType) -> bool {
        match &ty.storage {
            ArchivedStorageType::Val(ty) => self.val(ty),
            ArchivedStorageType::I8 | ArchivedStorageType::I16 => true,
        }
    }

    /// The type at a position, of a group that ends at `group_end`: it refers only to that group and types before it, and its supertype stands before
    /// it and has the same kind.
    fn type_def(&self, position: usize, group_end: usize) -> bool {
        let ty = &self.types[position];
        let supertype = ty
            .supertype
            .as_ref()
            .is_none_or(|index| (index.to_native() as usize) < position && self.is(ty.kind(), *index));
        supertype && Known { types: &self.types[..group_end], ..*self }.composite(&ty.composite)
    }

    fn composite(&self, ty: &ArchivedCompositeType) -> bool {
        match ty {
            ArchivedCompositeType::Func(ty) => ty.params.iter().chain(ty.results.iter()).all(|ty| self.val(ty)),
            ArchivedCompositeType::Struct(ty) => {
                ty.fields.len() <= STRUCT_FIELDS_MAX as usize && ty.fields.iter().all(|field| self.field(field))
            }
            ArchivedCompositeType::Array(ty) => self.field(&ty.element),
        }
    }

    fn table(&self, ty: &ArchivedTableType) -> bool {
        self.reference(&ty.element)
    }

    fn memory(&self, ty: &ArchivedMemoryType) -> bool {
        ty.page_size_log2 <= PAGE_SIZE_LOG2_MAX
    }

    fn global(&self, ty: &ArchivedGlobalType) -> bool {
        self.val(&ty.content)
    }

    fn import(&self, ty: &ArchivedImportType) -> bool {
        match ty {
            ArchivedImportType::Func(ty) | ArchivedImportType::Tag(ty) => self.func_type(ty),
            ArchivedImportType::Table(ty) => self.table(ty),
            ArchivedImportType::Memory(ty) => self.memory(ty),
            ArchivedImportType::Global(ty) => self.global(ty),
        }
    }

    fn entity(&self, entity: &ArchivedEntity, ty: u32_le) -> bool {
        match entity {
            ArchivedEntity::Func(index) => has(self.functions, &index.0) && self.is(TypeKind::Func, ty),
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
            ArchivedConstOp::RefI31 | ArchivedConstOp::AnyConvertExtern | ArchivedConstOp::ExternConvertAny => {
                self.uses_heap
            }
            ArchivedConstOp::StructNew(ty) | ArchivedConstOp::StructNewDefault(ty) => {
                self.uses_heap && self.is(TypeKind::Struct, ty.0)
            }
            ArchivedConstOp::ArrayNew(ty)
            | ArchivedConstOp::ArrayNewDefault(ty)
            | ArchivedConstOp::ArrayNewFixed(ty, _) => self.uses_heap && self.is(TypeKind::Array, ty.0),
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

impl ArchivedTypeDef {
    /// What it is.
    pub fn kind(&self) -> TypeKind {
        match &self.composite {
            ArchivedCompositeType::Func(_) => TypeKind::Func,
            ArchivedCompositeType::Struct(_) => TypeKind::Struct,
            ArchivedCompositeType::Array(_) => TypeKind::Array,
        }
    }
}

impl ArchivedTypeKind {
    fn to_native(&self) -> TypeKind {
        match self {
            Self::Func => TypeKind::Func,
            Self::Struct => TypeKind::Struct,
            Self::Array => TypeKind::Array,
        }
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
            types: &self.types,
            uses_heap: self.uses_heap,
            functions: Numbers::new(indices, &self.lists.function_types).len(),
            tables: self.tables.len(),
            memories: self.memories.len(),
            globals: self.globals.len(),
            tags: self.tags.len(),
        };
        self.counts_fit(&known) && self.types_fit(&known) && self.index_spaces_fit(&known) && self.contents_fit(&known)
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

    fn types_fit(&self, known: &Known<'_>) -> bool {
        let mut ends =
            self.rec_groups.iter().map(|[start, end]| [start, end].map(|at| at.to_native() as usize)).peekable();
        let mut position = 0;
        while position < known.types.len() {
            let group = ends.next_if(|[start, _]| *start == position);
            let end = group.map_or(position + 1, |[_, end]| end);
            if end <= position || end > known.types.len() || !(position..end).all(|at| known.type_def(at, end)) {
                return false;
            }
            position = end;
        }
        ends.next().is_none()
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
            && self.tags.iter().all(|ty| known.func_type(ty))
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
