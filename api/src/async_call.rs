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
use wasmer_vm::{Failure, Parked, StoreVm, Unwind};

use crate::async_func::HostCall;
use crate::error::Result;
use crate::func::{CallBuffer, Func, TypedFunc, check_arguments};
use crate::store::{AsStoreMut, StoreAccess, StoreOpaque};
use crate::value::{Val, WasmTyList};

/// A call in progress. Dropping it ends it: what the guest waits for is dropped, then its stack is free.
pub(crate) struct AsyncCall<'a> {
    state: State,
    store: NonNull<StoreOpaque>,
    func_ref: NonNull<VMFuncRef>,
    values: *mut RawValue,
    /// The call has the store for itself.
    _store: PhantomData<&'a mut StoreOpaque>,
}

enum State {
    New,
    /// Fields are dropped in this order: the future writes to the stack. Without a future the guest has given way.
    Waits {
        host_call: Option<HostCall>,
        parked: Parked,
    },
    Ended,
}

// SAFETY: whoever sends a call sends the borrow of the store that it was made with, too: it is a part of the same future. The guest's frames hold nothing of a
// thread, and the future that it waits for can be sent.
unsafe impl Send for AsyncCall<'_> {}

impl<'a> AsyncCall<'a> {
    /// A call by array call.
    ///
    /// # Safety
    /// `func_ref` belongs to the store; until the call has ended or is dropped, `values` are where the function's arguments are, and its results have room.
    pub(crate) unsafe fn new(
        store: &'a mut StoreOpaque,
        func_ref: NonNull<VMFuncRef>,
        values: *mut RawValue,
    ) -> AsyncCall<'a> {
        Self { state: State::New, store: NonNull::from(store), func_ref, values, _store: PhantomData }
    }

    fn vm(&mut self) -> &mut StoreVm {
        // SAFETY: the store is borrowed for this call, and nobody uses it: what the guest waits for is not being polled.
        unsafe { self.store.as_mut() }.vm()
    }

    /// Lets the guest's host functions go on, and the guest, as far as they go.
    #[cold]
    fn drive(&mut self, went: Option<Parked>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let is_going_on = went.is_some() || matches!(self.state, State::Waits { .. });
        assert!(is_going_on, "a call was polled after it had ended");
        let outer = self.vm().set_aside();
        let result = self.go_on(went, context);
        self.vm().put_back(outer);
        result.map(|result| {
            self.vm().wake_on_interrupt(None);
            self.ended(result)
        })
    }

    /// Until the guest waits for something or gives way, or its call has ended: none, or why it failed.
    fn go_on(&mut self, went: Option<Parked>, context: &mut Context<'_>) -> Poll<Result<(), Box<Failure>>> {
        let mut went = match (went, std::mem::replace(&mut self.state, State::Ended)) {
            (Some(parked), _) if parked.is_preempted() => return self.give_way(parked, context),
            (Some(parked), _) => (self.take_host_call(), parked),
            (None, State::Waits { host_call, parked }) => (host_call, parked),
            (None, State::New | State::Ended) => return Poll::Ready(Ok(())),
        };
        loop {
            let (mut host_call, parked) = went;
            let Poll::Ready(outcome) = self.poll_host_call(&mut host_call, &parked, context) else {
                self.vm().wake_on_interrupt(Some(context.waker()));
                self.state = State::Waits { host_call, parked };
                return Poll::Pending;
            };
            match self.resume(parked, outcome) {
                Ok(Some(parked)) if parked.is_preempted() => return self.give_way(parked, context),
                Ok(Some(parked)) => went = (self.take_host_call(), parked),
                Ok(None) => return Poll::Ready(Ok(())),
                Err(failure) => return Poll::Ready(Err(failure)),
            }
        }
    }

    /// The guest has run for its time: others first.
    fn give_way(&mut self, parked: Parked, context: &mut Context<'_>) -> Poll<Result<(), Box<Failure>>> {
        self.state = State::Waits { host_call: None, parked };
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn take_host_call(&mut self) -> Option<HostCall> {
        // SAFETY: as for `vm`.
        let host_call = unsafe { self.store.as_mut() }.host_call.take();
        Some(host_call.expect("a guest is parked by a host function that has left a future"))
    }

    /// What has become of what the guest waits for, which is gone if it is not pending: why the guest must not go on, if so.
    fn poll_host_call(
        &mut self,
        host_call: &mut Option<HostCall>,
        parked: &Parked,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Unwind>> {
        if host_call.is_none() {
            return Poll::Ready(Ok(()));
        }
        let vm = self.vm();
        let refused = if vm.has_room() { vm.check_interrupt().err() } else { Some(TrapCode::StackOverflow) };
        let outer = vm.set_aside();
        vm.suspend(parked);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let polled = match (refused, &mut *host_call) {
                (Some(code), _) => Poll::Ready(Err(Unwind::Trap(code))),
                (None, Some(call)) => call.as_mut().poll(context).map_err(|error| Unwind::Error(Box::new(error))),
                (None, None) => Poll::Ready(Ok(())),
            };
            if polled.is_ready() {
                // Here, because its end may use the store, too.
                *host_call = None;
            }
            polled
        }));
        self.vm().put_back(outer);
        polled.unwrap_or_else(|payload| {
            // The guest ends, so that its frames need not be looked at; what panics once more is not told.
            let _ = catch_unwind(AssertUnwindSafe(|| *host_call = None));
            Poll::Ready(Err(Unwind::Panic(payload)))
        })
    }

    fn resume(&mut self, parked: Parked, outcome: Result<(), Unwind>) -> Result<Option<Parked>, Box<Failure>> {
        // SAFETY: as for `vm`.
        let thrown = unsafe { self.store.as_mut() }.thrown(outcome.as_ref().err());
        let prepare = |vm: &mut StoreVm| match (outcome, thrown) {
            (Ok(()), _) => {}
            (Err(_), Some(handle)) if vm.set_caught(handle).is_ok() => vm.throw(),
            (Err(unwind), _) => vm.record_unwind(unwind),
        };
        // SAFETY: the guest was parked by this call, the innermost of the store: what it waited for has ended.
        unsafe { self.vm().resume(parked, prepare) }
    }

    fn ended(&mut self, result: Result<(), Box<Failure>>) -> Result<()> {
        self.state = State::Ended;
        // SAFETY: as for `vm`.
        result.map_err(|failure| unsafe { self.store.as_mut() }.failure(failure))
    }
}

impl Future for AsyncCall<'_> {
    type Output = Result<()>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let State::New = self.state else { return self.drive(None, context) };
        self.state = State::Ended;
        let (func_ref, values) = (self.func_ref, self.values);
        // SAFETY: the promise of `new`.
        match unsafe { self.vm().begin(func_ref, values) } {
            Ok(None) => Poll::Ready(Ok(())),
            Ok(Some(parked)) => self.drive(Some(parked), context),
            Err(failure) => Poll::Ready(self.ended(Err(failure))),
        }
    }
}

impl Drop for AsyncCall<'_> {
    fn drop(&mut self) {
        if let State::Waits { .. } = self.state {
            self.vm().wake_on_interrupt(None);
        }
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
        let call = {
            let store = store.store_inner_mut();
            let func_ref = self.func.func_ref(store)?;
            if P::HAS_HOST_REFS || R::HAS_HOST_REFS {
                store.safe_point();
            }
            let values = buffer.0.as_mut_ptr().cast();
            // SAFETY: the types were checked when the handle was made; the buffer has room for either list, and stays where it is while the future lives.
            unsafe {
                params.store(values, store)?;
                AsyncCall::new(store, func_ref, values)
            }
        };
        call.await?;
        // SAFETY: the callee has written values of these types.
        Ok(unsafe { R::load(buffer.0.as_ptr().cast(), store.store_inner()) })
    }
}

impl Func {
    /// As [`TypedFunc::call_async`], with values checked against the function's type.
    pub async fn call_async<S: AsStoreMut>(&self, store: &mut S, params: &[Val], results: &mut [Val]) -> Result<()> {
        let mut values = Buffer(SmallVec::<[RawValue; 8]>::new());
        let call = {
            let store = store.store_inner_mut();
            store.safe_point();
            check_arguments(&*self.ty_in(store)?, params, results, store)?;
            values.0.resize(params.len().max(results.len()), RawValue::ZERO);
            for (raw, param) in values.0.iter_mut().zip(params) {
                *raw = param.to_raw(store)?;
            }
            let func_ref = self.func_ref(store)?;
            // SAFETY: the function belongs to this store; the buffer has room for, and holds, what the type says, and stays where it is.
            unsafe { AsyncCall::new(store, func_ref, values.0.as_mut_ptr()) }
        };
        call.await?;
        let store = store.store_inner_mut();
        let ty = self.ty_in(store)?;
        for ((result, raw), ty) in results.iter_mut().zip(&values.0).zip(&ty.results) {
            // SAFETY: the callee wrote values of its result types.
            *result = unsafe { Val::from_raw(raw, *ty, store) };
        }
        Ok(())
    }
}
