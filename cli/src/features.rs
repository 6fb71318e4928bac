//! WebAssembly features by name.

use wasmer_runtime::{CompileError, CompileLimit, Error, FEATURES, WasmFeatures};

use crate::args::FeatureArgs;
use crate::exit::Usage;
use crate::suggest;

/// The default features with the user's changes.
pub(crate) fn features(args: &FeatureArgs) -> Result<WasmFeatures, Usage> {
    if let Some(name) = args.enable.iter().find(|name| args.disable.contains(name)) {
        return Err(Usage(format!("`--enable {name}` and `--disable {name}` contradict each other")));
    }
    let mut features = wasmer_runtime::default_features();
    for (names, value) in [(&args.enable, true), (&args.disable, false)] {
        for name in names {
            let Some((_, feature)) = FEATURES.iter().find(|(known, _)| known == name) else {
                let known: Vec<_> = FEATURES.iter().map(|(name, _)| *name).collect();
                let list = format!("the features are {}", known.join(", "));
                return Err(Usage(format!("unknown feature `{name}`{}", suggest::hint(name, known, &list))));
            };
            features.set(*feature, value);
        }
    }
    Ok(features)
}

/// What the validator says of components.
const COMPONENT: &str = "this is a component";

/// What it says of a module that ends where something is still to come.
const CUT_OFF: &str = "unexpected end";

/// What there is to do about an error: the options that allow what is off, the target that makes modules.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().filter_map(|error| error.downcast_ref::<Error>()).find_map(|error| match error.as_compile()? {
        CompileError::Disabled { features, .. } => {
            let options: Vec<_> = features.iter().map(|name| format!("--enable {name}")).collect();
            Some(format!("\nhint: `{}` allows it", options.join(" ")))
        }
        CompileError::Invalid { message, .. } if message.contains(COMPONENT) => Some(
            "\nhint: components are for `wasmer run`, `compile`, `bench`, `inspect` and `validate`; this wants a module, as of `wasm32-wasip1`".to_owned(),
        ),
        CompileError::Invalid { message, .. } if message.starts_with(CUT_OFF) => {
            Some("\nhint: the module may not be whole: build, copy or fetch it again".to_owned())
        }
        CompileError::Limit(CompileLimit::Function { .. }) => {
            Some("\nhint: `--backend singlepass` compiles functions of any size".to_owned())
        }
        _ => None,
    })
}
