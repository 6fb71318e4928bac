//! The survey finds what a plain reading finds, of every operator that wasmparser has.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{BinaryReader, FrameKind, FrameStack, VisitOperator, VisitSimdOperator};

use super::*;

fn surveyed(code: &[u8], locals: usize) -> Survey {
    let mut survey = Survey::default();
    survey.operators_of(code, locals);
    survey
}

fn usages(code: &[u8], locals: usize) -> Vec<Usage> {
    surveyed(code, locals).locals().to_vec()
}

/// The same with and without the fast way, which needs eight bytes.
fn usages_both(code: &[u8], locals: usize) -> Vec<Usage> {
    let short = usages(code, locals);
    let mut code = code.to_vec();
    code.extend([0x01; 16]);
    assert_eq!(usages(&code, locals), short);
    short
}

#[test]
fn uses_in_loops_count_more() {
    // local.get 0, loop, local.get 1, local.set 1, end, i32.const 200, local.set 2, end
    let code = [0x20, 0, 0x03, 0x40, 0x20, 1, 0x21, 1, 0x0b, 0x41, 0xc8, 0x01, 0x21, 2, 0x0b];
    let expected = [(1, 0, READ_FIRST), (16, 6, READ_FIRST | WRITTEN_IN_LOOP), (1, 12, 0), (0, 0, 0)]
        .map(|(weight, last, flags)| Usage { weight, last, flags });
    assert_eq!(usages_both(&code, 4), expected);
}

#[test]
fn locals_beyond_one_byte_are_found() {
    // local.get 300, local.tee 127, local.set 128
    let locals = usages_both(&[0x20, 0xac, 0x02, 0x22, 0x7f, 0x21, 0x80, 0x01], 301);
    let used: Vec<_> = (0..301).filter(|local| locals[*local].weight > 0).collect();
    assert_eq!(used, [127, 128, 300]);
    assert_eq!(locals[300].flags, READ_FIRST);
}

#[test]
fn writes_come_first_only_where_nothing_passes_them_by() {
    let is_read_first = |code: &[u8]| usages_both(code, 1)[0].flags & READ_FIRST != 0;
    // local.set, local.get; in a block, behind whose end it is read; at the start of a loop.
    assert!(!is_read_first(&[0x21, 0, 0x20, 0]));
    assert!(!is_read_first(&[0x02, 0x40, 0x21, 0, 0x0b, 0x20, 0]));
    assert!(!is_read_first(&[0x03, 0x40, 0x21, 0, 0x20, 0, 0x0d, 0, 0x0b]));
    // Behind a block that is left early.
    assert!(!is_read_first(&[0x02, 0x40, 0x0d, 0, 0x0b, 0x21, 0, 0x20, 0]));
    // Behind a conditional branch in a block, in a conditional arm, behind a table in a block.
    assert!(is_read_first(&[0x02, 0x40, 0x0d, 0, 0x21, 0, 0x0b, 0x20, 0]));
    assert!(is_read_first(&[0x04, 0x40, 0x21, 0, 0x0b, 0x20, 0]));
    assert!(is_read_first(&[0x02, 0x40, 0x0e, 1, 0, 0, 0x21, 0, 0x0b, 0x20, 0]));
    // A read comes first.
    assert!(is_read_first(&[0x20, 0, 0x21, 0]));
}

#[test]
fn what_is_unknown_ends_it() {
    let locals = usages(&[0x21, 0, 0xff, 0x20, 0], 2);
    assert_eq!(locals[0], Usage::UNKNOWN);
    assert_eq!(locals[1], Usage { weight: 0, ..Usage::UNKNOWN });
}

#[test]
fn truncated_and_absurd_bodies_end_it() {
    let long = [0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80];
    assert_eq!(usages(&long, 1)[0].last, u32::MAX);
    let absurd: [&[u8]; 5] =
        [&[0x20], &[0x41, 0x80], &[0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f, 0], &[0x20, 0x80, 0x09], &[0xfd, 12]];
    for code in absurd {
        assert_eq!(usages(code, 1).len(), 1);
    }
}

/// Gives operators their names, in such a frame.
struct Names(FrameKind);

impl FrameStack for Names {
    fn current_frame(&self) -> Option<FrameKind> {
        Some(self.0)
    }
}

macro_rules! names {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        $(
            fn $visit(&mut self $($(, _: $argty)*)?) -> &'static str {
                stringify!($op)
            }
        )*
    };
}

impl<'a> VisitOperator<'a> for Names {
    type Output = &'static str;

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = &'static str>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(names);
}

impl<'a> VisitSimdOperator<'a> for Names {
    wasmparser::for_each_visit_simd_operator!(names);
}

macro_rules! all_names {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        [$(stringify!($op)),*]
    };
}

/// Numbers that look random, the same ones every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Bytes that immediates are made of: small numbers, lanes, types, continued numbers.
const BYTES: [u8; 16] = [0, 0, 0, 1, 2, 3, 0x40, 0x41, 0x62, 0x63, 0x64, 0x6f, 0x70, 0x7f, 0x80, 0x81];

/// Every operator that wasmparser reads, by name, with several immediates each.
fn encodings() -> BTreeMap<&'static str, BTreeSet<Vec<u8>>> {
    let mut random = Random(1);
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    let prefixed = (0xfb..=0xfe)
        .flat_map(|prefix| (0..0x200u32).map(move |code| vec![prefix, code as u8 & 0x7f | 0x80, (code >> 7) as u8]));
    for opcode in (0..=0xff).map(|opcode| vec![opcode]).chain(prefixed) {
        for _ in 0..60 {
            let mut bytes = opcode.clone();
            bytes.extend((0..40).map(|_| BYTES[random.below(BYTES.len())]));
            for frame in [FrameKind::LegacyTry, FrameKind::If] {
                let mut reader = BinaryReader::new(&bytes, 0);
                if let Ok(name) = reader.visit_operator(&mut Names(frame)) {
                    let encoding = bytes[..reader.current_position()].to_vec();
                    found.entry(name).or_default().insert(encoding);
                }
            }
        }
    }
    found
}

#[test]
fn every_operator_of_wasmparser_is_known() {
    let found = encodings();
    let names: BTreeSet<_> = wasmparser::for_each_operator!(all_names).into_iter().collect();
    assert!(names.len() > 600);
    let seen: BTreeSet<_> = found.keys().copied().collect();
    assert_eq!(names.difference(&seen).collect::<Vec<_>>(), Vec::<&&str>::new(), "no encoding was found");
    for (name, encodings) in found {
        for encoding in encodings {
            // Indices of locals may be beyond what there is.
            if name.starts_with("Local") && encoding.len() > 2 {
                continue;
            }
            // What follows is found where it is.
            let mut code = encoding.clone();
            code.extend([0x20, 100]);
            for padding in [0, 16] {
                code.resize(encoding.len() + 2 + padding, 0x01);
                let used = surveyed(&code, 128).of(100);
                assert_eq!((used.last as usize, used.weight > 0), (encoding.len(), true), "{name}: {encoding:02x?}");
            }
        }
    }
}

/// Everything by wasmparser's decoder.
fn plainly(code: &[u8], locals: usize) -> Survey {
    let mut survey = surveyed(&[], locals);
    let mut cursor = Cursor { code, at: 0 };
    let mut nest = Nesting::default();
    while cursor.at < code.len() {
        survey.special(&mut cursor, &mut nest).expect("an operator");
    }
    survey
}

#[test]
fn the_fast_way_finds_what_the_plain_one_finds() {
    // The plain one refuses `else`, which does nothing.
    let encodings = encodings().into_iter().filter(|(name, _)| *name != "Else");
    let encodings: Vec<_> = encodings.map(|(_, encodings)| Vec::from_iter(encodings)).collect();
    // Locals and control flow come often.
    let frequent: [&[u8]; 10] = [
        &[0x20, 3],
        &[0x21, 3],
        &[0x22, 7],
        &[0x20, 90],
        &[0x21, 90],
        &[0x03, 0x40],
        &[0x02, 0x40],
        &[0x0b],
        &[0x0b],
        &[0x0d, 0],
    ];
    let mut random = Random(2);
    for _ in 0..2000 {
        let mut code = Vec::new();
        for _ in 0..random.below(60) {
            if random.below(2) == 0 {
                code.extend_from_slice(frequent[random.below(frequent.len())]);
            } else {
                let same = &encodings[random.below(encodings.len())];
                let one = &same[random.below(same.len())];
                // Of locals that there are.
                if !(0x20..=0x22).contains(&one[0]) || one.len() == 2 {
                    code.extend_from_slice(one);
                }
            }
        }
        let (fast, plain) = (surveyed(&code, 128), plainly(&code, 128));
        assert_eq!(fast.locals(), plain.locals(), "{code:02x?}");
        assert_eq!(fast.tail_calls, plain.tail_calls, "{code:02x?}");
        assert_eq!(fast.blocks, plain.blocks, "{code:02x?}");
    }
}

#[test]
fn tail_calls_are_found_wherever_they_are() {
    // unreachable, return_call 0; return_call_indirect 0 0; return_call_ref 0.
    for code in [&[0x00, 0x12, 0][..], &[0x13, 0, 0], &[0x15, 0]] {
        assert!(surveyed(code, 0).makes_tail_calls());
    }
    // call 0, call_indirect 0 0, call_ref 0, i32.const with the bytes of a tail call.
    assert!(!surveyed(&[0x10, 0, 0x11, 0, 0, 0x14, 0, 0x41, 0x92, 0x12], 0).makes_tail_calls());
}
