"""Run WebAssembly modules in Python programs.

>>> from wasmer_embed import Engine, Instance, Module, Store
>>> engine = Engine()
>>> module = Module(engine, '(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))')
>>> instance = Instance(Store(engine), module)
>>> instance["add"](2, 40)
42

An `Engine` is a compiler with its settings, a `Module` compiled code; both may be used by all threads. A `Store` owns instances and what they share; one thread
at a time uses it. What goes wrong is an exception: see `Error` and its subclasses.
"""

from ._errors import (
    CompileError,
    Error,
    Exit,
    GuestError,
    Interrupted,
    LimitError,
    LinkError,
    Timeout,
    Trap,
    UncaughtException,
)
from ._native import (
    Engine,
    Func,
    Global,
    Instance,
    Memory,
    Module,
    Output,
    Reference,
    Store,
    Table,
    Tag,
    Wasi,
    validate,
    wat2wasm,
)
from ._types import (
    ExportType,
    ExternType,
    Frame,
    FuncType,
    GlobalType,
    ImportType,
    Limits,
    MemoryType,
    TableType,
    TagType,
    takes_instance,
)

__all__ = [
    "CompileError",
    "Engine",
    "Error",
    "Exit",
    "ExportType",
    "ExternType",
    "Frame",
    "Func",
    "FuncType",
    "Global",
    "GlobalType",
    "GuestError",
    "ImportType",
    "Instance",
    "Interrupted",
    "LimitError",
    "Limits",
    "LinkError",
    "Memory",
    "MemoryType",
    "Module",
    "Output",
    "Reference",
    "Store",
    "Table",
    "TableType",
    "Tag",
    "TagType",
    "Timeout",
    "Trap",
    "UncaughtException",
    "Wasi",
    "takes_instance",
    "validate",
    "wat2wasm",
]
