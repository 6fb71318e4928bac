//! Which compilers this build has, and the same module on each of them.
//!
//! `cargo run -p wasmer-runtime --example choose_backend`

use std::time::Instant;

use wasmer_runtime::{Backend, Engine, Linker, Module, Store};

const FIBONACCI: &str = r#"
    (module
      (func $fib (export "fib") (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
          (then (local.get 0))
          (else
            (i32.add
              (call $fib (i32.sub (local.get 0) (i32.const 1)))
              (call $fib (i32.sub (local.get 0) (i32.const 2))))))))
"#;

/// Runs the example.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wasm = wat::parse_str(FIBONACCI)?;
    for backend in Backend::ALL {
        let config = match backend.config() {
            Ok(config) => config,
            Err(reason) => {
                println!("{backend}: {reason}");
                continue;
            }
        };
        let engine = Engine::new(config)?;
        let started = Instant::now();
        let module = Module::new(&engine, &wasm)?;
        let compiled = started.elapsed();

        let mut store = Store::new(&engine, ());
        let instance = Linker::new().instantiate(&mut store, &module)?;
        let fib = instance.typed_func::<i32, i32>(&mut store, "fib")?;
        let started = Instant::now();
        let result = fib.call(&mut store, 24)?;
        println!("{backend}: {}", backend.description());
        println!("    compiled in {compiled:?}; fib(24) = {result} in {:?}", started.elapsed());
        assert_eq!(result, 46368);
    }
    Ok(())
}
