//! wasmparser's types as ours.

use wasmparser::{AbstractHeapType, CompositeInnerType, UnpackedIndex};

use crate::error::CompileError;
use crate::translate::error::{gc, unsupported};
use crate::types::*;

/// Where a type stands, and what it may be.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    /// Offset in the module's bytes.
    pub(super) offset: u64,
    /// Whether the types of garbage collection are allowed.
    pub(super) gc: bool,
    /// What the types are that it may refer to.
    pub(super) kinds: &'a [TypeKind],
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
pub(super) fn val_type(ty: wasmparser::ValType, at: At<'_>) -> Result<ValType, CompileError> {
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
pub(super) fn ref_type(ty: wasmparser::RefType, at: At<'_>) -> Result<RefType, CompileError> {
    Ok(RefType { nullable: ty.is_nullable(), heap: heap_type(ty.heap_type(), at)? })
}

pub(super) fn heap_type(ty: wasmparser::HeapType, at: At<'_>) -> Result<HeapType, CompileError> {
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
        wasmparser::HeapType::Concrete(UnpackedIndex::Module(index)) => match at.kinds.get(index as usize) {
            Some(kind) => HeapType::Concrete(*kind, index),
            None => return Err(gc("a type that refers to itself", at.offset)),
        },
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

/// What a composite type is.
pub(super) fn kind(ty: &CompositeInnerType, offset: u64) -> Result<TypeKind, CompileError> {
    match ty {
        CompositeInnerType::Func(_) => Ok(TypeKind::Func),
        CompositeInnerType::Struct(_) => Ok(TypeKind::Struct),
        CompositeInnerType::Array(_) => Ok(TypeKind::Array),
        CompositeInnerType::Cont(_) => Err(unsupported("a continuation type".into(), offset)),
    }
}

/// An entry of the type section.
pub(super) fn type_def(ty: &wasmparser::SubType, at: At<'_>) -> Result<TypeDef, CompileError> {
    let composite = &ty.composite_type;
    if composite.shared || composite.descriptor_idx.is_some() || composite.describes_idx.is_some() {
        return Err(unsupported("a shared or described type".into(), at.offset));
    }
    let is_plain = ty.is_final && ty.supertype_idxs.is_empty();
    if !at.gc && !is_plain {
        return Err(gc("a type with supertypes or subtypes", at.offset));
    }
    let kind = kind(&composite.inner, at.offset)?;
    if !at.gc && kind != TypeKind::Func {
        return Err(gc(&format!("a type of kind `{kind}`"), at.offset));
    }
    let supertype = match ty.supertype_idxs[..] {
        [] => None,
        [index] => index.as_module_index(),
        _ => return Err(unsupported("a type with several supertypes".into(), at.offset)),
    };
    Ok(TypeDef { composite: composite_type(&composite.inner, at)?, supertype, is_final: ty.is_final })
}

fn composite_type(ty: &CompositeInnerType, at: At<'_>) -> Result<CompositeType, CompileError> {
    Ok(match ty {
        CompositeInnerType::Func(ty) => CompositeType::Func(func_type(ty, at)?),
        CompositeInnerType::Struct(ty) => {
            let fields = ty.fields.iter().map(|field| field_type(field, at)).collect::<Result<_, _>>()?;
            CompositeType::Struct(StructType { fields })
        }
        CompositeInnerType::Array(ty) => CompositeType::Array(ArrayType { element: field_type(&ty.0, at)? }),
        CompositeInnerType::Cont(_) => return Err(unsupported("a continuation type".into(), at.offset)),
    })
}

fn field_type(ty: &wasmparser::FieldType, at: At<'_>) -> Result<FieldType, CompileError> {
    let storage = match ty.element_type {
        wasmparser::StorageType::I8 => StorageType::I8,
        wasmparser::StorageType::I16 => StorageType::I16,
        wasmparser::StorageType::Val(ty) => StorageType::Val(val_type(ty, at)?),
    };
    Ok(FieldType { storage, mutable: ty.mutable })
}

/// A function type.
fn func_type(ty: &wasmparser::FuncType, at: At<'_>) -> Result<FuncType, CompileError> {
    let list = |types: &[wasmparser::ValType]| -> Result<Box<[ValType]>, CompileError> {
        types.iter().map(|&ty| val_type(ty, at)).collect()
    };
    Ok(FuncType { params: list(ty.params())?, results: list(ty.results())? })
}

const fn width(is_64: bool) -> Width {
    if is_64 { Width::W64 } else { Width::W32 }
}

/// A table type.
pub(super) fn table_type(ty: &wasmparser::TableType, at: At<'_>) -> Result<TableType, CompileError> {
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
pub(super) fn global_type(ty: &wasmparser::GlobalType, at: At<'_>) -> Result<GlobalType, CompileError> {
    if ty.shared {
        return Err(unsupported("shared global".into(), at.offset));
    }
    Ok(GlobalType { content: val_type(ty.content_type, at)?, mutable: ty.mutable })
}
