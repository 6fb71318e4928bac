//! What is written of the binary format.

use wasmparser::BinaryReader;

use crate::types::{HeapType, ValType};

/// Appends a number without sign.
pub(super) fn leb(to: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// Appends an index where types stand, which are negative numbers: a number with a sign.
pub(super) fn signed(to: &mut Vec<u8>, mut value: u32) {
    while value >= 0x40 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// Appends a value type, whose indices are the module's.
pub(super) fn val_type(to: &mut Vec<u8>, ty: ValType) {
    let reference = match ty {
        ValType::I32 => return to.push(0x7f),
        ValType::I64 => return to.push(0x7e),
        ValType::F32 => return to.push(0x7d),
        ValType::F64 => return to.push(0x7c),
        ValType::V128 => return to.push(0x7b),
        ValType::Ref(reference) => reference,
    };
    let is_short = reference.nullable && !matches!(reference.heap, HeapType::Concrete(..));
    if !is_short {
        to.push(if reference.nullable { 0x63 } else { 0x64 });
    }
    heap_type(to, reference.heap);
}

/// Appends a heap type.
pub(super) fn heap_type(to: &mut Vec<u8>, heap: HeapType) {
    to.push(match heap {
        HeapType::NoExn => 0x74,
        HeapType::NoFunc => 0x73,
        HeapType::NoExtern => 0x72,
        HeapType::None => 0x71,
        HeapType::Func => 0x70,
        HeapType::Extern => 0x6f,
        HeapType::Any => 0x6e,
        HeapType::Eq => 0x6d,
        HeapType::I31 => 0x6c,
        HeapType::Struct => 0x6b,
        HeapType::Array => 0x6a,
        HeapType::Exn => 0x69,
        HeapType::Concrete(_, index) => return signed(to, index),
    });
}

/// A function type as an entry of the type section.
pub(super) fn func_type(params: &[ValType], results: &[ValType]) -> Vec<u8> {
    let mut entry = vec![0x60];
    for types in [params, results] {
        leb(&mut entry, types.len() as u32);
        types.iter().for_each(|ty| val_type(&mut entry, *ty));
    }
    entry
}

/// Skips the type of a block.
pub(super) fn block_type(reader: &mut BinaryReader<'_>) -> Option<()> {
    let mut byte = reader.read_u8().ok()?;
    // A reference whose heap type follows.
    if matches!(byte, 0x63 | 0x64) {
        byte = reader.read_u8().ok()?;
    }
    while byte >= 0x80 {
        byte = reader.read_u8().ok()?;
    }
    Some(())
}
