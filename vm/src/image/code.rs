//! The code of an image, and what the tables beside it say of addresses in it.

use std::ops::Range;
use std::sync::Arc;

use rkyv::string::ArchivedString;

use wasmer_runtime_core::compiler::Handler;
use wasmer_runtime_core::image::handlers;
use wasmer_runtime_core::image::header::{Section, checksum};
use wasmer_runtime_core::image::indices::NONE;
use wasmer_runtime_core::image::pairs::Pairs;
use wasmer_runtime_core::lazy::LazyModule;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;

use super::{Damage, Image};
use crate::lazy::{CompileFailure, Lazy};
use crate::mapping::Code;
use crate::tier::Switch;

/// Code.
impl Image {
    /// The machine code, at the addresses where it runs.
    pub fn code(&self) -> &[u8] {
        &self.code
    }

    /// Addresses of the code, and of the room for code that is compiled later.
    pub fn code_range(&self) -> Range<usize> {
        self.code.addresses()
    }

    /// What compiles the functions of this image, if that is done when they are called.
    pub fn lazy_module(&self) -> Option<&LazyModule> {
        self.lazy.as_deref().map(Lazy::module)
    }

    /// How many functions of a lazy image have been compiled.
    pub fn functions_ready(&self) -> Option<usize> {
        self.lazy.as_deref().map(Lazy::ready)
    }

    /// How many times functions of a lazy image have gone on in better code where one of their loops began.
    pub fn loops_continued(&self) -> Option<usize> {
        self.lazy.as_deref().map(Lazy::continued)
    }

    /// The code of a function of a lazy image, which is compiled unless it was before.
    pub(crate) fn compile(self: &Arc<Self>, function: DefinedFuncIdx) -> Result<*const u8, CompileFailure> {
        match &self.lazy {
            Some(lazy) => lazy.compile(self, function),
            None => Err(CompileFailure::Room(std::io::ErrorKind::NotFound.into())),
        }
    }

    /// Whether better code can take over from this.
    pub(crate) fn can_be_improved(&self) -> bool {
        self.lazy.as_deref().is_some_and(|lazy| lazy.module().is_first_tier())
    }

    /// Has the entries of functions lead to where better code is gone over to.
    pub(crate) fn lead_to_better_code(&self, switch: Switch) {
        if let Some(lazy) = &self.lazy {
            lazy.lead_to_better_code(&self.code, switch);
        }
    }

    /// What a lazy image has beyond others.
    pub(crate) fn lazy_part(&self) -> Option<&Lazy> {
        self.lazy.as_deref()
    }

    /// Where the code is mapped.
    pub(crate) fn mapped(&self) -> &Code {
        &self.code
    }

    /// Whether this is an address of the image's code, and not of better code that one of its loops goes on in.
    pub(crate) fn has_first_tier_at(&self, pc: usize) -> bool {
        let addresses = self.code_range();
        let offset = || (pc - addresses.start) as u32;
        addresses.contains(&pc) && !self.lazy_at(offset()).is_some_and(|lazy| lazy.is_better_at(offset()))
    }

    /// Whether calls of a function stay in this code although there is better code.
    pub(crate) fn stays(&self, function: DefinedFuncIdx) -> bool {
        self.lazy.as_deref().is_none_or(|lazy| lazy.stays(function))
    }

    /// What was compiled later, if this offset is where that is.
    fn lazy_at(&self, offset: u32) -> Option<&Lazy> {
        self.lazy.as_deref().filter(|lazy| lazy.has_room_at(offset))
    }

    /// The entry of a function, in the backend's convention.
    pub fn function_entry(&self, index: DefinedFuncIdx) -> Result<*const u8, Damage> {
        self.entry(self.list(&self.meta().lists.function_starts).get(index.index()))
    }

    /// The entry of the trampoline that serves a type from array call to the backend's convention. Types of functions that can become
    /// references have one.
    pub fn array_to_wasm(&self, ty: TypeIdx) -> Result<*const u8, Damage> {
        let entry = self.entry(Some(self.meta().trampolines[ty.index()][0].to_native()));
        entry.or_else(|damage| self.lazy.as_deref().and_then(|lazy| lazy.array_to_wasm(&self.code, ty)).ok_or(damage))
    }

    /// The entry of the trampoline that serves a type from the backend's convention to array call.
    pub fn wasm_to_array(&self, ty: TypeIdx) -> Result<*const u8, Damage> {
        self.entry(Some(self.meta().trampolines[ty.index()][1].to_native()))
    }

    /// The address of this offset in the code: everything that can be called has one.
    fn entry(&self, offset: Option<u32>) -> Result<*const u8, Damage> {
        offset.and_then(|offset| self.code.get(offset as usize)).map(std::ptr::from_ref).ok_or(Damage)
    }

    /// Why the instruction at this offset of the code traps, if it can.
    pub fn trap_at(&self, offset: u32) -> Option<TrapCode> {
        if let Some(lazy) = self.lazy_at(offset) {
            return lazy.trap_at(offset);
        }
        let number = Pairs::new(self.section(Section::Traps)).get(offset)?;
        TrapCode::from_number(u8::try_from(number).ok()?)
    }

    /// Whether the trap table is another one than was written. Takes time in proportion to it, and nothing that a signal handler may not use.
    pub fn are_traps_damaged(&self) -> bool {
        checksum(self.section(Section::Traps)) != self.header.section(Section::Traps).checksum
    }

    /// The offset in the module's bytes of the operator whose code is at this offset.
    pub fn wasm_offset_at(&self, offset: u32) -> Option<u32> {
        if let Some(lazy) = self.lazy_at(offset) {
            return lazy.wasm_offset_at(offset);
        }
        let (_, wasm_offset) = Pairs::new(self.section(Section::Locations)).floor(offset)?;
        Some(wasm_offset).filter(|offset| *offset != wasmer_runtime_core::compiler::NO_WASM_OFFSET)
    }

    /// Places of the code of which it is known to what operator they belong, ascending, with the operators' offsets in the module's bytes. Nothing of
    /// what is compiled later.
    pub fn wasm_offsets(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let pairs = Pairs::new(self.section(Section::Locations)).iter();
        pairs.filter(|(_, offset)| *offset != wasmer_runtime_core::compiler::NO_WASM_OFFSET)
    }

    /// Where the call that returns to this offset of the code goes on when it throws, if in this function.
    pub fn handler_at(&self, return_address: u32) -> Option<Handler> {
        if let Some(lazy) = self.lazy_at(return_address) {
            return lazy.handler_at(return_address);
        }
        let handler = handlers::find(self.section(Section::Handlers), return_address)?;
        Some(handler).filter(|handler| (handler.landing as usize) < self.code.len())
    }

    /// The registers that the function whose code is at this offset saves for its caller, see [`SavedRegisters`](wasmer_runtime_core::compiler::SavedRegisters).
    pub fn saved_registers_at(&self, offset: u32) -> u8 {
        if let Some(lazy) = self.lazy_at(offset) {
            return lazy.saved_registers_at(offset);
        }
        Pairs::new(self.section(Section::Saved)).floor(offset).map_or(0, |(_, mask)| mask as u8)
    }

    /// The function whose code is at this offset; none for trampolines and data.
    pub fn function_at(&self, offset: u32) -> Option<DefinedFuncIdx> {
        if let Some(lazy) = self.lazy_at(offset) {
            return lazy.function_at(offset);
        }
        let (places, _) = self.section(Section::Places).as_chunks::<8>();
        let start = |place: &[u8; 8]| u64::from_le_bytes(*place) as u32;
        let position = places.partition_point(|place| start(place) <= offset).checked_sub(1)?;
        let function = (u64::from_le_bytes(places[position]) >> 32) as u32;
        Some(DefinedFuncIdx(function)).filter(|function| function.0 != NONE)
    }

    /// Whether this is where a loop goes on that has asked for better code: a frame that returns there is also that of what runs in its place.
    pub fn asks_at(&self, return_address: u32) -> bool {
        self.lazy_at(return_address).is_some_and(|lazy| lazy.asks_at(return_address))
    }

    /// Whether functions and trampolines begin where pieces of code do that are theirs.
    pub(super) fn has_its_entries(&self) -> bool {
        let (places, _) = self.section(Section::Places).as_chunks::<8>();
        let halves = |place: &[u8; 8]| {
            let place = u64::from_le_bytes(*place);
            (place as u32, (place >> 32) as u32)
        };
        let is_piece = |start: u32, function: u32| places.binary_search_by_key(&(start, function), halves).is_ok();
        let starts = self.list(&self.meta().lists.function_starts);
        let mut functions = (0..).map_while(|index| Some((starts.get(index as usize)?, index)));
        let mut trampolines = self.meta().trampolines.iter().flatten().map(|start| start.to_native());
        functions.all(|(start, function)| is_piece(start, function))
            && trampolines.all(|start| start == NONE || is_piece(start, NONE))
    }

    /// Where every piece of code is, in the order of the code, and whose it is: trampolines and data are no function's.
    pub fn code_ranges(&self) -> impl Iterator<Item = (Option<DefinedFuncIdx>, Range<u32>)> + '_ {
        let (places, _) = self.section(Section::Places).as_chunks::<8>();
        let starts = places.iter().map(|place| u64::from_le_bytes(*place) as u32);
        let len = self.code.len() as u32;
        let ends = starts.clone().skip(1).chain([len]);
        let functions = places.iter().map(|place| (u64::from_le_bytes(*place) >> 32) as u32);
        let functions = functions.map(|function| Some(DefinedFuncIdx(function)).filter(|_| function != NONE));
        // The section is only read when it is needed, and only then checked.
        let range = move |(start, end): (u32, u32)| start.min(len)..end.min(len).max(start.min(len));
        functions.zip(starts.zip(ends).map(range))
    }
}

/// Names.
impl Image {
    /// The name section's module name.
    pub fn module_name(&self) -> Option<&str> {
        self.meta().name.as_ref().map(ArchivedString::as_str)
    }

    /// The name section's name of a function.
    pub fn function_name(&self, index: FuncIdx) -> Option<&str> {
        let section = self.section(Section::Names);
        let (heads, text) = section.split_at_checked(self.meta().names.to_native() as usize * 8)?;
        let (heads, _) = heads.as_chunks::<8>();
        let head = |position: usize| u64::from_le_bytes(heads[position]);
        let position = heads.binary_search_by_key(&index.0, |head| u64::from_le_bytes(*head) as u32).ok()?;
        let start = position.checked_sub(1).map_or(0, |before| head(before) >> 32);
        let name = text.get(start as usize..(head(position) >> 32) as usize)?;
        std::str::from_utf8(name).ok()
    }
}
