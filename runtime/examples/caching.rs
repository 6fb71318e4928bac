//! Compile once: the second load of a module maps the stored artifact.
//!
//! `cargo run -p wasmer-runtime --example caching`

use std::time::Instant;

use wasmer_runtime::cache::{Cache, CacheConfig};
use wasmer_runtime::cached::{CachedLoader, Outcome};
use wasmer_runtime::{Linker, Store};

const PLUGIN: &str = r#"
    (module
      (func (export "answer") (result i32)
        i32.const 42))
"#;

/// Runs the example.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // ANCHOR: caching
    // A program would use `CacheConfig::default_dir()`; the example leaves nothing behind.
    let dir = std::env::temp_dir().join(format!("wasmer-example-{}", std::process::id()));
    let cache = Cache::open(CacheConfig::new(&dir))?;
    let engine = wasmer_runtime::default_engine()?;
    let wasm = wat::parse_str(PLUGIN)?;

    let mut outcomes = Vec::new();
    for attempt in ["first", "second"] {
        let started = Instant::now();
        let (module, report) = CachedLoader::new(&engine, &cache).load_bytes(&wasm)?;
        println!(
            "{attempt} load: {:?}, {:?} in all, {:?} of it compiling",
            report.outcome,
            started.elapsed(),
            report.compile
        );
        outcomes.push(report.outcome);
        // ANCHOR_END: caching

        let mut store = Store::new(&engine, ());
        let instance = Linker::new().instantiate(&mut store, &module)?;
        let answer = instance.typed_func::<(), i32>(&mut store, "answer")?;
        assert_eq!(answer.call(&mut store, ())?, 42);
    }
    std::fs::remove_dir_all(&dir)?;
    assert_eq!(outcomes, [Outcome::Stored, Outcome::Hit]);
    Ok(())
}
