//! The store of compiled artifacts: keys, files, and what makes a warm start cheap.
//!
//! The store sees bytes and keys, never a compiler. A hit costs a handful of system calls: the module is recognised by
//! its identity ([`identity`]) without being read, the artifact is opened by the name that its key ([`key`]) gives it, and
//! nothing is written. Everything that goes wrong with the store costs the caching, never the run.

pub mod error;
pub mod finisher;
mod fs;
pub mod identity;
pub mod key;
pub mod lock;
pub mod maintain;
mod notes;
pub mod packages;
pub mod record;
pub mod store;
mod temporary;

pub use error::CacheError;
pub use finisher::{Finisher, FinisherLock};
pub use identity::{FileIdentity, NotRemembered, Trust, Unrecognised};
pub use key::{ArtifactKey, ContentHash, ContentHasher, PackageSum};
pub use maintain::{Entry, Prune, Stats, VerifyReport};
pub use packages::{NewPackage, Packages};
pub use record::{OriginRecord, Pin, RunRecord};
pub use store::{Cache, CacheConfig, Durability, Found};
