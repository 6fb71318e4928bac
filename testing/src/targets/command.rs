//! Command lines that nobody would type, in places where nobody would run them, some of them killed on the way.
//!
//! All runs of an input share a store of artifacts. None may end by a panic, an internal error or a signal of its own, and in the end
//! the store serves an ordinary run.
//!
//! Only names below a folder of the attack's own are given, because many commands write files.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::Verdict;
use super::script::Script;
use crate::generate::Random;

/// Names the program to attack; the one beside this program unless it is set.
pub const PROGRAM_VARIABLE: &str = "WASMER_ATTACKED";

/// How long a command may run before it is ended, which is no fault: a guest may run for ever, and so may `bench --runs 1000000`.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The same for the ordinary run in the end, where it is one.
const PATIENCE_IN_THE_END: Duration = Duration::from_secs(50);

/// Modules and other files in the folder where commands run.
const FILES: &[(&str, &str)] = &[
    ("value.wat", r#"(module (func (export "f") (param i32 f64) (result i32) local.get 0) (func (export "_start")))"#),
    ("trap.wat", r#"(module (memory (export "memory") 1) (func (export "_start") (drop (i32.load (i32.const -1)))))"#),
    ("spin.wat", r#"(module (func (export "_start") (loop (br 0))) (func (export "") (loop (br 0))))"#),
    ("deep.wat", r#"(module (func $f (export "_start") (call $f)))"#),
    (
        "grow.wat",
        r#"(module (memory 1) (func (export "_start") (loop (br_if 0 (i32.ne (memory.grow (i32.const 100)) (i32.const -1))))))"#,
    ),
    (
        "wasi.wat",
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $e (param i32))) (memory (export "memory") 1)
        (data (i32.const 0) "\10\00\00\00\05\00\00\00") (data (i32.const 16) "text\n")
        (func (export "_start") (call $e (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
    ),
    (
        "reactor.wat",
        r#"(module (func (export "_initialize")) (func (export "g") (result i64 f32 v128) (i64.const -1) (f32.const nan) (v128.const i64x2 1 2)))"#,
    ),
    ("missing.wat", r#"(module (import "no" "where" (func)) (func (export "_start")))"#),
    ("invalid.wat", "(module (func (result i32)))"),
    ("malformed.wat", "(module (func"),
    ("memory64.wat", r#"(module (memory i64 1) (func (export "_start") (drop (i32.load (i64.const -1)))))"#),
    (
        "script.wast",
        r#"(module (func (export "f") (result i32) (i32.const 1))) (assert_return (invoke "f") (i32.const 2))"#,
    ),
    ("not-utf8.wat", "(module \u{fffd})"),
    ("names.env", "A=1\n# comment\nB\n=\nC==\u{0}\n"),
    ("empty.wat", ""),
    ("magic.wasm", "\0asm"),
    ("component.wasm", "\0asm\u{d}\0\u{1}\0"),
    ("d/inside.wat", "(module)"),
];

/// What a command can be. Those that speak to a network or replace programs are left out.
const COMMANDS: &[&[&str]] = &[
    &["run"],
    &["run"],
    &["run", "--timeout", "200ms"],
    &["run", "--timeout", "200ms"],
    &["run", "--timeout", "200ms", "--invoke", "f"],
    &["run", "--timeout", "200ms", "--backend", "singlepass"],
    &["run", "--timeout", "200ms", "--backend", "llvm"],
    &[],
    &["compile"],
    &["compile", "-o", "made.wart"],
    &["compile", "--emit", "asm"],
    &["compile", "--emit", "clif"],
    &["compile", "--emit", "mixed"],
    &["compile", "--emit", "html"],
    &["compile", "--emit", "llvm-ir", "--backend", "llvm"],
    &["validate"],
    &["inspect"],
    &["inspect", "--json"],
    &["wast"],
    &["bench", "--runs", "1"],
    &["cache", "dir"],
    &["cache", "list"],
    &["cache", "stats"],
    &["cache", "verify"],
    &["cache", "prune"],
    &["cache", "clean"],
    &["backends"],
    &["completions"],
    &["man"],
    &["help"],
];

/// Words of command lines, in any order and number.
const WORDS: &str = "
    --backend --disable-cache --cache-dir --cache-trust --enable --disable --invoke --dir --env --env-all --env-file --argv0
    --tcplisten --timeout --fuel --compile-timeout --max-memory --max-total-memory --max-table-elements --max-open-files
    --max-output --stack-size --allow-precompiled --profile --verbose -v --threads --cpu -o --output --emit --function
    --unoptimized --json --html --runs --days --help --version -h -V -- - --= --dir=d --fuel=9 --timeout=1ms --invoke=f
    --stack-size=64KiB --stack-size=1 --max-memory=1 --max-output=0 --max-open-files=1 --threads=1 auto singlepass cranelift
    llvm native x86-64-v2 x86-64-v9 x86-64-v2+avx+nothing stat hash jitdump asm clif llvm-ir simd threads memory64
    custom-page-sizes gc multi-memory no-such-feature bash zsh fish run f g _start memory A=1 A = d d::/ d::/x:ro :: :ro
    d::d::d link up loop new/new made.wart new.wart value.wart page.html 127.0.0.1:0 127.0.0.1:99999 [::1]:0 localhost 0 1
    -1 2 100 18446744073709551615 18446744073709551616 0x10 1e9 nan inf -0.0 nan:0x1 0s 1ns 1ms 10s 99999999999999999h 1KiB
    64KiB 1MiB 16EiB 1.5GiB 17EiB -1MiB KiB %s%n * ~ $HOME @f value.wat value.wat/ ./value.wat d/inside.wat absent.wat d/
";
/// Words that are none.
const ODD_WORDS: &[&str] = &["A=\n", "", " ", "\n", "\u{1b}[31m", "\u{202e}", "é", "a b", "'", "\"", "\\"];

/// What stands before a command in a shell: limits, closed and full streams, no folder to be in, no rights for new files.
const SURROUNDINGS: &[&str] = &[
    "",
    "",
    "",
    "",
    "ulimit -f 0;",
    "ulimit -f 8;",
    "ulimit -f 100;",
    "ulimit -n 3;",
    "ulimit -n 5;",
    "ulimit -n 9;",
    "ulimit -n 20;",
    "ulimit -s 64;",
    "ulimit -s 500;",
    "ulimit -v 300000;",
    "ulimit -v 6000000;",
    "ulimit -t 1;",
    "exec <&-;",
    "exec >&-;",
    "exec 2>&-;",
    "exec <&- >&- 2>&-;",
    "exec >/dev/full;",
    "exec 2>/dev/full;",
    "exec <d;",
    "umask 0777;",
    "umask 0;",
    "mkdir gone; cd gone; rmdir ../gone;",
    "trap '' PIPE TERM INT;",
    "exec >&0;",
];

/// Variables, and what they may be.
const VARIABLES: &str = "
    WASMER_CACHE_DIR WASMER_CACHE_SIZE WASMER_LLVM NO_COLOR TERM HOME XDG_CACHE_HOME TMPDIR PATH RUST_BACKTRACE RUST_LOG
    LANG COLUMNS MANPAGER RAYON_NUM_THREADS
";
const VALUES: &[&str] = &[
    "",
    "d",
    "value.wat",
    "absent/absent",
    "link",
    "loop",
    "0",
    "1",
    "-1",
    "1KiB",
    "16EiB",
    "junk",
    "\u{1b}[2J",
    "./",
    "made",
    "full",
    "dumb",
];

pub(super) fn input(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed + 1);
    let len = 16 + random.below(100);
    random.bytes(len)[..len].to_vec()
}

/// The program that is attacked.
fn program() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os(PROGRAM_VARIABLE) {
        return Ok(path.into());
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let beside = own.with_file_name("wasmer");
    if beside.is_file() {
        Ok(beside)
    } else {
        Err(format!("there is no `{}`, and `{PROGRAM_VARIABLE}` names no other", beside.display()))
    }
}

struct World {
    program: PathBuf,
    root: tempfile::TempDir,
}

/// What became of a command, the most harmless first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Became {
    Ran,
    Refused,
    /// By this attack.
    Ended,
}

/// How a command ended.
enum Ended {
    Itself(ExitStatus, Vec<u8>),
    ByUs,
}

impl World {
    fn new() -> Result<Self, String> {
        let world = Self { program: program()?, root: tempfile::tempdir().map_err(|error| error.to_string())? };
        world.fill().map_err(|error| error.to_string())?;
        Ok(world)
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("folder")
    }

    fn fill(&self) -> std::io::Result<()> {
        let folder = self.folder();
        fs::create_dir_all(folder.join("d"))?;
        for (name, text) in FILES {
            fs::write(folder.join(name), text)?;
        }
        fs::write(folder.join("not-utf8.wat"), b"(module (@\xff\xfe))")?;
        fs::write(
            self.root.path().join("check.wat"),
            r#"(module (func (export "check") (result i32) (i32.const 77)))"#,
        )?;
        for (name, target) in [("link", "d"), ("up", "."), ("loop", "loop")] {
            symlink(target, folder.join(name))?;
        }
        Ok(())
    }

    /// A shell that becomes the command, in a process group of its own, with nothing of ours around.
    fn shell(&self, before: &str, words: &[OsString]) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(format!("{before} exec \"$0\" \"$@\"")).arg(&self.program).args(words);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.root.path());
        command.env("WASMER_CACHE_DIR", self.root.path().join("cache"));
        // What goes on when a command has ended is no part of it.
        command.env("WASMER_BACKGROUND", "off");
        command.current_dir(self.folder()).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// One command that nobody would type. Returns what became of it.
    fn odd(&self, script: &mut Script<'_>) -> Result<Became, String> {
        let mut words: Vec<OsString> = script.one(COMMANDS).iter().map(OsString::from).collect();
        for _ in 0..script.byte() % 5 {
            words.push(word(script));
        }
        if !script.byte().is_multiple_of(4) {
            words.push(script.one(FILES).0.into());
        }
        for _ in 0..script.byte() % 3 {
            words.push(word(script));
        }
        let before = script.one(SURROUNDINGS);
        let mut command = self.shell(before, &words);
        for _ in 0..(script.byte() % 4).saturating_sub(1) {
            command.env(one_of(script, VARIABLES), script.one(VALUES));
        }
        let killed = script.byte().is_multiple_of(16).then(|| moment(script));
        let said = || {
            format!("`{before} wasmer {}`", words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" "))
        };
        match run(command, killed.unwrap_or(PATIENCE)).map_err(|error| format!("{}: {error}", said()))? {
            Ended::ByUs => Ok(Became::Ended),
            Ended::Itself(status, text) => {
                sound(status, &text, before).map_err(|fault| format!("{}: {fault}", said()))?;
                Ok(if status.success() { Became::Ran } else { Became::Refused })
            }
        }
    }

    /// What everybody types.
    fn ordinary(&self) -> Result<(), String> {
        let check = self.root.path().join("check.wat");
        let words = [OsStr::new("run"), OsStr::new("--invoke"), OsStr::new("check"), check.as_os_str()];
        let command = self.shell("", &words.map(OsStr::to_owned));
        match run(command, PATIENCE_IN_THE_END).map_err(|error| error.to_string())? {
            Ended::ByUs => Err("an ordinary run did not end afterwards".to_owned()),
            Ended::Itself(status, text) if status.code() == Some(0) && text.starts_with(b"77\n") => Ok(()),
            Ended::Itself(status, text) => {
                Err(format!("an ordinary run ended with {status} afterwards: {}", String::from_utf8_lossy(&text)))
            }
        }
    }
}

/// When a command is killed: soon more often than late.
fn moment(script: &mut Script<'_>) -> Duration {
    let place = script.below(1 << 16) as u64;
    Duration::from_micros((place * place) >> 16)
}

/// One of the words in a text.
fn one_of<'a>(script: &mut Script<'_>, words: &'a str) -> &'a str {
    let words: Vec<_> = words.split_ascii_whitespace().collect();
    words[script.below(words.len())]
}

/// A word that may be of bytes that are no text.
fn word(script: &mut Script<'_>) -> OsString {
    match script.byte() % 12 {
        0 => {
            // No name that leads out of the folder.
            let byte = |byte: u8| if matches!(byte, 0 | b'/' | b'.') { b'_' } else { byte };
            OsString::from_vec((0..script.byte() % 9).map(|_| byte(script.byte())).collect())
        }
        1 => OsString::from("x".repeat(1 + script.below(9000))),
        2..4 => script.one(FILES).0.into(),
        4 => script.one(ODD_WORDS).into(),
        _ => one_of(script, WORDS).into(),
    }
}

/// Runs a command for so long. What it wrote to both streams is joined, as far as it is short.
fn run(mut command: Command, patience: Duration) -> std::io::Result<Ended> {
    let mut child = command.spawn()?;
    let begun = Instant::now();
    let streams = [collect(child.stdout.take()), collect(child.stderr.take())];
    let status = loop {
        match child.try_wait()? {
            Some(status) => break Some(status),
            None if begun.elapsed() < patience => thread::sleep(Duration::from_micros(300)),
            None => break None,
        }
    };
    if status.is_none() {
        end(&mut child);
    }
    let text = streams.into_iter().flat_map(|stream| stream.join().unwrap_or_default()).collect();
    Ok(status.map_or(Ended::ByUs, |status| Ended::Itself(status, text)))
}

/// Ends a command that was not waited for, and what it started. Failures mean that it has ended already.
fn end(child: &mut Child) {
    if let Some(group) = Pid::from_raw(child.id() as i32) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    child.wait().ok();
}

fn collect(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut part) {
                if bytes.len() < 1 << 20 {
                    bytes.extend_from_slice(&part[..count]);
                }
            }
        }
        bytes
    })
}

/// Whether a command ended as it may.
fn sound(status: ExitStatus, text: &[u8], before: &str) -> Result<(), String> {
    let text = String::from_utf8_lossy(text);
    // A process that gets no memory or time from the system has nothing to say.
    let starved = before.contains("ulimit -v") && matches!(status.signal(), Some(6 | 9))
        || before.contains("ulimit -t") && matches!(status.signal(), Some(9 | 24))
        || before.contains("ulimit -v") && text.contains("memory allocation of");
    let fault = match status.code() {
        None if starved => None,
        None => Some(format!("ended by {status}")),
        Some(101) if !starved => Some("panicked".to_owned()),
        Some(_) => ["panicked at", "internal error", "RUST_BACKTRACE="]
            .iter()
            .find(|words| text.contains(**words))
            .map(|words| format!("said `{words}`")),
    };
    match fault {
        Some(fault) => Err(format!("{fault}: {}", text.chars().take(600).collect::<String>())),
        None => Ok(()),
    }
}

/// Any bytes: a command, the next command.
pub(super) fn judge(bytes: &[u8]) -> Verdict {
    let (world, mut script) = (World::new()?, Script::new(bytes));
    let mut worst = Became::Ran;
    while !script.is_over() {
        worst = worst.max(world.odd(&mut script)?);
    }
    world.ordinary()?;
    Ok(match worst {
        Became::Ran => "all ran",
        Became::Refused => "some refused",
        Became::Ended => "some killed",
    })
}
