"""A program for WASI, with arguments, a folder, and its output in memory."""

import sys

from wasmer_embed import Engine, Exit, Instance, Module, Output, Store, Wasi

engine = Engine(cache=True)
module = Module.from_file(engine, sys.argv[1])
output = Output(limit=1 << 20)
wasi = Wasi(
    args=["program", *sys.argv[2:]],
    env={"LANG": "C.UTF-8"},
    read_only_dirs={"/data": "."},
    stdout=output,
    stderr="inherit",
)
instance = Instance(Store(engine, wasi=wasi), module)
try:
    instance["_start"]()
except Exit as exit:
    print("status", exit.status)
print(output.text, end="")
