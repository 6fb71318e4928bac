//! The official WebAssembly test suite: where its scripts are, which features each suite is about, and what is expected to fail.

mod ledger;
mod suites;

pub use ledger::{Ledger, LedgerError};
pub use suites::{SUITES, Script, Suite, scripts};
