//! What the collector knows of objects.

use wasmer_runtime_core::object::*;

use super::space::Space;

/// What a type says of its objects.
#[derive(Clone, Copy, Debug)]
pub enum Shape<'a> {
    /// Some fields, of which these are references.
    Struct {
        /// Size of an object in bytes.
        size: u32,
        /// Where references are, and what they are.
        refs: &'a [(u32, TracedRef)],
    },
    /// A length and as many elements.
    Array {
        /// Logarithm of an element's bytes.
        element_log2: u8,
        /// What they are, if they are references.
        element: Option<TracedRef>,
    },
}

/// What every value of the host looks like that became an internal reference.
pub const HOST_CELL: Shape<'static> =
    Shape::Struct { size: HOST_CELL_BYTES, refs: &[(HOST_CELL_HANDLE, TracedRef::Handle)] };

/// Knows the types of a heap's objects.
pub trait Shapes {
    /// What the header of an object says.
    fn shape(&self, header: u32) -> Shape<'_>;
}

impl<S: Shapes> Shapes for &S {
    #[inline]
    fn shape(&self, header: u32) -> Shape<'_> {
        (**self).shape(header)
    }
}

/// The size of an object in bytes. Whatever is there, the object ends in the heap.
#[inline]
pub(super) fn size_of_object(space: &Space, shapes: &impl Shapes, object: u32) -> u32 {
    match shapes.shape(space.word(object + OBJECT_HEADER)) {
        Shape::Struct { size, .. } => size,
        Shape::Array { element_log2, .. } => {
            let size = array_bytes(element_log2, space.word(object + ARRAY_LENGTH));
            size.min(u64::from(space.end() - object)) as u32
        }
    }
}

/// What stands in the 8 bytes of a reference to a value of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// An internal reference that went outside, or null.
    Internal(u32),
    /// A handle.
    Handle(u64),
}

impl Outside {
    /// What a word is.
    #[inline]
    pub fn of(word: u64) -> Self {
        u32::try_from(word).map_or(Self::Handle(word), Self::Internal)
    }
}
