//! Making an instance of a component: the steps that its translation wrote down.

use std::sync::Arc;

use wasmer_api::{AsStore, AsStoreMut, BoundFunc, Extern, Func, Global, Instance, Module, Result, Val};
use wasmer_component_translate::info::*;
use wasmer_runtime_core::types::{FuncType as CoreFuncType, GlobalType, ValType};

use crate::async_host::AsyncDrop;
use crate::component::Component;
use crate::cx::CallPlan;
use crate::error::AbiTrap;
use crate::handles::TypeId;
use crate::host::{AsyncHostFunc, bound};
use crate::instance::ComponentInstance;
use crate::linker::{self, ComponentLinker, Definition, HostDrop, HostResource};
use crate::mismatch::ComponentLinkError;
use crate::state::{self, Flag, MemoryAt, ResourceInfo, Shared, State};
use crate::trampolines;
use crate::typed::TypeContext;

/// A component whose imports are resolved: instances of it are made without looking anything up.
pub struct ComponentInstancePre<T> {
    component: Component,
    trampolines: Arc<[Made<T>]>,
    resources: Arc<[ResourceInfo]>,
}

/// A function of the host that core modules call, as far as it is the same for all instances.
enum Made<T> {
    /// One for all stores.
    Func(BoundFunc<T, Shared>),
    /// Made for each instance.
    Async { func: Arc<dyn AsyncHostFunc<T>>, ty: CoreFuncType, crossing: CallPlan },
    /// The same.
    AsyncDrop { drop: Arc<dyn AsyncDrop<T>>, ty: CoreFuncType, of: (InstanceIdx, HandleIdx) },
}

impl<T> Clone for ComponentInstancePre<T> {
    fn clone(&self) -> Self {
        Self {
            component: self.component.clone(),
            trampolines: Arc::clone(&self.trampolines),
            resources: Arc::clone(&self.resources),
        }
    }
}

impl<T: 'static> ComponentInstancePre<T> {
    pub(crate) fn new(linker: &ComponentLinker<T>, component: &Component) -> Result<Self> {
        let info = component.info();
        let imports = resolve(linker, info)?;
        let resources = resources(info, &imports)?;
        check(info, &imports, &resources)?;
        let trampolines = info.trampolines.iter().map(|trampoline| Made::new(info, &imports, trampoline));
        let trampolines = trampolines.collect::<Result<_>>()?;
        Ok(Self { component: component.clone(), trampolines, resources: resources.into() })
    }

    /// The component.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// Makes an instance: instantiates the core modules, runs their start functions.
    pub fn instantiate(&self, store: &mut impl AsStoreMut<Data = T>) -> Result<ComponentInstance> {
        let mut builder = self.builder(store)?;
        for step in &self.component.info().steps {
            if let Some((module, args)) = builder.step(store, step)? {
                let instance = Instance::new(store, module, &args)?;
                builder.made(store, instance)?;
            }
        }
        Ok(ComponentInstance::new(builder.shared))
    }

    /// The same, and waits where start functions call functions of the host that are futures. What was made before is of no use if this is dropped.
    pub async fn instantiate_async(&self, store: &mut impl AsStoreMut<Data = T>) -> Result<ComponentInstance> {
        let mut builder = self.builder(store)?;
        for step in &self.component.info().steps {
            if let Some((module, args)) = builder.step(store, step)? {
                let instance = Instance::new_async(store, module, &args).await?;
                builder.made(store, instance)?;
            }
        }
        Ok(ComponentInstance::new(builder.shared))
    }

    fn builder(&self, store: &mut impl AsStoreMut<Data = T>) -> Result<Builder<'_, T>> {
        let info = self.component.info();
        let flags = flags(store, info)?;
        let shared = Arc::new(Shared::new(store, info, Arc::clone(&self.resources), State::new(info, flags)));
        let trampolines = vec![None; info.trampolines.len()];
        Ok(Builder { shared, made: &self.trampolines, component: &self.component, trampolines })
    }
}

/// What every import stands for.
fn resolve<T: 'static>(linker: &ComponentLinker<T>, info: &ComponentInfo) -> Result<Vec<Definition<T>>> {
    let resolve = |import: &Import| match (linker.resolve(import), &import.kind) {
        (Some(found @ (Definition::Func(_) | Definition::AsyncFunc(_))), ImportKind::Func(_))
        | (Some(found @ Definition::Resource(_)), ImportKind::Resource) => Ok(found.clone()),
        (Some(_), _) => Err(ComponentLinkError::Kind { import: import.describe() }.into()),
        (None, _) => Err(linker::missing(info, import).into()),
    };
    info.imports.iter().map(resolve).collect()
}

/// The resource types: of the host's, those that are the same have one number.
fn resources<T>(info: &ComponentInfo, imports: &[Definition<T>]) -> Result<Vec<ResourceInfo>> {
    let mut resources: Vec<ResourceInfo> = Vec::with_capacity(info.resources as usize);
    for (owner, number) in state::owners(info).into_iter().zip(0..) {
        let import = info.imported_resources.get(number as usize);
        let host = match import.map(|import| &imports[import.index()]) {
            Some(Definition::Resource(resource)) => Some(resource.ty),
            Some(Definition::Func(_) | Definition::AsyncFunc(_)) => {
                return Err(ComponentLinkError::FuncForResource.into());
            }
            None => None,
        };
        let same = resources.iter().find(|other| other.host.is_some() && other.host == host);
        let number = same.map_or(number, |other| other.id.number);
        resources.push(ResourceInfo { id: TypeId { number, is_host: host.is_some() }, host, owner });
    }
    Ok(resources)
}

/// Whether the host's functions have the types that the component wants.
fn check<T>(info: &ComponentInfo, imports: &[Definition<T>], resources: &[ResourceInfo]) -> Result<()> {
    let cx = TypeContext { types: &info.types, resources };
    for trampoline in &info.trampolines {
        let TrampolineKind::Lower { import, ty, .. } = trampoline.kind else { continue };
        linker::check(info, &info.imports[import.index()], ty, &imports[import.index()], &cx)?;
    }
    Ok(())
}

fn flags(store: &mut impl AsStoreMut, info: &ComponentInfo) -> Result<Vec<Flag>> {
    let ty = GlobalType { content: ValType::I32, mutable: true };
    let flag = |_| Global::new(store, ty, Val::I32(1)).and_then(|global| Flag::new(store, global));
    (0..info.instances).map(flag).collect()
}

struct Builder<'a, T> {
    shared: Arc<Shared>,
    made: &'a [Made<T>],
    component: &'a Component,
    /// Those that this instance has.
    trampolines: Vec<Option<Func>>,
}

impl<'a, T: 'static> Builder<'a, T> {
    /// Does a step, or says which module has to be instantiated for it, and with what.
    fn step(
        &mut self,
        store: &mut impl AsStoreMut<Data = T>,
        step: &Step,
    ) -> Result<Option<(&'a Module, Vec<Extern>)>> {
        let info = Arc::clone(&self.shared.info);
        match step {
            Step::Instantiate { module, first, count } => {
                // Thousands in programs of several modules: a list that grew would be copied again and again.
                let mut args = Vec::with_capacity(*count as usize);
                for arg in &info.args[*first as usize..][..*count as usize] {
                    args.push(self.find(store, *arg)?);
                }
                return Ok(Some((&self.component.modules()[module.index()], args)));
            }
            Step::Memory(index, def) => {
                let memory = self.find(store, *def)?.memory();
                let memory = memory.map(|memory| MemoryAt { memory, place: memory.place(store).ok() });
                self.shared.state(store)?.memories[index.index()] = memory;
            }
            Step::Realloc(index, def) => {
                let func = self.find(store, *def)?;
                let func = numeric(store, func, 4, 1)?;
                self.shared.state(store)?.reallocs[index.index()] = Some(func);
            }
            Step::PostReturn(index, def) => {
                let func = self.find(store, *def)?.func();
                self.shared.state(store)?.post_returns[index.index()] = func;
            }
            Step::Resource { resource, dtor, .. } => {
                let dtor = dtor.map(|dtor| self.find(store, dtor)).transpose()?;
                let dtor = dtor.map(|dtor| numeric(store, dtor, 1, 0)).transpose()?;
                self.shared.state(store)?.dtors[resource.index()] = dtor;
            }
        }
        Ok(None)
    }

    /// Notes the instance that a step asked for.
    fn made(&mut self, store: &mut impl AsStoreMut<Data = T>, instance: Instance) -> Result<()> {
        self.shared.state(store)?.cores.push(instance);
        Ok(())
    }

    fn find(&mut self, store: &mut impl AsStoreMut<Data = T>, def: CoreDef) -> Result<Extern> {
        match def {
            CoreDef::Export(..) => core_export(&self.shared, store, def),
            CoreDef::Flags(instance) => Ok(self.shared.state(store)?.flags[instance.index()].global.into()),
            CoreDef::Trampoline(index) => {
                if let Some(known) = self.trampolines[index.index()] {
                    return Ok(known.into());
                }
                let func = self.made[index.index()].bind(store, &self.shared)?;
                self.trampolines[index.index()] = Some(func);
                Ok(func.into())
            }
        }
    }
}

impl<T: 'static> Made<T> {
    fn new(info: &ComponentInfo, imports: &[Definition<T>], trampoline: &Trampoline) -> Result<Self> {
        let ty = core_type(&info.types.sigs[trampoline.sig.index()]);
        match trampoline.kind {
            TrampolineKind::Lower { import, ty: func, options } => match &imports[import.index()] {
                Definition::Func(host) => {
                    Arc::clone(host).lower(&ty, CallPlan::at_once(info, func, options)).map(Self::Func)
                }
                Definition::AsyncFunc(host) => {
                    Ok(Self::Async { func: Arc::clone(host), ty, crossing: CallPlan::new(info, func, options) })
                }
                Definition::Resource(_) => Err(ComponentLinkError::ResourceForFunc.into()),
            },
            TrampolineKind::ResourceDrop(instance, handle) => {
                let (host, of) = (host_resource(info, imports, handle), (instance, handle));
                if let Some(HostDrop::Async(drop)) = host.as_ref().map(|host| &host.drop) {
                    return Ok(Self::AsyncDrop { drop: Arc::clone(drop), ty, of });
                }
                bound(&ty, move |caller, shared, values| {
                    let drop = host.as_ref().and_then(|host| host.drop.at_once());
                    trampolines::resource_drop(shared, caller, of, drop, values)
                })
                .map(Self::Func)
            }
            kind => {
                bound(&ty, move |caller, shared, values| trampolines::run(shared, caller, kind, values)).map(Self::Func)
            }
        }
    }

    /// The function of an instance.
    fn bind(&self, store: &mut impl AsStoreMut<Data = T>, shared: &Arc<Shared>) -> Result<Func> {
        match self {
            Self::Func(func) => func.bind(store, shared),
            Self::Async { func, ty, crossing } => {
                Arc::clone(func).lower(&mut store.as_store_mut(), ty, shared, *crossing)
            }
            Self::AsyncDrop { drop, ty, of } => Arc::clone(drop).lower(&mut store.as_store_mut(), ty, shared, *of),
        }
    }
}

/// The host's definition of a resource type, if it is one of the host.
fn host_resource<T>(
    info: &ComponentInfo,
    imports: &[Definition<T>],
    handle: HandleIdx,
) -> Option<Arc<HostResource<T>>> {
    let resource = info.types.handles[handle.index()].resource?;
    let import = info.imported_resources.get(resource.index())?;
    match &imports[import.index()] {
        Definition::Resource(resource) => Some(Arc::clone(resource)),
        Definition::Func(_) | Definition::AsyncFunc(_) => None,
    }
}

fn core_type(sig: &Sig) -> CoreFuncType {
    let list = |types: &[CoreType]| {
        types
            .iter()
            .map(|ty| match ty {
                CoreType::I32 => ValType::I32,
                CoreType::I64 => ValType::I64,
                CoreType::F32 => ValType::F32,
                CoreType::F64 => ValType::F64,
            })
            .collect::<Vec<_>>()
    };
    CoreFuncType::new(list(&sig.params), list(&sig.results))
}

/// Something that a core instance exports.
pub(crate) fn core_export(shared: &Shared, store: &mut impl AsStoreMut, def: CoreDef) -> Result<Extern> {
    let CoreDef::Export(instance, position) = def else {
        return Err(AbiTrap::Adapter("a function of the host is exported as it is").into());
    };
    let instance = shared.state(store)?.cores.get(instance.index()).copied();
    let instance = instance.ok_or(ComponentLinkError::NoInstance)?;
    instance.export_at(store, position.index())
}

/// A function that is called with values as they are: it has to take and give as many numbers.
pub(crate) fn numeric(store: &impl AsStore, found: Extern, params: usize, results: usize) -> Result<Func> {
    let func = found.func().ok_or(ComponentLinkError::Lifted)?;
    let ty = func.ty(store)?;
    let is_number = |ty: &ValType| matches!(ty, ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64);
    if (ty.params.len(), ty.results.len()) != (params, results) || !ty.params.iter().chain(&*ty.results).all(is_number)
    {
        return Err(ComponentLinkError::CoreType { found: ty.to_string() }.into());
    }
    Ok(func)
}
