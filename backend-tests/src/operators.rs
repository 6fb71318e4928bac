//! Every operator compiles, alone and with operands that nothing is known of, and leaves no reference that nothing provides.

use wasmer_runtime_core::compiler::{Batch, CodeLocation, Compiler, Handler, Output, Reloc, Symbol, TrapSite};
use wasmer_runtime_core::translate::module::{default_features, translate_module};
use wasmer_runtime_core::types::DefinedFuncIdx;

use crate::{assert_same, compile, compile_by, module};

/// Signature, then operators without immediates.
const PLAIN: &[(&str, &str)] = &[
    ("i32 -> i32", "i32.clz i32.ctz i32.popcnt i32.extend8_s i32.extend16_s i32.eqz"),
    ("i64 -> i64", "i64.clz i64.ctz i64.popcnt i64.extend8_s i64.extend16_s i64.extend32_s"),
    ("i64 -> i32", "i64.eqz i32.wrap_i64"),
    ("i32 -> i64", "i64.extend_i32_s i64.extend_i32_u"),
    (
        "i32 i32 -> i32",
        "i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor i32.shl i32.shr_s
         i32.shr_u i32.rotl i32.rotr i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s
         i32.ge_u",
    ),
    (
        "i64 i64 -> i64",
        "i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor i64.shl i64.shr_s
         i64.shr_u i64.rotl i64.rotr",
    ),
    ("i64 i64 -> i32", "i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u"),
    ("i64 i64 -> i64 i64", "i64.mul_wide_s i64.mul_wide_u"),
    ("i64 i64 i64 i64 -> i64 i64", "i64.add128 i64.sub128"),
    ("f32 -> f32", "f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt"),
    ("f64 -> f64", "f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt"),
    ("f32 f32 -> f32", "f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign"),
    ("f64 f64 -> f64", "f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign"),
    ("f32 f32 -> i32", "f32.eq f32.ne f32.lt f32.gt f32.le f32.ge"),
    ("f64 f64 -> i32", "f64.eq f64.ne f64.lt f64.gt f64.le f64.ge"),
    ("f32 -> i32", "i32.trunc_f32_s i32.trunc_f32_u i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.reinterpret_f32"),
    ("f64 -> i32", "i32.trunc_f64_s i32.trunc_f64_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u"),
    ("f32 -> i64", "i64.trunc_f32_s i64.trunc_f32_u i64.trunc_sat_f32_s i64.trunc_sat_f32_u"),
    ("f64 -> i64", "i64.trunc_f64_s i64.trunc_f64_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u i64.reinterpret_f64"),
    ("i32 -> f32", "f32.convert_i32_s f32.convert_i32_u f32.reinterpret_i32"),
    ("i64 -> f32", "f32.convert_i64_s f32.convert_i64_u"),
    ("i32 -> f64", "f64.convert_i32_s f64.convert_i32_u"),
    ("i64 -> f64", "f64.convert_i64_s f64.convert_i64_u f64.reinterpret_i64"),
    ("f32 -> f64", "f64.promote_f32"),
    ("f64 -> f32", "f32.demote_f64"),
    ("i32 i32 i32 -> i32", "select"),
    ("v128 v128 i32 -> v128", "select"),
    (
        "v128 -> v128",
        "v128.not i8x16.abs i8x16.neg i8x16.popcnt i16x8.abs i16x8.neg i32x4.abs i32x4.neg i64x2.abs i64x2.neg
         i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u
         i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u i32x4.extend_high_i16x8_u
         i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u i64x2.extend_high_i32x4_u
         i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u i32x4.extadd_pairwise_i16x8_s
         i32x4.extadd_pairwise_i16x8_u f32x4.abs f32x4.neg f32x4.sqrt f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest
         f64x2.abs f64x2.neg f64x2.sqrt f64x2.ceil f64x2.floor f64x2.trunc f64x2.nearest
         i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero
         f32x4.convert_i32x4_s f32x4.convert_i32x4_u f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u
         f32x4.demote_f64x2_zero f64x2.promote_low_f32x4 i32x4.relaxed_trunc_f32x4_s i32x4.relaxed_trunc_f32x4_u
         i32x4.relaxed_trunc_f64x2_s_zero i32x4.relaxed_trunc_f64x2_u_zero",
    ),
    (
        "v128 v128 -> v128",
        "v128.and v128.andnot v128.or v128.xor i8x16.add i8x16.add_sat_s i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s
         i8x16.sub_sat_u i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u i8x16.avgr_u i8x16.narrow_i16x8_s
         i8x16.narrow_i16x8_u i8x16.swizzle i8x16.relaxed_swizzle i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub
         i16x8.sub_sat_s i16x8.sub_sat_u i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u i16x8.avgr_u
         i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u i16x8.q15mulr_sat_s i16x8.relaxed_q15mulr_s
         i16x8.relaxed_dot_i8x16_i7x16_s i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s i16x8.extmul_low_i8x16_u
         i16x8.extmul_high_i8x16_u i32x4.add i32x4.sub i32x4.mul i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u
         i32x4.dot_i16x8_s i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u
         i32x4.extmul_high_i16x8_u i64x2.add i64x2.sub i64x2.mul i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_s
         i64x2.extmul_low_i32x4_u i64x2.extmul_high_i32x4_u
         i8x16.eq i8x16.ne i8x16.lt_s i8x16.lt_u i8x16.gt_s i8x16.gt_u i8x16.le_s i8x16.le_u i8x16.ge_s i8x16.ge_u
         i16x8.eq i16x8.ne i16x8.lt_s i16x8.lt_u i16x8.gt_s i16x8.gt_u i16x8.le_s i16x8.le_u i16x8.ge_s i16x8.ge_u
         i32x4.eq i32x4.ne i32x4.lt_s i32x4.lt_u i32x4.gt_s i32x4.gt_u i32x4.le_s i32x4.le_u i32x4.ge_s i32x4.ge_u
         i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s
         f32x4.eq f32x4.ne f32x4.lt f32x4.gt f32x4.le f32x4.ge f64x2.eq f64x2.ne f64x2.lt f64x2.gt f64x2.le f64x2.ge
         f32x4.add f32x4.sub f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax f32x4.relaxed_min
         f32x4.relaxed_max f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin f64x2.pmax
         f64x2.relaxed_min f64x2.relaxed_max",
    ),
    (
        "v128 v128 v128 -> v128",
        "v128.bitselect i8x16.relaxed_laneselect i16x8.relaxed_laneselect i32x4.relaxed_laneselect
         i64x2.relaxed_laneselect f32x4.relaxed_madd f32x4.relaxed_nmadd f64x2.relaxed_madd f64x2.relaxed_nmadd
         i32x4.relaxed_dot_i8x16_i7x16_add_s",
    ),
    (
        "v128 i32 -> v128",
        "i8x16.shl i8x16.shr_s i8x16.shr_u i16x8.shl i16x8.shr_s i16x8.shr_u i32x4.shl i32x4.shr_s i32x4.shr_u
         i64x2.shl i64x2.shr_s i64x2.shr_u",
    ),
    (
        "v128 -> i32",
        "v128.any_true i8x16.all_true i16x8.all_true i32x4.all_true i64x2.all_true i8x16.bitmask i16x8.bitmask
         i32x4.bitmask i64x2.bitmask",
    ),
    ("i32 -> v128", "i8x16.splat i16x8.splat i32x4.splat"),
    ("i64 -> v128", "i64x2.splat"),
    ("f32 -> v128", "f32x4.splat"),
    ("f64 -> v128", "f64x2.splat"),
    (
        "i32 -> i32",
        "i32.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u i32.atomic.load i32.atomic.load8_u
         i32.atomic.load16_u memory.grow",
    ),
    (
        "i32 -> i64",
        "i64.load i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u i64.atomic.load
         i64.atomic.load8_u i64.atomic.load16_u i64.atomic.load32_u",
    ),
    ("i32 -> f32", "f32.load"),
    ("i32 -> f64", "f64.load"),
    (
        "i32 -> v128",
        "v128.load v128.load8x8_s v128.load8x8_u v128.load16x4_s v128.load16x4_u v128.load32x2_s v128.load32x2_u
         v128.load8_splat v128.load16_splat v128.load32_splat v128.load64_splat v128.load32_zero v128.load64_zero",
    ),
    ("i32 i32 ->", "i32.store i32.store8 i32.store16 i32.atomic.store i32.atomic.store8 i32.atomic.store16"),
    (
        "i32 i64 ->",
        "i64.store i64.store8 i64.store16 i64.store32 i64.atomic.store i64.atomic.store8 i64.atomic.store16
         i64.atomic.store32",
    ),
    ("i32 f32 ->", "f32.store"),
    ("i32 f64 ->", "f64.store"),
    ("i32 v128 ->", "v128.store"),
    (
        "i32 i32 -> i32",
        "i32.atomic.rmw.add i32.atomic.rmw8.add_u i32.atomic.rmw16.add_u i32.atomic.rmw.sub i32.atomic.rmw8.sub_u
         i32.atomic.rmw16.sub_u i32.atomic.rmw.and i32.atomic.rmw8.and_u i32.atomic.rmw16.and_u i32.atomic.rmw.or
         i32.atomic.rmw8.or_u i32.atomic.rmw16.or_u i32.atomic.rmw.xor i32.atomic.rmw8.xor_u i32.atomic.rmw16.xor_u
         i32.atomic.rmw.xchg i32.atomic.rmw8.xchg_u i32.atomic.rmw16.xchg_u memory.atomic.notify",
    ),
    (
        "i32 i64 -> i64",
        "i64.atomic.rmw.add i64.atomic.rmw8.add_u i64.atomic.rmw16.add_u i64.atomic.rmw32.add_u i64.atomic.rmw.sub
         i64.atomic.rmw8.sub_u i64.atomic.rmw16.sub_u i64.atomic.rmw32.sub_u i64.atomic.rmw.and i64.atomic.rmw8.and_u
         i64.atomic.rmw16.and_u i64.atomic.rmw32.and_u i64.atomic.rmw.or i64.atomic.rmw8.or_u i64.atomic.rmw16.or_u
         i64.atomic.rmw32.or_u i64.atomic.rmw.xor i64.atomic.rmw8.xor_u i64.atomic.rmw16.xor_u
         i64.atomic.rmw32.xor_u i64.atomic.rmw.xchg i64.atomic.rmw8.xchg_u i64.atomic.rmw16.xchg_u
         i64.atomic.rmw32.xchg_u",
    ),
    ("i32 i32 i32 -> i32", "i32.atomic.rmw.cmpxchg i32.atomic.rmw8.cmpxchg_u i32.atomic.rmw16.cmpxchg_u"),
    (
        "i32 i64 i64 -> i64",
        "i64.atomic.rmw.cmpxchg i64.atomic.rmw8.cmpxchg_u i64.atomic.rmw16.cmpxchg_u i64.atomic.rmw32.cmpxchg_u",
    ),
    ("i32 i32 i64 -> i32", "memory.atomic.wait32"),
    ("i32 i64 i64 -> i32", "memory.atomic.wait64"),
    ("i32 i32 i32 ->", "memory.copy memory.fill"),
    ("-> i32", "memory.size"),
    ("->", "atomic.fence unreachable nop"),
    ("funcref -> i32", "ref.is_null"),
];

/// Signature, then an operator with immediates.
const WITH_IMMEDIATES: &[(&str, &str)] = &[
    ("v128 v128 -> v128", "i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 31"),
    ("v128 -> i32", "i8x16.extract_lane_s 15"),
    ("v128 -> i32", "i8x16.extract_lane_u 0"),
    ("v128 -> i32", "i16x8.extract_lane_s 7"),
    ("v128 -> i32", "i16x8.extract_lane_u 3"),
    ("v128 -> i32", "i32x4.extract_lane 3"),
    ("v128 -> i64", "i64x2.extract_lane 1"),
    ("v128 -> f32", "f32x4.extract_lane 2"),
    ("v128 -> f64", "f64x2.extract_lane 1"),
    ("v128 i32 -> v128", "i8x16.replace_lane 9"),
    ("v128 i32 -> v128", "i16x8.replace_lane 5"),
    ("v128 i32 -> v128", "i32x4.replace_lane 0"),
    ("v128 i64 -> v128", "i64x2.replace_lane 1"),
    ("v128 f32 -> v128", "f32x4.replace_lane 3"),
    ("v128 f64 -> v128", "f64x2.replace_lane 0"),
    ("i32 v128 -> v128", "v128.load8_lane 3"),
    ("i32 v128 -> v128", "v128.load16_lane 7"),
    ("i32 v128 -> v128", "v128.load32_lane offset=9 1"),
    ("i32 v128 -> v128", "v128.load64_lane 0"),
    ("i32 v128 ->", "v128.store8_lane 3"),
    ("i32 v128 ->", "v128.store16_lane 7"),
    ("i32 v128 ->", "v128.store32_lane offset=9 1"),
    ("i32 v128 ->", "v128.store64_lane 0"),
    ("i32 -> i64", "i64.load offset=0x7fffffff"),
    ("i32 -> i64", "i64.load offset=0xffffffff"),
    ("i32 i64 i64 -> i64", "i64.atomic.rmw32.cmpxchg_u offset=12"),
    ("i32 -> funcref", "table.get 0"),
    ("i32 funcref ->", "table.set 0"),
    ("-> i32", "table.size 0"),
    ("funcref i32 -> i32", "table.grow 0"),
    ("i32 funcref i32 ->", "table.fill 0"),
    ("i32 i32 i32 ->", "table.copy 0 0"),
    ("i32 i32 i32 ->", "table.init 0 $elements"),
    ("->", "elem.drop $elements"),
    ("i32 i32 i32 ->", "memory.init $data"),
    ("->", "data.drop $data"),
    ("-> funcref", "ref.func $callee"),
    ("-> v128", "v128.const i64x2 1 -1"),
    ("-> f32", "f32.const nan:0x200000"),
    ("-> f64", "f64.const -0x1p-1022"),
    ("-> funcref", "ref.null func"),
    ("-> i32", "global.get $i32"),
    ("i32 ->", "global.set $i32"),
    ("-> v128", "global.get $v128"),
    ("v128 ->", "global.set $v128"),
    ("-> i64", "global.get $imported"),
    ("i64 ->", "global.set $imported"),
    ("i32 i64 -> i64", "call $callee"),
    ("i32 i64 -> i64", "return_call $callee"),
    ("i32 i64 -> i64", "call $import"),
    ("i32 i64 -> i64", "return_call $import"),
    ("i32 i64 i32 -> i64", "call_indirect (type $type)"),
    ("i32 i64 i32 -> i64", "return_call_indirect (type $type)"),
    ("i32 i64 i32 -> i64", "call_indirect $fixed (type $type)"),
    ("i32 i64 (ref null $type) -> i64", "call_ref $type"),
    ("i32 i64 (ref null $type) -> i64", "return_call_ref $type"),
    ("(ref null $type) -> (ref $type)", "ref.as_non_null"),
    ("i64 f32 v128 ->", "throw $values"),
    ("exnref ->", "throw_ref"),
    ("i32 i64 -> i64", "try_table (param i32 i64) (result i64) (catch $one 0) call $callee end"),
    ("i32 i64 -> i64", "try (param i32 i64) (result i64) call $callee catch $one catch_all rethrow 0 end"),
    ("i32 i64 -> i64", "try (param i32 i64) (result i64) call $callee delegate 0"),
];

const DECLARATIONS: &str = r#"
    (type $type (func (param i32 i64) (result i64)))
    (import "m" "import" (func $import (type $type)))
    (import "m" "global" (global $imported (mut i64)))
    (tag $values (param i64 f32 v128))
    (tag $one (param i64))
    (memory $memory 1 100 shared)
    (memory $wide i64 1)
    (table $table 10 funcref)
    (table $fixed 10 10 funcref)
    (global $i32 (mut i32) (i32.const 1))
    (global $v128 (mut v128) (v128.const i64x2 0 0))
    (elem $elements func $callee)
    (data $data "abc")
    (func $callee (type $type) local.get 1)
"#;

/// The types of a list, which may hold parenthesised ones.
fn types(list: &str) -> Vec<String> {
    let mut types: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in list.split_whitespace() {
        if is_open {
            let last = types.last_mut().expect("something is open");
            last.push(' ');
            last.push_str(word);
        } else {
            types.push(word.to_owned());
        }
        is_open = (is_open || word.starts_with('(')) && !word.ends_with(')');
    }
    types
}

fn function(signature: &str, operator: &str) -> String {
    let (params, results) = signature.split_once("->").expect("an arrow");
    let (params, results) = (types(params), types(results));
    let operands: String = (0..params.len()).map(|index| format!(" local.get {index}")).collect();
    format!("(func (param {}) (result {}){operands} {operator})\n", params.join(" "), results.join(" "))
}

/// A module with a function for each operator.
pub fn every_operator() -> Vec<u8> {
    let mut text = format!("(module {DECLARATIONS}\n");
    for (signature, operators) in PLAIN {
        for operator in operators.split_whitespace() {
            text.push_str(&function(signature, operator));
        }
    }
    for (signature, operator) in WITH_IMMEDIATES {
        text.push_str(&function(signature, operator));
    }
    text.push(')');
    module(&text)
}

/// A module with a function for each access to a 64-bit memory, near and far.
fn wide_memories() -> Vec<u8> {
    let mut text = "(module (memory i64 1)".to_owned();
    for (signature, operators) in PLAIN {
        for operator in operators.split_whitespace().filter(|name| name.contains("load") || name.contains("store")) {
            let signature = signature.replacen("i32", "i64", 1);
            text.push_str(&function(&signature, &format!("{operator} offset=0x123456789abcdef0")));
            text.push_str(&function(&signature, operator));
        }
    }
    text.push(')');
    module(&text)
}

/// Every operator compiles, and refers to nothing but functions of the module.
///
/// # Panics
/// If one does not.
pub fn all_compile(compiler: &dyn Compiler) {
    let output = compile(compiler, &every_operator());
    assert!(output.definitions.len() > 400);
    for reloc in &output.relocs {
        assert!(output.definitions.iter().any(|definition| definition.symbol == reloc.target), "{:?}", reloc.target);
    }
    assert!(compile(compiler, &wide_memories()).definitions.len() > 80);
}

/// The same input gives the same output, whatever the worker has compiled before.
///
/// # Panics
/// If it does not.
pub fn output_is_deterministic(compiler: &dyn Compiler) {
    let wasm = every_operator();
    let other = module(
        "(module (memory 1) (func (param f64 v128) (result i32) (loop (br_if 0 (i32.load (i32.const 9)))) memory.size))",
    );
    let first = compile(compiler, &wasm);
    assert_same(&compile(compiler, &wasm), &first);
    let mut worker = compiler.worker();
    compile_by(&mut *worker, &other);
    assert_same(&compile_by(&mut *worker, &wasm), &first);
}

/// A function is compiled alone to what it is among others, but for where it is: lazy compiling relies on that.
///
/// # Panics
/// If it is not.
pub fn functions_are_the_same_alone(compiler: &dyn Compiler) {
    let wasm = every_operator();
    let all = compile(compiler, &wasm);
    let translation = translate_module(&wasm, default_features()).expect("the module is valid");
    for function in translation.functions {
        let index = function.index;
        let mut alone = Output::default();
        let batch = &mut Batch { module: &translation.info, functions: &mut std::iter::once(function) };
        compiler.worker().functions(batch, &mut alone).expect("it compiles among others");
        let ((among, padding), (alone, _)) = (part_of(&all, index), part_of(&alone, index));
        assert_same(&among, &alone);
        assert!(padding.len() < Output::ALIGN, "function {}", index.0);
    }
}

/// What an output has of a function, with offsets from its start, and what is between its code and the next one's.
fn part_of(output: &Output, index: DefinedFuncIdx) -> (Output, &[u8]) {
    let at = output.definitions.iter().position(|it| it.symbol == Symbol::Function(index)).expect("it is there");
    let definition = output.definitions[at];
    let next = output.definitions[at + 1..].iter().find(|it| matches!(it.symbol, Symbol::Function(_)));
    let (start, end) = (definition.offset, next.map_or(output.text.len() as u32, |next| next.offset));
    let has = |offset: u32| (start..end).contains(&offset);
    let mut part =
        Output { text: output.text[start as usize..(start + definition.len) as usize].to_vec(), ..Output::default() };
    part.relocs
        .extend(output.relocs.iter().filter(|it| has(it.offset)).map(|it| Reloc { offset: it.offset - start, ..*it }));
    part.traps.extend(
        output.traps.iter().filter(|it| has(it.offset)).map(|it| TrapSite { offset: it.offset - start, ..*it }),
    );
    let locations = output.locations.iter().filter(|it| has(it.offset));
    part.locations.extend(locations.map(|it| CodeLocation { offset: it.offset - start, ..*it }));
    let handlers = output.handlers.iter().filter(|it| has(it.landing));
    part.handlers.extend(handlers.map(|it| Handler {
        return_address: it.return_address - start,
        landing: it.landing - start,
        ..*it
    }));
    (part, &output.text[(start + definition.len) as usize..end as usize])
}

/// A function that turns out to be invalid is an error, and leaves the output as it was.
///
/// # Panics
/// If it does not.
pub fn an_invalid_function_leaves_nothing_behind(compiler: &dyn Compiler) {
    // The second body lacks a result.
    let mut wasm = module(
        "(module (func (result i32) i32.const 1) (func (result i32) (block (try_table (catch_all 0) (drop (call 0))))
            (i32.store8 (i32.const 1) (i32.const 2)) i32.const 1) (memory 1))",
    );
    let position = wasm.len() - 3;
    assert_eq!(wasm[position..], [0x41, 1, 0x0b]);
    wasm[position..].copy_from_slice(&[0x01, 0x01, 0x0b]);
    let translation = translate_module(&wasm, default_features()).expect("bodies are validated later");
    let mut functions = translation.functions.into_iter();
    let mut output = Output::default();
    let first = &mut functions.next().into_iter();
    let mut worker = compiler.worker();
    worker.functions(&mut Batch { module: &translation.info, functions: first }, &mut output).expect("valid");
    let before = output.clone();
    worker
        .functions(&mut Batch { module: &translation.info, functions: &mut functions }, &mut output)
        .expect_err("a value is missing");
    assert_same(&output, &before);
}
