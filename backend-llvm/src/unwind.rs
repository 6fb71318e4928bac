//! What an object's unwind tables say: which registers functions save (`.eh_frame`), and where calls in regions go on when they throw
//! (`.gcc_except_table`).
//!
//! Both are far more general than what the virtual machine wants to know ([`SavedRegisters`], [`Handler`]). What is not as it expects is an
//! error: a wrong table would be worse than none.

use std::collections::BTreeMap;

use gimli::{
    BaseAddresses, CallFrameInstruction, CieOrFde, DW_EH_PE_omit, DW_EH_PE_uleb128, DwEhPe, EhFrame, EndianSlice,
    Error, FrameDescriptionEntry, LittleEndian, Reader, Register, UnwindSection, X86_64,
};
use iced_x86::{Decoder, DecoderOptions, Mnemonic};
use wasmer_runtime_core::compiler::{CompileError, Handler, Output, SavedRegisters};
use wasmer_runtime_core::vmcontext::PRESERVED_REGISTERS;

use crate::intrinsics::internal;

#[cfg(test)]
mod tests;

type Slice<'data> = EndianSlice<'data, LittleEndian>;
type Frame<'data> = FrameDescriptionEntry<Slice<'data>>;
type Instruction = CallFrameInstruction<usize>;

/// The registers that a function may save, in the order of their words below the frame pointer.
const PRESERVED: [Register; PRESERVED_REGISTERS] = [X86_64::R15, X86_64::R14, X86_64::R13, X86_64::R12, X86_64::RBX];
/// Words from the place of the frame pointer up to what the tables call the canonical frame address: it and the return address.
const FRAME_WORDS: u64 = 2;
const WORD_BYTES: u64 = 8;

/// The tables of an object. Addresses are offsets in the output's text, and in `calls`.
pub(crate) struct Tables<'data> {
    /// `.eh_frame`, at address zero.
    pub(crate) frames: &'data [u8],
    /// `.gcc_except_table`, at address zero.
    pub(crate) calls: &'data [u8],
}

impl Tables<'_> {
    /// Appends what they say of the functions at `places` to an output.
    pub(crate) fn append(&self, places: impl Iterator<Item = u32>, output: &mut Output) -> Result<(), CompileError> {
        let mut masks = BTreeMap::new();
        let first = output.handlers.len();
        let section = EhFrame::new(self.frames, LittleEndian);
        let bases = BaseAddresses::default().set_eh_frame(0);
        let mut entries = section.entries(&bases);
        while let Some(entry) = entries.next().map_err(internal)? {
            let CieOrFde::Fde(partial) = entry else { continue };
            let frame = partial.parse(EhFrame::cie_from_offset).map_err(internal)?;
            let start = u32::try_from(frame.initial_address()).map_err(internal)?;
            masks.insert(start, saved(&frame, &section, &bases)?);
            if let Some(table) = frame.lsda() {
                self.handlers(table.direct().map_err(internal)?, start, output)?;
            }
        }
        output.handlers[first..].sort_by_key(|handler| handler.return_address);
        for offset in places {
            let mask = *masks.get(&offset).ok_or_else(|| internal("a function without unwind tables"))?;
            // The first of an output says so in any case: another output may come before it.
            if output.saved_registers.last().is_none_or(|before| before.mask != mask) {
                output.saved_registers.push(SavedRegisters { offset, mask });
            }
        }
        Ok(())
    }

    /// Reads the table at `table` of the function at `start`.
    fn handlers(&self, table: u64, start: u32, output: &mut Output) -> Result<(), CompileError> {
        for site in call_sites(self.calls, table).map_err(internal)? {
            // Calls that throw past this function.
            if site.landing == 0 {
                continue;
            }
            let place = |offset: u64| u32::try_from(u64::from(start) + offset).map_err(internal);
            let range = place(site.start)?..place(site.start + site.len)?;
            let landing = place(site.landing)?;
            let before = output.handlers.len();
            let code = output.text.get(range.start as usize..range.end as usize);
            for end in ends_of_calls(code.ok_or_else(|| internal("a call outside of the text"))?) {
                let return_address = range.start + end?;
                output.handlers.push(Handler { return_address, landing, frame_bytes: 0 });
            }
            if output.handlers.len() == before {
                return Err(internal("a range of calls without one"));
            }
        }
        Ok(())
    }
}

/// The mask of the registers that a function saves.
fn saved(frame: &Frame<'_>, section: &EhFrame<Slice<'_>>, bases: &BaseAddresses) -> Result<u8, CompileError> {
    let unexpected = |what: &str| internal(format!("an unexpected frame: {what}"));
    let mut words = [None; PRESERVED_REGISTERS];
    let (mut frame_pointer, mut keeps_frame) = (None, false);
    let mut instructions = frame.instructions(section, bases);
    while let Some(instruction) = instructions.next().map_err(internal)? {
        match instruction {
            Instruction::Offset { register, factored_offset } => {
                let position = PRESERVED.iter().position(|preserved| *preserved == register);
                let word = match (position, register) {
                    (Some(position), _) => &mut words[position],
                    (None, X86_64::RBP) => &mut frame_pointer,
                    _ => return Err(unexpected("another register is saved")),
                };
                if word.replace(factored_offset).is_some_and(|before| before != factored_offset) {
                    return Err(unexpected("a register has two places"));
                }
            }
            Instruction::DefCfaRegister { register: X86_64::RBP } => keeps_frame = true,
            // The same, behind a return in the middle of the function.
            Instruction::DefCfa { register: X86_64::RBP, offset } if offset == FRAME_WORDS * WORD_BYTES => {
                keeps_frame = true;
            }
            Instruction::DefCfaRegister { register: X86_64::RSP }
            | Instruction::DefCfa { register: X86_64::RSP, .. }
            | Instruction::DefCfaOffset { .. }
            | Instruction::AdvanceLoc { .. }
            | Instruction::RememberState
            | Instruction::RestoreState
            | Instruction::Restore { .. }
            | Instruction::ArgsSize { .. }
            | Instruction::Nop => {}
            other => return Err(unexpected(&format!("{other:?}"))),
        }
    }
    if !keeps_frame || frame_pointer != Some(FRAME_WORDS) {
        return Err(unexpected("no frame pointer"));
    }
    let mut mask = 0;
    // Saved registers are pushed one below the other, in this order, so the mask says where each one is.
    let mut below = FRAME_WORDS;
    for (position, word) in words.into_iter().enumerate() {
        let Some(word) = word else { continue };
        below += 1;
        if word != below {
            return Err(unexpected("a register is not where those before it end"));
        }
        mask |= 1 << position;
    }
    Ok(mask)
}

/// An entry of a function's table. Offsets from the function's start; no landing is zero.
struct CallSite {
    start: u64,
    len: u64,
    landing: u64,
}

/// The entries of the table at `table`.
fn call_sites(calls: &[u8], table: u64) -> gimli::Result<Vec<CallSite>> {
    let mut reader = EndianSlice::new(calls, LittleEndian);
    reader.skip(usize::try_from(table).map_err(|_| Error::UnsupportedOffset)?)?;
    let mut encoding = || reader.read_u8().map(DwEhPe);
    let (landings, types) = (encoding()?, encoding()?);
    if landings != DW_EH_PE_omit {
        // They would not count from the function's start.
        return Err(Error::UnknownPointerEncoding(landings));
    }
    if types != DW_EH_PE_omit {
        reader.read_uleb128()?;
    }
    let entries = reader.read_u8().map(DwEhPe)?;
    if entries != DW_EH_PE_uleb128 {
        return Err(Error::UnknownPointerEncoding(entries));
    }
    let len = reader.read_uleb128()?;
    let mut reader = reader.split(usize::try_from(len).map_err(|_| Error::UnsupportedOffset)?)?;
    let mut sites = Vec::new();
    while !reader.is_empty() {
        let (start, len, landing) = (reader.read_uleb128()?, reader.read_uleb128()?, reader.read_uleb128()?);
        let _action = reader.read_uleb128()?;
        sites.push(CallSite { start, len, landing });
    }
    Ok(sites)
}

/// Where calls in a piece of code end. LLVM joins calls with the same landing to one entry, so that only the code tells where they are.
fn ends_of_calls(code: &[u8]) -> impl Iterator<Item = Result<u32, CompileError>> {
    let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
    std::iter::from_fn(move || {
        while decoder.can_decode() {
            let instruction = decoder.decode();
            if instruction.is_invalid() {
                return Some(Err(internal(format!("unknown code in a range of calls: {:?}", decoder.last_error()))));
            }
            if instruction.mnemonic() == Mnemonic::Call {
                return Some(u32::try_from(decoder.position()).map_err(internal));
            }
        }
        None
    })
}
