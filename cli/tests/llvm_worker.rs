//! The compile worker from the outside: `wasmer --backend llvm` with the real worker, with false ones, and without any.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const WASMER: &str = env!("CARGO_BIN_EXE_wasmer");
const WORKER: &str = env!("CARGO_BIN_EXE_wasmer-llvm");
const MODULE: &str =
    r#"(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"#;

/// A folder with a module, a cache and, in some tests, a false worker.
struct Place(TempDir);

impl Place {
    fn new(module: &str) -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        fs::write(folder.path().join("module.wat"), module).expect("the module is written");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A worker that is a shell script.
    fn script(&self, body: &str) -> PathBuf {
        let path = self.path("worker.sh");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("the script is written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the script may be run");
        path
    }

    /// `wasmer run`, with LLVM unless the options say otherwise, calling `add` with 40 and 2.
    fn run(&self, worker: &Path, options: &[&str]) -> Output {
        Command::new(WASMER)
            .args(["run", "--invoke", "add", "--cache-dir"])
            .arg(self.path("cache"))
            .args(if options.contains(&"--backend") { &[][..] } else { &["--backend", "llvm"] })
            .args(options)
            .arg(self.path("module.wat"))
            .args(["40", "2"])
            .env("WASMER_LLVM", worker)
            .env("WASMER_BACKGROUND", "off")
            .env("TMPDIR", self.0.path())
            .output()
            .expect("`wasmer` starts")
    }

    /// The error of a run that must fail, and leave nothing behind.
    fn error(&self, worker: &Path, options: &[&str]) -> String {
        let output = self.run(worker, options);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(output.stdout.is_empty(), "{message}");
        for entry in fs::read_dir(self.0.path()).expect("the folder is there").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            assert!(!name.starts_with("wasmer-llvm-"), "{name} was left behind");
        }
        message
    }
}

fn assert_sum(output: &Output) {
    assert_eq!(String::from_utf8_lossy(&output.stdout), "42\n", "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn it_compiles_and_a_hit_needs_no_worker() {
    let place = Place::new(MODULE);
    let first = place.run(Path::new(WORKER), &["--verbose"]);
    assert_sum(&first);
    assert!(String::from_utf8_lossy(&first.stderr).contains("compiled and stored"));
    let second = place.run(&place.path("nothing"), &["--verbose"]);
    assert_sum(&second);
    assert!(String::from_utf8_lossy(&second.stderr).contains("cache hit"));
    assert_sum(&place.run(Path::new(WORKER), &["--disable-cache"]));
}

#[test]
fn it_is_found_beside_the_command_and_makes_artifacts() {
    let place = Place::new(MODULE);
    let artifact = place.path("module.wart");
    let compiled = Command::new(WASMER)
        .args(["compile", "--backend", "llvm", "--compile-timeout", "5m"])
        .arg(place.path("module.wat"))
        .env_remove("WASMER_LLVM")
        .output()
        .expect("`wasmer` starts");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let run = Command::new(WASMER)
        .args(["run", "--allow-precompiled", "--invoke", "add"])
        .arg(artifact)
        .args(["40", "2"])
        .output()
        .expect("`wasmer` starts");
    assert_sum(&run);
    let backends = Command::new(WASMER).arg("backends").env_remove("WASMER_LLVM").output().expect("`wasmer` starts");
    assert!(String::from_utf8_lossy(&backends.stdout).contains(WORKER));
}

#[test]
fn a_bad_module_gets_the_same_message_as_in_process() {
    let place = Place::new(r#"(module (func (export "add") (result i32) i64.const 1))"#);
    let message = place.error(Path::new(WORKER), &[]);
    let cranelift = place.error(Path::new(WORKER), &["--backend", "cranelift"]);
    assert!(message.contains("type mismatch"), "{message}");
    assert_eq!(message, cranelift);
}

#[test]
fn without_a_worker_the_error_says_how_to_get_it() {
    let place = Place::new(MODULE);
    let message = place.error(&place.path("nothing"), &[]);
    assert!(message.contains("cargo install --path cli --features llvm"), "{message}");
    assert!(message.contains("WASMER_LLVM"), "{message}");
}

#[test]
fn a_killed_worker_is_an_error_that_names_the_signal_and_the_functions() {
    let place = Place::new(MODULE);
    let message = place.error(&place.script("echo start 3 9\nkill -KILL $$"), &[]);
    assert!(message.contains("signal 9 (SIGKILL) while compiling functions 3 to 9"), "{message}");
    let message = place.error(&place.script("echo start 3 3\necho LLVM ERROR: out of luck >&2\nkill -ABRT $$"), &[]);
    assert!(message.contains("(SIGABRT) while compiling function 3: LLVM ERROR: out of luck"), "{message}");
    assert_sum(&place.run(Path::new(WORKER), &[]));
}

#[test]
fn a_hanging_worker_ends_at_the_limit() {
    let place = Place::new(MODULE);
    let worker = place.script("echo progress 1 3\necho start 1 2\necho end 1\necho start 2 2\nexec sleep 100");
    let started = Instant::now();
    let message = place.error(&worker, &["--compile-timeout", "700ms"]);
    assert!(message.contains("took longer than 700ms while compiling function 2"), "{message}");
    // A worker that leaves a process behind, which holds its pipes.
    let message = place.error(&place.script("sleep 100"), &["--compile-timeout", "300ms"]);
    assert!(message.contains("took longer than 300ms"), "{message}");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn a_worker_is_limited_by_the_size_of_its_module() {
    let place = Place::new(MODULE);
    let limits = place.script("echo start 1 2\nsleep 1\nulimit -v >&2\nulimit -t >&2\nexit 9");
    let message = place.error(&limits, &[]);
    // 4 GiB, 256 MiB for each thread and 512 bytes for each byte; 60 seconds.
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let most = (4 << 20) + threads * (256 << 10) + 1000;
    let kib: u64 = message.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).max().unwrap();
    assert!(((4 << 20) + (256 << 10)..most).contains(&kib) && message.contains("\n60"), "{message}");
    let message = place.error(&limits, &["--compile-timeout", "20s"]);
    assert!(message.contains("unlimited"), "{message}");
    let message = place.error(&place.script("echo start 3 9\nkill -XCPU $$"), &[]);
    assert!(message.contains("took 60s of the processor, the most for a module of "), "{message}");
    assert!(message.contains("while compiling functions 3 to 9\nhint: `--backend cranelift`"), "{message}");
    let message = place.error(&place.script("echo start 3 3\necho LLVM ERROR: out of memory >&2\nkill -ABRT $$"), &[]);
    assert!(message.contains("MiB, the most for a module of ") && message.contains("hint: "), "{message}");
}

#[test]
fn nothing_is_left_of_a_command_that_is_killed() {
    let place = Place::new(MODULE);
    let worker = place.script("echo start 1 2\n: > \"$TMPDIR/started\"\nexec sleep 100");
    let before = fs::read_dir(place.0.path()).expect("the folder is there").count();
    let mut command = Command::new(WASMER)
        .args(["compile", "--backend", "llvm", "module.wat", "--output", "module.wart"])
        .current_dir(place.0.path())
        .env("WASMER_LLVM", worker)
        .env("TMPDIR", place.0.path())
        .spawn()
        .expect("`wasmer` starts");
    while !place.path("started").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    command.kill().expect("it can be killed");
    command.wait().expect("it ends");
    fs::remove_file(place.path("started")).expect("the worker was there");
    assert_eq!(fs::read_dir(place.0.path()).expect("the folder is there").count(), before);
}

#[test]
fn a_worker_that_fails_or_talks_nonsense_is_an_error() {
    let place = Place::new(MODULE);
    let cases = [
        ("exit 3", "failed with status 3"),
        ("echo no such library >&2; exit 127", "failed with status 127: no such library"),
        ("echo hello", "no part of the protocol: \"hello\""),
        ("yes", "no part of the protocol"),
        ("exit 0", "made no artifact"),
        ("echo nonsense > \"$4\"", "unusable artifact"),
        ("echo no > \"$4\"", "unusable artifact"),
        (": > \"$4\"", "made no artifact"),
        ("echo '{\"kind\":\"limit\",\"message\":\"too much\"}' >&2; exit 1", "implementation limit: too much"),
        ("echo '{\"kind\":\"new\"}' >&2; exit 1", "failed with status 1"),
    ];
    for (script, expected) in cases {
        let message = place.error(&place.script(script), &[]);
        assert!(message.contains(expected), "{script}: {message}");
    }
}

#[test]
fn another_modules_artifact_is_refused() {
    let place = Place::new(MODULE);
    let key = "00".repeat(32);
    let worker = place.script(&format!("exec {WORKER} --module \"$2\" --output \"$4\" --key {key} --features \"${{10}}\" --threads 1 --cpu \"${{12}}\" --fingerprint \"${{14}}\""));
    let message = place.error(&worker, &[]);
    assert!(message.contains("unusable artifact"), "{message}");
    let worker = place.script(&format!(
        "exec {WORKER} --module \"$2\" --output \"$4\" --key \"$6\" --features \"${{10}}\" --threads 1 --cpu native --fingerprint 00"
    ));
    let message = place.error(&worker, &[]);
    assert!(message.contains("is another version"), "{message}");
}

#[test]
fn the_command_is_free_of_llvm() {
    let bytes = fs::read(WASMER).expect("the command is built");
    assert!(!bytes.windows(9).any(|window| window == b"libLLVM.s"), "the command is linked with LLVM");
}

#[test]
fn it_shows_its_intermediate_form() {
    let place = Place::new(
        r#"(module (func $double (param i32) (result i32) (i32.add (local.get 0) (local.get 0)))
            (func (export "add") (param i32 i32) (result i32) (i32.add (call $double (local.get 0)) (local.get 1))))"#,
    );
    let emit = |worker: &Path, options: &[&str]| {
        let mut command = Command::new(WASMER);
        command.args(["compile", "--emit", "llvm-ir"]).args(options).arg(place.path("module.wat"));
        let output =
            command.env("WASMER_LLVM", worker).env("TMPDIR", place.0.path()).output().expect("`wasmer` starts");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, all, error) = emit(Path::new(WORKER), &[]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(all.matches("\ndefine ").count(), 2, "{all}");
    assert!(all.starts_with("; function 0 double\n"), "{all}");
    // Inlined, as it is when both are compiled together.
    let (_, add, _) = emit(Path::new(WORKER), &["--function", "add"]);
    assert!(add.contains("define ") && !add.contains("call i32") && !add.contains("alloca"), "{add}");
    let (_, raw, _) = emit(Path::new(WORKER), &["--function", "add", "--unoptimized"]);
    assert!(raw.contains("call ") && raw.contains("alloca"), "{raw}");
    let (code, _, error) = emit(&place.path("nothing"), &[]);
    assert!(code == Some(1) && error.contains("WASMER_LLVM"), "{error}");
    let (code, _, error) = emit(&place.script("exit 0"), &[]);
    assert!(code == Some(1) && error.contains("made no text"), "{error}");
}
