//! What an instance of a component is while it lives.

use std::ptr::NonNull;
use std::sync::Arc;

use wasmer_api::{AsStoreMut, Func, Global, Instance, Memory, MemoryPlace, Result};
use wasmer_component_translate::ComponentInfo;
use wasmer_component_translate::info::{HandleIdx, InstanceIdx, ResourceIdx, Step};

use crate::cell::StoreCell;
use crate::error::AbiTrap;
use crate::guest::Guest;
use crate::handles::{HandleTable, Removed, TypeId};
use crate::limits::HANDLES_MAX;
use crate::resource::ResourceType;

/// An instance of a component: what never changes, and the state in its store.
pub(crate) struct Shared {
    pub(crate) info: Arc<ComponentInfo>,
    /// By [`ResourceIdx`].
    pub(crate) resources: Arc<[ResourceInfo]>,
    cell: StoreCell<State>,
}

/// What is known of a resource type once imports are resolved.
#[derive(Clone, Copy)]
pub(crate) struct ResourceInfo {
    /// The first type that is the same: one of the host may be imported by several names.
    pub(crate) id: TypeId,
    /// Of the host's types.
    pub(crate) host: Option<ResourceType>,
    /// Who defines it, if not the host.
    pub(crate) owner: Option<InstanceIdx>,
}

/// What calls of a component change.
#[derive(Default)]
pub(crate) struct State {
    /// By component instance.
    pub(crate) tables: Vec<HandleTable>,
    /// By component instance.
    pub(crate) flags: Vec<Flag>,
    /// Calls that handles were lent to, innermost last.
    scopes: Vec<Scope>,
    /// What was lent to them, to be given back: of the innermost one last.
    lenders: Vec<Lender>,
    pub(crate) memories: Vec<Option<MemoryAt>>,
    pub(crate) reallocs: Vec<Option<Func>>,
    pub(crate) post_returns: Vec<Option<Func>>,
    /// Destructors by resource.
    pub(crate) dtors: Vec<Option<Func>>,
    /// Instances of core modules.
    pub(crate) cores: Vec<Instance>,
    /// Resources of guests that the host has.
    pub(crate) held: Vec<Held>,
    pub(crate) held_free: Vec<u32>,
    /// Whether a call is under way, or one has failed.
    pub(crate) busy: bool,
}

/// A memory of a core module, and where its address and length are unless it is shared.
#[derive(Clone, Copy)]
pub(crate) struct MemoryAt {
    pub(crate) memory: Memory,
    pub(crate) place: Option<MemoryPlace>,
}

/// Whether a component instance may call out: a global of the host that is one as long as it may, for adapters read and write it, too.
pub(crate) struct Flag {
    pub(crate) global: Global,
    word: NonNull<i32>,
}

// SAFETY: the place is only used by whoever has the store exclusively, see `State::may_leave`.
unsafe impl Send for Flag {}

impl Flag {
    pub(crate) fn new(store: &mut impl AsStoreMut, global: Global) -> Result<Self> {
        Ok(Self { global, word: global.i32_place(store)? })
    }
}

/// A call that handles may be lent to.
struct Scope {
    /// Handles that it was lent and still has.
    borrows: u32,
    /// Where in [`State::lenders`] those of this call begin.
    lenders: usize,
}

#[derive(Clone, Copy)]
enum Lender {
    Guest(InstanceIdx, u32),
    Host(u32),
}

/// A resource of a guest that the host has.
pub(crate) struct Held {
    pub(crate) ty: TypeId,
    pub(crate) rep: u32,
    /// Counts how often the place was used, so that an old name for it does not mean a new resource.
    pub(crate) serial: u32,
    pub(crate) is_live: bool,
    lends: u32,
}

impl Shared {
    pub(crate) fn new(
        store: &mut impl AsStoreMut,
        info: &Arc<ComponentInfo>,
        resources: Arc<[ResourceInfo]>,
        state: State,
    ) -> Self {
        Self { info: Arc::clone(info), resources, cell: StoreCell::new(store, state) }
    }

    /// The state, as long as the store is borrowed.
    #[inline]
    pub(crate) fn state<'a>(&'a self, store: &'a mut impl AsStoreMut) -> Result<&'a mut State> {
        self.cell.get(store)
    }

    /// Where the state is, for a call, which has the store from its beginning to its end.
    #[inline]
    pub(crate) fn place(&self, store: &mut impl AsStoreMut) -> Result<StatePlace> {
        self.cell.place(store).map(StatePlace)
    }

    /// Whether it is in a store.
    pub(crate) fn is_in(&self, store: &mut dyn Guest) -> bool {
        self.cell.place(store).is_ok()
    }

    /// The resource that handles of a type are of.
    #[inline]
    pub(crate) fn resource(&self, handle: HandleIdx) -> Result<(ResourceIdx, &ResourceInfo)> {
        let resource = self.info.types.handles[handle.index()].resource;
        // Only declarations of types have others.
        let resource = resource.ok_or(AbiTrap::Adapter("a handle of a resource that is only declared"))?;
        Ok((resource, &self.resources[resource.index()]))
    }

    /// Whether a component instance may call out.
    pub(crate) fn may_leave(&self, store: &mut impl AsStoreMut, instance: InstanceIdx) -> Result<()> {
        Ok(self.state(store)?.check_leave(instance)?)
    }

    /// Runs something during which a component instance may not call out.
    pub(crate) fn without_leaving<S: AsStoreMut, R>(
        &self,
        store: &mut S,
        instance: InstanceIdx,
        run: impl FnOnce(&mut S) -> Result<R>,
    ) -> Result<R> {
        *self.state(store)?.may_leave(instance) = 0;
        // After a failure nobody calls the instance again.
        let result = run(store)?;
        *self.state(store)?.may_leave(instance) = 1;
        Ok(result)
    }
}

/// Where the state of an instance is.
#[derive(Clone, Copy)]
pub(crate) struct StatePlace(*mut State);

// SAFETY: the pointer is only followed together with an exclusive borrow of the store that the state belongs to.
unsafe impl Send for StatePlace {}

impl StatePlace {
    /// The state.
    ///
    /// # Safety
    /// The instance is there, and whoever asks has its store exclusively, for the lifetime.
    #[inline]
    pub(crate) unsafe fn get<'a>(self) -> &'a mut State {
        // SAFETY: the caller's promise: whoever else wants the state needs the store.
        unsafe { &mut *self.0 }
    }
}

/// The component instance that defines each resource type.
pub(crate) fn owners(info: &ComponentInfo) -> Vec<Option<InstanceIdx>> {
    let mut owners = vec![None; info.resources as usize];
    for step in &info.steps {
        if let Step::Resource { resource, instance, .. } = step {
            owners[resource.index()] = Some(*instance);
        }
    }
    owners
}

impl State {
    pub(crate) fn new(info: &ComponentInfo, flags: Vec<Flag>) -> Self {
        Self {
            tables: (0..info.instances).map(|_| HandleTable::default()).collect(),
            flags,
            memories: vec![None; info.memories as usize],
            reallocs: vec![None; info.reallocs as usize],
            post_returns: vec![None; info.post_returns as usize],
            dtors: vec![None; info.resources as usize],
            ..Self::default()
        }
    }

    /// Whether a component instance may call out: zero or one.
    #[inline]
    pub(crate) fn may_leave(&mut self, instance: InstanceIdx) -> &mut i32 {
        // SAFETY: the global lives as long as the store. Whoever has this state has the store exclusively, so that no code runs, and nobody else uses the place.
        unsafe { self.flags[instance.index()].word.as_mut() }
    }

    /// Refuses to let a component instance call out that may not.
    #[inline]
    pub(crate) fn check_leave(&mut self, instance: InstanceIdx) -> Result<(), AbiTrap> {
        if *self.may_leave(instance) == 0 { Err(AbiTrap::CannotLeave) } else { Ok(()) }
    }

    /// A call begins that handles may be lent to.
    pub(crate) fn push_scope(&mut self) {
        self.scopes.push(Scope { borrows: 0, lenders: self.lenders.len() });
    }

    /// It ends.
    pub(crate) fn pop_scope(&mut self) -> Result<(), AbiTrap> {
        let Some(scope) = self.scopes.pop() else { return Ok(()) };
        if scope.borrows > 0 {
            return Err(AbiTrap::BorrowsRemain);
        }
        while self.lenders.len() > scope.lenders {
            match self.lenders.pop() {
                Some(Lender::Guest(instance, index)) => self.tables[instance.index()].give_back(index),
                Some(Lender::Host(place)) => self.held[place as usize].lends -= 1,
                None => break,
            }
        }
        Ok(())
    }

    /// A handle is used by the innermost call.
    pub(crate) fn lend(&mut self, instance: InstanceIdx, index: u32, ty: TypeId) -> Result<u32, AbiTrap> {
        let (rep, is_lent) = self.tables[instance.index()].lend(index, ty)?;
        if is_lent {
            self.lent(Lender::Guest(instance, index))?;
        }
        Ok(rep)
    }

    /// A handle for the innermost call.
    pub(crate) fn borrow(&mut self, instance: InstanceIdx, rep: u32, ty: TypeId) -> Result<u32, AbiTrap> {
        let number = self.scopes.len().checked_sub(1).ok_or(AbiTrap::Adapter("a handle is lent to no call"))?;
        let index = self.tables[instance.index()].insert_borrow(ty, rep, number as u32)?;
        self.scopes[number].borrows += 1;
        Ok(index)
    }

    /// `resource.drop`: what the handle owned, if it did.
    pub(crate) fn drop_handle(
        &mut self,
        instance: InstanceIdx,
        index: u32,
        ty: TypeId,
    ) -> Result<Option<u32>, AbiTrap> {
        match self.tables[instance.index()].remove(index, ty)? {
            Removed::Own { rep } => Ok(Some(rep)),
            Removed::Borrow { scope } => {
                if let Some(scope) = self.scopes.get_mut(scope as usize) {
                    scope.borrows = scope.borrows.saturating_sub(1);
                }
                Ok(None)
            }
        }
    }

    /// The host gets a resource of a guest: place and serial number.
    pub(crate) fn hold(&mut self, ty: TypeId, rep: u32) -> Result<(u32, u32), AbiTrap> {
        if let Some(place) = self.held_free.pop() {
            let held = &mut self.held[place as usize];
            *held = Held { ty, rep, serial: held.serial.wrapping_add(1), is_live: true, lends: 0 };
            return Ok((place, held.serial));
        }
        if self.held.len() >= HANDLES_MAX {
            return Err(AbiTrap::TooManyHandles);
        }
        self.held.push(Held { ty, rep, serial: 0, is_live: true, lends: 0 });
        Ok((self.held.len() as u32 - 1, 0))
    }

    fn held(&mut self, place: u32, serial: u32, ty: TypeId) -> Result<&mut Held, AbiTrap> {
        let held = self.held.get_mut(place as usize).filter(|held| held.is_live && held.serial == serial);
        let held = held.ok_or(AbiTrap::UnknownHandle(place))?;
        let names = ("guest-defined resource", "a different guest-defined resource");
        if held.ty != ty {
            return Err(AbiTrap::WrongHandleType { index: place, expected: names.0, found: names.1 });
        }
        Ok(held)
    }

    /// The type of a resource that the host has.
    pub(crate) fn held_type(&self, place: u32) -> Option<TypeId> {
        self.held.get(place as usize).map(|held| held.ty)
    }

    /// The host gives a resource of a guest away.
    pub(crate) fn release(&mut self, place: u32, serial: u32, ty: TypeId) -> Result<u32, AbiTrap> {
        let held = self.held(place, serial, ty)?;
        if held.lends > 0 {
            return Err(AbiTrap::Lent);
        }
        held.is_live = false;
        let rep = held.rep;
        self.held_free.push(place);
        Ok(rep)
    }

    /// The host lends a resource of a guest to the innermost call.
    pub(crate) fn lend_held(&mut self, place: u32, serial: u32, ty: TypeId) -> Result<u32, AbiTrap> {
        let held = self.held(place, serial, ty)?;
        held.lends += 1;
        let rep = held.rep;
        self.lent(Lender::Host(place))?;
        Ok(rep)
    }

    /// Something was lent to the innermost call.
    fn lent(&mut self, lender: Lender) -> Result<(), AbiTrap> {
        if self.scopes.is_empty() {
            return Err(AbiTrap::Adapter("a handle is lent to no call"));
        }
        self.lenders.push(lender);
        Ok(())
    }
}
