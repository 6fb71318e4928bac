//! What the guest may ask of the host: closures, closures that see the store's data, and closures that fail.
//!
//! `cargo run -p wasmer-runtime --example host_functions`

use std::fmt;

use wasmer_runtime::{Caller, FuncType, Linker, Module, Store, Val, ValType};

const PLUGIN: &str = r#"
    (module $plugin
      (import "host" "double" (func $double (param i32) (result i32)))
      (import "host" "count" (func $count))
      (import "host" "sum" (func $sum (param i64 i64 i64) (result i64)))
      (import "host" "spend" (func $spend (param i32) (result i32)))
      (func (export "work") (param i32) (result i64)
        (call $count)
        (call $count)
        (call $sum
          (i64.extend_i32_s (call $double (local.get 0)))
          (i64.const 100)
          (i64.const 1000)))
      (func $shop (export "shop") (result i32)
        (call $spend (i32.const 30))
        drop
        (call $spend (i32.const 80))))
"#;

/// An error type of the embedder: it comes back as itself.
#[derive(Debug)]
struct OutOfMoney {
    missing: i32,
}

impl fmt::Display for OutOfMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} coins are missing", self.missing)
    }
}

impl std::error::Error for OutOfMoney {}

/// What host functions work on: the store owns it.
#[derive(Default)]
struct Account {
    calls: u32,
    coins: i32,
}

/// Runs the example.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = wasmer_runtime::default_engine()?;
    let module = Module::new(&engine, &wat::parse_str(PLUGIN)?)?;

    let mut linker = Linker::new();
    linker.func_wrap("host", "double", |value: i32| value * 2)?;
    linker.func_wrap("host", "count", |mut caller: Caller<'_, Account>| caller.data_mut().calls += 1)?;
    // A function whose type is only known at run time.
    let ty = FuncType::new([ValType::I64; 3], [ValType::I64]);
    linker.func_new("host", "sum", ty, |_, params, results| {
        results[0] = Val::I64(params.iter().filter_map(Val::i64).sum());
        Ok(())
    })?;
    // ANCHOR: fail
    linker.func_wrap("host", "spend", |mut caller: Caller<'_, Account>, price: i32| {
        let account = caller.data_mut();
        if price > account.coins {
            return Err(OutOfMoney { missing: price - account.coins });
        }
        account.coins -= price;
        Ok(account.coins)
    })?;
    // ANCHOR_END: fail

    let mut store = Store::new(&engine, Account { calls: 0, coins: 100 });
    let instance = linker.instantiate(&mut store, &module)?;

    let work = instance.typed_func::<i32, i64>(&mut store, "work")?;
    let total = work.call(&mut store, 21)?;
    println!("work(21) = {total}, after {} calls of `count`", store.data().calls);
    assert_eq!((total, store.data().calls), (1142, 2));

    let shop = instance.typed_func::<(), i32>(&mut store, "shop")?;
    let error = shop.call(&mut store, ()).expect_err("110 coins are more than 100");
    // In a line with its causes, and the guest's frames below.
    println!("shop() failed: {error:#}");
    let reason: &OutOfMoney = error.downcast_host().expect("the host function's own error");
    assert_eq!((reason.missing, store.data().coins), (10, 70));
    Ok(())
}
