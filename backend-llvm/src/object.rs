//! From LLVM's ELF object to an [`Output`]: text and read-only data in one piece, references between its parts
//! resolved, references to other functions as relocations, traps and locations as tables.

use std::collections::BTreeMap;

use object::elf::{R_X86_64_64, R_X86_64_PC32, R_X86_64_PLT32, SHF_ALLOC, SHF_EXECINSTR};
use object::read::elf::ElfFile64;
use object::{
    LittleEndian, Object, ObjectSection, ObjectSymbol, Relocation, RelocationFlags, RelocationTarget, SectionFlags,
    SectionIndex,
};
use wasmer_runtime_core::compiler::{
    CodeLocation, CompileError, CompileLimit, Definition, NO_WASM_OFFSET, Output, Reloc, RelocKind, Symbol, Trampoline,
    TrapSite,
};
use wasmer_runtime_core::trap::TrapCode;

use crate::codegen::Role;
use crate::debug_info::offset_of_line;
use crate::intrinsics::{TRAP_ENTRY_BYTES, TRAP_SECTION, internal};
use crate::trampoline::TRAMPOLINE_SYMBOL;
use crate::unwind::Tables;

type File<'data> = ElfFile64<'data, LittleEndian>;
type Section<'data, 'file> = object::read::elf::ElfSection64<'data, 'file, LittleEndian>;

/// What an object holds.
#[derive(Clone, Copy)]
pub(crate) enum Contents {
    /// Functions of the module.
    Functions,
    /// One trampoline.
    Trampoline(Trampoline),
}

/// `int3`: between sections.
const PADDING: u8 = 0xcc;
/// Where functions save registers.
const FRAMES_SECTION: &str = ".eh_frame";
/// Where calls in regions go on.
const CALLS_SECTION: &str = ".gcc_except_table";
/// A pointer to the personality function, which nobody needs.
const PERSONALITY_SECTION: &str = ".data.DW.ref.";
/// Length of the instruction at a trap site (`ud2`).
const TRAP_BYTES: u32 = 2;

/// Appends an object to an output.
pub(crate) fn append(bytes: &[u8], contents: Contents, output: &mut Output) -> Result<(), CompileError> {
    let file = File::parse(bytes).map_err(internal)?;
    let first_definition = output.definitions.len();
    let mut reader = Reader { places: BTreeMap::new(), file: &file, contents, first_definition, output };
    reader.place_sections()?;
    reader.define()?;
    reader.relocate()?;
    reader.unwind()?;
    let traps = reader.traps()?;
    reader.locations(&traps)
}

struct Reader<'a, 'data> {
    file: &'a File<'data>,
    contents: Contents,
    output: &'a mut Output,
    /// The first definition of the object.
    first_definition: usize,
    /// Where sections start in the output's text.
    places: BTreeMap<usize, u32>,
}

impl<'a, 'data> Reader<'a, 'data> {
    /// Copies code, then read-only data, to the end of the text.
    /// One piece with fixed distances: so references between the two are resolved here, and only those to other functions are left to the linker.
    fn place_sections(&mut self) -> Result<(), CompileError> {
        let sections: Vec<_> = self.file.sections().filter(is_loaded).collect();
        self.pad(Output::ALIGN);
        let (code, data): (Vec<_>, Vec<_>) = sections.into_iter().partition(is_code);
        for section in code.into_iter().chain(data) {
            let name = section.name().map_err(internal)?;
            if is_for_unwinding(name) || section.size() == 0 {
                continue;
            }
            if !is_code(&section) && !name.starts_with(".rodata") {
                return Err(internal(format!("unexpected section `{name}`")));
            }
            self.pad(section.align().clamp(1, Output::ALIGN as u64) as usize);
            let place = self.here()?;
            self.output.text.extend_from_slice(section.data().map_err(internal)?);
            self.places.insert(section.index().0, place);
            if !is_code(&section) {
                self.define_local(place, section.size() as u32);
            }
        }
        self.here().map(drop)
    }

    fn pad(&mut self, align: usize) {
        let len = self.output.text.len().next_multiple_of(align);
        self.output.text.resize(len, PADDING);
    }

    fn here(&self) -> Result<u32, CompileError> {
        match u32::try_from(self.output.text.len()) {
            Ok(len) if len <= i32::MAX as u32 => Ok(len),
            _ => Err(CompileLimit::BRANCH_REACH.into()),
        }
    }

    fn define_local(&mut self, offset: u32, len: u32) {
        // Nothing refers to local symbols, so that the position serves as the number.
        let symbol = Symbol::Local(self.output.definitions.len() as u32);
        self.output.definitions.push(Definition { symbol, offset, len });
    }

    fn define(&mut self) -> Result<(), CompileError> {
        for symbol in self.file.symbols() {
            if symbol.kind() != object::SymbolKind::Text {
                continue;
            }
            let Some(section) = symbol.section_index() else { continue };
            let offset = self.place_of(section)? + symbol.address() as u32;
            let len = symbol.size() as u32;
            match self.symbol(symbol.name().map_err(internal)?) {
                Some(symbol) => self.output.definitions.push(Definition { symbol, offset, len }),
                None => self.define_local(offset, len),
            }
        }
        self.output.definitions.sort_by_key(|definition| definition.offset);
        Ok(())
    }

    /// What a name of ours stands for.
    fn symbol(&self, name: &str) -> Option<Symbol> {
        match self.contents {
            Contents::Trampoline(trampoline) if name == TRAMPOLINE_SYMBOL => Some(Symbol::Trampoline(trampoline)),
            _ => Role::function_of(name).map(Symbol::Function),
        }
    }

    fn place_of(&self, section: SectionIndex) -> Result<u32, CompileError> {
        self.places.get(&section.0).copied().ok_or_else(|| internal("a reference into a section that is not loaded"))
    }

    /// Resolves what can be resolved now, and records the rest.
    fn relocate(&mut self) -> Result<(), CompileError> {
        let first = self.output.relocs.len();
        for section in self.file.sections() {
            let Some(&start) = self.places.get(&section.index().0) else { continue };
            for (offset, relocation) in section.relocations() {
                self.relocation(start + offset as u32, &relocation)?;
            }
        }
        self.output.relocs[first..].sort_by_key(|reloc| reloc.offset);
        Ok(())
    }

    fn relocation(&mut self, place: u32, relocation: &Relocation) -> Result<(), CompileError> {
        match relocation.flags() {
            RelocationFlags::Elf { r_type: R_X86_64_PC32 | R_X86_64_PLT32, .. } => {}
            other => return Err(internal(format!("unexpected relocation {other:?}"))),
        }
        let addend = relocation.addend();
        if let Some(target) = self.target(relocation)? {
            // `S + A - P` of the System V ABI.
            let value = target as i64 + addend - place as i64;
            let bytes = i32::try_from(value).map_err(internal)?.to_le_bytes();
            let place = place as usize;
            return match self.output.text.get_mut(place..place + 4) {
                Some(field) => {
                    field.copy_from_slice(&bytes);
                    Ok(())
                }
                None => Err(internal("a relocation outside of its section")),
            };
        }
        let name = self.target_name(relocation)?;
        let target = self.symbol(name).ok_or_else(|| internal(format!("unexpected reference to `{name}`")))?;
        let addend = i32::try_from(addend).map_err(internal)?;
        self.output.relocs.push(Reloc { offset: place, kind: RelocKind::X64Pc32, target, addend });
        Ok(())
    }

    fn target_name(&self, relocation: &Relocation) -> Result<&'data str, CompileError> {
        let RelocationTarget::Symbol(index) = relocation.target() else {
            return Err(internal("a relocation without a symbol"));
        };
        self.file.symbol_by_index(index).and_then(|symbol| symbol.name()).map_err(internal)
    }

    /// Where the symbol of a relocation is in the text, if it is in this object.
    fn target(&self, relocation: &Relocation) -> Result<Option<u32>, CompileError> {
        match relocation.target() {
            RelocationTarget::Symbol(index) => {
                let symbol = self.file.symbol_by_index(index).map_err(internal)?;
                match symbol.section_index() {
                    Some(section) => Ok(Some(self.place_of(section)? + symbol.address() as u32)),
                    None => Ok(None),
                }
            }
            RelocationTarget::Section(section) => self.place_of(section).map(Some),
            _ => Err(internal("a relocation without a symbol")),
        }
    }

    /// Registers that functions save, and landings.
    fn unwind(&mut self) -> Result<(), CompileError> {
        let (mut frames, mut calls) = (Vec::new(), &[][..]);
        if let Some(section) = self.file.section_by_name(CALLS_SECTION) {
            calls = section.data().map_err(internal)?;
        }
        if let Some(section) = self.file.section_by_name(FRAMES_SECTION) {
            frames = section.data().map_err(internal)?.to_vec();
            for (offset, relocation) in section.relocations() {
                let Some(target) = self.unwind_target(&relocation)? else { continue };
                let value = i64::from(target) + relocation.addend() - offset as i64;
                let value = i32::try_from(value).map_err(internal)?;
                let field = frames.get_mut(offset as usize..offset as usize + 4);
                field
                    .ok_or_else(|| internal("a relocation outside its section"))?
                    .copy_from_slice(&value.to_le_bytes());
            }
        }
        let functions = self.output.definitions[self.first_definition..].iter();
        let functions = functions.filter(|definition| !matches!(definition.symbol, Symbol::Local(_)));
        let places: Vec<_> = functions.map(|definition| definition.offset).collect();
        Tables { frames: &frames, calls }.append(places.into_iter(), self.output)
    }

    /// What a relocation of the unwind tables refers to: a place in the text or in the table of calls; nothing for the personality function.
    fn unwind_target(&self, relocation: &Relocation) -> Result<Option<u32>, CompileError> {
        let (RelocationFlags::Elf { r_type: R_X86_64_PC32, .. }, RelocationTarget::Symbol(index)) =
            (relocation.flags(), relocation.target())
        else {
            return Err(internal(format!("unexpected relocation {:?} of unwind tables", relocation.flags())));
        };
        let symbol = self.file.symbol_by_index(index).map_err(internal)?;
        let Some(section) = symbol.section_index() else { return Ok(None) };
        let name = self.file.section_by_index(section).and_then(|section| section.name()).map_err(internal)?;
        let start = match name {
            CALLS_SECTION => 0,
            _ if is_for_unwinding(name) => return Ok(None),
            _ => self.place_of(section)?,
        };
        Ok(Some(start + symbol.address() as u32))
    }

    /// Trap sites: place, wasm offset, code.
    fn traps(&mut self) -> Result<Vec<(u32, u32)>, CompileError> {
        let mut sites = Vec::new();
        let first = self.output.traps.len();
        for section in self.file.sections().filter(|section| section.name() == Ok(TRAP_SECTION)) {
            let data = section.data().map_err(internal)?;
            for (offset, relocation) in section.relocations() {
                let place = self.target(&relocation)?.ok_or_else(|| internal("a trap in another object"))?;
                let place = u32::try_from(place as i64 + relocation.addend()).map_err(internal)?;
                let entry = data
                    .get(offset as usize..offset as usize + TRAP_ENTRY_BYTES)
                    .ok_or_else(|| internal("a truncated trap entry"))?;
                let word = |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
                let code = u8::try_from(word(8)).ok().and_then(TrapCode::from_number);
                let code = code.ok_or_else(|| internal("an unknown trap code"))?;
                self.output.traps.push(TrapSite { offset: place, code });
                sites.push((place, word(4)));
            }
        }
        self.output.traps[first..].sort_by_key(|site| site.offset);
        sites.sort_unstable();
        Ok(sites)
    }

    /// The line table as wasm offsets, and the exact offsets of the trap sites on top of it.
    fn locations(&mut self, traps: &[(u32, u32)]) -> Result<(), CompileError> {
        let mut rows = match self.contents {
            Contents::Functions => self.line_rows()?,
            Contents::Trampoline(_) => BTreeMap::new(),
        };
        if let Some((_, &start)) = self.places.iter().min_by_key(|(_, place)| **place) {
            rows.entry(start).or_insert(NO_WASM_OFFSET);
        }
        for &(place, wasm_offset) in traps {
            let around = rows.range(..=place + TRAP_BYTES).next_back().map_or(NO_WASM_OFFSET, |(_, &offset)| offset);
            // After the trap's instruction, the offset that applied before it applies again.
            rows.entry(place + TRAP_BYTES).or_insert(around);
            rows.insert(place, wasm_offset);
        }
        let mut last = None;
        for (offset, wasm_offset) in rows {
            if last.replace(wasm_offset) != Some(wasm_offset) {
                self.output.locations.push(CodeLocation { offset, wasm_offset });
            }
        }
        Ok(())
    }

    /// `.debug_line`, by offset in the text.
    fn line_rows(&self) -> Result<BTreeMap<u32, u32>, CompileError> {
        let mut rows = BTreeMap::new();
        let Some(section) = self.file.section_by_name(".debug_line") else { return Ok(rows) };
        let mut data = section.data().map_err(internal)?.to_vec();
        for (offset, relocation) in section.relocations() {
            // References to file names are of no interest.
            if let RelocationFlags::Elf { r_type: R_X86_64_64, .. } = relocation.flags() {
                let target = self.target(&relocation)?.ok_or_else(|| internal("a line of another object"))?;
                let address = (target as i64 + relocation.addend()) as u64;
                let offset = offset as usize;
                let field =
                    data.get_mut(offset..offset + 8).ok_or_else(|| internal("a relocation outside its section"))?;
                field.copy_from_slice(&address.to_le_bytes());
            }
        }
        let lines = gimli::DebugLine::new(&data, gimli::LittleEndian);
        let program = lines.program(gimli::DebugLineOffset(0), 8, None, None).map_err(internal)?;
        let mut program = program.rows();
        while let Some((_, row)) = program.next_row().map_err(internal)? {
            let address = u32::try_from(row.address()).map_err(internal)?;
            if row.end_sequence() {
                rows.entry(address).or_insert(NO_WASM_OFFSET);
            } else if let Some(offset) = row.line().and_then(|line| offset_of_line(line.get())) {
                // Code that LLVM gives no line belongs to the line before.
                rows.insert(address, offset);
            }
        }
        Ok(rows)
    }
}

fn is_for_unwinding(section: &str) -> bool {
    section == FRAMES_SECTION || section == CALLS_SECTION || section.starts_with(PERSONALITY_SECTION)
}

fn is_loaded(section: &Section<'_, '_>) -> bool {
    matches!(section.flags(), SectionFlags::Elf { sh_flags, .. } if sh_flags.contains(SHF_ALLOC))
}

fn is_code(section: &Section<'_, '_>) -> bool {
    matches!(section.flags(), SectionFlags::Elf { sh_flags, .. } if sh_flags.contains(SHF_EXECINSTR))
}
