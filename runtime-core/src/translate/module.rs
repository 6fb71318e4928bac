//! Module translation: every section but the code becomes a [`ModuleInfo`], every body a [`FuncInput`].

use std::collections::BTreeSet;
use std::ops::Range;

use wasmparser::{
    ExternalKind, FuncToValidate, Imports, Name, NameSectionReader, Operator, Parser, Payload, TypeRef, ValidPayload,
    Validator, ValidatorResources, WasmFeatures,
};

use crate::compiler::CompileError;
use crate::module::*;
use crate::translate::func::FuncInput;
use crate::translate::ops::Const;
use crate::types::*;

/// Memories that one module may have: keeps every vmctx offset small.
const MEMORIES_MAX: usize = 100;
/// Globals, tables and imported functions together that one module may have, for the same reason.
const CONTEXT_ENTRIES_MAX: usize = 10_000_000;

/// A translated module.
pub struct Translation<'a> {
    /// Everything but the code.
    pub info: ModuleInfo,
    /// The bodies, in index order.
    pub functions: Vec<FuncInput<'a>>,
}

/// WebAssembly 3.0 without exceptions and garbage collection, with threads and wide arithmetic.
pub fn default_features() -> WasmFeatures {
    WasmFeatures::WASM3
        .union(WasmFeatures::THREADS)
        .union(WasmFeatures::WIDE_ARITHMETIC)
        .difference(WasmFeatures::GC)
        .difference(WasmFeatures::EXCEPTIONS)
        .difference(WasmFeatures::LEGACY_EXCEPTIONS)
}

/// Translates a module in the binary format: validates everything but the bodies, which their translation validates.
pub fn translate_module(wasm: &[u8], features: WasmFeatures) -> Result<Translation<'_>, CompileError> {
    let mut translator = ModuleTranslator {
        validator: Validator::new_with_features(features),
        translation: Translation { info: ModuleInfo::default(), functions: Vec::new() },
        escaping: BTreeSet::new(),
    };
    for payload in Parser::new(0).parse_all(wasm) {
        translator.payload(payload?)?;
    }
    Ok(translator.finish())
}

/// Validates a whole module, bodies included.
pub fn validate(wasm: &[u8], features: WasmFeatures) -> Result<(), CompileError> {
    let mut allocations = Default::default();
    for input in translate_module(wasm, features)?.functions {
        let mut validator = input.validate.into_validator(allocations);
        validator.validate(&input.body)?;
        allocations = validator.into_allocations();
    }
    Ok(())
}

struct ModuleTranslator<'a> {
    validator: Validator,
    translation: Translation<'a>,
    escaping: BTreeSet<FuncIdx>,
}

impl<'a> ModuleTranslator<'a> {
    fn payload(&mut self, payload: Payload<'a>) -> Result<(), CompileError> {
        if let ValidPayload::Func(validate, body) = self.validator.payload(&payload)? {
            self.body(validate, body);
            return Ok(());
        }
        match payload {
            Payload::Version { encoding: wasmparser::Encoding::Component, range, .. } => {
                return Err(unsupported("a component (only core modules are)", range.start));
            }
            Payload::TypeSection(section) => self.types(section)?,
            Payload::ImportSection(section) => self.imports(section)?,
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.translation.info.functions.push(TypeIdx(ty?));
                }
            }
            Payload::TableSection(section) => self.tables(section)?,
            Payload::MemorySection(section) => {
                for ty in section {
                    self.translation.info.memories.push(memory_type(&ty?));
                }
                self.check_limits()?;
            }
            Payload::TagSection(section) => {
                for ty in section {
                    self.translation.info.tags.push(TypeIdx(ty?.func_type_idx));
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    let ty = global_type(&global.ty)?;
                    self.translation.info.globals.push(ty);
                    let init = self.const_expr(&global.init_expr)?;
                    self.translation.info.global_inits.push(init);
                }
                self.check_limits()?;
            }
            Payload::ExportSection(section) => self.exports(section)?,
            Payload::StartSection { func, .. } => {
                self.escaping.insert(FuncIdx(func));
                self.translation.info.start = Some(FuncIdx(func));
            }
            Payload::ElementSection(section) => self.elements(section)?,
            Payload::DataSection(section) => self.data(section)?,
            Payload::CodeSectionStart { unchecked_range: range, .. } => {
                self.translation.info.code_section_offset = offset(range.start)?;
            }
            Payload::CustomSection(section) => {
                if let wasmparser::KnownCustom::Name(names) = section.as_known() {
                    self.names(names);
                }
                let range = byte_range(section.data_range())?;
                self.translation.info.custom_sections.push((section.name().to_owned(), range));
            }
            // Validated above; nothing in them is needed (`DataCount`), or the validator has refused them.
            _ => {}
        }
        Ok(())
    }

    fn body(&mut self, validate: FuncToValidate<ValidatorResources>, body: wasmparser::FunctionBody<'a>) {
        let range = body.range();
        self.translation.info.bodies.push(range.start as usize..range.end as usize);
        let index = DefinedFuncIdx::from_index(self.translation.functions.len());
        self.translation.functions.push(FuncInput { index, body, validate });
    }

    fn types(&mut self, section: wasmparser::TypeSectionReader<'a>) -> Result<(), CompileError> {
        for group in section.into_iter_with_offsets() {
            let (offset, group) = group?;
            for ty in group.into_types() {
                let wasmparser::CompositeInnerType::Func(ty) = &ty.composite_type.inner else {
                    return Err(unsupported("a type of garbage collection", offset));
                };
                let params = ty.params().iter().map(val_type).collect::<Result<Box<[_]>, _>>()?;
                let results = ty.results().iter().map(val_type).collect::<Result<Box<[_]>, _>>()?;
                self.translation.info.types.push(TypeDef::Func(FuncType { params, results }));
            }
        }
        Ok(())
    }

    fn imports(&mut self, section: wasmparser::ImportSectionReader<'a>) -> Result<(), CompileError> {
        for imports in section {
            match imports? {
                Imports::Single(_, import) => self.import(import.module, import.name, &import.ty)?,
                Imports::Compact1 { module, items } => {
                    for item in items {
                        let item = item?;
                        self.import(module, item.name, &item.ty)?;
                    }
                }
                Imports::Compact2 { module, ty, names } => {
                    for name in names {
                        self.import(module, name?, &ty)?;
                    }
                }
            }
        }
        self.check_limits()
    }

    fn import(&mut self, module: &str, name: &str, ty: &TypeRef) -> Result<(), CompileError> {
        let info = &mut self.translation.info;
        let ty = match ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                info.functions.push(TypeIdx(*index));
                info.imported_functions += 1;
                ImportType::Func(TypeIdx(*index))
            }
            TypeRef::Table(ty) => {
                let ty = table_type(ty)?;
                info.tables.push(ty);
                info.imported_tables += 1;
                ImportType::Table(ty)
            }
            TypeRef::Memory(ty) => {
                let ty = memory_type(ty);
                info.memories.push(ty);
                info.imported_memories += 1;
                ImportType::Memory(ty)
            }
            TypeRef::Global(ty) => {
                let ty = global_type(ty)?;
                info.globals.push(ty);
                info.imported_globals += 1;
                ImportType::Global(ty)
            }
            TypeRef::Tag(ty) => {
                info.tags.push(TypeIdx(ty.func_type_idx));
                info.imported_tags += 1;
                ImportType::Tag(TypeIdx(ty.func_type_idx))
            }
        };
        info.imports.push(Import { module: module.to_owned(), name: name.to_owned(), ty });
        Ok(())
    }

    fn tables(&mut self, section: wasmparser::TableSectionReader<'a>) -> Result<(), CompileError> {
        for table in section {
            let table = table?;
            let init = match &table.init {
                wasmparser::TableInit::RefNull => None,
                wasmparser::TableInit::Expr(expr) => Some(self.const_expr(expr)?),
            };
            self.translation.info.tables.push(table_type(&table.ty)?);
            self.translation.info.table_inits.push(init);
        }
        self.check_limits()
    }

    fn exports(&mut self, section: wasmparser::ExportSectionReader<'a>) -> Result<(), CompileError> {
        for export in section {
            let export = export?;
            let entity = match export.kind {
                ExternalKind::Func | ExternalKind::FuncExact => {
                    self.escaping.insert(FuncIdx(export.index));
                    Entity::Func(FuncIdx(export.index))
                }
                ExternalKind::Table => Entity::Table(TableIdx(export.index)),
                ExternalKind::Memory => Entity::Memory(MemoryIdx(export.index)),
                ExternalKind::Global => Entity::Global(GlobalIdx(export.index)),
                ExternalKind::Tag => Entity::Tag(TagIdx(export.index)),
            };
            self.translation.info.exports.push(Export { name: export.name.to_owned(), entity });
        }
        Ok(())
    }

    fn elements(&mut self, section: wasmparser::ElementSectionReader<'a>) -> Result<(), CompileError> {
        for segment in section {
            let segment = segment?;
            let mode = match &segment.kind {
                wasmparser::ElementKind::Passive => ElementMode::Passive,
                wasmparser::ElementKind::Declared => ElementMode::Declared,
                wasmparser::ElementKind::Active { table_index, offset_expr } => ElementMode::Active {
                    table: TableIdx(table_index.unwrap_or(0)),
                    offset: self.const_expr(offset_expr)?,
                },
            };
            let (ty, items) = match segment.items {
                wasmparser::ElementItems::Functions(functions) => {
                    let functions: Vec<_> =
                        functions.into_iter().map(|index| index.map(FuncIdx)).collect::<Result<_, _>>()?;
                    self.escaping.extend(&functions);
                    (RefType::FUNCREF, ElementItems::Functions(functions))
                }
                wasmparser::ElementItems::Expressions(ty, expressions) => {
                    let expressions: Vec<_> = expressions
                        .into_iter()
                        .map(|expr| self.const_expr(&expr?))
                        .collect::<Result<_, CompileError>>()?;
                    (ref_type(&ty)?, ElementItems::Expressions(expressions))
                }
            };
            self.translation.info.elements.push(ElementSegment { mode, ty, items });
        }
        Ok(())
    }

    fn data(&mut self, section: wasmparser::DataSectionReader<'a>) -> Result<(), CompileError> {
        for segment in section {
            let segment = segment?;
            let active = match &segment.kind {
                wasmparser::DataKind::Passive => None,
                wasmparser::DataKind::Active { memory_index, offset_expr } => {
                    Some((MemoryIdx(*memory_index), self.const_expr(offset_expr)?))
                }
            };
            let end = offset(segment.range.end)?;
            let range = end - segment.data.len()..end;
            self.translation.info.data.push(DataSegment { active, range });
        }
        Ok(())
    }

    fn const_expr(&mut self, expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr, CompileError> {
        let mut ops = Vec::with_capacity(1);
        let mut reader = expr.get_operators_reader();
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset()?;
            ops.push(match operator {
                Operator::I32Const { value } => ConstOp::Const(Const::I32(value)),
                Operator::I64Const { value } => ConstOp::Const(Const::I64(value)),
                Operator::F32Const { value } => ConstOp::Const(Const::F32(value.bits())),
                Operator::F64Const { value } => ConstOp::Const(Const::F64(value.bits())),
                Operator::V128Const { value } => ConstOp::Const(Const::V128(u128::from_le_bytes(*value.bytes()))),
                Operator::RefNull { .. } => ConstOp::Const(Const::Null),
                Operator::GlobalGet { global_index } => ConstOp::GlobalGet(GlobalIdx(global_index)),
                Operator::RefFunc { function_index } => {
                    self.escaping.insert(FuncIdx(function_index));
                    ConstOp::RefFunc(FuncIdx(function_index))
                }
                Operator::I32Add => ConstOp::Add(Width::W32),
                Operator::I64Add => ConstOp::Add(Width::W64),
                Operator::I32Sub => ConstOp::Sub(Width::W32),
                Operator::I64Sub => ConstOp::Sub(Width::W64),
                Operator::I32Mul => ConstOp::Mul(Width::W32),
                Operator::I64Mul => ConstOp::Mul(Width::W64),
                Operator::End => break,
                other => return Err(unsupported(&format!("{other:?} in a constant expression"), offset)),
            });
        }
        Ok(ConstExpr(ops.into()))
    }

    /// A broken name section costs the names behind the damage, never the module (appendix 7.4.1 of the specification).
    fn names(&mut self, section: NameSectionReader<'_>) {
        let info = &mut self.translation.info;
        for name in section {
            match name {
                Ok(Name::Module { name, .. }) => info.name = Some(name.to_owned()),
                Ok(Name::Function(functions)) => {
                    for naming in functions {
                        let Ok(naming) = naming else { break };
                        info.function_names.push((FuncIdx(naming.index), naming.name.to_owned()));
                    }
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
    }

    fn check_limits(&self) -> Result<(), CompileError> {
        let info = &self.translation.info;
        if info.memories.len() > MEMORIES_MAX {
            return Err(CompileError::Limit(format!("{} memories, more than {MEMORIES_MAX}", info.memories.len())));
        }
        let entries = info.globals.len() + info.tables.len() + info.imported_functions as usize;
        if entries > CONTEXT_ENTRIES_MAX {
            return Err(CompileError::Limit(format!(
                "{entries} globals, tables and imported functions, more than {CONTEXT_ENTRIES_MAX}"
            )));
        }
        Ok(())
    }

    fn finish(mut self) -> Translation<'a> {
        let info = &mut self.translation.info;
        info.escaping = self.escaping.into_iter().collect();
        let functions = info.functions.len() as u32;
        info.function_names.retain(|(index, _)| index.0 < functions);
        info.function_names.sort_by_key(|(index, _)| *index);
        info.function_names.dedup_by_key(|(index, _)| *index);
        self.translation
    }
}

fn unsupported(what: &str, offset: u64) -> CompileError {
    CompileError::Unsupported { what: what.to_owned(), by: "the translator", offset }
}

/// Offsets of 64 bits exist for streams; a module in memory has offsets that fit.
fn offset(offset: u64) -> Result<usize, CompileError> {
    usize::try_from(offset).map_err(|_| CompileError::Limit(format!("offset {offset:#x} is beyond the address space")))
}

fn byte_range(range: Range<u64>) -> Result<Range<usize>, CompileError> {
    Ok(offset(range.start)?..offset(range.end)?)
}

fn heap_type(ty: wasmparser::HeapType) -> Result<HeapType, CompileError> {
    use wasmparser::AbstractHeapType as Abstract;
    Ok(match ty {
        wasmparser::HeapType::Abstract { ty, .. } => match ty {
            Abstract::Func => HeapType::Func,
            Abstract::NoFunc => HeapType::NoFunc,
            Abstract::Extern => HeapType::Extern,
            Abstract::NoExtern => HeapType::NoExtern,
            Abstract::Any => HeapType::Any,
            Abstract::None => HeapType::None,
            Abstract::Eq => HeapType::Eq,
            Abstract::I31 => HeapType::I31,
            Abstract::Struct => HeapType::Struct,
            Abstract::Array => HeapType::Array,
            Abstract::Exn => HeapType::Exn,
            Abstract::NoExn => HeapType::NoExn,
            Abstract::Cont | Abstract::NoCont => return Err(unsupported("a continuation type", 0)),
        },
        wasmparser::HeapType::Concrete(index) | wasmparser::HeapType::Exact(index) => match index.as_module_index() {
            Some(index) => HeapType::Concrete(index),
            None => return Err(unsupported("a type index outside the module", 0)),
        },
    })
}

fn ref_type(ty: &wasmparser::RefType) -> Result<RefType, CompileError> {
    Ok(RefType { nullable: ty.is_nullable(), heap: heap_type(ty.heap_type())? })
}

/// The translated form of a value type.
pub(super) fn val_type(ty: &wasmparser::ValType) -> Result<ValType, CompileError> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(ref_type(ty)?),
    })
}

fn index_width(is_64: bool) -> Width {
    if is_64 { Width::W64 } else { Width::W32 }
}

fn table_type(ty: &wasmparser::TableType) -> Result<TableType, CompileError> {
    Ok(TableType {
        element: ref_type(&ty.element_type)?,
        limits: Limits { min: ty.initial, max: ty.maximum },
        index: index_width(ty.table64),
    })
}

fn memory_type(ty: &wasmparser::MemoryType) -> MemoryType {
    MemoryType {
        limits: Limits { min: ty.initial, max: ty.maximum },
        index: index_width(ty.memory64),
        shared: ty.shared,
        page_size_log2: ty.page_size_log2.map_or(16, |log2| log2 as u8),
    }
}

fn global_type(ty: &wasmparser::GlobalType) -> Result<GlobalType, CompileError> {
    Ok(GlobalType { content: val_type(&ty.content_type)?, mutable: ty.mutable })
}
