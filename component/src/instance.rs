//! Instances of components, and their functions.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use wasmer_api::{AsStoreMut, Func, RawValue, Result};
use wasmer_component_translate::info::{
    ComponentInfo, CoreDef, Export, ExportKind, FuncIdx, FuncType, OptionsIdx, Type,
};
use wasmer_component_translate::names::track;
use wasmer_component_translate::wit::Printer;

use crate::cx::{CallPlan, Cx, FLAT_PARAMS_MAX, Flat, FlatOut, Values, zeroed};
use crate::error::AbiTrap;
use crate::fits::{located, misfit_in_call};
use crate::host::{Mismatch, param_values, type_of, typed_mismatch};
use crate::instantiate::{core_export, numeric};
use crate::mismatch::{ComponentLinkError, ComponentTypeError};
use crate::state::{Shared, StatePlace};
use crate::typed::{Lift, Lower, TypeContext};
use crate::val::{Places, Val};
use crate::wave::Reader;

/// An instance of a component, in a store. Cheap to clone.
#[derive(Clone)]
pub struct ComponentInstance {
    shared: Arc<Shared>,
}

impl fmt::Debug for ComponentInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComponentInstance").finish_non_exhaustive()
    }
}

/// A function that a component exports.
#[derive(Clone)]
pub struct ComponentFunc {
    shared: Arc<Shared>,
    func: Func,
    ty: FuncIdx,
    crossing: CallPlan,
    post_return: Option<Func>,
}

/// A function that a component exports, with types that Rust knows.
pub struct TypedComponentFunc<P, R> {
    func: ComponentFunc,
    types: PhantomData<fn(P) -> R>,
}

impl ComponentInstance {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The exported function of a name: of the root by its name alone, of an interface by `interface#function`, for instance
    /// `wasi:cli/run@0.2.0#run`. Any compatible version of the interface will do.
    pub fn func(&self, store: &mut impl AsStoreMut, name: &str) -> Result<ComponentFunc> {
        let path: Vec<&str> = name.split('#').collect();
        let export =
            find(&self.shared.info, &path).ok_or_else(|| ComponentLinkError::NoFunction { name: name.to_owned() })?;
        match &export.kind {
            ExportKind::Func { ty, func, options } => self.lifted(store, *ty, *func, *options),
            _ => Err(ComponentLinkError::NotAFunction { name: name.to_owned() }.into()),
        }
    }

    fn lifted(
        &self,
        store: &mut impl AsStoreMut,
        ty: FuncIdx,
        func: CoreDef,
        options: OptionsIdx,
    ) -> Result<ComponentFunc> {
        let func = core_export(&self.shared, store, func)?;
        let types = &self.shared.info.types;
        let (params, results) = types.lifted(types.func(ty));
        let func = numeric(store, func, params, results)?;
        let crossing = CallPlan::new(&self.shared.info, ty, options);
        let post_return = crossing.options(&self.shared).post_return;
        let post_return = match post_return {
            Some(index) => self.shared.state(store)?.post_returns[index.index()],
            None => None,
        };
        if let Some(post_return) = post_return {
            numeric(store, post_return.into(), results, 0)?;
        }
        Ok(ComponentFunc { shared: Arc::clone(&self.shared), func, ty, crossing, post_return })
    }

    /// The exported function of a name, with types that Rust knows.
    pub fn typed_func<P: Lower, R: Lift>(
        &self,
        store: &mut impl AsStoreMut,
        name: &str,
    ) -> Result<TypedComponentFunc<P, R>> {
        Ok(TypedComponentFunc { func: self.func_of::<P, R>(store, name)?, types: PhantomData })
    }

    /// The exported function of a name, which is of these types.
    pub(crate) fn func_of<P: Lower, R: Lift>(&self, store: &mut impl AsStoreMut, name: &str) -> Result<ComponentFunc> {
        let func = self.func(store, name)?;
        let cx = TypeContext { types: &self.shared.info.types, resources: &self.shared.resources };
        if let Some(Mismatch { rust, hint }) = typed_mismatch::<P, R>(func.func_type(), &cx) {
            let (name, wit) = (name.to_owned(), func.wit());
            return Err(ComponentTypeError::Export { name, rust, wit, hint }.into());
        }
        Ok(func)
    }

    /// Whether a call into it has failed or is under way, so that it cannot be entered ([`AbiTrap::CannotEnter`]).
    pub fn is_closed(&self, store: &mut impl AsStoreMut) -> Result<bool> {
        Ok(self.shared.state(store)?.busy)
    }

    /// The names of all exported functions, as [`ComponentInstance::func`] takes them.
    pub fn funcs(&self) -> impl Iterator<Item = String> + '_ {
        let funcs = self.shared.info.exports.iter().filter(|export| matches!(export.kind, ExportKind::Func { .. }));
        funcs.map(|export| export.path.join("#"))
    }
}

/// What is exported by a path: by that very one, or by one of compatible versions.
pub(crate) fn find<'a>(info: &'a ComponentInfo, path: &[&str]) -> Option<&'a Export> {
    let exact = info.exports.iter().find(|export| export.path == path);
    exact.or_else(|| {
        let same = |a: &str, b: &str| a == b || track(a).is_some_and(|a| track(b).is_some_and(|b| a.0 == b.0));
        let fits =
            |export: &&Export| export.path.len() == path.len() && export.path.iter().zip(path).all(|(a, b)| same(a, b));
        info.exports.iter().find(fits)
    })
}

impl ComponentFunc {
    fn func_type(&self) -> &FuncType {
        self.shared.info.types.func(self.ty)
    }

    /// Its type in WIT: `func(a: u32) -> string`.
    pub fn wit(&self) -> String {
        Printer::new(&self.shared.info).func(self.ty)
    }

    /// The values that words stand for in the notation WAVE, one for each parameter. A word that is a string or a character as a whole needs no quotes.
    ///
    /// # Errors
    /// [`Error::Type`](wasmer_api::Error::Type) if there are not as many, a word is no value of its parameter's type, or a parameter has a resource in it.
    pub fn parse_args<'w>(&self, words: impl ExactSizeIterator<Item = &'w str>) -> Result<Vec<Val>> {
        let types = self.shared.info.types.params(self.func_type());
        if words.len() != types.len() {
            let (wit, given) = (self.wit(), words.len());
            return Err(ComponentTypeError::Arity { given, wit }.into());
        }
        words.zip(types).map(|(word, ty)| Reader::new(&self.shared.info, word).word(*ty)).collect()
    }

    /// The arguments of a call that is written in the notation WAVE: `name(1, "two", {three: 3})`. The name is not looked at; options may be left out in the end.
    ///
    /// ```
    /// # fn pay(func: &wasmer_component::ComponentFunc, store: &mut wasmer_api::Store<()>) -> wasmer_api::Result<()> {
    /// let args = func.parse_call(r#"pay({to: "Ada", amount: some(12), tags: [gift, %none]})"#)?;
    /// if let Some(result) = func.call(store, &args)? {
    ///     println!("{result}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As of [`ComponentFunc::parse_args`].
    pub fn parse_call(&self, text: &str) -> Result<Vec<Val>> {
        Reader::new(&self.shared.info, text).call(self.shared.info.types.params(self.func_type()))
    }

    /// How many parameters it has.
    pub fn param_count(&self) -> usize {
        self.func_type().names.len()
    }

    /// Calls the function with untyped values.
    ///
    /// # Errors
    /// [`Error::Type`](wasmer_api::Error::Type) if a value does not fit. What the guest allocated for others before stays allocated; if it was given handles, too, the
    /// instance cannot be entered again.
    pub fn call(&self, store: &mut impl AsStoreMut, params: &[Val]) -> Result<Option<Val>> {
        let mut values = Values::uninit();
        let values = zeroed(&mut values, self.value_count());
        let place = self.begin_untyped(store, params, values)?;
        // SAFETY: there are as many values as the function takes, which was looked at when it was asked for.
        unsafe { self.func.call_raw(store, values) }?;
        self.end_untyped(store, place, values)
    }

    /// The same, and waits where the component calls functions of the host that are futures; see [`TypedComponentFunc::call_async`].
    ///
    /// # Errors
    /// As of [`ComponentFunc::call`].
    pub async fn call_async(&self, store: &mut impl AsStoreMut, params: &[Val]) -> Result<Option<Val>> {
        let mut values = Values::uninit();
        let values = zeroed(&mut values, self.value_count());
        let place = self.begin_untyped(store, params, values)?;
        // SAFETY: as for `call`.
        unsafe { self.func.call_raw_async(store, values) }.await?;
        self.end_untyped(store, place, values)
    }

    /// How many core values the parameters are.
    fn value_count(&self) -> usize {
        self.func_type().flat_params.map_or(1, usize::from)
    }

    fn begin_untyped(
        &self,
        store: &mut impl AsStoreMut,
        params: &[Val],
        values: &mut [RawValue],
    ) -> Result<StatePlace> {
        if params.len() != self.param_count() {
            let (wit, given) = (self.wit(), params.len());
            return Err(ComponentTypeError::Arity { given, wit }.into());
        }
        let func = self.func_type();
        let types = self.shared.info.types.params(func);
        let begun = self.begin(store, |cx| {
            let mut params = types.iter().zip(params);
            let mut dst = FlatOut::new(values);
            if func.flat_params.is_some() {
                return params.try_for_each(|(ty, val)| cx.lower_val(*ty, val, &mut dst));
            }
            let (size, align) = cx.types().layout(Type::Def(func.params));
            let at = cx.realloc(0, 0, align, size)?;
            dst.push(u64::from(at));
            let mut places = Places::new(at);
            params.try_for_each(|(ty, val)| {
                let at = places.next(cx.types().layout(*ty));
                cx.store_val(*ty, val, at)
            })
        });
        begun.map_err(|error| located(error, || misfit_in_call(&self.shared.info, func, params)))
    }

    fn end_untyped(
        &self,
        store: &mut impl AsStoreMut,
        place: StatePlace,
        values: &mut [RawValue],
    ) -> Result<Option<Val>> {
        let Some(ty) = self.func_type().result else { return self.end(store, place, values, |_, _| Ok(None)) };
        self.end(store, place, values, |cx, src| {
            if cx.types().flat(ty).is_some_and(|count| count <= 1) {
                return cx.lift_val(ty, src).map(Some);
            }
            let at = src.u32()?;
            let (size, align) = cx.types().layout(ty);
            cx.check_place(at, size, align)?;
            cx.load_val(ty, at).map(Some)
        })
    }

    /// Calls the function, which [`ComponentInstance::func_of`] found to be of these types.
    ///
    /// Never as a part of its caller: there the result would be put together in several places and copied, which waits for what was written.
    #[inline(never)]
    pub(crate) fn call_of<P: Lower, R: Lift>(&self, store: &mut impl AsStoreMut, params: &P) -> Result<R> {
        let mut values = Values::uninit();
        let values = zeroed(&mut values, param_values::<P>());
        let place = self.begin_typed(store, params, values)?;
        // SAFETY: there are as many values as the function takes: its type was compared.
        unsafe { self.func.call_raw(store, values) }?;
        self.end_typed(store, place, values)
    }

    /// The same, and waits.
    pub(crate) async fn call_of_async<P: Lower, R: Lift>(&self, store: &mut impl AsStoreMut, params: &P) -> Result<R> {
        let mut values = Values::uninit();
        let values = zeroed(&mut values, param_values::<P>());
        let place = self.begin_typed(store, params, values)?;
        // SAFETY: as for `call_of`.
        unsafe { self.func.call_raw_async(store, values) }.await?;
        self.end_typed(store, place, values)
    }

    #[inline(always)]
    fn begin_typed<P: Lower>(
        &self,
        store: &mut impl AsStoreMut,
        params: &P,
        values: &mut [RawValue],
    ) -> Result<StatePlace> {
        let ty = type_of::<P>(|| Type::Def(self.func_type().params));
        self.begin(store, |cx| {
            if P::FLAT <= FLAT_PARAMS_MAX {
                return params.lower(cx, ty, &mut FlatOut::new(values));
            }
            let at = cx.realloc(0, 0, P::ALIGN, P::SIZE)?;
            FlatOut::new(values).push(u64::from(at));
            params.store(cx, ty, at)
        })
    }

    #[inline]
    fn end_typed<R: Lift>(&self, store: &mut impl AsStoreMut, place: StatePlace, values: &mut [RawValue]) -> Result<R> {
        // A type that is not looked at where there is no result.
        let ty = type_of::<R>(|| self.func_type().result.unwrap_or(Type::Bool));
        self.end(store, place, values, |cx, src| {
            if R::FLAT <= 1 {
                return R::lift(cx, ty, src);
            }
            let at = src.u32()?;
            cx.check_place(at, R::SIZE, R::ALIGN)?;
            R::load(cx, ty, at)
        })
    }

    /// A call begins: `lower` writes the values for the core function. From now on the instance cannot be entered, unless [`ComponentFunc::end`] succeeds.
    /// If it is the host's mistake that they cannot be lowered, nothing has begun.
    #[inline]
    fn begin<S: AsStoreMut>(&self, store: &mut S, lower: impl FnOnce(&mut Cx<'_>) -> Result<()>) -> Result<StatePlace> {
        let (shared, CallPlan { instance, has_borrow, allocates, .. }) = (&self.shared, self.crossing);
        let place = shared.place(store)?;
        // SAFETY: this has the store, in which the state is.
        let state = unsafe { place.get() };
        if state.busy {
            return Err(AbiTrap::CannotEnter.into());
        }
        state.busy = true;
        if has_borrow {
            state.push_scope();
        }
        if allocates {
            *state.may_leave(instance) = 0;
        }
        // SAFETY: as above.
        let mut cx = unsafe { Cx::new(store, shared, place, &self.crossing) };
        if let Err(error) = lower(&mut cx) {
            let is_done = cx.is_done;
            return self.take_back(store, is_done).and(Err(error));
        }
        if allocates {
            *cx.state().may_leave(instance) = 1;
        }
        Ok(place)
    }

    /// A call that has not begun, unless the guest has something of it already.
    #[cold]
    fn take_back(&self, store: &mut impl AsStoreMut, is_done: bool) -> Result<()> {
        if is_done {
            return Ok(());
        }
        let CallPlan { instance, has_borrow, .. } = self.crossing;
        let state = self.shared.state(store)?;
        if has_borrow {
            state.pop_scope()?;
        }
        *state.may_leave(instance) = 1;
        state.busy = false;
        Ok(())
    }

    /// It ends, in the store that it began in: what the core function left is its result.
    #[inline]
    fn end<S: AsStoreMut, R>(
        &self,
        store: &mut S,
        place: StatePlace,
        values: &mut [RawValue],
        lift: impl FnOnce(&mut Cx<'_>, &mut Flat<'_>) -> Result<R>,
    ) -> Result<R> {
        let shared = &self.shared;
        debug_assert!(shared.is_in(store), "a call ends in another store");
        // The result has one place; what is called after it gets that as it is.
        let values = &mut values[..1];
        // SAFETY: the place was found in this store.
        let mut cx = unsafe { Cx::new(store, shared, place, &self.crossing) };
        let result = lift(&mut cx, &mut Flat::new(values))?;
        if self.crossing.has_borrow {
            cx.state().pop_scope()?;
        }
        if let Some(post_return) = self.post_return {
            // SAFETY: it takes the results of the core function, and has none.
            let call = |store: &mut S| unsafe { post_return.call_raw(store, values) };
            shared.without_leaving(store, self.crossing.instance, call)?;
        }
        // SAFETY: as above.
        unsafe { place.get() }.busy = false;
        Ok(result)
    }
}

impl<P: Lower, R: Lift> TypedComponentFunc<P, R> {
    /// Calls the function.
    #[inline]
    pub fn call(&self, store: &mut impl AsStoreMut, params: P) -> Result<R> {
        self.func.call_of(store, &params)
    }

    /// Calls the function, and waits where the component calls functions of the host that are futures
    /// ([`LinkerInstance::func_wrap_async`](crate::LinkerInstance::func_wrap_async)).
    ///
    /// The component runs on the thread that polls, until it waits: then it is parked, and the future is pending, under any executor. The future can be sent to
    /// other threads if the store's data and the parameters can.
    ///
    /// Dropping it ends the call: what the component waits for is dropped, and no operator of it runs any more. It was interrupted in the middle of something, so the
    /// instance is closed, as after a trap ([`ComponentInstance::is_closed`]); other instances of the store are not.
    ///
    /// What cannot wait: functions that allocate, `post-return` functions and destructors.
    ///
    /// ```
    /// use wasmer_api::{Result, Store};
    /// use wasmer_component::ComponentInstance;
    ///
    /// async fn total(store: &mut Store<u64>, shop: &ComponentInstance, items: &[u32]) -> Result<Vec<String>> {
    ///     let total = shop.typed_func::<(&[u32],), Vec<String>>(store, "example:shop/till@1.0.0#total")?;
    ///     total.call_async(store, (items,)).await
    /// }
    /// ```
    pub async fn call_async(&self, store: &mut impl AsStoreMut, params: P) -> Result<R> {
        self.func.call_of_async(store, &params).await
    }

    /// The untyped function.
    pub fn func(&self) -> &ComponentFunc {
        &self.func
    }
}
