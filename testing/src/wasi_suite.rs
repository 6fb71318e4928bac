//! The programs of the WebAssembly `wasi-testsuite` (branch `prod/testsuite-base`), what each may see and what it should do.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wasmer_runtime::wasi::{OutputBuffer, Stdout, WasiCtx, WasiCtxBuilder};

/// How many programs the suite has.
pub const PROGRAMS: usize = 72;

/// Where the suite is: the folder that `WASI_TESTSUITE_DIR` names. Without it nothing can be run, which this says.
pub fn root() -> Option<PathBuf> {
    let root = std::env::var_os("WASI_TESTSUITE_DIR").map(PathBuf::from).filter(|root| root.is_dir());
    if root.is_none() {
        eprintln!("left out: the WASI test suite; set WASI_TESTSUITE_DIR to the folder that holds it");
    }
    root
}

/// The programs, sorted by name.
pub fn programs(root: &Path) -> Vec<PathBuf> {
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

/// Runs a program by `run`, which returns its exit code, on a copy of its folder; fails unless it does what it should, or ends with
/// `instead` where that is given.
pub fn run_program(
    program: &Path,
    instead: Option<i64>,
    run: impl FnOnce(&[u8], WasiCtx) -> Result<i32, String>,
) -> Result<(), String> {
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
    let code = run(&fs::read(program).unwrap(), builder.build().unwrap())?;
    let want = instead.unwrap_or_else(|| spec.json["exit_code"].as_i64().unwrap_or(0));
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
