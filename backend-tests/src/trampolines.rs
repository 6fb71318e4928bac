//! Both trampolines of a type, back to back: array call, wasm call, array call. Arguments and results must arrive
//! in order, also those that fit no register.

use std::ffi::c_void;
use std::ptr;

use memmap2::{Mmap, MmapMut};
use wasmer_runtime_core::compiler::{Compiler, Output, Symbol, Trampoline, Worker};
use wasmer_runtime_core::layout::{RAW_VALUE_BYTES, VMFUNCREF_VMCTX, VMSTORE_VALUES};
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::types::{FuncType, TypeIdx, ValType};
use wasmer_runtime_core::vmcontext::{ArrayCall, RawValue, VMContextHeader, VMFuncRef, VMImportContext};

use crate::assert_same;

const KINDS: [ValType; 6] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128, ValType::EXTERNREF];

fn cycle(count: usize, skip: usize) -> Vec<ValType> {
    KINDS.into_iter().cycle().skip(skip).take(count).collect()
}

fn module(params: Vec<ValType>, results: Vec<ValType>) -> ModuleInfo {
    let types = vec![FuncType::new(params, results).into()];
    ModuleInfo { types, ..ModuleInfo::default() }
}

fn compile(worker: &mut dyn Worker, module: &ModuleInfo) -> Output {
    let mut output = Output::default();
    for trampoline in [Trampoline::ArrayToWasm(TypeIdx(0)), Trampoline::WasmToArray(TypeIdx(0))] {
        worker.trampoline(module, &trampoline, &mut output).expect("trampolines compile");
    }
    output
}

fn offset(output: &Output, trampoline: Trampoline) -> usize {
    let symbol = Symbol::Trampoline(trampoline);
    output.definitions.iter().find(|definition| definition.symbol == symbol).expect("was compiled").offset as usize
}

fn map(output: &Output) -> Mmap {
    assert_eq!(output.relocs, []);
    let mut map = MmapMut::map_anon(output.text.len()).expect("memory");
    map.copy_from_slice(&output.text);
    map.make_exec().expect("executable memory")
}

const VALUES_MAX: usize = 64;

/// Adds one to the low 32 bits of each value, whose number the test puts in the callee's vmctx field. Changes what C lets a callee change.
#[unsafe(naked)]
unsafe extern "C" fn host(callee: *const VMFuncRef, values: *mut RawValue) -> bool {
    std::arch::naked_asm!(
        "mov rcx, [rdi + {vmctx}]",
        "test rcx, rcx",
        "jz 3f",
        "2:",
        "add dword ptr [rsi], 1",
        "add rsi, {stride}",
        "dec rcx",
        "jnz 2b",
        "3:",
        "mov rdx, -1",
        "mov rsi, -1",
        "mov rdi, -1",
        "mov r8, -1",
        "mov r9, -1",
        "mov r10, -1",
        "mov r11, -1",
        "mov eax, 1",
        "ret",
        vmctx = const VMFUNCREF_VMCTX,
        stride = const RAW_VALUE_BYTES,
    )
}

/// Array call of `code`. Whether it returned true and the registers that C wants preserved have what they had.
///
/// # Safety
/// `code` is an array-call entry that can be given these arguments.
#[unsafe(naked)]
unsafe extern "C" fn enter(callee: *const VMFuncRef, values: *mut RawValue, code: ArrayCall) -> bool {
    std::arch::naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "push rsp",
        "mov ebp, 1",
        "mov ebx, 2",
        "mov r12d, 4",
        "mov r13d, 8",
        "mov r14d, 16",
        "mov r15d, 32",
        "call rdx",
        "or rbp, rbx",
        "or r12, r13",
        "or r14, r15",
        "or rbp, r12",
        "or rbp, r14",
        "cmp rbp, 63",
        "sete cl",
        "and al, cl",
        "pop rcx",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// A value whose upper parts tell where it came from.
fn sample(ty: ValType, position: usize) -> RawValue {
    let seed = position as u128 + 1;
    let bits = seed | seed << 40 | seed << 70 | seed << 110;
    match ty {
        ValType::I32 | ValType::F32 => RawValue { v128: bits & u128::from(u32::MAX) },
        ValType::I64 | ValType::F64 | ValType::Ref(_) => RawValue { v128: bits & u128::from(u64::MAX) },
        ValType::V128 => RawValue { v128: bits },
    }
}

fn bits(ty: ValType, value: RawValue) -> u128 {
    // SAFETY: every bit pattern is a valid integer.
    let bits = unsafe { value.v128 };
    match ty.ty().bytes() {
        16 => bits,
        bytes => bits & ((1 << (bytes * 8)) - 1),
    }
}

/// Calls through both trampolines of a type whose results are its parameters, truncated to `results`.
fn round_trip(compiler: &dyn Compiler, params: usize, results: usize) {
    let types = cycle(params.max(results), 0);
    let info = module(types[..params].to_vec(), types[..results].to_vec());
    let output = compile(&mut *compiler.worker(), &info);
    let code = map(&output);
    let entry = |trampoline| code[offset(&output, trampoline)..].as_ptr();

    let callee = VMFuncRef::new(host, ptr::null(), params.max(results) as *mut VMContextHeader, 0);
    // Only the room for values that do not fit registers is used of a store's context.
    let mut store = vec![RawValue::ZERO; VMSTORE_VALUES as usize / size_of::<RawValue>() + VALUES_MAX];
    let header = VMContextHeader { libcalls: ptr::null(), store: store.as_mut_ptr().cast() };
    let context = VMImportContext { header, callee: &raw const callee };
    // SAFETY: the trampoline was compiled with this signature.
    let array_call = unsafe { std::mem::transmute::<*const u8, ArrayCall>(entry(Trampoline::ArrayToWasm(TypeIdx(0)))) };
    let wasm_call = entry(Trampoline::WasmToArray(TypeIdx(0))).cast::<c_void>();
    let reference = VMFuncRef::new(array_call, wasm_call, (&raw const context).cast_mut().cast(), 0);
    let mut values = [RawValue::ZERO; VALUES_MAX];
    for (position, ty) in types[..params].iter().enumerate() {
        values[position] = sample(*ty, position);
    }
    // SAFETY: the reference's fields are what the trampolines expect; the buffer is long enough.
    let returned = unsafe { enter(&raw const reference, values.as_mut_ptr(), array_call) };
    assert!(returned);
    for (position, ty) in types[..results.min(params)].iter().enumerate() {
        let expected = bits(*ty, sample(*ty, position)) + 1;
        assert_eq!(bits(*ty, values[position]), expected, "value {position} of {params} -> {results}");
    }
}

/// Arguments and results arrive, whatever their number.
///
/// # Panics
/// If one does not.
pub fn values_arrive(compiler: &dyn Compiler) {
    for (params, results) in [(0, 0), (1, 0), (0, 1), (1, 1), (6, 6), (13, 20), (25, 2), (30, 30), (64, 64)] {
        round_trip(compiler, params, results);
    }
}

/// The same type gives the same trampolines, whatever the worker has compiled before.
///
/// # Panics
/// If it does not.
pub fn output_is_deterministic(compiler: &dyn Compiler) {
    let info = module(cycle(20, 1), cycle(9, 3));
    let first = compile(&mut *compiler.worker(), &info);
    let mut worker = compiler.worker();
    compile(&mut *worker, &module(cycle(3, 0), cycle(40, 2)));
    assert_same(&compile(&mut *worker, &info), &first);
}
