//! Writes values.

use std::fmt::{self, Write};

use super::is_keyword;
use crate::val::Val;

impl fmt::Display for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
            Self::Char(value) => quoted(f, '\'', value.encode_utf8(&mut [0; 4])),
            Self::String(value) => quoted(f, '"', value),
            Self::List(vals) => list(f, ('[', ']'), vals, |f, val| val.fmt(f)),
            Self::Tuple(vals) => list(f, ('(', ')'), vals, |f, val| val.fmt(f)),
            // Flags without any are written so.
            Self::Record(fields) if fields.is_empty() => f.write_str("{:}"),
            Self::Record(fields) => list(f, ('{', '}'), fields, |f, (name, val)| write!(f, "{name}: {val}")),
            Self::Flags(names) => list(f, ('{', '}'), names, |f, name| f.write_str(name)),
            Self::Variant(name, payload) => {
                label(f, name)?;
                in_parentheses(f, payload)
            }
            Self::Enum(name) => label(f, name),
            Self::Option(None) => f.write_str("none"),
            Self::Option(payload) => case(f, "some", payload),
            Self::Result(Ok(payload)) => case(f, "ok", payload),
            Self::Result(Err(payload)) => case(f, "err", payload),
            // WAVE has no words for resources.
            Self::Resource(_) => f.write_str("<resource>"),
        }
    }
}

fn list<I>(
    f: &mut fmt::Formatter<'_>,
    (open, close): (char, char),
    items: &[I],
    mut item: impl FnMut(&mut fmt::Formatter<'_>, &I) -> fmt::Result,
) -> fmt::Result {
    f.write_char(open)?;
    for (position, each) in items.iter().enumerate() {
        if position > 0 {
            f.write_str(", ")?;
        }
        item(f, each)?;
    }
    f.write_char(close)
}

fn label(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    if is_keyword(name) {
        f.write_char('%')?;
    }
    f.write_str(name)
}

fn case(f: &mut fmt::Formatter<'_>, name: &str, payload: &Option<Box<Val>>) -> fmt::Result {
    f.write_str(name)?;
    in_parentheses(f, payload)
}

fn in_parentheses(f: &mut fmt::Formatter<'_>, payload: &Option<Box<Val>>) -> fmt::Result {
    payload.as_ref().map_or(Ok(()), |val| write!(f, "({val})"))
}

fn float(f: &mut fmt::Formatter<'_>, value: f64, shown: &dyn fmt::Display) -> fmt::Result {
    match value {
        _ if value.is_nan() => f.write_str("nan"),
        f64::INFINITY => f.write_str("inf"),
        f64::NEG_INFINITY => f.write_str("-inf"),
        _ => shown.fmt(f),
    }
}

/// Text in quotes. What is not visible is escaped, in Rust's way, but for zero, which WAVE has no word for.
fn quoted(f: &mut fmt::Formatter<'_>, quote: char, text: &str) -> fmt::Result {
    f.write_char(quote)?;
    for char in text.chars() {
        match char {
            '\0' => f.write_str("\\u{0}")?,
            '\'' | '"' if char != quote => f.write_char(char)?,
            _ => write!(f, "{}", char.escape_debug())?,
        }
    }
    f.write_char(quote)
}
