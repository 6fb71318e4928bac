//! `wasmer validate`.

use anyhow::Context;
use serde::Serialize;
use wasmer_runtime::artifact::Parts;
use wasmer_runtime::component::{self, is_component};
use wasmer_runtime::{Artifact, CompileError, Engine, EngineConfig, Error, Outline};

use crate::args::ValidateArgs;
use crate::exit::{self, ExitCode};
use crate::load::{Any, read_any};
use crate::output;

/// The verdict, as `--json` prints it.
#[derive(Serialize)]
struct Verdict {
    /// `module`, `component` or `artifact`.
    kind: &'static str,
    /// Whether it is valid, and for a module, whether nothing that it needs is off or missing.
    valid: bool,
    /// Why not.
    error: Option<String>,
    /// Where in the binary format.
    offset: Option<u64>,
    /// The features that it would have to be allowed.
    disabled: Vec<String>,
    /// The features that it needs and that are not there.
    unsupported: Vec<String>,
}

/// Checks a module, component or artifact; silent when it is valid.
pub(crate) fn validate(args: &ValidateArgs) -> anyhow::Result<ExitCode> {
    let features = crate::features::features(&args.features)?;
    let (kind, outcome, unsupported) = match read_any(&args.module)? {
        Any::Artifact(file) => {
            // SAFETY: nothing of it is run; it is read, and checked before that.
            let artifact = unsafe { Artifact::from_file(file, None) };
            let sound = artifact.and_then(|artifact| {
                artifact.verify()?;
                Parts::of(artifact).map(drop)
            });
            ("artifact", sound.map_err(Error::from), Vec::new())
        }
        Any::Module(wasm) if is_component(&wasm) => {
            let outcome = component::validate(&wasm, features).map_err(|error| component::refused(&error));
            ("component", outcome, Vec::new())
        }
        Any::Module(wasm) => {
            let outcome = Engine::new(EngineConfig::headless().features(features))?.validate(&wasm);
            let unsupported = outcome.as_ref().err().map_or_else(Vec::new, |error| missing(&wasm, error));
            ("module", outcome, unsupported)
        }
    };
    if !args.json {
        outcome.with_context(|| format!("`{}` is not valid", args.module.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let status = ExitCode::from(if outcome.is_ok() { exit::SUCCESS } else { exit::FAILURE });
    output::data(serde_json::to_string_pretty(&verdict(kind, outcome, unsupported))? + "\n")?;
    Ok(status)
}

/// What a module needs that is not there, if that is what is wrong with it.
fn missing(wasm: &[u8], error: &Error) -> Vec<String> {
    if !matches!(error.as_compile(), Some(CompileError::Unsupported { .. })) {
        return Vec::new();
    }
    let mut needs = Outline::needs(wasm).unwrap_or_default();
    needs.retain(|feature| Outline::is_unsupported(feature));
    needs
}

fn verdict(kind: &'static str, outcome: Result<(), Error>, unsupported: Vec<String>) -> Verdict {
    let error = outcome.err();
    let (offset, disabled) = match error.as_ref().and_then(Error::as_compile) {
        Some(CompileError::Disabled { features, offset, .. }) => {
            (Some(*offset), features.iter().map(ToString::to_string).collect())
        }
        Some(CompileError::Invalid { offset, .. } | CompileError::Unsupported { offset, .. }) => {
            (Some(*offset), Vec::new())
        }
        _ => (None, Vec::new()),
    };
    Verdict { kind, valid: error.is_none(), error: error.map(|error| error.to_string()), offset, disabled, unsupported }
}
