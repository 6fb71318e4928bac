//! A module's sections as a [`ModuleInfo`] and function bodies to translate.

use std::ops::Range;

pub use wasmparser::WasmFeatures;
use wasmparser::{
    BinaryReader, DataKind, ElementKind, ExternalKind, FromReader, Imports, Parser, Payload, SectionLimited, TableInit,
    TypeRef, ValidPayload, Validator,
};

use crate::error::{CompileError, CompileLimit};
use crate::module::*;
use crate::translate::budget::Accounts;
use crate::translate::const_expr::const_expr;
use crate::translate::convert::{self, At};
use crate::translate::error::{gc, invalid, unsupported};
use crate::translate::func::FuncInput;
use crate::translate::heap_use;
use crate::translate::in_place;
use crate::translate::names;
use crate::translate::own_globals;
use crate::translate::quick;
use crate::types::*;

type Result<T> = std::result::Result<T, CompileError>;

/// A module whose sections are validated and whose function bodies are still to be.
pub struct Translation<'a> {
    /// Everything but the code.
    pub info: ModuleInfo,
    /// The function bodies, in index order.
    pub functions: Vec<FuncInput<'a>>,
}

/// What is accepted when nothing else is said: WebAssembly 3.0, plus threads, wide arithmetic and the legacy encoding of exceptions.
pub fn default_features() -> WasmFeatures {
    WasmFeatures::WASM2
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::LEGACY_EXCEPTIONS
        | WasmFeatures::FUNCTION_REFERENCES
        | WasmFeatures::GC
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::THREADS
        | WasmFeatures::MEMORY64
        | WasmFeatures::WIDE_ARITHMETIC
}

/// Validates everything of a binary module but the function bodies, and collects it.
///
/// Time and memory are proportional to the length of `wasm`: counts that the module declares are only believed
/// as far as items follow.
pub fn translate_module<'a>(wasm: &'a [u8], features: WasmFeatures) -> Result<Translation<'a>> {
    let mut functions = Vec::new();
    let mut info = translate_sections(wasm, features, &mut |_, bodies| functions = bodies)?;
    if asks_for_heap(&info, features) && functions.iter().any(|function| heap_use::in_body(&function.body)) {
        info.uses_heap = true;
        info.resolve();
    }
    Ok(Translation { info, functions })
}

/// Whether only bodies can say if a module has to do with objects of the collected heap; known when they are read.
pub(crate) fn asks_for_heap(info: &ModuleInfo, features: WasmFeatures) -> bool {
    features.gc() && !info.uses_heap
}

/// Told of the bodies of a module, in index order, as soon as all are read, with what is known by then: everything but segments of data and names.
pub(crate) type OnBodies<'r, 'a> = &'r mut dyn FnMut(&ModuleInfo, Vec<FuncInput<'a>>);

/// Validates everything of a binary module but the function bodies, and collects it, for those who look at the bodies themselves. [`ModuleInfo::uses_heap`] is what
/// everything else says. Where a module has to be read twice, `on_bodies` may be told twice, and the second time counts.
pub(crate) fn translate_sections<'a>(
    wasm: &'a [u8],
    features: WasmFeatures,
    on_bodies: OnBodies<'_, 'a>,
) -> Result<ModuleInfo> {
    own_globals::with(features, |allowed| {
        let mut reader = ModuleReader::new(features);
        each_payload(wasm, allowed, |validator, payload| {
            if let Payload::DataSection(section) = &payload
                && reader.takes_data(wasm, section)
            {
                return Ok(());
            }
            let valid = validator.payload(&payload).map_err(invalid)?;
            reader.payload(valid, payload)?;
            // There are as many bodies as functions, and data may follow.
            if !reader.functions.is_empty() && reader.functions.len() == reader.info.defined_functions() {
                reader.note_heap();
                reader.note_short_callees();
                on_bodies(&reader.info, std::mem::take(&mut reader.functions));
            }
            Ok(())
        })?;
        Ok(reader.finish())
    })
}

/// Validates a binary module completely, function bodies included. Says nothing about what compilers support.
pub fn validate(wasm: &[u8], features: WasmFeatures) -> Result<()> {
    own_globals::with(features, |allowed| {
        let mut allocations = wasmparser::FuncValidatorAllocations::default();
        // What is allowed for the sake of constant expressions only has to be looked through by ourselves.
        let mut reader = (allowed != features).then(|| ModuleReader::new(features));
        each_payload(wasm, allowed, |validator, payload| {
            let valid = validator.payload(&payload).map_err(invalid)?;
            if let ValidPayload::Func(mut function, body) = valid {
                function.features = features;
                let mut validator = function.into_validator(std::mem::take(&mut allocations));
                validator.validate(&body).map_err(invalid)?;
                allocations = validator.into_allocations();
                return Ok(());
            }
            reader.as_mut().map_or(Ok(()), |reader| reader.payload(valid, payload))
        })
    })
}

/// Parses `wasm`, handing every payload to `visit`, with what it is to be validated by.
fn each_payload<'a>(
    wasm: &'a [u8],
    features: WasmFeatures,
    mut visit: impl FnMut(&mut Validator, Payload<'a>) -> Result<()>,
) -> Result<()> {
    // Offsets are 32 bits wide from here on, and the highest one stands for "none".
    if wasm.len() >= u32::MAX as usize {
        return Err(CompileLimit::ModuleBytes.into());
    }
    if wasm.get(..4) == Some(b"\0asm") && wasm.get(6..8) == Some(&[1, 0]) {
        let message = "unknown binary version: this is a component, not a module".to_owned();
        return Err(CompileError::Invalid { message, offset: 4 });
    }
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    for payload in parser.parse_all(wasm) {
        visit(&mut validator, payload.map_err(invalid)?)?;
    }
    Ok(())
}

/// Calls `each` with the items of a section and their offsets.
fn each<'a, T: FromReader<'a>>(
    section: SectionLimited<'a, T>,
    mut each: impl FnMut(u64, T) -> Result<()>,
) -> Result<()> {
    for item in section.into_iter_with_offsets() {
        let (offset, item) = item.map_err(invalid)?;
        each(offset, item)?;
    }
    Ok(())
}

fn range(range: Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// Collects a module from its payloads.
struct ModuleReader<'a> {
    info: ModuleInfo,
    functions: Vec<FuncInput<'a>>,
    names: Option<BinaryReader<'a>>,
    /// What the types are.
    kinds: Vec<TypeKind>,
    features: WasmFeatures,
    accounts: Accounts,
}

impl<'a> ModuleReader<'a> {
    fn new(features: WasmFeatures) -> Self {
        Self {
            info: ModuleInfo::default(),
            functions: Vec::new(),
            names: None,
            kinds: Vec::new(),
            features,
            accounts: Accounts::new(),
        }
    }

    fn payload(&mut self, valid: ValidPayload<'a>, payload: Payload<'a>) -> Result<()> {
        if let ValidPayload::Func(mut function, body) = valid {
            function.features = self.features;
            let index = DefinedFuncIdx::from_index(self.functions.len());
            self.info.bodies.push(range(body.range()));
            let account = self.accounts.of(body.as_bytes().len());
            self.functions.push(FuncInput { index, body, validate: function, account });
            return Ok(());
        }
        let (info, gc, kinds) = (&mut self.info, self.features.gc(), &self.kinds[..]);
        match payload {
            Payload::TypeSection(section) => self.types(section),
            Payload::ImportSection(section) => self.imports(section),
            Payload::FunctionSection(section) => each(section, |_, ty| {
                info.functions.push(TypeIdx(ty));
                Ok(())
            }),
            Payload::TableSection(section) => self.tables(section),
            Payload::MemorySection(section) => each(section, |offset, ty| {
                info.memories.push(convert::memory_type(&ty, offset)?);
                Ok(())
            }),
            Payload::TagSection(section) => each(section, |_, tag| {
                info.tags.push(TypeIdx(tag.func_type_idx));
                Ok(())
            }),
            Payload::GlobalSection(section) => each(section, |offset, global| {
                let at = At { offset, gc, kinds };
                info.globals.push(convert::global_type(&global.ty, at)?);
                let init = const_expr(&global.init_expr, at, info)?;
                info.global_inits.push(init);
                Ok(())
            }),
            Payload::ExportSection(section) => self.exports(section),
            Payload::StartSection { func, .. } => {
                info.start = Some(FuncIdx(func));
                info.escaping.push(FuncIdx(func));
                Ok(())
            }
            Payload::ElementSection(section) => self.elements(section),
            Payload::CodeSectionStart { unchecked_range, .. } => {
                info.code_section_offset = unchecked_range.start as usize;
                Ok(())
            }
            Payload::DataSection(section) => self.data(section),
            Payload::CustomSection(section) => {
                self.custom(&section);
                Ok(())
            }
            Payload::Version { .. }
            | Payload::DataCountSection { .. }
            | Payload::CodeSectionEntry(_)
            | Payload::End(_) => Ok(()),
            // The payload enum is open. The validator refuses unknown sections.
            _ => Err(unsupported("a section of an unknown kind".into(), 0)),
        }
    }

    fn types(&mut self, section: wasmparser::TypeSectionReader<'a>) -> Result<()> {
        let (info, kinds, gc_on) = (&mut self.info, &mut self.kinds, self.features.gc());
        each(section, |offset, group| {
            let first = info.types.len();
            if group.is_explicit_rec_group() && !gc_on {
                return Err(gc("a recursion group", offset));
            }
            let types: Vec<_> = group.into_types_and_offsets().collect();
            for (offset, ty) in &types {
                kinds.push(convert::kind(&ty.composite_type.inner, *offset)?);
            }
            // Types refer to others of their group, also to later ones.
            let kinds = if gc_on { &kinds[..] } else { &kinds[..first] };
            for (offset, ty) in types {
                info.types.push(convert::type_def(&ty, At { offset, gc: gc_on, kinds })?);
            }
            if info.types.len() - first > 1 {
                info.rec_groups.push(TypeIdx::from_index(first)..TypeIdx::from_index(info.types.len()));
            }
            Ok(())
        })
    }

    fn imports(&mut self, section: wasmparser::ImportSectionReader<'a>) -> Result<()> {
        let (info, gc, kinds) = (&mut self.info, self.features.gc(), &self.kinds[..]);
        each(section, |offset, imports| {
            // The compact forms would multiply one module name by any number of imports.
            let Imports::Single(_, import) = imports else {
                return Err(unsupported("the compact import encoding".into(), offset));
            };
            let ty = match import.ty {
                TypeRef::Func(ty) => {
                    info.functions.push(TypeIdx(ty));
                    info.imported_functions += 1;
                    ImportType::Func(TypeIdx(ty))
                }
                TypeRef::Table(ty) => {
                    let ty = convert::table_type(&ty, At { offset, gc, kinds })?;
                    info.tables.push(ty);
                    info.imported_tables += 1;
                    ImportType::Table(ty)
                }
                TypeRef::Memory(ty) => {
                    let ty = convert::memory_type(&ty, offset)?;
                    info.memories.push(ty);
                    info.imported_memories += 1;
                    ImportType::Memory(ty)
                }
                TypeRef::Global(ty) => {
                    let ty = convert::global_type(&ty, At { offset, gc, kinds })?;
                    info.globals.push(ty);
                    info.imported_globals += 1;
                    ImportType::Global(ty)
                }
                TypeRef::Tag(ty) => {
                    info.tags.push(TypeIdx(ty.func_type_idx));
                    info.imported_tags += 1;
                    ImportType::Tag(TypeIdx(ty.func_type_idx))
                }
                TypeRef::FuncExact(_) => return Err(unsupported("an import of an exact function type".into(), offset)),
            };
            info.imports.push(Import { module: import.module.to_owned(), name: import.name.to_owned(), ty });
            Ok(())
        })
    }

    fn tables(&mut self, section: wasmparser::TableSectionReader<'a>) -> Result<()> {
        let (info, gc, kinds) = (&mut self.info, self.features.gc(), &self.kinds[..]);
        each(section, |offset, table| {
            let at = At { offset, gc, kinds };
            info.tables.push(convert::table_type(&table.ty, at)?);
            let init = match &table.init {
                TableInit::RefNull => None,
                TableInit::Expr(expr) => Some(const_expr(expr, at, info)?),
            };
            info.table_inits.push(init);
            Ok(())
        })
    }

    fn exports(&mut self, section: wasmparser::ExportSectionReader<'a>) -> Result<()> {
        let info = &mut self.info;
        each(section, |_, export| {
            let entity = match export.kind {
                ExternalKind::Func | ExternalKind::FuncExact => {
                    info.escaping.push(FuncIdx(export.index));
                    Entity::Func(FuncIdx(export.index))
                }
                ExternalKind::Table => Entity::Table(TableIdx(export.index)),
                ExternalKind::Memory => Entity::Memory(MemoryIdx(export.index)),
                ExternalKind::Global => Entity::Global(GlobalIdx(export.index)),
                ExternalKind::Tag => Entity::Tag(TagIdx(export.index)),
            };
            info.exports.push(Export { name: export.name.to_owned(), entity });
            Ok(())
        })
    }

    fn elements(&mut self, section: wasmparser::ElementSectionReader<'a>) -> Result<()> {
        let (info, gc, kinds) = (&mut self.info, self.features.gc(), &self.kinds[..]);
        each(section, |offset, element| {
            let at = At { offset, gc, kinds };
            let mode = match &element.kind {
                ElementKind::Passive => ElementMode::Passive,
                ElementKind::Declared => ElementMode::Declared,
                ElementKind::Active { table_index, offset_expr } => ElementMode::Active {
                    table: TableIdx(table_index.unwrap_or(0)),
                    offset: const_expr(offset_expr, at, info)?,
                },
            };
            let (ty, items) = element_items(element.items, at, info)?;
            info.elements.push(ElementSegment { mode, ty, items });
            Ok(())
        })
    }

    fn data(&mut self, section: wasmparser::DataSectionReader<'a>) -> Result<()> {
        let (info, gc, kinds) = (&mut self.info, self.features.gc(), &self.kinds[..]);
        each(section, |offset, data| {
            let active = match &data.kind {
                DataKind::Passive => None,
                DataKind::Active { memory_index, offset_expr } => {
                    Some((MemoryIdx(*memory_index), const_expr(offset_expr, At { offset, gc, kinds }, info)?))
                }
            };
            // The range of the item includes its header; the bytes stand at its end.
            let end = data.range.end as usize;
            info.data.push(DataSegment { active, range: end - data.data.len()..end });
            Ok(())
        })
    }

    /// Takes the segments of a section in which a quick look finds nothing but what is valid. The parser sees to the order of sections and to the count.
    fn takes_data(&mut self, wasm: &[u8], section: &wasmparser::DataSectionReader<'_>) -> bool {
        let range = range(section.range());
        let segments = quick::data::segments(&self.info, &wasm[range.clone()], range.start);
        segments.map(|segments| self.info.data = segments).is_some()
    }

    fn custom(&mut self, section: &wasmparser::CustomSectionReader<'a>) {
        let name = section.name();
        if name == "name" {
            let reader = || BinaryReader::new_features(section.data(), section.data_offset(), self.features);
            self.names.get_or_insert_with(reader);
        } else if name.starts_with(".debug_") || matches!(name, "producers" | "target_features") {
            self.info.custom_sections.push((name.to_owned(), range(section.data_range())));
        }
    }

    fn note_heap(&mut self) {
        self.info.uses_heap = self.features.gc() && heap_use::outside_bodies(&self.info);
    }

    fn note_short_callees(&mut self) {
        if !self.info.uses_heap {
            return;
        }
        let Self { info, functions, .. } = self;
        let callees = likely_functions(info).into_iter().filter_map(|function| {
            let operators = in_place::plain_operators(&functions[info.defined_func(function)?.index()])?;
            Some(ShortCallee { function, operators: operators.into() })
        });
        let callees = callees.collect();
        info.short_callees = callees;
    }

    fn finish(mut self) -> ModuleInfo {
        self.note_heap();
        let mut info = self.info;
        info.escaping.sort_unstable();
        info.escaping.dedup();
        // Last, because a name section may stand anywhere and its indices are checked.
        if let Some(section) = self.names {
            names::read(&mut info, section);
        }
        info.resolve();
        info
    }
}

/// The elements of a segment. Expressions that are all `ref.func` become the usual case, whose tables fill lazily.
fn element_items(
    items: wasmparser::ElementItems<'_>,
    at: At<'_>,
    info: &mut ModuleInfo,
) -> Result<(RefType, ElementItems)> {
    match items {
        wasmparser::ElementItems::Functions(section) => {
            let mut functions = Vec::new();
            each(section, |_, index| {
                functions.push(FuncIdx(index));
                Ok(())
            })?;
            info.escaping.extend(&functions);
            // By index, elements are never null.
            Ok((RefType { nullable: false, heap: HeapType::Func }, ElementItems::Functions(functions)))
        }
        wasmparser::ElementItems::Expressions(ty, section) => {
            let ty = convert::ref_type(ty, at)?;
            let mut expressions = Vec::new();
            each(section, |_, expr| {
                expressions.push(const_expr(&expr, at, info)?);
                Ok(())
            })?;
            let function = |expr: &ConstExpr| match expr.0[..] {
                [ConstOp::RefFunc(index)] => Some(index),
                _ => None,
            };
            let items = match expressions.iter().map(function).collect::<Option<Vec<_>>>() {
                Some(functions) => ElementItems::Functions(functions),
                None => ElementItems::Expressions(expressions),
            };
            Ok((ty, items))
        }
    }
}
