//! What is in a module or component as far as it parses, whatever it needs: for tools that show what cannot run here.

mod component;

use std::ops::Range;

use wasmparser::{
    CompositeInnerType, CustomSectionReader, ExternalKind, GlobalType, KnownCustom, MemoryType, Name, Parser, Payload,
    RefType, SubType, TableType, TypeRef, Validator, WasmFeatures,
};

use wasmer_runtime_core::compiler::CompileError;
use wasmer_runtime_core::translate::features::FEATURES;
use wasmer_runtime_core::translate::module::default_features;

use crate::error::Result;
use crate::summary::{Producer, SectionSummary, kind_of_section, producers_in};

/// Flags of the parser that are no proposals, or parts of one that has a flag of its own.
const NO_PROPOSALS: WasmFeatures = WasmFeatures::FLOATS
    .union(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
    .union(WasmFeatures::BULK_MEMORY_OPT)
    .union(WasmFeatures::COMPONENT_MODEL);

/// What is in a module or component, from parsing alone. [`ModuleSummary`](crate::ModuleSummary) says more of modules that can run here.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// Whether it is a component.
    pub is_component: bool,
    /// Its name.
    pub name: Option<String>,
    /// What it imports.
    pub imports: Vec<OutlineItem>,
    /// What it exports.
    pub exports: Vec<OutlineItem>,
    /// Functions that it imports.
    pub imported_functions: usize,
    /// Functions that it defines.
    pub defined_functions: usize,
    /// Bytes of its functions' bodies.
    pub code_bytes: usize,
    /// The types of its tables, imported ones first.
    pub tables: Vec<String>,
    /// The types of its memories, imported ones first.
    pub memories: Vec<String>,
    /// Its globals, imported ones included.
    pub globals: usize,
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
    /// Its sections, in order.
    pub sections: Vec<SectionSummary>,
    /// The tools that made it.
    pub producers: Vec<Producer>,
    /// Whether it has a `producers` section that is not well-formed.
    pub producers_malformed: bool,
    /// The modules and components in it, in order.
    pub parts: Vec<Outline>,
}

/// An import or export of an [`Outline`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineItem {
    /// The interface, for the import of a module.
    pub module: Option<String>,
    /// Its name.
    pub name: String,
    /// What it is.
    pub ty: String,
}

impl Outline {
    /// Whether `wasm` begins like a component.
    pub fn is_of_component(wasm: &[u8]) -> bool {
        component::is_component(wasm)
    }

    /// Parses `wasm`. Nothing is validated; see [`Outline::needs`].
    pub fn of(wasm: &[u8]) -> Result<Self> {
        let all = 0..wasm.len();
        if Self::is_of_component(wasm) {
            return Ok(component::outline(wasm, all, 0)?);
        }
        Ok(module(wasm, all)?)
    }

    /// The names of the features without which `wasm` is not valid, besides those of WebAssembly 1.0, whether they are there or not. Takes as long as
    /// validating it several times.
    ///
    /// Of a component, its modules are looked at, each by itself: whether they fit together is not checked.
    ///
    /// # Errors
    /// If it is not valid with all features that are known.
    pub fn needs(wasm: &[u8]) -> Result<Vec<String>> {
        let mut needed = Vec::new();
        if Self::is_of_component(wasm) {
            component::each_module(wasm, 0..wasm.len(), 0, &mut |module| needed_by(module, &mut needed))?;
        } else {
            needed_by(wasm, &mut needed)?;
        }
        Ok(needed)
    }

    /// Whether a feature that [`Outline::needs`] names is not there, not even switched off.
    pub fn is_unsupported(feature: &str) -> bool {
        FEATURES.iter().all(|(name, _)| *name != feature)
    }
}

/// Adds the names of the features without which a module is not valid.
fn needed_by(wasm: &[u8], needed: &mut Vec<String>) -> std::result::Result<(), CompileError> {
    let validate = |features| Validator::new_with_features(features).validate_all(wasm);
    validate(WasmFeatures::all())?;
    let proposals: Vec<_> =
        WasmFeatures::all().iter_names().filter(|(_, feature)| !NO_PROPOSALS.contains(*feature)).collect();
    let mut groups = vec![&proposals[..]];
    while let Some(group) = groups.pop() {
        let without = group.iter().fold(WasmFeatures::all(), |rest, (_, feature)| rest.difference(*feature));
        if validate(without | NO_PROPOSALS).is_ok() {
            continue;
        }
        match group {
            [(name, feature)] => {
                let name = shown(name, *feature).filter(|name| !needed.contains(name));
                needed.extend(name);
            }
            _ => {
                let (first, second) = group.split_at(group.len() / 2);
                groups.extend([second, first]);
            }
        }
    }
    Ok(())
}

/// Outlines the module that stands at `range`.
fn module(wasm: &[u8], range: Range<usize>) -> std::result::Result<Outline, CompileError> {
    let mut reader = Reader::default();
    for payload in Parser::new(range.start as u64).parse_all(&wasm[range]) {
        let payload = payload?;
        reader.section(&payload);
        reader.payload(payload, wasm)?;
    }
    Ok(reader.outline)
}

/// The name of a feature; none for what is always there.
fn shown(name: &str, feature: WasmFeatures) -> Option<String> {
    if let Some((name, _)) = FEATURES.iter().find(|(_, known)| *known == feature) {
        return Some((*name).to_owned());
    }
    let is_always_there = default_features().contains(feature);
    (!is_always_there).then(|| name.to_lowercase().replace('_', "-"))
}

/// What is known of a module or component so far.
#[derive(Default)]
struct Reader {
    outline: Outline,
    types: Vec<SubType>,
    /// The types of its functions, as indices.
    functions: Vec<u32>,
    globals: Vec<GlobalType>,
    tags: Vec<u32>,
}

impl Reader {
    fn section(&mut self, payload: &Payload<'_>) {
        let Some((id, range)) = payload.as_section() else { return };
        let kind = kind_of_section(id).unwrap_or("unknown");
        let name = match payload {
            Payload::CustomSection(section) => Some(section.name().to_owned()),
            _ => None,
        };
        let bytes = range.end.saturating_sub(range.start) as usize;
        self.outline.sections.push(SectionSummary { kind, name, bytes });
    }

    fn payload(&mut self, payload: Payload<'_>, wasm: &[u8]) -> wasmparser::Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    self.types.extend(group?.into_types());
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    let item = OutlineItem {
                        module: Some(import.module.to_owned()),
                        name: import.name.to_owned(),
                        ty: self.import(import.ty),
                    };
                    self.outline.imports.push(item);
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                    self.outline.defined_functions += 1;
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.outline.tables.push(table_text(&table?.ty));
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.outline.memories.push(memory_text(&memory?));
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.add_global(global?.ty);
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    self.add_tag(tag?.func_type_idx);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let ty = self.export(export.kind, export.index as usize);
                    self.outline.exports.push(OutlineItem { module: None, name: export.name.to_owned(), ty });
                }
            }
            Payload::StartSection { func, .. } => self.outline.start = Some(func),
            Payload::ElementSection(section) => self.outline.element_segments = section.count() as usize,
            Payload::DataSection(section) => {
                for data in section {
                    self.outline.data_bytes += data?.data.len();
                    self.outline.data_segments += 1;
                }
            }
            Payload::CodeSectionStart { size, .. } => self.outline.code_bytes = size as usize,
            Payload::CustomSection(section) => self.custom(&section, wasm),
            _ => {}
        }
        Ok(())
    }

    /// What tools wrote down. A malformed section is nobody's loss.
    fn custom(&mut self, section: &CustomSectionReader<'_>, wasm: &[u8]) {
        match section.as_known() {
            KnownCustom::Name(names) => {
                for name in names.into_iter().map_while(std::result::Result::ok) {
                    if let Name::Module { name, .. } = name {
                        self.outline.name = Some(name.to_owned());
                    }
                }
            }
            KnownCustom::Producers(_) => {
                let start = section.data_offset() as usize;
                match producers_in(wasm, start..start + section.data().len()) {
                    Ok(producers) => self.outline.producers = producers,
                    Err(_) => self.outline.producers_malformed = true,
                }
            }
            _ => {}
        }
    }

    fn import(&mut self, ty: TypeRef) -> String {
        match ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.functions.push(index);
                self.outline.imported_functions += 1;
                format!("func {}", self.signature(index))
            }
            TypeRef::Table(ty) => kept(&mut self.outline.tables, table_text(&ty)),
            TypeRef::Memory(ty) => kept(&mut self.outline.memories, memory_text(&ty)),
            TypeRef::Global(ty) => {
                self.add_global(ty);
                global_text(&ty)
            }
            TypeRef::Tag(ty) => {
                self.add_tag(ty.func_type_idx);
                format!("tag {}", self.signature(ty.func_type_idx))
            }
        }
    }

    fn export(&self, kind: ExternalKind, index: usize) -> String {
        let text = match kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                self.functions.get(index).map(|ty| format!("func {}", self.signature(*ty)))
            }
            ExternalKind::Table => self.outline.tables.get(index).cloned(),
            ExternalKind::Memory => self.outline.memories.get(index).cloned(),
            ExternalKind::Global => self.globals.get(index).map(global_text),
            ExternalKind::Tag => self.tags.get(index).map(|ty| format!("tag {}", self.signature(*ty))),
        };
        text.unwrap_or_else(|| "nothing that there is".to_owned())
    }

    fn add_global(&mut self, ty: GlobalType) {
        self.globals.push(ty);
        self.outline.globals += 1;
    }

    fn add_tag(&mut self, ty: u32) {
        self.tags.push(ty);
        self.outline.tags += 1;
    }

    fn signature(&self, index: u32) -> String {
        match self.types.get(index as usize).map(|ty| &ty.composite_type.inner) {
            Some(CompositeInnerType::Func(ty)) => {
                let list =
                    |types: &[wasmparser::ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                format!("[{}] -> [{}]", list(ty.params()), list(ty.results()))
            }
            _ => format!("of type {index}"),
        }
    }
}

fn kept(list: &mut Vec<String>, text: String) -> String {
    list.push(text.clone());
    text
}

fn limits_text(min: u64, max: Option<u64>, unit: &str) -> String {
    match max {
        Some(max) => format!("{min} to {max} {unit}"),
        None => format!("from {min} {unit}"),
    }
}

fn table_text(ty: &TableType) -> String {
    let element = match ty.element_type {
        RefType::FUNCREF => "funcref".to_owned(),
        RefType::EXTERNREF => "externref".to_owned(),
        other => other.to_string(),
    };
    format!("table {} of {element}", limits_text(ty.initial, ty.maximum, "elements"))
}

fn memory_text(ty: &MemoryType) -> String {
    let shared = if ty.shared { " shared" } else { "" };
    let bits = if ty.memory64 { 64 } else { 32 };
    format!("memory {}{shared}, {bits}-bit", limits_text(ty.initial, ty.maximum, "pages"))
}

fn global_text(ty: &GlobalType) -> String {
    format!("global {}{}", if ty.mutable { "mut " } else { "" }, ty.content_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(text: &str) -> (Outline, Vec<String>) {
        let wasm = wat::parse_str(text).unwrap();
        (Outline::of(&wasm).unwrap(), Outline::needs(&wasm).unwrap())
    }

    #[test]
    fn modules_are_outlined_whatever_they_need() {
        let (outline, needs) = outline(
            r#"(module $m
                (type $struct (struct (field i32)))
                (import "env" "f" (func (param i32) (result i64)))
                (import "env" "t" (table 1 2 funcref))
                (memory (export "memory") 1 2 shared)
                (global (export "g") (mut (ref null $struct)) (ref.null $struct))
                (tag (export "e") (param i32))
                (func (export "make") (result (ref $struct)) (struct.new $struct (i32.const 1)))
                (data "hello")
                (@producers (language "hand" "1")))"#,
        );
        let names: Vec<_> = outline.exports.iter().map(|export| export.name.as_str()).collect();
        assert_eq!(names, ["memory", "g", "e", "make"]);
        assert_eq!(outline.imports[0].ty, "func [i32] -> [i64]");
        assert_eq!(outline.imports[1].ty, "table 1 to 2 elements of funcref");
        assert_eq!(outline.exports[0].ty, "memory 1 to 2 pages shared, 32-bit");
        assert_eq!(outline.exports[2].ty, "tag [i32] -> []");
        assert!(outline.exports[3].ty.starts_with("func [] -> [(ref "), "{:?}", outline.exports[3]);
        assert_eq!((outline.imported_functions, outline.defined_functions, outline.data_bytes), (1, 1, 5));
        assert_eq!((outline.name.as_deref(), outline.producers.len()), (Some("m"), 1));
        for feature in ["gc", "threads", "exceptions"] {
            assert!(needs.iter().any(|need| need == feature), "{needs:?}");
        }
        assert!(!needs.iter().any(|need| need == "simd"), "{needs:?}");
    }

    #[test]
    fn components_are_outlined_with_what_is_in_them() {
        let (outline, needs) = outline(
            r#"(component $c
                (import "host:log/log" (func (param "text" string)))
                (core module $inside (func (export "f") (result i32) (i32.const 1)))
                (component $deep (core module (memory 1)))
                (core instance $i (instantiate $inside))
                (func (export "f") (result s32) (canon lift (core func $i "f"))))"#,
        );
        assert!(outline.is_component);
        assert_eq!((outline.name.as_deref(), needs), (Some("c"), Vec::new()));
        assert_eq!((outline.imports[0].name.as_str(), outline.imports[0].ty.as_str()), ("host:log/log", "func"));
        assert_eq!(outline.exports[0].name, "f");
        let names: Vec<_> = outline.parts.iter().map(|part| part.name.as_deref()).collect();
        assert_eq!(names, [Some("inside"), Some("deep")]);
        assert_eq!(outline.parts[1].parts[0].memories, ["memory from 1 pages, 32-bit"]);
        assert!(outline.sections.iter().any(|section| section.kind == "canon"));
    }

    #[test]
    fn what_does_not_parse_is_an_error() {
        for wasm in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0\x01\xff", b"\0asm\x0d\0\x01\0\x0b\x01\xff"] {
            assert!(Outline::of(wasm).is_err(), "{wasm:?}");
        }
        // Components in components, without an end.
        let mut deep = b"\0asm\x0d\0\x01\0".to_vec();
        for _ in 0..200 {
            let len = deep.len();
            let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
            outer.extend([(len & 0x7f) as u8 | 0x80, (len >> 7) as u8]);
            outer.extend(deep);
            deep = outer;
        }
        let error = Outline::of(&deep).unwrap_err().to_string();
        assert!(error.contains("components are in too many others"), "{error}");
    }
}
