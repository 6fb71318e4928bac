//! Artifacts: what they were made of, by whom, and for which processors.

use std::fmt::{self, Write};
use std::fs::File;

use serde::Serialize;
use wasmer_runtime::{Engine, EngineConfig, Image, Module};

use super::{Named, type_name, write_names};
use crate::output::printable;

/// What there is to say about an artifact, as `--json` prints it. Sizes are in bytes.
#[derive(Serialize)]
pub(super) struct Description {
    /// `artifact`.
    kind: &'static str,
    name: Option<String>,
    bytes: u64,
    code_bytes: usize,
    backend: String,
    backend_version: String,
    /// What the processor must have.
    processor: String,
    fuel: bool,
    functions: usize,
    /// Why it does not run here, if it does not; then nothing is known of imports and exports.
    unusable: Option<String>,
    imports: Vec<Named>,
    exports: Vec<Named>,
}

/// Describes an artifact after checking all of it.
pub(super) fn describe(file: File) -> anyhow::Result<Description> {
    // SAFETY: nothing of it is run; it is read, and checked before that. A file that somebody truncates meanwhile is damage, which reading reports.
    let image = unsafe { Image::from_file(file, None) }?;
    image.verify()?;
    let mut description = Description {
        kind: "artifact",
        name: image.module_name().map(str::to_owned),
        bytes: image.len_bytes(),
        code_bytes: image.code().len(),
        backend: image.backend().to_owned(),
        backend_version: image.backend_version().to_owned(),
        processor: image.cpu_features().to_string(),
        fuel: image.uses_fuel(),
        functions: image.functions_len(),
        unusable: None,
        imports: Vec::new(),
        exports: Vec::new(),
    };
    let engine = Engine::new(EngineConfig::headless().fuel(image.uses_fuel()))?;
    // SAFETY: nothing of it is run.
    match unsafe { Module::from_image(&engine, image) } {
        Ok(module) => {
            let import = |import: wasmer_runtime::ImportInfo| Named {
                name: format!("{}.{}", import.module, import.name),
                r#type: type_name(&import.ty),
            };
            description.imports = module.imports().map(import).collect();
            let exports = module.exports().map(|export| Named { r#type: type_name(&export.ty), name: export.name });
            description.exports = exports.collect();
        }
        Err(error) => description.unusable = Some(error.to_string()),
    }
    Ok(description)
}

pub(super) fn write(out: &mut String, artifact: &Description) -> fmt::Result {
    writeln!(
        out,
        "artifact{}",
        artifact.name.as_ref().map(|name| format!(": {}", printable(name))).unwrap_or_default()
    )?;
    writeln!(out, "size: {} bytes, {} of them code", artifact.bytes, artifact.code_bytes)?;
    writeln!(out, "compiler: {} {}", printable(&artifact.backend), printable(&artifact.backend_version))?;
    writeln!(out, "processor: {}", if artifact.processor.is_empty() { "any" } else { &artifact.processor })?;
    writeln!(out, "fuel: {}", if artifact.fuel { "used" } else { "not used" })?;
    writeln!(out, "functions: {}", artifact.functions)?;
    if let Some(why) = &artifact.unusable {
        writeln!(out, "does not run here: {}", printable(why))?;
    }
    write_names(out, &artifact.imports, &artifact.exports)
}
