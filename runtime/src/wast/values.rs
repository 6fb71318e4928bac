//! A script's arguments and expected results.

use wasmer_api::{ExternRef, Val};
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::{WastArg, WastRet};

use super::Miss;

/// The value of an argument.
pub(super) fn argument(arg: &WastArg<'_>) -> Result<Val, Miss> {
    let WastArg::Core(arg) = arg else { return Err("arguments of components are not supported".into()) };
    Ok(match arg {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(heap) if is_func(heap) => Val::FuncRef(None),
        WastArgCore::RefNull(HeapType::Abstract {
            ty: AbstractHeapType::Extern | AbstractHeapType::NoExtern, ..
        }) => Val::ExternRef(None),
        WastArgCore::RefNull(heap) if is_exn(heap) => Val::ExnRef(None),
        WastArgCore::RefExtern(number) => Val::ExternRef(Some(ExternRef::new(*number))),
        other => return Err(format!("the argument {other:?} needs garbage collection").into()),
    })
}

fn is_func(heap: &HeapType<'_>) -> bool {
    matches!(
        heap,
        HeapType::Abstract { ty: AbstractHeapType::Func | AbstractHeapType::NoFunc, .. } | HeapType::Concrete(_)
    )
}

fn is_exn(heap: &HeapType<'_>) -> bool {
    matches!(heap, HeapType::Abstract { ty: AbstractHeapType::Exn | AbstractHeapType::NoExn, .. })
}

/// Compares results in number, type and bits.
pub(super) fn compare(found: &[Val], expected: &[WastRet<'_>]) -> Result<(), Miss> {
    if found.len() != expected.len() {
        return Err(format!("{} results instead of {}: {found:?}", found.len(), expected.len()).into());
    }
    for (position, (found, expected)) in found.iter().zip(expected).enumerate() {
        let WastRet::Core(expected) = expected else { return Err("results of components are not supported".into()) };
        if !matches(found, expected) {
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

fn matches(found: &Val, expected: &WastRetCore<'_>) -> bool {
    match (found, expected) {
        (Val::I32(found), WastRetCore::I32(expected)) => found == expected,
        (Val::I64(found), WastRetCore::I64(expected)) => found == expected,
        (Val::F32(found), WastRetCore::F32(expected)) => matches_f32(*found, expected),
        (Val::F64(found), WastRetCore::F64(expected)) => matches_f64(*found, expected),
        (Val::V128(found), WastRetCore::V128(expected)) => matches_v128(*found, expected),
        (Val::FuncRef(None), WastRetCore::RefNull(heap)) => heap.as_ref().is_none_or(is_func),
        (Val::ExternRef(None), WastRetCore::RefNull(heap)) => {
            heap.as_ref().is_none_or(|heap| !is_func(heap) && !is_exn(heap))
        }
        (Val::ExnRef(None), WastRetCore::RefNull(heap)) => heap.as_ref().is_none_or(is_exn),
        (Val::FuncRef(Some(_)), WastRetCore::RefFunc(index)) => index.is_none(),
        (Val::ExternRef(Some(_)), WastRetCore::RefExtern(None)) => true,
        (Val::ExternRef(Some(found)), WastRetCore::RefExtern(Some(expected))) => {
            found.data().downcast_ref::<u32>() == Some(expected)
        }
        (found, WastRetCore::Either(options)) => options.iter().any(|expected| matches(found, expected)),
        _ => false,
    }
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
        assert!(compare(&[Val::I32(1)], &[]).is_err());
        assert!(compare(&[Val::I32(1)], &[WastRet::Core(WastRetCore::I32(1))]).is_ok());
        assert!(compare(&[Val::I64(1)], &[WastRet::Core(WastRetCore::I32(1))]).is_err());
    }
}
