//! Guests that share a budget of memory: one that wants more than is left waits until others have ended, and no thread waits with it.
//!
//! `cargo run -p wasmer-runtime --example shared_budget`

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmer_runtime::{Answer, AsyncCaller, AsyncResourceLimiter, Growth, Linker, Module, Store};

/// Takes 16 pages of 64 KiB more, works on them, and says how many it had before.
const GUEST: &str = r#"
    (module
      (import "host" "work" (func $work))
      (memory 1)
      (func (export "run") (result i32)
        (local $before i32)
        (local.set $before (memory.grow (i32.const 16)))
        (call $work)
        (local.get $before)))
"#;

/// Pages for all guests together: half of them fit at a time.
const ALL_PAGES: u32 = 20 + 10 * 16;

// ANCHOR: limiter
/// What one guest has of them.
struct Share {
    left: Arc<Semaphore>,
    taken: usize,
}

fn pages(growth: Growth) -> usize {
    ((growth.desired - growth.current) >> 16) as usize
}

impl AsyncResourceLimiter for Share {
    fn memory_growing(&mut self, growth: Growth) -> Answer<'_> {
        let pages = pages(growth);
        Box::new(async move {
            // More than there are would never come.
            let asked = u32::try_from(pages).ok().filter(|pages| *pages <= ALL_PAGES);
            let Some(asked) = asked else { return false };
            let Ok(permit) = self.left.acquire_many(asked).await else { return false };
            permit.forget();
            self.taken += pages;
            true
        })
    }

    fn memory_growth_failed(&mut self, growth: Growth) {
        self.taken -= pages(growth);
        self.left.add_permits(pages(growth));
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.left.add_permits(self.taken);
    }
}
// ANCHOR_END: limiter

/// Runs the example.
pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = wasmer_runtime::default_engine()?;
    let module = Module::new(&engine, &wat::parse_str(GUEST)?)?;
    let mut linker = Linker::<()>::new();
    linker.func_wrap_async("host", "work", |_: AsyncCaller<'_, ()>, (): ()| {
        Box::new(async { tokio::time::sleep(Duration::from_millis(1)).await })
    })?;
    let guest = linker.instantiate_pre(&module)?;
    let left = Arc::new(Semaphore::new(ALL_PAGES as usize));
    let run = || {
        let (engine, guest, left) = (engine.clone(), guest.clone(), Arc::clone(&left));
        async move {
            let mut store = Store::new(&engine, ());
            // ANCHOR: set
            store.set_async_limiter(Share { left, taken: 0 });
            let instance = guest.instantiate_async(&mut store).await?;
            // ANCHOR_END: set
            instance.typed_func::<(), i32>(&mut store, "run")?.call_async(&mut store, ()).await
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    let results = runtime.block_on(async {
        let guests: Vec<_> = (0..20).map(|_| tokio::spawn(run())).collect();
        let mut results = Vec::new();
        for guest in guests {
            results.push(guest.await??);
        }
        Ok::<Vec<i32>, Box<dyn std::error::Error>>(results)
    })?;
    println!("{} guests had {} pages in turn", results.len(), ALL_PAGES);
    assert!(results.len() == 20 && results.iter().all(|before| *before == 1));
    assert_eq!(left.available_permits(), ALL_PAGES as usize, "all was given back");
    Ok(())
}
