//! `wasmer compile`.

use crate::exit::ExitCode;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use wasmer_runtime::cached::artifact_key;
use wasmer_runtime::{Engine, artifact};

use crate::args::CompileArgs;
use crate::load::{ARTIFACT_ENDING, config, read_module};
use crate::progress::Progress;
use crate::{emit, output, package};

/// Compiles a module or component to an artifact, which appears whole or not at all.
pub(crate) fn compile(args: &CompileArgs) -> anyhow::Result<ExitCode> {
    if let Some(what) = args.emit {
        return emit::emit(args, what);
    }
    let output = match &args.output {
        Some(output) => output.clone(),
        None if args.module.as_os_str() == "-" => PathBuf::from(format!("module.{ARTIFACT_ENDING}")),
        None => package::name(&args.module).with_extension(ARTIFACT_ENDING),
    };
    let mut config = config(&args.backend, &args.features, args.cpu, args.compile_timeout)?.fuel(args.fuel);
    if let Some(threads) = args.threads {
        config = config.threads(threads as usize);
    }
    let engine = Engine::new(config)?;
    let wasm = read_module(&args.module)?;
    let key = artifact_key(&engine, &wasm)?;
    let (bar, started) = (Progress::new(), Instant::now());
    let artifact = artifact::compile(&engine, &wasm, key.0, Some(&|done, total| bar.tick(done, total)));
    drop(bar);
    let artifact = artifact.with_context(|| format!("could not compile `{}`", args.module.display()))?;
    let took = started.elapsed();
    output::to(&output, &artifact)?;
    if args.verbose {
        let backend = engine.backend().map_or("", |backend| backend.name);
        let (from, to) = (wasm.len(), artifact.len());
        output::note(&format!("{}: {from} bytes, compiled with {backend} to {to} bytes", args.module.display()));
        output::phase("compile", took);
    }
    Ok(ExitCode::SUCCESS)
}
