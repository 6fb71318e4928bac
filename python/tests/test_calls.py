"""Errors, reentrance, threads, interrupts and limits."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from wasmer_embed import (
    CompileError,
    Engine,
    Error,
    Func,
    Instance,
    Interrupted,
    LimitError,
    LinkError,
    Memory,
    Module,
    Store,
    Timeout,
    Trap,
    UncaughtException,
    takes_instance,
    validate,
    wat2wasm,
)

SPIN = '(module (func $spin (export "spin") (loop (br 0))) (func (export "one") (result i32) (i32.const 1)))'


def test_a_trap_says_where(make):
    instance = make('(module $math (func $inner (unreachable)) (func $outer (export "run") (call $inner)))')
    with pytest.raises(Trap) as caught:
        instance["run"]()
    trap = caught.value
    assert trap.code == "unreachable" and str(trap) == "wasm trap: unreachable"
    assert [(frame.module, frame.name, frame.function) for frame in trap.backtrace] == [("math", "inner", 0), ("math", "outer", 1)]
    assert all(frame.offset for frame in trap.backtrace)
    assert "math!inner" in trap.__notes__[0]


def test_an_exception_of_the_host_passes_through(make):
    class Mine(Exception):
        pass

    def fail():
        raise Mine("own")

    instance = make('(module (import "h" "f" (func $f)) (func $go (export "run") (call $f)))', {"h": {"f": fail}})
    with pytest.raises(Mine) as caught:
        instance["run"]()
    assert caught.value.args == ("own",) and "go" in caught.value.__notes__[0]
    assert caught.traceback[-1].name == "fail"


def test_an_exception_of_a_guest_is_one_here(make):
    instance = make('(module (tag $t (param i32)) (func (export "run") (throw $t (i32.const 7))))')
    with pytest.raises(UncaughtException, match="7"):
        instance["run"]()


def test_wrong_modules_are_refused(engine):
    for wrong in [b"", b"\0asm", b"text", "(module", "(module (func (result i32)))"]:
        with pytest.raises(CompileError):
            Module(engine, wrong)
        with pytest.raises(CompileError):
            validate(engine, wrong)
    with pytest.raises(TypeError, match="bytes"):
        Module(engine, 7)
    assert validate(engine, wat2wasm("(module)")) is None


def test_missing_imports_are_all_named(make, engine):
    text = """(module (import "a" "b" (func)) (import "a" "c" (memory 1)) (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))))"""
    with pytest.raises(LinkError, match=r"`a.b` \(a function\), `a.c` \(a memory\).*\nhint: .*Wasi"):
        make(text, {"a": {}})
    with pytest.raises(TypeError, match="`a.c` is a memory, and int is given"):
        make(text, {"a": {"b": print, "c": 7}})
    with pytest.raises(LinkError, match="expected"):
        make('(module (import "a" "b" (func (param i32))))', {"a": {"b": Func(make("(module)").store, print)}})
    with pytest.raises(TypeError, match="another store"):
        make('(module (import "a" "m" (memory 1)))', {"a": {"m": Memory(Store(engine), 1)}})


def test_instances_are_imports(make):
    exporter = make('(module (func (export "f") (result i32) (i32.const 42)) (memory (export "m") 1))')
    assert list(exporter) == ["f", "m"] and len(exporter) == 2 and "f" in exporter and "x" not in exporter
    assert set(exporter.exports) == {"f", "m"} and exporter.exports["f"] == exporter["f"]
    importer = make('(module (import "lib" "f" (func $f (result i32))) (export "g" (func $f)))', {"lib": exporter})
    assert importer["g"]() == 42
    with pytest.raises(KeyError):
        exporter["x"]


def test_modules_say_what_they_are(engine):
    text = """(module $named (import "a" "b" (func (param i32) (result f32))) (memory (export "m") 1 2) (global (export "g") (mut i64) (i64.const 0))
        (table (export "t") 3 funcref) (tag (export "e") (param i32)))"""
    module = Module(engine, text)
    assert module.name == "named"
    [imported] = module.imports
    assert imported == ("a", "b", (("i32",), ("f32",)))
    assert [(export.name, type(export.type).__name__) for export in module.exports] == [
        ("m", "MemoryType"), ("g", "GlobalType"), ("t", "TableType"), ("e", "TagType"),
    ]
    assert module.exports[0].type.max == 2 and module.exports[0].type.page_bytes == 65536
    again = Module.deserialize(engine, module.serialize())
    assert again.exports == module.exports
    with pytest.raises(Error):
        Module.deserialize(engine, b"no artifact")


def test_a_callable_can_use_the_store_that_called_it(make):
    depths = []

    @takes_instance
    def recurse(instance, depth):
        depths.append(depth)
        instance["memory"].write(0, bytes([depth]))
        assert memoryview(instance["memory"])[0] == depth
        return instance["run"](depth - 1) if depth else 0

    instance = make(
        """(module (import "h" "f" (func $f (param i32) (result i32))) (memory (export "memory") 1)
             (func (export "run") (param i32) (result i32) (i32.add (i32.const 1) (call $f (local.get 0)))))""",
        {"h": {"f": recurse}},
    )
    assert instance["run"](20) == 21 and depths == list(range(20, -1, -1))


def test_takes_instance_is_there_in_a_start_function(make):
    seen = []

    @takes_instance
    def start(instance):
        seen.append(instance["memory"].read(0, 2))

    make('(module (import "h" "f" (func $f)) (memory (export "memory") 1) (data (i32.const 0) "ok") (start $f) )'.replace("(start $f)", "(func $s (call $f)) (start $s)"), {"h": {"f": start}})
    assert seen == [b"ok"]


def test_other_threads_run_meanwhile_and_may_interrupt(make, store):
    instance = make(SPIN)
    ticks = []

    def other():
        for _ in range(20):
            ticks.append(time.monotonic())
            time.sleep(0.001)
        # The store itself is in use.
        for use in [lambda: instance["one"](), lambda: store.gc()]:
            with pytest.raises(RuntimeError, match="being used"):
                use()
        ticks.append("refused")
        store.interrupt()

    thread = threading.Thread(target=other)
    thread.start()
    with pytest.raises(Interrupted) as caught:
        instance["spin"]()
    thread.join()
    assert ticks[-1] == "refused" and not isinstance(caught.value, Timeout) and caught.value.backtrace[0].name == "spin"
    with pytest.raises(Interrupted):
        instance["one"]()
    store.clear_interrupt()
    assert instance["one"]() == 1


def test_many_threads_have_stores_of_their_own(engine):
    module = Module(engine, '(module (import "h" "f" (func $f (param i32) (result i32))) (func (export "run") (param i32) (result i32) (call $f (local.get 0))))')
    results = []

    def work(number):
        instance = Instance(Store(engine), module, {"h": {"f": lambda value: value + number}})
        results.append(sum(instance["run"](value) for value in range(200)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(results) == [sum(range(200)) + 200 * number for number in range(8)]


def test_a_call_may_take_so_long(engine):
    store = Store(engine, timeout=0.02)
    instance = Instance(store, Module(engine, SPIN))
    for _ in range(2):
        with pytest.raises(TimeoutError) as caught:
            instance["spin"]()
        assert isinstance(caught.value, Timeout) and caught.value.backtrace[0].name == "spin"
    assert instance["one"]() == 1 and store.timeout == 0.02
    store.timeout = None
    assert store.timeout is None
    with pytest.raises(ValueError):
        store.timeout = -1


def test_fuel(engine):
    engine = Engine(backend=engine.backend, fuel=True)
    store = Store(engine, fuel=1000)
    instance = Instance(store, Module(engine, SPIN))
    assert instance["one"]() == 1 and 0 < store.fuel < 1000
    with pytest.raises(Trap) as caught:
        instance["spin"]()
    assert caught.value.code == "ran out of fuel"
    store.fuel = 10
    store.add_fuel(90)
    assert store.fuel == 100


def test_limits_and_settings_are_checked(engine):
    with pytest.raises(TypeError, match="no limit `memory`; there are memory_bytes_max"):
        Store(engine, limits={"memory": 1})
    with pytest.raises(ValueError, match="no feature `x`"):
        Engine(features={"x": True})
    with pytest.raises(Error, match="unknown backend `gcc`"):
        Engine(backend="gcc")
    with pytest.raises(CompileError, match="simd"):
        Module(Engine(backend=engine.backend, features={"simd": False}), "(module (func (result v128) (v128.const i32x4 0 0 0 0)))")
    with pytest.raises(LimitError):
        store = Store(engine, limits={"instances_max": 1})
        module = Module(engine, "(module)")
        Instance(store, module), Instance(store, module)


def test_a_cache_finds_modules_again(engine, tmp_path):
    path = tmp_path / "module.wasm"
    path.write_bytes(wat2wasm(SPIN))
    cache = tmp_path / "cache"
    for _ in range(2):
        module = Module.from_file(Engine(backend=engine.backend, cache=cache), path)
        assert Instance(Store(engine), module)["one"]() == 1
    assert len(list((cache / "artifacts").iterdir())) == 1
    with pytest.raises(Error, match="could not read"):
        Module.from_file(engine, tmp_path / "nothing.wasm")


def processor_time(process):
    """In units of the system's clock."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


@contextmanager
def spinning(program):
    """Starts a program that prints its process's number when a guest is about to run, and waits until that does."""
    program = f"import os\nfrom wasmer_embed import *\nSPIN = {SPIN!r}\n" + textwrap.dedent(program)
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
        # A process in the background of a shell ignores the signal, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        number = int(process.stdout.readline())
        before = processor_time(number)
        while processor_time(number) < before + 10:
            time.sleep(0.01)
        os.kill(number, signal.SIGINT)
        yield process
    finally:
        # With the children that it may have.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("handler", ["pass", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"])
def test_control_c_ends_a_guest(handler):
    program = f"""
        engine = Engine(backend="singlepass")
        instance = Instance(Store(engine), Module(engine, SPIN))
        instance["one"]()
        {handler}
        try:
            print(os.getpid(), flush=True)
            instance["spin"]()
        except KeyboardInterrupt:
            print("interrupted", instance["one"]())
        """
    with spinning(program) as process:
        assert process.communicate(timeout=60)[0] == "interrupted 1\n" and process.returncode == 0


def test_control_c_ends_a_guest_below_a_callable_and_in_a_child():
    program = """
        engine = Engine(backend="singlepass")
        inner = Instance(Store(engine), Module(engine, SPIN))
        text = '(module (import "h" "f" (func $f)) (func (export "run") (call $f)))'
        outer = Instance(Store(engine), Module(engine, text), {"h": {"f": lambda: inner["spin"]()}})
        inner["one"]()
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        else:
            try:
                print(os.getpid(), flush=True)
                outer["run"]()
            except KeyboardInterrupt:
                print("interrupted", inner["one"](), flush=True)
        """
    with spinning(program) as process:
        assert process.communicate(timeout=60)[0] == "interrupted 1\n"
