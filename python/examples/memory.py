"""A guest's memory, without a copy."""

from wasmer_embed import Engine, Instance, Module, Store

engine = Engine()
module = Module(
    engine,
    """
    (module
      (memory (export "memory") 1)
      (func (export "sum") (param $at i32) (param $count i32) (result i32) (local $sum i32)
        (block $done
          (loop $next
            (br_if $done (i32.eqz (local.get $count)))
            (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (local.set $count (i32.sub (local.get $count) (i32.const 1)))
            (br $next)))
        (local.get $sum)))
    """,
)
instance = Instance(Store(engine), module)
memory = instance["memory"]

view = memoryview(memory)
view[16:20] = bytes([1, 2, 3, 4])
assert instance["sum"](16, 4) == 10

# A view keeps the length that the memory had.
assert memory.grow(1) == 1
assert len(view) == 65536 and len(memory) == 131072
memory.write(65536, b"behind the view's end")
assert memory.read(65536, 6) == b"behind"
