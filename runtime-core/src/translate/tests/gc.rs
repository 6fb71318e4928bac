//! What operators of garbage collection become.

use super::functions::expect;

const TYPES: &str = "(type $base (sub (struct (field (mut i32))))) (type $s (sub final $base (struct (field (mut i32)) (field (mut eqref)))))
    (type $a (array (mut i16)))";

#[test]
fn fields_are_places_in_the_heap() {
    expect(
        &format!(
            "(module {TYPES} (func (param (ref null $s) (ref $s)) (struct.set $s 1 (local.get 0) (struct.get $s 1 (local.get 1)))))"
        ),
        "begin [Ref, Ref] -> [] [Ref, Ref]
        v0 = local.get 0
        v1 = local.get 1
        v2 = load Int32 { signed: false } Objects+8 v1
        v3 = pick v0
        v4 = ref.is_null v3
        trap NullStructure if v4
        store Int32 Objects+8 v0 v2
        end
        return",
    );
}

#[test]
fn elements_are_checked() {
    expect(
        &format!(
            "(module {TYPES} (func (param (ref null $a) i32) (result i32) (array.get_s $a (local.get 0) (local.get 1))))"
        ),
        "begin [Ref, I32] -> [I32] [Ref, I32]
        v0 = local.get 0
        v1 = local.get 1
        v2 = pick v0
        v3 = ref.is_null v2
        trap NullArray if v3
        v4 = pick v1
        v5 = pick v0
        v6 = load I32 Headers+4 v5
        v7 = GeU W32 v4 v6
        trap ArrayOutOfBounds if v7
        v8 = I32(1)
        v9 = Shl W32 v1 v8
        v10 = ExtendU v9
        v11 = Add W64 v0 v10
        v12 = load Int16 { to: W32, signed: true } Objects+8 v11
        end v12
        return v12",
    );
}

#[test]
fn objects_are_whole_before_the_cursor_moves() {
    expect(
        &format!("(module {TYPES} (func (result (ref $a)) (i32.const 7) (array.new_fixed $a 1)))"),
        "begin [] -> [Ref] []
        v0 = I32(7)
        Block [I32] -> [Ref] v0
        Block [] -> [Ref]
        Block [] -> []
        v1 = I64(0)
        v2 = load I32 Cursor+56 v1
        v3 = pick v2
        v4 = I32(16)
        v5 = Add W32 v3 v4
        v6 = pick v5
        v7 = I64(0)
        v8 = load I32 Cursor+60 v7
        v9 = GtU W32 v6 v8
        br_if 3 when v9
        v10 = pick v2
        v11 = ExtendU v10
        v12 = I64(0)
        v13 = load I32 TypeIds+8 v12
        store I32 Headers+0 v11 v13
        v14 = pick v2
        v15 = ExtendU v14
        v16 = I32(1)
        store I32 Headers+4 v15 v16
        v17 = I64(0)
        v18 = pick v5
        store I32 Cursor+56 v17 v18
        drop v5
        v19 = ExtendU v2
        br 2 v19
        end
        v20 = heap_alloc[2, 16]
        v21 = pick v20
        v22 = I32(1)
        store I32 Headers+4 v21 v22
        end v23
        v24 = pick v23
        v25 = pick v0
        store Int16 { from: W32 } Objects+8 v24 v25
        br 1 v23
        end v26
        end v26
        return v26",
    );
}

#[test]
fn casts_ask_what_the_static_type_leaves_open() {
    let cast = |source: &str, target: &str| {
        format!("(module {TYPES} (func (param {source}) (result {target}) (ref.cast {target} (local.get 0))))")
    };
    expect(
        &cast("(ref $base)", "(ref $s)"),
        "begin [Ref] -> [Ref] [Ref]
        v0 = local.get 0
        v1 = pick v0
        v2 = load I32 Headers+0 v1
        v3 = I64(0)
        v4 = load I32 TypeIds+4 v3
        v5 = Eq W32 v2 v4
        v6 = Eqz W32 v5
        trap CastFailure if v6
        end v0
        return v0",
    );
    expect(
        &cast("anyref", "(ref null $base)"),
        "begin [Ref] -> [Ref] [Ref]
        v0 = local.get 0
        Block [] -> []
        v1 = pick v0
        v2 = ref.is_null v1
        br_if 1 when v2
        v3 = pick v0
        v4 = Wrap v3
        v5 = I32(1)
        v6 = And W32 v4 v5
        trap CastFailure if v6
        v7 = pick v0
        v8 = load I32 Headers+0 v7
        v9 = I32(268435455)
        v10 = And W32 v8 v9
        v11 = ExtendU v10
        v12 = I64(3)
        v13 = Shl W64 v11 v12
        v14 = load I32 Displays+0 v13
        v15 = I64(0)
        v16 = load I32 TypeIds+0 v15
        v17 = Eq W32 v14 v16
        v18 = Eqz W32 v17
        trap CastFailure if v18
        end
        end v0
        return v0",
    );
    // Null is no special case where it is not asked for, and a struct's header needs no mask.
    expect(
        &cast("(ref null $base)", "(ref $base)"),
        "begin [Ref] -> [Ref] [Ref]
        v0 = local.get 0
        v1 = pick v0
        v2 = load Int32 { signed: false } Headers+0 v1
        v3 = I64(3)
        v4 = Shl W64 v2 v3
        v5 = load I32 Displays+0 v4
        v6 = I64(0)
        v7 = load I32 TypeIds+0 v6
        v8 = Eq W32 v5 v7
        v9 = Eqz W32 v8
        trap CastFailure if v9
        end v0
        return v0",
    );
}

#[test]
fn a_cast_that_branches_carries_the_reference() {
    expect(
        &format!(
            "(module {TYPES} (func (param eqref) (result i31ref)
            (drop (block $l (result eqref) (br_on_cast_fail $l eqref (ref i31) (local.get 0)) (return)))
            (ref.null i31)))"
        ),
        "begin [Ref] -> [Ref] [Ref]
        Block [] -> [Ref]
        v0 = local.get 0
        v1 = pick v0
        v2 = Wrap v1
        v3 = I32(1)
        v4 = And W32 v2 v3
        v5 = Eqz W32 v4
        br_if 1 v0 when v5
        return v0
        end v6
        drop v6
        v7 = Null
        end v7
        return v7",
    );
}
