//! `wasmer run`.

use crate::exit::ExitCode;
use std::ffi::OsString;
use std::fs::File;
use std::io::BufWriter;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context;
use wasmer_runtime::cached::Program;
use wasmer_runtime::component::abi_trap;
use wasmer_runtime::wasi::{ExitStatus, WasiCtx, add_imports_to_linker};
use wasmer_runtime::wasi_p2::WasiTrap;
use wasmer_runtime::{
    Backtrace, Error, Instance, InterruptHandle, Limit, LimitError, Linker, Module, Store, Trap, TrapCode, Val, wast,
};

use crate::args::RunArgs;
use crate::entry::{Call, Entry, INITIALIZE, quoted};
use crate::grants::{Granted, limits};
use crate::load::{ARTIFACT_ENDING, Loaded, load, load_artifact, read_with_lines};
use crate::patience::{is_stream, within};
use crate::tier::{Background, Plan};
use crate::timings::{Code, Timings};
use crate::units::no_address;
use crate::{c_stack, component, debugger, exit, imports, output, package, source, trace};

/// Runs a program and returns its status.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let plan = Plan::of(args)?;
    let (module, mut behind) = match program(args, &plan)? {
        (Program::Module(module), behind) => (module, behind),
        (Program::Component(component), _) => return component::run(args, &component),
    };
    component::refuse_options(args)?;
    if args.debugger {
        debugger::tell(&module, args.file())?;
    }
    let engine = module.engine().clone();
    let mut linker = Linker::new();
    add_imports_to_linker(&mut linker, &module, |context: &mut WasiCtx| context)?;
    if args.trap_unknown_imports {
        linker.define_unknown_functions_as_traps(&module)?;
    }
    if let Some(which) = args.trace_calls {
        trace::imports(&mut linker, which);
    }
    warn_of_misplaced_options(args, &module);
    // What is missing matters more than how it would be entered.
    let entry = Entry::of(args, &module).map_err(|error| imports::missing(&linker, &module).unwrap_or(error))?;
    // The process ends with the program; the system is quicker at cleaning up than we are.
    let module = ManuallyDrop::new(module);
    let mut store =
        ManuallyDrop::new(Store::with_limits(&engine, wasi(args, entry.takes_words())?, limits(&args.limits)));
    if let Some(fuel) = args.fuel {
        store.set_fuel(fuel)?;
    }
    let interrupted = store.interrupt_handle();
    store.data_mut().set_interrupt_check(Some(Box::new(move || interrupted.is_interrupted())));
    let timer = args.timeout.map(|timeout| Timer::start(timeout, store.interrupt_handle()));

    let started = Instant::now();
    behind.look_after();
    let instance = linker.instantiate(&mut *store, &module).map_err(|error| match error {
        error @ Error::Link(_) => imports::missing(&linker, &module).unwrap_or_else(|| error.into()),
        Error::Limit(limit) => beyond(*limit),
        error => error.into(),
    });
    let ready = Instant::now();
    let made = instance.as_ref().ok().copied();
    let result = instance.and_then(|instance| execute(&entry, instance, &mut store, trace::Exports::of(args)));
    let ended = Instant::now();
    if args.verbose {
        output::phase("start", ready - started);
        output::phase("run", ended - ready);
        tell_counts(args, &module, &store)?;
    }
    write_timings(args, ended - started, || Code::of(&module), result.as_ref().err())?;
    for what in behind.ended() {
        if args.verbose {
            output::note(&format!("  {what}"));
        }
    }
    let timed_out = timer.is_some_and(Timer::stop);
    match result {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            if let Some(path) = args.core_dump.as_ref().filter(|_| status(&error).is_none()) {
                core_dump(path, args, made, &mut store, &error);
            }
            let hint = |trap: &Trap| c_stack::hint(args.file(), made?, &store, trap);
            failed(error, args, timed_out, hint)
        }
    }
}

/// Writes for `wasmer bench` how long a program took that ended by itself, and on whose code.
pub(crate) fn write_timings(
    args: &RunArgs,
    took: Duration,
    code: impl FnOnce() -> Code,
    failure: Option<&anyhow::Error>,
) -> anyhow::Result<()> {
    let Some(path) = args.timings.as_ref().filter(|_| failure.is_none_or(|error| status(error).is_some())) else {
        return Ok(());
    };
    let timings = Timings { run: took.as_secs_f64() * 1e3, code: code() };
    std::fs::write(path, serde_json::to_vec(&timings)?).with_context(|| format!("could not write `{}`", path.display()))
}

/// Runs a component that sends requests. It is the program that `wasmer run` has found to be one.
#[cfg(feature = "serve")]
pub(crate) fn run_with_http(args: &RunArgs) -> anyhow::Result<ExitCode> {
    match program(args, &Plan::of(args)?)? {
        (Program::Component(component), _) => component::run_with_http(args, &component),
        (Program::Module(_), _) => anyhow::bail!("`{}` has become a module meanwhile", args.module().display()),
    }
}

/// Options behind a module are the program's. Only one that asks for its words can mean them.
fn warn_of_misplaced_options(args: &RunArgs, module: &Module) {
    let has_options = args.args().iter().any(|word| word.as_encoded_bytes().starts_with(b"--"));
    if has_options
        && !module.imports().any(|import| import.name == "args_get")
        && let Some(option) = args.misplaced()
    {
        output::warning(&format!(
            "`{option}` stands behind the module, where it is the program's; options of `wasmer` stand before it"
        ));
    }
}

/// What `--verbose` says of a run beside its times.
fn tell_counts(args: &RunArgs, module: &Module, store: &Store<WasiCtx>) -> anyhow::Result<()> {
    if let Some(compiled) = module.functions_compiled() {
        output::note(&format!("  functions compiled: {compiled}"));
    }
    if let Some(fuel) = args.fuel {
        let left = store.fuel()?;
        output::note(&format!("  fuel: {} used, {left} left", fuel - left));
    }
    Ok(())
}

/// What the command line names, and what goes on behind it. Nothing does behind components.
fn program(args: &RunArgs, plan: &Plan<'_>) -> anyhow::Result<(Program, Background)> {
    let path = args.file();
    if path.extension().is_some_and(|ending| ending == ARTIFACT_ENDING) {
        let engine = plan.tiers.compiling()?;
        let program = within(args.timeout, path, || load_artifact(engine, path, args.allow_precompiled))?;
        return Ok((program, Background::default()));
    }
    let loaded = load(plan, path, &args.cache, args.verbose, args.timeout);
    let Loaded { program, cache, content } = loaded.map_err(|error| match args.detached() {
        Some(option) if !path.exists() => anyhow::anyhow!("{error:#}\nhint: `{option}` is written with `=`"),
        _ => package::named(error, args.module(), path),
    })?;
    let Program::Module(module) = &program else { return Ok((program, Background::default())) };
    let known = cache.zip(content).filter(|_| !is_stream(path));
    let behind = known.map(|(cache, content)| Background::of(plan.policy, cache, module, content, path));
    Ok((program, behind.unwrap_or_default()))
}

/// What is said of a limit: the option that allows more, if there is one.
pub(crate) fn beyond(limit: LimitError) -> anyhow::Error {
    match option(limit.what) {
        Some(option) => anyhow::anyhow!("{limit}\nhint: `{option}` with a larger one allows it"),
        None => limit.into(),
    }
}

/// The option that allows more.
fn option(limit: Limit) -> Option<&'static str> {
    match limit {
        Limit::MemoryBytes => Some("--max-memory SIZE"),
        Limit::TotalBytes => Some("--max-total-memory SIZE"),
        Limit::TableElements | Limit::TotalTableElements => Some("--max-table-elements N"),
        Limit::GcHeapBytes => Some("--max-gc-heap SIZE"),
        _ => None,
    }
}

fn execute(
    entry: &Entry,
    instance: Instance,
    store: &mut Store<WasiCtx>,
    traced: trace::Exports,
) -> anyhow::Result<()> {
    if entry.initialize {
        let initialize = instance.typed_func::<(), ()>(store, INITIALIZE)?;
        traced.call(INITIALIZE, &[], || Ok((initialize.call(store, ())?, Vec::new())))?;
    }
    match &entry.call {
        Call::Nothing => Ok(()),
        Call::Program(name) => {
            let program = instance.typed_func::<(), ()>(store, name)?;
            traced.call(name, &[], || Ok((program.call(store, ())?, Vec::new())))
        }
        Call::Function { name, params } => {
            let func = instance.func(store, name).with_context(|| format!("the export {} is gone", quoted(name)))?;
            let mut results = vec![Val::I32(0); func.ty(store)?.results.len()];
            traced.call(name, params, || {
                func.call(store, params, &mut results)?;
                Ok(((), results.clone()))
            })?;
            let text: String = results.iter().map(|result| wast::text(result) + "\n").collect();
            output::data(text)
        }
    }
}

/// What the guest may reach: what the command line grants, and nothing else.
pub(crate) fn wasi(args: &RunArgs, takes_words: bool) -> anyhow::Result<WasiCtx> {
    let granted = Granted::of(&args.grants, &args.limits, args.timeout)?;
    let mut builder = granted.builder().inherit_stdio().end_at_closed_pipe();
    builder = builder.arg(args.argv0.clone().unwrap_or_else(|| program_name(&package::name(args.module()))));
    if takes_words {
        builder = builder.args(args.args());
    }
    for address in &args.tcplisten {
        let listener = std::net::TcpListener::bind(address).map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidInput => anyhow::Error::from(exit::Usage(no_address(address))),
            _ => anyhow::Error::from(error).context(format!("could not listen on `{address}`")),
        })?;
        builder = builder.listener(listener);
    }
    granted.build(builder)
}

fn program_name(module: &Path) -> OsString {
    module.file_name().unwrap_or(module.as_os_str()).to_owned()
}

/// Writes what a program left that was ended: a file that cannot be written changes nothing of how the program is reported.
fn core_dump(path: &Path, args: &RunArgs, made: Option<Instance>, store: &mut Store<WasiCtx>, error: &anyhow::Error) {
    let Some(backtrace) = error.downcast_ref::<Error>().and_then(Error::backtrace) else { return };
    let Some(instance) = made else {
        return output::warning("there is no core dump: the program was ended before there was an instance");
    };
    let wasm = read_with_lines(args.file()).ok();
    let name = args.module().to_string_lossy();
    let written = File::create(path).map_err(anyhow::Error::from).and_then(|file| {
        let mut out = BufWriter::new(file);
        Ok(instance.core_dump(store, &name, wasm.as_deref(), backtrace, &mut out)?)
    });
    match written {
        Ok(()) => output::note(&format!("note: `{}` has a core dump", path.display())),
        Err(error) => output::warning(&format!("could not write a core dump to `{}`: {error}", path.display())),
    }
}

/// The status that the program ended itself with.
fn status(error: &anyhow::Error) -> Option<i32> {
    let ExitStatus(status) = error.downcast_ref::<Error>()?.downcast_host()?;
    Some(*status)
}

/// The status of a run that did not end by itself, with what there is to say about it.
pub(crate) fn failed(
    error: anyhow::Error,
    args: &RunArgs,
    timed_out: bool,
    hint: impl FnOnce(&Trap) -> Option<String>,
) -> anyhow::Result<ExitCode> {
    if let Some(status) = status(&error) {
        return Ok(ExitCode::from(u8::try_from(status & 0xff).unwrap_or(exit::FAILURE)));
    }
    let module = args.module().display();
    let failure = error.downcast_ref::<Error>();
    if let Some(uncaught) = failure.and_then(Error::as_exception) {
        let values: Vec<_> = uncaught.values.iter().map(wast::text).collect();
        report(
            &format!("`{module}` threw an exception that nothing caught: ({})", values.join(", ")),
            &uncaught.backtrace,
            args,
        );
        return Ok(ExitCode::from(exit::TRAP));
    }
    let broken = |failure: &Error| {
        let of_wasi = || failure.downcast_host::<WasiTrap>().map(ToString::to_string);
        abi_trap(failure).map(ToString::to_string).or_else(of_wasi)
    };
    if let Some((failure, trap)) = failure.and_then(|failure| Some((failure, broken(failure)?))) {
        let backtrace = failure.backtrace().cloned().unwrap_or_default();
        report(&format!("`{module}` trapped: {trap}"), &backtrace, args);
        return Ok(ExitCode::from(exit::TRAP));
    }
    if let Some(Error::Host(failure)) = failure {
        let causes = anyhow::Chain::new(&*failure.error).map(ToString::to_string).collect::<Vec<_>>();
        report(&format!("`{module}` was ended: {}", causes.join(": ")), &failure.backtrace, args);
        return Ok(ExitCode::from(exit::FAILURE));
    }
    let Some(trap) = failure.and_then(Error::as_trap) else { return Err(error) };
    let (what, status) = if timed_out && trap.code == TrapCode::Interrupted {
        let limit = args.timeout.unwrap_or_default();
        (format!("`{module}` was ended: it ran longer than {limit:?}"), exit::TIMEOUT)
    } else {
        (format!("`{module}` trapped: {}", trap.reason()), exit::TRAP)
    };
    report(&what, &trap.backtrace, args);
    if let Some(hint) = hint(trap) {
        output::note(&hint);
    }
    Ok(ExitCode::from(status))
}

/// Says what ended a program, and where it was.
fn report(what: &str, backtrace: &Backtrace, args: &RunArgs) {
    if backtrace.frames.is_empty() {
        return output::error(&anyhow::anyhow!("{what}"));
    }
    let mut backtrace = backtrace.clone();
    // An artifact has no debug information.
    let outcome = read_with_lines(args.file()).map(|wasm| source::add_lines(&mut backtrace, &wasm));
    output::error(&anyhow::anyhow!("{what}\n{}", backtrace.lines()));
    if outcome.is_ok_and(|outcome| outcome == source::Outcome::GaveUp) {
        output::note(
            "note: the debug information is out of proportion to the module, so not all of it was read for source lines",
        );
    }
}

/// After what time a program that was interrupted and goes on is interrupted again.
const REPEAT: Duration = Duration::from_millis(20);

/// Interrupts a store after a time, unless stopped before.
pub(crate) struct Timer {
    stop: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<bool>,
}

impl Timer {
    pub(crate) fn start(timeout: Duration, handle: InterruptHandle) -> Self {
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
    pub(crate) fn stop(self) -> bool {
        // The thread may have ended already; then there is nobody to tell.
        let _ = self.stop.send(());
        self.thread.join().unwrap_or(false)
    }
}
