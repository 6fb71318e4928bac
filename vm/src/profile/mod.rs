//! Tells the system's profilers which functions compiled code belongs to.
//!
//! Both files are written when a module is loaded, from what its image knows: names and addresses. Without a [`Profile`] nothing
//! is written, looked up or kept.

mod jitdump;
mod perfmap;

use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use wasmer_runtime_core::types::DefinedFuncIdx;

use crate::image::Image;

/// What is written for profilers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `/tmp/perf-PID.map`: a line of address, size and name for every function. Profilers look names up in it for code in anonymous
    /// memory only, so code is copied there from its artifact.
    PerfMap,
    /// `jit-PID.dump` in the current folder, by the specification of the Linux kernel's `perf`: names, addresses and the code itself, with
    /// times, so that `perf inject --jit` and `perf annotate` find it.
    JitDump,
}

impl Profile {
    /// The file of this process.
    pub fn path(self) -> PathBuf {
        let process = std::process::id();
        match self {
            Self::PerfMap => PathBuf::from(format!("/tmp/perf-{process}.map")),
            Self::JitDump => PathBuf::from(format!("jit-{process}.dump")),
        }
    }

    /// Makes an image ready and writes it down, before its code runs.
    pub fn record(self, image: &mut Image) -> io::Result<()> {
        match self {
            Self::PerfMap => {
                image.copy_code()?;
                perfmap::record(image, &self.path())
            }
            Self::JitDump => jitdump::record(image, &self.path()),
        }
    }
}

/// The locks, for the thread that forks.
pub(crate) fn lock() -> [Box<dyn std::any::Any>; 2] {
    [jitdump::lock(), perfmap::lock()]
}

/// The files are those of another process, of which this one is a copy.
pub(crate) fn forget() {
    jitdump::forget();
    perfmap::forget();
}

/// Every piece of code of an image: its name, and where it is in the code.
pub fn pieces(image: &Image) -> impl Iterator<Item = (Cow<'_, str>, Range<usize>)> {
    image.code_ranges().map(|(function, range)| (name(image, function), range.start as usize..range.end as usize))
}

fn name(image: &Image, function: Option<DefinedFuncIdx>) -> Cow<'_, str> {
    let Some(function) = function else { return Cow::Borrowed("wasm[trampoline]") };
    let index = image.func_index(function);
    match image.function_name(index) {
        // A name with a line break would forge an entry.
        Some(name) if name.contains(char::is_control) => name.replace(char::is_control, "?").into(),
        Some(name) if !name.is_empty() => name.into(),
        _ => format!("wasm[{}]", index.0).into(),
    }
}
