//! The compile worker: compiles one module with LLVM and ends. `wasmer` starts it; the protocol is in `src/worker/protocol.rs`.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use wasmer_cli::protocol::{Failure, Line, fingerprint, ir_request, key_from_hex};
use wasmer_runtime::{
    BackendId, Batch, CompileError, Compiler, Cpu, CpuFeatures, Engine, EngineConfig, Error, IrRequest, KeyHasher,
    ModuleInfo, Output, Trampoline, WasmFeatures, Worker,
};

/// In the place of the C library's too, of which LLVM asks for a seventh of its time when two threads compile.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A worker whose parent was killed would go on for nobody.
    // SAFETY: only sets an attribute of this process.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    match compile() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let failure = Failure::from(error);
            let line = serde_json::to_string(&failure).unwrap_or_else(|_| format!("{failure:?}"));
            // Nothing can be said if standard error is closed.
            let _ = writeln!(std::io::stderr(), "{line}");
            ExitCode::FAILURE
        }
    }
}

fn compile() -> Result<(), CompileError> {
    let options = Options::parse(std::env::args_os().skip(1))?;
    let cpu: Cpu = options.text("--cpu")?.parse().map_err(|error| refused(&format!("cannot read `--cpu`: {error}")))?;
    if options.text("--fingerprint")? != fingerprint(cpu) {
        return Err(refused("is another version than `wasmer`, or runs on another processor"));
    }
    let number = |name| options.text(name)?.parse::<u64>().map_err(|_| refused(&format!("cannot read `{name}`")));
    let features =
        WasmFeatures::from_bits(number("--features")?).ok_or_else(|| refused("does not know the features"))?;
    let wasm =
        fs::read(options.get("--module")?).map_err(|error| refused(&format!("cannot read the module: {error}")))?;

    let llvm = wasmer_runtime::backend::llvm(cpu).map_err(|error| refused(&format!("cannot work: {error}")))?;
    let config = EngineConfig::new(Announcing(llvm)).features(features).fuel(options.get("--fuel").is_ok());
    let config = config.every_place(options.get("--every-place").is_ok());
    let engine = |config| Engine::new(config).map_err(compile_error);
    let written = if options.get("--ir").is_ok() {
        let request = ir_request(options.text("--ir")?, options.text("--functions")?);
        let request = request.ok_or_else(|| refused("cannot read `--ir` and `--functions`"))?;
        fs::write(options.get("--output")?, engine(config)?.emit_ir(&wasm, &request).map_err(compile_error)?)
    } else {
        let key = key_from_hex(options.text("--key")?).ok_or_else(|| refused("cannot read `--key`"))?;
        let config = config.threads(usize::try_from(number("--threads")?).unwrap_or(1));
        let progress = |done, total| say(Line::Progress(done, total));
        let image = engine(config)?.compile(&wasm, key, Some(&progress)).map_err(compile_error)?;
        fs::write(options.get("--output")?, image.as_bytes())
    };
    written.map_err(|error| refused(&format!("cannot write its output: {error}")))
}

fn compile_error(error: Error) -> CompileError {
    match error {
        Error::Compile(error) => *error,
        other => refused(&format!("cannot work: {other}")),
    }
}

fn refused(what: &str) -> CompileError {
    CompileError::Worker(what.to_owned())
}

/// Pairs of a name and a value.
struct Options(HashMap<OsString, OsString>);

impl Options {
    fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Self, CompileError> {
        let mut options = HashMap::new();
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| refused("is started by `wasmer`, not by hand"))?;
            options.insert(name, value);
        }
        Ok(Self(options))
    }

    fn get(&self, name: &str) -> Result<&OsString, CompileError> {
        self.0.get(std::ffi::OsStr::new(name)).ok_or_else(|| refused("is started by `wasmer`, not by hand"))
    }

    fn text(&self, name: &str) -> Result<&str, CompileError> {
        self.get(name)?.to_str().ok_or_else(|| refused(&format!("cannot read `{name}`")))
    }
}

/// One line at once, whichever thread says it.
fn say(line: Line) {
    // Without a listener there is nobody to compile for, and its end ends this process.
    let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
}

/// LLVM, saying which functions it compiles, so that the command knows where a crash was.
struct Announcing(Arc<dyn Compiler>);

// SAFETY: all code is of the compiler inside.
unsafe impl Compiler for Announcing {
    fn id(&self) -> BackendId {
        self.0.id()
    }

    fn fingerprint(&self, key: &mut KeyHasher) {
        self.0.fingerprint(key);
    }

    fn cpu_features(&self) -> CpuFeatures {
        self.0.cpu_features()
    }

    fn batch_bytes(&self, left: usize) -> usize {
        self.0.batch_bytes(left)
    }

    fn worker(&self) -> Box<dyn Worker + '_> {
        Box::new(AnnouncingWorker(self.0.worker()))
    }

    fn ir_name(&self) -> Option<&'static str> {
        self.0.ir_name()
    }
}

struct AnnouncingWorker<'a>(Box<dyn Worker + 'a>);

// SAFETY: all code is of the worker inside.
unsafe impl Worker for AnnouncingWorker<'_> {
    fn functions(&mut self, batch: &mut Batch<'_>, output: &mut Output) -> Result<(), CompileError> {
        announced(batch, |batch| self.0.functions(batch, output))
    }

    fn emit_ir(&mut self, batch: &mut Batch<'_>, request: &IrRequest, text: &mut String) -> Result<(), CompileError> {
        announced(batch, |batch| self.0.emit_ir(batch, request, text))
    }

    fn trampoline(
        &mut self,
        module: &ModuleInfo,
        trampoline: &Trampoline,
        output: &mut Output,
    ) -> Result<(), CompileError> {
        self.0.trampoline(module, trampoline, output)
    }
}

/// Does something with the functions of a batch, saying which they are.
fn announced(
    batch: &mut Batch<'_>,
    action: impl FnOnce(&mut Batch<'_>) -> Result<(), CompileError>,
) -> Result<(), CompileError> {
    let functions: Vec<_> = (&mut *batch.functions).collect();
    let index = |defined| batch.module.func_index(defined).0;
    let range = functions.first().zip(functions.last()).map(|(first, last)| (index(first.index), index(last.index)));
    if let Some((first, last)) = range {
        say(Line::Start(first, last));
    }
    let mut functions = functions.into_iter();
    action(&mut Batch { module: batch.module, functions: &mut functions })?;
    if let Some((first, _)) = range {
        say(Line::End(first));
    }
    Ok(())
}
