//! `wasmer validate`.

use crate::exit::ExitCode;

use anyhow::Context;
use wasmer_runtime::{Engine, EngineConfig};

use crate::args::ValidateArgs;
use crate::load::read_module;

/// Checks a module; silent when it is valid.
pub(crate) fn validate(args: &ValidateArgs) -> anyhow::Result<ExitCode> {
    let wasm = read_module(&args.module)?;
    let engine = Engine::new(EngineConfig::headless().features(crate::features::features(&args.features)?))?;
    engine.validate(&wasm).with_context(|| format!("`{}` is not valid", args.module.display()))?;
    Ok(ExitCode::SUCCESS)
}
