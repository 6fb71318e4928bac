//! How much memory guests take that wait (ten thousand of them, or as many as the first argument says), and how long calls take that wait or not.
//!
//! `cargo run --release -p wasmer-runtime --example parked -- 10000`

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use wasmer_runtime::{AsyncCaller, Engine, Error, Linker, Module, Store};

/// Has a memory that it writes to, and frames on its stack.
const GUEST: &str = r#"
    (module
      (import "host" "wait" (func $wait (result i32)))
      (memory 1)
      (func $deep (param $depth i32) (result i32)
        (if (i32.eqz (local.get $depth)) (then (return (call $wait))))
        (i32.add (local.get $depth) (call $deep (i32.sub (local.get $depth) (i32.const 1)))))
      (func (export "run") (result i32)
        (i32.store (i32.const 8) (i32.const 1))
        (call $deep (i32.const 10))))
"#;

/// A call that waits, with everything that it needs.
type Guest = Pin<Box<dyn Future<Output = Result<i32, Error>>>>;

/// A line of the system's account of this process, in bytes.
fn status(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? << 10)
}

/// Calls the host, or not.
const CALLS: &str = r#"
    (module
      (import "host" "plain" (func $plain (param i32) (result i32)))
      (import "host" "ready" (func $ready (param i32) (result i32)))
      (import "host" "once" (func $once (param i32) (result i32)))
      (func (export "nothing") (param i32) (result i32) (local.get 0))
      (func (export "plain") (param i32) (result i32) (call $plain (local.get 0)))
      (func (export "ready") (param i32) (result i32) (call $ready (local.get 0)))
      (func (export "once") (param i32) (result i32) (call $once (local.get 0))))
"#;

/// Polls as often as it takes.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// The shortest of some runs, in nanoseconds a call.
fn measure(mut call: impl FnMut() -> Result<i32, Error>) -> Result<f64, Error> {
    // Short, so that many runs fall between two interruptions by others.
    const CALLS: u32 = 1000;
    let mut best = f64::INFINITY;
    for _ in 0..1000 {
        let started = Instant::now();
        for _ in 0..CALLS {
            call()?;
        }
        best = best.min(started.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
    }
    Ok(best)
}

fn calls(engine: &Engine) -> Result<(), Box<dyn std::error::Error>> {
    let module = Module::new(engine, &wat::parse_str(CALLS)?)?;
    let mut linker = Linker::<()>::new();
    linker.func_wrap("host", "plain", |value: i32| value)?;
    linker.func_wrap_async("host", "ready", |_: AsyncCaller<'_, ()>, value: i32| Box::new(async move { value }))?;
    linker.func_wrap_async("host", "once", |_: AsyncCaller<'_, ()>, value: i32| {
        Box::new(async move {
            let mut waited = false;
            poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(value) } else { Poll::Pending }).await
        })
    })?;
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    for name in ["nothing", "plain", "ready", "once"] {
        let call = instance.typed_func::<i32, i32>(&mut store, name)?;
        let waits = matches!(name, "ready" | "once");
        let plain = if waits { None } else { Some(measure(|| call.call(&mut store, 1))?) };
        let with = measure(|| run(call.call_async(&mut store, 1)))?;
        let plain = plain.map_or_else(String::new, |plain| format!("call {plain:.1} ns, "));
        println!("{name}: {plain}call_async {with:.1} ns");
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args().nth(1).map_or(Ok(10_000), |count| count.parse())?;
    let engine = wasmer_runtime::default_engine()?;
    calls(&engine)?;
    let module = Module::new(&engine, &wat::parse_str(GUEST)?)?;
    let mut linker = Linker::<()>::new();
    linker.func_wrap_async("host", "wait", |_: AsyncCaller<'_, ()>, (): ()| {
        Box::new(async move {
            std::future::pending::<()>().await;
            0
        })
    })?;
    let guest = linker.instantiate_pre(&module)?;
    let used = || Some((status("VmRSS")?, status("VmPTE")?));
    let before = used().ok_or("the system does not say")?;
    let mut guests: Vec<Guest> = Vec::new();
    for _ in 0..count {
        let (engine, guest) = (engine.clone(), guest.clone());
        guests.push(Box::pin(async move {
            let mut store = Store::new(&engine, ());
            let instance = guest.instantiate_async(&mut store).await?;
            instance.typed_func::<(), i32>(&mut store, "run")?.call_async(&mut store, ()).await
        }));
    }
    let mut context = Context::from_waker(Waker::noop());
    assert!(guests.iter_mut().all(|guest| guest.as_mut().poll(&mut context).is_pending()));
    let after = used().ok_or("the system does not say")?;
    let (memory, tables) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    println!("{count} parked guests: {} KiB of memory, {} KiB of page tables", memory >> 10, tables >> 10);
    Ok(())
}
