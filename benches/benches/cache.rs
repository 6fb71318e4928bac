//! The store of artifacts: a hit by the file's identity, a hit by the content, a miss, and many threads that need the same module at once.

use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use wasmer_benches::{Subject, engine, subjects};
use wasmer_runtime::cache::{Cache, CacheConfig};
use wasmer_runtime::cached::{CachedLoader, Outcome, Recognition};
use wasmer_runtime::{Backend, Engine};

/// Threads that load the same module.
const THREADS: usize = 8;

/// An empty store, in a folder that goes when it is dropped.
fn store() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().expect("there is room");
    let cache = Cache::open(CacheConfig::new(folder.path())).expect("the folder is ours");
    (folder, cache)
}

fn load(engine: &Engine, cache: &Cache, subject: &Subject) -> Outcome {
    let (_module, report) = CachedLoader::new(engine, cache).load_bytes(&subject.wasm).expect("the module compiles");
    report.outcome
}

fn cache(criterion: &mut Criterion) {
    // The fastest compiler, so that what is measured is the store.
    let Some(backend) = Backend::built().find(|it| it.name() == "singlepass").or_else(Backend::default_backend) else {
        return;
    };
    let engine = engine(backend);
    for subject in subjects() {
        let mut group = criterion.benchmark_group(format!("cache/{}", subject.name));
        group.sample_size(10).measurement_time(Duration::from_secs(3));
        let (folder, cache) = store();
        let file = folder.path().join("module.wasm");
        std::fs::write(&file, &subject.wasm).expect("there is room");
        load(&engine, &cache, &subject);
        // A file that has just changed is not recognised by its identity yet.
        std::thread::sleep(Duration::from_millis(50));
        let by_file = || CachedLoader::new(&engine, &cache).load_file(&file, &Ok).expect("the module compiles");
        by_file();
        if by_file().1.recognition == Recognition::Identity {
            group.bench_function("hit, file recognised", |bencher| bencher.iter_with_large_drop(by_file));
        } else {
            eprintln!("left out: files that are recognised; this file system does not keep times well enough");
        }
        group.bench_function("hit, content hashed", |bencher| bencher.iter(|| load(&engine, &cache, &subject)));
        group.bench_function("miss", |bencher| {
            bencher.iter_batched_ref(store, |(_, cache)| load(&engine, cache, &subject), BatchSize::PerIteration);
        });
        group.bench_function(format!("miss, {THREADS} threads at once"), |bencher| {
            bencher.iter_batched_ref(store, |(_, cache)| at_once(&engine, cache, &subject), BatchSize::PerIteration);
        });
        group.finish();
    }
}

/// Only one of the threads may compile.
fn at_once(engine: &Engine, cache: &Cache, subject: &Subject) {
    let stored = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| load(engine, cache, subject))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it loads")).filter(|it| *it == Outcome::Stored).count()
    });
    assert_eq!(stored, 1);
}

criterion_group!(benches, cache);
criterion_main!(benches);
