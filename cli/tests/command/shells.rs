//! What shells make of the command: completions at a press of the key, scripts that name it in their first line, pipes.

use std::fs::{File, Permissions};
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Bench, Ran, printer};

/// A shell in the scratch folder that finds the command, and its own tools, by their names.
fn shell(bench: &Bench, name: &str, arguments: &[&str]) -> Command {
    let command = Path::new(env!("CARGO_BIN_EXE_wasmer")).parent().unwrap().display();
    let mut shell = Command::new(name);
    shell.args(arguments).current_dir(bench.path("")).env_clear();
    shell.env("WASMER_CACHE_DIR", bench.cache()).env("WASMER_BACKGROUND", "off").env("HOME", bench.path(""));
    shell.env("PATH", format!("{command}:/usr/local/bin:/usr/bin:/bin")).env("TERM", "xterm");
    shell
}

/// Whether there is this shell here: who has it tests it.
fn is_here(bench: &Bench, name: &str) -> bool {
    let is_here = shell(bench, name, &["-c", "true"]).status().is_ok_and(|status| status.success());
    if !is_here {
        eprintln!("there is no {name} here, so its completions are not tested");
    }
    is_here
}

/// A shell that believes somebody types.
struct Typed {
    shell: Child,
    terminal: File,
    seen: String,
}

impl Typed {
    fn new(mut shell: Command) -> Self {
        let (mut ours, mut theirs) = (-1, -1);
        let null = std::ptr::null_mut();
        // SAFETY: the two numbers are written, the other pointers may be null.
        let made = unsafe { libc::openpty(&mut ours, &mut theirs, null, null.cast(), null.cast()) };
        assert_eq!(made, 0, "there are terminals");
        // SAFETY: both were just opened, and nobody else knows of them.
        let (ours, theirs) = unsafe { (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) };
        let stream = || Stdio::from(theirs.try_clone().unwrap());
        let shell = shell.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap();
        Self { shell, terminal: ours, seen: String::new() }
    }

    /// Types a text, and waits until the terminal shows another that was not there before.
    fn expect(&mut self, text: &str, shown: &str) {
        self.terminal.write_all(text.as_bytes()).unwrap();
        let (started, before) = (Instant::now(), self.seen.len());
        while !self.seen[before..].contains(shown) {
            assert!(started.elapsed() < Duration::from_secs(60), "`{shown}` is missing in: {}", self.seen);
            let mut poll =
                libc::pollfd { fd: std::os::fd::AsRawFd::as_raw_fd(&self.terminal), events: libc::POLLIN, revents: 0 };
            // SAFETY: one descriptor, which is open.
            if unsafe { libc::poll(&mut poll, 1, 200) } == 1 {
                let mut bytes = [0; 4096];
                let len = self.terminal.read(&mut bytes).unwrap_or(0);
                self.seen.push_str(&String::from_utf8_lossy(&bytes[..len]));
            }
        }
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// A folder with a module, a file of variables and a folder in it.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.file("app.wasm", "");
    bench.file("variables", "");
    std::fs::create_dir(bench.path("data")).unwrap();
    bench
}

/// Lines as they are typed, and the words that the shell makes of them.
const LINES: &[(&str, &[&str])] = &[
    ("vali\tap\t", &["validate", "app.wasm"]),
    ("ap\tx", &["app.wasm", "x"]),
    (
        "run --backend sing\t--max-mem\t1m ap\tx",
        &["run", "--backend", "singlepass", "--max-memory", "1m", "app.wasm", "x"],
    ),
    ("run --optimize=nev\tap\t", &["run", "--optimize=never", "app.wasm"]),
    ("--env-file var\tap\t", &["--env-file", "variables", "app.wasm"]),
    ("run --cwd da\t", &["run", "--cwd", "data/"]),
    ("cache --cache-dir da\tstatu\t", &["cache", "--cache-dir", "data/", "status"]),
];

/// Types the lines for a function that prints the words it is given, one by one. Behind a folder bash and zsh put no blank.
fn type_lines(mut typed: Typed, setup: &str) {
    typed.expect(&format!("{setup}\n"), "ready.");
    for (line, words) in LINES {
        let line = line.replace("da\tst", "da\t st");
        let shown: String = words.iter().map(|word| format!("<{word}>")).collect();
        typed.expect(&format!("show {line}\n"), &shown);
    }
}

#[test]
fn bash_completes_words_values_and_files() {
    let bench = bench();
    if is_here(&bench, "bash") {
        let setup = "source <(wasmer completions bash); show() { printf '<%s>' \"$@\"; echo; }; complete -F _wasmer show; PS1=; echo ready${PS1}.";
        type_lines(Typed::new(shell(&bench, "bash", &["--norc", "--noprofile", "-i"])), setup);
    }
}

#[test]
fn zsh_completes_words_values_and_files() {
    let bench = bench();
    if is_here(&bench, "zsh") {
        let setup = "autoload -Uz compinit; compinit -u -D; source =(wasmer completions zsh); show() { printf '<%s>' \"$@\"; echo; }; \
            compdef _wasmer show; unsetopt PROMPT_SP AUTO_REMOVE_SLASH; PS1=; echo ready${PS1}.";
        type_lines(Typed::new(shell(&bench, "zsh", &["-f", "-i"])), setup);
    }
}

#[test]
fn fish_completes_words_values_and_files() {
    let bench = bench();
    if !is_here(&bench, "fish") {
        return;
    }
    let complete = |line: &str| {
        let script = format!("wasmer completions fish | source; complete -C 'wasmer {line}'");
        let ran = Ran::of(shell(&bench, "fish", &["--no-config", "-c", &script]).output().unwrap());
        let words = ran.printed_lines();
        words.iter().map(|line| line.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (line, words) in [
        ("vali", &["validate"][..]),
        ("ap", &["app.wasm"]),
        ("run --backend sing", &["singlepass"]),
        ("run --backend=sing", &["--backend=singlepass"]),
        ("run --env-file=var", &["--env-file=variables"]),
        ("run --max-mem", &["--max-memory"]),
        ("run --cwd da", &["data/"]),
        ("run --env-file variables ap", &["app.wasm"]),
    ] {
        assert_eq!(complete(line), words, "{line}");
    }
}

#[test]
fn modules_run_as_scripts() {
    let bench = Bench::new();
    let text = printer("hello");
    let binary = wasmer_runtime::wast::assemble(&text, Path::new("hello.wat")).unwrap();
    let line = |line: &str, module: &[u8]| [line.as_bytes(), b"\n", module].concat();
    let script = |contents: Vec<u8>| {
        let path = bench.file("script", contents);
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        // Named by its path, as the system hands it over, and found through PATH.
        Ran::of(shell(&bench, "sh", &["-c", "./script --of-the-guest"]).output().unwrap())
    };
    script(line("#!/usr/bin/env wasmer", text.as_bytes())).printed("hello").silent();
    script(line("#!/usr/bin/env wasmer", &binary)).printed("hello").silent();
    script(line("#!/usr/bin/env -S wasmer run --max-memory 1MiB", &binary)).printed("hello").silent();
    script(line("#!/usr/bin/env -S wasmer run --max-memory 1KiB", &binary)).failed(1, &["--max-memory"]);
    // The lines of the text keep their numbers.
    let trap = "(module\n(func $f (export \"_start\")\nunreachable))";
    script(line("#!/usr/bin/env wasmer", trap.as_bytes())).failed(134, &["./script:4"]);
    // As `binfmt_misc` starts a module: the interpreter, the path, the arguments.
    bench.run([bench.path("script").to_str().unwrap(), "x"]).failed(134, &["unreachable"]);
    bench.file("empty", "#!");
    bench.run(["run", "empty"]).failed(1, &["`empty` is not a program"]);
}

#[test]
fn what_is_no_module_is_named() {
    let bench = Bench::new();
    for (magic, parts) in [
        (&b"\x7fELF\x02"[..], &["it is a program or library of this system", "hint: compilers make modules"][..]),
        (b"\x7fwart\r\n\x1a", &["precompiled artifact", "hint: `wasmer run --allow-precompiled`"]),
        (b"\x1f\x8b\x08", &["compressed, by gzip"]),
        (b"\x28\xb5\x2f\xfd", &["compressed, by zstd"]),
        (b"PK\x03\x04", &["a zip archive"]),
        (b"!<arch>\n", &["a static library"]),
        (b"\0webc001", &["a package (webc)"]),
        (
            b"<!DOCTYPE html>\n<title>404</title>",
            &["a page of the web (HTML)", "hint: it may be the answer of a server"],
        ),
        (b"version https://git-lfs.github.com/spec/v1\n", &["Git LFS", "hint: `git lfs pull`"]),
        (b"\xfd7zXZ\0", &["compressed, by xz"]),
        (b"BZh91AY", &["compressed, by bzip2"]),
        (b"BC\xc0\xde", &["bitcode of LLVM"]),
        (b"\xef\xbb\xbf(module)", &["begins with a byte order mark", "hint: save it as UTF-8"]),
        (b"\xff\xfe(\0m\0", &["text in UTF-16"]),
        (b"\xfe\xff\0(\0m", &["text in UTF-16"]),
        (b"\xff\xff", &["it is neither a WebAssembly module nor its text format"]),
    ] {
        bench.file("other", magic);
        // Artifacts are looked at whatever they are called.
        let commands = if magic[1] == b'w' { &["run"][..] } else { &["run", "validate", "inspect"] };
        for command in commands {
            bench.run([*command, "other"]).failed(1, &[&["error: could not read `other`: it is "], parts].concat());
        }
    }
}

/// Writes lines for ever, whatever becomes of them.
const YES: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 16) "y\n")
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 16))
        (i32.store (i32.const 4) (i32.const 2))
        (loop (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br 0))))"#;

#[test]
fn programs_end_when_nobody_reads_them_any_more() {
    let bench = Bench::new();
    bench.file("yes.wat", YES);
    // The status is that of a program of the system: 128 and the number of SIGPIPE.
    let line = "{ wasmer yes.wat; echo $? >&2; } | head -1";
    let ran = Ran::of(shell(&bench, "sh", &["-c", line]).output().unwrap());
    assert_eq!(ran.printed("y\n").err, "141\n");
}
