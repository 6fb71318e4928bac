"""Types, as named tuples. Value types are their names in the text format: `"i32"`, `"i64"`, `"f32"`, `"f64"`, `"v128"`, `"funcref"`, `"externref"`."""

from __future__ import annotations

from typing import Callable, NamedTuple, TypedDict, TypeVar, Union


class FuncType(NamedTuple):
    """The types of a function's parameters and results."""

    params: tuple[str, ...]
    results: tuple[str, ...]


class MemoryType(NamedTuple):
    """A memory's size in pages, and what else is fixed when it is made."""

    min: int
    max: int | None
    shared: bool
    memory64: bool
    page_bytes: int


class TableType(NamedTuple):
    """What a table's elements are, and its size."""

    element: str
    min: int
    max: int | None
    table64: bool


class GlobalType(NamedTuple):
    """What a global holds, and whether that changes."""

    content: str
    mutable: bool


class TagType(NamedTuple):
    """What exceptions with a tag carry."""

    params: tuple[str, ...]


ExternType = Union[FuncType, MemoryType, TableType, GlobalType, TagType]


class ImportType(NamedTuple):
    """What a module imports."""

    module: str
    name: str
    type: ExternType


class ExportType(NamedTuple):
    """What a module exports."""

    name: str
    type: ExternType


class Frame(NamedTuple):
    """A call of a guest: the module's name, the function's number and name, and the offset in the module's bytes, as far as they are known."""

    module: str | None
    function: int
    name: str | None
    offset: int | None
    source: str | None


class Limits(TypedDict, total=False):
    """What the guests of a store may have at most. Counts are 10,000 unless said otherwise, and memory has no limit."""

    memory_bytes_max: int
    table_elements_max: int
    total_memory_bytes_max: int
    total_table_elements_max: int
    gc_heap_bytes_max: int
    total_bytes_max: int
    memories_max: int
    tables_max: int
    instances_max: int
    host_funcs_max: int


F = TypeVar("F", bound=Callable[..., object])


def takes_instance(callable: F) -> F:
    """Marks a function: guests call it with the instance that imported it before the other arguments, or `None` if it is no instance that calls.

    So it finds the memory of whoever calls, also while the instance is being made.
    """
    callable.__wasmer_takes_instance__ = True  # type: ignore[attr-defined]
    return callable
