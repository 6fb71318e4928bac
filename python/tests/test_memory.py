"""Memories and their views."""

import gc
import weakref

import pytest

from wasmer_embed import Engine, Instance, LimitError, Memory, Module, Store


def test_reading_and_writing(store):
    memory = Memory(store, 1, 3)
    assert (len(memory), memory.pages, memory.type.max) == (65536, 1, 3)
    memory.write(10, b"hello")
    memory.write(15, bytearray(b" world"))
    memory.write(21, memoryview(b"!"))
    assert memory.read(10, 12) == b"hello world!"
    assert memory.read(65536, 0) == b""
    for address, size in [(65536, 1), (65530, 7), (2**64 - 1, 2), (0, 65537)]:
        with pytest.raises(IndexError, match="not inside the memory"):
            memory.read(address, size)
    with pytest.raises(IndexError):
        memory.write(65535, b"ab")
    with pytest.raises(OverflowError):
        memory.read(-1, 1)


def test_a_view_is_the_memory(make):
    instance = make(
        """(module (memory (export "m") 1)
             (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
             (func (export "set") (param i32 i32) (i32.store8 (local.get 0) (local.get 1))))"""
    )
    view = memoryview(instance["m"])
    assert (view.format, view.itemsize, view.ndim, view.readonly, len(view)) == ("B", 1, 1, False, 65536)
    view[7] = 42
    assert instance["get"](7) == 42
    instance["set"](8, 43)
    assert view[8] == 43
    view.cast("I")[4] = 0x01020304
    assert instance["get"](16) == 4


def test_a_view_outlives_growth_and_everything_else(engine):
    store = Store(engine)
    memory = Memory(store, 1, 1000)
    view = memoryview(memory)
    view[65535] = 9
    assert memory.grow(900) == 1
    assert len(view) == 65536 and view[65535] == 9 and len(memory) == 901 * 65536
    wider = memoryview(memory)
    wider[900 * 65536] = 1
    view[0] = 5
    assert wider[0] == 5
    del memory, store
    gc.collect()
    assert view[65535] == 9 and wider[900 * 65536] == 1


def test_what_is_too_large_is_refused(engine, store):
    with pytest.raises(MemoryError, match="more than its type allows"):
        Memory(store, 1, 2).grow(2)
    with pytest.raises(LimitError) as caught:
        Memory(Store(engine, limits={"memory_bytes_max": 65536}), 2)
    assert (caught.value.limit, caught.value.asked, caught.value.allowed) == ("memory_bytes_max", 131072, 65536)


def test_a_shared_memory_can_be_read(store):
    memory = Memory(store, 1, 1, shared=True)
    memory.write(0, b"shared")
    assert bytes(memoryview(memory)[:6]) == b"shared" and memory.type.shared


def test_cycles_through_the_host_are_collected(engine):
    """A callable that looks into the memory of the instance that calls it: nearly every plugin has one."""

    class Host:
        pass

    def use():
        host = Host()
        module = Module(engine, '(module (import "h" "f" (func $f)) (memory (export "m") 1) (func (export "run") (call $f)))')
        instance = Instance(Store(engine), module, {"h": {"f": lambda: host.instance["m"].write(0, b"x")}})
        host.instance = instance
        instance["run"]()
        return weakref.ref(instance.store), weakref.ref(host)

    references = use()
    gc.collect()
    assert [reference() for reference in references] == [None, None]
