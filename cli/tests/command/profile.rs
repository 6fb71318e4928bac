//! What `wasmer run --profile` writes for the system's profilers.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Bench, Ran};

/// A program whose functions have names, one of them with what would forge a line of a map.
const PROGRAM: &str = r#"(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 1)
    (func $inner (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
    (func (@name "two\0alines") (param i32) (result i32) (call $inner (local.get 0)))
    (func (export "_start") (call $proc_exit (call 2 (i32.const 2)))))"#;

/// The name section's and our own names of its functions.
const NAMES: [&str; 3] = ["inner", "two?lines", "wasm[3]"];

/// Runs the program, twice if it is to come from the cache; the process and what it came to.
fn run(bench: &Bench, options: &[&str]) -> (u32, Ran) {
    let program = bench.file("program.wat", PROGRAM);
    let mut command = bench.command([&["run"], options].concat());
    command.arg(program).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.spawn().expect("the command starts");
    let process = child.id();
    (process, Ran::of(child.wait_with_output().expect("the command ends")))
}

/// Backends that every build with default features has.
const BACKENDS: [&str; 2] = ["cranelift", "singlepass"];

/// Address, size and name.
type Function = (u64, u64, String);

/// That the named functions are there, and no two overlap.
fn assert_sound(mut functions: Vec<Function>) {
    for name in NAMES {
        let count = functions.iter().filter(|(_, size, found)| found == name && *size > 0).count();
        assert_eq!(count, 1, "{name}: {functions:?}");
    }
    functions.sort();
    for pair in functions.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:?}");
    }
}

fn map(process: u32) -> PathBuf {
    PathBuf::from(format!("/tmp/perf-{process}.map"))
}

fn read_map(path: &Path) -> Vec<Function> {
    let text = fs::read_to_string(path).expect("the map is there");
    let line = |line: &str| {
        let [start, size, name] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
        let number = |text| u64::from_str_radix(text, 16).expect("a hexadecimal number");
        (number(start), number(size), name.to_owned())
    };
    text.lines().map(line).collect()
}

#[test]
fn a_map_names_every_function_of_fresh_and_cached_code() {
    let bench = Bench::new();
    for backend in BACKENDS {
        for expected in ["compiled", "cache hit"] {
            let (process, ran) = run(&bench, &["--backend", backend, "--profile", "perfmap", "--verbose"]);
            assert_eq!(ran.said(&[expected]).code, Some(6), "{ran:?}");
            let functions = read_map(&map(process));
            fs::remove_file(map(process)).expect("the map is ours");
            assert_sound(functions);
        }
    }
}

/// The fields of a dump, in the machine's byte order.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, count: usize) -> &[u8] {
        let (head, rest) = self.0.split_at(count);
        self.0 = rest;
        head
    }

    fn u32(&mut self) -> u32 {
        u32::from_ne_bytes(self.take(4).try_into().expect("4 bytes"))
    }

    fn u64(&mut self) -> u64 {
        u64::from_ne_bytes(self.take(8).try_into().expect("8 bytes"))
    }
}

/// Reads a dump as the specification says, checking what it promises.
fn read_dump(bytes: &[u8], process: u32) -> Vec<Function> {
    let mut reader = Reader(bytes);
    assert_eq!((reader.u32(), reader.u32(), reader.u32()), (0x4a69_5444, 1, 40), "magic, version, size");
    let machine = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
    assert_eq!((reader.u32(), reader.u32(), reader.u32()), (machine, 0, process), "machine, padding, process");
    let (mut time, flags) = (reader.u64(), reader.u64());
    assert_eq!(flags, 0);
    let mut functions = Vec::new();
    while !reader.0.is_empty() {
        let (kind, size, stamp) = (reader.u32(), reader.u32(), reader.u64());
        assert_eq!(kind, 0, "a load");
        assert!(stamp >= time, "times go on");
        time = stamp;
        assert_eq!((reader.u32(), reader.u32()), (process, process), "the main thread");
        let (address, code, len, index) = (reader.u64(), reader.u64(), reader.u64(), reader.u64());
        assert_eq!((address, index), (code, functions.len() as u64));
        let rest = reader.take(size as usize - 56).to_vec();
        let name = &rest[..rest.len() - len as usize];
        let (end, name) = name.split_last().expect("a name ends with a zero");
        assert_eq!(*end, 0);
        assert!(rest[name.len() + 1..].iter().any(|byte| *byte != 0), "code");
        functions.push((address, len, String::from_utf8(name.to_vec()).expect("UTF-8")));
    }
    functions
}

#[test]
fn a_dump_has_the_code_too() {
    let bench = Bench::new();
    for backend in BACKENDS {
        for expected in ["compiled", "cache hit"] {
            let (process, ran) = run(&bench, &["--backend", backend, "--profile", "jitdump", "--verbose"]);
            assert_eq!(ran.said(&[expected]).code, Some(6), "{ran:?}");
            let dump = fs::read(bench.path(&format!("jit-{process}.dump"))).expect("the dump is there");
            assert_sound(read_dump(&dump, process));
        }
    }
}

#[test]
fn a_folder_that_cannot_be_written_to_is_an_error() {
    let bench = Bench::new();
    let program = bench.file("program.wat", PROGRAM);
    let mut command = bench.command(["run", "--profile", "jitdump"]);
    let ran = Ran::of(command.arg(program).current_dir("/proc").output().expect("the command starts"));
    ran.failed(1, &["could not write `jit-", "for profilers"]);
}

#[test]
fn nothing_is_written_unless_asked_for() {
    let bench = Bench::new();
    let (process, ran) = run(&bench, &[]);
    assert_eq!(ran.code, Some(6));
    assert!(!map(process).exists() && !bench.path(&format!("jit-{process}.dump")).exists());
}
