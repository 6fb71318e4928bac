//! `wasmer compile`.

use crate::exit::ExitCode;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use wasmer_runtime::Engine;
use wasmer_runtime::cache::{ArtifactKey, ContentHash};

use crate::args::CompileArgs;
use crate::load::{ARTIFACT_ENDING, config, read_module};
use crate::progress::Progress;
use crate::{emit, output};

/// Compiles a module to an artifact, which appears whole or not at all.
pub(crate) fn compile(args: &CompileArgs) -> anyhow::Result<ExitCode> {
    if let Some(what) = args.emit {
        return emit::emit(args, what);
    }
    let output = match &args.output {
        Some(output) => output.clone(),
        None if args.module.as_os_str() == "-" => PathBuf::from(format!("module.{ARTIFACT_ENDING}")),
        None => args.module.with_extension(ARTIFACT_ENDING),
    };
    let mut config = config(&args.backend, &args.features, args.cpu, args.compile_timeout)?.fuel(args.fuel);
    if let Some(threads) = args.threads {
        config = config.threads(threads);
    }
    let engine = Engine::new(config)?;
    let wasm = read_module(&args.module)?;
    let key = ArtifactKey::new(&ContentHash::of(&wasm), &engine.key_material()?);
    let (bar, started) = (Progress::new(), Instant::now());
    let image = engine.compile(&wasm, key.0, Some(&|done, total| bar.tick(done, total)));
    drop(bar);
    let image = image.with_context(|| format!("could not compile `{}`", args.module.display()))?;
    let took = started.elapsed();
    output::to(&output, image.as_bytes())?;
    if args.verbose {
        let backend = engine.backend().map_or("", |backend| backend.name);
        let (from, to) = (wasm.len(), image.as_bytes().len());
        output::note(&format!("{}: {from} bytes, compiled with {backend} to {to} bytes", args.module.display()));
        output::phase("compile", took);
    }
    Ok(ExitCode::SUCCESS)
}
