//! Functions of the host that a component calls.

use std::marker::PhantomData;
use std::sync::Arc;

use wasmer_api::{AsStoreMut, BoundFunc, Caller, Func, RawValue, Result, StoreMut};
use wasmer_component_translate::info::{DefKind, FuncType, Type};
use wasmer_runtime_core::types::FuncType as CoreFuncType;

use crate::cx::{CallPlan, Cx, FLAT_PARAMS_MAX, Flat, FlatOut, View};
use crate::fits::{located, misfit, shown};
use crate::guest::Guest;
use crate::mismatch::{ComponentTypeError, Hint};
use crate::state::{Shared, StatePlace};
use crate::typed::{ComponentType, Lift, Lower, TypeContext, rust_name};
use crate::val::Val;

/// A function of the host, whatever its Rust type.
pub(crate) trait HostFunc<T>: Send + Sync {
    /// Its Rust type, if it is not of a component's type.
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<Mismatch>;

    /// Makes the core function that a component calls, for all its instances.
    fn lower(self: Arc<Self>, sig: &CoreFuncType, crossing: CallPlan) -> Result<BoundFunc<T, Shared>>;
}

/// How one is called.
pub(crate) trait Call<T>: Send + Sync + 'static {
    /// As [`HostFunc::mismatch`].
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<Mismatch>;

    /// Calls it on the core values of a lowered import.
    fn call(&self, caller: &mut Caller<'_, T>, call: HostCall<'_>, values: &mut [RawValue]) -> Result<()>;
}

impl<T: 'static, C: Call<T>> HostFunc<T> for C {
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<Mismatch> {
        Call::mismatch(self, ty, cx)
    }

    fn lower(self: Arc<Self>, sig: &CoreFuncType, crossing: CallPlan) -> Result<BoundFunc<T, Shared>> {
        bound(sig, move |mut caller, shared, values| {
            let call = crossing.begin(shared, &mut caller)?;
            self.call(&mut caller, call, values)?;
            call.end(&mut caller)
        })
    }
}

/// A core function of the host, for all instances.
pub(crate) fn bound<T: 'static>(
    sig: &CoreFuncType,
    func: impl Fn(Caller<'_, T>, &Arc<Shared>, &mut [RawValue]) -> Result<()> + Send + Sync + 'static,
) -> Result<BoundFunc<T, Shared>> {
    // SAFETY: the signature is what the translation gives to the function, which writes integers or bits of floats as its results, and no references.
    unsafe { BoundFunc::new(sig, func) }
}

/// A function of the host that is a future, whatever its Rust type; see [`crate::async_host`].
pub(crate) trait AsyncHostFunc<T>: Send + Sync {
    /// As [`HostFunc::mismatch`].
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<Mismatch>;

    /// Makes the core function that a component calls.
    fn lower(
        self: Arc<Self>,
        store: &mut StoreMut<'_, T>,
        sig: &CoreFuncType,
        shared: &Arc<Shared>,
        crossing: CallPlan,
    ) -> Result<Func>;
}

/// A call of a lowered import, whoever makes it.
#[derive(Clone, Copy)]
pub(crate) struct HostCall<'a> {
    shared: &'a Arc<Shared>,
    /// The state of `shared`.
    place: StatePlace,
    crossing: &'a CallPlan,
}

impl CallPlan {
    /// A call begins, if the component may call out.
    #[inline]
    pub(crate) fn begin<'a>(&'a self, shared: &'a Arc<Shared>, caller: &mut impl AsStoreMut) -> Result<HostCall<'a>> {
        let place = shared.place(caller)?;
        // SAFETY: the caller has the store, in which the state is.
        let state = unsafe { place.get() };
        state.check_leave(self.instance)?;
        if self.has_borrow {
            state.push_scope();
        }
        Ok(HostCall { shared, place, crossing: self })
    }
}

impl<'a> HostCall<'a> {
    fn func(&self) -> &'a FuncType {
        self.crossing.func(self.shared)
    }

    /// It ends.
    #[inline]
    pub(crate) fn end(&self, caller: &mut impl AsStoreMut) -> Result<()> {
        if self.crossing.has_borrow {
            self.shared.state(caller)?.pop_scope()?;
        }
        Ok(())
    }

    /// What lifts and lowers for it. Here and below, `guest` is the store that the call began in.
    #[inline]
    fn cx<'b>(&'b self, guest: &'b mut (dyn Guest + 'b)) -> Cx<'b> {
        debug_assert!(self.shared.is_in(guest), "a call goes on in another store");
        // SAFETY: that is the store in which the place was found.
        unsafe { Cx::new(guest, self.shared, self.place, self.crossing) }
    }

    /// Runs what lowers the result. The guest may not call out while it allocates for it.
    #[inline]
    fn without_leaving<R>(
        &self,
        guest: &mut dyn Guest,
        view: Option<View>,
        lower: impl FnOnce(&mut Cx<'_>) -> Result<R>,
    ) -> Result<R> {
        let CallPlan { instance, allocates, .. } = *self.crossing;
        let mut cx = self.cx(guest).with_view(view);
        if allocates {
            *cx.state().may_leave(instance) = 0;
        }
        // After a failure nobody calls the instance again.
        let result = lower(&mut cx)?;
        if allocates {
            *cx.state().may_leave(instance) = 1;
        }
        Ok(result)
    }

    /// Parameters of a type that Rust knows.
    #[inline]
    pub(crate) fn lift_typed<P: Lift>(&self, guest: &mut dyn Guest, values: &[RawValue]) -> Result<P> {
        self.lift_in(&mut self.cx(guest), values)
    }

    /// The same, and the view of the memory that was used, for what runs no code before [`HostCall::lower_viewed`].
    #[inline]
    pub(crate) fn lift_viewed<P: Lift>(&self, guest: &mut dyn Guest, values: &[RawValue]) -> Result<(P, Option<View>)> {
        let mut cx = self.cx(guest);
        let params = self.lift_in(&mut cx, values)?;
        Ok((params, cx.into_view()))
    }

    #[inline]
    fn lift_in<P: Lift>(&self, cx: &mut Cx<'_>, values: &[RawValue]) -> Result<P> {
        let ty = type_of::<P>(|| Type::Def(self.func().params));
        let mut src = Flat::new(values);
        if P::FLAT <= FLAT_PARAMS_MAX {
            return P::lift(cx, ty, &mut src);
        }
        let at = src.u32()?;
        cx.check_place(at, P::SIZE, P::ALIGN)?;
        P::load(cx, ty, at)
    }

    /// A result of a type that Rust knows.
    #[inline]
    pub(crate) fn lower_typed<P: Lift, R: Lower>(
        &self,
        guest: &mut dyn Guest,
        values: &mut [RawValue],
        result: &R,
    ) -> Result<()> {
        self.lower_viewed::<P, R>(guest, None, values, result)
    }

    /// The same with a view of the memory, where no code has run since it was made.
    #[inline]
    pub(crate) fn lower_viewed<P: Lift, R: Lower>(
        &self,
        guest: &mut dyn Guest,
        view: Option<View>,
        values: &mut [RawValue],
        result: &R,
    ) -> Result<()> {
        let ty = type_of::<R>(|| self.func().result.unwrap_or(Type::Bool));
        match R::FLAT {
            0 => Ok(()),
            // What is one value is in no memory.
            1 => result.lower(&mut self.cx(guest), ty, &mut FlatOut::new(values)),
            _ => {
                let at = Flat::new(&values[param_values::<P>()..]).u32()?;
                self.without_leaving(guest, view, |cx| {
                    cx.check_place(at, R::SIZE, R::ALIGN)?;
                    result.store(cx, ty, at)
                })
            }
        }
    }

    /// Parameters as untyped values.
    pub(crate) fn lift_vals(&self, guest: &mut dyn Guest, values: &[RawValue]) -> Result<Vec<Val>> {
        let func = self.func();
        let ty = Type::Def(func.params);
        let mut cx = self.cx(guest);
        let mut src = Flat::new(values);
        let params = if func.flat_params.is_some() {
            cx.lift_val(ty, &mut src)?
        } else {
            let at = src.u32()?;
            let (size, align) = cx.types().layout(ty);
            cx.check_place(at, size, align)?;
            cx.load_val(ty, at)?
        };
        match params {
            Val::Tuple(params) => Ok(params),
            _ => Err(ComponentTypeError::Parameters.into()),
        }
    }

    /// A result that is an untyped value, or that there is none.
    pub(crate) fn lower_val(&self, guest: &mut dyn Guest, values: &mut [RawValue], result: Option<Val>) -> Result<()> {
        let func = self.func();
        let (ty, result) = match (func.result, result) {
            (None, None) => return Ok(()),
            (Some(ty), Some(result)) => (ty, result),
            (_, result) => {
                let result = result.as_ref().map_or_else(|| "nothing".to_owned(), shown);
                return Err(ComponentTypeError::HostResult { result, wit: self.crossing.wit(self.shared) }.into());
            }
        };
        let lowered = self.without_leaving(guest, None, |cx| {
            if cx.types().flat(ty) == Some(1) {
                return cx.lower_val(ty, &result, &mut FlatOut::new(values));
            }
            let at = Flat::new(&values[func.flat_params.map_or(1, usize::from)..]).u32()?;
            let (size, align) = cx.types().layout(ty);
            cx.check_place(at, size, align)?;
            cx.store_val(ty, &result, at)
        });
        let look = || misfit(&self.shared.info, "result", ty, &result);
        lowered.map_err(|error| located(error, look))
    }
}

/// How many core values parameters of a type are.
pub(crate) const fn param_values<P: ComponentType>() -> usize {
    if P::FLAT <= FLAT_PARAMS_MAX { P::FLAT } else { 1 }
}

/// The component's type, for what looks at it.
#[inline]
pub(crate) fn type_of<T: ComponentType>(ty: impl FnOnce() -> Type) -> Type {
    if T::HANDLES { ty() } else { Type::Bool }
}

/// A closure whose types Rust knows.
pub(crate) struct Typed<F, P, R> {
    pub(crate) func: F,
    types: PhantomData<fn(P) -> R>,
}

impl<F, P, R> Typed<F, P, R> {
    pub(crate) fn new(func: F) -> Self {
        Self { func, types: PhantomData }
    }
}

/// A Rust type that is not a function's.
pub(crate) struct Mismatch {
    pub(crate) rust: String,
    pub(crate) hint: Hint,
}

/// The Rust type, if a function does not fit.
pub(crate) fn typed_mismatch<P: ComponentType, R: ComponentType>(
    ty: &FuncType,
    cx: &TypeContext<'_>,
) -> Option<Mismatch> {
    let params = Type::Def(ty.params);
    let fits = P::matches(params, cx)
        && R::matches_optional(ty.result, cx)
        && is_laid_out::<P>(params, cx)
        && ty.result.is_none_or(|result| is_laid_out::<R>(result, cx));
    (!fits).then(|| {
        let (params, result) = (rust_name::<P>(), rust_name::<R>());
        let hint = hint(&params, &result, ty, cx);
        Mismatch { rust: format!("`{params} -> {result}`"), hint }
    })
}

/// What is often meant. A Rust type has no shape here but its name.
#[cold]
fn hint(params: &str, result: &str, ty: &FuncType, cx: &TypeContext<'_>) -> Hint {
    let is_tuple_of_one = ty
        .result
        .and_then(|result| cx.def(result))
        .is_some_and(|def| matches!(&def.kind, DefKind::Tuple(types) if types.len() == 1));
    let names_host = [params, result]
        .iter()
        .any(|name| name.split(|char: char| !char.is_alphanumeric()).any(|word| ["Own", "Borrow"].contains(&word)));
    if !params.starts_with('(') {
        Hint::ParamsAreTuple
    } else if result.ends_with(",)") && !is_tuple_of_one {
        Hint::ResultIsNoTuple
    } else if names_host
        && (cx.has_guest_handle(Type::Def(ty.params)) || ty.result.is_some_and(|ty| cx.has_guest_handle(ty)))
    {
        Hint::GuestResource
    } else {
        Hint::None
    }
}

/// Whether the layout of a Rust type is that of the component's: calls rely on it.
fn is_laid_out<T: ComponentType>(ty: Type, cx: &TypeContext<'_>) -> bool {
    let flat = (T::FLAT <= FLAT_PARAMS_MAX).then_some(T::FLAT);
    cx.types.flat(ty).map(usize::from) == flat && cx.types.layout(ty) == (T::SIZE, T::ALIGN)
}

impl<T, F, P, R> Call<T> for Typed<F, P, R>
where
    T: 'static,
    F: Fn(&mut Caller<'_, T>, P) -> Result<R> + Send + Sync + 'static,
    P: Lift + 'static,
    R: Lower + 'static,
{
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<Mismatch> {
        typed_mismatch::<P, R>(ty, cx)
    }

    #[inline]
    fn call(&self, caller: &mut Caller<'_, T>, call: HostCall<'_>, values: &mut [RawValue]) -> Result<()> {
        let params = call.lift_typed(caller, values)?;
        let result = (self.func)(caller, params)?;
        call.lower_typed::<P, R>(caller, values, &result)
    }
}

/// A closure on untyped values.
pub(crate) struct Dynamic<F>(pub(crate) F);

impl<T, F> Call<T> for Dynamic<F>
where
    T: 'static,
    F: Fn(&mut Caller<'_, T>, &[Val]) -> Result<Option<Val>> + Send + Sync + 'static,
{
    fn mismatch(&self, _: &FuncType, _: &TypeContext<'_>) -> Option<Mismatch> {
        None
    }

    fn call(&self, caller: &mut Caller<'_, T>, call: HostCall<'_>, values: &mut [RawValue]) -> Result<()> {
        let params = call.lift_vals(caller, values)?;
        let result = (self.0)(caller, &params)?;
        call.lower_val(caller, values, result)
    }
}
