//! wasmparser's types as ours.

use wasmparser::{AbstractHeapType, UnpackedIndex};

use crate::compiler::CompileError;
use crate::translate::error::{gc, unsupported};
use crate::types::*;

/// Where a type stands, and what it may be.
#[derive(Clone, Copy)]
pub(super) struct At {
    /// Offset in the module's bytes.
    pub(super) offset: u64,
    /// Whether the types of garbage collection are allowed.
    pub(super) gc: bool,
    /// How many types stand before it.
    pub(super) types: u32,
}

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

/// A value type.
pub(super) fn val_type(ty: wasmparser::ValType, at: At) -> Result<ValType, CompileError> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(reference) => ValType::Ref(ref_type(reference, at)?),
    })
}

/// A reference type.
pub(super) fn ref_type(ty: wasmparser::RefType, at: At) -> Result<RefType, CompileError> {
    Ok(RefType { nullable: ty.is_nullable(), heap: heap_type(ty.heap_type(), at)? })
}

pub(super) fn heap_type(ty: wasmparser::HeapType, at: At) -> Result<HeapType, CompileError> {
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
                return Err(unsupported(format!("heap type `{ty:?}`"), at.offset));
            }
        },
        wasmparser::HeapType::Concrete(UnpackedIndex::Module(index)) if at.gc || index < at.types => {
            HeapType::Concrete(TypeKind::Func, index)
        }
        wasmparser::HeapType::Concrete(UnpackedIndex::Module(_)) => {
            return Err(gc("a type that refers to itself", at.offset));
        }
        wasmparser::HeapType::Abstract { .. } | wasmparser::HeapType::Concrete(..) | wasmparser::HeapType::Exact(_) => {
            return Err(unsupported(format!("heap type `{ty:?}`"), at.offset));
        }
    };
    match heap {
        HeapType::Func | HeapType::Extern | HeapType::Concrete(..) | HeapType::Exn | HeapType::NoExn => Ok(heap),
        HeapType::NoFunc
        | HeapType::NoExtern
        | HeapType::Any
        | HeapType::None
        | HeapType::Eq
        | HeapType::I31
        | HeapType::Struct
        | HeapType::Array => {
            if at.gc {
                Ok(heap)
            } else {
                Err(gc(&format!("the heap type `{heap}`"), at.offset))
            }
        }
    }
}

/// A function type.
pub(super) fn func_type(ty: &wasmparser::FuncType, at: At) -> Result<FuncType, CompileError> {
    let list = |types: &[wasmparser::ValType]| -> Result<Box<[ValType]>, CompileError> {
        types.iter().map(|&ty| val_type(ty, at)).collect()
    };
    Ok(FuncType { params: list(ty.params())?, results: list(ty.results())? })
}

const fn width(is_64: bool) -> Width {
    if is_64 { Width::W64 } else { Width::W32 }
}

/// A table type.
pub(super) fn table_type(ty: &wasmparser::TableType, at: At) -> Result<TableType, CompileError> {
    if ty.shared {
        return Err(unsupported("shared table".into(), at.offset));
    }
    Ok(TableType {
        element: ref_type(ty.element_type, at)?,
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

/// A global type.
pub(super) fn global_type(ty: &wasmparser::GlobalType, at: At) -> Result<GlobalType, CompileError> {
    if ty.shared {
        return Err(unsupported("shared global".into(), at.offset));
    }
    Ok(GlobalType { content: val_type(ty.content_type, at)?, mutable: ty.mutable })
}
