//! Runs the prebuilt programs of the WebAssembly `wasi-testsuite` (branch `prod/testsuite-base`): one test for each program and backend, each on
//! a copy of its folder.
//!
//! The suite is looked for in the folder that `WASI_TESTSUITE_DIR` names, or else beside the checkout, in `../shared/wasi-testsuite`. Without it
//! nothing is run, and the output says so.
//!
//! LLVM compiles most of the programs for seconds, and what they test is the same code on every backend: it runs every fourth one, or all if
//! `WASMER_PROGRAMS_EVERY_BACKEND` is set.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use wasmer_runtime::{Backend, Engine, Linker, Module, Store};
use wasmer_wasi::{ExitStatus, OutputBuffer, Stdout, WasiCtx, WasiCtxBuilder, add_to_linker};

/// How many programs the suite has.
const PROGRAMS: usize = 72;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let Some(root) = root() else {
        eprintln!("left out: the WASI test suite; set WASI_TESTSUITE_DIR to the folder that holds it");
        return ExitCode::SUCCESS;
    };
    let programs = programs(&root);
    let mut trials = vec![Trial::test("every_program_is_there", {
        let found = programs.len();
        move || if found == PROGRAMS { Ok(()) } else { Err(format!("{found} programs, not {PROGRAMS}").into()) }
    })];
    for backend in Backend::built() {
        let engine = Engine::new(backend.config().expect("a built backend works here")).expect("default settings");
        let every = std::env::var_os("WASMER_PROGRAMS_EVERY_BACKEND").is_some() || backend.name() != "llvm";
        for program in programs.iter().step_by(if every { 1 } else { 4 }).cloned() {
            let name = program.strip_prefix(&root).unwrap_or(&program).display().to_string();
            let engine = engine.clone();
            trials.push(Trial::test(format!("{backend}::{name}"), move || run_program(&engine, &program)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn root() -> Option<PathBuf> {
    let named = std::env::var_os("WASI_TESTSUITE_DIR").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/wasi-testsuite");
    Some(named.unwrap_or_else(beside)).filter(|root| root.is_dir())
}

fn programs(root: &Path) -> Vec<PathBuf> {
    let mut programs = Vec::new();
    for folder in ["rust", "c", "assemblyscript"] {
        let entries = fs::read_dir(root.join(folder)).expect("the suite has this folder");
        let paths = entries.map(|entry| entry.expect("the folder can be read").path());
        programs.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "wasm")));
    }
    programs.sort();
    programs
}

/// What a program may see, and what it should do.
struct Spec {
    json: Value,
    folder: PathBuf,
}

impl Spec {
    fn of(program: &Path) -> Spec {
        let text = fs::read_to_string(program.with_extension("json"));
        Spec {
            json: text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap()),
            folder: program.parent().unwrap().to_owned(),
        }
    }

    fn strings(&self, key: &str) -> Vec<String> {
        let list = self.json[key].as_array().cloned().unwrap_or_default();
        list.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    }

    fn env(&self) -> Vec<(String, String)> {
        let map = self.json["env"].as_object().cloned().unwrap_or_default();
        map.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned())).collect()
    }
}

fn run_program(engine: &Engine, program: &Path) -> Result<(), Failed> {
    let spec = Spec::of(program);
    let scratch = tempfile::tempdir().unwrap();
    let (out, err) = (OutputBuffer::new(), OutputBuffer::new());
    let mut builder = WasiCtxBuilder::new()
        .arg(program.file_name().unwrap())
        .args(spec.strings("args"))
        .stdout(Stdout::buffer(&out))
        .stderr(Stdout::buffer(&err));
    for (name, value) in spec.env() {
        builder = builder.env(name, value);
    }
    if let Some(root) = spec.json["root"].as_str() {
        copy_tree(&spec.folder.join(root), scratch.path());
        builder = builder.dir(scratch.path(), "/");
    }
    let code = run_guest(engine, &fs::read(program).unwrap(), builder.build().unwrap())?;
    let want = spec.json["exit_code"].as_i64().unwrap_or(0);
    if i64::from(code) != want {
        let err = String::from_utf8_lossy(&err.contents()).into_owned();
        return Err(format!("exit code {code}, not {want}\n{err}").into());
    }
    for (key, buffer) in [("stdout", &out), ("stderr", &err)] {
        if let Some(want) = spec.json[key].as_str()
            && buffer.contents() != want.as_bytes()
        {
            return Err(format!("{key} differs: {buffer:?}").into());
        }
    }
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name.to_string_lossy().ends_with(".cleanup") {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &to.join(name));
        } else {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
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
