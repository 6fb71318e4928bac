//! Files that are no modules, and may have no end.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Bench, Ran};

const COMMANDS: &[&[&str]] =
    &[&["validate"], &["run"], &["run", "--disable-cache"], &["inspect"], &["compile", "-o", "x.wart"], &["bench"]];

fn refused(bench: &Bench, words: &[&str], parts: &[&str]) {
    let started = Instant::now();
    // A file that is read whole before it is refused does not fit.
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -v 3000000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_wasmer")])
        .args(words)
        .env("WASMER_CACHE_DIR", bench.cache())
        .env("WASMER_BACKGROUND", "off")
        .current_dir(bench.path(""));
    let ran = Ran::of(command.output().unwrap());
    assert_eq!(ran.code, Some(1), "{words:?}: {ran:?}");
    ran.said(parts);
    assert!(started.elapsed() < Duration::from_secs(20), "{words:?}");
}

#[test]
fn what_is_no_module_is_refused_before_it_is_read() {
    let bench = Bench::new();
    let sparse = |name: &str, start: &str| {
        bench.file(name, start);
        File::options().append(true).open(bench.path(name)).unwrap().set_len(6 << 30).unwrap();
    };
    sparse("zeros.wasm", "");
    sparse("large.wasm", "\0asm\x01\0\0\0");
    sparse("text.wat", &"(module) ".repeat(10_000));
    std::fs::create_dir(bench.path("folder.wasm")).unwrap();
    for command in COMMANDS {
        let with = |name: &'static str| [command, &[name][..]].concat();
        let neither = "neither a WebAssembly module nor its text format";
        refused(&bench, &with("zeros.wasm"), &["`zeros.wasm`", neither]);
        refused(&bench, &with("large.wasm"), &["`large.wasm`", "6442450944 bytes", "at most 4294967294"]);
        refused(&bench, &with("text.wat"), &["`text.wat`", "6442450944 bytes", "at most 268435456"]);
        refused(&bench, &with("/dev/zero"), &["`/dev/zero`", neither]);
        refused(&bench, &with("folder.wasm"), &["`folder.wasm`", "directory"]);
        refused(&bench, &with("absent.wasm"), &["`absent.wasm`", "No such file"]);
    }
    refused(&bench, &["wast", "/dev/zero"], &["`/dev/zero`"]);
    refused(&bench, &["wast", "text.wat"], &["`text.wat`", "6442450944 bytes"]);
    bench.file("x.wat", "(module (func (export \"_start\")))");
    refused(&bench, &["run", "--env-file", "/dev/zero", "x.wat"], &["`/dev/zero`"]);
}

#[test]
fn standard_input_without_end_is_refused() {
    let bench = Bench::new();
    for command in [&["validate"][..], &["run"], &["inspect"]] {
        let endless = Command::new("yes").stdout(Stdio::piped()).spawn().unwrap();
        let mut endless = endless;
        let input = endless.stdout.take().unwrap();
        let ran = Ran::of(bench.command([command, &["-"]].concat()).stdin(input).output().unwrap());
        ran.failed(1, &["standard input", "at most 268435456"]);
        endless.wait().unwrap();
        let zeros = File::open("/dev/zero").unwrap();
        Ran::of(bench.command([command, &["-"]].concat()).stdin(zeros).output().unwrap())
            .failed(1, &["standard input", "neither a WebAssembly module"]);
    }
}
