"""What was found out by looking at files, kept for as long as none of them is otherwise. Travels."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Stamp = tuple["tuple[int, int, int] | None", ...]

_TICK_NS = 20_000_000
"""A file system's clock may be that far behind."""


class LookedUp(Generic[Key, Value]):
    """By key; of more than `most`, those go that were found out first. Threads may ask at once: then two may find out
    the same."""

    def __init__(self, most: int = 500) -> None:
        self._most = most
        self._found: dict[Key, tuple[Value, Stamp]] = {}

    def get(self, key: Key, find: Callable[[], Value], looked_at: Callable[[Value], Sequence[Path]]) -> Value:
        """`looked_at` gives the files and directories on which what was found depends, also those that are not there.
        Raises as `find` does."""
        kept = self._found.get(key)
        if kept is not None and _stamp(looked_at(kept[0])) == kept[1]:
            return kept[0]
        began_ns = time.time_ns() - _TICK_NS
        value = find()
        stamp = _stamp(looked_at(value))
        if all(
            one is None or one[0] < began_ns for one in stamp
        ):  # else it may have changed since it was read
            self._found[key] = value, stamp
            for oldest in list(self._found)[: -self._most]:
                self._found.pop(oldest, None)
        return value


def _stamp(paths: Sequence[Path]) -> Stamp:
    return tuple(_seen(path) for path in paths)


def _seen(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
