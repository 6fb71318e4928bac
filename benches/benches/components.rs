//! Calls across the borders of components, beside the same calls of modules.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wasmer_benches::{engine, text};
use wasmer_runtime::component::{Component, ComponentLinker};
use wasmer_runtime::{Backend, Caller, Linker, Module, Store};

/// How often a guest calls what it imports, in one call of it.
const TIMES: u32 = 1000;

/// What a call ends with is looked at, as callers do: to keep a `Result` as a whole is to copy it before it has been written.
const RETURNS: &str = "nothing can go wrong";

/// Calls what it imports so many times.
const LOOP: &str = r#"
    (import "host" "nop" (func $nop (param i32) (result i32)))
    (func (export "nop") (param i32) (result i32) (local.get 0))
    (func (export "calls") (param $times i32)
        (loop
            (drop (call $nop (local.get $times)))
            (br_if 0 (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))"#;

/// Two components with that module: the first calls the host, the second one calls the first.
fn component() -> String {
    let part = format!(
        r#"(import "nop" (func $nop (param "value" u32) (result u32)))
        (core func $nop' (canon lower (func $nop)))
        (core module $M {LOOP})
        (core instance $m (instantiate $M (with "host" (instance (export "nop" (func $nop'))))))
        (func (export "nop") (param "value" u32) (result u32) (canon lift (core func $m "nop")))
        (func (export "calls") (param "times" u32) (canon lift (core func $m "calls")))"#
    );
    format!(
        r#"(component
            (import "nop" (func $nop (param "value" u32) (result u32)))
            (component $Part {part})
            (instance $first (instantiate $Part (with "nop" (func $nop))))
            (instance $second (instantiate $Part (with "nop" (func $first "nop"))))
            (export "nop" (func $first "nop"))
            (export "host" (func $first "calls"))
            (export "component" (func $second "calls")))"#
    )
}

fn calls(criterion: &mut Criterion) {
    let Some(backend) = Backend::default_backend() else { return };
    let engine = engine(backend);
    let mut group = criterion.benchmark_group("components");

    let module = Module::new(&engine, &text(&format!("(module {LOOP})"))).expect("the module compiles");
    let mut linker = Linker::new();
    linker.func_wrap("host", "nop", |_: Caller<'_, ()>, value: u32| value).expect("the name is new");
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).expect("nothing can go wrong");
    let nop = instance.typed_func::<u32, u32>(&mut store, "nop").expect("its type");
    group.bench_function("host to module", |bencher| bencher.iter(|| nop.call(&mut store, 1).expect(RETURNS)));
    let host = instance.typed_func::<u32, ()>(&mut store, "calls").expect("its type");
    group.throughput(Throughput::Elements(TIMES.into()));
    group.bench_function("module to host", |bencher| bencher.iter(|| host.call(&mut store, TIMES).expect(RETURNS)));
    group.throughput(Throughput::Elements(1));

    let component = Component::new(&engine, &text(&component())).expect("the component compiles");
    let mut linker = ComponentLinker::new();
    linker.root().func_wrap("nop", |_, (value,): (u32,)| Ok(value)).expect("the name is new");
    let instance = linker.instantiate(&mut store, &component).expect("nothing can go wrong");
    let nop = instance.typed_func::<(u32,), u32>(&mut store, "nop").expect("its type");
    group.bench_function("host to component", |bencher| bencher.iter(|| nop.call(&mut store, (1,)).expect(RETURNS)));
    group.throughput(Throughput::Elements(TIMES.into()));
    for name in ["host", "component"] {
        let calls = instance.typed_func::<(u32,), ()>(&mut store, name).expect("its type");
        group.bench_function(format!("component to {name}"), |bencher| {
            bencher.iter(|| calls.call(&mut store, (TIMES,)).expect(RETURNS))
        });
    }
    group.finish();
}

criterion_group!(benches, calls);
criterion_main!(benches);
