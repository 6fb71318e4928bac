//! Continuations of all loops of a module: what is made is valid, and says where it is from.

use wasmparser::{Operator, WasmFeatures};

use crate::translate::continuation::Module;
use crate::translate::func::FuncInput;
use crate::translate::module::{default_features, translate_module, validate};

/// How many loops a valid module has, and how many of these have a continuation, each of which is valid.
pub(super) fn check(wasm: &[u8], features: WasmFeatures) -> (usize, usize) {
    let Ok(translation) = translate_module(wasm, features) else { return (0, 0) };
    let (mut loops, mut made) = (0, 0);
    for input in &translation.functions {
        for (offset, _) in loops_of(input) {
            loops += 1;
            let Some(module) = Module::new(wasm, &translation.info, input.again(), offset) else { continue };
            made += 1;
            let valid = validate(&module.wasm, features);
            assert!(valid.is_ok(), "the loop at {offset:#x} of function {}: {valid:?}", input.index.0);
            check_places(wasm, &module);
        }
    }
    (loops, made)
}

fn loops_of(input: &FuncInput<'_>) -> Vec<(u32, usize)> {
    let operators = input.body.get_operators_reader().map(|reader| reader.into_iter_with_offsets());
    let operators = operators.into_iter().flatten().filter_map(Result::ok).enumerate();
    let loops = operators.filter(|(_, (operator, _))| matches!(operator, Operator::Loop { .. }));
    loops.map(|(position, (_, offset))| (offset as u32, position)).collect()
}

/// What traps is at the place that it is from.
fn check_places(wasm: &[u8], module: &Module) {
    let functions = translate_module(&module.wasm, default_features() | WasmFeatures::CUSTOM_PAGE_SIZES);
    let Some(last) = functions.ok().and_then(|mut translation| translation.functions.pop()) else { return };
    let Ok(operators) = last.body.get_operators_reader() else { return };
    for item in operators.into_iter_with_offsets() {
        let Ok((operator, offset)) = item else { return };
        let opcode = module.wasm[offset as usize];
        if matches!(
            operator,
            Operator::Unreachable | Operator::I32DivU | Operator::Call { .. } | Operator::I32Load { .. }
        ) {
            assert_eq!(wasm[module.original(offset as u32) as usize], opcode, "{operator:?} at {offset:#x}");
        }
    }
}

#[test]
fn only_what_is_a_loop_that_can_be_reached_has_a_continuation() {
    let wasm = wat::parse_str(
        "(module (func (param i32) (result i64)
            (block (loop (br_if 0 (local.get 0))))
            (loop (br_if 0 (local.get 0)))
            (return (i64.const 1))
            (loop (br 0))))",
    )
    .expect("the text is a module");
    assert_eq!(check(&wasm, default_features()), (3, 2));
    let translation = translate_module(&wasm, default_features()).expect("the module is valid");
    let input = &translation.functions[0];
    let first = loops_of(input)[0].0;
    let offsets: Vec<_> = (input.body.range().start as u32..input.body.range().end as u32)
        .filter(|offset| Module::new(&wasm, &translation.info, input.again(), *offset).is_some())
        .collect();
    assert_eq!((offsets.len(), offsets[0]), (2, first));
}

/// A switch is as many blocks as it has cases, one around the other: on the way through them there is nothing to be skipped.
#[test]
fn blocks_that_begin_at_once_are_only_opened() {
    let branches_with = |blocks: usize| {
        let (open, close) = ("(block ".repeat(blocks), ")".repeat(blocks));
        let text = format!(
            "(module (func (param i32)
                (loop {open} (drop (i32.const 1)) (loop (br_if 0 (local.get 0))) {close} (br_if 0 (local.get 0)))))"
        );
        let wasm = wat::parse_str(text).expect("the text is a module");
        assert_eq!(check(&wasm, default_features()), (2, 2));
        let translation = translate_module(&wasm, default_features()).expect("the module is valid");
        let input = &translation.functions[0];
        let inner = loops_of(input)[1].0;
        let module = Module::new(&wasm, &translation.info, input.again(), inner).expect("the loop has a continuation");
        let made = translate_module(&module.wasm, default_features()).expect("what is made is valid");
        let guard = |operator: &Operator<'_>| matches!(operator, Operator::BrIf { .. });
        let body =
            made.functions.last().map(|last| last.body.get_operators_reader()).expect("there is a last function");
        let operators = body.expect("it is whole").into_iter().map(|operator| operator.expect("it is whole"));
        operators.filter(guard).count()
    };
    // One guard in front of the inner loop, and the module's own two.
    assert_eq!((branches_with(1), branches_with(100)), (3, 3));
}
