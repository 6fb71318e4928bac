//! `wasmer completions`.

use crate::exit::ExitCode;

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs};

/// Prints a completion script.
pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    clap_complete::generate(args.shell, &mut Cli::command(), "wasmer", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}
