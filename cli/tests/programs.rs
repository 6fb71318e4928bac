//! Real programs, run by the `wasmer` command as a user runs them. The examples are in the repository; the others are obtained by
//! `cargo xtask programs`. A test whose program is missing says so and passes, unless `WASMER_PROGRAMS_REQUIRED` is set.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

#[path = "command/programs.rs"]
mod shared;

use shared::{backends, backends_for_large_programs, cache, program, repository};

#[path = "programs/components.rs"]
mod components;
#[path = "programs/hardware.rs"]
mod hardware;
#[path = "programs/libraries.rs"]
mod libraries;

const WASMER: &str = env!("CARGO_BIN_EXE_wasmer");

/// One run of `wasmer run`: options, program, its arguments and its input.
struct Run {
    command: Command,
    input: String,
}

/// What came of it.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Run {
    fn new(options: &[&str], program: &Path, arguments: &[&str]) -> Self {
        Self::with_cache(&cache(), options, program, arguments)
    }

    fn with_cache(cache: &Path, options: &[&str], program: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(WASMER);
        command.arg("run").args(options).arg("--cache-dir").arg(cache).env("WASMER_BACKGROUND", "off");
        // `auto` would run what other tests have left in the cache.
        if !options.iter().any(|option| option.starts_with("--backend")) {
            command.args(usual_backend().iter().flat_map(|name| ["--backend", *name]));
        }
        command.arg(program).args(arguments);
        Self { command, input: String::new() }
    }

    fn input(mut self, text: &str) -> Self {
        text.clone_into(&mut self.input);
        self
    }

    fn outcome(mut self) -> Outcome {
        let pipes = self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("`wasmer` starts");
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        let input = self.input;
        // From another thread: the program may fill its output before it has read all of its input, or not read it at all.
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let output = child.wait_with_output().expect("`wasmer` ends");
        writer.join().expect("the writer ends");
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What a run printed that must succeed.
    fn stdout(self) -> String {
        let outcome = self.outcome();
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        outcome.stdout
    }
}

/// A folder with these files, and the option that grants it to the guest as `/w`.
struct Folder {
    host: tempfile::TempDir,
    option: String,
}

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let host = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            fs::write(host.path().join(name), text).expect("a file in it");
        }
        let option = grant(host.path(), "/w");
        Self { host, option }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.host.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// The option that grants a folder of the host by a name, perhaps with `:ro` behind it.
fn grant(host: &Path, guest: &str) -> String {
    format!("--dir={}::{guest}", host.display())
}

/// Where programs run unless a test says where.
fn usual_backend() -> Option<&'static str> {
    let built = backends();
    built.iter().find(|name| **name == "cranelift").or(built.first()).copied()
}

mod examples {
    use super::*;

    #[test]
    fn hello() {
        assert_eq!(Run::new(&[], &repository("examples/hello.wat"), &[]).stdout(), "hello, world\n");
    }

    #[test]
    fn objects_are_what_they_were_made_of() {
        for backend in backends() {
            for (file, function, times, printed) in [
                ("objects", "trees", "2", "262142\n"),
                ("objects", "alloc", "1000", "7\n"),
                ("objects", "casts", "1001", "500\n"),
                ("objects", "methods", "1001", "2501\n"),
                ("objects", "texts", "2", "1050000\n"),
                ("objects", "tasks", "2", "1600\n"),
                ("bars", "trees", "1", "14985902\n"),
                ("bars", "store", "3", "6\n"),
                ("bars", "closures", "3", "6\n"),
                ("bars", "virtual", "1001", "250749\n"),
                ("bars", "tests", "1001", "501\n"),
                ("bars", "direct", "7", "7\n"),
                ("bars", "same", "7", "7\n"),
                ("bars", "turns", "7", "10\n"),
                ("bars", "list", "2", "2000\n"),
                ("bars", "sum", "2", "131072\n"),
                ("throws", "plain", "1001", "1002\n"),
                ("throws", "guarded", "1001", "1002\n"),
                ("throws", "throws", "10", "55\n"),
                ("throws", "frames", "10", "55\n"),
                ("throws", "cleanups", "10", "155\n"),
            ] {
                let options = ["--backend", backend, "--invoke", function];
                let run = Run::new(&options, &repository(&format!("benches/objects/{file}.wat")), &[times]);
                assert_eq!(run.stdout(), printed, "{function} on {backend}");
            }
        }
    }

    #[test]
    fn mandelbrot_is_symmetric_about_the_real_axis() {
        let picture = Run::new(&[], &repository("examples/mandelbrot.wat"), &[]).stdout();
        let rows: Vec<&str> = picture.lines().collect();
        assert_eq!(rows.len(), 31);
        assert!(rows.iter().all(|row| row.len() == 76), "{picture}");
        assert!((0..31).all(|row| rows[row] == rows[30 - row]), "{picture}");
        // On the axis everything from -2 to 0.25 belongs to the set.
        assert!(rows[15].contains(&"#".repeat(57)) && !rows[15].contains(&"#".repeat(58)), "{picture}");
        assert!(!rows[0].contains('#'), "{picture}");
    }

    #[test]
    fn wc_counts_its_input() {
        let wc = || Run::new(&[], &repository("examples/wc.wat"), &[]);
        assert_eq!(wc().stdout(), "0 0 0\n");
        assert_eq!(wc().input("one two\n\tthree \n\nfour").stdout(), "3 4 21\n");
        // More than one buffer, in words that lie across its end.
        assert_eq!(wc().input(&"abcdef ".repeat(50_000)).stdout(), "0 50000 350000\n");
    }
}

mod python {
    use super::*;

    fn python(options: &[&str], arguments: &[&str]) -> Option<Run> {
        program("python").map(|path| Run::new(options, &path, arguments))
    }

    #[test]
    fn evaluates_a_command() {
        let Some(version) = python(&[], &["--version"]) else { return };
        assert_eq!(version.stdout(), "Python 3.12.0\n");
        let Some(run) = python(&[], &["-c", "print(sum(x * x for x in range(1000)), 2 ** 100, 0.1 + 0.2)"]) else {
            return;
        };
        assert_eq!(run.stdout(), "332833500 1267650600228229401496703205376 0.30000000000000004\n");
    }

    #[test]
    fn imports_its_library() {
        let code = "\
import json, re, decimal, hashlib
print(json.dumps({'a': [1, 2.5, None]}), json.loads('[\"\\\\u00e9\"]')[0] == chr(233))
print(re.sub(r'(\\w+)@(\\w+)', r'\\2 at \\1', 'user@host, root@box'))
print(decimal.Decimal(1) / decimal.Decimal(7))
print(hashlib.sha256(b'abc').hexdigest())
";
        let Some(run) = python(&[], &["-c", code]) else { return };
        let expected = "\
{\"a\": [1, 2.5, null]} True
host at user, box at root
0.1428571428571428571428571429
ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
";
        assert_eq!(run.stdout(), expected);
    }

    #[test]
    fn runs_a_script_from_a_folder_and_ends_with_its_code() {
        let script = "\
import sys
words = open('/w/words.txt').read().split()
with open('/w/sorted.txt', 'w') as out:
    print(*sorted(words), file=out)
print(sys.argv[1:], input())
sys.exit(len(words))
";
        let folder = Folder::new(&[("script.py", script), ("words.txt", "pear apple fig")]);
        let Some(run) = python(&[&folder.option], &["/w/script.py", "--dir", "x"]) else { return };
        let outcome = run.input("typed\n").outcome();
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(3), "['--dir', 'x'] typed\n"), "{}", outcome.stderr);
        assert_eq!(folder.read("sorted.txt"), "apple fig pear\n");
    }

    #[test]
    fn an_exception_is_reported_on_standard_error() {
        let Some(run) = python(&[], &["-c", "1 / 0"]) else { return };
        let outcome = run.outcome();
        assert_eq!(outcome.code, Some(1));
        assert!(outcome.stderr.contains("ZeroDivisionError: division by zero"), "{outcome:?}");
        assert_eq!(outcome.stdout, "");
    }

    #[test]
    fn sees_only_what_is_granted() {
        let code = "\
import os
print(sorted(name for name in os.environ if name.startswith(('PATH', 'HOME', 'CARGO', 'GREETING'))))
for path in ('/etc/passwd', '/w/../etc/passwd', 'Cargo.toml'):
    try: print(len(open(path).read()))
    except OSError as error: print(type(error).__name__)
";
        let folder = Folder::new(&[]);
        let Some(run) = python(&["--env=GREETING=hi", &folder.option], &["-c", code]) else { return };
        let printed = run.stdout();
        assert!(printed.starts_with("['GREETING']\n"), "{printed}");
        assert!(printed.lines().skip(1).all(|line| line.ends_with("Error")), "{printed}");
        assert_eq!(printed.lines().count(), 4, "{printed}");
    }

    #[test]
    fn recursion_without_end_is_an_exception_of_its_own() {
        let code = "def f(n): return f(n + 1)\ntry: f(0)\nexcept RecursionError: print('caught')\n";
        let Some(run) = python(&["--stack-size=16MiB"], &["-c", code]) else { return };
        assert_eq!(run.stdout(), "caught\n");
    }
}

mod gcc {
    use super::*;

    /// In one test, so that it is compiled once.
    #[test]
    fn compiles_to_assembly_and_reports_errors_where_they_are() {
        let source = "\
template <typename T> T twice(T value) { return value + value; }
struct Point { int x, y; int sum() const { return x + y; } };
int answer(Point point) { return twice(point.sum()); }
";
        let folder = Folder::new(&[("a.cpp", source), ("bad.cpp", "int f() {\n    return g;\n}\n")]);
        let Some(path) = program("cc1plus") else { return };
        for backend in backends_for_large_programs() {
            let options = [&*folder.option, "--backend", backend];
            Run::new(&options, &path, &["-quiet", "-O2", "/w/a.cpp", "-o", "/w/a.s"]).stdout();
            let assembly = folder.read("a.s");
            assert!(assembly.contains("_Z6answer5Point:"), "{assembly}");
            // The call was inlined, and the addition of 16-bit numbers takes two instructions on this processor.
            assert!(assembly.contains("adc r25,r23") && !assembly.contains("call"), "{assembly}");
            assert!(assembly.contains(".ident\t\"GCC: (GNU) 15.2.0\""), "{assembly}");

            let outcome = Run::new(&options, &path, &["-quiet", "/w/bad.cpp", "-o", "/w/bad.s"]).outcome();
            assert_eq!(outcome.code, Some(1), "{outcome:?}");
            assert!(outcome.stderr.contains("/w/bad.cpp:2:12: error:"), "{outcome:?}");
        }
    }
}

mod sqlite {
    use super::*;

    const SCRIPT: &str = "
create table fruit (name text primary key, price real);
insert into fruit values ('fig', 0.5), ('pear', 0.75), ('apple', 0.25);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
  insert into fruit select 'number ' || i, i from n;
select count(*), sum(price), max(name) from fruit;
select name from fruit where price < 1 order by price desc;
";

    #[test]
    fn runs_a_script_in_memory() {
        let Some(path) = program("sqlite") else { return };
        let printed = Run::new(&[], &path, &[":memory:"]).input(SCRIPT).stdout();
        assert_eq!(printed, "20003|200010001.5|pear\npear\nfig\napple\n");
    }

    #[test]
    fn keeps_a_database_in_a_folder() {
        let Some(path) = program("sqlite") else { return };
        let folder = Folder::new(&[]);
        Run::new(&[&folder.option], &path, &["/w/fruit.db"]).input(SCRIPT).stdout();
        let query = "select name, price from fruit where name like '%ea%'; pragma integrity_check;";
        let printed = Run::new(&[&folder.option], &path, &["/w/fruit.db", query]).stdout();
        assert_eq!(printed, "pear|0.75\nok\n");
    }

    #[test]
    fn an_error_is_its_exit_code() {
        let Some(path) = program("sqlite") else { return };
        let outcome = Run::new(&[], &path, &[":memory:", "select * from nowhere"]).outcome();
        assert_eq!(outcome.code, Some(1));
        assert_eq!(outcome.stderr, "error: no such table: nowhere\n");
    }
}

mod quickjs {
    use super::*;

    #[test]
    fn evaluates_an_expression() {
        let Some(path) = program("quickjs") else { return };
        let code = "console.log([3, 1, 2].sort().join(), /a(b+)/.exec('xabbb')[1], 2n ** 100n, Math.hypot(3, 4))";
        assert_eq!(Run::new(&[], &path, &["-e", code]).stdout(), "1,2,3 bbb 1267650600228229401496703205376 5\n");
    }

    #[test]
    fn runs_a_script_from_a_folder() {
        let Some(path) = program("quickjs") else { return };
        let module = "export function* primes() {
    for (let n = 2; ; n++) {
        if ([...Array(n).keys()].slice(2).every(d => n % d)) yield n;
    }
}
";
        let script = "import { primes } from './primes.js';
const first = [];
for (const prime of primes()) {
    if (first.push(prime) == 10) break;
}
await null;
console.log(JSON.stringify({ first, arguments: scriptArgs.slice(1) }));
";
        let folder = Folder::new(&[("primes.js", module), ("main.js", script)]);
        let printed = Run::new(&[&folder.option], &path, &["-m", "/w/main.js", "one", "--two"]).stdout();
        assert_eq!(printed, "{\"first\":[2,3,5,7,11,13,17,19,23,29],\"arguments\":[\"one\",\"--two\"]}\n");
    }

    #[test]
    fn an_exception_is_its_exit_code() {
        let Some(path) = program("quickjs") else { return };
        let outcome = Run::new(&[], &path, &["-e", "throw new Error('broken')"]).outcome();
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(outcome.stderr.contains("Error: broken") || outcome.stdout.contains("Error: broken"), "{outcome:?}");
    }
}

/// A large program in Rust, which works on WebAssembly itself.
mod wasm_tools {
    use super::*;

    #[test]
    fn assembles_a_program_that_runs() {
        let Some(path) = program("wasm-tools") else { return };
        let (folder, examples) = (Folder::new(&[]), grant(&repository("examples"), "/examples:ro"));
        let options = [folder.option.as_str(), &examples];
        Run::new(&options, &path, &["parse", "/examples/wc.wat", "-o", "/w/wc.wasm"]).stdout();
        let made = folder.host.path().join("wc.wasm");
        assert!(fs::read(&made).expect("the module").starts_with(b"\0asm"));
        assert_eq!(Run::new(&[], &made, &[]).input("a b\nc\n").stdout(), "2 3 6\n");
    }

    #[test]
    fn validates_a_large_module() {
        let Some((path, _)) = program("wasm-tools").zip(program("python")) else { return };
        let folder = path.parent().expect("a folder");
        Run::new(&[&grant(folder, "/programs:ro")], &path, &["validate", "/programs/python.wasm"]).stdout();
    }

    #[test]
    fn explains_what_is_wrong_with_a_module() {
        let Some(path) = program("wasm-tools") else { return };
        let folder = Folder::new(&[("bad.wat", "(module (func (result i32) i64.const 1))")]);
        let outcome = Run::new(&[&folder.option], &path, &["validate", "/w/bad.wat"]).outcome();
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(outcome.stderr.contains("type mismatch: expected i32, found i64"), "{outcome:?}");
    }
}

mod yosys {
    use super::*;

    const COUNTER: &str = "\
module counter(input clk, input reset, output reg [3:0] count);
  always @(posedge clk) if (reset) count <= 0; else count <= count + 3;
endmodule
";

    /// The cells that a report counts last, by kind.
    fn cells(report: &str) -> Vec<(&str, u32)> {
        let statistics = report.rsplit("=== counter ===").next().expect("statistics");
        let cells = statistics.lines().filter_map(|line| {
            let (count, name) = line.trim().split_once(' ')?;
            let name = name.trim();
            name.starts_with('$').then(|| (name, count.parse().expect("a number")))
        });
        cells.collect()
    }

    /// Synthesis, with ABC for the logic: temporary folders, listings, output that is put aside and comes back.
    #[test]
    fn synthesises_with_abc() {
        let Some(path) = program("yosys") else { return };
        for backend in backends_for_large_programs() {
            let folder = Folder::new(&[("counter.v", COUNTER)]);
            let temporary = tempfile::tempdir().expect("a temporary folder");
            let data = grant(&path.with_extension("data"), "/share:ro");
            let options = ["--backend", backend, &data, &grant(temporary.path(), "/tmp"), &folder.option];
            let script =
                "read_verilog /w/counter.v; synth -top counter; abc -g AND,XOR; stat; write_verilog -noattr /w/out.v";
            let report = Run::new(&options, &path, &["-p", script]).stdout();
            for part in
                ["ABC RESULTS:               XOR cells:        3\n", "Removing temp directory.\n", "End of script."]
            {
                assert!(report.contains(part), "{backend}: {part}: {report}");
            }
            let expected = [("$_AND_", 2), ("$_NOT_", 3), ("$_SDFF_PP0_", 4), ("$_XOR_", 3)];
            assert_eq!(cells(&report), expected, "{backend}: {report}");
            let netlist = folder.read("out.v");
            let count = |part| netlist.matches(part).count();
            let operators = [" & ", " ^ ", " = ~", "always @(posedge clk)"].map(count);
            assert_eq!(operators, [2, 3, 3, 4], "{backend}: {netlist}");
            assert_eq!(fs::read_dir(temporary.path()).expect("the folder").count(), 0, "ABC's folder is removed");
        }
    }

    #[test]
    fn reports_an_error_where_it_is() {
        let Some(path) = program("yosys") else { return };
        let folder = Folder::new(&[("bad.v", "module bad(input a);\n  assign = a;\nendmodule\n")]);
        let options = ["--backend", backends_for_large_programs()[0], &folder.option];
        let outcome = Run::new(&options, &path, &["-p", "read_verilog /w/bad.v"]).outcome();
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(outcome.stderr.contains("/w/bad.v:2: ERROR: syntax error"), "{outcome:?}");
    }
}

/// C++ that throws, and catches in `main`.
mod nextpnr {
    use super::*;

    /// A logic cell between two inputs and an output.
    const AND: &str = r#"{ "modules": { "top": { "attributes": { "top": "1" },
        "ports": {
            "a": { "direction": "input", "bits": [ 2 ] },
            "b": { "direction": "input", "bits": [ 3 ] },
            "y": { "direction": "output", "bits": [ 4 ] } },
        "cells": { "and": { "type": "SB_LUT4", "parameters": { "LUT_INIT": "1000000000000000" }, "attributes": {},
            "port_directions": { "I0": "input", "I1": "input", "I2": "input", "I3": "input", "O": "output" },
            "connections": { "I0": [ 2 ], "I1": [ 3 ], "I2": [ 2 ], "I3": [ 3 ], "O": [ 4 ] } } },
        "netnames": {
            "a": { "bits": [ 2 ], "attributes": {} },
            "b": { "bits": [ 3 ], "attributes": {} },
            "y": { "bits": [ 4 ], "attributes": {} } } } } }"#;

    const OPTIONS: [&str; 5] = ["--hx1k", "--package", "tq144", "--seed", "1"];

    #[test]
    fn places_and_routes() {
        let Some(path) = program("nextpnr") else { return };
        let data = grant(&path.with_extension("data"), "/share:ro");
        let mut made = Vec::new();
        for backend in backends_for_large_programs() {
            let folder = Folder::new(&[("and.json", AND)]);
            let arguments = [&OPTIONS[..], &["--json", "/w/and.json", "--asc", "/w/and.asc"]].concat();
            let outcome = Run::new(&["--backend", backend, &data, &folder.option], &path, &arguments).outcome();
            assert!(outcome.stderr.contains("Info: Program finished normally."), "{backend}: {outcome:?}");
            assert_eq!(outcome.code, Some(0), "{backend}: {outcome:?}");
            made.push(folder.read("and.asc"));
        }
        assert!(made[0].contains(".device 1k\n") && made.iter().all(|other| *other == made[0]));
    }

    /// The parser of its input throws from deep in a recursion.
    #[test]
    fn catches_what_its_parser_throws() {
        let Some(path) = program("nextpnr") else { return };
        let data = grant(&path.with_extension("data"), "/share:ro");
        for backend in backends_for_large_programs() {
            let folder = Folder::new(&[("bad.json", r#"{ "modules": { "top": { "ports": [[[[ "#)]);
            let arguments = [&OPTIONS[..], &["--json", "/w/bad.json"]].concat();
            let outcome = Run::new(&["--backend", backend, &data, &folder.option], &path, &arguments).outcome();
            let message = "ERROR: Failed to parse JSON file '/w/bad.json': unexpected end of input.";
            assert!(outcome.stderr.contains(message), "{backend}: {outcome:?}");
            assert!(outcome.code.is_some_and(|code| code != 0 && code != 134), "{backend}: {outcome:?}");
        }
    }
}

mod itk {
    use super::*;

    /// Grey pixels, two in a row: 10 and 200.
    const PNG: &[u8] = include_bytes!("programs/pixels.png");

    /// The head of CBOR's typed array of bytes (RFC 8746), two of them.
    const TWO_BYTES: [u8; 3] = [0xd8, 64, 0x42];

    #[test]
    fn reads_an_image() {
        let Some(path) = program("itk-png") else { return };
        let folder = Folder::new(&[]);
        fs::write(folder.host.path().join("in.png"), PNG).expect("a file");
        let arguments = ["/w/in.png", "/w/read.json", "/w/out.iwi.cbor"];
        assert_eq!(Run::new(&[&folder.option], &path, &arguments).stdout(), "");
        assert_eq!(folder.read("read.json").trim(), "true");
        let image = fs::read(folder.host.path().join("out.iwi.cbor")).expect("the image");
        let pixels = [b"data".as_slice(), &TWO_BYTES, &[10, 200]].concat();
        assert!(image.ends_with(&pixels), "{image:?}");
        // Two columns and one row.
        let size = [b"size".as_slice(), &[0x82, 0x1b], &2_u64.to_be_bytes(), &[0x1b], &1_u64.to_be_bytes()].concat();
        assert!(image.windows(size.len()).any(|part| part == size), "{image:?}");
    }

    #[test]
    fn refuses_what_is_no_image() {
        let Some(path) = program("itk-png") else { return };
        let folder = Folder::new(&[("in.png", "GIF89a")]);
        Run::new(&[&folder.option], &path, &["/w/in.png", "/w/read.json", "/w/out.iwi.cbor"]).outcome();
        assert_eq!(folder.read("read.json").trim(), "false");
    }
}
