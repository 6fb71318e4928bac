"""What a call costs, from Python to WebAssembly and back, beside the package `wasmtime`.

pip install --target FOLDER wasmtime==50.0.1
PYTHONPATH=FOLDER python calls.py
"""

import time

import wasmer_embed

TEXT = """(module (import "h" "f" (func $f (param i32 i32) (result i32)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "many") (param $count i32) (result i32)
    (loop $next
      (drop (call $f (i32.const 1) (i32.const 2)))
      (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (local.get $count)))"""


def ours():
    engine = wasmer_embed.Engine()
    store = wasmer_embed.Store(engine)
    instance = wasmer_embed.Instance(store, wasmer_embed.Module(engine, TEXT), {"h": {"f": lambda left, right: left}})
    return instance["add"], instance["many"]


def theirs():
    import wasmtime

    store = wasmtime.Store()
    module = wasmtime.Module(store.engine, TEXT)
    i32 = wasmtime.ValType.i32()
    host = wasmtime.Func(store, wasmtime.FuncType([i32, i32], [i32]), lambda left, right: left)
    exports = wasmtime.Instance(store, module, [host]).exports(store)
    return (lambda left, right, add=exports["add"]: add(store, left, right)), (lambda count, many=exports["many"]: many(store, count))


def best(run, count):
    """Nanoseconds of processor time for one of so many, the best of seven."""
    times = []
    for _ in range(7):
        start = time.process_time_ns()
        run(count)
        times.append(time.process_time_ns() - start)
    return min(times) / count


def repeat(add):
    def run(count):
        for _ in range(count):
            add(1, 2)

    return run


def main():
    print(f"a call of a function of Python's: {best(repeat(lambda left, right: left), 100_000):.0f} ns")
    for name, make in [("wasmer-embed", ours), ("wasmtime", theirs)]:
        try:
            add, many = make()
        except ImportError:
            print(f"{name} is not installed")
            continue
        print(f"{name}: into a guest {best(repeat(add), 20_000):.0f} ns, out of it {best(many, 20_000):.0f} ns")


if __name__ == "__main__":
    main()
