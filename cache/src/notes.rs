//! What is noted besides artifacts: which module each was made of, and how much modules have run.
//!
//! None of it is needed to run a program, so nothing here is read or written by a start that finds the best artifact.

use crate::error::CacheError;
use crate::fs::{AtFlags, Errno, unlinkat};
use crate::key::{ArtifactKey, ContentHash};
use crate::record::{self, OriginRecord, RunRecord};
use crate::store::Cache;

impl Cache {
    /// Notes which module an artifact was made of.
    pub fn note_origin(&self, key: &ArtifactKey, origin: &OriginRecord) -> Result<(), CacheError> {
        record::write(self.made()?, &key.to_string(), &origin.encode())
            .map_err(|source| self.io("could not write a record", source))
    }

    /// Which module an artifact was made of, if that was noted.
    pub fn origin(&self, key: &ArtifactKey) -> Option<OriginRecord> {
        OriginRecord::decode(&record::read(self.made().ok()?, &key.to_string())?)
    }

    /// What a module has run so far. A record that is missing or damaged says that it has not.
    pub fn recorded_runs(&self, content: &ContentHash) -> RunRecord {
        let text = self.runs().ok().and_then(|folder| record::read(folder, &content.to_string()));
        text.and_then(|text| RunRecord::decode(&text)).unwrap_or_default()
    }

    /// Replaces what is known of a module's runs. Of two processes that do so at once, one run is lost, which delays a better artifact by it.
    pub fn record_runs(&self, content: &ContentHash, runs: &RunRecord) -> Result<(), CacheError> {
        record::write(self.runs()?, &content.to_string(), &runs.encode())
            .map_err(|source| self.io("could not write a record", source))
    }

    /// Forgets a module's runs: there is nothing left to be made better.
    pub fn forget_runs(&self, content: &ContentHash) -> Result<(), CacheError> {
        match unlinkat(self.runs()?, content.to_string(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.io("could not remove a record", error.into())),
        }
    }
}
