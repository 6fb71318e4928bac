//! The `wasmer` command: arguments in, exit status out. The binary is a thin shell around [`main`].

mod args;
mod backends;
mod bench;
mod c_stack;
mod cache;
mod compile;
mod complete;
mod component;
mod debugger;
mod emit;
mod entry;
mod examples;
mod exit;
mod features;
mod grants;
mod imports;
mod inspect;
mod load;
mod man;
mod output;
mod package;
mod page;
mod patience;
mod progress;
mod run;
mod serve;
mod source;
mod suggest;
mod tier;
mod timings;
mod trace;
mod units;
mod update;
mod validate;
mod wast;
mod worker;

use std::ffi::OsString;

use args::Command;
pub use exit::ExitCode;

#[doc(hidden)]
#[cfg(feature = "serve")]
pub use serve::main as serve;
#[doc(hidden)]
#[cfg(feature = "self-update")]
pub use update::main as update;
#[doc(hidden)]
pub use worker::protocol;

/// Runs the command with these arguments, the program's name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match args::parse(args::with_default_command(arguments.into_iter().collect())) {
        Ok(command) => command,
        // Help and version are data, everything else is a message.
        Err(answer) if !answer.use_stderr() => {
            return finish(output::data(answer.to_string()).map(|()| ExitCode::SUCCESS));
        }
        Err(error) => {
            // It quotes the command line.
            output::complaint(&error.to_string());
            return ExitCode::from(exit::USAGE);
        }
    };
    finish(execute(command))
}

/// The status of what was done; what went wrong is printed.
fn finish(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        // Whoever reads has seen enough.
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::error_with(&error, &features::hint(&error).unwrap_or_default());
            ExitCode::from(if error.is::<exit::Usage>() { exit::USAGE } else { exit::FAILURE })
        }
    }
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(mut args) => {
            args.fetch()?;
            run::run(&args)
        }
        Command::Serve(args) => serve::serve(&args),
        Command::Compile(args) => compile::compile(&args),
        Command::Pull(args) => package::pull(&args),
        Command::Validate(args) => validate::validate(&args),
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Wast(args) => wast::wast(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Cache(args) => cache::cache(&args),
        Command::Backends => backends::backends(),
        Command::Completions(args) => complete::completions(&args),
        Command::Man(args) => man::man(&args),
        Command::SelfUpdate(args) => update::self_update(&args),
        Command::Finish(args) => tier::finisher::finish(&args),
        Command::Complete(words) => complete::answer(&words),
    }
}
