//! What a core dump has, read by somebody else's reader.

use wasmer_runtime::*;

use crate::common::*;

const DUMPED: &str = r#"(module $dumped
    (import "host" "f" (func $f))
    (table funcref (elem $inner))
    (memory 3 5)
    (memory i64 1)
    (global $small (mut i32) (i32.const -7))
    (global $large (mut i64) (i64.const 0))
    (global f32 (f32.const 1.5))
    (global f64 (f64.const nan:0x8000000000001))
    (global v128 (v128.const i64x2 1 2))
    (global funcref (ref.func $inner))
    (global externref (ref.null extern))
    (data (memory 0) (i32.const 131071) "ab")
    (data (memory 1) (i64.const 5) "xyz")
    (func $inner
        (global.set $large (i64.const -0x123456789ab))
        (i32.store8 (i32.const 10) (i32.const 42))
        unreachable)
    (func $outer (export "run") (call $f) (call_indirect (i32.const 0))))"#;

/// It is also valid as a module.
#[test]
fn a_core_dump_has_frames_memories_and_globals() {
    let bytes = wasm(DUMPED);
    for (_, engine) in engines() {
        let module = Module::new(&engine, &bytes).unwrap();
        let mut linker = Linker::new();
        linker.func_wrap("host", "f", || ()).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let result = run(&mut store, instance, "run");
        let backtrace = &trap(&result, TrapCode::Unreachable).backtrace;
        let mut dump = Vec::new();
        instance.core_dump(&mut store, "dumped.wasm", Some(&bytes), backtrace, &mut dump).unwrap();
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all()).validate_all(&dump).unwrap();
        let found = Dump::of(&dump);
        assert_eq!(found.names, ["dumped.wasm", "dumped.wasm", "main"]);
        assert_eq!(found.instances, [(0_u32, vec![0_u32, 1], (0..7).collect::<Vec<u32>>())]);
        let [inner, outer] = &found.frames[..] else { panic!("{:?}", found.frames) };
        assert_eq!([inner.0, outer.0], [1, 2]);
        let offset = |frame: usize| u64::from(backtrace.frames[frame].wasm_offset.unwrap());
        let bodies = bodies(&bytes);
        assert_eq!([inner.1, outer.1], [offset(0) - bodies[0].start, offset(1) - bodies[1].start]);
        let mut first = vec![0; 3 << 16];
        (first[10], first[131071], first[131072]) = (42, b'a', b'b');
        assert!(found.memories[0] == first && found.memories[1][5..8] == *b"xyz" && found.memories[1].len() == 1 << 16);
        assert_eq!(found.globals[..2], ["-7", "-1250999896491"]);

        // Without the module's bytes it is not known where functions begin.
        let mut dump = Vec::new();
        instance.core_dump(&mut store, "", None, backtrace, &mut dump).unwrap();
        assert_eq!(Dump::of(&dump).frames, [(1, 0), (2, 0)]);
        let refused = instance.core_dump(&mut store, "", None, backtrace, &mut [0_u8; 100].as_mut_slice());
        assert!(refused.unwrap_err().to_string().contains("could not be written"));
    }
}

fn bodies(wasm: &[u8]) -> Vec<std::ops::Range<u64>> {
    let bodies = wasmparser::Parser::new(0).parse_all(wasm).filter_map(|payload| match payload.unwrap() {
        wasmparser::Payload::CodeSectionEntry(body) => Some(body.range()),
        _ => None,
    });
    bodies.collect()
}

/// What a core dump says.
#[derive(Default)]
struct Dump {
    /// Of the process, the modules and the thread.
    names: Vec<String>,
    /// Module, memories and globals.
    instances: Vec<(u32, Vec<u32>, Vec<u32>)>,
    /// Function and offset.
    frames: Vec<(u32, u64)>,
    memories: Vec<Vec<u8>>,
    /// The integers among them.
    globals: Vec<String>,
}

impl Dump {
    fn of(dump: &[u8]) -> Self {
        use wasmparser::{DataKind, KnownCustom, Operator, Payload};
        let mut found = Self::default();
        for payload in wasmparser::Parser::new(0).parse_all(dump) {
            match payload.unwrap() {
                Payload::CustomSection(section) => match section.as_known() {
                    KnownCustom::CoreDump(core) => found.names.push(core.name.to_owned()),
                    KnownCustom::CoreDumpModules(modules) => {
                        found.names.extend(modules.modules.iter().map(ToString::to_string));
                    }
                    KnownCustom::CoreDumpInstances(instances) => {
                        let of = |instance: wasmparser::CoreDumpInstance| {
                            (instance.module_index, instance.memories, instance.globals)
                        };
                        found.instances.extend(instances.instances.into_iter().map(of));
                    }
                    KnownCustom::CoreDumpStack(stack) => {
                        found.names.push(stack.name.to_owned());
                        assert!(stack.frames.iter().all(|frame| frame.instanceidx == 0 && frame.locals.is_empty()));
                        found.frames =
                            stack.frames.iter().map(|frame| (frame.funcidx, frame.codeoffset.into())).collect();
                    }
                    _ => panic!("{}", section.name()),
                },
                Payload::MemorySection(memories) => {
                    let size = |memory: wasmparser::MemoryType| vec![0; (memory.initial << 16) as usize];
                    found.memories = memories.into_iter().map(|memory| size(memory.unwrap())).collect();
                }
                Payload::GlobalSection(globals) => {
                    for global in globals {
                        match global.unwrap().init_expr.get_operators_reader().read().unwrap() {
                            Operator::I32Const { value } => found.globals.push(value.to_string()),
                            Operator::I64Const { value } => found.globals.push(value.to_string()),
                            _ => {}
                        }
                    }
                }
                Payload::DataSection(segments) => {
                    for segment in segments {
                        let segment = segment.unwrap();
                        let DataKind::Active { memory_index, offset_expr } = segment.kind else { panic!("passive") };
                        let start = match offset_expr.get_operators_reader().read().unwrap() {
                            Operator::I32Const { value } => value as u32 as usize,
                            Operator::I64Const { value } => value as usize,
                            other => panic!("{other:?}"),
                        };
                        let memory = &mut found.memories[memory_index as usize];
                        memory[start..start + segment.data.len()].copy_from_slice(segment.data);
                    }
                }
                _ => {}
            }
        }
        found
    }
}
