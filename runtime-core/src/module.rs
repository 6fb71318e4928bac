//! What is known of a module when its functions are compiled: everything but the code.

use std::ops::Range;

use crate::layout::{
    GlobalRef, MemoryRef, REFERENCE_BYTES, Region, TableRef, TagRef, VMCTX_MEMORY_DEFINITION, VMCounts, VMOffsets,
};
use crate::libcall::HostCall;
use crate::object::{ArrayLayout, ObjectLayout, StructLayout};
use crate::types::*;

pub(crate) use likely::functions as likely_functions;
pub use likely::{LikelyCallee, ShortCallee};

mod likely;

/// A translated module, without the code. Index spaces have imports first, as in the specification.
#[derive(Clone, Debug, Default)]
pub struct ModuleInfo {
    /// The type section; [`HeapType::Concrete`] in here are positions of this vector.
    pub types: Vec<TypeDef>,
    /// Recursion groups of several types, in order, nearly always none: types of different groups are different types. Every other type is a group.
    pub rec_groups: Vec<Range<TypeIdx>>,
    /// Whether its code can have to do with objects of the collected heap, so that its vmctx has what belongs to that.
    pub uses_heap: bool,
    /// Imports, in order.
    pub imports: Vec<Import>,
    /// Exports, in order; names are unique.
    pub exports: Vec<Export>,
    /// The type of every function.
    pub functions: Vec<TypeIdx>,
    /// How many of them are imported.
    pub imported_functions: u32,
    /// Every table.
    pub tables: Vec<TableType>,
    /// How many of them are imported.
    pub imported_tables: u32,
    /// Initial value of the elements of each defined table, if not null.
    pub table_inits: Vec<Option<ConstExpr>>,
    /// Every memory.
    pub memories: Vec<MemoryType>,
    /// How many of them are imported.
    pub imported_memories: u32,
    /// Every global.
    pub globals: Vec<GlobalType>,
    /// How many of them are imported.
    pub imported_globals: u32,
    /// Initial value of each defined global.
    pub global_inits: Vec<ConstExpr>,
    /// Types of the tags.
    pub tags: Vec<TypeIdx>,
    /// How many of them are imported.
    pub imported_tags: u32,
    /// The start function.
    pub start: Option<FuncIdx>,
    /// Element segments.
    pub elements: Vec<ElementSegment>,
    /// Data segments.
    pub data: Vec<DataSegment>,
    /// Functions that can become references (`ref.func`, element segments, exports, globals), and the start function,
    /// which the host calls: sorted, unique.
    pub escaping: Vec<FuncIdx>,
    /// The name section's module name.
    pub name: Option<String>,
    /// The name section's function names, sorted by index.
    pub function_names: Vec<(FuncIdx, String)>,
    /// Whether its code uses up fuel: a setting, not something that the module says.
    pub metered: bool,
    /// Whether its artifact tells the operator of all code, not just of what traps and calls: a setting, too.
    pub every_place: bool,
    /// Whether its code may be replaced by better code while it runs, see [`VMCounts::first_tier`]: a setting, too.
    pub first_tier: bool,
    /// Where the bodies are in the module's bytes, by defined function.
    pub bodies: Vec<Range<usize>>,
    /// Those of functions that calls by reference are likely to go to, if they are short and plain, by function.
    pub short_callees: Vec<ShortCallee>,
    /// Offset of the code section's content (the number of bodies), from which code addresses in DWARF count.
    pub code_section_offset: usize,
    /// Custom sections that tools may want later, by name and range: `.debug_*`, `producers`, `target_features`.
    pub custom_sections: Vec<(String, Range<usize>)>,
    /// What [`ModuleInfo::resolve`] derived from the fields above.
    pub resolved: Resolved,
}

/// What code generation needs of a module again and again, computed once: see [`ModuleInfo::resolve`].
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The layout of the vmctx.
    pub offsets: VMOffsets,
    /// The representation of every function type; empty for others.
    pub signatures: Vec<Signature>,
    /// The layout of every type's objects.
    pub objects: Vec<ObjectLayout>,
    /// Every memory.
    pub memories: Vec<MemoryRef>,
    /// Every global.
    pub globals: Vec<GlobalRef>,
    /// Every table.
    pub tables: Vec<TableRef>,
    /// Where calls by references of a type are likely to go, by type; empty in modules without objects.
    pub likely: Vec<Vec<LikelyCallee>>,
}

impl Default for Resolved {
    fn default() -> Self {
        Self {
            offsets: VMOffsets::new(VMCounts::default()),
            signatures: Vec::new(),
            objects: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            tables: Vec::new(),
            likely: Vec::new(),
        }
    }
}

/// An import.
#[derive(Clone, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Import {
    /// Module name.
    pub module: String,
    /// Field name.
    pub name: String,
    /// What is imported; its place in the index space is its rank among imports of the same kind.
    pub ty: ImportType,
}

/// What is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum ImportType {
    /// A function of this type.
    Func(TypeIdx),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag.
    Tag(TypeIdx),
}

/// An export.
#[derive(Clone, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// What is exported.
    pub entity: Entity,
}

/// A member of an index space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum Entity {
    /// A function.
    Func(FuncIdx),
    /// A table.
    Table(TableIdx),
    /// A memory.
    Memory(MemoryIdx),
    /// A global.
    Global(GlobalIdx),
    /// A tag.
    Tag(TagIdx),
}

/// A constant expression (specification, section 3.4.13), validated: a little stack program.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct ConstExpr(pub Box<[ConstOp]>);

/// An operator of a constant expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum ConstOp {
    /// Push a constant.
    Const(Const),
    /// Push a global's value.
    GlobalGet(GlobalIdx),
    /// Push a function reference.
    RefFunc(FuncIdx),
    /// Extended constants: pop two, push the result. Only `Add`, `Sub` and `Mul` occur.
    Add(Width),
    /// See [`ConstOp::Add`].
    Sub(Width),
    /// See [`ConstOp::Add`].
    Mul(Width),
    /// Pop a value for each field, push a struct.
    StructNew(TypeIdx),
    /// Push a struct of zeros and nulls.
    StructNewDefault(TypeIdx),
    /// Pop a value and a length, push an array of so many of the value.
    ArrayNew(TypeIdx),
    /// Pop a length, push an array of zeros or nulls.
    ArrayNewDefault(TypeIdx),
    /// Pop so many values, push an array of them.
    ArrayNewFixed(TypeIdx, u32),
    /// Pop an integer, push the reference to its 31 low bits.
    RefI31,
    /// Pop a host reference, push it as an internal one.
    AnyConvertExtern,
    /// Pop an internal reference, push it as one of the host.
    ExternConvertAny,
}

impl ConstOp {
    /// Whether it has to do with internal references.
    pub const fn is_gc(&self) -> bool {
        match self {
            Self::Const(_) | Self::GlobalGet(_) | Self::RefFunc(_) => false,
            Self::Add(_) | Self::Sub(_) | Self::Mul(_) => false,
            Self::RefI31 | Self::AnyConvertExtern | Self::ExternConvertAny => true,
            Self::StructNew(_) | Self::StructNewDefault(_) => true,
            Self::ArrayNew(_) | Self::ArrayNewDefault(_) | Self::ArrayNewFixed(..) => true,
        }
    }
}

/// An element segment.
#[derive(Clone, Debug)]
pub struct ElementSegment {
    /// When it is used.
    pub mode: ElementMode,
    /// The type of its elements.
    pub ty: RefType,
    /// Its elements.
    pub items: ElementItems,
}

/// When an element segment is used.
#[derive(Clone, Debug)]
pub enum ElementMode {
    /// By `table.init`.
    Passive,
    /// At instantiation.
    Active {
        /// The table.
        table: TableIdx,
        /// Where in it.
        offset: ConstExpr,
    },
    /// Never: it only declares references.
    Declared,
}

/// The elements of a segment.
#[derive(Clone, Debug)]
pub enum ElementItems {
    /// Functions by index: the usual case.
    Functions(Vec<FuncIdx>),
    /// Constant expressions.
    Expressions(Vec<ConstExpr>),
}

/// A data segment.
#[derive(Clone, Debug)]
pub struct DataSegment {
    /// The memory and the offset of an active segment; none for a passive one.
    pub active: Option<(MemoryIdx, ConstExpr)>,
    /// Its bytes, in the module's bytes.
    pub range: Range<usize>,
}

impl ModuleInfo {
    /// Bytes of all bodies.
    pub fn code_bytes(&self) -> usize {
        self.bodies.iter().map(Range::len).sum()
    }

    /// Fills [`ModuleInfo::resolved`]. The module translation does it; whoever puts a module together by other means has
    /// to call it before functions are translated.
    pub fn resolve(&mut self) {
        let offsets = self.offsets();
        self.resolved = Resolved {
            offsets,
            signatures: self.types.iter().map(|ty| ty.func().map(FuncType::signature).unwrap_or_default()).collect(),
            objects: self.types.iter().map(|ty| ObjectLayout::of(&ty.composite)).collect(),
            memories: (0..self.memories.len()).map(|i| self.memory_ref(&offsets, MemoryIdx::from_index(i))).collect(),
            globals: (0..self.globals.len()).map(|i| self.global_ref(&offsets, GlobalIdx::from_index(i))).collect(),
            tables: (0..self.tables.len()).map(|i| self.table_ref(&offsets, TableIdx::from_index(i))).collect(),
            likely: if self.uses_heap { likely::callees(self) } else { Vec::new() },
        };
    }

    /// The number of defined functions.
    pub fn defined_functions(&self) -> usize {
        self.functions.len() - self.imported_functions as usize
    }

    /// The place of a defined function in the index space.
    pub fn func_index(&self, defined: DefinedFuncIdx) -> FuncIdx {
        FuncIdx(self.imported_functions + defined.0)
    }

    /// A line of comment with a function's index and name, for listings.
    pub fn heading(&self, index: FuncIdx) -> String {
        let name = self.function_name(index).unwrap_or_default().replace(char::is_control, "?");
        format!("; function {} {name}", index.0).trim_end().to_owned() + "\n"
    }

    /// A function's index and name, for messages.
    pub fn describe(&self, index: FuncIdx) -> String {
        match self.function_name(index) {
            Some(name) => format!("function {} (`{}`)", index.0, name.replace(char::is_control, "?")),
            None => format!("function {}", index.0),
        }
    }

    /// The defined function at a place of the index space, or none for an import.
    pub fn defined_func(&self, index: FuncIdx) -> Option<DefinedFuncIdx> {
        index.0.checked_sub(self.imported_functions).map(DefinedFuncIdx)
    }

    /// The function type at a type index that a function or tag has.
    pub fn func_type(&self, index: TypeIdx) -> &FuncType {
        self.types[index.index()].func().expect("the validator lets functions and tags have function types only")
    }

    /// Where [`Region::References`] has the reference to a function that code can find there: one of the module's own, in a module with objects.
    pub fn reference_offset(&self, index: FuncIdx) -> Option<u32> {
        let is_there = self.uses_heap && self.defined_func(index).is_some();
        let position = is_there.then(|| self.escaping.binary_search(&index).ok()).flatten()?;
        Some(position as u32 * REFERENCE_BYTES)
    }

    /// Whether code of a module with objects seldom makes a libcall: there is room for a new object, there is the reference to a function, and that is one
    /// of this convention.
    pub fn is_rare(&self, call: HostCall) -> bool {
        match call {
            HostCall::HeapAlloc { .. } => true,
            HostCall::CallRefSlow { .. } => self.uses_heap,
            HostCall::RefFunc { function } => self.reference_offset(function).is_some(),
            _ => false,
        }
    }

    /// The functions that a call by a reference of a type compares the reference with, if it moves few values, so that code stays in proportion.
    pub fn likely_callees(&self, ty: TypeIdx) -> &[LikelyCallee] {
        let Signature { params, results } = &self.resolved.signatures[ty.index()];
        let are_few = params.len() + results.len() <= likely::VALUES_MAX;
        self.resolved.likely.get(ty.index()).filter(|_| are_few).map_or(&[], Vec::as_slice)
    }

    /// What is translated in the place of a likely call of a function, if anything is.
    pub fn short_callee(&self, function: DefinedFuncIdx) -> Option<&ShortCallee> {
        let function = self.func_index(function);
        let at = self.short_callees.binary_search_by_key(&function, |callee| callee.function).ok()?;
        Some(&self.short_callees[at])
    }

    /// The layout of the structs of a type.
    pub fn struct_layout(&self, index: TypeIdx) -> Option<&StructLayout> {
        match &self.resolved.objects[index.index()] {
            ObjectLayout::Struct(layout) => Some(layout),
            ObjectLayout::Func | ObjectLayout::Array(_) => None,
        }
    }

    /// The layout of the arrays of a type.
    pub fn array_layout(&self, index: TypeIdx) -> Option<ArrayLayout> {
        match &self.resolved.objects[index.index()] {
            ObjectLayout::Array(layout) => Some(*layout),
            ObjectLayout::Func | ObjectLayout::Struct(_) => None,
        }
    }

    /// The name of a function: from the name section, or none.
    pub fn function_name(&self, index: FuncIdx) -> Option<&str> {
        let position = self.function_names.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        Some(&self.function_names[position].1)
    }

    /// The counts that determine the vmctx.
    pub fn counts(&self) -> VMCounts {
        VMCounts {
            memories: self.memories.len() as u32,
            imported_globals: self.imported_globals,
            globals: self.globals.len() as u32,
            imported_tables: self.imported_tables,
            tables: self.tables.len() as u32,
            imported_functions: self.imported_functions,
            tags: self.tags.len() as u32,
            heap: self.uses_heap,
            first_tier: self.first_tier,
        }
    }

    /// The layout of the vmctx.
    pub fn offsets(&self) -> VMOffsets {
        VMOffsets::new(self.counts())
    }

    /// A memory as code generators see it.
    pub fn memory_ref(&self, offsets: &VMOffsets, index: MemoryIdx) -> MemoryRef {
        let ty = &self.memories[index.index()];
        let base_offset = offsets.memory(index);
        MemoryRef {
            region: Region::Memory(index),
            base_offset,
            definition_offset: base_offset + VMCTX_MEMORY_DEFINITION,
            width: ty.index,
            page_size_log2: ty.page_size_log2,
        }
    }

    /// A global as code generators see it.
    pub fn global_ref(&self, offsets: &VMOffsets, index: GlobalIdx) -> GlobalRef {
        let ty = &self.globals[index.index()];
        GlobalRef { index, location: offsets.global(index), ty: ty.content.ty(), mutable: ty.mutable }
    }

    /// A tag as code generators see it.
    pub fn tag_ref(&self, index: TagIdx) -> TagRef {
        TagRef { index, offset: self.resolved.offsets.tag(index) }
    }

    /// A table as code generators see it.
    pub fn table_ref(&self, offsets: &VMOffsets, index: TableIdx) -> TableRef {
        let ty = &self.tables[index.index()];
        let fixed = ty.limits.max == Some(ty.limits.min);
        TableRef { index, location: offsets.table(index), width: ty.index, fixed, min: ty.limits.min }
    }
}
