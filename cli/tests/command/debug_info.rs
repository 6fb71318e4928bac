//! Debug information that is out of proportion to its module: a trap costs as much as the module is large.

use std::time::{Duration, Instant};

use wasmer_runtime::Backend;

use crate::common::{Bench, Ran};

/// Address space in KiB and processor time in seconds that a run may take.
const LIMITS: &str = "ulimit -v 3000000; ulimit -t 30; exec \"$0\" run --timeout 1s --max-memory 1MiB m.wasm";

fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], &*leb(content.len()), content].concat()
}

/// A module that traps, whose code section starts with 4096 bytes of padding functions, with these sections.
fn module(sections: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut wasm = b"\0asm\x01\0\0\0".to_vec();
    wasm.extend(section(1, &[1, 0x60, 0, 0]));
    wasm.extend(section(3, &[1, 0]));
    wasm.extend(section(7, b"\x01\x06_start\0\0"));
    // Address 3 in the section, which is what debug information counts, is the `unreachable`.
    wasm.extend(section(10, &[1, 3, 0, 0, 0x0b]));
    for (name, content) in sections {
        wasm.extend(section(0, &[&*leb(name.len()), name.as_bytes(), content].concat()));
    }
    wasm
}

/// A declaration of the root of a unit with these attributes and forms.
fn declaration(attributes: &[(usize, usize)]) -> Vec<u8> {
    let pairs = attributes.iter().flat_map(|(name, form)| [leb(*name), leb(*form)].concat());
    [vec![1, 0x11, 0], pairs.collect(), vec![0, 0, 0]].concat()
}

/// A unit of version 4 with the table of abbreviations at an offset.
fn unit(table: u32, root: &[u8]) -> Vec<u8> {
    let content = [&[4, 0][..], &table.to_le_bytes(), &[4, 1], root].concat();
    [&(content.len() as u32).to_le_bytes(), &*content].concat()
}

/// A line program of version 4: file 1 is `a.c`.
fn line_program(files: usize, program: &[u8]) -> Vec<u8> {
    let mut header = vec![1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0];
    for _ in 0..files {
        header.extend(b"a.c\0\0\0\0");
    }
    header.push(0);
    let content = [&[4, 0][..], &(header.len() as u32).to_le_bytes(), &header, program].concat();
    [&(content.len() as u32).to_le_bytes(), &*content].concat()
}

/// From an address, so many rows of one byte of code and one line each.
fn rows(address: u32, count: usize) -> Vec<u8> {
    [&[0, 5, 2][..], &address.to_le_bytes(), &vec![0x21; count], &[2, 1, 0, 1, 1]].concat()
}

fn ranges(list: impl IntoIterator<Item = (u32, u32)>) -> Vec<u8> {
    let pairs = list.into_iter().chain([(0, 0)]);
    pairs.flat_map(|(begin, end)| [begin.to_le_bytes(), end.to_le_bytes()].concat()).collect()
}

const LOW_PC: (usize, usize) = (0x11, 0x01);
const SIZE: (usize, usize) = (0x12, 0x06);
const RANGES: (usize, usize) = (0x55, 0x17);
const LINES: (usize, usize) = (0x10, 0x17);
const FOLDER: (usize, usize) = (0x1b, 0x0e);
/// An attribute that takes no byte of a unit.
const FLAG: (usize, usize) = (0x3f, 0x19);

fn run(wasm: &[u8]) -> Ran {
    let bench = Bench::new();
    bench.file("m.wasm", wasm);
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", LIMITS, env!("CARGO_BIN_EXE_wasmer")])
        .env("WASMER_CACHE_DIR", bench.cache())
        .env("WASMER_BACKGROUND", "off");
    let started = Instant::now();
    let ran = Ran::of(command.current_dir(bench.path("")).output().unwrap());
    assert!(started.elapsed() < Duration::from_secs(60), "{ran:?}");
    ran
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn lines_are_found_wherever_units_say_they_are() {
    let lines = line_program(1, &rows(0, 8));
    // Rows are from address 1 on line 2 and so on: address 3 is on line 4.
    let by_range =
        [(".debug_abbrev", declaration(&[LOW_PC, SIZE, LINES])), (".debug_info", unit(0, &words(&[0, 100, 0])))];
    let by_list = [
        (".debug_abbrev", declaration(&[LOW_PC, RANGES, LINES])),
        (".debug_info", [unit(0, &words(&[0, 40, 0])), unit(0, &words(&[0, 0, 0]))].concat()),
        (".debug_ranges", [ranges([(0, 0x30), (0x40, 0x41)]), ranges([(1, 2)])].concat()),
    ];
    let by_nothing = [(".debug_abbrev", declaration(&[LINES])), (".debug_info", unit(0, &words(&[0])))];
    let in_a_folder = [
        (".debug_abbrev", declaration(&[LINES, FOLDER])),
        (".debug_info", unit(0, &words(&[0, 2]))),
        (".debug_str", b"x\0src/deep\0".to_vec()),
    ];
    for (sections, place) in
        [(&by_range[..], "a.c:4"), (&by_list, "a.c:4"), (&by_nothing, "a.c:4"), (&in_a_folder, "src/deep/a.c:4")]
    {
        let ran = run(&module(&[sections, &[(".debug_line", lines.clone())]].concat()));
        assert_eq!(ran.code, Some(134));
        ran.said(&["trapped: unreachable\n", &format!("({place})\n")]);
        assert!(!ran.err.contains("note"), "{}", ran.err);
    }
}

/// What a debugger shows of a program where it traps, and at a breakpoint at its function; none where there is no gdb that may do so.
fn debugged(backend: &str, wasm: &[u8]) -> Option<String> {
    let bench = Bench::new();
    bench.file("m.wasm", wasm);
    let mut gdb = std::process::Command::new("gdb");
    gdb.args(["-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "set breakpoint pending on"]);
    for command in ["break start", "run", "backtrace 1", "continue", "backtrace 1", "kill"] {
        gdb.args(["-ex", command]);
    }
    gdb.args(["--args", env!("CARGO_BIN_EXE_wasmer"), "run", "--debugger", "--backend", backend, "m.wasm"]);
    gdb.env("WASMER_CACHE_DIR", bench.cache()).env("WASMER_BACKGROUND", "off").current_dir(bench.path(""));
    let shown = gdb.output().map(|output| format!("{:?}", Ran::of(output)));
    // In a container processes may not be allowed to trace others.
    let missing = match &shown {
        Ok(shown) => shown.contains("Could not trace").then_some(shown.clone()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(why) = missing {
        eprintln!("there is no gdb here that works, so what it shows is not tested: {why}");
        return None;
    }
    shown.ok()
}

#[test]
fn debuggers_know_functions_and_lines() {
    let sections = [
        (".debug_abbrev", declaration(&[LINES])),
        (".debug_info", unit(0, &words(&[0]))),
        (".debug_line", line_program(1, &rows(0, 8))),
        // The name of function 0.
        ("name", b"\x01\x08\x01\0\x05start".to_vec()),
    ];
    let wasm = module(&sections);
    for backend in Backend::built() {
        let Some(shown) = debugged(backend.name(), &wasm) else { return };
        for part in ["hit Breakpoint 1, ", "start () at a.c:4\\n#0  ", "SIGILL"] {
            assert!(shown.contains(part), "{backend}: `{part}` is missing in {shown}");
        }
    }
}

#[test]
fn what_a_program_says_of_its_lines_breaks_no_debugger() {
    let bench = Bench::new();
    // Advances the line by as little as a number can say, then emits a row.
    let before_all_lines = [&[0, 5, 2, 0, 0, 0, 0, 3][..], &[0x80; 9], &[0x7f, 1, 2, 20, 0, 1, 1]].concat();
    // No file is 200.
    let of_no_file = vec![0, 5, 2, 0, 0, 0, 0, 4, 200, 1, 1, 2, 20, 0, 1, 1];
    for program in [before_all_lines, of_no_file] {
        let sections = [
            (".debug_abbrev", declaration(&[LINES])),
            (".debug_info", unit(0, &words(&[0]))),
            (".debug_line", line_program(1, &program)),
        ];
        bench.file("m.wasm", module(&sections));
        bench.run(["run", "--debugger", "m.wasm"]).failed(134, &["trapped: unreachable"]);
    }
    bench.file("c.wat", "(component)");
    bench.run(["run", "--debugger", "c.wat"]).failed(1, &["`--debugger` is for modules"]);
}

/// Name and contents of a custom section.
type Section = (&'static str, Vec<u8>);

#[test]
fn what_is_named_again_and_again_is_not_read_for_ever() {
    let lines = line_program(1, &rows(0x1000, 1));
    let units = |count: usize, root: &[u8]| unit(0, root).repeat(count);
    let unterminated = vec![b'x'; 1 << 20];
    let bombs: Vec<(&str, Vec<Section>)> = vec![
        (
            "ranges",
            vec![
                (".debug_abbrev", declaration(&[RANGES, LINES])),
                (".debug_info", units(4000, &words(&[0, 0]))),
                (".debug_ranges", ranges((0..40_000).map(|number| (16 * number + 64, 16 * number + 72)))),
                (".debug_line", lines.clone()),
            ],
        ),
        (
            "ranges that are empty",
            vec![
                (".debug_abbrev", declaration(&[LOW_PC, RANGES, LINES])),
                (".debug_info", units(20_000, &words(&[0, 0, 0]))),
                (".debug_ranges", ranges((0..40_000).map(|_| (9, 9)))),
                (".debug_line", lines.clone()),
            ],
        ),
        (
            "rows",
            vec![
                (".debug_abbrev", declaration(&[LOW_PC, SIZE, LINES])),
                (".debug_info", units(4000, &words(&[0, 100, 0]))),
                (".debug_line", line_program(1, &rows(0x1000, 100_000))),
            ],
        ),
        (
            "headers of line programs",
            vec![
                (".debug_abbrev", declaration(&[LINES])),
                (".debug_info", units(20_000, &words(&[0]))),
                (".debug_line", line_program(50_000, &rows(0x1000, 1))),
            ],
        ),
        (
            "a header that is too large",
            vec![
                (".debug_abbrev", declaration(&[LINES])),
                (".debug_info", units(1, &words(&[0]))),
                (".debug_line", line_program(1 << 20, &rows(0x1000, 1))),
            ],
        ),
        (
            "attributes",
            vec![
                (".debug_abbrev", declaration(&[vec![FLAG; 100_000], vec![LINES]].concat())),
                (".debug_info", units(20_000, &words(&[0]))),
                (".debug_line", lines.clone()),
            ],
        ),
        (
            "tables of abbreviations, one in another",
            vec![
                (".debug_abbrev", declaration(&vec![FLAG; 100_000])),
                (".debug_info", (0..20_000).flat_map(|number| unit(3 + 2 * number, &[])).collect()),
                (".debug_line", lines.clone()),
            ],
        ),
        (
            "strings",
            vec![
                (".debug_abbrev", declaration(&[LOW_PC, SIZE, LINES, FOLDER])),
                (".debug_info", (0..60_000).flat_map(|number| unit(0, &words(&[0, 100, 0, number]))).collect()),
                (".debug_line", line_program(1, &rows(0, 8))),
                (".debug_str", unterminated),
            ],
        ),
    ];
    for (name, sections) in bombs {
        let ran = run(&module(&sections));
        assert_eq!(ran.code, Some(134), "{name}: {ran:?}");
        ran.said(&["trapped: unreachable\n", "0: func[0] @ 0x"]);
        if name.contains("in another") || name == "strings" {
            continue;
        }
        assert!(ran.err.contains("note: the debug information is out of proportion"), "{name}: {}", ran.err);
    }
}

/// Whatever is changed in it, a trap is a trap.
#[test]
fn damaged_debug_information_costs_lines_only() {
    let sound = [
        (".debug_abbrev", declaration(&[LOW_PC, RANGES, LINES, FOLDER])),
        (".debug_info", unit(0, &words(&[0, 0, 0, 0]))),
        (".debug_ranges", ranges([(0, 0x30)])),
        (".debug_line", line_program(1, &rows(0, 8))),
        (".debug_str", b"folder\0".to_vec()),
    ];
    let bytes: usize = sound.iter().map(|(_, content)| content.len()).sum();
    let mut found = 0;
    for position in 0..bytes {
        let mut sections = sound.clone();
        let mut rest = position;
        for (_, content) in &mut sections {
            if rest < content.len() {
                content[rest] = if position % 2 == 0 { 0xff } else { content[rest].wrapping_add(1) };
                break;
            }
            rest -= content.len();
        }
        let bench = Bench::new();
        bench.file("m.wasm", module(&sections));
        let ran = bench.run(["m.wasm"]);
        assert_eq!(ran.code, Some(134), "byte {position}: {ran:?}");
        found += usize::from(ran.err.contains("(folder/a.c:4)"));
    }
    assert!(found > 10 && found < bytes, "{found} of {bytes}");
}
