//! Canonical ids of function types, equal in the whole process. Types are never forgotten: there are few.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::types::{CanonicalId, FuncType};
use crate::vm::layout::TYPE_ID_ABI_SHIFT;

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
    types.as_ref().expect("an id was given").types[id.0 as usize].clone()
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
