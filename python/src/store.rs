//! Stores, and who may use one now.

use std::cell::UnsafeCell;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use wasmer_runtime::wasi::WasiCtx;
use wasmer_runtime::{AsStoreMut, Caller, Error, InterruptHandle, StoreLimits, StoreMut, Trap, TrapCode};

use crate::engine::Engine;
use crate::error::{raised, timed_out};
use crate::wasi::Wasi;
use crate::{interrupt, timeout};

/// Owner of instances and of what they share: memories, tables, globals, functions.
///
/// One thread at a time uses a store; another one gets a `RuntimeError`. While a guest runs, other Python threads run too, and may interrupt it.
/// `wasi` is what its guests can reach of the system, `limits` what they may use, by the names of `Limits`; `fuel` how much they can compute, if the
/// engine counts that. A call that takes longer than `timeout` seconds raises `Timeout`.
/// Instances live as long as their store: a program that makes instances all the time makes a store for each, which costs next to nothing.
#[pyclass(frozen, weakref, module = "wasmer_embed")]
pub(crate) struct Store {
    interrupt: InterruptHandle,
    /// Whether the program asked for an interrupt, which then stays until it says otherwise.
    is_interrupt_asked: AtomicBool,
    timeout: Mutex<Option<Duration>>,
    /// What guests call, in the order in which it was given.
    callbacks: Mutex<Vec<Py<PyAny>>>,
    access: Mutex<Access>,
    store: UnsafeCell<wasmer_runtime::Store<Data>>,
}

// SAFETY: what is not `Sync` in it is the runtime's store and a pointer to who has borrowed it; both are used by the thread alone that `enter` let in.
unsafe impl Sync for Store {}
// SAFETY: likewise; the runtime's store may be used by different threads one after another, and so may its data, whose pointer is only a number elsewhere.
unsafe impl Send for Store {}

/// What the runtime's store knows of us.
pub(crate) struct Data {
    /// The Python object that the store is in; set by whoever enters, who has a reference to it.
    owner: *mut pyo3::ffi::PyObject,
    /// What WASI functions act on.
    pub(crate) wasi: Option<WasiCtx>,
}

/// Who may use the store.
#[derive(Clone, Copy)]
enum Access {
    /// Whoever comes first.
    Free,
    /// Nobody: it is being used.
    Taken,
    /// A host function that a guest has called, on its thread.
    Lent { thread: usize, caller: NonNull<Caller<'static, Data>> },
}

/// A number that no other thread has now.
fn this_thread() -> usize {
    thread_local! {
        static HERE: u8 = const { 0 };
    }
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

/// Exclusive use of a store.
pub(crate) struct Entered<'a> {
    store: &'a Store,
    before: Access,
}

// SAFETY: it stays on the thread that entered. `Python::detach`, which runs what it is given right there, asks for this to keep out what is of the interpreter.
unsafe impl Send for Entered<'_> {}

/// The store, as its owner or a host function has it.
enum Context<'a> {
    Owner(&'a mut wasmer_runtime::Store<Data>),
    HostFunction(&'a mut Caller<'static, Data>),
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        *lock(&self.store.access) = self.before;
    }
}

impl Entered<'_> {
    fn context(&mut self) -> Context<'_> {
        match self.before {
            // SAFETY: who finds a lent store is a host function's callable, on its thread, while the function waits for it.
            Access::Lent { mut caller, .. } => Context::HostFunction(unsafe { caller.as_mut() }),
            // SAFETY: it was free, and is taken until this is dropped.
            Access::Free | Access::Taken => Context::Owner(unsafe { &mut *self.store.store.get() }),
        }
    }

    /// The store, for everything that its owner and host functions can do alike.
    pub(crate) fn store_mut(&mut self) -> StoreMut<'_, Data> {
        match self.context() {
            Context::Owner(store) => store.as_store_mut(),
            Context::HostFunction(caller) => caller.as_store_mut(),
        }
    }

    /// Whether no guest waits below.
    fn is_outermost(&self) -> bool {
        matches!(self.before, Access::Free)
    }

    fn clear_interrupt(&mut self) {
        if let Context::Owner(store) = self.context() {
            store.clear_interrupt();
        }
    }
}

impl Store {
    /// Lets this thread use the store, if nobody else does.
    pub(crate) fn enter<'a>(this: &'a Bound<'_, Self>) -> PyResult<Entered<'a>> {
        let store = this.get();
        let mut access = lock(&store.access);
        let before = *access;
        let is_allowed = match before {
            Access::Free => true,
            Access::Taken => false,
            Access::Lent { thread, .. } => thread == this_thread(),
        };
        if !is_allowed {
            return Err(PyRuntimeError::new_err("the store is being used, by another thread or below this call"));
        }
        *access = Access::Taken;
        drop(access);
        let mut entered = Entered { store, before };
        entered.store_mut().data_mut().owner = this.as_ptr();
        Ok(entered)
    }

    /// Uses the store for something short.
    pub(crate) fn with<R>(
        this: &Bound<'_, Self>,
        run: impl FnOnce(StoreMut<'_, Data>) -> Result<R, Error>,
    ) -> PyResult<R> {
        run(Self::enter(this)?.store_mut()).map_err(|error| raised(this.py(), error))
    }

    /// Uses the store for something in which guests run: other threads run meanwhile, and Ctrl-C and the timeout end it.
    pub(crate) fn run<R: Send>(
        this: &Bound<'_, Self>,
        run: impl FnOnce(StoreMut<'_, Data>) -> Result<R, Error> + Send,
    ) -> PyResult<R> {
        let (py, store) = (this.py(), this.get());
        let mut entered = Self::enter(this)?;
        let timeout = if entered.is_outermost() { *lock(&store.timeout) } else { None };
        let timer = timeout.map(|after| timeout::Timer::start(after, &store.interrupt));
        let watched = interrupt::Watched::guest(&store.interrupt);
        // A signal that came before this stops no guest any more.
        py.check_signals()?;
        let outcome = py.detach(|| run(entered.store_mut()));
        let is_signalled = watched.end();
        let is_late = timer.is_some_and(timeout::Timer::end);
        if store.interrupt.is_interrupted() && !store.is_interrupt_asked.load(Ordering::Relaxed) {
            entered.clear_interrupt();
        }
        drop(entered);
        if is_signalled {
            py.check_signals()?;
        }
        outcome.map_err(|error| if is_late && is_interrupt(&error) { timed_out(py, &error) } else { raised(py, error) })
    }

    /// Lets a callable use the store from a host function, which is given the Python object of the store.
    pub(crate) fn lend<R>(
        py: Python<'_>,
        caller: &mut Caller<'_, Data>,
        run: impl FnOnce(&Bound<'_, Self>) -> PyResult<R>,
    ) -> PyResult<R> {
        // SAFETY: who entered the store, and waits in the guest, has a reference to this object.
        let this = unsafe { Bound::from_borrowed_ptr(py, caller.data().owner) };
        let this = this.cast_into::<Self>()?;
        let store = this.get();
        // The lifetime is the one of `run`: the pointer is forgotten behind it.
        let lent = Access::Lent { thread: this_thread(), caller: NonNull::from(caller).cast() };
        let before = std::mem::replace(&mut *lock(&store.access), lent);
        let _restore = Entered { store, before };
        let _paused = interrupt::Watched::nobody();
        run(&this)
    }

    /// Keeps a callable for as long as guests can call it.
    pub(crate) fn keep(&self, callable: &Bound<'_, PyAny>) -> usize {
        let mut callbacks = lock(&self.callbacks);
        callbacks.push(callable.clone().unbind());
        callbacks.len() - 1
    }

    /// The callable of a number; none while Python takes apart what nobody reaches any more.
    pub(crate) fn callback<'py>(&self, py: Python<'py>, number: usize) -> Option<Bound<'py, PyAny>> {
        lock(&self.callbacks).get(number).map(|callable| callable.bind(py).clone())
    }
}

fn is_interrupt(error: &Error) -> bool {
    matches!(error, Error::Trap(trap) if matches!(**trap, Trap { code: TrapCode::Interrupted, .. }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No panic leaves any of what is behind these in a bad state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymethods]
impl Store {
    #[new]
    #[pyo3(signature = (engine, *, wasi = None, limits = None, fuel = None, timeout = None))]
    fn new(
        engine: &Bound<'_, Engine>,
        wasi: Option<&Bound<'_, Wasi>>,
        limits: Option<BTreeMap<String, u64>>,
        fuel: Option<u64>,
        timeout: Option<f64>,
    ) -> PyResult<Self> {
        let (py, limits) = (engine.py(), chosen_limits(limits.unwrap_or_default())?);
        let data = Data { owner: std::ptr::null_mut(), wasi: None };
        let mut store = wasmer_runtime::Store::with_limits(&engine.get().engine, data, limits);
        if let Some(fuel) = fuel {
            store.set_fuel(fuel).map_err(|error| raised(py, error))?;
        }
        let interrupt = store.interrupt_handle();
        if let Some(wasi) = wasi {
            let mut context = wasi.get().build(py)?;
            let handle = interrupt.clone();
            context.set_interrupt_check(Some(Box::new(move || handle.is_interrupted())));
            store.data_mut().wasi = Some(context);
        }
        Ok(Self {
            interrupt,
            is_interrupt_asked: AtomicBool::new(false),
            timeout: Mutex::new(seconds(timeout)?),
            callbacks: Mutex::default(),
            access: Mutex::new(Access::Free),
            store: UnsafeCell::new(store),
        })
    }

    /// How long a call may take, in seconds; `None` for as long as it likes. Calls in calls count for the outermost.
    #[getter]
    fn timeout(&self) -> Option<f64> {
        lock(&self.timeout).map(|timeout| timeout.as_secs_f64())
    }

    #[setter]
    fn set_timeout(&self, timeout: Option<f64>) -> PyResult<()> {
        *lock(&self.timeout) = seconds(timeout)?;
        Ok(())
    }

    /// How much fuel is left, with an engine that counts it.
    #[getter]
    fn fuel(this: &Bound<'_, Self>) -> PyResult<u64> {
        let fuel = match Self::enter(this)?.context() {
            Context::Owner(store) => store.fuel(),
            Context::HostFunction(caller) => caller.fuel(),
        };
        fuel.map_err(|error| raised(this.py(), error))
    }

    #[setter]
    fn set_fuel(this: &Bound<'_, Self>, fuel: u64) -> PyResult<()> {
        let done = match Self::enter(this)?.context() {
            Context::Owner(store) => store.set_fuel(fuel),
            Context::HostFunction(caller) => caller.set_fuel(fuel),
        };
        done.map_err(|error| raised(this.py(), error))
    }

    /// Gives guests more fuel.
    fn add_fuel(this: &Bound<'_, Self>, fuel: u64) -> PyResult<()> {
        let done = match Self::enter(this)?.context() {
            Context::Owner(store) => store.add_fuel(fuel),
            Context::HostFunction(caller) => caller.add_fuel(fuel),
        };
        done.map_err(|error| raised(this.py(), error))
    }

    /// Ends the guest that runs, and every later call, with `Interrupted`, until `clear_interrupt`. Any thread may call it at any time.
    fn interrupt(&self, py: Python<'_>) {
        self.is_interrupt_asked.store(true, Ordering::Relaxed);
        // Whoever runs the guest needs the interpreter to say so.
        py.detach(|| self.interrupt.interrupt());
    }

    /// Lets guests run again.
    fn clear_interrupt(this: &Bound<'_, Self>) -> PyResult<()> {
        let mut entered = Self::enter(this)?;
        if !entered.is_outermost() {
            return Err(PyRuntimeError::new_err("a guest is running"));
        }
        this.get().is_interrupt_asked.store(false, Ordering::Relaxed);
        entered.clear_interrupt();
        Ok(())
    }

    /// Drops what no guest holds any more: objects given as `externref`, and those of the guests themselves. Happens by itself from time to time.
    fn gc(this: &Bound<'_, Self>) -> PyResult<()> {
        match Self::enter(this)?.context() {
            Context::Owner(store) => store.gc(),
            Context::HostFunction(caller) => caller.gc(),
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Who holds the lock holds the interpreter, too, and does not let go of it.
        let callbacks = self.callbacks.try_lock();
        callbacks.map_or(Ok(()), |callbacks| callbacks.iter().try_for_each(|callable| visit.call(callable)))
    }

    fn __clear__(&self) {
        let callbacks = std::mem::take(&mut *lock(&self.callbacks));
        drop(callbacks);
    }
}

/// A time in seconds.
fn seconds(seconds: Option<f64>) -> PyResult<Option<Duration>> {
    let convert =
        |seconds| Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(error.to_string()));
    seconds.map(convert).transpose()
}

/// Sets one limit.
type Setting = fn(StoreLimits, u64) -> StoreLimits;

/// By the names of the keys of `Limits`.
const LIMITS: [(&str, Setting); 10] = [
    ("memory_bytes_max", StoreLimits::memory_bytes_max),
    ("table_elements_max", StoreLimits::table_elements_max),
    ("total_memory_bytes_max", StoreLimits::total_memory_bytes_max),
    ("total_table_elements_max", StoreLimits::total_table_elements_max),
    ("gc_heap_bytes_max", StoreLimits::gc_heap_bytes_max),
    ("total_bytes_max", StoreLimits::total_bytes_max),
    ("memories_max", StoreLimits::memories_max),
    ("tables_max", StoreLimits::tables_max),
    ("instances_max", StoreLimits::instances_max),
    ("host_funcs_max", StoreLimits::host_funcs_max),
];

fn chosen_limits(choices: BTreeMap<String, u64>) -> PyResult<StoreLimits> {
    choices.into_iter().try_fold(StoreLimits::new(), |limits, (name, max)| {
        match LIMITS.iter().find(|(known, _)| *known == name) {
            Some((_, set)) => Ok(set(limits, max)),
            None => {
                let known = LIMITS.map(|(known, _)| known).join(", ");
                Err(PyTypeError::new_err(format!("there is no limit `{name}`; there are {known}")))
            }
        }
    })
}
