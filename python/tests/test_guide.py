"""The programs of the guide."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import wasmer_embed
from wasmer_embed import wat2wasm

EXAMPLES = Path(__file__).parent.parent / "examples"
HELLO = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\06\\00\\00\\00")
  (data (i32.const 16) "hello\\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $exit (i32.const 3))))"""


@pytest.mark.parametrize("name", ["plugin", "memory"])
def test_example(name):
    runpy.run_path(EXAMPLES / f"{name}.py")


def test_example_for_wasi(tmp_path):
    program = tmp_path / "hello.wasm"
    program.write_bytes(wat2wasm(HELLO))
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-P", EXAMPLES / "wasi.py", program],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"WASMER_CACHE_DIR": str(tmp_path / "cache")},
        )
        assert (done.stdout, done.stderr, done.returncode) == ("status 3\nhello\n", "", 0)


def test_the_stubs_name_what_there_is():
    """Every public name of the classes stands in the stubs, and has documentation or is known to Python."""
    stubs = Path(wasmer_embed.__file__).with_name("_native.pyi").read_text()
    for name in wasmer_embed.__all__:
        thing = getattr(wasmer_embed, name)
        if thing.__doc__ is None and name != "ExternType":
            raise AssertionError(f"{name} has no documentation")
        if getattr(thing, "__module__", "") != "wasmer_embed" or not isinstance(thing, type):
            continue
        assert f"class {name}:" in stubs
        body = stubs.split(f"class {name}:")[1].split("@final")[0]
        for member in vars(thing):
            if not member.startswith("_"):
                assert f"def {member}(" in body or f"    {member}: " in body, f"{name}.{member}"
