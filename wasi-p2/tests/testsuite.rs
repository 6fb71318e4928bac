//! Runs the programs of the WebAssembly `wasi-testsuite` as components: each is made one by the adapter from preview 1 to 0.2 that other tools use, and has to
//! behave as it does as a module.
//!
//! By the backend that compiles fastest unless `WASMER_PROGRAMS_EVERY_BACKEND` is set: what is tested is the host's side.

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wasmer_component::{Component, ComponentLinker};
use wasmer_runtime::{Backend, Engine, Store};
use wasmer_testing::wasi_suite::{PROGRAMS, programs, root, run_program};
use wasmer_wasi::{ExitStatus, WasiCtx};
use wasmer_wasi_p2::{WasiP2, add_imports_to_linker};
use wit_component::ComponentEncoder;

/// What the adapter does otherwise than preview 1, by program: it traps, or all statuses but 0 are 1.
const OTHERWISE: &[(&str, Otherwise)] = &[
    ("assemblyscript/args_get-multiple-arguments.wasm", Otherwise::Traps),
    ("assemblyscript/environ_get-multiple-variables.wasm", Otherwise::Traps),
    ("assemblyscript/fd_write-to-invalid-fd.wasm", Otherwise::Exits(1)),
    ("assemblyscript/proc_exit-failure.wasm", Otherwise::Exits(1)),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Otherwise {
    Traps,
    Exits(i64),
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let Some(root) = root() else { return ExitCode::SUCCESS };
    let is_every = std::env::var_os("WASMER_PROGRAMS_EVERY_BACKEND").is_some();
    let programs = programs(&root);
    assert_eq!(programs.len(), PROGRAMS);
    let mut trials = Vec::new();
    for backend in Backend::built().filter(|backend| is_every || *backend == Backend::Singlepass) {
        let engine = Engine::new(backend.config().expect("a built backend works here")).expect("default settings");
        for program in programs.clone() {
            let name = program.strip_prefix(&root).unwrap_or(&program).display().to_string();
            let otherwise = OTHERWISE.iter().find(|(program, _)| *program == name).map(|(_, otherwise)| *otherwise);
            let engine = engine.clone();
            trials.push(Trial::test(format!("{backend}::{name}"), move || {
                run_one(&engine, &program, otherwise).map_err(Failed::from)
            }));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn run_one(engine: &Engine, program: &Path, otherwise: Option<Otherwise>) -> Result<(), String> {
    let run = |wasm: &[u8], ctx| run_component(engine, &component_of(wasm), ctx);
    match otherwise {
        Some(Otherwise::Traps) => match run_program(program, None, run) {
            Err(failed) if failed.contains("trap:") => Ok(()),
            result => Err(format!("it was to trap in the adapter: {result:?}")),
        },
        Some(Otherwise::Exits(status)) => run_program(program, Some(status), run),
        None => run_program(program, None, run),
    }
}

fn component_of(wasm: &[u8]) -> Vec<u8> {
    let mut encoder = ComponentEncoder::default();
    encoder.module(wasm).expect("a module");
    encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER).expect("an adapter");
    encoder.encode().expect("a module that imports preview 1 alone")
}

/// Runs a command and returns its status.
fn run_component(engine: &Engine, bytes: &[u8], ctx: WasiCtx) -> Result<i32, String> {
    let run = || {
        let component = Component::new(engine, bytes)?;
        let mut linker = ComponentLinker::new();
        add_imports_to_linker(&mut linker, &component, |wasi: &mut WasiP2| wasi)?;
        let mut store = Store::new(engine, WasiP2::new(ctx));
        let instance = linker.instantiate(&mut store, &component)?;
        let run = instance.typed_func::<(), Result<(), ()>>(&mut store, "wasi:cli/run@0.2.0#run")?;
        run.call(&mut store, ())
    };
    match run() {
        Ok(result) => Ok(i32::from(result.is_err())),
        Err(error) => match error.downcast_host::<ExitStatus>() {
            Some(status) => Ok(status.0),
            None => Err(format!("trap: {error}")),
        },
    }
}
