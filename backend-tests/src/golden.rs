//! What each backend makes of small modules: `golden` has a module for each behaviour that is worth looking at, and a backend's
//! `tests/golden` what becomes of it, under the same name. With the environment variable `BLESS` these files are written anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use iced_x86::{Decoder, DecoderOptions, Formatter, Instruction, Mnemonic, NasmFormatter};
use wasmer_runtime_core::compiler::{Compiler, Definition, IrRequest, IrStage, Output, Symbol};
use wasmer_runtime_core::cpu::{Cpu, CpuFeature, CpuFeatures};

use crate::{compile, module, translated};

/// Behaviours whose name ends like this are for a processor without AVX.
const BASELINE: &str = "_sse";

/// The least that compilers of single operators work with.
pub const LEAST: Cpu = Cpu::With(CpuFeatures::of(&[CpuFeature::Sse3, CpuFeature::Ssse3, CpuFeature::Sse41]));
/// What code is for that is looked at.
pub const USUAL: Cpu = Cpu::With(CpuFeatures::V3);
/// What it is for where its name says that it has no AVX.
const WITHOUT_AVX: Cpu = Cpu::With(CpuFeatures::V2);

/// Has every behaviour shown by `show` and compares it with what stands in the folder of what is expected.
///
/// # Panics
/// If it is another one, or a file is there for no behaviour.
pub fn check(expected: &Path, show: impl Fn(&[u8], Cpu) -> String) {
    let behaviours = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let names = stems(&behaviours, "wat");
    assert!(!names.is_empty());
    let is_blessed = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for name in &names {
        let source = std::fs::read_to_string(behaviours.join(name).with_extension("wat")).expect("readable");
        let shown = show(&module(&source), if name.ends_with(BASELINE) { WITHOUT_AVX } else { USUAL });
        let path = expected.join(name).with_extension("txt");
        if std::fs::read_to_string(&path).is_ok_and(|text| text == shown) {
            continue;
        }
        if is_blessed {
            std::fs::write(&path, shown).expect("writable");
        } else {
            wrong.push(format!("{}:\n{shown}", path.display()));
        }
    }
    for name in stems(expected, "txt").difference(&names) {
        if is_blessed {
            std::fs::remove_file(expected.join(name).with_extension("txt")).expect("may be removed");
        } else {
            wrong.push(format!("{name}: there is no such behaviour"));
        }
    }
    assert!(wrong.is_empty(), "what becomes of modules changed (`BLESS=1` accepts it):\n{}", wrong.join("\n"));
}

/// The names of the files of a folder, all of which have this extension.
fn stems(folder: &Path, extension: &str) -> BTreeSet<String> {
    let paths = folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path());
    let stem = |path: std::path::PathBuf| {
        assert!(path.extension().is_some_and(|found| found == extension), "{}", path.display());
        path.file_stem().expect("a file's name").to_str().expect("a name of letters").to_owned()
    };
    paths.map(stem).collect()
}

/// The intermediate form of a module's functions as they were translated.
///
/// # Panics
/// If the compiler fails or has none.
pub fn translated_form(compiler: &dyn Compiler, wasm: &[u8]) -> String {
    let request = IrRequest { stage: IrStage::Translated, functions: None };
    let mut text = String::new();
    translated(wasm, |batch| compiler.worker().emit_ir(batch, &request, &mut text)).expect("the functions compile");
    text
}

/// The machine code of a module's functions.
///
/// # Panics
/// If the compiler fails.
pub fn machine_code(compiler: &dyn Compiler, wasm: &[u8]) -> String {
    let output = compile(compiler, wasm);
    let mut text = String::new();
    for definition in &output.definitions {
        let Symbol::Function(index) = definition.symbol else { continue };
        writeln!(text, "function {}:", index.0).expect("strings take everything");
        function(&output, definition, &mut text);
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
        write!(text, "{:4x} {line}", instruction.ip()).expect("strings take everything");
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
            writeln!(text, "{at:4x} a table of {entries} entries").expect("strings take everything");
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
