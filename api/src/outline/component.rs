//! Components: their sections, what they import and export, and what is in them.
//!
//! They are walked through here and not by wasmparser, so that whoever only looks at one needs none of what knows their types.

use std::ops::Range;

use wasmparser::BinaryReader;

use wasmer_runtime_core::compiler::CompileError;

use super::{Outline, OutlineItem};
use crate::summary::{SectionSummary, producers_in};

/// So deep components may be in one another.
const DEPTH_MAX: usize = 64;

/// Bytes of the header of a module or component.
const HEADER_BYTES: usize = 8;

/// The component model's names for its sections.
const KINDS: [&str; 12] = [
    "custom",
    "core module",
    "core instance",
    "core type",
    "component",
    "instance",
    "alias",
    "type",
    "canon",
    "start",
    "import",
    "export",
];

const CUSTOM: u8 = 0;
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;
const IMPORT: u8 = 10;
const EXPORT: u8 = 11;

/// Whether these are the first bytes of a component.
pub(super) fn is_component(wasm: &[u8]) -> bool {
    wasm.starts_with(b"\0asm") && wasm.get(6..HEADER_BYTES) == Some(&[1, 0])
}

/// A section: its number, and where its contents are.
struct Section {
    id: u8,
    range: Range<usize>,
}

/// The sections of the component that stands at `range`.
fn sections(wasm: &[u8], range: Range<usize>) -> Result<Vec<Section>, CompileError> {
    let (start, end) = (range.start + HEADER_BYTES, range.end);
    let mut reader = BinaryReader::new(wasm.get(start..end).unwrap_or_default(), start as u64);
    let mut sections = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8()?;
        let len = reader.read_var_u32()? as usize;
        let start = reader.original_position() as usize;
        reader.read_bytes(len)?;
        sections.push(Section { id, range: start..start + len });
    }
    Ok(sections)
}

/// Outlines the component that stands at `range`, `depth` of whose parents are components.
pub(super) fn outline(wasm: &[u8], range: Range<usize>, depth: usize) -> Result<Outline, CompileError> {
    let mut outline = Outline { is_component: true, ..Outline::default() };
    for Section { id, range } in sections(wasm, range)? {
        let kind = KINDS.get(usize::from(id)).copied().unwrap_or("unknown");
        let contents = &wasm[range.clone()];
        let mut reader = BinaryReader::new(contents, range.start as u64);
        let mut name = None;
        match id {
            CUSTOM => {
                let section = reader.read_string()?.to_owned();
                custom(&mut outline, &section, wasm, reader.original_position() as usize..range.end);
                name = Some(section);
            }
            CORE_MODULE => outline.parts.push(super::module(wasm, range.clone())?),
            COMPONENT if depth == DEPTH_MAX => return Err(reader.invalid("components are in too many others")),
            COMPONENT if is_component(contents) => outline.parts.push(self::outline(wasm, range.clone(), depth + 1)?),
            COMPONENT => return Err(reader.invalid("a component has another header")),
            IMPORT => outline.imports = items(&mut reader, false)?,
            EXPORT => outline.exports = items(&mut reader, true)?,
            _ => {}
        }
        outline.sections.push(SectionSummary { kind, name, bytes: range.len() });
    }
    Ok(outline)
}

/// Calls `visit` with each core module in the component that stands at `range`.
pub(super) fn each_module(
    wasm: &[u8],
    range: Range<usize>,
    depth: usize,
    visit: &mut impl FnMut(&[u8]) -> Result<(), CompileError>,
) -> Result<(), CompileError> {
    for Section { id, range } in sections(wasm, range)? {
        match id {
            CORE_MODULE => visit(&wasm[range])?,
            COMPONENT if depth < DEPTH_MAX => each_module(wasm, range, depth + 1, visit)?,
            _ => {}
        }
    }
    Ok(())
}

/// What tools wrote down. A malformed section is nobody's loss.
fn custom(outline: &mut Outline, section: &str, wasm: &[u8], range: Range<usize>) {
    match section {
        "producers" => match producers_in(wasm, range) {
            Ok(producers) => outline.producers = producers,
            Err(_) => outline.producers_malformed = true,
        },
        "component-name" => {
            let mut reader = BinaryReader::new(&wasm[range.clone()], range.start as u64);
            // The component's own name is the first of the subsections, if it is there.
            if matches!(reader.read_u8(), Ok(0)) && reader.read_var_u32().is_ok() {
                outline.name = reader.read_string().ok().map(str::to_owned);
            }
        }
        _ => {}
    }
}

/// The items of an import section, or of an export section.
fn items(reader: &mut BinaryReader<'_>, are_exports: bool) -> Result<Vec<OutlineItem>, CompileError> {
    let count = reader.read_var_u32()?;
    let mut items = Vec::new();
    for _ in 0..count {
        let name = name(reader)?;
        let ty = if are_exports { exported(reader)? } else { described(reader)? };
        items.push(OutlineItem { module: None, name, ty: ty.to_owned() });
    }
    Ok(items)
}

/// `externname`: a name, with a suffix for its version in one of the forms.
fn name(reader: &mut BinaryReader<'_>) -> Result<String, CompileError> {
    let form = reader.read_u8()?;
    let name = reader.read_string()?.to_owned();
    match form {
        0 | 1 => Ok(name),
        2 => Ok(name + reader.read_string()?),
        _ => Err(reader.invalid("a name has a form that is not known")),
    }
}

/// `externdesc`: what it is; its type is another section's.
fn described(reader: &mut BinaryReader<'_>) -> Result<&'static str, CompileError> {
    let sort = reader.read_u8()?;
    match sort {
        // A core module, by its sort among those of the core.
        0 => drop(reader.read_u8()?),
        // A value or type, by how it is bound: as equal to another, or by a type (by any resource, which has no index).
        2 | 3 => {
            let is_other = reader.read_u8()? != 0;
            if is_other && sort == 3 {
                return Ok("type");
            }
        }
        _ => {}
    }
    let text = sorts(sort).ok_or_else(|| reader.invalid("an import is of a kind that is not known"))?;
    // An index, or a type of a value, which is written as one.
    reader.read_var_s33()?;
    Ok(text)
}

/// The rest of an export: what it is, its index, and the type that it is to have, if one is said.
fn exported(reader: &mut BinaryReader<'_>) -> Result<&'static str, CompileError> {
    let sort = reader.read_u8()?;
    if sort == 0 {
        reader.read_u8()?;
    }
    let text = sorts(sort).ok_or_else(|| reader.invalid("an export is of a kind that is not known"))?;
    reader.read_var_u32()?;
    if reader.read_u8()? != 0 {
        described(reader)?;
    }
    Ok(text)
}

fn sorts(sort: u8) -> Option<&'static str> {
    ["core module", "func", "value", "type", "component", "instance"].get(usize::from(sort)).copied()
}

/// Errors of our own, at the place that was read last.
trait Invalid {
    fn invalid(&self, what: &'static str) -> CompileError;
}

impl Invalid for BinaryReader<'_> {
    fn invalid(&self, what: &'static str) -> CompileError {
        CompileError::Invalid { message: what.to_owned(), offset: self.original_position() }
    }
}
