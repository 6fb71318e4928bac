//! `wasmer inspect`.

use crate::exit::ExitCode;
use std::io::Write;
use std::ops::Range;

use anyhow::Context;
use serde::Serialize;
use wasmer_runtime::{
    Engine, EngineConfig, ExportInfo, ExternType, FunctionSummary, ImportInfo, Limits, ModuleSummary, WasmFeatures,
};

use crate::args::InspectArgs;
use crate::features::FEATURES;
use crate::load::read_module;

/// How many of the largest functions are shown.
const LARGEST: usize = 5;

/// What there is to say about a module.
#[derive(Serialize)]
struct Description {
    name: Option<String>,
    bytes: usize,
    code_bytes: usize,
    data_bytes: usize,
    data_segments: usize,
    defined_functions: usize,
    imported_functions: usize,
    /// Features without which the module is not valid.
    features: Vec<&'static str>,
    imports: Vec<Named>,
    exports: Vec<Named>,
    custom_sections: Vec<Section>,
    largest_functions: Vec<Function>,
}

/// An import (`module.field`) or export, and its type.
#[derive(Serialize)]
struct Named {
    name: String,
    r#type: String,
}

#[derive(Serialize)]
struct Section {
    name: String,
    bytes: usize,
}

#[derive(Serialize)]
struct Function {
    index: u32,
    name: Option<String>,
    bytes: usize,
}

/// Shows imports, exports, sizes and needed features of a module.
pub(crate) fn inspect(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let wasm = read_module(&args.module)?;
    let description = describe(&wasm).with_context(|| format!("`{}` is not valid", args.module.display()))?;
    let mut out = std::io::stdout().lock();
    let printed = match args.json {
        true => serde_json::to_writer_pretty(&mut out, &description).map_err(Into::into).and_then(|()| writeln!(out)),
        false => print(&mut out, &description),
    };
    match printed {
        // The reader has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        result => Ok(result.map(|()| ExitCode::SUCCESS)?),
    }
}

fn describe(wasm: &[u8]) -> anyhow::Result<Description> {
    let all = FEATURES.iter().fold(wasmer_runtime::default_features(), |all, (_, feature)| all | *feature);
    let module = ModuleSummary::of(wasm, all)?;
    let mut largest = module.functions;
    largest.sort_by_key(|function| std::cmp::Reverse(function.bytes));
    largest.truncate(LARGEST);
    let import = |import: ImportInfo| Named {
        name: format!("{}.{}", import.module, import.name),
        r#type: type_name(&import.ty),
    };
    let export = |export: ExportInfo| Named { r#type: type_name(&export.ty), name: export.name };
    let section = |(name, range): (String, Range<usize>)| Section { name, bytes: range.len() };
    let function =
        |function: FunctionSummary| Function { index: function.index, name: function.name, bytes: function.bytes };
    Ok(Description {
        name: module.name,
        bytes: wasm.len(),
        code_bytes: module.code_bytes,
        data_bytes: module.data_bytes,
        data_segments: module.data_segments,
        defined_functions: module.defined_functions,
        imported_functions: module.imported_functions,
        features: needed_features(wasm, all)?,
        imports: module.imports.into_iter().map(import).collect(),
        exports: module.exports.into_iter().map(export).collect(),
        custom_sections: module.custom_sections.into_iter().map(section).collect(),
        largest_functions: largest.into_iter().map(function).collect(),
    })
}

/// The features without each of which validation fails.
fn needed_features(wasm: &[u8], all: WasmFeatures) -> anyhow::Result<Vec<&'static str>> {
    let is_valid = |features| -> anyhow::Result<bool> {
        let engine = Engine::new(EngineConfig::headless().features(features))?;
        Ok(engine.validate(wasm).is_ok())
    };
    let mut needed = Vec::new();
    for (name, feature) in FEATURES {
        if !is_valid(all.difference(*feature))? {
            needed.push(*name);
        }
    }
    Ok(needed)
}

fn print(out: &mut impl Write, module: &Description) -> std::io::Result<()> {
    if let Some(name) = &module.name {
        writeln!(out, "name: {name}")?;
    }
    writeln!(out, "size: {} bytes, {} of them code", module.bytes, module.code_bytes)?;
    writeln!(out, "functions: {} defined, {} imported", module.defined_functions, module.imported_functions)?;
    for Function { index, name, bytes } in &module.largest_functions {
        match name {
            Some(name) => writeln!(out, "  {bytes} bytes: {name}")?,
            None => writeln!(out, "  {bytes} bytes: func[{index}]")?,
        }
    }
    writeln!(out, "data: {} bytes in {} segments", module.data_bytes, module.data_segments)?;
    let features =
        if module.features.is_empty() { "none beyond WebAssembly 1.0".to_owned() } else { module.features.join(", ") };
    writeln!(out, "features needed: {features}")?;
    for Section { name, bytes } in &module.custom_sections {
        writeln!(out, "custom section: {name}, {bytes} bytes")?;
    }
    for (kind, list) in [("imports", &module.imports), ("exports", &module.exports)] {
        writeln!(out, "{kind}: {}", list.len())?;
        for Named { name, r#type } in list {
            writeln!(out, "  {name}: {}", r#type)?;
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
