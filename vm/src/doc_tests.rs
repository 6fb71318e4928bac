//! The tables of `docs/internals` say what the code says.

use std::path::Path;

use wasmer_runtime_core::libcall::Libcall;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::vmcontext::*;

use crate::host::VMHostContext;

/// The rows of a page's tables whose first cell is a number, without the backquotes.
pub(crate) fn rows(page: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cells = |line: &str| -> Option<Vec<String>> {
        let line = line.strip_prefix('|')?.strip_suffix('|')?;
        Some(line.split('|').map(|cell| cell.trim().replace('`', "")).collect())
    };
    let rows = text.lines().filter_map(cells);
    rows.filter(|row| row[0].parse::<u32>().is_ok()).collect()
}

/// The size of a field, from a function that gets it.
pub(crate) const fn size_of_field<T, F>(_: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// Offset, size and name of fields.
macro_rules! fields {
    ($($ty:ident: $($($field:ident).+),*;)*) => {
        vec![$($((std::mem::offset_of!($ty, $($field).+), size_of_field(|value: &$ty| &value.$($field).+), {
            concat!(stringify!($ty) $(, ".", stringify!($field))+)
        })),*),*]
    };
}
pub(crate) use fields;

#[test]
fn the_contexts_are_documented() {
    let expected = fields! {
        VMContext: header.libcalls, header.store, type_ids, instance;
        VMImportContext: header.libcalls, header.store, callee;
        VMHostContext: import, func, func_ref;
        VMFuncRef: array_call, wasm_call, vmctx, type_id, first_type_id, first_call;
        VMMemory: len, base;
        VMTable: base, len;
        VMStoreContext: stop, host_sp, exit, fuel, caught.tag, caught.values, caught.reference, heap_cursor, heap_limit, values, landing;
    };
    let expected: Vec<_> =
        expected.into_iter().map(|(at, size, name)| [at.to_string(), size.to_string(), name.to_owned()]).collect();
    let found: Vec<_> = rows("internals/vmcontext.md").into_iter().map(|row| row[..3].to_vec()).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_traps_are_documented() {
    let expected: Vec<_> = TrapCode::ALL
        .iter()
        .map(|code| vec![(*code as u8).to_string(), format!("{code:?}"), code.message().to_owned()])
        .collect();
    assert_eq!(rows("internals/stacks.md"), expected);
}

#[test]
fn the_libcalls_are_documented() {
    let row = |call: &Libcall| {
        let operands: Vec<_> = call.params().iter().map(|ty| format!("{ty:?}")).collect();
        let result = call.result().map_or(String::new(), |ty| format!("{ty:?}"));
        vec![
            (call.table_offset() / 8).to_string(),
            call.symbol().to_owned(),
            call.immediates().to_string(),
            operands.join(" "),
            result,
        ]
    };
    assert_eq!(rows("internals/calls.md"), Libcall::ALL.iter().map(row).collect::<Vec<_>>());
}
