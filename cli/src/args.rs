//! The command line, as clap sees it.

mod quick;
mod shared;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint};
use wasmer_runtime::Cpu;

use crate::package::Pull;
use crate::tier::finisher::FinishArgs;
use crate::tier::policy::Optimize;
use crate::units::{number_in, parse_address, parse_duration, parse_fuel, parse_number, parse_size};
use crate::{complete, examples, package, suggest};

pub(crate) use shared::*;

/// Runs WebAssembly programs, compiling each of them once.
#[derive(Debug, Parser)]
#[command(name = "wasmer", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = examples::WASMER)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program, or call a function of a module.
    Run(Box<RunArgs>),
    /// Serve HTTP: a component of `wasi:http/proxy` answers requests.
    Serve(Box<ServeArgs>),
    /// Compile a module or component to an artifact.
    Compile(CompileArgs),
    /// Fetch a program from a registry or an address, and print its digest.
    Pull(PullArgs),
    /// Check that a module, component or artifact is valid.
    Validate(ValidateArgs),
    /// Show what is in a module, component or artifact.
    Inspect(InspectArgs),
    /// Run scripts of the specification's test suite.
    Wast(WastArgs),
    /// Compare the backends on a module: compile time, start, run time, memory.
    Bench(BenchArgs),
    /// Look after the cache.
    Cache(CacheArgs),
    /// List the compilers of this build and the features of this processor.
    #[command(after_help = examples::BACKENDS)]
    Backends,
    /// Print a completion script for a shell.
    Completions(CompletionsArgs),
    /// Print a manual page.
    Man(ManArgs),
    /// Replace the installed programs by those of a release.
    SelfUpdate(SelfUpdateArgs),
    /// Compile a module in the background: `wasmer cache finish`, which `wasmer run` starts and which nobody else is told of.
    #[command(skip)]
    Finish(FinishArgs),
    /// Say what the last of these words can become, for the scripts of `wasmer completions`.
    #[command(skip)]
    Complete(Vec<OsString>),
}

#[derive(Debug, Default, Args)]
#[command(override_usage = "wasmer run [OPTIONS] <MODULE> [ARGS]...", after_help = examples::RUN)]
pub(crate) struct RunArgs {
    /// Module to run (binary or text format, `-` for standard input, `oci://REGISTRY/NAME:TAG` or `https://ADDRESS#sha256=SUM`); all that follows
    /// is for the program, or for the function of `--invoke`.
    // One list for clap, so that nothing after the module can be taken for an option of ours.
    #[arg(value_name = "MODULE", required = true, trailing_var_arg = true, value_hint = ValueHint::FilePath)]
    program: Vec<OsString>,
    /// The file of a program that was given by a reference.
    #[arg(skip)]
    fetched: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) tier: TierArgs,
    #[command(flatten)]
    pub(crate) cache: CacheOptions,
    #[command(flatten)]
    pub(crate) features: FeatureArgs,
    /// Call an exported function instead of running the program, and print its results. Of a component also with its arguments: `NAME(1, "two")`.
    #[arg(long, value_name = "NAME")]
    pub(crate) invoke: Option<String>,
    #[command(flatten)]
    pub(crate) grants: GrantArgs,
    /// Name that the program is told to be called by, instead of its file's.
    #[arg(long, value_name = "NAME")]
    pub(crate) argv0: Option<OsString>,
    /// Let the program accept connections on a listening socket at this address (may be repeated).
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) tcplisten: Vec<String>,
    /// Run a program that imports functions which are not there: calling one of them ends it.
    #[arg(long)]
    pub(crate) trap_unknown_imports: bool,
    /// End the program after this time, for instance 500ms, 10s or 2m.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_negative_numbers = true)]
    pub(crate) timeout: Option<Duration>,
    /// End the program after it has used up so much fuel: about one unit for each operator, the same on every backend.
    #[arg(long, value_name = "N", value_parser = parse_fuel, allow_negative_numbers = true)]
    pub(crate) fuel: Option<u64>,
    /// End a compile by LLVM that takes longer than this, for instance 30s or 5m.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_negative_numbers = true)]
    pub(crate) compile_timeout: Option<Duration>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// Size of the program's stack, for instance 64MiB (default: 8MiB).
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_negative_numbers = true)]
    pub(crate) stack_size: Option<u64>,
    /// Accept an artifact (.wart) as the module. Its machine code runs without being checked: only use artifacts you trust.
    #[arg(long)]
    pub(crate) allow_precompiled: bool,
    /// Write down the program's functions for profilers: a map for `perf report`, or a dump with the code for `perf inject --jit`.
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) profile: Option<ProfileArg>,
    /// Tell the debugger in which this command runs (gdb, lldb) of the program's functions and of the lines of its sources.
    #[arg(long)]
    pub(crate) debugger: bool,
    /// Write what the program leaves when it is ended to a file, in the format of WebAssembly's core dumps: frames, memories and globals.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) core_dump: Option<PathBuf>,
    /// Tell on standard error of each call between the program and the host, with arguments and results: all of them, or those of WASI's functions.
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    pub(crate) trace_calls: Option<TraceArg>,
    /// Say on standard error where the program came from and how long each phase took.
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// File that gets the milliseconds that the program took: for `wasmer bench`.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) timings: Option<PathBuf>,
}

impl RunArgs {
    /// The module as the user calls it, which clap made sure is there.
    pub(crate) fn module(&self) -> &Path {
        module_of(&self.program)
    }

    /// Its file.
    pub(crate) fn file(&self) -> &Path {
        self.fetched.as_deref().unwrap_or(self.module())
    }

    /// Has the module fetched if it is no file and not stored.
    pub(crate) fn fetch(&mut self) -> anyhow::Result<()> {
        self.fetched = package::file_of(self.module(), &self.cache)?;
        Ok(())
    }

    /// The arguments of the program or function. A `--` right after the module only separates, as it does in other commands.
    pub(crate) fn args(&self) -> &[OsString] {
        args_of(&self.program)
    }
}

impl RunArgs {
    /// The first of the program's words that is the name of an option of ours: it may have been meant for us.
    pub(crate) fn misplaced(&self) -> Option<String> {
        let words = match self.program.get(1..)? {
            // Who separates knows.
            [first, ..] if first == "--" => return None,
            words => words,
        };
        let long = |word: &OsString| Some(word.to_str()?.strip_prefix("--")?.split('=').next()?.to_owned());
        let words: Vec<String> = words.iter().filter_map(long).filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            return None;
        }
        let run = Self::augment_args(clap::Command::new("run"));
        let is_ours = |word: &&String| run.get_arguments().any(|argument| argument.get_long() == Some(word));
        words.iter().find(is_ours).map(|word| format!("--{word}"))
    }

    /// The option whose value may have been meant by what stands in the place of the module, as it has to be written.
    pub(crate) fn detached(&self) -> Option<String> {
        let word = self.module().to_str()?;
        let is_value = self.trace_calls.is_some() && TraceArg::from_str(word, false).is_ok();
        is_value.then(|| format!("--trace-calls={word}"))
    }
}

/// The first word of a list that clap filled.
fn module_of(program: &[OsString]) -> &Path {
    program.first().map_or(Path::new(""), Path::new)
}

/// The other words. A `--` right after the first only separates, as it does in other commands.
fn args_of(program: &[OsString]) -> &[OsString] {
    match program.get(1..) {
        Some([first, rest @ ..]) if first == "--" => rest,
        rest => rest.unwrap_or_default(),
    }
}

/// What `wasmer serve` takes, which `wasmer-serve` is started with.
#[derive(Debug, Args)]
#[command(after_help = examples::SERVE)]
pub(crate) struct ServeArgs {
    /// Component that answers requests (binary or text format, or a reference as for `wasmer run`). Each request gets an instance of its own.
    #[arg(value_name = "COMPONENT", value_hint = ValueHint::FilePath)]
    pub(crate) component: PathBuf,
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = parse_address)]
    pub(crate) addr: SocketAddr,
    /// How long a request may take, for instance 500ms, 10s or 2m, until all of its answer has been handed over.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration, allow_negative_numbers = true)]
    pub(crate) timeout: Duration,
    /// How many requests are answered at a time; others wait for their turn as long as their time lasts.
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = number_in(1..=10_000), allow_negative_numbers = true)]
    pub(crate) max_requests: u32,
    /// How many connections there may be.
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = number_in(1..=u32::MAX), allow_negative_numbers = true)]
    pub(crate) max_connections: u32,
    /// How long requests may go on after SIGTERM or SIGINT; a second signal ends them at once.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration, allow_negative_numbers = true)]
    pub(crate) grace: Duration,
    /// File that gets a line for each request, in the common log format; `-` is standard output.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) access_log: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    #[command(flatten)]
    pub(crate) cache: CacheOptions,
    #[command(flatten)]
    pub(crate) features: FeatureArgs,
    #[command(flatten)]
    pub(crate) grants: GrantArgs,
    /// End a request's instance after it has used up so much fuel: about one unit for each operator, the same on every backend.
    #[arg(long, value_name = "N", value_parser = parse_fuel, allow_negative_numbers = true)]
    pub(crate) fuel: Option<u64>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// Say on standard error where the component came from.
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
#[command(after_help = examples::COMPILE)]
pub(crate) struct CompileArgs {
    /// Module or component to compile: binary or text format, or `-` for standard input.
    #[arg(value_name = "MODULE")]
    pub(crate) module: PathBuf,
    /// File to write, or `-` for standard output (default: the module's name with the ending `.wart`; standard output for `--emit`).
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Threads that compile (default: all processors).
    #[arg(long, value_name = "N", value_parser = number_in(1..=1024), allow_negative_numbers = true)]
    pub(crate) threads: Option<u32>,
    /// Processor that the code is for: `native`, `x86-64-v2`, `x86-64-v3` or `x86-64-v4`, and what it has beyond that, as in
    /// `x86-64-v2+avx+lzcnt`.
    #[arg(long, value_name = "CPU", default_value_t = Cpu::Native)]
    pub(crate) cpu: Cpu,
    /// End a compile by LLVM that takes longer than this, for instance 30s or 5m.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_negative_numbers = true)]
    pub(crate) compile_timeout: Option<Duration>,
    /// Make an artifact for `wasmer run --fuel`.
    #[arg(long)]
    pub(crate) fuel: bool,
    /// Print functions instead of making an artifact.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) emit: Option<EmitArg>,
    /// Print only this function, by its name, export or index (may be repeated).
    #[arg(long, value_name = "NAME|INDEX", requires = "emit")]
    pub(crate) function: Vec<String>,
    /// Print `clif` or `llvm-ir`, also in `html`, as it was before it was optimised.
    #[arg(long, requires = "emit")]
    pub(crate) unoptimized: bool,
    /// Say on standard error how long it took.
    #[arg(long, short)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    #[command(flatten)]
    pub(crate) features: FeatureArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EmitArg {
    /// The machine code of any backend, disassembled.
    Asm,
    /// The same, between the operators and the lines of sources that it is from.
    Mixed,
    /// A page that shows operators, intermediate forms and machine code side by side, of all backends unless one is named.
    Html,
    /// The intermediate form of Cranelift.
    Clif,
    /// The intermediate form of LLVM.
    LlvmIr,
}

#[derive(Debug, Args)]
#[command(after_help = examples::PULL)]
pub(crate) struct PullArgs {
    /// What to fetch: `oci://REGISTRY/NAME:TAG`, `oci://REGISTRY/NAME@sha256:DIGEST` or `https://ADDRESS#sha256=SUM`.
    #[arg(value_name = "REFERENCE")]
    pub(crate) reference: String,
    /// Folder of the cache (default: WASMER_CACHE_DIR, or `wasmer` in the user's cache folder).
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Fetch what the key in this file has signed only (`oci://…`, signed as by `cosign sign --key`).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = examples::VALIDATE)]
pub(crate) struct ValidateArgs {
    /// Module to check (binary or text format, or `-` for standard input), component or artifact.
    #[arg(value_name = "MODULE")]
    pub(crate) module: PathBuf,
    /// Print the verdict as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) features: FeatureArgs,
}

#[derive(Debug, Args)]
#[command(after_help = examples::INSPECT)]
pub(crate) struct InspectArgs {
    /// Module to show (binary or text format, or `-` for standard input), component or artifact.
    #[arg(value_name = "MODULE")]
    pub(crate) module: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = examples::WAST)]
pub(crate) struct WastArgs {
    /// Scripts, or folders of scripts.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    #[command(flatten)]
    pub(crate) features: FeatureArgs,
}

#[derive(Debug, Args)]
#[command(override_usage = "wasmer bench [OPTIONS] <MODULE> [ARGS]...", after_help = examples::BENCH)]
pub(crate) struct BenchArgs {
    /// Program to measure; all that follows is for the program.
    #[arg(value_name = "MODULE [ARGS]", required = true, trailing_var_arg = true, value_hint = ValueHint::FilePath)]
    program: Vec<OsString>,
    /// Compiler to measure; all of this build unless given (may be repeated).
    #[arg(long, value_name = "BACKEND")]
    pub(crate) backend: Vec<String>,
    #[command(flatten)]
    pub(crate) features: FeatureArgs,
    /// How often everything is measured.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = number_in(1..=1000), allow_negative_numbers = true)]
    pub(crate) runs: u32,
    /// Also start the program so often in a row as `wasmer run` does without options, from an empty cache, and say on whose code each start ran.
    #[arg(long, value_name = "N", value_parser = number_in(1..=100), allow_negative_numbers = true)]
    pub(crate) starts: Option<u32>,
    /// Wait so long between these starts, for instance 500ms or 2s.
    #[arg(long, value_name = "TIME", requires = "starts", value_parser = parse_duration, allow_negative_numbers = true)]
    pub(crate) pause: Option<Duration>,
    /// Let the program use a folder, as for `wasmer run` (may be repeated).
    #[arg(long, value_name = "HOST[::GUEST][:ro]", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Vec<OsString>,
    /// Give the program an environment variable, as for `wasmer run` (may be repeated).
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Measure code that uses fuel, and give the program so much, as for `wasmer run`.
    #[arg(long, value_name = "N", value_parser = parse_fuel, allow_negative_numbers = true)]
    pub(crate) fuel: Option<u64>,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write a page with charts.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

impl BenchArgs {
    /// The module, which clap made sure is there.
    pub(crate) fn module(&self) -> &Path {
        module_of(&self.program)
    }

    /// The arguments of the program.
    pub(crate) fn args(&self) -> &[OsString] {
        args_of(&self.program)
    }
}

#[derive(Debug, Args)]
#[command(after_help = examples::CACHE)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
    /// Folder of the cache (default: WASMER_CACHE_DIR, or `wasmer` in the user's cache folder).
    #[arg(long, value_name = "DIR", global = true, value_hint = ValueHint::DirPath)]
    pub(crate) cache_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Print the folder.
    Dir,
    /// List the artifacts: key, size in bytes, days since their last use, how good the code is, compiler, module.
    List,
    /// Print figures.
    Stats,
    /// Say whether better code is being made in the background, by which process, of which module.
    Status {
        /// End that process.
        #[arg(long)]
        stop: bool,
    },
    /// Check every artifact and remove the damaged ones.
    Verify,
    /// Remove what no run needs, and artifacts not used for some days.
    Prune {
        /// Also remove artifacts that were not used for this many days.
        #[arg(long, value_name = "DAYS", value_parser = parse_number::<u64>, allow_negative_numbers = true)]
        days: Option<u64>,
        /// Also remove the least recently used artifacts until the rest is at most this large, for instance 500MiB.
        #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_negative_numbers = true)]
        size: Option<u64>,
    },
    /// Remove everything.
    Clean,
}

#[derive(Debug, Args)]
#[command(after_help = examples::COMPLETIONS)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
#[command(after_help = examples::MAN)]
pub(crate) struct ManArgs {
    /// The command; the page of `wasmer` itself unless given.
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
    /// Write the pages of all commands to this folder instead.
    #[arg(long, value_name = "DIR", conflicts_with = "command", value_hint = ValueHint::DirPath)]
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = examples::SELF_UPDATE)]
pub(crate) struct SelfUpdateArgs {
    /// Where the release is: a folder, an address, or one archive in either, with its checksum in `SHA256SUMS` beside it (default:
    /// WASMER_UPDATE_URL).
    #[arg(long, value_name = "URL|DIR|ARCHIVE", value_hint = ValueHint::FilePath)]
    pub(crate) from: Option<OsString>,
    /// Only say whether there is a newer version.
    #[arg(long)]
    pub(crate) check: bool,
    /// Install the release even if it is not newer.
    #[arg(long)]
    pub(crate) force: bool,
}

/// The commands, and what clap handles itself. Any other first word is a module to run.
const FIRST_WORDS: &[&str] = &[
    "run",
    "serve",
    "compile",
    "pull",
    "validate",
    "inspect",
    "wast",
    "bench",
    "cache",
    "backends",
    "completions",
    "man",
    "self-update",
    "help",
    "--help",
    "-h",
    "--version",
    "-V",
];

/// Parses a command line that names its command. Describing all commands to clap takes longer than a cached start without it, so `run` is tried
/// first: without clap, then alone; whatever that does not accept, the whole parser accepts, answers or explains.
pub(crate) fn parse(arguments: Vec<OsString>) -> Result<Command, clap::Error> {
    if arguments.get(1).is_some_and(|word| word == "run") {
        if let Some(args) = quick::run(&arguments[2..]) {
            return Ok(Command::Run(Box::new(args)));
        }
        let mut run = RunArgs::augment_args(clap::Command::new("run").disable_help_flag(true));
        let matches = run.try_get_matches_from_mut(&arguments[1..]);
        if let Ok(args) = matches.and_then(|mut matches| RunArgs::from_arg_matches_mut(&mut matches)) {
            // The process ends soon: giving back a hundred small pieces of memory is 2 % of a start.
            std::mem::forget(run);
            return Ok(Command::Run(Box::new(args)));
        }
    }
    if arguments.get(1..3).is_some_and(|words| words == ["cache", "finish"]) {
        let finish = FinishArgs::augment_args(clap::Command::new("finish"));
        let mut matches = finish.try_get_matches_from(&arguments[2..])?;
        return Ok(Command::Finish(FinishArgs::from_arg_matches_mut(&mut matches)?));
    }
    if arguments.get(1..3).is_some_and(|words| words == complete::ASKING) {
        return Ok(Command::Complete(arguments[3..].to_vec()));
    }
    let parsed = Cli::try_parse_from(&arguments);
    Ok(parsed.map_err(|error| suggest::in_error(error, &arguments, FIRST_WORDS, is_option))?.command)
}

/// Whether an option of some command has this name.
fn is_option(name: &str) -> bool {
    let mut root = Cli::command();
    root.build();
    let mut commands = std::iter::once(&root).chain(root.get_subcommands());
    commands.any(|command| command.get_arguments().any(|argument| argument.get_long() == Some(name)))
}

/// `wasmer app.wasm …` means `wasmer run app.wasm …`: the command `run` is put in unless the first word is a command, and a word
/// is a module only if it looks like a path, so that a mistyped command is not taken for a file.
pub(crate) fn with_default_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let Some(first) = arguments.get(1) else { return arguments };
    let text = first.to_string_lossy();
    // Alone it can only mean what it means to other programs.
    if text == "-v" && arguments.len() == 2 {
        arguments[1] = "--version".into();
        return arguments;
    }
    let is_known = FIRST_WORDS.contains(&&*text);
    let is_option = text.starts_with('-') && text != "-";
    let is_module = text == "-" || text.contains(['.', '/']) || std::path::Path::new(first).is_file();
    if !is_known && (is_module || is_option) {
        arguments.insert(1, "run".into());
    }
    arguments
}

#[cfg(test)]
mod tests;
