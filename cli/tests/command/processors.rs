//! Artifacts and caches on processors that have less than the one that compiled: by `qemu-x86_64` (Debian: qemu-user), where it is installed.

use std::process::Command;

use twox_hash::XxHash3_64;

use crate::common::{Bench, Ran, printer};
use crate::programs::{backends, own_backends};

/// What each function of [`MODULE`] is called with and returns.
const CALLS: [(&str, &str, &str); 8] = [
    ("clz", "256", "23\n"),
    ("clz", "0", "32\n"),
    ("ctz", "0", "32\n"),
    ("popcnt", "255", "8\n"),
    ("rotated", "3", "24\n"),
    ("fused", "3", "10\n"),
    ("lanes", "5", "7\n"),
    ("wide", "-1", "-1\n"),
];

/// Operators for which processors got instructions later than SSE2.
const MODULE: &str = r#"(module
    (func (export "clz") (param i32) (result i32) (i32.clz (local.get 0)))
    (func (export "ctz") (param i32) (result i32) (i32.ctz (local.get 0)))
    (func (export "popcnt") (param i32) (result i32) (i32.popcnt (local.get 0)))
    (func (export "rotated") (param i32) (result i32) (i32.rotl (local.get 0) (i32.and (local.get 0) (i32.const 7))))
    (func (export "fused") (param f64) (result f64) (f64.nearest (f64.add (f64.mul (local.get 0) (local.get 0)) (f64.const 1))))
    (func (export "lanes") (param i32) (result i32)
        (i32x4.extract_lane 1 (i32x4.add (i32x4.splat (local.get 0)) (v128.const i32x4 1 2 3 4))))
    (func (export "wide") (param i64) (result i64)
        (i64x2.extract_lane 1 (i64x2.gt_s (i64x2.splat (i64.const 3)) (i64x2.splat (local.get 0))))))"#;

/// What runs the command on a processor of this name; none if it is not installed, or if this machine is another one.
fn emulator(processor: &str) -> Option<Command> {
    let mut command = Command::new("qemu-x86_64");
    let version = command.arg("--version").output();
    if !version.is_ok_and(|version| version.status.success()) {
        eprintln!("left out: other processors need `qemu-x86_64`");
        return None;
    }
    let mut command = Command::new("qemu-x86_64");
    command.args(["-cpu", processor]).arg(env!("CARGO_BIN_EXE_wasmer"));
    Some(command)
}

fn run_on(bench: &Bench, processor: &str, arguments: &[&str]) -> Option<Ran> {
    let mut command = emulator(processor)?;
    command
        .args(arguments)
        .env("WASMER_CACHE_DIR", bench.cache())
        .env("WASMER_BACKGROUND", "off")
        .current_dir(bench.path(""));
    Some(Ran::of(command.output().expect("the emulator starts")))
}

#[test]
fn artifacts_run_where_the_processor_has_what_they_need_and_nowhere_else() {
    let bench = Bench::new();
    bench.file("m.wat", MODULE);
    for backend in backends() {
        for cpu in ["native", "x86-64-v2", "x86-64-v3", "x86-64-v4"] {
            let artifact = format!("{backend}-{cpu}.wart");
            bench.run(["compile", "--backend", backend, "--cpu", cpu, "m.wat", "-o", &artifact]).printed("").silent();
        }
        let run = |cpu: &str, (name, argument, _): (&str, &str, &str)| {
            let artifact = format!("{backend}-{cpu}.wart");
            ["run", "--allow-precompiled", "--invoke", name, &artifact, argument].map(str::to_owned)
        };
        for cpu in ["native", "x86-64-v2"] {
            for call in CALLS {
                bench.run(run(cpu, call)).printed(call.2);
            }
        }
        // Nehalem is x86-64-v2, Haswell x86-64-v3. Singlepass has no use for more than that.
        let cases = [
            ("Nehalem", "x86-64-v2", true),
            ("Haswell", "x86-64-v2", true),
            ("Nehalem", "x86-64-v3", false),
            ("Haswell", "x86-64-v4", backend == "singlepass"),
        ];
        for (processor, cpu, runs) in cases {
            for call in CALLS {
                let Some(ran) = run_on(&bench, processor, &run(cpu, call).each_ref().map(String::as_str)) else {
                    return;
                };
                if runs {
                    ran.printed(call.2);
                } else {
                    let level = if processor == "Nehalem" { "x86-64-v2" } else { "x86-64-v3" };
                    ran.failed(
                        1,
                        &["needs a processor with", "which this one lacks", "hint:", &format!("--cpu {level}`")],
                    );
                }
            }
        }
    }
}

#[test]
fn what_a_processor_lacks_is_named() {
    let bench = Bench::new();
    bench.file("m.wat", MODULE);
    for backend in backends() {
        bench.run(["compile", "--backend", backend, "--cpu", "x86-64-v3", "m.wat", "-o", "m.wart"]).printed("");
        let arguments = ["run", "--allow-precompiled", "--invoke", "clz", "m.wart", "256"];
        let Some(ran) = run_on(&bench, "Nehalem", &arguments) else { return };
        ran.failed(1, &["could not load `m.wart`", "avx, ", "bmi1, ", "fma", "lzcnt"]);
        assert!(!ran.err.contains("sse4.1") && !ran.err.contains("avx512"), "{}", ran.err);
        // Less than any of the compilers works with.
        bench.run(["compile", "--backend", backend, "--cpu", "x86-64", "m.wat", "-o", "m.wart"]).failed(1, &["sse4.1"]);
        if !own_backends().contains(&backend) {
            continue;
        }
        let Some(ran) = run_on(&bench, "core2duo", &["run", "--backend", backend, "--invoke", "clz", "m.wat", "256"])
        else {
            return;
        };
        ran.failed(1, &["the processor lacks sse4.1"]);
    }
    bench.run(["compile", "--cpu", "x86-64-v9", "m.wat"]).failed(2, &["unknown processor `x86-64-v9`", "`x86-64-v3`"]);
    bench.run(["compile", "--cpu", "x86-64-v2+abm", "m.wat"]).failed(2, &["unknown processor feature `abm`", "lzcnt"]);
}

/// A folder that is copied between machines, or that they share.
#[test]
fn a_cache_folder_serves_every_processor_its_own() {
    let bench = Bench::new();
    bench.file("m.wat", MODULE);
    for (done, backend) in own_backends().into_iter().enumerate() {
        for (name, argument, result) in CALLS {
            let arguments = ["run", "--backend", backend, "--invoke", name, "m.wat", argument];
            for _ in 0..2 {
                bench.run(arguments).printed(result).silent();
                let Some(ran) = run_on(&bench, "Nehalem", &arguments) else { return };
                ran.printed(result).silent();
            }
        }
        assert_eq!(bench.artifacts().len(), 2 * (done + 1), "{backend}: one for each processor");
    }
}

/// The image with a feature more that its code needs, one that no processor has: by the page on the format.
fn needing_more(mut image: Vec<u8>) -> Vec<u8> {
    let number = |image: &[u8], at: usize| u64::from_le_bytes(image[at..at + 8].try_into().unwrap()) as usize;
    image[336 + 7] |= 0x80;
    let (offset, len) = (number(&image, 64), number(&image, 72));
    let parts = [&image[..56], &image[64..352], &image[offset..offset + len]].map(XxHash3_64::oneshot);
    let checksum = XxHash3_64::oneshot(parts.map(u64::to_le_bytes).as_flattened());
    image[56..64].copy_from_slice(&checksum.to_le_bytes());
    image
}

#[test]
fn an_artifact_for_another_processor_is_refused_and_in_the_cache_a_miss() {
    let bench = Bench::new();
    let program = bench.file("hello.wat", printer("hello"));
    bench.run(["compile", "hello.wat", "-o", "hello.wart"]).printed("").silent();
    let image = needing_more(std::fs::read(bench.path("hello.wart")).unwrap());
    bench.file("hello.wart", &image);
    let parts = ["could not load `hello.wart`", "feature 63 of a newer version, which this one lacks", "hint: "];
    bench.run(["run", "--allow-precompiled", "hello.wart"]).failed(1, &parts);

    bench.run([&program]).printed("hello").silent();
    let artifacts = bench.artifacts();
    let image = needing_more(std::fs::read(&artifacts[0]).unwrap());
    std::fs::write(&artifacts[0], &image).unwrap();
    let ran = bench.run(["run", "--verbose", "hello.wat"]);
    ran.printed("hello").said(&["cache miss: compiled and stored"]);
    assert!(!ran.err.contains("damaged"), "{}", ran.err);
    assert_eq!(bench.artifacts(), artifacts);
    bench.run(["run", "--verbose", "hello.wat"]).printed("hello").said(&["cache hit"]);
}
