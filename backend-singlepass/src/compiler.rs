//! The compiler's settings, its identity, and its per-thread worker.

use std::borrow::Cow;

use wasmer_runtime_core::compiler::{
    BackendId, Batch, CompileError, CompileLimit, Compiler, KeyHasher, NO_WASM_OFFSET, Output, Symbol, Trampoline,
    Worker,
};
use wasmer_runtime_core::cpu::{Cpu, CpuFeatures};
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::translate::func::FuncTranslator;
use wasmer_runtime_core::trap::TrapCode;

use crate::ABI;
use crate::codegen::Codegen;
use crate::control::Frame;
use crate::isa::Target;
use crate::masm::{Assembler, Masm, Processor};

/// The name in identities and messages.
pub(crate) const NAME: &str = "singlepass";

type TargetCpu = <Target as Assembler>::Cpu;

/// The compiler. Immutable; any number of threads may take workers from it.
#[derive(Clone, Copy, Debug)]
pub struct Singlepass {
    cpu: TargetCpu,
}

impl Singlepass {
    /// For this machine, with everything it has. Fails if it is not an x86-64 with SSE4.1.
    pub fn new() -> Result<Self, CompileError> {
        Self::for_cpu(Cpu::Native)
    }

    /// For this processor. Fails if it is not an x86-64 with SSE4.1.
    pub fn for_cpu(cpu: Cpu) -> Result<Self, CompileError> {
        let features = cpu.features();
        let missing = TargetCpu::FLOOR.without(features);
        if missing.is_empty() {
            Ok(Self { cpu: TargetCpu::of(features) })
        } else {
            Err(CompileLimit::Processor { missing, by: NAME }.into())
        }
    }
}

// SAFETY: the code is what the translation asks for; the suite and the fuzz targets compare it with other engines.
unsafe impl Compiler for Singlepass {
    fn id(&self) -> BackendId {
        BackendId {
            name: NAME,
            version: Cow::Borrowed(env!("CARGO_PKG_VERSION")),
            abi: ABI,
            untabled_fault: Some(TrapCode::MemoryOutOfBounds),
        }
    }

    fn fingerprint(&self, key: &mut KeyHasher) {
        key.setting("singlepass.sources", env!("SOURCE_DIGEST"));
        key.setting("cpu", self.cpu_features().bits().to_le_bytes());
    }

    fn cpu_features(&self) -> CpuFeatures {
        self.cpu.features()
    }

    fn worker(&self) -> Box<dyn Worker + '_> {
        Box::new(SinglepassWorker::<Target>::new(self.cpu))
    }

    fn lazy_worker(&self) -> Option<Box<dyn Worker + Send>> {
        Some(Box::new(SinglepassWorker::<Target>::new(self.cpu)))
    }
}

/// One thread's compiler.
struct SinglepassWorker<M: Assembler> {
    codegen: Codegen<M>,
    translator: FuncTranslator<(), Frame>,
}

impl<M: Masm> SinglepassWorker<M> {
    fn new(cpu: M::Cpu) -> Self {
        Self { codegen: Codegen::new(cpu), translator: FuncTranslator::new() }
    }
}

// SAFETY: see the compiler.
unsafe impl<M: Masm> Worker for SinglepassWorker<M> {
    fn functions(&mut self, batch: &mut Batch<'_>, output: &mut Output) -> Result<(), CompileError> {
        let Self { codegen, translator } = self;
        codegen.set_module(batch.module);
        codegen.append_to(output, |codegen| {
            for input in &mut *batch.functions {
                codegen.start_function(batch.module, &input);
                translator.translate(batch.module, input, codegen)?;
            }
            Ok(())
        })
    }

    fn trampoline(
        &mut self,
        module: &ModuleInfo,
        trampoline: &Trampoline,
        output: &mut Output,
    ) -> Result<(), CompileError> {
        let (Trampoline::ArrayToWasm(ty) | Trampoline::WasmToArray(ty)) = *trampoline;
        let signature = module.func_type(ty).signature();
        self.codegen.append_to(output, |codegen| {
            // A worker may make trampolines only.
            codegen.set_module(module);
            codegen.open(NO_WASM_OFFSET);
            match trampoline {
                Trampoline::ArrayToWasm(_) => M::array_to_wasm(codegen, &signature),
                Trampoline::WasmToArray(_) => M::wasm_to_array(codegen, &signature),
            }
            codegen.close(Symbol::Trampoline(*trampoline))
        })
    }
}
