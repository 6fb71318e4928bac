//! Tables.
//!
//! An element takes 8 bytes: a function reference or a handle. Zero is null, or — while the table is lazy — an element that the module
//! initialises and nobody has asked for yet.
//!
//! What takes time in proportion to a guest's wishes asks `go_on` now and then, see [`crate::pieces`].

use std::collections::TryReserveError;
use std::ptr::NonNull;

use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{TableIdx, TableType, ValType};
use wasmer_runtime_core::vmcontext::VMTable;

use crate::budget::{Budget, Refused, Usage};
use crate::image::Damage;
use crate::instance::Instance;
use crate::limiter::Request;
use crate::limits::Limit;
use crate::pieces::{InterruptCheck, Order, PIECE_ELEMENTS, in_pieces, try_in_pieces};

/// What elements are that are zero because nobody has asked for them yet.
#[derive(Clone, Copy, Debug)]
enum Lazy {
    /// What an instance's table image says.
    Image(NonNull<Instance>, TableIdx),
    /// The initial value, up to the initial length.
    Value(u64, u64),
}

impl Lazy {
    /// # Safety
    /// The table is still there, and no element of it is borrowed.
    unsafe fn element(self, index: u64) -> Result<u64, Damage> {
        match self {
            // SAFETY: an instance outlives the tables that it defines; filling in does not use the table.
            Self::Image(instance, table) => unsafe { instance.as_ref() }.lazy_element(table, index),
            Self::Value(value, len) => Ok(if index < len { value } else { 0 }),
        }
    }
}

/// Elements that are functions of a segment until somebody asks for them.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start: u64,
    end: u64,
    /// Whose segment it is.
    instance: NonNull<Instance>,
    rank: usize,
}

/// More segments are written at once: each is looked through for an element that is not filled in.
const SEGMENTS_MAX: usize = 64;
/// Longer ones are written at once, in pieces.
const SEGMENT_ELEMENTS_MAX: u64 = 1 << 20;

/// Where elements that are not filled in yet come from.
#[derive(Debug, Default)]
struct Sources {
    /// The last one that an element is of counts.
    segments: Vec<Segment>,
    /// What the others are.
    rest: Option<Lazy>,
}

impl Sources {
    fn are_none(&self) -> bool {
        self.rest.is_none() && self.segments.is_empty()
    }

    /// # Safety
    /// As for [`Lazy::element`].
    unsafe fn element(&self, index: u64) -> Result<u64, Damage> {
        match self.segments.iter().rev().find(|segment| (segment.start..segment.end).contains(&index)) {
            // SAFETY: an instance whose segments have been applied stays in the store; filling in does not use the table.
            Some(segment) => unsafe { segment.instance.as_ref() }.segment_function(segment.rank, index - segment.start),
            // SAFETY: the caller's promise.
            None => self.rest.map_or(Ok(0), |lazy| unsafe { lazy.element(index) }),
        }
    }
}

/// What compiled code reads of a table that no vmctx holds. Not a part of the table: whoever borrows that for himself would own this, too.
#[derive(Debug)]
struct OwnPlace(NonNull<VMTable>);

impl OwnPlace {
    fn new() -> Self {
        Self(NonNull::from(Box::leak(Box::new(VMTable { base: std::ptr::null_mut(), len: 0 }))))
    }
}

impl Drop for OwnPlace {
    fn drop(&mut self) {
        // SAFETY: it comes from a box, and the table, with which its users end, is dropped with it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// A table.
#[derive(Debug)]
pub struct Table {
    ty: TableType,
    elements: Vec<u64>,
    lazy: Sources,
    /// What compiled code reads, when no vmctx holds it.
    own: Option<OwnPlace>,
    vm: Option<NonNull<VMTable>>,
}

// SAFETY: a table is only used by the thread that uses its store.
unsafe impl Send for Table {}

/// That an index is not inside a table.
pub const OUT_OF_BOUNDS: TrapCode = TrapCode::TableOutOfBounds;

impl Table {
    /// A table of the type's initial size whose elements are null.
    pub fn new(ty: &TableType) -> Result<Self, TryReserveError> {
        let fits = ty.limits.min <= ty.limits.max.unwrap_or(u64::MAX);
        let len = usize::try_from(ty.limits.min).ok().filter(|_| fits).unwrap_or(usize::MAX);
        // Asks first whether there is room, because `vec!` does not; it gets zeroed pages from the system, which are not touched until used.
        Vec::<u64>::new().try_reserve_exact(len)?;
        Ok(Self { ty: *ty, elements: vec![0; len], lazy: Sources::default(), own: None, vm: None })
    }

    /// Makes `value` the initial value of a new table's elements. Takes no time and no memory: they are filled in when they are used.
    pub fn set_initial(&mut self, value: u64) {
        debug_assert!(self.lazy.are_none(), "a table has an initial value or an image");
        if value != 0 {
            self.lazy.rest = Some(Lazy::Value(value, self.len()));
        }
    }

    /// Names the place that compiled code reads: in a vmctx, or the table's own.
    pub fn link(&mut self, vm: Option<NonNull<VMTable>>) {
        self.vm = Some(vm.unwrap_or_else(|| self.own.insert(OwnPlace::new()).0));
        self.publish();
    }

    /// What compiled code reads. The table must be linked.
    pub fn vm(&self) -> NonNull<VMTable> {
        self.vm.expect("tables are linked when they are made")
    }

    /// From now on, elements that are zero come from an instance's table image.
    pub fn set_lazy(&mut self, instance: NonNull<Instance>, index: TableIdx) {
        self.lazy.rest = Some(Lazy::Image(instance, index));
    }

    /// From now on, `len` elements from `start` are the functions of an instance's segment of this rank, which takes no time. False if that cannot be, so
    /// that they have to be written: elements are there that somebody has asked for.
    pub fn set_segment(
        &mut self,
        start: u64,
        len: u64,
        instance: NonNull<Instance>,
        rank: usize,
    ) -> Result<bool, TrapCode> {
        let range = self.range(start, len)?;
        let is_possible = len <= SEGMENT_ELEMENTS_MAX && self.lazy.segments.len() < SEGMENTS_MAX;
        if !is_possible || self.elements[range].iter().any(|element| *element != 0) {
            return Ok(false);
        }
        self.lazy.segments.push(Segment { start, end: start + len, instance, rank });
        Ok(true)
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
        if value != 0 || self.lazy.are_none() {
            return Ok(value);
        }
        // SAFETY: this is the table.
        let value = unsafe { self.lazy.element(index) }?;
        self.elements[position] = value;
        Ok(value)
    }

    /// Writes an element. Null makes it fill in the others, as [`Table::fill`] does.
    pub fn set(&mut self, index: u64, value: u64, go_on: impl InterruptCheck) -> Result<(), TrapCode> {
        if value == 0 {
            self.fill_in(go_on)?;
        }
        let position = usize::try_from(index).map_err(|_| OUT_OF_BOUNDS)?;
        *self.elements.get_mut(position).ok_or(OUT_OF_BOUNDS)? = value;
        Ok(())
    }

    /// Grows by `delta` elements `init` at the cost of `budget` and returns the old length. If it is refused, also by `go_on`, nothing has changed.
    pub fn grow(
        &mut self,
        delta: u64,
        init: u64,
        budget: &mut Budget,
        go_on: impl InterruptCheck,
    ) -> Result<u64, Refused> {
        let request = [self.growth(delta)];
        budget.limiter.ask(&request)?;
        self.grow_allowed(delta, init, budget, go_on).inspect_err(|_| budget.limiter.undo(&request))
    }

    /// What a limiter is asked before it grows by `delta` elements.
    pub fn growth(&self, delta: u64) -> Request {
        Request::table(self.len(), self.len().saturating_add(delta), self.ty.limits.max)
    }

    fn grow_allowed(
        &mut self,
        delta: u64,
        init: u64,
        budget: &mut Budget,
        go_on: impl InterruptCheck,
    ) -> Result<u64, Refused> {
        let old = self.len();
        let new = old.saturating_add(delta);
        budget.limits().check(Limit::TableElements, new)?;
        if new > self.ty.limits.max.unwrap_or(u64::MAX) {
            return Err(Refused::Type);
        }
        let usage = Usage { table_elements: delta, ..Usage::default() };
        budget.take(usage)?;
        let reserved = usize::try_from(delta).ok().and_then(|delta| self.elements.try_reserve(delta).ok());
        reserved.ok_or(Refused::Host).inspect_err(|_| budget.give_back(usage))?;
        // What fills in new tables covers the initial length only, so null may stand here as zero.
        let grown = in_pieces(delta as usize, PIECE_ELEMENTS, Order::Forward, go_on, |piece| {
            self.elements.resize(old as usize + piece.end, init);
        });
        if grown.is_err() {
            self.elements.truncate(old as usize);
            budget.give_back(usage);
        }
        // Growing may have moved them.
        self.publish();
        grown.map_err(|_| Refused::Interrupted)?;
        Ok(old)
    }

    /// Writes `len` elements.
    pub fn fill(&mut self, start: u64, value: u64, len: u64, go_on: impl InterruptCheck) -> Result<(), TrapCode> {
        let range = self.range(start, len)?;
        if value == 0 {
            self.fill_in(&go_on)?;
        }
        let elements = &mut self.elements[range];
        in_pieces(elements.len(), PIECE_ELEMENTS, Order::Forward, go_on, |piece| elements[piece].fill(value))
    }

    /// Writes `len` elements from `start`; `value` gives each by its position. It must not use the table.
    pub fn init(
        &mut self,
        start: u64,
        len: u64,
        value: impl Fn(usize) -> Result<u64, TrapCode>,
        go_on: impl InterruptCheck,
    ) -> Result<(), TrapCode> {
        let range = self.range(start, len)?;
        self.fill_in(&go_on)?;
        let elements = &mut self.elements[range];
        try_in_pieces(elements.len(), PIECE_ELEMENTS, Order::Forward, go_on, |piece| {
            for (element, position) in elements[piece.clone()].iter_mut().zip(piece) {
                *element = value(position)?;
            }
            Ok(())
        })
    }

    /// Copies elements inside the table, as if through a buffer.
    pub fn copy_within(
        &mut self,
        destination: u64,
        source: u64,
        len: u64,
        go_on: impl InterruptCheck,
    ) -> Result<(), TrapCode> {
        let from = self.range(source, len)?.start;
        let to = self.range(destination, len)?.start;
        self.fill_in(&go_on)?;
        let len = len as usize;
        in_pieces(len, PIECE_ELEMENTS, Order::of_move(to, from, len), go_on, |piece| {
            self.elements.copy_within(from + piece.start..from + piece.end, to + piece.start);
        })
    }

    /// Copies elements from another table.
    pub fn copy_from(
        &mut self,
        destination: u64,
        other: &mut Self,
        source: u64,
        len: u64,
        go_on: impl InterruptCheck,
    ) -> Result<(), TrapCode> {
        let from = other.range(source, len)?;
        let to = self.range(destination, len)?;
        self.fill_in(&go_on)?;
        other.fill_in(&go_on)?;
        let (target, source) = (&mut self.elements[to], &other.elements[from]);
        in_pieces(source.len(), PIECE_ELEMENTS, Order::Forward, go_on, |piece| {
            target[piece.clone()].copy_from_slice(&source[piece]);
        })
    }

    /// What it holds of host references, and one null.
    pub fn host_roots(&self, root: &mut impl FnMut(u64)) {
        root(0);
        if ValType::Ref(self.ty.element).is_host_ref() {
            self.elements.iter().for_each(|element| root(*element));
            // Images and segments have functions only.
            if let Some(Lazy::Value(value, _)) = self.lazy.rest {
                root(value);
            }
        }
    }

    /// Checks a range before anything of it is changed.
    fn range(&self, start: u64, len: u64) -> Result<std::ops::Range<usize>, TrapCode> {
        let end = start.checked_add(len).filter(|end| *end <= self.len()).ok_or(OUT_OF_BOUNDS)?;
        Ok(start as usize..end as usize)
    }

    /// Fills everything in, so that zero means null from now on. If it is interrupted the rest stays to be filled in.
    fn fill_in(&mut self, go_on: impl InterruptCheck) -> Result<(), TrapCode> {
        if self.lazy.are_none() {
            return Ok(());
        }
        let (elements, lazy) = (&mut self.elements[..], &self.lazy);
        try_in_pieces(elements.len(), PIECE_ELEMENTS, Order::Forward, go_on, |piece| {
            for (element, position) in
                elements[piece.clone()].iter_mut().zip(piece).filter(|(element, _)| **element == 0)
            {
                // SAFETY: this is the table.
                *element = unsafe { lazy.element(position as u64) }?;
            }
            Ok(())
        })?;
        self.lazy = Sources::default();
        Ok(())
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
    use crate::limits::StoreLimits;
    use wasmer_runtime_core::types::{Limits, RefType, Width};

    /// Nobody interrupts.
    fn on() -> Result<(), TrapCode> {
        Ok(())
    }

    fn table(min: u64, max: Option<u64>) -> Table {
        let ty = TableType { element: RefType::EXTERNREF, limits: Limits { min, max }, index: Width::W32 };
        let mut table = Table::new(&ty).unwrap();
        table.link(None);
        table
    }

    #[test]
    fn elements_are_checked() {
        let mut table = table(2, Some(4));
        assert_eq!(table.set(1, 7, on), Ok(()));
        assert_eq!((table.get(1), table.get(2)), (Ok(7), Err(OUT_OF_BOUNDS)));
        assert_eq!(table.set(u64::MAX, 7, on), Err(OUT_OF_BOUNDS));
        let mut budget = Budget::new(StoreLimits::new());
        assert_eq!((table.grow(3, 0, &mut budget, on), table.grow(2, 9, &mut budget, on)), (Err(Refused::Type), Ok(2)));
        assert_eq!(table.get(3), Ok(9));
        assert_eq!(table.fill(3, 1, 2, on), Err(OUT_OF_BOUNDS));
        assert_eq!(table.get(3), Ok(9), "a refused fill changes nothing");
        assert_eq!(table.copy_within(0, 1, 3, on), Ok(()));
        assert_eq!((0..4).map(|i| table.get(i).unwrap()).collect::<Vec<_>>(), [7, 9, 9, 9]);
    }

    #[test]
    fn initial_values_are_filled_in_when_they_are_used() {
        let mut budget = Budget::new(StoreLimits::new());
        let make = || {
            let mut table = table(3, None);
            table.set_initial(7);
            assert_eq!(table.elements, [0; 3]);
            table
        };
        let all = |table: &mut Table| (0..table.len()).map(|index| table.get(index).unwrap()).collect::<Vec<_>>();
        let mut grown = make();
        assert_eq!((grown.get(1), grown.grow(2, 0, &mut budget, on)), (Ok(7), Ok(3)));
        assert_eq!(grown.elements, [0, 7, 0, 0, 0]);
        assert_eq!(all(&mut grown), [7, 7, 7, 0, 0]);
        let mut nulled = make();
        nulled.set(1, 0, on).unwrap();
        assert_eq!(all(&mut nulled), [7, 0, 7]);
        let mut filled = make();
        filled.fill(0, 0, 2, on).unwrap();
        assert_eq!(all(&mut filled), [0, 0, 7]);
        let mut copied = make();
        copied.grow(1, 0, &mut budget, on).unwrap();
        copied.copy_within(0, 2, 2, on).unwrap();
        assert_eq!(all(&mut copied), [7, 0, 7, 0]);
        let mut target = table(3, None);
        target.copy_from(1, &mut make(), 0, 2, on).unwrap();
        assert_eq!(all(&mut target), [0, 7, 7]);
        let mut written = make();
        written.init(1, 2, |position| Ok([0, 9][position]), on).unwrap();
        assert_eq!(all(&mut written), [7, 0, 9]);
    }
}
