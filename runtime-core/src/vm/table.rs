//! Tables.
//!
//! An element takes 8 bytes: a function reference or a handle. Zero is null, or — while the table is lazy — an element that the module
//! initialises and nobody has asked for yet.

use std::collections::TryReserveError;
use std::ptr::NonNull;

use crate::trap::TrapCode;
use crate::types::{TableIdx, TableType};
use crate::vm::instance::Instance;
use crate::vm::vmcontext::VMTable;

/// A table. Must not move after [`Table::link`].
#[derive(Debug)]
pub struct Table {
    ty: TableType,
    elements: Vec<u64>,
    /// Length that it may not grow beyond.
    elements_max: u64,
    /// Where elements that are not filled in yet come from.
    lazy: Option<(NonNull<Instance>, TableIdx)>,
    /// What compiled code reads, when no vmctx holds it.
    own: VMTable,
    vm: Option<NonNull<VMTable>>,
}

// SAFETY: a table is only used by the thread that uses its store.
unsafe impl Send for Table {}

/// That an index is not inside a table.
pub const OUT_OF_BOUNDS: TrapCode = TrapCode::TableOutOfBounds;

impl Table {
    /// A table of the type's initial size whose elements are `init`.
    pub fn new(ty: &TableType, init: u64, limit: u64) -> Result<Self, TryReserveError> {
        let elements_max = ty.limits.max.unwrap_or(u64::MAX).min(limit);
        let len = if ty.limits.min > elements_max { usize::MAX } else { ty.limits.min as usize };
        // Asks first whether there is room, because `vec!` does not; it gets zeroed pages from the system, which are not touched until used.
        let mut elements = Vec::new();
        elements.try_reserve_exact(len)?;
        if init == 0 {
            drop(elements);
            elements = vec![0; len];
        } else {
            elements.resize(len, init);
        }
        Ok(Self {
            ty: *ty,
            elements,
            elements_max,
            lazy: None,
            own: VMTable { base: std::ptr::null_mut(), len: 0 },
            vm: None,
        })
    }

    /// Names the place that compiled code reads: in a vmctx, or the table's own.
    pub fn link(&mut self, vm: Option<NonNull<VMTable>>) {
        self.vm = Some(vm.unwrap_or(NonNull::from(&mut self.own)));
        self.publish();
    }

    /// What compiled code reads. The table must be linked.
    pub fn vm(&self) -> NonNull<VMTable> {
        self.vm.expect("tables are linked when they are made")
    }

    /// From now on, elements that are zero come from an instance's table image.
    pub fn set_lazy(&mut self, instance: NonNull<Instance>, index: TableIdx) {
        self.lazy = Some((instance, index));
    }

    /// The type.
    pub fn ty(&self) -> &TableType {
        &self.ty
    }

    /// Current length in elements.
    #[allow(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> u64 {
        self.elements.len() as u64
    }

    /// An element, filled in if need be.
    pub fn get(&mut self, index: u64) -> Result<u64, TrapCode> {
        let position = usize::try_from(index).map_err(|_| OUT_OF_BOUNDS)?;
        let value = *self.elements.get(position).ok_or(OUT_OF_BOUNDS)?;
        match self.lazy {
            Some((instance, table)) if value == 0 => {
                // SAFETY: an instance outlives the tables that it defines; filling in does not use this table.
                let value = unsafe { instance.as_ref() }.lazy_element(table, index);
                self.elements[position] = value;
                Ok(value)
            }
            _ => Ok(value),
        }
    }

    /// Writes an element.
    pub fn set(&mut self, index: u64, value: u64) -> Result<(), TrapCode> {
        if value == 0 {
            self.fill_in();
        }
        let position = usize::try_from(index).map_err(|_| OUT_OF_BOUNDS)?;
        *self.elements.get_mut(position).ok_or(OUT_OF_BOUNDS)? = value;
        Ok(())
    }

    /// Grows by `delta` elements `init` and returns the old length; none beyond the limits.
    pub fn grow(&mut self, delta: u64, init: u64) -> Option<u64> {
        let old = self.len();
        let new = old.checked_add(delta).filter(|new| *new <= self.elements_max)?;
        self.elements.try_reserve(usize::try_from(delta).ok()?).ok()?;
        // New elements are not in the image, which covers the initial length only, so null may stand there as zero.
        self.elements.resize(new as usize, init);
        self.publish();
        Some(old)
    }

    /// Writes `len` elements.
    pub fn fill(&mut self, start: u64, value: u64, len: u64) -> Result<(), TrapCode> {
        let range = self.range(start, len)?;
        if value == 0 {
            self.fill_in();
        }
        self.elements[range].fill(value);
        Ok(())
    }

    /// Writes consecutive elements from `start`.
    pub fn init(&mut self, start: u64, values: impl ExactSizeIterator<Item = u64>) -> Result<(), TrapCode> {
        let range = self.range(start, values.len() as u64)?;
        self.fill_in();
        for (element, value) in self.elements[range].iter_mut().zip(values) {
            *element = value;
        }
        Ok(())
    }

    /// Copies elements inside the table, as if through a buffer.
    pub fn copy_within(&mut self, destination: u64, source: u64, len: u64) -> Result<(), TrapCode> {
        let from = self.range(source, len)?;
        let to = self.range(destination, len)?;
        self.fill_in();
        self.elements.copy_within(from, to.start);
        Ok(())
    }

    /// Copies elements from another table.
    pub fn copy_from(&mut self, destination: u64, other: &mut Self, source: u64, len: u64) -> Result<(), TrapCode> {
        let from = other.range(source, len)?;
        let to = self.range(destination, len)?;
        self.fill_in();
        other.fill_in();
        self.elements[to].copy_from_slice(&other.elements[from]);
        Ok(())
    }

    /// Checks a range before anything of it is changed.
    fn range(&self, start: u64, len: u64) -> Result<std::ops::Range<usize>, TrapCode> {
        let end = start.checked_add(len).filter(|end| *end <= self.len()).ok_or(OUT_OF_BOUNDS)?;
        Ok(start as usize..end as usize)
    }

    /// Fills everything in, so that zero means null from now on.
    fn fill_in(&mut self) {
        let Some((instance, table)) = self.lazy.take() else { return };
        for (position, element) in self.elements.iter_mut().enumerate().filter(|(_, element)| **element == 0) {
            // SAFETY: an instance outlives the tables that it defines; filling in does not use this table.
            *element = unsafe { instance.as_ref() }.lazy_element(table, position as u64);
        }
    }

    fn publish(&mut self) {
        let view = VMTable { base: self.elements.as_mut_ptr(), len: self.elements.len() as u64 };
        if let Some(vm) = self.vm {
            // SAFETY: the place lives as long as the table, and compiled code does not run while the host changes a table.
            unsafe { vm.write(view) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Limits, RefType, Width};

    fn table(min: u64, max: Option<u64>) -> Table {
        let ty = TableType { element: RefType::EXTERNREF, limits: Limits { min, max }, index: Width::W32 };
        let mut table = Table::new(&ty, 0, 1000).unwrap();
        table.link(None);
        table
    }

    #[test]
    fn elements_are_checked() {
        let mut table = table(2, Some(4));
        assert_eq!(table.set(1, 7), Ok(()));
        assert_eq!((table.get(1), table.get(2)), (Ok(7), Err(OUT_OF_BOUNDS)));
        assert_eq!(table.set(u64::MAX, 7), Err(OUT_OF_BOUNDS));
        assert_eq!((table.grow(3, 0), table.grow(2, 9)), (None, Some(2)));
        assert_eq!(table.get(3), Ok(9));
        assert_eq!(table.fill(3, 1, 2), Err(OUT_OF_BOUNDS));
        assert_eq!(table.get(3), Ok(9), "a refused fill changes nothing");
        assert_eq!(table.copy_within(0, 1, 3), Ok(()));
        assert_eq!((0..4).map(|i| table.get(i).unwrap()).collect::<Vec<_>>(), [7, 9, 9, 9]);
    }

    #[test]
    fn a_table_beyond_the_limit_is_refused() {
        let limits = Limits { min: u64::from(u32::MAX), max: None };
        let ty = TableType { element: RefType::FUNCREF, limits, index: Width::W32 };
        assert!(Table::new(&ty, 0, 10_000_000).is_err());
    }
}
