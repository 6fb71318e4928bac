"""A plugin with a function of the host, a limit of memory and a limit of time."""

from wasmer_embed import Engine, Instance, Module, Store, Timeout, Trap, takes_instance

# Usually a file: `Module.from_file(engine, "plugin.wasm")`.
PLUGIN = """
(module
  (import "host" "log" (func $log (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "hello from the plugin")
  (func (export "run") (result i32)
    (call $log (i32.const 0) (i32.const 21))
    ;; 1000 pages of 64 KiB are more than it may have: the result is -1.
    (memory.grow (i32.const 1000)))
  (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "spin") (loop (br 0))))
"""

lines = []


@takes_instance
def log(instance, address, length):
    """Address and length are the guest's: `read` raises `IndexError` if they are not inside its memory."""
    lines.append(instance["memory"].read(address, length).decode())


engine = Engine(cache=False)
module = Module(engine, PLUGIN)
store = Store(engine, limits={"memory_bytes_max": 16 << 20}, timeout=0.1)
plugin = Instance(store, module, {"host": {"log": log}})

assert plugin["run"]() == -1
assert lines == ["hello from the plugin"]
assert plugin["divide"](84, 2) == 42

try:
    plugin["divide"](1, 0)
except Trap as trap:
    assert trap.code == "integer divide by zero"
    assert trap.backtrace[0].function == 2

try:
    plugin["spin"]()
except Timeout:
    print("the plugin was ended")
