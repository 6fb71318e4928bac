//! Code of each backend at work, in this process: calls, a loop over memory, floating point, vectors.

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use wasmer_benches::{engine, text};
use wasmer_runtime::{Backend, Linker, Module, Store};

const KERNELS: &str = r#"(module
    (memory 16)
    (func $fib (export "fib") (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
            (then (local.get 0))
            (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func (export "sum of bytes") (param $end i32) (result i32) (local $at i32) (local $sum i32)
        (loop
            (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
            (br_if 0 (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $end))))
        (local.get $sum))
    (func (export "square roots") (param $times i32) (result i32) (local $sum f64)
        (loop
            (local.set $sum (f64.sqrt (f64.add (local.get $sum) (f64.convert_i32_s (local.get $times)))))
            (br_if 0 (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
        (i32.trunc_f64_s (local.get $sum)))
    (func (export "vectors") (param $end i32) (result i32) (local $at i32) (local $sum v128)
        (loop
            (local.set $sum (i32x4.add (local.get $sum) (i32x4.mul (v128.load (local.get $at)) (v128.load offset=64 (local.get $at)))))
            (br_if 0 (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (local.get $end))))
        (i32x4.extract_lane 0 (local.get $sum))))"#;

/// Exports, and their arguments.
const CALLS: &[(&str, i32)] =
    &[("fib", 20), ("sum of bytes", 1 << 19), ("square roots", 100_000), ("vectors", 1 << 19)];

fn execute(criterion: &mut Criterion) {
    for (name, argument) in CALLS {
        let mut group = criterion.benchmark_group(format!("execute/{name}"));
        group.measurement_time(Duration::from_secs(2));
        for backend in Backend::built() {
            let engine = engine(backend);
            let module = Module::new(&engine, &text(KERNELS)).expect("the module compiles");
            let mut store = Store::new(&engine, ());
            let instance = Linker::new().instantiate(&mut store, &module).expect("it imports nothing");
            let function = instance.typed_func::<i32, i32>(&mut store, name).expect("it has this type");
            group.bench_function(backend.name(), |bencher| {
                bencher.iter(|| function.call(&mut store, *argument).expect("it returns"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, execute);
criterion_main!(benches);
