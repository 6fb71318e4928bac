//! Whether the metadata of an image names only what is there.
//!
//! Asked once, when an image is mapped. Who reads the metadata afterwards need not ask again; lists in the section of indices are too long for that, and
//! each of their numbers is checked when it is read.

mod constants;

use rkyv::rancor::{Panic, Strategy};
use rkyv::rend::u32_le;
use rkyv::{Archive, Deserialize};

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
    functions: Numbers<'a>,
    tables: &'a [ArchivedTableType],
    memories: &'a [ArchivedMemoryType],
    globals: &'a [ArchivedGlobalType],
    tags: &'a [ArchivedTypeIdx],
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

    /// The function type at an index.
    fn func_type(&self, index: u32) -> Option<&ArchivedFuncType> {
        match &self.types.get(index as usize)?.composite {
            ArchivedCompositeType::Func(ty) => Some(ty),
            ArchivedCompositeType::Struct(_) | ArchivedCompositeType::Array(_) => None,
        }
    }

    /// Whether the function at an index has this type.
    fn is_function(&self, index: usize, ty: u32_le) -> bool {
        self.is(TypeKind::Func, ty) && self.functions.get(index) == Some(ty.to_native())
    }

    /// Whether a function can be called without anything, and returns nothing.
    fn is_start(&self, index: &ArchivedFuncIdx) -> bool {
        let ty = self.functions.get(index.0.to_native() as usize).and_then(|ty| self.func_type(ty));
        ty.is_some_and(|ty| ty.params.is_empty() && ty.results.is_empty())
    }

    /// Whether a type is one of tags.
    fn tag(&self, index: &ArchivedTypeIdx) -> bool {
        self.func_type(index.0.to_native()).is_some_and(|ty| ty.results.is_empty())
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
        self.reference(&ty.element) && are_ordered(&ty.limits)
    }

    fn memory(&self, ty: &ArchivedMemoryType) -> bool {
        ty.page_size_log2 <= PAGE_SIZE_LOG2_MAX && are_ordered(&ty.limits)
    }

    fn global(&self, ty: &ArchivedGlobalType) -> bool {
        self.val(&ty.content)
    }

    /// Whether an export is there, and `ty` is its type if it is a function.
    fn entity(&self, entity: &ArchivedEntity, ty: u32_le) -> bool {
        match entity {
            ArchivedEntity::Func(index) => self.is_function(index.0.to_native() as usize, ty),
            ArchivedEntity::Table(index) => has(self.tables.len(), &index.0),
            ArchivedEntity::Memory(index) => has(self.memories.len(), &index.0),
            ArchivedEntity::Global(index) => has(self.globals.len(), &index.0),
            ArchivedEntity::Tag(index) => has(self.tags.len(), &index.0),
        }
    }

    /// Whether elements of this type may be the functions of a list: none but null, if they are no functions.
    fn may_hold(&self, list: &ArchivedList, element: Option<RefType>) -> bool {
        let numbers = Numbers::new(self.indices, list);
        let is_null = || (0..numbers.len()).all(|position| numbers.get(position).is_none());
        self.list(list) && element.is_none_or(|ty| ty.heap.is_func() || is_null())
    }

    /// Whether a defined table starts with nulls, the functions of a list, or a value.
    fn table_starts(&self, ty: &ArchivedTableType, init: Option<&[ArchivedConstOp]>, image: &ArchivedList) -> bool {
        let element: RefType = native(&ty.element);
        let starts = match init {
            Some(init) => image.len == 0 && self.leaves(init, ValType::Ref(element), self.globals.len()),
            None => element.nullable,
        };
        starts && self.may_hold(image, Some(element)) && u64::from(image.len.to_native()) <= ty.limits.min.to_native()
    }

    /// Whether an expression leaves an index of this width.
    fn index(&self, ops: &[ArchivedConstOp], width: &ArchivedWidth) -> bool {
        let ty = match width {
            ArchivedWidth::W32 => ValType::I32,
            ArchivedWidth::W64 => ValType::I64,
        };
        self.leaves(ops, ty, self.globals.len())
    }

    fn elements(&self, segment: &ArchivedElements) -> bool {
        let target = match segment.apply.as_ref() {
            Some(to) => match self.tables.get(to.0.0.to_native() as usize) {
                Some(table) if self.index(&to.1, &table.index) => Some(native::<RefType>(&table.element)),
                _ => return false,
            },
            None => None,
        };
        match &segment.items {
            ArchivedItems::Functions(list) => self.may_hold(list, target),
            ArchivedItems::Expressions(items) => self.are_elements(items, target),
        }
    }

    fn data(&self, segment: &ArchivedData) -> bool {
        let end = u64::from(segment.offset.to_native()) + u64::from(segment.len.to_native());
        let applies = segment.apply.as_ref().is_none_or(|to| {
            let memory = self.memories.get(to.0.0.to_native() as usize);
            memory.is_some_and(|memory| self.index(&to.1, &memory.index))
        });
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

/// Whether there can be so many and not more.
fn are_ordered(limits: &ArchivedLimits) -> bool {
    limits.max.as_ref().is_none_or(|max| limits.min <= *max)
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
            functions: Numbers::new(indices, &self.lists.function_types),
            tables: &self.tables,
            memories: &self.memories,
            globals: &self.globals,
            tags: &self.tags,
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
            && self.imported_functions.to_native() as usize + starts == known.functions.len()
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
        self.imports_fit(known)
            && self.trampolines.as_flattened().iter().all(is_code)
            && self.exports.iter().zip(self.export_types.iter()).all(|(export, ty)| known.entity(&export.entity, *ty))
            && self.tables.iter().all(|ty| known.table(ty))
            && self.memories.iter().all(|ty| known.memory(ty))
            && self.globals.iter().all(|ty| known.global(ty))
            && self.tags.iter().all(|ty| known.tag(ty))
    }

    /// Whether the imports are what the index spaces start with.
    fn imports_fit(&self, known: &Known<'_>) -> bool {
        let (mut functions, mut tables, mut memories, mut globals, mut tags) = (0, 0, 0, 0, 0);
        fn next(rank: &mut u32) -> usize {
            *rank += 1;
            *rank as usize - 1
        }
        let fits = self.imports.iter().all(|import| match &import.ty {
            ArchivedImportType::Func(ty) => known.is_function(next(&mut functions), ty.0),
            ArchivedImportType::Tag(ty) => known.tags.get(next(&mut tags)).is_some_and(|tag| tag.0 == ty.0),
            ArchivedImportType::Table(ty) => is_same::<TableType>(ty, known.tables.get(next(&mut tables))),
            ArchivedImportType::Memory(ty) => is_same::<MemoryType>(ty, known.memories.get(next(&mut memories))),
            ArchivedImportType::Global(ty) => is_same::<GlobalType>(ty, known.globals.get(next(&mut globals))),
        });
        let imported = [self.imported_functions, self.imported_tables, self.imported_memories, self.imported_globals];
        fits && [functions, tables, memories, globals] == imported
    }

    fn contents_fit(&self, known: &Known<'_>) -> bool {
        let own_globals = known.globals.iter().enumerate().skip(self.imported_globals.to_native() as usize);
        let own_tables = known.tables.iter().skip(self.imported_tables.to_native() as usize);
        let table_inits = self.table_inits.iter().map(|init| init.as_ref().map(|init| &**init));
        self.start.as_ref().is_none_or(|index| known.is_start(index))
            && own_globals
                .zip(self.global_inits.iter())
                .all(|((index, ty), init)| known.leaves(init, native(&ty.content), index))
            && own_tables
                .zip(table_inits.zip(self.table_images.iter()))
                .all(|(ty, (init, image))| known.table_starts(ty, init, image))
            && self.elements.iter().all(|segment| known.elements(segment))
            && self.data.iter().all(|segment| known.data(segment))
    }
}

/// Whether an import has the type that stands in its index space.
fn is_same<T>(import: &T::Archived, own: Option<&T::Archived>) -> bool
where
    T: Archive<Archived: Deserialize<T, Strategy<(), Panic>>> + PartialEq,
{
    own.is_some_and(|own| native::<T>(own) == native(import))
}
