//! A compiled module: a mapped artifact image, ready to be instantiated any number of times.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use wasmparser::WasmFeatures;

use crate::api::engine::Engine;
use crate::api::error::{Error, Result};
use crate::compile::Progress;
use crate::image::Image;
use crate::module::{Entity, ImportType, ModuleInfo};
use crate::translate::module::translate_module;
use crate::types::*;
use crate::vm::module_code::ModuleCode;

/// A compiled module. Cheap to clone, shared by all threads; its code is unmapped when the last clone and the last
/// instance are gone.
#[derive(Clone)]
pub struct Module(Arc<ModuleInner>);

struct ModuleInner {
    code: Arc<ModuleCode>,
    engine: Engine,
}

/// An import of a module.
#[derive(Clone, Debug)]
pub struct ImportInfo {
    /// Module name.
    pub module: String,
    /// Field name.
    pub name: String,
    /// What is imported.
    pub ty: ExternType,
}

/// An export of a module.
#[derive(Clone, Debug)]
pub struct ExportInfo {
    /// Its name.
    pub name: String,
    /// What is exported.
    pub ty: ExternType,
}

impl Module {
    /// Validates and compiles a module in the binary format.
    pub fn new(engine: &Engine, wasm: &[u8]) -> Result<Self> {
        Self::with_progress(engine, wasm, None)
    }

    /// As [`Module::new`]; `progress` is told (done, total) functions.
    pub fn with_progress(engine: &Engine, wasm: &[u8], progress: Option<Progress<'_>>) -> Result<Self> {
        // Nobody looks for an image in memory by a key.
        let bytes = engine.compile(wasm, [0; 32], progress)?;
        // SAFETY: the image was just made by this engine's compiler for this machine.
        unsafe { Self::from_image(engine, Image::from_bytes(bytes.as_bytes())?) }
    }

    /// A module from an artifact image.
    ///
    /// # Safety
    /// The image holds machine code that runs with the rights of the process: it must come from this project's compilers, for
    /// a processor with this one's features.
    pub unsafe fn from_image(engine: &Engine, image: Image) -> Result<Self> {
        let code = Arc::new(ModuleCode::new(image));
        Ok(Self(Arc::new(ModuleInner { code, engine: engine.clone() })))
    }

    pub(crate) fn code(&self) -> &Arc<ModuleCode> {
        &self.0.code
    }

    /// How many imports the module has.
    pub fn import_count(&self) -> usize {
        self.0.code.image.imports_len()
    }

    /// The engine it was made for.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The module's name, from its name section.
    pub fn name(&self) -> Option<&str> {
        self.0.code.image.module_name()
    }

    /// Whether the code had to be copied to anonymous memory, because the file that it stands in may not be executed.
    pub fn code_copied(&self) -> bool {
        self.0.code.image.code_copied()
    }

    /// Whether the module has a start function.
    pub fn has_start(&self) -> bool {
        self.0.code.image.start().is_some()
    }

    /// What the module imports, in order.
    pub fn imports(&self) -> impl Iterator<Item = ImportInfo> + '_ {
        self.0.code.image.imports().map(|import| ImportInfo {
            module: import.module.to_owned(),
            name: import.name.to_owned(),
            ty: self.0.code.import_type(import.ty),
        })
    }

    /// What the module exports, in order.
    pub fn exports(&self) -> impl Iterator<Item = ExportInfo> + '_ {
        self.0
            .code
            .image
            .exports()
            .map(|export| ExportInfo { name: export.name.to_owned(), ty: self.0.code.entity_type(export.entity) })
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl ModuleCode {
    pub(crate) fn import_type(&self, ty: ImportType) -> ExternType {
        match ty {
            ImportType::Func(index) => ExternType::Func(self.func_type(index)),
            ImportType::Tag(index) => ExternType::Tag(self.func_type(index)),
            ImportType::Table(ty) => ExternType::Table(self.canonical_table(ty)),
            ImportType::Memory(ty) => ExternType::Memory(ty),
            ImportType::Global(ty) => ExternType::Global(self.canonical_global(ty)),
        }
    }

    fn entity_type(&self, entity: Entity) -> ExternType {
        match entity {
            Entity::Func(index) => ExternType::Func(self.func_type(self.image.function_type_index(index))),
            Entity::Tag(index) => ExternType::Tag(self.func_type(self.image.tag_type(index))),
            Entity::Table(index) => ExternType::Table(self.table_type(index)),
            Entity::Memory(index) => ExternType::Memory(self.image.memory_type(index)),
            Entity::Global(index) => ExternType::Global(self.global_type(index)),
        }
    }
}

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
    /// Data segments.
    pub data_segments: usize,
    /// Bytes in them.
    pub data_bytes: usize,
    /// The functions that it defines: index, name, bytes of the body.
    pub functions: Vec<FunctionSummary>,
    /// Where the code section's contents start in the module's bytes: what addresses in its debug information count from.
    pub code_section_offset: usize,
    /// Custom sections for tools (debug information, producers, target features) by name, with their place in the module's bytes.
    pub custom_sections: Vec<(String, Range<usize>)>,
}

/// A function of a [`ModuleSummary`].
#[derive(Clone, Debug)]
pub struct FunctionSummary {
    /// Index among all functions.
    pub index: u32,
    /// Its name, from the name section.
    pub name: Option<String>,
    /// Bytes of its body.
    pub bytes: usize,
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
        Ok(Self {
            name: info.name.clone(),
            imports: imports.collect(),
            exports: exports.collect(),
            defined_functions: info.defined_functions(),
            imported_functions: info.imported_functions as usize,
            code_bytes: info.bodies.iter().map(|body| body.len()).sum(),
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
        FunctionSummary { index: index.0, name: info.function_name(index).map(str::to_owned), bytes: body.len() }
    };
    info.bodies.iter().enumerate().map(summary).collect()
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

/// Why two types do not link, in the words of the specification's tests.
pub(crate) fn incompatible(module: &str, name: &str, expected: &str, found: &str) -> Error {
    Error::Link(format!("incompatible import type for `{module}.{name}`: expected {expected}, found {found}"))
}
