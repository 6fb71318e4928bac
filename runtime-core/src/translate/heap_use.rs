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

/// Whether sections or bodies have anything of garbage collection but function types that are groups.
pub(super) fn of<'a>(info: &ModuleInfo, bodies: impl Iterator<Item = &'a FunctionBody<'a>>) -> bool {
    in_sections(info) || in_constants(info) || bodies.into_iter().any(in_body)
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

fn in_body(body: &FunctionBody<'_>) -> bool {
    has_pair(body.as_bytes()) && has_operator(body).unwrap_or(true)
}

/// Bytes that are looked through at once: as long as the prefix comes seldom, most have none of it.
const CHUNK: usize = 128;

/// Whether there are two bytes one behind the other that can be an operator.
fn has_pair(bytes: &[u8]) -> bool {
    let can_be = |pair: &[u8]| pair[0] == PREFIX && pair[1] <= OPERATOR_MAX;
    let mut chunks = bytes.chunks(CHUNK).enumerate().filter(|(_, chunk)| chunk.contains(&PREFIX));
    // With the first byte of the next chunk.
    chunks.any(|(index, chunk)| bytes[index * CHUNK..].windows(2).take(chunk.len()).any(can_be))
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
        for len in [2, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
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
