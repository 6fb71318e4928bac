//! `wasmer inspect`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use wasmer_runtime::{ExternType, Limits, ModuleSummary};

use crate::args::InspectArgs;
use crate::load::read_module;

/// Shows imports, exports and sizes of a module.
pub(crate) fn inspect(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let wasm = read_module(&args.module)?;
    let summary = ModuleSummary::of(&wasm, wasmer_runtime::default_features())
        .with_context(|| format!("`{}` is not valid", args.module.display()))?;
    let mut out = std::io::stdout().lock();
    match print(&mut out, &summary, wasm.len()) {
        // The reader has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        result => Ok(result.map(|()| ExitCode::SUCCESS)?),
    }
}

fn print(out: &mut impl Write, summary: &ModuleSummary, bytes: usize) -> std::io::Result<()> {
    if let Some(name) = &summary.name {
        writeln!(out, "name: {name}")?;
    }
    writeln!(out, "size: {bytes} bytes, {} of them code", summary.code_bytes)?;
    writeln!(out, "functions: {} defined, {} imported", summary.defined_functions, summary.imported_functions)?;
    writeln!(out, "data: {} bytes in {} segments", summary.data_bytes, summary.data_segments)?;
    writeln!(out, "imports: {}", summary.imports.len())?;
    for import in &summary.imports {
        writeln!(out, "  {}.{}: {}", import.module, import.name, describe(&import.ty))?;
    }
    writeln!(out, "exports: {}", summary.exports.len())?;
    for export in &summary.exports {
        writeln!(out, "  {}: {}", export.name, describe(&export.ty))?;
    }
    Ok(())
}

fn describe(ty: &ExternType) -> String {
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
