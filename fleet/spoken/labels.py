"""Labels: what hosts are said to have, and tasks to need."""

from __future__ import annotations

from collections.abc import Iterable


def read_labels(said: Iterable[str]) -> tuple[str, ...]:
    """Each once, in the order given. Raises ValueError for what is no label."""
    return tuple(dict.fromkeys(_label(word) for word in said))


def _label(word: str) -> str:
    if not word.isprintable() or "," in word or len(word.split()) != 1:
        raise ValueError(f"a label must be one word without commas, such as gpu, not {word!r}")
    return word.strip()
