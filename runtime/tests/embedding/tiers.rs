//! Loading with several compilers: whose artifact is run, who compiles, and who is not even made.

use std::sync::Mutex;

use wasmer_runtime::cache::{Cache, CacheConfig};
use wasmer_runtime::cached::{CachedLoader, Outcome};
use wasmer_runtime::tiers::{LazyEngine, Tiers};
use wasmer_runtime::{Backend, Engine, Module, ResourceError};

const WASM: &[u8] = b"\0asm\x01\0\0\0";

fn engine(backend: Backend) -> Engine {
    Engine::new(backend.config().unwrap()).unwrap()
}

fn backend(module: &Module) -> &'static str {
    module.engine().backend().unwrap().name
}

fn cache() -> (tempfile::TempDir, Cache) {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(CacheConfig::new(dir.path().join("cache"))).unwrap();
    (dir, cache)
}

#[test]
fn the_first_that_the_store_has_is_run_and_the_last_compiles() {
    let (_dir, cache) = cache();
    let made = Mutex::new(Vec::new());
    let lazy = |backend| {
        let made = &made;
        LazyEngine::new(move || {
            made.lock().unwrap().push(backend);
            Ok(engine(backend))
        })
    };
    let load = || {
        made.lock().unwrap().clear();
        let tiers = Tiers::new(vec![lazy(Backend::Cranelift)], lazy(Backend::Singlepass));
        let (module, report) = CachedLoader::new(tiers, &cache).load_bytes(WASM).unwrap();
        (backend(&module), report.outcome)
    };
    assert_eq!(load(), ("singlepass", Outcome::Stored));
    assert_eq!(load(), ("singlepass", Outcome::Hit));
    assert_eq!(*made.lock().unwrap(), [Backend::Cranelift, Backend::Singlepass], "each once, best first");
    CachedLoader::new(&engine(Backend::Cranelift), &cache).load_bytes(WASM).unwrap();
    assert_eq!(load(), ("cranelift", Outcome::Hit));
    assert_eq!(*made.lock().unwrap(), [Backend::Cranelift], "nobody asked for the other one");
    // One engine is exact, whatever else there is.
    let (module, _) = CachedLoader::new(&engine(Backend::Singlepass), &cache).load_bytes(WASM).unwrap();
    assert_eq!(backend(&module), "singlepass");
}

#[test]
fn what_cannot_be_made_is_not_there_unless_it_is_all_there_is() {
    let (_dir, cache) = cache();
    let broken = || LazyEngine::new(|| Err(ResourceError::other("not on this machine").into()));
    let tiers = Tiers::new(vec![broken()], engine(Backend::Singlepass).into());
    assert_eq!(backend(&CachedLoader::new(tiers, &cache).load_bytes(WASM).unwrap().0), "singlepass");
    for load in [CachedLoader::new, |tiers, _| CachedLoader::without_cache(tiers)] {
        let tiers = Tiers::new(vec![broken()], broken());
        let Err(error) = load(tiers, &cache).load_bytes(b"") else { panic!("nothing can compile") };
        assert!(error.to_string().contains("not on this machine"), "{error}");
    }
}

#[test]
fn a_damaged_artifact_makes_room_for_the_next() {
    let (_dir, cache) = cache();
    for backend in [Backend::Singlepass, Backend::Cranelift] {
        CachedLoader::new(&engine(backend), &cache).load_bytes(WASM).unwrap();
    }
    let load = || {
        let tiers = Tiers::new(vec![engine(Backend::Cranelift).into()], engine(Backend::Singlepass).into());
        CachedLoader::new(tiers, &cache).load_bytes(WASM).unwrap()
    };
    let newest = cache.entries().unwrap().into_iter().max_by_key(|entry| entry.written_ns).unwrap();
    std::fs::write(cache.artifact_path(&newest.key), b"damaged").unwrap();
    let (module, report) = load();
    assert_eq!((backend(&module), report.outcome), ("singlepass", Outcome::Hit));
    assert!(report.warnings[0].contains("is damaged and is removed"), "{:?}", report.warnings);
    assert!(load().1.warnings.is_empty());
}
