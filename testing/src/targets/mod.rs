//! The attacks. Each is a pair of functions: one makes an input of a number, the other one says what becomes of an input.
//!
//! A verdict is a word for what happened, which runs count, or the description of a fault. A crash of the process is a fault too.

mod cache;
pub mod command;
mod components;
mod files;
mod images;
mod modules;
mod script;
mod text;

use crate::behaviour::{Reference, compare_one, theirs};
use crate::generate::{Random, interpreter_config, smith_config, smith_from};

/// What became of an input: a word for it, or the fault that it showed.
pub type Verdict = Result<&'static str, String>;

/// An attack on one entrance.
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it attacks, in a few words.
    pub about: &'static str,
    /// The input of a number: always the same.
    pub input: fn(u64) -> Vec<u8>,
    /// Runs an input. Bytes of any kind are allowed.
    pub judge: fn(&[u8]) -> Verdict,
    /// How many inputs an everyday test tries.
    pub everyday: u64,
    /// Whether the command is attacked, which has to be built then: see [`command::PROGRAM_VARIABLE`].
    pub needs_command: bool,
}

/// All attacks.
pub const TARGETS: &[Target] = &[
    Target {
        name: "modules",
        about: "damaged modules: refused, or run safely, on every backend",
        input: modules::input,
        judge: modules::judge,
        everyday: 300,
        needs_command: false,
    },
    Target {
        name: "components",
        about: "damaged components: refused, or taken apart, instantiated and called safely",
        input: components::input,
        judge: components::judge,
        everyday: 400,
        needs_command: false,
    },
    Target {
        name: "images",
        about: "damaged compiled images: found before anything of them runs",
        input: images::input,
        judge: images::judge,
        everyday: 300,
        needs_command: false,
    },
    Target {
        name: "differential",
        about: "random valid modules: the same on every backend and in another engine",
        input: |seed| Random::new(seed).bytes(if seed % 10 == 9 { 32 << 10 } else { 4 << 10 }),
        judge: differential,
        everyday: 20,
        needs_command: false,
    },
    Target {
        name: "text",
        about: "damaged text modules and scripts: refused with a message, or run safely",
        input: text::input,
        judge: text::judge,
        everyday: 500,
        needs_command: false,
    },
    Target {
        name: "wasi",
        about: "sequences of WASI calls with hostile arguments: nothing outside of the grants is read or changed",
        input: files::input,
        judge: files::judge,
        everyday: 300,
        needs_command: false,
    },
    Target {
        name: "cache",
        about: "damage to the store of artifacts, full disks and races: every module gives its answer",
        input: cache::input,
        judge: cache::judge,
        everyday: 60,
        needs_command: false,
    },
    Target {
        name: "command",
        about: "odd command lines in odd places, killed at any moment: no panic, no internal error, the next run is well",
        input: command::input,
        judge: command::judge,
        everyday: 20,
        needs_command: true,
    },
];

/// The attack of that name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Bytes that decide on a valid module: it does the same on every backend and, where `wasmi` can run it, there.
fn differential(bytes: &[u8]) -> Verdict {
    let [first, bytes @ ..] = bytes else { return Ok("no module") };
    let reference = (first % 2 == 0).then_some(theirs as Reference);
    let config = if reference.is_some() { interpreter_config() } else { smith_config() };
    let Some(wasm) = smith_from(bytes, &config) else { return Ok("no module") };
    match compare_one(modules::engines(), reference, &wasm, u64::from(*first)) {
        (_, Some(difference)) => Err(difference),
        (_, None) => Ok("equal"),
    }
}
