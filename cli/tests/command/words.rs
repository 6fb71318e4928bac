//! Command lines that nobody means: whatever they say, the command does not panic, ends with 0, 1 or 2, says why, and what it says is no
//! command for the terminal.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::Stdio;

use crate::common::Bench;

/// Runs a command line and checks what holds for all.
fn run(bench: &Bench, words: &[OsString]) -> (i32, String) {
    let output = bench.command(words).stdin(Stdio::null()).env("HOME", bench.path("")).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let shown: Vec<_> = words.iter().map(|word| word.to_string_lossy().chars().take(60).collect::<String>()).collect();
    let code = output.status.code().unwrap_or_else(|| panic!("{shown:?}: {}", output.status));
    assert!((0..=2).contains(&code), "{shown:?}: status {code}: {err}");
    assert!(!err.contains("panicked"), "{shown:?}: {err}");
    assert!(code == 0 || !(err.trim().is_empty() && out.trim().is_empty()), "{shown:?}: status {code} without a word");
    // Completion scripts know about terminals.
    if words.first().is_none_or(|word| word != "completions") {
        for text in [&out, &err] {
            let is_raw = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
            assert!(!text.contains(is_raw), "{shown:?}: {text:?}");
        }
    }
    (code, err.into_owned())
}

fn words(line: &[&str]) -> Vec<OsString> {
    line.iter().map(OsString::from).collect()
}

fn bench() -> Bench {
    let bench = Bench::new();
    bench.file("p.wat", "(module (func (export \"_start\")))");
    bench.file("f.wat", "(module (func (export \"f\") (param i32) (result i32) (local.get 0)))");
    bench.file("\u{1b}[2J\u{7}.wat", "(module $\u{1b}]0;x (func $\"\\1b[31m\" (export \"\\1b[2J\")))");
    bench.file("c.wasm", b"\0asm\x0d\0\x01\0");
    bench.file("empty.wasm", b"");
    bench.file("cut.wasm", b"\0asm\x01\0\0\0\x01\x05\x01");
    bench.file("s.wast", "(assert_return (invoke \"\\1b[2J\"))");
    bench.file("\u{1b}[2J.wast", "(module) (assert_return (invoke \"\\1b[2J\"))");
    std::fs::create_dir(bench.path("folder")).unwrap();
    bench
}

/// That each command line ends with this status and says this.
#[track_caller]
fn check(bench: &Bench, cases: &[(&[&str], i32, &str)]) {
    let mut wrong = Vec::new();
    for (line, code, part) in cases {
        let (found, said) = run(bench, &words(line));
        if found != *code || !said.contains(part) {
            let shown: Vec<_> = line.iter().map(|word| word.chars().take(60).collect::<String>()).collect();
            wrong.push(format!("{shown:?}: status {found} and not {code}, or `{part}` is missing in: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn mistakes_are_errors_that_say_what_they_are() {
    let bench = bench();
    let long = "x".repeat(100_000);
    let cases: &[(&[&str], i32, &str)] = &[
        (&[], 2, "Usage: wasmer"),
        (&[""], 2, "unrecognized subcommand ''"),
        (&["run"], 2, "<MODULE>"),
        (&["run", ""], 1, "could not read ``"),
        (&["run", &long], 1, "File name too long"),
        (&[&long], 2, "unrecognized subcommand"),
        (&["ftp://example.org/x.wasm"], 1, "hint: files are run, and what `https://` and `oci://` lead to"),
        (&["run", "python/python"], 1, "hint: files are run, and packages that are named with their registry"),
        (&["http://example.org/x.wasm"], 1, "it would be read without protection"),
        (&["validate", "oci://example.org/\u{1b}[2J"], 1, "is not a name of a registry"),
        (&["run", "--pull", "never", "oci://example.org/x"], 1, "is not stored here"),
        (&["pull", "x.wasm"], 1, "there is nothing to fetch"),
        (&["run", "c.wasm"], 1, "is a component that exports no `wasi:cli/run`, so there is nothing to run\nhint: "),
        (&["compile", "c.wasm"], 0, ""),
        (&["validate", "c.wasm"], 0, ""),
        (&["run", "--timeout", "99999999999999999999999s", "p.wat"], 2, "is not a time"),
        (&["run", "--timeout", "nan", "p.wat"], 2, "is not a time"),
        (&["run", "--timeout", "-1", "p.wat"], 2, "`-1` is not a time"),
        (&["run", "--timeout", "", "p.wat"], 2, "is not a time"),
        (&["run", "--max-memory", "18446744073709551616", "p.wat"], 2, "is not a size"),
        (&["run", "--max-memory", "99999999999GiB", "p.wat"], 2, "is not a size"),
        (&["run", "--max-memory", "-5", "p.wat"], 2, "`-5` is not a size"),
        (&["run", "--stack-size", "0", "p.wat"], 1, "a wasm stack of 0 bytes is not between"),
        (&["run", "--stack-size", "18446744073709551615", "p.wat"], 1, "is not between"),
        (&["run", "--timeout", "1s", "--timeout", "2s", "p.wat"], 2, "cannot be used multiple times"),
        (&["run", "--invoke", "f", "--invoke", "g", "f.wat"], 2, "cannot be used multiple times"),
        (&["run", "--backend", "", "p.wat"], 2, "unknown backend"),
        (&["run", "--backend", "cranelift", "--backend", "llvm", "p.wat"], 2, "cannot be used multiple times"),
        (&["run", "--enable", "", "p.wat"], 2, "unknown feature ``"),
        (&["run", "--enable", "simd", "--disable", "simd", "p.wat"], 2, "contradict each other"),
        (&["run", "--invoke", &long, "f.wat"], 1, "exports no function"),
        (&["run", "--invoke", "f", "f.wat", &long], 1, "is not a value of type i32"),
        (&["run", "--dir", "", "p.wat"], 1, "``"),
        (&["run", "--dir", "absent", "p.wat"], 1, "`absent`"),
        (
            &["run", "--dir", "folder:/data", "p.wat"],
            1,
            "hint: `::` stands between the host's folder and the program's name for it",
        ),
        (&["run", "--dir", "/absent/data::folder", "p.wat"], 1, "hint: the host's folder stands first"),
        (&["run", "--dir", "folder:rw", "p.wat"], 1, "hint: a folder may be written to"),
        (&["run", "--dir", "folder:readonly", "p.wat"], 1, "hint: `:ro` stands behind a folder"),
        (&["run", "--cwd", "folder::/x", "p.wat"], 2, "hint: `--dir folder::/x`"),
        (&["run", "--cwd", "absent", "p.wat"], 1, "`absent`"),
        (&["run", "--dir", "p.wat", "p.wat"], 1, "`p.wat`"),
        (&["run", "--env", "", "p.wat"], 1, "--env"),
        (&["run", "--env", "NOT_SET", "p.wat"], 1, "not set here\nhint: `--env NOT_SET=VALUE` gives it a value"),
        (&["run", "--env-file", "folder", "p.wat"], 1, "`folder`"),
        (&["run", "--net", "https://example.org/x", "c.wasm"], 1, "hosts are granted, with `:443`"),
        (&["run", "--env-file", "c.wasm", "p.wat"], 1, "could not read `c.wasm`: it is not text in UTF-8"),
        (&["run", "--tcplisten", "", "p.wat"], 2, "`` is not an address with a port"),
        (&["run", "--tcplisten", "127.0.0.1:99999", "p.wat"], 2, "write for instance 127.0.0.1:8080"),
        (&["run", "--cache-trust", "none", "p.wat"], 2, "--cache-trust"),
        (&["run", "--profile", "x", "p.wat"], 2, "--profile"),
        (&["compile", "--threads", "-1", "p.wat"], 2, "`-1` is not a whole number"),
        (&["compile", "--threads", "0", "p.wat"], 2, "`0` is not a whole number from 1 to 1024"),
        (&["run", "--trace-calls", "all", "p.wat"], 1, "could not read `all`"),
        (&["run", "--trace-calls", "wasi", "p.wat"], 1, "hint: `--trace-calls=wasi` is written with `=`"),
        (&["compile", "--threads", "99999999999999999999", "p.wat"], 2, "--threads"),
        (&["compile", "p.wat", "-o", "absent/x.wart"], 1, "`absent/x.wart`: No such file or directory (os error 2)\n"),
        (&["compile", "--function", "f", "p.wat"], 2, "--emit"),
        (&["compile", "--emit", "asm", "--function", "4294967296", "p.wat"], 1, "there is no function"),
        (&["bench", "--runs", "0", "p.wat"], 2, "`0` is not a whole number from 1 to 1000"),
        (&["bench", "--runs", "18446744073709551615", "p.wat"], 2, "--runs"),
        (&["bench", "-"], 1, "cannot be run several times"),
        (&["validate"], 2, "<MODULE>"),
        (&["validate", "p.wat", "f.wat"], 2, "unexpected argument"),
        (&["inspect", "folder"], 1, "`folder`"),
        (&["wast"], 2, "<PATH>"),
        (&["wast", "absent.wast"], 1, "absent.wast"),
        (&["man", "x"], 2, "there is no command `x`"),
        (&["man", "--folder", "absent"], 1, "absent"),
        (&["cache", "prune", "--days", "-1"], 2, "`-1` is not a whole number"),
        (&["cache", "x"], 2, "unrecognized subcommand 'x'"),
        (&["completions", "x"], 2, "invalid value 'x'"),
        (&["p.wat\u{1b}[2J"], 1, "p.wat\u{fffd}[2J"),
        (&["run", "--\u{1b}[2J", "p.wat"], 2, "unexpected argument '--"),
        (&["\u{1b}[2J"], 2, "unrecognized subcommand '"),
    ];
    check(&bench, cases);
}

/// What people type who know other runtimes, or miss a key.
#[test]
fn what_was_meant_is_named() {
    let bench = bench();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["exec", "p.wat"], 2, "a similar subcommand exists: 'run'"),
        (&["build", "p.wat"], 2, "'compile'"),
        (&["run", "--mapdir", "/x:.", "p.wat"], 2, "tip: `--dir HOST::GUEST` lets the program use a folder"),
        (&["run", "--llvm", "p.wat"], 2, "tip: `--backend NAME` chooses the compiler"),
        (&["run", "-W", "gc", "p.wat"], 2, "tip: `--enable FEATURE`"),
        (&["run", "--net", "p.wat"], 2, "tip: `--net` takes `p.wat` for its value"),
        (&["q.wat"], 1, "hint: did you mean `p.wat`?"),
        (&["objdump", "p.wat"], 2, "'compile --emit asm'"),
        (&["explore", "p.wat"], 2, "'compile --emit html'"),
        (&["compile", "--target", "aarch64", "p.wat"], 2, "tip: artifacts are for processors like this one"),
        (&["run", "--fuel", "-1", "p.wat"], 2, "`-1` is not an amount of fuel"),
        (&["bench", "f.wat"], 1, "`f.wat` is not a program: it exports neither `_start` nor"),
        (&["run", "empty.wasm"], 1, "`empty.wasm` is empty"),
        (&["run", "cut.wasm"], 1, "hint: the module may not be whole"),
        (&["ghcr.io/someone/app:1.0"], 1, "hint: `oci://ghcr.io/someone/app:1.0` is fetched from that registry"),
        (&["-v"], 0, ""),
        (&["p"], 2, "tip: `wasmer p.wat` runs that file"),
        (&["-version"], 2, "tip: `--version` has two dashes"),
        (&["run", "-dir=.", "p.wat"], 2, "tip: `--dir` has two dashes"),
        (&["serve", "--addr", "8080", "c.wasm"], 2, "`8080` is not an address with a port; write for instance"),
        (&["bench", "--starts", "p.wat"], 2, "`p.wat` is not a whole number from 1 to 100"),
    ];
    check(&bench, cases);
}

/// An option that stands behind the module is the program's; if the program cannot mean it, somebody says so.
#[test]
fn options_behind_the_module_are_noticed() {
    let bench = bench();
    let hint = |option: &str| {
        format!("`{option}` stands behind the module, where it is the program's; options of `wasmer` stand before it")
    };
    for (line, option) in [
        (&["run", "f.wat", "--invoke", "f", "1"][..], "--invoke"),
        (&["f.wat", "--backend=llvm"], "--backend"),
        (&["run", "p.wat", "--dir", "."], "--dir"),
        (&["p.wat", "x", "--timeout=1s"], "--timeout"),
    ] {
        let (_, said) = run(&bench, &words(line));
        assert!(said.contains(&hint(option)), "{line:?}: {said}");
    }
    let takes_words = r#"(module (import "wasi_snapshot_preview1" "args_get" (func (param i32 i32) (result i32)))
        (memory (export "memory") 1) (func (export "_start")))"#;
    bench.file("w.wat", takes_words);
    for line in [&["w.wat", "--dir", "."][..], &["p.wat", "--", "x"], &["p.wat", "--other"], &["p.wat", "dir"]] {
        assert_eq!(run(&bench, &words(line)), (0, String::new()), "{line:?}");
    }
}

#[test]
fn names_never_reach_the_terminal_raw() {
    let bench = bench();
    let module = "\u{1b}[2J\u{7}.wat";
    for line in [
        &["run", module][..],
        &["run", "--verbose", module],
        &["run", "--invoke", "\u{1b}[2J", module],
        &["run", "--invoke", "\u{1b}[2K", module],
        &["validate", module],
        &["inspect", module],
        &["inspect", "--json", module],
        &["compile", "--verbose", module],
        &["compile", "--emit", "asm", module],
        &["compile", "--emit", "clif", module],
        &["compile", "--emit", "mixed", module],
        &["compile", "--emit", "html", module],
        &["compile", "--emit", "asm", "--function", "\u{1b}", module],
        &["wast", "s.wast"],
        &["wast", "\u{1b}[2J.wast"],
        &["wast", "."],
        &["cache", "--cache-dir", "\u{1b}[2J", "stats"],
        &["man", "\u{1b}[2J"],
        &["completions", "\u{1b}[2J"],
        &["help", "\u{1b}[2J"],
    ] {
        run(&bench, &words(line));
    }
}

/// Words of a command line that are commands.
const COMMANDS: &[&str] =
    &["run", "compile", "validate", "inspect", "wast", "cache", "backends", "completions", "man", "help"];

/// Options, and what looks like one.
const OPTIONS: &[&str] = &[
    "--backend",
    "--enable",
    "--disable",
    "--disable-cache",
    "--cache-dir",
    "--cache-trust",
    "--invoke",
    "--dir",
    "--env",
    "--env-file",
    "--timeout",
    "--compile-timeout",
    "--max-memory",
    "--stack-size",
    "--allow-precompiled",
    "--verbose",
    "-v",
    "--output",
    "-o",
    "--threads",
    "--emit",
    "--function",
    "--unoptimized",
    "--json",
    "--folder",
    "--days",
    "--size",
    "--help",
    "-h",
    "--version",
    "-V",
    "--",
    "-",
    "--=",
    "-=",
    "---",
    "-x",
    "--dir=",
    "--timeout=1s",
    "--backend=singlepass",
];

/// Everything else, right and wrong.
const VALUES: &[&str] = &[
    "p.wat",
    "f.wat",
    "s.wast",
    "folder",
    "absent.wasm",
    "",
    " ",
    "f",
    "_start",
    "0",
    "1",
    "-1",
    "0x7",
    "1s",
    "500ms",
    "1e999",
    "18446744073709551616",
    "1MiB",
    "99999999999GiB",
    "auto",
    "cranelift",
    "singlepass",
    "simd",
    "hash",
    "stat",
    "asm",
    "clif",
    "llvm-ir",
    "bash",
    "zsh",
    "list",
    "dir",
    "stats",
    "verify",
    "prune",
    "clean",
    ".",
    ".::/x:ro",
    ":",
    "::",
    "::::",
    ":ro",
    "A=1",
    "=",
    "\u{1b}[2J",
    "\u{202e}",
    "\n",
    "%s%n",
    "$(x)",
    "'",
    "\"",
    "é",
    "*",
];

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn word(&mut self) -> OsString {
        let pick = self.below(12);
        match pick {
            0 => COMMANDS[self.below(COMMANDS.len())].into(),
            1..=4 => OPTIONS[self.below(OPTIONS.len())].into(),
            // No path out of the scratch folder.
            5 => OsString::from_vec(
                (0..self.below(9)).map(|_| 1 + self.below(255) as u8).filter(|byte| *byte != b'/').collect(),
            ),
            6 => "x".repeat(1 << self.below(17)).into(),
            _ => VALUES[self.below(VALUES.len())].into(),
        }
    }
}

#[test]
fn random_command_lines_end_properly() {
    let mut random = Random(1);
    let commands = ["run", "compile", "validate", "inspect", "wast", "cache", "man", "completions"];
    let mut counts = [0; 3];
    for round in 0..400 {
        let bench = bench();
        let mut line: Vec<OsString> = (0..1 + random.below(6)).map(|_| random.word()).collect();
        if round % 4 != 0 {
            line.insert(0, commands[random.below(commands.len())].into());
        }
        counts[run(&bench, &line).0 as usize] += 1;
    }
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
}
