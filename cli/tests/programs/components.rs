//! Components of real toolchains: Rust's own target, wit-bindgen, componentize-py, ComponentizeJS, componentize-qjs, and two that are ready-made.
//!
//! Their sources are `xtask/programs/wasi.rs` and `xtask/programs/components`. Servers of HTTP are tested in `serve.rs`.

use wasmer_runtime::component::{AbiTrap, Borrow, Component, ComponentLinker, GuestOwn, Own, abi_trap};
use wasmer_runtime::wasi::WasiCtxBuilder;
use wasmer_runtime::wasi_p2::{self, WasiP2};
use wasmer_runtime::{Backend, Engine, Result, Store};

use super::libraries::check;
use super::shared::{backends, backends_for_large_programs, program};

#[test]
fn commands_find_what_their_libraries_rely_on() {
    for (name, options, backends) in [
        ("component-rust", &["--net", "127.0.0.1"][..], backends()),
        ("component-python", &[], backends_for_large_programs()),
        ("component-js", &[], backends_for_large_programs()),
    ] {
        for backend in backends {
            let options = [options, &["--backend", backend]].concat();
            let Some(outcome) = check(name, &options) else { continue };
            assert_eq!(outcome.stdout.lines().last(), Some("all checks hold"), "{name} on {backend}: {outcome:?}");
        }
    }
}

/// A component in a file, for each of these compilers that is built into this test.
fn on_each(name: &str, backends: &[&str], run: impl Fn(&Engine, &Component)) {
    let Some(path) = program(name) else { return };
    let bytes = std::fs::read(path).expect("the component can be read");
    let mut count = 0;
    for backend in Backend::built().filter(|backend| backends.contains(&backend.name())) {
        let engine = Engine::new(backend.config().expect("it is built in")).expect("an engine");
        run(&engine, &Component::new(&engine, &bytes).unwrap_or_else(|error| panic!("{name} on {backend}: {error:#}")));
        count += 1;
    }
    assert!(count > 0, "{backends:?}");
}

fn wasi() -> WasiP2 {
    WasiP2::new(WasiCtxBuilder::new().build().expect("nothing is granted"))
}

mod library {
    use super::*;

    wasmer_runtime::component::bindgen!({ path: "../xtask/programs/components/library.wit" });

    use exports::test::toolchains::shapes::{Guest, Order, Parts, Path, Point, Shape};
    use test::toolchains::host::{self, Counter};

    struct Host {
        wasi: WasiP2,
        counters: Vec<Option<u32>>,
        lines: Vec<String>,
    }

    impl host::HostCounter for Host {
        fn new(&mut self, start: u32) -> Result<Own<Counter>> {
            self.counters.push(Some(start));
            Ok(Own::new(self.counters.len() as u32 - 1))
        }

        fn add(&mut self, self_: Borrow<Counter>, more: u32) -> Result<u32> {
            let sum = self.counters[self_.rep as usize].as_mut().expect("it is not dropped");
            *sum += more;
            Ok(*sum)
        }

        fn drop(&mut self, counter: Own<Counter>) -> Result<()> {
            self.counters[counter.rep as usize] = None;
            Ok(())
        }
    }

    impl host::Host for Host {
        fn log(&mut self, line: String) -> Result<()> {
            self.lines.push(line);
            Ok(())
        }
    }

    /// A store with an instance for each compiler.
    fn with_each(name: &str, backends: &[&str], run: impl Fn(&mut Store<Host>, &Guest)) {
        on_each(name, backends, |engine, component| {
            let mut linker = ComponentLinker::new();
            wasi_p2::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi).unwrap();
            Library::add_to_linker(&mut linker, |host| host).unwrap();
            let host = Host { wasi: wasi(), counters: vec![Some(40)], lines: Vec::new() };
            let mut store = Store::new(engine, host);
            let library = Library::instantiate(&mut store, component, &linker).unwrap();
            run(&mut store, &library.test_toolchains_shapes);
        });
    }

    fn points() -> [Point; 3] {
        [(0.0, 0.0), (3.0, 0.0), (3.0, 4.0)].map(|(x, y)| Point { x, y })
    }

    fn values(store: &mut Store<Host>, shapes: &Guest) {
        let points = points();
        assert_eq!(shapes.call_area(store, &Shape::Polygon(points.to_vec())).unwrap(), Ok(6.0));
        let circle = shapes.call_area(store, &Shape::Circle(1.0)).unwrap();
        assert_eq!(circle, Ok(std::f64::consts::PI));
        for (shape, reason) in [(Shape::Circle(-1.0), "a radius of -1"), (Shape::Nothing, "nothing has no area")] {
            assert_eq!(shapes.call_area(store, &shape).unwrap(), Err(reason.to_owned()));
        }
        let numbered = shapes.call_numbered(store, &points, Order::Backwards).unwrap();
        assert_eq!(numbered, [(2, points[2]), (1, points[1]), (0, points[0])]);
    }

    fn path(store: &mut Store<Host>, shapes: &Guest, name: &str, points: &[Point]) -> GuestOwn<Path> {
        let path = shapes.path.call_new(store, name).unwrap();
        for point in points {
            shapes.path.call_push(store, &path, *point).unwrap();
        }
        path
    }

    fn describe(store: &mut Store<Host>, shapes: &Guest, path: &GuestOwn<Path>) {
        for (parts, words) in [
            (Parts::NAME | Parts::POINTS | Parts::LENGTH, "wörd, 3 points, length 7.0"),
            (Parts::LENGTH, "length 7.0"),
            (Parts::empty(), ""),
        ] {
            assert_eq!(shapes.path.call_describe(store, path, parts).unwrap(), words);
        }
    }

    fn uses_all_of_it(name: &str, backends: &[&str]) {
        with_each(name, backends, |store, shapes| {
            values(store, shapes);
            let points = points();
            let (first, second) = (path(store, shapes, "wörd", &points[..1]), path(store, shapes, "", &points[1..]));
            let joined = shapes.path.call_join(store, first, second).unwrap();
            describe(store, shapes, &joined);
            joined.drop(store).unwrap();

            let counter = Borrow::new(0);
            assert_eq!(shapes.call_count(store, counter, &[1, 100]).unwrap(), Some(141));
            assert_eq!(shapes.call_count(store, counter, &[]).unwrap(), None);
            assert_eq!(store.data().lines, ["1 makes 41", "100 makes 141"]);
            assert_eq!(store.data().counters, [Some(141)], "what was lent is not dropped");
        });
    }

    #[test]
    fn rust() {
        uses_all_of_it("library-rust", &["singlepass", "cranelift", "llvm"]);
    }

    #[test]
    fn python() {
        uses_all_of_it("library-python", &backends_for_large_programs());
    }

    /// The toolchain keeps what was lent until garbage is collected, which the end of a call does not wait for, and it does not find resources of its own that are
    /// given back to it, so they are not.
    #[test]
    fn javascript() {
        with_each("library-qjs", &backends_for_large_programs(), |store, shapes| {
            values(store, shapes);
            let path = path(store, shapes, "wörd", &points());
            describe(store, shapes, &path);
            path.drop(store).unwrap();
            let counted = shapes.call_count(store, Borrow::new(0), &[1, 100]);
            assert_eq!(abi_trap(&counted.unwrap_err()), Some(&AbiTrap::BorrowsRemain));
            assert_eq!(store.data().lines, ["1 makes 41", "100 makes 141"]);
        });
    }
}

mod sandbox {
    use super::*;

    wasmer_runtime::component::bindgen!({
        inline: "
            package hyperlight:sandbox;

            interface tools {
                dispatch: func(name: string, args-json: string) -> result<string, string>;
            }

            interface executor {
                record execution-result { stdout: string, stderr: string, exit-code: s32 }
                run: func(code: string) -> execution-result;
            }

            world sandbox {
                import tools;
                export executor;
            }
        ",
    });

    use hyperlight::sandbox::tools;

    struct Host {
        wasi: WasiP2,
        asked: Vec<(String, String)>,
    }

    impl tools::Host for Host {
        fn dispatch(&mut self, name: String, args_json: String) -> Result<std::result::Result<String, String>> {
            self.asked.push((name, args_json));
            Ok(Ok("42".to_owned()))
        }
    }

    /// Runs code; each ends as it has to.
    fn runs(name: &str, codes: &[(&str, &str, i32)]) {
        on_each(name, &backends_for_large_programs(), |engine, component| {
            let mut linker = ComponentLinker::new();
            wasi_p2::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi).unwrap();
            Sandbox::add_to_linker(&mut linker, |host| host).unwrap();
            linker
                .define_some_imports_as_traps(component, |import| {
                    import.path[0].starts_with("wasi:http/").then(|| "there is no network".to_owned())
                })
                .unwrap();
            let mut store = Store::new(engine, Host { wasi: wasi(), asked: Vec::new() });
            let sandbox = Sandbox::instantiate(&mut store, component, &linker).unwrap();
            for (code, stdout, exit_code) in codes {
                let result = sandbox.hyperlight_sandbox_executor.call_run(&mut store, code).unwrap();
                assert_eq!((&*result.stdout, result.exit_code), (*stdout, *exit_code), "{code}: {result:?}");
                assert_eq!(result.stderr.is_empty(), *exit_code == 0, "{result:?}");
            }
            assert_eq!(store.data().asked.len(), 1, "{:?}", store.data().asked);
            assert_eq!(store.data().asked[0].0, "double");
        });
    }

    #[test]
    fn python() {
        runs(
            "sandbox-python",
            &[("print(sum(range(10)))", "45\n", 0), ("print(call_tool('double', x=21))", "42\n", 0), ("1 / 0", "", 1)],
        );
    }

    #[test]
    fn javascript() {
        runs(
            "sandbox-js",
            &[
                ("console.log([1, 2, 3].map(x => x * x).join())", "1,4,9\n", 0),
                ("console.log(call_tool('double', { x: 21 }))", "42\n", 0),
                ("throw new Error('no')", "", 1),
            ],
        );
    }
}
