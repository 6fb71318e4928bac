//! A script's arguments and expected results.

use wasmer_api::{AnyRef, ExternRef, Store, Val};
use wasmer_runtime_core::types::{HeapType as Type, RefKind, RefType};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::{WastArg, WastRet};

use super::Miss;

/// The value of an argument.
pub(super) fn argument(arg: &WastArg<'_>, store: &mut Store<()>) -> Result<Val, Miss> {
    let WastArg::Core(arg) = arg else { return Err("the argument is one for a component".into()) };
    Ok(match arg {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(heap) => match kind_of(heap)? {
            RefKind::Func => Val::FuncRef(None),
            RefKind::Extern => Val::ExternRef(None),
            RefKind::Exn => Val::ExnRef(None),
            RefKind::Internal => Val::AnyRef(None),
        },
        WastArgCore::RefExtern(number) => Val::ExternRef(Some(ExternRef::new(*number))),
        WastArgCore::RefHost(number) => {
            let inside = AnyRef::internal(store, &ExternRef::new(*number));
            Val::AnyRef(Some(inside.map_err(|error| error.to_string())?))
        }
    })
}

/// What the null of a type is.
fn kind_of(heap: &HeapType<'_>) -> Result<RefKind, Miss> {
    use AbstractHeapType::*;
    Ok(match heap {
        HeapType::Abstract { ty: Func | NoFunc, .. } | HeapType::Concrete(_) | HeapType::Exact(_) => RefKind::Func,
        HeapType::Abstract { ty: Extern | NoExtern, .. } => RefKind::Extern,
        HeapType::Abstract { ty: Exn | NoExn, .. } => RefKind::Exn,
        HeapType::Abstract { ty: Any | Eq | I31 | Struct | Array | None, .. } => RefKind::Internal,
        HeapType::Abstract { ty: Cont | NoCont, .. } => return Err("continuations are not supported".into()),
    })
}

/// Compares results in number, type and bits.
pub(super) fn compare(found: &[Val], expected: &[WastRet<'_>], store: &mut Store<()>) -> Result<(), Miss> {
    if found.len() != expected.len() {
        return Err(format!("{} results instead of {}: {found:?}", found.len(), expected.len()).into());
    }
    for (position, (found, expected)) in found.iter().zip(expected).enumerate() {
        let WastRet::Core(expected) = expected else { return Err("the result is one of a component".into()) };
        if !matches(found, expected, store) {
            return Err(format!("result {position} is {}, not {expected:?}", describe(found)).into());
        }
    }
    Ok(())
}

fn describe(value: &Val) -> String {
    match value {
        Val::F32(bits) => format!("F32({bits:#010x} = {})", f32::from_bits(*bits)),
        Val::F64(bits) => format!("F64({bits:#018x} = {})", f64::from_bits(*bits)),
        Val::V128(bits) => format!("V128({bits:#034x})"),
        other => format!("{other:?}"),
    }
}

fn matches(found: &Val, expected: &WastRetCore<'_>, store: &mut Store<()>) -> bool {
    match (found, expected) {
        (Val::I32(found), WastRetCore::I32(expected)) => found == expected,
        (Val::I64(found), WastRetCore::I64(expected)) => found == expected,
        (Val::F32(found), WastRetCore::F32(expected)) => matches_f32(*found, expected),
        (Val::F64(found), WastRetCore::F64(expected)) => matches_f64(*found, expected),
        (Val::V128(found), WastRetCore::V128(expected)) => matches_v128(*found, expected),
        (Val::FuncRef(None), WastRetCore::RefNull(heap)) => is_null(RefKind::Func, heap),
        (Val::ExternRef(None), WastRetCore::RefNull(heap)) => is_null(RefKind::Extern, heap),
        (Val::ExnRef(None), WastRetCore::RefNull(heap)) => is_null(RefKind::Exn, heap),
        (Val::AnyRef(None), WastRetCore::RefNull(heap)) => is_null(RefKind::Internal, heap),
        (Val::FuncRef(Some(_)), WastRetCore::RefFunc(index)) => index.is_none(),
        (Val::ExternRef(Some(_)), WastRetCore::RefExtern(None)) => true,
        (Val::ExternRef(Some(found)), WastRetCore::RefExtern(Some(expected))) => {
            found.data().downcast_ref::<u32>() == Some(expected)
        }
        (Val::AnyRef(Some(found)), WastRetCore::RefHost(expected)) => {
            let outside = found.external(store);
            outside.is_ok_and(|outside| outside.data().downcast_ref::<u32>() == Some(expected))
        }
        (Val::AnyRef(Some(found)), WastRetCore::RefAny) => is_of(found, Type::Any, store),
        (Val::AnyRef(Some(found)), WastRetCore::RefEq) => is_of(found, Type::Eq, store),
        (Val::AnyRef(Some(found)), WastRetCore::RefI31) => is_of(found, Type::I31, store),
        (Val::AnyRef(Some(found)), WastRetCore::RefStruct) => is_of(found, Type::Struct, store),
        (Val::AnyRef(Some(found)), WastRetCore::RefArray) => is_of(found, Type::Array, store),
        (found, WastRetCore::Either(options)) => options.iter().any(|expected| matches(found, expected, store)),
        _ => false,
    }
}

/// Whether null of a kind is expected, if any type is named.
fn is_null(kind: RefKind, heap: &Option<HeapType<'_>>) -> bool {
    heap.as_ref().is_none_or(|heap| kind_of(heap).is_ok_and(|expected| expected == kind))
}

fn is_of(found: &AnyRef, heap: Type, store: &Store<()>) -> bool {
    found.matches(store, RefType { nullable: false, heap }).is_ok_and(|matches| matches)
}

/// Canonical NaN: only the top bit of the payload is set. Arithmetic NaN: at least that bit.
fn matches_f32(found: u32, expected: &NanPattern<wast::token::F32>) -> bool {
    match expected {
        NanPattern::CanonicalNan => found & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => found & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(expected) => found == expected.bits,
    }
}

fn matches_f64(found: u64, expected: &NanPattern<wast::token::F64>) -> bool {
    match expected {
        NanPattern::CanonicalNan => found & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => found & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        NanPattern::Value(expected) => found == expected.bits,
    }
}

fn matches_v128(found: u128, expected: &V128Pattern) -> bool {
    let lane = |bits: u32, position: usize| (found >> (bits as usize * position)) as u64;
    match expected {
        V128Pattern::I8x16(lanes) => lanes.iter().enumerate().all(|(i, x)| lane(8, i) as u8 == *x as u8),
        V128Pattern::I16x8(lanes) => lanes.iter().enumerate().all(|(i, x)| lane(16, i) as u16 == *x as u16),
        V128Pattern::I32x4(lanes) => lanes.iter().enumerate().all(|(i, x)| lane(32, i) as u32 == *x as u32),
        V128Pattern::I64x2(lanes) => lanes.iter().enumerate().all(|(i, x)| lane(64, i) == *x as u64),
        V128Pattern::F32x4(lanes) => lanes.iter().enumerate().all(|(i, x)| matches_f32(lane(32, i) as u32, x)),
        V128Pattern::F64x2(lanes) => lanes.iter().enumerate().all(|(i, x)| matches_f64(lane(64, i), x)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_patterns() {
        assert!(matches_f32(0xffc0_0000, &NanPattern::CanonicalNan));
        assert!(!matches_f32(0x7fc0_0001, &NanPattern::CanonicalNan));
        assert!(matches_f32(0x7fc0_0001, &NanPattern::ArithmeticNan));
        assert!(!matches_f32(0x7fa0_0000, &NanPattern::ArithmeticNan));
        assert!(!matches_f64(0x7ff0_0000_0000_0000, &NanPattern::ArithmeticNan));
    }

    #[test]
    fn the_number_of_results_counts() {
        let engine = wasmer_api::Engine::new(wasmer_api::EngineConfig::headless()).unwrap();
        let mut store = Store::new(&engine, ());
        assert!(compare(&[Val::I32(1)], &[], &mut store).is_err());
        assert!(compare(&[Val::I32(1)], &[WastRet::Core(WastRetCore::I32(1))], &mut store).is_ok());
        assert!(compare(&[Val::I64(1)], &[WastRet::Core(WastRetCore::I32(1))], &mut store).is_err());
    }
}
