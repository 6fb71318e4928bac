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

use crate::cx::{Abi, Cx, Flat, FlatOut};
use crate::host::{FLAT_PARAMS_MAX, enter, typed_mismatch};
use crate::instantiate::{core_export, numeric};
use crate::mismatch::{ComponentLinkError, ComponentTypeError};
use crate::state::Shared;
use crate::typed::{Lift, Lower, TypeContext};
use crate::val::Val;
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
    abi: Abi,
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
        let abi = Abi::new(&self.shared, store, options)?;
        if let Some(post_return) = abi.post_return {
            numeric(store, post_return.into(), results, 0)?;
        }
        Ok(ComponentFunc { shared: Arc::clone(&self.shared), func, ty, abi })
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
        if let Some(rust) = typed_mismatch::<P, R>(func.func_type(), &cx) {
            let (name, wit) = (name.to_owned(), func.wit());
            return Err(ComponentTypeError::Export { name, rust, wit }.into());
        }
        Ok(func)
    }

    /// Whether a call into it has failed or is under way, so that it cannot be entered ([`AbiTrap::CannotEnter`](crate::AbiTrap::CannotEnter)).
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
    /// [`Error::Type`](wasmer_api::Error::Type) if a value does not fit; then the instance cannot be entered again, for the guest may have allocated for others.
    pub fn call(&self, store: &mut impl AsStoreMut, params: &[Val]) -> Result<Option<Val>> {
        let mut values = self.begin_untyped(store, params)?;
        // SAFETY: see `begin`.
        unsafe { self.func.call_raw(store, &mut values.0) }?;
        self.end_untyped(store, values)
    }

    /// The same, and waits where the component calls functions of the host that are futures; see [`TypedComponentFunc::call_async`].
    ///
    /// # Errors
    /// As of [`ComponentFunc::call`].
    pub async fn call_async(&self, store: &mut impl AsStoreMut, params: &[Val]) -> Result<Option<Val>> {
        let mut values = self.begin_untyped(store, params)?;
        // SAFETY: see `begin`.
        unsafe { self.func.call_raw_async(store, &mut values.0) }.await?;
        self.end_untyped(store, values)
    }

    fn begin_untyped(&self, store: &mut impl AsStoreMut, params: &[Val]) -> Result<FlatOut> {
        if params.len() != self.param_count() {
            let (wit, given) = (self.wit(), params.len());
            return Err(ComponentTypeError::Arity { given, wit }.into());
        }
        let ty = Type::Def(self.func_type().params);
        let params = Val::Tuple(params.to_vec());
        self.begin(store, |cx, dst| cx.lower_val(ty, &params, dst), |cx, at| cx.store_val(ty, &params, at))
    }

    fn end_untyped(&self, store: &mut impl AsStoreMut, values: FlatOut) -> Result<Option<Val>> {
        let result = self.func_type().result;
        self.end(
            store,
            values,
            |cx, src| result.map(|ty| cx.lift_val(ty, src)).transpose(),
            |cx, at| result.map(|ty| cx.load_val(ty, at)).transpose(),
        )
    }

    /// Calls the function, which [`ComponentInstance::func_of`] found to be of these types.
    pub(crate) fn call_of<P: Lower, R: Lift>(&self, store: &mut impl AsStoreMut, params: &P) -> Result<R> {
        let mut values = self.begin_typed(store, params)?;
        // SAFETY: see `begin`.
        unsafe { self.func.call_raw(store, &mut values.0) }?;
        self.end_typed(store, values)
    }

    fn begin_typed<P: Lower>(&self, store: &mut impl AsStoreMut, params: &P) -> Result<FlatOut> {
        let ty = Type::Def(self.func_type().params);
        self.begin(store, |cx, dst| params.lower(cx, ty, dst), |cx, at| params.store(cx, ty, at))
    }

    fn end_typed<R: Lift>(&self, store: &mut impl AsStoreMut, values: FlatOut) -> Result<R> {
        // A type that is not looked at where there is no result.
        let result = self.func_type().result.unwrap_or(Type::Bool);
        self.end(store, values, |cx, src| R::lift(cx, result, src), |cx, at| R::load(cx, result, at))
    }

    /// A call begins: the values for the core function, which are as many as it takes, with room for its result. From now on the instance cannot be entered, unless
    /// [`ComponentFunc::end`] succeeds.
    fn begin<S: AsStoreMut>(
        &self,
        store: &mut S,
        lower: impl FnOnce(&mut Cx<'_>, &mut FlatOut) -> Result<()>,
        write: impl FnOnce(&mut Cx<'_>, u32) -> Result<()>,
    ) -> Result<FlatOut> {
        let (shared, abi) = (&self.shared, self.abi);
        enter(shared, store)?;
        if self.func_type().has_borrow {
            shared.state(store)?.push_scope();
        }
        let mut values = shared.without_leaving(store, abi.instance, |store| self.lower_params(store, lower, write))?;
        // The result has one place; what is called after it gets that as it is.
        values.pad_to(values.len().max(1));
        Ok(values)
    }

    /// It ends: what the core function left is its result.
    fn end<S: AsStoreMut, R>(
        &self,
        store: &mut S,
        mut values: FlatOut,
        lift: impl FnOnce(&mut Cx<'_>, &mut Flat<'_>) -> Result<R>,
        read: impl FnOnce(&mut Cx<'_>, u32) -> Result<R>,
    ) -> Result<R> {
        let (shared, abi) = (&self.shared, self.abi);
        let result = self.lift_result(store, &values.0[..1], lift, read)?;
        if self.func_type().has_borrow {
            shared.state(store)?.pop_scope()?;
        }
        if let Some(post_return) = abi.post_return {
            // SAFETY: it takes the results of the core function, and has none.
            let call = |store: &mut S| unsafe { post_return.call_raw(store, &mut values.0[..1]) };
            shared.without_leaving(store, abi.instance, call)?;
        }
        shared.state(store)?.busy = false;
        Ok(result)
    }

    fn lower_params<S: AsStoreMut>(
        &self,
        store: &mut S,
        lower: impl FnOnce(&mut Cx<'_>, &mut FlatOut) -> Result<()>,
        write: impl FnOnce(&mut Cx<'_>, u32) -> Result<()>,
    ) -> Result<FlatOut> {
        let mut cx = Cx::new(store, &self.shared, self.abi);
        let mut out = FlatOut::default();
        if self.func_type().flat_params.is_some() {
            lower(&mut cx, &mut out)?;
            debug_assert!(out.len() <= FLAT_PARAMS_MAX);
            return Ok(out);
        }
        let (size, align) = cx.types().layout(Type::Def(self.func_type().params));
        let at = cx.realloc(0, 0, align, size)?;
        write(&mut cx, at)?;
        out.push(u64::from(at));
        Ok(out)
    }

    fn lift_result<S: AsStoreMut, R>(
        &self,
        store: &mut S,
        values: &[RawValue],
        lift: impl FnOnce(&mut Cx<'_>, &mut Flat<'_>) -> Result<R>,
        read: impl FnOnce(&mut Cx<'_>, u32) -> Result<R>,
    ) -> Result<R> {
        let mut cx = Cx::new(store, &self.shared, self.abi);
        let mut src = Flat::new(values);
        let Some(ty) = self.func_type().result.filter(|ty| cx.types().flat(*ty).is_none_or(|count| count > 1)) else {
            return lift(&mut cx, &mut src);
        };
        let at = src.u32()?;
        let (size, align) = cx.types().layout(ty);
        cx.check_place(at, size, align)?;
        read(&mut cx, at)
    }
}

impl<P: Lower, R: Lift> TypedComponentFunc<P, R> {
    /// Calls the function.
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
        let mut values = self.func.begin_typed(store, &params)?;
        // SAFETY: see `ComponentFunc::begin`.
        unsafe { self.func.func.call_raw_async(store, &mut values.0) }.await?;
        self.func.end_typed(store, values)
    }

    /// The untyped function.
    pub fn func(&self) -> &ComponentFunc {
        &self.func
    }
}
