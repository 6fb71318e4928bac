//! What is in a module, without compiling it.

use std::collections::BTreeSet;
use std::ops::Range;

use wasmparser::{BinaryReader, Parser, Payload, ProducersSectionReader, WasmFeatures};

use wasmer_runtime_core::compiler::CompileError;
use wasmer_runtime_core::module::{Entity, ImportType, ModuleInfo};
use wasmer_runtime_core::translate::module::translate_module;
use wasmer_runtime_core::types::*;

use crate::error::Result;
use crate::module::{ExportInfo, ImportInfo};
use crate::stack_pointer::StackPointer;

/// What is in a module, without compiling it.
#[derive(Clone, Debug)]
pub struct ModuleSummary {
    /// The module's name, from its name section.
    pub name: Option<String>,
    /// What it imports.
    pub imports: Vec<ImportInfo>,
    /// What it exports.
    pub exports: Vec<ExportInfo>,
    /// Functions it defines.
    pub defined_functions: usize,
    /// Functions it imports.
    pub imported_functions: usize,
    /// Bytes of its functions' bodies.
    pub code_bytes: usize,
    /// The types, with their numbers, that types of imports, exports and tables refer to, and those that these refer to.
    pub types: Vec<(u32, TypeDef)>,
    /// Its tables, imported ones first.
    pub tables: Vec<TableType>,
    /// Its memories, imported ones first.
    pub memories: Vec<MemoryType>,
    /// Its globals, imported ones included.
    pub globals: usize,
    /// The global that the module's own stack hangs on, if it has one as LLVM's linker makes it.
    pub stack_pointer: Option<StackPointer>,
    /// Its exception tags, imported ones included.
    pub tags: usize,
    /// Index of the function that runs when it is instantiated.
    pub start: Option<u32>,
    /// Element segments.
    pub element_segments: usize,
    /// Data segments.
    pub data_segments: usize,
    /// Bytes in them.
    pub data_bytes: usize,
    /// The functions that it defines: index, name, bytes of the body.
    pub functions: Vec<FunctionSummary>,
    /// Where the code section's contents start in the module's bytes: what addresses in its debug information count from.
    pub code_section_offset: usize,
    /// Its sections, in order.
    pub sections: Vec<SectionSummary>,
    /// The tools that made it, from its `producers` section.
    pub producers: Vec<Producer>,
    /// Whether it has a `producers` section that is not well-formed.
    pub producers_malformed: bool,
    /// Custom sections for tools (debug information, producers, target features) by name, with their place in the module's bytes.
    pub custom_sections: Vec<(String, Range<usize>)>,
}

/// A section of a [`ModuleSummary`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionSummary {
    /// The specification's name for its kind: `type`, `import`, `code`, …, `custom`.
    pub kind: &'static str,
    /// The name of a custom section.
    pub name: Option<String>,
    /// Bytes of its contents.
    pub bytes: usize,
}

/// A tool that worked on a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// What it did: `language`, `processed-by`, `sdk`.
    pub field: String,
    /// Its name.
    pub name: String,
    /// Its version, which may be empty.
    pub version: String,
}

/// A function of a [`ModuleSummary`].
#[derive(Clone, Debug)]
pub struct FunctionSummary {
    /// Index among all functions.
    pub index: u32,
    /// Its name, from the name section.
    pub name: Option<String>,
    /// The names under which it is exported.
    pub exports: Vec<String>,
    /// Bytes of its body.
    pub bytes: usize,
    /// Where its body starts in the module's bytes.
    pub offset: usize,
}

impl ModuleSummary {
    /// Validates everything but the bodies of `wasm` and describes it.
    pub fn of(wasm: &[u8], features: WasmFeatures) -> Result<Self> {
        let info = translate_module(wasm, features)?.info;
        let imports = info.imports.iter().map(|import| ImportInfo {
            module: import.module.clone(),
            name: import.name.clone(),
            ty: info_import_type(&info, import.ty),
        });
        let exports = info
            .exports
            .iter()
            .map(|export| ExportInfo { name: export.name.clone(), ty: info_entity_type(&info, export.entity) });
        let producers = info.custom_sections.iter().find(|(name, _)| name == "producers");
        let producers = producers.map(|(_, range)| producers_in(wasm, range.clone()));
        let (imports, exports): (Vec<_>, Vec<_>) = (imports.collect(), exports.collect());
        let linked = imports.iter().map(|import| &import.ty).chain(exports.iter().map(|export| &export.ty));
        Ok(Self {
            types: referenced_types(&info, linked),
            producers_malformed: matches!(producers, Some(Err(_))),
            producers: producers.and_then(std::result::Result::ok).unwrap_or_default(),
            sections: sections(wasm)?,
            tables: info.tables.clone(),
            memories: info.memories.clone(),
            globals: info.globals.len(),
            stack_pointer: StackPointer::of(&info, wasm),
            tags: info.tags.len(),
            start: info.start.map(|function| function.0),
            element_segments: info.elements.len(),
            name: info.name.clone(),
            imports,
            exports,
            defined_functions: info.defined_functions(),
            imported_functions: info.imported_functions as usize,
            code_bytes: info.code_bytes(),
            data_segments: info.data.len(),
            data_bytes: info.data.iter().map(|segment| segment.range.len()).sum(),
            functions: functions(&info),
            code_section_offset: info.code_section_offset,
            custom_sections: info.custom_sections,
        })
    }
}

fn functions(info: &ModuleInfo) -> Vec<FunctionSummary> {
    let summary = |(position, body): (usize, &Range<usize>)| {
        let index = info.func_index(DefinedFuncIdx::from_index(position));
        let name = info.function_name(index).map(str::to_owned);
        FunctionSummary { index: index.0, name, exports: Vec::new(), bytes: body.len(), offset: body.start }
    };
    let mut functions: Vec<_> = info.bodies.iter().enumerate().map(summary).collect();
    for export in &info.exports {
        if let Entity::Func(index) = export.entity
            && let Some(defined) = info.defined_func(index)
        {
            functions[defined.index()].exports.push(export.name.clone());
        }
    }
    functions
}

/// The names of the sections' kinds, by their numbers.
const KINDS: [&str; 14] = [
    "custom",
    "type",
    "import",
    "function",
    "table",
    "memory",
    "global",
    "export",
    "start",
    "element",
    "code",
    "data",
    "data count",
    "tag",
];

/// The specification's name for a kind of section.
pub(crate) fn kind_of_section(id: u8) -> Option<&'static str> {
    KINDS.get(usize::from(id)).copied()
}

/// The sections of a module that was validated.
fn sections(wasm: &[u8]) -> Result<Vec<SectionSummary>> {
    let mut sections = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(CompileError::from)?;
        let Some((kind, range)) = payload.as_section() else { continue };
        let Some(kind) = kind_of_section(kind) else { continue };
        let name = match &payload {
            Payload::CustomSection(section) => Some(section.name().to_owned()),
            _ => None,
        };
        sections.push(SectionSummary { kind, name, bytes: (range.end - range.start) as usize });
    }
    Ok(sections)
}

/// The entries of a `producers` section.
pub(crate) fn producers_in(wasm: &[u8], range: Range<usize>) -> Result<Vec<Producer>> {
    let reader = BinaryReader::new(&wasm[range.clone()], range.start as u64);
    let mut producers = Vec::new();
    for field in ProducersSectionReader::new(reader).map_err(CompileError::from)? {
        let field = field.map_err(CompileError::from)?;
        for value in field.values {
            let value = value.map_err(CompileError::from)?;
            let [name, version] = [value.name, value.version].map(str::to_owned);
            producers.push(Producer { field: field.name.to_owned(), name, version });
        }
    }
    Ok(producers)
}

/// The types that types refer to by number, directly or not.
fn referenced_types<'a>(info: &ModuleInfo, types: impl Iterator<Item = &'a ExternType>) -> Vec<(u32, TypeDef)> {
    let mut found = BTreeSet::new();
    let mut pending: Vec<u32> =
        types.flat_map(values_of).chain(info.tables.iter().map(element_of)).filter_map(number_in).collect();
    while let Some(index) = pending.pop() {
        if found.insert(index) {
            let ty = &info.types[index as usize];
            pending.extend(ty.values().filter_map(number_in).chain(ty.supertype));
        }
    }
    found.into_iter().map(|index| (index, info.types[index as usize].clone())).collect()
}

fn values_of(ty: &ExternType) -> Vec<ValType> {
    match ty {
        ExternType::Func(ty) | ExternType::Tag(ty) => ty.params.iter().chain(&ty.results).copied().collect(),
        ExternType::Global(ty) => vec![ty.content],
        ExternType::Table(ty) => vec![element_of(ty)],
        ExternType::Memory(_) => Vec::new(),
    }
}

fn element_of(ty: &TableType) -> ValType {
    ValType::Ref(ty.element)
}

fn number_in(ty: ValType) -> Option<u32> {
    match ty {
        ValType::Ref(RefType { heap: HeapType::Concrete(_, index), .. }) => Some(index),
        _ => None,
    }
}

fn info_import_type(info: &ModuleInfo, ty: ImportType) -> ExternType {
    match ty {
        ImportType::Func(index) => ExternType::Func(info.func_type(index).clone()),
        ImportType::Tag(index) => ExternType::Tag(info.func_type(index).clone()),
        ImportType::Table(ty) => ExternType::Table(ty),
        ImportType::Memory(ty) => ExternType::Memory(ty),
        ImportType::Global(ty) => ExternType::Global(ty),
    }
}

fn info_entity_type(info: &ModuleInfo, entity: Entity) -> ExternType {
    match entity {
        Entity::Func(index) => ExternType::Func(info.func_type(info.functions[index.index()]).clone()),
        Entity::Tag(index) => ExternType::Tag(info.func_type(info.tags[index.index()]).clone()),
        Entity::Table(index) => ExternType::Table(info.tables[index.index()]),
        Entity::Memory(index) => ExternType::Memory(info.memories[index.index()]),
        Entity::Global(index) => ExternType::Global(info.globals[index.index()]),
    }
}
