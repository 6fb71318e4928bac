//! Reads values of types that are known.

use std::str::FromStr;

use wasmer_api::{Error, Result};
use wasmer_component_translate::info::{Case, ComponentInfo, DefKind, Field, Type};
use wasmer_component_translate::wit::Printer;

use super::is_keyword;
use crate::mismatch::ComponentTypeError;
use crate::val::Val;

/// So many fields may be left out in a text: they are values that cost nothing to write.
const OMITTED_MAX: usize = 1 << 20;
/// So much of the text is shown in messages, in characters.
const SHOWN_MAX: usize = 24;

/// Reads a text from its beginning.
pub(crate) struct Reader<'a> {
    info: &'a ComponentInfo,
    text: &'a str,
    /// In bytes.
    at: usize,
    /// Fields that were left out.
    omitted: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(info: &'a ComponentInfo, text: &'a str) -> Self {
        Self { info, text, at: 0, omitted: 0 }
    }

    /// The whole text as a value. A string or a character may stand without quotes.
    pub(crate) fn word(mut self, ty: Type) -> Result<Val> {
        let mut chars = self.text.chars();
        match (ty, chars.next(), chars.next()) {
            (Type::Char, Some(char), None) => Ok(Val::Char(char)),
            (Type::String, first, _) if first != Some('"') => Ok(Val::String(self.text.to_owned())),
            _ => {
                let val = self.value(ty)?;
                self.end()?;
                Ok(val)
            }
        }
    }

    /// The whole text as a call, `name(1, "two")`: the values in the parentheses. Options may be left out in the end.
    pub(crate) fn call(mut self, types: &[Type]) -> Result<Vec<Val>> {
        self.at = self.text.find('(').unwrap_or(self.text.len());
        self.expect('(')?;
        let mut vals = Vec::new();
        while !self.eat(')') {
            let Some(ty) = types.get(vals.len()) else {
                return Err(self.fail(self.at, &format!("there are only {} parameters", types.len())));
            };
            vals.push(self.value(*ty)?);
            self.comma_or(')')?;
        }
        let end = self.at - 1;
        for ty in &types[vals.len()..] {
            match self.kind(*ty) {
                Some(DefKind::Option(_)) => vals.push(Val::Option(None)),
                _ => return Err(self.expected(end, *ty)),
            }
        }
        self.end()?;
        Ok(vals)
    }

    /// Nothing but space and comments may follow: a value that goes on is a mistake of whoever wrote it.
    fn end(&mut self) -> Result<()> {
        self.skip_space();
        if self.rest().is_empty() { Ok(()) } else { Err(self.fail(self.at, "expected nothing more")) }
    }

    fn kind(&self, ty: Type) -> Option<&'a DefKind> {
        match ty {
            Type::Def(index) => Some(&self.info.types.def(index).kind),
            _ => None,
        }
    }

    /// A value. Types are not nested deeper than the validator allows, so neither is this.
    fn value(&mut self, ty: Type) -> Result<Val> {
        self.skip_space();
        let start = self.at;
        match ty {
            Type::Bool => match self.take_word() {
                "true" => Ok(Val::Bool(true)),
                "false" => Ok(Val::Bool(false)),
                _ => Err(self.expected(start, ty)),
            },
            Type::S8 => self.integer(ty).map(Val::S8),
            Type::U8 => self.integer(ty).map(Val::U8),
            Type::S16 => self.integer(ty).map(Val::S16),
            Type::U16 => self.integer(ty).map(Val::U16),
            Type::S32 => self.integer(ty).map(Val::S32),
            Type::U32 => self.integer(ty).map(Val::U32),
            Type::S64 => self.integer(ty).map(Val::S64),
            Type::U64 => self.integer(ty).map(Val::U64),
            Type::F32 => self.float(ty).map(Val::F32),
            Type::F64 => self.float(ty).map(Val::F64),
            Type::Char => {
                let text = self.quoted('\'', ty)?;
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(char), None) => Ok(Val::Char(char)),
                    _ => Err(self.fail(start, "expected one character between the quotes")),
                }
            }
            Type::String if self.rest().starts_with("\"\"\"") => self.lines().map(Val::String),
            Type::String => self.quoted('"', ty).map(Val::String),
            Type::Own(_) | Type::Borrow(_) => Err(self.fail(start, "a resource cannot be written as text")),
            Type::Def(index) => match &self.info.types.def(index).kind {
                DefKind::List(element) => self.list(ty, *element),
                DefKind::Record(fields) => self.record(ty, fields),
                DefKind::Tuple(types) => self.tuple(ty, types),
                DefKind::Variant(cases) => self.variant(ty, cases),
                DefKind::Enum(names) => self.case(ty, names.iter()).map(|name| Val::Enum(name.clone())),
                DefKind::Flags(names) => self.flags(ty, names),
                DefKind::Option(inner) => self.option(ty, *inner),
                DefKind::Result(ok, err) => self.result(ty, *ok, *err),
            },
        }
    }

    /// A number as the notation has it: without a plus, without zeros in front, in the range of its type.
    fn integer<T: FromStr>(&mut self, ty: Type) -> Result<T> {
        let start = self.at;
        let word = self.take_word();
        let digits = word.strip_prefix('-').unwrap_or(word);
        let value = if is_natural(digits) { word.parse().ok() } else { None };
        value.ok_or_else(|| self.expected(start, ty))
    }

    fn float<T: FromStr>(&mut self, ty: Type) -> Result<T> {
        let start = self.at;
        let word = self.take_word();
        let is_float = matches!(word, "nan" | "inf" | "-inf") || is_decimal(word);
        let value = if is_float { word.parse().ok() } else { None };
        value.ok_or_else(|| self.expected(start, ty))
    }

    fn list(&mut self, ty: Type, element: Type) -> Result<Val> {
        self.open('[', ty)?;
        let mut vals = Vec::new();
        while !self.eat(']') {
            vals.push(self.value(element)?);
            self.comma_or(']')?;
        }
        Ok(Val::List(vals))
    }

    fn tuple(&mut self, ty: Type, types: &[Type]) -> Result<Val> {
        self.open('(', ty)?;
        let mut vals = Vec::new();
        for element in types {
            vals.push(self.value(*element)?);
            self.comma_or(')')?;
        }
        self.expect(')')?;
        Ok(Val::Tuple(vals))
    }

    /// Fields in any order. Options may be left out.
    fn record(&mut self, ty: Type, fields: &[Field]) -> Result<Val> {
        let start = self.at;
        self.open('{', ty)?;
        let mut vals: Vec<Option<Val>> = fields.iter().map(|_| None).collect();
        let is_empty = self.eat(':');
        while !self.eat('}') {
            if is_empty {
                return Err(self.fail(self.at, "expected `}`"));
            }
            let at = self.at;
            let name = self.take_label();
            let Some(position) = fields.iter().position(|field| field.name == name) else {
                return Err(self.fail(at, &format!("expected a field of `{}`", self.wit(ty))));
            };
            if vals[position].is_some() {
                return Err(self.fail(at, &format!("the field `{name}` is there twice")));
            }
            self.expect(':')?;
            vals[position] = Some(self.value(fields[position].ty)?);
            self.comma_or('}')?;
        }
        let mut complete = Vec::with_capacity(fields.len());
        for (field, val) in fields.iter().zip(vals) {
            let val = match val {
                Some(val) => val,
                None if matches!(self.kind(field.ty), Some(DefKind::Option(_))) => self.omit(start)?,
                None => return Err(self.fail(start, &format!("the field `{}` is missing", field.name))),
            };
            complete.push((field.name.clone(), val));
        }
        Ok(Val::Record(complete))
    }

    /// The value of a field that was left out. How many there are is bounded: a short text could stand for a list of records of thousands of fields.
    fn omit(&mut self, at: usize) -> Result<Val> {
        self.omitted += 1;
        if self.omitted > OMITTED_MAX {
            return Err(self.fail(at, &format!("more than {OMITTED_MAX} fields are left out")));
        }
        Ok(Val::Option(None))
    }

    /// The names of those that are set, in any order and each once. They come out in the order of the type.
    fn flags(&mut self, ty: Type, names: &[String]) -> Result<Val> {
        self.open('{', ty)?;
        let mut set = vec![false; names.len()];
        while !self.eat('}') {
            let at = self.at;
            let name = self.take_label();
            let Some(position) = names.iter().position(|other| other == name) else {
                return Err(self.fail(at, &format!("expected a flag of `{}`", self.wit(ty))));
            };
            if std::mem::replace(&mut set[position], true) {
                return Err(self.fail(at, &format!("the flag `{name}` is there twice")));
            }
            self.comma_or('}')?;
        }
        let set = names.iter().zip(set).filter(|(_, is_set)| *is_set);
        Ok(Val::Flags(set.map(|(name, _)| name.clone()).collect()))
    }

    /// The name of a case.
    fn case<'n>(&mut self, ty: Type, mut names: impl Iterator<Item = &'n String>) -> Result<&'n String> {
        let start = self.at;
        // A case with the name of a keyword must be marked, or `some` could be a case or an option.
        if is_keyword(self.peek_word()) {
            let word = self.peek_word();
            return Err(self.fail(start, &format!("expected a case of `{}` (`%{word}`, if it is one)", self.wit(ty))));
        }
        let label = self.take_label();
        let found = names.find(|name| **name == label);
        found.ok_or_else(|| self.fail(start, &format!("expected a case of `{}`", self.wit(ty))))
    }

    fn variant(&mut self, ty: Type, cases: &[Case]) -> Result<Val> {
        let name = self.case(ty, cases.iter().map(|case| &case.name))?;
        let payload = cases.iter().find(|case| case.name == *name).and_then(|case| case.ty);
        Ok(Val::Variant(name.clone(), self.payload(payload)?))
    }

    /// What stands in parentheses behind the name of a case.
    fn payload(&mut self, ty: Option<Type>) -> Result<Option<Box<Val>>> {
        let Some(ty) = ty else { return Ok(None) };
        self.expect('(')?;
        let val = self.value(ty)?;
        self.expect(')')?;
        Ok(Some(Box::new(val)))
    }

    /// `none`, `some(…)`, or the value alone.
    fn option(&mut self, ty: Type, inner: Type) -> Result<Val> {
        let payload = match self.peek_word() {
            "none" => {
                self.take_word();
                None
            }
            "some" => {
                self.take_word();
                self.payload(Some(inner))?
            }
            _ => Some(self.flat(ty, Some(inner))?),
        };
        Ok(Val::Option(payload))
    }

    /// `ok(…)`, `err(…)`, or the value alone, which is a success.
    fn result(&mut self, ty: Type, ok: Option<Type>, err: Option<Type>) -> Result<Val> {
        let result = match self.peek_word() {
            "ok" => {
                self.take_word();
                Ok(self.payload(ok)?)
            }
            "err" => {
                self.take_word();
                Err(self.payload(err)?)
            }
            _ => Ok(Some(self.flat(ty, ok)?)),
        };
        Ok(Val::Result(result))
    }

    /// A payload without the case's name, where it cannot be taken for a case itself.
    fn flat(&mut self, ty: Type, inner: Option<Type>) -> Result<Box<Val>> {
        match inner {
            Some(inner) if !matches!(self.kind(inner), Some(DefKind::Option(_) | DefKind::Result(..))) => {
                self.value(inner).map(Box::new)
            }
            _ => Err(self.expected(self.at, ty)),
        }
    }

    /// Text up to the next quote on the same line.
    fn quoted(&mut self, quote: char, ty: Type) -> Result<String> {
        let start = self.at;
        self.open(quote, ty)?;
        let inner = self.at;
        let mut is_escaped = false;
        for (offset, char) in self.rest().char_indices() {
            match char {
                '\n' => break,
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                _ if char == quote => {
                    self.at = inner + offset + char.len_utf8();
                    return self.unescaped(inner, inner + offset);
                }
                _ => {}
            }
        }
        Err(self.fail(start, &format!("expected another {quote} on the same line as this one")))
    }

    /// Text between two `"""`, each on a line of its own; how far the last is indented, all lines are.
    fn lines(&mut self) -> Result<String> {
        const QUOTES: &str = "\"\"\"";
        let start = self.at;
        let inner = start + QUOTES.len();
        let Some(len) = self.text[inner..].find(QUOTES) else {
            return Err(self.fail(start, "expected another \"\"\" after this one"));
        };
        self.at = inner + len + QUOTES.len();
        let mut lines = Vec::new();
        let mut from = inner;
        for line in self.text[inner..inner + len].split('\n') {
            lines.push((from, line));
            from += line.len() + 1;
        }
        let (Some((_, "" | "\r")), Some((last, indent))) = (lines.first(), lines.get(1..).and_then(<[_]>::last)) else {
            return Err(self.fail(inner, "expected the end of the line"));
        };
        if let Some(offset) = indent.find(|char| char != ' ') {
            return Err(self.fail(last + offset, "expected only spaces before the last \"\"\""));
        }
        let mut text = String::new();
        for (position, (from, line)) in lines[1..lines.len() - 1].iter().enumerate() {
            if !line.starts_with(indent) {
                return Err(self.fail(*from, &format!("expected {} spaces, as before the last \"\"\"", indent.len())));
            }
            if position > 0 {
                text.push('\n');
            }
            let line = line.strip_suffix('\r').unwrap_or(line);
            text.push_str(&self.unescaped(from + indent.len(), from + line.len())?);
        }
        Ok(text)
    }

    /// A part of the text, with what escapes stand for.
    fn unescaped(&self, from: usize, to: usize) -> Result<String> {
        let mut rest = &self.text[from..to];
        let mut text = String::with_capacity(rest.len());
        while let Some(at) = rest.find('\\') {
            text.push_str(&rest[..at]);
            let Some((char, len)) = escape(&rest[at + 1..]) else {
                return Err(self.fail(to - rest.len() + at, "expected an escape: \\t \\n \\r \\' \\\" \\\\ \\u{…}"));
            };
            text.push(char);
            rest = &rest[at + 1 + len..];
        }
        text.push_str(rest);
        Ok(text)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Spaces and comments.
    fn skip_space(&mut self) {
        loop {
            let rest = self.rest().trim_start_matches([' ', '\t', '\n', '\r']);
            self.at = self.text.len() - rest.len();
            if !rest.starts_with("//") {
                return;
            }
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.skip_space();
        let is_there = self.rest().starts_with(wanted);
        self.at += if is_there { wanted.len_utf8() } else { 0 };
        is_there
    }

    fn expect(&mut self, wanted: char) -> Result<()> {
        if self.eat(wanted) { Ok(()) } else { Err(self.fail(self.at, &format!("expected `{wanted}`"))) }
    }

    /// What a value of a type begins with.
    fn open(&mut self, wanted: char, ty: Type) -> Result<()> {
        if self.eat(wanted) { Ok(()) } else { Err(self.expected(self.at, ty)) }
    }

    /// What stands behind a part: a comma, or the end, which is left.
    fn comma_or(&mut self, end: char) -> Result<()> {
        self.skip_space();
        if self.rest().starts_with(end) || self.eat(',') {
            self.skip_space();
            return Ok(());
        }
        Err(self.fail(self.at, &format!("expected `,` or `{end}`")))
    }

    /// As far as names and numbers go.
    fn peek_word(&self) -> &'a str {
        let is_part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '+' | '.' | '%' | '_');
        let rest = self.rest();
        &rest[..rest.find(|char| !is_part(char)).unwrap_or(rest.len())]
    }

    fn take_word(&mut self) -> &'a str {
        let word = self.peek_word();
        self.at += word.len();
        word
    }

    /// A name, which may be marked as none of the keywords.
    fn take_label(&mut self) -> &'a str {
        let word = self.take_word();
        word.strip_prefix('%').unwrap_or(word)
    }

    fn wit(&self, ty: Type) -> String {
        Printer::new(self.info).ty(ty)
    }

    #[cold]
    fn expected(&self, at: usize, ty: Type) -> Error {
        self.fail(at, &format!("expected a value of type `{}`", self.wit(ty)))
    }

    #[cold]
    fn fail(&self, at: usize, problem: &str) -> Error {
        let position = self.text[..at].chars().count() + 1;
        let found: String = self.text[at..].chars().take(SHOWN_MAX).collect();
        let found = if found.is_empty() { "the end".to_owned() } else { format!("`{}`", found.escape_debug()) };
        ComponentTypeError::Text { problem: problem.to_owned(), position, found }.into()
    }
}

/// What stands behind a backslash, and how many bytes that is.
fn escape(text: &str) -> Option<(char, usize)> {
    let first = text.chars().next()?;
    Some(match first {
        't' => ('\t', 1),
        'n' => ('\n', 1),
        'r' => ('\r', 1),
        '\'' | '"' | '\\' => (first, 1),
        'u' => {
            let (digits, _) = text.strip_prefix("u{")?.split_once('}')?;
            let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let number = if is_hex { u32::from_str_radix(digits, 16).ok()? } else { return None };
            (char::from_u32(number)?, digits.len() + "u{}".len())
        }
        _ => return None,
    })
}

/// `0`, or digits that do not begin with one.
fn is_natural(text: &str) -> bool {
    is_digits(text) && (text == "0" || !text.starts_with('0'))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number as JSON has them.
fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (integer, fraction) = match mantissa.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (mantissa, None),
    };
    is_natural(integer) && fraction.is_none_or(is_digits) && exponent.is_none_or(is_digits)
}
