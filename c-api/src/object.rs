//! References: what the standard calls so, under all their names.

use std::cell::OnceCell;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use wasmer_runtime::{Error, Extern, ExternRef, Func, Global, Instance, Memory, Table, Tag, TypeError};

use crate::fault::guard;
use crate::func::Signature;
use crate::host_info::{Finalizer, HostInfo, SharedInfo};
use crate::module::ModuleObject;
use crate::store::StoreCell;
use crate::trap::TrapObject;

/// Something that belongs to one store, which also keeps what is attached to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Entity {
    Func(Func),
    Global(Global),
    Table(Table),
    Memory(Memory),
    Tag(Tag),
    Instance(Instance),
}

/// What a reference refers to. It does not keep its store, so that the store may keep it.
#[derive(Clone)]
pub(crate) enum Object {
    Entity(Entity),
    Module(Arc<ModuleObject>),
    Trap(Arc<TrapObject>),
    /// Made by `wasm_foreign_new`: a value of the host whose data is a [`Foreign`].
    Foreign(ExternRef),
}

/// `wasm_foreign_t`: nothing but what is attached to it.
pub(crate) struct Foreign(pub(crate) SharedInfo);

/// An object of another kind that a guest holds as `externref`.
struct Carried(Object);

/// Kinds, for casts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Func,
    Global,
    Table,
    Memory,
    Tag,
    Instance,
    Module,
    Trap,
    Foreign,
}

impl Object {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Entity(Entity::Func(_)) => Kind::Func,
            Self::Entity(Entity::Global(_)) => Kind::Global,
            Self::Entity(Entity::Table(_)) => Kind::Table,
            Self::Entity(Entity::Memory(_)) => Kind::Memory,
            Self::Entity(Entity::Tag(_)) => Kind::Tag,
            Self::Entity(Entity::Instance(_)) => Kind::Instance,
            Self::Module(_) => Kind::Module,
            Self::Trap(_) => Kind::Trap,
            Self::Foreign(_) => Kind::Foreign,
        }
    }

    /// The value that a guest gets for it as `externref`.
    pub(crate) fn to_extern_ref(&self) -> ExternRef {
        match self {
            Self::Foreign(value) => value.clone(),
            other => ExternRef::new(Carried(other.clone())),
        }
    }

    /// The object behind an `externref`.
    pub(crate) fn of_extern_ref(value: ExternRef) -> Self {
        match value.data().downcast_ref::<Carried>() {
            Some(Carried(object)) => object.clone(),
            None => Self::Foreign(value),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Entity(one), Self::Entity(other)) => one == other,
            (Self::Module(one), Self::Module(other)) => Arc::ptr_eq(one, other),
            (Self::Trap(one), Self::Trap(other)) => Arc::ptr_eq(one, other),
            (Self::Foreign(one), Self::Foreign(other)) => one.ptr_eq(other),
            _ => false,
        }
    }
}

/// `wasm_ref_t`, `wasm_extern_t`, `wasm_func_t`, …: an object and the store that it is of, if it needs one.
#[derive(Clone)]
pub(crate) struct Reference {
    store: Option<Arc<StoreCell>>,
    pub(crate) object: Object,
    /// The type of a function, once somebody asked.
    pub(crate) signature: OnceCell<Signature>,
}

impl Reference {
    /// To something that needs no store.
    pub(crate) fn of_object(object: Object) -> Box<Self> {
        Box::new(Self { store: None, object, signature: OnceCell::new() })
    }

    /// To something that may need its store.
    pub(crate) fn in_store(store: &Arc<StoreCell>, object: Object) -> Box<Self> {
        // The others would keep a store alive that nothing of them needs.
        let store = matches!(object, Object::Entity(_)).then(|| Arc::clone(store));
        Box::new(Self { store, object, signature: OnceCell::new() })
    }

    pub(crate) fn of_entity(store: &Arc<StoreCell>, entity: Entity) -> Box<Self> {
        Self::in_store(store, Object::Entity(entity))
    }

    /// The store of an entity.
    #[inline]
    pub(crate) fn store(&self) -> Result<&Arc<StoreCell>, Error> {
        self.store.as_ref().ok_or_else(|| TypeError::other("the reference refers to nothing of a store").into())
    }

    pub(crate) fn of_extern(store: &Arc<StoreCell>, entity: Extern) -> Box<Self> {
        let entity = match entity {
            Extern::Func(func) => Entity::Func(func),
            Extern::Global(global) => Entity::Global(global),
            Extern::Table(table) => Entity::Table(table),
            Extern::Memory(memory) => Entity::Memory(memory),
            Extern::Tag(tag) => Entity::Tag(tag),
        };
        Self::of_entity(store, entity)
    }

    /// What can be imported, if it is such a thing.
    pub(crate) fn as_extern(&self) -> Option<Extern> {
        match self.object {
            Object::Entity(Entity::Func(func)) => Some(func.into()),
            Object::Entity(Entity::Global(global)) => Some(global.into()),
            Object::Entity(Entity::Table(table)) => Some(table.into()),
            Object::Entity(Entity::Memory(memory)) => Some(memory.into()),
            Object::Entity(Entity::Tag(tag)) => Some(tag.into()),
            _ => None,
        }
    }

    fn host_info(&self) -> *mut c_void {
        match &self.object {
            Object::Entity(entity) => self.store().map_or(ptr::null_mut(), |store| store.host_info(entity)),
            Object::Module(module) => module.info.get(),
            Object::Trap(trap) => trap.info.get(),
            Object::Foreign(value) => foreign_info(value).map_or(ptr::null_mut(), SharedInfo::get),
        }
    }

    fn set_host_info(&self, info: HostInfo) {
        match &self.object {
            Object::Entity(entity) => {
                if let Ok(store) = self.store() {
                    store.set_host_info(*entity, info);
                }
            }
            Object::Module(module) => module.info.set(info),
            Object::Trap(trap) => trap.info.set(info),
            Object::Foreign(value) => {
                if let Some(place) = foreign_info(value) {
                    place.set(info);
                }
            }
        }
    }
}

fn foreign_info(value: &ExternRef) -> Option<&SharedInfo> {
    value.data().downcast_ref::<Foreign>().map(|Foreign(info)| info)
}

/// Whether what a pointer leads to, if to anything, is of one of these kinds.
fn is_one_of(reference: *const Reference, kinds: &[Kind]) -> bool {
    // SAFETY: pointers to references are null or valid.
    unsafe { reference.as_ref() }.is_some_and(|reference| kinds.contains(&reference.object.kind()))
}

/// What can be imported and exported.
pub(crate) const EXTERNS: &[Kind] = &[Kind::Func, Kind::Global, Kind::Table, Kind::Memory, Kind::Tag];

/// The casts between two names: up without a look, down if it is of one of the kinds, else to null.
macro_rules! casts {
    ($up:literal, $down:literal, $kinds:expr) => {
        const _: () = {
            #[unsafe(export_name = concat!("wasm_", $down, "_as_", $up))]
            // All names are one type here, so a cast is no more than a look at the kind.
            extern "C" fn up(reference: *mut Reference) -> *mut Reference {
                reference
            }

            #[unsafe(export_name = concat!("wasm_", $down, "_as_", $up, "_const"))]
            extern "C" fn up_const(reference: *const Reference) -> *const Reference {
                reference
            }

            #[unsafe(export_name = concat!("wasm_", $up, "_as_", $down))]
            extern "C" fn down(reference: *mut Reference) -> *mut Reference {
                if is_one_of(reference, $kinds) { reference } else { ptr::null_mut() }
            }

            #[unsafe(export_name = concat!("wasm_", $up, "_as_", $down, "_const"))]
            extern "C" fn down_const(reference: *const Reference) -> *const Reference {
                if is_one_of(reference, $kinds) { reference } else { ptr::null() }
            }
        };
    };
}

/// What every reference has.
macro_rules! reference_functions {
    ($name:literal) => {
        const _: () = {
            #[unsafe(export_name = concat!("wasm_", $name, "_delete"))]
            extern "C" fn delete(reference: Option<Box<Reference>>) {
                let _ = guard(|| reference.map(drop));
            }

            #[unsafe(export_name = concat!("wasm_", $name, "_copy"))]
            extern "C" fn copy(reference: Option<&Reference>) -> Option<Box<Reference>> {
                reference.cloned().map(Box::new)
            }

            #[unsafe(export_name = concat!("wasm_", $name, "_same"))]
            extern "C" fn same(one: Option<&Reference>, other: Option<&Reference>) -> bool {
                match (one, other) {
                    (Some(one), Some(other)) => one.object.is_same(&other.object),
                    (None, None) => true,
                    _ => false,
                }
            }

            #[unsafe(export_name = concat!("wasm_", $name, "_get_host_info"))]
            extern "C" fn get_host_info(reference: Option<&Reference>) -> *mut c_void {
                reference.map_or(ptr::null_mut(), Reference::host_info)
            }

            #[unsafe(export_name = concat!("wasm_", $name, "_set_host_info"))]
            extern "C" fn set_host_info(reference: Option<&Reference>, pointer: *mut c_void) {
                set_host_info_with_finalizer(reference, pointer, None);
            }

            #[unsafe(export_name = concat!("wasm_", $name, "_set_host_info_with_finalizer"))]
            extern "C" fn set_host_info_with_finalizer(
                reference: Option<&Reference>,
                pointer: *mut c_void,
                finalizer: Option<Finalizer>,
            ) {
                let info = HostInfo::new(pointer, finalizer);
                let _ = guard(|| reference.map(|reference| reference.set_host_info(info)));
            }
        };
    };
    ($name:literal, $kinds:expr) => {
        reference_functions!($name);
        casts!("ref", $name, $kinds);
    };
}

reference_functions!("ref");
reference_functions!("trap", &[Kind::Trap]);
reference_functions!("foreign", &[Kind::Foreign]);
reference_functions!("module", &[Kind::Module]);
reference_functions!("func", &[Kind::Func]);
reference_functions!("global", &[Kind::Global]);
reference_functions!("table", &[Kind::Table]);
reference_functions!("memory", &[Kind::Memory]);
reference_functions!("extern", EXTERNS);
reference_functions!("instance", &[Kind::Instance]);

casts!("extern", "func", &[Kind::Func]);
casts!("extern", "global", &[Kind::Global]);
casts!("extern", "table", &[Kind::Table]);
casts!("extern", "memory", &[Kind::Memory]);

#[unsafe(no_mangle)]
extern "C" fn wasm_foreign_new(store: Option<&crate::store::CStore>) -> Option<Box<Reference>> {
    store?;
    // The object needs no store; a null one is refused as everywhere else.
    Some(Reference::of_object(Object::Foreign(ExternRef::new(Foreign(SharedInfo::none())))))
}
