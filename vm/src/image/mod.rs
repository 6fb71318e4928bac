//! Mapping an image and reading it in place.

mod bundle;
mod code;
#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod doc_tests;
mod head;
mod pages;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

use wasmer_runtime_core::compiler::Abi;
use wasmer_runtime_core::cpu::{ARCHITECTURE, CpuFeatures};
use wasmer_runtime_core::image::header::{Header, Section, SectionEntry, checksum};
use wasmer_runtime_core::image::indices::{ArchivedList, Numbers};
use wasmer_runtime_core::image::metadata::*;
use wasmer_runtime_core::image::{ImageBytes, ImageError};
use wasmer_runtime_core::layout::VMCounts;
use wasmer_runtime_core::lazy::LazyModule;
use wasmer_runtime_core::module::{ArchivedConstOp, ConstOp, Entity, ImportType};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;

use crate::image::head::Head;
use crate::image::pages::Pages;
use crate::lazy::Lazy;
use crate::mapping::{Code, View};
use crate::memory::MemoryExtent;

pub use bundle::{Artifact, Bundle};
pub use pages::LazyPages;

/// A mapped image.
#[derive(Debug)]
pub struct Image {
    header: Header,
    /// Inside `head`; checked when it was mapped.
    metadata: NonNull<ArchivedMetadata>,
    /// Header and metadata, and the indices if they are short.
    head: Head,
    /// The indices, where `head` ends before them.
    indices: Option<View>,
    /// What comes into being while the code runs, if the module is compiled lazily. Dropped before the code, in whose mapping it has data.
    lazy: Option<Box<Lazy>>,
    code: Code,
    /// Everything from the data segments on.
    tail: View,
    pages: Pages,
}

// SAFETY: an image is read only; the pointer is into its own memory.
unsafe impl Send for Image {}
// SAFETY: as above.
unsafe impl Sync for Image {}

/// An import, in the image.
#[derive(Clone, Copy, Debug)]
pub struct ImportRef<'a> {
    /// Module name.
    pub module: &'a str,
    /// Field name.
    pub name: &'a str,
    /// What is imported.
    pub ty: ImportType,
}

/// An export, in the image.
#[derive(Clone, Copy, Debug)]
pub struct ExportRef<'a> {
    /// Its name.
    pub name: &'a str,
    /// What is exported.
    pub entity: Entity,
    /// Of a function: its type.
    pub func_type: TypeIdx,
}

/// What was read is not what the compiler wrote: the file changed after its checksums were compared, or they never were.
///
/// Header and metadata are checked before they are used; all other sections are read when something of them is needed. What is found
/// then ends what needed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage;

impl From<Damage> for TrapCode {
    fn from(_: Damage) -> Self {
        Self::DamagedArtifact
    }
}

impl From<Damage> for ImageError {
    fn from(_: Damage) -> Self {
        Self::Damaged("what is known of its functions contradicts itself")
    }
}

/// The section of indices, wherever it is.
fn indices_of<'a>(header: &Header, head: &'a Head, indices: Option<&'a View>) -> &'a [u8] {
    match indices {
        Some(indices) => indices,
        None => &head[header.section(Section::Indices).range()],
    }
}

impl Image {
    /// Maps an image file. With a `key`, it has to be the image of that key.
    ///
    /// Header and metadata are checked, and kept as they are. Code and the tables beside it are not read: see [`Image::verify`].
    ///
    /// # Safety
    /// Nobody writes to the file or shortens it as long as the image lives: code runs in place, and is as good as what the file holds.
    /// Files that are only ever replaced by renaming, as the cache's, are well.
    ///
    /// ```
    /// # use wasmer_runtime_core::image::ImageError;
    /// # use wasmer_vm::image::Image;
    /// fn load(file: std::fs::File) -> Result<Image, ImageError> { unsafe { Image::from_file(file, None) } }
    /// ```
    ///
    /// ```compile_fail
    /// # use wasmer_runtime_core::image::ImageError;
    /// # use wasmer_vm::image::Image;
    /// fn load(file: std::fs::File) -> Result<Image, ImageError> { Image::from_file(file, None) }
    /// ```
    pub unsafe fn from_file(file: File, key: Option<&[u8; 32]>) -> Result<Self, ImageError> {
        let part = 0..file.metadata()?.len();
        let head = Head::begin(&file, &part)?;
        // SAFETY: the caller's promise.
        unsafe { Self::from_part(&Arc::new(file), part, head, key) }
    }

    /// Maps an image that is a part of a file, and starts with `head`.
    ///
    /// # Safety
    /// As for [`Image::from_file`].
    unsafe fn from_part(
        file: &Arc<File>,
        part: Range<u64>,
        head: Head,
        key: Option<&[u8; 32]>,
    ) -> Result<Self, ImageError> {
        let len = part.end - part.start;
        if len == 0 {
            return Err(ImageError::Magic);
        }
        let head = head.of_image(file, &part)?;
        let header = Header::read(&head, len, key)?;
        if !part.start.is_multiple_of(header.page_bytes()) {
            return Err(ImageError::Damaged("it does not start at a page"));
        }
        // SAFETY: the caller's promise.
        let view = |offset, len: u64| unsafe { View::new(file, part.start + offset, len as usize) };
        let indices = header.section(Section::Indices);
        let is_read = indices.range().end <= head.len();
        let indices = if is_read { None } else { Some(view(indices.offset, indices.len)?) };
        let code = header.section(Section::Code);
        // SAFETY: as above.
        let code = unsafe { Code::new(file, part.start + code.offset, code.len as usize)? };
        let tail_offset = header.section(Section::Data).offset;
        let tail = view(tail_offset, len - tail_offset)?;
        let pages = *header.section(Section::Memory);
        let pages = SectionEntry { offset: part.start + pages.offset, ..pages };
        let pages = Pages::File { file: Arc::clone(file), section: pages };
        Self::new(header, head, indices, code, tail, pages)
    }

    /// Maps a copy of bytes that stand in no file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ImageError> {
        let header = Header::read(bytes, bytes.len() as u64, None)?;
        let code = header.section(Section::Code);
        let head = Head::copy(&bytes[..code.offset as usize])?;
        let code = Code::copy(&bytes[code.range()])?;
        let tail = View::copy(&bytes[header.section(Section::Data).offset as usize..])?;
        let pages = Pages::copy(&bytes[header.section(Section::Memory).range()])?;
        Self::new(header, head, None, code, tail, pages)
    }

    /// Maps a copy of the image of a module that is compiled lazily: of what [`prepare`](wasmer_runtime_core::lazy::prepare) made, with a [`Runner`](crate::lazy::Runner).
    pub fn lazy(bytes: &ImageBytes, module: LazyModule, pages: LazyPages) -> Result<Self, ImageError> {
        let bytes = bytes.as_bytes();
        let mut header = Header::read(bytes, bytes.len() as u64, None)?;
        let code_section = header.section(Section::Code);
        let head = Head::copy(&bytes[..code_section.offset as usize])?;
        let LazyPages(pages) = pages;
        let (code, lazy) = Lazy::new(&bytes[code_section.range()], module)?;
        let tail = View::copy(&bytes[header.section(Section::Data).offset as usize..])?;
        // The section is empty in the bytes; extents of memories count in the pages.
        header.sections[Section::Memory as usize].len = pages.len();
        Ok(Self { lazy: Some(Box::new(lazy)), ..Self::new(header, head, None, code, tail, pages)? })
    }

    /// Maps a copy of the image of better code whose functions are compiled one by one.
    pub(crate) fn of_better_code(bytes: &ImageBytes, module: LazyModule) -> Result<Self, ImageError> {
        Self::lazy(bytes, module, LazyPages(Pages::copy(&[])?))
    }

    fn new(
        header: Header,
        head: Head,
        indices: Option<View>,
        code: Code,
        tail: View,
        pages: Pages,
    ) -> Result<Self, ImageError> {
        let metadata = NonNull::from(header.metadata(&head, indices_of(&header, &head, indices.as_ref()))?);
        Ok(Self { header, metadata, head, indices, lazy: None, code, tail, pages })
    }

    /// Reads everything, compares checksums, and looks whether code begins where it is entered: for images whose file nobody has vouched for.
    pub fn verify(&self) -> Result<(), ImageError> {
        self.header.verify(|section| match section {
            Section::Memory => Ok(self.pages.checksum()?),
            section => Ok(checksum(self.section(section))),
        })?;
        let has_its_entries = self.has_its_entries();
        has_its_entries.then_some(()).ok_or(ImageError::Damaged("no code begins where it is entered"))
    }

    /// The bytes of the whole image, as they were written: what [`Image::from_bytes`] takes.
    pub fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(self.header.len as usize).map_err(io::Error::other)?;
        bytes.extend_from_slice(&self.head[..self.header.section(Section::Metadata).offset as usize]);
        for section in Section::ALL {
            let range = self.header.section(*section).range();
            // What is between sections is zero.
            bytes.resize(range.start, 0);
            match section {
                Section::Memory => self.pages.append_to(&mut bytes)?,
                section => bytes.extend_from_slice(self.section(*section)),
            }
        }
        bytes.resize(self.header.len as usize, 0);
        Ok(bytes)
    }

    fn meta(&self) -> &ArchivedMetadata {
        // SAFETY: points into memory that lives as long and never changes, and was checked there.
        unsafe { self.metadata.as_ref() }
    }

    fn section(&self, section: Section) -> &[u8] {
        let range = self.header.section(section).range();
        match section {
            Section::Metadata => &self.head[range],
            Section::Indices => indices_of(&self.header, &self.head, self.indices.as_ref()),
            Section::Code => &self.code,
            Section::Memory => unreachable!("every instance maps its pages for itself"),
            Section::Data
            | Section::Places
            | Section::Traps
            | Section::Locations
            | Section::Names
            | Section::Handlers
            | Section::Saved => {
                let tail = self.header.section(Section::Data).offset as usize;
                &self.tail[range.start - tail..range.end - tail]
            }
        }
    }

    fn list(&self, list: &ArchivedList) -> Numbers<'_> {
        Numbers::new(self.section(Section::Indices), list)
    }

    /// The key that the image was made under.
    pub fn key(&self) -> &[u8; 32] {
        &self.header.key
    }

    /// The calling convention of the code.
    pub fn abi(&self) -> Abi {
        self.header.abi
    }

    /// What a fault in the address space of a memory means at an instruction without an entry in the trap table.
    pub fn untabled_fault(&self) -> Option<TrapCode> {
        self.header.untabled_fault
    }

    /// All that the code may use of a processor.
    pub fn cpu_features(&self) -> CpuFeatures {
        self.header.cpu_features
    }

    /// Whether this machine's processor has what the code needs. Making a module of the image asks this, too.
    pub fn check_processor(&self) -> Result<(), ImageError> {
        if self.header.architecture != ARCHITECTURE {
            return Err(ImageError::Architecture);
        }
        let missing = self.header.cpu_features.without(CpuFeatures::host());
        if missing.is_empty() { Ok(()) } else { Err(ImageError::Processor { missing }) }
    }

    /// Whether the code uses up fuel.
    pub fn uses_fuel(&self) -> bool {
        self.header.fuel
    }

    /// Name of the backend that made it.
    pub fn backend(&self) -> &str {
        &self.meta().backend
    }

    /// Version of the backend that made it.
    pub fn backend_version(&self) -> &str {
        &self.meta().backend_version
    }

    /// Length of the whole image in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.header.len
    }

    /// Whether the code was copied because its file may not be executed.
    pub fn code_copied(&self) -> bool {
        self.code.is_refused()
    }

    /// Moves the code to anonymous memory, unless it is there already. Nothing may run in it yet.
    pub fn copy_code(&mut self) -> io::Result<()> {
        if !self.code.is_copied() && !self.code.is_empty() {
            self.code = Code::copy(&self.code)?;
        }
        Ok(())
    }

    /// The file that initial memories are mapped from, by [`Image::memory_image`].
    pub fn memory_file(&self) -> io::Result<&File> {
        self.pages.file()
    }
}

/// The module's types and index spaces.
impl Image {
    /// The counts that determine the vmctx.
    pub fn counts(&self) -> VMCounts {
        let meta = self.meta();
        VMCounts {
            memories: meta.memories.len() as u32,
            imported_globals: meta.imported_globals.to_native(),
            globals: meta.globals.len() as u32,
            imported_tables: meta.imported_tables.to_native(),
            tables: meta.tables.len() as u32,
            imported_functions: meta.imported_functions.to_native(),
            tags: meta.tags.len() as u32,
            heap: meta.uses_heap,
            first_tier: self.can_be_improved(),
        }
    }

    /// How many types there are.
    pub fn types_len(&self) -> usize {
        self.meta().types.len()
    }

    /// A type.
    pub fn type_def(&self, index: TypeIdx) -> TypeDef {
        native(&self.meta().types[index.index()])
    }

    /// The recursion groups of several types, in order.
    pub fn rec_groups(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let groups = self.meta().rec_groups.iter();
        groups.map(|[start, end]| start.to_native() as usize..end.to_native() as usize)
    }

    /// How many functions there are, imports included.
    pub fn functions_len(&self) -> usize {
        self.list(&self.meta().lists.function_types).len()
    }

    /// The place of a defined function in the index space.
    pub fn func_index(&self, defined: DefinedFuncIdx) -> FuncIdx {
        FuncIdx(self.meta().imported_functions.to_native().saturating_add(defined.0))
    }

    /// The type of a function.
    pub fn function_type_index(&self, index: FuncIdx) -> Result<TypeIdx, Damage> {
        let ty = self.list(&self.meta().lists.function_types).get(index.index());
        let is_func = |ty: &u32| self.meta().types.get(*ty as usize).is_some_and(|ty| ty.kind() == TypeKind::Func);
        ty.filter(is_func).map(TypeIdx).ok_or(Damage)
    }

    /// The type of a table.
    pub fn table_type(&self, index: TableIdx) -> TableType {
        native(&self.meta().tables[index.index()])
    }

    /// The type of a memory.
    pub fn memory_type(&self, index: MemoryIdx) -> MemoryType {
        native(&self.meta().memories[index.index()])
    }

    /// The type of a global.
    pub fn global_type(&self, index: GlobalIdx) -> GlobalType {
        native(&self.meta().globals[index.index()])
    }

    /// The type of a tag.
    pub fn tag_type(&self, index: TagIdx) -> TypeIdx {
        native(&self.meta().tags[index.index()])
    }

    /// The start function.
    pub fn start(&self) -> Option<FuncIdx> {
        native(&self.meta().start)
    }

    /// How many imports there are.
    pub fn imports_len(&self) -> usize {
        self.meta().imports.len()
    }

    /// The imports, in order.
    pub fn imports(&self) -> impl Iterator<Item = ImportRef<'_>> {
        let imports = self.meta().imports.iter();
        imports.map(|import| ImportRef { module: &import.module, name: &import.name, ty: native(&import.ty) })
    }

    /// The exports, in order.
    pub fn exports(&self) -> impl Iterator<Item = ExportRef<'_>> {
        (0..self.meta().exports.len()).filter_map(|position| self.export_at(position))
    }

    /// The export at a position.
    pub fn export_at(&self, position: usize) -> Option<ExportRef<'_>> {
        let (export, func_type) = (self.meta().exports.get(position)?, self.meta().export_types.get(position)?);
        let func_type = TypeIdx(func_type.to_native());
        Some(ExportRef { name: &export.name, entity: native(&export.entity), func_type })
    }

    /// The export of a name.
    pub fn export(&self, name: &str) -> Option<ExportRef<'_>> {
        let meta = self.meta();
        let name_at = |position: &rkyv::rend::u32_le| meta.exports[position.to_native() as usize].name.as_str();
        let rank = meta.exports_by_name.binary_search_by(|position| name_at(position).cmp(name)).ok()?;
        self.export_at(meta.exports_by_name[rank].to_native() as usize)
    }
}

fn ops(archived: &[ArchivedConstOp]) -> impl Iterator<Item = ConstOp> + '_ {
    archived.iter().map(native)
}

/// What an instance starts with.
impl Image {
    /// The initial value of the defined global at this position.
    pub fn global_init(&self, position: usize) -> impl Iterator<Item = ConstOp> + '_ {
        ops(&self.meta().global_inits[position])
    }

    /// The initial value of the elements of the defined table at this position, if not null.
    pub fn table_init(&self, position: usize) -> Option<impl Iterator<Item = ConstOp> + '_> {
        self.meta().table_inits[position].as_ref().map(|init| ops(init))
    }

    /// How many element segments can be used: the others are dropped from the start.
    pub fn elements_len(&self) -> usize {
        self.meta().elements.len()
    }

    /// The rank of an element segment among those that can be used.
    pub fn element_rank(&self, index: ElemIdx) -> Option<usize> {
        self.meta().elements.binary_search_by_key(&index.0, |segment| segment.index.0.to_native()).ok()
    }

    /// How many elements the segment of a rank has.
    pub fn element_items_len(&self, rank: usize) -> usize {
        match &self.meta().elements[rank].items {
            ArchivedItems::Functions(list) => list.len.to_native() as usize,
            ArchivedItems::Expressions(items) => items.len(),
        }
    }

    /// How many elements an instance keeps because objects are among them.
    pub fn made_elements_len(&self) -> usize {
        let ranks = if self.meta().uses_heap { 0..self.elements_len() } else { 0..0 };
        ranks.filter(|rank| self.elements_make_objects(*rank)).map(|rank| self.element_items_len(rank)).sum()
    }

    /// Whether objects are among the elements of the segment of a rank, which is used later.
    pub fn elements_make_objects(&self, rank: usize) -> bool {
        let segment = &self.meta().elements[rank];
        match &segment.items {
            ArchivedItems::Functions(_) => false,
            ArchivedItems::Expressions(items) => {
                segment.apply.is_none() && items.iter().any(|item| ops(item).any(|op| op.is_gc()))
            }
        }
    }

    /// Whether the segment of a rank is a list of functions.
    pub fn elements_are_functions(&self, rank: usize) -> bool {
        matches!(self.meta().elements[rank].items, ArchivedItems::Functions(_))
    }

    /// An element of the segment of a rank, if that is a list of functions: none for null.
    pub fn element_function(&self, rank: usize, position: usize) -> Option<FuncIdx> {
        match &self.meta().elements[rank].items {
            ArchivedItems::Functions(list) => self.list(list).get(position).map(FuncIdx),
            ArchivedItems::Expressions(_) => None,
        }
    }

    /// An element of the segment of a rank.
    pub fn element_item(&self, rank: usize, position: usize) -> impl Iterator<Item = ConstOp> + '_ {
        let (function, expression) = match &self.meta().elements[rank].items {
            ArchivedItems::Functions(list) => (self.list(list).get(position), None),
            ArchivedItems::Expressions(items) => (None, Some(ops(&items[position]))),
        };
        function.map(|function| ConstOp::RefFunc(FuncIdx(function))).into_iter().chain(expression.into_iter().flatten())
    }

    /// The ranks of the element segments that are still to be applied, their tables and offsets.
    pub fn elements_to_apply(&self) -> impl Iterator<Item = (usize, TableIdx, impl Iterator<Item = ConstOp> + '_)> {
        let segments = self.meta().elements.iter().enumerate();
        segments.filter_map(|(rank, segment)| segment.apply.as_ref().map(|to| (rank, native(&to.0), ops(&to.1))))
    }

    /// How many data segments can be used: the others are dropped from the start.
    pub fn data_len(&self) -> usize {
        self.meta().data.len()
    }

    /// The rank of a data segment among those that can be used.
    pub fn data_rank(&self, index: DataIdx) -> Option<usize> {
        self.meta().data.binary_search_by_key(&index.0, |segment| segment.index.0.to_native()).ok()
    }

    /// The bytes of the data segment of a rank.
    pub fn data_bytes(&self, rank: usize) -> &[u8] {
        let segment = &self.meta().data[rank];
        let (offset, len) = (segment.offset.to_native() as usize, segment.len.to_native() as usize);
        self.section(Section::Data).get(offset..).and_then(|bytes| bytes.get(..len)).unwrap_or_default()
    }

    /// The ranks of the data segments that are still to be applied, their memories and offsets.
    pub fn data_to_apply(&self) -> impl Iterator<Item = (usize, MemoryIdx, impl Iterator<Item = ConstOp> + '_)> {
        let segments = self.meta().data.iter().enumerate();
        segments.filter_map(|(rank, segment)| segment.apply.as_ref().map(|to| (rank, native(&to.0), ops(&to.1))))
    }

    /// The initial contents of a defined memory, as parts of the file.
    pub fn memory_image(&self, index: MemoryIdx) -> impl Iterator<Item = MemoryExtent> + Clone {
        let (section_len, page_bytes) = (self.header.section(Section::Memory).len, self.header.page_bytes());
        let meta = self.meta();
        let position = index.index() - meta.imported_memories.to_native() as usize;
        meta.memory_images[position].iter().map(move |extent| {
            let len = u64::from(extent.pages.to_native()) * page_bytes;
            let start = u64::from(extent.image_page.to_native()) * page_bytes;
            // A part outside of the section becomes empty.
            let len = len.min(section_len.saturating_sub(start));
            let guest_offset = extent.guest_page.to_native().saturating_mul(page_bytes);
            MemoryExtent { guest_offset, file_offset: self.pages.file_offset() + start, len }
        })
    }

    /// Whether elements of a defined table stand in the image.
    pub fn has_table_image(&self, index: TableIdx) -> bool {
        self.table_image(index).is_some_and(|list| list.len > 0)
    }

    /// The function that the image puts at an element of a defined table.
    pub fn table_image_get(&self, index: TableIdx, element: u64) -> Option<FuncIdx> {
        let list = self.table_image(index)?;
        self.list(list).get(usize::try_from(element).ok()?).map(FuncIdx)
    }

    fn table_image(&self, index: TableIdx) -> Option<&ArchivedList> {
        let meta = self.meta();
        let position = index.0.checked_sub(meta.imported_tables.to_native())?;
        meta.table_images.get(position as usize)
    }

    /// How many functions can become references.
    pub fn escaping_len(&self) -> usize {
        self.list(&self.meta().lists.escaping).len()
    }

    /// The function of a rank among those that can become references.
    pub(crate) fn escaping_at(&self, position: usize) -> Result<FuncIdx, Damage> {
        self.list(&self.meta().lists.escaping).get(position).map(FuncIdx).ok_or(Damage)
    }

    /// The rank of a function among those that can become references.
    pub fn escaping_position(&self, index: FuncIdx) -> Option<usize> {
        self.list(&self.meta().lists.escaping).position(index.0)
    }
}
