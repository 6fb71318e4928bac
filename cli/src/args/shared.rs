//! Arguments that several commands take.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use crate::load::AUTO;
use crate::package::Pull;
use crate::tier::policy::Optimize;
use crate::units::{parse_number, parse_size};

/// Which compiler.
#[derive(Debug, Args)]
pub(crate) struct BackendArgs {
    /// Compiler: singlepass, cranelift or llvm; `auto` is cranelift, or else one that this build has.
    #[arg(long, value_name = "BACKEND", default_value = AUTO)]
    pub(crate) backend: String,
}

/// Which compilers run a program.
#[derive(Debug, Args)]
pub(crate) struct TierArgs {
    /// Compiler: singlepass, cranelift or llvm, and no other; `auto` runs the best code that the cache has, or else compiles as fast as
    /// possible.
    #[arg(long, value_name = "BACKEND", default_value = AUTO)]
    pub(crate) backend: String,
    /// When `auto` makes better code (default: idle, or never where CI is set; see WASMER_BACKGROUND).
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(crate) optimize: Option<Optimize>,
}

impl Default for TierArgs {
    fn default() -> Self {
        Self { backend: AUTO.to_owned(), optimize: None }
    }
}

/// Which features of WebAssembly.
#[derive(Debug, Default, Args)]
pub(crate) struct FeatureArgs {
    /// Allow a feature of WebAssembly that is off by default (may be repeated; see `wasmer backends`).
    #[arg(long, value_name = "FEATURE")]
    pub(crate) enable: Vec<String>,
    /// Forbid a feature of WebAssembly (may be repeated).
    #[arg(long, value_name = "FEATURE")]
    pub(crate) disable: Vec<String>,
}

/// Where artifacts are kept.
#[derive(Debug, Default, Args)]
pub(crate) struct CacheOptions {
    /// Neither use nor fill the cache.
    #[arg(long)]
    pub(crate) disable_cache: bool,
    /// Folder of the cache (default: WASMER_CACHE_DIR, or `wasmer` in the user's cache folder).
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) cache_dir: Option<PathBuf>,
    /// How module files are recognised: by their identity on disk, or by hashing them every time.
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub(crate) cache_trust: TrustArg,
    /// When a program that is no file (`oci://…`, `https://…`) is fetched.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub(crate) pull: Pull,
    /// Run what the key in this file has signed only (`oci://…`, signed as by `cosign sign --key`).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum TrustArg {
    #[default]
    Stat,
    Hash,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ProfileArg {
    /// `/tmp/perf-PID.map`.
    Perfmap,
    /// `jit-PID.dump` in the current folder.
    Jitdump,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceArg {
    /// Of exports and of imports.
    All,
    /// Of WASI's functions alone.
    Wasi,
}

/// What a program may reach of the host.
#[derive(Debug, Default, Args)]
pub(crate) struct GrantArgs {
    /// Let the program use a folder: HOST, HOST::GUEST, either with `:ro` for reading only (may be repeated).
    #[arg(long, value_name = "HOST[::GUEST][:ro]", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Vec<OsString>,
    /// Give the program an environment variable: NAME=VALUE, or NAME for the value here (may be repeated).
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Give the program all environment variables that there are here.
    #[arg(long)]
    pub(crate) env_all: bool,
    /// Read environment variables from a file of NAME=VALUE lines, or NAME for the value here if there is one (may be repeated).
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Vec<PathBuf>,
    /// Let the program use a folder as the one that it works in: the same as `--dir HOST::.`, with `:ro` for reading only.
    #[arg(long, value_name = "HOST[:ro]", value_hint = ValueHint::DirPath)]
    pub(crate) cwd: Option<OsString>,
    /// Let a component use a part of the network: ADDRESS[/BITS], NAME or `*`, each with `:PORT` or `:PORT-PORT` for less (may be repeated).
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) net: Vec<String>,
}

/// How much of the host a program may use.
#[derive(Debug, Default, Args)]
pub(crate) struct LimitArgs {
    /// Largest size of each memory, for instance 64MiB.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_negative_numbers = true)]
    pub(crate) max_memory: Option<u64>,
    /// Most that all memories and tables may take together, with what the runtime needs for them.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_negative_numbers = true)]
    pub(crate) max_total_memory: Option<u64>,
    /// Most elements that tables may have, each and all together, of 8 bytes each (default: 100 million).
    #[arg(long, value_name = "N", value_parser = parse_number::<u64>, allow_negative_numbers = true)]
    pub(crate) max_table_elements: Option<u64>,
    /// Largest size of the heap of objects (garbage collection) that the program may have (default: 1GiB; at most 2.75 GiB).
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_negative_numbers = true)]
    pub(crate) max_gc_heap: Option<u64>,
    /// How many files, folders and sockets the program may have open at a time (default: 1024, or half of what the system allows).
    #[arg(long, value_name = "N", value_parser = parse_number::<usize>, allow_negative_numbers = true)]
    pub(crate) max_open_files: Option<usize>,
    /// How much the program may write in all, for instance 1GiB: files, streams and sockets together.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_negative_numbers = true)]
    pub(crate) max_output: Option<u64>,
}
