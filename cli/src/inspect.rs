//! `wasmer inspect`.

mod artifact;
mod foreign;

use crate::exit::ExitCode;
use std::fmt::{self, Write};

use anyhow::Context;
use serde::Serialize;
use wasmer_runtime::{
    Engine, EngineConfig, ExportInfo, ExternType, FEATURES, FunctionSummary, ImportInfo, Limits, ModuleSummary,
    Producer, SectionSummary, WasmFeatures,
};

use crate::args::InspectArgs;
use crate::load::{Any, read_any};
use crate::output::{self, printable};

/// What a component is called.
const COMPONENT: &str = "component";

/// How many of the largest functions are shown.
const LARGEST: usize = 10;

/// What there is to say about a module or component, as `--json` prints it. Sizes are in bytes.
#[derive(Serialize)]
struct Description {
    /// `module` or `component`.
    kind: &'static str,
    name: Option<String>,
    bytes: usize,
    code_bytes: usize,
    data_bytes: usize,
    data_segments: usize,
    element_segments: usize,
    defined_functions: usize,
    imported_functions: usize,
    globals: usize,
    tags: usize,
    /// Index of the function that runs at the start.
    start: Option<u32>,
    /// Features without which it is not valid; not said of the parts of a component by themselves.
    features: Option<Vec<String>>,
    /// Those of them that are not there, so that it cannot run.
    unsupported: Vec<String>,
    /// The types that those of imports, exports and tables name, and so on.
    types: Vec<Defined>,
    memories: Vec<String>,
    tables: Vec<String>,
    imports: Vec<Named>,
    exports: Vec<Named>,
    sections: Vec<Section>,
    producers: Vec<Tool>,
    producers_malformed: bool,
    largest_functions: Vec<Function>,
    /// The modules and components in a component.
    parts: Vec<Description>,
    /// What a component imports and exports, as WIT, if it can run here.
    wit: Option<String>,
}

/// An import (`module.field`) or export, and its type.
#[derive(Serialize)]
struct Named {
    name: String,
    r#type: String,
}

/// A type of the module, by which others refer to it by number.
#[derive(Serialize)]
struct Defined {
    index: u32,
    r#type: String,
}

#[derive(Serialize)]
struct Section {
    kind: &'static str,
    name: Option<String>,
    bytes: usize,
}

#[derive(Serialize)]
struct Tool {
    field: String,
    name: String,
    version: String,
}

#[derive(Serialize)]
struct Function {
    index: u32,
    name: Option<String>,
    exports: Vec<String>,
    bytes: usize,
}

/// Shows imports, exports, sizes, needed features and origin of a module, and as much of components and artifacts.
pub(crate) fn inspect(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let path = &args.module;
    let is_invalid = || format!("`{}` is not valid", path.display());
    match read_any(path)? {
        Any::Artifact(file) => print(&artifact::describe(file).with_context(is_invalid)?, args.json, artifact::write)?,
        Any::Module(wasm) => {
            let description = describe(&wasm).or_else(|error| foreign::describe(&wasm, error));
            print(&description.with_context(is_invalid)?, args.json, write)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print<T: Serialize>(value: &T, json: bool, write: fn(&mut String, &T) -> fmt::Result) -> anyhow::Result<()> {
    if json {
        return output::data(serde_json::to_string_pretty(value)? + "\n");
    }
    let mut text = String::new();
    write(&mut text, value)?;
    output::data(text)
}

fn describe(wasm: &[u8]) -> anyhow::Result<Description> {
    let all = FEATURES.iter().fold(wasmer_runtime::default_features(), |all, (_, feature)| all | *feature);
    let module = ModuleSummary::of(wasm, all)?;
    let features = needed_features(wasm, all)?;
    let mut largest = module.functions;
    largest.sort_by_key(|function| std::cmp::Reverse(function.bytes));
    largest.truncate(LARGEST);
    let import = |import: ImportInfo| Named {
        name: format!("{}.{}", import.module, import.name),
        r#type: type_name(&import.ty),
    };
    let export = |export: ExportInfo| Named { r#type: type_name(&export.ty), name: export.name };
    let section = |SectionSummary { kind, name, bytes }| Section { kind, name, bytes };
    let tool = |Producer { field, name, version }| Tool { field, name, version };
    let function = |FunctionSummary { index, name, exports, bytes, .. }| Function { index, name, exports, bytes };
    Ok(Description {
        kind: "module",
        name: module.name,
        bytes: wasm.len(),
        code_bytes: module.code_bytes,
        data_bytes: module.data_bytes,
        data_segments: module.data_segments,
        element_segments: module.element_segments,
        defined_functions: module.defined_functions,
        imported_functions: module.imported_functions,
        globals: module.globals,
        tags: module.tags,
        start: module.start,
        features: Some(features.into_iter().map(str::to_owned).collect()),
        unsupported: Vec::new(),
        types: module.types.into_iter().map(|(index, ty)| Defined { index, r#type: ty.to_string() }).collect(),
        memories: module.memories.into_iter().map(|memory| type_name(&ExternType::Memory(memory))).collect(),
        tables: module.tables.into_iter().map(|table| type_name(&ExternType::Table(table))).collect(),
        imports: module.imports.into_iter().map(import).collect(),
        exports: module.exports.into_iter().map(export).collect(),
        sections: module.sections.into_iter().map(section).collect(),
        producers: module.producers.into_iter().map(tool).collect(),
        producers_malformed: module.producers_malformed,
        largest_functions: largest.into_iter().map(function).collect(),
        parts: Vec::new(),
        wit: None,
    })
}

/// Features with which the module is valid, and without one of which it is not. Validating takes long for a large module, and most features are not needed:
/// so whole groups are left out, and only a group that is missed is looked into. The last ones first: what `extended-const` allows, `gc` allows, too.
fn needed_features(wasm: &[u8], mut all: WasmFeatures) -> anyhow::Result<Vec<&'static str>> {
    let is_valid = |features| -> anyhow::Result<bool> {
        let engine = Engine::new(EngineConfig::headless().features(features))?;
        Ok(engine.validate(wasm).is_ok())
    };
    // The functions' bodies have not been looked at yet.
    Engine::new(EngineConfig::headless().features(all))?.validate(wasm)?;
    let mut needed = Vec::new();
    let mut groups = vec![FEATURES];
    while let Some(group) = groups.pop() {
        let without = group.iter().fold(all, |rest, (_, feature)| rest.difference(*feature));
        if is_valid(without)? {
            all = without;
            continue;
        }
        match group {
            [(name, _)] => needed.push(*name),
            _ => {
                let (first, second) = group.split_at(group.len() / 2);
                groups.extend([first, second]);
            }
        }
    }
    needed.reverse();
    Ok(needed)
}

fn write(out: &mut String, module: &Description) -> fmt::Result {
    if module.kind == COMPONENT {
        return foreign::write_component(out, module);
    }
    if let Some(name) = &module.name {
        writeln!(out, "name: {}", printable(name))?;
    }
    writeln!(out, "size: {} bytes", module.bytes)?;
    for Section { kind, name, bytes } in &module.sections {
        let name = name.as_ref().map(|name| format!(" `{}`", printable(name))).unwrap_or_default();
        writeln!(out, "  {bytes:>10} {kind}{name}")?;
    }
    let largest = if module.largest_functions.is_empty() { "" } else { "; the largest, in bytes" };
    writeln!(out, "functions: {} defined, {} imported{largest}", module.defined_functions, module.imported_functions)?;
    for Function { index, name, exports, bytes } in &module.largest_functions {
        let name = name.as_ref().or(exports.first()).map(|name| printable(name));
        writeln!(out, "  {bytes:>10} {}", name.unwrap_or_else(|| format!("func[{index}]")))?;
    }
    writeln!(out, "data: {} bytes in {} segments", module.data_bytes, module.data_segments)?;
    writeln!(out, "globals: {}", module.globals)?;
    if let Some(start) = module.start {
        writeln!(out, "start: func[{start}]")?;
    }
    write_features(out, module)?;
    write_tools(out, module)?;
    if !module.types.is_empty() {
        writeln!(out, "types: {}", module.types.len())?;
    }
    for Defined { index, r#type } in &module.types {
        writeln!(out, "  {index}: {type}")?;
    }
    for (kind, list) in [("memories", &module.memories), ("tables", &module.tables)] {
        writeln!(out, "{kind}: {}", list.len())?;
        for ty in list {
            writeln!(out, "  {ty}")?;
        }
    }
    write_names(out, &module.imports, &module.exports)
}

/// What it needs.
fn write_features(out: &mut String, module: &Description) -> fmt::Result {
    match module.features.as_deref() {
        None => {}
        Some([]) => writeln!(out, "features needed: none beyond WebAssembly 1.0")?,
        Some(features) => writeln!(out, "features needed: {}", features.join(", "))?,
    }
    if !module.unsupported.is_empty() {
        writeln!(out, "not supported: {}", module.unsupported.join(", "))?;
    }
    Ok(())
}

/// What made it.
fn write_tools(out: &mut String, module: &Description) -> fmt::Result {
    for Tool { field, name, version } in &module.producers {
        writeln!(out, "{}: {}", printable(field), printable(&format!("{name} {version}")).trim_end())?;
    }
    if module.producers_malformed {
        writeln!(out, "producers: the section is malformed")?;
    }
    Ok(())
}

fn write_names(out: &mut String, imports: &[Named], exports: &[Named]) -> fmt::Result {
    for (kind, list) in [("imports", imports), ("exports", exports)] {
        writeln!(out, "{kind}: {}", list.len())?;
        for Named { name, r#type } in list {
            writeln!(out, "  {}: {}", printable(name), r#type)?;
        }
    }
    Ok(())
}

fn type_name(ty: &ExternType) -> String {
    match ty {
        ExternType::Func(ty) => format!("func {ty}"),
        ExternType::Tag(ty) => format!("tag {ty}"),
        ExternType::Table(ty) => format!("table {} of {}", range(&ty.limits, "elements"), ty.element),
        ExternType::Memory(ty) => {
            let shared = if ty.shared { " shared" } else { "" };
            format!("memory {}{shared}, {}-bit", range(&ty.limits, "pages"), ty.index.bits())
        }
        ExternType::Global(ty) => format!("global {}{}", if ty.mutable { "mut " } else { "" }, ty.content),
    }
}

fn range(limits: &Limits, unit: &str) -> String {
    match limits.max {
        Some(max) => format!("{} to {max} {unit}", limits.min),
        None => format!("from {} {unit}", limits.min),
    }
}
