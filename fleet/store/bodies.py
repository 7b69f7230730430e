"""The JSON of stored bodies, read for a command that must start fast.

Importing `json` brings `re`, `enum` and `collections` along: 13 of the 71 ms of `fleet status` (30 November 2026).
CPython's scanner of it, in C, needs none of them. Whatever it does not read as one whole document is left to `json`,
and so is everything on a Python that has no such scanner.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class _AsJsonDoes:
    """The settings of `json.loads`."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__


def _scanner() -> Callable[[str, int], tuple[Any, int]]:
    try:
        from _json import make_scanner
    except ImportError:
        return lambda text, at: (None, -1)
    return make_scanner(_AsJsonDoes)  # type: ignore[arg-type]


_scan = _scanner()


def parsed(text: str) -> Any:
    """As `json.loads`, of text. Raises ValueError, RecursionError."""
    try:
        found, end = _scan(text, 0)
    except (ValueError, StopIteration):
        end = -1
    if end == len(text):
        return found
    import json

    return json.loads(text)
