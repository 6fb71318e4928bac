//! `wasmer run` of components.

use std::mem::ManuallyDrop;
use std::time::Instant;

use anyhow::{Context, bail};
use wasmer_runtime::component::{Component, ComponentFunc, ComponentInstance, ComponentLinker, Import, Val};
use wasmer_runtime::wasi_p2::{WasiP2, add_imports_to_linker};
use wasmer_runtime::{Error, Store};

use crate::args::RunArgs;
use crate::exit::ExitCode;
use crate::grants::{limits, net};
use crate::patience::is_stream;
use crate::run::{Timer, beyond, failed};
use crate::timings::Code;
use crate::{exit, output, run, serve};

/// What a command exports: any compatible version of it.
const RUN: &str = "wasi:cli/run@0.2.0#run";
/// What a server exports.
const SERVED: &str = "wasi:http/incoming-handler@0.2.0#handle";
/// So many missing imports are written out.
const MISSING_MAX: usize = 4;

/// Fails if there are options that mean nothing for a module.
pub(crate) fn refuse_options(args: &RunArgs) -> anyhow::Result<()> {
    if !args.grants.net.is_empty() {
        bail!("`--net` is for components: a module makes no sockets\nhint: `--tcplisten ADDRESS:PORT` gives it one");
    }
    Ok(())
}

/// What a component may reach: what the command line grants, and nothing else.
fn wasi(args: &RunArgs) -> anyhow::Result<WasiP2> {
    if !args.tcplisten.is_empty() {
        bail!(
            "a component makes its sockets itself\nhint: `--net ADDRESS:PORT` lets it listen there; `--tcplisten` is for modules"
        );
    }
    let net = net(&args.grants)?;
    Ok(WasiP2::with_net(run::wasi(args, args.invoke.as_deref().is_none_or(is_call))?, net))
}

/// How the names of interfaces begin that only the program with a network has.
const HTTP: &str = "wasi:http/";

/// Runs a component and returns its status.
pub(crate) fn run(args: &RunArgs, component: &Component) -> anyhow::Result<ExitCode> {
    let is_program = args.invoke.is_some() || component.exports_func(RUN);
    let uses_http = is_program && component.info().imports.iter().any(|import| import.path[0].starts_with(HTTP));
    if uses_http && !args.grants.net.is_empty() {
        if is_stream(args.file()) {
            bail!(
                "a component that sends requests of HTTP has to be read twice, so it cannot come through a pipe\nhint: give a file"
            );
        }
        return serve::hand_over();
    }
    let mut linker = ComponentLinker::new();
    add_imports_to_linker(&mut linker, component, |wasi: &mut WasiP2| wasi)?;
    if uses_http {
        // Some tools have every program import it.
        linker.define_some_imports_as_traps(component, not_granted)?;
    }
    run_linked(args, component, &linker, wasi, |wasi| wasi)
}

/// What ends a program that calls a function of HTTP, if nothing allows requests.
fn not_granted(import: &Import) -> Option<String> {
    import.path[0].starts_with(HTTP).then(|| {
        format!(
            "it called {}, and nothing says where it may send requests\n\
             hint: `--net HOST[:PORT]` allows requests to that host, `--net '*'` to all",
            import.describe()
        )
    })
}

/// Runs a component that sends requests, in the program that knows a network.
#[cfg(feature = "serve")]
pub(crate) fn run_with_http(args: &RunArgs, component: &Component) -> anyhow::Result<ExitCode> {
    use wasmer_runtime::wasi_http::{self, Sender, WasiHttp};

    let sender =
        Sender::new(net(&args.grants)?, serve::certificates().as_deref()).context("could not begin to send")?;
    let mut linker = ComponentLinker::new();
    wasi_http::add_imports_to_linker(&mut linker, component, |http: &mut WasiHttp| http)?;
    run_linked(args, component, &linker, |args| Ok(sender.ctx(wasi(args)?)?), WasiHttp::p2_mut)
}

/// Runs a component in a store of what `data` makes, in which `wasi` finds its context.
fn run_linked<T: Send + 'static>(
    args: &RunArgs,
    component: &Component,
    linker: &ComponentLinker<T>,
    data: impl FnOnce(&RunArgs) -> anyhow::Result<T>,
    wasi: fn(&mut T) -> &mut WasiP2,
) -> anyhow::Result<ExitCode> {
    if args.core_dump.is_some() {
        bail!("`--core-dump` is for modules: the format has no place for components");
    }
    if args.trace_calls.is_some() {
        bail!("`--trace-calls` is for modules: calls of components are not traced");
    }
    if args.debugger {
        bail!("`--debugger` is for modules: debuggers are not told of components");
    }
    missing(linker, component)?;
    let engine = component.engine().clone();
    // The process ends with the program; the system is quicker at cleaning up than we are.
    let mut store = ManuallyDrop::new(Store::with_limits(&engine, data(args)?, limits(&args.limits)));
    if let Some(fuel) = args.fuel {
        store.set_fuel(fuel)?;
    }
    let interrupted = store.interrupt_handle();
    wasi(store.data_mut()).ctx_mut().set_interrupt_check(Some(Box::new(move || interrupted.is_interrupted())));
    let timer = args.timeout.map(|timeout| Timer::start(timeout, store.interrupt_handle()));
    let started = Instant::now();
    let instance = linker.instantiate(&mut *store, component).map_err(|error| match error {
        Error::Limit(limit) => beyond(*limit),
        error => error.into(),
    });
    let ready = Instant::now();
    let result = instance.and_then(|instance| execute(args, &instance, &mut store));
    let ended = Instant::now();
    if args.verbose {
        output::phase("start", ready - started);
        output::phase("run", ended - ready);
    }
    let code = || component.modules().iter().next().map(Code::of).unwrap_or_default();
    run::write_timings(args, ended - started, code, result.as_ref().err())?;
    let timed_out = timer.is_some_and(Timer::stop);
    match result {
        Ok(status) => Ok(ExitCode::from(status)),
        Err(error) => failed(error, args, timed_out, |_| None),
    }
}

/// The error that there is if a component imports what is not there.
fn missing<T: 'static>(linker: &ComponentLinker<T>, component: &Component) -> anyhow::Result<()> {
    let missing = linker.missing(component);
    let shown = missing.iter().take(MISSING_MAX).cloned().collect::<Vec<_>>().join("\n");
    match missing.len() {
        0 => Ok(()),
        _ if component.exports_func(SERVED) => {
            bail!("the component answers requests of HTTP and is no program\nhint: `wasmer serve` serves it")
        }
        count if count > MISSING_MAX => bail!("{shown}\nand {} more imports are not defined", count - MISSING_MAX),
        _ => bail!("{shown}"),
    }
}

fn execute<T: Send + 'static>(
    args: &RunArgs,
    instance: &ComponentInstance,
    store: &mut Store<T>,
) -> anyhow::Result<u8> {
    let Some(name) = &args.invoke else { return command(args, instance, store) };
    let func = find(instance, store, called(name))?;
    let params = if is_call(name) {
        func.parse_call(name)?
    } else {
        let words = args.args().iter();
        let words = words.map(|word| word.to_str().with_context(|| format!("the argument {word:?} is not UTF-8")));
        func.parse_args(words.collect::<anyhow::Result<Vec<_>>>()?.into_iter())?
    };
    if let Some(result) = func.call(store, &params)? {
        output::data(format!("{result}\n"))?;
    }
    Ok(exit::SUCCESS)
}

/// The exported function of a name, in which versions may be left out where that leaves one to choose.
fn find<T: Send + 'static>(
    instance: &ComponentInstance,
    store: &mut Store<T>,
    name: &str,
) -> anyhow::Result<ComponentFunc> {
    let error = match instance.func(store, name) {
        Ok(func) => return Ok(func),
        Err(error) => error,
    };
    let all: Vec<String> = instance.funcs().collect();
    let versions: Vec<&str> = all.iter().map(String::as_str).filter(|full| unversioned(full) == name).collect();
    match &versions[..] {
        [] => Err(error).with_context(|| format!("there are `{}`", all.join("`, `"))),
        [one] => Ok(instance.func(store, one)?),
        _ => bail!("there are several versions of `{name}`\nhint: say which: `{}`", versions.join("`, `")),
    }
}

/// A name as [`ComponentInstance::func`] takes it, without the versions of its interfaces.
fn unversioned(name: &str) -> String {
    let parts: Vec<&str> = name.split('#').map(|part| part.split('@').next().unwrap_or(part)).collect();
    parts.join("#")
}

/// Whether `--invoke` has a call with its arguments, so that the words after the component are those of the program.
fn is_call(invoked: &str) -> bool {
    invoked.contains('(')
}

/// The name of the function that `--invoke` calls.
fn called(invoked: &str) -> &str {
    invoked.split('(').next().unwrap_or(invoked)
}

/// A command says in the end whether it succeeded.
fn command<T: Send + 'static>(
    args: &RunArgs,
    instance: &ComponentInstance,
    store: &mut Store<T>,
) -> anyhow::Result<u8> {
    let module = args.module().display();
    let func = instance.func(store, RUN).map_err(|_| {
        anyhow::anyhow!(
            "`{module}` is a component that exports no `wasi:cli/run`, so there is nothing to run\n\
             hint: `--invoke NAME` calls an exported function, `wasmer inspect` shows which there are"
        )
    })?;
    match func.call(store, &[])? {
        Some(Val::Result(Err(_))) => Ok(exit::FAILURE),
        _ => Ok(exit::SUCCESS),
    }
}
