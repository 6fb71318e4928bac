"""What can go wrong. A value of the wrong type, or of another store, is a `TypeError`; what is out of range an `OverflowError` or `IndexError`."""

from __future__ import annotations

from ._types import Frame


class Error(Exception):
    """The base of everything here, and what is of no other class: no memory left, a damaged artifact, fuel where there is none."""


class CompileError(Error):
    """The module is malformed, invalid, or more than the compiler can do."""


class LinkError(Error):
    """Imports are missing or do not fit."""


class LimitError(Error):
    """A limit of the store forbids it: `limit` is its name, `asked` how much there would be, `allowed` how much there may be."""

    def __init__(self, message: str, limit: str, asked: int, allowed: int) -> None:
        super().__init__(message)
        self.limit = limit
        self.asked = asked
        self.allowed = allowed


class GuestError(Error):
    """A guest ended in the middle of a call. `backtrace` has its frames, innermost first; Python shows them below the message."""

    def __init__(self, message: str, backtrace: tuple[Frame, ...]) -> None:
        super().__init__(message)
        self.backtrace = backtrace


class Trap(GuestError):
    """The guest did what it must not do. `code` says what, in words that do not change: `"unreachable"`, `"out of bounds memory access"`."""

    def __init__(self, message: str, backtrace: tuple[Frame, ...], code: str) -> None:
        super().__init__(message, backtrace)
        self.code = code


class Interrupted(Trap):
    """The program ended the guest, by `Store.interrupt` or because a call took too long."""


class Timeout(Interrupted, TimeoutError):
    """The guest took longer than `Store.timeout`."""


class UncaughtException(GuestError):
    """The guest threw an exception that nothing caught."""


class Exit(Error):
    """The guest ended itself with a status, as programs for WASI do. Zero stands for success."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the guest exited with status {status}")
        self.status = status
