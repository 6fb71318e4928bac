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
        v5 = caught_ref[]
        br 1 v3 v4 v5
        else
        end
        throw_on
        end
        return
        end v6 v7 v8
        throw_ref[] v8
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
        "begin [I32] -> [I32] [I32]
        Try [] -> [I32]
        v0 = local.get 0
        [] = call func0 v0
        v1 = I32(5)
        landing
        v2 = caught tag 0
        condition v2
        If [] -> []
        v3 = caught_ref[]
        v4 = caught 0
        v5 = caught 1
        drop v5
        br 1 v4
        else
        end
        v6 = caught tag 1
        condition v6
        If [] -> []
        v7 = caught_ref[]
        Try [] -> []
        v8 = pick v7
        throw_ref[] v8
        throw_on 3
        landing
        v9 = caught_ref[]
        v10 = pick v7
        throw_ref[] v10
        throw_on
        end dead
        else
        end
        v11 = caught_ref[]
        v12 = pick v11
        throw_ref[] v12
        throw_on
        end v13
        end v13
        return v13",
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
        v1 = caught_ref[]
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
        v2 = caught_ref[]
        v3 = local.get 0
        condition v3
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
