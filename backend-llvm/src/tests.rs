//! Runs compiled code: functions made by hand-written calls of the code generator, linked and entered through trampolines.

use inkwell::context::Context;
use wasmer_runtime_core::compiler::*;
use wasmer_runtime_core::module::ModuleInfo;
use wasmer_runtime_core::translate::codegen::*;
use wasmer_runtime_core::translate::ops::*;
use wasmer_runtime_core::trap::TrapCode;
use wasmer_runtime_core::types::*;
use wasmer_runtime_core::vmcontext::{RawValue, VMContextHeader, VMFuncRef};

use crate::LlvmCompiler;
use crate::codegen::Codegen;
use crate::compiler::BodyFacts;
use crate::object::{self, Contents};
use crate::passes::{CODEGEN_LEVEL, Partition};

/// Executable memory with linked code in it.
pub(crate) struct Linked {
    base: *mut u8,
    len: usize,
    output: Output,
}

impl Linked {
    /// Resolves the relocations of an output that refers to nothing outside.
    pub(crate) fn new(mut output: Output) -> Self {
        for reloc in &output.relocs {
            let target = output.definitions.iter().find(|definition| definition.symbol == reloc.target);
            let target = target.expect("every target is defined").offset as i32;
            let place = reloc.offset as usize;
            let value = target + reloc.addend - reloc.offset as i32;
            output.text[place..place + 4].copy_from_slice(&value.to_le_bytes());
        }
        let len = output.text.len().next_multiple_of(4096);
        // SAFETY: a new private mapping, written before it becomes executable.
        let base = unsafe {
            let base = libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
            .cast::<u8>();
            assert!(!base.is_null() && base as isize != -1);
            base.copy_from_nonoverlapping(output.text.as_ptr(), output.text.len());
            assert_eq!(libc::mprotect(base.cast(), len, libc::PROT_READ | libc::PROT_EXEC), 0);
            base
        };
        Self { base, len, output }
    }

    pub(crate) fn address(&self, symbol: Symbol) -> *const u8 {
        let definition = self.output.definitions.iter().find(|definition| definition.symbol == symbol);
        // SAFETY: definitions lie within the text.
        unsafe { self.base.add(definition.expect("the symbol is defined").offset as usize) }
    }

    /// Calls function 0, of type 0, with a vmctx.
    pub(crate) fn call(&self, vmctx: &mut [u64], values: &mut [RawValue]) -> bool {
        let entry = self.address(Symbol::Trampoline(Trampoline::ArrayToWasm(TypeIdx(0))));
        // SAFETY: the trampoline has this type.
        let array_call = unsafe { std::mem::transmute::<*const u8, wasmer_runtime_core::vmcontext::ArrayCall>(entry) };
        let wasm_call = self.address(Symbol::Function(DefinedFuncIdx(0))).cast();
        let funcref = VMFuncRef::new(array_call, wasm_call, vmctx.as_mut_ptr().cast::<VMContextHeader>(), 0);
        // SAFETY: the buffer has room for the parameters and results of the function.
        unsafe { array_call(&funcref, values.as_mut_ptr()) }
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing runs in it any more.
        unsafe { libc::munmap(self.base.cast(), self.len) };
    }
}

pub(crate) fn info(params: &[ValType], results: &[ValType]) -> ModuleInfo {
    ModuleInfo {
        types: vec![FuncType::new(params.iter().copied(), results.iter().copied()).into()],
        functions: vec![TypeIdx(0)],
        ..ModuleInfo::default()
    }
}

pub(crate) type Body<'a> = dyn Fn(&mut Codegen<'_, '_>) -> Result<()> + 'a;

/// Compiles function 0 from calls of the code generator, and its trampoline.
pub(crate) fn compile(info: &ModuleInfo, locals: &[Ty], body: &Body<'_>) -> Output {
    compile_all(info, locals, &[body], false)
}

/// Compiles functions from calls of the code generator, and the trampoline of the first.
pub(crate) fn compile_all(info: &ModuleInfo, locals: &[Ty], bodies: &[&Body<'_>], tail_calls: bool) -> Output {
    let compiler = LlvmCompiler::new().expect("this CPU is new enough");
    let mut output = Output::default();
    let machine = compiler.machine(CODEGEN_LEVEL).expect("LLVM knows this machine");
    let ctx = Context::create();
    let mut codegen = Codegen::new(&ctx, info, &machine);
    codegen.module.set_inline_assembly(crate::runtime::RUNTIME);
    for (index, body) in bodies.iter().enumerate() {
        codegen.start(DefinedFuncIdx(index as u32), 100, BodyFacts::without_locals(tail_calls));
        let signature = info.func_type(info.functions[index]).signature();
        let mut all: Vec<_> = signature.params.to_vec();
        all.extend_from_slice(locals);
        let frame = codegen.begin(&signature, &all).expect("begin");
        body(&mut codegen).expect("the body compiles");
        codegen.end(frame, None, false, &mut Vec::new()).expect("end");
        codegen.finish().expect("finish");
    }
    let object = codegen.compile(&machine, Partition::Functions { module: 0, largest: 0 }).expect("LLVM compiles it");
    object::append(object.as_slice(), Contents::Functions, &mut output).expect("the object is as expected");
    compiler
        .worker()
        .trampoline(info, &Trampoline::ArrayToWasm(TypeIdx(0)), &mut output)
        .expect("the trampoline compiles");
    output
}

fn i32s(values: &[i32]) -> Vec<RawValue> {
    values.iter().map(|&i32| RawValue { i32 }).collect()
}

#[test]
fn a_function_runs() {
    let info = info(&[ValType::I32, ValType::I32], &[ValType::I32]);
    let output = compile(&info, &[], &|c| {
        let lhs = c.local_get(LocalIdx(0))?;
        let rhs = c.local_get(LocalIdx(1))?;
        let sum = c.int_binary(IntBinary::Sub, Width::W32, lhs, rhs)?;
        c.return_(&[sum])
    });
    assert!(output.relocs.is_empty());
    let mut values = i32s(&[50, 8]);
    assert!(Linked::new(output).call(&mut [0; 8], &mut values));
    // SAFETY: the function stores an `i32`.
    assert_eq!(unsafe { values[0].i32 }, 42);
}

#[test]
fn division_records_its_traps() {
    let info = info(&[ValType::I32, ValType::I32], &[ValType::I32]);
    let output = compile(&info, &[], &|c| {
        c.set_offset(123);
        let lhs = c.local_get(LocalIdx(0))?;
        let rhs = c.local_get(LocalIdx(1))?;
        let quotient = c.int_binary(IntBinary::DivS, Width::W32, lhs, rhs)?;
        c.return_(&[quotient])
    });
    let mut codes: Vec<_> = output.traps.iter().map(|site| site.code).collect();
    codes.sort();
    assert_eq!(codes, [TrapCode::IntegerOverflow, TrapCode::IntegerDivideByZero]);
    for site in &output.traps {
        assert_eq!(output.text[site.offset as usize..][..2], [0x0f, 0x0b]);
        let location = output.locations.iter().rev().find(|location| location.offset <= site.offset);
        assert_eq!(location.map(|location| location.wasm_offset), Some(123));
    }
    let mut values = i32s(&[-84, -2]);
    assert!(Linked::new(output).call(&mut [0; 8], &mut values));
    // SAFETY: the function stores an `i32`.
    assert_eq!(unsafe { values[0].i32 }, 42);
}

#[test]
fn many_results_go_through_memory() {
    let types = [ValType::I64; 7];
    let info = info(&[ValType::I64], &types);
    let output = compile(&info, &[], &|c| {
        let mut results = Vec::new();
        for add in 0..7 {
            let value = c.local_get(LocalIdx(0))?;
            let constant = c.constant(Const::I64(add))?;
            results.push(c.int_binary(IntBinary::Add, Width::W64, value, constant)?);
        }
        c.return_(&results)
    });
    let mut values = [RawValue { i64: 1000 }; 7];
    assert!(Linked::new(output).call(&mut [0; 8], &mut values));
    // SAFETY: the function stores `i64`s.
    let got: Vec<_> = values.iter().map(|value| unsafe { value.i64 }).collect();
    assert_eq!(got, [1000, 1001, 1002, 1003, 1004, 1005, 1006]);
}

#[test]
fn tail_calls_pass_many_arguments() {
    // f(n, a1, …, a19) = n == 0 ? a1 - a19 : f(n - 1, a2, …, a19, a1): run long enough to overflow a stack that grows.
    const PARAMS: u32 = 20;
    const STEPS: i64 = 19 * 100_000 + 1;
    let info = info(&[ValType::I64; PARAMS as usize], &[ValType::I64]);
    let signature = info.func_type(TypeIdx(0)).signature();
    let rotate = move |c: &mut Codegen<'_, '_>| {
        let n = c.local_get(LocalIdx(0))?;
        let done = c.int_eqz(Width::W64, n)?;
        let sig = BlockSig { params: &[], results: &[] };
        let mut frame = c.if_(sig, &[], done)?;
        let first = c.local_get(LocalIdx(1))?;
        let last = c.local_get(LocalIdx(PARAMS - 1))?;
        let difference = c.int_binary(IntBinary::Sub, Width::W64, first, last)?;
        c.return_(&[difference])?;
        c.else_(&mut frame, None, &mut [])?;
        let mut results = Vec::new();
        c.end(frame, Some(&[]), false, &mut results)?;
        let one = c.constant(Const::I64(1))?;
        let mut args = vec![c.int_binary(IntBinary::Sub, Width::W64, n, one)?];
        for param in 2..PARAMS {
            args.push(c.local_get(LocalIdx(param))?);
        }
        args.push(c.local_get(LocalIdx(1))?);
        c.return_call(Callee::Direct(DefinedFuncIdx(0)), &signature, &args)
    };
    let linked = Linked::new(compile_all(&info, &[], &[&rotate], true));
    let mut values: Vec<_> = (0..PARAMS as i64).map(|i64| RawValue { i64: i64 * i64 }).collect();
    values[0] = RawValue { i64: STEPS };
    let mut store = vec![0u128; 3 + 1000];
    let mut vmctx = [0; 8];
    vmctx[1] = store.as_mut_ptr() as u64;
    assert!(linked.call(&mut vmctx, &mut values));
    // SAFETY: the function stores an `i64`.
    assert_eq!(unsafe { values[0].i64 }, 2 * 2 - 1);
}

#[test]
fn calls_pass_many_arguments_and_results() {
    // g returns its arguments in reverse; f calls it with all of its own, of mixed types.
    let types: Vec<_> = (0..24).map(|n| if n % 3 == 0 { ValType::F64 } else { ValType::I64 }).collect();
    let mut info = info(&types, &[ValType::I64; 16]);
    info.functions.push(TypeIdx(0));
    let ints: Vec<u32> = (0..24).filter(|n| n % 3 != 0).collect();
    let signature = info.func_type(TypeIdx(0)).signature();
    let reverse = move |c: &mut Codegen<'_, '_>| {
        let mut results = Vec::new();
        for &param in ints.iter().rev() {
            results.push(c.local_get(LocalIdx(param))?);
        }
        c.return_(&results)
    };
    let forward = move |c: &mut Codegen<'_, '_>| {
        let mut args = Vec::new();
        for param in 0..24 {
            args.push(c.local_get(LocalIdx(param))?);
        }
        let mut results = Vec::new();
        c.call(Callee::Direct(DefinedFuncIdx(1)), &signature, &args, &mut results)?;
        c.return_(&results)
    };
    let linked = Linked::new(compile_all(&info, &[], &[&forward, &reverse], false));
    let mut values: Vec<_> = (0..24).map(|i64| RawValue { i64 }).collect();
    assert!(linked.call(&mut [0; 8], &mut values));
    // SAFETY: the function stores `i64`s.
    let got: Vec<_> = values[..16].iter().map(|value| unsafe { value.i64 }).collect();
    assert_eq!(got, [23, 22, 20, 19, 17, 16, 14, 13, 11, 10, 8, 7, 5, 4, 2, 1]);
}

/// `[i32] -> []`, with a memory, and an access to it.
fn info_with_memory() -> (ModuleInfo, Access) {
    let mut info = info(&[ValType::I32], &[]);
    info.memories.push(MemoryType {
        limits: Limits { min: 1, max: None },
        index: Width::W32,
        shared: false,
        page_size_log2: 16,
    });
    let memory = info.memory_ref(&info.offsets(), MemoryIdx(0));
    (info, Access { memory, offset: 16, bounds: Bounds::Elided, aligned_to: None })
}

/// The length of function 0, in bytes of machine code.
fn len(output: &Output) -> Option<u32> {
    let symbol = Symbol::Function(DefinedFuncIdx(0));
    output.definitions.iter().find(|definition| definition.symbol == symbol).map(|definition| definition.len)
}

#[test]
fn a_dead_load_stays() {
    let (info, access) = info_with_memory();
    let with_load = compile(&info, &[], &move |c| {
        let index = c.local_get(LocalIdx(0))?;
        let value = c.load(&access, Load::I32, index)?;
        let zero = c.constant(Const::I32(0))?;
        let product = c.int_binary(IntBinary::And, Width::W32, value, zero)?;
        c.drop_value(product)?;
        c.return_(&[])
    });
    let empty = compile(&info, &[], &|c| c.return_(&[]));
    assert!(len(&with_load) > len(&empty));
}

#[test]
fn a_load_behind_an_ignored_result_or_argument_stays() {
    let (mut info, access) = info_with_memory();
    info.types.push(FuncType::new([ValType::I32], [ValType::I32]).into());
    info.functions.push(TypeIdx(1));
    let signature = info.func_type(TypeIdx(1)).signature();
    let empty = compile(&info, &[], &|c| c.return_(&[]));
    let callers: [(&Body<'_>, &Body<'_>); 2] = [
        // f(x) { g(x); }, g(x) = load x
        (
            &|c| {
                let index = c.local_get(LocalIdx(0))?;
                c.call(Callee::Direct(DefinedFuncIdx(1)), &signature, &[index], &mut Vec::new())?;
                c.return_(&[])
            },
            &move |c| {
                let index = c.local_get(LocalIdx(0))?;
                let value = c.load(&access, Load::I32, index)?;
                c.return_(&[value])
            },
        ),
        // f(x) { g(load x); }, g(x) = 0
        (
            &|c| {
                let index = c.local_get(LocalIdx(0))?;
                let value = c.load(&access, Load::I32, index)?;
                c.call(Callee::Direct(DefinedFuncIdx(1)), &signature, &[value], &mut Vec::new())?;
                c.return_(&[])
            },
            &|c| {
                let zero = c.constant(Const::I32(0))?;
                c.return_(&[zero])
            },
        ),
    ];
    for (caller, callee) in callers {
        let output = compile_all(&info, &[], &[caller, callee], false);
        assert!(len(&output) > len(&empty));
    }
}

#[test]
fn a_load_behind_one_ignored_result_of_two_stays() {
    let (mut info, access) = info_with_memory();
    info.types.push(FuncType::new([ValType::I32], [ValType::I32, ValType::I32]).into());
    info.functions.push(TypeIdx(1));
    let signature = info.func_type(TypeIdx(1)).signature();
    let store = Access { offset: 64, ..access };
    let caller = |c: &mut Codegen<'_, '_>| {
        let index = c.local_get(LocalIdx(0))?;
        let mut results = Vec::new();
        c.call(Callee::Direct(DefinedFuncIdx(1)), &signature, &[index], &mut results)?;
        c.store(&store, Store::I32, index, results[0])?;
        c.return_(&[])
    };
    let output = |second: &Body<'_>| compile_all(&info, &[], &[&caller, second], false);
    let loads = output(&move |c| {
        let index = c.local_get(LocalIdx(0))?;
        let value = c.load(&access, Load::I32, index)?;
        c.return_(&[index, value])
    });
    let does_not = output(&|c| {
        let index = c.local_get(LocalIdx(0))?;
        c.return_(&[index, index])
    });
    assert!(len(&loads) > len(&does_not));
}

#[test]
fn a_loop_up_to_zero_runs_as_often_as_written() {
    // f(x, n): i = -40 or -n; do { sum += x + i; i += 8 } while (i != 0)
    let info = info(&[ValType::I32, ValType::I32], &[ValType::I32]);
    for start_is_constant in [true, false] {
        let output = compile(&info, &[Ty::I32, Ty::I32], &|c| {
            let (x, counter, sum) = (LocalIdx(0), LocalIdx(2), LocalIdx(3));
            let start = if start_is_constant {
                c.constant(Const::I32(-40))?
            } else {
                let zero = c.constant(Const::I32(0))?;
                let n = c.local_get(LocalIdx(1))?;
                c.int_binary(IntBinary::Sub, Width::W32, zero, n)?
            };
            c.local_set(counter, start)?;
            let mut frame = c.loop_(BlockSig { params: &[], results: &[] }, &mut [])?;
            let mut total = c.local_get(sum)?;
            for local in [x, counter] {
                let value = c.local_get(local)?;
                total = c.int_binary(IntBinary::Add, Width::W32, total, value)?;
            }
            c.local_set(sum, total)?;
            let (value, step) = (c.local_get(counter)?, c.constant(Const::I32(8))?);
            let next = c.int_binary(IntBinary::Add, Width::W32, value, step)?;
            let next = c.local_tee(counter, next)?;
            c.br_if(&mut frame, &[], next)?;
            c.end(frame, Some(&[]), false, &mut Vec::new())?;
            let total = c.local_get(sum)?;
            c.return_(&[total])
        });
        let mut values = i32s(&[1000, 40]);
        assert!(Linked::new(output).call(&mut [0; 8], &mut values));
        // SAFETY: the function stores an `i32`.
        assert_eq!(unsafe { values[0].i32 }, 5 * 1000 - (40 + 32 + 24 + 16 + 8));
    }
}

#[test]
fn a_signalling_nan_becomes_quiet() {
    const SIGNALLING: u32 = 0x7fa0_0000;
    let info = info(&[ValType::F32], &[ValType::F32]);
    let identities: [&Body<'_>; 6] = [
        &|c| {
            let x = c.local_get(LocalIdx(0))?;
            let one = c.constant(Const::F32(1f32.to_bits()))?;
            let x = c.float_binary(FloatBinary::Mul, Width::W32, x, one)?;
            c.return_(&[x])
        },
        &|c| {
            let x = c.local_get(LocalIdx(0))?;
            let zero = c.constant(Const::F32(0))?;
            let x = c.float_binary(FloatBinary::Sub, Width::W32, x, zero)?;
            c.return_(&[x])
        },
        &|c| {
            let x = c.local_get(LocalIdx(0))?;
            let zero = c.constant(Const::F32(0x8000_0000))?;
            let x = c.float_binary(FloatBinary::Add, Width::W32, zero, x)?;
            c.return_(&[x])
        },
        &|c| {
            let x = c.local_get(LocalIdx(0))?;
            let wide = c.convert(Convert::Promote, x)?;
            let x = c.convert(Convert::Demote, wide)?;
            c.return_(&[x])
        },
        &|c| {
            let x = c.local_get(LocalIdx(0))?;
            let y = c.constant(Const::F32(1f32.to_bits()))?;
            let x = c.float_binary(FloatBinary::Min, Width::W32, y, x)?;
            c.return_(&[x])
        },
        &|c| {
            let x = c.local_get(LocalIdx(0))?;
            let x = c.float_unary(FloatUnary::Nearest, Width::W32, x)?;
            c.return_(&[x])
        },
    ];
    for (number, body) in identities.into_iter().enumerate() {
        let output = compile(&info, &[], body);
        let mut values = [RawValue { f32: SIGNALLING }];
        assert!(Linked::new(output).call(&mut [0; 8], &mut values));
        // SAFETY: the function stores an `f32`.
        let result = unsafe { values[0].f32 };
        assert_eq!(result & 0x7fc0_0000, 0x7fc0_0000, "identity {number}");
    }
}

#[test]
fn loops_and_tables_branch() {
    // sum of i for i in 1..=n, by a loop with parameters, then a `br_table` over the result.
    let info = info(&[ValType::I32], &[ValType::I32]);
    let output = compile(&info, &[], &|c| {
        let zero = c.constant(Const::I32(0))?;
        let mut params = [zero];
        let sig = BlockSig { params: &[Ty::I32], results: &[Ty::I32] };
        let mut frame = c.loop_(sig, &mut params)?;
        let n = c.local_get(LocalIdx(0))?;
        let sum = c.int_binary(IntBinary::Add, Width::W32, params[0], n)?;
        let one = c.constant(Const::I32(1))?;
        let n = c.int_binary(IntBinary::Sub, Width::W32, n, one)?;
        let n = c.local_tee(LocalIdx(0), n)?;
        c.br_if(&mut frame, &[sum], n)?;
        let mut results = Vec::new();
        c.end(frame, Some(&[sum]), false, &mut results)?;
        let sum = results[0];
        let outer = c.block(BlockSig { params: &[], results: &[Ty::I32] }, &[])?;
        let inner = c.block(BlockSig { params: &[], results: &[Ty::I32] }, &[])?;
        let mut frames = [outer, inner];
        c.br_table(&mut frames, &[0, 0, 1, 1], 0, &[sum], sum)?;
        let [outer, inner] = frames;
        let mut results = Vec::new();
        c.end(inner, None, true, &mut results)?;
        let ten = c.constant(Const::I32(10))?;
        let product = c.int_binary(IntBinary::Mul, Width::W32, results[0], ten)?;
        let mut results = Vec::new();
        c.end(outer, Some(&[product]), true, &mut results)?;
        c.return_(&results)
    });
    let linked = Linked::new(output);
    for (n, expected) in [(1, 1), (2, 30), (3, 6), (100, 5050)] {
        let mut values = i32s(&[n]);
        assert!(linked.call(&mut [0; 8], &mut values));
        // SAFETY: the function stores an `i32`.
        assert_eq!(unsafe { values[0].i32 }, expected);
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let info = info(&[ValType::I32, ValType::I32], &[ValType::I32]);
    let body: &Body<'_> = &|c| {
        let lhs = c.local_get(LocalIdx(0))?;
        let rhs = c.local_get(LocalIdx(1))?;
        let rest = c.int_binary(IntBinary::RemS, Width::W32, lhs, rhs)?;
        c.return_(&[rest])
    };
    let first = compile(&info, &[], body);
    let second = compile(&info, &[], body);
    assert_eq!(first.text, second.text);
    assert_eq!(first.locations, second.locations);
}

extern "C" fn host(_callee: *const VMFuncRef, values: *mut RawValue) -> bool {
    // SAFETY: the trampoline passes a buffer of two values.
    unsafe { (*values).i32 -= (*values.add(1)).i32 };
    true
}

#[test]
fn trampolines_meet() {
    let info = info(&[ValType::I32, ValType::I32], &[ValType::I32]);
    let compiler = LlvmCompiler::new().expect("this CPU is new enough");
    let mut worker = compiler.worker();
    let mut output = Output::default();
    for trampoline in [Trampoline::ArrayToWasm(TypeIdx(0)), Trampoline::WasmToArray(TypeIdx(0))] {
        worker.trampoline(&info, &trampoline, &mut output).expect("the trampoline compiles");
    }
    let linked = Linked::new(output);
    let callee = VMFuncRef::new(host, std::ptr::null(), std::ptr::null_mut(), 0);
    let mut import = [0, 0, &raw const callee as u64];
    let entry = linked.address(Symbol::Trampoline(Trampoline::ArrayToWasm(TypeIdx(0))));
    // SAFETY: the trampoline has this type.
    let array_call = unsafe { std::mem::transmute::<*const u8, wasmer_runtime_core::vmcontext::ArrayCall>(entry) };
    let wasm_call = linked.address(Symbol::Trampoline(Trampoline::WasmToArray(TypeIdx(0)))).cast();
    let funcref = VMFuncRef::new(array_call, wasm_call, import.as_mut_ptr().cast(), 0);
    let mut values = i32s(&[50, 8]);
    // SAFETY: the buffer holds two values.
    assert!(unsafe { array_call(&funcref, values.as_mut_ptr()) });
    // SAFETY: the host function stores an `i32`.
    assert_eq!(unsafe { values[0].i32 }, 42);
}

#[test]
fn block_copies_are_right() {
    let info = info(&[], &[]);
    let output = compile(&info, &[], &|c| c.return_(&[]));
    let locals: Vec<_> = output
        .definitions
        .iter()
        .filter(|definition| matches!(definition.symbol, Symbol::Local(_)))
        .map(|definition| definition.offset as usize)
        .collect();
    let linked = Linked::new(output);
    type Copy = unsafe extern "C" fn(*mut u8, *const u8, usize) -> *mut u8;
    type Set = unsafe extern "C" fn(*mut u8, i32, usize) -> *mut u8;
    // SAFETY: the runtime's functions stand in this order and have these types.
    let (memmove, memcpy, memset) = unsafe {
        (
            std::mem::transmute::<*mut u8, Copy>(linked.base.add(locals[0])),
            std::mem::transmute::<*mut u8, Copy>(linked.base.add(locals[1])),
            std::mem::transmute::<*mut u8, Set>(linked.base.add(locals[2])),
        )
    };
    let source: Vec<u8> = (0..8192u32).map(|n| ((n * 31) >> 3) as u8).collect();
    for n in (0..200).chain([255, 1000, 2047, 2048, 2049, 4000]) {
        for (to, from) in [(0, 100), (100, 0), (7, 3), (3, 7), (0, 4096), (4096, 0), (33, 0), (0, 33)] {
            let mut expected = source.clone();
            expected.copy_within(from..from + n, to);
            let mut got = source.clone();
            // SAFETY: all places are within the vector.
            unsafe { memmove(got.as_mut_ptr().add(to), got.as_ptr().add(from), n) };
            assert!(got == expected, "memmove of {n} from {from} to {to}");
            let mut expected = source.clone();
            expected[to..to + n].copy_from_slice(&source[from..from + n]);
            let mut got = source.clone();
            // SAFETY: as above.
            unsafe { memcpy(got.as_mut_ptr().add(to), source.as_ptr().add(from), n) };
            assert!(got == expected, "memcpy of {n} from {from} to {to}");
        }
        let mut expected = source.clone();
        expected[5..5 + n].fill(0xab);
        let mut got = source.clone();
        // SAFETY: as above.
        let result = unsafe { memset(got.as_mut_ptr().add(5), 0xab, n) };
        assert!(got == expected && result == got.as_mut_ptr().wrapping_add(5), "memset of {n}");
    }
}
