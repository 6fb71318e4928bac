//! The embedding interface: functions, values, globals, tables, memories, linking, limits; on every backend.

use std::thread;

use crate::common::*;
use wasmer_runtime::*;

const fn memory_type(min: u64, max: Option<u64>) -> MemoryType {
    MemoryType { limits: Limits { min, max }, index: Width::W32, shared: false, page_size_log2: 16 }
}

const fn table_type(element: RefType, min: u64, max: Option<u64>) -> TableType {
    TableType { element, limits: Limits { min, max }, index: Width::W32 }
}

fn message<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("an error was expected"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn typed_functions_take_and_return_every_type() {
    let wat = r#"(module
        (func (export "all") (param i32 i64 f32 f64 v128) (result v128 f64 f32 i64 i32)
            local.get 4 local.get 3 local.get 2 local.get 1 local.get 0)
        (func (export "nothing"))
        (func (export "seventeen") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
            (i32.sub (local.get 16) (local.get 0))))"#;
    for (_, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, wat);
        type All = (i32, i64, f32, f64, u128);
        let all = func::<_, All, (u128, f64, f32, i64, i32)>(&mut store, instance, "all");
        let signalling = f32::from_bits(0x7fa0_0001);
        let (v, d, f, l, i) = all.call(&mut store, (i32::MIN, i64::MAX, signalling, -0.0, u128::MAX - 5)).unwrap();
        assert_eq!(
            (v, d.to_bits(), f.to_bits(), l, i),
            (u128::MAX - 5, (-0.0f64).to_bits(), 0x7fa0_0001, i64::MAX, i32::MIN)
        );
        func::<_, (), ()>(&mut store, instance, "nothing").call(&mut store, ()).unwrap();
        type Seventeen = (i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32);
        let seventeen = func::<_, Seventeen, u32>(&mut store, instance, "seventeen");
        assert_eq!(
            seventeen.call(&mut store, (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)).unwrap(),
            16
        );
    }
}

#[test]
fn types_are_checked() {
    let wat =
        r#"(module (func (export "f") (param i32) (result i64) i64.const 1) (global (export "g") i32 (i32.const 1)))"#;
    let (mut store, instance) = instantiate(&engine(), wat);
    let text = message(instance.typed_func::<i64, i64>(&mut store, "f"));
    assert!(text.contains("`f`") && text.contains("i32") && text.contains("i64"), "{text}");
    assert!(message(instance.typed_func::<i32, ()>(&mut store, "f")).contains("`f`"));
    assert!(message(instance.typed_func::<i32, i64>(&mut store, "missing")).contains("`missing`"));
    assert!(message(instance.typed_func::<i32, i64>(&mut store, "g")).contains("`g`"));

    let f = instance.func(&mut store, "f").unwrap();
    let mut results = [Val::I32(0)];
    let text = message(f.call(&mut store, &[Val::I64(1)], &mut results));
    assert!(text.contains("argument 0") && text.contains("i32"), "{text}");
    assert!(message(f.call(&mut store, &[], &mut results)).contains("0 arguments"));
    assert!(message(f.call(&mut store, &[Val::I32(1)], &mut [])).contains("0 results"));
    f.call(&mut store, &[Val::I32(1)], &mut results).unwrap();
    assert_eq!(results[0].i64(), Some(1));
}

#[test]
fn handles_belong_to_their_store() {
    let engine = engine();
    let wat = r#"(module (func (export "f")) (memory (export "m") 1) (table (export "t") 1 funcref)
        (global (export "g") (mut funcref) (ref.null func)))"#;
    let (mut store, instance) = instantiate(&engine, wat);
    let (mut other, elsewhere) = instantiate(&engine, wat);
    let f = instance.func(&mut store, "f").unwrap();
    assert!(message(f.call(&mut other, &[], &mut [])).contains("another store"));
    assert!(message(f.ty(&other)).contains("another store"));
    let m = instance.memory(&mut store, "m").unwrap();
    assert!(message(m.data(&other)).contains("another store"));
    assert!(message(m.grow(&mut other, 1)).contains("another store"));
    let t = export(&mut store, instance, "t").table().unwrap();
    assert!(message(t.get(&mut other, 0)).contains("another store"));
    let g = export(&mut other, elsewhere, "g").global().unwrap();
    assert!(g.set(&mut other, Val::FuncRef(Some(f))).is_err());
    assert!(g.set(&mut store, Val::FuncRef(None)).is_err());
    assert!(matches!(g.get(&other).unwrap(), Val::FuncRef(None)));
    assert!(t.set(&mut store, 0, Val::FuncRef(elsewhere.func(&mut other, "f"))).is_err());
    let mut linker = Linker::new();
    linker.define("m", "f", f).unwrap();
    let module = module(&engine, r#"(module (import "m" "f" (func)))"#);
    assert!(message(linker.instantiate(&mut other, &module)).contains("another store"));
}

#[test]
fn host_references_round_trip() {
    let wat = r#"(module
        (import "host" "swap" (func $swap (param externref externref) (result externref externref)))
        (table (export "table") 4 externref)
        (global (export "global") (mut externref) (ref.null extern))
        (func (export "swap") (param externref externref) (result externref externref)
            (call $swap (local.get 0) (local.get 1)))
        (func (export "keep") (param externref) (table.set (i32.const 2) (local.get 0)) (global.set 0 (local.get 0)))
        (func (export "is_null") (param externref) (result i32) (ref.is_null (local.get 0))))"#;
    for (_, engine) in engines() {
        let mut linker = Linker::new();
        linker.func_wrap("host", "swap", |a: Option<ExternRef>, b: Option<ExternRef>| (b, a)).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
        let (text, number) = (ExternRef::new("text".to_owned()), ExternRef::new(7u8));
        type Pair = (Option<ExternRef>, Option<ExternRef>);
        let swap = func::<_, Pair, Pair>(&mut store, instance, "swap");
        let (a, b) = swap.call(&mut store, (Some(text.clone()), Some(number.clone()))).unwrap();
        assert!(a.as_ref().unwrap().ptr_eq(&number) && b.as_ref().unwrap().ptr_eq(&text));
        assert_eq!(b.unwrap().data().downcast_ref::<String>().unwrap(), "text");
        let (a, b) = swap.call(&mut store, (None, Some(text.clone()))).unwrap();
        assert!(a.is_some() && b.is_none());

        func::<_, Option<ExternRef>, ()>(&mut store, instance, "keep").call(&mut store, Some(number.clone())).unwrap();
        let table = export(&mut store, instance, "table").table().unwrap();
        assert!(matches!(table.get(&mut store, 2).unwrap(), Some(Val::ExternRef(Some(kept))) if kept.ptr_eq(&number)));
        assert!(matches!(table.get(&mut store, 1).unwrap(), Some(Val::ExternRef(None))));
        assert!(table.get(&mut store, 4).unwrap().is_none());
        let global = export(&mut store, instance, "global").global().unwrap();
        assert!(matches!(global.get(&store).unwrap(), Val::ExternRef(Some(kept)) if kept.ptr_eq(&number)));
        let is_null = func::<_, Option<ExternRef>, i32>(&mut store, instance, "is_null");
        assert_eq!((is_null.call(&mut store, None).unwrap(), is_null.call(&mut store, Some(text)).unwrap()), (1, 0));
    }
}

#[test]
fn function_references_round_trip() {
    let wat = r#"(module
        (type $unary (func (param i32) (result i32)))
        (table (export "table") 3 funcref)
        (elem (i32.const 1) $double)
        (elem declare func $triple)
        (func $double (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
        (func $triple (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
        (func (export "triple") (result funcref) (ref.func $triple))
        (func (export "same") (param funcref) (result funcref) (local.get 0))
        (func (export "apply") (param i32 i32) (result i32) (call_indirect (type $unary) (local.get 1) (local.get 0))))"#;
    for (_, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, wat);
        let double = instance.func(&mut store, "double").unwrap();
        let same = func::<_, Option<Func>, Option<Func>>(&mut store, instance, "same");
        assert_eq!(same.call(&mut store, Some(double)).unwrap(), Some(double));
        assert_eq!(same.call(&mut store, None).unwrap(), None);
        let triple = func::<_, (), Option<Func>>(&mut store, instance, "triple").call(&mut store, ()).unwrap().unwrap();
        assert_eq!(triple.typed::<i32, i32>(&store).unwrap().call(&mut store, 14).unwrap(), 42);
        assert_eq!(triple.ty(&store).unwrap(), FuncType::new([ValType::I32], [ValType::I32]));

        let table = export(&mut store, instance, "table").table().unwrap();
        // An element that nothing has used yet is the export itself.
        assert!(matches!(table.get(&mut store, 1).unwrap(), Some(Val::FuncRef(Some(found))) if found == double));
        let apply = func::<_, (i32, i32), i32>(&mut store, instance, "apply");
        assert_eq!(apply.call(&mut store, (1, 21)).unwrap(), 42);
        trap(&apply.call(&mut store, (0, 21)), TrapCode::UninitializedElement);
        let ten = Func::wrap(&mut store, |value: i32| value + 10).unwrap();
        table.set(&mut store, 0, ten.into()).unwrap();
        table.set(&mut store, 1, Val::FuncRef(None)).unwrap();
        assert_eq!(apply.call(&mut store, (0, 32)).unwrap(), 42);
        trap(&apply.call(&mut store, (1, 32)), TrapCode::UninitializedElement);
        let wrong = Func::wrap(&mut store, |value: i64| value).unwrap();
        table.set(&mut store, 2, wrong.into()).unwrap();
        trap(&apply.call(&mut store, (2, 32)), TrapCode::IndirectCallTypeMismatch);
        assert!(ten.call(&mut store, &[Val::I32(1)], &mut [Val::I32(0)]).is_ok());
    }
}

#[test]
fn globals_are_shared_and_checked() {
    let wat = r#"(module
        (import "m" "counter" (global $counter (mut i64)))
        (import "m" "step" (global $step i64))
        (global (export "vector") (mut v128) (v128.const i64x2 1 2))
        (global (export "fixed") f64 (f64.const 2.5))
        (func (export "count") (global.set $counter (i64.add (global.get $counter) (global.get $step)))))"#;
    for (_, engine) in engines() {
        let mut store = Store::new(&engine, ());
        let ty = |content, mutable| GlobalType { content, mutable };
        let counter = Global::new(&mut store, ty(ValType::I64, true), Val::I64(40)).unwrap();
        let step = Global::new(&mut store, ty(ValType::I64, false), Val::I64(1)).unwrap();
        assert!(Global::new(&mut store, ty(ValType::I64, false), Val::I32(1)).is_err());
        let mut linker = Linker::new();
        linker.define("m", "counter", counter).unwrap().define("m", "step", step).unwrap();
        let module = module(&engine, wat);
        let instances = [(); 2].map(|()| linker.instantiate(&mut store, &module).unwrap());
        for instance in instances {
            run(&mut store, instance, "count").unwrap();
        }
        assert_eq!(counter.get(&store).unwrap().i64(), Some(42));
        counter.set(&mut store, Val::I64(-1)).unwrap();
        run(&mut store, instances[0], "count").unwrap();
        assert_eq!(counter.get(&store).unwrap().i64(), Some(0));
        assert!(message(step.set(&mut store, Val::I64(2))).contains("immutable"));
        assert!(counter.set(&mut store, Val::F64(0)).is_err());
        let vector = export(&mut store, instances[1], "vector").global().unwrap();
        assert!(matches!(vector.get(&store).unwrap(), Val::V128(bits) if bits == 1 | 2 << 64));
        vector.set(&mut store, Val::V128(9)).unwrap();
        assert!(matches!(vector.get(&store).unwrap(), Val::V128(9)));
        let fixed = export(&mut store, instances[1], "fixed").global().unwrap();
        assert_eq!((fixed.get(&store).unwrap().f64(), fixed.ty(&store).unwrap().mutable), (Some(2.5), false));
    }
}

#[test]
fn tables_grow_and_are_shared() {
    let wat = r#"(module
        (import "m" "table" (table $t 2 10 funcref))
        (type $nullary (func (result i32)))
        (elem (table $t) (i32.const 0) func $seven)
        (func $seven (result i32) i32.const 7)
        (func (export "size") (result i32) (table.size $t))
        (func (export "grow") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))
        (func (export "apply") (param i32) (result i32) (call_indirect $t (type $nullary) (local.get 0))))"#;
    for (_, engine) in engines() {
        let mut store = Store::new(&engine, ());
        let table = Table::new(&mut store, table_type(RefType::FUNCREF, 2, Some(10)), Val::FuncRef(None)).unwrap();
        let mut linker = Linker::new();
        linker.define("m", "table", table).unwrap();
        let instance = linker.instantiate(&mut store, &module(&engine, wat)).unwrap();
        let apply = func::<_, i32, i32>(&mut store, instance, "apply");
        assert_eq!(apply.call(&mut store, 0).unwrap(), 7);
        let eight = Func::wrap(&mut store, || 8).unwrap();
        assert_eq!(table.grow(&mut store, 3, eight.into()).unwrap(), 2);
        assert_eq!(func::<_, (), i32>(&mut store, instance, "size").call(&mut store, ()).unwrap(), 5);
        assert_eq!(apply.call(&mut store, 4).unwrap(), 8);
        let grow = func::<_, i32, i32>(&mut store, instance, "grow");
        assert_eq!((grow.call(&mut store, 5).unwrap(), grow.call(&mut store, 1).unwrap()), (5, -1));
        assert_eq!((table.len(&store).unwrap(), table.ty(&store).unwrap().limits.min), (10, 10));
        trap(&apply.call(&mut store, 9), TrapCode::UninitializedElement);
        assert!(message(table.set(&mut store, 10, Val::FuncRef(None))).contains("10"));
        assert!(message(table.grow(&mut store, 1, Val::FuncRef(None))).contains("cannot grow"));
        assert!(table.set(&mut store, 0, Val::ExternRef(None)).is_err());
    }
}

#[test]
fn memories_grow_and_are_checked() {
    let wat = r#"(module (memory (export "memory") 1 4)
        (data (i32.const 65530) "abcdef")
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;
    for (_, engine) in engines() {
        let (mut store, instance) = instantiate(&engine, wat);
        let memory = instance.memory(&mut store, "memory").unwrap();
        let (grow, load) =
            (func::<_, i32, i32>(&mut store, instance, "grow"), func::<_, i32, i32>(&mut store, instance, "load"));
        let (address, _) = memory.raw_parts(&store).unwrap();
        trap(&load.call(&mut store, 65536), TrapCode::MemoryOutOfBounds);
        assert_eq!(memory.grow(&mut store, 1).unwrap(), 1);
        assert_eq!(load.call(&mut store, 65536).unwrap(), 0);
        assert_eq!((grow.call(&mut store, 2).unwrap(), grow.call(&mut store, 1).unwrap()), (2, -1));
        assert_eq!(
            (memory.len_bytes(&store).unwrap(), memory.raw_parts(&store).unwrap()),
            (4 << 16, (address, 4 << 16))
        );
        assert!(message(memory.grow(&mut store, 1)).contains("cannot grow"));
        let mut bytes = [0; 8];
        memory.read(&store, 65528, &mut bytes).unwrap();
        assert_eq!(&bytes, b"\0\0abcdef");
        memory.write(&mut store, (4 << 16) - 1, &[9]).unwrap();
        assert_eq!(load.call(&mut store, (4 << 16) - 1).unwrap(), 9);
        assert!(message(memory.write(&mut store, (4 << 16) - 1, &[9, 9])).contains("not inside"));
        assert!(memory.read(&store, usize::MAX, &mut bytes).is_err());
        memory.data_mut(&mut store).unwrap()[0] = 200;
        assert_eq!(load.call(&mut store, 0).unwrap(), 200);
    }
}

#[test]
fn instances_do_not_see_each_others_memories() {
    let wat = r#"(module (memory (export "memory") 1) (data (i32.const 0) "fresh"))"#;
    for (_, engine) in engines() {
        let module = module(&engine, wat);
        let mut store = Store::new(&engine, ());
        for _ in 0..5 {
            let instance = Linker::new().instantiate(&mut store, &module).unwrap();
            let memory = instance.memory(&mut store, "memory").unwrap();
            assert_eq!(&memory.data(&store).unwrap()[..6], b"fresh\0");
            memory.write(&mut store, 0, b"stale!").unwrap();
        }
    }
}

#[test]
fn instances_share_an_imported_memory() {
    let wat = r#"(module (import "m" "memory" (memory 1)) (import "m" "base" (global $base i32))
        (data (global.get $base) "x")
        (func (export "bump") (i32.store8 (global.get $base) (i32.add (i32.const 1) (i32.load8_u (global.get $base))))))"#;
    for (_, engine) in engines() {
        let mut store = Store::new(&engine, ());
        let memory = Memory::new(&mut store, memory_type(1, None)).unwrap();
        let module = module(&engine, wat);
        for base in 0..10 {
            let ty = GlobalType { content: ValType::I32, mutable: false };
            let base = Global::new(&mut store, ty, Val::I32(base)).unwrap();
            let instance = Instance::new(&mut store, &module, &[memory.into(), base.into()]).unwrap();
            run(&mut store, instance, "bump").unwrap();
        }
        assert_eq!(&memory.data(&store).unwrap()[..11], b"yyyyyyyyyy\0");
    }
}

#[test]
fn two_threads_share_a_memory() {
    let wat = r#"(module (import "m" "memory" (memory 1 10 shared))
        (func (export "add") (param i32) (loop $again
            (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "wait") (result i32) (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const 10_000_000_000)))
        (func (export "notify") (result i32)
            (i32.atomic.store (i32.const 8) (i32.const 1))
            (memory.atomic.notify (i32.const 8) (i32.const 1)))
        (func (export "grow") (result i32) (memory.grow (i32.const 1)))
        (func (export "size") (result i32) memory.size)
        (func (export "get") (result i32) (i32.atomic.load (i32.const 0))))"#;
    for (_, engine) in engines() {
        let module = module(&engine, wat);
        let mut store = Store::new(&engine, ());
        let ty = MemoryType { shared: true, ..memory_type(1, Some(10)) };
        let memory = Memory::new(&mut store, ty).unwrap();
        assert!(message(memory.data(&store)).contains("shared"));
        let shared = memory.to_shared(&store).unwrap().unwrap();
        let worker = |name: &'static str| {
            let (engine, module, shared) = (engine.clone(), module.clone(), shared.clone());
            thread::spawn(move || {
                let mut store = Store::new(&engine, ());
                let memory = Memory::from_shared(&mut store, &shared);
                let instance = Instance::new(&mut store, &module, &[memory.into()]).unwrap();
                match name {
                    "add" => {
                        func::<_, i32, ()>(&mut store, instance, "add").call(&mut store, 10_000).unwrap();
                        0
                    }
                    _ => func::<_, (), i32>(&mut store, instance, name).call(&mut store, ()).unwrap(),
                }
            })
        };
        let adders = [worker("add"), worker("add"), worker("add")];
        for adder in adders {
            adder.join().unwrap();
        }
        let instance = Instance::new(&mut store, &module, &[memory.into()]).unwrap();
        let get = |store: &mut Store<()>, name| func::<_, (), i32>(store, instance, name).call(store, ()).unwrap();
        assert_eq!(get(&mut store, "get"), 30_000);
        let sleeper = worker("wait");
        thread::sleep(std::time::Duration::from_millis(20));
        get(&mut store, "notify");
        // Woken, or too late to fall asleep.
        assert!(matches!(sleeper.join().unwrap(), 0 | 1));
        assert_eq!(worker("grow").join().unwrap(), 1);
        assert_eq!((get(&mut store, "size"), shared.len_bytes()), (2, 2 << 16));
    }
}

#[test]
fn an_unshared_memory_stays_in_its_store() {
    let (mut store, instance) = instantiate(&engine(), r#"(module (memory (export "m") 1))"#);
    let memory = instance.memory(&mut store, "m").unwrap();
    assert!(memory.to_shared(&store).unwrap().is_none());
}

#[test]
fn imports_that_do_not_fit_are_explained() {
    let engine = engine();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new();
    linker.func_wrap("m", "func", |value: i32| value).unwrap();
    let memory = Memory::new(&mut store, memory_type(1, Some(2))).unwrap();
    let table = Table::new(&mut store, table_type(RefType::FUNCREF, 3, None), Val::FuncRef(None)).unwrap();
    let ty = GlobalType { content: ValType::I32, mutable: true };
    let global = Global::new(&mut store, ty, Val::I32(1)).unwrap();
    linker
        .define("m", "memory", memory)
        .unwrap()
        .define("m", "table", table)
        .unwrap()
        .define("m", "global", global)
        .unwrap();
    let cases = [
        (r#""m" "missing" (func)"#, "unknown import: `m.missing` has not been defined"),
        (r#""n" "func" (func)"#, "unknown import: `n.func` has not been defined"),
        (
            r#""m" "func" (func (param i64))"#,
            "incompatible import type for `m.func`: expected function [i64] -> [], found function [i32] -> [i32]",
        ),
        (r#""m" "func" (memory 1)"#, "incompatible import type for `m.func`: expected a memory, found a function"),
        (
            r#""m" "memory" (memory 2)"#,
            "incompatible import type for `m.memory`: expected 32-bit memory of 2.. pages, found 32-bit memory of 1..=2 pages",
        ),
        (
            r#""m" "memory" (memory 1 1)"#,
            "incompatible import type for `m.memory`: expected 32-bit memory of 1..=1 pages, found 32-bit memory of 1..=2 pages",
        ),
        (
            r#""m" "memory" (memory 1 2 shared)"#,
            "incompatible import type for `m.memory`: expected shared 32-bit memory of 1..=2 pages, found 32-bit memory of 1..=2 pages",
        ),
        (
            r#""m" "table" (table 3 9 funcref)"#,
            "incompatible import type for `m.table`: expected table of 3..=9 funcref elements, found table of 3.. funcref elements",
        ),
        (
            r#""m" "table" (table 3 externref)"#,
            "incompatible import type for `m.table`: expected table of 3.. externref elements, found table of 3.. funcref elements",
        ),
        (
            r#""m" "global" (global i32)"#,
            "incompatible import type for `m.global`: expected global i32, found mutable global i32",
        ),
        (
            r#""m" "global" (global (mut i64))"#,
            "incompatible import type for `m.global`: expected mutable global i64, found mutable global i32",
        ),
    ];
    for (import, expected) in cases {
        let module = module(&engine, &format!("(module (import {import}))"));
        let result = linker.instantiate(&mut store, &module);
        assert!(matches!(result, Err(Error::Link(_))));
        assert_eq!(message(result), expected);
    }
    let module = module(&engine, r#"(module (import "m" "f" (func)))"#);
    assert_eq!(message(Instance::new(&mut store, &module, &[])), "the module has 1 imports, not 0");
}

#[test]
fn linkers_define_shadow_and_alias() {
    let engine = engine();
    let mut linker = Linker::new();
    linker.func_wrap("m", "f", || 1).unwrap();
    assert_eq!(linker.func_wrap("m", "f", || 2).err().unwrap().to_string(), "`m.f` is defined twice");
    linker.allow_shadowing(true).func_wrap("m", "f", || 2).unwrap();
    linker.alias_module("m", "n").unwrap();
    assert!(linker.contains("n", "f") && !linker.contains("n", "g"));
    let mut store = Store::new(&engine, ());
    let f = linker.get(&mut store, "n", "f").unwrap().and_then(Extern::func).unwrap();
    assert_eq!(f.typed::<(), i32>(&store).unwrap().call(&mut store, ()).unwrap(), 2);
    assert!(linker.get(&mut store, "n", "g").unwrap().is_none());

    let module = module(
        &engine,
        r#"(module (import "env" "later" (func $f (param i32) (result i64))) (func (export "run") (drop (call $f (i32.const 1)))))"#,
    );
    linker.define_unknown_functions_as_traps(&module).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let text = format!("{:#}", run(&mut store, instance, "run").unwrap_err());
    assert!(text.contains(": unknown import `env.later` was called\nguest backtrace:"), "{text}");
}

#[test]
fn stores_have_limits() {
    for (_, engine) in engines() {
        let limits = StoreLimits::new().memory_bytes_max(3 << 16).table_elements_max(5).instances_max(2);
        let mut store = Store::with_limits(&engine, (), limits);
        let linker = Linker::new();
        for refused in ["(module (memory 4))", "(module (table 6 funcref))", "(module (memory i64 4))"] {
            let result = linker.instantiate(&mut store, &module(&engine, refused));
            assert!(matches!(result, Err(Error::Limit(_))), "{refused}");
        }
        let wat = r#"(module (memory 1) (table 1 externref)
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
            (func (export "grow_table") (param i32) (result i32) (table.grow (ref.null extern) (local.get 0))))"#;
        let module = module(&engine, wat);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let grow = func::<_, i32, i32>(&mut store, instance, "grow");
        assert_eq!([2, 1, -1].map(|delta| grow.call(&mut store, delta).unwrap()), [1, -1, -1]);
        let grow = func::<_, i32, i32>(&mut store, instance, "grow_table");
        assert_eq!([5, 4, 1].map(|delta| grow.call(&mut store, delta).unwrap()), [-1, 1, -1]);
        linker.instantiate(&mut store, &module).unwrap();
        assert!(message(linker.instantiate(&mut store, &module)).contains("limit of 2"));
        assert!(Memory::new(&mut store, memory_type(4, None)).is_err());
        assert!(Table::new(&mut store, table_type(RefType::FUNCREF, 6, None), Val::FuncRef(None)).is_err());
    }
}

#[test]
fn host_functions_see_their_caller() {
    let wat = r#"(module (import "host" "look" (func $look (result i32)))
        (memory (export "memory") 1) (data (i32.const 3) "\2a")
        (func (export "run") (result i32) (call $look)))"#;
    for (_, engine) in engines() {
        let mut linker = Linker::new();
        linker
            .func_wrap("host", "look", |mut caller: Caller<'_, Vec<&'static str>>| {
                caller.data_mut().push("looked");
                let memory = caller.memory().unwrap();
                i32::from(memory.data(&caller).unwrap()[3])
            })
            .unwrap();
        let module = module(&engine, wat);
        // One linker serves many stores.
        for _ in 0..3 {
            let mut store = Store::new(&engine, Vec::new());
            let instance = linker.instantiate(&mut store, &module).unwrap();
            let other = linker.instantiate(&mut store, &module).unwrap();
            other.memory(&mut store, "memory").unwrap().write(&mut store, 3, &[7]).unwrap();
            assert_eq!(func::<_, (), i32>(&mut store, instance, "run").call(&mut store, ()).unwrap(), 42);
            assert_eq!(func::<_, (), i32>(&mut store, other, "run").call(&mut store, ()).unwrap(), 7);
            assert_eq!(store.into_data(), ["looked"; 2]);
        }
    }
}

#[test]
fn a_host_functions_results_are_checked() {
    let engine = engine();
    let mut store = Store::new(&engine, ());
    let ty = FuncType::new([], [ValType::I32]);
    let wrong = Func::new(&mut store, ty, |_, _, results| {
        results[0] = Val::I64(1);
        Ok(())
    });
    let wrong = wrong.unwrap();
    let text = message(wrong.call(&mut store, &[], &mut [Val::I32(0)]));
    assert!(text.contains("host function returned") && text.contains("i32"), "{text}");
}

#[test]
fn modules_describe_themselves() {
    let engine = engine();
    let module = module(
        &engine,
        r#"(module $name (import "a" "b" (func (param i32))) (memory (export "m") 1 2) (global (export "g") (mut f32) (f32.const 0))
            (func (export "f") (result externref) ref.null extern) (table (export "t") 5 funcref))"#,
    );
    assert_eq!(module.name(), Some("name"));
    let imports: Vec<_> = module.imports().map(|import| format!("{}.{}", import.module, import.name)).collect();
    assert_eq!(imports, ["a.b"]);
    let exports: Vec<_> = module.exports().map(|export| export.name).collect();
    assert_eq!(exports, ["m", "g", "f", "t"]);
    assert!(
        matches!(module.exports().nth(2).unwrap().ty, ExternType::Func(ty) if ty == FuncType::new([], [ValType::EXTERNREF]))
    );
    assert!(!module.has_start() && module.import_count() == 1);
}

#[test]
fn bad_modules_are_errors() {
    for (_, engine) in engines() {
        for bytes in [&b""[..], b"\0asm", b"\0asm\x01\0\0", b"(module)", &[0; 64], &wasm("(component)")] {
            assert!(matches!(Module::new(&engine, bytes), Err(Error::Compile(_))), "{bytes:?}");
        }
        let invalid = r#"(module (func (result i32) i64.const 1))"#;
        assert!(Module::new(&engine, &wasm(invalid)).is_err());
        assert!(engine.validate(&wasm(invalid)).is_err() && engine.validate(&wasm("(module)")).is_ok());
    }
}

#[test]
fn engines_check_their_settings() {
    for bytes in [0, 1000, 2 << 30] {
        let config = Backend::default_backend().unwrap().config().unwrap().stack_bytes(bytes);
        assert!(message(Engine::new(config)).contains("stack"));
    }
    let headless = Engine::new(EngineConfig::headless()).unwrap();
    assert!(headless.backend().is_none());
    assert!(message(Module::new(&headless, &wasm("(module)"))).contains("no compiler"));
}

#[test]
fn an_engine_without_a_compiler_runs_artifacts() {
    for (_, engine) in engines() {
        let wat = r#"(module (func (export "answer") (result i32) i32.const 42))"#;
        let image = engine.compile(&wasm(wat), [7; 32], None).unwrap();
        let headless = Engine::new(EngineConfig::headless()).unwrap();
        let image = Image::from_bytes(image.as_bytes()).unwrap();
        assert_eq!(image.key(), &[7; 32]);
        image.verify().unwrap();
        // SAFETY: made a moment ago, for this machine.
        let module = unsafe { Module::from_image(&headless, image) }.unwrap();
        let mut store = Store::new(&headless, ());
        let instance = Linker::new().instantiate(&mut store, &module).unwrap();
        assert_eq!(func::<_, (), i32>(&mut store, instance, "answer").call(&mut store, ()).unwrap(), 42);
    }
}

#[test]
fn what_is_not_in_the_binary_format_is_refused_in_a_line() {
    for (name, engine) in engines() {
        let text = message(Module::new(&engine, b"(module)"));
        assert!(text.contains("not in the binary format") && text.lines().count() == 1, "{name}: {text}");
    }
}
