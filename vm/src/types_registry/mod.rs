//! Canonical ids of defined types, equal in the whole process. An id means its type as long as anybody owns it; then it may come to mean another.
//!
//! Types are equal if their recursion groups are (specification, section 3.1.3). So a group is looked up as a whole: its types, in which others of the
//! group are numbered within it and all others are canonical ids. Its ids follow each other, and are owned and forgotten together.

mod id_space;
mod key;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::{Deref, Range};
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, PoisonError, RwLock, RwLockWriteGuard};

use wasmer_runtime_core::layout::{CANONICAL_ID_STEP, TYPE_ID_ABI_SHIFT};
use wasmer_runtime_core::object::TypeTrace;
use wasmer_runtime_core::types::*;

use crate::fork;
use id_space::IdSpace;
use tables::Displays;
pub use tables::{displays, trace};
use tables::{id_at, position};

/// In a group's key: stands for the group's type of the number that is added.
const INSIDE: u32 = 1 << 31;
/// Canonical ids are below this.
const IDS_END: u32 = 1 << TYPE_ID_ABI_SHIFT;
/// Not a type: what a host's number becomes that could be taken for one inside a group.
const NOTHING: u32 = u32::MAX;

/// Ids of types, owned: while this lives, they mean the same types.
#[derive(Debug, Default)]
pub struct TypeIds(Box<[CanonicalId]>);

impl TypeIds {
    /// The ids of a module's types, in order. `groups` are the recursion groups of several types, in order; types refer only to their own group and to
    /// types before it. None if the process knows too many.
    pub fn of_module(types: &[TypeDef], groups: impl Iterator<Item = Range<usize>>) -> Option<Self> {
        let mut ids: Vec<CanonicalId> = Vec::with_capacity(types.len());
        let mut groups = groups.peekable();
        let mut key = Vec::new();
        let mut registry = write();
        registry.reserve(types.len());
        while ids.len() < types.len() {
            let start = ids.len();
            let group = groups.next_if(|group| group.start == start && group.end > start);
            let group = group.map_or(start..start + 1, |group| start..group.end.min(types.len()));
            let number = |index: u32| match index as usize {
                outside if outside < start => ids[outside].0,
                inside => INSIDE + (inside - start) as u32,
            };
            match registry.acquire(&types[group.clone()], number, &mut key) {
                Some(first) => ids.extend((first..).take(group.len()).map(id_at)),
                None => {
                    ids.into_iter().for_each(|id| registry.release(id));
                    return None;
                }
            }
        }
        Some(Self(ids.into()))
    }

    /// The id of a type whose concrete references are canonical ids, and which is a group for itself. None if the process knows too many.
    pub fn of(ty: &TypeDef) -> Option<Self> {
        let number = |id| if (INSIDE..INSIDE + IDS_END).contains(&id) { NOTHING } else { id };
        let first = write().acquire(std::slice::from_ref(ty), number, &mut Vec::new())?;
        Some(Self([id_at(first)].into()))
    }

    /// The canonical id in a reference type, if there is one. None if it means nothing.
    pub fn in_ref(ty: RefType) -> Option<Self> {
        let HeapType::Concrete(kind, id) = ty.heap else { return Some(Self::default()) };
        let id = CanonicalId(id);
        let mut registry = write();
        let is_known = registry.entry(id).is_some_and(|entry| entry.ty.kind() == kind);
        (is_known && registry.own(id)).then(|| Self([id].into()))
    }
}

impl Deref for TypeIds {
    type Target = [CanonicalId];

    fn deref(&self) -> &[CanonicalId] {
        &self.0
    }
}

impl Clone for TypeIds {
    fn clone(&self) -> Self {
        if !self.0.is_empty() {
            let mut registry = write();
            self.0.iter().for_each(|id| assert!(registry.own(*id), "they are owned"));
        }
        Self(self.0.clone())
    }
}

impl Drop for TypeIds {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            let mut registry = write();
            self.0.iter().for_each(|id| registry.release(*id));
        }
    }
}

/// A function type that the registry knows.
#[derive(Clone, Debug)]
pub struct KnownFunc(Arc<TypeDef>);

impl KnownFunc {
    /// The type itself.
    pub fn clone_type(&self) -> FuncType {
        FuncType::clone(self)
    }
}

impl Deref for KnownFunc {
    type Target = FuncType;

    #[inline]
    fn deref(&self) -> &FuncType {
        self.0.func().expect("made of function types only")
    }
}

/// The type with an id that somebody owns.
pub fn lookup(id: CanonicalId) -> Arc<TypeDef> {
    let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(&registry.entry(id).expect("somebody owns the id").ty)
}

/// The function type with an id that somebody owns. The id of a function or a tag.
pub fn lookup_func(id: CanonicalId) -> KnownFunc {
    let ty = lookup(id);
    assert!(ty.func().is_some(), "functions and tags have function types");
    KnownFunc(ty)
}

/// Whether values of the one type are of the other. Somebody owns both.
pub fn is_subtype(ty: CanonicalId, supertype: CanonicalId) -> bool {
    ty == supertype || is_below(ty, supertype)
}

fn is_below(ty: CanonicalId, supertype: CanonicalId) -> bool {
    let Some([display, above]) = tables::display(ty).zip(tables::display(supertype)).map(<[_; 2]>::from) else {
        return false;
    };
    let at = |display: &tables::Display, depth: usize| display[depth].load(Ordering::Relaxed);
    match (0..above.len()).find(|depth| at(above, *depth) == supertype.0) {
        Some(depth) => at(display, depth) == supertype.0,
        // Final types without supertypes have an empty display, types far below others a full one that they are not in.
        None => at(above, above.len() - 1) != 0 && is_far_below(ty, supertype),
    }
}

#[cold]
fn is_far_below(ty: CanonicalId, supertype: CanonicalId) -> bool {
    let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
    let above = |id: &CanonicalId| registry.entry(*id)?.supertype();
    std::iter::successors(Some(ty), above).any(|id| id == supertype)
}

/// Whether values of the one type are of the other: their concrete references are canonical ids that somebody owns.
pub fn is_val_subtype(ty: ValType, supertype: ValType) -> bool {
    ty.is_subtype_of(supertype, is_subtype)
}

/// A module's value type with canonical ids.
pub fn canonical_val(ty: ValType, ids: &[CanonicalId]) -> ValType {
    ty.map(|index| ids[index as usize].0)
}

/// A module's reference type with canonical ids.
pub fn canonical_ref(ty: RefType, ids: &[CanonicalId]) -> RefType {
    ty.map(|index| ids[index as usize].0)
}

static REGISTRY: LazyLock<RwLock<Registry>> = LazyLock::new(RwLock::default);

/// The lock, for the thread that forks.
pub(crate) fn lock() -> Box<dyn std::any::Any> {
    Box::new(write())
}

fn write() -> RwLockWriteGuard<'static, Registry> {
    fork::register();
    REGISTRY.write().unwrap_or_else(PoisonError::into_inner)
}

struct Registry {
    /// The positions of the first ids of groups, by their [keys](key).
    groups: HashMap<Arc<[u8]>, u32>,
    /// By the [positions](position) of their ids.
    entries: Vec<Option<Entry>>,
    /// Which positions are free. Id 0 is no type's.
    positions: IdSpace,
    displays: Displays,
}

struct Entry {
    ty: Arc<TypeDef>,
    /// How many supertypes it has.
    depth: u32,
    /// The position of the first id of its group.
    first: u32,
    /// Of the first type of a group.
    group: Option<Group>,
}

#[derive(Default)]
struct Group {
    key: Arc<[u8]>,
    /// How many types it has.
    len: usize,
    owners: usize,
    /// The types that it refers to: it owns them.
    owned: Box<[CanonicalId]>,
}

impl Entry {
    fn supertype(&self) -> Option<CanonicalId> {
        self.ty.supertype.map(CanonicalId)
    }

    /// Whether it has a record in the table of displays: most function types need none.
    fn has_display(ty: &TypeDef) -> bool {
        ty.kind() != TypeKind::Func || !ty.is_final || ty.supertype.is_some()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            groups: HashMap::new(),
            entries: Vec::new(),
            positions: IdSpace::new(1..tables::RECORDS as u32),
            displays: Displays::default(),
        }
    }
}

impl Registry {
    fn entry(&self, id: CanonicalId) -> Option<&Entry> {
        let is_one = id.0.is_multiple_of(CANONICAL_ID_STEP);
        self.entries.get(position(id)).filter(|_| is_one)?.as_ref()
    }

    fn group(&mut self, id: CanonicalId) -> Option<&mut Group> {
        let first = self.entry(id)?.first;
        self.entries[first as usize].as_mut()?.group.as_mut()
    }

    /// Makes room for so many groups and types more.
    fn reserve(&mut self, types: usize) {
        self.groups.reserve(types);
        self.entries.reserve(types);
    }

    /// The position of the first id of a group, of which each type has one owner more. None if there are too many types. `number` says what numbers in the types stand for;
    /// `key` is room to write in.
    fn acquire(&mut self, types: &[TypeDef], number: impl Fn(u32) -> u32 + Copy, key: &mut Vec<u8>) -> Option<u32> {
        key.clear();
        types.iter().for_each(|ty| key::write(key, ty, number));
        if let Some(&first) = self.groups.get(key.as_slice()) {
            self.group(id_at(first)).expect("it is known").owners += types.len();
            return Some(first);
        }
        let first = self.positions.take(types.len() as u32)?;
        let taken = first..first + types.len() as u32;
        let in_table = self.displays.exist() || types.iter().any(Entry::has_display);
        if in_table && self.displays.reach(self.entries.len().max(taken.end as usize)).is_err() {
            self.positions.give_back(taken);
            return None;
        }
        if self.entries.len() < taken.end as usize {
            self.entries.resize_with(taken.end as usize, || None);
        }
        let canonical = |index| match number(index) {
            inside @ INSIDE.. if inside - INSIDE < IDS_END => id_at(first + (inside - INSIDE)).0,
            outside => outside,
        };
        let mut owned = vec![];
        for (id, ty) in taken.clone().map(id_at).zip(types) {
            let ty = ty.map(canonical);
            owned.extend(
                references(&ty).filter(|other| other.0 < IDS_END && !taken.contains(&(position(*other) as u32))),
            );
            self.add(id, first, ty);
        }
        owned.retain(|id| self.own(*id));
        let key = Arc::<[u8]>::from(key.as_slice());
        self.groups.insert(Arc::clone(&key), first);
        let group = Group { key, len: types.len(), owners: types.len(), owned: owned.into() };
        self.entries[first as usize].as_mut().expect("it was just added").group = Some(group);
        Some(first)
    }

    /// Adds a type of the group that starts at the position `first`; its supertype is known.
    fn add(&mut self, id: CanonicalId, first: u32, ty: TypeDef) {
        let supertype = ty.supertype.map(CanonicalId).filter(|id| self.entry(*id).is_some());
        let depth = supertype.and_then(|id| self.entry(id)).map_or(0, |entry| entry.depth + 1);
        if Entry::has_display(&ty) {
            self.displays.write(id, depth, supertype);
        }
        if ty.kind() != TypeKind::Func {
            tables::set_trace(id, Some(TypeTrace::of(&ty.composite)));
        }
        self.entries[position(id)] = Some(Entry { ty: Arc::new(ty), depth, first, group: None });
    }

    /// Whether the id means a type, which then has one owner more.
    fn own(&mut self, id: CanonicalId) -> bool {
        self.group(id).map(|group| group.owners += 1).is_some()
    }

    /// Takes back one [`Registry::own`] of a type or its part of [`Registry::acquire`]. A group without owners is forgotten, and owns nothing any more.
    fn release(&mut self, id: CanonicalId) {
        let mut pending = vec![];
        let mut next = Some(id);
        while let Some(id) = next {
            let group = self.group(id).expect("somebody owns the id");
            group.owners -= 1;
            if group.owners == 0 {
                pending.extend(self.forget(id));
            }
            next = pending.pop();
        }
    }

    /// Forgets the group of a type, and returns what it owned.
    fn forget(&mut self, id: CanonicalId) -> Box<[CanonicalId]> {
        let first = self.entry(id).expect("it is known").first;
        let Group { key, len, owned, .. } = self.group(id).map(std::mem::take).expect("it is known");
        self.groups.remove(&key);
        let taken = first..first + len as u32;
        for id in taken.clone().map(id_at) {
            let entry = self.entries[position(id)].take().expect("it is known");
            if Entry::has_display(&entry.ty) {
                self.displays.clear(id);
            }
            tables::set_trace(id, None);
        }
        self.positions.give_back(taken);
        owned
    }
}

/// The numbers of types in a type.
fn references(ty: &TypeDef) -> impl Iterator<Item = CanonicalId> + '_ {
    let id = |ty: ValType| match ty {
        ValType::Ref(RefType { heap: HeapType::Concrete(_, id), .. }) => Some(id),
        _ => None,
    };
    ty.values().filter_map(id).chain(ty.supertype).map(CanonicalId)
}
