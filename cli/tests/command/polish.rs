//! What is expected of any command: help, suggestions, clean streams, manual pages, completions.

use std::collections::BTreeSet;
use std::fs::File;
use std::process::Stdio;

use crate::common::{Bench, Ran, printer};

/// The commands, as the help lists them.
fn commands(bench: &Bench) -> Vec<String> {
    let help = bench.run(["--help"]).out;
    let (_, list) = help.split_once("\nCommands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let names = list.lines().map(|line| line.split_whitespace().next().unwrap().to_owned());
    let names: Vec<_> = names.filter(|name| name != "help").collect();
    assert!(["run", "compile", "cache"].iter().all(|known| names.iter().any(|name| name == known)), "{help}");
    names
}

#[test]
fn every_command_has_help_with_examples_on_standard_output() {
    let bench = Bench::new();
    for command in commands(&bench).iter().map(String::as_str).chain(["cache verify"]) {
        let ran = bench.run(command.split(' ').chain(["--help"]));
        assert_eq!(ran.silent().code, Some(0), "{command}");
        assert!(ran.out.contains("Usage: wasmer"), "{command}: {}", ran.out);
        assert!(ran.out.contains("Examples:") || command == "cache verify", "{command}: {}", ran.out);
        assert!(!ran.out.contains('\x1b'), "{command}");
    }
    let ran = bench.run(["--help"]);
    for part in ["Exit status:", "124", "134", "101", "WASMER_CACHE_DIR", "NO_COLOR"] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    bench.run(["--version"]).printed(&format!("wasmer {}\n", env!("CARGO_PKG_VERSION"))).silent();
}

#[test]
fn slips_are_recognised() {
    let bench = Bench::new();
    let hello = bench.file("hello.wat", printer("hello"));
    let hello = hello.to_str().unwrap();
    bench.run(["complie", hello]).failed(2, &["complie", "'compile'"]);
    bench.run(["rnu", hello]).failed(2, &["rnu", "'run'"]);
    bench.run(["run", "--bakend", "llvm", hello]).failed(2, &["--bakend", "'--backend'"]);
    bench.run(["run", "--backend", "carnelift", hello]).failed(2, &["did you mean `cranelift`?"]);
    bench.run(["bench", "--backend", "single-pass", hello]).failed(2, &["did you mean `singlepass`?"]);
    bench.run(["run", "--enable", "multi-memroy", hello]).failed(2, &["did you mean `multi-memory`?"]);
    bench.run(["run", "--enable", "flying", hello]).failed(2, &["the features are", "tail-call"]);
    bench.run(["run", "--invoke", "_strat", hello]).failed(1, &["did you mean `_start`?"]);
    bench.run(["man", "valdate"]).failed(2, &["did you mean `validate`?"]);
}

/// Commands that print data.
fn printing(bench: &Bench) -> Vec<Vec<String>> {
    let hello = bench.file("hello.wat", printer("hello")).to_str().unwrap().to_owned();
    let math = bench.file("math.wat", r#"(module (func (export "one") (result i32) (i32.const 1)))"#);
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    vec![
        words("backends"),
        words("cache dir"),
        words("cache stats"),
        words("completions bash"),
        words("man"),
        words("--help"),
        words(&format!("inspect {hello}")),
        words(&format!("inspect --json {hello}")),
        words(&format!("compile --emit asm {hello}")),
        words(&format!("run --invoke one {}", math.display())),
    ]
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let bench = Bench::new();
    for words in printing(&bench) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = Ran::of(bench.command(&words).stdout(writer).output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{words:?}");
    }
}

#[test]
fn data_that_cannot_be_written_is_an_error() {
    let bench = Bench::new();
    for words in printing(&bench).into_iter().filter(|words| words[0] != "--help") {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ran = Ran::of(bench.command(&words).stdout(Stdio::from(full)).output().unwrap());
        assert_eq!(ran.said(&["error: "]).code, Some(1), "{words:?}");
    }
}

#[test]
fn names_of_a_module_give_a_terminal_no_commands() {
    let bench = Bench::new();
    let module = r#"(module $"\1b]0;title\07" (import "\1b[2J" "x" (func)) (func (export "\1b[31m") unreachable))"#;
    bench.file("hostile.wat", module);
    let ran = bench.run(["inspect", "hostile.wat"]);
    assert!(ran.code == Some(0) && !ran.out.contains('\x1b'), "{ran:?}");
    let json = bench.run(["inspect", "--json", "hostile.wat"]);
    let module: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(module["exports"][0]["name"], "\x1b[31m");
    let ran = bench.run(["run", "hostile.wat"]);
    assert!(ran.code == Some(1) && !ran.err.contains('\x1b'), "{ran:?}");
}

#[test]
fn manual_pages_exist_for_every_command() {
    let bench = Bench::new();
    let page = bench.run(["man"]);
    assert_eq!(page.silent().code, Some(0));
    for part in [".TH wasmer 1", ".SH NAME", ".SH EXAMPLES", ".SH \"EXIT STATUS\"", ".SH ENVIRONMENT"] {
        assert!(page.out.contains(part), "{part}: {}", page.out);
    }
    let run = bench.run(["man", "run"]);
    assert!(run.out.contains(".TH wasmer-run 1") && run.out.contains("\\-\\-max\\-memory"), "{}", run.out);
    bench.run(["man", "--folder", "."]).printed("");
    let pages = crate::common::files(&bench.path("."));
    let pages = pages.iter().filter(|path| path.extension().is_some_and(|ending| ending == "1"));
    let pages: BTreeSet<_> = pages.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let names = commands(&bench).into_iter().map(|name| format!("wasmer-{name}")).chain(["wasmer".to_owned()]);
    assert_eq!(pages, names.collect());
}

#[test]
fn there_are_completions_for_every_shell() {
    let bench = Bench::new();
    for (shell, part) in [("bash", "--words"), ("zsh", "--words"), ("fish", "--words"), ("elvish", "max-memory")] {
        let ran = bench.run(["completions", shell]);
        assert_eq!(ran.silent().code, Some(0));
        assert!(ran.out.contains(part), "{shell}: {part}");
    }
    bench.run(["completions", "--words", "run", "--backend", "sing"]).printed("none\nsinglepass\n").silent();
    let ran = bench.run(["completions", "--words", "cache", "stat"]);
    assert!(ran.out.contains("stats\tPrint figures"), "{ran:?}");
}

#[test]
fn verbose_says_where_the_time_went() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    bench.run(["compile", "--verbose", "hello.wat"]).printed("").said(&["hello.wat", "cranelift", "compile", "ms"]);
    bench.run(["run", "--verbose", "hello.wat"]).printed("hello").said(&["cache miss", "compile", "run", "ms"]);
}
