//! A design becomes the configuration of a chip, by two programs in C++ that throw: Yosys synthesises it, nextpnr places and routes what comes out.

use std::path::Path;

use twox_hash::XxHash3_64;

use super::{Folder, Run, backends_for_large_programs, cache, grant, program};

const DESIGN: &str = include_str!("stopwatch.v");

/// What V8 (Node.js 26.12) made of the design with the same programs: XXH3 sums of 64 bits.
const MADE: [(&str, u64); 3] = [
    ("netlist.json", 0xce0c_9fe5_b971_ad5d),
    ("netlist.v", 0x9896_c4ee_ef8d_c2d3),
    ("chip.asc", 0x363a_a83d_e2e5_c8ba),
];

/// Makes everything on one backend, or as `auto` does with this folder of a cache.
fn make(yosys: &Path, nextpnr: &Path, backend: &str, cache: &Path) {
    let folder = Folder::new(&[("stopwatch.v", DESIGN)]);
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let run = |program: &Path, options: &[&str], arguments: &[&str]| {
        let share = grant(&program.with_extension("data"), "/share:ro");
        let options = [&["--backend", backend, &folder.option, &share][..], options].concat();
        let outcome = Run::with_cache(cache, &options, program, arguments).outcome();
        assert_eq!(outcome.code, Some(0), "{backend}: {outcome:?}");
    };
    let script =
        "read_verilog /w/stopwatch.v; synth_ice40 -top top -json /w/netlist.json; write_verilog -noattr /w/netlist.v";
    run(yosys, &[&grant(temporary.path(), "/tmp")], &["-q", "-p", script]);
    let chip = ["--hx1k", "--package", "tq144", "--seed", "1", "-q"];
    run(nextpnr, &[], &[&chip[..], &["--json", "/w/netlist.json", "--asc", "/w/chip.asc"]].concat());
    for (name, sum) in MADE {
        assert_eq!(XxHash3_64::oneshot(folder.read(name).as_bytes()), sum, "{name} on {backend}");
    }
}

#[test]
fn a_design_becomes_what_another_engine_makes_of_it() {
    let Some((yosys, nextpnr)) = program("yosys").zip(program("nextpnr")) else { return };
    for backend in backends_for_large_programs() {
        make(&yosys, &nextpnr, backend, &cache());
    }
}

/// Functions are compiled when they are called: there is nothing in the cache.
#[test]
fn a_design_becomes_the_same_before_everything_is_compiled() {
    let Some((yosys, nextpnr)) = program("yosys").zip(program("nextpnr")) else { return };
    let empty = tempfile::tempdir().expect("a temporary folder");
    make(&yosys, &nextpnr, "auto", &empty.path().join("cache"));
}
