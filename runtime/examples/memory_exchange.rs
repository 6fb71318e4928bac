//! Strings in and out: the host writes to the guest's memory, the guest changes it, the host reads the result.
//!
//! `cargo run -p wasmer-runtime --example memory_exchange`

use wasmer_runtime::{Caller, Linker, Module, Store};

const PLUGIN: &str = r#"
    (module
      (import "host" "log" (func $log (param i32 i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "shouting")
      ;; A plugin's allocator: this one gives every caller the same place.
      (func (export "allocate") (param $bytes i32) (result i32)
        i32.const 1024)
      ;; Turns lower case ASCII letters into capitals, in place.
      (func (export "shout") (param $at i32) (param $bytes i32)
        (local $end i32) (local $letter i32)
        (call $log (i32.const 0) (i32.const 8))
        (local.set $end (i32.add (local.get $at) (local.get $bytes)))
        (block $done
          (loop $next
            (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
            (local.set $letter (i32.load8_u (local.get $at)))
            (if (i32.lt_u (i32.sub (local.get $letter) (i32.const 97)) (i32.const 26))
              (then (i32.store8 (local.get $at) (i32.sub (local.get $letter) (i32.const 32)))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $next)))))
"#;

/// Runs the example.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = wasmer_runtime::default_engine()?;
    let module = Module::new(&engine, &wat::parse_str(PLUGIN)?)?;

    let mut linker = Linker::new();
    // A host function reads the memory of whoever calls it.
    linker.func_wrap("host", "log", |mut caller: Caller<'_, Vec<String>>, at: u32, bytes: u32| {
        let memory = caller.memory().ok_or_else(|| wasmer_runtime::Error::host("the guest exports no memory"))?;
        let mut text = vec![0; bytes as usize];
        memory.read(&caller, at as usize, &mut text)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        println!("the guest says: {text}");
        caller.data_mut().push(text);
        Ok::<_, wasmer_runtime::Error>(())
    })?;

    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &module)?;
    let memory = instance.memory(&mut store, "memory").ok_or("the guest exports no memory")?;
    let allocate = instance.typed_func::<u32, u32>(&mut store, "allocate")?;
    let shout = instance.typed_func::<(u32, u32), ()>(&mut store, "shout")?;

    let text = "hello, wasm!";
    let at = allocate.call(&mut store, text.len() as u32)?;
    memory.write(&mut store, at as usize, text.as_bytes())?;
    shout.call(&mut store, (at, text.len() as u32))?;

    // Between calls the bytes can also be borrowed, without a copy.
    let bytes = &memory.data(&store)?[at as usize..][..text.len()];
    println!("{}", std::str::from_utf8(bytes)?);
    assert_eq!(bytes, b"HELLO, WASM!");
    assert_eq!(*store.data(), ["shouting"]);

    // An address outside of the memory is an error, never a crash.
    let outside = memory.read(&store, 65_530, &mut [0; 16]).expect_err("six bytes are left there");
    println!("reading too far: {outside}");
    Ok(())
}
