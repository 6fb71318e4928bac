//! What cannot run here, as far as it parses: components, and modules that need what is not supported.

use std::fmt::{self, Write};

use wasmer_runtime::component::{translate, wit};
use wasmer_runtime::{CompileError, Error, Outline, OutlineItem, Producer, SectionSummary};

use super::{COMPONENT, Description, Named, Section, Tool, write, write_features, write_names, write_tools};
use crate::output::printable;

/// Describes what `error` says cannot run here, if it is valid for those who can.
pub(super) fn describe(wasm: &[u8], error: anyhow::Error) -> anyhow::Result<Description> {
    if !Outline::is_of_component(wasm) && !is_unsupported(&error) {
        return Err(error);
    }
    let outline = Outline::of(wasm)?;
    let mut description = Description::from(outline);
    description.bytes = wasm.len();
    description.wit = translate(wasm, wasmer_runtime::default_features()).ok().map(|component| wit(&component.info));
    let features = Outline::needs(wasm)?;
    description.unsupported = features.iter().filter(|feature| Outline::is_unsupported(feature)).cloned().collect();
    description.features = Some(features);
    Ok(description)
}

fn is_unsupported(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<Error>().and_then(Error::as_compile);
    matches!(error, Some(CompileError::Unsupported { .. } | CompileError::Limit(_)))
}

impl From<Outline> for Description {
    fn from(outline: Outline) -> Self {
        let item = |OutlineItem { module, name, ty }| Named {
            name: module.map_or_else(|| name.clone(), |module| format!("{module}.{name}")),
            r#type: ty,
        };
        let section = |SectionSummary { kind, name, bytes }| Section { kind, name, bytes };
        let tool = |Producer { field, name, version }| Tool { field, name, version };
        Self {
            kind: if outline.is_component { COMPONENT } else { "module" },
            name: outline.name,
            bytes: outline.sections.iter().map(|section| section.bytes).sum(),
            code_bytes: outline.code_bytes,
            data_bytes: outline.data_bytes,
            data_segments: outline.data_segments,
            element_segments: outline.element_segments,
            defined_functions: outline.defined_functions,
            imported_functions: outline.imported_functions,
            globals: outline.globals,
            tags: outline.tags,
            start: outline.start,
            features: None,
            unsupported: Vec::new(),
            types: Vec::new(),
            memories: outline.memories,
            tables: outline.tables,
            imports: outline.imports.into_iter().map(item).collect(),
            exports: outline.exports.into_iter().map(item).collect(),
            sections: outline.sections.into_iter().map(section).collect(),
            producers: outline.producers.into_iter().map(tool).collect(),
            producers_malformed: outline.producers_malformed,
            largest_functions: Vec::new(),
            parts: outline.parts.into_iter().map(Self::from).collect(),
            wit: None,
        }
    }
}

/// A component: as WIT with comments, which other tools read; if it cannot run here, what it wants and offers, then what is in it, indented.
pub(super) fn write_component(out: &mut String, component: &Description) -> fmt::Result {
    if let Some(wit) = &component.wit {
        writeln!(out, "// component: {} bytes", component.bytes)?;
        for (position, part) in component.parts.iter().enumerate() {
            writeln!(out, "// {} {position}: {} bytes", part.kind, part.bytes)?;
        }
        return out.write_str(wit);
    }
    writeln!(
        out,
        "component{}",
        component.name.as_ref().map(|name| format!(": {}", printable(name))).unwrap_or_default()
    )?;
    writeln!(out, "size: {} bytes", component.bytes)?;
    write_features(out, component)?;
    write_tools(out, component)?;
    write_names(out, &component.imports, &component.exports)?;
    writeln!(out, "modules and components inside: {}", component.parts.len())?;
    for (position, part) in component.parts.iter().enumerate() {
        writeln!(out, "{} {position}", part.kind)?;
        let mut text = String::new();
        write(&mut text, part)?;
        for line in text.lines() {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}
