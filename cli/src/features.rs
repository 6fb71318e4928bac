//! WebAssembly features by name.

use wasmer_runtime::WasmFeatures;

use crate::args::FeatureArgs;
use crate::exit::Usage;
use crate::suggest;

/// Features that can be switched: name on the command line, and what it stands for.
pub(crate) const FEATURES: &[(&str, WasmFeatures)] = &[
    ("bulk-memory", WasmFeatures::BULK_MEMORY),
    ("custom-page-sizes", WasmFeatures::CUSTOM_PAGE_SIZES),
    ("extended-const", WasmFeatures::EXTENDED_CONST),
    ("function-references", WasmFeatures::FUNCTION_REFERENCES),
    ("memory64", WasmFeatures::MEMORY64),
    ("multi-memory", WasmFeatures::MULTI_MEMORY),
    ("multi-value", WasmFeatures::MULTI_VALUE),
    ("reference-types", WasmFeatures::REFERENCE_TYPES),
    ("relaxed-simd", WasmFeatures::RELAXED_SIMD),
    ("saturating-float-to-int", WasmFeatures::SATURATING_FLOAT_TO_INT),
    ("sign-extension", WasmFeatures::SIGN_EXTENSION),
    ("simd", WasmFeatures::SIMD),
    ("tail-call", WasmFeatures::TAIL_CALL),
    ("threads", WasmFeatures::THREADS),
    ("wide-arithmetic", WasmFeatures::WIDE_ARITHMETIC),
];

/// The default features with the user's changes.
pub(crate) fn features(args: &FeatureArgs) -> Result<WasmFeatures, Usage> {
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
