//! Machine code as text: the code of an image, function by function, with the names of what it calls and the reasons why it traps.
//!
//! Addresses count from the start of the function. Tables and constants inside a function are found by the instructions that refer
//! to them, and are counted, not shown.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::rc::Rc;

use iced_x86::{
    Decoder, DecoderOptions, Formatter, Instruction, Mnemonic, NasmFormatter, OpKind, SymbolResolver, SymbolResult,
};
use wasmer_runtime::{Image, IrRequest};

use crate::output::printable;

/// Where the remarks start.
const REMARK_COLUMN: usize = 56;

/// The functions that are asked for.
pub(super) fn listing(image: &Image, request: &IrRequest) -> String {
    let mut text = String::new();
    let mut names = HashMap::new();
    let mut functions = Vec::new();
    for (function, range) in image.code_ranges() {
        let Some(index) = function.map(|function| image.func_index(function)) else {
            names.insert(range.start, "trampoline".to_owned());
            continue;
        };
        let name = image.function_name(index).map_or_else(|| format!("func[{}]", index.0), printable);
        if request.wants(index) {
            functions.push((index, name.clone(), range.clone()));
        }
        names.insert(range.start, name);
    }
    let names = Rc::new(names);
    for (index, name, range) in functions {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "; function {} {name}, {} bytes", index.0, range.len());
        let formatter =
            NasmFormatter::with_options(Some(Box::new(Names { names: Rc::clone(&names), start: range.start })), None);
        let code = &image.code()[range.start as usize..range.end as usize];
        Listing::new(image, code, range.start, formatter).write(&mut text);
        text.push('\n');
    }
    text
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

/// One function on its way to text.
struct Listing<'a> {
    image: &'a Image,
    code: &'a [u8],
    start: u32,
    formatter: NasmFormatter,
    /// Data that instructions refer to, by address.
    data: BTreeMap<u64, Data>,
    /// Where branches go.
    targets: BTreeSet<u64>,
    /// The place in the module that was last mentioned.
    place: Option<u32>,
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
        Self { image, code, start, formatter, data: BTreeMap::new(), targets: BTreeSet::new(), place: None }
    }

    fn write(mut self, text: &mut String) {
        let mut decoder = Decoder::new(64, self.code, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        let mut line = String::new();
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            self.note(&instruction);
            line.clear();
            let _ = write!(line, "{:6x}  ", instruction.ip());
            self.formatter.format(&instruction, &mut line);
            if let Some(remark) = self.remark(&instruction) {
                let _ = write!(text, "{line:REMARK_COLUMN$} ; {remark}");
            } else {
                text.push_str(&line);
            }
            text.push('\n');
            if !goes_on(&instruction) && !self.skip_data(&mut decoder, text) {
                return;
            }
        }
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

    /// Why it traps, and the place in the module of what traps or calls.
    fn remark(&mut self, instruction: &Instruction) -> Option<String> {
        let offset = self.start + instruction.ip() as u32;
        let trap = self.image.trap_at(offset);
        let is_call = instruction.mnemonic() == Mnemonic::Call;
        let last = offset + instruction.len() as u32 - 1;
        let place = self.image.wasm_offset_at(if is_call { last } else { offset });
        // An access to memory can trap without being listed, so every new place is of interest.
        let is_new = std::mem::replace(&mut self.place, place) != place;
        if trap.is_none() && !is_call && !is_new {
            return None;
        }
        let parts = [trap.map(|trap| trap.to_string()), place.map(|place| format!("wasm {place:#x}"))];
        Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", ")).filter(|remark| !remark.is_empty())
    }

    /// Behind an instruction that does not go on to the next one: passes over data, and says whether instructions follow.
    fn skip_data(&mut self, decoder: &mut Decoder<'_>, text: &mut String) -> bool {
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
        let _ = writeln!(text, "{at:6x}  ; {what}");
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
