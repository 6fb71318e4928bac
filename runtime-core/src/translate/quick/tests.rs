//! What is accepted is valid, and what is made of numbers and valid is accepted.

use wasmparser::{FuncValidatorAllocations, WasmFeatures};

use super::*;
use crate::translate::module::{default_features, translate_module};

/// How many bodies a module has, how many of them are valid, and how many are accepted; the module has to be valid otherwise.
pub(in crate::translate) fn compare(wasm: &[u8], features: WasmFeatures) -> (usize, usize, usize) {
    let Ok(translation) = translate_module(wasm, features) else { return (0, 0, 0) };
    let quick = Quick::new(&translation.info, features);
    let (mut valid, mut accepted) = (0, 0);
    let mut stacks = Stacks::default();
    for input in &translation.functions {
        let mut validator = input.again().validate.into_validator(FuncValidatorAllocations::default());
        let result = validator.validate(&input.body);
        let bytes = input.body.as_bytes();
        let is_accepted = quick.as_ref().is_some_and(|quick| quick.accepts(&mut stacks, input.index, bytes));
        assert!(!is_accepted || result.is_ok(), "accepted: {result:?}, {bytes:x?}");
        valid += usize::from(result.is_ok());
        accepted += usize::from(is_accepted);
    }
    (translation.functions.len(), valid, accepted)
}

fn leb(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn section(wasm: &mut Vec<u8>, id: u8, contents: &[u8]) {
    wasm.push(id);
    leb(wasm, contents.len());
    wasm.extend_from_slice(contents);
}

/// A module whose functions have one type and these bodies. There are a table, a memory, and globals of each type that may be read, and written.
fn module(params: &[u8], results: &[u8], bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut wasm = b"\0asm\x01\0\0\0".to_vec();
    let ty = [&[1, 0x60, params.len() as u8][..], params, &[results.len() as u8], results].concat();
    section(&mut wasm, 1, &ty);
    let mut functions = Vec::new();
    leb(&mut functions, bodies.len());
    functions.extend(bodies.iter().map(|_| 0));
    section(&mut wasm, 3, &functions);
    section(&mut wasm, 4, &[1, 0x70, 0, 1]);
    section(&mut wasm, 5, &[1, 0, 1]);
    let mut globals = vec![8];
    for mutable in [0, 1] {
        globals.extend([I32, mutable, 0x41, 0, 0x0b, I64, mutable, 0x42, 0, 0x0b]);
        globals.extend([F32, mutable, 0x43, 0, 0, 0, 0, 0x0b, F64, mutable, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b]);
    }
    section(&mut wasm, 6, &globals);
    let mut code = Vec::new();
    leb(&mut code, bodies.len());
    for body in bodies {
        leb(&mut code, body.len() + 1);
        code.push(0);
        code.extend_from_slice(body);
    }
    section(&mut wasm, 10, &code);
    wasm
}

/// An operator, or what begins like one, with every immediate that is short.
fn operators() -> impl Iterator<Item = Vec<u8>> {
    let immediates = [&[][..], &[0], &[1], &[0, 0], &[2, 0], &[0; 4], &[0; 8], &[0x40, 0x0b], &[I32, 0x0b]];
    let plain = (0..=0xff).filter(|opcode| *opcode != 0xfc).map(|opcode| vec![opcode]);
    let opcodes = plain.chain((0..32).map(|opcode| vec![0xfc, opcode]));
    opcodes.flat_map(move |opcode| immediates.map(|immediates| [&opcode, immediates].concat()))
}

#[test]
fn every_operator_is_accepted_with_the_operands_that_it_has() {
    let (mut valid, mut accepted) = (0, 0);
    let pairs = SINGLES.map(|ty| [ty, ty]).into_iter().chain([I64, F32, F64].map(|ty| [I32, ty]));
    for params in pairs {
        for results in [&[][..], &[I32], &[I64], &[F32], &[F64]] {
            for operands in [&[][..], &[0x20, 0], &[0x20, 0, 0x20, 1], &[0x20, 0, 0x20, 1, 0x20, 0], &[0x00]] {
                let body = |operator: Vec<u8>| [operands, &operator, &[0x0b]].concat();
                let bodies: Vec<_> = operators().map(body).collect();
                let counts = compare(&module(&params, results, &bodies), default_features());
                valid += counts.1;
                accepted += counts.2;
            }
        }
    }
    // Typed `select`, tail calls, tables, references and the rest are left to wasmparser.
    assert!(valid > 5_000 && accepted * 10 > valid * 8, "{accepted} of {valid}");
}

#[test]
fn numbers_have_the_bits_that_they_may_have() {
    let mut bodies = Vec::new();
    for opcode in [0x41, 0x42, 0x20, 0x0c, 0x23] {
        for len in 0..11 {
            for fill in [0x80, 0xff, 0x81] {
                for last in 0..=0xff {
                    bodies.push([&[opcode], &vec![fill; len][..], &[last, 0x1a, 0x0b]].concat());
                }
            }
        }
    }
    let (all, valid, accepted) = compare(&module(&[I32; 4], &[], &bodies), default_features());
    assert!(valid > 1000 && valid < all && accepted == valid, "{accepted} of {valid} of {all}");
}

#[test]
fn damaged_bodies_are_accepted_only_if_they_are_valid() {
    let text = "(module (memory 1) (table 2 funcref) (global (mut i32) (i32.const 0)) (type $t (func (param i32 i64) (result i64)))
        (func (export \"f\") (param i32 i64) (result i64) (local f32 f64 i32)
            (block $out (result i64)
                (loop $again
                    (br_if $again (i32.lt_u (local.tee 4 (i32.add (local.get 4) (i32.const 1))) (local.get 0)))
                    (if (i32.eqz (global.get 0)) (then (global.set 0 (i32.const 7))) (else (br_table 0 1 0 (local.get 4)))))
                (i64.store offset=8 (local.get 0) (i64.mul (local.get 1) (i64.load (i32.const 16))))
                (local.set 3 (f64.promote_f32 (f32.sqrt (local.get 2))))
                (drop (br_if $out (i64.const -3) (i32.trunc_sat_f64_s (local.get 3))))
                (memory.fill (i32.const 0) (i32.const 1) (i32.const 2))
                (select (call 0 (i32.const 300) (i64.const 4)) (call_indirect (type $t) (i32.const 0) (i64.const 1) (i32.const 0)) (local.get 0)))
            (return)
            (unreachable) (drop (i64.add)) (drop (select))))";
    let wasm = wat::parse_str(text).unwrap();
    let range = translate_module(&wasm, default_features()).unwrap().info.bodies[0].clone();
    assert_eq!(compare(&wasm, default_features()), (1, 1, 1));
    let mut valid = 0;
    for at in range {
        for byte in 0..=0xff {
            let mut damaged = wasm.clone();
            damaged[at] = byte;
            valid += compare(&damaged, default_features()).1;
        }
    }
    assert!(valid > 1000, "{valid}");
}

#[test]
fn nothing_is_accepted_with_fewer_features() {
    let wasm = module(&[], &[], &[vec![0x0b]]);
    assert_eq!(compare(&wasm, default_features()), (1, 1, 1));
    for feature in FEATURES.iter() {
        assert_eq!(compare(&wasm, default_features() - feature).2, 0, "{feature:?}");
    }
}
