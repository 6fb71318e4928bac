//! `wasmer run` of components.

use std::mem::ManuallyDrop;
use std::time::Instant;

use anyhow::{Context, bail};
use wasmer_runtime::component::{Component, ComponentInstance, ComponentLinker, Val};
use wasmer_runtime::{Error, Store};

use crate::args::RunArgs;
use crate::exit::ExitCode;
use crate::run::{Timer, beyond, failed, limits};
use crate::{exit, output};

/// What a command exports: any compatible version of it.
const RUN: &str = "wasi:cli/run@0.2.0#run";
/// So many missing imports are written out.
const MISSING_MAX: usize = 4;

/// What a component finds here.
fn linker() -> ComponentLinker<()> {
    ComponentLinker::new()
}

/// Runs a component and returns its status.
pub(crate) fn run(args: &RunArgs, component: &Component) -> anyhow::Result<ExitCode> {
    let linker = linker();
    missing(&linker, component)?;
    let engine = component.engine().clone();
    // The process ends with the program; the system is quicker at cleaning up than we are.
    let mut store = ManuallyDrop::new(Store::with_limits(&engine, (), limits(args)));
    if let Some(fuel) = args.fuel {
        store.set_fuel(fuel)?;
    }
    let timer = args.timeout.map(|timeout| Timer::start(timeout, store.interrupt_handle()));
    let started = Instant::now();
    let instance = linker.instantiate(&mut *store, component).map_err(|error| match error {
        Error::Limit(limit) => beyond(limit),
        error => error.into(),
    });
    let ready = Instant::now();
    let result = instance.and_then(|instance| execute(args, &instance, &mut store));
    if args.verbose {
        output::phase("start", ready - started);
        output::phase("run", ready.elapsed());
    }
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
        count if count > MISSING_MAX => bail!("{shown}\nand {} more imports are not defined", count - MISSING_MAX),
        _ => bail!("{shown}"),
    }
}

fn execute(args: &RunArgs, instance: &ComponentInstance, store: &mut Store<()>) -> anyhow::Result<u8> {
    let Some(name) = &args.invoke else { return command(args, instance, store) };
    let funcs = || instance.funcs().collect::<Vec<_>>().join("`, `");
    let func = instance.func(store, name).with_context(|| format!("there are `{}`", funcs()))?;
    let words: Vec<_> = args.args().iter().map(|word| word.to_string_lossy()).collect();
    let params = func.parse_args(words.iter().map(AsRef::as_ref))?;
    if let Some(result) = func.call(store, &params)? {
        output::data(format!("{result}\n"))?;
    }
    Ok(exit::SUCCESS)
}

/// A command says in the end whether it succeeded.
fn command(args: &RunArgs, instance: &ComponentInstance, store: &mut Store<()>) -> anyhow::Result<u8> {
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
