//! Writing an image.

use std::convert::Infallible;

use rkyv::rancor;

use crate::compiler::{BackendId, CompileError};
use crate::cpu::CpuFeatures;
use crate::image::ImageBytes;
use crate::image::fold::{Folded, InitialPages, fold};
use crate::image::header::{HEADER_BYTES, Header, Section, checksum};
use crate::image::indices::{IndicesBuilder, NONE};
use crate::image::link::Linked;
use crate::image::metadata::*;
use crate::module::*;
use crate::types::*;

/// Who made the code, for which processor, under which name.
pub(crate) struct Made<'a> {
    pub(crate) backend: &'a BackendId,
    pub(crate) cpu_features: CpuFeatures,
    pub(crate) key: [u8; 32],
}

/// The image of a module whose code is linked.
pub(crate) fn build(
    info: &ModuleInfo,
    wasm: &[u8],
    linked: Linked,
    made: &Made<'_>,
) -> Result<ImageBytes, CompileError> {
    let folded = fold(info, wasm);
    write(info, wasm, linked, made, &folded, |bytes| folded.append_pages(bytes))
}

/// The same without the pages of memories, which most often are in the module's bytes already.
pub(crate) fn build_apart<'a>(
    info: &ModuleInfo,
    wasm: &'a [u8],
    linked: Linked,
    made: &Made<'_>,
) -> Result<(ImageBytes, InitialPages<'a>), CompileError> {
    let folded = fold(info, wasm);
    let image = write(info, wasm, linked, made, &folded, |_| ())?;
    Ok((image, folded.into_pages(wasm)))
}

fn write(
    info: &ModuleInfo,
    wasm: &[u8],
    mut linked: Linked,
    made: &Made<'_>,
    folded: &Folded<'_>,
    append_pages: impl FnOnce(&mut Vec<u8>),
) -> Result<ImageBytes, CompileError> {
    let backend = made.backend;
    let mut indices = IndicesBuilder::default();
    let mut data = Vec::new();
    let metadata = metadata(info, wasm, &linked, folded, backend, &mut indices, &mut data);
    let metadata = rkyv::to_bytes::<rancor::Error>(&metadata)
        .map_err(|error| CompileError::Internal { by: backend.name, message: format!("the metadata: {error}") })?;

    let mut header = Header::new(backend.abi, made.cpu_features, made.key);
    header.untabled_fault = backend.untabled_fault;
    header.fuel = info.metered;
    let mut writer = Writer::new(header, linked.code_bytes() + folded.pages_bytes);
    writer.section(Section::Metadata, &metadata);
    writer.section(Section::Indices, &indices.finish());
    let tables = writer
        .section_by(Section::Code, |bytes| linked.append_code(bytes))
        .map_err(|message| CompileError::Internal { by: backend.name, message })?;
    let Ok(()) = writer.section_by(Section::Memory, |bytes| {
        append_pages(bytes);
        Ok::<_, Infallible>(())
    });
    writer.section(Section::Data, &data);
    writer.section(Section::Places, &places(&linked.places));
    writer.section(Section::Traps, &tables.traps.finish());
    writer.section(Section::Locations, &tables.locations.finish());
    writer.section(Section::Names, &names(&info.function_names));
    writer.section(Section::Handlers, &tables.handlers);
    writer.section(Section::Saved, &tables.saved_registers.finish());
    Ok(writer.finish())
}

/// Puts sections one behind the other.
struct Writer {
    header: Header,
    bytes: Vec<u8>,
}

impl Writer {
    /// `large_bytes` is what the sections take that are large; the others are guessed to be half of it, so that the bytes are seldom moved.
    fn new(header: Header, large_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(large_bytes + large_bytes / 2 + HEADER_BYTES);
        bytes.resize(HEADER_BYTES, 0);
        Self { header, bytes }
    }

    fn section(&mut self, section: Section, bytes: &[u8]) {
        let Ok(()) = self.section_by(section, |image| {
            image.extend_from_slice(bytes);
            Ok::<_, Infallible>(())
        });
    }

    /// A section that `append` appends.
    fn section_by<T, E>(
        &mut self,
        section: Section,
        append: impl FnOnce(&mut Vec<u8>) -> Result<T, E>,
    ) -> Result<T, E> {
        let offset = self.bytes.len().next_multiple_of(section.align(self.header.page_bytes()) as usize);
        self.bytes.resize(offset, 0);
        let result = append(&mut self.bytes)?;
        let entry = &mut self.header.sections[section as usize];
        entry.offset = offset as u64;
        entry.len = (self.bytes.len() - offset) as u64;
        if section != Section::Metadata {
            entry.checksum = checksum(&self.bytes[offset..]);
        }
        Ok(result)
    }

    fn finish(mut self) -> ImageBytes {
        self.header.len = self.bytes.len() as u64;
        self.header.write(&mut self.bytes);
        ImageBytes(self.bytes)
    }
}

fn metadata(
    info: &ModuleInfo,
    wasm: &[u8],
    linked: &Linked,
    folded: &Folded<'_>,
    backend: &BackendId,
    indices: &mut IndicesBuilder,
    data: &mut Vec<u8>,
) -> Metadata {
    let lists = Lists {
        function_starts: indices.list(linked.functions.iter().copied()),
        function_types: indices.list(info.functions.iter().map(|ty| ty.0)),
        escaping: indices.list(info.escaping.iter().map(|function| function.0)),
    };
    Metadata {
        backend: backend.name.to_owned(),
        backend_version: backend.version.clone().into_owned(),
        name: info.name.clone(),
        types: info.types.clone(),
        rec_groups: info.rec_groups.iter().map(|group| [group.start.0, group.end.0]).collect(),
        uses_heap: info.uses_heap,
        trampolines: linked.trampolines.clone(),
        imports: info.imports.clone(),
        exports: info.exports.clone(),
        export_types: info.exports.iter().map(|export| export_type(info, export)).collect(),
        exports_by_name: by_name(&info.exports),
        imported_functions: info.imported_functions,
        imported_tables: info.imported_tables,
        imported_memories: info.imported_memories,
        imported_globals: info.imported_globals,
        tables: info.tables.clone(),
        memories: info.memories.clone(),
        globals: info.globals.clone(),
        tags: info.tags.clone(),
        global_inits: info.global_inits.iter().map(|init| init.0.clone()).collect(),
        table_inits: info.table_inits.iter().map(|init| init.as_ref().map(|init| init.0.clone())).collect(),
        start: info.start,
        table_images: folded.tables.iter().map(|table| indices.list(table.iter().copied())).collect(),
        memory_images: folded.memories.clone(),
        elements: elements(info, folded.elements, indices),
        data: data_segments(info, wasm, folded.data, data),
        names: info.function_names.len() as u32,
        lists,
    }
}

/// The type of an exported function, so that an instance need not look into the list of functions.
fn export_type(info: &ModuleInfo, export: &Export) -> u32 {
    match export.entity {
        Entity::Func(index) => info.functions[index.index()].0,
        Entity::Table(_) | Entity::Memory(_) | Entity::Global(_) | Entity::Tag(_) => NONE,
    }
}

/// The positions of exports in the order of their names: an export is found by bisection.
fn by_name(exports: &[Export]) -> Vec<u32> {
    let mut positions: Vec<u32> = (0..exports.len() as u32).collect();
    positions.sort_unstable_by_key(|position| &exports[*position as usize].name);
    positions
}

/// The segments that are still to be applied or may be asked for; the first `folded` active ones are part of the tables' images.
fn elements(info: &ModuleInfo, folded: usize, indices: &mut IndicesBuilder) -> Vec<Elements> {
    let segment = |(position, segment): (usize, &ElementSegment)| {
        let apply = match &segment.mode {
            ElementMode::Passive => None,
            ElementMode::Active { table, offset } if position >= folded => Some((*table, offset.0.clone())),
            ElementMode::Active { .. } | ElementMode::Declared => return None,
        };
        let items = match &segment.items {
            ElementItems::Functions(functions) => Items::Functions(indices.list(functions.iter().map(|item| item.0))),
            ElementItems::Expressions(items) => Items::Expressions(items.iter().map(|item| item.0.clone()).collect()),
        };
        Some(Elements { index: ElemIdx::from_index(position), items, apply })
    };
    info.elements.iter().enumerate().filter_map(segment).collect()
}

/// As [`elements`], for memories. The bytes go into a section of their own, which a start reads only if it has to.
fn data_segments(info: &ModuleInfo, wasm: &[u8], folded: usize, data: &mut Vec<u8>) -> Vec<Data> {
    let segment = |(position, segment): (usize, &DataSegment)| {
        let apply = match &segment.active {
            None => None,
            Some((memory, offset)) if position >= folded => Some((*memory, offset.0.clone())),
            Some(_) => return None,
        };
        let bytes = &wasm[segment.range.clone()];
        let offset = data.len() as u32;
        data.extend_from_slice(bytes);
        Some(Data { index: DataIdx::from_index(position), offset, len: bytes.len() as u32, apply })
    };
    info.data.iter().enumerate().filter_map(segment).collect()
}

/// Where pieces of code start and which function each is, as one number each, so that bisection compares what it loads.
fn places(places: &[(u32, u32)]) -> Vec<u8> {
    places.iter().flat_map(|(start, function)| (u64::from(*function) << 32 | u64::from(*start)).to_le_bytes()).collect()
}

/// Per name: function (u32) and end of the name in the text (u32); then the text.
fn names(names: &[(FuncIdx, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut end = 0;
    for (function, name) in names {
        end += name.len() as u32;
        bytes.extend_from_slice(&function.0.to_le_bytes());
        bytes.extend_from_slice(&end.to_le_bytes());
    }
    bytes.extend(names.iter().flat_map(|(_, name)| name.bytes()));
    bytes
}
