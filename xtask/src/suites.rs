//! Where the official test suites are, which belong to others and are not in the repository: variables name their folders.

use std::fmt::Write as _;
use std::path::PathBuf;

/// A suite.
struct Suite {
    variable: &'static str,
    /// What the folder holds.
    contents: &'static str,
    /// Where it comes from.
    origin: &'static str,
    /// What there is without it.
    without: &'static str,
}

const SUITES: &[Suite] = &[
    Suite {
        variable: "WASM_SPEC_DIR",
        contents: "folders of `.wast` scripts: `wg-2.0`, `wg-3.0`, `latest`, `legacy-exceptions`, `proposals`",
        origin: "`test/core` of github.com/WebAssembly/spec by version, of its proposals' repositories for the last two",
        without: "the copy in the crate registry is run, which is of WebAssembly 2.0",
    },
    Suite {
        variable: "WASM_COMPONENT_DIR",
        contents: "folders of `.wast` scripts: `binary`, `linking`, `resources`, `validation`, `values`",
        origin: "`test` of github.com/WebAssembly/component-model",
        without: "only this project's own tests of components are run",
    },
    Suite {
        variable: "WASI_TESTSUITE_DIR",
        contents: "folders of programs with what they should do: `assemblyscript`, `c`, `rust`",
        origin: "`tests` of github.com/WebAssembly/wasi-testsuite, branch `prod/testsuite-base`",
        without: "only this project's own tests of WASI are run",
    },
];

impl Suite {
    fn folder(&self) -> Option<PathBuf> {
        std::env::var_os(self.variable).map(PathBuf::from).filter(|folder| folder.is_dir())
    }
}

/// What is left out, each with its reason.
pub(crate) fn left_out() -> impl Iterator<Item = String> {
    let missing = SUITES.iter().filter(|suite| suite.folder().is_none());
    missing.map(|suite| format!("a suite, because {} names no folder: {}", suite.variable, suite.without))
}

/// Where each suite is, and where it is to be put.
pub(crate) fn describe() -> String {
    let mut text = String::new();
    for suite in SUITES {
        let place = match suite.folder() {
            Some(folder) => folder.display().to_string(),
            None => format!("names no folder, so {}", suite.without),
        };
        let Suite { variable, contents, origin, .. } = suite;
        let _ = writeln!(text, "{variable}: {place}\n    {contents}\n    from {origin}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_is_told_with_its_variable() {
        let text = describe();
        assert!(SUITES.iter().all(|suite| text.contains(&format!("{}: ", suite.variable))), "{text}");
        assert!(left_out().count() <= SUITES.len());
    }
}
