//! `cargo xtask soak`: builds the program of long runs with every backend that can be built here, and starts it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{llvm, shell};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only this backend (may be repeated); all that can be built here unless one is named.
    #[arg(long, value_name = "BACKEND", value_parser = ["cranelift", "singlepass", "llvm"])]
    backend: Vec<String>,
    /// What the program takes: `--minutes N`, `--jobs N`, names of attacks, `--list`, `--help`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let llvm = llvm::find();
    let mut backends = options.backend.clone();
    if backends.is_empty() {
        backends = ["cranelift", "singlepass"].map(str::to_owned).to_vec();
        match &llvm {
            Some(_) => backends.push("llvm".to_owned()),
            None => println!("left out: the LLVM backend, which needs LLVM 22"),
        }
    }
    let mut cargo = shell::cargo();
    cargo.current_dir(root).args([
        "build",
        "--quiet",
        "--locked",
        "--release",
        "--package=wasmer-testing",
        "--bin=soak",
        // What one of the attacks runs.
        "--package=wasmer-cli",
        "--bin=wasmer",
    ]);
    if backends.iter().any(|backend| backend == "llvm") {
        cargo.arg("--bin=wasmer-llvm");
    }
    let features = |backend: &String| format!("wasmer-testing/{backend},wasmer-cli/{backend}");
    let features: Vec<_> = backends.iter().map(features).collect();
    cargo.args(["--no-default-features", &format!("--features={}", features.join(","))]);
    if let Some(prefix) = llvm {
        cargo.env(llvm::PREFIX_VARIABLE, prefix);
    }
    shell::run(&mut cargo)?;
    let mut soak = Command::new(root.join("target/release/soak"));
    let status =
        soak.current_dir(root).args(&options.arguments).status().context("cannot start the program of long runs")?;
    if !status.success() {
        bail!("the run did not end well: {status}");
    }
    Ok(())
}
