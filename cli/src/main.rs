//! The `wasmer` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    wasmer_cli::main(std::env::args_os())
}
