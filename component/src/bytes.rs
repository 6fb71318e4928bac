//! Bytes of a guest that are read where they are.

use wasmer_api::{Caller, Memory, Result};

use crate::cx::View;
use crate::error::AbiTrap;

/// A `list<u8>` that stays where it is in the guest's memory: an address and a length, which were inside the memory when it came. A host function that
/// takes it copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    memory: Memory,
    at: u32,
    len: u32,
}

impl Bytes {
    /// Those of a list that was inside the memory when it came.
    pub(crate) fn new(memory: Memory, at: u32, len: u32) -> Self {
        Self { memory, at, len }
    }

    /// Where they are, if it is in the memory of a view.
    ///
    /// # Safety
    /// As of [`View::bytes`].
    pub(crate) unsafe fn viewed<'a>(&self, view: &View) -> Option<&'a [u8]> {
        // SAFETY: the caller's promise.
        unsafe { view.bytes(self.memory, self.at, self.len) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes, together with the store's data, for a host function that writes them somewhere.
    ///
    /// # Errors
    /// None in the call that it is an argument of.
    pub fn with_data<'a, T: 'static>(&self, caller: &'a mut Caller<'_, T>) -> Result<(&'a mut T, &'a [u8])> {
        let (base, memory_bytes) = self.memory.raw_parts(&*caller)?;
        if self.at as usize + self.len as usize > memory_bytes {
            return Err(AbiTrap::ListOutOfBounds.into());
        }
        // SAFETY: the bytes are inside the memory, which belongs to no other store, is no part of the store's data, and does not change as long as the
        // store is borrowed: no guest runs, and whoever wants to write to it needs the store.
        let bytes = unsafe { std::slice::from_raw_parts(base.add(self.at as usize), self.len as usize) };
        Ok((caller.data_mut(), bytes))
    }

    /// The bytes, copied.
    pub fn to_vec<T: 'static>(&self, caller: &mut Caller<'_, T>) -> Result<Vec<u8>> {
        self.with_data(caller).map(|(_, bytes)| bytes.to_vec())
    }
}
