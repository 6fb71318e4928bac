//! Tells a debugger in which this process runs what machine code a module has: functions, and the lines of their sources.
//!
//! Debuggers learn of code that comes into being at run time by an interface of gdb ("JIT Compilation Interface" in its manual) that lldb has too: a list of object
//! files in the process's memory, and a function that is called when the list has changed. The object file made here has no code, but says where it is: a section at its
//! address, and DWARF with functions and lines, of whatever the module's own DWARF says. Variables are not described.

use std::path::Path;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use anyhow::{Context, bail};
use gimli::write::{Address, AttributeValue, DwarfUnit, EndianVec, LineProgram, LineString, Sections};
use gimli::{Encoding, Format, LineEncoding, LittleEndian, SectionId, constants};
use object::build::elf::{Builder, SectionData};
use object::{Endianness, elf};
use wasmer_runtime::{CodePiece, Module};

use crate::load::read_with_lines;
use crate::output;
use crate::source::{Line, Lines, Outcome};

/// An object file in the list.
#[repr(C)]
struct Entry {
    next: *mut Entry,
    previous: *mut Entry,
    object: *const u8,
    object_bytes: u64,
}

/// What debuggers look for, by its name.
#[repr(C)]
pub(crate) struct Descriptor {
    version: u32,
    action: AtomicU32,
    /// The entry that the action is about.
    relevant: AtomicPtr<Entry>,
    first: AtomicPtr<Entry>,
}

/// An entry was added.
const REGISTER: u32 = 1;

/// The list of object files.
// SAFETY: the name is that of the interface, and nothing else in the process has it.
#[unsafe(no_mangle)]
#[used]
pub(crate) static __jit_debug_descriptor: Descriptor = Descriptor {
    version: 1,
    action: AtomicU32::new(0),
    relevant: AtomicPtr::new(std::ptr::null_mut()),
    first: AtomicPtr::new(std::ptr::null_mut()),
};

/// Called when the list has changed: debuggers stop here and read it.
// SAFETY: as above.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn __jit_debug_register_code() {
    std::hint::black_box(&__jit_debug_descriptor);
}

/// Tells of a module's code. Its sources' lines are looked for in the file that it was read from.
pub(crate) fn tell(module: &Module, path: &Path) -> anyhow::Result<()> {
    let pieces = module.code_pieces();
    let offsets = pieces.iter().flat_map(|piece| &piece.operators).map(|(_, offset)| *offset);
    let lines = match read_with_lines(path) {
        Ok(wasm) => Lines::find(&wasm, offsets),
        Err(error) => {
            output::warning(&format!("the debugger learns no lines of sources: {error:#}"));
            Lines::find(&[], offsets)
        }
    };
    if lines.outcome == Outcome::GaveUp {
        output::warning("the debugger does not learn all lines of sources: the debug information is out of proportion");
    }
    register(object_file(&pieces, &lines, path).context("could not describe the program to debuggers")?);
    Ok(())
}

/// Makes an object file the list, for ever: the command runs one module.
fn register(object: Vec<u8>) {
    let object: &'static [u8] = object.leak();
    let entry = Box::leak(Box::new(Entry {
        next: std::ptr::null_mut(),
        previous: std::ptr::null_mut(),
        object: object.as_ptr(),
        object_bytes: object.len() as u64,
    }));
    let descriptor = &__jit_debug_descriptor;
    descriptor.first.store(entry, Ordering::Relaxed);
    descriptor.relevant.store(entry, Ordering::Relaxed);
    descriptor.action.store(REGISTER, Ordering::Relaxed);
    __jit_debug_register_code();
}

/// The processor of the code, as object files name it.
fn machine() -> anyhow::Result<elf::Machine> {
    Ok(match std::env::consts::ARCH {
        "x86_64" => elf::EM_X86_64,
        "aarch64" => elf::EM_AARCH64,
        arch => bail!("debuggers are not told of code for {arch}"),
    })
}

/// An object file that says whose code is where.
fn object_file(pieces: &[CodePiece], lines: &Lines, path: &Path) -> anyhow::Result<Vec<u8>> {
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { bail!("it has no code") };
    let code = first.addresses.start..last.addresses.end;
    let mut builder = Builder::new(Endianness::Little, true);
    builder.header.e_type = elf::ET_EXEC;
    builder.header.e_machine = machine()?;
    let section = builder.sections.add();
    section.name = ".text".into();
    section.sh_type = elf::SHT_NOBITS;
    section.sh_flags = elf::SHF_ALLOC | elf::SHF_EXECINSTR;
    section.sh_addr = code.start as u64;
    section.sh_addralign = 16;
    section.data = SectionData::UninitializedData(code.len() as u64);
    let mut sections = Sections::new(EndianVec::new(LittleEndian));
    dwarf(pieces, lines, path, &code)?.write(&mut sections)?;
    sections.for_each(|id: SectionId, bytes| {
        let section = builder.sections.add();
        section.name = id.name().into();
        section.sh_type = elf::SHT_PROGBITS;
        section.sh_addralign = 1;
        section.data = SectionData::Data(bytes.slice().to_vec().into());
        Ok::<_, gimli::write::Error>(())
    })?;
    let section = builder.sections.add();
    section.name = ".shstrtab".into();
    section.sh_type = elf::SHT_STRTAB;
    section.sh_addralign = 1;
    section.data = SectionData::SectionString;
    let mut bytes = Vec::new();
    builder.write(&mut bytes)?;
    Ok(bytes)
}

/// One unit with all functions, whatever files they are from.
fn dwarf(pieces: &[CodePiece], lines: &Lines, path: &Path, code: &std::ops::Range<usize>) -> anyhow::Result<DwarfUnit> {
    let encoding = Encoding { format: Format::Dwarf32, version: 4, address_size: 8 };
    let mut unit = DwarfUnit::new(encoding);
    let name = path.to_string_lossy().replace('\0', "?").into_bytes();
    unit.unit.line_program = line_program(pieces, lines, &name, encoding);
    let root = unit.unit.root();
    let root = unit.unit.get_mut(root);
    root.set(constants::DW_AT_name, AttributeValue::String(name));
    root.set(constants::DW_AT_producer, AttributeValue::String(b"wasmer".to_vec()));
    root.set(constants::DW_AT_language, AttributeValue::Language(constants::DW_LANG_C99));
    root.set(constants::DW_AT_low_pc, AttributeValue::Address(Address::Constant(code.start as u64)));
    root.set(constants::DW_AT_high_pc, AttributeValue::Udata(code.len() as u64));
    root.set(constants::DW_AT_stmt_list, AttributeValue::LineProgramRef);
    for piece in pieces {
        let root = unit.unit.root();
        let entry = unit.unit.add(root, constants::DW_TAG_subprogram);
        let entry = unit.unit.get_mut(entry);
        entry.set(constants::DW_AT_name, AttributeValue::String(piece.name.clone().into_bytes()));
        entry.set(constants::DW_AT_external, AttributeValue::Flag(true));
        let (low, len) = (piece.addresses.start as u64, piece.addresses.len() as u64);
        entry.set(constants::DW_AT_low_pc, AttributeValue::Address(Address::Constant(low)));
        entry.set(constants::DW_AT_high_pc, AttributeValue::Udata(len));
    }
    Ok(unit)
}

/// A sequence of rows for each piece.
fn line_program(pieces: &[CodePiece], lines: &Lines, name: &[u8], encoding: Encoding) -> LineProgram {
    let folder = LineString::String(b".".to_vec());
    let mut program =
        LineProgram::new(encoding, LineEncoding::default(), folder, None, LineString::String(name.to_vec()), None);
    let folder = program.default_directory();
    for piece in pieces {
        let mut rows = rows(piece, lines).peekable();
        if rows.peek().is_none() {
            continue;
        }
        program.begin_sequence(Some(Address::Constant(piece.addresses.start as u64)));
        for (offset, line) in rows {
            let file = program.add_file(LineString::String(line.path.as_bytes().to_vec()), folder, None);
            let row = program.row();
            (row.address_offset, row.file, row.line) = (offset, file, line.number);
            program.generate_row();
        }
        program.end_sequence(piece.addresses.len() as u64);
    }
    program
}

/// Where lines begin in a piece. What no debugger could show is left out, whoever claims it: files without names, and lines behind the longest ones.
fn rows<'a>(piece: &'a CodePiece, lines: &'a Lines) -> impl Iterator<Item = (u64, &'a Line)> {
    let mut before: Option<(u64, &Line)> = None;
    piece.operators.iter().filter_map(move |(address, offset)| {
        let line = lines.at(*offset).filter(|line| !line.path.is_empty() && line.number <= u64::from(u32::MAX))?;
        let offset = address.checked_sub(piece.addresses.start)? as u64;
        if before.is_some_and(|(last, same)| offset <= last || same == line) {
            return None;
        }
        before = Some((offset, line));
        before
    })
}
