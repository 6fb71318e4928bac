//! Names to functions and resources of the host: resolves what a component imports.

use std::collections::HashMap;
use std::sync::Arc;

use wasmer_api::{AsStoreMut, AsyncCaller, Caller, Error, Result};
use wasmer_component_translate::info::{ComponentInfo, FuncIdx, FuncType, Import, ImportKind};
use wasmer_component_translate::names::track;
use wasmer_component_translate::wit::Printer;

use crate::async_host::{AsyncDrop, HostFuture};
use crate::component::Component;
use crate::host::{AsyncHostFunc, Dynamic, HostFunc, Mismatch, Typed};
use crate::instance::ComponentInstance;
use crate::instantiate::ComponentInstancePre;
use crate::mismatch::ComponentLinkError;
use crate::resource::ResourceType;
use crate::typed::{Lift, Lower, TypeContext};
use crate::val::Val;

/// What a host has to do when a resource of its own ends: the guest dropped the handle that owned it.
pub(crate) type Drop<T> = dyn Fn(&mut Caller<'_, T>, u32) -> Result<()> + Send + Sync;

/// A resource type of the host, with what ends its resources.
pub(crate) struct HostResource<T> {
    pub(crate) ty: ResourceType,
    pub(crate) drop: HostDrop<T>,
}

/// What ends resources of the host, at once or as a future.
pub(crate) enum HostDrop<T> {
    AtOnce(Box<Drop<T>>),
    Async(Arc<dyn AsyncDrop<T>>),
}

impl<T: 'static> HostDrop<T> {
    /// What ends them at once.
    pub(crate) fn at_once(&self) -> Option<&Drop<T>> {
        match self {
            Self::AtOnce(drop) => Some(drop),
            Self::Async(_) => None,
        }
    }
}

pub(crate) enum Definition<T> {
    Func(Arc<dyn HostFunc<T>>),
    AsyncFunc(Arc<dyn AsyncHostFunc<T>>),
    Resource(Arc<HostResource<T>>),
}

impl<T> Clone for Definition<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Func(func) => Self::Func(Arc::clone(func)),
            Self::AsyncFunc(func) => Self::AsyncFunc(Arc::clone(func)),
            Self::Resource(resource) => Self::Resource(Arc::clone(resource)),
        }
    }
}

impl<T> Definition<T> {
    /// Its Rust type, if it is a function that is not of a component's type.
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<Mismatch> {
        match self {
            Self::Func(func) => func.mismatch(ty, cx),
            Self::AsyncFunc(func) => func.mismatch(ty, cx),
            Self::Resource(_) => None,
        }
    }
}

/// An interface of the host by the names in it.
type Names<T> = HashMap<Box<str>, Definition<T>>;

/// Interfaces of the host by name. An import finds the interface of its very name, or else the latest version that is compatible by semantic
/// versioning: `wasi:io/streams@0.2.3` that of `@0.2.12`. What a component does not import need not exist.
///
/// ```
/// use wasmer_component::{Component, ComponentLinker};
/// # use wasmer_api::{Engine, EngineConfig, Error};
/// struct Counter(u32);
///
/// let mut linker = ComponentLinker::<Counter>::new();
/// linker.instance("example:host/counter@1.2.0").func_wrap("add", |caller, (amount,): (u32,)| {
///     caller.data_mut().0 += amount;
///     Ok(caller.data().0)
/// })?;
/// # Ok::<_, Error>(())
/// ```
pub struct ComponentLinker<T> {
    interfaces: HashMap<Box<str>, Names<T>>,
    /// The latest version of each track of compatible ones.
    tracks: HashMap<Box<str>, ([u64; 3], Box<str>)>,
    allow_shadowing: bool,
}

impl<T> Default for ComponentLinker<T> {
    fn default() -> Self {
        Self { interfaces: HashMap::new(), tracks: HashMap::new(), allow_shadowing: false }
    }
}

impl<T> Clone for ComponentLinker<T> {
    fn clone(&self) -> Self {
        Self { interfaces: self.interfaces.clone(), tracks: self.tracks.clone(), allow_shadowing: self.allow_shadowing }
    }
}

/// One interface of a [`ComponentLinker`], to define what is in it.
pub struct LinkerInstance<'a, T> {
    name: Box<str>,
    names: &'a mut Names<T>,
    allow_shadowing: bool,
}

impl<T: 'static> ComponentLinker<T> {
    /// A linker that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a name may be defined again; the later definition wins.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        self.allow_shadowing = allow;
        self
    }

    /// The interface of a name, for instance `wasi:clocks/wall-clock@0.2.12`: a new one or the one that there is.
    pub fn instance(&mut self, name: &str) -> LinkerInstance<'_, T> {
        if let Some((prefix, version)) = track(name) {
            let latest = self.tracks.entry(prefix.into()).or_insert_with(|| (version, name.into()));
            if latest.0 < version {
                *latest = (version, name.into());
            }
        }
        let names = self.interfaces.entry(name.into()).or_default();
        LinkerInstance { name: name.into(), names, allow_shadowing: self.allow_shadowing }
    }

    /// What a component imports by a name alone.
    pub fn root(&mut self) -> LinkerInstance<'_, T> {
        self.instance("")
    }

    /// What a name in an interface stands for.
    fn find(&self, interface: &str, name: &str) -> Option<&Definition<T>> {
        if let Some(definition) = self.interfaces.get(interface).and_then(|names| names.get(name)) {
            return Some(definition);
        }
        let (_, latest) = self.tracks.get(track(interface)?.0)?;
        self.interfaces.get(latest)?.get(name)
    }

    /// What an import stands for.
    pub(crate) fn resolve(&self, import: &Import) -> Option<&Definition<T>> {
        match &*import.path {
            [name] => self.find("", name),
            [interface, name] => self.find(interface, name),
            _ => None,
        }
    }

    /// What a component imports and this linker does not know, each in a sentence; see [`missing`].
    pub fn missing(&self, component: &Component) -> Vec<String> {
        let imports = component.info().imports.iter();
        imports
            .filter(|import| self.resolve(import).is_none())
            .map(|import| missing(component.info(), import).to_string())
            .collect()
    }

    /// Gives every function that a component imports and this linker does not know one that fails when it is called, and every such resource type one whose
    /// resources nobody can make.
    pub fn define_unknown_imports_as_traps(&mut self, component: &Component) -> Result<()> {
        self.define_some_imports_as_traps(component, |import| Some(missing(component.info(), import).to_string()))
    }

    /// The same, where `why` gives the text to fail with, and for nothing else.
    pub fn define_some_imports_as_traps(
        &mut self,
        component: &Component,
        why: impl Fn(&Import) -> Option<String>,
    ) -> Result<()> {
        for (import, number) in component.info().imports.iter().zip(0..) {
            let Some(message) = why(import).filter(|_| self.resolve(import).is_none()) else { continue };
            let (interface, name) = match &*import.path {
                [name] => ("", name),
                [interface, name] => (&**interface, name),
                _ => continue,
            };
            let mut instance = self.instance(interface);
            match import.kind {
                ImportKind::Func(_) => {
                    instance.func_new(name, move |_, _| Err(Error::host(message.clone())))?;
                }
                ImportKind::Resource => {
                    instance.resource(name, ResourceType::numbered(number), |_, _| Ok(()))?;
                }
            }
        }
        Ok(())
    }

    /// Makes an instance: resolves imports, instantiates the core modules, runs their start functions.
    ///
    /// # Errors
    /// [`Error::Link`] if something is not defined or has another type, with interface, name, and what it should be.
    pub fn instantiate(
        &self,
        store: &mut impl AsStoreMut<Data = T>,
        component: &Component,
    ) -> Result<ComponentInstance> {
        self.instantiate_pre(component)?.instantiate(store)
    }

    /// The same, and waits where start functions call functions of the host that are futures.
    ///
    /// # Errors
    /// As of [`ComponentLinker::instantiate`].
    pub async fn instantiate_async(
        &self,
        store: &mut impl AsStoreMut<Data = T>,
        component: &Component,
    ) -> Result<ComponentInstance> {
        self.instantiate_pre(component)?.instantiate_async(store).await
    }

    /// Resolves imports once, for many instances.
    ///
    /// # Errors
    /// As of [`ComponentLinker::instantiate`].
    pub fn instantiate_pre(&self, component: &Component) -> Result<ComponentInstancePre<T>> {
        ComponentInstancePre::new(self, component)
    }
}

impl<T: 'static> LinkerInstance<'_, T> {
    /// Defines a function whose types Rust knows: `params` is a tuple of [`Lift`], the result one [`Lower`], or `()`. Methods have names like
    /// `[method]descriptor.read`; a `result<T, E>` is a Rust `Result`, so that most closures return a `Result` in a `Result`: the outer error stops the guest.
    pub fn func_wrap<P: Lift + 'static, R: Lower + 'static>(
        &mut self,
        name: &str,
        func: impl Fn(&mut Caller<'_, T>, P) -> Result<R> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        self.insert(name, Definition::Func(Arc::new(Typed::new(func))))
    }

    /// Defines a function on untyped values. It takes what the component says it takes, and must return what the component says it returns.
    pub fn func_new(
        &mut self,
        name: &str,
        func: impl Fn(&mut Caller<'_, T>, &[Val]) -> Result<Option<Val>> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        self.insert(name, Definition::Func(Arc::new(Dynamic(func))))
    }

    /// Defines a function that is a future: the component is parked while it waits, and no thread waits with it. Only calls that can wait may reach it:
    /// [`TypedComponentFunc::call_async`](crate::TypedComponentFunc::call_async), [`ComponentFunc::call_async`](crate::ComponentFunc::call_async) and
    /// [`ComponentLinker::instantiate_async`]. Otherwise as [`LinkerInstance::func_wrap`].
    ///
    /// ```
    /// use wasmer_component::{Component, ComponentLinker};
    /// use wasmer_api::{Result, Store};
    ///
    /// async fn price(store: &mut Store<u64>, component: &Component) -> Result<u64> {
    ///     let mut linker = ComponentLinker::<u64>::new();
    ///     linker.instance("example:shop/prices@1.0.0").func_wrap_async("ask", |caller, (item,): (String,)| {
    ///         Box::new(async move {
    ///             // A database, another service.
    ///             std::future::ready(()).await;
    ///             *caller.data_mut() += 1;
    ///             Ok(item.len() as u64)
    ///         })
    ///     })?;
    ///     let instance = linker.instantiate_async(store, component).await?;
    ///     instance.typed_func::<(&str,), u64>(store, "total")?.call_async(store, ("tea",)).await
    /// }
    /// ```
    pub fn func_wrap_async<P: Lift + 'static, R: Lower + 'static>(
        &mut self,
        name: &str,
        func: impl for<'a, 'c> Fn(&'a mut AsyncCaller<'c, T>, P) -> HostFuture<'a, R> + Send + Sync + 'static,
    ) -> Result<&mut Self>
    where
        T: Send,
    {
        self.insert(name, Definition::AsyncFunc(Arc::new(Typed::new(func))))
    }

    /// The same on untyped values, as [`LinkerInstance::func_new`].
    pub fn func_new_async(
        &mut self,
        name: &str,
        func: impl for<'a, 'c> Fn(&'a mut AsyncCaller<'c, T>, &'a [Val]) -> HostFuture<'a, Option<Val>>
        + Send
        + Sync
        + 'static,
    ) -> Result<&mut Self>
    where
        T: Send,
    {
        self.insert(name, Definition::AsyncFunc(Arc::new(Dynamic(func))))
    }

    /// Defines a resource type. `drop` is called with the host's number for a resource when a guest drops the handle that owns it.
    pub fn resource(
        &mut self,
        name: &str,
        ty: ResourceType,
        drop: impl Fn(&mut Caller<'_, T>, u32) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        let drop = HostDrop::AtOnce(Box::new(drop));
        self.insert(name, Definition::Resource(Arc::new(HostResource { ty, drop })))
    }

    /// Defines a resource type whose resources take time to end: `drop` is a future, as a function of [`LinkerInstance::func_wrap_async`], and the component is
    /// parked while it waits. Only calls that can wait may drop such resources.
    ///
    /// ```
    /// use wasmer_component::{ComponentLinker, ResourceType};
    ///
    /// struct Connection;
    ///
    /// let mut linker = ComponentLinker::<Vec<u32>>::new();
    /// linker.instance("example:net/connections@1.0.0").resource_async(
    ///     "connection",
    ///     ResourceType::host::<Connection>(),
    ///     |caller, rep| {
    ///         Box::new(async move {
    ///             // The other side is told, and confirms it.
    ///             std::future::ready(()).await;
    ///             caller.data_mut().push(rep);
    ///             Ok(())
    ///         })
    ///     },
    /// )?;
    /// # Ok::<_, wasmer_api::Error>(())
    /// ```
    pub fn resource_async(
        &mut self,
        name: &str,
        ty: ResourceType,
        drop: impl for<'a, 'c> Fn(&'a mut AsyncCaller<'c, T>, u32) -> HostFuture<'a, ()> + Send + Sync + 'static,
    ) -> Result<&mut Self>
    where
        T: Send,
    {
        let drop = HostDrop::Async(Arc::new(drop));
        self.insert(name, Definition::Resource(Arc::new(HostResource { ty, drop })))
    }

    /// Defines a function.
    pub(crate) fn func(&mut self, name: &str, func: Arc<dyn HostFunc<T>>) -> Result<&mut Self> {
        self.insert(name, Definition::Func(func))
    }

    fn insert(&mut self, name: &str, definition: Definition<T>) -> Result<&mut Self> {
        if !self.allow_shadowing && self.names.contains_key(name) {
            return Err(
                ComponentLinkError::DefinedTwice { interface: self.name.to_string(), name: name.to_owned() }.into()
            );
        }
        self.names.insert(name.into(), definition);
        Ok(self)
    }
}

/// What is missing, with the line of WIT.
#[cold]
pub(crate) fn missing(info: &ComponentInfo, import: &Import) -> ComponentLinkError {
    let wit = match import.kind {
        ImportKind::Func(ty) => wit_of(info, import, ty),
        ImportKind::Resource => format!("resource {}", import.path.last().map_or("", String::as_str)),
    };
    ComponentLinkError::Undefined { import: import.describe(), wit }
}

/// A function's line of WIT.
pub(crate) fn wit_of(info: &ComponentInfo, import: &Import, ty: FuncIdx) -> String {
    let name = import.path.last().map_or("", String::as_str);
    let interface = info.interfaces.iter().find(|interface| interface.is_import && interface.name == import.path[0]);
    let printer = interface.map_or_else(|| Printer::new(info), |interface| Printer::of(info, interface));
    format!("{name}: {}", printer.func(ty))
}

/// Whether a host function fits an import.
pub(crate) fn check<T>(
    info: &ComponentInfo,
    import: &Import,
    ty: FuncIdx,
    definition: &Definition<T>,
    cx: &TypeContext<'_>,
) -> Result<()> {
    let Some(Mismatch { rust: host, hint }) = definition.mismatch(info.types.func(ty), cx) else { return Ok(()) };
    // The import's own type has the names of its interface.
    let ty = if let ImportKind::Func(own) = import.kind { own } else { ty };
    let (import, wit) = (import.describe(), wit_of(info, import, ty));
    Err(ComponentLinkError::Incompatible { import, host, wit, hint }.into())
}
