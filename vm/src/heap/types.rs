//! The process's types, as the collector sees them.

use wasmer_runtime_core::object::{ObjectKind, TypeTrace};
use wasmer_runtime_core::vmcontext::canonical_of;

use super::object::{HOST_CELL, Shape, Shapes};
use crate::types_registry;

/// Types by canonical id. The modules of a store own those of its objects.
#[derive(Clone, Copy, Debug)]
pub struct ProcessTypes;

impl Shapes for ProcessTypes {
    #[inline]
    fn shape(&self, header: u32) -> Shape<'_> {
        if ObjectKind::of(header) == Some(ObjectKind::Host) {
            return HOST_CELL;
        }
        // SAFETY: the type of an object is one of a module of the store or of its host, which own it.
        match unsafe { types_registry::trace(canonical_of(header)) } {
            Some(TypeTrace::Struct { size, refs }) => Shape::Struct { size: *size, refs },
            Some(TypeTrace::Array { element_log2, element }) => {
                Shape::Array { element_log2: *element_log2, element: *element }
            }
            // No object has such a header.
            Some(TypeTrace::Func) | None => Shape::Struct { size: super::space::GRANULE_BYTES, refs: &[] },
        }
    }
}
