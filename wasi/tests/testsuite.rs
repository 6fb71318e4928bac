//! Runs the prebuilt programs of the WebAssembly `wasi-testsuite` (branch `prod/testsuite-base`): one test for each program and backend, each on
//! a copy of its folder.
//!
//! The suite is looked for in the folder that `WASI_TESTSUITE_DIR` names. Without it nothing is run, and the output says so.
//!
//! LLVM compiles most of the programs for seconds, and what they test is the same code on every backend: it runs every fourth one, or all if
//! `WASMER_PROGRAMS_EVERY_BACKEND` is set.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use wasmer_runtime::{Backend, Engine, Linker, Module, Store};
use wasmer_testing::wasi_suite::{PROGRAMS, programs, root, run_program};
use wasmer_wasi::{ExitStatus, WasiCtx, add_to_linker};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let Some(root) = root() else { return ExitCode::SUCCESS };
    let programs = programs(&root);
    let mut trials = vec![Trial::test("every_program_is_there", {
        let found = programs.len();
        move || if found == PROGRAMS { Ok(()) } else { Err(format!("{found} programs, not {PROGRAMS}").into()) }
    })];
    for backend in Backend::built() {
        let engine = Engine::new(backend.config().expect("a built backend works here")).expect("default settings");
        let every = std::env::var_os("WASMER_PROGRAMS_EVERY_BACKEND").is_some() || backend.name() != "llvm";
        for program in programs.iter().step_by(if every { 1 } else { 4 }) {
            let name = program.strip_prefix(&root).unwrap_or(program).display().to_string();
            let (engine, program) = (engine.clone(), program.clone());
            trials.push(Trial::test(format!("{backend}::{name}"), move || {
                let run = |wasm: &[u8], ctx| run_guest(&engine, wasm, ctx).map_err(|error| error.to_string());
                run_program(&program, None, run).map_err(Failed::from)
            }));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs `_start` and returns the exit code.
fn run_guest(engine: &Engine, wasm: &[u8], ctx: WasiCtx) -> Result<i32, wasmer_runtime::Error> {
    let module = Module::new(engine, wasm)?;
    let mut linker = Linker::new();
    add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx)?;
    let mut store = Store::new(engine, ctx);
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.typed_func::<(), ()>(&mut store, "_start")?;
    match start.call(&mut store, ()) {
        Ok(()) => Ok(0),
        Err(error) => match error.downcast_host::<ExitStatus>() {
            Some(status) => Ok(status.0),
            None => Err(error),
        },
    }
}
