//! Calls that wait for host functions without a thread.

use std::future::Future;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use smallvec::SmallVec;

use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::vmcontext::{RawValue, VMFuncRef};
use wasmer_vm::park::Outer;
use wasmer_vm::{Failure, Parked, StoreVm, Unwind};

use crate::async_func::{HostCall, Returned};
use crate::checked::{INLINE, read_results, write_arguments};
use crate::error::Result;
use crate::func::{CallBuffer, Func, TypedFunc};
use crate::store::{AsStoreMut, StoreAccess, StoreOpaque, StoreView};
use crate::value::{Val, WasmTyList};

/// Whether calls can wait on this processor ([`TypedFunc::call_async`]).
pub const CALLS_CAN_WAIT: bool = wasmer_vm::park::SUPPORTED;

/// A call whose guest waits or has given way. Dropping it ends the call: what the guest waits for is dropped, then its stack is free.
pub(crate) struct Waiting<'a> {
    /// Fields are dropped in this order: the future writes to the stack. Without a future the guest has given way.
    host_call: Option<HostCall>,
    parked: Parked,
    has_ended: bool,
    /// Whether others have to come first.
    gives_way: bool,
    /// Whether an interrupt would wake who waits for this.
    is_known: bool,
    store: NonNull<StoreOpaque>,
    /// The call has the store for itself.
    _store: PhantomData<&'a mut StoreOpaque>,
}

// SAFETY: whoever sends a call sends the borrow of the store that it was made with, too: it is a part of the same future. The guest's frames hold nothing of a
// thread, and the future that it waits for can be sent.
unsafe impl Send for Waiting<'_> {}

/// Calls a function by array call, in a poll. If it has not returned, `waiting` is what is left of the call: in its place from the start, since to move it takes as
/// long as to park a guest, and to return it in any way as long as most of a call.
///
/// # Safety
/// `func_ref` belongs to the store; until the call has ended or is dropped, `values` are where the function's arguments are, and its results have room.
#[inline(always)]
pub(crate) unsafe fn begin<'a>(
    store: &'a mut StoreOpaque,
    func_ref: NonNull<VMFuncRef>,
    values: *mut RawValue,
    waiting: &mut Option<Waiting<'a>>,
) -> Result<()> {
    // SAFETY: the caller's promise.
    match unsafe { store.vm().begin(func_ref, values) } {
        Ok(None) => {}
        Ok(Some(parked)) => *waiting = Some(Waiting::new(store, parked)),
        Err(failure) => return Err(store.failure(failure)),
    }
    Ok(())
}

impl<'a> Waiting<'a> {
    #[cold]
    fn new(store: &'a mut StoreOpaque, parked: Parked) -> Self {
        let (host_call, gives_way) = (HostCall::of_parked(store), parked.is_preempted());
        let store = NonNull::from(store);
        Self { host_call, parked, has_ended: false, gives_way, is_known: false, store, _store: PhantomData }
    }

    fn vm(&mut self) -> &mut StoreVm {
        self.store().vm()
    }

    fn store(&mut self) -> &mut StoreOpaque {
        // SAFETY: the store is borrowed for this call, and nobody uses it: what the guest waits for is not being polled.
        unsafe { self.store.as_mut() }
    }

    /// Until the guest waits for something or gives way, or its call has ended: none, or why it failed.
    fn go_on(&mut self, outer: &Outer, context: &mut Context<'_>) -> Poll<Result<(), Box<Failure>>> {
        loop {
            if std::mem::take(&mut self.gives_way) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Poll::Ready(outcome) = self.poll_host_call(outer, context) else {
                self.is_known |= self.vm().wake_on_interrupt(Some(context.waker()));
                return Poll::Pending;
            };
            match self.resume(outcome) {
                Ok(true) => {
                    self.vm().restore(outer);
                    self.host_call = HostCall::of_parked(self.store());
                    self.gives_way = self.parked.is_preempted();
                }
                Ok(false) => return Poll::Ready(Ok(())),
                Err(failure) => return Poll::Ready(Err(failure)),
            }
        }
    }

    /// What has become of what the guest waits for, which is gone if it is not pending: what its call returns, or why the guest must not go on.
    fn poll_host_call(&mut self, outer: &Outer, context: &mut Context<'_>) -> Poll<Returned> {
        if self.host_call.is_none() {
            return Poll::Ready(Ok(0));
        }
        // SAFETY: as for `vm`.
        let vm = unsafe { self.store.as_mut() }.vm();
        let refused = if vm.has_room() { vm.check_interrupt().err() } else { Some(TrapCode::StackOverflow) };
        vm.suspend(&self.parked);
        let host_call = &mut self.host_call;
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let polled = match (refused, &mut *host_call) {
                (Some(code), _) => Poll::Ready(Err(Box::new(Unwind::Trap(code)))),
                (None, Some(call)) => call.poll(context),
                (None, None) => Poll::Ready(Ok(0)),
            };
            if polled.is_ready() {
                // Here, because its end may use the store, too.
                *host_call = None;
            }
            polled
        }));
        self.vm().restore(outer);
        polled.unwrap_or_else(|payload| {
            // The guest ends, so that its frames need not be looked at; what panics once more is not told.
            let _ = catch_unwind(AssertUnwindSafe(|| self.host_call = None));
            Poll::Ready(Err(Box::new(Unwind::Panic(payload))))
        })
    }

    /// Lets the guest go on. Whether it is parked again.
    fn resume(&mut self, outcome: Returned) -> Result<bool, Box<Failure>> {
        let thrown = self.store().thrown(outcome.as_ref().err().map(|unwind| &**unwind));
        let value = *outcome.as_ref().unwrap_or(&0);
        let prepare = |vm: &mut StoreVm| match (outcome, thrown) {
            (Ok(_), _) => {}
            (Err(_), Some(handle)) if vm.set_caught(handle).is_ok() => vm.throw(),
            (Err(unwind), _) => vm.record_unwind(*unwind),
        };
        // SAFETY: as for `vm`.
        let vm = unsafe { self.store.as_mut() }.vm();
        // SAFETY: the guest was parked by this call, the innermost of the store: what it waited for has ended.
        unsafe { vm.resume(&mut self.parked, value, prepare) }
    }

    fn forget_waker(&mut self) {
        if std::mem::take(&mut self.is_known) {
            self.vm().wake_on_interrupt(None);
        }
    }
}

impl Future for Waiting<'_> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        assert!(!self.has_ended, "a call was polled after it had ended");
        let outer = self.vm().set_aside();
        let result = self.go_on(&outer, context);
        self.vm().put_back(outer);
        result.map(|result| {
            self.has_ended = true;
            self.forget_waker();
            result.map_err(|failure| self.store().failure(failure))
        })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.forget_waker();
    }
}

/// Values of an array call that go with a future.
struct Buffer<B>(B);

// SAFETY: what values refer to belongs to the store that goes with the future, too.
unsafe impl<B> Send for Buffer<B> {}

impl<P: WasmTyList, R: WasmTyList> TypedFunc<P, R> {
    /// Calls the function, and waits where the guest calls host functions that are futures ([`Linker::func_wrap_async`](crate::Linker::func_wrap_async)).
    ///
    /// The guest runs on the thread that polls, until it waits: then it is parked, and the future is pending. Under any executor; the future can be sent to other
    /// threads if the store's data and the parameters can. Dropping it ends the call: what the guest waits for is dropped, and no operator of the guest runs any more.
    ///
    /// ```
    /// use wasmer_api::{AsyncCaller, Linker, Module, Result, Store};
    ///
    /// async fn run(store: &mut Store<u64>, module: &Module) -> Result<u32> {
    ///     let mut linker = Linker::new();
    ///     linker.func_wrap_async("host", "wait", |mut caller: AsyncCaller<'_, u64>, (times,): (u32,)| {
    ///         Box::new(async move {
    ///             std::future::ready(()).await;
    ///             *caller.data_mut() += 1;
    ///             times + 1
    ///         })
    ///     })?;
    ///     let instance = linker.instantiate_async(store, module).await?;
    ///     instance.typed_func::<u32, u32>(store, "run")?.call_async(store, 1).await
    /// }
    /// ```
    #[inline]
    pub async fn call_async<S: AsStoreMut>(&self, store: &mut S, params: P) -> Result<R> {
        let mut buffer = Buffer(MaybeUninit::<CallBuffer<P, R>>::uninit());
        {
            let mut waiting = None;
            {
                let store = store.store_inner_mut();
                let func_ref = self.func.func_ref(store)?;
                if P::HAS_HOST_REFS || R::HAS_HOST_REFS {
                    store.safe_point();
                }
                let values = buffer.0.as_mut_ptr().cast();
                // SAFETY: the types were checked when the handle was made; the buffer has room for either list, and stays where it is while the future lives.
                unsafe {
                    params.store(values, store)?;
                    begin(store, func_ref, values, &mut waiting)?;
                }
            }
            if let Some(waiting) = &mut waiting {
                waiting.await?;
            }
        }
        // SAFETY: the callee has written values of these types.
        Ok(unsafe { R::load(buffer.0.as_ptr().cast(), store.store_inner()) })
    }
}

impl Func {
    /// As [`Func::call_raw`], and waits where the guest calls host functions that are futures.
    ///
    /// # Safety
    /// As of [`Func::call_raw`].
    pub async unsafe fn call_raw_async<S: AsStoreMut>(&self, store: &mut S, values: &mut [RawValue]) -> Result<()> {
        let mut waiting = None;
        {
            let store = store.store_inner_mut();
            let func_ref = self.func_ref(store)?;
            // SAFETY: the caller's promise; the function belongs to this store, and the values are borrowed until the call has ended.
            unsafe { begin(store, func_ref, values.as_mut_ptr(), &mut waiting)? };
        }
        match &mut waiting {
            Some(waiting) => waiting.await,
            None => Ok(()),
        }
    }

    /// As [`TypedFunc::call_async`], with values checked against the function's type.
    pub async fn call_async<S: AsStoreMut>(&self, store: &mut S, params: &[Val], results: &mut [Val]) -> Result<()> {
        let mut values = SmallVec::<[RawValue; INLINE]>::from_elem(RawValue::ZERO, params.len().max(results.len()));
        let ty = {
            let store = store.store_inner_mut();
            store.safe_point();
            // SAFETY: the store is borrowed for the call.
            let ty = unsafe { self.known_type(store)? };
            write_arguments(ty, store, params, results, &mut values)?;
            ty
        };
        // SAFETY: the buffer has room for, and holds, what the type says; so the function has written its results.
        unsafe {
            self.call_raw_async(store, &mut values).await?;
            read_results(ty, store.store_inner_mut(), &values, results);
        }
        Ok(())
    }
}
