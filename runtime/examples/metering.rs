//! A guest gets so much fuel: the same program stops at the same operator on every backend and every machine.
//!
//! `cargo run -p wasmer-runtime --example metering`

use wasmer_runtime::{Backend, Caller, Engine, Error, Linker, Module, Store, TrapCode};

const PRIMES: &str = r#"
    (module $primes
      (import "host" "found" (func $found (param i32)))
      (func (export "primes") (param $to i32) (local $n i32) (local $d i32)
        (local.set $n (i32.const 2))
        (loop $next
          (local.set $d (i32.const 2))
          (block $done
            (loop $again
              (if (i32.eq (local.get $d) (local.get $n)) (then (call $found (local.get $n)) (br $done)))
              (br_if $done (i32.eqz (i32.rem_u (local.get $n) (local.get $d))))
              (local.set $d (i32.add (local.get $d) (i32.const 1)))
              (br $again)))
          (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get $to))))))
"#;

/// Runs the example.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wasm = wat::parse_str(PRIMES)?;
    let mut outcomes = Vec::new();
    for backend in Backend::built() {
        // ANCHOR: metering
        // Code that uses fuel is another artifact than code that does not.
        let engine = Engine::new(backend.config()?.fuel(true))?;
        let module = Module::new(&engine, &wasm)?;
        let mut linker = Linker::new();
        linker.func_wrap("host", "found", |mut caller: Caller<'_, Vec<i32>>, prime: i32| {
            // What the host does for the guest has its price, too.
            caller.spend_fuel(100)?;
            caller.data_mut().push(prime);
            Ok::<_, Error>(())
        })?;
        let mut store = Store::new(&engine, Vec::new());
        store.set_fuel(20_000)?;
        let instance = linker.instantiate(&mut store, &module)?;
        let primes = instance.typed_func::<i32, ()>(&mut store, "primes")?;

        primes.call(&mut store, 50)?;
        println!("{backend}: the primes up to 50 use {} units", 20_000 - store.fuel()?);

        let error = primes.call(&mut store, 1_000_000).expect_err("there is not enough for so many");
        assert_eq!(error.as_trap().map(|trap| trap.code), Some(TrapCode::OutOfFuel));
        println!("{error}, at the prime {:?}", store.data().last());
        // ANCHOR_END: metering
        assert_eq!(store.fuel()?, 0);
        outcomes.push(store.into_data());
    }
    assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]), "every backend stops at the same operator");
    Ok(())
}
