//! Groups of types are equal if they should be, subtypes are found by the displays, and what is given back is used again.

use super::*;
use wasmer_runtime_core::object::TracedRef;

fn reference(kind: TypeKind, index: u32) -> ValType {
    ValType::Ref(RefType { nullable: false, heap: HeapType::Concrete(kind, index) })
}

fn func(params: impl IntoIterator<Item = ValType>, results: impl IntoIterator<Item = ValType>) -> TypeDef {
    FuncType::new(params, results).into()
}

fn to_func(index: u32) -> ValType {
    reference(TypeKind::Func, index)
}

/// A struct that can have subtypes.
fn sub(supertype: Option<u32>, fields: &[ValType]) -> TypeDef {
    let field = |ty: &ValType| FieldType { storage: StorageType::Val(*ty), mutable: true };
    let composite = CompositeType::Struct(StructType { fields: fields.iter().map(field).collect() });
    TypeDef { composite, supertype, is_final: false }
}

/// A type that no other test has.
fn unusual(tag: usize) -> TypeDef {
    func(vec![ValType::V128; 100 + tag], [])
}

fn is_known(id: CanonicalId) -> bool {
    REGISTRY.read().unwrap().entry(id).is_some()
}

fn is_forgotten(tag: usize) -> bool {
    let registry = REGISTRY.read().unwrap();
    registry.entries.iter().flatten().all(|entry| *entry.ty != unusual(tag))
}

fn of_module(types: &[TypeDef], groups: &[(usize, usize)]) -> TypeIds {
    TypeIds::of_module(types, groups.iter().map(|(start, end)| *start..*end)).unwrap()
}

#[test]
fn equal_types_have_equal_ids() {
    let [a, b] =
        [[ValType::I32, ValType::I64], [ValType::I64, ValType::I32]].map(|[param, result]| func([param], [result]));
    let (one, same, other) = (TypeIds::of(&a).unwrap(), TypeIds::of(&a).unwrap(), TypeIds::of(&b).unwrap());
    assert_eq!(one[0], same[0]);
    assert_ne!(one[0], other[0]);
    assert_eq!(*lookup(other[0]), b);
}

#[test]
fn groups_are_equal_as_a_whole() {
    let pair = |extra: &[TypeDef]| {
        let mut types = vec![func([to_func(1)], []), func([to_func(0)], [])];
        types.extend_from_slice(extra);
        types
    };
    let pairs =
        of_module(&pair(&pair(&[]).iter().map(|ty| ty.map(|index| index + 2)).collect::<Vec<_>>()), &[(0, 2), (2, 4)]);
    assert_eq!(pairs[..2], pairs[2..], "the same group again");
    let singles = of_module(&[func([to_func(0)], [])], &[]);
    assert!(!pairs.contains(&singles[0]), "unrolled, but of another group");
    let longer = of_module(&pair(&[func([], [])]), &[(0, 3)]);
    assert!(longer.iter().all(|id| !pairs.contains(id)));
    assert_eq!(*lookup(pairs[0]), func([to_func(pairs[1].0)], []));
    let open = TypeDef { is_final: false, ..func([], []) };
    assert_ne!(TypeIds::of(&open).unwrap()[0], TypeIds::of(&func([], [])).unwrap()[0]);
}

#[test]
fn groups_are_forgotten_as_a_whole() {
    let types = [unusual(2), unusual(3), func([to_func(0), to_func(1)], [])];
    let module = of_module(&types, &[(0, 2)]);
    let ids = module.to_vec();
    assert_eq!(ids[1].0, ids[0].0 + CANONICAL_ID_STEP, "the ids of a group follow each other");
    let second =
        TypeIds::in_ref(RefType { nullable: true, heap: HeapType::Concrete(TypeKind::Func, ids[1].0) }).unwrap();
    drop(module);
    assert!(is_known(ids[0]) && !is_known(ids[2]));
    drop((second.clone(), second));
    assert!(is_forgotten(2));
}

#[test]
fn types_without_owners_are_forgotten() {
    // The second refers to the first, the third to the second and to itself.
    let types = [unusual(0), func([to_func(0)], []), func([to_func(1), to_func(2)], [to_func(2)])];
    let module = of_module(&types, &[]);
    let again = of_module(&types, &[]);
    assert_eq!(*module, *again);
    let ids = module.to_vec();
    let third = func([to_func(ids[1].0), to_func(ids[2].0)], [to_func(ids[2].0)]);
    assert_eq!(*lookup(ids[2]), third);
    let in_ref = |kind| TypeIds::in_ref(RefType { nullable: true, heap: HeapType::Concrete(kind, ids[2].0) });
    assert!(in_ref(TypeKind::Struct).is_none());
    let table = in_ref(TypeKind::Func).unwrap();
    drop((module, again));
    assert_eq!(*lookup(ids[2]), third);
    assert!(ids.iter().all(|id| is_known(*id)), "the third owns the others");
    drop(table);
    assert!(is_forgotten(0));
}

#[test]
fn what_means_nothing_is_not_owned() {
    let heap = HeapType::Concrete(TypeKind::Func, NOTHING - 1);
    assert!(TypeIds::in_ref(RefType { nullable: true, heap }).is_none());
    assert!(TypeIds::in_ref(RefType { nullable: true, heap: HeapType::Func }).unwrap().is_empty());
    let nonsense = func([to_func(NOTHING - 1)], [to_func(0)]);
    let id = TypeIds::of(&nonsense).unwrap();
    assert_eq!(*lookup(id[0]), nonsense);
    let inside = TypeIds::of(&func([to_func(INSIDE)], [])).unwrap();
    assert_eq!(*lookup(inside[0]), func([to_func(NOTHING)], []), "it does not mean itself");
}

#[test]
fn long_chains_are_forgotten_too() {
    let link = |index: u32| func([to_func(index), ValType::V128], [ValType::V128; 7]);
    let chain: Vec<_> = std::iter::once(unusual(1)).chain((0..100_000).map(link)).collect();
    let module = of_module(&chain, &[]);
    let last = TypeIds::of(&lookup(*module.last().unwrap())).unwrap();
    drop(module);
    assert!(is_known(last[0]));
    drop(last);
    assert!(is_forgotten(1));
}

#[test]
fn subtypes_are_found_at_any_depth() {
    // A chain of types, each the supertype of the next and of a final one beside it.
    let mut types = vec![sub(None, &[ValType::V128])];
    for depth in 0..40 {
        types.push(sub(Some(depth * 2), &[ValType::V128]));
        types.push(TypeDef { is_final: true, ..sub(Some(depth * 2 + 1), &[ValType::V128, ValType::F32]) });
        let last = types.len() - 1;
        types.swap(last, last - 1);
        types[last - 1].supertype = Some(depth * 2);
    }
    let ids = of_module(&types, &[]);
    for (index, id) in ids.iter().enumerate() {
        for (above, supertype) in ids.iter().enumerate() {
            let expected = above == index || above % 2 == 0 && above < index;
            assert_eq!(is_subtype(*id, *supertype), expected, "{index} {above}");
        }
    }
    let record = |id: CanonicalId| tables::display(id).unwrap().each_ref().map(|place| place.load(Ordering::Relaxed));
    assert_eq!(record(ids[0])[..2], [ids[0].0, 0]);
    assert_eq!(record(ids[3])[..4], [ids[0].0, ids[2].0, ids[3].0, 0]);
    let func = TypeIds::of(&func([ValType::V128; 3], [])).unwrap();
    assert_eq!(record(func[0]), [0; 16]);
    assert!(!is_subtype(ids[1], func[0]) && !is_subtype(func[0], ids[80]));
    for nothing in [NOTHING, IDS_END - CANONICAL_ID_STEP].map(CanonicalId) {
        assert!(!is_subtype(nothing, ids[0]) && !is_subtype(ids[0], nothing) && is_subtype(nothing, nothing));
    }
    let gone = ids[80];
    drop(ids);
    assert_eq!(record(gone), [0; 16]);
}

#[test]
fn references_follow_the_types() {
    let types = [sub(None, &[ValType::F32; 9]), sub(Some(0), &[ValType::F32; 9])];
    let ids = of_module(&types, &[]);
    let val = |nullable, heap| ValType::Ref(RefType { nullable, heap });
    let concrete = |nullable, index: usize| val(nullable, HeapType::Concrete(TypeKind::Struct, ids[index].0));
    for (ty, supertype, expected) in [
        (concrete(false, 1), concrete(true, 0), true),
        (concrete(true, 1), concrete(false, 0), false),
        (concrete(false, 0), concrete(false, 1), false),
        (concrete(true, 1), val(true, HeapType::Struct), true),
        (concrete(true, 1), val(true, HeapType::Any), true),
        (concrete(true, 1), val(true, HeapType::Array), false),
        (concrete(true, 1), val(true, HeapType::Func), false),
        (val(true, HeapType::None), concrete(true, 1), true),
        (val(true, HeapType::NoFunc), concrete(true, 1), false),
        (val(false, HeapType::I31), val(false, HeapType::Eq), true),
        (val(false, HeapType::Any), val(false, HeapType::Eq), false),
        (val(false, HeapType::NoExn), val(false, HeapType::Exn), true),
        (val(false, HeapType::Extern), val(false, HeapType::Any), false),
    ] {
        assert_eq!(is_val_subtype(ty, supertype), expected, "{ty} {supertype}");
    }
}

#[test]
fn the_collector_finds_references() {
    let anyref = ValType::Ref(RefType { nullable: true, heap: HeapType::Any });
    let types = [sub(None, &[ValType::I64, anyref, ValType::EXTERNREF, ValType::FUNCREF]), func([anyref], [])];
    let ids = of_module(&types, &[]);
    // SAFETY: the ids are owned.
    let [found, none, no_type] = [ids[0], ids[1], CanonicalId(0)].map(|id| unsafe { trace(id) });
    let refs = [(16, TracedRef::Internal), (24, TracedRef::Handle)].into();
    assert_eq!((found, none, no_type), (Some(&TypeTrace::Struct { size: 48, refs }), None, None));
}
