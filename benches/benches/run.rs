//! Instances, calls in both directions, with and without waiting, traps.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use wasmer_benches::{engine, python, text, with_data};
use wasmer_runtime::wasi::{WasiCtx, WasiCtxBuilder, add_to_linker};
use wasmer_runtime::{AsyncCaller, Backend, Caller, FuncType, Linker, Module, Store, Val, ValType};

/// A store and an instance, made and dropped.
fn instantiate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("instantiate");
    group.measurement_time(Duration::from_secs(3));
    let Some(backend) = Backend::default_backend() else { return };
    let engine = engine(backend);
    for (name, wasm) in
        [("empty", text("(module)")), ("64 KiB of data", with_data(64 << 10)), ("20 MB of data", with_data(20_000_000))]
    {
        let module = Module::new(&engine, &wasm).expect("the module compiles");
        let make = || {
            let mut store = Store::new(&engine, ());
            Linker::new().instantiate(&mut store, &module).expect("nothing can go wrong");
        };
        group.bench_function(name, |bencher| bencher.iter(make));
        group.throughput(Throughput::Elements(20_000));
        group.bench_function(format!("{name}, 2 × 10,000 on two threads"), |bencher| {
            bencher.iter(|| {
                std::thread::scope(|scope| {
                    for _ in 0..2 {
                        scope.spawn(|| (0..10_000).for_each(|_| make()));
                    }
                });
            });
        });
        group.throughput(Throughput::Elements(1));
    }
    if let Some(wasm) = python() {
        let module = Module::new(&engine, &wasm).expect("the module compiles");
        let mut linker = Linker::new();
        add_to_linker(&mut linker, |context: &mut WasiCtx| context).expect("the names are new");
        let store = || Store::new(&engine, WasiCtxBuilder::new().build().expect("nothing is granted"));
        group.bench_function("python", |bencher| {
            bencher.iter_batched_ref(
                store,
                |store| linker.instantiate(store, &module).expect("nothing can go wrong"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

const CALLS: &str = r#"(module
    (import "host" "nop" (func $nop (param i32) (result i32)))
    (import "host" "untyped" (func $untyped (param i32) (result i32)))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "trap") (unreachable))
    (func $deep (export "deep") (param $depth i32)
        (if (i32.eqz (local.get $depth)) (then unreachable))
        (call $deep (i32.sub (local.get $depth) (i32.const 1))))
    (func (export "host untyped") (param $times i32)
        (loop
            (drop (call $untyped (local.get $times)))
            (br_if 0 (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))
    (func (export "host") (param $times i32)
        (loop
            (drop (call $nop (local.get $times)))
            (br_if 0 (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))))"#;

/// Each calls one host function, or none.
const ASYNC: &str = r#"(module
    (import "host" "sync" (func $sync (param i32) (result i32)))
    (import "host" "ready" (func $ready (param i32) (result i32)))
    (import "host" "once" (func $once (param i32) (result i32)))
    (func (export "nop") (param i32) (result i32) (local.get 0))
    (func (export "sync") (param i32) (result i32) (call $sync (local.get 0)))
    (func (export "ready") (param i32) (result i32) (call $ready (local.get 0)))
    (func (export "once") (param i32) (result i32) (call $once (local.get 0))))"#;

fn calls(criterion: &mut Criterion) {
    for backend in Backend::built() {
        let engine = engine(backend);
        let module = Module::new(&engine, &text(CALLS)).expect("the module compiles");
        let mut linker = Linker::new();
        linker.func_wrap("host", "nop", |_: Caller<'_, ()>, value: i32| value).expect("the name is new");
        let untyped = FuncType::new([ValType::I32], [ValType::I32]);
        linker
            .func_new("host", "untyped", untyped, |_, params, results| {
                results[0] = params[0].clone();
                Ok(())
            })
            .expect("the name is new");
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).expect("the imports are there");
        let mut group = criterion.benchmark_group(format!("calls/{backend}"));
        let add = instance.typed_func::<(i32, i32), i32>(&mut store, "add").expect("it has this type");
        group.bench_function("host to wasm, typed", |bencher| {
            bencher.iter(|| add.call(&mut store, (1, 2)).expect("it returns"));
        });
        group.bench_function("host to wasm, untyped", |bencher| {
            let mut results = [Val::I32(0)];
            bencher.iter(|| {
                add.func().call(&mut store, &[Val::I32(1), Val::I32(2)], &mut results).expect("it returns");
            });
        });
        const TIMES: u64 = 1000;
        let host = instance.typed_func::<i32, ()>(&mut store, "host").expect("it has this type");
        group.throughput(Throughput::Elements(TIMES));
        group.bench_function("wasm to host, 1000 times", |bencher| {
            bencher.iter(|| host.call(&mut store, TIMES as i32).expect("it returns"));
        });
        let host = instance.typed_func::<i32, ()>(&mut store, "host untyped").expect("it has this type");
        group.bench_function("wasm to host, untyped, 1000 times", |bencher| {
            bencher.iter(|| host.call(&mut store, TIMES as i32).expect("it returns"));
        });
        group.throughput(Throughput::Elements(1));
        let trap = instance.typed_func::<(), ()>(&mut store, "trap").expect("it has this type");
        group.bench_function("trap with backtrace", |bencher| {
            bencher.iter(|| trap.call(&mut store, ()).expect_err("it traps"));
        });
        let deep = instance.typed_func::<i32, ()>(&mut store, "deep").expect("it has this type");
        group.bench_function("trap with backtrace of 1000 frames", |bencher| {
            bencher.iter(|| deep.call(&mut store, 1000).expect_err("it traps"));
        });
        group.finish();
    }
}

/// Pending once, and awake at once.
#[derive(Default)]
struct Once(bool);

impl Future for Once {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Polls as often as it takes.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// The same calls, synchronous and not, with and without waiting; ten thousand guests that wait.
fn asynchronous(criterion: &mut Criterion) {
    for backend in Backend::built() {
        let engine = engine(backend);
        let module = Module::new(&engine, &text(ASYNC)).expect("the module compiles");
        let mut linker = Linker::<()>::new();
        linker.func_wrap("host", "sync", |value: i32| value).expect("the name is new");
        linker
            .func_wrap_async("host", "ready", |_: AsyncCaller<'_, ()>, value: i32| Box::new(std::future::ready(value)))
            .expect("the name is new");
        linker
            .func_wrap_async("host", "once", |_: AsyncCaller<'_, ()>, value: i32| {
                Box::new(async move {
                    Once::default().await;
                    value
                })
            })
            .expect("the name is new");
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).expect("the imports are there");
        let mut group = criterion.benchmark_group(format!("async/{backend}"));
        for name in ["nop", "sync", "ready", "once"] {
            let call = instance.typed_func::<i32, i32>(&mut store, name).expect("it has this type");
            if matches!(name, "nop" | "sync") {
                group.bench_function(format!("{name}, call"), |bencher| {
                    bencher.iter(|| call.call(&mut store, 1).expect("it returns"));
                });
            }
            group.bench_function(format!("{name}, call_async"), |bencher| {
                bencher.iter(|| run(call.call_async(&mut store, 1)).expect("it returns"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, instantiate, calls, asynchronous);
criterion_main!(benches);
