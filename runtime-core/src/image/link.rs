//! Linking: puts outputs together and resolves what they refer to.

use std::collections::HashMap;

use crate::compiler::*;
use crate::image::indices::NONE;
use crate::module::ModuleInfo;
use crate::types::*;

/// Linked code.
pub(crate) struct Linked {
    /// Machine code and its read-only data.
    pub(super) code: Vec<u8>,
    /// Offset of every defined function.
    pub(super) functions: Vec<u32>,
    /// By type: offsets of the trampolines, array-to-wasm first, or [`NONE`].
    pub(super) trampolines: Vec<[u32; 2]>,
    /// Start of every piece of code and its function, [`NONE`] for other things; ascending.
    pub(super) places: Vec<(u32, u32)>,
    /// Offset of a faulting instruction and its trap code, ascending.
    pub(super) traps: Vec<(u32, u32)>,
    /// Offset of code and wasm offset, ascending.
    pub(super) locations: Vec<(u32, u32)>,
}

/// Which trampoline serves a type: types of one signature share theirs.
pub(crate) type TrampolineOf<'a> = &'a dyn Fn(Trampoline) -> Trampoline;

/// Puts `outputs` together, in order.
pub(crate) fn link(
    info: &ModuleInfo,
    outputs: Vec<Output>,
    shared: TrampolineOf<'_>,
    by: &'static str,
) -> Result<Linked, CompileError> {
    let bases = place(&outputs)?;
    let mut linked = Linked {
        code: Vec::new(),
        functions: vec![NONE; info.defined_functions()],
        trampolines: vec![[NONE; 2]; info.types.len()],
        places: Vec::new(),
        traps: Vec::new(),
        locations: Vec::new(),
    };
    let mut trampolines = HashMap::new();
    for (output, base) in outputs.iter().zip(&bases) {
        for definition in &output.definitions {
            let offset = base + definition.offset;
            let function = match definition.symbol {
                Symbol::Function(index) => {
                    linked.functions[index.index()] = offset;
                    index.0
                }
                Symbol::Trampoline(trampoline) => {
                    trampolines.insert(trampoline, offset);
                    NONE
                }
                Symbol::Local(_) => NONE,
            };
            linked.places.push((offset, function));
        }
    }
    linked.places.sort_unstable();
    for index in 0..info.types.len() {
        let ty = TypeIdx::from_index(index);
        let pair = [Trampoline::ArrayToWasm(ty), Trampoline::WasmToArray(ty)];
        linked.trampolines[index] = pair.map(|which| trampolines.get(&shared(which)).copied().unwrap_or(NONE));
    }
    let internal = |message: String| CompileError::Internal { by, message };
    if let Some(index) = linked.functions.iter().position(|offset| *offset == NONE) {
        return Err(internal(format!("function {index} has no code")));
    }
    append(&mut linked, outputs, &bases, &trampolines).map_err(internal)?;
    Ok(linked)
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
    bases.map_err(|_| CompileError::Limit("more than 2 GiB of machine code".to_owned()))
}

/// Appends the outputs, each freed as soon as it is copied, with their references resolved.
fn append(
    linked: &mut Linked,
    outputs: Vec<Output>,
    bases: &[u32],
    trampolines: &HashMap<Trampoline, u32>,
) -> Result<(), String> {
    linked.code =
        Vec::with_capacity(outputs.last().map_or(0, |last| *bases.last().unwrap_or(&0) as usize + last.text.len()));
    for (output, base) in outputs.into_iter().zip(bases) {
        linked.code.resize(*base as usize, 0);
        linked.code.extend_from_slice(&output.text);
        let locals = local_symbols(&output, *base);
        for reloc in &output.relocs {
            let target = match reloc.target {
                Symbol::Function(index) => linked.functions.get(index.index()).copied(),
                Symbol::Trampoline(trampoline) => trampolines.get(&trampoline).copied(),
                Symbol::Local(number) => locals.get(&number).copied(),
            };
            let target = target.ok_or_else(|| format!("a reference to {:?}, which is not there", reloc.target))?;
            resolve(&mut linked.code, base + reloc.offset, reloc, target)?;
        }
        linked.traps.extend(output.traps.iter().map(|trap| (base + trap.offset, trap.code as u32)));
        linked.locations.extend(output.locations.iter().map(|entry| (base + entry.offset, entry.wasm_offset)));
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

fn resolve(code: &mut [u8], place: u32, reloc: &Reloc, target: u32) -> Result<(), String> {
    let distance = i64::from(target) + i64::from(reloc.addend) - i64::from(place);
    let field = code.get_mut(place as usize..).and_then(|code| code.first_chunk_mut::<4>());
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
