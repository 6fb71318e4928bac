//! A compiled component: its core modules, and how they belong together.

use std::fmt;
use std::sync::Arc;

use crate::mismatch::ComponentLinkError;
use wasmer_api::{Engine, Error, MalformedError, Module, ResourceError, Result};
use wasmer_component_translate::info::ExportKind;
use wasmer_component_translate::{self as translate, ComponentInfo, TranslateError};
use wasmer_runtime_core::compiler::CompileError;

/// A compiled component. Cheap to clone, shared by all threads.
#[derive(Clone)]
pub struct Component(Arc<Inner>);

struct Inner {
    info: Arc<ComponentInfo>,
    modules: Vec<Module>,
    engine: Engine,
}

impl Component {
    /// Validates and compiles a component in the binary format.
    ///
    /// # Errors
    /// [`Error::Compile`] if it is not valid or uses what is not supported: asynchronous functions, for instance.
    pub fn new(engine: &Engine, bytes: &[u8]) -> Result<Self> {
        let translation = translate::translate(bytes, engine.features()).map_err(|error| refused(&error))?;
        let modules = translation.modules.iter().map(|wasm| Module::new(engine, wasm));
        let modules = modules.collect::<Result<_>>()?;
        Self::from_parts(engine, translation.info, modules)
    }

    /// A component whose parts were compiled before: `modules` are those of the translation that `info` is of, in its order.
    ///
    /// # Errors
    /// [`Error::Link`] if there are not as many modules as `info` says.
    pub fn from_parts(engine: &Engine, info: ComponentInfo, modules: Vec<Module>) -> Result<Self> {
        if modules.len() != info.modules as usize {
            let (expected, given) = (info.modules as usize, modules.len());
            return Err(ComponentLinkError::Modules { expected, given }.into());
        }
        Ok(Self(Arc::new(Inner { info: Arc::new(info), modules, engine: engine.clone() })))
    }

    /// How its parts belong together.
    pub fn info(&self) -> &Arc<ComponentInfo> {
        &self.0.info
    }

    /// Its core modules, and the adapters between its parts.
    pub fn modules(&self) -> &[Module] {
        &self.0.modules
    }

    /// The engine it was made for.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Whether it exports a function of this name, as [`ComponentInstance::func`](crate::ComponentInstance::func) finds it.
    pub fn exports_func(&self, name: &str) -> bool {
        self.func_name(name).is_some()
    }

    /// The very name of the exported function that a name finds: looking for that compares no versions.
    pub fn func_name(&self, name: &str) -> Option<String> {
        let path: Vec<&str> = name.split('#').collect();
        let export = crate::instance::find(&self.0.info, &path)?;
        matches!(export.kind, ExportKind::Func { .. }).then(|| export.path.join("#"))
    }

    /// What it imports and exports, as WIT text.
    pub fn wit(&self) -> String {
        translate::wit::world(&self.0.info)
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component").field("modules", &self.0.modules.len()).finish_non_exhaustive()
    }
}

/// Why a component is not taken, in the words that modules have for it.
pub fn refused(error: &TranslateError) -> Error {
    match error {
        TranslateError::Invalid { message, offset } => {
            CompileError::Invalid { message: message.clone(), offset: *offset }.into()
        }
        TranslateError::Unsupported(what) => MalformedError::unsupported(what).into(),
        error => ResourceError::other(error.clone()).into(),
    }
}
