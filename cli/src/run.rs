//! `wasmer run`.

use crate::exit::ExitCode;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use wasmer_runtime::wasi::{DirGrant, ExitStatus, WasiCtx, WasiCtxBuilder, add_imports_to_linker};
use wasmer_runtime::{
    Cpu, Engine, Error, Extern, ExternType, FuncType, Instance, InterruptHandle, Linker, Module, Profile, Store,
    StoreLimits, TrapCode, Val, ValType,
};

use crate::args::{ProfileArg, RunArgs};
use crate::load::{ARTIFACT_ENDING, config, load, load_artifact, read_with_lines};
use crate::{exit, output, source, suggest};

/// The export that starts a command.
const START: &str = "_start";
/// The export that initialises a reactor.
const INITIALIZE: &str = "_initialize";

/// Runs a program and returns its status.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let mut config = config(&args.backend, &args.features, Cpu::Native, args.compile_timeout)?;
    if let Some(bytes) = args.stack_size {
        config = config.stack_bytes(usize::try_from(bytes)?);
    }
    if let Some(profile) = args.profile {
        config = config.profile(match profile {
            ProfileArg::Perfmap => Profile::PerfMap,
            ProfileArg::Jitdump => Profile::JitDump,
        });
    }
    let engine = Engine::new(config)?;
    let module = if args.module().extension().is_some_and(|ending| ending == ARTIFACT_ENDING) {
        load_artifact(&engine, args.module(), args.allow_precompiled)?
    } else {
        load(&engine, args.module(), &args.cache, args.verbose)?
    };

    let mut limits = StoreLimits::default();
    if let Some(bytes) = args.max_memory {
        limits.memory_bytes_max = bytes;
    }
    // The process ends with the program; the system is quicker at cleaning up than we are.
    let module = ManuallyDrop::new(module);
    let mut store = ManuallyDrop::new(Store::with_limits(&engine, wasi(args)?, limits));
    let interrupted = store.interrupt_handle();
    store.data_mut().set_interrupt_check(Some(Box::new(move || interrupted.is_interrupted())));
    let timer = args.timeout.map(|timeout| Timer::start(timeout, store.interrupt_handle()));

    let started = Instant::now();
    let instance = instantiate(&module, &mut store);
    let ready = Instant::now();
    let result = instance.and_then(|instance| execute(args, &module, instance, &mut store));
    let ended = Instant::now();
    if args.verbose {
        output::phase("start", ready - started);
        output::phase("run", ended - ready);
    }
    if let Some(path) =
        args.timings.as_ref().filter(|_| result.as_ref().err().is_none_or(|error| status(error).is_some()))
    {
        let took = (ended - started).as_secs_f64() * 1e3;
        std::fs::write(path, took.to_string()).with_context(|| format!("could not write `{}`", path.display()))?;
    }
    let timed_out = timer.is_some_and(Timer::stop);
    match result {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => failed(error, args, timed_out),
    }
}

fn instantiate(module: &Module, store: &mut Store<WasiCtx>) -> anyhow::Result<Instance> {
    let mut linker = Linker::new();
    add_imports_to_linker(&mut linker, module, |context: &mut WasiCtx| context)?;
    linker.instantiate(store, module).map_err(|error| match error {
        Error::Link(message) => anyhow::anyhow!(
            "{message}\nhint: a program finds WASI preview 1 here and nothing else; `wasmer inspect` lists its imports"
        ),
        other => other.into(),
    })
}

fn execute(args: &RunArgs, module: &Module, instance: Instance, store: &mut Store<WasiCtx>) -> anyhow::Result<()> {
    if let Some(name) = &args.invoke {
        if let Ok(initialize) = instance.typed_func::<(), ()>(store, INITIALIZE) {
            initialize.call(store, ())?;
        }
        return invoke(name, args, module, instance.export(store, name), store);
    }
    if let Ok(start) = instance.typed_func::<(), ()>(store, START) {
        return Ok(start.call(store, ())?);
    }
    if let Ok(initialize) = instance.typed_func::<(), ()>(store, INITIALIZE) {
        return Ok(initialize.call(store, ())?);
    }
    // A module without either has run what it wanted to run at its start.
    if module.has_start() {
        return Ok(());
    }
    bail!(
        "`{}` is not a program: it exports no function `{START}`\n\
         hint: `--invoke NAME` calls an exported function, `wasmer inspect` shows which there are",
        args.module().display()
    )
}

fn invoke(
    name: &str,
    args: &RunArgs,
    module: &Module,
    export: Option<Extern>,
    store: &mut Store<WasiCtx>,
) -> anyhow::Result<()> {
    let Some(Extern::Func(func)) = export else {
        let known: Vec<_> = module.exports().filter(|export| matches!(export.ty, ExternType::Func(_))).collect();
        let known = known.iter().map(|export| export.name.as_str());
        let hint = suggest::hint(name, known, "`wasmer inspect` shows which there are");
        bail!("`{}` exports no function `{name}`{hint}", args.module().display());
    };
    let ty = func.ty(store)?;
    let params = arguments(name, &ty, args)?;
    let mut results = vec![Val::I32(0); ty.results.len()];
    func.call(store, &params, &mut results)?;
    let text: String = results.iter().map(|result| describe(result) + "\n").collect();
    Ok(output::data(text)?)
}

fn arguments(name: &str, ty: &FuncType, args: &RunArgs) -> anyhow::Result<Vec<Val>> {
    if args.args().len() != ty.params.len() {
        bail!("`{name}` has type {ty}: it takes {} arguments, not {}", ty.params.len(), args.args().len());
    }
    let parse = |(text, ty): (&std::ffi::OsString, &ValType)| {
        let text = text.to_str().with_context(|| format!("the argument {text:?} is not UTF-8"))?;
        let value = match ty {
            ValType::I32 => text.parse().or_else(|_| text.parse::<u32>().map(|value| value as i32)).ok().map(Val::I32),
            ValType::I64 => text.parse().or_else(|_| text.parse::<u64>().map(|value| value as i64)).ok().map(Val::I64),
            ValType::F32 => text.parse::<f32>().ok().map(Val::from),
            ValType::F64 => text.parse::<f64>().ok().map(Val::from),
            ValType::V128 => text.parse().ok().map(Val::V128),
            ValType::Ref(_) => bail!("a reference of type {ty} cannot be given on a command line"),
        };
        value.with_context(|| format!("`{text}` is not a value of type {ty}"))
    };
    args.args().iter().zip(&ty.params).map(parse).collect()
}

fn describe(value: &Val) -> String {
    match value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(bits) => f32::from_bits(*bits).to_string(),
        Val::F64(bits) => f64::from_bits(*bits).to_string(),
        Val::V128(bits) => bits.to_string(),
        Val::FuncRef(None) | Val::ExternRef(None) => "null".to_owned(),
        Val::FuncRef(Some(_)) => "funcref".to_owned(),
        Val::ExternRef(Some(_)) => "externref".to_owned(),
    }
}

/// What the guest may reach: what the command line grants, and nothing else.
fn wasi(args: &RunArgs) -> anyhow::Result<WasiCtx> {
    let mut builder = WasiCtxBuilder::new().inherit_stdio().arg(program_name(args.module()));
    if args.invoke.is_none() {
        builder = builder.args(args.args());
    }
    for file in &args.env_file {
        for (name, value) in env_file(file)? {
            builder = builder.env(name, value);
        }
    }
    for variable in &args.env {
        builder = match variable.split_once('=') {
            Some((name, value)) => builder.env(name, value),
            None => match std::env::var_os(variable) {
                Some(value) => builder.env(variable, value),
                None => bail!("`--env {variable}` asks for a variable that is not set here"),
            },
        };
    }
    for dir in &args.dir {
        builder = builder.dir_grant(DirGrant::parse(dir));
    }
    for address in &args.tcplisten {
        let listener =
            std::net::TcpListener::bind(address).with_context(|| format!("could not listen on `{address}`"))?;
        builder = builder.listener(listener);
    }
    if let Some(count) = args.max_open_files {
        builder = builder.open_files_max(count);
    }
    if let Some(bytes) = args.max_output {
        builder = builder.output_bytes_max(bytes);
    }
    Ok(builder.build()?)
}

fn program_name(module: &Path) -> std::ffi::OsString {
    module.file_name().unwrap_or(module.as_os_str()).to_owned()
}

/// NAME=VALUE lines; empty lines and lines that start with `#` are passed over.
fn env_file(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("could not read `{}`", path.display()))?;
    let mut variables = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let (name, value) = line
            .split_once('=')
            .with_context(|| format!("line {} of `{}` is not NAME=VALUE", number + 1, path.display()))?;
        variables.push((name.trim().to_owned(), value.to_owned()));
    }
    Ok(variables)
}

/// The status that the program ended itself with.
fn status(error: &anyhow::Error) -> Option<i32> {
    let ExitStatus(status) = error.downcast_ref::<Error>()?.downcast_host()?;
    Some(*status)
}

/// The status of a run that did not end by itself, with what there is to say about it.
fn failed(error: anyhow::Error, args: &RunArgs, timed_out: bool) -> anyhow::Result<ExitCode> {
    if let Some(status) = status(&error) {
        return Ok(ExitCode::from(u8::try_from(status & 0xff).unwrap_or(exit::FAILURE)));
    }
    let Some(trap) = error.downcast_ref::<Error>().and_then(Error::as_trap) else { return Err(error) };
    if timed_out && trap.code == TrapCode::Interrupted {
        let limit = args.timeout.unwrap_or_default();
        output::error(&anyhow::anyhow!("`{}` was ended: it ran longer than {limit:?}", args.module().display()));
        return Ok(ExitCode::from(exit::TIMEOUT));
    }
    let module = args.module().display();
    let mut backtrace = trap.backtrace.clone();
    if backtrace.frames.is_empty() {
        output::error(&anyhow::anyhow!("`{module}` trapped: {}", trap.code));
    } else {
        // Standard input is gone, and an artifact has no debug information.
        if let Ok(wasm) = read_with_lines(args.module()) {
            source::add_lines(&mut backtrace, &wasm);
        }
        output::error(&anyhow::anyhow!("`{module}` trapped: {}\n{backtrace}", trap.code));
    }
    Ok(ExitCode::from(exit::TRAP))
}

/// After what time a program that was interrupted and goes on is interrupted again.
const REPEAT: Duration = Duration::from_millis(20);

/// Interrupts a store after a time, unless stopped before.
struct Timer {
    stop: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<bool>,
}

impl Timer {
    fn start(timeout: Duration, handle: InterruptHandle) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let is_over =
                |time| stopped.recv_timeout(time).is_err_and(|error| error == mpsc::RecvTimeoutError::Timeout);
            if !is_over(timeout) {
                return false;
            }
            handle.interrupt();
            // A signal that comes just before the guest's thread blocks in a system call does not wake it.
            while is_over(REPEAT) {
                handle.interrupt();
            }
            true
        });
        Self { stop, thread }
    }

    /// Ends the timer and says whether the time was up.
    fn stop(self) -> bool {
        // The thread may have ended already; then there is nobody to tell.
        let _ = self.stop.send(());
        self.thread.join().unwrap_or(false)
    }
}
