//! Runs the prebuilt programs of the WebAssembly `wasi-testsuite` (branch `prod/testsuite-base`) with an interpreter.
//!
//! Set `WASI_TESTSUITE` to the folder that holds `rust/`, `c/` and `assemblyscript/`; without it, nothing is run.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wasmer_wasi::{
    GuestMemory, Halt, OutputBuffer, Snapshot, Stdout, WasiCtx, WasiCtxBuilder, WasiFunction, WasmType, functions,
};
use wasmi::{Caller, Engine, Error, Extern, FuncType, Linker, Module, Store, Val, ValType};

#[test]
fn wasi_testsuite() {
    let Some(root) = std::env::var_os("WASI_TESTSUITE") else {
        eprintln!("WASI_TESTSUITE is not set: the suite is not run");
        return;
    };
    let only = std::env::var("WASI_TESTSUITE_ONLY").unwrap_or_default();
    let mut programs = Vec::new();
    for folder in ["rust", "c", "assemblyscript"] {
        for entry in fs::read_dir(Path::new(&root).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "wasm") && path.to_string_lossy().contains(&only) {
                programs.push(path);
            }
        }
    }
    programs.sort();
    assert!(!programs.is_empty(), "no programs in {root:?}");
    let failures: Vec<String> = programs
        .iter()
        .filter_map(|path| {
            let failure = run_program(path).err()?;
            Some(format!("{}: {failure}", path.display()))
        })
        .collect();
    let passed = programs.len() - failures.len();
    println!("{passed} of {} programs pass", programs.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
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

fn run_program(program: &Path) -> Result<(), String> {
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
    let code = run_guest(&fs::read(program).unwrap(), builder.build().unwrap())?;
    let want = spec.json["exit_code"].as_i64().unwrap_or(0);
    if i64::from(code) != want {
        let err = String::from_utf8_lossy(&err.contents()).into_owned();
        return Err(format!("exit code {code}, not {want}\n{err}"));
    }
    for (key, buffer) in [("stdout", &out), ("stderr", &err)] {
        if let Some(want) = spec.json[key].as_str()
            && buffer.contents() != want.as_bytes()
        {
            return Err(format!("{key} differs: {buffer:?}"));
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
fn run_guest(wasm: &[u8], ctx: WasiCtx) -> Result<i32, String> {
    let engine = Engine::default();
    let module = Module::new(&engine, wasm).map_err(|error| error.to_string())?;
    let mut store = Store::new(&engine, ctx);
    let mut linker = Linker::new(&engine);
    for snapshot in Snapshot::ALL {
        for function in functions(snapshot) {
            define(&mut linker, snapshot.module_name(), *function);
        }
    }
    let mut run = || {
        let instance = linker.instantiate_and_start(&mut store, &module)?;
        let start = instance.get_typed_func::<(), ()>(&store, "_start")?;
        start.call(&mut store, ())
    };
    match run() {
        Ok(()) => Ok(0),
        Err(error) => match error.i32_exit_status() {
            Some(code) => Ok(code),
            None => Err(error.to_string()),
        },
    }
}

fn define(linker: &mut Linker<WasiCtx>, module: &str, function: WasiFunction) {
    let params = function.params.iter().map(|param| match param {
        WasmType::I32 => ValType::I32,
        WasmType::I64 => ValType::I64,
    });
    let results = function.has_result.then_some(ValType::I32);
    let ty = FuncType::new(params, results);
    let call = move |mut caller: Caller<'_, WasiCtx>, args: &[Val], results: &mut [Val]| {
        let memory = caller.get_export("memory").and_then(Extern::into_memory);
        let memory = memory.ok_or_else(|| Error::new("no memory"))?;
        let (bytes, ctx) = memory.data_and_store_mut(&mut caller);
        let raw: Vec<u64> = args
            .iter()
            .map(|arg| match arg {
                Val::I32(value) => u64::from(*value as u32),
                Val::I64(value) => *value as u64,
                _ => unreachable!("no other types in the signature"),
            })
            .collect();
        match (function.call)(ctx, &GuestMemory::from_slice(bytes), &raw) {
            Ok(errno) => {
                results[0] = Val::I32(errno as i32);
                Ok(())
            }
            Err(Halt::Exit(code)) => Err(Error::i32_exit(code)),
            Err(Halt::Interrupted) => Err(Error::new("interrupted")),
        }
    };
    linker.func_new(module, function.name, ty, call).unwrap();
}
