//! The commands of the project: `cargo xtask test`, `programs`, `compare`, `soak`, `dist`, `packages`, `book`, `suites`, `tidy` and `deps`.

mod book;
mod circles;
mod compare;
mod deps;
mod dist;
mod elsewhere;
mod licences;
mod llvm;
mod npm;
mod packages;
mod plan;
mod programs;
mod progress;
mod published;
mod python;
mod shell;
mod soak;
mod source;
mod suites;
mod test;
mod tidy;
mod wheels;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The commands of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything that CI checks, on this machine: format, lints, tests, documentation, tidiness, dependencies, real programs.
    Test(test::Options),
    /// Fetch or build the real programs that tests and benchmarks run, and list them.
    Programs(programs::Options),
    /// Measure against the other runtimes that are installed, and native code; write `docs/results`.
    Compare(compare::Options),
    /// Attack every entrance for as long as you like; goes on where the last run ended.
    Soak(soak::Options),
    /// Make the archives of a release and the list of their checksums.
    Dist(dist::Options),
    /// Pack the packages as they would be on a registry, under the names that they would have there.
    Packages,
    /// Check the links of all pages, and make the book of `docs/` in `target/book`.
    Book(book::Options),
    /// Say where the official test suites are looked for, and what has to be there.
    Suites,
    /// Check what no other tool does: sizes of files and functions, headers, left-overs, paths of one machine.
    Tidy,
    /// Check who imports whom, and under which licences.
    Deps,
}

fn main() -> ExitCode {
    let root = workspace_root();
    let result = match Cli::parse().command {
        Command::Test(options) => test::run(&root, &options),
        Command::Programs(options) => programs::run(&root, &options),
        Command::Compare(options) => compare::run(&root, &options),
        Command::Soak(options) => soak::run(&root, &options),
        Command::Dist(options) => dist::run(&root, &options),
        Command::Packages => packages::pack(&root).map(|report| println!("{report}")),
        Command::Book(options) => book::run(&root, &options),
        Command::Suites => {
            print!("{}", suites::describe());
            Ok(())
        }
        Command::Tidy => tidy::run(&root).map(|report| println!("{report}")),
        Command::Deps => deps::run(&root).map(|report| println!("{report}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace, which is the parent of this package's.
fn workspace_root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}
