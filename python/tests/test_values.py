"""Values there and back, in calls in both directions."""

import math
import struct

import pytest

from wasmer_embed import Func, FuncType, Global, Reference, Table

TYPES = ["i32", "i64", "f32", "f64", "v128", "externref", "funcref", "anyref"]
IMPORTS = [f'(import "host" "{ty}" (func $host_{ty} (param {ty}) (result {ty})))' for ty in TYPES]
FUNCTIONS = [
    f'''(func (export "{ty}") (param {ty}) (result {ty}) (local.get 0))
    (func (export "host_{ty}") (param {ty}) (result {ty}) (call $host_{ty} (local.get 0)))'''
    for ty in TYPES
]
I31 = '(func (export "i31") (param i32) (result anyref) (ref.i31 (local.get 0)))'
IDENTITIES = f"(module {' '.join(IMPORTS + FUNCTIONS)} {I31})"

THINGS = object()

SAME = {
    "i32": [0, 1, -1, 2**31 - 1, -(2**31), True],
    "i64": [0, -1, 2**63 - 1, -(2**63)],
    "f32": [0.0, -1.5, math.inf, -math.inf, 2.0**-149],
    "f64": [0.0, 0.1, math.inf, 5e-324, 7],
    "v128": [bytes(range(16))],
    "externref": [None, THINGS, "text", [1, 2]],
    "funcref": [None],
    "anyref": [None],
}


@pytest.fixture
def identities(make):
    host = {ty: (lambda value: value) for ty in SAME}
    return make(IDENTITIES, {"host": host})


@pytest.mark.parametrize("ty", SAME)
@pytest.mark.parametrize("prefix", ["", "host_"])
def test_values_come_back(identities, ty, prefix):
    for value in SAME[ty]:
        back = identities[prefix + ty](value)
        assert back == value
        if ty == "externref":
            assert back is value


def test_unsigned_numbers_are_taken_and_signed_ones_come(identities):
    assert identities["i32"](2**32 - 1) == -1
    assert identities["i64"](2**64 - 1) == -1
    assert identities["i64"](2**63) == -(2**63)


@pytest.mark.parametrize("ty, value", [("i32", 2**32), ("i32", -(2**31) - 1), ("i64", 2**64), ("i64", -(2**63) - 1)])
def test_what_is_too_large_is_refused(identities, ty, value):
    with pytest.raises(OverflowError, match=f"not a value of type {ty}"):
        identities[ty](value)


@pytest.mark.parametrize(
    "ty, value", [("i32", 1.0), ("i32", "1"), ("i32", None), ("f64", "x"), ("v128", b"short"), ("funcref", len), ("anyref", 1)]
)
def test_what_is_of_another_type_is_refused(identities, ty, value):
    with pytest.raises(TypeError):
        identities[ty](value)
    with pytest.raises(TypeError):
        identities[ty]()
    with pytest.raises(TypeError):
        identities[ty](value, value)


def test_nan_and_rounding(identities):
    assert math.isnan(identities["f32"](math.nan)) and math.isnan(identities["f64"](math.nan))
    assert identities["f32"](0.1) == struct.unpack("f", struct.pack("f", 0.1))[0]


def test_functions_are_values(identities, store):
    twice = Func(store, lambda value: 2 * value, ["i32"], ["i32"])
    back = identities["host_funcref"](twice)
    assert back == twice and hash(back) == hash(twice) and back(21) == 42
    assert back.type == FuncType(("i32",), ("i32",))
    assert identities["i32"] == identities["i32"] != identities["i64"]


def test_objects_of_guests_are_kept_and_given_back(identities):
    number = identities["i31"](7)
    assert isinstance(number, Reference)
    assert isinstance(identities["host_anyref"](number), Reference)


def test_several_results_are_a_tuple(make):
    instance = make(
        """(module (import "host" "swap" (func $swap (param i32 f64) (result f64 i32)))
             (func (export "run") (param i32 f64) (result f64 i32) (call $swap (local.get 0) (local.get 1)))
             (func (export "nothing")))""",
        {"host": {"swap": lambda left, right: (right, left)}},
    )
    assert instance["run"](1, 2.5) == (2.5, 1)
    assert instance["nothing"]() is None


def test_a_callable_must_return_what_its_type_says(make):
    text = '(module (import "host" "f" (func $f (result i32 i32))) (func (export "run") (result i32 i32) (call $f)))'
    for returned in [None, 1, (1,), (1, 2, 3), (1, "2")]:
        with pytest.raises(TypeError):
            make(text, {"host": {"f": lambda returned=returned: returned}})["run"]()


def test_tables_hold_functions_and_objects(make, store):
    table = Table(store, "externref", 2, 4, init="first")
    assert [table[0], table[1], len(table)] == ["first", "first", 2]
    table[1] = THINGS
    assert table[1] is THINGS and table.grow(1) == 2 and table[2] is None
    assert table.type.element == "externref" and table.type.max == 4
    for use in [lambda: table[3], lambda: table.__setitem__(3, None)]:
        with pytest.raises(IndexError):
            use()
    with pytest.raises(OverflowError):
        table[-1]

    instance = make(
        '(module (table (export "t") 1 funcref) (func (export "call") (result i32) (call_indirect (result i32) (i32.const 0))))'
    )
    instance["t"][0] = Func(store, lambda: 42, [], ["i32"])
    assert instance["call"]() == 42 and instance["t"][0]() == 42
    with pytest.raises(TypeError):
        instance["t"][0] = "text"


def test_globals(make, store):
    mutable = Global(store, "i64", 5, mutable=True)
    instance = make(
        """(module (import "host" "g" (global $g (mut i64))) (global (export "fixed") f32 (f32.const 1.5))
             (func (export "add") (global.set $g (i64.add (global.get $g) (i64.const 1)))))""",
        {"host": {"g": mutable}},
    )
    instance["add"]()
    assert mutable.value == 6
    mutable.value = -1
    instance["add"]()
    assert mutable.value == 0 and mutable.type == ("i64", True)
    assert instance["fixed"].value == 1.5
    with pytest.raises(TypeError, match="immutable"):
        instance["fixed"].value = 2
