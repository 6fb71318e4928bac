//! Modules whose functions are compiled when they are first called.
//!
//! [`prepare`] makes an image as [`compile_image`](crate::compile::compile_image) does, but in the place of each function stands an *entry*, a few instructions that
//! whoever runs the image makes ([`Entries`]). Code, tables and references know functions by their entries only, so a compiler notices nothing of
//! all this. [`LazyModule::compile`] makes the code of one function, which is what it would be in the module's artifact, up to where it is and what
//! it refers to.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use wasmparser::{BinaryReader, FuncToValidate, FunctionBody, Operator, ValidatorResources, WasmFeatures};

use crate::compile::{CompileOptions, Run, SharedTrampolines, panic_message, translate};
use crate::compiler::*;
use crate::image::{self, ImageBytes};
use crate::module::ModuleInfo;
use crate::translate::bodies::Bodies;
use crate::translate::budget::Account;
use crate::translate::func::FuncInput;
use crate::translate::module::Translation;
use crate::types::*;

/// When the bodies of a lazily compiled module are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// All of them before anything of the module runs.
    Before,
    /// Each when it is compiled, as the specification allows (appendix, "Implementation Limitations": "an implementation may defer validation of individual
    /// functions until they are first invoked").
    AtFirstCall,
}

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
    /// Bytes of an entry, which stand one behind the other from the start of the code on.
    stride: u32,
    /// Offsets in the code.
    trampolines: HashMap<Trampoline, u32>,
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

/// The image of a module without its functions, and what compiles these. `entries` makes the entries of so many functions.
pub fn prepare(
    wasm: Arc<Vec<u8>>,
    compiler: Arc<dyn Compiler>,
    options: &CompileOptions,
    validation: Validation,
    entries: &dyn Fn(usize) -> Entries,
) -> Result<(ImageBytes, LazyModule), CompileError> {
    let backend = compiler.id();
    if !compiler.compiles_lazily() {
        return Err(CompileLimit::Lazy { by: backend.name }.into());
    }
    let Translation { mut info, functions } = translate(&wasm, options)?;
    info.first_tier = true;
    info.resolved.offsets = info.offsets();
    let entries = entries(functions.len());
    let stride = entries.stride;
    let link = || {
        let shared = SharedTrampolines::new(&info);
        let mut outputs = vec![entries.output(functions.len())];
        outputs.extend(Run::new(&info, &*compiler).all(shared.jobs(&info), 1)?);
        let linked = image::link(&info, outputs, &|trampoline| shared.of(trampoline), backend.name)?;
        let trampolines = linked.symbols().clone();
        let made = image::Made { backend: &backend, cpu_features: compiler.cpu_features(), key: options.key };
        Ok((image::build(&info, &wasm, linked, &made)?, trampolines))
    };
    let (image, trampolines) = match validation {
        Validation::AtFirstCall => link()?,
        Validation::Before => beside_validation(&functions, options.threads, link)?,
    };
    let validator = functions.first().map(BodyValidator::of);
    let accounts = functions.into_iter().map(|function| function.account).collect();
    Ok((image, LazyModule { wasm, compiler, info, validator, accounts, stride, trampolines }))
}

/// Does something while other threads validate bodies, then helps them.
fn beside_validation<R>(
    functions: &[FuncInput<'_>],
    threads: usize,
    run: impl FnOnce() -> Result<R, CompileError>,
) -> Result<R, CompileError> {
    let bodies = Bodies::new(functions);
    let result = std::thread::scope(|scope| {
        for _ in 1..threads.min(functions.len()) {
            // A machine that has no more threads does with those that it has.
            let thread = std::thread::Builder::new().name("wasmer-validate".to_owned());
            if thread.spawn_scoped(scope, || bodies.validate()).is_err() {
                break;
            }
        }
        let result = run();
        bodies.validate();
        result
    });
    // That the module is invalid says more than what else it leads to.
    bodies.finish()?;
    result
}

impl LazyModule {
    /// The module's bytes.
    pub fn wasm(&self) -> &[u8] {
        &self.wasm
    }

    /// How many functions there are to be compiled.
    pub fn functions_len(&self) -> usize {
        self.accounts.len()
    }

    /// Bytes of all bodies.
    pub fn body_bytes(&self) -> usize {
        self.info.code_bytes()
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

    /// Validates and compiles a function.
    pub fn compile(&self, function: DefinedFuncIdx) -> Result<Output, CompileError> {
        let by = self.compiler.id().name;
        let input = self.input(function).ok_or_else(|| internal(by, format!("there is no function {}", function.0)))?;
        let mut output = Output::default();
        let compile = || {
            let batch = &mut Batch { module: &self.info, functions: &mut std::iter::once(input) };
            self.compiler.worker().functions(batch, &mut output)
        };
        catch_unwind(AssertUnwindSafe(compile)).map_err(|payload| internal(by, panic_message(&*payload)))??;
        Ok(output)
    }

    /// Resolves what a function's code refers to, for the place in the module's code where it will stand.
    pub fn relocate(&self, output: &mut Output, base: u32) -> Result<(), CompileError> {
        let target = |symbol| match symbol {
            Symbol::Function(index) => (index.index() < self.functions_len()).then(|| self.entry(index)),
            Symbol::Trampoline(trampoline) => self.trampolines.get(&trampoline).copied(),
            // Found by the linker.
            Symbol::Local(_) => None,
        };
        image::relocate(output, base, &target).map_err(|message| internal(self.compiler.id().name, message))
    }
}

fn is_of_leaf(operator: &Operator<'_>) -> bool {
    !matches!(
        operator,
        Operator::Loop { .. }
            | Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
    )
}

#[cold]
fn internal(by: &'static str, message: String) -> CompileError {
    CompileError::Internal { by, message }
}
