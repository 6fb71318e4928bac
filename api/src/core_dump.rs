//! Core dumps: what a guest has left, in the format of WebAssembly's [tool conventions], for debuggers to read.
//!
//! A core dump is itself a module, which nobody runs: custom sections say what the process was, its modules, instances and frames; the memory and data
//! sections hold its memories, the global section its globals.
//!
//! [tool conventions]: https://github.com/WebAssembly/tool-conventions/blob/main/Coredump.md

use std::io::{self, Write};
use std::ops::Range;

use wasmparser::{Parser, Payload};

use wasmer_runtime_core::types::*;

use crate::error::{Backtrace, Error, Frame, ResourceError, Result};
use crate::externs::{Global, Memory};
use crate::instance::Instance;
use crate::module::ImportInfo;
use crate::store::{AsStore, AsStoreMut};
use crate::value::Val;

/// Runs of memory are so long, or a multiple: what is zero is left out. No module may have more than 100,000 segments.
const CHUNK_BYTES: usize = 64 << 10;

/// Numbers of sections.
mod section {
    pub(super) const CUSTOM: u8 = 0;
    pub(super) const MEMORY: u8 = 5;
    pub(super) const GLOBAL: u8 = 6;
    pub(super) const DATA: u8 = 11;
}

impl Instance {
    /// Writes a core dump: the instance's memories and globals as they are now, with the frames of an error whose call has ended. `name` is what the
    /// module is called in it, usually its path.
    ///
    /// The frames are taken to be this instance's. Their places in their functions are only known with the module's bytes, `wasm`. Neither locals nor
    /// operands are in it: compiled code does not keep them. Neither are tables, for which the format has no place, nor what references refer to.
    ///
    /// # Errors
    /// [`Error::Resource`] if it cannot be written, or if there is more in memory than a section can hold, 4 GiB.
    pub fn core_dump(
        &self,
        store: &mut impl AsStoreMut,
        name: &str,
        wasm: Option<&[u8]>,
        backtrace: &Backtrace,
        out: &mut impl Write,
    ) -> Result<()> {
        let memories = self.memories(store)?;
        let store = &*store;
        let globals: Vec<_> = (0..).map_while(|index| self.global(store, index)).collect();
        let is_func = |import: &ImportInfo| matches!(import.ty, ExternType::Func(_));
        let imported = self.module(store)?.imports().filter(is_func).count() as u32;
        let bodies = wasm.map(|wasm| bodies(wasm, imported)).unwrap_or_default();
        let mut head = b"\0asm\x01\0\0\0".to_vec();
        custom(&mut head, "core", &process(name));
        custom(&mut head, "coremodules", &[&[1][..], &process(name)].concat());
        custom(&mut head, "coreinstances", &instances(memories.len(), globals.len()));
        custom(&mut head, "corestack", &stack(&backtrace.frames, &bodies));
        put(&mut head, section::MEMORY, &memory_section(store, &memories)?);
        put(&mut head, section::GLOBAL, &global_section(store, &globals)?);
        write_all(out, &head)?;
        write_data(store, &memories, out)
    }
}

fn write_all(out: &mut impl Write, bytes: &[u8]) -> Result<()> {
    out.write_all(bytes).map_err(not_written)
}

fn not_written(error: io::Error) -> Error {
    ResourceError::CoreDump { error }.into()
}

/// A number in the format of modules.
fn leb(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A signed number in the format of modules.
fn signed_leb(out: &mut Vec<u8>, mut value: i64) {
    while !(-0x40..0x40).contains(&value) {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8 & 0x7f);
}

fn text(out: &mut Vec<u8>, text: &str) {
    leb(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put(out: &mut Vec<u8>, section: u8, contents: &[u8]) {
    out.push(section);
    leb(out, contents.len() as u64);
    out.extend_from_slice(contents);
}

fn custom(out: &mut Vec<u8>, name: &str, contents: &[u8]) {
    let mut all = Vec::new();
    text(&mut all, name);
    all.extend_from_slice(contents);
    put(out, section::CUSTOM, &all);
}

/// What a process, a module and a thread are described by: a name.
fn process(name: &str) -> Vec<u8> {
    let mut out = vec![0];
    text(&mut out, name);
    out
}

/// One instance, of the only module, to which all memories and globals of the dump belong.
fn instances(memories: usize, globals: usize) -> Vec<u8> {
    let mut out = vec![1, 0, 0];
    for count in [memories, globals] {
        leb(&mut out, count as u64);
        (0..count).for_each(|index| leb(&mut out, index as u64));
    }
    out
}

fn stack(frames: &[Frame], bodies: &[(u32, Range<u64>)]) -> Vec<u8> {
    let mut out = process("main");
    leb(&mut out, frames.len() as u64);
    for frame in frames {
        // Of the instance that is number zero.
        out.extend_from_slice(&[0, 0]);
        leb(&mut out, frame.function.into());
        leb(&mut out, offset_in_function(frame, bodies));
        // Locals and operands: none is known.
        out.extend_from_slice(&[0, 0]);
    }
    out
}

/// Where a frame is in its function; zero if that is not known.
fn offset_in_function(frame: &Frame, bodies: &[(u32, Range<u64>)]) -> u64 {
    let position = bodies.binary_search_by_key(&frame.function, |(function, _)| *function);
    let body = position.map(|position| bodies[position].1.clone()).unwrap_or_default();
    let offset = frame.wasm_offset.map_or(0, u64::from);
    if body.contains(&offset) { offset - body.start } else { 0 }
}

/// The bodies of a module's functions with their numbers, as far as the module can be read: it was before, but it may be another one now.
fn bodies(wasm: &[u8], imported: u32) -> Vec<(u32, Range<u64>)> {
    let bodies = Parser::new(0).parse_all(wasm).map_while(|payload| payload.ok()).filter_map(|payload| match payload {
        Payload::CodeSectionEntry(body) => Some(body.range()),
        _ => None,
    });
    (imported..).zip(bodies).collect()
}

fn memory_section(store: &impl AsStore, memories: &[Memory]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    leb(&mut out, memories.len() as u64);
    for memory in memories {
        let ty = memory.ty(store)?;
        let has_own_pages = ty.page_size_log2 != 16;
        let flags = [ty.limits.max.is_some(), ty.shared, ty.index == Width::W64, has_own_pages];
        out.push(flags.iter().rev().fold(0, |flags, flag| flags << 1 | u8::from(*flag)));
        leb(&mut out, ty.limits.min);
        if let Some(max) = ty.limits.max {
            leb(&mut out, max);
        }
        if has_own_pages {
            out.push(ty.page_size_log2);
        }
    }
    Ok(out)
}

fn global_section(store: &impl AsStore, globals: &[Global]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    leb(&mut out, globals.len() as u64);
    for global in globals {
        constant(&mut out, &global.get(store)?);
        out.push(END);
    }
    Ok(out)
}

/// The end of an expression.
const END: u8 = 0x0b;
/// `i32.const` and `i64.const`.
const CONST: [u8; 2] = [0x41, 0x42];

/// The type of a global that is not mutable, and its value. What is a reference is null: it refers to nothing outside of its store.
fn constant(out: &mut Vec<u8>, value: &Val) {
    match value {
        Val::I32(value) => {
            out.extend_from_slice(&[0x7f, 0, CONST[0]]);
            signed_leb(out, (*value).into());
        }
        Val::I64(value) => {
            out.extend_from_slice(&[0x7e, 0, CONST[1]]);
            signed_leb(out, *value);
        }
        Val::F32(bits) => {
            out.extend_from_slice(&[0x7d, 0, 0x43]);
            out.extend_from_slice(&bits.to_le_bytes());
        }
        Val::F64(bits) => {
            out.extend_from_slice(&[0x7c, 0, 0x44]);
            out.extend_from_slice(&bits.to_le_bytes());
        }
        Val::V128(bits) => {
            out.extend_from_slice(&[0x7b, 0, 0xfd, 0x0c]);
            out.extend_from_slice(&bits.to_le_bytes());
        }
        Val::FuncRef(_) => out.extend_from_slice(&[0x70, 0, 0xd0, 0x70]),
        Val::ExternRef(_) => out.extend_from_slice(&[0x6f, 0, 0xd0, 0x6f]),
        Val::ExnRef(_) => out.extend_from_slice(&[0x69, 0, 0xd0, 0x69]),
        Val::AnyRef(_) => out.extend_from_slice(&[0x6e, 0, 0xd0, 0x6e]),
    }
}

/// A segment: how it begins, at last with its length, and the bytes that follow.
struct Segment {
    head: Vec<u8>,
    start: *const u8,
    len: usize,
}

/// The data section, which is not put together in memory: it may be as large as all of the guest's.
fn write_data(store: &impl AsStore, memories: &[Memory], out: &mut impl Write) -> Result<()> {
    let mut segments = Vec::new();
    for (index, memory) in memories.iter().enumerate() {
        add_segments(store, index, memory, &mut segments)?;
    }
    segments.iter_mut().for_each(|segment| leb(&mut segment.head, segment.len as u64));
    let mut count = Vec::new();
    leb(&mut count, segments.len() as u64);
    let bytes: usize = segments.iter().map(|segment| segment.head.len() + segment.len).sum();
    let Ok(bytes) = u32::try_from(count.len() + bytes) else {
        return Err(ResourceError::CoreDumpSize.into());
    };
    let mut head = vec![section::DATA];
    leb(&mut head, bytes.into());
    head.extend_from_slice(&count);
    write_all(out, &head)?;
    let mut copy = vec![0; CHUNK_BYTES];
    for segment in segments {
        write_all(out, &segment.head)?;
        for offset in (0..segment.len).step_by(CHUNK_BYTES) {
            let copy = &mut copy[..CHUNK_BYTES.min(segment.len - offset)];
            // SAFETY: the range is in the memory, which is mapped as long as the store, which is borrowed.
            unsafe { read(segment.start.add(offset), copy) };
            write_all(out, copy)?;
        }
    }
    out.flush().map_err(not_written)
}

/// Copies bytes of a memory, which another thread may be writing if it is shared.
///
/// # Safety
/// They are mapped.
unsafe fn read(start: *const u8, copy: &mut [u8]) {
    // SAFETY: the caller's promise; the copy is our own.
    unsafe { std::ptr::copy_nonoverlapping(start, copy.as_mut_ptr(), copy.len()) };
}

/// The runs of chunks in which something is not zero.
fn add_segments(store: &impl AsStore, index: usize, memory: &Memory, segments: &mut Vec<Segment>) -> Result<()> {
    let (base, len) = memory.raw_parts(store)?;
    let is_64 = memory.ty(store)?.index == Width::W64;
    let mut copy = vec![0; CHUNK_BYTES];
    let mut is_open = false;
    for start in (0..len).step_by(CHUNK_BYTES) {
        let copy = &mut copy[..CHUNK_BYTES.min(len - start)];
        // SAFETY: the chunk is in the memory, which is mapped as long as the store, which is borrowed.
        let place = unsafe { base.add(start) };
        // SAFETY: likewise.
        unsafe { read(place, copy) };
        let is_empty = copy.iter().all(|byte| *byte == 0);
        match segments.last_mut() {
            _ if is_empty => {}
            Some(segment) if is_open => segment.len += copy.len(),
            _ => segments.push(Segment { head: segment_head(index, start, is_64), start: place, len: copy.len() }),
        }
        is_open = !is_empty;
    }
    Ok(())
}

/// An active segment of a memory, but for its length.
fn segment_head(memory: usize, start: usize, is_64: bool) -> Vec<u8> {
    let mut head = vec![2];
    leb(&mut head, memory as u64);
    head.push(CONST[usize::from(is_64)]);
    // Addresses are signed where they are written.
    let start = if is_64 { start as i64 } else { i64::from(start as u32 as i32) };
    signed_leb(&mut head, start);
    head.push(END);
    head
}
