//! A guest that never ends is ended by another thread. Its code polls nothing for that.
//!
//! `cargo run -p wasmer-runtime --example interrupt`

use std::thread;
use std::time::{Duration, Instant};

use wasmer_runtime::{Linker, Module, Store, TrapCode};

const ENDLESS: &str = r#"
    (module $endless
      (func $spin (export "spin")
        (loop $again
          br $again))
      (func (export "answer") (result i32)
        i32.const 42))
"#;

/// Runs the example.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = wasmer_runtime::default_engine()?;
    let module = Module::new(&engine, &wat::parse_str(ENDLESS)?)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new().instantiate(&mut store, &module)?;

    // ANCHOR: interrupt
    let handle = store.interrupt_handle();
    let timer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        handle.interrupt();
    });

    let spin = instance.typed_func::<(), ()>(&mut store, "spin")?;
    let started = Instant::now();
    let error = spin.call(&mut store, ()).expect_err("the loop has no exit");
    println!("after {:?}: {error:#}", started.elapsed());
    assert_eq!(error.as_trap().map(|trap| trap.code), Some(TrapCode::Interrupted));
    // ANCHOR_END: interrupt
    timer.join().map_err(|_| "the timer panicked")?;

    // The store stays usable once the interrupt is forgotten.
    store.clear_interrupt();
    let answer = instance.typed_func::<(), i32>(&mut store, "answer")?;
    println!("and still: {}", answer.call(&mut store, ())?);
    Ok(())
}
