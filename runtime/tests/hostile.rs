//! Damaged and malicious modules and artifacts end in an error or run safely: never in a panic, a crash or a hang.
//!
//! `WASMER_HOSTILE_MODULES` sets how many modules are damaged, `WASMER_HOSTILE_SEED` the first seed.

mod common;
#[path = "common/generate.rs"]
mod generate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use generate::*;
use wasmer_runtime::*;

const MUTATED_MODULES: u64 = 2000;
const MUTATED_IMAGES: u64 = 500;

/// How long one module may run before it is interrupted.
const RUN: Duration = Duration::from_millis(30);

/// How long everything about one module may take.
const STEP: Duration = Duration::from_secs(20);

const BASES: [&str; 5] = [
    r#"(module $loops (memory (export "m") 1 20) (data (i32.const 100) "some bytes") (data $p "passive")
        (func (export "sum") (param i32) (result i32) (local i32)
            (loop $l (local.set 1 (i32.add (local.get 1) (i32.load8_u (local.get 0))))
                (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get 1))
        (func (export "grow") (result i32) (memory.grow (i32.const 1)))
        (func (export "fill") (memory.fill (i32.const 0) (i32.const 7) (i32.const 1000)))
        (func (export "init") (memory.init $p (i32.const 0) (i32.const 0) (i32.const 7)) (data.drop $p)))"#,
    r#"(module $tables (type $u (func (param i32) (result i32))) (table $t (export "t") 8 20 funcref)
        (elem (i32.const 1) $a $b) (elem $e func $a $b)
        (func $a (type $u) (i32.add (local.get 0) (i32.const 1)))
        (func $b (type $u) (i32.mul (local.get 0) (i32.const 3)))
        (func (export "call") (param i32) (result i32) (call_indirect (type $u) (i32.const 5) (local.get 0)))
        (func (export "grow") (result i32) (table.grow (ref.func $a) (i32.const 2)))
        (func (export "init") (table.init $t $e (i32.const 3) (i32.const 0) (i32.const 2)))
        (func (export "copy") (table.copy (i32.const 4) (i32.const 1) (i32.const 2))))"#,
    r#"(module $control (global $g (export "g") (mut i64) (i64.const 5)) (start $s) (func $s (global.set $g (i64.const 6)))
        (func (export "switch") (param i32) (result i32)
            (block $a (block $b (block $c (br_table $a $b $c $a (local.get 0))) (return (i32.const 1))) (return (i32.const 2)))
            (i32.const 3))
        (func $fib (export "fib") (param i32) (result i32)
            (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
                (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
        (func (export "multi") (result i32 i64 f32 f64) (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4))
        (func (export "convert") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
        (func $tail (export "tail") (param i32) (result i32)
            (if (result i32) (local.get 0) (then (return_call $tail (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 9)))))"#,
    r#"(module $simd (memory 1) (memory $two 1 3)
        (func (export "v") (param v128 v128) (result v128)
            (i32x4.add (i8x16.swizzle (local.get 0) (local.get 1)) (v128.load offset=16 (i32.const 8))))
        (func (export "lanes") (param i32) (result i64) (i64x2.extract_lane 1 (i32x4.splat (local.get 0))))
        (func (export "copy") (memory.copy $two 0 (i32.const 1) (i32.const 2) (i32.const 100)))
        (func (export "atomic") (result i32) (i32.atomic.rmw.add (i32.const 8) (i32.const 1))))"#,
    r#"(module $imports (import "env" "f" (func $f (param i32) (result i64))) (import "env" "m" (memory 1 9))
        (import "env" "t" (table 4 funcref)) (import "env" "g" (global $g (mut i32)))
        (elem (i32.const 0) $f $own) (data (i32.const 9) "abc")
        (func $own (export "own") (result i64) (call $f (global.get $g)))
        (func (export "ref") (result funcref externref) (ref.func $f) (ref.null extern)))"#,
];

/// Modules to damage.
fn bases() -> Vec<Vec<u8>> {
    let mut bases: Vec<_> = BASES.iter().cycle().take(40).map(|wat| wasm(wat)).collect();
    bases.extend((0..60).map(|seed| smith(seed, &smith_config())));
    bases.extend(suite());
    bases
}

/// Ends what runs too long, and the process if that does not help.
struct Watchdog {
    orders: Sender<Option<InterruptHandle>>,
}

impl Watchdog {
    fn new() -> Self {
        let (orders, receiver) = channel();
        thread::spawn(move || Self::watch(&receiver));
        Self { orders }
    }

    fn watch(receiver: &Receiver<Option<InterruptHandle>>) {
        let (mut handle, mut begun): (Option<InterruptHandle>, _) = (None, Instant::now());
        loop {
            match receiver.recv_timeout(RUN) {
                Ok(order) => (handle, begun) = (order, Instant::now()),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(handle) = &handle {
                        handle.interrupt();
                    }
                    if begun.elapsed() > STEP {
                        eprintln!("one module took more than {STEP:?}");
                        std::process::abort();
                    }
                }
            }
        }
    }
}

fn limits() -> StoreLimits {
    StoreLimits { memory_bytes_max: 64 << 20, table_elements_max: 100_000, instances_max: 10 }
}

/// Something for every import that can be made.
fn imports(store: &mut Store<()>, module: &Module) -> Option<Vec<Extern>> {
    let make = |import: ImportInfo| -> Option<Extern> {
        Some(match import.ty {
            ExternType::Func(ty) => Func::new(store, ty, |_, _, _| Ok(())).into(),
            ExternType::Memory(ty) => Memory::new(store, ty).ok()?.into(),
            ExternType::Table(ty) => Table::new(store, ty, Val::default_for(ValType::Ref(ty.element))?).ok()?.into(),
            ExternType::Global(ty) => Global::new(store, ty, Val::default_for(ty.content)?).ok()?.into(),
            ExternType::Tag(_) => return None,
        })
    };
    module.imports().map(make).collect()
}

/// Instantiates a module and calls its exports. Returns how many calls ended, in whatever way.
fn exercise(engine: &Engine, module: &Module, watchdog: &Watchdog) -> usize {
    let mut store = Store::with_limits(engine, (), limits());
    watchdog.orders.send(Some(store.interrupt_handle())).unwrap();
    let Some(imports) = imports(&mut store, module) else { return 0 };
    let Ok(instance) = Instance::new(&mut store, module, &imports) else { return 0 };
    let mut calls = 0;
    for (_, entity) in instance.exports(&mut store) {
        let Some(func) = entity.func() else { continue };
        let ty = func.ty(&store).unwrap();
        let params: Option<Vec<_>> = ty.params.iter().map(|ty| Val::default_for(*ty)).collect();
        let Some(params) = params else { continue };
        let mut results = vec![Val::I32(0); ty.results.len()];
        if let Err(error) = func.call(&mut store, &params, &mut results) {
            // Making the message looks names and offsets up.
            let _ = format!("{error} {}", error.backtrace().cloned().unwrap_or_default());
            if matches!(&error, Error::Trap(trap) if trap.code == TrapCode::Interrupted) {
                return calls;
            }
        }
        calls += 1;
    }
    calls
}

/// Compiles and runs; an internal error or a panic is a failure. Returns whether the module was accepted.
fn survive(engine: &Engine, wasm: &[u8], watchdog: &Watchdog) -> Result<bool, String> {
    watchdog.orders.send(None).unwrap();
    let attempt = || match Module::new(engine, wasm) {
        Ok(module) => {
            exercise(engine, &module, watchdog);
            Ok(true)
        }
        Err(Error::Compile(error @ CompileError::Internal { .. })) => Err(error.to_string()),
        Err(_) => Ok(false),
    };
    catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| Err("panicked".to_owned()))
}

/// A child does the work, so that a crash is a failure with the number of the module that did it.
fn supervise(test: &str) {
    let output = in_child(test);
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rev().take(30).collect::<Vec<_>>();
    assert!(output.status.success(), "{}: {}", output.status, last.into_iter().rev().collect::<Vec<_>>().join("\n"));
}

#[test]
fn mutated_modules_do_no_harm() {
    if !is_child() {
        return supervise("mutated_modules_do_no_harm");
    }
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let (first, modules) = (number("WASMER_HOSTILE_SEED", 0), number("WASMER_HOSTILE_MODULES", MUTATED_MODULES));
    let (bases, watchdog) = (bases(), Watchdog::new());
    for (backend, engine) in engines_with(|config| config.threads(1)) {
        let (mut accepted, mut failures) = (0, Vec::new());
        for seed in first..first + modules {
            let mut random = Random::new(seed + 1);
            let base = random.below(bases.len());
            let wasm = mutate(&bases[base], &mut random);
            eprintln!("{backend} {seed} (base {base}, {} bytes)", wasm.len());
            match survive(&engine, &wasm, &watchdog) {
                Ok(valid) => accepted += u64::from(valid),
                Err(message) => failures.push(format!("{backend}, seed {seed}: {message}")),
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
        assert!(accepted > modules / 20, "only {accepted} were valid: the test does not reach the compiler");
        assert!(accepted < modules * 9 / 10, "{accepted} were valid: the test damages nothing");
    }
}

#[test]
fn undamaged_modules_run() {
    let watchdog = Watchdog::new();
    for (backend, engine) in engines() {
        let mut calls = 0;
        for (position, wasm) in bases().iter().enumerate() {
            match Module::new(&engine, wasm) {
                Ok(module) => calls += exercise(&engine, &module, &watchdog),
                Err(Error::Compile(CompileError::Unsupported { .. } | CompileError::Invalid { .. }))
                    if position >= 100 => {}
                Err(error) => panic!("{backend}, base {position}: {error}"),
            }
        }
        assert!(calls > 500, "{calls}");
    }
}

/// Where the code stands in the bytes of an image.
fn code_range(image: &[u8]) -> std::ops::Range<usize> {
    let mapped = Image::from_bytes(image).unwrap();
    let code = mapped.code();
    let start = (0..image.len()).step_by(4096).find(|start| image[*start..].starts_with(code)).unwrap();
    start..start + code.len()
}

#[test]
fn mutated_images_do_no_harm() {
    if !is_child() {
        return supervise("mutated_images_do_no_harm");
    }
    let (bases, watchdog) = (bases(), Watchdog::new());
    for (backend, engine) in engines() {
        let mut seed = 0;
        let (mut refused, mut found) = (0, 0);
        while seed < MUTATED_IMAGES {
            let base = Random::new(seed + 77).below(bases.len());
            let Ok(image) = engine.compile(&bases[base], [3; 32], None) else {
                seed += 1;
                continue;
            };
            let image = image.as_bytes();
            let code = code_range(image);
            for _ in 0..20 {
                seed += 1;
                let mut random = Random::new(seed);
                let mut damaged = image.to_vec();
                eprintln!("{backend} {seed} (base {base}, {} bytes)", damaged.len());
                watchdog.orders.send(None).unwrap();
                let place = match random.below(4) {
                    0 => {
                        damaged.truncate(random.below(image.len()));
                        assert!(Image::from_bytes(&damaged).is_err());
                        refused += 1;
                        continue;
                    }
                    1 if !code.is_empty() => code.start + random.below(code.len()),
                    2 => random.below(image.len().min(1500)),
                    _ => random.below(image.len()),
                };
                damaged[place] ^= 1 << random.below(8);
                match Image::from_bytes(&damaged) {
                    Err(_) => refused += 1,
                    Ok(mapped) if mapped.verify().is_err() => {
                        assert!(place >= 320, "the header's damage was not found when it was mapped");
                        found += 1;
                    }
                    Ok(mapped) => {
                        // Only what fills the gaps between sections is in no checksum.
                        assert!(!code.contains(&place), "damaged code was not found");
                        assert_eq!(image[place], 0);
                        // SAFETY: the engine made it, and all that matters in it is whole.
                        let module = unsafe { Module::from_image(&engine, mapped) }.unwrap();
                        exercise(&engine, &module, &watchdog);
                    }
                }
            }
        }
        assert!(refused > 100 && found > 100, "{refused} refused, {found} found");
    }
}

#[test]
fn images_of_other_keys_and_versions_are_refused() {
    let image = engine().compile(&wasm(BASES[0]), [5; 32], None).unwrap();
    let file = |bytes: &[u8]| {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, bytes).unwrap();
        file
    };
    assert!(Image::from_file(file(image.as_bytes()), Some(&[5; 32])).is_ok());
    assert!(matches!(Image::from_file(file(image.as_bytes()), Some(&[6; 32])), Err(ImageError::Key)));
    assert!(matches!(Image::from_bytes(&[]), Err(ImageError::Magic)));
    assert!(matches!(Image::from_bytes(b"\0asm\x01\0\0\0"), Err(ImageError::Magic)));
    let mut other = image.as_bytes().to_vec();
    other[8] ^= 0x40;
    assert!(matches!(Image::from_bytes(&other), Err(ImageError::Version { .. })));
    let mut longer = image.as_bytes().to_vec();
    longer.push(0);
    assert!(matches!(Image::from_bytes(&longer), Err(ImageError::Length { .. })));
}
