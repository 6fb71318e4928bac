//! Modules whose functions are compiled when they are first called.
//!
//! [`prepare`] makes an image as [`compile_image`](crate::compile::compile_image) does, but in the place of each function stands an *entry*, a few instructions that
//! whoever runs the image makes ([`Host::entries`]). Code, tables and references know functions by their entries only, so a compiler notices nothing of
//! all this. [`LazyModule::compile`] makes the code of one function, which is what it would be in the module's artifact, up to where it is and what
//! it refers to.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use wasmparser::{BinaryReader, FuncToValidate, FunctionBody, Operator, ValidatorResources, WasmFeatures};

use crate::compile::{CompileOptions, Run, SharedTrampolines, panic_message};
use crate::compiler::*;
use crate::image::{self, ImageBytes, InitialPages};
use crate::layout::VMCounts;
use crate::module::ModuleInfo;
use crate::translate::bodies::Bodies;
use crate::translate::budget::Account;
use crate::translate::continuation;
use crate::translate::func::FuncInput;
use crate::translate::module::translate_sections;
use crate::types::*;

pub use crate::translate::bodies::Validation;

/// What stands in the place of functions: one entry behind the other, of the same length, then whatever they need.
#[derive(Clone, Debug)]
pub struct Entries {
    /// Machine code.
    pub text: Vec<u8>,
    /// Bytes of an entry.
    pub stride: u32,
}

impl Entries {
    fn output(self, functions: usize) -> Output {
        let definition = |index: usize| Definition {
            symbol: Symbol::Function(DefinedFuncIdx::from_index(index)),
            offset: index as u32 * self.stride,
            len: self.stride,
        };
        let mut definitions: Vec<_> = (0..functions).map(definition).collect();
        // Nobody refers to what is behind them.
        let (offset, end) = (functions as u32 * self.stride, self.text.len() as u32);
        definitions.push(Definition { symbol: Symbol::Local(0), offset, len: end.saturating_sub(offset) });
        Output { text: self.text, definitions, ..Output::default() }
    }
}

/// A module whose functions can be compiled one by one. Shared by all threads.
pub struct LazyModule {
    wasm: Arc<Vec<u8>>,
    compiler: Arc<dyn Compiler>,
    info: ModuleInfo,
    /// What bodies are validated with; none where there are no bodies.
    validator: Option<BodyValidator>,
    /// By function.
    accounts: Vec<Arc<Account>>,
    features: WasmFeatures,
    /// Bytes of an entry, which stand one behind the other from the start of the code on.
    stride: u32,
    /// Offsets in the code.
    trampolines: HashMap<Trampoline, u32>,
    /// How many threads may compile.
    threads: usize,
    /// What nobody has at the moment.
    kept: Mutex<Vec<Kept>>,
}

/// What whoever runs the image does while it is prepared.
pub trait Host {
    /// What becomes of initial pages.
    type Pages;

    /// The entries of so many functions.
    fn entries(&self, functions: usize) -> Entries;

    /// Takes the initial contents of the module's memories, to which the image's extents of memories refer and which it has not. Other threads look at bodies meanwhile.
    fn pages(&self, pages: &InitialPages<'_>) -> Self::Pages;
}

/// What a thread compiles with, kept from function to function for its allocations.
struct Kept {
    worker: Box<dyn Worker + Send>,
    output: Output,
}

/// What all bodies of a module are read and validated with.
struct BodyValidator {
    resources: ValidatorResources,
    features: WasmFeatures,
    reader_features: WasmFeatures,
}

impl BodyValidator {
    fn of(function: &FuncInput<'_>) -> Self {
        let FuncToValidate { resources, features, .. } = &function.validate;
        let reader_features = function.body.get_binary_reader().features();
        Self { resources: resources.clone(), features: *features, reader_features }
    }
}

impl fmt::Debug for LazyModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyModule").field("name", &self.info.name).finish_non_exhaustive()
    }
}

/// The image of a module without its functions and without the pages of its memories, what compiles the one, and what the host made of the other.
pub fn prepare<H: Host>(
    wasm: Arc<Vec<u8>>,
    compiler: Arc<dyn Compiler>,
    options: &CompileOptions,
    validation: Validation,
    host: &H,
) -> Result<(ImageBytes, LazyModule, H::Pages), CompileError> {
    let backend = compiler.id();
    let Some(worker) = compiler.lazy_worker() else {
        return Err(CompileLimit::Lazy { by: backend.name }.into());
    };
    let mut stride = 0;
    let mut link = |info: &ModuleInfo| -> Result<_, CompileError> {
        let entries = host.entries(info.bodies.len());
        stride = entries.stride;
        let (image, pages, trampolines) = link_entries(&wasm, info, &*compiler, entries, options.key)?;
        Ok((image, host.pages(&pages), trampolines))
    };
    let (mut info, mut linked, bodies) = beside_bodies(&wasm, options, validation, &mut link)?;
    // That the module is invalid says more than what else it leads to.
    let (functions, uses_heap) = bodies.finish()?;
    if uses_heap {
        // Nearly every module that does says so in its sections, too.
        info.uses_heap = true;
        info.resolve();
        linked = link(&info);
    }
    let (image, pages, trampolines) = linked?;
    let validator = functions.first().map(BodyValidator::of);
    let accounts = functions.into_iter().map(|function| function.account).collect();
    let kept = Mutex::new(vec![Kept { worker, output: Output::default() }]);
    let CompileOptions { features, threads, .. } = *options;
    let module = LazyModule { wasm, compiler, info, validator, accounts, features, stride, trampolines, threads, kept };
    Ok((image, module, pages))
}

/// The image of a module that has entries in the place of its functions, the pages that it lacks, and where its trampolines are.
#[allow(clippy::type_complexity, reason = "used twice, here")]
fn link_entries<'a>(
    wasm: &'a [u8],
    info: &ModuleInfo,
    compiler: &dyn Compiler,
    entries: Entries,
    key: [u8; 32],
) -> Result<(ImageBytes, InitialPages<'a>, HashMap<Trampoline, u32>), CompileError> {
    let (shared, backend) = (SharedTrampolines::new(info), compiler.id());
    let mut outputs = vec![entries.output(info.bodies.len())];
    outputs.extend(Run::new(info, compiler).all(shared.jobs(info), 1)?);
    let linked = image::link(info, outputs, &|trampoline| shared.of(trampoline), backend.name)?;
    let trampolines = linked.symbols().clone();
    let made = image::Made { backend: &backend, cpu_features: compiler.cpu_features(), key };
    let (image, pages) = image::build_apart(info, wasm, linked, &made)?;
    Ok((image, pages, trampolines))
}

/// Reads a module and does something with what its sections say, while other threads look at its bodies, then helps them.
fn beside_bodies<'a, R>(
    wasm: &'a [u8],
    options: &CompileOptions,
    validation: Validation,
    run: impl FnOnce(&ModuleInfo) -> R,
) -> Result<(ModuleInfo, R, Bodies<'a>), CompileError> {
    let (info, result, bodies) = std::thread::scope(|scope| {
        let mut bodies: Arc<Bodies<'a>> = Arc::default();
        let mut begin = |info: &ModuleInfo, functions| {
            bodies.stop();
            bodies = Arc::new(Bodies::new(info, functions, validation));
            for _ in 1..options.threads.min(bodies.runs()) {
                let shared = Arc::clone(&bodies);
                // A machine that has no more threads does with those that it has.
                let thread = std::thread::Builder::new().name("wasmer-validate".to_owned());
                if thread.spawn_scoped(scope, move || shared.look()).is_err() {
                    break;
                }
            }
        };
        let translated = translate_sections(wasm, options.features, &mut begin);
        let mut info = translated.inspect_err(|_| bodies.stop())?;
        info.metered = options.fuel;
        info.first_tier = true;
        info.resolve();
        let result = run(&info);
        bodies.look();
        Ok::<_, CompileError>((info, result, bodies))
    })?;
    let bodies = Arc::into_inner(bodies).expect("threads that have ended have nothing");
    Ok((info, result, bodies))
}

impl LazyModule {
    /// The module's bytes.
    pub fn wasm(&self) -> &[u8] {
        &self.wasm
    }

    /// How many threads may compile.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// How many functions there are to be compiled.
    pub fn functions_len(&self) -> usize {
        self.accounts.len()
    }

    /// Bytes of all bodies.
    pub fn body_bytes(&self) -> usize {
        self.info.code_bytes()
    }

    /// Bytes of the body of a function.
    pub fn body_len(&self, function: DefinedFuncIdx) -> usize {
        self.info.bodies.get(function.index()).map_or(0, |body| body.len())
    }

    /// Whether a function has less than so many bytes, and neither calls nor loops.
    pub fn is_short_leaf(&self, function: DefinedFuncIdx, bytes: usize) -> bool {
        let body = self.info.bodies[function.index()].clone();
        if body.len() >= bytes {
            return false;
        }
        let reader = BinaryReader::new(&self.wasm[body.clone()], body.start as u64);
        let operators = FunctionBody::new(reader).get_operators_reader();
        operators.is_ok_and(|operators| {
            operators.into_iter().all(|operator| operator.is_ok_and(|operator| is_of_leaf(&operator)))
        })
    }

    /// Whether a function makes tail calls.
    pub fn makes_tail_calls(&self, function: DefinedFuncIdx) -> bool {
        let body = self.info.bodies[function.index()].clone();
        let reader = BinaryReader::new(&self.wasm[body.clone()], body.start as u64);
        let operators = FunctionBody::new(reader).get_operators_reader();
        operators.is_ok_and(|operators| {
            operators.into_iter().any(|operator| operator.is_ok_and(|operator| is_tail_call(&operator)))
        })
    }

    /// Whether its code is a first tier.
    pub fn is_first_tier(&self) -> bool {
        self.info.first_tier
    }

    /// The offset in the code of a function's entry.
    pub fn entry(&self, function: DefinedFuncIdx) -> u32 {
        function.0 * self.stride
    }

    fn input(&self, function: DefinedFuncIdx) -> Option<FuncInput<'_>> {
        let (validator, account) = self.validator.as_ref().zip(self.accounts.get(function.index()))?;
        let range = self.info.bodies[function.index()].clone();
        let start = range.start as u64;
        let reader = BinaryReader::new_features(&self.wasm[range], start, validator.reader_features);
        let index = self.info.func_index(function);
        let validate = FuncToValidate {
            resources: validator.resources.clone(),
            index: index.0,
            ty: self.info.functions[index.index()].0,
            features: validator.features,
        };
        Some(FuncInput { index: function, body: FunctionBody::new(reader), validate, account: account.clone() })
    }

    /// Validates and compiles a function, and hands its code to `put`.
    pub fn compile<R>(&self, function: DefinedFuncIdx, put: impl FnOnce(&mut Output) -> R) -> Result<R, CompileError> {
        let by = self.compiler.id().name;
        let input = self.input(function).ok_or_else(|| internal(by, format!("there is no function {}", function.0)))?;
        let compile = |worker: &mut dyn Worker, output: &mut Output| {
            let compile = || {
                let batch = &mut Batch { module: &self.info, functions: &mut std::iter::once(input) };
                worker.functions(batch, output)
            };
            catch_unwind(AssertUnwindSafe(compile)).map_err(|payload| internal(by, panic_message(&*payload)))?
        };
        let Some(mut kept) = self.take() else {
            // Compilers of better code keep nothing from function to function.
            let mut output = Output::default();
            compile(&mut *self.compiler.worker(), &mut output)?;
            return Ok(put(&mut output));
        };
        let Kept { worker, output } = &mut kept;
        compile(&mut **worker, output)?;
        let result = put(output);
        output.clear();
        if let Ok(mut all) = self.kept.try_lock() {
            all.push(kept);
        }
        Ok(result)
    }

    /// What was kept, or could be. The lock is never waited for: in the child of a fork there may be nobody left who has it.
    fn take(&self) -> Option<Kept> {
        let kept = self.kept.try_lock().ok().and_then(|mut all| all.pop());
        kept.or_else(|| Some(Kept { worker: self.compiler.lazy_worker()?, output: Output::default() }))
    }

    /// The same module for better code, of which functions are compiled one by one when somebody asks for them: what the artifact of that code would be, but for the functions,
    /// in whose place entries stand, and the pages of memories.
    pub fn for_better_code(
        &self,
        compiler: Arc<dyn Compiler>,
        entries: impl FnOnce(usize) -> Entries,
    ) -> Result<(ImageBytes, Self), CompileError> {
        let mut functions = Vec::new();
        let mut info = translate_sections(&self.wasm, self.features, &mut |_, all| functions = all)?;
        info.uses_heap = self.info.uses_heap;
        info.metered = self.info.metered;
        info.resolve();
        let entries = entries(info.bodies.len());
        let stride = entries.stride;
        let (image, _, trampolines) = link_entries(&self.wasm, &info, &*compiler, entries, [0; 32])?;
        let validator = functions.first().map(BodyValidator::of);
        let accounts = functions.into_iter().map(|function| function.account).collect();
        let (wasm, kept) = (Arc::clone(&self.wasm), Mutex::default());
        let (features, threads) = (self.features, self.threads);
        let module = Self { wasm, compiler, info, validator, accounts, features, stride, trampolines, threads, kept };
        Ok((image, module))
    }

    /// Trampolines into the module's functions that its image does not have, because only better code needs them, and where each begins.
    pub fn more_trampolines(&self) -> Result<(Output, HashMap<TypeIdx, u32>), CompileError> {
        let by = self.compiler.id().name;
        let compile = || {
            let shared = SharedTrampolines::new(&self.info);
            let (mut worker, mut output, mut starts) = (self.compiler.worker(), Output::default(), HashMap::new());
            for ty in &self.info.functions[self.info.imported_functions as usize..] {
                let trampoline = shared.of(Trampoline::ArrayToWasm(*ty));
                if self.trampolines.contains_key(&trampoline) || starts.contains_key(ty) {
                    continue;
                }
                let symbol = Symbol::Trampoline(trampoline);
                let is_it = |definition: &&Definition| definition.symbol == symbol;
                if !output.definitions.iter().any(|definition| is_it(&definition)) {
                    worker.trampoline(&self.info, &trampoline, &mut output)?;
                }
                let start = output.definitions.iter().find(is_it).map(|definition| definition.offset);
                starts.insert(*ty, start.ok_or_else(|| internal(by, "a trampoline is not there".to_owned()))?);
            }
            Ok((output, starts))
        };
        catch_unwind(AssertUnwindSafe(compile)).map_err(|payload| internal(by, panic_message(&*payload)))?
    }

    /// Compiles, with the compiler of better code, what a function goes on with from the loop on whose operator is at an offset of the module. None if there is no
    /// such thing.
    pub fn continuation(
        &self,
        function: DefinedFuncIdx,
        offset: u32,
        compiler: &dyn Compiler,
    ) -> Result<Option<Continuation>, CompileError> {
        let compile = || {
            let Some(input) = self.input(function) else { return Ok(None) };
            let Some(module) = continuation::Module::new(&self.wasm, &self.info, input, offset) else {
                return Ok(None);
            };
            self.compile_last(&module, compiler).map(Some)
        };
        let by = compiler.id().name;
        catch_unwind(AssertUnwindSafe(compile)).map_err(|payload| internal(by, panic_message(&*payload)))?
    }

    fn compile_last(
        &self,
        module: &continuation::Module,
        compiler: &dyn Compiler,
    ) -> Result<Continuation, CompileError> {
        let by = compiler.id().name;
        let mut functions = Vec::new();
        let mut info = translate_sections(&module.wasm, self.features, &mut |_, all| functions = all)?;
        info.uses_heap = self.info.uses_heap;
        info.metered = self.info.metered;
        info.resolve();
        let counts = VMCounts { first_tier: false, ..self.info.counts() };
        let last = functions.pop().filter(|_| info.counts() == counts);
        let last = last.ok_or_else(|| internal(by, "a continuation changes its module".to_owned()))?;
        let (symbol, trampoline) = (Symbol::Function(last.index), Trampoline::ArrayToWasm(module.ty));
        let (mut worker, mut output) = (compiler.worker(), Output::default());
        worker.functions(&mut Batch { module: &info, functions: &mut std::iter::once(last) }, &mut output)?;
        worker.trampoline(&info, &trampoline, &mut output)?;
        for location in output.locations.iter_mut().filter(|location| location.wasm_offset != NO_WASM_OFFSET) {
            location.wasm_offset = module.original(location.wasm_offset);
        }
        Ok(Continuation { output, symbol, trampoline: Symbol::Trampoline(trampoline), by })
    }

    /// Resolves what a function's code refers to, for the place in the module's code where it will stand: entries of functions, unless `known` says where
    /// the code of one is.
    pub fn relocate(
        &self,
        output: &mut Output,
        base: u32,
        known: &dyn Fn(DefinedFuncIdx) -> Option<u32>,
    ) -> Result<(), CompileError> {
        let function = |index| i64::from(known(index).unwrap_or_else(|| self.entry(index)));
        let target = |symbol| match symbol {
            Symbol::Function(index) => (index.index() < self.functions_len()).then(|| function(index)),
            Symbol::Trampoline(trampoline) => self.trampolines.get(&trampoline).copied().map(i64::from),
            // Found by the linker.
            Symbol::Local(_) => None,
        };
        image::relocate(output, base, &target).map_err(|message| internal(self.compiler.id().name, message))
    }
}

/// What a function goes on with from one of its loops on: a function that takes the function's locals and then the operands on its stack.
pub struct Continuation {
    /// The function, and the trampoline by which it is entered.
    pub output: Output,
    symbol: Symbol,
    trampoline: Symbol,
    by: &'static str,
}

impl Continuation {
    /// Offsets in the output of the function and of the trampoline, which array calls enter.
    pub fn starts(&self) -> Option<(u32, u32)> {
        let start = |symbol| {
            let definition = self.output.definitions.iter().find(|definition| definition.symbol == symbol)?;
            Some(definition.offset)
        };
        Some((start(self.symbol)?, start(self.trampoline)?))
    }

    /// Resolves what the code refers to, for the place where it will stand; `function` says where functions of the better code are, from the
    /// start of the same code on.
    pub fn relocate(
        &mut self,
        base: u32,
        function: &dyn Fn(DefinedFuncIdx) -> Option<i64>,
    ) -> Result<(), CompileError> {
        let target = |symbol| match symbol {
            Symbol::Function(index) => function(index),
            Symbol::Trampoline(_) | Symbol::Local(_) => None,
        };
        image::relocate(&mut self.output, base, &target).map_err(|message| internal(self.by, message))
    }
}

fn is_tail_call(operator: &Operator<'_>) -> bool {
    use Operator::{ReturnCall, ReturnCallIndirect, ReturnCallRef};
    matches!(operator, ReturnCall { .. } | ReturnCallIndirect { .. } | ReturnCallRef { .. })
}

fn is_of_leaf(operator: &Operator<'_>) -> bool {
    !matches!(
        operator,
        Operator::Loop { .. } | Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. }
    ) && !is_tail_call(operator)
}

#[cold]
fn internal(by: &'static str, message: String) -> CompileError {
    CompileError::Internal { by, message }
}
