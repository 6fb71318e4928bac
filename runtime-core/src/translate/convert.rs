//! wasmparser's types as ours.

use wasmparser::{AbstractHeapType, UnpackedIndex};

use crate::compiler::CompileError;
use crate::translate::error::unsupported;
use crate::types::*;

/// The representation of a value type.
pub(super) const fn ty(ty: wasmparser::ValType) -> Ty {
    match ty {
        wasmparser::ValType::I32 => Ty::I32,
        wasmparser::ValType::I64 => Ty::I64,
        wasmparser::ValType::F32 => Ty::F32,
        wasmparser::ValType::F64 => Ty::F64,
        wasmparser::ValType::V128 => Ty::V128,
        wasmparser::ValType::Ref(_) => Ty::Ref,
    }
}

/// A value type at `offset`.
pub(super) fn val_type(ty: wasmparser::ValType, offset: u64) -> Result<ValType, CompileError> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(reference) => ValType::Ref(ref_type(reference, offset)?),
    })
}

/// A reference type at `offset`.
pub(super) fn ref_type(ty: wasmparser::RefType, offset: u64) -> Result<RefType, CompileError> {
    Ok(RefType { nullable: ty.is_nullable(), heap: heap_type(ty.heap_type(), offset)? })
}

fn heap_type(ty: wasmparser::HeapType, offset: u64) -> Result<HeapType, CompileError> {
    let heap = match ty {
        wasmparser::HeapType::Abstract { shared: false, ty } => match ty {
            AbstractHeapType::Func => HeapType::Func,
            AbstractHeapType::Extern => HeapType::Extern,
            AbstractHeapType::Any => HeapType::Any,
            AbstractHeapType::None => HeapType::None,
            AbstractHeapType::NoExtern => HeapType::NoExtern,
            AbstractHeapType::NoFunc => HeapType::NoFunc,
            AbstractHeapType::Eq => HeapType::Eq,
            AbstractHeapType::Struct => HeapType::Struct,
            AbstractHeapType::Array => HeapType::Array,
            AbstractHeapType::I31 => HeapType::I31,
            AbstractHeapType::Exn => HeapType::Exn,
            AbstractHeapType::NoExn => HeapType::NoExn,
            AbstractHeapType::Cont | AbstractHeapType::NoCont => {
                return Err(unsupported(format!("heap type `{ty:?}`"), offset));
            }
        },
        wasmparser::HeapType::Concrete(UnpackedIndex::Module(index)) => HeapType::Concrete(index),
        wasmparser::HeapType::Abstract { .. } | wasmparser::HeapType::Concrete(_) | wasmparser::HeapType::Exact(_) => {
            return Err(unsupported(format!("heap type `{ty:?}`"), offset));
        }
    };
    Ok(heap)
}

/// A function type at `offset`.
pub(super) fn func_type(ty: &wasmparser::FuncType, offset: u64) -> Result<FuncType, CompileError> {
    let list = |types: &[wasmparser::ValType]| -> Result<Box<[ValType]>, CompileError> {
        types.iter().map(|&ty| val_type(ty, offset)).collect()
    };
    Ok(FuncType { params: list(ty.params())?, results: list(ty.results())? })
}

const fn width(is_64: bool) -> Width {
    if is_64 { Width::W64 } else { Width::W32 }
}

/// A table type at `offset`.
pub(super) fn table_type(ty: &wasmparser::TableType, offset: u64) -> Result<TableType, CompileError> {
    if ty.shared {
        return Err(unsupported("shared table".into(), offset));
    }
    Ok(TableType {
        element: ref_type(ty.element_type, offset)?,
        limits: Limits { min: ty.initial, max: ty.maximum },
        index: width(ty.table64),
    })
}

/// A memory type at `offset`.
pub(super) fn memory_type(ty: &wasmparser::MemoryType, offset: u64) -> Result<MemoryType, CompileError> {
    let page_size_log2 = match ty.page_size_log2() {
        log2 @ (0 | 16) => log2 as u8,
        log2 => return Err(unsupported(format!("page size of 2^{log2} bytes"), offset)),
    };
    Ok(MemoryType {
        limits: Limits { min: ty.initial, max: ty.maximum },
        index: width(ty.memory64),
        shared: ty.shared,
        page_size_log2,
    })
}

/// A global type at `offset`.
pub(super) fn global_type(ty: &wasmparser::GlobalType, offset: u64) -> Result<GlobalType, CompileError> {
    if ty.shared {
        return Err(unsupported("shared global".into(), offset));
    }
    Ok(GlobalType { content: val_type(ty.content_type, offset)?, mutable: ty.mutable })
}
