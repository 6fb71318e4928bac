//! Whether a module can have to do with objects of the collected heap, which decides what its vmctx has.
//!
//! Nearly every module that does has types of objects, or mentions one of the heap types. Those that only have operators of garbage collection are found
//! by a look at the bodies in which the operators' prefix occurs.

use wasmparser::FunctionBody;

use crate::module::*;
use crate::types::*;

/// The first byte of every operator of garbage collection.
const PREFIX: u8 = 0xfb;
/// The highest second byte that one of them has.
const OPERATOR_MAX: u8 = 0x1e;

/// Whether anything but bodies has to do with garbage collection, function types that are groups left out.
pub(super) fn outside_bodies(info: &ModuleInfo) -> bool {
    in_sections(info) || in_constants(info)
}

fn in_sections(info: &ModuleInfo) -> bool {
    let in_type = |ty: &TypeDef| !ty.is_final || ty.kind() != TypeKind::Func || ty.values().any(is_internal);
    info.types.iter().any(in_type)
        || info.tables.iter().any(|ty| ty.element.heap.is_internal())
        || info.globals.iter().any(|ty| is_internal(ty.content))
        || info.elements.iter().any(|segment| segment.ty.heap.is_internal())
}

fn is_internal(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(reference) if reference.heap.is_internal())
}

/// Internal references can be converted and leave no other trace.
fn in_constants(info: &ModuleInfo) -> bool {
    let items = info.elements.iter().filter_map(|segment| match &segment.items {
        ElementItems::Functions(_) => None,
        ElementItems::Expressions(items) => Some(items),
    });
    let tables = info.table_inits.iter().flatten();
    info.global_inits.iter().chain(tables).chain(items.flatten()).any(|expr| expr.0.iter().any(ConstOp::is_gc))
}

/// Whether a body has an operator of garbage collection.
pub(super) fn in_body(body: &FunctionBody<'_>) -> bool {
    has_pair(body.as_bytes()) && has_operator(body).unwrap_or(true)
}

/// Whether there are two bytes one behind the other that can be an operator.
pub(super) fn has_pair(bytes: &[u8]) -> bool {
    let can_be = |second: &u8| *second <= OPERATOR_MAX;
    memchr::memchr_iter(PREFIX, bytes).any(|at| bytes.get(at + 1).is_some_and(can_be))
}

/// A body that cannot be read is refused later.
fn has_operator(body: &FunctionBody<'_>) -> Result<bool, wasmparser::Error> {
    let (bytes, start) = (body.as_bytes(), body.range().start);
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (_, offset) = operators.read_with_offset()?;
        if bytes.get((offset - start) as usize) == Some(&PREFIX) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_wherever_they_are() {
        for len in [2, 3, 31, 32, 33, 300] {
            for at in 0..len - 1 {
                let mut bytes = vec![PREFIX; len];
                assert!(!has_pair(&bytes), "{len} bytes");
                bytes[at + 1] = OPERATOR_MAX;
                assert!(has_pair(&bytes), "{len} bytes, at {at}");
                bytes[at] = 0xff;
                assert!(!has_pair(&bytes), "{len} bytes, at {at}");
            }
        }
        assert!(!has_pair(&[]) && !has_pair(&[PREFIX]));
    }
}
