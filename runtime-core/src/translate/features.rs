//! The features of WebAssembly that can be switched, and which of them a refused module lacks.

use wasmparser::WasmFeatures;

use crate::error::CompileError;
use crate::translate::module::validate;

/// Features that can be switched: the name, and what it stands for.
pub const FEATURES: &[(&str, WasmFeatures)] = &[
    ("bulk-memory", WasmFeatures::BULK_MEMORY),
    ("custom-page-sizes", WasmFeatures::CUSTOM_PAGE_SIZES),
    ("exceptions", WasmFeatures::EXCEPTIONS),
    ("extended-const", WasmFeatures::EXTENDED_CONST),
    ("function-references", WasmFeatures::FUNCTION_REFERENCES),
    ("gc", WasmFeatures::GC),
    ("legacy-exceptions", WasmFeatures::LEGACY_EXCEPTIONS),
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

/// The names of the features that have a part in `missing`; none if something of it cannot be switched.
pub(super) fn names_of(missing: WasmFeatures) -> Option<Vec<&'static str>> {
    let mut names = Vec::new();
    let mut rest = missing;
    for (name, feature) in FEATURES.iter().filter(|(_, feature)| feature.intersects(missing)) {
        names.push(*name);
        rest = rest.difference(*feature);
    }
    rest.is_empty().then_some(names)
}

/// Names the features that a refused module lacks, if with more features it is valid: the validator names one at most, and for some it has
/// other words. Every other error stays what it is. Takes as long as validating once for each feature that is off.
pub fn explain(wasm: &[u8], features: WasmFeatures, error: CompileError) -> CompileError {
    let (message, offset) = match &error {
        CompileError::Invalid { message, offset } | CompileError::Disabled { message, offset, .. } => {
            (message, *offset)
        }
        CompileError::Unsupported { what, offset, .. } => (what, *offset),
        CompileError::Limit(_) | CompileError::Internal { .. } | CompileError::Worker(_) => return error,
    };
    let off: Vec<_> = FEATURES.iter().filter(|(_, feature)| !features.contains(*feature)).collect();
    let mut needed = off.iter().fold(features, |all, (_, feature)| all | *feature);
    if off.is_empty() || validate(wasm, needed).is_err() {
        return error;
    }
    let mut names = Vec::new();
    // The last ones first: what `extended-const` allows, `gc` allows, too.
    for (name, feature) in off.into_iter().rev() {
        // Some features have parts in common.
        let without = needed.difference(feature.difference(features));
        if validate(wasm, without).is_ok() {
            needed = without;
        } else {
            names.push(*name);
        }
    }
    if names.is_empty() {
        return error;
    }
    names.reverse();
    CompileError::Disabled { features: names, message: message.clone(), offset }
}
