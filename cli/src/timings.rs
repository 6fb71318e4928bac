//! What a run tells `wasmer bench`: how long its program took, and on whose code it ran.

use std::path::Path;

use serde::{Deserialize, Serialize};
use wasmer_runtime::Module;

/// What stands in the file of `--timings`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Timings {
    /// Milliseconds of the program.
    pub(crate) run: f64,
    pub(crate) code: Code,
}

impl Timings {
    /// What a run wrote that came to its end.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }
}

/// On whose code a program ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    /// The compiler of the code that it started with.
    pub(crate) backend: String,
    /// Whether its functions were compiled when they were called.
    pub(crate) lazy: bool,
    /// The compiler whose code it went over to while it ran.
    pub(crate) then: Option<String>,
}

impl Code {
    /// That of a module whose program has ended.
    pub(crate) fn of(module: &Module) -> Self {
        let backend = module.engine().backend().map_or_else(String::new, |backend| backend.name.to_owned());
        let then = Some(module.tier().to_owned()).filter(|tier| *tier != backend);
        Self { backend, lazy: module.functions_compiled().is_some(), then }
    }

    /// The compiler of the best code that it ran on.
    pub(crate) fn best(&self) -> &str {
        self.then.as_ref().unwrap_or(&self.backend)
    }

    /// In words.
    pub(crate) fn words(&self) -> String {
        let Self { backend, lazy, then } = self;
        let how = if *lazy { ", functions compiled when called" } else { "" };
        let then = then.as_ref().map_or_else(String::new, |then| format!(", then {then}"));
        format!("{backend}{how}{then}")
    }
}
