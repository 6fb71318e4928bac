//! From the bytes of a component to what its instances need: validate, translate, convert.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmparser::{
    ComponentType, ComponentTypeDeclaration, CoreType, InstanceTypeDeclaration, ModuleTypeDeclaration, Parser, Payload,
    TypeRef, Validator, WasmFeatures,
};
use wasmtime_environ as environ;
use wasmtime_environ::component::ComponentTypesBuilder;

use crate::convert;
use crate::error::TranslateError;
use crate::info::ComponentInfo;

/// A component taken apart.
#[derive(Debug)]
pub struct Translation {
    /// How its parts belong together.
    pub info: ComponentInfo,
    /// The core modules by [`ModuleIdx`](crate::info::ModuleIdx), in the binary format: those of the component, and the adapters.
    pub modules: Vec<Vec<u8>>,
}

/// Whether bytes are a component rather than a module, by the layer that their header names.
pub fn is_component(bytes: &[u8]) -> bool {
    Parser::is_component(bytes)
}

/// What the component model has beyond WASI 0.2, each part with the words for it.
const LATER: &[(WasmFeatures, &str)] = &[
    (WasmFeatures::CM_ASYNC, "asynchronous functions, streams or futures (WASI 0.3)"),
    (WasmFeatures::CM_ASYNC_STACKFUL, "asynchronous functions without callbacks"),
    (WasmFeatures::CM_MORE_ASYNC_BUILTINS, "built-in functions for asynchronous calls"),
    (WasmFeatures::CM_THREADING, "threads of the component model"),
    (WasmFeatures::CM_ERROR_CONTEXT, "`error-context`"),
    (WasmFeatures::CM_MAP, "`map` types"),
    (WasmFeatures::CM_IMPLEMENTS, "names with `implements`"),
    (WasmFeatures::CM_FIXED_LENGTH_LISTS, "lists of a fixed length"),
    (WasmFeatures::CM_VALUES, "values as imports or exports"),
    (WasmFeatures::CM_GC, "the canonical ABI for garbage-collected types"),
];

/// What is on when a component is validated: `features` for its core modules, and of the component model what WASI 0.2 needs.
fn allowed(features: WasmFeatures) -> WasmFeatures {
    LATER.iter().fold(features, |allowed, (later, _)| allowed.difference(*later)) | WasmFeatures::COMPONENT_MODEL
}

/// Validates a component completely. `features` are those that its core modules may use.
///
/// # Errors
/// [`TranslateError::Unsupported`] if it would be valid with later parts of the component model.
pub fn validate(component: &[u8], features: WasmFeatures) -> Result<(), TranslateError> {
    check(component, features)?;
    let mut validator = Validator::new_with_features(allowed(features));
    let valid = validator.validate_all(component).map(drop);
    valid.map_err(|error| invalid(&error))
}

fn invalid(error: &wasmparser::BinaryReaderError) -> TranslateError {
    TranslateError::Invalid { message: error.message().to_owned(), offset: error.offset() }
}

/// Validates everything but the bodies of functions, which is done when they are compiled.
fn check(component: &[u8], features: WasmFeatures) -> Result<(), TranslateError> {
    if Parser::is_core_wasm(component) {
        return Err(TranslateError::Invalid { message: "this is a module, not a component".to_owned(), offset: 0 });
    }
    let allowed = allowed(features);
    let error = match validate_sections(component, allowed) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    let everything = LATER.iter().fold(allowed, |all, (later, _)| all | *later);
    if validate_sections(component, everything).is_ok() {
        return Err(TranslateError::Unsupported(needed(component, everything)));
    }
    Err(invalid(&error))
}

/// Which later parts a component needs.
fn needed(component: &[u8], everything: WasmFeatures) -> String {
    let is_needed = |later: &WasmFeatures| validate_sections(component, everything.difference(*later)).is_err();
    let parts: Vec<&str> = LATER.iter().filter(|(later, _)| is_needed(later)).map(|(_, words)| *words).collect();
    format!("the component uses {}, which this runtime does not support", parts.join(" and "))
}

fn validate_sections(component: &[u8], features: WasmFeatures) -> wasmparser::Result<()> {
    let mut validator = Validator::new_with_features(features);
    for payload in Parser::new(0).parse_all(component) {
        validator.payload(&payload?)?;
    }
    Ok(())
}

/// Validates a component, but for the bodies of functions in its core modules, and takes it apart.
///
/// # Errors
/// As for [`validate`].
pub fn translate(component: &[u8], features: WasmFeatures) -> Result<Translation, TranslateError> {
    check(component, features)?;
    let environ_features = environ_features(component);
    // Our validator has accepted the component, so whatever goes wrong behind it is no fault of the component: something that is known not to be
    // supported, or a bug.
    let run = AssertUnwindSafe(|| take_apart(component, environ_features));
    catch_unwind(run).unwrap_or_else(|payload| {
        let message = payload.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| payload.downcast_ref::<&str>().copied());
        Err(TranslateError::Bug(message.unwrap_or("panic").to_owned()))
    })
}

/// What the translating crate may meet: everything but what our validator would have refused. With exceptions on, adapters catch those of the
/// functions that they call, which costs something; so they are on only if there can be any.
fn environ_features(component: &[u8]) -> environ::wasmparser::WasmFeatures {
    use environ::wasmparser::WasmFeatures as Features;
    let mut features = Features::WASM3 | Features::COMPONENT_MODEL | Features::WIDE_ARITHMETIC | Features::THREADS;
    features |= Features::CUSTOM_PAGE_SIZES;
    let throws = Parser::new(0).parse_all(component).any(|payload| payload.is_ok_and(|payload| has_tags(&payload)));
    if !throws {
        features -= Features::EXCEPTIONS;
    }
    features
}

/// Whether there are tags in a core module, or in a type of core modules.
fn has_tags(payload: &Payload<'_>) -> bool {
    match payload {
        Payload::TagSection(_) => true,
        Payload::ImportSection(imports) => {
            imports.clone().into_imports().any(|import| import.is_ok_and(|import| matches!(import.ty, TypeRef::Tag(_))))
        }
        Payload::CoreTypeSection(types) => types.clone().into_iter().flatten().any(|ty| core_type_has_tags(&ty)),
        Payload::ComponentTypeSection(types) => types.clone().into_iter().flatten().any(|ty| type_has_tags(&ty)),
        _ => false,
    }
}

fn core_type_has_tags(ty: &CoreType<'_>) -> bool {
    let CoreType::Module(declarations) = ty else { return false };
    declarations.iter().any(|declaration| match declaration {
        ModuleTypeDeclaration::Import(import) => matches!(import.ty, TypeRef::Tag(_)),
        ModuleTypeDeclaration::Export { ty, .. } => matches!(ty, TypeRef::Tag(_)),
        ModuleTypeDeclaration::Type(_) | ModuleTypeDeclaration::OuterAlias { .. } => false,
    })
}

/// Types of components and instances are as deep as the validator lets them be.
fn type_has_tags(ty: &ComponentType<'_>) -> bool {
    match ty {
        ComponentType::Component(declarations) => declarations.iter().any(|declaration| match declaration {
            ComponentTypeDeclaration::CoreType(ty) => core_type_has_tags(ty),
            ComponentTypeDeclaration::Type(ty) => type_has_tags(ty),
            _ => false,
        }),
        ComponentType::Instance(declarations) => declarations.iter().any(|declaration| match declaration {
            InstanceTypeDeclaration::CoreType(ty) => core_type_has_tags(ty),
            InstanceTypeDeclaration::Type(ty) => type_has_tags(ty),
            _ => false,
        }),
        _ => false,
    }
}

/// What the translating crate says of valid components that it cannot take apart, and what is in them.
const BEYOND: &[(&str, &str)] = &[
    (
        "reexport of an imported function which is not implemented",
        "a function that it imports and exports again as it is",
    ),
    ("unsupported type export", "an exported type that is one of functions, instances or components"),
    ("`cm-implements` feature is not active", "a name with attributes"),
];

/// Why a valid component is not taken apart. The translating crate has a validator of its own, an older one, whose rules are stricter in places.
fn not_taken_apart(error: &environ::error::Error) -> TranslateError {
    let message = format!("{error:#}");
    let is_rule = error.is::<environ::wasmparser::BinaryReaderError>();
    match BEYOND.iter().find(|(said, _)| message.contains(said)) {
        Some((_, what)) => {
            TranslateError::Unsupported(format!("the component has {what}, which this runtime does not support"))
        }
        None if is_rule => TranslateError::Unsupported(format!(
            "the component is valid by rules of the component model that this runtime does not support yet ({message})"
        )),
        None => TranslateError::Bug(message),
    }
}

fn take_apart(component: &[u8], features: environ::wasmparser::WasmFeatures) -> Result<Translation, TranslateError> {
    let tunables = environ::Tunables {
        concurrency_support: false,
        parse_wasm_debuginfo: false,
        ..environ::Tunables::default_u64()
    };
    let mut validator = environ::wasmparser::Validator::new_with_features(features);
    let mut types = ComponentTypesBuilder::new(&validator);
    let scope = environ::ScopeVec::new();
    let translator = environ::component::Translator::new(&tunables, &mut validator, &mut types, &scope);
    let (translation, modules) = translator.translate(component).map_err(|error| not_taken_apart(&error))?;
    let handles = types.num_resource_tables();
    let (types, _) = types.finish(&translation.component);
    let info = convert::convert(&translation, &modules, &types, handles)?;
    // What is read from an artifact has to be.
    debug_assert!(info.is_consistent(), "what was made of a valid component contradicts itself");
    let modules = modules.values().map(|module| module.wasm.to_vec()).collect();
    Ok(Translation { info, modules })
}

/// What an adapter that traps means by a number, in the words of the canonical ABI.
pub fn adapter_trap(number: u32) -> &'static str {
    use environ::Trap;
    let trap = u8::try_from(number).ok().and_then(Trap::from_u8);
    match trap {
        Some(Trap::CannotEnterComponent) => "cannot enter component instance",
        Some(Trap::CannotLeaveComponent) => "cannot leave component instance",
        Some(Trap::CannotBlockSyncTask) => "cannot block a synchronous task before returning",
        Some(Trap::InvalidChar) => "invalid `char` bit pattern",
        Some(Trap::StringOutOfBounds) => "string content out-of-bounds",
        Some(Trap::ListOutOfBounds) => "list content out-of-bounds",
        Some(Trap::InvalidDiscriminant) => "invalid variant discriminant",
        Some(Trap::UnalignedPointer) => "unaligned pointer",
        Some(Trap::UncaughtException) => "uncaught exception propagated out of component",
        Some(Trap::UnreachableCodeReached) => "unreachable",
        _ => "an adapter between components failed its own checks",
    }
}
