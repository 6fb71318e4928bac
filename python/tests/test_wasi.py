"""WASI, by modules that call it themselves."""

import pytest

from wasmer_embed import Engine, Exit, Instance, Module, Output, Store, Wasi

WRITE = '(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))'
READ = '(import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))'
EXIT = '(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))'
GET = """
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $dir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
"""

# Copies its input to its output, writes to the other stream, and ends with a status.
CAT = f"""(module {WRITE} {READ} {EXIT} (memory (export "memory") 1)
  (data (i32.const 64) "done")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 4096))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 4))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $exit (i32.const 7))))"""

# Its own functions, for the test to call.
TOOLS = f"""(module {GET} (memory (export "memory") 1) (data (i32.const 32) "note.txt")
  (func (export "args") (result i32) (drop (call $args_sizes (i32.const 0) (i32.const 4))) (call $args (i32.const 256) (i32.const 1024)))
  (func (export "env") (result i32) (drop (call $env_sizes (i32.const 0) (i32.const 4))) (call $env (i32.const 256) (i32.const 1024)))
  (func (export "dir") (param i32 i32) (result i32) (call $dir (local.get 0) (i32.const 1024) (local.get 1)))
  (func (export "open") (param $fd i32) (param $flags i32) (param $rights i64) (result i32)
    (call $open (local.get $fd) (i32.const 0) (i32.const 32) (i32.const 8) (local.get $flags) (local.get $rights) (i64.const 0) (i32.const 0) (i32.const 0))))"""


def texts(memory):
    """What `args` and `env` leave: so many bytes of texts that end with zero."""
    count, size = memoryview(memory)[:8].cast("I")
    found = memory.read(1024, size).split(b"\0")[:-1]
    assert len(found) == count
    return found


def test_streams_and_status(engine, tmp_path):
    module = Module(engine, CAT)
    output, errors = Output(), Output(limit=2)
    for _ in range(2):
        store = Store(engine, wasi=Wasi(stdin=b"hello", stdout=output, stderr=errors))
        with pytest.raises(Exit) as caught:
            Instance(store, module)["_start"]()
        assert caught.value.status == 7
    assert output.text == "hellohello" and bytes(output) == b"hellohello"
    assert output.take() == b"hellohello" and output.take() == b"" and bytes(errors) == b"do"

    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"from a file")
    with open(source, "rb") as stdin, open(target, "wb") as stdout:
        wasi = Wasi(stdin=stdin, stdout=stdout)
    with pytest.raises(Exit):
        Instance(Store(engine, wasi=wasi), module)["_start"]()
    assert target.read_bytes() == b"from a file"


def test_arguments_and_environment(engine):
    wasi = Wasi(args=["program", "ä", ""], env={"A": "1", "B": ""})
    instance = Instance(Store(engine, wasi=wasi), Module(engine, TOOLS))
    assert instance["args"]() == 0 and texts(instance["memory"]) == [b"program", "ä".encode(), b""]
    assert instance["env"]() == 0 and texts(instance["memory"]) == [b"A=1", b"B="]
    instance = Instance(Store(engine, wasi=Wasi()), Module(engine, TOOLS))
    assert instance["args"]() == 0 and instance["env"]() == 0 and texts(instance["memory"]) == []


def test_folders(engine, tmp_path):
    (tmp_path / "note.txt").write_text("x")
    for setting, may_write in [("read_only_dirs", False), ("dirs", True)]:
        wasi = Wasi(**{setting: {"/data": tmp_path}})
        instance = Instance(Store(engine, wasi=wasi), Module(engine, TOOLS))
        assert instance["dir"](3, 5) == 0 and instance["memory"].read(1024, 5) == b"/data"
        assert instance["dir"](4, 5) != 0
        # To read it, and emptied to write it.
        assert instance["open"](3, 0, 1 << 1) == 0
        assert (instance["open"](3, 8, 1 << 6) == 0) == may_write
    assert (tmp_path / "note.txt").read_text() == ""


def test_wrong_settings_are_refused(engine, tmp_path):
    for wrong in [{"stdin": "text"}, {"stdout": "file"}, {"env": "all"}]:
        with pytest.raises(ValueError, match="inherit"):
            Wasi(**wrong)
    for wrong in [{"stdin": Output()}, {"stdout": b"x"}, {"stdout": 7}, {"args": 7}]:
        with pytest.raises(TypeError):
            Wasi(**wrong)
    with pytest.raises(Exception, match="nothing-here"):
        Store(engine, wasi=Wasi(dirs={"/": tmp_path / "nothing-here"}))
