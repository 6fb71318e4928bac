//! Calls of functions.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, ExceptionTableData, ExceptionTableItem, ExtFuncData, ExternalName, FuncRef, Inst, InstBuilder,
    MemFlagsData, SigRef, UserExternalName, Value, types,
};
use wasmer_runtime_core::layout::{DISPLAY_SCALE, TYPE_ID_ABI_SHIFT, VMTABLE_BASE, VMTABLE_LEN};
use wasmer_runtime_core::translate::codegen::{Callee, Checks, Display, Expected, TableRef};
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::{DefinedFuncIdx, Signature, Ty};

use crate::codegen::{Codegen, clif_trap, wasm_signature};
use crate::control::continue_in;
use crate::description::ABI;
use crate::libcall::libcall;
use crate::locals::note_landing;
use crate::region::Region;

/// What a call instruction needs.
pub(crate) enum Entry {
    Direct(FuncRef),
    Pointer { sig: SigRef, code: Value },
}

pub(crate) fn call(
    cg: &mut Codegen<'_>,
    callee: Callee<Value>,
    signature: &Signature,
    args: &[Value],
    results: &mut Vec<Value>,
) {
    let (entry, vmctx) = resolve(cg, callee, signature);
    let args = gather(cg, vmctx, args);
    // Where code is metered, the first result is what the callee has left of the fuel.
    let variable = cg.fuel;
    let (fuel, returned) = emit(cg, entry, &args).split_at(usize::from(variable.is_some()));
    let fuel = fuel.first().copied();
    results.extend(returned);
    if let (Some(variable), Some(fuel)) = (variable, fuel) {
        cg.builder.def_var(variable, fuel);
    }
    cg.scratch.call_args = args;
}

pub(crate) fn return_call(cg: &mut Codegen<'_>, callee: Callee<Value>, signature: &Signature, args: &[Value]) {
    let (entry, vmctx) = resolve(cg, callee, signature);
    let args = gather(cg, vmctx, args);
    match entry {
        Entry::Direct(function) => cg.ins().return_call(function, &args),
        Entry::Pointer { sig, code } => cg.ins().return_call_indirect(sig, code, &args),
    };
    cg.scratch.call_args = args;
}

/// A call, in a region or outside of all: its results.
///
/// A call in a region ends its block, because Cranelift's calls that may go on elsewhere are terminators.
fn emit<'c>(cg: &'c mut Codegen<'_>, entry: Entry, args: &[Value]) -> &'c [Value] {
    let Some(landing) = cg.scratch.landings.last_mut() else {
        let inst = match entry {
            Entry::Direct(function) => cg.ins().call(function, args),
            Entry::Pointer { sig, code } => cg.ins().call_indirect(sig, code, args),
        };
        return cg.builder.inst_results(inst);
    };
    landing.used = true;
    let landing = landing.block;
    note_landing(cg);
    let block = call_in_region(cg, entry, args, landing).1;
    continue_in(cg, block);
    cg.builder.block_params(block)
}

/// A call that ends its block, and the block where it goes on when it returns.
fn call_in_region(cg: &mut Codegen<'_>, entry: Entry, args: &[Value], landing: Block) -> (Inst, Block) {
    let func = &mut *cg.builder.func;
    let sig = match entry {
        Entry::Direct(function) => func.dfg.ext_funcs[function].signature,
        Entry::Pointer { sig, .. } => sig,
    };
    let returns: Vec<_> = func.dfg.signatures[sig].returns.iter().map(|result| result.value_type).collect();
    let block = cg.builder.create_block();
    for ty in &returns {
        cg.builder.append_block_param(block, *ty);
    }
    // The results exist only on the way that returns, so they are parameters of that block.
    let results: Vec<_> = (0..returns.len() as u32).map(BlockArg::TryCallRet).collect();
    let dfg = &mut cg.builder.func.dfg;
    let normal = dfg.block_call(block, &results);
    // The landing compares tags itself, so every exception goes there (ADR 23).
    let thrown = ExceptionTableItem::Default(dfg.block_call(landing, &[]));
    let table = dfg.exception_tables.push(ExceptionTableData::new(sig, normal, [thrown]));
    let inst = match entry {
        Entry::Direct(function) => cg.ins().try_call(function, args, table),
        Entry::Pointer { code, .. } => cg.ins().try_call_indirect(code, args, table),
    };
    (inst, block)
}

/// The arguments behind the callee's vmctx, in the scratch vector, which goes back afterwards.
fn gather(cg: &mut Codegen<'_>, vmctx: Value, args: &[Value]) -> Vec<Value> {
    let mut gathered = std::mem::take(&mut cg.scratch.call_args);
    gathered.clear();
    gathered.push(vmctx);
    gathered.extend(cg.fuel.map(|variable| cg.builder.use_var(variable)));
    for &arg in args {
        gathered.push(cg.canonical(arg));
    }
    gathered
}

/// The entry of a callee and the vmctx to pass.
fn resolve(cg: &mut Codegen<'_>, callee: Callee<Value>, signature: &Signature) -> (Entry, Value) {
    let (reference, checks) = match callee {
        Callee::Direct(index) => return (Entry::Direct(function(cg, index, signature)), cg.vmctx),
        Callee::Import { index: _, entry, vmctx } => {
            let sig = wasm_sig(cg, signature);
            let code = cg.load_constant(entry);
            let vmctx = cg.load_constant(vmctx);
            return (Entry::Pointer { sig, code }, vmctx);
        }
        Callee::Indirect { table, index, checks } => (indirect(cg, &table, index, &checks), checks),
        Callee::Ref { reference, checks } => (typed_reference(cg, reference, &checks), checks),
    };
    let sig = wasm_sig(cg, signature);
    // Not `can_move`: before the checks, the reference may lead nowhere.
    let flags = cg.trusted(Region::Constant).with_readonly();
    let code = cg.ins().load(types::I64, flags, reference, checks.entry);
    let vmctx = cg.ins().load(types::I64, flags, reference, checks.vmctx);
    (Entry::Pointer { sig, code }, vmctx)
}

/// The declaration of a function of this module.
fn function(cg: &mut Codegen<'_>, index: DefinedFuncIdx, signature: &Signature) -> FuncRef {
    if let Some(function) = cg.scratch.functions.get(&index) {
        return *function;
    }
    let signature = wasm_sig(cg, signature);
    let name = UserExternalName { namespace: 0, index: index.0 };
    let name = ExternalName::User(cg.builder.func.declare_imported_user_function(name));
    // `colocated`: the linker of the image puts all functions of a module within reach of a relative call.
    let function = cg.builder.import_function(ExtFuncData { name, signature, colocated: true, patchable: false });
    cg.scratch.functions.insert(index, function);
    function
}

/// The declaration of a wasm call signature.
fn wasm_sig(cg: &mut Codegen<'_>, signature: &Signature) -> SigRef {
    if let Some(sig) = cg.scratch.signatures.get(signature) {
        return *sig;
    }
    let sig = cg.builder.import_signature(wasm_signature(cg.module, signature));
    cg.scratch.signatures.insert(signature.clone(), sig);
    sig
}

/// The function reference that a `call_indirect` calls.
fn indirect(cg: &mut Codegen<'_>, table: &TableRef, index: Value, checks: &Checks) -> Value {
    let index = cg.index64(table.width, index);
    let element = table_element(cg, table, index, checks.nowhere);
    let compare = cg.builder.create_block();
    let slow = cg.builder.create_block();
    // Null: an empty element, or one that has not been filled in yet.
    cg.ins().brif(element, compare, [], slow, []);
    cg.builder.switch_to_block(compare);
    cg.builder.seal_block(compare);
    let flags = cg.trusted(Region::Constant).with_readonly();
    callable(cg, slow, element, flags, checks, (Ty::I64, index))
}

/// The function reference that a `call_ref` calls.
fn typed_reference(cg: &mut Codegen<'_>, reference: Value, checks: &Checks) -> Value {
    let slow = cg.builder.create_block();
    // Null faults here, within the first page.
    let flags = cg.faulting(Region::Constant, clif_trap(checks.nowhere)).with_readonly();
    callable(cg, slow, reference, flags, checks, (Ty::Ref, reference))
}

/// A reference that this code can call: itself, or in the block `slow` what the host makes of the operand.
fn callable(
    cg: &mut Codegen<'_>,
    slow: Block,
    reference: Value,
    flags: MemFlagsData,
    checks: &Checks,
    (ty, operand): (Ty, Value),
) -> Value {
    let found = cg.builder.create_block();
    let callee = cg.builder.append_block_param(found, types::I64);
    cg.builder.set_cold_block(slow);
    let id = cg.ins().load(types::I32, flags, reference, checks.type_id);
    // For `call_ref` this load is the check for null, so nothing that reads the reference may come before it.
    let mut fits = is_expected(cg, id, checks.expected);
    if let Expected::Id { ids, offset, display: Some(display) } = checks.expected {
        let other = cg.builder.create_block();
        cg.builder.set_cold_block(other);
        cg.ins().brif(fits, found, &[reference.into()], other, []);
        cg.builder.switch_to_block(other);
        cg.builder.seal_block(other);
        let wanted = wanted_id(cg, ids, offset);
        fits = has_supertype(cg, id, wanted, display);
    }
    cg.ins().brif(fits, found, &[reference.into()], slow, []);

    cg.builder.switch_to_block(slow);
    cg.builder.seal_block(slow);
    let resolved = libcall(cg, checks.slow, &[ty], &[operand]);
    let resolved = resolved.expect("the libcall returns a reference");
    cg.ins().jump(found, &[resolved.into()]);
    cg.builder.switch_to_block(found);
    cg.builder.seal_block(found);
    callee
}

fn is_expected(cg: &mut Codegen<'_>, id: Value, expected: Expected) -> Value {
    match expected {
        Expected::Id { ids, offset, display: _ } => {
            let wanted = wanted_id(cg, ids, offset);
            cg.ins().icmp(IntCC::Equal, id, wanted)
        }
        Expected::Convention => {
            // The convention is in the upper bits, and ours is 0: one comparison without a shift or a mask.
            // Ids of our functions are the small ones.
            const { assert!(ABI.number() == 0) };
            cg.ins().icmp_imm_u(IntCC::UnsignedLessThan, id, 1 << TYPE_ID_ABI_SHIFT)
        }
    }
}

/// One of the module's type ids.
fn wanted_id(cg: &mut Codegen<'_>, ids: i32, offset: i32) -> Value {
    let ids = cg.load_constant(ids);
    let flags = cg.trusted(Region::Constant).with_readonly().with_can_move();
    cg.ins().load(types::I32, flags, ids, offset)
}

/// Whether an id has another one among its supertypes, and the same convention.
///
/// One comparison for both: the supertype in the display, with the convention of the id, must be the wanted id. A display has 0 where there is no
/// such supertype, and no type has the id 0.
fn has_supertype(cg: &mut Codegen<'_>, id: Value, wanted: Value, display: Display) -> Value {
    const CANONICAL: i64 = (1 << TYPE_ID_ABI_SHIFT) - 1;
    let canonical = cg.ins().band_imm_u(id, CANONICAL);
    let position = cg.ins().uextend(types::I64, canonical);
    let position = cg.ins().ishl_imm_u(position, i64::from(DISPLAY_SCALE));
    let table = cg.load_constant(display.table);
    let record = cg.ins().iadd(table, position);
    let flags = cg.trusted(Region::Displays);
    let supertype = cg.ins().load(types::I32, flags, record, display.place);
    let convention = cg.ins().band_imm_u(id, !CANONICAL & i64::from(u32::MAX));
    let found = cg.ins().bor(supertype, convention);
    cg.ins().icmp(IntCC::Equal, found, wanted)
}

/// The element of a table, null if it is null or has not been filled in. An index beyond the end turns the address
/// into null, also when the processor only guesses; the load faults and so traps.
fn table_element(cg: &mut Codegen<'_>, table: &TableRef, index: Value, nowhere: TrapCode) -> Value {
    let (at, offset) = cg.locate(table.location);
    let mut flags = cg.trusted(Region::Table(table.index));
    // A table that cannot grow has its length in the code, and a base that never changes.
    let len = if table.fixed {
        flags = flags.with_readonly().with_can_move();
        cg.ins().iconst(types::I64, table.min as i64)
    } else {
        cg.ins().load(types::I64, flags, at, offset + VMTABLE_LEN)
    };
    let base = cg.ins().load(types::I64, flags, at, offset + VMTABLE_BASE);
    let beyond = cg.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
    // Elements have 8 bytes.
    let scaled = cg.ins().ishl_imm_u(index, 3);
    let address = cg.ins().iadd(base, scaled);
    let null = cg.ins().iconst(types::I64, 0);
    let address = cg.ins().select_spectre_guard(beyond, null, address);
    let flags = cg.faulting(Region::TableElements(table.index), clif_trap(nowhere)).with_aligned();
    cg.ins().load(types::I64, flags, address, 0)
}
