//! From wasm bytes to the bytes of an image: translation, compilation on several threads, linking.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wasmparser::WasmFeatures;

use crate::compiler::*;
use crate::image::{self, ImageBytes};
use crate::module::ModuleInfo;
use crate::translate::func::FuncInput;
use crate::translate::module::{Translation, translate_module};
use crate::types::*;

/// Told how many functions are compiled, of how many. Called by the compiling threads.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// What a compilation depends on besides the compiler and the module.
#[derive(Clone, Copy, Debug)]
pub struct CompileOptions {
    /// Features that the module may use.
    pub features: WasmFeatures,
    /// How many threads compile; does not change the result.
    pub threads: usize,
    /// Whether code uses up fuel.
    pub fuel: bool,
    /// Whether the artifact tells the operator of all code, as far as the compiler knows, and not just of what traps and calls: for looking at code.
    pub every_place: bool,
    /// Stored in the image's header.
    pub key: [u8; 32],
}

/// Makes the image of a module: by a [`Compiler`] in this process, or in another process.
///
/// # Safety
/// The code in the images is run: as for [`Compiler`].
///
/// ```
/// # use wasmer_runtime_core::{compile::*, compiler::*, image::ImageBytes};
/// struct Mine;
/// unsafe impl ImageCompiler for Mine {
///     fn id(&self) -> BackendId { panic!() }
///     fn fingerprint(&self, _: &mut KeyHasher) {}
///     fn compile(&self, _: &[u8], _: &CompileOptions, _: Option<Progress<'_>>) -> Result<ImageBytes, CompileError> { panic!() }
///     fn ir_name(&self) -> Option<&'static str> { None }
///     fn emit_ir(&self, _: &[u8], _: &CompileOptions, _: &IrRequest) -> Result<String, CompileError> { panic!() }
/// }
/// ```
///
/// ```compile_fail
/// # use wasmer_runtime_core::{compile::*, compiler::*, image::ImageBytes};
/// struct Mine;
/// impl ImageCompiler for Mine {
///     fn id(&self) -> BackendId { panic!() }
///     fn fingerprint(&self, _: &mut KeyHasher) {}
///     fn compile(&self, _: &[u8], _: &CompileOptions, _: Option<Progress<'_>>) -> Result<ImageBytes, CompileError> { panic!() }
///     fn ir_name(&self) -> Option<&'static str> { None }
///     fn emit_ir(&self, _: &[u8], _: &CompileOptions, _: &IrRequest) -> Result<String, CompileError> { panic!() }
/// }
/// ```
pub unsafe trait ImageCompiler: Send + Sync {
    /// Name, version and convention of the code generator.
    fn id(&self) -> BackendId;
    /// Every setting that can change the bytes, CPU features included.
    fn fingerprint(&self, key: &mut KeyHasher);
    /// Validates and compiles a module. The image carries `options.key`.
    fn compile(
        &self,
        wasm: &[u8],
        options: &CompileOptions,
        progress: Option<Progress<'_>>,
    ) -> Result<ImageBytes, CompileError>;
    /// What compiles single functions in this process, if that is what this does.
    fn compiler(&self) -> Option<&Arc<dyn Compiler>> {
        None
    }
    /// The name of the intermediate form that [`ImageCompiler::emit_ir`] writes, if the compiler has one.
    fn ir_name(&self) -> Option<&'static str>;
    /// Functions of a module in the compiler's intermediate form.
    fn emit_ir(&self, wasm: &[u8], options: &CompileOptions, request: &IrRequest) -> Result<String, CompileError>;
}

/// Compiles in this process.
pub struct InProcess(pub Arc<dyn Compiler>);

// SAFETY: the image is linked from what a `Compiler` wrote.
unsafe impl ImageCompiler for InProcess {
    fn id(&self) -> BackendId {
        self.0.id()
    }

    fn fingerprint(&self, key: &mut KeyHasher) {
        self.0.fingerprint(key);
    }

    fn compile(
        &self,
        wasm: &[u8],
        options: &CompileOptions,
        progress: Option<Progress<'_>>,
    ) -> Result<ImageBytes, CompileError> {
        compile_image(wasm, &*self.0, options, progress)
    }

    fn compiler(&self) -> Option<&Arc<dyn Compiler>> {
        Some(&self.0)
    }

    fn ir_name(&self) -> Option<&'static str> {
        self.0.ir_name()
    }

    fn emit_ir(&self, wasm: &[u8], options: &CompileOptions, request: &IrRequest) -> Result<String, CompileError> {
        emit_ir(wasm, &*self.0, options, request)
    }
}

/// Bytes of function bodies that a thread takes at once, at least: what a thread makes of one piece of work is one output, and
/// many small ones would cost more than the functions in them.
const JOB_BYTES: usize = 32 << 10;

/// Trampolines that a thread takes at once.
const JOB_TRAMPOLINES: usize = 64;

/// The sections of a module, and what the options say of its code.
fn translate<'a>(wasm: &'a [u8], options: &CompileOptions) -> Result<Translation<'a>, CompileError> {
    let mut translation = translate_module(wasm, options.features)?;
    translation.info.metered = options.fuel;
    translation.info.every_place = options.every_place;
    Ok(translation)
}

/// Validates and compiles a module.
pub fn compile_image(
    wasm: &[u8],
    compiler: &dyn Compiler,
    options: &CompileOptions,
    progress: Option<Progress<'_>>,
) -> Result<ImageBytes, CompileError> {
    let Translation { info, functions } = translate(wasm, options)?;
    let backend = compiler.id();
    let shared = SharedTrampolines::new(&info);
    let total = functions.len();
    let mut jobs = function_jobs(functions, compiler);
    jobs.extend(shared.jobs(&info));
    let outputs = Run { progress, total, ..Run::new(&info, compiler) }.all(jobs, options.threads)?;
    let linked = image::link(&info, outputs, &|trampoline| shared.of(trampoline), backend.name)?;
    let made = image::Made { backend: &backend, cpu_features: compiler.cpu_features(), key: options.key };
    image::build(&info, wasm, linked, &made)
}

/// Functions of a module in a compiler's intermediate form, each translated together with the same others as when it is compiled.
pub fn emit_ir(
    wasm: &[u8],
    compiler: &dyn Compiler,
    options: &CompileOptions,
    request: &IrRequest,
) -> Result<String, CompileError> {
    let Translation { info, functions } = translate(wasm, options)?;
    let mut text = String::new();
    let mut worker = compiler.worker();
    for job in function_jobs(functions, compiler) {
        let Job::Functions(functions) = job else { continue };
        if functions.iter().any(|function| request.wants(info.func_index(function.index))) {
            let batch = &mut Batch { module: &info, functions: &mut functions.into_iter() };
            let result = catch_unwind(AssertUnwindSafe(|| worker.emit_ir(batch, request, &mut text)));
            result.map_err(|payload| CompileError::Internal {
                by: compiler.id().name,
                message: panic_message(&*payload),
            })??;
        }
    }
    Ok(text)
}

/// A piece of work for one thread.
pub(crate) enum Job<'a> {
    Functions(Vec<FuncInput<'a>>),
    Trampolines(Vec<Trampoline>),
}

/// Cuts functions, in order, into pieces by the size of their bodies.
fn function_jobs<'a>(functions: Vec<FuncInput<'a>>, compiler: &dyn Compiler) -> Vec<Job<'a>> {
    let len = |function: &FuncInput<'_>| function.body.as_bytes().len();
    let mut left = functions.iter().map(len).sum();
    let job_bytes = |left| compiler.batch_bytes(left).max(JOB_BYTES);
    let (mut jobs, mut job, mut bytes, mut bytes_max) = (Vec::new(), Vec::new(), 0, job_bytes(left));
    for function in functions {
        bytes += len(&function);
        job.push(function);
        if bytes >= bytes_max {
            jobs.push(Job::Functions(std::mem::take(&mut job)));
            left -= bytes;
            (bytes, bytes_max) = (0, job_bytes(left));
        }
    }
    if !job.is_empty() {
        jobs.push(Job::Functions(job));
    }
    jobs
}

/// Types of one representation share their trampolines: those of the first of them.
pub(crate) struct SharedTrampolines {
    first: Vec<TypeIdx>,
}

impl SharedTrampolines {
    pub(crate) fn new(info: &ModuleInfo) -> Self {
        let mut seen = HashMap::new();
        let first = info.resolved.signatures.iter().zip(&info.types).enumerate().map(|(index, (signature, ty))| {
            let index = TypeIdx::from_index(index);
            if ty.kind() == TypeKind::Func { *seen.entry(signature).or_insert(index) } else { index }
        });
        Self { first: first.collect() }
    }

    pub(crate) fn of(&self, trampoline: Trampoline) -> Trampoline {
        match trampoline {
            Trampoline::ArrayToWasm(ty) => Trampoline::ArrayToWasm(self.first[ty.index()]),
            Trampoline::WasmToArray(ty) => Trampoline::WasmToArray(self.first[ty.index()]),
        }
    }

    /// What makes the trampolines that the image must have.
    pub(crate) fn jobs<'a>(&self, info: &ModuleInfo) -> Vec<Job<'a>> {
        self.needed(info).chunks(JOB_TRAMPOLINES).map(|chunk| Job::Trampolines(chunk.to_vec())).collect()
    }

    /// The trampolines that the image must have: out of every function type, and into every type of a defined function, because code of a first
    /// tier may call any of them; into those of a first tier itself, only where the function can become a reference.
    fn needed(&self, info: &ModuleInfo) -> Vec<Trampoline> {
        let functions = info.types.iter().enumerate().filter(|(_, ty)| ty.kind() == TypeKind::Func);
        let types = functions.map(|(index, _)| Trampoline::WasmToArray(TypeIdx::from_index(index)));
        let escaping = info.escaping.iter().map(|function| Trampoline::ArrayToWasm(info.functions[function.index()]));
        let defined = if info.first_tier { &[] } else { &info.functions[info.imported_functions as usize..] };
        let defined = defined.iter().map(|ty| Trampoline::ArrayToWasm(*ty));
        let mut seen = HashSet::new();
        escaping
            .chain(types)
            .chain(defined)
            .map(|trampoline| self.of(trampoline))
            .filter(|trampoline| seen.insert(*trampoline))
            .collect()
    }
}

/// A compilation on its way.
pub(crate) struct Run<'a> {
    info: &'a ModuleInfo,
    compiler: &'a dyn Compiler,
    by: &'static str,
    progress: Option<Progress<'a>>,
    total: usize,
    done: AtomicUsize,
}

/// A job and, later, what became of it.
enum Slot<'a> {
    Waiting(Job<'a>),
    Taken,
    Done(Output),
    Failed(CompileError),
}

impl<'a> Run<'a> {
    /// One that nobody watches.
    pub(crate) fn new(info: &'a ModuleInfo, compiler: &'a dyn Compiler) -> Self {
        Self { info, compiler, by: compiler.id().name, progress: None, total: 0, done: AtomicUsize::new(0) }
    }

    /// Does all jobs; outputs are in the order of the jobs. Of several failures the first job's is reported, whatever the threads do.
    pub(crate) fn all(&self, jobs: Vec<Job<'_>>, threads: usize) -> Result<Vec<Output>, CompileError> {
        let threads = threads.clamp(1, jobs.len().max(1));
        let slots: Vec<Mutex<Slot<'_>>> = jobs.into_iter().map(|job| Mutex::new(Slot::Waiting(job))).collect();
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = || self.work(&slots, &next, &failed);
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // A machine that has no more threads compiles with those that it has.
                if std::thread::Builder::new().name("wasmer-compile".to_owned()).spawn_scoped(scope, work).is_err() {
                    break;
                }
            }
            work();
        });
        let mut outputs = Vec::with_capacity(slots.len());
        for slot in slots {
            match slot.into_inner().unwrap_or_else(PoisonError::into_inner) {
                Slot::Done(output) => outputs.push(output),
                Slot::Failed(error) => return Err(error),
                // Jobs are taken in order, so one that nobody took comes after the failure.
                Slot::Waiting(_) | Slot::Taken => return Err(self.internal("a job was lost")),
            }
        }
        Ok(outputs)
    }

    fn work(&self, slots: &[Mutex<Slot<'_>>], next: &AtomicUsize, failed: &AtomicBool) {
        let mut worker = self.compiler.worker();
        while !failed.load(Ordering::Relaxed) {
            let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            let job = std::mem::replace(&mut *slot.lock().unwrap_or_else(PoisonError::into_inner), Slot::Taken);
            let Slot::Waiting(job) = job else { continue };
            let functions = match &job {
                Job::Functions(functions) => functions.len(),
                Job::Trampolines(_) => 0,
            };
            let result = catch_unwind(AssertUnwindSafe(|| self.job(&mut *worker, job)));
            let outcome = match result {
                Ok(Ok(output)) => Slot::Done(output),
                Ok(Err(error)) => Slot::Failed(error),
                Err(payload) => {
                    // The worker's state is unknown now.
                    worker = self.compiler.worker();
                    Slot::Failed(self.internal(panic_message(&*payload)))
                }
            };
            if matches!(outcome, Slot::Failed(_)) {
                failed.store(true, Ordering::Relaxed);
            }
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
            let done = self.done.fetch_add(functions, Ordering::Relaxed) + functions;
            if let Some(progress) = self.progress {
                progress(done, self.total);
            }
        }
    }

    fn job(&self, worker: &mut dyn Worker, job: Job<'_>) -> Result<Output, CompileError> {
        let mut output = Output::default();
        match job {
            Job::Functions(functions) => {
                let mut functions = functions.into_iter();
                worker.functions(&mut Batch { module: self.info, functions: &mut functions }, &mut output)?;
            }
            Job::Trampolines(trampolines) => {
                for trampoline in trampolines {
                    worker.trampoline(self.info, &trampoline, &mut output)?;
                }
            }
        }
        Ok(output)
    }

    fn internal(&self, message: impl Into<String>) -> CompileError {
        CompileError::Internal { by: self.by, message: message.into() }
    }
}

pub(crate) fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a message"))
}
