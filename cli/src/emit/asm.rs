//! Machine code as lines: the code of an image, function by function, with the names of what it calls and the reasons why it traps.
//!
//! Addresses count from the start of the function. Tables and constants inside a function are found by the instructions that refer
//! to them, and are counted, not shown.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::ops::Range;
use std::rc::Rc;

use iced_x86::{
    Decoder, DecoderOptions, Formatter, Instruction, Mnemonic, NasmFormatter, OpKind, SymbolResolver, SymbolResult,
};
use wasmer_runtime::{FuncIdx, Image, IrRequest, TrapCode};

use crate::output::printable;

/// Where the remarks start.
const REMARK_COLUMN: usize = 56;

/// A function's machine code.
pub(super) struct Code {
    pub(super) index: FuncIdx,
    pub(super) name: String,
    pub(super) bytes: usize,
    pub(super) lines: Vec<CodeLine>,
}

/// An instruction, or what stands between instructions.
pub(super) struct CodeLine {
    /// The address from the start of the function, and what is there.
    pub(super) text: String,
    /// What is known of an instruction; nothing of data.
    pub(super) facts: Option<Facts>,
}

/// What is known of an instruction.
pub(super) struct Facts {
    pub(super) trap: Option<TrapCode>,
    /// The operator that it is from, by its offset in the module.
    pub(super) place: Option<u32>,
    is_call: bool,
}

/// The functions that are asked for as text, with remarks on why an instruction traps, and on the place in the module of what traps or calls.
pub(super) fn listing(image: &Image, request: &IrRequest) -> String {
    let mut text = String::new();
    for code in functions(image, request) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "; function {} {}, {} bytes", code.index.0, code.name, code.bytes);
        // The place that was last mentioned.
        let mut mentioned = None;
        for line in &code.lines {
            match line.facts.as_ref().and_then(|facts| facts.remark(&mut mentioned)) {
                Some(remark) => {
                    let _ = writeln!(text, "{:REMARK_COLUMN$} ; {remark}", line.text);
                }
                None => {
                    let _ = writeln!(text, "{}", line.text);
                }
            }
        }
        text.push('\n');
    }
    text
}

impl Facts {
    fn remark(&self, mentioned: &mut Option<u32>) -> Option<String> {
        // An access to memory can trap without being listed, so every new place is of interest.
        let is_new = std::mem::replace(mentioned, self.place) != self.place;
        if self.trap.is_none() && !self.is_call && !is_new {
            return None;
        }
        let parts = [self.trap.map(|trap| trap.to_string()), self.place.map(|place| format!("wasm {place:#x}"))];
        Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", ")).filter(|remark| !remark.is_empty())
    }
}

/// The functions that are asked for.
pub(super) fn functions(image: &Image, request: &IrRequest) -> Vec<Code> {
    let mut names = HashMap::new();
    let mut wanted = Vec::new();
    for (function, range) in image.code_ranges() {
        let Some(index) = function.map(|function| image.func_index(function)) else {
            names.insert(range.start, "trampoline".to_owned());
            continue;
        };
        let name = image.function_name(index).map_or_else(|| format!("func[{}]", index.0), printable);
        if request.wants(index) {
            wanted.push((index, name.clone(), range.clone()));
        }
        names.insert(range.start, name);
    }
    let names = Rc::new(names);
    let code = |(index, name, range): (FuncIdx, String, Range<u32>)| {
        let formatter =
            NasmFormatter::with_options(Some(Box::new(Names { names: Rc::clone(&names), start: range.start })), None);
        let code = &image.code()[range.start as usize..range.end as usize];
        Code { index, name, bytes: range.len(), lines: Listing::new(image, code, range.start, formatter).lines() }
    };
    wanted.into_iter().map(code).collect()
}

/// Names for the targets of calls and jumps.
struct Names {
    names: Rc<HashMap<u32, String>>,
    /// Where the function starts in the code.
    start: u32,
}

impl SymbolResolver for Names {
    fn symbol(
        &mut self,
        instruction: &Instruction,
        _operand: u32,
        instruction_operand: Option<u32>,
        address: u64,
        _size: u32,
    ) -> Option<SymbolResult<'_>> {
        // Only a branch's operand is an address in the code; other numbers may look like one.
        instruction_operand.filter(|operand| instruction.op_kind(*operand) == OpKind::NearBranch64)?;
        let target = u32::try_from(address.wrapping_add(self.start.into())).ok()?;
        let name =
            self.names.get(&target).filter(|_| target != self.start || instruction.mnemonic() == Mnemonic::Call)?;
        Some(SymbolResult::with_str(address, name))
    }
}

/// What stands in the code besides instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Data {
    /// Distances from the table to the targets of a jump.
    Table,
    /// Constants: they go on to the end of the function.
    Constants,
}

/// One function on its way to lines.
struct Listing<'a> {
    image: &'a Image,
    code: &'a [u8],
    start: u32,
    formatter: NasmFormatter,
    /// Data that instructions refer to, by address.
    data: BTreeMap<u64, Data>,
    /// Where branches go.
    targets: BTreeSet<u64>,
    lines: Vec<CodeLine>,
}

impl<'a> Listing<'a> {
    fn new(image: &'a Image, code: &'a [u8], start: u32, mut formatter: NasmFormatter) -> Self {
        let options = formatter.options_mut();
        options.set_branch_leading_zeros(false);
        options.set_show_branch_size(false);
        options.set_hex_prefix("0x");
        options.set_hex_suffix("");
        options.set_uppercase_hex(false);
        options.set_space_after_operand_separator(true);
        Self { image, code, start, formatter, data: BTreeMap::new(), targets: BTreeSet::new(), lines: Vec::new() }
    }

    fn lines(mut self) -> Vec<CodeLine> {
        let mut decoder = Decoder::new(64, self.code, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            self.note(&instruction);
            let mut text = format!("{:6x}  ", instruction.ip());
            self.formatter.format(&instruction, &mut text);
            self.lines.push(CodeLine { text, facts: Some(self.facts(&instruction)) });
            if !goes_on(&instruction) && !self.skip_data(&mut decoder) {
                break;
            }
        }
        self.lines
    }

    /// Remembers what an instruction refers to.
    fn note(&mut self, instruction: &Instruction) {
        let is_branch = instruction.op_count() > 0 && instruction.op0_kind() == OpKind::NearBranch64;
        let inside = |address: &u64| *address < self.code.len() as u64;
        if is_branch && instruction.mnemonic() != Mnemonic::Call {
            self.targets.extend(Some(instruction.near_branch64()).filter(inside));
        }
        if instruction.is_ip_rel_memory_operand() {
            let kind = if instruction.mnemonic() == Mnemonic::Lea { Data::Table } else { Data::Constants };
            self.data.extend(Some((instruction.ip_rel_memory_address(), kind)).filter(|(address, _)| inside(address)));
        }
    }

    fn facts(&self, instruction: &Instruction) -> Facts {
        let offset = self.start + instruction.ip() as u32;
        let is_call = instruction.mnemonic() == Mnemonic::Call;
        let last = offset + instruction.len() as u32 - 1;
        let place = self.image.wasm_offset_at(if is_call { last } else { offset });
        Facts { trap: self.image.trap_at(offset), place, is_call }
    }

    /// Behind an instruction that does not go on to the next one: passes over data, and says whether instructions follow.
    fn skip_data(&mut self, decoder: &mut Decoder<'_>) -> bool {
        let here = decoder.ip();
        if self.targets.contains(&here) {
            return true;
        }
        let Some((&at, &kind)) = self.data.range(here..(here + 64).min(self.code.len() as u64)).next() else {
            // Padding between functions.
            return self.targets.range(here..).next().is_some()
                || self.code[here as usize..].iter().any(|byte| ![0, 0xcc].contains(byte));
        };
        if self.targets.range(here..at).next().is_some() {
            return true;
        }
        let bytes = match kind {
            Data::Table => 4 * self.table_entries(at as usize),
            Data::Constants => self.code.len() - at as usize,
        };
        let what = if kind == Data::Table {
            format!("{} distances", bytes / 4)
        } else {
            format!("{bytes} bytes of constants")
        };
        self.lines.push(CodeLine { text: format!("{at:6x}  ; {what}"), facts: None });
        let after = at as usize + bytes;
        decoder.set_ip(after as u64);
        decoder.set_position(after).is_ok() && after < self.code.len()
    }

    /// How many entries the jump table at this address has: it reaches to the nearest of its targets, or to what cannot be a target.
    fn table_entries(&mut self, at: usize) -> usize {
        let (entries, _) = self.code[at..].as_chunks::<4>();
        let mut nearest = self.code.len();
        let mut count = 0;
        for entry in entries {
            let target = at as i64 + i64::from(i32::from_le_bytes(*entry));
            let position = at + 4 * count;
            if position >= nearest || target < 0 || target >= self.code.len() as i64 {
                break;
            }
            if target >= position as i64 {
                nearest = nearest.min(target as usize);
            }
            self.targets.insert(target as u64);
            count += 1;
        }
        count
    }
}

/// Whether the next instruction can run after this one.
fn goes_on(instruction: &Instruction) -> bool {
    use Mnemonic::{Int3, Jmp, Ret, Ud0, Ud1, Ud2};
    !matches!(instruction.mnemonic(), Jmp | Ret | Ud0 | Ud1 | Ud2 | Int3)
}
