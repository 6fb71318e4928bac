//! Memories of dropped instances, kept for the next instances of the module.
//!
//! Mapping and unmapping is most of what an instance costs, and the kernel changes the mappings of a process for one thread at a time. A
//! memory that is kept needs neither: the pages that were written get their initial contents again if they are few, and are dropped, so that they read as
//! that, if they are many.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use wasmer_runtime_core::once;

use crate::mapping::View;
use crate::memory::MemoryExtent;
use crate::memory_space::MemorySpace;
use crate::places::{PLACES, place};

/// How many memories a shard keeps: address space, mappings and page tables, and few pages.
const SHELF_KEEPS: usize = 16;
/// How many memories all shards of a place keep, whatever the number of modules: a process may have 65,530 mappings, and a memory has a few.
const PLACE_KEEPS: usize = 256;
/// How many bytes of pages a memory keeps that is kept. To write so many takes less time than to do without them once.
const MEMORY_KEEPS_BYTES: usize = 256 << 10;
/// How many all memories of a place keep.
const PLACE_KEEPS_BYTES: usize = 16 << 20;

/// What is kept at a place. In cache lines of its own: processors that write to the same one wait for each other.
#[derive(Debug)]
#[repr(align(128))]
struct Kept {
    memories: AtomicUsize,
    bytes: AtomicUsize,
}

impl Kept {
    const fn nothing() -> Self {
        Self { memories: AtomicUsize::new(0), bytes: AtomicUsize::new(0) }
    }

    /// How many bytes of pages one more memory may keep.
    fn room(&self) -> usize {
        PLACE_KEEPS_BYTES.saturating_sub(self.bytes.load(Ordering::Relaxed)).min(MEMORY_KEEPS_BYTES)
    }

    fn add(&self, bytes: usize) {
        self.memories.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn remove(&self, bytes: usize) {
        self.memories.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

static KEPT: [Kept; PLACES] = [const { Kept::nothing() }; PLACES];

/// The initial contents of a memory, where pages are copied from.
#[derive(Debug)]
struct Contents {
    /// None if everything is zero.
    view: Option<View>,
    /// Where the view starts in the file.
    start: u64,
    extents: Box<[MemoryExtent]>,
}

impl Contents {
    /// Contents that stand in a file, to which nobody writes: an image's.
    fn new<'file>(
        file: impl Fn() -> io::Result<&'file File>,
        extents: impl Iterator<Item = MemoryExtent>,
    ) -> io::Result<Self> {
        let extents: Box<[_]> = extents.filter(|extent| extent.len > 0).collect();
        let start = extents.iter().map(|extent| extent.file_offset).min().unwrap_or(0);
        let end = extents.iter().map(|extent| extent.file_offset.saturating_add(extent.len)).max().unwrap_or(0);
        let len = usize::try_from(end - start).map_err(io::Error::other)?;
        // SAFETY: nobody writes to the file of an image, nor shortens it, as was promised for the image; and none that is in memory is anybody else's.
        let view = (len > 0).then(|| unsafe { View::new(file()?, start, len) }).transpose()?;
        Ok(Self { view, start, extents })
    }

    /// Writes what is at first in a part of the memory. Zero is what no extent says; the last extent counts, as when all of them are mapped.
    fn restore(&self, part: &mut [u8], at: usize) {
        part.fill(0);
        let Some(view) = &self.view else { return };
        let (start, end) = (at as u64, at as u64 + part.len() as u64);
        for extent in &self.extents {
            let from = extent.guest_offset.max(start);
            let to = extent.guest_offset.saturating_add(extent.len).min(end);
            if from < to {
                let source = (extent.file_offset - self.start + from - extent.guest_offset) as usize;
                let len = (to - from) as usize;
                part[(from - start) as usize..][..len].copy_from_slice(&view[source..source + len]);
            }
        }
    }
}

/// Clean memories of one index of one module: initial contents, initial size.
#[derive(Debug, Default)]
pub struct MemoryPool([OnceLock<Arc<PoolShard>>; PLACES]);

impl MemoryPool {
    /// Where the memories of this thread are kept.
    pub fn shard(&self) -> Arc<PoolShard> {
        let place = place();
        let new = || Arc::new(PoolShard::new(&KEPT[place]));
        Arc::clone(once::get_or_init(&self.0[place], new))
    }
}

/// Memories that few threads share. In cache lines of its own.
///
/// The lock is only tried for: in a process that was forked while another thread had it, nobody gives it back.
#[derive(Debug)]
#[repr(align(128))]
pub struct PoolShard {
    memories: Mutex<Vec<KeptMemory>>,
    /// What all shards of the place keep.
    kept: &'static Kept,
    /// Once a memory has come from here, so that more will; none if the system has no room for them.
    contents: OnceLock<Option<Contents>>,
}

#[derive(Debug)]
struct KeptMemory {
    space: MemorySpace,
    /// Of the pages that it keeps.
    bytes: usize,
}

impl PoolShard {
    fn new(kept: &'static Kept) -> Self {
        // Never moved, so that it is whole whenever the process is forked.
        Self { memories: Mutex::new(Vec::with_capacity(SHELF_KEEPS)), kept, contents: OnceLock::new() }
    }

    fn memories(&self) -> Option<MutexGuard<'_, Vec<KeptMemory>>> {
        match self.memories.try_lock() {
            Ok(memories) => Some(memories),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// A clean memory, if there is one. The file and the extents are where its initial contents are.
    pub fn take<'file>(
        &self,
        file: impl Fn() -> io::Result<&'file File>,
        extents: impl Iterator<Item = MemoryExtent>,
    ) -> Option<MemorySpace> {
        let KeptMemory { space, bytes } = self.memories()?.pop()?;
        self.kept.remove(bytes);
        once::get_or_init(&self.contents, || Contents::new(file, extents).ok());
        Some(space)
    }

    /// Keeps a memory that has grown from `initial` to `committed` bytes, both whole pages. One that cannot be cleaned, or for which there is no
    /// room, is unmapped.
    pub fn give_back(&self, memory: MemorySpace, initial: usize, committed: usize) {
        let Some(bytes) = self.clean(&memory, initial, committed) else { return };
        let Some(mut memories) = self.memories() else { return };
        if memories.len() < SHELF_KEEPS && self.kept.memories.load(Ordering::Relaxed) < PLACE_KEEPS {
            self.kept.add(bytes);
            memories.push(KeptMemory { space: memory, bytes });
        }
    }

    /// Makes a memory as it was at first. How many bytes of its pages stay; none if it cannot be cleaned.
    fn clean(&self, memory: &MemorySpace, initial: usize, committed: usize) -> Option<usize> {
        memory.decommit(initial..committed).ok()?;
        let Some(Some(contents)) = self.contents.get() else {
            return memory.drop_pages(0..committed).ok().map(|()| 0);
        };
        memory.drop_pages(initial..committed).ok()?;
        memory.restore_pages(0..initial, self.kept.room(), |part, at| contents.restore(part, at)).ok()
    }
}

impl Drop for PoolShard {
    fn drop(&mut self) {
        let memories = self.memories.get_mut().unwrap_or_else(PoisonError::into_inner);
        memories.iter().for_each(|memory| self.kept.remove(memory.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_keeps_so_many_memories_for_all_modules() {
        static KEPT: Kept = Kept::nothing();
        let memory = || MemorySpace::new(1 << 16).unwrap();
        let shards: Vec<_> = (0..2 * PLACE_KEEPS / SHELF_KEEPS)
            .map(|_| PoolShard::new(&KEPT))
            .inspect(|shard| (0..SHELF_KEEPS + 1).for_each(|_| shard.give_back(memory(), 0, 0)))
            .collect();
        let kept = || KEPT.memories.load(Ordering::Relaxed);
        assert_eq!(kept(), PLACE_KEEPS);
        let take = || shards[0].take(|| Err(io::ErrorKind::NotFound.into()), std::iter::empty());
        let taken: Vec<_> = (0..SHELF_KEEPS + 1).map_while(|_| take()).collect();
        assert_eq!((taken.len(), kept()), (SHELF_KEEPS, PLACE_KEEPS - SHELF_KEEPS));
        drop(shards);
        assert_eq!(kept(), 0);
    }
}
