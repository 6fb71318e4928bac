//! How fast modules compile on one thread, validation included, beside other baseline compilers.
//!
//! ```text
//! cargo run --release -p wasmer-backend-singlepass --example compile_speed -- [--runs N] MODULE…
//! ```
//!
//! For each module a line per compiler: megabytes of code section per second and the time, the best of N runs (5 unless told otherwise).
//!
//! * `singlepass`: validates and compiles the functions.
//! * `singlepass, image`: everything from the module's bytes to the artifact's, linking and checksums included.
//! * `liftoff`: V8's, where `node` is on the path: `WebAssembly.compile` without laziness and without a second tier.
//! * `winch`: Wasmtime's, where `wasmtime` is on the path: a process that compiles on one thread.
//!
//! Times are processor time where the system tells it (Linux), so that other processes do not count; the helpers that V8 and Wasmtime
//! start do.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wasmer_backend_singlepass::Singlepass;
use wasmer_runtime_core::compile::{CompileOptions, compile_image};
use wasmer_runtime_core::compiler::{Batch, Compiler, Output};
use wasmer_runtime_core::translate::module::{default_features, translate_module};

/// Prints how many milliseconds of processor time it takes to compile the file that is named.
const LIFTOFF: &str = "
const wasm = require('fs').readFileSync(process.argv[1]);
const before = process.cpuUsage();
WebAssembly.compile(wasm).then(() => {
    const { user, system } = process.cpuUsage(before);
    console.log((user + system) / 1000);
});
";

/// The times of processes are given in such ticks, on every Linux that this compiler makes code for.
const TICK: Duration = Duration::from_millis(10);

/// The processor time of this thread.
fn thread_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// The processor time of the processes that this one has started and waited for.
fn children_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, which comes second, may contain anything; `cutime` and `cstime` are the 14th and 15th behind it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(13);
    let ticks: u32 = fields.next()?.parse().ok()?;
    let system_ticks: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (ticks + system_ticks))
}

/// The time that `action` takes: by `clock`, or by the wall's where the system has no such clock.
fn time<T>(clock: fn() -> Option<Duration>, action: impl FnOnce() -> T) -> (Duration, T) {
    let (start, before) = (Instant::now(), clock());
    let result = action();
    let elapsed = match (before, clock()) {
        (Some(before), Some(after)) => after - before,
        _ => start.elapsed(),
    };
    (elapsed, result)
}

/// Validates and compiles the functions.
fn functions(compiler: &Singlepass, wasm: &[u8]) -> Result<(Duration, String), Box<dyn Error>> {
    let translation = translate_module(wasm, default_features())?;
    let mut output = Output::default();
    let mut functions = translation.functions.into_iter();
    let mut batch = Batch { module: &translation.info, functions: &mut functions };
    let (elapsed, result) = time(thread_time, || compiler.worker().functions(&mut batch, &mut output));
    result?;
    let code_bytes: usize = translation.info.bodies.iter().map(|body| body.len()).sum();
    Ok((elapsed, format!("machine code {:.2} times as large", output.text.len() as f64 / code_bytes as f64)))
}

/// Makes the artifact.
fn image(compiler: &Singlepass, wasm: &[u8]) -> Result<(Duration, String), Box<dyn Error>> {
    let options =
        CompileOptions { features: default_features(), threads: 1, fuel: false, every_place: false, key: [0; 32] };
    let (elapsed, image) = time(thread_time, || compile_image(wasm, compiler, &options, None));
    Ok((elapsed, format!("artifact of {:.1} MB", image?.as_bytes().len() as f64 / 1e6)))
}

/// V8's baseline compiler; `None` without `node`.
fn liftoff(module: &Path) -> Option<Duration> {
    let arguments = ["--liftoff-only", "--no-wasm-lazy-compilation", "--wasm-num-compilation-tasks=1", "-e", LIFTOFF];
    let output = Command::new("node").args(arguments).arg(module).stderr(Stdio::inherit()).output().ok()?;
    let milliseconds: f64 = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
    Some(Duration::from_secs_f64(milliseconds / 1e3))
}

/// Wasmtime's baseline compiler; `None` without `wasmtime`.
fn winch(module: &Path) -> Option<Duration> {
    let artifact = std::env::temp_dir().join(format!("compile_speed.{}.cwasm", std::process::id()));
    let mut command = Command::new("wasmtime");
    command.args(["compile", "-C", "compiler=winch", "-C", "parallel-compilation=n", "-o"]).arg(&artifact).arg(module);
    let (elapsed, status) = time(children_time, || command.status());
    let _ = std::fs::remove_file(artifact);
    status.ok()?.success().then_some(elapsed)
}

/// Prints the best of some runs.
fn report<E>(
    name: &str,
    code_bytes: usize,
    runs: usize,
    mut run: impl FnMut() -> Result<(Duration, String), E>,
) -> Result<(), E> {
    let (mut best, mut remark) = run()?;
    for _ in 1..runs {
        let (elapsed, again) = run()?;
        (best, remark) = (best.min(elapsed), again);
    }
    let megabytes = code_bytes as f64 / 1e6;
    println!("  {name:<18} {:6.1} MB/s {:7.0} ms  {remark}", megabytes / best.as_secs_f64(), best.as_secs_f64() * 1e3);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let mut runs = 5;
    if arguments.first().is_some_and(|first| first == "--runs") && arguments.len() > 1 {
        runs = arguments[1].to_string_lossy().parse()?;
        arguments.drain(..2);
    }
    let compiler = Singlepass::new()?;
    for path in arguments {
        let wasm = std::fs::read(&path)?;
        let code_bytes: usize =
            translate_module(&wasm, default_features())?.info.bodies.iter().map(|body| body.len()).sum();
        let path = Path::new(&path);
        println!("{}: {:.1} MB of code", path.display(), code_bytes as f64 / 1e6);
        report("singlepass", code_bytes, runs, || functions(&compiler, &wasm))?;
        report("singlepass, image", code_bytes, runs, || image(&compiler, &wasm))?;
        // A compiler that is not there has no line.
        let peer = |elapsed: Option<Duration>| elapsed.map(|elapsed| (elapsed, String::new())).ok_or(());
        let _ = report("liftoff", code_bytes, runs, || peer(liftoff(path)));
        let _ = report("winch", code_bytes, runs, || peer(winch(path)));
    }
    Ok(())
}
