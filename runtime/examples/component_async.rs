//! A component whose imports take time: functions of the host that wait without a thread, made by `bindgen!`.
//!
//! `cargo run -p wasmer-runtime --features component --example component_async`

use std::time::Duration;

// ANCHOR: bindgen
use wasmer_runtime::component::{self, Component, ComponentLinker};
use wasmer_runtime::{Error, Result, Store};

component::bindgen!({
    inline: r"
        package example:shop@1.0.0;

        interface prices {
            ask: func(item: u32) -> u64;
            currency: func() -> string;
        }

        world till {
            import prices;
            export total: func(items: list<u32>) -> u64;
        }
    ",
    // All functions of one interface but one. `async: true` is for all of the world.
    imports: { "example:shop/prices": async, "example:shop/prices#currency": sync },
    exports: { default: async },
});

use example::shop::prices;

/// What the host knows of a request.
#[derive(Default)]
struct Request {
    asked: u32,
}

impl prices::Host for Request {
    async fn ask(&mut self, item: u32) -> Result<u64> {
        // A database, another service: here a clock.
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.asked += 1;
        Ok(u64::from(item) * 100)
    }

    fn currency(&mut self) -> Result<String> {
        Ok("EUR".to_owned())
    }
}
// ANCHOR_END: bindgen

/// Runs the example.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = wasmer_runtime::default_engine()?;
    let component = Component::new(&engine, &wat::parse_str(TILL)?)?;
    // ANCHOR: call
    let mut linker = ComponentLinker::<Request>::new();
    Till::add_to_linker(&mut linker, |request| request)?;
    let till = linker.instantiate_pre(&component)?;
    let serve = |items: Vec<u32>| {
        let (engine, till) = (engine.clone(), till.clone());
        async move {
            let mut store = Store::new(&engine, Request::default());
            let instance = till.instantiate_async(&mut store).await?;
            let till = Till::new(&mut store, &instance)?;
            let total = till.call_total(&mut store, &items).await?;
            Ok::<_, Error>((total, store.data().asked))
        }
    };
    // ANCHOR_END: call
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let served = runtime.block_on(async {
        let requests: Vec<_> = (0..100).map(|number| tokio::spawn(serve((0..=number % 5).collect()))).collect();
        let mut served = Vec::new();
        for request in requests {
            served.push(request.await??);
        }
        Ok::<_, Box<dyn std::error::Error>>(served)
    })?;
    println!("one thread served {} requests; the fifth costs {}", served.len(), served[4].0);
    assert_eq!((served[4], served.len()), ((1000, 5), 100));
    Ok(())
}

/// What a compiler would make of a program for the world `till`.
const TILL: &str = r#"(component
    (import "example:shop/prices@1.0.0" (instance $prices
        (export "ask" (func (param "item" u32) (result u64)))))
    (core func $ask (canon lower (func $prices "ask")))
    (core module $Main
        (import "prices" "ask" (func $ask (param i32) (result i64)))
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3))))
        (func (export "total") (param $at i32) (param $count i32) (result i64)
            (local $sum i64)
            (block $end
                (loop $next
                    (br_if $end (i32.eqz (local.get $count)))
                    (local.set $sum (i64.add (local.get $sum) (call $ask (i32.load (local.get $at)))))
                    (local.set $at (i32.add (local.get $at) (i32.const 4)))
                    (local.set $count (i32.sub (local.get $count) (i32.const 1)))
                    (br $next)))
            (local.get $sum)))
    (core instance $main (instantiate $Main (with "prices" (instance (export "ask" (func $ask))))))
    (func (export "total") (param "items" (list u32)) (result u64)
        (canon lift (core func $main "total") (memory (core memory $main "memory")) (realloc (core func $main "realloc")))))"#;
