//! Values in the text format's notation (specification, section 6.3): what is printed can be read again.

use wasmer_api::Val;
use wasmer_runtime_core::types::{RefType, ValType};
use wast::core::V128Const;
use wast::parser::{Parse, ParseBuffer, parse};
use wast::token::{F32, F64};

/// How null is written.
const NULL: &str = "null";

/// Reads a value of a type: `5`, `-0x1f`, `1_000`; `1.5`, `0x1.8p3`, `-inf`, `nan:0x200000`; `i32x4 1 2 3 4`; `null`. Nothing else may stand
/// beside it. The error says what may.
pub fn value(text: &str, ty: ValType) -> Result<Val, String> {
    let (found, hint) = match ty {
        ValType::I32 => {
            (token(text).map(Val::I32), "an `i32` is written like 5, -0x1f or 1_000, from -2^31 to 2^32 - 1")
        }
        ValType::I64 => {
            (token(text).map(Val::I64), "an `i64` is written like 5, -0x1f or 1_000, from -2^63 to 2^64 - 1")
        }
        ValType::F32 => (token::<F32>(text).map(|value| Val::F32(value.bits)), FLOAT),
        ValType::F64 => (token::<F64>(text).map(|value| Val::F64(value.bits)), FLOAT),
        ValType::V128 => {
            let vector = tokens::<V128Const>(text);
            let vector = vector.map(|value| Val::V128(u128::from_le_bytes(value.to_le_bytes())));
            (vector, "a `v128` is one argument: a shape and its lanes, like \"i32x4 1 2 3 4\"")
        }
        ValType::Ref(RefType { nullable: true, .. }) if text == NULL => {
            (Val::default_for(ty), "this type's null cannot be given")
        }
        ValType::Ref(_) => (None, "of references only `null` can be given"),
    };
    found.ok_or_else(|| format!("`{text}` is not a value of type {ty}\nhint: {hint}"))
}

const FLOAT: &str =
    "a float is written like 1.5, 2e10, 0x1.8p3, -inf, nan or nan:0x200000, and has to be within the type's range";

/// Reads one number: what else the text format allows beside it, like comments, is no part of a value.
fn token<T: for<'a> Parse<'a>>(text: &str) -> Option<T> {
    let is_number = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.' | ':' | '_');
    if text.chars().all(is_number) { tokens(text) } else { None }
}

fn tokens<T: for<'a> Parse<'a>>(text: &str) -> Option<T> {
    parse(&ParseBuffer::new(text).ok()?).ok()
}

/// Writes a value so that [`value`] reads the same one, bit by bit. References other than null only say what they are.
pub fn text(value: &Val) -> String {
    match value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(bits) => match f32::from_bits(*bits) {
            value if value.is_nan() => nan(*bits >> 31 == 1, u64::from(*bits & 0x7f_ffff), 1 << 22),
            value => value.to_string(),
        },
        Val::F64(bits) => match f64::from_bits(*bits) {
            value if value.is_nan() => nan(*bits >> 63 == 1, *bits & 0xf_ffff_ffff_ffff, 1 << 51),
            value => value.to_string(),
        },
        Val::V128(bits) => {
            let lane = |position| (bits >> (32 * position)) as u32;
            format!("i32x4 {:#010x} {:#010x} {:#010x} {:#010x}", lane(0), lane(1), lane(2), lane(3))
        }
        Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::AnyRef(None) => NULL.to_owned(),
        Val::FuncRef(Some(_)) => "funcref".to_owned(),
        Val::ExternRef(Some(_)) => "externref".to_owned(),
        Val::ExnRef(Some(_)) => "exnref".to_owned(),
        Val::AnyRef(Some(_)) => "anyref".to_owned(),
    }
}

fn nan(is_negative: bool, payload: u64, canonical: u64) -> String {
    let sign = if is_negative { "-" } else { "" };
    if payload == canonical { format!("{sign}nan") } else { format!("{sign}nan:{payload:#x}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// xorshift64*.
    fn random(state: &mut u64) -> u64 {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// The bits of a value that is no reference, and its type.
    fn raw(value: &Val) -> (ValType, u128) {
        match *value {
            Val::I32(value) => (ValType::I32, u128::from(value as u32)),
            Val::I64(value) => (ValType::I64, u128::from(value as u64)),
            Val::F32(bits) => (ValType::F32, u128::from(bits)),
            Val::F64(bits) => (ValType::F64, u128::from(bits)),
            Val::V128(bits) => (ValType::V128, bits),
            ref other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let mut state = 1;
        let edges =
            [0, 1, 1 << 22, 1 << 31, 1 << 51, 1 << 63, 0x7f80_0000, 0xff80_0001, 0x7ff << 52, 0xffff << 48, u64::MAX];
        let edges =
            edges.into_iter().flat_map(|edge: u64| [edge.wrapping_sub(1), edge, edge + u64::from(edge != u64::MAX)]);
        let any: Vec<u64> = edges.chain(std::iter::repeat_with(|| random(&mut state)).take(50_000)).collect();
        for bits in any {
            let wide = u128::from(bits) << 64 | u128::from(bits.rotate_left(17));
            for value in [
                Val::I32(bits as i32),
                Val::I64(bits as i64),
                Val::F32(bits as u32),
                // Every other one is a NaN.
                Val::F32(bits as u32 | 0x7f80_0000),
                Val::F64(bits),
                Val::F64(bits | 0x7ff << 52),
                Val::V128(wide),
            ] {
                let (ty, expected) = raw(&value);
                let printed = text(&value);
                let again = super::value(&printed, ty).unwrap_or_else(|error| panic!("{printed}: {error}"));
                assert_eq!(raw(&again), (ty, expected), "{printed}");
            }
        }
    }

    #[test]
    fn the_text_formats_numbers_are_read() {
        let cases = [
            (ValType::I32, "0xffff_ffff", 0xffff_ffff),
            (ValType::I32, "-0x8000_0000", 0x8000_0000),
            (ValType::I32, "+1_000", 1000),
            (ValType::I64, "0xffffffffffffffff", u128::from(u64::MAX)),
            (ValType::F32, "0x1.8p3", u128::from(12_f32.to_bits())),
            (ValType::F32, "-nan", 0xffc0_0000),
            (ValType::F32, "nan:0x1", 0x7f80_0001),
            (ValType::F64, "-inf", u128::from(f64::NEG_INFINITY.to_bits())),
            (ValType::F64, "nan:0x4_0000", 0x7ff0_0000_0004_0000),
            (ValType::F64, "7", u128::from(7_f64.to_bits())),
            (ValType::V128, "i64x2 -1 0x2", 2 << 64 | u128::from(u64::MAX)),
            (ValType::V128, "f32x4 0 0 0 nan:0x1", 0x7f80_0001 << 96),
            (ValType::V128, "i8x16 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 255", 0xff << 120 | 1),
        ];
        for (ty, text, expected) in cases {
            let value = value(text, ty).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(raw(&value), (ty, expected), "{text}");
        }
        assert!(matches!(value("null", ValType::EXTERNREF), Ok(Val::ExternRef(None))));
        assert!(matches!(value("null", ValType::FUNCREF), Ok(Val::FuncRef(None))));
    }

    #[test]
    fn everything_else_is_refused() {
        let cases = [
            (
                ValType::I32,
                &[
                    "4294967296",
                    "-2147483649",
                    "0x1_0000_0000",
                    "",
                    "x",
                    "1.0",
                    "1__0",
                    "_1",
                    "1 2",
                    "1;;",
                    "(;;)1",
                    "٣",
                    "null",
                ][..],
            ),
            (ValType::I64, &["18446744073709551616", "-9223372036854775809", "1e3", "0x", "--1", "1)"]),
            (
                ValType::F32,
                &["1e39", "0x1p128", "nan:0x0", "nan:0x800000", "nan:canonical", "infinity", "NaN", "1f", ".", "1 "],
            ),
            (ValType::F64, &["1e309", "0x1p1024", "nan:0x10000000000000", "-", "i32x4 1 2 3 4"]),
            (
                ValType::V128,
                &["1", "i32x4 1 2 3", "i32x4 1 2 3 4 5", "i8x16 256 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0", "i32x4", ""],
            ),
            (ValType::FUNCREF, &["0", "funcref", ""]),
            (ValType::EXTERNREF, &["externref"]),
        ];
        for (ty, texts) in cases {
            for text in texts {
                let error = value(text, ty).expect_err(text);
                assert!(error.contains(&format!("`{text}` is not a value of type {ty}\nhint: ")), "{error}");
            }
        }
        let non_null = ValType::Ref(RefType { nullable: false, ..RefType::FUNCREF });
        assert!(value("null", non_null).is_err());
    }
}
