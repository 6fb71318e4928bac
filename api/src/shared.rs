//! Values that threads own together without waiting for each other.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use wasmer_runtime_core::once;
use wasmer_vm::places::{PLACES, place};

/// A value with many owners. Processors that count at the same place wait for each other: [`Shared::counted_here`] counts in the thread's own.
pub(crate) struct Shared<T> {
    owner: Arc<Owner<T>>,
    /// The owners that are counted by place; none in those themselves, which would own each other.
    places: Option<Arc<Places<T>>>,
}

type Places<T> = [OnceLock<Arc<Owner<T>>>; PLACES];

/// One of the few that the value itself counts. In cache lines of its own.
#[repr(align(128))]
struct Owner<T>(Arc<T>);

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { owner: Arc::new(Owner(Arc::new(value))), places: Some(Arc::default()) }
    }

    /// Another owner, for something that one thread makes and drops all the time.
    pub(crate) fn counted_here(&self) -> Self {
        let new = || Arc::new(Owner(Arc::clone(&self.owner.0)));
        let owner = self.places.as_ref().map_or(&self.owner, |places| once::get_or_init(&places[place()], new));
        Self { owner: Arc::clone(owner), places: None }
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { owner: Arc::clone(&self.owner), places: self.places.clone() }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.owner.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_goes_with_its_last_owner() {
        let value = Arc::new(());
        let shared = Shared::new(Arc::clone(&value));
        let owners: Vec<_> = std::thread::scope(|scope| {
            let threads =
                [(); 3].map(|()| scope.spawn(|| [shared.counted_here(), shared.counted_here().counted_here()]));
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let copy = shared.clone();
        drop(shared);
        assert_eq!(Arc::strong_count(&value), 2);
        drop(copy);
        assert_eq!(Arc::strong_count(&value), 2);
        drop(owners);
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
