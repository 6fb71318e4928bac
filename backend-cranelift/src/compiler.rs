//! The compiler's settings, its identity, and its per-thread worker.

use std::borrow::Cow;
use std::sync::OnceLock;

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{UserFuncName, Value};
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{CodegenError, Context};
use cranelift_frontend::FunctionBuilderContext;
use wasmer_runtime_core::compiler::{
    BackendId, Batch, CompileError, CompileLimit, Compiler, IrRequest, IrStage, KeyHasher, NO_WASM_OFFSET, Output,
    Symbol, Trampoline, Worker,
};
use wasmer_runtime_core::cpu::{Cpu, CpuFeatures};
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::once;
use wasmer_runtime_core::translate::func::{FuncInput, FuncTranslator};
use wasmer_runtime_core::trap::TrapCode;

use crate::codegen::{Codegen, Scratch};
use crate::control::Frame;
use crate::description::{ABI, NAME};
use crate::emit::Places;
use crate::target::{self, Target};
use crate::{emit, trampoline};

/// How much Cranelift's middle end does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OptLevel {
    /// No optimisation.
    None,
    /// Optimise for speed.
    #[default]
    Speed,
    /// Optimise for speed and size.
    SpeedAndSize,
}

impl OptLevel {
    /// The value of Cranelift's setting.
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Speed => "speed",
            Self::SpeedAndSize => "speed_and_size",
        }
    }
}

/// Which register allocator is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Regalloc {
    /// Live-range splitting with backtracking: the better code.
    #[default]
    Backtracking,
    /// One pass: compiles a quarter faster, runs much slower.
    SinglePass,
}

/// Settings of a [`Cranelift`].
#[derive(Clone, Debug, Default)]
pub struct Builder {
    opt_level: OptLevel,
    regalloc: Regalloc,
    cpu: Cpu,
    canonical_nans: bool,
    verify: Option<bool>,
}

impl Builder {
    /// How much to optimise; for speed unless said otherwise.
    pub fn opt_level(mut self, level: OptLevel) -> Self {
        self.opt_level = level;
        self
    }

    /// The register allocator.
    pub fn regalloc(mut self, regalloc: Regalloc) -> Self {
        self.regalloc = regalloc;
        self
    }

    /// The processor; this machine's unless said otherwise.
    pub fn cpu(mut self, cpu: Cpu) -> Self {
        self.cpu = cpu;
        self
    }

    /// Whether every NaN that an operator makes is the canonical one, so that results do not depend on the machine.
    pub fn canonical_nans(mut self, canonical: bool) -> Self {
        self.canonical_nans = canonical;
        self
    }

    /// Whether Cranelift verifies its IR; in debug builds only, unless said otherwise. Never changes the code.
    pub fn verify(mut self, verify: bool) -> Self {
        self.verify = Some(verify);
        self
    }

    /// The compiler, or why this machine or setting will not do.
    pub fn build(self) -> Result<Cranelift, CompileError> {
        let (target, features) = Target::new(self.cpu.features())?;
        Ok(Cranelift { settings: self, features, isa: OnceLock::new(), plain_isa: OnceLock::new(), target })
    }

    /// Cranelift's description of a target with these features.
    fn isa(&self, features: CpuFeatures, plain: bool) -> Result<OwnedTargetIsa, String> {
        let mut isa = cranelift_native::builder_with_options(false)?;
        for feature in features.iter() {
            let name = target::setting(feature);
            isa.enable(&name).map_err(|error| format!("`{name}`: {error}"))?;
        }
        let mut flags = settings::builder();
        for (name, value) in
            self.flags().into_iter().chain([self.verifier()]).chain(PLAIN.into_iter().filter(|_| plain))
        {
            flags.set(name, value).map_err(|error| format!("`{name}`: {error}"))?;
        }
        isa.finish(settings::Flags::new(flags)).map_err(|error| error.to_string())
    }

    /// Names and values of what is set that may change the code.
    fn flags(&self) -> [(&'static str, &'static str); 12] {
        let regalloc = match self.regalloc {
            Regalloc::Backtracking => "backtracking",
            Regalloc::SinglePass => "single_pass",
        };
        [
            ("opt_level", self.opt_level.name()),
            ("regalloc_algorithm", regalloc),
            ("enable_alias_analysis", "true"),
            ("enable_llvm_abi_extensions", "false"),
            // Results beyond the registers go to an area that the caller provides.
            ("enable_multi_ret_implicit_sret", "true"),
            ("enable_nan_canonicalization", if self.canonical_nans { "true" } else { "false" }),
            ("enable_probestack", "true"),
            ("probestack_strategy", "inline"),
            // Code refers to functions of its own module only, by distance: there is no table of addresses.
            ("is_pic", "false"),
            // Where blocks are: for the place of the function, see `place`.
            ("machine_code_cfg_info", "true"),
            // Backtraces and traps walk the frame pointers; no unwinder is involved.
            ("preserve_frame_pointers", "true"),
            ("unwind_info", "false"),
        ]
    }

    /// Verification finds bugs; it never changes the code.
    fn verifier(&self) -> (&'static str, &'static str) {
        let verify = self.verify.unwrap_or(cfg!(debug_assertions));
        ("enable_verifier", if verify { "true" } else { "false" })
    }
}

/// What is set for functions out of proportion. Cranelift's optimiser looks at all loops around each value, which is quadratic in how deep they are nested,
/// and its better register allocator tries each value against those in its way, and merges those that come together one by one.
const PLAIN: [(&str, &str); 2] = [("opt_level", "none"), ("regalloc_algorithm", "single_pass")];

/// The compiler. Immutable; any number of threads may take workers from it.
pub struct Cranelift {
    settings: Builder,
    /// What code may use of the processor.
    features: CpuFeatures,
    /// Made when something is compiled: a cached start has no use for it.
    isa: OnceLock<OwnedTargetIsa>,
    /// The same without optimisation, for functions out of proportion.
    plain_isa: OnceLock<OwnedTargetIsa>,
    target: Target,
}

impl Cranelift {
    /// The default settings, for this machine.
    pub fn new() -> Result<Self, CompileError> {
        Self::builder().build()
    }

    /// Settings to change.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn isa(&self) -> &dyn TargetIsa {
        self.isa_in(&self.isa, false)
    }

    /// What a function is compiled with.
    fn isa_for(&self, out_of_proportion: bool) -> &dyn TargetIsa {
        if out_of_proportion { self.isa_in(&self.plain_isa, true) } else { self.isa() }
    }

    fn isa_in<'c>(&self, cell: &'c OnceLock<OwnedTargetIsa>, plain: bool) -> &'c dyn TargetIsa {
        // None of what can be wrong here comes from the user, and a test tries every feature.
        let make =
            || self.settings.isa(self.features, plain).expect("the settings are Cranelift's, and so are the features");
        &**once::get_or_init(cell, make)
    }
}

// SAFETY: the code is what the translation asks for; the suite and the fuzz targets compare it with other engines.
unsafe impl Compiler for Cranelift {
    fn id(&self) -> BackendId {
        BackendId {
            name: NAME,
            version: Cow::Borrowed(cranelift_codegen::VERSION),
            abi: ABI,
            untabled_fault: Some(TrapCode::MemoryOutOfBounds),
        }
    }

    fn fingerprint(&self, key: &mut KeyHasher) {
        key.setting("cranelift.sources", env!("SOURCE_DIGEST"));
        // What is not set is as this version of Cranelift has it.
        for (name, value) in self.settings.flags() {
            key.setting(name, value);
        }
        key.setting("cpu", self.features.bits().to_le_bytes());
    }

    fn cpu_features(&self) -> CpuFeatures {
        self.features
    }

    fn worker(&self) -> Box<dyn Worker + '_> {
        Box::new(CraneliftWorker {
            compiler: self,
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
            scratch: Scratch::default(),
            translator: FuncTranslator::new(),
            out_of_proportion: false,
        })
    }

    fn ir_name(&self) -> Option<&'static str> {
        Some("clif")
    }
}

/// One thread's compiler.
struct CraneliftWorker<'c> {
    compiler: &'c Cranelift,
    context: Context,
    builder: FunctionBuilderContext,
    scratch: Scratch,
    translator: FuncTranslator<Value, Frame>,
    /// Whether the function in the context has its locals in the frame.
    out_of_proportion: bool,
}

impl CraneliftWorker<'_> {
    /// Writes the IR of a function into the context.
    ///
    /// Locals are SSA variables first. A function that thereby grows out of proportion is translated once more, with its locals in the frame.
    fn translate(&mut self, module: &ModuleInfo, input: FuncInput<'_>) -> Result<(), CompileError> {
        let again = input.again();
        match self.translate_with(module, input, false) {
            Err(CompileError::Limit(_)) if self.scratch.outgrown => self.translate_with(module, again, true),
            result => result,
        }
    }

    fn translate_with(
        &mut self,
        module: &ModuleInfo,
        input: FuncInput<'_>,
        locals_in_frame: bool,
    ) -> Result<(), CompileError> {
        self.context.clear();
        self.out_of_proportion = locals_in_frame;
        let Context { func, .. } = &mut self.context;
        func.name = UserFuncName::user(0, input.index.0);
        let target = self.compiler.target;
        let mut codegen = Codegen::new(func, &mut self.builder, module, target, &mut self.scratch);
        codegen.function = module.func_index(input.index);
        codegen.locals_in_frame = locals_in_frame;
        codegen.body_bytes = input.body.as_bytes().len();
        match self.translator.translate(module, input, &mut codegen) {
            Ok(()) => {
                codegen.finalize(self.compiler.isa().frontend_config());
                Ok(())
            }
            Err(error) => {
                // What the unfinished function left in it must not meet the next one.
                self.builder = FunctionBuilderContext::new();
                Err(error)
            }
        }
    }

    /// Compiles the function in the context, which starts at `wasm_offset`, and appends it to `output`.
    fn compile(
        &mut self,
        symbol: Symbol,
        wasm_offset: u32,
        places: Places,
        output: &mut Output,
    ) -> Result<(), CompileError> {
        let isa = self.compiler.isa_for(self.out_of_proportion);
        if let Err(error) = self.context.compile(isa, &mut ControlPlane::default()) {
            let error = error.inner;
            return Err(compile_error(error, symbol));
        }
        emit::append(&self.context, symbol, wasm_offset, places, output)
    }
}

fn compile_error(error: CodegenError, symbol: Symbol) -> CompileError {
    match error {
        CodegenError::ImplLimitExceeded | CodegenError::CodeTooLarge => {
            CompileLimit::MachineCode { symbol: format!("{symbol:?}"), by: NAME }.into()
        }
        error => CompileError::Internal { by: NAME, message: format!("{symbol:?}: {error}") },
    }
}

// SAFETY: see the compiler.
unsafe impl Worker for CraneliftWorker<'_> {
    fn functions(&mut self, batch: &mut Batch<'_>, output: &mut Output) -> Result<(), CompileError> {
        let places = if batch.module.every_place { Places::Every } else { Places::LookedUp };
        for input in &mut *batch.functions {
            let (index, wasm_offset) = (input.index, input.body.range().start as u32);
            self.translate(batch.module, input)?;
            self.compile(Symbol::Function(index), wasm_offset, places, output)?;
        }
        Ok(())
    }

    fn trampoline(
        &mut self,
        module: &ModuleInfo,
        trampoline: &Trampoline,
        output: &mut Output,
    ) -> Result<(), CompileError> {
        self.context.clear();
        self.out_of_proportion = false;
        trampoline::build(module, *trampoline, self.compiler.isa(), &mut self.context.func, &mut self.builder);
        self.compile(Symbol::Trampoline(*trampoline), NO_WASM_OFFSET, Places::LookedUp, output)
    }

    fn emit_ir(&mut self, batch: &mut Batch<'_>, request: &IrRequest, text: &mut String) -> Result<(), CompileError> {
        for input in &mut *batch.functions {
            let (symbol, index) = (Symbol::Function(input.index), batch.module.func_index(input.index));
            if !request.wants(index) {
                continue;
            }
            self.translate(batch.module, input)?;
            if request.stage == IrStage::Optimized {
                let isa = self.compiler.isa_for(self.out_of_proportion);
                let optimized = self.context.optimize(isa, &mut ControlPlane::default());
                optimized.map_err(|error| compile_error(error, symbol))?;
            }
            text.push_str(&batch.module.heading(index));
            text.push_str(&self.context.func.display().to_string());
            text.push('\n');
        }
        Ok(())
    }
}
