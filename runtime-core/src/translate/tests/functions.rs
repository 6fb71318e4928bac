//! What functions become, call by call.

use wasmparser::WasmFeatures;

use super::{binary, calls, check_both};
use crate::compiler::CompileError;
use crate::layout::MEMORY_GUARD_BYTES;
use crate::translate::codegen::{Bounds, MemoryRef, Region};
use crate::translate::memory::bounds;
use crate::translate::module::{default_features, translate_module};
use crate::types::*;

/// Compares calls with a text whose lines are indented.
#[track_caller]
pub(super) fn expect(text: &str, expected: &str) {
    let expected: Vec<_> = expected.trim().lines().map(str::trim).collect();
    let calls = calls(text);
    let calls: Vec<_> = calls.lines().collect();
    assert_eq!(calls, expected, "\n{}\n", calls.join("\n"));
}

#[test]
fn arithmetic() {
    expect(
        "(module (func (param i32 i32) (result i32) (local f64)
            local.get 0 local.get 1 i32.add i32.const 7 i32.div_s local.tee 0))",
        "begin [I32, I32] -> [I32] [I32, I32, F64]
        v0 = local.get 0
        v1 = local.get 1
        v2 = Add W32 v0 v1
        v3 = I32(7)
        v4 = DivS W32 v2 v3
        v5 = local.tee 0 v4
        end v5
        return v5",
    );
}

#[test]
fn wide_arithmetic_has_two_results() {
    expect(
        "(module (func (param i64 i64) (result i64 i64) local.get 0 local.get 1 i64.mul_wide_u))",
        "begin [I64, I64] -> [I64, I64] [I64, I64]
        v0 = local.get 0
        v1 = local.get 1
        v2 v3 = MulWideU v0 v1
        end v2 v3
        return v2 v3",
    );
}

#[test]
fn select_learns_its_type() {
    expect(
        "(module (func (param f32 i32) (result f32) local.get 0 local.get 0 local.get 1 select))",
        "begin [F32, I32] -> [F32] [F32, I32]
        v0 = local.get 0
        v1 = local.get 0
        v2 = local.get 1
        v3 = select F32 v0 v1 v2
        end v3
        return v3",
    );
}

#[test]
fn if_with_params_and_both_arms() {
    expect(
        "(module (func (param i32) (result i32)
            i32.const 5 local.get 0
            if (param i32) (result i32) i32.clz else i32.ctz end))",
        "begin [I32] -> [I32] [I32]
        v0 = I32(5)
        v1 = local.get 0
        condition v1
        If [I32] -> [I32] v0
        v2 = Clz W32 v0
        else
        v4 = Ctz W32 v3
        end v5
        end v5
        return v5",
    );
}

#[test]
fn if_without_else_passes_its_params_on() {
    expect(
        "(module (func (param i32) (result i32)
            i32.const 5 local.get 0
            if (param i32) (result i32) br 1 end))",
        "begin [I32] -> [I32] [I32]
        v0 = I32(5)
        v1 = local.get 0
        condition v1
        If [I32] -> [I32] v0
        br 0 v0
        else
        end v2
        end v3
        return v3",
    );
}

#[test]
fn loops_replace_their_params() {
    expect(
        "(module (func (param i32)
            local.get 0
            loop (param i32) i32.const 1 i32.sub local.tee 0 local.get 0 br_if 0 drop end))",
        "begin [I32] -> [] [I32]
        v0 = local.get 0
        Loop [I32] -> [] v0
        v2 = I32(1)
        v3 = Sub W32 v1 v2
        v4 = local.tee 0 v3
        v5 = local.get 0
        br_if 1 v4 when v5
        drop v4
        end
        end
        return",
    );
}

#[test]
fn code_behind_an_endless_loop_is_dead() {
    expect(
        "(module (func (result i32) loop br 0 end i32.const 1 i32.const 2 i32.add))",
        "begin [] -> [I32] []
        Loop [] -> []
        br 1
        end dead
        end dead",
    );
}

#[test]
fn br_table_names_frames() {
    expect(
        "(module (func (param i32) (result i32)
            block (result i32) block (result i32)
                i32.const 9 local.get 0 br_table 0 1 2 0
            end end))",
        "begin [I32] -> [I32] [I32]
        Block [] -> [I32]
        Block [] -> [I32]
        v0 = I32(9)
        v1 = local.get 0
        br_table [2, 1, 0] 2 v0 by v1
        end v2
        end v3
        end v4
        return v4",
    );
}

#[test]
fn nothing_is_called_in_dead_code() {
    expect(
        "(module (func (param i32) (result i32)
            block (result i32)
                i32.const 1 br 0
                i32.const 0 block loop i32.const 1 if nop else br 1 end end end
                local.get 0 if (result i32) i32.const 2 else i32.const 3 end
                i32.add i32.add
            end
            return
            block (result i32) i32.const 4 br 0 end))",
        "begin [I32] -> [I32] [I32]
        Block [] -> [I32]
        v0 = I32(1)
        br 1 v0
        end v1
        return v1
        end dead",
    );
}

#[test]
fn else_revives_dead_code() {
    expect(
        "(module (func (param i32) (result i32)
            local.get 0 if (result i32) unreachable else i32.const 2 end))",
        "begin [I32] -> [I32] [I32]
        v0 = local.get 0
        condition v0
        If [] -> [I32]
        trap Unreachable
        else
        v1 = I32(2)
        end v1
        end v1
        return v1",
    );
}

#[test]
fn an_arm_that_falls_through_keeps_the_end_live() {
    expect(
        "(module (func (param i32) (result i32)
            local.get 0 if (result i32) i32.const 2 else unreachable end))",
        "begin [I32] -> [I32] [I32]
        v0 = local.get 0
        condition v0
        If [] -> [I32]
        v1 = I32(2)
        else
        trap Unreachable
        end v2
        end v2
        return v2",
    );
}

#[test]
fn calls_of_all_kinds() {
    expect(
        "(module
            (import \"m\" \"f\" (func $f (param i32) (result i32 i64)))
            (type $t (func (param i64) (result i32)))
            (table 4 4 funcref)
            (func $g (param i64) (result i32) unreachable)
            (func (param (ref $t)) (result i32)
                i32.const 1 call $f
                i32.const 3 call_indirect (type $t) drop drop
                i64.const 4 local.get 0 call_ref $t drop
                i64.const 5 call $g))",
        "begin [Ref] -> [I32] [Ref]
        v0 = I32(1)
        [1, 2] = call import0 v0
        v3 = I32(3)
        [4] = call table0[v3] type0 v2
        drop v4
        drop v1
        v5 = I64(4)
        v6 = local.get 0
        [7] = call ref v6 type0 v5
        drop v7
        v8 = I64(5)
        [9] = call func0 v8
        end v9
        return v9",
    );
}

#[test]
fn tail_calls_end_the_flow() {
    expect(
        "(module
            (type $t (func (param i32) (result i32)))
            (table i64 1 funcref)
            (func (param i32) (result i32)
                local.get 0 if local.get 0 i64.const 0 return_call_indirect (type $t) end
                local.get 0 return_call 0))",
        "begin [I32] -> [I32] [I32]
        v0 = local.get 0
        condition v0
        If [] -> []
        v1 = local.get 0
        v2 = I64(0)
        return_call table0[v2] type0 v1
        else
        end
        v3 = local.get 0
        return_call func0 v3
        end dead",
    );
}

#[test]
fn references_branch() {
    expect(
        "(module (type $t (func)) (func (param (ref null $t)) (result (ref $t))
            block $null
                local.get 0 br_on_null $null
                br_on_non_null 1
            end
            block $some (result (ref $t)) local.get 0 br_on_non_null $some unreachable end
            ref.as_non_null))",
        "begin [Ref] -> [Ref] [Ref]
        Block [] -> []
        v0 = local.get 0
        v1 = br_on_null 1
        br_on_non_null 0 v1
        end
        Block [] -> [Ref]
        v2 = local.get 0
        br_on_non_null 1 v2
        trap Unreachable
        end v3
        v4 = ref.as_non_null v3
        end v5
        return v5",
    );
}

#[test]
fn memories_and_their_checks() {
    expect(
        "(module (memory 1) (memory i64 1) (func (param i32 i64) (result f64)
            local.get 0 i32.load offset=16
            drop
            local.get 1 local.get 0 i32.store8 1 offset=0x1_0000_0000
            local.get 1 i64.load32_s 1 offset=0xffff_ffff_ffff_fffe drop
            local.get 0 f64.load offset=0x4000_0000))",
        "begin [I32, I64] -> [F64] [I32, I64]
        v0 = local.get 0
        v1 = load I32 mem0+16 v0
        drop v1
        v2 = local.get 1
        v3 = local.get 0
        store Int8 { from: W32 } mem1+4294967296 check 4294967297 v2 v3
        v4 = local.get 1
        v5 = load Int32 { signed: true } mem1+18446744073709551614 always traps v4
        drop v5
        v6 = local.get 0
        v7 = load F64 mem0+1073741824 check 1073741832 v6
        end v7
        return v7",
    );
}

#[test]
fn rare_operators_are_libcalls() {
    expect(
        "(module (memory 1) (memory i64 1) (table 1 externref) (data \"x\") (func (param i32 i64)
            local.get 1 local.get 0 local.get 0 memory.copy 1 0
            local.get 0 memory.grow 0 drop
            local.get 1 memory.grow 1 drop
            local.get 1 local.get 0 local.get 1 memory.fill 1
            local.get 0 local.get 0 local.get 0 memory.init 0
            ref.null extern local.get 0 table.grow 0 drop
            table.size drop
            local.get 0 local.get 0 table.get 0 table.set 0
            data.drop 0))",
        "begin [I32, I64] -> [] [I32, I64]
        v0 = local.get 1
        v1 = local.get 0
        v2 = local.get 0
        memory_copy[1, 0] v0 v1 v2
        v3 = local.get 0
        v4 = memory_grow[0] v3
        drop v4
        v5 = local.get 1
        v6 = memory_grow[1] v5
        drop v6
        v7 = local.get 1
        v8 = local.get 0
        v9 = local.get 1
        memory_fill[1] v7 v8 v9
        v10 = local.get 0
        v11 = local.get 0
        v12 = local.get 0
        memory_init[0, 0] v10 v11 v12
        v13 = Null
        v14 = local.get 0
        v15 = table_grow[0] v13 v14
        drop v15
        v16 = table_size[0]
        drop v16
        v17 = local.get 0
        v18 = local.get 0
        v19 = table_get[0] v18
        table_set[0] v17 v19
        data_drop[0]
        end
        return",
    );
}

#[test]
fn atomics_are_aligned() {
    expect(
        "(module (memory 1 1 shared) (memory i64 1) (func (param i32 i64)
            local.get 0 local.get 1 i64.atomic.rmw16.add_u offset=2 drop
            local.get 0 local.get 0 local.get 0 i32.atomic.rmw.cmpxchg drop
            local.get 1 local.get 0 memory.atomic.notify 1 offset=8 drop
            local.get 0 local.get 1 local.get 1 memory.atomic.wait64 offset=8 drop
            atomic.fence))",
        "begin [I32, I64] -> [] [I32, I64]
        v0 = local.get 0
        v1 = local.get 1
        v2 = atomic Add mem0+2 aligned 2 v0 v1
        drop v2
        v3 = local.get 0
        v4 = local.get 0
        v5 = local.get 0
        v6 = atomic cmpxchg mem0+0 aligned 4 v3 v4 v5
        drop v6
        v7 = local.get 1
        v8 = local.get 0
        v9 = atomic_notify[524289] v7 v8
        drop v9
        v10 = local.get 0
        v11 = local.get 1
        v12 = local.get 1
        v13 = atomic_wait64[524288] v10 v11 v12
        drop v13
        fence
        end
        return",
    );
}

#[test]
fn vectors() {
    expect(
        "(module (memory 1) (func (param i32) (result v128)
            local.get 0 v128.load16x4_u offset=3
            local.get 0 i8x16.splat
            i16x8.extmul_high_i8x16_s
            local.get 0 i32x4.shr_u
            local.get 0 v128.const i64x2 1 2 v128.load32_lane 3
            f64x2.pmax
            i64x2.extract_lane 1 i64x2.splat))",
        "begin [I32] -> [V128] [I32]
        v0 = local.get 0
        v1 = load Extend { to: I32x4, signed: false } mem0+3 v0
        v2 = local.get 0
        v3 = splat Int(I8x16) v2
        v4 = Extmul { to: I16x8, high: true, signed: true } v1 v3
        v5 = local.get 0
        v6 = ShrU I32x4 v4 v5
        v7 = local.get 0
        v8 = V128(36893488147419103233)
        v9 = load_lane 4 3 mem0+0 v7 v8
        v10 = simd Pmax W64 v6 v9
        v11 = extract Int(I64x2) 1 u v10
        v12 = splat Int(I64x2) v11
        end v12
        return v12",
    );
}

#[test]
fn bounds_are_decided_at_their_edges() {
    let memory = |width, page_size_log2| MemoryRef {
        region: Region::Memory(MemoryIdx(0)),
        base_offset: 32,
        definition_offset: 40,
        width,
        page_size_log2,
    };
    let small = memory(Width::W32, 16);
    assert_eq!(bounds(&small, MEMORY_GUARD_BYTES - 8, 8), Bounds::Elided);
    assert_eq!(bounds(&small, MEMORY_GUARD_BYTES - 7, 8), Bounds::Explicit { end_offset: MEMORY_GUARD_BYTES + 1 });
    assert_eq!(bounds(&small, u32::MAX.into(), 1), Bounds::Explicit { end_offset: 1 << 32 });
    assert_eq!(bounds(&small, u32::MAX.into(), 2), Bounds::AlwaysTraps);
    assert_eq!(bounds(&memory(Width::W32, 0), 0, 1), Bounds::Explicit { end_offset: 1 });
    let large = memory(Width::W64, 16);
    assert_eq!(bounds(&large, 0, 1), Bounds::Explicit { end_offset: 1 });
    assert_eq!(bounds(&large, u64::MAX - 8, 8), Bounds::Explicit { end_offset: u64::MAX });
    assert_eq!(bounds(&large, u64::MAX - 7, 8), Bounds::AlwaysTraps);
}

#[test]
fn a_large_br_table_is_not_quadratic() {
    let targets = "0 1 ".repeat(200_000);
    let calls = calls(&format!("(module (func (param i32) block block local.get 0 br_table {targets} 0 end end))"));
    assert!(calls.contains("br_table [2, 1, 2, 1"));
}

#[test]
fn moved_operands_are_limited() {
    let (params, constants, drops) = ("i32 ".repeat(1000), "i32.const 0 ".repeat(1000), "drop ".repeat(1000));
    let blocks = |count| {
        let (open, close) = ("block (type $t) ".repeat(count), "end ".repeat(count));
        format!("(type $t (func (param {params}) (result {params}))) (func {constants} {open} {close} {drops})")
    };
    let calls = |count| {
        let calls = "call 0 ".repeat(count);
        format!("(func (param {params}) (result {params}) unreachable) (func $many {constants} {calls} {drops})")
    };
    // Functions that are small each.
    let functions = |params: &str, body: &str, count| format!("(func (param {params}) {body})").repeat(count);
    let locals = format!("(local {})", "i64 ".repeat(1000));
    let cases = [
        (blocks(60), blocks(80)),
        (calls(60), calls(80)),
        (functions(&params, "", 120), functions(&params, "", 140)),
        (functions("", &locals, 120), functions("", &locals, 140)),
    ];
    for (within, beyond) in cases {
        assert!(check_both(&binary(&format!("(module {within})")), default_features()).is_ok(), "{:.100}", within);
        let error = translate_all(&binary(&format!("(module {beyond})"))).expect_err("140,000 operands in little code");
        assert!(matches!(error, CompileError::Limit(_)), "{error}");
        let named = ["function 0", "function 1", "function 131"].iter().any(|name| error.to_string().contains(name));
        assert!(named && error.to_string().contains("hint: "), "{error}");
    }
    // As much code beside it carries as many again.
    let code = "i32.const 0 drop ".repeat(20_000);
    let long = format!(
        "(module (func (param {params}) (result {params}) unreachable) (func {code} {constants} {} {drops}))",
        "call 0 ".repeat(100)
    );
    translate_all(&binary(&long)).expect("60,000 bytes of code, 200,000 operands");
}

/// Translates all functions.
fn translate_all(wasm: &[u8]) -> Result<(), CompileError> {
    let translation = translate_module(wasm, default_features())?;
    for input in translation.functions {
        let mut nothing = super::checker::Checker::<u32>::new();
        crate::translate::func::FuncTranslator::new().translate(&translation.info, input, &mut nothing)?;
    }
    Ok(())
}

#[test]
fn refused_operators_are_named() {
    let wasm = binary("(module (func (drop (ref.i31_shared (i32.const 1)))))");
    let error = check_both(&wasm, default_features() | WasmFeatures::SHARED_EVERYTHING_THREADS).expect_err("refused");
    assert!(error.to_string().starts_with("operator `ref_i31_shared` is not supported by this runtime"), "{error}");
    let wasm = binary("(module (func (drop (ref.i31 (i32.const 1)))))");
    let error = check_both(&wasm, default_features().difference(WasmFeatures::GC)).expect_err("switched off");
    assert!(matches!(&error, CompileError::Disabled { features, .. } if features == &["gc"]), "{error}");
    let wasm = binary("(module (tag $e) (func throw $e))");
    let error = check_both(&wasm, default_features().difference(WasmFeatures::EXCEPTIONS)).expect_err("switched off");
    assert!(matches!(&error, CompileError::Disabled { features, .. } if features == &["exceptions"]), "{error}");
}

#[test]
fn invalid_bodies_are_errors() {
    for (body, message) in [
        ("i32.const 1 i64.const 2 i32.add drop", "type mismatch"),
        ("local.get 3 drop", "unknown local"),
        ("br 2", "unknown label"),
        ("unreachable i64.const 0 i32.eqz drop", "type mismatch"),
        ("i32.const 0", "type mismatch: values remaining on stack"),
    ] {
        let error = check_both(&binary(&format!("(module (func {body}))")), default_features()).expect_err(body);
        assert!(matches!(&error, CompileError::Invalid { message: m, .. } if m.contains(message)), "{body}: {error}");
    }
}
