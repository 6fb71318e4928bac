//! Values as text, in the notation WAVE: what `wasmer run --invoke` prints and, of scalars and strings, reads.

use std::fmt;

use wasmer_component_translate::info::Type;

use crate::val::Val;

impl fmt::Display for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, open: char, vals: &[Self], close: char| {
            write!(f, "{open}")?;
            for (position, val) in vals.iter().enumerate() {
                let comma = if position > 0 { ", " } else { "" };
                write!(f, "{comma}{val}")?;
            }
            write!(f, "{close}")
        };
        let case = |f: &mut fmt::Formatter<'_>, name: &str, payload: &Option<Box<Self>>| match payload {
            Some(val) => write!(f, "{name}({val})"),
            None => f.write_str(name),
        };
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::S8(value) => value.fmt(f),
            Self::U8(value) => value.fmt(f),
            Self::S16(value) => value.fmt(f),
            Self::U16(value) => value.fmt(f),
            Self::S32(value) => value.fmt(f),
            Self::U32(value) => value.fmt(f),
            Self::S64(value) => value.fmt(f),
            Self::U64(value) => value.fmt(f),
            Self::F32(value) => float(f, f64::from(*value), value),
            Self::F64(value) => float(f, *value, value),
            Self::Char(value) => write!(f, "{value:?}"),
            Self::String(value) => write!(f, "{value:?}"),
            Self::List(vals) => list(f, '[', vals, ']'),
            Self::Tuple(vals) => list(f, '(', vals, ')'),
            Self::Record(fields) => {
                f.write_str("{")?;
                for (position, (name, val)) in fields.iter().enumerate() {
                    let comma = if position > 0 { ", " } else { "" };
                    write!(f, "{comma}{name}: {val}")?;
                }
                f.write_str("}")
            }
            Self::Variant(name, payload) => case(f, name, payload),
            Self::Enum(name) => f.write_str(name),
            Self::Option(None) => f.write_str("none"),
            Self::Option(payload) => case(f, "some", payload),
            Self::Result(Ok(payload)) => case(f, "ok", payload),
            Self::Result(Err(payload)) => case(f, "err", payload),
            Self::Flags(names) => write!(f, "{{{}}}", names.join(", ")),
            // WAVE has no words for resources.
            Self::Resource(_) => f.write_str("<resource>"),
        }
    }
}

fn float(f: &mut fmt::Formatter<'_>, value: f64, shown: &dyn fmt::Display) -> fmt::Result {
    match value {
        _ if value.is_nan() => f.write_str("nan"),
        f64::INFINITY => f.write_str("inf"),
        f64::NEG_INFINITY => f.write_str("-inf"),
        _ => shown.fmt(f),
    }
}

/// The value of a type that a word stands for: numbers, `true` and `false`, a character or a string with or without quotes. None for other types, and for words
/// that do not fit.
pub(crate) fn parse(ty: Type, word: &str) -> Option<Val> {
    let unquoted = |quote: char| {
        let inner = word.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        inner.filter(|inner| !inner.contains('\\')).unwrap_or(word)
    };
    Some(match ty {
        Type::Bool => Val::Bool(word.parse().ok()?),
        Type::S8 => Val::S8(word.parse().ok()?),
        Type::U8 => Val::U8(word.parse().ok()?),
        Type::S16 => Val::S16(word.parse().ok()?),
        Type::U16 => Val::U16(word.parse().ok()?),
        Type::S32 => Val::S32(word.parse().ok()?),
        Type::U32 => Val::U32(word.parse().ok()?),
        Type::S64 => Val::S64(word.parse().ok()?),
        Type::U64 => Val::U64(word.parse().ok()?),
        Type::F32 => Val::F32(word.parse().ok()?),
        Type::F64 => Val::F64(word.parse().ok()?),
        Type::Char => Val::Char(unquoted('\'').parse().ok()?),
        Type::String => Val::String(unquoted('"').to_owned()),
        Type::Def(_) | Type::Own(_) | Type::Borrow(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_wave_has_them() {
        let some = |val: Val| Some(Box::new(val));
        let cases = [
            (Val::F32(f32::NAN), "nan"),
            (Val::F64(-1.5), "-1.5"),
            (Val::Char('\''), r"'\''"),
            (Val::String("a\"b\n".into()), r#""a\"b\n""#),
            (Val::List(vec![Val::U8(1), Val::U8(2)]), "[1, 2]"),
            (Val::Tuple(vec![Val::Bool(true), Val::Option(None)]), "(true, none)"),
            (Val::Record(vec![("a".into(), Val::S8(-1)), ("b".into(), Val::Enum("c".into()))]), "{a: -1, b: c}"),
            (Val::Variant("x".into(), some(Val::U64(7))), "x(7)"),
            (Val::Option(some(Val::U16(1))), "some(1)"),
            (Val::Result(Ok(None)), "ok"),
            (Val::Result(Err(some(Val::S64(1)))), "err(1)"),
            (Val::Flags(vec!["a".into(), "b".into()]), "{a, b}"),
        ];
        for (val, text) in cases {
            assert_eq!(val.to_string(), text);
        }
    }

    #[test]
    fn words_are_read_by_type() {
        assert_eq!(parse(Type::U8, "255"), Some(Val::U8(255)));
        assert_eq!(parse(Type::U8, "256"), None);
        assert_eq!(parse(Type::F32, "1.5"), Some(Val::F32(1.5)));
        assert_eq!(parse(Type::Char, "'x'"), Some(Val::Char('x')));
        assert_eq!(parse(Type::Char, "xy"), None);
        for word in ["two", "\"two\""] {
            assert_eq!(parse(Type::String, word), Some(Val::String("two".into())));
        }
    }
}
