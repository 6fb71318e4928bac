//! What is known of an attack, between runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// How far an attack is, and what it found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Name of the attack.
    pub target: String,
    /// The number of the next input.
    pub next: u64,
    /// How often each verdict was given.
    pub verdicts: BTreeMap<String, u64>,
    /// Time that was spent, in seconds.
    pub seconds: u64,
    /// Faults.
    pub findings: Vec<Finding>,
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The number of the input.
    pub seed: u64,
    /// What happened.
    pub message: String,
    /// The input; the shortest one that still shows the fault has the extension `min`.
    pub input: PathBuf,
}

impl State {
    /// A run that begins.
    pub fn new(target: &str) -> Self {
        Self { target: target.to_owned(), next: 0, verdicts: BTreeMap::new(), seconds: 0, findings: Vec::new() }
    }

    /// The state in a file; a new one if there is no such file.
    ///
    /// # Errors
    /// If the file is not such a state, or one of another attack.
    pub fn load(path: &Path, target: &str) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::new(target)),
            Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", path.display())),
        };
        let state: Self =
            serde_json::from_str(&text).with_context(|| format!("`{}` is no state of a run", path.display()))?;
        if state.target != target {
            bail!("`{}` is the state of `{}`, not of `{target}`", path.display(), state.target);
        }
        Ok(state)
    }

    /// Writes the file in one step, so that a kill loses nothing.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let unfinished = path.with_extension("part");
        fs::write(&unfinished, serde_json::to_string_pretty(self)?)
            .and_then(|()| fs::rename(&unfinished, path))
            .with_context(|| format!("cannot write `{}`", path.display()))
    }

    pub(super) fn count(&mut self, seed: u64, verdict: &str) {
        self.next = seed + 1;
        *self.verdicts.entry(verdict.to_owned()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_where_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let mut state = State::load(&path, "x").unwrap();
        assert_eq!(state, State::new("x"));
        state.count(0, "refused");
        state.count(1, "refused");
        state.count(2, "fault");
        state.findings.push(Finding { seed: 2, message: "died".to_owned(), input: "x-2.input".into() });
        state.save(&path).unwrap();
        assert_eq!(State::load(&path, "x").unwrap(), state);
        assert_eq!((state.next, state.verdicts["refused"]), (3, 2));
        assert!(State::load(&path, "y").unwrap_err().to_string().contains("not of `y`"));
        fs::write(&path, "{").unwrap();
        assert!(State::load(&path, "x").unwrap_err().to_string().contains("no state"));
    }
}
