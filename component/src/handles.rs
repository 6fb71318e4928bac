//! Tables of handles: what a component instance has of resources.

use crate::error::AbiTrap;
use crate::limits::HANDLES_MAX;

/// A resource type, the same number for all names that it has in an instance of the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TypeId {
    pub(crate) number: u32,
    pub(crate) is_host: bool,
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    /// Free; the next free slot, or zero.
    Free(u32),
    /// Owned; how often it is lent at the moment.
    Own { ty: TypeId, rep: u32, lends: u32 },
    /// Borrowed by a call, which is the scope of this number.
    Borrow { ty: TypeId, rep: u32, scope: u32 },
}

/// What was taken out of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    Own { rep: u32 },
    Borrow { scope: u32 },
}

/// The handles of one component instance. Numbers begin at one; the one that was freed last is given out first.
#[derive(Debug)]
pub(crate) struct HandleTable {
    slots: Vec<Slot>,
    free: u32,
}

impl Default for HandleTable {
    fn default() -> Self {
        // Zero is no handle.
        Self { slots: vec![Slot::Free(0)], free: 0 }
    }
}

impl HandleTable {
    fn insert(&mut self, slot: Slot) -> Result<u32, AbiTrap> {
        let index = self.free;
        if index != 0 {
            let Slot::Free(next) = self.slots[index as usize] else { unreachable!("the list holds free slots") };
            self.free = next;
            self.slots[index as usize] = slot;
            return Ok(index);
        }
        if self.slots.len() > HANDLES_MAX {
            return Err(AbiTrap::TooManyHandles);
        }
        self.slots.push(slot);
        Ok(self.slots.len() as u32 - 1)
    }

    pub(crate) fn insert_own(&mut self, ty: TypeId, rep: u32) -> Result<u32, AbiTrap> {
        self.insert(Slot::Own { ty, rep, lends: 0 })
    }

    pub(crate) fn insert_borrow(&mut self, ty: TypeId, rep: u32, scope: u32) -> Result<u32, AbiTrap> {
        self.insert(Slot::Borrow { ty, rep, scope })
    }

    #[inline]
    fn slot(&mut self, index: u32, expected: TypeId) -> Result<&mut Slot, AbiTrap> {
        let slot = self.slots.get_mut(index as usize).ok_or(AbiTrap::UnknownHandle(index))?;
        let found = match slot {
            Slot::Free(_) => return Err(AbiTrap::UnknownHandle(index)),
            Slot::Own { ty, .. } | Slot::Borrow { ty, .. } => *ty,
        };
        if found != expected {
            return Err(wrong_type(index, expected, found));
        }
        Ok(slot)
    }

    /// What the handle stands for.
    #[inline]
    pub(crate) fn rep(&mut self, index: u32, ty: TypeId) -> Result<u32, AbiTrap> {
        match self.slot(index, ty)? {
            Slot::Own { rep, .. } | Slot::Borrow { rep, .. } => Ok(*rep),
            Slot::Free(_) => Err(AbiTrap::UnknownHandle(index)),
        }
    }

    /// What the handle stands for, to be used by a call. True if that lends it, so that [`HandleTable::give_back`] has to follow.
    pub(crate) fn lend(&mut self, index: u32, ty: TypeId) -> Result<(u32, bool), AbiTrap> {
        match self.slot(index, ty)? {
            Slot::Own { rep, lends, .. } => {
                // A call takes at most as many handles as a memory holds.
                *lends = lends.checked_add(1).ok_or(AbiTrap::TooManyHandles)?;
                Ok((*rep, true))
            }
            // Its scope is that of the call that it was lent to, which ends later than this one.
            Slot::Borrow { rep, .. } => Ok((*rep, false)),
            Slot::Free(_) => Err(AbiTrap::UnknownHandle(index)),
        }
    }

    /// The end of a [`HandleTable::lend`]. A handle that is lent cannot have been removed.
    pub(crate) fn give_back(&mut self, index: u32) {
        if let Some(Slot::Own { lends, .. }) = self.slots.get_mut(index as usize) {
            *lends = lends.saturating_sub(1);
        }
    }

    /// Takes a handle out that owns.
    pub(crate) fn remove_own(&mut self, index: u32, ty: TypeId) -> Result<u32, AbiTrap> {
        match self.slot(index, ty)? {
            Slot::Borrow { .. } => Err(AbiTrap::NotOwned(index)),
            _ => match self.remove(index, ty)? {
                Removed::Own { rep } => Ok(rep),
                Removed::Borrow { .. } => Err(AbiTrap::NotOwned(index)),
            },
        }
    }

    /// Takes a handle out.
    pub(crate) fn remove(&mut self, index: u32, ty: TypeId) -> Result<Removed, AbiTrap> {
        let free = self.free;
        let slot = self.slot(index, ty)?;
        let removed = match *slot {
            Slot::Own { lends: 0, rep, .. } => Removed::Own { rep },
            Slot::Own { .. } => return Err(AbiTrap::Lent),
            Slot::Borrow { scope, .. } => Removed::Borrow { scope },
            Slot::Free(_) => return Err(AbiTrap::UnknownHandle(index)),
        };
        *slot = Slot::Free(free);
        self.free = index;
        Ok(removed)
    }
}

#[cold]
fn wrong_type(index: u32, expected: TypeId, found: TypeId) -> AbiTrap {
    let name = |ty: TypeId| if ty.is_host { "host-defined resource" } else { "guest-defined resource" };
    let found_name = match (expected.is_host, found.is_host) {
        (true, true) => "a different host-defined resource",
        (false, false) => "a different guest-defined resource",
        _ => name(found),
    };
    AbiTrap::WrongHandleType { index, expected: name(expected), found: found_name }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TypeId = TypeId { number: 0, is_host: false };
    const B: TypeId = TypeId { number: 1, is_host: true };

    #[test]
    fn the_handle_that_was_freed_last_is_given_out_first() {
        let mut table = HandleTable::default();
        let handles: Vec<u32> = (0..4).map(|rep| table.insert_own(A, rep).unwrap()).collect();
        assert_eq!(handles, [1, 2, 3, 4]);
        for handle in [2, 4, 1] {
            assert_eq!(table.remove_own(handle, A), Ok(handle - 1));
        }
        let handles: Vec<u32> = (0..4).map(|rep| table.insert_own(A, rep).unwrap()).collect();
        assert_eq!(handles, [1, 4, 2, 5]);
    }

    #[test]
    fn forged_handles_are_refused() {
        let mut table = HandleTable::default();
        let own = table.insert_own(A, 7).unwrap();
        let borrow = table.insert_borrow(A, 8, 3).unwrap();
        for index in [0, 3, u32::MAX] {
            assert_eq!(table.rep(index, A), Err(AbiTrap::UnknownHandle(index)));
            assert_eq!(table.remove(index, A), Err(AbiTrap::UnknownHandle(index)));
        }
        assert!(matches!(table.rep(own, B), Err(AbiTrap::WrongHandleType { index: 1, .. })));
        assert_eq!(table.remove_own(borrow, A), Err(AbiTrap::NotOwned(borrow)));
        assert_eq!(table.lend(borrow, A), Ok((8, false)));
        assert_eq!(table.lend(own, A), Ok((7, true)));
        assert_eq!(table.remove(own, A), Err(AbiTrap::Lent));
        table.give_back(own);
        assert_eq!(table.remove(own, A), Ok(Removed::Own { rep: 7 }));
        assert_eq!(table.remove(own, A), Err(AbiTrap::UnknownHandle(own)));
        assert_eq!(table.remove(borrow, A), Ok(Removed::Borrow { scope: 3 }));
    }

    #[test]
    fn there_is_an_end_to_handles() {
        let mut table = HandleTable::default();
        for rep in 0..HANDLES_MAX as u32 {
            table.insert_own(A, rep).unwrap();
        }
        assert_eq!(table.insert_own(A, 0), Err(AbiTrap::TooManyHandles));
        table.remove(5, A).unwrap();
        assert_eq!(table.insert_own(A, 0), Ok(5));
    }
}
