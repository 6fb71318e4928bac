//! A server: an instance for each request, limits for each, host functions that wait without a thread, and guests that give way.
//!
//! `cargo run -p wasmer-runtime --example asynchronous`

use std::time::Duration;

use wasmer_runtime::{AsyncCaller, Error, Linker, Module, Store, StoreLimits};

/// Asks the host for something that takes time, once for each unit of the request.
const HANDLER: &str = r#"
    (module
      (import "host" "price" (func $price (param i32) (result i64)))
      (func (export "handle") (param $items i32) (result i64)
        (local $sum i64)
        (loop $next
          (local.set $sum (i64.add (local.get $sum) (call $price (local.get $items))))
          (br_if $next (local.tee $items (i32.sub (local.get $items) (i32.const 1)))))
        (local.get $sum)))
"#;

/// What the host knows of a request.
#[derive(Default)]
struct Request {
    asked: u32,
}

/// Runs the example.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = wasmer_runtime::default_engine()?;
    let module = Module::new(&engine, &wat::parse_str(HANDLER)?)?;
    // ANCHOR: define
    let mut linker = Linker::<Request>::new();
    linker.func_wrap_async("host", "price", |mut caller: AsyncCaller<'_, Request>, (item,): (u32,)| {
        Box::new(async move {
            // A database, another service: here a clock.
            tokio::time::sleep(Duration::from_millis(1)).await;
            caller.data_mut().asked += 1;
            u64::from(item) * 100
        })
    })?;
    let handler = linker.instantiate_pre(&module)?;
    // ANCHOR_END: define

    // ANCHOR: serve
    let serve = |items: i32| {
        let (engine, handler) = (engine.clone(), handler.clone());
        async move {
            let limits = StoreLimits::new().memory_bytes_max(16 << 20);
            let mut store = Store::with_limits(&engine, Request::default(), limits);
            store.set_time_slice(Some(Duration::from_millis(5)));
            let instance = handler.instantiate_async(&mut store).await?;
            let handle = instance.typed_func::<i32, i64>(&mut store, "handle")?;
            let price = handle.call_async(&mut store, items).await?;
            Ok::<_, Error>((price, store.data().asked))
        }
    };
    // ANCHOR_END: serve

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let served = runtime.block_on(async {
        let requests: Vec<_> = (1..=100).map(|items| tokio::spawn(serve(items % 5 + 1))).collect();
        let mut served = Vec::new();
        for request in requests {
            served.push(request.await??);
        }
        Ok::<_, Box<dyn std::error::Error>>(served)
    })?;
    println!("one thread served {} requests; the first costs {}", served.len(), served[0].0);
    assert_eq!((served[0], served.len()), ((300, 2), 100));

    // ANCHOR: timeout
    let timeout = Duration::from_millis(10);
    let late = runtime.block_on(async { tokio::time::timeout(timeout, serve(1_000_000)).await });
    // ANCHOR_END: timeout
    println!("a request of a million items: {}", if late.is_err() { "dropped in time" } else { "served" });
    assert!(late.is_err());
    Ok(())
}
