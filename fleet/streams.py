"""Our standard output and error, which nothing that we call can write to.

Foreign code prints: a solver its banner, by the C library's `printf`; a library its warnings. So a process of Fleet's
keeps duplicates of descriptors 1 and 2 for itself and points 1 and 2 at nothing, from its beginning to its end.
Descriptors that are moved away only around a foreign call would lose the lines of our other threads meanwhile, and
would let out what the C library had buffered and writes at exit, or what a library's own thread prints later.
This is also the one edge at which text of others becomes printable (`workers/printable.py`): whatever is written here,
a log line, a table, a traceback, has no character that a terminal obeys, but for our own colours.
So our code prints by `out()` and `err()`, never by `print`, `sys.stdout` or `sys.stderr` (ruff holds it to that).
"""

from __future__ import annotations

import fcntl
import io
import os
import sys

from workers.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO, cast
else:

    def cast(_: str, value: object) -> object:
        """Importing typing takes longer than `fleet status` has."""
        return value


_OUT, _ERR = 1, 2
_ours: dict[int, Edge] = {}
_colours = "auto"


class Edge(io.TextIOBase):
    """What is written to it reaches `stream` printable. Whose `stream` is, closes it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(printable(text))
        return len(text)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        if not self._stream.closed:
            self._stream.flush()

    def close(self) -> None:
        """Nothing of its own: at the end of the process, too, when nobody may be left who reads."""

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


class _Ours(Edge):
    def close(self) -> None:
        self._stream.close()


def claim() -> None:
    """Makes standard output and error of this process ours alone; the second time it does nothing. What is written to
    one that is closed goes nowhere."""
    if _ours:
        return
    ours = {_OUT: _Ours(_private(sys.stdout, _OUT)), _ERR: _Ours(_private(sys.stderr, _ERR))}
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in ours:
        os.dup2(nothing, descriptor)
    if nothing > _ERR:
        os.close(nothing)
    _ours.update(ours)
    sys.excepthook = _tell_failure


def release() -> None:
    """Gives both back, for a program that this process becomes."""
    for descriptor, stream in _ours.items():
        _flush(stream)
        os.dup2(stream.fileno(), descriptor)
        stream.close()
    _ours.clear()
    sys.excepthook = sys.__excepthook__


def out() -> TextIO:
    """Where results go."""
    return _edge(_OUT, sys.stdout)


def err() -> TextIO:
    """Where remarks and logs go."""
    return _edge(_ERR, sys.stderr)


def _edge(descriptor: int, unclaimed: TextIO) -> TextIO:
    return cast("TextIO", _ours.get(descriptor) or (unclaimed and Edge(unclaimed)))


def ask_for_colours(how: str) -> None:
    """`always`, `never`, or `auto`: as the stream and the environment have it."""
    global _colours
    _colours = how


def colours(stream: TextIO) -> bool:
    """Whether what is written there has our colours: as was asked for (`--color`); else on a terminal that can, unless
    NO_COLOR is set (no-color.org)."""
    if _colours != "auto":
        return _colours == "always"
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def lent() -> tuple[int, int]:
    """The descriptors of both, for a program that talks to the person itself: what it would inherit is nothing."""
    return (_ours[_OUT].fileno(), _ours[_ERR].fileno()) if _ours else (_OUT, _ERR)


def flush() -> None:
    """Writes out what waits. Raises BrokenPipeError when the reader of standard output has gone."""
    if (ours := out()) is not None:  # Python has None in the place of one that is closed
        ours.flush()


def hush() -> None:
    """Whoever read our output has gone (`fleet task list | head`): that is no error, but must stay silent at exit."""
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123 (pathlib takes a third of the start of `fleet status`)
        os.dup2(nothing.fileno(), out().fileno())


def _private(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123
    _flush(stream)
    # Above the standard ones, also when one of those is free; no child inherits it.
    duplicate = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _ERR + 1)
    return os.fdopen(
        duplicate,
        "w",
        buffering=1 if stream.line_buffering else -1,
        encoding=stream.encoding,
        errors=stream.errors,
    )


def _flush(stream: TextIO | Edge) -> None:
    """Whoever reads it may have gone. (contextlib takes too much of the start of `fleet status`.)"""
    try:  # noqa: SIM105
        stream.flush()
    except OSError:
        pass


def _tell_failure(kind: type[BaseException], failed: BaseException, trace: TracebackType | None) -> None:
    from traceback import print_exception

    print_exception(kind, failed, trace, file=err())
