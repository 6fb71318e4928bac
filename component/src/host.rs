//! Functions of the host that a component calls.

use std::marker::PhantomData;
use std::sync::Arc;

use wasmer_api::{AsStoreMut, Caller, Func, RawValue, Result, StoreMut};
use wasmer_component_translate::info::{FuncIdx, FuncType, OptionsIdx, Type};
use wasmer_runtime_core::types::FuncType as CoreFuncType;

use crate::cx::{Abi, Cx, Flat, FlatOut};
use crate::guest::Guest;
use crate::mismatch::ComponentTypeError;
use crate::state::Shared;
use crate::typed::{ComponentType, Lift, Lower, TypeContext, rust_name};
use crate::val::Val;

/// A function of the host, whatever its Rust type.
pub(crate) trait HostFunc<T>: Send + Sync {
    /// Its Rust type, if it is not of a component's type.
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<String>;

    /// Calls it on the core values of a lowered import.
    fn call(&self, caller: &mut Caller<'_, T>, call: HostCall<'_>, values: &mut [RawValue]) -> Result<()>;
}

/// A function of the host that is a future, whatever its Rust type; see [`crate::async_host`].
pub(crate) trait AsyncHostFunc<T>: Send + Sync {
    /// As [`HostFunc::mismatch`].
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<String>;

    /// Makes the core function that a component calls.
    fn lower(
        self: Arc<Self>,
        store: &mut StoreMut<'_, T>,
        sig: &CoreFuncType,
        shared: &Arc<Shared>,
        lowering: Lowering,
    ) -> Result<Func>;
}

/// A call of a lowered import, whoever makes it.
#[derive(Clone, Copy)]
pub(crate) struct HostCall<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) abi: Abi,
    pub(crate) ty: FuncIdx,
}

/// The most core values that parameters are passed as.
pub(crate) const FLAT_PARAMS_MAX: usize = 16;

/// An import that a component lowers: what its trampoline knows besides the function.
#[derive(Clone, Copy)]
pub(crate) struct Lowering {
    pub(crate) ty: FuncIdx,
    pub(crate) options: OptionsIdx,
}

impl Lowering {
    /// Where the component calls a function.
    pub(crate) fn enter<T: 'static>(
        self,
        shared: &Arc<Shared>,
        func: &dyn HostFunc<T>,
        mut caller: Caller<'_, T>,
        values: &mut [RawValue],
    ) -> Result<()> {
        let call = self.begin(shared, &mut caller)?;
        func.call(&mut caller, call, values)?;
        self.end(shared, &mut caller)
    }

    /// A call begins, if the component may call out.
    pub(crate) fn begin<'a>(self, shared: &'a Arc<Shared>, caller: &mut impl AsStoreMut) -> Result<HostCall<'a>> {
        let abi = Abi::new(shared, caller, self.options)?;
        shared.may_leave(caller, abi.instance)?;
        let call = HostCall { shared, abi, ty: self.ty };
        if call.func().has_borrow {
            shared.state(caller)?.push_scope();
        }
        Ok(call)
    }

    /// It ends.
    pub(crate) fn end(self, shared: &Shared, caller: &mut impl AsStoreMut) -> Result<()> {
        if shared.info.types.func(self.ty).has_borrow {
            shared.state(caller)?.pop_scope()?;
        }
        Ok(())
    }
}

impl<'a> HostCall<'a> {
    fn func(&self) -> &'a FuncType {
        self.shared.info.types.func(self.ty)
    }

    /// How many core values the parameters are.
    fn param_values(&self) -> usize {
        self.func().flat_params.map_or(1, usize::from)
    }

    /// Parameters.
    fn lift<R>(
        &self,
        guest: &mut dyn Guest,
        values: &[RawValue],
        flat: impl FnOnce(&mut Cx<'_>, &mut Flat<'_>) -> Result<R>,
        memory: impl FnOnce(&mut Cx<'_>, u32) -> Result<R>,
    ) -> Result<R> {
        let func = self.func();
        let mut cx = Cx::new(guest, self.shared, self.abi);
        let mut src = Flat::new(values);
        if func.flat_params.is_some() {
            return flat(&mut cx, &mut src);
        }
        let at = src.u32()?;
        let (size, align) = cx.types().layout(Type::Def(func.params));
        cx.check_place(at, size, align)?;
        memory(&mut cx, at)
    }

    /// The result. The guest may not call out while it allocates for it.
    fn lower(
        &self,
        guest: &mut dyn Guest,
        values: &mut [RawValue],
        flat: impl FnOnce(&mut Cx<'_>, Type, &mut FlatOut) -> Result<()>,
        memory: impl FnOnce(&mut Cx<'_>, Type, u32) -> Result<()>,
    ) -> Result<()> {
        let Some(ty) = self.func().result else { return Ok(()) };
        let flag = self.shared.state_of(guest)?.flags[self.abi.instance.index()];
        guest.set(flag, 0)?;
        let mut cx = Cx::new(guest, self.shared, self.abi);
        if cx.types().flat(ty) == Some(1) {
            let mut out = FlatOut::default();
            flat(&mut cx, ty, &mut out)?;
            values[0] = out.0[0];
        } else {
            let at = Flat::new(&values[self.param_values()..]).u32()?;
            let (size, align) = cx.types().layout(ty);
            cx.check_place(at, size, align)?;
            memory(&mut cx, ty, at)?;
        }
        // After a failure nobody calls the instance again.
        guest.set(flag, 1)
    }

    /// Parameters of a type that Rust knows.
    pub(crate) fn lift_typed<P: Lift>(&self, guest: &mut dyn Guest, values: &[RawValue]) -> Result<P> {
        let ty = Type::Def(self.func().params);
        self.lift(guest, values, |cx, src| P::lift(cx, ty, src), |cx, at| P::load(cx, ty, at))
    }

    /// A result of a type that Rust knows.
    pub(crate) fn lower_typed<R: Lower>(
        &self,
        guest: &mut dyn Guest,
        values: &mut [RawValue],
        result: &R,
    ) -> Result<()> {
        self.lower(guest, values, |cx, ty, dst| result.lower(cx, ty, dst), |cx, ty, at| result.store(cx, ty, at))
    }
}

impl HostCall<'_> {
    /// Parameters as untyped values.
    pub(crate) fn lift_vals(&self, guest: &mut dyn Guest, values: &[RawValue]) -> Result<Vec<Val>> {
        let ty = Type::Def(self.func().params);
        match self.lift(guest, values, |cx, src| cx.lift_val(ty, src), |cx, at| cx.load_val(ty, at))? {
            Val::Tuple(params) => Ok(params),
            _ => Err(ComponentTypeError::Parameters.into()),
        }
    }

    /// A result that is an untyped value, or that there is none.
    pub(crate) fn lower_val(&self, guest: &mut dyn Guest, values: &mut [RawValue], result: Option<Val>) -> Result<()> {
        let wanted = self.func().result.is_some();
        let result = match (wanted, result) {
            (false, None) => return Ok(()),
            (true, Some(result)) => result,
            (_, result) => return Err(ComponentTypeError::HostResult { result: format!("{result:?}") }.into()),
        };
        self.lower(
            guest,
            values,
            |cx, ty, dst| cx.lower_val(ty, &result, dst),
            |cx, ty, at| cx.store_val(ty, &result, at),
        )
    }
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

/// The Rust type, if a function does not fit.
pub(crate) fn typed_mismatch<P: ComponentType, R: ComponentType>(
    ty: &FuncType,
    cx: &TypeContext<'_>,
) -> Option<String> {
    let fits = P::matches(Type::Def(ty.params), cx) && R::matches_optional(ty.result, cx);
    (!fits).then(|| format!("`{} -> {}`", rust_name::<P>(), rust_name::<R>()))
}

impl<T, F, P, R> HostFunc<T> for Typed<F, P, R>
where
    T: 'static,
    F: Fn(&mut Caller<'_, T>, P) -> Result<R> + Send + Sync,
    P: Lift,
    R: Lower,
{
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<String> {
        typed_mismatch::<P, R>(ty, cx)
    }

    fn call(&self, caller: &mut Caller<'_, T>, call: HostCall<'_>, values: &mut [RawValue]) -> Result<()> {
        let params = call.lift_typed(caller, values)?;
        let result = (self.func)(caller, params)?;
        call.lower_typed(caller, values, &result)
    }
}

/// A closure on untyped values.
pub(crate) struct Dynamic<F>(pub(crate) F);

impl<T, F> HostFunc<T> for Dynamic<F>
where
    T: 'static,
    F: Fn(&mut Caller<'_, T>, &[Val]) -> Result<Option<Val>> + Send + Sync,
{
    fn mismatch(&self, _: &FuncType, _: &TypeContext<'_>) -> Option<String> {
        None
    }

    fn call(&self, caller: &mut Caller<'_, T>, call: HostCall<'_>, values: &mut [RawValue]) -> Result<()> {
        let params = call.lift_vals(caller, values)?;
        let result = (self.0)(caller, &params)?;
        call.lower_val(caller, values, result)
    }
}

/// Whether a store's call may begin, which is then under way.
pub(crate) fn enter(shared: &Shared, store: &mut impl AsStoreMut) -> Result<()> {
    let state = shared.state(store)?;
    if state.busy {
        return Err(crate::error::AbiTrap::CannotEnter.into());
    }
    state.busy = true;
    Ok(())
}
