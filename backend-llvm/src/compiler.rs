//! The compiler and its workers: an LLVM context and module per batch, one target machine per thread.

use std::ffi::CStr;
use std::sync::OnceLock;

use inkwell::OptimizationLevel;
use inkwell::context::Context;
use inkwell::targets::{CodeModel, InitializationConfig, RelocMode, Target, TargetMachine, TargetTriple};
use wasmer_runtime_core::compiler::*;
use wasmer_runtime_core::cpu::{Cpu, CpuFeature, CpuFeatures};
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::once;
use wasmer_runtime_core::translate::func::{FuncInput, FuncTranslator};
use wasmer_runtime_core::translate::survey::Survey;
use wasmer_runtime_core::types::DefinedFuncIdx;

use crate::codegen::Codegen;
use crate::description;
use crate::intrinsics::internal;
use crate::object::{self, Contents};
use crate::passes::{CODEGEN_LEVEL, Partition};
use crate::runtime::RUNTIME;

/// A batch takes one in so many of the bytes that are left: small ones at the end, because threads that find none wait for the last.
const BATCH_SHARE: usize = 4;
/// Bytes of wasm bodies of a batch. LLVM inlines within a batch, so it is not too small; the largest bounds memory.
const BATCH_BYTES: [usize; 2] = [256 << 10, 1 << 20];

/// The line of LLVM that [`description::id`] names.
const LLVM_LINE: (u32, u32) = (22, 1);
/// What the code is for. Nothing of a system is used but the C convention.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// What x86-64-v2 promises of the operators: the least that we generate code for, so that LLVM never calls a library for one.
const FLOOR: CpuFeatures = CpuFeatures::V2.without(CpuFeatures::of(&[CpuFeature::Cmpxchg16b]));
/// LLVM's names of what every x86-64 has.
const BASE: [&str; 7] = ["64bit", "cmov", "cx8", "fxsr", "mmx", "sse", "sse2"];

/// Switches of tuning, beside the CPU's own.
///
/// `vpdpwssd` is one instruction for two, but the sum waits for the multiplication: four times as long, where a loop has one sum. Without
/// its mark as fast, LLVM takes the two instructions where that is shorter. Scattered stores are slower than single ones.
const TUNING: [&str; 2] = ["-fast-dpwssd", "+prefer-no-scatter"];

/// Compiles with LLVM: slowly, for code that runs like a C compiler's.
#[derive(Clone, Debug)]
pub struct LlvmCompiler {
    cpu: Cpu,
    /// What code may use of it.
    used: CpuFeatures,
    /// LLVM's name of it, which decides how code is tuned, and a list of features.
    name: String,
    features: String,
}

/// LLVM's name of a feature.
fn llvm_name(feature: CpuFeature) -> &'static str {
    match feature {
        CpuFeature::Bmi1 => "bmi",
        CpuFeature::Cmpxchg16b => "cx16",
        CpuFeature::Pclmulqdq => "pclmul",
        feature => feature.name(),
    }
}

/// The processor by LLVM's names, features switched on before others are switched off.
fn describe(cpu: Cpu, used: CpuFeatures) -> (String, String) {
    let mut features: Vec<_> = CpuFeature::ALL
        .iter()
        .map(|feature| format!("{}{}", if used.has(*feature) { '+' } else { '-' }, llvm_name(*feature)))
        .collect();
    let name = match cpu {
        Cpu::Native => {
            // The name stands for features, too: what artifacts cannot say that they need is switched off.
            let host = TargetMachine::get_host_cpu_features().to_string_lossy().into_owned();
            let names = host.split(',').filter_map(|feature| feature.get(1..)).filter(|name| !BASE.contains(name));
            let unknown = names.filter(|name| CpuFeature::ALL.iter().all(|feature| llvm_name(*feature) != *name));
            features.extend(unknown.map(|name| format!("-{name}")));
            TargetMachine::get_host_cpu_name().to_string_lossy().into_owned()
        }
        Cpu::With(features) => features.level().name().to_owned(),
    };
    features.sort_unstable();
    features.extend(TUNING.map(str::to_owned));
    (name, features.join(","))
}

/// What can be said on LLVM's command line only, which is the process's.
///
/// A load must not move into the branch that needs its value, because on the other one it would not trap: InstCombine and MachineSink
/// move single loads; the conversion of conditional moves to branches makes a branch around a load.
///
/// Two passes are left out for their time: scheduling after register allocation (8 % of the code generator's instructions), which matters
/// little to processors that reorder by themselves, and the tracking of variables by instruction (3 %), because we describe none.
///
/// Where a block has many accesses of memory, they are ordered a hundred at a time: LLVM's own number, of a thousand, costs ten times the time of the rest of the
/// code generator, and its work for each grows with the square of it.
///
/// The preparation for the code generator begins again at the function's start after each change of its blocks, unless the function is huge: then it looks only at
/// blocks that have changed. Huge are 10,000 blocks by LLVM's own number, below which 1,600 checked accesses (16 KB) took 20 seconds.
///
/// The fast selection of instructions, which functions without optimisation get, leaves out calls that only read memory if nobody needs their results. Such a
/// call may never return, or exhaust the stack.
///
/// Equal ends of blocks are not merged. It would save 4 % of the code, but the handlers of an interpreter would share jumps, and the way by which
/// the code went is what a processor predicts the next indirect jump from: Lua is a tenth faster so, and a small interpreter two fifths.
fn set_switches() {
    static ONCE: OnceLock<()> = OnceLock::new();
    once::get_or_init(&ONCE, || {
        let arguments = [
            c"wasmer",
            c"-instcombine-code-sinking=0",
            c"-disable-machine-sink",
            c"-x86-cmov-converter-force-mem-operand=0",
            c"-disable-post-ra",
            c"-enable-tail-merge=0",
            c"-dag-maps-huge-region=100",
            c"-cgpp-huge-func=2000",
            c"-experimental-debug-variable-locations=false",
            c"-fast-isel=0",
        ]
        .map(CStr::as_ptr);
        // SAFETY: the arguments are strings that live as long as the call; the cell keeps other threads of ours out.
        unsafe {
            inkwell::llvm_sys::support::LLVMParseCommandLineOptions(
                arguments.len() as i32,
                arguments.as_ptr(),
                c"".as_ptr(),
            );
        }
    });
}

impl LlvmCompiler {
    /// A compiler for the CPU that it runs on. Fails if that is older than x86-64-v2.
    pub fn new() -> Result<Self, CompileError> {
        Self::for_cpu(Cpu::Native)
    }

    /// A compiler for this CPU. Fails if that is older than x86-64-v2.
    pub fn for_cpu(cpu: Cpu) -> Result<Self, CompileError> {
        let (major, minor, patch) = inkwell::support::get_llvm_version();
        if (major, minor) != LLVM_LINE {
            let (line, update) = LLVM_LINE;
            return Err(internal(format!("LLVM {line}.{update} is needed, and this is LLVM {major}.{minor}.{patch}")));
        }
        Target::initialize_x86(&InitializationConfig { disassembler: false, ..Default::default() });
        set_switches();
        let used = cpu.features().and(CpuFeatures::ALL);
        let missing = FLOOR.without(used);
        if !missing.is_empty() {
            return Err(CompileLimit::Processor { missing, by: "llvm" }.into());
        }
        let (name, features) = describe(cpu, used);
        Ok(Self { cpu, used, name, features })
    }

    pub(crate) fn machine(&self, level: OptimizationLevel) -> Result<TargetMachine, CompileError> {
        let triple = TargetTriple::create(TRIPLE);
        let target = Target::from_triple(&triple).map_err(|message| internal(message.to_string_lossy()))?;
        target
            .create_target_machine(&triple, &self.name, &self.features, level, RelocMode::PIC, CodeModel::Small)
            .ok_or_else(|| internal("LLVM has no such target machine"))
    }
}

// SAFETY: the code is what the translation asks for; the suite and the fuzz targets compare it with other engines.
unsafe impl Compiler for LlvmCompiler {
    fn id(&self) -> BackendId {
        description::id()
    }

    fn fingerprint(&self, key: &mut KeyHasher) {
        description::fingerprint(key, self.cpu);
    }

    fn cpu_features(&self) -> CpuFeatures {
        self.used
    }

    fn batch_bytes(&self, left: usize) -> usize {
        let [least, most] = BATCH_BYTES;
        (left / BATCH_SHARE).clamp(least, most)
    }

    fn worker(&self) -> Box<dyn Worker + '_> {
        Box::new(LlvmWorker { compiler: self, machine: None })
    }

    fn ir_name(&self) -> Option<&'static str> {
        Some(description::IR_NAME)
    }
}

struct LlvmWorker<'a> {
    compiler: &'a LlvmCompiler,
    machine: Option<TargetMachine>,
}

impl LlvmWorker<'_> {
    fn machine(&mut self) -> Result<&TargetMachine, CompileError> {
        let machine = match self.machine.take() {
            Some(machine) => machine,
            None => self.compiler.machine(CODEGEN_LEVEL)?,
        };
        Ok(self.machine.insert(machine))
    }
}

/// What a batch became in an LLVM module.
struct TranslatedBatch<'ctx, 'm> {
    codegen: Codegen<'ctx, 'm>,
    functions: Vec<DefinedFuncIdx>,
    /// Bytes of the largest of them.
    largest: u64,
}

impl TranslatedBatch<'_, '_> {
    fn partition(&self) -> Partition {
        Partition::Functions { module: self.codegen.info.code_bytes(), largest: self.largest }
    }
}

/// Translates the functions of a batch.
fn fill<'ctx, 'm>(
    ctx: &'ctx Context,
    machine: &TargetMachine,
    batch: &mut Batch<'m>,
) -> Result<TranslatedBatch<'ctx, 'm>, CompileError> {
    let codegen = Codegen::new(ctx, batch.module, machine);
    codegen.module.set_inline_assembly(RUNTIME);
    let mut translator = FuncTranslator::new();
    let mut filled = TranslatedBatch { codegen, functions: Vec::new(), largest: 0 };
    for input in &mut *batch.functions {
        let range = input.body.range();
        filled.largest = filled.largest.max(range.end - range.start);
        filled.functions.push(input.index);
        filled.codegen.start(input.index, range.start as u32, BodyFacts::at(batch.module, &input));
        translator.translate(batch.module, input, &mut filled.codegen)?;
    }
    Ok(filled)
}

// SAFETY: see the compiler.
unsafe impl Worker for LlvmWorker<'_> {
    fn functions(&mut self, batch: &mut Batch<'_>, output: &mut Output) -> Result<(), CompileError> {
        let machine = self.machine()?;
        let ctx = Context::create();
        let mut filled = fill(&ctx, machine, batch)?;
        if filled.functions.is_empty() {
            return Ok(());
        }
        let partition = filled.partition();
        let object = if partition.codegen_level() == CODEGEN_LEVEL {
            filled.codegen.compile(machine, partition)?
        } else {
            filled.codegen.compile(&self.compiler.machine(partition.codegen_level())?, partition)?
        };
        object::append(object.as_slice(), Contents::Functions, output)
    }

    fn emit_ir(&mut self, batch: &mut Batch<'_>, request: &IrRequest, text: &mut String) -> Result<(), CompileError> {
        let machine = self.machine()?;
        let ctx = Context::create();
        let filled = fill(&ctx, machine, batch)?;
        let partition = filled.partition();
        let TranslatedBatch { mut codegen, functions, .. } = filled;
        match request.stage {
            IrStage::Translated => codegen.close(),
            IrStage::Optimized => codegen.optimize(machine, partition)?,
        }
        for function in functions {
            let index = batch.module.func_index(function);
            if request.wants(index) {
                text.push_str(&batch.module.heading(index));
                text.push_str(&codegen.text_of(function));
                text.push('\n');
            }
        }
        Ok(())
    }

    fn trampoline(
        &mut self,
        module: &ModuleInfo,
        trampoline: &Trampoline,
        output: &mut Output,
    ) -> Result<(), CompileError> {
        let machine = self.machine()?;
        let ctx = Context::create();
        let mut codegen = Codegen::new(&ctx, module, machine);
        codegen.trampoline(*trampoline)?;
        let object = codegen.compile(machine, Partition::Trampoline)?;
        object::append(object.as_slice(), Contents::Trampoline(*trampoline), output)
    }
}

/// What is known of a body before it is translated.
#[derive(Default)]
pub(crate) struct BodyFacts {
    survey: Survey,
    /// Whether it may have a tail call.
    pub(crate) makes_tail_calls: bool,
    /// Its length.
    pub(crate) body_bytes: usize,
}

impl BodyFacts {
    /// Knows of no local that it is not used.
    #[cfg(test)]
    pub(crate) fn without_locals(makes_tail_calls: bool) -> Self {
        Self { survey: Survey::default(), makes_tail_calls, body_bytes: usize::MAX }
    }

    fn at(module: &ModuleInfo, input: &FuncInput<'_>) -> Self {
        let mut survey = Survey::default();
        survey.read(module, input);
        Self { makes_tail_calls: survey.makes_tail_calls(), body_bytes: input.body.as_bytes().len(), survey }
    }

    /// Whether a local may be used.
    pub(crate) fn uses(&self, local: usize) -> bool {
        self.survey.is_used(local as u32)
    }
}
