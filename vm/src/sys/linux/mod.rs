//! Linux.

mod coarse;
pub(crate) mod context;
pub(crate) mod fault;
mod pagemap;
pub(crate) mod pages;
pub(crate) mod thread;
pub(crate) mod timer;
pub(crate) mod view;

/// What this process knows of itself is another's: a fork made it.
pub(crate) fn forget() {
    pagemap::forget();
}
