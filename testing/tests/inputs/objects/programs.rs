//! Programs of compilers for languages whose objects the runtime collects: p2w's Python, MoonBit, dart2wasm's Dart.

use std::fs;

use wasmer_runtime::*;
use wasmer_testing::programs::{engines_for_programs, on_every_backend, program};

/// What a program has printed.
type Output = Vec<u8>;

/// The functions that p2w's programs import to print.
fn printing(module: &Module) -> Result<Linker<Output>> {
    let mut linker: Linker<Output> = Linker::new();
    linker.func_wrap("env", "write_char", |mut caller: Caller<'_, Output>, byte: i32| {
        caller.data_mut().push(byte as u8);
    })?;
    linker.func_wrap("env", "write_i32", |mut caller: Caller<'_, Output>, number: i32| {
        caller.data_mut().extend(number.to_string().bytes());
    })?;
    linker.func_wrap("env", "write_i64", |mut caller: Caller<'_, Output>, number: i64| {
        caller.data_mut().extend(number.to_string().bytes());
    })?;
    // It calls none of the functions of browsers.
    linker.define_unknown_functions_as_traps(module)?;
    Ok(linker)
}

/// What CPython prints for the same source.
const PRINTED: &str = "\
nodes 10235
area 3610
attempts 10120284
add 12
words 3 2 1
text 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19, 50 ,2,3,4
squares [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]
";

#[test]
fn python_compiled_to_objects_prints_what_cpython_does() {
    let Some(path) = program("gc-python") else { return };
    let wasm = fs::read(path).unwrap();
    for (backend, engine) in engines_for_programs() {
        let module = Module::new(&engine, &wasm).unwrap();
        let mut store = Store::new(&engine, Output::new());
        let instance = printing(&module).unwrap().instantiate(&mut store, &module).unwrap();
        let start = instance.export(&mut store, "_start").and_then(Extern::func).unwrap();
        start.call(&mut store, &[], &mut [Val::I32(0)]).unwrap();
        assert_eq!(String::from_utf8_lossy(store.data()), PRINTED, "{backend}");
    }
}

/// Trees of 65,535 objects of 16 bytes that the program makes, besides leaves.
const TREES: i32 = 2400;

/// Two gigabytes and more of objects. What comes out is computed by hand but for the areas and lengths of texts, which V8 (node 26.10) says.
#[test]
fn moonbit_allocates_gigabytes() {
    if !on_every_backend() {
        eprintln!("left out: it takes `WASMER_PROGRAMS_EVERY_BACKEND`");
        return;
    }
    let Some(path) = program("gc-moonbit") else { return };
    let wasm = fs::read(path).unwrap();
    for (backend, engine) in engines_for_programs() {
        let module = Module::new(&engine, &wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Linker::new().instantiate(&mut store, &module).unwrap();
        let run = instance.export(&mut store, "run").and_then(Extern::func).unwrap();
        let mut results = [Val::I32(0)];
        run.call(&mut store, &[Val::I32(TREES)], &mut results).unwrap();
        assert_eq!(results[0].i32(), Some(TREES * 131_071 + 111_300_453), "{backend}");
    }
}

/// Whatever Dart imports from JavaScript: functions that nobody may call, texts that are something, and nulls.
fn stubs(store: &mut Store<()>, module: &Module) -> Result<Linker<()>> {
    let mut linker = Linker::new();
    let text = ExternRef::new(());
    for ImportInfo { module: space, name, ty, .. } in module.imports() {
        if linker.contains(&space, &name) {
            continue;
        }
        let entity: Extern = match ty {
            // Left to the traps below.
            ExternType::Func(_) => continue,
            ExternType::Global(ty) => {
                let value = if matches!(ty.content, ValType::Ref(RefType { heap: HeapType::Extern, .. })) {
                    Val::ExternRef(Some(text.clone()))
                } else {
                    Val::default_for(ty.content).expect("constants of other types have a default")
                };
                Global::new(store, ty, value)?.into()
            }
            ExternType::Memory(ty) => Memory::new(store, ty)?.into(),
            ExternType::Table(ty) => Table::new(store, ty, Val::FuncRef(None))?.into(),
            ExternType::Tag(ty) => Tag::new(store, ty)?.into(),
        };
        linker.define(&space, &name, entity)?;
    }
    linker.define_unknown_functions_as_traps(module)?;
    Ok(linker)
}

/// A module of 8 MB with 40,000 imports: it is compiled, its constants are made, and its main function runs until it wants something of JavaScript.
#[test]
fn dart_starts() {
    if !on_every_backend() {
        eprintln!("left out: it takes `WASMER_PROGRAMS_EVERY_BACKEND`");
        return;
    }
    let Some(path) = program("gc-dart") else { return };
    let wasm = fs::read(path).unwrap();
    for (backend, engine) in engines_for_programs() {
        let module = Module::new(&engine, &wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = stubs(&mut store, &module).unwrap().instantiate(&mut store, &module).unwrap();
        let main = instance.export(&mut store, "$invokeMain").and_then(Extern::func).unwrap();
        let arguments: Vec<_> =
            main.ty(&store).unwrap().params.iter().map(|ty| Val::default_for(*ty).unwrap()).collect();
        let error = main.call(&mut store, &arguments, &mut []).unwrap_err().to_string();
        assert!(error.contains("unknown import"), "{backend}: {error}");
    }
}
