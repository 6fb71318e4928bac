//! The stack that compilers of C, C++, Rust and others keep in a module's memory, beside the one of the machine.
//!
//! Whatever has an address lives there. LLVM's linker makes a global for it, `__stack_pointer`, which starts at the stack's upper end and goes down. Nothing
//! is checked: what overflows leaves the memory at its lower end if the stack stands first in it, and otherwise overwrites data.

use std::ops::Range;

use wasmparser::{KnownCustom, Name, Parser, Payload};

use wasmer_runtime_core::module::{ConstExpr, ConstOp, Entity, ModuleInfo};
use wasmer_runtime_core::types::{Const, GlobalIdx, GlobalType, MemoryIdx, ValType};

/// The name of the global.
const NAME: &str = "__stack_pointer";

/// The global that a module keeps its own stack's pointer in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackPointer {
    /// Its index, see [`Instance::global`](crate::Instance::global).
    pub global: u32,
    /// The address that it starts with: the upper end of the stack.
    pub start: u64,
    /// The size of the stack in bytes, if it begins at address 0, with all data behind it.
    pub bytes: Option<u64>,
    /// Whether the module exports or names the global so. Otherwise it is the first of its own, as the linker orders them, and looks like one.
    pub is_named: bool,
}

/// What functions that call no others use below the pointer without moving it, at most, in bytes.
const RED_ZONE_BYTES: u64 = 128;

/// No single frame is larger, as a rule.
const FRAME_BYTES_MAX: u64 = 1 << 20;

impl StackPointer {
    /// Of a module that defines such a global.
    pub(super) fn of(info: &ModuleInfo, wasm: &[u8]) -> Option<Self> {
        let exported = info.exports.iter().find_map(|export| match export.entity {
            Entity::Global(index) if export.name == NAME => Some(index),
            _ => None,
        });
        let named = exported.or_else(|| named(wasm));
        let global = named.unwrap_or(GlobalIdx(info.imported_globals));
        let is_counter = |ty: &&GlobalType| ty.mutable && matches!(ty.content, ValType::I32 | ValType::I64);
        info.globals.get(global.index()).filter(is_counter)?;
        let defined = global.index().checked_sub(info.imported_globals as usize)?;
        let start = constant(info.global_inits.get(defined)?)?;
        let bytes = Some(start).filter(|start| is_first(info, *start));
        let is_named = named.is_some();
        let looks_like_one = start > 0 && start.is_multiple_of(16) && bytes.is_some();
        (is_named || looks_like_one).then_some(Self { global: global.0, start, bytes, is_named })
    }

    /// Whether an access outside of a memory of `memory_bytes` at `address`, if that is known, may well be one of a stack that has overflowed, when the
    /// global's value is `value`.
    ///
    /// The pointer never goes up beyond its start, so where it is outside of the memory it has gone down beyond zero. Functions that call no others
    /// need not move it.
    pub fn may_have_overflowed(&self, value: u64, address: Option<u64>, memory_bytes: u64) -> bool {
        let has_wrapped = value > self.start && value >= memory_bytes;
        let in_frame = |address: u64| address.checked_sub(value).is_some_and(|offset| offset <= FRAME_BYTES_MAX);
        match address {
            _ if has_wrapped => address.map_or(self.is_named, in_frame),
            Some(address) => {
                let below_zero = (1 << 32) - RED_ZONE_BYTES..(1 << 32) + RED_ZONE_BYTES;
                self.is_named && value < RED_ZONE_BYTES && below_zero.contains(&address)
            }
            None => false,
        }
    }
}

/// The global that the name section gives the name.
fn named(wasm: &[u8]) -> Option<GlobalIdx> {
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::CustomSection(section) = payload.ok()? else { continue };
        let KnownCustom::Name(names) = section.as_known() else { continue };
        for part in names {
            let Name::Global(globals) = part.ok()? else { continue };
            let found = globals.into_iter().map_while(Result::ok).find(|naming| naming.name == NAME);
            return found.map(|naming| GlobalIdx(naming.index));
        }
    }
    None
}

fn constant(expr: &ConstExpr) -> Option<u64> {
    match *expr.0 {
        [ConstOp::Const(Const::I32(value))] => Some(u64::from(value as u32)),
        [ConstOp::Const(Const::I64(value))] => Some(value as u64),
        _ => None,
    }
}

/// Whether nothing else can be below `start`: every byte of data that the module brings stands behind.
fn is_first(info: &ModuleInfo, start: u64) -> bool {
    let is_behind = |memory: MemoryIdx, offset: &ConstExpr, range: &Range<usize>| {
        memory.0 != 0 || range.is_empty() || constant(offset).is_some_and(|offset| offset >= start)
    };
    let mut active =
        info.data.iter().filter_map(|segment| segment.active.as_ref().map(|active| (active, &segment.range)));
    active.all(|((memory, offset), range)| is_behind(*memory, offset, range))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModuleSummary;
    use wasmer_runtime_core::translate::module::default_features;

    fn of(wat: &str) -> Option<StackPointer> {
        ModuleSummary::of(&wat::parse_str(wat).unwrap(), default_features()).unwrap().stack_pointer
    }

    #[test]
    fn the_global_is_found_by_its_name() {
        let named = "(module (memory 2) (global $other (mut i32) (i32.const 5)) (global $__stack_pointer (mut i32) (i32.const 65536)))";
        let expected = StackPointer { global: 1, start: 65536, bytes: Some(65536), is_named: true };
        assert_eq!(of(named), Some(expected.clone()));
        let exported = "(module (memory i64 2) (global i32 (i32.const 5)) (global (export \"__stack_pointer\") (mut i64) (i64.const 65536)))";
        assert_eq!(of(exported), Some(expected));
        // Data in front of the stack: where it begins is not known.
        let behind =
            "(module (memory 2) (global $__stack_pointer (mut i32) (i32.const 65536)) (data (i32.const 1024) \"x\"))";
        assert_eq!(of(behind).unwrap().bytes, None);
        let first =
            "(module (memory 2) (global $__stack_pointer (mut i32) (i32.const 65536)) (data (i32.const 65536) \"x\"))";
        assert_eq!(of(first).unwrap().bytes, Some(65536));
    }

    #[test]
    fn what_cannot_be_a_stack_pointer_is_none() {
        for wat in [
            "(module)",
            "(module (memory 1))",
            "(module (memory 1) (global i32 (i32.const 65536)))",
            "(module (memory 1) (global (mut f64) (f64.const 65536)))",
            "(module (memory 1) (global (mut i32) (i32.const 0)))",
            "(module (memory 1) (global (mut i32) (i32.const 1000)))",
            "(module (memory 1) (global (mut i32) (i32.const 1024)) (data (i32.const 16) \"x\"))",
            "(module (import \"env\" \"__stack_pointer\" (global $__stack_pointer (mut i32))) (memory 1))",
            "(module (memory 1) (global $__stack_pointer i32 (i32.const 65536)))",
        ] {
            assert_eq!(of(wat), None, "{wat}");
        }
        assert!(!of("(module (memory 1) (global (mut i32) (i32.const 1024)))").unwrap().is_named);
    }

    #[test]
    fn evidence_is_asked_for() {
        let named = StackPointer { global: 0, start: 0x10000, bytes: Some(0x10000), is_named: true };
        let unnamed = StackPointer { is_named: false, ..named.clone() };
        let below = |bytes: u64| (1 << 32) - bytes;
        // Value, address, what is said of a named one and of one that only looks like it.
        let cases = [
            (below(64), Some(below(60)), true, true),
            (below(64), Some((1 << 32) + 8), true, true),
            (below(64), None, true, false),
            // Somewhere else altogether.
            (below(64), Some(below(65)), false, false),
            (below(64), Some(0x20000), false, false),
            (below(1 << 24), Some(below(64)), false, false),
            // Without a frame of its own.
            (16, Some(below(100)), true, false),
            (16, Some((1 << 32) + 8), true, false),
            (16, Some(below(200)), false, false),
            (200, Some(below(4)), false, false),
            (0x8000, Some(below(4)), false, false),
            (0x10000, None, false, false),
            // Up beyond its start, but in the memory: another stack.
            (0x18000, Some(below(4)), false, false),
        ];
        for (value, address, says_named, says_unnamed) in cases {
            let says = [&named, &unnamed].map(|stack| stack.may_have_overflowed(value, address, 0x20000));
            assert_eq!(says, [says_named, says_unnamed], "{value:#x} {address:x?}");
        }
    }
}
