//! Linear memories.
//!
//! The base never moves: all address space that a memory can grow into is reserved at once. A 32-bit memory reserves 4 GiB and a guard
//! region, so that compiled code needs no bounds checks; other memories are checked explicitly.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmer_runtime_core::image::header::PAGE_BYTES_MAX;
use wasmer_runtime_core::layout::{MEMORY_GUARD_BYTES, MEMORY32_RESERVATION_BYTES, MEMORY64_RESERVATION_BYTES};
use wasmer_runtime_core::types::{MemoryType, Width};
use wasmer_runtime_core::vmcontext::VMMemory;

use crate::budget::{Budget, Refused, Usage};
use crate::limiter::Request;
use crate::limits::Limit;
use crate::memory_space::MemorySpace;
use crate::pool::{MemoryPool, PoolShard};
use crate::sys::pages::{are_pages, round_up};
use crate::sys::view::read_exact_at;

/// A part of a memory's initial contents that stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryExtent {
    /// Where it starts in the memory, in bytes; a page of the image starts there.
    pub guest_offset: u64,
    /// Where it starts in the file, in bytes.
    pub file_offset: u64,
    /// Its length in bytes; whole pages of the image.
    pub len: u64,
}

/// A linear memory. Shared ones are used by several stores at once.
#[derive(Debug)]
pub struct Memory {
    vm: VMMemory,
    ty: MemoryType,
    /// Size in bytes that it may not grow beyond: by its type, the reservation, or the embedder's limit.
    bytes_max: usize,
    reservation: MemorySpace,
    /// Where the reservation goes when the memory is dropped.
    shard: Option<Arc<PoolShard>>,
}

// SAFETY: the length is atomic, and that of a shared memory changes under a lock; the bytes are the guest's, who orders its own accesses.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// Held while a shared memory grows. One for all: the kernel changes the mappings of a process for one thread at a time, too.
static GROWTH: Mutex<()> = Mutex::new(());

fn growth() -> MutexGuard<'static, ()> {
    GROWTH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lock, for the thread that forks.
pub(crate) fn lock() -> Box<dyn std::any::Any> {
    Box::new(growth())
}

/// The sizes of a memory in bytes.
struct Sizes {
    initial: usize,
    max: usize,
    reserved: usize,
}

impl Sizes {
    fn new(ty: &MemoryType, limit_bytes: Option<u64>) -> Option<Self> {
        let bytes = |pages: u64| pages.checked_mul(1 << ty.page_size_log2);
        let initial = bytes(ty.limits.min)?;
        let declared = ty.limits.max.and_then(bytes).unwrap_or(u64::MAX);
        let ceiling = match ty.index {
            Width::W32 => MEMORY32_RESERVATION_BYTES,
            Width::W64 => MEMORY64_RESERVATION_BYTES.max(initial),
        };
        let max = declared.min(ceiling).min(limit_bytes.unwrap_or(u64::MAX));
        if initial > max {
            return None;
        }
        let reserved = if has_fixed_reservation(ty) { FIXED_RESERVATION_BYTES } else { max.max(1) };
        Some(Self { initial: initial.try_into().ok()?, max: max.try_into().ok()?, reserved: reserved.try_into().ok()? })
    }
}

/// Address space of a memory that compiled code accesses without bounds checks.
const FIXED_RESERVATION_BYTES: u64 = MEMORY32_RESERVATION_BYTES + MEMORY_GUARD_BYTES;

fn has_fixed_reservation(ty: &MemoryType) -> bool {
    ty.index == Width::W32 && ty.page_size_log2 == 16
}

impl Memory {
    /// A memory of the type's initial size, all zero. `limit_bytes` is the embedder's.
    pub fn new(ty: &MemoryType, limit_bytes: Option<u64>) -> io::Result<Self> {
        let sizes = Sizes::new(ty, limit_bytes).ok_or_else(|| too_large(ty, limit_bytes))?;
        let reservation = MemorySpace::new(sizes.reserved)?;
        reservation.commit(0..round_up(sizes.initial).ok_or_else(|| too_large(ty, limit_bytes))?)?;
        Ok(Self::on(reservation, ty, &sizes, None))
    }

    /// A memory with initial contents, mapped copy-on-write from `file`, which is asked for only if there are any. `pool` keeps memories of this type with these contents.
    pub fn with_contents<'file>(
        ty: &MemoryType,
        limit_bytes: Option<u64>,
        file: impl Fn() -> io::Result<&'file File>,
        extents: impl Iterator<Item = MemoryExtent> + Clone,
        pool: &MemoryPool,
    ) -> io::Result<Self> {
        // Only these are the same whatever the limit; shared memories may be in use for longer than this one.
        let shard = (has_fixed_reservation(ty) && !ty.shared).then(|| pool.shard());
        if let Some(reservation) = shard.as_ref().and_then(|shard| shard.take(&file, extents.clone())) {
            let sizes = Sizes::new(ty, limit_bytes).ok_or_else(|| too_large(ty, limit_bytes))?;
            return Ok(Self::on(reservation, ty, &sizes, shard));
        }
        let mut memory = Self::new(ty, limit_bytes)?;
        let is_mapped = memory.fill(file, extents)?;
        // What was copied does not come back when pages are dropped.
        memory.shard = shard.filter(|_| is_mapped);
        Ok(memory)
    }

    fn on(reservation: MemorySpace, ty: &MemoryType, sizes: &Sizes, shard: Option<Arc<PoolShard>>) -> Self {
        let vm = VMMemory { len: AtomicUsize::new(sizes.initial), base: reservation.base() };
        Self { vm, ty: *ty, bytes_max: sizes.max, reservation, shard }
    }

    /// Maps initial contents, or copies them where the pages of the image are not pages of this system. Whether all were mapped.
    fn fill<'file>(
        &self,
        file: impl Fn() -> io::Result<&'file File>,
        extents: impl Iterator<Item = MemoryExtent>,
    ) -> io::Result<bool> {
        let committed = round_up(self.len_bytes()).unwrap_or(0) as u64;
        let mut is_mapped = true;
        for extent in extents {
            // The image's last page may be longer than what there is of the memory.
            let end = extent.guest_offset.checked_add(extent.len).filter(|end| *end < committed + PAGE_BYTES_MAX);
            let end = end.ok_or(io::ErrorKind::InvalidData)?.min(committed);
            let range = extent.guest_offset as usize..end as usize;
            if range.is_empty() {
                continue;
            }
            if are_pages([extent.guest_offset, end, extent.file_offset]) {
                self.reservation.map_file(range, file()?, extent.file_offset)?;
            } else {
                // SAFETY: these pages are committed, and nobody else knows of this memory yet.
                let contents = unsafe { std::slice::from_raw_parts_mut(self.base().add(range.start), range.len()) };
                read_exact_at(file()?, contents, extent.file_offset)?;
                is_mapped = false;
            }
        }
        Ok(is_mapped)
    }

    /// The type.
    pub fn ty(&self) -> &MemoryType {
        &self.ty
    }

    /// First byte: constant.
    pub fn base(&self) -> *mut u8 {
        self.vm.base
    }

    /// Current length in bytes: never shrinks.
    pub fn len_bytes(&self) -> usize {
        self.vm.len.load(Ordering::Acquire)
    }

    /// Current length in pages.
    pub fn pages(&self) -> u64 {
        (self.len_bytes() >> self.ty.page_size_log2) as u64
    }

    /// What compiled code points to.
    pub fn vm(&self) -> *const VMMemory {
        &self.vm
    }

    /// Grows by `delta` pages at the cost of `budget` and returns the old size in pages.
    ///
    /// Pages become accessible before the length tells of them: another thread that guesses right may use a page of a shared memory a moment
    /// early, and finds there what it would find later.
    pub fn grow(&self, delta: u64, budget: &mut Budget) -> Result<u64, Refused> {
        if !budget.limiter.is_set() {
            return self.grow_allowed(delta, budget);
        }
        // Not under the lock: a limiter may do anything. Meanwhile another thread may let a shared memory grow.
        let request = [self.growth(delta)];
        budget.limiter.ask(&request)?;
        self.grow_allowed(delta, budget).inspect_err(|_| budget.limiter.undo(&request))
    }

    /// What a limiter is asked before it grows by `delta` pages.
    pub fn growth(&self, delta: u64) -> Request {
        let bytes = |pages: u64| pages.saturating_mul(1 << self.ty.page_size_log2);
        let current = self.len_bytes() as u64;
        Request::memory(current, current.saturating_add(bytes(delta)), self.ty.limits.max.map(bytes))
    }

    fn grow_allowed(&self, delta: u64, budget: &mut Budget) -> Result<u64, Refused> {
        let _lock = self.ty.shared.then(growth);
        let old = self.len_bytes();
        let added = delta.saturating_mul(1 << self.ty.page_size_log2);
        let new = (old as u64).saturating_add(added);
        budget.limits().check(Limit::MemoryBytes, new)?;
        if new > self.bytes_max as u64 {
            return Err(Refused::Type);
        }
        let usage = Usage { memory_bytes: added, ..Usage::default() };
        budget.take(usage)?;
        self.commit(old, new as usize).inspect_err(|_| budget.give_back(usage))?;
        self.vm.len.store(new as usize, Ordering::Release);
        Ok((old >> self.ty.page_size_log2) as u64)
    }

    fn commit(&self, old: usize, new: usize) -> Result<(), Refused> {
        let (committed, needed) = round_up(old).zip(round_up(new)).ok_or(Refused::Host)?;
        self.reservation.commit(committed..needed).map_err(|_| Refused::Host)
    }

    /// Where an address of the host is behind this memory's contents, if it is in its address space.
    pub fn offset_behind(&self, address: usize) -> Option<u64> {
        let offset = address.checked_sub(self.base() as usize)?;
        (self.len_bytes()..self.reservation.bytes()).contains(&offset).then_some(offset as u64)
    }

    /// The address of `len` bytes at `offset`, if they are inside the memory.
    pub fn range(&self, offset: u64, len: u64) -> Option<*mut u8> {
        let end = offset.checked_add(len)?;
        if end > self.len_bytes() as u64 {
            return None;
        }
        // SAFETY: the offset is inside the memory, or just behind it.
        Some(unsafe { self.vm.base.add(offset as usize) })
    }
}

fn too_large(ty: &MemoryType, limit_bytes: Option<u64>) -> io::Error {
    let initial = u128::from(ty.limits.min) << ty.page_size_log2;
    let limit = limit_bytes.filter(|bytes| u128::from(*bytes) < initial);
    let limit = limit.map(|bytes| format!(" of {bytes} bytes")).unwrap_or_default();
    io::Error::new(io::ErrorKind::OutOfMemory, format!("its initial size, {initial} bytes, is beyond the limit{limit}"))
}

impl Drop for Memory {
    fn drop(&mut self) {
        let Some(shard) = self.shard.take() else { return };
        let initial = (self.ty.limits.min as usize) << self.ty.page_size_log2;
        let committed = self.len_bytes();
        shard.give_back(std::mem::replace(&mut self.reservation, MemorySpace::empty()), initial, committed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{LimitError, StoreLimits};
    use crate::sys::pages::page_bytes;
    use crate::sys::view::memory_file_of;
    use wasmer_runtime_core::types::Limits;

    fn memory(min: u64, max: Option<u64>) -> MemoryType {
        MemoryType { limits: Limits { min, max }, index: Width::W32, shared: false, page_size_log2: 16 }
    }

    #[test]
    fn memories_grow_up_to_their_limits() {
        let memory = Memory::new(&memory(1, Some(3)), None).unwrap();
        let mut budget = Budget::new(StoreLimits::new());
        let grown = [1, 2, u64::MAX, 1, 0].map(|delta| memory.grow(delta, &mut budget));
        assert_eq!(grown, [Ok(1), Err(Refused::Type), Err(Refused::Type), Ok(2), Ok(3)]);
        assert_eq!(memory.len_bytes(), 3 << 16);
        assert!(memory.range(3 << 16, 0).is_some() && memory.range(3 << 16, 1).is_none());
        assert!(memory.range(u64::MAX, 2).is_none());
    }

    #[test]
    fn the_embedders_limit_counts() {
        assert!(Memory::new(&memory(2, None), Some(1 << 16)).is_err());
        let memory = Memory::new(&memory(1, None), None).unwrap();
        let limits = [StoreLimits::new().memory_bytes_max(2 << 16), StoreLimits::new().total_bytes_max(1 << 16)];
        let refusals = limits.map(|limits| {
            let mut budget = Budget::new(limits);
            (0..3).map(|_| memory.grow(1, &mut budget)).find_map(Result::err)
        });
        let refusal = |what, asked, limit| {
            Some(Refused::Limit(LimitError { what, asked, limit, by_limiter: false, is_unasked: false }))
        };
        assert_eq!(refusals[0], refusal(Limit::MemoryBytes, 3 << 16, 2 << 16));
        assert_eq!(refusals[1], refusal(Limit::TotalBytes, 2 << 16, 1 << 16));
    }

    #[test]
    fn contents_are_mapped_where_pages_fit_and_copied_elsewhere() {
        let page = page_bytes();
        let bytes: Vec<u8> = (0..3 * page).map(|at| (at / 7) as u8).collect();
        let file = memory_file_of(&bytes).unwrap();
        for (file_offset, is_kept) in [(page, true), (page + 512, false)] {
            let pool = MemoryPool::default();
            let extent = MemoryExtent { guest_offset: page as u64, file_offset: file_offset as u64, len: page as u64 };
            let make =
                || Memory::with_contents(&memory(3, None), None, || Ok(&file), [extent].into_iter(), &pool).unwrap();
            for _ in 0..2 {
                let memory = make();
                let range = memory.range(page as u64, page as u64).unwrap();
                // SAFETY: inside of the memory, which nobody else has.
                let contents = unsafe { std::slice::from_raw_parts_mut(range, page) };
                assert_eq!(contents, &bytes[file_offset..][..page]);
                contents.fill(0);
            }
            let kept = pool.shard().take(|| Ok(&file), std::iter::empty());
            assert_eq!(kept.is_some(), is_kept, "a copy would not come back");
        }
    }

    /// Whatever was written, wherever: the next one finds its initial contents, and zeros in what it grows by.
    #[test]
    fn nothing_of_a_memory_is_seen_in_the_next() {
        let page = page_bytes();
        // As many pages of WebAssembly at first as of the system's largest ones.
        let (all, first) = (5 << 16, (4 << 16) / page);
        let pages = all / page;
        let file = memory_file_of(&(0..4 * page).map(|at| (at / 5) as u8 | 1).collect::<Vec<_>>()).unwrap();
        let extent = |guest: usize, file: usize, len: usize| {
            let [guest_offset, file_offset, len] = [guest, file, len].map(|pages| (pages * page) as u64);
            MemoryExtent { guest_offset, file_offset, len }
        };
        // Two parts, with a hole between them and behind them.
        let extents = [extent(0, 1, 1), extent(2, 2, 2)];
        let pool = MemoryPool::default();
        let mut was = None;
        for step in [pages, 1, 2, pages - 1, 5, pages, 7, 3] {
            let memory =
                Memory::with_contents(&memory(4, None), None, || Ok(&file), extents.into_iter(), &pool).unwrap();
            // SAFETY: inside of the memory, which nobody else has.
            let part = |bytes| unsafe { std::slice::from_raw_parts_mut(memory.range(0, bytes as u64).unwrap(), bytes) };
            let now = part(4 << 16).to_vec();
            assert!(*was.get_or_insert_with(|| now.clone()) == now, "before {step}");
            assert_eq!(memory.grow(1, &mut Budget::new(StoreLimits::new())), Ok(4));
            let bytes = part(all);
            assert!(bytes[4 << 16..].iter().all(|byte| *byte == 0));
            bytes.chunks_mut(page).step_by(step.min(first)).for_each(|page| page.fill(0xee));
            bytes.chunks_mut(page).filter(|_| step == pages).for_each(|page| page.fill(0xdd));
        }
    }

    #[test]
    fn absurd_sizes_are_refused() {
        let ty = MemoryType { index: Width::W64, ..memory(u64::MAX >> 16, None) };
        assert!(Memory::new(&ty, None).is_err());
    }

    #[test]
    fn pages_of_one_byte() {
        let ty = MemoryType { page_size_log2: 0, ..memory(5, Some(5000)) };
        let memory = Memory::new(&ty, None).unwrap();
        let mut budget = Budget::new(StoreLimits::new());
        assert_eq!((memory.len_bytes(), memory.grow(4990, &mut budget)), (5, Ok(5)));
        assert_eq!(memory.grow(6, &mut budget), Err(Refused::Type));
    }
}
