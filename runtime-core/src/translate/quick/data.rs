//! A quick look at segments of data. Programs in C and C++ have tens of thousands, all of one shape: of the first memory, at a number.

use crate::module::{ConstExpr, ConstOp, DataSegment, ModuleInfo};
use crate::translate::ops::Const;
use crate::types::{MemoryIdx, Width};

use super::reader::Reader;

/// As many as wasmparser allows.
const SEGMENTS_MAX: u32 = 100_000;

/// How an active segment of the first memory begins, before the number and the end of the expression.
const ACTIVE: u8 = 0;
const I32_CONST: u8 = 0x41;
const END: u8 = 0x0b;

/// The segments of a data section, whose contents begin at an offset in the module, if all of them have the shape and are valid for certain. `info` is what the sections
/// before it say.
pub(crate) fn segments(info: &ModuleInfo, contents: &[u8], start: usize) -> Option<Vec<DataSegment>> {
    if info.memories.first()?.index != Width::W32 {
        return None;
    }
    let mut reader = Reader::new(contents);
    let count = reader.u32().filter(|count| *count <= SEGMENTS_MAX)?;
    let mut segments = Vec::new();
    for _ in 0..count {
        if (reader.byte()?, reader.byte()?) != (ACTIVE, I32_CONST) {
            return None;
        }
        let offset = reader.s32()?;
        if reader.byte()? != END {
            return None;
        }
        let len = reader.u32()? as usize;
        let at = start + reader.position();
        reader.skip(len)?;
        let offset = ConstExpr(Box::new([ConstOp::Const(Const::I32(offset))]));
        segments.push(DataSegment { active: Some((MemoryIdx(0), offset)), range: at..at + len });
    }
    reader.is_at_end().then_some(segments)
}

#[cfg(test)]
mod tests {
    use crate::translate::module::{default_features, translate_sections};

    use super::*;

    /// A module with a memory and this data section.
    fn module(memory: &[u8], data: &[u8]) -> Vec<u8> {
        let memory = [&[5, memory.len() as u8 + 1, 1], memory].concat();
        [b"\0asm\x01\0\0\0", &memory[..], &[11, data.len() as u8], data].concat()
    }

    /// Whether a section is accepted. Then it is valid, and says what wasmparser says.
    fn is_accepted(memory: &[u8], data: &[u8]) -> bool {
        let wasm = module(memory, data);
        let start = wasm.len() - data.len();
        // What stands before the section.
        let info = translate_sections(&wasm[..start - 2], default_features(), &mut |_, _| ()).expect("valid");
        let Some(segments) = segments(&info, data, start) else { return false };
        let mut validator = wasmparser::Validator::new_with_features(default_features());
        validator.validate_all(&wasm).expect("accepted");
        let slow = wasmparser::Parser::new(0).parse_all(&wasm).find_map(|payload| match payload {
            Ok(wasmparser::Payload::DataSection(section)) => Some(section),
            _ => None,
        });
        let slow: Vec<_> = slow.expect("there is one").into_iter().map(|segment| segment.expect("valid")).collect();
        assert_eq!(slow.len(), segments.len());
        for (slow, quick) in slow.iter().zip(&segments) {
            let wasmparser::DataKind::Active { memory_index: 0, offset_expr } = &slow.kind else { panic!("{slow:?}") };
            let value = match offset_expr.get_operators_reader().read() {
                Ok(wasmparser::Operator::I32Const { value }) => value,
                other => panic!("{other:?}"),
            };
            assert_eq!(quick.active, Some((MemoryIdx(0), ConstExpr(Box::new([ConstOp::Const(Const::I32(value))])))));
            assert_eq!(&wasm[quick.range.clone()], slow.data);
            assert_eq!(quick.range.end, slow.range.end as usize);
        }
        true
    }

    const MEMORY: &[u8] = &[0, 1];
    /// Two segments, one at a negative number of two bytes, and one without bytes.
    const DATA: &[u8] = &[2, 0, 0x41, 0x80, 0x7f, 0x0b, 3, 1, 2, 3, 0, 0x41, 7, 0x0b, 0];

    #[test]
    fn what_is_accepted_is_what_wasmparser_says() {
        assert!(is_accepted(MEMORY, DATA));
        assert!(is_accepted(MEMORY, &[0]));
        let mut accepted = 0;
        for at in 0..DATA.len() {
            for byte in 0..=0xff {
                let mut damaged = DATA.to_vec();
                damaged[at] = byte;
                accepted += u32::from(is_accepted(MEMORY, &damaged));
            }
        }
        assert!(accepted > 1000, "{accepted}");
        for len in 0..DATA.len() {
            assert!(!is_accepted(MEMORY, &DATA[..len]), "{len}");
        }
    }

    #[test]
    fn other_segments_and_memories_are_left_to_wasmparser() {
        // An address of 64 bits; no memory.
        assert!(!is_accepted(&[4, 1], DATA));
        assert!(segments(&ModuleInfo::default(), DATA, 0).is_none());
        // Passive; of a memory that is named; at a global.
        assert!(!is_accepted(MEMORY, &[1, 1, 0]));
        assert!(!is_accepted(MEMORY, &[1, 2, 0, 0x41, 0, 0x0b, 0]));
        assert!(!is_accepted(MEMORY, &[1, 0, 0x23, 0, 0x0b, 0]));
        // More than there may be.
        assert!(!is_accepted(MEMORY, &[0xa1, 0x8d, 0x06]));
    }
}
