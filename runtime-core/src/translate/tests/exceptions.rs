//! What operators of both encodings of exceptions become.

use super::functions::expect;

const TAGS: &str = "(tag $a (param i32 f64)) (tag $b) (func $f (param i32))";

#[test]
fn clauses_are_tried_in_order() {
    expect(
        &format!(
            "(module {TAGS} (func (export \"\") (param i32)
            (block $all (block $one (result i32 f64)
                (try_table (catch $b $all) (catch $a $one) (catch_all $all) (call $f (local.get 0)))
                (return))
            drop drop)))"
        ),
        "begin [I32] -> [] [I32]
        Block [] -> []
        Block [] -> [I32, F64]
        Try [] -> []
        v0 = local.get 0
        [] = call func0 v0
        landing
        v1 = caught tag 1
        condition v1
        If [] -> []
        br 1
        else
        end
        v2 = caught tag 0
        condition v2
        If [] -> []
        v3 = caught 0
        v4 = caught 1
        br 2 v3 v4
        else
        end
        br 1
        end
        return
        end v5 v6
        drop v6
        drop v5
        end
        end
        return",
    );
}

#[test]
fn references_stand_behind_the_values() {
    expect(
        &format!(
            "(module {TAGS} (func (export \"\") (param i32)
            (block $one (result i32 f64 exnref)
                (i64.const 7)
                (try_table (param i64) (catch_ref $a $one) (drop) (call $f (local.get 0)))
                (return))
            throw_ref))"
        ),
        "begin [I32] -> [] [I32]
        Block [] -> [I32, F64, Ref]
        v0 = I64(7)
        Try [I64] -> [] v0
        drop v0
        v1 = local.get 0
        [] = call func0 v1
        landing
        v2 = caught tag 0
        condition v2
        If [] -> []
        v3 = caught 0
        v4 = caught 1
        Block [] -> [Ref]
        v5 = I64(0)
        v6 = load I64 Caught+48 v5
        v7 = pick v6
        v8 = ref.is_null v7
        v9 = Eqz W32 v8
        br_if 4 v6 when v9
        drop v6
        v10 = caught_ref[]
        end v11
        br 1 v3 v4 v11
        else
        end
        throw_on
        end
        return
        end v12 v13 v14
        v15 = ref.as_non_null NullException v14
        Block [Ref] -> [] v15
        v16 = pick v15
        v17 = I64(0)
        v18 = load I64 Caught+48 v17
        v19 = Eq W64 v16 v18
        br_if 1 when v19
        throw_ref[] v15
        end
        throw_on
        end dead",
    );
}

#[test]
fn a_throw_goes_to_the_innermost_region_that_is_open() {
    expect(
        &format!(
            "(module {TAGS} (func (export \"\")
            (block $out
                (try_table (catch $b $out)
                    (try_table (catch $b $out)
                        (throw $a (i32.const 1) (f64.const 2)))
                    (throw $b)))
            (throw $b)))"
        ),
        "begin [] -> [] []
        Block [] -> []
        Try [] -> []
        Try [] -> []
        v0 = I32(1)
        v1 = F64(4611686018427387904)
        throws 1 v1
        throws 0 v0
        throws tag 0
        throw_on 3
        landing
        v2 = caught tag 1
        condition v2
        If [] -> []
        br 1
        else
        end
        throw_on 2
        end dead
        landing
        v3 = caught tag 1
        condition v3
        If [] -> []
        br 1
        else
        end
        throw_on
        end dead
        end
        throws tag 1
        throw_on
        end dead",
    );
}

#[test]
fn a_region_in_which_nothing_throws_has_no_landing() {
    expect(
        &format!(
            "(module {TAGS} (func (export \"\") (result i32)
            (block $one (result i32 f64)
                (try_table (result i32) (catch $a $one) (i32.const 1))
                (return))
            drop))"
        ),
        "begin [] -> [I32] []
        Block [] -> [I32, F64]
        Try [] -> [I32]
        v0 = I32(1)
        landing dead
        end v1
        return v1
        end dead
        end dead",
    );
}

/// What the legacy encoding becomes.
const LEGACY: &str = "begin [I32] -> [I32] [I32]
        Try [] -> [I32]
        v0 = local.get 0
        [] = call func0 v0
        v1 = I32(5)
        landing
        v2 = caught tag 0
        condition v2
        If [] -> []
        Block [] -> [Ref]
        v3 = I64(0)
        v4 = load I64 Caught+48 v3
        v5 = pick v4
        v6 = ref.is_null v5
        v7 = Eqz W32 v6
        br_if 3 v4 when v7
        drop v4
        v8 = caught_ref[]
        end v9
        v10 = caught 0
        v11 = caught 1
        drop v11
        br 1 v10
        else
        end
        v12 = caught tag 1
        condition v12
        If [] -> []
        Block [] -> [Ref]
        v13 = I64(0)
        v14 = load I64 Caught+48 v13
        v15 = pick v14
        v16 = ref.is_null v15
        v17 = Eqz W32 v16
        br_if 3 v14 when v17
        drop v14
        v18 = caught_ref[]
        end v19
        Try [] -> []
        v20 = pick v19
        v21 = ref.as_non_null NullException v20
        Block [Ref] -> [] v21
        v22 = pick v21
        v23 = I64(0)
        v24 = load I64 Caught+48 v23
        v25 = Eq W64 v22 v24
        br_if 4 when v25
        throw_ref[] v21
        end
        throw_on 3
        landing
        Block [] -> [Ref]
        v26 = I64(0)
        v27 = load I64 Caught+48 v26
        v28 = pick v27
        v29 = ref.is_null v28
        v30 = Eqz W32 v29
        br_if 4 v27 when v30
        drop v27
        v31 = caught_ref[]
        end v32
        v33 = pick v19
        v34 = ref.as_non_null NullException v33
        Block [Ref] -> [] v34
        v35 = pick v34
        v36 = I64(0)
        v37 = load I64 Caught+48 v36
        v38 = Eq W64 v35 v37
        br_if 4 when v38
        throw_ref[] v34
        end
        throw_on
        end dead
        else
        end
        Block [] -> [Ref]
        v39 = I64(0)
        v40 = load I64 Caught+48 v39
        v41 = pick v40
        v42 = ref.is_null v41
        v43 = Eqz W32 v42
        br_if 2 v40 when v43
        drop v40
        v44 = caught_ref[]
        end v45
        v46 = pick v45
        v47 = ref.as_non_null NullException v46
        Block [Ref] -> [] v47
        v48 = pick v47
        v49 = I64(0)
        v50 = load I64 Caught+48 v49
        v51 = Eq W64 v48 v50
        br_if 2 when v51
        throw_ref[] v47
        end
        throw_on
        end v52
        end v52
        return v52";

#[test]
fn the_legacy_encoding_becomes_the_same() {
    expect(
        &format!(
            "(module {TAGS} (func (export \"\") (param i32) (result i32)
            try (result i32)
                local.get 0 call $f i32.const 5
            catch $a
                drop br 0
            catch $b
                try
                    rethrow 1
                catch_all
                    rethrow 1
                end
                i32.const 6
            catch_all
                rethrow 0
            end))"
        ),
        LEGACY,
    );
}

#[test]
fn delegate_skips_regions() {
    expect(
        &format!(
            "(module {TAGS} (func (export \"\")
            try $out
                try
                    try
                        throw $b
                    delegate $out
                catch_all
                end
                try
                    i32.const 1
                    call $f
                delegate 1
            catch $b
            end))"
        ),
        "begin [] -> [] []
        Try [] -> []
        Try [] -> []
        Try [] -> []
        throws tag 1
        throw_on 3
        landing
        throw_on 1
        end dead
        landing dead
        end dead
        landing
        v0 = caught tag 1
        condition v0
        If [] -> []
        Block [] -> [Ref]
        v1 = I64(0)
        v2 = load I64 Caught+48 v1
        v3 = pick v2
        v4 = ref.is_null v3
        v5 = Eqz W32 v4
        br_if 3 v2 when v5
        drop v2
        v6 = caught_ref[]
        end v7
        br 1
        else
        end
        throw_on
        end
        end
        return",
    );
}

#[test]
fn labels_do_not_count_what_a_catch_opens() {
    expect(
        &format!(
            "(module {TAGS} (func (export \"\") (param i32)
            block
                try
                    i32.const 1
                    call $f
                catch $b
                    local.get 0
                    if
                        br 1
                    else
                        br 2
                    end
                end
            end))"
        ),
        "begin [I32] -> [] [I32]
        Block [] -> []
        Try [] -> []
        v0 = I32(1)
        [] = call func0 v0
        landing
        v1 = caught tag 1
        condition v1
        If [] -> []
        Block [] -> [Ref]
        v2 = I64(0)
        v3 = load I64 Caught+48 v2
        v4 = pick v3
        v5 = ref.is_null v4
        v6 = Eqz W32 v5
        br_if 4 v3 when v6
        drop v3
        v7 = caught_ref[]
        end v8
        v9 = local.get 0
        condition v9
        If [] -> []
        br 2
        else
        br 1
        end dead
        else
        end
        throw_on
        end
        end
        end
        return",
    );
}

#[test]
fn dead_code_in_and_around_regions_is_dropped() {
    expect(
        &format!(
            "(module {TAGS} (func (export \"\")
            try
                unreachable
                try i32.const 1 call $f catch $b catch_all end
            catch $b
                try i32.const 1 call $f delegate 0
            end
            unreachable
            (try_table (catch_all 0) (i32.const 1) (call $f))
            try
                i32.const 1
                call $f
            catch_all
                rethrow 0
            end))"
        ),
        "begin [] -> [] []
        Try [] -> []
        trap Unreachable
        landing dead
        end dead
        end dead",
    );
}
