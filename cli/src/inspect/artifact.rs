//! Artifacts: what they were made of, by whom, and for which processors.

use std::fmt::{self, Write};
use std::fs::File;

use serde::Serialize;
use wasmer_runtime::artifact::{Parts, Program};
use wasmer_runtime::component::wit;
use wasmer_runtime::{Artifact, Engine, EngineConfig, Image};

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
    /// Core modules of a component.
    modules: Option<usize>,
    /// What a component imports and exports.
    wit: Option<String>,
    /// Why it does not run here, if it does not; then nothing is known of imports and exports.
    unusable: Option<String>,
    imports: Vec<Named>,
    exports: Vec<Named>,
}

/// Describes an artifact after checking all of it.
pub(super) fn describe(file: File) -> anyhow::Result<Description> {
    let bytes = file.metadata()?.len();
    // SAFETY: nothing of it is run; it is read, and checked before that. A file that somebody truncates meanwhile is damage, which reading reports.
    let artifact = unsafe { Artifact::from_file(file, None) }?;
    artifact.verify()?;
    let parts = Parts::of(artifact)?;
    let images = parts.images();
    let of_first =
        |name: fn(&Image) -> &str| images.first().map_or_else(|| "-".to_owned(), |image| name(image).to_owned());
    let info = parts.component_info();
    let mut description = Description {
        kind: "artifact",
        name: images.first().filter(|_| info.is_none()).and_then(Image::module_name).map(str::to_owned),
        bytes,
        code_bytes: images.iter().map(|image| image.code().len()).sum(),
        backend: of_first(Image::backend),
        backend_version: of_first(Image::backend_version),
        // All are made for the same one.
        processor: images.first().map_or_else(String::new, |image| image.cpu_features().to_string()),
        fuel: images.iter().any(Image::uses_fuel),
        functions: images.iter().map(Image::functions_len).sum(),
        modules: info.map(|info| info.modules as usize),
        wit: info.map(wit),
        unusable: None,
        imports: Vec::new(),
        exports: Vec::new(),
    };
    let engine = Engine::new(EngineConfig::headless().fuel(description.fuel))?;
    // SAFETY: nothing of it is run.
    match unsafe { parts.program(&engine) } {
        Ok(Program::Module(module)) => {
            let import = |import: wasmer_runtime::ImportInfo| Named {
                name: format!("{}.{}", import.module, import.name),
                r#type: type_name(&import.ty),
            };
            description.imports = module.imports().map(import).collect();
            let exports = module.exports().map(|export| Named { r#type: type_name(&export.ty), name: export.name });
            description.exports = exports.collect();
        }
        // What it imports and exports is its WIT.
        Ok(Program::Component(_)) => {}
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
    if let Some(modules) = artifact.modules {
        writeln!(out, "core modules: {modules}")?;
    }
    if let Some(why) = &artifact.unusable {
        writeln!(out, "does not run here: {}", printable(why))?;
    }
    if let Some(wit) = &artifact.wit {
        return write!(out, "\n{wit}");
    }
    write_names(out, &artifact.imports, &artifact.exports)
}
