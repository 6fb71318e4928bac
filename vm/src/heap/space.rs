//! The address space of a heap, and the bits about it.
//!
//! A reference is an offset of 32 bits from the base of a *cage* of 4 GiB, so whatever it is, it stays inside. Objects are in blocks from
//! [`FIRST`] on: integers and floating-point numbers of 32 bits that programs calculate with are seldom offsets of these.
//!
//! Null is offset 0. What stands there can be read and is zero, so that null has a header, which no object has (ADR 54).

use std::io;

use wasmer_runtime_core::layout::MEMORY_GUARD_BYTES;
use wasmer_runtime_core::object::OBJECT_ALIGN;

use crate::memory_space::MemorySpace;
use crate::sys::pages::Reservation;

/// Objects start at multiples of this.
pub(super) const GRANULE_BYTES: u32 = 16;
/// Bytes of the cage that one [`Group`] is about.
pub(super) const GROUP_BYTES: u32 = 64 * GRANULE_BYTES;
/// Bytes of a block.
pub(super) const BLOCK_BYTES: u32 = 1 << 16;
/// Groups of a block.
pub(super) const BLOCK_GROUPS: usize = (BLOCK_BYTES / GROUP_BYTES) as usize;
/// Where the first block starts.
pub(super) const FIRST: u32 = 0x5000_0000;
/// How many blocks there can be. The cage's last one is never used, so that no end of an object is beyond 32 bits.
pub(super) const BLOCKS_MAX: u32 = (u32::MAX - BLOCK_BYTES + 1 - FIRST) / BLOCK_BYTES;
/// What references are offsets in.
pub(super) const CAGE_BYTES: usize = 1 << 32;

/// A bit for each of 64 granules: what a collection writes for an object is in one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Group {
    /// Where objects start that lived at the last collection, and those that the running one has found; which is which alternates.
    pub(super) starts: [u64; 2],
    /// Where the objects end that the last collection has found: their last granule.
    pub(super) ends: u64,
    /// Where runs of objects start that were allocated since.
    pub(super) runs: u64,
}

/// The number of a block, from [`FIRST`] on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block(pub(super) u32);

impl Block {
    /// The block that an offset is in; any number for one outside of the heap.
    pub(super) fn of(offset: u32) -> Self {
        Self(offset.wrapping_sub(FIRST) / BLOCK_BYTES)
    }

    /// Its position in a list of all blocks.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    /// The offset at which it starts.
    pub(super) fn start(self) -> u32 {
        FIRST + self.0 * BLOCK_BYTES
    }

    /// The offset at which it ends.
    pub(super) fn end(self) -> u32 {
        self.start() + BLOCK_BYTES
    }
}

/// The position of an offset's group, and its bit there. The offset is one of the heap's.
#[inline]
pub(super) fn bit_of(offset: u32) -> (usize, u64) {
    let granule = (offset - FIRST) / GRANULE_BYTES;
    ((granule / 64) as usize, 1 << (granule % 64))
}

/// The memory of a heap's first `blocks` blocks, and the groups that are about them.
#[derive(Debug)]
pub(super) struct Space {
    cage: MemorySpace,
    groups: Reservation,
    blocks: u32,
}

impl Space {
    /// Reserves addresses. Nothing but the header of null can be accessed yet.
    pub(super) fn new() -> io::Result<Self> {
        // What compiled code adds to a reference is less than the guard, or 32 bits of an index that a processor only guesses to be inside of its array.
        let cage = MemorySpace::new(2 * CAGE_BYTES + MEMORY_GUARD_BYTES as usize)?;
        cage.commit_zeros(0..OBJECT_ALIGN as usize)?;
        let groups = Reservation::new(BLOCKS_MAX as usize * BLOCK_GROUPS * size_of::<Group>())?;
        Ok(Self { cage, groups, blocks: 0 })
    }

    /// The address of offset 0.
    pub(super) fn base(&self) -> *mut u8 {
        self.cage.base()
    }

    /// How many blocks can be accessed.
    pub(super) fn blocks(&self) -> u32 {
        self.blocks
    }

    /// The offset behind the last block.
    pub(super) fn end(&self) -> u32 {
        Block(self.blocks).start()
    }

    /// Makes more blocks accessible. They are zero unless they were accessible before.
    pub(super) fn grow(&mut self, blocks: u32) -> io::Result<()> {
        let new = self.blocks.checked_add(blocks).filter(|new| *new <= BLOCKS_MAX).ok_or(io::ErrorKind::OutOfMemory)?;
        self.cage.commit(Block(self.blocks).start() as usize..Block(new).start() as usize)?;
        let groups = |blocks: u32| blocks as usize * BLOCK_GROUPS * size_of::<Group>();
        self.groups.commit(groups(self.blocks)..groups(new))?;
        self.blocks = new;
        Ok(())
    }

    /// Gives the last blocks back to the system. They read as zero when they are accessible again.
    pub(super) fn shrink(&mut self, blocks: u32) {
        let new = self.blocks - blocks;
        self.groups()[new as usize * BLOCK_GROUPS..].fill(Group::default());
        let range = Block(new).start() as usize..Block(self.blocks).start() as usize;
        // What the system does not take back stays as it is: the heap then never uses it again.
        if self.cage.drop_pages(range).is_ok() {
            self.blocks = new;
        }
    }

    /// The bits about all blocks.
    pub(super) fn groups(&mut self) -> &mut [Group] {
        // SAFETY: the table is accessible up to here, zero is a valid group, and nobody else has it.
        unsafe { std::slice::from_raw_parts_mut(self.groups.base().cast(), self.blocks as usize * BLOCK_GROUPS) }
    }

    /// The bits about one block.
    pub(super) fn groups_of(&mut self, block: Block) -> &mut [Group] {
        let start = block.index() * BLOCK_GROUPS;
        &mut self.groups()[start..start + BLOCK_GROUPS]
    }

    /// The first word of an object, or any other.
    ///
    /// # Panics
    /// If the offset is none of the heap's.
    #[inline]
    pub(super) fn word(&self, offset: u32) -> u32 {
        // SAFETY: checked to be accessible; guests do not run now.
        unsafe { self.address(offset, 4).cast::<u32>().read() }
    }

    /// Fills a part with one byte.
    ///
    /// # Panics
    /// As for [`Space::word`].
    pub(super) fn fill(&mut self, offset: u32, byte: u8, len: u32) {
        // SAFETY: checked to be accessible; nobody has references into the heap.
        unsafe { self.address(offset, len).write_bytes(byte, len as usize) };
    }

    /// The address of `len` bytes.
    ///
    /// # Panics
    /// If they are not all the heap's.
    #[inline]
    pub(super) fn address(&self, offset: u32, len: u32) -> *mut u8 {
        let fits = offset >= FIRST && u64::from(offset) + u64::from(len) <= u64::from(self.end());
        assert!(fits, "{len} bytes at {offset:#x} are not the heap's");
        // SAFETY: inside the cage.
        unsafe { self.base().add(offset as usize) }
    }
}
