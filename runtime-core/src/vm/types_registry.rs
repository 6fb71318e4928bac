//! Canonical ids of function types, equal in the whole process. Types are never forgotten: there are few.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::types::{CanonicalId, FuncType, HeapType, RefType, ValType};
use crate::vm::layout::TYPE_ID_ABI_SHIFT;

/// Stands for the type itself in a function type that refers to itself, as long as its id is not known.
const SELF: u32 = u32::MAX;

#[derive(Default)]
struct Types {
    ids: HashMap<FuncType, CanonicalId>,
    types: Vec<FuncType>,
}

static TYPES: RwLock<Option<Types>> = RwLock::new(None);

/// The id of a function type whose concrete references are canonical ids.
pub fn intern(ty: &FuncType) -> CanonicalId {
    let known = TYPES.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(id) = known.as_ref().and_then(|types| types.ids.get(ty)) {
        return *id;
    }
    drop(known);
    let mut types = TYPES.write().unwrap_or_else(PoisonError::into_inner);
    let types = types.get_or_insert_default();
    if let Some(id) = types.ids.get(ty) {
        return *id;
    }
    let id = CanonicalId(types.types.len() as u32);
    assert!(id.0 < 1 << TYPE_ID_ABI_SHIFT, "more than 2^28 different function types in one process");
    types.types.push(ty.clone());
    types.ids.insert(ty.clone(), id);
    id
}

/// The type with an id that [`intern`] gave.
pub fn lookup(id: CanonicalId) -> FuncType {
    let types = TYPES.read().unwrap_or_else(PoisonError::into_inner);
    let ty = &types.as_ref().expect("an id was given").types[id.0 as usize];
    map_concrete(ty, |index| if index == SELF { id.0 } else { index })
}

/// The canonical ids of a module's types, in order. Types refer only to themselves and to types before them.
pub fn intern_all(types: impl Iterator<Item = FuncType>) -> Box<[CanonicalId]> {
    let mut ids: Vec<CanonicalId> = Vec::with_capacity(types.size_hint().0);
    for ty in types {
        let canonical = map_concrete(&ty, |index| ids.get(index as usize).map_or(SELF, |id| id.0));
        ids.push(intern(&canonical));
    }
    ids.into()
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

fn map_ref(ty: RefType, map: impl Fn(u32) -> u32) -> RefType {
    match ty.heap {
        HeapType::Concrete(index) => RefType { heap: HeapType::Concrete(map(index)), ..ty },
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
    use crate::types::ValType;

    #[test]
    fn equal_types_have_equal_ids() {
        let a = FuncType::new([ValType::I32], [ValType::I64]);
        let b = FuncType::new([ValType::I64], [ValType::I32]);
        assert_eq!(intern(&a), intern(&a.clone()));
        assert_ne!(intern(&a), intern(&b));
        assert_eq!(lookup(intern(&b)), b);
    }
}
