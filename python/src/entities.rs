//! Memories, tables, globals and tags.

use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::exceptions::{PyIndexError, PyMemoryError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use wasmer_runtime::{Extern, GlobalType, Limits, MemoryType, TableType, Val, ValType, Width};

use crate::error::raised;
use crate::func::Func;
use crate::store::Store;
use crate::types;
use crate::value::{bytes_of, of_val, to_val};

/// A hash of a handle: equal handles have equal ones.
pub(crate) fn hash(handle: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    handle.hash(&mut hasher);
    hasher.finish()
}

const fn width(is_64: bool) -> Width {
    if is_64 { Width::W64 } else { Width::W32 }
}

/// Methods that all of them have. A class has one block of methods, so theirs are given.
macro_rules! entity {
    ($name:ident { $($methods:tt)* }) => {
        #[pymethods]
        impl $name {
            $($methods)*

            fn __eq__(&self, other: &Self) -> bool {
                self.entity == other.entity
            }

            fn __hash__(&self) -> u64 {
                hash(&self.entity)
            }

            fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
                visit.call(&self.store)
            }
        }

        impl $name {
            fn new(store: &Bound<'_, Store>, entity: wasmer_runtime::$name) -> Self {
                Self { store: store.clone().unbind(), entity }
            }
        }
    };
}

/// A linear memory. Sizes are in pages, of 64 KiB unless the type says otherwise; `len(memory)` is in bytes.
///
/// It has the buffer protocol: `memoryview(memory)` reads and writes the guest's bytes without a copy, and so does NumPy. A view stays valid whatever
/// happens: memories never move and never shrink, and the view keeps the store. When the memory grows, a view has the length that it had; take another one.
/// What a guest writes while Python reads, on different threads, may be seen in part.
#[pyclass(frozen, module = "wasmer_embed")]
pub(crate) struct Memory {
    store: Py<Store>,
    entity: wasmer_runtime::Memory,
}

entity! {
    Memory {
        #[new]
        #[pyo3(signature = (store, min, max = None, *, shared = false, memory64 = false))]
        fn make(store: &Bound<'_, Store>, min: u64, max: Option<u64>, shared: bool, memory64: bool) -> PyResult<Self> {
            let limits = Limits { min, max };
            let ty = MemoryType { limits, index: width(memory64), shared, page_size_log2: 16 };
            Ok(Self::new(store, Store::with(store, |mut store| wasmer_runtime::Memory::new(&mut store, ty))?))
        }

        /// The type, with the present size as the smallest.
        #[getter]
        fn r#type<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            let ty = Store::with(self.store.bind(py), |store| self.entity.ty(&store))?;
            types::of_memory(py, &ty)
        }

        /// The present size in pages.
        #[getter]
        fn pages(&self, py: Python<'_>) -> PyResult<u64> {
            Ok(Store::with(self.store.bind(py), |store| self.entity.ty(&store))?.limits.min)
        }

        /// Makes it larger by so many pages, and returns the size before.
        fn grow(&self, py: Python<'_>, pages: u64) -> PyResult<u64> {
            let grown = Store::enter(self.store.bind(py)).map(|mut entered| self.entity.grow(&mut entered.store_mut(), pages))?;
            grown.map_err(|error| match error {
                wasmer_runtime::Error::Resource(error) => PyMemoryError::new_err(error.to_string()),
                error => raised(py, error),
            })
        }

        /// A copy of so many bytes from an address on.
        fn read<'py>(&self, py: Python<'py>, address: usize, size: usize) -> PyResult<Bound<'py, PyBytes>> {
            let start = self.range(py, address, size)?;
            PyBytes::new_with(py, size, |bytes| {
                // SAFETY: the range lies in the memory, which stays mapped as long as the store, and the copy is in Python's.
                unsafe { std::ptr::copy_nonoverlapping(start, bytes.as_mut_ptr(), size) };
                Ok(())
            })
        }

        /// Writes bytes from an address on.
        fn write(&self, address: usize, data: &Bound<'_, PyAny>) -> PyResult<()> {
            let bytes = bytes_of(data)?;
            let start = self.range(data.py(), address, bytes.len())?;
            // SAFETY: as for `read`; the bytes are a copy of our own.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), start, bytes.len()) };
            Ok(())
        }

        fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
            Ok(self.raw_parts(py)?.1)
        }

        fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
            Ok(format!("<wasmer_embed.Memory of {} bytes>", self.__len__(py)?))
        }

        /// # Safety
        /// Python calls it, with a place for the view.
        unsafe fn __getbuffer__(this: &Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: std::ffi::c_int) -> PyResult<()> {
            let (base, len) = this.get().raw_parts(this.py())?;
            // SAFETY: the view keeps this object, which keeps the store, as long as which the memory is at this address and no shorter. Guests that write meanwhile
            // are what a buffer's user has to expect: nothing in Rust refers to these bytes.
            let done = unsafe { ffi::PyBuffer_FillInfo(view, this.as_ptr(), base.cast(), len as ffi::Py_ssize_t, 0, flags) };
            if done == 0 { Ok(()) } else { Err(PyErr::fetch(this.py())) }
        }
    }
}

impl Memory {
    fn raw_parts(&self, py: Python<'_>) -> PyResult<(*mut u8, usize)> {
        Store::with(self.store.bind(py), |store| self.entity.raw_parts(&store))
    }

    /// Where a range begins that lies in the memory.
    fn range(&self, py: Python<'_>, address: usize, size: usize) -> PyResult<*mut u8> {
        let (base, len) = self.raw_parts(py)?;
        if address.checked_add(size).is_none_or(|end| end > len) {
            let message = format!("{size} bytes at {address:#x} are not inside the memory, which has {len}");
            return Err(PyIndexError::new_err(message));
        }
        // SAFETY: the address was just compared with the length.
        Ok(unsafe { base.add(address) })
    }
}

/// A table of references: `table[index]`, `len(table)`.
#[pyclass(frozen, module = "wasmer_embed")]
pub(crate) struct Table {
    store: Py<Store>,
    entity: wasmer_runtime::Table,
}

entity! {
    Table {
        #[new]
        #[pyo3(signature = (store, element, min, max = None, *, init = None, table64 = false))]
        fn make(
            store: &Bound<'_, Store>,
            element: &str,
            min: u64,
            max: Option<u64>,
            init: Option<&Bound<'_, PyAny>>,
            table64: bool,
        ) -> PyResult<Self> {
            let ty = TableType { element: types::ref_type(element)?, limits: Limits { min, max }, index: width(table64) };
            let init = element_of(store, &ty, init)?;
            Ok(Self::new(store, Store::with(store, |mut store| wasmer_runtime::Table::new(&mut store, ty, init))?))
        }

        /// The type, with the present size as the smallest.
        #[getter]
        fn r#type<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            types::of_table(py, &self.ty(py)?)
        }

        /// Makes it larger by so many elements, which are `init`, and returns the size before.
        #[pyo3(signature = (elements, init = None))]
        fn grow(&self, py: Python<'_>, elements: u64, init: Option<&Bound<'_, PyAny>>) -> PyResult<u64> {
            let store = self.store.bind(py);
            let init = element_of(store, &self.ty(py)?, init)?;
            Store::with(store, |mut store| self.entity.grow(&mut store, elements, init))
        }

        fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
            Ok(Store::with(self.store.bind(py), |store| self.entity.len(&store))? as usize)
        }

        fn __getitem__<'py>(&self, py: Python<'py>, index: u64) -> PyResult<Bound<'py, PyAny>> {
            let store = self.store.bind(py);
            let value = Store::with(store, |mut store| self.entity.get(&mut store, index))?;
            of_val(store, value.ok_or_else(|| PyIndexError::new_err("the index is beyond the table's end"))?)
        }

        fn __setitem__(&self, py: Python<'_>, index: u64, value: &Bound<'_, PyAny>) -> PyResult<()> {
            if index >= self.__len__(py)? as u64 {
                return Err(PyIndexError::new_err("the index is beyond the table's end"));
            }
            let store = self.store.bind(py);
            let value = element_of(store, &self.ty(py)?, Some(value))?;
            Store::with(store, |mut store| self.entity.set(&mut store, index, value))
        }
    }
}

impl Table {
    fn ty(&self, py: Python<'_>) -> PyResult<TableType> {
        Store::with(self.store.bind(py), |store| self.entity.ty(&store))
    }
}

/// What a table of a type holds for an object; null for none.
fn element_of(store: &Bound<'_, Store>, ty: &TableType, object: Option<&Bound<'_, PyAny>>) -> PyResult<Val> {
    let none = store.py().None();
    to_val(object.unwrap_or(none.bind(store.py())), ValType::Ref(ty.element))
}

/// A global: `value` is what it holds, and may be set if it is mutable.
#[pyclass(frozen, module = "wasmer_embed")]
pub(crate) struct Global {
    store: Py<Store>,
    entity: wasmer_runtime::Global,
}

entity! {
    Global {
        #[new]
        #[pyo3(signature = (store, content, value, *, mutable = false))]
        fn make(store: &Bound<'_, Store>, content: &str, value: &Bound<'_, PyAny>, mutable: bool) -> PyResult<Self> {
            let ty = GlobalType { content: types::val_type(content)?, mutable };
            let value = to_val(value, ty.content)?;
            Ok(Self::new(store, Store::with(store, |mut store| wasmer_runtime::Global::new(&mut store, ty, value))?))
        }

        /// The type.
        #[getter]
        fn r#type<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            types::of_global(py, &self.ty(py)?)
        }

        /// What it holds.
        #[getter]
        fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            let store = self.store.bind(py);
            of_val(store, Store::with(store, |store| self.entity.get(&store))?)
        }

        #[setter]
        fn set_value(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
            let py = value.py();
            let value = to_val(value, self.ty(py)?.content)?;
            Store::with(self.store.bind(py), |mut store| self.entity.set(&mut store, value))
        }
    }
}

impl Global {
    fn ty(&self, py: Python<'_>) -> PyResult<GlobalType> {
        Store::with(self.store.bind(py), |store| self.entity.ty(&store))
    }
}

/// What exceptions of guests are told apart by: to be given from one instance to another.
#[pyclass(frozen, module = "wasmer_embed")]
pub(crate) struct Tag {
    store: Py<Store>,
    entity: wasmer_runtime::Tag,
}

entity! {
    Tag {
        /// What its exceptions carry.
        #[getter]
        fn r#type<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            let ty = Store::with(self.store.bind(py), |store| self.entity.ty(&store))?;
            types::of_tag(py, &ty)
        }
    }
}

/// The Python object for something that an instance exports.
pub(crate) fn of_extern<'py>(store: &Bound<'py, Store>, entity: Extern) -> PyResult<Bound<'py, PyAny>> {
    let py = store.py();
    Ok(match entity {
        Extern::Func(func) => Bound::new(py, Func::new(store, func)?)?.into_any(),
        Extern::Memory(memory) => Bound::new(py, Memory::new(store, memory))?.into_any(),
        Extern::Table(table) => Bound::new(py, Table::new(store, table))?.into_any(),
        Extern::Global(global) => Bound::new(py, Global::new(store, global))?.into_any(),
        Extern::Tag(tag) => Bound::new(py, Tag::new(store, tag))?.into_any(),
    })
}

/// What a Python object is, if it is something of a store.
pub(crate) fn to_extern(object: &Bound<'_, PyAny>) -> Option<Extern> {
    if let Ok(func) = object.cast::<Func>() {
        return Some(Extern::Func(func.get().func));
    }
    if let Ok(memory) = object.cast::<Memory>() {
        return Some(Extern::Memory(memory.get().entity));
    }
    if let Ok(table) = object.cast::<Table>() {
        return Some(Extern::Table(table.get().entity));
    }
    if let Ok(global) = object.cast::<Global>() {
        return Some(Extern::Global(global.get().entity));
    }
    Some(Extern::Tag(object.cast::<Tag>().ok()?.get().entity))
}
