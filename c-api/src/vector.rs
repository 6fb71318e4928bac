//! Vectors, as C sees them: a size and elements, in memory of `malloc`, so that a program which changes the size of one does no harm.

use std::mem::MaybeUninit;
use std::{ptr, slice};

/// `wasm_NAME_vec_t`. It owns its elements if the function that it is given to says so.
#[repr(C)]
pub(crate) struct Vector<T> {
    size: usize,
    data: *mut T,
}

impl<T> Vector<T> {
    /// No elements.
    pub(crate) const EMPTY: Self = Self { size: 0, data: ptr::null_mut() };

    /// Room for elements, all of whose bytes are zero. Empty if there is no memory for so many.
    fn zeroed(size: usize) -> Self {
        if size == 0 || size_of::<T>() == 0 {
            return Self::EMPTY;
        }
        // SAFETY: `calloc` multiplies with care, and aligns for every type that C has.
        let data = unsafe { libc::calloc(size, size_of::<T>()) };
        if data.is_null() { Self::EMPTY } else { Self { size, data: data.cast() } }
    }

    /// Takes the elements over. There are none if there is no memory for them; then they are dropped.
    pub(crate) fn from_vec(elements: Vec<T>) -> Self {
        let vector = Self::zeroed(elements.len());
        for (place, element) in vector.places().zip(elements) {
            // SAFETY: the place is one of the vector's.
            unsafe { place.write(element) };
        }
        vector
    }

    /// Where the elements are.
    fn places(&self) -> impl Iterator<Item = *mut T> {
        let data = self.data;
        // SAFETY: these are the elements.
        (0..self.checked_size()).map(move |position| unsafe { data.add(position) })
    }

    /// No elements if there cannot be so many.
    #[inline]
    fn checked_size(&self) -> usize {
        let is_possible = !self.data.is_null() && self.size <= isize::MAX as usize / size_of::<T>().max(1);
        if is_possible { self.size } else { 0 }
    }

    /// The elements.
    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        match self.checked_size() {
            0 => &[],
            // SAFETY: there are so many elements.
            size => unsafe { slice::from_raw_parts(self.data, size) },
        }
    }

    /// The elements.
    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match self.checked_size() {
            0 => &mut [],
            // SAFETY: there are so many elements, and nobody else uses the vector.
            size => unsafe { slice::from_raw_parts_mut(self.data, size) },
        }
    }

    /// A vector of elements that lie elsewhere; it must not be dropped.
    #[inline]
    pub(crate) fn borrowed(elements: &[T]) -> std::mem::ManuallyDrop<Self> {
        std::mem::ManuallyDrop::new(Self { size: elements.len(), data: elements.as_ptr().cast_mut() })
    }

    /// Takes everything out.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::EMPTY)
    }
}

impl<T: Clone> Vector<T> {
    /// A copy of elements; empty if there is no memory for it.
    pub(crate) fn copied(elements: &[T]) -> Self {
        let vector = Self::zeroed(elements.len());
        for (place, element) in vector.places().zip(elements) {
            // SAFETY: the place is one of the vector's, and has room for an element.
            unsafe { place.write(element.clone()) };
        }
        vector
    }
}

impl<T: Clone> Clone for Vector<T> {
    fn clone(&self) -> Self {
        Self::copied(self.as_slice())
    }
}

impl<T> Drop for Vector<T> {
    fn drop(&mut self) {
        for place in self.places() {
            // SAFETY: the vector owns its elements, and they are dropped once.
            unsafe { place.drop_in_place() };
        }
        // SAFETY: the memory is `malloc`'s, or null.
        unsafe { libc::free(self.data.cast()) };
    }
}

/// A vector that the caller makes of its own elements, which move.
pub(crate) fn moved<T>(size: usize, data: *const T) -> Vector<T> {
    if data.is_null() {
        return Vector::EMPTY;
    }
    let vector = Vector::zeroed(size);
    // SAFETY: the caller has so many elements, and does not use them again.
    unsafe { ptr::copy_nonoverlapping(data, vector.data, vector.size) };
    vector
}

/// Room for elements.
pub(crate) fn uninitialized<T>(size: usize) -> Vector<T> {
    Vector::zeroed(size)
}

/// Writes a result, if C wants it.
pub(crate) fn write<T>(out: Option<&mut MaybeUninit<T>>, value: T) {
    if let Some(out) = out {
        out.write(value);
    }
}

/// The five functions of the vectors of a type.
macro_rules! vector_functions {
    ($name:literal, $element:ty) => {
        const _: () = {
            use std::mem::MaybeUninit;

            use $crate::vector::{self, Vector};

            type Out<'a> = Option<&'a mut MaybeUninit<Vector<$element>>>;

            #[unsafe(export_name = concat!("wasm_", $name, "_vec_new_empty"))]
            extern "C" fn new_empty(out: Out<'_>) {
                vector::write(out, Vector::EMPTY);
            }

            #[unsafe(export_name = concat!("wasm_", $name, "_vec_new_uninitialized"))]
            extern "C" fn new_uninitialized(out: Out<'_>, size: usize) {
                vector::write(out, vector::uninitialized(size));
            }

            #[unsafe(export_name = concat!("wasm_", $name, "_vec_new"))]
            extern "C" fn new(out: Out<'_>, size: usize, data: *const $element) {
                vector::write(out, vector::moved(size, data));
            }

            #[unsafe(export_name = concat!("wasm_", $name, "_vec_copy"))]
            extern "C" fn copy(out: Out<'_>, from: Option<&Vector<$element>>) {
                let copied = $crate::fault::guard(|| from.cloned());
                vector::write(out, copied.unwrap_or(Vector::EMPTY));
            }

            #[unsafe(export_name = concat!("wasm_", $name, "_vec_delete"))]
            extern "C" fn delete(vector: Option<&mut Vector<$element>>) {
                let _ = $crate::fault::guard(|| vector.map(|vector| drop(vector.take())));
            }
        };
    };
}
pub(crate) use vector_functions;

vector_functions!("byte", u8);
