//! What groups are looked up by: their types as bytes, which are equal exactly if the types are.
//!
//! Each type says how long it is before it goes on, so no sequence of types begins with another one's bytes.

use wasmer_runtime_core::types::*;

/// Appends a type of which `number` says what its numbers of types stand for.
pub(super) fn write(key: &mut Vec<u8>, ty: &TypeDef, number: impl Fn(u32) -> u32 + Copy) {
    let kind = match ty.kind() {
        TypeKind::Func => 0,
        TypeKind::Struct => 1,
        TypeKind::Array => 2,
    };
    key.push(kind | u8::from(ty.is_final) << 2 | u8::from(ty.supertype.is_some()) << 3);
    if let Some(supertype) = ty.supertype {
        write_number(key, number(supertype));
    }
    match &ty.composite {
        CompositeType::Func(ty) => {
            for list in [&ty.params, &ty.results] {
                write_len(key, list.len());
                list.iter().for_each(|ty| write_val(key, *ty, number));
            }
        }
        CompositeType::Struct(ty) => {
            write_len(key, ty.fields.len());
            ty.fields.iter().for_each(|field| write_field(key, field, number));
        }
        CompositeType::Array(ty) => write_field(key, &ty.element, number),
    }
}

fn write_number(key: &mut Vec<u8>, number: u32) {
    key.extend(number.to_le_bytes());
}

/// A byte for nearly all lengths.
fn write_len(key: &mut Vec<u8>, len: usize) {
    match u8::try_from(len) {
        Ok(short) if short < u8::MAX => key.push(short),
        _ => {
            key.push(u8::MAX);
            key.extend((len as u64).to_le_bytes());
        }
    }
}

fn write_field(key: &mut Vec<u8>, field: &FieldType, number: impl Fn(u32) -> u32) {
    key.push(field.mutable.into());
    match field.storage {
        StorageType::I8 => key.push(PACKED),
        StorageType::I16 => key.push(PACKED + 1),
        StorageType::Val(ty) => write_val(key, ty, number),
    }
}

/// The first byte of references that are never null; that of nullable ones is the next.
const REFERENCE: u8 = 5;
/// The byte of fields of 8 bits; that of 16 bits is the next.
const PACKED: u8 = 7;

fn write_val(key: &mut Vec<u8>, ty: ValType, number: impl Fn(u32) -> u32) {
    match ty {
        ValType::I32 => key.push(0),
        ValType::I64 => key.push(1),
        ValType::F32 => key.push(2),
        ValType::F64 => key.push(3),
        ValType::V128 => key.push(4),
        ValType::Ref(ty) => {
            key.push(REFERENCE + u8::from(ty.nullable));
            write_heap(key, ty.heap, number);
        }
    }
}

fn write_heap(key: &mut Vec<u8>, ty: HeapType, number: impl Fn(u32) -> u32) {
    key.push(match ty {
        HeapType::Func => 0,
        HeapType::NoFunc => 1,
        HeapType::Extern => 2,
        HeapType::NoExtern => 3,
        HeapType::Any => 4,
        HeapType::None => 5,
        HeapType::Eq => 6,
        HeapType::I31 => 7,
        HeapType::Struct => 8,
        HeapType::Array => 9,
        HeapType::Exn => 10,
        HeapType::NoExn => 11,
        HeapType::Concrete(TypeKind::Func, _) => 12,
        HeapType::Concrete(TypeKind::Struct, _) => 13,
        HeapType::Concrete(TypeKind::Array, _) => 14,
    });
    if let HeapType::Concrete(_, index) = ty {
        write_number(key, number(index));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn key(types: &[&TypeDef]) -> Vec<u8> {
        let mut key = vec![];
        types.iter().for_each(|ty| write(&mut key, ty, |index| index));
        key
    }

    fn vals() -> Vec<ValType> {
        let heaps = [TypeKind::Func, TypeKind::Struct, TypeKind::Array].map(|kind| [0, 1].map(|index| (kind, index)));
        let mut heaps: Vec<_> =
            heaps.as_flattened().iter().map(|(kind, index)| HeapType::Concrete(*kind, *index)).collect();
        heaps.extend([HeapType::Func, HeapType::NoFunc, HeapType::Extern, HeapType::NoExtern, HeapType::Any]);
        heaps.extend([HeapType::None, HeapType::Eq, HeapType::I31, HeapType::Struct, HeapType::Array]);
        heaps.extend([HeapType::Exn, HeapType::NoExn]);
        let refs = heaps.iter().flat_map(|heap| [true, false].map(|nullable| RefType { nullable, heap: *heap }));
        let numbers = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];
        numbers.into_iter().chain(refs.map(ValType::Ref)).collect()
    }

    /// Every kind of type with up to two of all values, and some long ones.
    fn composites() -> Vec<CompositeType> {
        let vals = vals();
        let lists = std::iter::once(vec![]).chain(vals.iter().map(|ty| vec![*ty]));
        let lists: Vec<_> = lists.chain([2, 254, 255, 256].map(|len| vec![ValType::I32; len])).collect();
        let none = &[][..];
        let funcs =
            lists.iter().flat_map(|list| [(list.as_slice(), none), (none, list), (list, &list[..list.len().min(1)])]);
        let funcs = funcs.map(|(params, results)| FuncType::new(params.iter().copied(), results.iter().copied()));
        let storages = vals.iter().map(|ty| StorageType::Val(*ty)).chain([StorageType::I8, StorageType::I16]);
        let fields: Vec<_> =
            storages.flat_map(|storage| [true, false].map(|mutable| FieldType { storage, mutable })).collect();
        let structs = fields.iter().flat_map(|field| [0, 1, 2, 300].map(|len| vec![*field; len].into()));
        let structs = structs.map(|fields| CompositeType::Struct(StructType { fields }));
        let arrays = fields.iter().map(|element| CompositeType::Array(ArrayType { element: *element }));
        funcs.map(CompositeType::Func).chain(structs).chain(arrays).collect()
    }

    fn all_types() -> Vec<TypeDef> {
        let places = [None, Some(0), Some(1)].map(|supertype| [true, false].map(|is_final| (supertype, is_final)));
        let with = |composite: &CompositeType| {
            let composite = composite.clone();
            places.as_flattened().iter().map(move |(supertype, is_final)| TypeDef {
                composite: composite.clone(),
                supertype: *supertype,
                is_final: *is_final,
            })
        };
        composites().iter().flat_map(with).collect()
    }

    #[test]
    fn keys_are_equal_exactly_if_types_are() {
        let types = all_types();
        let mut keys = HashMap::new();
        for ty in &types {
            assert_eq!(**keys.entry(key(&[ty])).or_insert(ty), *ty);
        }
        assert!(keys.len() > 1000, "{}", keys.len());
        // No key begins another one, so a group's key says where its types end.
        let mut sorted: Vec<_> = keys.keys().collect();
        sorted.sort();
        assert!(sorted.windows(2).all(|pair| !pair[1].starts_with(pair[0])));
        let numbered = |number: fn(u32) -> u32| {
            let mut key = vec![];
            types.iter().for_each(|ty| write(&mut key, ty, number));
            key
        };
        let mapped: Vec<_> = types.iter().map(|ty| ty.map(|index| index + 7)).collect();
        assert_eq!(numbered(|index| index + 7), key(&mapped.iter().collect::<Vec<_>>()));
    }
}
