//! What was measured, and the file in which it is kept.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::stats;
use super::workloads::Section;

/// One thing that was measured several times, or could not be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) section: Section,
    pub(crate) program: String,
    pub(crate) peer: String,
    /// What of it: threads that compile, way of starting.
    pub(crate) variant: String,
    /// By the clock.
    pub(crate) seconds: Vec<f64>,
    /// Of processors.
    pub(crate) processor_seconds: Vec<f64>,
    /// The largest of all runs.
    pub(crate) memory_bytes: u64,
    pub(crate) artifact_bytes: Option<u64>,
    /// Why there is nothing.
    pub(crate) failure: Option<String>,
}

impl Row {
    /// The times that count. For code that runs on one thread those of the processor, which other programs disturb least.
    pub(crate) fn times(&self) -> &[f64] {
        match self.section {
            Section::Run => &self.processor_seconds,
            Section::Compile | Section::Start => &self.seconds,
        }
    }

    /// The median of these.
    pub(crate) fn median(&self) -> Option<f64> {
        if self.failure.is_some() { None } else { stats::median(self.times()) }
    }

    fn is_of_the_same(&self, other: &Self) -> bool {
        let key = |row: &Self| (row.section, row.program.clone(), row.peer.clone(), row.variant.clone());
        key(self) == key(other)
    }
}

/// A runtime that took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Participant {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) version: String,
}

/// All results, and where they are from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    /// What the machine is, by names.
    pub(crate) machine: Vec<(String, String)>,
    pub(crate) peers: Vec<Participant>,
    /// Peers that are not installed.
    pub(crate) missing: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

impl Results {
    /// Reads the results of earlier runs; there may be none.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("`{}` holds no results", path.display()))
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text + "\n").with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// Takes new rows in, each in the place of an older one of the same thing.
    pub(crate) fn add(&mut self, rows: Vec<Row>) {
        for row in rows {
            match self.rows.iter_mut().find(|old| old.is_of_the_same(&row)) {
                Some(old) => *old = row,
                None => self.rows.push(row),
            }
        }
    }

    /// Takes in which runtimes there were not.
    pub(crate) fn lack(&mut self, names: Vec<String>) {
        for name in names {
            if !self.missing.contains(&name) && self.peers.iter().all(|peer| peer.name != name) {
                self.missing.push(name);
            }
        }
    }

    /// Takes in which runtimes there were.
    pub(crate) fn join(&mut self, participants: Vec<Participant>) {
        for participant in participants {
            self.peers.retain(|peer| peer.name != participant.name);
            self.missing.retain(|name| *name != participant.name);
            self.peers.push(participant);
        }
    }

    pub(crate) fn find(&self, section: Section, program: &str, peer: &str, variant: &str) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| (row.section, &*row.program, &*row.peer, &*row.variant) == (section, program, peer, variant))
    }

    /// The ratios of the medians of two peers over all programs of a section that both ran.
    pub(crate) fn ratios(&self, section: Section, variant: &str, peer: &str, over: &str) -> Vec<f64> {
        let of_peer = |row: &&Row| row.section == section && row.peer == peer && row.variant == variant;
        let ratio = |row: &Row| Some(row.median()? / self.find(section, &row.program, over, variant)?.median()?);
        self.rows.iter().filter(of_peer).filter_map(ratio).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn row(program: &str, peer: &str, seconds: &[f64]) -> Row {
        Row {
            section: Section::Run,
            program: program.to_owned(),
            peer: peer.to_owned(),
            variant: String::new(),
            seconds: seconds.iter().map(|seconds| seconds + 1.0).collect(),
            processor_seconds: seconds.to_owned(),
            memory_bytes: 1 << 20,
            artifact_bytes: None,
            failure: None,
        }
    }

    #[test]
    fn new_rows_take_the_place_of_old_ones() {
        let mut results = Results::default();
        results.add(vec![row("fib", "a", &[1.0]), row("fib", "b", &[2.0])]);
        results.add(vec![row("fib", "b", &[4.0]), row("sieve", "b", &[3.0])]);
        assert_eq!(results.rows.len(), 3);
        assert_eq!(results.find(Section::Run, "fib", "b", "").unwrap().median(), Some(4.0));
        assert_eq!(results.ratios(Section::Run, "", "b", "a"), [4.0]);
        assert!(results.ratios(Section::Start, "", "b", "a").is_empty());
    }

    #[test]
    fn the_clock_counts_where_threads_work_together() {
        let start = Row { section: Section::Start, ..row("fib", "a", &[1.0]) };
        assert_eq!((start.median(), row("fib", "a", &[1.0]).median()), (Some(2.0), Some(1.0)));
    }

    #[test]
    fn what_failed_has_no_median() {
        let mut results = Results::default();
        let broken = Row { failure: Some("it crashed".to_owned()), ..row("fib", "b", &[1.0]) };
        results.add(vec![row("fib", "a", &[1.0]), broken]);
        assert!(results.ratios(Section::Run, "", "b", "a").is_empty());
    }

    #[test]
    fn results_survive_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        assert!(Results::read(&path).unwrap().rows.is_empty());
        let mut results = Results::default();
        results.lack(vec!["a".into(), "b".into(), "b".into()]);
        results.add(vec![row("fib", "a", &[1.0, 1.5])]);
        let a = Participant { name: "a".into(), about: "A".into(), version: "1".into() };
        results.join(vec![a.clone()]);
        results.lack(vec!["a".into()]);
        results.write(&path).unwrap();
        let read = Results::read(&path).unwrap();
        assert_eq!(read.rows[0].times(), [1.0, 1.5]);
        assert_eq!((read.peers, read.missing), (vec![a], vec!["b".to_owned()]));
        std::fs::write(&path, "{").unwrap();
        assert!(Results::read(&path).is_err());
    }
}
