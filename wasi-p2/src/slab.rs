//! Where the host's side of resources is: by number, each with a count of those who use it.

use wasmer_api::Error;
use wasmer_component::{Borrow, Own};

use crate::failure::{Outcome, trap};

/// How many resources of one type a guest may have: each is memory of the host.
const RESOURCES_MAX: usize = 1 << 18;

/// Resources of one type. Their numbers are what the component's handles stand for; a guest never sees them.
pub struct Slab<T> {
    slots: Vec<Slot<T>>,
    /// The slot that was freed last.
    free: Option<u32>,
}

enum Slot<T> {
    /// The slot that was freed before.
    Free(Option<u32>),
    Used {
        value: T,
        users: u32,
    },
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { slots: Vec::new(), free: None }
    }
}

impl<T> Slab<T> {
    /// Adds a resource with one user: the handle that the guest gets.
    pub fn insert(&mut self, value: T) -> Outcome<Own<T>> {
        let used = Slot::Used { value, users: 1 };
        if let Some(rep) = self.free {
            let slot = &mut self.slots[rep as usize];
            if let Slot::Free(before) = slot {
                self.free = *before;
            }
            *slot = used;
            return Ok(Own::new(rep));
        }
        if self.slots.len() == RESOURCES_MAX {
            return Err(trap(format!("the component has more than {RESOURCES_MAX} resources of one type")));
        }
        self.slots.push(used);
        Ok(Own::new(self.slots.len() as u32 - 1))
    }

    /// A resource.
    ///
    /// # Errors
    /// A trap, here and elsewhere, if it is gone.
    pub fn get(&self, resource: Borrow<T>) -> Outcome<&T> {
        match self.slots.get(resource.rep as usize) {
            Some(Slot::Used { value, .. }) => Ok(value),
            _ => Err(gone()),
        }
    }

    /// A resource, to be changed.
    pub fn get_mut(&mut self, resource: Borrow<T>) -> Outcome<&mut T> {
        match self.slots.get_mut(resource.rep as usize) {
            Some(Slot::Used { value, .. }) => Ok(value),
            _ => Err(gone()),
        }
    }

    /// One more resource that needs this one, and whose end is a [`Slab::release`].
    pub fn retain(&mut self, resource: Borrow<T>) -> Outcome<()> {
        match self.slots.get_mut(resource.rep as usize) {
            Some(Slot::Used { users, .. }) => {
                *users += 1;
                Ok(())
            }
            _ => Err(gone()),
        }
    }

    /// One user less; the resource, if that was the last one.
    pub fn release(&mut self, resource: Borrow<T>) -> Outcome<Option<T>> {
        let slot = self.slots.get_mut(resource.rep as usize).ok_or_else(gone)?;
        match slot {
            Slot::Free(_) => Err(gone()),
            Slot::Used { users, .. } if *users > 1 => {
                *users -= 1;
                Ok(None)
            }
            Slot::Used { .. } => {
                let Slot::Used { value, .. } = std::mem::replace(slot, Slot::Free(self.free)) else {
                    return Err(gone());
                };
                self.free = Some(resource.rep);
                Ok(Some(value))
            }
        }
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slots.iter().filter(|slot| matches!(slot, Slot::Used { .. })).count()
    }
}

#[cold]
fn gone() -> Error {
    trap("a resource of the host is used that is gone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_lives_as_long_as_its_last_user() {
        let mut slab = Slab::default();
        let a = Borrow::new(slab.insert("a").unwrap().rep);
        slab.retain(a).unwrap();
        assert_eq!(slab.release(a).unwrap(), None);
        assert_eq!(*slab.get(a).unwrap(), "a");
        assert_eq!(slab.release(a).unwrap(), Some("a"));
        assert!(slab.get(a).is_err());
        assert!(slab.release(a).is_err(), "twice");
        assert_eq!(slab.len(), 0);
    }

    #[test]
    fn numbers_are_used_again() {
        let mut slab = Slab::default();
        let reps: Vec<u32> = (0..4).map(|value| slab.insert(value).unwrap().rep).collect();
        assert_eq!(reps, [0, 1, 2, 3]);
        for rep in [1, 3] {
            slab.release(Borrow::new(rep)).unwrap();
        }
        let reps: Vec<u32> = (0..3).map(|value| slab.insert(value).unwrap().rep).collect();
        assert_eq!(reps, [3, 1, 4]);
    }
}
