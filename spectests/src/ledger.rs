//! What is expected to fail, and why: `expectations.toml`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use wasmer_runtime::wast::Failure;

/// The expected failures of every script. Each is a directive, known by its line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    #[serde(default)]
    script: Vec<Entry>,
    #[serde(default)]
    later: Vec<Later>,
}

/// Scripts that are about something else than what there is. They are not counted, and must fail.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Later {
    reason: String,
    scripts: Vec<String>,
}

/// Directives of a script that fail for one reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    reason: String,
    /// Lines and ranges of lines.
    lines: String,
}

/// What is wrong with the ledger itself.
#[derive(Debug)]
pub struct LedgerError(String);

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ledger: {}", self.0)
    }
}

impl std::error::Error for LedgerError {}

impl Ledger {
    /// Reads a ledger.
    pub fn parse(text: &str) -> Result<Self, LedgerError> {
        let ledger: Self = toml::from_str(text).map_err(|error| LedgerError(error.to_string()))?;
        for Entry { name, reason, lines } in &ledger.script {
            if reason.is_empty() || parse_lines(lines).is_none_or(|lines| lines.is_empty()) {
                return Err(LedgerError(format!("an entry of `{name}` has no reason or no lines")));
            }
        }
        if ledger.later.iter().any(|later| later.reason.is_empty()) {
            return Err(LedgerError("scripts are left for later without a reason".to_owned()));
        }
        Ok(ledger)
    }

    /// The names of all scripts that have entries.
    pub fn scripts(&self) -> impl Iterator<Item = &str> {
        let later = self.later.iter().flat_map(|later| &later.scripts).map(String::as_str);
        self.script.iter().map(|entry| entry.name.as_str()).chain(later)
    }

    /// Why a script is left for later, if it is.
    pub fn later(&self, script: &str) -> Option<&str> {
        let later = self.later.iter().find(|later| later.scripts.iter().any(|name| name == script));
        later.map(|later| later.reason.as_str())
    }

    /// The lines of a script that are expected to fail, with the reasons.
    pub fn expected(&self, script: &str) -> BTreeMap<usize, &str> {
        let entries = self.script.iter().filter(|entry| entry.name == script);
        let lines = |entry: &Entry| parse_lines(&entry.lines).into_iter().flatten();
        entries.flat_map(|entry| lines(entry).map(|line| (line, entry.reason.as_str()))).collect()
    }

    /// Compares what failed with what should: a text that names every difference, or nothing.
    pub fn differences(&self, script: &str, failures: &[Failure]) -> Option<String> {
        let expected = self.expected(script);
        let mut text = String::new();
        for failure in failures.iter().filter(|failure| !expected.contains_key(&failure.line)) {
            text.push_str(&format!("{script}:{}: {}: {}\n", failure.line, failure.kind.name(), failure.message));
        }
        for (line, reason) in expected {
            if !failures.iter().any(|failure| failure.line == line) {
                text.push_str(&format!("{script}:{line}: passes, though the ledger says that it {reason}\n"));
            }
        }
        Some(text).filter(|text| !text.is_empty())
    }
}

/// `3 5-7` is lines 3, 5, 6 and 7. Ranges name directives, so every line of them holds one.
fn parse_lines(text: &str) -> Option<Vec<usize>> {
    let mut lines = Vec::new();
    for part in text.split_whitespace() {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        lines.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use wasmer_runtime::wast::Kind;

    use super::*;

    const LEDGER: &str = "[[script]]\nname = \"a.wast\"\nreason = \"needs exceptions\"\nlines = \"3 5-6\"\n";

    fn failed(lines: &[usize]) -> Vec<Failure> {
        lines.iter().map(|line| Failure { line: *line, kind: Kind::Return, message: "wrong".to_owned() }).collect()
    }

    #[test]
    fn exactly_the_expected_failures_are_accepted() {
        let ledger = Ledger::parse(LEDGER).unwrap();
        assert_eq!(ledger.differences("a.wast", &failed(&[3, 5, 6])), None);
        assert!(ledger.differences("a.wast", &failed(&[3, 5, 6, 7])).unwrap().contains("a.wast:7: return: wrong"));
        assert!(ledger.differences("a.wast", &failed(&[3, 5])).unwrap().contains("a.wast:6: passes"));
        assert!(ledger.differences("b.wast", &failed(&[3])).is_some());
        assert_eq!(ledger.differences("b.wast", &[]), None);
    }

    #[test]
    fn scripts_are_left_for_later_with_a_reason() {
        let later = "[[later]]\nreason = \"needs more\"\nscripts = [\"b.wast\"]\n";
        let ledger = Ledger::parse(&format!("{later}{LEDGER}")).unwrap();
        assert_eq!(ledger.later("b.wast"), Some("needs more"));
        assert_eq!(ledger.later("a.wast"), None);
        assert!(ledger.scripts().eq(["a.wast", "b.wast"]));
        assert!(Ledger::parse(&format!("{}{LEDGER}", later.replace("needs more", ""))).is_err());
    }

    #[test]
    fn entries_without_reason_or_lines_are_refused() {
        assert!(Ledger::parse(&LEDGER.replace("needs exceptions", "")).is_err());
        assert!(Ledger::parse(&LEDGER.replace("3 5-6", "")).is_err());
        assert!(Ledger::parse(&LEDGER.replace("3 5-6", "x")).is_err());
    }
}
