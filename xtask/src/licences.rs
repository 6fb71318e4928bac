//! Licence expressions (SPDX) against the lists of `deny.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The licences that `deny.toml` allows.
pub(crate) struct Allowed {
    everywhere: BTreeSet<String>,
    /// More, for packages by name.
    exceptions: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Deserialize)]
struct DenyFile {
    licenses: Licenses,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    package: String,
    allow: BTreeSet<String>,
}

impl Allowed {
    /// Reads the text of `deny.toml`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let file: DenyFile = toml::from_str(text).context("cannot read the licences in deny.toml")?;
        let exceptions =
            file.licenses.exceptions.into_iter().map(|exception| (exception.package, exception.allow)).collect();
        Ok(Self { everywhere: file.licenses.allow, exceptions })
    }

    /// Whether a package may be used under this expression: every part of an `AND`, one part of an `OR`.
    pub(crate) fn allows(&self, package: &str, expression: &str) -> bool {
        // Old manifests write `/` for `OR`.
        let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let mut words = spaced.split_whitespace().peekable();
        let allowed = self.any(package, &mut words);
        // A rest means that the expression was not understood, so it allows nothing.
        allowed && words.next().is_none()
    }

    fn any<'a>(&self, package: &str, words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
        let mut allowed = self.all(package, words);
        while words.next_if_eq(&"OR").is_some() {
            allowed |= self.all(package, words);
        }
        allowed
    }

    fn all<'a>(&self, package: &str, words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
        let mut allowed = self.one(package, words);
        while words.next_if_eq(&"AND").is_some() {
            allowed &= self.one(package, words);
        }
        allowed
    }

    fn one<'a>(&self, package: &str, words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
        if words.next_if_eq(&"(").is_some() {
            let allowed = self.any(package, words);
            return words.next_if_eq(&")").is_some() && allowed;
        }
        let Some(name) = words.next() else { return false };
        let name = match words.next_if_eq(&"WITH").and_then(|_| words.next()) {
            Some(exception) => format!("{name} WITH {exception}"),
            None => name.to_owned(),
        };
        self.everywhere.contains(&name) || self.exceptions.get(package).is_some_and(|more| more.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        let allowed = Allowed::parse(
            "[licenses]\nallow = ['MIT', 'Zlib', 'Apache-2.0 WITH LLVM-exception']\n\
             exceptions = [{ crate = 'special', allow = ['MPL-2.0'] }]",
        )
        .unwrap();
        for good in [
            "MIT",
            "GPL-3.0 OR MIT",
            "GPL-3.0/MIT",
            "MIT AND Zlib",
            "Apache-2.0 WITH LLVM-exception",
            "(GPL-3.0 OR MIT) AND Zlib",
        ] {
            assert!(allowed.allows("any", good), "{good}");
        }
        for bad in
            ["", "GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "MIT MIT", "(MIT", "MPL-2.0", "MIT WITH LLVM-exception"]
        {
            assert!(!allowed.allows("any", bad), "{bad}");
        }
        assert!(allowed.allows("special", "MPL-2.0"));
    }

    #[test]
    fn the_projects_own_list_is_readable() {
        let allowed = Allowed::parse(include_str!("../../deny.toml")).unwrap();
        assert!(allowed.allows("x", "MIT OR Apache-2.0"));
        assert!(!allowed.allows("x", "GPL-3.0-only"));
    }
}
