//! What a guest may use: memory, tables, instances, stack.
//!
//! `cargo run -p wasmer-runtime --example limits`

use wasmer_runtime::{Backend, Engine, Limit, Linker, Module, Store, StoreLimits, TrapCode};

const GREEDY: &str = r#"
    (module
      (memory (export "memory") 1)
      ;; Grows page by page until it is refused, and says how many pages it got.
      (func (export "grab") (result i32)
        (loop $again
          (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        memory.size)
      (func $recurse (export "recurse")
        call $recurse))
"#;

/// Runs the example.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let backend = Backend::default_backend().ok_or("this build contains no backend")?;
    // ANCHOR: limits
    // The stack belongs to the engine, everything else to the store.
    let engine = Engine::new(backend.config()?.stack_bytes(256 << 10))?;
    let module = Module::new(&engine, &wat::parse_str(GREEDY)?)?;

    let limits = StoreLimits::new().memory_bytes_max(1 << 20).total_bytes_max(4 << 20).instances_max(1);
    let mut store = Store::with_limits(&engine, (), limits);
    // ANCHOR_END: limits
    let linker = Linker::new();
    let instance = linker.instantiate(&mut store, &module)?;

    let grab = instance.typed_func::<(), i32>(&mut store, "grab")?;
    let pages = grab.call(&mut store, ())?;
    println!("the guest got {pages} pages of 64 KiB: the 1 MiB it may have");
    assert_eq!(pages, 16);

    let recurse = instance.typed_func::<(), ()>(&mut store, "recurse")?;
    let error = recurse.call(&mut store, ()).expect_err("no stack is large enough");
    println!("infinite recursion: {error}");
    assert_eq!(error.as_trap().map(|trap| trap.code), Some(TrapCode::StackOverflow));

    let error = linker.instantiate(&mut store, &module).expect_err("one instance is allowed");
    println!("a second instance: {error}");
    assert_eq!(error.as_limit().map(|error| (error.what, error.limit)), Some((Limit::Instances, 1)));
    Ok(())
}
