//! Linking: puts outputs together and resolves what they refer to.

use std::collections::HashMap;

use crate::compiler::*;
use crate::image::handlers;
use crate::image::indices::NONE;
use crate::image::pairs::Encoder;
use crate::module::ModuleInfo;
use crate::types::*;

/// Outputs that have their places.
pub(crate) struct Linked {
    outputs: Vec<Output>,
    /// Offset of each output in the code.
    bases: Vec<u32>,
    /// Offset of every defined function.
    pub(super) functions: Vec<u32>,
    /// By type: offsets of the trampolines, array-to-wasm first, or [`NONE`].
    pub(super) trampolines: Vec<[u32; 2]>,
    /// Offsets of all trampolines.
    symbols: HashMap<Trampoline, u32>,
    /// Start of every piece of code and its function, [`NONE`] for other things; ascending.
    pub(super) places: Vec<(u32, u32)>,
}

/// What the code's instructions say to the virtual machine.
#[derive(Default)]
pub(super) struct Tables {
    /// Offset of a faulting instruction and its trap code.
    pub(super) traps: Encoder,
    /// Offset of code and wasm offset.
    pub(super) locations: Encoder,
    /// See [`handlers`].
    pub(super) handlers: Vec<u8>,
    /// Offset of a function and the registers that it saves.
    pub(super) saved_registers: Encoder,
}

/// Which trampoline serves a type: types of one signature share theirs.
pub(crate) type TrampolineOf<'a> = &'a dyn Fn(Trampoline) -> Trampoline;

/// Puts `outputs` one behind the other, in order.
pub(crate) fn link(
    info: &ModuleInfo,
    outputs: Vec<Output>,
    shared: TrampolineOf<'_>,
    by: &'static str,
) -> Result<Linked, CompileError> {
    let bases = place(&outputs)?;
    let (mut functions, mut symbols) = (vec![NONE; info.defined_functions()], HashMap::new());
    let mut places = Vec::new();
    for (output, base) in outputs.iter().zip(&bases) {
        for definition in &output.definitions {
            let offset = base + definition.offset;
            let function = match definition.symbol {
                Symbol::Function(index) => {
                    functions[index.index()] = offset;
                    index.0
                }
                Symbol::Trampoline(trampoline) => {
                    symbols.insert(trampoline, offset);
                    NONE
                }
                Symbol::Local(_) => NONE,
            };
            places.push((offset, function));
        }
    }
    places.sort_unstable();
    if let Some(index) = functions.iter().position(|offset| *offset == NONE) {
        return Err(CompileError::Internal { by, message: format!("function {index} has no code") });
    }
    let offset = |which| symbols.get(&shared(which)).copied().unwrap_or(NONE);
    let pair = |index| {
        let ty = TypeIdx::from_index(index);
        [offset(Trampoline::ArrayToWasm(ty)), offset(Trampoline::WasmToArray(ty))]
    };
    let trampolines = (0..info.types.len()).map(pair).collect();
    Ok(Linked { outputs, bases, functions, trampolines, symbols, places })
}

/// The offset of each output in the code.
fn place(outputs: &[Output]) -> Result<Vec<u32>, CompileError> {
    let mut end = 0usize;
    let base = |output: &Output| {
        let base = end.next_multiple_of(Output::ALIGN);
        end = base + output.text.len();
        // Branches reach 2 GiB.
        i32::try_from(end).map(|_| base as u32)
    };
    let bases: Result<Vec<u32>, _> = outputs.iter().map(base).collect();
    bases.map_err(|_| CompileLimit::BRANCH_REACH.into())
}

impl Linked {
    /// Offsets of all trampolines.
    pub(crate) fn symbols(&self) -> &HashMap<Trampoline, u32> {
        &self.symbols
    }

    /// How long the code is.
    pub(super) fn code_bytes(&self) -> usize {
        let last = self.outputs.last().zip(self.bases.last());
        last.map_or(0, |(output, base)| *base as usize + output.text.len())
    }

    /// Appends the code to `image`, its references resolved, each output freed as soon as it is copied.
    pub(super) fn append_code(&mut self, image: &mut Vec<u8>) -> Result<Tables, String> {
        let start = image.len();
        image.reserve(self.code_bytes());
        let mut tables = Tables::default();
        for (output, base) in std::mem::take(&mut self.outputs).into_iter().zip(&self.bases) {
            image.resize(start + *base as usize, 0);
            image.extend_from_slice(&output.text);
            let target = |symbol| match symbol {
                Symbol::Function(index) => self.functions.get(index.index()).copied().map(i64::from),
                Symbol::Trampoline(trampoline) => self.symbols.get(&trampoline).copied().map(i64::from),
                Symbol::Local(_) => None,
            };
            resolve_all(&mut image[start + *base as usize..], &output, *base, &target)?;
            output.traps.iter().for_each(|trap| tables.traps.push(base + trap.offset, trap.code as u32));
            output.handlers.iter().for_each(|handler| handlers::append(&mut tables.handlers, *base, handler));
            let saved = output.saved_registers.iter();
            saved.for_each(|saved| tables.saved_registers.push(base + saved.offset, saved.mask.into()));
            output.locations.iter().for_each(|entry| tables.locations.push(base + entry.offset, entry.wasm_offset));
        }
        Ok(tables)
    }
}

/// Where what an output refers to is, from the start of the code on, but for what is private to the output.
type TargetOf<'a> = &'a dyn Fn(Symbol) -> Option<i64>;

/// Resolves the references of an output that will stand at `base` in the code.
pub(crate) fn relocate(output: &mut Output, base: u32, target: TargetOf<'_>) -> Result<(), String> {
    let mut text = std::mem::take(&mut output.text);
    let resolved = resolve_all(&mut text, output, base, target);
    output.text = text;
    resolved
}

/// Resolves the references of an output in its text.
fn resolve_all(text: &mut [u8], output: &Output, base: u32, target: TargetOf<'_>) -> Result<(), String> {
    let locals = local_symbols(output, base);
    for reloc in &output.relocs {
        let target = match reloc.target {
            Symbol::Local(number) => locals.get(&number).copied().map(i64::from),
            symbol => target(symbol),
        };
        let target = target.ok_or_else(|| format!("a reference to {:?}, which is not there", reloc.target))?;
        resolve(text, base, reloc, target)?;
    }
    Ok(())
}

fn local_symbols(output: &Output, base: u32) -> HashMap<u32, u32> {
    let locals = output.definitions.iter().filter_map(|definition| match definition.symbol {
        Symbol::Local(number) => Some((number, base + definition.offset)),
        Symbol::Function(_) | Symbol::Trampoline(_) => None,
    });
    locals.collect()
}

/// Resolves a reference of a text that stands at `base`.
fn resolve(text: &mut [u8], base: u32, reloc: &Reloc, target: i64) -> Result<(), String> {
    let distance = target + i64::from(reloc.addend) - i64::from(base) - i64::from(reloc.offset);
    let field = text.get_mut(reloc.offset as usize..).and_then(|text| text.first_chunk_mut::<4>());
    let field = field.ok_or("a reference outside of the code")?;
    let too_far = |_| "a reference out of reach".to_owned();
    match reloc.kind {
        RelocKind::X64Pc32 => *field = i32::try_from(distance).map_err(too_far)?.to_le_bytes(),
        RelocKind::Aarch64Call26 => {
            let words = i32::try_from(distance >> 2).map_err(too_far)?;
            if distance & 3 != 0 || !(-(1 << 25)..1 << 25).contains(&words) {
                return Err("a reference out of reach".to_owned());
            }
            let instruction = u32::from_le_bytes(*field) & !0x03ff_ffff | words as u32 & 0x03ff_ffff;
            *field = instruction.to_le_bytes();
        }
    }
    Ok(())
}
