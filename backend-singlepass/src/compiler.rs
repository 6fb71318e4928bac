//! The compiler's settings, its identity, and its per-thread worker.

use std::borrow::Cow;

use wasmer_runtime_core::compiler::{
    Abi, BackendId, Batch, CompileError, Compiler, KeyHasher, Output, Trampoline, Worker,
};
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::translate::func::{FuncInput, FuncTranslator};

use crate::arch::trampoline;
use crate::codegen::Codegen;
use crate::control::Frame;
use crate::scan::Scan;

/// The name in identities and messages.
pub(crate) const NAME: &str = "singlepass";

/// Counts changes to the emitted code: part of every cache key.
const REVISION: u32 = 4;

/// What a processor has beyond SSE4.1, the least that this compiler works with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// `popcnt`.
    pub popcnt: bool,
    /// `lzcnt`.
    pub lzcnt: bool,
    /// BMI1.
    pub bmi1: bool,
    /// BMI2.
    pub bmi2: bool,
    /// AVX.
    pub avx: bool,
    /// AVX2.
    pub avx2: bool,
    /// Fused multiply-add; only used together with AVX.
    pub fma: bool,
}

impl Cpu {
    /// SSE4.1 and nothing else.
    pub const BASELINE: Self =
        Self { popcnt: false, lzcnt: false, bmi1: false, bmi2: false, avx: false, avx2: false, fma: false };

    /// What x86-64-v3 has.
    pub const V3: Self = Self { popcnt: true, lzcnt: true, bmi1: true, bmi2: true, avx: true, avx2: true, fma: true };

    /// What this machine has; nothing if it lacks SSE4.1.
    #[cfg(target_arch = "x86_64")]
    fn host() -> Option<Self> {
        if !(is_x86_feature_detected!("sse4.1") && is_x86_feature_detected!("ssse3")) {
            return None;
        }
        let avx = is_x86_feature_detected!("avx");
        Some(Self {
            popcnt: is_x86_feature_detected!("popcnt"),
            lzcnt: is_x86_feature_detected!("lzcnt"),
            bmi1: is_x86_feature_detected!("bmi1"),
            bmi2: avx && is_x86_feature_detected!("bmi2"),
            avx,
            avx2: avx && is_x86_feature_detected!("avx2"),
            fma: avx && is_x86_feature_detected!("fma"),
        })
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn host() -> Option<Self> {
        None
    }
}

/// The compiler. Immutable; any number of threads may take workers from it.
#[derive(Clone, Copy, Debug)]
pub struct Singlepass {
    cpu: Cpu,
}

impl Singlepass {
    /// For this machine, with everything it has. Fails if it is not an x86-64 with SSE4.1.
    pub fn new() -> Result<Self, CompileError> {
        match Cpu::host() {
            Some(cpu) => Ok(Self { cpu }),
            None => Err(CompileError::Limit(format!("{NAME}: the processor is not an x86-64 with SSE4.1"))),
        }
    }

    /// For a processor that has this.
    pub fn with_cpu(cpu: Cpu) -> Self {
        Self { cpu }
    }
}

impl Compiler for Singlepass {
    fn id(&self) -> BackendId {
        let version = Cow::Owned(format!("{}+{REVISION}", env!("CARGO_PKG_VERSION")));
        BackendId { name: NAME, version, abi: Abi::Singlepass }
    }

    fn fingerprint(&self, key: &mut KeyHasher) {
        let Cpu { popcnt, lzcnt, bmi1, bmi2, avx, avx2, fma } = self.cpu;
        for (name, has) in [
            ("popcnt", popcnt),
            ("lzcnt", lzcnt),
            ("bmi1", bmi1),
            ("bmi2", bmi2),
            ("avx", avx),
            ("avx2", avx2),
            ("fma", fma),
        ] {
            key.setting(name, [has as u8]);
        }
    }

    fn worker(&self) -> Box<dyn Worker + '_> {
        Box::new(SinglepassWorker { codegen: Codegen::new(self.cpu), translator: FuncTranslator::new() })
    }
}

/// Scans a body. What is wrong with it the translator will say.
fn glance(scan: &mut Scan, module: &ModuleInfo, input: &FuncInput<'_>) {
    let ty = module.functions[module.func_index(input.index).index()];
    let params = module.resolved.signatures.get(ty.index()).map_or(0, |signature| signature.params.len());
    let mut reader = input.body.get_binary_reader();
    let mut locals = params as u64;
    let mut read_locals = || {
        for _ in 0..reader.read_var_u32()? {
            locals += u64::from(reader.read_var_u32()?);
            reader.read::<wasmparser::ValType>()?;
        }
        let len = reader.bytes_remaining();
        reader.read_bytes(len).map(|code| (code, len))
    };
    match read_locals() {
        Ok((code, len)) if locals <= LOCALS_MAX => {
            scan.scan(code, locals as usize);
            scan.start = (input.body.range().end - len as u64) as u32;
        }
        _ => scan.scan(&[], 0),
    }
}

/// As many as the validator allows, with room for parameters.
const LOCALS_MAX: u64 = 60_000;

/// One thread's compiler.
struct SinglepassWorker {
    codegen: Codegen,
    translator: FuncTranslator<(), Frame>,
}

impl Worker for SinglepassWorker {
    fn functions(&mut self, batch: &mut Batch<'_>, output: &mut Output) -> Result<(), CompileError> {
        let Self { codegen, translator } = self;
        codegen.set_module(batch.module);
        codegen.append_to(output, |codegen| {
            for input in &mut *batch.functions {
                codegen.start_function(input.index, input.body.range().start as u32);
                glance(&mut codegen.scan, batch.module, &input);
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
        self.codegen.append_to(output, |codegen| trampoline::build(codegen, module, *trampoline))
    }
}
