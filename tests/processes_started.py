"""Which processes a piece of code starts, told by the interpreter itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_STARTS = ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.fork", "os.forkpty", "os.system", "pty.spawn")
_listening: list[list[tuple[str, ...]]] = []
_hooked: list[bool] = []


@contextmanager
def processes_started() -> Iterator[list[tuple[str, ...]]]:
    """The command lines of those that are started in the block, in any thread; the name of the call where it gives
    none."""
    if not _hooked:
        _hooked.append(True)  # an audit hook stays for the life of the interpreter
        sys.addaudithook(_heard)
    found: list[tuple[str, ...]] = []
    _listening.append(found)
    try:
        yield found
    finally:
        _listening.remove(found)


def _heard(event: str, args: tuple[Any, ...]) -> None:
    if event in _STARTS and _listening:
        words = tuple(map(str, args[1])) if len(args) > 1 and isinstance(args[1], list | tuple) else (event,)
        for found in _listening:
            found.append(words)
