//! Canonical ids of function types, equal in the whole process. An id means its type as long as anybody owns it; then it may come to mean another.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, LazyLock, PoisonError, RwLock, RwLockWriteGuard};

use wasmer_runtime_core::layout::TYPE_ID_ABI_SHIFT;
use wasmer_runtime_core::types::{CanonicalId, FuncType, HeapType, RefType, ValType};

use crate::fork;

/// Stands for the type itself in a function type that refers to itself, so that equal ones are found.
const SELF: u32 = u32::MAX;
/// How many types there can be at the same time.
const TYPES_MAX: usize = 1 << TYPE_ID_ABI_SHIFT;

/// Ids of function types, owned: while this lives, they mean the same types.
#[derive(Debug, Default)]
pub struct TypeIds(Box<[CanonicalId]>);

impl TypeIds {
    /// The ids of a module's types, in order. Types refer only to themselves and to types before them. None if the process knows too many.
    pub fn of_module(types: impl Iterator<Item = FuncType>) -> Option<Self> {
        let mut ids: Vec<CanonicalId> = Vec::with_capacity(types.size_hint().0);
        let mut registry = write();
        for ty in types {
            let canonical = map_concrete(&ty, |index| ids.get(index as usize).map_or(SELF, |id| id.0));
            match registry.acquire(canonical) {
                Some(id) => ids.push(id),
                None => {
                    ids.into_iter().for_each(|id| registry.release(id));
                    return None;
                }
            }
        }
        Some(Self(ids.into()))
    }

    /// The id of a type whose concrete references are canonical ids. None if the process knows too many.
    pub fn of(ty: &FuncType) -> Option<Self> {
        Some(Self([write().acquire(ty.clone())?].into()))
    }

    /// The canonical id in a reference type, if there is one. None if it means nothing.
    pub fn in_ref(ty: RefType) -> Option<Self> {
        let HeapType::Concrete(_, id) = ty.heap else { return Some(Self::default()) };
        let id = CanonicalId(id);
        write().own(id).then(|| Self([id].into()))
    }
}

impl Deref for TypeIds {
    type Target = [CanonicalId];

    fn deref(&self) -> &[CanonicalId] {
        &self.0
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

/// The type with an id that somebody owns.
pub fn lookup(id: CanonicalId) -> Arc<FuncType> {
    let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(&registry.entries[id.0 as usize].as_ref().expect("somebody owns the id").ty)
}

/// A module's value type with canonical ids.
pub fn canonical_val(ty: ValType, ids: &[CanonicalId]) -> ValType {
    match ty {
        ValType::Ref(reference) => ValType::Ref(canonical_ref(reference, ids)),
        number => number,
    }
}

/// A module's reference type with canonical ids.
pub fn canonical_ref(ty: RefType, ids: &[CanonicalId]) -> RefType {
    map_ref(ty, |index| ids[index as usize].0)
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

#[derive(Default)]
struct Registry {
    /// By type, in which [`SELF`] stands for the type itself.
    ids: HashMap<Arc<FuncType>, CanonicalId>,
    /// By id.
    entries: Vec<Option<Entry>>,
    free: Vec<CanonicalId>,
}

struct Entry {
    key: Arc<FuncType>,
    /// The key with its own id for [`SELF`].
    ty: Arc<FuncType>,
    owners: usize,
    /// The types that it refers to: it owns them.
    owned: Box<[CanonicalId]>,
}

impl Registry {
    /// The id of a type, which has one owner more. None if there are too many types.
    fn acquire(&mut self, key: FuncType) -> Option<CanonicalId> {
        if let Some(&id) = self.ids.get(&key) {
            self.own(id);
            return Some(id);
        }
        let id = self.free.pop().or_else(|| self.grow())?;
        let owned = concrete(&key).filter(|id| self.own(*id)).collect();
        let key = Arc::new(key);
        let ty = Arc::new(map_concrete(&key, |index| if index == SELF { id.0 } else { index }));
        self.ids.insert(Arc::clone(&key), id);
        self.entries[id.0 as usize] = Some(Entry { key, ty, owners: 1, owned });
        Some(id)
    }

    fn grow(&mut self) -> Option<CanonicalId> {
        let id = self.entries.len();
        (id < TYPES_MAX).then(|| self.entries.push(None))?;
        Some(CanonicalId(id as u32))
    }

    /// Whether the id means a type, which then has one owner more.
    fn own(&mut self, id: CanonicalId) -> bool {
        let entry = self.entries.get_mut(id.0 as usize).and_then(Option::as_mut);
        entry.map(|entry| entry.owners += 1).is_some()
    }

    /// Takes back one [`Registry::own`] or [`Registry::acquire`]. A type without owners is forgotten, and owns nothing any more.
    fn release(&mut self, id: CanonicalId) {
        let mut pending = Vec::new();
        let mut next = Some(id);
        while let Some(id) = next {
            let place = &mut self.entries[id.0 as usize];
            let entry = place.as_mut().expect("somebody owns the id");
            entry.owners -= 1;
            if entry.owners == 0
                && let Some(entry) = place.take()
            {
                self.ids.remove(&entry.key);
                self.free.push(id);
                pending.extend(entry.owned);
            }
            next = pending.pop();
        }
    }
}

/// The canonical ids in a type, but for its own.
fn concrete(ty: &FuncType) -> impl Iterator<Item = CanonicalId> + '_ {
    ty.params.iter().chain(&ty.results).filter_map(|ty| match ty {
        ValType::Ref(RefType { heap: HeapType::Concrete(_, id), .. }) if *id != SELF => Some(CanonicalId(*id)),
        _ => None,
    })
}

fn map_ref(ty: RefType, map: impl Fn(u32) -> u32) -> RefType {
    match ty.heap {
        HeapType::Concrete(kind, index) => RefType { heap: HeapType::Concrete(kind, map(index)), ..ty },
        _ => ty,
    }
}

fn map_concrete(ty: &FuncType, map: impl Fn(u32) -> u32) -> FuncType {
    let val = |ty: &ValType| match *ty {
        ValType::Ref(reference) => ValType::Ref(map_ref(reference, &map)),
        number => number,
    };
    FuncType::new(ty.params.iter().map(val), ty.results.iter().map(val))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmer_runtime_core::types::TypeKind;

    fn reference(index: u32) -> ValType {
        ValType::Ref(RefType { nullable: false, heap: HeapType::Concrete(TypeKind::Func, index) })
    }

    /// A type that no other test has.
    fn unusual(tag: usize) -> FuncType {
        FuncType::new(vec![ValType::V128; 100 + tag], [])
    }

    fn is_known(id: CanonicalId) -> bool {
        REGISTRY.read().unwrap().entries[id.0 as usize].is_some()
    }

    #[test]
    fn equal_types_have_equal_ids() {
        let [a, b] = [[ValType::I32, ValType::I64], [ValType::I64, ValType::I32]]
            .map(|[param, result]| FuncType::new([param], [result]));
        let (one, same, other) = (TypeIds::of(&a).unwrap(), TypeIds::of(&a).unwrap(), TypeIds::of(&b).unwrap());
        assert_eq!(one[0], same[0]);
        assert_ne!(one[0], other[0]);
        assert_eq!(*lookup(other[0]), b);
    }

    #[test]
    fn types_without_owners_are_forgotten() {
        // The second refers to the first, the third to the second and to itself.
        let types = [
            unusual(0),
            FuncType::new([reference(0)], []),
            FuncType::new([reference(1), reference(2)], [reference(2)]),
        ];
        let module = TypeIds::of_module(types.iter().cloned()).unwrap();
        let again = TypeIds::of_module(types.iter().cloned()).unwrap();
        assert_eq!(*module, *again);
        let ids = module.to_vec();
        let third = FuncType::new([reference(ids[1].0), reference(ids[2].0)], [reference(ids[2].0)]);
        assert_eq!(*lookup(ids[2]), third);
        let table =
            TypeIds::in_ref(RefType { nullable: true, heap: HeapType::Concrete(TypeKind::Func, ids[2].0) }).unwrap();
        drop((module, again));
        assert_eq!(*lookup(ids[2]), third);
        assert!(ids.iter().all(|id| is_known(*id)), "the third owns the others");
        drop(table);
        assert!(REGISTRY.read().unwrap().ids.keys().all(|ty| **ty != unusual(0)));
    }

    #[test]
    fn what_means_nothing_is_not_owned() {
        assert!(
            TypeIds::in_ref(RefType { nullable: true, heap: HeapType::Concrete(TypeKind::Func, SELF - 1) }).is_none()
        );
        assert!(TypeIds::in_ref(RefType { nullable: true, heap: HeapType::Func }).unwrap().is_empty());
        let id = TypeIds::of(&FuncType::new([reference(SELF - 1)], [reference(SELF - 1)])).unwrap();
        assert_eq!(*lookup(id[0]), FuncType::new([reference(SELF - 1)], [reference(SELF - 1)]));
    }

    #[test]
    fn long_chains_are_forgotten_too() {
        let link = |index: u32| FuncType::new([reference(index), ValType::V128], [ValType::V128; 7]);
        let chain = std::iter::once(unusual(1)).chain((0..100_000).map(link));
        let module = TypeIds::of_module(chain).unwrap();
        let last = TypeIds::of(&lookup(*module.last().unwrap())).unwrap();
        drop(module);
        assert!(is_known(last[0]));
        drop(last);
        assert!(REGISTRY.read().unwrap().ids.keys().all(|ty| **ty != unusual(1)));
    }
}
