//! Validating, hashing, compiling and loading a small, a middle and a large module with each backend, and dropping it.

use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use wasmer_benches::{engine, subjects};
use wasmer_runtime::cache::ContentHash;
use wasmer_runtime::{Backend, Image, Module};

fn compile(criterion: &mut Criterion) {
    for subject in subjects() {
        let wasm = &subject.wasm;
        let mut group = criterion.benchmark_group(subject.name);
        group.sample_size(10).measurement_time(Duration::from_secs(3));
        group.bench_function("hash", |bencher| bencher.iter(|| ContentHash::of(wasm)));
        for backend in Backend::built() {
            let engine = engine(backend);
            if backend == Backend::built().next().unwrap_or(backend) {
                group.bench_function("validate", |bencher| bencher.iter(|| engine.validate(wasm)));
            }
            group.bench_function(format!("compile/{backend}"), |bencher| {
                bencher.iter(|| engine.compile(wasm, [0; 32], None).expect("the module compiles"));
            });
            let bytes = engine.compile(wasm, [0; 32], None).expect("the module compiles");
            let file = tempfile::NamedTempFile::new().expect("there is room for the image");
            std::fs::write(file.path(), bytes.as_bytes()).expect("there is room for the image");
            let load = || {
                let file = std::fs::File::open(file.path()).expect("it was just written");
                // SAFETY: the file is this process's own.
                let image = unsafe { Image::from_file(file, None) }.expect("it was just written");
                // SAFETY: the image was just made here.
                unsafe { Module::from_image(&engine, image) }.expect("it was just written")
            };
            group.bench_function(format!("load/{backend}"), |bencher| bencher.iter_with_large_drop(load));
            group.bench_function(format!("drop/{backend}"), |bencher| {
                bencher.iter_batched(load, drop, BatchSize::PerIteration);
            });
            let keep = || {
                let image = Image::from_bytes(bytes.as_bytes()).expect("it was just made");
                // SAFETY: as above.
                unsafe { Module::from_image(&engine, image) }.expect("it was just made")
            };
            group.bench_function(format!("drop, without a cache/{backend}"), |bencher| {
                bencher.iter_batched(keep, drop, BatchSize::PerIteration);
            });
        }
        group.finish();
    }
}

criterion_group!(benches, compile);
criterion_main!(benches);
