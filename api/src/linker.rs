//! Names to entities: resolves a module's imports.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use wasmer_runtime_core::types::{ExternType, FuncType};
use wasmer_runtime_core::vmcontext::RawValue;
use wasmer_vm::image::ImportRef;

use crate::async_func::AsyncCaller;
use crate::collect::call_pinned;
use crate::error::{Error, LinkError, Result};
use crate::externs::Extern;
use crate::func::{Caller, HostFunc, IntoHostFunc};
use crate::instance::{Instance, ResolvedImport, check_host_func};
use crate::module::Module;
use crate::observe::{CallEvent, observed};
use crate::store::{AsStoreMut, StoreAccess, StoreInner};
use crate::value::{HostResult, Val, WasmTyList};

/// What a name stands for.
enum Definition<T> {
    /// An entity of one store.
    Extern(Extern),
    /// A host function that any store with data `T` can instantiate.
    Host(Arc<HostFunc<T>>),
}

impl<T> Clone for Definition<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Extern(entity) => Self::Extern(*entity),
            Self::Host(func) => Self::Host(Arc::clone(func)),
        }
    }
}

/// Names to entities and host functions. `T` is the data of the stores it instantiates into, and of no others: a host function could
/// write what only lives in theirs.
///
/// ```
/// # use wasmer_api::Linker;
/// fn same(linker: Linker<fn(&'static str)>) -> Linker<fn(&'static str)> { linker }
/// ```
///
/// ```compile_fail
/// # use wasmer_api::Linker;
/// fn shorten(linker: Linker<fn(&'static str)>) -> Linker<for<'a> fn(&'a str)> { linker }
/// ```
///
/// ```compile_fail
/// # use wasmer_api::Linker;
/// fn lengthen(linker: Linker<for<'a> fn(&'a str)>) -> Linker<fn(&'static str)> { linker }
/// ```
pub struct Linker<T> {
    names: HashMap<Box<str>, HashMap<Box<str>, Definition<T>>>,
    allow_shadowing: bool,
}

impl<T> Default for Linker<T> {
    fn default() -> Self {
        Self { names: HashMap::new(), allow_shadowing: false }
    }
}

impl<T> Clone for Linker<T> {
    fn clone(&self) -> Self {
        Self { names: self.names.clone(), allow_shadowing: self.allow_shadowing }
    }
}

impl<T: 'static> Linker<T> {
    /// An empty linker.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a name may be defined again; the later definition wins.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        self.allow_shadowing = allow;
        self
    }

    /// Defines an entity of a store. Instantiation into another store fails.
    pub fn define(&mut self, module: &str, name: &str, entity: impl Into<Extern>) -> Result<&mut Self> {
        self.insert(module, name, Definition::Extern(entity.into()))
    }

    /// Defines a host function from a closure whose types Rust knows. Its first parameter may be a [`Caller`].
    pub fn func_wrap<Params, Results>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoHostFunc<T, Params, Results>,
    ) -> Result<&mut Self> {
        self.insert(module, name, Definition::Host(Arc::new(func.into_host_func())))
    }

    /// Defines a host function that is a future: the guest is parked while it waits. See [`TypedFunc::call_async`](crate::TypedFunc::call_async), one of the calls that
    /// may reach it. The parameters are a tuple, or one value.
    pub fn func_wrap_async<P: WasmTyList, R: HostResult + 'static>(
        &mut self,
        module: &str,
        name: &str,
        func: impl for<'a> Fn(AsyncCaller<'a, T>, P) -> Box<dyn Future<Output = R> + Send + 'a> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        self.insert(module, name, Definition::Host(Arc::new(HostFunc::wrap_async(func))))
    }

    /// The same of a type known only at run time.
    pub fn func_new_async(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl for<'a> Fn(
            AsyncCaller<'a, T>,
            &'a [Val],
            &'a mut [Val],
        ) -> Box<dyn Future<Output = Result<()>> + Send + 'a>
        + Send
        + Sync
        + 'static,
    ) -> Result<&mut Self>
    where
        T: Send,
    {
        self.insert(module, name, Definition::Host(Arc::new(HostFunc::dynamic_async(ty, func))))
    }

    /// Defines a host function of a type known only at run time.
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        self.insert(module, name, Definition::Host(Arc::new(HostFunc::dynamic(ty, func))))
    }

    /// Defines a host function on the array call's buffer: parameters on entry, results on return. The buffer has
    /// `max(parameters, results)` entries.
    ///
    /// # Safety
    /// `func` writes values of `ty`'s result types, references only of the caller's store, and host references only if this call was given them: their
    /// bits mean something as long as the call or a guest has them.
    pub unsafe fn func_raw(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &mut [RawValue]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        let refs = ty.params.iter().enumerate().filter(|(_, ty)| ty.is_host_ref());
        let refs: Box<[usize]> = refs.map(|(position, _)| position).collect();
        let host = if refs.is_empty() {
            HostFunc::on_slice(&ty, func)
        } else {
            // SAFETY: the caller writes handles of its store where its type has host references.
            HostFunc::on_slice(&ty, move |caller, values| unsafe { call_pinned(&refs, &func, caller, values) })
        };
        self.insert(module, name, Definition::Host(Arc::new(host)))
    }

    /// Defines every export of an instance under the module name `module`.
    pub fn instance(
        &mut self,
        store: &mut impl AsStoreMut<Data = T>,
        module: &str,
        instance: Instance,
    ) -> Result<&mut Self> {
        for (name, entity) in instance.exports(store)? {
            self.define(module, &name, entity)?;
        }
        Ok(self)
    }

    /// Has `observer` told of each call by a guest of the host functions that are defined now: their module, their name, and what happens. Functions that
    /// are not observed cost what they did. Those that are futures are not observed.
    ///
    /// ```
    /// use wasmer_api::{CallEvent, Linker};
    ///
    /// # fn trace(linker: &mut Linker<()>) {
    /// linker.observe(|module, name, event| match event {
    ///     CallEvent::Call(arguments) => eprintln!("{module}.{name} is called with {arguments:?}"),
    ///     CallEvent::Return(results) => eprintln!("{module}.{name} returns {results:?}"),
    ///     CallEvent::End => eprintln!("{module}.{name} ends the guest"),
    /// });
    /// # }
    /// ```
    pub fn observe(&mut self, observer: impl Fn(&str, &str, CallEvent<'_>) + Send + Sync + 'static) -> &mut Self {
        let observer = Arc::new(observer);
        for (module, names) in &mut self.names {
            for (name, definition) in names {
                let Definition::Host(func) = definition else { continue };
                if func.parks() {
                    continue;
                }
                let (observer, module, name) = (Arc::clone(&observer), module.clone(), name.clone());
                let told = move |event: CallEvent<'_>| observer(&module, &name, event);
                *definition = Definition::Host(Arc::new(observed(Arc::clone(func), told)));
            }
        }
        self
    }

    /// Makes every name of `module` also reachable as a name of `alias`.
    pub fn alias_module(&mut self, module: &str, alias: &str) -> Result<&mut Self> {
        let names = self.names.get(module).cloned().unwrap_or_default();
        for (name, definition) in names {
            self.insert(alias, &name, definition)?;
        }
        Ok(self)
    }

    /// Forgets every name of `module`.
    pub fn remove_module(&mut self, module: &str) -> &mut Self {
        self.names.remove(module);
        self
    }

    /// Whether a name is defined.
    pub fn contains(&self, module: &str, name: &str) -> bool {
        self.names.get(module).is_some_and(|names| names.contains_key(name))
    }

    /// The entity behind a name, if it is defined; made for this store, once, if it is a host function.
    ///
    /// # Errors
    /// [`Error::Limit`] if the store cannot have another function.
    pub fn get(&self, store: &mut impl AsStoreMut<Data = T>, module: &str, name: &str) -> Result<Option<Extern>> {
        let definition = self.names.get(module).and_then(|names| names.get(name));
        definition.map(|definition| Self::materialise(store.store_inner_mut(), definition)).transpose()
    }

    /// Gives every import of `module` that has no definition a function that fails when called, naming the import ([`Error::Host`]).
    /// Imports of other kinds stay undefined.
    pub fn define_unknown_functions_as_traps(&mut self, module: &Module) -> Result<()> {
        for import in module.imports() {
            if let ExternType::Func(ty) = import.ty
                && !self.contains(&import.module, &import.name)
            {
                let message = format!("unknown import `{}.{}` was called", import.module, import.name);
                self.func_new(&import.module, &import.name, ty, move |_, _, _| Err(Error::host(message.clone())))?;
            }
        }
        Ok(())
    }

    /// Instantiates `module`: resolves its imports by name, initialises it, runs its start function.
    pub fn instantiate(&self, store: &mut impl AsStoreMut<Data = T>, module: &Module) -> Result<Instance> {
        Instance::with_imports(store.store_inner_mut(), module, |import| self.given(import))
    }

    /// The same, and waits where the start function calls host functions that are futures, and for a limiter that takes time to decide.
    pub async fn instantiate_async<S: AsStoreMut<Data = T>>(&self, store: &mut S, module: &Module) -> Result<Instance> {
        Instance::begin_async(store, module, |import| self.given(import)).await?.start_async(store).await
    }

    fn given(&self, import: &ImportRef<'_>) -> Result<ResolvedImport<'_, T>> {
        Ok(match self.definition(import)? {
            Definition::Extern(entity) => ResolvedImport::Extern(*entity),
            Definition::Host(func) => ResolvedImport::Host(func),
        })
    }

    /// Resolves the imports of `module` by name, once for any number of instances.
    ///
    /// ```
    /// use wasmer_api::{Engine, Linker, Module, Result, Store};
    ///
    /// fn serve(engine: &Engine, module: &Module, requests: usize) -> Result<()> {
    ///     let mut linker = Linker::new();
    ///     linker.func_wrap("host", "log", |code: i32| println!("{code}"))?;
    ///     let prepared = linker.instantiate_pre(module)?;
    ///     for _ in 0..requests {
    ///         let mut store = Store::new(engine, ());
    ///         let instance = prepared.instantiate(&mut store)?;
    ///         instance.typed_func::<(), ()>(&mut store, "handle")?.call(&mut store, ())?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::Link`] if an import has no definition, or a host function is not of its type. Entities of a store ([`Linker::define`]) are looked at when
    /// there is an instance to be made: only then is it known for which store.
    pub fn instantiate_pre(&self, module: &Module) -> Result<InstancePre<T>> {
        let imports = module.code().image.imports().map(|import| {
            let definition = self.definition(&import)?;
            if let Definition::Host(func) = definition {
                check_host_func(module.code(), &import, func)?;
            }
            Ok(definition.clone())
        });
        Ok(InstancePre { imports: imports.collect::<Result<_>>()?, module: module.clone() })
    }

    fn definition(&self, import: &ImportRef<'_>) -> Result<&Definition<T>> {
        let definition = self.names.get(import.module).and_then(|names| names.get(import.name));
        definition.ok_or_else(|| {
            LinkError::Undefined { module: import.module.to_owned(), name: import.name.to_owned() }.into()
        })
    }

    fn materialise(store: &mut StoreInner<T>, definition: &Definition<T>) -> Result<Extern> {
        Ok(match definition {
            Definition::Extern(entity) => *entity,
            Definition::Host(func) => store.host_func(func)?.into(),
        })
    }

    fn insert(&mut self, module: &str, name: &str, definition: Definition<T>) -> Result<&mut Self> {
        if !self.names.contains_key(module) {
            self.names.insert(module.into(), HashMap::new());
        }
        let names = self.names.get_mut(module).expect("it was just inserted");
        match names.entry(name.into()) {
            Entry::Occupied(_) if !self.allow_shadowing => {
                return Err(LinkError::DefinedTwice { module: module.to_owned(), name: name.to_owned() }.into());
            }
            Entry::Occupied(mut entry) => drop(entry.insert(definition)),
            Entry::Vacant(entry) => drop(entry.insert(definition)),
        }
        Ok(self)
    }
}

/// A module whose imports are resolved ([`Linker::instantiate_pre`]): what there is to do once is done. Threads may share it.
pub struct InstancePre<T> {
    module: Module,
    /// In the order of the module's imports; the types of host functions are checked.
    imports: Arc<[Definition<T>]>,
}

impl<T> Clone for InstancePre<T> {
    fn clone(&self) -> Self {
        Self { module: self.module.clone(), imports: Arc::clone(&self.imports) }
    }
}

impl<T: 'static> InstancePre<T> {
    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Instantiates the module, as [`Linker::instantiate`] does.
    pub fn instantiate(&self, store: &mut impl AsStoreMut<Data = T>) -> Result<Instance> {
        Instance::with_imports(store.store_inner_mut(), &self.module, self.given())
    }

    /// The same, as [`Linker::instantiate_async`] does.
    pub async fn instantiate_async<S: AsStoreMut<Data = T>>(&self, store: &mut S) -> Result<Instance> {
        Instance::begin_async(store, &self.module, self.given()).await?.start_async(store).await
    }

    fn given<'a>(&'a self) -> impl FnMut(&ImportRef<'_>) -> Result<ResolvedImport<'a, T>> {
        let mut imports = self.imports.iter();
        move |_| {
            Ok(match imports.next().expect("there is one for each import") {
                Definition::Extern(entity) => ResolvedImport::Extern(*entity),
                Definition::Host(func) => ResolvedImport::Checked(func),
            })
        }
    }
}
