//! C++ that throws through modules: one with the libraries, and one that is linked to it here, as a loader of such modules does. Each is there in both encodings of
//! exceptions, and the same comes out whichever two of them are linked: the tag and the library's state are all that they share.

use wasmer_runtime::*;
use wasmer_testing::programs::{engines_for_programs, on_every_backend, program};

/// What the side module has on its data segment and in the table, at most.
const SIDE_BYTES: i32 = 4096;
const SIDE_ELEMENTS: u64 = 16;

/// What `run` returns for 100 numbers: the same natively (g++ 12), and in V8 (node 26.10), where a script linked the modules as it is done here.
const EXPECTED: i32 = 172_541_904;

fn function(store: &mut Store<()>, instance: &Instance, name: &str) -> Func {
    instance.export(store, name).and_then(Extern::func).expect("a function")
}

/// An instance of the main module, as the side module sees it.
struct Main {
    instance: Instance,
    table: Table,
}

impl Main {
    fn new(store: &mut Store<()>, module: &Module) -> Result<Self> {
        let mut linker = Linker::new();
        // It prints nothing.
        linker.define_unknown_functions_as_traps(module)?;
        let instance = linker.instantiate(store, module)?;
        function(store, &instance, "_initialize").call(store, &[], &mut [])?;
        let table = instance.export(store, "__indirect_function_table").and_then(Extern::table).expect("a table");
        Ok(Self { instance, table })
    }

    /// The address of something.
    fn address(&self, store: &mut Store<()>, name: &str) -> Result<i32> {
        let global = self.instance.export(store, name).and_then(Extern::global).expect("an address");
        Ok(global.get(store)?.i32().expect("a number"))
    }

    /// Puts a function into the table.
    fn index_of(&self, store: &mut Store<()>, func: Func) -> Result<i32> {
        Ok(self.table.grow(store, 1, Val::FuncRef(Some(func)))? as i32)
    }

    fn call(&self, store: &mut Store<()>, name: &str, arguments: &[Val]) -> Result<i32> {
        let mut results = [Val::I32(0)];
        function(store, &self.instance, name).call(store, arguments, &mut results)?;
        Ok(results[0].i32().expect("a number"))
    }

    /// What the side module imports.
    fn linker(&self, store: &mut Store<()>, side: &Module) -> Result<Linker<()>> {
        let number = |store: &mut Store<()>, mutable, value| {
            Global::new(store, GlobalType { content: ValType::I32, mutable }, Val::I32(value))
        };
        let mut linker = Linker::new();
        for import in side.imports() {
            let name = import.name.as_str();
            let entity: Extern = match (import.module.as_str(), name) {
                ("env", "__memory_base") => {
                    let base = self.call(store, "malloc", &[Val::I32(SIDE_BYTES)])?;
                    number(store, false, base)?.into()
                }
                ("env", "__table_base") => {
                    let base = self.table.grow(store, SIDE_ELEMENTS, Val::FuncRef(None))?;
                    number(store, false, base as i32)?.into()
                }
                ("env", _) => self.instance.export(store, name).expect("what the side module needs"),
                ("GOT.mem", _) => {
                    let address = self.address(store, name)?;
                    number(store, true, address)?.into()
                }
                _ => {
                    let func = function(store, &self.instance, name);
                    let index = self.index_of(store, func)?;
                    number(store, true, index)?.into()
                }
            };
            linker.define(&import.module, name, entity)?;
        }
        Ok(linker)
    }
}

fn run(engine: &Engine, main: &[u8], side: &[u8], count: i32) -> Result<i32> {
    let (main, side) = (Module::new(engine, main)?, Module::new(engine, side)?);
    let mut store = Store::new(engine, ());
    let main = Main::new(&mut store, &main)?;
    let side = main.linker(&mut store, &side)?.instantiate(&mut store, &side)?;
    for name in ["__wasm_apply_data_relocs", "__wasm_call_ctors"] {
        function(&mut store, &side, name).call(&mut store, &[], &mut [])?;
    }
    let func = function(&mut store, &side, "side");
    let side = main.index_of(&mut store, func)?;
    main.call(&mut store, "run", &[Val::I32(side), Val::I32(count)])
}

#[test]
fn exceptions_of_cpp_pass_modules() {
    if !on_every_backend() {
        eprintln!("left out: it takes `WASMER_PROGRAMS_EVERY_BACKEND`");
        return;
    }
    for main in ["throws-main", "throws-main-legacy"] {
        for side in ["throws-side", "throws-side-legacy"] {
            let Some((main_path, side_path)) = program(main).zip(program(side)) else { continue };
            let [main_wasm, side_wasm] = [main_path, side_path].map(|path| std::fs::read(path).unwrap());
            for (backend, engine) in engines_for_programs() {
                let sum = run(&engine, &main_wasm, &side_wasm, 100).unwrap();
                assert_eq!(sum, EXPECTED, "{backend}, {main}, {side}");
            }
        }
    }
}
