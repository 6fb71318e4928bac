//! How guests end when they do not return: traps and their backtraces, exhausted stacks, failing host functions.

mod core_dump;

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::common::*;
use wasmer_runtime::*;

const STACKS: [usize; 5] = [64 << 10, 256 << 10, 1 << 20, 8 << 20, 64 << 20];

#[test]
fn infinite_recursion_traps_at_any_stack_size() {
    for bytes in STACKS {
        for (backend, engine) in engines_with(|config| config.stack_bytes(bytes)) {
            let (mut store, instance) = instantiate(
                &engine,
                r#"(module
                    (global $depth (export "depth") (mut i32) (i32.const 0))
                    (func $down (export "down")
                        (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
                        call $down
                        (global.set $depth (i32.sub (global.get $depth) (i32.const 1)))))"#,
            );
            for _ in 0..3 {
                let result = run(&mut store, instance, "down");
                let trap = trap(&result, TrapCode::StackOverflow);
                assert_eq!(trap.to_string(), "wasm trap: stack overflow: call stack exhausted");
                assert!(trap.backtrace.frames.len() > 10, "{backend}: {} frames", trap.backtrace.frames.len());
                assert!(trap.backtrace.frames.iter().all(|frame| frame.name.as_deref() == Some("down")));
            }
            let depth = export(&mut store, instance, "depth").global().unwrap().get(&store).unwrap();
            let depth = depth.i32().unwrap() as usize / 3;
            assert!(depth > bytes / 512, "{backend}: a stack of {bytes} bytes had room for {depth} frames only");
        }
    }
}

/// Frames of several sizes meet the end of the stack in their prologue, at a call, and at what is stored for one.
#[test]
fn an_exhausted_stack_is_where_the_function_is() {
    for locals in [0, 1, 2, 3, 20, 500] {
        let before = "(func $before (export \"before\") (result i32) (i32.load (call $before)))";
        let wat = many_locals(locals).replacen("(module", &format!("(module (memory 1) {before}"), 1);
        let bytes = wasm(&wat);
        let bodies = wasmparser::Parser::new(0).parse_all(&bytes).filter_map(|payload| match payload.unwrap() {
            wasmparser::Payload::CodeSectionEntry(body) => Some(body.range()),
            _ => None,
        });
        let body = bodies.last().unwrap();
        let sizes: Vec<usize> = (16..24).map(|pages| pages << 12).collect();
        at_stack_sizes(&wat, &sizes, |store, instance| {
            let result = func::<_, i64, i64>(store, instance, "down").call(store, 1);
            let frames = &trap(&result, TrapCode::StackOverflow).backtrace.frames;
            for frame in frames {
                assert_eq!(frame.name.as_deref(), Some("down"));
                let offset = u64::from(frame.wasm_offset.expect("every place in a function is known"));
                assert!(body.contains(&offset), "{offset:#x} of {body:x?} with {locals} locals");
            }
        });
    }
}

/// Atomic operators that change nothing, with results that nobody needs, still access memory.
#[test]
fn atomics_without_effect_trap() {
    const NEUTRAL: &[(&str, &str)] = &[
        ("i32.atomic.rmw.add", "i32.const 0"),
        ("i32.atomic.rmw.sub", "i32.const 0"),
        ("i32.atomic.rmw.or", "i32.const 0"),
        ("i32.atomic.rmw.and", "i32.const -1"),
        ("i64.atomic.rmw.xor", "i64.const 0"),
        ("i64.atomic.rmw8.or_u", "i64.const -256"),
        ("i64.atomic.rmw16.and_u", "i64.const 65535"),
    ];
    for (backend, engine) in engines() {
        for (operator, operand) in NEUTRAL {
            let wat =
                format!(r#"(module (memory 0) (func (export "f") (drop ({operator} (i32.const 64) ({operand})))))"#);
            let (mut store, instance) = instantiate(&engine, &wat);
            let result = run(&mut store, instance, "f");
            assert!(result.is_err(), "{backend}: {operator}");
            trap(&result, TrapCode::MemoryOutOfBounds);
        }
    }
}

/// A function with many locals that are all alive across a recursive call.
fn many_locals(count: usize) -> String {
    let mut wat = String::from("(module (func $down (export \"down\") (param i64) (result i64)\n");
    for _ in 0..count {
        wat.push_str("(local i64)");
    }
    for local in 1..=count {
        writeln!(wat, "(local.set {local} (i64.mul (local.get 0) (i64.const {})))", local * 7919).unwrap();
    }
    wat.push_str("(call $down (i64.add (local.get 0) (i64.const 1)))\n");
    for local in 1..=count {
        writeln!(wat, "(i64.xor (local.get {local}))").unwrap();
    }
    wat.push_str("))");
    wat
}

/// One compilation, for engines with every stack size.
fn at_stack_sizes(wat: &str, sizes: &[usize], check: impl Fn(&mut Store<()>, Instance)) {
    let bytes = wasm(wat);
    let per_size: Vec<_> = sizes.iter().map(|size| engines_with(|config| config.stack_bytes(*size))).collect();
    for (position, (backend, engine)) in per_size[0].iter().enumerate() {
        if *backend == Backend::Llvm && bytes.len() > LARGE_BYTES {
            continue;
        }
        let image = engine.compile(&bytes, [0; 32], None).unwrap();
        for engines in &per_size {
            let engine = &engines[position].1;
            // SAFETY: an engine of the same backend just made the image.
            let module = unsafe { Module::from_image(engine, Image::from_bytes(image.as_bytes()).unwrap()) }.unwrap();
            let mut store = Store::new(engine, ());
            let instance = Linker::new().instantiate(&mut store, &module).unwrap();
            check(&mut store, instance);
        }
    }
}

/// Functions of more bytes than this take LLVM longer than a test should.
const LARGE_BYTES: usize = 10_000;

#[test]
fn huge_frames_do_not_jump_over_the_guard() {
    // 4 KB, 32 KB, and with 20,000 locals 160 KB a frame: more than the guard region has.
    for locals in [500, 4_000, 20_000] {
        at_stack_sizes(&many_locals(locals), &[64 << 10, 1 << 20, 16 << 20], |store, instance| {
            let down = func::<_, i64, i64>(store, instance, "down");
            trap(&down.call(store, 1), TrapCode::StackOverflow);
            trap(&down.call(store, 2), TrapCode::StackOverflow);
        });
    }
}

#[test]
fn long_parameter_and_result_lists_exhaust_the_stack_safely() {
    let list = |item: &str, count: usize| vec![item; count].join(" ");
    for count in [20, 100, 1000] {
        let params = list("i64", count);
        let gets: String = (0..count).map(|local| format!("local.get {local}\n")).collect();
        let consts = list("i64.const 7", count);
        let drops = list("drop", count);
        let wat = format!(
            "(module
                (func $down (param {params}) (result {params}) {gets} call $down)
                (func (export \"run\") {consts} call $down {drops})
                (type $t (func (param {params}) (result {params})))
                (table 1 funcref)
                (elem (i32.const 0) $indirect)
                (func $indirect (type $t) {gets} (call_indirect (type $t) (i32.const 0)))
                (func (export \"run_indirect\") {consts} call $indirect {drops}))"
        );
        at_stack_sizes(&wat, &[64 << 10, 1 << 20], |store, instance| {
            for name in ["run", "run_indirect"] {
                trap(&run(store, instance, name), TrapCode::StackOverflow);
            }
        });
    }
}

/// The host calls wasm, which calls the host, which calls wasm …
fn bounce(engine: &Engine) -> (Result<()>, Store<u32>, Instance) {
    let mut linker = Linker::new();
    linker
        .func_wrap("host", "again", |mut caller: Caller<'_, u32>| {
            *caller.data_mut() += 1;
            let down = caller.export("down").and_then(Extern::func).unwrap();
            down.typed::<(), ()>(&caller)?.call(&mut caller, ())
        })
        .unwrap();
    let wat = r#"(module (import "host" "again" (func $again)) (func $down (export "down") call $again)
        (func (export "answer") (result i32) i32.const 42))"#;
    let mut store = Store::new(engine, 0);
    let instance = linker.instantiate(&mut store, &module(engine, wat)).unwrap();
    let result = run(&mut store, instance, "down");
    (result, store, instance)
}

#[test]
fn recursion_through_the_host_traps() {
    for bytes in STACKS {
        for (backend, engine) in engines_with(|config| config.stack_bytes(bytes)) {
            let (result, mut store, instance) = bounce(&engine);
            trap(&result, TrapCode::StackOverflow);
            assert!(*store.data() >= 100, "{backend}: {} calls with {bytes} bytes", store.data());
            assert_eq!(func::<_, (), i32>(&mut store, instance, "answer").call(&mut store, ()).unwrap(), 42);
        }
    }
}

#[test]
fn recursion_between_stores_traps() {
    // Each level makes a store of its own, so no store sees that the others recurse.
    fn level(engine: &Engine, module: &Module) -> Result<()> {
        let mut linker = Linker::new();
        let (next_engine, next_module) = (engine.clone(), module.clone());
        linker.func_wrap("host", "again", move || level(&next_engine, &next_module))?;
        let mut store = Store::new(engine, ());
        let instance = linker.instantiate(&mut store, module)?;
        run(&mut store, instance, "down")
    }
    let wat = r#"(module (import "host" "again" (func $again)) (func (export "down") call $again))"#;
    for (_, engine) in engines_with(|config| config.stack_bytes(256 << 10)) {
        let result = level(&engine, &module(&engine, wat));
        trap(&result, TrapCode::StackOverflow);
    }
}

const TRAPS: &str = r#"(module $traps
    (memory 1)
    (table 5 funcref)
    (elem (i32.const 1) $right $wrong)
    (type $nothing (func))
    (func $right)
    (func $wrong (param i64))
    (func $load (param i32) (result i32) (i32.load offset=4 (local.get 0)))
    (func $store (param i32) (i64.store (local.get 0) (i64.const 1)))
    (func $divide (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
    (func $remainder (param i64 i64) (result i64) (i64.rem_u (local.get 0) (local.get 1)))
    (func $convert (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
    (func $stop nop unreachable)
    (func $indirect (param i32) (call_indirect (type $nothing) (local.get 0)))
    (func $copy (param i32) (memory.copy (i32.const 0) (local.get 0) (i32.const 100)))
    (func $fill (param i32) (memory.fill (local.get 0) (i32.const 1) (i32.const 100)))
    (func $element (param i32) (drop (table.get (local.get 0))))
    (func $reference (call_ref $nothing (ref.null $nothing)))
    (func $cast (drop (ref.as_non_null (ref.null func))))
    (func (export "load in page") (drop (call $load (i32.const 65532))))
    (func (export "load far") (drop (call $load (i32.const -1))))
    (func (export "store far") (call $store (i32.const 65529)))
    (func (export "divide by zero") (drop (call $divide (i32.const 1) (i32.const 0))))
    (func (export "divide overflow") (drop (call $divide (i32.const 0x80000000) (i32.const -1))))
    (func (export "remainder by zero") (drop (call $remainder (i64.const 1) (i64.const 0))))
    (func (export "convert large") (drop (call $convert (f64.const 1e100))))
    (func (export "convert nan") (drop (call $convert (f64.const nan))))
    (func (export "unreachable") (call $stop))
    (func (export "indirect right") (call $indirect (i32.const 1)))
    (func (export "indirect null") (call $indirect (i32.const 0)))
    (func (export "indirect wrong") (call $indirect (i32.const 2)))
    (func (export "indirect beyond") (call $indirect (i32.const 5)))
    (func (export "indirect far") (call $indirect (i32.const -1)))
    (func (export "copy") (call $copy (i32.const 65500)))
    (func (export "fill") (call $fill (i32.const 65500)))
    (func (export "element") (call $element (i32.const 5)))
    (func (export "reference") (call $reference))
    (func (export "cast") (call $cast))
)"#;

#[test]
fn every_trap_names_itself_and_its_place() {
    use TrapCode::*;
    // Export, trap, function that traps and its index among the defined ones, operator.
    let cases = [
        ("load in page", MemoryOutOfBounds, "load", 2, "I32Load"),
        ("load far", MemoryOutOfBounds, "load", 2, "I32Load"),
        ("store far", MemoryOutOfBounds, "store", 3, "I64Store"),
        ("divide by zero", IntegerDivideByZero, "divide", 4, "I32DivS"),
        ("divide overflow", IntegerOverflow, "divide", 4, "I32DivS"),
        ("remainder by zero", IntegerDivideByZero, "remainder", 5, "I64RemU"),
        ("convert large", IntegerOverflow, "convert", 6, "I32TruncF64S"),
        ("convert nan", InvalidConversionToInteger, "convert", 6, "I32TruncF64S"),
        ("unreachable", Unreachable, "stop", 7, "Unreachable"),
        ("indirect null", UninitializedElement, "indirect", 8, "CallIndirect"),
        ("indirect wrong", IndirectCallTypeMismatch, "indirect", 8, "CallIndirect"),
        ("indirect beyond", UndefinedElement, "indirect", 8, "CallIndirect"),
        ("indirect far", UndefinedElement, "indirect", 8, "CallIndirect"),
        ("copy", MemoryOutOfBounds, "copy", 9, "MemoryCopy"),
        ("fill", MemoryOutOfBounds, "fill", 10, "MemoryFill"),
        ("element", TableOutOfBounds, "element", 11, "TableGet"),
        ("reference", NullFunctionReference, "reference", 12, "CallRef"),
        ("cast", NullReference, "cast", 13, "RefAsNonNull"),
    ];
    let bytes = wasm(TRAPS);
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, TRAPS);
        assert!(run(&mut store, instance, "indirect right").is_ok());
        for (position, (name, code, function, index, operator)) in cases.into_iter().enumerate() {
            let result = run(&mut store, instance, name);
            let trap = trap(&result, code);
            assert_eq!(trap.to_string(), format!("wasm trap: {code}"));
            let frames = &trap.backtrace.frames;
            // Another backend may have inlined the function.
            let caller = (14 + position + usize::from(position > 8), "Call");
            let expected_offset = operator_offsets(&bytes, index, operator)[0];
            let first = &frames[0];
            assert_eq!(first.wasm_offset, Some(expected_offset), "{backend}, {name}: {}", trap.backtrace);
            assert_eq!(first.module.as_deref(), Some("traps"));
            if backend != Backend::Llvm {
                assert_eq!(first.name.as_deref(), Some(function), "{backend}, {name}");
                assert_eq!(first.function, index as u32);
                assert_eq!(frames.len(), 2, "{backend}, {name}: {}", trap.backtrace);
                let call = operator_offsets(&bytes, frames[1].function as usize, caller.1);
                assert_eq!(frames[1].wasm_offset, Some(call[0]), "{backend}, {name}: {}", trap.backtrace);
            }
        }
    }
}

#[test]
fn backtraces_reach_through_the_host_and_other_modules() {
    for (_, engine) in engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new();
        let inner = r#"(module $inner (func $deepest (export "deepest") unreachable))"#;
        let inner = linker.instantiate(&mut store, &module(&engine, inner)).unwrap();
        linker.instance(&mut store, "inner", inner).unwrap();
        let outer = r#"(module $outer (import "inner" "deepest" (func $deepest))
            (func $middle call $deepest) (func $outermost (export "run") call $middle))"#;
        let instance = linker.instantiate(&mut store, &module(&engine, outer)).unwrap();
        let result = run(&mut store, instance, "run");
        let backtrace = &trap(&result, TrapCode::Unreachable).backtrace;
        let frame = |frame: &Frame| format!("{}!{}", frame.module.as_ref().unwrap(), frame.name.as_ref().unwrap());
        let frames: Vec<_> = backtrace.frames.iter().map(frame).collect();
        assert_eq!(frames.first().map(String::as_str), Some("inner!deepest"));
        assert_eq!(frames.last().map(String::as_str), Some("outer!outermost"));
        assert!(backtrace.to_string().starts_with("guest backtrace:\n   0: inner!deepest @ 0x"), "{backtrace}");
    }
}

#[derive(Debug, PartialEq)]
struct Refused(u32);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "refused with {}", self.0)
    }
}

impl std::error::Error for Refused {}

const CALLER: &str = r#"(module $caller
    (import "host" "fail" (func $fail (param i32) (result i32)))
    (func $inside (export "run") (param i32) (result i32) (i32.add (i32.const 1) (call $fail (local.get 0))))
    (func (export "answer") (result i32) i32.const 42))"#;

/// What `$caller` gets of a host function, for every backend.
fn failures<Results>(
    fail: impl Fn(u32) -> Results + Copy + Send + Sync + 'static,
    code: u32,
    check: impl Fn(Error, &'static str),
) where
    Results: HostResult<Results = u32> + 'static,
{
    for (backend, engine) in engines() {
        let mut linker = Linker::new();
        linker.func_wrap("host", "fail", fail).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module(&engine, CALLER)).unwrap();
        let run = func::<_, u32, u32>(&mut store, instance, "run");
        assert_eq!(run.call(&mut store, 0).unwrap(), 7, "{backend}");
        let error = run.call(&mut store, code).unwrap_err();
        let call = operator_offsets(&wasm(CALLER), 0, "Call");
        assert_eq!(places(&error.backtrace().unwrap().frames), [("inside".to_owned(), call[0])], "{backend}");
        check(error, backend.name());
        assert_eq!(run.call(&mut store, 0).unwrap(), 7, "{backend}");
    }
}

/// The error that a function has with these codes.
fn refuse(code: u32) -> std::result::Result<u32, Refused> {
    if code == 0 { Ok(6) } else { Err(Refused(code)) }
}

#[test]
fn an_error_of_the_embedders_comes_back_whatever_it_is_wrapped_in() {
    use anyhow::Context;
    let is_refused = |error: Error, backend: &str| {
        assert_eq!(error.downcast_host::<Refused>(), Some(&Refused(2)), "{backend}");
        assert_eq!(error.downcast_host::<std::fmt::Error>(), None);
        // Through other crates' reports, too.
        let report = anyhow::Error::from(error);
        assert!(report.chain().any(|cause| cause.is::<Refused>()), "{backend}: {report:?}");
        let text = format!("{report:?}");
        assert!(text.contains("guest backtrace:") && text.contains("caller!inside @ 0x"), "{text}");
        assert_eq!(text.matches("refused with 2").count(), 1, "{text}");
        report.downcast::<Error>().unwrap()
    };
    let is_refused_itself = |error, backend: &str| {
        assert_eq!(is_refused(error, backend).downcast::<Refused>().unwrap(), Refused(2));
    };
    failures(refuse, 2, is_refused_itself);
    failures(|code| refuse(code).map_err(Error::host), 2, is_refused_itself);
    failures(|code| refuse(code).map_err(anyhow::Error::from), 2, is_refused_itself);
    failures(|code| refuse(code).map_err(Box::<dyn std::error::Error + Send + Sync>::from), 2, is_refused_itself);
    let with_context = |code| -> anyhow::Result<u32> { refuse(code).context("in the shop") };
    failures(with_context, 2, |error, backend| drop(is_refused(error, backend).downcast::<Refused>().unwrap_err()));
    let words = |code| if code == 0 { Ok(6) } else { Err("refused in words") };
    failures(words, 2, |error, _| assert!(format!("{error:#}").contains(": refused in words")));
}

#[test]
fn errors_print_their_causes_and_where_the_guest_was() {
    use anyhow::Context;
    let fail = |code| -> anyhow::Result<u32> { refuse(code).context("in the shop") };
    failures(fail, 2, |error, backend| {
        let call = operator_offsets(&wasm(CALLER), 0, "Call")[0];
        let (what, place) = ("a host function called by `caller!inside` failed", format!("caller!inside @ {call:#x}"));
        assert_eq!(error.to_string(), what, "{backend}");
        let line = format!("{what}: in the shop: refused with 2\nguest backtrace:\n   0: {place}");
        assert_eq!(format!("{error:#}"), line);
        let lines =
            format!("{what}\n\ncaused by:\n    in the shop\n    refused with 2\n\nguest backtrace:\n   0: {place}");
        assert_eq!(format!("{error:?}"), lines);
        assert!(format!("{error:#?}").starts_with("Host(\n"), "{error:#?}");
    });
    failures(
        |code| if code == 0 { Ok(6) } else { Err(TrapCode::Unreachable) },
        1,
        |error, _| {
            assert_eq!(error.to_string(), "wasm trap: unreachable");
            assert!(
                format!("{error:#}").starts_with("wasm trap: unreachable\nguest backtrace:\n   0: caller!inside @ 0x")
            );
            assert!(
                format!("{error:?}")
                    .starts_with("wasm trap: unreachable\n\nguest backtrace:\n   0: caller!inside @ 0x")
            );
        },
    );
}

#[test]
fn a_host_function_can_trap() {
    // An error of the runtime stays what it is, also where a host function passes it on as another crate's.
    let is_trap = |error: Error, backend: &str| {
        let trap = error.as_trap().unwrap_or_else(|| panic!("{backend}: {error:?}"));
        assert_eq!((trap.code, trap.backtrace.frames.len()), (TrapCode::Unreachable, 1));
    };
    let fail = |code| if code == 0 { Ok(6) } else { Err(TrapCode::Unreachable) };
    failures(fail, 1, is_trap);
    failures(move |code| fail(code).map_err(Error::from), 1, is_trap);
    failures(move |code| fail(code).map_err(anyhow::Error::from), 1, is_trap);
    failures(move |code| fail(code).map_err(|code| anyhow::Error::from(Error::from(code))), 1, is_trap);
}

#[test]
fn a_panic_in_a_host_function_reaches_the_embedder() {
    for (_, engine) in engines() {
        let mut linker = Linker::new();
        let panicking = |code: u32| -> u32 { std::panic::panic_any(Refused(code)) };
        linker.func_wrap("host", "fail", panicking).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module(&engine, CALLER)).unwrap();
        let run = func::<_, u32, u32>(&mut store, instance, "run");
        for code in 0..3 {
            let payload = catch_unwind(AssertUnwindSafe(|| run.call(&mut store, code))).unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&Refused(code)));
            let answer = func::<_, (), i32>(&mut store, instance, "answer");
            assert_eq!(answer.call(&mut store, ()).unwrap(), 42);
        }
    }
}

#[test]
fn a_panic_crosses_nested_calls() {
    for (_, engine) in engines() {
        let mut linker = Linker::new();
        linker
            .func_wrap("host", "deeper", |mut caller: Caller<'_, u32>| -> Result<()> {
                *caller.data_mut() += 1;
                if *caller.data() == 20 {
                    panic!("deep enough");
                }
                let run = caller.export("run").and_then(Extern::func).unwrap();
                run.call(&mut caller, &[], &mut [])
            })
            .unwrap();
        let wat = r#"(module (import "host" "deeper" (func $deeper)) (func (export "run") call $deeper)
            (func (export "answer") (result i32) i32.const 42))"#;
        let mut store = Store::new(&engine, 0);
        let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
        let payload = catch_unwind(AssertUnwindSafe(|| run(&mut store, instance, "run"))).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"deep enough"));
        assert_eq!(*store.data(), 20);
        assert_eq!(func::<_, (), i32>(&mut store, instance, "answer").call(&mut store, ()).unwrap(), 42);
    }
}

#[test]
fn a_host_function_can_survive_a_nested_trap() {
    for (_, engine) in engines() {
        let mut linker = Linker::new();
        linker
            .func_wrap("host", "try", |mut caller: Caller<'_, ()>| {
                let bad = caller.export("bad").and_then(Extern::func).unwrap();
                match bad.call(&mut caller, &[], &mut []) {
                    Err(Error::Trap(trap)) => trap.code as i32,
                    _ => -1,
                }
            })
            .unwrap();
        let wat = r#"(module (import "host" "try" (func $try (result i32)))
            (memory 1)
            (func (export "bad") (drop (i32.load (i32.const 65536))))
            (func (export "run") (param i64) (result i64)
                (i64.add (local.get 0) (i64.extend_i32_s (i32.add (call $try) (call $try))))))"#;
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
        let run = func::<_, i64, i64>(&mut store, instance, "run");
        assert_eq!(run.call(&mut store, 1000).unwrap(), 1000 + 2 * TrapCode::MemoryOutOfBounds as i64);
    }
}

#[test]
fn start_functions_trap_too() {
    for (_, engine) in engines() {
        let wat = r#"(module $m (memory (export "memory") 1) (start $begin)
            (func $begin (i32.store8 (i32.const 7) (i32.const 9)) (i32.store (i32.const -4) (i32.const 1))))"#;
        let mut store = Store::new(&engine, ());
        let module = module(&engine, wat);
        assert!(module.has_start());
        let result = Linker::new().instantiate(&mut store, &module);
        let trap = trap(&result, TrapCode::MemoryOutOfBounds);
        let offset = operator_offsets(&wasm(wat), 0, "I32Store {")[0];
        assert_eq!(places(&trap.backtrace.frames), [("begin".to_owned(), offset)]);
    }
}

#[test]
fn segments_that_do_not_fit_trap_and_leave_what_came_before() {
    for (_, engine) in engines() {
        let mut store = Store::new(&engine, ());
        let ty =
            MemoryType { limits: Limits { min: 1, max: None }, index: Width::W32, shared: false, page_size_log2: 16 };
        let memory = Memory::new(&mut store, ty).unwrap();
        let mut linker = Linker::new();
        linker.define("m", "memory", memory).unwrap();
        let wat = r#"(module (import "m" "memory" (memory 1))
            (data (i32.const 3) "abc") (data (i32.const 65534) "xyz") (data (i32.const 8) "never"))"#;
        let result = linker.instantiate(&mut store, &module(&engine, wat));
        trap(&result, TrapCode::MemoryOutOfBounds);
        let data = memory.data(&store).unwrap();
        assert_eq!((&data[3..6], &data[65534..], &data[8..13]), (&b"abc"[..], &[0; 2][..], &[0; 5][..]));
    }
}

#[test]
fn accesses_trap_where_they_stand() {
    // An access whose result only some paths need still comes before everything behind it.
    let wat = r#"(module
        (memory (export "memory") 1)
        (global (export "global") (mut i32) (i32.const 5))
        (func (export "early return") (param i32) (result i32) (local i32)
            (local.set 1 (i32.load (local.get 0)))
            (if (i32.lt_s (local.get 0) (i32.const 0)) (then (return (i32.const 7))))
            (local.get 1))
        (func (export "global first") (param i32) (result i32) (local i32)
            (local.set 1 (i32.load (local.get 0)))
            (global.set 0 (i32.const 6))
            (local.get 1))
        (func (export "division behind") (param i32) (result i32)
            (i32.add (i32.load (local.get 0)) (i32.div_s (i32.const 1) (i32.add (local.get 0) (i32.const 4)))))
        (func (export "unreachable behind") (param i32) (result i32)
            (i32.store (i32.const 8) (i32.load (local.get 0)))
            (if (i32.lt_s (local.get 0) (i32.const 0)) (then unreachable))
            (i32.load (i32.const 8)))
        (func (export "same targets") (param i32) (result i32)
            (block $out (br_table $out $out (i32.load (local.get 0))))
            (i32.const 3))
        (func (export "store overwritten") (param i32) (result i32)
            (i32.store (local.get 0) (i32.const 1))
            (i32.store (local.get 0) (i32.const 2))
            (i32.const 3)))"#;
    let names =
        ["early return", "global first", "division behind", "unreachable behind", "same targets", "store overwritten"];
    for (backend, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, wat);
        let wrong = names.into_iter().filter(|name| {
            let call = func::<_, i32, i32>(&mut store, instance, name);
            let result = call.call(&mut store, -4);
            !matches!(&result, Err(Error::Trap(trap)) if trap.code == TrapCode::MemoryOutOfBounds)
        });
        assert_eq!(wrong.collect::<Vec<_>>(), [""; 0], "{backend}");
        let global = export(&mut store, instance, "global").global().unwrap();
        assert_eq!(global.get(&store).unwrap().i32(), Some(5), "{backend}");
    }
}
