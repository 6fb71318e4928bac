//! What is written, what is read, and that both are the same.

use wasmer_component_translate::info::{Case, ComponentInfo, Def, DefIdx, DefKind, Field, HandleIdx, Type};
use wasmer_component_translate::translate;

use super::Reader;
use crate::val::Val;

/// What is known of a component that has these types.
fn info(kinds: Vec<DefKind>) -> ComponentInfo {
    let component = wat::parse_str("(component)").unwrap();
    let mut info = translate(&component, wasmer_runtime_core::translate::module::default_features()).unwrap().info;
    // Neither reading nor writing asks for layouts.
    let def = |kind| Def { kind, size: 0, align: 1, flat: None, has_borrow: false };
    info.types.defs = kinds.into_iter().map(def).collect();
    info
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn some(val: Val) -> Option<Box<Val>> {
    Some(Box::new(val))
}

const LIST: Type = Type::Def(DefIdx(0));
const RECORD: Type = Type::Def(DefIdx(1));
const TUPLE: Type = Type::Def(DefIdx(2));
const VARIANT: Type = Type::Def(DefIdx(3));
const ENUM: Type = Type::Def(DefIdx(4));
const FLAGS: Type = Type::Def(DefIdx(5));
const OPTION: Type = Type::Def(DefIdx(6));
const RESULT: Type = Type::Def(DefIdx(7));
const NESTED: Type = Type::Def(DefIdx(8));
const EMPTY: Type = Type::Def(DefIdx(9));
const OPTIONS: Type = Type::Def(DefIdx(10));
const MANY: Type = Type::Def(DefIdx(11));

/// One type of each kind.
fn each_kind() -> ComponentInfo {
    let field = |name: &str, ty| Field { name: name.to_owned(), ty };
    let case = |name: &str, ty| Case { name: name.to_owned(), ty };
    info(vec![
        DefKind::List(Type::U8),
        DefKind::Record(vec![field("a", Type::S8), field("ok", OPTION)]),
        DefKind::Tuple(vec![Type::Bool, Type::String]),
        DefKind::Variant(vec![case("none", None), case("HTTP3", Some(LIST)), case("x-1", Some(OPTION))]),
        DefKind::Enum(names(&["red", "true", "dark-BLUE"])),
        DefKind::Flags(names(&["read", "write", "inf"])),
        DefKind::Option(Type::U16),
        DefKind::Result(Some(Type::Char), Some(Type::String)),
        DefKind::Option(OPTION),
        DefKind::Result(None, None),
        DefKind::Record((0..1000).map(|number| field(&format!("f{number}"), OPTION)).collect()),
        DefKind::List(OPTIONS),
    ])
}

#[test]
fn values_are_written_as_wave_has_them() {
    let cases = [
        (Val::F32(f32::NAN), "nan"),
        (Val::F64(-1.5), "-1.5"),
        (Val::F64(f64::NEG_INFINITY), "-inf"),
        (Val::Char('\''), r"'\''"),
        (Val::Char('"'), r#"'"'"#),
        (Val::String("a\"b\n'\0\u{7f}\\☃".into()), r#""a\"b\n'\u{0}\u{7f}\\☃""#),
        (Val::List(vec![Val::U8(1), Val::U8(2)]), "[1, 2]"),
        (Val::Tuple(vec![Val::Bool(true), Val::Option(None)]), "(true, none)"),
        (Val::Record(vec![("a".into(), Val::S8(-1)), ("ok".into(), Val::Enum("c".into()))]), "{a: -1, ok: c}"),
        (Val::Record(vec![]), "{:}"),
        (Val::Variant("x".into(), some(Val::U64(7))), "x(7)"),
        (Val::Variant("err".into(), some(Val::U64(7))), "%err(7)"),
        (Val::Enum("nan".into()), "%nan"),
        (Val::Option(some(Val::U16(1))), "some(1)"),
        (Val::Result(Ok(None)), "ok"),
        (Val::Result(Err(some(Val::S64(1)))), "err(1)"),
        (Val::Flags(vec!["a".into(), "inf".into()]), "{a, inf}"),
        (Val::Flags(vec![]), "{}"),
    ];
    for (val, text) in cases {
        assert_eq!(val.to_string(), text);
    }
}

#[test]
fn texts_are_read_by_type() {
    let info = each_kind();
    let option = |val| Val::Option(some(Val::U16(val)));
    let record = |a, ok| Val::Record(vec![("a".into(), Val::S8(a)), ("ok".into(), ok)]);
    let cases = [
        (Type::U8, " 255 ", Val::U8(255)),
        (Type::S64, "-9223372036854775808", Val::S64(i64::MIN)),
        (Type::F32, "-1.5e+01", Val::F32(-15.0)),
        (Type::F32, "3.4028234664e39", Val::F32(f32::INFINITY)),
        (Type::F64, "-inf", Val::F64(f64::NEG_INFINITY)),
        (Type::Char, "x", Val::Char('x')),
        (Type::Char, r"'\u{2603}'", Val::Char('☃')),
        (Type::String, "two", Val::String("two".into())),
        (Type::String, "", Val::String(String::new())),
        (Type::String, r#""t\two'\'\"\u{0}""#, Val::String("t\two''\"\0".into())),
        (LIST, "[]", Val::List(vec![])),
        (LIST, "[ 1,2 , ]// end", Val::List(vec![Val::U8(1), Val::U8(2)])),
        (RECORD, "{a: 1}", record(1, Val::Option(None))),
        (RECORD, "{%ok: 2, a: 1,}", record(1, option(2))),
        (RECORD, "{ // why\n ok: none, a: -1 }", record(-1, Val::Option(None))),
        (TUPLE, "(true, \"\")", Val::Tuple(vec![Val::Bool(true), Val::String(String::new())])),
        (VARIANT, "%none", Val::Variant("none".into(), None)),
        (VARIANT, "HTTP3([7])", Val::Variant("HTTP3".into(), some(Val::List(vec![Val::U8(7)])))),
        (VARIANT, "x-1 ( 5 )", Val::Variant("x-1".into(), some(option(5)))),
        (ENUM, "dark-BLUE", Val::Enum("dark-BLUE".into())),
        (ENUM, "%true", Val::Enum("true".into())),
        (FLAGS, "{inf, read,}", Val::Flags(names(&["read", "inf"]))),
        (FLAGS, "{}", Val::Flags(vec![])),
        (OPTION, "none", Val::Option(None)),
        (OPTION, "7", option(7)),
        (OPTION, "some(7)", option(7)),
        (RESULT, "'x'", Val::Result(Ok(some(Val::Char('x'))))),
        (RESULT, "ok('x')", Val::Result(Ok(some(Val::Char('x'))))),
        (RESULT, "err(\"y\")", Val::Result(Err(some(Val::String("y".into()))))),
        (NESTED, "some(7)", Val::Option(some(option(7)))),
        (NESTED, "some(none)", Val::Option(some(Val::Option(None)))),
        (EMPTY, "ok", Val::Result(Ok(None))),
        (EMPTY, "err", Val::Result(Err(None))),
    ];
    for (ty, text, expected) in cases {
        let val = Reader::new(&info, text).word(ty).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(val, expected, "{text}");
    }
    let lines = "\"\"\"\n  one\n    \\u{2603}\r\n  \n  \"\"\"";
    assert_eq!(Reader::new(&info, lines).word(Type::String).unwrap(), Val::String("one\n  ☃\n".into()));
}

#[test]
fn what_is_no_value_is_refused_with_its_place() {
    let info = each_kind();
    let cases = [
        (Type::U8, "256", "expected a value of type `u8`, at character 1: `256`"),
        (Type::U8, "007", "type `u8`, at character 1"),
        (Type::U8, "1.0", "type `u8`, at character 1"),
        (Type::U8, "-", "type `u8`, at character 1"),
        (Type::U8, "1 2", "expected nothing more, at character 3: `2`"),
        (Type::F64, "1.", "type `f64`"),
        (Type::F64, "infinity", "type `f64`"),
        (Type::Bool, "yes", "type `bool`"),
        (Type::Char, "xy", "type `char`"),
        (Type::Char, "'xy'", "expected one character between the quotes, at character 1"),
        (Type::Char, "''", "expected one character"),
        (Type::Char, "'x", "expected another ' on the same line as this one, at character 1"),
        (Type::String, "\"two", "expected another \" on the same line as this one, at character 1: `\\\"two`"),
        (Type::String, "\"a\nb\"", "on the same line"),
        (Type::String, r#""ä\x""#, r#"expected an escape: \t \n \r \' \" \\ \u{…}, at character 3"#),
        (Type::String, r#""\u{d800}""#, "expected an escape"),
        (Type::String, r#""\u{110000}""#, "expected an escape"),
        (Type::String, r#""\u{+1}""#, "expected an escape"),
        (Type::String, r#""\u{""#, "expected an escape"),
        (Type::String, "\"\"\"", "expected another \"\"\" after this one, at character 1"),
        (Type::String, "\"\"\"x\n\"\"\"", "expected the end of the line, at character 4: `x"),
        (Type::String, "\"\"\"\n x\"\"\"", "expected only spaces before the last \"\"\", at character 6"),
        (Type::String, "\"\"\"\nx\n \"\"\"", "expected 1 spaces, as before the last \"\"\", at character 5"),
        (LIST, "[1, 2", "expected `,` or `]`, at character 6: the end"),
        (LIST, "[[[[[[[[[[[[[", "expected a value of type `u8`, at character 2: `[[[[[[[[[[[[`"),
        (LIST, "[,]", "type `u8`, at character 2"),
        (LIST, "7", "type `list<u8>`"),
        (RECORD, "{}", "the field `a` is missing, at character 1"),
        (RECORD, "{: a: 1}", "expected `}`, at character 4"),
        (RECORD, "{a: 1, a: 2}", "the field `a` is there twice, at character 8"),
        (RECORD, "{b: 1}", "expected a field of `record { a: s8, ok: option<u16> }`, at character 2"),
        (RECORD, "{a 1}", "expected `:`, at character 4"),
        (TUPLE, "(true)", "type `string`, at character 6"),
        (TUPLE, "(true, \"\", 1)", "expected `)`, at character 12"),
        (VARIANT, "none", "(`%none`, if it is one), at character 1"),
        (VARIANT, "x-1", "expected `(`, at character 4: the end"),
        (VARIANT, "%none(1)", "expected nothing more"),
        (ENUM, "green", "expected a case of `enum { red, true, dark-BLUE }`"),
        (FLAGS, "{read, read}", "the flag `read` is there twice, at character 8"),
        (FLAGS, "{exec}", "expected a flag of"),
        (NESTED, "7", "type `option<option<u16>>`"),
        (EMPTY, "ok(1)", "expected nothing more"),
        (EMPTY, "1", "type `result`"),
        (Type::Own(HandleIdx(0)), "1", "a resource cannot be written as text"),
    ];
    for (ty, text, expected) in cases {
        let error = Reader::new(&info, text).word(ty).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn calls_have_their_arguments_in_parentheses() {
    let info = each_kind();
    let call = |text| Reader::new(&info, text).call(&[Type::U32, Type::String, OPTION, OPTION]);
    let vals = [Val::U32(1), Val::String("two".into()), Val::Option(some(Val::U16(3))), Val::Option(None)];
    for text in ["a:b/c#d(1, \"two\", 3)", "f( 1, \"two\", some(3), none, ) // so"] {
        assert_eq!(call(text).unwrap(), vals);
    }
    let cases = [
        ("f", "expected `(`, at character 2: the end"),
        ("f(1", "expected `,` or `)`, at character 4: the end"),
        ("f(1)", "expected a value of type `string`, at character 4: `)`"),
        ("f(1, two)", "expected a value of type `string`, at character 6"),
        ("f(1, \"\", 1, 1, 1)", "there are only 4 parameters, at character 16"),
        ("f(1, \"\") g", "expected nothing more, at character 10: `g`"),
        ("f(,)", "type `u32`, at character 3"),
    ];
    for (text, expected) in cases {
        let error = call(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    assert_eq!(Reader::new(&info, "f()").call(&[]).unwrap(), []);
}

#[test]
fn what_is_left_out_has_an_end() {
    let info = each_kind();
    let text = |records: usize| format!("[{}]", "{:},".repeat(records));
    let Val::List(vals) = Reader::new(&info, &text(1000)).word(MANY).unwrap() else { panic!() };
    assert!(vals.iter().all(|val| matches!(val, Val::Record(fields) if fields.len() == 1000)));
    let error = Reader::new(&info, &text(2000)).word(MANY).unwrap_err().to_string();
    assert!(error.contains("more than 1048576 fields are left out, at character"), "{error}");
}

/// Random numbers, the same for a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn char(&mut self) -> char {
        let scalar = match self.below(4) {
            0 => self.below(0x20),
            1 | 2 => 0x20 + self.below(0x60),
            _ => self.below(0x11_0000),
        };
        char::from_u32(scalar as u32).unwrap_or('\u{fffd}')
    }

    /// Some of these, in their order.
    fn some_of<I: Clone>(&mut self, items: &[I]) -> Vec<I> {
        items.iter().filter(|_| self.below(2) == 0).cloned().collect()
    }

    fn scalar(&mut self) -> Type {
        use Type::*;
        const ALL: [Type; 13] = [Bool, S8, U8, S16, U16, S32, U32, S64, U64, F32, F64, Char, String];
        ALL[self.below(ALL.len())]
    }

    /// A type, whose parts are pushed before it.
    fn ty(&mut self, kinds: &mut Vec<DefKind>, depth: usize) -> Type {
        const NAMES: [&str; 9] = ["a", "b-c", "HTTP3", "ok", "none", "true", "inf", "x1-2y", "some"];
        let optional = |random: &mut Self, kinds: &mut Vec<DefKind>| {
            (random.below(3) > 0).then(|| random.ty(kinds, depth.saturating_sub(1)))
        };
        if depth == 0 {
            return self.scalar();
        }
        let chosen = self.some_of(&NAMES.map(str::to_owned));
        let kind = match self.below(9) {
            0 => DefKind::List(self.ty(kinds, depth - 1)),
            1 => {
                DefKind::Record(chosen.into_iter().map(|name| Field { name, ty: self.ty(kinds, depth - 1) }).collect())
            }
            2 => DefKind::Tuple((0..self.below(4)).map(|_| self.ty(kinds, depth - 1)).collect()),
            3 if !chosen.is_empty() => {
                DefKind::Variant(chosen.into_iter().map(|name| Case { name, ty: optional(self, kinds) }).collect())
            }
            4 if !chosen.is_empty() => DefKind::Enum(chosen),
            5 => DefKind::Flags(chosen),
            6 => DefKind::Option(self.ty(kinds, depth - 1)),
            7 => DefKind::Result(optional(self, kinds), optional(self, kinds)),
            _ => return self.scalar(),
        };
        kinds.push(kind);
        Type::Def(DefIdx(kinds.len() as u32 - 1))
    }

    fn val(&mut self, kinds: &[DefKind], ty: Type) -> Val {
        let bits = self.bits();
        let index = match ty {
            Type::Bool => return Val::Bool(bits & 1 == 1),
            Type::S8 => return Val::S8(bits as i8),
            Type::U8 => return Val::U8(bits as u8),
            Type::S16 => return Val::S16(bits as i16),
            Type::U16 => return Val::U16(bits as u16),
            Type::S32 => return Val::S32(bits as i32),
            Type::U32 => return Val::U32(bits as u32),
            Type::S64 => return Val::S64(bits as i64),
            Type::U64 => return Val::U64(bits),
            Type::F32 => return Val::F32(f32::from_bits(bits as u32)),
            Type::F64 => return Val::F64(f64::from_bits(bits)),
            Type::Char => return Val::Char(self.char()),
            Type::String => return Val::String((0..self.below(12)).map(|_| self.char()).collect()),
            Type::Def(index) => index.index(),
            Type::Own(_) | Type::Borrow(_) => panic!("none is made"),
        };
        let payload = |random: &mut Self, ty: Option<Type>| ty.map(|ty| Box::new(random.val(kinds, ty)));
        match &kinds[index] {
            DefKind::List(ty) => Val::List((0..self.below(4)).map(|_| self.val(kinds, *ty)).collect()),
            DefKind::Record(fields) => {
                Val::Record(fields.iter().map(|field| (field.name.clone(), self.val(kinds, field.ty))).collect())
            }
            DefKind::Tuple(types) => Val::Tuple(types.iter().map(|ty| self.val(kinds, *ty)).collect()),
            DefKind::Variant(cases) => {
                let case = &cases[self.below(cases.len())];
                Val::Variant(case.name.clone(), payload(self, case.ty))
            }
            DefKind::Enum(names) => Val::Enum(names[self.below(names.len())].clone()),
            DefKind::Flags(names) => Val::Flags(self.some_of(names)),
            DefKind::Option(_) if bits & 1 == 0 => Val::Option(None),
            DefKind::Option(ty) => Val::Option(payload(self, Some(*ty))),
            DefKind::Result(ok, _) if bits & 1 == 0 => Val::Result(Ok(payload(self, *ok))),
            DefKind::Result(_, err) => Val::Result(Err(payload(self, *err))),
        }
    }

    /// The text with something else in one place.
    fn damage(&mut self, text: &str) -> String {
        const PARTS: [&str; 14] = ["", "(", ")", "[", "}", ",", ":", "\"", "'", "\\", "%", "some(", "//", "\u{e9}"];
        let mut chars: Vec<char> = text.chars().collect();
        let from = self.below(chars.len() + 1);
        let to = (from + self.below(3)).min(chars.len());
        chars.splice(from..to, PARTS[self.below(PARTS.len())].chars());
        chars.into_iter().collect()
    }
}

#[test]
fn what_is_written_is_read_as_what_it_was() {
    let mut refused = 0;
    for seed in 0..2000 {
        let random = &mut Random(seed);
        let mut kinds = Vec::new();
        let ty = random.ty(&mut kinds, 1 + seed as usize % 5);
        let val = random.val(&kinds, ty);
        let info = info(kinds);
        let text = val.to_string();
        let read = Reader::new(&info, &text).word(ty).unwrap_or_else(|error| panic!("{seed}: {text}: {error}"));
        // Not the values, because of `nan`.
        assert_eq!(format!("{read:?}"), format!("{val:?}"), "{seed}: {text}");
        for _ in 0..8 {
            let damaged = random.damage(&text);
            match Reader::new(&info, &damaged).word(ty) {
                // What was read can be written and read.
                Ok(read) => assert!(Reader::new(&info, &read.to_string()).word(ty).is_ok(), "{seed}: {damaged}"),
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().contains(", at character "), "{error}");
                }
            }
        }
    }
    assert!(refused > 4000, "only {refused} of 16000 damaged texts were refused");
}
