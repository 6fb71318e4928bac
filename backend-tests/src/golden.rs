//! The machine code of small functions, beside their text: each file of a backend's `tests/golden` ends with the code it must
//! become. With the environment variable `BLESS` the files are rewritten.

use std::fmt::Write as _;
use std::path::Path;

use iced_x86::{Decoder, DecoderOptions, Formatter, Instruction, Mnemonic, NasmFormatter};
use wasmer_runtime_core::compiler::{Compiler, Definition, Output, Symbol};
use wasmer_runtime_core::cpu::{Cpu, CpuFeature, CpuFeatures};

use crate::{compile, module};

/// What stands between a module and its expected code.
const MARK: &str = "\n;; machine code\n";

/// Files whose name ends like this are for a processor without extensions beyond [`LEAST`].
const BASELINE: &str = "_sse";

/// The least that compilers of single operators work with.
pub const LEAST: Cpu = Cpu::With(CpuFeatures::of(&[CpuFeature::Sse3, CpuFeature::Ssse3, CpuFeature::Sse41]));
/// What the other files are for.
pub const USUAL: Cpu = Cpu::With(CpuFeatures::V3);

/// Compiles every file of a folder and compares the machine code with what stands in the file.
///
/// # Panics
/// If it is another one.
pub fn check(folder: &Path, compiler: impl Fn(Cpu) -> Box<dyn Compiler>) {
    let mut paths: Vec<_> = folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let mut wrong = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("readable");
        let source = text.split_once(MARK).map_or(text.trim_end(), |(source, _)| source);
        let is_baseline = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(BASELINE));
        let compiler = compiler(if is_baseline { LEAST } else { USUAL });
        let output = compile(&*compiler, &module(source));
        let expected = format!("{source}{MARK}{}", disassemble(&output));
        if text == expected {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, expected).expect("writable");
        } else {
            wrong.push(format!("{}:\n{expected}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "code changed (`BLESS=1` accepts it):\n{}", wrong.join("\n"));
}

fn disassemble(output: &Output) -> String {
    let mut text = String::new();
    for definition in &output.definitions {
        let Symbol::Function(index) = definition.symbol else { continue };
        writeln!(text, ";; function {}:", index.0).expect("strings take everything");
        function(output, definition, &mut text);
    }
    text
}

/// One function, offsets relative to its start, with traps and relocations as remarks. Constants behind the code are not shown:
/// they start where the nearest of the instructions' addresses points.
fn function(output: &Output, definition: &Definition, text: &mut String) {
    let start = definition.offset;
    let code = &output.text[start as usize..][..definition.len as usize];
    let mut formatter = NasmFormatter::new();
    formatter.options_mut().set_branch_leading_zeros(false);
    let mut instruction = Instruction::default();
    let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
    let mut line = String::new();
    let mut end_of_code = code.len() as u64;
    while decoder.can_decode() && decoder.ip() < end_of_code {
        let before = instruction.mnemonic();
        decoder.decode_out(&mut instruction);
        if instruction.is_ip_rel_memory_operand() && instruction.mnemonic() != Mnemonic::Lea {
            end_of_code = end_of_code.min(instruction.ip_rel_memory_address());
        }
        line.clear();
        formatter.format(&instruction, &mut line);
        let offset = start + instruction.ip() as u32;
        let end = offset + instruction.len() as u32;
        write!(text, ";; {:4x} {line}", instruction.ip()).expect("strings take everything");
        if let Some(trap) = output.traps.iter().find(|trap| trap.offset == offset) {
            write!(text, " ; {:?}", trap.code).expect("strings take everything");
        }
        if let Some(reloc) = output.relocs.iter().find(|reloc| (offset..end).contains(&reloc.offset)) {
            write!(text, " ; {:?}", reloc.target).expect("strings take everything");
        }
        if let Some(handler) = output.handlers.iter().find(|handler| handler.return_address == end) {
            write!(text, " ; lands at {:x}", handler.landing - start).expect("strings take everything");
        }
        text.push('\n');
        let at = decoder.position();
        if before == Mnemonic::Add && instruction.mnemonic() == Mnemonic::Jmp {
            let entries = jump_table_entries(&code[at..]);
            writeln!(text, ";; {at:4x} a table of {entries} entries").expect("strings take everything");
            let after = at + entries * 4;
            decoder.set_position(after).expect("within the code");
            decoder.set_ip(after as u64);
        }
        // Padding in front of the constants.
        let ends = matches!(instruction.mnemonic(), Mnemonic::Ret | Mnemonic::Jmp | Mnemonic::Ud2);
        if ends && code[decoder.position()..].iter().take(3).all(|byte| *byte == 0) {
            break;
        }
    }
}

/// How many entries the jump table at the start of `code` has: it reaches to the nearest of its targets, or to what
/// cannot be a target.
fn jump_table_entries(code: &[u8]) -> usize {
    let mut nearest = code.len();
    let mut count = 0;
    while (count + 1) * 4 <= nearest {
        let entry = code[count * 4..][..4].try_into().expect("four bytes");
        let target = i32::from_le_bytes(entry) as usize;
        if !(count * 4..code.len()).contains(&target) {
            break;
        }
        nearest = nearest.min(target);
        count += 1;
    }
    count
}
