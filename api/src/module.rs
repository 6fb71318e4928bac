//! A compiled module: a mapped artifact image, ready to be instantiated any number of times.

use std::fmt;
use std::sync::Arc;

use wasmer_runtime_core::compile::Progress;
use wasmer_runtime_core::image::ImageError;
use wasmer_runtime_core::lazy::Validation;
use wasmer_runtime_core::types::*;
use wasmer_vm::image::Image;
use wasmer_vm::module_code::ModuleCode;
use wasmer_vm::tier::Switch;

use crate::engine::Engine;
use crate::error::{Error, FuelError, ResourceError, Result};
use crate::shared::Shared;

/// A compiled module. Cheap to clone, shared by all threads; its code is unmapped when the last clone and the last
/// instance are gone.
#[derive(Clone)]
pub struct Module(Shared<ModuleInner>);

struct ModuleInner {
    code: Arc<ModuleCode>,
    engine: Engine,
}

/// An import of a module.
#[derive(Clone, Debug)]
pub struct ImportInfo {
    /// Module name.
    pub module: String,
    /// Field name.
    pub name: String,
    /// What is imported.
    pub ty: ExternType,
}

/// An export of a module.
#[derive(Clone, Debug)]
pub struct ExportInfo {
    /// Its name.
    pub name: String,
    /// What is exported.
    pub ty: ExternType,
}

impl Module {
    /// Validates and compiles a module in the binary format; what is left for later the engine says ([`EngineConfig::lazy`](crate::EngineConfig::lazy)).
    pub fn new(engine: &Engine, wasm: &[u8]) -> Result<Self> {
        Self::with_progress(engine, wasm, None)
    }

    /// As [`Module::new`], of bytes that it may keep: an engine that compiles functions when they are called needs them until then.
    pub fn from_vec(engine: &Engine, wasm: impl Into<Arc<Vec<u8>>>) -> Result<Self> {
        match engine.lazy() {
            Some(validation) => Self::lazy(engine, &wasm.into(), validation),
            None => Self::new(engine, &wasm.into()),
        }
    }

    fn lazy(engine: &Engine, wasm: &Arc<Vec<u8>>, validation: Validation) -> Result<Self> {
        // SAFETY: the image was just made by this engine's compiler for this machine.
        let module = unsafe { Self::from_image(engine, engine.prepare(wasm, validation)?) }?;
        match engine.switching().map(|(better, seed)| (better, seed, chosen(wasm, seed))) {
            Some((better, seed, Some(Chosen::Whole))) => module.improve_by(&better, Switch::Sometimes(seed))?,
            Some((better, seed, Some(Chosen::Gradual))) => {
                let compiler = better.function_compiler().ok_or_else(cannot_improve)?;
                module.0.code.improve_at_random(compiler, seed).then_some(()).ok_or_else(cannot_improve)?;
            }
            _ => {}
        }
        Ok(module)
    }

    /// Compiles all of a module whose functions are compiled when they are called once more, by an engine with a compiler that makes better
    /// code, and has that code take over: in every instance, from its next call of a function on. Meanwhile the module can be used, also by
    /// other threads. A function that runs goes on in the code that it has until it returns or comes to the beginning of a loop; what it goes on in there
    /// a thread compiles at the first time, if the engine compiles in this process and code does not pay for what it does.
    ///
    /// # Errors
    /// If the module was compiled before it was first called, has better code already, or cannot be compiled; and if the engines' features or settings differ.
    pub fn improve(&self, engine: &Engine) -> Result<()> {
        self.improve_by(engine, Switch::Worthwhile)
    }

    /// Has a thread find out what runs most of a module whose functions are compiled when they are called, while it runs, compile just that by another engine with a
    /// compiler that makes better code, and have it take over as by [`Module::improve`]. So the better code is there after a fraction of the time that all of
    /// the module would take. All of it can still take over from this, if the same compiler made it.
    ///
    /// # Errors
    /// If the module was compiled before it was first called or has better code already; if the engine does not compile in this process, or only one thread may
    /// compile; and if the engines' features or settings differ.
    pub fn improve_gradually(&self, engine: &Engine) -> Result<()> {
        self.check_settings(engine)?;
        let compiler = engine.function_compiler().ok_or_else(cannot_improve)?;
        self.0.code.improve_gradually(compiler).then_some(()).ok_or_else(cannot_improve)
    }

    /// How many functions have better code, if that takes over [gradually](Self::improve_gradually).
    pub fn functions_improved(&self) -> Option<usize> {
        self.0.code.functions_improved()
    }

    fn check_settings(&self, engine: &Engine) -> Result<()> {
        let settings = |engine: &Engine| (engine.features(), engine.uses_fuel());
        if settings(self.engine()) != settings(engine) {
            return Err(ResourceError::OtherSettings.into());
        }
        Ok(())
    }

    fn improve_by(&self, engine: &Engine, switch: Switch) -> Result<()> {
        let lazy = self.0.code.image.lazy_module().ok_or_else(cannot_improve)?;
        let better = Self::new(engine, lazy.wasm())?;
        // SAFETY: both are made of these bytes.
        unsafe { self.take_over(&better, switch) }
    }

    /// The same, with a module that was compiled before.
    ///
    /// # Errors
    /// As for [`Module::improve`].
    ///
    /// # Safety
    /// Both modules were made of the same bytes.
    pub unsafe fn improve_with(&self, better: &Self) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.take_over(better, Switch::Worthwhile) }
    }

    /// # Safety
    /// As for `improve_with`.
    unsafe fn take_over(&self, better: &Self, switch: Switch) -> Result<()> {
        self.check_settings(better.engine())?;
        // SAFETY: the caller's promise, and what was just compared.
        let is_better =
            unsafe { self.0.code.improve(Arc::clone(&better.0.code), better.engine().function_compiler(), switch) };
        if is_better { Ok(()) } else { Err(cannot_improve()) }
    }

    /// The name of the compiler in whose code calls of the module's functions begin: of better code, if there is some by now
    /// ([`Module::improve`]).
    pub fn tier(&self) -> &str {
        self.0.code.best().image.backend()
    }

    /// As [`Module::new`]; `progress` is told (done, total) functions, of those that are compiled now.
    pub fn with_progress(engine: &Engine, wasm: &[u8], progress: Option<Progress<'_>>) -> Result<Self> {
        if let Some(validation) = engine.lazy() {
            return Self::lazy(engine, &Arc::new(wasm.to_vec()), validation);
        }
        // Nobody looks for an image in memory by a key.
        let bytes = engine.compile(wasm, [0; 32], progress)?;
        // SAFETY: the image was just made by this engine's compiler for this machine.
        unsafe { Self::from_image(engine, Image::from_bytes(bytes.as_bytes())?) }
    }

    /// A module from an artifact image. Fails if this machine's processor lacks what its code needs.
    ///
    /// # Safety
    /// The image holds machine code that runs with the rights of the process: it must come from this project's compilers.
    pub unsafe fn from_image(engine: &Engine, mut image: Image) -> Result<Self> {
        image.check_processor()?;
        if image.uses_fuel() != engine.uses_fuel() {
            return Err(Error::Fuel(FuelError::Artifact { uses_fuel: image.uses_fuel() }));
        }
        if let Some(profile) = engine.profile() {
            let failed = |error| ResourceError::Profile { path: profile.path().to_owned(), error };
            profile.record(&mut image).map_err(failed)?;
        }
        let code = ModuleCode::new(image);
        let code = Arc::new(code.ok_or(ResourceError::ModuleTypes)?);
        Ok(Self(Shared::new(ModuleInner { code, engine: engine.clone() })))
    }

    /// The bytes of the module's artifact, for [`Module::deserialize`].
    pub fn serialize(&self) -> Result<Vec<u8>> {
        let image = &self.0.code.image;
        match image.lazy_module() {
            Some(module) => Ok(self.0.engine.compile(module.wasm(), [0; 32], None)?.as_bytes().to_vec()),
            None => Ok(image.to_bytes().map_err(ImageError::Io)?),
        }
    }

    /// A module from the bytes that [`Module::serialize`] gave, with this version and for a processor like this one. Damage is noticed.
    ///
    /// # Safety
    /// As for [`Module::from_image`]: the bytes hold machine code. What finds damage does not find malice.
    pub unsafe fn deserialize(engine: &Engine, bytes: &[u8]) -> Result<Self> {
        let image = Image::from_bytes(bytes)?;
        image.verify()?;
        // SAFETY: the caller's promise.
        unsafe { Self::from_image(engine, image) }
    }

    /// The module for what this thread makes.
    pub(crate) fn counted_here(&self) -> Self {
        Self(self.0.counted_here())
    }

    pub(crate) fn code(&self) -> &Arc<ModuleCode> {
        &self.0.code
    }

    /// How many imports the module has.
    pub fn import_count(&self) -> usize {
        self.0.code.image.imports_len()
    }

    /// The engine it was made for.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The module's name, from its name section.
    pub fn name(&self) -> Option<&str> {
        self.0.code.image.module_name()
    }

    /// Of a module whose functions are compiled when they are called: how many have been so far, those included that were compiled ahead.
    pub fn functions_compiled(&self) -> Option<usize> {
        self.0.code.image.functions_ready()
    }

    /// The same: how many times a function has gone on in better code where one of its loops began ([`Module::improve`]).
    pub fn loops_continued(&self) -> Option<usize> {
        self.0.code.image.loops_continued()
    }

    /// What is mapped.
    pub(crate) fn image(&self) -> &Image {
        &self.0.code.image
    }

    /// Of a module whose functions are compiled when they are called: bytes of all bodies.
    pub fn lazy_body_bytes(&self) -> Option<usize> {
        Some(self.0.code.image.lazy_module()?.body_bytes())
    }

    /// Size of the machine code in bytes, with the constants that stand beside it; of functions that are compiled when they are called, not counted.
    pub fn code_bytes(&self) -> usize {
        self.0.code.image.code().len()
    }

    /// Whether the code had to be copied to anonymous memory, because the file that it stands in may not be executed.
    pub fn code_copied(&self) -> bool {
        self.0.code.image.code_copied()
    }

    /// Whether the module has a start function.
    pub fn has_start(&self) -> bool {
        self.0.code.image.start().is_some()
    }

    /// What the module imports, in order.
    pub fn imports(&self) -> impl Iterator<Item = ImportInfo> + '_ {
        self.0.code.image.imports().map(|import| ImportInfo {
            module: import.module.to_owned(),
            name: import.name.to_owned(),
            ty: self.0.code.import_type(import.ty),
        })
    }

    /// The names of what the module has to be given, module and field, in order.
    pub fn import_names(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.0.code.image.imports().map(|import| (import.module, import.name))
    }

    /// The type of the export of a name.
    pub fn export(&self, name: &str) -> Option<ExternType> {
        Some(self.0.code.export_type(&self.0.code.image.export(name)?))
    }

    /// What the module exports, in order.
    pub fn exports(&self) -> impl Iterator<Item = ExportInfo> + '_ {
        let code = &self.0.code;
        code.image.exports().map(|export| ExportInfo { name: export.name.to_owned(), ty: code.export_type(&export) })
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// How a module of a test comes to better code.
#[derive(Clone, Copy, Debug)]
enum Chosen {
    /// All of it is there.
    Whole,
    /// One function after the other.
    Gradual,
}

/// How a module comes to better code, if it is one of those, every fourth or so, that [`EngineConfig::switching`](crate::EngineConfig::switching) is about.
fn chosen(wasm: &[u8], seed: u64) -> Option<Chosen> {
    let mixed = wasm.iter().fold(seed, |mixed, byte| (mixed ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    match (mixed ^ mixed >> 32) % 8 {
        0 => Some(Chosen::Whole),
        4 => Some(Chosen::Gradual),
        _ => None,
    }
}

#[cold]
fn cannot_improve() -> Error {
    ResourceError::NotImprovable.into()
}
