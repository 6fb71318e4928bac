//! Runs modules that may be anything, under a watchdog: what attacks and tests with damaged modules do with them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmer_runtime::*;

/// How long one module may run before it is interrupted.
const RUN: Duration = Duration::from_millis(30);

/// How much of the processor everything about one module may take. By the clock it may be more, beside other work.
const STEP: Duration = Duration::from_secs(20);

/// Size of an image's header, which is checked whenever an image is mapped.
const HEADER_BYTES: usize = 352;

/// Ends what runs too long, and the process if that does not help.
pub struct Watchdog {
    orders: Sender<Order>,
}

/// What a watchdog does from now on.
enum Order {
    /// Guard this store's guest.
    Guard(InterruptHandle),
    /// Guard no guest: only the time counts.
    Rest,
    /// Nothing: what follows has nothing to do with modules.
    Stop,
}

impl Watchdog {
    /// Starts its thread.
    pub fn start() -> Self {
        let (orders, receiver) = channel();
        thread::spawn(move || Self::watch(&receiver));
        Self { orders }
    }

    /// Watches this store's guest from now on.
    pub(crate) fn guard(&self, handle: InterruptHandle) {
        self.order(Order::Guard(handle));
    }

    /// Watches no guest: only the time counts.
    pub fn rest(&self) {
        self.order(Order::Rest);
    }

    /// Watches nothing.
    pub(crate) fn stop(&self) {
        self.order(Order::Stop);
    }

    fn order(&self, order: Order) {
        self.orders.send(order).expect("the thread runs as long as it can get orders");
    }

    fn watch(receiver: &Receiver<Order>) {
        let (mut order, mut begun) = (Order::Stop, Duration::ZERO);
        loop {
            match receiver.recv_timeout(RUN) {
                Ok(next) => (order, begun) = (next, processor_time()),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    match &order {
                        Order::Guard(handle) => handle.interrupt(),
                        Order::Rest => {}
                        Order::Stop => continue,
                    }
                    if processor_time().saturating_sub(begun) > STEP {
                        eprintln!("one module took more than {STEP:?} of the processor");
                        std::process::abort();
                    }
                }
            }
        }
    }
}

/// What the process has used of the processor.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

pub(crate) fn limits() -> StoreLimits {
    StoreLimits::new().memory_bytes_max(64 << 20).table_elements_max(100_000).instances_max(10).host_funcs_max(u64::MAX)
}

/// Something for every import that can be made.
fn imports(store: &mut Store<()>, module: &Module) -> Option<Vec<Extern>> {
    let make = |import: ImportInfo| -> Option<Extern> {
        Some(match import.ty {
            ExternType::Func(ty) => Func::new(store, ty, |_, _, _| Ok(())).ok()?.into(),
            ExternType::Memory(ty) => Memory::new(store, ty).ok()?.into(),
            ExternType::Table(ty) => Table::new(store, ty, Val::default_for(ValType::Ref(ty.element))?).ok()?.into(),
            ExternType::Global(ty) => Global::new(store, ty, Val::default_for(ty.content)?).ok()?.into(),
            ExternType::Tag(_) => return None,
        })
    };
    module.imports().map(make).collect()
}

/// Instantiates a module and calls its exports. Returns how many calls ended, in whatever way.
pub fn exercise(engine: &Engine, module: &Module, watchdog: &Watchdog) -> usize {
    let mut store = Store::with_limits(engine, (), limits());
    watchdog.guard(store.interrupt_handle());
    let Some(imports) = imports(&mut store, module) else { return 0 };
    let Ok(instance) = Instance::new(&mut store, module, &imports) else { return 0 };
    let mut calls = 0;
    for (_, entity) in instance.exports(&mut store).unwrap() {
        let Some(func) = entity.func() else { continue };
        let ty = func.ty(&store).unwrap();
        let params: Option<Vec<_>> = ty.params.iter().map(|ty| Val::default_for(*ty)).collect();
        let Some(params) = params else { continue };
        let mut results = vec![Val::I32(0); ty.results.len()];
        if let Err(error) = func.call(&mut store, &params, &mut results) {
            // Making the message looks names and offsets up.
            let _ = format!("{error} {}", error.backtrace().cloned().unwrap_or_default());
            if matches!(&error, Error::Trap(trap) if trap.code == TrapCode::Interrupted) {
                return calls;
            }
        }
        calls += 1;
    }
    calls
}

/// Compiles and runs; an internal error or a panic is a failure. Returns whether the module was accepted.
pub fn survive(engine: &Engine, wasm: &[u8], watchdog: &Watchdog) -> Result<bool, String> {
    watchdog.rest();
    let attempt = || match Module::new(engine, wasm) {
        Ok(module) => {
            exercise(engine, &module, watchdog);
            Ok(true)
        }
        Err(error) => match error.as_compile() {
            Some(CompileError::Internal { .. }) => Err(error.to_string()),
            _ => Ok(false),
        },
    };
    let survived = catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| Err("panicked".to_owned()));
    watchdog.stop();
    survived
}

/// Where the code stands in the bytes of an image.
pub fn code_range(image: &[u8]) -> std::ops::Range<usize> {
    let mapped = Image::from_bytes(image).unwrap();
    let code = mapped.code();
    let start = (0..image.len()).step_by(4096).find(|start| image[*start..].starts_with(code)).unwrap();
    start..start + code.len()
}

/// What became of damage to an image.
pub enum Damage {
    /// The image is refused when it is mapped.
    Refused,
    /// It is found when the whole image is checked.
    Found,
    /// It is where nothing stands: only the gaps between sections are in no checksum.
    Harmless,
}

/// Maps and checks a damaged image of the length that `image` had. Panics if damage that matters is not found.
pub fn damaged_image(engine: &Engine, image: &[u8], damaged: &[u8], watchdog: &Watchdog) -> Damage {
    watchdog.rest();
    let damage = damage_of(engine, image, damaged, watchdog);
    watchdog.stop();
    damage
}

fn damage_of(engine: &Engine, image: &[u8], damaged: &[u8], watchdog: &Watchdog) -> Damage {
    let changed: Vec<_> = (0..image.len()).filter(|place| image[*place] != damaged[*place]).collect();
    match Image::from_bytes(damaged) {
        Err(_) => Damage::Refused,
        Ok(mapped) if mapped.verify().is_err() => {
            let header = changed.iter().find(|place| **place < HEADER_BYTES);
            assert_eq!(header, None, "the header's damage was not found when it was mapped");
            Damage::Found
        }
        Ok(mapped) => {
            let code = code_range(image);
            assert!(!changed.iter().any(|place| code.contains(place)), "damaged code was not found");
            assert!(changed.iter().all(|place| image[*place] == 0));
            // SAFETY: the engine made it, and all that matters in it is whole.
            let module = unsafe { Module::from_image(engine, mapped) }.unwrap();
            exercise(engine, &module, watchdog);
            Damage::Harmless
        }
    }
}
